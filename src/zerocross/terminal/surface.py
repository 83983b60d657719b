"""A rectangle that Textual never composes: a painter draws it, frame by frame, past Textual.

Textual is told that it is blank. Whenever Textual renders those blanks (it was resized, or something
lay above it) all of the painter's cells are sent again. Behind a dialog stands what was painted last.

Frames come by the event loop's timer, or where there are many on a thread of their own: to wake the
loop for each costs more than to draw it. Only the loop tells a painter where it stands, after what
Textual wrote, so that nothing is painted below what Textual is about to write.
"""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any, Protocol

from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from zerocross.terminal.cells.strips import strips_of
from zerocross.terminal.views.view import View

if TYPE_CHECKING:
    from rich.style import Style

    from zerocross.terminal.cells import Cells
    from zerocross.terminal.visual.frames import Frames

__all__ = ["Painter", "Surface"]

#: So long after a pause without anything to paint the timer ends.
_STILL_S = 0.35
#: After so long without Python a thread looks what there is, if nobody made it look before.
_ALONE_S = 10.0


class Painter(Protocol):
    """What fills a surface.

    Attributes
    ----------
    left, top : int
        Where its first cell stands on the terminal, from 0.
    cells : Cells
        What it paints.

    """

    left: int
    top: int
    cells: Cells

    def resize(self, columns: int, rows: int) -> None:
        """Have another size, in cells; all is sent with the next frame."""

    def forget(self) -> None:
        """Take the terminal for blank: all is sent with the next frame."""

    def frame(self) -> memoryview:
        """Return the bytes for now; empty where nothing changed."""


class MovingPainter(Painter, Protocol):
    """A painter that may show frames without Python."""

    def without_python(self) -> Frames | None:
        """Return what shows frames from here on without Python, until `halt`; None if nothing does."""

    def halt(self) -> None:
        """Have nothing more shown by what `without_python` returned."""


