"""The chains that are tortured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from zerocross.effects import Compressor, Convolver, Oscillator, TapPoint
from zerocross.eq import Equalizer
from zerocross.graph.chain import Chain
from zerocross.graph.decorator import processor
from zerocross.graph.params import param

__all__ = ["full_chain", "plain_chain"]


@processor
class Tremolo:
    """An effect as a user would write it."""

    rate: float = param(4.0, 0.1, 20.0, "Hz")
    depth: float = param(0.5, 0.0, 1.0)
    phase: float = 0.0

    def process(self, block: Any) -> None:
        step = self.rate / block.sample_rate
        for i in range(block.frames):
            t = self.phase
            triangle = 1.0 - 4.0 * abs(t - 0.5)
            gain = np.float32(1.0 - self.depth * 0.5 * (1.0 + triangle))
            for c in range(block.channels):
                block.output[c, i] = gain * block.input[c, i]
            self.phase = t + step if t + step < 1.0 else t + step - 1.0


def plain_chain(tone_hz: float, bands: Sequence[float]) -> Chain:
    """Return a sine through an equaliser with a peak of 3 dB in every band."""
    return Chain(
        Oscillator(frequency=tone_hz), Equalizer([("peaking", f, 1.0, 3.0) for f in bands])
    )


def full_chain(sample_rate: int) -> Chain:
    """Return equaliser, compressor, convolver (one second), an effect of a user's, and taps."""
    noise = np.random.default_rng(1).standard_normal((sample_rate, 2))
    response = noise * np.exp(-6.9 * np.arange(sample_rate) / sample_rate)[:, None]
    response /= np.sqrt((response**2).sum(axis=0))
    return Chain(
        Oscillator("saw", frequency=220.0),
        Equalizer(8),
        TapPoint(),
        Compressor(),
        Convolver(response),
        Tremolo(),
        TapPoint(),
    )
