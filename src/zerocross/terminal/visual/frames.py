"""Frames of a visualiser without Python: compiled code waits, looks, draws and writes to the terminal.

A thread of Python's calls `show_frames` and comes back when it is told to, when a terminal has not taken a
frame, or after so many frames. Meanwhile nothing of Python is needed, so the picture moves on while the
GIL is held. Whoever changes what is drawn, or writes to the same terminal, halts it: the mutex is held
for one frame at a time, and after a halt there is none.

The system calls are Linux's; elsewhere each frame is drawn by a call from Python.
"""

from __future__ import annotations

import platform
import sys
from typing import TYPE_CHECKING, Any

from zerocross.compiler import (
    entry,
    external,
    invoke,
    kernel,
    load_acquire,
    monotonic_ns,
    record_at,
    sleep_us,
)
from zerocross.memory import Record, layout
from zerocross.sync.heard import HEARD, frame_heard
from zerocross.sync.mutex import MUTEX, Mutex, give_mutex, take_mutex
from zerocross.terminal.cells.emit import emit
from zerocross.terminal.cells.pen import CELLS

if TYPE_CHECKING:
    from zerocross.sync.heard import HeardClock
    from zerocross.terminal.cells import Cells
    from zerocross.terminal.visual.mode import Mode

__all__ = ["Frames", "show_frames"]

_FRAMES = layout(
    setup=["mutex", "write"],
    control=["clock", "paint", "state", "cells", "file", "left", "top", "period_ns", "halted"],
    kernel=["due_ns", "shown", "changed", "unsent"],
)

_LINUX = sys.platform == "linux"
#: The number of write(2), 0 where there is none of that kind.
_WRITE = {"x86_64": 1, "aarch64": 64}.get(platform.machine(), 0) if _LINUX else 0

_system_call = external("syscall", "lllll", lambda *_: 0)


@kernel
def _sleep_until_due(f: Any) -> None:
    """Sleep until the next frame is due."""
    now = monotonic_ns()
    f.due_ns = max(f.due_ns + f.period_ns, now)
    if f.due_ns > now:
        sleep_us((f.due_ns - now) // 1000)


@kernel
def _send(f: Any, c: Any, count: Any) -> None:
    """Write a frame to the terminal; what it does not take stays unsent."""
    if _LINUX and count > 0:
        f.changed += 1
        f.unsent = count - max(0, _system_call(f.write, f.file, c.out, count, 0))


@entry("int64", "int64", dispatches=True)
def show_frames(address: int, most: int) -> int:
    """Show frames of a `_FRAMES`, until it is halted, or so many at most.

    Returns how many bytes of the last one were not taken; if there are any, the mutex is not given back.
    """
    f = record_at(address, _FRAMES)
    mutex, c = record_at(f.mutex, MUTEX), record_at(f.cells, CELLS)
    f.unsent = f.shown = f.changed = 0
    for _ in range(most):
        _sleep_until_due(f)
        take_mutex(mutex)
        if load_acquire(f, "halted") == 0:
            end = frame_heard(record_at(f.clock, HEARD), monotonic_ns())
            invoke(f.paint, f.state, end)
            _send(f, c, emit(c, f.left, f.top))
            f.shown += 1
            if f.unsent > 0:
                unsent: int = f.unsent
                return unsent
        give_mutex(mutex)
        if load_acquire(f, "halted") != 0:
            break
    return 0


class Frames:
    """What shows a visualiser's frames, and who may touch what they are drawn on.

    Attributes
    ----------
    mutex : Mutex
        Held for each frame, and by whoever changes what is drawn.
    is_possible : bool
        Whether this system can.

    """

    is_possible = bool(_WRITE)

    def __init__(self) -> None:
        self.mutex = Mutex()
        self._record = Record(_FRAMES)
        self._record.fill(mutex=self.mutex.record.address, write=_WRITE, halted=1)
        self._used: tuple[Any, ...] = ()
        self._cells: Cells

    def halt(self) -> None:
        """Have no frame shown after the one that is being shown; who takes the mutex then is alone."""
        self._record.store("halted", 1)

    @staticmethod
    def prepare() -> None:
        """Have its code there: where it is not shipped it is compiled."""
        if Frames.is_possible:
            _ = show_frames.address

    def begin(self) -> None:
        """Forget all halts so far: what is halted from here on is."""
        self._record.store("halted", 0)

    def use(self, clock: HeardClock, mode: Mode, cells: Cells, left: int, top: int) -> None:
        """Say what is shown, and where; while no frames are shown."""
        self._used, self._cells = (clock, mode), cells  # they stay alive
        self._record.fill(
            clock=clock.address,
            paint=mode.paint.address,
            state=mode.record.address,
            cells=cells.record.address,
            left=left,
            top=top,
        )

    def show(self, file: int, period_s: float, most: int) -> tuple[int, int, memoryview]:
        """Show frames, on this thread, without the GIL.

        Parameters
        ----------
        file : int
            The terminal's, which does not block.
        period_s : float
            From one frame to the next.
        most : int
            So many at most.

        Returns
        -------
        shown, changed : int
            How many frames there were, and how many of them sent something.
        unsent : memoryview
            Of the last one what the terminal did not take. Where it is not empty the mutex is held, so
            that nobody writes in between; the caller gives it back.

        """
        record = self._record
        record.fill(file=file, period_ns=round(period_s * 1e9))
        unsent = show_frames(record.address, most)
        return int(record["shown"]), int(record["changed"]), self._cells.last_emitted(unsent)
