"""Powers of vectors: x to the y, for float32 and float64.

x^y is 2^(y log2 x), and the logarithm has to be known to as many bits more as the product has
before its point (J.-M. Muller, Elementary Functions, section 13.2). For float32 its terms that matter
are summed in float64, the others in float32, and the product becomes a number of fixed point, whose
integer and fraction are cut apart without error; for float64 it has two parts.

The special cases are those of C99, F.9.4.4: one to any power and any number to the power of 0 are
1, even if the other one is NaN.

Real-time: all safe.
"""

from __future__ import annotations

import math
from typing import Any

from zerocross.compiler.elementary.bases import EXP2_F32
from zerocross.compiler.elementary.bits import SIGN_F32, SIGN_F64
from zerocross.compiler.elementary.logarithm import split_f64
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
    round_even,
    select,
)

__all__ = ["pow_f32", "pow_f64"]

LOG2_WIDE = (
    1.4426950408923305,
    -0.7213475195693044,
    0.48089834396173564,
    -0.36067397861626815,
    0.2885394417234127,
)
LOG2_F32 = (
    -0.24043366312980652,
    0.20607596635818481,
    -0.18080607056617737,
    0.16089121997356415,
    -0.1374610960483551,
    0.12356283515691757,
    -0.16610530018806458,
    0.15754172205924988,
)
ATANH_F64 = (
    0.2,
    0.142857142857142,
    0.11111111111142188,
    0.09090909085053632,
    0.0769230834209872,
    0.06666621910624569,
    0.058842872576908636,
    0.0521225289476326,
    0.055011866443737255,
)
THIRD_F64 = (0.3333333333333333, 1.850371707708594e-17)
TWICE_LOG2_E_F64 = (
    2.8853901028633118,
    -2.1085384952858276e-08,
    2.8853900817779268,
)
EXP2_F64 = (
    0.6931471805599453,
    0.2402265069591013,
    0.055504108664820084,
    0.00961812910759412,
    0.0013333558146774623,
    0.0001540353045711213,
    1.5252733493125698e-05,
    1.3215435282292123e-06,
    1.0178199572630236e-07,
    7.073783250834548e-09,
    4.434771174503137e-10,
)
EXP2_WIDE = (
    0.6931472253950111,
    0.24022651084117294,
    0.05550297314199325,
    0.009618030782505154,
    0.0013410000966100157,
    0.00015469731977475548,
)

# Bits of float32: 2/3, the exponent with the sign.
_TWO_THIRDS_F32, _EXPONENT_F32 = 0x3F2AAAAB, -0x00800000
# Added to bits, it sorts what is neither positive nor normal nor finite to the top.
_TO_TOP_F32, _TOP_F32 = 0x7F800000, -0x01000000
_LEAST_F32 = 2.0**-126
# Of float64: the bits of 1, and what leaves the first 26 bits.
_ONE_F64, _FIRST_F64, _LEAST_F64 = 0x3FF0000000000000, -0x8000000, 2.0**-1022
# Added, it leaves an integer in the low bits of float64.
_FAR = 1.5 * 2.0**52
# This one leaves 25 bits of the fraction there, too.
_FAR_25 = 1.5 * 2.0**27


# --- float32 ------------------------------------------------------------------------------


@kernel
def _log2_wide(bits: Any, power: Any) -> Any:
    """Return the binary logarithms of float32 in float64, to 34 bits."""
    t = bit_cast(f32, bits - power) - 1.0
    z = t * t
    c, a = LOG2_WIDE, LOG2_F32
    p = ((a[6] + a[7] * t) * z + (a[4] + a[5] * t)) * (z * z)
    tail = convert(f64, t * (p + ((a[2] + a[3] * t) * z + (a[0] + a[1] * t))))
    d = convert(f64, t)
    e = d * d
    first = (c[2] + c[3] * d) * e + (c[0] + c[1] * d)
    return convert(f64, power >> 23) + ((tail + c[4]) * (e * e) + first) * d


@kernel
def _power_f32(bits: Any) -> Any:
    """Return the exponents, in place, of float32 from 2/3 of a power of 2 on."""
    return (bits - _TWO_THIRDS_F32) & _EXPONENT_F32


