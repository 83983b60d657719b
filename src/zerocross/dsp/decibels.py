"""Decibels inside kernels; `units` has the same for Python."""

from __future__ import annotations

import math
from typing import Any

from zerocross.compiler import kernel

__all__ = ["DB_PER_NEPER", "db_of_gain", "gain_of_db"]

#: Decibels of a factor e, 20 / ln(10), as rounded wherever it was first written: a change of its
#: last digit would change the last bits of what the compressor gives.
DB_PER_NEPER = 8.685889638065035


@kernel
def gain_of_db(level_db: Any) -> Any:
    """Return the amplitude ratio of a level in dB: ``10 ** (level_db / 20)``. Real-time: safe."""
    return math.exp(level_db / DB_PER_NEPER)


@kernel
def db_of_gain(gain: Any) -> Any:
    """Return the level in dB of an amplitude ratio above 0. Real-time: safe."""
    return DB_PER_NEPER * math.log(gain)
