"""The resampler by numbers: exact timing, distortion, ripple, aliases, any split."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zerocross.dsp.polyphase import QUALITIES
from zerocross.dsp.resample import make_resampler, resample_rows, resample_signal
from zerocross.errors import UsageError

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.accuracy.resampling import CLAIMS

CHUNK = 1024
PATH = Path(__file__).parents[1] / "docs" / "path.md"


def run(signal, rate_in, rate_out, splits=None):
    """Resample a whole signal and half a filter of silence after it."""
    made = make_resampler(rate_in, rate_out, len(signal), CHUNK)
    signal = np.concatenate([signal, np.zeros((len(signal), made.taps), np.float32)], axis=1)
    pieces, at = [], 0
    splits = list(splits or [])
    while at < signal.shape[1]:
        frames = min(splits.pop(0) if splits else CHUNK, signal.shape[1] - at)
        block = np.ascontiguousarray(signal[:, at : at + frames])
        out = np.zeros((len(signal), made.most_frames_out(frames)), np.float32)
        count = resample_rows(
            made.address, block.ctypes.data, frames, out.ctypes.data, out.shape[1]
        )
        pieces.append(out[:, :count])
        at += frames
    return np.concatenate(pieces, axis=1)


def sine(frequency, rate, seconds=1.0, level=0.9):
    t = np.arange(round(seconds * rate)) / rate
    return (level * np.sin(2 * np.pi * frequency * t)).astype(np.float32)[None]


def middle(out, rate):
    return out[0, rate // 10 : rate // 10 + rate // 2].astype(np.float64)


def residual_db(out, frequency, rate, level=0.9):
    """THD+N: what is left after the best-fitting sine, against the sine."""
    n = np.arange(len(out))
    basis = np.stack(
        [np.sin(2 * np.pi * frequency * n / rate), np.cos(2 * np.pi * frequency * n / rate)]
    )
    fit, *_ = np.linalg.lstsq(basis.T, out, rcond=None)
    rest = out - fit @ basis
    return 20 * np.log10(np.sqrt(2 * np.mean(rest**2)) / level), float(np.hypot(*fit))


@pytest.mark.parametrize(
    ("rate_in", "rate_out"), [(44_100, 48_000), (48_000, 44_100), (48_000, 96_000)]
)
@pytest.mark.parametrize("frequency", [1000, 15_000])
def test_distortion_and_noise(rate_in, rate_out, frequency):
    out = middle(run(sine(frequency, rate_in), rate_in, rate_out), rate_out)
    assert residual_db(out, frequency, rate_out)[0] <= -135


@pytest.mark.parametrize(("rate_in", "rate_out"), [(44_100, 48_000), (48_000, 44_100)])
def test_ripple(rate_in, rate_out):
    for frequency in [20, 100, 5000, 12_000, 18_000, 19_500, 20_000, 20_070]:
        out = middle(run(sine(frequency, rate_in), rate_in, rate_out), rate_out)
        _, level = residual_db(out, frequency, rate_out)
        assert abs(20 * np.log10(level / 0.9)) <= 1e-4, frequency


@pytest.mark.parametrize(
    ("rate_in", "rate_out", "frequency", "image"),
    [
        (8_000, 48_000, 3_960, 4_040),
        (48_000, 44_100, 22_100, 22_000),
        (48_000, 44_100, 22_060, 22_040),
    ],
)
def test_a_tone_beside_the_lower_nyquist_frequency_is_not_folded(
    rate_in, rate_out, frequency, image
):
    out = middle(run(sine(frequency, rate_in), rate_in, rate_out), rate_out)
    window = np.kaiser(len(out), 25)  # side lobes below -180 dB
    n = np.arange(len(out))
    found = abs(np.exp(-2j * np.pi * image / rate_out * n) @ (out * window)) * 2 / window.sum()
    assert 20 * np.log10(found / 0.9) < -130


def test_the_document_claims_what_is_measured():
    rows = re.findall(r"^\| `([a-z ]+)`.*\|$", PATH.read_text(), re.MULTILINE)
    assert rows == list(QUALITIES) == list(CLAIMS)
    for name, (worst, edge, _) in CLAIMS.items():
        line = next(x for x in PATH.read_text().splitlines() if x.startswith(f"| `{name}`"))
        taps = make_resampler(44_100, 48_000, 1, CHUNK, name).taps
        assert all(f"{word} " in line for word in (f"{worst:.0f} dB", f"{edge}, within 0.0001 dB"))
        assert f"{taps} taps" in line
        assert f"{taps // 2} frames, {500 * taps / 44_100:.1f} ms" in line
        assert f"{edge * 22.05 - 0.05:.1f} kHz" in line, "rounded down"


def test_filters_of_one_ratio_and_quality_are_one():
    """They are made once in a process, however many streams are opened."""
    a = make_resampler(44_100, 48_000, 2, CHUNK, "very high")
    b = make_resampler(88_200, 96_000, 1, 64, "very-high")
    assert a.arrays["phases"] is b.arrays["phases"]
    assert a.arrays["phases"] is not make_resampler(44_100, 48_000, 2, 64).arrays["phases"]
    with pytest.raises(ValueError, match="read-only"):
        a.arrays["phases"][0, 0] = 1.0


@pytest.mark.parametrize("quality", ["best", "HIGHEST", "", None, 5, ["high"]])
def test_no_other_quality_is_taken(quality):
    with pytest.raises(UsageError, match="give 'medium', 'high' or 'very high'"):
        make_resampler(44_100, 48_000, 2, CHUNK, quality)
    with pytest.raises(UsageError, match="give 'medium', 'high' or 'very high'"):
        resample_signal(np.zeros(10), 48_000, 48_000, quality)


def test_what_the_lower_rate_cannot_hold_is_gone():
    """96 to 48 kHz: tones above 24 kHz would alias."""
    for frequency in [25_000, 28_000, 34_000, 47_000]:
        out = middle(run(sine(frequency, 96_000), 96_000, 48_000), 48_000)
        assert 20 * np.log10(np.sqrt(2 * np.mean(out**2)) / 0.9) < -130, frequency


@pytest.mark.parametrize(
    ("rate_in", "rate_out"), [(44_100, 48_000), (48_000, 44_100), (44_100, 44_101)]
)
def test_time_is_kept(rate_in, rate_out):
    """Frame n of the output is the signal at the time n / rate_out."""
    out = run(sine(997, rate_in), rate_in, rate_out)
    expected = sine(997, rate_out)
    part = slice(rate_out // 10, rate_out // 2)
    assert np.abs(out[0, part] - expected[0, part]).max() < 2e-6


def test_a_ratio_of_large_numbers_is_good_too():
    out = middle(run(sine(15_000, 44_100), 44_100, 47_999), 47_999)
    assert residual_db(out, 15_000, 47_999)[0] <= -135


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(1, CHUNK), min_size=1, max_size=8))
def test_any_split_gives_the_same_bits(splits):
    signal = np.random.default_rng(1).standard_normal((2, 6000)).astype(np.float32)
    assert np.array_equal(run(signal, 44_100, 48_000, splits), run(signal, 44_100, 48_000))


def test_channels_do_not_mix():
    rng = np.random.default_rng(2)
    signal = rng.standard_normal((2, 4000)).astype(np.float32)
    both = run(signal, 48_000, 44_100)
    for c in range(2):
        assert np.array_equal(run(signal[c : c + 1], 48_000, 44_100)[0], both[c])


def test_a_whole_signal_may_lie_in_memory_as_it_will():
    signal = np.random.default_rng(3).standard_normal((4000, 2)).astype(np.float32)
    in_order = resample_signal(np.ascontiguousarray(signal.T), 48_000, 44_100, "high")
    assert np.array_equal(resample_signal(signal.T, 48_000, 44_100, "high"), in_order)
    assert np.array_equal(in_order, run(signal.T, 48_000, 44_100)[:, : in_order.shape[1]])


def test_equal_rates_pass_the_band():
    out = run(sine(1000, 48_000), 48_000, 48_000)
    assert np.abs(out[0, 1000:40_000] - sine(1000, 48_000)[0, 1000:40_000]).max() < 2e-6


@pytest.mark.parametrize(("rate_in", "rate_out"), [(0, 48_000), (48_000, -1), (1, 48_000)])
def test_impossible_rates_are_refused(rate_in, rate_out):
    with pytest.raises(UsageError, match="factor of 256"):
        make_resampler(rate_in, rate_out, 2, CHUNK)


def test_it_calls_nothing():
    assert resample_rows.verdict["calls"] == []
