"""From the command to a screen that can be used: ours warm, beside cmus."""

from __future__ import annotations

import shutil
import sys

from benchmarks.screen.bars import OURS
from benchmarks.screen.programs import cmus, missing, ours
from benchmarks.screen.setting import Setting
from benchmarks.start.rows import Bar, Row

__all__ = ["rows"]

_BAR = Bar(0.4)
_CMUS_READY = "Library"


def rows(setting: Setting) -> list[Row]:
    """Start everybody in turns, with warm caches."""
    times: dict[str, list[float]] = {OURS: []}
    if setting.rivals:
        missing("cmus")
        if shutil.which("cmus"):
            times["cmus"] = []
    for turn in range(2 * setting.rounds):
        for name in list(times)[:: -1 if turn % 2 else 1]:
            times[name].append(_ours_s(setting) if name == OURS else _cmus_s(setting))
            print(f"  {name}: {times[name][-1]:.3f} s", file=sys.stderr, flush=True)
    bars = {OURS: _BAR}
    return [
        Row("command to a usable screen", name, "s", each, bars.get(name))
        for name, each in times.items()
    ]


def _ours_s(setting: Setting) -> float:
    """Wait for the views' names and for the name of the song."""
    with ours(setting) as terminal:
        return terminal.wait_for(setting.song.name, 60.0) - terminal.started_s


def _cmus_s(setting: Setting) -> float:
    with cmus(setting) as terminal:
        return terminal.wait_for(_CMUS_READY, 60.0) - terminal.started_s
