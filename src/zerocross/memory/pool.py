"""A pool of fixed buffers that any thread takes from and gives back to without a lock.

Sixteen buffers share a word: a bit for each that is free, and above the bits a tag that counts
the takes. A take clears the lowest bit and raises the tag in one compare-and-exchange, so a
word that looks the same but is not (the ABA problem) is told apart; a release sets the bit in
one step, and sees from what was there before whether it was set already. Low buffers are used
first and stay warm.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from zerocross.closing import Closes
from zerocross.compiler import (
    compare_exchange,
    entry,
    fetch_add,
    fetch_or,
    float32_rows,
    kernel,
    load_acquire,
    record_at,
)
from zerocross.errors import PoolEmpty, UsageError
from zerocross.memory.aligned import AlignedBuffer
from zerocross.memory.record import Record, layout

__all__ = [
    "DEFAULT_BUFFERS",
    "DEFAULT_FRAMES",
    "DOUBLE_RELEASE",
    "FOREIGN_RELEASE",
    "POOL",
    "BufferPool",
    "PoolStats",
    "PooledBuffer",
    "pool_acquire",
    "pool_buffer",
    "pool_release",
]

DEFAULT_FRAMES = 1024
#: Buffers in a pool; a browser has less memory to give.
DEFAULT_BUFFERS = {"native": 16, "browser": 4}

_MOST = 4096

#: Statuses of `pool_release`.
DOUBLE_RELEASE, FOREIGN_RELEASE = 1, 2

POOL = layout(
    setup=["count", "channels", "frames", "row_frames", "data", "buffer_bytes", "words", "groups"],
    rarely=["misses", "high_water", "refused"],
)
#: The state of sixteen buffers: tag (48 bits) and free ones (16); and which were ever used.
_WORD = layout(any=["state"], rarely=["used"])
_WORD_SIZE = _WORD.itemsize
_GROUP = 16
_FREE = (1 << _GROUP) - 1
_TAG = 1 << _GROUP


@kernel
def _word(pool: Any, group: Any) -> Any:
    return record_at(pool.words + group * _WORD_SIZE, _WORD)


@kernel
def _bits(mask: Any) -> Any:
    """Return how many of sixteen bits are set."""
    n = (mask & 0x5555) + ((mask >> 1) & 0x5555)
    n = (n & 0x3333) + ((n >> 2) & 0x3333)
    n = (n & 0x0F0F) + ((n >> 4) & 0x0F0F)
    return (n & 0xFF) + (n >> 8)


@kernel
def _note_high_water(pool: Any, free_here: Any) -> None:
    """Keep the most buffers that were seen to be out."""
    free = free_here
    for group in range(1, pool.groups):
        free += _bits(load_acquire(_word(pool, group), "state") & _FREE)
    out = pool.count - free
    highest = load_acquire(pool, "high_water")
    while out > highest:
        if compare_exchange(pool, "high_water", highest, out):
            return
        highest = load_acquire(pool, "high_water")


@kernel
def pool_acquire(pool: Any) -> Any:
    """Take a buffer; returns its index, or -1 (and counts a miss) if there is none.

    Real-time: safe, lock-free, on any thread.
    """
    for group in range(pool.groups):
        word = _word(pool, group)
        state = load_acquire(word, "state")
        while state & _FREE:
            bit = state & -state
            if compare_exchange(word, "state", state, state - bit + _TAG):
                if word.used & bit == 0:
                    fetch_or(word, "used", bit)
                first = state - bit if group == 0 else load_acquire(_word(pool, 0), "state")
                _note_high_water(pool, _bits(first & _FREE))
                return _GROUP * group + _bits(bit - 1)
            state = load_acquire(word, "state")
    fetch_add(pool, "misses", 1)
    return -1


@kernel
def pool_release(pool: Any, index: Any) -> Any:
    """Give a buffer back; returns 0, `DOUBLE_RELEASE` or `FOREIGN_RELEASE`.

    Real-time: safe, wait-free, on any thread. What is refused is counted and changes nothing.
    """
    if not 0 <= index < pool.count:
        fetch_add(pool, "refused", 1)
        return FOREIGN_RELEASE
    bit = 1 << (index & (_GROUP - 1))
    if fetch_or(_word(pool, index >> 4), "state", bit) & bit:
        fetch_add(pool, "refused", 1)
        return DOUBLE_RELEASE
    return 0


@kernel
def pool_buffer(pool: Any, index: Any) -> Any:
    """Return a buffer's rows, shape (channels, row_frames): rows are padded to 64 bytes."""
    return float32_rows(pool.data + index * pool.buffer_bytes, pool.channels, pool.row_frames)


@entry("int64")
def pool_take(address: int) -> int:
    """`pool_acquire` for the control thread and for threads that have the address."""
    index: int = pool_acquire(record_at(address, POOL))
    return index


@entry("int64", "int64")
def pool_give(address: int, index: int) -> int:
    """`pool_release` for the control thread and for threads that have the address."""
    status: int = pool_release(record_at(address, POOL), index)
    return status


