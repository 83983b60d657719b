"""The numbers of `zerocross.compiler.elementary.fast`."""

from __future__ import annotations

import mpmath
import numpy as np
from tools.coefficients.exponential import nearest
from tools.coefficients.remez import minimax

__all__ = ["coefficients"]


def coefficients() -> dict[str, list[float]]:
    """Return the numbers by the names of the tuples that they are in."""
    with mpmath.workdps(60):
        found, _ = minimax(
            lambda r: mpmath.mpf(2) ** r, -0.5, 0.5, range(5), lambda r: mpmath.mpf(2) ** -r
        )
        fast_exp2 = [nearest(c, np.float32) for c in found]
        root = mpmath.sqrt(2)
        found, _ = minimax(_log2_by_rest, 1 / root - 1, root - 1, range(6), lambda t: t)
        fast_log2 = [nearest(c, np.float32) for c in found]
    above, below = _lambert()
    return {
        "fast.FAST_EXP2": fast_exp2,
        "fast.FAST_LOG2": fast_log2,
        "fast.LAMBERT_ABOVE": above,
        "fast.LAMBERT_BELOW": below,
    }


def _log2_by_rest(t: mpmath.mpf) -> mpmath.mpf:
    return mpmath.log(1 + t, 2) / t if t else 1 / mpmath.log(2)


def _lambert() -> tuple[list[float], list[float]]:
    """Return the polynomials of x^2 in x / (1 + x^2 / (3 + x^2 / (5 + ...))), up to 13.

    The coefficient of the highest power above, which is 1, is left out.
    """
    above, below = [1], [13]
    for odd in range(11, 0, -2):
        times = [0, *above]
        above, below = below, [odd * c for c in below]
        below = [
            (below[k] if k < len(below) else 0) + (times[k] if k < len(times) else 0)
            for k in range(max(len(below), len(times)))
        ]
    return [float(c) for c in above[:-1]], [float(c) for c in below]
