"""`@kernel`: a Python function that becomes machine code.

The decorator fixes the one set of Numba options used everywhere: no GIL, no Python error
model (division by zero gives infinity, as in NumPy), no fast-math, cached on disk. Nothing
of Numba is imported until a kernel is first compiled, so importing Zerocross stays quick.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar

from zerocross.compiler.switch import Flavour, compiler_off, current_flavour

__all__ = ["Kernel", "kernel"]

P = ParamSpec("P")
R = TypeVar("R")


class Kernel(Generic[P, R]):
    """A compiled function, made by `kernel`.

    Calling it from Python compiles it on first use for the argument types given and runs
    it without the GIL. Calling it from another kernel inlines it like any function. With
    ``ZEROCROSS_COMPILER=off`` it runs as plain Python.

    Attributes
    ----------
    function : callable
        The Python function behind the kernel.

    """

    def __init__(self, function: Callable[P, R]) -> None:
        self.function = function
        self._dispatchers: dict[Flavour, Any] = {}
        self._run: Callable[P, R] | None = None
        functools.update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        run = self._run
        if run is None:  # decided once, at the first call: a call must stay cheap
            run = self._run = self.function if compiler_off() else self.dispatcher("host")
        return run(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<kernel {self.function.__module__}.{self.function.__qualname__}>"

    def dispatcher(self, flavour: Flavour | None = None) -> Any:
        """Return Numba's dispatcher for a flavour (by default the current one)."""
        flavour = flavour or current_flavour.get()
        found = self._dispatchers.get(flavour)
        if found is None:
            from zerocross.compiler import numba_bridge

            found = numba_bridge.make_dispatcher(self, flavour)
            self._dispatchers[flavour] = found
        return found


def kernel(function: Callable[P, R]) -> Kernel[P, R]:
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
    return Kernel(function)
