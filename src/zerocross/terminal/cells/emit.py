"""Changed cells become bytes for a terminal: the compiled half of `Cells`.

Changed cells beside each other are a run. After a run comes the one that takes the fewest bytes to
begin, of those furthest to the left that are left. What lies between two of them is stepped over or
written once more, whichever is shorter.

Each emission begins and ends with plain colours, and begins by saying where it writes, so others
may write between two. After a cell in the last column a terminal's cursor hangs between two
rows (DEC's pending wrap), and terminals differ in what relative moves do then: the next move is
absolute. So the last cell of a terminal can be written, and nothing scrolls.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from zerocross.compiler import entry, int32_array, kernel, record_at
from zerocross.compiler.primitives.vector import any_lane, i32x16, load_first, splat
from zerocross.terminal.cells.pen import (
    BLANK,
    CELLS,
    NEVER,
    NOWHERE,
    UNKNOWN,
    UNNAMED,
    dress,
    fits,
    glyph_bytes,
    has_ink,
    has_paper,
    move_bytes,
    move_to,
    put_byte,
    put_glyph,
    put_number,
    put_sequence,
    row_bytes,
    to_row,
)

__all__ = ["MOST_RUNS", "add_run", "emit", "emit_cells", "sink_rows"]

#: Runs of changed cells that are put in order; of more, each row's from the left.
MOST_RUNS = 1024
#: So many of those left are asked which of them is the nearest.
_WINDOW = 16
#: About what it takes to name other colours.
_DRESS = 8


# --- what ---------------------------------------------------------------------------------------


@kernel
def _gap_bytes(p: Any, first: Any, count: Any, most: Any) -> Any:
    """Return what it takes to write cells once more with the colours named last, if below most."""
    size = p.columns * p.rows
    glyphs = int32_array(p.shown_glyphs, size)
    inks, papers = int32_array(p.shown_inks, size), int32_array(p.shown_papers, size)
    found = 0
    for k in range(first, first + count):
        if found >= most or not fits(p, glyphs[k], inks[k], papers[k]):
            return most
        found += glyph_bytes(glyphs[k])
    return found


@kernel
def _through_bytes(p: Any, y: Any, x: Any, most: Any) -> Any:
    """Return what it takes to change the row and then write what lies before a cell once more."""
    gap = p.left + x - p.column
    if p.row == NOWHERE or not 0 < gap <= x:
        return most
    row = row_bytes(p, p.top + y)
    return row + _gap_bytes(p, y * p.columns + x - gap, gap, most - row) if row < most else most


@kernel
def _reach_bytes(p: Any, y: Any, x: Any) -> Any:
    most = move_bytes(p, p.top + y, p.left + x)
    return min(most, _through_bytes(p, y, x, most))


@kernel
def _reach(p: Any, y: Any, x: Any) -> None:
    """Bring the cursor to a cell of the rectangle, over what lies between or through it."""
    row, column = p.top + y, p.left + x
    most = move_bytes(p, row, column)
    if _through_bytes(p, y, x, most) < most:
        glyphs = int32_array(p.shown_glyphs, p.columns * p.rows)
        gap = column - p.column
        if row != p.row:
            to_row(p, row)
        for k in range(y * p.columns + x - gap, y * p.columns + x):
            put_glyph(p, glyphs[k])
        p.row, p.column = row, column
    else:
        move_to(p, row, column)


@kernel
def _write_run(p: Any, y: Any, first: Any, end: Any) -> None:
    """Write cells that changed, and remember that they are shown."""
    size, start = p.columns * p.rows, y * p.columns
    glyphs, shown_glyphs = int32_array(p.glyphs, size), int32_array(p.shown_glyphs, size)
    inks, shown_inks = int32_array(p.inks, size), int32_array(p.shown_inks, size)
    papers, shown_papers = int32_array(p.papers, size), int32_array(p.shown_papers, size)
    _reach(p, y, first)
    for k in range(start + first, start + end):
        dress(p, glyphs[k], inks[k], papers[k])
        put_glyph(p, glyphs[k])
        shown_glyphs[k], shown_inks[k], shown_papers[k] = glyphs[k], inks[k], papers[k]
    p.column += end - first
    if end == p.columns:  # perhaps the terminal's last column
        p.row = p.column = NOWHERE


# --- in which order -----------------------------------------------------------------------------


@kernel
def _is_changed(p: Any, k: Any, size: Any) -> Any:
    glyph = int32_array(p.glyphs, size)[k]
    if glyph != int32_array(p.shown_glyphs, size)[k]:
        return True
    if has_ink(glyph) and int32_array(p.inks, size)[k] != int32_array(p.shown_inks, size)[k]:
        return True
    return (
        has_paper(glyph) and int32_array(p.papers, size)[k] != int32_array(p.shown_papers, size)[k]
    )


@kernel
def _differs(p: Any, wanted: Any, shown: Any, start: Any, size: Any) -> Any:
    """Say whether a row of a grid is another one."""
    a, b = int32_array(wanted, size), int32_array(shown, size)
    found = splat(i32x16, np.int32(0))
    for k in range(0, p.columns, 16):
        left = p.columns - k
        found = found | (
            load_first(i32x16, a, start + k, left) ^ load_first(i32x16, b, start + k, left)
        )
    return any_lane(found != splat(i32x16, np.int32(0)))


@kernel
def _row_differs(p: Any, y: Any) -> Any:
    start, size = y * p.columns, p.columns * p.rows
    return (
        _differs(p, p.glyphs, p.shown_glyphs, start, size)
        or _differs(p, p.inks, p.shown_inks, start, size)
        or _differs(p, p.papers, p.shown_papers, start, size)
    )


@kernel
def _find_run(p: Any, y: Any, x: Any) -> Any:
    """Return where the next run of changed cells of a row begins, and its end."""
    start, size = y * p.columns, p.columns * p.rows
    while x < p.columns and not _is_changed(p, start + x, size):
        x += 1
    end = x
    while end < p.columns and _is_changed(p, start + end, size):
        end += 1
    return x, end


@kernel
def add_run(p: Any, y: Any, first: Any, end: Any) -> None:
    """Say that cells of a row changed.

    What draws and says so of all that it changes sets ``knows_runs``: nothing else is looked at by the
    next emission then, unless it `must_scan`.
    """
    run = p.run_count
    if run < MOST_RUNS:
        heads = int32_array(p.heads, p.columns)
        int32_array(p.run_rows, MOST_RUNS)[run] = y
        int32_array(p.run_firsts, MOST_RUNS)[run] = first
        int32_array(p.run_ends, MOST_RUNS)[run] = end
        int32_array(p.run_nexts, MOST_RUNS)[run] = heads[first]
        heads[first] = run
    p.run_count = min(run, MOST_RUNS) + 1  # more than there is room for are only counted


@kernel
def _drop_runs(p: Any) -> None:
    heads = int32_array(p.heads, p.columns)
    for x in range(p.columns):
        heads[x] = NOWHERE
    p.run_count = p.knows_runs = p.must_scan = 0


@kernel
def _collect(p: Any) -> None:
    """List the runs of changed cells, those of a column behind each other."""
    _drop_runs(p)
    for y in range(p.rows):
        end = 0
        if _row_differs(p, y):
            while end < p.columns:
                first, end = _find_run(p, y, end)
                if first < end:
                    add_run(p, y, first, end)


@kernel
def _chain_up(p: Any) -> Any:
    """Join the lists of all columns to one, from the left; returns its first run."""
    nexts, heads = int32_array(p.run_nexts, MOST_RUNS), int32_array(p.heads, p.columns)
    head = NOWHERE
    for back in range(p.columns):
        x = p.columns - 1 - back
        if heads[x] != NOWHERE:
            last = heads[x]
            while nexts[last] != NOWHERE:
                last = nexts[last]
            nexts[last] = head
            head = heads[x]
    return head


@kernel
def _run_bytes(p: Any, run: Any) -> Any:
    """Return about what it takes to begin a run from where the cursor is."""
    y = int32_array(p.run_rows, MOST_RUNS)[run]
    x = int32_array(p.run_firsts, MOST_RUNS)[run]
    k, size = y * p.columns + x, p.columns * p.rows
    glyph = int32_array(p.glyphs, size)[k]
    ink, paper = int32_array(p.inks, size)[k], int32_array(p.papers, size)[k]
    return _reach_bytes(p, y, x) + (0 if fits(p, glyph, ink, paper) else _DRESS)


@kernel
def _write_nearest(p: Any, head: Any) -> None:
    """Write all runs, each time that of the first few left which takes the fewest bytes to begin."""
    rows, firsts = int32_array(p.run_rows, MOST_RUNS), int32_array(p.run_firsts, MOST_RUNS)
    ends, nexts = int32_array(p.run_ends, MOST_RUNS), int32_array(p.run_nexts, MOST_RUNS)
    while head != NOWHERE:
        best, best_before, fewest = head, NOWHERE, NEVER
        run, before = head, NOWHERE
        for _ in range(_WINDOW):
            if run == NOWHERE:
                break
            found = _run_bytes(p, run)
            if found < fewest:
                best, best_before, fewest = run, before, found
            before, run = run, nexts[run]
        if best_before == NOWHERE:
            head = nexts[best]
        else:
            nexts[best_before] = nexts[best]
        _write_run(p, rows[best], firsts[best], ends[best])


@kernel
def _write_in_rows(p: Any) -> None:
    for y in range(p.rows):
        end = 0
        while end < p.columns:
            first, end = _find_run(p, y, end)
            if first < end:
                _write_run(p, y, first, end)


# --- moved by the terminal ------------------------------------------------------------------------


@kernel
def _sink(grid: Any, columns: Any, rows: Any, value: Any) -> None:
    cells = int32_array(grid, columns * rows)
    for back in range(columns * (rows - 1)):
        k = columns * rows - 1 - back
        cells[k] = cells[k - columns]
    for k in range(columns):
        cells[k] = value


@kernel
def sink_rows(p: Any) -> None:
    """Want every row one lower, and blanks in the first one."""
    _sink(p.glyphs, p.columns, p.rows, BLANK)
    _sink(p.inks, p.columns, p.rows, -1)
    _sink(p.papers, p.columns, p.rows, -1)
    p.sunk += 1


@kernel
def _let_sink(p: Any) -> None:
    """Have the terminal move its own rows down, where nothing else stands in them."""
    if p.is_alone != 0 and 0 < p.sunk < p.rows:
        put_byte(p, 27)  # DECSTBM: only these rows
        put_byte(p, 91)
        put_number(p, p.top + 1)
        put_byte(p, 59)
        put_number(p, p.top + p.rows)
        put_byte(p, 114)
        move_to(p, p.top, 0)
        for _ in range(p.sunk):  # RI above the first one
            put_byte(p, 27)
            put_byte(p, 77)
            # What it fills the row with is its own paper, if that is not what it was told last.
            _sink(p.shown_glyphs, p.columns, p.rows, BLANK if p.ground < 0 else UNKNOWN)
            _sink(p.shown_inks, p.columns, p.rows, -1)
            _sink(p.shown_papers, p.columns, p.rows, -1)
        put_sequence(p, 1, 114)
        p.row = p.column = NOWHERE
    p.sunk = 0


@kernel
def emit(p: Any, left: Any, top: Any) -> Any:
    """Write what changed of a `CELLS` whose first cell is at a place of the terminal, from 0.

    Returns how many bytes there are.
    """
    p.left, p.top, p.at = left, top, 0
    p.row = p.column = NOWHERE
    plain = -1 if p.ground < 0 else UNNAMED
    p.ink, p.paper, p.style = -1, plain, 0
    _let_sink(p)
    if p.knows_runs == 0 or p.must_scan != 0:
        _collect(p)
    if p.run_count <= MOST_RUNS:
        _write_nearest(p, _chain_up(p))
    else:
        _write_in_rows(p)
    _drop_runs(p)
    if p.ink != -1 or p.paper != plain or p.style != 0:
        put_sequence(p, 1, 109)
    return p.at


@entry("int64", "int64", "int64")
def emit_cells(address: int, left: int, top: int) -> int:
    """`emit` by address."""
    size: int = emit(record_at(address, CELLS), left, top)
    return size