@kernel
def _exp2_of_usual(w: Any) -> Any:
    """Return 2^w of float64 from -63 to 63 as float32, w rounded to 25 bits after its point."""
    fixed = convert(i32, bit_cast(i64, w + _FAR_25))
    whole = (fixed + (1 << 24)) & -(1 << 25)
    r = convert(f32, fixed - whole) * 2.0**-25
    z = r * r
    c = EXP2_F32
    q = ((c[4] + c[5] * r) * z + (c[2] + c[3] * r)) * z + (c[0] + c[1] * r)
    return bit_cast(f32, bit_cast(i32, (q * r + r * 0.5) + 1.0) + (whole >> 2))


@kernel
def _exp2_wide(w: Any) -> Any:
    """Return 2^w of float64 to 27 bits, w cut to what is beyond float32."""
    w = select(w < 400.0, w, 400.0)
    w = select(w > -400.0, w, -400.0)
    far = w + _FAR
    r = w - (far - _FAR)
    z = r * r
    c = EXP2_WIDE
    p = ((c[4] + c[5] * r) * z + (c[2] + c[3] * r)) * z + (c[0] + c[1] * r)
    return bit_cast(f64, bit_cast(i64, p * r + 1.0) + (bit_cast(i64, far) << 52))


@kernel
def _is_odd(y: Any) -> Any:
    """Return where floating-point lanes are odd integers."""
    half = y * 0.5
    return (round_even(y) == y) & (round_even(half) != half)


@kernel
def _specials(x: Any, y: Any, power: Any) -> Any:
    """Return |x|^y with the sign, and with NaN and 1 where they have to be."""
    negative = (x < 0.0) & (x > -math.inf)
    power = select(negative & (round_even(y) != y), math.nan, power)
    power = select((x != x) | (y != y), x + y, power)
    return select((x == 1.0) | (y == 0.0), 1.0, power)


@kernel
def _limits_of_log2(size: Any, log: Any) -> Any:
    """Return binary logarithms of magnitudes with those of 0 and infinity put in."""
    return select(size == 0.0, -math.inf, select(size < math.inf, log, size))


@kernel
def _pow_anywhere_f32(x: Any, y: Any) -> Any:
    """Return x^y for all there is."""
    size = absolute(x)
    raised = bit_cast(i32, size * 2.0**24) - (24 << 23)
    bits = select(size < _LEAST_F32, raised, bit_cast(i32, size))
    log = _log2_wide(bits, _power_f32(bits))
    log = _limits_of_log2(convert(f64, size), log)
    w = convert(f64, y) * log
    w = select((w == w) & (convert(f64, size) != 1.0), w, 0.0)
    power = convert(f32, _exp2_wide(w))
    sign = select(_is_odd(y), bit_cast(i32, x) & SIGN_F32, 0)
    return _specials(x, y, bit_cast(f32, bit_cast(i32, power) | sign))


@computes("pow", f32)
@kernel
def pow_f32(x: Any, y: Any) -> Any:
    """Return the powers of the first vector's lanes to the second's."""
    bits = bit_cast(i32, x)
    exponent = _power_f32(bits)
    power = _exp2_of_usual(convert(f64, y) * _log2_wide(bits, exponent))
    # Not less than 2^23 |w|, for log2(1 + t) is from -0.585 to 0.415.
    most = (absolute(convert(f32, exponent)) + 0.6 * 2.0**23) * absolute(y)
    inside = (bits + _TO_TOP_F32 < _TOP_F32) & (most < 63.0 * 2.0**23)
    outside = inside ^ (bits == bits)
    if any_lane(outside):
        power = select(outside, _pow_anywhere_f32(x, y), power)
    return power


# --- float64 ------------------------------------------------------------------------------


@kernel
def _first(a: Any) -> Any:
    """Return numbers with their first 26 bits, so that products of two are exact."""
    return bit_cast(f64, bit_cast(i64, a) & _FIRST_F64)


@kernel
def _product(a: Any, low: Any, b: Any, b_low: Any) -> Any:
    """Return the product of two numbers in two parts each, in two parts."""
    a1, b1 = _first(a), _first(b)
    a2, b2 = (a - a1) + low, (b - b1) + b_low
    return a1 * b1, a1 * b2 + a2 * (b1 + b2)


@kernel
def _ratio(t: Any) -> Any:
    """Return s = t / (2 + t) in two parts, the first one of 26 bits."""
    u = t + 2.0
    inverse = 1.0 / u
    s = t * inverse
    s1, u1 = _first(s), _first(u)
    u2, s2 = (u - u1) + (t - (u - 2.0)), s - s1
    return s1, s2 + (((t - s1 * u1) - s1 * u2) - s2 * u) * inverse


