"""Gain of 4096 float32: ours, our inline assembly, NumPy; inside compiled code and called."""

from __future__ import annotations

import numpy as np

from zerocross.compiler import entry, float32_array, monotonic_ns, target
from zerocross.dsp.gain import gain, gain_assembly
from zerocross.lab.harness import Bar, Case, Contestant
from zerocross.lab.peers import numpy as numpy_peer

SAMPLES = 4096
FACTOR = 0.999


@entry("int64", "int64", "float64", "int64")
def _repeat_gain(address, samples, factor, times):
    x = float32_array(address, samples)
    started = monotonic_ns()
    for _ in range(times):
        gain(x, factor)
    return monotonic_ns() - started


@entry("int64", "int64", "float64", "int64")
def _repeat_assembly(address, samples, factor, times):
    x = float32_array(address, samples)
    started = monotonic_ns()
    for _ in range(times):
        gain_assembly(x, factor)
    return monotonic_ns() - started


def cases() -> list[Case]:
    rng = np.random.default_rng(1)
    noise = rng.standard_normal(SAMPLES).astype(np.float32)
    x = noise.copy()
    expected = noise * np.float32(0.5)

    def refill() -> None:
        x[:] = noise

    def checked(run):
        def check() -> None:
            refill()
            run()
            assert np.array_equal(x, expected)

        return check

    # A factor of 1 keeps noise noise however often it is applied; the arithmetic is the same.
    address = x.ctypes.data
    inside = [
        Contestant(
            "zerocross gain",
            prepare=refill,
            repeat=lambda n: _repeat_gain(address, SAMPLES, 1.0, n),
            check=checked(lambda: _repeat_gain(address, SAMPLES, 0.5, 1)),
        )
    ]
    bars = []
    if "avx2" in target.available():
        inside.append(
            Contestant(
                "inline assembly (AVX)",
                prepare=refill,
                repeat=lambda n: _repeat_assembly(address, SAMPLES, 1.0, n),
                check=checked(lambda: _repeat_assembly(address, SAMPLES, 0.5, 1)),
            )
        )
        bars.append(Bar("inline assembly (AVX)", 1.10))
    one, half = np.float32(1.0), np.float32(0.5)
    theirs = numpy_peer.multiply(x, one)
    theirs.prepare, theirs.check = refill, checked(numpy_peer.multiply(x, half).call)
    called = [
        Contestant(
            "zerocross gain, call",
            lambda: gain(x, one),
            prepare=refill,
            check=checked(lambda: gain(x, half)),
        ),
        theirs,
    ]
    return [
        Case("gain", f"{SAMPLES} f32", inside, bars),
        Case("gain, call", f"{SAMPLES} f32", called, [Bar(theirs.name, 1 / 1.3)]),
    ]
