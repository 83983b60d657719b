"""What `compiler.elementary.power` is made of: minimax polynomials, and constants in two parts."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
from tools.coefficients.logarithm import in_two
from tools.coefficients.remez import minimax

__all__ = ["coefficients"]

_DIGITS = 60


def coefficients() -> dict[str, list[float]]:
    """Return the tuples of the module by name, bit for bit."""
    with mpmath.workdps(_DIGITS):
        half = mpmath.mpf(0.5)
        log2, log2_e = _log2(), 1 / mpmath.log(2)
        exp2 = minimax(_raised, -half, half, range(6), _weight_raised)[0]
        exp2_long = minimax(_raised, -half, half, range(11), _weight_raised)[0]
        return {
            "power.LOG2_WIDE": [float(c) for c in log2[:5]],
            "power.LOG2_F32": [float(np.float32(mpmath.nstr(c, 30))) for c in log2[5:]],
            "power.EXP2_WIDE": [float(c) for c in exp2],
            "power.ATANH_F64": _atanh(9),
            "power.THIRD_F64": in_two(mpmath.mpf(1) / 3, 53, np.float64),
            "power.TWICE_LOG2_E_F64": [*in_two(2 * log2_e, 26, np.float64), float(2 * log2_e)],
            "power.EXP2_F64": [float(c) for c in exp2_long],
        }


def _log2() -> list[Any]:
    """Return the coefficients of ``log2(1 + t) / t``, t from -1 / 3 to 1 / 3; relative error."""

    def ratio(t: Any) -> Any:
        return mpmath.log1p(t) / (t * mpmath.log(2)) if t else 1 / mpmath.log(2)

    third = mpmath.mpf(1) / 3
    return minimax(ratio, -third, third, range(13), lambda t: 1 / ratio(t))[0]


def _raised(f: Any) -> Any:
    return mpmath.expm1(f * mpmath.log(2)) / f if f else mpmath.log(2)


def _weight_raised(f: Any) -> Any:
    return abs(f) / 2**f


def _atanh(count: int) -> list[float]:
    """Return `q` of ``atanh(s) = s + s**3 / 3 + s**5 * q(s**2)``, (1 + s) / (1 - s) below 2**0.5."""

    def rest(z: Any) -> Any:
        s = mpmath.sqrt(z)
        return (mpmath.atanh(s) - s - s**3 / 3) / s**5 if s else mpmath.mpf(1) / 5

    high = ((mpmath.sqrt(2) - 1) / (mpmath.sqrt(2) + 1)) ** 2
    found, _ = minimax(rest, 0, high, range(count), lambda z: (z + high / 100) ** 2)
    return [float(c) for c in found]
