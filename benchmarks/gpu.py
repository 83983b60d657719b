"""Levels of bands of batches of windows: on a card, with and without their way to it, and here on one core."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from zerocross.compiler import entry, float32_array, monotonic_ns, record_at
from zerocross.dsp.spectra import power_to_db
from zerocross.dsp.window import design_window
from zerocross.errors import DeviceNotFound, MissingDependency
from zerocross.gpu import BandSpectra, Card
from zerocross.lab.harness import Absent, Case, Contestant
from zerocross.memory import aligned_zeros
from zerocross.spectrum import Spectrum
from zerocross.spectrum.bands import design_weights
from zerocross.spectrum.frame import TRANSFORM, add_window

RATE, POINTS, HOP, BANDS = 48_000, 2048, 256, 64
BATCHES = (1, 16, 256, 4096)


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
def _card() -> Card | None:
    try:
        return Card()
    except (MissingDependency, DeviceNotFound) as error:
        raise Absent(str(error)) from None


@functools.cache
def _spectra() -> BandSpectra:
    return BandSpectra(_card(), RATE, bands=BANDS, fft_size=POINTS, hop=HOP)


def cases() -> list[Case]:
    return [_case(windows) for windows in BATCHES]


def _case(windows: int) -> Case:
    x = np.random.default_rng(1).standard_normal(POINTS + (windows - 1) * HOP).astype(np.float32)
    x *= 0.1
    spectrum = Spectrum(bands=BANDS, fft_size=POINTS, sample_rate=RATE, channels=1)
    levels, work = aligned_zeros((windows, BANDS)), aligned_zeros(POINTS)
    kept: dict[str, Any] = {}

    def here(times: int) -> int:
        addresses = (each.ctypes.data for each in (spectrum._transforms, x, work))
        return _repeat_here(*addresses, windows, levels.ctypes.data, times)

    def check_here() -> None:
        here(1)
        assert np.abs(levels - _wanted(x, windows, spectrum)).max() < 1e-3

    def check_card() -> None:
        _card()
        found = _spectra().of(x).read()
        assert np.abs(found - _wanted(x, windows, spectrum)).max() < 1e-3
        kept["samples"], kept["levels"] = _card().upload(x), _spectra().of(x)

    def resident() -> None:
        _spectra().run(kept["samples"], 0, windows, kept["levels"].buffer)
        _card().wait()

    def uploaded() -> None:
        _spectra().of(x).read()

    name = "card" if not _is_software() else "card in software"
    return Case(
        "levels of bands (gpu)",
        f"{windows} windows",
        [
            Contestant(f"{name}, resident", resident, check=check_card, calls_in_one=windows),
            Contestant(f"{name}, there and back", uploaded, check=check_card, calls_in_one=windows),
            Contestant("here, compiled", repeat=here, check=check_here, calls_in_one=windows),
        ],
        [],
    )


def _is_software() -> bool:
    try:
        return _card().is_software
    except Absent:
        return False


def _wanted(x, windows: int, spectrum: Spectrum):
    """Return levels by NumPy, in float64."""
    shape = design_window("hann", POINTS).astype(float)
    weights = design_weights(spectrum.bands, POINTS, RATE)
    frames = np.lib.stride_tricks.sliding_window_view(x, POINTS)[::HOP][:windows]
    power = np.abs(np.fft.rfft(frames * (shape * (2 / shape.sum())), axis=1)) ** 2
    matrix = np.zeros((power.shape[1], BANDS))
    rows = zip(weights.starts, weights.bins, weights.counts, strict=True)
    for band, (start, first, count) in enumerate(rows):
        matrix[first : first + count, band] = weights.weights[start : start + count]
    return 10 * np.log10(np.maximum(power @ matrix, 1e-20))
