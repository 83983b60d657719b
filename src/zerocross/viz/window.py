"""A window that shows what is heard: every frame is drawn and shown by the card, nothing comes back.

Over 300 lines, a quarter of them docstrings: the window's events, keys and cards all change the one picture.
"""

from __future__ import annotations

import asyncio
import signal
import time
import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, cast

from zerocross.errors import DeviceError, MissingDependency, UsageError, ZerocrossError
from zerocross.gpu.card import Card
from zerocross.sync.heard import HeardClock
from zerocross.sync.tap import Tap
from zerocross.terminal.keymap import ACTIONS, keys_of
from zerocross.units import checked_whole
from zerocross.viz.notebook import shell, widget
from zerocross.viz.show import SCALE_NAMES, Show

if TYPE_CHECKING:
    from zerocross.terminal.session import Session

__all__ = ["Heard", "Window"]

#: Keys of the window that have other names, or none, in a terminal.
_KEYS = {
    " ": "space",
    "ArrowLeft": "left",
    "ArrowRight": "right",
    "ArrowUp": "up",
    "ArrowDown": "down",
    "PageUp": "pageup",
    "PageDown": "pagedown",
}
#: Those of a terminal whose keys hold here, the first before the others.
_SCOPES = ("visual", "playing", "everywhere")
#: So long after a lost card another one is looked for; so many in a row are too many.
_AGAIN_S, _MOST_LOST = 1.0, 5
_LOOK_EVERY_S = 0.1
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Heard(Protocol):
    """What can be shown: a player, or a stream."""

    @property
    def tap(self) -> Tap: ...
    @property
    def sample_rate(self) -> int: ...


