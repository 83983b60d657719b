"""The first reader: finds in the source what never works, which gives the best words.

It follows the user's kernels, and looks up what a name means among the function's own objects: an
alias is refused as what it is. What it does not see, `typed_reader` does: this one gives words.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import itertools
import textwrap
import types
from collections.abc import Callable, Iterator
from typing import Any

from zerocross.compiler.kernel import Kernel
from zerocross.compiler.proof.finding import CONTROL, FIELD, Finding
from zerocross.compiler.proof.forbidden import MODULES, NODES, OBJECT_METHODS
from zerocross.compiler.proof.may_call import Words, is_users, judge, module_of
from zerocross.compiler.proof.object_reader import names_of

__all__ = ["find_in_source", "loops_to_warn_of"]

_RECURSION = ("calls itself; the depth of a recursion is not known", "write a loop")
_HIDDEN = (
    "uses a field of the processor that is not the class's own",
    "declare one without _: a number with its first value in the class, an array in prepare()",
)
#: What a name means that only running would tell.
_UNKNOWN = object()


def _source_tree(function: Callable[..., Any]) -> ast.FunctionDef | None:
    """Return the function's syntax tree with the file's line numbers; None without source."""
    try:
        lines, first = inspect.getsourcelines(function.__code__)
    except (OSError, TypeError, IndexError, SyntaxError):
        return None
    try:
        tree = ast.parse(textwrap.dedent("".join(lines)))
    except (SyntaxError, ValueError, RecursionError):
        return None
    ast.increment_lineno(tree, first - 1)
    found = tree.body[0] if tree.body else None
    return found if isinstance(found, ast.FunctionDef) else None


def _finding(function: Callable[..., Any], node: ast.AST, reason: str, cure: str) -> Finding:
    line = getattr(node, "lineno", function.__code__.co_firstlineno)
    try:
        expression = ast.unparse(node).splitlines()[0]
    except (AttributeError, ValueError, IndexError, RecursionError):
        expression = ""
    return Finding(function.__code__.co_filename, line, expression[:80], reason, cure)


def find_in_source(function: Callable[..., Any]) -> Finding | None:
    """Return the first thing that never works in a user's function or in a kernel it calls."""
    return _find(function, (), set()) if is_users(function) else None


def _find(function: Callable[..., Any], path: tuple[Any, ...], seen: set[int]) -> Finding | None:
    """Return the first finding in a function, then in the kernels it calls, each looked at once."""
    seen.add(id(function))
    tree = _source_tree(function)
    if tree is None:
        return None
    names = _Names(function, tree)
    path = (*path, function)
    found = sorted(_walk(function, tree, names, path), key=lambda finding: finding.line)
    if found:
        return found[0]
    inner = (names.meaning(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call))
    for called in inner:
        if isinstance(called, Kernel) and id(called.function) not in seen:
            finding = _find(called.function, path, seen) if is_users(called.function) else None
            if finding:
                return finding
    return None


class _Names:
    """What the names in a function mean: its closure, globals, builtins, and local aliases."""

    def __init__(self, function: Callable[..., Any], tree: ast.FunctionDef) -> None:
        self._scope = vars(builtins) | function.__globals__ | names_of(function)
        code = function.__code__
        local = set(code.co_varnames) | set(code.co_cellvars)
        self._parameters = set(code.co_varnames[: code.co_argcount])
        self._aliases: dict[str, ast.AST] = {}
        self._local = local
        stored = [n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and _is_stored(n)]
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and len(node.targets) == 1:
                target = node.targets[0]
                if isinstance(target, ast.Name) and stored.count(target.id) == 1:
                    self._aliases[target.id] = node.value

    def meaning(self, node: ast.AST, depth: int = 0) -> Any:
        """Return the object that an expression is, or ``_UNKNOWN``."""
        if isinstance(node, ast.Name):
            if node.id not in self._local:
                return self._scope.get(node.id, _UNKNOWN)
            if node.id in self._aliases and depth < 9:
                return self.meaning(self._aliases[node.id], depth + 1)
        if isinstance(node, ast.Attribute):
            owner = self.meaning(node.value, depth)
            if isinstance(owner, types.ModuleType | type):
                return getattr(owner, node.attr, _UNKNOWN)
        return _UNKNOWN

    def is_parameter(self, node: ast.AST) -> bool:
        """Return whether an expression is a parameter of the function, or an alias of one."""
        for _ in range(9):
            if isinstance(node, ast.Name) and node.id in self._aliases:
                node = self._aliases[node.id]
        return isinstance(node, ast.Name) and node.id in self._parameters


def _is_stored(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Store | ast.Del)


def _call_words(
    node: ast.Call, function: Callable[..., Any], names: _Names, path: tuple[Any, ...]
) -> Words | None:
    called, place = names.meaning(node.func), node.func
    if isinstance(called, Kernel):
        return _RECURSION if called.function in path else None
    if called is not _UNKNOWN:
        owner = names.meaning(place.value) if isinstance(place, ast.Attribute) else called
        return MODULES.get(module_of(owner)) or judge(called, ast.unparse(place))
    if not isinstance(place, ast.Attribute):
        return None
    if names.is_parameter(place.value) and place.attr == function.__name__:
        return _RECURSION
    if isinstance(place.value, ast.Name) and place.value.id == "self":
        return "calls a method of the class", "write a @zerocross.kernel that takes self"
    owner = names.meaning(place.value)
    if owner is not _UNKNOWN and type(owner).__module__ != "numpy":
        return judge(owner, ast.unparse(place)) or (f"calls {ast.unparse(place)}", CONTROL)
    if place.attr in OBJECT_METHODS:
        return "grows or copies an object, which allocates", FIELD
    return None


def _walk(
    function: Callable[..., Any], tree: ast.FunctionDef, names: _Names, path: tuple[Any, ...]
) -> Iterator[Finding]:
    # A constant that stands alone, as a docstring does, is no code.
    bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in itertools.chain(*map(ast.walk, tree.body)):
        words = NODES.get(type(node))
        if words is None and isinstance(node, ast.Call):
            words = _call_words(node, function, names, path)
        elif words is None and isinstance(node, ast.Constant) and id(node) not in bare:
            words = _constant_words(node.value)
        elif words is None and isinstance(node, ast.Attribute):
            is_hidden = node.attr.startswith("_") and names.is_parameter(node.value)
            words = _HIDDEN if is_hidden else None
        if words:
            yield _finding(function, node, *words)


def _constant_words(value: object) -> Words | None:
    if isinstance(value, str | bytes):
        return "uses a string", CONTROL
    if isinstance(value, int) and abs(value) >= 1 << 63:
        return "needs an integer of more than 64 bits", "use a float"
    return None


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
