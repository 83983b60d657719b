"""The line in which a search is typed, below a list: what is found is shown letter by letter."""

from __future__ import annotations

from typing import Any

from textual.events import Key
from textual.message import Message
from textual.widgets import Input

__all__ = ["Search"]


class Search(Input):
    """A line that is there while something is searched."""

    DEFAULT_CSS = """
    Search { display: none; height: 1; border: none; padding: 0 1; background: $panel; }
    Search:focus { border: none; }
    """

    class Sought(Message):
        """Something else is searched; nothing, where a search ends."""

        def __init__(self, words: str) -> None:
            super().__init__()
            self.words = words

    class Left(Message):
        """The line was left: to take what was found, or to keep it in sight."""

        def __init__(self, takes: bool = False, keeps: bool = False) -> None:
            super().__init__()
            self.takes, self.keeps = takes, keeps

    def __init__(self, **options: Any) -> None:
        super().__init__(placeholder="search", select_on_focus=False, **options)

    def begin(self) -> None:
        """Be there."""
        self.display = True
        self.focus()

    def leave(self) -> None:
        """Be no longer there, and find everything again."""
        self.display = False
        self.value = ""
        self.post_message(self.Left())

    def on_input_changed(self, event: Input.Changed) -> None:
        """Tell what is searched."""
        event.stop()
        if self.display:
            self.post_message(self.Sought(event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take what was found."""
        event.stop()
        self.post_message(self.Left(takes=True, keeps=True))

    def on_key(self, event: Key) -> None:
        """Leave by escape; go into the list by an arrow."""
        if event.key == "escape":
            event.stop()
            self.leave()
        elif event.key in {"down", "up", "pagedown", "pageup"}:
            event.stop()
            self.post_message(self.Left(keeps=True))
