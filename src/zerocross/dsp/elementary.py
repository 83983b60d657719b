"""Elementary functions for kernels: what `math` lacks, and audio's own.

``math.sin`` and its kin need no import from here: in kernels they are ours already. All take
numbers, and loops of them become vectors; of float32 they give float32, of
integers float64.

Real-time: all safe.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from zerocross.compiler import kernel
from zerocross.compiler.primitives.elementary import (
    cbrt,
    exp10,
    fast_cos,
    fast_exp2,
    fast_log2,
    fast_sin,
    fast_tanh,
    fmod,
    rsqrt,
)
from zerocross.dsp.decibels import db_to_gain, gain_to_db

__all__ = [
    "cbrt",
    "db_to_gain",
    "equal_power",
    "exp10",
    "fast_cos",
    "fast_exp2",
    "fast_log2",
    "fast_sin",
    "fast_tanh",
    "fmod",
    "gain_to_db",
    "midi_to_hz",
    "powi",
    "rsqrt",
    "sincos",
    "soft_clip_arctan",
    "soft_clip_cubic",
    "soft_clip_tanh",
]


@kernel
def sincos(x: Any) -> Any:
    """Return sine and cosine of an angle in radians."""
    return math.sin(x), math.cos(x)


@kernel
def powi(x: Any, n: int) -> Any:
    """Return a number to the power of an integer, by repeated squaring (D. Knuth, 1969).

    Each product is rounded: within ``abs(n)`` ulp, n from -2^63 + 1 to 2^63 - 1.
    """
    square = x / np.float32(1.0)  # of an integer a float64
    left, one = abs(n), type(square)(1.0)
    found = one
    while left > 0:
        if left & 1:
            found = found * square
        square = square * square
        left >>= 1
    return one / found if n < 0 else found


@kernel
def midi_to_hz(note: Any) -> Any:
    """Return the frequency of a MIDI note number in Hz: 69 is 440 Hz, 12 notes are an octave."""
    return np.float32(440.0) * math.exp2((note - np.float32(69.0)) / np.float32(12.0))


@kernel
def equal_power(share: Any) -> Any:
    """Return the gains of what goes and what comes: cosine and sine of a quarter turn.

    For a share from 0 to 1; the squares of both add up to 1.
    """
    whole = share / np.float32(1.0)  # of an integer a float64
    angle = whole * type(whole)(0.5 * math.pi)
    return math.cos(angle), math.sin(angle)


@kernel
def soft_clip_tanh(x: Any) -> Any:
    """Return ``tanh(x)``: slope 1 at 0, never above 1."""
    return math.tanh(x)


@kernel
def soft_clip_cubic(x: Any) -> Any:
    """Return ``(3 x - x**3) / 2`` within -1 and 1, and the sign beyond: slope 1.5 at 0."""
    y = x / np.float32(1.0)  # of an integer a float64
    within = min(type(y)(1.0), max(type(y)(-1.0), y))
    return within * (type(y)(1.5) - type(y)(0.5) * within * within)


@kernel
def soft_clip_arctan(x: Any) -> Any:
    """Return ``2 / pi * atan(pi / 2 * x)``: slope 1 at 0, never above 1."""
    y = x / np.float32(1.0)  # of an integer a float64
    return type(y)(2.0 / math.pi) * math.atan(type(y)(0.5 * math.pi) * y)
