"""A light that tells that something was above full scale, and how far, for a while."""

from __future__ import annotations

import numpy as np

from zerocross.errors import UsageError
from zerocross.sync import Tap
from zerocross.units import gain_to_db

__all__ = ["Headroom"]

_LOWEST_DBFS = -120.0


class Headroom:
    """The highest sample behind an equaliser, looked for in all frames since the last look.

    Parameters
    ----------
    hold_s : float
        How long the light and the peak stand, in seconds of audio.

    Attributes
    ----------
    peak_dbfs : float
        The highest of the last look, not below -120.
    held_dbfs : float
        The highest of the last ``hold_s``.
    overs : int
        Looks in which something was above 0 dBFS, since `reset`.

    Notes
    -----
    What was overwritten between two looks is not seen: look more often than the tap is long.

    """

    def __init__(self, hold_s: float = 3.0) -> None:
        self.hold_s = hold_s
        self._tap: Tap | None = None
        self.reset()

    def reset(self) -> None:
        """Put the light out, and look from now on."""
        self.peak_dbfs = self.held_dbfs = _LOWEST_DBFS
        self.overs = 0
        self._held_at = self._over_at = self._seen = 0
        self._is_over = False
        if self._tap is not None:
            self._seen = self._tap.written

    def look(self, tap: Tap, sample_rate: float) -> None:
        """Look at what passed since the last time."""
        end = tap.written
        if tap is not self._tap:
            self._tap, self._seen = tap, max(0, end - tap.frames // 2)
            self._is_over = False
            self.held_dbfs = _LOWEST_DBFS
        count = min(end - self._seen, tap.frames // 2)
        if count > 0:
            try:
                highest = float(np.abs(tap.read(count, end)).max())
            except UsageError:  # lapped
                highest = 0.0
            self._seen = end
            self._take(max(_LOWEST_DBFS, gain_to_db(highest)), end)
        hold = round(self.hold_s * sample_rate)
        self._is_over = self._is_over and end - self._over_at < hold
        if end - self._held_at >= hold:
            self.held_dbfs, self._held_at = self.peak_dbfs, end

    def _take(self, peak_dbfs: float, end: int) -> None:
        self.peak_dbfs = peak_dbfs
        if peak_dbfs >= self.held_dbfs:
            self.held_dbfs, self._held_at = peak_dbfs, end
        if peak_dbfs > 0.0:
            self.overs += 1
            self._is_over, self._over_at = True, end

    @property
    def is_over(self) -> bool:
        """Whether the light is on: something was above 0 dBFS, not longer than ``hold_s`` ago."""
        return self._is_over
