"""Logarithms of vectors: natural, binary, decimal, and of one plus a number.

A number is 2^k (1 + t), with 1 + t from sqrt(1/2) to sqrt(2), by its bits alone, so that t is exact.
The logarithm is k times a constant whose first bits leave the product exact, plus that of 1 + t,
whose first term is kept in two parts, summed without error (T. J. Dekker, A floating-point
technique for extending the available precision, 1971). In float32 the rest is a polynomial of t; in
float64 it is one of the square of s = t / (2 + t), as in P. T. P. Tang, Table-driven implementation
of the logarithm function, 1990, and J.-M. Muller, Elementary Functions, chapter 11.

Zeros give -inf, numbers below zero NaN; infinities and subnormal numbers as in C99, Annex F.

Real-time: all safe.

Over 300 lines: both widths of one method stand side by side, with their constants.
"""

from __future__ import annotations

import math
from typing import Any

from zerocross.compiler.elementary.bits import signed_f32, signed_f64
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
    "split_f64",
]

LOG_F32 = (
    0.3333335518836975,
    -0.2500085234642029,
    0.1999976634979248,
    -0.16621315479278564,
    0.14228099584579468,
    -0.13203458487987518,
    0.12615187466144562,
    -0.07353802770376205,
)
LOG2_F32 = (
    -0.057304952293634415,
    -0.7213475108146667,
    0.4808956980705261,
    -0.3606727719306946,
    0.2887217104434967,
    -0.24057671427726746,
    0.2016618698835373,
    -0.17670002579689026,
    0.20337361097335815,
    -0.18218156695365906,
)
LOG10_F32 = (
    0.059294480830430984,
    -0.21714718639850616,
    0.1447649896144867,
    -0.1085808202624321,
    0.08685902506113052,
    -0.07211995124816895,
    0.061720769852399826,
    -0.05772604048252106,
    0.05538356676697731,
    -0.03185524418950081,
)
LN2_F32 = (0.693145751953125, 1.428606765330187e-06)
LOG10_2_F32 = (0.30103302001953125, -3.024355464731343e-06)

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
LOG2_E_F64 = (1.4426950408889634, -0.05730495911103659)
LOG10_E_F64 = (0.4342944819032518, 0.05929448190325183)

# Bits of float32: sqrt(1/2), 2/3, 1, the exponent with the sign.
_ROOT_F32, _TWO_THIRDS_F32, _ONE_F32 = 0x3F3504F3, 0x3F2AAAAB, 0x3F800000
_EXPONENT_F32 = -0x00800000
# Added to bits, it sorts what is neither positive nor normal nor finite to the top.
_TO_TOP_F32, _TOP_F32 = 0x7F800000, -0x01000000
_LEAST_F32, _LEAST_F64 = 2.0**-126, 2.0**-1022
# Bits of float64: sqrt(1/2), 1, what lifts the one to the other, exponent, mantissa, 2^52.
_ROOT_F64, _ONE_F64 = 0x3FE6A09E667F3BCD, 0x3FF0000000000000
_LIFT_F64 = _ONE_F64 - _ROOT_F64
_EXPONENT_F64, _MANTISSA_F64 = 0x7FF0000000000000, 0x000FFFFFFFFFFFFF
_FAR_F64, _FAR = 0x4330000000000000, 2.0**52 + 1023.0


# --- float32 ------------------------------------------------------------------------------


@kernel
def _split_f32(bits: Any, least: Any) -> Any:
    """Return k, t, and the bits that k adds, of 2^k (1 + t) where 1 + t is not below `least`."""
    power = (bits - least) & _EXPONENT_F32
    return convert(f32, power >> 23), bit_cast(f32, bits - power) - 1.0, power


@kernel
def _eight_f32(t: Any, z: Any, c: Any, i: int) -> Any:
    """Return the polynomial of eight coefficients from the i-th on, two at a time; z is t t."""
    p = ((c[i + 6] + c[i + 7] * t) * z + (c[i + 4] + c[i + 5] * t)) * z
    return (p + (c[i + 2] + c[i + 3] * t)) * z + (c[i] + c[i + 1] * t)


@kernel
def _rest_f32(t: Any) -> Any:
    """Return log(1 + t) - t; half the square is exact, and by far the largest term."""
    z = t * t
    return z * (t * _eight_f32(t, z, LOG_F32, 0)) - z * 0.5


@kernel
def _log_f32(bits: Any) -> Any:
    k, t, _ = _split_f32(bits, _ROOT_F32)
    high = k * LN2_F32[0]
    total = high + t
    return total + (((t - (total - high)) + k * LN2_F32[1]) + _rest_f32(t))


@kernel
def _log2_f32(bits: Any) -> Any:
    k, t, _ = _split_f32(bits, _TWO_THIRDS_F32)
    z = t * t
    first = t * 1.5
    total = k + first
    rest = z * (LOG2_F32[1] + 0.5 + t * _eight_f32(t, z, LOG2_F32, 2)) + t * LOG2_F32[0]
    return total + (((first - (total - k)) + rest) - z * 0.5)


