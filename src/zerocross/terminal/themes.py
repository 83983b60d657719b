"""The screen's themes: one that colour-blind people can read, a light one, one of high contrast.

Each is there for terminals of many colours and of sixteen; where there is none, what is chosen is
reversed. The visualiser's colours of the same names are in `visual.colours`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.style import Style
from textual.filter import NoColor
from textual.theme import BUILTIN_THEMES, Theme

if TYPE_CHECKING:
    from textual.color import Color

__all__ = ["NAMES", "Colourless", "theme_for"]

#: In the order in which a key goes through them.
NAMES = ("default", "light", "high contrast")

_MANY = {
    "default": Theme(
        "default",
        primary="#0087ff",
        secondary="#00afd7",
        accent="#ffaf00",
        warning="#ffaf00",
        error="#ff5f00",
        success="#00afd7",
        foreground="#e4e4e4",
        background="#121212",
        surface="#1c1c1c",
        panel="#262626",
        dark=True,
        variables={"footer-key-foreground": "#ffaf00"},
    ),
    "light": Theme(
        "light",
        primary="#005faf",
        secondary="#00875f",
        accent="#af5f00",
        warning="#af5f00",
        error="#d70000",
        success="#005faf",
        foreground="#1c1c1c",
        background="#ffffff",
        surface="#f4f4f4",
        panel="#e4e4e4",
        dark=False,
    ),
    "high contrast": Theme(
        "high contrast",
        primary="#ffff00",
        secondary="#00ffff",
        accent="#ffff00",
        warning="#ffff00",
        error="#ff8700",
        success="#00ffff",
        foreground="#ffffff",
        background="#000000",
        surface="#000000",
        panel="#303030",
        dark=True,
        text_alpha=1.0,
        variables={
            "block-cursor-blurred-foreground": "#000000",
            "block-cursor-blurred-background": "#ffff00",
            "input-selection-foreground": "#000000",
            "input-selection-background": "#ffff00",
        },
    ),
}
#: What is to be seen of a theme on a terminal of sixteen colours, whose values are its user's.
_SIXTEEN = {
    "default": ("ansi_bright_blue", "ansi_bright_yellow", "ansi_white", "ansi_black", True),
    "light": ("ansi_blue", "ansi_red", "ansi_black", "ansi_bright_white", False),
    "high contrast": (
        "ansi_bright_yellow",
        "ansi_bright_cyan",
        "ansi_bright_white",
        "ansi_black",
        True,
    ),
}


def theme_for(name: str, depth: str) -> Theme:
    """Return a theme for a terminal.

    Parameters
    ----------
    name : str
        One of `NAMES`.
    depth : str
        What it has: one of `visual.colours.DEPTHS`.

    """
    if depth in {"true", "256"}:
        return _MANY[name]
    primary, accent, ink, paper, is_dark = _SIXTEEN[name]
    chosen = (paper, ink)
    if depth == "monochrome":
        primary = accent = ink = paper = "ansi_default"
    return Theme(
        name,
        primary=primary,
        secondary=primary,
        accent=accent,
        warning=accent,
        error=accent,
        success=primary,
        foreground=ink,
        background=paper,
        surface=paper,
        panel=paper,
        boost=paper,
        dark=is_dark,
        ansi=True,
        text_alpha=1.0,
        variables=BUILTIN_THEMES["ansi-dark" if is_dark else "ansi-light"].variables
        | {
            "block-cursor-foreground": chosen[0],
            "block-cursor-background": chosen[1],
            "block-cursor-text-style": "none",
            "block-cursor-blurred-foreground": chosen[0],
            "block-cursor-blurred-background": chosen[1],
            "block-cursor-blurred-text-style": "none",
            "input-selection-foreground": chosen[0],
            "input-selection-background": chosen[1],
            "scrollbar": ink,
            "scrollbar-hover": ink,
            "scrollbar-active": ink,
            "scrollbar-background": paper,
            "scrollbar-background-hover": paper,
            "scrollbar-background-active": paper,
            "scrollbar-corner-color": paper,
        },
    )


class Colourless(NoColor):
    """Takes all colours away; what has a paper of its own, which is what is chosen, is reversed."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return a line's segments without colours."""
        plain = super().apply(segments, background)
        return [
            Segment(one.text, one.style + _REVERSED, one.control)
            if one.style and was.style and was.style.bgcolor and not was.style.bgcolor.is_default
            else one
            for was, one in zip(segments, plain, strict=True)
        ]


_REVERSED = Style(reverse=True)
