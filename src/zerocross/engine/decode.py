"""The decode thread: one compiled loop from open files to the ring.

The control world opens files and posts them as *sources*; this loop takes them in order,
reads frames with libsndfile's own ``sf_readf_float``, mixes the channels, resamples where the
file's rate is not the stream's, and fills the ring. It sleeps when the ring is full, drops what it was doing when the wanted generation rises,
and reports the outcome of each source as a number. It runs on a thread of its own that
needs no interpreter until it is told to stop.

Sources of one rate that follow each other are one *run* of the resampler: its filter reaches
across the join, so an album stays without gaps at any rate. The mark of such a source is due
some frames later, when what the resampler still held of the source before is written.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from zerocross.compiler import (
    entry,
    external,
    float32_array,
    float32_rows,
    kernel,
    load_acquire,
    monotonic_ns,
    record_at,
    sleep_us,
    store_release,
)
from zerocross.dsp.interleave import deinterleave
from zerocross.dsp.mix import mix_interleaved
from zerocross.dsp.peaks import replace_nonfinite
from zerocross.dsp.resample import RESAMPLER, resample_through, restart_resampler
from zerocross.engine.layouts import (
    DECODER,
    MARK,
    MARK_END,
    MARK_RAMP,
    MARKS,
    OUTCOME,
    OUTCOMES,
    SOURCE,
    SOURCE_END,
    SOURCES,
    STREAM,
)
from zerocross.sync.ring import RING, commit_write, contiguous, writable

__all__ = [
    "CHUNK",
    "ERROR_SEEK",
    "ERROR_SHORT",
    "RESAMPLED_CHUNK",
    "decode_loop",
    "decode_until_idle",
]

#: Frames decoded at a time.
CHUNK = 1024
#: The most frames that a chunk can become when it is resampled.
RESAMPLED_CHUNK = 2 * CHUNK
#: Outcome: the file could not be positioned.
ERROR_SEEK = -1
#: Outcome: the file ended before the frames that its header promises.
ERROR_SHORT = -2

_IDLE, _BUSY = 0, 1
_NOWHERE = -1
_SOURCE_SIZE, _MARK_SIZE, _OUTCOME_SIZE = SOURCE.itemsize, MARK.itemsize, OUTCOME.itemsize


def _needs_compiler(*_: int) -> int:
    raise NotImplementedError("libsndfile is called by compiled code only")


sf_readf_float = external("sf_readf_float", "lll", _needs_compiler)
sf_seek = external("sf_seek", "lli", _needs_compiler)
sf_error = external("sf_error", "l", _needs_compiler)


@kernel
def _source_at(decoder: Any, index: Any) -> Any:
    return record_at(decoder.sources + (index % SOURCES) * _SOURCE_SIZE, SOURCE)


@kernel
def push_mark(decoder: Any, ring: Any, source: Any, flags: Any) -> None:
    """Announce a piece, before its first frame."""
    mark = record_at(decoder.marks + (decoder.marks_written % MARKS) * _MARK_SIZE, MARK)
    mark.position = ring.write
    mark.generation = source.generation
    mark.serial = source.serial
    mark.source_frame = source.start_frame
    mark.source_rate = source.rate
    mark.frames_before = decoder.frames_before
    mark.flags = flags
    store_release(decoder, "marks_written", decoder.marks_written + 1)


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
    decoder.last_position = source.start_frame + decoder.frames - decoder.skip
    decoder.active = 0
    store_release(decoder, "outcomes_written", decoder.outcomes_written + 1)


@kernel
def drop_old_sources(decoder: Any, wanted: Any) -> None:
    """Let go of everything that belongs to an older generation."""
    if decoder.active:
        push_outcome(decoder, decoder.current, 0)
    decoder.run = decoder.mark_pending = 0
    decoder.frames = decoder.frames_before = 0
    written = load_acquire(decoder, "sources_written")
    index = decoder.sources_taken
    while index < written and _source_at(decoder, index).generation < wanted:
        index += 1
    store_release(decoder, "sources_taken", index)
    store_release(decoder, "generation", wanted)


@kernel
def _copy_source(source: Any, to: Any) -> None:
    to.serial = source.serial
    to.generation = source.generation
    to.kind = source.kind
    to.handle = source.handle
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
    libsndfile's seeks can be off by half a window (libsndfile issue 885).
    """
    target = source.start_frame
    at = source.at_frame
    if at < 0 and source.handle == decoder.last_handle:
        at = decoder.last_position
    decoder.skip = target - at if at >= 0 else _NOWHERE
    if decoder.skip < 0 or decoder.skip > source.preroll:
        start = max(0, target - source.preroll)
        if sf_seek(source.handle, start, np.int32(0)) != start:
            return False
        decoder.skip = target - start
    return True


