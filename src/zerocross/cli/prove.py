"""`zerocross prove` and `zerocross live`: processors in a user's file."""

from __future__ import annotations

import dataclasses
import itertools
import linecache
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from zerocross.errors import RealtimeError, UsageError, ZerocrossError
from zerocross.graph.chain import Chain
from zerocross.graph.processor import Processor

__all__ = ["Proven", "chain_of", "load_file", "prove_file", "stamp", "watch"]

_RATE, _CHANNELS, _BLOCK = 48_000, 2, 512
_ROUNDS = 40
_numbers = itertools.count(1)


@dataclasses.dataclass(frozen=True)
class Proven:
    """What was found of one processor.

    Attributes
    ----------
    name : str
    line : int
    accepted : bool
    reason : str
        Why it was refused; empty if it was accepted.
    instructions, stack_bytes : int
        Of its code.
    ns_per_frame : float
        The slowest of forty blocks of noise on this machine, stereo, 512 frames at 48 kHz.
    cycles_per_frame : float or None
        The same in cycles, at the clock that the system tells; None if it does not.
    warnings : list of str
        Loops whose length depends on data.

    """

    name: str
    line: int
    accepted: bool
    reason: str = ""
    instructions: int = 0
    stack_bytes: int = 0
    ns_per_frame: float = 0.0
    cycles_per_frame: float | None = None
    warnings: list[str] = dataclasses.field(default_factory=list)


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
    if isinstance(error, SyntaxError):
        return error.lineno or 0
    line, trace = 0, error.__traceback__
    while trace:
        if trace.tb_frame.f_code.co_filename == path:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _classes(module: ModuleType) -> list[type[Processor]]:
    return [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, Processor)
        and value is not Processor
        and value._written.function.__module__ == module.__name__
    ]


def prove_file(path: str) -> list[Proven]:
    """Prove every processor that a file defines, and measure those that are accepted.

    Raises
    ------
    UsageError
        If the file cannot be run, or defines none.

    """
    found = _classes(load_file(path))
    if not found:
        raise UsageError(f"{path}: defines no processor; decorate a class with zerocross.processor")
    return [_prove_one(made) for made in found]


def _prove_one(made: type[Processor]) -> Proven:
    code = made._written.function.__code__
    try:
        one = made()
        chain = Chain(one)
        rng = np.random.default_rng(1)
        noise = (0.1 * rng.standard_normal((_ROUNDS * _BLOCK, _CHANNELS))).astype(np.float32)
        chain.render(noise, _RATE, block_size=_BLOCK)
    except RealtimeError as error:
        line = getattr(error.finding, "line", code.co_firstlineno)
        return Proven(made.__name__, line, False, str(error))
    except Exception as error:  # its __init__ or prepare: the user's Python
        reason = f"{code.co_filename}: {type(error).__name__}: {error}"
        return Proven(made.__name__, code.co_firstlineno, False, reason)
    faults = chain.faults()
    if faults:
        return Proven(made.__name__, code.co_firstlineno, False, str(faults[0]))
    verdict = one.verdict
    assert verdict
    slowest = chain.longest_ns(one) / _BLOCK
    clock = _clock_ghz()
    return Proven(
        made.__name__,
        verdict.line,
        True,
        "",
        verdict.instructions,
        verdict.stack_bytes,
        round(slowest, 2),
        round(slowest * clock, 1) if clock else None,
        list(verdict.warnings),
    )


def _clock_ghz() -> float | None:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(errors="replace").splitlines():
            if line.startswith("cpu MHz"):
                return float(line.partition(":")[2]) / 1000
    return None


def chain_of(path: str) -> Chain:
    """Return the chain that a file defines: its ``chain``, else its processors in order."""
    module = load_file(path)
    chain = getattr(module, "chain", None)
    if isinstance(chain, Chain):
        return chain
    found = _classes(module)
    if not found:
        raise UsageError(f"{path}: defines neither a chain nor a processor")
    return Chain(*(made() for made in found))


def watch(
    path: str,
    seen: tuple[int, int] | None,
    chain: Chain,
    tell: Callable[[str], None],
    go_on: Callable[[], bool],
) -> None:
    """Put a file's chain in the place of ``chain``'s parts at every save; errors are told.

    ``seen`` is the `stamp` of the version that plays. The last one that was accepted keeps
    playing.
    """
    while go_on():
        time.sleep(0.1)
        now = stamp(path)
        if now == seen or now is None:
            continue
        seen = now
        try:
            new: Any = chain_of(path)
            chain.replace(chain.parts[0], new)
        except ZerocrossError as error:
            tell(f"not taken: {error}")
        else:
            tell(f"taken: {', '.join(type(p).__name__ for p in new.processors())}")


def stamp(path: str) -> tuple[int, int] | None:
    """Return what tells one version of a file from the next."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
