"""Minimax polynomials by the Remez exchange (E. Ya. Remez, 1934), in many digits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import mpmath
import numpy as np

__all__ = ["minimax", "minimax_rounded"]

_DIGITS = 60


def minimax(
    function: Callable[[Any], Any],
    low: float,
    high: float,
    powers: Sequence[int],
    weight: Callable[[Any], Any] = lambda _x: 1,
) -> tuple[list[Any], Any]:
    """Return the coefficients of ``sum(c * x ** power)`` of the least greatest error.

    Parameters
    ----------
    function : callable
        Of mpmath's numbers.
    low, high : float
        The interval. With only even or only odd powers give its half that is above 0.
    powers : sequence of int
        Of the polynomial.
    weight : callable
        What the error is multiplied by: ``lambda x: 1 / f(x)`` for the relative error.

    Returns
    -------
    coefficients : list of mpf
        In the order of the powers. Where all powers vanish within the interval the exchange may
        stop early, near the least.
    error : mpf
        The greatest weighted error.

    """
    with mpmath.workdps(_DIGITS):
        low, high = mpmath.mpf(low), mpmath.mpf(high)
        count = len(powers) + 1
        middle, half = (low + high) / 2, (high - low) / 2
        points = [middle - half * mpmath.cos(mpmath.pi * k / (count - 1)) for k in range(count)]
        points = [x or half / 1000 for x in points]
        for _ in range(30):
            coefficients, levelled = _levelled(function, points, powers, weight)
            points, worst = _extremes(function, low, high, powers, weight, coefficients, count)
            if len(points) < count or worst <= abs(levelled) * (1 + mpmath.mpf(10) ** -6):
                break
        return coefficients, worst


def _levelled(
    function: Any, points: list[Any], powers: Sequence[int], weight: Any
) -> tuple[list[Any], Any]:
    """Solve for the coefficients whose error is as large at each point, in turn above and below."""
    rows = [
        [*(x**p * weight(x) for p in powers), mpmath.mpf(-1) ** k] for k, x in enumerate(points)
    ]
    wanted = [function(x) * weight(x) for x in points]
    *found, levelled = mpmath.lu_solve(mpmath.matrix(rows), mpmath.matrix(wanted))
    return list(found), levelled


def _extremes(
    function: Any,
    low: Any,
    high: Any,
    powers: Sequence[int],
    weight: Any,
    coefficients: list[Any],
    count: int,
) -> tuple[list[Any], Any]:
    """Return where the error is extreme, at most ``count`` places of changing sign; its size."""

    def error(x: Any) -> Any:
        told = sum(c * x**p for c, p in zip(coefficients, powers, strict=True))
        return (function(x) - told) * weight(x)

    many = 40 * count
    grid = [
        low + (high - low) * (1 - mpmath.cos(mpmath.pi * k / many)) / 2 for k in range(many + 1)
    ]
    values = [error(x) for x in grid]
    runs: list[list[int]] = []
    for k, value in enumerate(values):
        if runs and (values[runs[-1][-1]] > 0) == (value > 0):
            runs[-1].append(k)
        else:
            runs.append([k])
    peaks = [_refined(error, grid, max(run, key=lambda k: abs(values[k]))) for run in runs]
    worst = max(abs(error(x)) for x in peaks)
    while len(peaks) > count:
        peaks.pop(0 if abs(error(peaks[0])) < abs(error(peaks[-1])) else -1)
    return peaks, worst


def _refined(error: Any, grid: list[Any], k: int) -> Any:
    """Return the top of a parabola through three neighbours."""
    if k in (0, len(grid) - 1):
        return grid[k]
    a, b, c = grid[k - 1 : k + 2]
    fa, fb, fc = (abs(error(x)) for x in (a, b, c))
    above = (b - a) ** 2 * (fb - fc) - (b - c) ** 2 * (fb - fa)
    below = (b - a) * (fb - fc) - (b - c) * (fb - fa)
    top = b - above / (2 * below) if below else b
    return top if a < top < c and abs(error(top)) > fb else b


def minimax_rounded(
    function: Callable[[Any], Any],
    low: float,
    high: float,
    powers: Sequence[int],
    weight: Callable[[Any], Any] = lambda _x: 1,
    dtype: Any = np.float64,
    fixed: Sequence[float] = (),
) -> tuple[list[float], float]:
    """Return minimax coefficients that are numbers of a type, and the greatest weighted error.

    One after the other is rounded, and those after it are found anew. The first ones may be
    given: ``fixed``, such as 1.0 for the term that has to be exact.
    """
    with mpmath.workdps(_DIGITS):
        done = [float(c) for c in fixed]
        error = mpmath.mpf(0)
        while len(done) < len(powers):
            known = list(zip(done, powers, strict=False))
            left = powers[len(done) :]

            def rest(x: Any, known: Any = known) -> Any:
                return function(x) - sum(mpmath.mpf(c) * x**p for c, p in known)

            found, _ = minimax(rest, low, high, left, weight)
            done.append(float(dtype(str(mpmath.nstr(found[0], 30)))))
        many = 2000
        for k in range(many + 1):
            x = mpmath.mpf(low) + (mpmath.mpf(high) - low) * k / many
            told = sum(mpmath.mpf(c) * x**p for c, p in zip(done, powers, strict=True))
            error = max(error, abs((function(x) - told) * weight(x)))
        return done, float(error)
