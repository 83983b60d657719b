"""Windows' own calls: threads, affinity, MMCSS, locked pages, NUMA nodes. Written, not yet run.

A refusal is an OSError. Prototypes and numbers: Microsoft Learn, Windows App Development, API
reference by header (processthreadsapi.h, processtopologyapi.h, winbase.h, avrt.h, memoryapi.h,
psapi.h, systemtopologyapi.h), read again in the headers' mirrors mingw-w64 and winapi-rs. Types of
a fixed size are used (a DWORD is a uint32), so that the tests' fakes on Linux are called with the
very bits that Windows would get. CPUs are numbered through: 64 for each processor group.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import mmap
from collections.abc import Iterator
from typing import Any

__all__ = [
    "TIME_CRITICAL",
    "GroupAffinity",
    "ProcessorNumber",
    "WorkingSetPage",
    "affinity_of",
    "allocate_on_node",
    "allow_locking",
    "current_cpu",
    "free",
    "join_pro_audio",
    "lock",
    "locked_bytes_of",
    "node_of",
    "nodes",
    "priority_of",
    "set_affinity",
    "set_priority",
]

#: THREAD_PRIORITY_TIME_CRITICAL: the highest that a thread can have outside of MMCSS.
TIME_CRITICAL = 15
_NO_PRIORITY = 0x7FFFFFFF  # THREAD_PRIORITY_ERROR_RETURN
_SET_AND_QUERY = 0x0020 | 0x0040  # THREAD_SET_INFORMATION | THREAD_QUERY_INFORMATION
_RESERVE_AND_COMMIT, _READ_WRITE, _RELEASE = 0x3000, 0x04, 0x8000
_GROUP = 64

_BOOL, _DWORD, _USHORT = ctypes.c_int32, ctypes.c_uint32, ctypes.c_uint16
_HANDLE = _ADDRESS = ctypes.c_void_p
_SIZE = ctypes.c_size_t  # SIZE_T, DWORD_PTR, KAFFINITY and ULONG_PTR alike


class GroupAffinity(ctypes.Structure):
    """GROUP_AFFINITY (winnt.h): some CPUs of one processor group."""

    _fields_ = (("mask", _SIZE), ("group", _USHORT), ("reserved", _USHORT * 3))


class ProcessorNumber(ctypes.Structure):
    """PROCESSOR_NUMBER (winnt.h)."""

    _fields_ = (("group", _USHORT), ("number", ctypes.c_uint8), ("reserved", ctypes.c_uint8))


class WorkingSetPage(ctypes.Structure):
    """PSAPI_WORKING_SET_EX_INFORMATION (psapi.h): the address of a page, and what it is."""

    _fields_ = (("address", _ADDRESS), ("flags", _SIZE))

    # The bits of PSAPI_WORKING_SET_EX_BLOCK: Valid 1, ShareCount 3, Win32Protection 11,
    # Shared 1, Node 6, Locked 1, ...; those after Valid mean something only if it is set.

    @property
    def node(self) -> int:
        """The NUMA node, or -1 if the page is not in memory."""
        return int(self.flags) >> 16 & 0x3F if self.flags & 1 else -1

    @property
    def is_locked(self) -> bool:
        """Whether the page is in memory and stays there."""
        return bool(self.flags & 1 and self.flags >> 22 & 1)


# Function: the library, what it returns, what it takes.
_PROTOTYPES: dict[str, tuple[str, Any, tuple[Any, ...]]] = {
    "OpenThread": ("kernel32", _HANDLE, (_DWORD, _BOOL, _DWORD)),
    "CloseHandle": ("kernel32", _BOOL, (_HANDLE,)),
    "GetCurrentProcess": ("kernel32", _HANDLE, ()),
    "GetThreadPriority": ("kernel32", ctypes.c_int32, (_HANDLE,)),
    "SetThreadPriority": ("kernel32", _BOOL, (_HANDLE, ctypes.c_int32)),
    "SetThreadAffinityMask": ("kernel32", _SIZE, (_HANDLE, _SIZE)),
    "GetThreadGroupAffinity": ("kernel32", _BOOL, (_HANDLE, ctypes.POINTER(GroupAffinity))),
    "AvSetMmThreadCharacteristicsW": (
        "avrt",
        _HANDLE,
        (ctypes.c_wchar_p, ctypes.POINTER(_DWORD)),
    ),
    "VirtualAllocExNuma": (
        "kernel32",
        _ADDRESS,
        (_HANDLE, _ADDRESS, _SIZE, _DWORD, _DWORD, _DWORD),
    ),
    "VirtualFree": ("kernel32", _BOOL, (_ADDRESS, _SIZE, _DWORD)),
    "VirtualLock": ("kernel32", _BOOL, (_ADDRESS, _SIZE)),
    "GetProcessWorkingSetSize": (
        "kernel32",
        _BOOL,
        (_HANDLE, ctypes.POINTER(_SIZE), ctypes.POINTER(_SIZE)),
    ),
    "SetProcessWorkingSetSize": ("kernel32", _BOOL, (_HANDLE, _SIZE, _SIZE)),
    "K32QueryWorkingSetEx": ("kernel32", _BOOL, (_HANDLE, _ADDRESS, _DWORD)),
    "GetNumaHighestNodeNumber": ("kernel32", _BOOL, (ctypes.POINTER(_DWORD),)),
    "GetNumaNodeProcessorMaskEx": (
        "kernel32",
        _BOOL,
        (_USHORT, ctypes.POINTER(GroupAffinity)),
    ),
    "GetCurrentProcessorNumberEx": ("kernel32", None, (ctypes.POINTER(ProcessorNumber),)),
}

_REASONS = {
    5: "access is denied",
    87: "invalid parameter",
    1314: "a privilege is not held",
    1453: "insufficient quota",
    1550: "the task name is not known",
    1551: "the task index is not valid",
}


@functools.cache
def _library(name: str) -> Any:
    windows: Any = ctypes
    return windows.WinDLL(name, use_last_error=True)


def _last_error() -> int:
    windows: Any = ctypes
    return int(windows.get_last_error())


def _call(name: str, *arguments: Any) -> Any:
    library, result, kinds = _PROTOTYPES[name]
    try:
        function = getattr(_library(library), name)
    except AttributeError:
        raise OSError(f"this Windows has no {name}") from None
    function.argtypes, function.restype = kinds, result
    return function(*arguments)


def _failure(name: str) -> OSError:
    number = _last_error()
    return OSError(f"{_REASONS.get(number, 'refused')} ({name}, Windows error {number})")


def _demand(name: str, *arguments: Any) -> Any:
    """Call a function whose 0 or NULL is a failure."""
    found = _call(name, *arguments)
    if not found:
        raise _failure(name)
    return found


# --- threads ----------------------------------------------------------------------------------


@contextlib.contextmanager
def _opened(thread: int) -> Iterator[int]:
    """Open a thread by its number, as `threading.get_native_id` gives it."""
    handle = _demand("OpenThread", _SET_AND_QUERY, 0, thread)
    try:
        yield handle
    finally:
        _call("CloseHandle", handle)


def priority_of(thread: int) -> int:
    """Return a thread's priority: -15 to 15, 0 the ordinary one."""
    with _opened(thread) as handle:
        found = int(_call("GetThreadPriority", handle))
        if found == _NO_PRIORITY:
            raise _failure("GetThreadPriority")
        return found


