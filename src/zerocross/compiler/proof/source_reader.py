"""The first reader: finds in a function's source what never works, which gives the best words."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

from zerocross.compiler.proof.finding import CONTROL, FIELD, LOOP, Finding
from zerocross.compiler.proof.forbidden import (
    ARRAY_MAKERS,
    BUILTINS,
    MODULES,
    NODES,
    OBJECT_METHODS,
)

__all__ = ["find_in_source", "loops_to_warn_of"]


def _source_tree(function: Callable[..., Any]) -> ast.FunctionDef | None:
    """Return the function's syntax tree with the file's line numbers; None without source."""
    try:
        lines, first = inspect.getsourcelines(function)
    except (OSError, TypeError):
        return None
    try:
        tree = ast.parse(textwrap.dedent("".join(lines)))
    except SyntaxError:
        return None
    ast.increment_lineno(tree, first - 1)
    found = tree.body[0]
    return found if isinstance(found, ast.FunctionDef) else None


def _finding(function: Callable[..., Any], node: ast.AST, reason: str, cure: str) -> Finding:
    line = getattr(node, "lineno", function.__code__.co_firstlineno)
    try:
        expression = ast.unparse(node).splitlines()[0]
    except (AttributeError, ValueError):
        expression = ""
    return Finding(function.__code__.co_filename, line, expression[:80], reason, cure)


def _dotted(node: ast.AST) -> str:
    """Return ``np.random.rand`` for the expression of that name, else an empty string."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        base = _dotted(node.value)
        return f"{base}.{node.attr}" if base else ""
    return ""


def _call_finding(node: ast.Call, function: Callable[..., Any]) -> tuple[str, str] | None:
    name = _dotted(node.func)
    root, _, rest = name.partition(".")
    module = getattr(function.__globals__.get(root), "__name__", "").partition(".")[0]
    if name in {function.__name__, f"self.{function.__name__}"}:
        return "calls itself; the depth of a recursion is not known", "write a loop"
    if not rest and root in BUILTINS and root not in function.__globals__:
        return BUILTINS[root]
    if rest and (module or root) in MODULES:
        return MODULES[module or root]
    if rest and (module == "numpy" or root in {"np", "numpy"}):
        if rest.startswith("random."):
            return MODULES["random"]
        if rest.split(".")[-1] in ARRAY_MAKERS:
            return "makes an array, which allocates", "use block.scratch(n), or " + LOOP
    if root == "self" and rest.count(".") == 0 and rest:
        return "calls a method of the class", "write a @zerocross.kernel that takes self"
    attribute = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    if attribute in OBJECT_METHODS and root not in {"math", "np", "numpy"}:
        return "grows or copies an object, which allocates", FIELD
    return None


def _walk(function: Callable[..., Any], tree: ast.FunctionDef) -> Iterator[Finding]:
    docstring = ast.get_docstring(tree, clean=False) is not None
    body = tree.body[1:] if docstring else tree.body
    for statement in body:
        for node in ast.walk(statement):
            words = NODES.get(type(node))
            if words is None and isinstance(node, ast.Call):
                words = _call_finding(node, function)
            elif words is None and isinstance(node, ast.Constant):
                if isinstance(node.value, str | bytes):
                    words = ("uses a string", CONTROL)
                elif isinstance(node.value, int) and abs(node.value) >= 1 << 63:
                    words = ("needs an integer of more than 64 bits", "use a float")
            if words:
                yield _finding(function, node, *words)


def find_in_source(function: Callable[..., Any]) -> Finding | None:
    """Return the first thing in a function's source that never works, or None."""
    tree = _source_tree(function)
    if tree is None:
        return None
    found = sorted(_walk(function, tree), key=lambda finding: finding.line)
    return found[0] if found else None


def loops_to_warn_of(function: Callable[..., Any]) -> list[Finding]:
    """Return the loops whose length depends on data: they may take longer than a block."""
    tree = _source_tree(function)
    found = []
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.While):
            where, what = node.test, "end"
        elif isinstance(node, ast.For) and _depends_on_data(node.iter):
            where, what = node.iter, "length"
        else:
            continue
        reason = f"is a loop whose {what} depends on data"
        found.append(_finding(function, where, reason, "bound it by a constant or by block.frames"))
    return found


def _depends_on_data(iterated: ast.AST) -> bool:
    """Return whether a loop's range contains an element of an array."""
    return any(
        isinstance(node, ast.Subscript)
        and not (isinstance(node.value, ast.Attribute) and node.value.attr == "shape")
        for node in ast.walk(iterated)
    )
