"""A ring of audio frames with one writer and one reader.

Frames are interleaved float32: that is how files deliver them and devices take them, one
chunk is one contiguous piece of memory whatever the number of channels, and one pair of
indices serves all channels.

The indices count frames since the ring was made and never wrap, so ``write - read`` is the
fill and full is not confused with empty. Each side owns one index. What makes it correct
without a lock: if the reader sees that n frames are there, the writer cannot change that,
it can only add; if the writer sees that n frames are free, the reader can only free more.
An index is published with release order after the frames it covers were written (or read),
and the other side loads it with acquire order before it touches them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.compiler import (
    entry,
    float32_array,
    kernel,
    load_acquire,
    record_at,
    store_release,
)
from zerocross.errors import UsageError
from zerocross.memory import Record, aligned_zeros, layout

__all__ = [
    "RING",
    "Chunk",
    "Ring",
    "commit_read",
    "commit_write",
    "contiguous",
    "readable",
    "ring_pop",
    "ring_push",
    "writable",
]

RING = layout(
    setup=["capacity", "channels", "data"],
    writer=["write"],
    reader=["read"],
)


@kernel
def readable(ring: Any) -> Any:
    """Return how many frames the reader may take (reader only).

    The writer can only add to them.
    """
    return load_acquire(ring, "write") - ring.read


@kernel
def writable(ring: Any) -> Any:
    """Return how many frames the writer may add (writer only).

    The reader can only add to them.
    """
    return ring.capacity - (ring.write - load_acquire(ring, "read"))


@kernel
def contiguous(ring: Any, index: Any, frames: Any) -> Any:
    """Return the samples from a frame on, up to the end of the ring's memory.

    Parameters
    ----------
    ring : record
        Of dtype `RING`.
    index : int
        Frame index, as ``ring.read`` or ``ring.write``.
    frames : int
        At most this many frames.

    Returns
    -------
    array, shape (samples,)
        Interleaved float32 in place; ``samples // channels`` frames, which is fewer than
        asked for where the memory ends.

    """
    start = index % ring.capacity
    count = min(frames, ring.capacity - start)
    return float32_array(ring.data + 4 * ring.channels * start, count * ring.channels)


@kernel
def commit_write(ring: Any, frames: Any) -> None:
    """Publish frames that were written (writer only)."""
    store_release(ring, "write", ring.write + frames)


@kernel
def commit_read(ring: Any, frames: Any) -> None:
    """Give frames back that were read (reader only)."""
    store_release(ring, "read", ring.read + frames)


@entry("int64", "int64", "int64")
def ring_push(address: int, samples: int, frames: int) -> int:
    """Copy as many frames as fit into the ring; returns how many."""
    ring = record_at(address, RING)
    source = float32_array(samples, frames * ring.channels)
    total: int = min(frames, writable(ring))
    done = 0
    while done < total:
        chunk = contiguous(ring, ring.write + done, total - done)
        offset = done * ring.channels
        for i in range(chunk.size):
            chunk[i] = source[offset + i]
        done += chunk.size // ring.channels
    commit_write(ring, total)
    return total


@entry("int64", "int64", "int64")
def ring_pop(address: int, samples: int, frames: int) -> int:
    """Copy as many frames as are there out of the ring; returns how many."""
    ring = record_at(address, RING)
    target = float32_array(samples, frames * ring.channels)
    total: int = min(frames, readable(ring))
    done = 0
    while done < total:
        chunk = contiguous(ring, ring.read + done, total - done)
        offset = done * ring.channels
        for i in range(chunk.size):
            target[offset + i] = chunk[i]
        done += chunk.size // ring.channels
    commit_read(ring, total)
    return total


class Chunk:
    """A reservation in a ring: frames in place, to be filled or read, then committed.

    Attributes
    ----------
    frames : ndarray, shape (frames, channels), float32
        A view of the ring's own memory. May hold fewer frames than asked for: because the
        ring is short, or because its memory ends there.

    """

    def __init__(self, ring: Ring, index_field: str, frames: npt.NDArray[np.float32]) -> None:
        self._ring, self._field = ring, index_field
        self.frames = frames

    def __len__(self) -> int:
        return len(self.frames)

    def commit(self, frames: int | None = None) -> None:
        """Publish the first frames of the chunk (all by default); once for each chunk."""
        count = len(self.frames) if frames is None else frames
        if not 0 <= count <= len(self.frames):
            raise UsageError(f"cannot commit {count} frames of a chunk of {len(self.frames)}")
        record = self._ring.record
        record.store(self._field, int(record[self._field]) + count)
        self.frames = self.frames[:0]


class Ring:
    """A single-producer, single-consumer ring of frames.

    Parameters
    ----------
    capacity : int
        In frames; any number from 1.
    channels : int
        Samples in a frame, from 1.

    Notes
    -----
    One thread may write (`push`, `write_chunk`), one may read (`pop`, `read_chunk`); they
    may be the same. Nothing here waits. The methods are for the control world; compiled
    code works on ``record.address`` with the kernels of this module.

    """

    def __init__(self, capacity: int, channels: int = 2) -> None:
        if capacity < 1 or channels < 1:
            raise UsageError(
                f"a ring needs at least 1 frame and 1 channel, not {capacity} and {channels}"
            )
        self.capacity, self.channels = capacity, channels
        self._data = aligned_zeros((capacity, channels), np.float32)
        self.record = Record(RING)
        self.record["capacity"] = capacity
        self.record["channels"] = channels
        self.record["data"] = self._data.ctypes.data

    @property
    def readable(self) -> int:
        """Frames that can be read now."""
        return self.record.load("write") - int(self.record["read"])

    @property
    def writable(self) -> int:
        """Frames that can be written now."""
        return self.capacity - (int(self.record["write"]) - self.record.load("read"))

    def push(self, frames: npt.ArrayLike) -> int:
        """Write frames, shape (frames, channels); returns how many fitted."""
        data = np.ascontiguousarray(frames, np.float32).reshape(-1, self.channels)
        return ring_push(self.record.address, data.ctypes.data, len(data))

    def pop(self, frames: int) -> npt.NDArray[np.float32]:
        """Read at most this many frames, shape (frames, channels)."""
        out = np.empty((max(0, frames), self.channels), np.float32)
        return out[: ring_pop(self.record.address, out.ctypes.data, len(out))]

    def write_chunk(self, frames: int) -> Chunk:
        """Reserve at most this many frames for writing in place."""
        return self._chunk("write", min(frames, self.writable))

    def read_chunk(self, frames: int) -> Chunk:
        """Take at most this many frames for reading in place."""
        return self._chunk("read", min(frames, self.readable))

    def _chunk(self, field: str, frames: int) -> Chunk:
        start = int(self.record[field]) % self.capacity
        return Chunk(self, field, self._data[start : min(self.capacity, start + max(0, frames))])
