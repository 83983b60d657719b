"""ReplayGain 2.0: what a file's tags say, and the gain that follows, without clipping."""

from __future__ import annotations

import dataclasses
import math
import re

from zerocross.errors import UsageError
from zerocross.files import PathLike
from zerocross.sources.tags import read_tags
from zerocross.units import db_to_gain, shown

__all__ = ["MODES", "GainTags", "gain_for", "read_gain_tags"]

#: Which gain is applied.
MODES = ("off", "track", "album")
_LIMIT_DB = 60.0
# Opus has its own tags, in 256ths of a dB towards -23 LUFS instead of -18.
_OPUS_STEP, _OPUS_OFFSET_DB = 256.0, 5.0
_NUMBER = re.compile(r"\s*([-+]?)\s*((?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][-+]?\d+)?)")


@dataclasses.dataclass(frozen=True)
class GainTags:
    """A file's tags; None for what it does not say. Gains in dB, peaks as samples."""

    track_gain_db: float | None = None
    track_peak: float | None = None
    album_gain_db: float | None = None
    album_peak: float | None = None


def read_gain_tags(path: PathLike) -> GainTags:
    """Return the ReplayGain tags of a file; none where it has none, or they cannot be read."""
    found = read_tags(path)
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


def _number(text: str | None) -> float | None:
    match = _NUMBER.match(text or "")
    if not match:
        return None
    number = float("".join(match.groups()).replace(",", "."))
    return number if math.isfinite(number) else None


def gain_for(tags: GainTags, mode: str) -> float:
    """Return the factor for a mode: the tag's gain, but not so much that the peak would clip.

    Without the album's gain the track's is taken, and the other way round; so is a peak that one has
    and the other has not. Without any gain it is 1.

    Raises
    ------
    UsageError
        For another mode.

    """
    if not isinstance(mode, str) or mode not in MODES:
        raise UsageError(f"replaygain={shown(mode)}: give one of {', '.join(MODES)}")
    if mode == "off":
        return 1.0
    track = (tags.track_gain_db, tags.track_peak)
    album = (tags.album_gain_db, tags.album_peak)
    first, second = (album, track) if mode == "album" else (track, album)
    if first[0] is None:
        first, second = second, first
    gain_db, peak = first[0], first[1] or second[1]
    if gain_db is None:
        return 1.0
    factor = db_to_gain(gain_db)
    return min(factor, 1 / peak) if peak else factor
