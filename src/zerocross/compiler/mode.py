"""Compilation modes: which code is made of a kernel, and whether there is a compiler at all.

host
    Called from Python by Numba's own dispatcher, optimised by Numba.
portable
    Unoptimised LLVM IR, the starting point from which `compiler.entry` makes machine code
    for any target.
portable256, portable128
    The same for targets whose vector registers are no wider: what a kernel's vectors are that are
    as wide as the registers (`f32_native`).
scalar
    The same with explicit vectors split into single lanes: the `scalar` level.
lines
    Portable with line numbers, to find what a refusal is about.
checked
    Portable with every index checked: a fault where it would be out of range.

The mode is a context variable: kernels found inside a kernel are compiled in the same mode as
the kernel that calls them.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal

from zerocross.errors import CompileError

__all__ = [
    "BY_WIDTH",
    "NUMBA",
    "CompilationMode",
    "check_numba",
    "compiler_off",
    "compiling_as",
    "current_mode",
    "register_bits",
    "require_compiler",
]

#: The first version of Numba that compiles our kernels, and the first that was not tried.
NUMBA = (0, 63), (0, 69)

CompilationMode = Literal[
    "host", "portable", "portable256", "portable128", "scalar", "lines", "checked"
]
#: By how wide vector registers are. What does not depend on that is made in the first mode for all.
BY_WIDTH: dict[int, CompilationMode] = {512: "portable", 256: "portable256", 128: "portable128"}
_REGISTER_BITS = {mode: bits for bits, mode in BY_WIDTH.items()} | {"scalar": 128}

current_mode: ContextVar[CompilationMode] = ContextVar("current_mode", default="host")


@contextmanager
def compiling_as(mode: CompilationMode) -> Iterator[None]:
    """Compile kernels in the given mode inside the ``with`` block."""
    token = current_mode.set(mode)
    try:
        yield
    finally:
        current_mode.reset(token)


def register_bits() -> int:
    """Return how wide a vector register is in the current mode; the widest there are in others."""
    return _REGISTER_BITS.get(current_mode.get(), 512)


def compiler_off() -> bool:
    """Return whether kernels run as plain Python.

    Because ``ZEROCROSS_COMPILER=off`` asks for it, or because Numba is not installed.
    """
    if os.environ.get("ZEROCROSS_COMPILER", "on").lower() in {"off", "0", "no"}:
        return True
    return "numba" not in sys.modules and _numba_is_missing()


def require_compiler(what: str) -> None:
    """Complain where something needs machine code and there is none.

    Raises
    ------
    CompileError
        If `compiler_off`; says how to turn it on.

    """
    if compiler_off():
        cure = "install numba"
        if "numba" in sys.modules or not _numba_is_missing():
            cure = "ZEROCROSS_COMPILER=off turns it off: unset that"
        raise CompileError(f"{what} needs the compiler; {cure}")


@functools.cache
def check_numba() -> None:
    """Complain of a Numba that is too old or too new, before it fails in a way of its own.

    Raises
    ------
    CompileError
        With the versions that fit.

    """
    from importlib.metadata import version

    found = version("numba")
    numbers = tuple(int(part) for part in re.findall(r"\d+", found)[:2])
    first, end = NUMBA
    if not first <= numbers < end:
        low, high = (".".join(map(str, each)) for each in NUMBA)
        raise CompileError(
            f"numba {found} does not fit: kernels are compiled by {low} and later, below {high}; "
            f"pip install 'numba>={low},<{high}'"
        )


@functools.cache
def _numba_is_missing() -> bool:
    return importlib.util.find_spec("numba") is None
