"""A goniometer: each frame a dot, left and right at 45 degrees, what both have upwards.

Mono is a vertical line, what is out of phase a horizontal one, left and right alone the diagonals.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from zerocross.compiler import entry, kernel, record_at
from zerocross.dsp.state import State
from zerocross.memory import aligned_zeros
from zerocross.sync.tap import TAP
from zerocross.terminal.visual.dots import DOTS, clear_dots, lay_dots, make_dots, set_dot
from zerocross.terminal.visual.mode import Mode, Scene
from zerocross.terminal.visual.settings import Settings
from zerocross.terminal.visual.waves import WAVES, follow_loudest, sample_of, window_of

__all__ = ["Goniometer"]

_HALF_ROOT = math.sqrt(0.5)


@kernel
def _cloud(v: Any, d: Any, tap: Any, start: Any) -> None:
    left, right = window_of(tap, 0, start, v.frames), window_of(tap, 1, start, v.frames)
    loudest = 0.0
    for i in range(v.frames):
        a, b = sample_of(left, i), sample_of(right, i)
        loudest = max(loudest, abs(a + b), abs(a - b))
    edge = follow_loudest(v, loudest * _HALF_ROOT)
    across, down = (2 * d.columns - 1) * 0.5, (4 * d.rows - 1) * 0.5
    scale = min(across, down) * _HALF_ROOT / edge
    for i in range(v.frames):
        a, b = sample_of(left, i), sample_of(right, i)
        x, y = across + (b - a) * scale, down - (a + b) * scale
        if abs(x - across) <= across and abs(y - down) <= down:
            set_dot(d, int(x + 0.5), int(y + 0.5))


@entry("int64", "int64")
def paint_goniometer(address: int, end: int) -> None:
    """Draw a `WAVES` of what was heard before a frame."""
    v = record_at(address, WAVES)
    d = record_at(v.dots, DOTS)
    clear_dots(d)
    if end >= v.frames:
        _cloud(v, d, record_at(v.tap, TAP), end - v.frames)
    lay_dots(d)


class Goniometer(Mode):
    """The last frames as a cloud; the edge is the loudest of late, or full scale."""

    paint = paint_goniometer

    def lay_out(self, scene: Scene) -> State:
        cells = scene.cells
        most = scene.tap.frames // 2
        inks = aligned_zeros(cells.rows, np.int32)
        inks[:] = scene.ink(scene.palette.trace)
        return State(
            WAVES,
            dots=make_dots(scene, 0, 0, cells.columns, cells.rows, inks),
            tap=scene.tap.record,
            frames=min(most, max(2, round(scene.settings.span_s * scene.sample_rate))),
            channels=min(2, scene.tap.channels),
        )

    def adjust(self, settings: Settings) -> None:
        self.record["autosens"] = settings.autosens
