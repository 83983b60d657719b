"""macOS' own calls: Mach threads' policies, wired pages. Written, not yet run.

A refusal is an OSError. Prototypes and numbers: Apple's xnu, ``osfmk/mach/thread_policy.h``,
``thread_info.h``, ``vm_region.h``, ``mach_time.h``. Threads are known to Python by their 64-bit
number (``pthread_threadid_np``) and to Mach by a port, which is looked up here.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterator
from typing import Any

from zerocross.system.posix import libc

__all__ = [
    "AffinityTag",
    "RegionInfo",
    "ThreadIdentity",
    "TimeConstraint",
    "Timebase",
    "affinity_tag_of",
    "set_affinity_tag",
    "set_time_constraint",
    "time_constraint_of",
    "wired_bytes_of",
]

_TIME_CONSTRAINT_POLICY, _AFFINITY_POLICY = 2, 4
_THREAD_IDENTIFIER_INFO = 4
_VM_REGION_BASIC_INFO_64 = 9
_REASONS = {4: "invalid argument", 5: "failure", 46: "not supported"}

_INT, _UINT, _UINT64 = ctypes.c_int32, ctypes.c_uint32, ctypes.c_uint64
_PORT = _UINT  # mach_port_t, natural_t and mach_msg_type_number_t alike
_UINTS = ctypes.POINTER(_UINT)


class TimeConstraint(ctypes.Structure):
    """thread_time_constraint_policy: times in Mach's absolute units."""

    _fields_ = (
        ("period", _UINT),
        ("computation", _UINT),
        ("constraint", _UINT),
        ("preemptible", _INT),
    )


class AffinityTag(ctypes.Structure):
    """thread_affinity_policy."""

    _fields_ = (("tag", _INT),)


class ThreadIdentity(ctypes.Structure):
    """thread_identifier_info."""

    _fields_ = (("thread_id", _UINT64), ("thread_handle", _UINT64), ("dispatch_qaddr", _UINT64))


class RegionInfo(ctypes.Structure):
    """vm_region_basic_info_64, which the header packs to 4 bytes."""

    _pack_ = 4
    _layout_ = "ms"  # Python 3.14 wants it told, and has no other for packed fields
    _fields_ = (
        ("protection", _INT),
        ("max_protection", _INT),
        ("inheritance", _UINT),
        ("shared", _INT),
        ("reserved", _INT),
        ("offset", _UINT64),
        ("behavior", _INT),
        ("user_wired_count", ctypes.c_uint16),
    )


class Timebase(ctypes.Structure):
    """mach_timebase_info: nanoseconds are absolute units times numer over denom."""

    _fields_ = (("numer", _UINT), ("denom", _UINT))


# Function: what it takes. All return a kern_return_t. A policy or an info is an array of int,
# whose length is given in ints; an address is as good.
_PROTOTYPES: dict[str, tuple[Any, ...]] = {
    "thread_policy_set": (_PORT, _UINT, ctypes.c_void_p, _UINT),
    "thread_policy_get": (_PORT, _UINT, ctypes.c_void_p, _UINTS, ctypes.POINTER(_INT)),
    "thread_info": (_PORT, _UINT, ctypes.c_void_p, _UINTS),
    "task_threads": (_PORT, ctypes.POINTER(_UINTS), _UINTS),
    "mach_port_deallocate": (_PORT, _PORT),
    "mach_vm_deallocate": (_PORT, _UINT64, _UINT64),
    "mach_vm_region": (
        _PORT,
        ctypes.POINTER(_UINT64),
        ctypes.POINTER(_UINT64),
        _INT,
        ctypes.c_void_p,
        _UINTS,
        _UINTS,
    ),
    "mach_timebase_info": (ctypes.POINTER(Timebase),),
}


def _task() -> int:
    """Return this process's own port."""
    return int(_PORT.in_dll(libc(), "mach_task_self_").value)


def _call(name: str, *arguments: Any) -> int:
    """Call a function and return what it says; 0 is success."""
    function = getattr(libc(), name)
    function.argtypes, function.restype = _PROTOTYPES[name], _INT
    return int(function(*arguments))


def _demand(name: str, *arguments: Any) -> None:
    status = _call(name, *arguments)
    if status:
        raise OSError(f"{_REASONS.get(status, 'refused')} ({name}, Mach error {status})")


