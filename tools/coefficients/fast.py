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
        return {"fast.FAST_EXP2": [nearest(c, np.float32) for c in found]}
