"""Explicit SIMD: vectors as values in kernels, a small library of its own.

A vector kind names an item type and a number of lanes: ``f32x8`` is eight float32. Any width
works on any target: LLVM cuts a wide vector into the registers that there are, and uses
masks or scalars where there are none. On the `scalar` level (see `target`) lanes are scalars,
one instruction each: a true baseline.

In a kernel::

    @kernel
    def scale(x, gain):
        g = splat(f32x8, gain)
        whole = x.size - x.size % 8
        for i in range(0, whole, 8):
            store(x, i, load(f32x8, x, i) * g)
        store_first(x, whole, load_first(f32x8, x, whole, x.size - whole) * g, x.size - whole)

Vectors have ``+ - * /`` (with vectors of their kind and with scalars), unary ``-``, for integers
also ``& | ^ << >>``, and comparisons, which give masks for `select`. Loads and stores take a
one-dimensional array of the item type and the index of the first item (lane by lane where it is
not contiguous; the aligned ones take contiguous arrays only); like all
of a kernel's accesses they are not checked.

Kinds without lanes (``f32``, ``f64``, ``i32``, ``i64``) mean as many as the vector has that `convert`
or `bit_cast` is given, so that one kernel serves vectors of every width; of a single lane too, which
is a scalar in compiled code.

``f32_native`` has as many lanes as a vector register of the target: 4, 8 or 16 (`lanes_of`). It is for
kernels that keep many vectors at a time, which would not fit in the registers of narrow targets, and in
which lanes do not meet: results are the same bits of every width.

Outside compiled code every function works on `Vector`, a stand-in made of a NumPy array: the
oracle, and the way kernels run with the compiler off.

Real-time: all safe.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from zerocross.compiler.primitives.primitive import primitive
from zerocross.compiler.primitives.vector_value import (
    EVEN,
    ODD,
    REVERSED,
    ZIP4_HIGH,
    ZIP4_LOW,
    ZIP_HIGH,
    ZIP_LOW,
    LaneOrder,
    Vector,
    VectorKind,
    f32,
    f32_native,
    f32x4,
    f32x8,
    f32x16,
    f64,
    f64x2,
    f64x4,
    f64x8,
    i16x8,
    i16x16,
    i32,
    i32x4,
    i32x8,
    i32x16,
    i64,
)

__all__ = [
    "EVEN",
    "ODD",
    "REVERSED",
    "ZIP4_HIGH",
    "ZIP4_LOW",
    "ZIP_HIGH",
    "ZIP_LOW",
    "LaneOrder",
    "Vector",
    "VectorKind",
    "absolute",
    "any_lane",
    "bit_cast",
    "convert",
    "f32",
    "f32_native",
    "f32x4",
    "f32x8",
    "f32x16",
    "f64",
    "f64x2",
    "f64x4",
    "f64x8",
    "fma",
    "gather",
    "i16x8",
    "i16x16",
    "i32",
    "i32x4",
    "i32x8",
    "i32x16",
    "i64",
    "lane",
    "lanes_of",
    "load",
    "load_aligned",
    "load_first",
    "max_lanes",
    "maximum",
    "min_lanes",
    "minimum",
    "multiply_add",
    "prefetch",
    "round_even",
    "saturate",
    "select",
    "shuffle",
    "splat",
    "square_root",
    "store",
    "store_aligned",
    "store_first",
    "store_streaming",
    "sum_lanes",
    "with_lane",
]


# --- memory -------------------------------------------------------------------------------


@primitive
def load(kind: VectorKind, array: Any, index: int) -> Any:
    """Return the lanes that begin at an index; any alignment."""
    return Vector(kind, array[index : index + kind.lanes])


@primitive
def load_aligned(kind: VectorKind, array: Any, index: int) -> Any:
    """Return the lanes that begin at an address that is a multiple of the vector's size.

    Any other address is undefined: the processor may fault.
    """
    return Vector(kind, array[index : index + kind.lanes])


@primitive
def load_first(kind: VectorKind, array: Any, index: int, count: int) -> Any:
    """Return the first ``count`` lanes, and 0 in the others; touches nothing beyond them."""
    lanes = np.zeros(kind.lanes, kind.dtype)
    count = max(0, min(count, kind.lanes))
    lanes[:count] = array[index : index + count]
    return Vector(kind, lanes)


@primitive
def gather(array: Any, indices: Any) -> Any:
    """Return items of a contiguous array, each lane's at its own index (integers of 64 bits)."""
    return Vector(VectorKind("", array.dtype, 0).like(indices), array[indices.lanes])


@primitive
def store(array: Any, index: int, value: Any) -> None:
    """Write all lanes from an index on; any alignment."""
    array[index : index + value.kind.lanes] = value.lanes


@primitive
def store_aligned(array: Any, index: int, value: Any) -> None:
    """Write all lanes to an address that is a multiple of the vector's size."""
    array[index : index + value.kind.lanes] = value.lanes


@primitive
def store_streaming(array: Any, index: int, value: Any) -> None:
    """Write all lanes past the caches, to an address that is a multiple of the vector's size."""
    array[index : index + value.kind.lanes] = value.lanes


@primitive
def store_first(array: Any, index: int, value: Any, count: int) -> None:
    """Write the first ``count`` lanes; touches nothing beyond them."""
    count = max(0, min(count, value.kind.lanes))
    array[index : index + count] = value.lanes[:count]


