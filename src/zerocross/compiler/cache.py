"""The cache of compiled code, in the user's cache directory.

A key is the content of everything that went into the code (`content`): the function and all that
it calls and names, the compiler package itself, the versions of Python, NumPy, Numba and LLVM,
Numba's settings, and the target. Nothing else needs to be checked when the code is used again.
What cannot be hashed has no key, and is compiled anew in every process.

An entry is one file, `cache_file.pack`; its name is the version of the compiler and the key. The
cache may be missing, full, read-only or damaged: this costs time and a warning, never the run.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import os
import re
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from zerocross.compiler import target
from zerocross.compiler.cache_file import Folder, Refused, Stored, pack, unpack
from zerocross.compiler.content import content_of
from zerocross.errors import CacheRefused, CacheWarning
from zerocross.folders import user_folder

__all__ = ["File", "clear", "content_key", "directory", "inventory", "load", "store"]

#: What is larger is not stored, and not read.
MOST_BYTES = 64 << 20
#: Files that the folder may have, and how long those of other versions stay; see `_prune`.
_MOST_FILES, _MOST_OF_ALL = 8192, 1 << 30
_STALE_S = 30 * 86_400.0
_PART_S = 3600.0
#: Trouble with a file that may be whole: this process, or the disk, has no more to give.
_NOT_ITS_FAULT = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO, errno.EINTR}

#: Our files: entries, unfinished ones, and those of versions before this format.
_ENTRY = re.compile(r"([0-9a-f]{16})-[0-9a-f]{64}\.zxc")
_PART = re.compile(r"[0-9a-f]{32}\.part")
_OLD = re.compile(r"[0-9a-f]{64}\.(o|json|verdict)")

#: Kinds of trouble that were told already, and whether the folder was pruned: once a process.
_told: set[str] = set()
_pruned: set[Path] = set()


def directory() -> Path:
    """Return the cache directory: ``ZEROCROSS_CACHE_DIR``, else the user's own.

    Raises
    ------
    CacheRefused
        If the user has no home directory.

    """
    chosen = os.environ.get("ZEROCROSS_CACHE_DIR")
    if chosen:
        return Path(chosen).absolute()
    try:
        own = user_folder("cache")
    except RuntimeError:
        own = Path("~")
    if not own.is_absolute():
        raise CacheRefused("there is no home directory; set ZEROCROSS_CACHE_DIR to a folder")
    return own


# --- keys -------------------------------------------------------------------------------------


@functools.cache
def _package_key() -> str:
    """Hash the compiler package and the versions it stands on; empty where it has no sources."""
    from importlib.metadata import version  # neither is needed for shipped code

    digest = hashlib.sha256()
    here = Path(__file__).parent
    sources = sorted(here.rglob("*.py"))
    for path in sources:
        text = path.read_bytes()
        digest.update(f"{path.relative_to(here).as_posix()} {len(text)} ".encode() + text)
    numba = version("numba")  # not imported in a warm start
    digest.update(repr((numba, target.llvm_version(), np.__version__, sys.version)).encode())
    return digest.hexdigest() if sources else ""


def _settings() -> str:
    """Return Numba's settings, which it takes from the environment and from a file."""
    chosen = sorted(item for item in os.environ.items() if item[0].startswith("NUMBA_"))
    file, text = Path(".numba_config.yaml"), b""
    with contextlib.suppress(OSError):
        text = file.read_bytes() if file.is_file() else b""
    return repr((chosen, text))


def content_key(function: Callable[..., Any], *extra: str) -> str | None:
    """Return the key of a function and of everything it calls, as 64 hexadecimal digits.

    Parameters
    ----------
    function : callable
        The Python function behind a kernel.
    *extra : str
        What else the code depends on, such as the target.

    Returns
    -------
    str or None
        None where something cannot be hashed: code that is made of it is not stored.

    """
    content, package = content_of(function), _package_key()
    if content.opaque or not package:
        return None
    digest = hashlib.sha256(package.encode() + content.digest)
    for item in (_settings(), *extra):
        data = item.encode("utf-8", "surrogatepass")
        digest.update(f"{len(data)} ".encode() + data)
    return digest.hexdigest()


# --- entries ----------------------------------------------------------------------------------


