"""Biquads by their usual names, as rows of ``sos`` (R. Bristow-Johnson, Audio EQ Cookbook)."""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from zerocross.errors import UsageError

__all__ = ["KINDS", "design_band", "frequency_response"]

_Row = tuple[float, float, float, float, float, float]


def _lowpass(c: float, alpha: float, _a: float) -> _Row:
    return ((1 - c) / 2, 1 - c, (1 - c) / 2, 1 + alpha, -2 * c, 1 - alpha)


def _highpass(c: float, alpha: float, _a: float) -> _Row:
    return ((1 + c) / 2, -(1 + c), (1 + c) / 2, 1 + alpha, -2 * c, 1 - alpha)


def _bandpass(c: float, alpha: float, _a: float) -> _Row:
    return (alpha, 0.0, -alpha, 1 + alpha, -2 * c, 1 - alpha)


def _notch(c: float, alpha: float, _a: float) -> _Row:
    return (1.0, -2 * c, 1.0, 1 + alpha, -2 * c, 1 - alpha)


def _allpass(c: float, alpha: float, _a: float) -> _Row:
    return (1 - alpha, -2 * c, 1 + alpha, 1 + alpha, -2 * c, 1 - alpha)


def _peaking(c: float, alpha: float, a: float) -> _Row:
    return (1 + alpha * a, -2 * c, 1 - alpha * a, 1 + alpha / a, -2 * c, 1 - alpha / a)


def _lowshelf(c: float, alpha: float, a: float) -> _Row:
    root = 2 * math.sqrt(a) * alpha
    return (
        a * ((a + 1) - (a - 1) * c + root),
        2 * a * ((a - 1) - (a + 1) * c),
        a * ((a + 1) - (a - 1) * c - root),
        (a + 1) + (a - 1) * c + root,
        -2 * ((a - 1) + (a + 1) * c),
        (a + 1) + (a - 1) * c - root,
    )


def _highshelf(c: float, alpha: float, a: float) -> _Row:
    root = 2 * math.sqrt(a) * alpha
    return (
        a * ((a + 1) + (a - 1) * c + root),
        -2 * a * ((a - 1) + (a + 1) * c),
        a * ((a + 1) + (a - 1) * c - root),
        (a + 1) - (a - 1) * c + root,
        2 * ((a - 1) - (a + 1) * c),
        (a + 1) - (a - 1) * c - root,
    )


#: The kinds of bands, with the formula of each.
KINDS: dict[str, Callable[[float, float, float], _Row]] = {
    "lowpass": _lowpass,
    "highpass": _highpass,
    "bandpass": _bandpass,
    "notch": _notch,
    "allpass": _allpass,
    "peaking": _peaking,
    "lowshelf": _lowshelf,
    "highshelf": _highshelf,
}


def design_band(
    kind: str, frequency: float, sample_rate: float, q: float = 0.7071, gain_db: float = 0.0
) -> npt.NDArray[np.float64]:
    """Return a band's row of ``sos``: ``b0 b1 b2 1 a1 a2``.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    frequency : float
        Corner or centre in Hz, above 0 and below half the sample rate.
    sample_rate : float
        In Hz.
    q : float
        Quality, above 0.
    gain_db : float
        Of peaking and shelves, in dB.

    Raises
    ------
    UsageError
        For an unknown kind, or values outside.

    Notes
    -----
    Source: R. Bristow-Johnson, Audio EQ Cookbook, with ``alpha = sin(w) / (2 q)``.

    """
    if kind not in KINDS:
        raise UsageError(f"no band of kind {kind!r}; there are: {', '.join(KINDS)}")
    if not (0 < frequency < sample_rate / 2 and q > 0 and math.isfinite(gain_db)):
        raise UsageError(
            f"{kind} at {frequency:g} Hz, Q {q:g}, {gain_db:g} dB: give a frequency between 0 and "
            f"{sample_rate / 2:g} Hz, and a Q above 0"
        )
    w = 2 * math.pi * frequency / sample_rate
    row = KINDS[kind](math.cos(w), math.sin(w) / (2 * q), 10 ** (gain_db / 40))
    return np.array(row) / row[3]


def frequency_response(
    sos: npt.ArrayLike, frequencies: npt.ArrayLike, sample_rate: float
) -> npt.NDArray[np.complex128]:
    """Return the complex gain of a cascade at frequencies in Hz."""
    z = np.array(
        [cmath.exp(-2j * math.pi * f / sample_rate) for f in np.ravel(np.asarray(frequencies))]
    )
    total = np.ones(len(z), np.complex128)
    for b0, b1, b2, a0, a1, a2 in np.atleast_2d(np.asarray(sos, np.float64)):
        total *= (b0 + b1 * z + b2 * z * z) / (a0 + a1 * z + a2 * z * z)
    return total
