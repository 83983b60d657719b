"""NumPy: what one writes over arrays, in place and through ``out=`` where NumPy offers it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from zerocross.lab.harness import Contestant

__all__ = [
    "bands_db",
    "empty",
    "interleave_int16",
    "multiply",
    "peak_and_rms",
    "to_int16",
    "to_int16_array",
]

_Float32 = npt.NDArray[np.float32]


def multiply(x: _Float32, factor: np.float32) -> Contestant:
    """Return a gain, in place."""
    return Contestant("np.multiply(out=)", lambda: np.multiply(x, factor, out=x))


def to_int16_array(x: _Float32) -> npt.NDArray[np.int16]:
    """Return samples as integers, rounded to even and saturated."""
    rounded: _Float32 = np.rint(x * np.float32(32768))
    return np.clip(rounded, -32768, 32767).astype(np.int16)


def to_int16(x: _Float32) -> Contestant:
    """Return the conversion of samples to integers."""
    return Contestant("NumPy rint, clip, astype", lambda: to_int16_array(x))


def interleave_int16(rows: _Float32) -> Contestant:
    """Return the conversion of rows, shape (channels, frames), to interleaved integers."""
    return Contestant("NumPy transpose, rint, clip, astype", lambda: to_int16_array(rows.T).ravel())


def peak_and_rms(x: _Float32) -> Contestant:
    """Return a peak and an RMS level, one after the other."""
    return Contestant("NumPy", lambda: (np.abs(x).max(), np.sqrt(np.mean(x * x))))


def bands_db(power: _Float32, edges: npt.NDArray[np.int64]) -> Contestant:
    """Return the mean power of the bins between edges, in dB."""
    widths = np.diff(edges).astype(np.float32)
    inner = power[: edges[-1]]
    return Contestant(
        "NumPy add.reduceat + log10",
        lambda: 10 * np.log10(np.add.reduceat(inner, edges[:-1]) / widths),
    )


def empty(samples: int) -> Contestant:
    """Return an array that is asked of the allocator, and given back at once."""
    return Contestant("np.empty, from Python", lambda: np.empty(samples, np.float32))
