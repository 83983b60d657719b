"""The engine's view: what the audio thread is left with, painted twice a second while it is seen."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from textual.widget import Widget

from zerocross.engine.counters import SLOW_NS
from zerocross.terminal.cells import Cells
from zerocross.terminal.engine_page import Line, Span, page
from zerocross.terminal.surface import Surface
from zerocross.terminal.views.view import View
from zerocross.terminal.visual.colours import PALETTES, colour_of

if TYPE_CHECKING:
    from zerocross.player import Event, Player

__all__ = ["EnginePainter", "EngineView"]

_FPS = 2.0
_REMEMBERED = 32
_ALL = 1 << 20
#: Whose colour of a palette each role has.
_COLOURS = {
    "heading": "second",
    "label": "labels",
    "text": "peaks",
    "bar": "trace",
    "good": "good",
    "bad": "alarm",
}


class EnginePainter:
    """Paints a player's report.

    Parameters
    ----------
    player : Player
    inks : mapping of str to int
        Colours of the roles of a `Span`.
    ascii_only : bool
        Draw with ASCII.

    Attributes
    ----------
    left, top : int
        Where the first cell stands on the terminal, from 0.
    first : int
        The page's first line that is shown.

    """

    def __init__(self, player: Player, inks: Mapping[str, int], ascii_only: bool = False) -> None:
        self._player, self.inks, self._ascii_only = player, inks, ascii_only
        self.cells = Cells(1, 1)
        self.left = self.top = 0
        self.first = 0
        self._slow: deque[dict[str, Any]] = deque(maxlen=_REMEMBERED)

    @property
    def ground(self) -> int:
        """The page's paper, as `Cells.ground`."""
        return self.cells.ground

    @ground.setter
    def ground(self, colour: int) -> None:
        self.cells.ground = colour

    def resize(self, columns: int, rows: int) -> None:
        """Have another size, in cells."""
        self.cells.resize(columns, rows)

    def forget(self) -> None:
        """Take the terminal for blank."""
        self.cells.forget()

    def frame(self) -> memoryview:
        """Return the bytes for now; empty where nothing changed."""
        cells = self.cells
        report = self._player.report(tracks=False)
        self._note_slow(report["recent_callbacks"])
        now_ns = time.monotonic_ns()
        slow = [((now_ns - each["started_ns"]) / 1e9, each) for each in reversed(self._slow)]
        lines = page(report, cells.columns, slow, self._ascii_only)
        self.first = max(0, min(self.first, len(lines) - cells.rows))
        cells.clear()
        below = len(lines) - self.first - cells.rows
        rows = cells.rows - 1 if below > 0 and cells.rows > 1 else cells.rows
        for row, line in enumerate(lines[self.first : self.first + rows]):
            self._put(row, line)
        if rows < cells.rows:
            self._tell_of_more(below + 1)
        return cells.emit(self.left, self.top)

    def _note_slow(self, recent: list[dict[str, Any]]) -> None:
        """Keep the slow ones that were not seen before."""
        last_ns = self._slow[-1]["started_ns"] if self._slow else 0
        self._slow += (
            each
            for each in recent
            if each["duration_ns"] > SLOW_NS and each["started_ns"] > last_ns
        )

    def _put(self, row: int, line: Line) -> None:
        cells, column = self.cells, 0
        for text, role in line:
            end = min(cells.columns, column + len(text))
            letters = np.frombuffer(text.encode("utf-32-le", "replace"), np.uint32)
            cells.glyphs[row, column:end] = letters[: end - column]
            cells.inks[row, column:end] = self.inks.get(role, -1)
            column = end

    def _tell_of_more(self, more: int) -> None:
        """Say in the last row, which has nothing else, that the page goes on."""
        words = f"{more} more lines below: down, page down"
        self._put(self.cells.rows - 1, [Span(words[: self.cells.columns], "label")])


class EngineView(View):
    """What the engine counts and was granted; arrows turn its page where that is longer."""

    can_focus = True

    def compose(self) -> Iterator[Widget]:
        """Yield the page's rectangle."""
        app: Any = self.app
        self._painter = EnginePainter(self.player, {}, not app.abilities.unicode)
        self._surface = Surface(self._painter, fps=_FPS)
        self.theme_changed(app.theme)
        app.bind_keys(self, "lists")
        yield self._surface

    def shown(self) -> None:
        """Look, from now on."""
        self.focus()
        self.player_event(None)

    def hidden(self) -> None:
        """Look no more."""
        self._surface.is_moving = False

    def player_event(self, event: Event | None) -> None:  # noqa: ARG002
        """Look again; stand still in a pause."""
        self._surface.is_moving = self.player.state not in {"paused", "stopped"}

    def theme_changed(self, name: str) -> None:
        """Paint with another theme's colours."""
        app: Any = self.app
        palette = PALETTES.get(name, PALETTES["default"])
        self._painter.inks = {
            role: colour_of(getattr(palette, colour), app.abilities.depth)
            for role, colour in _COLOURS.items()
        }
        self._painter.ground = palette.ground(app.abilities.depth)
        self._surface.poke()

    def action_act(self, name: str) -> None:
        """Turn the page."""
        page_rows = max(1, self._surface.size.height - 1)
        ends = {"top": -_ALL, "bottom": _ALL}
        steps = {"up": -1, "down": 1, "page-up": -page_rows, "page-down": page_rows} | ends
        if name in steps:
            self._turn(steps[name])

    def _turn(self, lines: int) -> None:
        self._painter.first = max(0, self._painter.first + lines)
        self._surface.poke()

    def on_mouse_scroll_down(self) -> None:
        """Turn it by the wheel."""
        self._turn(3)

    def on_mouse_scroll_up(self) -> None:
        """Turn it back by the wheel."""
        self._turn(-3)
