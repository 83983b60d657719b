"""The lowerings of `primitives.float_mode`: MXCSR on x86-64, FPCR on AArch64, else nothing."""

from __future__ import annotations

import platform
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from zerocross.compiler.primitives import float_mode as stubs
from zerocross.compiler.primitives.lowering.function_call import call_function
from zerocross.compiler.primitives.primitive import lowers

_X86 = platform.machine().lower() in {"x86_64", "amd64"}
_ARM = platform.machine().lower() in {"aarch64", "arm64"}
_X86_FTZ_DAZ = 0x8040
_ARM_FZ = 1 << 24
_I32, _I64 = ir.IntType(32), ir.IntType(64)
_BYTES = ir.IntType(8).as_pointer()


@lowers(stubs.flush_denormals)
@intrinsic
def flush_denormals(_context: Any) -> Any:
    def lower(_context: Any, builder: Any, _signature: Any, _args: Any) -> Any:
        if _X86:
            slot = cgutils.alloca_once(builder, _I32)
            pointer = builder.bitcast(slot, _BYTES)
            _x86_call(builder, "stmxcsr", pointer)
            before = builder.load(slot)
            builder.store(builder.or_(before, ir.Constant(_I32, _X86_FTZ_DAZ)), slot)
            _x86_call(builder, "ldmxcsr", pointer)
            return builder.zext(before, _I64)
        if _ARM:
            before = _arm_get(builder)
            _arm_set(builder, builder.or_(before, ir.Constant(_I64, _ARM_FZ)))
            return before
        return ir.Constant(_I64, 0)

    return types.int64(), lower


@lowers(stubs.restore_float_mode)
@intrinsic
def restore_float_mode(_context: Any, _mode: Any) -> Any:
    def lower(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        if _X86:
            slot = cgutils.alloca_once(builder, _I32)
            builder.store(builder.trunc(args[0], _I32), slot)
            _x86_call(builder, "ldmxcsr", builder.bitcast(slot, _BYTES))
        elif _ARM:
            _arm_set(builder, args[0])
        return context.get_dummy_value()

    return types.none(types.int64), lower


def _x86_call(builder: Any, name: str, pointer: Any) -> None:
    call_function(builder, f"llvm.x86.sse.{name}", ir.VoidType(), pointer)


def _arm_get(builder: Any) -> Any:
    return call_function(builder, "llvm.aarch64.get.fpcr", _I64)


def _arm_set(builder: Any, value: Any) -> None:
    call_function(builder, "llvm.aarch64.set.fpcr", ir.VoidType(), value)
