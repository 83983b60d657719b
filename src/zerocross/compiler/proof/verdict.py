"""The real-time proof of a user's function: read from the very code that will run.

After the whole module was optimised as a closed world, the proof is what can be read off it:

- it cannot raise: the entry returns the constant 0 on every path;
- it cannot allocate, lock or wait: every call is on the allow-list (`proof.allow_list`);
- no call goes through a pointer, and no function calls itself, directly or round about;
- its stack is of a fixed size, which is reported.

That it cannot raise is proven in two steps, because scratch memory may run out: a fault that is
allowed, since it is contained while playing, but which stands in the code as any other.

1. The entry as it will run. If it returns only 0, it takes no scratch memory, or less than there
   surely is: done.
2. Else its *twin*: the same function, compiled with an infallible allocator in the place of the
   arena. Whatever the twin can still return is a fault of the function itself: it is refused.

The twin is never run. What fails is told with the user's file and line, by `proof.diagnosis`.
"""

from __future__ import annotations

import dataclasses
import re
import warnings
from collections.abc import Callable
from typing import Any

from zerocross.compiler import target
from zerocross.compiler.entry import Entry
from zerocross.compiler.kernel import Kernel
from zerocross.compiler.primitives.call import INVOKER
from zerocross.compiler.proof import allow_list
from zerocross.compiler.proof.diagnosis import refusal_in_ir, refusal_of_numba
from zerocross.compiler.proof.finding import Finding, finding_of_whole
from zerocross.compiler.proof.source_reader import find_in_source, loops_to_warn_of
from zerocross.errors import CompileError, RealtimeError

__all__ = ["MOST_STACK", "Verdict", "prove"]

#: The most stack that an entry may use, in bytes: an audio thread has 64 KiB at least.
MOST_STACK = 32_768


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What the proof found.

    Attributes
    ----------
    name : str
        Of the function.
    file : str
    line : int
        Where it begins.
    calls : tuple of str
        C functions that it calls, all of them allowed.
    instructions : int
        Of the module, in LLVM's terms.
    stack_bytes : int
        The most that it uses.
    warnings : tuple of str
        Loops whose length depends on data.

    """

    name: str
    file: str
    line: int
    calls: tuple[str, ...]
    instructions: int
    stack_bytes: int
    warnings: tuple[str, ...]


def prove(made: Entry, written: Kernel[Any], make_twin: Callable[[], Entry]) -> Verdict:
    """Compile an entry, prove it, and load it.

    Parameters
    ----------
    made : Entry
        The entry as it will run; its code calls the user's function.
    written : Kernel
        The user's function itself, as a kernel.
    make_twin : callable
        Returns the same entry with an infallible allocator, for the second step.

    Raises
    ------
    RealtimeError
        If it may raise, allocate, lock, wait or recurse, with the file, the line, the
        expression, the reason and the cure.
    CompileError
        If it cannot be compiled.

    """
    function, chosen = written.function, target.active()
    known = made.proven(chosen)
    if known is not None:
        return _verdict(function, known)
    finding = find_in_source(function)
    if finding:
        raise RealtimeError(str(finding), finding)
    emitted = _emit(made, function, chosen)
    refused = allow_list.refused(emitted.ir, allow_list.NEVER_WAITS)
    refused += [INVOKER] if f"@{INVOKER}(" in emitted.ir else []
    if refused or not (made.checked or _cannot_raise(emitted.ir, made, make_twin, chosen)):
        finding = _find_line(make_twin(), written, refused)
        raise RealtimeError(str(finding), finding)
    facts = allow_list.check(emitted.ir, made.name)
    _check_recursion(emitted.ir, function)
    facts["stack_bytes"] = _stack_bytes(emitted.assembly, function)
    facts["proven"] = True
    made.adopt(emitted, facts, chosen)
    return _verdict(function, facts)


def _emit(made: Entry, function: Callable[..., Any], chosen: target.Target) -> target.Emitted:
    """Compile the entry; what Numba refuses is told in words, with the user's line."""
    try:
        return made.emit(chosen)
    except CompileError:
        raise
    except Exception as error:  # Numba has many; all mean that it cannot be compiled
        if not (type(error).__module__.startswith("numba") or isinstance(error, KeyError)):
            raise
        finding = refusal_of_numba(error, function)
        raise RealtimeError(str(finding), finding) from None


