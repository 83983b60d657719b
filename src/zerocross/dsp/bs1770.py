"""What loudness is measured by: ITU-R BS.1770-5's weighting, and energies of 100 ms.

Frames are K-weighted (a shelf and a high pass, designed for any sample rate from the analogue filters
behind the recommendation's 48 kHz coefficients) and their energy is added up in pieces of 100 ms.
What is read off the pieces is in `dsp.r128`. Peaks are those of `dsp.true_peak`.

Momentary loudness slides by the frame: the sums of a piece are kept as they grew, so the last 400 ms
are three whole pieces, what this one has so far, and what the fourth before had still to come. All
of it is sums of squares, and nothing is taken away from a total: no rounding piles up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.compiler import (
    float32_rows,
    float64_array,
    float64_rows,
    kernel,
    load_acquire,
    record_at,
    store_release,
)
from zerocross.compiler.primitives.vector import f64x8, load, max_lanes, maximum, splat
from zerocross.dsp.biquad import CASCADE, cascade, design_cascade, make_cascade
from zerocross.dsp.channels import MAX_PLACED, POSITIONS, WAV_ORDERS
from zerocross.dsp.state import State
from zerocross.dsp.true_peak import TRUE_PEAK, make_true_peak, true_peak
from zerocross.errors import UsageError
from zerocross.memory import aligned_zeros, layout
from zerocross.units import checked_flag, checked_whole, db_to_gain

__all__ = [
    "LOUDNESS",
    "MOST_PIECES",
    "LoudnessState",
    "design_k_weighting",
    "design_weights",
    "make_loudness",
    "measure_loudness",
]

_PIECE_S = 0.1
#: Pieces of momentary loudness, and those whose growth is kept: one more, the one being filled.
_WINDOW = 4
_GROWING = _WINDOW + 1
#: Pieces that are kept: 14 hours; then the oldest make room.
MOST_PIECES = 1 << 19
_BLOCK = 4096

#: A measurement: the weighting filter, the peaks (0 for none), space for a block, and the energies
#: of the pieces so far, with the sums of the piece that is being filled, how the sums of the last
#: pieces grew, and the mean energies of the last and of the loudest 400 ms.
LOUDNESS = layout(
    setup=["channels", "piece_frames", "weights", "filter", "peaks"],
    audio=[
        "weighted",
        "pieces",
        "count",
        "filled",
        ("sums", "f8", (MAX_PLACED,)),
        "growth",
        ("momentary", "f8"),
        ("momentary_max", "f8"),
    ],
)


def design_k_weighting(sample_rate: float) -> npt.NDArray[np.float64]:
    """Return the ``sos`` of the K weighting at a sample rate in Hz."""
    # The analogue shelf and high pass whose bilinear transforms at 48 kHz are those of the text.
    k = math.tan(math.pi * 1681.974450955533 / sample_rate)
    q, high = 0.7071752369554196, db_to_gain(3.999843853973347)
    middle = high**0.4996667741545416
    a0 = 1 + k / q + k * k
    shelf = [
        (high + middle * k / q + k * k) / a0,
        2 * (k * k - high) / a0,
        (high - middle * k / q + k * k) / a0,
        1.0,
        2 * (k * k - 1) / a0,
        (1 - k / q + k * k) / a0,
    ]
    k, q = math.tan(math.pi * 38.13547087602444 / sample_rate), 0.5003270373238773
    a0 = 1 + k / q + k * k
    high_pass = [1.0, -2.0, 1.0, 1.0, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0]
    return np.array([shelf, high_pass])


def design_weights(order: Sequence[str], dual_mono: bool = False) -> tuple[float, ...]:
    """Return what each channel's energy counts, by its azimuth: BS.1770-5, Annexes 1 and 3.

    Parameters
    ----------
    order : sequence of str
        Each channel's position, one of `channels.POSITIONS`.
    dual_mono : bool
        Whether mono counts twice, as the two channels that it is played by.

    Returns
    -------
    tuple of float
        1.41 for what is 60 to 120 degrees from the front, 0 for an LFE, 1 for the others.

    Raises
    ------
    UsageError
        For another position.

    """
    is_dual = checked_flag("dual_mono", dual_mono)
    if tuple(order) == ("mono",):
        return (2.0 if is_dual else 1.0,)
    strange = [name for name in order if name not in POSITIONS]
    if strange:
        raise UsageError(f"a channel at the {strange[0]}: give {', '.join(POSITIONS)}")
    return tuple(_weight(POSITIONS[name].azimuth) for name in order)


def _weight(azimuth: float | None) -> float:
    if azimuth is None:
        return 0.0
    return 1.41 if 60 <= abs(azimuth) <= 120 else 1.0


@kernel
def _add_energy(state: Any, rows: Any, first: Any, count: Any, growth: Any) -> None:
    """Add squares up one after the other, so that any split gives the same bits.

    Each sum waits for itself, so two channels are added up at a time. ``growth`` gets the weighted
    sum of all after each frame.
    """
    channels = state.channels
    weights = float64_array(state.weights, channels)
    for c in range(0, channels, 2):
        other = min(c + 1, channels - 1)
        left, right = rows[c], rows[other]
        a, b = state.sums[c], state.sums[other]
        first_weight, second_weight = weights[c], weights[other] if other > c else 0.0
        for i in range(count):
            x, y = np.float64(left[first + i]), np.float64(right[first + i])
            a += x * x
            b += y * y
            before = growth[i] if c > 0 else 0.0
            growth[i] = before + first_weight * a + second_weight * b
        state.sums[other] = b
        state.sums[c] = a


@kernel
def _slide(state: Any, growth: Any, start: Any, count: Any) -> None:
    """Move the window of 400 ms over frames of the piece that is being filled."""
    number, frames = state.count, state.piece_frames
    if number < _WINDOW:
        return
    now, oldest = growth[number % _GROWING], growth[(number + 1) % _GROWING]
    whole = 0.0
    for k in range(1, _WINDOW):
        whole += growth[(number - k) % _GROWING, frames - 1]
    all_of_oldest = oldest[frames - 1]
    eights = splat(f64x8, 0.0)
    end, rest = start + count, start + count - count % 8
    for i in range(start, rest, 8):
        to_come = splat(f64x8, all_of_oldest) - load(f64x8, oldest, i)
        eights = maximum(splat(f64x8, whole) + load(f64x8, now, i) + to_come, eights)
    highest = max_lanes(eights)
    for i in range(rest, end):
        highest = max(highest, whole + now[i] + (all_of_oldest - oldest[i]))
    energy = whole + now[end - 1] + (all_of_oldest - oldest[end - 1])
    state.momentary = energy / (_WINDOW * frames)
    state.momentary_max = max(state.momentary_max, highest / (_WINDOW * frames))


@kernel
def _end_piece(state: Any, growth: Any) -> None:
    pieces = float64_array(state.pieces, MOST_PIECES)
    number, frames = state.count, state.piece_frames
    pieces[number % MOST_PIECES] = growth[number % _GROWING, frames - 1] / frames
    if number + 1 == _WINDOW:  # the first whole window
        whole = 0.0
        for k in range(_WINDOW):
            whole += growth[k, frames - 1]
        state.momentary = state.momentary_max = whole / (_WINDOW * frames)
    for c in range(state.channels):
        state.sums[c] = 0.0
    state.filled = 0
    store_release(state, "count", load_acquire(state, "count") + 1)


@kernel
def measure_loudness(state: Any, rows: Any, frames: Any) -> None:
    """Measure planar frames.

    Parameters
    ----------
    state : record
        A `LOUDNESS`, from `make_loudness`.
    rows : array, shape (channels, at least frames), float32
        Finite.
    frames : int
        How many.

    Notes
    -----
    Real-time: safe. Any split into blocks gives the same bits.

    """
    if state.peaks != 0:
        true_peak(record_at(state.peaks, TRUE_PEAK), rows, frames)
    weighted = float32_rows(state.weighted, state.channels, _BLOCK)
    growth = float64_rows(state.growth, _GROWING, state.piece_frames)
    done = 0
    while done < frames:
        count = min(frames - done, _BLOCK)
        for c in range(state.channels):
            source = rows[c][done:]
            for i in range(count):
                weighted[c, i] = source[i]
        cascade(record_at(state.filter, CASCADE), weighted, count)
        at = 0
        while at < count:
            part = min(count - at, state.piece_frames - state.filled)
            growing = growth[state.count % _GROWING]
            _add_energy(state, weighted, at, part, growing[state.filled :])
            _slide(state, growth, state.filled, part)
            state.filled += part
            at += part
            if state.filled == state.piece_frames:
                _end_piece(state, growth)
        done += count


class LoudnessState(State):
    """A `LOUDNESS`, with its filter and its peaks.

    Attributes
    ----------
    filter : State
        The `CASCADE` of the weighting.
    peaks : State or None
        The `TRUE_PEAK`, where peaks are looked for.

    """

    filter: State
    peaks: State | None

    def reset(self) -> None:
        """Forget all that was heard; see `State.reset`."""
        super().reset()
        self.filter.reset()
        if self.peaks is not None:
            self.peaks.reset()


def make_loudness(
    sample_rate: int,
    channels: int,
    peaks: bool = True,
    order: Sequence[str] | None = None,
    dual_mono: bool = False,
) -> LoudnessState:
    """Return a measurement that has heard nothing; parameters as `r128.Loudness`.

    Raises
    ------
    UsageError
        For another number of channels or another rate, or an order that does not fit.

    """
    channels = checked_whole("channels", channels, -(1 << 62), 1 << 62)
    sample_rate = checked_whole("sample_rate", sample_rate, -(1 << 62), 1 << 62, "Hz")
    if channels not in WAV_ORDERS or not 8_000 <= sample_rate <= 768_000:
        raise UsageError(
            f"loudness of {channels} channels at {sample_rate} Hz: give 1 to {MAX_PLACED} "
            "channels and 8000 to 768000 Hz"
        )
    weights = design_weights(WAV_ORDERS[channels] if order is None else order, dual_mono)
    if len(weights) != channels:
        raise UsageError(f"an order of {len(weights)} channels for {channels}; give one for each")
    weighting = make_cascade(design_cascade(design_k_weighting(sample_rate)), channels)
    between = make_true_peak(channels, sample_rate) if checked_flag("peaks", peaks) else None
    piece_frames = round(_PIECE_S * sample_rate)
    made = LoudnessState(
        LOUDNESS,
        channels=channels,
        piece_frames=piece_frames,
        weights=np.array(weights),
        filter=weighting,
        peaks=0 if between is None else between,
        weighted=aligned_zeros((channels, _BLOCK)),
        pieces=aligned_zeros(MOST_PIECES, np.float64),
        growth=aligned_zeros((_GROWING, piece_frames), np.float64),
    )
    made.filter, made.peaks = weighting, between
    return made
