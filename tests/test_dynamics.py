"""Windows, DC blocker, limiter, true peak, mixing: small kernels with their laws."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from zerocross.compiler import (
    entry,
    float32_array,
    float32_rows,
    float64_array,
    float64_rows,
    int64_array,
    target,
)
from zerocross.dsp.dc import block_dc, design_dc_blocker
from zerocross.dsp.level import magnitude_spectrum, power_spectrum, true_peak
from zerocross.dsp.limiter import limit, make_limiter
from zerocross.dsp.mix import accumulate
from zerocross.dsp.window import WINDOWS, apply_window, design_window
from zerocross.errors import UsageError

LEVELS = target.available()
RATE = 48_000


@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("hann", "hann"),
        ("hamming", "hamming"),
        ("blackman", "blackman"),
        ("flat_top", "flattop"),
        ("rectangular", "boxcar"),
    ],
)
def test_windows_are_scipys(ours, theirs, periodic):
    for size in (2, 3, 16, 2048, 1001):
        expected = scipy.signal.get_window(theirs, size, fftbins=periodic)
        assert np.abs(design_window(ours, size, periodic) - expected).max() < 1e-6
    assert design_window(ours, 1).tolist() == [1.0]


def test_unknown_windows_are_refused():
    with pytest.raises(UsageError, match="there are rectangular, hann"):
        design_window("kaiser", 10)
    assert len(WINDOWS) == 5


@entry("int64", "int64", "int64", "int64", "int64")
def _four(kind, a, b, out, n):
    x, y, z = float32_array(a, n), float32_array(b, n), float32_array(out, n)
    if kind == 0:
        apply_window(x, y, z)
    elif kind == 1:
        accumulate(z, x, 0.75)
    elif kind == 2:
        power_spectrum(x, y, 0.5, z)
    else:
        magnitude_spectrum(x, y, 0.5, z)


@pytest.mark.parametrize("level", LEVELS)
def test_elementwise_kernels_at_every_length(level):
    for n in [*range(131), 1000]:
        rng = np.random.default_rng(n)
        x, y, start = (rng.standard_normal(n).astype(np.float32) for _ in range(3))
        wide = x.astype(np.float64), y.astype(np.float64)
        expected = [
            wide[0] * wide[1],
            start + 0.75 * wide[0],
            0.5 * (wide[0] ** 2 + wide[1] ** 2),
            0.5 * np.hypot(*wide),
        ]
        for kind, want in enumerate(expected):
            out = start.copy()
            _four.at(level)(kind, x.ctypes.data, y.ctypes.data, out.ctypes.data, n)
            assert np.allclose(out, want, rtol=3e-7, atol=1e-7), (kind, n)


@entry("int64", "int64", "int64", "float64", "int64")
def _block_dc(rows, channels, frames, pole, state):
    block_dc(float32_rows(rows, channels, frames), frames, pole, float64_rows(state, channels, 2))


def without_dc(signal, cutoff, splits):
    pole, state = design_dc_blocker(cutoff, RATE), np.zeros((len(signal), 2))
    pieces, at = [], 0
    for n in splits:
        block = signal[:, at : at + n].copy()
        _block_dc(block.ctypes.data, len(block), n, pole, state.ctypes.data)
        pieces.append(block)
        at += n
    return np.concatenate(pieces, axis=1)


def test_the_dc_blocker_is_a_first_order_high_pass():
    signal = np.random.default_rng(1).standard_normal((2, 3000)).astype(np.float32) + np.float32(
        0.5
    )
    b, a = scipy.signal.butter(1, 20, "highpass", fs=RATE)
    expected = scipy.signal.lfilter(b, a, signal.astype(np.float64), axis=1)
    assert np.abs(without_dc(signal, 20, [3000]) - expected).max() < 1e-6
    assert np.array_equal(without_dc(signal, 20, [1, 7, 992, 2000]), without_dc(signal, 20, [3000]))
    with pytest.raises(UsageError):
        design_dc_blocker(30_000, RATE)


@entry("int64", "int64", "int64", "int64", "int64", "int64", "int64")
def _limit(rows, channels, frames, settings, delay, length, gains):
    limit(
        float32_rows(rows, channels, frames),
        frames,
        float64_array(settings, 4),
        float32_rows(delay, channels, length),
        int64_array(gains, 3 * length + 8),
    )


def limited(signal, splits, **options):
    made = make_limiter(len(signal), RATE, **options)
    pieces, at = [], 0
    for n in splits:
        block = signal[:, at : at + n].copy()
        _limit(
            block.ctypes.data,
            len(block),
            n,
            made.settings.ctypes.data,
            made.delay.ctypes.data,
            made.delay.shape[1],
            made.gains.ctypes.data,
        )
        pieces.append(block)
        at += n
    return made, np.concatenate(pieces, axis=1)


def bursts(frames=20_000):
    rng = np.random.default_rng(2)
    envelope = np.repeat(10 ** rng.uniform(-2, 1, frames // 500), 500)
    return (rng.standard_normal((2, frames)) * envelope).astype(np.float32)


@pytest.mark.parametrize("ceiling", [1.0, 0.5])
def test_nothing_comes_out_above_the_ceiling(ceiling):
    signal = bursts()
    signal[:, 7000] = 1000
    _, out = limited(signal, [signal.shape[1]], ceiling=ceiling)
    assert np.abs(out).max() <= ceiling
    assert np.abs(out).max() > 0.8 * ceiling


def test_what_is_below_the_knee_passes_unchanged_but_late():
    signal = np.random.default_rng(3).uniform(-0.85, 0.85, (2, 5000)).astype(np.float32)
    made, out = limited(signal, [5000])
    late = made.latency_frames
    assert late == 239
    assert np.array_equal(out[:, late:], signal[:, :-late])
    assert not out[:, :late].any()


def test_both_channels_share_one_gain():
    signal = bursts()
    signal[1] = signal[0] * np.float32(0.25)
    _, out = limited(signal, [signal.shape[1]])
    loud = np.abs(out[0]) > 1e-3
    assert np.allclose(out[1][loud] / out[0][loud], 0.25, rtol=1e-5)


def test_the_gain_moves_slowly():
    """A single loud sample: the gain around it has no step larger than 1 / lookahead."""
    signal = np.full((1, 40_000), 0.5, np.float32)
    signal[0, 3000] = 8.0
    made, out = limited(signal, [40_000])
    gain = np.delete(out[0, made.latency_frames :] / 0.5, 3000)
    assert np.abs(np.diff(gain)).max() < 1.01 / made.delay.shape[1]
    assert gain[-1] > 0.95, "and comes back"


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(1, 700), min_size=1, max_size=10))
def test_any_split_of_the_limiter_gives_the_same_bits(splits):
    signal = bursts()[:, : sum(splits)]
    assert np.array_equal(limited(signal, splits)[1], limited(signal, [sum(splits)])[1])


def test_a_limiter_that_makes_no_sense_is_refused():
    with pytest.raises(UsageError, match="ceiling above 0"):
        make_limiter(2, RATE, ceiling=0)


@entry("int64", "int64", "int64", "int64")
def _true_peak(x, n, history, out):
    float32_array(out, 1)[0] = true_peak(float32_array(x, n), float32_array(history, 12))


def test_true_peak_finds_what_lies_between_the_samples():
    """A sine at a quarter of the rate, sampled 45 degrees off its peaks: 3 dB are hidden."""
    n = np.arange(4800)
    for frequency, phase in ((RATE / 4, np.pi / 4), (997.0, 0.3), (RATE / 6, np.pi / 3)):
        x = (0.5 * np.sin(2 * np.pi * frequency * n / RATE + phase)).astype(np.float32)
        hidden = frequency != 997.0
        assert not hidden or np.abs(x).max() < 0.5 * 0.9
        x *= np.minimum(1, np.minimum(n, n[::-1]) / 480).astype(np.float32)
        out, history = np.zeros(1, np.float32), np.zeros(12, np.float32)
        _true_peak(x.ctypes.data, len(x), history.ctypes.data, out.ctypes.data)
        # BS.1770-4: the filter's own error and the grid's are within about 0.6 dB.
        assert -0.6 < 20 * np.log10(out[0] / 0.5) < 0.3, frequency
