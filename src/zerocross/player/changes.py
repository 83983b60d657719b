"""A condition that threads wait for, and coroutines: told at every change of a player's state.

asyncio is imported only where one of its loops runs.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

__all__ = ["Changes", "running_loop"]


def running_loop() -> asyncio.AbstractEventLoop | None:
    """Return the event loop that runs on the calling thread; None where there is none."""
    asyncio_ = sys.modules.get("asyncio")
    # Another thread may just be importing it: then it has no loop yet, and is half there.
    running = getattr(asyncio_, "_get_running_loop", None)
    return running() if running else None


class Changes(threading.Condition):
    """A `threading.Condition` that coroutines may wait for too.

    Parameters
    ----------
    lock : RLock
        Held by who notifies, and by threads that wait; not by coroutines.

    """

    def __init__(self, lock: threading.RLock) -> None:
        super().__init__(lock)
        self._wakers: set[Callable[[], None]] = set()

    def notify_all(self) -> None:
        """Wake all who wait."""
        super().notify_all()
        for wake in list(self._wakers):
            wake()

    async def until(self, is_so: Callable[[], bool], timeout_s: float | None = None) -> bool:
        """Wait until something is so, without holding the event loop; returns whether it is.

        ``is_so`` is asked without the lock, on the loop's thread.
        """
        import asyncio

        loop, changed = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(changed.set)

        self._wakers.add(wake)
        try:
            async with asyncio.timeout(timeout_s):
                while not is_so():
                    await changed.wait()
                    changed.clear()
        except TimeoutError:
            return is_so()
        finally:
            self._wakers.discard(wake)
        return True
