"""What the command line prints: one door, which no name and no stream can break.

Text goes through `say`: control characters of names and tags never reach the terminal. What an
encoding does not have is replaced by what looks like it, or is spelled out. A stream that takes
nothing (a closed pipe, a full disk, a terminal that went) stops being written to; the work goes on,
and `lost_output` makes the exit code tell.
"""

from __future__ import annotations

import codecs
import contextlib
import errno
import os
import sys
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import IO, Any

from zerocross.files import printable

__all__ = [
    "console",
    "encoded",
    "has_screen",
    "keep_below",
    "lose",
    "lost_output",
    "prepare",
    "print_error",
    "print_errors",
    "say",
    "show",
]

_ERRORS = "zerocross"
#: What our own pictures are made of, for encodings that have none of it.
_PLAIN = dict(zip("▶⏸■━─▮▯…█▌•│µ←→↑↓▁▂▃▄▅▆▇", ">=.=-#..#|*|u<>^v_..-+oO", strict=True))
_PLAIN |= {"∞": "inf"}
_lost: list[OSError] = []
#: What takes a line away that stands below what is printed, while something is.
_make_way: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext


def prepare() -> None:
    """Make the standard streams take whatever text there is.

    Descriptors that are closed are opened on the null device: the next file would else become
    standard output.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):  # none, or one of a program's own
            stream.reconfigure(errors=_ERRORS)  # type: ignore[union-attr]


def _look_alike(error: UnicodeError) -> tuple[str | bytes, int]:
    if isinstance(error, UnicodeEncodeError):
        letter = error.object[error.start]
        plain = _PLAIN.get(letter) or letter.encode("ascii", "backslashreplace").decode()
        return plain, error.start + 1
    return codecs.backslashreplace_errors(error)


codecs.register_error(_ERRORS, _look_alike)


def encoded(text: str, encoding: str) -> bytes:
    """Return a text's bytes as all that is printed is encoded: see above."""
    return text.encode(encoding, _ERRORS)


def say(text: str, err: bool = False) -> None:
    """Print lines on standard output, or on standard error."""
    _write("\n".join(map(printable, text.split("\n"))) + "\n", sys.stderr if err else sys.stdout)


def print_error(error: object) -> None:
    """Print an error's line."""
    say(f"error: {error}", err=True)


def print_errors(errors: Iterable[object]) -> None:
    """Print a line for each error."""
    for error in errors:
        print_error(error)


def console() -> Any:
    """Return a console for tables; it takes text as it is."""
    from rich.console import Console

    return Console(highlight=False, markup=False, emoji=False)


def show(*tables: Any) -> None:
    """Print tables; their cells are to be `printable`."""
    screen = console()
    with screen.capture() as captured:
        for table in tables:
            screen.print(table)
    _write(captured.get(), sys.stdout)


def has_screen(stream: IO[str] | None) -> bool:
    """Return whether a stream is a terminal that can write over a line."""
    dumb = os.environ.get("TERM", "").lower() in ("dumb", "unknown")
    return stream is not None and not dumb and stream.isatty()


def keep_below(make_way: Callable[[], AbstractContextManager[None]] | None) -> None:
    """Have a line make way, by a context manager, for what is printed on terminals; None for none."""
    global _make_way  # noqa: PLW0603  there is one screen
    _make_way = make_way or contextlib.nullcontext


def _write(text: str, stream: IO[str] | None) -> None:
    if stream is None:  # closed before we began
        return lose(stream, OSError(errno.EBADF, os.strerror(errno.EBADF)))
    try:
        with _make_way() if stream.isatty() else contextlib.nullcontext():
            stream.write(text)
            stream.flush()
    except (OSError, ValueError) as error:
        lose(stream, error)


def lose(stream: IO[str] | None, error: Exception) -> None:
    """Stop writing to a stream: what comes goes to the null device."""
    if stream is not sys.stderr:
        _lost.append(error if isinstance(error, OSError) else OSError(errno.EBADF, str(error)))
    with contextlib.suppress(AttributeError, OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())  # type: ignore[union-attr]
        os.close(null)


def lost_output() -> bool:
    """Return, at the end, whether standard output took all; says why, but for a closed pipe."""
    if sys.stdout is not None and not _lost:
        try:
            sys.stdout.flush()
        except (OSError, ValueError) as error:
            lose(sys.stdout, error)
    if not _lost:
        return False
    first = _lost[0]
    _lost.clear()
    if first.errno not in (errno.EPIPE, errno.EIO):
        reason = (first.strerror or str(first)).lower()
        print_error(f"standard output cannot be written ({reason}); give it another place")
    return True
