"""Single keys from a terminal, without waiting, and the terminal put back afterwards."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import IO, Any, Self

from zerocross.cli import interrupt

__all__ = ["Keys"]

_ARROWS = {"A": "up", "B": "down", "C": "right", "D": "left"}
#: Where a key cannot be waited for.
_LOOK_EVERY_S = 0.02
_WINDOWS_ARROWS = {"H": "up", "P": "down", "M": "right", "K": "left"}


class Keys:
    """Reads keys while its ``with`` block lasts; they are not echoed, and none is lost.

    Where standard input is no terminal there are no keys. On leaving, the terminal is as
    it was, whatever happened inside; so it is while the process is stopped (Ctrl-Z), and in the
    background the terminal is left to the shell.
    """

    def __init__(self) -> None:
        self.active = sys.stdin is not None and sys.stdin.isatty()
        self._before: Any = None
        self._taken = False
        self._undo: list[Callable[[], object]] = []
        self._wake: tuple[int, int] | None = None
        self._leave: Callable[[], None] = _do_nothing
        self._come_back: Callable[[], None] = _do_nothing

    def __enter__(self) -> Self:
        if os.name == "posix":
            self._open_wake()
            if self.active:
                import termios

                self._before = termios.tcgetattr(sys.stdin)
                self._undo.append(interrupt.at_forced_end(self._give_back))
            if threading.current_thread() is threading.main_thread():
                self._listen()
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

    def _open_wake(self) -> None:
        self._wake = os.pipe()
        for end in self._wake:
            os.set_blocking(end, False)
        self._undo.append(self._close_wake)

    def _close_wake(self) -> None:
        ends, self._wake = self._wake, None
        for end in ends or ():
            os.close(end)

    def _listen(self) -> None:
        """Hear of Ctrl-Z, of what follows it, and of another size of the terminal."""
        for number, act in (
            (signal.SIGTSTP, self._stop),
            (signal.SIGCONT, lambda *_: self._take()),
            (signal.SIGWINCH, lambda *_: self.wake()),
        ):
            old = signal.signal(number, act)
            self._undo.append(functools.partial(signal.signal, number, old))

    @contextlib.contextmanager
    def sharing(self, leave: Callable[[], None], come_back: Callable[[], None]) -> Iterator[None]:
        """Within the block, have what is on the screen leave and come back with the terminal."""
        self._leave, self._come_back = leave, come_back
        if _in_foreground():
            come_back()
        try:
            yield
        finally:
            self._leave = self._come_back = _do_nothing

    def _take(self) -> None:
        """Have the terminal hand out single keys, if it is ours now."""
        if not _in_foreground():
            return
        if self._before is not None:
            import termios
            import tty

            with contextlib.suppress(*_gone()):
                tty.setcbreak(sys.stdin, termios.TCSANOW)  # what was typed already stays
        self._taken = True
        self._come_back()

    def _give_back(self) -> None:
        """Put the terminal back, if it is ours now."""
        if self._before is not None and _in_foreground():
            import termios

            with contextlib.suppress(*_gone()):
                termios.tcsetattr(sys.stdin, termios.TCSANOW, self._before)

    def _stop(self, number: int, _frame: object) -> None:
        """Stop the process as Ctrl-Z does by default, with the terminal put back meanwhile."""
        self._leave()
        self._give_back()
        old = signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)  # returns when the process is continued
        signal.signal(number, old)
        self._take()

    def wake(self) -> None:
        """Have `read` return; from any thread."""
        ends = self._wake
        if ends:
            with contextlib.suppress(BlockingIOError):  # it is full: that wakes too
                os.write(ends[1], b"\0")

    def read(self, timeout_s: float) -> list[str]:
        """Return the keys that are there: characters, or ``left right up down``.

        Waits for one, for `wake`, and at most for a time.
        """
        if os.name != "posix":
            return self._read_windows(timeout_s)
        if not _in_foreground():
            if self._taken:
                self._leave()
            self._taken = False
            return self._wait(timeout_s, None)
        if not self._taken:  # a shell tells nobody that it brought a running job to the front
            self._take()
        return self._wait(timeout_s, sys.stdin if self.active else None)

    def _wait(self, timeout_s: float, stdin: IO[str] | None) -> list[str]:
        import select

        watched: list[Any] = [self._wake[0]] if self._wake else []
        watched += [stdin] if stdin else []
        ready, _, _ = select.select(watched, [], [], timeout_s)
        if self._wake and self._wake[0] in ready:
            os.read(self._wake[0], 1024)
        if stdin is None or stdin not in ready:
            return []
        try:
            data = os.read(stdin.fileno(), 1024)
        except OSError:
            data = b""
        if not data:  # the terminal is gone
            self.active = False
            return []
        return parse_keys(data.decode("utf-8", "replace"))

    def _read_windows(self, timeout_s: float) -> list[str]:
        if not self.active:
            time.sleep(timeout_s)
            return []
        import importlib

        msvcrt: Any = importlib.import_module("msvcrt")
        ends = time.monotonic() + timeout_s
        while not msvcrt.kbhit() and (left := ends - time.monotonic()) > 0:
            time.sleep(min(left, _LOOK_EVERY_S))
        keys = []
        while msvcrt.kbhit():
            key = msvcrt.getwch()
            keys.append(_WINDOWS_ARROWS.get(msvcrt.getwch(), "") if key in "\x00\xe0" else key)
        return [key for key in keys if key]


def _do_nothing() -> None:
    pass


def _in_foreground() -> bool:
    """Return whether the terminal is ours: a background process that asks for keys is stopped."""
    try:
        terminal = sys.stdin if sys.stdin.isatty() else sys.stdout
        return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    except (OSError, ValueError, AttributeError):  # none, or not our session's: nobody stops us
        return True


def _gone() -> tuple[type[Exception], ...]:
    """Return what is raised of a terminal that was closed."""
    import termios

    return (termios.error, OSError, ValueError)


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
