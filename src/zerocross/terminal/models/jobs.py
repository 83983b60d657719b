"""Work that waits, for the audio thread or a compiler: one after the other, beside the screen."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

__all__ = ["Jobs", "Submit", "at_once"]

#: Runs work, and then what follows it, with what the work returned.
Submit = Callable[[Callable[[], Any], Callable[[Any], None]], None]


def at_once(work: Callable[[], Any], then: Callable[[Any], None]) -> None:
    """Run work and what follows it, by the caller."""
    then(work())


class Jobs:
    """A thread that works, and lets the event loop's thread do what follows.

    Parameters
    ----------
    call : callable
        Has another callable called on the event loop's thread; from any thread.

    """

    def __init__(self, call: Callable[[Callable[[], None]], object]) -> None:
        self._call = call
        self._waiting: queue.SimpleQueue[tuple[Any, Any] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def submit(self, work: Callable[[], Any], then: Callable[[Any], None]) -> None:
        """Have work done after all that was asked for before; it must not raise."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="zerocross-screen", daemon=True)
            self._thread.start()
        self._waiting.put((work, then))

    def _run(self) -> None:
        while (job := self._waiting.get()) is not None:
            work, then = job
            found = work()
            self._call(lambda then=then, found=found: then(found))  # type: ignore[misc]

    def close(self) -> None:
        """Do no more once what waits is done; does not wait for that."""
        self._waiting.put(None)
