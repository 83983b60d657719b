"""Files that are opened ahead of their turn, on threads of their own: a disk may never answer.

Locks: none of its own; used where its `Feed` is.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from zerocross.errors import SourceError
from zerocross.loudness.replaygain import gain_for, read_gain_tags
from zerocross.player.queue import Track
from zerocross.sources.location import Location
from zerocross.sources.opening import open_source
from zerocross.sources.source import OpenSource
from zerocross.system.background import BackgroundCall, Interruption

__all__ = ["Opener", "gain_of", "open_with_gain"]


def open_with_gain(location: Location, replaygain: str) -> OpenSource:
    """Open a source with the gain that its tags say, for a mode of `replaygain.MODES`.

    Raises
    ------
    SourceError
        As `open_source`.

    """
    source = open_source(location)
    source.gain = gain_of(location, replaygain)
    return source


def gain_of(location: Location, replaygain: str) -> float:
    """Return the gain that the tags of a file say, as a factor; 1 for what is no file, or has none."""
    if replaygain == "off" or not isinstance(location, (str, bytes, os.PathLike)):
        return 1.0
    return gain_for(read_gain_tags(location), replaygain)


class Opener:
    """Opens the tracks that come next.

    Parameters
    ----------
    replaygain : {"off", "track", "album"}
        Which of the files' gains is applied; set by `use_gain`.
    opened : callable
        Called on the thread of each that is open, or that failed.

    """

    def __init__(self, replaygain: str, opened: Callable[[], None]) -> None:
        self.replaygain, self._opened = replaygain, opened
        self._calls: dict[Track, tuple[BackgroundCall[OpenSource], Interruption]] = {}

    def use_gain(self, replaygain: str) -> None:
        """Apply another of the files' gains to what is opened from here on."""
        self.close()
        self.replaygain = replaygain

    def is_ready(self, tracks: list[Track]) -> bool:
        """Begin to open the tracks that come next; returns whether the first can be taken."""
        for track in [t for t in self._calls if t not in tracks]:
            self._drop(*self._calls.pop(track))
        for track in tracks:
            if track not in self._calls and track.status != "failed":
                self._calls[track] = self._begin(track)
        begun = self._calls.get(tracks[0])
        return begun is None or begun[0].is_done

    def take(self, track: Track, interruption: Interruption | None = None) -> OpenSource:
        """Return a track's open file; what was not begun is opened now, and may be interrupted.

        Raises
        ------
        SourceError
            If it cannot be played.

        """
        interruption = interruption or Interruption()
        begun = self._calls.pop(track, None)
        with interruption:
            if begun is None:
                return open_with_gain(track.location, self.replaygain)
            call, ahead = begun
            interruption.add(ahead.interrupt)
            return call.result()

    def close(self) -> None:
        """Close what was opened and not taken."""
        calls, self._calls = self._calls, {}
        for begun in calls.values():
            self._drop(*begun)

    def _begin(self, track: Track) -> tuple[BackgroundCall[OpenSource], Interruption]:
        replaygain, interruption = self.replaygain, Interruption()

        def open_it() -> OpenSource:
            with interruption:
                return open_with_gain(track.location, replaygain)

        return BackgroundCall(open_it, "zerocross-open", self._opened), interruption

    def _drop(self, call: BackgroundCall[OpenSource], interruption: Interruption) -> None:
        interruption.interrupt()
        if call.is_done:
            _close(call)
        else:
            BackgroundCall(lambda: _close(call), "zerocross-open")


def _close(call: BackgroundCall[OpenSource]) -> None:
    try:
        call.result().close()
    except SourceError:
        return
