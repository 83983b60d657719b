"""Copying samples, sixteen at a time."""

from __future__ import annotations

from typing import Any

from zerocross.compiler import kernel
from zerocross.compiler.primitives.vector import f32x16, load, load_first, store, store_first

__all__ = ["copy_samples"]


@kernel
def copy_samples(target: Any, source: Any, samples: Any) -> None:
    """Copy float32 samples between arrays that do not overlap. Real-time: safe.

    Explicit vectors, because a plain loop has to check at run time whether the arrays overlap.
    """
    whole = samples - samples % 64
    for i in range(0, whole, 64):
        a = load(f32x16, source, i)
        b = load(f32x16, source, i + 16)
        c = load(f32x16, source, i + 32)
        d = load(f32x16, source, i + 48)
        store(target, i, a)
        store(target, i + 16, b)
        store(target, i + 32, c)
        store(target, i + 48, d)
    for i in range(whole, samples, 16):
        left = samples - i
        store_first(target, i, load_first(f32x16, source, i, left), left)
