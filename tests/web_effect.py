"""A user's effects, as a page plays them: see test_web_page.py."""

import math

import numpy as np

from zerocross import param, processor


@processor
class Tremolo:
    depth: float = param(0.5, 0.0, 1.0)
    rate: float = param(4.0, 0.1, 20.0, "Hz")
    phase: float = 0.0

    def process(self, block):
        for i in range(block.frames):
            self.phase += self.rate / block.sample_rate
            if self.phase >= 1.0:
                self.phase -= 1.0
            gain = 1.0 - self.depth * (0.5 + 0.5 * math.sin(2.0 * math.pi * self.phase))
            for c in range(block.channels):
                block.output[c, i] = block.input[c, i] * gain


@processor
class Echo:
    feedback: float = param(0.3, 0.0, 0.9)
    place: int = 0

    def prepare(self, sample_rate, channels, max_block):
        self.line = np.zeros((channels, 4801))

    def process(self, block):
        for i in range(block.frames):
            for c in range(block.channels):
                y = block.input[c, i] + self.feedback * self.line[c, self.place]
                self.line[c, self.place] = y
                block.output[c, i] = y
            self.place = self.place + 1 if self.place < 4800 else 0
