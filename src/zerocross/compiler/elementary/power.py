"""Powers of vectors: x to the y, for float32 and float64.

x^y is 2^(y log2 x), and the logarithm has to be known to as many bits more as the product has
before its point (J.-M. Muller, Elementary Functions, section 13.2). For float32 its terms and those
of 2^f that matter are summed in float64, the others in float32.

The special cases are those of C99, F.9.4.4: one to any power and any number to the power of 0 are
1, even if the other one is NaN.

Real-time: all safe.
"""

from __future__ import annotations

import math
from typing import Any

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
    maximum,
    minimum,
    round_even,
    select,
)

__all__ = ["pow_f32"]

LOG2_WIDE = (1.4426950408923305, -0.7213475195693044, 0.48089834396173564, -0.36067397861626815, 0.2885394417234127,)
LOG2_F32 = (-0.24043366312980652, 0.20607596635818481, -0.18080607056617737, 0.16089121997356415, -0.1374610960483551, 0.12356283515691757, -0.16610530018806458, 0.15754172205924988,)
EXP2_F32 = (0.6931472253950111, 0.24022650718688965, 0.05550297349691391, 0.009618030861020088, 0.0013410000829026103, 0.00015469732170458883,)

# Bits of float32: 2/3, the exponent with the sign, the sign.
_TWO_THIRDS_F32, _EXPONENT_F32, _SIGN_F32 = 0x3F2AAAAB, -0x00800000, -0x80000000
# Added to bits, it sorts what is neither positive nor normal nor finite to the top.
_TO_TOP_F32, _TOP_F32 = 0x7F800000, -0x01000000
_LEAST_F32 = 2.0**-126
# Added, it leaves an integer in the low bits of float64.
_FAR = 1.5 * 2.0**52


# --- float32 ------------------------------------------------------------------------------


@kernel
def _log2_wide(bits: Any) -> Any:
    """Return the binary logarithms of float32 in float64, to 34 bits."""
    power = (bits - _TWO_THIRDS_F32) & _EXPONENT_F32
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
def _parts_of_exp2(w: Any) -> Any:
    """Return 2^w of float64 as a number near 1 and an integer power of 2; w from -400 to 400."""
    far = w + _FAR
    r = w - (far - _FAR)
    c = EXP2_F32
    f = convert(f32, r)
    z = f * f
    p = ((c[4] + c[5] * f) * z + (c[2] + c[3] * f)) * z + c[1] * f
    return (convert(f64, p) + c[0]) * r + 1.0, convert(i32, bit_cast(i64, far))


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
    log = _log2_wide(select(size < _LEAST_F32, raised, bit_cast(i32, size)))
    log = _limits_of_log2(convert(f64, size), log)
    w = convert(f64, y) * log
    w = select((w == w) & (convert(f64, size) != 1.0), w, 0.0)
    w = select(w < -400.0, -400.0, select(w > 400.0, 400.0, w))
    near, n = _parts_of_exp2(w)
    power = convert(f32, bit_cast(f64, bit_cast(i64, near) + (convert(i64, n) << 52)))
    sign = select(_is_odd(y), bit_cast(i32, x) & _SIGN_F32, 0)
    return _specials(x, y, bit_cast(f32, bit_cast(i32, power) | sign))


@computes("pow", f32)
@kernel
def pow_f32(x: Any, y: Any) -> Any:
    """Return the powers of the first vector's lanes to the second's."""
    bits = bit_cast(i32, x)
    w = convert(f64, y) * _log2_wide(bits)
    near, n = _parts_of_exp2(w)
    power = bit_cast(f32, bit_cast(i32, convert(f32, near)) + (n << 23))
    inside = (bits + _TO_TOP_F32 < _TOP_F32) & (absolute(convert(f32, w)) < 125.0)
    outside = inside ^ (bits == bits)
    if any_lane(outside):
        power = select(outside, _pow_anywhere_f32(x, y), power)
    return power
