"""Single keys from a terminal, without waiting, and the terminal put back afterwards."""

from __future__ import annotations

import os
import sys
from types import TracebackType
from typing import Any, Self

__all__ = ["Keys"]

_ARROWS = {"A": "up", "B": "down", "C": "right", "D": "left"}
_WINDOWS_ARROWS = {"H": "up", "P": "down", "M": "right", "K": "left"}


class Keys:
    """Reads keys while its ``with`` block lasts.

    Where standard input is no terminal there are no keys. On leaving, the terminal is as
    it was, whatever happened inside.
    """

    def __init__(self) -> None:
        self.active = sys.stdin is not None and sys.stdin.isatty()
        self._before: Any = None

    def __enter__(self) -> Self:
        if self.active and os.name == "posix":
            import termios
            import tty

            self._before = termios.tcgetattr(sys.stdin)
            tty.setcbreak(sys.stdin)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._before is not None:
            import termios

            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._before)
            self._before = None

    def read(self, timeout_s: float) -> list[str]:
        """Return the keys pressed within a time: characters, or ``left right up down``."""
        if not self.active:
            import time

            time.sleep(timeout_s)
            return []
        return self._read_posix(timeout_s) if os.name == "posix" else self._read_windows(timeout_s)

    def _read_posix(self, timeout_s: float) -> list[str]:
        import select

        ready, _, _ = select.select([sys.stdin], [], [], timeout_s)
        if not ready:
            return []
        data = os.read(sys.stdin.fileno(), 1024)
        if not data:  # the terminal is gone
            self.active = False
            return []
        return parse_keys(data.decode("utf-8", "replace"))

    def _read_windows(self, timeout_s: float) -> list[str]:
        import importlib
        import time

        msvcrt: Any = importlib.import_module("msvcrt")
        time.sleep(timeout_s)
        keys = []
        while msvcrt.kbhit():
            key = msvcrt.getwch()
            keys.append(_WINDOWS_ARROWS.get(msvcrt.getwch(), "") if key in "\x00\xe0" else key)
        return [key for key in keys if key]


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