class Window:
    """Shows what a player or a stream plays, timed to what is heard.

    Parameters
    ----------
    source : Player or Stream
        What is shown; anything with ``tap``, ``sample_rate`` and ``latency_frames`` or ``latency_s``.
    session : Session or None
        What keys do to the player; None for keys of the picture alone.
    keys : mapping of str to str
        The user's own, by the names of actions; as in the terminal.
    size : (int, int)
        Of the window, in pixels of the desktop, 16 to 8192.
    fps : int
        Frames a second, at most; 1 to 1000.
    full_screen : bool
        Whether it begins so.
    software : bool
        Whether it is drawn in software even where there is a card.
    canvas : rendercanvas.BaseRenderCanvas or None
        What to draw on; None for a window, or in a notebook for its widget.
    tell : callable
        Given lines for people: what is wrong with a shader, or that a card was lost.
    **look
        Of `Show`.

    Attributes
    ----------
    canvas : rendercanvas.BaseRenderCanvas
        In a notebook, what shows it.
    show : Show
        What draws; another one after a lost card.
    frames, lost : int
        Frames drawn; cards that were lost.
    error : BaseException or None
        What ended the drawing; `run` raises it.

    Raises
    ------
    UsageError
        For what is out of range.
    MissingDependency
        Without wgpu and rendercanvas; in a notebook without jupyter_rfb.
    DeviceNotFound
        Without a card, and without software in place of one.
    DeviceError
        Without a display.

    """

    def __init__(
        self,
        source: Heard,
        session: Session | None = None,
        keys: Mapping[str, str] = {},
        size: tuple[int, int] = (960, 540),
        fps: int = 60,
        full_screen: bool = False,
        software: bool = False,
        canvas: Any = None,
        tell: Callable[[str], None] = lambda _words: None,
        **look: Any,
    ) -> None:
        self._source, self._session, self._tell = source, session, tell
        self._software, self._look = software, look
        self._actions = _actions(keys)
        size = checked_whole("width", size[0], 16, 8192), checked_whole("height", size[1], 16, 8192)
        fps = checked_whole("fps", fps, 1, 1000)
        self.card = Card(software)
        self.canvas = canvas or (widget if shell() else _window)(size, fps)
        self._context = self.canvas.get_wgpu_context()
        self._pixels = self._configure()
        self.show = Show(self.card, 48_000, self._pixels, **look)  # complains now, not in a loop
        self._clock: HeardClock | None = None
        self._tap: Tap | None = None
        self._drawn_s = self._began_s = time.monotonic()
        self._was_told = ""
        self._mouse = [0.0, 0.0, 0.0, 0.0]
        self._is_full = False
        self._stood = (0, 0, 0, 0)
        self.frames = self.lost = self._lost_in_a_row = 0
        self._is_closing = False
        self.error: BaseException | None = None
        self.canvas.add_event_handler(self._on_close, "close")
        self.canvas.add_event_handler(self._on_key, "key_down")
        self.canvas.add_event_handler(
            self._on_pointer, "pointer_down", "pointer_move", "pointer_up"
        )
        self.canvas.request_draw(self._draw)
        if full_screen:
            self.toggle_full_screen()

    def _configure(self) -> str:
        pixels = str(self._context.get_preferred_format(self.card.adapter)).removesuffix("-srgb")
        self._context.configure(device=self.card.device, format=pixels)
        return pixels

    # --- frames -------------------------------------------------------------------------------------

    def run(self, look: Callable[[], bool] = lambda: True) -> None:
        """Show it until the window is closed, or ``look``, asked ten times a second, says no.

        Raises what ``look`` raises, and what stopped the drawing. On the main thread; a closed window returns at
        once, in a notebook `UsageError`: there a cell ends with ``canvas``.
        """
        if shell():
            raise UsageError("a notebook shows it without run: end a cell with window.canvas")
        if not self.canvas.get_closed():  # of one, the loop would never stop
            asyncio.run(self._until_closed(look))
        if self.error is not None:
            raise self.error

    async def _until_closed(self, look: Callable[[], bool]) -> None:
        loop = self.canvas._rc_canvas_group.get_loop()
        running = asyncio.ensure_future(loop.run_async())
        handlers = {number: signal.getsignal(number) for number in _SIGNALS}
        try:
            while not self.canvas.get_closed() and look():
                await asyncio.wait([running], timeout=_LOOK_EVERY_S)
                for number, handler in handlers.items():
                    if (
                        signal.getsignal(number) is not handler
                    ):  # the loop has taken it, without telling
                        signal.signal(number, handler)
        finally:
            self.close()
            await asyncio.sleep(0)
            loop.stop(force=True)
            await running

    def close(self) -> None:
        """Close the window; twice is once."""
        self._is_closing = True
        if not self.canvas.get_closed():
            self.canvas.close()

    def _on_close(self, _event: dict[str, Any]) -> None:
        self._is_closing = True

    def _draw(self) -> None:
        if self._is_closing:  # a window that goes may be asked for a last frame, and has no surface
            return
        try:
            self._draw_frame()
        except (ZerocrossError, AttributeError, TypeError, LookupError) as error:  # not the card's
            self.error = error
            self.close()
        except Exception as error:  # noqa: BLE001  of the driver
            self._find_another_card(error)

    def _draw_frame(self) -> None:
        now = time.monotonic()
        self._listen()
        show = self.show
        time_s, delta_s = now - self._began_s, min(0.25, now - self._drawn_s)
        with self.card.commands() as encoder:
            if self._tap is not None and self._clock is not None:
                self._clock.latency_frames = _latency_frames(self._source)
                show.follow(encoder, self._tap, self._clock.frame(time.monotonic_ns()))
            texture = self._context.get_current_texture()
            size = texture.size[0], texture.size[1]
            show.draw(encoder, texture.create_view(), size, time_s, delta_s, self._mouse)
        self._mouse[3] = -abs(self._mouse[3])  # it was pressed for one frame
        self._drawn_s = now
        self.frames += 1
        self._lost_in_a_row = 0
        if show.told != self._was_told:
            self._was_told = show.told
            self._tell(show.told or "the shader is taken as it is saved now")

    def _listen(self) -> None:
        """Listen to what is played now."""
        try:
            tap, rate = self._source.tap, self._source.sample_rate
        except UsageError:  # nothing plays
            tap, rate = None, self.show.sample_rate
        if rate != self.show.sample_rate:
            self.show.sample_rate = rate
        if tap is not self._tap:
            self._tap = tap
            self._clock = None if tap is None else HeardClock(tap, rate)
            if tap is not None:
                self.show.sound.reset()

    def _find_another_card(self, error: Exception) -> None:
        """Go on with another card: a driver started anew, or a laptop changed to its other one."""
        self.lost += 1
        self._lost_in_a_row += 1
        self._tell(f"the graphics card was lost ({_last_line(error)}); starting anew")
        if self._lost_in_a_row > _MOST_LOST:
            self.error = DeviceError(f"{self.card.name}: cannot draw: {_last_line(error)}")
            self.close()
            return
        time.sleep(_AGAIN_S)
        try:
            self._context.unconfigure()  # it keeps a texture of the other card
            self.card = Card(self._software)
            self._pixels = self._configure()
            before = self.show
            self.show = Show(self.card, before.sample_rate, self._pixels, **self._look)
            self.show.take_over(before)
        except ZerocrossError as found:
            self.error = found
            self.close()

    # --- keys ---------------------------------------------------------------------------------------

    def _on_key(self, event: dict[str, Any]) -> None:
        name = _KEYS.get(event["key"], event["key"])
        modifiers = event.get("modifiers", ())
        if len(name) > 1:
            name = name.lower()
            if "Shift" in modifiers:
                name = f"shift+{name}"
        if "Control" in modifiers:
            name = f"ctrl+{name.lower()}"
        try:
            self.press(name)
        except ZerocrossError as error:
            self._tell(f"error: {error}")

    def press(self, key: str) -> None:
        """Do what a key does, by its name in a terminal: ``space``, ``x``, ``shift+left``."""
        if key == "escape" and self._is_full:
            self.toggle_full_screen()
            return
        action = self._actions.get(key, "quit" if key == "escape" else "")
        if action == "quit":
            self.close()
        elif action in _OF_PICTURE:
            _OF_PICTURE[action](self)
        elif self._session and action in _SAME:
            self._session.act(_SAME[action])
        elif (
            self._session and action in self._session.knows and (said := self._session.act(action))
        ):
            self._tell(said)

    def _on_pointer(self, event: dict[str, Any]) -> None:
        """Follow the button as Shadertoy's ``iMouse`` has it: where it was held last, and where it was pressed."""
        ratio, height = self.canvas.get_pixel_ratio(), self.canvas.get_physical_size()[1]
        at = [event["x"] * ratio, height - event["y"] * ratio]
        if event["event_type"] == "pointer_down":
            self._mouse = [*at, *at]
        elif event["event_type"] == "pointer_up":
            self._mouse[2] = -abs(self._mouse[2])
        elif 1 in event.get("buttons", ()):
            self._mouse[:2] = at

    def turn(self, by: int) -> None:
        """Show the mode so many further."""
        self._tell(self.show.turn(by))

    def _next_scale(self) -> None:
        show = self.show
        show.scale = SCALE_NAMES[(SCALE_NAMES.index(show.scale) + 1) % len(SCALE_NAMES)]
        self._tell(f"{show.scale} scale")

    def _change_range(self, by: float) -> None:
        painter = self.show.painter
        painter.low_db = min(painter.high_db - 20.0, max(-190.0, painter.low_db - by))
        self._tell(f"from {painter.low_db:g} to {painter.high_db:g} dB")

    def _toggle_peaks(self) -> None:
        self.show.has_peaks = not self.show.has_peaks

    def _toggle_labels(self) -> None:
        self.show.has_labels = not self.show.has_labels

    # --- full screen --------------------------------------------------------------------------------

    def toggle_full_screen(self) -> None:
        """Take the whole screen, or give it back; where the window is GLFW's."""
        window = getattr(self.canvas, "_window", None)
        try:
            import glfw
        except ImportError:
            window = None
        if window is None or type(self.canvas).__module__ != "rendercanvas.glfw":
            self._tell("full screen: only in a window of GLFW's (pip install glfw)")
            return
        monitor, no_monitor = glfw.get_primary_monitor(), cast("Any", None)
        if self._is_full or not monitor:
            glfw.set_window_monitor(window, no_monitor, *self._stood, 0)
            self._is_full = False
            return
        self._stood = (*glfw.get_window_pos(window), *glfw.get_window_size(window))
        mode = glfw.get_video_mode(monitor)
        glfw.set_window_monitor(
            window, monitor, 0, 0, mode.size.width, mode.size.height, mode.refresh_rate
        )
        self._is_full = True


