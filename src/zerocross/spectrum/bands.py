"""Bands on several scales, and the weights with which a spectrum's bins add up to them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.dsp.window import WINDOWS, design_window
from zerocross.errors import UsageError
from zerocross.memory import aligned_zeros

__all__ = [
    "PER",
    "SCALES",
    "TOGETHER",
    "Bands",
    "Weights",
    "design_scale",
    "design_weights",
    "noise_bandwidth",
]

_G = 10**0.3  # IEC 61260-1: the octave's ratio
_REFERENCE_HZ = 1000.0
_LOW_BARK, _HIGH_BARK = 2.0, 20.1
#: Of tones in a window, less is rounding; and so near a bin is on it, in turns of radians.
_LEAST_SHARE, _NEAR = 1e-6, 1e-9
#: Bins that are added up at a time.
TOGETHER = 16
#: What the level of a band can be of.
PER = ("bin", "band")


def _between(
    to_scale: Callable[[float], float], from_scale: Callable[[float], float]
) -> Callable[[int, float, float], npt.NDArray[np.float64]]:
    def edges(bands: int, low: float, high: float) -> npt.NDArray[np.float64]:
        return np.array(
            [from_scale(x) for x in np.linspace(to_scale(low), to_scale(high), bands + 1)]
        )

    return edges


def _bark(hz: float) -> float:
    """Return the critical-band rate: formula (6) with its end corrections (7) and (8)."""
    z = 26.81 * hz / (1960 + hz) - 0.53
    if z < _LOW_BARK:
        return z + 0.15 * (_LOW_BARK - z)
    return z + 0.22 * max(0.0, z - _HIGH_BARK)


def _from_bark(z: float) -> float:
    if z < _LOW_BARK:
        z = (z - 0.15 * _LOW_BARK) / 0.85
    elif z > _HIGH_BARK:
        z = (z + 0.22 * _HIGH_BARK) / 1.22
    return 1960 * (z + 0.53) / (26.28 - z)


#: Scales by name: how bands divide a range of frequencies. Mel: D. O'Shaughnessy, 1987; Bark: H.
#: Traunmüller, JASA 88, 1990, pages 97-100; quadratic: band edges at the squares of their numbers.
SCALES: dict[str, Callable[[int, float, float], npt.NDArray[np.float64]]] = {
    "linear": _between(lambda f: f, lambda x: x),
    "logarithmic": _between(math.log, math.exp),
    "mel": _between(
        lambda f: 2595 * math.log10(1 + f / 700), lambda x: 700 * (10 ** (x / 2595) - 1)
    ),
    "bark": _between(_bark, _from_bark),
    "quadratic": _between(math.sqrt, lambda x: x * x),
}


@dataclasses.dataclass(frozen=True)
class Bands:
    """Bands next to each other.

    Attributes
    ----------
    edges : ndarray, shape (bands + 1,)
        In Hz.
    centres : ndarray, shape (bands,)
        In Hz: the exact middles of octave bands, else the geometric middle.

    """

    edges: npt.NDArray[np.float64]
    centres: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.centres)


def design_scale(
    scale: str = "logarithmic",
    bands: int = 32,
    low_hz: float = 20.0,
    high_hz: float = 20_000.0,
    fraction: int = 3,
) -> Bands:
    """Return bands on a scale.

    Parameters
    ----------
    scale : str
        One of `SCALES`, or ``octave``.
    bands : int
        How many; for octaves the range decides.
    low_hz, high_hz : float
        The range; octave bands are those whose centres lie within.
    fraction : int
        Of octaves: 1 to 24 bands in one, by IEC 61260-1 with base ten.

    """
    if not 0 < low_hz < high_hz:
        raise UsageError(f"bands from {low_hz:g} to {high_hz:g} Hz: give a range above 0")
    if scale == "octave":
        return _octaves(fraction, low_hz, high_hz)
    if scale not in SCALES:
        raise UsageError(f"no scale {scale!r}; there are: octave, {', '.join(SCALES)}")
    if not 1 <= bands <= 4096:
        raise UsageError(f"{bands} bands: give 1 to 4096")
    edges = SCALES[scale](bands, low_hz, high_hz)
    return Bands(edges, np.sqrt(edges[:-1] * edges[1:]))


def _octaves(fraction: int, low_hz: float, high_hz: float) -> Bands:
    if not 1 <= fraction <= 24:
        raise UsageError(f"1/{fraction} octaves: give 1 to 24")
    half = 0.0 if fraction % 2 else 0.5
    steps = fraction / math.log10(_G)
    # Nominal limits such as 20 Hz stand for exact middles such as 19.95.
    first = math.ceil(steps * math.log10(0.985 * low_hz / _REFERENCE_HZ) - half)
    last = math.floor(steps * math.log10(1.015 * high_hz / _REFERENCE_HZ) - half)
    if last < first:
        raise UsageError(f"no 1/{fraction} octave band from {low_hz:g} to {high_hz:g} Hz")
    centres = _REFERENCE_HZ * _G ** ((np.arange(first, last + 1) + half) / fraction)
    width = _G ** (0.5 / fraction)
    return Bands(np.concatenate([centres / width, [centres[-1] * width]]), centres)


# --- from bins to bands -------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Weights:
    """How bins add up to bands: band b is ``sum(weights[starts[b] + k] * power[bins[b] + k])``.

    Attributes
    ----------
    bins, starts, counts : ndarray, shape (bands,), int64
    weights : ndarray, float32
        Each band's begin at a multiple of `TOGETHER`; behind them are zeros up to the next one's.

    """

    bins: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float32]


def noise_bandwidth(window: npt.NDArray[np.float32]) -> float:
    """Return a window's equivalent noise bandwidth in bins (F. J. Harris, 1978)."""
    wide = window.astype(np.float64)
    return float(wide.size * (wide**2).sum() / wide.sum() ** 2)


