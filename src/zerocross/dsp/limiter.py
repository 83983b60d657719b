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

from zerocross.compiler import float32_array, float32_rows, int64_array, kernel
from zerocross.dsp.between import BETWEEN_LATE, BETWEEN_PAST, MOST_HIDDEN, peaks_between
from zerocross.dsp.state import State, check_channels
from zerocross.errors import UsageError
from zerocross.memory import aligned_zeros, layout
from zerocross.units import checked_number

__all__ = ["LIMITER", "limit", "make_limiter"]

_ONE = 1 << 30
_BLOCK = 1024
_LANES = 16

#: A limiter: its settings, the frames on their way (the next goes to ``place``), the candidates of
#: the sliding minimum of ``span`` frames (from ``head`` on, ``count`` of them, in a circle) with the
#: frames that they belong to, and the gains in the average with their sum. The last gain is
#: ``held``. Of a block there are its frames with those before it, and the peaks of all channels.
LIMITER = layout(
    setup=[
        "channels",
        "lookahead",
        "latency_frames",
        "span",
        "true_peak",
        ("scale", "f8"),
        ("ceiling", "f8"),
        ("knee", "f8"),
        ("release", "f8"),
    ],
    audio=[
        "delay",
        "candidates",
        "candidate_frames",
        "averaged",
        "now",
        "slot",
        "place",
        "head",
        "count",
        "total",
        "held",
        "recent",
        "peaks",
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
    frames = max(1, round(lookahead_s * rate))
    late = BETWEEN_LATE if true_peak else 0
    span = frames + 1 if true_peak else frames  # a peak between two frames is of both
    averaged = aligned_zeros(frames, np.int64)
    averaged[:] = _ONE
    return State(
        LIMITER,
        channels=channels,
        lookahead=frames,
        latency_frames=frames - 1 + late,
        span=span,
        true_peak=bool(true_peak),
        scale=MOST_HIDDEN if true_peak else 1.0,
        ceiling=ceiling,
        knee=knee * ceiling,
        release=math.exp(-1 / (release_s * rate)),
        delay=aligned_zeros((channels, frames + late)),
        candidates=aligned_zeros(span, np.int64),
        candidate_frames=aligned_zeros(span, np.int64),
        averaged=averaged,
        total=frames * _ONE,
        held=_ONE,
        recent=aligned_zeros((channels, BETWEEN_PAST + _BLOCK + _LANES)),
        peaks=aligned_zeros(_BLOCK + _LANES),
    )


@kernel
def _wanted_gain(peak: Any, ceiling: Any, knee: Any) -> Any:
    """Return the gain that a magnitude needs: 1 below the knee, then bending to the ceiling."""
    if not peak > knee:
        return 1.0
    room = ceiling - knee
    return (knee + room * (1.0 - math.exp(-(peak - knee) / room))) / peak


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
def _sample_peaks(rows: Any, at: Any, frames: Any, peaks: Any) -> None:
    """Write each frame's largest magnitude; what is not finite becomes 0."""
    for i in range(frames):
        peak = np.float32(0.0)
        for c in range(rows.shape[0]):
            if rows[c, at + i] - rows[c, at + i] != np.float32(0.0):
                rows[c, at + i] = np.float32(0.0)
            peak = max(peak, abs(rows[c, at + i]))
        peaks[i] = peak


@kernel
def _true_peaks(recent: Any, rows: Any, at: Any, frames: Any, peaks: Any) -> None:
    """Write the largest magnitude from the frame `BETWEEN_LATE` before each on to its next."""
    for i in range(frames):
        peaks[i] = np.float32(0.0)
    for c in range(rows.shape[0]):
        row = recent[c]
        for i in range(frames):
            row[BETWEEN_PAST + i] = rows[c, at + i]
        peaks_between(row, frames, peaks)
        for i in range(BETWEEN_PAST):
            row[i] = row[frames + i]


@kernel
def _turn_down(state: Any, rows: Any, at: Any, frames: Any, peaks: Any) -> None:
    """Take frames in with their peaks, and give those that are due for them."""
    length, late = state.lookahead, state.latency_frames + 1
    ceiling, knee, release, scale = state.ceiling, state.knee, state.release, state.scale
    delay = float32_rows(state.delay, state.channels, late)
    averaged = int64_array(state.averaged, length)
    candidates = int64_array(state.candidates, state.span)
    candidate_frames = int64_array(state.candidate_frames, state.span)
    now, slot, place = state.now, state.slot, state.place
    head, count, total, held = state.head, state.count, state.total, state.held
    for i in range(frames):
        peak = scale * np.float64(peaks[i])
        wanted = np.int64(math.floor(_wanted_gain(peak, ceiling, knee) * _ONE))
        head, count = _take_in(candidates, candidate_frames, now, head, count, wanted)
        risen = _ONE - np.int64(math.ceil((_ONE - held) * release))
        held = min(candidates[head], risen)
        total += held - averaged[slot]
        averaged[slot] = held
        slot = _wrapped(slot + 1, length)
        gain = np.float64(total) / (np.float64(length) * _ONE)
        oldest = _wrapped(place + 1, late)
        for c in range(rows.shape[0]):
            delay[c, place] = rows[c, at + i]
            rows[c, at + i] = np.float32(gain * np.float64(delay[c, oldest]))
        place = oldest
        now += 1
    state.now, state.slot, state.place = now, slot, place
    state.head, state.count, state.total, state.held = head, count, total, held


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
    recent = float32_rows(state.recent, state.channels, BETWEEN_PAST + _BLOCK + _LANES)
    peaks = float32_array(state.peaks, _BLOCK + _LANES)
    done = 0
    while done < frames:
        count = min(frames - done, _BLOCK)
        _sample_peaks(rows, done, count, peaks)
        if state.true_peak != 0:
            _true_peaks(recent, rows, done, count, peaks)
        _turn_down(state, rows, done, count, peaks)
        done += count
