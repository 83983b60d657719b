"""Levels of bands of many windows at once, made on a card and left there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.dsp.window import design_window
from zerocross.errors import UsageError
from zerocross.gpu.card import Card
from zerocross.gpu.transform import passes, threads_for, turns, twiddles
from zerocross.spectrum.bands import TOGETHER, design_scale, design_weights
from zerocross.units import checked_whole

__all__ = ["SIZES", "BandSpectra", "Levels"]

#: Samples of a window: what fits into a workgroup's memory on most cards.
SIZES = (256, 512, 1024, 2048, 4096, 8192)
#: Workgroups in one dimension, at most.
_IN_A_ROW = 32_768
#: Nothing is softer: -200 dB.
_FLOOR = 1e-20

_SOURCE = """
struct Range {{ first: u32, hop: u32, windows: u32, unused: u32 }}
@group(0) @binding(0) var<uniform> range: Range;
@group(0) @binding(1) var<storage, read> samples: array<f32>;
@group(0) @binding(2) var<storage, read> shape: array<f32>;
@group(0) @binding(3) var<storage, read> roots: array<vec2f>;
@group(0) @binding(4) var<storage, read> turns: array<vec2f>;
@group(0) @binding(5) var<storage, read> pieces: array<vec2u>;
@group(0) @binding(6) var<storage, read> weights: array<f32>;
@group(0) @binding(7) var<storage, read> ends: array<u32>;
@group(0) @binding(8) var<storage, read_write> levels: array<f32>;
var<workgroup> z: array<vec2f, {points}>;

fn times(a: vec2f, b: vec2f) -> vec2f {{
  return vec2f(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x);
}}

