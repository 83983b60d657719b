"""Rendering files: what a chain holds back comes out whole."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

import zerocross
from conftest import music
from zerocross import Chain, processor


@processor
class Late:
    """A delay that says so."""

    latency_frames: int = 10
    place: int = 0

    def prepare(self, sample_rate, channels, max_block):
        self.line = np.zeros((channels, self.latency_frames), np.float32)

    def process(self, block):
        for i in range(block.frames):
            for c in range(block.channels):
                block.output[c, i] = self.line[c, self.place]
                self.line[c, self.place] = block.input[c, i]
            self.place = (self.place + 1) % self.line.shape[1]


@pytest.mark.parametrize("frames", [100, 4096, 30_000])
def test_a_latency_of_many_blocks_is_taken_out(tmp_path, frames):
    signal = music(frames)
    soundfile.write(tmp_path / "in.wav", signal, 48_000, "FLOAT")
    late = Chain(Late(latency_frames=10_000))
    zerocross.render([tmp_path / "in.wav"], tmp_path / "out.wav", effects=late)
    written, _ = soundfile.read(tmp_path / "out.wav", dtype="float32", always_2d=True)
    assert np.array_equal(written, signal)
