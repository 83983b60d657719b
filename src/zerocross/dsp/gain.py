"""Gain: one factor for all samples, in place; and its hand-written twin for comparison."""

from __future__ import annotations

from typing import Any

import numpy as np

from zerocross.compiler import kernel
from zerocross.compiler.primitives.assembly import scale_blocks_avx
from zerocross.compiler.primitives.pointer import array_address
from zerocross.compiler.primitives.vector import f32x16, load, load_first, splat, store, store_first

__all__ = ["gain", "gain_assembly"]


@kernel
def gain(x: Any, factor: Any) -> None:
    """Multiply samples by a factor, in place.

    Parameters
    ----------
    x : array, shape (samples,), float32
        Changed in place; any length and alignment.
    factor : float
        Linear gain.

    Notes
    -----
    Real-time: safe.

    """
    g = splat(f32x16, np.float32(factor))
    whole = x.size - x.size % 64
    for i in range(0, whole, 64):
        a = load(f32x16, x, i) * g
        b = load(f32x16, x, i + 16) * g
        c = load(f32x16, x, i + 32) * g
        d = load(f32x16, x, i + 48) * g
        store(x, i, a)
        store(x, i + 16, b)
        store(x, i + 32, c)
        store(x, i + 48, d)
    for i in range(whole, x.size, 16):
        left = x.size - i
        store_first(x, i, load_first(f32x16, x, i, left) * g, left)


@kernel
def gain_assembly(x: Any, factor: Any) -> None:
    """Do the same by the seed's AVX loop in inline assembly, four registers a turn.

    The listing in the seed runs over the end when the length is no multiple of 8; here the
    assembly does whole blocks of 32 and a plain loop the rest. Needs a processor with AVX2.
    """
    g = np.float32(factor)
    blocks = x.size // 32
    scale_blocks_avx(array_address(x), blocks, g)
    for i in range(32 * blocks, x.size):
        x[i] *= g
