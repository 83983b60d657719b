"""What `compiler.elementary.logarithm` is made of: minimax polynomials, and constants in two parts."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
from tools.coefficients.remez import minimax_rounded

__all__ = ["coefficients"]

_DIGITS = 60


def coefficients() -> dict[str, list[float]]:
    """Return the tuples of the module by name, bit for bit."""
    with mpmath.workdps(_DIGITS):
        ln2, log10_2 = mpmath.log(2), mpmath.log10(2)
        log2_e, log10_e = 1 / mpmath.log(2), 1 / mpmath.log(10)
        root = mpmath.sqrt(0.5)
        return {
            "logarithm.LOG_F32": _beyond([1.0, -0.5], 1, root, range(2, 10)),
            "logarithm.LOG2_F32": _beyond([1.5], log2_e, mpmath.mpf(2) / 3, range(10)),
            "logarithm.LOG10_F32": _beyond([0.375], log10_e, root, range(10)),
            "logarithm.LN2_F32": in_two(ln2, 16, np.float32),
            "logarithm.LOG10_2_F32": in_two(log10_2, 16, np.float32),
            "logarithm.LOG_F64": _of_the_square(7),
            "logarithm.LN2_F64": in_two(ln2, 41, np.float64),
            "logarithm.LOG10_2_F64": in_two(log10_2, 41, np.float64),
            "logarithm.LOG2_E_F64": [float(log2_e), float(log2_e - 1.5)],
            "logarithm.LOG10_E_F64": [float(log10_e), float(log10_e - 0.375)],
        }


def in_two(value: Any, bits: int, dtype: Any) -> list[float]:
    """Return a number's first bits, and the rest of it rounded to a type."""
    unit = mpmath.mpf(2) ** (mpmath.floor(mpmath.log(abs(value), 2)) + 1 - bits)
    high = mpmath.nint(value / unit) * unit
    return [float(high), float(dtype(mpmath.nstr(value - high, 30)))]


def _beyond(known: list[float], scale: Any, low: Any, powers: range) -> list[float]:
    """Return the coefficients of the powers of t in ``scale * log(1 + t) / t - known(t)``.

    1 + t is from `low` to its double; `known` has the coefficients from that of 1 on.

    The error is relative to the logarithm. One coefficient after the other is rounded, and those
    after it are found anew by least squares at Chebyshev's nodes, which is near minimax: an exchange
    stops where all that is left vanishes at 0.
    """
    many = 120
    middle, half = 3 * low / 2 - 1, low / 2
    nodes = [middle - half * mpmath.cos(mpmath.pi * (k + 0.5) / many) for k in range(many)]
    weights = [t / (scale * mpmath.log1p(t)) for t in nodes]
    left = [scale * mpmath.log1p(t) / t - sum(c * t**k for k, c in enumerate(known)) for t in nodes]
    done: list[float] = []
    for k, power in enumerate(powers):
        rows = [[t**p * w for p in powers[k:]] for t, w in zip(nodes, weights, strict=True)]
        matrix = mpmath.matrix(rows)
        wanted = mpmath.matrix([y * w for y, w in zip(left, weights, strict=True)])
        found = mpmath.lu_solve(matrix.T * matrix, matrix.T * wanted)
        done.append(float(np.float32(mpmath.nstr(found[0], 30))))
        left = [y - mpmath.mpf(done[-1]) * t**power for y, t in zip(left, nodes, strict=True)]
    return done


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
