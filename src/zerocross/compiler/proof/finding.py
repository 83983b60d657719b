"""What stands against a function, in words: the finding, and the cures that are offered often."""

from __future__ import annotations

import dataclasses
import linecache
from collections.abc import Callable
from typing import Any

__all__ = ["CONTROL", "FIELD", "LOOP", "Finding", "finding_at", "finding_of_whole", "listed"]

LOOP = "write a loop over frames, or make the array in prepare()"
FIELD = "keep numbers in fields of the class, and arrays made in prepare()"
CONTROL = "do it in Python, outside process(); set a parameter or a field from there"


@dataclasses.dataclass(frozen=True)
class Finding:
    """What stands against a function.

    Attributes
    ----------
    file : str
        Of the function.
    line : int
        In that file.
    expression : str
        The source at that line; empty where there is none.
    reason, cure : str
        What is wrong and what to do.

    """

    file: str
    line: int
    expression: str
    reason: str
    cure: str

    def __str__(self) -> str:
        shown = f" `{self.expression}`" if self.expression else ""
        return f"{self.file}:{self.line}:{shown} {self.reason}; {self.cure}"


def finding_at(file: str, line: int, reason: str, cure: str) -> Finding:
    """Return a finding about a line of a file, with its source."""
    return Finding(file, line, linecache.getline(file, line).strip()[:80], reason, cure)


def finding_of_whole(function: Callable[..., Any], reason: str, cure: str) -> Finding:
    """Return a finding about a function as a whole, with its first line."""
    code = function.__code__
    return Finding(code.co_filename, code.co_firstlineno, function.__name__, reason, cure)


def listed(names: str) -> frozenset[str]:
    """Return names that are written one after the other."""
    return frozenset(names.split())
