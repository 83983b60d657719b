"""Gain: one factor for all samples, in place; and its hand-written twin for comparison."""

from __future__ import annotations

from typing import Any

import numpy as np

from zerocross.compiler import kernel
from zerocross.compiler.primitives.assembly import scale_blocks_avx
from zerocross.compiler.primitives.pointer import array_address
from zerocross.compiler.primitives.vector import (
    f32_native,
    lanes_of,
    load,
    load_first,
    splat,
    store,
    store_first,
)

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
    g = splat(f32_native, np.float32(factor))
    lanes = lanes_of(f32_native)
    whole = x.size - x.size % (4 * lanes)
    for i in range(0, whole, 4 * lanes):
        a = load(f32_native, x, i) * g
        b = load(f32_native, x, i + lanes) * g
        c = load(f32_native, x, i + 2 * lanes) * g
        d = load(f32_native, x, i + 3 * lanes) * g
        store(x, i, a)
        store(x, i + lanes, b)
        store(x, i + 2 * lanes, c)
        store(x, i + 3 * lanes, d)
    for i in range(whole, x.size, lanes):
        left = x.size - i
        store_first(x, i, load_first(f32_native, x, i, left) * g, left)


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
