"""Feeding: frames from a program into what plays, as the audio thread adds them.

A *feed* is a ring before a stream's chain. The program's thread converts, mixes and resamples what it
is given and writes it to the ring (`engine.feed_writer`). The audio thread adds what is in the ring to the block that
it is about to run through the chain.

What is written belongs to an *epoch*. A flush raises the wanted epoch; the audio thread fades out what
is heard, drops all frames before the beginning of that epoch, and begins there. The writer stores where
an epoch begins before it writes the first frame of it, and a call that was made before the flush writes
no more, so nothing that was given before a flush is heard after its ramp.

A feed that plays and runs dry has an *underrun*, unless the writer has marked the end there: what
was marked ends with its last frame, without a ramp, and is no underrun. What runs dry, or is
flushed, fades; after an underrun it fades in again, after an end or a flush it begins at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from zerocross.compiler import entry, float32_rows, kernel, load_acquire, record_at, store_release
from zerocross.dsp.ramp import ramp_is_at, ramp_jump, ramp_remaining, ramp_to, ramp_value
from zerocross.engine.layouts import EPOCHS, FEED
from zerocross.sync.ring import RING, commit_read, contiguous, readable
from zerocross.sync.signal import SIGNAL, signal_raise

__all__ = ["add_feed"]


@kernel
def _jump_to_epoch(feed: Any, ring: Any, wanted: Any) -> None:
    """Drop frames up to the beginning of an epoch; all of them if nothing of it is there yet.

    The write index is read before the epoch: frames of it that are seen were preceded by its
    beginning, so that is seen as well and they cannot be dropped.
    """
    end = load_acquire(ring, "write")
    if load_acquire(feed, "epoch_written") == wanted:
        end = feed.epoch_starts[wanted % EPOCHS]
        feed.running_epoch = wanted
        feed.starts_at_once = 1
    if end > ring.read:
        feed.frames_dropped += end - ring.read
        store_release(ring, "read", end)


@kernel
def _is_enough(feed: Any, ring: Any, there: Any, frames: Any) -> Any:
    """Return whether so much is there that a phrase may begin before its end is."""
    return there >= min(feed.prebuffer + frames, ring.capacity)


@kernel
def _begins(feed: Any, ring: Any, wanted: Any, frames: Any) -> Any:
    """From silence: begin if enough is there, or all that comes; returns whether it does."""
    if feed.running_epoch != wanted:
        _jump_to_epoch(feed, ring, wanted)
    end = load_acquire(feed, "end")  # before the frames that it follows
    there = readable(ring)
    if feed.running_epoch != wanted or there == 0:
        return False
    if end <= ring.read and not _is_enough(feed, ring, there, frames):
        return False
    feed.is_running = 1
    if feed.starts_at_once:
        ramp_jump(feed.gate, 1.0)
    else:
        ramp_to(feed.gate, 1.0, feed.ramp_frames)
    feed.starts_at_once = 0
    return True


@kernel
def _add(feed: Any, ring: Any, rows: Any, first: Any, frames: Any) -> None:
    """Add frames from the ring, times the gate, to planar rows."""
    channels = rows.shape[0]
    done = 0
    while done < frames:
        chunk = contiguous(ring, ring.read + done, frames - done)
        count = chunk.size // channels
        for i in range(count):
            gain = np.float32(ramp_value(feed.gate, done + i))
            for c in range(channels):
                rows[c, first + done + i] += gain * chunk[i * channels + c]
        for c in range(channels):
            feed.held[c] = chunk[(count - 1) * channels + c]
        done += count
    commit_read(ring, frames)
    feed.frames_played += frames


@kernel
def _add_held(feed: Any, rows: Any, first: Any, frames: Any) -> None:
    """Add the last frame, times the gate: what is not there makes no click."""
    for i in range(frames):
        gain = np.float32(ramp_value(feed.gate, i))
        for c in range(rows.shape[0]):
            rows[c, first + i] += gain * feed.held[c]


@kernel
def _add_piece(feed: Any, ring: Any, rows: Any, first: Any, here: Any, want: Any) -> Any:
    """Add at most so many frames of which so many are there; returns how many, and moves the gate."""
    count = min(want, here) if here > 0 else want
    if here > 0:
        _add(feed, ring, rows, first, count)
    else:
        _add_held(feed, rows, first, count)
    feed.gate.position = min(feed.gate.length, feed.gate.position + count)
    return count


@kernel
def _frames_here(feed: Any, ring: Any) -> Any:
    """Return how many frames of what is heard can be read: none of a later epoch."""
    there = readable(ring)
    written = load_acquire(feed, "epoch_written")
    if written != feed.running_epoch:
        there = min(there, max(0, feed.epoch_starts[written % EPOCHS] - ring.read))
    return there


@kernel
def _play_feed(feed: Any, ring: Any, rows: Any, frames: Any) -> None:
    """Add a block of what was fed."""
    wanted = load_acquire(feed, "epoch")
    done = 0
    while done < frames:
        want = frames - done
        is_silent = not feed.is_running and ramp_is_at(feed.gate, 0.0)
        if is_silent and not _begins(feed, ring, wanted, frames):
            return
        end = load_acquire(feed, "end")  # before the frames that it follows
        here = _frames_here(feed, ring)
        if feed.running_epoch != wanted:
            feed.is_running = 0
        elif feed.is_running:
            if end == ring.read and not _is_enough(feed, ring, here, frames):
                feed.is_running, feed.starts_at_once = 0, 1
                ramp_jump(feed.gate, 0.0)
                return
            if ring.read < end <= ring.read + want:
                want = end - ring.read
            elif here >= want:
                pass
            elif here > feed.ramp_frames:  # keep a ramp's worth to fade with
                want = here - feed.ramp_frames
            else:
                feed.is_running = 0
                feed.underruns += 1
        if not feed.is_running:
            ramp_to(feed.gate, 0.0, feed.ramp_frames)
            want = min(want, ramp_remaining(feed.gate))
        done += _add_piece(feed, ring, rows, done, here, want)


@entry("int64", "int64")
def add_feed(feed_address: int, _: int) -> int:
    """Add what was fed to a block of a stream.

    Parameters
    ----------
    feed_address : int
        Of a `FEED`, with the block's ``rows`` and ``frames`` in it.

    Notes
    -----
    Real-time: the audio thread.

    """
    feed = record_at(feed_address, FEED)
    ring = record_at(feed.ring, RING)
    frames, underruns = feed.frames, feed.underruns
    _play_feed(feed, ring, float32_rows(feed.rows, feed.channels, frames), frames)
    if feed.is_running and load_acquire(feed, "end") <= ring.read:
        feed.low_water_frames = min(feed.low_water_frames, readable(ring))
    if ring.read >= load_acquire(feed, "wake_at"):
        signal_raise(record_at(feed.room, SIGNAL))
    if feed.underruns != underruns and feed.news != 0:
        signal_raise(record_at(feed.news, SIGNAL))
    return 0
