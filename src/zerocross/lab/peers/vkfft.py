"""VkFFT through pyvkfft, between CuPy's arrays: CuPy's way with another transform."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from pyvkfft.fft import rfftn

from zerocross.lab.harness import Contestant
from zerocross.lab.peers import find

__all__ = ["levels"]


def levels(
    samples: npt.NDArray[np.float32],
    shape: npt.NDArray[Any],
    matrix: npt.NDArray[Any],
    hop: int,
    at_once: int,
) -> tuple[Contestant, Callable[[], npt.NDArray[np.float32]]]:
    """Return levels in dB of all windows, whose samples are on the card, and what reads them; a unit is a window."""
    made: tuple[Contestant, Callable[[], npt.NDArray[np.float32]]] = find("cupy").levels(
        samples, shape, matrix, hop, at_once, "VkFFT", lambda frames: rfftn(frames, ndim=1)
    )
    return made
