"""A ring of audio frames with one writer and one reader.

Frames are interleaved float32: that is how files deliver them and devices take them, one
chunk is one contiguous piece of memory whatever the number of channels, and one pair of
indices serves all channels.

The indices count frames since the ring was made and never wrap, so ``write - read`` is the
fill and full is not confused with empty. Each side owns one index. What makes it correct
without a lock: if the reader sees that n frames are there, the writer cannot change that,
it can only add; if the writer sees that n frames are free, the reader can only free more.
An index is published with release order after the frames it covers were written (or read),
and the other side loads it with acquire order before it touches them. Each side keeps what it
last saw of the other's index and looks again only when that is not enough: the line with the
index then stays with its owner.

The memory is mirrored (`memory.mirror`) where the system allows: a chunk is one piece of memory
wherever it lies, and a push or a pop is one copy.
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
from zerocross.memory import MirroredBuffer, Record, layout
from zerocross.memory.copy import copy_samples

__all__ = [
    "RING",
    "Chunk",
    "Ring",
    "commit_read",
    "commit_write",
    "contiguous",
    "pop_frames",
    "push_frames",
    "readable",
    "readable_of",
    "ring_pop",
    "ring_push",
    "writable",
    "writable_of",
]

RING = layout(
    # `frames` are in the memory, a chunk ends at frame `span` at the latest.
    setup=["capacity", "channels", "data", "frames", "span"],
    writer=["write", "read_seen"],
    reader=["read", "write_seen"],
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
def readable_of(ring: Any, frames: Any) -> Any:
    """Return how many of so many frames the reader may take (reader only)."""
    there = ring.write_seen - ring.read
    if there < frames:
        ring.write_seen = load_acquire(ring, "write")
        there = ring.write_seen - ring.read
    return min(there, frames)


@kernel
def writable_of(ring: Any, frames: Any) -> Any:
    """Return how many of so many frames the writer may add (writer only)."""
    free = ring.capacity - (ring.write - ring.read_seen)
    if free < frames:
        ring.read_seen = load_acquire(ring, "read")
        free = ring.capacity - (ring.write - ring.read_seen)
    return min(free, frames)


@kernel
def contiguous(ring: Any, index: Any, frames: Any) -> Any:
    """Return the samples from a frame on: all that are asked for in mirrored memory.

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
        asked for where plain memory ends.

    """
    start = index % ring.frames
    count = min(frames, ring.span - start)
    return float32_array(ring.data + 4 * ring.channels * start, count * ring.channels)


@kernel
def commit_write(ring: Any, frames: Any) -> None:
    """Publish frames that were written (writer only)."""
    store_release(ring, "write", ring.write + frames)


@kernel
def commit_read(ring: Any, frames: Any) -> None:
    """Give frames back that were read (reader only)."""
    store_release(ring, "read", ring.read + frames)


@kernel
def push_frames(ring: Any, source: Any, frames: Any) -> Any:
    """Copy as many interleaved frames as fit into the ring (writer only); returns how many.

    Real-time: safe.
    """
    total = writable_of(ring, frames)
    done = 0
    while done < total:
        chunk = contiguous(ring, ring.write + done, total - done)
        offset = done * ring.channels
        copy_samples(chunk, source[offset:], chunk.size)
        done += chunk.size // ring.channels
    commit_write(ring, total)
    return total


@kernel
def pop_frames(ring: Any, target: Any, frames: Any) -> Any:
    """Copy as many interleaved frames as are there out of the ring (reader only).

    Returns how many. Real-time: safe.
    """
    total = readable_of(ring, frames)
    done = 0
    while done < total:
        chunk = contiguous(ring, ring.read + done, total - done)
        offset = done * ring.channels
        copy_samples(target[offset:], chunk, chunk.size)
        done += chunk.size // ring.channels
    commit_read(ring, total)
    return total


@entry("int64", "int64", "int64")
def ring_push(address: int, samples: int, frames: int) -> int:
    """`push_frames` from an address."""
    ring = record_at(address, RING)
    done: int = push_frames(ring, float32_array(samples, frames * ring.channels), frames)
    return done


@entry("int64", "int64", "int64")
def ring_pop(address: int, samples: int, frames: int) -> int:
    """`pop_frames` to an address."""
    ring = record_at(address, RING)
    done: int = pop_frames(ring, float32_array(samples, frames * ring.channels), frames)
    return done


class Chunk:
    """A reservation in a ring: frames in place, to be filled or read, then committed.

    Attributes
    ----------
    frames : ndarray, shape (frames, channels), float32
        A view of the ring's own memory. May hold fewer frames than asked for: because the
        ring is short, or because plain memory ends there.

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
    mirrored : bool
        False for plain memory, as where the system refuses mirrored memory.

    Attributes
    ----------
    is_mirrored : bool
        Whether chunks are whole wherever they lie.

    Notes
    -----
    One thread may write (`push`, `write_chunk`), one may read (`pop`, `read_chunk`); they
    may be the same. Nothing here waits. The methods are for the control thread; compiled
    code works on ``record.address`` with the kernels of this module.

    """

    def __init__(self, capacity: int, channels: int = 2, *, mirrored: bool = True) -> None:
        if capacity < 1 or channels < 1:
            raise UsageError(
                f"a ring needs at least 1 frame and 1 channel, not {capacity} and {channels}"
            )
        self.capacity, self.channels = capacity, channels
        self._memory = MirroredBuffer(4 * channels * capacity, 4 * channels, mirrored=mirrored)
        self.is_mirrored = self._memory.is_mirrored
        frames = self._memory.size // (4 * channels)
        self.record = Record(RING)
        self.record["capacity"] = capacity
        self.record["channels"] = channels
        self.record["data"] = self._memory.address
        self.record["frames"] = frames
        self.record["span"] = 2 * frames if self.is_mirrored else frames

    @property
    def region(self) -> tuple[int, int]:
        """Address and size of the samples' memory, in bytes."""
        return self._memory.address, self._memory.size

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
        start = int(self.record[field]) % int(self.record["frames"])
        count = min(max(0, frames), int(self.record["span"]) - start)
        samples = self._memory.window(start * self.channels, count * self.channels, np.float32)
        return Chunk(self, field, samples.reshape(count, self.channels))
