"""Effects and instruments: true peaks that a limiter holds, aliases, decay times, panning, loops."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import scipy.signal

from benchmarks.accuracy.row import Row
from zerocross import Chain
from zerocross.effects import Limiter, Oscillator, Pan, Reverb, Sampler

_Array = npt.NDArray[np.float64]

RATE = 48_000
CEILING_DB = -1.0
_FRAMES = 1 << 14
_T = np.arange(_FRAMES)
_FADE = np.clip(np.minimum(_T, _T[::-1]) / 1000, 0, 1) ** 2


def rows() -> list[Row]:
    """Measure the effects' rows."""
    return [*_limiter_rows(), *_oscillator_rows(), *_reverb_rows(), _pan_row(), _sampler_row()]


# --- the limiter ---


def true_peak_db(signal: _Array) -> float:
    """Return the highest level of a signal that is 32 times as dense, by SciPy's transform."""
    dense = scipy.signal.resample(signal.astype(np.float64), 32 * len(signal))
    return float(20 * np.log10(np.abs(dense).max()))


def _below(signal: _Array, share: float = 0.45) -> _Array:
    """Return a signal without what lies above a share of the sample rate."""
    spectrum = np.fft.rfft(signal)
    spectrum[int(share * len(signal)) :] = 0.0
    found: _Array = np.fft.irfft(spectrum)
    return found


def _tones() -> Iterator[_Array]:
    for frequency in (0.05, 0.25, 1 / 3, 0.4, 0.43, 0.4499):
        for phase in (0.0, 0.3, np.pi / 4, 1.2):
            yield 2 * np.sin(2 * np.pi * frequency * _T + phase) * _FADE


def _inter_sample_bursts() -> Iterator[_Array]:
    """Samples of one size whose signs make them add up between two of them."""
    rng = np.random.default_rng(1)
    for place in (0.5, 0.3, 0.1):
        signal = np.zeros(_FRAMES)
        signs = np.sign(np.sinc(np.arange(-40, 41) - place))
        for at in range(2000, _FRAMES - 2000, 700):
            signal[at - 40 : at + 41] += signs * rng.choice([0.8, 1.0, 2.0, 4.0])
        yield _below(signal) * _FADE
    yield _below(rng.choice([-1.0, 1.0], _FRAMES)) * 2 * _FADE


def loud_music() -> Iterator[_Array]:
    """Chords of band-limited saws and strokes of noise, mastered up to full scale, then +6 dB."""
    rng = np.random.default_rng(3)
    for root in (110.0, 155.6):
        chord = np.zeros(_FRAMES)
        for frequency in root * np.array([1.0, 1.26, 1.5, 2.01, 4.03]):
            k = np.arange(1, int(16_000 / frequency))[:, None]
            chord += (np.sin(2 * np.pi * k * (frequency * _T / RATE + rng.random())) / k).sum(
                axis=0
            )
        strokes = rng.standard_normal(_FRAMES) * np.exp(-(_T % 4000) / 300)
        mixed = chord / np.abs(chord).max() + 0.8 * _below(strokes, 0.4)
        yield 2.0 * np.clip(mixed / np.abs(mixed).max() * 2.0, -1.0, 1.0) * _FADE


def _off_db(signals: Callable[[], Iterator[_Array]], true_peak: bool = True) -> tuple[float, float]:
    """Return how far a limiter's highest true peaks are below and above its ceiling, at most."""
    found = []
    for signal in signals():
        limiter = Limiter(CEILING_DB, knee=0.999, true_peak=true_peak)
        out = Chain(limiter).render(signal.astype(np.float32), RATE, tail_s=0.01)
        found.append(true_peak_db(out) - CEILING_DB)
    return -min(found), max(found)


def _limiter_rows() -> Iterator[Row]:
    oracle = "SciPy's 32x interpolation"
    for what, signals in (
        ("tones at 0.05 to 0.45 of the rate, +6 dB", _tones),
        ("inter-sample bursts below 0.45 of the rate", _inter_sample_bursts),
        ("clipped music, +6 dB", loud_music),
    ):
        below, above = _off_db(signals)
        yield Row(f"true-peak limiter, {what}: over the ceiling", oracle, above, 0.02, "dB")
        yield Row(f"true-peak limiter, {what}: under the ceiling", oracle, below, 0.1, "dB")


# --- the oscillator ---

SERIES: dict[str, Callable[[_Array], _Array]] = {
    "saw": lambda k: 2 / (np.pi * k),
    "square": lambda k: 4 / (np.pi * k) * (k % 2),
    "triangle": lambda k: 8 / (np.pi * k) ** 2 * (k % 2),
}


