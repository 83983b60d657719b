"""Linux's own calls and files: what is locked, huge pages, NUMA nodes. A refusal is an OSError."""

from __future__ import annotations

import ctypes
import mmap
import platform
from collections.abc import Iterable
from pathlib import Path

from zerocross.system.posix import failure, libc

__all__ = [
    "advise_huge",
    "bind",
    "current_cpu",
    "locked_bytes",
    "locked_bytes_of",
    "mapped_fields",
    "node_of",
]

_ADVISE_HUGE = 14  # MADV_HUGEPAGE
_BIND_STRICTLY, _MOVE = 2, 2  # MPOL_BIND, MPOL_MF_MOVE
_NODE_OF_ADDRESS = 3  # MPOL_F_NODE | MPOL_F_ADDR
# mbind and get_mempolicy: libnuma is only a wrapper around them, and is often not installed.
_SYSCALLS = {"x86_64": (237, 239), "aarch64": (235, 236)}


def locked_bytes() -> int:
    """Return how much of this process is locked."""
    found = Path("/proc/self/status").read_text().partition("VmLck:")[2].split()
    return int(found[0]) * 1024 if found else 0


def locked_bytes_of(regions: Iterable[tuple[int, int]]) -> int:
    """Return how much of some ranges (address, size) is locked. Takes milliseconds."""
    return sum(
        length
        for address, size in regions
        for length, fields in mapped_fields(address, size)
        if "lo" in fields.get("VmFlags", "").split()
    )


def mapped_fields(address: int, size: int) -> list[tuple[int, dict[str, str]]]:
    """Return what ``/proc/self/smaps`` says of the maps that a range lies in.

    Returns
    -------
    list of (int, dict)
        How many bytes of the range are in the map, and the map's fields.

    """
    found: list[tuple[int, dict[str, str]]] = []
    inside = False
    for line in Path("/proc/self/smaps").read_text(errors="replace").splitlines():
        head, _, rest = line.partition(" ")
        if head.endswith(":"):
            if inside:
                found[-1][1][head[:-1]] = rest.strip()
            continue
        start, end = (int(part, 16) for part in head.split("-"))
        common = min(end, address + size) - max(start, address)
        inside = common > 0
        if inside:
            found.append((common, {}))
    return found


def advise_huge(address: int, size: int) -> None:
    """Ask for huge pages; nothing comes of it before they are touched."""
    end = -(-(address + size) // mmap.PAGESIZE) * mmap.PAGESIZE
    if libc().madvise(ctypes.c_void_p(address), ctypes.c_size_t(end - address), _ADVISE_HUGE):
        raise failure()


def _syscalls() -> tuple[int, int]:
    numbers = _SYSCALLS.get(platform.machine())
    if numbers is None:
        raise OSError(f"not written for {platform.machine()}")
    return numbers


def bind(address: int, size: int, node: int) -> None:
    """Bind the pages of a range to a NUMA node."""
    start = address - address % mmap.PAGESIZE
    mask = ctypes.c_ulong(1 << node) if 0 <= node < 64 else ctypes.c_ulong(0)
    refused = libc().syscall(
        ctypes.c_long(_syscalls()[0]),
        ctypes.c_void_p(start),
        ctypes.c_ulong(address + size - start),
        ctypes.c_int(_BIND_STRICTLY),
        ctypes.byref(mask),
        ctypes.c_ulong(64),
        ctypes.c_uint(_MOVE),
    )
    if refused:
        raise failure()


def node_of(address: int) -> int:
    """Return the NUMA node of the page at an address."""
    node = ctypes.c_int(-1)
    refused = libc().syscall(
        ctypes.c_long(_syscalls()[1]),
        ctypes.byref(node),
        None,
        ctypes.c_ulong(0),
        ctypes.c_void_p(address),
        ctypes.c_ulong(_NODE_OF_ADDRESS),
    )
    if refused:
        raise failure()
    return node.value


def current_cpu() -> int:
    """Return the number of the CPU that the calling thread runs on."""
    cpu = int(libc().sched_getcpu())
    if cpu < 0:
        raise failure()
    return cpu
