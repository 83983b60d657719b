"""Peaks of samples, and between them: true peaks as ITU-R BS.1770-5, Annex 2, asks for them.

Four values a frame are made in two steps. Half-way between two samples a windowed sinc is summed
(its taps by the sample rate: what is heard lies lower in a high one); of samples and halves, which
are a signal with nothing in its upper half, eight taps make the quarters. Through each three
neighbours then goes a parabola, whose vertex is what lies between them: the grid of four alone can
read a tone near half the sample rate 0.69 dB low (BS.1770-5, Annex 2, Attachment 1), not with it.

A peak is a maximum, so what cannot hold it is passed over: the taps bound by how much anything
between samples exceeds them. The result is the same to the bit; softer passages cost little.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.compiler import float32_array, float32_rows, kernel
from zerocross.compiler.primitives.vector import (
    absolute,
    f32x16,
    load,
    load_first,
    max_lanes,
    maximum,
    minimum,
    multiply_add,
    select,
    splat,
    store,
    store_first,
)
from zerocross.dsp.state import State, check_channels
from zerocross.dsp.window import kaiser_sinc
from zerocross.memory import aligned_zeros, layout
from zerocross.units import checked_whole

__all__ = ["REACH", "TRUE_PEAK", "design_halfway", "make_true_peak", "rest_true_peak", "true_peak"]

_MOST_TAPS = 24
#: Filters by the lowest sample rate that they are for: taps on each side, Kaiser's beta. Each beta
#: is that of the least error up to 0.3, 0.39 and 0.465 of the sample rate: 0.033, 0.021, 0.028 dB.
_FILTERS = ((160_000, 4, 4.9), (80_000, 8, 5.45), (0, _MOST_TAPS, 5.2))


def design_halfway(taps: int, beta: float) -> npt.NDArray[np.float32]:
    """Return half of a symmetric filter that interpolates half-way between samples.

    Parameters
    ----------
    taps : int
        On each side.
    beta : float
        Of the Kaiser window over the sinc (J. F. Kaiser, 1974).

    Returns
    -------
    ndarray, shape (taps,), float32
        For the samples at distances of 0.5, 1.5, ...; both sides add up to about 1.

    """
    found = aligned_zeros(taps)
    found[:] = kaiser_sinc(np.arange(taps) + 0.5, taps, beta)
    return found


#: The second step's: its signal ends at a quarter of its rate. The error is 0.012 dB at most.
_QUARTERS = design_halfway(4, 6.3)
_Q0, _Q1, _Q2, _Q3 = (np.float32(tap) for tap in _QUARTERS)
#: By how much a signal exceeds its values at four times the sample rate at most: so may a vertex.
_VERTEX = np.float32(1.0 / math.cos(math.pi / 8))
_ROUNDING = 1.0001
#: Frames on either side of one that decide on what lies after it.
REACH = _MOST_TAPS + 3
_HISTORY = 64
_BLOCK = 4096
_GROUP = 240
_SCRATCH = _GROUP + 32

#: The highest peaks so far, the last samples of each channel before those of a block, and space for
#: what lies between those of a group. What ``bound`` times the samples does not reach needs no look.
TRUE_PEAK = layout(
    setup=["channels", "half", "taps", ("bound", "f8")],
    audio=["recent", "between", ("true_peak", "f8"), ("sample_peak", "f8")],
)


def make_true_peak(channels: int, sample_rate: int = 48_000) -> State:
    """Return a `TRUE_PEAK` that has heard nothing.

    Parameters
    ----------
    channels : int
        Of the signal.
    sample_rate : int
        In Hz; from 80 and 160 kHz on the filter is shorter.

    """
    channels = check_channels(channels)
    sample_rate = checked_whole("sample_rate", sample_rate, 1, 1 << 30, "Hz")
    half, beta = next(row[1:] for row in _FILTERS if sample_rate >= row[0])
    side = design_halfway(half, beta)
    taps = aligned_zeros(2 * half)
    taps[:half], taps[half:] = side[::-1], side
    return State(
        TRUE_PEAK,
        channels=channels,
        half=half,
        taps=taps,
        bound=_bound(side),
        recent=aligned_zeros((channels, _HISTORY + _BLOCK + 64)),
        between=aligned_zeros((3, _SCRATCH)),
    )


def _bound(halves: npt.NDArray[np.float32]) -> float:
    """Return by how much at most a peak exceeds the samples that it lies between."""
    whole = np.array([1.0])
    for side in (halves.astype(np.float64), _QUARTERS.astype(np.float64)):
        step = np.zeros(4 * len(side) - 1)  # at twice the rate: what is there stays as it is
        step[::2] = np.concatenate([side[::-1], side])
        step[2 * len(side) - 1] = 1.0
        whole = np.convolve(np.kron(whole, [1.0, 0.0]), step)
    return float(_VERTEX * _ROUNDING * max(np.abs(whole[k::4]).sum() for k in range(4)))


@kernel
def _loudest(x: Any, start: Any, count: Any) -> Any:
    peak = splat(f32x16, np.float32(0.0))
    for i in range(0, count, 16):
        peak = maximum(absolute(load_first(f32x16, x, start + i, count - i)), peak)
    return max_lanes(peak)


@kernel
def _halves_of_few(x: Any, at: Any, taps: Any, out: Any, count: Any) -> None:
    """Write what lies half-way after frames ``at``, ``at + 1``, ...; up to 63 more than asked."""
    half = taps.size // 2
    for i in range(0, count, 32):
        low = splat(f32x16, np.float32(0.0))
        high = splat(f32x16, np.float32(0.0))
        for k in range(half):
            tap = splat(f32x16, taps[half + k])
            before, after = at + i - k, at + i + 1 + k
            low = multiply_add(tap, load(f32x16, x, before) + load(f32x16, x, after), low)
            before, after = before + 16, after + 16
            high = multiply_add(tap, load(f32x16, x, before) + load(f32x16, x, after), high)
        store(out, i, low)
        store(out, i + 16, high)


@kernel
def _halves_of_48(x: Any, at: Any, taps: Any, out: Any, count: Any) -> None:
    """Do the same with 48 taps: those 16 apart find each other's samples in one register."""
    for i in range(0, count, 64):
        a = splat(f32x16, np.float32(0.0))
        b = splat(f32x16, np.float32(0.0))
        c = splat(f32x16, np.float32(0.0))
        d = splat(f32x16, np.float32(0.0))
        for k in range(16):
            t0, t1 = splat(f32x16, taps[k]), splat(f32x16, taps[16 + k])
            t2, p = splat(f32x16, taps[32 + k]), at + i + k - 23
            x0, x1, x2 = load(f32x16, x, p), load(f32x16, x, p + 16), load(f32x16, x, p + 32)
            x3, x4, x5 = load(f32x16, x, p + 48), load(f32x16, x, p + 64), load(f32x16, x, p + 80)
            a = multiply_add(t0, x0, multiply_add(t1, x1, multiply_add(t2, x2, a)))
            b = multiply_add(t0, x1, multiply_add(t1, x2, multiply_add(t2, x3, b)))
            c = multiply_add(t0, x2, multiply_add(t1, x3, multiply_add(t2, x4, c)))
            d = multiply_add(t0, x3, multiply_add(t1, x4, multiply_add(t2, x5, d)))
        store(out, i, a)
        store(out, i + 16, b)
        store(out, i + 32, c)
        store(out, i + 48, d)


