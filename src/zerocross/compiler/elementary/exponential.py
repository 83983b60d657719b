"""Exponentials: exp, expm1, and what those of other bases share with them.

x is cut into a whole number k of powers of two and a rest r (W. J. Cody, W. Waite: Software manual
for the elementary functions, 1980): k is rounded by adding a number so large that its last place is
1, and k times the logarithm of 2 is taken away in two parts, the first of them exactly. What is left
is a polynomial in r, and k added to the exponent of its value. The range of r is not centred but
reaches from 3/4 to 3/2 in the result: where a result lies below 1 its last place counts twice, and
so r is smaller there.

No step is fused, so the same bits come out everywhere. Coefficients: ``tools/coefficients``.
"""

from __future__ import annotations

from typing import Any

from zerocross.compiler.functions import computes
from zerocross.compiler.kernel import kernel
from zerocross.compiler.primitives.vector import (
    absolute,
    any_lane,
    bit_cast,
    f32,
    f64,
    i32,
    i64,
    select,
)

__all__ = [
    "MAGIC_F32",
    "MAGIC_F64",
    "OFF_CENTRE",
    "ONE_F32",
    "ONE_F64",
    "exp_f32",
    "exp_f64",
    "exp_of_rest_f32",
    "exp_of_rest_f64",
    "expm1_f32",
    "expm1_f64",
    "held",
    "reduced_f32",
    "reduced_f64",
    "scaled_f32",
    "scaled_f64",
    "scaled_twice_f32",
    "scaled_twice_f64",
]

#: 1.5 times 2 to the number of a fraction's bits: x + MAGIC has the integer nearest to x in its last
#: bits, and x + MAGIC - MAGIC is that integer.
MAGIC_F32 = 12582912.0
MAGIC_F64 = 6755399441055744.0

#: What is taken away before rounding, so that r reaches from log2(3/4) to log2(3/2).
OFF_CENTRE = 0.0849609375

ONE_F32 = 0x3F800000
ONE_F64 = 0x3FF0000000000000

LOG2_E = (1.4426950408889634,)
LN2_F32 = (0.693145751953125, 1.428606765330187e-06)
LN2_SHORT = (0.6931471824645996, -1.9046542121259336e-09)
LN2_F64 = (0.6931471805592082, 7.371002565167799e-13)
EXP_F32 = (
    0.5000001788139343,
    0.16666550934314728,
    0.04165884852409363,
    0.008363336324691772,
    0.001456943340599537,
)
EXPM1_F32 = (
    0.3333333134651184,
    0.08333293348550797,
    0.016667280346155167,
    0.002786994446069002,
    0.0003934090491384268,
)
EXP_F64 = (
    0.4999999999999999,
    0.1666666666666776,
    0.04166666666668427,
    0.008333333332409659,
    0.0013888888885815714,
    0.00019841272497232092,
    2.4801575268848615e-05,
    2.755411687682822e-06,
    2.75908013478617e-07,
    2.6457163433926097e-08,
)
EXPM1_F64 = (
    0.33333333333333354,
    0.08333333333333329,
    0.016666666666642516,
    0.002777777777778731,
    0.00039682539774747136,
    4.960317463741408e-05,
    5.511448540696154e-06,
    5.51145340919917e-07,
    5.021927125432183e-08,
    4.184135160749568e-09,
)


# --- e^x -----------------------------------------------------------------------------------


@kernel
def reduced_f32(x: Any, whole: Any) -> Any:
    """Return x less k times ln 2, for a whole k of at most 9 bits."""
    return (x - whole * LN2_F32[0]) - whole * LN2_F32[1]


@kernel
def reduced_f64(x: Any, whole: Any) -> Any:
    """Return x less k times ln 2, for a whole k of at most 12 bits."""
    return (x - whole * LN2_F64[0]) - whole * LN2_F64[1]


@kernel
def exp_of_rest_f32(r: Any) -> Any:
    """Return e^r, r from ln 3/4 to ln 3/2."""
    q = ((EXP_F32[4] * r + EXP_F32[3]) * r + EXP_F32[2]) * r + EXP_F32[1]
    return (r * r) * (q * r + EXP_F32[0]) + r + 1.0


