"""Full-window bars: CPU time, bytes to the terminal, and how much they move; beside cava."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from benchmarks.screen.programs import FULL_BARS, cava, cava_methods, missing, ours
from benchmarks.screen.seen import CELLS_OF_A_BAR, motion
from benchmarks.screen.setting import Setting
from benchmarks.screen.terminal import Terminal
from benchmarks.start.proc import cpu_and_wakes
from benchmarks.start.rows import Bar, Row

__all__ = ["OURS", "rows"]

OURS = "zerocross"
_CPU_BAR, _BYTES_BAR = Bar(2.0), Bar(26.0)


def rows(setting: Setting) -> list[Row]:
    """Measure everybody in turns, on the same stretch of the song."""
    bars = (setting.columns + 1) // (CELLS_OF_A_BAR + 1)
    runs: dict[str, Callable[[], AbstractContextManager[Terminal]]] = {
        OURS: lambda: ours(setting, FULL_BARS)
    }
    if setting.rivals:
        missing("cava")
        for method in cava_methods():
            runs[f"cava, {method}"] = lambda method=method: cava(setting, method, bars)
    found: dict[str, list[dict[str, float]]] = {name: [] for name in runs}
    for turn in range(setting.rounds):
        for name in list(runs)[:: -1 if turn % 2 else 1]:
            with runs[name]() as terminal:
                found[name].append(_figures(setting, terminal, bars))
            words = ", ".join(f"{key} {value:.3g}" for key, value in found[name][-1].items())
            print(f"  {name}: {words}", file=sys.stderr, flush=True)
    return [row for name, each in found.items() for row in _rows_of(name, each)]


def _figures(setting: Setting, terminal: Terminal, bars: int) -> dict[str, float]:
    """Watch a program for a while."""
    time.sleep(max(0.0, terminal.started_s + setting.settle_s - time.monotonic()))
    begin_s = time.monotonic()
    threads = cpu_and_wakes(terminal.process.pid, setting.seconds)
    end_s = time.monotonic()
    if terminal.process.poll() is not None:
        raise RuntimeError(f"it ended while it was to draw:\n{terminal.text}")
    seen = motion(terminal.pieces, begin_s, end_s, (setting.columns, setting.rows), bars)
    return {
        "CPU": sum(thread.cpu_s for thread in threads) / 60 * 100,
        "written": terminal.bytes_between(begin_s, end_s) / (end_s - begin_s) / 1e3,
        "bars": seen.bars,
        "height": seen.height,
        "change": seen.change,
        "frames": seen.frames,
        "wake-ups": sum(thread.wakes for thread in threads),
    }


#: The figures, their words, units and ours' bars.
_SHOWN = (
    ("CPU", "full-window bars: CPU", "% of a core", _CPU_BAR),
    ("written", "full-window bars: to the terminal", "kB/s", _BYTES_BAR),
    ("change", "full-window bars: change per bar and frame", "eighths", None),
    ("height", "full-window bars: mean height", "eighths", None),
    ("frames", "full-window bars: frames shown", "1/s", None),
    ("bars", "full-window bars: bars that stood", "", None),
    ("wake-ups", "full-window bars: wake-ups", "1/s", None),
)


def _rows_of(name: str, found: list[dict[str, float]]) -> list[Row]:
    return [
        Row(words, name, unit, [each[key] for each in found], bar if name == OURS else None)
        for key, words, unit, bar in _SHOWN
    ]
