"""What compiled code may name, as far as the front end and the cache have to know it.

The lowest file of the package beside `mode`: kernels and primitives stand on it, and so nothing
that compiles or caches them has to import either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["METHODS", "Callee", "HasContent", "give_method"]


class HasContent:
    """Something that kernels may name, and that says what of it goes into their code.

    Attributes
    ----------
    by_width : bool
        Whether code that names it is another for another width of the target's registers.

    """

    by_width = False

    @property
    def content(self) -> Any:
        """What stands for it in a key of the cache: a function or plain data; None for nothing."""
        raise NotImplementedError


class Callee(HasContent):
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


#: By name, and by class of named tuple: the kernels that compiled code calls as its method.
METHODS: dict[str, dict[type, tuple[Callable[..., Any], Callable[..., Any]]]] = {}


def give_method(
    name: str, kernels: Mapping[type, tuple[Callable[..., Any], Callable[..., Any]]]
) -> None:
    """Let compiled code call kernels as a method of named tuples.

    Parameters
    ----------
    name : str
        Of the method.
    kernels : mapping
        For each class of named tuple the kernel that a call with one argument means, and the
        kernel that a call with two means; both get the tuple first.

    """
    METHODS.setdefault(name, {}).update(kernels)