@functools.cache
def _oscillator_errors(waveform: str) -> tuple[float, float]:
    """Return the loudest alias in dB of the fundamental and the worst harmonic's error in dB.

    Tones in whole Hz for a second: every harmonic and every alias has a bin of its own.
    """
    alias, error = -np.inf, 0.0
    for rate in (44_100, 48_000):
        for frequency in (59, 441, 997, 2_003, 3_001, 3_989):
            tone = Oscillator(waveform, frequency=float(frequency), gain_db=0.0)
            out = Chain(tone).render(np.zeros(rate, np.float32), rate).astype(np.float64)
            levels = np.abs(np.fft.rfft(out))[:18_001] / (rate / 2)
            k = np.arange(1.0, 18_000 // frequency + 1)
            wanted = SERIES[waveform](k)
            there = wanted > 0
            places = (k * frequency).astype(int)
            found = 20 * np.log10(levels[places][there] / wanted[there])
            error = max(error, float(np.abs(found).max()))
            levels[places] = 0.0
            alias = max(alias, float(20 * np.log10(levels.max() / wanted[0])))
    return alias, error


def _oscillator_rows() -> Iterator[Row]:
    for waveform in SERIES:
        alias, error = _oscillator_errors(waveform)
        what = f"{waveform} of 59 to 3989 Hz at 44.1 and 48 kHz, under 18 kHz"
        yield Row(f"{what}: loudest alias", "FFT, of the fundamental", alias, -90.0, "dB")
        yield Row(f"{what}: worst harmonic", "Fourier series", error, 0.01, "dB")


# --- the reverb ---


def decay_s(response: _Array, rate: int, hz: float) -> float:
    """Return the seconds for 60 dB of a third of an octave, by Schroeder's integral (-5 to -35 dB)."""
    band = [hz * 2 ** (-1 / 6), hz * 2 ** (1 / 6)]
    sos = scipy.signal.butter(3, band, "bandpass", fs=rate, output="sos")
    energy = np.cumsum(scipy.signal.sosfilt(sos, response)[::-1] ** 2)[::-1]
    fall = 10 * np.log10(energy / energy[0] + 1e-30)
    t5, t35 = (int(np.argmax(fall < -level)) for level in (5, 35))
    return (t35 - t5) * 2 / rate


def _reverb_rows() -> Iterator[Row]:
    times: dict[float, list[float]] = {200.0: [], 4_000.0: []}
    for rate in (44_100, 48_000, 96_000, 192_000):
        click = np.zeros((2 * rate, 2), np.float32)
        click[0] = 1.0
        reverb = Reverb(decay_s=1.6, treble_decay_s=0.6, treble_hz=4_000.0, mix=1.0)
        out = Chain(reverb).render(click, rate).astype(np.float64)
        for hz, found in times.items():
            found.append(float(np.mean([decay_s(row, rate, hz) for row in out.T])))
    for hz, wanted in ((200.0, 1.6), (4_000.0, 0.6)):
        error = max(abs(found / wanted - 1) for found in times[hz])
        what = f"reverb, 44.1 to 192 kHz: decay of {wanted:g} s at {hz:g} Hz"
        yield Row(what, "Schroeder's integral", 100 * error, 7.0, "%")


# --- pan and sampler ---


def _pan_row() -> Row:
    noise = np.random.default_rng(2).uniform(-0.5, 0.5, (500, 2)).astype(np.float32)
    worst = 0.0
    for pan in (-1.0, -0.6, 0.0, 0.3, 1.0):
        x = (pan + 1 if pan <= 0 else pan) * np.pi / 2
        left, right = noise.T.astype(np.float64)
        wanted = [left + right * np.cos(x), right * np.sin(x)]
        if pan > 0:
            wanted = [left * np.cos(x), right + left * np.sin(x)]
        out = Chain(Pan(pan=pan)).render(noise, RATE)
        worst = max(worst, float(np.abs(out.T - wanted).max()))
    return Row(
        "pan of a stereo signal", "Web Audio's StereoPannerNode", worst, 1e-6, "of full scale"
    )


def _sampler_row() -> Row:
    """Measure a loop beside the same recording with the loop written out."""
    recording = np.random.default_rng(5).uniform(-0.5, 0.5, 1_200).astype(np.float32)
    unrolled = np.concatenate([recording[:1_003], np.tile(recording[480:1_003], 40)])
    worst = 0.0
    for note in (48, 61, 67):
        made = [Sampler(recording, loop=(480, 1_003)), Sampler(unrolled)]
        for sampler in made:
            sampler.note_on(note)
        a, b = (Chain(one).render(np.zeros(6_000, np.float32), RATE) for one in made)
        worst = max(worst, float(np.abs(a - b).max()))
    return Row(
        "sampler's loop across its joint", "the loop written out", worst, 1e-6, "of full scale"
    )
