"""White noise without a generator object: a seed in a field, one step a sample."""

from __future__ import annotations

from typing import Any

from zerocross.compiler import kernel

__all__ = ["next_seed", "noise_of"]


@kernel
def next_seed(seed: Any) -> Any:
    """Return the seed that follows another: what a field keeps from sample to sample.

    A linear congruential generator (Knuth, MMIX) modulo 2**64. Real-time: safe.
    """
    return seed * 6364136223846793005 + 1442695040888963407


@kernel
def noise_of(seed: Any) -> Any:
    """Return the sample of a seed, uniform from -1 to below 1. Real-time: safe."""
    return ((seed >> 32) & 0x7FFFFFFF) * (2.0 / 2147483648.0) - 1.0
