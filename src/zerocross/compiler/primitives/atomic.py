"""Atomics: loads and stores with acquire and release order, exchange, fetch-and-add.

All work on int64 fields of a record (``load_acquire(record, "field")``). Acquire and
release become the target's own instructions: plain moves on x86-64, ``ldar``/``stlr`` on
AArch64. With the compiler off they are plain Python reads and writes, which is right for
one thread and for tests of the logic, and nothing else.

Real-time: all safe; none waits.
"""

from __future__ import annotations

from typing import Any

from zerocross.compiler.primitives.primitive import primitive

__all__ = [
    "compare_exchange",
    "exchange",
    "fence_acquire",
    "fence_release",
    "fetch_add",
    "fetch_or",
    "load_acquire",
    "store_release",
]


@primitive
def load_acquire(record: Any, field: str) -> int:
    """Return a field; what was written before its `store_release` is visible after."""
    return int(record[field])


@primitive
def store_release(record: Any, field: str, value: int) -> None:
    """Set a field; everything written before is visible to who loads the value."""
    record[field] = value


@primitive
def exchange(record: Any, field: str, value: int) -> int:
    """Set a field and return what it held, in one step (acquire and release)."""
    before = int(record[field])
    record[field] = value
    return before


@primitive
def fetch_add(record: Any, field: str, value: int) -> int:
    """Add to a field and return what it held before, in one step (acquire and release)."""
    before = int(record[field])
    record[field] = before + value
    return before


@primitive
def fetch_or(record: Any, field: str, value: int) -> int:
    """Set bits of a field and return what it held before, in one step (acquire and release)."""
    before = int(record[field])
    record[field] = before | value
    return before


@primitive
def compare_exchange(record: Any, field: str, expected: int, value: int) -> bool:
    """Set a field if it holds what is expected, in one step; returns whether it did."""
    if int(record[field]) != expected:
        return False
    record[field] = value
    return True


@primitive
def fence_acquire() -> None:
    """Keep every load before this point before every load and store after it."""


@primitive
def fence_release() -> None:
    """Keep every load and store before this point before every store after it."""
