"""An image: all memory that a chain reaches, so that it can be laid into WebAssembly's.

Python prepares a chain as ever: records, tables, delay lines, all in this process' memory. From the program's record
every address in a field of 64 bits is followed, as a conservative garbage collector follows words, to an
array that Python knows. What is reached is laid out anew, from 0 on; the addresses in it are listed, so
that whoever loads it adds where it begins. The same kernels then run on the same memory.

An address is one that lies in memory which the chain's objects hold; a number that is one by chance would be
taken for one, but addresses of a 64-bit system are no numbers that audio has.
"""

from __future__ import annotations

import bisect
import ctypes
import dataclasses
import json
import math
import struct
import types
import weakref
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from zerocross.compiler import Entry, Kernel
from zerocross.errors import UsageError
from zerocross.memory.record import LINE, Record

__all__ = ["Image", "Reached", "header_of"]

_MAGIC = b"ZCI1"
_WORD = np.dtype("i8")
#: Zeros that are left out are no shorter than this.
_LEAST_GAP = 64
#: What holds no arrays, or whole modules of them.
_LEAVES = (
    *(Entry, Kernel),  # through them all of Numba would be walked
    *(type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.MethodType),
    *(str, bytes, int, float, type(None)),
)


@dataclasses.dataclass
class _Piece:
    """Memory that is one array's, or that of several which overlap."""

    start: int
    end: int
    arrays: list[np.ndarray[Any, Any]]


@dataclasses.dataclass(frozen=True)
class Image:
    """Memory for a module.

    Attributes
    ----------
    size : int
        Bytes.
    data : bytes
        All of it, with addresses as if it began at 0.
    pointers : list of int
        Where an address of the image itself stands, of 64 bits.
    code : list of (int, str)
        Where the address of an entry stands, and the entry's name.

    """

    size: int
    data: bytes
    pointers: list[int]
    code: list[tuple[int, str]]

    def pack(self, about: Mapping[str, Any]) -> bytes:
        """Return it as a file: a mark, the header's length, the header (JSON), what is not zero."""
        ranges = list(_ranges(np.frombuffer(self.data, np.uint8)))
        header = {
            **about,
            "size": self.size,
            "ranges": ranges,
            "pointers": self.pointers,
            "code": self.code,
        }
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        payload = b"".join(self.data[start : start + count] for start, count in ranges)
        return _MAGIC + struct.pack("<I", len(text)) + text + payload


class Reached:
    """Memory that is reached from a record, as it comes to lie in an image.

    Parameters
    ----------
    root : Record
        Where to begin.
    held : object
        What holds all memory, directly or by its attributes.
    code : mapping of int to str
        Names of entries by their addresses.

    """

    def __init__(self, root: Record, held: Any, code: Mapping[int, str]) -> None:
        self._layout, self._code = _Layout(_Pieces(held)), code
        self._whose = type(held).__name__
        self.place(root.address)

    def place(self, address: int) -> int:
        """Return where an address of this process comes to lie, whoever else reaches it.

        Raises
        ------
        UsageError
            If it is not in memory that is held.

        """
        place = self._layout.reach(address)
        if place is None:
            raise UsageError(f"nobody of {self._whose} holds the memory at {address:#x}")
        return place

    def image(self) -> Image:
        """Return the image of all that is reached, as it is now."""
        layout, code = self._layout, self._code
        pointers: list[int] = []
        called: list[tuple[int, str]] = []
        content: dict[int, bytearray] = {}
        while layout.waiting:
            piece = layout.waiting.pop()
            begin = layout.begins[piece.start]
            data = content[begin] = bytearray(
                ctypes.string_at(piece.start, piece.end - piece.start)
            )
            for word in _words_of(piece):
                (value,) = struct.unpack_from("<q", data, word)
                place = layout.reach(value)
                if value in code:
                    called.append((begin + word, code[value]))
                elif place is not None:
                    pointers.append(begin + word)
                if value in code or place is not None:
                    struct.pack_into("<q", data, word, place or 0)
        whole = bytearray(layout.size)
        for begin, data in content.items():
            whole[begin : begin + len(data)] = data
        return Image(layout.size, bytes(whole), sorted(pointers), sorted(called))


