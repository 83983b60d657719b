"""Explicit SIMD: every operation, at every level, against the NumPy stand-in."""

from __future__ import annotations

import re

import numpy as np
import pytest

from zerocross.compiler import (
    entry,
    float32_array,
    float64_array,
    int16_array,
    int32_array,
    kernel,
    target,
)
from zerocross.compiler.primitives.vector import (
    EVEN,
    ODD,
    REVERSED,
    ZIP4_HIGH,
    ZIP4_LOW,
    ZIP_HIGH,
    ZIP_LOW,
    Vector,
    absolute,
    bit_cast,
    convert,
    f32_native,
    f32x4,
    f32x8,
    f32x16,
    f64x2,
    f64x4,
    f64x8,
    fma,
    i16x8,
    i16x16,
    i32x4,
    i32x8,
    i32x16,
    lane,
    lanes_of,
    load,
    load_aligned,
    load_first,
    max_lanes,
    maximum,
    min_lanes,
    minimum,
    multiply_add,
    prefetch,
    round_even,
    saturate,
    select,
    shuffle,
    splat,
    square_root,
    store,
    store_aligned,
    store_first,
    store_streaming,
    sum_lanes,
    with_lane,
)
from zerocross.dsp.gain import gain, gain_assembly
from zerocross.errors import CompileError, TargetError
from zerocross.memory import aligned_zeros

LEVELS = target.available()
EDGES = np.array(
    [
        0.0,
        -0.0,
        1.0,
        -1.0,
        0.5,
        1.5,
        2.5,
        -0.5,
        -2.5,
        np.nan,
        np.inf,
        -np.inf,
        1e-40,
        3e9,
        -3e9,
        40_000.0,
    ],
    np.float32,
)


def floats(y, i, a, b):
    """All that float vectors can do, written one after the other."""
    kind = f32x8
    store(y, i, a + b)
    store(y, i + 8, a - b)
    store(y, i + 16, a * b)
    store(y, i + 24, a / b)
    store(y, i + 32, -a)
    store(y, i + 40, minimum(a, b))
    store(y, i + 48, maximum(a, b))
    store(y, i + 56, absolute(a))
    store(y, i + 64, square_root(absolute(a)))
    store(y, i + 72, round_even(a))
    store(y, i + 80, select(a < b, a, b))
    store(y, i + 88, select(a <= b, a, b))
    store(y, i + 96, select(a > b, a, b))
    store(y, i + 104, select(a >= b, a, b))
    store(y, i + 112, select(a == b, a, b))
    store(y, i + 120, select(a != b, a, b))
    store(y, i + 128, a * np.float32(2.0) + np.float32(1.0))
    store(y, i + 136, np.float32(2.0) - a)
    store(y, i + 144, shuffle(a, b, (0, 8, 1, 9, 2, 10, 3, 11)))
    store(y, i + 152, with_lane(a, 3, lane(b, 5)))
    store(y, i + 160, splat(kind, lane(a, 2)))


FLOAT_RESULTS = 168


@entry("int64", "int64", "int64")
def _floats(x, z, y):
    out = float32_array(y, 2 * FLOAT_RESULTS + 64)
    for k in range(2):
        a = load(f32x8, float32_array(x, 16), 8 * k)
        b = load(f32x8, float32_array(z, 16), 8 * k)
        _floats_kernel(out, FLOAT_RESULTS * k, a, b)


_floats_kernel = kernel(floats)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("seed", [None, 1, 2])
def test_float_operations(level, seed):
    if seed is None:
        x, z = EDGES.copy(), EDGES[::-1].copy()
    else:
        rng = np.random.default_rng(seed)
        x, z = (rng.standard_normal(16).astype(np.float32) * 10 for _ in range(2))
    got = np.zeros(2 * FLOAT_RESULTS + 64, np.float32)
    _floats.at(level)(x.ctypes.data, z.ctypes.data, got.ctypes.data)
    expected = np.zeros_like(got)
    for k in range(2):
        floats(expected, FLOAT_RESULTS * k, load(f32x8, x, 8 * k), load(f32x8, z, 8 * k))
    assert np.array_equal(got, expected, equal_nan=True)


