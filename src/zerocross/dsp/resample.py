"""Streaming resampling by windowed sinc, any ratio, for the decode thread and the audio thread.

An output frame is the product of 128 input frames with one *phase* of a low-pass filter (a
sinc in a Kaiser window: J. O. Smith, Digital Audio Resampling). Where the ratio of the
rates is that of small whole numbers there is a phase for every place that an output can
have, and the filter is exact; else the nearest of 4096 phases is blended with its
neighbour. When the rate falls, the filter's corner and length follow the lower rate.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.compiler import entry, float32_rows, kernel, record_at
from zerocross.compiler.primitives.vector import f32x16, load, multiply_add, splat, sum_lanes
from zerocross.dsp.state import State, check_channels, check_frames
from zerocross.errors import UsageError
from zerocross.memory import aligned_zeros, layout
from zerocross.units import checked_whole

__all__ = [
    "RESAMPLER",
    "Resampler",
    "make_resampler",
    "resample_rows",
    "resample_signal",
    "resample_through",
    "restart_resampler",
]

#: A resampler: the rates, the filter (``phase_count`` rows of ``taps``), the ratio as whole frames and a share of ``denominator``, and as it
#: goes on the input frames still needed, how many, the first of the next output, and the numerator
#: of that one's phase.
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

_TAPS = 128
_BETA = 12.9  # Kaiser: 127 dB
_CORNER = 0.972  # of the lower rate's Nyquist frequency: the middle of the transition
_EXACT_PHASES = 2048
_BLENDED_PHASES = 4096


_MOST_HZ = 1 << 30


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


def make_resampler(rate_in: int, rate_out: int, channels: int, max_frames: int) -> Resampler:
    """Return a resampler at rest.

    Parameters
    ----------
    rate_in, rate_out : int
        In Hz; neither more than 256 times the other.
    channels : int
        Rows of the input and the output.
    max_frames : int
        Most input frames in one call.

    """
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
    count = denominator if denominator <= _EXACT_PHASES else _BLENDED_PHASES
    fall = max(1.0, rate_in / rate_out)
    taps = _taps(rate_in, rate_out)
    phases = _design_phases(count, taps, fall)
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


def _taps(rate_in: int, rate_out: int) -> int:
    return -(-round(_TAPS * max(1.0, rate_in / rate_out)) // 16) * 16


@functools.lru_cache(maxsize=8)
def _design_phases(count: int, taps: int, fall: float) -> npt.NDArray[np.float32]:
    """Return the filter's phases: row p is for an output p / count after an input frame."""
    corner = _CORNER / fall
    offset = np.arange(count + 1)[:, None] / count
    t = np.arange(taps)[None, :] - (taps // 2 - 1) - offset
    inside = np.clip(1 - (t / (taps / 2)) ** 2, 0, None)
    rows = corner * np.sinc(corner * t) * np.i0(_BETA * np.sqrt(inside)) / np.i0(_BETA)
    rows /= rows.sum(axis=1, keepdims=True)  # exactly 1 at 0 Hz in every phase: no ripple there
    phases = aligned_zeros(rows.shape)
    phases[:] = rows
    return phases


@kernel
def _dot(x: Any, start: Any, taps: Any, row: Any) -> Any:
    a = splat(f32x16, np.float32(0.0))
    b = splat(f32x16, np.float32(0.0))
    for k in range(0, taps - 16, 32):
        a = multiply_add(load(f32x16, x, start + k), load(f32x16, row, k), a)
        b = multiply_add(load(f32x16, x, start + k + 16), load(f32x16, row, k + 16), b)
    if taps % 32:
        a = multiply_add(load(f32x16, x, start + taps - 16), load(f32x16, row, taps - 16), a)
    return sum_lanes(a + b)


@kernel
def _dot_pair(x: Any, y: Any, start: Any, taps: Any, row: Any) -> Any:
    """Return the products of two channels with one phase, which is loaded once."""
    zero = splat(f32x16, np.float32(0.0))
    a, b, c, d = zero, zero, zero, zero
    for k in range(0, taps - 16, 32):
        u, v = load(f32x16, row, k), load(f32x16, row, k + 16)
        a = multiply_add(load(f32x16, x, start + k), u, a)
        c = multiply_add(load(f32x16, y, start + k), u, c)
        b = multiply_add(load(f32x16, x, start + k + 16), v, b)
        d = multiply_add(load(f32x16, y, start + k + 16), v, d)
    if taps % 32:
        u = load(f32x16, row, taps - 16)
        a = multiply_add(load(f32x16, x, start + taps - 16), u, a)
        c = multiply_add(load(f32x16, y, start + taps - 16), u, c)
    return sum_lanes(a + b), sum_lanes(c + d)


@kernel
def _write_frame(
    phases: Any, denominator: Any, history: Any, first: Any, numerator: Any, out: Any, made: Any
) -> None:
    """Write an output frame: the products of the history from ``first`` on with a phase."""
    count, taps = phases.shape[0] - 1, phases.shape[1]
    if count == denominator and out.shape[0] == 2:
        left, right = _dot_pair(history[0], history[1], first, taps, phases[numerator])
        out[0, made] = left
        out[1, made] = right
    elif count == denominator:
        for c in range(out.shape[0]):
            out[c, made] = _dot(history[c], first, taps, phases[numerator])
    else:
        place = np.float64(numerator) * count / denominator
        below = np.int64(place)
        part = np.float32(place - below)
        for c in range(out.shape[0]):
            low = _dot(history[c], first, taps, phases[below])
            high = _dot(history[c], first, taps, phases[below + 1])
            out[c, made] = low + part * (high - low)


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


def resample_signal(rows: npt.ArrayLike, rate_in: int, rate_out: int) -> npt.NDArray[np.float32]:
    """Resample a whole signal, shape (channels, frames); allocates, for the control thread.

    The result has ``ceil(frames * rate_out / rate_in)`` frames and does not lag.
    """
    signal = np.atleast_2d(np.asarray(rows, np.float32))
    if rate_in == rate_out:
        return signal.copy()
    channels, frames = signal.shape
    tail = _taps(rate_in, rate_out)
    padded = np.pad(signal, ((0, 0), (0, tail)))
    made = make_resampler(rate_in, rate_out, channels, padded.shape[1])
    room = made.most_frames_out(padded.shape[1])
    out = np.zeros((channels, room), np.float32)
    resample_rows(made.address, padded.ctypes.data, padded.shape[1], out.ctypes.data, room)
    return np.ascontiguousarray(out[:, : math.ceil(frames * rate_out / rate_in)])
