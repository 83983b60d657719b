"""Octave bands that can be read: levels in dBFS, with their scale and the bands' frequencies."""

from __future__ import annotations

import numpy as np

from zerocross.dsp.state import State
from zerocross.memory import aligned_zeros
from zerocross.spectrum import design_scale
from zerocross.terminal.visual.bars import BARS, nothing, paint_bars
from zerocross.terminal.visual.mode import Banded, Scene
from zerocross.terminal.visual.settings import Settings

__all__ = ["Octaves"]

#: Cells of the scale on the left: a sign, three digits and the line.
_AXIS = 5
_FRACTIONS = (24, 12, 6, 3, 2, 1)
_STEPS_DB = (3, 6, 10, 12, 20, 24, 30, 48, 60)
_LEAST_ROWS = 3  # from one number of the scale to the next
_NAMED_HZ = (16, 31.5, 63, 125, 250, 500, 1000, 2000, 4000, 8000, 16_000)


class Octaves(Banded):
    """Bars of octave bands: the power within each in dBFS, 0 dBFS at the top.

    There are as many in an octave as fit, but not more than are asked for.
    """

    paint = paint_bars
    per = "band"
    smear = 0.0

    scale = "octave"

    def fraction_in(self, scene: Scene) -> int:
        room = max(1, scene.cells.columns - _AXIS)
        for fraction in _FRACTIONS:
            bands = design_scale("octave", 1, *scene.range_hz, fraction)
            if fraction <= scene.settings.fraction and len(bands) <= room:
                return fraction
        return 1

    def lay_out(self, scene: Scene) -> State:
        cells, glyphs = scene.cells, scene.glyphs
        bands = self.display.heights.shape[1]
        room, rows = max(1, cells.columns - _AXIS), max(1, cells.rows - 1)
        whole = max(1, room // bands)
        gap = 1 if whole > 1 else 0
        self._write_scale(scene, rows)
        self._write_frequencies(scene, rows, whole)
        inks = scene.zones(rows)
        return State(
            BARS,
            display=self.display.record,
            cells=cells.record,
            heights=self.display.heights,
            peaks=self.display.peaks,
            rows=1,
            bands=min(bands, room),
            stride=bands,
            first=min(_AXIS, cells.columns - 1),
            width=whole - gap,
            gap=gap,
            up=rows,
            down=0,
            hangs=0,
            rising=glyphs.rising,
            caps=glyphs.caps,
            inks=inks,
            peak_ink=scene.ink(scene.palette.peaks),
            eighths=aligned_zeros(bands, np.int32),
            tops=nothing(bands),
        )

    def adjust(self, settings: Settings) -> None:
        super().adjust(settings)
        self.display.autosens = False
        self._write_scale(self.scene, max(1, self.scene.cells.rows - 1))

    def _write_scale(self, scene: Scene, rows: int) -> None:
        """Write dBFS where bars of such levels end."""
        range_db, palette = scene.settings.range_db, scene.palette
        for y in range(rows):
            scene.write(0, y, "    " + chr(scene.glyphs.up), palette.axes)
        step = next((s for s in _STEPS_DB if s * rows >= _LEAST_ROWS * range_db), _STEPS_DB[-1])
        for level in range(0, int(range_db) + 1, step):
            y = min(rows - 1, int(level / range_db * rows))
            scene.write(0, y, f"{-level:4d}", palette.labels)

    def _write_frequencies(self, scene: Scene, y: int, whole: int) -> None:
        """Write the names of octaves under their bands, as many as there is room for."""
        centres, free = self.display.spectrum.bands.centres, _AXIS
        scene.write(0, y, " dB", scene.palette.labels)
        for hz in _NAMED_HZ:
            b = int(abs(centres / hz - 1.0).argmin())
            if abs(centres[b] / hz - 1.0) > 0.05:
                continue
            text = f"{hz:g}" if hz < 1000 else f"{hz / 1000:g}k"
            x = _AXIS + b * whole
            if x >= free and x + len(text) <= scene.cells.columns:
                scene.write(x, y, text, scene.palette.labels)
                free = x + len(text) + 1
