"""Ctrl-C and SIGTERM, so that none is lost.

Python drops an exception that is raised inside a weak reference's callback or a destructor,
and while modules are being imported such callbacks run all the time: a Ctrl-C in the first
moments could vanish. The handler here also leaves a note, and loops that wait ask for it.
"""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

__all__ = ["check", "install"]

_noted = False


def install() -> None:
    """Turn SIGINT and SIGTERM into KeyboardInterrupt, with a note."""
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)
    sys.unraisablehook = _tell_unless_interrupt


def check() -> None:
    """Raise KeyboardInterrupt if one was asked for and got lost."""
    if _noted:
        raise KeyboardInterrupt


def _interrupt(_signal: int, _frame: object) -> None:
    global _noted  # noqa: PLW0603  a signal handler has nowhere else to leave it
    _noted = True
    raise KeyboardInterrupt


def _tell_unless_interrupt(dropped: UnraisableHookArgs) -> None:
    """Say nothing of a dropped KeyboardInterrupt: the note stands for it."""
    if not issubclass(dropped.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(dropped)
