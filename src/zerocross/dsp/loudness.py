"""Loudness by ITU-R BS.1770-4 and EBU R 128: momentary, short-term, integrated, range, true peak.

Frames are K-weighted (a shelf and a high pass, designed for any sample rate from the analogue filters
behind the recommendation's 48 kHz coefficients) and their energy is added up in pieces of 100 ms. All
else follows from these: momentary is the last four, short-term the last thirty, integrated is gated
(BS.1770-4, Annex 1), the range is EBU Tech 3342's. True peaks are looked for between the samples, by
fourfold oversampling (Annex 2).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.compiler import (
    entry,
    float32_rows,
    float64_array,
    float64_rows,
    kernel,
    load_acquire,
    record_at,
    store_release,
)
from zerocross.compiler.primitives.vector import (
    absolute,
    f32x16,
    load_first,
    max_lanes,
    maximum,
    multiply_add,
    splat,
)
from zerocross.dsp.biquad import cascade, make_cascade_state, pack_sos
from zerocross.dsp.level import TRUE_PEAK_TAPS
from zerocross.errors import UsageError
from zerocross.memory import Record, aligned_zeros, layout

__all__ = [
    "CHANNEL_WEIGHTS",
    "LOUDNESS",
    "Loudness",
    "design_k_weighting",
    "loudness_block",
]

#: Weights by number of channels (L R C LFE Ls Rs): surrounds count 1.5 dB more, LFE not at all.
CHANNEL_WEIGHTS: dict[int, tuple[float, ...]] = {
    1: (1.0,),
    2: (1.0, 1.0),
    3: (1.0, 1.0, 1.0),
    4: (1.0, 1.0, 1.41, 1.41),
    5: (1.0, 1.0, 1.0, 1.41, 1.41),
    6: (1.0, 1.0, 1.0, 0.0, 1.41, 1.41),
}
_OFFSET = -0.691
_PIECE_S = 0.1
_MOMENTARY, _SHORT = 4, 30
_MOST_PIECES = 1 << 19  # 14 hours; then the oldest make room
_ABSOLUTE_GATE, _RELATIVE_GATE, _RANGE_GATE = -70.0, -10.0, -20.0
_BLOCK = 4096
_HISTORY = 12

LOUDNESS = layout(
    setup=[
        "channels",
        "piece_frames",
        "weights",
        "taps",
        "tap_count",
        "state",
        "state_count",
        "scratch",
        "oversampled",
        "pieces",
        "wants_peaks",
    ],
    audio=["count", "filled", ("sums", "f8", (6,)), ("true_peak", "f8"), ("sample_peak", "f8")],
)


def design_k_weighting(sample_rate: float) -> npt.NDArray[np.float64]:
    """Return the ``sos`` of the K weighting at a sample rate in Hz."""
    # The analogue shelf and high pass whose bilinear transforms at 48 kHz are those of the text.
    k = math.tan(math.pi * 1681.974450955533 / sample_rate)
    q, high = 0.7071752369554196, 10 ** (3.999843853973347 / 20)
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


@kernel
def _true_peak_of(x: Any, frames: Any) -> Any:
    """Return the largest magnitude between samples; x begins with twelve of the past."""
    peak = splat(f32x16, np.float32(0.0))
    for i in range(0, frames, 16):
        left = frames - i
        for phase in range(4):
            total = splat(f32x16, np.float32(0.0))
            for k in range(12):
                tap = splat(f32x16, TRUE_PEAK_TAPS[phase, k])
                total = multiply_add(tap, load_first(f32x16, x, _HISTORY + i - k, left), total)
            peak = maximum(absolute(total), peak)
    return max_lanes(peak)


@kernel
def _take_peaks(state: Any, row: Any, channel: Any, frames: Any) -> None:
    past = float32_rows(state.oversampled, state.channels, _HISTORY + _BLOCK)[channel]
    loudest = np.float32(0.0)
    for i in range(frames):
        past[_HISTORY + i] = row[i]
        loudest = max(loudest, abs(row[i]))
    state.sample_peak = max(state.sample_peak, np.float64(loudest))
    state.true_peak = max(state.true_peak, np.float64(_true_peak_of(past, frames)))
    for i in range(_HISTORY):
        past[i] = past[frames + i]


@kernel
def _add_energy(state: Any, rows: Any, first: Any, count: Any) -> None:
    """Add squares up one after the other, so that any split gives the same bits.

    Each sum waits for itself, so two channels are added up at a time.
    """
    channels = state.channels
    for c in range(0, channels, 2):
        other = min(c + 1, channels - 1)
        left, right = rows[c], rows[other]
        a, b = state.sums[c], state.sums[other]
        for i in range(first, first + count):
            x, y = np.float64(left[i]), np.float64(right[i])
            a += x * x
            b += y * y
        state.sums[other] = b
        state.sums[c] = a


@kernel
def _end_piece(state: Any) -> None:
    weights = float64_array(state.weights, state.channels)
    pieces = float64_array(state.pieces, _MOST_PIECES)
    energy = 0.0
    for c in range(state.channels):
        energy += weights[c] * state.sums[c]
        state.sums[c] = 0.0
    pieces[state.count % _MOST_PIECES] = energy / state.piece_frames
    state.filled = 0
    store_release(state, "count", load_acquire(state, "count") + 1)


@kernel
def loudness_block(state: Any, rows: Any, frames: Any) -> None:
    """Measure planar frames, shape (channels, at least frames), finite. Real-time: safe."""
    weighted = float32_rows(state.scratch, state.channels, _BLOCK)
    taps = float64_array(state.taps, state.tap_count)
    filters = float64_rows(state.state, state.channels, state.state_count)
    done = 0
    while done < frames:
        count = min(frames - done, _BLOCK)
        for c in range(state.channels):
            source = rows[c][done:]
            for i in range(count):
                weighted[c, i] = source[i]
            if state.wants_peaks:
                _take_peaks(state, source, c, count)
        cascade(weighted, count, taps, filters)
        at = 0
        while at < count:
            part = min(count - at, state.piece_frames - state.filled)
            _add_energy(state, weighted, at, part)
            state.filled += part
            at += part
            if state.filled == state.piece_frames:
                _end_piece(state)
        done += count


@entry("int64", "int64", "int64", "int64")
def _measure(address: int, rows: int, row_frames: int, frames: int) -> None:
    state = record_at(address, LOUDNESS)
    loudness_block(state, float32_rows(rows, state.channels, row_frames), frames)


class Loudness:
    """A loudness meter: feed it, and read it at any time, from another thread too.

    Parameters
    ----------
    sample_rate : int
        In Hz, 8000 to 768000.
    channels : int
        1 to 6, in the order of `CHANNEL_WEIGHTS`.
    peaks : bool
        Whether sample and true peaks are looked for.

    """

    def __init__(self, sample_rate: int, channels: int = 2, peaks: bool = True) -> None:
        if channels not in CHANNEL_WEIGHTS or not 8_000 <= sample_rate <= 768_000:
            raise UsageError(
                f"loudness of {channels} channels at {sample_rate} Hz: give 1 to 6 channels and "
                "8000 to 768000 Hz"
            )
        self.sample_rate, self.channels = sample_rate, channels
        self._taps = pack_sos(design_k_weighting(sample_rate))
        self._state = make_cascade_state(self._taps, channels)
        self._weights = np.array(CHANNEL_WEIGHTS[channels], np.float64)
        self._scratch = aligned_zeros((channels, _BLOCK))
        self._oversampled = aligned_zeros((channels, _HISTORY + _BLOCK))
        self._pieces = aligned_zeros(_MOST_PIECES, np.float64)
        self.record = Record(LOUDNESS)
        self.record.fill(
            channels=channels,
            piece_frames=round(_PIECE_S * sample_rate),
            weights=self._weights.ctypes.data,
            taps=self._taps.ctypes.data,
            tap_count=self._taps.size,
            state=self._state.ctypes.data,
            state_count=self._state.shape[1],
            scratch=self._scratch.ctypes.data,
            oversampled=self._oversampled.ctypes.data,
            pieces=self._pieces.ctypes.data,
            wants_peaks=int(peaks),
        )

    def push(self, rows: npt.ArrayLike) -> None:
        """Measure planar frames, shape (channels, frames), finite; from one thread only."""
        data = np.ascontiguousarray(np.atleast_2d(np.asarray(rows, np.float32)))
        if data.shape[0] != self.channels:
            raise UsageError(f"{data.shape[0]} channels pushed to a meter of {self.channels}")
        _measure(self.record.address, data.ctypes.data, data.shape[1], data.shape[1])

    # --- reading --------------------------------------------------------------------------------

    def _energies(self) -> npt.NDArray[np.float64]:
        """Return the energies of the pieces so far, oldest first."""
        count = self.record.load("count")
        if count <= _MOST_PIECES:
            return self._pieces[:count]
        return np.roll(self._pieces, -(count % _MOST_PIECES))

    def _windows(self, pieces: int) -> npt.NDArray[np.float64]:
        """Return the mean energy of every stretch of so many pieces."""
        energies = self._energies()
        if len(energies) < pieces:
            return np.zeros(0)
        sums = np.concatenate([[0.0], np.cumsum(energies)])
        found: npt.NDArray[np.float64] = np.maximum(sums[pieces:] - sums[:-pieces], 0.0) / pieces
        return found

    @property
    def momentary_lufs(self) -> float:
        """Of the last 400 ms; minus infinity for silence, or before there are so many."""
        return _lufs_of_last(self._energies(), _MOMENTARY)

    @property
    def short_term_lufs(self) -> float:
        """Of the last 3 seconds."""
        return _lufs_of_last(self._energies(), _SHORT)

    @property
    def integrated_lufs(self) -> float:
        """Of everything, gated."""
        blocks = self._windows(_MOMENTARY)
        loud = blocks[_lufs(blocks) > _ABSOLUTE_GATE]
        if len(loud) == 0:
            return -math.inf
        gate = float(_lufs(loud.mean())) + _RELATIVE_GATE
        return float(_lufs(loud[_lufs(loud) > gate].mean()))

    @property
    def range_lu(self) -> float:
        """The loudness range: from the 10th to the 95th percentile of the short-term loudness."""
        blocks = self._windows(_SHORT)
        loud = blocks[_lufs(blocks) > _ABSOLUTE_GATE]
        if len(loud) == 0:
            return 0.0
        gate = float(_lufs(loud.mean())) + _RANGE_GATE
        low, high = np.percentile(_lufs(loud[_lufs(loud) > gate]), [10, 95])
        return float(high - low)

    @property
    def momentary_max_lufs(self) -> float:
        """The highest momentary loudness so far, every 100 ms."""
        return float(_lufs(self._windows(_MOMENTARY)).max(initial=-math.inf))

    @property
    def short_term_max_lufs(self) -> float:
        """The highest short-term loudness so far, every 100 ms."""
        return float(_lufs(self._windows(_SHORT)).max(initial=-math.inf))

    @property
    def true_peak_dbtp(self) -> float:
        """The highest true peak of all channels so far, in dBTP; a sample's, if that is higher."""
        return _decibels(max(float(self.record["true_peak"]), float(self.record["sample_peak"])))

    @property
    def sample_peak_dbfs(self) -> float:
        """The highest sample of all channels so far, in dBFS."""
        return _decibels(float(self.record["sample_peak"]))


def _lufs(energy: Any) -> Any:
    with np.errstate(divide="ignore"):
        return _OFFSET + 10 * np.log10(energy)


def _lufs_of_last(energies: npt.NDArray[np.float64], pieces: int) -> float:
    if len(energies) < pieces:
        return -math.inf
    return float(_lufs(energies[-pieces:].mean()))


def _decibels(value: float) -> float:
    return 20 * math.log10(value) if value > 0 else -math.inf
