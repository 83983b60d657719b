"""Conditions of presets: what follows ``If:``, evaluated for a sample rate and a channel count.

Of Equalizer APO's expressions (muParserX): numbers, texts, ``true`` and ``false``, comparisons,
``+ - * /``, ``and or not`` (``&& ||``), brackets, and the names that are known without Windows.
Python's own parser reads them; what it would understand differently is refused.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable
from typing import Any

from zerocross.eq.presets.channels import Format
from zerocross.eq.presets.values import Unapplied

__all__ = ["condition_of"]

_LONGEST = 300
_WORDS = {"&&": " and ", "||": " or ", "true": "True", "false": "False"}
_TO_TRANSLATE = re.compile(r'"[^"]*"|&&|\|\||\btrue\b|\bfalse\b')
_COMPARE: dict[type, Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_ARITHMETIC: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def condition_of(expression: str, layout: Format) -> bool:
    """Return whether a condition holds.

    Raises
    ------
    Unapplied
        If it cannot be told: a name of the device's or of another program's, another grammar.

    """
    text = expression.strip()
    if len(text) > _LONGEST or not text.isascii():
        raise Unapplied(f"a condition beyond ASCII or {_LONGEST} characters")
    plain = _TO_TRANSLATE.sub(lambda m: _WORDS.get(m.group(), m.group()), text)
    try:
        tree = ast.parse(plain, mode="eval").body
        found = _Evaluation(plain, layout).of(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise Unapplied(f"{text[:30]!r} is not an expression that is understood") from None
    except ArithmeticError:
        raise Unapplied(f"{text[:30]!r} has no value") from None
    return found not in ("", "false", "0") if isinstance(found, str) else bool(found)


class _Evaluation:
    def __init__(self, text: str, layout: Format) -> None:
        self._text = text
        # Played is what goes to a device, after all programs are mixed.
        self._names = {
            "sampleRate": layout.sample_rate,
            "inputChannelCount": float(layout.count),
            "outputChannelCount": float(layout.count),
            "stage": "post-mix",
        }

    def of(self, node: ast.AST) -> Any:
        """Return a node's value: a bool, a float or a text; both sides are always evaluated."""
        if isinstance(node, ast.Constant) and isinstance(node.value, (bool, str)):
            return node.value
        if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
            return float(node.value)
        if isinstance(node, ast.Name):
            if node.id not in self._names:
                raise Unapplied(f"{node.id[:20]!r} is not known here")
            return self._names[node.id]
        if isinstance(node, ast.BoolOp):
            values = [self._typed(each, bool) for each in node.values]
            return all(values) if isinstance(node.op, ast.And) else any(values)
        if isinstance(node, ast.UnaryOp):
            return self._unary(node)
        if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
            sides = self._typed(node.left, float), self._typed(node.right, float)
            return _ARITHMETIC[type(node.op)](*sides)
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            return self._compared(node)
        raise ValueError

    def _typed(self, node: ast.AST, wanted: type) -> Any:
        value = self.of(node)
        if type(value) is not wanted:
            raise ValueError
        return value

    def _unary(self, node: ast.UnaryOp) -> Any:
        if isinstance(node.op, ast.USub):
            return -self._typed(node.operand, float)
        before = self._text[: node.operand.col_offset].rstrip()
        # Theirs binds tighter than a comparison, so this needs brackets around it.
        if not isinstance(node.op, ast.Not) or (
            isinstance(node.operand, ast.Compare) and not before.endswith("(")
        ):
            raise ValueError
        return not self._typed(node.operand, bool)

    def _compared(self, node: ast.Compare) -> bool:
        left, right = self.of(node.left), self.of(node.comparators[0])
        kind = type(node.ops[0])
        if type(left) is not type(right) or kind not in _COMPARE:
            raise ValueError
        if not isinstance(left, float) and kind not in (ast.Eq, ast.NotEq):
            raise ValueError
        return _COMPARE[kind](left, right)
