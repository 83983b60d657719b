"""Pages of memory: locked, huge, bound to a node; each asked for and read back.

Linux answers all of it; elsewhere the answer is a `Grant` that says what is missing.
"""

from __future__ import annotations

import ctypes
import functools
import mmap
import os
import platform
import sys
from pathlib import Path
from typing import Any

from zerocross.system.grant import Grant

__all__ = [
    "HUGE_PAGE",
    "PRIVATE",
    "advise_huge",
    "bind",
    "huge_pages_of",
    "libc",
    "lock",
    "node_of",
]

#: Bytes of a huge page (x86-64, and AArch64 with pages of 4 KiB).
HUGE_PAGE = 2 << 20

#: How to map pages that are this process's own (shared ones are never huge).
PRIVATE: dict[str, int] = (
    {} if sys.platform == "win32" else {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS}
)

_ADVISE_HUGE = 14  # MADV_HUGEPAGE
_BIND_STRICTLY, _MOVE = 2, 2  # MPOL_BIND, MPOL_MF_MOVE
_NODE_OF_ADDRESS = 3  # MPOL_F_NODE | MPOL_F_ADDR
# mbind and get_mempolicy: libnuma is only a wrapper around them, and is often not installed.
_SYSCALLS = {"x86_64": (237, 239), "aarch64": (235, 236)}


@functools.cache
def libc() -> Any:
    """Return the C library, with errno kept."""
    return ctypes.CDLL(None, use_errno=True)


def _reason() -> str:
    return os.strerror(ctypes.get_errno()).lower()


def lock(address: int, size: int) -> Grant:
    """Keep pages in memory; the answer is read back from the system.

    Refused beyond ``RLIMIT_MEMLOCK``, which ordinary users have at 64 KiB to 8 MiB.
    """
    what = "locked memory"
    if sys.platform == "win32":
        return Grant(what, False, "not written for this system")
    if libc().mlock(ctypes.c_void_p(address), ctypes.c_size_t(size)) != 0:
        import resource

        soft, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
        return Grant(
            what,
            False,
            f"{_reason()} at a limit of {soft // 1024} KiB; raise memlock in "
            "/etc/security/limits.d",
        )
    if sys.platform != "linux":
        return Grant(what, True, f"{size} bytes, not read back on this system")
    held = _smaps(address, size, "Locked")
    return Grant(what, held >= size, f"{held // 1024} KiB of {-(-size // 1024)} KiB, read back")


def advise_huge(address: int, size: int) -> None:
    """Ask for huge pages; `huge_pages_of` tells what came of it once they are touched."""
    if sys.platform == "linux":
        end = -(-(address + size) // mmap.PAGESIZE) * mmap.PAGESIZE
        libc().madvise(ctypes.c_void_p(address), ctypes.c_size_t(end - address), _ADVISE_HUGE)


def huge_pages_of(address: int, size: int) -> Grant:
    """Return how much of a range lies in huge pages, read back from the system."""
    what = "huge pages"
    if sys.platform != "linux":
        return Grant(what, False, "Linux only")
    mode = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    if not mode.exists() or "[never]" in mode.read_text():
        return Grant(what, False, "switched off; write madvise to " + str(mode))
    if size < HUGE_PAGE:
        return Grant(what, False, f"{size} bytes are less than one of {HUGE_PAGE}")
    held = _smaps(address, size, "AnonHugePages")
    detail = f"{held // HUGE_PAGE} of {size // HUGE_PAGE}, read back"
    return Grant(what, held > 0, detail + ("" if held else "; they come when touched"))


def _smaps(address: int, size: int, field: str) -> int:
    """Return a field of ``/proc/self/smaps``, in bytes, summed over the maps of a range."""
    total, inside = 0, False
    for line in Path("/proc/self/smaps").read_text(errors="replace").splitlines():
        head = line.split(maxsplit=1)[0]
        if "-" in head and not head.endswith(":"):
            start, end = (int(part, 16) for part in head.split("-"))
            inside = start < address + size and end > address
        elif inside and head == field + ":":
            total += int(line.split()[1]) * 1024
    return total


def bind(address: int, size: int, node: int) -> Grant:
    """Bind pages to a NUMA node (``mbind``), and read back where the first one lies."""
    what = f"memory on node {node}"
    numbers = _SYSCALLS.get(platform.machine()) if sys.platform == "linux" else None
    if numbers is None:
        return Grant(what, False, "first touch decides on this system")
    start = address - address % mmap.PAGESIZE
    mask = ctypes.c_ulong(1 << node) if 0 <= node < 64 else ctypes.c_ulong(0)
    failed = libc().syscall(
        ctypes.c_long(numbers[0]),
        ctypes.c_void_p(start),
        ctypes.c_ulong(address + size - start),
        ctypes.c_int(_BIND_STRICTLY),
        ctypes.byref(mask),
        ctypes.c_ulong(64),
        ctypes.c_uint(_MOVE),
    )
    if failed:
        return Grant(what, False, f"{_reason()}; the first touch decides")
    ctypes.memset(address, 0, 1)
    found = node_of(address)
    return Grant(what, found == node, f"the first page lies on node {found}, read back")


def node_of(address: int) -> int:
    """Return the NUMA node of the page at an address; -1 if the system does not say."""
    numbers = _SYSCALLS.get(platform.machine()) if sys.platform == "linux" else None
    node = ctypes.c_int(-1)
    if numbers is None:
        return -1
    failed = libc().syscall(
        ctypes.c_long(numbers[1]),
        ctypes.byref(node),
        None,
        ctypes.c_ulong(0),
        ctypes.c_void_p(address),
        ctypes.c_ulong(_NODE_OF_ADDRESS),
    )
    return -1 if failed else node.value
