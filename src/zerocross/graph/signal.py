"""What goes into a rendering: checked, so that nothing is guessed."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.errors import UsageError
from zerocross.files import printable
from zerocross.graph.block import MAX_CHANNELS
from zerocross.sources.opening import read_audio
from zerocross.units import checked_rate, shown

__all__ = ["checked_signal"]


def checked_signal(signal: Any, sample_rate: float | None) -> tuple[npt.NDArray[np.float32], float]:
    """Return samples, shape (frames,) or (frames, channels), and their rate.

    Parameters
    ----------
    signal : array or path-like
        Samples, or a file of them.
    sample_rate : float or None
        An array's, in Hz; a file has its own.

    Raises
    ------
    UsageError
        For what would have to be guessed: integers, an array without a rate, another rate than
        the file's; and for what is not finite, or not of these shapes.
    SourceError
        If a file cannot be read.

    """
    if isinstance(signal, (str, os.PathLike)):
        rows, own = read_audio(signal)
        rate = float(own)
        if sample_rate is not None and sample_rate != rate:
            raise UsageError(
                f"sample_rate={shown(sample_rate)}: {printable(signal)} has {own} Hz; leave it out"
            )
        samples = rows[0] if len(rows) == 1 else rows.T
    else:
        samples = _checked_array(signal)
        if sample_rate is None:
            raise UsageError("an array does not say its sample rate; give sample_rate=48000 or so")
        rate = checked_rate(sample_rate)
    _check_shape(samples.shape)
    with np.errstate(over="ignore"):  # what does not fit is infinite, and told
        data = np.asarray(samples, np.float32)
    bad = ~np.isfinite(data)
    if bad.any():
        first = np.argwhere(bad)[:, 0].min()
        raise UsageError(f"frame {first} of the signal is not finite; np.nan_to_num repairs it")
    return data, rate


def _checked_array(signal: Any) -> npt.NDArray[Any]:
    if isinstance(signal, np.ma.MaskedArray):
        raise UsageError("the signal is masked; fill in what is missing: .filled(0.0)")
    try:
        array = np.asarray(signal)
    except (TypeError, ValueError):  # lists of unequal lengths
        raise UsageError(f"{shown(signal)} is not a signal; give an array of floats") from None
    if array.dtype.kind == "f":
        return array
    if array.dtype.kind in "iu":
        raise UsageError(
            f"the samples are integers ({array.dtype}); make floats from -1 to 1 of them, "
            "such as signal / 32768.0 for 16 bits"
        )
    raise UsageError(f"the samples are of type {array.dtype}; give an array of floats")


def _check_shape(shape: tuple[int, ...]) -> None:
    channels = shape[1] if len(shape) == 2 else len(shape)
    if len(shape) not in (1, 2) or channels == 0:
        raise UsageError(f"shape {shape}: give (frames,) or (frames, channels)")
    if channels > MAX_CHANNELS:
        rows = ", as signal.T" if shape[0] <= MAX_CHANNELS else ""
        raise UsageError(
            f"shape {shape} has {channels} channels; give (frames, channels){rows}, "
            f"up to {MAX_CHANNELS} channels"
        )
