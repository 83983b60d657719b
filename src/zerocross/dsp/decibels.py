"""Decibels inside kernels; `units` has the same for Python."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from zerocross.compiler import kernel
from zerocross.compiler.primitives.elementary import exp10

__all__ = ["DB_PER_NEPER", "db_to_gain", "gain_to_db"]

#: Decibels of a factor e, 20 / ln(10).
DB_PER_NEPER = 8.685889638065035


@kernel
def db_to_gain(level_db: Any) -> Any:
    """Return the amplitude ratio of a level in dB: ``10 ** (level_db / 20)``.

    Of float32 a float32, within 1e-5 dB from -160 to 160 dB. Real-time: safe.
    """
    return exp10(level_db / np.float32(20.0))


@kernel
def gain_to_db(gain: Any) -> Any:
    """Return the level in dB of an amplitude ratio above 0: ``20 log10(gain)``.

    Of float32 a float32; minus infinity of 0. Real-time: safe.
    """
    return np.float32(20.0) * math.log10(gain)
