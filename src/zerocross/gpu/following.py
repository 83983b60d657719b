"""Levels that rise and fall in time, and their peaks, on a card."""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np

from zerocross.errors import UsageError
from zerocross.gpu.shaders import FOLLOW
from zerocross.gpu.spectra import BandSpectra, Levels

__all__ = ["Following"]

#: Numbers of a band's state as WGSL lays out a `vec3f`.
_STATE_BYTES = 16


class Following:
    """Smoothed levels and peaks of one stream of windows; what it knows of it stays on the card.

    Parameters
    ----------
    spectra : BandSpectra
        Whose levels are followed: their bands, their card, and the time from a window to the next.
    attack_s, decay_s : float
        Time constants with which levels rise and fall; 0 for at once.
    peak_hold_s, peak_fall_db_s : float
        How long peaks stand, and how fast they fall then, in dB a second.

    Raises
    ------
    UsageError
        For times that are negative or not finite.

    Notes
    -----
    The first window is taken as it is. Otherwise as `spectrum.Spectrum`, but in float32: within 0.01 dB of it.

    """

    def __init__(
        self,
        spectra: BandSpectra,
        attack_s: float = 0.0,
        decay_s: float = 0.1,
        peak_hold_s: float = 0.5,
        peak_fall_db_s: float = 20.0,
    ) -> None:
        given = (attack_s, decay_s, peak_hold_s, peak_fall_db_s)
        if not all(0 <= each < math.inf for each in given):
            raise UsageError("times and falls of a spectrum are finite and not negative")
        self._card, self._bands = spectra.card, len(spectra.bands)
        self._step_s = spectra.hop / spectra.sample_rate
        shares = [-math.expm1(-self._step_s / t) if t > 0 else 1.0 for t in (attack_s, decay_s)]
        self._pace = (*shares, self._step_s, peak_hold_s, peak_fall_db_s)
        self._program = self._card.program(FOLLOW)
        self._numbers = self._card.uniform(bytes(32))
        self._state = self._card.upload(np.zeros(self._bands * _STATE_BYTES // 4, np.float32))
        self._is_fresh = True

    def reset(self) -> None:
        """Begin anew with the next window."""
        self._is_fresh = True

    def follow(self, now: Levels) -> tuple[Levels, Levels]:
        """Return smoothed levels and peaks of the windows that come next, on the card."""
        if now.bands != self._bands:
            raise UsageError(f"levels of {now.bands} bands, not of {self._bands}")
        out = tuple(Levels(self._card, now.windows, self._bands) for _ in range(2))
        prepared = self.prepare(now.buffer, *(each.buffer for each in out))
        with self._card.commands() as encoder:
            step = encoder.begin_compute_pass()
            self._card.device.queue.write_buffer(self._numbers, 0, self.numbers(now.windows))
            self.run(step, prepared)
            step.end()
        return out[0], out[1]

    def prepare(self, now: Any, levels: Any, peaks: Any, numbers: Any = None) -> Any:
        """Return a way from one buffer to two others that can be taken again and again."""
        return self._program.bind([numbers or self._numbers, now, self._state, levels, peaks])

    def numbers(self, windows: int) -> bytes:
        """Return what has to be written before the windows that come next are followed, 32 bytes."""
        return struct.pack("<5f3I", *self._pace, windows, self._bands, self._is_fresh)

    def run(self, step: Any, prepared: Any) -> None:
        """Put the windows that come next into a compute pass, to be submitted before the next one is put."""
        self._program.run(step, prepared, (-(-self._bands // 64), 1, 1))
        self._is_fresh = False
