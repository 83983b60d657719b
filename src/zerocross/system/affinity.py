"""Which CPUs a thread may run on: asked, and read back."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable

from zerocross.system import macos, windows
from zerocross.system.grant import Answer, Grant, ask

__all__ = ["pin"]


def pin(thread: threading.Thread | int | None, cpus: Iterable[int]) -> Grant:
    """Let a thread run on some CPUs only; the answer is read back from the system.

    Parameters
    ----------
    thread : Thread, int or None
        A running thread, a native thread number, or None for the calling one.
    cpus : iterable of int
        The CPUs; on Windows of one processor group, which are 64.

    Notes
    -----
    Real-time: no. macOS binds no thread to a CPU: it has sets of threads that share a cache, on
    Intel only. Windows and macOS: written, not yet run.

    """
    wanted = frozenset(cpus)
    what = f"affinity to CPU {_list(wanted)}"
    if isinstance(thread, threading.Thread):
        if not thread.is_alive():
            return Grant(what, False, "the thread is not running")
        thread = thread.native_id
    number = thread or threading.get_native_id()
    return ask(what, number, wanted, linux=_on_linux, windows=_on_windows, macos=_on_macos)


def _list(cpus: Iterable[int]) -> str:
    return ",".join(map(str, sorted(cpus)))


def _on_linux(thread: int, wanted: frozenset[int]) -> Answer:
    try:
        os.sched_setaffinity(thread, wanted)
        found = os.sched_getaffinity(thread)
    except (OSError, ValueError, OverflowError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        there = _list(os.sched_getaffinity(0))
        return False, f"{reason}; this process may use CPU {there}"
    return found == wanted, f"CPU {_list(found)}, read back"


def _on_windows(thread: int, wanted: frozenset[int]) -> Answer:
    before = windows.affinity_of(thread)
    try:
        windows.set_affinity(thread, wanted)
    except OSError as error:
        return False, f"{error}; this thread may use CPU {_list(before)}"
    found = windows.affinity_of(thread)
    return found == wanted, f"CPU {_list(found)}, read back"


def _on_macos(thread: int, wanted: frozenset[int]) -> Answer:
    # Threads that want the same first CPU are of one set. Apple, Thread Affinity API Release
    # Notes: "explicit thread to processor binding is not supported", so it is never granted.
    tag = min(wanted, default=-1) + 1
    try:
        macos.set_affinity_tag(thread, tag)
    except OSError as error:
        return False, f"{error}; Apple silicon has no affinity: leave it to the system"
    found = macos.affinity_tag_of(thread)
    return False, (
        f"macOS binds no thread to a CPU; affinity tag {found}, read back: threads of one tag "
        "share a cache where they can"
    )
