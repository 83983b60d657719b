"""soxr (libsoxr in C): its streaming resampler, which runs on one thread."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import soxr

from zerocross.lab.harness import Contestant

__all__ = ["resample"]


def resample(
    samples: npt.NDArray[np.float32], rate_in: int, rate_out: int, quality: str
) -> Contestant:
    """Return a stream that is given the same block again; samples of shape (frames, channels).

    The quality is soxr's own word, ``"HQ"`` or another. A unit of work is one input frame.
    """
    frames, channels = samples.shape
    stream = soxr.ResampleStream(rate_in, rate_out, channels, dtype="float32", quality=quality)
    return Contestant(
        f"soxr {quality}", lambda: stream.resample_chunk(samples), calls_in_one=frames
    )
