"""How cells are written for a terminal: bytes, moves of its cursor, colours.

A move is the shortest of those that ECMA-48 and VT100 have; a colour is named where it changes. A
blank has no ink and a full block no paper, so neither is asked for there. A paper of -1 is the
ground's: the terminal's own, or a colour that the cells were given.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from zerocross.compiler import kernel, uint8_array
from zerocross.memory import layout

__all__ = [
    "BLANK",
    "BOLD",
    "CELLS",
    "NEVER",
    "NOWHERE",
    "REVERSED",
    "TRUE_COLOUR",
    "UNKNOWN",
    "UNNAMED",
    "dress",
    "fits",
    "glyph_bytes",
    "has_ink",
    "has_paper",
    "move_bytes",
    "move_to",
    "put_byte",
    "put_glyph",
    "put_number",
    "put_sequence",
    "row_bytes",
    "to_row",
]

#: Added to a colour of 24 bits, 0xRRGGBB.
TRUE_COLOUR = 1 << 24
#: Added to a glyph: written boldly, and with ink and paper exchanged.
BOLD, REVERSED = 1 << 24, 1 << 25
#: A glyph that no cell has: what a terminal shows is not known.
UNKNOWN = 0x7FFFFFFF
_POINT = BOLD - 1
BLANK, _FULL = 0x20, 0x2588
NOWHERE = -1
#: No paper was named yet, where plain is not the ground.
UNNAMED = -2
#: Of moves that cannot be made.
NEVER = 1 << 20

CELLS = layout(
    setup=[
        *("glyphs", "inks", "papers", "columns", "rows", "out", "capacity"),
        *("run_rows", "run_firsts", "run_ends", "run_nexts", "heads"),
    ],
    control=["is_alone", "ground", "must_scan"],
    kernel=[
        *("shown_glyphs", "shown_inks", "shown_papers"),
        *("left", "top", "at", "row", "column", "ink", "paper", "style", "separators", "sunk"),
        *("run_count", "knows_runs"),
    ],
)


@kernel
def put_byte(p: Any, value: Any) -> None:
    """Write a byte."""
    if p.at < p.capacity:
        uint8_array(p.out, p.capacity)[p.at] = np.uint8(value)
        p.at += 1


@kernel
def _digits_of(number: Any) -> Any:
    return 1 if number < 10 else (2 if number < 100 else (3 if number < 1000 else 4))


@kernel
def put_number(p: Any, number: Any) -> None:
    """Write a number below ten thousand."""
    if number > 999:
        put_byte(p, 48 + number // 1000 % 10)
    if number > 99:
        put_byte(p, 48 + number // 100 % 10)
    if number > 9:
        put_byte(p, 48 + number // 10 % 10)
    put_byte(p, 48 + number % 10)


@kernel
def put_sequence(p: Any, number: Any, letter: Any) -> None:
    """Write CSI, a number unless it is 1, which is what is left out, and a letter."""
    put_byte(p, 27)
    put_byte(p, 91)
    if number != 1:
        put_number(p, number)
    put_byte(p, letter)


@kernel
def _sequence_bytes(number: Any) -> Any:
    return 3 if number == 1 else 3 + _digits_of(number)


@kernel
def glyph_bytes(glyph: Any) -> Any:
    """Return how many bytes a glyph takes."""
    point = glyph & _POINT
    return 1 if point < 0x80 else (2 if point < 0x800 else (3 if point < 0x10000 else 4))


@kernel
def put_glyph(p: Any, glyph: Any) -> None:
    """Write a code point in UTF-8; a control character, which would do something, as a blank."""
    point = glyph & _POINT
    if point < 0x20 or 0x7F <= point < 0xA0 or 0xD800 <= point < 0xE000 or point > 0x10FFFF:
        put_byte(p, BLANK)
    elif point < 0x80:
        put_byte(p, point)
    elif point < 0x800:
        put_byte(p, 0xC0 | point >> 6)
        put_byte(p, 0x80 | point & 0x3F)
    else:
        if point < 0x10000:
            put_byte(p, 0xE0 | point >> 12)
        else:
            put_byte(p, 0xF0 | point >> 18)
            put_byte(p, 0x80 | point >> 12 & 0x3F)
        put_byte(p, 0x80 | point >> 6 & 0x3F)
        put_byte(p, 0x80 | point & 0x3F)


# --- where --------------------------------------------------------------------------------------


@kernel
def row_bytes(p: Any, row: Any) -> Any:
    """Return what it takes to change the row and keep the column."""
    if row == p.row:
        return 0
    apart = abs(row - p.row)
    return min(2 * apart, _sequence_bytes(apart), _sequence_bytes(row + 1))


@kernel
def to_row(p: Any, row: Any) -> None:
    """Change the row and keep the column."""
    apart = abs(row - p.row)
    best = row_bytes(p, row)
    if 2 * apart == best:
        for _ in range(apart):  # IND or RI
            put_byte(p, 27)
            put_byte(p, 68 if row > p.row else 77)
    elif _sequence_bytes(apart) == best:  # CUD or CUU
        put_sequence(p, apart, 66 if row > p.row else 65)
    else:  # VPA
        put_sequence(p, row + 1, 100)


@kernel
def _column_bytes(p: Any, column: Any) -> Any:
    """Return what it takes to change the column and keep the row."""
    if column == p.column:
        return 0
    apart = abs(column - p.column)
    steps = apart if column < p.column else NEVER
    home = 1 if column == 0 else NEVER
    return min(home, steps, _sequence_bytes(apart), _sequence_bytes(column + 1))


@kernel
def _to_column(p: Any, column: Any) -> None:
    apart = abs(column - p.column)
    best = _column_bytes(p, column)
    if column == 0:
        put_byte(p, 13)
    elif column < p.column and apart == best:
        for _ in range(apart):
            put_byte(p, 8)
    elif _sequence_bytes(apart) == best:  # CUF or CUB
        put_sequence(p, apart, 67 if column > p.column else 68)
    else:  # CHA
        put_sequence(p, column + 1, 71)


@kernel
def _both_bytes(row: Any, column: Any) -> Any:
    found = 3
    if row > 0 or column > 0:
        found += _digits_of(row + 1) if row > 0 else 0
    if column > 0:
        found += 1 + _digits_of(column + 1)
    return found


@kernel
def move_bytes(p: Any, row: Any, column: Any) -> Any:
    """Return what it takes to bring the cursor to a cell of the terminal."""
    absolute = _both_bytes(row, column)
    if p.row == NOWHERE:
        return absolute
    return min(absolute, row_bytes(p, row) + _column_bytes(p, column))


@kernel
def move_to(p: Any, row: Any, column: Any) -> None:
    """Bring the cursor to a cell of the terminal by the shortest way."""
    if p.row != NOWHERE and (row == p.row and column == p.column):
        return
    if p.row != NOWHERE and row_bytes(p, row) + _column_bytes(p, column) < _both_bytes(row, column):
        if row != p.row:
            to_row(p, row)
        if column != p.column:
            _to_column(p, column)
    else:  # CUP, whose numbers are 1 where they are left out
        put_byte(p, 27)
        put_byte(p, 91)
        if row > 0:
            put_number(p, row + 1)
        if column > 0:
            put_byte(p, 59)
            put_number(p, column + 1)
        put_byte(p, 72)
    p.row, p.column = row, column


# --- with what ----------------------------------------------------------------------------------


@kernel
def _separator(p: Any) -> None:
    """Begin another number of a sequence of styles, or the sequence itself."""
    if p.separators == 0:
        put_byte(p, 27)
        put_byte(p, 91)
    else:
        put_byte(p, 59)
    p.separators += 1


@kernel
def _code(p: Any, number: Any) -> None:
    _separator(p)
    put_number(p, number)


@kernel
def _colour(p: Any, colour: Any, first: Any) -> None:
    """Name a colour; ``first`` is 30 for ink and 40 for paper."""
    if colour < 0 and first == 40:
        colour = p.ground
    if colour < 0:
        _code(p, first + 9)
    elif colour < 8:
        _code(p, first + colour)
    elif colour < 16:
        _code(p, first + 52 + colour)  # 90 and 100
    else:
        _code(p, first + 8)
        if colour < 256:
            _code(p, 5)
            _code(p, colour)
        else:
            _code(p, 2)
            _code(p, colour >> 16 & 255)
            _code(p, colour >> 8 & 255)
            _code(p, colour & 255)


@kernel
def has_ink(glyph: Any) -> Any:
    """Say whether the ink of a cell is seen: not in a blank, but in one that is reversed."""
    return glyph & ~BOLD != BLANK


@kernel
def has_paper(glyph: Any) -> Any:
    """Say whether the paper of a cell is seen: not behind a full block."""
    return glyph & ~BOLD != _FULL


@kernel
def fits(p: Any, glyph: Any, ink: Any, paper: Any) -> Any:
    """Say whether a cell can be written with the colours that were named last."""
    return (
        (glyph & (BOLD | REVERSED)) == p.style
        and (p.ink == ink or not has_ink(glyph))
        and (p.paper == paper or not has_paper(glyph))
    )


@kernel
def dress(p: Any, glyph: Any, ink: Any, paper: Any) -> None:
    """Name what is seen of a cell's colours and was not named."""
    wants_ink = ink if has_ink(glyph) else p.ink
    wants_paper = paper if has_paper(glyph) else p.paper
    style = glyph & (BOLD | REVERSED)
    p.separators = 0
    if wants_ink == -1 and wants_paper == -1 and style == 0 and p.ground < 0:
        if p.ink != -1 or p.paper != -1 or p.style != 0:
            put_sequence(p, 1, 109)
    else:
        if (style ^ p.style) & BOLD:
            _code(p, 1 if style & BOLD else 22)
        if (style ^ p.style) & REVERSED:
            _code(p, 7 if style & REVERSED else 27)
        if wants_ink != p.ink:
            _colour(p, wants_ink, 30)
        if wants_paper != p.paper:
            _colour(p, wants_paper, 40)
        if p.separators > 0:
            put_byte(p, 109)
    p.ink, p.paper, p.style = wants_ink, wants_paper, style
