"""Presets from files: Equalizer APO's configurations, AutoEq's ParametricEQ, FixedBandEQ, GraphicEQ.

Commands that are understood: ``Preamp``, ``Filter``, ``GraphicEQ``, ``Convolution``, ``Delay``,
``Copy``, ``Channel``, ``Include``, ``If`` and its kin, ``Device``, ``Stage``. Every line that is not
applied is kept with its number and the reason (`Preset.skipped`). What a line means is what it
means to Equalizer APO (`values`, `reader`); the differences are in docs/eq.md.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.eq.peak import highest, peak_grid
from zerocross.eq.presets.channels import Format
from zerocross.eq.presets.files import Library
from zerocross.eq.presets.parts import PresetParts, Section
from zerocross.eq.presets.reader import Reader, Skipped, Step
from zerocross.eq.presets.settings import FLOOR, Settings
from zerocross.eq.presets.values import NOMINAL_RATE
from zerocross.errors import SourceError, UsageError
from zerocross.files import PathLike, printable
from zerocross.units import checked_path, checked_rate, checked_whole, shown

__all__ = ["Preset", "Settings", "Skipped", "parse_preset", "read_preset"]

_MOST_CHANNELS = 32


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
        rate = checked_rate(sample_rate)
        count = None if channels is None else _checked_channels(channels)
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
        steps = self.at(sample_rate, channels).steps
        channel = checked_whole("channel", channel, 0, (channels or _MOST_CHANNELS) - 1)
        return self._settings_of(steps, channel, sample_rate, channels)

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

    def sections(self, sample_rate: float, channels: int) -> list[Section]:
        """Return settings of each channel, and how channels are copied after them, in order.

        The matrices have shape (channels, channels): what each is made of.
        """
        found: list[Section] = []
        steps: list[Step] = []
        channels = _checked_channels(channels)
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
        try:
            hz = np.asarray(frequencies, np.float64)
        except (TypeError, ValueError):
            raise UsageError(f"frequencies={shown(frequencies)}: give numbers, in Hz") from None
        sections = self.sections(sample_rate, channels)
        channel = checked_whole("channel", channel, 0, channels - 1)
        if len(sections) == 1:
            return sections[0][0][channel].response_db(hz)
        reach = np.repeat(np.eye(channels)[:, :, None], hz.size, axis=2)
        for each, matrix in sections:
            gains = np.array([10 ** (one.response_db(hz).ravel() / 20) for one in each])
            reach = reach * gains[:, None, :]
            if matrix is not None:
                reach = np.einsum("ij,jkf->ikf", np.abs(matrix), reach)
        total = reach[channel].sum(axis=0)
        levels: npt.NDArray[np.float64] = 20 * np.log10(np.maximum(total, FLOOR))
        return levels.reshape(hz.shape)

    def headroom_db(self, sample_rate: float = NOMINAL_RATE, channels: int = 2) -> float:
        """Return how far below 0 dB the highest point of the response stays (below 0: above)."""
        rows, points = [], []
        for each, _ in self.sections(sample_rate, channels):
            rows += [one.sos() for one in each]
            points += [hz for one in each for curve in one.curves for hz, _ in curve]
        grid = peak_grid(np.concatenate(rows), sample_rate, points)
        tops = []
        for c in range(channels):
            of_channel = functools.partial(
                self.response_db, sample_rate=sample_rate, channel=c, channels=channels
            )
            tops.append(highest(of_channel, grid))
        return -max(tops)

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
        return [PresetParts(self.sections, fitted, sample_rate, channels)]


def _checked_channels(channels: Any) -> int:
    return checked_whole("channels", channels, 1, _MOST_CHANNELS)


def read_preset(path: PathLike) -> Preset:
    """Read a preset from a file.

    Raises
    ------
    UsageError
        For what is no path.
    SourceError
        If it cannot be read, is longer than 1 MiB or than 10,000 lines with all that it includes,
        or nothing in it could be applied.

    """
    name = os.fsdecode(checked_path("path", path))
    if not name:
        raise SourceError(name, "no such file; check the name")
    preset = Preset(name)
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
    UsageError
        For what is no text.

    """
    if not isinstance(text, str):
        raise UsageError(f"text={shown(text)}: give the lines of a preset; read_preset reads files")
    return Preset(os.fsdecode(checked_path("name", name)), text)
