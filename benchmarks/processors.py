"""Effects as users write them, in Python loops, against the same algorithm in C (gcc -O3)."""

from __future__ import annotations

import ctypes
import math
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.harness import Bar, Case, Contestant
from zerocross import processor
from zerocross.compiler import Entry
from zerocross.engine.program import BLOCK
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


@processor
class KarplusStrong:
    place: int = 0
    seed: int = 1

    def prepare(self, sample_rate, channels, max_block):
        self.line = np.zeros(109, np.float32)
        seed = 1
        for i in range(109):
            seed = (seed * 6364136223846793005 + 1442695040888963407) & ((1 << 64) - 1)
            self.line[i] = ((seed >> 32) & 0x7FFFFFFF) * (2.0 / 2147483648.0) - 1.0

    def process(self, block):
        for i in range(block.frames):
            at = self.place
            after = at + 1 if at + 1 < 109 else 0
            y = np.float32(0.498) * (self.line[at] + self.line[after]) + block.input[0, i]
            self.line[at] = y
            self.place = after
            for c in range(block.channels):
                block.output[c, i] = y


C_SOURCE = """
#include <math.h>
typedef struct { double a, left, right; } OnePole;
void one_pole(OnePole *s, const float *in, float *out, long n) {
    for (long i = 0; i < n; i++) {
        s->left += s->a * (in[i] - s->left);
        s->right += s->a * (in[n + i] - s->right);
        out[i] = s->left;
        out[n + i] = s->right;
    }
}
typedef struct { double b0, b1, b2, a1, a2, state[2][2]; } Biquad;
void biquad(Biquad *s, const float *in, float *out, long n) {
    for (int c = 0; c < 2; c++) {
        double s1 = s->state[c][0], s2 = s->state[c][1];
        for (long i = 0; i < n; i++) {
            double x = in[c * n + i];
            double y = s->b0 * x + s1;
            s1 = s->b1 * x - s->a1 * y + s2;
            s2 = s->b2 * x - s->a2 * y;
            out[c * n + i] = y;
        }
        s->state[c][0] = s1;
        s->state[c][1] = s2;
    }
}
typedef struct { double step, depth, phase; } Tremolo;
void tremolo(Tremolo *s, const float *in, float *out, long n) {
    for (long i = 0; i < n; i++) {
        double gain = 1.0 - s->depth * (0.5 + 0.5 * sin(s->phase));
        s->phase += s->step;
        for (int c = 0; c < 2; c++)
            out[c * n + i] = gain * in[c * n + i];
    }
}
typedef struct { long place; float line[109]; } KarplusStrong;
void karplus_strong(KarplusStrong *s, const float *in, float *out, long n) {
    for (long i = 0; i < n; i++) {
        long at = s->place, after = at + 1 < 109 ? at + 1 : 0;
        float y = 0.498f * (s->line[at] + s->line[after]) + in[i];
        s->line[at] = y;
        s->place = after;
        for (int c = 0; c < 2; c++)
            out[c * n + i] = y;
    }
}
"""


def _library() -> ctypes.CDLL:
    folder = Path(tempfile.mkdtemp(prefix="zerocross-bench-"))
    source, made = folder / "peers.c", folder / "peers.so"
    source.write_text(C_SOURCE)
    command = ["gcc", "-O3", "-march=native", "-shared", "-fPIC", source, "-o", made, "-lm"]
    subprocess.run(command, check=True)
    library = ctypes.CDLL(str(made))
    shutil.rmtree(folder)
    return library


def _ours(one, source, target):
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


def _theirs(function, state, source, target):
    function.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_long]
    function.restype = None
    arrays = (state, source, target)
    values = (*(array.ctypes.data for array in arrays), FRAMES)

    def run():
        assert arrays
        return function(*values)

    return run


def cases() -> list[Case]:
    if not shutil.which("gcc"):
        return []
    library = _library()
    rng = np.random.default_rng(1)
    source = (0.1 * rng.standard_normal((CHANNELS, FRAMES))).astype(np.float32)
    ks = KarplusStrong()
    ks.make_ready(RATE, CHANNELS, FRAMES)
    string = np.zeros(109 * 4 + 8, np.uint8)
    string[8:].view(np.float32)[:] = ks.line
    works = [
        (OnePole(), library.one_pole, np.array([0.13, 0, 0])),
        (Biquad(), library.biquad, np.array([0.2, 0.3, 0.1, -0.5, 0.2, 0, 0, 0, 0])),
        (Tremolo(), library.tremolo, np.array([0.001, 0.5, 0])),
        (ks, library.karplus_strong, string),
    ]
    return [_case(one, function, state, source) for one, function, state in works]


def _case(one, function, state, source) -> Case:
    ours, theirs = np.zeros_like(source), np.zeros_like(source)
    run, peer = _ours(one, source, ours), _theirs(function, state, source, theirs)

    def check() -> None:
        run()
        peer()
        assert np.abs(ours - theirs).max() < 1e-5  # gcc fuses multiply and add
        assert np.abs(ours).max() > 1e-3

    return Case(
        f"{type(one).__name__} in Python loops, stereo, a frame",
        f"blocks of {FRAMES}",
        [
            Contestant("zerocross processor", run, check=check, calls_in_one=FRAMES),
            Contestant("C, gcc -O3 -march=native", peer, calls_in_one=FRAMES),
        ],
        [Bar("C, gcc -O3 -march=native", 1.25)],
    )
