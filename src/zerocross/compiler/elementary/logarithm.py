"""Logarithms of vectors: natural, binary, decimal, and of one plus a number.

A number is 2^k (1 + t), with 1 + t from sqrt(1/2) to sqrt(2), by its bits alone, so that t is exact.
The logarithm is k times a constant whose first bits leave the product exact, plus that of 1 + t,
whose first term is kept in two parts, summed without error (T. J. Dekker, A floating-point
technique for extending the available precision, 1971). In float32 the rest is a polynomial of t; in
float64 it is one of the square of s = t / (2 + t), as in P. T. P. Tang, Table-driven implementation
of the logarithm function, 1990, and J.-M. Muller, Elementary Functions, chapter 11.

Zeros give -inf, numbers below zero NaN; infinities and subnormal numbers as in C99, Annex F.

Real-time: all safe.
"""

from __future__ import annotations

import math
from typing import Any

from zerocross.compiler.functions import computes
from zerocross.compiler.kernel import kernel
from zerocross.compiler.primitives.vector import (
    any_lane,
    bit_cast,
    convert,
    f32,
    f64,
    i32,
    i64,
    maximum,
    minimum,
    select,
)

__all__ = [
    "log1p_f32",
    "log1p_f64",
    "log2_f32",
    "log2_f64",
    "log10_f32",
    "log10_f64",
    "log_f32",
    "log_f64",
]

LOG_F32 = (
    -0.49999988079071045,
    0.33333325386047363,
    -0.25001582503318787,
    0.2000197321176529,
    -0.16609083116054535,
    0.14181825518608093,
    -0.13242988288402557,
    0.1290443241596222,
    -0.07621777802705765,
)
LOG2_F32 = (
    -0.7213473320007324,
    0.4808982312679291,
    -0.36069658398628235,
    0.2885674834251404,
    -0.23961840569972992,
    0.2046004831790924,
    -0.19105592370033264,
    0.18617162108421326,
    -0.10995900630950928,
)
LOG10_F32 = (
    -0.21714718639850616,
    0.14476479589939117,
    -0.10858049243688583,
    0.08686746656894684,
    -0.07213232666254044,
    0.06159088388085365,
    -0.05751356482505798,
    0.056043241173028946,
    -0.03310095891356468,
)
LN2_F32 = (0.693145751953125, 1.428606765330187e-06)
LOG10_2_F32 = (0.30103302001953125, -3.024355464731343e-06)
LOG2_E_F32 = (1.44287109375, -0.00017605285393074155)
LOG10_E_F32 = (0.434326171875, -3.168997136526741e-05)

LOG_F64 = (
    0.6666666666666734,
    0.3999999999941705,
    0.28571428741890564,
    0.22222198621895325,
    0.1818356188949341,
    0.15314110855664873,
    0.14795363981209442,
)
LN2_F64 = (0.6931471805601177, -1.7239444525614835e-13)
LOG10_2_F64 = (0.3010299956640665, -8.532344317057107e-14)
LOG2_E_F64 = (1.4426950514316559, -1.0542692476429138e-08)
LOG10_E_F64 = (0.4342944845557213, -2.6524694553078553e-09)

# Bits of float32: sqrt(1/2), the exponent with the sign, what 12 leading bits leave.
_ROOT_F32, _EXPONENT_F32, _FIRST_F32 = 0x3F3504F3, -0x00800000, -0x1000
_ONE_F32 = 0x3F800000
# Added to bits, it sorts what is neither positive nor normal nor finite to the top.
_TO_TOP_F32, _TOP_F32 = 0x7F800000, -0x01000000
_LEAST_F32, _LEAST_F64 = 2.0**-126, 2.0**-1022
# Bits of float64: 1 - sqrt(1/2), sqrt(1/2), exponent, mantissa, 2^52, what 26 leading bits leave.
_ROOT_F64 = 0x3FE6A09E667F3BCD
_RISE_F64 = 0x3FF0000000000000 - _ROOT_F64
_EXPONENT_F64, _MANTISSA_F64, _FIRST_F64 = 0x7FF0000000000000, 0x000FFFFFFFFFFFFF, -0x8000000
_SHIFT_F64, _SHIFT = 0x4330000000000000, 2.0**52 + 1023.0
_ONE_F64 = 0x3FF0000000000000


# --- float32 ------------------------------------------------------------------------------


@kernel
def _exponent_f32(bits: Any) -> Any:
    """Return k of 2^k (1 + t), shifted to the exponent's place."""
    return (bits - _ROOT_F32) & _EXPONENT_F32


@kernel
def _polynomial_f32(t: Any, c: Any) -> Any:
    """Return the polynomial of nine coefficients."""
    p = ((t * c[8] + c[7]) * t + c[6]) * t + c[5]
    return ((((p * t + c[4]) * t + c[3]) * t + c[2]) * t + c[1]) * t + c[0]


