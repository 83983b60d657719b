"""The base of all views, and their table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.containers import Vertical

if TYPE_CHECKING:
    from zerocross.player import Event, Player

__all__ = ["VIEWS", "View"]

#: Name, class, what the foot calls it, and what where it is narrow.
VIEWS = (
    ("playing", "PlayingView", "Playing", "Play"),
    ("queue", "QueueView", "Queue", "Que"),
    ("files", "FilesView", "Files", "File"),
    ("visual", "VisualView", "Visual", "Vis"),
    ("equalizer", "EqualizerView", "Equaliser", "EQ"),
    ("effects", "EffectsView", "Effects", "FX"),
    ("engine", "EngineView", "Engine", "Eng"),
)


class View(Vertical):
    """A part of the screen that is shown alone, built when it is shown for the first time.

    `shown` and `hidden` are called when it becomes visible and ceases to be, `player_event` with every
    event of the player while it is visible, on the event loop's thread.
    """

    DEFAULT_CSS = "View { width: 1fr; height: 1fr; }"

    @property
    def player(self) -> Player:
        """The player that the screen is of."""
        app: Any = self.app
        return app.player  # type: ignore[no-any-return]

    def shown(self) -> None:
        """Be visible: what was missed is looked up."""

    def hidden(self) -> None:
        """Be no longer visible: nothing moves from here on."""

    def player_event(self, event: Event) -> None:
        """Something happened to the player."""

    def theme_changed(self, name: str) -> None:
        """Paint with another theme's colours: one of `themes.NAMES`."""

    def action_act(self, name: str) -> None:
        """Do what one of `keymap.ACTIONS` says, whose scope is this view."""

    def note(self, words: str) -> None:
        """Tell the user, in one line at the foot of the screen."""
        app: Any = self.app
        app.note(words)
