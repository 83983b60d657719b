"""ReplayGain 2.0: what a file's tags say, and the gain that follows, without clipping."""

from __future__ import annotations

import dataclasses
import errno
import math
import os
import re
from typing import IO, Any

from zerocross.errors import SourceError, UsageError
from zerocross.files import open_regular
from zerocross.units import db_to_gain

__all__ = ["MODES", "GainTags", "gain_for", "read_gain_tags"]

#: Which gain is applied.
MODES = ("off", "track", "album")
_LIMIT_DB = 60.0
_MOST_BYTES = 16 << 20
# Opus has its own tags, in 256ths of a dB towards -23 LUFS instead of -18.
_OPUS_STEP, _OPUS_OFFSET_DB = 256.0, 5.0
_NUMBER = re.compile(r"^\s*([-+]?\d+(?:[.,]\d+)?)")


@dataclasses.dataclass(frozen=True)
class GainTags:
    """A file's tags; None for what it does not say. Gains in dB, peaks as samples."""

    track_gain_db: float | None = None
    track_peak: float | None = None
    album_gain_db: float | None = None
    album_peak: float | None = None


def read_gain_tags(path: str | bytes | os.PathLike[str]) -> GainTags:
    """Return the ReplayGain tags of a file; none where it has none, or they cannot be read."""
    import mutagen

    try:
        with open_regular(path) as opened:
            file = mutagen.File(_Bounded(opened, os.fsdecode(path)))
    except (mutagen.MutagenError, SourceError, OSError, ValueError):
        return GainTags()
    found: dict[str, str] = {}
    for name, value in _items(file):
        found.setdefault(name.lower(), value)
    gains = {}
    for kind in ("track", "album"):
        gain = _number(found.get(f"replaygain_{kind}_gain"))
        if gain is None:
            steps = _number(found.get(f"r128_{kind}_gain"))
            gain = None if steps is None else steps / _OPUS_STEP + _OPUS_OFFSET_DB
        peak = _number(found.get(f"replaygain_{kind}_peak"))
        gains[f"{kind}_gain_db"] = gain if gain is not None and abs(gain) <= _LIMIT_DB else None
        gains[f"{kind}_peak"] = peak if peak is not None and peak > 0 else None
    return GainTags(**gains)


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


def _number(text: str | None) -> float | None:
    match = _NUMBER.match(text or "")
    if not match:
        return None
    number = float(match.group(1).replace(",", "."))
    return number if math.isfinite(number) else None


def gain_for(tags: GainTags, mode: str) -> float:
    """Return the factor for a mode: the tag's gain, but not so much that the peak would clip.

    Without the album's tags the track's are taken, and the other way round; without any it is 1.

    Raises
    ------
    UsageError
        For another mode.

    """
    if mode not in MODES:
        raise UsageError(f"replaygain={mode!r}: give one of {', '.join(MODES)}")
    if mode == "off":
        return 1.0
    track = (tags.track_gain_db, tags.track_peak)
    album = (tags.album_gain_db, tags.album_peak)
    first, second = (album, track) if mode == "album" else (track, album)
    gain_db, peak = first if first[0] is not None else second
    if gain_db is None:
        return 1.0
    factor = db_to_gain(gain_db)
    return min(factor, 1 / peak) if peak else factor
