"""The lowerings of `primitives.vector`: making, taking apart, shuffles and reductions."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from zerocross.compiler.primitives import vector as stubs
from zerocross.compiler.primitives.lowering.function_call import call_function
from zerocross.compiler.primitives.lowering.vector_types import (
    I1,
    I32,
    KindType,
    OrderType,
    VectorType,
    from_lanes,
    get_lane,
    llvm_item,
    pick,
    splat_value,
)
from zerocross.compiler.primitives.primitive import lowers


@lowers(stubs.splat)
@intrinsic
def splat(_context: Any, kind: Any, value: Any) -> Any:
    if not (isinstance(kind, KindType) and isinstance(value, types.Number)):
        return None
    vector = kind.vector

    def lower(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return splat_value(builder, vector, args[1])

    return vector(kind, vector.item), lower


@lowers(stubs.lane)
@intrinsic
def lane(_context: Any, value: Any, index: Any) -> Any:
    if not isinstance(value, VectorType):
        return None

    def lower(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        if not value.scalar:
            return builder.extract_element(args[0], builder.trunc(args[1], I32))
        slot = cgutils.alloca_once_value(builder, args[0])
        return builder.load(
            builder.gep(builder.bitcast(slot, llvm_item(value.item).as_pointer()), [args[1]])
        )

    return value.item(value, types.int64), lower


@lowers(stubs.with_lane)
@intrinsic
def with_lane(_context: Any, value: Any, index: Any, item: Any) -> Any:
    if not isinstance(value, VectorType):
        return None

    def lower(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        if not value.scalar:
            return builder.insert_element(args[0], args[2], builder.trunc(args[1], I32))
        slot = cgutils.alloca_once_value(builder, args[0])
        items = builder.bitcast(slot, llvm_item(value.item).as_pointer())
        builder.store(args[2], builder.gep(items, [args[1]]))
        return builder.load(slot)

    return value(value, types.int64, value.item), lower


@lowers(stubs.lanes_of)
@intrinsic
def lanes_of(_context: Any, kind: Any) -> Any:
    if not isinstance(kind, KindType):
        return None

    def lower(context: Any, _builder: Any, _signature: Any, _args: Any) -> Any:
        return context.get_constant(types.int64, kind.vector.lanes)

    return types.int64(kind), lower


def _literal_indices(indices: Any, lanes: int) -> Sequence[int] | None:
    if isinstance(indices, OrderType):
        return indices.order(lanes)
    if not isinstance(indices, types.BaseTuple):
        return None
    values = [getattr(item, "literal_value", None) for item in indices.types]
    return None if None in values else [int(v) for v in values]  # type: ignore[arg-type]


@lowers(stubs.shuffle)
@intrinsic(prefer_literal=True)
def shuffle(_context: Any, a: Any, b: Any, indices: Any) -> Any:
    if not (isinstance(a, VectorType) and a == b):
        return None
    picked = _literal_indices(indices, a.lanes)
    if not picked:
        return None
    result = a.of(a.item, len(picked))

    def lower(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        if a.scalar:
            both = [get_lane(builder, a, v, i) for v in args[:2] for i in range(a.lanes)]
            return from_lanes(builder, result, [both[i] for i in picked])
        mask = ir.Constant(ir.VectorType(I32, len(picked)), picked)
        return builder.shuffle_vector(args[0], args[1], mask)

    return result(a, b, indices), lower


def _make_reduction(combine: Callable[[Any, VectorType, Any, Any], Any]) -> Any:
    """Make an intrinsic that combines the halves of a vector, then their halves, down to one."""

    @intrinsic
    def reduce(_context: Any, a: Any) -> Any:
        if not isinstance(a, VectorType):
            return None

        def lower(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
            combined = functools.partial(combine, builder, a)
            if a.scalar:
                lanes = [get_lane(builder, a, args[0], i) for i in range(a.lanes)]
                return _reduce_scalars(combined, lanes)
            return _reduce_vector(builder, combined, args[0], a.lanes)

        return a.item(a), lower

    return reduce


def _reduce_scalars(combine: Callable[[Any, Any], Any], lanes: list[Any]) -> Any:
    while len(lanes) > 1:
        half = len(lanes) // 2
        lanes = [combine(x, y) for x, y in zip(lanes[:half], lanes[half:], strict=True)]
    return lanes[0]


def _reduce_vector(builder: Any, combine: Callable[[Any, Any], Any], value: Any, lanes: int) -> Any:
    while lanes > 1:
        half = lanes // 2
        kind = ir.VectorType(I32, half)
        low, high = (
            builder.shuffle_vector(value, value, ir.Constant(kind, list(range(k, k + half))))
            for k in (0, half)
        )
        value, lanes = combine(low, high), half
    return builder.extract_element(value, ir.Constant(I32, 0))


@lowers(stubs.any_lane)
@intrinsic
def any_lane(_context: Any, mask: Any) -> Any:
    if not (isinstance(mask, VectorType) and mask.item == types.boolean):
        return None

    def lower(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        if mask.scalar:
            lanes = [get_lane(builder, mask, args[0], i) for i in range(mask.lanes)]
            found = functools.reduce(builder.or_, lanes)
        else:
            name = f"llvm.vector.reduce.or.v{mask.lanes}i1"
            found = call_function(builder, name, I1, args[0])
        return context.cast(builder, found, types.boolean, types.boolean)

    return types.boolean(mask), lower


def _add(builder: Any, kind: VectorType, x: Any, y: Any) -> Any:
    return builder.fadd(x, y) if kind.is_float else builder.add(x, y)


lowers(stubs.sum_lanes)(_make_reduction(_add))
lowers(stubs.max_lanes)(_make_reduction(functools.partial(pick, ">")))
lowers(stubs.min_lanes)(_make_reduction(functools.partial(pick, "<")))
