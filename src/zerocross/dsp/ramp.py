"""Gain that moves without a click: a straight line from one value to another.

A ramp is a record (`RAMP`) of two values, a length and a position. The gain of a frame
depends on its position alone, so any split of the input into blocks gives the same bits;
at rest a ramp is exactly its end value, so a gain of 1 leaves samples untouched.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from zerocross.compiler import kernel

__all__ = [
    "RAMP",
    "apply_equal_power_ramp",
    "apply_ramp",
    "ramp_is_at",
    "ramp_jump",
    "ramp_remaining",
    "ramp_to",
    "ramp_value",
]

RAMP = np.dtype([("start", "f8"), ("stop", "f8"), ("position", "i8"), ("length", "i8")])


@kernel
def ramp_value(ramp: Any, offset: Any) -> Any:
    """Return the gain of the frame ``offset`` frames from now."""
    position = ramp.position + offset
    if position >= ramp.length:
        return ramp.stop
    return ramp.start + (ramp.stop - ramp.start) * (position / ramp.length)


@kernel
def ramp_to(ramp: Any, target: Any, frames: Any) -> None:
    """Head for a gain, to be reached after a number of frames; nothing if already headed there.

    Real-time: safe. Turning round in the middle starts from the gain of the moment.
    """
    if target != ramp.stop:
        ramp.start = ramp_value(ramp, 0)
        ramp.stop = target
        ramp.position = 0
        ramp.length = frames


@kernel
def ramp_jump(ramp: Any, value: Any) -> None:
    """Be at a gain at once."""
    ramp.start = value
    ramp.stop = value
    ramp.position = 0
    ramp.length = 0


@kernel
def ramp_remaining(ramp: Any) -> Any:
    """Return how many frames are left until the ramp is at rest."""
    return max(0, ramp.length - ramp.position)


@kernel
def ramp_is_at(ramp: Any, value: Any) -> Any:
    """Return whether the ramp rests at a gain."""
    return ramp.stop == value and ramp.position >= ramp.length


@kernel
def apply_ramp(ramp: Any, rows: Any, first: Any, frames: Any) -> None:
    """Multiply frames of all channels by the ramp and move it on.

    Parameters
    ----------
    ramp : record
        Of dtype `RAMP`.
    rows : array, shape (channels, frames), float32
        Changed in place.
    first, frames : int
        The frames to multiply.

    Notes
    -----
    Real-time: safe.

    """
    moving = min(frames, ramp_remaining(ramp))
    for c in range(rows.shape[0]):
        for i in range(moving):
            rows[c, first + i] *= np.float32(ramp_value(ramp, i))
        gain = np.float32(ramp.stop)
        for i in range(moving, frames):
            rows[c, first + i] *= gain
    ramp.position = min(ramp.length, ramp.position + frames)


@kernel
def apply_equal_power_ramp(ramp: Any, rows: Any, first: Any, frames: Any) -> None:
    """Do as `apply_ramp` with the sine of a quarter turn in place of the straight line.

    Of two signals that do not correlate, one fading from 0 to 1 and one from 1 to 0 keep
    the power of their sum. Parameters as `apply_ramp`; the ramp's values are from 0 to 1.
    """
    moving = min(frames, ramp_remaining(ramp))
    for i in range(moving):
        gain = np.float32(math.sin(0.5 * math.pi * ramp_value(ramp, i)))
        for c in range(rows.shape[0]):
            rows[c, first + i] *= gain
    rest = np.float32(math.sin(0.5 * math.pi * ramp.stop))
    for c in range(rows.shape[0]):
        for i in range(moving, frames):
            rows[c, first + i] *= rest
    ramp.position = min(ramp.length, ramp.position + frames)
