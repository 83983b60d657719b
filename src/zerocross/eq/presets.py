"""Presets from files: Equalizer APO's configurations, AutoEq's ParametricEQ, FixedBandEQ, GraphicEQ.

Commands that are understood: ``Preamp``, ``Filter``, ``GraphicEQ``, ``Convolution``, ``Delay``,
``Copy``, ``Channel``, ``Include``, ``If`` and its kin, ``Device``, ``Stage``. Every line that is not
applied is kept with its number and the reason (`Preset.skipped`). What a line means is what it
means to Equalizer APO (`preset_values`, `preset_reader`); the differences are in docs/eq.md.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.eq.design import design_band, frequency_response
from zerocross.eq.graphic import curve_db
from zerocross.eq.peak import highest, peak_grid
from zerocross.eq.preset_reader import Impulse, Library, Reader, Skipped, Step
from zerocross.eq.preset_values import NOMINAL_RATE, Band, Format
from zerocross.errors import SourceError
from zerocross.files import printable
from zerocross.units import checked_number, checked_whole

__all__ = ["Preset", "Settings", "Skipped", "parse_preset", "read_preset"]

_FLOOR = 1e-10
_MAX_HZ = 10e6
_MOST_CHANNELS = 32
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
        if sample_rate not in (None, self.sample_rate) and self._at is not None:
            return self._at(float(sample_rate)).response_db(frequencies)  # type: ignore[arg-type]
        hz = np.asarray(frequencies, np.float64)
        total = np.full(hz.shape, self.preamp_db)
        rows = self.sos()
        if len(rows):
            gain = np.abs(frequency_response(rows, hz, self.sample_rate))
            total = total + 20 * np.log10(np.maximum(gain, _FLOOR)).reshape(hz.shape)
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
        np.maximum(np.interp(hz, bins, gain, right=0.0), _FLOOR)
    )
    return found


class Preset:
    """A preset: what it applies to each channel, and what it could not apply.

    Attributes
    ----------
    name : str
        The file, for people.

    """

    def __init__(self, name: str, text: str | None = None) -> None:
        self.name = name
        self._text, self._library = text, Library()
        self._read: dict[Format, Reader] = {}
        self.at()

    def at(self, sample_rate: float = NOMINAL_RATE, channels: int | None = None) -> Reader:
        """Return what applies and what does not, for a format.

        Parameters
        ----------
        sample_rate : float
            In Hz.
        channels : int or None
            How many; None where it is not known: all names of channels are, and conditions see two.

        Raises
        ------
        SourceError
            For a preset that cannot be read.

        """
        rate = checked_number("sample_rate", sample_rate, 1.0, _MAX_HZ, "Hz")
        count = channels and checked_whole("channels", channels, 1, _MOST_CHANNELS)
        layout = Format(rate, count)
        if layout not in self._read:
            reader = Reader(self.name, self._library, layout)
            if self._text is None:
                reader.read(Path(self.name))
            else:
                reader.parse(self._text, Path(self.name))
            reader.finish()
            self._read[layout] = reader
        return self._read[layout]

    @property
    def skipped(self) -> list[Skipped]:
        """Lines that are not applied, at 48 kHz and to no certain number of channels; else `at`."""
        return self.at().skipped

    @property
    def _said(self) -> list[Step]:
        return self.at().steps

    def settings(
        self, channel: int = 0, sample_rate: float = NOMINAL_RATE, channels: int | None = None
    ) -> Settings:
        """Return what is said of a channel, from 0; a Copy is not in it (`response_db` has all)."""
        return self._settings_of(self.at(sample_rate, channels).steps, channel, sample_rate, channels)

    def _settings_of(
        self, steps: list[Step], channel: int, sample_rate: float, channels: int | None
    ) -> Settings:
        found = Settings()
        found.sample_rate = float(sample_rate)
        found._at = lambda rate: self.settings(channel, rate, channels)
        for step in steps:
            found.take(step, channel)
        return found

    @property
    def is_empty(self) -> bool:
        """Whether nothing of it applies to any channel, and that hangs on no condition."""
        nothing = all(step.channels == frozenset() for step in self._said)
        return nothing and not self.at().is_conditional

    def sections(
        self, sample_rate: float, channels: int
    ) -> list[tuple[list[Settings], npt.NDArray[np.float64] | None]]:
        """Return settings of each channel, and how channels are copied after them, in order.

        The matrices have shape (channels, channels): what each is made of.
        """
        found: list[tuple[list[Settings], npt.NDArray[np.float64] | None]] = []
        steps: list[Step] = []
        for step in [*self.at(sample_rate, channels).steps, None]:
            if step is not None and step.kind != "copy":
                steps.append(step)
                continue
            each = [self._settings_of(steps, c, sample_rate, channels) for c in range(channels)]
            matrix = None
            if step is not None:
                matrix = np.eye(channels)
                for target, row in step.value.items():
                    matrix[target] = [row.get(c, 0.0) for c in range(channels)]
            found.append((each, matrix))
            steps = []
        return found

    def response_db(
        self,
        frequencies: npt.ArrayLike,
        sample_rate: float = NOMINAL_RATE,
        channel: int = 0,
        channels: int = 2,
    ) -> npt.NDArray[np.float64]:
        """Return a channel's level at frequencies in Hz, in dB, as designed.

        What a Copy adds up counts as if all of it came in phase: it can be less, never more.
        """
        hz = np.asarray(frequencies, np.float64)
        sections = self.sections(sample_rate, channels)
        if len(sections) == 1:
            return sections[0][0][channel].response_db(hz)
        reach = np.ones((channels, 1)) * np.eye(channels)[:, :, None] + np.zeros(hz.size)
        for each, matrix in sections:
            gains = np.array([10 ** (one.response_db(hz).ravel() / 20) for one in each])
            reach = reach * gains[:, None, :]
            if matrix is not None:
                reach = np.einsum("ij,jkf->ikf", np.abs(matrix), reach)
        total = reach[channel].sum(axis=0)
        return (20 * np.log10(np.maximum(total, _FLOOR))).reshape(hz.shape)

    def headroom_db(self, sample_rate: float = NOMINAL_RATE, channels: int = 2) -> float:
        """Return how far below 0 dB the highest point of the response stays (below 0: above)."""
        rows, points = [], []
        for each, _ in self.sections(sample_rate, channels):
            rows += [one.sos() for one in each]
            points += [hz for one in each for curve in one.curves for hz, _ in curve]
        grid = peak_grid(np.concatenate(rows), sample_rate, points)
        return -max(
            highest(lambda hz, c=c: self.response_db(hz, sample_rate, c, channels), grid)
            for c in range(channels)
        )

    def processors(
        self, channels: int = 2, fitted: bool = False, sample_rate: float = NOMINAL_RATE
    ) -> list[Any]:
        """Return new processors that apply it, in order; put them into a chain.

        A chain of another format has them made anew when it is prepared.

        Parameters
        ----------
        channels : int
            For which they are made at first.
        fitted : bool
            Whether curves become bands (31, no latency; how near they come is what
            `graphic.fit_error_db` tells) instead of a minimum-phase filter in a convolver.
        sample_rate : float
            For which they are made at first, in Hz.

        """
        from zerocross.eq.preset_parts import PresetParts

        return [PresetParts(self, fitted, sample_rate, channels)]


def read_preset(path: str | os.PathLike[str]) -> Preset:
    """Read a preset from a file.

    Raises
    ------
    SourceError
        If it cannot be read, is longer than 1 MiB or than 10,000 lines with all that it includes,
        or nothing in it could be applied.

    """
    preset = Preset(os.fspath(path))
    if preset.is_empty:
        first = f" ({preset.skipped[0].reason})" if preset.skipped else ""
        raise SourceError(
            printable(preset.name),
            f"nothing in it is a preset{first}; give an Equalizer APO configuration or an AutoEq "
            "file",
        )
    return preset


def parse_preset(text: str, name: str = "preset") -> Preset:
    """Read a preset from text; what it includes is looked for beside ``name``.

    Raises
    ------
    SourceError
        For more than 10,000 lines, with all that it includes.

    """
    return Preset(name, text)
