"""Rounding to integers where a target has no instruction for it and ldexp.

x86-64 before SSE4.1 has none that rounds to integers: adding 2^23 or 2^52 and taking it away leaves
a nearest integer (half to even), which is at most 1 from those that the other functions want (D. E.
Knuth, The Art of Computer Programming 2, 4.2.2). The sign stays, of zeros as well; infinities and NaN
pass.
"""

from __future__ import annotations

from typing import Any

from zerocross.compiler.elementary.bits import power_of_two, signed_f32, signed_f64
from zerocross.compiler.functions import computes
from zerocross.compiler.kernel import kernel
from zerocross.compiler.primitives.vector import (
    absolute,
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
    "ceil_f32",
    "ceil_f64",
    "floor_f32",
    "floor_f64",
    "ldexp_f32",
    "ldexp_f64",
    "rint_f32",
    "rint_f64",
    "round_f32",
    "round_f64",
    "trunc_f32",
    "trunc_f64",
]

_INFINITY = float("inf")
# From here on all floats are integers.
_WHOLE_F32 = 2.0**23
_WHOLE_F64 = 2.0**52
_FRACTION_F64 = 2**52 - 1


@computes("rint", f32)
@kernel
def rint_f32(x: Any) -> Any:
    """Nearest integer, half to even."""
    a = absolute(x)
    return signed_f32(select(a < _WHOLE_F32, (a + _WHOLE_F32) - _WHOLE_F32, a), x)


@computes("rint", f64)
@kernel
def rint_f64(x: Any) -> Any:
    """Nearest integer, half to even."""
    a = absolute(x)
    return signed_f64(select(a < _WHOLE_F64, (a + _WHOLE_F64) - _WHOLE_F64, a), x)


@computes("floor", f32)
@kernel
def floor_f32(x: Any) -> Any:
    """Greatest integer that is not above."""
    near = rint_f32(x)
    return signed_f32(select(near > x, near - 1.0, near), x)


@computes("floor", f64)
@kernel
def floor_f64(x: Any) -> Any:
    """Greatest integer that is not above."""
    near = rint_f64(x)
    return signed_f64(select(near > x, near - 1.0, near), x)


@computes("ceil", f32)
@kernel
def ceil_f32(x: Any) -> Any:
    """Least integer that is not below."""
    near = rint_f32(x)
    return signed_f32(select(near < x, near + 1.0, near), x)


@computes("ceil", f64)
@kernel
def ceil_f64(x: Any) -> Any:
    """Least integer that is not below."""
    near = rint_f64(x)
    return signed_f64(select(near < x, near + 1.0, near), x)


@computes("trunc", f32)
@kernel
def trunc_f32(x: Any) -> Any:
    """Integer part, towards 0."""
    a = absolute(x)
    near = rint_f32(a)
    return signed_f32(select(near > a, near - 1.0, near), x)


@computes("trunc", f64)
@kernel
def trunc_f64(x: Any) -> Any:
    """Integer part, towards 0."""
    a = absolute(x)
    near = rint_f64(a)
    return signed_f64(select(near > a, near - 1.0, near), x)


@computes("round", f32)
@kernel
def round_f32(x: Any) -> Any:
    """Nearest integer, half away from 0."""
    a = absolute(x)
    near = rint_f32(a)
    return signed_f32(select(a - near == 0.5, near + 1.0, near), x)


@computes("round", f64)
@kernel
def round_f64(x: Any) -> Any:
    """Nearest integer, half away from 0."""
    a = absolute(x)
    near = rint_f64(a)
    return signed_f64(select(a - near == 0.5, near + 1.0, near), x)


@kernel
def _frexp_f64(x: Any) -> Any:
    """Significand, from 1/2 to 1, and binary exponent (int32) of a number; of 0, NaN: itself, 0."""
    a = absolute(x)
    small = a < 2.0**-1022
    bits = bit_cast(i64, select(small, a * 2.0**54, a))
    exponent = convert(i32, bits >> 52) - 1022
    exponent = select(small, exponent - 54, exponent)
    plain = (a == 0.0) | (a == _INFINITY) | (a != a)
    part = bit_cast(f64, (bits & _FRACTION_F64) | (1022 << 52))
    return signed_f64(select(plain, a, part), x), select(plain, 0, exponent)


@computes("ldexp", f64, f64, i32)
@kernel
def ldexp_f64(x: Any, n: Any) -> Any:
    """``x * 2 ** n``, rounded once, of integers n of 32 bits."""
    part, exponent = _frexp_f64(x)
    n = minimum(maximum(n, 0 * n - 4000), 0 * n + 4000)
    total = minimum(maximum(exponent + n, 0 * n - 1080), 0 * n + 1025)
    # The first factor leaves a normal number, the second rounds.
    normal = minimum(maximum(total, 0 * n - 1021), 0 * n + 1023)
    scaled = part * power_of_two(normal) * power_of_two(total - normal)
    return select(part == 0.0, x, scaled)


@computes("ldexp", f32, f32, i32)
@kernel
def ldexp_f32(x: Any, n: Any) -> Any:
    """``x * 2 ** n``, rounded once, of integers n of 32 bits."""
    n = minimum(maximum(n, 0 * n - 400), 0 * n + 400)
    return convert(f32, convert(f64, x) * power_of_two(n))
