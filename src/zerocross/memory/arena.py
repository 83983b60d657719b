"""An arena: scratch memory for one block, taken by moving a number, all given back at once.

The audio thread resets its arena at the start of every block; what a block takes is gone at
the next. Taking never asks the system. What does not fit is a fault, which the caller
contains, and the arena remembers the size that would have been enough.
"""

from __future__ import annotations

import dataclasses
import threading
from typing import Any

from zerocross.compiler import (
    float32_array,
    float32_rows,
    float64_array,
    int64_array,
    kernel,
)
from zerocross.errors import UsageError
from zerocross.memory.aligned import AlignedBuffer
from zerocross.memory.record import Record, layout

__all__ = [
    "ARENA",
    "ARENA_KERNELS",
    "Arena",
    "ArenaStats",
    "arena_reset",
    "arena_take",
    "scratch_float32",
    "scratch_float64",
    "scratch_int64",
    "scratch_rows",
    "thread_arena",
]

#: An arena's record; it belongs to one thread.
ARENA = layout(setup=["base", "size"], owner=["used", "high_water", "needed", "resets"])

_LINE = 64
# Rows, and samples in a row, of which the bytes can be counted in 64 bits.
_MOST = 1 << 29
_LARGEST = 1 << 62


@kernel
def arena_reset(arena: Any) -> None:
    """Take everything back. Real-time: safe, O(1)."""
    arena.high_water = max(arena.high_water, arena.used)
    arena.used = 0
    arena.resets += 1


@kernel
def arena_take(arena: Any, size: Any) -> Any:
    """Return the address of ``size`` bytes, aligned to 64; not cleared.

    Real-time: safe. What does not fit raises a fault for the caller's `attempt`, and
    ``arena.needed`` tells the size with which it would have fitted.
    """
    start = (arena.used + (_LINE - 1)) & ~(_LINE - 1)
    if size < 0 or size > arena.size - start:  # in this order no sum can wrap
        if 0 <= size <= _LARGEST:
            arena.needed = max(arena.needed, start + size)
        raise MemoryError("the arena is too small; make it as large as its field needed says")
    arena.used = start + size
    return arena.base + start


@kernel
def _take_rows(arena: Any, rows: Any, items: Any, item_size: Any) -> Any:
    """Return the address of rows of items; an impossible number is a fault as one too large is."""
    if not (0 <= rows <= _MOST and 0 <= items <= _MOST):
        raise MemoryError("an array of less than no items, or of more than there can be")
    return arena_take(arena, rows * items * item_size)


@kernel
def scratch_float32(arena: Any, samples: Any) -> Any:
    """Return an array of float32 until the next reset; not cleared. Real-time: safe."""
    return float32_array(_take_rows(arena, 1, samples, 4), samples)


@kernel
def scratch_rows(arena: Any, rows: Any, samples: Any) -> Any:
    """Return rows of float32 until the next reset; not cleared. Real-time: safe."""
    return float32_rows(_take_rows(arena, rows, samples, 4), rows, samples)


@kernel
def scratch_float64(arena: Any, samples: Any) -> Any:
    """Return an array of float64 until the next reset; not cleared. Real-time: safe."""
    return float64_array(_take_rows(arena, 1, samples, 8), samples)


@kernel
def scratch_int64(arena: Any, items: Any) -> Any:
    """Return an array of int64 until the next reset; not cleared. Real-time: safe."""
    return int64_array(_take_rows(arena, 1, items, 8), items)


#: The kernels that raise where scratch memory runs out.
ARENA_KERNELS = (arena_take, _take_rows)


@dataclasses.dataclass(frozen=True)
class ArenaStats:
    """What an arena was asked for; ``str()`` gives one line.

    Attributes
    ----------
    size : int
        In bytes.
    high_water : int
        The most bytes that were taken between two resets.
    needed : int
        The size with which everything refused would have fitted; 0 if all fitted.

    """

    size: int
    high_water: int
    needed: int

    def __str__(self) -> str:
        refused = f", {self.needed} would have been needed" if self.needed else ""
        return f"at most {self.high_water} of {self.size} bytes taken{refused}"


class Arena:
    """Scratch memory for compiled code on one thread.

    Parameters
    ----------
    size : int
        In bytes.
    lock : bool
        Keep it in memory.
    like : Arena or None
        Another one on the same thread, whose memory it shares: for code that runs when the other's does not.

    Attributes
    ----------
    record : Record
        An `ARENA`; kernels get ``record.address``.

    """

    def __init__(self, size: int, lock: bool = False, like: Arena | None = None) -> None:
        if size < 1 or (like is not None and size > like.size):
            raise UsageError(f"arena of {size} bytes: give 1 or more, as many as there are")
        self._memory: AlignedBuffer = (
            like._memory if like else AlignedBuffer((size,), "u1", prefault=True, lock=lock)
        )
        self.grants = self._memory.grants
        self.record = Record(ARENA)
        self.record["base"], self.record["size"] = self._memory.address, size

    @property
    def region(self) -> tuple[int, int]:
        """Address and size of the memory, in bytes."""
        return self._memory.address, self._memory.nbytes

    @property
    def size(self) -> int:
        """In bytes."""
        return int(self.record["size"])

    @property
    def high_water(self) -> int:
        """The most bytes that were taken between two resets."""
        return max(int(self.record["high_water"]), int(self.record["used"]))

    @property
    def needed(self) -> int:
        """The size with which everything refused so far would have fitted; 0 if all fitted."""
        return int(self.record["needed"])

    def stats(self) -> ArenaStats:
        """Return what it was asked for so far."""
        return ArenaStats(self.size, self.high_water, self.needed)


_threads = threading.local()


def thread_arena(size: int = 1 << 20) -> Arena:
    """Return the calling thread's own arena, made on first use or when a larger one is asked."""
    arena: Arena | None = getattr(_threads, "arena", None)
    if arena is None or arena.size < size:
        arena = _threads.arena = Arena(size)
    return arena
