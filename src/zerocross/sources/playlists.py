"""From what people give to what can be opened: directories, playlists, cue sheets, names of any bytes.

What may be found is bounded: a playlist's size, how deep playlists and folders go, and how many
are looked at. Beyond a bound there is one line about it, and what was found so far stays.
"""

from __future__ import annotations

import codecs
import contextlib
import dataclasses
import functools
import os
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from zerocross.errors import SourceError
from zerocross.files import PathLike, printable, read_small
from zerocross.sources.cue import Cut, read_cue
from zerocross.sources.location import Location, Part, Playable, as_location
from zerocross.sources.playlist_lines import (
    LISTS,
    MOST_OF_A_LINE,
    Line,
    is_list_address,
    m3u_lines,
    pls_lines,
)

__all__ = [
    "AUDIO_SUFFIXES",
    "MORE_SUFFIXES",
    "Entry",
    "Expansion",
    "audio_suffixes",
    "expand",
    "expand_paths",
    "natural",
    "path_of",
]

#: Names of files that a directory's audio may have.
AUDIO_SUFFIXES = frozenset(
    [
        ".aif",
        ".aifc",
        ".aiff",
        ".au",
        ".caf",
        ".flac",
        ".mp3",
        ".oga",
        ".ogg",
        ".opus",
        ".rf64",
        ".snd",
        ".w64",
        ".wav",
        ".wave",
    ]
)
#: The same of what PyAV decodes, where it is installed.
MORE_SUFFIXES = frozenset([".aac", ".ape", ".m4a", ".m4b", ".mka", ".tta", ".wma", ".wv"])
_PLAYLISTS = LISTS | {".cue"}
_MAX_DEPTH = 8
_MAX_FOLDERS_DEEP = 64
_MAX_FILES = 100_000
_MAX_LOOKED_AT = 1_000_000
_MAX_PLAYLISTS = 1000
_MAX_PROBLEMS = 100
_MAX_PLAYLIST_BYTES = 4 << 20
_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]{0,20}://")
_STREAM = re.compile("https?://", re.IGNORECASE)
_FILE_URL = re.compile("file:", re.IGNORECASE)

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Entry:
    """What can be opened, and what a playlist calls it: empty for no name."""

    location: Location
    title: str = ""


@functools.cache
def audio_suffixes() -> frozenset[str]:
    """Return the endings of what can be played here."""
    import importlib.util

    has_more = importlib.util.find_spec("av") is not None
    return AUDIO_SUFFIXES | MORE_SUFFIXES if has_more else AUDIO_SUFFIXES


def expand(given: Iterable[Playable | Entry]) -> tuple[list[Entry], list[SourceError]]:
    """Return what can be opened of what was given, in order, and what could not be expanded.

    Parameters
    ----------
    given : iterable
        Files and URLs of http and https (returned as they are, but for playlists), ``file://`` URLs, directories (all
        audio in them, by name, with numbers in order), playlists ``.m3u``, ``.m3u8`` and ``.pls``
        (entries relative to the playlist), cue sheets, and whatever else is a source.

    Raises
    ------
    UsageError
        For what can be no source.

    Notes
    -----
    At most 100,000 files, from folders up to 64 deep and 1,000 playlists of up to 4 MiB, which may
    name each other up to 8 deep, but none that it is named by.

    """
    found = Expansion()
    found.take(given)
    return found.entries, found.problems


def expand_paths(given: Iterable[PathLike]) -> tuple[list[PathLike], list[SourceError]]:
    """Return the same without the titles, for who needs no more than paths."""
    entries, problems = expand(given)
    locations = [entry.location for entry in entries]
    return [each for each in locations if isinstance(each, (str, bytes, os.PathLike))], problems


class _TooMuch(Exception):
    """A bound was reached: the one line about it is told."""


