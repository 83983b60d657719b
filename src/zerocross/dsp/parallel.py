"""Many second-order filters as a sum: the partial fractions of a cascade.

Every section gets the same sample, so none waits for another: eight run as the lanes of a vector, two
vectors and two channels at a time. For many bands that is faster than a cascade; the coefficients come
from the cascade's poles (A. V. Oppenheim, R. W. Schafer, Discrete-Time Signal Processing, section
3.3), which fails where two bands share a pole: then there is no parallel form.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.compiler import float64_array, float64_rows, kernel
from zerocross.compiler.primitives.vector import f64x8, load, multiply_add, splat, store, sum_lanes
from zerocross.dsp.state import State, check_channels, check_frames, check_taps
from zerocross.memory import aligned_zeros, layout

__all__ = [
    "MEMORY_OF_EIGHT",
    "PARALLEL",
    "design_parallel",
    "make_parallel",
    "parallel",
    "size_of_parallel",
]

_LANES = 8
_COEFFICIENTS = 4 * _LANES
#: Numbers that each channel keeps of eight sections.
MEMORY_OF_EIGHT = 2 * _LANES
_DIRECT = 8  # the direct gain has a line of its own before the eights
_TOLERANCE = 1e-9

#: A parallel filter: its coefficients, what it keeps from block to block, and space for a block.
PARALLEL = layout(setup=["channels", "groups", "taps", "max_frames"], audio=["memory", "sums"])


def design_parallel(
    sos: npt.ArrayLike, sections: int | None = None
) -> npt.NDArray[np.float64] | None:
    """Return a cascade's parallel form, or None where it has none that is exact to 1e-9.

    Parameters
    ----------
    sos : array, shape (bands, 6)
        Rows as in SciPy; plain gains among them are taken into the others.
    sections : int or None
        For how many bands there is to be room; None for as many as there are.

    Returns
    -------
    ndarray or None
        The direct gain, then ``c0 c1 -a1 -a2`` of eight sections at a time; an even number of
        eights.

    """
    with np.errstate(all="ignore"):  # what overflows is not finite, and so not exact
        return _parallel_of(sos, sections)


def _parallel_of(sos: npt.ArrayLike, sections: int | None) -> npt.NDArray[np.float64] | None:
    rows = np.atleast_2d(np.asarray(sos, np.float64))
    rows = rows / rows[:, 3:4]
    plain = (rows[:, [1, 2, 4, 5]] == 0.0).all(axis=1)
    if plain.all():
        return None
    gain, room = float(np.prod(rows[plain, 0])), sections or len(rows)
    rows = rows[~plain]
    rows[0, :3] *= gain
    b, a = rows[:, :3], rows[:, 3:]
    if (np.abs(a[:, 2]) < 1e-12).any():
        return None  # a section of first order
    direct = float(np.prod(b[:, 2] / a[:, 2]))
    roots = np.sqrt((a[:, 1] ** 2 - 4 * a[:, 2]).astype(complex))
    poles = np.stack([(-a[:, 1] + roots) / 2, (-a[:, 1] - roots) / 2], axis=1)
    if (np.abs(poles[:, 0] - poles[:, 1]) < 1e-9).any():
        return None
    found = np.zeros((len(rows), 2))
    for k, pair in enumerate(poles):
        values = []
        for pole in pair:
            z = 1 / pole
            others = np.delete(a, k, axis=0)
            top = np.prod(b[:, 0] + b[:, 1] * z + b[:, 2] * z * z)
            values.append(top / np.prod(others[:, 0] + others[:, 1] * z + others[:, 2] * z * z))
        c1 = (values[0] - values[1]) / (1 / pair[0] - 1 / pair[1])
        c0 = values[0] - c1 / pair[0]
        found[k] = c0.real, c1.real
    if not _is_exact(rows, found, direct):
        return None
    return _packed(found, a, direct, room)


def size_of_parallel(sections: int) -> int:
    """Return how many numbers `design_parallel` gives with room for so many sections."""
    return _DIRECT + -(-sections // (2 * _LANES)) * 2 * _COEFFICIENTS


def _is_exact(rows: npt.NDArray[np.float64], found: npt.NDArray[np.float64], direct: float) -> bool:
    """Return whether the sum has the cascade's response, everywhere on the circle."""
    if not (np.isfinite(found).all() and np.isfinite(direct)):
        return False
    w = np.concatenate([np.geomspace(1e-4, np.pi, 400), np.linspace(0, np.pi, 200)])
    z = np.exp(-1j * w)
    b, a = rows[:, :3], rows[:, 3:]
    below = a[:, :1] + a[:, 1:2] * z + a[:, 2:] * z * z
    wanted = np.prod((b[:, :1] + b[:, 1:2] * z + b[:, 2:] * z * z) / below, axis=0)
    terms = (found[:, :1] + found[:, 1:] * z) / below
    error = np.abs(direct + terms.sum(axis=0) - wanted).max()
    return bool(error < _TOLERANCE * max(1.0, np.abs(wanted).max()))


