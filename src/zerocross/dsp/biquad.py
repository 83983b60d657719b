"""Pipelined cascades of second-order filters: any number of bands, any number of channels.

Eight bands run side by side as the lanes of one vector: while lane 0 filters sample n, lane
1 filters sample n-1 of lane 0's output, and so on, so that a step costs one shuffle and
five multiply-adds for all eight. Lanes that have no sample yet (at the start of a block) or
no more (at its end) keep their state, so a block comes out complete, without delay, and any
split into blocks gives the same bits. State and arithmetic are float64 (transposed direct
form II: Oppenheim & Schafer, Discrete-Time Signal Processing, section 6.3).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.compiler import float64_array, float64_rows, kernel
from zerocross.compiler.primitives.vector import (
    convert,
    f32x8,
    f64x8,
    lane,
    load,
    multiply_add,
    select,
    shuffle,
    splat,
    store,
)
from zerocross.dsp.state import State, check_channels, check_taps
from zerocross.errors import UsageError
from zerocross.memory import aligned_zeros, layout

__all__ = [
    "BANDS_IN_GROUP",
    "CASCADE",
    "MEMORY_OF_GROUP",
    "TAPS_OF_GROUP",
    "cascade",
    "cascade_in_float32",
    "design_cascade",
    "make_cascade",
    "rest_cascade",
]

#: Bands that run side by side.
BANDS_IN_GROUP = 8
#: Coefficients of a group, and numbers that each channel keeps of it.
TAPS_OF_GROUP, MEMORY_OF_GROUP = 5 * BANDS_IN_GROUP, 2 * BANDS_IN_GROUP
_LANES = np.arange(BANDS_IN_GROUP, dtype=np.float64)

#: A cascade: its coefficients, and what it keeps from block to block.
CASCADE = layout(setup=["channels", "groups", "taps"], audio=["memory"])


def design_cascade(sos: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return second-order sections in the order in which `cascade` reads them.

    Parameters
    ----------
    sos : array, shape (bands, 6)
        Rows ``b0 b1 b2 a0 a1 a2`` as in SciPy.

    Returns
    -------
    ndarray, shape (groups * 40,), float64
        ``b0 b1 b2 -a1 -a2`` of eight bands at a time, normalised by ``a0``; missing bands
        let everything pass.

    """
    rows = np.atleast_2d(np.asarray(sos, np.float64))
    if (
        rows.ndim != 2
        or rows.shape[1] != 6
        or np.any(rows[:, 3] == 0)
        or not np.all(np.isfinite(rows))
    ):
        raise UsageError(f"sos must be finite rows of b0 b1 b2 a0 a1 a2, not shape {rows.shape}")
    groups = max(1, -(-len(rows) // BANDS_IN_GROUP))
    packed = np.zeros((groups * BANDS_IN_GROUP, 5))
    packed[:, 0] = 1.0
    packed[: len(rows), :3] = rows[:, :3] / rows[:, 3:4]
    packed[: len(rows), 3:] = -rows[:, 4:] / rows[:, 3:4]
    out = aligned_zeros(packed.size, np.float64)
    out[:] = packed.reshape(groups, BANDS_IN_GROUP, 5).transpose(0, 2, 1).ravel()
    return out


def make_cascade(taps: npt.NDArray[np.float64], channels: int) -> State:
    """Return a cascade at rest.

    Parameters
    ----------
    taps : ndarray
        From `design_cascade`; kept, not copied.
    channels : int
        Of the signal.

    Returns
    -------
    State
        A `CASCADE`, for `cascade`.

    """
    check_taps(taps)
    channels = check_channels(channels)
    groups = taps.size // TAPS_OF_GROUP
    memory = aligned_zeros((channels, groups * MEMORY_OF_GROUP), np.float64)
    return State(CASCADE, channels=channels, groups=groups, taps=taps, memory=memory)


@kernel
def cascade(state: Any, rows: Any, frames: Any) -> None:
    """Filter frames of all channels in place.

    Parameters
    ----------
    state : record
        A `CASCADE`, from `make_cascade`; carried from block to block.
    rows : array, shape (channels, at least frames), float32
        Changed in place.
    frames : int
        How many.

    Notes
    -----
    Real-time: safe. Any split into blocks gives the same bits.

    """
    _filter_rows(f64x8, state, rows, frames)


@kernel
def rest_cascade(state: Any) -> None:
    """Go back to rest, as if silence were before what comes. Real-time: safe."""
    memory = float64_array(state.memory, state.channels * state.groups * MEMORY_OF_GROUP)
    for i in range(memory.size):
        memory[i] = 0.0


@kernel
def cascade_in_float32(state: Any, rows: Any, frames: Any) -> None:
    """Do `cascade` in float32: twice as many lanes in a register, coefficients and results rounded.

    For bands that are neither low nor narrow. Real-time: safe.
    """
    _filter_rows(f32x8, state, rows, frames)


@kernel
def _filter_rows(kind: Any, state: Any, rows: Any, frames: Any) -> None:
    """Filter by vectors of a kind; between blocks all is kept in float64, which loses nothing."""
    channels, groups = rows.shape[0], state.groups
    taps = float64_array(state.taps, groups * TAPS_OF_GROUP)
    memory = float64_rows(state.memory, channels, groups * MEMORY_OF_GROUP)
    for group in range(groups):
        mine = taps[group * TAPS_OF_GROUP : (group + 1) * TAPS_OF_GROUP]
        at = group * MEMORY_OF_GROUP
        for c in range(0, channels - 1, 2):
            _filter_pair(
                kind,
                rows[c],
                rows[c + 1],
                frames,
                mine,
                memory[c, at : at + MEMORY_OF_GROUP],
                memory[c + 1, at : at + MEMORY_OF_GROUP],
            )
        if channels % 2:
            last = channels - 1
            _filter_one(kind, rows[last], frames, mine, memory[last, at : at + MEMORY_OF_GROUP])


@kernel
def _taken(kind: Any, numbers: Any, at: Any) -> Any:
    """Load eight numbers as a vector of a kind."""
    return convert(kind, load(f64x8, numbers, at))


@kernel
def _advance(kind: Any, y: Any, sample: Any) -> Any:
    """Move every lane's output to the next lane, and a new sample into lane 0."""
    return shuffle(y, splat(kind, sample), (8, 0, 1, 2, 3, 4, 5, 6))


@kernel
def _filter_pair(
    kind: Any, left: Any, right: Any, frames: Any, taps: Any, state_l: Any, state_r: Any
) -> None:
    """Filter two channels at once: one waits for its own results, the other fills the time."""
    b0, b1, b2 = _taken(kind, taps, 0), _taken(kind, taps, 8), _taken(kind, taps, 16)
    a1, a2 = _taken(kind, taps, 24), _taken(kind, taps, 32)
    p1, p2 = _taken(kind, state_l, 0), _taken(kind, state_l, 8)
    q1, q2 = _taken(kind, state_r, 0), _taken(kind, state_r, 8)
    y = splat(kind, 0.0)
    z = splat(kind, 0.0)
    lanes = _taken(kind, _LANES, 0)
    for t in range(min(frames, 7)):  # lanes join in one by one
        x = _advance(kind, y, np.float64(left[t]))
        w = _advance(kind, z, np.float64(right[t]))
        y = multiply_add(b0, x, p1)
        z = multiply_add(b0, w, q1)
        on = lanes <= np.float64(t)
        p1 = select(on, multiply_add(a1, y, multiply_add(b1, x, p2)), p1)
        q1 = select(on, multiply_add(a1, z, multiply_add(b1, w, q2)), q1)
        p2 = select(on, multiply_add(a2, y, b2 * x), p2)
        q2 = select(on, multiply_add(a2, z, b2 * w), q2)
    for t in range(7, frames):
        x = _advance(kind, y, np.float64(left[t]))
        w = _advance(kind, z, np.float64(right[t]))
        y = multiply_add(b0, x, p1)
        z = multiply_add(b0, w, q1)
        p1 = multiply_add(a1, y, multiply_add(b1, x, p2))
        q1 = multiply_add(a1, z, multiply_add(b1, w, q2))
        p2 = multiply_add(a2, y, b2 * x)
        q2 = multiply_add(a2, z, b2 * w)
        left[t - 7] = np.float32(lane(y, 7))
        right[t - 7] = np.float32(lane(z, 7))
    for t in range(frames, frames + 7):  # lanes leave one by one
        x = _advance(kind, y, 0.0)
        w = _advance(kind, z, 0.0)
        y = multiply_add(b0, x, p1)
        z = multiply_add(b0, w, q1)
        on = (lanes > np.float64(t - frames)) & (lanes <= np.float64(t))
        p1 = select(on, multiply_add(a1, y, multiply_add(b1, x, p2)), p1)
        q1 = select(on, multiply_add(a1, z, multiply_add(b1, w, q2)), q1)
        p2 = select(on, multiply_add(a2, y, b2 * x), p2)
        q2 = select(on, multiply_add(a2, z, b2 * w), q2)
        if t >= 7:
            left[t - 7] = np.float32(lane(y, 7))
            right[t - 7] = np.float32(lane(z, 7))
    store(state_l, 0, convert(f64x8, p1))
    store(state_l, 8, convert(f64x8, p2))
    store(state_r, 0, convert(f64x8, q1))
    store(state_r, 8, convert(f64x8, q2))


@kernel
def _filter_one(kind: Any, row: Any, frames: Any, taps: Any, state: Any) -> None:
    """Filter one channel: the same steps as `_filter_pair`, so the same bits."""
    b0, b1, b2 = _taken(kind, taps, 0), _taken(kind, taps, 8), _taken(kind, taps, 16)
    a1, a2 = _taken(kind, taps, 24), _taken(kind, taps, 32)
    s1, s2 = _taken(kind, state, 0), _taken(kind, state, 8)
    y = splat(kind, 0.0)
    lanes = _taken(kind, _LANES, 0)
    for t in range(frames + 7):
        sample = np.float64(row[t]) if t < frames else 0.0
        x = _advance(kind, y, sample)
        y = multiply_add(b0, x, s1)
        on = (lanes > np.float64(t - frames)) & (lanes <= np.float64(t))
        s1 = select(on, multiply_add(a1, y, multiply_add(b1, x, s2)), s1)
        s2 = select(on, multiply_add(a2, y, b2 * x), s2)
        if t >= 7:
            row[t - 7] = np.float32(lane(y, 7))
    store(state, 0, convert(f64x8, s1))
    store(state, 8, convert(f64x8, s2))
