"""From how many windows on the card pays, in words, from measured figures alone."""

from __future__ import annotations

import math
from typing import Any

__all__ = ["crossover", "sentences", "times_of", "verdict"]

Times = dict[int, float]


def times_of(rows: list[dict[str, Any]]) -> dict[str, Times]:
    """Return for each contestant the ns that batches of so many windows take."""
    found: dict[str, Times] = {}
    for row in rows:
        windows = int(row["size"].split()[0])
        found.setdefault(row["contestant"], {})[windows] = windows * row["median_ns"]
    return found


def crossover(here: Times, card: Times) -> float | None:
    """Return from how many windows on the card is faster, or None if it is not at the largest batch.

    Between two measured batches the proportion of the times is taken to be a power of the windows.
    """
    sizes = sorted(here)
    gains = [math.log(here[n] / card[n]) for n in sizes]
    lost = [k for k, gain in enumerate(gains) if gain <= 0]
    if not lost:
        return sizes[0]
    last = lost[-1]
    if last == len(sizes) - 1:
        return None
    way = -gains[last] / (gains[last + 1] - gains[last])
    return float(sizes[last] * (sizes[last + 1] / sizes[last]) ** way)


def verdict(here: Times, card: Times) -> str:
    """Return who is faster, for one window and for many."""
    one, most = min(here), max(here)
    first, last, beginning = here[one] / card[one], here[most] / card[most], crossover(here, card)
    if first > 1:
        said = f"already for {_windows(one)} the card is {_times(first)} faster"
    else:
        said = f"for {_windows(one)} the CPU is {_times(1 / first)} faster"
    if beginning is None:
        won = [f"{n:,}" for n in sorted(here) if here[n] > card[n]]
        only = f"only at {' and '.join(won)}" if won else f"at no batch up to {most:,}"
        return f"{said}; {only} does the card win, and at {most:,} the CPU is {_times(1 / last)} faster"
    since = "" if beginning <= one else f"; from {math.ceil(beginning):,} windows on the card wins"
    return f"{said}{since}, and at {most:,} the card is {_times(last)} faster"


def sentences(card: str, is_software: bool, times: dict[str, Times], here: str) -> list[str]:
    """Return a verdict for each way to use a card that was measured at more than one window."""
    ways = [name for name, each in times.items() if name != here and len(each) > 1]
    what = f" ({card}" + (
        ", in software, where the card is the processor itself)" if is_software else ")"
    )
    return [f"{way}{what}: {verdict(times[here], times[way])}." for way in ways]


def _windows(count: int) -> str:
    return "one window" if count == 1 else f"{count:,} windows"


def _times(factor: float) -> str:
    return f"{factor:,.0f} times" if factor >= 9.95 else f"{factor:.1f} times"
