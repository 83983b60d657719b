"""Resampling on the decode thread: sources of another rate than the stream's.

Sources of one rate that follow each other are one *run* of the resampler: its filter reaches across
the join, so an album stays without gaps at any rate. The mark of such a source is planned for some
frames later, when what the resampler still held of the sources before is written.
"""

from __future__ import annotations

from typing import Any

from zerocross.compiler import float32_rows, kernel, record_at
from zerocross.dsp.interleave import interleave_from
from zerocross.dsp.resample import RESAMPLER, resample_through, restart_resampler
from zerocross.engine.marks import frames_to_mark, push_due_marks
from zerocross.sync.ring import commit_write, contiguous

__all__ = [
    "CHUNK",
    "RESAMPLED_CHUNK",
    "begin_run",
    "continues_run",
    "frames_to_read",
    "owed_frames",
    "push_resampled",
]

#: Frames decoded at a time.
CHUNK = 1024
#: The most frames that a chunk can become when it is resampled.
RESAMPLED_CHUNK = 2 * CHUNK


@kernel
def owed_frames(decoder: Any) -> Any:
    """Return how many frames the resampler still has to give for what it was given.

    Output frame k lies at the time k / rate_out: those before the end of the input count.
    """
    resampler = record_at(decoder.run, RESAMPLER)
    whole = -(-decoder.run_in * resampler.rate_out // resampler.rate_in)
    return whole - decoder.run_out


@kernel
def continues_run(decoder: Any, source: Any) -> Any:
    """Return whether a source goes on where the resampler is."""
    same = decoder.run != 0 and source.resampler == decoder.run
    return same and (source.start_frame == 0 or source.goes_on != 0)


@kernel
def begin_run(decoder: Any, source: Any) -> None:
    """Take the resampler of a source, at rest; none if its rate is the stream's."""
    decoder.run = source.resampler
    decoder.run_in = decoder.run_out = 0
    if decoder.run:
        restart_resampler(record_at(decoder.run, RESAMPLER))


@kernel
def frames_to_read(decoder: Any) -> Any:
    """Return how many frames to resample at a time: they become `RESAMPLED_CHUNK` at most."""
    resampler = record_at(decoder.run, RESAMPLER)
    return min(CHUNK, max(1, CHUNK * resampler.rate_in // resampler.rate_out))


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
        push_due_marks(decoder, ring)
        done += write_rows(ring, rows, done, frames_to_mark(decoder, ring, made - done))


@kernel
def write_rows(ring: Any, rows: Any, first: Any, frames: Any) -> Any:
    """Write planar frames to the ring; returns how many."""
    channels = rows.shape[0]
    done = 0
    while done < frames:
        out = contiguous(ring, ring.write, frames - done)
        count = out.size // channels
        interleave_from(rows, first + done, count, out)
        commit_write(ring, count)
        done += count
    return done
