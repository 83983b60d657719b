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
        ln2 = mpmath.log(2)
        half = mpmath.mpf(0.5)
        log2 = _log2()
        exp2 = minimax(_raised, -half, half, range(6), _weight_raised)[0]
        return {
            "power.LOG2_WIDE": [float(c) for c in log2[:5]],
            "power.LOG2_F32": [float(np.float32(mpmath.nstr(c, 30))) for c in log2[5:]],
            "power.EXP2_F32": [float(exp2[0]), *(float(np.float32(mpmath.nstr(c, 30))) for c in exp2[1:])],
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
