"""A terminal of our own: a program runs in it, what it writes is kept with its times, and shown.

The emulator is pyte's, with what programs of today send besides: repeated letters, and questions
that it leaves unanswered, as a terminal does that does not know them.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Self

import pyte

__all__ = ["Emulator", "Piece", "Terminal"]

_SETSID = shutil.which("setsid") or "setsid"
#: What pyte would take for text: strings of DCS, APC, PM and SOS, and CSI with <, = and >.
_FOREIGN = re.compile(rb"\x1b(?:[P_^X].*?(?:\x1b\\|\x07)|\[[<=>][0-?]*[ -/]*[@-~])", re.DOTALL)
_BEGUN = re.compile(rb"\x1b(?:[P_^X](?:(?!\x1b\\|\x07).)*|\[?|\[[<=>][0-?]*[ -/]*)$", re.DOTALL)


class Piece(NamedTuple):
    """What came in one read, and when, of the monotonic clock."""

    at_s: float
    data: bytes


class _Screen(pyte.Screen):
    """pyte's, which can repeat a letter (REP), and knows which modes are set."""

    def draw(self, data: str) -> None:
        super().draw(data)
        self._last = data[-1:]

    def repeat(self, count: int = 1) -> None:
        self.draw(getattr(self, "_last", "") * max(1, count))

    def is_set(self, private: int) -> bool:
        """Return whether a private mode of the terminal is set."""
        return private << 5 in self.mode


class _Stream(pyte.ByteStream):
    csi = {**pyte.ByteStream.csi, "b": "repeat", "`": "cursor_to_column"}  # noqa: RUF012
    events = pyte.ByteStream.events | {"repeat"}


class Emulator:
    """What a terminal shows of bytes.

    Attributes
    ----------
    screen : pyte.Screen
        Its cells: ``screen.buffer[row][column]`` has ``data``, ``fg`` and ``bg``.

    """

    def __init__(self, columns: int = 80, rows: int = 24) -> None:
        self.screen = _Screen(columns, rows)
        self._stream = _Stream(self.screen)
        self._left = b""

    def feed(self, data: bytes) -> None:
        """Show bytes; a sequence may come in pieces."""
        data = _FOREIGN.sub(b"", self._left + data)
        begun = _BEGUN.search(data)
        end = begun.start() if begun else len(data)
        self._left = data[end:]
        self._stream.feed(data[:end])

    def resize(self, columns: int, rows: int) -> None:
        """Be another size."""
        self.screen.resize(rows, columns)

    @property
    def lines(self) -> list[str]:
        """What is to be read, without blanks at the ends."""
        return [line.rstrip() for line in self.screen.display]

    @property
    def text(self) -> str:
        """The same, in one."""
        return "\n".join(self.lines)


class Terminal:
    """A program in a terminal of its own, which is its controlling one.

    Parameters
    ----------
    command : sequence of str
    env : mapping
    columns, rows : int
    is_shown : bool
        False keeps what is written and does not emulate it until `emulator` is asked for.

    Attributes
    ----------
    process : Popen
    pieces : list of Piece
        All that it wrote.

    """

    def __init__(
        self,
        command: Sequence[str],
        env: Mapping[str, str] | None = None,
        columns: int = 120,
        rows: int = 40,
        cwd: Any = None,
    ) -> None:
        self._outer, inner = os.openpty()
        termios.tcsetwinsize(inner, (rows, columns))
        self._emulator, self._shown = Emulator(columns, rows), 0
        self.pieces: list[Piece] = []
        self._came = threading.Condition()
        self.started_s = time.monotonic()
        self.process = subprocess.Popen(
            [_SETSID, "--ctty", *command],
            env=env,
            stdin=inner,
            stdout=inner,
            stderr=inner,
            cwd=cwd,
        )
        os.close(inner)
        self._reader = threading.Thread(target=self._read, daemon=True, name="terminal")
        self._reader.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # EIO: nobody has the other end any more
            while data := os.read(self._outer, 1 << 16):
                with self._came:
                    self.pieces.append(Piece(time.monotonic(), data))
                    self._came.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- what a person does -----------------------------------------------------------------

    def press(self, keys: bytes | str) -> float:
        """Press keys; returns when."""
        data = keys.encode() if isinstance(keys, str) else keys
        at_s = time.monotonic()
        os.write(self._outer, data)
        return at_s

    def click(self, column: int, row: int, button: int = 0) -> float:
        """Click a cell with a button of the mouse (SGR's report of it), 64 and 65 are its wheel."""
        place = f"{button};{column + 1};{row + 1}"
        up = "" if button >= 64 else f"\x1b[<{place}m"
        return self.press(f"\x1b[<{place}M{up}")

    def resize(self, columns: int, rows: int) -> None:
        """Make the window another size."""
        self._catch_up()
        self._emulator.resize(columns, rows)
        termios.tcsetwinsize(self._outer, (rows, columns))

    # --- what a person sees -----------------------------------------------------------------

    @property
    def emulator(self) -> Emulator:
        """What is shown of all that came so far."""
        self._catch_up()
        return self._emulator

    @property
    def text(self) -> str:
        """What is to be read."""
        return self.emulator.text

    def _catch_up(self) -> None:
        end = len(self.pieces)
        for piece in self.pieces[self._shown : end]:
            self._emulator.feed(piece.data)
        self._shown = end

    def wait_for(
        self, shown: str | Callable[[Emulator], Any], timeout_s: float = 30.0, what: str = ""
    ) -> float:
        """Wait until text, or anything, is shown; returns when that came.

        Raises
        ------
        TimeoutError
            With what is shown instead.

        """
        holds = (lambda e: shown in e.text) if isinstance(shown, str) else shown
        deadline = time.monotonic() + timeout_s
        while not holds(self.emulator):
            if not self.wait_for_bytes(self._shown, deadline - time.monotonic()):
                if holds(self.emulator):
                    break
                name = what or (repr(shown) if isinstance(shown, str) else "it")
                ended = self.process.poll()
                state = "" if ended is None else f" (it ended with {ended})"
                raise TimeoutError(f"{name} is not shown{state}, but:\n{self.text}")
        return self.pieces[self._shown - 1].at_s if self._shown else self.started_s

    def wait_for_bytes(self, pieces: int, timeout_s: float) -> bool:
        """Wait until there are more pieces than so many; returns whether there are."""
        with self._came:
            return self._came.wait_for(
                lambda: len(self.pieces) > pieces or not self._reader.is_alive(),
                max(0.0, timeout_s),
            ) and (len(self.pieces) > pieces)

    def bytes_between(self, begin_s: float, end_s: float) -> int:
        """Return how many bytes came in a time."""
        return sum(len(p.data) for p in self.pieces if begin_s <= p.at_s < end_s)

    # --- the end ------------------------------------------------------------------------------

    def wait(self, timeout_s: float = 20.0) -> int:
        """Wait for the program's end; returns its status, and all that it wrote is there."""
        status = self.process.wait(timeout_s)
        self._reader.join(2.0)
        return status

    def close(self) -> None:
        """End the program, if it has not ended."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self.process.pid, signal.SIGKILL)
                self.process.kill()
                self.process.wait()
        if self._outer >= 0:
            os.close(self._outer) if not self._reader.is_alive() else None
            self._reader.join(5)
            with contextlib.suppress(OSError):
                os.close(self._outer)
            self._outer = -1
