"""Sine, cosine and tangent: what is left of the argument by `reduction`, then a polynomial.

Real-time: all safe.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from zerocross.compiler.elementary.reduction import (
    CANCELLED,
    HALF_PI_F32,
    INVERSE_PI_F32,
    INVERSE_PI_F64,
    LIMIT_F32,
    LIMIT_F64,
    LIMIT_SHORT_F32,
    MAGIC,
    MAGIC_F32,
    PI_F64,
    huge_f32,
    huge_f64,
)
from zerocross.compiler.elementary.sincos import sincos_f64
from zerocross.compiler.functions import computes
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

__all__ = ["cos_f32", "cos_f64", "sin_f32", "sin_f64", "tan_f32", "tan_f64"]

#: sin(pi f) / f as a polynomial of f^2.
SIN_F32 = (
    3.1415926365456626,
    -5.167709633584979,
    2.550068568326333,
    -0.5982338468927172,
    0.07754208084399428,
)
#: (1 - sin(x) / x) / x^2 and (1 - x^2 / 2 - cos(x)) / x^4 as polynomials of x^2, in float32.
SIN_SHORT_F32 = (0.16666655242443085, -0.008332189172506332, 0.00019518291810527444)
COS_SHORT_F32 = (-0.04166664555668831, 0.00138873013202101, -2.4430670237052254e-05)
#: (tan(x) / x - 1) / x^2 as a polynomial of x^2, in float32.
TAN_F32 = (
    0.33333349227905273,
    0.13332675397396088,
    0.05405891314148903,
    0.02128620818257332,
    0.010827405378222466,
    9.841470455285162e-05,
    0.004372515715658665,
)
#: (tan(x) / x - 1) / x^2 as a polynomial of x^2.
TAN_F64 = (
    0.33333333333333376,
    0.13333333333326083,
    0.053968253972534005,
    0.021869488408890393,
    0.008863237772865866,
    0.0035921024055259676,
    0.0014560348980559373,
    0.0005889170377343891,
    0.0002435661013980194,
    8.402797478103364e-05,
    6.63736254093168e-05,
    -2.4566549036972653e-05,
    4.7748644352217746e-05,
    -2.38358193330958e-05,
    9.701781647576298e-06,
)

_INFINITY = float("inf")
_INFINITY_F32 = np.float32(_INFINITY)
_ONE = np.float32(1.0)
_HALF = np.float32(0.5)
_INVERSE_HALF_PI = np.float32(INVERSE_PI_F64 * 2.0)


# --- float32 ------------------------------------------------------------------------------


@kernel
def _sine_of_half_turns(f: Any, count: Any) -> Any:
    """Return ``sin(pi f)``, or less that where a count is odd, as float32."""
    square = f * f
    p = square * SIN_F32[4] + SIN_F32[3]
    p = p * square + SIN_F32[2]
    p = p * square + SIN_F32[1]
    p = p * square + SIN_F32[0]
    return convert(f32, bit_cast(f64, bit_cast(i64, p * f) ^ (count << 63)))


@kernel
def _sin_huge_f32(x: Any) -> Any:
    f, count = huge_f32(x, 0, 0.0)
    return select(absolute(x) < _INFINITY_F32, _sine_of_half_turns(f, count), x - x)


@kernel
def _sin_far_f32(x: Any) -> Any:
    """Sine: x / pi less the nearest integer in float64, there an odd polynomial of degree 9."""
    wide = convert(f64, x)
    turns = wide * INVERSE_PI_F32[0]
    magic = turns + MAGIC
    f = (turns - (magic - MAGIC)) + wide * INVERSE_PI_F32[1]
    y = _sine_of_half_turns(f, bit_cast(i64, magic))
    huge = absolute(x) > LIMIT_F32
    if any_lane(huge):
        y = select(huge, _sin_huge_f32(x), y)
    return y


@kernel
def _less_quarters_f32(x: Any) -> tuple[Any, Any, Any]:
    """Return x less the nearest multiple of pi / 2 as a difference of two, and which one."""
    magic = x * _INVERSE_HALF_PI + MAGIC_F32
    turns = magic - MAGIC_F32
    high = x - turns * HALF_PI_F32[0]
    part = turns * HALF_PI_F32[1]
    rest = high - part
    excess = ((rest - high) + part) + turns * HALF_PI_F32[2]
    return rest, excess, bit_cast(i32, magic)


@kernel
def _sine_f32(x: Any, excess: Any, count: Any) -> Any:
    """Return the sine of so many quarter turns and a difference up to pi / 4.

    Where the count is odd, that is a cosine: of the same shape with other terms.
    """
    odd = (count & 1) != 0
    zero = bit_cast(f32, count & 0)
    square = x * x
    p = square * select(odd, zero + COS_SHORT_F32[2], SIN_SHORT_F32[2])
    p = p + select(odd, zero + COS_SHORT_F32[1], SIN_SHORT_F32[1])
    p = p * square + select(odd, zero + COS_SHORT_F32[0], SIN_SHORT_F32[0])
    half = square * _HALF
    near = _ONE - half
    # What the rounding of `near` took away is given back.
    less = select(odd, ((near - _ONE) + half) - x * excess, excess)
    y = select(odd, near, x) - ((select(odd, square, x) * square) * p + less)
    return bit_cast(f32, bit_cast(i32, y) ^ ((count & 2) << 30))


@computes("sin", f32)
@kernel
def sin_f32(x: Any) -> Any:
    """Sine: of x less a multiple of pi / 2, a sine of degree 7 or a cosine of degree 8."""
    rest, excess, count = _less_quarters_f32(x)
    y = _sine_f32(rest, excess, count)
    far = absolute(x) > LIMIT_SHORT_F32
    if any_lane(far):
        y = select(far, _sin_far_f32(x), y)
    return y


@kernel
def _cos_huge_f32(x: Any) -> Any:
    f, count = huge_f32(x, 0, 0.5)
    return select(absolute(x) < _INFINITY_F32, _sine_of_half_turns(f, count), x - x)


@kernel
def _cos_far_f32(x: Any) -> Any:
    """Cosine: as `_sin_far_f32`, of half a turn of pi more."""
    wide = convert(f64, x)
    # Exact from 1/4 on; below, the sine of what is left does not depend on the last bits.
    turns = wide * INVERSE_PI_F32[0] + 0.5
    magic = turns + MAGIC
    f = (turns - (magic - MAGIC)) + wide * INVERSE_PI_F32[1]
    y = _sine_of_half_turns(f, bit_cast(i64, magic))
    huge = absolute(x) > LIMIT_F32
    if any_lane(huge):
        y = select(huge, _cos_huge_f32(x), y)
    return y


@computes("cos", f32)
@kernel
def cos_f32(x: Any) -> Any:
    """Cosine: as `sin_f32`, of a quarter turn more."""
    rest, excess, count = _less_quarters_f32(x)
    y = _sine_f32(rest, excess, count + 1)
    far = absolute(x) > LIMIT_SHORT_F32
    if any_lane(far):
        y = select(far, _cos_far_f32(x), y)
    return y


@kernel
def _tangent_f32(x: Any, excess: Any, count: Any) -> Any:
    """Return the tangent of a difference up to pi / 4, or -1 divided by it where a count is odd."""
    square = x * x
    p = square * TAN_F32[6] + TAN_F32[5]
    p = p * square + TAN_F32[4]
    p = p * square + TAN_F32[3]
    p = p * square + TAN_F32[2]
    p = p * square + TAN_F32[1]
    p = p * square + TAN_F32[0]
    y = x + ((x * square) * p - excess)
    return select((count & 1) != 0, np.float32(-1.0) / y, y)


@kernel
def _tan_huge_f32(x: Any) -> Any:
    quarters, count = huge_f32(x, 1, 0.0)
    rest = quarters * (PI_F64[0] * 0.5)
    near = convert(f32, rest)
    excess = convert(f32, convert(f64, near) - rest)
    y = _tangent_f32(near, excess, convert(i32, count))
    return select(absolute(x) < _INFINITY_F32, y, x - x)


@computes("tan", f32)
@kernel
def tan_f32(x: Any) -> Any:
    """Tangent: of x less a multiple of pi / 2, an odd polynomial of degree 13."""
    rest, excess, count = _less_quarters_f32(x)
    y = _tangent_f32(rest, excess, count)
    huge = absolute(x) > LIMIT_SHORT_F32
    if any_lane(huge):
        y = select(huge, _tan_huge_f32(x), y)
    return y


# --- float64 ------------------------------------------------------------------------------


@computes("sin", f64)
@kernel
def sin_f64(x: Any) -> Any:
    """Sine: half of `sincos_f64`; of a whole half turn one polynomial rounds too much."""
    sine, _ = sincos_f64(x)
    return sine


@computes("cos", f64)
@kernel
def cos_f64(x: Any) -> Any:
    """Cosine: the other half of `sincos_f64`."""
    _, cosine = sincos_f64(x)
    return cosine


@kernel
def _tangent(x: Any, excess: Any, count: Any) -> Any:
    """Return the tangent of a difference up to pi / 4, or -1 divided by it where a count is odd."""
    square = x * x
    p = square * TAN_F64[14] + TAN_F64[13]
    p = p * square + TAN_F64[12]
    p = p * square + TAN_F64[11]
    p = p * square + TAN_F64[10]
    p = p * square + TAN_F64[9]
    p = p * square + TAN_F64[8]
    p = p * square + TAN_F64[7]
    p = p * square + TAN_F64[6]
    p = p * square + TAN_F64[5]
    p = p * square + TAN_F64[4]
    p = p * square + TAN_F64[3]
    p = p * square + TAN_F64[2]
    p = p * square + TAN_F64[1]
    p = p * square + TAN_F64[0]
    y = x + ((x * square) * p - excess * (1.0 + square))
    return select((count & 1) != 0, -1.0 / y, y)


@kernel
def _tan_huge_f64(x: Any) -> Any:
    rest, excess, count = huge_f64(x)
    return select(absolute(x) < _INFINITY, _tangent(rest, excess, count), x - x)


@computes("tan", f64)
@kernel
def tan_f64(x: Any) -> Any:
    """Tangent: of x less a multiple of pi / 2, an odd polynomial of degree 31."""
    magic = x * (INVERSE_PI_F64 * 2.0) + MAGIC
    turns = magic - MAGIC
    high = x - turns * (PI_F64[0] * 0.5)
    part = turns * (PI_F64[1] * 0.5)
    rest = high - part
    y = _tangent(rest, (rest - high) + part, bit_cast(i64, magic))
    hard = (absolute(rest) < absolute(x) * CANCELLED) | (absolute(x) > LIMIT_F64)
    if any_lane(hard):
        y = select(hard, _tan_huge_f64(x), y)
    return y
