"""What Numba could not compile, in words: the line of the user's, a reason and a cure.

The place is taken from objects: which functions were being compiled, one inside the other, and
the line that Numba was at. Its message is read only for the reason.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from typing import Any

from zerocross.compiler.proof.finding import CONTROL, FIELD, LOOP, Finding, finding_at
from zerocross.compiler.proof.may_call import is_users
from zerocross.compiler.proof.object_reader import first_line

__all__ = ["Failure", "refusal_of_numba"]

#: A function that was not compiled, and why: the innermost first.
Failure = tuple[Callable[..., Any], BaseException]

_RECURSION = ("calls itself; the depth of a recursion is not known", "write a loop")
_ARGUMENTS = ("calls a kernel with other arguments than it takes", "give as many as it names")
_REASONS = (
    (r"(atomics need an int64 field, '\w+' is \w+)", "{0}", "make it an integer"),
    ("chosen at run time", "chooses a function at run time", "call kernels by name, under if"),
    (r"runaway recursion|maximum recursion|type inference.*recurs|RecursiveCall", *_RECURSION),
    (
        r"Untyped global name '(\w+)'",
        "uses {0}, which is not a kernel",
        "decorate it with @zerocross.kernel",
    ),
    (r"NameError: name '(\w+)'", "uses {0}, which is not defined", "define it, or make it a field"),
    (r"missing a required argument|too many positional arguments|unexpected keyword", *_ARGUMENTS),
    (
        r"Cannot modify readonly array",
        "writes to the block's input, which others may read too",
        "write to block.output; what has to stay, to an array made in prepare()",
    ),
    (
        r"Unknown attribute '(\w+)' of type Module",
        "uses {0}, which its module does not have in compiled code",
        "write it with what there is, or as a @zerocross.kernel",
    ),
    (
        r"Unknown attribute '(\w+)' of type \w*Block\(",
        "uses block.{0}, which a block does not have",
        "it has input, output, frames, channels, sample_rate, position and events",
    ),
    (
        r"Unknown attribute '(\w+)' of type (?!Record|\w*[Rr]ecord)",
        "uses .{0}, which is not there in compiled code",
        "use numbers, and arrays by their elements",
    ),
    (
        r"Unknown attribute '(\w+)'|has no attribute '(\w+)'|Invalid attribute '(\w+)'|Field '?(\w+)'?",
        "uses the field {0}, which the class does not have",
        "declare it: a number with its first value in the class, an array in prepare()",
    ),
    (
        r"referenced before assignment|not defined\b|NotDefined",
        "uses a name that may have no value yet",
        "give it one first",
    ),
    (r"reflected list|list\(", "uses a list", FIELD),
    (r"unicode_type|Literal\[str\]", "uses a string", CONTROL),
    (
        r"[Cc]annot unify|Unify",
        "gives one variable two types",
        "use one type for it: 0.0 and not 0 for a float",
    ),
    (
        r"No implementation of function.*?\((\w+|<[^>]*>)\)|Invalid use of",
        "uses an operation for values that it does not exist for",
        "use numbers, and arrays by their elements",
    ),
    (r"not supported|Unsupported|unsupported", "is not supported in compiled code", LOOP),
)


def refusal_of_numba(failures: Sequence[Failure], function: Callable[..., Any]) -> Finding:
    """Return what Numba could not compile, in words, with the line.

    Parameters
    ----------
    failures : sequence of Failure
        What was being compiled when it failed, the innermost first; not empty.
    function : callable
        The user's function, for a failure in none of them.

    """
    inside = [failure for failure in failures if is_users(failure[0])]
    where, error = inside[0] if inside else (function, failures[0][1])
    line = _line_of(error, where)
    if line is None and len(inside) > 1:
        where, error = inside[1]
        line = _line_of(error, where)
    text = re.sub(r"\x1b\[[0-9;]*m", "", f"{type(error).__name__}: {error}")
    if isinstance(error, KeyError):  # Numba's answer to a field that a record does not have
        text = f"Unknown attribute {error}"
    reason, cure, name = _words(text)
    if name and (line is None or line == first_line(where)):
        line = _line_with(where, name) or line
    return finding_at(where.__code__.co_filename, line or first_line(where), reason, cure)


def _words(text: str) -> tuple[str, str, str]:
    for pattern, reason, cure in _REASONS:
        match = re.search(pattern, text)
        if match:
            name = next((group for group in match.groups() if group), "")
            return reason.format(name), cure, name
    return "cannot be compiled", "use numbers, arrays, loops and other kernels", ""


def _line_of(error: BaseException, function: Callable[..., Any]) -> int | None:
    """Return the line that Numba was at: what the error says, or what its frames held."""
    code = function.__code__
    last = code.co_firstlineno + len(_lines_of(function)) if _lines_of(function) else None
    places: list[Any] = [getattr(error, "loc", None)]
    trace = error.__traceback__
    while trace is not None:
        local = trace.tb_frame.f_locals
        places += [getattr(local.get("self"), "loc", None), local.get("loc")]
        trace = trace.tb_next
    lines = [
        place.line
        for place in places
        if getattr(place, "filename", None) == code.co_filename
        and place.line >= code.co_firstlineno
        and (last is None or place.line < last)
    ]
    inside = [line for line in lines if line > first_line(function)]
    return inside[-1] if inside and lines[0] not in inside else next(iter(inside), None)


def _lines_of(function: Callable[..., Any]) -> list[str]:
    try:
        return inspect.getsourcelines(function.__code__)[0]
    except (OSError, TypeError, IndexError, SyntaxError):
        return []


def _line_with(function: Callable[..., Any], name: str) -> int | None:
    """Return the first line of a function's body that has a name in it."""
    first = function.__code__.co_firstlineno
    word = re.compile(rf"\b{re.escape(name)}\b")
    lines = enumerate(_lines_of(function), first)
    return next((k for k, line in lines if k > first and word.search(line)), None)
