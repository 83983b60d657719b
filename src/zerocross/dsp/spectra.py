"""Levels of spectra: power and magnitude of bins, averages of bands, decibels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.compiler import kernel
from zerocross.compiler.primitives.vector import (
    bit_cast,
    convert,
    f32,
    f32_native,
    f32x16,
    i32,
    lanes_of,
    load,
    load_first,
    maximum,
    multiply_add,
    splat,
    square_root,
    store_first,
    sum_lanes,
)
from zerocross.errors import UsageError

__all__ = [
    "band_levels_db",
    "design_bands",
    "magnitude_spectrum",
    "power_spectrum",
    "power_to_db",
]

_FLOOR = np.float32(1e-30)
_LN2 = math.log(2.0)
_DB_OF_OCTAVE = np.float32(10.0 * math.log10(2.0))
# log2((1 + t) / (1 - t)) = 2 / ln 2 * (t + t**3 / 3 + ...): the series of atanh.
_C1, _C3, _C5, _C7, _C9 = (np.float32(2.0 / _LN2 / k) for k in (1, 3, 5, 7, 9))


@kernel
def _vector_db(power: Any) -> Any:
    """Return ``10 * log10`` of positive, normal float32 lanes, within 2e-6 dB and rounding."""
    # Split into 2**exponent * m with m in [sqrt(1/2), sqrt(2)).
    bits = bit_cast(i32, power)
    shifted = bits - 0x3F3504F3
    exponent = convert(f32, shifted >> 23)
    m = bit_cast(f32, bits - ((shifted >> 23) << 23))
    t = (m - np.float32(1.0)) / (m + np.float32(1.0))
    t2 = t * t
    series = multiply_add(t2, splat(f32_native, _C9), splat(f32_native, _C7))
    series = multiply_add(t2, series, splat(f32_native, _C5))
    series = multiply_add(t2, series, splat(f32_native, _C3))
    series = multiply_add(t2, series, splat(f32_native, _C1))
    return multiply_add(t, series, exponent) * _DB_OF_OCTAVE


@kernel
def power_to_db(power: Any, out: Any) -> None:
    """Write ``10 * log10(power)``; what is below 1e-30 counts as 1e-30, which is -300 dB.

    Parameters
    ----------
    power : array, shape (bins,), float32
        Not negative; NaN counts as 1e-30, infinity as the power above the largest (385 dB).
    out : array, shape (bins,), float32
        May be `power` itself.

    Notes
    -----
    Real-time: safe.

    """
    for i in range(0, power.size, lanes_of(f32_native)):
        left = power.size - i
        value = maximum(load_first(f32_native, power, i, left), splat(f32_native, _FLOOR))
        store_first(out, i, _vector_db(value), left)


def design_bands(
    bins: int, bands: int, sample_rate: float, low_hz: float = 20.0, high_hz: float | None = None
) -> npt.NDArray[np.int64]:
    """Return the bins at which logarithmic bands begin, and where the last one ends.

    Parameters
    ----------
    bins : int
        Of the spectrum, from 0 Hz to half the sample rate.
    bands : int
        Each gets at least one bin.
    sample_rate, low_hz, high_hz : float
        In Hz; the upper limit is half the sample rate by default.

    Returns
    -------
    ndarray, shape (bands + 1,), int64
        Strictly rising.

    """
    nyquist = sample_rate / 2
    high = nyquist if high_hz is None else min(high_hz, nyquist)
    if not 0 < low_hz < high or not 1 <= bands < bins:
        raise UsageError(
            f"{bands} bands from {low_hz} to {high} Hz do not fit {bins} bins; take fewer bands"
        )
    wanted = np.rint(np.geomspace(low_hz, high, bands + 1) / nyquist * (bins - 1)).astype(np.int64)
    wanted[-1] = max(wanted[-1], bands)
    for i in range(bands + 1):  # at least one bin each, from below and from above
        wanted[i] = max(wanted[i], wanted[i - 1] + 1 if i else 1)
    for i in range(bands, -1, -1):
        wanted[i] = min(wanted[i], bins - (bands - i))
    return wanted


@kernel
def band_levels_db(power: Any, edges: Any, out: Any) -> None:
    """Average the power in bands and write the averages in dB.

    Parameters
    ----------
    power : array, shape (bins,), float32
        Power spectrum, not negative.
    edges : array, shape (bands + 1,), int64
        Rising; see `design_bands`.
    out : array, shape (bands,), float32
        In dB.

    Notes
    -----
    Real-time: safe.

    """
    bands = edges.size - 1
    for b in range(bands):
        start, end = edges[b], edges[b + 1]
        length = end - start
        if length < 16:
            total = np.float32(0.0)
            for i in range(start, end):
                total += power[i]
        else:
            sums = splat(f32x16, np.float32(0.0))
            whole = end - length % 16
            for i in range(start, whole, 16):
                sums = sums + load(f32x16, power, i)
            sums = sums + load_first(f32x16, power, whole, end - whole)
            total = sum_lanes(sums)
        out[b] = total / np.float32(length)
    power_to_db(out, out)


@kernel
def power_spectrum(re: Any, im: Any, scale: Any, out: Any) -> None:
    """Write ``scale * (re**2 + im**2)``.

    Parameters
    ----------
    re, im, out : array, shape (bins,), float32
        A spectrum and its power.
    scale : float
        Such as ``1 / size**2``.

    Notes
    -----
    Real-time: safe.

    """
    factor = np.float32(scale)
    for i in range(0, re.size, lanes_of(f32_native)):
        left = re.size - i
        a, b = load_first(f32_native, re, i, left), load_first(f32_native, im, i, left)
        store_first(out, i, multiply_add(a, a, b * b) * factor, left)


@kernel
def magnitude_spectrum(re: Any, im: Any, scale: Any, out: Any) -> None:
    """Write ``scale * sqrt(re**2 + im**2)``; parameters as `power_spectrum`. Real-time: safe."""
    factor = np.float32(scale)
    for i in range(0, re.size, lanes_of(f32_native)):
        left = re.size - i
        a, b = load_first(f32_native, re, i, left), load_first(f32_native, im, i, left)
        store_first(out, i, square_root(multiply_add(a, a, b * b)) * factor, left)
