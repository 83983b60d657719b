"""Denormal numbers on the audio thread: flushed to zero while a callback runs.

A decaying filter or reverb ends in denormals, which cost some processors a hundred times
an ordinary operation. `flush_denormals` sets the processor's flush-to-zero (and on x86
denormals-are-zero) bits and returns what was set before; `restore_float_mode` puts it back,
because the thread belongs to the device, not to us.

Real-time: safe.
"""

from __future__ import annotations

import platform
from typing import Any

from zerocross.compiler.primitives.primitive import primitive

__all__ = ["flush_denormals", "restore_float_mode"]

_X86 = platform.machine().lower() in {"x86_64", "amd64"}
_ARM = platform.machine().lower() in {"aarch64", "arm64"}
_X86_FTZ_DAZ = 0x8040
_ARM_FZ = 1 << 24


def _build_flush() -> Any:
    from llvmlite import ir
    from numba.core import cgutils, types
    from numba.extending import intrinsic

    i32, i64 = ir.IntType(32), ir.IntType(64)

    @intrinsic
    def flush_denormals(_context: Any) -> Any:
        def lower(_context: Any, builder: Any, _signature: Any, _args: Any) -> Any:
            if _X86:
                slot = cgutils.alloca_once(builder, i32)
                pointer = builder.bitcast(slot, ir.IntType(8).as_pointer())
                _x86_call(builder, "stmxcsr", pointer)
                before = builder.load(slot)
                builder.store(builder.or_(before, ir.Constant(i32, _X86_FTZ_DAZ)), slot)
                _x86_call(builder, "ldmxcsr", pointer)
                return builder.zext(before, i64)
            if _ARM:
                before = _arm_get(builder)
                _arm_set(builder, builder.or_(before, ir.Constant(i64, _ARM_FZ)))
                return before
            return ir.Constant(i64, 0)

        return types.int64(), lower

    return flush_denormals


def _build_restore() -> Any:
    from llvmlite import ir
    from numba.core import cgutils, types
    from numba.extending import intrinsic

    i32 = ir.IntType(32)

    @intrinsic
    def restore_float_mode(_context: Any, mode: Any) -> Any:
        def lower(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
            if _X86:
                slot = cgutils.alloca_once(builder, i32)
                builder.store(builder.trunc(args[0], i32), slot)
                _x86_call(builder, "ldmxcsr", builder.bitcast(slot, ir.IntType(8).as_pointer()))
            elif _ARM:
                _arm_set(builder, args[0])
            return context.get_dummy_value()

        return types.none(types.int64), lower

    return restore_float_mode


def _x86_call(builder: Any, name: str, pointer: Any) -> None:
    from llvmlite import ir
    from numba.core import cgutils

    kind = ir.FunctionType(ir.VoidType(), [ir.IntType(8).as_pointer()])
    builder.call(
        cgutils.get_or_insert_function(builder.module, kind, f"llvm.x86.sse.{name}"), [pointer]
    )


def _arm_get(builder: Any) -> Any:
    from llvmlite import ir
    from numba.core import cgutils

    kind = ir.FunctionType(ir.IntType(64), [])
    return builder.call(
        cgutils.get_or_insert_function(builder.module, kind, "llvm.aarch64.get.fpcr"), []
    )


def _arm_set(builder: Any, value: Any) -> None:
    from llvmlite import ir
    from numba.core import cgutils

    kind = ir.FunctionType(ir.VoidType(), [ir.IntType(64)])
    builder.call(
        cgutils.get_or_insert_function(builder.module, kind, "llvm.aarch64.set.fpcr"), [value]
    )


@primitive(_build_flush)
def flush_denormals() -> int:
    """Flush denormals to zero from here on; returns the mode that was set before."""
    return 0


@primitive(_build_restore)
def restore_float_mode(mode: int) -> None:
    """Set the floating-point mode that `flush_denormals` returned."""
    del mode
