"""Looking at what passes: levels, and the samples themselves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from zerocross.compiler import record_at
from zerocross.dsp.bs1770 import LOUDNESS, measure_loudness
from zerocross.dsp.decibels import DB_PER_NEPER
from zerocross.dsp.peaks import FALL_DB_PER_SECOND
from zerocross.dsp.r128 import Loudness
from zerocross.graph.decorator import processor
from zerocross.sync.tap import TAP, Tap, tap_write
from zerocross.units import checked_flag, checked_whole, gain_to_db

__all__ = ["LoudnessMeter", "Meter", "TapPoint"]

_SILENCE_DB = -200.0
_MAX_FRAMES = 1 << 26


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
        fall = math.exp(-FALL_DB_PER_SECOND / DB_PER_NEPER / block.sample_rate)
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
    return max(_SILENCE_DB, gain_to_db(float(value)))


@processor
class TapPoint:
    """Keeps the last frames that passed, for analysers on other threads (`sync.Tap`).

    Parameters
    ----------
    frames : int
        How many can be looked back on.

    """

    address: int = 0

    def __init__(self, frames: int = 65_536) -> None:
        self._frames = checked_whole("frames", frames, 1, _MAX_FRAMES)

    def prepare(self, sample_rate: float, channels: int, max_block: int) -> None:
        self._tap = Tap(self._frames, channels)
        self.address = self._tap.record.address

    def process(self, block: Any) -> None:
        for c in range(block.channels):
            for i in range(block.frames):
                block.output[c, i] = block.input[c, i]
        tap_write(record_at(self.address, TAP), block.output, block.frames)

    @property
    def tap(self) -> Tap:
        """What is looked at; there once the chain is prepared."""
        return self._tap


@processor
class LoudnessMeter:
    """Measures loudness (`dsp.r128`) and true peaks of what passes.

    Parameters
    ----------
    order : sequence of str or None
        Each channel's position, of `dsp.channels.POSITIONS`; None for the order of WAV and FLAC.
    dual_mono : bool
        Whether mono counts twice (+3.01 LU), as it does when stereo plays it.

    """

    address: int = 0

    def __init__(self, order: Sequence[str] | None = None, dual_mono: bool = False) -> None:
        self._order, self._dual_mono = order, checked_flag("dual_mono", dual_mono)

    def prepare(self, sample_rate: float, channels: int, max_block: int) -> None:
        self._meter = Loudness(
            round(sample_rate), channels, order=self._order, dual_mono=self._dual_mono
        )
        self.address = self._meter.record.address

    def process(self, block: Any) -> None:
        for c in range(block.channels):
            for i in range(block.frames):
                block.output[c, i] = block.input[c, i]
        measure_loudness(record_at(self.address, LOUDNESS), block.output, block.frames)

    @property
    def loudness(self) -> Loudness:
        """What to read; there once the chain is prepared."""
        return self._meter
