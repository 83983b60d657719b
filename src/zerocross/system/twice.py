"""The same pages mapped twice in a row: three systems' ways, for `memory.mirror`.

Linux maps a memory file into both halves of a reservation. macOS and Windows: written, not yet
run. Each returns an address and what gives the memory back, and raises OSError.
"""

from __future__ import annotations

import ctypes
import mmap
import os
from collections.abc import Callable
from typing import Any

from zerocross.system.posix import libc

__all__ = ["map_file_twice", "map_section_twice", "remap_twice"]


def map_file_twice(fd: int, size: int) -> tuple[int, Callable[[], None]]:
    """Reserve twice the size, and map a memory file into both halves (Linux)."""
    c = libc()
    c.mmap.restype = ctypes.c_void_p
    anonymous, shared, fixed = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, mmap.MAP_SHARED, 0x10

    def call(address: int, length: int, protection: int, flags: int, fd: int) -> int:
        found: int | None = c.mmap(
            ctypes.c_void_p(address),
            ctypes.c_size_t(length),
            protection,
            flags,
            fd,
            ctypes.c_long(0),
        )
        if found is None or found == ctypes.c_size_t(-1).value:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        return found

    base = call(0, 2 * size, 0, anonymous, -1)

    def release() -> None:
        c.munmap(ctypes.c_void_p(base), ctypes.c_size_t(2 * size))

    try:
        for half in (base, base + size):
            call(half, size, mmap.PROT_READ | mmap.PROT_WRITE, shared | fixed, fd)
    except OSError:
        release()
        raise
    return base, release


def remap_twice(size: int) -> tuple[int, int, Callable[[], None]]:
    """Allocate twice the size, and let the second half show the first (macOS)."""
    c = libc()
    task = ctypes.c_uint.in_dll(c, "mach_task_self_")
    address = ctypes.c_uint64(0)
    anywhere, overwrite, inherit = 1, 0x4000, 1
    if c.mach_vm_allocate(task, ctypes.byref(address), ctypes.c_uint64(2 * size), anywhere):
        raise OSError("mach_vm_allocate failed")
    second = ctypes.c_uint64(address.value + size)
    now, most = ctypes.c_int(0), ctypes.c_int(0)
    failed = c.mach_vm_remap(
        task,
        ctypes.byref(second),
        ctypes.c_uint64(size),
        ctypes.c_uint64(0),
        overwrite,
        task,
        address,
        0,
        ctypes.byref(now),
        ctypes.byref(most),
        inherit,
    )

    def release() -> None:
        c.mach_vm_deallocate(task, address, ctypes.c_uint64(2 * size))

    if failed:
        release()
        raise OSError(f"mach_vm_remap failed ({failed})")
    return address.value, 2 * size, release


def map_section_twice(size: int) -> tuple[int, int, Callable[[], None]]:
    """Split a placeholder in two, and map one section into both parts (Windows 10 1803)."""
    windows: Any = ctypes
    kernel = windows.WinDLL("kernelbase", use_last_error=True)
    reserve, placeholder, preserve, replace = 0x2000, 0x40000, 0x2, 0x4000
    no_access, read_write, release_flag = 0x01, 0x04, 0x8000
    pointer, size_t = ctypes.c_void_p, ctypes.c_size_t
    kernel.VirtualAlloc2.restype = kernel.MapViewOfFile3.restype = pointer
    kernel.CreateFileMappingW.restype = pointer

    def fail() -> OSError:
        return OSError(f"Windows error {windows.get_last_error()}")

    base = kernel.VirtualAlloc2(
        None, None, size_t(2 * size), reserve | placeholder, no_access, None, 0
    )
    if not base:
        raise fail()
    if not kernel.VirtualFree(pointer(base), size_t(size), release_flag | preserve):
        raise fail()
    section = kernel.CreateFileMappingW(
        pointer(-1), None, read_write, size >> 32, size & 0xFFFFFFFF, None
    )
    if not section:
        raise fail()
    views = [
        kernel.MapViewOfFile3(
            pointer(section),
            None,
            pointer(at),
            ctypes.c_uint64(0),
            size_t(size),
            replace,
            read_write,
            None,
            0,
        )
        for at in (base, base + size)
    ]
    kernel.CloseHandle(pointer(section))

    def release() -> None:
        for view in views:
            kernel.UnmapViewOfFile(pointer(view))

    if not all(views):
        raise fail()
    return base, 2 * size, release
