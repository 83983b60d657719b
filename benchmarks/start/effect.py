"""From an effect's file to an effect that plays: the first in a process, and edits of it in `live`."""

from __future__ import annotations

import itertools
import os
import shutil
import sys
import time
from pathlib import Path

from benchmarks.start import material
from benchmarks.start.programs import Program, Running, ours, running
from benchmarks.start.rows import Bar, Row, in_turns
from benchmarks.start.setting import Setting
from benchmarks.start.sound import first_sound_ns
from zerocross.lab.harness import Contestant

__all__ = ["rows"]

_SMALL = 12
_BARS = {_SMALL: Bar(0.3), 400: Bar(4.0)}
_PREPARE = f"""
import sys
from zerocross.graph.user_file import chain_of
chain_of(sys.argv[1]).prepare({material.RATE}, 2)
print("prepared", flush=True)
"""
#: What tells one effect from the next.
_numbers = itertools.count(1)


def rows(setting: Setting) -> list[Row]:
    """Measure with an empty cache in processes of their own, then edits in one process."""
    contestants = [
        Contestant(name, repeat=lambda _times, way=(name, library): _first_ns(setting, *way))
        for name, library in setting.libraries().items()
    ]
    rounds = {one.name: setting.slow_rounds for one in contestants}
    bars = dict.fromkeys(rounds, Bar(2.5))
    work = f"own effect of {_SMALL} lines, empty cache, command to prepared"
    measured = in_turns(work, contestants, rounds, bars)
    for name, library in setting.libraries().items():
        measured += _edits(setting, name, library)
    return measured


def _save(path: Path, lines: int) -> None:
    """Write a new effect in the place of a file's, at once."""
    aside = path.with_suffix(".new")
    aside.write_text(material.effect(lines, next(_numbers)))
    os.replace(aside, path)


def _first_ns(setting: Setting, name: str, library: str) -> int:
    path = setting.folder / "effect.py"
    _save(path, _SMALL)
    shutil.rmtree(setting.folder / "caches" / f"{name}-cold", ignore_errors=True)
    env = setting.environment(f"{name}-cold", library)
    program = Program(name, [sys.executable, "-c", _PREPARE, str(path)], env)
    started = time.monotonic_ns()
    with running(program, talks=True) as run:
        run.wait_for("prepared")
        return time.monotonic_ns() - started


def _edits(setting: Setting, name: str, library: str) -> list[Row]:
    """Save effects while `live` plays, until it has taken each."""
    path = setting.folder / "effect.py"
    _save(path, _SMALL)
    warm = ours(setting, name, f"{name}-warm", library)
    first_sound_ns(setting, warm)  # what playing needs is not compiled beside the effect
    command = [sys.executable, "-m", "zerocross", "live", str(path), "--input", str(setting.song)]
    program = Program(name, [*command, "--device", setting.device], warm.env)
    with running(program, talks=True) as run:
        run.wait_for("playing ")
        return [
            Row(
                f"own effect of {lines} lines, saved to taken in live",
                name,
                "s",
                [_edit_s(run, path, lines) for _ in range(setting.slow_rounds)],
                _BARS.get(lines),
            )
            for lines in setting.lines
        ]


def _edit_s(run: Running, path: Path, lines: int) -> float:
    started = time.monotonic()
    _save(path, lines)
    run.wait_for("taken")
    took = time.monotonic() - started
    print(f"  {lines} lines: {took:.3f} s", file=sys.stderr, flush=True)
    return took
