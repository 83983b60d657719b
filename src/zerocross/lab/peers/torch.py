"""PyTorch on a card: windows as a view of the samples, in batches, as `torch.stft` has them; bands are a matrix."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from zerocross.lab.harness import Absent, Contestant

__all__ = ["levels"]


def levels(
    samples: npt.NDArray[np.float32],
    shape: npt.NDArray[Any],
    matrix: npt.NDArray[Any],
    hop: int,
    at_once: int,
    device: str = "cuda",
) -> tuple[Contestant, Callable[[], npt.NDArray[np.float32]]]:
    """Return levels in dB of all windows, whose samples are on the card, and what reads them; a unit is a window."""
    if device == "cuda" and not torch.cuda.is_available():
        raise Absent("PyTorch finds no card")
    x, window, weights = (
        torch.from_numpy(np.ascontiguousarray(each, np.float32)).to(device)
        for each in (samples, shape, matrix)
    )
    frames = x.unfold(0, len(shape), hop)
    out = torch.empty((len(frames), matrix.shape[1]), device=device)

    def call() -> None:
        for first in range(0, len(frames), at_once):
            power = torch.fft.rfft(frames[first : first + at_once] * window).abs().square_()
            sums = (power @ weights).clamp_min_(1e-20)
            out[first : first + at_once] = sums.log10_().mul_(10.0)
        if device == "cuda":
            torch.cuda.synchronize()

    name = f"PyTorch, {at_once} at once"
    return Contestant(name, call, calls_in_one=len(frames)), lambda: out.cpu().numpy()
