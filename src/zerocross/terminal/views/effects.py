"""The view of the effects: the chain as a list, its values as sliders, and what a file was refused for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rich.text import Text
from textual.widget import Widget
from textual.widgets import Static

from zerocross.errors import ZerocrossError
from zerocross.files import printable
from zerocross.terminal.models.effects import BUILT_IN, EffectsModel
from zerocross.terminal.models.jobs import Jobs
from zerocross.terminal.models.rows import Row
from zerocross.terminal.models.values import place_of, value_at, words_of_name, words_of_value
from zerocross.terminal.ticker import Ticker
from zerocross.terminal.views.rows import Rows, columns
from zerocross.terminal.views.view import View

if TYPE_CHECKING:
    from textual.events import MouseDown, MouseMove, MouseScrollDown, MouseScrollUp, MouseUp

    from zerocross.player import Event

__all__ = ["EffectsView"]

#: How often files are looked at, and while something plays what parts say of themselves.
_LOOK_EVERY_S = 0.2
_FINE = 0.1
_WORDS = "no effects: a adds one, or your file"
_NAME, _MOST_NAME, _VALUE = 0.45, 30, 12
_MARKS = {"on": "●", "bypassed": "○", "fault": "!"}


class _Chain(Rows):
    """The list, whose sliders are dragged."""

    def __init__(self, view: EffectsView) -> None:
        super().__init__(view.words_of, _WORDS, id="chain")
        self._view = view
        self._dragged: Row | None = None

    def on_mouse_down(self, event: MouseDown) -> None:
        """Take hold of a slider."""
        row = self._view.row_at(self.scroll_offset.y + event.y)
        first, count = self._view.slider(self.scrollable_content_region.width)
        if row is not None and row.param is not None and count and event.x >= first:
            self._dragged = row
            self.capture_mouse()
            self._drag(event.x)

    def on_mouse_move(self, event: MouseMove) -> None:
        """Turn it."""
        self._drag(event.x)

    def on_mouse_up(self, event: MouseUp) -> None:
        """Let go of it."""
        del event
        if self._dragged is not None:
            self._dragged = None
            self.release_mouse()

    def _drag(self, x: int) -> None:
        row = self._dragged
        if row is not None and row.param is not None:
            first, count = self._view.slider(self.scrollable_content_region.width)
            place = (x - first) / max(1, count - 1)
            self._view.set_value(row, value_at(row.param, place))

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        """Over a slider turn it up; else scroll."""
        self._scroll(event, 1)

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        """Over a slider turn it down; else scroll."""
        self._scroll(event, -1)

    def _scroll(self, event: MouseScrollUp | MouseScrollDown, steps: int) -> None:
        row = self._view.row_at(self.scroll_offset.y + event.y)
        first, count = self._view.slider(self.scrollable_content_region.width)
        if row is not None and row.param is not None and count and event.x >= first:
            event.stop()
            event.prevent_default()
            self._view.turn(row, steps)


class EffectsView(View):
    """The chain of effects."""

    DEFAULT_CSS = """
    EffectsView #refusal { height: auto; max-height: 50%; display: none; background: $panel; }
    EffectsView.-refused #refusal { display: block; }
    """

    def compose(self) -> Iterator[Widget]:
        """Yield the list, and what was refused."""
        app: Any = self.app
        self._jobs = Jobs(app.do_soon)
        self.model = EffectsModel(self.player, self._jobs.submit, app.session.user)
        self.model.tell, self.model.is_done = self.note, self._is_done
        self._rows_there: list[Row] = []
        self._shown_refusals: tuple[Any, ...] = ()
        yield _Chain(self)
        yield Static(id="refusal")

    def on_mount(self) -> None:
        """Begin."""
        app: Any = self.app
        app.bind_keys(self, "effects")
        self._ticker = Ticker(_LOOK_EVERY_S, self._look)

    def on_unmount(self) -> None:
        """Let the thread end."""
        self._ticker.is_on = False
        self._jobs.close()

    @property
    def _list(self) -> _Chain:
        return self.query_one(_Chain)

    def shown(self) -> None:
        """Look at the chain anew, and at files."""
        self._list.focus()
        self._follow()
        self.changed()

    def hidden(self) -> None:
        """Look at files alone, if there are any."""
        self._follow()

    def player_event(self, event: Event) -> None:
        """Show faults."""
        del event
        self._follow()
        self.changed()

    def _follow(self) -> None:
        """Have a timer only while there is something to look at."""
        plays = self.display and self.player.state == "playing"
        self._ticker.is_on = bool(self.model.files) or plays

    def _look(self) -> None:
        if self.model.look() or (self.display and self.player.state == "playing"):
            self.changed()

    def _is_done(self) -> None:
        """Show what a job changed."""
        self._follow()
        self.changed()

    # --- rows ---------------------------------------------------------------------------------

    def changed(self) -> None:
        """Show the chain as it is, where it is another."""
        rows = self.model.rows()
        if rows != self._rows_there:
            self._rows_there = rows
            self._list.use(len(rows))
        refusals = tuple(self.model.refusals.values())
        if refusals != self._shown_refusals:
            self._shown_refusals = refusals
            self._show_refusals()

    def row_at(self, number: int) -> Row | None:
        """Return a row of the list."""
        return self._rows_there[number] if 0 <= number < len(self._rows_there) else None

    def slider(self, width: int) -> tuple[int, int]:
        """Return a slider's first column and its length for a width of the list; 0 where there is none."""
        first = _name_wide(width) + 1 + _VALUE + 1
        return first, max(0, width - first - 1) if width - first > 6 else 0

    def words_of(self, number: int, width: int) -> tuple[str, bool]:
        """Return a row's text, and whether it stands out."""
        row = self.row_at(number)
        if row is None:
            return "", False
        count = self.slider(width)[1]
        indent = "  " * row.depth
        if row.param is None:
            words = {"on": row.words, "bypassed": "bypassed"}.get(row.state, row.words)
            name = f"{indent}{_MARKS[row.state]} {row.name}"
            text = columns(width, (name, _name_wide(width)), (words, 0.999))
        else:
            name = f"{indent}  {words_of_name(row.param, row.name)}"
            value = words_of_value(row.param, row.value)
            name_wide = _name_wide(width) if count else max(1, width - _VALUE - 1)
            parts: list[tuple[str, float]] = [(name, name_wide), (value.rjust(_VALUE), _VALUE)]
            if count:
                parts.append((_slider(place_of(row.param, row.value), count), count))
            text = columns(width, *parts)
        return text, row.param is None

    def _show_refusals(self) -> None:
        text = Text()
        for refusal in self._shown_refusals:
            text.append(f"{printable(refusal.words)}\n", "bold")
            for number, line in refusal.excerpt():
                style = "reverse" if number == refusal.line else ""
                mark = ">" if number == refusal.line else " "
                text.append(f"{mark}{number:>4} {line}\n", style)
        text.rstrip()
        self.query_one("#refusal", Static).update(text)
        self.set_class(bool(self._shown_refusals), "-refused")

    # --- what keys do -------------------------------------------------------------------------

    @property
    def _row(self) -> Row | None:
        return self.row_at(self._list.cursor)

    def turn(self, row: Row, steps: float) -> None:
        """Turn a value."""
        self.model.turn(row, steps)
        self.changed()

    def set_value(self, row: Row, value: float) -> None:
        """Set a value."""
        self.model.set_value(row, value)
        self.changed()

    def action_act(self, name: str) -> None:
        """Do what an action of the effects says."""
        steps = {
            "value-up": 1.0,
            "value-down": -1.0,
            "value-up-fine": _FINE,
            "value-down-fine": -_FINE,
        }
        row = self._row
        if name == "add-effect":
            self._add()
        elif row is None:
            return
        elif name in steps:
            self.turn(row, steps[name])
        else:
            getattr(self, f"_do_{name.replace('-', '_')}", lambda _: None)(row)

    def on_rows_taken(self, message: Rows.Taken) -> None:
        """Type a value; bypass a part, or not."""
        row = self.row_at(message.number)
        if row is None:
            return
        if row.param is None:
            self._do_effect_on(row)
            return
        from zerocross.terminal.dialogs import Prompt

        words = f"{words_of_name(row.param, row.name)}: {row.param.min:g} to {row.param.max:g} {row.param.unit}".rstrip()
        self.app.push_screen(
            Prompt(words, f"{row.value:g}"), lambda text: self._type_value(row, text)
        )

    def _type_value(self, row: Row, text: str | None) -> None:
        if text:
            try:
                self.model.type_value(row, text)
            except ZerocrossError as error:
                self.note(f"error: {error}")
            self.changed()

    def _add(self) -> None:
        from zerocross.terminal.choice import Choice

        behind = self._row.part if self._row else None
        self.app.push_screen(
            Choice("add an effect", list(BUILT_IN), "a name, or the path of a .py or audio file"),
            lambda what: self.model.add(what, behind) if what else None,
        )

    def _do_default(self, row: Row) -> None:
        self.model.to_default(row)
        self.changed()

    def _do_remove_effect(self, row: Row) -> None:
        self.model.remove(row.part)

    def _do_effect_up(self, row: Row) -> None:
        self.model.move(row.part, -1)

    def _do_effect_down(self, row: Row) -> None:
        self.model.move(row.part, 1)

    def _do_effect_on(self, row: Row) -> None:
        if row.state == "fault":
            self.model.try_again(row.part)
        else:
            self.model.set_bypass(row.part, row.state == "on")

    def _do_try_again(self, row: Row) -> None:
        self.model.try_again(row.part)


def _name_wide(width: int) -> int:
    return min(_MOST_NAME, int(_NAME * width))


def _slider(place: float, count: int) -> str:
    at = round(place * (count - 1))
    return "━" * at + "●" + "─" * (count - 1 - at)
