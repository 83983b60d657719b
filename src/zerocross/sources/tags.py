"""The text tags of a file, whatever its kind has them in."""

from __future__ import annotations

import errno
import os
from typing import IO, Any

from zerocross.errors import SourceError
from zerocross.files import PathLike, open_regular

__all__ = ["read_tags"]

_MOST_BYTES = 16 << 20


def read_tags(path: PathLike) -> dict[str, str]:
    """Return a file's text tags by name in lower case; none where they cannot be read.

    Of tags of one name the first is taken.
    """
    import mutagen

    try:
        with open_regular(path) as opened:
            file = mutagen.File(_Bounded(opened, os.fsdecode(path)))
    except (mutagen.MutagenError, SourceError, OSError, ValueError):
        return {}
    found: dict[str, str] = {}
    for name, value in _items(file):
        found.setdefault(name.lower(), value)
    return found


class _Bounded:
    """A file of which no more is read than tags need: pictures in them are read, too."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        self.name = name  # by whose ending mutagen knows some kinds
        self._file = file
        self._left = _MOST_BYTES
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        """Return what is there, and raise where it is too much."""
        data = self._file.read(self._left + 1 if size < 0 else min(size, self._left + 1))
        self._left -= len(data)
        if self._left < 0:
            raise OSError(errno.EFBIG, "more than tags are")
        return data


def _items(file: Any) -> list[tuple[str, str]]:
    """Return a file's text tags, whatever its kind has them in."""
    if file is None or not file.tags:
        return []
    items: list[tuple[str, str]] = []
    for key, value in file.tags.items() if hasattr(file.tags, "items") else file.tags:
        name = str(key)
        if name.startswith("TXXX:"):  # ID3
            items.append((name[5:], str(value.text[0]) if value.text else ""))
        elif name.startswith("----:"):  # MP4
            raw = value[0]
            items.append((name.rpartition(":")[2], bytes(raw).decode("utf-8", "replace")))
        else:
            items.append((name, str(value[0] if isinstance(value, list) and value else value)))
    return items
