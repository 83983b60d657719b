"""The allow-list: reads the final code of an entry point and refuses what may wait.

Because an entry is optimised as a closed world, every function that its final code still
declares is one that it really calls. The allow-list has few of them, each by its name: LLVM's own
operations, the C library's memory functions, and what `external` declared.
Everything else (the allocator, the GIL, Python's errors) is refused, and so is any call through a
pointer.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from zerocross.compiler.primitives.call import INVOKER
from zerocross.compiler.primitives.external import EXTERNALS
from zerocross.compiler.proof.finding import listed
from zerocross.compiler.proof.ir import Module
from zerocross.errors import RealtimeError

__all__ = ["MEMORY", "NEVER_WAITS", "check", "pointer_calls", "refused"]

#: External functions that a processor may call: reading the clock.
NEVER_WAITS = frozenset(["clock_gettime", "QueryPerformanceCounter", "QueryPerformanceFrequency"])

#: Functions of the C library that neither allocate nor wait. Elementary functions are kernels of
#: ours (`compiler.elementary`), so none of libm's is among them.
MEMORY = frozenset(["memcpy", "memmove", "memset"])
#: Operations of LLVM by the first words of their names: arithmetic, vectors, copies, hints.
_OPERATIONS = listed(
    "abs assume bitreverse bswap ceil copysign ctlz ctpop cttz dbg donothing expect fabs floor fma "
    "fmuladd fptosi fptoui fshl fshr is lifetime invariant masked maximum maximumnum maxnum memcpy "
    "memmove memset minimum minimumnum minnum nearbyint prefetch rint round roundeven lround llround "
    "lrint llrint sadd smax smin smul sqrt sshl ssub stepvector trunc uadd ucmp scmp umax umin umul "
    "ushl usub vector"
)
#: The same of several words; and a processor's own instructions, which only the optimiser and our
#: primitives name.
_LONG_OPERATIONS = ("llvm.experimental.noalias.scope.decl", "llvm.x86.", "llvm.aarch64.")


def refused(module: Module, also: Collection[str] = EXTERNALS) -> list[str]:
    """Return the functions outside the allow-list that a final module calls.

    ``also`` are allowed beside the arithmetic: for the engine's own entries what `external`
    declared, which may wait; for processors only what cannot.
    """
    return [
        name
        for name in module.declared
        if not _is_operation(name) and name not in MEMORY and name not in also
    ]


def _is_operation(name: str) -> bool:
    llvm, _, rest = name.partition(".")
    return llvm == "llvm" and (
        rest.partition(".")[0] in _OPERATIONS or name.startswith(_LONG_OPERATIONS)
    )


def pointer_calls(module: Module, dispatches: bool = False) -> list[str]:
    """Return the functions of a module that call through a pointer.

    ``dispatches`` allows it in the one function that is there for it, through `invoke`.
    """
    return [
        name
        for name in module.defined
        if any(call.how == "pointer" for call in module.calls(name))
        and not (dispatches and name == INVOKER)
    ]


def check(module: Module, name: str, dispatches: bool = False) -> dict[str, Any]:
    """Check the final code of an entry point.

    Parameters
    ----------
    module : Module
        After optimisation.
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
    unknown = refused(module)
    if unknown:
        raise RealtimeError(
            f"{name}: calls {', '.join(unknown)}, which may allocate, lock or wait; "
            "write it with scalars, preallocated arrays and other kernels"
        )
    indirect = pointer_calls(module, dispatches)
    if indirect:
        raise RealtimeError(
            f"{name}: calls through a pointer (in {', '.join(indirect)}); call kernels by name"
        )
    calls = [called for called in module.declared if not called.startswith("llvm.")]
    return {"calls": calls, "instructions": module.count()}
