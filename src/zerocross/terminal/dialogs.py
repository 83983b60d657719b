"""What lies above the screen for a moment: lists to be read, and a line to be typed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

from rich.table import Table
from rich.text import Text
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.widget import Widget
from textual.widgets import Input, Static

from zerocross.terminal.above import Above
from zerocross.terminal.keymap import ACTIONS, SCOPES, keys_of

__all__ = ["Prompt", "Reading", "key_list", "note_list"]


class Reading(Above[None]):
    """A text that is scrolled, until a key leaves it."""

    DEFAULT_CSS = """
    Reading { align: center middle; }
    Reading > VerticalScroll {
        width: 90%; max-width: 84; height: 90%; background: $panel; padding: 0 1;
    }
    Reading Static { width: 1fr; height: auto; }
    """
    BINDINGS: ClassVar[list[Any]] = [
        Binding("escape,q,question_mark,enter", "dismiss", show=False),
        Binding("j,down", "move(1)", show=False, priority=True),
        Binding("k,up", "move(-1)", show=False, priority=True),
        Binding("pagedown,ctrl+d,space", "move(10)", show=False, priority=True),
        Binding("pageup,ctrl+u", "move(-10)", show=False, priority=True),
    ]

    def __init__(self, text: Text | Table) -> None:
        super().__init__()
        self._text = text

    def compose(self) -> Iterator[Widget]:
        """Yield the text."""
        with VerticalScroll():
            yield Static(self._text)

    def action_move(self, rows: int) -> None:
        """Scroll."""
        self.query_one(VerticalScroll).scroll_relative(y=rows, animate=False)


def key_list(own: Mapping[str, str]) -> Reading:
    """Return the list of all keys."""
    text = _pairs()
    for scope in SCOPES:
        text.add_row(Text(scope, "bold underline"))
        for action in ACTIONS:
            if action.scope == scope:
                text.add_row(Text(" ".join(keys_of(action, own)), "bold"), Text(action.words))
        text.add_row()
    return Reading(text)


def _pairs() -> Table:
    """Return two columns, of which each is folded within its own width."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(max_width=16)
    table.add_column(ratio=1)
    return table


def note_list(lines: Iterable[tuple[str, str]]) -> Reading:
    """Return the list of what was told, the last line first."""
    text = _pairs()
    for time, words in reversed(list(lines)):
        text.add_row(Text(time, "bold"), Text(words))
    return Reading(text if text.row_count else Text("nothing was told so far"))


class Prompt(Above[str]):
    """A line to be typed: enter gives it, escape gives an empty one."""

    DEFAULT_CSS = """
    Prompt { align: center bottom; }
    Prompt > Vertical { height: auto; background: $panel; padding: 0 1; margin: 0 0 3 0; }
    Prompt Input, Prompt Input:focus { border: none; height: 1; padding: 0; background: $panel; }
    Prompt Static { height: auto; }
    """
    BINDINGS: ClassVar[list[Any]] = [Binding("escape", "leave", show=False)]

    def __init__(self, words: str, value: str = "") -> None:
        super().__init__()
        self._words, self._value = words, value

    def compose(self) -> Iterator[Widget]:
        """Yield the words and the line."""
        with Vertical():
            yield Static(self._words)
            yield Input(self._value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Give what was typed."""
        self.dismiss(event.value.strip())

    def action_leave(self) -> None:
        """Give nothing."""
        self.dismiss("")