class Expansion:
    """What was found so far, and how much was looked at for it.

    Attributes
    ----------
    entries : list of Entry
        What can be opened.
    problems : list of SourceError
        What could not be expanded.
    done : list of (int, int)
        How many of both there were after each that was given and is expanded.
    is_asking : bool
        Whether a disk is asked, and has not answered.
    answers : int
        How often one has.

    """

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.problems: list[SourceError] = []
        self.done: list[tuple[int, int]] = []
        self.is_asking, self.answers = False, 0
        self._looked_at = 0
        self._playlists = 0

    def take(self, given: Iterable[Playable | Entry]) -> None:
        """Add what was given, one after the other; see `expand`."""
        for each in given:
            if isinstance(each, Entry):
                self.entries.append(each)
            else:
                self._take(as_location(each))
            self.done.append((len(self.entries), len(self.problems)))

    def _take(self, location: Location) -> None:
        is_path = isinstance(location, (str, bytes, os.PathLike))
        if is_path and not isinstance(location, (Cut, Part)):
            self._add_given(location)
        else:
            self.entries.append(Entry(location))

    def _asked(self, question: Callable[..., T], *about: Any) -> T:
        """Return what a disk answers."""
        self.is_asking = True
        try:
            return question(*about)
        finally:
            self.is_asking = False
            self.answers += 1

    def _add_given(self, given: Any) -> None:
        """Add what a path or a URL stands for, up to the bounds."""
        path = os.fsdecode(given)
        try:
            if _FILE_URL.match(path):
                path = given = path_of(path)
            self._add(path, (), Entry(given))
        except (_TooMuch, SourceError) as error:
            reason = error.reason if isinstance(error, SourceError) else str(error)
            self.problems.append(SourceError(printable(path), reason))

    def _add(self, path: str, inside: tuple[tuple[int, int], ...], entry: Entry) -> None:
        """Add a path that stands in playlists, which are told by device and inode."""
        suffix = os.path.splitext(path)[1].lower()
        if _STREAM.match(path):
            self._add_address(path, entry)
        elif self._asked(os.path.isdir, path):
            self._add_folder(path)
        elif suffix in _PLAYLISTS:
            self._add_playlist(path, suffix, inside)
        else:
            self._add_entries([entry])

    def _add_entries(self, entries: list[Entry]) -> None:
        room = _MAX_FILES - len(self.entries)
        self.entries += entries[:room]
        if len(entries) > room:
            raise _TooMuch(f"more than {_MAX_FILES:,} files; give fewer at a time")

    def _add_address(self, url: str, entry: Entry) -> None:
        """Add what a server has, or what is in it where it looks like a playlist."""
        if not is_list_address(url):
            self._add_entries([entry])
            return
        from zerocross.sources.http import read_list

        listed = read_list(url)
        if listed is None:  # HLS, or audio all the same
            self._add_entries([entry])
        for address, title in listed or ():
            if _STREAM.match(address):  # a list in it is read when its turn comes
                self._add_entries([Entry(address, title or entry.title)])
            else:
                self._refuse(address, "is named by a server, and no address of http or https")

    def _refuse(self, name: str, reason: str) -> None:
        self.problems.append(SourceError(printable(name), reason))
        if len(self.problems) >= _MAX_PROBLEMS:
            raise _TooMuch(f"more than {_MAX_PROBLEMS} entries are refused; that is no playlist")

    def _add_folder(self, path: str) -> None:
        found, bound = self._asked(self._audio_below, path)
        self._add_entries([Entry(name) for name in sorted(found, key=natural)])
        if bound:
            self._refuse(path, f"{bound} in it; give a part of it")
        elif not found:
            kinds = ", ".join(sorted(audio_suffixes()))
            self._refuse(path, f"no audio in this directory ({kinds}); give another")

    def _audio_below(self, path: str) -> tuple[list[str], str]:
        """Return the audio in a folder and in those below, and which bound was reached.

        Links to folders are not followed.
        """
        found: list[str] = []
        bound, waiting = "", [(path, 0)]
        while waiting:
            folder, depth = waiting.pop()
            for entry in _entries(folder):
                self._looked_at += 1
                self.answers += 1
                if self._looked_at > _MAX_LOOKED_AT:
                    return found, f"more than {_MAX_LOOKED_AT:,} names"
                if not _is_folder(entry):
                    if os.path.splitext(entry.name)[1].lower() in audio_suffixes():
                        found.append(entry.path)
                elif depth < _MAX_FOLDERS_DEEP:
                    waiting.append((entry.path, depth + 1))
                else:
                    bound = f"folders more than {_MAX_FOLDERS_DEEP} deep"
        return found, bound

    def _add_playlist(self, path: str, suffix: str, inside: tuple[tuple[int, int], ...]) -> None:
        try:
            raw = _in_utf8(self._asked(read_small, path, _MAX_PLAYLIST_BYTES, "playlist"))
            status = self._asked(os.stat, path)
            cuts = self._asked(read_cue, path, audio_suffixes()) if suffix == ".cue" else []
        except SourceError as error:
            self._refuse(path, error.reason)
            return
        except OSError:
            self._refuse(path, "no such file; check the name")
            return
        identity = status.st_dev, status.st_ino
        if identity in inside:
            self._refuse(path, "this playlist includes itself; take the line out")
            return
        if len(inside) >= _MAX_DEPTH:
            self._refuse(path, "playlists in playlists, too deep; list the files")
            return
        self._playlists += 1
        if self._playlists > _MAX_PLAYLISTS:
            raise _TooMuch(f"more than {_MAX_PLAYLISTS:,} playlists in it; list the files")
        if suffix == ".cue":
            self._add_entries([Entry(cut) for cut in cuts])
        else:
            lines = pls_lines(raw) if suffix == ".pls" else m3u_lines(raw)
            self._add_lines(path, lines, (*inside, identity))

    def _add_lines(
        self, path: str, lines: Iterable[Line], inside: tuple[tuple[int, int], ...]
    ) -> None:
        is_empty = True
        for line, title, part in lines:
            is_empty = False
            text = os.fsdecode(line[:MOST_OF_A_LINE])
            if len(line) > MOST_OF_A_LINE or b"\0" in line:
                self._refuse(path, f"a line that is no path ({text[:40]!r}); take it out")
            elif _FILE_URL.match(text):
                self._add_file_url(text, title, part, inside)
            elif _STREAM.match(text):
                self._add_entries([Entry(text, title)])
            elif _URL.match(text):
                self._refuse(text, "is no address of http or https; download it and play the file")
            else:
                place = os.path.join(os.path.dirname(path), text)
                self._add_place(place, title, part, inside)
        if is_empty:
            self._refuse(path, "the playlist is empty; add a file to it")

    def _add_file_url(
        self, text: str, title: str, part: str, inside: tuple[tuple[int, int], ...]
    ) -> None:
        try:
            place = path_of(text)
        except SourceError as error:
            self._refuse(text, error.reason)
            return
        self._add_place(place, title, part, inside)

    def _add_place(
        self, place: str, title: str, part: str, inside: tuple[tuple[int, int], ...]
    ) -> None:
        """Add what a line of a playlist names, or the part of it that the line before tells of."""
        if not part:
            self._add(place, inside, Entry(place, title))
            return
        try:
            cut = Cut.of_line(part, place)
        except SourceError as error:
            self._refuse(place, error.reason)
            return
        self._add_entries([Entry(cut, title)])


