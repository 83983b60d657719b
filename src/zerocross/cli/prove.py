"""The command that proves the processors in a user's file, and measures those that are accepted."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import select
import signal
import subprocess
import sys
import time
from typing import Any, Self

import click

from zerocross.cli import interrupt
from zerocross.cli.command import Command
from zerocross.cli.options import JSON, finite
from zerocross.cli.printing import say
from zerocross.errors import UsageError
from zerocross.files import printable

__all__ = ["COMMANDS", "LIMIT_S", "Proven", "prove_file"]

#: What running a file, and proving each of its processors, may take, in seconds.
LIMIT_S = 60.0
_LOOK_EVERY_S = 0.1
_MOST_TEXT = 16 << 20
_NONSENSE = "wrote into descriptors that are not its own; it must not"
_IN_CHILD = "from zerocross.cli.prover import main; main()"


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
@click.option(
    "--limit",
    type=finite(0, 86_400, min_open=True),
    default=LIMIT_S,
    show_default=True,
    metavar="SECONDS",
    help="What each processor may take.",
)
@JSON
def prove(file: str, limit: float, as_json: bool) -> int:
    """Say of every processor in a file whether it may play, and what it costs.

    The file is run in a process of its own, with a time limit.
    """
    found = prove_file(file, limit)
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


def prove_file(path: str, limit_s: float = LIMIT_S) -> list[Proven]:
    """Prove every processor that a file defines, and measure those that are accepted.

    The file is run in a process of its own, and again for what follows a processor that ends it or
    takes too long: this one answers whatever the file does.

    Parameters
    ----------
    path : str
        The file.
    limit_s : float
        What the file's import, and each processor, may take.

    Raises
    ------
    UsageError
        If the file cannot be run, or defines none.

    """
    found: list[Proven] = []
    while True:
        with _Prover(path, len(found), limit_s) as prover:
            names = prover.names()
            while len(found) < len(names):
                answer = prover.next_one()
                if isinstance(answer, str):  # it did not survive: the rest needs another process
                    name, line = names[len(found)]
                    found.append(Proven(name, line, False, f"{printable(path)}:{line}: {answer}"))
                    break
                found.append(Proven(**answer))
        if len(found) == len(names):
            return found


class _Prover:
    """A process that runs a user's file and proves its processors, from one on, in order."""

    def __init__(self, path: str, first: int, limit_s: float) -> None:
        self._path, self._limit_s = path, limit_s
        self._answers, writer = os.pipe()
        self._text = b""
        command = [sys.executable, "-c", _IN_CHILD, path, str(first), str(writer)]
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,  # held by us only: its end tells the child of ours
                stdout=2,  # a user's prints are no part of the answer
                pass_fds=[writer],
                env=os.environ
                | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONSAFEPATH": "1"},
                start_new_session=True,  # Ctrl-C is ours; and it is ended with all that it started
            )
        finally:
            os.close(writer)

    def names(self) -> list[tuple[str, int]]:
        """Return the processors and their lines; raises what running the file raised."""
        answer = self._read()
        if isinstance(answer, str):
            raise UsageError(f"{printable(self._path)}: {answer}")
        if "error" in answer:
            raise UsageError(answer["error"])
        return [(name, line) for name, line in answer["names"]]

    def next_one(self) -> dict[str, Any] | str:
        """Return what was found of the next processor, or why there is no answer."""
        return self._read()

    def _read(self) -> dict[str, Any] | str:
        """Return the next answer, or in words what became of the process."""
        ends = time.monotonic() + self._limit_s
        while b"\n" not in self._text:
            left = ends - time.monotonic()
            if left <= 0:
                return f"took longer than {self._limit_s:g} s; end its loops, or give --limit"
            if not select.select([self._answers], [], [], min(left, _LOOK_EVERY_S))[0]:
                interrupt.check()
                continue
            more = os.read(self._answers, 1 << 16)
            if not more:
                return _how_it_ended(self._process.wait())
            self._text += more
            if len(self._text) > _MOST_TEXT:
                return _NONSENSE
        line, _, self._text = self._text.partition(b"\n")
        try:
            answer = json.loads(line)
        except ValueError:
            return _NONSENSE
        return answer if isinstance(answer, dict) else _NONSENSE

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._answers)
        with contextlib.suppress(OSError):
            self._process.stdin.close()  # type: ignore[union-attr]


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"ended the process with code {code}; it must not call sys.exit or os._exit"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"crashed the process ({name}); what it does is not safe to run"


#: The commands of this file.
COMMANDS: list[click.Command] = [prove]
