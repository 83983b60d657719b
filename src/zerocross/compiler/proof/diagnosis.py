"""The second reader: the line behind a refusal by the real-time check.

It is told that something is wrong, and finds the line in code that was compiled once more with
line numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from zerocross.compiler.proof.finding import CONTROL, LOOP, Finding, finding_at
from zerocross.compiler.proof.forbidden import MODULES
from zerocross.compiler.proof.ir import Module, reaching

__all__ = ["refusal_in_ir"]

_REFUSED_WORDS = (
    (
        ("NRT_Allocate", "NRT_MemInfo", "NRT_allocate", "malloc", "calloc"),
        "allocates (an array expression or an object)",
        "write a loop, or use block.scratch(n)",
    ),
    (("PyGILState", "numba_gil", "Py_"), "calls the interpreter", CONTROL),
    (("get_np_random", "get_py_random", "numba_rnd"), *MODULES["random"]),
    (("numba_xgemm", "numba_xdot", "numba_xgemv"), "calls a matrix library", LOOP),
)


def refusal_in_ir(
    ir: str,
    function: Callable[..., Any],
    functions: Mapping[str, Callable[..., Any]],
    refused: list[str],
) -> Finding:
    """Return the line of a user's function that leads to something refused.

    Parameters
    ----------
    ir : str
        The whole module with line numbers, before any optimisation.
    function : callable
        The user's function that the module is about.
    functions : mapping
        The user's functions in it by their symbols, it and the kernels that it calls.
    refused : list of str
        What it must not call; empty if it may raise.

    """
    module = Module(ir)
    bad = reaching(module, refused or _raising(module))
    start = next((symbol for symbol, one in functions.items() if one is function), "")
    seen: set[str] = set()
    line = 0
    while start not in seen:
        seen.add(start)
        function = functions.get(start, function)
        lines = _lines_towards(module, start, bad, raises=not refused)
        inside = [(n, name) for n, name in lines if n > function.__code__.co_firstlineno]
        line, inner = min(inside, default=(0, ""))
        start = next((s for s in _towards(module, inner, bad) if s in functions), start)
    first = function.__code__.co_firstlineno
    return finding_at(function.__code__.co_filename, line or first, *_words_for(refused))


def _raising(module: Module) -> set[str]:
    """Return the functions that return the status of an exception by themselves."""
    return {name for name in module.defined if any(value == 1 for value, _ in module.returns(name))}


def _lines_towards(
    module: Module, symbol: str, bad: set[str], raises: bool
) -> list[tuple[int, str]]:
    """Return the lines of a function's calls that lead to what is refused, or to a raise."""
    found = [(call.line or 0, call.name) for call in module.calls(symbol) if call.name in bad]
    if raises and not any(line for line, _ in found):
        found = [(line or 0, "") for value, line in module.returns(symbol) if value == 1]
    return [(line, name) for line, name in found if line]


def _towards(module: Module, symbol: str, bad: set[str]) -> list[str]:
    """Return the functions on the way from one to what is refused, that one first."""
    found = [symbol] if symbol else []
    for name in found:
        more = (call.name for call in module.calls(name) if call.name in bad)
        found += [callee for callee in more if callee not in found]
    return found


def _words_for(refused: list[str]) -> tuple[str, str]:
    """Return the reason and the cure for calls that are refused; for none, a raise."""
    if not refused:
        return "may raise an exception", "make the sizes fit, and test with if"
    for names, reason, cure in _REFUSED_WORDS:
        if any(part in call for call in refused for part in names):
            return reason, cure
    return f"calls {', '.join(refused)}, which may allocate, lock or wait", LOOP
