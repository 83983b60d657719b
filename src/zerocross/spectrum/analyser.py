"""Web Audio's AnalyserNode, to the letter of its specification, over a tap.

The last ``fft_size`` frames, mixed to mono, times a Blackman window (alpha 0.16, periodic), through
a transform divided by its size; magnitudes smoothed from one read to the next; decibels; bytes
(W3C, Web Audio API, section 1.8.6, "FFT Windowing and Smoothing over Time"). Asked again within a
render quantum of 128 frames it answers the same.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.compiler import entry, float32_array, kernel, record_at, uint8_array
from zerocross.dsp.fft import real_fft
from zerocross.dsp.fft_plan import REAL_FFT, make_real_fft
from zerocross.dsp.spectra import magnitude_spectrum, power_to_db
from zerocross.dsp.window import apply_window, design_window
from zerocross.errors import UsageError
from zerocross.memory import Record, aligned_zeros, layout
from zerocross.sync.tap import TAP, Tap, tap_is_intact, tap_window

__all__ = ["Analyser", "mix_window"]

_QUANTUM = 128
_SIZES = (32, 32_768)
_TRIES = 100

_ANALYSER = layout(
    setup=["size", "window", "plan", "time", "windowed", "re", "im"],
    outputs=["smoothed", "decibels", "bytes", "time_bytes"],
    control=[("smoothing", "f8"), ("min_db", "f8"), ("max_db", "f8")],
)


@kernel
def mix_window(tap: Any, end: Any, gains: Any, out: Any) -> Any:
    """Write the frames before ``end`` of a tap, its channels times gains; returns whether intact.

    What was not written yet is 0. Real-time: safe.
    """
    size = out.size
    start = max(0, end - size)
    count = end - start
    for i in range(size - count):
        out[i] = np.float32(0.0)
    for c in range(tap.channels):
        row = tap_window(tap, c, start, count)
        gain = gains[c]
        if c == 0:
            for i in range(count):
                out[size - count + i] = gain * row[i]
        elif gain != np.float32(0.0):
            for i in range(count):
                out[size - count + i] += gain * row[i]
    return tap_is_intact(tap, start)


@entry("int64", "int64", "int64", "int64")
def _take_time(address: int, tap_address: int, gains: int, end: int) -> int:
    """Take the last frames; returns 1, or 0 if the writer was faster."""
    a, tap = record_at(address, _ANALYSER), record_at(tap_address, TAP)
    time = float32_array(a.time, a.size)
    return 1 if mix_window(tap, end, float32_array(gains, tap.channels), time) else 0


@entry("int64", "float64")
def _take_frequencies(address: int, smoothing: float) -> None:
    """Transform what was taken and smooth it."""
    a = record_at(address, _ANALYSER)
    bins = a.size // 2
    windowed = float32_array(a.windowed, a.size)
    re, im = float32_array(a.re, bins + 1), float32_array(a.im, bins + 1)
    apply_window(float32_array(a.time, a.size), float32_array(a.window, a.size), windowed)
    real_fft(record_at(a.plan, REAL_FFT), windowed, re, im)
    magnitudes = windowed[:bins]
    magnitude_spectrum(re[:bins], im[:bins], 1.0 / a.size, magnitudes)
    smoothed, decibels = float32_array(a.smoothed, bins), float32_array(a.decibels, bins)
    for k in range(bins):
        value = smoothing * smoothed[k] + (1.0 - smoothing) * magnitudes[k]
        smoothed[k] = np.float32(value if value - value == 0.0 else 0.0)
        magnitudes[k] = smoothed[k] * smoothed[k]
    power_to_db(magnitudes, decibels)
    for k in range(bins):
        if smoothed[k] == np.float32(0.0):
            decibels[k] = np.float32(-np.inf)


@entry("int64")
def _write_bytes(address: int) -> None:
    a = record_at(address, _ANALYSER)
    bins = a.size // 2
    decibels, out = float32_array(a.decibels, bins), uint8_array(a.bytes, bins)
    scale = 255.0 / (a.max_db - a.min_db)
    for k in range(bins):
        out[k] = np.uint8(min(255.0, max(0.0, math.floor(scale * (decibels[k] - a.min_db)))))


@entry("int64")
def _write_time_bytes(address: int) -> None:
    a = record_at(address, _ANALYSER)
    time, out = float32_array(a.time, a.size), uint8_array(a.time_bytes, a.size)
    for i in range(a.size):
        out[i] = np.uint8(min(255.0, max(0.0, math.floor(128.0 * (1.0 + time[i])))))


class Analyser:
    """Web Audio's AnalyserNode over a tap, or over what is pushed.

    Parameters
    ----------
    source : Tap or None
        What to look at, such as ``player.tap``; None for a tap of its own, fed by `push`.
    fft_size : int
        A power of two from 32 to 32768.
    smoothing : float
        ``smoothingTimeConstant``, 0 to 1: the share of the read before.
    min_db, max_db : float
        What bytes of 0 and 255 stand for.
    time_constant_s : float or None
        With it, smoothing follows time and not reads: what was falls by 1/e in it.
    sample_rate : int
        For ``time_constant_s``.
    channels : int
        Of a tap of its own.

    Notes
    -----
    What the methods return are views of its own buffers, written again by the next read. Nothing
    is allocated for a read, and playback is never held up.

    """

    def __init__(
        self,
        source: Tap | None = None,
        fft_size: int = 2048,
        smoothing: float = 0.8,
        min_db: float = -100.0,
        max_db: float = -30.0,
        time_constant_s: float | None = None,
        sample_rate: int = 48_000,
        channels: int = 2,
    ) -> None:
        self.source = source or Tap(2 * _SIZES[1], channels)
        count = self.source.channels
        self._gains = aligned_zeros(count)
        self._gains[:] = 1.0 / count
        self._sample_rate = sample_rate
        if time_constant_s is not None and not time_constant_s > 0:
            raise UsageError(f"time_constant_s={time_constant_s}: give seconds above 0")
        self.time_constant_s = time_constant_s
        self._min_db, self._max_db, self._smoothing = -100.0, -30.0, 0.8
        self._set_range(min_db, max_db)
        self.smoothing = smoothing
        self.fft_size = fft_size

    # --- as the specification names them, in Python's spelling -------------------------------

    @property
    def fft_size(self) -> int:
        """Frames that are looked at; a new size forgets what was smoothed."""
        return self._size

    @fft_size.setter
    def fft_size(self, size: int) -> None:
        if size & (size - 1) or not _SIZES[0] <= size <= _SIZES[1]:
            raise UsageError(f"fft_size={size}: give a power of two from 32 to 32768")
        if size > self.source.frames // 2:
            raise UsageError(f"fft_size={size}: the tap keeps only {self.source.frames} frames")
        self._size = size
        self._plan = make_real_fft(size)
        self._window = design_window("blackman", size)
        self._buffers = {
            name: aligned_zeros(length, kind)
            for name, length, kind in (
                ("time", size, np.float32),
                ("windowed", size, np.float32),
                ("re", size // 2 + 1, np.float32),
                ("im", size // 2 + 1, np.float32),
                ("smoothed", size // 2, np.float32),
                ("decibels", size // 2, np.float32),
                ("bytes", size // 2, np.uint8),
                ("time_bytes", size, np.uint8),
            )
        }
        self._record = Record(_ANALYSER)
        self._record.fill(
            size=size,
            window=self._window.ctypes.data,
            plan=self._plan.address,
            min_db=self._min_db,
            max_db=self._max_db,
            **{name: buffer.ctypes.data for name, buffer in self._buffers.items()},
        )
        self._time_at = self._frequencies_at = -1
        self._last_end = 0

    @property
    def frequency_bin_count(self) -> int:
        """Half of ``fft_size``."""
        return self._size // 2

    @property
    def smoothing(self) -> float:
        """``smoothingTimeConstant``."""
        return self._smoothing

    @smoothing.setter
    def smoothing(self, value: float) -> None:
        if not 0.0 <= value <= 1.0:
            raise UsageError(f"smoothing={value}: give 0 to 1")
        self._smoothing = float(value)

    @property
    def min_db(self) -> float:
        """``minDecibels``: what a byte of 0 stands for."""
        return self._min_db

    @min_db.setter
    def min_db(self, value: float) -> None:
        self._set_range(value, self._max_db)

    @property
    def max_db(self) -> float:
        """``maxDecibels``: what a byte of 255 stands for."""
        return self._max_db

    @max_db.setter
    def max_db(self, value: float) -> None:
        self._set_range(self._min_db, value)

    def _set_range(self, low: float, high: float) -> None:
        if not low < high:
            raise UsageError(f"min_db={low}, max_db={high}: the first has to be the lower one")
        self._min_db, self._max_db = float(low), float(high)
        if hasattr(self, "_record"):
            self._record.fill(min_db=self._min_db, max_db=self._max_db)

    # --- reading --------------------------------------------------------------------------------

    def push(self, rows: npt.ArrayLike) -> None:
        """Feed planar frames, shape (channels, frames), where it has a tap of its own."""
        self.source.push(rows)

    def float_time_domain_data(self, end: int | None = None) -> npt.NDArray[np.float32]:
        """Return the last frames, mono; ``end`` looks back to a frame of the tap."""
        self._take(end)
        return self._buffers["time"]

    def byte_time_domain_data(self, end: int | None = None) -> npt.NDArray[np.uint8]:
        """Return the same as bytes: 0 for -1, 128 for 0, 255 for 1."""
        self._take(end)
        _write_time_bytes(self._record.address)
        return self._buffers["time_bytes"]

    def float_frequency_data(self, end: int | None = None) -> npt.NDArray[np.float32]:
        """Return the smoothed spectrum in dB; silence is minus infinity."""
        self._transform(end)
        return self._buffers["decibels"]

    def byte_frequency_data(self, end: int | None = None) -> npt.NDArray[np.uint8]:
        """Return the same as bytes from ``min_db`` to ``max_db``."""
        self._transform(end)
        _write_bytes(self._record.address)
        return self._buffers["bytes"]

    def _take(self, end: int | None) -> int:
        """Take the frames before ``end`` unless they are there; returns their quantum."""
        for _ in range(_TRIES):
            stop = self.source.written if end is None else end
            quantum = stop // _QUANTUM
            if quantum == self._time_at:
                return quantum
            if not 0 <= stop <= self.source.written:
                raise UsageError(f"frame {stop} of a tap that has seen {self.source.written}")
            self._end = stop
            if _take_time(
                self._record.address, self.source.record.address, self._gains.ctypes.data, stop
            ):
                self._time_at = quantum
                return quantum
        raise UsageError(f"the tap of {self.source.frames} frames is too short for {self._size}")

    def _transform(self, end: int | None) -> None:
        quantum = self._take(end)
        if quantum == self._frequencies_at:
            return
        self._frequencies_at = quantum
        smoothing = self._smoothing
        if self.time_constant_s is not None:
            passed = (self._end - self._last_end) / self._sample_rate
            smoothing = math.exp(-max(0.0, passed) / self.time_constant_s)
        self._last_end = self._end
        _take_frequencies(self._record.address, smoothing)