def set_priority(thread: int, priority: int) -> None:
    """Set a thread's priority within its process's class."""
    with _opened(thread) as handle:
        _demand("SetThreadPriority", handle, priority)


def join_pro_audio() -> int:
    """Let MMCSS schedule the calling thread as ``Pro Audio``; returns the task's index.

    It stays so until the thread ends. No thread can be joined by another.
    """
    index = _DWORD(0)  # 0 asks for a task of its own
    _demand("AvSetMmThreadCharacteristicsW", "Pro Audio", ctypes.byref(index))
    return index.value


def affinity_of(thread: int) -> frozenset[int]:
    """Return the CPUs that a thread may run on."""
    with _opened(thread) as handle:
        return _cpus(_affinity(handle))


def set_affinity(thread: int, cpus: frozenset[int]) -> None:
    """Let a thread run on some CPUs of its processor group only."""
    with _opened(thread) as handle:
        first = int(_affinity(handle).group) * _GROUP
        if not cpus <= frozenset(range(first, first + _GROUP)):
            raise OSError(f"the thread's processor group is CPU {first} to {first + _GROUP - 1}")
        _demand("SetThreadAffinityMask", handle, sum(1 << (cpu - first) for cpu in cpus))


def _affinity(handle: int) -> GroupAffinity:
    found = GroupAffinity()
    _demand("GetThreadGroupAffinity", handle, ctypes.byref(found))
    return found


