"""asin, acos, atan and atan2: odd polynomials on a short interval, and what leads there.

Above 1/2 the arc sine is that of a half angle: ``asin(x) = pi/2 - 2 asin(sqrt((1 - x) / 2))``; the
arc tangent of a ratio above 1 is that of its inverse, and in float64 above 1/2 that of the
difference to pi/4 (J.-M. Muller, Elementary Functions, 3rd ed. 2016, ch. 11; W. J. Cody and W. Waite,
Software Manual for the Elementary Functions, 1980). Signs and special values follow C99, Annex F.
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
    f32,
    f64,
    i32,
    i64,
    select,
    square_root,
)

__all__ = [
    "acos_f32",
    "acos_f64",
    "asin_f32",
    "asin_f64",
    "atan2_f32",
    "atan2_f64",
    "atan_f32",
    "atan_f64",
]

# Printed by ``python -m tools.coefficients``: what follows x in odd powers, and pi/2 in two parts.
ASIN_F32 = (
    0.16666752099990845,
    0.074953094124794,
    0.04546915367245674,
    0.02418474107980728,
    0.042158398777246475,
)
ASIN_F64 = (
    0.16666666666665408,
    0.07500000000337141,
    0.04464285682821853,
    0.030381959141673555,
    0.022371757933852265,
    0.017359706571124085,
    0.013885217170845713,
    0.012169334401402028,
    0.006527433537442375,
    0.019529776374794243,
    -0.0162266680636313,
    0.03191395488731423,
)
ATAN_F32 = (
    -0.33333298563957214,
    0.1999852955341339,
    -0.14264042675495148,
    0.10951543599367142,
    -0.08403550088405609,
    0.057998981326818466,
    -0.031259261071681976,
    0.010978777892887592,
    -0.0018121555913239717,
)
ATAN_F64 = (
    -0.3333333333333298,
    0.19999999999903104,
    -0.1428571427638489,
    0.11111110659575019,
    -0.09090896242805038,
    0.07692073877102759,
    -0.06663810210460068,
    0.05858295912438123,
    -0.051219914846954394,
    0.04186461864086718,
    -0.0274342357352301,
    0.010116327983068335,
)
HALF_PI_F32 = (
    1.5707963705062866,
    -4.371138828673793e-08,
)
HALF_PI_F64 = (
    1.5707963267948966,
    6.123233995736766e-17,
)

_QUARTER_PI = HALF_PI_F64[0] / 2
# By how much pi is more than its nearest float64, relatively: of pi/2 and pi/4 alike.
_PI_REST = HALF_PI_F64[1] / HALF_PI_F64[0]


@kernel
def _asin_terms_f32(z: Any) -> Any:
    """``asin(x) / x - 1`` of z = x^2, up to 1/4."""
    c0, c1, c2, c3, c4 = ASIN_F32
    return z * (c0 + z * (c1 + z * (c2 + z * (c3 + z * c4))))


@kernel
def _asin_terms_f64(z: Any) -> Any:
    """``asin(x) / x - 1`` of z = x^2, up to 1/4."""
    c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11 = ASIN_F64
    high = c6 + z * (c7 + z * (c8 + z * (c9 + z * (c10 + z * c11))))
    return z * (c0 + z * (c1 + z * (c2 + z * (c3 + z * (c4 + z * (c5 + z * high))))))


@computes("asin", f32)
@kernel
def asin_f32(x: Any) -> Any:
    """Arc sine in radians, from -pi/2 to pi/2; NaN outside [-1, 1]."""
    a = absolute(x)
    steep = a > 0.5
    half = (1.0 - a) * 0.5
    t = select(steep, square_root(half), a)
    rest = t * _asin_terms_f32(select(steep, half, a * a))
    # What the difference loses in rounding is added to what follows (T. J. Dekker, 1971).
    far = HALF_PI_F32[0] - (t + t)
    lost = (HALF_PI_F32[0] - far) - (t + t) + HALF_PI_F32[1]
    y = select(steep, far - (rest + rest - lost), t + rest)
    return signed_f32(y, x)


@computes("asin", f64)
@kernel
def asin_f64(x: Any) -> Any:
    """Arc sine in radians, from -pi/2 to pi/2; NaN outside [-1, 1]."""
    a = absolute(x)
    steep = a > 0.5
    half = (1.0 - a) * 0.5
    t = select(steep, square_root(half), a)
    rest = t * _asin_terms_f64(select(steep, half, a * a))
    # What the difference loses in rounding is added to what follows (T. J. Dekker, 1971).
    far = HALF_PI_F64[0] - (t + t)
    lost = (HALF_PI_F64[0] - far) - (t + t) + HALF_PI_F64[1]
    y = select(steep, far - (rest + rest - lost), t + rest)
    return signed_f64(y, x)


@computes("acos", f32)
@kernel
def acos_f32(x: Any) -> Any:
    """Arc cosine in radians, from 0 to pi; NaN outside [-1, 1]."""
    a = absolute(x)
    steep = a > 0.5
    half = (1.0 - a) * 0.5
    t = select(steep, square_root(half), x)
    y = t + t * _asin_terms_f32(select(steep, half, a * a))
    near_one = y + y
    far = 2.0 * HALF_PI_F32[0] - (near_one - 2.0 * HALF_PI_F32[1])
    middle = HALF_PI_F32[0] - (y - HALF_PI_F32[1])
    return select(steep, select(x > 0.0, near_one, far), middle)


@computes("acos", f64)
@kernel
def acos_f64(x: Any) -> Any:
    """Arc cosine in radians, from 0 to pi; NaN outside [-1, 1]."""
    a = absolute(x)
    steep = a > 0.5
    half = (1.0 - a) * 0.5
    t = select(steep, square_root(half), x)
    y = t + t * _asin_terms_f64(select(steep, half, a * a))
    near_one = y + y
    far = 2.0 * HALF_PI_F64[0] - (near_one - 2.0 * HALF_PI_F64[1])
    middle = HALF_PI_F64[0] - (y - HALF_PI_F64[1])
    return select(steep, select(x > 0.0, near_one, far), middle)


@kernel
def _atan_to_one(t: Any) -> Any:
    """Arc tangent of float32, of magnitudes up to 1."""
    c0, c1, c2, c3, c4, c5, c6, c7, c8 = ATAN_F32
    z = t * t
    z2 = z * z
    low = c0 + z * c1 + z2 * (c2 + z * c3)
    high = c4 + z * c5 + z2 * (c6 + z * c7 + z2 * c8)
    return t + t * (z * (low + z2 * z2 * high))


@kernel
def _atan_from(base: Any, t: Any) -> Any:
    """Return a part of pi plus the arc tangent of float64, of magnitudes up to 1/2."""
    c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11 = ATAN_F64
    z = t * t
    z2 = z * z
    z4 = z2 * z2
    low = c0 + z * c1 + z2 * (c2 + z * c3)
    middle = c4 + z * c5 + z2 * (c6 + z * c7)
    high = c8 + z * c9 + z2 * (c10 + z * c11)
    rest = t * (z * (low + z4 * (middle + z4 * high)))
    return base + (t + (rest + base * _PI_REST))


@computes("atan", f32)
@kernel
def atan_f32(x: Any) -> Any:
    """Arc tangent in radians, from -pi/2 to pi/2."""
    a = absolute(x)
    steep = a > 1.0
    y = _atan_to_one(select(steep, 1.0 / a, a))
    y = select(steep, HALF_PI_F32[0] - (y - HALF_PI_F32[1]), y)
    return signed_f32(y, x)


@computes("atan", f64)
@kernel
def atan_f64(x: Any) -> Any:
    """Arc tangent in radians, from -pi/2 to pi/2."""
    a = absolute(x)
    half = a > 0.5
    steep = a > 2.0
    above = select(steep, -1.0, select(half, a - 1.0, a))
    below = select(steep, a, select(half, a + 1.0, 1.0))
    base = select(steep, HALF_PI_F64[0], select(half, _QUARTER_PI, 0.0 * a))
    y = _atan_from(base, above / below)
    return signed_f64(y, x)


@computes("atan2", f32)
@kernel
def atan2_f32(y: Any, x: Any) -> Any:
    """Angle of a point in radians, from -pi to pi."""
    ay, ax = absolute(y), absolute(x)
    steep = ay > ax
    above, below = select(steep, ax, ay), select(steep, ay, ax)
    # 0 / 0 means 0, infinity / infinity 1.
    ratio = select(above == below, select(below == 0.0, below, 1.0), above / below)
    angle = _atan_to_one(ratio)
    angle = select(steep, HALF_PI_F32[0] - (angle - HALF_PI_F32[1]), angle)
    behind = bit_cast(i32, x) < 0
    angle = select(behind, 2.0 * HALF_PI_F32[0] - (angle - 2.0 * HALF_PI_F32[1]), angle)
    return signed_f32(angle, y)


@kernel
def _scaled(value: Any, largest: Any) -> Any:
    """Return a value that is to be divided by another, so that their sum is finite."""
    huge = largest > 2.0**1022
    return select(huge, value * 0.25, value)


@computes("atan2", f64)
@kernel
def atan2_f64(y: Any, x: Any) -> Any:
    """Angle of a point in radians, from -pi to pi."""
    ay, ax = absolute(y), absolute(x)
    steep = ay > ax
    above, below = select(steep, ax, ay), select(steep, ay, ax)
    if any_lane((below == 0.0) | (below > 2.0**1022)):
        above, below = _scaled(above, below), _scaled(below, below)
        same = (above == below) & (above != 0.0)
        above, below = select(same, 1.0, above), select(same | (below == 0.0), 1.0, below)
    half = above + above > below
    ratio = select(half, above - below, above) / select(half, above + below, below)
    angle = _atan_from(select(half, _QUARTER_PI, 0.0 * ratio), ratio)
    angle = select(steep, HALF_PI_F64[0] - (angle - HALF_PI_F64[1]), angle)
    behind = bit_cast(i64, x) < 0
    angle = select(behind, 2.0 * HALF_PI_F64[0] - (angle - 2.0 * HALF_PI_F64[1]), angle)
    return signed_f64(angle, y)
