"""Which compiler flavour is at work, and whether there is a compiler at all.

A kernel is compiled in one of two flavours:

host
    Called from Python by Numba's own dispatcher, optimised by Numba.
portable
    Unoptimised LLVM IR, the starting point from which `compiler.entry` makes machine code
    for any target.
scalar
    The same with explicit vectors taken apart into single lanes: the `scalar` level.
lines
    Portable with line numbers, to find what a refusal is about.
checked
    Portable with every index checked: a fault where it would be out of range.

The flavour is a context variable: kernels found inside a kernel are compiled in the same
flavour as the kernel that calls them.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal

__all__ = ["Flavour", "compiler_off", "current_flavour", "flavour"]

Flavour = Literal["host", "portable", "scalar", "lines", "checked"]

current_flavour: ContextVar[Flavour] = ContextVar("current_flavour", default="host")


@contextmanager
def flavour(name: Flavour) -> Iterator[None]:
    """Compile kernels in the given flavour inside the ``with`` block."""
    token = current_flavour.set(name)
    try:
        yield
    finally:
        current_flavour.reset(token)


def compiler_off() -> bool:
    """Return whether kernels run as plain Python.

    Because ``ZEROCROSS_COMPILER=off`` asks for it, or because Numba is not installed.
    """
    if os.environ.get("ZEROCROSS_COMPILER", "on").lower() in {"off", "0", "no"}:
        return True
    return "numba" not in sys.modules and _numba_is_missing()


@functools.cache
def _numba_is_missing() -> bool:
    return importlib.util.find_spec("numba") is None
