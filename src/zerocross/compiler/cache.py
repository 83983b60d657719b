"""The cache of compiled code, in the user's cache directory.

A key is the content of everything that went into the code: the bytecode of the kernel and
of every kernel that it calls, the constants they name, the compiler package itself, the
versions of Python, Numba and LLVM, and the target. Nothing else needs to be checked when
the code is used again.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.metadata
import os
import sys
import tempfile
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs

from zerocross.compiler.callee import Callee

__all__ = ["content_key", "directory", "load", "store"]


def directory() -> Path:
    """Return the cache directory: ``ZEROCROSS_CACHE_DIR``, else the user's own."""
    chosen = os.environ.get("ZEROCROSS_CACHE_DIR")
    return Path(chosen) if chosen else Path(platformdirs.user_cache_dir("zerocross"))


def load(key: str, suffix: str) -> bytes | None:
    """Return what is stored under a key, or None."""
    try:
        return (directory() / "code" / f"{key}.{suffix}").read_bytes()
    except OSError:
        return None


def store(key: str, suffix: str, data: bytes) -> None:
    """Store under a key. A cache that cannot be written costs time, never the run."""
    folder = directory() / "code"
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=folder, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.replace(name, folder / f"{key}.{suffix}")
        except OSError:
            os.unlink(name)


@functools.cache
def _package_key() -> bytes:
    """Hash the compiler package and the versions it stands on."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    for package in ("numba", "llvmlite"):
        digest.update(f"{package}={importlib.metadata.version(package)};".encode())
    digest.update(sys.version.encode())
    return digest.digest()


def content_key(function: Callable[..., Any], *extra: str) -> str:
    """Return the key of a function and of everything it calls, as 64 hexadecimal digits.

    Parameters
    ----------
    function : callable
        The Python function behind a kernel.
    *extra : str
        What else the code depends on, such as the target.

    """
    digest = hashlib.sha256(_package_key())
    _update(digest, function, set())
    for item in extra:
        digest.update(b"\0" + item.encode())
    return digest.hexdigest()


def _update(digest: Any, function: Callable[..., Any], seen: set[int]) -> None:
    if id(function) in seen:
        return
    seen.add(id(function))
    code = function.__code__
    _update_code(digest, code)
    scope = dict(function.__globals__)
    cells = function.__closure__ or ()
    scope.update(zip(code.co_freevars, (cell.cell_contents for cell in cells), strict=True))
    for name in sorted({*_names(code), *code.co_freevars}):
        if name in scope:
            digest.update(name.encode())
            _update_value(digest, scope[name], seen)


def _update_value(digest: Any, value: Any, seen: set[int]) -> None:
    if isinstance(value, Callee):
        content = value.content
        if isinstance(content, str):
            digest.update(content.encode())
        else:
            _update(digest, content, seen)
    elif isinstance(value, np.dtype):
        digest.update(repr((value.fields, value.str, value.itemsize, value.alignment)).encode())
    elif isinstance(value, np.ndarray):
        digest.update(value.tobytes())
    elif isinstance(value, types.ModuleType):
        digest.update(value.__name__.encode())
    elif isinstance(value, types.FunctionType | type):  # often a field's name, by chance
        digest.update(f"{value.__module__}.{value.__qualname__}".encode())
    else:
        digest.update(repr(value).encode())


def _names(code: types.CodeType) -> set[str]:
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= _names(constant)
    return names


def _update_code(digest: Any, code: types.CodeType) -> None:
    digest.update(code.co_code)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            _update_code(digest, constant)
        else:
            digest.update(repr(constant).encode())
    digest.update(repr((code.co_names, code.co_varnames, code.co_freevars)).encode())
