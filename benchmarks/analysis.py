"""A spectrum frame, the pipeline and loudness, against NumPy, SciPy, pedalboard and pyloudnorm."""

from __future__ import annotations

import importlib.util

import numpy as np
import scipy.fft
import scipy.signal

from benchmarks.harness import Bar, Case, Contestant
from zerocross import Pipeline
from zerocross.compiler import entry, monotonic_ns, record_at
from zerocross.dsp.r128 import Loudness
from zerocross.spectrum import Spectrum
from zerocross.spectrum.frame import SPECTRUM, spectrum_of_tap
from zerocross.sync.tap import TAP

RATE, SIZE, BANDS = 48_000, 2048, 32


@entry("int64", "int64", "int64", "float64", "int64")
def _repeat_frames(spectrum, tap, end, dt, times):
    s, t = record_at(spectrum, SPECTRUM), record_at(tap, TAP)
    started = monotonic_ns()
    for _ in range(times):
        spectrum_of_tap(s, t, end, dt)
    return monotonic_ns() - started


class _NumPySpectrum:
    """The same frame with NumPy and SciPy: window, FFT, bands, dB, smoothing, peaks."""

    def __init__(self, spectrum: Spectrum) -> None:
        window = np.hanning(SIZE + 1)[:-1].astype(np.float32)
        self.window = (window * (2 / window.sum())).astype(np.float32)
        step = RATE / SIZE
        self.edges = np.maximum(1, np.rint(spectrum.bands.edges / step)).astype(int)
        self.edges = np.minimum(np.maximum.accumulate(self.edges), SIZE // 2 - 1)
        self.levels = np.full(BANDS, -200.0, np.float32)
        self.peaks = self.levels.copy()

    def frame(self, left, right):
        mono = 0.5 * (left + right)
        power = np.abs(scipy.fft.rfft(mono * self.window)) ** 2
        bands = np.add.reduceat(power, self.edges[:-1])[:BANDS] / 1.5
        levels = 10 * np.log10(np.maximum(bands, 1e-20))
        self.levels += np.where(levels > self.levels, 1.0, 0.15) * (levels - self.levels)
        self.peaks = np.maximum(self.levels, self.peaks - 0.3)
        return self.levels


def _frame() -> Case:
    spectrum = Spectrum(bands=BANDS, fft_size=SIZE, sample_rate=RATE)
    noise = (0.1 * np.random.default_rng(1).standard_normal((2, 8192))).astype(np.float32)
    spectrum.push(noise)
    end, dt = spectrum.source.written, 512 / RATE
    peer = _NumPySpectrum(spectrum)
    left, right = noise[0, -SIZE:].copy(), noise[1, -SIZE:].copy()
    s, tap = spectrum.record.address, spectrum.source.record.address

    def check() -> None:
        spectrum.update()
        wide = slice(20, BANDS)  # low bands are narrower than a bin: shared out, not rounded
        peer.levels[:] = -200.0
        assert np.abs(spectrum.now[0, wide] - peer.frame(left, right)[wide]).max() < 2.5

    return Case(
        "a spectrum frame: window, FFT, 32 bands, dB, smoothing, peaks",
        f"{SIZE} of stereo to mono",
        [
            Contestant(
                "zerocross spectrum_of_tap",
                check=check,
                repeat=lambda n: _repeat_frames(s, tap, end, dt, n),
            ),
            Contestant("NumPy and SciPy", lambda: peer.frame(left, right)),
        ],
        [Bar("NumPy and SciPy", 1 / 8)],
    )


def _pipeline() -> Case:
    frames = 512
    pipeline = Pipeline(sample_rate=RATE)
    gains = (3, -4, 5, -2, 6, -3, 2, 4)
    for band, gain in enumerate(gains):
        pipeline.update_eq_band(band, pipeline.equalizer.bands[band][1], 1.0, gain)
    block = (0.1 * np.random.default_rng(2).standard_normal((frames, 2))).astype(np.float32)
    out = np.zeros_like(block)
    sos = pipeline.equalizer.sos(RATE)
    state = np.zeros((len(sos), 2, 2))
    peer = _NumPySpectrum(pipeline.spectrum)
    history = np.zeros((2, SIZE), np.float32)

    def with_scipy():
        nonlocal state
        filtered, state = scipy.signal.sosfilt(sos, block, axis=0, zi=state)
        history[:, :-frames] = history[:, frames:]
        history[:, -frames:] = filtered.T
        return peer.frame(history[0], history[1])

    def check() -> None:
        wanted = scipy.signal.sosfilt(sos, np.tile(block, (40, 1)).astype(float), axis=0)
        for _ in range(40):
            pipeline.process(block, out)
        assert np.abs(out - wanted[-frames:]).max() < 1e-4

    contestants = [
        Contestant("zerocross Pipeline.process", lambda: pipeline.process(block, out), check=check),
        Contestant("scipy.signal.sosfilt + scipy.fft", with_scipy),
    ]
    bars = [Bar("scipy.signal.sosfilt + scipy.fft", 1 / 5)]
    if importlib.util.find_spec("pedalboard"):
        import pedalboard

        board = pedalboard.Pedalboard(
            [
                pedalboard.PeakFilter(f, g, 1.0)
                for (_, f, _, _), g in zip(pipeline.equalizer.bands, gains)
            ]
        )
        rows = np.ascontiguousarray(block.T)
        name = "pedalboard, 8 PeakFilter, no spectrum"
        contestants.append(Contestant(name, lambda: board(rows, RATE, reset=False)))
        bars.append(Bar(name, 1 / 4))
    return Case("EQ of 8 bands + spectrum, call", f"{frames} frames stereo", contestants, bars)


def _loudness() -> list[Case]:
    if not importlib.util.find_spec("pyloudnorm"):
        return []
    import pyloudnorm

    seconds = 300
    rng = np.random.default_rng(3)
    swell = 0.1 * (1.2 + np.sin(np.arange(seconds * RATE) / RATE))
    samples = (rng.standard_normal((2, seconds * RATE)) * swell).astype(np.float32)
    wide = np.ascontiguousarray(samples.T.astype(np.float64))
    peer = pyloudnorm.Meter(RATE)

    def ours() -> float:
        meter = Loudness(RATE, peaks=False)
        meter.push(samples)
        return meter.integrated_lufs

    def check() -> None:
        assert abs(ours() - peer.integrated_loudness(wide)) < 0.1

    return [
        Case(
            "integrated loudness, call",
            "5 minutes stereo, decoded",
            [
                Contestant("zerocross Loudness", ours, check=check),
                Contestant("pyloudnorm", lambda: peer.integrated_loudness(wide)),
            ],
            [Bar("pyloudnorm", 1 / 8)],
        )
    ]


def cases() -> list[Case]:
    return [_frame(), _pipeline(), *_loudness()]
