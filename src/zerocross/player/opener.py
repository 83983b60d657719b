"""Files that are opened ahead of their turn, on threads of their own: a disk may never answer.

Locks: none of its own; used where its `Feed` is.
"""

from __future__ import annotations

from collections.abc import Callable

from zerocross.errors import SourceError
from zerocross.files import PathLike
from zerocross.loudness.replaygain import gain_for, read_gain_tags
from zerocross.player.queue import Queue, Track
from zerocross.sources.file import OpenSource, open_source
from zerocross.system.background import BackgroundCall

__all__ = ["Opener", "open_with_gain"]


def open_with_gain(location: PathLike, replaygain: str) -> OpenSource:
    """Open a file with the gain that its tags say, for a mode of `replaygain.MODES`.

    Raises
    ------
    SourceError
        As `open_source`.

    """
    source = open_source(location)
    if replaygain != "off":
        source.gain = gain_for(read_gain_tags(location), replaygain)
    return source


class Opener:
    """Opens the tracks that come next.

    Parameters
    ----------
    replaygain : {"off", "track", "album"}
        Which of the files' gains is applied.
    ahead : int
        How many at a time.
    opened : callable
        Called on the thread of each that is open, or that failed.

    """

    def __init__(self, replaygain: str, ahead: int, opened: Callable[[], None]) -> None:
        self._replaygain, self._ahead, self._opened = replaygain, ahead, opened
        self._calls: dict[Track, BackgroundCall[OpenSource]] = {}

    def is_ready(self, queue: Queue, index: int) -> bool:
        """Begin to open a track and those after it; returns whether it can be taken."""
        tracks = [queue[i] for i in range(index, min(index + self._ahead, len(queue)))]
        for track in [t for t in self._calls if t not in tracks]:
            self._drop(self._calls.pop(track))
        for track in tracks:
            if track not in self._calls and track.status != "failed":
                self._calls[track] = self._begin(track)
        call = self._calls.get(tracks[0])
        return call is None or call.is_done

    def take(self, track: Track) -> OpenSource:
        """Return a track's open file; what was not begun is opened now.

        Raises
        ------
        SourceError
            If it cannot be played.

        """
        call = self._calls.pop(track, None)
        return call.result() if call else open_with_gain(track.location, self._replaygain)

    def close(self) -> None:
        """Close what was opened and not taken."""
        calls, self._calls = self._calls, {}
        for call in calls.values():
            self._drop(call)

    def _begin(self, track: Track) -> BackgroundCall[OpenSource]:
        return BackgroundCall(
            lambda: open_with_gain(track.location, self._replaygain), "zerocross-open", self._opened
        )

    def _drop(self, call: BackgroundCall[OpenSource]) -> None:
        if call.is_done:
            _close(call)
        else:
            BackgroundCall(lambda: _close(call), "zerocross-open")


def _close(call: BackgroundCall[OpenSource]) -> None:
    try:
        call.result().close()
    except SourceError:
        return