def _in_utf8(raw: bytes) -> bytes:
    """Return a playlist of any bytes as it is, but one of UTF-16 with its mark in UTF-8."""
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return raw.decode("utf-16", "replace").encode("utf-8", "replace")
    return raw.removeprefix(codecs.BOM_UTF8)


def path_of(url: str) -> str:
    """Return the path that a ``file:`` URL means; raises SourceError where it is another machine's."""
    from urllib.parse import unquote_to_bytes, urlsplit

    try:
        parts = urlsplit(url, allow_fragments=False)
    except ValueError:
        raise SourceError(printable(url), "is no address; check it") from None
    if parts.netloc not in {"", "localhost"}:
        raise SourceError(printable(url), "is a file of another machine; give a path")
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    raw = unquote_to_bytes(path.encode("utf-8", "surrogateescape"))
    if b"\0" in raw:
        raise SourceError(printable(url), "is no path (a zero byte in it); check it")
    text = os.fsdecode(raw)
    return text[1:] if os.name == "nt" and re.match("/[a-zA-Z]:", text) else text


def _entries(folder: str) -> Iterator[os.DirEntry[str]]:
    """Yield a folder's entries; none where it is not ours to read, or gone meanwhile."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        yield from entries


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def natural(text: str) -> list[tuple[int, int, str]]:
    """Sort key that puts 2 before 10."""
    parts = re.split(r"(\d+)", text)
    return [(0, int(p), "") if p.isdecimal() else (1, 0, p.casefold()) for p in parts]
