"""A list of any length: only the rows that are seen are asked for, and none is a widget."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

if TYPE_CHECKING:
    from textual.events import Click

__all__ = ["Row", "Rows", "columns", "ended", "fitted"]

#: The letters of a row, and whether it stands out.
Row = tuple[str, bool]


class Rows(ScrollView, can_focus=True, inherit_bindings=False):
    """A list with a cursor, which its keys move; Textual's own would scroll without it.

    Parameters
    ----------
    row : callable
        Given a number and a width in cells, returns the text of a row, and whether it stands out.
    words : str
        What is shown where there are no rows.

    Attributes
    ----------
    count : int
        How many rows there are.
    cursor : int
        The row that keys are about.
    words : str
        As given.

    """

    DEFAULT_CSS = """
    Rows { height: 1fr; background: $background; color: $foreground; scrollbar-size-vertical: 1;
           overflow-x: hidden; overflow-y: auto; }
    """

    class Taken(Message):
        """A row was taken: by enter, or by a double click."""

        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

    class Seen(Message):
        """Other rows are seen."""

    def __init__(self, row: Callable[[int, int], Row], words: str, **options: Any) -> None:
        super().__init__(**options)
        self._row, self.words = row, words
        self.count = 0
        self.cursor = 0
        self._is_bound = False

    def on_mount(self) -> None:
        """Take the user's keys."""
        app: Any = self.app
        if not self._is_bound:
            self._is_bound = True
            app.bind_keys(self, "lists")

    # --- what is there ------------------------------------------------------------------------

    def use(self, count: int, cursor: int | None = None) -> None:
        """Have so many rows, which may all be others."""
        self.count = count
        self.cursor = max(0, min(count - 1, self.cursor if cursor is None else cursor))
        self.virtual_size = Size(self.size.width, max(1, count))
        self.refresh()
        self.show_cursor()

    @property
    def seen(self) -> range:
        """The rows that are seen."""
        top = self.scroll_offset.y
        return range(min(top, self.count), min(top + self.size.height, self.count))

    def move_to(self, number: int) -> None:
        """Put the cursor on a row, and have it seen."""
        if not self.count:
            return
        before, self.cursor = self.cursor, max(0, min(self.count - 1, number))
        for each in {before, self.cursor}:
            self.refresh_row(each)
        self.show_cursor()

    def show_cursor(self) -> None:
        """Scroll as far as it takes to see the cursor's row."""
        top, height = self.scroll_offset.y, self.size.height
        if not height:
            return
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False, immediate=True)
        elif self.cursor >= top + height:
            self.scroll_to(y=self.cursor - height + 1, animate=False, immediate=True)

    def refresh_row(self, number: int) -> None:
        """Have a row drawn again, if it is seen."""
        if number in self.seen:
            self.refresh(Region(0, number - self.scroll_offset.y, self.size.width, 1))

    # --- drawing ------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """Return a row of cells."""
        number, width = self.scroll_offset.y + y, self.scrollable_content_region.width
        style = self.rich_style
        if number >= self.count:
            words = self.words if not self.count and y == self.size.height // 3 else ""
            return Strip([Segment(set_cell_size(words.center(width), width), style)], width)
        text, stands_out = self._row(number, width)
        if stands_out:
            style += Style(bold=True)
        if number == self.cursor:
            style += Style(reverse=self.has_focus, underline=not self.has_focus)
        return Strip([Segment(set_cell_size(text, width), style)], width)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Tell that other rows are seen."""
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) != round(new_value):
            self.post_message(self.Seen())

    def on_resize(self) -> None:
        """Keep the cursor's row in sight."""
        self.virtual_size = Size(self.size.width, max(1, self.count))
        self.show_cursor()
        self.post_message(self.Seen())

    # --- keys and mouse -----------------------------------------------------------------------

    def action_act(self, name: str) -> None:
        """Do what an action of lists says."""
        page = max(1, self.size.height - 1)
        steps = {"up": -1, "down": 1, "page-up": -page, "page-down": page}
        if name in steps:
            self.move_to(self.cursor + steps[name])
        elif name == "top":
            self.move_to(0)
        elif name == "bottom":
            self.move_to(self.count - 1)
        elif name == "take":
            if self.count:
                self.post_message(self.Taken(self.cursor))
        else:
            view: Any = self.query_ancestor("View")
            view.action_act(name)

    def on_click(self, event: Click) -> None:
        """Put the cursor on a row; twice takes it."""
        number = self.scroll_offset.y + event.y
        if number < self.count:
            self.move_to(number)
            if event.chain == 2:
                self.post_message(self.Taken(number))


def columns(width: int, *parts: tuple[str, float]) -> str:
    """Return texts beside each other.

    Parameters
    ----------
    width : int
        In cells.
    *parts : (str, float)
        A text and how wide it is: from 1 on in cells, below as a share of what the others leave.

    """
    fixed = sum(int(size) for _, size in parts if size >= 1)
    room = max(0, width - fixed - (len(parts) - 1))
    sizes = [int(size) if size >= 1 else int(size * room) for _, size in parts]
    shares = [k for k, (_, size) in enumerate(parts) if size < 1]
    if shares:
        sizes[shares[-1]] += room - sum(sizes[k] for k in shares)
    return " ".join(fitted(text, size) for (text, _), size in zip(parts, sizes, strict=True))


def fitted(text: str, size: int) -> str:
    """Return a text that is so many cells wide; where its end is left out, an ellipsis says so."""
    if text.isascii():
        return text.ljust(size) if len(text) <= size else text[: size - 1] + "…"
    if cell_len(text) <= size:
        return set_cell_size(text, size)
    return set_cell_size(text, size - 1) + "…"


def ended(text: str, size: int) -> str:
    """Return the same of a text whose beginning may be left out."""
    if cell_len(text) <= size:
        return set_cell_size(text, size)
    while text and cell_len(text) > size - 1:
        text = text[max(1, (cell_len(text) - size + 1) // 2) :]
    return set_cell_size("…" + text, size)