def _cpus(affinity: GroupAffinity) -> frozenset[int]:
    first, mask = int(affinity.group) * _GROUP, int(affinity.mask)
    return frozenset(first + bit for bit in range(_GROUP) if mask >> bit & 1)


# --- memory -----------------------------------------------------------------------------------


def allocate_on_node(size: int, node: int) -> int:
    """Return the address of zeroed pages that are to lie on a NUMA node; `free` gives them back.

    The node is chosen when a page is first touched; another one if this has none left.
    """
    process = _call("GetCurrentProcess")
    return int(
        _demand("VirtualAllocExNuma", process, None, size, _RESERVE_AND_COMMIT, _READ_WRITE, node)
    )


def free(address: int) -> None:
    """Give back what `allocate_on_node` returned."""
    _call("VirtualFree", address, 0, _RELEASE)


def allow_locking(size: int) -> None:
    """Raise the working set's limits; as much can be locked as its minimum, 200 KiB at first."""
    process = _call("GetCurrentProcess")
    least, most = _SIZE(0), _SIZE(0)
    _demand("GetProcessWorkingSetSize", process, ctypes.byref(least), ctypes.byref(most))
    _demand("SetProcessWorkingSetSize", process, least.value + size, most.value + size)


def lock(address: int, size: int) -> None:
    """Lock the pages of a range; freeing them unlocks them."""
    _demand("VirtualLock", address, size)


def locked_bytes_of(address: int, size: int) -> int:
    """Return how much of a range is locked."""
    return sum(
        min(page.address + mmap.PAGESIZE, address + size) - max(page.address, address)
        for page in _pages(address, size)
        if page.is_locked
    )


def node_of(address: int) -> int:
    """Return the NUMA node of the page at an address, or -1 if it is not in memory."""
    return _pages(address, 1)[0].node


def _pages(address: int, size: int) -> list[WorkingSetPage]:
    start = address - address % mmap.PAGESIZE
    count = -(-(address + size - start) // mmap.PAGESIZE)
    pages = (WorkingSetPage * count)()
    for index, page in enumerate(pages):
        page.address = start + index * mmap.PAGESIZE
    process = _call("GetCurrentProcess")
    _demand("K32QueryWorkingSetEx", process, ctypes.addressof(pages), ctypes.sizeof(pages))
    return list(pages)


# --- nodes ------------------------------------------------------------------------------------


def nodes() -> dict[int, frozenset[int]]:
    """Return the CPUs of each NUMA node that has any.

    Of a node with more than one processor group, the CPUs of the first.
    """
    highest = _DWORD(0)
    _demand("GetNumaHighestNodeNumber", ctypes.byref(highest))
    found: dict[int, frozenset[int]] = {}
    for number in range(highest.value + 1):
        affinity = GroupAffinity()
        # A failure is a number without a node: they need not be consecutive.
        if _call("GetNumaNodeProcessorMaskEx", number, ctypes.byref(affinity)) and affinity.mask:
            found[number] = _cpus(affinity)
    return found


def current_cpu() -> int:
    """Return the number of the CPU that the calling thread runs on."""
    found = ProcessorNumber()
    _call("GetCurrentProcessorNumberEx", ctypes.byref(found))
    return int(found.group) * _GROUP + int(found.number)
