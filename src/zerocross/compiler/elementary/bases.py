"""Exponentials of other bases: exp2, exp10; see `exponential` for how.

Coefficients: ``tools/coefficients``.
"""

from __future__ import annotations

from typing import Any

from zerocross.compiler.elementary.exponential import (
    MAGIC_F32,
    MAGIC_F64,
    OFF_CENTRE,
    held,
    scaled_f32,
    scaled_f64,
    scaled_twice_f32,
    scaled_twice_f64,
)
from zerocross.compiler.functions import computes
from zerocross.compiler.kernel import kernel
from zerocross.compiler.primitives.vector import absolute, any_lane, bit_cast, f32, f64, i32, select

__all__ = ["exp2_f32", "exp2_f64", "exp10_f32", "exp10_f64"]

LOG2_10 = (3.321928094887362,)
LOG10_2_F32 = (0.301025390625, 4.605039066518657e-06)
LOG10_2_F64 = (0.30102999566361177, 3.694239077158931e-13)
LN10_F32 = (2.3017578125, 0.0008272805134765804)
LN10_F64 = (2.3025850653648376, 2.7629208037533617e-08)
EXP2_F32 = (
    0.1931471973657608,
    0.24022622406482697,
    0.055503394454717636,
    0.00962178036570549,
    0.0013396915746852756,
    0.00014385211397893727,
)
EXP10_F32 = (
    2.6509501934051514,
    2.0346672534942627,
    1.1709966659545898,
    0.5410974025726318,
    0.21907655894756317,
)
EXP2_F64 = (
    0.19314718055994531,
    0.24022650695910147,
    0.05550410866482152,
    0.009618129107587286,
    0.0013333558146367596,
    0.0001540353046597687,
    1.5252733927598297e-05,
    1.3215430858632275e-06,
    1.0178005689105643e-07,
    7.074530055547715e-09,
    4.465285767131919e-10,
)
EXP10_F64 = (
    2.6509490552391983,
    2.0346785922936075,
    1.171255148912829,
    0.5393829291364405,
    0.20699584863606588,
    0.0680893741459389,
    0.019597686412197255,
    0.005013345062711355,
    0.0011558647569996803,
    0.0002553357914270576,
)


# --- 2^x -----------------------------------------------------------------------------------


@kernel
def _exp2_of_rest_f32(r: Any) -> Any:
    """Return 2^r, r from -1/2 to 1/2: half of r is exact, and what is left of 2^r - 1 smaller."""
    q = ((EXP2_F32[5] * r + EXP2_F32[4]) * r + EXP2_F32[3]) * r + EXP2_F32[2]
    q = (q * r + EXP2_F32[1]) * r + EXP2_F32[0]
    return (q * r + r * 0.5) + 1.0


@kernel
def _exp2_edge_f32(x: Any) -> Any:
    """2^x where the result may be anything."""
    x = held(x, -151.0, 129.0)
    whole = (x + MAGIC_F32) - MAGIC_F32
    return scaled_twice_f32(_exp2_of_rest_f32(x - whole), whole)


@computes("exp2", f32)
@kernel
def exp2_f32(x: Any) -> Any:
    """2^x: a fraction, exactly cut off, in a polynomial of degree 6; 2^k by the exponent."""
    shifted = x + MAGIC_F32
    y = scaled_f32(_exp2_of_rest_f32(x - (shifted - MAGIC_F32)), shifted)
    outside = (absolute(x) > 126.0) | (x != x)
    if any_lane(outside):
        y = select(outside, _exp2_edge_f32(x), y)
    return y


@kernel
def _exp2_of_rest_f64(r: Any) -> Any:
    """Return 2^r, r from -1/2 to 1/2: half of r is exact, and what is left of 2^r - 1 smaller."""
    q = ((EXP2_F64[10] * r + EXP2_F64[9]) * r + EXP2_F64[8]) * r + EXP2_F64[7]
    q = ((q * r + EXP2_F64[6]) * r + EXP2_F64[5]) * r + EXP2_F64[4]
    q = ((q * r + EXP2_F64[3]) * r + EXP2_F64[2]) * r + EXP2_F64[1]
    q = q * r + EXP2_F64[0]
    return (q * r + r * 0.5) + 1.0


