"""Compressor, gate, limiter."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from zerocross import units
from zerocross.compiler import kernel, record_at
from zerocross.dsp.decibels import db_to_gain, gain_to_db
from zerocross.dsp.limiter import LIMITER, limit, make_limiter
from zerocross.graph.decorator import processor
from zerocross.graph.params import param
from zerocross.units import checked_flag, checked_number

__all__ = ["Compressor", "Gate", "Limiter"]

#: Frames that are turned down at a time.
_PIECE = 64


@kernel
def _peaks(block: Any, start: Any, frames: Any, peaks: Any) -> None:
    """Find the largest magnitude among a frame's channels. Real-time: safe."""
    for i in range(frames):
        peak = np.float32(0.0)
        for c in range(block.channels):
            peak = max(peak, abs(block.input[c, start + i]))
        peaks[i] = np.float64(peak)


@kernel
def _turn_down(block: Any, start: Any, frames: Any, gains: Any) -> None:
    """Give every frame its gain. Real-time: safe."""
    for i in range(frames):
        gain = np.float32(gains[i])
        for c in range(block.channels):
            block.output[c, start + i] = gain * block.input[c, start + i]


@processor
class Compressor:
    """Turns down what is louder than a threshold; all channels share one gain.

    The gain computer with a soft knee and the smoothing of the gain in dB with separate attack
    and release are those of Giannoulis, Massberg and Reiss (JAES 60, 2012), equations 4 and 16.
    """

    threshold_db: float = param(-18.0, -80.0, 0.0, "dB")
    ratio: float = param(4.0, 1.0, 100.0)
    knee_db: float = param(6.0, 0.0, 40.0, "dB")
    attack_ms: float = param(5.0, 0.05, 500.0, "ms")
    release_ms: float = param(100.0, 1.0, 5000.0, "ms")
    makeup_db: float = param(0.0, -24.0, 24.0, "dB")
    reduction_db: float = 0.0

    def prepare(self, sample_rate: float, channels: int, max_block: int) -> None:
        self.curve = np.zeros(_PIECE)

    def process(self, block: Any) -> None:
        attack = math.exp(-1000.0 / (self.attack_ms * block.sample_rate))
        release = math.exp(-1000.0 / (self.release_ms * block.sample_rate))
        slope, knee = 1.0 / self.ratio - 1.0, self.knee_db
        threshold, makeup, curve = self.threshold_db, self.makeup_db, self.curve
        # A loop for each step: those that look at nothing before become vectors.
        for start in range(0, block.frames, _PIECE):
            frames = min(_PIECE, block.frames - start)
            _peaks(block, start, frames, curve)
            for i in range(frames):
                over = gain_to_db(max(curve[i], 1e-9)) - threshold
                bend = over + knee / 2.0
                bent = slope * bend * bend / (2.0 * knee) if 2.0 * over > -knee else 0.0
                curve[i] = slope * over if 2.0 * over > knee else bent
            now = self.reduction_db
            for i in range(frames):
                wanted = curve[i]
                pole = attack if wanted < now else release
                now = wanted + pole * (now - wanted)
                curve[i] = now
            self.reduction_db = now
            for i in range(frames):
                curve[i] = db_to_gain(curve[i] + makeup)
            _turn_down(block, start, frames, curve)


@processor
class Gate:
    """Turns down what is quieter than a threshold, after holding on for a while.

    It opens at the threshold; once open, it stays so as long as peaks come within ``hold_ms`` of each
    other that are at most ``hysteresis_db`` quieter, so that a tone that dies away about the
    threshold does not flutter. A hold as long as half a period of the lowest tone bridges its zeros.
    """

    threshold_db: float = param(-50.0, -100.0, 0.0, "dB")
    hysteresis_db: float = param(0.0, 0.0, 40.0, "dB")
    range_db: float = param(-80.0, -120.0, 0.0, "dB")
    attack_ms: float = param(1.0, 0.05, 100.0, "ms")
    hold_ms: float = param(50.0, 0.0, 1000.0, "ms")
    release_ms: float = param(100.0, 1.0, 5000.0, "ms")
    gain: float = 0.0
    held: int = 0

    def prepare(self, sample_rate: float, channels: int, max_block: int) -> None:
        self.curve = np.zeros(_PIECE)

    def process(self, block: Any) -> None:
        opens = db_to_gain(self.threshold_db)
        closes = db_to_gain(self.threshold_db - self.hysteresis_db)
        closed = db_to_gain(self.range_db)
        attack = math.exp(-1000.0 / (self.attack_ms * block.sample_rate))
        release = math.exp(-1000.0 / (self.release_ms * block.sample_rate))
        hold, curve = int(self.hold_ms * block.sample_rate / 1000.0), self.curve
        for start in range(0, block.frames, _PIECE):
            frames = min(_PIECE, block.frames - start)
            _peaks(block, start, frames, curve)
            now, held = self.gain, self.held
            for i in range(frames):
                least = closes if held > 0 else opens
                held = hold + 1 if curve[i] >= least else max(0, held - 1)
                wanted = 1.0 if held > 0 else closed
                pole = attack if wanted > now else release
                now = wanted + pole * (now - wanted)
                curve[i] = now
            self.gain, self.held = now, held
            _turn_down(block, start, frames, curve)


@processor
class Limiter:
    """Lets nothing above a ceiling, by looking ahead 5 ms (`dsp.limiter`).

    All is fixed when the chain is prepared.

    Parameters
    ----------
    ceiling_db : float
        In dBFS, -120 to 24; with ``true_peak`` in dBTP.
    knee : float
        Share of the ceiling at which limiting begins, 0 to 0.999; from there on it bends, so that
        what is at the ceiling already comes out quieter: with 0.9 (0.92 dB below the ceiling) by
        0.33 dB, with 0.999 by 0.003.
    true_peak : bool
        Hold what lies between samples below the ceiling too, as converters and coders meet it. It
        holds for what is below 0.45 of the sample rate, costs up to 0.1 dB of level, and 16 frames.

    """

    latency_frames: int = 0
    state: int = 0

    def __init__(
        self, ceiling_db: float = -0.3, knee: float = 0.9, true_peak: bool = False
    ) -> None:
        self._ceiling = units.db_to_gain(
            checked_number("ceiling_db", ceiling_db, -120.0, 24.0, "dB")
        )
        self._knee = checked_number("knee", knee, 0.0, 0.999)
        self._is_true = checked_flag("true_peak", true_peak)

    def prepare(self, sample_rate: float, channels: int, max_block: int) -> None:
        self._made = make_limiter(
            channels, sample_rate, self._ceiling, self._knee, true_peak=self._is_true
        )
        self.state = self._made.address
        self.latency_frames = int(self._made["latency_frames"])

    def process(self, block: Any) -> None:
        for c in range(block.channels):
            for i in range(block.frames):
                block.output[c, i] = block.input[c, i]
        limit(record_at(self.state, LIMITER), block.output, block.frames)
