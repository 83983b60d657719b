"""The proof's reader of function objects, before anything is compiled, with or without source.

It follows the kernels that a function names (globals, closures, modules) and looks at what the
objects themselves say: coroutines and generators by their flags, defaults, names without a value,
and what is too large to compile.
"""

from __future__ import annotations

import inspect
import itertools
import linecache
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from zerocross.compiler.callee import Callee
from zerocross.compiler.primitives.primitive import Primitive
from zerocross.compiler.proof.finding import LOOP, Finding, finding_at
from zerocross.compiler.proof.may_call import Words, is_users

__all__ = ["find_in_objects", "find_unset", "first_line", "names_of", "users_kernels"]

_WAITS = inspect.CO_COROUTINE | inspect.CO_ITERABLE_COROUTINE | inspect.CO_ASYNC_GENERATOR
#: The longest function, in bytes of bytecode: Numba's time grows faster than a function does.
_MOST_CODE = 1 << 16
#: The most of a global array that becomes part of the code, in bytes, and of a tuple, in items.
_MOST_BYTES, _MOST_ITEMS = 16 << 20, 4096
_NO_VALUE = object()


def find_in_objects(function: Callable[..., Any]) -> Finding | None:
    """Return what stands against a function or a kernel that it names; None for nothing."""
    for one in filter(is_users, [function, *users_kernels(function)]):
        words = _words_of(one)
        if words:
            return finding_at(one.__code__.co_filename, first_line(one), *words)
    return None


def find_unset(function: Callable[..., Any]) -> Finding | None:
    """Return a name of the function's closure, or of a kernel's, that has no value yet."""
    for one in [function, *users_kernels(function)]:
        for name, value in names_of(one).items():
            if value is _NO_VALUE:
                words = f"uses {name}, which has no value yet", "give it one before it is used"
                return finding_at(one.__code__.co_filename, first_line(one), *words)
    return None


def users_kernels(function: Callable[..., Any]) -> list[Callable[..., Any]]:
    """Return the user's functions behind the kernels that a function reaches by their names."""
    found: list[Callable[..., Any]] = []
    waiting = [function]
    while waiting:
        for value in names_of(waiting.pop()).values():
            is_kernel = isinstance(value, Callee) and not isinstance(value, Primitive)
            inner = value.function if is_kernel else function
            if inner not in {function, *found} and is_users(inner):
                found.append(inner)
                waiting.append(inner)
    return found


def names_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the values of the global and closure names in a function's code, by name.

    Of modules also what the function names of them, as ``module.name``.
    """
    codes = list(_codes(function.__code__))
    written = {name for code in codes for name in code.co_names}
    scope = function.__globals__
    found = {name: scope[name] for name in written if name in scope}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            found[name] = cell.cell_contents
        except ValueError:
            found[name] = _NO_VALUE
    for name, value in list(found.items()):
        if isinstance(value, types.ModuleType):
            inside = vars(value)
            found |= {f"{name}.{n}": inside[n] for n in written if n in inside}
    return found


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)


def first_line(function: Callable[..., Any]) -> int:
    """Return the line of a function's ``def``, which its decorators stand before."""
    first = function.__code__.co_firstlineno
    for line in itertools.islice(itertools.count(first), 20):
        words = linecache.getline(function.__code__.co_filename, line).split()
        if "def" in words[:2]:
            return line
    return first


def _words_of(function: Callable[..., Any]) -> Words | None:
    code = function.__code__
    if code.co_flags & _WAITS:
        return "is a coroutine, which waits", "write def without async, and wait in Python"
    if code.co_flags & inspect.CO_GENERATOR:
        return "is a generator", "process the whole block and return"
    if code.co_kwonlyargcount or code.co_flags & inspect.CO_VARKEYWORDS:
        return "takes arguments by keyword only", "let them be given by their place"
    if sum(len(one.co_code) for one in _codes(code)) > _MOST_CODE:
        return "is too long to be compiled in a sensible time", "write loops, and arrays of numbers"
    for name, value in _defaults(function).items():
        if value is not None and not isinstance(value, bool | int | float | complex | np.number):
            return (
                f"gives {name} a default of the kind {type(value).__name__}",
                "give a number, or no default",
            )
    return next(filter(None, itertools.starmap(_words_of_value, names_of(function).items())), None)


def _defaults(function: Any) -> dict[str, Any]:
    values = function.__defaults__ or ()
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    return dict(zip(names[len(names) - len(values) :], values, strict=True))


def _words_of_value(name: str, value: Any) -> Words | None:
    if isinstance(value, np.ndarray) and not isinstance(value, Callee):
        if value.dtype.hasobject or value.dtype.kind in "USmM":
            return f"uses the array {name} of {value.dtype}", "make it an array of numbers"
        if value.nbytes > _MOST_BYTES:
            return (
                f"uses the array {name}, whose {value.nbytes >> 20} MiB would be part of the code",
                "make it a field in prepare()",
            )
    if isinstance(value, tuple) and len(value) > _MOST_ITEMS:
        return f"uses the tuple {name} of {len(value)} items", "make it an array; " + LOOP
    return None
