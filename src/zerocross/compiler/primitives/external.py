"""C functions that kernels may call by name, and the guarded call of another kernel.

`external` declares a C function; the library that has it is opened in the control world,
which gives the address to the linker before code that needs it is loaded. `attempt` calls
a kernel and returns its fault status as a number, so that no fault ever leaves a kernel as
an exception.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from zerocross.compiler.kernel import Kernel
from zerocross.compiler.primitives.primitive import Primitive, primitive

__all__ = [
    "EXTERNALS",
    "INVOKER",
    "attempt",
    "external",
    "invoke",
    "monotonic_ns",
    "provide",
    "sleep_us",
    "thread_number",
    "thread_time_ns",
]

#: Names of the C functions declared so far: the allow-list of the real-time check.
EXTERNALS: set[str] = set()

_addresses: dict[str, int] = {}


def provide(name: str, address: int) -> None:
    """Tell the linker where a C function is (control world, before the code is loaded)."""
    from zerocross.compiler.target import llvm

    if _addresses.get(name) != address:
        llvm().add_symbol(name, address)
        _addresses[name] = address


def external(name: str, arguments: str, reference: Callable[..., Any]) -> Primitive:
    """Declare a C function returning int64 that kernels may call.

    Parameters
    ----------
    name : str
        The C symbol. Give its address to `provide` before a kernel that uses it is loaded.
    arguments : str
        One letter for each argument: ``i`` int32, ``l`` int64 (and pointers), ``d`` double.
    reference : callable
        What to call when the compiler is off.

    """
    EXTERNALS.add(name)

    def build() -> Any:
        from llvmlite import ir
        from numba.core import cgutils, types
        from numba.extending import intrinsic

        native = {"i": ir.IntType(32), "l": ir.IntType(64), "d": ir.DoubleType()}
        numba_types = {"i": types.int32, "l": types.int64, "d": types.float64}
        typed = [numba_types[letter] for letter in arguments]

        def lower(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
            kind = ir.FunctionType(ir.IntType(64), [native[letter] for letter in arguments])
            function = cgutils.get_or_insert_function(builder.module, kind, name)
            values = [builder.extract_value(args[0], i) for i in range(len(typed))]
            return builder.call(function, values)

        @intrinsic
        def call(_context: Any, *values: Any) -> Any:
            return types.int64(types.Tuple(typed)), lower

        return call

    def run(*values: Any) -> Any:
        return reference(*values)

    run.__name__ = name
    run.__doc__ = f"Call the C function ``{name}``."
    return Primitive(run, build)


# --- time -------------------------------------------------------------------------------

_CLOCK_MONOTONIC = {"linux": 1, "darwin": 8}.get(sys.platform, 1)
_CLOCK_OF_THREAD = {"linux": 3, "darwin": 16}.get(sys.platform, 3)


def _build_monotonic() -> Any:
    return _build_clock(_CLOCK_MONOTONIC)


def _build_thread_time() -> Any:
    return _build_clock(_CLOCK_OF_THREAD)


def _build_clock(clock: int) -> Any:
    """Build on the system's own clock: a read of memory and the CPU's counter, no wait."""
    from llvmlite import ir
    from numba.core import cgutils, types
    from numba.extending import intrinsic

    i64, i32 = ir.IntType(64), ir.IntType(32)

    def windows(builder: Any) -> Any:
        slot = cgutils.alloca_once(builder, i64)
        kind = ir.FunctionType(i32, [i64.as_pointer()])

        def ask(symbol: str) -> Any:
            function = cgutils.get_or_insert_function(builder.module, kind, symbol)
            builder.call(function, [slot])
            return builder.load(slot)

        ticks = ask("QueryPerformanceCounter")
        rate = ask("QueryPerformanceFrequency")
        billion = ir.Constant(i64, 1_000_000_000)
        whole = builder.mul(builder.sdiv(ticks, rate), billion)
        return builder.add(
            whole, builder.sdiv(builder.mul(builder.srem(ticks, rate), billion), rate)
        )

    def posix(builder: Any) -> Any:
        pair = ir.LiteralStructType([i64, i64])
        slot = cgutils.alloca_once(builder, pair)
        kind = ir.FunctionType(i32, [i32, pair.as_pointer()])
        function = cgutils.get_or_insert_function(builder.module, kind, "clock_gettime")
        builder.call(function, [ir.Constant(i32, clock), slot])
        value = builder.load(slot)
        seconds = builder.mul(builder.extract_value(value, 0), ir.Constant(i64, 1_000_000_000))
        return builder.add(seconds, builder.extract_value(value, 1))

    @intrinsic
    def monotonic_ns(_context: Any) -> Any:
        def lower(_context: Any, builder: Any, _signature: Any, _args: Any) -> Any:
            return windows(builder) if sys.platform == "win32" else posix(builder)

        return types.int64(), lower

    return monotonic_ns


EXTERNALS |= {"clock_gettime", "QueryPerformanceCounter", "QueryPerformanceFrequency"}


@primitive(_build_monotonic)
def monotonic_ns() -> int:
    """Return a monotonic time in nanoseconds.

    Real-time: safe. On Linux this is the vDSO's clock, which reads memory and the CPU's
    counter and enters the kernel only where the machine has no usable counter; it never
    waits.
    """
    return time.monotonic_ns()


@primitive(_build_thread_time)
def thread_time_ns() -> int:
    """Return the processor time that the calling thread has used, in nanoseconds.

    Real-time: a system call that does not wait. On Windows it is the monotonic time.
    """
    return time.thread_time_ns()


#: The calling thread's number as the system knows it (Linux): one call that cannot wait. The
#: argument is ignored.
thread_number = external("gettid", "l", lambda _: threading.get_native_id())


def _build_sleep() -> Any:
    from llvmlite import ir
    from numba.core import cgutils, types
    from numba.extending import intrinsic

    i32 = ir.IntType(32)

    @intrinsic
    def sleep_us(_context: Any, microseconds: Any) -> Any:
        def lower(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
            value = builder.trunc(args[0], i32)
            if sys.platform == "win32":
                value = builder.udiv(
                    builder.add(value, ir.Constant(i32, 999)), ir.Constant(i32, 1000)
                )
                kind, name = ir.FunctionType(ir.VoidType(), [i32]), "Sleep"
            else:
                kind, name = ir.FunctionType(i32, [i32]), "usleep"
            function = cgutils.get_or_insert_function(builder.module, kind, name)
            builder.call(function, [value])
            return ir.Constant(ir.IntType(64), 0)

        return types.int64(types.int64), lower

    return sleep_us


EXTERNALS |= {"usleep", "Sleep"}


@primitive(_build_sleep)
def sleep_us(microseconds: int) -> int:
    """Sleep for a time in microseconds (below one second).

    Real-time: never on the audio thread; the decode thread sleeps when its ring is full.
    """
    time.sleep(microseconds / 1e6)
    return 0


# --- calls by address -------------------------------------------------------------------

#: The one function that calls through a pointer; only entries that say so may contain it.
INVOKER = "zerocross_invoke"


def _build_invoke() -> Any:
    from llvmlite import ir
    from numba.core import types
    from numba.extending import intrinsic

    i64 = ir.IntType(64)

    def invoker(module: Any) -> Any:
        if INVOKER in module.globals:
            return module.globals[INVOKER]
        made = ir.Function(module, ir.FunctionType(i64, [i64, i64, i64]), INVOKER)
        made.linkage = "linkonce_odr"  # kernels that are linked together share one
        made.attributes.add("noinline")
        builder = ir.IRBuilder(made.append_basic_block())
        kind = ir.FunctionType(i64, [i64, i64])
        called = builder.inttoptr(made.args[0], kind.as_pointer())
        builder.ret(builder.call(called, made.args[1:]))
        return made

    @intrinsic
    def invoke(_context: Any, address: Any, first: Any, second: Any) -> Any:
        def lower(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
            return builder.call(invoker(builder.module), args)

        return types.int64(types.int64, types.int64, types.int64), lower

    return invoke


@primitive(_build_invoke)
def invoke(address: int, first: int, second: int) -> int:
    """Call an entry of two int64 arguments by its address.

    Real-time: as safe as what is called, which was proven when it was compiled. Only entries
    made with ``dispatches=True`` may contain it.
    """
    raise NotImplementedError("calls by address need the compiler")


# --- containment ------------------------------------------------------------------------


def _build_attempt() -> Any:
    from llvmlite import ir
    from numba.core import types
    from numba.extending import intrinsic

    @intrinsic
    def attempt(context: Any, function: Any, *values: Any) -> Any:
        # Numba hands the star-arguments over as one tuple.
        arguments = tuple(values[0]) if len(values) == 1 else values
        if not isinstance(function, types.Dispatcher):
            return None
        resolved = context.resolve_function_type(function, arguments, {})

        def lower(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            packed = args[1]
            unpacked = [builder.extract_value(packed, i) for i in range(len(arguments))]
            casted = [
                context.cast(builder, value, have, want)
                for value, have, want in zip(unpacked, arguments, resolved.args, strict=True)
            ]
            overload = function.dispatcher.overloads[tuple(resolved.args)]
            descriptor = overload.fndesc
            context.active_code_library.add_linking_library(overload.library)
            native = context.declare_function(builder.module, descriptor)
            status, _result = context.call_conv.call_function(
                builder, native, resolved.return_type, resolved.args, casted
            )
            return builder.sext(status.code, ir.IntType(64))

        return types.int64(function, types.Tuple(arguments)), lower

    return attempt


@primitive(_build_attempt)
def attempt(function: Kernel[Any], *values: Any) -> int:
    """Call a kernel and return its status: 0, or the number of its fault.

    Real-time: safe. An exception raised inside the kernel ends it, is not created as an
    object, and arrives here as a number of at least 1.
    """
    try:
        function.function(*values)
    except Exception:  # noqa: BLE001  any fault at all is what it reports
        return 1
    return 0
