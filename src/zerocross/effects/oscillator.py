"""An instrument: one tone."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from zerocross.engine.processor import param, processor

__all__ = ["Oscillator"]


@processor(instrument=True)
class Oscillator:
    """A sine on all channels, added to nothing: its input is not heard."""

    frequency: float = param(440.0, 1.0, 20_000.0, "Hz")
    gain_db: float = param(-12.0, -120.0, 0.0, "dB")
    phase: float = 0.0

    def process(self, block: Any) -> None:
        step = 2.0 * math.pi * self.frequency / block.sample_rate
        gain = math.exp(self.gain_db / 8.685889638065035)
        for i in range(block.frames):
            sample = np.float32(gain * math.sin(self.phase))
            for c in range(block.channels):
                block.output[c, i] = sample
            self.phase = (self.phase + step) % (2.0 * math.pi)
