"""Python's operators on vectors in compiled code; on `vector_value.Vector` they are methods."""

from __future__ import annotations

import operator
from typing import Any

from numba.core import types
from numba.extending import intrinsic, overload

from zerocross.compiler.primitives.lowering.vector_types import (
    VectorType,
    map_lanes,
    splat_value,
)

_FLOAT_OPERATIONS = {"add": "fadd", "sub": "fsub", "mul": "fmul", "truediv": "fdiv"}
_INTEGER_OPERATIONS = {
    "add": "add",
    "sub": "sub",
    "mul": "mul",
    "and_": "and_",
    "or_": "or_",
    "xor": "xor",
    "lshift": "shl",
    "rshift": "ashr",
}
_COMPARISONS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}


def _make_binary(name: str) -> Any:
    @intrinsic
    def binary(_context: Any, a: Any, b: Any) -> Any:
        table = _FLOAT_OPERATIONS if a.is_float else _INTEGER_OPERATIONS
        if a != b or name not in table:
            return None

        def lower(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
            operation = getattr(builder, table[name])
            return map_lanes(builder, a, operation, [(a, args[0]), (a, args[1])])

        return a(a, b), lower

    return binary


def _make_comparison(symbol: str) -> Any:
    @intrinsic
    def comparison(_context: Any, a: Any, b: Any) -> Any:
        if a != b:
            return None
        mask = a.of(types.boolean)

        def lower(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
            def operation(x: Any, y: Any) -> Any:
                if not a.is_float:
                    return builder.icmp_signed(symbol, x, y)
                ordered = builder.fcmp_unordered if symbol == "!=" else builder.fcmp_ordered
                return ordered(symbol, x, y)

            return map_lanes(builder, mask, operation, [(a, args[0]), (a, args[1])])

        return mask(a, b), lower

    return comparison


@intrinsic
def _splat_like(_context: Any, like: Any, value: Any) -> Any:
    def lower(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return splat_value(builder, like, args[1])

    return like(like, like.item), lower


def _register_operator(name: str, compiled: Any) -> None:
    @overload(getattr(operator, name), strict=False)
    def implement(a: Any, b: Any) -> Any:
        if isinstance(a, VectorType) and isinstance(b, VectorType):
            return lambda a, b: compiled(a, b)
        if isinstance(a, VectorType) and isinstance(b, types.Number):
            return lambda a, b: compiled(a, _splat_like(a, b))
        if isinstance(b, VectorType) and isinstance(a, types.Number):
            return lambda a, b: compiled(_splat_like(b, a), b)
        return None


for _name in {**_FLOAT_OPERATIONS, **_INTEGER_OPERATIONS}:
    _register_operator(_name, _make_binary(_name))
for _name, _symbol in _COMPARISONS.items():
    _register_operator(_name, _make_comparison(_symbol))


@intrinsic
def _negate(_context: Any, a: Any) -> Any:
    def lower(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        operation = builder.fneg if a.is_float else builder.neg
        return map_lanes(builder, a, operation, [(a, args[0])])

    return a(a), lower


@overload(operator.neg, strict=False)
def _overload_negate(a: Any) -> Any:
    if isinstance(a, VectorType):
        return lambda a: _negate(a)
    return None
