"""Convolution with long impulse responses, in partitions of several sizes.

The first partitions are as short as a block; later ones, which need not be ready so soon, are 16
times as long (W. G. Gardner, JAES 43, 1995). Each size is a uniformly partitioned
overlap-save convolution in the frequency domain. A partition of ``n`` frames begins ``2 n`` taps
into the response, so its work has ``n`` frames of time: it is spread over the blocks in between,
and no block has much more to do than another. Spectra are kept as float32; transforms and
sums are computed in float64, which keeps errors below -130 dB for tones through noise, too.

Frames are collected into blocks of a fixed size, whatever comes in: that is the latency, and why
any split of the input gives the same bits. The first block begins with the first frame that is not
silent: a device that is given silence before the music hears the bits of an offline rendering.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from zerocross.compiler import float32_array, float64_array, kernel, record_at
from zerocross.compiler.primitives.vector import convert, f32x8, f64x8, fma, load, store
from zerocross.dsp.fft import inverse_wide_fft, wide_fft
from zerocross.dsp.fft_plan import WIDE_FFT
from zerocross.dsp.partitions import LEVEL

__all__ = ["convolve"]

_LEVEL_SIZE = LEVEL.itemsize


@kernel
def _level(state: Any, number: Any) -> Any:
    return record_at(state.levels + number * _LEVEL_SIZE, LEVEL)


@kernel
def _transform(level: Any, channel: Any) -> None:
    """Transform a channel's window into the history."""
    size, stride = level.size, level.stride
    place = level.history + 8 * stride * (channel * level.partitions + level.newest)
    wide_fft(
        record_at(level.plan, WIDE_FFT),
        float32_array(level.window + 8 * size * channel, 2 * size),
        float32_array(place, size + 1),
        float32_array(place + 4 * stride, size + 1),
    )


@kernel
def _multiply(level: Any, channel: Any, first: Any, stop: Any) -> None:
    """Add up spectra times history for some of the partitions."""
    stride, count = level.stride, level.partitions
    sums = float64_array(level.sums + 16 * stride * channel, 2 * stride)
    if first == 0:
        for i in range(2 * stride):
            sums[i] = 0.0
    spectra = float32_array(level.spectra + 8 * stride * channel * count, 2 * stride * count)
    history = float32_array(level.history + 8 * stride * channel * count, 2 * stride * count)
    for p in range(first, stop):
        h = 2 * stride * p
        age = level.newest - p
        x = 2 * stride * (age if age >= 0 else age + count)
        for i in range(0, stride, 8):
            hr = convert(f64x8, load(f32x8, spectra, h + i))
            hi = convert(f64x8, load(f32x8, spectra, h + stride + i))
            xr = convert(f64x8, load(f32x8, history, x + i))
            xi = convert(f64x8, load(f32x8, history, x + stride + i))
            re, im = load(f64x8, sums, i), load(f64x8, sums, stride + i)
            store(sums, i, fma(xr, hr, re) - xi * hi)
            store(sums, stride + i, fma(xr, hi, fma(xi, hr, im)))


@kernel
def _inverse_transform(level: Any, channel: Any, channels: Any) -> None:
    """Take the inverse transform of the sums; its second half is the result."""
    size, stride = level.size, level.stride
    sums = level.sums + 16 * stride * channel
    whole = float32_array(level.result + 8 * size * channels, 2 * size)
    inverse_wide_fft(
        record_at(level.plan, WIDE_FFT),
        float64_array(sums, size + 1),
        float64_array(sums + 8 * stride, size + 1),
        whole,
    )
    result = float32_array(level.result + 8 * size * channel, size)
    for i in range(size):
        result[i] = whole[size + i]


@kernel
def _collect(level: Any, channel: Any, arrived: Any, step: Any) -> None:
    """Put a block into a channel's window; the first of a row moves the window on."""
    size, block = level.size, arrived.size
    window = float32_array(level.window + 8 * size * channel, 2 * size)
    if step == 0:
        for i in range(size):
            window[i] = window[size + i]
    for i in range(block):
        window[size + step * block + i] = arrived[i]


@kernel
def _run_level(level: Any, channel: Any, channels: Any, arrived: Any, ready: Any) -> None:
    """Do a block's share of a level's work.

    The first level's is due at once. A later one adds what was computed while its window was
    filling, and does a part of what will be needed when the next one is full.
    """
    step, ratio, block = level.step, level.ratio, ready.size
    at_once = ratio == 1
    result = float32_array(level.result + 8 * level.size * channel, level.size)
    if at_once:
        _collect(level, channel, arrived, 0)
    else:
        for i in range(block):
            ready[i] += result[step * block + i]
    if step == 0:
        _transform(level, channel)
    first = level.partitions * step // ratio
    stop = level.partitions * (step + 1) // ratio
    _multiply(level, channel, first, stop)
    if not at_once:
        _collect(level, channel, arrived, step)
    if step == ratio - 1:
        _inverse_transform(level, channel, channels)
    if at_once:
        for i in range(block):
            ready[i] = result[i]


@kernel
def _run_block(state: Any) -> None:
    channels, block = state.channels, state.block
    for number in range(state.level_count):
        level = _level(state, number)
        if level.step == 0:
            level.newest = level.newest + 1 if level.newest + 1 < level.partitions else 0
        for c in range(channels):
            arrived = float32_array(state.arrived + 4 * block * c, block)
            ready = float32_array(state.ready + 4 * block * c, block)
            _run_level(level, c, channels, arrived, ready)
        level.step = level.step + 1 if level.step + 1 < level.ratio else 0


@kernel
def _pass_silence(state: Any, rows: Any, frames: Any, out: Any) -> Any:
    """Answer the silence before the first frame that is not; returns how many frames that was."""
    silent = frames
    for c in range(state.channels):
        for i in range(silent):
            if rows[c, i] != np.float32(0.0):
                silent = i
                break
    for c in range(state.channels):
        for i in range(silent):
            out[c, i] = np.float32(0.0)
    state.started = silent < frames
    return silent


@kernel
def convolve(state: Any, rows: Any, frames: Any, out: Any, dry: Any, wet: Any) -> None:
    """Convolve planar frames; ``dry`` times the input, as late as the result, is added.

    Parameters
    ----------
    state : record
        A `CONVOLVER`, from `make_convolution`.
    rows : array, shape (channels, at least frames), float32
        Input.
    frames : int
        How many.
    out : array, shape (channels, at least frames), float32
        Written; not the same memory.
    dry, wet : float32
        Factors of the input and of the convolution.

    Notes
    -----
    Real-time: safe.

    """
    block = state.block
    done = _pass_silence(state, rows, frames, out) if state.started == 0 else 0
    while done < frames:
        count = min(frames - done, block - state.filled)
        for c in range(state.channels):
            arrived = float32_array(state.arrived + 4 * block * c, block)
            ready = float32_array(state.ready + 4 * block * c, block)
            for i in range(count):
                k = state.filled + i
                out[c, done + i] = wet * ready[k] + dry * arrived[k]
                arrived[k] = rows[c, done + i]
        state.filled += count
        done += count
        if state.filled == block:
            _run_block(state)
            state.filled = 0
