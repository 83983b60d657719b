"""44.1 to 48 kHz, stereo, in blocks of 4096 frames, against soxr HQ on one thread."""

from __future__ import annotations

import numpy as np

from zerocross.compiler import entry, float32_rows, monotonic_ns, record_at
from zerocross.dsp.resample import RESAMPLER, make_resampler, resample_through
from zerocross.lab.harness import Bar, Case, Contestant
from zerocross.lab.peers import find

FRAMES, RATE_IN, RATE_OUT = 4096, 44_100, 48_000


@entry("int64", "int64", "int64", "int64", "int64", "int64")
def _repeat_resample(resampler, rows, frames, out, room, times):
    r = record_at(resampler, RESAMPLER)
    source, target = float32_rows(rows, 2, frames), float32_rows(out, 2, room)
    started = monotonic_ns()
    for _ in range(times):
        resample_through(r, source, frames, target)
    return monotonic_ns() - started


def cases() -> list[Case]:
    t = np.arange(FRAMES) / RATE_IN
    tone = np.stack([np.sin(2 * np.pi * f * t) for f in (997, 3001)])
    noise = np.random.default_rng(8).standard_normal((2, FRAMES)) * 0.1
    rows = (0.5 * tone + noise).astype(np.float32)
    made = make_resampler(RATE_IN, RATE_OUT, 2, FRAMES)
    out = np.zeros((2, made.most_frames_out(FRAMES)), np.float32)

    def ours(times: int) -> int:
        return _repeat_resample(
            made.address, rows.ctypes.data, FRAMES, out.ctypes.data, out.shape[1], times
        )

    def check() -> None:
        made.reset()
        kept = rows.copy()
        rows[:] = tone
        ours(1)
        rows[:] = kept
        at = np.arange(600, 3600)
        for c, f in enumerate((997, 3001)):
            assert np.abs(out[c, at] - np.sin(2 * np.pi * f * at / RATE_OUT)).max() < 1e-5

    contestants = [Contestant("zerocross resample", repeat=ours, check=check, calls_in_one=FRAMES)]
    bars = []
    if soxr := find("soxr"):
        theirs = soxr.resample(np.ascontiguousarray(rows.T), RATE_IN, RATE_OUT)
        contestants.append(theirs)
        bars.append(Bar(theirs.name, 1.0))
    return [
        Case(
            "resample 44.1 -> 48 kHz stereo, an input frame",
            f"blocks of {FRAMES}",
            contestants,
            bars,
        )
    ]
