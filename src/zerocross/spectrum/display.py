"""What a visualiser shows: heights from 0 to 1 that look alive, made from a spectrum's levels.

Sensitivity that finds itself, bars that rise at once and fall ever faster, neighbours that lift
each other. Pleasant, not calibrated: for numbers read the spectrum itself.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from zerocross.errors import UsageError
from zerocross.memory import aligned_zeros
from zerocross.spectrum.spectrum import Spectrum

__all__ = ["Display"]

_RISE_DB_S = 3.0
_OVER_DB_S = 60.0


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
        self._range_db, self._gravity, self._smear = range_db, gravity, smear
        self._top_db = 0.0
        self._last_end = 0
        self._wanted = aligned_zeros(spectrum.levels.shape, np.float64)
        self._heights = aligned_zeros(spectrum.levels.shape, np.float64)
        self._speeds = aligned_zeros(spectrum.levels.shape, np.float64)

    def update(self, end: int | None = None) -> npt.NDArray[np.float64]:
        """Look again; returns heights, shape (rows, bands): a view, written again next time."""
        levels = self.spectrum.update(end)
        now = self.spectrum._last_end or 0
        dt = max(0, now - self._last_end) / self.spectrum.sample_rate
        self._last_end = now
        self._find_top(float(levels.max()), dt)
        wanted = self._wanted
        np.subtract(levels, self._top_db - self._range_db, out=wanted)
        wanted /= self._range_db
        np.clip(wanted, 0.0, 1.0, out=wanted)
        if self._smear:
            for k in range(1, wanted.shape[1]):
                np.maximum(wanted[:, k], self._smear * wanted[:, k - 1], out=wanted[:, k])
            for k in range(wanted.shape[1] - 2, -1, -1):
                np.maximum(wanted[:, k], self._smear * wanted[:, k + 1], out=wanted[:, k])
        # A free fall of dt from the speed so far, stopped by what is wanted.
        heights, speeds = self._heights, self._speeds
        heights -= speeds * dt + 0.5 * self._gravity * dt * dt
        speeds += self._gravity * dt
        stopped = heights <= wanted
        heights[stopped] = wanted[stopped]
        speeds[stopped] = 0.0
        return heights

    def _find_top(self, highest_db: float, dt: float) -> None:
        """Let the top follow: quickly up to what is louder, slowly down to what is softer."""
        if not self.autosens:
            return
        if highest_db > self._top_db:
            self._top_db = min(highest_db, self._top_db + _OVER_DB_S * dt)
        else:
            self._top_db = max(highest_db, self._top_db - _RISE_DB_S * dt, -60.0)
