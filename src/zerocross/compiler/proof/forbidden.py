"""What never works on the audio thread: the tables that `source_reader` looks things up in.

Each entry is a pair of words, the reason and the cure, as a `Finding` shows them.
"""

from __future__ import annotations

import ast

from zerocross.compiler.proof.finding import CONTROL, FIELD, LOOP

__all__ = ["ARRAY_MAKERS", "BUILTINS", "MODULES", "NODES", "OBJECT_METHODS"]

#: Syntax that never works: the reason and the cure.
NODES: dict[type[ast.AST], tuple[str, str]] = {
    ast.Raise: ("raises an exception", "set a field and look at it from Python"),
    ast.Assert: ("may raise an exception", "test the condition in Python, or set a field"),
    ast.Try: ("handles exceptions", "nothing may raise here: test the condition with if"),
    ast.With: ("enters a context manager", CONTROL),
    ast.AsyncWith: ("waits", CONTROL),
    ast.AsyncFor: ("waits", CONTROL),
    ast.Await: ("waits", CONTROL),
    ast.Yield: ("is a generator", "process the whole block and return"),
    ast.YieldFrom: ("is a generator", "process the whole block and return"),
    ast.GeneratorExp: ("makes a generator, which allocates", LOOP),
    ast.ListComp: ("makes a list, which allocates", LOOP),
    ast.SetComp: ("makes a set, which allocates", LOOP),
    ast.DictComp: ("makes a dict, which allocates", LOOP),
    ast.List: ("makes a list, which allocates", FIELD),
    ast.Dict: ("makes a dict, which allocates", FIELD),
    ast.Set: ("makes a set, which allocates", FIELD),
    ast.JoinedStr: ("makes a string, which allocates", CONTROL),
    ast.Lambda: ("makes a function at run time", "write a @zerocross.kernel beside the class"),
    ast.FunctionDef: ("makes a function at run time", "write a @zerocross.kernel beside the class"),
    ast.AsyncFunctionDef: ("makes a coroutine, which waits", CONTROL),
    ast.ClassDef: ("makes a class at run time", "write it beside the class"),
    ast.Import: ("imports a module", "import at the top of the file"),
    ast.ImportFrom: ("imports a module", "import at the top of the file"),
    ast.Global: ("writes a global variable", FIELD),
    ast.Nonlocal: ("writes a variable of another function", FIELD),
    ast.Delete: ("deletes", "leave it; fields live as long as the processor"),
    ast.NamedExpr: ("assigns inside an expression", "assign on a line of its own"),
    ast.Starred: ("unpacks at run time", "write the arguments out"),
}
if hasattr(ast, "TryStar"):
    NODES[ast.TryStar] = NODES[ast.Try]
if hasattr(ast, "Match"):
    NODES[ast.Match] = ("matches patterns", "write if and elif")

#: Built-in functions that never work.
BUILTINS: dict[str, tuple[str, str]] = {
    **dict.fromkeys(
        ["print", "input", "open", "exec", "eval", "compile", "__import__", "breakpoint"],
        ("calls the interpreter or the system", CONTROL),
    ),
    **dict.fromkeys(
        ["list", "dict", "set", "frozenset", "bytearray", "bytes", "str", "repr", "format", "chr"],
        ("makes an object, which allocates", FIELD),
    ),
    **dict.fromkeys(
        ["sorted", "map", "filter", "iter", "next", "vars", "dir", "globals", "locals"],
        ("needs Python objects", LOOP),
    ),
    **dict.fromkeys(
        ["getattr", "setattr", "delattr", "hasattr", "type", "super", "id", "hash"],
        ("needs Python objects", "name the field directly"),
    ),
}
#: Modules of which nothing may be called on the audio thread.
MODULES: dict[str, tuple[str, str]] = {
    **dict.fromkeys(
        [
            *("os", "posix", "nt", "io", "_io", "sys", "subprocess", "socket", "_socket", "select"),
            *("pathlib", "shutil", "logging", "json", "signal", "mmap", "tempfile", "soundfile"),
        ],
        ("calls the system, which may wait", CONTROL),
    ),
    **dict.fromkeys(
        [
            "time",
            "threading",
            "_thread",
            "asyncio",
            "queue",
            "_queue",
            "multiprocessing",
            "concurrent",
        ],
        ("may wait", CONTROL),
    ),
    **dict.fromkeys(
        ["ctypes", "_ctypes", "cffi", "_cffi_backend"],
        ("calls foreign code that nothing was proven of", CONTROL),
    ),
    **dict.fromkeys(
        ["random", "_random", "secrets"],
        (
            "draws from a generator that allocates or locks",
            "keep a seed in a field: see zerocross.dsp.noise",
        ),
    ),
    "gc": ("calls the interpreter", CONTROL),
}
#: Functions of NumPy that make an array.
ARRAY_MAKERS = frozenset(
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
#: Methods that grow or copy an object.
OBJECT_METHODS = frozenset(
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
