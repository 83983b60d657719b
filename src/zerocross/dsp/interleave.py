"""Interleaved frames and planar rows: one becomes the other.

Interleaved, sample c of frame i is at ``i * channels + c``, as devices and files have it; planar,
it is ``rows[c, i]``, as everything inside has it.
"""

from __future__ import annotations

from typing import Any

from zerocross.compiler import kernel
from zerocross.compiler.primitives.vector import ZIP_HIGH, ZIP_LOW, f32x16, load, shuffle, store

__all__ = [
    "deinterleave",
    "deinterleave_channel",
    "deinterleave_into",
    "interleave",
    "interleave_channel",
    "interleave_from",
]


@kernel
def interleave_from(rows: Any, first: Any, frames: Any, out: Any) -> None:
    """Write planar frames one after the other: ``out[i * channels + c] = rows[c, first + i]``.

    Parameters
    ----------
    rows : array, shape (channels, at least first + frames), float32
        Planar.
    first, frames : int
        The first frame, and how many.
    out : array, shape (at least frames * channels,), float32
        Written.

    Notes
    -----
    Real-time: safe. Two channels go sixteen frames at a time.

    """
    channels = rows.shape[0]
    done = 0
    if channels == 2:
        left, right = rows[0], rows[1]
        done = frames - frames % 16
        for i in range(0, done, 16):
            a, b = load(f32x16, left, first + i), load(f32x16, right, first + i)
            store(out, 2 * i, shuffle(a, b, ZIP_LOW))
            store(out, 2 * i + 16, shuffle(a, b, ZIP_HIGH))
    for i in range(done, frames):
        for c in range(channels):
            out[i * channels + c] = rows[c, first + i]


@kernel
def interleave(rows: Any, frames: Any, out: Any) -> None:
    """Do `interleave_from` the rows' beginning. Real-time: safe."""
    interleave_from(rows, 0, frames, out)


@kernel
def deinterleave_into(source: Any, frames: Any, rows: Any, first: Any) -> None:
    """Write interleaved frames as planar ones: ``rows[c, first + i] = source[i * channels + c]``.

    Parameters
    ----------
    source : array, shape (at least frames * channels,), float32
        Interleaved.
    frames : int
        How many.
    rows : array, shape (channels, at least first + frames), float32
        Written.
    first : int
        Where the first frame goes.

    Notes
    -----
    Real-time: safe.

    """
    channels = rows.shape[0]
    for c in range(channels):
        for i in range(frames):
            rows[c, first + i] = source[i * channels + c]


@kernel
def deinterleave(source: Any, frames: Any, rows: Any) -> None:
    """Do `deinterleave_into` the rows' beginning. Real-time: safe."""
    deinterleave_into(source, frames, rows, 0)


@kernel
def interleave_channel(row: Any, frames: Any, out: Any, channel: Any, channels: Any) -> None:
    """Write one channel among the others: ``out[i * channels + channel] = row[i]``.

    Real-time: safe.
    """
    for i in range(frames):
        out[i * channels + channel] = row[i]


@kernel
def deinterleave_channel(source: Any, frames: Any, channel: Any, channels: Any, row: Any) -> None:
    """Take one channel out: ``row[i] = source[i * channels + channel]``. Real-time: safe."""
    for i in range(frames):
        row[i] = source[i * channels + channel]
