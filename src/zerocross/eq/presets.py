"""Presets from files: Equalizer APO's configurations, AutoEq's ParametricEQ, FixedBandEQ, GraphicEQ.

Commands that are understood: ``Preamp``, ``Filter``, ``GraphicEQ``, ``Channel``, ``Include``. Every
line that is not applied is kept with its number and the reason (`Preset.skipped`). As Equalizer APO
has them, LS and HS are given by the frequency where they begin and a slope of 0.9 unless a Q or a
slope in dB is there, LSC and HSC by their centre.
"""

from __future__ import annotations

import codecs
import dataclasses
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.eq.design import design_band, frequency_response
from zerocross.eq.equalizer import Equalizer
from zerocross.eq.graphic import curve_db, fit_bands, minimum_phase
from zerocross.eq.preset_values import (
    NOMINAL_RATE,
    Band,
    Unapplied,
    band_of,
    channels_of,
    gain_of,
    points_of,
)
from zerocross.errors import SourceError
from zerocross.files import printable, read_small

__all__ = ["Preset", "Settings", "Skipped", "parse_preset", "read_preset"]

_MOST_BYTES = 1 << 20
_MOST_FILTERS, _MOST_CURVES, _MOST_LINES, _MOST_FILES = 512, 32, 10_000, 64
_DEPTH = 8
_LONGEST_COMMAND, _LONGEST_VALUE = 40, 1000
_COMMAND = re.compile(r"([A-Za-z][A-Za-z ]*?) *\d* *")


@dataclasses.dataclass(frozen=True)
class Skipped:
    """A line that is not applied: the file, its number (from 1), its text, and why."""

    file: str
    number: int
    text: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.number}: {self.text!r} is not applied: {self.reason}"


@dataclasses.dataclass
class Settings:
    """What a preset says of a channel: gain in dB, bands, and points of curves."""

    preamp_db: float = 0.0
    bands: list[Band] = dataclasses.field(default_factory=list)
    curves: list[list[tuple[float, float]]] = dataclasses.field(default_factory=list)

    def response_db(
        self, frequencies: npt.ArrayLike, sample_rate: float = NOMINAL_RATE
    ) -> npt.NDArray[np.float64]:
        """Return the level at frequencies in Hz, in dB, as designed: curves as they are given."""
        hz = np.asarray(frequencies, np.float64)
        total = np.full(hz.shape, self.preamp_db)
        rows = [
            design_band(kind, f, sample_rate, q, g)
            for kind, f, q, g in self.bands
            if f < sample_rate / 2
        ]
        if rows:
            gain = np.abs(frequency_response(rows, hz, sample_rate))
            total = total + 20 * np.log10(np.maximum(gain, 1e-10)).reshape(hz.shape)
        for points in self.curves:
            total = total + curve_db(points, hz)
        return total


