"""Things that are closed: once, by ``with``, by hand, or when the interpreter ends."""

from __future__ import annotations

import atexit
import os
import weakref
from types import TracebackType
from typing import Self

__all__ = ["Closes", "ClosesAtExit", "keep_for_parent"]


class Closes:
    """Base of what has a ``close``: ``with`` calls it at the end."""

    def close(self) -> None:
        """Let go of what is held."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class ClosesAtExit(Closes):
    """Base of what runs on threads and devices: closed before its machine code goes away.

    In a forked child, which has none of its threads and devices, it is closed without touching
    them (`forget`).
    """

    def __init__(self) -> None:
        _open.add(self)

    def forget(self) -> None:
        """Be closed without touching devices, threads and files: they are the parent's."""
        raise NotImplementedError


_open: weakref.WeakSet[ClosesAtExit] = weakref.WeakSet()
_kept: list[object] = []


def keep_for_parent(*things: object) -> None:
    """Keep things until the process ends; for `ClosesAtExit.forget`.

    In a forked child nobody may let go of the parent's devices, and of memory that was shared
    with threads which the child does not have.
    """
    _kept.extend(things)


@atexit.register
def _close_all() -> None:
    for each in list(_open):
        each.close()


def _forget_all() -> None:
    for each in list(_open):
        each.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
