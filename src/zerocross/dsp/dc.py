"""A DC blocker: a zero at 0 Hz and a pole just inside the unit circle."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from zerocross.compiler import kernel
from zerocross.errors import UsageError

__all__ = ["block_dc", "design_dc_blocker"]


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


@kernel
def block_dc(rows: Any, frames: Any, pole: Any, state: Any) -> None:
    """Remove DC from all channels in place: ``y[n] = g (x[n] - x[n-1]) + pole y[n-1]``.

    Parameters
    ----------
    rows : array, shape (channels, at least frames), float32
        Changed in place.
    frames : int
        How many.
    pole : float
        From `design_dc_blocker`; ``g = (1 + pole) / 2`` makes the gain 1 at high frequencies.
    state : array, shape (channels, 2), float64
        Last input and output; zeros to begin with.

    Notes
    -----
    Real-time: safe. Any split into blocks gives the same bits.

    """
    gain = 0.5 * (1.0 + pole)
    for c in range(rows.shape[0]):
        before, y = state[c, 0], state[c, 1]
        for i in range(frames):
            x = np.float64(rows[c, i])
            y = gain * (x - before) + pole * y
            before = x
            rows[c, i] = np.float32(y)
        state[c, 0], state[c, 1] = before, y
