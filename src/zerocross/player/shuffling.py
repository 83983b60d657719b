"""Random orders of tracks that are the same for the same seed."""

from __future__ import annotations

import itertools
import os
import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zerocross.player.queue import Track

__all__ = ["shuffled"]


def shuffled(
    tracks: list[Track], seed: int | None, by: str, first: Track | None = None
) -> list[Track]:
    """Return tracks in a random order, or by ``album``: then those of an album stay in order.

    A track that is to be first is, or its album. The order of the others does not depend on it.
    """
    rng = random.Random(seed)  # noqa: S311  nobody is to be surprised but listeners
    albums: dict[object, list[Track]] = {}
    for track in tracks:
        albums.setdefault(_album_of(track) if by == "album" else track, []).append(track)
    groups = list(albums.values())
    rng.shuffle(groups)
    if first:
        groups.sort(key=lambda group: first not in group)
    return list(itertools.chain.from_iterable(groups))


def _album_of(track: Track) -> tuple[str, ...]:
    """Return what tells a track's album: its tags where they were read already, else its folder."""
    if track.has_tags and track.tags.album:
        return track.tags.album_artist or track.tags.artist, track.tags.album
    location = track.location
    if isinstance(location, (str, bytes, os.PathLike)):
        return (os.path.dirname(os.fsdecode(location)),)
    return ("",)
