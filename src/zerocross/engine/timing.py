"""The recorder: what every callback took, when it came, and why it was late.

The audio side (`remember`) is always on: two histograms, a few counters and the last 256
callbacks one by one, for one clock reading and, on Linux, one ``getrusage`` of its own thread.
The control side makes numbers for people of them.

A late callback is one that took longer than its block. Its cause is what the system says of
the thread since the callback before: it waited for a page (``ru_majflt``), it was preempted
(``ru_nivcsw``), or neither: if the processor time that it used would have been in time it was held
up (by the host of a virtual machine, by interrupts), else it was its own work. A callback that began two blocks after the one before
was woken late, by the device or by the scheduler.
"""

from __future__ import annotations

import dataclasses
import sys
from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.compiler import array_address, external, kernel, record_at
from zerocross.engine.layouts import (
    BUCKETS,
    CALLBACK,
    CALLBACK_FAULT,
    CALLBACK_LATE,
    CALLBACK_SHORT,
    CALLBACK_WOKEN_LATE,
    LATE_CAUSES,
    LOGGED,
)
from zerocross.memory import Record

__all__ = ["Counters", "bucket_limits_ns", "percentile_ns", "recent_callbacks", "remember"]

_LINUX = sys.platform == "linux"
_CALLBACK_SIZE = CALLBACK.itemsize
_OF_THIS_THREAD = np.int32(1)
# Where `struct rusage` has them, in words: major page faults, involuntary context switches.
_MAJOR_FAULTS, _PREEMPTIONS = 9, 17
_PREEMPTED, _FAULTED, _HELD_UP, _OWN_WORK, _WOKEN_LATE = range(len(LATE_CAUSES))

_getrusage = external("getrusage", "il", lambda _who, _usage: 0)


# --- the audio side -----------------------------------------------------------------------------


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
        stream.late += 1
        stream.longest_late_ns = max(stream.longest_late_ns, elapsed)
        in_time = worked * stream.sample_rate <= frames * 1_000_000_000
        stream.late_causes[late_cause(page_faults, preemptions, in_time)] += 1
    if before > 0:
        stream.longest_gap_ns = max(stream.longest_gap_ns, gap)
        expected = stream.block_frames_before * 1_000_000_000 // stream.sample_rate
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
    stream.callback_frames = stream.block_frames_before = frames
    stream.longest_ns = max(stream.longest_ns, elapsed)
    stream.histogram[bucket_of(elapsed)] += 1


# --- the control side ---------------------------------------------------------------------------


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


