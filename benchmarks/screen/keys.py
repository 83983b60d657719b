"""From a key to the screen: how long until the first byte that it brings."""

from __future__ import annotations

import random
import statistics
import sys
import time

from benchmarks.screen.bars import OURS
from benchmarks.screen.programs import HIDDEN, PAUSE, ours
from benchmarks.screen.setting import Setting
from benchmarks.screen.terminal import Terminal
from benchmarks.start.rows import Bar, Row

__all__ = ["rows"]

_BAR = Bar(30.0)
_PATIENCE_S = 2.0


def rows(setting: Setting) -> list[Row]:
    """Press keys at odd moments while the player stands still, so that nothing else is written."""
    half: list[float] = []
    most: list[float] = []
    for _ in range(setting.rounds):
        with ours(setting, HIDDEN + PAUSE) as terminal:
            for key in "1725":  # each view is built the first time
                terminal.press(key)
                time.sleep(1.0)
            times = _latencies_ms(terminal, setting.presses)
        half.append(statistics.median(times))
        most.append(sorted(times)[max(0, round(0.99 * len(times)) - 1)])
        print(f"  p50 {half[-1]:.3g} ms, p99 {most[-1]:.3g} ms", file=sys.stderr, flush=True)
    return [
        Row("key to screen: p50", OURS, "ms", half),
        Row("key to screen: p99", OURS, "ms", most, _BAR),
    ]


def _latencies_ms(terminal: Terminal, presses: int) -> list[float]:
    """Return how long after each press the first byte came.

    Raises
    ------
    RuntimeError
        If a key brings nothing.

    """
    rng, times = random.Random(16), []
    views = ["2", "7", "1", "5"]
    for k in range(presses):
        time.sleep(rng.uniform(0.25, 0.35))
        before = len(terminal.pieces)
        pressed_s = terminal.press(views[k % len(views)])
        if not terminal.wait_for_bytes(before, _PATIENCE_S):
            raise RuntimeError(f"a key brought nothing:\n{terminal.text}")
        times.append(1e3 * (terminal.pieces[before].at_s - pressed_s))
    return times
