"""A file of the cache, and the folder that it lies in: native code, so nothing is taken on trust.

A file is magic, version, key and lengths, then facts (JSON) and code, then the SHA-256 of all of
it. The digest finds every damage and every file in the place of another, before a byte is linked
or unpickled. It is no signature: who may write the user's files may write this one as well. What
others could do is refused by owner and mode, of the file and of its folder; a symbolic link is
not followed and a pipe is not waited for.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Self

__all__ = ["Folder", "Refused", "Stored", "pack", "unpack"]

_MAGIC = b"\x89ZXCODE\n"
_VERSION = 1
#: Magic, version, key, bytes of facts, bytes of code.
_HEADER = struct.Struct("<8sI32sQQ")
_DIGEST_BYTES = hashlib.sha256().digest_size

#: Flags that not every system has.
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_SAFELY = (
    _NO_FOLLOW
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_NOINHERIT", 0)
)
_HAS_FOLDERS = os.open in os.supports_dir_fd and hasattr(os, "O_DIRECTORY")


class Refused(Exception):
    """A file that is not used, with the reason in words."""


class Stored(NamedTuple):
    """What an entry holds: code, and what is known of it."""

    facts: dict[str, Any]
    code: bytes


def pack(key: str, facts: dict[str, Any], code: bytes) -> bytes:
    """Return an entry as the bytes of a file; the key is 64 hexadecimal digits."""
    told = json.dumps(facts).encode()
    header = _HEADER.pack(_MAGIC, _VERSION, bytes.fromhex(key), len(told), len(code))
    data = header + told + code
    return data + hashlib.sha256(data).digest()


def unpack(data: bytes, key: str) -> Stored:
    """Return the entry of a file.

    Raises
    ------
    Refused
        If it is not, to the byte, what was stored under the key.

    """
    if len(data) < _HEADER.size + _DIGEST_BYTES:
        raise Refused("cut short")
    magic, version, mine, told, size = _HEADER.unpack_from(data)
    if magic != _MAGIC or version != _VERSION:
        raise Refused("not a file of this cache")
    if len(data) != _HEADER.size + told + size + _DIGEST_BYTES:
        raise Refused("cut short, or longer than it says")
    if hashlib.sha256(data[:-_DIGEST_BYTES]).digest() != data[-_DIGEST_BYTES:]:
        raise Refused("damaged, its SHA-256 is another")
    if mine != bytes.fromhex(key):
        raise Refused("the code of another function")
    code_at = _HEADER.size + told
    return Stored(json.loads(data[_HEADER.size : code_at]), data[code_at : code_at + size])


def _make(path: Path) -> None:
    """Make a folder and those above it, for the user alone, whatever the umask."""
    if path.is_dir():
        return
    _make(path.parent)
    with contextlib.suppress(FileExistsError):  # another process was quicker
        path.mkdir(0o700)
        path.chmod(0o700)


class Folder:
    """A folder of the user's own, held open, so that what is checked is what is used.

    Raises
    ------
    OSError
        If it is not there and not to be made, is none, or belongs to another user.

    """

    def __init__(self, path: Path, create: bool = False) -> None:
        self.path = path
        if create:
            _make(path)
        self._fd: int | None = None
        if _HAS_FOLDERS:
            self._fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | _SAFELY)
            try:
                self._check(self._fd)
            except BaseException:
                self.close()
                raise
        elif path.is_symlink() or not path.is_dir():
            path.stat()
            raise NotADirectoryError(f"{path.name} is not a folder")

    def _check(self, fd: int) -> None:
        status = os.fstat(fd)
        if status.st_uid != os.geteuid():
            raise OSError(f"{self.path.name} belongs to another user")
        if stat.S_IMODE(status.st_mode) & 0o077:
            os.fchmod(fd, 0o700)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _place(self, name: str) -> str:
        return name if self._fd is not None else str(self.path / name)

    def read(self, name: str, most: int) -> bytes:
        """Return what a file holds.

        Raises
        ------
        Refused
            If it is no plain file, of another owner, writable by others, or larger than `most`.
        OSError
            If it cannot be opened or read; a symbolic link cannot.

        """
        fd = os.open(self._place(name), os.O_RDONLY | _SAFELY, dir_fd=self._fd)
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                raise Refused("not a plain file")
            if self._fd is not None and status.st_uid != os.geteuid():
                raise Refused("belongs to another user")
            if self._fd is not None and status.st_mode & 0o022:
                raise Refused("writable by others")
            if status.st_size > most:
                raise Refused("too large")
            with open(fd, "rb", closefd=False) as file:
                return file.read(status.st_size + 1)
        finally:
            os.close(fd)

    def write(self, name: str, data: bytes) -> None:
        """Put a file in its place, whole: written aside, on the disk, then renamed."""
        part = f"{os.urandom(16).hex()}.part"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _SAFELY
        fd = os.open(self._place(part), flags, 0o600, dir_fd=self._fd)
        try:
            with open(fd, "wb") as file:
                if self._fd is not None:
                    os.fchmod(fd, 0o600)
                file.write(data)
                file.flush()
                os.fsync(fd)
            os.replace(
                self._place(part), self._place(name), src_dir_fd=self._fd, dst_dir_fd=self._fd
            )
        except BaseException:
            with contextlib.suppress(OSError):
                self.remove(part)
            raise

    def remove(self, name: str) -> None:
        """Remove a file, whatever it is; one that is gone already is well."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._place(name), dir_fd=self._fd)

    def plain_files(self) -> Iterator[tuple[str, os.stat_result]]:
        """Yield the names of plain files, and what the system knows of them."""
        with os.scandir(self.path if self._fd is None else self._fd) as found:
            for item in found:
                with contextlib.suppress(FileNotFoundError):
                    if item.is_file(follow_symlinks=False):
                        yield item.name, item.stat(follow_symlinks=False)
