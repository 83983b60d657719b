"""Gain, panorama and balance."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from zerocross.compiler import kernel
from zerocross.dsp.decibels import db_to_gain
from zerocross.graph.decorator import processor
from zerocross.graph.params import param
from zerocross.graph.processor import set_fields
from zerocross.units import checked_flag

__all__ = ["Balance", "Gain", "Pan"]


@processor
class Gain:
    """All channels times a gain in dB."""

    gain_db: float = param(0.0, -120.0, 24.0, "dB")

    def process(self, block: Any) -> None:
        gain = np.float32(db_to_gain(self.gain_db))
        for c in range(block.channels):
            for i in range(block.frames):
                block.output[c, i] = gain * block.input[c, i]


@processor
class Pan:
    """Places what it gets between left (-1) and right (1), by equal power; 0 is the middle.

    The equal-power panning of the Web Audio API (StereoPannerNode). Of a stereo signal one side
    keeps its place and the other wanders there: to the left, ``cos(p pi / 2)`` of the right side
    stays and ``sin(p pi / 2)`` of it is heard on the left, whose squares add up to 1. Nothing of
    either side is lost, as it is by `Balance`; the middle leaves everything unchanged. What both
    sides have alike adds up there, so that it is louder at the ends by 3 dB of power.

    Parameters
    ----------
    mono : bool
        The mean of both sides is placed, ``cos`` and ``sin`` of a quarter turn: a mono source keeps
        its power on all places, 3 dB below full scale on each side in the middle.

    Notes
    -----
    A single channel passes, and so do channels beyond the second.

    """

    pan: float = param(0.0, -1.0, 1.0)
    mono: int = 0

    def __init__(self, *, mono: bool = False, **values: float) -> None:
        self.mono = int(checked_flag("mono", mono))
        set_fields(self, values)

    def process(self, block: Any) -> None:
        first = 0
        if block.channels > 1:
            first = 2
            if self.mono != 0:
                _place_mono(block, self.pan)
            else:
                _place_stereo(block, self.pan)
        for c in range(first, block.channels):
            for i in range(block.frames):
                block.output[c, i] = block.input[c, i]


@kernel
def _place_mono(block: Any, pan: Any) -> None:
    """Place the mean of both sides. Real-time: safe."""
    angle = (pan + 1.0) * math.pi / 4.0
    left, right = np.float32(math.cos(angle)), np.float32(math.sin(angle))
    for i in range(block.frames):
        x = np.float32(0.5) * (block.input[0, i] + block.input[1, i])
        block.output[0, i] = left * x
        block.output[1, i] = right * x


@kernel
def _place_stereo(block: Any, pan: Any) -> None:
    """Let the side that is farther off wander to the nearer one. Real-time: safe."""
    angle = abs(pan) * math.pi / 2.0
    stays, goes = np.float32(math.cos(angle)), np.float32(math.sin(angle))
    near, far = (0, 1) if pan < 0.0 else (1, 0)
    for i in range(block.frames):
        x = block.input[far, i]
        block.output[near, i] = block.input[near, i] + goes * x
        block.output[far, i] = stays * x


@processor
class Balance:
    """Turns one side of a stereo signal down: -1 leaves the left, 0 both unchanged, 1 the right.

    Each side's gain is ``sqrt(2) cos`` or ``sqrt(2) sin`` of a quarter turn, but not above 1: what
    was only on the other side is gone (`Pan` would move it). Channels beyond the second pass.
    """

    balance: float = param(0.0, -1.0, 1.0)

    def process(self, block: Any) -> None:
        angle = (self.balance + 1.0) * math.pi / 4.0
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
