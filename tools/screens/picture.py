"""A picture of an emulator's cells: papers and blocks as pixels, letters by matplotlib."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["picture"]

_WIDTH, _HEIGHT = 10, 20
_DEFAULT = {"fg": (0.85, 0.85, 0.85), "bg": (0.07, 0.07, 0.09)}
_LIGHT = {"fg": (0.15, 0.15, 0.15), "bg": (1.0, 1.0, 1.0)}
#: A terminal's sixteen colours, by pyte's names.
_NAMED = {
    "black": "000000", "red": "cd0000", "green": "00cd00", "brown": "cdcd00",
    "blue": "3b78ff", "magenta": "cd00cd", "cyan": "00cdcd", "white": "e5e5e5",
    "brightblack": "7f7f7f", "brightred": "ff5555", "brightgreen": "55ff55",
    "brightbrown": "ffff55", "brightyellow": "ffff55", "brightblue": "7c9cff",
    "brightmagenta": "ff55ff", "brightcyan": "55ffff", "brightwhite": "ffffff",
}  # fmt: skip
#: Braille's dots, by bits: column and row.
_DOTS = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))


def picture(screen: Any, path: Path, light: bool = False) -> None:
    """Write what a pyte screen shows; the ending says how (.png, .svg)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    defaults = _LIGHT if light else _DEFAULT
    rows, columns = screen.lines, screen.columns
    pixels = np.zeros((rows * _HEIGHT, columns * _WIDTH, 3))
    letters = []
    for y in range(rows):
        for x in range(columns):
            cell = screen.buffer[y][x]
            ink, paper = _colour(cell.fg, defaults["fg"]), _colour(cell.bg, defaults["bg"])
            if cell.reverse:
                ink, paper = paper, ink
            place = pixels[y * _HEIGHT : (y + 1) * _HEIGHT, x * _WIDTH : (x + 1) * _WIDTH]
            place[:] = paper
            if cell.data.strip() and not _drawn(place, cell.data, ink):
                letters.append((x, y, cell.data, ink, cell.bold))
    figure = Figure(figsize=(columns * _WIDTH / 100, rows * _HEIGHT / 100), dpi=100)
    FigureCanvasAgg(figure)
    figure.figimage(pixels, resize=False, origin="upper")
    for x, y, letter, ink, bold in letters:
        figure.text(
            (x + 0.5) / columns,
            1 - (y + 0.78) / rows,
            letter.replace("$", r"\$"),
            color=ink,
            fontfamily=["DejaVu Sans Mono", "DejaVu Sans"],
            fontsize=11.5,
            ha="center",
            va="baseline",
            weight="bold" if bold else "normal",
        )
    figure.savefig(path)


def _colour(name: str, default: tuple[float, ...]) -> tuple[float, ...]:
    if name == "default":
        return default
    digits = _NAMED.get(name, name)
    return tuple(int(digits[k : k + 2], 16) / 255 for k in (0, 2, 4))


def _drawn(place: Any, letter: str, ink: tuple[float, ...]) -> bool:
    """Draw a block or braille letter into its pixels; False for other letters."""
    code = ord(letter[0])
    if 0x2800 <= code < 0x2900:
        for bit, (column, row) in enumerate(_DOTS):
            if code >> bit & 1:
                place[5 * row + 1 : 5 * row + 4, 5 * column + 1 : 5 * column + 4] = ink
        return True
    if 0x2581 <= code <= 0x2588:
        place[_HEIGHT - round((code - 0x2580) * _HEIGHT / 8) :] = ink
    elif 0x2589 <= code <= 0x258F:
        place[:, : max(1, round((0x2590 - code) * _WIDTH / 8))] = ink
    elif code == 0x2580:
        place[: _HEIGHT // 2] = ink
    elif code == 0x2590:
        place[:, _WIDTH // 2 :] = ink
    elif code == 0x2594:
        place[: _HEIGHT // 8] = ink
    elif code == 0x2595:
        place[:, -max(1, _WIDTH // 8) :] = ink
    elif 0x2596 <= code <= 0x259F:
        _draw_quadrants(place, letter, ink)
    elif code in (0x2500, 0x2501):
        place[_HEIGHT // 2 - (code & 1) : _HEIGHT // 2 + 1] = ink
    elif code in (0x2502, 0x2503):
        place[:, _WIDTH // 2 - (code & 1) : _WIDTH // 2 + 1] = ink
    else:
        return False
    return True


def _draw_quadrants(place: Any, letter: str, ink: tuple[float, ...]) -> None:
    parts = {"▖": "3", "▗": "4", "▘": "1", "▙": "134", "▚": "14", "▛": "123", "▜": "124",
             "▝": "2", "▞": "23", "▟": "234"}[letter]  # fmt: skip
    y, x = _HEIGHT // 2, _WIDTH // 2
    for part, (rows, columns) in {
        "1": (slice(0, y), slice(0, x)),
        "2": (slice(0, y), slice(x, None)),
        "3": (slice(y, None), slice(0, x)),
        "4": (slice(y, None), slice(x, None)),
    }.items():
        if part in parts:
            place[rows, columns] = ink
