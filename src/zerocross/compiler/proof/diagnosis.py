"""Why a user's function cannot run on the audio thread, in words, with the line.

Two readers. The first reads the source and knows what never works: it gives the best words.
The second is told by the real-time check or by Numba that something is wrong, and finds the
line in code that was compiled once more with line numbers.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["Finding", "find_in_source", "loops_to_warn_of", "refusal_in_ir", "refusal_of_numba"]


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


_LOOP = "write a loop over frames, or make the array in prepare()"
_FIELD = "keep numbers in fields of the class, and arrays made in prepare()"
_CONTROL = "do it in Python, outside process(); set a parameter or a field from there"

_NODES: dict[type[ast.AST], tuple[str, str]] = {
    ast.Raise: ("raises an exception", "set a field and look at it from Python"),
    ast.Assert: ("may raise an exception", "test the condition in Python, or set a field"),
    ast.Try: ("handles exceptions", "nothing may raise here: test the condition with if"),
    ast.With: ("enters a context manager", _CONTROL),
    ast.AsyncWith: ("waits", _CONTROL),
    ast.AsyncFor: ("waits", _CONTROL),
    ast.Await: ("waits", _CONTROL),
    ast.Yield: ("is a generator", "process the whole block and return"),
    ast.YieldFrom: ("is a generator", "process the whole block and return"),
    ast.GeneratorExp: ("makes a generator, which allocates", _LOOP),
    ast.ListComp: ("makes a list, which allocates", _LOOP),
    ast.SetComp: ("makes a set, which allocates", _LOOP),
    ast.DictComp: ("makes a dict, which allocates", _LOOP),
    ast.List: ("makes a list, which allocates", _FIELD),
    ast.Dict: ("makes a dict, which allocates", _FIELD),
    ast.Set: ("makes a set, which allocates", _FIELD),
    ast.JoinedStr: ("makes a string, which allocates", _CONTROL),
    ast.Lambda: ("makes a function at run time", "write a @zerocross.kernel beside the class"),
    ast.FunctionDef: ("makes a function at run time", "write a @zerocross.kernel beside the class"),
    ast.ClassDef: ("makes a class at run time", "write it beside the class"),
    ast.Import: ("imports a module", "import at the top of the file"),
    ast.ImportFrom: ("imports a module", "import at the top of the file"),
    ast.Global: ("writes a global variable", _FIELD),
    ast.Nonlocal: ("writes a variable of another function", _FIELD),
    ast.Delete: ("deletes", "leave it; fields live as long as the processor"),
    ast.NamedExpr: ("assigns inside an expression", "assign on a line of its own"),
    ast.Starred: ("unpacks at run time", "write the arguments out"),
}
if hasattr(ast, "TryStar"):
    _NODES[ast.TryStar] = _NODES[ast.Try]
if hasattr(ast, "Match"):
    _NODES[ast.Match] = ("matches patterns", "write if and elif")

_BUILTINS: dict[str, tuple[str, str]] = {
    **dict.fromkeys(
        ["print", "input", "open", "exec", "eval", "compile", "__import__", "breakpoint"],
        ("calls the interpreter or the system", _CONTROL),
    ),
    **dict.fromkeys(
        ["list", "dict", "set", "frozenset", "bytearray", "bytes", "str", "repr", "format", "chr"],
        ("makes an object, which allocates", _FIELD),
    ),
    **dict.fromkeys(
        ["sorted", "map", "filter", "iter", "next", "vars", "dir", "globals", "locals"],
        ("needs Python objects", _LOOP),
    ),
    **dict.fromkeys(
        ["getattr", "setattr", "delattr", "hasattr", "type", "super", "id", "hash"],
        ("needs Python objects", "name the field directly"),
    ),
}
#: Modules of which nothing may be called on the audio thread.
_MODULES: dict[str, tuple[str, str]] = {
    **dict.fromkeys(
        ["os", "io", "sys", "subprocess", "socket", "pathlib", "shutil", "logging", "json"],
        ("calls the system, which may wait", _CONTROL),
    ),
    **dict.fromkeys(
        ["time", "threading", "asyncio", "queue", "multiprocessing", "concurrent"],
        ("may wait", _CONTROL),
    ),
    **dict.fromkeys(
        ["ctypes", "cffi"], ("calls foreign code that nothing was proven of", _CONTROL)
    ),
    **dict.fromkeys(
        ["random", "secrets"],
        (
            "draws from a generator that allocates or locks",
            "keep a seed in a field: see zerocross.dsp.noise",
        ),
    ),
    "gc": ("calls the interpreter", _CONTROL),
}
_ARRAY_MAKERS = frozenset(
    [
        "zeros",
        "ones",
        "empty",
        "full",
        "array",
        "asarray",
        "ascontiguousarray",
        "arange",
        "linspace",
        "logspace",
        "concatenate",
        "stack",
        "vstack",
        "hstack",
        "zeros_like",
        "ones_like",
        "empty_like",
        "full_like",
        "copy",
        "repeat",
        "tile",
        "outer",
        "convolve",
        "interp",
        "cumsum",
        "diff",
        "where",
        "sort",
        "argsort",
        "unique",
        "roll",
        "flip",
        "eye",
        "meshgrid",
        "dot",
        "matmul",
    ]
)
_OBJECT_METHODS = frozenset(
    [
        "append",
        "extend",
        "insert",
        "pop",
        "remove",
        "update",
        "add",
        "clear",
        "copy",
        "astype",
        "tolist",
        "tobytes",
        "flatten",
        "ravel",
        "reshape",
        "repeat",
        "sort",
        "format",
        "join",
        "split",
        "encode",
        "decode",
        "items",
        "keys",
        "values",
        "setdefault",
    ]
)


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
    if not rest and root in _BUILTINS and root not in function.__globals__:
        return _BUILTINS[root]
    if rest and (module or root) in _MODULES:
        return _MODULES[module or root]
    if rest and (module == "numpy" or root in {"np", "numpy"}):
        if rest.startswith("random."):
            return _MODULES["random"]
        if rest.split(".")[-1] in _ARRAY_MAKERS:
            return "makes an array, which allocates", "use block.scratch(n), or " + _LOOP
    if root == "self" and rest.count(".") == 0 and rest:
        return "calls a method of the class", "write a @zerocross.kernel that takes self"
    attribute = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    if attribute in _OBJECT_METHODS and root not in {"math", "np", "numpy"}:
        return "grows or copies an object, which allocates", _FIELD
    return None


def _walk(function: Callable[..., Any], tree: ast.FunctionDef) -> Iterator[Finding]:
    docstring = ast.get_docstring(tree, clean=False) is not None
    body = tree.body[1:] if docstring else tree.body
    for statement in body:
        for node in ast.walk(statement):
            words = _NODES.get(type(node))
            if words is None and isinstance(node, ast.Call):
                words = _call_finding(node, function)
            elif words is None and isinstance(node, ast.Constant):
                if isinstance(node.value, str | bytes):
                    words = ("uses a string", _CONTROL)
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
    (r"reflected list|list\(", "uses a list", _FIELD),
    (r"unicode_type|Literal\[str\]", "uses a string", _CONTROL),
    (
        r"Cannot unify",
        "gives one variable two types",
        "use one type for it: 0.0 and not 0 for a float",
    ),
    (r"not supported|Unsupported|unsupported", "is not supported in compiled code", _LOOP),
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
            return Finding(file, line, _line_of(file, line), reason.format(name), cure)
    said = next((part for part in text.splitlines() if part.strip()), type(error).__name__)
    return Finding(file, line, _line_of(file, line), f"cannot be compiled ({said.strip()})", _LOOP)


def _line_with(function: Callable[..., Any], name: str) -> int | None:
    """Return the first line of a function's body that has a name in it."""
    try:
        lines, first = inspect.getsourcelines(function)
    except (OSError, TypeError):
        return None
    word = re.compile(rf"\b{re.escape(name)}\b")
    return next((first + k for k, line in enumerate(lines) if k and word.search(line)), None)


