"""The allow-list: reads the final code of an entry point and refuses what may wait.

Because an entry is optimised as a closed world, every function that its final IR still
declares is one that it really calls. The allow-list has few of them: LLVM's own operations,
the C library's arithmetic and memory functions, and what `external` declared. Everything else (the allocator, the GIL, Python's errors) is refused, and so is any call
through a pointer.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from zerocross.compiler.primitives.call import INVOKER
from zerocross.compiler.primitives.external import EXTERNALS
from zerocross.errors import RealtimeError

__all__ = ["NEVER_WAITS", "check", "refused"]

#: External functions that a processor may call: reading the clock.
NEVER_WAITS = frozenset(["clock_gettime"])

#: Functions of the C library that neither allocate nor wait.
_ARITHMETIC = frozenset(
    [
        "memcpy",
        "memmove",
        "memset",
        "exp",
        "expf",
        "exp2",
        "exp2f",
        "log",
        "logf",
        "log2",
        "log2f",
        "log10",
        "log10f",
        "pow",
        "powf",
        "sin",
        "sinf",
        "cos",
        "cosf",
        "tan",
        "tanf",
        "sinh",
        "sinhf",
        "cosh",
        "coshf",
        "tanh",
        "tanhf",
        "asin",
        "asinf",
        "acos",
        "acosf",
        "atan",
        "atanf",
        "atan2",
        "atan2f",
        "fmod",
        "fmodf",
        "floor",
        "floorf",
        "ceil",
        "ceilf",
        "rint",
        "rintf",
        "round",
        "roundf",
        "trunc",
        "truncf",
        "fabs",
        "fabsf",
        "sqrt",
        "sqrtf",
        "cbrt",
        "cbrtf",
        "hypot",
        "hypotf",
        "fma",
        "fmaf",
        "ldexp",
        "ldexpf",
        "frexp",
        "frexpf",
    ]
)
_DECLARED = re.compile(r'^declare [^@\n]*@"?([^"(\s]+)"?\(', re.MULTILINE)
_INDIRECT = re.compile(r"^\s*(?:%\S+ = )?(?:tail |musttail )?call [^@\n]*?%[\w.]+\(", re.MULTILINE)
_INVOKER = re.compile(rf"^define [^\n]*@{INVOKER}\(.*?^}}", re.MULTILINE | re.DOTALL)
_INSTRUCTION = re.compile(r"^  \S", re.MULTILINE)


def refused(ir: str, also: Collection[str] = EXTERNALS) -> list[str]:
    """Return the functions outside the allow-list that a final module calls.

    ``also`` are allowed beside the arithmetic: for the engine's own entries what `external`
    declared, which may wait; for processors only what cannot.
    """
    return [name for name in _called(ir) if name not in _ARITHMETIC and name not in also]


def _called(ir: str) -> list[str]:
    """Return the C functions that a final module calls, LLVM's own operations left out."""
    return sorted(name for name in _DECLARED.findall(ir) if not name.startswith("llvm."))


def check(ir: str, name: str, dispatches: bool = False) -> dict[str, Any]:
    """Check the final IR of an entry point.

    Parameters
    ----------
    ir : str
        The module after optimisation.
    name : str
        The entry's name, for the message.
    dispatches : bool
        Whether it may call by address what was proven by itself, through `invoke`.

    Returns
    -------
    dict
        ``calls`` (the C functions it calls) and ``instructions``.

    Raises
    ------
    RealtimeError
        If it calls anything outside the allow-list, or through a pointer.

    """
    unknown = refused(ir)
    if unknown:
        raise RealtimeError(
            f"{name}: calls {', '.join(unknown)}, which may allocate, lock or wait; "
            "write it with scalars, preallocated arrays and other kernels"
        )
    indirect = _INDIRECT.search(_INVOKER.sub("", ir) if dispatches else ir)
    if indirect:
        raise RealtimeError(
            f"{name}: calls through a pointer ({indirect.group().strip()}); call kernels by name"
        )
    return {"calls": _called(ir), "instructions": len(_INSTRUCTION.findall(ir))}
