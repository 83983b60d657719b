"""cbrt, rsqrt and hypot: a guess from the bits, a polynomial, and an exact remainder.

A float's bits are a piecewise linear logarithm, so that a fraction of them is near that of the
logarithm (W. Kahan, on computing a real cube root, 1991). A polynomial of what is left, ``1 - x y^k``,
brings the guess to a few bits more than it is then rounded to: few enough for its cube or square to
be exact. The remainder against x is then exact too, and a last polynomial of it gives the root with
little but its own rounding. Special values follow C99, Annex F.
"""

from __future__ import annotations

from typing import Any

from zerocross.compiler.elementary.bits import signed_f32, signed_f64
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
    select,
    square_root,
)

__all__ = [
    "cbrt_f32",
    "cbrt_f64",
    "hypot_f32",
    "hypot_f64",
    "rsqrt_f32",
    "rsqrt_f64",
]

# Printed by ``python -m tools.coefficients``: the bits of the guesses, the polynomials of what they
# leave, and those of the remainders.
CBRT_GUESS_F32 = (1419900528.0,)
CBRT_F32 = (
    0.999996542930603,
    0.6705864667892456,
    0.5598102807998657,
)
CBRT_GUESS_F64 = (6.142603643385283e18,)
CBRT_F64 = (
    1.0000000051072104,
    0.3333289756731749,
    0.22221445859635233,
    0.174493576166852,
    0.14587373923151167,
)
CBRT_REST_F64 = (
    0.3333333333333333,
    0.222222222278927,
    0.17283950618916866,
)
RSQRT_GUESS_F32 = (1597457720.0,)
RSQRT_F32 = (
    0.9999993443489075,
    0.5011033415794373,
    0.3762480616569519,
)
RSQRT_REST_F32 = (
    0.5,
    0.3750133514404297,
    0.31250399351119995,
)
RSQRT_GUESS_F64 = (6.910466482203787e18,)
RSQRT_F64 = (
    1.0000000006667829,
    0.49999829735696444,
    0.3749973022184916,
    0.3139494706303574,
    0.2750085793535278,
)
RSQRT_REST_F64 = (
    0.5,
    0.37500000004784445,
    0.31250000001430756,
)

_INFINITY = float("inf")
_THIRD = 1.0 / 3.0
# The upper half of a float64's bits is what its guess is made of; this much added to a float64
# leaves its integer part in the lower bits.
_HALF_BITS = 2.0**32
_INTEGER = 1.5 * 2.0**52
_CBRT_BITS_F32 = CBRT_GUESS_F32[0]
_CBRT_BITS_F64 = CBRT_GUESS_F64[0] / _HALF_BITS + _INTEGER
# Usual are float32 from 2^-100 to 2^100.
_CBRT_LEAST_F32 = (27 << 23) - 2**31
_CBRT_SPAN_F32 = (200 << 23) - 2**31
# Usual are squares from 2^-80 to below 2^127.
_HYPOT_LEAST_F32 = (47 << 23) - 2**31
_HYPOT_SPAN_F32 = (207 << 23) - 1 - 2**31
_RSQRT_BITS_F32 = int(RSQRT_GUESS_F32[0])
_RSQRT_BITS_F64 = int(RSQRT_GUESS_F64[0])


@kernel
def _cbrt_of_usual_f32(x: Any) -> Any:
    """Cube root of float32 from 2^-100 to 2^100."""
    y = bit_cast(f32, convert(i32, _CBRT_BITS_F32 - convert(f32, bit_cast(i32, x)) * _THIRD))
    c0, c1, c2 = CBRT_F32
    root = x * y * y
    e = 1.0 - root * y
    root = root * (c0 + e * (c1 + e * c2))
    # To 8 bits: the cube is exact. One step of Halley's method.
    root = bit_cast(f32, (bit_cast(i32, root) + (1 << 15)) & -(1 << 16))
    cube = root * root * root
    return root + root * ((x - cube) / (x + (cube + cube)))


