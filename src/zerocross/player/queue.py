"""The queue: the tracks of a player, in order, and what became of each."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator

from zerocross.errors import UsageError
from zerocross.files import PathLike, printable
from zerocross.units import checked_whole, shown

__all__ = ["Queue", "Track", "check_paths"]


@dataclasses.dataclass(eq=False)
class Track:
    """A file in the queue.

    Attributes
    ----------
    location : path-like
        Where it is, as it was given.
    status : str
        ``waiting``, ``playing``, ``played`` (to its end), ``skipped`` (left early),
        ``truncated`` (the file ended early), ``failed``.
    frames : int
        Frames of the file that were played, since the last seek.
    error : str or None
        What was wrong, in words.
    duration_s : float or None
        Length in seconds, known once it was opened.

    """

    location: PathLike
    status: str = "waiting"
    frames: int = 0
    error: str | None = None
    duration_s: float | None = None

    @property
    def path(self) -> str:
        """The location as text fit for printing."""
        return printable(self.location)

    def as_report(self) -> dict[str, object]:
        """Return the track's entry in a report."""
        return {
            "path": self.path,
            "frames": self.frames,
            "status": self.status,
            "error": self.error,
        }


def check_paths(*paths: object) -> None:
    """Raise UsageError if something is no path: a text, bytes, or an object that stands for one."""
    for path in paths:
        if not isinstance(path, (str, bytes, os.PathLike)):
            raise UsageError(f"{shown(path)} is not a path; give each file by its name")


class Queue:
    """The tracks of a player. Tracks may be added while it plays.

    Parameters
    ----------
    changed : callable
        Called after a track was added.

    """

    def __init__(self, changed: Callable[[], None] = lambda: None) -> None:
        self._changed = changed
        self._tracks: list[Track] = []
        self._index = 0

    @property
    def index(self) -> int:
        """Of the current track: from 0 to the number of tracks, which means after the last."""
        return self._index

    @index.setter
    def index(self, value: int) -> None:
        self._index = checked_whole("index", value, 0, len(self._tracks))

    def __len__(self) -> int:
        return len(self._tracks)

    def __iter__(self) -> Iterator[Track]:
        return iter(list(self._tracks))

    def __getitem__(self, index: int) -> Track:
        return self._tracks[index]

    def append(self, path: PathLike) -> Track:
        """Add a file at the end; returns its track.

        Raises
        ------
        UsageError
            For what is no path.

        """
        check_paths(path)
        track = Track(path)
        self._tracks.append(track)
        self._changed()
        return track

    def insert(self, index: int, path: PathLike) -> Track:
        """Add a file before another one that comes after the current track; returns its track."""
        check_paths(path)
        track = Track(path)
        self._tracks.insert(index, track)
        self._changed()
        return track

    @property
    def current(self) -> Track | None:
        """The track that is heard, or would be."""
        return self._tracks[self.index] if self.index < len(self._tracks) else None
