"""The harness: checks every contestant for correctness, then times them in turns.

A contestant that is timed inside compiled code is an entry point which repeats the work
and returns the nanoseconds; one that is timed as a call from Python is a function. Rounds
alternate between the contestants, so that a machine that slows down slows all of them; the
median over the rounds is the result, the 10th and 90th percentile its spread.

A contestant of the torture is not timed but plays in real time, and what it missed is counted.
"""

from __future__ import annotations

import dataclasses
import statistics
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from zerocross.lab.loads import Load

__all__ = ["Absent", "Bar", "Case", "Contestant", "Play", "measure"]

ROUNDS = 31
ROUND_NS = 1_500_000


class Absent(Exception):
    """A contestant that is not here, and why: its check raises it, and it is left out."""


class Play(Protocol):
    """Play in real time for some seconds under a load, and return what was counted."""

    def __call__(self, block: int, seconds: float, load: Load, device: str) -> dict[str, Any]: ...


@dataclasses.dataclass
class Contestant:
    """Someone who does the work, in one of three ways.

    Attributes
    ----------
    name : str
        For people: who it is, and by which call.
    call : callable or None
        Does the work once; it is repeated by a loop in Python.
    repeat : callable or None
        Does the work so many times and returns the nanoseconds.
    check : callable or None
        Raises if the result is wrong, or `Absent`; called before the timing.
    prepare : callable or None
        Called before every round, outside the time.
    calls_in_one : float
        Units of work (frames, transforms of a batch) in one call; times are of one unit.
    play : Play or None
        Plays in real time (see `zerocross.lab.torture`).

    """

    name: str
    call: Callable[[], Any] | None = None
    repeat: Callable[[int], int] | None = None
    check: Callable[[], None] | None = None
    prepare: Callable[[], None] | None = None
    calls_in_one: float = 1.0
    play: Play | None = None

    def run(self, times: int) -> int:
        """Do the work so many times; returns the nanoseconds."""
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
    """Check, time in turns, and return a row for each contestant.

    Raises
    ------
    AssertionError
        If a contestant's result is wrong: nothing is timed then.

    """
    here = [contestant for contestant in case.contestants if _is_here(contestant)]
    counts = {contestant.name: _calibrate(contestant) for contestant in here}
    times: dict[str, list[float]] = {contestant.name: [] for contestant in here}
    for turn in range(ROUNDS):
        order = here if turn % 2 else here[::-1]
        for contestant in order:
            if contestant.prepare:
                contestant.prepare()
            count = counts[contestant.name]
            times[contestant.name].append(contestant.run(count) / count / contestant.calls_in_one)
    return _rows(case, times)


def _is_here(contestant: Contestant) -> bool:
    """Check a contestant; returns whether it is here."""
    try:
        if contestant.check:
            contestant.check()
    except Absent as why:
        print(f"without {contestant.name}: {why}", file=sys.stderr)
        return False
    return True


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
    limits = {bar.against: bar.limit for bar in case.bars}
    ours = statistics.median(times[case.contestants[0].name])
    rows = []
    for name, values in times.items():
        tenths = statistics.quantiles(values, n=10)
        spread = tenths[0], statistics.median(values), tenths[-1]
        rows.append(_row(case, name, ours, spread, limits.get(name)))
    if case.limit_ns is not None:
        rows.append(_row(case, "the bar", ours, (case.limit_ns,) * 3, 1.0))
    return rows


def _row(
    case: Case, name: str, ours_ns: float, spread: tuple[float, float, float], limit: float | None
) -> dict[str, Any]:
    p10, median, p90 = spread
    ratio = ours_ns / median
    return {
        "work": case.work,
        "size": case.size,
        "contestant": name,
        "median_ns": median,
        "p10_ns": p10,
        "p90_ns": p90,
        "ratio": ratio,
        "bar": limit,
        "met": None if limit is None else ratio <= limit,
    }
