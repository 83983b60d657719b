"""What the decode thread announces: marks before pieces, and outcomes of sources.

A mark of which the frame is not the next one is *planned*: it lies behind those that were written,
and nobody sees it until its frame is the next.
"""

from __future__ import annotations

from typing import Any

from zerocross.compiler import kernel, load_acquire, record_at, store_release
from zerocross.engine.layouts import MARK, MARKS, OUTCOME, OUTCOMES, SOURCE, SOURCES, TRANSPORT
from zerocross.sync.ring import RING

__all__ = [
    "drop_old_sources",
    "frames_to_mark",
    "pass_over_old_sources",
    "plan_mark",
    "push_due_marks",
    "push_mark",
    "push_outcome",
    "source_at",
]

_SOURCE_SIZE, _MARK_SIZE, _OUTCOME_SIZE = SOURCE.itemsize, MARK.itemsize, OUTCOME.itemsize


@kernel
def source_at(decoder: Any, index: Any) -> Any:
    """Return a source that was posted, by its number."""
    return record_at(decoder.sources + (index % SOURCES) * _SOURCE_SIZE, SOURCE)


@kernel
def _mark_at(decoder: Any, index: Any) -> Any:
    return record_at(decoder.marks + (index % MARKS) * _MARK_SIZE, MARK)


@kernel
def plan_mark(decoder: Any, source: Any, flags: Any, ring_frame: Any) -> None:
    """Write down a piece that begins at a frame of the ring; `push_due_marks` announces it."""
    mark = _mark_at(decoder, decoder.marks_written + decoder.marks_planned)
    mark.ring_frame = ring_frame
    mark.epoch = source.epoch
    mark.serial = source.serial
    mark.file_frame = source.start_frame
    mark.source_rate = source.rate
    mark.frames_before = decoder.frames_before
    mark.flags = flags
    decoder.marks_planned += 1


@kernel
def frames_to_mark(decoder: Any, ring: Any, most: Any) -> Any:
    """Return how many frames may be written before the next planned mark."""
    if decoder.marks_planned == 0:
        return most
    return min(most, _mark_at(decoder, decoder.marks_written).ring_frame - ring.write)


@kernel
def push_due_marks(decoder: Any, ring: Any) -> None:
    """Announce the pieces that begin with the next frame."""
    while decoder.marks_planned > 0 and frames_to_mark(decoder, ring, 1) <= 0:
        decoder.marks_planned -= 1
        store_release(decoder, "marks_written", decoder.marks_written + 1)


@kernel
def push_mark(decoder: Any, ring: Any, source: Any, flags: Any) -> None:
    """Announce a piece, before its first frame."""
    plan_mark(decoder, source, flags, ring.write)
    push_due_marks(decoder, ring)


@kernel
def push_outcome(decoder: Any, source: Any, error: Any) -> None:
    """Report what became of a source and let go of it."""
    slot = decoder.outcomes + (decoder.outcomes_written % OUTCOMES) * _OUTCOME_SIZE
    outcome = record_at(slot, OUTCOME)
    outcome.serial = source.serial
    outcome.frames = decoder.frames
    outcome.error = error
    outcome.nonfinite = decoder.nonfinite
    decoder.last_handle = source.handle
    decoder.last_file_frame = source.start_frame + decoder.frames - decoder.skip
    decoder.active = 0
    store_release(decoder, "outcomes_written", decoder.outcomes_written + 1)


@kernel
def drop_old_sources(decoder: Any, wanted: Any, kept: Any) -> None:
    """Let go of everything that belongs to an older epoch, but for the source that is kept."""
    if kept == 0 or decoder.current.serial != kept:
        if decoder.active:
            push_outcome(decoder, decoder.current, 0)
        decoder.run = decoder.marks_planned = 0
        store_release(decoder, "starved", 0)
        store_release(decoder, "reading_since", 0)
        decoder.frames = 0
    decoder.kept_serial = kept
    _count_stale(decoder, kept)
    store_release(decoder, "epoch", wanted)
    pass_over_old_sources(decoder)


@kernel
def pass_over_old_sources(decoder: Any) -> None:
    """Take what was withdrawn before it was begun, up to the next source that is wanted."""
    written = load_acquire(decoder, "sources_written")
    index = decoder.sources_taken
    while index < written:
        source = source_at(decoder, index)
        is_kept = decoder.kept_serial != 0 and source.serial == decoder.kept_serial
        if source.epoch >= decoder.epoch or is_kept:
            break
        index += 1
    store_release(decoder, "sources_taken", index)


@kernel
def _count_stale(decoder: Any, kept: Any) -> None:
    """Note what of the ring will be passed over at the end of the kept source, to read ahead by more.

    What the audio thread takes meanwhile makes the count too large, which costs nothing: it is a
    wish for room, and never more is written than there is.
    """
    ring = record_at(decoder.ring, RING)
    decoder.stale_end = ring.write
    decoder.stale_frames = 0
    if kept == 0:
        return
    index = load_acquire(record_at(decoder.transport, TRANSPORT), "marks_taken")
    while index < decoder.marks_written:
        mark = _mark_at(decoder, index)
        if mark.serial != kept:
            decoder.stale_frames = ring.write - mark.ring_frame
            return
        index += 1
