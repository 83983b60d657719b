"""What the whole player costs while its visualiser is hidden, and paused: CPU time and wake-ups."""

from __future__ import annotations

import sys
import time

from benchmarks.screen.bars import OURS
from benchmarks.screen.programs import FULL_BARS, HIDDEN, PAUSE, ours
from benchmarks.screen.setting import Setting
from benchmarks.start.proc import cpu_and_wakes
from benchmarks.start.rows import Bar, Row

__all__ = ["rows"]

#: A state, the keys that lead to it from the one before, and what it may cost, in % of a core.
_STATES = (
    ("visualiser hidden", FULL_BARS + HIDDEN, Bar(0.7)),
    ("paused", PAUSE, Bar(0.05)),
    ("paused, bars shown", FULL_BARS, Bar(0.05)),
)
#: A pause keeps the device for a while; then nothing is called any more.
_LONG_PAUSE_S = 7.0


def rows(setting: Setting) -> list[Row]:
    """Steer one player through all states, in every round."""
    cpu: dict[str, list[float]] = {state: [] for state, _, _ in _STATES}
    wakes: dict[str, list[float]] = {state: [] for state, _, _ in _STATES}
    written: dict[str, list[float]] = {state: [] for state, _, _ in _STATES}
    for _ in range(setting.rounds):
        with ours(setting) as terminal:
            for state, keys, _ in _STATES:
                for key in keys:
                    terminal.press(key)
                    time.sleep(0.3)
                time.sleep(_LONG_PAUSE_S if "paused" in state and setting.rivals else 1.0)
                begin_s = time.monotonic()
                threads = cpu_and_wakes(terminal.process.pid, setting.seconds)
                cpu[state].append(sum(thread.cpu_s for thread in threads) / 60 * 100)
                wakes[state].append(sum(thread.wakes for thread in threads))
                written[state].append(
                    terminal.bytes_between(begin_s, time.monotonic()) / setting.seconds / 1e3
                )
                print(
                    f"  {state}: CPU {cpu[state][-1]:.3g} %, {wakes[state][-1]:.3g} wake-ups a second",
                    file=sys.stderr,
                    flush=True,
                )
    made = []
    for state, _, bar in _STATES:
        made.append(Row(f"{state}: CPU", OURS, "% of a core", cpu[state], bar))
        made.append(Row(f"{state}: wake-ups", OURS, "1/s", wakes[state]))
        made.append(Row(f"{state}: to the terminal", OURS, "kB/s", written[state]))
    return made