@kernel
def exp_of_rest_f64(r: Any) -> Any:
    """Return e^r, r from ln 3/4 to ln 3/2."""
    q = ((EXP_F64[9] * r + EXP_F64[8]) * r + EXP_F64[7]) * r + EXP_F64[6]
    q = ((q * r + EXP_F64[5]) * r + EXP_F64[4]) * r + EXP_F64[3]
    q = (q * r + EXP_F64[2]) * r + EXP_F64[1]
    return (r * r) * (q * r + EXP_F64[0]) + r + 1.0


@kernel
def scaled_f32(y: Any, shifted: Any) -> Any:
    """Return y times 2^k, k in the last bits of a number moved by MAGIC; both normal."""
    return bit_cast(f32, bit_cast(i32, y) + (bit_cast(i32, shifted) << 23))


@kernel
def scaled_f64(y: Any, shifted: Any) -> Any:
    """Return y times 2^k, k in the last bits of a number moved by MAGIC; both normal."""
    return bit_cast(f64, bit_cast(i64, y) + (bit_cast(i64, shifted) << 52))


@kernel
def scaled_twice_f32(y: Any, whole: Any) -> Any:
    """Return y times 2^k, rounded once: infinite, zero and denormal too, k below 2^8."""
    first = bit_cast(i32, whole * 0.5 + MAGIC_F32)
    second = bit_cast(i32, whole - (bit_cast(f32, first) - MAGIC_F32) + MAGIC_F32)
    return y * bit_cast(f32, (first << 23) + ONE_F32) * bit_cast(f32, (second << 23) + ONE_F32)


@kernel
def scaled_twice_f64(y: Any, whole: Any) -> Any:
    """Return y times 2^k, rounded once: infinite, zero and denormal too, k below 2^11."""
    first = bit_cast(i64, whole * 0.5 + MAGIC_F64)
    second = bit_cast(i64, whole - (bit_cast(f64, first) - MAGIC_F64) + MAGIC_F64)
    return y * bit_cast(f64, (first << 52) + ONE_F64) * bit_cast(f64, (second << 52) + ONE_F64)


@kernel
def held(x: Any, low: Any, high: Any) -> Any:
    """Return x within limits; NaN stays."""
    return select(x > high, high, select(x < low, low, x))


@kernel
def held_above(x: Any, low: Any) -> Any:
    """Return x, or a limit where that is larger; NaN stays."""
    return select(x < low, low, x)


@kernel
def _exp_edge_f32(x: Any) -> Any:
    """e^x where the result or NaN may be anything."""
    x = held(x, -105.0, 90.0)
    whole = (x * LOG2_E[0] - OFF_CENTRE + MAGIC_F32) - MAGIC_F32
    return scaled_twice_f32(exp_of_rest_f32(reduced_f32(x, whole)), whole)


@computes("exp", f32)
@kernel
def exp_f32(x: Any) -> Any:
    """e^x: e^r of degree 6 in float32, 2^k by the exponent."""
    shifted = x * LOG2_E[0] - OFF_CENTRE + MAGIC_F32
    r = reduced_f32(x, shifted - MAGIC_F32)
    y = scaled_f32(exp_of_rest_f32(r), shifted)
    outside = (absolute(x) > 87.0) | (x != x)
    if any_lane(outside):
        y = select(outside, _exp_edge_f32(x), y)
    return y


@kernel
def _exp_edge_f64(x: Any) -> Any:
    """e^x where the result may be anything."""
    x = held(x, -746.0, 710.0)
    whole = (x * LOG2_E[0] - OFF_CENTRE + MAGIC_F64) - MAGIC_F64
    return scaled_twice_f64(exp_of_rest_f64(reduced_f64(x, whole)), whole)


@computes("exp", f64)
@kernel
def exp_f64(x: Any) -> Any:
    """e^x: e^r of degree 11, 2^k by the exponent."""
    shifted = x * LOG2_E[0] - OFF_CENTRE + MAGIC_F64
    r = reduced_f64(x, shifted - MAGIC_F64)
    y = scaled_f64(exp_of_rest_f64(r), shifted)
    outside = (absolute(x) > 708.0) | (x != x)
    if any_lane(outside):
        y = select(outside, _exp_edge_f64(x), y)
    return y


# --- e^x - 1 -------------------------------------------------------------------------------


