"""Vectors outside compiled code: the kinds, and a stand-in made of a NumPy array.

`Vector` is the oracle of the tests, and what kernels run on with the compiler off. In compiled
code the kinds choose LLVM's vector types (`lowering.vector_types`).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.compiler.callee import HasContent
from zerocross.compiler.mode import register_bits

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
    "f32",
    "f32_native",
    "f32x4",
    "f32x8",
    "f32x16",
    "f64",
    "f64x2",
    "f64x4",
    "f64x8",
    "i16x8",
    "i16x16",
    "i32",
    "i32x4",
    "i32x8",
    "i32x16",
    "i64",
]


class VectorKind(HasContent):
    """An item type and a number of lanes, such as ``f32x8``.

    Of 0 lanes, such as ``f32``: as many as the vector has with which it is used. Of None, such as
    ``f32_native``: as many as a register has.
    """

    def __init__(self, name: str, dtype: npt.DTypeLike, lanes: int | None) -> None:
        self.name, self.dtype, self._lanes = name, np.dtype(dtype), lanes

    def __repr__(self) -> str:
        return self.name

    @property
    def content(self) -> Any:
        return self.name, self.dtype, self._lanes

    @property
    def by_width(self) -> bool:  # type: ignore[override]
        return self._lanes is None

    @property
    def lanes(self) -> int:
        """How many; of a native kind in the current mode."""
        if self._lanes is None:
            return register_bits() // (8 * self.dtype.itemsize)
        return self._lanes

    def with_lanes(self, lanes: int) -> VectorKind:
        """Return the kind with another number of lanes of the same type."""
        name = f"{self.dtype.kind}{8 * self.dtype.itemsize}x{lanes}"
        return VectorKind(name, self.dtype, lanes)

    def like(self, value: Vector) -> VectorKind:
        """Return the kind, with as many lanes as a vector if it has none of its own."""
        return self if self.lanes else self.with_lanes(value.kind.lanes)


f32x4, f32x8, f32x16 = (VectorKind(f"f32x{n}", np.float32, n) for n in (4, 8, 16))
f64x2, f64x4, f64x8 = (VectorKind(f"f64x{n}", np.float64, n) for n in (2, 4, 8))
i32x4, i32x8, i32x16 = (VectorKind(f"i32x{n}", np.int32, n) for n in (4, 8, 16))
i16x8, i16x16 = (VectorKind(f"i16x{n}", np.int16, n) for n in (8, 16))
f32_native = VectorKind("f32_native", np.float32, None)
f32, f64 = VectorKind("f32", np.float32, 0), VectorKind("f64", np.float64, 0)
i32, i64 = VectorKind("i32", np.int32, 0), VectorKind("i64", np.int64, 0)


class LaneOrder(HasContent):
    """Lanes that `shuffle` picks from two vectors, whatever their width.

    Called with the number of lanes of each, returns the indices.
    """

    def __init__(self, name: str, pick: Callable[[int], Sequence[int]]) -> None:
        self.name, self._pick = name, pick

    def __repr__(self) -> str:
        return self.name

    def __call__(self, lanes: int) -> tuple[int, ...]:
        return tuple(self._pick(lanes))

    @property
    def content(self) -> Any:
        return self.name, *(self(lanes) for lanes in (4, 8, 16))


def _zip(block: int, high: bool) -> Callable[[int], Sequence[int]]:
    """Return what takes blocks of lanes of two vectors in turns: the first half of all, or the second."""

    def pick(lanes: int) -> Sequence[int]:
        both = np.arange(2 * lanes).reshape(2, -1, block).transpose(1, 0, 2).ravel().tolist()
        return both[lanes:] if high else both[:lanes]

    return pick


EVEN = LaneOrder("even", lambda lanes: range(0, 2 * lanes, 2))
ODD = LaneOrder("odd", lambda lanes: range(1, 2 * lanes, 2))
REVERSED = LaneOrder("reversed", lambda lanes: range(lanes - 1, -1, -1))
#: In turns, a lane of each; and four lanes of each.
ZIP_LOW, ZIP_HIGH = LaneOrder("zip_low", _zip(1, False)), LaneOrder("zip_high", _zip(1, True))
ZIP4_LOW, ZIP4_HIGH = LaneOrder("zip4_low", _zip(4, False)), LaneOrder("zip4_high", _zip(4, True))


class Vector:
    """A vector outside compiled code: the same arithmetic on a NumPy array.

    Attributes
    ----------
    kind : VectorKind
    lanes : ndarray, shape (kind.lanes,)

    """

    def __init__(self, kind: VectorKind, lanes: npt.ArrayLike) -> None:
        self.kind = kind
        with np.errstate(all="ignore"):
            self.lanes = np.broadcast_to(np.asarray(lanes), (kind.lanes,)).astype(kind.dtype)

    #: NumPy scalars leave arithmetic with vectors to the vector.
    __array_ufunc__ = None

    def __repr__(self) -> str:
        return f"{self.kind}({self.lanes.tolist()})"

    def _with(self, other: Any, function: Callable[[Any, Any], Any]) -> Vector:
        value = other.lanes if isinstance(other, Vector) else self.kind.dtype.type(other)
        with np.errstate(all="ignore"):
            return Vector(self.kind, function(self.lanes, value))

    def _compare(self, other: Any, function: Callable[[Any, Any], Any]) -> npt.NDArray[np.bool_]:
        value = other.lanes if isinstance(other, Vector) else self.kind.dtype.type(other)
        mask: npt.NDArray[np.bool_] = function(self.lanes, value)
        return mask

    def __add__(self, other: Any) -> Vector:
        return self._with(other, operator.add)

    def __sub__(self, other: Any) -> Vector:
        return self._with(other, operator.sub)

    def __mul__(self, other: Any) -> Vector:
        return self._with(other, operator.mul)

    def __truediv__(self, other: Any) -> Vector:
        return self._with(other, operator.truediv)

    def __radd__(self, other: Any) -> Vector:
        return Vector(self.kind, other) + self

    def __rsub__(self, other: Any) -> Vector:
        return Vector(self.kind, other) - self

    def __rmul__(self, other: Any) -> Vector:
        return Vector(self.kind, other) * self

    def __rtruediv__(self, other: Any) -> Vector:
        return Vector(self.kind, other) / self

    def __and__(self, other: Any) -> Vector:
        return self._with(other, operator.and_)

    def __or__(self, other: Any) -> Vector:
        return self._with(other, operator.or_)

    def __xor__(self, other: Any) -> Vector:
        return self._with(other, operator.xor)

    def __lshift__(self, other: Any) -> Vector:
        return self._with(other, operator.lshift)

    def __rshift__(self, other: Any) -> Vector:
        return self._with(other, operator.rshift)

    def __neg__(self) -> Vector:
        return Vector(self.kind, -self.lanes)

    def __lt__(self, other: Any) -> npt.NDArray[np.bool_]:
        return self._compare(other, operator.lt)

    def __le__(self, other: Any) -> npt.NDArray[np.bool_]:
        return self._compare(other, operator.le)

    def __gt__(self, other: Any) -> npt.NDArray[np.bool_]:
        return self._compare(other, operator.gt)

    def __ge__(self, other: Any) -> npt.NDArray[np.bool_]:
        return self._compare(other, operator.ge)

    def __eq__(self, other: object) -> Any:
        return self._compare(other, operator.eq)

    def __ne__(self, other: object) -> Any:
        return self._compare(other, operator.ne)

    __hash__ = None  # type: ignore[assignment]
