"""The lowering of `primitives.assembly`: LLVM's inline assembly."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from zerocross.compiler.primitives import assembly as stubs
from zerocross.compiler.primitives.primitive import lowers_each

_NATIVE = {"l": ir.IntType(64), "f": ir.FloatType(), "d": ir.DoubleType()}
_KINDS = {"l": types.int64, "f": types.float32, "d": types.float64}


@lowers_each(stubs.Assembly)
def _build(stub: stubs.Assembly) -> Any:
    """Make the intrinsic of one template; raises CompileError where none fits the machine."""
    template, constraints = stub.template()
    typed = types.Tuple([_KINDS[letter] for letter in stub.arguments])
    native = [_NATIVE[letter] for letter in stub.arguments]

    @intrinsic
    def run(_context: Any, *_values: Any) -> Any:
        def lower(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
            operands = [builder.extract_value(args[0], i) for i in range(len(native))]
            kind = ir.FunctionType(ir.VoidType(), native)
            code = ir.InlineAsm(kind, template, constraints, side_effect=True)
            builder.call(code, operands)
            return context.get_dummy_value()

        return types.none(typed), lower

    return run
