"""Slow, plain references for what the kernels do."""

from __future__ import annotations

import numpy as np


def ramp(start, stop, length, frames):
    """The gain of each frame of a linear ramp."""
    return np.array(
        [stop if i >= length else start + (stop - start) * (i / length) for i in range(frames)]
    )


def to_integer(values, bits):
    """Saturating, half to even, NaN as 0, by Python's own rounding."""
    full = 1 << (bits - 1)
    out = []
    for value in values:
        if value != value:
            out.append(0)
        elif abs(value) == np.inf:
            out.append(full - 1 if value > 0 else -full)
        else:
            out.append(max(-full, min(full - 1, round(float(value) * full))))
    return np.array(out)


def downmix_bs775(frames):
    """ITU-R BS.775-4, Table 2: 5.1 (L R C LFE Ls Rs) to stereo."""
    left, right, centre, _lfe, left_surround, right_surround = frames.T.astype(np.float64)
    k = 0.7071067811865476
    return np.stack(
        [left + k * centre + k * left_surround, right + k * centre + k * right_surround], axis=1
    )
