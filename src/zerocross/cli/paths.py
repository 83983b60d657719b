"""From what people type to files: directories, playlists, names of any bytes.

What may be found is bounded: a playlist's size, how deep playlists and folders go, and how many
are looked at. Beyond a bound there is one line about it, and what was found so far stays.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from zerocross.errors import SourceError
from zerocross.files import printable, read_small

__all__ = ["AUDIO_SUFFIXES", "expand"]

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
_PLAYLISTS = frozenset({".m3u", ".m3u8"})
_MAX_DEPTH = 8
_MAX_FOLDERS_DEEP = 64
_MAX_FILES = 100_000
_MAX_LOOKED_AT = 1_000_000
_MAX_PLAYLISTS = 1000
_MAX_PROBLEMS = 100
_MAX_PLAYLIST_BYTES = 4 << 20
_MAX_LINE = 4096  # the longest path of Linux
_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]{0,20}://")


def expand(paths: Iterable[str]) -> tuple[list[str], list[SourceError]]:
    """Return the files that paths stand for, in order, and what could not be expanded.

    Parameters
    ----------
    paths : iterable of str
        Files (returned as they are), directories (all audio in them, by name, with
        numbers in order), playlists ``.m3u`` and ``.m3u8`` (entries relative to the
        playlist).

    Notes
    -----
    At most 100,000 files, from folders up to 64 deep and 1,000 playlists of up to 4 MiB, which may
    name each other up to 8 deep, but none that it is named by.

    """
    found = _Expansion()
    for path in paths:
        found.add(path)
    return found.files, found.problems


class _TooMuch(Exception):
    """A bound was reached: the one line about it is told."""


class _Expansion:
    """What was found so far, and how much was looked at for it."""

    def __init__(self) -> None:
        self.files: list[str] = []
        self.problems: list[SourceError] = []
        self._looked_at = 0
        self._playlists = 0

    def add(self, path: str) -> None:
        """Add what a path stands for, up to the bounds."""
        try:
            self._add(path, ())
        except _TooMuch as error:
            self.problems.append(SourceError(printable(path), str(error)))

    def _add(self, path: str, inside: tuple[tuple[int, int], ...]) -> None:
        """Add a path that stands in playlists, which are told by device and inode."""
        if os.path.isdir(path):
            self._add_folder(path)
        elif Path(path).suffix.lower() in _PLAYLISTS:
            self._add_playlist(path, inside)
        else:
            self._add_files([path])

    def _add_files(self, paths: list[str]) -> None:
        room = _MAX_FILES - len(self.files)
        self.files += paths[:room]
        if len(paths) > room:
            raise _TooMuch(f"more than {_MAX_FILES:,} files; give fewer at a time")

    def _refuse(self, name: str, reason: str) -> None:
        self.problems.append(SourceError(printable(name), reason))
        if len(self.problems) >= _MAX_PROBLEMS:
            raise _TooMuch(f"more than {_MAX_PROBLEMS} entries are refused; that is no playlist")

    def _add_folder(self, path: str) -> None:
        found, bound = self._audio_below(path)
        self._add_files(sorted(found, key=_natural))
        if bound:
            self._refuse(path, f"{bound} in it; give a part of it")
        elif not found:
            kinds = ", ".join(sorted(AUDIO_SUFFIXES))
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
                if self._looked_at > _MAX_LOOKED_AT:
                    return found, f"more than {_MAX_LOOKED_AT:,} names"
                if not _is_folder(entry):
                    if os.path.splitext(entry.name)[1].lower() in AUDIO_SUFFIXES:
                        found.append(entry.path)
                elif depth < _MAX_FOLDERS_DEEP:
                    waiting.append((entry.path, depth + 1))
                else:
                    bound = f"folders more than {_MAX_FOLDERS_DEEP} deep"
        return found, bound

    def _add_playlist(self, path: str, inside: tuple[tuple[int, int], ...]) -> None:
        try:
            raw = read_small(path, _MAX_PLAYLIST_BYTES, "playlist")
            status = os.stat(path)
        except SourceError as error:
            self._refuse(path, error.reason)
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
        self._add_entries(path, raw, (*inside, identity))

    def _add_entries(self, path: str, raw: bytes, inside: tuple[tuple[int, int], ...]) -> None:
        is_empty = True
        for line in raw.removeprefix(b"\xef\xbb\xbf").splitlines():
            entry = line.strip()
            if not entry or entry.startswith(b"#"):
                continue
            is_empty = False
            text = os.fsdecode(entry[:_MAX_LINE])
            if len(entry) > _MAX_LINE or b"\0" in entry:
                self._refuse(path, f"a line that is no path ({text[:40]!r}); take it out")
            elif _URL.match(text):
                self._refuse(text, "is a network address; download it and play the file")
            else:
                self._add(os.path.join(os.path.dirname(path), text), inside)
        if is_empty:
            self._refuse(path, "the playlist is empty; add a file to it")


def _entries(folder: str) -> Iterator[os.DirEntry[str]]:
    """Yield a folder's entries; none where it is not ours to read, or gone meanwhile."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        yield from entries


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def _natural(text: str) -> list[tuple[int, int, str]]:
    """Sort key that puts 2 before 10."""
    parts = re.split(r"(\d+)", text)
    return [(0, int(p), "") if p.isdecimal() else (1, 0, p.casefold()) for p in parts]