def _verdict(function: Callable[..., Any], facts: dict[str, Any]) -> Verdict:
    """Return what was found, with the function's present place."""
    code = function.__code__
    return Verdict(
        function.__qualname__,
        code.co_filename,
        code.co_firstlineno,
        tuple(facts["calls"]),
        facts["instructions"],
        facts["stack_bytes"],
        tuple(map(str, loops_to_warn_of(function))),
    )


def _find_line(twin: Entry, written: Kernel[Any], refused: list[str]) -> Finding:
    """Compile once more with line numbers, and look for the line that leads there.

    The twin, because running out of scratch memory is not what it was refused for.
    """
    from zerocross.compiler import frontend

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Numba has no source of what it makes itself
        ir, _, _ = frontend.portable_ir(twin.kernel, list(twin.argument_types), "lines")
    symbols = frontend.symbols_of(written, "lines")
    return refusal_in_ir(ir, written.function, symbols[-1] if symbols else "", refused)


def _cannot_raise(
    ir: str, made: Entry, make_twin: Callable[[], Entry], chosen: target.Target
) -> bool:
    """Return whether nothing but scratch memory can run out; see the two steps above."""
    if _returns_zero_only(ir, made.name):
        return True
    twin = make_twin()
    return _returns_zero_only(twin.emit(chosen).ir, twin.name)


def _returns_zero_only(ir: str, name: str) -> bool:
    body = re.search(rf"^define [^\n]*@{re.escape(name)}\(.*?^}}", ir, re.MULTILINE | re.DOTALL)
    returned = re.findall(r"^\s*ret i64 (\S+)", body.group(), re.MULTILINE) if body else []
    return bool(returned) and set(returned) == {"0"}


_FUNCTION = re.compile(r'^define [^\n]*?@("[^"]+"|[^\s(]+)\((.*?)^}', re.MULTILINE | re.DOTALL)


def _check_recursion(ir: str, function: Callable[..., Any]) -> None:
    """Refuse a module in which a function can come back to itself."""
    calls = {
        match.group(1).strip('"'): {
            callee.strip('"') for callee in re.findall(r'@("[^"]+"|[^\s(,)]+)\(', match.group(2))
        }
        for match in _FUNCTION.finditer(ir)
    }
    for start, direct in calls.items():
        seen: set[str] = set()
        waiting = set(direct)
        while waiting:
            name = waiting.pop()
            if name == start:
                finding = finding_of_whole(
                    function, "calls itself, directly or through others", "write a loop"
                )
                raise RealtimeError(str(finding), finding)
            if name not in seen:
                seen.add(name)
                waiting |= calls.get(name, set())


#: What takes stack: on x86-64 a subtraction and pushes; on AArch64 a subtraction (in units of 4096
#: with a shift), and a store that moves the stack pointer first.
_X86_FRAME = re.compile(r"\bsubq?\s+\$(\d+), %rsp")
_X86_PUSH = re.compile(r"\bpushq?\s")
_ARM_FRAME = re.compile(r"\bsub\s+sp, sp, #(\d+)(, lsl #12)?")
_ARM_PUSH = re.compile(r"\[sp, #-(\d+)\]!")


def _stack_bytes(assembly: str, function: Callable[..., Any]) -> int:
    """Return an upper limit of the stack: the frames of all functions of the module.

    There is no recursion, so no path holds more than all of them.
    """
    frames = sum(int(n) for n in _X86_FRAME.findall(assembly))
    frames += 8 * len(_X86_PUSH.findall(assembly))
    frames += sum(int(n) << (12 if shift else 0) for n, shift in _ARM_FRAME.findall(assembly))
    frames += sum(int(n) for n in _ARM_PUSH.findall(assembly))
    if frames > MOST_STACK:
        finding = finding_of_whole(
            function,
            f"needs {frames} bytes of stack, more than {MOST_STACK}",
            "make large arrays in prepare(), or use block.scratch(n)",
        )
        raise RealtimeError(str(finding), finding)
    return frames
