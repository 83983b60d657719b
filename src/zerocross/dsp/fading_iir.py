"""Filters that are changed while they run, without a click.

There are two `dsp.iir` for all channels, or two for each: new coefficients, posted from another thread
at any time, fade in while the old ones fade out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.compiler import (
    fence_acquire,
    float32_rows,
    float64_array,
    kernel,
    load_acquire,
    record_at,
)
from zerocross.dsp.crossfade import crossfade
from zerocross.dsp.iir import IIR, iir, memory_for, place_iir
from zerocross.dsp.state import State, check_channels, check_frames, check_taps
from zerocross.errors import UsageError
from zerocross.memory import aligned_zeros, layout

__all__ = ["FADING_IIR", "FadingIIR", "fading_iir", "fading_iir_by", "make_fading_iir"]

_IIR_SIZE = IIR.itemsize

#: Filters that are heard and filters that fade in: ``filters`` has ``count`` of the one, and of the
#: other, in turns. Coefficients are posted in the place of ``pending`` that the version does not
#: name.
FADING_IIR = layout(
    setup=["channels", "count", "size", "max_frames", "fade_frames", "filters", "pending"],
    control=["writing", "version"],
    audio=["other", "seen", "fading", "heard"],
)


class FadingIIR(State):
    """A `FADING_IIR`, with what it points to."""

    filters: npt.NDArray[Any]
    kept: tuple[npt.NDArray[Any], ...]

    def post(self, taps: npt.NDArray[np.float64]) -> None:
        """Hand new coefficients over, from one thread at a time; they fade in.

        They go to the place that is not read just now. Where nothing runs the last ones wait there
        for the next block.

        Parameters
        ----------
        taps : ndarray, shape (count, size)
            Of as many bands as before.

        """
        number = int(self["version"]) + 1
        self.store("writing", number)
        self.arrays["pending"][number & 1] = taps
        self.store("version", number)

    @property
    def is_settled(self) -> bool:
        """Whether what was posted last is what is heard, alone."""
        return bool(self["seen"] == self["version"] and self["fading"] == 0)

    @property
    def heard_taps(self) -> npt.NDArray[np.float64]:
        """The coefficients that are heard, or fade out; shape (count, size)."""
        taps: npt.NDArray[np.float64] = self.kept[0][int(self["heard"])]
        return taps

    def reset(self) -> None:
        """Go back to rest, with the coefficients that were posted last; see `State.reset`."""
        newest = self.arrays["pending"][int(self["version"]) & 1]
        super().reset()
        self["seen"] = self["version"]
        for array in self.kept:
            array[...] = 0
        self.kept[0][:] = newest
        for which in self.filters:
            for row, taps in zip(which, newest, strict=True):
                row["is_parallel"] = int(taps[0])


def make_fading_iir(
    taps: npt.NDArray[np.float64], channels: int, max_frames: int, fade_frames: int
) -> FadingIIR:
    """Return filters at rest that can be changed while they run.

    Parameters
    ----------
    taps : ndarray, shape (count, size)
        Rows from `design_iir`, all for as many bands: one for all channels, or one for each.
    channels : int
        Of the signal.
    max_frames : int
        Most frames in one call.
    fade_frames : int
        Frames of a fade; 50 ms are inaudible.

    Returns
    -------
    State
        A `FADING_IIR`, for `fading_iir`.

    """
    check_taps(taps)
    channels = check_channels(channels)
    max_frames = check_frames("max_frames", max_frames)
    fade_frames = check_frames("fade_frames", fade_frames)
    count = len(taps)
    if count not in (1, channels):
        raise UsageError(f"coefficients for {count} channels, expected 1 or {channels}")
    each = aligned_zeros((2, *taps.shape), np.float64)
    each[:] = taps
    memory = memory_for(taps[0], 2, channels)
    sums = aligned_zeros((2, max_frames), np.float64)
    filters = aligned_zeros((2, count), IIR)
    span = channels // count
    for which in range(2):
        for k in range(count):
            mine = memory[which, k * span : (k + 1) * span]
            place_iir(filters[which, k], each[which, k], mine, sums)
    made = FadingIIR(
        FADING_IIR,
        channels=channels,
        count=count,
        size=taps.shape[1],
        max_frames=max_frames,
        fade_frames=fade_frames,
        filters=filters,
        pending=np.stack([taps, taps]),
        other=aligned_zeros((channels, max_frames)),
    )
    made.filters, made.kept = filters, (each, memory, sums)
    return made


@kernel
def _filter_at(state: Any, which: Any, k: Any) -> Any:
    return record_at(state.filters + (which * state.count + k) * _IIR_SIZE, IIR)


@kernel
def _take_posted(state: Any, which: Any) -> Any:
    """Copy the newest coefficients into filters; returns whether they were whole."""
    number = load_acquire(state, "version")
    size = state.size
    posted = float64_array(
        state.pending + 8 * (number & 1) * state.count * size, state.count * size
    )
    for k in range(state.count):
        taps = float64_array(_filter_at(state, which, k).taps, size)
        for i in range(size):
            taps[i] = posted[k * size + i]
    fence_acquire()
    if load_acquire(state, "writing") > number + 1:
        return False  # overwritten meanwhile: newer ones are there at the next block
    state.seen = number
    return True


@kernel
def _begin_fade(state: Any) -> None:
    """Let the new filters begin with the memory of the old ones, or at rest in another form."""
    for k in range(state.count):
        old, new = _filter_at(state, state.heard, k), _filter_at(state, 1 - state.heard, k)
        new.is_parallel = np.int64(float64_array(new.taps, 1)[0])
        same = new.is_parallel == old.is_parallel
        before = float64_array(old.memory, old.memory_size)
        memory = float64_array(new.memory, new.memory_size)
        for i in range(memory.size):
            memory[i] = before[i] if same else 0.0
    state.fading = state.fade_frames


@kernel
def _filter_all(run: Any, state: Any, which: Any, rows: Any, frames: Any) -> None:
    """Filter all channels by the one filter, or each by its own; a kernel runs them."""
    span = rows.shape[0] // state.count
    for k in range(state.count):
        run(_filter_at(state, which, k), rows[k * span : (k + 1) * span], frames)


@kernel
def _end_fade(state: Any, rows: Any, other: Any, frames: Any) -> None:
    """Put the two together; once the fade is over, the new one is the one that is heard."""
    crossfade(rows, other, frames, state.fade_frames - state.fading, state.fade_frames)
    state.fading -= frames
    if state.fading == 0:
        state.heard = 1 - state.heard


@kernel
def fading_iir(state: Any, rows: Any, frames: Any) -> None:
    """Filter frames of all channels in place, and let coefficients that were posted fade in.

    Both filters run while one fades into the other (`crossfade`); the new one begins with a copy of
    the old one's memory. After the fade the new one goes on alone.

    Parameters
    ----------
    state : record
        A `FADING_IIR`, from `make_fading_iir`.
    rows : array, shape (channels, at least frames), float32
        Changed in place.
    frames : int
        How many, at most the state's ``max_frames``.

    Notes
    -----
    Real-time: safe. Any split into blocks gives the same bits.

    """
    fading_iir_by(iir, state, rows, frames)


@kernel
def fading_iir_by(run: Any, state: Any, rows: Any, frames: Any) -> None:
    """Do `fading_iir` with filters that a kernel runs: `iir`, or `iir_in_float32`. Real-time: safe."""
    if state.fading == 0 and state.version != state.seen and _take_posted(state, 1 - state.heard):
        _begin_fade(state)
    fading = min(frames, state.fading)
    other = float32_rows(state.other, state.channels, state.max_frames)
    for c in range(rows.shape[0]):
        for i in range(fading):
            other[c, i] = rows[c, i]
    for part in range(3):  # the old while it fades, the new beside it, and what follows
        which, chosen, count = state.heard, rows[:, 0:], fading
        if part == 1:
            which, chosen = 1 - state.heard, other[:, 0:]
        elif part == 2:
            if fading > 0:
                _end_fade(state, rows, other, fading)
            which, chosen, count = state.heard, rows[:, fading:], frames - fading
        if count > 0:
            _filter_all(run, state, which, chosen, count)
