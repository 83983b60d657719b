"""A room: a feedback delay network."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from zerocross.compiler import kernel
from zerocross.graph.decorator import processor
from zerocross.graph.params import param

__all__ = ["Reverb"]

_LINES = 8
# Prime numbers of samples at 48 kHz: echoes that do not fall together.
_LENGTHS = (1433, 1601, 1867, 2053, 2251, 2399, 2617, 2903)
_NEPERS_60_DB = 6.907755278982137  # ln(1000)
# The treble's frequency is not taken above this share of the sample rate.
_HIGHEST = 0.45


@kernel
def _pole_of(ratio: Any, cosine: Any) -> Any:
    """Return the pole of a one-pole low-pass, 1 at 0 Hz, whose gain is a ratio at a frequency.

    Of ``(1 - p)^2 / (1 - 2 p cosine + p^2) = ratio^2`` the solution below 1. Real-time: safe.
    """
    lost = 1.0 - ratio * ratio
    half = 1.0 - ratio * ratio * cosine
    return lost / (half + math.sqrt(max(0.0, half * half - lost * lost)))


@processor
class Reverb:
    """Eight delay lines that feed each other through a Hadamard matrix (Jot, AES 90, 1991).

    Every line's gain makes low tones fall by 60 dB in ``decay_s``; a one-pole low-pass in each
    line makes those at ``treble_hz`` fall by as much in ``treble_decay_s`` (as long as ``decay_s``,
    or longer: no treble is taken away). Both times hold at any sample rate, as every low-pass is
    designed for its line's length. Stereo inputs feed even and odd lines.
    """

    decay_s: float = param(1.8, 0.1, 20.0, "s")
    treble_decay_s: float = param(1.0, 0.1, 20.0, "s")
    treble_hz: float = param(5000.0, 500.0, 16_000.0, "Hz")
    mix: float = param(0.25, 0.0, 1.0)
    place: int = 0

    def prepare(self, sample_rate: float, channels: int, max_block: int) -> None:
        scale = sample_rate / 48_000
        self.lengths = np.array([max(8, round(n * scale)) for n in _LENGTHS], np.int64)
        longest = 1 << math.ceil(math.log2(int(self.lengths.max()) + 1))
        self.lines = np.zeros((_LINES, longest), np.float32)
        self.low, self.poles = np.zeros(_LINES), np.zeros(_LINES)
        self.out = np.zeros(_LINES)

    def process(self, block: Any) -> None:
        mask = self.lines.shape[1] - 1
        channels = block.channels
        gains = block.scratch(8)
        sooner = max(0.0, 1.0 / self.treble_decay_s - 1.0 / self.decay_s)
        treble_hz = min(self.treble_hz, _HIGHEST * block.sample_rate)
        cosine = math.cos(2.0 * math.pi * treble_hz / block.sample_rate)
        for k in range(8):
            seconds = self.lengths[k] / block.sample_rate
            gains[k] = np.float32(math.exp(-_NEPERS_60_DB * seconds / self.decay_s))
            self.poles[k] = _pole_of(math.exp(-_NEPERS_60_DB * seconds * sooner), cosine)
        for i in range(block.frames):
            at = self.place + i
            for k in range(8):
                late = np.float64(self.lines[k, (at - self.lengths[k]) & mask])
                self.low[k] = late + self.poles[k] * (self.low[k] - late)
                self.out[k] = self.low[k] * gains[k]
            span = 1
            while span < 8:  # the fast Hadamard transform
                for k in range(0, 8, 2 * span):
                    for j in range(k, k + span):
                        a, b = self.out[j], self.out[j + span]
                        self.out[j], self.out[j + span] = a + b, a - b
                span *= 2
            for k in range(8):
                x = np.float64(block.input[k % channels, i])
                self.lines[k, at & mask] = np.float32(x * 0.5 + self.out[k] * 0.35355339059327373)
            for c in range(channels):
                wet = 0.0
                for k in range(c % 2, 8, 2):
                    wet += np.float64(self.lines[k, (at - self.lengths[k]) & mask])
                x = np.float64(block.input[c, i])
                block.output[c, i] = np.float32(x + self.mix * (0.5 * wet - x))
        self.place = (self.place + block.frames) & mask
