"""Kernels over arrays, against their oracles."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import oracles
from conftest import EACH_LEVEL
from zerocross import units
from zerocross.compiler import (
    entry,
    float32_array,
    float32_rows,
    float64_array,
    int16_array,
    int32_array,
    int64_array,
    record_at,
)
from zerocross.dsp.channels import WAV_ORDERS
from zerocross.dsp.convert import (
    FORMAT_F32,
    FORMAT_S16,
    FORMAT_S24,
    FORMAT_S32,
    float_to_int16,
    float_to_int32,
    int16_to_float,
    int32_to_float,
    interleave_int16,
    to_integers,
    write_device_frames,
)
from zerocross.dsp.crossfade import smooth_step
from zerocross.dsp.decibels import db_to_gain, gain_to_db
from zerocross.dsp.interleave import (
    deinterleave,
    deinterleave_channel,
    deinterleave_into,
    interleave,
    interleave_channel,
    interleave_from,
)
from zerocross.dsp.level import peak_and_rms
from zerocross.dsp.mix import design_mix, mix_interleaved
from zerocross.dsp.peaks import fall_peaks, replace_nonfinite
from zerocross.dsp.ramp import RAMP, apply_equal_power_ramp, apply_ramp, ramp_to
from zerocross.dsp.spectra import band_levels_db, design_bands, power_to_db
from zerocross.errors import UsageError
from zerocross.memory import Record, layout
from zerocross.units import format_time, seconds_to_frames

EDGES = np.array(
    [
        0,
        1,
        -1,
        0.5,
        -0.5,
        0.99999,
        -0.99999,
        1.00001,
        -1.00001,
        2,
        -3,
        np.nan,
        np.inf,
        -np.inf,
        1e-40,
        0.5 / 32768,
        1.5 / 32768,
        2.5 / 32768,
        -0.5 / 32768,
        -1.5 / 32768,
        32766.5 / 32768,
    ],
    np.float32,
)


@pytest.mark.parametrize("bits", [16, 24, 32])
def test_to_integers_equals_its_oracle(bits):
    rng = np.random.default_rng(5)
    values = np.concatenate([EDGES, rng.uniform(-1.2, 1.2, 5000).astype(np.float32)])
    out, clipped = to_integers(values, bits)
    expected = oracles.to_integer(values, bits)
    assert np.array_equal(out.astype(np.int64) >> (0 if bits == 16 else 32 - bits), expected)
    assert clipped >= 5


@pytest.mark.parametrize("bits", [16, 24])
def test_integers_come_back_as_they_were(bits):
    full = 1 << (bits - 1)
    integers = np.arange(-full, full, max(1, full // 40_000))
    floats = (integers / full).astype(np.float32)
    out, clipped = to_integers(floats, bits)
    assert np.array_equal(out.astype(np.int64) >> (0 if bits == 16 else 8), integers)
    assert clipped == 0


@entry("int64", "int64", "int64", "int64", "int64")
def _to_device(source, channels, frames, out, sample_format):
    write_device_frames(float32_rows(source, channels, frames), frames, out, sample_format)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("sample_format", [FORMAT_F32, FORMAT_S32, FORMAT_S24, FORMAT_S16])
def test_device_formats(sample_format, channels):
    frames = 333
    rng = np.random.default_rng(6)
    rows = rng.uniform(-1.1, 1.1, (channels, frames)).astype(np.float32)
    rows[:, : len(EDGES)] = EDGES
    out = np.zeros(frames * channels * 4 + 8, np.uint8)
    _to_device(rows.ctypes.data, channels, frames, out.ctypes.data, sample_format)
    flat = rows.T.ravel()
    size = {FORMAT_F32: 4, FORMAT_S32: 4, FORMAT_S24: 3, FORMAT_S16: 2}[sample_format] * flat.size
    assert not out[size:].any(), "nothing beyond the buffer"
    data = out[:size]
    if sample_format == FORMAT_F32:
        assert np.array_equal(data.view(np.float32), flat, equal_nan=True)
    elif sample_format == FORMAT_S24:
        wide = np.zeros((flat.size, 4), np.uint8)
        wide[:, 1:] = data.reshape(-1, 3)
        assert np.array_equal(wide.view(np.int32).ravel() >> 8, oracles.to_integer(flat, 24))
    else:
        kind, bits = (np.int16, 16) if sample_format == FORMAT_S16 else (np.int32, 32)
        assert np.array_equal(data.view(kind), oracles.to_integer(flat, bits))


RAMPS = layout(audio=[("ramp", RAMP)])


@entry("int64", "int64", "int64", "int64", "int64")
def _apply(address, samples, channels, columns, frames):
    apply_ramp(record_at(address, RAMPS).ramp, float32_rows(samples, channels, columns), 0, frames)


@entry("int64", "float64", "int64")
def _head_for(address, target_gain, frames):
    ramp_to(record_at(address, RAMPS).ramp, target_gain, frames)


def ramped(splits, start=0.25, stop=1.0, length=441, channels=2):
    record = Record(RAMPS)
    record["ramp"]["start"] = record["ramp"]["stop"] = start
    _head_for(record.address, stop, length)
    signal = np.random.default_rng(7).standard_normal((channels, sum(splits))).astype(np.float32)
    pieces, at = [], 0
    for frames in splits:
        block = signal[:, at : at + frames].copy()
        _apply(record.address, block.ctypes.data, channels, frames, frames)
        pieces.append(block)
        at += frames
    return signal, np.concatenate(pieces, axis=1)


def test_ramp_equals_its_oracle():
    signal, out = ramped([1000])
    expected = signal * oracles.ramp(0.25, 1.0, 441, 1000).astype(np.float32)
    assert np.array_equal(out, expected)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(1, 200), min_size=1, max_size=12))
def test_any_split_of_a_ramp_gives_the_same_bits(splits):
    _, in_pieces = ramped(splits)
    _, at_once = ramped([sum(splits)])
    assert np.array_equal(in_pieces, at_once)


@entry("int64", "int64", "int64", "int64")
def _apply_equal_power(address, samples, channels, frames):
    rows = float32_rows(samples, channels, frames)
    apply_equal_power_ramp(record_at(address, RAMPS).ramp, rows, 0, frames)


def test_equal_power_ramps_keep_the_power():
    gains = []
    for start, stop in ((0.0, 1.0), (1.0, 0.0)):
        record = Record(RAMPS)
        record["ramp"]["start"] = record["ramp"]["stop"] = start
        _head_for(record.address, stop, 441)
        pieces = []
        for frames in (1, 100, 399):
            block = np.ones((2, frames), np.float32)
            _apply_equal_power(record.address, block.ctypes.data, 2, frames)
            pieces.append(block)
        gains.append(np.concatenate(pieces, axis=1)[0])
    assert np.abs(gains[0] ** 2 + gains[1] ** 2 - 1).max() < 1e-6
    line = oracles.ramp(0, 1, 441, 500)
    assert np.abs(gains[0] - np.sin(np.pi / 2 * line)).max() < 1e-6


def test_a_ramp_at_rest_on_one_changes_nothing():
    signal, out = ramped([500], start=1.0, stop=1.0)
    assert np.array_equal(signal, out)


def test_a_ramp_that_turns_round_does_not_jump():
    record = Record(RAMPS)
    _head_for(record.address, 1.0, 100)
    block = np.ones((1, 50), np.float32)
    _apply(record.address, block.ctypes.data, 1, 50, 50)
    _head_for(record.address, 0.0, 100)
    after = np.ones((1, 200), np.float32)
    _apply(record.address, after.ctypes.data, 1, 200, 200)
    both = np.concatenate([block, after], axis=1)[0]
    assert np.abs(np.diff(both)).max() <= 0.0101
    assert both[-1] == 0


@entry("int64", "int64", "int64", "int64", "int64", "int64")
def _mix(matrix, source, inputs, out, outputs, frames):
    mix_interleaved(
        float32_array(matrix, inputs * outputs),
        float32_array(source, frames * inputs),
        inputs,
        float32_array(out, frames * outputs),
        outputs,
    )


def mixed(frames, outputs, order=None):
    inputs = frames.shape[1]
    matrix = design_mix(order or WAV_ORDERS[inputs], outputs)
    assert matrix.flags.c_contiguous
    out = np.empty((len(frames), outputs), np.float32)
    _mix(matrix.ctypes.data, frames.ctypes.data, inputs, out.ctypes.data, outputs, len(frames))
    return out


def test_downmix_is_that_of_bs775():
    frames = np.random.default_rng(8).uniform(-1, 1, (100, 6)).astype(np.float32)
    assert np.abs(mixed(frames, 2) - oracles.downmix_bs775(frames)).max() < 1e-6


def test_downmix_knows_the_order_of_vorbis():
    frames = np.random.default_rng(8).uniform(-1, 1, (100, 6)).astype(np.float32)
    order = ("left", "centre", "right", "left surround", "right surround", "lfe")
    shuffled = np.ascontiguousarray(frames[:, [WAV_ORDERS[6].index(name) for name in order]])
    assert np.allclose(mixed(shuffled, 2, order), oracles.downmix_bs775(frames), atol=1e-6)


def test_mono_to_stereo_and_back():
    mono = np.random.default_rng(9).uniform(-1, 1, (64, 1)).astype(np.float32)
    stereo = mixed(mono, 2)
    assert np.array_equal(stereo, np.repeat(mono, 2, axis=1))
    assert np.array_equal(mixed(stereo, 1), mono)


def test_5_1_to_mono_is_half_the_stereo_downmix():
    frames = np.random.default_rng(8).uniform(-1, 1, (50, 6)).astype(np.float32)
    assert np.allclose(
        mixed(frames, 1)[:, 0], oracles.downmix_bs775(frames).mean(axis=1), atol=1e-6
    )


@pytest.mark.parametrize(
    ("order", "outputs"),
    [(["left"] * 9, 2), (["left", "right"], 6), ([], 2), (["left", "ceiling"], 2)],
)
def test_other_layouts_are_refused(order, outputs):
    with pytest.raises(UsageError, match="cannot be mixed"):
        design_mix(order, outputs)


@entry("int64", "int64")
def _clean(samples, count):
    return replace_nonfinite(float32_array(samples, count))


def test_nonfinite_samples_are_replaced_and_counted():
    x = np.array([0.5, np.nan, np.inf, -np.inf, -2.0, 1e-40], np.float32)
    assert _clean(x.ctypes.data, x.size) == 3
    assert x.tolist() == np.array([0.5, 0, 1, -1, -2, 1e-40], np.float32).tolist()


@entry("int64", "int64", "int64", "int64")
def _peaks(peaks, samples, frames, rate):
    fall_peaks(float64_array(peaks, 2), float32_rows(samples, 2, frames), frames, rate)


def test_peaks_rise_at_once_and_fall_20_db_in_1_7_s():
    peaks = np.zeros(2)
    block = np.zeros((2, 480), np.float32)
    block[0, 100], block[1, 50] = -0.8, 0.25
    _peaks(peaks.ctypes.data, block.ctypes.data, 480, 48_000)
    assert peaks == pytest.approx([0.8, 0.25])
    block[:] = 0
    for _ in range(170):
        _peaks(peaks.ctypes.data, block.ctypes.data, 480, 48_000)
    assert peaks == pytest.approx([0.08, 0.025], rel=1e-6)


def test_units():
    assert units.gain_to_db(units.db_to_gain(-6.5)) == pytest.approx(-6.5)
    assert units.gain_to_db(0.0) == -np.inf
    assert seconds_to_frames(0.5, 44_100) == 22_050
    assert [format_time(s) for s in (-1, 0, 59.99, 60, 3599, 3600)] == [
        "0:00",
        "0:00",
        "0:59",
        "1:00",
        "59:59",
        "1:00:00",
    ]


def test_layout_keeps_writers_apart():
    dtype = layout(audio=["read", ("gain", "f8")], control=["stop", ("name", "f4", (3,))])
    lines = {}
    for name, group in (("read", "a"), ("gain", "a"), ("stop", "c"), ("name", "c")):
        lines.setdefault(group, set()).add(dtype.fields[name][1] // 128)
    assert lines["a"].isdisjoint(lines["c"])
    assert Record(dtype).address % 128 == 0


# --- at every level ---------------------------------------------------------------------------


@entry("int64", "int64", "int64", "float64", "int64", "int64", "int64")
def _int16(x, out, samples, factor, dither, seed, position):
    float_to_int16(
        float32_array(x, samples), int16_array(out, samples), factor, dither, seed, position
    )


@entry("int64", "int64", "int64", "int64", "int64", "int64", "int64")
def _int32(x, out, samples, bits, dither, seed, position):
    float_to_int32(
        float32_array(x, samples), int32_array(out, samples), 1.0, bits, dither, seed, position
    )


@entry("int64", "int64", "int64", "int64")
def _back(source, out, samples, bits):
    if bits == 16:
        int16_to_float(int16_array(source, samples), float32_array(out, samples))
    else:
        int32_to_float(int32_array(source, samples), float32_array(out, samples))


LENGTHS = [*range(131), 1000, 4097]


@pytest.mark.parametrize("level", EACH_LEVEL)
def test_integer_conversions_at_every_length(level):
    rng = np.random.default_rng(12)
    for n in LENGTHS:
        x = rng.uniform(-1.1, 1.1, n).astype(np.float32)
        x[: len(EDGES)] = EDGES[:n]
        narrow = np.full(n + 4, 99, np.int16)
        _int16.at(level)(x.ctypes.data, narrow.ctypes.data, n, 1.0, 0, 0, 0)
        assert np.array_equal(narrow[:n], oracles.to_integer(x, 16)), n
        assert np.all(narrow[n:] == 99)
        if n % 10 == 0:
            for bits in (24, 32):
                wide = np.full(n + 4, 99, np.int32)
                _int32.at(level)(x.ctypes.data, wide.ctypes.data, n, bits, 0, 0, 0)
                assert np.array_equal(wide[:n] >> (32 - bits), oracles.to_integer(x, bits)), (
                    n,
                    bits,
                )
                assert np.all(wide[n:] == 99)


@pytest.mark.parametrize("level", EACH_LEVEL)
def test_integers_to_float_and_back(level):
    integers = np.random.default_rng(13).integers(-32768, 32768, 1003, dtype=np.int16)
    out = np.zeros(1003, np.float32)
    _back.at(level)(integers.ctypes.data, out.ctypes.data, 1003, 16)
    assert np.array_equal(out, integers / np.float32(32768))
    wide = (integers.astype(np.int32) << 16) + 256
    _back.at(level)(wide.ctypes.data, out.ctypes.data, 1003, 32)
    assert np.allclose(out, wide / 2.0**31, rtol=1e-7)


def test_gain_is_fused_into_the_conversion():
    x = np.random.default_rng(14).uniform(-1, 1, 500).astype(np.float32)
    out = np.zeros(500, np.int16)
    _int16(x.ctypes.data, out.ctypes.data, 500, 0.25, 0, 0, 0)
    assert np.array_equal(out, oracles.to_integer(x * np.float32(0.25), 16))


def dithered(x, seed, splits=None):
    out, at = np.zeros(len(x), np.int16), 0
    for n in splits or [len(x)]:
        _int16(x.ctypes.data + 4 * at, out.ctypes.data + 2 * at, n, 1.0, 1, seed, at)
        at += n
    return out


def test_dither_is_triangular_white_and_seeded():
    silence = np.zeros(400_000, np.float32)
    out = dithered(silence, 7).astype(np.float64)
    assert abs(out.mean()) < 0.005
    # TPDF of two steps peak to peak, rounded: -1, 0, 1 with 1/8, 3/4, 1/8 of the samples.
    assert [np.mean(out == v) for v in (-1, 0, 1)] == pytest.approx([0.125, 0.75, 0.125], abs=0.004)
    spectrum = np.abs(np.fft.rfft(out[: 1 << 18])) ** 2
    octaves = [spectrum[1 << k : 2 << k].mean() for k in range(10, 17)]
    assert np.ptp(10 * np.log10(octaves)) < 0.5
    assert np.array_equal(out, dithered(silence, 7))
    assert not np.array_equal(out, dithered(silence, 8))


def test_dither_of_24_bits():
    """Silence becomes the last bit's own triangular noise; loud samples keep their mean."""
    for level, bits in ((0.0, 24), (0.75, 24), (0.75, 32)):
        x, out = np.full(100_000, level, np.float32), np.zeros(100_000, np.int32)
        _int32(x.ctypes.data, out.ctypes.data, len(x), bits, 1, 5, 0)
        steps = (out >> (32 - bits)) - round(level * 2 ** (bits - 1))
        counts = [np.mean(steps == v) for v in (-1, 0, 1)]
        assert counts == pytest.approx([0.125, 0.75, 0.125], abs=0.006), (level, bits)


