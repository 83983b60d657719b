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
    mono, out = noise[0].copy(), np.zeros(2 * FRAMES, np.int16)
    plain, interleaved = numpy_peer.to_int16(mono), numpy_peer.interleave_int16(noise)

    def ours(run, name):
        def check() -> None:
            run(mono.ctypes.data, out.ctypes.data, FRAMES, 1)
            assert np.array_equal(out[:FRAMES], plain.call())

        return Contestant(
            name, check=check, repeat=lambda n: run(mono.ctypes.data, out.ctypes.data, FRAMES, n)
        )

    def check_interleave() -> None:
        _repeat_interleave(noise.ctypes.data, out.ctypes.data, FRAMES, 1)
        assert np.array_equal(out, interleaved.call())

    found = [
        Case(
            "f32 -> i16",
            f"{FRAMES}",
            [
                ours(_repeat_int16, "zerocross float_to_int16"),
                plain,
            ],
            [Bar(plain.name, 1 / 15)],
        ),
        Case(
            "interleave + f32 -> i16",
            f"{FRAMES} frames stereo",
            [
                Contestant(
                    "zerocross interleave_int16",
                    check=check_interleave,
                    repeat=lambda n: _repeat_interleave(
                        noise.ctypes.data, out.ctypes.data, FRAMES, n
                    ),
                ),
                interleaved,
            ],
            [Bar(interleaved.name, 1 / 15)],
        ),
    ]
    if "avx2" in target.available():
        found.append(
            Case(
                "f32 -> i16 by level",
                f"{FRAMES}",
                [
                    ours(_repeat_int16.at("avx2"), "avx2 level"),
                    ours(_repeat_int16.at("scalar"), "scalar level"),
                ],
                [Bar("scalar level", 1 / 4)],
            )
        )
    return found
