"""The audio thread: fills a device's buffer from the ring.

One callback is: fetch frames from the ring into planar scratch (with the transport's ramp:
play, pause, seek, underrun), apply the volume, measure, interleave into the device's
format, count. Whatever goes wrong, the buffer is filled.

How the pieces of a stream are told apart: the decode thread writes a *mark* before the
first frame of every piece. A mark carries a generation. When the control world jumps (seek,
next, stop) it raises the generation it wants; the callback fades out what it was playing,
drops every frame up to the first mark of that generation, and begins there. So frames of
an older generation cannot be heard, however many of them were in the ring.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from zerocross.compiler import (
    attempt,
    entry,
    float32_array,
    flush_denormals,
    kernel,
    load_acquire,
    monotonic_ns,
    record_at,
    restore_float_mode,
    store_release,
    thread_number,
    thread_time_ns,
    uint8_array,
)
from zerocross.dsp.convert import FORMAT_F32, FORMAT_S16, FORMAT_S24, write_device_frames
from zerocross.dsp.peaks import fall_peaks
from zerocross.dsp.ramp import (
    apply_ramp,
    ramp_is_at,
    ramp_jump,
    ramp_remaining,
    ramp_to,
)
from zerocross.engine.layouts import (
    CALLBACK_FAULT,
    CALLBACK_SHORT,
    DECODER,
    MARK,
    MARK_END,
    MARK_RAMP,
    MARKS,
    STREAM,
)
from zerocross.engine.timing import remember
from zerocross.graph.block import MAX_BLOCK, MAX_CHANNELS
from zerocross.graph.program import PROGRAM, run_program
from zerocross.memory.arena import ARENA, arena_reset, scratch_rows
from zerocross.sync.latest import LATEST, latest_begin, latest_end
from zerocross.sync.ring import RING, commit_read, contiguous, readable
from zerocross.sync.tap import TAP, tap_write

__all__ = ["render_block", "run_callback"]

_MARK_SIZE = MARK.itemsize
_LINUX = sys.platform == "linux"


@kernel
def mark_at(stream: Any, index: Any) -> Any:
    """Return a mark of the table."""
    return record_at(stream.marks + (index % MARKS) * _MARK_SIZE, MARK)


@kernel
def take_mark(stream: Any) -> None:
    """Begin the piece that the next mark announces."""
    mark = mark_at(stream, stream.mark_read)
    stream.serial = mark.serial
    stream.mark_position = mark.position
    stream.source_rate = mark.source_rate
    stream.source_frames_before = stream.source_frames_left + mark.frames_before
    if mark.flags & MARK_END:
        stream.ended = 1
        stream.refilling = 1
        ramp_jump(stream.transport, 0.0)
    else:
        stream.ended = 0
        stream.start_at_once = 0 if mark.flags & MARK_RAMP else 1
    store_release(stream, "mark_read", stream.mark_read + 1)


@kernel
def source_frames_played(stream: Any, ring: Any) -> Any:
    """Return the frames of the files that were played, at the files' own rates."""
    here = (ring.read - stream.mark_position) * stream.source_rate // stream.sample_rate
    return stream.source_frames_before + here


@kernel
def skip_to_generation(stream: Any, ring: Any, wanted: Any) -> None:
    """Drop frames up to the first mark of a generation; all of them if it is not there yet.

    The write index is read before the marks: frames of the new generation that are seen
    were preceded by their mark, so it is seen as well and they cannot be dropped.
    """
    played = source_frames_played(stream, ring)
    stream.source_frames_left = stream.source_frames_before = played
    end = load_acquire(ring, "write")
    decoder = record_at(stream.decoder, DECODER)
    written = load_acquire(decoder, "marks_written")
    index = stream.mark_read
    while index < written:
        mark = mark_at(stream, index)
        if mark.generation == wanted:
            store_release(ring, "read", mark.position)
            stream.segment_start = mark.position
            stream.current = wanted
            stream.refilling = 1
            stream.ended = 0
            store_release(stream, "mark_read", index)
            take_mark(stream)
            return
        index += 1
    store_release(stream, "mark_read", written)
    store_release(ring, "read", end)
    stream.segment_start = stream.mark_position = end


@kernel
def has_refilled(stream: Any, ring: Any) -> Any:
    """Return whether enough is there to start: the threshold, or all that can come."""
    decoder = record_at(stream.decoder, DECODER)
    written = load_acquire(decoder, "marks_written")
    if written > stream.mark_read and mark_at(stream, written - 1).flags & MARK_END:
        return True
    if written - stream.mark_read >= MARKS // 2:  # many tiny pieces: no more marks fit
        return True
    return readable(ring) >= min(stream.threshold, ring.capacity)


@kernel
def frames_in_piece(stream: Any, ring: Any) -> Any:
    """Return how many frames can be read before the next mark (-1: at a mark)."""
    decoder = record_at(stream.decoder, DECODER)
    available = readable(ring)
    if load_acquire(decoder, "marks_written") > stream.mark_read:
        before = mark_at(stream, stream.mark_read).position - ring.read
        if before == 0:
            return -1
        return min(available, before)
    return available


