"""What a preset says of one channel, for one sample rate, and how that sounds."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from zerocross.eq.design import design_band, frequency_response
from zerocross.eq.graphic import curve_db
from zerocross.eq.presets.files import Impulse
from zerocross.eq.presets.reader import Step
from zerocross.eq.presets.values import NOMINAL_RATE, Band

__all__ = ["FLOOR", "Settings"]

#: No gain is told to be less.
FLOOR = 1e-10
_IMPULSE_BINS = 8


@dataclasses.dataclass
class Settings:
    """What a preset says of a channel, for one sample rate.

    Attributes
    ----------
    preamp_db : float
        Gain in dB.
    bands : list of (kind, Hz, Q, dB)
        As of `design_band`.
    curves : list of list of (float, float)
        Points of each GraphicEQ, Hz and dB.
    delay_frames : int
        How much later it is.
    impulses : list of (str, int)
        Files of impulse responses, and which of their channels.

    """

    preamp_db: float = 0.0
    bands: list[Band] = dataclasses.field(default_factory=list)
    curves: list[list[tuple[float, float]]] = dataclasses.field(default_factory=list)
    delay_frames: int = 0
    impulses: list[tuple[str, int]] = dataclasses.field(default_factory=list)

    def __post_init__(self) -> None:
        self.sample_rate = NOMINAL_RATE
        self.responses: list[tuple[Impulse, int]] = []
        self._at: Callable[[float], Settings] | None = None

    def response_db(
        self, frequencies: npt.ArrayLike, sample_rate: float | None = None
    ) -> npt.NDArray[np.float64]:
        """Return the level at frequencies in Hz, in dB, as designed: curves as they are given.

        For another sample rate than theirs the settings are asked for again.
        """
        if sample_rate is not None and sample_rate != self.sample_rate and self._at:
            return self._at(float(sample_rate)).response_db(frequencies)
        hz = np.asarray(frequencies, np.float64)
        total = np.full(hz.shape, self.preamp_db)
        rows = self.sos()
        if len(rows):
            gain = np.abs(frequency_response(rows, hz, self.sample_rate))
            total = total + 20 * np.log10(np.maximum(gain, FLOOR)).reshape(hz.shape)
        for points in self.curves:
            total = total + curve_db(points, hz)
        for impulse, channel in self.responses:
            total = total + _impulse_db(impulse, channel, hz)
        return total

    def sos(self) -> npt.NDArray[np.float64]:
        """Return the bands' coefficients; those at or above half the rate let everything pass."""
        rate = self.sample_rate
        rows = [design_band(k, f, rate, q, g) for k, f, q, g in self.bands if f < rate / 2]
        return np.array(rows).reshape(-1, 6)

    def take(self, step: Step, channel: int) -> None:
        """Add what a line says, if it is of this channel."""
        if step.channels is not None and channel not in step.channels:
            return
        if step.kind == "preamp":
            self.preamp_db += step.value
        elif step.kind == "band":
            self.bands.append(step.value)
        elif step.kind == "curve":
            self.curves.append(step.value)
        elif step.kind == "delay":
            self.delay_frames += step.value
        elif step.kind == "impulse":
            # The file's channels are for those that were chosen, in order, and then again.
            place = channel if step.channels is None else sorted(step.channels).index(channel)
            which = place % len(step.value.rows)
            self.responses.append((step.value, which))
            self.impulses.append((step.value.name, which))


def _impulse_db(
    impulse: Impulse, channel: int, hz: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return an impulse response's level; above half its own rate it has none."""
    row = impulse.rows[channel].astype(np.float64)
    size = _IMPULSE_BINS << int(np.ceil(np.log2(len(row) + 1)))
    gain = np.abs(np.fft.rfft(row, size))
    bins = np.fft.rfftfreq(size, 1 / impulse.sample_rate)
    found: npt.NDArray[np.float64] = 20 * np.log10(
        np.maximum(np.interp(hz, bins, gain, right=0.0), FLOOR)
    )
    return found
