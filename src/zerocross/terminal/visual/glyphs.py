"""What pictures are made of: blocks and dots, and what stands for them where there is no Unicode."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from zerocross.memory import aligned_zeros

__all__ = ["BRAILLE_BITS", "Glyphs"]

#: The bit of each dot of a braille cell, two columns and four rows (ISO 11548-2).
BRAILLE_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_UPPER, _LOWER = 0x01 | 0x08 | 0x02 | 0x10, 0x04 | 0x20 | 0x40 | 0x80


def _table(glyphs: str) -> npt.NDArray[np.int32]:
    found = aligned_zeros(len(glyphs), np.int32)
    found[:] = [ord(glyph) for glyph in glyphs]
    return found


class Glyphs:
    """Glyphs of pictures.

    Parameters
    ----------
    unicode : bool
        Whether there is more than ASCII.

    Attributes
    ----------
    rising : ndarray, shape (9,), int32
        Of a bar's highest cell, by the eighths of it that are full.
    across : ndarray, shape (9,), int32
        Of a bar's last cell that lies, in the same way.
    caps : ndarray, shape (3,), int32
        Of a held peak, low, in the middle and high in a cell.
    dots : ndarray, shape (256,), int32
        By the dots of a braille cell.
    shades : ndarray, int32
        From nothing to all.
    along, up : int
        Lines of scales.

    """

    def __init__(self, unicode: bool = True) -> None:
        self.is_unicode = unicode
        self.rising = _table(" ▁▂▃▄▅▆▇█" if unicode else " ._-=+*##")
        self.across = _table(" ▏▎▍▌▋▊▉█" if unicode else "  ..--==#")
        self.caps = _table("▁─▔" if unicode else "_-^")
        self.shades = _table(" ░▒▓█" if unicode else " .:-=+*#%@")
        self.along, self.up = (ord(glyph) for glyph in ("─│" if unicode else "-|"))
        self.dots = aligned_zeros(256, np.int32)
        self.dots[:] = 0x2800 + np.arange(256) if unicode else [_ascii(k) for k in range(256)]
        self.dots[0] = ord(" ")


def _ascii(dots: int) -> int:
    return ord(" '.:"[(1 if dots & _UPPER else 0) + (2 if dots & _LOWER else 0)])
