"""A DC blocker: a zero at 0 Hz and a pole just inside the unit circle."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from zerocross.compiler import float64_rows, kernel
from zerocross.dsp.state import State, check_channels
from zerocross.errors import UsageError
from zerocross.memory import aligned_zeros, layout
from zerocross.units import checked_number

__all__ = ["DC_BLOCKER", "block_dc", "design_dc_blocker", "make_dc_blocker"]

#: A pole, and of each channel the last input and output.
DC_BLOCKER = layout(setup=["channels", ("pole", "f8")], audio=["memory"])


def design_dc_blocker(cutoff_hz: float, sample_rate: float) -> float:
    """Return the pole for a corner frequency (-3 dB), by the bilinear transform.

    Raises
    ------
    UsageError
        Outside 0 to half the sample rate.

    """
    if not 0 < cutoff_hz < sample_rate / 2:
        raise UsageError(f"cutoff {cutoff_hz} Hz; give more than 0 and less than {sample_rate / 2}")
    warped = math.tan(math.pi * cutoff_hz / sample_rate)
    return (1 - warped) / (1 + warped)


def make_dc_blocker(pole: float, channels: int) -> State:
    """Return a `DC_BLOCKER` at rest, with a pole from `design_dc_blocker`."""
    channels = check_channels(channels)
    pole = checked_number("pole", pole, -1.0, 1.0)
    return State(
        DC_BLOCKER, channels=channels, pole=pole, memory=aligned_zeros((channels, 2), np.float64)
    )


@kernel
def block_dc(state: Any, rows: Any, frames: Any) -> None:
    """Remove DC from all channels in place: ``y[n] = g (x[n] - x[n-1]) + pole y[n-1]``.

    Parameters
    ----------
    state : record
        A `DC_BLOCKER`; ``g = (1 + pole) / 2`` makes the gain 1 at high frequencies.
    rows : array, shape (channels, at least frames), float32
        Changed in place.
    frames : int
        How many.

    Notes
    -----
    Real-time: safe. Any split into blocks gives the same bits.

    """
    memory = float64_rows(state.memory, state.channels, 2)
    pole = state.pole
    gain = 0.5 * (1.0 + pole)
    for c in range(rows.shape[0]):
        before, y = memory[c, 0], memory[c, 1]
        for i in range(frames):
            x = np.float64(rows[c, i])
            y = gain * (x - before) + pole * y
            before = x
            rows[c, i] = np.float32(y)
        memory[c, 0], memory[c, 1] = before, y
