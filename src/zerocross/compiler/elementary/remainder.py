"""fmod: the remainder of a quotient towards zero, exact for all arguments.

Up to a quotient of 2^26 it is one division: the rounded quotient's integer part is the true one or
one more, its products with the halves of a split divisor are exact, and so are the differences
(T. J. Dekker, 1971; P. H. Sterbenz, 1974, theorem 4.3.1). Larger quotients take many such steps on
the integers that the significands are, 24 bits of the quotient at a time.
"""

from __future__ import annotations

from typing import Any

from zerocross.compiler.elementary.bits import power_of_two, signed_f32, signed_f64
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
    minimum,
    select,
)

__all__ = ["fmod_f32", "fmod_f64"]

_INFINITY = float("inf")
_NAN = float("nan")
_LARGEST_QUOTIENT = 2.0**26
_LEAST_NORMAL = 2.0**-1022
# From here on no half of a split divisor is denormal, which the audio thread would flush.
_LEAST_DIVISOR = 2.0**-960
# A float64's significand without its leading bit, and the exponent's bits of 2^52.
_FRACTION = 2**52 - 1
_INTEGER = (1023 + 52) << 52
_STEP = 24


@kernel
def _remainder_once(a: Any, b: Any) -> Any:
    """Return ``a`` modulo ``b``, neither negative, of a quotient up to 2^26."""
    n = convert(f64, convert(i32, a / b))
    upper = bit_cast(f64, bit_cast(i64, b) & -(1 << 27))
    rest = (a - n * upper) - n * (b - upper)
    return select(rest < 0.0, rest + b, rest)


@kernel
def _remainder_by_steps(a: Any, b: Any) -> Any:
    """Return ``a`` modulo ``b`` of any finite numbers above 0."""
    tiny_a, tiny_b = a < _LEAST_NORMAL, b < _LEAST_NORMAL
    bits_a = bit_cast(i64, select(tiny_a, a * 2.0**54, a))
    bits_b = bit_cast(i64, select(tiny_b, b * 2.0**54, b))
    exponent_a, exponent_b = convert(i32, bits_a >> 52), convert(i32, bits_b >> 52)
    exponent_a = select(tiny_a, exponent_a - 54, exponent_a)
    exponent_b = select(tiny_b, exponent_b - 54, exponent_b)
    # The significands as integers from 2^52 to 2^53: a = m 2^left b's unit.
    m = bit_cast(f64, (bits_a & _FRACTION) | _INTEGER)
    divisor = bit_cast(f64, (bits_b & _FRACTION) | _INTEGER)
    left = exponent_a - exponent_b
    smaller = left < 0
    left = select(smaller, 0, left)
    rest = _remainder_once(m, divisor)
    while any_lane(left > 0):
        step = minimum(left, 0 * left + _STEP)
        rest = _remainder_once(rest * power_of_two(step), divisor)
        left = left - step
    # In two factors, of which none under- or overflows; the product is exact.
    unit = exponent_b - (1023 + 52)
    half = unit >> 1
    rest = rest * power_of_two(half) * power_of_two(unit - half)
    return select(smaller, a, rest)


@kernel
def _remainder_of_any(a: Any, b: Any) -> Any:
    """Return ``a`` modulo ``b``, both magnitudes of any kind."""
    invalid = (a == _INFINITY) | (b == 0.0) | (a != a) | (b != b)
    plain = invalid | (b == _INFINITY) | (a == 0.0)
    rest = _remainder_by_steps(select(plain, 1.0, a), select(plain, 1.0, b))
    return select(invalid, _NAN, select(plain, a, rest))


@computes("fmod", f64)
@kernel
def fmod_f64(x: Any, y: Any) -> Any:
    """``x - y * trunc(x / y)`` without an error, of x's sign; NaN where x is infinite or y 0."""
    a, b = absolute(x), absolute(y)
    quotient = a / b
    outside = (quotient >= _LARGEST_QUOTIENT) | (quotient != quotient)
    outside = outside | (b < _LEAST_DIVISOR) | (b == _INFINITY)
    rest = _remainder_once(a, b)
    if any_lane(outside):
        rest = select(outside, _remainder_of_any(a, b), rest)
    return signed_f64(rest, x)


@computes("fmod", f32)
@kernel
def fmod_f32(x: Any, y: Any) -> Any:
    """``x - y * trunc(x / y)`` without an error, of x's sign; NaN where x is infinite or y 0."""
    a, b = convert(f64, absolute(x)), convert(f64, absolute(y))
    quotient = a / b
    outside = (quotient >= _LARGEST_QUOTIENT) | (quotient != quotient) | (b == _INFINITY)
    # A quotient of float32 that is no integer rounds to none in float64.
    rest = a - convert(f64, convert(i32, quotient)) * b
    if any_lane(outside):
        rest = select(outside, _remainder_of_any(a, b), rest)
    return signed_f32(convert(f32, rest), x)
