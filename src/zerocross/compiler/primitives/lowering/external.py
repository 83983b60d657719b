"""The lowerings of `primitives.external`: calls of C functions by name."""

from __future__ import annotations

import sys
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from zerocross.compiler.primitives import external as stubs
from zerocross.compiler.primitives.lowering.function_call import call_function
from zerocross.compiler.primitives.primitive import lowers, lowers_each

_I32, _I64 = ir.IntType(32), ir.IntType(64)
_KINDS = {"i": types.int32, "l": types.int64, "d": types.float64}

_CLOCK_MONOTONIC = {"linux": 1, "darwin": 8}.get(sys.platform, 1)
_CLOCK_OF_THREAD = {"linux": 3, "darwin": 16}.get(sys.platform, 3)


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


def _ticks_of_windows(builder: Any) -> Any:
    slot = cgutils.alloca_once(builder, _I64)

    def ask(symbol: str) -> Any:
        call_function(builder, symbol, _I32, slot)
        return builder.load(slot)

    ticks = ask("QueryPerformanceCounter")
    rate = ask("QueryPerformanceFrequency")
    billion = ir.Constant(_I64, 1_000_000_000)
    whole = builder.mul(builder.sdiv(ticks, rate), billion)
    return builder.add(whole, builder.sdiv(builder.mul(builder.srem(ticks, rate), billion), rate))


def _clock_of_posix(builder: Any, clock: int) -> Any:
    slot = cgutils.alloca_once(builder, ir.LiteralStructType([_I64, _I64]))
    call_function(builder, "clock_gettime", _I32, ir.Constant(_I32, clock), slot)
    value = builder.load(slot)
    seconds = builder.mul(builder.extract_value(value, 0), ir.Constant(_I64, 1_000_000_000))
    return builder.add(seconds, builder.extract_value(value, 1))


def _nanoseconds_of(clock: int) -> Any:
    """Make a read of one of the system's clocks: memory and the CPU's counter, no wait."""

    @intrinsic
    def nanoseconds(_context: Any) -> Any:
        def lower(_context: Any, builder: Any, _signature: Any, _args: Any) -> Any:
            if sys.platform == "win32":
                return _ticks_of_windows(builder)
            return _clock_of_posix(builder, clock)

        return types.int64(), lower

    return nanoseconds


lowers(stubs.monotonic_ns)(_nanoseconds_of(_CLOCK_MONOTONIC))
lowers(stubs.thread_time_ns)(_nanoseconds_of(_CLOCK_OF_THREAD))


@lowers(stubs.sleep_us)
@intrinsic
def sleep_us(_context: Any, _microseconds: Any) -> Any:
    def lower(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        value = builder.trunc(args[0], _I32)
        if sys.platform == "win32":
            rounded_up = builder.add(value, ir.Constant(_I32, 999))
            milliseconds = builder.udiv(rounded_up, ir.Constant(_I32, 1000))
            call_function(builder, "Sleep", ir.VoidType(), milliseconds)
        else:
            call_function(builder, "usleep", _I32, value)
        return ir.Constant(_I64, 0)

    return types.int64(types.int64), lower