@kernel
def _exp2_edge_f64(x: Any) -> Any:
    """2^x where the result may be anything."""
    x = held(x, -1076.0, 1025.0)
    whole = (x + MAGIC_F64) - MAGIC_F64
    return scaled_twice_f64(_exp2_of_rest_f64(x - whole), whole)


@computes("exp2", f64)
@kernel
def exp2_f64(x: Any) -> Any:
    """2^x: a fraction, exactly cut off, in a polynomial of degree 11; 2^k by the exponent."""
    shifted = x + MAGIC_F64
    y = scaled_f64(_exp2_of_rest_f64(x - (shifted - MAGIC_F64)), shifted)
    outside = (absolute(x) > 1022.0) | (x != x)
    if any_lane(outside):
        y = select(outside, _exp2_edge_f64(x), y)
    return y


# --- 10^x ----------------------------------------------------------------------------------


@kernel
def _exp10_less_f32(x: Any, whole: Any) -> Any:
    """Return 10^(x - whole log10 2): the upper half of the rest's bits times ln 10 is exact."""
    near = x - whole * LOG10_2_F32[0]
    far = whole * LOG10_2_F32[1]
    r = near - far
    upper = bit_cast(f32, bit_cast(i32, r) & -4096)
    q = ((EXP10_F32[4] * r + EXP10_F32[3]) * r + EXP10_F32[2]) * r + EXP10_F32[1]
    q = (r * r) * (q * r + EXP10_F32[0]) + r * LN10_F32[1]
    large = upper * LN10_F32[0]
    total = large + 1.0
    return total + ((large - (total - 1.0)) + (q + ((near - upper) - far) * LN10_F32[0]))


@kernel
def _exp10_edge_f32(x: Any) -> Any:
    """10^x where the result may be anything."""
    x = held(x, -46.0, 39.0)
    whole = (x * LOG2_10[0] - OFF_CENTRE + MAGIC_F32) - MAGIC_F32
    return scaled_twice_f32(_exp10_less_f32(x, whole), whole)


@computes("exp10", f32)
@kernel
def exp10_f32(x: Any) -> Any:
    """10^x: 10^r of degree 6, its first term in two parts (T. J. Dekker, 1971)."""
    shifted = x * LOG2_10[0] - OFF_CENTRE + MAGIC_F32
    y = scaled_f32(_exp10_less_f32(x, shifted - MAGIC_F32), shifted)
    outside = (absolute(x) > 37.5) | (x != x)
    if any_lane(outside):
        y = select(outside, _exp10_edge_f32(x), y)
    return y


@kernel
def _exp10_of_rest_f64(r: Any) -> Any:
    """Return 10^r, r from log10 3/4 to log10 3/2."""
    q = ((EXP10_F64[9] * r + EXP10_F64[8]) * r + EXP10_F64[7]) * r + EXP10_F64[6]
    q = ((q * r + EXP10_F64[5]) * r + EXP10_F64[4]) * r + EXP10_F64[3]
    q = ((q * r + EXP10_F64[2]) * r + EXP10_F64[1]) * r + EXP10_F64[0]
    return ((r * r) * q + r * LN10_F64[1]) + r * LN10_F64[0] + 1.0


@kernel
def _reduced_exp10_f64(x: Any, whole: Any) -> Any:
    """Return x less k times log10 2."""
    return (x - whole * LOG10_2_F64[0]) - whole * LOG10_2_F64[1]


@kernel
def _exp10_edge_f64(x: Any) -> Any:
    """10^x where the result may be anything."""
    x = held(x, -324.0, 309.0)
    whole = (x * LOG2_10[0] - OFF_CENTRE + MAGIC_F64) - MAGIC_F64
    return scaled_twice_f64(_exp10_of_rest_f64(_reduced_exp10_f64(x, whole)), whole)


@computes("exp10", f64)
@kernel
def exp10_f64(x: Any) -> Any:
    """10^x: 10^r of degree 11, 2^k by the exponent."""
    shifted = x * LOG2_10[0] - OFF_CENTRE + MAGIC_F64
    r = _reduced_exp10_f64(x, shifted - MAGIC_F64)
    y = scaled_f64(_exp10_of_rest_f64(r), shifted)
    outside = (absolute(x) > 307.0) | (x != x)
    if any_lane(outside):
        y = select(outside, _exp10_edge_f64(x), y)
    return y
