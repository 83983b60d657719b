"""A figure of a whole process, over some rounds, and the bar that it has to reach."""

from __future__ import annotations

import dataclasses
import statistics
import sys
from collections.abc import Sequence
from typing import Any

from rich.table import Table

from zerocross.lab.harness import Contestant

__all__ = ["Bar", "Row", "in_turns", "table", "with_ratios"]


@dataclasses.dataclass(frozen=True)
class Bar:
    """What is asked of a figure: at most so much, and at most so many times mpv's."""

    most: float | None = None
    most_of_mpv: float | None = None


@dataclasses.dataclass
class Row:
    """What was measured of whom, in every round.

    Attributes
    ----------
    work, contestant, unit : str
    values : sequence of float
        One of each round, in the unit.
    bar : Bar or None
    of_mpv : float or None
        The median, in mpv's of the same work.

    """

    work: str
    contestant: str
    unit: str
    values: Sequence[float]
    bar: Bar | None = None
    of_mpv: float | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def is_met(self) -> bool | None:
        """Whether the bar is reached; None without one, or where mpv was not measured."""
        if self.bar is None or (self.bar.most is None and self.of_mpv is None):
            return None
        under = self.bar.most is None or self.median <= self.bar.most
        as_mpv = None in (self.bar.most_of_mpv, self.of_mpv) or self.of_mpv <= self.bar.most_of_mpv
        return under and as_mpv

    def as_json(self) -> dict[str, Any]:
        bar = self.bar or Bar()
        return {
            "work": self.work,
            "contestant": self.contestant,
            "unit": self.unit,
            "rounds": len(self.values),
            "median": self.median,
            "least": min(self.values),
            "most": max(self.values),
            "of_mpv": self.of_mpv,
            "bar": bar.most,
            "bar_of_mpv": bar.most_of_mpv,
            "met": self.is_met,
        }


def in_turns(
    work: str, contestants: Sequence[Contestant], rounds: dict[str, int], bars: dict[str, Bar]
) -> list[Row]:
    """Time contestants once a round, in alternating order; returns a row of seconds for each.

    Parameters
    ----------
    work : str
    contestants : sequence of Contestant
    rounds : dict
        In how many each takes part, by its name.
    bars : dict
        By names.

    """
    times: dict[str, list[float]] = {one.name: [] for one in contestants}
    for turn in range(max(rounds.values(), default=0)):
        for one in contestants[:: 1 if turn % 2 else -1]:
            if turn >= rounds[one.name]:
                continue
            if one.prepare:
                one.prepare()
            times[one.name].append(one.run(1) / 1e9)
            print(f"  {work}, {one.name}: {times[one.name][-1]:.3f} s", file=sys.stderr, flush=True)
    rows = [Row(work, name, "s", values, bars.get(name)) for name, values in times.items()]
    return with_ratios(rows)


def with_ratios(rows: list[Row]) -> list[Row]:
    """Return rows, each in proportion to mpv's of the same work."""
    mpvs = {row.work: row.median for row in rows if row.contestant == "mpv"}
    for row in rows:
        if mpvs.get(row.work):
            row.of_mpv = row.median / mpvs[row.work]
    return rows


def table(rows: Sequence[Row]) -> Table:
    """Return rows for people."""
    shown = Table("work", "contestant", "median", "least ... most", "of mpv's", "bar", "met")
    for row in rows:
        shown.add_row(
            row.work,
            row.contestant,
            f"{row.median:.3g} {row.unit}",
            f"{min(row.values):.3g} ... {max(row.values):.3g}",
            "" if row.of_mpv is None else f"{row.of_mpv:.2f}",
            _words(row),
            {None: "", True: "yes", False: "[red]no[/red]"}[row.is_met],
        )
    return shown


def _words(row: Row) -> str:
    bar = row.bar or Bar()
    words = [] if bar.most is None else [f"<= {bar.most:.3g} {row.unit}"]
    words += [] if bar.most_of_mpv is None else [f"<= {bar.most_of_mpv:.3g} of mpv's"]
    return ", ".join(words)
