"""What the audio thread needs of the system: priority, memory that stays, a processor of its own.

Everything is asked for, read back, and reported as a `Grant`; nothing here fails. Linux: run.
On Windows and macOS miniaudio asks for MMCSS and the time-constraint policy by itself; nothing is
read back there (written, not yet run).

RealtimeKit is the desktop's service that gives ordinary users real-time priority; it is asked over
D-Bus where the extra ``[realtimekit]`` is installed (https://github.com/heftig/rtkit, README).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from zerocross.system import Grant
from zerocross.system.pages import libc

__all__ = ["AUDIO_PRIORITY", "elevate", "keep_in_memory", "name_thread"]

#: SCHED_FIFO's number for the audio thread: below JACK's own 70, above everything ordinary.
AUDIO_PRIORITY = 60
_NICE = -11
_RESET_ON_FORK = 0x40000000
_KIT_TIMEOUT_S = 2.0
_CURE = (
    "add your user to the audio group with an rtprio limit in /etc/security/limits.d, "
    "or run the stream with a larger --block"
)


def elevate(thread: int, priority: int = AUDIO_PRIORITY) -> Grant:
    """Ask for SCHED_FIFO for a thread of this process; else RealtimeKit; else for a nice of -11.

    Parameters
    ----------
    thread : int
        Native number, as ``threading.get_native_id`` gives it.
    priority : int
        From 1 to 99.

    """
    what = "real-time priority"
    if sys.platform != "linux":
        return Grant(what, False, "left to miniaudio on this system, and not read back")
    try:
        policy = _policy_of(thread)
        if policy in (os.SCHED_FIFO, os.SCHED_RR):
            found = os.sched_getparam(thread).sched_priority
            return Grant(what, True, f"{_policy(policy)} {found} already, read back")
        os.sched_setscheduler(thread, os.SCHED_FIFO, os.sched_param(priority))
    except OSError as error:
        reason = (error.strerror or "refused").lower()
        kit = _ask_realtime_kit(thread)
        if kit:
            return Grant(what, False, f"{reason}; {kit}; {_nice(thread)}; {_CURE}")
        policy, found = _policy_of(thread), os.sched_getparam(thread).sched_priority
        granted = policy in (os.SCHED_FIFO, os.SCHED_RR)
        return Grant(what, granted, f"{_policy(policy)} {found} from RealtimeKit, read back")
    policy, found = _policy_of(thread), os.sched_getparam(thread).sched_priority
    granted = policy == os.SCHED_FIFO and found == priority
    return Grant(what, granted, f"{_policy(policy)} {found}, read back")


def _policy_of(thread: int) -> int:
    return os.sched_getscheduler(thread) & ~_RESET_ON_FORK


def _ask_realtime_kit(thread: int) -> str:
    """Ask RealtimeKit for as much as it gives; returns why not, or an empty string."""
    import resource  # not on Windows

    try:
        from jeepney import DBusAddress, Properties, new_method_call
        from jeepney.io.blocking import open_dbus_connection
    except ImportError:
        return "RealtimeKit not asked (pip install zerocross[realtimekit])"
    name = "org.freedesktop.RealtimeKit1"
    address = DBusAddress("/org/freedesktop/RealtimeKit1", bus_name=name, interface=name)
    try:
        with contextlib.closing(open_dbus_connection(bus="SYSTEM")) as bus:
            properties = Properties(address)
            most = int(_reply(bus, properties.get("MaxRealtimePriority"))[0][1])
            longest = int(_reply(bus, properties.get("RTTimeUSecMax"))[0][1])
            resource.setrlimit(resource.RLIMIT_RTTIME, (longest, longest))  # it insists on it
            values = (os.getpid(), thread, min(most, AUDIO_PRIORITY))
            _reply(bus, new_method_call(address, "MakeThreadRealtimeWithPID", "ttu", values))
    except (OSError, ValueError, KeyError, TimeoutError) as error:
        return f"RealtimeKit: {str(error).lower() or 'no answer'}"
    return ""


def _reply(bus: Any, message: Any) -> Any:
    """Send a message and return the body of its answer; an error is raised as OSError."""
    from jeepney import MessageType

    reply = bus.send_and_get_reply(message, timeout=_KIT_TIMEOUT_S)
    if reply.header.message_type == MessageType.error:
        raise OSError(str(reply.body[0]) if reply.body else "refused")
    return reply.body


def _policy(number: int) -> str:
    names = {os.SCHED_FIFO: "SCHED_FIFO", os.SCHED_RR: "SCHED_RR", os.SCHED_OTHER: "SCHED_OTHER"}
    return names.get(number, f"policy {number}")


def _nice(thread: int) -> str:
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, thread, _NICE)
    with contextlib.suppress(OSError):
        return f"nice {os.getpriority(os.PRIO_PROCESS, thread)} instead"
    return "no nice either"


def name_thread(thread: int, name: str) -> None:
    """Give a thread a name that ``top`` and ``ps`` show, of up to 15 bytes (Linux)."""
    with contextlib.suppress(OSError):
        Path(f"/proc/self/task/{thread}/comm").write_text(name[:15])


def keep_in_memory(regions: Iterable[tuple[int, int]]) -> Grant:
    """Lock memory, and read back how much more of the process is locked."""
    what, wanted = "locked memory", list(regions)
    if sys.platform != "linux":
        return Grant(what, False, "not asked on this system")
    size = sum(length for _, length in wanted)
    before = _locked_kib()
    reasons = {
        os.strerror(ctypes.get_errno()).lower()
        for address, length in wanted
        if libc().mlock(ctypes.c_void_p(address), ctypes.c_size_t(length)) != 0
    }
    locked = _locked_kib() - before
    if reasons:
        return Grant(
            what,
            False,
            f"{', '.join(sorted(reasons))} after {locked} of {size // 1024} KiB; raise memlock in "
            "/etc/security/limits.d",
        )
    return Grant(what, locked * 1024 >= size, f"{locked} KiB more than before, read back")


def _locked_kib() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmLck:")[2].split()[0])
