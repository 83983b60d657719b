"""Effects that are mostly elementary functions, in plain loops: against NumPy and against C."""

from __future__ import annotations

import ctypes
import math
from pathlib import Path
from typing import Any

import numpy as np

from zerocross.compiler import entry, float32_array, float32_rows, kernel, monotonic_ns
from zerocross.lab.harness import Bar, Case, Contestant
from zerocross.lab.peers import find

FRAMES, CHANNELS, SHORT = 4096, 2, 512
C_LIMIT, NUMPY_LIMIT = 1.1, 0.5
ONE, HALF, TEN, TWENTY, TURN = (np.float32(x) for x in (1, 0.5, 10, 20, 2 * math.pi))
SILENT, TWENTIETH = np.float32(1e-6), np.float32(0.05)


@entry("int64", "int64", "int64", "float64", "int64")
def _repeat_waveshaper(source, result, frames, drive, times):
    x, y = float32_rows(source, 2, frames), float32_rows(result, 2, frames)
    d = np.float32(drive)
    started = monotonic_ns()
    for _ in range(times):
        for c in range(2):
            for i in range(frames):
                y[c, i] = math.tanh(x[c, i] * d) * HALF + x[c, i]
    return monotonic_ns() - started


@kernel
def tremolo(state, x, y, frames):
    rate, depth, phase = state[0], state[1], state[2]
    for i in range(frames):
        gain = ONE - depth * (HALF + HALF * math.sin(phase + rate * np.float32(i)))
        y[0, i] = gain * x[0, i]
        y[1, i] = gain * x[1, i]
    state[2] = (phase + rate * np.float32(frames)) % TURN


@kernel
def fm_voice(state, x, y, frames):
    carrier, modulator, index, phase, other = state[0], state[1], state[2], state[3], state[4]
    for i in range(frames):
        swing = index * math.sin(other + modulator * np.float32(i))
        voice = x[0, i] * math.sin(phase + carrier * np.float32(i) + swing)
        y[0, i] = voice
        y[1, i] = voice
    state[3] = (phase + carrier * np.float32(frames)) % TURN
    state[4] = (other + modulator * np.float32(frames)) % TURN


@kernel
def gain_computer(state, x, y, frames):
    threshold, slope, makeup = state[0], state[1], state[2]
    for i in range(frames):
        peak = max(abs(x[0, i]), abs(x[1, i]))
        level = TWENTY * math.log10(max(peak, SILENT))
        over = max(level - threshold, np.float32(0.0))
        gain = TEN ** ((makeup - slope * over) * TWENTIETH)
        y[0, i] = gain * x[0, i]
        y[1, i] = gain * x[1, i]


def _repeated(effect):
    @entry("int64", "int64", "int64", "int64", "int64")
    def repeat(state, source, result, frames, times):
        s = float32_array(state, 5)
        x, y = float32_rows(source, 2, frames), float32_rows(result, 2, frames)
        started = monotonic_ns()
        for _ in range(times):
            effect(s, x, y, frames)
        return monotonic_ns() - started

    return repeat


def cases() -> list[Case]:
    found = [_waveshaper()]
    c = find("c")
    if c:
        library = c.library(Path(__file__).with_name("elementary.c"))
        found += [
            _case("Tremolo", tremolo, library.tremolo_in_floats, (0.001, 0.5, 0, 0, 0), library),
            _case("FM voice", fm_voice, library.fm_voice, (0.06, 0.09, 2, 0, 0), library),
            _case(
                "Gain computer", gain_computer, library.gain_computer, (-20, 0.75, 6, 0, 0), library
            ),
        ]
    return found


def _noise(frames: int) -> Any:
    return np.random.default_rng(1).uniform(-1, 1, (CHANNELS, frames)).astype(np.float32)


def _waveshaper() -> Case:
    x, d = _noise(SHORT), np.float32(3.0)
    y = np.zeros_like(x)

    def repeat(times: int) -> int:
        return _repeat_waveshaper(x.ctypes.data, y.ctypes.data, SHORT, float(d), times)

    def expected() -> Any:
        return np.tanh(x * d) * np.float32(0.5) + x

    def check() -> None:
        repeat(1)
        assert np.abs(y - expected()).max() < 1e-6

    theirs = Contestant("np.tanh(x * d) * 0.5 + x", expected)
    return Case(
        "tanh waveshaper in plain loops",
        f"{SHORT} x {CHANNELS}",
        [Contestant("zerocross loops", repeat=repeat, check=check), theirs],
        [Bar(theirs.name, NUMPY_LIMIT)],
    )


def _case(name: str, effect: Any, function: Any, state: Any, library: ctypes.CDLL) -> Case:
    x = _noise(FRAMES)
    states = [np.array(state, np.float32) for _ in range(2)]
    results = [np.zeros_like(x) for _ in range(2)]
    loop, driver = _repeated(effect), library.repeat_two
    driver.restype = ctypes.c_long
    pointer = ctypes.cast(function, ctypes.c_void_p)

    def ours(times: int) -> int:
        places = (array.ctypes.data for array in (states[0], x, results[0]))
        return loop(*places, FRAMES, times)

    def theirs(times: int) -> int:
        places = (ctypes.c_void_p(array.ctypes.data) for array in (states[1], x, results[1]))
        taken: int = driver(pointer, *places, ctypes.c_long(FRAMES), ctypes.c_long(times))
        return taken

    def check() -> None:
        for each in states:
            each[:] = state
        ours(2)
        theirs(2)
        # The phase of float32 that gcc fuses is another by a few units of its last place.
        assert np.abs(results[0] - results[1]).max() < 1e-3
        assert np.abs(results[0]).max() > 0.1

    of_c = "C, gcc -O3 -march=native, libmvec"
    return Case(
        f"{name} in plain loops, stereo, a frame",
        f"blocks of {FRAMES}",
        [
            Contestant("zerocross loops", repeat=ours, check=check, calls_in_one=FRAMES),
            Contestant(of_c, repeat=theirs, calls_in_one=FRAMES),
        ],
        [Bar(of_c, C_LIMIT)],
    )