@entry("int64", "int64", "int64")
def _integers(x, y, z):
    a = load(f32x16, float32_array(x, 16), 0)
    store(int16_array(y, 16), 0, saturate(i16x16, a))
    wide = saturate(i32x16, a)
    out = int32_array(z, 128)
    store(out, 0, wide)
    store(out, 16, (wide >> 2) + (wide << 1))
    store(out, 32, (wide & 255) | (wide ^ 7))
    store(out, 48, wide * 3 - wide)
    store(out, 64, convert(i32x16, saturate(i16x16, a)))
    store(out, 80, bit_cast(i32x16, a))
    store(out, 96, select(wide < 0, -wide, wide))
    store(out, 112, maximum(minimum(wide, splat(i32x16, 100)), splat(i32x16, -100)))


@pytest.mark.parametrize("level", LEVELS)
def test_integer_operations(level):
    x = EDGES * np.float32(1.0)
    a = Vector(f32x16, x)
    narrow, out = np.zeros(16, np.int16), np.zeros(128, np.int32)
    _integers.at(level)(x.ctypes.data, narrow.ctypes.data, out.ctypes.data)
    assert np.array_equal(narrow, saturate(i16x16, a).lanes)
    wide = saturate(i32x16, a)
    with np.errstate(over="ignore"):
        expected = [
            wide,
            (wide >> 2) + (wide << 1),
            (wide & 255) | (wide ^ 7),
            wide * 3 - wide,
            convert(i32x16, saturate(i16x16, a)),
            bit_cast(i32x16, a),
            select(wide < 0, -wide, wide),
            maximum(minimum(wide, splat(i32x16, 100)), splat(i32x16, -100)),
        ]
    assert np.array_equal(out, np.concatenate([v.lanes for v in expected]))
    assert narrow[9] == 0 and narrow[10] == 32767 and narrow[11] == -32768 and narrow[6] == 2


@entry("int64", "int64", "int64")
def _wide(x, d, y):
    a, b, c = (
        load(f32x16, float32_array(x, 48), 0),
        load(f32x16, float32_array(x, 48), 16),
        load(f32x16, float32_array(x, 48), 32),
    )
    out = float32_array(y, 64)
    store(out, 0, fma(a, b, c))
    store(out, 16, multiply_add(a, b, c))
    out[32] = sum_lanes(a)
    out[33] = max_lanes(a)
    out[34] = min_lanes(a)
    e = load(f64x8, float64_array(d, 8), 0)
    store(out, 40, convert(f32x8, e * 2.0))
    out[48] = np.float32(sum_lanes(convert(f64x8, convert(f32x8, e))))


@pytest.mark.parametrize("level", LEVELS)
def test_sums_and_conversions(level):
    rng = np.random.default_rng(3)
    x, d = rng.standard_normal(48).astype(np.float32), rng.standard_normal(8)
    y = np.zeros(64, np.float32)
    _wide.at(level)(x.ctypes.data, d.ctypes.data, y.ctypes.data)
    a, b, c = (Vector(f32x16, x[k : k + 16]) for k in (0, 16, 32))
    assert np.array_equal(y[:16], fma(a, b, c).lanes)
    assert np.allclose(y[16:32], multiply_add(a, b, c).lanes, rtol=0, atol=1e-6)
    assert (y[32], y[33], y[34]) == (sum_lanes(a), max_lanes(a), min_lanes(a))
    assert np.array_equal(y[40:48], (d * 2).astype(np.float32))
    assert y[48] == pytest.approx(d.sum(), rel=1e-5)


@entry("int64", "int64", "int64")
def _tails(x, y, count):
    source, out = float32_array(x, 16), float32_array(y, 16)
    store_first(out, 0, load_first(f32x16, source, 0, count) + np.float32(1.0), count)


@pytest.mark.parametrize("level", LEVELS)
def test_tails_touch_nothing_beyond(level):
    x = np.arange(16, dtype=np.float32)
    for count in range(-1, 18):
        y = np.full(20, -9.0, np.float32)
        expected = y.copy()
        _tails.at(level)(x.ctypes.data, y.ctypes.data, count)
        n = max(0, min(16, count))
        expected[:n] = x[:n] + 1
        assert np.array_equal(y, expected)


