"""Which kernels stand for which functions of `math` and NumPy in compiled code.

As low as `callee`, so that what links them into a module need not import what they are made of;
`compiler.elementary` fills it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from zerocross.compiler.callee import Callee
from zerocross.compiler.primitives.vector_value import VectorKind

__all__ = ["FUNCTIONS", "computes"]

C = TypeVar("C", bound=Callee)

#: By C's name of the function, ``expf`` for float32 and ``exp`` for float64: the kernel that takes
#: and returns vectors of that item type, of any number of lanes.
FUNCTIONS: dict[str, Callee] = {}


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
        FUNCTIONS[name + ("f" if kind.dtype.itemsize == 4 else "")] = kernel
        return kernel

    return register
