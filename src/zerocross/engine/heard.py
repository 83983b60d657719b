"""Where a stream of files is: what the listener hears, and what became of its sources."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.engine import decode
from zerocross.engine.layouts import MARK_END, MARKS
from zerocross.sources.file import sndfile_error

__all__ = ["Heard", "Outcome", "heard_at"]


@dataclasses.dataclass(frozen=True)
class Heard:
    """What the listener hears at a moment.

    Attributes
    ----------
    serial : int
        Of the source; 0 before the first.
    file_frame : int
        Of the source's file.
    epoch : int
        The epoch that is playing.
    ended : bool
        Whether the last frame of the last source has been heard.
    marks : int
        Pieces begun and ends reached so far: an end that is news has more than the one before.
    is_to_come : bool
        Whether a piece or the end is on its way to the ear.

    """

    serial: int
    file_frame: int
    epoch: int
    ended: bool
    marks: int = 0
    is_to_come: bool = False


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of a posted source; ``error`` is 0, a `decode` or a libsndfile number."""

    serial: int
    frames: int
    error: int
    nonfinite: int

    @property
    def words(self) -> str:
        """What went wrong and what to do, for people."""
        if self.error == decode.ERROR_SHORT:
            return f"the file ends early, after {self.frames} frames; copy it again"
        if self.error == decode.ERROR_SEEK:
            return "the file cannot be positioned; play it from the start, or convert it"
        if self.error == decode.ERROR_WINDOW:
            return "it cannot be decoded further"
        return f"damaged audio data ({sndfile_error(self.error)}); copy it again"


def heard_at(
    position: dict[str, int], marks: npt.NDArray[np.void], latency_frames: int, sample_rate: int
) -> Heard:
    """Return what is heard: what was read from the ring, less the latency after it.

    Parameters
    ----------
    position : dict
        A snapshot of the transport: `POSITION_FIELDS`.
    marks : ndarray of MARK
        The table that the decode thread writes.
    latency_frames : int
        Between the ring and the ear.
    sample_rate : int
        Of the stream, in Hz.

    """
    epoch, taken = position["epoch"], position["marks_taken"]
    ended = bool(position["ended"]) and position["silent_frames"] >= latency_frames
    lag = _music_within(position, latency_frames)
    ring_frame = max(position["ring_frame"] - lag, position["epoch_start"])
    newest = marks[(taken - 1) % MARKS]
    is_to_come = bool(position["ended"]) and not ended
    if taken > 0 and newest["epoch"] == epoch:
        is_to_come |= bool(newest["ring_frame"] > ring_frame)
    mark = _mark_before(marks, ring_frame, taken, position["epoch_start"])
    if mark is None:
        return Heard(0, 0, epoch, ended, taken, is_to_come)
    past = (ring_frame - int(mark["ring_frame"])) * int(mark["source_rate"]) // sample_rate
    frame = int(mark["file_frame"]) + past
    return Heard(int(mark["serial"]), frame, epoch, ended, taken, is_to_come)


def _music_within(position: dict[str, int], frames: int) -> int:
    """Return how many of the last frames that went to the device were no silence.

    After a pause the device first plays the silence of it: the position stays until then.
    """
    if position["silent_frames"] > 0:
        return max(0, frames - position["silent_frames"])
    since = min(frames, position["sounded_frames"])
    return since + max(0, frames - since - position["silence_before"])


def _mark_before(marks: npt.NDArray[np.void], ring_frame: int, taken: int, epoch_start: int) -> Any:
    """Return the newest mark at or before a frame among those that were taken.

    The decode thread leaves half of the table to look back on.
    """
    for index in range(taken - 1, max(-1, taken - MARKS // 2), -1):
        mark = marks[index % MARKS]
        if mark["ring_frame"] < epoch_start:
            return None
        if mark["ring_frame"] <= ring_frame and not mark["flags"] & MARK_END:
            return mark.copy()
    return None
