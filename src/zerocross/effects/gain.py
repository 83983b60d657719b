"""Gain and panorama."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from zerocross.dsp.decibels import gain_of_db
from zerocross.graph.decorator import processor
from zerocross.graph.params import param

__all__ = ["Gain", "Pan"]


@processor
class Gain:
    """All channels times a gain in dB."""

    gain_db: float = param(0.0, -120.0, 24.0, "dB")

    def process(self, block: Any) -> None:
        gain = np.float32(gain_of_db(self.gain_db))
        for c in range(block.channels):
            for i in range(block.frames):
                block.output[c, i] = gain * block.input[c, i]


@processor
class Pan:
    """Stereo balance of equal power: -1 is left, 0 the middle (unchanged), 1 right.

    Each side is turned down as the other's share grows: ``sqrt(2) cos`` and ``sqrt(2) sin`` of a
    quarter turn, but not above 1. Channels beyond the second pass.
    """

    pan: float = param(0.0, -1.0, 1.0)

    def process(self, block: Any) -> None:
        angle = (self.pan + 1.0) * math.pi / 4.0
        left = np.float32(min(1.0, math.sqrt(2.0) * math.cos(angle)))
        right = np.float32(min(1.0, math.sqrt(2.0) * math.sin(angle)))
        for c in range(block.channels):
            gain = np.float32(1.0)
            if block.channels > 1 and c == 0:
                gain = left
            elif c == 1:
                gain = right
            for i in range(block.frames):
                block.output[c, i] = gain * block.input[c, i]
