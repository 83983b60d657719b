"""Reading presets as Equalizer APO does: line by line, for a sample rate and a channel count.

Which lines apply depends on both (`If:`, names of channels, widths in octaves, delays in ms), so a
preset is read again for each format that it meets; its files are read once. The order in which
scopes are looked at is Equalizer APO's (FilterEngine.cpp): the device, conditions, includes, the
stage, and then all other commands. Longer than a file is here, as what a line does hangs on the
state of one reading.
"""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any, NamedTuple

from zerocross.eq.presets.channels import Format, channels_of, copies_of
from zerocross.eq.presets.conditions import condition_of
from zerocross.eq.presets.files import Library
from zerocross.eq.presets.values import Unapplied, band_of, delay_of, gain_of, points_of
from zerocross.errors import SourceError
from zerocross.files import printable

__all__ = ["Reader", "Skipped", "Step"]

_MOST_FILTERS, _MOST_CURVES, _MOST_LINES, _MOST_FILES = 512, 32, 10_000, 64
_MOST_DELAYS_S, _MOST_COPIES = 10.0, 32
_DEPTH = 8
_LONGEST_COMMAND, _LONGEST_VALUE = 40, 1000
_COMMAND = re.compile(r"(Filter).*|([A-Za-z][A-Za-z ]*?) *\d* *", re.IGNORECASE)
_STAGES = ("pre-mix", "post-mix", "capture")
_STAGE = "post-mix"


@dataclasses.dataclass(frozen=True)
class Skipped:
    """A line that is not applied as it stands: the file, its number (from 1), its text, and why.

    ``is_applied``: what of it can be applied is.
    """

    file: str
    number: int
    text: str
    reason: str
    is_applied: bool = False

    def __str__(self) -> str:
        how = "is applied, but" if self.is_applied else "is not applied:"
        return f"{self.file}:{self.number}: {self.text!r} {how} {self.reason}"


class Step(NamedTuple):
    """What a line does, and to which channels, from 0 (None: all).

    Kinds: ``preamp`` (dB), ``band``, ``curve`` (points), ``delay`` (frames), ``impulse``, and
    ``copy`` (for each channel that it makes, factors of those that are added up).
    """

    channels: frozenset[int] | None
    kind: str
    value: Any


@dataclasses.dataclass
class _If:
    """A condition that is open: its line, whether its body applies, and whether one of them did."""

    line: tuple[str, int, str]
    applies: bool
    is_done: bool
    told: int | None = None


@dataclasses.dataclass
class _Scope:
    """What lines apply to at a place in a file; ``told`` is the line that shut it, in `skipped`."""

    channels: frozenset[int] | None = None
    device_told: int | None = None
    stage_told: int | None = None
    ifs: list[_If] = dataclasses.field(default_factory=list)


