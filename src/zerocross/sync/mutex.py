"""A mutex: what only one thread at a time may touch, compiled ones and Python's alike.

A word that is 1 while somebody has it. Who finds it taken naps, and looks again: it is for what is held
for moments, and seldom wanted by two. Python waits for it in compiled code, without the GIL, so that a
compiled thread may have it whose Python half waits for the GIL.
"""

from __future__ import annotations

from typing import Any

from zerocross.compiler import (
    compare_exchange,
    entry,
    kernel,
    record_at,
    sleep_us,
    store_release,
)
from zerocross.memory import Record, layout

__all__ = ["MUTEX", "Mutex", "give", "give_mutex", "take", "take_mutex"]

MUTEX = layout(anyone=["taken"])

_NAP_US = 30


@kernel
def take_mutex(mutex: Any) -> None:
    """Take a mutex, as soon as nobody has it. Real-time: never on the audio thread."""
    while not compare_exchange(mutex, "taken", 0, 1):
        sleep_us(_NAP_US)


@kernel
def give_mutex(mutex: Any) -> None:
    """Let go of a mutex; what was written before is seen by who takes it next. Real-time: safe."""
    store_release(mutex, "taken", 0)


@entry("int64")
def take(address: int) -> None:
    """`take_mutex` by address; from Python the GIL is free meanwhile."""
    take_mutex(record_at(address, MUTEX))


@entry("int64")
def give(address: int) -> None:
    """`give_mutex` by address."""
    give_mutex(record_at(address, MUTEX))


class Mutex:
    """A mutex for ``with``, which compiled code takes too.

    Attributes
    ----------
    record : Record
        A `MUTEX`; must outlive all who take it.

    Notes
    -----
    Who has it must not take it again. Real-time: no.

    """

    def __init__(self) -> None:
        self.record = Record(MUTEX)

    def __enter__(self) -> None:
        take(self.record.address)

    def __exit__(self, *exception: object) -> None:
        give(self.record.address)
