"""Meters: loudness by EBU R 128, true peaks of left and right, and how much they are in phase.

Loudness is measured of all that was heard while the meters were shown. A peak falls by 20 dB in 1.7 s
(IEC 60268-10, type I); the highest of late stays marked, and is what the number says.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from zerocross.dsp.r128 import Loudness
from zerocross.dsp.state import State
from zerocross.memory import aligned_zeros
from zerocross.terminal.visual.metering import (
    METERS,
    MOST_BLOCK,
    NOTHING_DB,
    SHOWN,
    paint_meters,
    take_frames,
)
from zerocross.terminal.visual.mode import Mode, Scene
from zerocross.terminal.visual.settings import Settings
from zerocross.units import gain_to_db

__all__ = ["Meters"]

_NAMES = ("momentary", "short-term", "integrated", "left peak", "right peak", "phase")
_UNITS = ("LUFS", "LUFS", "LUFS", "dBTP", "dBTP", "")
_SHORT = ("M", "S", "I", "L", "R", "ph")
#: From so many columns on there is room for names and units.
_WIDE = 60
_NUMBER = 6
_TOP_DB = 3.0
_INTEGRATE_S = 0.5
#: From which levels on colours warn: of loudness, and of true peaks (EBU R 128: at most -1 dBTP).
_LOUD, _PEAK = (-9.0, -6.0), (-3.0, -1.0)
_STEP_DB = 10


class Meters(Mode):
    """Momentary, short-term and integrated loudness, true peaks, phase correlation."""

    is_compiled = False
    loudness: Loudness
    _peaks: list[Loudness]
    _values: npt.NDArray[np.float64]

    def prepare(self, scene: Scene, before: Mode | None) -> None:
        if isinstance(before, Meters):
            self.loudness, self._peaks = before.loudness, before._peaks
            self._values = before._values
            self._seen = int(before.record["seen"])
            return
        channels = min(8, scene.tap.channels)
        self.loudness = Loudness(scene.sample_rate, channels, peaks=False)
        self._peaks = [Loudness(scene.sample_rate, 1) for _ in range(min(2, channels))]
        self._values = aligned_zeros((3, SHOWN), np.float64)
        self._values[:2] = NOTHING_DB
        self._values[:, SHOWN - 1] = 0.0
        self._seen = -1

    def lay_out(self, scene: Scene) -> State:
        cells, glyphs, palette = scene.cells, scene.glyphs, scene.palette
        wide = cells.columns >= _WIDE
        names, units = (_NAMES, _UNITS) if wide else (_SHORT, ("",) * SHOWN)
        first = max(len(name) for name in names) + 1
        last = cells.columns - _NUMBER - (6 if wide else 1)
        self._first, self._bars = first, max(1, last - first)
        pitch = max(1, (cells.rows - 1) // SHOWN)
        self._shown = min(SHOWN, max(1, cells.rows - 1))
        for k in range(self._shown):
            scene.write(0, k * pitch, names[k], palette.labels)
            scene.write(cells.columns - 5, k * pitch, f" {units[k]}", palette.labels)
        self._rows = aligned_zeros(self.loudness.channels * MOST_BLOCK)
        return State(
            METERS,
            cells=cells.record,
            tap=scene.tap.record,
            loudness=self.loudness.record,
            channels=self.loudness.channels,
            sample_rate=scene.sample_rate,
            rows=self._rows,
            values=self._values,
            shown=self._shown,
            pitch=pitch,
            height=max(1, pitch - 1),
            first=min(first, cells.columns - 1),
            bars=min(self._bars, cells.columns - min(first, cells.columns - 1)),
            number=max(0, cells.columns - _NUMBER - (5 if wide else 0)),
            across=glyphs.across,
            mark=glyphs.up,
            line=glyphs.along,
            loud_inks=aligned_zeros(self._bars, np.int32),
            peak_inks=aligned_zeros(self._bars, np.int32),
            good=scene.ink(palette.good),
            alarm=scene.ink(palette.alarm),
            axis=scene.ink(palette.axes),
            text=scene.ink(palette.labels),
            held=scene.ink(palette.peaks),
            top_db=_TOP_DB,
            seen=self._seen,
            digits_at=-1,
            integrated=NOTHING_DB,
        )

    def adjust(self, settings: Settings) -> None:
        record, range_db = self.record, settings.range_db
        record["range_db"], record["hold_s"] = range_db, settings.hold_s
        levels = _TOP_DB - range_db + (np.arange(self._bars) + 0.5) / self._bars * range_db
        palette, scene = self.scene.palette, self.scene
        colours = [scene.ink(text) for text in (palette.good, palette.warning, palette.alarm)]
        assert isinstance(record, State)
        for name, limits in (("loud_inks", _LOUD), ("peak_inks", _PEAK)):
            record.arrays[name][:] = np.array(colours)[np.searchsorted(limits, levels, "right")]
        self._write_scale(range_db)

    def _write_scale(self, range_db: float) -> None:
        scene, y = self.scene, self.scene.cells.rows - 1
        if y < self._shown:
            return
        scene.write(0, y, " " * scene.cells.columns, "")
        scene.write(0, y, "dB", scene.palette.labels)
        free = scene.cells.columns
        for level in range(0, -int(range_db), -_STEP_DB):
            text = str(level)
            at = self._first + int((level - _TOP_DB + range_db) / range_db * self._bars)
            x = at - len(text) + 1
            if x > 2 and x + len(text) < free:
                scene.write(x, y, text, scene.palette.labels)
                free = x

    def frame(self, end: int) -> None:
        self._measure(end)
        paint_meters(self._address)

    def _measure(self, end: int) -> None:
        record, before = self.record, int(self.record["seen"])
        record["end"] = end
        highest = [0.0, 0.0]
        while frames := take_frames(record.address):
            rows = self._rows[: self.loudness.channels * frames].reshape(-1, frames)
            self.loudness.push(rows)
            for k, peaks in enumerate(self._peaks):
                peaks.push_peaks(rows[k : k + 1])
                highest[k] = max(highest[k], _taken(peaks))
        record["left_peak"] = gain_to_db(highest[0])
        record["right_peak"] = gain_to_db(highest[len(self._peaks) - 1])
        step = round(_INTEGRATE_S * self.scene.sample_rate)
        if int(record["seen"]) // step != before // step:
            record["integrated"] = max(NOTHING_DB, self.loudness.integrated_lufs)


def _taken(peaks: Loudness) -> float:
    """Return the highest peak since the last time, and look for others from here on."""
    state = peaks.record.peaks
    assert state is not None
    found = max(float(state["true_peak"]), float(state["sample_peak"]))
    state["true_peak"] = state["sample_peak"] = 0.0
    return found
