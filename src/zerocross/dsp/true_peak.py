"""Peaks of samples, and between them: true peaks of ITU-R BS.1770-4, Annex 2.

The signal is oversampled fourfold by the recommendation's interpolation filter.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from zerocross.compiler import float32_rows, kernel
from zerocross.compiler.primitives.vector import (
    absolute,
    f32x16,
    load_first,
    max_lanes,
    maximum,
    multiply_add,
    splat,
)
from zerocross.dsp.state import State, check_channels
from zerocross.memory import aligned_zeros, layout

__all__ = ["TRUE_PEAK", "make_true_peak", "true_peak"]

#: Interpolation filter of ITU-R BS.1770-4, Annex 2: four phases of twelve taps.
_PHASE_0 = (
    0.0017089843750,
    0.0109863281250,
    -0.0196533203125,
    0.0332031250000,
    -0.0594482421875,
    0.1373291015625,
    0.9721679687500,
    -0.1022949218750,
    0.0476074218750,
    -0.0266113281250,
    0.0148925781250,
    -0.0083007812500,
)
_PHASE_1 = (
    -0.0291748046875,
    0.0292968750000,
    -0.0517578125000,
    0.0891113281250,
    -0.1665039062500,
    0.4650878906250,
    0.7797851562500,
    -0.2003173828125,
    0.1015625000000,
    -0.0582275390625,
    0.0330810546875,
    -0.0189208984375,
)
_TAPS = np.array([_PHASE_0, _PHASE_1, _PHASE_1[::-1], _PHASE_0[::-1]], np.float32)
_HISTORY = 12
_BLOCK = 4096

#: The highest peaks so far, and the last samples of each channel before those of a block.
TRUE_PEAK = layout(setup=["channels"], audio=["recent", ("true_peak", "f8"), ("sample_peak", "f8")])


def make_true_peak(channels: int) -> State:
    """Return a `TRUE_PEAK` that has heard nothing."""
    channels = check_channels(channels)
    return State(TRUE_PEAK, channels=channels, recent=aligned_zeros((channels, _HISTORY + _BLOCK)))


@kernel
def _between(x: Any, frames: Any) -> Any:
    """Return the largest magnitude between samples; x begins with twelve of the past."""
    peak = splat(f32x16, np.float32(0.0))
    for i in range(0, frames, 16):
        left = frames - i
        for phase in range(4):
            total = splat(f32x16, np.float32(0.0))
            for k in range(12):
                tap = splat(f32x16, _TAPS[phase, k])
                total = multiply_add(tap, load_first(f32x16, x, _HISTORY + i - k, left), total)
            peak = maximum(absolute(total), peak)
    return max_lanes(peak)


@kernel
def _take_row(state: Any, recent: Any, row: Any, frames: Any) -> None:
    loudest = np.float32(0.0)
    for i in range(frames):
        recent[_HISTORY + i] = row[i]
        loudest = max(loudest, abs(row[i]))
    state.sample_peak = max(state.sample_peak, np.float64(loudest))
    state.true_peak = max(state.true_peak, np.float64(_between(recent, frames)))
    for i in range(_HISTORY):
        recent[i] = recent[frames + i]


@kernel
def true_peak(state: Any, rows: Any, frames: Any) -> None:
    """Let ``true_peak`` and ``sample_peak`` of the state rise to what is found in a block.

    Parameters
    ----------
    state : record
        A `TRUE_PEAK`, from `make_true_peak`; its peaks are linear.
    rows : array, shape (channels, at least frames), float32
        Finite.
    frames : int
        How many.

    Notes
    -----
    Real-time: safe. Any split into blocks gives the same bits.

    """
    recent = float32_rows(state.recent, state.channels, _HISTORY + _BLOCK)
    for c in range(state.channels):
        done = 0
        while done < frames:
            count = min(frames - done, _BLOCK)
            _take_row(state, recent[c], rows[c][done:], count)
            done += count
