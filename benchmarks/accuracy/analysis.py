"""Peaks between samples, momentary loudness and spectra: against SciPy, EBU Tech 3341, Traunmüller."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.signal

from benchmarks.accuracy.row import Row
from zerocross.dsp.r128 import Loudness
from zerocross.dsp.window import WINDOWS
from zerocross.spectrum import Spectrum, design_scale

_RATE = 48_000
_Array = npt.NDArray[np.float64]


def _db(ratio: Any) -> Any:
    return 20 * np.log10(ratio)


def _faded(x: _Array, frames: int) -> _Array:
    rise = np.sin(np.pi / 2 * np.arange(frames) / frames) ** 2
    shape = np.ones(len(x))
    shape[:frames], shape[-frames:] = rise, rise[::-1]
    return x * shape


def _true_peak_db(x: _Array, rate: int = _RATE) -> float:
    meter = Loudness(rate, 1)
    meter.push(x)
    meter.finish()
    return meter.true_peak_dbtp


# --- true peaks ---------------------------------------------------------------------------------


def _tones(rate: int) -> float:
    """Return the largest error at fractions of the rate, where each period meets the same places."""
    worst = 0.0
    fractions = sorted(
        {p / q for q in range(3, 18) for p in range(1, (q + 1) // 2)} | {4300 / rate}
    )
    for fraction in fractions:
        for phase in np.arange(4) * np.pi / 4 + 0.05:
            x = _faded(np.sin(2 * np.pi * fraction * np.arange(1_200) + phase), 500)
            worst = max(worst, abs(_true_peak_db(x, rate)))
    return worst


def _ebu_tones() -> float:
    """Return the largest error of Tech 3341's cases 15 to 19."""
    cases = ((4, 0.0, 0.5), (4, 45.0, 0.5), (6, 60.0, 0.5), (8, 67.5, 0.5), (4, 45.0, 1.41))
    worst = 0.0
    for part, degrees, level in cases:
        x = level * np.sin(2 * np.pi * np.arange(_RATE) / part + math.radians(degrees))
        worst = max(worst, abs(_true_peak_db(_faded(x, 960)) - _db(level)))
    return worst


def _loud_music(seed: int, gain: float, frames: int = 1 << 16) -> _Array:
    """Return chords of saws and drums, driven into clipping, up to 20 kHz at 44.1 kHz."""
    rng = np.random.default_rng(seed)
    t = np.arange(frames) / 44_100
    x = np.zeros(frames)
    for start in range(0, frames, 8_192):
        rest = t[: frames - start]
        for hz in 110.0 * 2 ** (rng.integers(0, 36, 4) / 12):
            x[start:] += np.exp(-4 * rest) * scipy.signal.sawtooth(2 * np.pi * hz * rest)
        x[start:] += 2 * np.exp(-60 * rest) * rng.standard_normal(len(rest))
    x = np.clip(gain * x / np.abs(x).max(), -0.9, 0.9)
    low_pass = scipy.signal.firwin(401, 20_000, fs=44_100)
    return _faded(np.convolve(x, low_pass, "same"), 2_048)


def _beside_fft(signals: list[_Array]) -> float:
    """Return the largest difference from the peak of a signal interpolated 32 times by the FFT."""
    worst = 0.0
    for x in signals:
        x32 = x.astype(np.float32).astype(np.float64)
        wanted = _db(np.abs(scipy.signal.resample(x32, 32 * len(x))).max())
        worst = max(worst, abs(_true_peak_db(x, 44_100) - wanted))
    return worst


def _noise(seed: int) -> _Array:
    white = np.random.default_rng(seed).standard_normal(1 << 16)
    return _faded(np.clip(0.7 * white, -1.0, 1.0), 2_048)


def _true_peaks() -> Iterator[Row]:
    for rate, bound in ((48_000, 0.1), (96_000, 0.1), (192_000, 0.3)):
        what = f"true peak of steady tones at {rate / 1000:g} kHz, any frequency and phase"
        yield Row(what, "their amplitude", _tones(rate), bound, "dB")
    what = "true peak of EBU's test tones"
    yield Row(what, "EBU Tech 3341, cases 15 to 19", _ebu_tones(), 0.2, "dB")
    music = [_loud_music(seed, gain) for seed, gain in ((1, 1.0), (2, 3.0), (3, 12.0))]
    oracle = "scipy.signal.resample, 32 times"
    yield Row("true peak of loud and of clipped music", oracle, _beside_fft(music), 0.1, "dB")
    what = "true peak of clipped noise up to half the rate, where no filter is exact"
    yield Row(what, oracle, _beside_fft([_noise(4), _noise(5)]), 0.4, "dB")


# --- momentary loudness -------------------------------------------------------------------------


