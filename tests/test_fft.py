"""The FFT at every size and level: against NumPy in float64, and the laws it must obey."""

from __future__ import annotations

import numpy as np
import pytest

from zerocross.compiler import entry, float32_array, float64_array, record_at, target
from zerocross.dsp.fft import (
    complex_fft,
    inverse_complex_fft,
    inverse_real_fft,
    inverse_wide_fft,
    real_fft,
    wide_fft,
)
from zerocross.dsp.fft_plan import (
    FFT,
    MAX_SIZE,
    REAL_FFT,
    WIDE_FFT,
    make_fft,
    make_real_fft,
    make_wide_fft,
)
from zerocross.errors import UsageError

LEVELS = target.available()
SIZES = [1 << k for k in range(4, 17)]


@entry("int64", "int64", "int64", "int64", "int64", "int64", "int64")
def _complex(plan_address, xr, xi, yr, yi, size, inverse):
    plan = record_at(plan_address, FFT)
    a, b = float32_array(xr, size), float32_array(xi, size)
    c, d = float32_array(yr, size), float32_array(yi, size)
    if inverse:
        inverse_complex_fft(plan, a, b, c, d)
    else:
        complex_fft(plan, a, b, c, d)


@entry("int64", "int64", "int64", "int64", "int64", "int64")
def _real(plan_address, x, yr, yi, size, inverse):
    plan = record_at(plan_address, REAL_FFT)
    a, bins = float32_array(x, size), size // 2 + 1
    c, d = float32_array(yr, bins), float32_array(yi, bins)
    if inverse:
        inverse_real_fft(plan, c, d, a)
    else:
        real_fft(plan, a, c, d)


def addresses(*arrays):
    return [array.ctypes.data for array in arrays]


def fft(z, level=None, inverse=False):
    plan = make_fft(len(z))
    a, b = z.real.astype(np.float32), z.imag.astype(np.float32)
    c, d = np.zeros_like(a), np.zeros_like(a)
    run = _complex.at(level) if level else _complex
    run(plan.address, *addresses(a, b, c, d), len(z), int(inverse))
    return c + 1j * d


def rfft(x, level=None):
    plan = make_real_fft(len(x))
    x = x.astype(np.float32)
    c, d = np.zeros(len(x) // 2 + 1, np.float32), np.zeros(len(x) // 2 + 1, np.float32)
    run = _real.at(level) if level else _real
    run(plan.address, *addresses(x, c, d), len(x), 0)
    return c + 1j * d


def irfft(z, level=None):
    size = 2 * (len(z) - 1)
    plan = make_real_fft(size)
    c, d, x = z.real.astype(np.float32), z.imag.astype(np.float32), np.zeros(size, np.float32)
    run = _real.at(level) if level else _real
    run(plan.address, *addresses(x, c, d), size, 1)
    return x


def noise(size, seed=1):
    rng = np.random.default_rng(seed + size)
    return rng.standard_normal(size).astype(np.float32) + 1j * rng.standard_normal(size).astype(
        np.float32
    )


def error(got, expected):
    return np.linalg.norm(got - expected) / np.linalg.norm(expected)


@pytest.mark.thorough
@pytest.mark.parametrize("level", LEVELS)
def test_every_size_equals_numpy(level):
    for size in SIZES:
        z = noise(size)
        assert error(fft(z, level), np.fft.fft(z.astype(np.complex128))) < 3e-7, size
        x = z.real
        assert error(rfft(x, level), np.fft.rfft(x.astype(np.float64))) < 3e-7, size
        assert np.array_equal(rfft(x, level), rfft(x, "scalar")), "the same bits of every width"


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.thorough
def test_the_inverse_gives_the_signal_back(level):
    for size in SIZES:
        z = noise(size)
        limit = 4 * np.finfo(np.float32).eps * np.abs(z).max()
        assert np.abs(fft(fft(z, level), level, inverse=True) - z).max() < limit, size
        x = z.real.astype(np.float32)
        assert np.abs(irfft(rfft(x, level), level) - x).max() < limit, size


@pytest.mark.parametrize("size", SIZES)
def test_linearity(size):
    x, y = noise(size, 2), noise(size, 3)
    together = fft(np.float32(0.5) * x + np.float32(2.0) * y)
    assert error(together, 0.5 * fft(x) + 2.0 * fft(y)) < 3e-7


@pytest.mark.parametrize("size", SIZES)
def test_parseval(size):
    z = noise(size, 4)
    assert np.sum(np.abs(fft(z)) ** 2) / size == pytest.approx(np.sum(np.abs(z) ** 2), rel=1e-6)


@pytest.mark.parametrize("size", SIZES)
def test_an_impulse_and_its_shift(size):
    z = np.zeros(size, np.complex64)
    z[0] = 1
    assert np.array_equal(fft(z), np.ones(size))
    at = size // 3
    z = np.roll(z, at)
    expected = np.exp(-2j * np.pi * at * np.arange(size) / size)
    assert np.abs(fft(z) - expected).max() < 5e-7


@pytest.mark.parametrize("size", SIZES)
def test_a_sine_is_one_bin(size):
    k = size // 4 - 1
    x = np.cos(2 * np.pi * k * np.arange(size) / size)
    out = np.abs(rfft(x))
    assert out[k] == pytest.approx(size / 2, rel=1e-6)
    assert np.delete(out, k).max() < 2e-6 * size


def test_in_place():
    z = noise(256)
    plan = make_fft(256)
    a, b = z.real.astype(np.float32), z.imag.astype(np.float32)
    _complex(plan.address, *addresses(a, b, a, b), 256, 0)
    assert error(a + 1j * b, np.fft.fft(z)) < 3e-7


@pytest.mark.parametrize("size", [0, 8, 24, 1000, 2 * MAX_SIZE, -16])
def test_other_sizes_are_refused(size):
    for make in (make_fft, make_real_fft):
        with pytest.raises(UsageError, match="power of two"):
            make(size)


def test_it_calls_nothing():
    assert _complex.verdict["calls"] == []
    assert _real.verdict["calls"] == []


@entry("int64", "int64", "int64", "int64", "int64", "int64")
def _wide(plan_address, x, yr, yi, size, inverse):
    plan = record_at(plan_address, WIDE_FFT)
    a, bins = float64_array(x, size), size // 2 + 1
    c, d = float64_array(yr, bins), float64_array(yi, bins)
    if inverse:
        inverse_wide_fft(plan, c, d, a)
    else:
        wide_fft(plan, a, c, d)


@pytest.mark.parametrize("size", SIZES)
def test_wide_transform_is_numpys_and_back(size):
    plan = make_wide_fft(size)
    signal = np.random.default_rng(size).standard_normal(size)
    x, re, im = signal.copy(), np.zeros(size // 2 + 1), np.zeros(size // 2 + 1)
    _wide(plan.address, *addresses(x, re, im), size, 0)
    wanted = np.fft.rfft(signal)
    assert np.abs(re + 1j * im - wanted).max() < 1e-14 * np.abs(wanted).max() * np.log2(size)
    x[:] = 0.0
    _wide(plan.address, *addresses(x, re, im), size, 1)
    assert np.abs(x - signal).max() < 1e-14 * np.log2(size)


def test_a_plan_of_another_kind_does_not_compile():
    """Misuse is told when a kernel is compiled, not by what it gives."""
    x, out = np.zeros(64, np.float32), np.zeros(33, np.float32)
    for wrong in (make_fft(64), make_wide_fft(64)):
        with pytest.raises(Exception, match=r"(?i)half_twiddles"):
            real_fft(wrong.row, x, out, out.copy())
