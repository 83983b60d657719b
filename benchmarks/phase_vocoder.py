"""A pitch shifter as a user might write it: one long loop, FFT included, for processors.py.

It is not cut into functions: what is compared is how one block of plain loops compiles.
"""

from __future__ import annotations

import math

import numpy as np

from zerocross import processor

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
