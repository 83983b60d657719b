"""CuPy on a card: windows as a view of the samples, in batches; bands are a matrix."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cupy
import numpy as np
import numpy.typing as npt

from zerocross.lab.harness import Absent, Contestant

__all__ = ["levels"]


def levels(
    samples: npt.NDArray[np.float32],
    shape: npt.NDArray[Any],
    matrix: npt.NDArray[Any],
    hop: int,
    at_once: int,
    name: str = "CuPy",
    transform: Callable[[Any], Any] = cupy.fft.rfft,
) -> tuple[Contestant, Callable[[], npt.NDArray[np.float32]]]:
    """Return levels in dB of all windows, whose samples are on the card, and what reads them; a unit is a window."""
    try:
        cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise Absent(str(error)) from None
    x, window, weights = (cupy.asarray(each, np.float32) for each in (samples, shape, matrix))
    frames = cupy.lib.stride_tricks.sliding_window_view(x, len(shape))[::hop]
    out = cupy.empty((len(frames), matrix.shape[1]), np.float32)

    def call() -> None:
        for first in range(0, len(frames), at_once):
            power = cupy.abs(transform(frames[first : first + at_once] * window))
            cupy.square(power, out=power)
            sums = cupy.maximum(power @ weights, np.float32(1e-20))
            cupy.multiply(cupy.log10(sums), np.float32(10.0), out=out[first : first + at_once])
        cupy.cuda.Device().synchronize()

    contestant = Contestant(f"{name}, {at_once} at once", call, calls_in_one=len(frames))
    return contestant, lambda: cupy.asnumpy(out)