@kernel
def _cbrt_of_others_f32(a: Any) -> Any:
    """Cube root of any float32 that is not negative."""
    small, large = a < 2.0**-100, a > 2.0**100
    usual = select(small, a * 2.0**96, select(large, a * 2.0**-96, a))
    plain = (a == 0.0) | (a == _INFINITY) | (a != a)
    root = _cbrt_of_usual_f32(select(plain, 1.0, usual))
    root = select(small, root * 2.0**-32, select(large, root * 2.0**32, root))
    return select(plain, a, root)


@computes("cbrt", f32)
@kernel
def cbrt_f32(x: Any) -> Any:
    """Cube root, of negative numbers too."""
    a = absolute(x)
    root = _cbrt_of_usual_f32(a)
    # One comparison of the bits: the difference wraps around below the least.
    outside = bit_cast(i32, a) - _CBRT_LEAST_F32 > _CBRT_SPAN_F32
    if any_lane(outside):
        root = select(outside, _cbrt_of_others_f32(a), root)
    return signed_f32(root, x)


@kernel
def _cbrt_of_usual_f64(x: Any) -> Any:
    """Cube root of float64 from 2^-900 to 2^900."""
    upper = convert(f64, convert(i32, bit_cast(i64, x) >> 32))
    y = bit_cast(f64, bit_cast(i64, _CBRT_BITS_F64 - upper * _THIRD) << 32)
    c0, c1, c2, c3, c4 = CBRT_F64
    e = 1.0 - (x * y) * (y * y)
    y = y * (c0 + e * (c1 + e * (c2 + e * (c3 + e * c4))))
    y = y + y * ((1.0 - (x * y) * (y * y)) * _THIRD)
    # To 17 bits: the cube is exact.
    square = y * y
    root = bit_cast(f64, (bit_cast(i64, x * square) + (1 << 35)) & -(1 << 36))
    e = ((x - root * root * root) * y) * square
    d0, d1, d2 = CBRT_REST_F64
    return root + root * (e * (d0 + e * (d1 + e * d2)))


@kernel
def _cbrt_of_others_f64(a: Any) -> Any:
    """Cube root of any float64 that is not negative."""
    small, large = a < 2.0**-900, a > 2.0**900
    usual = select(small, a * 2.0**600, select(large, a * 2.0**-600, a))
    plain = (a == 0.0) | (a == _INFINITY) | (a != a)
    root = _cbrt_of_usual_f64(select(plain, 1.0, usual))
    root = select(small, root * 2.0**-200, select(large, root * 2.0**200, root))
    return select(plain, a, root)


@computes("cbrt", f64)
@kernel
def cbrt_f64(x: Any) -> Any:
    """Cube root, of negative numbers too."""
    a = absolute(x)
    root = _cbrt_of_usual_f64(a)
    outside = (a < 2.0**-900) | (a > 2.0**900)
    if any_lane(outside):
        root = select(outside, _cbrt_of_others_f64(a), root)
    return signed_f64(root, x)


@kernel
def _rsqrt_of_usual_f32(x: Any) -> Any:
    """``1 / sqrt(x)`` of float32 from 2^-100 to the largest."""
    y = bit_cast(f32, _RSQRT_BITS_F32 - (bit_cast(i32, x) >> 1))
    c0, c1, c2 = RSQRT_F32
    e = 1.0 - x * y * y
    y = y * (c0 + e * (c1 + e * c2))
    # To 8 bits, as the upper part of x: their products are exact.
    root = bit_cast(f32, (bit_cast(i32, y) + (1 << 15)) & -(1 << 16))
    upper = bit_cast(f32, bit_cast(i32, x) & -(1 << 16))
    e = (1.0 - upper * root * root) - (x - upper) * root * root
    d0, d1, d2 = RSQRT_REST_F32
    return root + root * (e * (d0 + e * (d1 + e * d2)))


