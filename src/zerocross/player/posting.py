"""What a stream was given to play: a source, which part of it, and what became of it."""

from __future__ import annotations

import dataclasses

from zerocross.engine.heard import Outcome
from zerocross.player.queue import Track
from zerocross.sources.location import FileObject
from zerocross.sources.source import OpenSource

__all__ = ["Posting", "loop_of"]


@dataclasses.dataclass
class Posting:
    """A source that the stream has: which track, which part, in which epoch.

    Attributes
    ----------
    serial : int
        Its number in the stream, from 1.
    track : Track
        Whose it is.
    source : OpenSource
        The open file; several postings share one after a seek.
    epoch : int
        The stream's when it was posted, or the one that keeps it.
    start_frame : int
        Of the file.
    outcome : Outcome or None
        What the decode thread said when it was done with it.
    is_next : bool
        Whether its track begins with it, after another one or once more.

    """

    serial: int
    track: Track
    source: OpenSource
    epoch: int
    start_frame: int
    outcome: Outcome | None = None
    is_next: bool = False

    @property
    def is_read_once(self) -> bool:
        """Whether it could not be opened again: a pipe."""
        location = self.track.location
        return isinstance(location, FileObject) and not location.is_seekable


def loop_of(track: Track, source: OpenSource, start: int) -> tuple[int, int] | None:
    """Return the frames of a source that a track goes on with again and again, from a start on."""
    if track.loop is None:
        return None
    ends = (round(seconds * source.sample_rate) for seconds in track.loop)
    first, end = (source.nearest(frame) for frame in ends)
    return (first, end) if max(first, start) < end else None
