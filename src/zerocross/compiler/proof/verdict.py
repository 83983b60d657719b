"""The real-time proof of a user's function: read from objects, not from how they are written.

Before anything is optimised, each of the user's own functions (all that is not ours) is looked at
by itself: by `object_reader` as Python has it, by `source_reader` for the best words, and as Numba
typed it by `typed_reader`, which decides: with or without source, what a function calls, reads
and writes has to be on the lists of `may_call`. In LLVM's module it calls functions by name only.

After the whole module was optimised as a closed world, the proof is what can be read off it:

- it cannot raise: the entry returns the constant 0 on every path;
- it cannot allocate, lock or wait: every call is on the allow-list (`proof.allow_list`);
- no call goes through a pointer, and no function calls itself, directly or round about;
- its stack is of a fixed size, which is reported.

That it cannot raise is proven in two steps, because scratch memory may run out: a fault that is
allowed, since it is contained while playing, but which stands in the code as any other.

1. The entry as it will run. If it returns only 0, it takes no scratch memory, or less than there
   surely is: done.
2. Else its *twin*: the same module, before it was optimised, with an arena that never fails.
   Whatever the twin can still return is a fault of the function itself: it is refused.

The twin is never run. What fails is told with the user's file and line, by `proof.diagnosis`, from
the function compiled with an infallible allocator in the place of the arena.
"""

from __future__ import annotations

import dataclasses
import functools
import warnings
from collections.abc import Callable, Collection
from typing import Any

from zerocross.compiler import ir_passes, target
from zerocross.compiler.entry import Entry, tell
from zerocross.compiler.kernel import Kernel
from zerocross.compiler.mode import CompilationMode
from zerocross.compiler.primitives.call import INVOKER
from zerocross.compiler.proof import allow_list
from zerocross.compiler.proof.diagnosis import refusal_in_ir
from zerocross.compiler.proof.finding import Finding, finding_of_whole
from zerocross.compiler.proof.ir import Module
from zerocross.compiler.proof.object_reader import find_in_objects, find_unset
from zerocross.compiler.proof.source_reader import find_in_source, loops_to_warn_of
from zerocross.compiler.proof.stack import stack_bytes
from zerocross.errors import CompileError, RealtimeError

__all__ = ["MOST_STACK", "Verdict", "examine", "prove"]

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


def prove(
    made: Entry,
    written: Kernel[Any],
    make_twin: Callable[[], Entry],
    may_fail: Collection[Kernel[Any]] = (),
) -> Verdict:
    """Compile an entry, prove it, and load it.

    Parameters
    ----------
    made : Entry
        The entry as it will run; its code calls the user's function.
    written : Kernel
        The user's function itself, as a kernel.
    make_twin : callable
        Returns the same entry with an infallible allocator, to find the line of what fails.
    may_fail : collection of Kernel
        The arena's own, whose faults are allowed: for the second step.

    Raises
    ------
    RealtimeError
        If it may raise, allocate, lock, wait or recurse, with the file, the line, the
        expression, the reason and the cure.
    CompileError
        If it cannot be compiled.

    """
    function = written.function
    _refuse(find_unset(function))  # what has no value has no key
    known = made.proven()
    if known is not None:
        return _verdict(function, known)
    chosen = target.active()
    tell(made.name)
    emitted, facts = examine(made, written, make_twin, may_fail, chosen)
    made.adopt(emitted, facts, chosen)
    return _verdict(function, facts)


def examine(
    made: Entry,
    written: Kernel[Any],
    make_twin: Callable[[], Entry],
    may_fail: Collection[Kernel[Any]],
    chosen: target.Target,
) -> tuple[target.Emitted, dict[str, Any]]:
    """Compile an entry for a target and prove it, as `prove`; returns the code and what was found."""
    function = written.function
    _refuse(find_in_source(function) or find_in_objects(function))
    try:
        twin = _Twin(made, may_fail)
        emitted = made.emit(chosen, functools.partial(_check_before_inlining, twin, function))
        module = Module(emitted.ir)
        refused = allow_list.refused(module, allow_list.NEVER_WAITS)
        refused += [INVOKER] if INVOKER in module.defined else []
        if refused or not (made.checked or _cannot_raise(module, twin, chosen)):
            _refuse(_find_line(make_twin(), function, refused))
    except RealtimeError:
        raise
    except CompileError as error:
        raise RealtimeError(str(error), error.finding) from None
    facts = allow_list.check(module, made.name)
    _check_circles(module, function)
    facts["stack_bytes"] = _stack_bytes(emitted.assembly, module, chosen, function)
    facts["proven"] = True
    return emitted, facts


