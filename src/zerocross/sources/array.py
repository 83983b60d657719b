"""Samples in memory, as a source: a window that is full from the beginning."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from zerocross.dsp.channels import WAV_ORDERS
from zerocross.errors import SourceError
from zerocross.memory import Record
from zerocross.sources.location import Samples
from zerocross.sources.source import OpenSource
from zerocross.sources.window import WINDOW

__all__ = ["OpenSamples", "scaled"]

_Frames = np.ndarray[Any, np.dtype[np.float32]]


def scaled(array: np.ndarray[Any, Any]) -> _Frames:
    """Return samples of any type as C-contiguous float32 with full scale 1; itself if it is that."""
    if array.dtype.kind == "f":
        with np.errstate(over="ignore"):  # beyond float32 is infinite, and told as that
            return np.ascontiguousarray(array, np.float32)
    full = 2.0 ** (8 * array.dtype.itemsize - 1)
    middle = full if array.dtype.kind == "u" else 0.0
    exact = "f4" if array.dtype.itemsize <= 2 else "f8"
    plain: np.ndarray[Any, np.dtype[np.floating[Any]]] = array.astype(exact)
    return np.ascontiguousarray((plain - middle) / full, np.float32)


class OpenSamples(OpenSource):
    """Samples that can be played: in the memory of the array where its type allows, else in a copy.

    Parameters
    ----------
    samples : Samples
        Those.

    """

    def __init__(self, samples: Samples) -> None:
        try:
            frames = scaled(samples.array)
        except MemoryError:
            count = 4 * samples.array.size / 1e9
            raise SourceError(
                samples.title,
                f"no room for a copy of {count:.1f} GB; give float32 in order, or a part",
            ) from None
        self._memory = frames[:, np.newaxis] if frames.ndim == 1 else frames
        count, channels = self._memory.shape
        order = WAV_ORDERS.get(channels, ())
        super().__init__(samples, samples.sample_rate, channels, count, order)
        self._record = Record(WINDOW)
        self._record.fill(
            data=self._memory.ctypes.data,
            capacity=max(1, count),
            channels=channels,
            end=count,
            total=count,
        )
        self.window = self._record.address
        self._closed = False

    @property
    def is_closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        """Be closed; the memory stays as long as this object."""
        self._closed = True

    def chunks(self, frames: int, dtype: str = "float32") -> Iterator[np.ndarray[Any, Any]]:
        """Yield the samples."""
        for first in range(0, len(self._memory), frames):
            yield self._memory[first : first + frames].astype(dtype, copy=False)

    @property
    def decoded_ahead_s(self) -> float:
        return max(0, len(self._memory) - self._record.load("at")) / self.sample_rate
