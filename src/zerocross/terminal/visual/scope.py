"""An oscilloscope: left above right, each against time, held still by a trigger."""

from __future__ import annotations

from typing import Any

import numpy as np

from zerocross.compiler import entry, kernel, record_at
from zerocross.dsp.state import State
from zerocross.memory import aligned_zeros
from zerocross.sync.tap import TAP
from zerocross.terminal.visual.dots import DOTS, clear_dots, lay_dots, make_dots, set_column
from zerocross.terminal.visual.mode import Mode, Scene
from zerocross.terminal.visual.settings import Settings
from zerocross.terminal.visual.waves import WAVES, follow_loudest, sample_of, window_of

__all__ = ["Oscilloscope"]

#: How far below zero a wave has to be, as a share of the loudest, before it may rise through it.
_BELOW = 0.05


@kernel
def _middle(tap: Any, at: Any) -> Any:
    left, right = window_of(tap, 0, at, 1), window_of(tap, 1, at, 1)
    return sample_of(left, 0) + sample_of(right, 0)


@kernel
def _find_start(v: Any, tap: Any, latest: Any, loudest: Any) -> Any:
    """Return the last frame up to one at which the middle rises through zero, or that one.

    It has to have been clearly below before, so that noise near zero does not count.
    """
    earliest = max(1, latest - v.frames)
    found = 0
    after = _middle(tap, latest)
    for back in range(latest - earliest):
        at = latest - back
        before = _middle(tap, at - 1)
        if found == 0 and before < 0.0 <= after:
            found = at
        elif found > 0 and before >= 0.0:  # not deep enough: it is not the one
            found = 0
        if found > 0 and before < -_BELOW * loudest:
            return found
        after = before
    return latest


@kernel
def _loudest_of(v: Any, tap: Any, start: Any) -> Any:
    found = 0.0
    for channel in range(v.channels):
        row = window_of(tap, channel, start, v.frames)
        for i in range(v.frames):
            found = max(found, abs(sample_of(row, i)))
    return found


@kernel
def _trace(d: Any, row: Any, frames: Any, first: Any, height: Any, edge: Any) -> None:
    """Draw frames over all columns: in each the range of its own, joined to the one before."""
    columns, middle = 2 * d.columns, (height - 1) * 0.5
    before = -1
    for x in range(columns):
        start, end = (
            x * frames // columns,
            max(x * frames // columns + 1, (x + 1) * frames // columns),
        )
        low = high = sample_of(row, start)
        for i in range(start + 1, min(end, frames)):
            low, high = min(low, sample_of(row, i)), max(high, sample_of(row, i))
        top = first + int(middle - middle * min(1.0, max(-1.0, high / edge)) + 0.5)
        bottom = first + int(middle - middle * min(1.0, max(-1.0, low / edge)) + 0.5)
        if 0 <= before < top:
            top = before + 1
        elif before > bottom:
            bottom = before - 1
        set_column(d, x, top, bottom)
        before = first + int(
            middle - middle * min(1.0, max(-1.0, sample_of(row, min(end, frames) - 1) / edge)) + 0.5
        )


@entry("int64", "int64")
def paint_scope(address: int, end: int) -> None:
    """Draw a `WAVES` of what was heard before a frame."""
    v = record_at(address, WAVES)
    d, tap = record_at(v.dots, DOTS), record_at(v.tap, TAP)
    clear_dots(d)
    latest = end - v.frames
    if latest > 0:
        edge = follow_loudest(v, _loudest_of(v, tap, latest))
        start = _find_start(v, tap, latest, edge) if v.trigger != 0 else latest
        height = 4 * d.rows // v.channels
        for channel in range(v.channels):
            row = window_of(tap, channel, start, v.frames)
            _trace(d, row, v.frames, channel * height, height, edge)
    lay_dots(d)


class Oscilloscope(Mode):
    """Two traces, or one of mono; the edge is the loudest of late, or full scale."""

    paint = paint_scope

    def lay_out(self, scene: Scene) -> State:
        cells, palette = scene.cells, scene.palette
        channels = min(2, scene.tap.channels, cells.rows)
        inks = aligned_zeros(cells.rows, np.int32)
        inks[:] = scene.ink(palette.trace)
        if channels > 1:
            inks[(cells.rows + 1) // 2 :] = scene.ink(palette.second)
        most = (scene.tap.frames - 8192) // 2
        return State(
            WAVES,
            dots=make_dots(scene, 0, 0, cells.columns, cells.rows, inks),
            tap=scene.tap.record,
            frames=min(most, max(2, round(scene.settings.span_s * scene.sample_rate))),
            channels=channels,
        )

    def adjust(self, settings: Settings) -> None:
        self.record["autosens"], self.record["trigger"] = settings.autosens, settings.trigger
