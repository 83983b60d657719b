"""The view of the visualiser: all of it is one surface."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from textual.widget import Widget

from zerocross.errors import ZerocrossError
from zerocross.spectrum import SCALES
from zerocross.system.background import BackgroundCall
from zerocross.terminal.surface import Surface
from zerocross.terminal.views.view import View
from zerocross.terminal.visual import MODES, Visualiser

if TYPE_CHECKING:
    from zerocross.player import Event

__all__ = ["VisualView"]

_SMOOTHER = 0.1
_FASTER = 1.25
_RANGE_DB = 6.0


class VisualView(View, can_focus=True):
    """What is heard, drawn."""

    def compose(self) -> Iterator[Widget]:
        """Yield the surface."""
        app: Any = self.app
        has = app.abilities
        self._visualiser = Visualiser(
            self.player, 1, 1, theme=app.theme, depth=has.depth, unicode=has.unicode
        )
        yield Surface(None, app.session.fps, has_thread=True, id="visualiser")

    def on_mount(self) -> None:
        """Begin."""
        app: Any = self.app
        app.bind_keys(self, "visual")
        self._is_whole = self._is_shown = False
        self._ready: set[str] = set()  # modes whose code is there
        self._preparing = ""

    def on_resize(self) -> None:
        """Let the terminal move the waterfall's rows where nothing stands beside them."""
        region = self._surface.region
        self._visualiser.cells.is_alone = region.width == self.app.size.width

    @property
    def _surface(self) -> Surface:
        return self.query_one(Surface)

    def shown(self) -> None:
        """Move while something plays."""
        self._is_shown = True
        self.focus()
        self._follow()

    def hidden(self) -> None:
        """Stand still; where it had the whole terminal, it has not any more."""
        self._is_shown = False
        self._surface.is_moving = False
        if self._is_whole:
            self._do_full()

    def player_event(self, event: Event) -> None:
        """Move while something plays."""
        del event
        self._follow()

    def theme_changed(self, name: str) -> None:
        """Paint with other colours."""
        if not self._preparing:  # what compiles it has it: no key waits for a compiler
            self._visualiser.theme = name
            self._surface.poke()

    # --- code ---------------------------------------------------------------------------------

    def _follow(self) -> None:
        """Move while something plays, once the mode's code is there."""
        if self._preparing or not self._is_shown:
            return
        if self._visualiser.mode in self._ready:
            self._surface.painter = self._visualiser
            self._surface.is_moving = self.player.state == "playing"
        elif self.player.state != "stopped":
            self._prepare()

    def _prepare(self) -> None:
        """Draw a mode's first frame on a thread: where its code is not shipped it is compiled."""
        self._preparing = self._visualiser.mode
        self._surface.painter = None
        self._surface.refresh()
        BackgroundCall(self._draw_first, "zerocross-visualiser")

    def _draw_first(self) -> None:
        try:
            self._visualiser.prepare()
        except ZerocrossError as error:
            app: Any = self.app
            app.session.tell(f"error: {error}")
        finally:
            self.app.call_later(self._use_prepared)

    def _use_prepared(self) -> None:
        self._ready.add(self._preparing)
        self._preparing = ""
        app: Any = self.app
        self._visualiser.theme = app.theme
        self._visualiser.forget()
        self._surface.forget()
        self._follow()

    # --- what keys do -------------------------------------------------------------------------

    def action_act(self, name: str) -> None:
        """Do what an action of the visualiser says."""
        if self._preparing:
            self.note("still getting this mode ready, the first time only")
            return
        told = getattr(self, f"_do_{name.replace('-', '_')}")()
        if told:
            self.note(told)
        self._follow()
        self._surface.poke()

    def _do_mode(self, by: int = 1) -> str:
        name = _stepped(list(MODES), self._visualiser.mode, by)
        if name not in self._ready:
            self._surface.painter = None  # no frame waits for a compiler
        self._visualiser.mode = name
        return f"mode: {self._visualiser.mode}"

    def _do_mode_back(self) -> str:
        return self._do_mode(-1)

    def _do_scale(self) -> str:
        self._visualiser.scale = _stepped(list(SCALES), self._visualiser.scale, 1)
        return f"scale: {self._visualiser.scale}"

    def _do_smoother(self, by: float = _SMOOTHER) -> str:
        v = self._visualiser
        v.smoothing = min(0.95, max(0.0, round(v.smoothing + by, 2)))
        return f"smoothing: {v.smoothing:.2f}"

    def _do_rougher(self) -> str:
        return self._do_smoother(-_SMOOTHER)

    def _do_peaks(self) -> str:
        self._visualiser.peaks = not self._visualiser.peaks
        return "peaks" if self._visualiser.peaks else "no peaks"

    def _do_fall_faster(self, by: float = _FASTER) -> str:
        v = self._visualiser
        v.fall = min(100.0, max(0.1, v.fall * by))
        return f"fall: {v.fall:.2g}"

    def _do_fall_slower(self) -> str:
        return self._do_fall_faster(1.0 / _FASTER)

    def _do_more_range(self, by: float = _RANGE_DB) -> str:
        v = self._visualiser
        v.range_db = min(144.0, max(6.0, v.range_db + by))
        return f"range: {v.range_db:.0f} dB"

    def _do_less_range(self) -> str:
        return self._do_more_range(-_RANGE_DB)

    def _do_wider(self, by: int = 1) -> str:
        v = self._visualiser
        v.bar_width = min(16, max(1, v.bar_width + by))
        return f"bars: {v.bar_width} cells"

    def _do_narrower(self) -> str:
        return self._do_wider(-1)

    def _do_full(self) -> str:
        app: Any = self.app
        self._is_whole = not self._is_whole
        app.show_whole(self._is_whole)
        return ""


def _stepped(names: list[str], name: str, by: int) -> str:
    return names[(names.index(name) + by) % len(names)]
