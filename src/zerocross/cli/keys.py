"""Single keys from a terminal, without waiting, and the terminal put back afterwards."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from zerocross.cli import interrupt

__all__ = ["Keys"]

_ARROWS = {"A": "up", "B": "down", "C": "right", "D": "left"}
_SHOW_CURSOR, _HIDE_CURSOR = b"\x1b[?25h", b"\x1b[?25l"
_WINDOWS_ARROWS = {"H": "up", "P": "down", "M": "right", "K": "left"}


class Keys:
    """Reads keys while its ``with`` block lasts.

    Where standard input is no terminal there are no keys. On leaving, the terminal is as
    it was, whatever happened inside; so it is while the process is stopped (Ctrl-Z), and in the
    background the terminal is left to the shell.
    """

    def __init__(self) -> None:
        self.active = sys.stdin is not None and sys.stdin.isatty()
        self._before: Any = None
        self._taken = False
        self._undo: list[Callable[[], object]] = []

    def __enter__(self) -> Self:
        if self.active and os.name == "posix":
            import termios

            self._before = termios.tcgetattr(sys.stdin)
            self._undo.append(interrupt.at_forced_end(self._give_back))
            if threading.current_thread() is threading.main_thread():
                for number, act in (
                    (signal.SIGTSTP, self._stop),
                    (signal.SIGCONT, lambda *_: self._take()),
                ):
                    old = signal.signal(number, act)
                    self._undo.append(functools.partial(signal.signal, number, old))
            self._take()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._give_back()
        self._before = None
        while self._undo:
            self._undo.pop()()

    def _take(self) -> None:
        """Have the terminal hand out single keys, if it is ours now."""
        if self._before is not None and _in_foreground():
            import tty

            with contextlib.suppress(*_gone()):
                tty.setcbreak(sys.stdin)
            self._taken = True

    def _give_back(self) -> None:
        """Put the terminal back, if it is ours now."""
        if self._before is not None and _in_foreground():
            import termios

            with contextlib.suppress(*_gone()):
                termios.tcsetattr(sys.stdin, termios.TCSANOW, self._before)

    def _stop(self, number: int, _frame: object) -> None:
        """Stop the process as Ctrl-Z does by default, with the terminal put back meanwhile."""
        self._give_back()
        _write_to_screen(_SHOW_CURSOR)
        old = signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)  # returns when the process is continued
        signal.signal(number, old)
        if _in_foreground():
            _write_to_screen(_HIDE_CURSOR)
        self._take()

    def read(self, timeout_s: float) -> list[str]:
        """Return the keys pressed within a time: characters, or ``left right up down``."""
        if not self.active or not _in_foreground():
            self._taken = False
            time.sleep(timeout_s)
            return []
        if not self._taken:  # a shell tells nobody that it brought a running job to the front
            self._take()
        return self._read_posix(timeout_s) if os.name == "posix" else self._read_windows(timeout_s)

    def _read_posix(self, timeout_s: float) -> list[str]:
        import select

        ready, _, _ = select.select([sys.stdin], [], [], timeout_s)
        if not ready:
            return []
        try:
            data = os.read(sys.stdin.fileno(), 1024)
        except OSError:
            data = b""
        if not data:  # the terminal is gone
            self.active = False
            return []
        return parse_keys(data.decode("utf-8", "replace"))

    def _read_windows(self, timeout_s: float) -> list[str]:
        import importlib

        msvcrt: Any = importlib.import_module("msvcrt")
        time.sleep(timeout_s)
        keys = []
        while msvcrt.kbhit():
            key = msvcrt.getwch()
            keys.append(_WINDOWS_ARROWS.get(msvcrt.getwch(), "") if key in "\x00\xe0" else key)
        return [key for key in keys if key]


def _in_foreground() -> bool:
    """Return whether keys are for us: a background process that asks for them is stopped."""
    if os.name != "posix":
        return True
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError):  # not our session's terminal: nobody stops us
        return True


def _gone() -> tuple[type[Exception], ...]:
    """Return what is raised of a terminal that was closed."""
    import termios

    return (termios.error, OSError, ValueError)


def _write_to_screen(sequence: bytes) -> None:
    with contextlib.suppress(OSError, ValueError, AttributeError):
        if sys.stdout.isatty():
            os.write(sys.stdout.fileno(), sequence)


def parse_keys(text: str) -> list[str]:
    """Split what a terminal sent into keys; unknown escape sequences are dropped."""
    keys = []
    i = 0
    while i < len(text):
        if text[i] == "\x1b" and text[i + 1 : i + 2] in ("[", "O") and i + 1 < len(text):
            i += 2
            while i < len(text) and not text[i].isalpha() and text[i] != "~":
                i += 1
            name = _ARROWS.get(text[i : i + 1])
            keys += [name] if name else []
        else:
            keys.append(text[i])
        i += 1
    return keys
