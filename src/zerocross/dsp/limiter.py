"""A soft limiter that looks ahead: peaks are met by a gain that was already on its way down.

For every frame a wanted gain follows from its largest magnitude and a soft knee. The
smallest wanted gain of the next ``lookahead`` frames is taken (a sliding minimum), may rise
again only at the release's rate, and is smoothed by a moving average as long as the
look-ahead. Every value in that average is at most the gain that the frame needs, so no
sample comes out above the ceiling. Gains are averaged as integers, exactly, which makes the
result independent of how the signal is cut into blocks.

Between samples a signal can be louder than at them, and a converter or a coder meets that. With
``true_peak`` the magnitudes are those of the signal twelve times as dense (`dsp.between`), and each
counts for the frames before and after it: what lies between samples is held below the ceiling too.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from zerocross.compiler import float32_array, float32_rows, float64_array, int64_array, kernel
from zerocross.compiler.primitives.vector import (
    absolute,
    f32x16,
    load,
    load_first,
    max_lanes,
    maximum,
    select,
    splat,
    store,
)
from zerocross.dsp.between import BETWEEN_LATE, BETWEEN_PAST, MOST_HIDDEN, peaks_between
from zerocross.dsp.state import State, check_channels
from zerocross.errors import UsageError
from zerocross.memory import aligned_zeros, layout
from zerocross.units import checked_flag, checked_number

__all__ = ["LIMITER", "limit", "make_limiter"]

_ONE = 1 << 30
_BLOCK = 1024
_LANES = 16

#: A limiter: its settings, of each channel the last ``past`` frames with space for a block, the
#: candidates of the sliding minimum of ``span`` frames (from ``head`` on, ``count`` of them, in a
#: circle) with the frames that they belong to, and the gains in the average with their sum. The last
#: gain is ``held``. Of a block there are the peaks and the gains.
LIMITER = layout(
    setup=[
        "channels",
        "lookahead",
        "latency_frames",
        "past",
        "span",
        "true_peak",
        ("scale", "f8"),
        ("ceiling", "f8"),
        ("knee", "f8"),
        ("release", "f8"),
    ],
    audio=[
        "recent",
        "candidates",
        "candidate_frames",
        "averaged",
        "now",
        "slot",
        "head",
        "count",
        "total",
        "held",
        "peaks",
        "gains",
    ],
)


def make_limiter(
    channels: int,
    sample_rate: float,
    ceiling: float = 1.0,
    knee: float = 0.9,
    lookahead_s: float = 0.005,
    release_s: float = 0.1,
    true_peak: bool = False,
) -> State:
    """Return a limiter at rest.

    Parameters
    ----------
    channels : int
        All share one gain.
    sample_rate : float
        In Hz.
    ceiling : float
        No sample comes out above it, linear.
    knee : float
        Share of the ceiling at which limiting begins, from 0 to below 1. A magnitude ``p`` above
        ``k = knee * ceiling`` comes out as ``k + r (1 - exp(-(p - k) / r))`` with ``r = ceiling -
        k``: with 0.9 what is at the ceiling comes out 0.33 dB below it. 0.999 is as good as no knee.
    lookahead_s, release_s : float
        In seconds, more than 0.
    true_peak : bool
        Hold what lies between samples below the ceiling too, of signals below 0.45 of the sample
        rate; the error of the interpolation is 0.04 dB. It looks ahead by 16 frames more, and
        comes out up to 0.1 dB below what the ceiling would allow.

    Returns
    -------
    State
        A `LIMITER`, for `limit`; ``latency_frames`` says by how many frames the output lags.

    """
    channels = check_channels(channels)
    rate = checked_number("sample_rate", sample_rate, 1.0, 10e6, "Hz")
    for name, value in (("ceiling", ceiling), ("knee", knee)):
        checked_number(name, value)
    for name, value in (("lookahead_s", lookahead_s), ("release_s", release_s)):
        checked_number(name, value, most=60.0, unit="s")
    if not (ceiling > 0 and 0 <= knee < 1 and lookahead_s > 0 and release_s > 0 and channels > 0):
        raise UsageError(
            f"a limiter of {channels} channels with ceiling {ceiling}, knee {knee}, lookahead "
            f"{lookahead_s} s and release {release_s} s: give a ceiling above 0, a knee from 0 to "
            "below 1, times above 0 and a channel"
        )
    true_peak = checked_flag("true_peak", true_peak)
    frames = max(1, round(lookahead_s * rate))
    latency = frames - 1 + (BETWEEN_LATE if true_peak else 0)
    past = max(latency, BETWEEN_PAST)
    span = frames + 1 if true_peak else frames  # a peak between two frames is of both
    averaged = aligned_zeros(frames, np.int64)
    averaged[:] = _ONE
    return State(
        LIMITER,
        channels=channels,
        lookahead=frames,
        latency_frames=latency,
        past=past,
        span=span,
        true_peak=true_peak,
        scale=MOST_HIDDEN if true_peak else 1.0,
        ceiling=ceiling,
        knee=knee * ceiling,
        release=math.exp(-1 / (release_s * rate)),
        recent=aligned_zeros((channels, past + _BLOCK + _LANES)),
        candidates=aligned_zeros(span, np.int64),
        candidate_frames=aligned_zeros(span, np.int64),
        averaged=averaged,
        total=frames * _ONE,
        held=_ONE,
        peaks=aligned_zeros(_BLOCK + _LANES),
        gains=aligned_zeros(_BLOCK, np.float64),
    )


@kernel
def _find_wanted(state: Any, frames: Any, peaks: Any, wanted: Any) -> None:
    """Write the gains that magnitudes need, as whole numbers: 1 below the knee, then bending to the ceiling."""
    scale, knee, room = state.scale, state.knee, state.ceiling - state.knee
    largest = splat(f32x16, np.float32(0.0))
    for i in range(0, frames, _LANES):  # what is behind the last frame costs time at most
        largest = maximum(largest, load(f32x16, peaks, i))
    if not scale * np.float64(max_lanes(largest)) > knee:
        for i in range(frames):
            wanted[i] = _ONE
        return
    for i in range(frames):  # no branch in it: vectors
        peak = scale * np.float64(peaks[i])
        bent = (knee + room * (1.0 - math.exp(-(peak - knee) / room))) / peak
        wanted[i] = math.floor((bent if peak > knee else 1.0) * _ONE)


@kernel
def _wrapped(index: Any, length: Any) -> Any:
    """Return an index below twice the length as one below it: a division would cost 20 cycles."""
    return index - length if index >= length else index


@kernel
def _take_in(values: Any, frames: Any, now: Any, head: Any, count: Any, wanted: Any) -> Any:
    """Take a frame's wanted gain in; return head and count of the candidates.

    They rise from the head on, so the smallest of the last ``lookahead`` gains is at the head.
    """
    length = values.size
    if count > 0 and frames[head] <= now - length:
        head = _wrapped(head + 1, length)
        count -= 1
    while count > 0 and values[_wrapped(head + count - 1, length)] >= wanted:
        count -= 1
    place = _wrapped(head + count, length)
    values[place] = wanted
    frames[place] = now
    return head, count + 1


@kernel
def _take_row(row: Any, at: Any, recent: Any, past: Any, frames: Any, peaks: Any) -> None:
    """Put frames after those of the past, what is not finite as 0; peaks rise to their magnitudes."""
    zero, endless = splat(f32x16, np.float32(0.0)), splat(f32x16, np.float32(math.inf))
    for i in range(0, frames, _LANES):
        x = load_first(f32x16, row, at + i, frames - i)
        x = select(absolute(x) < endless, x, zero)
        store(recent, past + i, x)
        store(peaks, i, maximum(absolute(x), load(f32x16, peaks, i)))


@kernel
def _find_gains(state: Any, frames: Any, peaks: Any, gains: Any) -> None:
    """Take the peaks of frames in, and write the gains of those that are due for them."""
    length, release = state.lookahead, state.release
    averaged = int64_array(state.averaged, length)
    candidates = int64_array(state.candidates, state.span)
    candidate_frames = int64_array(state.candidate_frames, state.span)
    now, slot, head, count = state.now, state.slot, state.head, state.count
    total, held = state.total, state.held
    # In float64, where it is exact too: each turn waits for the one before, and conversions take long.
    lost = np.float64(_ONE - held)
    _find_wanted(state, frames, peaks, gains)
    for i in range(frames):
        wanted = np.int64(gains[i])
        head, count = _take_in(candidates, candidate_frames, now, head, count, wanted)
        least = np.float64(_ONE - candidates[head])
        lost = max(least, np.ceil(lost * release))
        held = _ONE - np.int64(lost)
        total += held - averaged[slot]
        averaged[slot] = held
        slot = _wrapped(slot + 1, length)
        gains[i] = np.float64(total) / (np.float64(length) * _ONE)
        now += 1
    state.now, state.slot, state.head, state.count = now, slot, head, count
    state.total, state.held = total, held


@kernel
def _give_row(row: Any, at: Any, recent: Any, first: Any, frames: Any, gains: Any) -> None:
    """Give the frames that are due, from ``first`` on, times their gains."""
    for i in range(frames):
        row[at + i] = np.float32(gains[i] * np.float64(recent[first + i]))


@kernel
def _limit_block(state: Any, rows: Any, at: Any, frames: Any) -> None:
    past = state.past
    recent = float32_rows(state.recent, state.channels, past + _BLOCK + _LANES)
    peaks = float32_array(state.peaks, _BLOCK + _LANES)
    gains = float64_array(state.gains, _BLOCK)
    for i in range(0, frames, _LANES):
        store(peaks, i, splat(f32x16, np.float32(0.0)))
    for c in range(rows.shape[0]):
        _take_row(rows[c], at, recent[c], past, frames, peaks)
    if state.true_peak != 0:
        for i in range(0, frames, _LANES):
            store(peaks, i, splat(f32x16, np.float32(0.0)))
        for c in range(rows.shape[0]):
            peaks_between(recent[c][past - BETWEEN_PAST :], frames, peaks)
    _find_gains(state, frames, peaks, gains)
    for c in range(rows.shape[0]):
        row = recent[c]
        _give_row(rows[c], at, row, past - state.latency_frames, frames, gains)
        for i in range(0, past, _LANES):
            store(row, i, load(f32x16, row, frames + i))


@kernel
def limit(state: Any, rows: Any, frames: Any) -> None:
    """Limit frames of all channels in place; they come out ``latency_frames`` later.

    Parameters
    ----------
    state : record
        A `LIMITER`, from `make_limiter`.
    rows : array, shape (channels, at least frames), float32
        Changed in place. NaN and infinities are taken as silence.
    frames : int
        How many.

    Notes
    -----
    Real-time: safe. Any split into blocks gives the same bits.

    """
    done = 0
    while done < frames:
        count = min(frames - done, _BLOCK)
        _limit_block(state, rows, done, count)
        done += count
