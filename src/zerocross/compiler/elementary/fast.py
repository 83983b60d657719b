"""Fast ones with a stated error, for control rates, meters and waveshapers.

No edges: x is held within limits, NaN stays NaN, one path for all.
"""

from __future__ import annotations

from typing import Any

from zerocross.compiler.elementary.exponential import (
    MAGIC_F32,
    MAGIC_F64,
    held,
    scaled_f32,
    scaled_f64,
)
from zerocross.compiler.functions import computes
from zerocross.compiler.kernel import kernel
from zerocross.compiler.primitives.vector import bit_cast, convert, f32, f64, i32, i64

__all__ = ["fast_exp2_f32", "fast_exp2_f64", "fast_tanh_f32", "fast_tanh_f64"]

#: 2^r of degree 4, r from -1/2 to 1/2.
FAST_EXP2 = (
    0.9999992847442627,
    0.6931217908859253,
    0.240247443318367,
    0.05591785907745361,
    0.009570102207362652,
)

#: J. H. Lambert's continued fraction of tanh (1761), cut after its seventh term.
LAMBERT_ABOVE = (135135.0, 17325.0, 378.0)
LAMBERT_BELOW = (135135.0, 62370.0, 3150.0, 28.0)

#: Where the fraction reaches 1.
LAMBERT_LIMIT = 4.96875


@kernel
def _exp2_of_rest(r: Any) -> Any:
    """Return 2^r, r from -1/2 to 1/2."""
    q = (FAST_EXP2[4] * r + FAST_EXP2[3]) * r + FAST_EXP2[2]
    return (q * r + FAST_EXP2[1]) * r + FAST_EXP2[0]


@computes("fast_exp2", f32)
@kernel
def fast_exp2_f32(x: Any) -> Any:
    """2^x for x held from -126 to 127: relative error at most 2.8e-6 (-111 dB)."""
    x = held(x, -126.0, 127.0)
    shifted = x + MAGIC_F32
    return scaled_f32(_exp2_of_rest(x - (shifted - MAGIC_F32)), shifted)


@computes("fast_exp2", f64)
@kernel
def fast_exp2_f64(x: Any) -> Any:
    """2^x for x held from -1022 to 1023; relative error at most 2.8e-6 (-111 dB)."""
    x = held(x, -1022.0, 1023.0)
    shifted = x + MAGIC_F64
    return scaled_f64(_exp2_of_rest(x - (shifted - MAGIC_F64)), shifted)


@kernel
def _lambert(x: Any) -> Any:
    """Return the fraction; both float32 and float64 take it."""
    x = held(x, -LAMBERT_LIMIT, LAMBERT_LIMIT)
    s = x * x
    above = ((s + LAMBERT_ABOVE[2]) * s + LAMBERT_ABOVE[1]) * s + LAMBERT_ABOVE[0]
    below = (LAMBERT_BELOW[3] * s + LAMBERT_BELOW[2]) * s + LAMBERT_BELOW[1]
    return x * above / (below * s + LAMBERT_BELOW[0])


@computes("fast_tanh", f32)
@kernel
def fast_tanh_f32(x: Any) -> Any:
    """Hyperbolic tangent: error at most 1e-4 (-80 dB), at most 1.1e-6 (-119 dB) where |x| is below 3."""
    return _lambert(x)


@computes("fast_tanh", f64)
@kernel
def fast_tanh_f64(x: Any) -> Any:
    """Hyperbolic tangent: error at most 1e-4 (-80 dB), at most 1.1e-6 (-119 dB) where |x| is below 3."""
    return _lambert(x)


#: log2(1 + t) / t, t from sqrt(1/2) - 1 to sqrt(2) - 1.
FAST_LOG2 = (
    1.4428094625473022,
    -0.721367359161377,
    0.47498607635498047,
    -0.35763975977897644,
    0.3613906800746918,
    -0.29807236790657043,
)

# The bits of sqrt(1/2), from which on a number counts to the next power of two.
_ROOT_F32, _ROOT_F64 = 0x3F3504F3, 0x3FE6A09E667F3BCD
_LEAST_F32 = 2.0**-126
_MOST_F32 = 3.4028234663852886e38
_LEAST_F64 = 2.0**-1022
_MOST_F64 = 1.7976931348623157e308
# What is added to an exponent's bits to have 2^52 and more: the number that they are.
_WHOLE_F64 = 0x4330000000000000


@kernel
def _log2_of_rest(t: Any) -> Any:
    """Return log2(1 + t)."""
    p = (FAST_LOG2[5] * t + FAST_LOG2[4]) * t + FAST_LOG2[3]
    return (((p * t + FAST_LOG2[2]) * t + FAST_LOG2[1]) * t + FAST_LOG2[0]) * t


@computes("fast_log2", f32)
@kernel
def fast_log2_f32(x: Any) -> Any:
    """Binary logarithm: error at most 7e-6, or 4e-5 dB of a level; below 2^-126 it is -126."""
    x = held(x, _LEAST_F32, _MOST_F32)
    bits = bit_cast(i32, x) - _ROOT_F32
    rest = bit_cast(f32, (bits & 0x7FFFFF) + _ROOT_F32) - 1.0
    return convert(f32, bits >> 23) + _log2_of_rest(rest) + (x - x)


@computes("fast_log2", f64)
@kernel
def fast_log2_f64(x: Any) -> Any:
    """Binary logarithm: error at most 7e-6, or 4e-5 dB of a level; below 2^-1022 it is -1022."""
    x = held(x, _LEAST_F64, _MOST_F64)
    bits = bit_cast(i64, x) + (0x3FF0000000000000 - _ROOT_F64)
    power = bit_cast(f64, ((bits & 0x7FF0000000000000) >> 52) | _WHOLE_F64) - (2.0**52 + 1023.0)
    rest = bit_cast(f64, (bits & 0xFFFFFFFFFFFFF) + _ROOT_F64) - 1.0
    return power + _log2_of_rest(rest) + (x - x)
