"""The decode thread: one compiled loop from open files to the ring.

The control thread opens files and posts them as *sources*; this loop takes them in order, reads
frames with libsndfile's own ``sf_readf_float`` (`sources.links`), mixes the channels, resamples where
the file's rate is not the stream's, and fills the ring. It drops what it was doing when the wanted
epoch rises, and reports the outcome of each source as a number. It runs on a thread of its own that
needs no interpreter until it is told to stop.

When the ring is full it sleeps, on a signal (`sync.signal`): the control thread raises it with all
that it asks for, and the audio thread once a quarter of the ring is free. So it works in pieces of a
quarter, wakes as often as the music needs it and never for nothing, and while nothing plays not at all.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from zerocross.compiler import (
    entry,
    float32_array,
    float32_rows,
    kernel,
    load_acquire,
    monotonic_ns,
    record_at,
    store_release,
)
from zerocross.dsp.interleave import deinterleave
from zerocross.dsp.mix import mix_interleaved
from zerocross.dsp.peaks import replace_nonfinite
from zerocross.engine.layouts import DECODER, MARK_END, MARK_RAMP, MARKS, SOURCE_END, TRANSPORT
from zerocross.engine.marks import (
    drop_old_sources,
    plan_mark,
    push_due_marks,
    push_mark,
    push_outcome,
    source_at,
)
from zerocross.engine.resampling import (
    CHUNK,
    RESAMPLED_CHUNK,
    begin_run,
    continues_run,
    frames_to_read,
    owed_frames,
    push_resampled,
)
from zerocross.sources.links import first_of_link, link_error, read_frames, seek_frame
from zerocross.sync.ring import RING, commit_write, contiguous, writable
from zerocross.sync.signal import FOR_EVER, SIGNAL, signal_count, signal_raise, signal_wait

__all__ = ["ERROR_SEEK", "ERROR_SHORT", "decode_loop", "decode_until_idle"]

#: Outcome: the file could not be positioned.
ERROR_SEEK = -1
#: Outcome: the file ended before the frames that its header promises.
ERROR_SHORT = -2

_IDLE, _BUSY = 0, 1
_NOWHERE = -1
_NEVER = (1 << 62) - 1


@kernel
def _copy_source(source: Any, to: Any) -> None:
    to.serial = source.serial
    to.epoch = source.epoch
    to.kind = source.kind
    to.handle = source.handle
    to.links = source.links
    to.channels = source.channels
    to.rate = source.rate
    to.resampler = source.resampler
    to.start_frame = source.start_frame
    to.end_frame = source.end_frame
    to.file_frames = source.file_frames
    to.preroll = source.preroll
    to.at_frame = source.at_frame
    to.fade_out = source.fade_out
    to.identity = source.identity
    for i in range(to.matrix.size):
        to.matrix[i] = source.matrix[i]


@kernel
def position_source(decoder: Any, source: Any) -> Any:
    """Move a file to where it shall start; returns whether that worked.

    Where a seek is not exact on its own, ``preroll`` frames are decoded and dropped: some
    for Opus, whose decoder has to converge, all from the start for Vorbis, where
    libsndfile's seeks can be off by half a window (libsndfile issue 885). The links of a
    chained file are decoded apart from each other, so none need be from before the target's.
    """
    target = source.start_frame
    first = first_of_link(source.links, target)
    at = source.at_frame
    if at < 0 and source.handle == decoder.last_handle:
        at = decoder.last_file_frame
    decoder.skip = target - at if at >= first else _NOWHERE
    if decoder.skip < 0 or decoder.skip > source.preroll:
        start = max(first, target - source.preroll)
        if not seek_frame(source.handle, source.links, start):
            return False
        decoder.skip = target - start
    return True


@kernel
def end_run(decoder: Any, ring: Any) -> Any:
    """Write the next of what the resampler still holds, or let go of it."""
    left = owed_frames(decoder)
    if left <= 0:
        push_due_marks(decoder, ring)
        decoder.run = 0
        return _BUSY
    if room_in(decoder, ring) < RESAMPLED_CHUNK:
        return _IDLE
    frames = frames_to_read(decoder)
    rows = float32_rows(decoder.rows_in, decoder.channels, CHUNK)
    for c in range(decoder.channels):
        for i in range(frames):
            rows[c, i] = np.float32(0.0)
    push_resampled(decoder, ring, frames, left)
    return _BUSY


@kernel
def room_in(decoder: Any, ring: Any) -> Any:
    """Return how many frames may be written: the ring is filled as far as one reads ahead."""
    return writable(ring) - load_acquire(decoder, "kept_free")


@kernel
def start_source(decoder: Any, ring: Any) -> Any:
    """Take the next source; there is one."""
    transport = record_at(decoder.transport, TRANSPORT)
    marks = decoder.marks_written + decoder.marks_planned
    is_crowded = marks - load_acquire(transport, "marks_taken") >= MARKS // 2
    if is_crowded and decoder.marks_planned == 0:
        return _IDLE
    source = decoder.current
    following = source_at(decoder, decoder.sources_taken)
    goes_on = continues_run(decoder, following) and not is_crowded
    if decoder.run != 0 and not goes_on:
        return end_run(decoder, ring)
    _copy_source(following, source)
    decoder.frames_before += decoder.frames
    decoder.frames = 0
    decoder.nonfinite = 0
    decoder.skip = 0
    if source.kind == SOURCE_END:
        push_mark(decoder, ring, source, MARK_END)
        push_outcome(decoder, source, 0)
    elif position_source(decoder, source):
        if not goes_on:
            begin_run(decoder, source)
        owed = owed_frames(decoder) if goes_on else 0
        flags = MARK_RAMP if source.start_frame > 0 else 0
        plan_mark(decoder, source, flags, ring.write + owed)
        push_due_marks(decoder, ring)
        decoder.active = 1
    else:
        push_outcome(decoder, source, ERROR_SEEK)
    store_release(decoder, "sources_taken", decoder.sources_taken + 1)
    return _BUSY


@kernel
def end_source(decoder: Any, source: Any) -> Any:
    """Report a source that has no more frames."""
    error = link_error(source.handle, source.links)
    expected = min(source.end_frame, source.file_frames) - source.start_frame
    if error == 0 and decoder.frames < expected:
        error = ERROR_SHORT
    push_outcome(decoder, source, error)
    return _BUSY


@kernel
def skip_frames(decoder: Any, source: Any) -> Any:
    """Decode and drop frames on the way to the exact start."""
    count = min(decoder.skip, CHUNK)
    got = read_frames(source.handle, source.links, decoder.scratch, count, source.channels)
    decoder.skip -= got
    if got < count:
        return end_source(decoder, source)
    return _BUSY


@kernel
def fade_end(decoder: Any, source: Any, out: Any) -> None:
    """Fade the last frames of a source that is cut before its own end."""
    channels = decoder.channels
    length = source.end_frame - source.start_frame
    for i in range(out.size // channels):
        left = length - (decoder.frames + i) - 1
        if left < decoder.fade_frames:
            gain = np.float32(left / decoder.fade_frames)
            for c in range(channels):
                out[i * channels + c] *= gain


@kernel
def decode_chunk(decoder: Any, ring: Any) -> Any:
    """Decode the next frames of the current source into the ring."""
    source = decoder.current
    if decoder.skip > 0:
        return skip_frames(decoder, source)
    limit = source.end_frame - source.start_frame - decoder.frames
    if limit <= 0:
        return end_source(decoder, source)
    if decoder.run:
        return decode_resampled(decoder, ring, limit)
    free = room_in(decoder, ring)
    if free < min(CHUNK, (ring.capacity - decoder.kept_free) // 4):
        return _IDLE
    out = contiguous(ring, ring.write, min(free, CHUNK, limit))
    frames = out.size // decoder.channels
    if source.identity:
        got = read_frames(
            source.handle, source.links, _address_in_ring(ring), frames, source.channels
        )
    else:
        got = read_frames(source.handle, source.links, decoder.scratch, frames, source.channels)
    if got <= 0:
        return end_source(decoder, source)
    out = out[: got * decoder.channels]
    if source.identity:
        decoder.nonfinite += replace_nonfinite(out)
    else:
        raw = float32_array(decoder.scratch, got * source.channels)
        decoder.nonfinite += replace_nonfinite(raw)
        mix_interleaved(source.matrix, raw, source.channels, out, decoder.channels)
    if source.fade_out:
        fade_end(decoder, source, out)
    decoder.frames += got
    commit_write(ring, got)
    return _BUSY


@kernel
def decode_resampled(decoder: Any, ring: Any, limit: Any) -> Any:
    """Decode the next frames of the current source through the resampler into the ring."""
    source, channels = decoder.current, decoder.channels
    if room_in(decoder, ring) < RESAMPLED_CHUNK:
        return _IDLE
    frames = min(limit, frames_to_read(decoder))
    got = read_frames(source.handle, source.links, decoder.scratch, frames, source.channels)
    if got <= 0:
        return end_source(decoder, source)
    raw = float32_array(decoder.scratch, got * source.channels)
    decoder.nonfinite += replace_nonfinite(raw)
    mixed = float32_array(decoder.mixed, got * channels)
    mix_interleaved(source.matrix, raw, source.channels, mixed, channels)
    if source.fade_out:
        fade_end(decoder, source, mixed)
    deinterleave(mixed, got, float32_rows(decoder.rows_in, channels, CHUNK))
    decoder.frames += got
    decoder.run_in += got
    push_resampled(decoder, ring, got, RESAMPLED_CHUNK)
    return _BUSY


@kernel
def _address_in_ring(ring: Any) -> Any:
    return ring.data + 4 * ring.channels * (ring.write % ring.frames)


@kernel
def decode_step(decoder: Any) -> Any:
    """Do the next piece of work; returns 0 when there is nothing to do for now."""
    ring = record_at(decoder.ring, RING)
    transport = record_at(decoder.transport, TRANSPORT)
    wanted = load_acquire(transport, "epoch")
    if decoder.epoch != wanted:
        drop_old_sources(decoder, wanted)
    if decoder.active == 0:
        if load_acquire(decoder, "sources_written") == decoder.sources_taken:
            return _IDLE
        store_release(decoder, "reading_since", monotonic_ns())  # it seeks
        result = start_source(decoder, ring)
        store_release(decoder, "reading_since", 0)
        return result
    started = monotonic_ns()
    store_release(decoder, "reading_since", started)
    result = decode_chunk(decoder, ring)
    store_release(decoder, "reading_since", 0)
    decoder.decode_ns += monotonic_ns() - started
    return result


@kernel
def _reported(decoder: Any) -> Any:
    """Return a number that is another one when the control thread has something to read."""
    return decoder.sources_taken + decoder.outcomes_written + decoder.epoch


@kernel
def _frame_to_wake_at(decoder: Any) -> Any:
    """Return how far the ring has to be read for there to be work, as things are."""
    if decoder.active == 0:
        if load_acquire(decoder, "sources_written") == decoder.sources_taken:
            return _NEVER  # until one is posted
        return 0  # marks are to be taken first, or what the resampler holds needs room: look often
    ring = record_at(decoder.ring, RING)
    ahead = ring.capacity - load_acquire(decoder, "kept_free")
    return ring.write - ahead + max(ahead // 4, min(ahead, RESAMPLED_CHUNK))


@entry("int64")
def decode_loop(decoder_address: int) -> int:
    """Decode until told to stop; returns how many steps did something.

    Runs on the decode thread, called once. Sleeps while there is nothing to do.
    """
    decoder = record_at(decoder_address, DECODER)
    wake = record_at(decoder.wake, SIGNAL)
    steps = 0
    while True:
        seen = signal_count(wake)  # whatever is asked for from here on ends the sleep below
        if load_acquire(decoder, "stop") != 0:
            return steps
        before = _reported(decoder)
        result = decode_step(decoder)
        if _reported(decoder) != before and decoder.news != 0:
            signal_raise(record_at(decoder.news, SIGNAL))
        if result == _IDLE:
            store_release(decoder, "wake_at", _frame_to_wake_at(decoder))
            signal_wait(wake, seen, FOR_EVER)
        else:
            steps += 1


@entry("int64")
def decode_until_idle(decoder_address: int) -> int:
    """Decode until the ring is full or nothing is left; offline rendering and tests."""
    decoder = record_at(decoder_address, DECODER)
    steps = 0
    while decode_step(decoder) != _IDLE:
        steps += 1
    return steps
