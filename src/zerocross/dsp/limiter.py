"""A soft limiter that looks ahead: peaks are met by a gain that was already on its way down.

For every frame a wanted gain follows from its largest magnitude and a soft knee. The
smallest wanted gain of the next ``lookahead`` frames is taken (a sliding minimum), may rise
again only at the release's rate, and is smoothed by a moving average as long as the
look-ahead. Every value in that average is at most the gain that the frame needs, so no
sample comes out above the ceiling. Gains are averaged as integers, exactly, which makes the
result independent of how the signal is cut into blocks.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from zerocross.compiler import float32_rows, int64_array, kernel
from zerocross.dsp.state import State, check_channels
from zerocross.errors import UsageError
from zerocross.memory import aligned_zeros, layout
from zerocross.units import checked_number

__all__ = ["LIMITER", "limit", "make_limiter"]

_ONE = 1 << 30

#: A limiter: its settings, the frames on their way, the candidates of the sliding minimum (from
#: ``head`` on, ``count`` of them, in a circle) with the frames that they belong to, and the gains
#: in the average with their sum. The last gain is ``held``.
LIMITER = layout(
    setup=[
        "channels",
        "lookahead",
        "latency_frames",
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
        "head",
        "count",
        "total",
        "held",
    ],
)


def make_limiter(
    channels: int,
    sample_rate: float,
    ceiling: float = 1.0,
    knee: float = 0.9,
    lookahead_s: float = 0.005,
    release_s: float = 0.1,
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
        Share of the ceiling at which limiting begins, from 0 to below 1.
    lookahead_s, release_s : float
        In seconds, more than 0.

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
    averaged = aligned_zeros(frames, np.int64)
    averaged[:] = _ONE
    return State(
        LIMITER,
        channels=channels,
        lookahead=frames,
        latency_frames=frames - 1,
        ceiling=ceiling,
        knee=knee * ceiling,
        release=math.exp(-1 / (release_s * rate)),
        delay=aligned_zeros((channels, frames)),
        candidates=aligned_zeros(frames, np.int64),
        candidate_frames=aligned_zeros(frames, np.int64),
        averaged=averaged,
        total=frames * _ONE,
        held=_ONE,
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
def _peak_at(rows: Any, i: Any) -> Any:
    """Return a frame's largest magnitude; what is not finite becomes 0."""
    peak = 0.0
    for c in range(rows.shape[0]):
        if rows[c, i] - rows[c, i] != np.float32(0.0):
            rows[c, i] = np.float32(0.0)
        peak = max(peak, abs(np.float64(rows[c, i])))
    return peak


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
    length = state.lookahead
    ceiling, knee, release = state.ceiling, state.knee, state.release
    delay = float32_rows(state.delay, state.channels, length)
    averaged = int64_array(state.averaged, length)
    candidates = int64_array(state.candidates, length)
    candidate_frames = int64_array(state.candidate_frames, length)
    now, slot, head, count = state.now, state.slot, state.head, state.count
    total, held = state.total, state.held
    for i in range(frames):
        wanted = np.int64(math.floor(_wanted_gain(_peak_at(rows, i), ceiling, knee) * _ONE))
        head, count = _take_in(candidates, candidate_frames, now, head, count, wanted)
        risen = _ONE - np.int64(math.ceil((_ONE - held) * release))
        held = min(candidates[head], risen)
        total += held - averaged[slot]
        averaged[slot] = held
        gain = np.float64(total) / (np.float64(length) * _ONE)
        oldest = _wrapped(slot + 1, length)
        for c in range(rows.shape[0]):
            delay[c, slot] = rows[c, i]
            rows[c, i] = np.float32(gain * np.float64(delay[c, oldest]))
        slot = oldest
        now += 1
    state.now, state.slot, state.head, state.count = now, slot, head, count
    state.total, state.held = total, held
