"""Peak and RMS of 4096 samples, and 32 bands in dB from 1025 bins, against NumPy."""

from __future__ import annotations

import numpy as np

from zerocross.compiler import entry, float32_array, int64_array, monotonic_ns
from zerocross.dsp.level import peak_and_rms
from zerocross.dsp.spectra import band_levels_db, design_bands
from zerocross.lab.harness import Bar, Case, Contestant
from zerocross.lab.peers import numpy as numpy_peer

SAMPLES, BINS, BANDS = 4096, 1025, 32


@entry("int64", "int64", "int64", "int64")
def _repeat_levels(address, samples, out, times):
    x, results = float32_array(address, samples), float32_array(out, 2)
    started = monotonic_ns()
    for _ in range(times):
        peak, rms = peak_and_rms(x)
        results[0] = peak
        results[1] = rms
    return monotonic_ns() - started


@entry("int64", "int64", "int64", "int64", "int64", "int64")
def _repeat_bands(power, bins, edges, bands, out, times):
    spectrum, limits = float32_array(power, bins), int64_array(edges, bands + 1)
    levels = float32_array(out, bands)
    started = monotonic_ns()
    for _ in range(times):
        band_levels_db(spectrum, limits, levels)
    return monotonic_ns() - started


def cases() -> list[Case]:
    return [_levels(), _bands()]


def _levels() -> Case:
    x = np.random.default_rng(3).standard_normal(SAMPLES).astype(np.float32)
    out = np.zeros(2, np.float32)

    def check() -> None:
        _repeat_levels(x.ctypes.data, SAMPLES, out.ctypes.data, 1)
        assert out[0] == np.abs(x).max()
        assert abs(out[1] - np.sqrt(np.mean(x.astype(np.float64) ** 2))) < 1e-6

    return Case(
        "peak + RMS",
        f"{SAMPLES} f32",
        [
            Contestant(
                "zerocross peak_and_rms",
                check=check,
                repeat=lambda n: _repeat_levels(x.ctypes.data, SAMPLES, out.ctypes.data, n),
            ),
            numpy_peer.peak_and_rms(x),
        ],
        [Bar("NumPy", 1 / 5)],
    )


def _bands() -> Case:
    rng = np.random.default_rng(4)
    power = (rng.standard_normal(BINS) ** 2 * 10 ** rng.uniform(-8, 0, BINS)).astype(np.float32)
    edges = design_bands(BINS, BANDS, 48_000)
    out, peer = np.zeros(BANDS, np.float32), numpy_peer.bands_db(power, edges)

    def check() -> None:
        _repeat_bands(power.ctypes.data, BINS, edges.ctypes.data, BANDS, out.ctypes.data, 1)
        assert np.abs(out - peer.call()).max() < 1e-4

    return Case(
        "bands in dB",
        f"{BANDS} of {BINS} bins",
        [
            Contestant(
                "zerocross band_levels_db",
                check=check,
                repeat=lambda n: _repeat_bands(
                    power.ctypes.data, BINS, edges.ctypes.data, BANDS, out.ctypes.data, n
                ),
            ),
            peer,
        ],
        [Bar(peer.name, 1 / 8)],
    )