@entry("int64", "int64")
def _aligned(x, y):
    source, out = float32_array(x, 32), float32_array(y, 32)
    prefetch(source, 16)
    store_aligned(out, 0, load_aligned(f32x16, source, 0))
    store_streaming(out, 16, load_aligned(f32x16, source, 16))


@pytest.mark.parametrize("level", LEVELS)
def test_aligned_and_streaming(level):
    x, y = aligned_zeros(32), aligned_zeros(32)
    x[:] = np.arange(32)
    _aligned.at(level)(x.ctypes.data, y.ctypes.data)
    assert np.array_equal(x, y)


@entry("int64")
def _small_kinds(y):
    out = float64_array(y, 16)
    store(out, 0, splat(f64x2, 1.5))
    store(out, 2, convert(f64x4, splat(f32x4, 2.5)))
    store(out, 6, convert(f64x4, splat(i32x4, 7)))
    wide = convert(i32x8, splat(i16x8, -3))
    out[10] = np.float64(sum_lanes(wide))


@pytest.mark.parametrize("level", LEVELS)
def test_small_kinds(level):
    y = np.zeros(16)
    _small_kinds.at(level)(y.ctypes.data)
    assert y[:11].tolist() == [1.5] * 2 + [2.5] * 4 + [7.0] * 4 + [-24.0]


# --- as wide as the registers ---------------------------------------------------------------------

WIDTHS = {"scalar": 4, "sse4.1": 4, "avx2": 8, "avx512": 16, "neon": 4}
ORDERS = (EVEN, ODD, REVERSED, ZIP_LOW, ZIP_HIGH, ZIP4_LOW, ZIP4_HIGH)


@entry("int64", "int64")
def _native(x, y):
    lanes = lanes_of(f32_native)
    a, b = load(f32_native, float32_array(x, 32), 0), load(f32_native, float32_array(x, 32), lanes)
    out = float32_array(y, 7 * lanes)
    store(out, 0, shuffle(a, b, EVEN))
    store(out, lanes, shuffle(a, b, ODD))
    store(out, 2 * lanes, shuffle(a, b, REVERSED))
    store(out, 3 * lanes, shuffle(a, b, ZIP_LOW))
    store(out, 4 * lanes, shuffle(a, b, ZIP_HIGH))
    store(out, 5 * lanes, shuffle(a, b, ZIP4_LOW))
    store(out, 6 * lanes, shuffle(a, b, ZIP4_HIGH))
    return lanes


@pytest.mark.parametrize("level", LEVELS)
def test_a_kind_as_wide_as_the_registers(level):
    x, y = np.arange(32, dtype=np.float32), np.full(113, -9.0, np.float32)
    lanes = _native.at(level)(x.ctypes.data, y.ctypes.data)
    assert lanes == WIDTHS[level]
    a, b = (Vector(f32_native.with_lanes(lanes), x[k : k + lanes]) for k in (0, lanes))
    for k, order in enumerate(ORDERS):
        wanted = shuffle(a, b, order).lanes
        assert np.array_equal(y[k * lanes : (k + 1) * lanes], wanted), order
    assert (y[7 * lanes :] == -9.0).all()


def test_orders_of_lanes_by_hand():
    assert f32_native.lanes == 16, "the widest there are, where nothing is compiled"
    assert (EVEN(4), ODD(4), REVERSED(4)) == ((0, 2, 4, 6), (1, 3, 5, 7), (3, 2, 1, 0))
    assert (ZIP_LOW(4), ZIP_HIGH(4)) == ((0, 4, 1, 5), (2, 6, 3, 7))
    assert (ZIP4_LOW(4), ZIP4_HIGH(4)) == ((0, 1, 2, 3), (4, 5, 6, 7)), "one block of each"
    assert ZIP4_LOW(8) == (0, 1, 2, 3, 8, 9, 10, 11)
    assert ZIP4_HIGH(8) == (4, 5, 6, 7, 12, 13, 14, 15)


@pytest.mark.parametrize("name", list(target.LEVELS))
def test_no_vector_is_wider_than_the_registers(name):
    """By the final IR: kernels of native width keep to it, tails and all."""
    ir = _gain.emit(target.level(name)).ir
    widths = {int(n) for n in re.findall(r"<(\d+) x float>", ir)}
    assert not widths if name == "scalar" else max(widths) <= WIDTHS[name], widths


def _twice(x):
    return 2.0 * x