def test_dither_removes_distortion():
    """A sine of less than a step is lost without dither and kept with it."""
    t = np.arange(1 << 17)
    sine = (0.4 / 32768 * np.sin(2 * np.pi * 1000 * t / len(t))).astype(np.float32)
    plain = np.zeros(len(t), np.int16)
    _int16(sine.ctypes.data, plain.ctypes.data, len(t), 1.0, 0, 0, 0)
    assert not plain.any()
    out = np.abs(np.fft.rfft(dithered(sine, 1))) / len(t) * 2
    assert out[1000] == pytest.approx(0.4, rel=0.05)
    assert out[2000] < 0.03 and out[3000] < 0.03


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(1, 100), min_size=1, max_size=10))
def test_any_split_of_dither_gives_the_same_bits(splits):
    x = np.random.default_rng(15).uniform(-1, 1, sum(splits)).astype(np.float32)
    assert np.array_equal(dithered(x, 3, splits), dithered(x, 3))


@entry("int64", "int64", "int64", "int64", "int64")
def _interleaved(rows, channels, frames, out, narrow):
    source = float32_rows(rows, channels, frames)
    if narrow:
        interleave_int16(source, frames, int16_array(out, frames * channels))
    else:
        interleave(source, frames, float32_array(out, frames * channels))


