"""Covers as files of their own: MPRIS tells of a picture by its address.

They are in the user's cache folder, named by what they contain; the few that were used last stay.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import weakref
from collections.abc import Callable
from pathlib import Path

from zerocross.errors import ZerocrossError
from zerocross.files import written_aside
from zerocross.player import Track
from zerocross.sources.tags import cover
from zerocross.system.background import BackgroundCall

__all__ = ["MOST_COVERS", "Covers"]

MOST_COVERS = 32
_SUFFIXES = {"image/jpeg": ".jpg"}


class Covers:
    """The covers of the tracks that are asked for, read and written on a thread that nobody waits for.

    Parameters
    ----------
    found : callable
        Called on that thread when there is something new to ask for.

    """

    def __init__(self, found: Callable[[], None]) -> None:
        self._found = found
        self._addresses: weakref.WeakKeyDictionary[Track, str] = weakref.WeakKeyDictionary()
        self._call: BackgroundCall[None] | None = None

    def address_of(self, track: Track) -> str:
        """Return the ``file://`` address of a track's cover; empty where it has none, or none yet."""
        known = self._addresses.get(track)
        if known is None and (self._call is None or self._call.is_done):
            self._call = BackgroundCall(lambda: self._look(track), "zerocross-cover", self._found)
        return known or ""

    def _look(self, track: Track) -> None:
        address = ""
        with contextlib.suppress(OSError, ZerocrossError):
            address = _written(track)
        self._addresses[track] = address


def _written(track: Track) -> str:
    """Return the address of a track's cover, written where it is not yet; empty where it has none."""
    at = track.location
    is_path = isinstance(at, (str, bytes, os.PathLike)) and "://" not in os.fsdecode(at)
    found = cover(at) if is_path else None  # type: ignore[arg-type]
    if found is None:
        return ""
    kind, data = found
    suffix = _SUFFIXES.get(kind, f".{kind.partition('/')[2]}")
    path = _folder() / (hashlib.sha256(data).hexdigest()[:32] + suffix)
    if path.exists():
        os.utime(path)
    else:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with written_aside(path) as part:
            Path(part).write_bytes(data)
        _forget_old(path.parent)
    return path.as_uri()


def _folder() -> Path:
    import platformdirs

    return Path(platformdirs.user_cache_dir("zerocross")) / "covers"


def _forget_old(folder: Path) -> None:
    """Remove those that were used longest ago."""
    with contextlib.suppress(OSError):  # another player does, too
        whole = [path for path in folder.iterdir() if not path.name.startswith(".")]
        whole.sort(key=lambda path: path.stat().st_mtime_ns)
        for path in whole[:-MOST_COVERS]:
            path.unlink()
