"""The lowerings of `primitives.external`: calls of C functions by name."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from zerocross.compiler.machine import MONOTONIC_NS, SLEEP_US, THREAD_TIME_NS
from zerocross.compiler.primitives import external as stubs
from zerocross.compiler.primitives.lowering.function_call import call_function
from zerocross.compiler.primitives.primitive import lowers, lowers_each

_I64 = ir.IntType(64)
_KINDS = {"i": types.int32, "l": types.int64, "d": types.float64}


@lowers_each(stubs.CFunction)
def _build(stub: stubs.CFunction) -> Any:
    typed = [_KINDS[letter] for letter in stub.arguments]

    def lower(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        values = [builder.extract_value(args[0], i) for i in range(len(typed))]
        return call_function(builder, stub.name, _I64, *values)

    @intrinsic
    def call(_context: Any, *_values: Any) -> Any:
        return types.int64(types.Tuple(typed)), lower

    return call


def _nanoseconds_of(clock: str) -> Any:
    """Make a read of one of the system's clocks: memory and the CPU's counter, no wait."""

    @intrinsic
    def nanoseconds(_context: Any) -> Any:
        def lower(_context: Any, builder: Any, _signature: Any, _args: Any) -> Any:
            return call_function(builder, clock, _I64)

        return types.int64(), lower

    return nanoseconds


lowers(stubs.monotonic_ns)(_nanoseconds_of(MONOTONIC_NS))
lowers(stubs.thread_time_ns)(_nanoseconds_of(THREAD_TIME_NS))


@lowers(stubs.sleep_us)
@intrinsic
def sleep_us(_context: Any, _microseconds: Any) -> Any:
    def lower(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return call_function(builder, SLEEP_US, _I64, args[0])

    return types.int64(types.int64), lower
