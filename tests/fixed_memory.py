"""Memory at a fixed address: another machine's program maps a copy there, and pointers hold.

While `FixedMemory.taken` lasts, all arrays that NumPy makes and all pages that Zerocross takes lie
in it. What is made meanwhile (a chain, its states and buffers) holds only addresses of this memory,
beside those of machine code, so that a file of it is all that another machine needs.

NumPy asks for memory through a table of functions (NEP 49, `PyDataMem_SetHandler`). They are entries
of ours: it may ask while an exception is on its way, when no Python can be run.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap

import numpy as np

from zerocross.compiler import entry, int64_array, kernel, record_at
from zerocross.memory import Record, layout
from zerocross.system import pages

#: Where nothing else lies, neither here nor under qemu-user.
_FIRST = 0x20_0000_0000
_PRIVATE_FIXED_NOREPLACE = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x10_0000
#: Of NumPy's C interface: the place of PyDataMem_SetHandler.
_SET_HANDLER = 304
_HANDLER_NAME = b"mem_handler"
_ALIGNED = 128
#: What is free: all from ``next`` on.
_FREE = layout(control=["next", "end"])


@kernel
def _taken(free, size):
    """Return the address of so many bytes, zeros so far, or 0 if they are not there."""
    start = (free.next + _ALIGNED - 1) & ~(_ALIGNED - 1)
    if size > free.end - start:
        return 0
    free.next = start + size
    return start


@entry("int64", "int64")
def _take(free, size):
    return _taken(record_at(free, _FREE), size)


@entry("int64", "int64", "int64")
def _take_items(free, count, size):
    return _taken(record_at(free, _FREE), count * size)


@entry("int64", "int64", "int64")
def _take_again(free, old, size):
    """As `realloc`: what follows the old bytes, up to the new size, is copied with them."""
    words = (size + 7) // 8
    start = _taken(record_at(free, _FREE), 8 * words)
    if start != 0 and old != 0:
        before, after = int64_array(old, words), int64_array(start, words)
        for k in range(words):
            after[k] = before[k]
    return start


@entry("int64", "int64", "int64")
def _give(_free, _address, _size):
    return 0


class _Handler(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char * 127),
        ("version", ctypes.c_uint8),
        *((name, ctypes.c_void_p) for name in ("context", "malloc", "calloc", "realloc", "free")),
    ]


_mapped: list[FixedMemory] = []


class FixedMemory:
    """Memory of which pieces are taken and none is given back.

    It stays mapped to the end of the process: arrays in it may live as long.
    """

    def __init__(self, size):
        self.address = _mapped[-1].end if _mapped else _FIRST
        self.end = self.address + size
        self._free = Record(_FREE)
        self._free.fill(next=self.address, end=self.end)
        functions = (made.address for made in (_take, _take_items, _take_again, _give))
        self._handler = _Handler(b"fixed", 1, self._free.address, *functions)
        protection, how = mmap.PROT_READ | mmap.PROT_WRITE, _PRIVATE_FIXED_NOREPLACE
        assert _mmap(self.address, size, protection, how, -1, 0) == self.address, "it is free"
        _mapped.append(self)

    @contextlib.contextmanager
    def taken(self, monkeypatch):
        """Take arrays and pages from here for a while: those of this thread."""
        free = self._free.address

        class FixedPages:
            """As `pages.Pages`."""

            def __init__(self, size, _node=None):
                start = -(-_take(free, size + mmap.PAGESIZE) // mmap.PAGESIZE) * mmap.PAGESIZE
                self.buffer = (ctypes.c_ubyte * size).from_address(start)
                self.closed = False

            def close(self):
                self.closed = True

        before = _set_handler(_capsule(ctypes.addressof(self._handler), _HANDLER_NAME, None))
        try:
            with monkeypatch.context() as patched:
                patched.setattr(pages, "Pages", FixedPages)
                yield self
        finally:
            _set_handler(before)

    def content(self):
        """Return a copy of what was taken, as it is now."""
        used = int(self._free["next"]) - self.address
        return np.frombuffer(ctypes.string_at(self.address, used), np.uint8).copy()

    def copy(self, path):
        """Write what was taken to a file, as it is now; returns its path."""
        self.content().tofile(path)
        return path


_pointer_of = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi)
)
_capsule = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)(
    ("PyCapsule_New", ctypes.pythonapi)
)
_api = ctypes.cast(
    _pointer_of(np._core._multiarray_umath._ARRAY_API, None), ctypes.POINTER(ctypes.c_void_p)
)
_set_handler = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object)(_api[_SET_HANDLER])
_mmap = ctypes.CFUNCTYPE(
    ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_int64
)(("mmap", ctypes.CDLL(None)))
