"""44.1 to 48 kHz, stereo, in blocks of 4096 frames, against soxr on one thread.

Each quality stands beside the one of soxr that is as good: measured with tones anywhere in the
band, images and aliases lie below -130 dB in "high" and HQ, and below what float32 can hold in
"very high" and VHQ (`benchmarks/accuracy/resampling.py` measures all four). soxr is the faster at
equal quality, so the bar of 1 is not met today; ours is one filter, which has a small
delay and takes blocks of any length as they come.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from zerocross.compiler import entry, float32_rows, monotonic_ns, record_at
from zerocross.dsp.resample import RESAMPLER, make_resampler, resample_through
from zerocross.lab.harness import Bar, Case, Contestant
from zerocross.lab.peers import find

FRAMES, RATE_IN, RATE_OUT = 4096, 44_100, 48_000
TONES = 997, 3001
#: Our quality and soxr's as good one.
PAIRS = [("medium", "MQ"), ("high", "HQ"), ("very high", "VHQ")]


@entry("int64", "int64", "int64", "int64", "int64", "int64")
def _repeat_resample(resampler, rows, frames, out, room, times):
    r = record_at(resampler, RESAMPLER)
    source, target = float32_rows(rows, 2, frames), float32_rows(out, 2, room)
    started = monotonic_ns()
    for _ in range(times):
        resample_through(r, source, frames, target)
    return monotonic_ns() - started


def _ours(rows: npt.NDArray[np.float32], tone: npt.NDArray[np.float64], quality: str) -> Contestant:
    made = make_resampler(RATE_IN, RATE_OUT, 2, FRAMES, quality)
    out = np.zeros((2, made.most_frames_out(FRAMES)), np.float32)

    def repeat(times: int) -> int:
        return _repeat_resample(
            made.address, rows.ctypes.data, FRAMES, out.ctypes.data, out.shape[1], times
        )

    def check() -> None:
        made.reset()
        kept = rows.copy()
        rows[:] = tone
        repeat(1)
        rows[:] = kept
        at = np.arange(600, 3600)
        for c, f in enumerate(TONES):
            assert np.abs(out[c, at] - np.sin(2 * np.pi * f * at / RATE_OUT)).max() < 1e-5

    return Contestant(f"zerocross {quality}", repeat=repeat, check=check, calls_in_one=FRAMES)


def cases() -> list[Case]:
    t = np.arange(FRAMES) / RATE_IN
    tone = np.stack([np.sin(2 * np.pi * f * t) for f in TONES])
    noise = np.random.default_rng(8).standard_normal((2, FRAMES)) * 0.1
    rows = (0.5 * tone + noise).astype(np.float32)
    made = []
    for quality, theirs in PAIRS:
        contestants, bars = [_ours(rows, tone, quality)], []
        if soxr := find("soxr"):
            samples = np.ascontiguousarray(rows.T)
            contestants.append(soxr.resample(samples, RATE_IN, RATE_OUT, theirs))
            bars.append(Bar(contestants[1].name, 1.0))
        what = f"resample 44.1 -> 48 kHz stereo, {quality}, an input frame"
        made.append(Case(what, f"blocks of {FRAMES}", contestants, bars))
    return made
