"""The decode thread: one compiled loop from open files to the ring.

The control thread opens files and posts them as *sources*; this loop takes them in order, reads
frames with libsndfile's own ``sf_readf_float`` (`sources.links`) or from memory (`sources.window`),
mixes the channels, resamples where the file's rate is not the stream's, and fills the ring. It drops what it was doing when the wanted
epoch rises, and reports the outcome of each source as a number. It runs on a thread of its own that
needs no interpreter until it is told to stop.

When the ring is full it sleeps, on a signal (`sync.signal`): the control thread raises it with all
that it asks for, and the audio thread once a quarter of the ring is free. So it works in pieces of a
quarter, wakes as often as the music needs it and never for nothing, and while nothing plays not at all.
Where a window has nothing yet, the loop is *starved*: it sleeps until the window's filler raises the
signal, and ``reading_since`` says for how long, as it does of a disk.

Over 300 lines: all that happens to a source, from its place in the table to its outcome.
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
    pass_over_old_sources,
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
from zerocross.sources.window import LATER, read_window, seek_window, window_error
from zerocross.sync.ring import RING, commit_write, contiguous, writable
from zerocross.sync.signal import FOR_EVER, SIGNAL, signal_count, signal_raise, signal_wait

__all__ = ["ERROR_SEEK", "ERROR_SHORT", "ERROR_WINDOW", "decode_loop", "decode_until_idle"]

#: Outcome: the file could not be positioned.
ERROR_SEEK = -1
#: Outcome: the file ended before the frames that its header promises.
ERROR_SHORT = -2
#: Outcome: a window ended with an error; its source has the words.
ERROR_WINDOW = -3

_IDLE, _BUSY, _STARVED = 0, 1, 2
_NOWHERE = -1
_NEVER = (1 << 62) - 1


@kernel
def _copy_source(source: Any, to: Any) -> None:
    to.serial = source.serial
    to.epoch = source.epoch
    to.kind = source.kind
    to.handle = source.handle
    to.links = source.links
    to.window = source.window
    to.channels = source.channels
    to.rate = source.rate
    to.resampler = source.resampler
    to.start_frame = source.start_frame
    to.end_frame = source.end_frame
    to.file_frames = source.file_frames
    to.preroll = source.preroll
    to.near = source.near
    to.at_frame = source.at_frame
    to.goes_on = source.goes_on
    to.fade_out = source.fade_out
    to.fade_in = source.fade_in
    to.loops = source.loops
    to.loop_start = source.loop_start
    to.identity = source.identity
    for i in range(to.matrix.size):
        to.matrix[i] = source.matrix[i]


@kernel
def position_source(decoder: Any, source: Any) -> Any:
    """Move a file to where it shall start; returns whether that worked.

    Where a seek is not exact on its own, ``preroll`` frames are decoded and dropped: some for Opus, whose
    decoder has to converge. In Vorbis libsndfile's seeks are exact where it searches for the page, and can be
    off by half a window where it skips packets, to what is less than 2 s ahead of where it is (libsndfile
    issue 885). What is as ``near`` is decoded; before it is sent further, it is sent to the beginning. The links of a
    chained file are decoded apart from each other, so none need be from before the target's.
    """
    target = source.start_frame
    if source.window != 0:
        seek_window(source.window, target)
        return True
    first = first_of_link(source.links, target)
    at = source.at_frame
    if at < 0 and source.handle == decoder.last_handle:
        at = decoder.last_file_frame
    decoder.skip = target - at if at >= first else _NOWHERE
    if decoder.skip < 0 or decoder.skip > max(source.preroll, source.near):
        start = max(first, target - source.preroll)
        if source.near > 0:
            if start - first <= source.near:
                start = first
            elif not seek_frame(source.handle, source.links, first):
                return False
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
    free = writable(ring)
    return min(free, free - ring.capacity + frames_ahead(decoder, ring))


@kernel
def frames_ahead(decoder: Any, ring: Any) -> Any:
    """Return how far one reads ahead; what was withdrawn from the ring does not count."""
    ahead = ring.capacity - load_acquire(decoder, "kept_free")
    if ring.read < decoder.stale_end:
        ahead += decoder.stale_frames
    return min(ring.capacity, ahead)


@kernel
def _marks_ahead(decoder: Any, transport: Any) -> Any:
    marks = decoder.marks_written + decoder.marks_planned
    return marks - load_acquire(transport, "marks_taken")


@kernel
def start_source(decoder: Any, ring: Any) -> Any:
    """Take the next source; there is one."""
    transport = record_at(decoder.transport, TRANSPORT)
    is_crowded = _marks_ahead(decoder, transport) >= MARKS // 2
    if is_crowded and decoder.marks_planned == 0:
        return _IDLE
    source = decoder.current
    following = source_at(decoder, decoder.sources_taken)
    goes_on = continues_run(decoder, following) and not is_crowded
    if decoder.run != 0 and not goes_on:
        return end_run(decoder, ring)
    before = decoder.frames_before + decoder.frames
    decoder.frames_before = before if following.epoch == source.epoch else 0
    _copy_source(following, source)
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
        flags = MARK_RAMP if source.start_frame > 0 and source.goes_on == 0 else 0
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
    missing = min(source.end_frame, source.file_frames) - source.start_frame - decoder.frames
    if source.window != 0:
        error = ERROR_WINDOW if missing > 0 and window_error(source.window) != 0 else 0
    else:
        error = link_error(source.handle, source.links)
        if error == 0 and missing > 0:
            error = ERROR_SHORT
    push_outcome(decoder, source, error)
    return _BUSY


@kernel
def loop_back(decoder: Any, ring: Any) -> Any:
    """Go on from where the current source loops to: a piece of its own, of the same source."""
    source = decoder.current
    if _marks_ahead(decoder, record_at(decoder.transport, TRANSPORT)) >= MARKS // 2:
        return _IDLE
    decoder.frames_before += decoder.frames
    source.at_frame = source.start_frame + decoder.frames
    source.start_frame = source.loop_start
    source.fade_in = 1
    decoder.frames = 0
    if not position_source(decoder, source):
        push_outcome(decoder, source, ERROR_SEEK)
        return _BUSY
    owed = owed_frames(decoder) if decoder.run else 0
    plan_mark(decoder, source, 0, ring.write + owed)
    push_due_marks(decoder, ring)
    return _BUSY


@kernel
def read_source(source: Any, to: Any, frames: Any) -> Any:
    """Read the next frames of a source; returns how many, or `LATER`."""
    if source.window != 0:
        return read_window(source.window, to, frames)
    return read_frames(source.handle, source.links, to, frames, source.channels)


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
def fade_begin(decoder: Any, out: Any) -> None:
    """Fade the first frames of a source that has looped."""
    channels = decoder.channels
    for i in range(out.size // channels):
        if decoder.frames + i < decoder.fade_frames:
            gain = np.float32((decoder.frames + i) / decoder.fade_frames)
            for c in range(channels):
                out[i * channels + c] *= gain


@kernel
def fade_edges(decoder: Any, source: Any, out: Any) -> None:
    """Fade what is cut."""
    if source.fade_in and decoder.frames < decoder.fade_frames:
        fade_begin(decoder, out)
    if source.fade_out:
        fade_end(decoder, source, out)


@kernel
def decode_chunk(decoder: Any, ring: Any) -> Any:
    """Decode the next frames of the current source into the ring."""
    source = decoder.current
    if decoder.skip > 0:
        return skip_frames(decoder, source)
    limit = source.end_frame - source.start_frame - decoder.frames
    if limit <= 0 and source.loops:
        return loop_back(decoder, ring)
    if limit <= 0:
        return end_source(decoder, source)
    if decoder.run:
        return decode_resampled(decoder, ring, limit)
    free = room_in(decoder, ring)
    if free < min(CHUNK, (ring.capacity - load_acquire(decoder, "kept_free")) // 4):
        return _IDLE
    out = contiguous(ring, ring.write, min(free, CHUNK, limit))
    frames = out.size // decoder.channels
    got = read_source(
        source, _address_in_ring(ring) if source.identity else decoder.scratch, frames
    )
    if got <= 0:
        return _STARVED if got == LATER else end_source(decoder, source)
    out = out[: got * decoder.channels]
    if source.identity:
        decoder.nonfinite += replace_nonfinite(out)
    else:
        raw = float32_array(decoder.scratch, got * source.channels)
        decoder.nonfinite += replace_nonfinite(raw)
        mix_interleaved(source.matrix, raw, source.channels, out, decoder.channels)
    fade_edges(decoder, source, out)
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
    got = read_source(source, decoder.scratch, frames)
    if got <= 0:
        return _STARVED if got == LATER else end_source(decoder, source)
    raw = float32_array(decoder.scratch, got * source.channels)
    decoder.nonfinite += replace_nonfinite(raw)
    mixed = float32_array(decoder.mixed, got * channels)
    mix_interleaved(source.matrix, raw, source.channels, mixed, channels)
    fade_edges(decoder, source, mixed)
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
        kept = load_acquire(transport, "kept_serial")
        if kept == 0 or decoder.marks_planned == 0:  # else the last of it is being written
            drop_old_sources(decoder, wanted, kept)
    if decoder.active == 0:
        pass_over_old_sources(decoder)
        if load_acquire(decoder, "sources_written") == decoder.sources_taken:
            return _IDLE
        store_release(decoder, "reading_since", monotonic_ns())  # it seeks
        result = start_source(decoder, ring)
        store_release(decoder, "reading_since", 0)
        return result
    started = monotonic_ns()
    if decoder.starved == 0:
        store_release(decoder, "reading_since", started)
    result = decode_chunk(decoder, ring)
    decoder.decode_ns += monotonic_ns() - started
    if result == _STARVED:
        store_release(decoder, "starved", 1)
        return _IDLE
    store_release(decoder, "starved", 0)
    store_release(decoder, "reading_since", 0)
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
    if decoder.starved != 0:
        return _NEVER  # until its filler raises the signal
    ring = record_at(decoder.ring, RING)
    ahead = frames_ahead(decoder, ring)
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
