"""From what people type to files: directories, playlists, names of any bytes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from zerocross.errors import SourceError
from zerocross.sources.file import printable

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


def expand(paths: Iterable[str]) -> tuple[list[str], list[SourceError]]:
    """Return the files that paths stand for, in order, and what could not be expanded.

    Parameters
    ----------
    paths : iterable of str
        Files (returned as they are), directories (all audio in them, by name, with
        numbers in order), playlists ``.m3u`` and ``.m3u8`` (entries relative to the
        playlist).

    """
    files: list[str] = []
    problems: list[SourceError] = []
    for path in paths:
        _expand_one(path, files, problems, depth=0)
    return files, problems


def _expand_one(path: str, files: list[str], problems: list[SourceError], depth: int) -> None:
    if os.path.isdir(path):
        found = sorted(_audio_below(path), key=_natural)
        files += found
        if not found:
            kinds = ", ".join(sorted(AUDIO_SUFFIXES))
            problems.append(
                SourceError(printable(path), f"no audio in this directory ({kinds}); give another")
            )
    elif Path(path).suffix.lower() in _PLAYLISTS:
        _expand_playlist(path, files, problems, depth)
    else:
        files.append(path)


def _audio_below(path: str) -> Iterator[str]:
    for folder, _, names in os.walk(path):
        for name in names:
            if os.path.splitext(name)[1].lower() in AUDIO_SUFFIXES:
                yield os.path.join(folder, name)


def _natural(text: str) -> list[tuple[int, int, str]]:
    """Sort key that puts 2 before 10."""
    parts = re.split(r"(\d+)", text)
    return [(0, int(p), "") if p.isdecimal() else (1, 0, p.casefold()) for p in parts]


def _expand_playlist(path: str, files: list[str], problems: list[SourceError], depth: int) -> None:
    name = printable(path)
    if depth >= _MAX_DEPTH:
        problems.append(SourceError(name, "playlists in playlists, too deep; list the files"))
        return
    try:
        lines = Path(path).read_bytes().removeprefix(b"\xef\xbb\xbf").splitlines()
    except OSError as error:
        problems.append(SourceError(name, f"cannot be read ({error.strerror}); check the name"))
        return
    entries = [os.fsdecode(line.strip()) for line in lines]
    entries = [entry for entry in entries if entry and not entry.startswith("#")]
    if not entries:
        problems.append(SourceError(name, "the playlist is empty; add a file to it"))
    for entry in entries:
        if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]+://", entry):
            problems.append(
                SourceError(printable(entry), "is a network address; download it and play the file")
            )
        else:
            _expand_one(os.path.join(os.path.dirname(path), entry), files, problems, depth + 1)
