"""Ctrl-C, SIGTERM and SIGHUP: none is lost, and none waits.

The first one becomes a KeyboardInterrupt, so that everything is closed in order, with the ramp;
the exit code is 128 and the signal's number. Two things can come between. Python drops an exception
that is raised inside a weak reference's callback or a destructor, and while modules are imported
such callbacks run all the time: the handler also leaves a note, and loops that wait ask for it. And
a handler of Python's does not run while C code does, which may compile for seconds or wait for a
sound server for ever: a thread of its own hears of the signal at once, and ends the process if it
is still there after `PATIENCE_S`; what was half written is removed, the terminal is put back.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from zerocross.files import abandon_unfinished

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

__all__ = ["PATIENCE_S", "at_forced_end", "check", "exit_code", "handed_to", "install"]

#: How long an orderly end may take.
PATIENCE_S = 1.5

_noted = 0
_last_acts: list[Callable[[], None]] = []
#: What is told of a signal in place of an exception.
_hand: Callable[[int], None] | None = None


def install() -> None:
    """Turn SIGINT, SIGTERM and SIGHUP into KeyboardInterrupt, with a note and a time limit.

    A SIGHUP that is ignored stays so: that is what ``nohup`` is for.
    """
    numbers = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    for number in numbers:
        signal.signal(number, _interrupt)
    sys.unraisablehook = _tell_unless_interrupt
    if os.name == "posix":
        _watch(frozenset(numbers))


def check() -> None:
    """Raise KeyboardInterrupt if one was asked for and got lost."""
    if _noted:
        raise KeyboardInterrupt


def exit_code() -> int:
    """Return 128 and the number of the signal that ended us; 0 if none did."""
    return 128 + _noted if _noted else 0


def at_forced_end(act: Callable[[], None]) -> Callable[[], None]:
    """Have something done where there is no time for order; returns what takes it back."""
    _last_acts.append(act)
    return lambda: _last_acts.remove(act)


@contextlib.contextmanager
def handed_to(act: Callable[[int], None]) -> Iterator[None]:
    """Within the block, have a signal's number handed to a function; no exception is raised.

    The note and the time limit stay. For an event loop, whose own code no exception should leave.
    """
    global _hand  # noqa: PLW0603  a signal handler has nowhere else to look
    _hand = act
    try:
        if _noted:
            act(_noted)
        yield
    finally:
        _hand = None


def _interrupt(number: int, _frame: object) -> None:
    global _noted  # noqa: PLW0603  a signal handler has nowhere else to leave it
    if _noted:
        return  # everything is being closed; an exception now would come between
    _noted = number
    if _hand is None:
        raise KeyboardInterrupt
    _hand(number)


def _watch(numbers: frozenset[int]) -> None:
    """Start the thread that hears of signals from C."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    # A forked child shares the pipe: its signals are not ours.
    os.register_at_fork(after_in_child=lambda: signal.set_wakeup_fd(-1))
    threading.Thread(
        target=_end_in_time, args=(reader, numbers), name="zerocross signals", daemon=True
    ).start()


def _end_in_time(reader: int, numbers: frozenset[int]) -> None:
    while True:
        for number in os.read(reader, 64):
            if number in numbers:
                time.sleep(PATIENCE_S)
                _end_now(number)


def _end_now(number: int) -> None:
    """End the process without unwinding it."""
    for act in (*_last_acts, abandon_unfinished):
        with contextlib.suppress(Exception):
            act()
    with contextlib.suppress(OSError):
        os.write(2, b"stopped\n")
    os._exit(128 + number)


def _tell_unless_interrupt(dropped: UnraisableHookArgs) -> None:
    """Say nothing of what an interrupt left behind: the note stands for it.

    That is a dropped KeyboardInterrupt, and a destructor that fails because the interrupt came
    while its object was being made.
    """
    if not _noted and not issubclass(dropped.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(dropped)
