"""What a visualiser shows: heights from 0 to 1 that look alive, made from a spectrum's levels.

Sensitivity that finds itself, bars that rise at once (or smoothly) and fall ever faster, neighbours
that lift each other, peaks that stand a while. Pleasant, not calibrated: for numbers read the
spectrum itself.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.compiler import entry, float64_array, float64_rows, kernel, record_at
from zerocross.memory import Record, aligned_zeros, layout
from zerocross.spectrum.frame import SPECTRUM, next_spectrum
from zerocross.spectrum.spectrum import Spectrum
from zerocross.sync.tap import TAP
from zerocross.units import checked_number

__all__ = ["DISPLAY", "Display", "display_frame", "follow_display"]

_RISE_DB_S = 3.0
_OVER_DB_S = 60.0
_LOWEST_TOP_DB = -60.0
#: What smoothing is a share of: a frame of the common 60 a second, whatever there are.
_FRAMES_PER_S = 60.0
_LEAST_DB, _MOST = 0.001, 1e6

DISPLAY = layout(
    setup=[
        *("levels", "wanted", "smoothed", "heights", "speeds", "peaks", "ages", "rows", "bands"),
        *("spectrum", "tap"),
    ],
    control=[
        *(("range_db", "f8"), ("gravity", "f8"), ("smear", "f8"), "autosens", ("top_db", "f8")),
        *(("smoothing", "f8"), ("hold_s", "f8"), ("peak_fall", "f8")),
    ],
    kernel=["seen"],
)


@kernel
def _find_top(d: Any, levels: Any, dt: Any) -> None:
    """Let the top follow: quickly up to what is louder, slowly down to what is softer."""
    highest = levels[0, 0]
    for row in range(d.rows):
        for b in range(d.bands):
            highest = max(highest, levels[row, b])
    if highest > d.top_db:
        d.top_db = min(highest, d.top_db + _OVER_DB_S * dt)
    else:
        d.top_db = max(highest, d.top_db - _RISE_DB_S * dt, _LOWEST_TOP_DB)


@kernel
def _want(d: Any, levels: Any, wanted: Any) -> None:
    """Say how high the bars of a row would stand if they had no weight."""
    for b in range(d.bands):
        share = (levels[b] - (d.top_db - d.range_db)) / d.range_db
        wanted[b] = min(1.0, max(0.0, share))
    for b in range(1, d.bands):
        wanted[b] = max(wanted[b], d.smear * wanted[b - 1])
    for b in range(d.bands - 2, -1, -1):
        wanted[b] = max(wanted[b], d.smear * wanted[b + 1])


@kernel
def _hold(d: Any, heights: Any, peaks: Any, ages: Any, dt: Any) -> None:
    """Let peaks stand for a while above what they were the heights of, and fall then."""
    for b in range(d.bands):
        if heights[b] >= peaks[b]:
            peaks[b] = heights[b]
            ages[b] = 0.0
        else:
            ages[b] += dt
            fallen = d.peak_fall * min(dt, max(0.0, ages[b] - d.hold_s))
            peaks[b] = max(heights[b], peaks[b] - fallen)


@kernel
def _advance(d: Any, dt: Any) -> None:
    levels = float64_rows(d.levels, d.rows, d.bands)
    heights, speeds = (
        float64_rows(d.heights, d.rows, d.bands),
        float64_rows(d.speeds, d.rows, d.bands),
    )
    smoothed = float64_rows(d.smoothed, d.rows, d.bands)
    peaks, ages = float64_rows(d.peaks, d.rows, d.bands), float64_rows(d.ages, d.rows, d.bands)
    wanted = float64_array(d.wanted, d.bands)
    kept = math.exp(math.log(d.smoothing) * _FRAMES_PER_S * dt) if d.smoothing > 0.0 else 0.0
    if d.autosens != 0:
        _find_top(d, levels, dt)
    for row in range(d.rows):
        _want(d, levels[row], wanted)
        for b in range(d.bands):  # a free fall from the speed so far, stopped by what is wanted
            aim = wanted[b] + kept * (smoothed[row, b] - wanted[b])
            smoothed[row, b] = aim
            height = heights[row, b] - (speeds[row, b] * dt + 0.5 * d.gravity * dt * dt)
            speed = speeds[row, b] + d.gravity * dt
            is_falling = height > aim
            heights[row, b] = height if is_falling else aim
            speeds[row, b] = speed if is_falling else 0.0
        _hold(d, heights[row], peaks[row], ages[row], dt)


@kernel
def follow_display(d: Any, end: Any) -> None:
    """Look at the frames of a display's tap before one, as `Display.update` does; what is torn is left out.

    Real-time: safe.
    """
    s = record_at(d.spectrum, SPECTRUM)
    if next_spectrum(s, record_at(d.tap, TAP), end):
        _advance(d, max(0, end - d.seen) / s.rate)
        d.seen = end


@entry("int64", "float64")
def display_frame(address: int, dt: float) -> None:
    """Move the heights of a display on by a time."""
    _advance(record_at(address, DISPLAY), dt)


class Display:
    """Heights of bars, 0 to 1.

    Parameters
    ----------
    spectrum : Spectrum
        What it reads; `update` updates it too.
    range_db : float
        How much below the highest level a bar of height 0 stands for.
    gravity : float
        Heights a second by which falling gets faster every second.
    smear : float
        How much of a bar's height its neighbour has at least, 0 to 0.9.
    autosens : bool
        Whether the highest level finds itself; else it is 0 dBFS.
    smoothing : float
        What is left of a height a 60th of a second later, 0 to 0.99, in rising as in falling; 0 for
        at once.
    peak_hold_s : float
        How long peaks stand.
    peak_fall : float
        Heights a second by which they fall then.

    Attributes
    ----------
    range_db, gravity, smear, autosens, smoothing, peak_hold_s, peak_fall
        As above; from any frame on they may be others.
    record : Record
        A `DISPLAY`, for compiled code: `follow_display` does there what `update` does.

    """

    def __init__(
        self,
        spectrum: Spectrum,
        range_db: float = 60.0,
        gravity: float = 4.0,
        smear: float = 0.5,
        autosens: bool = True,
        smoothing: float = 0.0,
        peak_hold_s: float = 0.5,
        peak_fall: float = 0.5,
    ) -> None:
        self.spectrum = spectrum
        shape = spectrum.levels.shape
        self._wanted = aligned_zeros(shape[1], np.float64)
        self._smoothed, self._heights, self._speeds, self._peaks, self._ages = (
            aligned_zeros(shape, np.float64) for _ in range(5)
        )
        self.record = Record(DISPLAY)
        self.record.fill(
            spectrum=spectrum.record.address,
            tap=spectrum.source.record.address,
            levels=spectrum.levels.ctypes.data,
            wanted=self._wanted.ctypes.data,
            smoothed=self._smoothed.ctypes.data,
            heights=self._heights.ctypes.data,
            speeds=self._speeds.ctypes.data,
            peaks=self._peaks.ctypes.data,
            ages=self._ages.ctypes.data,
            rows=shape[0],
            bands=shape[1],
        )
        self.range_db, self.gravity, self.smear = range_db, gravity, smear
        self.autosens, self.smoothing = autosens, smoothing
        self.peak_hold_s, self.peak_fall = peak_hold_s, peak_fall

    # --- as it is set ---------------------------------------------------------------------------

    @property
    def range_db(self) -> float:
        """How much below the highest level a bar of height 0 stands for."""
        return float(self.record["range_db"])

    @range_db.setter
    def range_db(self, value: float) -> None:
        self.record["range_db"] = checked_number("range_db", value, _LEAST_DB, _MOST, "dB")

    @property
    def gravity(self) -> float:
        """Heights a second by which falling gets faster every second."""
        return float(self.record["gravity"])

    @gravity.setter
    def gravity(self, value: float) -> None:
        self.record["gravity"] = checked_number("gravity", value, 0.0, _MOST)

    @property
    def smear(self) -> float:
        """How much of a bar's height its neighbour has at least."""
        return float(self.record["smear"])

    @smear.setter
    def smear(self, value: float) -> None:
        self.record["smear"] = checked_number("smear", value, 0.0, 0.9)

    @property
    def autosens(self) -> bool:
        """Whether the highest level finds itself."""
        return bool(self.record["autosens"])

    @autosens.setter
    def autosens(self, value: bool) -> None:
        self.record["autosens"] = value
        if not value:
            self.record["top_db"] = 0.0

    @property
    def smoothing(self) -> float:
        """What is left of a height a 60th of a second later."""
        return float(self.record["smoothing"])

    @smoothing.setter
    def smoothing(self, value: float) -> None:
        self.record["smoothing"] = checked_number("smoothing", value, 0.0, 0.99)

    @property
    def peak_hold_s(self) -> float:
        """How long peaks stand."""
        return float(self.record["hold_s"])

    @peak_hold_s.setter
    def peak_hold_s(self, value: float) -> None:
        self.record["hold_s"] = checked_number("peak_hold_s", value, 0.0, _MOST)

    @property
    def peak_fall(self) -> float:
        """Heights a second by which peaks fall when they have stood."""
        return float(self.record["peak_fall"])

    @peak_fall.setter
    def peak_fall(self, value: float) -> None:
        self.record["peak_fall"] = checked_number("peak_fall", value, 0.0, _MOST)

    # --- reading --------------------------------------------------------------------------------

    @property
    def heights(self) -> npt.NDArray[np.float64]:
        """Heights, shape (rows, bands): a view, written again by `update`."""
        return self._heights

    @property
    def peaks(self) -> npt.NDArray[np.float64]:
        """Where held peaks stand, shape (rows, bands), never below the heights; a view too."""
        return self._peaks

    @property
    def top_db(self) -> float:
        """The level in dBFS that a height of 1 stands for; where it finds itself, from -60 up."""
        return float(self.record["top_db"])

    @top_db.setter
    def top_db(self, value: float) -> None:
        self.record["top_db"] = checked_number("top_db", value, _LOWEST_TOP_DB, _MOST, "dBFS")
        self.record["seen"] = self.spectrum.source.written  # it holds from here on

    def find_top(self) -> None:
        """Take the highest level of what is there now for the top, as if it had been found over time.

        Of silence it stays where it is.
        """
        self.spectrum.update()
        highest = float(self.spectrum.levels.max())
        self.spectrum.reset()
        if self.autosens and highest > _LOWEST_TOP_DB:
            self.top_db = highest

    def update(self, end: int | None = None) -> npt.NDArray[np.float64]:
        """Look again; returns heights, shape (rows, bands): a view, written again next time."""
        self.spectrum.update(end)
        now = max(0, int(self.spectrum.record["seen"]))
        dt = max(0, now - int(self.record["seen"])) / self.spectrum.sample_rate
        self.record["seen"] = now
        display_frame(self.record.address, dt)
        return self._heights
