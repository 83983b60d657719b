"""What is counted while audio plays: one table, from which records, sums and reports are made.

A counter is a field of a record that one thread writes. What two streams counted is put together
as the table says, so a report can be one of a player's whole life.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from zerocross.memory import Record

__all__ = [
    "BUCKETS",
    "COUNTED",
    "LATE_CAUSES",
    "SLOW_NS",
    "Counters",
    "bucket_limits_ns",
    "counted_by",
]

#: Buckets of the histograms of times: eight to an octave of nanoseconds.
BUCKETS = 320
#: A callback that takes longer is slow, be its deadline far: 1 ms, at a bucket's limit.
SLOW_NS = (1 << 20) - 1
#: Causes of late callbacks, in the order of ``late_causes``.
LATE_CAUSES = ("preempted", "page fault", "held up", "own work", "woken late")

Owner = Literal["stream", "transport", "decoder"]


def _later(before: Any, after: Any) -> Any:
    """Return what was seen last: zero is nothing seen."""
    return after or before


@dataclasses.dataclass(frozen=True)
class Counted:
    """A counter: a field, who counts it, and how two of them become one.

    Attributes
    ----------
    field : str
        Its name in the record and in `Counters`.
    join : callable
        Of the value before and the one after it.
    owner : {"stream", "transport", "decoder"}
        Whose record it is in.
    shape : tuple of int
        ``()`` for a number.
    restarts : bool
        Whether `restart_counters` sets it back to 0.

    """

    field: str
    join: Callable[[Any, Any], Any]
    owner: Owner = "stream"
    shape: tuple[int, ...] = ()
    restarts: bool = True


def _sum(before: Any, after: Any) -> Any:
    return before + after


#: Every counter there is. All counts are per callback, times are in nanoseconds.
COUNTED = (
    Counted("frames_played", _sum, restarts=False),
    Counted("source_frames_played", _sum, restarts=False),
    Counted("callbacks", _sum),
    Counted("late_callbacks", _sum),
    Counted("underruns", _sum),
    Counted("stalls", _sum),
    Counted("faults", _sum, restarts=False),
    Counted("fault_status", _later, restarts=False),
    Counted("longest_ns", max),
    Counted("longest_late_ns", max),
    Counted("longest_gap_ns", max),
    Counted("block_frames", _later, restarts=False),
    Counted("late_causes", _sum, shape=(len(LATE_CAUSES),)),
    Counted("histogram", _sum, shape=(BUCKETS,)),
    Counted("arrivals", _sum, shape=(BUCKETS,)),
    Counted("low_water_frames", min, owner="transport", restarts=False),
    Counted("decode_ns", _sum, owner="decoder", restarts=False),
)


def counted_by(owner: Owner) -> list[Any]:
    """Return an owner's counters as fields of a layout."""
    return [
        (each.field, "i8", each.shape) if each.shape else each.field
        for each in COUNTED
        if each.owner == owner
    ]


def bucket_limits_ns() -> npt.NDArray[np.int64]:
    """Return the upper limit of each bucket of the histograms, in ns.

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


class Counters:
    """What was counted over one stream or several; a counter that nobody kept is missing.

    ``counters["callbacks"]`` is a number, an array for those with a shape, or None where no
    stream had it: a live stream has no ring and no decode thread.
    ``source_frames_played`` are the files' frames, at their rates; ``frames_played`` are what they
    became at the stream's.
    """

    def __init__(self, values: dict[str, Any] | None = None) -> None:
        self._values = values or {}

    @classmethod
    def read(cls, **records: Record) -> Counters:
        """Read the counters of records, given by their owners' names."""
        return cls(
            {
                each.field: (
                    records[each.owner][each.field].copy()
                    if each.shape
                    else int(records[each.owner][each.field])
                )
                for each in COUNTED
                if each.owner in records
            }
        )

    def __getitem__(self, field: str) -> Any:
        return self._values.get(field)

    def number(self, field: str) -> int:
        """Return a counter that is a number; 0 where nobody counted."""
        return int(self._values.get(field, 0))

    def __add__(self, other: Counters) -> Counters:
        mine, theirs = self._values, other._values
        joined = mine | theirs
        for each in COUNTED:
            if each.field in mine and each.field in theirs:
                joined[each.field] = each.join(mine[each.field], theirs[each.field])
        return Counters(joined)

    # --- for people -------------------------------------------------------------------------

    def _array(self, field: str) -> npt.NDArray[np.int64]:
        found = self._values.get(field)
        shape = next(each.shape for each in COUNTED if each.field == field)
        return np.zeros(shape, np.int64) if found is None else found

    def callback_ns(self) -> dict[str, int]:
        """Return percentiles of the callback's time: p50, p99, p999 and max."""
        longest = self.number("longest_ns")
        return self._percentiles("histogram", longest) | {"max": longest}

    def histogram(self) -> list[tuple[int, int]]:
        """Return the callback's times: the upper limit in ns and the callbacks of each bucket in use."""
        counts = self._array("histogram")
        used = np.flatnonzero(counts)
        return list(zip(bucket_limits_ns()[used].tolist(), counts[used].tolist(), strict=True))

    def slow_callbacks(self) -> int:
        """Return how many callbacks took longer than `SLOW_NS`."""
        return int(self._array("histogram")[bucket_limits_ns() > SLOW_NS].sum())

    def arrival_ns(self) -> dict[str, int]:
        """Return percentiles of how far from the expected time callbacks began."""
        longest = self.number("longest_gap_ns")
        return self._percentiles("arrivals", max(1, longest)) | {"longest_gap": longest}

    def _percentiles(self, field: str, longest: int) -> dict[str, int]:
        return {
            name: percentile_ns(self._array(field), share, longest)
            for name, share in (("p50", 0.5), ("p99", 0.99), ("p999", 0.999))
        }

    def as_report(self, sample_rate: int, block_size: int = 0) -> dict[str, Any]:
        """Return the counted part of a report; see docs/report.md.

        Parameters
        ----------
        sample_rate : int
            Of the stream, in Hz; 0 if there was none.
        block_size : int
            Frames of a block where no callback has come yet.

        """
        block = self.number("block_frames") or block_size
        deadline_ns = block * 1e9 / sample_rate if sample_rate else 0.0
        times = self.callback_ns()
        return {
            "block_size": block,
            "deadline_ns": round(deadline_ns),
            "frames_played": self.number("source_frames_played"),
            "callbacks": self.number("callbacks"),
            "late_callbacks": self.number("late_callbacks"),
            "underruns": self.number("underruns"),
            "stalls": self.number("stalls"),
            "callback_ns": times,
            "callback_histogram": self.histogram(),
            "slow_callbacks": self.slow_callbacks(),
            "share_of_deadline": {
                name: elapsed / deadline_ns if deadline_ns else 0.0
                for name, elapsed in times.items()
            },
            "arrival_jitter_ns": self.arrival_ns(),
            "late_causes": dict(zip(LATE_CAUSES, self._array("late_causes").tolist(), strict=True)),
            "ring_low_water_frames": self["low_water_frames"],
            "decode_seconds": self.number("decode_ns") / 1e9,
            "faults": self.number("faults"),
        }
