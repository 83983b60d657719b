"""Cells as Textual's strips: what a picture was, for as long as something lies above it."""

from __future__ import annotations

import itertools

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip

from zerocross.terminal.cells.cells import Cells
from zerocross.terminal.cells.pen import BOLD, REVERSED, TRUE_COLOUR

__all__ = ["strips_of"]


def strips_of(cells: Cells, crop: Region) -> list[Strip]:
    """Return the rows of a part of cells, as they were wanted last."""
    return [_strip_of(cells, row, crop) for row in range(crop.y, crop.bottom)]


def _strip_of(cells: Cells, row: int, crop: Region) -> Strip:
    columns = slice(crop.x, crop.right)
    glyphs, inks, papers = (
        grid[row, columns].tolist() for grid in (cells.glyphs, cells.inks, cells.papers)
    )
    styles = [
        (ink, cells.ground if paper < 0 else paper, glyph & (BOLD | REVERSED))
        for ink, paper, glyph in zip(inks, papers, glyphs, strict=True)
    ]
    segments = []
    for style, places in itertools.groupby(range(len(styles)), key=styles.__getitem__):
        words = "".join(_letter(glyphs[place] & (BOLD - 1)) for place in places)
        segments.append(Segment(words, _style_of(*style)))
    return Strip(segments, len(styles))


def _letter(point: int) -> str:
    letter = chr(point)
    return letter if letter.isprintable() else " "


def _style_of(ink: int, paper: int, extra: int) -> Style:
    return Style(
        color=_colour_of(ink),
        bgcolor=_colour_of(paper),
        bold=bool(extra & BOLD),
        reverse=bool(extra & REVERSED),
    )


def _colour_of(number: int) -> Color | None:
    if number < 0:
        return None
    if number < TRUE_COLOUR:
        return Color.from_ansi(number)
    return Color.from_rgb(number >> 16 & 255, number >> 8 & 255, number & 255)
