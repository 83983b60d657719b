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
from zerocross.graph.processor import Processor
from zerocross.graph.state import NUMBERS

__all__ = ["processor"]

#: What every object has beside its class's names.
_ATTRIBUTES = ("record", "verdict", "entry")


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
    for owner in reversed(made.__mro__[:-1]):
        for name, value in vars(owner).items():
            is_field = not name.startswith("_") and isinstance(value, (*NUMBERS, np.ndarray))
            if is_field or isinstance(value, Param):
                taken = name in vars(Processor) or name in _ATTRIBUTES
                if taken and not issubclass(owner, Processor):
                    raise UsageError(
                        f"{made.__name__}.{name}: every processor has something of this name; "
                        "choose another"
                    )
                (params if isinstance(value, Param) else defaults)[name] = value
            elif name not in {"__dict__", "__weakref__", "process"}:
                others[name] = value
    return params, defaults, others


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
