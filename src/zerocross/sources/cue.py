"""Cue sheets: the tracks of a file that is a whole side or disc, cut to the frame.

A sheet counts in CD frames of 1/75 s, which are 588 samples at 44.1 kHz. A track lasts from its
``INDEX 01`` to that of the next one in the same file, as CD players have it: the pause between them
belongs to the track before.
"""

from __future__ import annotations

import codecs
import dataclasses
import functools
import json
import os
import re
from collections.abc import Callable, Iterator

from zerocross.errors import SourceError, UsageError
from zerocross.files import PathLike, printable, read_small
from zerocross.sources.tags import Tags, make_tags, tags_from
from zerocross.units import checked_path, checked_whole, shown

__all__ = ["CD_FRAMES", "CUT_LINE", "Cut", "read_cue"]

#: CD frames in a second.
CD_FRAMES = 75
#: How the line of a playlist begins that tells which part of a file is meant.
CUT_LINE = "#ZEROCROSS-CUT:"

_MOST_BYTES, _MOST_LINES, _MOST_LINE, _MOST_TRACKS = 4 << 20, 20_000, 4096, 1000
_LONGEST = 100_000 * 60 * CD_FRAMES
_COMMAND = re.compile(r"\s*([A-Za-z]+)\s+(.*?)\s*$")
_FILE = re.compile(r"(?:\"(.*)\"|(.*?))(?:\s+(\w+))?$")
_TIME = re.compile(r"(\d{1,5}):([0-5]?\d):([0-6]?\d|7[0-4])$")


@dataclasses.dataclass(frozen=True)
class Cut(os.PathLike[str]):
    """A part of a file, played as a track of its own.

    Cuts of one file that follow each other join without a gap or a fade, to the sample.

    Attributes
    ----------
    location : path-like
        Of the file.
    start, end : int
        In CD frames of 1/75 s; no end for that of the file.
    tags : Tags
        What the sheet says of it.

    """

    location: PathLike
    start: int
    end: int | None = None
    tags: Tags = dataclasses.field(default=Tags(), compare=False)

    def __post_init__(self) -> None:
        checked_path("location", self.location)
        checked_whole("start", self.start, 0, _LONGEST)
        if self.end is not None:
            checked_whole("end", self.end, self.start + 1, _LONGEST)

    def __fspath__(self) -> str:
        return os.fsdecode(self.location)

    def as_line(self) -> str:
        """Return what a playlist says of it on the line before its file; other players pass over it."""
        tags = {name: value for name, value in dataclasses.asdict(self.tags).items() if value}
        return CUT_LINE + json.dumps({"start": self.start, "end": self.end, "tags": tags})

    @classmethod
    def of_line(cls, line: str, location: PathLike) -> Cut:
        """Return the part of a file that such a line tells of.

        Raises
        ------
        SourceError
            For a line that is none.

        """
        try:
            about = json.loads(line.removeprefix(CUT_LINE))
            return cls(location, about["start"], about["end"], tags_from(about["tags"]))
        except (ValueError, TypeError, KeyError, RecursionError, UsageError):
            words = f"the line that tells which part of it is damaged ({shown(line)}); take it out"
            raise SourceError(printable(location), words) from None


@dataclasses.dataclass
class _Track:
    """A track as the sheet has it so far."""

    file: str
    number: int
    is_audio: bool
    fields: dict[str, list[str]]
    start: int | None = None


def read_cue(path: PathLike, suffixes: frozenset[str] = frozenset()) -> list[Cut]:
    """Return the tracks of a cue sheet, in order.

    Parameters
    ----------
    path : path-like
        The sheet; UTF-8, UTF-16 with a mark, or else Windows-1252.
    suffixes : frozenset of str
        Where a file is not there: the endings with which it may be there (people convert the file
        and leave the sheet).

    Raises
    ------
    SourceError
        For what is no sheet, or has no track.

    Notes
    -----
    Files are not opened. Tracks that are data are left out.

    """
    text, encoding = _decoded(read_small(path, _MOST_BYTES, "cue sheet"))
    folder = os.path.dirname(os.fsdecode(path))
    disc: dict[str, list[str]] = {}
    tracks: list[_Track] = []
    file = None
    for number, (command, value) in enumerate(_commands(text)):
        if number >= _MOST_LINES or len(tracks) > _MOST_TRACKS:
            raise SourceError(printable(path), "more lines or tracks than a cue sheet has")
        if command == "FILE":
            file = value
        elif command == "TRACK" and file is not None:
            tracks.append(_begin_track(file, value, len(tracks) + 1))
        elif command == "INDEX" and tracks and file is not None:
            _set_start(tracks[-1], file, value)
        else:
            _take_field(tracks[-1].fields if tracks else disc, command, value)

    @functools.cache
    def find(name: str) -> str:
        return _find(folder, name, encoding, suffixes)

    cuts = list(_cuts(tracks, disc, find))
    if not cuts:
        raise SourceError(
            printable(path), "no track with a file and an INDEX 01; that is no cue sheet"
        )
    return cuts


