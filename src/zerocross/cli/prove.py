"""The command that proves the processors in a user's file, and measures those that are accepted."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zerocross.cli.command import Command
from zerocross.cli.options import JSON
from zerocross.cli.printing import say
from zerocross.errors import RealtimeError, UsageError

if TYPE_CHECKING:
    from zerocross.graph.chain import Chain
    from zerocross.graph.processor import Processor

__all__ = ["COMMANDS", "Proven", "prove_file"]

_RATE, _CHANNELS, _BLOCK = 48_000, 2, 512
_ROUNDS = 40


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


@click.command(
    cls=Command,
    epilog="""
    zerocross prove effect.py
    zerocross prove effect.py --json
    """,
)
@click.argument("file", metavar="FILE.py")
@JSON
def prove(file: str, as_json: bool) -> int:
    """Say of every processor in a file whether it may play, and what it costs."""
    found = prove_file(file)
    if as_json:
        say(json.dumps([dataclasses.asdict(p) for p in found], indent=2))
    else:
        for p in found:
            _print(p)
    return 0 if all(p.accepted for p in found) else 1


def _print(proven: Proven) -> None:
    if not proven.accepted:
        say(f"refused   {proven.name}: {proven.reason}")
        return
    cycles = proven.cycles_per_frame
    say(
        f"accepted  {proven.name}: {proven.instructions} instructions, {proven.stack_bytes} bytes "
        f"of stack, at most {proven.ns_per_frame:g} ns a frame"
        + ("" if cycles is None else f" ({cycles:g} cycles)")
    )
    for warning in proven.warnings:
        say(f"  warning: {warning}")


def prove_file(path: str) -> list[Proven]:
    """Prove every processor that a file defines, and measure those that are accepted.

    Raises
    ------
    UsageError
        If the file cannot be run, or defines none.

    """
    from zerocross.cli.user_file import load_file, processors_of

    found = processors_of(load_file(path))
    if not found:
        raise UsageError(f"{path}: defines no processor; decorate a class with zerocross.processor")
    return [_prove_one(made) for made in found]


def _prove_one(made: type[Processor]) -> Proven:
    code = made._written.function.__code__
    try:
        one = made()
        chain = _render_noise(one)
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


def _render_noise(one: Any) -> Chain:
    """Return a chain of a processor that has rendered blocks of noise."""
    import numpy as np

    from zerocross.graph.chain import Chain

    chain = Chain(one)
    rng = np.random.default_rng(1)
    noise = (0.1 * rng.standard_normal((_ROUNDS * _BLOCK, _CHANNELS))).astype(np.float32)
    chain.render(noise, _RATE, block_size=_BLOCK)
    return chain


def _clock_ghz() -> float | None:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(errors="replace").splitlines():
            if line.startswith("cpu MHz"):
                return float(line.partition(":")[2]) / 1000
    return None


#: The commands of this file.
COMMANDS: list[click.Command] = [prove]