@kernel
def _quarters(x: Any, at: Any, halves: Any, first: Any, third: Any, count: Any) -> None:
    """Write a quarter and three quarters after frames ``at`` ...; halves begin 3 frames before."""
    q0, q1 = splat(f32x16, _Q0), splat(f32x16, _Q1)
    q2, q3 = splat(f32x16, _Q2), splat(f32x16, _Q3)
    for i in range(0, count, 16):
        x0, x1 = load(f32x16, x, at + i - 1), load(f32x16, x, at + i)
        x2, x3 = load(f32x16, x, at + i + 1), load(f32x16, x, at + i + 2)
        h0, h1 = load(f32x16, halves, i + 1), load(f32x16, halves, i + 2)
        h2, h3 = load(f32x16, halves, i + 3), load(f32x16, halves, i + 4)
        h4 = load(f32x16, halves, i + 5)
        total = multiply_add(q3, h0 + x3, q2 * (x0 + h3))
        store(first, i, multiply_add(q0, x1 + h2, multiply_add(q1, h1 + x2, total)))
        total = multiply_add(q3, x0 + h4, q2 * (h1 + x3))
        store(third, i, multiply_add(q0, h2 + x2, multiply_add(q1, x1 + h3, total)))


@kernel
def _vertex(a: Any, b: Any, c: Any) -> Any:
    """Return the magnitude of a parabola's vertex through three values, if it is near ``b``."""
    slope, bend = c - a, b + b - a - c
    more = slope * (slope / bend) * np.float32(0.125)
    near = absolute(slope) < absolute(bend)
    found = absolute(b + select(near, more, splat(f32x16, np.float32(0.0))))
    return minimum(found, absolute(b) * _VERTEX)