def _decoded(raw: bytes) -> tuple[str, str]:
    """Return a sheet's text, and in what its names are written."""
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return raw.decode("utf-16", "replace"), "utf-8"
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            return raw.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    return raw.decode("latin-1"), "latin-1"


def _commands(text: str) -> Iterator[tuple[str, str]]:
    """Yield a sheet's commands, in capitals, and what follows each; REM is left out."""
    for line in re.split(r"\r\n?|\n", text):
        match = _COMMAND.match(line[:_MOST_LINE])
        while match:
            command, value = match.group(1).upper(), match.group(2)
            if command != "REM":
                yield command, value
                break
            match = _COMMAND.match(value)


def _find(folder: str, value: str, encoding: str, suffixes: frozenset[str]) -> str:
    """Return the path of a sheet's file: as it is written, in the sheet's own bytes, or converted."""
    match = _FILE.match(value)
    quoted, plain, _kind = match.groups() if match else (None, value, None)
    name = (plain if quoted is None else quoted).replace("\0", "")
    path = os.path.join(folder, name)
    own_bytes = os.path.join(folder, os.fsdecode(name.encode(encoding, "replace")))
    if not os.path.exists(path) and os.path.exists(own_bytes):
        return own_bytes
    if not os.path.exists(path):
        converted = (os.path.splitext(path)[0] + suffix for suffix in sorted(suffixes))
        return next((each for each in converted if os.path.exists(each)), path)
    return path


def _begin_track(file: str, value: str, default: int) -> _Track:
    number, _, kind = value.partition(" ")
    is_number = number.isascii() and number.isdigit() and len(number) <= 5
    is_audio = kind.strip().upper() in {"", "AUDIO"}
    return _Track(file, int(number) if is_number else default, is_audio, {})


def _set_start(track: _Track, file: str, value: str) -> None:
    """Take the place where a track begins: its file is the one that INDEX 01 stands under."""
    number, _, place = value.partition(" ")
    match = _TIME.match(place.strip())
    if match and number.strip("0") == "1" and track.start is None:
        minutes, seconds, frames = map(int, match.groups())
        track.file = file
        track.start = (minutes * 60 + seconds) * CD_FRAMES + frames


def _take_field(fields: dict[str, list[str]], command: str, value: str) -> None:
    if len(value) >= 2 and value[0] == value[-1] == '"':
        value = value[1:-1]
    fields.setdefault(command.lower(), [value])


def _cuts(
    tracks: list[_Track], disc: dict[str, list[str]], find: Callable[[str], str]
) -> Iterator[Cut]:
    """Yield the audio tracks that begin somewhere, each up to the next one in its file."""
    begun = [track for track in tracks if track.start is not None]
    for k, track in enumerate(begun):
        start = track.start or 0
        following = begun[k + 1] if k + 1 < len(begun) else None
        end = following.start if following and following.file == track.file else None
        if track.is_audio and (end is None or end > start):
            yield Cut(find(track.file), start, end, _tags(track, disc, len(tracks)))


def _tags(track: _Track, disc: dict[str, list[str]], count: int) -> Tags:
    own = track.fields
    found = {
        "title": own.get("title", []),
        "artist": own.get("performer", disc.get("performer", [])),
        "album": disc.get("title", []),
        "albumartist": disc.get("performer", []),
        "track": [f"{track.number}/{count}"],
        "disc": disc.get("discnumber", []),
        "totaldiscs": disc.get("totaldiscs", []),
        "date": own.get("date", disc.get("date", [])),
        "genre": own.get("genre", disc.get("genre", [])),
    }
    return make_tags({name: values for name, values in found.items() if values})
