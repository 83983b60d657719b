"""A waterfall: the newest spectrum as a line of colours above all before it, which sink.

Two lines stand in a row of half blocks, the newer above, each colour of 24 bits where there are; where
colours are few or none, a row is a line of shades. The terminal moves what sinks, where nothing
stands beside the rectangle (`Cells.is_alone`): a line then takes what it is made of and no more.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from zerocross.compiler import entry, float64_array, int32_array, kernel, record_at
from zerocross.dsp.state import State
from zerocross.memory import aligned_zeros, layout
from zerocross.spectrum.display import DISPLAY, follow_display
from zerocross.terminal.cells.emit import sink_rows
from zerocross.terminal.cells.pen import CELLS
from zerocross.terminal.visual.colours import heat_of
from zerocross.terminal.visual.mode import Banded, Scene
from zerocross.terminal.visual.settings import Settings

__all__ = ["Waterfall"]

_STEPS = 64
#: Without gravity: a line shows what is heard, and not what falls.
_AT_ONCE = 1000.0

_WATERFALL = layout(
    setup=[
        *("display", "cells", "heights", "bands", "heat", "steps", "shades", "glyph"),
        *("is_halved", "line_frames", "most"),
    ],
    control=["shows_peaks"],
    kernel=["is_half_full", "next"],
)


@kernel
def _step(v: Any, x: Any) -> Any:
    return min(v.steps - 1, int(float64_array(v.heights, v.bands)[x] * v.steps))


@kernel
def _shade(v: Any, c: Any) -> None:
    """Write a line of shades, one of them for each cell of the first row."""
    size = c.columns * c.rows
    glyphs, inks = int32_array(c.glyphs, size), int32_array(c.inks, size)
    heat, shades = int32_array(v.heat, v.steps), int32_array(v.shades, v.steps)
    for x in range(c.columns):
        glyphs[x], inks[x] = shades[_step(v, x)], heat[_step(v, x)]


@kernel
def _colour(v: Any, c: Any) -> None:
    """Write a line of colours into the lower or the upper halves of the first row."""
    size = c.columns * c.rows
    glyphs, inks = int32_array(c.glyphs, size), int32_array(c.inks, size)
    papers, heat = int32_array(c.papers, size), int32_array(v.heat, v.steps)
    for x in range(c.columns):
        colour = heat[_step(v, x)]
        if v.is_half_full == 0:
            glyphs[x], inks[x], papers[x] = v.glyph, colour, -1
        elif inks[x] == colour:
            glyphs[x], papers[x] = 32, colour
        else:
            papers[x] = colour


@kernel
def _due(v: Any, end: Any) -> Any:
    """Return how many lines are to sink by a frame."""
    late = (end - v.next) // v.line_frames  # lines, or less than none
    if v.next < 0 or not -2 < late < v.most:  # the first one, or long not looked at
        v.next, late = end, 0
    due = late + 1 if end >= v.next else 0
    v.next += due * v.line_frames
    return due


@entry("int64", "int64")
def paint_waterfall(address: int, end: int) -> None:
    """Let lines of a `_WATERFALL` sink, and look at what was heard before a frame."""
    v = record_at(address, _WATERFALL)
    c = record_at(v.cells, CELLS)
    follow_display(record_at(v.display, DISPLAY), end)
    for _ in range(_due(v, end)):
        if v.is_halved == 0:
            sink_rows(c)
            _shade(v, c)
        else:
            if v.is_half_full == 0:
                sink_rows(c)
            _colour(v, c)
            v.is_half_full = 1 - v.is_half_full


class Waterfall(Banded):
    """A band for each column, a line for each moment."""

    paint = paint_waterfall
    smear = 0.0

    def lay_out(self, scene: Scene) -> State:
        cells, is_halved = scene.cells, scene.depth in ("256", "true") and scene.glyphs.is_unicode
        rows = cells.rows * (2 if is_halved else 1)
        shades = aligned_zeros(_STEPS, np.int32)
        shades[:] = scene.glyphs.shades[np.arange(_STEPS) * len(scene.glyphs.shades) // _STEPS]
        heat = aligned_zeros(_STEPS, np.int32)
        heat[:] = heat_of(scene.palette, scene.depth, _STEPS) if is_halved else self._few(scene)
        return State(
            _WATERFALL,
            display=self.display.record,
            line_frames=max(1, round(scene.settings.history_s / rows * scene.sample_rate)),
            most=rows,
            next=-1,
            cells=cells.record,
            heights=self.display.heights,
            bands=self.display.heights.shape[1],
            heat=heat,
            steps=_STEPS,
            shades=shades,
            glyph=ord("▄"),
            is_halved=is_halved,
        )

    def _few(self, scene: Scene) -> np.ndarray[Any, Any]:
        """Return inks for shades: those of bars."""
        return scene.zones(_STEPS)

    def adjust(self, settings: Settings) -> None:
        super().adjust(settings)
        self.display.gravity = _AT_ONCE
