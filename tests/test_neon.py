"""The same kernels for AArch64 NEON, run under qemu, against the same oracles."""

from __future__ import annotations

import itertools
import subprocess
from pathlib import Path

import numpy as np
import pytest
import scipy.signal

import oracles
from conftest import need
from test_biquad import _cascade, bands
from test_dsp import _bands, _int16, _int32, _interleaved, _peak_rms
from test_dynamics import _block_dc, _four, _limit
from test_fft import _complex, _real
from test_resample import sine
from test_sync import _pop_pieces, _push_pieces
from test_vector import FLOAT_RESULTS, _floats, _gain, _integers, _tails, floats
from zerocross.compiler import target
from zerocross.compiler.primitives.vector import Vector, f32x8, f32x16, i16x16, load, saturate
from zerocross.dsp.biquad import design_cascade, make_cascade
from zerocross.dsp.dc import design_dc_blocker, make_dc_blocker
from zerocross.dsp.fft_plan import make_fft, make_real_fft
from zerocross.dsp.limiter import make_limiter
from zerocross.dsp.resample import make_resampler, resample_rows
from zerocross.dsp.spectra import design_bands
from zerocross.dsp.state import State
from zerocross.sync.ring import RING, ring_pop, ring_push

pytestmark = pytest.mark.thorough

BASE = 0x10_0000_0000
PAGE = 4096


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    """Return a function that runs an entry for NEON: arrays are passed as themselves."""
    compiler, emulator = need("aarch64-linux-gnu-gcc"), need("qemu-aarch64")
    folder = tmp_path_factory.mktemp("neon")

    def run(entry, *arguments):
        program = folder / entry.name
        if not program.exists():
            code = folder / f"{entry.name}.o"
            code.write_bytes(entry.emit(target.level("neon")).object_code)
            harness = Path(__file__).with_name("foreign.c")
            command = [
                compiler,
                "-static",
                "-O1",
                f"-DENTRY={entry.name}",
                harness,
                code,
                "-o",
                program,
                "-lm",
            ]
            subprocess.run(command, check=True, capture_output=True)
        return call(emulator, program, folder / "image", arguments)

    return run


