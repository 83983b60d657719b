"""From the command to the first audible sample."""

from __future__ import annotations

import functools
import shutil
import sys
import time
from pathlib import Path

from benchmarks.start.material import write_m4a
from benchmarks.start.programs import Program, ours, rivals, running
from benchmarks.start.rows import Bar, Row, in_turns
from benchmarks.start.server import delay_s
from benchmarks.start.setting import Setting
from zerocross.lab.harness import Contestant

__all__ = ["first_sound_ns", "heard_rivals", "rows"]

_DELAYS = 5
_PATIENCE_S = 20.0
_BARS = {
    "wheel, empty cache": Bar(0.5),
    "wheel, empty cache, --eq": Bar(0.7),
    "clone, empty cache": Bar(5.0),
    "wheel, warm": Bar(0.3, 1.0),
    "clone, warm": Bar(0.3, 1.0),
    "wheel, warm, m4a": Bar(0.5),
    "clone, warm, m4a": Bar(0.5),
}


def rows(setting: Setting) -> list[Row]:
    """Measure the monitor's own delay, then everybody in turns."""
    measured = []
    work = "command to the word that it plays, null device"
    if setting.monitor:
        work = "command to first sound"
        delays = [delay_s(setting.monitor) for _ in range(_DELAYS)]
        measured = [Row("delay of the monitor, in every time", "pacat, connected", "s", delays)]
    contestants, rounds, m4a = [], {}, _m4a(setting)
    for name, library in setting.libraries().items():
        is_slow = library == "off"
        for label, more in (("", ()), (", --eq", ("--eq", str(setting.preset)))):
            cold = ours(setting, f"{name}, empty cache{label}", f"{name}-cold", library, *more)
            contestants.append(_contestant(setting, cold, empties=True))
            rounds[cold.name] = setting.slow_rounds if is_slow else setting.rounds
        warm = ours(setting, f"{name}, warm", f"{name}-warm", library)
        contestants.append(_contestant(setting, warm))
        if m4a:
            warm = ours(setting, f"{name}, warm, m4a", f"{name}-warm", library, song=m4a)
            contestants.append(_contestant(setting, warm))
    contestants += [_contestant(setting, rival) for rival in heard_rivals(setting)]
    for one in contestants:
        rounds.setdefault(one.name, setting.rounds)
        if one.check:
            one.check()
    return measured + in_turns(work, contestants, rounds, _BARS)


def _m4a(setting: Setting) -> Path | None:
    """Return a song that PyAV decodes, where it is installed; tell it where it is not."""
    path = setting.folder / "noise.m4a"
    try:
        write_m4a(path, 30.0)
    except RuntimeError as error:
        print(f"  left out: {error}", file=sys.stderr, flush=True)
        return None
    return path


def _contestant(setting: Setting, program: Program, empties: bool = False) -> Contestant:
    """Return who starts a program: with an empty cache each time, or played once before."""
    once = functools.partial(first_sound_ns, setting, program)
    cache = program.env.get("ZEROCROSS_CACHE_DIR", "")

    def empty() -> None:
        shutil.rmtree(cache, ignore_errors=True)

    return Contestant(
        program.name,
        repeat=lambda _times: once(),
        prepare=empty if empties else None,
        check=None if empties else lambda: bool(once()),
    )


def heard_rivals(setting: Setting) -> list[Program]:
    """Return the others that are heard, and tell who is not."""
    heard = []
    for rival in rivals(setting):
        try:
            first_sound_ns(setting, rival, _PATIENCE_S)
            heard.append(rival)
        except RuntimeError as error:
            print(f"  left out: {error}", file=sys.stderr, flush=True)
    return heard


def first_sound_ns(setting: Setting, program: Program, patience_s: float = 300.0) -> int:
    """Start a program and return how long it takes until it is heard.

    Raises
    ------
    RuntimeError
        If it is not heard; with its last words.

    """
    if setting.monitor is None:
        return _first_word_ns(program)
    setting.monitor.wait_for_silence()
    started = time.monotonic_ns()
    with running(program) as run:
        try:
            return setting.monitor.beginning_ns(run.is_alive, patience_s) - started
        except RuntimeError as error:
            raise RuntimeError(f"{program.name}: {error}; {run.last_words()}") from None


def _first_word_ns(program: Program) -> int:
    """Return how long a program takes to say that a track is heard."""
    started = time.monotonic_ns()
    with running(program, talks=True) as run:
        run.wait_for("playing ")
        return time.monotonic_ns() - started