@kernel
def _log10_f32(bits: Any) -> Any:
    k, t, _ = _split_f32(bits, _ROOT_F32)
    z = t * t
    first, high = t * 0.375, k * LOG10_2_F32[0]
    total = high + first
    p = _eight_f32(t, z, LOG10_F32, 2) * z + (LOG10_F32[0] + LOG10_F32[1] * t)
    return total + ((first - (total - high)) + (k * LOG10_2_F32[1] + t * p))


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
    larger, smaller = maximum(x, one), minimum(x, one)
    sum_ = larger + smaller
    k, first, power = _split_f32(bit_cast(i32, sum_), _ROOT_F32)
    lost = (smaller - (sum_ - larger)) * bit_cast(f32, _ONE_F32 - power)
    high = k * LN2_F32[0]
    total = high + first
    low = ((first - (total - high)) + k * LN2_F32[1]) + lost
    y = total + (low + _rest_f32(first + lost))
    return signed_f32(y, x)


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


# --- float64 ------------------------------------------------------------------------------


@kernel
def split_f64(bits: Any, raised: Any) -> Any:
    """Return k, t, and the bits that k adds to 1, of 2^k (1 + t) / 2^raised."""
    lifted = bits + _LIFT_F64
    power = lifted & _EXPONENT_F64
    k = bit_cast(f64, (power >> 52) | _FAR_F64) - _FAR - raised
    return k, bit_cast(f64, (lifted & _MANTISSA_F64) + _ROOT_F64) - 1.0, power


@kernel
def _rest_f64(t: Any) -> Any:
    """Return log(1 + t) - t."""
    s = t / (t + 2.0)
    z = s * s
    w = z * z
    c = LOG_F64
    p = ((c[6] * w + (c[4] + c[5] * z)) * w + (c[2] + c[3] * z)) * w + (c[0] + c[1] * z)
    half = t * t * 0.5
    return s * (half + z * p) - half


@kernel
def _log_f64(bits: Any, raised: Any) -> Any:
    k, t, _ = split_f64(bits, raised)
    high = k * LN2_F64[0]
    total = high + t
    return total + (((t - (total - high)) + k * LN2_F64[1]) + _rest_f64(t))


@kernel
def _log2_f64(bits: Any, raised: Any) -> Any:
    k, t, _ = split_f64(bits, raised)
    first = t * 1.5
    total = k + first
    rest = t * LOG2_E_F64[1] + _rest_f64(t) * LOG2_E_F64[0]
    return total + ((first - (total - k)) + rest)


@kernel
def _log10_f64(bits: Any, raised: Any) -> Any:
    k, t, _ = split_f64(bits, raised)
    first, high = t * 0.375, k * LOG10_2_F64[0]
    total = high + first
    rest = t * LOG10_E_F64[1] + _rest_f64(t) * LOG10_E_F64[0]
    return total + ((first - (total - high)) + (k * LOG10_2_F64[1] + rest))


@kernel
def _outside_f64(x: Any) -> Any:
    """Return where a number is not positive, normal and finite."""
    bits = bit_cast(i64, x)
    return ((x >= _LEAST_F64) & (x < math.inf)) ^ (bits == bits)


@kernel
def _raised_f64(x: Any) -> Any:
    """Return the bits of normal numbers, and how often these are twice too large."""
    few = x < _LEAST_F64
    return bit_cast(i64, select(few, x * 2.0**54, x)), select(few, x * 0.0 + 54.0, 0.0)


@computes("log", f64)
@kernel
def log_f64(x: Any) -> Any:
    """Return the natural logarithms of lanes."""
    y = _log_f64(bit_cast(i64, x), 0.0)
    outside = _outside_f64(x)
    if any_lane(outside):
        bits, raised = _raised_f64(x)
        y = select(outside, _limits(x, _log_f64(bits, raised)), y)
    return y


@computes("log2", f64)
@kernel
def log2_f64(x: Any) -> Any:
    """Return the binary logarithms of lanes; exact for powers of two."""
    y = _log2_f64(bit_cast(i64, x), 0.0)
    outside = _outside_f64(x)
    if any_lane(outside):
        bits, raised = _raised_f64(x)
        y = select(outside, _limits(x, _log2_f64(bits, raised)), y)
    return y


@computes("log10", f64)
@kernel
def log10_f64(x: Any) -> Any:
    """Return the decimal logarithms of lanes."""
    y = _log10_f64(bit_cast(i64, x), 0.0)
    outside = _outside_f64(x)
    if any_lane(outside):
        bits, raised = _raised_f64(x)
        y = select(outside, _limits(x, _log10_f64(bits, raised)), y)
    return y


@kernel
def _log1p_f64(x: Any) -> Any:
    """Return log(1 + x) for x above -1, below 2^1000: what 1 + x loses is added to t."""
    one = x * 0.0 + 1.0
    larger, smaller = maximum(x, one), minimum(x, one)
    sum_ = larger + smaller
    k, first, power = split_f64(bit_cast(i64, sum_), 0.0)
    lost = (smaller - (sum_ - larger)) * bit_cast(f64, 2 * _ONE_F64 - power)
    high = k * LN2_F64[0]
    total = high + first
    low = ((first - (total - high)) + k * LN2_F64[1]) + lost
    y = total + (low + _rest_f64(first + lost))
    return signed_f64(y, x)


@computes("log1p", f64)
@kernel
def log1p_f64(x: Any) -> Any:
    """Return the natural logarithms of one plus the lanes; right near 0, and of its sign there."""
    y = _log1p_f64(x)
    bits = bit_cast(i64, x)
    outside = ((x > -1.0) & (x < 2.0**1000)) ^ (bits == bits)
    if any_lane(outside):
        y = select(outside, _limits(x + 1.0, _log_f64(bits, 0.0)), y)
    return y
