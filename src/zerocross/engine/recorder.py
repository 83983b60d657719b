"""What the audio thread counted, as numbers for people: counters, percentiles, the report."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.engine.records import BUCKETS
from zerocross.memory import Record

__all__ = ["Counters", "bucket_limits_ns", "percentile_ns"]


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
    histogram: npt.NDArray[np.int64] = dataclasses.field(
        default_factory=lambda: np.zeros(BUCKETS, np.int64)
    )

    @classmethod
    def of_stream(cls, stream: Record, decoder: Record) -> Counters:
        """Read the counters of a stream's records."""
        return cls(
            frames_played=int(stream["source_frames_played"]),
            stream_frames=int(stream["frames_played"]),
            callbacks=int(stream["callbacks"]),
            late_callbacks=int(stream["late"]),
            underruns=int(stream["underruns"]),
            faults=int(stream["faults"]),
            fault_status=int(stream["fault_status"]),
            longest_ns=int(stream["longest_ns"]),
            low_water_frames=int(stream["low_water"]),
            decode_ns=int(decoder["decode_ns"]),
            block_frames=int(stream["callback_frames"]),
            histogram=stream["histogram"].copy(),
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
            histogram=self.histogram + other.histogram,
        )

    def callback_ns(self) -> dict[str, int]:
        """Return percentiles of the callback's time: p50, p99, p999 and max."""
        found = {
            name: percentile_ns(self.histogram, share, self.longest_ns)
            for name, share in (("p50", 0.5), ("p99", 0.99), ("p999", 0.999))
        }
        return found | {"max": self.longest_ns}

    def as_report(self) -> dict[str, Any]:
        """Return the part of a report that is counted."""
        return {
            "frames_played": self.frames_played,
            "callbacks": self.callbacks,
            "late_callbacks": self.late_callbacks,
            "underruns": self.underruns,
            "callback_ns": self.callback_ns(),
            "ring_low_water_frames": self.low_water_frames,
            "decode_seconds": self.decode_ns / 1e9,
            "faults": self.faults,
        }