@compute @workgroup_size({threads})
fn main(@builtin(workgroup_id) place: vec3u, @builtin(local_invocation_index) me: u32) {{
  let number = place.x + place.y * {in_a_row}u;
  if (number >= range.windows) {{ return; }}
  let start = range.first + number * range.hop;
  for (var i = me; i < {points}u; i += {threads}u) {{
    let at = start + 2u * i;
    z[i] = vec2f(samples[at] * shape[2u * i], samples[at + 1u] * shape[2u * i + 1u]);
  }}
  workgroupBarrier();
{passes}
  // Powers: of bin k in z[k].x; that of the last one in z[0].y.
  for (var k = me; k <= {middle}u; k += {threads}u) {{
    if (k == 0u) {{
      let first = z[0].x + z[0].y; let last = z[0].x - z[0].y;
      z[0] = vec2f(first * first, last * last);
    }} else {{
      let a = z[k]; let b = z[{points}u - k];
      let e = 0.5 * vec2f(a.x + b.x, a.y - b.y);
      let t = times(0.5 * vec2f(a.y + b.y, b.x - a.x), turns[k]);
      let low = e + t; let high = e - t;
      z[{points}u - k].x = dot(high, high);
      z[k].x = dot(low, low);
    }}
  }}
  workgroupBarrier();
  // Sums of sixteen bins, each in z[its number + 1].y.
  for (var k = me; k < {pieces}u; k += {threads}u) {{
    let bin = pieces[k].x; let count = pieces[k].y;
    var sum = 0.0;
    for (var i = 0u; i < count; i++) {{
      let at = bin + i;
      sum += weights[{together}u * k + i] * select(z[at % {points}u].x, z[0].y, at == {points}u);
    }}
    z[k + 1u].y = sum;
  }}
  workgroupBarrier();
  for (var band = me; band < {bands}u; band += {threads}u) {{
    var sum = 0.0;
    for (var k = ends[band]; k < ends[band + 1u]; k++) {{ sum += z[k + 1u].y; }}
    levels[number * {bands}u + band] = {scale} * log2(max(sum, {floor}));
  }}
}}
"""


class Levels:
    """Levels of bands in a card's memory; made by `BandSpectra.of`.

    Attributes
    ----------
    windows, bands : int
        How many.
    buffer : wgpu.GPUBuffer
        float32, window after window, in dBFS: for what draws them.

    """

    def __init__(self, card: Card, windows: int, bands: int) -> None:
        self._card, self.windows, self.bands = card, windows, bands
        self.buffer = card.memory(4 * windows * bands)

    def read(self) -> npt.NDArray[np.float32]:
        """Bring them back; shape (windows, bands), in dBFS."""
        flat = self._card.read(self.buffer, np.float32, self.windows * self.bands)
        return flat.reshape(self.windows, self.bands)


class BandSpectra:
    """Levels of bands of many overlapping windows, all on a card.

    Parameters
    ----------
    card : Card
        Where.
    sample_rate : float
        Of the samples, in Hz.
    bands : int
        How many, 1 to 512; octave bands follow from the range.
    scale, fraction, low_hz, high_hz, window, per
        As for `spectrum.Spectrum`, whose levels these are: dBFS, a full-scale sine reads 0.
    fft_size : int
        A power of two from 256 to 8192.
    hop : int
        Samples from a window to the next, from 1 on.

    Attributes
    ----------
    bands : Bands
        Edges and centres in Hz.

    Raises
    ------
    UsageError
        For what is out of range.

    """

    def __init__(
        self,
        card: Card,
        sample_rate: float,
        bands: int = 64,
        scale: str = "logarithmic",
        fraction: int = 3,
        low_hz: float = 20.0,
        high_hz: float = 20_000.0,
        fft_size: int = 2048,
        hop: int = 256,
        window: str = "hann",
        per: str = "bin",
    ) -> None:
        if fft_size not in SIZES:
            raise UsageError(f"FFT of {fft_size} points; take one of {', '.join(map(str, SIZES))}")
        if 4 * fft_size > card.limits["max-compute-workgroup-storage-size"]:
            raise UsageError(f"FFT of {fft_size} points; {card.name} takes fewer")
        self.card, self.size = card, fft_size
        self.hop = checked_whole("hop", hop, 1, 1 << 24)
        checked_whole("bands", bands, 1, 512)
        self.bands = design_scale(scale, bands, low_hz, min(high_hz, 0.499 * sample_rate), fraction)
        weights = design_weights(self.bands, fft_size, sample_rate, window, per)
        shape = design_window(window, fft_size).astype(np.float64)
        pieces = -(-weights.counts // TOGETHER)
        within = np.concatenate([np.arange(n) * TOGETHER for n in pieces])
        left = np.repeat(weights.counts, pieces) - within
        bins = np.repeat(weights.bins, pieces) + within
        points = fft_size // 2
        if pieces.sum() >= points:
            raise UsageError(
                f"{len(self.bands)} bands of an FFT of {fft_size} points; take fewer, or a longer one"
            )
        self._program = card.program(
            _SOURCE.format(
                points=points,
                threads=threads_for(points),
                in_a_row=_IN_A_ROW,
                passes=passes(points),
                middle=points // 2,
                pieces=int(pieces.sum()),
                together=TOGETHER,
                bands=len(self.bands),
                scale=10.0 * np.log10(2.0),
                floor=_FLOOR,
            )
        )
        tables = (
            (shape * (2.0 / shape.sum())).astype(np.float32),
            twiddles(points),
            turns(fft_size),
            np.stack([bins, np.minimum(left, TOGETHER)], axis=1).astype(np.uint32),
            weights.weights,
            np.concatenate([[0], np.cumsum(pieces)]).astype(np.uint32),
        )
        self._tables = [card.upload(each) for each in tables]

    def windows_in(self, samples: int) -> int:
        """Return how many whole windows so many samples have."""
        return 0 if samples < self.size else 1 + (samples - self.size) // self.hop

    def of(self, samples: Any, count: int | None = None) -> Levels:
        """Return levels of all whole windows, on the card; nothing comes back until `Levels.read`.

        Parameters
        ----------
        samples : array, shape (samples,), float32, or wgpu.GPUBuffer
            Of one channel; a buffer of them is on the card already.
        count : int or None
            Of a buffer, how many.

        Raises
        ------
        UsageError
            For fewer samples than a window has.
        DeviceError
            If the card has no room for the result in one piece; see `in_batches`.

        """
        if isinstance(samples, np.ndarray | list | tuple):
            array = np.asarray(samples, np.float32)
            if array.ndim != 1:
                raise UsageError(f"samples of one channel, not of shape {array.shape}")
            count, buffer = array.size, self.card.upload(array)
        else:
            buffer, count = samples, samples.size // 4 if count is None else count
        windows = self.windows_in(count)
        if windows == 0:
            raise UsageError(f"{count} samples; a window has {self.size}")
        levels = Levels(self.card, windows, len(self.bands))
        self.run(buffer, 0, windows, levels.buffer)
        return levels

    def run(self, samples: Any, first: int, windows: int, levels: Any) -> None:
        """Make levels of windows of samples that are on the card, from a sample on, into a buffer there."""
        import wgpu

        range_ = np.array([first, self.hop, windows, 0], np.uint32)
        uniform = self.card.device.create_buffer_with_data(
            data=range_, usage=wgpu.BufferUsage.UNIFORM
        )
        group = self._program.bind([uniform, samples, *self._tables, levels])
        encoder = self.card.device.create_command_encoder()
        rows = -(-windows // _IN_A_ROW)
        self._program.run(encoder, group, (min(windows, _IN_A_ROW), rows, 1))
        self.card.device.queue.submit([encoder.finish()])

    def in_batches(
        self, samples: npt.NDArray[np.float32], windows: int = 16_384
    ) -> Iterator[npt.NDArray[np.float32]]:
        """Yield levels of all whole windows of an array, so many at a time: any length, little of it on the card.

        Yields arrays of shape (windows, bands), in dBFS.
        """
        array = np.asarray(samples, np.float32)
        for first in range(0, self.windows_in(array.size), windows):
            start = first * self.hop
            end = min(array.size, start + (windows - 1) * self.hop + self.size)
            yield self.of(array[start:end]).read()
