"""Streaming resampling by windowed sinc, any ratio, for the decode thread and the audio thread.

An output frame is the product of some input frames with one *phase* of a low-pass filter
(J. O. Smith, Digital Audio Resampling), or with two that are blended. The quality that is asked
for says how long the filter is (`polyphase`); the kernel is the same.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.compiler import entry, float32_rows, kernel, record_at
from zerocross.compiler.primitives.vector import (
    convert,
    f32x16,
    f64x8,
    load,
    multiply_add,
    shuffle,
    splat,
    sum_lanes,
)
from zerocross.dsp.polyphase import checked_quality, count_taps, design_phases
from zerocross.dsp.state import State, check_channels, check_frames
from zerocross.errors import UsageError
from zerocross.memory import aligned_zeros, layout
from zerocross.units import checked_whole

__all__ = [
    "RESAMPLER",
    "Resampler",
    "make_resampler",
    "resample_response",
    "resample_rows",
    "resample_signal",
    "resample_through",
    "restart_resampler",
]

#: A resampler: the rates, the filter (``phase_count`` rows of ``taps``), the ratio as ``step`` over
#: ``denominator``, and as it goes on the input frames still needed, how many, the first of the next
#: output, and the numerator of that one's phase.
RESAMPLER = layout(
    setup=[
        "rate_in",
        "rate_out",
        "channels",
        "phases",
        "phase_count",
        "taps",
        "step",
        "denominator",
        "history_frames",
    ],
    audio=["history", "filled", "first", "numerator"],
)

_MOST_HZ = 1 << 30
_LOW, _HIGH = tuple(range(8)), tuple(range(8, 16))


class Resampler(State):
    """A `RESAMPLER`, and what Python asks of it."""

    @property
    def taps(self) -> int:
        """Input frames that make an output frame."""
        return int(self["taps"])

    @property
    def latency_frames(self) -> float:
        """Output frames by which the output lags: half the filter, which is made up for.

        The history begins with half a filter of silence, so the first output frame belongs
        to the first input frame; the lag is what must be pushed after the end.
        """
        return float(self["taps"] / 2 * self["rate_out"] / self["rate_in"])

    def most_frames_out(self, frames: int) -> int:
        """Return the most output frames that so many input frames can give."""
        return math.ceil((frames + self.taps) * int(self["rate_out"]) / int(self["rate_in"])) + 1


def make_resampler(
    rate_in: int, rate_out: int, channels: int, max_frames: int, quality: str = "high"
) -> Resampler:
    """Return a resampler at rest.

    Parameters
    ----------
    rate_in, rate_out : int
        In Hz; neither more than 256 times the other.
    channels : int
        Rows of the input and the output.
    max_frames : int
        Most input frames in one call.
    quality : {"medium", "high", "very high"}
        Of the filter (`polyphase.QUALITIES`).

    Raises
    ------
    UsageError
        For anything else.

    Notes
    -----
    The first one for a ratio of rates designs the filter: a few milliseconds, some tens where the
    rates have no small ratio. Not for the audio thread.

    """
    quality = checked_quality(quality)
    channels = check_channels(channels)
    max_frames = check_frames("max_frames", max_frames)
    rate_in = checked_whole("rate_in", rate_in, -_MOST_HZ, _MOST_HZ, "Hz")
    rate_out = checked_whole("rate_out", rate_out, -_MOST_HZ, _MOST_HZ, "Hz")
    if not (rate_in > 0 and rate_out > 0 and 1 / 256 <= rate_in / rate_out <= 256):
        raise UsageError(
            f"cannot resample {rate_in} to {rate_out} Hz; give rates within a factor of 256"
        )
    common = math.gcd(rate_in, rate_out)
    step, denominator = rate_in // common, rate_out // common
    phases = design_phases(quality, step, denominator)
    taps = phases.shape[1]
    return Resampler(
        RESAMPLER,
        rate_in=rate_in,
        rate_out=rate_out,
        channels=channels,
        phases=phases,
        phase_count=len(phases),
        taps=taps,
        step=step,
        denominator=denominator,
        history_frames=taps + max_frames,
        history=aligned_zeros((channels, taps + max_frames)),
        filled=taps // 2 - 1,
    )


@kernel
def _sum(a: Any, b: Any) -> Any:
    """Return the sum of two vectors' lanes, in float64: here float32 would lose 4 dB."""
    low = convert(f64x8, shuffle(a, a, _LOW)) + convert(f64x8, shuffle(b, b, _LOW))
    high = convert(f64x8, shuffle(a, a, _HIGH)) + convert(f64x8, shuffle(b, b, _HIGH))
    return np.float32(sum_lanes(low + high))


