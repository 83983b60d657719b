"""Mirrored memory: the same pages twice in a row, so that a ring has no end to wrap around.

What is written at ``size + k`` is at ``k`` as well, so any stretch of up to ``size`` bytes is
one piece of memory, and a ring copies with one ``memcpy``. Linux maps a memory file twice;
macOS remaps the pages (``mach_vm_remap``), Windows maps a section into both halves of a
placeholder (``VirtualAlloc2``, ``MapViewOfFile3``): these two are written, not yet run. Where
none of it works there is plain memory of the same interface, whose windows across the end are
copies.
"""

from __future__ import annotations

import ctypes
import math
import mmap
import os
import sys
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.closing import Closes
from zerocross.errors import MemoryRefused, UsageError
from zerocross.system.pages import PRIVATE
from zerocross.system.twice import map_file_twice, map_section_twice, remap_twice

__all__ = ["MirroredBuffer", "granularity", "without_mirrors"]

_wanted: ContextVar[bool] = ContextVar("mirrors", default=True)


@contextmanager
def without_mirrors() -> Iterator[None]:
    """Within the block all memory is plain: for memory that is to be copied to where pages are there once."""
    token = _wanted.set(False)
    try:
        yield
    finally:
        _wanted.reset(token)


def granularity() -> int:
    """Return the bytes of which a mirrored buffer's size is a multiple."""
    return mmap.ALLOCATIONGRANULARITY


class MirroredBuffer(Closes):
    """A ring's memory.

    Parameters
    ----------
    size : int
        In bytes, at least; rounded up to the page (or the system's granularity).
    item_bytes : int
        The size is a multiple of this, too.
    mirrored : bool
        False for plain memory, as where the system refuses.

    Attributes
    ----------
    size : int
        In bytes, as rounded.
    is_mirrored : bool
        Whether the pages are there twice.
    address : int
        Of the first byte; ``2 * size`` bytes are there if mirrored, else ``size``.
    refusal : str
        Why it is not mirrored; empty if it is.

    Raises
    ------
    MemoryRefused
        If there is no memory even for the plain form.

    """

    def __init__(
        self, size: int, item_bytes: int = 1, *, mirrored: bool = True, fd: int | None = None
    ) -> None:
        if size < 1 or item_bytes < 1:
            raise UsageError(f"mirrored buffer of {size} bytes: give 1 or more")
        unit = math.lcm(granularity(), item_bytes)
        self.size = -(-size // unit) * unit
        mirrored = mirrored and _wanted.get()
        self.refusal = "" if mirrored else "not asked for"
        self._fd = -1
        self._map: Any = None
        if mirrored:
            try:
                self._map_twice(fd)
            except (OSError, AttributeError) as error:
                if fd is not None:
                    raise MemoryRefused(self.size, error) from None
                self.refusal = str(getattr(error, "strerror", None) or error)
        if self._map is None:
            self._map_plainly()
        self.is_mirrored = not self.refusal
        if fd is None:  # touched now: the audio thread shall take no page fault
            self.all_bytes()[:: mmap.PAGESIZE] = 0

    # --- mapping --------------------------------------------------------------------------

    def _map_twice(self, fd: int | None) -> None:
        own = fd is None
        if sys.platform == "linux":
            self._fd = os.memfd_create("zerocross-ring") if fd is None else os.dup(fd)
            if own:
                os.ftruncate(self._fd, self.size)
            try:
                address, release = map_file_twice(self._fd, self.size)
            except OSError:
                os.close(self._fd)
                self._fd = -1
                raise
            fd_now = self._fd

            def close() -> None:
                release()
                os.close(fd_now)

            self._hold(address, 2 * self.size, close)
        elif sys.platform == "darwin":  # written, not yet run
            self._hold(*remap_twice(self.size))
        elif sys.platform == "win32":  # written, not yet run
            self._hold(*map_section_twice(self.size))
        else:
            raise OSError(f"not written for {sys.platform}")

    def _map_plainly(self) -> None:
        try:
            plain = mmap.mmap(-1, self.size, **PRIVATE)
        except (OSError, ValueError, OverflowError) as error:
            raise MemoryRefused(self.size, error) from None
        address = np.frombuffer(plain, np.uint8).ctypes.data
        self._hold(address, self.size, plain.close)

    def _hold(self, address: int, length: int, release: Callable[[], None]) -> None:
        """Keep the mapping until the last array that views it is gone, or until `close`."""
        self.address = address
        self._map = (ctypes.c_ubyte * length).from_address(address)
        self._release = weakref.finalize(self._map, release)
        self._release.atexit = False  # at the end the system does it, after the last thread

    # --- use --------------------------------------------------------------------------------

    def whole(self, dtype: npt.DTypeLike = np.uint8) -> npt.NDArray[Any]:
        """Return all of it once, as items."""
        return self.all_bytes()[: self.size].view(dtype)

    def all_bytes(self) -> npt.NDArray[np.uint8]:
        """Return what is mapped: everything twice if it is mirrored."""
        if self._map is None:
            raise UsageError("the buffer is closed; make a new one")
        return np.frombuffer(self._map, np.uint8)

    def window(self, start: int, length: int, dtype: npt.DTypeLike = np.uint8) -> npt.NDArray[Any]:
        """Return ``length`` items from item ``start`` on, across the end, as one array.

        Parameters
        ----------
        start : int
            Counted in items from the buffer's beginning, any number: it wraps.
        length : int
            At most the whole size.
        dtype : dtype
            Of the items.

        Notes
        -----
        Without a copy if mirrored; the plain form copies where it wraps, read-only.

        """
        item = np.dtype(dtype).itemsize
        if not 0 <= length * item <= self.size:
            raise UsageError(f"a window of {length * item} bytes in a buffer of {self.size}")
        first = start * item % self.size
        everything = self.all_bytes()
        if self.is_mirrored or first + length * item <= self.size:
            return everything[first : first + length * item].view(dtype)
        rest = first + length * item - self.size
        copied = np.concatenate([everything[first:], everything[:rest]]).view(dtype)
        copied.flags.writeable = False
        return copied

    def fileno(self) -> int:
        """Return the memory's file descriptor, for another process (`from_fd`); Linux only.

        Raises
        ------
        UsageError
            If the memory is not a file.

        """
        if self._fd < 0:
            raise UsageError("this buffer has no file to share: it is not mirrored, or not Linux")
        return self._fd

    @classmethod
    def from_fd(cls, fd: int) -> MirroredBuffer:
        """Map the memory of another process's buffer; the descriptor stays the caller's."""
        return cls(os.fstat(fd).st_size, fd=fd)

    def close(self) -> None:
        """Unmap the memory now; twice is once.

        Raises
        ------
        UsageError
            If an array still views it.

        """
        if self._map is None:
            return
        if sys.getrefcount(self._map) > 2:  # ours and the call's own
            raise UsageError("the buffer is still viewed by an array; delete the view first")
        self._map = None
        self._fd = -1
        self._release()
