"""The audio thread: fills a device's buffer, block by block, whatever goes wrong.

Two callbacks, one for a stream of files and one for a live stream, differ in where a block comes
from: the transport's ring, or the device's own input. What follows is the same for both: what a
program feeds, the chain, the volume, meter and tap, the device's format, and the count of what it
took.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from zerocross.compiler import (
    attempt,
    entry,
    float32_array,
    float32_rows,
    flush_denormals,
    invoke,
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
from zerocross.devices.client import EXCHANGE
from zerocross.dsp.convert import FORMAT_F32, FORMAT_S16, FORMAT_S24, write_device_frames
from zerocross.dsp.peaks import fall_peaks
from zerocross.dsp.ramp import apply_ramp, ramp_is_at, ramp_jump, ramp_to, ramp_value
from zerocross.engine.layouts import (
    CALLBACK_FAULT,
    CALLBACK_SHORT,
    FEED,
    INTAKE,
    STREAM,
    TRANSPORT,
)
from zerocross.engine.timing import remember
from zerocross.engine.transport import (
    SHORT,
    STALLED,
    fetch,
    publish_position,
    wake_decoder,
    watch_fill,
)
from zerocross.graph.block import MAX_BLOCK, MAX_CHANNELS
from zerocross.graph.program import PROGRAM, run_program
from zerocross.sync.signal import SIGNAL, signal_raise
from zerocross.sync.tap import TAP, tap_write

__all__ = ["file_callback", "live_callback"]

_LINUX = sys.platform == "linux"


# --- where a block comes from --------------------------------------------------------------------


@kernel
def _rows_of(stream: Any, frames: Any) -> Any:
    """Return the planar rows of a block; a fault if the record is not an open stream's."""
    channels, kind = stream.channels, stream.sample_format
    if not 1 <= channels <= MAX_CHANNELS or not FORMAT_S16 <= kind <= FORMAT_F32:
        raise ValueError("the stream's record is not that of an open stream")
    return float32_rows(stream.rows, channels, frames)


@kernel
def _fetch_file(stream: Any, _address: Any, rows: Any, frames: Any) -> None:
    """Take a block from the transport: from the ring, or silence."""
    short = fetch(record_at(stream.transport, TRANSPORT), rows, frames)
    if short == SHORT:
        stream.underruns += 1
    elif short == STALLED:
        stream.stalls += 1


@kernel
def _fetch_input(stream: Any, address: Any, rows: Any, frames: Any) -> None:
    """Deinterleave a device's float32 input; what is not finite, or not there, is silence."""
    channels = rows.shape[0]
    stream.frames_played += frames
    if address != 0:
        arrived = float32_array(address, frames * channels)
        for c in range(channels):
            for i in range(frames):
                x = arrived[i * channels + c]
                rows[c, i] = x if x - x == np.float32(0.0) else np.float32(0.0)
        intake = load_acquire(stream, "intake")
        if intake != 0:
            _hand(record_at(intake, INTAKE), intake, stream.rows, frames)
    if address == 0 or load_acquire(stream, "is_heard") == 0:
        for c in range(channels):
            for i in range(frames):
                rows[c, i] = np.float32(0.0)


@kernel
def _hand(side: Any, address: Any, rows: Any, frames: Any) -> None:
    """Hand a block to a feed or an intake, whose code is called by its address.

    So nothing of it has to be compiled where there is none.
    """
    side.rows, side.frames = rows, frames
    if invoke(side.process, address, 0) != 0:
        raise ValueError("a feed failed")


# --- what every block goes through ---------------------------------------------------------------


@kernel
def _run(stream: Any, program: Any, rows: Any, frames: Any) -> Any:
    """Run a program, if there is one; returns the rows that result."""
    if program != 0:
        running = record_at(program, PROGRAM)
        rows = run_program(running, rows, frames)
        stream.chain_faults += running.failed
    return rows


@kernel
def _run_chain(stream: Any, rows: Any, frames: Any) -> Any:
    """Run the chain's program, and for a while beside it the one that it takes the place of."""
    program = load_acquire(stream, "program")
    fade = load_acquire(stream, "crossfade_frames")
    if program != stream.program_running and fade > 0:
        stream.program_fading = stream.program_running
        store_release(stream, "fades", 1)
        ramp_jump(stream.blend, 0.0)
        ramp_to(stream.blend, 1.0, fade)
    store_release(stream, "program_running", program)
    if stream.fades == 0:
        return _run(stream, program, rows, frames)
    old = _run(stream, stream.program_fading, rows, frames)  # rows stay, or are the result
    new = _run(stream, program, rows, frames)
    for c in range(rows.shape[0]):
        for i in range(frames):
            share = np.float32(ramp_value(stream.blend, i))
            new[c, i] = old[c, i] + share * (new[c, i] - old[c, i])
    stream.blend.position = min(stream.blend.length, stream.blend.position + frames)
    if ramp_is_at(stream.blend, 1.0):
        store_release(stream, "fades", 0)
    return new


@kernel
def _process_block(
    stream: Any, fetch_block: Any, input_address: Any, output_address: Any, frames: Any
) -> None:
    """Fetch, chain, volume, meter, tap, the device's format: at most `MAX_BLOCK` frames."""
    rows = _rows_of(stream, frames)
    fetch_block(stream, input_address, rows, frames)
    feed = load_acquire(stream, "feed")
    if feed != 0:
        _hand(record_at(feed, FEED), feed, stream.rows, frames)
    rows = _run_chain(stream, rows, frames)
    level = 0.0 if stream.muted else stream.volume
    ramp_to(stream.gain, level, stream.ramp_frames)
    apply_ramp(stream.gain, rows, 0, frames)
    fall_peaks(stream.peaks, rows, frames, stream.sample_rate)
    tap_write(record_at(stream.tap, TAP), rows, frames)
    if output_address != 0:
        write_device_frames(rows, frames, output_address, stream.sample_format)


