"""The numbers of `zerocross.compiler.elementary.hyperbolic`."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
from tools.coefficients.exponential import beside_zero, divided, nearest, of_power, rounded

__all__ = ["coefficients"]


def _of_sinh(bound: float, count: int, dtype: Any) -> list[float]:
    """Return c3, c5, ... of ``r + c3 r^3 + ...``, sinh r of least relative error."""
    left = divided(mpmath.sinh, [0, 1], 3)
    weight = beside_zero(2, bound, lambda r: mpmath.sinh(r) / r if r else 1)
    return rounded(left, 0.0, bound, list(range(0, 2 * count, 2)), weight, dtype)


def _of_cosh(bound: float, count: int, dtype: Any) -> list[float]:
    """Return c2, c4, ... of ``1 + c2 r^2 + ...``, cosh r of least relative error."""
    left = divided(mpmath.cosh, [1], 2)
    weight = beside_zero(2, bound, mpmath.cosh)
    return rounded(left, 0.0, bound, list(range(0, 2 * count, 2)), weight, dtype)


def _of_tanh(bound: float, count: int, dtype: Any) -> list[float]:
    """Return c3, c5, ... of ``r + c3 r^3 + ...``, tanh r of least relative error."""
    left = divided(mpmath.tanh, [0, 1], 3)
    weight = beside_zero(2, bound, lambda r: mpmath.tanh(r) / r if r else 1)
    return rounded(left, 0.0, bound, list(range(0, 2 * count, 2)), weight, dtype)


def coefficients() -> dict[str, list[float]]:
    """Return the numbers by the names of the tuples that they are in."""
    with mpmath.workdps(60):
        return {
            "hyperbolic.SINH_F32": _of_sinh(0.4775, 3, np.float32),
            "hyperbolic.COSH_F32": _of_cosh(0.4775, 3, np.float32),
            "hyperbolic.LN2": [nearest(mpmath.log(2), np.float32)],
            "hyperbolic.EXP_F32": of_power(1, -0.3475, 0.3475, 6, np.float32),
            "hyperbolic.EXP_F64": of_power(1, -0.3466, 0.3466, 11, np.float64),
            "hyperbolic.TANH_F32": _of_tanh(0.28125, 3, np.float32),
            "hyperbolic.TANH_F64": _of_tanh(0.28125, 8, np.float64),
            "hyperbolic.SINH_F64": _of_sinh(0.4766, 6, np.float64),
            "hyperbolic.COSH_F64": _of_cosh(0.4766, 6, np.float64),
        }
