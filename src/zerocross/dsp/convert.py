"""Sample formats: float32 to and from the integers of devices and files.

Full scale is 2**(bits-1): ``-1.0`` is the most negative integer, ``+1.0`` saturates to the
most positive one. Rounding is half to even, NaN becomes 0. An integer that was read as
``n / 2**(bits-1)`` (as libsndfile does) comes back as the same integer.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from zerocross.compiler import entry, float32_array, int16_array, int32_array, kernel, uint8_array
from zerocross.compiler.primitives.vector import (
    ZIP_HIGH,
    ZIP_LOW,
    VectorKind,
    convert,
    f32x4,
    f32x16,
    i16x16,
    i32x4,
    i32x16,
    lane,
    load,
    load_first,
    maximum,
    minimum,
    saturate,
    select,
    shuffle,
    splat,
    store,
    store_first,
)
from zerocross.dsp.interleave import interleave

__all__ = [
    "FORMAT_F32",
    "FORMAT_S16",
    "FORMAT_S24",
    "FORMAT_S32",
    "SAMPLE_BYTES",
    "count_clipped",
    "float_to_int16",
    "float_to_int32",
    "int16_to_float",
    "int32_to_float",
    "interleave_int16",
    "to_integers",
    "triangular_noise",
    "write_device_frames",
]

# The numbers are miniaudio's ma_format, so that a device's answer can be used as it is.
FORMAT_S16 = 2
FORMAT_S24 = 3
FORMAT_S32 = 4
FORMAT_F32 = 5

#: Bytes of one sample in each format.
SAMPLE_BYTES = {FORMAT_S16: 2, FORMAT_S24: 3, FORMAT_S32: 4, FORMAT_F32: 4}


_FULL_16 = np.float32(32768.0)
_FULL_24 = np.float32(8388608.0)
_FULL_32 = np.float32(2147483648.0)
_MULTIPLIER = np.int32(0x846CA68B - (1 << 32))
f64x16 = VectorKind("f64x16", np.float64, 16)
_STEPS = np.arange(16, dtype=np.int32)


@kernel
def _int24(scaled: Any) -> Any:
    """Return lanes that were scaled to 24 bits as integers."""
    number = select(scaled == scaled, scaled, splat(f32x16, np.float32(0.0)))
    below = minimum(number, splat(f32x16, np.float32(8388607.0)))
    return saturate(i32x16, maximum(below, splat(f32x16, np.float32(-8388608.0))))


@kernel
def triangular_noise(position: Any, seed: Any) -> Any:
    """Return 16 samples of TPDF dither, in steps of the last bit, from -1 to 1.

    The noise is a hash of the sample's position, so it does not depend on how a signal is
    cut into blocks (the hash is C. Wellons's "lowbias32").
    """
    x = load(i32x16, _STEPS, 0) + np.int32(position) + np.int32(seed)
    x = x ^ ((x >> 16) & 0xFFFF)
    x = x * 0x7FEB352D
    x = x ^ ((x >> 15) & 0x1FFFF)
    x = x * _MULTIPLIER
    x = x ^ ((x >> 16) & 0xFFFF)
    first = convert(f32x16, (x >> 16) & 0xFFFF)
    second = convert(f32x16, x & 0xFFFF)
    return (first - second) * np.float32(1.0 / 65536.0)


@kernel
def float_to_int16(x: Any, out: Any, factor: Any, dither: Any, seed: Any, position: Any) -> None:
    """Write samples as 16-bit integers: gain, dither, half to even, saturating, NaN as 0.

    Parameters
    ----------
    x : array, shape (samples,), float32
        Full scale is 1.
    out : array, shape (samples,), int16
        What is written.
    factor : float
        Gain; 1 for none.
    dither : int
        1 for triangular dither of two steps peak to peak, 0 for none.
    seed, position : int
        Of the dither: any number, and how many samples came before.

    Notes
    -----
    Real-time: safe. Any split into blocks gives the same bits.

    """
    scale = splat(f32x16, np.float32(factor) * _FULL_16)
    for i in range(0, x.size, 16):
        left = x.size - i
        scaled = (load(f32x16, x, i) if left >= 16 else load_first(f32x16, x, i, left)) * scale
        if dither:
            scaled = scaled + triangular_noise(position + i, seed)
        if left >= 16:
            store(out, i, saturate(i16x16, scaled))
        else:
            store_first(out, i, saturate(i16x16, scaled), left)


@kernel
def float_to_int32(
    x: Any, out: Any, factor: Any, bits: Any, dither: Any, seed: Any, position: Any
) -> None:
    """Write samples as left-justified 32-bit integers of which 24 or 32 bits count.

    Parameters
    ----------
    x : array, shape (samples,), float32
        Full scale is 1.
    out : array, shape (samples,), int32
        What is written.
    factor : float
        Gain; 1 for none.
    bits : {24, 32}
        Bits that carry the value; rounded half to even, saturating, NaN as 0.
    dither, seed, position : int
        As `float_to_int16`, in steps of the last bit that counts.

    Notes
    -----
    Real-time: safe. In float64, which holds 24 bits and the dither below them.

    """
    shift = 32 - bits
    full = np.float64(np.int64(1) << (bits - 1))
    scale = np.float64(factor) * full
    for i in range(0, x.size, 16):
        left = x.size - i
        scaled = convert(f64x16, load_first(f32x16, x, i, left)) * scale
        if dither:
            scaled = scaled + convert(f64x16, triangular_noise(position + i, seed))
        number = select(scaled == scaled, scaled, splat(f64x16, 0.0))
        inside = maximum(minimum(number, splat(f64x16, full - 1.0)), splat(f64x16, -full))
        store_first(out, i, saturate(i32x16, inside) << np.int32(shift), left)


@kernel
def int16_to_float(x: Any, out: Any) -> None:
    """Write 16-bit integers as float32, full scale 1. Real-time: safe."""
    for i in range(0, x.size, 16):
        left = x.size - i
        value = convert(f32x16, load_first(i16x16, x, i, left))
        store_first(out, i, value * np.float32(1.0 / 32768.0), left)


@kernel
def int32_to_float(x: Any, out: Any) -> None:
    """Write left-justified 24-bit or 32-bit integers as float32. Real-time: safe."""
    for i in range(0, x.size, 16):
        left = x.size - i
        value = convert(f32x16, load_first(i32x16, x, i, left))
        store_first(out, i, value * np.float32(1.0 / 2147483648.0), left)


@kernel
def interleave_int16(rows: Any, frames: Any, out: Any) -> None:
    """Interleave and convert to 16 bits in one go. Real-time: safe."""
    channels = rows.shape[0]
    done = 0
    if channels == 2:
        left, right = rows[0], rows[1]
        done = frames - frames % 16
        for i in range(0, done, 16):
            a = saturate(i16x16, load(f32x16, left, i) * _FULL_16)
            b = saturate(i16x16, load(f32x16, right, i) * _FULL_16)
            store(out, 2 * i, shuffle(a, b, ZIP_LOW))
            store(out, 2 * i + 16, shuffle(a, b, ZIP_HIGH))
    for i in range(done, frames):
        for c in range(channels):
            one = saturate(i16x16, splat(f32x16, rows[c, i] * _FULL_16))
            out[i * channels + c] = lane(one, 0)


@kernel
def write_device_frames(rows: Any, frames: Any, address: Any, sample_format: Any) -> None:
    """Interleave planar float32 frames into a device's buffer in its own format.

    Parameters
    ----------
    rows : array, shape (channels, at least frames), float32
        What to play.
    frames : int
        How many frames.
    address : int
        The device's buffer.
    sample_format : int
        One of the ``FORMAT_*`` numbers.

    Notes
    -----
    Real-time: safe.

    """
    channels = rows.shape[0]
    samples = frames * channels
    if sample_format == FORMAT_F32:
        interleave(rows, frames, float32_array(address, samples))
    elif sample_format == FORMAT_S16:
        interleave_int16(rows, frames, int16_array(address, samples))
    elif sample_format == FORMAT_S32:
        out32 = int32_array(address, samples)
        for i in range(frames):
            for c in range(channels):
                value = saturate(i32x4, splat(f32x4, rows[c, i] * _FULL_32))
                out32[i * channels + c] = lane(value, 0)
    else:
        out8 = uint8_array(address, 3 * samples)
        for i in range(frames):
            for c in range(channels):
                value = np.int64(lane(_int24(splat(f32x16, rows[c, i] * _FULL_24)), 0))
                at = 3 * (i * channels + c)
                out8[at] = value & 255
                out8[at + 1] = (value >> 8) & 255
                out8[at + 2] = (value >> 16) & 255


@kernel
def count_clipped(x: Any, bits: Any) -> Any:
    """Return how many samples are beyond the full scale of integers. Real-time: safe."""
    full = 2.0 ** (bits - 1)
    clipped = 0
    for i in range(x.size):
        clipped += x[i] * full >= full - 0.5 or x[i] * full < -full - 0.5
    return clipped


@entry("int64", "int64", "int64", "int64")
def convert_samples(source: int, target: int, samples: int, bits: int) -> int:
    """Convert float32 samples to int16 or left-justified int32; returns how many saturated."""
    x = float32_array(source, samples)
    clipped: int = count_clipped(x, bits)
    if bits == 16:
        float_to_int16(x, int16_array(target, samples), 1.0, 0, 0, 0)
    else:
        float_to_int32(x, int32_array(target, samples), 1.0, bits, 0, 0, 0)
    return clipped


def to_integers(samples: np.ndarray[Any, Any], bits: int) -> tuple[np.ndarray[Any, Any], int]:
    """Return float32 samples as int16 (16 bits) or left-justified int32 (24 or 32 bits).

    Parameters
    ----------
    samples : ndarray, float32
        Any shape, C-contiguous.
    bits : {16, 24, 32}
        Bits that carry the value.

    Returns
    -------
    converted : ndarray
        Same shape.
    clipped : int
        How many samples were beyond full scale and saturated.

    """
    data = np.ascontiguousarray(samples, np.float32)
    out = np.empty(data.shape, np.int16 if bits == 16 else np.int32)
    clipped = convert_samples(data.ctypes.data, out.ctypes.data, data.size, bits)
    return out, clipped