def _first_two(x):
    return sum_lanes(load_first(f32x4, x, 0, 2))


def _as_wide(x):
    return sum_lanes(splat(f32_native, np.float32(1.0)))


def _calls_it(x):
    return _as_wide_kernel(x)


_as_wide_kernel = kernel(_as_wide)


@pytest.mark.parametrize(
    ("function", "modes"), [(_twice, 1), (_first_two, 3), (_as_wide, 3), (_calls_it, 3)]
)
def test_only_what_depends_on_the_width_is_compiled_for_each(function, modes):
    made = kernel(function)
    kind = "float64" if function is _twice else "float32[::1]"
    codes = [made.compile(target.level(n), kind).ir for n in ("sse4.1", "avx2", "avx512")]
    assert len(made.dispatchers()) == modes
    assert len(codes) == 3


# --- levels -----------------------------------------------------------------------------------


@entry("int64", "int64", "float64")
def _gain(x, n, factor):
    gain(float32_array(x, n), factor)


@entry("int64", "int64", "float64")
def _gain_assembly(x, n, factor):
    gain_assembly(float32_array(x, n), factor)


def check_gain(run, n, offset=0):
    rng = np.random.default_rng(n)
    x = rng.standard_normal(n + 40).astype(np.float32)
    expected = x.copy()
    expected[offset : offset + n] *= np.float32(0.3)
    run(x.ctypes.data + 4 * offset, n, 0.3)
    assert np.array_equal(x, expected), (n, offset)


@pytest.mark.parametrize("level", LEVELS)
def test_gain_at_every_length_and_alignment(level):
    run = _gain.at(level)
    for n in range(131):
        check_gain(run, n, n % 17)
    for n in np.random.default_rng(1).integers(131, 9000, 40).tolist():
        check_gain(run, n, n % 17)


@pytest.mark.skipif("avx2" not in LEVELS, reason="assembly for AVX2 only")
def test_gain_in_assembly_at_every_length_and_alignment():
    for n in range(200):
        check_gain(_gain_assembly, n, n % 17)


def test_assembly_without_a_template_is_refused(monkeypatch):
    from zerocross.compiler.primitives import assembly

    monkeypatch.setattr(assembly, "_MACHINE", "riscv64")

    @assembly.assembly({"x86_64": ("nop", "")}, "l")
    def nothing(address):
        pass

    @entry("int64")
    def wanted(address):
        nothing(address)

    with pytest.raises(CompileError, match="no assembly for riscv64"):
        _ = wanted.address


@pytest.mark.parametrize(
    ("level", "wanted", "unwanted"),
    [
        ("scalar", "mulss", ("mulps", "ymm", "zmm")),
        ("sse4.1", "mulps\t%xmm", ("ymm", "zmm")),
        ("avx2", "ymm", ("zmm",)),
        ("avx512", "zmm", ()),
        ("neon", "fmul\tv", ("xmm",)),
    ],
)
def test_the_assembly_shows_the_level(level, wanted, unwanted):
    code = _gain.emit(target.level(level)).assembly
    if level == "sse4.1":
        assert "mulps" in code
    else:
        assert wanted in code
    for word in unwanted:
        assert word not in code
    assert "call" not in code and "\tbl\t" not in code


def test_an_impossible_level_is_an_error(monkeypatch):
    with pytest.raises(TargetError, match="there are: scalar"):
        _gain.at("avx9")
    foreign = "neon" if "neon" not in LEVELS else "avx2"
    with pytest.raises(TargetError, match="cannot run"):
        _gain.at(foreign)
    monkeypatch.setenv("ZEROCROSS_SIMD", foreign)
    with pytest.raises(TargetError, match="choose one of them"):
        target.active()
    monkeypatch.setenv("ZEROCROSS_SIMD", "scalar")
    assert target.active().name == "scalar"


@pytest.mark.thorough
def test_a_forced_level_plays(cli, make_file):
    import os

    path, _ = make_file(frames=2400)
    for level, code in (("scalar", 0), ("nonsense", 2)):
        done = cli(
            "play", path, "--device", "null", "--no-ui", env={**os.environ, "ZEROCROSS_SIMD": level}
        )
        assert done.returncode == code, done.stderr
    assert b"no SIMD level 'nonsense'" in done.stderr
