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
from zerocross.graph.block import BLOCK
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


SIZE, HOP = 1024, 256


@processor
class PhaseVocoder:
    """A pitch shifter by 1.25, each channel by itself, with an FFT in plain loops."""

    place: int = 0

    def prepare(self, sample_rate, channels, max_block):
        angle = 2 * np.pi * np.arange(SIZE // 2) / SIZE
        self.cosines, self.sines = np.cos(angle), np.sin(angle)
        self.window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(SIZE) / SIZE)
        self.heard, self.played = np.zeros((channels, SIZE)), np.zeros((channels, SIZE))
        self.last, self.sums = (
            np.zeros((channels, SIZE // 2 + 1)),
            np.zeros((channels, SIZE // 2 + 1)),
        )
        self.re, self.im = np.zeros(SIZE), np.zeros(SIZE)
        self.size, self.speed = np.zeros(SIZE // 2 + 1), np.zeros(SIZE // 2 + 1)

    def process(self, block):
        for i in range(block.frames):
            at = self.place & (HOP - 1)
            for c in range(block.channels):
                self.heard[c, SIZE - HOP + at] = block.input[c, i]
                block.output[c, i] = self.played[c, at]
            self.place += 1
            if at != HOP - 1:
                continue
            for c in range(block.channels):
                for k in range(SIZE):
                    self.re[k] = self.heard[c, k] * self.window[k]
                    self.im[k] = 0.0
                for k in range(SIZE - HOP):
                    self.heard[c, k] = self.heard[c, k + HOP]
                for turn in range(2):  # forward, change, and back
                    j = 0
                    for k in range(1, SIZE):
                        bit = SIZE >> 1
                        while j & bit:
                            j ^= bit
                            bit >>= 1
                        j |= bit
                        if k < j:
                            t = self.re[k]
                            self.re[k] = self.re[j]
                            self.re[j] = t
                            t = self.im[k]
                            self.im[k] = self.im[j]
                            self.im[j] = t
                    span = 1
                    while span < SIZE:
                        stride = SIZE // (2 * span)
                        for first in range(0, SIZE, 2 * span):
                            for k in range(span):
                                wr, wi = self.cosines[k * stride], -self.sines[k * stride]
                                a, b = first + k, first + k + span
                                xr = self.re[b] * wr - self.im[b] * wi
                                xi = self.re[b] * wi + self.im[b] * wr
                                self.re[b] = self.re[a] - xr
                                self.im[b] = self.im[a] - xi
                                self.re[a] = self.re[a] + xr
                                self.im[a] = self.im[a] + xi
                        span *= 2
                    if turn == 1:
                        break
                    for k in range(SIZE // 2 + 1):
                        self.size[k] = 0.0
                        self.speed[k] = 0.0
                    step = 2.0 * math.pi * HOP / SIZE
                    for k in range(SIZE // 2 + 1):
                        magnitude = math.sqrt(self.re[k] * self.re[k] + self.im[k] * self.im[k])
                        phase = math.atan2(self.im[k], self.re[k])
                        moved = phase - self.last[c, k] - k * step
                        self.last[c, k] = phase
                        moved -= 2.0 * math.pi * math.floor(moved / (2.0 * math.pi) + 0.5)
                        to = int(k * 1.25)
                        if to <= SIZE // 2:
                            self.size[to] += magnitude
                            self.speed[to] = 1.25 * (k * step + moved)
                    for k in range(SIZE // 2 + 1):
                        self.sums[c, k] += self.speed[k]
                        self.sums[c, k] -= (
                            2.0 * math.pi * math.floor(self.sums[c, k] / (2.0 * math.pi))
                        )
                        self.re[k] = self.size[k] * math.cos(self.sums[c, k])
                        self.im[k] = -self.size[k] * math.sin(self.sums[c, k])
                    for k in range(1, SIZE // 2):
                        self.re[SIZE - k] = self.re[k]
                        self.im[SIZE - k] = -self.im[k]
                for k in range(SIZE - HOP):
                    self.played[c, k] = self.played[c, k + HOP]
                for k in range(SIZE - HOP, SIZE):
                    self.played[c, k] = 0.0
                for k in range(SIZE):
                    self.played[c, k] += self.re[k] * self.window[k] * (2.0 / (3.0 * SIZE))


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
typedef struct { long place; float line[128]; } KarplusStrong;
void karplus_strong(KarplusStrong *s, const float *in, float *out, long n) {
    for (long i = 0; i < n; i++) {
        long at = s->place + i;
        float y = 0.498f * (s->line[(at - 109) & 127] + s->line[(at - 108) & 127]) + in[i];
        s->line[at & 127] = y;
        for (int c = 0; c < 2; c++)
            out[c * n + i] = y;
    }
    s->place = (s->place + n) & 127;
}
typedef struct { long place; float line[109]; } KarplusStrongCompared;
void karplus_strong_compared(KarplusStrongCompared *s, const float *in, float *out, long n) {
    for (long i = 0; i < n; i++) {
        long at = s->place, after = at + 1 < 109 ? at + 1 : 0;
        float y = 0.498f * (s->line[at] + s->line[after]) + in[i];
        s->line[at] = y;
        s->place = after;
        for (int c = 0; c < 2; c++)
            out[c * n + i] = y;
    }
}
enum { SIZE = 1024, HOP = 256 };
typedef struct {
    long place;
    double cosines[SIZE / 2], sines[SIZE / 2], window[SIZE], heard[2][SIZE], played[2][SIZE];
    double last[2][SIZE / 2 + 1], sums[2][SIZE / 2 + 1], re[SIZE], im[SIZE];
    double size[SIZE / 2 + 1], speed[SIZE / 2 + 1];
} PhaseVocoder;
static void fft(PhaseVocoder *s) {
    long j = 0;
    for (long k = 1; k < SIZE; k++) {
        long bit = SIZE >> 1;
        for (; j & bit; bit >>= 1)
            j ^= bit;
        j |= bit;
        if (k < j) {
            double t = s->re[k]; s->re[k] = s->re[j]; s->re[j] = t;
            t = s->im[k]; s->im[k] = s->im[j]; s->im[j] = t;
        }
    }
    for (long span = 1; span < SIZE; span *= 2) {
        long stride = SIZE / (2 * span);
        for (long first = 0; first < SIZE; first += 2 * span)
            for (long k = 0; k < span; k++) {
                double wr = s->cosines[k * stride], wi = -s->sines[k * stride];
                long a = first + k, b = first + k + span;
                double xr = s->re[b] * wr - s->im[b] * wi, xi = s->re[b] * wi + s->im[b] * wr;
                s->re[b] = s->re[a] - xr; s->im[b] = s->im[a] - xi;
                s->re[a] = s->re[a] + xr; s->im[a] = s->im[a] + xi;
            }
    }
}
void phase_vocoder(PhaseVocoder *s, const float *in, float *out, long n) {
    for (long i = 0; i < n; i++) {
        long at = s->place & (HOP - 1);
        for (int c = 0; c < 2; c++) {
            s->heard[c][SIZE - HOP + at] = in[c * n + i];
            out[c * n + i] = s->played[c][at];
        }
        s->place++;
        if (at != HOP - 1)
            continue;
        for (int c = 0; c < 2; c++) {
            for (long k = 0; k < SIZE; k++) {
                s->re[k] = s->heard[c][k] * s->window[k];
                s->im[k] = 0.0;
            }
            for (long k = 0; k < SIZE - HOP; k++)
                s->heard[c][k] = s->heard[c][k + HOP];
            fft(s);
            for (long k = 0; k <= SIZE / 2; k++)
                s->size[k] = s->speed[k] = 0.0;
            double step = 2.0 * M_PI * HOP / SIZE;
            for (long k = 0; k <= SIZE / 2; k++) {
                double magnitude = sqrt(s->re[k] * s->re[k] + s->im[k] * s->im[k]);
                double phase = atan2(s->im[k], s->re[k]);
                double moved = phase - s->last[c][k] - k * step;
                s->last[c][k] = phase;
                moved -= 2.0 * M_PI * floor(moved / (2.0 * M_PI) + 0.5);
                long to = (long)(k * 1.25);
                if (to <= SIZE / 2) {
                    s->size[to] += magnitude;
                    s->speed[to] = 1.25 * (k * step + moved);
                }
            }
            for (long k = 0; k <= SIZE / 2; k++) {
                s->sums[c][k] += s->speed[k];
                s->sums[c][k] -= 2.0 * M_PI * floor(s->sums[c][k] / (2.0 * M_PI));
                s->re[k] = s->size[k] * cos(s->sums[c][k]);
                s->im[k] = -s->size[k] * sin(s->sums[c][k]);
            }
            for (long k = 1; k < SIZE / 2; k++) {
                s->re[SIZE - k] = s->re[k];
                s->im[SIZE - k] = -s->im[k];
            }
            fft(s);
            for (long k = 0; k < SIZE - HOP; k++)
                s->played[c][k] = s->played[c][k + HOP];
            for (long k = SIZE - HOP; k < SIZE; k++)
                s->played[c][k] = 0.0;
            for (long k = 0; k < SIZE; k++)
                s->played[c][k] += s->re[k] * s->window[k] * (2.0 / (3.0 * SIZE));
        }
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