class Surface(Widget):
    """A painter's rectangle.

    Parameters
    ----------
    painter : Painter or None
        What fills it; may be set later.
    fps : float
        Frames a second at most.
    has_thread : bool
        Whether frames come on a thread while it is moving, without Python where the painter can; it is
        changed on the loop's all the same, at any time.

    Notes
    -----
    There is a timer, or a thread, only while it is seen and `is_moving`; `poke` asks for a frame now.

    """

    DEFAULT_CSS = "Surface { width: 1fr; height: 1fr; }"

    def __init__(
        self,
        painter: Painter | MovingPainter | None = None,
        fps: float = 60.0,
        has_thread: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._painter, self._has_thread = painter, has_thread
        self._painting = threading.Lock()
        self._thread: threading.Thread | None = None
        self.fps = fps
        self.frames = self.skipped = 0
        self._timer: asyncio.Handle | None = None
        self._due_s = 0.0
        self._is_moving = False
        self._changed_s = 0.0
        self._stands: Region | None = None
        self._is_blank = True
        self._is_there = self._is_hidden = False

    def on_mount(self) -> None:
        """Know what it is in: that is looked at for every frame."""
        self._owner: Any = self.app
        self._loop = asyncio.get_running_loop()
        self._home = self.screen
        self._within = next((each for each in self.ancestors if isinstance(each, View)), None)
        self._is_there = True
        self.poke()

    def on_hide(self) -> None:
        """Stand still: nothing of it is on the terminal."""
        self._is_hidden = True
        self._halt()

    def on_show(self) -> None:
        """Go on."""
        self._is_hidden = False
        self.poke()

    @property
    def painter(self) -> Painter | None:
        """What fills it; another one is told where it stands."""
        return self._painter

    @painter.setter
    def painter(self, value: Painter | None) -> None:
        if value is not self._painter:
            self._halt()
            with self._painting:
                self._painter = value
                self._stands, self._is_blank = None, True
            self.poke()

    @property
    def is_moving(self) -> bool:
        """Whether frames are asked for; switched off, they end once nothing changes any more."""
        return self._is_moving

    @is_moving.setter
    def is_moving(self, value: bool) -> None:
        self._is_moving = value
        if self._timer is None:
            self.poke()

    @property
    def is_seen(self) -> bool:
        """Whether it is on the terminal, with nothing above it."""
        owner = self._owner
        return (
            self._is_there
            and not self._is_hidden
            and (self._within is None or self._within is owner.view)
            and not self._is_covered
        )

    @property
    def _is_covered(self) -> bool:
        """Whether a dialog lies above it."""
        return self._is_there and self._owner.screen is not self._home

    def forget(self) -> None:
        """Tell the painter anew where it stands, with the next frame."""
        self._is_blank = True
        self._halt()

    def poke(self) -> None:
        """Ask for a frame as soon as the loop is free."""
        if self._is_there:
            self._stop()
            self._due_s = time.monotonic()
            self._timer = self._loop.call_soon(self._tick)
            self._halt()

    def _halt(self) -> None:
        """Have the thread look at what there is before its next frame."""
        halt = getattr(self._painter, "halt", None)
        if self._has_thread and halt is not None:
            halt()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        try:
            with self._painting:
                self._timer = None
                if self._painter is None or not self.is_seen:
                    return
                self._show(self._painter)
                if not self._moves:
                    return
                if self._has_thread:
                    self._start_thread()
                    return
        except Exception as error:  # noqa: BLE001  asyncio would only log it, time and again
            self._owner._handle_exception(error)
            return
        self._due_s = max(self._due_s + 1.0 / self.fps, time.monotonic())
        self._timer = self._loop.call_later(max(0.0, self._due_s - time.monotonic()), self._tick)

    @property
    def _moves(self) -> bool:
        """Whether there is a next frame, where it is seen."""
        return self._is_moving or time.monotonic() < self._changed_s + _STILL_S

    def _start_thread(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="zerocross-frames", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        """Show frames until there are no more."""
        due_s = time.monotonic()
        while True:
            due_s = max(due_s + 1.0 / self.fps, time.monotonic())
            time.sleep(max(0.0, due_s - time.monotonic()))
            try:
                with self._painting:
                    frames = self._without_python()
                    if self._painter is None or not self._moves or not self.is_seen:
                        self._thread = None
                        return
                    if frames is None and not self._is_blank:
                        self._show(self._painter)
                if self._is_blank:
                    self._owner.do_soon(self.poke)
                elif frames is not None and self._hand_over(frames):
                    due_s = time.monotonic() - 1.0 / self.fps  # it has waited for the next one
            except Exception as error:  # noqa: BLE001  it ends the screen, and not only this thread
                self._thread = None
                self._owner.do_soon(self._owner._handle_exception, error)
                return

    def _without_python(self) -> Frames | None:
        """Return what shows frames without Python, unless the loop is about to show one.

        What the loop asks for from here on halts it.
        """
        begin = getattr(self._painter, "without_python", None)
        frames: Frames | None = begin() if begin and hasattr(self._owner._driver, "show") else None
        return None if self._timer is not None or self._is_blank else frames

    def _hand_over(self, frames: Frames) -> bool:
        """Have frames shown until something is to be looked at; returns whether there were any."""
        period_s = 1.0 / self.fps
        shown, changed = self._owner._driver.show(
            frames, self, period_s, round(_ALONE_S * self.fps)
        )
        self.frames += shown
        self.skipped += not shown
        if changed:
            self._changed_s = time.monotonic()
        return bool(shown)

    def _show(self, painter: Painter) -> None:
        driver = self._owner._driver
        if not getattr(driver, "is_free", True):
            self.skipped += 1
            return
        if self._is_blank and not self._settle(painter):
            return
        data = painter.frame()
        self.frames += 1
        if len(data):
            self._changed_s = time.monotonic()
            if hasattr(driver, "paint") and not driver.paint(data, self):
                self._is_blank = True  # nobody sees it

    def _settle(self, painter: Painter) -> bool:
        """Tell the painter where it stands, and that nothing is there; returns whether it stands.

        In a terminal that is too small a part of it may lie outside: then nothing of it is painted.
        """
        region = self.content_region
        if not (region.area and self._home.size.region.contains_region(region)):
            return False
        if self._stands is None or self._stands.size != region.size:
            painter.resize(region.width, region.height)
        painter.left, painter.top = region.x, region.y
        painter.forget()
        self._stands, self._is_blank = region, False
        return True

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return blanks, which lie above what was painted: it is to be sent again.

        Where something lies above it nothing is sent: what was painted last is returned.
        """
        self.forget()
        if self._painter is not None and self._is_covered:
            cells = self._painter.cells
            if Region(0, 0, cells.columns, cells.rows).contains_region(
                crop
            ):  # else it is another size
                return strips_of(cells, crop)
        self.poke()
        style: Style = self.rich_style
        return [Strip.blank(crop.width, style)] * crop.height

    def on_unmount(self) -> None:
        """Stop the timer."""
        self._stop()
        self._is_there = False
        self._halt()
