"""The lowerings of `primitives.vector`: arithmetic lane by lane, and the choice by a mask."""

from __future__ import annotations

import functools
from typing import Any

from numba.core import types
from numba.extending import intrinsic

from zerocross.compiler.primitives import vector as stubs
from zerocross.compiler.primitives.lowering.function_call import call_function
from zerocross.compiler.primitives.lowering.vector_types import (
    VectorType,
    map_lanes,
    pick,
    splat_value,
    suffix_of,
)
from zerocross.compiler.primitives.primitive import lowers


def _lanewise(name: str, arity: int) -> Any:
    """Make an intrinsic that is one LLVM intrinsic on each lane."""

    def typed(values: tuple[Any, ...]) -> Any:
        kind = values[0]
        if not isinstance(kind, VectorType) or any(v != kind for v in values):
            return None
        if not kind.is_float:
            return None

        def lower(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
            def operation(*lanes: Any) -> Any:
                return call_function(
                    builder, f"{name}.{suffix_of(lanes[0].type)}", lanes[0].type, *lanes
                )

            return map_lanes(builder, kind, operation, [(kind, value) for value in args])

        return kind(*values), lower

    if arity == 1:

        @intrinsic
        def one(_context: Any, a: Any) -> Any:
            return typed((a,))

        return one

    @intrinsic
    def three(_context: Any, a: Any, b: Any, c: Any) -> Any:
        return typed((a, b, c))

    return three


lowers(stubs.fma)(_lanewise("llvm.fma", 3))
lowers(stubs.multiply_add)(_lanewise("llvm.fmuladd", 3))
lowers(stubs.absolute)(_lanewise("llvm.fabs", 1))
lowers(stubs.square_root)(_lanewise("llvm.sqrt", 1))
lowers(stubs.round_even)(_lanewise("llvm.roundeven", 1))


def _make_extreme(symbol: str) -> Any:
    @intrinsic
    def extreme(_context: Any, a: Any, b: Any) -> Any:
        if not isinstance(a, VectorType) or a != b:
            return None

        def lower(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
            operation = functools.partial(pick, symbol, builder, a)
            return map_lanes(builder, a, operation, [(a, args[0]), (a, args[1])])

        return a(a, b), lower

    return extreme


lowers(stubs.minimum)(_make_extreme("<"))
lowers(stubs.maximum)(_make_extreme(">"))


@lowers(stubs.select)
@intrinsic
def select(_context: Any, mask: Any, a: Any, b: Any) -> Any:
    kind = a if isinstance(a, VectorType) else b
    if not (isinstance(mask, VectorType) and isinstance(kind, VectorType)):
        return None
    if not all(v == kind or isinstance(v, types.Number) for v in (a, b)):
        return None
    taken = [v if isinstance(v, VectorType) else kind.item for v in (a, b)]

    def lower(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        both = [
            value if isinstance(v, VectorType) else splat_value(builder, kind, value)
            for v, value in zip((a, b), args[1:], strict=True)
        ]
        parts = [(mask, args[0]), *((kind, value) for value in both)]
        return map_lanes(builder, kind, builder.select, parts)

    return kind(mask, *taken), lower