@entry("int64", "int64", "int64", "int64")
def _deinterleaved(source, channels, frames, rows):
    deinterleave(
        float32_array(source, channels * frames), frames, float32_rows(rows, channels, frames)
    )


@pytest.mark.parametrize("channels", [1, 2, 3, 6])
@pytest.mark.parametrize("first", [0, 1, 16, 37])
def test_interleaving_from_and_into_the_middle_of_rows(first, channels):
    rows = np.random.default_rng(first).standard_normal((channels, 100)).astype(np.float32)
    for frames in (0, 1, 15, 16, 17, 63):
        out = np.full(channels * frames + 1, 7, np.float32)
        interleave_from(rows, first, frames, out)
        assert np.array_equal(out[:-1], rows[:, first : first + frames].T.ravel())
        assert out[-1] == 7
        back = np.zeros_like(rows)
        deinterleave_into(out, frames, back, first)
        assert np.array_equal(back[:, first : first + frames], rows[:, first : first + frames])
        assert np.count_nonzero(back) == channels * frames
        alone, together = np.zeros(frames + 1, np.float32), np.zeros_like(out)
        for c in range(channels):
            deinterleave_channel(out, frames, c, channels, alone)
            assert np.array_equal(alone[:-1], rows[c, first : first + frames])
            interleave_channel(alone, frames, together, c, channels)
        assert np.array_equal(together[:-1], out[:-1])
        assert together[-1] == alone[-1] == 0