#: Masks, or loops.
load_first.by_width = store_first.by_width = True


@primitive
def prefetch(array: Any, index: int) -> None:
    """Ask for the cache line of an item ahead of its use; a wish, never a fault."""


# --- making, taking apart -----------------------------------------------------------------


@primitive
def splat(kind: VectorKind, value: Any) -> Any:
    """Return a vector with one value in all lanes."""
    return Vector(kind, kind.dtype.type(value))


@primitive
def lane(value: Any, index: int) -> Any:
    """Return one lane."""
    return value.lanes[index]


@primitive
def with_lane(value: Any, index: int, item: Any) -> Any:
    """Return the vector with one lane replaced."""
    lanes = value.lanes.copy()
    lanes[index] = item
    return Vector(value.kind, lanes)


@primitive
def lanes_of(kind: VectorKind) -> int:
    """Return the number of lanes of a kind: a constant."""
    return kind.lanes


@primitive
def shuffle(a: Any, b: Any, indices: tuple[int, ...] | LaneOrder) -> Any:
    """Return lanes picked from two vectors: 0 is the first of `a`, ``lanes`` the first of `b`.

    The indices are a constant tuple with as many entries as the result has lanes, or an order such as
    `ZIP_LOW`, which is there for every width.
    """
    if isinstance(indices, LaneOrder):
        indices = indices(a.kind.lanes)
    picked = np.concatenate([a.lanes, b.lanes])[list(indices)]
    return Vector(a.kind.with_lanes(len(indices)), picked)


# --- arithmetic ---------------------------------------------------------------------------


@primitive
def fma(a: Any, b: Any, c: Any) -> Any:
    """Return ``a * b + c`` rounded once (slow where the processor has no such instruction)."""
    wide = np.longdouble
    total = a.lanes.astype(wide) * b.lanes.astype(wide) + c.lanes.astype(wide)
    return Vector(a.kind, total)


@primitive
def multiply_add(a: Any, b: Any, c: Any) -> Any:
    """Return ``a * b + c``, rounded once or twice, whichever is fast on the target."""
    return a * b + c


@primitive
def minimum(a: Any, b: Any) -> Any:
    """Return the smaller lanes; `b` where a lane of either is NaN (one x86 instruction)."""
    return Vector(a.kind, np.where(a.lanes < b.lanes, a.lanes, b.lanes))


@primitive
def maximum(a: Any, b: Any) -> Any:
    """Return the larger lanes; `b` where a lane of either is NaN (one x86 instruction)."""
    return Vector(a.kind, np.where(a.lanes > b.lanes, a.lanes, b.lanes))


@primitive
def absolute(a: Any) -> Any:
    """Return magnitudes of floating-point lanes."""
    return Vector(a.kind, np.abs(a.lanes))


@primitive
def square_root(a: Any) -> Any:
    """Return square roots of floating-point lanes, correctly rounded."""
    with np.errstate(invalid="ignore"):
        return Vector(a.kind, np.sqrt(a.lanes))


@primitive
def round_even(a: Any) -> Any:
    """Round floating-point lanes to integers, half to even."""
    return Vector(a.kind, np.rint(a.lanes))


@primitive
def select(mask: Any, a: Any, b: Any) -> Any:
    """Return the lanes of `a` where the mask is true, else those of `b`; one may be a number."""
    kind = (a if isinstance(a, Vector) else b).kind
    lanes = [v.lanes if isinstance(v, Vector) else kind.dtype.type(v) for v in (a, b)]
    return Vector(kind, np.where(mask, *lanes))


# --- conversion ---------------------------------------------------------------------------


@primitive
def convert(kind: VectorKind, a: Any) -> Any:
    """Return the same numbers in another item type (as many lanes).

    Floating point to integer drops the fraction; what does not fit is undefined (see
    `saturate`). Wide to narrow integers keep the low bits.
    """
    with np.errstate(all="ignore"):
        return Vector(kind.like(a), a.lanes.astype(kind.dtype))


@primitive
def saturate(kind: VectorKind, a: Any) -> Any:
    """Return integers that are rounded half to even and saturated; NaN becomes 0."""
    limits = np.iinfo(kind.dtype)
    rounded = np.rint(a.lanes.astype(np.float64))
    clean = np.where(np.isnan(rounded), 0.0, np.clip(rounded, limits.min, limits.max))
    return Vector(kind, clean.astype(np.int64).astype(kind.dtype))


@primitive
def bit_cast(kind: VectorKind, a: Any) -> Any:
    """Return the same bits as lanes of another type of the same size."""
    return Vector(kind.like(a), a.lanes.view(kind.dtype))


# --- across lanes -------------------------------------------------------------------------


@primitive
def any_lane(mask: Any) -> Any:
    """Return whether a mask is true in any lane."""
    return bool(np.any(mask))


@primitive
def sum_lanes(a: Any) -> Any:
    """Return the sum of all lanes, added in pairs: halves, quarters and so on."""
    lanes = a.lanes
    while len(lanes) > 1:
        half = len(lanes) // 2
        lanes = lanes[:half] + lanes[half:]
    return lanes[0]


@primitive
def max_lanes(a: Any) -> Any:
    """Return the largest lane; without NaN."""
    return a.lanes.max()


@primitive
def min_lanes(a: Any) -> Any:
    """Return the smallest lane; without NaN."""
    return a.lanes.min()
