"""An equaliser's bands designed in compiled code, by the formulas of `design`: for where there is no Python."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.compiler import (
    entry,
    fence_release,
    float64_array,
    float64_rows,
    kernel,
    record_at,
    store_release,
)
from zerocross.dsp.biquad import BANDS_IN_GROUP, TAPS_OF_GROUP
from zerocross.dsp.fading_iir import FADING_IIR, FadingIIR
from zerocross.dsp.iir import HEAD
from zerocross.eq.design import KINDS
from zerocross.memory import Record, aligned_zeros, layout

__all__ = ["DESK", "POINTS", "Desk", "design_bands", "draw_curve"]

#: Frequencies of a curve.
POINTS = 400
_LOW_HZ, _HIGH_HZ, _MOST_OF_RATE = 20.0, 20_000.0, 0.4999
_OF_BAND, _OF_ROW = 4, 5

#: Bands as they are wanted (``wanted_count`` rows of the number of a kind, Hz, Q, dB; ``room`` for more), the
#: coefficients made of them, and a curve: Hz, and dB at each.
DESK = layout(
    setup=[
        *("filters", "room", "wanted", "rows", "hz", "curve_db"),
        *(("sample_rate", "f8"), ("gain", "f8")),
    ],
    control=["wanted_count"],
)

_lowpass, _highpass, _bandpass, _notch = (kernel(KINDS[n]) for n in list(KINDS)[:4])
_allpass, _peaking, _lowshelf, _highshelf = (kernel(KINDS[n]) for n in list(KINDS)[4:])


@kernel
def _formula(kind: Any, c: Any, alpha: Any, a: Any) -> Any:
    """Return a band's coefficients by the number of its kind."""
    if kind == 0.0:
        return _lowpass(c, alpha, a)
    if kind == 1.0:
        return _highpass(c, alpha, a)
    if kind == 2.0:
        return _bandpass(c, alpha, a)
    if kind == 3.0:
        return _notch(c, alpha, a)
    if kind == 4.0:
        return _allpass(c, alpha, a)
    if kind == 5.0:
        return _peaking(c, alpha, a)
    if kind == 6.0:
        return _lowshelf(c, alpha, a)
    return _highshelf(c, alpha, a)


@kernel
def _design(desk: Any, rows: Any) -> None:
    """Make rows of ``b0 b1 b2 a1 a2``; what is no band, or is not below half the rate, passes."""
    wanted = float64_rows(desk.wanted, desk.room, _OF_BAND)
    for k in range(desk.room):
        for i in range(_OF_ROW):
            rows[k, i] = 1.0 if i == 0 else 0.0
        hz, q = wanted[k, 1], wanted[k, 2]
        if k < desk.wanted_count and hz > 0.0 and hz < 0.5 * desk.sample_rate and q > 0.0:
            w = 2.0 * math.pi * hz / desk.sample_rate
            a = 10.0 ** (wanted[k, 3] / 40.0)
            b0, b1, b2, a0, a1, a2 = _formula(wanted[k, 0], math.cos(w), math.sin(w) / (2.0 * q), a)
            share = 1.0 / a0
            rows[k, 0], rows[k, 1], rows[k, 2] = b0 * share, b1 * share, b2 * share
            rows[k, 3], rows[k, 4] = a1 * share, a2 * share
    for i in range(3):
        rows[0, i] *= desk.gain


