"""How long compiled code waits for a program before it comes back to look around; whose turn it is."""

from __future__ import annotations

import math
import threading

from zerocross.errors import UsageError

__all__ = ["LONG_S", "NAP_S", "Turn", "in_us", "wait_s"]

#: On the main thread signals (Ctrl-C) are seen in between; elsewhere only that nobody plays any more.
_MAIN_S, LONG_S = 0.25, 1.0
#: The shortest sleep of an event loop's task.
NAP_S = 0.001


def wait_s() -> float:
    """Return for how long the thread that asks may be in compiled code."""
    is_main = threading.current_thread() is threading.main_thread()
    return _MAIN_S if is_main else LONG_S


def in_us(seconds: float) -> int:
    """Return seconds as whole microseconds."""
    return math.ceil(1e6 * seconds)


class Turn:
    """A lock for calls that wait: another thread waits for its turn, the same one would for ever.

    That happens in a signal's handler, or where an object is deleted: they run amid a call of their
    own thread.

    Parameters
    ----------
    calls : str
        Those that take turns, for the error.

    """

    def __init__(self, calls: str) -> None:
        self._calls = calls
        self._lock, self._is_taken = threading.RLock(), False

    def take(self, block: bool = True) -> bool:
        """Take the turn; returns whether it was free, where it is not to be waited for.

        Raises
        ------
        UsageError
            If the same thread has it, where it is to be waited for.

        """
        if not self._lock.acquire(blocking=block):
            return False
        # What comes in between here and the next line, on this thread, takes its turn and gives it back.
        if not self._is_taken:
            self._is_taken = True
            return True
        self._lock.release()
        if block:
            raise UsageError(
                f"{self._calls} of this thread is under way; where a signal or a deleted object "
                "comes in between, have another thread do it"
            )
        return False

    def give(self) -> None:
        """Let the next one have it."""
        self._is_taken = False
        self._lock.release()

    def __enter__(self) -> None:
        self.take()

    def __exit__(self, *_: object) -> None:
        self.give()
