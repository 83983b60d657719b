"""Vectors in compiled code: Numba's types for them, and what every lowering builds on.

A vector is an LLVM vector, or, in the compilation mode `scalar`, a struct of scalars, so that no
vector instruction can come of it. The lowerings are written once for both: `map_lanes` applies an
operation to whole vectors or to lane after lane.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.core.datamodel import models
from numba.core.imputils import lower_constant
from numba.extending import register_model, typeof_impl
from numba.np.numpy_support import from_dtype

from zerocross.compiler.mode import current_mode
from zerocross.compiler.primitives.vector_value import LaneOrder, VectorKind

I32, I1 = ir.IntType(32), ir.IntType(1)


class VectorType(types.Type):
    """Lanes of one item type; ``scalar`` lanes are kept apart from each other."""

    def __init__(self, item: Any, lanes: int, scalar: bool) -> None:
        scalar = scalar or lanes == 1
        self.item, self.lanes, self.scalar = item, lanes, scalar
        super().__init__(f"{'lanes' if scalar else 'vector'}({item} x {lanes})")

    def of(self, item: Any, lanes: int | None = None) -> VectorType:
        """Return the type with another item type or number of lanes."""
        return VectorType(item, lanes or self.lanes, self.scalar)

    @property
    def is_float(self) -> bool:
        return isinstance(self.item, types.Float)


class KindType(types.Type):
    """The type of a `VectorKind` in a kernel: known when compiling, nothing at run time.

    Without lanes it means as many as the other argument has, see `like`.
    """

    def __init__(self, item: Any, lanes: int, scalar: bool) -> None:
        self.vector = VectorType(item, lanes, scalar)
        super().__init__(f"kind({self.vector.name})")

    def like(self, other: VectorType) -> VectorType:
        """Return the vector that the kind means beside another one."""
        return self.vector if self.vector.lanes else other.of(self.vector.item)


class OrderType(types.Type):
    """The type of a `LaneOrder` in a kernel."""

    def __init__(self, order: LaneOrder) -> None:
        self.order = order
        super().__init__(f"order({order.content})")


@register_model(VectorType)
class VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, llvm_type(kind))


register_model(KindType)(models.OpaqueModel)
register_model(OrderType)(models.OpaqueModel)


def llvm_item(item: Any) -> Any:
    """Return LLVM's type of a lane."""
    if item == types.boolean:
        return I1
    return {types.float32: ir.FloatType(), types.float64: ir.DoubleType()}.get(
        item, ir.IntType(getattr(item, "bitwidth", 0))
    )


def llvm_type(kind: VectorType) -> Any:
    """Return LLVM's type of a vector: a vector, or a struct of scalars."""
    item = llvm_item(kind.item)
    if kind.scalar:
        return ir.LiteralStructType([item] * kind.lanes)
    return ir.VectorType(item, kind.lanes)


@typeof_impl.register(VectorKind)
def _typeof_kind(value: VectorKind, _context: Any) -> KindType:
    scalar = current_mode.get() == "scalar"
    return KindType(from_dtype(value.dtype), value.lanes, scalar)


@typeof_impl.register(LaneOrder)
def _typeof_order(value: LaneOrder, _context: Any) -> OrderType:
    return OrderType(value)


@lower_constant(KindType)
@lower_constant(OrderType)
def _lower_nothing(context: Any, _builder: Any, _type: Any, _value: Any) -> Any:
    return context.get_dummy_value()


def get_lane(builder: Any, kind: VectorType, value: Any, index: int) -> Any:
    """Return the lane at a constant index."""
    if kind.scalar:
        return builder.extract_value(value, index)
    return builder.extract_element(value, ir.Constant(I32, index))


def from_lanes(builder: Any, kind: VectorType, lanes: list[Any]) -> Any:
    """Return a vector made of its lanes."""
    value = ir.Constant(llvm_type(kind), ir.Undefined)
    for i, item in enumerate(lanes):
        if kind.scalar:
            value = builder.insert_value(value, item, i)
        else:
            value = builder.insert_element(value, item, ir.Constant(I32, i))
    return value


def map_lanes(
    builder: Any, result: VectorType, operation: Callable[..., Any], inputs: list[tuple[Any, Any]]
) -> Any:
    """Apply an operation of the builder to vectors, or to their lanes one by one."""
    if not result.scalar:
        return operation(*(value for _, value in inputs))
    lanes = [
        operation(*(get_lane(builder, kind, value, i) for kind, value in inputs))
        for i in range(result.lanes)
    ]
    return from_lanes(builder, result, lanes)


def suffix_of(kind: Any) -> str:
    """Return the suffix of an LLVM intrinsic's name, such as ``v8f32``."""
    if isinstance(kind, ir.VectorType):
        return f"v{kind.count}{suffix_of(kind.element)}"
    return {"float": "f32", "double": "f64"}.get(str(kind), str(kind))


def splat_value(builder: Any, kind: VectorType, item: Any) -> Any:
    """Return a vector with one value in all lanes."""
    if kind.scalar:
        return from_lanes(builder, kind, [item] * kind.lanes)
    one = builder.insert_element(
        ir.Constant(llvm_type(kind), ir.Undefined), item, ir.Constant(I32, 0)
    )
    zeros = ir.Constant(ir.VectorType(I32, kind.lanes), [0] * kind.lanes)
    return builder.shuffle_vector(one, ir.Constant(one.type, ir.Undefined), zeros)


def item_bytes(kind: VectorType) -> int:
    """Return the size of a lane in memory."""
    return int(kind.item.bitwidth) // 8


def pick(symbol: str, builder: Any, kind: VectorType, x: Any, y: Any) -> Any:
    """Return `x` where it compares so with `y`, else `y`: of whole vectors or of two lanes."""
    compare = builder.fcmp_ordered if kind.is_float else builder.icmp_signed
    return builder.select(compare(symbol, x, y), x, y)
