"""Files: names that any terminal can print, regular files only, outputs that are whole or not there.

Everything here asks before it reads. A FIFO, a device, a socket or a terminal in a file's place is
refused from its kind: it is never opened, so it is never waited for. What is written stands under
another name in the same folder until it is complete (`written_aside`); a failure, an interrupt or
a full disk leaves what was there before.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import IO

from zerocross.errors import SourceError, UsageError, ZerocrossError

__all__ = [
    "PathLike",
    "abandon_unfinished",
    "check_ending",
    "check_output",
    "check_regular",
    "open_regular",
    "printable",
    "read_small",
    "written_aside",
]

PathLike = str | bytes | os.PathLike[str]

_KINDS = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
# Control and format characters, halves of pairs, line and paragraph ends: they move cursors, turn
# text around, or cannot be encoded. Two joiners are letters of Persian and of emoji.
_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_JOINERS = {"\u200c", "\u200d"}
_SURROGATE_OF_BYTE = 0xDC00
_unfinished: set[str] = set()
#: Who an address says that we are: never to be seen.
_USER = re.compile(r"(?<=://)[^/?#\s]*@")


def printable(text: PathLike) -> str:
    r"""Return a path or a text as one line that any terminal can print, whatever it holds.

    What is not to be printed is shown as Python writes it: ``\xff``, ``\n``, ``\u202e``. The name
    and the password in an address are left out.
    """
    plain = os.fsdecode(text)
    if "://" in plain:
        plain = _USER.sub("", plain)
    return plain if plain.isprintable() else "".join(map(_shown, plain))


def _shown(letter: str) -> str:
    if letter in _JOINERS or unicodedata.category(letter) not in _HIDDEN:
        return letter
    code = ord(letter)
    if _SURROGATE_OF_BYTE + 0x80 <= code <= _SURROGATE_OF_BYTE + 0xFF:  # a byte that is no UTF-8
        return f"\\x{code - _SURROGATE_OF_BYTE:02x}"
    return ascii(letter)[1:-1]


def read_small(path: PathLike, most_bytes: int, what: str) -> bytes:
    """Return the bytes of a regular file that is small.

    Parameters
    ----------
    path : path-like
        The file.
    most_bytes : int
        Longer ones are refused from their size.
    what : str
        What it is to be, for the error: ``a playlist``.

    Raises
    ------
    SourceError
        If it is not that.

    """
    descriptor, size = _open_regular(path)
    limit = most_bytes / (1 << 20)
    with open(descriptor, "rb") as file:
        if size <= most_bytes:
            try:
                raw = file.read(most_bytes + 1)
            except OSError as error:
                raise _unreadable(path, error) from None
            if len(raw) <= most_bytes:
                return raw
    raise SourceError(printable(path), f"longer than {limit:g} MiB; that is no {what}")


@contextlib.contextmanager
def open_regular(path: PathLike) -> Iterator[IO[bytes]]:
    """Open a regular file for reading, unbuffered.

    Raises
    ------
    SourceError
        For anything else.

    """
    descriptor, _ = _open_regular(path)
    with open(descriptor, "rb", buffering=0) as file:
        yield file


def check_regular(path: PathLike) -> None:
    """Refuse what is no regular file, or is empty; without opening it.

    Raises
    ------
    SourceError
        In one line.

    """
    try:
        _refuse_what_is_no_file(path, os.stat(os.fsdecode(path)))
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None


def _open_regular(path: PathLike) -> tuple[int, int]:
    """Return a descriptor of a regular file and its size."""
    name = os.fsdecode(path)
    try:
        _refuse_what_is_no_file(path, os.stat(name))
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
        descriptor = os.open(name, flags | getattr(os, "O_BINARY", 0))
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None
    try:
        found = os.fstat(descriptor)  # of what was opened: it may be another by now
        _refuse_what_is_no_file(path, found)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor, found.st_size


def _refuse_what_is_no_file(path: PathLike, found: os.stat_result) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise SourceError(printable(path), "is a directory; give a file in it")
    if not stat.S_ISREG(found.st_mode):
        kind = _KINDS.get(stat.S_IFMT(found.st_mode), "of another kind")
        raise SourceError(printable(path), f"is {kind}, not a file; give a regular file")
    if found.st_size == 0:
        raise SourceError(printable(path), "the file is empty (0 bytes); copy it again")


def _unreadable(path: PathLike, error: OSError | ValueError) -> SourceError:
    if isinstance(error, FileNotFoundError):
        return SourceError(printable(path), "no such file; check the name")
    reason = getattr(error, "strerror", None) or str(error)
    return SourceError(
        printable(path), f"cannot be opened ({reason.lower()}); check its name and permissions"
    )


# --- writing --------------------------------------------------------------------------------------


def check_output(output: PathLike, inputs: Iterable[PathLike] = ()) -> None:
    """Refuse, before any work, a file that cannot be written or that is one of the inputs.

    Raises
    ------
    UsageError
        In one line.

    """
    name = printable(output)
    if "\0" in os.fsdecode(output):
        raise UsageError(f"{name}: cannot be written (a zero byte in it); give another name")
    if os.fsdecode(output).endswith(("/", os.sep)):  # `realpath` strips it
        raise UsageError(f"{name}: cannot be written (names a directory); give a file's name")
    target = os.path.realpath(os.fsdecode(output))
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        raise UsageError(f"{name}: cannot be written (no such directory); make it first")
    _check_name(name, target)
    if os.path.isdir(target):
        raise UsageError(f"{name}: cannot be written (is a directory); give a file's name")
    if os.path.lexists(target) and not os.path.isfile(target):
        raise UsageError(f"{name}: cannot be written (is no regular file); give another name")
    if not os.access(folder, os.W_OK):
        raise UsageError(f"{name}: cannot be written (the folder is read-only); give another")
    if os.path.exists(target):
        for path in inputs:
            with contextlib.suppress(OSError, ValueError):
                if os.path.samefile(os.fsdecode(path), target):
                    raise UsageError(
                        f"{name}: is what is read ({printable(path)}); give another name"
                    )


def check_ending(path: PathLike, endings: Sequence[str]) -> str:
    """Return the ending of a file's name, in small letters; UsageError for one that is not to be had."""
    ending = os.path.splitext(os.fsdecode(path))[1].lower()
    if ending not in endings:
        raise UsageError(f"{printable(path)}: the name must end in {' or '.join(endings)}")
    return ending


