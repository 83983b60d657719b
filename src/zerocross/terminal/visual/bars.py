"""Bars of eighth blocks: from the foot up, from the middle up and down, or of left and right.

A bar stays as it is drawn until it is more than an eighth of a cell off, or a hundredth of the height where
that is more: it does not tremble where the sound stands still, which would take a quarter of all bytes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.compiler import entry, float64_rows, int32_array, kernel, record_at
from zerocross.dsp.state import State
from zerocross.memory import aligned_zeros, layout
from zerocross.spectrum.display import DISPLAY, follow_display
from zerocross.terminal.cells.emit import add_run
from zerocross.terminal.cells.pen import CELLS, REVERSED
from zerocross.terminal.visual.mode import Banded, Scene

__all__ = ["BARS", "Bars", "Mirrored", "Stereo", "nothing", "paint_bars"]

_STILL = 0.01

#: Heights, shape (rows, stride), of which the first bands are shown, and how.
BARS = layout(
    setup=[
        *("display", "cells", "heights", "peaks", "rows", "bands", "stride"),
        *("first", "width", "gap", "up", "down", "hangs"),
        *("rising", "caps", "inks", "peak_ink"),
    ],
    control=["shows_peaks"],
    audio=["eighths", "tops"],
)


@kernel
def _cell(v: Any, c: Any, x: Any, y: Any, glyph: Any, ink: Any) -> None:
    size, at, end = c.columns * c.rows, y * c.columns + x, min(c.columns, x + v.width)
    glyphs, inks = int32_array(c.glyphs, size), int32_array(c.inks, size)
    if x < end and (glyphs[at] != glyph or inks[at] != ink):
        for k in range(at, at + end - x):
            glyphs[k] = glyph
            inks[k] = ink
        add_run(c, y, x, end)


@kernel
def _level(v: Any, c: Any, x: Any, level: Any, eighths: Any, top: Any, is_down: Any) -> None:
    """Draw a bar's cell: so many up from the foot, or down from it."""
    y = v.up + level if is_down else v.up - 1 - level
    full = min(8, max(0, eighths - 8 * level))
    rising, ink = int32_array(v.rising, 9), int32_array(v.inks, v.up)[level]
    if full == 0 and top >= 0 and top >> 3 == level:
        part = (top & 7) * 3 >> 3
        _cell(v, c, x, y, int32_array(v.caps, 3)[2 - part if is_down else part], v.peak_ink)
    elif is_down and v.hangs != 0 and 0 < full < 8:  # what is free of a block hangs from above
        _cell(v, c, x, y, rising[8 - full] | REVERSED, ink)
    else:
        _cell(v, c, x, y, rising[full], ink)


@kernel
def _bar(v: Any, c: Any, bar: Any, x: Any, height: Any, peak: Any) -> None:
    """Draw what is another of a bar: the cells between its heads and its peaks, before and now."""
    drawn = int32_array(v.eighths, v.rows * v.stride)
    tops = int32_array(v.tops, v.rows * v.stride)
    before, exact = drawn[bar], height * v.up * 8.0
    still = max(1.0, v.up * 8.0 * _STILL)
    now = int(exact + 0.5) if abs(exact - before) > still or height <= 0.0 else before
    top_before, top = tops[bar], int(peak * v.up * 8.0 + 0.5) - 1 if v.shows_peaks != 0 else -1
    if now == before and top == top_before:
        return
    drawn[bar], tops[bar] = now, top
    for level in range(min(before, now) >> 3, (max(before, now, top_before, top) >> 3) + 1):
        if level < v.up:
            _level(v, c, x, level, now, top, False)
        if level < v.down:
            _level(v, c, x, level, now, top, True)


@entry("int64", "int64")
def paint_bars(address: int, end: int) -> None:
    """Draw a `BARS` of what was heard before a frame."""
    v = record_at(address, BARS)
    follow_display(record_at(v.display, DISPLAY), end)
    c = record_at(v.cells, CELLS)
    heights = float64_rows(v.heights, v.rows, v.stride)
    peaks = float64_rows(v.peaks, v.rows, v.stride)
    x = v.first
    for bar in range(v.rows * v.bands):
        # Of two rows the first goes from the middle to the left, the other one to the right.
        row = 0 if v.rows == 1 or bar < v.bands else 1
        b = v.bands - 1 - bar if v.rows > 1 and row == 0 else bar - row * v.bands
        _bar(v, c, bar, x, heights[row, b], peaks[row, b])
        x += v.width + v.gap
    c.knows_runs = 1


def nothing(count: int) -> npt.NDArray[np.int32]:
    """Return for so many bars that no peak is drawn."""
    found = aligned_zeros(count, np.int32)
    found.fill(-1)
    return found


class Bars(Banded):
    """A bar for each band, from the foot up."""

    paint = paint_bars
    mix = "mono"
    is_mirrored = False

    def bands_in(self, scene: Scene) -> int:
        whole = scene.settings.bar_width + scene.settings.gap
        if self.mix == "stereo" and scene.cells.columns < 2 * whole - scene.settings.gap:
            return 1
        bars = (scene.cells.columns + scene.settings.gap) // whole
        return max(1, bars // (2 if self.mix == "stereo" else 1))

    def lay_out(self, scene: Scene) -> State:
        cells, settings = scene.cells, scene.settings
        rows, bands = self.display.heights.shape
        used = rows * bands * (settings.bar_width + settings.gap) - settings.gap
        up = (cells.rows + 1) // 2 if self.is_mirrored else cells.rows
        return State(
            BARS,
            display=self.display.record,
            cells=cells.record,
            heights=self.display.heights,
            peaks=self.display.peaks,
            rows=rows,
            bands=bands,
            stride=bands,
            first=max(0, cells.columns - used) // 2,
            width=min(settings.bar_width, cells.columns),
            gap=settings.gap,
            up=up,
            down=cells.rows - up if self.is_mirrored else 0,
            hangs=scene.glyphs.is_unicode,
            rising=scene.glyphs.rising,
            caps=scene.glyphs.caps,
            inks=scene.zones(up),
            peak_ink=scene.ink(scene.palette.peaks),
            eighths=aligned_zeros(rows * bands, np.int32),
            tops=nothing(rows * bands),
        )


class Mirrored(Bars):
    """A bar for each band, from the middle up and down."""

    is_mirrored = True


class Stereo(Bars):
    """Left and right: low bands in the middle, high ones at the edges."""

    mix = "stereo"