def _ints(structure: ctypes.Structure) -> int:
    return ctypes.sizeof(structure) // 4


# --- threads ----------------------------------------------------------------------------------


@contextlib.contextmanager
def _port_of(thread: int) -> Iterator[int]:
    """Find a thread of this process by its number."""
    task, ports, count = _task(), _UINTS(), _UINT(0)
    _demand("task_threads", task, ctypes.byref(ports), ctypes.byref(count))
    try:
        found = [port for port in ports[: count.value] if _identity_of(port) == thread]
        if not found:
            raise OSError(f"no thread {thread} in this process")
        yield found[0]
    finally:
        for port in ports[: count.value]:
            _call("mach_port_deallocate", task, port)
        address = ctypes.cast(ports, ctypes.c_void_p).value
        _call("mach_vm_deallocate", task, address or 0, 4 * count.value)


def _identity_of(port: int) -> int:
    """Return the number of a thread, or -1 if it has ended meanwhile."""
    found = ThreadIdentity()
    count = _UINT(_ints(found))
    failed = _call(
        "thread_info", port, _THREAD_IDENTIFIER_INFO, ctypes.addressof(found), ctypes.byref(count)
    )
    return -1 if failed else int(found.thread_id)


def _set_policy(thread: int, flavor: int, policy: ctypes.Structure) -> None:
    with _port_of(thread) as port:
        _demand("thread_policy_set", port, flavor, ctypes.addressof(policy), _ints(policy))


def _get_policy(thread: int, flavor: int, policy: ctypes.Structure) -> bool:
    """Fill in a thread's policy; returns whether it is the thread's own, and not the default."""
    count, is_default = _UINT(_ints(policy)), _INT(0)
    with _port_of(thread) as port:
        _demand(
            "thread_policy_get",
            port,
            flavor,
            ctypes.addressof(policy),
            ctypes.byref(count),
            ctypes.byref(is_default),
        )
    return not is_default.value


def set_time_constraint(
    thread: int, period_ns: int, computation_ns: int, constraint_ns: int
) -> None:
    """Promise a thread so much computation in every period, done within the constraint."""
    numer, denom = _timebase()
    policy = TimeConstraint(
        *(ns * denom // numer for ns in (period_ns, computation_ns, constraint_ns)), 1
    )
    _set_policy(thread, _TIME_CONSTRAINT_POLICY, policy)


def time_constraint_of(thread: int) -> tuple[int, int, int] | None:
    """Return a thread's period, computation and constraint in ns; None if it has none."""
    policy = TimeConstraint()
    if not _get_policy(thread, _TIME_CONSTRAINT_POLICY, policy):
        return None
    numer, denom = _timebase()
    period, computation, constraint = (
        int(ticks) * numer // denom
        for ticks in (policy.period, policy.computation, policy.constraint)
    )
    return period, computation, constraint


def _timebase() -> tuple[int, int]:
    found = Timebase()
    _demand("mach_timebase_info", ctypes.byref(found))
    return int(found.numer), int(found.denom)


def set_affinity_tag(thread: int, tag: int) -> None:
    """Put a thread in the set of those that would share a cache; 0 is no set."""
    _set_policy(thread, _AFFINITY_POLICY, AffinityTag(tag))


def affinity_tag_of(thread: int) -> int:
    """Return the set that a thread is in; 0 is no set."""
    policy = AffinityTag()
    return int(policy.tag) if _get_policy(thread, _AFFINITY_POLICY, policy) else 0


# --- memory -----------------------------------------------------------------------------------


def wired_bytes_of(address: int, size: int) -> int:
    """Return how much of a range is locked by this process."""
    task, at, wired = _task(), address, 0
    while at < address + size:
        start, length, name = _UINT64(at), _UINT64(0), _UINT(0)
        found = RegionInfo()
        count = _UINT(_ints(found))
        _demand(
            "mach_vm_region",
            task,
            ctypes.byref(start),
            ctypes.byref(length),
            _VM_REGION_BASIC_INFO_64,
            ctypes.addressof(found),
            ctypes.byref(count),
            ctypes.byref(name),
        )
        end = min(start.value + length.value, address + size)
        if found.user_wired_count:
            wired += max(0, end - max(start.value, at))
        at = start.value + length.value
    return wired