@entry("int64")
def design_bands(address: int) -> None:
    """Design a desk's bands, and post them to its filters as `FadingIIR.post` does: they fade in.

    Real-time: safe; from one thread at a time.
    """
    desk = record_at(address, DESK)
    rows = float64_rows(desk.rows, desk.room, _OF_ROW)
    _design(desk, rows)
    filters = record_at(desk.filters, FADING_IIR)
    number = filters.version + 1
    store_release(filters, "writing", number)
    fence_release()  # who reads what is written from here on knows that it is being written
    size = filters.size
    taps = float64_array(filters.pending + 8 * (number & 1) * filters.count * size, size)
    taps[0], taps[1] = 0.0, desk.room  # a cascade
    groups = (desk.room + BANDS_IN_GROUP - 1) // BANDS_IN_GROUP
    for k in range(groups * BANDS_IN_GROUP):
        first = HEAD + k // BANDS_IN_GROUP * TAPS_OF_GROUP + k % BANDS_IN_GROUP
        for i in range(_OF_ROW):
            missing = 1.0 if i == 0 else 0.0
            value = rows[k, i] if k < desk.room else missing
            taps[first + i * BANDS_IN_GROUP] = value if i < 3 else -value
    store_release(filters, "version", number)


@entry("int64")
def draw_curve(address: int) -> None:
    """Write the level of a desk's bands at each of its frequencies, in dB.

    With ``p = sin(w / 2) ** 2``, which keeps its digits at low frequencies (R. Bristow-Johnson, Audio EQ
    Cookbook).
    """
    desk = record_at(address, DESK)
    rows = float64_rows(desk.rows, desk.room, _OF_ROW)
    _design(desk, rows)
    hz, levels = float64_array(desk.hz, POINTS), float64_array(desk.curve_db, POINTS)
    for i in range(POINTS):
        half = math.sin(math.pi * hz[i] / desk.sample_rate)
        p = half * half
        power = 1.0
        for k in range(desk.room):
            b0, b1, b2, a1, a2 = rows[k, 0], rows[k, 1], rows[k, 2], rows[k, 3], rows[k, 4]
            power *= _power(b0, b1, b2, p) / _power(1.0, a1, a2, p)
        levels[i] = 10.0 * math.log10(max(power, 1e-30))


@kernel
def _power(c0: Any, c1: Any, c2: Any, p: Any) -> Any:
    total = c0 + c1 + c2
    return max(
        total * total - 4.0 * p * (c0 * c1 + 4.0 * c0 * c2 + c1 * c2) + 16.0 * p * p * c0 * c2, 0.0
    )


class Desk:
    """Where compiled code finds and changes the bands of an equaliser that was prepared.

    Parameters
    ----------
    filters : FadingIIR
        The equaliser's, one for all channels.
    bands : sequence of (kind, frequency, q, gain_db)
        What it begins with.
    room : int
        For how many there is room.
    gain : float
        Beside the bands.
    sample_rate : float
        In Hz.

    Attributes
    ----------
    record : Record
        A `DESK`.
    wanted : ndarray, shape (room, 4)
        Numbers of kinds (as in `KINDS`), Hz, Q, dB.
    curve_db : ndarray, shape (POINTS,)
        Levels at `hz`, once `draw_curve` has run.

    """

    def __init__(
        self, filters: FadingIIR, bands: list[Any], room: int, gain: float, sample_rate: float
    ) -> None:
        self.filters = filters
        self.wanted = aligned_zeros((room, _OF_BAND), np.float64)
        self.rows = aligned_zeros((room, _OF_ROW), np.float64)
        self.hz = aligned_zeros(POINTS, np.float64)
        self.hz[:] = np.geomspace(_LOW_HZ, min(_HIGH_HZ, _MOST_OF_RATE * sample_rate), POINTS)
        self.curve_db: npt.NDArray[np.float64] = aligned_zeros(POINTS, np.float64)
        self.record = Record(DESK)
        self.record.fill(
            filters=filters.address,
            room=room,
            wanted=self.wanted.ctypes.data,
            rows=self.rows.ctypes.data,
            hz=self.hz.ctypes.data,
            curve_db=self.curve_db.ctypes.data,
            sample_rate=sample_rate,
            gain=gain,
        )
        numbers = list(KINDS)
        self.record["wanted_count"] = len(bands)
        for row, (kind, hz, q, gain_db) in zip(self.wanted, bands, strict=False):
            row[:] = numbers.index(kind), hz, q, gain_db