@computes("rsqrt", f32)
@kernel
def rsqrt_f32(x: Any) -> Any:
    """``1 / sqrt(x)``; infinity of 0 with its sign, NaN below."""
    root = _rsqrt_of_usual_f32(x)
    outside = (x < 2.0**-100) | (x == _INFINITY)
    if any_lane(outside):
        small = (x > 0.0) & (x < 2.0**-100)
        scaled = _rsqrt_of_usual_f32(select(small, x * 2.0**60, 1.0)) * 2.0**30
        others = select(small, scaled, 1.0 / square_root(x))
        root = select(outside, others, root)
    return root


@kernel
def _rsqrt_of_usual_f64(x: Any) -> Any:
    """``1 / sqrt(x)`` of float64 from 2^-900 to the largest."""
    # The sign is cleared by a mask, too, so that the shift is one of unsigned numbers.
    y = bit_cast(f64, _RSQRT_BITS_F64 - ((bit_cast(i64, x) & (2**63 - 1)) >> 1))
    c0, c1, c2, c3, c4 = RSQRT_F64
    e = 1.0 - x * y * y
    y = y * (c0 + e * (c1 + e * (c2 + e * (c3 + e * c4))))
    # To 17 bits, and 19 of x: their products are exact.
    root = bit_cast(f64, (bit_cast(i64, y) + (1 << 35)) & -(1 << 36))
    upper = bit_cast(f64, bit_cast(i64, x) & -(1 << 34))
    e = (1.0 - upper * root * root) - (x - upper) * root * root
    d0, d1, d2 = RSQRT_REST_F64
    return root + root * (e * (d0 + e * (d1 + e * d2)))


@computes("rsqrt", f64)
@kernel
def rsqrt_f64(x: Any) -> Any:
    """``1 / sqrt(x)``; infinity of 0 with its sign, NaN below."""
    root = _rsqrt_of_usual_f64(x)
    outside = (x < 2.0**-900) | (x == _INFINITY)
    if any_lane(outside):
        small = (x > 0.0) & (x < 2.0**-900)
        scaled = _rsqrt_of_usual_f64(select(small, x * 2.0**200, 1.0)) * 2.0**100
        others = select(small, scaled, 1.0 / square_root(x))
        root = select(outside, others, root)
    return root


@kernel
def _hypot_anywhere_f32(x: Any, y: Any) -> Any:
    """``sqrt(x^2 + y^2)``, by way of float64, where the squares are exact."""
    wide_x, wide_y = convert(f64, x), convert(f64, y)
    length = convert(f32, square_root(wide_x * wide_x + wide_y * wide_y))
    endless = (absolute(x) == _INFINITY) | (absolute(y) == _INFINITY)
    return select(endless, _INFINITY, length)


@computes("hypot", f32)
@kernel
def hypot_f32(x: Any, y: Any) -> Any:
    """``sqrt(x^2 + y^2)``, to 1.5 ulp; a square too small for a float32 is nothing to 2^-80."""
    square = x * x + y * y
    length = square_root(square)
    # One comparison of the bits, of which those of NaN and infinity are the last.
    outside = bit_cast(i32, square) - _HYPOT_LEAST_F32 > _HYPOT_SPAN_F32
    if any_lane(outside):
        length = select(outside, _hypot_anywhere_f32(x, y), length)
    return length


@computes("hypot", f64)
@kernel
def hypot_f64(x: Any, y: Any) -> Any:
    """``sqrt(x^2 + y^2)``; what is very small or large is scaled first."""
    a, b = absolute(x), absolute(y)
    largest = maximum(a, b)
    length = square_root(a * a + b * b)
    outside = (largest < 2.0**-480) | (largest > 2.0**510) | (largest != largest)
    if any_lane(outside):
        small = largest < 2.0**-480
        c = select(small, a * 2.0**600, a * 2.0**-600)
        d = select(small, b * 2.0**600, b * 2.0**-600)
        scaled = square_root(c * c + d * d)
        scaled = select(small, scaled * 2.0**-600, scaled * 2.0**600)
        endless = (a == _INFINITY) | (b == _INFINITY)
        length = select(outside, select(endless, _INFINITY, scaled), length)
    return length
