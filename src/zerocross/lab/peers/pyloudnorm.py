"""pyloudnorm: integrated loudness (ITU-R BS.1770-4) in NumPy and SciPy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyloudnorm

from zerocross.lab.harness import Contestant

__all__ = ["integrated_loudness"]


def integrated_loudness(samples: npt.NDArray[np.float64], sample_rate: int) -> Contestant:
    """Return the measurement of samples, shape (frames, channels); a call returns LUFS."""
    meter = pyloudnorm.Meter(sample_rate)
    return Contestant("pyloudnorm", lambda: meter.integrated_loudness(samples))
