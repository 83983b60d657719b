"""Levels of bands of batches of windows: on a card, with and without their way to it, and here on one core."""

from __future__ import annotations

import functools
import time
from typing import Any
from unittest import mock

import numpy as np

from zerocross.compiler import entry, float32_array, monotonic_ns, record_at
from zerocross.dsp.spectra import power_to_db
from zerocross.dsp.window import design_window
from zerocross.errors import DeviceNotFound, MissingDependency
from zerocross.gpu import BandSpectra, Card
from zerocross.lab.harness import Absent, Case, Contestant
from zerocross.memory import aligned_zeros
from zerocross.spectrum import Spectrum
from zerocross.spectrum.bands import Bands, design_weights
from zerocross.spectrum.frame import TRANSFORM, add_window

RATE, POINTS, HOP, BANDS = 48_000, 2048, 256, 64
BATCHES = (1, 4, 16, 64, 256, 1024, 4096)
#: What the work and its contestants are called.
WORK = "levels of bands, a window (gpu)"
HERE, RESIDENT, UPLOADED = "one core here", "card, resident", "card, with upload"
THERE_AND_BACK, LATENCY = "card, there and back", "card, from submit to finished"


@entry("int64", "int64", "int64", "int64", "int64", "int64")
def _repeat_here(transform_address, samples, work, windows, levels, times):
    transform, window = record_at(transform_address, TRANSFORM), float32_array(work, POINTS)
    started = monotonic_ns()
    for _ in range(times):
        for k in range(windows):
            row = float32_array(levels + 4 * k * BANDS, BANDS)
            row[:] = np.float32(0.0)
            add_window(transform, float32_array(samples + 4 * k * HOP, POINTS), window, row)
            power_to_db(row, row)
    return monotonic_ns() - started


@functools.cache
def the_card() -> Card:
    """Return the card, opened once; `Absent` without one."""
    try:
        return Card()
    except (MissingDependency, DeviceNotFound) as error:
        raise Absent(str(error)) from None


@functools.cache
def the_spectra() -> BandSpectra:
    return BandSpectra(the_card(), RATE, bands=BANDS, fft_size=POINTS, hop=HOP)


def noise(windows: int) -> Any:
    """Return samples of so many windows, shape (samples,), float32."""
    count = POINTS + (windows - 1) * HOP
    x = np.random.default_rng(1).standard_normal(count, dtype=np.float32)
    x *= np.float32(0.1)
    return x


def cases() -> list[Case]:
    return [_case(windows) for windows in BATCHES]


def _case(windows: int) -> Case:
    x = noise(windows)
    here = _here(x, windows)
    kept: dict[str, Any] = {}

    def check() -> None:
        found = the_spectra().of(x).read()
        assert np.abs(found - by_numpy(x, windows, the_spectra().bands)).max() < 1e-3
        kept["samples"], kept["levels"] = the_card().upload(x), the_spectra().of(x).buffer

    def resident() -> None:
        the_spectra().run(kept["samples"], 0, windows, kept["levels"])
        the_card().wait()

    def uploaded() -> None:
        the_spectra().of(x)
        the_card().wait()

    def back() -> None:
        the_spectra().of(x).read()

    ways = {RESIDENT: resident, UPLOADED: uploaded, THERE_AND_BACK: back}
    made = [Contestant(n, call, check=check, calls_in_one=windows) for n, call in ways.items()]
    if windows == 1:
        made.append(Contestant(LATENCY, repeat=lambda n: _finished(resident, n), check=check))
    return Case(WORK, f"{windows} windows", [*made, here], [])


def _here(x: Any, windows: int) -> Contestant:
    spectrum = Spectrum(bands=BANDS, fft_size=POINTS, sample_rate=RATE, channels=1)
    levels, work = aligned_zeros((windows, BANDS)), aligned_zeros(POINTS)

    def repeat(times: int) -> int:
        addresses = (each.ctypes.data for each in (spectrum._transforms, x, work))
        return _repeat_here(*addresses, windows, levels.ctypes.data, times)

    def check() -> None:
        repeat(1)
        assert np.abs(levels - by_numpy(x, windows, spectrum.bands)).max() < 1e-3

    return Contestant(HERE, repeat=repeat, check=check, calls_in_one=windows)


def _finished(work: Any, times: int) -> int:
    """Do what submits once and waits, so many times; returns the nanoseconds from there to its end."""
    queue, spent, since = the_card().device.queue, 0, 0
    submit = queue.submit

    def noted(commands: Any) -> None:
        nonlocal since
        since = time.perf_counter_ns()
        submit(commands)

    with mock.patch.object(queue, "submit", noted):
        for _ in range(times):
            work()
            spent += time.perf_counter_ns() - since
    return spent


def shape() -> Any:
    """Return the window with its gain, shape (points,), float64."""
    window = design_window("hann", POINTS).astype(float)
    return window * (2 / window.sum())


def matrix_of(bands: Bands) -> Any:
    """Return how bins add up to bands, shape (bins, bands), float64."""
    weights = design_weights(bands, POINTS, RATE)
    matrix = np.zeros((POINTS // 2 + 1, len(bands)))
    rows = zip(weights.starts, weights.bins, weights.counts, strict=True)
    for band, (start, first, count) in enumerate(rows):
        matrix[first : first + count, band] = weights.weights[start : start + count]
    return matrix


def by_numpy(x: Any, windows: int, bands: Bands) -> Any:
    """Return levels by NumPy, in float64."""
    frames = np.lib.stride_tricks.sliding_window_view(x, POINTS)[::HOP][:windows]
    power = np.abs(np.fft.rfft(frames * shape(), axis=1)) ** 2
    return 10 * np.log10(np.maximum(power @ matrix_of(bands), 1e-20))
