"""The constants of `zerocross.compiler.elementary.roots`."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
from tools.coefficients.remez import minimax_rounded

__all__ = ["coefficients"]

# The guesses' greatest 1 - x y^k, a little more for their rounding, and what is left of it after
# the guess was improved and rounded to 8 or 17 bits.
_GUESSED = {2: 0.0685, 3: 0.1025}
_IMPROVED = {np.float32: 2.0**-8 * 1.03, np.float64: 2.0**-17 * 1.001}
# Nearer to 0 the limit stands for a quotient of two small numbers.
_LIMIT = 1e-30


def _guess(root: int, dtype: Any) -> list[float]:
    """Return c such that the bits ``c - bits(x) / root`` are near ``x ** (-1 / root)``."""
    # A float's bits are a piecewise linear logarithm. The shifts make 1 - x y^k as far below 0 as
    # above it.
    shift = {2: -0.0682, 3: -0.068}[root]
    bits, bias = (23, 127) if dtype is np.float32 else (52, 1023)
    return [float(int((bias * (1 + 1 / root) + shift) * 2**bits) >> (bits - 20) << (bits - 20))]


def _refinement(root: int, terms: int, dtype: Any, power: int = 1) -> list[float]:
    """Return the polynomial near ``(1 - e) ** (-power / root)`` over what a guess leaves."""
    function = lambda e: (1 - e) ** (-mpmath.mpf(power) / root)  # noqa: E731
    reach = _GUESSED[root]
    weight = lambda e: 1 / function(e)  # noqa: E731
    return minimax_rounded(function, -reach, reach, range(terms), weight, dtype)[0]


def _correction(root: int, dtype: Any) -> list[float]:
    """Return the polynomial near ``((1 - e) ** (-1 / root) - 1) / e`` over a small rest."""
    power = -mpmath.mpf(1) / root

    def function(e: Any) -> Any:
        return ((1 - e) ** power - 1) / e if abs(e) > _LIMIT else -power

    reach = root * _IMPROVED[dtype]
    return minimax_rounded(function, -reach, reach, range(3), dtype=dtype)[0]


def coefficients() -> dict[str, list[float]]:
    """Return the constants by the names of the module's tuples."""
    return {
        "roots.CBRT_GUESS_F32": _guess(3, np.float32),
        "roots.CBRT_F32": _refinement(3, 3, np.float32, power=2),
        "roots.CBRT_GUESS_F64": _guess(3, np.float64),
        "roots.CBRT_F64": _refinement(3, 5, np.float64),
        "roots.CBRT_REST_F64": _correction(3, np.float64),
        "roots.RSQRT_GUESS_F32": _guess(2, np.float32),
        "roots.RSQRT_F32": _refinement(2, 3, np.float32),
        "roots.RSQRT_REST_F32": _correction(2, np.float32),
        "roots.RSQRT_GUESS_F64": _guess(2, np.float64),
        "roots.RSQRT_F64": _refinement(2, 5, np.float64),
        "roots.RSQRT_REST_F64": _correction(2, np.float64),
    }
