"""`@kernel`: a Python function that becomes machine code.

The decorator fixes the one set of Numba options used everywhere: no GIL, no Python error
model (division by zero gives infinity, as in NumPy), no fast-math, cached on disk. Nothing
of Numba is imported until a kernel is first compiled, so importing Zerocross stays quick.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from zerocross.compiler.callee import Callee
from zerocross.compiler.mode import (
    BY_WIDTH,
    CompilationMode,
    check_numba,
    compiler_off,
    current_mode,
)
from zerocross.errors import UsageError

if TYPE_CHECKING:
    from zerocross.compiler.content import Content
    from zerocross.compiler.target import Emitted, Target

__all__ = ["Kernel", "kernel"]

R = TypeVar("R")


class Kernel(functools.partial[R], Callee):
    """A compiled function, made by `kernel`.

    Calling it from Python compiles it on first use for the argument types given and runs
    it without the GIL. Calling it from another kernel inlines it like any function. With
    ``ZEROCROSS_COMPILER=off`` it runs as plain Python.

    Attributes
    ----------
    function : callable
        The Python function behind the kernel.

    """

    # A partial, because calling one costs 50 ns where a method in Python costs 200. What it
    # calls is decided once, at the first call.

    function: Callable[..., R]

    def __new__(cls, function: Callable[..., R]) -> Kernel[R]:
        made: Kernel[R] = super().__new__(cls, _call_first_time)
        made.function = function
        made._dispatchers = {}
        functools.update_wrapper(made, function)
        made._call(functools.partial(_call_first_time, made))
        return made

    _dispatchers: dict[CompilationMode, tuple[Content, Any]]

    def _call(self, run: Callable[..., R]) -> None:
        """Make calls of the kernel calls of a function."""
        self.__setstate__((run, (), {}, self.__dict__))  # type: ignore[attr-defined]

    def __repr__(self) -> str:
        return f"<kernel {self.function.__module__}.{self.function.__qualname__}>"

    def dispatcher(self, mode: CompilationMode | None = None) -> Any:
        """Return Numba's dispatcher for a compilation mode (by default the current one).

        It is made anew when what the function names has changed: a dispatcher keeps code in which
        the values are frozen, and that code must not be stored under a key of others.
        """
        from zerocross.compiler.content import content_of  # shipped code is found without it

        mode = mode or current_mode.get()
        content = content_of(self.function)
        if mode in BY_WIDTH.values() and not content.by_width:
            mode = "portable"
        found = self._dispatchers.get(mode)
        if found is None or found[0].digest != content.digest:
            check_numba()
            from zerocross.compiler import dispatcher

            found = content, dispatcher.make_dispatcher(self.function, mode)
            self._dispatchers[mode] = found
        return found[1]

    def dispatchers(self) -> list[Any]:
        """Return Numba's dispatchers, one for each mode in which it was compiled so far."""
        return [dispatcher for _, dispatcher in self._dispatchers.values()]

    def for_numba(self) -> Any:
        return self.dispatcher()

    @property
    def content(self) -> Callable[..., R]:
        return self.function

    def compile(self, target: Target, *argument_types: str) -> Emitted:
        """Return the kernel's code for a target, as object file, LLVM IR and assembly.

        Parameters
        ----------
        target : Target
            Such as ``target.level("avx2")``; need not be one that this machine can run.
        *argument_types : str
            In Numba's words: ``"float32[::1]"`` for a contiguous array, ``"float64"``.

        Notes
        -----
        The function keeps Numba's own calling convention. To call a kernel by address, or at
        another level beside the default, wrap it in an `entry` and use ``entry.at(level)``.

        """
        from zerocross.compiler import frontend, ir_passes, linker
        from zerocross.compiler.target import emit

        ir, symbol, _ = frontend.portable_ir(self, list(argument_types), target.mode)
        ir = linker.link_functions(ir, target)
        return emit(ir_passes.closed_world(ir, symbol), target)


def _call_first_time(made: Kernel[R], *args: Any, **kwargs: Any) -> R:
    made._call(made.function if compiler_off() else made.dispatcher("host"))
    return made(*args, **kwargs)


def kernel(function: Callable[..., R]) -> Kernel[R]:
    """Turn a Python function into a compiled kernel.

    Parameters
    ----------
    function : callable
        Loops, scalar arithmetic, arrays, records, other kernels and primitives. No Python
        objects, no allocation. See docs/kernels.md for what compiles.

    Returns
    -------
    Kernel
        Callable from Python and from other kernels.

    """
    if not isinstance(function, types.FunctionType):
        name = getattr(function, "__name__", repr(function))
        raise UsageError(f"{name}: @kernel takes a function written in Python (def ...)")
    return Kernel(function)
