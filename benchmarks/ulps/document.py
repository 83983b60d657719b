"""The tables of docs/elementary.md: the largest error of each function, and where it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.ulps.arguments import sample
from benchmarks.ulps.calls import evaluate
from benchmarks.ulps.errors import Worst, worst_against_mpfr, worst_against_numpy, worst_db
from benchmarks.ulps.functions import Registered, registered
from benchmarks.ulps.survey import Search

__all__ = ["cells", "holds", "measured", "text", "write"]

_HEAD = """# Elementary functions

What `math`, NumPy and `**` mean in compiled code. The largest errors that were found, in units in the
last place of the true result, and the arguments that have them; float32 against NumPy in float64,
float64 against MPFR. The table is made by

    python -m benchmarks elementary-accuracy --write docs/elementary.md

which takes what long searches have found where there is such (`pytest -m soak tests/test_elementary.py`
makes them; they are kept in `.elementary`), and otherwise looks at a sample.
NaN, infinities, zeros with their signs and denormal numbers are as in Annex F of C's standard, and the
bits are the same on every level and on NEON (`tests/test_elementary.py`).

| function | type | largest error | bound | at | of |
|---|---|---|---|---|---|
"""
_FAST_HEAD = """
## Fast ones

`fast_` functions are for modulation and shaping, where an error in dB is what matters: of the true
value where that is above 1, else of 1, within the range given. Elsewhere they may be anything.

| function | type | largest error | bound | at | range |
|---|---|---|---|---|---|
"""
#: Arguments of a sample, where no search is over.
_SAMPLE = {4: 1 << 20, 8: 50_000}

Row = tuple[Registered, Worst, str]


def measured(say: Callable[[str], None] = lambda _name: None) -> list[Row]:
    """Return for each function its largest error and over what it was searched."""
    rows = []
    for one in registered():
        say(one.name)
        rows.append(_fast_row(one) if one.function.is_fast else _row(one))
    return rows


def _row(one: Registered) -> Row:
    kept = Search(one)
    if kept.is_over:
        return one, kept.worst, kept.plan.what
    count = _SAMPLE[one.dtype.itemsize]
    arrays = sample(one.function, one.dtype, count)
    worst_of = worst_against_numpy if one.dtype.itemsize == 4 else worst_against_mpfr
    worst = worst_of(one.function, arrays, evaluate(one, *arrays))
    worst = worst.joined(kept.worst) if kept.done else worst
    return one, worst, f"{_count(worst.count)} stratified"


def _fast_row(one: Registered) -> Row:
    spread = one.function.useful
    x = [np.linspace(low, high, 1 << 20).astype(one.dtype) for low, high in spread]
    told = " and ".join(f"{low:g} to {high:g}" for low, high in spread)
    return one, worst_db(one.function, x, evaluate(one, *x)), told


def _count(number: int) -> str:
    return f"{number:,}".replace(",", " ")


def holds(row: Row) -> bool:
    """Return whether a row's error is within its bound."""
    one, worst, _ = row
    bound = one.function.bound_db
    return worst.error <= (one.function.bound_of(one.dtype) if bound is None else bound)


def cells(row: Row) -> tuple[str, ...]:
    """Return what a row shows: function, type, error, bound, argument, and over what."""
    one, worst, over = row
    unit, bound = "ulp", one.function.bound_of(one.dtype)
    error = f"{worst.error:.4f}"
    if one.function.bound_db is not None:
        unit, bound, error = "dB", one.function.bound_db, f"{worst.error:.1f}"
    at = ", ".join(_shown(x, one.dtype) for x in worst.arguments)
    item = f"float{8 * one.dtype.itemsize}"
    return one.function.name, item, f"{error} {unit}", f"{bound:g} {unit}", at, over


def _shown(x: float, dtype: Any) -> str:
    """Return the shortest number that is this float."""
    return str(np.dtype(dtype).type(x))


def _lines(rows: list[Row], fast: bool) -> Iterator[str]:
    """Yield a table's lines: a function's float32 before its float64."""
    chosen = [row for row in rows if row[0].function.is_fast == fast]
    for row in sorted(chosen, key=lambda row: (row[0].function.name, row[0].dtype.itemsize)):
        yield "| " + " | ".join(cells(row)) + " |\n"


def text(rows: list[Row]) -> str:
    """Return the document."""
    made = _HEAD + "".join(_lines(rows, fast=False))
    fast = "".join(_lines(rows, fast=True))
    return made + (_FAST_HEAD + fast if fast else "")


def write(path: Path, rows: list[Row]) -> None:
    """Write the document."""
    path.write_text(text(rows))
