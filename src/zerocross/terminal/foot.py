"""The lines at the foot: what plays and how; the time; the views' names, or what there is to tell."""

from __future__ import annotations

import collections
import time
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len, set_cell_size
from rich.text import Text
from textual.widget import Widget

from zerocross.terminal.surface import Surface
from zerocross.terminal.views.view import VIEWS

if TYPE_CHECKING:
    from textual.events import Click, MouseDown, MouseMove
    from textual.timer import Timer

__all__ = ["Foot", "Now", "Timeline"]

#: What is told stands at least so long before what waits takes its place, and so many wait at most.
_READ_S, _MOST_WAITING = 2.0, 3
#: What is due already comes so soon: a timer of Textual's divides by its time.
_AT_ONCE_S = 0.001

#: What stands behind the views' names, as far as there is room.
_HELP = ("  ? keys  : commands", "  ? keys")

_STATES = {"playing": "▶", "paused": "⏸", "stopped": "■", "buffering": "…", "waiting": "…"}
_PLAIN_STATES = {"playing": ">", "paused": "=", "stopped": "#", "buffering": ".", "waiting": "."}


class Now(Widget):
    """What plays, which of how many, how loud; a click pauses."""

    DEFAULT_CSS = "Now { height: 1; background: $panel; color: $foreground; }"

    def render(self) -> Text:
        """Return the line: from the right, what there is no room for is left out."""
        width = self.size.width
        app: Any = self.app
        player, session = app.player, app.session
        track, queue = player.queue.current, player.queue
        name = (
            (track.known_as or track.path.rsplit("/", 1)[-1]) if track else "nothing in the queue"
        )
        signs = _STATES if app.abilities.unicode else _PLAIN_STATES
        left = f" {signs.get(player.state, ' ')} {name}"
        parts = [
            "muted" if player.mute else f"vol {player.volume:.0%}",
            f"{min(queue.index + 1, len(queue))}/{len(queue)}" if len(queue) else "",
            "" if queue.repeat == "off" else f"repeat {queue.repeat}",
            "shuffled" if queue.is_shuffled else "",
            "" if player.replaygain == "off" else f"gain {player.replaygain}",
            "A-B" if player.loop else "A-" if session.has_a else "",
            player.state if player.state in {"buffering", "waiting"} else "",
        ]
        right = ""
        for part in filter(None, parts):
            more = f"{part}  {right}" if right else f"{part} "
            if width - cell_len(more) < min(cell_len(left) + 2, width // 2):
                break
            right = more
        room = max(0, width - cell_len(right) - 1)
        if cell_len(left) > room:
            left = set_cell_size(left, max(0, room - 1)) + "…"
        return Text(set_cell_size(left, room) + " " + right, no_wrap=True, end="")

    def on_click(self) -> None:
        """Pause, or go on."""
        app: Any = self.app
        app.control("pause")


class Timeline(Surface):
    """The line of time: pressed and dragged it seeks, the wheel changes the volume."""

    def on_mouse_down(self, event: MouseDown) -> None:
        """Go to where it is pressed."""
        self.capture_mouse()
        self._seek(event.x)

    def on_mouse_move(self, event: MouseMove) -> None:
        """Go to where it is dragged."""
        if self.app.mouse_captured is self:
            self._seek(event.x)

    def on_mouse_up(self) -> None:
        """Let go."""
        self.release_mouse()

    def on_mouse_scroll_up(self) -> None:
        """Make it louder."""
        app: Any = self.app
        app.control("louder")

    def on_mouse_scroll_down(self) -> None:
        """Make it softer."""
        app: Any = self.app
        app.control("softer")

    def _seek(self, column: int) -> None:
        app: Any = self.app
        painter: Any = self.painter
        if painter.bar:
            share = (column + 0.5 - painter.bar.start) / len(painter.bar)
            app.session.seek_to_share(share)


class Foot(Widget):
    """The views' names, to be clicked; for some seconds what there is to tell."""

    DEFAULT_CSS = """
    Foot { height: 1; background: $background; color: $foreground 70%; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._view = ""
        self._told = ""
        self._shown_s = 0.0
        self._timer: Timer | None = None
        self._waiting: collections.deque[tuple[str, float]] = collections.deque(
            maxlen=_MOST_WAITING
        )
        self._places: list[tuple[range, str]] = []

    def show_view(self, name: str) -> None:
        """Have another view be the one that is shown."""
        self._view = name
        self.refresh()

    def tell(self, words: str, seconds: float, waits: bool = False) -> None:
        """Show words for a time.

        Parameters
        ----------
        words : str
            One line.
        seconds : float
            How long, where nothing else is to be told.
        waits : bool
            Whether what stands there may be read first, as for what nobody asked for; an answer to a
            key takes its place at once. Of many that wait the last ones are shown; all are in the list.

        """
        if waits and self._told:
            self._waiting.append((words, seconds))
            seconds = max(_AT_ONCE_S, self._shown_s + _READ_S - time.monotonic())
        else:
            self._told, self._shown_s = words, time.monotonic()
            seconds = _READ_S if self._waiting else seconds
            self.refresh()
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(seconds, self._forget)

    def _forget(self) -> None:
        """Show what waits, or the names again."""
        self._told, self._timer = "", None
        if self._waiting:
            self.tell(*self._waiting.popleft())
        self.refresh()

    def render(self) -> Text:
        """Return the line."""
        width = self.size.width
        if self._told:
            is_bad = self._told.startswith(("error", "fault", "underrun", "warning"))
            style = f"bold {self.app.theme_variables['warning']}" if is_bad else "bold"
            told = (
                self._told
                if cell_len(self._told) <= width - 2
                else (set_cell_size(self._told, max(0, width - 3)) + "…")
            )
            return Text(f" {told}", _safe(style, self.app), no_wrap=True, end="")
        return self._names(width)

    def _names(self, width: int) -> Text:
        long = sum(len(each[2]) + 3 for each in VIEWS)
        has_names, gap = width >= long, "  " if width >= long + 15 else " "
        text, self._places = Text(" " if has_names else "", no_wrap=True, end=""), []
        for number, (name, _, words, short) in enumerate(VIEWS, 1):
            begin = len(text)
            text.append((f"{number} {words}" if has_names else f"{number}{short}") + gap)
            self._places.append((range(begin, len(text)), name))
            if name == self._view:
                text.stylize("reverse bold", max(0, begin - 1), len(text) - len(gap) + 1)
        text.right_crop(1)
        room = width - len(text) - 1
        help_words = next((each for each in _HELP if len(each) <= room), "")
        text.append(help_words.rjust(room) if help_words else "")
        return text

    def on_click(self, event: Click) -> None:
        """Show the view whose name was clicked."""
        app: Any = self.app
        for place, name in self._places:
            if event.x in place and not self._told:
                app.show_view(name)


def _safe(style: str, app: Any) -> str:
    """Return a style without colours that Rich does not know."""
    return style if app.abilities.depth in {"true", "256"} else "bold"
