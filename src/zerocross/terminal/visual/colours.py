"""What the visualiser paints with: a theme's colours, as far as the terminal has them.

A bar's colours go by rows, and they are of the palette of 256 even where there are more: a row of
bars then names its colour once, in five to eleven bytes.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from zerocross.errors import UsageError
from zerocross.terminal.cells import TRUE_COLOUR

__all__ = ["DEPTHS", "PALETTES", "Palette", "colour_of", "depth_of", "heat_of", "is_unicode"]

#: What terminals have, from the poorest.
DEPTHS = ("monochrome", "16", "256", "true")
#: xterm's first sixteen colours and the steps of its cube.
_SIXTEEN = (
    *("000000", "cd0000", "00cd00", "cdcd00", "0000ee", "cd00cd", "00cdcd", "e5e5e5"),
    *("7f7f7f", "ff0000", "00ff00", "ffff00", "5c5cff", "ff00ff", "00ffff", "ffffff"),
)
_STEPS = (0, 95, 135, 175, 215, 255)
#: Weights of red, green and blue in how different two colours look (Riemersma's, halved by half).
_WEIGHTS = np.array([2.0, 4.0, 3.0])


@dataclasses.dataclass(frozen=True)
class Palette:
    """Colours of a visualiser, each six hexadecimal digits, RRGGBB, or empty for the terminal's own.

    Attributes
    ----------
    zones : tuple of str
        Of bars, from their foot to their head.
    trace : str
        Of lines: the spectrum's, the oscilloscope's, the goniometer's.
    second : str
        Of the right channel beside the left one.
    peaks, labels, axes : str
        Of held peaks, of names and numbers, of lines of scales.
    good, warning, alarm : str
        Of meters.
    heat : tuple of str
        Of the waterfall, from silence to the loudest.
    paper : str
        Of what lies below: the background of the theme.

    """

    zones: tuple[str, ...] = ("0087ff", "00afd7", "ffaf00")
    trace: str = "00afd7"
    second: str = "ffaf00"
    peaks: str = "e4e4e4"
    # Of sixteen colours that is white, not the dark grey that many terminals can hardly show.
    labels: str = "b8b8b8"
    axes: str = "626262"
    good: str = "00afd7"
    warning: str = "ffaf00"
    alarm: str = "ff5f00"
    # Of B. Nunez, C. Anderton and R. Renslow's "cividis", PLOS ONE 13, 2018, and black before it.
    heat: tuple[str, ...] = (
        *("000000", "00224e", "123570", "3b496c", "575d6d", "707173"),
        *("8a8678", "a59c74", "c3b369", "e1cc55", "fee838"),
    )
    paper: str = "121212"

    def ground(self, depth: str) -> int:
        """Return the paper for `Cells.ground`, named as shortly as a terminal of a depth can."""
        return colour_of(self.paper, "256" if depth == "true" else depth)


#: Palettes by the names of the themes that they belong to.
PALETTES: dict[str, Palette] = {
    "default": Palette(),
    "light": Palette(
        zones=("005faf", "00875f", "af5f00"),
        trace="005faf",
        second="af5f00",
        peaks="303030",
        labels="3a3a3a",
        axes="949494",
        good="005faf",
        warning="af5f00",
        alarm="d70000",
        heat=("ffffff", "d7e5f5", "a5c4e4", "6f9fd0", "3f78b5", "1d5192", "0b2d66", "000f33"),
        paper="ffffff",
    ),
    "high contrast": Palette(
        zones=("ffffff", "ffff00", "ff8700"),
        trace="ffffff",
        second="ffff00",
        peaks="00ffff",
        labels="ffffff",
        axes="bcbcbc",
        good="ffffff",
        warning="ffff00",
        alarm="ff8700",
        heat=("000000", "303030", "767676", "bcbcbc", "ffffff", "ffff00"),
        paper="000000",
    ),
}


def depth_of(environ: Mapping[str, str] = os.environ) -> str:
    """Return what a terminal has by its environment: one of `DEPTHS`."""
    term = environ.get("TERM", "")
    if environ.get("NO_COLOR") or term in ("", "dumb") or term.endswith("-m"):
        return "monochrome"
    if environ.get("COLORTERM", "").lower() in ("truecolor", "24bit") or "direct" in term:
        return "true"
    return "256" if "256" in term else "16"


def is_unicode(encoding: str | None) -> bool:
    """Say whether an encoding has the glyphs that pictures are made of."""
    try:
        "▁█▀⣿─".encode(encoding or "ascii")
    except (UnicodeError, LookupError):
        return False
    return True


def _levels(text: str) -> npt.NDArray[np.float64]:
    if len(text) != 6 or set(text) - set("0123456789abcdefABCDEF"):
        raise UsageError(f"colour {text!r}: give six hexadecimal digits, RRGGBB")
    return np.array([int(text[k : k + 2], 16) for k in (0, 2, 4)], np.float64)


def colour_of(text: str, depth: str) -> int:
    """Return a colour as `Cells` has it, the nearest that a terminal of a depth has.

    Parameters
    ----------
    text : str
        RRGGBB, or empty for the terminal's own.
    depth : str
        One of `DEPTHS`.

    """
    if depth not in DEPTHS:
        raise UsageError(f"colours {depth!r}: give one of {', '.join(DEPTHS)}")
    if not text or depth == "monochrome":
        return -1
    wanted = _levels(text)
    if depth == "true":
        return TRUE_COLOUR + int(text, 16)
    if depth == "16":
        return _nearest(wanted, [_levels(row) for row in _SIXTEEN])
    cube = [np.array([r, g, b], float) for r in _STEPS for g in _STEPS for b in _STEPS]
    return 16 + _nearest(wanted, cube + [np.full(3, 8.0 + 10.0 * k) for k in range(24)])


def _nearest(wanted: npt.NDArray[np.float64], known: list[npt.NDArray[np.float64]]) -> int:
    return int(np.argmin((_WEIGHTS * (np.array(known) - wanted) ** 2).sum(axis=1)))


def heat_of(palette: Palette, depth: str, steps: int) -> npt.NDArray[np.int32]:
    """Return colours from silence to the loudest, as `Cells` has them."""
    stops = np.array([_levels(row) for row in palette.heat])
    at = np.linspace(0, len(stops) - 1, steps)
    rows = np.stack([np.interp(at, np.arange(len(stops)), stops[:, k]) for k in range(3)], 1)
    texts = ["".join(f"{round(value):02x}" for value in row) for row in rows]
    return np.array([colour_of(text, depth) for text in texts], np.int32)
