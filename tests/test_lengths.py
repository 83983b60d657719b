"""Kernels at many lengths, at any alignment, and on rows of larger arrays."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal

import oracles
from conftest import EACH_LEVEL
from test_biquad import _cascade, bands
from test_dsp import _decibels, _int16, _interleaved, _peak_rms
from test_dynamics import _block_dc, _four, _limit
from test_vector import _gain
from zerocross.compiler import target
from zerocross.dsp.biquad import cascade, design_cascade, make_cascade
from zerocross.dsp.convert import interleave_int16
from zerocross.dsp.dc import design_dc_blocker, make_dc_blocker
from zerocross.dsp.fft import real_fft
from zerocross.dsp.fft_plan import make_real_fft
from zerocross.dsp.gain import gain
from zerocross.dsp.interleave import interleave
from zerocross.dsp.level import peak_and_rms
from zerocross.dsp.limiter import make_limiter
from zerocross.dsp.resample import make_resampler, resample_rows
from zerocross.dsp.spectra import power_to_db
from zerocross.dsp.window import apply_window, design_window

LEVELS = target.available()


def lengths(level):
    """A thousand lengths at the best level, a hundred at the others."""
    count = 1000 if level == LEVELS[-1] else 100
    return np.random.default_rng(21).integers(0, 3000, count).tolist()


def shifted(values, offset):
    """Return the values at an address that is ``offset`` bytes (a multiple of 4) off a line."""
    raw = np.zeros(values.nbytes + 128, np.uint8)
    start = -raw.ctypes.data % 64 + offset
    view = raw[start : start + values.nbytes].view(values.dtype).reshape(values.shape)
    view[:] = values
    return raw, view


@pytest.mark.parametrize("level", EACH_LEVEL)
def test_random_lengths_and_alignments(level):
    scale, narrow, levels, four = (e.at(level) for e in (_gain, _int16, _peak_rms, _four))
    rng = np.random.default_rng(22)
    for n in lengths(level):
        values = rng.uniform(-1.1, 1.1, n).astype(np.float32)
        raw, x = shifted(values, 4 * int(rng.integers(0, 16)))
        out = np.full(n + 1, 77, np.int16)
        narrow(x.ctypes.data, out.ctypes.data, n, 1.0, 0, 0, 0)
        assert out[n] == 77
        if n < 300:
            assert np.array_equal(out[:n], oracles.to_integer(values, 16))
        found = np.zeros(2, np.float32)
        levels(x.ctypes.data, n, found.ctypes.data)
        assert found[0] == np.abs(values).max(initial=0)
        total = np.zeros(n + 1, np.float32)
        four(1, x.ctypes.data, x.ctypes.data, total.ctypes.data, n)
        assert np.allclose(total[:n], values * 0.75, rtol=1e-6)
        assert total[n] == 0
        before = raw.copy()
        scale(x.ctypes.data, n, 0.5)
        assert np.array_equal(x, values * np.float32(0.5))
        x[:] = values
        assert np.array_equal(raw, before), "nothing around it was touched"


@pytest.mark.parametrize("row", [0, 1, 2])
def test_rows_of_a_larger_array_from_python(row):
    rows = np.random.default_rng(23).standard_normal((3, 1001)).astype(np.float32)
    before = rows.copy()
    gain(rows[row], 0.25)
    before[row] *= np.float32(0.25)
    assert np.array_equal(rows, before)
    peak, rms = peak_and_rms(rows[row])
    assert peak == np.abs(rows[row]).max()
    assert rms == pytest.approx(np.sqrt(np.mean(rows[row].astype(np.float64) ** 2)), rel=1e-6)


def run_cascade(level, rows):
    state = make_cascade(design_cascade(SOS), len(rows))
    _cascade.at(level)(state.address, rows.ctypes.data, *rows.shape)
    return rows


def run_dc(level, rows):
    state = make_dc_blocker(design_dc_blocker(20, 48_000), len(rows))
    _block_dc.at(level)(state.address, rows.ctypes.data, *rows.shape)
    return rows


def run_limiter(level, rows):
    state = make_limiter(len(rows), 48_000, ceiling=0.5)
    _limit.at(level)(state.address, rows.ctypes.data, *rows.shape)
    return rows


def run_resampler(level, rows):
    made = make_resampler(44_100, 48_000, len(rows), LONGEST)
    room = made.most_frames_out(rows.shape[1])
    _, out = shifted(np.zeros((len(rows), room), np.float32), 12)
    count = resample_rows.at(level)(
        made.address, rows.ctypes.data, rows.shape[1], out.ctypes.data, room
    )
    return out[:, :count]


def run_interleave(level, rows):
    out = np.zeros(rows.size + 1, np.float32)
    _interleaved.at(level)(rows.ctypes.data, *rows.shape, out.ctypes.data, 0)
    assert out[-1] == 0
    return out[:-1].reshape(rows.shape[::-1]).T


LONGEST = 3000
SOS = bands(8)
#: Streaming kernels with an oracle for the longest signal; a shorter one must give its beginning.
STREAMING = {
    "cascade": (run_cascade, lambda x: scipy.signal.sosfilt(SOS, x, axis=1), 1e-6),
    "dc": (
        run_dc,
        lambda x: scipy.signal.lfilter(*scipy.signal.butter(1, 20, "high", fs=48_000), x, axis=1),
        1e-6,
    ),
    "limiter": (run_limiter, oracles.limiter, 1e-6),
    "resampler": (run_resampler, oracles.resample, 2e-6),
    "interleave": (run_interleave, lambda x: x, 0),
}


@pytest.mark.parametrize("level", EACH_LEVEL)
@pytest.mark.parametrize("name", STREAMING)
def test_streaming_kernels_at_random_lengths_and_alignments(level, name):
    """Every length gives the beginning of what the oracle says of the longest signal."""
    run, oracle, tolerance = STREAMING[name]
    rng = np.random.default_rng(24)
    for channels in (1, 2, 3):
        signal = rng.uniform(-1, 1, (channels, LONGEST)).astype(np.float32)
        expected = oracle(signal.astype(np.float64))
        for n in [*range(131 if channels == 2 else 0), *lengths(level)[channels - 1 :: 3]]:
            offset = 4 * int(rng.integers(0, 16))
            raw, rows = shifted(np.ascontiguousarray(signal[:, :n]), offset)
            before = raw.copy()
            out = run(level, rows)
            assert np.abs(out - expected[:, : out.shape[1]]).max(initial=0) <= tolerance, n
            rows[:] = 0
            before[-raw.ctypes.data % 64 + offset :][: rows.nbytes] = 0
            assert np.array_equal(raw, before), "nothing around it was touched"


SPECIAL = np.array(
    [np.nan, np.inf, -np.inf, 1e-40, -1e-45, 1, -1, 1.0000001, -1.0000001, 3e38, 0, -0.0, 0.25] * 5,
    np.float32,
)


@pytest.mark.parametrize("level", EACH_LEVEL)
def test_nan_infinities_denormals_and_the_edges_of_full_scale(level):
    """Conversions have theirs in test_dsp, vectors in test_vector; here are the others."""
    expected = SPECIAL * np.float32(0.5)
    x = SPECIAL.copy()
    _gain.at(level)(x.ctypes.data, x.size, 0.5)
    assert np.array_equal(x, expected, equal_nan=True)
    found = np.zeros(2, np.float32)
    for part in (SPECIAL, SPECIAL[1:4].copy(), SPECIAL[3:9].copy()):
        _peak_rms.at(level)(part.ctypes.data, part.size, found.ctypes.data)
        with np.errstate(over="ignore"):
            rms = np.sqrt(np.mean(part.astype(np.float64) ** 2))
        assert np.array_equal(found[0], np.abs(part).max(), equal_nan=True)
        assert np.isclose(found[1], rms, rtol=1e-6, equal_nan=True)
    powers = np.abs(SPECIAL)
    out = np.zeros_like(powers)
    _decibels.at(level)(powers.ctypes.data, out.ctypes.data, out.size)
    plain = np.isfinite(powers)
    assert np.allclose(out[plain], 10 * np.log10(np.maximum(powers[plain], 1e-30)), atol=2e-5)
    assert (out[np.isnan(powers)] == -300).all()
    assert np.allclose(out[np.isinf(powers)], 385.32, atol=0.01)
    limited = run_limiter(level, np.concatenate([SPECIAL, np.full(30_000, 0.3, np.float32)])[None])
    assert np.isfinite(limited).all()
    assert np.abs(limited).max() <= 0.5
    assert limited[0, -1] == pytest.approx(0.3, rel=0.02), "it comes back"
    tiny = np.full((2, 400), 1e-40, np.float32)
    want = scipy.signal.sosfilt(SOS, tiny.astype(np.float64), axis=1)
    assert np.abs(run_cascade(level, tiny.copy()) - want).max() < 1e-44


@pytest.mark.parametrize("level", EACH_LEVEL)
def test_what_is_not_finite_stays_in_its_channel_and_its_reach(level):
    """A filter keeps a NaN, a resampler forgets it after its taps; neighbours are not touched."""
    rows = np.random.default_rng(26).uniform(-1, 1, (2, 2000)).astype(np.float32)
    dirty = rows.copy()
    dirty[0, 500], dirty[0, 510] = np.nan, np.inf
    for run in (run_cascade, run_dc, run_resampler):
        clean, out = run(level, rows.copy()), run(level, dirty.copy())
        assert np.array_equal(out[1], clean[1])
        assert np.array_equal(out[0, :400], clean[0, :400])
        assert not np.isfinite(out[0]).all()
    assert np.array_equal(out[0, 700:], clean[0, 700:])


def test_views_of_larger_arrays_from_python():
    """Rows, columns and slices that are not contiguous, as users pass them."""
    big = np.random.default_rng(25).standard_normal((3, 1201)).astype(np.float32)
    view = big[:2, 5:905]
    out, narrow = np.zeros(1800, np.float32), np.zeros(1800, np.int16)
    interleave(view, 900, out)
    assert np.array_equal(out, view.T.ravel())
    interleave_int16(view * np.float32(0.1), 900, narrow)
    assert np.array_equal(narrow, oracles.to_integer((view * np.float32(0.1)).T.ravel(), 16))
    for column in (big.T[3:777, 1], big[1, ::3], big[2, ::-1]):
        expected = column * np.float32(0.5)
        around = big.copy()
        gain(column, 0.5)
        assert np.array_equal(column, expected)
        assert np.count_nonzero(around != big) == column.size
        peak, rms = peak_and_rms(column)
        assert peak == np.abs(column).max()
        assert rms == pytest.approx(np.sqrt(np.mean(column.astype(np.float64) ** 2)), rel=1e-6)
    for part in (big[:2, 1:1001], big.T[200:1200, :2].T):
        expected = scipy.signal.sosfilt(SOS, part.astype(np.float64), axis=1)
        state = make_cascade(design_cascade(SOS), 2)
        cascade(state.row, part, 1000)
        assert np.abs(part - expected).max() < 3e-6


@pytest.mark.thorough
def test_a_spectrum_in_plain_python():
    """The kernels called one after the other from Python, as a user would."""
    size = 2048
    x = np.sin(2 * np.pi * 64 * np.arange(size) / size).astype(np.float32)
    plan, window = make_real_fft(size), design_window("hann", size)
    re, im = np.zeros(size // 2 + 1, np.float32), np.zeros(size // 2 + 1, np.float32)
    windowed = np.zeros_like(x)
    apply_window(x, window, windowed)
    real_fft(plan.row, windowed, re, im)
    power = (re * re + im * im) * np.float32((4 / size) ** 2)
    power_to_db(power, power)
    assert power[64] == pytest.approx(0.0, abs=0.01), "a full-scale sine reads 0 dBFS"
    assert power[[63, 65]] == pytest.approx(-6.02, abs=0.01)
    assert np.delete(power, [63, 64, 65]).max() < -100