def bucket_limits_ns() -> npt.NDArray[np.int64]:
    """Return the upper limit of each bucket of the callback histogram, in ns.

    Bucket ``8 * octave + n`` holds times of which the leading four bits are ``n``, so the
    limits are 6 to 12 % apart.
    """
    index = np.arange(BUCKETS)
    octave = np.maximum(0, index // 8 - 1)
    leading = index - 8 * octave
    limits: npt.NDArray[np.int64] = ((leading + 1) << octave) - 1
    return limits


def percentile_ns(histogram: npt.NDArray[np.int64], share: float, longest_ns: int) -> int:
    """Return the time that a share of all callbacks stayed within, in ns."""
    total = int(histogram.sum())
    if total == 0:
        return 0
    index = int(np.searchsorted(np.cumsum(histogram), share * total))
    return min(int(bucket_limits_ns()[min(index, BUCKETS - 1)]), longest_ns)


@dataclasses.dataclass
class Counters:
    """Sums over one stream or several.

    All counts are per callback. Times are in nanoseconds. ``frames_played`` are the files',
    at their rates; ``stream_frames`` are what they became at the stream's.
    """

    frames_played: int = 0
    stream_frames: int = 0
    callbacks: int = 0
    late_callbacks: int = 0
    underruns: int = 0
    faults: int = 0
    fault_status: int = 0
    longest_ns: int = 0
    low_water_frames: int | None = None
    decode_ns: int = 0
    block_frames: int = 0
    longest_gap_ns: int = 0
    sample_rate: int = 0
    late_causes: npt.NDArray[np.int64] = dataclasses.field(
        default_factory=lambda: np.zeros(len(LATE_CAUSES), np.int64)
    )
    histogram: npt.NDArray[np.int64] = dataclasses.field(
        default_factory=lambda: np.zeros(BUCKETS, np.int64)
    )
    arrivals: npt.NDArray[np.int64] = dataclasses.field(
        default_factory=lambda: np.zeros(BUCKETS, np.int64)
    )

    @classmethod
    def of_stream(cls, stream: Record, decoder: Record | None = None) -> Counters:
        """Read the counters of a stream's records; a live one has no decoder."""
        return cls(
            frames_played=int(stream["source_frames_played"]),
            stream_frames=int(stream["frames_played"]),
            callbacks=int(stream["callbacks"]),
            late_callbacks=int(stream["late"]),
            underruns=int(stream["underruns"]),
            faults=int(stream["faults"]),
            fault_status=int(stream["fault_status"]),
            longest_ns=int(stream["longest_ns"]),
            low_water_frames=int(stream["low_water"]) if decoder else None,
            decode_ns=int(decoder["decode_ns"]) if decoder else 0,
            block_frames=int(stream["callback_frames"]),
            longest_gap_ns=int(stream["longest_gap_ns"]),
            sample_rate=int(stream["sample_rate"]),
            late_causes=stream["late_causes"].copy(),
            histogram=stream["histogram"].copy(),
            arrivals=stream["arrivals"].copy(),
        )

    def __add__(self, other: Counters) -> Counters:
        lows = [x for x in (self.low_water_frames, other.low_water_frames) if x is not None]
        return Counters(
            frames_played=self.frames_played + other.frames_played,
            stream_frames=self.stream_frames + other.stream_frames,
            callbacks=self.callbacks + other.callbacks,
            late_callbacks=self.late_callbacks + other.late_callbacks,
            underruns=self.underruns + other.underruns,
            faults=self.faults + other.faults,
            fault_status=other.fault_status or self.fault_status,
            longest_ns=max(self.longest_ns, other.longest_ns),
            low_water_frames=min(lows) if lows else None,
            decode_ns=self.decode_ns + other.decode_ns,
            block_frames=other.block_frames or self.block_frames,
            longest_gap_ns=max(self.longest_gap_ns, other.longest_gap_ns),
            sample_rate=other.sample_rate or self.sample_rate,
            late_causes=self.late_causes + other.late_causes,
            histogram=self.histogram + other.histogram,
            arrivals=self.arrivals + other.arrivals,
        )

    def callback_ns(self) -> dict[str, int]:
        """Return percentiles of the callback's time: p50, p99, p999 and max."""
        found = {
            name: percentile_ns(self.histogram, share, self.longest_ns)
            for name, share in (("p50", 0.5), ("p99", 0.99), ("p999", 0.999))
        }
        return found | {"max": self.longest_ns}

    def arrival_ns(self) -> dict[str, int]:
        """Return percentiles of how far from the expected time callbacks began."""
        return {
            name: percentile_ns(self.arrivals, share, max(1, self.longest_gap_ns))
            for name, share in (("p50", 0.5), ("p99", 0.99), ("p999", 0.999))
        } | {"longest_gap": self.longest_gap_ns}

    def share_of_deadline(self) -> dict[str, float]:
        """Return percentiles of the callback's time as a share of a block's."""
        deadline = self.block_frames * 1e9 / self.sample_rate if self.sample_rate else 0.0
        return {
            name: elapsed / deadline if deadline else 0.0
            for name, elapsed in self.callback_ns().items()
        }

    def causes(self) -> dict[str, int]:
        """Return how many callbacks were late, by cause; ``woken late`` are counted apart."""
        return dict(zip(LATE_CAUSES, self.late_causes.tolist(), strict=True))

    def as_report(self) -> dict[str, Any]:
        """Return the part of a report that is counted."""
        return {
            "frames_played": self.frames_played,
            "callbacks": self.callbacks,
            "late_callbacks": self.late_callbacks,
            "underruns": self.underruns,
            "callback_ns": self.callback_ns(),
            "share_of_deadline": self.share_of_deadline(),
            "arrival_jitter_ns": self.arrival_ns(),
            "late_causes": self.causes(),
            "ring_low_water_frames": self.low_water_frames,
            "decode_seconds": self.decode_ns / 1e9,
            "faults": self.faults,
        }