def _check_name(name: str, target: str) -> None:
    """Refuse a name that no file can have, as one that is too long: it would be told at the end."""
    try:
        os.lstat(target)
    except FileNotFoundError:
        pass
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"{name}: cannot be written ({reason}); give another name") from None


@contextlib.contextmanager
def written_aside(output: PathLike) -> Iterator[str]:
    """Yield another name in the output's folder; at the end of the block it takes its place.

    Where the block raises, the new file is removed and the old one stays. A link is followed, and
    the mode of a file that is replaced is kept.

    Raises
    ------
    UsageError
        As `check_output`.
    ZerocrossError
        If it cannot be written.

    """
    check_output(output)
    target = os.path.realpath(os.fsdecode(output))
    part = os.path.join(os.path.dirname(target), f".zerocross-{os.urandom(6).hex()}.part")
    _unfinished.add(part)
    try:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        yield part
        if os.path.exists(target):
            os.chmod(part, stat.S_IMODE(os.stat(target).st_mode))
        os.replace(part, target)
    except OSError as error:
        raise ZerocrossError(
            f"{printable(output)}: cannot be written ({(error.strerror or str(error)).lower()}); "
            "check the folder and its free space"
        ) from None
    finally:
        with contextlib.suppress(OSError):
            os.unlink(part)
        _unfinished.discard(part)


def abandon_unfinished() -> None:
    """Remove what is half written: for a process that is about to end without unwinding."""
    for part in list(_unfinished):
        with contextlib.suppress(OSError):
            os.unlink(part)
