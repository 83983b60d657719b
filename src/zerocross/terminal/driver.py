"""Textual's driver for the terminal, with one way out and one way in.

What Textual composes and what surfaces paint leave by the same lock and the same ``os.write``, so no
escape sequence is cut in two. Input is read by the event loop. There is no thread that waits or
polls: where nothing happens nobody wakes.

The terminal is opened anew, without blocking: a terminal that does not read holds up nothing. What
it has not taken is sent when it takes more; meanwhile frames are skipped.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import termios
import threading
import time
import tty
from codecs import getincrementaldecoder
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

from textual import constants, events
from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver
from textual.geometry import Size
from textual.message import Message

from zerocross.terminal.pasted import Pasted

if TYPE_CHECKING:
    from zerocross.terminal.visual.frames import Frames

__all__ = ["ScreenDriver"]

#: Alternative screen, no cursor, no wrapping, mouse (buttons, wheel, dragging), pasting, focus.
_ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[?1000h\x1b[?1002h\x1b[?1006h\x1b[?2004h\x1b[?1004h"
_ENTER_KEYBOARD = "\x1b[>25u"  # kitty's keyboard protocol
_ASK_SYNCHRONISED = "\x1b[?2026$p"
_LEAVE = (
    "\x1b[?2026l\x1b[?1004l\x1b[?2004l\x1b[?1006l\x1b[?1002l\x1b[?1000l\x1b[<u\x1b[?7h"
    "\x1b[0m\x1b[?1049l\x1b[?25h"
)
#: What a terminal that does not read may be behind; then all is painted anew once it reads.
_MOST_WAITING = 1 << 20
#: How long it is waited for such a terminal at the end.
_PATIENCE_S = 0.5
#: A terminal that says it is larger than any screen is drawn on in part.
_MOST_COLUMNS, _MOST_ROWS = 1000, 400


class Seen(Protocol):
    """What may be covered by something else."""

    @property
    def is_seen(self) -> bool:
        """Whether it is on the terminal."""


class ScreenDriver(LinuxDriver):
    """Everything that goes to the terminal and comes from it, on the event loop's thread."""

    def __init__(
        self,
        app: Any,
        *,
        debug: bool = False,
        mouse: bool = True,
        size: tuple[int, int] | None = None,
    ) -> None:
        self._old_handlers = {
            number: signal.getsignal(number)
            for number in (signal.SIGTSTP, signal.SIGCONT, signal.SIGWINCH)
        }
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self._lock = threading.Lock()
        self._queued: list[str] = []
        self._waiting = bytearray()
        self._is_due = False
        self._is_on = self._paints = self._is_lost = False
        self._frames: Frames | None = None
        self._fd = _reopened()
        self._screen: Any = app
        self._encode = app.encode
        self.attrs_before = _attributes(self._fd)

    # --- out ----------------------------------------------------------------------------------

    def write(self, data: str) -> None:
        """Take a text of Textual's; it is sent with the next `flush`, or when the loop is free."""
        with self._lock:
            self._queued.append(data)
            if self._is_due:
                return
            self._is_due = True
        self._loop.call_soon_threadsafe(self.flush)

    def flush(self) -> None:
        """Send what was taken."""
        if self._queued:
            with self._alone():
                self._send_queued()

    def paint(self, data: memoryview, surface: Seen | None = None) -> bool:
        """Send a frame at once; False if the terminal has not taken all before it, or it is covered."""
        with self._alone():
            self._send_queued()
            if not self.is_free or (surface and not surface.is_seen):
                return False
            self._send(data)
            return True

    def show(self, frames: Frames, surface: Seen, period_s: float, most: int) -> tuple[int, int]:
        """Have frames shown without Python until something else is to be sent, or so many at most.

        Returns how many there were, and how many of them sent something: none while the terminal has
        not taken all before them, or they would be covered.
        """
        with self._lock:
            self._send_queued()
            if not self.is_free or not surface.is_seen:
                return 0, 0
            self._frames = frames
        shown, changed, unsent = frames.show(self._fd, period_s, most)
        if len(unsent):  # and whoever wants to send something waits for the mutex
            self._keep(unsent)
            frames.mutex.__exit__()
        self._frames = None
        return shown, changed

    @property
    def is_free(self) -> bool:
        """Whether a frame would be sent now."""
        return self._paints and not self._waiting

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Be the one who sends: what is shown without Python ends."""
        with self._lock:
            frames = self._frames
            if frames is None:
                yield
                return
            frames.halt()
            with frames.mutex:
                yield

    def _send_queued(self) -> None:
        self._is_due = False
        if self._queued:
            data = self._encode("".join(self._queued))
            self._queued.clear()
            self._send(data)

    def _send(self, data: bytes | memoryview) -> None:
        if self._is_lost:
            return
        sent = 0 if self._waiting else self._write_some(data)
        if sent < len(data):
            self._keep(data[sent:])

    def _keep(self, data: bytes | memoryview) -> None:
        """Send data when the terminal takes more."""
        if len(self._waiting) > _MOST_WAITING:
            self._loop.call_soon_threadsafe(self._screen.repaint)
            self._waiting.clear()
        self._waiting += data
        if self._is_on:
            self._loop.call_soon_threadsafe(self._loop.add_writer, self._fd, self._go_on)

    def _write_some(self, data: bytes | memoryview | bytearray) -> int:
        try:
            return os.write(self._fd, data)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError:
            self._lose()
            return len(data)

    def _go_on(self) -> None:
        """Send more, for the terminal can take more."""
        with self._alone():
            del self._waiting[: self._write_some(self._waiting)]
            if not self._waiting:
                self._loop.remove_writer(self._fd)

    def _lose(self) -> None:
        """Have the program end: the terminal is gone."""
        if not self._is_lost:
            self._is_lost = True
            self._waiting.clear()
            self._loop.call_soon_threadsafe(self._screen.end, signal.SIGHUP)

    def _send_all(self) -> None:
        """Wait until everything is sent, but not for ever."""
        ends = time.monotonic() + _PATIENCE_S
        while (self._waiting or self._queued) and not self._is_lost and time.monotonic() < ends:
            with self._alone():
                self._send_queued()
                del self._waiting[: self._write_some(self._waiting)]
            if self._waiting:
                select.select([], [self._fd], [], _PATIENCE_S)

    # --- in -----------------------------------------------------------------------------------

    def _listen(self) -> None:
        self._parser = XTermParser(self._debug)
        self._pasted = Pasted()
        self._decode = getincrementaldecoder("utf-8")("replace").decode
        self._loop.add_reader(self._fd, self._read)

    def _read(self) -> None:
        try:
            data = os.read(self._fd, 1 << 14)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            self._loop.remove_reader(self._fd)
            self._lose()
            return
        self._tick()  # an escape key whose time is over is none of another key's: the loop may be late
        for event in self._parser.feed(self._pasted.without_escapes(self._decode(data))):
            self.process_message(event)
        if self._parser._timeout_time is not None:  # an escape key, or a sequence's beginning
            self._loop.call_later(constants.ESCAPE_DELAY + 0.001, self._tick)

    def _tick(self) -> None:
        for event in self._parser.tick():
            self.process_message(event)

    def send_message(self, message: Message) -> None:
        """Hand a message to the app, which lives on this thread."""
        self._app.post_message(message)

    def _resized(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._tell_size)

    def _tell_size(self) -> None:
        size = Size(*self._get_terminal_size())
        self._app.post_message(events.Resize(size, size))

    def _get_terminal_size(self) -> tuple[int, int]:
        try:
            found = os.get_terminal_size(self._fd)
        except OSError:
            return 80, 24
        return min(found.columns or 80, _MOST_COLUMNS), min(found.lines or 24, _MOST_ROWS)

    # --- coming and going ---------------------------------------------------------------------

    def start_application_mode(self) -> None:
        """Take the terminal; in the background the process sleeps until it is ours."""
        if self._is_lost:
            return
        self._wait_for_foreground()
        signal.signal(signal.SIGWINCH, self._resized)
        with contextlib.suppress(termios.error, TypeError):
            raw = termios.tcgetattr(self._fd)
            raw[tty.LFLAG] = self._patch_lflag(raw[tty.LFLAG])
            raw[tty.IFLAG] = self._patch_iflag(raw[tty.IFLAG])
            raw[tty.CC][termios.VMIN] = 1
            termios.tcsetattr(self._fd, termios.TCSANOW, raw)
        self._is_on = self._paints = True
        keyboard = "" if constants.DISABLE_KITTY_KEY else _ENTER_KEYBOARD
        is_apple = os.environ.get("TERM_PROGRAM") == "Apple_Terminal"
        self.write(_ENTER + keyboard + ("" if is_apple else _ASK_SYNCHRONISED))
        self.flush()
        self._listen()
        self._tell_size()
        if self._must_signal_resume:
            self._must_signal_resume = False
            self._app.post_message(self.SignalResume())

    def _wait_for_foreground(self) -> None:
        """Have the process stopped, as other programs are, if the terminal is not ours."""
        with contextlib.suppress(OSError):  # it is not our session's: nobody stops us
            while os.tcgetpgrp(self._fd) != os.getpgrp():
                os.kill(os.getpid(), signal.SIGSTOP)

    def disable_input(self) -> None:
        """Read no more."""
        if not self._is_lost:
            with contextlib.suppress(ValueError, OSError, RuntimeError):
                self._loop.remove_reader(self._fd)
            with contextlib.suppress(termios.error):
                termios.tcflush(self._fd, termios.TCIFLUSH)

    def stop_application_mode(self) -> None:
        """Give the terminal back as it was."""
        if not self._is_on:
            return
        self.disable_input()
        with self._alone():
            self._paints = False
        self.write(_LEAVE)
        self._send_all()
        with contextlib.suppress(ValueError, OSError, RuntimeError):
            self._loop.remove_writer(self._fd)
        self._is_on = False
        self._give_back()

    def restore(self) -> None:
        """Put the terminal back whatever happens; from any thread, and where the lock is held."""
        if self._is_on:
            with contextlib.suppress(OSError):
                os.write(self._fd, _LEAVE.encode())
            self._give_back()

    def _give_back(self) -> None:
        with contextlib.suppress(termios.error, TypeError):
            termios.tcsetattr(self._fd, termios.TCSANOW, self.attrs_before or [])

    def close(self) -> None:
        """Let go of signals; the terminal stays open, for it may come back."""
        if self._is_on:
            self.stop_application_mode()

    def dispose(self) -> None:
        """Let go of everything, at the end."""
        self.close()
        for number, handler in self._old_handlers.items():
            signal.signal(number, handler)
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _sigtstp_application(self, *_: object) -> None:
        """Stop the process as Ctrl-Z does: on the loop, for here somebody may be about to write."""
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._stop_process)

    def _sigcont_application(self, *_: object) -> None:
        """Come back: by a shell's fg, or after a stop that nobody told us of."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._go_on_with_process)

    def _stop_process(self) -> None:
        """Stop, with the terminal put back meanwhile."""
        if self._auto_restart and self._is_on:
            self.stop_application_mode()
            self._must_signal_resume = True
        os.kill(os.getpid(), signal.SIGSTOP)

    def _go_on_with_process(self) -> None:
        """Have the terminal again."""
        if not self._auto_restart or self._is_lost:
            return
        if self._is_on:
            self.disable_input()
        self.start_application_mode()
        self._loop.call_soon_threadsafe(self._screen.repaint)


def _reopened() -> int:
    """Return the terminal, opened for us alone: its flags are not the shell's."""
    for stream in (sys.__stdout__, sys.__stdin__):
        with contextlib.suppress(OSError, AttributeError, ValueError):
            name = os.ttyname(stream.fileno())  # type: ignore[union-attr]
            return os.open(name, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    return os.open("/dev/tty", os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)


def _attributes(fd: int) -> list[Any] | None:
    try:
        return termios.tcgetattr(fd)
    except termios.error:
        return None
