"""What the status line's kernel works on: symbols, colours, the track's name, and the moment."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from zerocross.cli.paint import PAINTER, PLAIN, ROW, SILENCE, STYLES, TEXTS, paint_line
from zerocross.cli.printing import encoded
from zerocross.files import printable
from zerocross.memory import Record, aligned_zeros

__all__ = ["STATES", "Painter"]

#: The states of a player, in the order of their symbols.
STATES = ("playing", "paused", "stopped", "buffering", "waiting")
_COLOURS = ("cyan", "green", "red", "yellow")
_MOST_LETTERS = 256
_MOST_BYTES = 1 << 14


class Painter:
    """Composes status lines for a terminal.

    Parameters
    ----------
    encoding : str
        Of the terminal. What it does not have is replaced by what looks like it.
    colours : bool or None
        Whether there are any; None where the environment says so (https://no-color.org).

    """

    def __init__(self, encoding: str = "utf-8", colours: bool | None = None) -> None:
        self._encoding = encoding
        self._out = aligned_zeros(_MOST_BYTES, np.uint8)
        self._pieces = aligned_zeros((PLAIN + 1, ROW), np.uint8)
        self._line = self._out.data
        self._nothing = aligned_zeros(1, np.float64)
        self._shown_name: str | None = None
        self._record = Record(PAINTER)
        self._record.fill(
            pieces=self._pieces.ctypes.data, out=self._out.ctypes.data, capacity=_MOST_BYTES
        )
        self.show_bars(None)
        self._lay_out(not os.environ.get("NO_COLOR") if colours is None else colours)

    def _lay_out(self, colours: bool) -> None:
        pieces = [encoded(text, self._encoding) for text in TEXTS]
        silence = pieces[SILENCE].decode(self._encoding)
        pieces[SILENCE] = silence.rjust(8).encode(self._encoding)
        for name, number in STYLES.items():
            is_shown = colours or name not in _COLOURS
            pieces.append(b"\x1b[%sm" % number if is_shown else b"")
        pieces.append(b"\x1b[0m")
        for row, piece in zip(self._pieces, pieces, strict=True):
            row[0] = len(piece)
            row[1 : 1 + len(piece)] = np.frombuffer(piece, np.uint8)

    def paint(
        self,
        width: int,
        state: str,
        name: str,
        position_s: float,
        duration_s: float | None,
        level_db: float,
        volume: float | None,
        place: int = 1,
        count: int = 1,
    ) -> bytes:
        """Return the line of a moment, without an end of line.

        Parameters
        ----------
        width : int
            Of the terminal, in cells; the line leaves the last one free.
        state : str
            One of `STATES`.
        name : str
            Of the track; what does not fit is left out.
        position_s : float
            What was heard of it.
        duration_s : float or None
            Its length; None where it is not known.
        level_db : float
            In dBFS.
        volume : float or None
            From 0 to 1; None for muted.
        place, count : int
            Which track of how many; not shown of one.

        """
        if name != self._shown_name:
            self._take_name(name)
        size = paint_line(
            self._record.address,
            width,
            STATES.index(state),
            -1 if volume is None else round(100 * volume),
            place,
            count,
            position_s,
            duration_s or 0.0,
            level_db,
        )
        return self._line[:size].tobytes()

    def show_bars(self, heights: npt.NDArray[np.float64] | None) -> None:
        """Show the spectrum that is in an array from now on: heights from 0 to 1; None for none."""
        self._heights = self._nothing if heights is None else heights
        self._record.fill(heights=self._heights.ctypes.data, bands=self._heights.size)

    def _take_name(self, name: str) -> None:
        """Lay out a name: its bytes, and up to each letter where they end and the cells so far."""
        shown = encoded(printable(name), self._encoding).decode(self._encoding)[:_MOST_LETTERS]
        letters = [letter.encode(self._encoding) for letter in shown]
        cells = _cells_up_to(shown)
        self._bytes = np.frombuffer(b"".join(letters) + b"\0", np.uint8)
        self._ends = np.cumsum([len(letter) for letter in letters], dtype=np.int64)
        self._cells = np.array(cells, np.int64)
        self._record.fill(
            name=self._bytes.ctypes.data,
            ends=self._ends.ctypes.data,
            cells=self._cells.ctypes.data,
            letters=len(letters),
        )
        self._shown_name = name


def _cells_up_to(text: str) -> list[int]:
    """Return how many cells a terminal takes for a text up to each of its letters."""
    if text.isascii():
        return list(range(1, len(text) + 1))
    from rich.cells import cell_len

    measure: Callable[[str], int] = cell_len
    return [measure(text[: k + 1]) for k in range(len(text))]
