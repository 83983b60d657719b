"""The constants of `zerocross.compiler.elementary.inverse`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
from tools.coefficients.remez import minimax_rounded

__all__ = ["coefficients"]


def _odd(function: Callable[[Any], Any], high: float, terms: int, dtype: Any) -> list[float]:
    """Return what follows the first term of ``x + c0 x^3 + c1 x^5 + ...``, relatively minimax."""
    powers = [1 + 2 * k for k in range(terms + 1)]
    weight = lambda x: 1 / function(x)  # noqa: E731
    found, _ = minimax_rounded(function, high / 1024, high, powers, weight, dtype, fixed=(1.0,))
    return found[1:]


def _split(exact: Any, dtype: Any) -> list[float]:
    """Return a number in two: the nearest of a type, and the nearest to what is left."""
    high = float(dtype(float(exact)))
    return [high, float(dtype(float(exact - mpmath.mpf(high))))]


def coefficients() -> dict[str, list[float]]:
    """Return the constants by the names of the module's tuples."""
    with mpmath.workdps(60):
        half_pi = mpmath.pi / 2
        return {
            "inverse.ASIN_F32": _odd(mpmath.asin, 0.5, 5, np.float32),
            "inverse.ASIN_F64": _odd(mpmath.asin, 0.5, 12, np.float64),
            "inverse.ATAN_F32": _odd(mpmath.atan, 1.0, 9, np.float32),
            "inverse.ATAN_F64": _odd(mpmath.atan, 0.5, 12, np.float64),
            "inverse.HALF_PI_F32": _split(half_pi, np.float32),
            "inverse.HALF_PI_F64": _split(half_pi, np.float64),
        }
