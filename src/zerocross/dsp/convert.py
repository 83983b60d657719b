"""Sample formats: float32 to and from the integers of devices and files.

Full scale is 2**(bits-1): ``-1.0`` is the most negative integer, ``+1.0`` saturates to the
most positive one. Rounding is half to even, NaN becomes 0. An integer that was read as
``n / 2**(bits-1)`` (as libsndfile does) comes back as the same integer.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from zerocross.compiler import entry, float32_array, int16_array, int32_array, kernel, uint8_array

__all__ = [
    "FORMAT_F32",
    "FORMAT_S16",
    "FORMAT_S24",
    "FORMAT_S32",
    "SAMPLE_BYTES",
    "float_to_int",
    "interleave",
    "to_integers",
    "write_device_frames",
]

# The numbers are miniaudio's ma_format, so that a device's answer can be used as it is.
FORMAT_S16 = 2
FORMAT_S24 = 3
FORMAT_S32 = 4
FORMAT_F32 = 5

#: Bytes of one sample in each format.
SAMPLE_BYTES = {FORMAT_S16: 2, FORMAT_S24: 3, FORMAT_S32: 4, FORMAT_F32: 4}


@kernel
def float_to_int(value: Any, full_scale: Any) -> Any:
    """Return a sample as an integer: saturating, half to even, NaN as 0.

    Parameters
    ----------
    value : float
        The sample, full scale is 1.
    full_scale : float
        ``2.0 ** (bits - 1)``.

    """
    scaled = np.rint(np.float64(value) * full_scale)
    if scaled != scaled:
        scaled = 0.0
    return np.int64(min(max(scaled, -full_scale), full_scale - 1.0))


@kernel
def interleave(rows: Any, first: Any, out: Any, frames: Any) -> None:
    """Write planar frames one after the other: ``out[i * channels + c] = rows[c, first + i]``."""
    channels = rows.shape[0]
    for i in range(frames):
        for c in range(channels):
            out[i * channels + c] = rows[c, first + i]


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
        interleave(rows, 0, float32_array(address, samples), frames)
    elif sample_format == FORMAT_S16:
        out16 = int16_array(address, samples)
        for i in range(frames):
            for c in range(channels):
                out16[i * channels + c] = float_to_int(rows[c, i], 32768.0)
    elif sample_format == FORMAT_S32:
        out32 = int32_array(address, samples)
        for i in range(frames):
            for c in range(channels):
                out32[i * channels + c] = float_to_int(rows[c, i], 2147483648.0)
    else:
        out8 = uint8_array(address, 3 * samples)
        for i in range(frames):
            for c in range(channels):
                value = float_to_int(rows[c, i], 8388608.0)
                at = 3 * (i * channels + c)
                out8[at] = value & 255
                out8[at + 1] = (value >> 8) & 255
                out8[at + 2] = (value >> 16) & 255


@entry("int64", "int64", "int64", "int64")
def convert_samples(source: int, target: int, samples: int, bits: int) -> int:
    """Convert float32 samples to int16 or left-justified int32; returns how many saturated."""
    x = float32_array(source, samples)
    full = 2.0 ** (bits - 1)
    clipped = 0
    out16 = int16_array(target, samples)
    out32 = int32_array(target, samples)
    for i in range(samples):
        clipped += x[i] * full >= full - 0.5 or x[i] * full < -full - 0.5
        value = float_to_int(x[i], full)
        if bits == 16:
            out16[i] = value
        else:
            out32[i] = value << (32 - bits)
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
