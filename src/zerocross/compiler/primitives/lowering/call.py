"""The lowerings of `primitives.call`: a call through a pointer, and one that keeps its status."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from zerocross.compiler.primitives import call as stubs
from zerocross.compiler.primitives.primitive import lowers

_I64 = ir.IntType(64)


def _invoker(module: Any) -> Any:
    """Return the module's one function that calls through a pointer."""
    if stubs.INVOKER in module.globals:
        return module.globals[stubs.INVOKER]
    made = ir.Function(module, ir.FunctionType(_I64, [_I64, _I64, _I64]), stubs.INVOKER)
    made.linkage = "linkonce_odr"  # kernels that are linked together share one
    made.attributes.add("noinline")
    builder = ir.IRBuilder(made.append_basic_block())
    kind = ir.FunctionType(_I64, [_I64, _I64])
    called = builder.inttoptr(made.args[0], kind.as_pointer())
    builder.ret(builder.call(called, made.args[1:]))
    return made


@lowers(stubs.invoke)
@intrinsic
def invoke(_context: Any, _address: Any, _first: Any, _second: Any) -> Any:
    def lower(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.call(_invoker(builder.module), args)

    return types.int64(types.int64, types.int64, types.int64), lower


@lowers(stubs.attempt)
@intrinsic
def attempt(context: Any, kernel: Any, *values: Any) -> Any:
    # Numba hands the star-arguments over as one tuple.
    arguments = tuple(values[0]) if len(values) == 1 else values
    if not isinstance(kernel, types.Dispatcher):
        return None
    resolved = context.resolve_function_type(kernel, arguments, {})

    def lower(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        packed = args[1]
        unpacked = [builder.extract_value(packed, i) for i in range(len(arguments))]
        casted = [
            context.cast(builder, value, have, want)
            for value, have, want in zip(unpacked, arguments, resolved.args, strict=True)
        ]
        overload = kernel.dispatcher.overloads[tuple(resolved.args)]
        context.active_code_library.add_linking_library(overload.library)
        native = context.declare_function(builder.module, overload.fndesc)
        status, _result = context.call_conv.call_function(
            builder, native, resolved.return_type, resolved.args, casted
        )
        return builder.sext(status.code, _I64)

    return types.int64(kernel, types.Tuple(arguments)), lower