def test_decibels_of_kernels_are_those_of_units():
    for level_db in np.linspace(-150, 60, 2101):
        gain = db_to_gain(float(level_db))
        assert gain == pytest.approx(units.db_to_gain(level_db), rel=1e-14)
        assert np.float32(gain) == np.float32(math.exp(level_db * (math.log(10.0) / 20.0)))
        assert gain_to_db(gain) == pytest.approx(level_db, abs=1e-12)


def test_the_smooth_step_is_smooth():
    t = np.linspace(0, 1, 1001)
    step = np.array([smooth_step(x) for x in t])
    assert (step[0], step[500], step[-1]) == (0.0, 0.5, 1.0)
    assert (np.diff(step) > 0).all()
    assert np.allclose(step + step[::-1], 1.0)
    slope = np.gradient(step, t)
    assert np.abs(slope[[0, -1]]).max() < 1e-4 and slope.max() == pytest.approx(1.875, abs=1e-3)


@pytest.mark.parametrize("level", EACH_LEVEL)
@pytest.mark.parametrize("channels", [1, 2, 5])
def test_interleaving_and_back(level, channels):
    for frames in [*range(50), 333]:
        rows = (
            np.random.default_rng(frames).uniform(-1.1, 1.1, (channels, frames)).astype(np.float32)
        )
        flat = np.zeros(channels * frames, np.float32)
        _interleaved.at(level)(rows.ctypes.data, channels, frames, flat.ctypes.data, 0)
        assert np.array_equal(flat, rows.T.ravel())
        back = np.zeros_like(rows)
        _deinterleaved.at(level)(flat.ctypes.data, channels, frames, back.ctypes.data)
        assert np.array_equal(back, rows)
        narrow = np.zeros(channels * frames, np.int16)
        _interleaved.at(level)(rows.ctypes.data, channels, frames, narrow.ctypes.data, 1)
        assert np.array_equal(narrow, oracles.to_integer(rows.T.ravel(), 16))


