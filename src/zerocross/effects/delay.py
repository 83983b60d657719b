"""An echo."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from zerocross.graph.decorator import processor
from zerocross.graph.params import param

__all__ = ["Delay"]

_MAX_S = 2.0


@processor
class Delay:
    """A delay line with feedback; its time may move, and bends the pitch as tape does."""

    time_s: float = param(0.3, 0.001, _MAX_S, "s", smoothing=0.2)
    feedback: float = param(0.3, 0.0, 0.99)
    mix: float = param(0.3, 0.0, 1.0)
    place: int = 0

    def prepare(self, sample_rate: float, channels: int, max_block: int) -> None:
        length = 1 << math.ceil(math.log2(_MAX_S * sample_rate + 4))
        self.line = np.zeros((channels, length), np.float32)

    def process(self, block: Any) -> None:
        mask = self.line.shape[1] - 1  # a power of two: an index can be masked, never outside
        late = max(1.0, self.time_s * block.sample_rate)
        whole = int(late)
        part = np.float32(late - whole)
        feedback, mix = np.float32(self.feedback), np.float32(self.mix)
        for c in range(block.channels):
            for i in range(block.frames):
                at = self.place + i
                near = self.line[c, (at - whole) & mask]
                far = self.line[c, (at - whole - 1) & mask]
                echo = near + part * (far - near)
                x = block.input[c, i]
                self.line[c, at & mask] = x + feedback * echo
                block.output[c, i] = x + mix * (echo - x)
        self.place = (self.place + block.frames) & mask
