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

__all__ = ["BackgroundCall", "made_ahead"]

T = TypeVar("T")


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
