"""Calls on threads of their own: those that may take for ever, and work beside other work.

A sound server that is stopped, a disk that stalls: what asks them may never return. Such a call is
made on a thread that its caller can leave behind. All that the call uses stays alive with it, as the
thread's own references, until it returns, or until the process ends.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Generator
from typing import Any, Generic, TypeVar

__all__ = ["BackgroundCall", "Interruption", "made_ahead", "on_interruption"]

T = TypeVar("T")

_of_thread = threading.local()


class Interruption:
    """What another thread ends a call with that waits; the call is made in a ``with`` of it.

    What waits within says how it is ended (`on_interruption`), until the ``with`` is over: then it
    may stay, and is not to be ended any more.

    Attributes
    ----------
    was_asked : bool
        Whether it was interrupted; what waits from then on is ended at once.

    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._ends: list[Callable[[], None]] = []
        self.was_asked = False

    def __enter__(self) -> None:
        _of_thread.now = self

    def __exit__(self, *_: object) -> None:
        _of_thread.now = None
        with self._lock:
            self._ends = []

    def interrupt(self) -> None:
        """End what waits; from any thread, without waiting for it."""
        with self._lock:
            self.was_asked = True
            for end in self._ends:
                end()

    def add(self, end: Callable[[], None]) -> None:
        """Have something called by `interrupt`."""
        with self._lock:
            self._ends.append(end)
            if self.was_asked:
                end()


def on_interruption(end: Callable[[], None]) -> None:
    """Have something called if what this thread is about to wait for is interrupted; it may not wait."""
    now: Interruption | None = getattr(_of_thread, "now", None)
    if now:
        now.add(end)


class BackgroundCall(Generic[T]):
    """A call that was begun on a thread of its own.

    Parameters
    ----------
    call : callable
        Without arguments. What it raises is raised by `result`.
    name : str
        Of the thread.
    then : callable or None
        Called on the same thread once it is done.

    Notes
    -----
    Real-time: no.

    """

    def __init__(
        self, call: Callable[[], T], name: str, then: Callable[[], None] | None = None
    ) -> None:
        self._call: Callable[[], T] | None = call
        self._then = then
        self._result: list[T] = []
        self._error: BaseException | None = None
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        call, self._call = self._call, None
        try:
            if call:
                self._result.append(call())
        except BaseException as error:  # noqa: BLE001  raised where it is asked for
            self._error = error
        finally:
            self._done.set()
            if self._then:
                self._then()

    @property
    def is_running(self) -> bool:
        """Whether its thread is there: in a forked child it is not."""
        return self._thread.is_alive()

    @property
    def is_done(self) -> bool:
        """Whether it has returned or raised."""
        return self._done.is_set()

    def wait(self, patience_s: float | None = None) -> bool:
        """Wait until it is done, or for so many seconds; returns whether it is done."""
        return self._done.wait(patience_s)

    def result(self) -> T:
        """Wait for it, and return what it returned or raise what it raised."""
        self._done.wait()
        if self._error is not None:
            raise self._error
        return self._result[0]


def made_ahead(items: Generator[T, None, None], name: str) -> Generator[T, None, None]:
    """Yield what a generator makes, each item made on another thread while the one before is used.

    What it raises is raised here, in its place. Once this generator is closed, the other one is too.
    """
    from concurrent.futures import ThreadPoolExecutor  # playing needs none

    end: Any = object()
    with contextlib.closing(items), ThreadPoolExecutor(1, name) as maker:
        coming = maker.submit(next, items, end)
        while (item := coming.result()) is not end:
            coming = maker.submit(next, items, end)
            yield item
