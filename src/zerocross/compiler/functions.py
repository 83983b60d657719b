"""Which kernels stand for which functions of `math` and NumPy in compiled code.

As low as `callee`, so that what links them into a module need not import what they are made of;
`compiler.elementary` fills it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from zerocross.compiler.callee import Callee
from zerocross.compiler.primitives.vector_value import VectorKind

__all__ = ["FUNCTIONS", "Function", "computes"]

C = TypeVar("C", bound=Callee)


class Function(NamedTuple):
    """A function of one item type.

    Attributes
    ----------
    kernel : Kernel
        Takes and returns vectors of the item type, of any number of lanes.
    item : str
        LLVM's name of it: ``float`` or ``double``.
    arity : int
        How many vectors it takes.

    """

    kernel: Callee
    item: str
    arity: int


#: By C's name: ``expf`` for float32, ``exp`` for float64.
FUNCTIONS: dict[str, Function] = {}


def computes(name: str, kind: VectorKind) -> Callable[[C], C]:
    """Decorate the kernel that is a function in compiled code.

    Parameters
    ----------
    name : str
        C's name of it for float64, such as ``"exp"``.
    kind : VectorKind
        ``f32`` or ``f64``: of what the vectors that it takes and returns are made.

    """

    def register(kernel: C) -> C:
        suffix, item = ("f", "float") if kind.dtype.itemsize == 4 else ("", "double")
        arity = len(inspect.signature(kernel.function).parameters)
        FUNCTIONS[name + suffix] = Function(kernel, item, arity)
        return kernel

    return register
