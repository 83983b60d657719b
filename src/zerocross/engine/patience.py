"""How long compiled code waits for a program before it comes back to look around."""

from __future__ import annotations

import math
import threading

__all__ = ["LONG_S", "NAP_S", "in_us", "wait_s"]

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
