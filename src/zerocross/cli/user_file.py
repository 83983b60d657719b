"""A user's Python file: run as a module of its own, and the processors or the chain in it."""

from __future__ import annotations

import itertools
import linecache
import sys
from pathlib import Path
from types import ModuleType

from zerocross.errors import UsageError, ZerocrossError
from zerocross.graph.chain import Chain
from zerocross.graph.processor import Processor

__all__ = ["chain_of", "load_file", "processors_of"]

_numbers = itertools.count(1)


def load_file(path: str) -> ModuleType:
    """Run a Python file as a module of its own.

    Raises
    ------
    UsageError
        In one line, if there is no such file or it fails.

    """
    if not Path(path).is_file():
        raise UsageError(f"{path}: no such file; give a Python file with processors")
    module = ModuleType(f"zerocross_user_{next(_numbers)}")
    module.__file__ = path
    sys.modules[module.__name__] = module
    linecache.checkcache(path)
    try:  # from its text, not from a cache that may be a save behind
        exec(compile(Path(path).read_bytes(), path, "exec"), vars(module))  # noqa: S102
    except ZerocrossError as error:
        raise UsageError(f"{path}: {error}") from None
    except Exception as error:  # whatever a user's file does
        line = _line_in(error, path)
        raise UsageError(f"{path}:{line}: {type(error).__name__}: {error}; repair it") from None
    return module


def _line_in(error: BaseException, path: str) -> int:
    """Return the last line of a file that an error came through."""
    if isinstance(error, SyntaxError):
        return error.lineno or 0
    line, trace = 0, error.__traceback__
    while trace:
        if trace.tb_frame.f_code.co_filename == path:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def processors_of(module: ModuleType) -> list[type[Processor]]:
    """Return the processors that a file defines, in order; those it imports are not its own."""
    return [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, Processor)
        and value is not Processor
        and value._written.function.__module__ == module.__name__
    ]


def chain_of(path: str) -> Chain:
    """Return the chain that a file defines: its ``chain``, else its processors in order.

    Raises
    ------
    UsageError
        If the file cannot be run, or defines neither.

    """
    module = load_file(path)
    chain = getattr(module, "chain", None)
    if isinstance(chain, Chain):
        return chain
    found = processors_of(module)
    if not found:
        raise UsageError(f"{path}: defines neither a chain nor a processor")
    return Chain(*(made() for made in found))
