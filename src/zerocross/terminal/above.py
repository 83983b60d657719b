"""What stands above the screen: dialogs and the palette. They end once, whatever is pressed meanwhile."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from textual.await_complete import AwaitComplete
from textual.command import CommandList, CommandPalette
from textual.events import Click
from textual.screen import ModalScreen, Screen, ScreenResultType
from textual.widget import Widget
from textual.widgets import OptionList

__all__ = ["Above", "Options", "Palette"]


def _forget_drawn(screen: Screen[Any]) -> None:
    """Forget what was drawn of a screen: Textual's cache of colours keeps the last thousand of widgets' alive."""
    for each in (screen, *screen.walk_children(Widget)):
        each._styles_cache.clear()


class Above(ModalScreen[ScreenResultType]):
    """A dialog. A key that is pressed while it ends would end what is below it, too.

    Where there are few colours or none it has a frame, for its paper is that of what is below.
    """

    DEFAULT_CSS = """
    Above:ansi > Vertical, Above:ansi > VerticalScroll {
        border: solid $foreground; background: $background;
    }
    Above:ansi OptionList, Above:ansi OptionList:focus { background: $background; }
    """

    def dismiss(self, result: ScreenResultType | None = None) -> AwaitComplete:
        """End, if it has not ended."""
        _forget_drawn(self)
        return super().dismiss(result) if self.app.screen is self else AwaitComplete()


class Options(OptionList):
    """A list to choose from: a click on a row that is gone since is none, where Textual looks for the row."""

    def on_click(self, event: Click) -> None:
        """Keep a click from Textual that comes too late."""
        if event.style.meta.get("option", 0) >= self.option_count:
            event.prevent_default()


class _Commands(CommandList, Options):
    """The palette's list."""


class Palette(CommandPalette):
    """Textual's palette, which ends once, without the sign and the empty rows before what is typed."""

    DEFAULT_CSS = """
    Palette > Vertical { margin-top: 1; }
    Palette:ansi > Vertical { background: $background; }
    Palette > .command-palette--help-text { text-style: not bold; }
    Palette SearchIcon { display: none; }
    Palette CommandInput, Palette CommandInput:focus { padding: 0 2; height: 1; border: none; }
    Palette CommandList, Palette CommandList:focus { border-top: none; }
    Palette:ansi #--input { border: hkey $foreground; }
    Palette:ansi #--input.--list-visible { border-bottom: none; }
    Palette:ansi CommandList { border-bottom: hkey $foreground; background: $background; }
    """

    def compose(self) -> Iterator[Widget]:
        """Yield what Textual's palette has, with a list of our own."""
        for widget in super().compose():
            yield _Commands() if type(widget) is CommandList else widget

    def dismiss(self, result: Any = None) -> AwaitComplete:
        """End, if it has not ended."""
        _forget_drawn(self)
        return super().dismiss(result) if self.app.screen is self else AwaitComplete()

    def _action_command_list(self, action: str) -> None:
        """Move in the list, once it is laid out: Textual looks for a row where there is none yet."""
        with contextlib.suppress(LookupError):
            super()._action_command_list(action)
