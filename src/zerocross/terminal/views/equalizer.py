"""The view of the equaliser: the curve over what is heard, and two lines about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text
from textual.widget import Widget
from textual.widgets import Static

from zerocross.errors import ZerocrossError
from zerocross.system.background import BackgroundCall
from zerocross.terminal.models.equalizer import EqualizerModel
from zerocross.terminal.models.jobs import Jobs
from zerocross.terminal.surface import Surface
from zerocross.terminal.ticker import Ticker
from zerocross.terminal.views.rows import fitted
from zerocross.terminal.views.view import View
from zerocross.terminal.visual.response import ResponsePainter

if TYPE_CHECKING:
    from textual.events import Click, MouseDown, MouseMove, MouseScrollDown, MouseScrollUp, MouseUp

    from zerocross.player import Event

__all__ = ["EqualizerView"]

_FPS = 30.0
#: What passed is measured so often.
_LOOK_EVERY_S = 0.25
_FINE = 0.1
_WIDE = 72
_LEAST_NAME = 8


class _Curve(Surface):
    """The curve, to be dragged."""

    def __init__(self, view: EqualizerView, painter: ResponsePainter, fps: float) -> None:
        super().__init__(None, fps)
        self._view, self._picture = view, painter
        self._drags = False
        self._at = (0, 0)

    def on_mouse_down(self, event: MouseDown) -> None:
        """Select the band whose handle is there; the right button removes it."""
        self._view.focus()
        band = self._picture.handle_at(event.x, event.y)
        if band is None:
            return
        self._view.model.selected = band
        if event.button == 3:
            self._view.model.remove()
        else:
            self._drags, self._at = True, (event.x, event.y)
            self.capture_mouse()
        self._view.changed()

    def on_mouse_move(self, event: MouseMove) -> None:
        """Drag the band."""
        if self._drags and (event.x, event.y) != self._at:
            self._at = (event.x, event.y)
            gain = round(self._picture.db_at(event.y), 1)
            self._view.model.set(hz=_rounded(self._picture.hz_at(event.x)), gain_db=gain)
            self._view.changed()

    def on_mouse_up(self, event: MouseUp) -> None:
        """Let go of it."""
        del event
        if self._drags:
            self._drags = False
            self.release_mouse()

    def on_click(self, event: Click) -> None:
        """Twice where there is no band: add one."""
        if event.chain == 2 and self._picture.handle_at(event.x, event.y) is None:
            gain = round(self._picture.db_at(event.y), 1)
            self._view.try_to(
                lambda: self._view.model.add(_rounded(self._picture.hz_at(event.x)), gain)
            )

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        """Make the band narrower."""
        self._turn_q(event.x, event.y, 1)

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        """Make the band wider."""
        self._turn_q(event.x, event.y, -1)

    def _turn_q(self, x: int, y: int, steps: int) -> None:
        band = self._picture.handle_at(x, y)
        if band is not None:
            self._view.model.selected = band
        self._view.model.turn("q", steps)
        self._view.changed()


class EqualizerView(View, can_focus=True):
    """The equaliser, to be turned while it plays."""

    DEFAULT_CSS = (
        "EqualizerView > Static { height: 1; text-wrap: nowrap; text-overflow: ellipsis; }"
    )

    def compose(self) -> Iterator[Widget]:
        """Yield the curve and the lines."""
        app: Any = self.app
        has = app.abilities
        self._jobs = Jobs(app.do_soon)
        self.model = EqualizerModel(self.player, self._jobs.submit)
        self.model.tell = self.note
        self._picture = ResponsePainter(self.player, self.model, app.theme, has.depth, has.unicode)
        self._surface = _Curve(self, self._picture, min(_FPS, app.session.fps))
        yield self._surface
        yield Static(id="band")
        yield Static(id="state")

    def on_mount(self) -> None:
        """Begin."""
        app: Any = self.app
        app.bind_keys(self, "equalizer")
        self._lines: tuple[str, str] = ("", "")
        self._ticker = Ticker(_LOOK_EVERY_S, self._look)
        self._prepared = BackgroundCall(
            self._picture.prepare, "zerocross-equaliser", lambda: app.do_soon(self._draw)
        )

    def _draw(self) -> None:
        """Draw the curve: its code is there."""
        try:
            self._prepared.result()
        except ZerocrossError as error:
            self.note(f"error: {error}")
        self._surface.painter = self._picture

    def on_unmount(self) -> None:
        """Let the thread end."""
        self._ticker.is_on = False
        self._jobs.close()

    def shown(self) -> None:
        """Move while something plays."""
        self.focus()
        self.model.look()
        self._follow()
        self.changed()

    def hidden(self) -> None:
        """Stand still."""
        self._surface.is_moving = self._ticker.is_on = False

    def player_event(self, event: Event) -> None:
        """Move while something plays."""
        del event
        self._follow()
        self.changed()

    def theme_changed(self, name: str) -> None:
        """Paint with other colours."""
        self._picture.use_theme(name)
        self.changed()

    def _follow(self) -> None:
        plays = self.player.state == "playing"
        self._surface.is_moving = plays
        self._ticker.is_on = plays and self.display

    def _look(self) -> None:
        self.model.look()
        self._tell()

    # --- the lines ----------------------------------------------------------------------------

    def changed(self) -> None:
        """Show what is now."""
        self._surface.poke()
        self._tell()

    def on_resize(self) -> None:
        """Have lines that fit."""
        if self.is_mounted:
            self.call_later(self._tell)

    def _tell(self) -> None:
        lines = (self._band_words(), self._state_words())
        if lines == self._lines:
            return
        before, self._lines = self._lines, lines
        for name, words, was in zip(("#band", "#state"), lines, before, strict=True):
            if words != was:
                text = Text(words)
                text.highlight_words(["OVER"], "bold reverse")
                self.query_one(name, Static).update(text)

    def _band_words(self) -> str:
        model = self.model
        if model.band is None or model.selected is None:
            return "no band: a adds one, i loads a preset"
        kind, hz, q, gain = model.band
        order = sorted(range(len(model.bands)), key=lambda k: model.bands[k][1])
        level = f"  {gain:+.1f} dB" if model.has_gain else ""
        place = f"{order.index(model.selected) + 1}/{len(order)}"
        return f"{place} {kind}  {_hz_words(hz)}{level}  Q {q:.2f}"

    def _state_words(self) -> str:
        model = self.model
        light = model.headroom
        heard = "bypass" if model.is_bypassed else model.side
        peak = "" if model.stage is None else f"{light.held_dbfs:+.1f} dBFS"
        over = "OVER" if light.is_over else ""
        preamp, room = model.setting.preamp_db, round(model.room_db, 1) + 0.0
        match = self._match_words()
        if self.size.width < _WIDE:
            match = match.replace(" dB", "")
            parts = [heard, f"equal {match}", f"pre {preamp:+.1f}", over or peak]
            return _spaced([each for each in parts if each], self.size.width)
        parts = [
            heard,
            f"equal loudness {match}",
            f"preamp {preamp:+.1f} dB",
            f"room {room:+.1f} dB",
            f"{peak} {over:<4}",
        ]
        if len(" ".join(parts)) > self.size.width:
            parts[-1] = over or peak
        # What a listener has to see comes first; a name has what they leave.
        left = self.size.width - len("   ".join(parts)) - 1
        name = "" if model.is_bypassed else model.setting.name
        if name and left >= _LEAST_NAME:
            parts[0] = f"{heard} {fitted(name, left).rstrip()}"
        return _spaced(parts, self.size.width).rstrip()

    def _match_words(self) -> str:
        """Return by how much what is heard is made as loud as A; with a ? before it was measured."""
        model = self.model
        if not model.is_matched:
            return "off"
        if model.side == "A" and not model.is_bypassed:
            return "on"
        gain = round(model.match_db, 1) + 0.0
        return f"{gain:+.1f} dB{'' if model.is_measured else '?'}"

    # --- what keys do -------------------------------------------------------------------------

    def action_act(self, name: str) -> None:
        """Do what an action of the equaliser says."""
        steps = _TURNS.get(name)
        if steps is not None:
            self.model.turn(*steps)
            self.changed()
        else:
            self.try_to(getattr(self, f"_do_{name.replace('-', '_')}"))

    def try_to(self, do: Callable[[], Any]) -> None:
        """Do something to the model; what cannot be done is told."""
        try:
            do()
        except ZerocrossError as error:
            self.note(f"error: {error}")
        self.changed()

    def _do_next_band(self) -> None:
        self.model.select(1)

    def _do_previous_band(self) -> None:
        self.model.select(-1)

    def _do_add_band(self) -> None:
        self.model.add()

    def _do_remove_band(self) -> None:
        self.model.remove()

    def _do_kind(self) -> None:
        self.model.next_kind()

    def _do_kind_back(self) -> None:
        self.model.next_kind(-1)

    def _do_side(self) -> None:
        self.model.switch()

    def _do_bypass(self) -> None:
        self.model.set_bypass(not self.model.is_bypassed)

    def _do_equal_loudness(self) -> None:
        self.model.set_matched(not self.model.is_matched)

    def _do_preamp_up(self) -> None:
        self.model.set_preamp(self.model.setting.preamp_db + 0.5)

    def _do_preamp_down(self) -> None:
        self.model.set_preamp(self.model.setting.preamp_db - 0.5)

    def _do_preamp_auto(self) -> None:
        self.model.set_preamp(None)

    def _do_flat(self) -> None:
        self.model.flatten()

    def _do_light_off(self) -> None:
        self.model.headroom.reset()

    def _do_load_preset(self) -> None:
        from zerocross.terminal.choice import Choice

        names = self.model.presets.names()
        self.app.push_screen(
            Choice("load a preset", names, "a name, or the path of an AutoEq or APO file"),
            self._load,
        )

    def _load(self, name: str | None) -> None:
        """Read a preset on a thread: files, and curves that become bands."""
        if not name:
            return
        rate = self.model.sample_rate

        def work() -> Any:
            try:
                return self.model.presets.load(name, rate)
            except ZerocrossError as error:
                return error

        def then(found: Any) -> None:
            if isinstance(found, ZerocrossError):
                self.note(f"error: {found}")
                return
            setting, notes = found
            self.try_to(lambda: self.model.use(setting))
            for words in notes:
                self.note(words)
            self.note(f"loaded: {setting.name}, {len(setting.bands)} bands")

        self._jobs.submit(work, then)

    def _do_save_preset(self) -> None:
        from zerocross.terminal.dialogs import Prompt

        self.app.push_screen(Prompt("save as", self.model.setting.name), self._save)

    def _save(self, name: str | None) -> None:
        if not name:
            return
        replaces = name == self.model.setting.name

        def save() -> None:
            self.model.save(name, replace=replaces)
            folder = self.model.presets.folder
            self.note(f"saved: {Path(folder) / name}.txt")

        self.try_to(save)


_TURNS: dict[str, Any] = {
    "hz-up": ("hz", 1),
    "hz-down": ("hz", -1),
    "hz-up-fine": ("hz", _FINE),
    "hz-down-fine": ("hz", -_FINE),
    "gain-up": ("gain_db", 1),
    "gain-down": ("gain_db", -1),
    "gain-up-fine": ("gain_db", 2 * _FINE),
    "gain-down-fine": ("gain_db", -2 * _FINE),
    "narrower-band": ("q", 1),
    "wider-band": ("q", -1),
}


def _rounded(hz: float) -> float:
    return float(f"{hz:.3g}")


def _hz_words(hz: float) -> str:
    return f"{hz / 1000:.4g} kHz" if hz >= 1000 else f"{hz:.4g} Hz"


def _spaced(parts: list[str], width: int) -> str:
    """Return parts with three blanks between them, or as many fewer as they need to fit."""
    return next(
        (made for gap in (3, 2) if len((made := (" " * gap).join(parts)).rstrip()) <= width),
        " ".join(parts),
    )
