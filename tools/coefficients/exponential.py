"""The numbers of `zerocross.compiler.elementary.exponential` and `bases`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
from tools.coefficients.remez import minimax

__all__ = ["beside_zero", "coefficients", "divided", "nearest", "of_power", "rounded", "split"]


def nearest(value: Any, dtype: Any) -> float:
    """Return the number of a type that is nearest to one of many digits."""
    return float(dtype(mpmath.nstr(value, 30)))


def split(value: Any, bits: int, dtype: Any) -> list[float]:
    """Return a number as a sum of two: the first of so many bits, the second what is left."""
    _, exponent = mpmath.frexp(value)
    unit = mpmath.mpf(2) ** (exponent - bits)
    high = mpmath.floor(value / unit) * unit
    return [float(high), nearest(value - high, dtype)]


def divided(function: Callable[[Any], Any], known: list[Any], power: int) -> Callable[[Any], Any]:
    """Return ``(function(r) - known) / r^power`` as a function: what is left to approximate.

    The known coefficients are those of function's series; at 0 its next one follows.
    """

    def rest(r: Any) -> Any:
        with mpmath.workdps(120):
            r = r if abs(r) > mpmath.mpf(10) ** -20 else mpmath.mpf(10) ** -20
            return (function(r) - sum(c * r**p for p, c in enumerate(known))) / r**power

    return rest


def beside_zero(power: int, bound: float, size: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return the weight ``r^power / size(r)``, held above zero: the exchange cannot do without."""
    least = mpmath.mpf(bound) / 8

    def weight(r: Any) -> Any:
        return max(abs(r), least) ** power / size(r)

    return weight


def rounded(
    function: Callable[[Any], Any],
    low: float,
    high: float,
    powers: list[int],
    weight: Callable[[Any], Any],
    dtype: Any,
) -> list[float]:
    """Return minimax coefficients as numbers of a type.

    The first two are rounded one after the other, and what follows is found anew; the others'
    rounding is far below what matters.
    """
    done: list[float] = []
    for k in range(3):

        def rest(r: Any) -> Any:
            return function(r) - sum(c * r**p for c, p in zip(done, powers, strict=False))  # noqa: B023

        found, _ = minimax(rest, low, high, powers[k:], weight)
        done = done + [nearest(c, dtype) for c in (found[:1] if k < 2 else found)]
    return done


def of_power(log: Any, low: float, high: float, degree: int, dtype: Any) -> list[float]:
    """Return c2, c3, ... of ``1 + log r + c2 r^2 + ...``, e^(log r) of least relative error."""

    def power(r: Any) -> Any:
        return mpmath.exp(log * r)

    left = divided(power, [1, log], 2)
    weight = beside_zero(2, high, power)
    return rounded(left, low, high, list(range(degree - 1)), weight, dtype)


def _of_expm1(bound: float, degree: int, dtype: Any) -> list[float]:
    """Return c3, c4, ... of ``r + r^2/2 (1 + c3 r + ...)``, e^r - 1 of least relative error."""
    left = divided(mpmath.expm1, [0, 1, 0.5], 3)
    weight = beside_zero(2, bound, lambda r: mpmath.expm1(r) / r if r else 1)
    found = rounded(left, -bound, bound, list(range(degree - 2)), weight, dtype)
    return [2 * c for c in found]


def _of_exp2(bound: float, degree: int, dtype: Any) -> list[float]:
    """Return c1, c2, ... of ``1 + r / 2 + c1 r + ...``, 2^r of least relative error."""

    def power(r: Any) -> Any:
        return mpmath.mpf(2) ** r

    left = divided(power, [1, 0.5], 1)
    return rounded(left, -bound, bound, list(range(degree)), beside_zero(1, bound, power), dtype)


def coefficients() -> dict[str, list[float]]:
    """Return the numbers by the names of the tuples that they are in."""
    with mpmath.workdps(60):
        ln2, ln10 = mpmath.log(2), mpmath.log(10)
        f32, f64 = np.float32, np.float64
        return {
            "exponential.LOG2_E": [float(1 / ln2)],
            "bases.LOG2_10": [float(ln10 / ln2)],
            "exponential.LN2_F32": split(ln2, 15, f32),
            "exponential.LN2_SHORT": [nearest(ln2, f32), nearest(ln2 - nearest(ln2, f32), f32)],
            "exponential.LN2_F64": split(ln2, 40, f64),
            "bases.LOG10_2_F32": split(ln2 / ln10, 15, f32),
            "bases.LOG10_2_F64": split(ln2 / ln10, 40, f64),
            "bases.LN10_F32": split(ln10, 12, f32),
            "bases.LN10_F64": split(ln10, 26, f64),
            "exponential.EXP_F32": of_power(1, -0.2890, 0.4065, 6, f32),
            "bases.EXP2_F32": _of_exp2(0.5, 6, f32),
            "bases.EXP10_F32": of_power(ln10, -0.1255, 0.1766, 6, f32),
            "exponential.EXPM1_F32": _of_expm1(0.3475, 7, f32),
            "exponential.EXP_F64": of_power(1, -0.2878, 0.4056, 11, f64),
            "bases.EXP2_F64": _of_exp2(0.5, 11, f64),
            "bases.EXP10_F64": of_power(ln10, -0.12495, 0.17612, 11, f64),
            "exponential.EXPM1_F64": _of_expm1(0.3466, 12, f64),
        }
