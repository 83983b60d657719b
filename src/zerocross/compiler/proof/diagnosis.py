"""The second reader: the line behind a refusal by Numba or by the real-time check.

It is told that something is wrong, and finds the line in the error's text or in code that was
compiled once more with line numbers.
"""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Callable
from typing import Any

from zerocross.compiler.proof.finding import CONTROL, FIELD, LOOP, Finding, finding_at
from zerocross.compiler.proof.forbidden import MODULES

__all__ = ["refusal_in_ir", "refusal_of_numba"]

# --- what the compiler said -----------------------------------------------------------------

_NUMBA_WORDS = (
    (
        r"Untyped global name '(\w+)'",
        "uses {0}, which is not a kernel",
        "decorate it with @zerocross.kernel",
    ),
    (r"NameError: name '(\w+)'", "uses {0}, which is not defined", "define it, or make it a field"),
    (
        r"Unknown attribute '(\w+)'|has no attribute '(\w+)'|Invalid attribute '(\w+)'|Field '?(\w+)'?",
        "uses the field {0}, which the class does not have",
        "declare it: a number with its first value in the class, an array in prepare()",
    ),
    (r"reflected list|list\(", "uses a list", FIELD),
    (r"unicode_type|Literal\[str\]", "uses a string", CONTROL),
    (
        r"Cannot unify",
        "gives one variable two types",
        "use one type for it: 0.0 and not 0 for a float",
    ),
    (r"not supported|Unsupported|unsupported", "is not supported in compiled code", LOOP),
)


def refusal_of_numba(error: Exception, function: Callable[..., Any]) -> Finding:
    """Return what Numba could not compile, in words, with the line."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    if isinstance(error, KeyError):  # Numba's answer to a field that a record does not have
        text = f"Unknown attribute {error}"
    file = function.__code__.co_filename
    lines = [int(n) for n in re.findall(rf'File "{re.escape(_short(file))}", line (\d+)', text)]
    lines += [int(n) for n in re.findall(rf"{re.escape(file)} \((\d+)\)", text)]
    location = getattr(error, "loc", None)
    if location is not None and location.filename == file:
        lines.insert(0, location.line)
    inside = [n for n in lines if n > function.__code__.co_firstlineno]
    line = inside[0] if inside else function.__code__.co_firstlineno
    if isinstance(error, KeyError):
        line = _line_with(function, str(error.args[0])) or line
    for pattern, reason, cure in _NUMBA_WORDS:
        match = re.search(pattern, text)
        if match:
            name = next((group for group in match.groups() if group), "")
            if name and not inside:
                line = _line_with(function, name) or line
            return finding_at(file, line, reason.format(name), cure)
    said = next((part for part in text.splitlines() if part.strip()), type(error).__name__)
    return finding_at(file, line, f"cannot be compiled ({said.strip()})", LOOP)


def _line_with(function: Callable[..., Any], name: str) -> int | None:
    """Return the first line of a function's body that has a name in it."""
    try:
        lines, first = inspect.getsourcelines(function)
    except (OSError, TypeError):
        return None
    word = re.compile(rf"\b{re.escape(name)}\b")
    return next((first + k for k, line in enumerate(lines) if k and word.search(line)), None)


def _short(file: str) -> str:
    try:
        relative = os.path.relpath(file)
    except ValueError:
        return file
    return relative if not relative.startswith("..") else file


# --- what the real-time check said ----------------------------------------------------------

_DEFINED = re.compile(r'^define [^\n]*?@("[^"]+"|[^\s(]+)\(.*?\n}\n', re.MULTILINE | re.DOTALL)
_CALLED = re.compile(
    r'(?:call|invoke) [^\n]*?@("[^"]+"|[^\s(]+)\([^\n]*?(?:!dbg !(\d+))?$', re.MULTILINE
)
_RAISES = re.compile(r"^\s*ret i32 1\b[^\n]*?(?:!dbg !(\d+))?$", re.MULTILINE)
_LOCATION = re.compile(r"^!(\d+) = !DILocation\([^\n]*?line: (\d+)", re.MULTILINE)

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
    ir: str, function: Callable[..., Any], symbol: str, refused: list[str]
) -> Finding:
    """Return the line of a function that leads to something refused.

    Parameters
    ----------
    ir : str
        The whole module with line numbers, before any optimisation.
    function : callable
        The user's function.
    symbol : str
        The name of its native function in the module.
    refused : list of str
        What it must not call; empty if it may raise.

    """
    numbers = _lines_towards(ir, symbol, set(refused))
    file, first = function.__code__.co_filename, function.__code__.co_firstlineno
    line = min((n for n in numbers if n > first), default=first)
    return finding_at(file, line, *_words_for(refused))


def _lines_towards(ir: str, symbol: str, refused: set[str]) -> list[int]:
    """Return the lines of a function whose calls lead to what is refused, or to a raise."""
    bodies = {m.group(1).strip('"'): m.group() for m in _DEFINED.finditer(ir)}
    calls = {
        name: [(callee.strip('"'), where) for callee, where in _CALLED.findall(body)]
        for name, body in bodies.items()
    }
    bad = refused or {n for n, body in bodies.items() if _RAISES.search(body) and n != symbol}
    while True:
        more = {n for n, found in calls.items() if any(c in bad for c, _ in found)} - bad
        if not more:
            break
        bad = bad | more
    lines = dict(_LOCATION.findall(ir))
    numbers = [int(lines[w]) for c, w in calls.get(symbol, []) if c in bad and w in lines]
    if not refused and not numbers:
        numbers = [int(lines[w]) for w in _RAISES.findall(bodies.get(symbol, "")) if w in lines]
    return numbers


def _words_for(refused: list[str]) -> tuple[str, str]:
    """Return the reason and the cure for calls that are refused; for none, a raise."""
    if not refused:
        return "may raise an exception", "make the sizes fit, and test with if"
    for names, reason, cure in _REFUSED_WORDS:
        if any(part in call for call in refused for part in names):
            return reason, cure
    return f"calls {', '.join(refused)}, which may allocate, lock or wait", LOOP
