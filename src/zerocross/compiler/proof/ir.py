"""LLVM's modules as objects: functions, calls and what they return, for the proof to judge.

LLVM parses a module and llvmlite gives its functions, blocks, instructions and operands, so that
no judgement depends on how any of them is printed. Text is read only where llvmlite has no object:
for the lines that a diagnosis shows.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Iterator
from typing import Any

from zerocross.compiler import target

__all__ = ["Call", "Module", "reaching"]

_CALLS = frozenset(["call", "invoke", "callbr"])
_LOCATION = re.compile(r"^!(\d+) = (?:distinct )?!DILocation\(line: (\d+)", re.MULTILINE)
_AT = re.compile(r"!dbg !(\d+)")
_BODY = re.compile(
    r'^define [^\n]*?@("[^"]+"|[^\s(]+)\([^\n]*\{\n(.*?)^\}', re.MULTILINE | re.DOTALL
)
_OPCODE = re.compile(r"\s+(?:%\S+ = )?(?:tail |musttail |notail )?(\w+)")


@dataclasses.dataclass(frozen=True)
class Call:
    """A call in a function.

    Attributes
    ----------
    how : str
        ``name``: of a function by its name; ``pointer``: of an address; ``assembly``: machine code.
    name : str
        Of what is called; empty unless it is called by name.
    line : int or None
        That it was compiled from, where that is told.

    """

    how: str
    name: str
    line: int | None


class Module:
    """A module that LLVM parsed.

    Parameters
    ----------
    text : str
        LLVM IR.

    """

    def __init__(self, text: str) -> None:
        self._module = target.llvm().parse_assembly(text)
        self._functions = {f.name: f for f in self._module.functions}
        self._calls: dict[str, list[Call]] = {}
        self._instructions: dict[str, list[tuple[str, Any]]] = {}
        self._has_lines = "!DILocation(" in text
        self._lines: dict[str, int] = {}
        self._bodies: dict[str, str] | None = None

    @property
    def defined(self) -> list[str]:
        """The names of the functions that have a body."""
        return [name for name, f in self._functions.items() if not f.is_declaration]

    @property
    def declared(self) -> list[str]:
        """The names of the functions that something outside has, sorted."""
        return sorted(name for name, f in self._functions.items() if f.is_declaration)

    def instructions(self, name: str) -> list[tuple[str, Any]]:
        """Return a function's instructions by their words, in order; none of one not there."""
        if name not in self._instructions:
            blocks = self._functions[name].blocks if name in self._functions else ()
            found = [(i.opcode, i) for block in blocks for i in block.instructions]
            self._instructions[name] = found
        return self._instructions[name]

    def calls(self, name: str) -> list[Call]:
        """Return a function's calls, in order."""
        if name not in self._calls:
            called = [i for opcode, i in self.instructions(name) if opcode in _CALLS]
            lines = self._lines_of(name, _CALLS, len(called))
            self._calls[name] = [_call_of(*pair) for pair in zip(called, lines, strict=True)]
        return self._calls[name]

    def returns(self, name: str) -> list[tuple[int | None, int | None]]:
        """Return each way out of a function: the constant that it returns, or None; its line."""
        found = []
        for opcode, instruction in self.instructions(name):
            if opcode == "ret":
                values = [v for v in instruction.operands if v.value_kind.name == "constant_int"]
                found.append(values[0].get_constant_value() if values else None)
        return list(zip(found, self._lines_of(name, {"ret"}, len(found)), strict=True))

    def count(self) -> int:
        """Return how many instructions the module has."""
        return sum(len(self.instructions(name)) for name in self.defined)

    def _lines_of(self, name: str, opcodes: Collection[str], count: int) -> list[int | None]:
        """Return the lines that a function's instructions of some kinds were compiled from.

        llvmlite has no object for it: it is read off the text that LLVM prints, by their order.
        """
        if not self._has_lines:
            return [None] * count
        if self._bodies is None:
            whole = str(self._module)
            self._lines = {number: int(line) for number, line in _LOCATION.findall(whole)}
            self._bodies = {m.group(1).strip('"'): m.group(2) for m in _BODY.finditer(whole)}
        found: list[int | None] = []
        for line in self._bodies.get(name, "").splitlines():
            opcode = _OPCODE.match(line)
            if opcode and opcode.group(1) in opcodes:
                at = _AT.search(line)
                found.append(self._lines.get(at.group(1)) if at else None)
        return found if len(found) == count else [None] * count

    def circle(self) -> list[str]:
        """Return functions that call each other in a circle, the first again last; or nothing."""
        done: set[str] = set()
        for start in self.defined:
            found = self._circle_from(start, done)
            if found:
                return found
        return []

    def _circle_from(self, start: str, done: set[str]) -> list[str]:
        path: list[str] = []
        waiting: list[tuple[str, Iterator[Call]]] = []

        def enter(name: str) -> None:
            path.append(name)
            waiting.append((name, iter(self.calls(name))))

        if start not in done:
            enter(start)
        while waiting:
            name, calls = waiting[-1]
            for call in calls:
                if call.name in path:
                    return [*path[path.index(call.name) :], call.name]
                if call.name and call.name not in done:
                    enter(call.name)
                    break
            else:
                waiting.pop()
                path.pop()
                done.add(name)
        return []


def _call_of(instruction: Any, line: int | None) -> Call:
    called = list(instruction.operands)[-1]
    kind = called.value_kind.name
    if kind == "function":
        return Call("name", called.name, line)
    return Call("assembly" if kind == "inline_asm" else "pointer", "", line)


def reaching(module: Module, wanted: Collection[str]) -> set[str]:
    """Return the functions that call one of those wanted, directly or through others, and these."""
    found = set(wanted)
    while True:
        more = {
            name
            for name in module.defined
            if name not in found and any(call.name in found for call in module.calls(name))
        }
        if not more:
            return found
        found |= more
