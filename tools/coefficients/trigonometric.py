"""Coefficients of `zerocross.compiler.elementary.trigonometric` and its range reduction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
from tools.coefficients.remez import minimax_rounded

__all__ = ["coefficients"]

#: Bits of 1/pi that a product with the greatest float64 needs, and some.
_WORDS, _WORD_BITS = 25, 48


def coefficients() -> dict[str, list[float]]:
    """Return the constants by name: ``"module.NAME"``."""
    with mpmath.workdps(500):
        quarter = mpmath.pi / 2
        return {
            "trigonometric.SIN_F32": _sine_of_half_turns(5),
            "trigonometric.SIN_SHORT_F32": _sine(3, np.float32),
            "trigonometric.COS_SHORT_F32": [-c for c in _cosine(3, np.float32)],
            "trigonometric.TAN_F32": _tangent(7, np.float32),
            "trigonometric.TAN_F64": _tangent(15),
            "sincos.SIN_F32": _fit(lambda f: mpmath.sin(quarter * f) / f, quarter, 0.502, 4),
            "sincos.COS_F32": _fit(lambda f: mpmath.cos(quarter * f), 1, 0.502, 5),
            "sincos.SIN_F64": _sine(6),
            "sincos.COS_F64": _cosine(6),
            "fast_sin.SIN_F32": _fast_sine(5, np.float32),
            "fast_sin.SIN_F64": _fast_sine(6, np.float64),
            "fast_sin.PI_F32": _parts(mpmath.pi, (15, 24)),
            "reduction.INVERSE_PI_F32": _parts(1 / mpmath.pi, (28, 53)),
            "reduction.HALF_PI_F32": _parts(mpmath.pi / 2, (16, 16, 24)),
            "reduction.PI_F64": _parts(mpmath.pi, (32, 53)),
            "reduction.PI_PARTS": _parts(mpmath.pi, (26, 27, 53)),
            "reduction.INVERSE_PI": _words(1 / mpmath.pi),
        }


def _parts(value: Any, bits: tuple[int, ...]) -> list[float]:
    """Return a number above 0 as a sum of parts with so many bits.

    All but the last are rounded down, so that none is negative: less a part times 0.0, -0.0 is -0.0.
    """
    parts = []
    for count in bits:
        unit = mpmath.mpf(2) ** (mpmath.floor(mpmath.log(value, 2)) + 1 - count)
        rounded = mpmath.nint if len(parts) == len(bits) - 1 else mpmath.floor
        parts.append(float(rounded(value / unit) * unit))
        value -= parts[-1]
    return parts


def _words(value: Any) -> list[float]:
    """Return the bits after the point of a number below 1, as whole numbers of 48 bits."""
    whole = int(mpmath.floor(value * mpmath.mpf(2) ** (_WORDS * _WORD_BITS)))
    mask = 2**_WORD_BITS - 1
    return [float(whole >> _WORD_BITS * k & mask) for k in reversed(range(_WORDS))]


def _fit(
    function: Callable[[Any], Any], at_zero: Any, high: float, count: int, dtype: Any = np.float64
) -> list[float]:
    """Return a polynomial of a square, of least relative error, for ``sqrt(square)`` to `high`."""
    with mpmath.workdps(40):

        def of_square(square: Any) -> Any:
            return function(mpmath.sqrt(square)) if square else mpmath.mpf(at_zero)

        found, _ = minimax_rounded(
            of_square, 0, high**2, range(count), lambda s: 1 / of_square(s), dtype
        )
        return found


def _sine_of_half_turns(count: int) -> list[float]:
    """Return sin(pi f) / f, of f up to 1/2 and the little by which the reduction may miss."""
    return _fit(lambda f: mpmath.sin(mpmath.pi * f) / f, mpmath.pi, 0.501, count)


def _fast_sine(count: int, dtype: Any) -> list[float]:
    """Return sin(x) / x."""
    return _fit(lambda x: mpmath.sin(x) / x, 1, float(mpmath.pi / 2), count, dtype)


def _cosine(count: int, dtype: Any = np.float64) -> list[float]:
    """Return (cos(x) - 1 + x^2 / 2) / x^4."""

    def part(square: Any) -> Any:
        with mpmath.workdps(80):
            return (mpmath.cos(mpmath.sqrt(square)) - 1 + square / 2) / square**2

    low, high = mpmath.mpf(10) ** -4, (mpmath.pi / 4) ** 2
    return minimax_rounded(part, low, high, range(count), lambda s: s**2, dtype)[0]


def _sine(count: int, dtype: Any = np.float64) -> list[float]:
    """Return (1 - sin(x) / x) / x^2."""
    negative = _least_of_sum(mpmath.sin, -mpmath.mpf(1) / 6, count, dtype)
    return [-c for c in negative]


def _tangent(count: int, dtype: Any = np.float64) -> list[float]:
    """Return (tan(x) / x - 1) / x^2."""
    return _least_of_sum(mpmath.tan, mpmath.mpf(1) / 3, count, dtype)


def _least_of_sum(function: Any, at_zero: Any, count: int, dtype: Any) -> list[float]:
    """Return P so that ``x + x^3 P(x^2)`` has the least relative error up to pi / 4."""

    def part(square: Any) -> Any:
        if not square:
            return at_zero
        x = mpmath.sqrt(square)
        with mpmath.workdps(80):
            return (function(x) / x - 1) / square

    def weight(square: Any) -> Any:
        return square / (function(mpmath.sqrt(square)) / mpmath.sqrt(square)) if square else 0

    low = mpmath.mpf(10) ** -4
    found, _ = minimax_rounded(part, low, (mpmath.pi / 4) ** 2, range(count), weight, dtype)
    return found
