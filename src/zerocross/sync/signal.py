"""A signal: one thread sleeps until another one has something to say.

An *eventcount*: one word that counts how often it was raised, and whether somebody waits. Who waits
reads the count, looks at what it is about, and, if there is nothing, waits for another count:
what is told between the look and the wait ends the wait at once. Raising never waits, which is why
the audio thread may do it, and enters the system only where somebody sleeps.

No wake-up is lost, because everything is one word that is changed by atomic additions alone, and
such changes have one order for all threads. Who is about to sleep sets the lowest bit; if a raise
came before, the bit's setter sees the new count and does not sleep. If it comes after, the raise sees
the bit and wakes; and if the sleep has not begun by then, the system does not begin it, as it
compares the word first, with the waking thread shut out (futex(2): "the load, the comparison, and
starting the sleep are performed atomically"). Each change has acquire and release order: what was
written before a raise is seen by whoever read its count.

On Linux the sleep is a futex on the word's lower half. The number of that system call differs among
processors, so it is in the record and compiled code fits them all. Elsewhere the wait is a loop of
naps in compiled code (written, not yet run on macOS and Windows).
"""

from __future__ import annotations

import platform
import sys
from typing import Any

from zerocross.compiler import (
    address_of,
    array_address,
    entry,
    external,
    fetch_add,
    fetch_or,
    kernel,
    load_acquire,
    monotonic_ns,
    record_at,
    sleep_us,
)
from zerocross.memory import Record, layout

__all__ = ["FOR_EVER", "SIGNAL", "Signal", "signal_count", "signal_raise", "signal_wait"]

#: A time to wait: until it is raised.
FOR_EVER = -1
#: ``timeout`` is a timespec for the system. ``futex`` is the system call's number, 0 for naps.
SIGNAL = layout(setup=["futex"], anyone=["word"], waiter=[("timeout", "i8", (2,))])

_LINUX = sys.platform == "linux"
_FUTEX = {"x86_64": 202, "aarch64": 98}.get(platform.machine(), 0) if _LINUX else 0
_PRIVATE_WAIT, _PRIVATE_WAKE = 128, 129
# The word: whether somebody waits, and from the next bit on how often it was raised.
_WAITING, _RAISED = 1, 2
_LOWER_HALF = (1 << 32) - 1
_WORD_OFFSET: int = dict(SIGNAL.fields or {})["word"][1]
_NAP_US = 2_000
_BILLION = 1_000_000_000

_system_call = external("syscall", "lllll", lambda *_: 0)


@kernel
def signal_count(signal: Any) -> Any:
    """Return how often a signal was raised; what was written before is visible. Real-time: safe."""
    return load_acquire(signal, "word") // _RAISED


@kernel
def signal_raise(signal: Any) -> None:
    """Raise a signal: who waits for it wakes up.

    Real-time: safe; one atomic addition, and where somebody sleeps a system call that does not wait.
    """
    word = fetch_add(signal, "word", _RAISED)
    if _LINUX and word & _WAITING != 0:
        _system_call(signal.futex, address_of(signal) + _WORD_OFFSET, _PRIVATE_WAKE, 1, 0)


@kernel
def signal_wait(signal: Any, seen: Any, timeout_us: Any) -> Any:
    """Sleep until a signal was raised more often than was seen; returns whether it was.

    Parameters
    ----------
    signal : record
        A `SIGNAL`. One thread at a time may wait for it.
    seen : int
        What `signal_count` returned before the caller looked for something to do.
    timeout_us : int
        For how long at most, in microseconds; `FOR_EVER` for no limit.

    Notes
    -----
    Real-time: never on the audio thread.

    """
    deadline = monotonic_ns() + 1000 * timeout_us
    while signal_count(signal) == seen:
        left = deadline - monotonic_ns() if timeout_us >= 0 else _BILLION
        if left <= 0:
            return False
        if _LINUX and signal.futex != 0:
            _sleep(signal, seen, left, timeout_us < 0)
        else:
            sleep_us(min(_NAP_US, left // 1000 + 1))
    return True


@kernel
def _sleep(signal: Any, seen: Any, left: Any, for_ever: Any) -> None:
    """Sleep, unless it was raised meanwhile; it may be woken for nothing."""
    word = fetch_or(signal, "word", _WAITING) | _WAITING
    if word // _RAISED == seen:
        signal.timeout[0] = left // _BILLION
        signal.timeout[1] = left % _BILLION
        limit = 0 if for_ever else array_address(signal.timeout)
        address = address_of(signal) + _WORD_OFFSET
        _system_call(signal.futex, address, _PRIVATE_WAIT, word & _LOWER_HALF, limit)
    fetch_add(signal, "word", -_WAITING)


@entry("int64")
def raise_signal(address: int) -> int:
    """`signal_raise` by address."""
    signal_raise(record_at(address, SIGNAL))
    return 0


@entry("int64", "int64", "int64")
def wait_for_signal(address: int, seen: int, timeout_us: int) -> int:
    """`signal_wait` by address; from Python the GIL is free meanwhile."""
    return 1 if signal_wait(record_at(address, SIGNAL), seen, timeout_us) else 0


class Signal:
    """A signal that Python and compiled threads raise and wait for.

    Attributes
    ----------
    record : Record
        A `SIGNAL`; must outlive all who raise it or wait.

    """

    def __init__(self) -> None:
        self.record = Record(SIGNAL)
        self.record["futex"] = _FUTEX

    @property
    def count(self) -> int:
        """How often it was raised: to be read before looking, and given to `wait`."""
        return self.record.load("word") // _RAISED

    def notify(self) -> None:
        """Raise it: who waits wakes up, who is about to wait does not."""
        raise_signal(self.record.address)

    def wait(self, seen: int, timeout_s: float | None = None) -> bool:
        """Sleep until it was raised more often than was seen; returns whether it was.

        One thread at a time. No other thread of Python is held up.
        """
        timeout_us = FOR_EVER if timeout_s is None else max(0, round(1e6 * timeout_s))
        return bool(wait_for_signal(self.record.address, seen, timeout_us))