#: What keys do to the picture, by the names of the terminal's actions.
_OF_PICTURE: dict[str, Callable[[Window], None]] = {
    "mode": lambda w: w.turn(1),
    "mode-back": lambda w: w.turn(-1),
    "scale": Window._next_scale,
    "peaks": Window._toggle_peaks,
    "more-range": lambda w: w._change_range(10.0),
    "less-range": lambda w: w._change_range(-10.0),
    "full": Window.toggle_full_screen,
    "labels": Window._toggle_labels,
}
#: Actions that have the name of their place in a terminal.
_SAME = {"up-louder": "louder", "down-softer": "softer"}


def _last_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[-1].strip()


def _latency_frames(source: Any) -> int:
    """Return how far what is heard is behind the tap."""
    if hasattr(source, "latency_frames"):
        return int(source.latency_frames)
    return int(getattr(source, "latency_s", 0.0) * source.sample_rate)


def _actions(own: Mapping[str, str]) -> dict[str, str]:
    """Return the action of each key that does something here; the picture's before the player's."""
    found = {"f11": "full", "g": "labels"}
    for scope in _SCOPES:
        for action in ACTIONS:
            if action.scope == scope:
                for key in keys_of(action, own):
                    found.setdefault(key, action.name)
    return found


def _window(size: tuple[int, int], fps: int) -> Any:
    """Return a window of GLFW's: Qt has a loop of its own, and is given as ``canvas``."""
    try:
        import glfw
        from rendercanvas.glfw import RenderCanvas
    except ImportError as error:
        words = str(error).strip().splitlines()[0]
        raise MissingDependency(
            f"a window needs rendercanvas and glfw ({words}): pip install 'zerocross[gpu]'"
        ) from None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if not (glfw.init() and glfw.get_primary_monitor()):
            raise DeviceError(_NO_DISPLAY)
    try:
        return RenderCanvas(
            size=size, title="Zerocross", update_mode="continuous", max_fps=fps, vsync=True
        )
    except (RuntimeError, OSError) as error:
        raise DeviceError(f"{_NO_DISPLAY} ({error})") from None


_NO_DISPLAY = (
    "no display for a window: run it in a desktop, or write a file with --record film.mp4 or "
    "-o picture.png"
)