@dataclasses.dataclass(frozen=True)
class PoolStats:
    """What a pool counted; ``str()`` gives one line.

    Attributes
    ----------
    available, in_use : int
        Buffers now.
    allocations_saved : int
        Takes that the pool served.
    cache_hits : int
        Of these, buffers that had been used before, whose memory is warm.
    misses : int
        Takes that found the pool empty.
    high_water : int
        Most buffers that were out at a time.

    """

    available: int
    in_use: int
    allocations_saved: int
    cache_hits: int
    misses: int
    high_water: int

    def __str__(self) -> str:
        return (
            f"{self.available} buffers available, {self.in_use} in use (at most "
            f"{self.high_water}), {self.allocations_saved} allocations saved, "
            f"{self.cache_hits} cache hits, {self.misses} misses"
        )


class PooledBuffer(Closes):
    """A buffer that was taken from a pool; ``with`` or `release` gives it back.

    Attributes
    ----------
    array : ndarray, shape (channels, frames), float32
        Not cleared.
    index : int
        Its number in the pool; -1 for one that was made because the pool was empty.

    """

    def __init__(self, pool: BufferPool, index: int, array: npt.NDArray[np.float32]) -> None:
        self._pool, self.index, self.array = pool, index, array

    def release(self) -> None:
        """Give it back.

        Raises
        ------
        UsageError
            If it was given back already.

        """
        self._pool.release(self)

    def close(self) -> None:
        """`release`, at the end of a ``with``."""
        self.release()


class BufferPool:
    """Buffers of one size, ready to be taken on any thread.

    Parameters
    ----------
    buffers : int
        How many, 1 to 4096.
    frames, channels : int
        Of each.
    on_empty : {"new", "error"}
        What `acquire` does when all are out: make one that is not pooled, or raise. Compiled
        code gets -1 either way.

    Attributes
    ----------
    record : Record
        A `POOL`; compiled code uses ``record.address`` with `pool_acquire`, `pool_buffer` and
        `pool_release`.

    """

    def __init__(
        self,
        buffers: int = DEFAULT_BUFFERS["native"],
        frames: int = DEFAULT_FRAMES,
        channels: int = 1,
        on_empty: Literal["new", "error"] = "new",
    ) -> None:
        if not (1 <= buffers <= _MOST and frames >= 1 and channels >= 1):
            raise UsageError(
                f"a pool of {buffers} buffers of {channels} x {frames}: give 1 to {_MOST} "
                "buffers, and at least 1 channel and 1 frame"
            )
        if on_empty not in ("new", "error"):
            raise UsageError(f"on_empty={on_empty!r}: give 'new' or 'error'")
        self._on_empty = on_empty
        self.buffers, self.frames, self.channels = buffers, frames, channels
        self._memory = AlignedBuffer((buffers * channels, frames), prefault=True)
        groups = -(-buffers // _GROUP)
        self._words = Record(_WORD, groups)
        for group in range(groups):
            here = min(_GROUP, buffers - _GROUP * group)
            self._words.item(group)["state"] = (1 << here) - 1
        self.record = Record(POOL)
        self.record.fill(
            count=buffers,
            channels=channels,
            frames=frames,
            row_frames=self._memory.row_bytes // 4,
            data=self._memory.address,
            buffer_bytes=channels * self._memory.row_bytes,
            words=self._words.address,
            groups=groups,
        )

    def acquire(self) -> PooledBuffer:
        """Take a buffer.

        Raises
        ------
        PoolEmpty
            If all are out and the pool was told not to make new ones.

        """
        index = pool_take(self.record.address)
        if index >= 0:
            first = index * self.channels
            return PooledBuffer(self, index, self._memory.array[first : first + self.channels])
        if self._on_empty == "error":
            raise PoolEmpty(
                f"all {self.buffers} buffers are in use; release some, or make the pool larger"
            )
        return PooledBuffer(self, -1, np.zeros((self.channels, self.frames), np.float32))

    def release(self, buffer: PooledBuffer) -> None:
        """Give a buffer back.

        Raises
        ------
        UsageError
            If it is not from this pool, or was given back already.

        """
        if buffer._pool is not self:
            raise UsageError("this buffer is from another pool; release it there")
        if buffer.array.size == 0 or (
            buffer.index >= 0 and pool_give(self.record.address, buffer.index)
        ):
            raise UsageError("this buffer was released already; acquire another")
        buffer.array = buffer.array[:0]

    def stats(self) -> PoolStats:
        """Return what was counted so far."""
        words = [self._words.item(group) for group in range(int(self.record["groups"]))]
        states = [int(word["state"]) & ((1 << 64) - 1) for word in words]
        available = sum((state & _FREE).bit_count() for state in states)
        served = sum(state >> _GROUP for state in states)
        return PoolStats(
            available=available,
            in_use=self.buffers - available,
            allocations_saved=served,
            cache_hits=served - sum(int(word["used"]).bit_count() for word in words),
            misses=self.record.load("misses"),
            high_water=self.record.load("high_water"),
        )
