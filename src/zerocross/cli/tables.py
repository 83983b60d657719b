"""What the lab found, for a terminal: histograms as bars, the torture's tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from zerocross.files import printable
from zerocross.lab.contestants import CONTESTANTS
from zerocross.lab.deadlines import RATE
from zerocross.lab.loads import LOADS

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

__all__ = ["histogram_table", "torture_tables"]

_WIDTH = 40
_BUCKETS_IN_A_ROW = 8  # an octave


def histogram_table(
    title: str,
    counts: npt.NDArray[np.int64],
    limits_ns: npt.NDArray[np.float64],
    deadline_ns: int,
) -> Table:
    """Return a histogram of times, a row for each doubling; the bars are logarithmic.

    Parameters
    ----------
    title : str
        Above it.
    counts : ndarray
        Eight to an octave, as the stream counts them.
    limits_ns : ndarray
        The upper limit of each count.
    deadline_ns : int
        Rows beyond it are red.

    """
    from rich.table import Table

    table = Table("up to", "callbacks", "", title=title, title_justify="left", box=None)
    rows = counts.reshape(-1, _BUCKETS_IN_A_ROW).sum(axis=1)
    limits = limits_ns[_BUCKETS_IN_A_ROW - 1 :: _BUCKETS_IN_A_ROW]
    shown = np.flatnonzero(rows)
    for k in range(shown[0], shown[-1] + 1) if len(shown) else ():
        length = _WIDTH * np.log1p(rows[k]) / np.log1p(rows.max())
        bar = "█" * int(length) + ("▌" if length % 1 > 0.5 else "")
        late = limits[k] > deadline_ns
        table.add_row(_time(limits[k]), str(rows[k]), bar, style="red" if late else "")
    return table


def _time(ns: float) -> str:
    for limit, unit, size in ((1e3, "ns", 1.0), (1e6, "µs", 1e3), (1e9, "ms", 1e6)):
        if ns < limit:
            return f"{ns / size:.3g} {unit}"
    return f"{ns / 1e9:.3g} s"


def torture_tables(results: Sequence[dict[str, Any]]) -> Iterable[Table]:
    """Yield a table for each block size: missed deadlines, and the longest time without a call."""
    from rich.table import Table

    loads = list(dict.fromkeys(r["load"] for r in results))
    for block in dict.fromkeys(r["block"] for r in results):
        mine = [r for r in results if r["block"] == block]
        device = mine[0]["device"]
        table = Table(
            "missed (longest gap in ms)",
            *(LOADS[load][0] for load in loads),
            title=f"{block} frames ({1e3 * block / RATE:.2f} ms), {device}",
        )
        for name in dict.fromkeys(r["contestant"] for r in mine):
            cells = [_cell(r) for r in mine if r["contestant"] == name]
            table.add_row(CONTESTANTS[name].name, *cells)
            timers = [r.get("bare_timer") for r in mine if r["contestant"] == name]
            if any(timers):
                row = [
                    f"{t['missed']} ({t['longest_gap_ns'] / 1e6:.1f})" if t else "" for t in timers
                ]
                table.add_row("  a bare timer beside it", *row, style="dim")
        yield table


def _cell(result: dict[str, Any]) -> Text:
    from rich.text import Text

    if "error" in result:
        return Text(printable(result["error"][:60]), style="red")
    share = result["missed"] / max(1, result["due"])
    color = "green" if share < 0.001 else "yellow" if share < 0.02 else "red"
    words = f"{result['missed']} of {result['due']} ({result['longest_gap_ms']:.1f})"
    return Text(words, style=color)
