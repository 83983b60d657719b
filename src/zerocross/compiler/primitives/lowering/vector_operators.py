"""Python's operators on vectors in compiled code; on `vector_value.Vector` they are methods.

Typed and lowered directly: an overload of Numba's would be a function to compile for each operator
and each kind.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from numba.core import types
from numba.core.typing.templates import AbstractTemplate, infer_global
from numba.extending import lower_builtin

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

#: Makes LLVM's operation on whole vectors, or on lanes, of a kind.
Make = Callable[[Any, VectorType], Callable[[Any, Any], Any]]


def _register(name: str, fits: Callable[[VectorType], bool], make: Make, mask: bool) -> None:
    """Give an operator to vectors of the same kind, and to vectors with numbers."""
    function = getattr(operator, name)

    @infer_global(function)
    class OfVectors(AbstractTemplate):
        def generic(self, args: Any, _kws: Any) -> Any:
            kinds = [v for v in args if isinstance(v, VectorType)]
            if len(args) != 2 or not kinds or not fits(kinds[0]):
                return None
            if not all(v == kinds[0] or isinstance(v, types.Number) for v in args):
                return None
            result = kinds[0].of(types.boolean) if mask else kinds[0]
            return result(*(v if isinstance(v, VectorType) else kinds[0].item for v in args))

    def lower(_context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = next(v for v in signature.args if isinstance(v, VectorType))
        whole = [
            (kind, v if isinstance(t, VectorType) else splat_value(builder, kind, v))
            for t, v in zip(signature.args, args, strict=True)
        ]
        return map_lanes(builder, signature.return_type, make(builder, kind), whole)

    for pair in (
        (VectorType, VectorType),
        (VectorType, types.Number),
        (types.Number, VectorType),
    ):
        lower_builtin(function, *pair)(lower)


def _make_binary(name: str) -> Make:
    def make(builder: Any, kind: VectorType) -> Callable[[Any, Any], Any]:
        table = _FLOAT_OPERATIONS if kind.is_float else _INTEGER_OPERATIONS
        operation: Callable[[Any, Any], Any] = getattr(builder, table[name])
        return operation

    return make


def _make_comparison(symbol: str) -> Make:
    def make(builder: Any, kind: VectorType) -> Callable[[Any, Any], Any]:
        def operation(x: Any, y: Any) -> Any:
            if not kind.is_float:
                return builder.icmp_signed(symbol, x, y)
            ordered = builder.fcmp_unordered if symbol == "!=" else builder.fcmp_ordered
            return ordered(symbol, x, y)

        return operation

    return make


def _fits(name: str) -> Callable[[VectorType], bool]:
    return lambda kind: name in (_FLOAT_OPERATIONS if kind.is_float else _INTEGER_OPERATIONS)


for _name in {**_FLOAT_OPERATIONS, **_INTEGER_OPERATIONS}:
    _register(_name, _fits(_name), _make_binary(_name), mask=False)
for _name, _symbol in _COMPARISONS.items():
    _register(_name, lambda _kind: True, _make_comparison(_symbol), mask=True)


@infer_global(operator.neg)
class _NegativeOfVector(AbstractTemplate):
    def generic(self, args: Any, _kws: Any) -> Any:
        return args[0](args[0]) if isinstance(args[0], VectorType) else None


@lower_builtin(operator.neg, VectorType)
def _negate(_context: Any, builder: Any, signature: Any, args: Any) -> Any:
    kind = signature.return_type
    operation = builder.fneg if kind.is_float else builder.neg
    return map_lanes(builder, kind, operation, [(kind, args[0])])
