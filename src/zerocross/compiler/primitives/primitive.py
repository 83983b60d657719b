"""Primitives: the few operations that kernels need and Python does not have.

A primitive has two bodies. The Python body runs when the compiler is off and serves as the
reference; the compiled body is a Numba intrinsic, built when the first kernel that uses the
primitive is compiled. Like kernels, primitives import nothing of Numba by themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["Primitive", "primitive"]


class Primitive:
    """An operation with a Python body and a compiled body; made by `primitive`."""

    def __init__(self, reference: Callable[..., Any], build: Callable[[], Any]) -> None:
        self.reference = reference
        self.name = reference.__name__
        self.__doc__ = reference.__doc__
        self.__name__ = reference.__name__
        self.__module__ = reference.__module__
        self._build = build
        self._compiled: Any = None

    def __call__(self, *args: Any) -> Any:
        return self.reference(*args)

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"

    def compiled(self) -> Any:
        """Return the Numba intrinsic, building it on first use."""
        if self._compiled is None:
            self._compiled = self._build()
        return self._compiled


def primitive(build: Callable[[], Any]) -> Callable[[Callable[..., Any]], Primitive]:
    """Decorate a Python body; `build` makes the Numba intrinsic when it is needed."""

    def decorate(reference: Callable[..., Any]) -> Primitive:
        return Primitive(reference, build)

    return decorate
