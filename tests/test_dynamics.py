"""Windows, DC blocker, limiter, true peak, mixing: small kernels with their laws."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import EACH_LEVEL
from test_biquad import in_blocks
from zerocross.compiler import entry, float32_array, float32_rows, record_at
from zerocross.dsp.between import BETWEEN_LATE, BETWEEN_PAST, peaks_between
from zerocross.dsp.dc import DC_BLOCKER, block_dc, design_dc_blocker, make_dc_blocker
from zerocross.dsp.limiter import LIMITER, limit, make_limiter
from zerocross.dsp.mix import accumulate
from zerocross.dsp.spectra import magnitude_spectrum, power_spectrum
from zerocross.dsp.true_peak import TRUE_PEAK, make_true_peak, true_peak
from zerocross.dsp.window import WINDOWS, apply_window, design_window
from zerocross.errors import UsageError

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


@pytest.mark.parametrize("level", EACH_LEVEL)
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


@entry("int64", "int64", "int64", "int64")
def _block_dc(state, rows, channels, frames):
    block_dc(record_at(state, DC_BLOCKER), float32_rows(rows, channels, frames), frames)


def without_dc(signal, cutoff, splits):
    state = make_dc_blocker(design_dc_blocker(cutoff, RATE), len(signal))
    return in_blocks(signal, splits, lambda *block: _block_dc(state.address, *block))


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


@entry("int64", "int64", "int64")
def _between(x, frames, peaks):
    size = frames + BETWEEN_PAST + 16
    peaks_between(float32_array(x, size), frames, float32_array(peaks, frames + 16))


@entry("int64", "int64", "int64", "int64")
def _limit(state, rows, channels, frames):
    limit(record_at(state, LIMITER), float32_rows(rows, channels, frames), frames)


def limited(signal, splits, **options):
    made = make_limiter(len(signal), RATE, **options)
    return made, in_blocks(signal, splits, lambda *block: _limit(made.address, *block))


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
    late = made["latency_frames"]
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
    gain = np.delete(out[0, made["latency_frames"] :] / 0.5, 3000)
    assert np.abs(np.diff(gain)).max() < 1.01 / made["lookahead"]
    assert gain[-1] > 0.95, "and comes back"


@pytest.mark.parametrize("lookahead_s", [0.001, 0.005, 0.0075])
def test_the_gain_is_down_for_as_long_as_the_limiter_looks_ahead(lookahead_s):
    """One loud sample, a release of no time: down and up again in straight lines, to the frame."""
    length = round(lookahead_s * RATE)
    signal = np.full((1, 5000), 0.25, np.float32)
    signal[0, 3000] = 4.0
    made, out = limited(signal, [5000], lookahead_s=lookahead_s, release_s=1e-6)
    assert (made["lookahead"], made["latency_frames"]) == (length, length - 1)
    gain = out[0] / np.roll(signal[0], length - 1)
    least = (0.9 + 0.1 * (1 - np.exp(-31.0))) / 4.0
    at = np.arange(5000) - 3000
    share = np.clip(length - np.abs(at - (length - 1)), 0, length) / length
    wanted = 1 - share * (1 - least)
    assert np.abs(gain - wanted)[length:].max() < 1e-6
    assert not out[0, : length - 1].any()


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(1, 700), min_size=1, max_size=10), st.booleans())
def test_any_split_of_the_limiter_gives_the_same_bits(splits, true_peak):
    signal = bursts()[:, : sum(splits)]
    whole = limited(signal, [sum(splits)], true_peak=true_peak)[1]
    assert np.array_equal(limited(signal, splits, true_peak=true_peak)[1], whole)


def test_peaks_between_samples_are_where_scipy_finds_them():
    """Of noise below 0.45 of the rate: the largest of the twelve places from each frame on."""
    rng = np.random.default_rng(8)
    spectrum = np.fft.rfft(rng.standard_normal(4096))
    spectrum[int(0.45 * 4096) :] = 0
    signal = (0.2 * np.fft.irfft(spectrum)).astype(np.float32)
    dense = scipy.signal.resample(signal.astype(np.float64), 12 * len(signal))
    wanted = np.abs(dense).reshape(-1, 12).max(axis=1)
    x = np.concatenate([np.zeros(BETWEEN_PAST), signal, np.zeros(16)]).astype(np.float32)
    peaks = np.zeros(len(signal) + 16, np.float32)
    _between(x.ctypes.data, len(signal), peaks.ctypes.data)
    error = peaks[100 + BETWEEN_LATE : 4000] - wanted[100 : 4000 - BETWEEN_LATE]
    assert -0.005 < error.min() < error.max() < 0.005 < 0.01 < peaks.max()
    start = peaks.copy()
    start[:] = 0.5
    _between(x.ctypes.data, len(signal), start.ctypes.data)
    assert np.array_equal(start[:4096], np.maximum(peaks, 0.5)[:4096]), "they rise only"


@pytest.mark.parametrize("true_peak", [False, True])
@pytest.mark.parametrize("level", EACH_LEVEL)
def test_a_limiter_of_broken_samples_is_one_of_silence(level, true_peak):
    signal = bursts(3000)
    signal[0, 100], signal[1, 200] = np.nan, np.inf
    mended = np.nan_to_num(signal, posinf=0.0)
    made = [make_limiter(2, RATE, true_peak=true_peak) for _ in range(2)]
    for state, rows in zip(made, (signal, mended), strict=True):
        _limit.at(level)(state.address, rows.ctypes.data, *rows.shape)
    assert np.array_equal(signal, mended)


def test_a_limiter_that_makes_no_sense_is_refused():
    with pytest.raises(UsageError, match="ceiling above 0"):
        make_limiter(2, RATE, ceiling=0)


@entry("int64", "int64", "int64", "int64")
def _true_peak(state, rows, channels, frames):
    true_peak(record_at(state, TRUE_PEAK), float32_rows(rows, channels, frames), frames)


def test_true_peak_finds_what_lies_between_the_samples():
    """A sine at a quarter of the rate, sampled 45 degrees off its peaks: 3 dB are hidden."""
    n = np.arange(4800)
    for frequency, phase in ((RATE / 4, np.pi / 4), (997.0, 0.3), (RATE / 6, np.pi / 3)):
        x = (0.5 * np.sin(2 * np.pi * frequency * n / RATE + phase)).astype(np.float32)
        hidden = frequency != 997.0
        assert not hidden or np.abs(x).max() < 0.5 * 0.9
        x *= np.minimum(1, np.minimum(n, n[::-1]) / 480).astype(np.float32)
        state, split = make_true_peak(2), make_true_peak(2)
        rows = np.stack([x, 0.25 * x])
        _true_peak(state.address, rows.ctypes.data, *rows.shape)
        # BS.1770-4: the filter's own error and the grid's are within about 0.6 dB.
        assert abs(20 * np.log10(state["true_peak"] / 0.5)) < 0.1, frequency
        assert state["sample_peak"] == np.abs(x).max()
        in_blocks(rows, [1, 7, 92, 4700], functools.partial(_true_peak, split.address))
        assert split["true_peak"] == state["true_peak"]
