"""A list to choose from, with a line in which something else may be typed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from textual.binding import Binding
from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import Input, Static

from zerocross.terminal.above import Above, Options

__all__ = ["Choice"]


class Choice(Above[str]):
    """A list above a line: what is typed narrows the list; enter gives the choice, escape an empty one.

    Parameters
    ----------
    words : str
        What is to be chosen.
    names : sequence of str
        What there is.
    hint : str
        What else may be typed, such as a path; empty if nothing else.

    """

    DEFAULT_CSS = """
    Choice { align: center middle; }
    Choice > Vertical {
        width: 90%; max-width: 60; height: auto; max-height: 90%; background: $panel; padding: 0 1;
    }
    Choice OptionList, Choice OptionList:focus { height: auto; max-height: 12; border: none; padding: 0; background: $panel; }
    Choice OptionList > .option-list--option-highlighted { color: $block-cursor-blurred-foreground; }
    Choice Input, Choice Input:focus { border: none; height: 1; padding: 0; background: $panel; }
    Choice Static { height: 1; }
    """
    BINDINGS: ClassVar[list[Any]] = [
        Binding("escape", "leave", show=False),
        Binding("down,ctrl+n", "move(1)", show=False),
        Binding("up,ctrl+p", "move(-1)", show=False),
    ]

    def __init__(self, words: str, names: Sequence[str], hint: str = "") -> None:
        super().__init__()
        self._words, self._names, self._hint = words, list(names), hint
        self._shown = list(names)

    def compose(self) -> Iterator[Widget]:
        """Yield the words, the line and the list."""
        with Vertical():
            yield Static(self._words, markup=False)
            yield Input(placeholder=self._hint or "type a part of a name")
            yield Options(*self._names, markup=False)

    def on_mount(self) -> None:
        """Have keys go to the line; the list follows it."""
        self.query_one(Options).can_focus = False
        self.query_one(Input).focus()
        self._point_at(0)

    def _point_at(self, number: int) -> None:
        options = self.query_one(Options)
        options.highlighted = number % len(self._shown) if self._shown else None

    def on_input_changed(self, event: Input.Changed) -> None:
        """Narrow the list to the names that have what was typed."""
        words = event.value.strip().lower()
        self._shown = [name for name in self._names if words in name.lower()]
        options = self.query_one(Options)
        options.clear_options()
        options.add_options(self._shown)
        self._point_at(0)

    def action_move(self, step: int) -> None:
        """Go through the list."""
        now = self.query_one(Options).highlighted
        self._point_at((now or 0) + step)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Give the highlighted name, or what was typed where none is."""
        number = self.query_one(Options).highlighted
        typed = event.value.strip()
        if number is not None and not _is_path(typed):
            self.dismiss(self._shown[number])
        else:
            self.dismiss(typed if self._hint else "")

    def on_option_list_option_selected(self, event: Options.OptionSelected) -> None:
        """Give what was clicked, though the list may be another by now."""
        self.dismiss(str(event.option.prompt))

    def action_leave(self) -> None:
        """Give nothing."""
        self.dismiss("")


def _is_path(text: str) -> bool:
    return "/" in text or text.startswith("~")
