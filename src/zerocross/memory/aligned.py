"""Memory for samples that begins where vector loads, cache lines and pages like it to.

`aligned_zeros` is the everyday form: an ordinary array at an aligned address. `AlignedBuffer`
takes whole pages from the system, which can be huge, touched beforehand, locked and bound to
a node, and gives them back when told.
"""

from __future__ import annotations

import math
import mmap
from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.closing import Closes
from zerocross.errors import MemoryRefused, UsageError
from zerocross.system import pages
from zerocross.system.grant import Grant
from zerocross.system.locking import keep_in_memory
from zerocross.system.numa import bind

__all__ = ["AlignedBuffer", "aligned_zeros"]


def aligned_zeros(
    shape: int | tuple[int, ...], dtype: npt.DTypeLike = np.float32, alignment: int = 64
) -> npt.NDArray[Any]:
    """Return a zeroed C-contiguous array whose first byte is aligned.

    Parameters
    ----------
    shape : int or tuple of int
        Shape of the array.
    dtype : dtype
        Type of its items.
    alignment : int
        In bytes, a power of two.

    Notes
    -----
    Real-time: no; allocate on the control thread and hand the address over.

    """
    kind = np.dtype(dtype)
    sizes = (shape,) if isinstance(shape, int) else shape
    length = math.prod(sizes) * kind.itemsize
    raw = np.zeros(length + alignment, np.uint8)
    start = -raw.ctypes.data % alignment
    return raw[start : start + length].view(kind).reshape(sizes)


class AlignedBuffer(Closes):
    """An array in pages of its own.

    Parameters
    ----------
    shape : int or tuple of int
        ``(frames,)`` or ``(channels, frames)``; every row begins at an aligned address.
    dtype : dtype
        Of the items.
    alignment : int
        In bytes: a power of two from the item's size to the page's.
    huge_pages : bool
        Ask for huge pages (Linux, 2 MiB and more): fewer misses of the address cache.
    prefault : bool
        Touch every page now, so that the audio thread takes no page fault.
    lock : bool
        Keep the pages in memory (``mlock``, ``VirtualLock``); implies `prefault`.
    node : int or None
        Bind the pages to a NUMA node (Linux; Windows: written, not yet run).

    Attributes
    ----------
    array : ndarray
        The items; rows are padded to the alignment, so two-dimensional ones are views.
    address : int
        Of the first item.
    row_bytes : int
        From the start of one row to the next.
    grants : tuple of Grant
        What was asked beside the memory itself, and what the system gave.

    Raises
    ------
    MemoryRefused
        If the memory itself is refused.
    UsageError
        For an impossible shape or alignment.

    Notes
    -----
    Real-time: no. Use it in a ``with`` or call `close`; both free the pages at once.

    """

    def __init__(
        self,
        shape: int | tuple[int, ...],
        dtype: npt.DTypeLike = np.float32,
        *,
        alignment: int = 64,
        huge_pages: bool = False,
        prefault: bool = False,
        lock: bool = False,
        node: int | None = None,
    ) -> None:
        kind = np.dtype(dtype)
        sizes = (shape,) if isinstance(shape, int) else tuple(shape)
        if not 1 <= len(sizes) <= 2 or min(sizes) < 1:
            raise UsageError(f"shape {shape}: give (frames,) or (channels, frames), 1 or more")
        if not (kind.itemsize <= alignment <= mmap.PAGESIZE and alignment.bit_count() == 1):
            raise UsageError(
                f"alignment {alignment}: give a power of two from {kind.itemsize} to {mmap.PAGESIZE}"
            )
        self.row_bytes = -(-sizes[-1] * kind.itemsize // alignment) * alignment
        rows = sizes[0] if len(sizes) == 2 else 1
        wanted = rows * self.row_bytes
        margin = pages.HUGE_PAGE if huge_pages else 0
        try:
            whole_pages = -(-wanted // mmap.PAGESIZE) * mmap.PAGESIZE
            self._pages = pages.Pages(whole_pages + margin, node)
        except (OSError, ValueError, OverflowError, MemoryError) as error:
            raise MemoryRefused(wanted, error) from None
        whole = np.frombuffer(self._pages.buffer, np.uint8)
        self._start = -whole.ctypes.data % pages.HUGE_PAGE if huge_pages else 0
        used = whole[self._start : self._start + wanted]
        self._shape, self._kind, self.nbytes = sizes, kind, wanted
        self.array: npt.NDArray[Any] = self._view()
        self.address: int = used.ctypes.data
        self.grants = self._ask(used, huge_pages, prefault, lock, node)

    def _view(self) -> npt.NDArray[Any]:
        strides = (self.row_bytes, self._kind.itemsize)[-len(self._shape) :]
        whole = np.frombuffer(self._pages.buffer, np.uint8)  # keeps the pages from being closed
        items = whole[self._start : self._start + self.nbytes].view(self._kind)
        return np.lib.stride_tricks.as_strided(items, self._shape, strides)

    def _ask(
        self,
        used: npt.NDArray[np.uint8],
        huge_pages: bool,
        prefault: bool,
        lock: bool,
        node: int | None,
    ) -> tuple[Grant, ...]:
        """Ask in the order in which it works: node and page size before the first touch."""
        grants: list[Grant] = []
        if node is not None:
            grants.append(bind(self.address, self.nbytes, node))
        if huge_pages:
            pages.advise_huge(self.address, self.nbytes)
        if prefault or lock:
            used[:: mmap.PAGESIZE] = 0
        if lock:
            grants.append(keep_in_memory([(self.address, self.nbytes)]))
        if huge_pages:
            grants.append(pages.huge_pages_of(self.address, self.nbytes))
        return tuple(grants)

    def close(self) -> None:
        """Give the pages back now; twice is once.

        Raises
        ------
        UsageError
            If another array still views the buffer: drop it first.

        """
        if self._pages.closed:
            return
        self.array = np.empty(0, self._kind)
        try:
            self._pages.close()
        except BufferError:
            self.array = self._view()
            raise UsageError(
                "the buffer is still viewed by an array; delete the view, then close it"
            ) from None
