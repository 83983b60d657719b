"""Curves given as points: as a minimum-phase filter, or fitted by bands."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.eq.design import (
    design_band,
    frequency_response,
    one_frame,
    q_of_bandwidth,
    response_at,
)
from zerocross.errors import UsageError
from zerocross.units import checked_number, checked_whole, shown

__all__ = [
    "GRAPHIC_HZ",
    "curve_db",
    "fit_bands",
    "fit_error_db",
    "gains_for",
    "graphic_q",
    "minimum_phase",
]

#: Centres of graphic equalisers with 10 (octaves), 15 (two thirds) and 31 (thirds) bands: ISO 266.
GRAPHIC_HZ: dict[int, tuple[float, ...]] = {
    10: (31.5, 63, 125, 250, 500, 1000, 2000, 4000, 8000, 16_000),
    15: (25, 40, 63, 100, 160, 250, 400, 630, 1000, 1600, 2500, 4000, 6300, 10_000, 16_000),
    31: (
        *(20, 25, 31.5, 40, 50, 63, 80, 100, 125, 160, 200, 250, 315, 400, 500, 630, 800, 1000),
        *(1250, 1600, 2000, 2500, 3150, 4000, 5000, 6300, 8000, 10_000, 12_500, 16_000, 20_000),
    ),
}
_OCTAVES = {10: 1.0, 15: 2 / 3, 31: 1 / 3}
_GRID = 1 << 16
_FADE = 0.25
_FLOOR_DB = -100.0
_ROUNDS = 12
_FIT_POINTS, _ERROR_POINTS = 300, 1000
_HEARD_HZ = (20.0, 20_000.0)
_MOST_FITTED = 0.48


def _checked_count(bands: Any) -> int:
    if not isinstance(bands, int) or bands not in GRAPHIC_HZ:
        raise UsageError(f"a graphic equaliser of {shown(bands)} bands; give 10, 15 or 31")
    return bands


def _checked_points(points: Any) -> npt.NDArray[np.float64]:
    """Return a curve's points as rows: Hz in order, and dB."""
    try:
        # Of points at one frequency the order is kept: there the curve jumps.
        made = np.array(sorted(points, key=operator.itemgetter(0)), np.float64)
    except (TypeError, ValueError, IndexError, KeyError):
        made = np.zeros(0)
    if made.ndim != 2 or made.shape[1] != 2 or not np.isfinite(made).all():
        raise UsageError(f"points={shown(points)}: give pairs of finite Hz and dB, one or more")
    return made.T


def graphic_q(bands: int) -> float:
    """Return the Q of a graphic equaliser's bands: as wide as they are apart."""
    width = 2 ** _OCTAVES[_checked_count(bands)]
    return float(np.sqrt(width) / (width - 1))