class Reader:
    """Reads a preset and what it includes for one format; what is said is counted.

    Attributes
    ----------
    steps : list of Step
        What applies, in order.
    skipped : list of Skipped
        Lines that are not applied; not those of a condition that does not hold.
    is_conditional : bool
        Whether there is a condition that could be told.

    """

    def __init__(self, name: str, library: Library, layout: Format) -> None:
        self.steps: list[Step] = []
        self.skipped: list[Skipped] = []
        self.is_conditional = False
        self._name, self._library, self._format = name, library, layout
        self._filters = self._curves = self._lines = self._files = 0
        self._delays = self._copies = 0
        self._inside: list[tuple[int, int]] = []  # the files that include what is read now
        self._scope = _Scope()
        self._line = ("", 0, "")
        self._left_out: dict[int, tuple[int, int]] = {}

    def read(self, path: Path) -> None:
        """Read a file."""
        text, identity = self._library.text(path)
        if identity in self._inside:
            raise Unapplied("the file includes itself")
        self._inside.append(identity)
        self.parse(text, path)
        self._inside.pop()

    def parse(self, text: str, path: Path) -> None:
        """Read the lines of a file; what it says of channels, stages and conditions ends with it."""
        outer = self._scope
        self._scope = _Scope(outer.channels, None, outer.stage_told)
        for number, line in enumerate(re.split(r"\r\n|\r|\n", text), 1):
            stripped = line.replace("\0", "").strip().lstrip("\ufeff")
            if not stripped or stripped.startswith("#"):
                continue
            self._lines += 1
            if self._lines > _MOST_LINES:
                raise SourceError(
                    printable(self._name),
                    f"more than {_MOST_LINES:,} lines, with what it includes; that is no preset",
                )
            self._line = printable(path), number, stripped[:80]
            try:
                self._take(stripped, path)
            except Unapplied as why:
                self._tell(str(why))
        for each in self._scope.ifs:
            if each.told is None:
                self._line = each.line
                self._tell("no EndIf ends it before the file does", is_applied=True)
        self._scope = outer

    # --- what is told -------------------------------------------------------------------------

    def _tell(self, reason: str, is_applied: bool = False) -> int:
        self.skipped.append(Skipped(*self._line, printable(reason), is_applied))
        return len(self.skipped) - 1

    def _leave_out(self, told: int | None) -> None:
        """Leave a line out because of one that is told, where there is one to be told."""
        if told is None:
            return
        file, number, _ = self._line
        if self.skipped[told].file != file:
            self._tell(self.skipped[told].reason)
        elif number != self.skipped[told].number:
            first, _ = self._left_out.get(told, (number, number))
            self._left_out[told] = first, number

    def finish(self) -> None:
        """Write into what shut a scope which lines that left out."""
        for told, (first, last) in self._left_out.items():
            which = f"line {first} is" if first == last else f"lines {first} to {last} are"
            self.skipped[told] = dataclasses.replace(
                self.skipped[told], reason=f"{self.skipped[told].reason}; {which} left out"
            )
        self._left_out.clear()

    # --- scopes -------------------------------------------------------------------------------

    def _take(self, line: str, path: Path) -> None:
        """Apply a line, if the scopes that it is in apply."""
        command, colon, value = line.partition(":")
        match = _COMMAND.fullmatch(command) if len(command) <= _LONGEST_COMMAND else None
        name = (match.group(1) or match.group(2)).strip().lower() if match and colon else ""
        scope = self._scope
        if name == "device":
            scope.device_told = self._device(value)
        if scope.device_told is not None:
            return self._leave_out(scope.device_told)
        if name in ("if", "elseif", "else", "endif"):
            return self._condition(name, value)
        shut = next((each for each in scope.ifs if not each.applies), None)
        if shut:
            return self._leave_out(shut.told)
        if name == "include":
            return self._include(path, value.strip())
        if name == "stage":
            scope.stage_told = self._stage(value)
        if scope.stage_told is not None:
            return self._leave_out(scope.stage_told)
        if not name:
            raise Unapplied("it is not a command")
        if name not in ("device", "stage"):
            self._apply(name, value, path)
        return None

    def _device(self, value: str) -> int | None:
        patterns = [pattern.split() for pattern in value.lower().split(";")]
        if ["all"] in patterns:
            return None
        return self._tell("only 'Device: all' is known to be meant; write that if it is")

    def _stage(self, value: str) -> int | None:
        stages = value.lower().split()
        if _STAGE in stages:
            return None
        known = all(stage in _STAGES for stage in stages)
        return self._tell(f"what is played is {_STAGE}{'' if known else ', and no other stage'}")

    def _condition(self, name: str, value: str) -> None:
        ifs = self._scope.ifs
        if name == "if":
            is_heard = all(each.applies for each in ifs)
            told = next((each.told for each in ifs if not each.applies), None)
            ifs.append(_If(self._line, False, not is_heard, told))
            if is_heard:
                try:
                    ifs[-1].applies = ifs[-1].is_done = self._holds(value)
                except Unapplied as why:
                    ifs[-1].is_done, ifs[-1].told = True, self._tell(str(why))
            return
        if not ifs:
            raise Unapplied("there is no If before it")
        if name == "endif":
            ifs.pop()
        elif ifs[-1].is_done:
            ifs[-1].applies = False
        elif name == "else":
            ifs[-1].applies = ifs[-1].is_done = True
        else:
            try:
                ifs[-1].applies = ifs[-1].is_done = self._holds(value)
            except Unapplied as why:
                ifs[-1].told = self._tell(str(why))

    def _holds(self, value: str) -> bool:
        found = condition_of(value, self._format)
        self.is_conditional = True
        return found

    def _include(self, path: Path, value: str) -> None:
        if len(self._inside) > _DEPTH:
            raise Unapplied(f"files include each other more than {_DEPTH} deep")
        self._files = self._counted(self._files, _MOST_FILES, "files are included")
        line = self._line
        try:
            self.read(_beside(path, value))
        except SourceError as error:
            if self._lines > _MOST_LINES:
                raise
            self._line = line
            raise Unapplied(str(error)) from None
        finally:
            self._line = line

    # --- all other commands ---------------------------------------------------------------------

    def _apply(self, name: str, value: str, path: Path) -> None:
        if "`" in value:
            raise Unapplied("an expression within a line is not supported")
        plain = value.partition("#")[0].strip()
        if name == "graphiceq":
            points, left_out = points_of(plain)
            self._curves = self._counted(self._curves, _MOST_CURVES, "curves")
            self._add("curve", points)
            if left_out:
                self._tell(f"without its end: {left_out}", is_applied=True)
        elif len(plain) > _LONGEST_VALUE:
            raise Unapplied(f"it is longer than {_LONGEST_VALUE} characters")
        elif name == "channel":
            self._choose(plain)
        elif name == "preamp":
            self._add("preamp", gain_of(plain))
        elif name == "filter":
            band = band_of(plain, self._format.sample_rate)
            self._filters = self._counted(self._filters, _MOST_FILTERS, "filters")
            self._add("band", band)
        elif name == "delay":
            frames = delay_of(plain, self._format.sample_rate)
            most = int(_MOST_DELAYS_S * self._format.sample_rate)
            self._delays = self._counted(self._delays, most, "frames of delays", frames)
            self._add("delay", frames)
        elif name == "copy":
            copied = copies_of(plain, self._format)
            self._copies = self._counted(self._copies, _MOST_COPIES, "copies")
            self.steps.append(Step(None, "copy", copied))
        elif name == "convolution":
            self._convolution(path, value.strip())
        else:
            command = self._line[2].partition(":")[0].strip()
            raise Unapplied(f"the command {command!r} is not supported")

    def _add(self, kind: str, value: Any) -> None:
        self.steps.append(Step(self._scope.channels, kind, value))

    def _choose(self, value: str) -> None:
        chosen, unknown = channels_of(value, self._format)
        self._scope.channels = chosen
        if unknown or chosen == frozenset():
            of_which = f" of {' '.join(self._format.names)}" if self._format.channels else ""
            words = " ".join(unknown)[:20] or "nothing"
            self._tell(f"{words} names no channel{of_which}")

    def _convolution(self, path: Path, value: str) -> None:
        self._curves = self._counted(self._curves, _MOST_CURVES, "curves")
        try:
            impulse = self._library.impulse(_beside(path, value))
        except SourceError as error:
            raise Unapplied(str(error)) from None
        self._add("impulse", impulse)

    @staticmethod
    def _counted(count: int, most: int, of_what: str, more: int = 1) -> int:
        if count + more > most:
            raise Unapplied(f"more than {most} {of_what}")
        return count + more


def _beside(path: Path, value: str) -> Path:
    """Return the file that a line names, from the folder of the one that it stands in."""
    if not value:
        raise Unapplied("it names no file")
    return path.parent / value.replace("\\", "/")
