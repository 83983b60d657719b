"""What a primitive is, and how a lowering is tied to it; the rule is in the package's docstring."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from zerocross.compiler.callee import Callee

__all__ = ["Primitive", "lowers", "lowers_each", "primitive", "stub_of"]

#: How the names of this package's modules begin.
_COMPILER = __name__.removesuffix("primitives.primitive")

T = TypeVar("T")
P = TypeVar("P", bound="Primitive")

#: For each class of stubs that are made at run time: what makes the intrinsic of one.
_builders: dict[type[Primitive], Callable[[Any], Any]] = {}
#: The stub of each lowering, by the lowering's identity.
_stubs: dict[int, Primitive] = {}


class Primitive(Callee):
    """An operation that kernels need and Python does not have; made by `primitive`.

    Attributes
    ----------
    name : str
    function : callable
        The Python body.
    lowering : object or None
        The Numba intrinsic, once the front end was imported.

    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.name = self.__name__ = function.__name__
        self.__doc__ = function.__doc__
        self.__module__ = function.__module__
        self.lowering: Any = None

    def __call__(self, *args: Any) -> Any:
        return self.function(*args)

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"

    def for_numba(self) -> Any:
        if self.lowering is None:
            self.lowering = _builders[type(self)](self)
            _stubs[id(self.lowering)] = self
        return self.lowering

    @property
    def content(self) -> Any:
        """Its name where its lowering is ours, whose text is in all keys; a user's is opaque."""
        ours = self.__module__.startswith(_COMPILER)
        return f"{self.__module__}.{self.name}" if ours else None


def primitive(function: Callable[..., Any]) -> Primitive:
    """Turn a Python body into a primitive; its lowering is registered with `lowers`."""
    return Primitive(function)


def lowers(stub: Primitive) -> Callable[[T], T]:
    """Decorate the Numba intrinsic that a stub becomes in compiled code."""

    def register(intrinsic: T) -> T:
        stub.lowering = intrinsic
        _stubs[id(intrinsic)] = stub
        return intrinsic

    return register


def stub_of(lowering: object) -> Primitive | None:
    """Return the stub that something compiled is the lowering of."""
    return _stubs.get(id(lowering))


def lowers_each(kind: type[P]) -> Callable[[Callable[[P], T]], Callable[[P], T]]:
    """Decorate a function that makes the intrinsic of each stub of a class, on first use."""

    def register(build: Callable[[P], T]) -> Callable[[P], T]:
        _builders[kind] = build
        return build

    return register
