"""The line of time: where the track is, painted through cells, so that Textual does nothing for it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from zerocross.terminal.cells import Cells
from zerocross.terminal.visual.colours import PALETTES, colour_of
from zerocross.units import format_time

if TYPE_CHECKING:
    from zerocross.player import Player

__all__ = ["Progress"]

#: The player is asked where it is once in so many seconds, and a clock goes on from there.
_ASK_EVERY_S = 1.0
_FULL, _HALF, _REST = "━╸─"
_PLAIN = "=>-"


class Progress:
    """Paints the time that was heard, a bar, and the length.

    Parameters
    ----------
    player : Player
        Whose.
    theme, depth : str
        As `visual.colours` has them.
    unicode : bool
        Whether the terminal has more than ASCII.

    Attributes
    ----------
    bar : range
        The columns that stand for the track, for who clicks there.
    left, top : int
        Where it stands on the terminal.

    """

    def __init__(self, player: Player, theme: str, depth: str, unicode: bool = True) -> None:
        self._player = player
        self.cells = Cells(1, 1)
        self.left = self.top = 0
        self._glyphs = [ord(letter) for letter in (_FULL + _HALF + _REST if unicode else _PLAIN)]
        self._shown: tuple[object, ...] = ()
        self._painted: tuple[str, str, int] | None = None
        self.bar = range(0)
        self.use_theme(theme, depth)
        self.ask_again()

    def use_theme(self, theme: str, depth: str) -> None:
        """Paint with other colours."""
        palette = PALETTES[theme]
        self.cells.ground = palette.ground(depth)
        self._ink, self._rest, self._words, self._mark = (
            colour_of(each, depth)
            for each in (palette.trace, palette.axes, palette.labels, palette.warning)
        )
        self._shown = ()
        if self._painted:  # what stands behind a dialog has these colours, too
            self._paint(*self._painted)

    def ask_again(self) -> None:
        """Ask the player where it is next time, for something has happened."""
        self._ask_at_s = 0.0

    def resize(self, columns: int, rows: int) -> None:
        """Have another size."""
        self.cells.resize(columns, rows)
        self._shown, self._painted = (), None

    def forget(self) -> None:
        """Send all of it with the next frame."""
        self.cells.forget()
        self._shown = ()

    @property
    def steps_a_second(self) -> float:
        """How often the line changes while it plays."""
        length = self._player.duration
        bar_steps = 2 * len(self.bar) / length if length else 0.0
        return min(10.0, max(2.0, 2.0 * bar_steps))

    def frame(self) -> memoryview:
        """Return the bytes for now."""
        position, length = self._position_s(), self._player.duration
        columns = self.cells.columns
        words = f" {format_time(position)} "
        ends = f" {format_time(length)} " if length else " "
        room = max(0, columns - len(words) - len(ends))
        halves = round(2 * room * min(1.0, position / length)) if length else 0
        loop = self._player.loop
        state = (words, ends, halves, loop)
        if state == self._shown:
            return memoryview(b"")
        self._shown = state
        self.bar = range(len(words), len(words) + room)
        self._painted = words, ends, halves
        self._paint(*self._painted)
        if loop and length:
            self._paint_loop(loop, length)
        return self.cells.emit(self.left, self.top)

    def _paint(self, words: str, ends: str, halves: int) -> None:
        glyphs, inks, bar = self.cells.glyphs[0], self.cells.inks[0], self.bar
        inks[:] = self._words
        _put(glyphs, 0, words)
        _put(glyphs, bar.stop, ends)
        full, half, rest = self._glyphs
        done = bar.start + halves // 2
        glyphs[bar.start : done], inks[bar.start : done] = full, self._ink
        glyphs[done : bar.stop], inks[done : bar.stop] = rest, self._rest
        if halves % 2 and done < bar.stop:
            glyphs[done], inks[done] = half, self._ink

    def _paint_loop(self, loop: tuple[float, float], length: float) -> None:
        """Mark both ends of an A-B loop."""
        for letter, at in zip("AB", loop, strict=True):
            column = min(self.bar.stop - 1, self.bar.start + int(len(self.bar) * at / length))
            if column in self.bar:
                self.cells.glyphs[0, column] = ord(letter)
                self.cells.inks[0, column] = self._mark

    def _position_s(self) -> float:
        now, state = time.monotonic(), self._player.state
        if now >= self._ask_at_s or state != "playing":
            self._ask_at_s = now + _ASK_EVERY_S
            self._found_s, self._found_at_s = self._player.position, now
        length = self._player.duration
        position = self._found_s + now - self._found_at_s
        return min(position, length) if length else position


def _put(glyphs: npt.NDArray[np.uint32], at: int, text: str) -> None:
    """Write letters into a row of cells, as far as there is room."""
    codes = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    room = max(0, min(len(codes), len(glyphs) - at))
    glyphs[at : at + room] = codes[:room]
