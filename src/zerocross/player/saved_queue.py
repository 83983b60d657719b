"""A queue as a file: a playlist, ``.m3u8``, which other players read too.

Names are written as their bytes are, UTF-8 where they are that, and one with the end of a line in it as
an address: every name of a file comes back. A cue sheet's track is its file, and a line before it.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING
from urllib.parse import quote_from_bytes

from zerocross.errors import SourceError, UsageError
from zerocross.files import (
    PathLike,
    check_ending,
    check_output,
    printable,
    read_small,
    written_aside,
)
from zerocross.sources.cue import CUT_LINE, Cut
from zerocross.sources.location import Part
from zerocross.sources.playlists import Entry, path_of
from zerocross.units import shown

if TYPE_CHECKING:
    from zerocross.player.queue import Track

__all__ = ["read_queue", "write_queue"]

_ENDINGS = ".m3u8", ".m3u"
_MOST_BYTES = 64 << 20
_MOST_TRACKS = 1_000_000
_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]{0,20}://")


def write_queue(path: PathLike, tracks: Iterable[Track]) -> None:
    """Write tracks as a playlist: whole, or not at all.

    Raises
    ------
    UsageError
        For a track that a playlist cannot name, and for another name than a playlist's: no song is
        written over.

    """
    _check_path(path)
    check_ending(path, _ENDINGS)
    check_output(path)
    folder = os.path.dirname(os.path.realpath(os.fsdecode(path)))
    real_folder = functools.cache(os.path.realpath)  # a disk is asked once for many files
    lines = ["#EXTM3U"]
    for track in tracks:
        if isinstance(track.location, Part):  # its file brings it along
            continue
        lines.append(_about(track))
        if isinstance(track.location, Cut):
            lines.append(track.location.as_line())
        lines.append(_name_from(folder, track, real_folder))
    text = "\n".join(lines) + "\n"
    with written_aside(path) as aside, open(aside, "wb") as file:
        file.write(text.encode("utf-8", "surrogateescape"))


def _about(track: Track) -> str:
    length = -1 if track.duration_s is None else round(track.duration_s)
    title = track.known_as or os.path.basename(track.path)
    return f"#EXTINF:{length},{printable(title)}"


def _check_path(path: PathLike) -> None:
    if not isinstance(path, (str, bytes, os.PathLike)):
        raise UsageError(f"{shown(path)} is not a path; give the name of a playlist, .m3u8")


def _name_from(folder: str, track: Track, real_folder: Callable[[str], str]) -> str:
    """Return how a playlist in a folder names a track's file."""
    if not isinstance(track.location, (str, bytes, os.PathLike)):
        raise UsageError(f"{track.path} is no file: a playlist cannot name it; take it out first")
    name = os.fsdecode(track.location)
    if _URL.match(name):
        return name
    parent, last = os.path.split(os.path.abspath(name))
    full = os.path.join(real_folder(parent), last)
    is_below = full.startswith(os.path.join(folder, ""))
    short = os.path.relpath(full, folder) if is_below else full
    if "\n" in short or "\r" in short:
        return f"file://{quote_from_bytes(os.fsencode(full))}"
    return os.path.join(".", short) if short.startswith("#") or _URL.match(short) else short


def read_queue(path: PathLike) -> list[Entry]:
    """Return what a playlist names, in order, and what it calls them.

    Raises
    ------
    SourceError
        If it cannot be read, or is no playlist.
    UsageError
        For what is no path.

    """
    _check_path(path)
    name = os.fsdecode(path)
    if os.path.splitext(name)[1].lower() not in _ENDINGS:
        raise SourceError(printable(path), "is no playlist (.m3u8, .m3u); append what it is")
    text = read_small(path, _MOST_BYTES, "playlist").decode("utf-8-sig", "surrogateescape")
    folder = os.path.dirname(os.path.realpath(os.fsdecode(path)))
    found: list[Entry] = []
    title = part = ""
    for line in text.split("\n"):
        name = line.removesuffix("\r")
        if name.startswith("#EXTINF:"):
            title = name.partition(",")[2]
        elif name.startswith(CUT_LINE):
            part = name
        elif name and not name.startswith("#"):
            at = _location_of(folder, name)
            found.append(Entry(Cut.of_line(part, at) if part else at, title))
            title = part = ""
    if len(found) > _MOST_TRACKS:
        raise SourceError(printable(path), f"more than {_MOST_TRACKS:,} tracks; give fewer")
    return found


def _location_of(folder: str, name: str) -> str:
    """Return what a line of a playlist in a folder names."""
    if name.startswith("file://"):
        return path_of(name)
    return name if _URL.match(name) else os.path.join(folder, name)