@kernel
def read_frames(stream: Any, ring: Any, rows: Any, first: Any, frames: Any) -> None:
    """Move frames from the ring into planar rows and remember the last one."""
    channels = rows.shape[0]
    done = 0
    while done < frames:
        chunk = contiguous(ring, ring.read + done, frames - done)
        count = chunk.size // channels
        for c in range(channels):
            for i in range(count):
                rows[c, first + done + i] = chunk[i * channels + c]
        done += count
    commit_read(ring, frames)
    stream.frames_played += frames
    stream.silence = 0
    for c in range(channels):
        stream.held[c] = rows[c, first + frames - 1]


@kernel
def hold_frames(stream: Any, rows: Any, first: Any, frames: Any) -> None:
    """Go on with the last frame, for a ramp to fade: what is not there makes no click."""
    for c in range(rows.shape[0]):
        for i in range(frames):
            rows[c, first + i] = stream.held[c]


@kernel
def silence_rows(stream: Any, rows: Any, first: Any, frames: Any) -> None:
    """Write silence and count it."""
    for c in range(rows.shape[0]):
        for i in range(frames):
            rows[c, first + i] = np.float32(0.0)
        stream.held[c] = np.float32(0.0)
    stream.silence += frames


@kernel
def wake(stream: Any, ring: Any, playing: Any, wanted: Any) -> Any:
    """From silence: jump if asked, and open the transport if there is something to play."""
    if stream.current != wanted:
        skip_to_generation(stream, ring, wanted)
    if stream.current != wanted or playing == 0:
        return False
    if stream.refilling and not has_refilled(stream, ring):
        return False
    while frames_in_piece(stream, ring) < 0:
        take_mark(stream)
        if stream.ended:
            return False
    if stream.ended:
        return False
    stream.refilling = 0
    if stream.start_at_once:
        ramp_jump(stream.transport, 1.0)
    else:
        ramp_to(stream.transport, 1.0, stream.ramp_frames)
    stream.start_at_once = 0
    return True


@kernel
def fetch(stream: Any, ring: Any, rows: Any, frames: Any) -> Any:
    """Fill rows with what is to be heard; returns 1 if the ring ran short."""
    wanted = load_acquire(stream, "generation")
    playing = load_acquire(stream, "playing")
    transport = stream.transport
    short = 0
    done = 0
    if stream.lead_frames > 0:  # a device that was just opened may swallow its first frames
        done = min(frames, stream.lead_frames)
        stream.lead_frames -= done
        silence_rows(stream, rows, 0, done)
    while done < frames:
        if ramp_is_at(transport, 0.0) and not wake(stream, ring, playing, wanted):
            silence_rows(stream, rows, done, frames - done)
            break
        playable = playing != 0 and stream.current == wanted and stream.refilling == 0
        here = frames_in_piece(stream, ring)
        if here < 0 and stream.current == wanted:
            take_mark(stream)
            stream.start_at_once = 0
            continue
        want = frames - done
        if playable and here < want:
            # Short, unless the piece ends here or more than a ramp's worth is left.
            decoder = record_at(stream.decoder, DECODER)
            if load_acquire(decoder, "marks_written") == stream.mark_read:
                if here > stream.ramp_frames:
                    want = here - stream.ramp_frames
                else:
                    short = 1
                    stream.refilling = 1
                    playable = False
        ramp_to(transport, 1.0 if playable else 0.0, stream.ramp_frames)
        if not playable:
            want = min(want, ramp_remaining(transport))
        if here > 0:
            want = min(want, here)
            read_frames(stream, ring, rows, done, want)
        else:
            hold_frames(stream, rows, done, want)
        first = done
        done += want
        _apply_from(transport, rows, first, want)
    return short


@kernel
def _apply_from(ramp: Any, rows: Any, first: Any, frames: Any) -> None:
    if not ramp_is_at(ramp, 1.0):
        apply_ramp(ramp, rows, first, frames)


@kernel
def read_input(source: Any, rows: Any, frames: Any) -> None:
    """Take a live device's float32 input apart; what is not finite becomes silence."""
    channels = rows.shape[0]
    if source == 0:
        for c in range(channels):
            for i in range(frames):
                rows[c, i] = np.float32(0.0)
        return
    arrived = float32_array(source, frames * channels)
    for c in range(channels):
        for i in range(frames):
            x = arrived[i * channels + c]
            rows[c, i] = x if x - x == np.float32(0.0) else np.float32(0.0)


