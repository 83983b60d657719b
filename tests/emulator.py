"""What a terminal shows of the bytes it is sent (pyte), and what cells ask for, in the same words."""

from __future__ import annotations

import numpy as np
import pyte
from pyte import graphics

from zerocross.terminal.cells import BOLD, REVERSED, TRUE_COLOUR

_FULL = 0x2588
_SIXTEEN = (
    *("black", "red", "green", "brown", "blue", "magenta", "cyan", "white"),
    *("brightblack", "brightred", "brightgreen", "brightbrown"),
    *("brightblue", "brightmagenta", "brightcyan", "brightwhite"),
)
#: pyte's own spelling.
_SPELT = {"bfightmagenta": "brightmagenta"}


def colour_name(colour):
    """Return a colour of `Cells` as pyte names it."""
    if colour < 0:
        return "default"
    if colour < 16:
        return _SIXTEEN[colour]
    return graphics.FG_BG_256[colour] if colour < 256 else f"{colour - TRUE_COLOUR:06x}"


def wanted(cells, y, x):
    """Return what a cell asks for: glyph, ink, paper, bold, reversed; None for what is not seen."""
    glyph, ink, paper = (int(grid[y, x]) for grid in (cells.glyphs, cells.inks, cells.papers))
    point, bold, is_reversed = glyph & (BOLD - 1), bool(glyph & BOLD), bool(glyph & REVERSED)
    return (
        chr(point),
        None if point == 0x20 and not is_reversed else colour_name(ink),
        None
        if point == _FULL and not is_reversed
        else colour_name(cells.ground if paper < 0 else paper),
        bold,
        is_reversed,
    )


class Emulator:
    """A terminal of a size, filled with a letter that nobody asked for."""

    def __init__(self, columns, rows):
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.stream.feed(b"".join(b"\x1b[%dH" % (y + 1) + b"Z" * columns for y in range(rows)))

    def feed(self, data):
        """Take bytes."""
        self.stream.feed(bytes(data))

    def shown(self, y, x):
        """Return what stands in a cell."""
        c = self.screen.buffer[y][x]
        fg, bg = _SPELT.get(c.fg, c.fg), _SPELT.get(c.bg, c.bg)
        return c.data, fg, bg, c.bold, c.reverse

    def differences(self, cells, left, top):
        """Return where cells at a place are not what they ask for, and others not what they were."""
        found = []
        for y in range(self.screen.lines):
            for x in range(self.screen.columns):
                is_in = 0 <= y - top < cells.rows and 0 <= x - left < cells.columns
                shown = self.shown(y, x)
                asked = wanted(cells, y - top, x - left) if is_in else ("Z", *shown[1:])
                if any(a is not None and a != b for a, b in zip(asked, shown, strict=True)):
                    found.append((y, x, asked, shown))
        return found

    def glyphs(self, left, top, columns, rows):
        """Return code points of a rectangle, as an array."""
        buffer = self.screen.buffer
        return np.array(
            [[ord(buffer[top + y][left + x].data) for x in range(columns)] for y in range(rows)]
        )

    def is_plain(self):
        """Say whether what is written next has the terminal's own colours."""
        c = self.screen.cursor.attrs
        return (c.fg, c.bg, c.bold, c.reverse) == ("default", "default", False, False)
