"""A line over the bands, of braille dots: two columns and four rows in a cell."""

from __future__ import annotations

from typing import Any

from zerocross.compiler import entry, float64_rows, kernel, record_at
from zerocross.dsp.state import State
from zerocross.memory import layout
from zerocross.spectrum.display import DISPLAY, follow_display
from zerocross.terminal.visual.dots import (
    DOTS,
    clear_dots,
    lay_dots,
    make_dots,
    set_column,
    set_dot,
)
from zerocross.terminal.visual.mode import Banded, Scene

__all__ = ["Line"]

_LINE = layout(setup=["display", "dots", "heights", "peaks", "bands"], control=["shows_peaks"])


@kernel
def _between(values: Any, bands: Any, x: Any, columns: Any) -> Any:
    """Return what lies at a column, on straight lines between the middles of bands."""
    at = min(bands - 1.0, max(0.0, (x + 0.5) * bands / columns - 0.5))
    first = int(at)
    second = min(bands - 1, first + 1)
    return values[0, first] + (at - first) * (values[0, second] - values[0, first])


@kernel
def _line(v: Any, d: Any) -> None:
    heights, peaks = float64_rows(v.heights, 1, v.bands), float64_rows(v.peaks, 1, v.bands)
    columns, last = 2 * d.columns, 4 * d.rows - 1
    before = -1
    for x in range(columns):
        y = last - int(_between(heights, v.bands, x, columns) * last + 0.5)
        if x == 0 or y == before:
            set_dot(d, x, y)
        else:
            set_column(d, x, before + (1 if y > before else -1), y)
        before = y
        if v.shows_peaks != 0:
            set_dot(d, x, last - int(_between(peaks, v.bands, x, columns) * last + 0.5))


@entry("int64", "int64")
def paint_line_of_bands(address: int, end: int) -> None:
    """Draw a `_LINE` of what was heard before a frame."""
    v = record_at(address, _LINE)
    follow_display(record_at(v.display, DISPLAY), end)
    d = record_at(v.dots, DOTS)
    clear_dots(d)
    _line(v, d)
    lay_dots(d)


class Line(Banded):
    """A line through the heights of as many bands as there are columns."""

    paint = paint_line_of_bands

    def lay_out(self, scene: Scene) -> State:
        cells = scene.cells
        inks = scene.zones(cells.rows)[::-1].copy()
        return State(
            _LINE,
            display=self.display.record,
            dots=make_dots(scene, 0, 0, cells.columns, cells.rows, inks),
            heights=self.display.heights,
            peaks=self.display.peaks,
            bands=self.display.heights.shape[1],
        )
