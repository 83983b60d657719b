"""Levels of samples: peak and RMS."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from zerocross.compiler import kernel
from zerocross.compiler.primitives.vector import (
    absolute,
    f32x16,
    load,
    load_first,
    max_lanes,
    maximum,
    multiply_add,
    splat,
    sum_lanes,
)

__all__ = ["peak_and_rms"]

#: Samples whose squares are summed in float32 before the sum goes on in float64.
_RUN = 4096


@kernel
def peak_and_rms(x: Any) -> Any:
    """Return the largest magnitude and the root of the mean square of samples.

    Parameters
    ----------
    x : array, shape (samples,), float32
        Any length; 0 and 0 for none. A NaN among them makes both NaN.

    Notes
    -----
    Real-time: safe.

    """
    peak = splat(f32x16, np.float32(0.0))
    total = 0.0
    start = 0
    while start < x.size:
        end = min(x.size, start + _RUN)
        a = splat(f32x16, np.float32(0.0))
        b = splat(f32x16, np.float32(0.0))
        whole = end - (end - start) % 32
        for i in range(start, whole, 32):
            u = load(f32x16, x, i)
            v = load(f32x16, x, i + 16)
            peak = maximum(maximum(absolute(u), peak), absolute(v))
            a = multiply_add(u, u, a)
            b = multiply_add(v, v, b)
        for i in range(whole, end, 16):
            u = load_first(f32x16, x, i, end - i)
            peak = maximum(absolute(u), peak)
            a = multiply_add(u, u, a)
        total += np.float64(sum_lanes(a + b))
        start = end
    rms = np.float32(math.sqrt(total / x.size)) if x.size > 0 else np.float32(0.0)
    return (max_lanes(peak) if rms == rms else rms), rms