@kernel
def owed_frames(decoder: Any) -> Any:
    """Return how many frames the resampler still has to give for what it was given.

    Output frame k lies at the time k / rate_out: those before the end of the input count.
    """
    resampler = record_at(decoder.run, RESAMPLER)
    whole = -(-decoder.run_in * resampler.rate_out // resampler.rate_in)
    return whole - decoder.run_out


@kernel
def push_due_mark(decoder: Any, ring: Any, source: Any) -> None:
    """Announce the current source, now that its first frame is the next one."""
    decoder.mark_pending = 0
    push_mark(decoder, ring, source, MARK_RAMP if source.start_frame > 0 else 0)


@kernel
def continues_run(decoder: Any, source: Any) -> Any:
    """Return whether a source goes on where the resampler is."""
    same = decoder.run != 0 and source.resampler == decoder.run
    return same and source.start_frame == 0 and decoder.mark_pending == 0


@kernel
def begin_run(decoder: Any, source: Any) -> None:
    """Take the resampler of a source, at rest; none if its rate is the stream's."""
    decoder.run = source.resampler
    decoder.run_in = decoder.run_out = decoder.mark_due = 0
    if decoder.run:
        restart_resampler(record_at(decoder.run, RESAMPLER))


@kernel
def end_run(decoder: Any, ring: Any) -> Any:
    """Write the next of what the resampler still holds, or let go of it."""
    left = owed_frames(decoder)
    if left <= 0:
        if decoder.mark_pending:
            push_due_mark(decoder, ring, decoder.current)
        decoder.run = 0
        return _BUSY
    if writable(ring) < RESAMPLED_CHUNK:
        return _IDLE
    frames = frames_to_read(decoder)
    rows = float32_rows(decoder.rows_in, decoder.channels, CHUNK)
    for c in range(decoder.channels):
        for i in range(frames):
            rows[c, i] = np.float32(0.0)
    push_resampled(decoder, ring, frames, left)
    return _BUSY


@kernel
def start_source(decoder: Any, ring: Any) -> Any:
    """Take the next source, if there is one."""
    if load_acquire(decoder, "sources_written") == decoder.sources_taken:
        return _IDLE
    stream = record_at(decoder.stream, STREAM)
    if decoder.marks_written - load_acquire(stream, "mark_read") >= MARKS // 2:
        return _IDLE
    source = decoder.current
    following = _source_at(decoder, decoder.sources_taken)
    goes_on = continues_run(decoder, following)
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
        if goes_on:
            decoder.mark_due = owed_frames(decoder)
        else:
            begin_run(decoder, source)
        decoder.mark_pending = 1
        if decoder.mark_due == 0:
            push_due_mark(decoder, ring, source)
        decoder.active = 1
    else:
        push_outcome(decoder, source, ERROR_SEEK)
    store_release(decoder, "sources_taken", decoder.sources_taken + 1)
    return _BUSY


@kernel
def end_source(decoder: Any, source: Any) -> Any:
    """Report a source that has no more frames."""
    error = sf_error(source.handle) & 0x7FFFFFFF
    expected = min(source.end_frame, source.file_frames) - source.start_frame
    if error == 0 and decoder.frames < expected:
        error = ERROR_SHORT
    push_outcome(decoder, source, error)
    return _BUSY


@kernel
def skip_frames(decoder: Any, source: Any) -> Any:
    """Decode and drop frames on the way to the exact start."""
    count = min(decoder.skip, CHUNK)
    got = sf_readf_float(source.handle, decoder.scratch, count)
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
    free = writable(ring)
    if free < min(CHUNK, ring.capacity // 4):
        return _IDLE
    out = contiguous(ring, ring.write, min(free, CHUNK, limit))
    frames = out.size // decoder.channels
    if source.identity:
        got = sf_readf_float(source.handle, _address_in_ring(ring), frames)
    else:
        got = sf_readf_float(source.handle, decoder.scratch, frames)
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
def frames_to_read(decoder: Any) -> Any:
    """Return how many frames to resample at a time: they become `RESAMPLED_CHUNK` at most."""
    resampler = record_at(decoder.run, RESAMPLER)
    return min(CHUNK, max(1, CHUNK * resampler.rate_in // resampler.rate_out))


@kernel
def decode_resampled(decoder: Any, ring: Any, limit: Any) -> Any:
    """Decode the next frames of the current source through the resampler into the ring."""
    source, channels = decoder.current, decoder.channels
    if writable(ring) < RESAMPLED_CHUNK:
        return _IDLE
    frames = min(limit, frames_to_read(decoder))
    got = sf_readf_float(source.handle, decoder.scratch, frames)
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
def push_resampled(decoder: Any, ring: Any, frames: Any, most: Any) -> None:
    """Resample planar frames and write what comes of them, at most ``most``, to the ring."""
    channels = decoder.channels
    rows = float32_rows(decoder.rows_out, channels, RESAMPLED_CHUNK)
    source = float32_rows(decoder.rows_in, channels, CHUNK)
    made = resample_through(record_at(decoder.run, RESAMPLER), source, frames, rows)
    made = min(made, most)
    decoder.run_out += made
    done = 0
    while done < made:
        if decoder.mark_pending and decoder.mark_due == 0:
            push_due_mark(decoder, ring, decoder.current)
        want = made - done
        if decoder.mark_pending:
            want = min(want, decoder.mark_due)
            decoder.mark_due -= want
        done += write_rows(ring, rows, done, want)


@kernel
def write_rows(ring: Any, rows: Any, first: Any, frames: Any) -> Any:
    """Write planar frames to the ring; returns how many."""
    channels = rows.shape[0]
    done = 0
    while done < frames:
        out = contiguous(ring, ring.write, frames - done)
        count = out.size // channels
        for i in range(count):
            for c in range(channels):
                out[i * channels + c] = rows[c, first + done + i]
        commit_write(ring, count)
        done += count
    return done


@kernel
def _address_in_ring(ring: Any) -> Any:
    return ring.data + 4 * ring.channels * (ring.write % ring.frames)


@kernel
def decode_step(decoder: Any) -> Any:
    """Do the next piece of work; returns 0 when there is nothing to do for now."""
    ring = record_at(decoder.ring, RING)
    stream = record_at(decoder.stream, STREAM)
    wanted = load_acquire(stream, "generation")
    if decoder.generation != wanted:
        drop_old_sources(decoder, wanted)
    if decoder.active == 0:
        return start_source(decoder, ring)
    started = monotonic_ns()
    result = decode_chunk(decoder, ring)
    decoder.decode_ns += monotonic_ns() - started
    return result


@entry("int64", "int64")
def decode_loop(decoder_address: int, nap_us: int) -> int:
    """Decode until told to stop; returns how many steps did something.

    Runs on the decode thread, called once. Sleeps for ``nap_us`` microseconds whenever
    there is nothing to do.
    """
    decoder = record_at(decoder_address, DECODER)
    steps = 0
    while load_acquire(decoder, "stop") == 0:
        if decode_step(decoder) == _IDLE:
            sleep_us(nap_us)
        else:
            steps += 1
    return steps


@entry("int64")
def decode_until_idle(decoder_address: int) -> int:
    """Decode until the ring is full or nothing is left; offline rendering and tests."""
    decoder = record_at(decoder_address, DECODER)
    steps = 0
    while decode_step(decoder) != _IDLE:
        steps += 1
    return steps
