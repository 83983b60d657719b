"""Calls that a plain call cannot make: by address, and with the callee's faults contained.

`invoke` calls an entry by its address. `attempt` calls a kernel and returns its fault status as
a number, so that no fault ever leaves a kernel as an exception.
"""

from __future__ import annotations

from typing import Any

from zerocross.compiler.callee import Callee
from zerocross.compiler.primitives.primitive import primitive

__all__ = ["INVOKER", "attempt", "invoke"]

#: The one function that calls through a pointer; only entries that say so may contain it.
INVOKER = "zerocross_invoke"


@primitive
def invoke(address: int, first: int, second: int) -> int:
    """Call an entry of two int64 arguments by its address.

    Real-time: as safe as what is called, which was proven when it was compiled. Only entries
    made with ``dispatches=True`` may contain it.
    """
    raise NotImplementedError("calls by address need the compiler")


@primitive
def attempt(kernel: Callee, *values: Any) -> int:
    """Call a kernel and return its status: 0, or the number of its fault.

    Real-time: safe. An exception raised inside the kernel ends it, is not created as an
    object, and arrives here as a number of at least 1.
    """
    try:
        kernel.function(*values)
    except Exception:  # noqa: BLE001  any fault at all is what it reports
        return 1
    return 0
