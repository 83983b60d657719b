"""What the audio thread needs of the system: to be let run first, and a name to be seen by.

Everything is asked for, read back, and reported as a `Grant`; nothing here fails. Linux: run.
Windows and macOS: written, not yet run.

RealtimeKit is the desktop's service that gives ordinary users real-time priority; it is asked over
D-Bus where the extra ``[realtimekit]`` is installed (https://github.com/heftig/rtkit, README).
"""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path
from typing import Any

from zerocross.system import macos, windows
from zerocross.system.grant import Answer, Grant, ask

__all__ = ["AUDIO_PRIORITY", "elevate", "name_thread"]

#: SCHED_FIFO's number for the audio thread: below JACK's own 70, above everything ordinary.
AUDIO_PRIORITY = 60
_NICE = -11
_RESET_ON_FORK = 0x40000000
_KIT_TIMEOUT_S = 2.0
_CURE = (
    "add your user to the audio group with an rtprio limit in /etc/security/limits.d, "
    "or run the stream with a larger --block"
)
_CURE_ON_WINDOWS = (
    "let the service Multimedia Class Scheduler run, or run the stream with a larger --block"
)
#: macOS is promised half of every such period: 128 frames at 48 kHz.
_PERIOD_NS = 128 * 1_000_000_000 // 48_000


def elevate(thread: int, priority: int = AUDIO_PRIORITY) -> Grant:
    """Ask for real-time priority for a thread of this process, and read it back.

    Linux: SCHED_FIFO, else RealtimeKit, else a nice of -11. Windows: MMCSS's ``Pro Audio`` for the
    calling thread, and the highest ordinary priority for another one, as MMCSS can only be joined
    by the thread itself. macOS: the time-constraint policy, unless the thread has it already.

    Parameters
    ----------
    thread : int
        Native number, as ``threading.get_native_id`` gives it.
    priority : int
        Linux's, from 1 to 99.

    Notes
    -----
    Real-time: no. Windows and macOS: written, not yet run.

    """
    return ask(
        "real-time priority",
        thread,
        priority,
        linux=_on_linux,
        windows=_on_windows,
        macos=_on_macos,
    )


def _on_linux(thread: int, priority: int) -> Answer:
    try:
        policy = _policy_of(thread)
        if policy in (os.SCHED_FIFO, os.SCHED_RR):
            found = os.sched_getparam(thread).sched_priority
            return True, f"{_policy(policy)} {found} already, read back"
        os.sched_setscheduler(thread, os.SCHED_FIFO, os.sched_param(priority))
    except OSError as error:
        reason = (error.strerror or "refused").lower()
        kit = _ask_realtime_kit(thread)
        if kit:
            return False, f"{reason}; {kit}; {_nice(thread)}; {_CURE}"
        policy, found = _policy_of(thread), os.sched_getparam(thread).sched_priority
        granted = policy in (os.SCHED_FIFO, os.SCHED_RR)
        return granted, f"{_policy(policy)} {found} from RealtimeKit, read back"
    policy, found = _policy_of(thread), os.sched_getparam(thread).sched_priority
    granted = policy == os.SCHED_FIFO and found == priority
    return granted, f"{_policy(policy)} {found}, read back"


def _on_windows(thread: int, _priority: int) -> Answer:
    if thread == threading.get_native_id():
        try:
            task = windows.join_pro_audio()
        except OSError as error:
            return False, f"{error}; {_CURE_ON_WINDOWS}"
        found = windows.priority_of(thread)
        return task > 0, f"MMCSS Pro Audio, task {task}; thread priority {found}, read back"
    found = windows.priority_of(thread)
    if found >= windows.TIME_CRITICAL:
        return True, f"thread priority {found} already, read back; MMCSS is the thread's to join"
    try:
        windows.set_priority(thread, windows.TIME_CRITICAL)
    except OSError as error:
        return False, f"{error}; thread priority {found} as before; {_CURE_ON_WINDOWS}"
    found = windows.priority_of(thread)
    granted = found >= windows.TIME_CRITICAL
    return granted, f"thread priority {found}, read back; MMCSS is the thread's to join"


def _on_macos(thread: int, _priority: int) -> Answer:
    found = macos.time_constraint_of(thread)
    if found:
        return True, f"{_constraint(found)} already, read back"
    try:
        macos.set_time_constraint(thread, _PERIOD_NS, _PERIOD_NS // 2, _PERIOD_NS)
    except OSError as error:
        return False, f"{error}; run the stream with a larger --block"
    found = macos.time_constraint_of(thread)
    if not found:
        return False, "not there when read back; run the stream with a larger --block"
    return True, f"{_constraint(found)}, read back"


def _constraint(policy: tuple[int, int, int]) -> str:
    period, computation, constraint = (ns / 1e6 for ns in policy)
    return (
        f"time constraint of {computation:.2f} ms within {constraint:.2f} ms, every {period:.2f} ms"
    )


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
