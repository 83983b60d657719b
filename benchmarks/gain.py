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


class _Noise:
    """What the gain is applied to, and what has to come out of a half.

    What is timed is a factor of 1: it keeps noise noise however often it is applied.
    """

    def __init__(self) -> None:
        self.fresh = np.random.default_rng(1).standard_normal(SAMPLES).astype(np.float32)
        self.x = self.fresh.copy()

    def refill(self) -> None:
        self.x[:] = self.fresh

    def checked(self, run):
        def check() -> None:
            self.refill()
            run()
            assert np.array_equal(self.x, self.fresh * np.float32(0.5))

        return check


def cases() -> list[Case]:
    return [_compiled(_Noise()), _called(_Noise())]


def _compiled(noise: _Noise) -> Case:
    address = noise.x.ctypes.data
    contestants = [
        Contestant(
            "zerocross gain",
            prepare=noise.refill,
            repeat=lambda n: _repeat_gain(address, SAMPLES, 1.0, n),
            check=noise.checked(lambda: _repeat_gain(address, SAMPLES, 0.5, 1)),
        )
    ]
    bars = []
    if "avx2" in target.available():
        contestants.append(
            Contestant(
                "inline assembly (AVX)",
                prepare=noise.refill,
                repeat=lambda n: _repeat_assembly(address, SAMPLES, 1.0, n),
                check=noise.checked(lambda: _repeat_assembly(address, SAMPLES, 0.5, 1)),
            )
        )
        bars.append(Bar("inline assembly (AVX)", 1.10))
    return Case("gain", f"{SAMPLES} f32", contestants, bars)


def _called(noise: _Noise) -> Case:
    x, one, half = noise.x, np.float32(1.0), np.float32(0.5)
    ours = Contestant(
        "zerocross gain, call",
        lambda: gain(x, one),
        prepare=noise.refill,
        check=noise.checked(lambda: gain(x, half)),
    )
    theirs = numpy_peer.multiply(x, one)
    theirs.prepare, theirs.check = noise.refill, noise.checked(numpy_peer.multiply(x, half).call)
    return Case("gain, call", f"{SAMPLES} f32", [ours, theirs], [Bar(theirs.name, 1 / 1.3)])
