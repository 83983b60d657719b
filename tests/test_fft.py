"""The FFT at every size and level: against NumPy in float64, and the laws it must obey."""

from __future__ import annotations

import numpy as np
import pytest

from zerocross.compiler import entry, float32_array, float64_array, target
from zerocross.dsp.fft import (
    MAX_SIZE,
    complex_fft,
    inverse_complex_fft,
    inverse_real_fft,
    inverse_wide_fft,
    make_fft,
    make_real_fft,
    make_wide_fft,
    real_fft,
    wide_fft,
)
from zerocross.errors import UsageError

LEVELS = target.available()
SIZES = [1 << k for k in range(4, 17)]


@entry("int64", "int64", "int64", "int64", "int64", "int64", "int64", "int64", "int64")
def _complex(xr, xi, yr, yi, size, tables, length, work, inverse):
    a, b = float32_array(xr, size), float32_array(xi, size)
    c, d = float32_array(yr, size), float32_array(yi, size)
    w, space = float32_array(tables, length), float32_array(work, 4 * size)
    if inverse:
        inverse_complex_fft(a, b, c, d, w, space)
    else:
        complex_fft(a, b, c, d, w, space)


@entry("int64", "int64", "int64", "int64", "int64", "int64", "int64", "int64")
def _real(x, yr, yi, size, tables, length, work, inverse):
    a, bins = float32_array(x, size), size // 2 + 1
    c, d = float32_array(yr, bins), float32_array(yi, bins)
    w, space = float32_array(tables, length), float32_array(work, 4 * size)
    if inverse:
        inverse_real_fft(c, d, a, w, space)
    else:
        real_fft(a, c, d, w, space)


def fft(z, level=None, inverse=False):
    plan = make_fft(len(z))
    a, b = z.real.astype(np.float32), z.imag.astype(np.float32)
    c, d = np.zeros_like(a), np.zeros_like(a)
    run = _complex.at(level) if level else _complex
    run(
        a.ctypes.data,
        b.ctypes.data,
        c.ctypes.data,
        d.ctypes.data,
        len(z),
        plan.tables.ctypes.data,
        plan.tables.size,
        plan.work.ctypes.data,
        int(inverse),
    )
    return c + 1j * d


def rfft(x, level=None):
    plan = make_real_fft(len(x))
    x = x.astype(np.float32)
    c, d = np.zeros(len(x) // 2 + 1, np.float32), np.zeros(len(x) // 2 + 1, np.float32)
    run = _real.at(level) if level else _real
    run(
        x.ctypes.data,
        c.ctypes.data,
        d.ctypes.data,
        len(x),
        plan.tables.ctypes.data,
        plan.tables.size,
        plan.work.ctypes.data,
        0,
    )
    return c + 1j * d


def irfft(z, level=None):
    size = 2 * (len(z) - 1)
    plan = make_real_fft(size)
    c, d, x = z.real.astype(np.float32), z.imag.astype(np.float32), np.zeros(size, np.float32)
    run = _real.at(level) if level else _real
    run(
        x.ctypes.data,
        c.ctypes.data,
        d.ctypes.data,
        size,
        plan.tables.ctypes.data,
        plan.tables.size,
        plan.work.ctypes.data,
        1,
    )
    return x


def noise(size, seed=1):
    rng = np.random.default_rng(seed + size)
    return rng.standard_normal(size).astype(np.float32) + 1j * rng.standard_normal(size).astype(
        np.float32
    )


def error(got, expected):
    return np.linalg.norm(got - expected) / np.linalg.norm(expected)


@pytest.mark.parametrize("level", LEVELS)
def test_every_size_equals_numpy(level):
    for size in SIZES:
        z = noise(size)
        assert error(fft(z, level), np.fft.fft(z.astype(np.complex128))) < 3e-7, size
        x = z.real
        assert error(rfft(x, level), np.fft.rfft(x.astype(np.float64))) < 3e-7, size


@pytest.mark.parametrize("level", LEVELS)
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
    _complex(
        a.ctypes.data,
        b.ctypes.data,
        a.ctypes.data,
        b.ctypes.data,
        256,
        plan.tables.ctypes.data,
        plan.tables.size,
        plan.work.ctypes.data,
        0,
    )
    assert error(a + 1j * b, np.fft.fft(z)) < 3e-7


@pytest.mark.parametrize("size", [0, 8, 24, 1000, 2 * MAX_SIZE, -16])
def test_other_sizes_are_refused(size):
    for make in (make_fft, make_real_fft):
        with pytest.raises(UsageError, match="power of two"):
            make(size)


def test_it_calls_nothing():
    assert _complex.verdict["calls"] == []
    assert _real.verdict["calls"] == []


@entry("int64", "int64", "int64", "int64", "int64", "int64", "int64", "int64")
def _wide(x, yr, yi, size, tables, length, work, inverse):
    a, bins = float64_array(x, size), size // 2 + 1
    c, d = float64_array(yr, bins), float64_array(yi, bins)
    w, space = float64_array(tables, length), float64_array(work, 4 * size)
    if inverse:
        inverse_wide_fft(c, d, a, w, space)
    else:
        wide_fft(a, c, d, w, space)


@pytest.mark.parametrize("size", SIZES)
def test_wide_transform_is_numpys_and_back(size):
    plan = make_wide_fft(size)
    signal = np.random.default_rng(size).standard_normal(size)
    x, re, im = signal.copy(), np.zeros(size // 2 + 1), np.zeros(size // 2 + 1)
    rest = (size, plan.tables.ctypes.data, plan.tables.size, plan.work.ctypes.data)
    _wide(x.ctypes.data, re.ctypes.data, im.ctypes.data, *rest, 0)
    wanted = np.fft.rfft(signal)
    assert np.abs(re + 1j * im - wanted).max() < 1e-14 * np.abs(wanted).max() * np.log2(size)
    x[:] = 0.0
    _wide(x.ctypes.data, re.ctypes.data, im.ctypes.data, *rest, 1)
    assert np.abs(x - signal).max() < 1e-14 * np.log2(size)