@entry("int64", "int64", "int64")
def _peak_rms(x, samples, out):
    results = float32_array(out, 2)
    peak, rms = peak_and_rms(float32_array(x, samples))
    results[0] = peak
    results[1] = rms


@pytest.mark.parametrize("level", EACH_LEVEL)
def test_peak_and_rms(level):
    out = np.zeros(2, np.float32)
    for n in [*LENGTHS, 100_000]:
        x = np.random.default_rng(n).standard_normal(n).astype(np.float32)
        _peak_rms.at(level)(x.ctypes.data, n, out.ctypes.data)
        assert out[0] == np.abs(x).max(initial=0)
        expected = np.sqrt(np.mean(x.astype(np.float64) ** 2)) if n else 0
        assert out[1] == pytest.approx(expected, rel=1e-6)


@entry("int64", "int64", "int64", "int64", "int64")
def _bands(power, bins, edges, bands, out):
    band_levels_db(
        float32_array(power, bins), int64_array(edges, bands + 1), float32_array(out, bands)
    )


@entry("int64", "int64", "int64")
def _decibels(power, out, bins):
    power_to_db(float32_array(power, bins), float32_array(out, bins))


@pytest.mark.parametrize("level", EACH_LEVEL)
def test_power_to_db(level):
    rng = np.random.default_rng(16)
    for n in LENGTHS:
        power = (10 ** rng.uniform(-29, 30, n)).astype(np.float32)
        out = np.zeros(n + 2, np.float32)
        _decibels.at(level)(power.ctypes.data, out.ctypes.data, n)
        assert np.abs(out[:n] - 10 * np.log10(power.astype(np.float64))).max(initial=0) < 4e-5
        assert not out[n:].any()
    zero, out = np.zeros(3, np.float32), np.zeros(3, np.float32)
    _decibels.at(level)(zero.ctypes.data, out.ctypes.data, 3)
    assert out == pytest.approx(-300, abs=1e-3)


@pytest.mark.parametrize("level", EACH_LEVEL)
@pytest.mark.parametrize(("bins", "count"), [(1025, 32), (129, 16), (17, 16), (4097, 100)])
def test_band_levels(level, bins, count):
    rng = np.random.default_rng(bins)
    power = (10 ** rng.uniform(-8, 0, bins)).astype(np.float32)
    edges = design_bands(bins, count, 48_000)
    assert np.all(np.diff(edges) >= 1) and edges[0] >= 1 and edges[-1] <= bins
    out = np.zeros(count, np.float32)
    _bands.at(level)(power.ctypes.data, bins, edges.ctypes.data, count, out.ctypes.data)
    expected = [
        10 * np.log10(power[a:b].astype(np.float64).mean()) for a, b in itertools.pairwise(edges)
    ]
    assert np.abs(out - expected).max() < 1e-4


def test_bands_that_do_not_fit_are_refused():
    with pytest.raises(UsageError, match="do not fit"):
        design_bands(17, 17, 48_000)
    with pytest.raises(UsageError, match="do not fit"):
        design_bands(1025, 4, 48_000, low_hz=30_000)