def call(emulator, program, image, arguments):
    """Lay arrays and states out in an image, run the program on it, and read them back.

    A state becomes its arrays and a record that says where in the image they lie.
    """
    arguments = list(arguments)
    records = {}
    for k, value in enumerate(arguments):
        if isinstance(value, State):
            records[k] = arguments[k] = value._memory.copy()
            for name, array in value.arrays.items():
                records[k, name] = len(arguments)
                arguments.append(array)
    passed = len(arguments) - sum(isinstance(key, tuple) for key in records)
    offset, places = PAGE, {}
    for k, value in enumerate(arguments):
        if isinstance(value, np.ndarray):
            places[k] = offset
            offset += -(-value.nbytes // 64) * 64 + 64
    for key, at in records.items():
        if isinstance(key, tuple):
            arguments[key[0]][key[1]] = BASE + places[at]
    memory = bytearray(-(-offset // PAGE) * PAGE)
    for k, place in places.items():
        memory[place : place + arguments[k].nbytes] = arguments[k].tobytes()
    image.write_bytes(memory)
    integers = [
        str(BASE + places[k]) if k in places else str(v)
        for k, v in enumerate(arguments[:passed])
        if not isinstance(v, float)
    ]
    doubles = [repr(v) for v in arguments if isinstance(v, float)]
    command = [
        emulator,
        program,
        image,
        hex(BASE),
        str(len(integers)),
        str(len(doubles)),
        *integers,
        *doubles,
    ]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    memory = image.read_bytes()
    for k, place in places.items():
        value = arguments[k]
        left = np.frombuffer(memory[place : place + value.nbytes], value.dtype)
        if value.flags.writeable:
            value[...] = left.reshape(value.shape)
        else:
            assert np.array_equal(value.ravel(), left), "what is shared is not written"
    return int(done.stdout)


def noise(*shape, seed=1):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def test_float_operations(foreign):
    x, z = noise(16) * 10, noise(16, seed=2) * 10
    got = np.zeros(2 * FLOAT_RESULTS + 64, np.float32)
    foreign(_floats, x, z, got)
    expected = np.zeros_like(got)
    for k in range(2):
        floats(expected, FLOAT_RESULTS * k, load(f32x8, x, 8 * k), load(f32x8, z, 8 * k))
    assert np.array_equal(got, expected, equal_nan=True)


def test_integers_and_tails(foreign):
    x, narrow, out = noise(16) * 40_000, np.zeros(16, np.int16), np.zeros(128, np.int32)
    x[3], x[5] = np.nan, np.inf
    foreign(_integers, x, narrow, out)
    assert np.array_equal(narrow, saturate(i16x16, Vector(f32x16, x)).lanes)
    for count in (0, 1, 7, 16):
        y = np.full(20, -9, np.float32)
        foreign(_tails, x, y, count)
        assert np.array_equal(y[:count], x[:count] + 1, equal_nan=True)
        assert np.all(y[count:] == -9)


@pytest.mark.parametrize("n", [0, 1, 15, 63, 64, 65, 1000])
def test_gain_and_elementwise(foreign, n):
    x, y, out = noise(n), noise(n, seed=2), noise(n, seed=3)
    expected = x * np.float32(0.3), out + 0.75 * x.astype(np.float64)
    foreign(_four, 1, x, y, out, n)
    assert np.allclose(out, expected[1], rtol=3e-7, atol=1e-7)
    foreign(_gain, x, n, 0.3)
    assert np.array_equal(x, expected[0])


def test_conversions(foreign):
    x = np.random.default_rng(4).uniform(-1.1, 1.1, 1003).astype(np.float32)
    x[:3] = np.nan, np.inf, -np.inf
    narrow, wide = np.zeros(1003, np.int16), np.zeros(1003, np.int32)
    foreign(_int16, x, narrow, 1003, 1.0, 0, 0, 0)
    assert np.array_equal(narrow, oracles.to_integer(x, 16))
    foreign(_int32, x, wide, 1003, 24, 0, 0, 0)
    assert np.array_equal(wide >> 8, oracles.to_integer(x, 24))
    rows, flat = noise(2, 333), np.zeros(666, np.int16)
    foreign(_interleaved, rows, 2, 333, flat, 1)
    assert np.array_equal(flat, oracles.to_integer(rows.T.ravel(), 16))


def test_dither_has_the_same_bits_everywhere(foreign):
    x = np.random.default_rng(4).uniform(-1, 1, 500).astype(np.float32)
    here, there = np.zeros(500, np.int16), np.zeros(500, np.int16)
    _int16(x.ctypes.data, here.ctypes.data, 500, 1.0, 1, 9, 100)
    foreign(_int16, x, there, 500, 1.0, 1, 9, 100)
    assert np.array_equal(here, there)


def test_levels(foreign):
    x, out = noise(4097), np.zeros(2, np.float32)
    foreign(_peak_rms, x, 4097, out)
    assert out[0] == np.abs(x).max()
    assert out[1] == pytest.approx(np.sqrt(np.mean(x.astype(np.float64) ** 2)), rel=1e-6)
    power, edges, levels = (
        noise(1025) ** 2,
        design_bands(1025, 32, 48_000),
        np.zeros(32, np.float32),
    )
    foreign(_bands, power, 1025, edges, 32, levels)
    expected = [
        10 * np.log10(power[a:b].astype(np.float64).mean()) for a, b in itertools.pairwise(edges)
    ]
    assert np.abs(levels - expected).max() < 1e-4


@pytest.mark.parametrize("size", [16, 32, 64, 128, 256, 2048, 8192])
def test_fft(foreign, size):
    plan = make_fft(size)
    a, b = noise(size), noise(size, seed=2)
    c, d = np.zeros_like(a), np.zeros_like(a)
    foreign(_complex, plan, a, b, c, d, size, 0)
    expected = np.fft.fft(a.astype(np.float64) + 1j * b)
    assert np.linalg.norm(c + 1j * d - expected) < 3e-7 * np.linalg.norm(expected)
    plan = make_real_fft(size)
    re, im = np.zeros(size // 2 + 1, np.float32), np.zeros(size // 2 + 1, np.float32)
    foreign(_real, plan, a, re, im, size, 0)
    expected = np.fft.rfft(a.astype(np.float64))
    assert np.linalg.norm(re + 1j * im - expected) < 3e-7 * np.linalg.norm(expected)
    back = np.zeros_like(a)
    foreign(_real, plan, back, re, im, size, 1)
    assert np.abs(back - a).max() < 4e-6


@pytest.mark.parametrize(("channels", "count"), [(1, 8), (2, 8), (3, 11)])
def test_biquads(foreign, channels, count):
    signal, sos = 0.1 * noise(channels, 700), bands(count)
    state, out = make_cascade(design_cascade(sos), channels), signal.copy()
    foreign(_cascade, state, out, channels, 700)
    assert np.abs(out - scipy.signal.sosfilt(sos, signal.astype(np.float64), axis=1)).max() < 2e-7


def test_resampler(foreign):
    made = make_resampler(44_100, 48_000, 1, 4096)
    signal = sine(997, 44_100, 4096 / 44_100)
    out = np.zeros((1, made.most_frames_out(4096)), np.float32)
    count = foreign(resample_rows, made, signal, 4096, out, out.shape[1])
    expected = sine(997, 48_000, count / 48_000)[0, :count]
    assert np.abs(out[0, 200 : count - 200] - expected[200:-200]).max() < 2e-6


def test_dynamics(foreign):
    for is_true in (False, True):
        made, loud = make_limiter(2, 48_000, true_peak=is_true), 3 * noise(2, 2000)
        foreign(_limit, made, loud, 2, 2000)
        assert 0.8 - 0.3 * is_true < np.abs(loud).max() <= 1.0
    quiet = noise(2, 2000)
    state, before = make_dc_blocker(design_dc_blocker(20, 48_000), 2), quiet.copy()
    foreign(_block_dc, state, quiet, 2, 2000)
    b, a = scipy.signal.butter(1, 20, "highpass", fs=48_000)
    assert (
        np.abs(quiet - scipy.signal.lfilter(b, a, before.astype(np.float64), axis=1)).max() < 1e-6
    )


def test_the_ring_has_its_orders_there_too():
    """What x86 hides: acquire and release are instructions of their own on AArch64."""
    for made in (ring_push, ring_pop):
        code = made.emit(target.level("neon")).assembly
        assert "ldar" in code or "ldapr" in code
        assert "stlr" in code


@pytest.mark.parametrize(("capacity", "chunk"), [(3, 2), (64, 64), (1000, 77)])
def test_two_threads_on_a_ring_there(tmp_path, capacity, chunk):
    """Writer and reader as compiled for AArch64, on two threads under qemu."""
    compiler, emulator = need("aarch64-linux-gnu-gcc"), need("qemu-aarch64")
    objects = []
    for made in (_push_pieces, _pop_pieces):
        objects.append(tmp_path / f"{made.name}.o")
        objects[-1].write_bytes(made.emit(target.level("neon")).object_code)
    program = tmp_path / "pair"
    names = [f"-DWRITER={_push_pieces.name}", f"-DREADER={_pop_pieces.name}"]
    source = Path(__file__).with_name("foreign_pair.c")
    subprocess.run(
        [compiler, "-static", "-pthread", "-O1", *names, source, *objects, "-o", program, "-lm"],
        check=True,
        capture_output=True,
    )
    ring = np.zeros(1, RING)
    data, give, take = BASE + PAGE, BASE + 2 * PAGE, BASE + 3 * PAGE
    for name, value in {
        "capacity": capacity,
        "channels": 1,
        "data": data,
        "frames": capacity,
        "span": capacity,
    }.items():
        ring[name] = value
    image = tmp_path / "image"
    image.write_bytes(ring.tobytes().ljust(4 * PAGE, b"\0"))
    values = [image, BASE, BASE, give, take, 200_000, chunk]
    done = subprocess.run(
        [emulator, program, *map(str, values)], check=True, capture_output=True, text=True
    )
    assert done.stdout == "0\n"