class _Layout:
    """Where pieces come to lie, in the order in which they are reached."""

    def __init__(self, pieces: _Pieces) -> None:
        self._pieces = pieces
        self.begins: dict[int, int] = {}
        self.waiting: list[_Piece] = []
        self.size = 0

    def reach(self, address: int) -> int | None:
        """Return where an address comes to lie; None for what is none."""
        piece = self._pieces.at(address)
        if piece is None:
            return None
        if piece.start not in self.begins:
            self.begins[piece.start] = -(-self.size // LINE) * LINE
            self.size = self.begins[piece.start] + piece.end - piece.start
            self.waiting.append(piece)
        return self.begins[piece.start] + address - piece.start


class _Pieces:
    """All memory of arrays that an object holds."""

    def __init__(self, held: Any) -> None:
        self._pieces: list[_Piece] = []
        for start, end, array in sorted(_spans(held), key=lambda each: each[:2]):
            if not self._pieces or start >= self._pieces[-1].end:
                self._pieces.append(_Piece(start, end, []))
            last = self._pieces[-1]
            last.end = max(last.end, end)
            last.arrays.append(array)
        self._starts = [piece.start for piece in self._pieces]

    def at(self, address: int) -> _Piece | None:
        """Return the piece in which an address lies."""
        place = bisect.bisect_right(self._starts, address) - 1
        if place < 0 or address >= self._pieces[place].end:
            return None
        return self._pieces[place]


def _spans(held: Any) -> Iterator[tuple[int, int, np.ndarray[Any, Any]]]:
    """Yield start and end of all arrays, with the array."""
    seen = set()
    for array in _arrays_of(held):
        start, end = np.lib.array_utils.byte_bounds(array)
        key = (start, end, array.dtype.str, id(array.dtype))
        if start < end and key not in seen:
            seen.add(key)
            yield start, end, array


def _arrays_of(held: Any) -> Iterator[np.ndarray[Any, Any]]:
    """Yield all arrays that an object holds, directly or by what it holds."""
    waiting, seen = [held], set()
    while waiting:
        each = waiting.pop()
        if type(each) in weakref.ProxyTypes or id(each) in seen or isinstance(each, _LEAVES):
            continue
        seen.add(id(each))
        if isinstance(each, np.ndarray):
            if each.dtype != object:
                yield each
            waiting.append(each.base)
        elif isinstance(each, Mapping):
            waiting += [*each.keys(), *each.values()]
        elif isinstance(each, list | tuple | set | frozenset):
            waiting += each
        elif isinstance(inner := getattr(each, "__dict__", None), dict):
            waiting += inner.values()


def _words_of(piece: _Piece) -> Iterator[int]:
    """Yield where in a piece, in bytes from its start, a number of 64 bits may be an address."""
    found: set[int] = set()
    for array in piece.arrays:
        places = list(_places_in(array.dtype))
        if places and array.flags.c_contiguous:
            first = array.ctypes.data - piece.start
            starts = range(first, first + array.nbytes, array.itemsize)
            found.update(start + place for start in starts for place in places)
    yield from sorted(found)


def _places_in(kind: np.dtype[Any]) -> Iterator[int]:
    """Yield where whole numbers of 64 bits stand in an item."""
    if kind == _WORD:
        yield 0
    elif kind.subdtype is not None:
        base, shape = kind.subdtype
        inner = list(_places_in(base))
        yield from (k * base.itemsize + at for k in range(math.prod(shape)) for at in inner)
    elif kind.fields is not None:
        for field, offset, *_ in kind.fields.values():
            yield from (offset + at for at in _places_in(field))


def _ranges(data: np.ndarray[Any, np.dtype[np.uint8]]) -> Iterator[tuple[int, int]]:
    """Yield start and length of what is not zero."""
    there = np.flatnonzero(data)
    if not len(there):
        return
    breaks = np.flatnonzero(np.diff(there) > _LEAST_GAP)
    firsts = there[np.r_[0, breaks + 1]]
    lasts = there[np.r_[breaks, len(there) - 1]]
    for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True):
        start = first // 8 * 8
        yield start, min(-(-(last + 1) // 8) * 8, len(data)) - start


def header_of(packed: bytes) -> dict[str, Any]:
    """Return the header of a packed image."""
    (length,) = struct.unpack_from("<I", packed, len(_MAGIC))
    found: dict[str, Any] = json.loads(packed[len(_MAGIC) + 4 : len(_MAGIC) + 4 + length])
    return found
