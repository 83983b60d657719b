"""Pictures of what the lab found: how punctual a machine is, and who missed how much."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from zerocross.cli.figure import new_figure
from zerocross.errors import ZerocrossError
from zerocross.lab.contestants import CONTESTANTS
from zerocross.lab.deadlines import RATE
from zerocross.lab.loads import LOADS

if TYPE_CHECKING:
    from zerocross.lab.listen import Listened

__all__ = ["listened_figure", "torture_figure"]

_LEAST_PERCENT = 0.002  # a bar that is still seen


def listened_figure(heard: Listened) -> Any:
    """Return both histograms as a matplotlib figure, with the time of a block as a line.

    Raises
    ------
    MissingDependency
        Without matplotlib.

    """
    figure = new_figure(8, 6)
    limits = heard.limits_ns / 1e3
    deadline = heard.report["deadline_ns"] / 1e3
    both = (
        (heard.durations, "time that a callback took", "C0"),
        (heard.arrivals, "distance from when it was due", "C1"),
    )
    for ax, (counts, words, color) in zip(figure.subplots(2, 1, sharex=True), both, strict=True):
        shown = counts > 0
        low, high = np.r_[0.5, limits[:-1]][shown], limits[shown]
        ax.bar(np.maximum(low, 0.1), counts[shown], high - low, align="edge", color=color)
        ax.axvline(deadline, color="C3", label=f"a block: {deadline / 1e3:.2f} ms")
        ax.set_yscale("log")
        ax.set_xscale("log")
        ax.set_ylabel("callbacks")
        ax.set_title(words, loc="left")
        ax.grid(alpha=0.3)
        ax.legend()
    ax.set_xlabel("microseconds")
    return figure


def torture_figure(results: Sequence[dict[str, Any]]) -> Any:
    """Return who missed how much under what as a matplotlib figure, a plot for each block size.

    Raises
    ------
    MissingDependency
        Without matplotlib.
    ZerocrossError
        If nothing ran.

    """
    blocks = list(dict.fromkeys(r["block"] for r in results))
    ran = {r["contestant"] for r in results if "missed" in r}
    names = [name for name in CONTESTANTS if name in ran]
    absent = [name for name in CONTESTANTS if name not in ran and _took_part(results, name)]
    if not names:
        raise ZerocrossError("nothing ran, so there is nothing to draw")
    figure = new_figure(9, 1.6 + 2.6 * len(blocks))
    axes = figure.subplots(len(blocks), 1, squeeze=False)[:, 0]
    for ax, block in zip(axes, blocks, strict=True):
        _draw_block(ax, results, names, block)
    if absent:
        words = ", ".join(CONTESTANTS[name].name for name in absent)
        axes[-1].set_xlabel(f"did not run here: {words}")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure


def _draw_block(
    ax: Any, results: Sequence[dict[str, Any]], names: Sequence[str], block: int
) -> None:
    """Draw a bar for each contestant under each load."""
    loads = list(dict.fromkeys(r["load"] for r in results))
    width = 0.8 / len(names)
    for k, name in enumerate(names):
        percents = [_missed_percent(results, name, block, load) for load in loads]
        ax.bar(
            [i + (k - (len(names) - 1) / 2) * width for i in range(len(loads))],
            [max(percent, _LEAST_PERCENT) for percent in percents],
            width,
            label=CONTESTANTS[name].name,
            color=f"C{k}",
        )
    ax.set_yscale("symlog", linthresh=0.1)
    ax.set_ylim(0, 130)
    ax.set_yticks([0, 0.1, 1, 10, 100], ["0", "0.1", "1", "10", "100"])
    ax.set_ylabel("missed deadlines, %")
    ax.set_title(f"{block} frames, {1e3 * block / RATE:.2f} ms", loc="left")
    ax.set_xticks(range(len(loads)), [textwrap.fill(LOADS[load][0], 16) for load in loads])
    ax.grid(axis="y", alpha=0.3)


def _took_part(results: Sequence[dict[str, Any]], name: str) -> bool:
    return any(r["contestant"] == name for r in results)


def _missed_percent(results: Sequence[dict[str, Any]], name: str, block: int, load: str) -> float:
    """Return the share of missed deadlines in %; what did not run counts as none."""
    for r in results:
        if (r["contestant"], r["block"], r["load"]) == (name, block, load) and "missed" in r:
            return float(min(100.0, 100.0 * r["missed"] / max(1, r["due"])))
    return 0.0
