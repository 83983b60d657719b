"""Tags read in the background, those that are wanted last first: lists show them as they come.

Locks: `TagReader._lock` guards what is wanted and the thread's being there; it is held for moments.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeVar

from zerocross.system.background import BackgroundCall

__all__ = ["TagReader"]

Item = TypeVar("Item", bound=Hashable)

#: What is wanted further back is forgotten: nobody looks at it any more.
_MOST_WANTED = 512
#: A list that is drawn anew for each of its rows would be drawn all the time.
_TELL_EVERY_S = 0.25


class TagReader(Generic[Item]):
    """Reads what is wanted, on a thread that is there while there is something.

    Parameters
    ----------
    read : callable
        Reads an item's tags, and keeps them; it may wait for a disk.
    tell : callable
        Called on that thread when items were read: four times a second at most, and after the last one.

    """

    def __init__(self, read: Callable[[Item], object], tell: Callable[[], None]) -> None:
        self._read, self._tell = read, tell
        self._lock = threading.Lock()
        self._wanted: OrderedDict[Item, None] = OrderedDict()
        self._is_reading = self._is_over = False

    def want(self, items: Iterable[Item]) -> None:
        """Have items read, before all that was wanted so far."""
        with self._lock:
            for item in items:
                self._wanted[item] = None
                self._wanted.move_to_end(item)
            while len(self._wanted) > _MOST_WANTED:
                self._wanted.popitem(last=False)
            if self._is_reading or self._is_over or not self._wanted:
                return
            self._is_reading = True
        BackgroundCall(self._read_all, "zerocross-tags")

    def end(self) -> None:
        """Read no more; what is being read is not waited for."""
        with self._lock:
            self._is_over = True
            self._wanted.clear()

    def _read_all(self) -> None:
        told_s = 0.0
        while True:
            with self._lock:
                if not self._wanted:
                    self._is_reading = False
                    return
                item, _ = self._wanted.popitem()
            self._read(item)
            is_due = time.monotonic() >= told_s + _TELL_EVERY_S
            if (is_due or not self._wanted) and not self._is_over:
                told_s = time.monotonic()
                self._tell()
