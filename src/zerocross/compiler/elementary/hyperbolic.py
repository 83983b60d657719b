"""Hyperbolic sine, cosine and tangent.

Of x = k ln 2 + r (see `exponential`) sinh and cosh need both e^x and e^-x; they are
``sinh x = 2^k/2 (cosh r + sinh r) - 2^-k/2 (cosh r - sinh r)`` and kin: an even and an odd
polynomial of r instead of a division, with weights ``2^k/2 - 2^-k/2`` and ``2^k/2 + 2^-k/2`` that
are exact. What the even polynomial has above 1 is kept apart, so that the largest term is exact too.
tanh x is e^2x - 1 over e^2x + 1, the numerator of full precision for small x as well.

No step is fused, so the same bits come out everywhere. Coefficients: ``tools/coefficients``.
"""

from __future__ import annotations

from typing import Any

from zerocross.compiler.elementary.exponential import (
    LOG2_E,
    MAGIC_F32,
    MAGIC_F64,
    ONE_F32,
    ONE_F64,
    above_line_f32,
    above_line_f64,
    exp_f32,
    exp_f64,
    reduced_f32,
    reduced_f64,
)
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

__all__ = ["cosh_f32", "cosh_f64", "sinh_f32", "sinh_f64", "tanh_f32", "tanh_f64"]

#: What is taken away before rounding, in powers of two: sinh of a negative rest cancels.
SINH_OFF_CENTRE = 0.1875

SINH_F32 = (0.1666666716337204, 0.008333186618983746, 0.00019958344637416303)
COSH_F32 = (0.5000000596046448, 0.041665125638246536, 0.001400162000209093)
SINH_F64 = (
    0.16666666666666666,
    0.00833333333333394,
    0.00019841269839963744,
    2.7557320479566077e-06,
    2.5051528487408837e-08,
    1.6178576729974602e-10,
)
COSH_F64 = (
    0.5,
    0.041666666666667095,
    0.0013888888888695687,
    2.4801587616502557e-05,
    2.7557081431228566e-07,
    2.096136101567923e-09,
)


# --- float32 -------------------------------------------------------------------------------


@kernel
def _parts_f32(size: Any) -> Any:
    """Return sinh r, cosh r - 1, 2^k/2 and 2^-k/2 of a positive number."""
    shifted = size * LOG2_E[0] - SINH_OFF_CENTRE + MAGIC_F32
    r = reduced_f32(size, shifted - MAGIC_F32)
    square = r * r
    odd = ((SINH_F32[2] * square + SINH_F32[1]) * square + SINH_F32[0]) * (square * r) + r
    even = ((COSH_F32[2] * square + COSH_F32[1]) * square + COSH_F32[0]) * square
    power = bit_cast(i32, shifted) << 23
    grown = bit_cast(f32, power + (ONE_F32 - (1 << 23)))
    shrunk = bit_cast(f32, (ONE_F32 - (1 << 23)) - power)
    return odd, even, grown, shrunk


@kernel
def _half_exp_f32(size: Any) -> Any:
    """Return e^size / 2, which is finite a little longer than e^size."""
    root = select(size > 100.0, 100.0, size) - 32.0 * 0.6931457519531250
    return exp_f32(root - 32.0 * 1.428606765330187e-06) * 2147483648.0


@computes("sinh", f32)
@kernel
def sinh_f32(x: Any) -> Any:
    """Hyperbolic sine: ``(2^k - 2^-k)/2 cosh r + (2^k + 2^-k)/2 sinh r``."""
    size = absolute(x)
    odd, even, grown, shrunk = _parts_f32(size)
    less = grown - shrunk
    y = (odd * (grown + shrunk) + even * less) + less
    outside = (size > 85.0) | (x != x)
    if any_lane(outside):
        y = select(outside, _half_exp_f32(size), y)
    sign = bit_cast(i32, x) & -2147483648
    return bit_cast(f32, bit_cast(i32, y) | sign)


@computes("cosh", f32)
@kernel
def cosh_f32(x: Any) -> Any:
    """Hyperbolic cosine: ``(2^k + 2^-k)/2 cosh r + (2^k - 2^-k)/2 sinh r``."""
    size = absolute(x)
    odd, even, grown, shrunk = _parts_f32(size)
    more = grown + shrunk
    y = (odd * (grown - shrunk) + even * more) + more
    outside = (size > 85.0) | (x != x)
    if any_lane(outside):
        y = select(outside, _half_exp_f32(size), y)
    return y


