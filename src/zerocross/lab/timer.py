"""A bare timer thread: what the machine does to anyone.

A compiled loop sleeps until the next period and notes how late it woke; nothing else. Beside a
stream of the same priority it says which part of the lateness is the machine's. Linux.
"""

from __future__ import annotations

import ctypes
import threading
from typing import Any

import numpy as np

from zerocross.closing import Closes
from zerocross.compiler import (
    array_address,
    entry,
    external,
    load_acquire,
    monotonic_ns,
    provide,
    record_at,
    thread_number,
)
from zerocross.memory import Record, layout
from zerocross.system import Grant
from zerocross.system.priority import elevate, name_thread

__all__ = ["BareTimer"]

_clock_nanosleep = external("clock_nanosleep", "iill", lambda *_: 0)
_MONOTONIC, _ABSOLUTE = np.int32(1), np.int32(1)

_TIMER = layout(
    setup=["period_ns"],
    control=["stop"],
    audio=["thread", "wakes", "missed", "longest_gap_ns", ("until", "i8", (2,))],
)


@entry("int64")
def _run_timer(address: int) -> None:
    """Wake every period until told to stop; count those that came a whole period late."""
    timer = record_at(address, _TIMER)
    timer.thread = thread_number(0)
    last = monotonic_ns()
    due = last
    while load_acquire(timer, "stop") == 0:
        due += timer.period_ns
        timer.until[0] = due // 1_000_000_000
        timer.until[1] = due % 1_000_000_000
        _clock_nanosleep(_MONOTONIC, _ABSOLUTE, array_address(timer.until), 0)
        now = monotonic_ns()
        gap = now - last
        timer.longest_gap_ns = max(timer.longest_gap_ns, gap)
        if gap > 2 * timer.period_ns:
            timer.missed += gap // timer.period_ns - 1
            due = now
        timer.wakes += 1
        last = now


class BareTimer(Closes):
    """A thread that wakes every period, of the audio thread's priority if that is granted.

    Parameters
    ----------
    period_s : float
        Between two wakes.

    Attributes
    ----------
    grant : Grant or None
        Whether the priority was given.

    """

    def __init__(self, period_s: float) -> None:
        provide("clock_nanosleep", _address_of("clock_nanosleep"))
        self._record = Record(_TIMER)
        self._record["period_ns"] = round(period_s * 1e9)
        _ = _run_timer.address
        self._thread = threading.Thread(
            target=_run_timer, args=(self._record.address,), daemon=True
        )
        self._thread.start()
        number = self._thread.native_id or 0
        name_thread(number, "zerocross-timer")
        self.grant: Grant = elevate(number)

    def counts(self) -> dict[str, Any]:
        """Return ``wakes``, ``missed`` periods and the ``longest_gap_ns``."""
        return {name: int(self._record[name]) for name in ("wakes", "missed", "longest_gap_ns")}

    def close(self) -> None:
        """End the thread; twice is once."""
        self._record.store("stop", 1)
        self._thread.join()


def _address_of(name: str) -> int:
    return ctypes.cast(getattr(ctypes.CDLL(None), name), ctypes.c_void_p).value or 0
