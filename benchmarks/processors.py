"""Effects as users write them, in Python loops, against the same algorithm in C (gcc -O3)."""

from __future__ import annotations

import ctypes
import math
from pathlib import Path

import numpy as np

from benchmarks.phase_vocoder import SIZE, PhaseVocoder
from zerocross import processor
from zerocross.compiler import Entry
from zerocross.graph.block import BLOCK
from zerocross.lab.harness import Bar, Case, Contestant
from zerocross.lab.peers import find
from zerocross.memory import Arena, Record

FRAMES, CHANNELS, RATE = 4096, 2, 48_000.0


@processor
class OnePole:
    a: float = 0.13
    left: float = 0.0
    right: float = 0.0

    def process(self, block):
        for i in range(block.frames):
            self.left += self.a * (block.input[0, i] - self.left)
            self.right += self.a * (block.input[1, i] - self.right)
            block.output[0, i] = self.left
            block.output[1, i] = self.right


@processor
class Biquad:
    b0: float = 0.2
    b1: float = 0.3
    b2: float = 0.1
    a1: float = -0.5
    a2: float = 0.2

    def prepare(self, sample_rate, channels, max_block):
        self.state = np.zeros((channels, 2))

    def process(self, block):
        for c in range(block.channels):
            s1, s2 = self.state[c, 0], self.state[c, 1]
            for i in range(block.frames):
                x = block.input[c, i]
                y = self.b0 * x + s1
                s1 = self.b1 * x - self.a1 * y + s2
                s2 = self.b2 * x - self.a2 * y
                block.output[c, i] = y
            self.state[c, 0], self.state[c, 1] = s1, s2


@processor
class Tremolo:
    step: float = 0.001
    depth: float = 0.5
    phase: float = 0.0

    def process(self, block):
        for i in range(block.frames):
            gain = 1.0 - self.depth * (0.5 + 0.5 * math.sin(self.phase))
            self.phase += self.step
            for c in range(block.channels):
                block.output[c, i] = gain * block.input[c, i]


LINE = 128  # a power of two: an index is masked, as the guide advises


def _pluck(line):
    seed = 1
    for i in range(109):
        seed = (seed * 6364136223846793005 + 1442695040888963407) & ((1 << 64) - 1)
        line[i] = ((seed >> 32) & 0x7FFFFFFF) * (2.0 / 2147483648.0) - 1.0


@processor
class KarplusStrong:
    place: int = 109

    def prepare(self, sample_rate, channels, max_block):
        self.line = np.zeros(LINE, np.float32)
        _pluck(self.line)

    def process(self, block):
        for i in range(block.frames):
            at = self.place + i
            older, old = self.line[(at - 109) & 127], self.line[(at - 108) & 127]
            y = np.float32(0.498) * (older + old) + block.input[0, i]
            self.line[at & 127] = y
            for c in range(block.channels):
                block.output[c, i] = y
        self.place = (self.place + block.frames) & 127


@processor
class KarplusStrongCompared:
    """The same with an index that is compared: it may be negative for all the compiler knows."""

    place: int = 0

    def prepare(self, sample_rate, channels, max_block):
        self.line = np.zeros(109, np.float32)
        _pluck(self.line)

    def process(self, block):
        for i in range(block.frames):
            at = self.place
            after = at + 1 if at + 1 < 109 else 0
            y = np.float32(0.498) * (self.line[at] + self.line[after]) + block.input[0, i]
            self.line[at] = y
            self.place = after
            for c in range(block.channels):
                block.output[c, i] = y


def prepared(one, source, target):
    """Return a call that runs a processor over a block, without Python inside."""
    one.make_ready(RATE, CHANNELS, FRAMES)
    arena, block = Arena(1 << 20), Record(BLOCK)
    for name, value in {
        "input": source.ctypes.data,
        "output": target.ctypes.data,
        "row_frames": FRAMES,
        "frames": FRAMES,
        "sample_rate": RATE,
        "arena": arena.record.address,
    }.items():
        block[name] = value
    entry: Entry = one.entry
    call = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)(entry.address)
    state, address, kept = one.record.address, block.address, (arena, block, one, source, target)

    def run():
        assert kept
        return call(state, address)

    return run


def cases() -> list[Case]:
    c = find("c")
    if not c:
        return []
    library = c.library(Path(__file__).with_suffix(".c"))
    rng = np.random.default_rng(1)
    source = (0.1 * rng.standard_normal((CHANNELS, FRAMES))).astype(np.float32)
    strings = [KarplusStrong(), KarplusStrongCompared()]
    vocoder = PhaseVocoder()
    for one in (*strings, vocoder):
        one.make_ready(RATE, CHANNELS, FRAMES)
    lines = [np.zeros(8 + 4 * len(one.line), np.uint8) for one in strings]
    lines[0][:8].view(np.int64)[0] = 109
    for state, one in zip(lines, strings):
        state[8:].view(np.float32)[:] = one.line
    parts = [vocoder.cosines, vocoder.sines, vocoder.window]
    rest = np.zeros(4 * SIZE + 4 * (SIZE // 2 + 1) + 2 * SIZE + 2 * (SIZE // 2 + 1))
    works = [
        (OnePole(), library.one_pole, np.array([0.13, 0, 0])),
        (Biquad(), library.biquad, np.array([0.2, 0.3, 0.1, -0.5, 0.2, 0, 0, 0, 0])),
        (Tremolo(), library.tremolo, np.array([0.001, 0.5, 0])),
        (strings[0], library.karplus_strong, lines[0]),
        (strings[1], library.karplus_strong_compared, lines[1]),
        (vocoder, library.phase_vocoder, np.concatenate([[0.0], *parts, rest])),
    ]
    return [_case(one, c, function, state, source) for one, function, state in works]


def _case(one, c, function, state, source) -> Case:
    ours, theirs = np.zeros_like(source), np.zeros_like(source)
    run, peer = prepared(one, source, ours), c.effect(function, state, source, theirs)

    def check() -> None:
        run()
        peer.call()
        assert np.abs(ours - theirs).max() < 1e-5  # gcc fuses multiply and add
        assert np.abs(ours).max() > 1e-3

    return Case(
        f"{type(one).__name__} in Python loops, stereo, a frame",
        f"blocks of {FRAMES}",
        [Contestant("zerocross processor", run, check=check, calls_in_one=FRAMES), peer],
        [Bar(peer.name, 1.25)],
    )