def load(key: str | None) -> Stored | None:
    """Return what is stored under a key, or None.

    A file that is damaged, of another owner, writable by others, or no plain file is dropped with
    a warning, and nothing of it is used.
    """
    if key is None:
        return None
    try:
        with _folder() as folder:
            return _loaded(folder, key)
    except FileNotFoundError:
        return None
    except CacheRefused as error:
        _tell("folder", f"{error}; compiled code is not kept")
        return None


def _loaded(folder: Folder, key: str) -> Stored | None:
    name = _name(key)
    try:
        return unpack(folder.read(name, MOST_BYTES), key)
    except FileNotFoundError:
        return None
    except Refused as refused:
        reason = str(refused)
    except OSError as error:
        if error.errno in _NOT_ITS_FAULT:
            _tell("file", f"{folder.path / name}: {_reason(error)}; compiling in memory")
            return None
        reason = "a symbolic link" if error.errno == errno.ELOOP else _reason(error)
    with contextlib.suppress(OSError):
        folder.remove(name)
    _tell("file", f"{folder.path / name}: {reason}; dropped, the code is compiled again")
    return None


def store(key: str | None, facts: dict[str, Any], code: bytes) -> None:
    """Store code and what is known of it under a key, whole or not at all.

    A cache that cannot be written costs time and a warning, never the run.
    """
    if key is None:
        return
    data = pack(key, facts, code)
    if len(data) > MOST_BYTES:
        return
    try:
        with _folder(create=True) as folder:
            folder.write(_name(key), data)
            if folder.path not in _pruned:
                _pruned.add(folder.path)
                _prune(folder)
    except CacheRefused as error:
        _tell("folder", f"{error}; compiled code is not kept")


def _name(key: str) -> str:
    return f"{_package_key()[:16]}-{key}.zxc"


@contextlib.contextmanager
def _folder(create: bool = False) -> Iterator[Folder]:
    """Open the folder of entries; what fails meanwhile is told with its name and the way out."""
    path = directory() / "code"
    try:
        with Folder(path, create) as folder:
            yield folder
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not create:
            raise
        raise CacheRefused(
            f"{path}: {_reason(error)}; set ZEROCROSS_CACHE_DIR to a folder of your own"
        ) from error


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _tell(kind: str, message: str) -> None:
    """Warn, once in a process for each kind of trouble."""
    if kind not in _told:
        _told.add(kind)
        # With a place that has no source: a line of code below it would tell the user nothing.
        warnings.warn_explicit(message, CacheWarning, "zerocross", 0, "zerocross")


# --- what is there ----------------------------------------------------------------------------


class File(NamedTuple):
    """A file of the cache.

    Attributes
    ----------
    name : str
    size : int
        In bytes.
    age_s : float
        Since it was written.
    stale : bool
        Whether another version of the compiler wrote it, or nobody finished it.

    """

    name: str
    size: int
    age_s: float
    stale: bool


def inventory() -> list[File]:
    """Return our files in the cache, the oldest first.

    Raises
    ------
    CacheRefused
        If there is a folder that cannot be read, or is not the user's.

    """
    try:
        with _folder() as folder:
            return _files(folder)
    except FileNotFoundError:
        return []


def clear() -> list[File]:
    """Remove our files from the cache, and nothing else; returns those that were removed.

    Raises
    ------
    CacheRefused
        As `inventory`; or if a file cannot be removed.

    """
    removed = []
    with contextlib.suppress(FileNotFoundError), _folder() as folder:
        for file in _files(folder):
            folder.remove(file.name)
            removed.append(file)
    return removed


def _files(folder: Folder) -> list[File]:
    now, version = time.time(), _package_key()[:16]
    found = []
    for name, status in folder.plain_files():
        entry = _ENTRY.fullmatch(name)
        if entry or _PART.fullmatch(name) or _OLD.fullmatch(name):
            stale = entry is None or entry[1] != version
            found.append(File(name, status.st_size, max(0.0, now - status.st_mtime), stale))
    return sorted(found, key=lambda file: -file.age_s)


def _prune(folder: Folder) -> None:
    """Remove what no version will ask for again: old files of others, and the oldest above a cap.

    Other processes may do the same, or use a file that is removed: they have it open, or compile.
    """
    count = size = 0
    for file in sorted(_files(folder), key=lambda file: (file.stale, file.age_s)):
        limit_s = _PART_S if _PART.fullmatch(file.name) else _STALE_S
        count, size = count + 1, size + file.size
        if (file.stale and file.age_s > limit_s) or count > _MOST_FILES or size > _MOST_OF_ALL:
            with contextlib.suppress(OSError):
                folder.remove(file.name)