@kernel
def _frame_bytes(stream: Any) -> Any:
    """Return the bytes of one frame in the device's format."""
    if stream.sample_format == FORMAT_S24:
        return 3 * stream.channels
    if stream.sample_format == FORMAT_S16:
        return 2 * stream.channels
    return 4 * stream.channels


@kernel
def _fill_with_silence(address: Any, count: Any) -> None:
    """Fill a device's buffer with zero bytes: silence in all our formats."""
    out = uint8_array(address, count)
    for i in range(count):
        out[i] = 0


@kernel
def _capture(stream: Any, output_address: Any, frames: Any) -> None:
    """Keep a copy of what went to the device, where a capture buffer was given."""
    size = _frame_bytes(stream)
    count = min(frames, stream.capture_frames - stream.captured) * size
    played = uint8_array(output_address, count)
    kept = uint8_array(stream.capture + stream.captured * size, count)
    for i in range(count):
        kept[i] = played[i]
    stream.captured += count // size


@kernel
def _fill_buffer(stream: Any, fetch_block: Any, exchange: Any) -> None:
    """Fill a device's buffer, block by block; a fault makes the rest of it silent."""
    frames, output_address = exchange.frames, exchange.output
    size = _frame_bytes(stream)
    done = 0
    while done < frames:
        count = min(frames - done, MAX_BLOCK)
        here = output_address + done * size if output_address != 0 else 0
        heard = exchange.input + 4 * done * stream.channels if exchange.input != 0 else 0
        status = attempt(_process_block, stream, fetch_block, heard, here, count)
        if status != 0:
            stream.faults += 1
            stream.fault_status = status
            if output_address != 0:
                _fill_with_silence(here, (frames - done) * size)
            break
        done += count
    if output_address != 0:
        _capture(stream, output_address, frames)


# --- the callbacks -------------------------------------------------------------------------------


@kernel
def _begin(stream: Any) -> Any:
    """Return when the callback began, the thread's processor time then, and its float mode."""
    started, worked = monotonic_ns(), thread_time_ns()
    if stream.thread == 0 and _LINUX:
        stream.thread = thread_number(0)
    return started, worked, flush_denormals()


@kernel
def _end(stream: Any, began: Any, frames: Any, fill: Any, underruns: Any, faults: Any) -> None:
    """Restore the float mode, and count the callback: underruns and faults are those before it."""
    started, worked, mode = began
    restore_float_mode(mode)
    flags = 0
    if stream.underruns != underruns:
        flags |= CALLBACK_SHORT
    if stream.faults != faults:
        flags |= CALLBACK_FAULT
    worked = thread_time_ns() - worked
    remember(stream, started, monotonic_ns() - started, worked, frames, fill, flags)


@kernel
def _reported(stream: Any, transport: Any) -> Any:
    """Return two numbers, of which one is another when the control thread has something to read."""
    faults = stream.underruns + stream.stalls + stream.faults + stream.chain_faults
    return transport.state, transport.marks_taken + stream.thread + faults


@kernel
def _tell(stream: Any, transport: Any, state: Any, count: Any) -> None:
    """Raise the signal of the control thread, where there is news or it asked to be told."""
    state_now, count_now = _reported(stream, transport)
    if state_now != state or count_now != count or load_acquire(stream, "tell_next") != 0:
        signal_raise(record_at(stream.news, SIGNAL))


@entry("int64", "int64", dispatches=True)
def file_callback(stream_address: int, exchange_address: int) -> int:
    """Play the next frames of a stream of files.

    Parameters
    ----------
    stream_address : int
        Of a `STREAM` with a `TRANSPORT`.
    exchange_address : int
        Of an `EXCHANGE`: where the frames go, and how many.

    Notes
    -----
    Real-time: the audio thread. Offline rendering calls it in a loop.

    """
    stream = record_at(stream_address, STREAM)
    transport = record_at(stream.transport, TRANSPORT)
    exchange = record_at(exchange_address, EXCHANGE)
    underruns, faults = stream.underruns, stream.faults
    state, count = _reported(stream, transport)
    began = _begin(stream)
    _fill_buffer(stream, _fetch_file, exchange)
    wake_decoder(transport)
    fill = watch_fill(transport)
    stream.source_frames_played = publish_position(transport)
    stream.frames_played = transport.frames_played
    _end(stream, began, exchange.frames, fill, underruns, faults)
    if stream.news != 0:
        _tell(stream, transport, state, count)
    return 0


@entry("int64", "int64", dispatches=True)
def live_callback(stream_address: int, exchange_address: int) -> int:
    """Run a live stream's chain over what its device hears; parameters as `file_callback`.

    Real-time: the audio thread.
    """
    stream = record_at(stream_address, STREAM)
    exchange = record_at(exchange_address, EXCHANGE)
    underruns, faults = stream.underruns, stream.faults
    began = _begin(stream)
    _fill_buffer(stream, _fetch_input, exchange)
    stream.source_frames_played = stream.frames_played
    _end(stream, began, exchange.frames, 0, underruns, faults)
    return 0
