"""Copying samples, four registers at a time."""

from __future__ import annotations

from typing import Any

from zerocross.compiler import kernel
from zerocross.compiler.primitives.vector import (
    f32_native,
    lanes_of,
    load,
    load_first,
    store,
    store_first,
)

__all__ = ["copy_samples"]


@kernel
def copy_samples(target: Any, source: Any, samples: Any) -> None:
    """Copy float32 samples between arrays that do not overlap. Real-time: safe.

    Explicit vectors, because a plain loop has to check at run time whether the arrays overlap.
    """
    lanes = lanes_of(f32_native)
    whole = samples - samples % (4 * lanes)
    for i in range(0, whole, 4 * lanes):
        a = load(f32_native, source, i)
        b = load(f32_native, source, i + lanes)
        c = load(f32_native, source, i + 2 * lanes)
        d = load(f32_native, source, i + 3 * lanes)
        store(target, i, a)
        store(target, i + lanes, b)
        store(target, i + 2 * lanes, c)
        store(target, i + 3 * lanes, d)
    for i in range(whole, samples, lanes):
        left = samples - i
        store_first(target, i, load_first(f32_native, source, i, left), left)
