"""Which frame is heard now: between two callbacks of the device time goes on, and so does the sound.

A device asks for blocks, and right after one what is heard is its latency behind the tap. A picture
that looked there would stand still until the next block. So a clock goes on from the last one; it
is never behind what the device says, nor further ahead than a block.
"""

from __future__ import annotations

from typing import Any

from zerocross.compiler import entry, kernel, load_acquire, record_at
from zerocross.memory import Record, layout
from zerocross.sync.tap import TAP, Tap

__all__ = ["HEARD", "HeardClock", "frame_heard", "heard_frame"]

#: Of how far the clock is ahead, what is left a frame later: the device's clock is another one.
_KEPT = 0.99
#: Longer blocks are none: it was not looked for a while.
_LONGEST_S = 0.1

HEARD = layout(
    setup=["tap", ("sample_rate", "f8")],
    control=["latency"],
    kernel=["looked_ns", "written", ("ahead", "f8"), ("block", "f8")],
)


@kernel
def frame_heard(h: Any, now_ns: Any) -> Any:
    """Return the frame of a tap that is heard at a time, by a `HEARD`."""
    written = load_acquire(record_at(h.tap, TAP), "write")
    passed = min(max(0.0, (now_ns - h.looked_ns) * 1e-9), _LONGEST_S) * h.sample_rate
    came = written - h.written
    if h.looked_ns >= 0 and 0 <= came <= _LONGEST_S * h.sample_rate:
        if came > 0:
            h.block = max(came * 1.0, _KEPT * h.block)
        h.ahead = _KEPT * min(h.block, max(0.0, h.ahead + passed - came))
    else:  # the first time, or long not looked
        h.ahead = 0.0
    h.written, h.looked_ns = written, now_ns
    return max(0, min(written, written - h.latency + int(h.ahead)))


@entry("int64", "int64")
def heard_frame(address: int, now_ns: int) -> int:
    """`frame_heard` by address."""
    found: int = frame_heard(record_at(address, HEARD), now_ns)
    return found


class HeardClock:
    """The frame of a tap that is heard, moment by moment.

    Parameters
    ----------
    tap : Tap
    sample_rate : int
        In Hz.

    Attributes
    ----------
    address : int
        Of what `heard_frame` takes.

    """

    def __init__(self, tap: Tap, sample_rate: int) -> None:
        self._tap, self._record = tap, Record(HEARD)
        self._record.fill(tap=tap.record.address, sample_rate=sample_rate, looked_ns=-1)
        self.address = self._record.address

    @property
    def latency_frames(self) -> int:
        """How far behind the tap the device was when it took the last frames."""
        return int(self._record["latency"])

    @latency_frames.setter
    def latency_frames(self, value: int) -> None:
        self._record["latency"] = value

    def frame(self, now_ns: int) -> int:
        """Return the frame that is heard, by a clock in ns that only goes forward."""
        return heard_frame(self.address, now_ns)
