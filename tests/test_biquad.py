"""Cascades of biquads: against SciPy in float64, in any split, at every level."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import EACH_LEVEL
from zerocross.compiler import entry, float32_rows, record_at, target
from zerocross.dsp.biquad import (
    CASCADE,
    cascade,
    cascade_in_float32,
    design_cascade,
    make_cascade,
)
from zerocross.dsp.fading_iir import FADING_IIR, fading_iir, make_fading_iir
from zerocross.dsp.iir import design_iir
from zerocross.errors import UsageError


def peaking(frequency, q, gain_db, rate):
    """The peaking filter of the RBJ cookbook."""
    a, w = 10 ** (gain_db / 40), 2 * np.pi * frequency / rate
    alpha = np.sin(w) / (2 * q)
    row = np.array(
        [1 + alpha * a, -2 * np.cos(w), 1 - alpha * a, 1 + alpha / a, -2 * np.cos(w), 1 - alpha / a]
    )
    return row / row[3]


def bands(count, rate=48_000):
    rng = np.random.default_rng(count)
    frequencies = np.geomspace(40, 15_000, count)
    return np.array(
        [peaking(f, 1.2, g, rate) for f, g in zip(frequencies, rng.uniform(-6, 6, count))]
    )


@entry("int64", "int64", "int64", "int64")
def _cascade(state, samples, channels, frames):
    cascade(record_at(state, CASCADE), float32_rows(samples, channels, frames), frames)


@entry("int64", "int64", "int64", "int64")
def _cascade_in_float32(state, samples, channels, frames):
    cascade_in_float32(record_at(state, CASCADE), float32_rows(samples, channels, frames), frames)


def in_blocks(signal, splits, run):
    """Return what becomes of a signal cut in blocks: run gets a block and its shape."""
    pieces, at = [], 0
    for frames in splits:
        block = signal[:, at : at + frames].copy()
        run(block.ctypes.data, len(block), frames)
        pieces.append(block)
        at += frames
    return np.concatenate(pieces, axis=1)


def filtered(signal, sos, splits=None, level=None, kernel=_cascade):
    state = make_cascade(design_cascade(sos), len(signal))
    run = kernel.at(level) if level else kernel
    splits = splits or [signal.shape[1]]
    return in_blocks(signal, splits, lambda *block: run(state.address, *block))


def noise(channels, frames, seed=1):
    return (0.1 * np.random.default_rng(seed).standard_normal((channels, frames))).astype(
        np.float32
    )


@pytest.mark.parametrize("level", EACH_LEVEL)
@pytest.mark.parametrize("channels", [1, 2, 3, 6])
@pytest.mark.parametrize("count", [1, 3, 8, 9, 31])
def test_equals_scipy(level, channels, count):
    signal, sos = noise(channels, 700), bands(count)
    expected = scipy.signal.sosfilt(sos, signal.astype(np.float64), axis=1)
    assert np.abs(filtered(signal, sos, level=level) - expected).max() < 2e-7


@pytest.mark.parametrize("level", EACH_LEVEL)
def test_every_short_length(level):
    sos = bands(8)
    for frames in range(131):
        signal = noise(2, frames, seed=frames)
        expected = (
            scipy.signal.sosfilt(sos, signal.astype(np.float64), axis=1) if frames else signal
        )
        assert np.abs(filtered(signal, sos, level=level) - expected).max(initial=0) < 1e-7


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 70), min_size=1, max_size=12), st.sampled_from([1, 2, 3]))
def test_any_split_gives_the_same_bits(splits, channels):
    signal, sos = noise(channels, sum(splits)), bands(11)
    assert np.array_equal(filtered(signal, sos, splits), filtered(signal, sos))


def test_a_channel_does_not_depend_on_its_neighbour():
    signal, sos = noise(3, 500), bands(8)
    together = filtered(signal, sos)
    for c in range(3):
        assert np.array_equal(filtered(signal[c : c + 1], sos)[0], together[c])


# --- in float32 -----------------------------------------------------------------------------------


def naively(signal, sos):
    """The same sections in plain float32, a sample after the other."""
    out = signal.astype(np.float32).copy()
    for row in design_cascade(sos).reshape(-1, 5, 8).transpose(0, 2, 1).reshape(-1, 5):
        b0, b1, b2, a1, a2 = row.astype(np.float32)
        s1 = s2 = np.zeros(len(out), np.float32)
        for n in range(out.shape[1]):
            x = out[:, n].copy()
            y = b0 * x + s1
            s1, s2 = a1 * y + (b1 * x + s2), a2 * y + b2 * x
            out[:, n] = y
    return out


@pytest.mark.parametrize("level", ["scalar", "sse4.1"])
@pytest.mark.parametrize("count", [3, 11])
def test_float32_is_plain_float32_to_the_bit(level, count):
    if level not in target.available():
        pytest.skip(f"no {level}")
    signal, sos = noise(3, 200), bands(count)
    found = filtered(signal, sos, level=level, kernel=_cascade_in_float32)
    assert np.array_equal(found, naively(signal, sos))


@pytest.mark.parametrize("level", EACH_LEVEL)
def test_float32_is_near_scipy_where_bands_are_usual(level):
    signal, sos = noise(2, 20_000), bands(8)
    expected = scipy.signal.sosfilt(sos, signal.astype(np.float64), axis=1)
    found = filtered(signal, sos, level=level, kernel=_cascade_in_float32)
    assert 1e-7 < np.sqrt(np.mean((found - expected) ** 2)) < 3e-5


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_float32_has_the_same_bits_in_any_split(channels):
    splits = [1, 70, 3, 0, 6, 7, 8, 400]
    signal, sos = noise(channels, sum(splits)), bands(11)
    whole = filtered(signal, sos, kernel=_cascade_in_float32)
    assert np.array_equal(filtered(signal, sos, splits, kernel=_cascade_in_float32), whole)


def test_narrow_low_bands_at_a_high_rate():
    """Eight bands from 20 to 40 Hz, Q 8, +12 dB at 96 kHz: the error stays below -130 dBFS."""
    rate = 96_000
    sos = np.array([peaking(f, 8.0, 12.0, rate) for f in np.linspace(20, 40, 8)])
    t = np.arange(4 * rate) / rate
    rng = np.random.default_rng(3)
    signal = (0.01 * np.sin(2 * np.pi * 30 * t) + 0.01 * rng.standard_normal(len(t))).astype(
        np.float32
    )
    expected = scipy.signal.sosfilt(sos, signal.astype(np.float64))
    out = filtered(signal[None], sos)[0]
    error_db = 20 * np.log10(np.sqrt(np.mean((out - expected) ** 2)))
    assert error_db < -130, error_db


@entry("int64", "int64", "int64", "int64")
def _fading(state, samples, channels, frames):
    fading_iir(record_at(state, FADING_IIR), float32_rows(samples, channels, frames), frames)


def changed(signal, before, after, at, length, block):
    """Filter a signal and change the filter on the way; ``length`` 0 changes it at once."""
    state = make_fading_iir(design_iir(before)[None], len(signal), signal.shape[1], length or 1)
    rest = signal.shape[1] - at
    pieces = [min(block, rest - done) for done in range(0, rest, block)]
    out = [in_blocks(signal, [at], lambda *part: _fading(state.address, *part))]
    state.post(design_iir(after)[None])
    out.append(in_blocks(signal[:, at:], pieces, lambda *part: _fading(state.address, *part)))
    assert state.is_settled
    return np.concatenate(out, axis=1)


def splash_dbfs(out, rate=48_000, size=8192):
    """The loudest bin above 1 kHz in any window of the signal; full-scale sines read 0."""
    window = scipy.signal.windows.blackmanharris(size)
    loudest = 0.0
    for start in range(0, len(out) - size, size // 8):
        spectrum = np.abs(np.fft.rfft(out[start : start + size] * window)) * 2 / window.sum()
        loudest = max(loudest, spectrum[round(1000 / rate * size) :].max())
    return 20 * np.log10(loudest)


def test_changing_coefficients_makes_no_splash():
    """A 50 Hz sine plays while bands go from -6 to +12 dB: nothing above -100 dBFS elsewhere."""
    rate = 48_000
    t = np.arange(rate)
    sine = (0.2 * np.sin(2 * np.pi * 50 * t / rate)).astype(np.float32)[None]
    before = np.array([peaking(f, 1.0, -6.0, rate) for f in (50, 200, 1000)])
    after = np.array([peaking(f, 1.0, 12.0, rate) for f in (60, 300, 4000)])
    smooth = changed(sine, before, after, 20_137, 2400, 64)
    abrupt = changed(sine, before, after, 20_137, 0, 64)
    assert splash_dbfs(smooth[0].astype(np.float64)) < -100
    assert splash_dbfs(abrupt[0].astype(np.float64)) > -80, "the twin: it can be heard"
    assert np.array_equal(smooth, changed(sine, before, after, 20_137, 2400, 1000))


def test_a_fade_to_the_same_filter_changes_nothing():
    signal, sos = noise(2, 5000), bands(8)
    assert np.array_equal(changed(signal, sos, sos, 1000, 2400, 100), filtered(signal, sos))


def test_no_bands_let_everything_pass():
    signal = noise(2, 100)
    assert np.array_equal(filtered(signal, np.array([[1, 0, 0, 1, 0, 0]])), signal)


def test_unnormalised_rows_are_normalised():
    signal, sos = noise(1, 100), bands(2)
    assert np.allclose(filtered(signal, 3.0 * sos), filtered(signal, sos), atol=1e-9)


@pytest.mark.parametrize(
    "wrong", [np.ones((2, 5)), [[1, 0, 0, 0, 0, 0]], [[np.nan, 0, 0, 1, 0, 0]]]
)
def test_wrong_rows_are_refused(wrong):
    with pytest.raises(UsageError, match="b0 b1 b2 a0 a1 a2"):
        design_cascade(wrong)


def test_it_calls_nothing():
    assert _cascade.verdict["calls"] == []