@kernel
def _tail_of_atanh(z: Any) -> Any:
    """Return the terms of atanh(s) / s, z the square of s, from z^2 on, over z."""
    w = z * z
    c = ATANH_F64
    p = (c[8] * w + (c[6] + c[7] * z)) * w + (c[4] + c[5] * z)
    return z * ((p * w + (c[2] + c[3] * z)) * w + (c[0] + c[1] * z))


@kernel
def _log2_pair(bits: Any, raised: Any) -> Any:
    """Return binary logarithms in two parts, of some 66 bits, from atanh(s) = s + s^3 / 3 + ..."""
    k, t, _ = split_f64(bits, raised)
    s1, s2 = _ratio(t)
    z1, z2 = s1 * s1, s2 * (s1 + (s1 + s2))
    tail = _tail_of_atanh(z1 + z2)
    a = tail + THIRD_F64[0]
    a_low = ((THIRD_F64[0] - a) + tail) + THIRD_F64[1]
    g, g_low = _product(z1, z2, a, a_low)
    p, p_low = _product(s1, s2, g, g_low)
    b = s1 + p
    b_low = ((s1 - b) + p) + (s2 + p_low)
    b1 = _first(b)
    high = b1 * TWICE_LOG2_E_F64[0]
    low = b1 * TWICE_LOG2_E_F64[1] + ((b - b1) + b_low) * TWICE_LOG2_E_F64[2]
    total = k + high
    return total, ((k - total) + high) + low


@kernel
def _exp2_f64(w: Any, low: Any) -> Any:
    """Return 2^w as a number near 1 and what has the integer power of 2 in its low bits."""
    far = (w + low) + _FAR
    f = (w - (far - _FAR)) + low
    z = f * f
    c = EXP2_F64
    q = z * z
    p = (c[8] + c[9] * f + c[10] * z) * q + ((c[6] + c[7] * f) * z + (c[4] + c[5] * f))
    p = p * q + ((c[2] + c[3] * f) * z + (c[0] + c[1] * f))
    return p * f + 1.0, far


@kernel
def _pow_anywhere_f64(x: Any, y: Any) -> Any:
    """Return x^y for all there is."""
    size = absolute(x)
    few = size < _LEAST_F64
    raised = select(few, x * 0.0 + 54.0, 0.0)
    log, log_low = _log2_pair(bit_cast(i64, select(few, size * 2.0**54, size)), raised)
    near_y = select(y > 2.0**80, 2.0**80, select(y < -(2.0**80), -(2.0**80), y))
    w, low = _product(near_y, near_y * 0.0, log, log_low)
    w = select(size == 0.0, y * -math.inf, select(size < math.inf, w, y * math.inf))
    usual = absolute(w) < 1200.0
    w = select(usual, w, select(w < 0.0, -1200.0, select(w > 0.0, 1200.0, w)))
    near, far = _exp2_f64(w, select(usual, low, 0.0))
    half = round_even((far - _FAR) * 0.5)
    other = (far - _FAR) - half
    scale = bit_cast(f64, (bit_cast(i64, half + _FAR) << 52) + _ONE_F64)
    power = near * scale * bit_cast(f64, (bit_cast(i64, other + _FAR) << 52) + _ONE_F64)
    sign = select(_is_odd(y), bit_cast(i64, x) & SIGN_F64, 0)
    return _specials(x, y, bit_cast(f64, bit_cast(i64, power) | sign))


@computes("pow", f64)
@kernel
def pow_f64(x: Any, y: Any) -> Any:
    """Return the powers of the first vector's lanes to the second's."""
    bits = bit_cast(i64, x)
    log, log_low = _log2_pair(bits, 0.0)
    w, low = _product(y, y * 0.0, log, log_low)
    near, far = _exp2_f64(w, low)
    power = bit_cast(f64, bit_cast(i64, near) + (bit_cast(i64, far) << 52))
    inside = (x >= _LEAST_F64) & (x < math.inf) & (absolute(w) < 1020.0)
    outside = inside ^ (bits == bits)
    if any_lane(outside):
        power = select(outside, _pow_anywhere_f64(x, y), power)
    return power
