"""The writer of a feed: one compiled call that converts, mixes, resamples, and waits for room.

It runs on the program's own thread, without the interpreter, which it needs again only when all is
written. See `engine.feeding` for what a feed is, and for its epochs.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from zerocross.compiler import (
    entry,
    float32_array,
    float32_rows,
    float64_array,
    int16_array,
    int32_array,
    kernel,
    load_acquire,
    monotonic_ns,
    record_at,
    store_release,
)
from zerocross.dsp.convert import int16_to_float, int32_to_float
from zerocross.dsp.interleave import deinterleave
from zerocross.dsp.mix import mix_interleaved
from zerocross.dsp.peaks import replace_nonfinite
from zerocross.dsp.resample import RESAMPLER, resample_through, restart_resampler
from zerocross.engine.layouts import EPOCHS, FEED
from zerocross.engine.resampling import CHUNK, RESAMPLED_CHUNK, write_rows
from zerocross.sync.ring import RING, writable
from zerocross.sync.signal import SIGNAL, signal_count, signal_wait

__all__ = [
    "FLOAT32",
    "FLOAT64",
    "INT16",
    "INT32",
    "NEVER",
    "end_feed",
    "feed_frames",
    "wait_for_feed",
]

#: What the samples that are given are.
FLOAT32, FLOAT64, INT16, INT32 = range(4)
#: A frame that no ring comes to: nobody waits.
NEVER = (1 << 62) - 1


@kernel
def _is_over(feed: Any, epoch: Any) -> Any:
    """Return whether a call of an epoch is to write no more."""
    return load_acquire(feed, "epoch") != epoch or load_acquire(feed, "closed") != 0


@kernel
def _begin_epoch(feed: Any, ring: Any, epoch: Any) -> None:
    """Say where an epoch begins, before its first frame is written."""
    if feed.epoch_written != epoch:
        feed.epoch_starts[epoch % EPOCHS] = ring.write
        feed.run = 0
        store_release(feed, "epoch_written", epoch)


@kernel
def _begin_run(feed: Any, resampler: Any) -> None:
    feed.run = resampler
    feed.run_in = feed.run_out = 0
    if resampler != 0:
        restart_resampler(record_at(resampler, RESAMPLER))


@kernel
def _load_samples(address: Any, kind: Any, out: Any) -> None:
    """Read samples as float32, full scale 1."""
    count = out.size
    if kind == INT16:
        int16_to_float(int16_array(address, count), out)
    elif kind == INT32:
        int32_to_float(int32_array(address, count), out)
    elif kind == FLOAT64:
        wide = float64_array(address, count)
        for i in range(count):
            out[i] = np.float32(wide[i])
    else:
        plain = float32_array(address, count)
        for i in range(count):
            out[i] = plain[i]


@kernel
def _frames_that_fit(feed: Any, ring: Any, frames: Any) -> Any:
    """Return how many of so many frames can be taken now: what they become has room in the ring."""
    room = min(writable(ring), RESAMPLED_CHUNK)
    if feed.run != 0:
        resampler = record_at(feed.run, RESAMPLER)
        room = (room - 1) * resampler.rate_in // resampler.rate_out
    return min(frames, room, CHUNK)


@kernel
def _push(feed: Any, ring: Any, rows: Any, frames: Any, most: Any) -> None:
    """Write planar frames to the ring, through the resampler if there is one."""
    if feed.run == 0:
        write_rows(ring, rows, 0, frames)
        return
    out = float32_rows(feed.rows_out, feed.channels, RESAMPLED_CHUNK)
    made = resample_through(record_at(feed.run, RESAMPLER), rows, frames, out)
    made = min(made, most)
    feed.run_in += frames
    feed.run_out += made
    write_rows(ring, out, 0, made)


@kernel
def _push_given(
    feed: Any, ring: Any, address: Any, frames: Any, channels: Any, kind: Any, matrix: Any
) -> None:
    """Convert, mix and write frames that are known to fit."""
    raw = float32_array(feed.raw, frames * channels)
    _load_samples(address, kind, raw)
    feed.nonfinite += replace_nonfinite(raw)
    rows = float32_rows(feed.rows_in, feed.channels, CHUNK)
    if matrix == 0:
        deinterleave(raw, frames, rows)
    else:
        mixed = float32_array(feed.mixed, frames * feed.channels)
        shares = float32_array(matrix, feed.channels * channels)
        mix_interleaved(shares, raw, channels, mixed, feed.channels)
        deinterleave(mixed, frames, rows)
    _push(feed, ring, rows, frames, RESAMPLED_CHUNK)


@kernel
def _push_owed(feed: Any, ring: Any) -> Any:
    """Write some of what the resampler still holds; returns whether nothing is left."""
    if feed.run == 0:
        return True
    resampler = record_at(feed.run, RESAMPLER)
    left = -(-feed.run_in * resampler.rate_out // resampler.rate_in) - feed.run_out
    if left <= 0:
        feed.run = 0
        return True
    frames = _frames_that_fit(feed, ring, CHUNK)
    if frames > 0:
        rows = float32_rows(feed.rows_in, feed.channels, CHUNK)
        for c in range(feed.channels):
            for i in range(frames):
                rows[c, i] = np.float32(0.0)
        before = feed.run_in
        _push(feed, ring, rows, frames, left)
        feed.run_in = before
    return False


@kernel
def _wait(feed: Any, wake_at: Any, seen: Any, deadline: Any) -> Any:
    """Sleep until the ring is read up to a frame; returns False once the time is over."""
    left = deadline - monotonic_ns()
    if left <= 0:
        return False
    store_release(feed, "wake_at", wake_at)
    signal_wait(record_at(feed.room, SIGNAL), seen, left // 1000 + 1)
    store_release(feed, "wake_at", NEVER)
    return True


@kernel
def _room_to_wait_for(ring: Any) -> Any:
    """Return the frame up to which the ring is to be read: a quarter is free then.

    Less would do for a short piece, but its writer would wake for each.
    """
    return ring.write - ring.capacity + ring.capacity // 4


@entry(*["int64"] * 9)
def feed_frames(
    feed_address: int,
    source: int,
    frames: int,
    channels: int,
    kind: int,
    matrix: int,
    resampler: int,
    epoch: int,
    timeout_us: int,
) -> int:
    """Write frames to a feed, and wait for room; returns how many were taken.

    Parameters
    ----------
    feed_address : int
        Of a `FEED`; one thread at a time writes.
    source : int
        Address of interleaved frames.
    frames, channels : int
        How many, and of how many channels.
    kind : int
        `FLOAT32`, `FLOAT64`, `INT16` or `INT32`.
    matrix : int
        Address of the mix to the feed's channels, or 0 where they are its channels.
    resampler : int
        Address of a `RESAMPLER`, or 0.
    epoch : int
        The feed's when the call was made; it ends when there is another.
    timeout_us : int
        For how long it may go on; 0 not to wait.

    Notes
    -----
    Real-time: never on the audio thread.

    """
    feed = record_at(feed_address, FEED)
    ring, room = record_at(feed.ring, RING), record_at(feed.room, SIGNAL)
    frame_bytes = channels * (8 if kind == FLOAT64 else 2 if kind == INT16 else 4)
    deadline = monotonic_ns() + 1000 * timeout_us
    done = 0
    while done < frames:
        seen = signal_count(room)
        if _is_over(feed, epoch):
            break
        _begin_epoch(feed, ring, epoch)
        if feed.run != resampler and _push_owed(feed, ring):
            _begin_run(feed, resampler)
        if feed.run == resampler:
            count = _frames_that_fit(feed, ring, frames - done)
            if count > 0:
                here = source + done * frame_bytes
                _push_given(feed, ring, here, count, channels, kind, matrix)
                done += count
                continue
        if writable(ring) > ring.capacity // 4:
            continue  # what the resampler held is written piece by piece
        if not _wait(feed, _room_to_wait_for(ring), seen, deadline):
            break
    return done


@entry("int64", "int64", "int64")
def end_feed(feed_address: int, epoch: int, timeout_us: int) -> int:
    """Write what the resampler holds and mark the end; returns 1, or 0 if there was no time.

    What is over in another way, by a flush, needs no end: 1.
    """
    feed = record_at(feed_address, FEED)
    ring, room = record_at(feed.ring, RING), record_at(feed.room, SIGNAL)
    deadline = monotonic_ns() + 1000 * timeout_us
    while True:
        seen = signal_count(room)
        if _is_over(feed, epoch) or feed.epoch_written != epoch:
            return 1
        if _push_owed(feed, ring):
            store_release(feed, "end", ring.write)
            return 1
        if writable(ring) > ring.capacity // 4:
            continue
        if not _wait(feed, _room_to_wait_for(ring), seen, deadline):
            return 0


@entry("int64", "int64", "int64")
def wait_for_feed(feed_address: int, epoch: int, timeout_us: int) -> int:
    """Wait until all that was written was taken from the ring: 1; 2 if flushed; 0 if it takes longer."""
    feed = record_at(feed_address, FEED)
    ring, room = record_at(feed.ring, RING), record_at(feed.room, SIGNAL)
    deadline = monotonic_ns() + 1000 * timeout_us
    while True:
        seen = signal_count(room)
        if _is_over(feed, epoch):
            return 2
        if load_acquire(ring, "read") >= ring.write:
            return 1
        if not _wait(feed, ring.write, seen, deadline):
            return 0
