"""Things that are closed: once, by ``with``, by hand, when they are dropped, or at the end.

What runs on threads and devices comes in two halves. The *outer* half is what a user holds
(`ClosesAtExit`: a player, a stream). The *inner* half (`Running`) has the threads, the devices and
the memory that they use, and knows nothing of the outer one. While it may run it is held here, so
however the outer half goes - by `del`, with a thread, in a cycle of references, by an exception -
its memory stays until its threads have left it.

A dropped outer half is found by the garbage collector, which may run on any thread, in the middle
of anything. So nothing waits there: the inner half is hushed (a store) and queued, and a thread of
ours, which lives as long as there is something that runs, closes it.
"""

from __future__ import annotations

import atexit
import ctypes
import logging
import os
import queue
import threading
import time
import weakref
from types import TracebackType
from typing import Self, TypeVar

from zerocross.errors import UsageError

__all__ = [
    "Closes",
    "ClosesAtExit",
    "Running",
    "closed_error",
    "free_in_forks",
    "keep_for_ever",
    "keep_for_parent",
    "settle",
]

Lock = TypeVar("Lock", threading.Lock, threading.RLock)

#: How long the end of the interpreter waits for devices that do not answer, all together.
_EXIT_PATIENCE_S = 5.0
#: How many dropped things may wait to be closed before the next one is made.
_MOST_DROPPED = 4

_log = logging.getLogger(__name__)


class Closes:
    """Base of what has a ``close``: ``with`` calls it at the end."""

    def close(self) -> None:
        """Let go of what is held."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Running(Closes):
    """The inner half: threads, devices, and the memory that they use.

    It never refers to its outer half, nor to what a user gave to that one as a listener.
    `close` may be called by several threads at a time; twice is once.
    """

    def hush(self) -> None:
        """Stop being heard, with a ramp; by stores alone, as any thread may be in any call."""
        raise NotImplementedError

    def forget(self) -> None:
        """In a forked child: be closed without touching devices, threads and locks.

        They are the parent's; what the parent's threads use is kept (`keep_for_parent`).
        """
        raise NotImplementedError


class ClosesAtExit(Closes):
    """The outer half: closed by hand, when it is dropped, and before its machine code goes away.

    Parameters
    ----------
    running : Running
        The inner half.

    Raises
    ------
    UsageError
        While the interpreter ends.

    """

    def __init__(self, running: Running) -> None:
        if _closer.dropped.qsize() >= _MOST_DROPPED:
            settle()  # who makes them faster than they end would fill the memory
        self._running = running
        _keep_while_running(running)
        # At exit `_close_all` does it, in its order.
        self._finalizer = weakref.finalize(self, _drop, running)
        self._finalizer.atexit = False

    def close(self) -> None:
        """Stop, and let go of devices and threads; twice is once."""
        self._running.close()
        _let_go(self._running)
        self._finalizer.detach()  # it holds the inner half, which may be why this one is held


# --- what runs ------------------------------------------------------------------------------------


class _Closer:
    """What runs in this process, and the thread that closes what was dropped."""

    def __init__(self) -> None:
        # Re-entrant: the collector may run another object's `__del__` on a thread that is in here.
        self.lock = threading.RLock()
        self.running: set[Running] = set()
        # A `SimpleQueue` may be put to within its own calls: it is made for the collector.
        self.dropped: queue.SimpleQueue[Running | None] = queue.SimpleQueue()
        self.thread: threading.Thread | None = None
        self.exits = False

    def work(self) -> None:
        """Close what is dropped, until nothing runs any more."""
        while True:
            running = self.dropped.get()
            if running is not None:
                _close(running)
            del running  # its memory is not held while this waits
            with self.lock:
                if not self.running:
                    self.thread = None
                    return


_closer = _Closer()
_kept: list[object] = []


def _keep_while_running(running: Running) -> None:
    """Hold an inner half until it is closed, and see to it that dropped ones are."""
    closer = _closer
    with closer.lock:
        if closer.exits:
            raise UsageError("the interpreter is ending; nothing can be played any more")
        closer.running.add(running)
        if closer.thread is None:
            closer.thread = threading.Thread(target=closer.work, name="zerocross-end", daemon=True)
            closer.thread.start()


def _let_go(running: Running) -> None:
    closer = _closer
    with closer.lock:
        closer.running.discard(running)
        if closer.thread and not closer.running:
            closer.dropped.put(None)


def _drop(running: Running) -> None:
    """Have an inner half closed whose outer one is gone; called by the collector."""
    if running in _closer.running:
        running.hush()
        _closer.dropped.put(running)


def _close(running: Running) -> None:
    try:
        running.close()
    except Exception:  # noqa: BLE001  the others are closed all the same
        _log.exception("%s did not close cleanly", type(running).__name__)
    _let_go(running)


def settle(timeout_s: float = 2.0) -> None:
    """Wait until what was dropped is closed, or no longer; for who needs what it held."""
    deadline = time.monotonic() + timeout_s
    marker = _Marker()
    closer = _closer
    if closer.thread in {None, threading.current_thread()}:
        return
    closer.dropped.put(marker)
    while not marker.reached and closer.thread and time.monotonic() < deadline:
        time.sleep(0.001)


class _Marker(Running):
    """A place in the queue of dropped things."""

    reached = False

    def close(self) -> None:
        """Note that all before it are closed."""
        self.reached = True


# --- the end, and forks -----------------------------------------------------------------------------


def keep_for_parent(*things: object) -> None:
    """Keep things until the process ends; for `Running.forget`.

    In a forked child nobody may let go of the parent's devices, and of memory that was shared
    with threads which the child does not have.
    """
    _kept.extend(things)


def free_in_forks(lock: Lock) -> Lock:
    """Return a lock of a whole module, which a forked child finds free: a fork waits for it.

    Else a child whose parent had a thread in there would wait for ever. Locks that are taken within
    another one are made before it.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release
        )
    return lock


def keep_for_ever(thing: object) -> None:
    """Keep a thing past the end of the interpreter: other people's threads may still look at it."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))


def closed_error(words: str) -> UsageError | SystemExit:
    """Return what to raise where something is closed: at exit, what ends a daemon without a traceback."""
    is_left = _closer.exits and threading.current_thread() is not threading.main_thread()
    return SystemExit() if is_left else UsageError(words)


@atexit.register
def _close_all() -> None:
    """Hush everything at once, then close one after the other as long as patience lasts."""
    closer = _closer
    with closer.lock:
        closer.exits = True
        running, thread = list(closer.running), closer.thread
    for each in running:
        each.hush()
    deadline = time.monotonic() + _EXIT_PATIENCE_S
    for each in running:
        if time.monotonic() < deadline:
            _close(each)
        else:
            keep_for_ever(each)
    if thread:
        closer.dropped.put(None)
        thread.join(max(0.0, deadline - time.monotonic()))


def _forget_all() -> None:
    """In a forked child: begin anew."""
    global _closer  # the parent's thread may hold the lock of this one
    before, _closer = _closer, _Closer()
    keep_for_parent(before)
    for each in list(before.running):
        each.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