def curve_db(
    points: Sequence[tuple[float, float]], frequencies: npt.ArrayLike
) -> npt.NDArray[np.float64]:
    """Return a curve's level in dB: straight over the logarithm of Hz, flat beyond its ends.

    As Equalizer APO has it (GainIterator.cpp): at points of the same frequency it jumps from the
    first one's level to the last one's, and nothing is below -100 dB. A point at 0 Hz is infinitely
    far from all others, so it is heard at 0 Hz alone.
    """
    hz, levels = _checked_points(points)
    wanted = np.abs(np.asarray(frequencies, np.float64))
    right = np.searchsorted(hz, wanted, side="left")
    left = np.clip(right - 1, 0, len(hz) - 1)
    right = np.minimum(right, len(hz) - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.log(wanted / hz[left]) / np.log(hz[right] / hz[left])
    share = np.where(hz[left] <= 0, 1.0, np.where(left == right, 0.0, share))
    found: npt.NDArray[np.float64] = levels[left] + share * (levels[right] - levels[left])
    return np.maximum(found, _FLOOR_DB)


def minimum_phase(
    points: Sequence[tuple[float, float]], sample_rate: float, taps: int | None = None
) -> npt.NDArray[np.float64]:
    """Return the impulse response with a curve's magnitude and the least delay.

    Parameters
    ----------
    points : sequence of (float, float)
        Hz and dB.
    sample_rate : float
        In Hz.
    taps : int or None
        Length; None for 0.25 seconds, which follows a curve down to 20 Hz.

    Notes
    -----
    By the cepstrum: A. V. Oppenheim, R. W. Schafer, Discrete-Time Signal Processing, section 12.

    """
    sample_rate = checked_number("sample_rate", sample_rate, 100.0, 10e6, "Hz")
    count = 1 << int(np.ceil(np.log2(0.25 * sample_rate)))
    if taps is not None:
        count = checked_whole("taps", taps, 8, 1 << 22)
    size = max(_GRID, 8 * count)
    hz = np.fft.rfftfreq(size, 1 / sample_rate)
    log_magnitude = curve_db(points, hz) * (np.log(10) / 20)
    cepstrum = np.fft.irfft(log_magnitude, size)
    cepstrum[1 : size // 2] *= 2
    cepstrum[size // 2 + 1 :] = 0
    response = np.fft.irfft(np.exp(np.fft.rfft(cepstrum)), size)[:count]
    fade = int(_FADE * count)
    response[-fade:] *= 0.5 + 0.5 * np.cos(np.pi * np.arange(fade) / fade)
    made: npt.NDArray[np.float64] = response
    return made


def gains_for(
    frequencies: Sequence[float],
    levels_db: npt.ArrayLike,
    q: float | Sequence[float],
    sample_rate: float,
    at_hz: Sequence[float] | None = None,
) -> npt.NDArray[np.float64]:
    """Return the gains of peaking bands whose sum comes closest to levels.

    The levels are those at the bands' own centres, or at other frequencies. Neighbours reach into
    each other; steps of least squares settle that (Gauss-Newton).
    """
    wanted = np.asarray(levels_db, np.float64)
    hz = [min(f, 0.49 * sample_rate) for f in frequencies]
    at = hz if at_hz is None else list(at_hz)

    z = one_frame(at, sample_rate)
    widths = [float(w) for w in np.broadcast_to(q, len(hz))]

    def level(f: float, width: float, gain: float) -> npt.NDArray[np.float64]:
        row = design_band("peaking", f, sample_rate, width, gain)
        found: npt.NDArray[np.float64] = 20 * np.log10(np.abs(response_at(row[None], z)))
        return found

    gains = np.zeros(len(hz))
    for _ in range(_ROUNDS):
        now = [level(f, w, g) for f, w, g in zip(hz, widths, gains, strict=True)]
        more = [level(f, w, g + 0.1) for f, w, g in zip(hz, widths, gains, strict=True)]
        slope = (np.array(more) - np.array(now)).T / 0.1
        missing = wanted - np.sum(now, axis=0)
        step, *_ = np.linalg.lstsq(slope, missing, rcond=1e-6)
        gains = np.clip(gains + np.clip(step, -6.0, 6.0), -40.0, 40.0)
    return gains


def fit_bands(
    points: Sequence[tuple[float, float]], sample_rate: float = 48_000.0, bands: int = 31
) -> list[tuple[str, float, float, float]]:
    """Return peaking bands (kind, Hz, Q, dB) that follow a curve; 10, 15 or 31 of them.

    Those above 0.48 of the sample rate are left out. How near they come to the curve is what
    `fit_error_db` tells.
    """
    sample_rate = checked_number("sample_rate", sample_rate, 1000.0, 10e6, "Hz")
    hz = [f for f in GRAPHIC_HZ[_checked_count(bands)] if f < _MOST_FITTED * sample_rate]
    # As wide as they are apart, also where the bilinear transform squeezes them.
    widths = [q_of_bandwidth(_OCTAVES[bands], f, sample_rate) for f in hz]
    grid = _heard_hz(sample_rate, _FIT_POINTS).tolist()
    gains = gains_for(hz, curve_db(points, grid), widths, sample_rate, grid)
    return [("peaking", float(f), q, float(g)) for f, q, g in zip(hz, widths, gains, strict=True)]


def fit_error_db(
    points: Sequence[tuple[float, float]], sample_rate: float = 48_000.0, bands: int = 31
) -> float:
    """Return how far `fit_bands` stays from a curve at most, in dB, from 20 Hz to 20 kHz.

    At sample rates below 41.7 kHz, to 0.48 of it.
    """
    fitted = fit_bands(points, sample_rate, bands)
    rows = [design_band(kind, f, sample_rate, q, gain) for kind, f, q, gain in fitted]
    hz = _heard_hz(sample_rate, _ERROR_POINTS)
    found = 20 * np.log10(np.abs(frequency_response(rows, hz, sample_rate)))
    return float(np.abs(found - curve_db(points, hz)).max())


def _heard_hz(sample_rate: float, count: int) -> npt.NDArray[np.float64]:
    most = min(_HEARD_HZ[1], _MOST_FITTED * sample_rate)
    return np.geomspace(min(_HEARD_HZ[0], most / 2), most, count)