class Preset:
    """A preset: what it applies to each channel, and what it could not apply.

    Attributes
    ----------
    name : str
        The file, for people.
    skipped : list of Skipped
        Lines that are not applied.

    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.skipped: list[Skipped] = []
        # What was said, in order, with the channels that it was said of (None: all).
        self._said: list[tuple[frozenset[int] | None, str, Any]] = []

    def settings(self, channel: int = 0) -> Settings:
        """Return what applies to a channel, from 0."""
        found = Settings()
        for channels, kind, value in self._said:
            if channels is not None and channel not in channels:
                continue
            if kind == "preamp":
                found.preamp_db += value
            elif kind == "band":
                found.bands.append(value)
            else:
                found.curves.append(value)
        return found

    @property
    def is_empty(self) -> bool:
        """Whether nothing of it applies to any channel."""
        return not self._said

    def add(self, channels: frozenset[int] | None, kind: str, value: Any) -> None:
        """Add a ``preamp`` (dB), a ``band`` or a ``curve`` (points)."""
        self._said.append((channels, kind, value))

    def headroom_db(self, sample_rate: float = NOMINAL_RATE, channels: int = 2) -> float:
        """Return how far below 0 dB the highest point of the response stays (below 0: above)."""
        hz = np.geomspace(10.0, 0.499 * sample_rate, 4000)
        return -max(
            float(self.settings(c).response_db(hz, sample_rate).max()) for c in range(channels)
        )

    def processors(
        self, channels: int = 2, fitted: bool = False, sample_rate: float = NOMINAL_RATE
    ) -> list[Any]:
        """Return new processors that apply it, in order; put them into a chain.

        Parameters
        ----------
        channels : int
            Of the chain.
        fitted : bool
            Whether curves become bands (31, within some 1.5 dB, no latency) instead of a
            minimum-phase filter in a convolver.
        sample_rate : float
            What bands are fitted for, in Hz; a filter is made for whatever the chain has.

        """
        from zerocross.effects.convolver import Convolver

        each = [self.settings(c) for c in range(channels)]
        if fitted:
            for one in each:
                one.bands += [
                    band for points in one.curves for band in fit_bands(points, sample_rate)
                ]
                one.curves = []
        same = all(one.bands == each[0].bands for one in each)
        same = same and all(one.preamp_db == each[0].preamp_db for one in each)
        parts: list[Any] = []
        if any(one.bands or one.preamp_db for one in each):
            if same:
                parts.append(Equalizer(each[0].bands, preamp_db=each[0].preamp_db))
            else:
                parts.append(Equalizer.of_channels([(o.bands, o.preamp_db) for o in each]))
        for k in range(max((len(one.curves) for one in each), default=0)):
            curves = [one.curves[k] if k < len(one.curves) else None for one in each]
            parts.append(Convolver(_Curves(curves)))
        return parts


class _Curves:
    """Minimum-phase responses of curves, one a channel, made for a sample rate."""

    def __init__(self, curves: list[list[tuple[float, float]] | None]) -> None:
        self.curves = curves

    def __call__(self, sample_rate: float, channels: int) -> npt.NDArray[np.float64]:
        rows = [
            minimum_phase(points or [(1000.0, 0.0)], sample_rate)
            for points in self.curves[:channels]
        ]
        rows += [rows[-1]] * (channels - len(rows))
        return np.array(rows)


# --- reading ------------------------------------------------------------------------------------


def read_preset(path: str | os.PathLike[str]) -> Preset:
    """Read a preset from a file.

    Raises
    ------
    SourceError
        If it cannot be read, is longer than 1 MiB or than 10,000 lines with all that it includes,
        or nothing in it could be applied.

    """
    name = os.fspath(path)
    preset = Preset(name)
    _Reader(preset).read(Path(path))
    if preset.is_empty:
        first = f" ({preset.skipped[0].reason})" if preset.skipped else ""
        raise SourceError(
            printable(name),
            f"nothing in it is a preset{first}; give an Equalizer APO configuration or an AutoEq "
            "file",
        )
    return preset


def parse_preset(text: str, name: str = "preset") -> Preset:
    """Read a preset from text; ``Include`` is looked for beside ``name``.

    Raises
    ------
    SourceError
        For more than 10,000 lines, with all that it includes.

    """
    preset = Preset(name)
    _Reader(preset).parse(text, Path(name))
    return preset


def _decoded(raw: bytes) -> str:
    for mark, coding in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if raw.startswith(mark):
            return raw.decode(coding, "replace")
    if len(raw) >= 4 and raw[1::2].count(0) > len(raw) // 4:
        return raw.decode("utf-16-le", "replace")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


class _Reader:
    """Reads a preset and what it includes; what is said is counted, so that no file grows."""

    def __init__(self, preset: Preset) -> None:
        self._preset = preset
        self._filters = self._curves = self._lines = self._files = 0
        self._inside: list[tuple[int, int]] = []  # the files that include what is read now
        self._channels: frozenset[int] | None = None

    def read(self, path: Path) -> None:
        """Read a file."""
        raw = read_small(path, _MOST_BYTES, "preset")
        status = path.stat()
        identity = status.st_dev, status.st_ino
        if identity in self._inside:
            raise Unapplied("the file includes itself")
        self._inside.append(identity)
        self.parse(_decoded(raw), path)
        self._inside.pop()

    def parse(self, text: str, path: Path) -> None:
        """Read the lines of a file; what it says of channels ends with it."""
        before = self._channels
        for number, line in enumerate(re.split(r"\r\n|\r|\n", text), 1):
            stripped = line.replace("\0", "").strip().lstrip("\ufeff")
            if not stripped or stripped.startswith("#"):
                continue
            self._lines += 1
            if self._lines > _MOST_LINES:
                raise SourceError(
                    printable(self._preset.name),
                    f"more than {_MOST_LINES:,} lines, with what it includes; that is no preset",
                )
            try:
                self._take(stripped, path)
            except Unapplied as why:
                self._preset.skipped.append(
                    Skipped(printable(path), number, stripped[:80], printable(str(why)))
                )
        self._channels = before

    def _take(self, line: str, path: Path) -> None:
        """Apply a line."""
        command, colon, rest = line.partition(":")
        match = _COMMAND.fullmatch(command) if len(command) <= _LONGEST_COMMAND else None
        if not match or not colon:
            raise Unapplied("it is not a command")
        name, value = match.group(1).strip().lower(), rest.partition("#")[0].strip()
        if name == "graphiceq":
            self._curves = self._counted(self._curves, _MOST_CURVES, "curves")
            self._preset.add(self._channels, "curve", points_of(value))
        elif len(value) > _LONGEST_VALUE:
            raise Unapplied(f"it is longer than {_LONGEST_VALUE} characters")
        elif name == "channel":
            self._channels = channels_of(value)
        elif name == "preamp":
            self._preset.add(self._channels, "preamp", gain_of(value))
        elif name == "filter":
            self._filters = self._counted(self._filters, _MOST_FILTERS, "filters")
            self._preset.add(self._channels, "band", band_of(value))
        elif name == "include":
            self._include(path, value)
        else:
            raise Unapplied(f"the command {match.group(1).strip()!r} is not supported")

    @staticmethod
    def _counted(count: int, most: int, of_what: str) -> int:
        if count >= most:
            raise Unapplied(f"more than {most} {of_what}")
        return count + 1

    def _include(self, path: Path, value: str) -> None:
        if len(self._inside) > _DEPTH:
            raise Unapplied(f"files include each other more than {_DEPTH} deep")
        if not value:
            raise Unapplied("it names no file")
        self._files = self._counted(self._files, _MOST_FILES, "files are included")
        try:
            self.read(path.parent / value.replace("\\", "/"))
        except SourceError as error:
            if self._lines > _MOST_LINES:
                raise
            raise Unapplied(str(error)) from None
