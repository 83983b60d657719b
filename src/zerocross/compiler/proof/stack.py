"""How much stack compiled code takes: read from its assembly, the one place that says it.

An upper limit for each architecture. There is no recursion, so no path holds more than the frames
of all functions of the module; and every instruction that moves the stack pointer has to be one
of those below, so that nothing is taken which is not counted.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable

__all__ = ["OUTSIDE", "stack_bytes"]

#: What the C library's arithmetic, its copies and the clock may take, in bytes.
OUTSIDE = 1024

_Size = tuple[re.Pattern[str], Callable[["re.Match[str]"], int]]


@dataclasses.dataclass(frozen=True)
class _Architecture:
    """What moves the stack pointer: what takes stack and how much, what gives it back, and all.

    ``call`` is what a call takes by itself; behind ``comment`` nothing counts.
    """

    call: int
    comment: str
    takes: tuple[_Size, ...]
    gives: re.Pattern[str]
    moves: re.Pattern[str]


def _number(match: re.Match[str]) -> int:
    return int(match.group(1))


#: AT&T's order. An alignment takes what its mask clears; the pointer is a multiple of 8 before.
_X86 = _Architecture(
    call=8,
    comment="#",
    takes=(
        (re.compile(r"subq\s+\$(\d+), %rsp"), _number),
        (re.compile(r"addq\s+\$-(\d+), %rsp"), _number),
        (re.compile(r"leaq\s+-(\d+)\(%rsp\), %rsp"), _number),
        (re.compile(r"pushf?q?\b.*"), lambda _: 8),
        (re.compile(r"andq\s+\$-(\d+), %rsp"), lambda match: _number(match) - 8),
    ),
    gives=re.compile(
        r"popf?q?\b.*|addq\s+\$\d+, %rsp|subq\s+\$-\d+, %rsp"
        r"|leaq\s+\d*\(%rsp\), %rsp|leaq\s+-?\d*\(%rbp\), %rsp|movq\s+%rbp, %rsp|cmp.*|test.*"
    ),
    moves=re.compile(r".*%[re]?spl?|(?:xchg|xadd|cmpxchg).*%[re]?sp\b.*|enter.*|leave.*"),
)
#: A subtraction is in units of 4096 with a shift; a store may move the pointer first.
_ARM = _Architecture(
    call=0,
    comment="//",
    takes=(
        (re.compile(r"sub\s+(?:sp|x\d+), sp, #(\d+)"), _number),
        (
            re.compile(r"sub\s+(?:sp|x\d+), sp, #(\d+), lsl #12"),
            lambda match: _number(match) << 12,
        ),
        (re.compile(r"st\w+\s.*\[sp, #-(\d+)\]!.*"), _number),
        (
            re.compile(r"and\s+sp, x\d+, #0x([0-9a-f]+)"),
            lambda match: (1 << 64) - int(match.group(1), 16) - 16,
        ),
    ),
    gives=re.compile(
        r"add\s+sp, sp, #\d+(?:, lsl #12)?|ld\w+\s.*\[sp\], #\d+|mov\s+sp, x29|sub\s+sp, x29, #\d+"
    ),
    moves=re.compile(r"\w+\s+w?sp, .*|.*\[sp.*\]!.*|.*\[sp\], .*"),
)
_ARCHITECTURES = {"x86_64": _X86, "amd64": _X86, "aarch64": _ARM, "arm64": _ARM}


def stack_bytes(assembly: str, triple: str, functions: int, outside: bool) -> int | None:
    """Return the most stack that a module's code can take; None if nothing known limits it.

    Parameters
    ----------
    assembly : str
        Of the whole module.
    triple : str
        LLVM's name of the target.
    functions : int
        How many the module has: each has been called from somewhere.
    outside : bool
        Whether it calls functions of the C library.

    """
    here = _ARCHITECTURES.get(triple.partition("-")[0])
    if here is None:
        return None
    total = here.call * functions + (OUTSIDE if outside else 0)
    for line in assembly.splitlines():
        if line.startswith("\t"):
            size = _size_of(line, here)
            if size is None:
                return None
            total += size
    return total


def _size_of(line: str, here: _Architecture) -> int | None:
    """Return what an instruction takes; None if it moves the stack pointer some other way."""
    words = line.partition(here.comment)[0].strip()
    for pattern, size in here.takes:
        found = pattern.fullmatch(words)
        if found:
            return size(found)
    return 0 if here.gives.fullmatch(words) or not here.moves.fullmatch(words) else None
