"""What a visualiser shows: heights from 0 to 1 that look alive, made from a spectrum's levels.

Sensitivity that finds itself, bars that rise at once and fall ever faster, neighbours that lift
each other. Pleasant, not calibrated: for numbers read the spectrum itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.compiler import entry, float64_array, float64_rows, kernel, record_at
from zerocross.errors import UsageError
from zerocross.memory import Record, aligned_zeros, layout
from zerocross.spectrum.spectrum import Spectrum

__all__ = ["Display", "display_frame"]

_RISE_DB_S = 3.0
_OVER_DB_S = 60.0
_LOWEST_TOP_DB = -60.0

_DISPLAY = layout(
    setup=["levels", "wanted", "heights", "speeds", "rows", "bands"],
    control=[("range_db", "f8"), ("gravity", "f8"), ("smear", "f8"), "autosens", ("top_db", "f8")],
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


@entry("int64", "float64")
def display_frame(address: int, dt: float) -> None:
    """Move the heights of a display on by a time."""
    d = record_at(address, _DISPLAY)
    levels = float64_rows(d.levels, d.rows, d.bands)
    heights, speeds = (
        float64_rows(d.heights, d.rows, d.bands),
        float64_rows(d.speeds, d.rows, d.bands),
    )
    wanted = float64_array(d.wanted, d.bands)
    if d.autosens != 0:
        _find_top(d, levels, dt)
    for row in range(d.rows):
        _want(d, levels[row], wanted)
        for b in range(d.bands):  # a free fall from the speed so far, stopped by what is wanted
            height = heights[row, b] - (speeds[row, b] * dt + 0.5 * d.gravity * dt * dt)
            speed = speeds[row, b] + d.gravity * dt
            is_falling = height > wanted[b]
            heights[row, b] = height if is_falling else wanted[b]
            speeds[row, b] = speed if is_falling else 0.0


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

    """

    def __init__(
        self,
        spectrum: Spectrum,
        range_db: float = 60.0,
        gravity: float = 4.0,
        smear: float = 0.5,
        autosens: bool = True,
    ) -> None:
        if not (range_db > 0 and gravity >= 0 and 0 <= smear <= 0.9):
            raise UsageError("a display needs a range above 0, gravity from 0, smear 0 to 0.9")
        self.spectrum, self.autosens = spectrum, autosens
        self._last_end = 0
        shape = spectrum.levels.shape
        self._wanted = aligned_zeros(shape[1], np.float64)
        self._heights, self._speeds = (
            aligned_zeros(shape, np.float64),
            aligned_zeros(shape, np.float64),
        )
        self._record = Record(_DISPLAY)
        self._record.fill(
            levels=spectrum.levels.ctypes.data,
            wanted=self._wanted.ctypes.data,
            heights=self._heights.ctypes.data,
            speeds=self._speeds.ctypes.data,
            rows=shape[0],
            bands=shape[1],
            range_db=range_db,
            gravity=gravity,
            smear=smear,
        )

    def update(self, end: int | None = None) -> npt.NDArray[np.float64]:
        """Look again; returns heights, shape (rows, bands): a view, written again next time."""
        self.spectrum.update(end)
        now = self.spectrum._last_end or 0
        dt = max(0, now - self._last_end) / self.spectrum.sample_rate
        self._last_end = now
        self._record["autosens"] = self.autosens
        display_frame(self._record.address, dt)
        return self._heights
