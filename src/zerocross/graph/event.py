"""Events: notes and changes of parameters at certain frames.

The control thread writes an event into a free slot of a processor's queue and raises a counter;
the audio thread looks through the slots that it has not taken yet, so events need not come in
order. Before each event the block is cut: what `process` finds in ``block.events`` happens at its
first frame.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from zerocross.compiler import int64_array, kernel, load_acquire, record_at
from zerocross.errors import UsageError
from zerocross.memory import Record, aligned_zeros, layout

__all__ = [
    "CHANGE",
    "EVENT",
    "HEAD",
    "NOTE_OFF",
    "NOTE_ON",
    "QUEUE",
    "QUEUED",
    "EventQueue",
    "frames_to_next",
    "take_due",
]

#: Kinds of events: a note begins, a note ends, a parameter changes (not seen by ``process``).
NOTE_ON, NOTE_OFF, CHANGE = 1, 2, 3
#: Events that can wait in a queue.
QUEUED = 4096
_TOGETHER = 64

#: What ``block.events`` holds: ``note`` is MIDI's number (69 is A4, 440 Hz), ``velocity`` 0 to 1.
#: For a change they are the parameter's number and its value.
EVENT = np.dtype(
    [("at", "i8"), ("number", "i8"), ("kind", "i8"), ("note", "i8"), ("velocity", "f8")]
)
_EVENT_SIZE = EVENT.itemsize

QUEUE = layout(
    setup=["slots", "taken_at", "notes", "changes"],
    control=["posted"],
    audio=["oldest", "note_count", "change_count"],
)

#: How every processor's record begins: a mark of its own, and the address of its queue or 0.
HEAD = np.dtype([("mark", "i8"), ("queue", "i8")])


@kernel
def _slot(queue: Any, number: Any) -> Any:
    return record_at(queue.slots + (number % QUEUED) * _EVENT_SIZE, EVENT)


@kernel
def take_due(queue: Any, position: Any) -> None:
    """Move the events due at a position, in order of time, to ``notes`` and ``changes``.

    Real-time: safe; at most 64 at once, the rest are due at the next frame.
    """
    posted = load_acquire(queue, "posted")
    taken = int64_array(queue.taken_at, QUEUED)
    while queue.oldest < posted and taken[queue.oldest % QUEUED] > queue.oldest:
        queue.oldest += 1
    notes = changes = 0
    for _ in range(_TOGETHER):
        best = -1
        best_at = position + 1
        for number in range(queue.oldest, posted):
            event = _slot(queue, number)
            if taken[number % QUEUED] <= number and event.at < best_at:
                best, best_at = number, event.at
        if best < 0:
            break
        found = _slot(queue, best)
        if found.kind == CHANGE:
            to = record_at(queue.changes + changes * _EVENT_SIZE, EVENT)
            changes += 1
        else:
            to = record_at(queue.notes + notes * _EVENT_SIZE, EVENT)
            notes += 1
        to.at = found.at
        to.number = found.number
        to.kind = found.kind
        to.note = found.note
        to.velocity = found.velocity
        taken[best % QUEUED] = best + 1
    queue.note_count, queue.change_count = notes, changes


@kernel
def frames_to_next(queue: Any, position: Any, frames: Any) -> Any:
    """Return how many frames may run before the next event: 1 to ``frames``."""
    posted = load_acquire(queue, "posted")
    taken = int64_array(queue.taken_at, QUEUED)
    least = frames
    for number in range(queue.oldest, posted):
        if taken[number % QUEUED] <= number:
            least = min(least, max(1, _slot(queue, number).at - position))
    return least


class EventQueue:
    """The control thread's end: posts events for one processor."""

    def __init__(self) -> None:
        self.record = Record(QUEUE)
        self._slots = aligned_zeros(QUEUED, EVENT)
        # A slot holds event n, n + 4096, ...; it is free again once its number was passed.
        self._taken = aligned_zeros(QUEUED, np.int64)
        self._due = aligned_zeros((2, _TOGETHER), EVENT)
        self.record.fill(
            slots=self._slots.ctypes.data,
            taken_at=self._taken.ctypes.data,
            notes=self._due[0].ctypes.data,
            changes=self._due[1].ctypes.data,
        )
        self._lock = threading.Lock()

    def post(self, at: int, kind: int, note: int, velocity: float) -> None:
        """Post an event for a position; one that has passed happens at the next block.

        Raises
        ------
        UsageError
            If 4096 events wait already.

        """
        with self._lock:
            number = int(self.record["posted"])
            place = number % QUEUED
            if number >= QUEUED and self._taken[place] <= number - QUEUED:
                raise UsageError(
                    f"{QUEUED} events wait already; post them while it plays, or render in parts"
                )
            self._slots[place] = (at, number, kind, note, velocity)
            self.record.store("posted", number + 1)
