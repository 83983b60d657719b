"""Looking at what passes: levels, and the samples themselves."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from zerocross.compiler import record_at
from zerocross.dsp.loudness import LOUDNESS, Loudness, loudness_block
from zerocross.graph.decorator import processor
from zerocross.sync.tap import TAP, tap_write
from zerocross.sync.tap import Tap as SampleTap

__all__ = ["LoudnessMeter", "Meter", "Tap"]

_SILENCE_DB = -200.0


@processor
class Meter:
    """Measures peak and RMS of each channel and lets everything pass.

    The peak falls by 20 dB in 1.7 s (IEC 60268-10, type I); the RMS is the root of the power
    smoothed with a time constant of 300 ms.
    """

    def prepare(self, sample_rate: float, channels: int, max_block: int) -> None:
        self.peak = np.zeros(channels)
        self.power = np.zeros(channels)

    def process(self, block: Any) -> None:
        fall = math.exp(-20.0 / 1.7 / 8.685889638065035 / block.sample_rate)
        pole = math.exp(-1.0 / (0.3 * block.sample_rate))
        for c in range(block.channels):
            peak, power = self.peak[c], self.power[c]
            for i in range(block.frames):
                x = np.float64(block.input[c, i])
                peak = max(peak * fall, abs(x))
                power = x * x + pole * (power - x * x)
                block.output[c, i] = block.input[c, i]
            self.peak[c], self.power[c] = peak, power

    @property
    def peak_dbfs(self) -> list[float]:
        """Peak level of each channel in dBFS, not below -200."""
        return [_decibels(x) for x in self.peak]

    @property
    def rms_dbfs(self) -> list[float]:
        """RMS level of each channel in dBFS (a full-scale sine reads -3.01), not below -200."""
        return [_decibels(math.sqrt(x)) for x in self.power]


def _decibels(value: float) -> float:
    return max(_SILENCE_DB, 20.0 * math.log10(max(float(value), 1e-30)))


@processor
class Tap:
    """Keeps the last frames that passed, for analysers on other threads (`sync.Tap`).

    Parameters
    ----------
    frames : int
        How many can be looked back on.

    """

    address: int = 0

    def __init__(self, frames: int = 65_536) -> None:
        self._frames = frames

    def prepare(self, sample_rate: float, channels: int, max_block: int) -> None:
        self._tap = SampleTap(self._frames, channels)
        self.address = self._tap.record.address

    def process(self, block: Any) -> None:
        for c in range(block.channels):
            for i in range(block.frames):
                block.output[c, i] = block.input[c, i]
        tap_write(record_at(self.address, TAP), block.output, block.frames)

    @property
    def tap(self) -> SampleTap:
        """What is looked at; there once the chain is prepared."""
        return self._tap


@processor
class LoudnessMeter:
    """Measures loudness (`dsp.loudness`) and true peaks of what passes."""

    address: int = 0

    def prepare(self, sample_rate: float, channels: int, max_block: int) -> None:
        self._meter = Loudness(round(sample_rate), channels)
        self.address = self._meter.record.address

    def process(self, block: Any) -> None:
        for c in range(block.channels):
            for i in range(block.frames):
                block.output[c, i] = block.input[c, i]
        loudness_block(record_at(self.address, LOUDNESS), block.output, block.frames)

    @property
    def loudness(self) -> Loudness:
        """What to read; there once the chain is prepared."""
        return self._meter