def _momentary_of_a_tone() -> float:
    """Return the largest error of Tech 3341's case 13: 400 ms at -23 LUFS, anywhere."""
    worst = 0.0
    for start in (0, *range(960, 19_200, 960), 12_345):
        x = np.zeros(start + 19_200 + 24_000)
        x[start : start + 19_200] = np.sin(2 * np.pi * 1000 / _RATE * np.arange(19_200))
        x *= 10 ** (-23 / 20)
        meter = Loudness(_RATE, 2, peaks=False)
        meter.push(np.stack([x, x]))
        worst = max(worst, abs(meter.momentary_max_lufs + 23.0))
    return worst


# --- spectra ------------------------------------------------------------------------------------


def _sines_in_bands(window: str) -> float:
    """Return the largest error of sines in the middles of bands from 4 bins (6: flat top) up."""
    least, worst = 6.0 if window == "flat_top" else 4.0, 0.0
    for size, scale in ((256, "linear"), (2048, "logarithmic"), (8192, "bark")):
        spectrum = Spectrum(window=window, fft_size=size, scale=scale, decay_s=0.0, channels=1)
        for band, hz in enumerate(spectrum.bands.centres):
            if hz > least * _RATE / size:
                turns = 2 * np.pi * hz * np.arange(size) / _RATE
                for phase in (0.3, 1.5, 2.5):
                    spectrum.push(np.sin(turns + phase))
                    spectrum.update()
                    worst = max(worst, abs(float(spectrum.now[0, band])))
    return worst


def _noise_in_bands() -> tuple[float, float, float]:
    """Return the error of the power of white noise, and steps where the transforms meet."""
    x = 0.1 * np.random.default_rng(6).standard_normal(1 << 20)
    spectrum = Spectrum(
        bands=256, per="band", align="centre", fft_size=4096, long_fft_size=16_384, decay_s=0.0,
        channels=1,
    )  # fmt: skip
    frames = []
    for start in range(0, len(x), 4_096):
        spectrum.push(x[start : start + 4_096])
        if start > 16_384:
            spectrum.update()
            frames.append(spectrum.now[0].astype(np.float64))
    found = np.array(frames)
    hz, density = scipy.signal.welch(x, _RATE, "hann", 16_384, 12_288)
    total = np.concatenate([[0.0], np.cumsum(density) * hz[1]])
    edges = spectrum.bands.edges
    wanted = (
        20 * np.diff(np.interp(edges, np.append(hz, 2 * hz[-1] - hz[-2]) - hz[1] / 2, total)) / 10
    )
    error = np.abs(10 * np.log10((10 ** (found / 10)).mean(axis=0) / wanted)).max()
    near = slice(*np.searchsorted(spectrum.bands.centres, (800.0, 12_000.0)))
    step = np.repeat([1.0, -1.0], 8) / 8  # eight bands less the eight before them
    mean = (found - 10 * np.log10(wanted)).mean(axis=0)
    level = np.abs(np.convolve(mean[near], step, "valid")).max()
    spread = np.abs(np.convolve(found.std(axis=0)[near], step, "valid")).max()
    return float(error), float(level), float(spread)


def _bark_edges() -> float:
    """Return by how much the steps of Bark bands differ, in Bark."""
    edges = design_scale("bark", 24, 20.0, 15_500.0).edges
    z = 26.81 * edges / (1960 + edges) - 0.53
    z = np.where(z < 2.0, z + 0.15 * (2.0 - z), z)
    z = np.where(z > 20.1, z + 0.22 * (z - 20.1), z)
    return float(np.ptp(np.diff(z)))


def _spectra() -> Iterator[Row]:
    for window in WINDOWS:
        bound = 0.3 if window == "rectangular" else 0.1
        bins = 6 if window == "flat_top" else 4
        what = f"level of a sine in the middle of a band, {window}, from {bins} bins up"
        yield Row(what, "its amplitude", _sines_in_bands(window), bound, "dB")
    yield Row("steps of Bark bands", "Traunmüller, 1990", _bark_edges(), 1e-9, "Bark")
    error, level, spread = _noise_in_bands()
    yield Row("power of noise in 256 bands", "scipy.signal.welch", error, 0.3, "dB")
    joint = "of noise, in dB, over eight bands where two transforms meet"
    yield Row(f"step of the mean {joint}", "none", level, 0.25, "dB")
    yield Row(f"step of the spread {joint}", "none", spread, 0.4, "dB")


def rows() -> list[Row]:
    """Measure the figures of analysis."""
    anywhere = Row(
        "momentary loudness of a tone of 400 ms, wherever it begins",
        "EBU Tech 3341, case 13",
        _momentary_of_a_tone(),
        0.1,
        "LU",
    )
    return [*_true_peaks(), anywhere, *_spectra()]
