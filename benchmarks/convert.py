"""float32 to int16, plain and with interleaving, against NumPy and our own scalar level."""

from __future__ import annotations

import numpy as np

from zerocross.compiler import entry, float32_array, float32_rows, int16_array, monotonic_ns, target
from zerocross.dsp.convert import float_to_int16, interleave_int16
from zerocross.lab.harness import Bar, Case, Contestant
from zerocross.lab.peers import numpy as numpy_peer

FRAMES = 4096


@entry("int64", "int64", "int64", "int64")
def _repeat_int16(source, out, samples, times):
    x, y = float32_array(source, samples), int16_array(out, samples)
    started = monotonic_ns()
    for _ in range(times):
        float_to_int16(x, y, 1.0, 0, 0, 0)
    return monotonic_ns() - started


@entry("int64", "int64", "int64", "int64")
def _repeat_interleave(source, out, frames, times):
    x, y = float32_rows(source, 2, frames), int16_array(out, 2 * frames)
    started = monotonic_ns()
    for _ in range(times):
        interleave_int16(x, frames, y)
    return monotonic_ns() - started


def cases() -> list[Case]:
    noise = np.random.default_rng(5).uniform(-1.1, 1.1, (2, FRAMES)).astype(np.float32)
    mono = noise[0].copy()
    found = [_plain(mono), _interleaved(noise)]
    if "avx2" in target.available():
        found.append(_by_level(mono))
    return found


def _ours(run, name: str, given, out, theirs: Contestant) -> Contestant:
    source, made = given.ctypes.data, out.ctypes.data

    def check() -> None:
        run(source, made, FRAMES, 1)
        assert np.array_equal(out, theirs.call())

    return Contestant(name, check=check, repeat=lambda n: run(source, made, FRAMES, n))


def _plain(mono) -> Case:
    theirs, out = numpy_peer.to_int16(mono), np.zeros(FRAMES, np.int16)
    ours = _ours(_repeat_int16, "zerocross float_to_int16", mono, out, theirs)
    return Case("f32 -> i16", f"{FRAMES}", [ours, theirs], [Bar(theirs.name, 1 / 15)])


def _interleaved(noise) -> Case:
    theirs, out = numpy_peer.interleave_int16(noise), np.zeros(2 * FRAMES, np.int16)
    ours = _ours(_repeat_interleave, "zerocross interleave_int16", noise, out, theirs)
    return Case(
        "interleave + f32 -> i16",
        f"{FRAMES} frames stereo",
        [ours, theirs],
        [Bar(theirs.name, 1 / 15)],
    )


def _by_level(mono) -> Case:
    wanted, out = numpy_peer.to_int16(mono), np.zeros(FRAMES, np.int16)
    levels = [
        _ours(_repeat_int16.at(level), f"{level} level", mono, out, wanted)
        for level in ("avx2", "scalar")
    ]
    return Case("f32 -> i16 by level", f"{FRAMES}", levels, [Bar("scalar level", 1 / 4)])
