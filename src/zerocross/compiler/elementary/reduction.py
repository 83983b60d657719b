"""Arguments of sine, cosine and tangent less a multiple of pi or pi / 2, exactly enough.

Up to `LIMIT_F32` and `LIMIT_F64` by subtracting a multiple in parts (W. J. Cody and W. Waite,
Software Manual for the Elementary Functions, 1980). Beyond by the bits of 1 / pi that the argument's
exponent leaves in play (M. Payne and R. Hanek, Radian reduction for trigonometric functions,
1983): those above give whole turns, those below do not matter.

A product with a whole number of 2 ** 51 and more has lost its fraction, so adding 1.5 * 2 ** 52
rounds to the nearest integer (half to even) and leaves it in the low bits of the sum.

Real-time: all safe.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from zerocross.compiler.kernel import kernel
from zerocross.compiler.primitives.vector import (
    bit_cast,
    convert,
    f32,
    f64,
    gather,
    i32,
    i64,
    select,
)

__all__ = [
    "CANCELLED",
    "HALF_PI_F32",
    "INVERSE_PI_F32",
    "INVERSE_PI_F64",
    "LIMIT_F32",
    "LIMIT_F64",
    "LIMIT_SHORT_F32",
    "MAGIC",
    "MAGIC_F32",
    "huge_f32",
    "huge_f64",
]

#: Added and subtracted: rounds a float64 to an integer.
MAGIC = 1.5 * 2.0**52
#: Added and subtracted: rounds a float32 to an integer.
MAGIC_F32 = np.float32(1.5 * 2.0**23)
#: Added and subtracted: rounds a float64 to a multiple of 4.
_MAGIC_FOURS = 1.5 * 2.0**54

#: 1 / pi in two parts; a product of the first with a float32 is exact.
INVERSE_PI_F32 = (0.31830988451838493, 1.665405738066088e-09)
#: 1 / pi in one float64.
INVERSE_PI_F64 = INVERSE_PI_F32[0] + INVERSE_PI_F32[1]
#: Up to here float32 do not need the bits of 1 / pi.
LIMIT_F32 = np.float32(2.0**19)

#: pi / 2 in float32; products of the first two with a whole number up to 2^8 are exact.
HALF_PI_F32 = (1.570770263671875, 2.6063062250614166e-05, 6.07710062827671e-11)
#: Up to here float32 are reduced by these.
LIMIT_SHORT_F32 = np.float32(400.0)

#: pi in two parts; a product of the first with a whole number (or with a half more) up to 2^20 is
#: exact.
PI_F64 = (3.1415926534682512, 1.2154201013012384e-10)
#: Up to here float64 do not need the bits of 1 / pi, unless they are near a multiple.
LIMIT_F64 = 2.0**21
#: By how much less than its argument a rest may be before the usual reduction is not exact enough.
CANCELLED = 2.0**-29
#: pi in parts of 26, 27 and 53 bits.
PI_PARTS = (3.1415926218032837, 3.1786509424591713e-08, 1.2246467991473532e-16)

#: The bits of 1 / pi after the point, 48 in a number.
INVERSE_PI = (
    89596267800354.0,
    11635034139624.0,
    275541192109489.0,
    82242686797856.0,
    280550247362397.0,
    249249225914141.0,
    36451008906020.0,
    166528849332494.0,
    139702226016404.0,
    232681803684602.0,
    166428410016974.0,
    61655768612640.0,
    172386751922601.0,
    172598868717509.0,
    245176398090236.0,
    83562598681607.0,
    272230206778629.0,
    59990871850855.0,
    162613985781667.0,
    34854988150038.0,
    205144237274610.0,
    273493291932923.0,
    216781116749309.0,
    193344659959428.0,
    47285847424573.0,
)


#: Bits of 1 / pi before the point from which on `_STRETCHES` begin: zeros.
_ZEROS = 54


def _stretches() -> Any:
    """Return 64 bits of 1 / pi from every 32nd on, as integers."""
    bits = 48 * len(INVERSE_PI)
    whole = 0
    for word in INVERSE_PI:
        whole = whole << 48 | int(word)
    # With as many zeros behind as a stretch has bits.
    found = [(whole << 64) >> bits + _ZEROS - 32 * k & 2**64 - 1 for k in range(bits // 32 + 2)]
    return np.array(found, np.uint64).view(np.int64)


_STRETCHES = _stretches()
#: The bits of 2.0 ** 52: a smaller whole number beside them is its sum with it.
_WHOLE = 0x4330000000000000
#: What the windows that follow one another at a distance of 26 are multiplied by.
_STEP = 2.0**-26


@kernel
def _below_four(x: Any) -> Any:
    """Return what is left of a number less the nearest multiple of 4."""
    return x - ((x + _MAGIC_FOURS) - _MAGIC_FOURS)


@kernel
def _window(first: Any) -> Any:
    """Return 26 bits of 1 / pi from a bit on, which is 0 for those from the weight of ``2 ** 53`` on.

    They have the weights from ``2 ** (53 - first)`` to ``2 ** (28 - first)``, times ``2 ** first``. A
    table of all of them would take 10 kB in every program that has a sine.
    """
    bits = gather(_STRETCHES, first >> 5) >> (38 - (first & 31))
    return (bit_cast(f64, (bits & 0x3FFFFFF) | _WHOLE) - 2.0**52) * 2.0**28


@kernel
def huge_f32(x: Any, doubling: int, half: float) -> Any:
    """Return ``x / pi * 2 ** doubling + half`` less the nearest integer, and that integer.

    Parameters
    ----------
    x : vector of float32
        From 1 on; infinity and NaN give some finite number.
    doubling : int
        1 for parts of pi / 2.
    half : float
        0.5 for the cosine.

    Returns
    -------
    rest : vector of float64
        From -1/2 to 1/2, exact to 2^-76.
    count : vector of int64
        Its two lowest bits are those of the integer.

    """
    bits = bit_cast(i32, x)
    exponent = ((bits & 0x7FFFFFFF) >> 23) - 127 + doubling
    first = convert(i64, select(exponent < 0, 0, exponent) + 28)
    # The mantissa, from 1 to 2, with the sign.
    m = convert(f64, bit_cast(f32, (bits & ~0x7F800000) | 0x3F800000)) * 2.0**-28
    top = _below_four(m * _window(first)) + half
    sum_ = top + (m * _STEP) * _window(first + 26)
    below = (m * _STEP**2) * _window(first + 52)
    below = below + (m * _STEP**3) * _window(first + 78)
    magic = sum_ + MAGIC
    return (sum_ - (magic - MAGIC)) + below, bit_cast(i64, magic)


@kernel
def _add(a: Any, b: Any) -> Any:
    """Return a sum and what its rounding took away (D. E. Knuth, 1969)."""
    total = a + b
    second = total - a
    return total, (a - (total - second)) + (b - second)


@kernel
def huge_f64(x: Any) -> Any:
    """Return x less the nearest multiple of pi / 2, and which one.

    Parameters
    ----------
    x : vector of float64
        From 1 on; infinity and NaN give some finite number.

    Returns
    -------
    rest, excess : vectors of float64
        What is left is their difference, from -pi / 4 to pi / 4.
    count : vector of int64
        Its two lowest bits are those of the multiple's number.

    """
    bits = bit_cast(i64, x)
    exponent = ((bits & 0x7FFFFFFFFFFFFFFF) >> 52) - 1022
    # Of x / pi * 2.
    first = select(exponent < 0, 0, exponent)
    m = bit_cast(f64, (bits & ~0x7FF0000000000000) | 0x3FF0000000000000)
    # 26 bits of the mantissa and 27: products with windows are exact. Of the first with the first
    # window nothing is left but whole turns.
    a = bit_cast(f64, bit_cast(i64, m) & ~0x7FFFFFF)
    b = m - a
    window_1 = _window(first + 26) * _STEP
    window_2 = _window(first + 52) * _STEP**2
    window_3 = _window(first + 78) * _STEP**3
    window_4 = _window(first + 104) * _STEP**4
    top = _below_four(b * _window(first)) + _below_four(a * window_1)
    # Multiples of 2^-50 all, so exact.
    top = _below_four(top) + _below_four(_below_four(b * window_1) + _below_four(a * window_2))
    top = _below_four(top)
    magic = top + MAGIC
    high = top - (magic - MAGIC)
    # What may cancel all above is added without rounding.
    high, low_1 = _add(high, b * window_2)
    high, low_2 = _add(high, a * window_3)
    high, low_3 = _add(high, b * window_3)
    high, low_4 = _add(high, a * window_4)
    last = m * (_window(first + 130) * _STEP**5)
    last = b * window_4 + (last + m * (_window(first + 156) * _STEP**6))
    low = ((low_1 + low_2) + (low_3 + low_4)) + last
    high, low = _add(high, low)
    rest, low = _times_pi(high, low)
    return rest * 0.5, low * -0.5, bit_cast(i64, magic)


@kernel
def _times_pi(high: Any, low: Any) -> Any:
    """Return a sum of two times pi, as a sum of two that is exact to 2^-78 of it."""
    a = bit_cast(f64, bit_cast(i64, high) & ~0x7FFFFFF)
    b = high - a
    product = a * PI_PARTS[0]
    error = (b * PI_PARTS[1] + high * PI_PARTS[2]) + low * (PI_PARTS[0] + PI_PARTS[1])
    error = (a * PI_PARTS[1] + b * PI_PARTS[0]) + error
    total = product + error
    return total, (product - total) + error
