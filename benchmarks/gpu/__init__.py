"""From how many windows on a graphics card pays, and a million windows beside other people's arrays on it.

``python -m benchmarks gpu [--windows N] [--json FILE]``. Software that stands in for a card has the million windows
only where their number is named.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.gpu import batches, many, verdict
from benchmarks.gpu.batches import cases
from zerocross.lab.harness import Absent, measure

__all__ = ["cases", "main", "measured"]


def measured(windows: int | None = None) -> dict[str, Any]:
    """Measure batches, and many windows; returns rows, figures and sentences."""
    card = batches.the_card()
    print(f"gpu: {card.name}", file=sys.stderr)
    rows = [row for case in cases() for row in _told(case)]
    times = verdict.times_of(rows)
    here = times[batches.HERE]
    found: dict[str, Any] = {
        "card": card.name,
        "is_software": card.is_software,
        "limits": card.limits,
        "from_windows": {
            name: verdict.crossover(here, each)
            for name, each in times.items()
            if len(each) == len(here) and name != batches.HERE
        },
        "latency_ns": {name: each[1] for name, each in times.items() if 1 in each},
        "verdict": verdict.sentences(card.name, card.is_software, times, batches.HERE),
    }
    latency = ", ".join(f"{name} {ns / 1e3:,.1f} us" for name, ns in found["latency_ns"].items())
    found["verdict"].append(f"One window: {latency}.")
    if windows is None and not card.is_software:
        windows = many.WINDOWS
    if windows is not None:
        copies, most = _told(many.copy()), _told(many.case(windows))
        said, found["many"] = many.sentence(most, copies)
        found["verdict"].append(said)
        rows += copies + most
    return found | {"rows": rows}


def _told(case: Any) -> list[dict[str, Any]]:
    print(f"gpu: {case.work}, {case.size}", file=sys.stderr, flush=True)
    return measure(case)


def main(windows: int | None, path: str | None, table: Any) -> int:
    """Measure, print and write; returns 1 if somebody is faster than ours on a card, 2 without one."""
    try:
        found = measured(windows)
    except Absent as why:
        print(f"error: {why}", file=sys.stderr)
        return 2
    Console(width=140).print(table(found["rows"]))
    print("\n".join(found["verdict"]))
    if path:
        Path(path).write_text(json.dumps(found, indent=2), encoding="utf-8")
    return 1 if any(row["met"] is False for row in found["rows"]) else 0