def _refuse(finding: Finding | None) -> None:
    if finding:
        raise RealtimeError(str(finding), finding)


@dataclasses.dataclass
class _Twin:
    """An entry's module before anything is optimised, for the second step."""

    entry: Entry
    may_fail: Collection[Kernel[Any]]
    ir: str = ""
    symbols: Collection[str] = ()

    def optimised(self, chosen: target.Target) -> Module:
        """Return what the entry can do if the arena never fails."""
        ir = ir_passes.never_failing(self.ir, self.symbols)
        return Module(target.optimise(self.entry.closed(ir, chosen), chosen))


def _check_before_inlining(
    twin: _Twin, function: Callable[..., Any], ir: str, mode: CompilationMode
) -> None:
    """Refuse what the user's own functions may not do, while they still are functions."""
    from zerocross.compiler.proof import typed_reader

    made = twin.entry
    users = typed_reader.users_functions(made.kernel, list(made.argument_types), mode)
    twin.ir, twin.symbols = ir, typed_reader.symbols_of(twin.may_fail)
    for one in users:
        _refuse(typed_reader.finding_in(one))
    module = Module(ir)
    for one in users:
        for call in module.calls(one.symbol):
            if call.how != "name":
                _refuse(finding_of_whole(one.function, *_HOW[call.how]))
    strangers = typed_reader.strangers(module.defined, users)
    if strangers:
        reason = f"calls what another package added to Numba ({strangers[0]})"
        _refuse(finding_of_whole(function, reason, "write a @zerocross.kernel"))


#: What a user's function may not do even where the optimiser would remove it.
_HOW = {
    "pointer": ("calls through a pointer", "call kernels by name"),
    "assembly": ("has machine code of its own", "write it in Python"),
}


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


def _find_line(twin: Entry, function: Callable[..., Any], refused: list[str]) -> Finding:
    """Compile once more with line numbers, and look for the line that leads there.

    The twin, because running out of scratch memory is not what it was refused for.
    """
    from zerocross.compiler import frontend
    from zerocross.compiler.proof import typed_reader

    arguments = list(twin.argument_types)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Numba has no source of what it makes itself
        ir, _, _ = frontend.portable_ir(twin.kernel, arguments, "lines")
    users = typed_reader.users_functions(twin.kernel, arguments, "lines")
    return refusal_in_ir(ir, function, {one.symbol: one.function for one in users}, refused)


def _cannot_raise(module: Module, twin: _Twin, chosen: target.Target) -> bool:
    """Return whether nothing but scratch memory can run out; see the two steps above."""
    name = twin.entry.name
    if _returns_zero_only(module, name):
        return True
    return bool(twin.symbols) and _returns_zero_only(twin.optimised(chosen), name)


def _returns_zero_only(module: Module, name: str) -> bool:
    returned = {value for value, _ in module.returns(name)}
    return returned == {0}


def _check_circles(module: Module, function: Callable[..., Any]) -> None:
    """Refuse a module in which a function can come back to itself."""
    if module.circle():
        _refuse(
            finding_of_whole(function, "calls itself, directly or through others", "write a loop")
        )


def _stack_bytes(
    assembly: str, module: Module, chosen: target.Target, function: Callable[..., Any]
) -> int:
    """Return an upper limit of the stack; refuse what has none, or more than an audio thread."""
    outside = any(not name.startswith("llvm.") for name in module.declared)
    most = stack_bytes(assembly, chosen.triple, len(module.defined), outside)
    if most is None:
        reason = "needs stack of a size that depends on data"
    elif most > MOST_STACK:
        reason = f"needs {most} bytes of stack, more than {MOST_STACK}"
    else:
        return most
    cure = "make large arrays in prepare(), or use block.scratch(n)"
    finding = finding_of_whole(function, reason, cure)
    raise RealtimeError(str(finding), finding)
