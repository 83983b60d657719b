"""A tap: the last frames of a stream, for anyone who wants to look, at no cost to the writer.

One thread writes planar frames over the oldest ones and waits for nobody. Readers take a
*window*, a contiguous view of the tap's own memory however it lies (the memory is mirrored),
use it, and then ask whether it is still what it was: the writer says before it writes how far
it will go, so a reader that was lapped knows. Windows may overlap at will; nothing is copied. Where memory cannot be mirrored,
the writer writes everything twice instead.

    writer: begin = write + n; fence; copy n frames; write += n (release)
    reader: end = write (acquire); read the frames before it; fence; lapped if begin > start + frames
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.compiler import (
    entry,
    fence_acquire,
    fence_release,
    float32_array,
    float32_rows,
    int64_array,
    kernel,
    load_acquire,
    record_at,
    store_release,
)
from zerocross.errors import UsageError
from zerocross.memory import MirroredBuffer, Record, aligned_zeros, layout
from zerocross.memory.copy import copy_samples

__all__ = [
    "TAP",
    "Tap",
    "TapWindow",
    "tap_is_intact",
    "tap_push",
    "tap_window",
    "tap_write",
]

TAP = layout(
    setup=["channels", "frames", "rows", "is_mirrored"],
    writer=["begin", "write"],
)


@kernel
def _row_from(tap: Any, channel: Any, at: Any, frames: Any) -> Any:
    return float32_array(int64_array(tap.rows, tap.channels)[channel] + 4 * at, frames)


@kernel
def tap_write(tap: Any, rows: Any, frames: Any) -> None:
    """Write planar frames, shape (channels, at least frames); the writer's thread only.

    Real-time: safe; never waits. More frames than the tap holds: the last of them count.
    """
    skipped = max(0, frames - tap.frames)
    count = frames - skipped
    before = tap.write
    store_release(tap, "begin", before + frames)
    fence_release()
    at = (before + skipped) % tap.frames
    for c in range(tap.channels):
        if tap.is_mirrored:
            copy_samples(_row_from(tap, c, at, count), rows[c][skipped:], count)
        else:
            both = _row_from(tap, c, 0, 2 * tap.frames)
            for i in range(count):
                place = (at + i) % tap.frames
                both[place] = both[place + tap.frames] = rows[c, skipped + i]
    store_release(tap, "write", before + frames)


@kernel
def tap_window(tap: Any, channel: Any, start: Any, frames: Any) -> Any:
    """Return frames of a channel from stream frame ``start`` on, in place. Real-time: safe.

    Check with `tap_is_intact` after they were used.
    """
    return _row_from(tap, channel, start % tap.frames, frames)


@kernel
def tap_is_intact(tap: Any, start: Any) -> Any:
    """Return whether nothing from frame ``start`` on was overwritten so far. Real-time: safe."""
    fence_acquire()
    return load_acquire(tap, "begin") - start <= tap.frames


@entry("int64", "int64", "int64", "int64")
def tap_push(address: int, rows: int, row_frames: int, frames: int) -> int:
    """Write planar rows that lie at an address, ``row_frames`` apart."""
    tap = record_at(address, TAP)
    tap_write(tap, float32_rows(rows, tap.channels, row_frames), frames)
    return frames


@entry("int64")
def tap_begin(address: int) -> int:
    """Return how far the writer has gone or is about to go, after all reads before."""
    fence_acquire()
    begin: int = load_acquire(record_at(address, TAP), "begin")
    return begin


class TapWindow:
    """The frames of a tap at a moment, in place.

    Attributes
    ----------
    start : int
        Stream frame of the first one.
    rows : tuple of ndarray, shape (frames,), float32
        One for each channel: read-only views of the tap's own memory.

    """

    def __init__(self, tap: Tap, start: int, rows: tuple[npt.NDArray[np.float32], ...]) -> None:
        self._tap, self.start, self.rows = tap, start, rows

    @property
    def is_intact(self) -> bool:
        """Whether nothing of it was overwritten so far; ask after using it."""
        return tap_begin(self._tap.record.address) - self.start <= self._tap.frames


class Tap:
    """The last frames of a stream.

    Parameters
    ----------
    frames : int
        That are kept, at least; rounded up to whole pages.
    channels : int
        Rows.
    mirrored : bool
        False for plain memory, in which windows across the end are copies.

    Attributes
    ----------
    frames : int
        That are kept, as rounded.
    record : Record
        A `TAP`, for compiled code.

    Notes
    -----
    One thread writes; any number may read. `read` copies, and is never torn; `window` does
    not copy, and has to be asked whether it was torn.

    """

    def __init__(self, frames: int, channels: int = 2, *, mirrored: bool = True) -> None:
        if frames < 1 or channels < 1:
            raise UsageError(f"a tap of {channels} x {frames}: give at least 1 channel and frame")
        memory = [MirroredBuffer(4 * frames, 4, mirrored=mirrored) for _ in range(channels)]
        self.is_mirrored = all(row.is_mirrored for row in memory)
        self.frames, self.channels = memory[0].size // 4, channels
        self._memory: list[Any] = memory
        self._rows = [row.all_bytes().view(np.float32) for row in memory]
        if not self.is_mirrored:
            self._memory = self._rows = [aligned_zeros(2 * self.frames) for _ in range(channels)]
        self._addresses = np.array([row.ctypes.data for row in self._rows], np.int64)
        for row in self._rows:
            row.flags.writeable = False
        self.record = Record(TAP)
        self.record["channels"], self.record["frames"] = channels, self.frames
        self.record["rows"] = self._addresses.ctypes.data
        self.record["is_mirrored"] = int(self.is_mirrored)

    @property
    def regions(self) -> list[tuple[int, int]]:
        """Address and size of each row's memory, in bytes."""
        return [(int(address), 4 * self.frames) for address in self._addresses]

    @property
    def written(self) -> int:
        """Frames written since the tap was made."""
        return self.record.load("write")

    def push(self, rows: npt.ArrayLike) -> None:
        """Write planar frames, shape (channels, frames); one thread only."""
        data = np.ascontiguousarray(np.atleast_2d(np.asarray(rows, np.float32)))
        if data.shape[0] != self.channels:
            raise UsageError(f"{data.shape[0]} channels pushed to a tap of {self.channels}")
        tap_push(self.record.address, data.ctypes.data, data.shape[1], data.shape[1])

    def window(self, frames: int, end: int | None = None) -> TapWindow:
        """Return the last frames, or those before stream frame ``end``, without a copy.

        Raises
        ------
        UsageError
            For frames that the tap does not keep, has not seen yet, or has lost already.

        """
        written = self.written
        end = written if end is None else end
        start = end - frames
        if not (0 <= frames <= self.frames and start >= 0 and end <= written):
            raise UsageError(
                f"frames {start} to {end} of a tap that keeps {self.frames} and has seen {written}"
            )
        at = start % self.frames
        return TapWindow(self, start, tuple(row[at : at + frames] for row in self._rows))

    def read(self, frames: int, end: int | None = None) -> npt.NDArray[np.float32]:
        """Return a copy of the last frames, shape (channels, frames), never torn.

        What was not written yet is 0.

        Raises
        ------
        UsageError
            For more frames than the tap keeps, or if the writer laps it a hundred times: then
            the tap is too short.

        """
        for _ in range(100):
            there = min(frames, self.written if end is None else end)
            window = self.window(there, end)
            out = np.zeros((self.channels, frames), np.float32)
            for c, row in enumerate(window.rows):
                out[c, frames - there :] = row
            if window.is_intact:
                return out
        raise UsageError(f"the tap of {self.frames} frames is too short to read {frames}")
