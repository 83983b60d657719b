"""The decorator: turns a class, or a function of a block, into a processor."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from zerocross.compiler import Kernel
from zerocross.errors import UsageError
from zerocross.graph.params import Param
from zerocross.graph.processor import OWN_ATTRIBUTES, Processor
from zerocross.graph.state import NUMBERS, field_value
from zerocross.units import shown

__all__ = ["processor"]

#: What a class may have of its own, though every processor has it.
_OWN = {
    *("__init__", "__repr__", "__eq__", "__hash__", "__doc__", "__module__", "__qualname__"),
    *("__annotations__", "__dict__", "__weakref__", "__firstlineno__", "__static_attributes__"),
    *("prepare", "process", "__annotate__", "__annotate_func__", "__annotations_cache__"),
    *("__init_subclass__", "__subclasshook__", "__str__", "__format__", "__class_getitem__"),
    *("__lt__", "__le__", "__gt__", "__ge__", "__ne__", "__orig_bases__", "__parameters__"),
}


def processor(made: Any = None, *, instrument: bool = False) -> Any:
    """Turn a class, or a function of a block, into a processor.

    Parameters
    ----------
    made : class or function
        A class with ``process(self, block)``, or a function ``f(block)`` without state.
    instrument : bool
        Whether it makes sound by itself: a fault then leaves silence, not its input.

    Raises
    ------
    UsageError
        If there is no ``process``, or a field is named as something that every processor has.

    """
    if made is None:
        return functools.partial(processor, instrument=instrument)
    if inspect.isfunction(made):
        return _from_function(made, instrument)
    if not isinstance(made, type):
        raise UsageError(f"{shown(made)}: @processor takes a class, or a function of a block")
    if vars(made).get("__slots__"):
        raise UsageError(f"{made.__name__}: a processor has no __slots__; leave them out")
    process = getattr(made, "process", None)
    if not inspect.isfunction(process) or len(inspect.signature(process).parameters) != 2:
        raise UsageError(f"{made.__name__}: a processor needs a method process(self, block)")
    params, defaults, others = _declared(made)
    of_state = Kernel(process)
    namespace = others | {
        "_params": params,
        "_defaults": defaults,
        "_kernel": of_state,
        "_written": of_state,
        "_entries": {},
        "is_instrument": instrument,
        "process": process,
    }
    return type(made.__name__, (Processor,), namespace)


def _declared(made: type) -> tuple[dict[str, Param], dict[str, Any], dict[str, Any]]:
    """Return a class's parameters, its state's first values, and all else that it has."""
    params: dict[str, Param] = {}
    defaults: dict[str, Any] = {}
    others: dict[str, Any] = {}
    for owner in reversed(made.__mro__):
        if owner is object or owner in Processor.__mro__:
            continue
        if "_kernel" in vars(owner):  # a processor of which this is another kind
            params |= vars(owner)["_params"]
            defaults |= vars(owner)["_defaults"]
        for name, value in vars(owner).items():
            if "_kernel" not in vars(owner):
                _check_name(made, name)
            if isinstance(value, Param):
                params[name] = value
                defaults.pop(name, None)
            elif not name.startswith("_") and isinstance(value, (*NUMBERS, np.ndarray)):
                declared = vars(owner).get("__annotations__", {}).get(name)
                is_float = declared in (float, "float") and not isinstance(value, np.ndarray)
                first = float(value) if is_float else value
                defaults[name] = field_value(f"{made.__name__}.{name}", first)
                params.pop(name, None)
            elif name not in {"__dict__", "__weakref__", "process"}:
                others[name] = value
    return params, defaults, others


def _check_name(made: type, name: str) -> None:
    taken = hasattr(Processor, name) or name in OWN_ATTRIBUTES
    if taken and name not in _OWN:
        raise UsageError(
            f"{made.__name__}.{name}: every processor has something of this name; choose another"
        )


def _from_function(function: Callable[[Any], None], instrument: bool) -> Any:
    if len(inspect.signature(function).parameters) != 1:
        raise UsageError(f"{function.__name__}: a processor function takes one block")
    of_block = Kernel(function)

    def process(self: Any, block: Any) -> None:  # noqa: ARG001
        of_block(block)

    namespace = {
        "_params": {},
        "_defaults": {},
        "_kernel": Kernel(process),
        "_written": of_block,
        "_entries": {},
        "is_instrument": instrument,
        "__doc__": function.__doc__,
        "__module__": function.__module__,
    }
    return type(function.__name__, (Processor,), namespace)
