"""Kernels at many lengths, at any alignment, and on rows of larger arrays."""

from __future__ import annotations

import numpy as np
import pytest

import oracles
from test_dsp import _int16, _peak_rms
from test_dynamics import _four
from test_vector import _gain
from zerocross.compiler import target
from zerocross.dsp.fft import make_real_fft, real_fft
from zerocross.dsp.gain import gain
from zerocross.dsp.level import peak_and_rms, power_to_db
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
    view = raw[start : start + values.nbytes].view(values.dtype)
    view[:] = values
    return raw, view


@pytest.mark.parametrize("level", LEVELS)
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


def test_a_spectrum_in_plain_python():
    """The kernels called one after the other from Python, as a user would."""
    size = 2048
    x = np.sin(2 * np.pi * 64 * np.arange(size) / size).astype(np.float32)
    plan, window = make_real_fft(size), design_window("hann", size)
    re, im = np.zeros(size // 2 + 1, np.float32), np.zeros(size // 2 + 1, np.float32)
    windowed = np.zeros_like(x)
    apply_window(x, window, windowed)
    real_fft(windowed, re, im, plan.tables, plan.work)
    power = (re * re + im * im) * np.float32((4 / size) ** 2)
    power_to_db(power, power)
    assert power[64] == pytest.approx(0.0, abs=0.01), "a full-scale sine reads 0 dBFS"
    assert power[[63, 65]] == pytest.approx(-6.02, abs=0.01)
    assert np.delete(power, [63, 64, 65]).max() < -100