@computes("tanh", f32)
@kernel
def tanh_f32(x: Any) -> Any:
    """Hyperbolic tangent: ``(e^2x - 1) / (e^2x - 1 + 2)``, for every x in one path."""
    size = absolute(x)
    double = size + size
    double = select(double > 20.0, 20.0, double)
    shifted = double * LOG2_E[0] + MAGIC_F32
    r = reduced_f32(double, shifted - MAGIC_F32)
    scale = bit_cast(f32, (bit_cast(i32, shifted) << 23) + ONE_F32)
    less = (above_line_f32(r) + r) * scale + (scale - 1.0)
    y = less / (less + 2.0)
    sign = bit_cast(i32, x) & -2147483648
    return bit_cast(f32, bit_cast(i32, y) | sign)


# --- float64 -------------------------------------------------------------------------------


@kernel
def _parts_f64(size: Any) -> Any:
    """Return sinh r, cosh r - 1, 2^k/2 and 2^-k/2 of a positive number."""
    shifted = size * LOG2_E[0] - SINH_OFF_CENTRE + MAGIC_F64
    r = reduced_f64(size, shifted - MAGIC_F64)
    square = r * r
    odd = (SINH_F64[5] * square + SINH_F64[4]) * square + SINH_F64[3]
    odd = ((odd * square + SINH_F64[2]) * square + SINH_F64[1]) * square + SINH_F64[0]
    even = (COSH_F64[5] * square + COSH_F64[4]) * square + COSH_F64[3]
    even = ((even * square + COSH_F64[2]) * square + COSH_F64[1]) * square + COSH_F64[0]
    power = bit_cast(i64, shifted) << 52
    grown = bit_cast(f64, power + (ONE_F64 - (1 << 52)))
    shrunk = bit_cast(f64, (ONE_F64 - (1 << 52)) - power)
    return odd * (square * r) + r, even * square, grown, shrunk


@kernel
def _half_exp_f64(size: Any) -> Any:
    """Return e^size / 2, which is finite a little longer than e^size."""
    root = select(size > 720.0, 720.0, size) - 32.0 * 0.6931471805601177
    return exp_f64(root + 32.0 * 1.7239444525614835e-13) * 2147483648.0


@computes("sinh", f64)
@kernel
def sinh_f64(x: Any) -> Any:
    """Hyperbolic sine: ``(2^k - 2^-k)/2 cosh r + (2^k + 2^-k)/2 sinh r``."""
    size = absolute(x)
    odd, even, grown, shrunk = _parts_f64(size)
    less = grown - shrunk
    y = (odd * (grown + shrunk) + even * less) + less
    outside = (size > 705.0) | (x != x)
    if any_lane(outside):
        y = select(outside, _half_exp_f64(size), y)
    sign = bit_cast(i64, x) & -9223372036854775808
    return bit_cast(f64, bit_cast(i64, y) | sign)


@computes("cosh", f64)
@kernel
def cosh_f64(x: Any) -> Any:
    """Hyperbolic cosine: ``(2^k + 2^-k)/2 cosh r + (2^k - 2^-k)/2 sinh r``."""
    size = absolute(x)
    odd, even, grown, shrunk = _parts_f64(size)
    more = grown + shrunk
    y = (odd * (grown - shrunk) + even * more) + more
    outside = (size > 705.0) | (x != x)
    if any_lane(outside):
        y = select(outside, _half_exp_f64(size), y)
    return y


@computes("tanh", f64)
@kernel
def tanh_f64(x: Any) -> Any:
    """Hyperbolic tangent: ``(e^2x - 1) / (e^2x - 1 + 2)``, for every x in one path."""
    size = absolute(x)
    double = size + size
    double = select(double > 40.0, 40.0, double)
    shifted = double * LOG2_E[0] + MAGIC_F64
    r = reduced_f64(double, shifted - MAGIC_F64)
    scale = bit_cast(f64, (bit_cast(i64, shifted) << 52) + ONE_F64)
    less = (above_line_f64(r) + r) * scale + (scale - 1.0)
    y = less / (less + 2.0)
    sign = bit_cast(i64, x) & -9223372036854775808
    return bit_cast(f64, bit_cast(i64, y) | sign)
