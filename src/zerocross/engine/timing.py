"""Timing: what every callback took, when it came, and why it was late.

The audio thread (`remember`) is always on: two histograms, a few counters and the last 256
callbacks one by one, for one clock reading and, on Linux, one ``getrusage`` of its own thread.
The control thread makes numbers for people of them.

A late callback is one that took longer than its block. Its cause is what the system says of
the thread since the callback before: it waited for a page (``ru_majflt``), it was preempted
(``ru_nivcsw``), or neither: if the processor time that it used would have been in time it was held
up (by the host of a virtual machine, by interrupts), else it was its own work. A callback that began two blocks after the one before
was woken late, by the device or by the scheduler.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.compiler import array_address, external, kernel, record_at
from zerocross.engine.counters import BUCKETS, LATE_CAUSES
from zerocross.engine.layouts import (
    CALLBACK,
    CALLBACK_FAULT,
    CALLBACK_LATE,
    CALLBACK_SHORT,
    CALLBACK_WOKEN_LATE,
    LOGGED,
)

__all__ = ["recent_callbacks", "remember"]

_LINUX = sys.platform == "linux"
_CALLBACK_SIZE = CALLBACK.itemsize
_OF_THIS_THREAD = np.int32(1)
# Where `struct rusage` has them, in words: major page faults, involuntary context switches.
_MAJOR_FAULTS, _PREEMPTIONS = 9, 17
_PREEMPTED, _FAULTED, _HELD_UP, _OWN_WORK, _WOKEN_LATE = range(len(LATE_CAUSES))

_getrusage = external("getrusage", "il", lambda _who, _usage: 0)


# --- the audio thread -----------------------------------------------------------------------------


@kernel
def bucket_of(elapsed: Any) -> Any:
    """Return the bucket of a time in nanoseconds: eight to an octave."""
    octave = 0
    value = max(0, elapsed)
    while value >= 16:
        value >>= 1
        octave += 1
    return min(octave * 8 + value, BUCKETS - 1)


@kernel
def late_cause(page_faults: Any, preemptions: Any, in_time: Any) -> Any:
    """Return the number of a cause in `LATE_CAUSES`."""
    if page_faults > 0:
        return _FAULTED
    if preemptions > 0:
        return _PREEMPTED
    return _HELD_UP if in_time else _OWN_WORK


@kernel
def remember(
    stream: Any, started: Any, elapsed: Any, worked: Any, frames: Any, fill: Any, flags: Any
) -> None:
    """Count a callback: its time, when it came, and why it was late. Real-time: safe."""
    before = stream.last_ns
    gap = started - before if before > 0 else 0
    preemptions, page_faults = stream.preemptions, stream.page_faults
    if _LINUX:
        _getrusage(_OF_THIS_THREAD, array_address(stream.usage))
        stream.page_faults = stream.usage[_MAJOR_FAULTS]
        stream.preemptions = stream.usage[_PREEMPTIONS]
    if before == 0:
        preemptions, page_faults = stream.preemptions, stream.page_faults
    preemptions, page_faults = stream.preemptions - preemptions, stream.page_faults - page_faults
    if elapsed * stream.sample_rate > frames * 1_000_000_000:
        flags |= CALLBACK_LATE
        stream.late_callbacks += 1
        stream.longest_late_ns = max(stream.longest_late_ns, elapsed)
        in_time = worked * stream.sample_rate <= frames * 1_000_000_000
        stream.late_causes[late_cause(page_faults, preemptions, in_time)] += 1
    if before > 0:
        stream.longest_gap_ns = max(stream.longest_gap_ns, gap)
        expected = stream.block_frames * 1_000_000_000 // stream.sample_rate
        stream.arrivals[bucket_of(abs(gap - expected))] += 1
        if gap > 2 * expected:
            flags |= CALLBACK_WOKEN_LATE
            stream.late_causes[_WOKEN_LATE] += 1
    entry = record_at(stream.log + (stream.callbacks % LOGGED) * _CALLBACK_SIZE, CALLBACK)
    entry.started_ns = started
    entry.duration_ns = elapsed
    entry.worked_ns = worked
    entry.gap_ns = gap
    entry.frames = frames
    entry.fill = fill
    entry.flags = flags
    entry.preemptions = preemptions
    entry.page_faults = page_faults
    stream.last_ns = started
    stream.callbacks += 1
    stream.block_frames = frames
    stream.longest_ns = max(stream.longest_ns, elapsed)
    stream.histogram[bucket_of(elapsed)] += 1


# --- the control thread ---------------------------------------------------------------------------


def recent_callbacks(
    log: npt.NDArray[Any], callbacks: int, sample_rate: float
) -> list[dict[str, Any]]:
    """Return the last callbacks, oldest first, with what was out of the ordinary in words.

    The audio thread writes on: the oldest of them may be a newer one by now.
    """
    order = [k % LOGGED for k in range(max(0, callbacks - LOGGED), callbacks)]
    rows = log[order]
    return [
        {
            "started_ns": int(row["started_ns"]),
            "duration_ns": int(row["duration_ns"]),
            "worked_ns": int(row["worked_ns"]),
            "gap_ns": int(row["gap_ns"]),
            "frames": int(row["frames"]),
            "share_of_deadline": float(
                row["duration_ns"] * sample_rate / (max(1, row["frames"]) * 1e9)
            ),
            "ring_frames": int(row["fill"]),
            "notes": _notes(row, sample_rate),
        }
        for row in rows
    ]


def _notes(row: Any, sample_rate: float) -> list[str]:
    flags = int(row["flags"])
    found = []
    if flags & CALLBACK_LATE:
        in_time = row["worked_ns"] * sample_rate <= row["frames"] * 1e9
        cause = late_cause.function(row["page_faults"], row["preemptions"], in_time)
        found.append(f"late: {LATE_CAUSES[cause]}")
    if flags & CALLBACK_WOKEN_LATE:
        found.append(LATE_CAUSES[_WOKEN_LATE])
    if flags & CALLBACK_SHORT:
        found.append("the ring ran short")
    if flags & CALLBACK_FAULT:
        found.append("a kernel reported a fault")
    return found
