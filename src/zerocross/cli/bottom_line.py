"""A line that stands below what is printed, and is written over: one write, only where it differs.

The cursor is hidden and rests at the line's beginning. A terminal that was made narrower may have
broken the line into rows by itself; from there all of them are erased, and nothing else.

Locks: `BottomLine._lock` is held while something is written. It is re-entrant: a signal's handler may
take the line away in the middle of it.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from zerocross.cli import interrupt
from zerocross.cli.printing import keep_below, lose

__all__ = ["BottomLine"]

_HIDE_CURSOR, _SHOW_CURSOR = b"\x1b[?25l", b"\x1b[?25h"
_ERASE = b"\r\x1b[J"
#: A letter that is wider than we think must not begin another row (DECAWM off).
_BEGIN, _END = b"\r\x1b[?7l", b"\x1b[K\x1b[?7h\r"


class BottomLine:
    """The last line of standard output, which is a terminal, while the ``with`` block lasts.

    It is shown from `come_back` on. What `say` and `print_error` print meanwhile, on any thread,
    appears above it. In the end it is gone.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._line = b""
        self._width = 0
        self._is_away = True

    def __enter__(self) -> Self:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
        self._at_forced_end = interrupt.at_forced_end(self._end)
        keep_below(self.away)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        keep_below(None)
        self.go_away()
        self._at_forced_end()

    @property
    def width(self) -> int:
        """Cells of the terminal, now."""
        try:
            return os.get_terminal_size(sys.stdout.fileno()).columns or 80
        except (OSError, ValueError):
            return 80

    def show(self, line: bytes, width: int) -> bool:
        """Show a line made for a width, if it is not what is shown; returns whether it was written."""
        with self._lock:
            if self._is_away or (line == self._line and width == self._width):
                return False
            erase = _ERASE if width != self._width else b""
            self._line, self._width = line, width
            _write(erase + _BEGIN + line + _END)
            return True

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        """Take the line away while something is printed in its place."""
        with self._lock:
            is_there = not self._is_away
            if is_there:
                _write(_ERASE)
            try:
                yield
            finally:
                if is_there and not self._is_away:
                    _write(_BEGIN + self._line + _END)

    def go_away(self) -> None:
        """Leave the terminal to others, with its cursor, until `come_back`."""
        with self._lock:
            if not self._is_away:
                self._is_away = True
                _write(_ERASE + _SHOW_CURSOR)

    def come_back(self) -> None:
        """Be shown again, from the next `show` on."""
        with self._lock:
            if self._is_away:
                self._is_away = False
                self._line, self._width = b"", self.width
                _write(_HIDE_CURSOR)

    def _end(self) -> None:
        """Put the cursor back; the lock may be held by whoever is stuck."""
        _write(b"\r\x1b[K\x1b[?7h" + _SHOW_CURSOR)


def _write(sequence: bytes) -> None:
    """Write to the terminal, past Python's buffer, which is empty."""
    try:
        while sequence:
            sequence = sequence[os.write(sys.stdout.fileno(), sequence) :]
    except (OSError, ValueError) as error:
        lose(sys.stdout, error)
