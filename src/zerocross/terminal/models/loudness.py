"""How loud settings of an equaliser are beside each other, without playing them all.

What goes into the equaliser is analysed: its power over frequency, K-weighted as ITU-R BS.1770 has
it, each channel counted as there. The loudness of a setting is the sum of that power times the
setting's response, so one measurement tells it for any setting, also for one that is being dragged.
It is the loudness without gates, of the last half minute, for a stationary mean: what gating
leaves out is silence and what is 10 LU softer than the rest, which adds little to a mean power.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from zerocross.dsp.bs1770 import design_k_weighting, design_weights
from zerocross.dsp.channels import WAV_ORDERS
from zerocross.eq.design import design_band, frequency_response
from zerocross.errors import UsageError
from zerocross.sync import Tap
from zerocross.terminal.models.presets import Setting

__all__ = ["LoudnessMatch"]

#: Frames of a transform last so long at least: bins are 6 Hz apart.
_LONGEST_S = 1 / 6
#: After so long, what was heard counts for 1/e.
_MEMORY_S = 30.0
#: What is softer is silence (BS.1770's absolute gate).
_SILENCE_LUFS = -70.0
_OFFSET = -0.691
#: Until so much was heard, music is taken for pink noise.
_ENOUGH_S = 1.0
_HEARD_HZ = (20.0, 20_000.0)


class LoudnessMatch:
    """What goes into an equaliser, and how loud it is behind one.

    Parameters
    ----------
    sample_rate : float
        In Hz.
    channels : int
        1 to 8.

    Attributes
    ----------
    heard_s : float
        How much was measured; what is older than half a minute fades.

    """

    def __init__(self, sample_rate: float, channels: int = 2) -> None:
        self.sample_rate, self.channels = sample_rate, channels
        self.size = 1 << math.ceil(math.log2(_LONGEST_S * sample_rate))
        self._hz = np.fft.rfftfreq(self.size, 1 / sample_rate)
        weighting = frequency_response(design_k_weighting(sample_rate), self._hz, sample_rate)
        self._weighting = np.abs(weighting) ** 2
        self._weights = np.array(design_weights(WAV_ORDERS[channels]))
        window = np.hanning(self.size + 1)[:-1]
        # Sums over bins are then the mean squares of a signal that the window is a part of.
        self._window = window * math.sqrt(2 / (self.size * float(window @ window)))
        pink = np.where((self._hz >= _HEARD_HZ[0]) & (self._hz <= _HEARD_HZ[1]), 1.0, 0.0)
        self._pink = self._weighting * pink / np.maximum(self._hz, 1.0)
        self._power = np.zeros(len(self._hz))
        self._tap: Tap | None = None
        self._next = 0
        self.heard_s = 0.0
        self._gains = functools.lru_cache(maxsize=16)(self._power_gains)

    def push(self, rows: npt.ArrayLike) -> int:
        """Measure planar frames, shape (channels, frames), by transforms that overlap by half.

        Returns how many frames they went on by; what comes next begins behind those.
        """
        data, hop = np.asarray(rows, np.float64), self.size // 2
        starts = range(0, data.shape[1] - self.size + 1, hop)
        for start in starts:
            self._take(data[:, start : start + self.size], hop)
        return hop * len(starts)

    def look(self, tap: Tap) -> bool:
        """Measure what a tap has seen since the last look, if it is enough for a transform."""
        end, most = tap.written, tap.frames // 2
        if tap is not self._tap or end - self._next > most:  # another stream, or lapped
            self._tap, self._next = tap, max(0, end - most)
        count = end - self._next
        if not self.size <= count <= most:
            return False
        try:
            self._next += self.push(tap.read(count, end))
        except UsageError:  # lapped meanwhile: the next look will do
            return False
        return True

    def _take(self, rows: npt.NDArray[np.float64], frames: int) -> None:
        if not np.isfinite(rows).all():
            return
        spectra = np.abs(np.fft.rfft(rows * self._window, axis=1)) ** 2
        power = (self._weights @ spectra) * self._weighting
        if _lufs(power.sum()) <= _SILENCE_LUFS:
            return
        seconds = frames / self.sample_rate
        kept = min(self.heard_s, _MEMORY_S)
        self._power = (kept * self._power + seconds * power) / (kept + seconds)
        self.heard_s += seconds

    @property
    def is_measured(self) -> bool:
        """Whether enough was heard; until then music is taken for pink noise."""
        return self.heard_s >= _ENOUGH_S

    def lufs(self, setting: Setting) -> float:
        """Return how loud what was heard is with a setting, in LUFS; of pink noise, in no unit."""
        power = self._power if self.is_measured else self._pink
        level = float(_lufs(float(power @ self._gains(setting.bands))))
        return level + setting.preamp_db

    def gain_db(self, setting: Setting, reference: Setting) -> float:
        """Return the gain that makes a setting as loud as another one, in dB."""
        gain = self.lufs(reference) - self.lufs(setting)
        return gain if math.isfinite(gain) else 0.0

    def _power_gains(
        self, bands: Sequence[tuple[str, float, float, float]]
    ) -> npt.NDArray[np.float64]:
        half = self.sample_rate / 2
        rows = [design_band(k, f, self.sample_rate, q, g) for k, f, q, g in bands if f < half]
        if not rows:
            return np.ones(len(self._hz))
        gain: npt.NDArray[np.float64] = np.abs(
            frequency_response(np.array(rows), self._hz, self.sample_rate)
        )
        return gain**2


def _lufs(energy: float) -> float:
    return _OFFSET + 10 * math.log10(energy) if energy > 0 else -math.inf