@kernel
def process_block(stream: Any, ring: Any, source: Any, output: Any, frames: Any) -> None:
    """Fetch, chain, volume, meter, tap, conversion: one block of at most `MAX_BLOCK` frames."""
    channels = stream.channels
    if not 1 <= channels <= MAX_CHANNELS or not FORMAT_S16 <= stream.sample_format <= FORMAT_F32:
        raise ValueError("the stream's record is not that of an open stream")
    arena = record_at(stream.arena, ARENA)
    arena_reset(arena)
    rows = scratch_rows(arena, channels, frames)
    if stream.live:
        read_input(source, rows, frames)
        stream.frames_played += frames
    else:
        stream.underruns += fetch(stream, ring, rows, frames)
    program = load_acquire(stream, "program")
    if program != 0:
        run_program(record_at(program, PROGRAM), rows, rows, frames)
    store_release(stream, "program_running", program)
    level = 0.0 if stream.muted else stream.volume
    ramp_to(stream.gain, level, stream.ramp_frames)
    apply_ramp(stream.gain, rows, 0, frames)
    fall_peaks(stream.peaks, rows, frames, stream.sample_rate)
    tap_write(record_at(stream.tap, TAP), rows, frames)
    if output != 0:
        write_device_frames(rows, frames, output, stream.sample_format)


@kernel
def frame_bytes(stream: Any) -> Any:
    """Return the bytes of one frame in the device's format."""
    if stream.sample_format == FORMAT_S24:
        return 3 * stream.channels
    if stream.sample_format == FORMAT_S16:
        return 2 * stream.channels
    return 4 * stream.channels


@kernel
def silence_bytes(address: Any, count: Any) -> None:
    """Fill a device's buffer with zero bytes: silence in all our formats."""
    out = uint8_array(address, count)
    for i in range(count):
        out[i] = 0


@kernel
def count_fill(stream: Any, ring: Any) -> None:
    """Keep the lowest fill seen while playing with more to come."""
    if stream.refilling or not ramp_is_at(stream.transport, 1.0):
        return
    decoder = record_at(stream.decoder, DECODER)
    if load_acquire(decoder, "marks_written") == stream.mark_read:
        stream.low_water = min(stream.low_water, readable(ring))


@kernel
def capture_block(stream: Any, output: Any, frames: Any) -> None:
    """Keep a copy of what went to the device, where a capture buffer was given."""
    size = frame_bytes(stream)
    count = min(frames, stream.capture_frames - stream.captured) * size
    source = uint8_array(output, count)
    target = uint8_array(stream.capture + stream.captured * size, count)
    for i in range(count):
        target[i] = source[i]
    stream.captured += count // size


@kernel
def publish(stream: Any, ring: Any) -> None:
    """Publish the position snapshot; the order is `records.POSITION_FIELDS`."""
    latest = record_at(stream.latest, LATEST)
    words = latest_begin(latest)
    words[0] = ring.read
    words[1] = stream.segment_start
    words[2] = stream.silence
    words[3] = stream.current
    words[4] = stream.mark_read
    words[5] = stream.ended
    words[6] = monotonic_ns()
    words[7] = stream.frames_played
    played = stream.frames_played if stream.live else source_frames_played(stream, ring)
    stream.source_frames_played = played
    latest_end(latest)


@kernel
def fill_buffer(stream: Any, source: Any, output: Any, frames: Any) -> None:
    """Fill a device's buffer, block by block; a fault makes the rest of it silent."""
    ring = record_at(stream.ring, RING)
    size = frame_bytes(stream)
    done = 0
    while done < frames:
        count = min(frames - done, MAX_BLOCK)
        here = output + done * size if output != 0 else 0
        heard = source + 4 * done * stream.channels if source != 0 else 0
        status = attempt(process_block, stream, ring, heard, here, count)
        if status != 0:
            stream.faults += 1
            stream.fault_status = status
            if output != 0:
                silence_bytes(here, (frames - done) * size)
            break
        done += count
    if output != 0:
        capture_block(stream, output, frames)
    if stream.live == 0:
        count_fill(stream, ring)
    publish(stream, ring)


@kernel
def run_callback(stream: Any, source: Any, output: Any, frames: Any) -> None:
    """Do everything a device callback has to do, timed.

    ``source`` is what a live stream hears, 0 for nothing; ``output`` is 0 where nothing plays.
    """
    started, worked = monotonic_ns(), thread_time_ns()
    if stream.thread == 0 and _LINUX:
        stream.thread = thread_number(0)
    underruns, faults = stream.underruns, stream.faults
    mode = flush_denormals()
    fill_buffer(stream, source, output, frames)
    restore_float_mode(mode)
    flags = 0
    if stream.underruns != underruns:
        flags |= CALLBACK_SHORT
    if stream.faults != faults:
        flags |= CALLBACK_FAULT
    fill = 0 if stream.live else readable(record_at(stream.ring, RING))
    worked = thread_time_ns() - worked
    remember(stream, started, monotonic_ns() - started, worked, frames, fill, flags)


@entry("int64", "int64", "int64", dispatches=True)
def render_block(stream_address: int, output: int, frames: int) -> int:
    """Fill a buffer as a device would: offline rendering and tests."""
    run_callback(record_at(stream_address, STREAM), 0, output, frames)
    return frames
