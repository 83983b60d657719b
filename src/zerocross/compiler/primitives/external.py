"""C functions that kernels may call by name, the system's clocks and its sleep among them.

`external` declares a C function; the library that has it is opened on the control thread,
which says where it is (`provide`) before code that needs it is loaded.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from zerocross.compiler import shipped
from zerocross.compiler.primitives.primitive import Primitive, primitive

__all__ = [
    "EXTERNALS",
    "FUNCTIONS",
    "PROVIDED",
    "CFunction",
    "external",
    "monotonic_ns",
    "provide",
    "sleep_us",
    "thread_number",
    "thread_time_ns",
]

#: Names of the C functions declared so far: the allow-list of the real-time check.
EXTERNALS: set[str] = set()
#: The same that `external` made.
FUNCTIONS: dict[str, CFunction] = {}

#: Where those are that `provide` was told of.
PROVIDED: dict[str, int] = {}


def provide(name: str, address: int) -> None:
    """Tell compiled code where a C function is (control thread, before the code is loaded)."""
    PROVIDED[name] = address
    library = shipped.library()
    if library:
        library.provide(name, address)


class CFunction(Primitive):
    """A C function that returns int64; made by `external`.

    Attributes
    ----------
    name : str
        The C symbol.
    arguments : str
        One letter for each argument.

    """

    def __init__(self, name: str, arguments: str, reference: Callable[..., Any]) -> None:
        super().__init__(reference)
        self.name = self.__name__ = name
        self.arguments = arguments
        self.__doc__ = f"Call the C function ``{name}``."

    @property
    def content(self) -> Any:
        return self.name, self.arguments


def external(name: str, arguments: str, reference: Callable[..., Any]) -> CFunction:
    """Declare a C function returning int64 that kernels may call.

    Parameters
    ----------
    name : str
        The C symbol. Give its address to `provide` before a kernel that uses it is loaded.
    arguments : str
        One letter for each argument: ``i`` int32, ``l`` int64 (and pointers), ``d`` double.
    reference : callable
        What to call when the compiler is off.

    """
    EXTERNALS.add(name)
    FUNCTIONS[name] = CFunction(name, arguments, reference)
    return FUNCTIONS[name]


# --- time -------------------------------------------------------------------------------


EXTERNALS |= {"clock_gettime", "QueryPerformanceCounter", "QueryPerformanceFrequency"}


@primitive
def monotonic_ns() -> int:
    """Return a monotonic time in nanoseconds.

    Real-time: safe. On Linux this is the vDSO's clock, which reads memory and the CPU's
    counter and enters the kernel only where the machine has no usable counter; it never
    waits.
    """
    return time.monotonic_ns()


@primitive
def thread_time_ns() -> int:
    """Return the processor time that the calling thread has used, in nanoseconds.

    Real-time: a system call that does not wait. On Windows it is the monotonic time.
    """
    return time.thread_time_ns()


#: The calling thread's number as the system knows it (Linux): one call that cannot wait. The
#: argument is ignored.
thread_number = external("gettid", "l", lambda _: threading.get_native_id())


EXTERNALS |= {"usleep", "Sleep"}


@primitive
def sleep_us(microseconds: int) -> int:
    """Sleep for a time in microseconds (below one second).

    Real-time: never on the audio thread; the decode thread sleeps when its ring is full.
    """
    time.sleep(microseconds / 1e6)
    return 0
