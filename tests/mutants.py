"""Mutants: a module's source with one small thing changed, which its tests ought to notice.

The source is read as a tree, and a change replaces the text of one node, so that comments and
line numbers stay as they are. Changed are comparisons, plus and minus, and and or, not, numbers
and booleans, defaults of arguments, results, statements (left out), and memory orders (a plain
load or store for an atomic one). Texts, annotations and formatted messages are left alone.
"""

from __future__ import annotations

import ast
import dataclasses
import difflib
import hashlib
from collections.abc import Iterator

#: Between what was and what is, in the name of a change.
ARROW = " -> "

_COMPARISONS = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
}
_ARITHMETIC = {ast.Add: ("+", "-"), ast.Sub: ("-", "+")}
_LOGIC = {ast.And: ("and", "or"), ast.Or: ("or", "and")}
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclasses.dataclass(frozen=True)
class Mutant:
    """One changed place of a module.

    ``where`` is the function that it is in, ``text`` the line as it was: with ``change`` and the
    number of the same change in the same line they name the mutant, wherever the line moves.
    """

    module: str
    where: str
    line: int
    text: str
    operator: str
    change: str
    nth: int
    original: str = dataclasses.field(repr=False)
    span: tuple[int, int, int, int] = dataclasses.field(repr=False)

    @property
    def key(self) -> str:
        parts = (self.module, self.where, self.text, self.operator, self.change, str(self.nth))
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]

    @property
    def source(self) -> str:
        """The module's source with the change (columns are counted in bytes)."""
        lines = self.original.encode().splitlines(keepends=True)
        first, start, last, end = self.span
        head = b"".join(lines[: first - 1]) + lines[first - 1][:start]
        tail = lines[last - 1][end:] + b"".join(lines[last:])
        return (head + self.change.rpartition(ARROW)[2].encode() + tail).decode()

    @property
    def diff(self) -> str:
        """The lines before and after."""
        old, new = self.original.splitlines(), self.source.splitlines()
        lines = list(difflib.unified_diff(old, new, lineterm="", n=0))[2:]
        return "\n".join(line for line in lines if not line.startswith("@@"))


def mutants_of(module: str, source: str) -> list[Mutant]:
    """Return every mutant of a module, in order of place."""
    found: list[Mutant] = []
    seen: dict[tuple[str, ...], int] = {}
    lines = source.splitlines()
    for where, node, operator, text in _changes(ast.parse(source)):
        before = " ".join(ast.unparse(node).split())
        if before == text:
            continue
        line = node.lineno
        name = (where, lines[line - 1].strip(), operator, before + ARROW + text)
        seen[name] = seen.get(name, -1) + 1
        span = (line, node.col_offset, node.end_lineno or line, node.end_col_offset or 0)
        found.append(
            Mutant(module, where, line, name[1], operator, name[3], seen[name], source, span)
        )
    return found


_Changeable = ast.stmt | ast.expr
_Change = tuple[str, _Changeable, str, str]


def _changes(tree: ast.Module) -> Iterator[_Change]:
    for where, node in _walk(tree, "module"):
        if isinstance(node, ast.stmt):
            for operator, place, text in _of_statement(node):
                yield where, place, operator, text
        elif isinstance(node, ast.expr):
            for operator, text in _of_expression(node):
                yield where, node, operator, text
        elif isinstance(node, ast.arguments):
            for default in (*node.defaults, *node.kw_defaults):
                if isinstance(default, ast.Constant):
                    yield where, default, "default", _other_constant(default)


def _walk(node: ast.AST, where: str) -> Iterator[tuple[str, ast.AST]]:
    """Walk over what may be changed, with the name of the function around it."""
    yield where, node
    if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
        where = node.name if where == "module" else f"{where}.{node.name}"
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "type_params", "bases"}:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _is_left_alone(node, name, child):
                yield from _walk(child, where)


def _is_left_alone(parent: ast.AST, field: str, child: ast.AST) -> bool:
    if isinstance(child, ast.JoinedStr | ast.Import | ast.ImportFrom):
        return True
    if isinstance(child, ast.Assign) and ast.unparse(child.targets[0]) == "__all__":
        return True
    if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
        return True
    # Defaults are changed as defaults, not once more as constants.
    return isinstance(parent, ast.arguments) and isinstance(child, ast.Constant)


def _of_statement(node: ast.stmt) -> Iterator[tuple[str, _Changeable, str]]:
    """Yield what becomes of a statement: left out, or made plain, or another result."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        call = node.value
        if ast.unparse(call.func) == "store_release" and len(call.args) == 3:
            record, name, value = call.args
            if isinstance(name, ast.Constant):
                plain = f"{ast.unparse(record)}.{name.value} = {ast.unparse(value)}"
                yield "order", node, plain
        yield "left out", node, "pass"
    elif isinstance(node, ast.Assign):
        if not isinstance(node.targets[0], ast.Name | ast.Tuple):
            yield "left out", node, "pass"
    elif isinstance(node, ast.AugAssign | ast.Raise | ast.Continue | ast.Break | ast.Assert):
        yield "left out", node, "pass"
        if isinstance(node, ast.AugAssign) and type(node.op) in _ARITHMETIC:
            _, other = _ARITHMETIC[type(node.op)]
            text = f"{ast.unparse(node.target)} {other}= {ast.unparse(node.value)}"
            yield "arithmetic", node, text
    elif isinstance(node, ast.Return) and node.value is not None:
        text = ast.unparse(node.value)
        numeric = isinstance(node.value, ast.BinOp | ast.Call | ast.Name | ast.Compare)
        if numeric and text != "0":
            yield "result", node.value, "0"
        if text != "None":
            yield "result", node.value, "None"


def _of_expression(node: ast.expr) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.Compare):
        for k, operator in enumerate(node.ops):
            parts = [ast.unparse(node.left)]
            for j, (one, right) in enumerate(zip(node.ops, node.comparators, strict=True)):
                parts += [_COMPARISONS[type(one)][j == k], _in_comparison(right)]
            parts[0] = _in_comparison(node.left)
            if type(operator) in _COMPARISONS:
                yield "comparison", " ".join(parts)
    elif isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        swapped = ast.BinOp(node.left, _opposite(node.op), node.right)
        yield "arithmetic", f"({ast.unparse(swapped)})"
    elif isinstance(node, ast.BoolOp):
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield "logic", f"({ast.unparse(ast.BoolOp(other, node.values))})"
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "logic", f"({ast.unparse(node.operand)})"
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float):
        yield "constant", _other_constant(node)
        if not isinstance(node.value, bool):
            yield "constant", f"({node.value!r} - 1)"
    elif isinstance(node, ast.Call) and ast.unparse(node.func) == "load_acquire":
        record, name = node.args
        if isinstance(name, ast.Constant):
            yield "order", f"{ast.unparse(record)}.{name.value}"


def _opposite(operator: ast.operator) -> ast.operator:
    return ast.Sub() if isinstance(operator, ast.Add) else ast.Add()


def _in_comparison(node: ast.expr) -> str:
    text = ast.unparse(node)
    return f"({text})" if isinstance(node, ast.Compare | ast.BoolOp | ast.IfExp) else text


def _other_constant(node: ast.Constant) -> str:
    value = node.value
    if isinstance(value, bool):
        return repr(not value)
    if isinstance(value, int | float):
        return f"({value!r} + 1)"
    if value is None:
        return "0"
    return repr(value + type(value)("x" if isinstance(value, str) else b"x"))
