"""The lowerings of `primitives.vector`: other item types of the same lanes or the same bits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

from zerocross.compiler.primitives import vector as stubs
from zerocross.compiler.primitives.lowering.function_call import call_function
from zerocross.compiler.primitives.lowering.vector_types import (
    I32,
    KindType,
    VectorType,
    item_bytes,
    llvm_item,
    llvm_type,
    map_lanes,
    suffix_of,
)
from zerocross.compiler.primitives.primitive import lowers


@lowers(stubs.convert)
@intrinsic
def convert(_context: Any, kind: Any, a: Any) -> Any:
    if not (isinstance(kind, KindType) and isinstance(a, VectorType)):
        return None
    result = kind.like(a)
    if a.lanes != result.lanes:
        return None

    def lower(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        def operation(x: Any) -> Any:
            wanted = llvm_item(result.item) if result.scalar else llvm_type(result)
            return _cast(builder, a, result)(x, wanted)

        return map_lanes(builder, result, operation, [(a, args[1])])

    return result(kind, a), lower


def _cast(builder: Any, a: VectorType, b: VectorType) -> Callable[[Any, Any], Any]:
    if a.item == b.item:
        return lambda x, _wanted: x
    if a.is_float and b.is_float:
        wider = b.item.bitwidth > a.item.bitwidth
        return builder.fpext if wider else builder.fptrunc  # type: ignore[no-any-return]
    if a.is_float:
        return builder.fptosi  # type: ignore[no-any-return]
    if b.is_float:
        return builder.sitofp  # type: ignore[no-any-return]
    wider = b.item.bitwidth > a.item.bitwidth
    return builder.sext if wider else builder.trunc  # type: ignore[no-any-return]


@lowers(stubs.saturate)
@intrinsic
def saturate(_context: Any, kind: Any, a: Any) -> Any:
    if not (isinstance(kind, KindType) and isinstance(a, VectorType) and a.is_float):
        return None
    result = kind.vector

    def lower(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        def operation(x: Any) -> Any:
            rounded = call_function(builder, f"llvm.roundeven.{suffix_of(x.type)}", x.type, x)
            return _saturating(builder, rounded, a, result)

        return map_lanes(builder, result, operation, [(a, args[1])])

    return result(kind, a), lower


def _saturating(builder: Any, rounded: Any, a: VectorType, result: VectorType) -> Any:
    """Convert rounded numbers to integers: narrow ones by way of int32, which is quicker."""
    bits = result.item.bitwidth
    wanted = llvm_item(result.item) if result.scalar else llvm_type(result)
    if bits >= 32:
        name = f"llvm.fptosi.sat.{suffix_of(wanted)}.{suffix_of(rounded.type)}"
        return call_function(builder, name, wanted, rounded)
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1

    def constant(value: float) -> Any:
        if a.scalar:
            return ir.Constant(rounded.type, value)
        return ir.Constant(rounded.type, [value] * a.lanes)

    number = builder.fcmp_ordered("ord", rounded, rounded)
    clean = builder.select(number, rounded, constant(0.0))
    below = builder.select(builder.fcmp_ordered("<", clean, constant(high)), clean, constant(high))
    inside = builder.select(builder.fcmp_ordered(">", below, constant(low)), below, constant(low))
    middle = I32 if result.scalar else ir.VectorType(I32, result.lanes)
    return builder.trunc(builder.fptosi(inside, middle), wanted)


@lowers(stubs.bit_cast)
@intrinsic
def bit_cast(_context: Any, kind: Any, a: Any) -> Any:
    if not (isinstance(kind, KindType) and isinstance(a, VectorType)):
        return None
    result = kind.like(a)
    if result.lanes * item_bytes(result) != a.lanes * item_bytes(a):
        return None

    def lower(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        if not a.scalar:
            return builder.bitcast(args[1], llvm_type(result))
        slot = cgutils.alloca_once_value(builder, args[1])
        return builder.load(builder.bitcast(slot, llvm_type(result).as_pointer()))

    return result(kind, a), lower
