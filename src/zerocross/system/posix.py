"""The C library of Linux and macOS: how to call it, and what both have."""

from __future__ import annotations

import ctypes
import functools
import os
from collections.abc import Iterable
from typing import Any

__all__ = ["failure", "libc", "lock_all", "locking_limit"]


@functools.cache
def libc() -> Any:
    """Return the C library, with errno kept."""
    return ctypes.CDLL(None, use_errno=True)


def failure() -> OSError:
    """Return the last call's error."""
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))


def lock_all(regions: Iterable[tuple[int, int]]) -> set[str]:
    """Lock ranges of memory (``mlock``); returns the reasons of those that were refused.

    Parameters
    ----------
    regions : iterable of (int, int)
        Address and size in bytes.

    """
    # int mlock(const void *addr, size_t len): POSIX.1-2017, sys/mman.h
    mlock = libc().mlock
    mlock.argtypes, mlock.restype = (ctypes.c_void_p, ctypes.c_size_t), ctypes.c_int
    return {
        (failure().strerror or "refused").lower()
        for address, size in regions
        if mlock(address, size) != 0
    }


def locking_limit() -> str:
    """Return how much this process may lock, in words."""
    import resource  # not on Windows

    soft, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    return "no limit" if soft == resource.RLIM_INFINITY else f"a limit of {soft // 1024} KiB"
