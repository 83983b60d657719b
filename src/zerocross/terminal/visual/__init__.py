"""Pictures of what is heard, drawn into a terminal's cells by compiled code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zerocross.terminal.visual.colours import DEPTHS, PALETTES, Palette, depth_of, is_unicode

if TYPE_CHECKING:
    from zerocross.terminal.visual.visualiser import MODES, Visualiser

__all__ = ["DEPTHS", "MODES", "PALETTES", "Palette", "Visualiser", "depth_of", "is_unicode"]


def __getattr__(name: str) -> Any:
    """Import the visualiser when it is asked for: the screen is there sooner without it."""
    if name not in {"MODES", "Visualiser"}:
        raise AttributeError(name)
    from zerocross.terminal.visual import visualiser

    return getattr(visualiser, name)
