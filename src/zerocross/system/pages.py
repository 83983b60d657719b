"""Pages of memory: taken whole from the system, and huge if it grants them."""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import weakref
from pathlib import Path
from typing import Any

from zerocross.system import linux, windows
from zerocross.system.grant import Answer, Grant, ask, here

__all__ = ["HUGE_PAGE", "PRIVATE", "Pages", "advise_huge", "huge_pages_of"]

#: Bytes of a huge page (x86-64, and AArch64 with pages of 4 KiB).
HUGE_PAGE = 2 << 20

#: How to map pages that are this process's own (shared ones are never huge); Windows has no flags.
PRIVATE: dict[str, int] = (
    {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}
)


class Pages:
    """Zeroed pages of this process's own, given back by `close` or with their last view.

    Parameters
    ----------
    size : int
        In bytes, whole pages.
    node : int or None
        The NUMA node that they are for. Only Windows must know it when the pages are taken
        (written, not yet run); elsewhere `numa.bind` moves them, and reads back in either case.

    Attributes
    ----------
    buffer : object
        Has the buffer protocol: make arrays of it.

    Raises
    ------
    OSError, ValueError, OverflowError, MemoryError
        If there is no such memory.

    """

    def __init__(self, size: int, node: int | None = None) -> None:
        self.buffer: Any = None
        if node is not None:
            with contextlib.suppress(OSError):
                address = here(windows=windows.allocate_on_node)(size, node)
                self.buffer = (ctypes.c_ubyte * size).from_address(address)
                weakref.finalize(self.buffer, windows.free, address).atexit = False
        if self.buffer is None:
            self.buffer = mmap.mmap(-1, size, **PRIVATE)

    @property
    def closed(self) -> bool:
        """Whether the pages were given back."""
        return self.buffer is None

    def close(self) -> None:
        """Give the pages back now.

        Raises
        ------
        BufferError
            If they are still viewed.

        """
        if isinstance(self.buffer, mmap.mmap):
            self.buffer.close()
        else:
            last = weakref.ref(self.buffer)
            self.buffer = None
            self.buffer = last()
            if self.buffer is not None:
                raise BufferError("the pages are still viewed")
        self.buffer = None


def advise_huge(address: int, size: int) -> None:
    """Ask for huge pages; `huge_pages_of` tells what came of it once they are touched."""
    with contextlib.suppress(OSError):
        here(linux=linux.advise_huge)(address, size)


def huge_pages_of(address: int, size: int) -> Grant:
    """Return how much of a range lies in huge pages, read back from the system."""
    return ask("huge pages", address, size, linux=_on_linux)


def _on_linux(address: int, size: int) -> Answer:
    mode = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    if not mode.exists() or "[never]" in mode.read_text():
        return False, f"switched off; write madvise to {mode}"
    if size < HUGE_PAGE:
        return False, f"{size} bytes are less than one of {HUGE_PAGE}"
    held = sum(
        int(fields.get("AnonHugePages", "0").split()[0]) * 1024
        for _, fields in linux.mapped_fields(address, size)
    )
    detail = f"{held // HUGE_PAGE} of {size // HUGE_PAGE}, read back"
    return held > 0, detail + ("" if held else "; they come when touched")