@kernel
def above_line_f32(r: Any) -> Any:
    """Return e^r - 1 - r, r between -ln 2 / 2 and ln 2 / 2."""
    half = r * r * 0.5
    q = ((EXPM1_F32[4] * r + EXPM1_F32[3]) * r + EXPM1_F32[2]) * r + EXPM1_F32[1]
    return half + half * ((q * r + EXPM1_F32[0]) * r)


@kernel
def above_line_f64(r: Any) -> Any:
    """Return e^r - 1 - r, r between -ln 2 / 2 and ln 2 / 2."""
    half = r * r * 0.5
    q = ((EXPM1_F64[9] * r + EXPM1_F64[8]) * r + EXPM1_F64[7]) * r + EXPM1_F64[6]
    q = ((q * r + EXPM1_F64[5]) * r + EXPM1_F64[4]) * r + EXPM1_F64[3]
    q = ((q * r + EXPM1_F64[2]) * r + EXPM1_F64[1]) * r + EXPM1_F64[0]
    return half + half * (q * r)


@kernel
def _expm1_edge_f32(x: Any) -> Any:
    """e^x - 1 of a large x or NaN: halved, so that 2^k does not overflow before the result."""
    x = held(x, -20.0, 89.0)
    shifted = x * LOG2_E[0] + MAGIC_F32
    whole = shifted - MAGIC_F32
    near = x - whole * LN2_F32[0]
    far = whole * LN2_F32[1]
    r = near - far
    scale = bit_cast(f32, (bit_cast(i32, shifted - 2.0) << 23) + ONE_F32)
    small = (above_line_f32(r) + ((near - r) - far)) * scale - 0.25
    total = scale + r * scale
    return (total + ((r * scale - (total - scale)) + small)) * 4.0


@computes("expm1", f32)
@kernel
def expm1_f32(x: Any) -> Any:
    """e^x - 1: 2^k (e^r - 1) + (2^k - 1), what its sums lose kept in numbers of their own.

    ln 2 in float32 ends in three zeros, so r is exact up to k = 8; beyond is an edge, and far below
    0 it does not matter.
    """
    bounded = held_above(x, -20.0)
    shifted = bounded * LOG2_E[0] + MAGIC_F32
    whole = shifted - MAGIC_F32
    r = bounded - whole * LN2_SHORT[0]
    scale = bit_cast(f32, (bit_cast(i32, shifted) << 23) + ONE_F32)
    line = r * scale
    base = 1.0 - scale
    total = line - base
    # Subtracted, never added, so that -0 stays -0.
    lost = (total + base) - line
    y = total - (lost - (above_line_f32(r) - whole * LN2_SHORT[1]) * scale)
    outside = (x > 5.75) | (x != x)
    if any_lane(outside):
        y = select(outside, _expm1_edge_f32(x), y)
    return y


@kernel
def _expm1_edge_f64(x: Any) -> Any:
    """e^x - 1 of a large x or NaN: halved, so that 2^k does not overflow before the result."""
    x = held(x, -40.0, 710.0)
    shifted = x * LOG2_E[0] + MAGIC_F64
    whole = shifted - MAGIC_F64
    near = x - whole * LN2_F64[0]
    far = whole * LN2_F64[1]
    r = near - far
    scale = bit_cast(f64, (bit_cast(i64, shifted - 2.0) << 52) + ONE_F64)
    small = (above_line_f64(r) + ((near - r) - far)) * scale - 0.25
    total = scale + r * scale
    return (total + ((r * scale - (total - scale)) + small)) * 4.0


@computes("expm1", f64)
@kernel
def expm1_f64(x: Any) -> Any:
    """e^x - 1: 2^k (e^r - 1) + (2^k - 1), what its sums lose kept in numbers of their own."""
    bounded = held_above(x, -40.0)
    shifted = bounded * LOG2_E[0] + MAGIC_F64
    whole = shifted - MAGIC_F64
    near = bounded - whole * LN2_F64[0]
    far = whole * LN2_F64[1]
    r = near - far
    scale = bit_cast(f64, (bit_cast(i64, shifted) << 52) + ONE_F64)
    line = r * scale
    base = 1.0 - scale
    total = line - base
    # Subtracted, never added, so that -0 stays -0.
    lost = (total + base) - line
    y = total - (lost - (above_line_f64(r) + ((near - r) - far)) * scale)
    outside = (x > 36.0) | (x != x)
    if any_lane(outside):
        y = select(outside, _expm1_edge_f64(x), y)
    return y
