"""Dither: float32 samples rounded to integers so that what is lost is noise, not distortion.

Triangular noise of one step to either side makes the error's mean and variance independent of the
signal (S. P. Lipshitz, R. A. Wannamaker, J. Vanderkooy, Quantization and Dither: A Theoretical
Survey, JAES 40, 1992). Shaped, the whole error is fed back through a filter that moves it from
where the ear hears best to the top of the band.

The noise is a hash of a sample's place (`convert.triangular_noise`): the same input gives the same
integers, in any split, and channels have noise of their own.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from zerocross.compiler import (
    entry,
    float32_array,
    float64_array,
    int32_array,
    kernel,
    record_at,
)
from zerocross.compiler.primitives.vector import store
from zerocross.dsp.convert import count_clipped, float_to_int32, to_integers, triangular_noise
from zerocross.dsp.state import State
from zerocross.errors import UsageError
from zerocross.memory import aligned_zeros, layout
from zerocross.units import shown

__all__ = ["SHAPED_HZ", "Quantizer", "check_dither", "design_shaping"]

#: Sample rates that the shaping filter is for, from and to, in Hz.
SHAPED_HZ = (44_100, 48_000)
_SEED = 0x5EED
_MOST = 8.0  # what is not finite must not stay in the feedback
# S. P. Lipshitz, J. Vanderkooy, R. A. Wannamaker, Minimally Audible Noise Shaping, JAES 39, 1991:
# five coefficients for 44.1 kHz; at 48 kHz the same curve lies 9 % higher.
_LIPSHITZ = (2.033, -2.165, 1.959, -1.590, 0.6149)
_DITHER = layout(setup=["channels", "bits", "count", "taps"], audio=["position", "errors", "noise"])


def check_dither(dither: Any) -> None:
    """Raise UsageError unless it is a kind of dither."""
    if dither not in ("none", "tpdf", "shaped"):
        raise UsageError(f"dither={shown(dither)}: give 'none', 'tpdf' or 'shaped'")


def design_shaping(sample_rate: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the coefficients of the error feedback for a sample rate, the newest error's first.

    The error's spectrum is that of ``1 - c[0] z^-1 - c[1] z^-2 ...``.

    Raises
    ------
    UsageError
        For a rate that the filter is not for: the ear's curve stands still while the rate moves.

    """
    low, high = SHAPED_HZ
    if not low <= sample_rate <= high:
        raise UsageError(
            f"dither='shaped' at {sample_rate:g} Hz: its filter is for {low} to {high} Hz; give 'tpdf'"
        )
    return np.array(_LIPSHITZ)


@kernel
def _shape(state: Any, x: Any, out: Any) -> None:
    """Write interleaved samples as left-justified integers, the errors fed back."""
    channels, count, shift = state.channels, state.count, 32 - state.bits
    full = np.float64(np.int64(1) << (state.bits - 1))
    taps = float64_array(state.taps, count)
    errors = float64_array(state.errors, channels * count)
    noise = float32_array(state.noise, 16)
    for i in range(x.size):
        if i % 16 == 0:
            store(noise, 0, triangular_noise(state.position + i, _SEED))
        at = (i % channels) * count
        value = np.float64(x[i])
        wanted = min(max(value, -_MOST), _MOST) * full if value == value else 0.0
        for k in range(count):
            wanted -= taps[k] * errors[at + k]
        rounded = np.rint(wanted + np.float64(noise[i % 16]))
        for k in range(count - 1, 0, -1):
            errors[at + k] = errors[at + k - 1]
        # Of what was not clipped, else one sample beyond full scale would throw the loop off.
        errors[at] = rounded - wanted
        out[i] = np.int32(np.int64(min(max(rounded, -full), full - 1.0)) << shift)


@entry("int64", "int64", "int64", "int64")
def dither_samples(dither: int, source: int, target: int, samples: int) -> int:
    """Convert float32 samples to left-justified int32 with dither; returns how many saturated."""
    state = record_at(dither, _DITHER)
    x, out = float32_array(source, samples), int32_array(target, samples)
    if state.count:
        _shape(state, x, out)
    else:
        float_to_int32(x, out, 1.0, state.bits, 1, _SEED, state.position)
    state.position += samples
    clipped: int = count_clipped(x, state.bits)
    return clipped


class Quantizer:
    """Rounds a stream of float32 frames to integers, with dither or without.

    Parameters
    ----------
    bits : {16, 24, 32}
        That carry the value.
    channels : int
        Of the frames.
    dither : {"none", "tpdf", "shaped"}
        Triangular noise of one step to either side; shaped, its error fed back through Lipshitz's
        filter.
    sample_rate : int
        In Hz; `SHAPED_HZ` where it is to be shaped.

    Raises
    ------
    UsageError
        For another kind of dither, or a rate that it is not for.

    """

    def __init__(self, bits: int, channels: int, dither: str, sample_rate: int) -> None:
        check_dither(dither)
        self._bits, self._state = bits, None
        if dither != "none":
            taps = design_shaping(sample_rate) if dither == "shaped" else np.zeros(0)
            self._state = State(
                _DITHER,
                channels=channels,
                bits=bits,
                count=len(taps),
                taps=taps,
                errors=aligned_zeros(channels * max(1, len(taps)), np.float64),
                noise=aligned_zeros(16),
            )

    def convert(self, frames: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], int]:
        """Return the next frames as `convert.to_integers` does, and how many samples saturated.

        Parameters
        ----------
        frames : ndarray, shape (frames, channels), float32
            Full scale is 1.

        Notes
        -----
        Not real-time safe.

        """
        if self._state is None:
            return to_integers(frames, self._bits)
        data = np.ascontiguousarray(frames, np.float32)
        out = np.empty(data.shape, np.int32)
        clipped = dither_samples(self._state.address, data.ctypes.data, out.ctypes.data, data.size)
        return out, clipped