@kernel
def _log_f32(bits: Any) -> Any:
    power = _exponent_f32(bits)
    k = convert(f32, power >> 23)
    t = bit_cast(f32, bits - power) - 1.0
    rest = t * t * _polynomial_f32(t, LOG_F32)
    high = k * LN2_F32[0]
    total = high + t
    return total + (((t - (total - high)) + k * LN2_F32[1]) + rest)


@kernel
def _scaled_f32(bits: Any, unit: Any, factor: Any, coefficients: Any) -> Any:
    """Return a logarithm to a base: of 2 (``unit``), of e (``factor``), in two parts each."""
    power = _exponent_f32(bits)
    k = convert(f32, power >> 23)
    t = bit_cast(f32, bits - power) - 1.0
    first = bit_cast(f32, bit_cast(i32, t) & _FIRST_F32)
    rest = t * t * _polynomial_f32(t, coefficients)
    rest = rest + (t * factor[1] + (t - first) * factor[0])
    high, low = k * unit[0], first * factor[0]
    total = high + low
    return total + (((low - (total - high)) + k * unit[1]) + rest)


@kernel
def _log2_f32(bits: Any) -> Any:
    return _scaled_f32(bits, (1.0, 0.0), LOG2_E_F32, LOG2_F32)


@kernel
def _log10_f32(bits: Any) -> Any:
    return _scaled_f32(bits, LOG10_2_F32, LOG10_E_F32, LOG10_F32)


@kernel
def _outside_f32(bits: Any) -> Any:
    """Return where bits are not those of a positive, normal, finite number."""
    return bits + _TO_TOP_F32 >= _TOP_F32


@kernel
def _normal_f32(x: Any) -> Any:
    """Return bits of which 2^k (1 + t) is right for subnormal numbers too."""
    raised = bit_cast(i32, x * 2.0**24) - (24 << 23)
    return select(x < _LEAST_F32, raised, bit_cast(i32, x))


@kernel
def _limits(x: Any, y: Any) -> Any:
    """Return a logarithm with its values for 0, numbers below it, infinity and NaN put in."""
    y = select(x < math.inf, y, x + x)
    return select(x < 0.0, math.nan, select(x == 0.0, -math.inf, y))


@computes("log", f32)
@kernel
def log_f32(x: Any) -> Any:
    """Return the natural logarithms of lanes."""
    bits = bit_cast(i32, x)
    y = _log_f32(bits)
    outside = _outside_f32(bits)
    if any_lane(outside):
        y = select(outside, _limits(x, _log_f32(_normal_f32(x))), y)
    return y


@computes("log2", f32)
@kernel
def log2_f32(x: Any) -> Any:
    """Return the binary logarithms of lanes; exact for powers of two."""
    bits = bit_cast(i32, x)
    y = _log2_f32(bits)
    outside = _outside_f32(bits)
    if any_lane(outside):
        y = select(outside, _limits(x, _log2_f32(_normal_f32(x))), y)
    return y


@computes("log10", f32)
@kernel
def log10_f32(x: Any) -> Any:
    """Return the decimal logarithms of lanes."""
    bits = bit_cast(i32, x)
    y = _log10_f32(bits)
    outside = _outside_f32(bits)
    if any_lane(outside):
        y = select(outside, _limits(x, _log10_f32(_normal_f32(x))), y)
    return y


@kernel
def _log1p_f32(x: Any) -> Any:
    """Return log(1 + x) for x above -1, below 2^100: what 1 + x loses is added to t."""
    one = x * 0.0 + 1.0
    larger = maximum(x, one)
    smaller = minimum(x, one)
    total = larger + smaller
    lost = smaller - (total - larger)
    bits = bit_cast(i32, total)
    power = _exponent_f32(bits)
    k = convert(f32, power >> 23)
    first = bit_cast(f32, bits - power) - 1.0
    lost = lost * bit_cast(f32, _ONE_F32 - power)
    t = first + lost
    rest = t * t * _polynomial_f32(t, LOG_F32)
    high = k * LN2_F32[0]
    total = high + first
    rest = (first - (total - high)) + (k * LN2_F32[1] + (lost + rest))
    y = bit_cast(i32, total + rest)
    return bit_cast(f32, y | (bit_cast(i32, x) & (-1 << 31)))


@computes("log1p", f32)
@kernel
def log1p_f32(x: Any) -> Any:
    """Return the natural logarithms of one plus the lanes; right near 0, and of its sign there."""
    y = _log1p_f32(x)
    bits = bit_cast(i32, x)
    inside = (x > -1.0) & (x < 2.0**100)
    outside = inside ^ (bits == bits)
    if any_lane(outside):
        far = _limits(x + 1.0, _log_f32(bit_cast(i32, x)))
        y = select(outside, far, y)
    return y
