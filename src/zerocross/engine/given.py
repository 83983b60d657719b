"""Arrays as programs give them, made ready for compiled code: any rate, dtype, and number of channels."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from zerocross.dsp.channels import MAX_PLACED, WAV_ORDERS
from zerocross.dsp.mix import design_mix
from zerocross.dsp.polyphase import checked_quality
from zerocross.dsp.resample import Resampler, make_resampler
from zerocross.engine.feed_writer import FLOAT32, FLOAT64, INT16, INT32
from zerocross.engine.resampling import CHUNK
from zerocross.errors import MemoryRefused, UsageError
from zerocross.units import checked_whole, shown

__all__ = ["Given", "Taker", "checked_rate"]

_KINDS = {
    np.dtype(np.float32): FLOAT32,
    np.dtype(np.float64): FLOAT64,
    np.dtype(np.int16): INT16,
    np.dtype(np.int32): INT32,
}


class Given(NamedTuple):
    """Frames as compiled code takes them.

    Attributes
    ----------
    samples : ndarray
        In order; they are not copied where they were.
    channels, kind : int
        How many, and what the samples are (`engine.feed_writer`).
    matrix, resampler : int
        Addresses; 0 for none.

    """

    samples: npt.NDArray[Any]
    channels: int
    kind: int
    matrix: int
    resampler: int

    @property
    def frames(self) -> int:
        """How many there are."""
        return len(self.samples)

    def from_frame(self, first: int) -> Given:
        """Return what is left of it."""
        return self._replace(samples=self.samples[first:])


class Taker:
    """Takes arrays for one format.

    Parameters
    ----------
    sample_rate, channels : int
        What they are made to be.
    quality : str
        Of the resampling.

    """

    def __init__(self, sample_rate: int, channels: int, quality: str) -> None:
        self._rate, self._channels = sample_rate, channels
        self._quality = checked_quality(quality)
        self._resamplers: dict[int, Resampler] = {}
        self._matrices: dict[int, npt.NDArray[np.float32]] = {}
        self._plans: dict[tuple[int, int], tuple[int, int]] = {}

    def take(self, frames: npt.ArrayLike, rate: int, most: int | None = None) -> Given:
        """Return frames of a rate as compiled code takes them; so many at most are looked at.

        Raises
        ------
        UsageError
            For what are none.
        MemoryRefused
            If there is no room for a copy, where one is needed.

        """
        samples = _checked_frames(frames, most)
        channels = samples.shape[1] if samples.ndim == 2 else 1
        if type(rate) is not int:
            rate = checked_rate(rate)
        plan = self._plans.get((channels, rate))
        if plan is None:
            plan = self._matrix(channels), self._resampler(checked_rate(rate))
            self._plans[channels, rate] = plan
        return Given(samples, channels, _KINDS[samples.dtype], *plan)

    def _matrix(self, channels: int) -> int:
        """Return the address of the mix from so many channels; 0 for none."""
        if channels == self._channels:
            return 0
        if channels not in self._matrices:
            if self._channels <= 2:
                matrix = design_mix(WAV_ORDERS[channels], self._channels)
            elif channels == 1:
                matrix = np.zeros((self._channels, 1), np.float32)
                matrix[:2] = 1.0
            else:
                raise UsageError(
                    f"{channels} channels into {self._channels}: give 1 or {self._channels}"
                )
            self._matrices.setdefault(channels, np.ascontiguousarray(matrix))
        return int(self._matrices[channels].ctypes.data)

    def _resampler(self, rate: int) -> int:
        if rate == self._rate:
            return 0
        if rate not in self._resamplers:
            made = make_resampler(rate, self._rate, self._channels, CHUNK, self._quality)
            self._resamplers.setdefault(rate, made)  # another thread may have been as quick
        return self._resamplers[rate].address


def checked_rate(rate: Any) -> int:
    """Return a rate of frames that are given, in Hz; raises UsageError."""
    return checked_whole("sample_rate", rate, 1_000, 768_000, "Hz")


def _checked_frames(frames: Any, most: int | None) -> npt.NDArray[Any]:
    """Return an array that compiled code reads, or raise UsageError."""
    if isinstance(frames, np.ndarray) and frames.ndim == 1 and frames.dtype in _KINDS:
        return _in_order(frames[:most], frames.dtype)
    if isinstance(frames, (bytes, bytearray, memoryview)):
        raise UsageError("bytes have no sample format: give np.frombuffer(data, np.int16)")
    if isinstance(frames, (list, tuple)):
        frames = frames[:most]
    try:
        samples = frames if isinstance(frames, np.ndarray) else np.asarray(frames, np.float64)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001  anyone's __array__
        raise UsageError(f"frames={shown(frames)}: give an array of samples") from None
    if samples.dtype.newbyteorder("=") not in _KINDS:
        raise UsageError(
            f"frames of {samples.dtype}: give float32, float64 (full scale 1), int16 or int32"
        )
    if samples.ndim not in (1, 2) or (
        samples.ndim == 2 and not 1 <= samples.shape[1] <= MAX_PLACED
    ):
        hint = "; its .T may be meant" if samples.ndim == 2 and len(samples) <= MAX_PLACED else ""
        raise UsageError(
            f"frames of shape {samples.shape}: give (frames,) or (frames, channels), "
            f"1 to {MAX_PLACED} channels{hint}"
        )
    return _in_order(samples[:most], samples.dtype.newbyteorder("="))


def _in_order(samples: npt.NDArray[Any], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Return samples as one piece of memory of a type; themselves if they are that."""
    try:
        return np.ascontiguousarray(samples, dtype)
    except (MemoryError, ValueError) as error:
        raise MemoryRefused(samples.size * dtype.itemsize, error) from None
