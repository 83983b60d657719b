"""Eight peaking bands, stereo, float64 state, in blocks of 64 and 4096."""

from __future__ import annotations

import math

import numpy as np
import scipy.signal

from zerocross.compiler import entry, float32_rows, monotonic_ns, record_at
from zerocross.dsp.biquad import CASCADE, cascade, design_cascade, make_cascade
from zerocross.lab.harness import Bar, Case, Contestant
from zerocross.lab.peers import find
from zerocross.lab.peers import scipy as scipy_peer

RATE = 48_000
BANDS = [
    (60, 3.0),
    (170, -2.0),
    (310, 4.0),
    (600, -5.0),
    (1000, 2.0),
    (3000, 3.0),
    (6000, -4.0),
    (12_000, 5.0),
]
Q = 1.0


def peaking(frequency, q, gain_db):
    """The peaking filter of the RBJ cookbook, as a row of sos."""
    a = 10 ** (gain_db / 40)
    w = 2 * math.pi * frequency / RATE
    alpha = math.sin(w) / (2 * q)
    b = [1 + alpha * a, -2 * math.cos(w), 1 - alpha * a]
    d = [1 + alpha / a, -2 * math.cos(w), 1 - alpha / a]
    return [v / d[0] for v in b + d]


@entry("int64", "int64", "int64", "int64", "int64")
def _repeat_cascade(samples, source, frames, state_address, times):
    rows, fresh = float32_rows(samples, 2, frames), float32_rows(source, 2, frames)
    state = record_at(state_address, CASCADE)
    total = 0
    for _ in range(times):
        for c in range(2):  # noise again, or what was filtered would be filtered
            for i in range(frames):
                rows[c, i] = fresh[c, i]
        started = monotonic_ns()
        cascade(state, rows, frames)
        total += monotonic_ns() - started
    return total


def cases() -> list[Case]:
    return [_case(64), _case(4096), _short_against_long()]


def _short_against_long() -> Case:
    """What a block costs beside its frames: the same filter in blocks of 64 and of 4096."""
    short, long = _case(64).contestants[0], _case(4096).contestants[0]
    short.name, long.name = "blocks of 64", "blocks of 4096"
    return Case(
        "EQ, 8 bands, stereo, a frame", "64 against 4096", [short, long], [Bar(long.name, 1.3)]
    )


def _case(frames: int) -> Case:
    sos = np.array([peaking(f, Q, g) for f, g in BANDS])
    rng = np.random.default_rng(2)
    noise = (0.1 * rng.standard_normal((2, frames))).astype(np.float32)
    work, state = noise.copy(), make_cascade(design_cascade(sos), 2)
    expected = scipy.signal.sosfilt(sos, noise.astype(np.float64), axis=1)

    def ours(times: int) -> int:
        return _repeat_cascade(work.ctypes.data, noise.ctypes.data, frames, state.address, times)

    def check_ours() -> None:
        state.reset()
        ours(1)
        assert np.abs(work - expected).max() < 1e-7

    contestants = [
        Contestant(
            "zerocross cascade",
            repeat=ours,
            check=check_ours,
            prepare=state.reset,
            calls_in_one=frames,
        ),
        scipy_peer.equalizer(sos, noise.astype(np.float64)),
    ]
    bars = [Bar("scipy.signal.sosfilt (f64)", 1 / 5)]
    if pedalboard := find("pedalboard"):
        contestants.append(_pedalboard(pedalboard, noise, expected, frames))
        bars.append(Bar("pedalboard, 8 PeakFilter", 1 / 10))
    return Case("EQ, 8 bands, stereo, a frame", f"blocks of {frames}", contestants, bars)


def _pedalboard(peer, noise, expected, frames) -> Contestant:
    board = peer.peak_filters(BANDS, Q)
    made = peer.equalizer(board, noise, RATE)

    def check() -> None:
        out = board(noise, RATE, reset=True)
        assert np.abs(out - expected).max() < 1e-4

    made.check, made.calls_in_one = check, frames
    return made
