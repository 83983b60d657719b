"""Real FFTs of float32 against FFTW (planned PATIENT) and MKL in a batch (no call overhead)."""

from __future__ import annotations

import numpy as np

from zerocross.compiler import entry, float32_array, monotonic_ns, record_at
from zerocross.dsp.fft import real_fft
from zerocross.dsp.fft_plan import REAL_FFT, make_real_fft
from zerocross.lab.harness import Bar, Case, Contestant
from zerocross.lab.peers import find
from zerocross.memory import aligned_zeros

SIZES = [2048, 256, 512, 1024, 4096, 8192, 16_384]
BATCH = 64


@entry("int64", "int64", "int64", "int64", "int64", "int64")
def _repeat_fft(x, re, im, size, plan_address, times):
    plan = record_at(plan_address, REAL_FFT)
    samples, bins = float32_array(x, size), size // 2 + 1
    real, imaginary = float32_array(re, bins), float32_array(im, bins)
    started = monotonic_ns()
    for _ in range(times):
        real_fft(plan, samples, real, imaginary)
    return monotonic_ns() - started


def cases() -> list[Case]:
    return [_case(size) for size in SIZES]


def _case(size: int) -> Case:
    x = aligned_zeros(size)
    x[:] = np.random.default_rng(6).standard_normal(size)
    expected = np.fft.rfft(x.astype(np.float64))
    plan = make_real_fft(size)
    re, im = aligned_zeros(size // 2 + 1), aligned_zeros(size // 2 + 1)

    def ours(times: int) -> int:
        return _repeat_fft(x.ctypes.data, re.ctypes.data, im.ctypes.data, size, plan.address, times)

    def check() -> None:
        ours(1)
        _close(re + 1j * im, expected)

    contestants, bars = [Contestant("zerocross real_fft", repeat=ours, check=check)], []
    if fftw := find("fftw"):
        theirs = _checked(*fftw.real_fft(x), expected)
        contestants.append(theirs)
        bars.append(Bar(theirs.name, 0.6 if size == 2048 else 0.8))
    if mkl := find("mkl"):
        batch = np.random.default_rng(7).standard_normal((BATCH, size)).astype(np.float32)
        rows = np.fft.rfft(batch.astype(np.float64), axis=1)
        theirs = _checked(*mkl.real_fft(batch), rows)
        contestants.append(theirs)
        bars.append(Bar(theirs.name, 1.5 if size == 2048 else 2.0))
    return Case("real FFT", f"{size}", contestants, bars)


def _close(got, expected) -> None:
    assert np.linalg.norm(got - expected) <= 3e-7 * np.linalg.norm(expected)


def _checked(contestant: Contestant, out, expected) -> Contestant:
    def check() -> None:
        contestant.call()
        _close(out, expected)

    contestant.check = check
    return contestant
