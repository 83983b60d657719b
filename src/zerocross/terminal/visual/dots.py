"""A field of dots, eight in a cell: what lines and clouds are drawn on."""

from __future__ import annotations

from typing import Any

import numpy as np

from zerocross.compiler import int32_array, kernel, record_at, uint8_array
from zerocross.dsp.state import State
from zerocross.memory import aligned_zeros, layout
from zerocross.terminal.cells.pen import CELLS
from zerocross.terminal.visual.mode import Scene

__all__ = ["DOTS", "clear_dots", "lay_dots", "make_dots", "set_column", "set_dot"]

#: Dots, by cells of 2 x 4; the field's place among the cells; glyphs by dots; inks of its rows.
DOTS = layout(setup=["cells", "x", "y", "columns", "rows", "table", "inks"], audio=["dots"])


def make_dots(scene: Scene, x: int, y: int, columns: int, rows: int, inks: Any) -> State:
    """Return a `DOTS` over a rectangle of a scene's cells; ``inks`` go by its rows, from above."""
    return State(
        DOTS,
        cells=scene.cells.record,
        x=x,
        y=y,
        columns=columns,
        rows=rows,
        table=scene.glyphs.dots,
        inks=inks,
        dots=aligned_zeros(columns * rows, np.uint8),
    )


@kernel
def clear_dots(d: Any) -> None:
    """Take all dots away."""
    dots = uint8_array(d.dots, d.columns * d.rows)
    for k in range(dots.size):
        dots[k] = np.uint8(0)


@kernel
def set_dot(d: Any, x: Any, y: Any) -> None:
    """Set a dot, if it is inside."""
    if 0 <= x < 2 * d.columns and 0 <= y < 4 * d.rows:
        place, low = (y >> 2) * d.columns + (x >> 1), y & 3
        bit = (1 << (low + 3 * (x & 1))) if low < 3 else 0x40 << (x & 1)
        dots = uint8_array(d.dots, d.columns * d.rows)
        dots[place] = np.uint8(dots[place] | bit)


@kernel
def set_column(d: Any, x: Any, first: Any, last: Any) -> None:
    """Set the dots of a column between two, in either order, both included."""
    low, high = max(0, min(first, last)), min(4 * d.rows - 1, max(first, last))
    for y in range(low, high + 1):
        set_dot(d, x, y)


@kernel
def lay_dots(d: Any) -> None:
    """Bring the dots to the cells."""
    c = record_at(d.cells, CELLS)
    size = c.columns * c.rows
    glyphs, inks = int32_array(c.glyphs, size), int32_array(c.inks, size)
    dots, table = uint8_array(d.dots, d.columns * d.rows), int32_array(d.table, 256)
    row_inks = int32_array(d.inks, d.rows)
    for y in range(d.rows):
        at = (d.y + y) * c.columns + d.x
        for x in range(d.columns):
            glyphs[at + x] = table[dots[y * d.columns + x]]
            inks[at + x] = row_inks[y]
