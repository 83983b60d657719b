"""Sound as a picture of 512 x 2 points on a card: the audio input of Shadertoy's shaders."""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np

from zerocross.dsp.window import design_window
from zerocross.errors import UsageError
from zerocross.gpu.card import Card
from zerocross.gpu.transform import TIMES, passes, threads_for, turns, twiddles

__all__ = ["FFT_SIZE", "WIDTH", "AudioTexture"]

#: Samples that a spectrum is made of; those of an AnalyserNode whom nobody told otherwise.
FFT_SIZE = 2048
#: Points in a row: as many of the lowest bins, and of the newest samples.
WIDTH = 512
_LOW_DB, _HIGH_DB = -100.0, -30.0
_KEPT_OF_A_FRAME, _FRAMES_PER_S = 0.8, 60.0

# W3C, Web Audio API 1.1, 1.8.6 "FFT windowing and smoothing over time" and getByteFrequencyData. Bytes are cut
# off, not rounded, as there. What is not a number is told by its bits: compilers take for granted that there is none.
_SHADER = """
struct Step {{ first: u32, kept: f32 }}
@group(0) @binding(0) var<uniform> now: Step;
@group(0) @binding(1) var<storage, read> samples: array<f32>;
@group(0) @binding(2) var<storage, read> shape: array<f32>;
@group(0) @binding(3) var<storage, read> roots: array<vec2f>;
@group(0) @binding(4) var<storage, read> turns: array<vec2f>;
@group(0) @binding(5) var<storage, read_write> smooth_bins: array<f32>;
@group(0) @binding(6) var shown: texture_storage_2d<rgba8unorm, write>;
var<workgroup> z: array<vec2f, {points}>;
{times}
fn finite(x: f32) -> f32 {{
  return select(x, 0.0, (bitcast<u32>(x) & 0x7f800000u) == 0x7f800000u);
}}

fn put(column: u32, row: u32, bytes: f32) {{
  let red = clamp(floor(bytes), 0.0, 255.0) / 255.0;
  textureStore(shown, vec2u(column, row), vec4f(red, 0.0, 0.0, 1.0));
}}

@compute @workgroup_size({threads})
fn main(@builtin(local_invocation_index) me: u32) {{
  for (var i = me; i < {points}u; i += {threads}u) {{
    let at = now.first + 2u * i;
    z[i] = vec2f(samples[at] * shape[2u * i], samples[at + 1u] * shape[2u * i + 1u]);
  }}
  workgroupBarrier();
{passes}
  for (var k = me; k < {width}u; k += {threads}u) {{
    let a = z[k]; let b = z[({points}u - k) % {points}u];
    let e = 0.5 * vec2f(a.x + b.x, a.y - b.y);
    let t = times(0.5 * vec2f(a.y + b.y, b.x - a.x), turns[k]);
    let size = length(e + t);
    let kept = finite(now.kept * smooth_bins[k] + (1.0 - now.kept) * size);
    smooth_bins[k] = kept;
    let db = {db} * log2(max(kept, 1e-20));
    put(k, 0u, 255.0 * (db - {low}) / ({high} - {low}));
    put(k, 1u, 128.0 * (1.0 + finite(samples[now.first + {oldest}u + k])));
  }}
}}
"""


class AudioTexture:
    """Shadertoy's audio input, 512 x 2 points, made on a card of samples that are there.

    Row 0 is the spectrum as the Web Audio API's AnalyserNode gives it: of the newest 2048 samples, Blackman's window,
    smoothed in time, its lowest 512 bins from the left, of `sample_rate` / 2048 Hz each; red is 0 at -100 dB and
    1 at -30 dB. Row 1 is the wave, the newest 512 samples, the newest one at the right; red is 128/255 for silence
    and 1 for full scale. Green and blue are 0, alpha is 1.

    Parameters
    ----------
    card : Card
        Where.
    sample_rate : float
        Of the samples, in Hz; nothing here depends on it, shaders are told.

    Attributes
    ----------
    view : wgpu.GPUTextureView
        rgba8unorm, to be bound as a texture.
    texture : wgpu.GPUTexture
        The same, to be copied from.
    sample_rate : float
        As given.

    Raises
    ------
    UsageError
        For a sample rate that is not finite and positive.

    Notes
    -----
    Real-time: not safe.
    Two things are otherwise than in a browser. A browser keeps 0.8 of the spectrum from one picture to the next,
    however often it draws; here that is what remains after 1/60 s. And it shows the oldest 512 of the 2048
    samples as the wave, 32 ms behind the newest ones at 48 kHz.

    """

    def __init__(self, card: Card, sample_rate: float) -> None:
        import wgpu

        if not 0 < sample_rate < math.inf:
            raise UsageError(f"a sample rate of {sample_rate} Hz; give one that is positive")
        self.card, self.sample_rate = card, float(sample_rate)
        usage = wgpu.TextureUsage
        self.texture = card.device.create_texture(
            size=(WIDTH, 2, 1),
            format="rgba8unorm",
            usage=usage.STORAGE_BINDING | usage.TEXTURE_BINDING | usage.COPY_SRC,
        )
        self.view = self.texture.create_view()
        points = FFT_SIZE // 2
        self._program = card.program(
            _SHADER.format(
                points=points,
                threads=threads_for(points),
                times=TIMES,
                passes=passes(points),
                width=WIDTH,
                oldest=FFT_SIZE - WIDTH,
                db=20.0 * math.log10(2.0),
                low=_LOW_DB,
                high=_HIGH_DB,
            )
        )
        shape = design_window("blackman", FFT_SIZE).astype(np.float64) / FFT_SIZE
        tables = (shape.astype(np.float32), twiddles(points), turns(FFT_SIZE))
        self._tables = [card.upload(each) for each in tables]
        self._bins = card.upload(np.zeros(WIDTH, np.float32))
        self._step = card.uniform(struct.pack("<If", 0, 0.0))
        self._samples: Any = None
        self._group: Any = None

    def encode(self, encoder: Any, samples: Any, end: int, delta_s: float) -> None:
        """Put the next picture into a list of commands; once in each that is submitted.

        Parameters
        ----------
        encoder : wgpu.GPUCommandEncoder
            The list.
        samples : wgpu.GPUBuffer
            float32, one channel, full scale 1; what is not a number is read as 0. Give the same one each time:
            for another one a group of bindings is made.
        end : int
            One past the newest sample's index, from 2048 to the buffer's length; the 2048 before it are read.
        delta_s : float
            Since the picture before, in seconds; 0 keeps the spectrum, infinity forgets what was.

        Raises
        ------
        UsageError
            For an end or a time out of range.

        """
        length = samples.size // 4
        if not FFT_SIZE <= end <= length:
            raise UsageError(f"samples up to {end} of {length}; {FFT_SIZE} before the end are read")
        if not delta_s >= 0:
            raise UsageError(f"{delta_s} s since the picture before; time goes forward")
        if samples is not self._samples:
            given = [self._step, samples, *self._tables, self._bins, self.view]
            self._group, self._samples = self._program.bind(given), samples
        kept = _KEPT_OF_A_FRAME ** (_FRAMES_PER_S * delta_s)
        told = struct.pack("<If", end - FFT_SIZE, kept)
        self.card.device.queue.write_buffer(self._step, 0, told)
        step = encoder.begin_compute_pass()
        self._program.run(step, self._group, (1, 1, 1))
        step.end()

    def reset(self) -> None:
        """Forget the spectra that were."""
        self.card.device.queue.write_buffer(self._bins, 0, np.zeros(WIDTH, np.float32))
