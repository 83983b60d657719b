"""The lowerings of `primitives.float_mode`: calls of what each target does in its own way."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from zerocross.compiler.machine import FLUSH_DENORMALS, RESTORE_FLOAT_MODE
from zerocross.compiler.primitives import float_mode as stubs
from zerocross.compiler.primitives.lowering.function_call import call_function
from zerocross.compiler.primitives.primitive import lowers


@lowers(stubs.flush_denormals)
@intrinsic
def flush_denormals(_context: Any) -> Any:
    def lower(_context: Any, builder: Any, _signature: Any, _args: Any) -> Any:
        return call_function(builder, FLUSH_DENORMALS, ir.IntType(64))

    return types.int64(), lower


@lowers(stubs.restore_float_mode)
@intrinsic
def restore_float_mode(_context: Any, _mode: Any) -> Any:
    def lower(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        call_function(builder, RESTORE_FLOAT_MODE, ir.VoidType(), args[0])
        return context.get_dummy_value()

    return types.none(types.int64), lower