@kernel
def _dot(x: Any, start: Any, taps: Any, row: Any) -> Any:
    """Return the product of a channel with one phase.

    From both ends inwards: the largest taps are in the middle, and what they add is rounded least
    often when they come last.
    """
    a = splat(f32x16, np.float32(0.0))
    b = splat(f32x16, np.float32(0.0))
    last = taps - 16
    for k in range(0, taps // 2, 16):
        a = multiply_add(load(f32x16, x, start + k), load(f32x16, row, k), a)
        b = multiply_add(load(f32x16, x, start + last - k), load(f32x16, row, last - k), b)
    return _sum(a, b)


@kernel
def _dot_pair(x: Any, y: Any, start: Any, taps: Any, row: Any) -> Any:
    """Return the products of two channels with one phase, which is loaded once; as `_dot`."""
    zero = splat(f32x16, np.float32(0.0))
    a, b, c, d = zero, zero, zero, zero
    last = taps - 16
    for k in range(0, taps // 2, 16):
        u, v = load(f32x16, row, k), load(f32x16, row, last - k)
        a = multiply_add(load(f32x16, x, start + k), u, a)
        c = multiply_add(load(f32x16, y, start + k), u, c)
        b = multiply_add(load(f32x16, x, start + last - k), v, b)
        d = multiply_add(load(f32x16, y, start + last - k), v, d)
    return _sum(a, b), _sum(c, d)


@kernel
def _write_frame(
    phases: Any, denominator: Any, history: Any, first: Any, numerator: Any, out: Any, made: Any
) -> None:
    """Write an output frame: the products of the history from ``first`` on with a phase."""
    count, taps = phases.shape[0] - 1, phases.shape[1]
    if count != denominator:
        _write_blended(phases, denominator, history, first, numerator, out, made)
    elif out.shape[0] == 2:
        left, right = _dot_pair(history[0], history[1], first, taps, phases[numerator])
        out[0, made], out[1, made] = left, right
    else:
        for c in range(out.shape[0]):
            out[c, made] = _dot(history[c], first, taps, phases[numerator])


@kernel
def _write_blended(
    phases: Any, denominator: Any, history: Any, first: Any, numerator: Any, out: Any, made: Any
) -> None:
    """Write an output frame that lies between two phases."""
    count, taps = phases.shape[0] - 1, phases.shape[1]
    place = np.float64(numerator) * count / denominator
    below = np.int64(place)
    part = np.float32(place - below)
    p, q = phases[below], phases[below + 1]
    if out.shape[0] == 2:
        left, right = _dot_pair(history[0], history[1], first, taps, p)
        left_above, right_above = _dot_pair(history[0], history[1], first, taps, q)
        out[0, made] = left + part * (left_above - left)
        out[1, made] = right + part * (right_above - right)
    else:
        for c in range(out.shape[0]):
            low = _dot(history[c], first, taps, p)
            out[c, made] = low + part * (_dot(history[c], first, taps, q) - low)


@kernel
def resample_through(resampler: Any, rows: Any, frames: Any, out: Any) -> Any:
    """Push input frames and write all output frames that they complete; returns how many.

    Parameters
    ----------
    resampler : record
        A `RESAMPLER`, from `make_resampler`.
    rows : array, shape (channels, at least frames), float32
        Input.
    frames : int
        How many; at most the resampler's ``max_frames``.
    out : array, shape (channels, `Resampler.most_frames_out`), float32
        Output.

    Notes
    -----
    Real-time: safe. Any split into blocks gives the same bits.

    """
    r = resampler
    phases = float32_rows(r.phases, r.phase_count, r.taps)
    history = float32_rows(r.history, r.channels, r.history_frames)
    taps, denominator = r.taps, r.denominator
    filled, first, numerator = r.filled, r.first, r.numerator
    for c in range(rows.shape[0]):
        for i in range(frames):
            history[c, filled + i] = rows[c, i]
    filled += frames
    whole_step, step_left = r.step // denominator, r.step % denominator
    made = 0
    while first + taps <= filled:
        _write_frame(phases, denominator, history, first, numerator, out, made)
        made += 1
        first += whole_step
        numerator += step_left
        if numerator >= denominator:
            numerator -= denominator
            first += 1
    kept = max(0, filled - first)
    used = filled - kept
    for c in range(rows.shape[0]):
        for i in range(kept):
            history[c, i] = history[c, used + i]
    r.filled, r.first, r.numerator = kept, first - used, numerator
    return made


@kernel
def restart_resampler(resampler: Any) -> None:
    """Forget the input so far: the next frame is the first. Real-time: safe."""
    r = resampler
    history = float32_rows(r.history, r.channels, r.history_frames)
    for c in range(r.channels):
        for i in range(r.taps):
            history[c, i] = np.float32(0.0)
    r.filled, r.first, r.numerator = r.taps // 2 - 1, 0, 0


@entry("int64", "int64", "int64", "int64", "int64")
def resample_rows(resampler: int, rows: int, frames: int, out: int, room: int) -> int:
    """Resample planar rows of ``frames`` into rows of ``room`` frames; returns how many.

    Parameters
    ----------
    resampler : int
        Address of a `RESAMPLER` record.
    rows, out : int
        Addresses of float32 arrays, shapes (channels, frames) and (channels, room).
    frames, room : int
        At most the resampler's ``max_frames``, and at least what `most_frames_out` says.

    """
    r = record_at(resampler, RESAMPLER)
    source = float32_rows(rows, r.channels, frames)
    made: int = resample_through(r, source, frames, float32_rows(out, r.channels, room))
    return made


def resample_signal(
    rows: npt.ArrayLike, rate_in: int, rate_out: int, quality: str = "very high"
) -> npt.NDArray[np.float32]:
    """Resample a whole signal, shape (channels, frames); allocates, for the control thread.

    The result has ``ceil(frames * rate_out / rate_in)`` frames and does not lag. The quality is as
    of `make_resampler`, and the best where it is not given: nothing waits for it.
    """
    quality = checked_quality(quality)
    signal = np.atleast_2d(np.asarray(rows, np.float32))
    if rate_in == rate_out:
        return signal.copy()
    channels, frames = signal.shape
    tail = count_taps(quality, rate_in, rate_out)
    padded = np.zeros((channels, frames + tail), np.float32)  # rows in order, the signal's or not
    padded[:, :frames] = signal
    made = make_resampler(rate_in, rate_out, channels, padded.shape[1], quality)
    room = made.most_frames_out(padded.shape[1])
    out = np.zeros((channels, room), np.float32)
    resample_rows(made.address, padded.ctypes.data, padded.shape[1], out.ctypes.data, room)
    return np.ascontiguousarray(out[:, : math.ceil(frames * rate_out / rate_in)])


def resample_response(
    rows: npt.ArrayLike, rate_in: int, rate_out: float
) -> npt.NDArray[np.float32]:
    """Resample impulse responses, shape (channels, taps): a density, so each tap weighs less in more."""
    return resample_signal(rows, rate_in, round(rate_out)) * np.float32(rate_in / rate_out)
