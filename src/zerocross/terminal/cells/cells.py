"""A rectangle of a terminal's cells: what is wanted in it, and what it shows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from zerocross.errors import UsageError
from zerocross.memory import Record, aligned_zeros
from zerocross.terminal.cells.emit import MOST_RUNS, emit_cells
from zerocross.terminal.cells.pen import BLANK, CELLS, NOWHERE, UNKNOWN

__all__ = ["Cells"]

_MOST = 4096
#: A cell takes a move, both colours and a glyph at most.
_BYTES_A_CELL = 64


class Cells:
    """A rectangle of cells, each a glyph, its ink and its paper.

    Write into the grids what is wanted; `emit` returns the bytes that bring it to the terminal.

    Parameters
    ----------
    columns, rows : int
        Its size, 1 to 4096 each.

    Attributes
    ----------
    glyphs : ndarray, shape (rows, columns), uint32
        Code points that take one column each, and added to them `BOLD` and `REVERSED`. Control
        characters are shown as blanks.
    inks, papers : ndarray, shape (rows, columns), int32
        Colours: -1 for the terminal's own (of papers: for `ground`), 0 to 255 of its palette,
        `TRUE_COLOUR` + 0xRRGGBB.
    is_alone : bool
        Whether its rows are the terminal's whole ones, with nothing left or right of them: then the
        terminal may be told to move them.
    record : Record
        A `CELLS`, for compiled code.

    Notes
    -----
    A new size has new grids, blank ones.

    """

    def __init__(self, columns: int, rows: int) -> None:
        self._runs = aligned_zeros((4, MOST_RUNS), np.int32)
        self.record = Record(CELLS)
        self.record["ground"] = -1
        for name, row in zip(("rows", "firsts", "ends", "nexts"), self._runs, strict=True):
            self.record[f"run_{name}"] = row.ctypes.data
        self.resize(columns, rows)

    def resize(self, columns: int, rows: int) -> None:
        """Take another size: all is blank, and nothing is known of the terminal."""
        if not (1 <= columns <= _MOST and 1 <= rows <= _MOST):
            raise UsageError(f"{columns} x {rows} cells: give 1 to {_MOST} columns and rows")
        self.columns, self.rows = columns, rows
        shape = (rows, columns)
        self.glyphs: npt.NDArray[np.uint32] = aligned_zeros(shape, np.uint32)
        self.inks: npt.NDArray[np.int32] = aligned_zeros(shape, np.int32)
        self.papers: npt.NDArray[np.int32] = aligned_zeros(shape, np.int32)
        self._shown_glyphs = aligned_zeros(shape, np.uint32)
        self._shown_inks, self._shown_papers = (
            aligned_zeros(shape, np.int32),
            aligned_zeros(shape, np.int32),
        )
        self._heads = aligned_zeros(columns, np.int32)
        self._heads.fill(NOWHERE)
        capacity = _BYTES_A_CELL * (columns * rows + 1)
        self._out = aligned_zeros(capacity, np.uint8)
        self._bytes = self._out.data
        self.record.fill(
            glyphs=self.glyphs.ctypes.data,
            inks=self.inks.ctypes.data,
            papers=self.papers.ctypes.data,
            shown_glyphs=self._shown_glyphs.ctypes.data,
            shown_inks=self._shown_inks.ctypes.data,
            shown_papers=self._shown_papers.ctypes.data,
            columns=columns,
            rows=rows,
            out=self._out.ctypes.data,
            capacity=capacity,
            heads=self._heads.ctypes.data,
            run_count=0,
            sunk=0,
        )
        self.clear()
        self.forget()

    @property
    def is_alone(self) -> bool:
        """Whether nothing stands left or right of its rows."""
        return bool(self.record["is_alone"])

    @is_alone.setter
    def is_alone(self, value: bool) -> None:
        self.record["is_alone"] = value

    @property
    def ground(self) -> int:
        """The colour that a paper of -1 stands for: -1 for the terminal's own."""
        return int(self.record["ground"])

    @ground.setter
    def ground(self, colour: int) -> None:
        if colour != self.ground:
            self.record["ground"] = colour
            self.forget()

    def clear(self) -> None:
        """Want blanks everywhere, in the terminal's own colours."""
        self.glyphs.fill(BLANK)
        self.inks.fill(-1)
        self.papers.fill(-1)
        self.scan()

    def forget(self) -> None:
        """Know nothing of what the terminal shows: the next `emit` sends every cell."""
        self._shown_glyphs.fill(UNKNOWN)
        self.scan()

    def scan(self) -> None:
        """Look at all cells with the next `emit`, also after code that knows what it changed."""
        self.record["must_scan"] = 1

    def emit(self, left: int = 0, top: int = 0) -> memoryview:
        """Return the bytes that bring what is wanted to the terminal, where it is not there yet.

        Parameters
        ----------
        left, top : int
            Where the rectangle lies in the terminal, whose first cell is 0, 0.

        Returns
        -------
        memoryview
            Written again by the next call; empty when nothing changed. They begin by saying where
            they write, and expect and leave the terminal's own colours.

        """
        if left < 0 or top < 0:
            raise UsageError(f"cells at {left}, {top}: a terminal begins at 0, 0")
        return self._bytes[: emit_cells(self.record.address, left, top)]

    def last_emitted(self, count: int) -> memoryview:
        """Return the last bytes of what was emitted last, by whomever."""
        end = int(self.record["at"])
        return self._bytes[end - count : end]
