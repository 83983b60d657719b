"""From one signal to another without a click."""

from __future__ import annotations

from typing import Any

import numpy as np

from zerocross.compiler import kernel

__all__ = ["crossfade", "smooth_step"]


@kernel
def smooth_step(t: Any) -> Any:
    """Return ``t**3 * (t * (6 t - 15) + 10)`` for t from 0 to 1.

    Its first and second derivatives are 0 at both ends: no kink where a fade begins and ends
    (K. Perlin, Improving Noise, 2002). Real-time: safe.
    """
    return t * t * t * (t * (6.0 * t - 15.0) + 10.0)


@kernel
def crossfade(rows: Any, other: Any, frames: Any, position: Any, length: Any) -> None:
    """Move from some rows to others by the smooth step.

    Parameters
    ----------
    rows : array, shape (channels, at least frames), float32
        What is left; changed in place.
    other : array of the same shape, float32
        What comes.
    frames : int
        How many.
    position, length : int
        Frames of the fade that are over, and all of them.

    Notes
    -----
    Real-time: safe. For signals that are alike: amplitudes add up to 1. Any split into blocks gives
    the same bits.

    """
    for i in range(frames):
        share = smooth_step(min(1.0, (position + i + 1) / length))
        for c in range(rows.shape[0]):
            old = np.float64(rows[c, i])
            rows[c, i] = np.float32(old + share * (np.float64(other[c, i]) - old))
