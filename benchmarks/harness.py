"""The harness: checks every contestant for correctness, then times them in turns.

A contestant that is timed inside compiled code is an entry point which repeats the work
and returns the nanoseconds; one that is timed as a call from Python is a function. Rounds
alternate between the contestants, so that a machine that slows down slows all of them; the
median over the rounds is the result, the 10th and 90th percentile its spread.
"""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable
from typing import Any

ROUNDS = 31
ROUND_NS = 1_500_000


@dataclasses.dataclass
class Contestant:
    """Something that does the work.

    ``call`` does it once; ``repeat(n)`` does it n times and returns the nanoseconds, which
    is by default a loop around ``call`` in Python. ``check`` raises if the result is wrong.
    """

    name: str
    call: Callable[[], Any] | None = None
    repeat: Callable[[int], int] | None = None
    check: Callable[[], None] | None = None
    prepare: Callable[[], None] | None = None
    calls_in_one: float = 1.0

    def run(self, times: int) -> int:
        if self.repeat:
            return self.repeat(times)
        assert self.call
        started = time.perf_counter_ns()
        for _ in range(times):
            self.call()
        return time.perf_counter_ns() - started


@dataclasses.dataclass
class Bar:
    """What is asked: ours must take at most ``limit`` times the time of ``against``."""

    against: str
    limit: float


@dataclasses.dataclass
class Case:
    """One work at one size; the first contestant is ours, the bars are about it.

    ``limit_ns`` is a bar in nanoseconds, for works whose yardstick was measured elsewhere.
    """

    work: str
    size: str
    contestants: list[Contestant]
    bars: list[Bar]
    limit_ns: float | None = None


def measure(case: Case) -> list[dict[str, Any]]:
    """Check, time in turns, and return a row for each contestant."""
    counts: dict[str, int] = {}
    for contestant in case.contestants:
        if contestant.check:
            contestant.check()
        counts[contestant.name] = _calibrate(contestant)
    times: dict[str, list[float]] = {c.name: [] for c in case.contestants}
    for turn in range(ROUNDS):
        order = case.contestants if turn % 2 else case.contestants[::-1]
        for contestant in order:
            if contestant.prepare:
                contestant.prepare()
            count = counts[contestant.name]
            times[contestant.name].append(contestant.run(count) / count / contestant.calls_in_one)
    return _rows(case, times)


def _calibrate(contestant: Contestant) -> int:
    """Return how many repetitions make a round long enough to be timed."""
    count = 1
    while True:
        if contestant.prepare:
            contestant.prepare()
        took = contestant.run(count)
        if took > ROUND_NS / 4 or count > 1 << 24:
            return max(1, round(count * ROUND_NS / max(1, took)))
        count *= 4


def _rows(case: Case, times: dict[str, list[float]]) -> list[dict[str, Any]]:
    medians = {name: statistics.median(values) for name, values in times.items()}
    ours = case.contestants[0].name
    limits = {bar.against: bar.limit for bar in case.bars}
    rows = []
    for name, values in times.items():
        tenths = statistics.quantiles(values, n=10)
        ratio = medians[ours] / medians[name]
        limit = limits.get(name)
        rows.append(
            {
                "work": case.work,
                "size": case.size,
                "contestant": name,
                "median_ns": medians[name],
                "p10_ns": tenths[0],
                "p90_ns": tenths[-1],
                "ratio": ratio,
                "bar": limit,
                "met": None if limit is None else ratio <= limit,
            }
        )
    if case.limit_ns is not None:
        ratio = medians[ours] / case.limit_ns
        given = dict.fromkeys(("median_ns", "p10_ns", "p90_ns"), case.limit_ns)
        rows.append(
            {"work": case.work, "size": case.size, "contestant": "the bar", **given}
            | {"ratio": ratio, "bar": 1.0, "met": ratio <= 1.0}
        )
    return rows
