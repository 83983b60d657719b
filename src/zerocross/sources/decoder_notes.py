"""Keeps a decoder's notes from standard error, and nothing else.

libsndfile reads MP3 by mpg123, which prints what it thinks of a file with ``fprintf(stderr, ...)``,
from whatever thread decodes, and libsndfile has no switch for it. To point descriptor 2 elsewhere
meanwhile would take other threads' output with it. Instead this one library is given another
``stderr``: the linker keeps, for each library, the address of the variable in one slot of the
library's own table, and that slot is set to a variable of ours, a stream that drops what it is
given. The rest of the process keeps its own.

Linux on 64 bits, where libraries are ELF files; elsewhere, and wherever anything is not as it is
expected to be, nothing is touched and the notes are printed.
"""

from __future__ import annotations

import ctypes
import functools
import mmap
import struct
import sys
import threading
from typing import Any

from zerocross.closing import free_in_forks

__all__ = ["silence_decoder"]

_RTLD_NOLOAD, _RTLD_DI_LINKMAP = 4, 2
_DT_STRTAB, _DT_SYMTAB, _DT_RELA, _DT_RELASZ = 5, 6, 7, 8
#: Relocations whose slot becomes a variable's address: x86-64 and AArch64.
_ADDRESS_RELOCATIONS = {6, 1025}
_RELOCATION, _SYMBOL_BYTES = struct.Struct("<QQq"), 24
_PROT_READ, _PROT_READ_WRITE = 1, 3
# Two threads that change one page would take the other's leave to write away.
_lock = free_in_forks(threading.Lock())


class _Found(ctypes.Structure):
    """What ``dladdr`` says."""

    _fields_ = [
        ("name", ctypes.c_char_p),
        ("base", ctypes.c_void_p),
        ("symbol", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
    ]


class _LinkMap(ctypes.Structure):
    """What the linker knows of a library."""

    _fields_ = [
        ("base", ctypes.c_size_t),
        ("name", ctypes.c_char_p),
        ("dynamic", ctypes.c_size_t),
    ]


class _NoFunctions(ctypes.Structure):
    """``cookie_io_functions_t``: none, so that what is written is dropped."""

    _fields_ = [(name, ctypes.c_void_p) for name in ("read", "write", "seek", "close")]


def silence_decoder(function: int) -> bool:
    """Give the libraries that decode a ``stderr`` that drops everything.

    Parameters
    ----------
    function : int
        The address of any function of libsndfile.

    Returns
    -------
    bool
        Whether a library was changed.

    Notes
    -----
    Not real-time safe; called before a file is opened, on any thread. The first call does it.

    """
    with _lock:
        return _silence_all(function)


@functools.cache
def _silence_all(function: int) -> bool:
    if not sys.platform.startswith("linux") or ctypes.sizeof(ctypes.c_void_p) != 8:
        return False
    if sys.byteorder != "little":
        return False
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        found = _Found()
        names = [b"libmpg123.so.0"]
        if libc.dladdr(ctypes.c_void_p(function), ctypes.byref(found)) and found.name:
            names.append(found.name)
        changed = [_silence(libc, name) for name in names]
    except (AttributeError, OSError, ValueError):  # another C library
        return False
    return any(changed)


def _silence(libc: Any, name: bytes) -> bool:
    """Change one library's ``stderr``, if it is loaded and has one."""
    libc.dlopen.restype = ctypes.c_void_p
    handle = libc.dlopen(name, _RTLD_NOLOAD | 1)
    if not handle:
        return False
    link = ctypes.POINTER(_LinkMap)()
    if libc.dlinfo(ctypes.c_void_p(handle), _RTLD_DI_LINKMAP, ctypes.byref(link)) != 0:
        return False
    real = ctypes.addressof(ctypes.c_void_p.in_dll(libc, "stderr"))
    slots = [
        slot
        for slot in _slots_of(link.contents, b"stderr")
        if ctypes.c_size_t.from_address(slot).value == real  # as the linker left it
    ]
    written = [_write(libc, slot, _silent_stream()) for slot in slots]
    return bool(slots) and all(written)


@functools.cache
def _silent_stream() -> int:
    """Return the address of a ``FILE *`` that drops what is written; it lives for ever."""
    libc = ctypes.CDLL(None)
    libc.fopencookie.restype = ctypes.c_void_p
    libc.fopencookie.argtypes = [ctypes.c_void_p, ctypes.c_char_p, _NoFunctions]
    stream = ctypes.c_void_p(libc.fopencookie(None, b"w", _NoFunctions()))
    if not stream.value:
        raise OSError("no stream")
    _kept.append(stream)
    return ctypes.addressof(stream)


_kept: list[ctypes.c_void_p] = []


def _slots_of(link: _LinkMap, symbol: bytes) -> list[int]:
    """Return where a library keeps the address of a variable of another one."""
    tags = _dynamic_tags(link)
    if not {_DT_STRTAB, _DT_SYMTAB, _DT_RELA, _DT_RELASZ} <= set(tags):
        return []
    raw = ctypes.string_at(tags[_DT_RELA], tags[_DT_RELASZ])
    slots = []
    for offset, info, _ in _RELOCATION.iter_unpack(raw):
        if info & 0xFFFFFFFF in _ADDRESS_RELOCATIONS:
            entry = tags[_DT_SYMTAB] + (info >> 32) * _SYMBOL_BYTES
            name_at = tags[_DT_STRTAB] + ctypes.c_uint32.from_address(entry).value
            if ctypes.string_at(name_at) == symbol:
                slots.append(link.base + offset)
    return slots


def _dynamic_tags(link: _LinkMap) -> dict[int, int]:
    """Return a library's dynamic section; addresses are made absolute where they are not."""
    tags = {}
    at = link.dynamic
    while (tag := ctypes.c_size_t.from_address(at).value) != 0:
        value = ctypes.c_size_t.from_address(at + 8).value
        is_address = tag in (_DT_STRTAB, _DT_SYMTAB, _DT_RELA)
        tags[tag] = value + link.base if is_address and value < link.base else value
        at += 16
    return tags


def _write(libc: Any, slot: int, value: int) -> bool:
    """Write an address into a slot that may be in a page that is read-only by now."""
    protection = _protection_of(slot)
    page = ctypes.c_void_p(slot & ~(mmap.PAGESIZE - 1))
    size = ctypes.c_size_t(mmap.PAGESIZE)
    if protection == "r--p" and libc.mprotect(page, size, _PROT_READ_WRITE) != 0:
        return False
    if protection not in ("r--p", "rw-p"):
        return False
    ctypes.c_size_t.from_address(slot).value = value  # one store: a thread sees the old or the new
    return protection != "r--p" or libc.mprotect(page, size, _PROT_READ) == 0


def _protection_of(address: int) -> str:
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
        for line in maps:
            span, protection = line.split(maxsplit=2)[:2]
            first, _, end = span.partition("-")
            if int(first, 16) <= address < int(end, 16):
                return protection
    return ""
