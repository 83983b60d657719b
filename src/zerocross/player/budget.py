"""How much is played: ``duration_s``, shared out among the tracks in the order they are posted.

Locks: none of its own; used where its `Feed` is.
"""

from __future__ import annotations

from collections.abc import Hashable

from zerocross.sources.source import OpenSource

__all__ = ["Budget"]


class Budget:
    """How much audio may still be posted, and where that cuts each track.

    Parameters
    ----------
    duration_s : float or None
        Seconds over all tracks; None for no limit.

    """

    def __init__(self, duration_s: float | None = None) -> None:
        self._left_s = duration_s
        self._ends: dict[Hashable, tuple[int, float]] = {}
        self._heard: set[Hashable] = set()

    def is_spent(self, sample_rate: int) -> bool:
        """Return whether less than half a frame is left."""
        return self._left_s is not None and self._left_s < 0.5 / sample_rate

    def end_of(self, track: Hashable, source: OpenSource, start: int) -> int | None:
        """Return the frame of its file at which a track is cut, or None where it is not.

        A track's share is taken once: a seek in it does not change where it ends.
        """
        if self._left_s is None:
            return None
        if track not in self._ends:
            end = start + round(self._left_s * source.sample_rate)
            if source.frames is not None:
                end = min(end, source.frames)
            share_s = max(0, end - start) / source.sample_rate
            self._ends[track] = end, share_s
            self._left_s -= share_s
        return self._ends[track][0]

    def hear(self, track: Hashable) -> None:
        """Take note that a track is heard: its share is spent."""
        if self._left_s is not None:
            self._heard.add(track)

    def begin_again(self, track: Hashable) -> None:
        """Let a track take another share, as it is played another time."""
        self._heard.discard(track)
        self._ends.pop(track, None)

    def was_heard(self, track: Hashable) -> bool:
        """Return whether a track was heard since its share was taken."""
        return track in self._heard

    def give_back(self, track: Hashable) -> None:
        """Take the share of a track back that will not be heard as it was posted."""
        if self._left_s is not None and track not in self._heard and track in self._ends:
            self._left_s += self._ends.pop(track)[1]
