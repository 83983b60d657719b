"""Which kernels stand for which functions of `math` and NumPy in compiled code.

As low as `callee`, so that what links them into a module need not import what they are made of.
`compiler.elementary` has them, and is imported when code is first compiled (`fill`): a start from
shipped code needs none.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from zerocross.compiler.callee import Callee
from zerocross.compiler.primitives.vector_value import VectorKind

__all__ = ["FUNCTIONS", "Function", "computes", "fill"]

C = TypeVar("C", bound=Callee)


class Function(NamedTuple):
    """A function of one item type.

    Attributes
    ----------
    kernel : Kernel
        Takes and returns vectors, of any number of lanes.
    item : str
        LLVM's name of what it returns: ``float`` or ``double``.
    arguments : tuple of str
        The same of what it takes.

    """

    kernel: Callee
    item: str
    arguments: tuple[str, ...]


#: By C's name: ``expf`` for float32, ``exp`` for float64.
FUNCTIONS: dict[str, Function] = {}


def fill() -> None:
    """Fill the table; twice is once."""
    importlib.import_module(f"{__name__.rpartition('.')[0]}.elementary")


_ITEMS = {"f32": "float", "f64": "double", "i32": "i32"}


def computes(name: str, kind: VectorKind, *arguments: VectorKind) -> Callable[[C], C]:
    """Decorate the kernel that is a function in compiled code.

    Parameters
    ----------
    name : str
        C's name of it for float64, such as ``"exp"``.
    kind : VectorKind
        ``f32`` or ``f64``: of what the vectors are made that it returns.
    *arguments : VectorKind
        The same of those that it takes; none: as what it returns.

    """

    def register(kernel: C) -> C:
        count = len(inspect.signature(kernel.function).parameters)
        taken = arguments or (kind,) * count
        FUNCTIONS[name + ("f" if kind.name == "f32" else "")] = Function(
            kernel, _ITEMS[kind.name], tuple(_ITEMS[one.name] for one in taken)
        )
        return kernel

    return register
