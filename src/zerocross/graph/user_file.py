"""A user's Python file: run as a module of its own, and the processors or the chain in it."""

from __future__ import annotations

import itertools
import linecache
import sys
from types import ModuleType

from zerocross.errors import SourceError, UserFileError, ZerocrossError
from zerocross.files import printable, read_small
from zerocross.graph.chain import Chain
from zerocross.graph.processor import Processor

__all__ = ["chain_of", "line_in", "load_file", "processors_of", "words_of"]

_MOST_BYTES = 16 << 20
_MOST_WORDS = 400
_numbers = itertools.count(1)


def load_file(path: str) -> ModuleType:
    """Run a Python file as a module of its own.

    Raises
    ------
    UserFileError
        In one line, if there is no such file or it fails.

    """
    try:
        text = read_small(path, _MOST_BYTES, "Python file")
    except SourceError as error:
        raise UserFileError(str(error)) from None
    if b"\0" in text:
        raise UserFileError(f"{printable(path)}: no Python file; give one that defines a chain")
    module = ModuleType(f"zerocross_user_{next(_numbers)}")
    module.__file__ = path
    sys.modules[module.__name__] = module
    linecache.checkcache(path)
    try:  # from its text, not from a cache that may be a save behind
        exec(compile(text, path, "exec"), vars(module))  # noqa: S102
    except ZerocrossError as error:
        line = line_in(error, path)
        raise UserFileError(f"{_place(path, line)}: {error}", line) from None
    except (Exception, SystemExit) as error:  # whatever a user's file does
        line = line_in(error, path)
        raise UserFileError(f"{_place(path, line)}: {words_of(error)}; repair it", line) from None
    return module


def _place(path: str, line: int) -> str:
    return f"{printable(path)}:{line}" if line else printable(path)


def words_of(error: BaseException) -> str:
    """Return an error's kind and its words, in one line that is not too long."""
    return printable(f"{type(error).__name__}: {error}")[:_MOST_WORDS]


def line_in(error: BaseException, path: str) -> int:
    """Return the last line of a file that an error came through; 0 for none."""
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
    UserFileError
        If the file cannot be run, or defines neither.

    """
    module = load_file(path)
    chain = getattr(module, "chain", None)
    if isinstance(chain, Chain):
        return chain
    found = processors_of(module)
    if not found:
        raise UserFileError(f"{printable(path)}: defines neither a chain nor a processor")
    return Chain(*(made() for made in found))