@kernel
def _vertices(x: Any, at: Any, halves: Any, first: Any, third: Any, count: Any) -> Any:
    """Return the largest magnitude of all vertices of frames ``at`` ..."""
    peak = splat(f32x16, np.float32(0.0))
    for i in range(0, count, 16):
        left = count - i
        x0, x4 = load_first(f32x16, x, at + i, left), load_first(f32x16, x, at + i + 1, left)
        x1, x3 = load_first(f32x16, first, i + 1, left), load_first(f32x16, third, i + 1, left)
        x2, before = load_first(f32x16, halves, i + 4, left), load_first(f32x16, third, i, left)
        peak = maximum(_vertex(before, x0, x1), peak)
        peak = maximum(_vertex(x0, x1, x2), peak)
        peak = maximum(_vertex(x1, x2, x3), peak)
        peak = maximum(_vertex(x2, x3, x4), peak)
    return max_lanes(peak)


@kernel
def _look_between(state: Any, x: Any, at: Any, count: Any) -> None:
    """Let the true peak rise to what lies from frame ``at`` on, if that can be."""
    half = state.half
    margin = half + 3
    loudest = _loudest(x, at - margin, count + 2 * margin)
    if np.float64(loudest) * state.bound <= state.true_peak:
        return
    between = float32_rows(state.between, 3, _SCRATCH)
    halves, first, third = between[0], between[1], between[2]
    taps = float32_array(state.taps, 2 * half)
    if half == _MOST_TAPS:
        _halves_of_48(x, at - 4, taps, halves, count + 7)
    else:
        _halves_of_few(x, at - 4, taps, halves, count + 7)
    _quarters(x, at - 1, halves, first, third, count + 1)
    found = max(_loudest(x, at, count), _loudest(halves, 4, count))
    found = max(found, _loudest(first, 1, count), _loudest(third, 1, count))
    if np.float64(found) * (_VERTEX * _ROUNDING) > state.true_peak:
        found = max(found, _vertices(x, at, halves, first, third, count))
    state.true_peak = max(state.true_peak, np.float64(found))


@kernel
def _take_row(state: Any, recent: Any, row: Any, frames: Any) -> None:
    for i in range(0, frames, 16):
        left = frames - i
        store_first(recent, _HISTORY + i, load_first(f32x16, row, i, left), left)
    loudest = _loudest(recent, _HISTORY, frames)
    state.sample_peak = max(state.sample_peak, np.float64(loudest))
    start = _HISTORY - REACH  # what lies later needs frames that are still to come
    for done in range(0, frames, _GROUP):
        _look_between(state, recent, start + done, min(frames - done, _GROUP))
    for i in range(0, _HISTORY, 16):
        store(recent, i, load(f32x16, recent, frames + i))


@kernel
def rest_true_peak(state: Any) -> None:
    """Forget the last samples, as if silence were before what comes; peaks stay. Real-time: safe."""
    recent = float32_rows(state.recent, state.channels, _HISTORY + _BLOCK + 64)
    for c in range(state.channels):
        for i in range(_HISTORY):
            recent[c, i] = np.float32(0.0)


@kernel
def true_peak(state: Any, rows: Any, frames: Any) -> None:
    """Let ``true_peak`` and ``sample_peak`` of the state rise to what is found in a block.

    Parameters
    ----------
    state : record
        A `TRUE_PEAK`, from `make_true_peak`; its peaks are linear. ``true_peak`` is that of all but
        the last 27 frames, whose surroundings are still to come: silence after the end brings it.
    rows : array, shape (channels, at least frames), float32
        Finite.
    frames : int
        How many.

    Notes
    -----
    Real-time: safe. Any split into blocks gives the same bits.

    """
    recent = float32_rows(state.recent, state.channels, _HISTORY + _BLOCK + 64)
    for c in range(state.channels):
        done = 0
        while done < frames:
            count = min(frames - done, _BLOCK)
            _take_row(state, recent[c], rows[c][done:], count)
            done += count
