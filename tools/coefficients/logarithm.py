"""What `compiler.elementary.logarithm` is made of: minimax polynomials, and constants in two parts."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np

from tools.coefficients.remez import minimax, minimax_rounded

__all__ = ["coefficients"]

_DIGITS = 60


def coefficients() -> dict[str, list[float]]:
    """Return the tuples of the module by name, bit for bit."""
    with mpmath.workdps(_DIGITS):
        ln2, log10_2 = mpmath.log(2), mpmath.log10(2)
        log2_e, log10_e = 1 / mpmath.log(2), 1 / mpmath.log(10)
        return {
            "logarithm.LOG_F32": _beyond_first(1, 9),
            "logarithm.LOG2_F32": _beyond_first(log2_e, 9),
            "logarithm.LOG10_F32": _beyond_first(log10_e, 9),
            "logarithm.LN2_F32": in_two(ln2, 16, np.float32),
            "logarithm.LOG10_2_F32": in_two(log10_2, 16, np.float32),
            "logarithm.LOG2_E_F32": in_two(log2_e, 12, np.float32),
            "logarithm.LOG10_E_F32": in_two(log10_e, 12, np.float32),
            "logarithm.LOG_F64": _of_the_square(7),
            "logarithm.LN2_F64": in_two(ln2, 41, np.float64),
            "logarithm.LOG10_2_F64": in_two(log10_2, 41, np.float64),
            "logarithm.LOG2_E_F64": in_two(log2_e, 26, np.float64),
            "logarithm.LOG10_E_F64": in_two(log10_e, 26, np.float64),
        }


def in_two(value: Any, bits: int, dtype: Any) -> list[float]:
    """Return a number's first bits, and the rest of it rounded to a type."""
    unit = mpmath.mpf(2) ** (mpmath.floor(mpmath.log(abs(value), 2)) + 1 - bits)
    high = mpmath.nint(value / unit) * unit
    return [float(high), float(dtype(mpmath.nstr(value - high, 30)))]


def _beyond_first(scale: Any, count: int) -> list[float]:
    """Return `q` of ``scale * log(1 + t) = scale * t + t**2 * q(t)``, 1 + t from 2**-0.5 to 2**0.5.

    The error is relative to the logarithm. All are rounded at once: what that adds is weighted
    by t, and stays below 2**-26.
    """

    def rest(t: Any) -> Any:
        return scale * (mpmath.log1p(t) - t) / t**2 if t else -scale / 2

    def weight(t: Any) -> Any:
        return abs(t**2 / (scale * mpmath.log1p(t))) if t else mpmath.mpf(0)

    low, high = mpmath.sqrt(0.5) - 1, mpmath.sqrt(2) - 1
    found, _ = minimax(rest, low, high, range(count), weight)
    return [float(np.float32(mpmath.nstr(c, 30))) for c in found]


def _of_the_square(count: int) -> list[float]:
    """Return `r` of ``log((1 + s) / (1 - s)) = 2 * s + s * z * r(z)``, z the square of s."""

    def rest(z: Any) -> Any:
        s = mpmath.sqrt(z)
        return (2 * mpmath.atanh(s) - 2 * s) / (s * z) if z else mpmath.mpf(2) / 3

    def weight(z: Any) -> Any:
        s = mpmath.sqrt(z)
        return s * z / (2 * mpmath.atanh(s)) if z else mpmath.mpf(0)

    high = ((mpmath.sqrt(2) - 1) / (mpmath.sqrt(2) + 1)) ** 2
    return minimax_rounded(rest, 0, high, range(count), weight, np.float64)[0]
