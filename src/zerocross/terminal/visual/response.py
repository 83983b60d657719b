"""The equaliser's curve over the live spectrum: braille dots on blocks, with handles for its bands.

The curve is that of the bands, without the preamp: the handles lie on it where a band stands alone.
Axes, curve and handles are laid out where they change; a frame draws the spectrum beneath them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from zerocross.compiler import entry, float64_array, int32_array, kernel, record_at, uint8_array
from zerocross.errors import UsageError
from zerocross.memory import Record, aligned_zeros, layout
from zerocross.spectrum import Spectrum
from zerocross.sync.tap import Tap
from zerocross.terminal.cells import Cells
from zerocross.terminal.cells.pen import CELLS, REVERSED
from zerocross.terminal.models.equalizer import HZ, EqualizerModel
from zerocross.terminal.visual.colours import PALETTES, colour_of
from zerocross.terminal.visual.glyphs import BRAILLE_BITS, Glyphs

if TYPE_CHECKING:
    from zerocross.player import Player

__all__ = ["ResponsePainter"]

#: The levels of the axis that the curve has; the first that it stays within is taken.
_RANGES_DB = (12.0, 18.0, 24.0, 36.0)
#: The spectrum from foot to head, in dBFS.
_FLOOR_DBFS, _TOP_DBFS = -78.0, 0.0
_MARGIN, _NARROW = 4, 30
_MARKS_HZ = (20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000)
_FFT_SIZE, _LONG_FFT_SIZE = 2048, 8192
_BLANK = 0x20

_RESPONSE = layout(
    setup=[
        *("cells", "left", "columns", "rows", "levels", "marks", "mark_inks", "dots"),
        *("masks", "handles", "handle_inks", "rising", "curve_ink", "bar_ink"),
        ("lowest", "f8"),
        ("span", "f8"),
    ],
)


@kernel
def _cell(v: Any, c: Any, x: Any, y: Any, eighths: Any) -> None:
    """Draw a cell: a handle, the curve, the spectrum, or what stands behind them."""
    at = y * c.columns + x
    size = c.columns * c.rows
    glyphs, inks = int32_array(c.glyphs, size), int32_array(c.inks, size)
    papers = int32_array(c.papers, size)
    handle = int32_array(v.handles, size)[at]
    mask = np.int64(uint8_array(v.masks, size)[at])
    paper = np.int32(-1)
    if handle != 0:
        glyph, ink = handle, int32_array(v.handle_inks, size)[at]
    elif mask != 0:
        glyph, ink = int32_array(v.dots, 256)[mask], np.int32(v.curve_ink)
        if eighths >= 4:
            paper = np.int32(v.bar_ink)
    elif eighths > 0:
        glyph, ink = int32_array(v.rising, 9)[eighths], np.int32(v.bar_ink)
    else:
        glyph, ink = int32_array(v.marks, size)[at], int32_array(v.mark_inks, size)[at]
    glyphs[at] = glyph
    inks[at] = ink
    papers[at] = paper


@entry("int64")
def paint_response(address: int) -> None:
    """Draw a `_RESPONSE`."""
    v = record_at(address, _RESPONSE)
    c = record_at(v.cells, CELLS)
    levels = float64_array(v.levels, v.columns)
    for x in range(v.columns):
        share = (levels[x] - v.lowest) / v.span
        whole = int(min(1.0, max(0.0, share)) * 8.0 * v.rows + 0.5)
        for y in range(v.rows):
            _cell(v, c, v.left + x, y, min(8, max(0, whole - 8 * (v.rows - 1 - y))))


class ResponsePainter:
    """Fills a surface with an equaliser's curve and what is heard.

    Parameters
    ----------
    player : Player
        What is heard.
    model : EqualizerModel
        Whose curve.
    theme, depth : str
        As `visual.colours` has them.
    unicode : bool
        Whether the terminal has more than ASCII.

    Attributes
    ----------
    left, top : int
        Where its first cell stands on the terminal.
    range_db : float
        The level at the head of the curve's axis; at its foot it is the negative.

    """

    def __init__(
        self, player: Player, model: EqualizerModel, theme: str, depth: str, unicode: bool = True
    ) -> None:
        self._player, self._model, self._depth = player, model, depth
        self.left = self.top = 0
        self.cells = Cells(1, 1)
        self.range_db = _RANGES_DB[0]
        self._glyphs = Glyphs(unicode)
        self._spectrum: Spectrum | None = None
        self._record = Record(_RESPONSE)
        self._drawn: tuple[Any, ...] = ()
        self._use(theme)
        self.resize(1, 1)

    def _use(self, theme: str) -> None:
        self._palette = PALETTES[theme]
        self.cells.ground = self._palette.ground(self._depth)

    def use_theme(self, theme: str) -> None:
        """Paint with other colours."""
        self._use(theme)
        self._drawn = ()

    def resize(self, columns: int, rows: int) -> None:
        """Have another size; all is sent with the next frame."""
        self.cells.resize(columns, rows)
        shape = (rows, columns)
        self._marks, self._mark_inks = (
            aligned_zeros(shape, np.int32),
            aligned_zeros(shape, np.int32),
        )
        self._handles = aligned_zeros(shape, np.int32)
        self._handle_inks = aligned_zeros(shape, np.int32)
        self._masks = aligned_zeros(shape, np.uint8)
        self._margin = _MARGIN if columns >= _NARROW else 0
        self._columns = max(1, columns - self._margin)
        self._rows = max(1, rows - 1)
        self._levels = aligned_zeros(self._columns, np.float64)
        self._spectrum, self._drawn = None, ()

    def forget(self) -> None:
        """Take the terminal for blank: all is sent with the next frame."""
        self.cells.forget()

    # --- where what is ------------------------------------------------------------------------

    def hz_at(self, column: float) -> float:
        """Return the frequency at the middle of a column of the surface."""
        share = (column - self._margin + 0.5) / self._columns
        return float(HZ[0] * (HZ[1] / HZ[0]) ** min(1.0, max(0.0, share)))

    def db_at(self, row: float) -> float:
        """Return the gain at the middle of a row."""
        share = min(1.0, max(0.0, (row + 0.5) / self._rows))
        return float(self.range_db * (1.0 - 2.0 * share))

    def place_of(self, hz: float, gain_db: float) -> tuple[int, int]:
        """Return the column and the row of a frequency and a gain, within the picture."""
        share = math.log(hz / HZ[0]) / math.log(HZ[1] / HZ[0])
        column = self._margin + min(self._columns - 1, max(0, int(share * self._columns)))
        share = (1.0 - gain_db / self.range_db) / 2
        return column, min(self._rows - 1, max(0, int(share * self._rows)))

    def handle_at(self, column: int, row: int) -> int | None:
        """Return the band whose handle is nearest to a cell, if one is near."""
        near = []
        for k, band in enumerate(self._model.bands):
            x, y = self.place_of(band[1], self._level_of(k))
            away = abs(x - column) + 2 * abs(y - row)
            near.append((away, k != self._model.selected, k))
        found = min(near, default=(99, False, 0))
        return found[2] if found[0] <= 3 else None

    def _level_of(self, band: int) -> float:
        """Return where a band's handle stands: at its gain, or on its own curve where it has none."""
        kind, hz, _, gain = self._model.bands[band]
        if kind == "peaking" or kind.endswith("shelf"):
            return gain
        return max(-self.range_db, float(self._model.band_db(band, [hz])[0]))

    # --- drawing ------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Have its code there: where it is not shipped it is compiled; on any thread, before frames."""
        self._spectrum_of(Tap(_LONG_FFT_SIZE), 48_000).update(0)
        self.frame()

    def frame(self) -> memoryview:
        """Return the bytes for now; empty where nothing changed."""
        self._listen()
        model = self._model
        wanted = (model.setting, model.selected, model.is_bypassed, model.sample_rate)
        if wanted != self._drawn:
            self._drawn = wanted
            self._lay_out()
        paint_response(self._record.address)
        return self.cells.emit(self.left, self.top)

    def _listen(self) -> None:
        """Look at what is heard now."""
        try:
            tap, rate = self._player.tap, self._player.sample_rate
        except UsageError:  # nothing plays
            self._spectrum = None
            self._levels.fill(_FLOOR_DBFS)
            return
        spectrum = self._spectrum
        if spectrum is None or spectrum.source is not tap:
            self._spectrum = spectrum = self._spectrum_of(tap, rate)
        written = tap.written
        spectrum.update(max(0, written - self._player.latency_frames))
        count = min(self._columns, spectrum.levels.shape[1])
        self._levels[:count] = spectrum.levels[0, :count]

    def _spectrum_of(self, tap: Tap, rate: int) -> Spectrum:
        return Spectrum(
            tap,
            bands=self._columns,
            low_hz=HZ[0],
            high_hz=HZ[1],
            fft_size=_FFT_SIZE,
            long_fft_size=_LONG_FFT_SIZE,
            decay_s=0.15,
            sample_rate=rate,
        )

    def _colour(self, text: str) -> int:
        return colour_of(text, "256" if self._depth == "true" else self._depth)

    def _lay_out(self) -> None:
        """Draw what stands still until something is changed."""
        palette, model = self._palette, self._model
        hz = HZ[0] * (HZ[1] / HZ[0]) ** ((np.arange(2 * self._columns) + 0.5) / (2 * self._columns))
        curve = model.response_db(hz) - model.setting.preamp_db
        highest = max([float(np.abs(curve).max()), *(abs(band[3]) for band in model.bands)])
        self.range_db = next((r for r in _RANGES_DB if highest <= r), _RANGES_DB[-1])
        self._draw_axes()
        self._masks.fill(0)
        if model.bands:
            self._draw_curve(curve)
        self._draw_handles()
        cells = self.cells
        cells.clear()
        cells.glyphs[:] = self._marks
        cells.inks[:] = self._mark_inks
        self._record.fill(
            cells=cells.record.address,
            left=self._margin,
            columns=self._columns,
            rows=self._rows,
            levels=self._levels.ctypes.data,
            marks=self._marks.ctypes.data,
            mark_inks=self._mark_inks.ctypes.data,
            dots=self._glyphs.dots.ctypes.data,
            masks=self._masks.ctypes.data,
            handles=self._handles.ctypes.data,
            handle_inks=self._handle_inks.ctypes.data,
            rising=self._glyphs.rising.ctypes.data,
            curve_ink=self._colour(palette.labels if model.is_bypassed else palette.second),
            bar_ink=self._colour(palette.axes),
            lowest=_FLOOR_DBFS,
            span=_TOP_DBFS - _FLOOR_DBFS,
        )

    def _draw_axes(self) -> None:
        self._marks.fill(_BLANK)
        self._mark_inks.fill(self._colour(self._palette.labels))
        axes = self._colour(self._palette.axes)
        middle = self.place_of(HZ[0], 0.0)[1]
        span = slice(self._margin, self._margin + self._columns)
        for mark in _MARKS_HZ[1:-1]:
            x = self.place_of(mark, 0.0)[0]
            self._marks[: self._rows, x] = self._glyphs.up
            self._mark_inks[: self._rows, x] = axes
        self._marks[middle, span] = self._glyphs.along
        self._mark_inks[middle, span] = axes
        if self._margin:
            for level in (
                self.range_db,
                self.range_db / 2,
                0.0,
                -self.range_db / 2,
                -self.range_db,
            ):
                row = self.place_of(HZ[0], level)[1]
                self._write(0, row, f"{level:+.0f}".rjust(_MARGIN - 1) if level else "0".rjust(3))
        free = 0
        for mark in _MARKS_HZ:
            text = f"{mark // 1000}k" if mark >= 1000 else str(mark)
            x = self.place_of(mark, 0.0)[0]
            x = max(0, min(x - len(text) // 2, self.cells.columns - len(text)))
            if x >= free and self.cells.rows > 1:
                self._write(x, self.cells.rows - 1, text)
                free = x + len(text) + 1

    def _write(self, x: int, y: int, text: str) -> None:
        for at, letter in enumerate(text, x):
            if at < self.cells.columns:
                self._marks[y, at] = ord(letter)

    def _draw_curve(self, curve: npt.NDArray[np.float64]) -> None:
        """Set the dots of a curve: a dot a half column, and those between it and the one before."""
        tall = 4 * self._rows
        dots = np.floor((1.0 - curve / self.range_db) / 2 * tall).astype(np.int64)
        dots = np.clip(dots, 0, tall - 1)
        before = int(dots[0])
        for k, dot in enumerate(dots.tolist()):
            low, high = sorted((before, dot))
            low += before < dot  # the first of them is drawn already
            high -= dot < before
            for y in range(min(low, dot), max(high, dot) + 1):
                x = self._margin + k // 2
                self._masks[y // 4, x] |= BRAILLE_BITS[y % 4][k % 2]
            before = dot

    def _draw_handles(self) -> None:
        self._handles.fill(0)
        model, palette = self._model, self._palette
        order = sorted(range(len(model.bands)), key=lambda k: model.bands[k][1])
        for number, k in enumerate(order, 1):
            if k != model.selected:
                self._draw_handle(k, number, palette.peaks, 0)
        if model.selected is not None:
            number = order.index(model.selected) + 1
            self._draw_handle(model.selected, number, palette.warning, REVERSED)

    def _draw_handle(self, band: int, number: int, colour: str, how: int) -> None:
        x, y = self.place_of(self._model.bands[band][1], self._level_of(band))
        letters = str(number)
        x = min(x, self.cells.columns - len(letters))
        for at, letter in enumerate(letters, max(0, x)):
            self._handles[y, at] = ord(letter) | how
            self._handle_inks[y, at] = self._colour(colour)
