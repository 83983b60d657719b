"""Hyperbolic sine, cosine and tangent.

Of x = k ln 2 + r (see `exponential`) sinh and cosh need both e^x and e^-x; they are
``sinh x = 2^k/2 (cosh r + sinh r) - 2^-k/2 (cosh r - sinh r)`` and kin: an even and an odd
polynomial of r instead of a division, with weights ``2^k/2 - 2^-k/2`` and ``2^k/2 + 2^-k/2`` that
are exact. What the even polynomial has above 1 is kept apart, so that the largest term is exact too.
tanh x is e^2x - 1 over e^2x + 1, and near 0, where the two roundings of that are felt, a polynomial.

No step is fused, so the same bits come out everywhere. Coefficients: ``tools/coefficients``.
"""

from __future__ import annotations

from typing import Any

from zerocross.compiler.elementary.bits import signed_f32, signed_f64
from zerocross.compiler.elementary.exponential import (
    LOG2_E,
    MAGIC_F32,
    MAGIC_F64,
    OFF_CENTRE,
    ONE_F32,
    ONE_F64,
    exp_of_rest_f32,
    exp_of_rest_f64,
    reduced_f32,
    reduced_f64,
    scaled_twice_f32,
    scaled_twice_f64,
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
#: Of e^r, for tanh.
EXP_F32 = (
    0.4999999403953552,
    0.16666515171527863,
    0.041668087244033813,
    0.008369321934878826,
    0.0013839284656569362,
)
EXP_F64 = (
    0.5000000000000011,
    0.16666666666666438,
    0.04166666666652579,
    0.008333333333473735,
    0.0013888888944861785,
    0.000198412695604648,
    2.4801491748456888e-05,
    2.7557530521065088e-06,
    2.7630752605332484e-07,
    2.5020076002902543e-08,
)
LN2 = (0.6931471824645996,)
TANH_F32 = (-0.33333146572113037, 0.13318923115730286, -0.050783123821020126)
TANH_F64 = (
    -0.33333333333333315,
    0.1333333333332434,
    -0.05396825395461227,
    0.02186948756756506,
    -0.008863198030406154,
    0.003591287178652468,
    -0.0014448958116608864,
    0.0005127272540739209,
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
    size = select(size > 90.0, 90.0, size)
    whole = (size * LOG2_E[0] - OFF_CENTRE + MAGIC_F32) - MAGIC_F32
    return scaled_twice_f32(exp_of_rest_f32(reduced_f32(size, whole)), whole - 1.0)


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
    return signed_f32(y, x)


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
    """Hyperbolic tangent: ``(e^2x - 1) / (e^2x - 1 + 2)``, near 0 a polynomial; no edges.

    ln 2 in float32 ends in three zeros and is right to 29 bits, so k ln 2 is exact up to k = 8 and
    needs no second part: beyond, the quotient hardly feels it.
    """
    size = absolute(x)
    double = size + size
    double = select(double > 20.0, 20.0, double)
    shifted = double * LOG2_E[0] + MAGIC_F32
    r = double - (shifted - MAGIC_F32) * LN2[0]
    q = ((EXP_F32[4] * r + EXP_F32[3]) * r + EXP_F32[2]) * r + EXP_F32[1]
    q = (r * r) * (q * r + EXP_F32[0]) + r
    scale = bit_cast(f32, (bit_cast(i32, shifted) << 23) + ONE_F32)
    less = q * scale + (scale - 1.0)
    square = size * size
    small = (TANH_F32[2] * square + TANH_F32[1]) * square + TANH_F32[0]
    y = select(size < 0.28125, small * (square * size) + size, less / (less + 2.0))
    return signed_f32(y, x)


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
    size = select(size > 711.0, 711.0, size)
    whole = (size * LOG2_E[0] - OFF_CENTRE + MAGIC_F64) - MAGIC_F64
    return scaled_twice_f64(exp_of_rest_f64(reduced_f64(size, whole)), whole - 1.0)


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
    return signed_f64(y, x)


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
    """Hyperbolic tangent: ``(e^2x - 1) / (e^2x - 1 + 2)``, near 0 a polynomial; no edges."""
    size = absolute(x)
    double = size + size
    double = select(double > 40.0, 40.0, double)
    shifted = double * LOG2_E[0] + MAGIC_F64
    r = reduced_f64(double, shifted - MAGIC_F64)
    scale = bit_cast(f64, (bit_cast(i64, shifted) << 52) + ONE_F64)
    q = ((EXP_F64[9] * r + EXP_F64[8]) * r + EXP_F64[7]) * r + EXP_F64[6]
    q = ((q * r + EXP_F64[5]) * r + EXP_F64[4]) * r + EXP_F64[3]
    q = ((q * r + EXP_F64[2]) * r + EXP_F64[1]) * r + EXP_F64[0]
    less = ((r * r) * q + r) * scale + (scale - 1.0)
    square = size * size
    small = (TANH_F64[7] * square + TANH_F64[6]) * square + TANH_F64[5]
    small = ((small * square + TANH_F64[4]) * square + TANH_F64[3]) * square + TANH_F64[2]
    small = (small * square + TANH_F64[1]) * square + TANH_F64[0]
    y = select(size < 0.28125, small * (square * size) + size, less / (less + 2.0))
    return signed_f64(y, x)
