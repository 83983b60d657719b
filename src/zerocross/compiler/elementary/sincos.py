"""Sine and cosine of the same argument from one reduction: for rotations and oscillators in pairs.

Reduced to a quarter of a turn, where both have short polynomials. In float32 the last bit may differ
from that of the sine or the cosine alone, which are computed without float64 up to 400.

Real-time: all safe.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from zerocross.compiler.elementary.reduction import (
    CANCELLED,
    INVERSE_PI_F32,
    INVERSE_PI_F64,
    LIMIT_F32,
    LIMIT_F64,
    MAGIC,
    PI_F64,
    huge_f32,
    huge_f64,
)
from zerocross.compiler.kernel import kernel
from zerocross.compiler.primitives.vector import (
    absolute,
    any_lane,
    bit_cast,
    convert,
    f32,
    f64,
    i32,
    i64,
    select,
)

__all__ = ["sincos_f32", "sincos_f64"]

#: sin(pi f / 2) / f and cos(pi f / 2) as polynomials of f^2.
SIN_F32 = (1.570796321541636, -0.645963444695352, 0.07967982955628994, -0.004601016781438023)
COS_F32 = (
    0.9999999999415745,
    -1.2337005392124187,
    0.25366917454151683,
    -0.020859878025877632,
    0.0009032341076971919,
)
#: (1 - sin(x) / x) / x^2 and (cos(x) - 1 + x^2 / 2) / x^4 as polynomials of x^2.
SIN_F64 = (
    0.1666666666666663,
    -0.00833333333332184,
    0.00019841269829358528,
    -2.7557313538514213e-06,
    2.5050734389245962e-08,
    -1.5895433287786825e-10,
)
COS_F64 = (
    0.0416666666666666,
    -0.0013888888888874474,
    2.480158728967154e-05,
    -2.755731440103282e-07,
    2.087572928170974e-09,
    -1.1359934276867814e-11,
)

_INFINITY_F32 = np.float32(float("inf"))


@kernel
def _both_f32(f: Any, count: Any) -> tuple[Any, Any]:
    """Return the sine and the cosine of so many quarter turns and f of one."""
    square = f * f
    p = square * SIN_F32[3] + SIN_F32[2]
    p = p * square + SIN_F32[1]
    p = p * square + SIN_F32[0]
    q = square * COS_F32[4] + COS_F32[3]
    q = q * square + COS_F32[2]
    q = q * square + COS_F32[1]
    q = q * square + COS_F32[0]
    sine, cosine = bit_cast(i32, convert(f32, p * f)), bit_cast(i32, convert(f32, q))
    quarters = convert(i32, count)
    odd = (quarters & 1) != 0
    a = select(odd, cosine, sine) ^ ((quarters & 2) << 30)
    b = select(odd, sine, cosine) ^ (((quarters + 1) & 2) << 30)
    return bit_cast(f32, a), bit_cast(f32, b)


@kernel
def sincos_f32(x: Any) -> tuple[Any, Any]:
    """Return sine and cosine of a vector of float32."""
    wide = convert(f64, x)
    turns = wide * (INVERSE_PI_F32[0] * 2.0)
    magic = turns + MAGIC
    f = (turns - (magic - MAGIC)) + wide * (INVERSE_PI_F32[1] * 2.0)
    a, b = _both_f32(f, bit_cast(i64, magic))
    huge = absolute(x) > LIMIT_F32
    if any_lane(huge):
        f, count = huge_f32(x, 1, 0.0)
        c, d = _both_f32(f, count)
        finite = absolute(x) < _INFINITY_F32
        a = select(huge, select(finite, c, x - x), a)
        b = select(huge, select(finite, d, x - x), b)
    return a, b


@kernel
def _both_f64(x: Any, excess: Any, count: Any) -> tuple[Any, Any]:
    """Return the sine and the cosine of so many quarter turns and a difference."""
    square = x * x
    p = square * SIN_F64[5] + SIN_F64[4]
    p = p * square + SIN_F64[3]
    p = p * square + SIN_F64[2]
    p = p * square + SIN_F64[1]
    p = p * square + SIN_F64[0]
    q = square * COS_F64[5] + COS_F64[4]
    q = q * square + COS_F64[3]
    q = q * square + COS_F64[2]
    q = q * square + COS_F64[1]
    q = q * square + COS_F64[0]
    half = square * 0.5
    near = 1.0 - half
    sine = bit_cast(i64, x - ((x * square) * p + excess * near))
    cosine = bit_cast(i64, near + (((1.0 - near) - half) + ((square * square) * q + x * excess)))
    odd = (count & 1) != 0
    a = select(odd, cosine, sine) ^ ((count & 2) << 62)
    b = select(odd, sine, cosine) ^ (((count + 1) & 2) << 62)
    return bit_cast(f64, a), bit_cast(f64, b)


@kernel
def sincos_f64(x: Any) -> tuple[Any, Any]:
    """Return sine and cosine of a vector of float64."""
    magic = x * (INVERSE_PI_F64 * 2.0) + MAGIC
    turns = magic - MAGIC
    high = x - turns * (PI_F64[0] * 0.5)
    part = turns * (PI_F64[1] * 0.5)
    rest = high - part
    a, b = _both_f64(rest, (rest - high) + part, bit_cast(i64, magic))
    hard = (absolute(rest) < absolute(x) * CANCELLED) | (absolute(x) > LIMIT_F64)
    if any_lane(hard):
        rest, excess, count = huge_f64(x)
        c, d = _both_f64(rest, excess, count)
        finite = absolute(x) < float("inf")
        a = select(hard, select(finite, c, x - x), a)
        b = select(hard, select(finite, d, x - x), b)
    return a, b