def design_weights(
    bands: Bands,
    size: int,
    sample_rate: float,
    window: str = "hann",
    per: str = "bin",
    shares: npt.ArrayLike = 1.0,
) -> Weights:
    """Return weights under which the power of bins adds up to levels of bands.

    Bins count by how much of them lies within a band; a sine's whole main lobe adds up to the
    window's noise bandwidth. What is divided by that is the power within the band, of noise and of
    sines alike, but a narrow band sees only a part of a sine's lobe. Divided by what it sees of a
    sine in its middle, that sine reads its level, and noise in a narrow band too much.

    Parameters
    ----------
    bands : Bands
        Beyond half the sample rate they stay empty.
    size : int
        Of the transform.
    sample_rate : float
        In Hz.
    window : str
        One of `WINDOWS`; its spectrum is taken to be divided by half its sum.
    per : {"bin", "band"}
        A full-scale sine in the middle of a band reads 1, or the band's power is read.
    shares : float or array, shape (bands,)
        Of each band, what this transform has in it, 0 to 1.

    """
    if window not in WINDOWS:
        raise UsageError(f"no window {window!r}; there are {', '.join(WINDOWS)}")
    if per not in PER:
        raise UsageError(f"per={per!r}: give one of {', '.join(PER)}")
    shape = design_window(window, size)
    bandwidth, tones = noise_bandwidth(shape), _tones(shape)
    step, top = sample_rate / size, size // 2
    rows: list[npt.NDArray[np.float64]] = []
    bins = []
    for low, high, centre in zip(bands.edges[:-1], bands.edges[1:], bands.centres, strict=True):
        a, b = low / step, min(high / step, top + 0.5)
        first = max(0, math.floor(a + 0.5))
        last = min(top, math.ceil(b - 0.5))
        k = np.arange(first, max(first, last) + 1)
        overlap = np.clip(np.minimum(k + 0.5, b) - np.maximum(k - 0.5, a), 0.0, 1.0)
        seen = bandwidth
        if per == "bin" and overlap.any():
            seen = float((overlap * _lobe(tones, size, min(centre / step, top) - k)).sum())
        rows.append(overlap / seen)
        bins.append(first)
    counts = np.array([len(row) for row in rows], np.int64)
    ends = np.cumsum(-(-counts // TOGETHER) * TOGETHER)
    starts = np.concatenate([[0], ends[:-1]]).astype(np.int64)
    flat = aligned_zeros(int(ends[-1]))
    for start, row, share in zip(starts, rows, np.broadcast_to(shares, len(bands)), strict=True):
        flat[start : start + len(row)] = row * share
    return Weights(np.array(bins, np.int64), starts, counts, flat)


def _tones(window: npt.NDArray[np.float32]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return the few complex tones that add up to a window: bins, and their shares of its sum."""
    shares = np.fft.fft(window) / window.sum(dtype=np.float64)
    bins = np.flatnonzero(np.abs(shares) > _LEAST_SHARE)
    return np.where(bins > window.size // 2, bins - window.size, bins), shares[bins]


def _lobe(
    tones: tuple[npt.NDArray[Any], npt.NDArray[Any]], size: int, away: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return the power that a sine leaves in bins so far below it, 1 where it is.

    A window is a few tones, and each leaves what Dirichlet's kernel says.
    """
    bins, shares = tones
    turns = 2j * np.pi * (away[:, np.newaxis] + bins)
    is_there = np.abs(turns) < _NEAR
    turns[is_there] = 1.0
    kernel = np.where(is_there, 1.0, np.expm1(turns) / np.expm1(turns / size) / size)
    found: npt.NDArray[np.float64] = np.abs(kernel @ shares) ** 2
    return found
