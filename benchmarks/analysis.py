"""A spectrum frame, the pipeline and loudness, against NumPy, SciPy, pedalboard and pyloudnorm."""

from __future__ import annotations

import numpy as np
import scipy.signal

from zerocross import Pipeline
from zerocross.compiler import entry, monotonic_ns, record_at
from zerocross.dsp.r128 import Loudness
from zerocross.lab.harness import Bar, Case, Contestant
from zerocross.lab.peers import find
from zerocross.lab.peers import scipy as scipy_peer
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


def _frame() -> Case:
    spectrum = Spectrum(bands=BANDS, fft_size=SIZE, sample_rate=RATE)
    noise = (0.1 * np.random.default_rng(1).standard_normal((2, 8192))).astype(np.float32)
    spectrum.push(noise)
    end, dt = spectrum.source.written, 512 / RATE
    peer = scipy_peer.SpectrumFrame(SIZE, spectrum.bands.edges, RATE)
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
            scipy_peer.spectrum_frame(peer, left, right),
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
    peer = scipy_peer.SpectrumFrame(SIZE, pipeline.spectrum.bands.edges, RATE)

    def check() -> None:
        wanted = scipy.signal.sosfilt(sos, np.tile(block, (40, 1)).astype(float), axis=0)
        for _ in range(40):
            pipeline.process(block, out)
        assert np.abs(out - wanted[-frames:]).max() < 1e-4

    contestants = [
        Contestant("zerocross Pipeline.process", lambda: pipeline.process(block, out), check=check),
        scipy_peer.equalizer_and_spectrum(sos, block, peer),
    ]
    bars = [Bar("scipy.signal.sosfilt + scipy.fft", 1 / 5)]
    if pedalboard := find("pedalboard"):
        bands = zip((band[1] for band in pipeline.equalizer.bands), gains)
        board = pedalboard.peak_filters(list(bands), 1.0)
        theirs = pedalboard.equalizer(board, np.ascontiguousarray(block.T), RATE)
        theirs.name += ", no spectrum"
        contestants.append(theirs)
        bars.append(Bar(theirs.name, 1 / 4))
    return Case("EQ of 8 bands + spectrum, call", f"{frames} frames stereo", contestants, bars)


def _loudness() -> list[Case]:
    pyloudnorm = find("pyloudnorm")
    if not pyloudnorm:
        return []
    seconds = 300
    rng = np.random.default_rng(3)
    swell = 0.1 * (1.2 + np.sin(np.arange(seconds * RATE) / RATE))
    samples = (rng.standard_normal((2, seconds * RATE)) * swell).astype(np.float32)
    wide = np.ascontiguousarray(samples.T.astype(np.float64))
    peer = pyloudnorm.integrated_loudness(wide, RATE)

    def ours() -> float:
        meter = Loudness(RATE, peaks=False)
        meter.push(samples)
        return meter.integrated_lufs

    def check() -> None:
        assert abs(ours() - peer.call()) < 0.1

    return [
        Case(
            "integrated loudness, call",
            "5 minutes stereo, decoded",
            [Contestant("zerocross Loudness", ours, check=check), peer],
            [Bar(peer.name, 1 / 8)],
        )
    ]


def cases() -> list[Case]:
    return [_frame(), _pipeline(), *_loudness()]
