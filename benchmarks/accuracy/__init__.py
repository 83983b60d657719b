"""How right the numbers are: each figure of docs/accuracy.md, measured against an oracle.

A part is a module beside this one with ``rows()``. ``python -m benchmarks accuracy`` prints them all.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

from benchmarks.accuracy.row import Row

_HEAD = """# Accuracy

Each figure against an implementation or a text that is not ours. The tables are made by one command,
which measures everything again:

    python -m benchmarks accuracy --write docs/accuracy.md

The tests measure the same rows and fail where one is over its bound (`tests/test_accuracy.py`).
"""


def parts() -> list[str]:
    """Return the names of the parts."""
    return [each.name for each in pkgutil.iter_modules(__path__) if each.name != "row"]


def rows_of(part: str) -> list[Row]:
    """Measure a part's rows."""
    rows: list[Row] = importlib.import_module(f"benchmarks.accuracy.{part}").rows()
    return rows


def write(path: Path, measured: dict[str, list[Row]]) -> None:
    """Write the tables as a document."""
    path.write_text("\n".join([_HEAD, *(_section(*each) for each in measured.items())]))


def _section(part: str, rows: list[Row]) -> str:
    lines: Iterator[str] = (
        f"| {row.what} | {row.oracle} | {row.measured:.3g} {row.unit} | {row.bound:.3g} {row.unit} |"
        for row in rows
    )
    head = "| what | oracle | measured | bound |\n|---|---|---|---|"
    return "\n".join([f"## {part.capitalize()}\n", head, *lines, ""])
