"""Peaks that fall slowly, for the status line's meter, and the guard against samples that are no numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from zerocross.compiler import kernel
from zerocross.dsp.decibels import db_to_gain

__all__ = ["FALL_DB_PER_SECOND", "fall_peaks", "replace_nonfinite"]

#: How fast a peak meter falls (IEC 60268-18: 20 dB in 1.7 s).
FALL_DB_PER_SECOND = 20.0 / 1.7


@kernel
def fall_peaks(peaks: Any, rows: Any, frames: Any, sample_rate: Any) -> None:
    """Let each channel's peak fall by the time of a block, and rise to the block's own.

    Parameters
    ----------
    peaks : array, float64
        One linear peak a channel, kept between blocks.
    rows : array, shape (channels, at least frames), float32
        The block.
    frames, sample_rate : int
        Length of the block in frames, and frames a second.

    """
    fall = db_to_gain(-FALL_DB_PER_SECOND * frames / sample_rate)
    for c in range(rows.shape[0]):
        peak = np.float32(0.0)
        for i in range(frames):
            peak = max(peak, abs(rows[c, i]))
        peaks[c] = max(np.float64(peak), peaks[c] * fall)


@kernel
def replace_nonfinite(samples: Any) -> Any:
    """Replace NaN by 0 and infinities by full scale; returns how many there were."""
    count = 0
    for i in range(samples.size):
        x = samples[i]
        if x - x != np.float32(0.0):
            samples[i] = (
                np.float32(0.0) if x != x else (np.float32(1.0) if x > 0 else np.float32(-1.0))
            )
            count += 1
    return count
