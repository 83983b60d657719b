"""How much is played: ``duration_s``, shared out among the tracks in the order they are posted.

Locks: none of its own; used where its `Feed` is.
"""

from __future__ import annotations

from zerocross.sources.file import OpenSource

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
        self._ends: dict[int, int] = {}

    def is_spent(self, sample_rate: int) -> bool:
        """Return whether less than half a frame is left."""
        return self._left_s is not None and self._left_s < 0.5 / sample_rate

    def end_of(self, index: int, source: OpenSource, start: int) -> int | None:
        """Return the frame of its file at which a track is cut, or None where it is not.

        A track's share is taken once: a seek in it does not change where it ends.
        """
        if self._left_s is None:
            return None
        if index not in self._ends:
            end = start + round(self._left_s * source.sample_rate)
            if source.frames is not None:
                end = min(end, source.frames)
            self._ends[index] = end
            self._left_s -= max(0, end - start) / source.sample_rate
        return self._ends[index]

    def make_room(self, index: int) -> None:
        """Count the tracks from an index on one further: another is put there."""
        self._ends = {k + (k >= index): end for k, end in self._ends.items()}
