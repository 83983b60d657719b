"""A frame of a band spectrum, compiled: what runs each time that a `Spectrum` looks.

Frames from a tap, mixed and windowed, transformed, added up in bands, in dB, smoothed, with peaks.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from zerocross.compiler import (
    entry,
    float32_array,
    float32_rows,
    float64_rows,
    int64_array,
    kernel,
    record_at,
)
from zerocross.compiler.primitives.vector import f32x16, load, multiply_add, splat, sum_lanes
from zerocross.dsp.fft import real_fft
from zerocross.dsp.fft_plan import REAL_FFT
from zerocross.dsp.spectra import power_spectrum, power_to_db
from zerocross.dsp.window import apply_window
from zerocross.memory import layout
from zerocross.spectrum.analyser import mix_window
from zerocross.spectrum.bands import TOGETHER
from zerocross.sync.tap import TAP

__all__ = [
    "FLOOR_DB",
    "NO_FRAME_BEFORE_S",
    "SPECTRUM",
    "TRANSFORM",
    "add_window",
    "next_spectrum",
    "spectrum_frame",
    "spectrum_of_tap",
]

#: The time since the frame before where there is none: all that takes time is over.
NO_FRAME_BEFORE_S = math.inf
#: Nothing is softer, in dBFS.
FLOOR_DB = -200.0

TRANSFORM = np.dtype(
    [
        (name, "i8")
        for name in (
            "size",
            "back",
            "window",
            "plan",
            "re",
            "im",
            "power",
            "first_band",
            "bands",
            "bins",
            "starts",
            "counts",
            "weights",
            "weight_count",
        )
    ]
)
_SIZE = TRANSFORM.itemsize

SPECTRUM = layout(
    setup=[
        *("transforms", "transform_count", "samples", "rows", "bands", "gains", "channels"),
        ("rate", "f8"),
    ],
    outputs=["now", "levels", "peaks", "ages"],
    control=[
        ("attack_s", "f8"),
        ("decay_s", "f8"),
        ("hold_s", "f8"),
        ("fall_db", "f8"),
    ],
    kernel=["seen"],
)


@kernel
def _add_up(power: Any, t: Any, out: Any) -> None:
    """Add bins up to bands: to what another transform has of them.

    By whole vectors: weights are 0 behind a band's own, and behind all bins are zeros.
    """
    bins, starts = int64_array(t.bins, t.bands), int64_array(t.starts, t.bands)
    counts = int64_array(t.counts, t.bands)
    weights = float32_array(t.weights, t.weight_count)
    for b in range(t.bands):
        first, start, count = bins[b], starts[b], counts[b]
        sums = splat(f32x16, np.float32(0.0))
        for k in range(0, count, TOGETHER):
            w, p = load(f32x16, weights, start + k), load(f32x16, power, first + k)
            sums = multiply_add(w, p, sums)
        out[t.first_band + b] += sum_lanes(sums)


@kernel
def add_window(t: Any, samples: Any, work: Any, out: Any) -> None:
    """Add the power in bands of a window of samples, which ``work`` may be; a `TRANSFORM` says how.

    Real-time: safe.
    """
    apply_window(samples, float32_array(t.window, t.size), work)
    half = t.size // 2 + 1
    re, im, power = (
        float32_array(t.re, half),
        float32_array(t.im, half),
        float32_array(t.power, half),
    )
    real_fft(record_at(t.plan, REAL_FFT), work, re, im)
    power_spectrum(re, im, 1.0, power)
    _add_up(power, t, out)


@kernel
def _follow(s: Any, row: Any, dt: Any) -> None:
    """Move levels and peaks on by a time: the same whatever the pieces it comes in."""
    now, levels = float32_rows(s.now, s.rows, s.bands), float64_rows(s.levels, s.rows, s.bands)
    peaks, ages = float64_rows(s.peaks, s.rows, s.bands), float64_rows(s.ages, s.rows, s.bands)
    rise = 1.0 - math.exp(-dt / s.attack_s) if s.attack_s > 0.0 else 1.0
    sink = 1.0 - math.exp(-dt / s.decay_s) if s.decay_s > 0.0 else 1.0
    for b in range(s.bands):
        wanted = max(FLOOR_DB, np.float64(now[row, b]))
        level = levels[row, b]
        level += (wanted - level) * (rise if wanted > level else sink)
        levels[row, b] = level
        if level >= peaks[row, b]:
            peaks[row, b] = level
            ages[row, b] = 0.0
        else:
            age = ages[row, b] + dt
            ages[row, b] = age
            if age > s.hold_s:
                peaks[row, b] = max(level, peaks[row, b] - s.fall_db * min(dt, age - s.hold_s))


@kernel
def spectrum_of_tap(s: Any, tap: Any, end: Any, dt: Any) -> Any:
    """Make a frame of the tap's frames before ``end``; returns whether they were intact.

    Real-time: safe.
    """
    gains = float32_rows(s.gains, s.rows, s.channels)
    now = float32_rows(s.now, s.rows, s.bands)
    intact = True
    for row in range(s.rows):
        mine = now[row]
        for b in range(s.bands):
            mine[b] = np.float32(0.0)
        for number in range(s.transform_count):
            t = record_at(s.transforms + number * _SIZE, TRANSFORM)
            samples = float32_array(s.samples, t.size)
            intact = mix_window(tap, max(0, end - t.back), gains[row], samples) and intact
            add_window(t, samples, samples, mine)
        power_to_db(mine, mine)
        _follow(s, row, dt)
    return intact


@kernel
def next_spectrum(s: Any, tap: Any, end: Any) -> Any:
    """Make a frame as much later than the last one as the tap has seen; returns whether it was intact.

    Real-time: safe.
    """
    dt = max(0, end - s.seen) / s.rate if s.seen >= 0 else NO_FRAME_BEFORE_S
    s.seen = end
    return spectrum_of_tap(s, tap, end, dt)


@entry("int64", "int64", "int64")
def spectrum_frame(address: int, tap_address: int, end: int) -> int:
    """Make the next frame of a `SPECTRUM`; returns 1, or 0 if the writer was faster."""
    made = next_spectrum(record_at(address, SPECTRUM), record_at(tap_address, TAP), end)
    return 1 if made else 0