def _short(file: str) -> str:
    import os

    try:
        relative = os.path.relpath(file)
    except ValueError:
        return file
    return relative if not relative.startswith("..") else file


def _line_of(file: str, line: int) -> str:
    import linecache

    return linecache.getline(file, line).strip()[:80]


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
    (("PyGILState", "numba_gil", "Py_"), "calls the interpreter", _CONTROL),
    (("get_np_random", "get_py_random", "numba_rnd"), *_MODULES["random"]),
    (("numba_xgemm", "numba_xdot", "numba_xgemv"), "calls a matrix library", _LOOP),
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
    bodies = {m.group(1).strip('"'): m.group() for m in _DEFINED.finditer(ir)}
    calls = {
        name: [(callee.strip('"'), where) for callee, where in _CALLED.findall(body)]
        for name, body in bodies.items()
    }
    bad = set(refused)
    if not refused:
        bad = {name for name, body in bodies.items() if _RAISES.search(body) and name != symbol}
    while True:
        more = {n for n, found in calls.items() if any(c in bad for c, _ in found)} - bad
        if not more:
            break
        bad |= more
    lines = dict(_LOCATION.findall(ir))
    file, first = function.__code__.co_filename, function.__code__.co_firstlineno
    numbers = [int(lines[w]) for c, w in calls.get(symbol, []) if c in bad and w in lines]
    if not refused and not numbers:
        numbers = [int(lines[w]) for w in _RAISES.findall(bodies.get(symbol, "")) if w in lines]
    line = min((n for n in numbers if n > first), default=first)
    reason, cure = f"calls {', '.join(refused)}, which may allocate, lock or wait", _LOOP
    if not refused:
        reason, cure = "may raise an exception", "make the sizes fit, and test with if"
    for names, words, help_ in _REFUSED_WORDS:
        if any(part in call for call in refused for part in names):
            reason, cure = words, help_
            break
    return Finding(file, line, _line_of(file, line), reason, cure)
