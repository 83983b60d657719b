"""What stands above the screen: dialogs and the palette. They end once, whatever is pressed meanwhile."""

from __future__ import annotations

import contextlib
from typing import Any

from textual.await_complete import AwaitComplete
from textual.command import CommandPalette
from textual.screen import ModalScreen, ScreenResultType

__all__ = ["Above", "Palette"]


class Above(ModalScreen[ScreenResultType]):
    """A dialog. A key that is pressed while it ends would end what is below it, too."""

    def dismiss(self, result: ScreenResultType | None = None) -> AwaitComplete:
        """End, if it has not ended."""
        return super().dismiss(result) if self.app.screen is self else AwaitComplete()


class Palette(CommandPalette):
    """Textual's palette, which ends once."""

    def dismiss(self, result: Any = None) -> AwaitComplete:
        """End, if it has not ended."""
        return super().dismiss(result) if self.app.screen is self else AwaitComplete()

    def _action_command_list(self, action: str) -> None:
        """Move in the list, once it is laid out: Textual looks for a row where there is none yet."""
        with contextlib.suppress(LookupError):
            super()._action_command_list(action)