def _packed(
    found: npt.NDArray[np.float64], a: npt.NDArray[np.float64], direct: float, room: int
) -> npt.NDArray[np.float64]:
    groups = -(-room // (2 * _LANES)) * 2
    columns = np.zeros((groups * _LANES, 4))
    columns[: len(found)] = np.stack([found[:, 0], found[:, 1], -a[:, 1], -a[:, 2]], axis=1)
    out = aligned_zeros(_DIRECT + groups * _COEFFICIENTS, np.float64)
    out[0] = direct
    out[_DIRECT:] = columns.reshape(groups, _LANES, 4).transpose(0, 2, 1).ravel()
    return out


def make_parallel(taps: npt.NDArray[np.float64], channels: int, max_frames: int) -> State:
    """Return a parallel filter at rest.

    Parameters
    ----------
    taps : ndarray
        From `design_parallel`; kept, not copied.
    channels : int
        Of the signal.
    max_frames : int
        Most frames in one call.

    Returns
    -------
    State
        A `PARALLEL`, for `parallel`.

    """
    check_taps(taps)
    channels = check_channels(channels)
    max_frames = check_frames("max_frames", max_frames)
    groups = (taps.size - _DIRECT) // _COEFFICIENTS
    return State(
        PARALLEL,
        channels=channels,
        groups=groups,
        taps=taps,
        max_frames=max_frames,
        memory=aligned_zeros((channels, groups * MEMORY_OF_EIGHT), np.float64),
        sums=aligned_zeros((2, max_frames), np.float64),
    )


@kernel
def parallel(state: Any, rows: Any, frames: Any) -> None:
    """Filter frames of all channels in place.

    Parameters
    ----------
    state : record
        A `PARALLEL`, from `make_parallel`; carried from block to block.
    rows : array, shape (channels, at least frames), float32
        Changed in place.
    frames : int
        How many, at most the state's ``max_frames``.

    Notes
    -----
    Real-time: safe. Any split into blocks gives the same bits.

    """
    channels, groups = rows.shape[0], state.groups
    taps = float64_array(state.taps, _DIRECT + groups * _COEFFICIENTS)
    memory = float64_rows(state.memory, channels, groups * MEMORY_OF_EIGHT)
    sums = float64_rows(state.sums, 2, state.max_frames)
    for c in range(0, channels, 2):
        d = min(c + 1, channels - 1)
        left, right = rows[c], rows[d]
        for i in range(frames):
            sums[0, i] = taps[0] * np.float64(left[i])
            sums[1, i] = taps[0] * np.float64(right[i])
        for group in range(0, groups, 2):
            mine = taps[_DIRECT + group * _COEFFICIENTS :]
            at = group * MEMORY_OF_EIGHT
            _filter_two(left, right, frames, mine, memory[c], memory[d], at, sums, c != d)
        for i in range(frames):
            right[i] = np.float32(sums[1, i])
            left[i] = np.float32(sums[0, i])


@kernel
def _filter_two(
    left: Any,
    right: Any,
    frames: Any,
    taps: Any,
    state_l: Any,
    state_r: Any,
    at: Any,
    sums: Any,
    two: Any,
) -> None:
    """Run two eights of sections over two channels; of a single one, both are the same."""
    c0, c1, a1, a2 = (
        load(f64x8, taps, 0),
        load(f64x8, taps, 8),
        load(f64x8, taps, 16),
        load(f64x8, taps, 24),
    )
    e0, e1, g1, g2 = (
        load(f64x8, taps, 32),
        load(f64x8, taps, 40),
        load(f64x8, taps, 48),
        load(f64x8, taps, 56),
    )
    p1, p2 = load(f64x8, state_l, at), load(f64x8, state_l, at + 8)
    q1, q2 = load(f64x8, state_l, at + 16), load(f64x8, state_l, at + 24)
    r1, r2 = load(f64x8, state_r, at), load(f64x8, state_r, at + 8)
    t1, t2 = load(f64x8, state_r, at + 16), load(f64x8, state_r, at + 24)
    for i in range(frames):
        x, w = splat(f64x8, np.float64(left[i])), splat(f64x8, np.float64(right[i]))
        y = multiply_add(c0, x, p1)
        u = multiply_add(e0, x, q1)
        v = multiply_add(c0, w, r1)
        z = multiply_add(e0, w, t1)
        p1 = multiply_add(a1, y, multiply_add(c1, x, p2))
        q1 = multiply_add(g1, u, multiply_add(e1, x, q2))
        r1 = multiply_add(a1, v, multiply_add(c1, w, r2))
        t1 = multiply_add(g1, z, multiply_add(e1, w, t2))
        p2, q2, r2, t2 = a2 * y, g2 * u, a2 * v, g2 * z
        sums[0, i] += sum_lanes(y + u)
        sums[1, i] += sum_lanes(v + z)
    if two:
        store(state_r, at, r1)
        store(state_r, at + 8, r2)
        store(state_r, at + 16, t1)
        store(state_r, at + 24, t2)
    store(state_l, at, p1)
    store(state_l, at + 8, p2)
    store(state_l, at + 16, q1)
    store(state_l, at + 24, q2)
