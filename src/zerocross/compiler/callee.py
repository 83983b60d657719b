"""What compiled code may call, as far as the front end and the cache have to know it.

The lowest file of the package beside `mode`: kernels and primitives stand on it, and so nothing
that compiles or caches them has to import either.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["Callee"]


class Callee:
    """Something that a kernel may call by name: another kernel, or a primitive.

    Attributes
    ----------
    function : callable
        The Python body, which runs when the compiler is off.

    """

    function: Callable[..., Any]

    def for_numba(self) -> Any:
        """Return what Numba is to call in its place: a dispatcher or an intrinsic."""
        raise NotImplementedError

    @property
    def content(self) -> Callable[..., Any] | str:
        """What stands for it in a key of the cache: a function to read, or a name."""
        raise NotImplementedError
