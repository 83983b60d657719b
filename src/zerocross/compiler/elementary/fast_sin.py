"""Sine and cosine for oscillators: twice as fast, of arguments that are not large.

There is no other path for large arguments: beyond the stated range the result is any number. The
errors are those of the worst argument within it, against full scale; the result may be more than 1
by as much.

Real-time: all safe.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from zerocross.compiler.elementary.reduction import INVERSE_PI_F64, MAGIC, MAGIC_F32, PI_F64
from zerocross.compiler.functions import computes
from zerocross.compiler.kernel import kernel
from zerocross.compiler.primitives.vector import bit_cast, f32, f64, i32, i64

__all__ = ["fast_cos_f32", "fast_cos_f64", "fast_sin_f32", "fast_sin_f64"]

#: pi in two parts; a product of the first with halves of whole numbers up to 2^9 is exact.
PI_F32 = (3.1414794921875, 0.00011316140444250777)
#: sin(x) / x as a polynomial of x^2.
SIN_F32 = (
    1.0,
    -0.16666659712791443,
    0.008333069272339344,
    -0.00019809776858892292,
    2.606095677037956e-06,
)
SIN_F64 = (
    0.999999999978849,
    -0.16666666608826103,
    0.008333330720558507,
    -0.000198408328233368,
    2.7523971077747966e-06,
    -2.3868346564945393e-08,
)

_INVERSE_PI = np.float32(INVERSE_PI_F64)


@kernel
def _sine_f32(x: Any, turns: Any, magic: Any) -> Any:
    """Return the sine of x less half turns, or less that where they are odd."""
    rest = (x - turns * PI_F32[0]) - turns * PI_F32[1]
    square = rest * rest
    p = square * SIN_F32[4] + SIN_F32[3]
    p = p * square + SIN_F32[2]
    p = p * square + SIN_F32[1]
    p = p * square + SIN_F32[0]
    return bit_cast(f32, bit_cast(i32, p * rest) ^ (bit_cast(i32, magic) << 31))


@computes("fast_sin", f32)
@kernel
def fast_sin_f32(x: Any) -> Any:
    """Sine of -512 to 512, the error below -135 dB of full scale."""
    magic = x * _INVERSE_PI + MAGIC_F32
    return _sine_f32(x, magic - MAGIC_F32, magic)


@computes("fast_cos", f32)
@kernel
def fast_cos_f32(x: Any) -> Any:
    """Cosine of -512 to 512, the error below -135 dB of full scale."""
    magic = (x * _INVERSE_PI + np.float32(0.5)) + MAGIC_F32
    return _sine_f32(x, (magic - MAGIC_F32) - np.float32(0.5), magic)


@kernel
def _sine_f64(x: Any, turns: Any, magic: Any) -> Any:
    """Return the sine of x less half turns, or less that where they are odd."""
    rest = (x - turns * PI_F64[0]) - turns * PI_F64[1]
    square = rest * rest
    p = square * SIN_F64[5] + SIN_F64[4]
    p = p * square + SIN_F64[3]
    p = p * square + SIN_F64[2]
    p = p * square + SIN_F64[1]
    p = p * square + SIN_F64[0]
    return bit_cast(f64, bit_cast(i64, p * rest) ^ (bit_cast(i64, magic) << 63))


@computes("fast_sin", f64)
@kernel
def fast_sin_f64(x: Any) -> Any:
    """Sine of -2^21 to 2^21, the error below -213 dB of full scale."""
    magic = x * INVERSE_PI_F64 + MAGIC
    return _sine_f64(x, magic - MAGIC, magic)


@computes("fast_cos", f64)
@kernel
def fast_cos_f64(x: Any) -> Any:
    """Cosine of -2^21 to 2^21, the error below -213 dB of full scale."""
    magic = (x * INVERSE_PI_F64 + 0.5) + MAGIC
    return _sine_f64(x, (magic - MAGIC) - 0.5, magic)
