"""The tags of what is heard, read while it plays: nobody waits for them.

Locks: `Titles._lock` guards the list of what is to be read; it is held for moments, and nothing is
called with it held.
"""

from __future__ import annotations

import collections
import threading
import time
from collections.abc import Callable

from zerocross.player.queue import Track
from zerocross.system.background import BackgroundCall

__all__ = ["Titles"]


class Titles:
    """Reads the tags of tracks, one after another, on a thread that is there while there are any.

    Parameters
    ----------
    tell : callable
        Called on that thread with each track, once its `Track.tags` take no time.
    after_s : float
        How long that thread lets others go first, before it imports what reads tags.

    """

    def __init__(self, tell: Callable[[Track], None], after_s: float = 0.0) -> None:
        self._tell, self._after_s = tell, after_s
        self._lock = threading.Lock()
        self._waiting: collections.deque[Track] = collections.deque()
        self._reading: BackgroundCall[None] | None = None
        self._is_reading = False

    def read(self, track: Track) -> None:
        """Have a track's tags read, and told, after those of the tracks before."""
        with self._lock:
            self._waiting.append(track)
            if self._is_reading:
                return
            self._is_reading = True
        self._reading = BackgroundCall(self._read_all, "zerocross-tags")

    def wait(self, patience_s: float) -> None:
        """Wait until all have been told, or for so many seconds."""
        if self._reading:
            self._reading.wait(patience_s)

    def _read_all(self) -> None:
        time.sleep(self._after_s)
        while (track := self._next()) is not None:
            _ = track.tags
            self._tell(track)

    def _next(self) -> Track | None:
        with self._lock:
            self._is_reading = bool(self._waiting)
            return self._waiting.popleft() if self._waiting else None
