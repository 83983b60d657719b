"""The screen: views, the lines of what plays, the foot, keys; and what the player tells."""

from __future__ import annotations

import contextlib
import contextvars
import functools
import gc
import importlib
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import App, SystemCommand
from textual.containers import Container
from textual.events import Event as TextualEvent
from textual.events import Key, Paste, Print
from textual.filter import NoColor
from textual.keys import _character_to_key
from textual.widget import Widget

from zerocross.errors import UsageError, ZerocrossError
from zerocross.system.background import BackgroundCall
from zerocross.terminal.abilities import Abilities, abilities_of, as_ascii
from zerocross.terminal.driver import ScreenDriver
from zerocross.terminal.foot import Foot, Now, Timeline
from zerocross.terminal.keymap import ACTIONS, keys_of
from zerocross.terminal.notes import Notes
from zerocross.terminal.progress import Progress
from zerocross.terminal.ready import make_ready
from zerocross.terminal.session import Session
from zerocross.terminal.themes import NAMES, Colourless, theme_for
from zerocross.terminal.typing_order import TypingOrder
from zerocross.terminal.views.view import VIEWS, View

if TYPE_CHECKING:
    from textual.screen import Screen

    from zerocross.player import Event, Player

__all__ = ["VIEWS", "ScreenApp", "run_screen"]

#: Events of the player that are told.
_TOLD = {"error", "warning", "fault", "notice", "underrun", "buffering"}
#: Where playing was is written so often.
_LOOK_EVERY_S = 8.0
_SYSTEMS = {"monochrome": None, "16": 1, "256": 2, "true": 3}


class ScreenApp(App[int], inherit_bindings=False):
    """A player's full screen.

    Parameters
    ----------
    session : Session
        The player, and what was asked for.
    abilities : Abilities or None
        Of the terminal; None for what its environment says.

    Attributes
    ----------
    player : Player
        Whose screen it is.
    view : View or None
        The one that is shown.

    """

    CSS = """
    Screen { layout: vertical; }
    Screen:ansi { background: $background; color: $foreground; }
    ModalScreen:ansi { background: transparent; }
    Input > .input--placeholder { color: $foreground 75%; }
    Input:ansi { background: $background; color: $foreground; }
    Input:ansi > .input--cursor { background: $background; color: $foreground; text-style: reverse; }
    Input:ansi > .input--placeholder { color: $foreground; text-style: dim; }
    ScrollBar { width: 1; }
    VerticalScroll, OptionList { scrollbar-size-vertical: 1; }
    #body { height: 1fr; }
    #progress { height: 1; }
    .-whole Now, .-whole #progress, .-whole Foot { display: none; }
    """
    ALLOW_SELECT = False
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "ctrl+p"
    BINDINGS: ClassVar[list[Any]] = []
    TITLE = "zerocross"

    def __init__(self, session: Session, abilities: Abilities | None = None) -> None:
        self.session, self.player = session, session.player
        self.abilities = abilities or abilities_of()
        make_ready()
        # From the beginning: Textual turns the colours of a theme that it does not know yet into others.
        is_poor = self.abilities.depth in {"16", "monochrome"}
        super().__init__(driver_class=ScreenDriver, ansi_color=is_poor)
        if self.abilities.depth == "monochrome":
            self._use_no_colours()
        if not self.is_headless:
            self._use_depth()
        for name in NAMES:
            self.register_theme(theme_for(name, self.abilities.depth))
        self.set_reactive(ScreenApp.theme, session.theme)
        self.stylesheet.set_variables(self.get_css_variables())
        self.notes = Notes()
        self.failure: BaseException | None = None
        self.view: View | None = None
        self._views: dict[str, View] = {}
        self._typing = TypingOrder(self)
        self._progress = Progress(
            self.player, session.theme, self.abilities.depth, self.abilities.unicode
        )
        self.bind_keys(self, "everywhere")

    def _use_no_colours(self) -> None:
        """Send no colours at all, whatever told that there are none; Textual knows ``NO_COLOR`` alone."""
        self.no_color = True
        self._filters = [each for each in self._filters if not isinstance(each, NoColor)]
        self._filters.append(Colourless())

    def _use_depth(self) -> None:
        from rich.color import ColorSystem

        number = _SYSTEMS[self.abilities.depth]
        self.console._color_system = None if number is None else ColorSystem(number)

    def bind_keys(self, node: Any, scope: str) -> None:
        """Have a widget, or the app, do what keys of a scope say, by its ``action_act``.

        The user's own come first: of two that have a key the first one does something.
        """
        for action in sorted(ACTIONS, key=lambda each: each.name not in self.session.keys):
            if action.scope != scope:
                continue
            for key in keys_of(action, self.session.keys):
                node._bindings.bind(
                    _character_to_key(key) if len(key) == 1 else key,
                    f"act('{action.name}')",
                    action.words,
                    show=False,
                    priority=action.name in {"next-view", "previous-view", "suspend"},
                )

    def encode(self, text: str) -> bytes:
        """Return a text's bytes for the terminal."""
        if not self.abilities.unicode:
            return as_ascii(text).encode("ascii")
        return text.encode("utf-8", "replace")

    # --- what is there ------------------------------------------------------------------------

    def compose(self) -> Iterator[Widget]:
        """Yield what is always there."""
        yield Container(id="body")
        yield Now()
        yield Timeline(self._progress, id="progress")
        yield Foot()

    def on_mount(self) -> None:
        """Listen to the player, and show the first view."""
        self._own_context = contextvars.copy_context()
        self.begin_capture_print(self)
        self.player.events.subscribe(self._hear)
        self.session.attach(self._take_note)
        self.session.quit = self.end
        self.call_after_refresh(self._tell_shown)
        self._look_timer = self.set_interval(_LOOK_EVERY_S, self._look, pause=True)
        self.theme_changed_signal.subscribe(self, lambda _: self._use_theme())
        self.show_view(self.session.view)
        self._follow_state()

    def on_unmount(self) -> None:
        """Listen no more."""
        with contextlib.suppress(UsageError):  # it was never there
            self.player.events.unsubscribe(self._hear)
        self.session.attach(None)

    def _tell_shown(self) -> None:
        """Say that the screen is there."""
        gc.freeze()  # what was imported stays
        gc.enable()
        self.session.is_shown.set()

    def show_view(self, name: str) -> None:
        """Show a view; it is built the first time."""
        view = self._views.get(name)
        if view is not None and view is self.view:
            return
        if self.view is not None and self.view.is_mounted:
            self.view.display = False
            self.view.hidden()
        if view is None:
            view = self._views[name] = self._build(name)
            self.call_later(self._mount_view, view)
        elif view.is_mounted:
            view.display = True
            view.shown()
        self.view = view
        self.query_one(Foot).show_view(name)

    def _build(self, name: str) -> View:
        module = importlib.import_module(f"zerocross.terminal.views.{name}")
        kind: type[View] = getattr(module, next(each[1] for each in VIEWS if each[0] == name))
        return kind(id=name)

    async def _mount_view(self, view: View) -> None:
        """Have a view there; another one may have taken its place meanwhile."""
        if self._exit:
            return
        await self.query_one("#body").mount(view)
        view.display = view is self.view
        # What is there now stays: the collector would look through all of it, 50 ms, time and again.
        gc.freeze()
        if view is self.view:
            view.shown()

    def show_whole(self, whole: bool) -> None:
        """Give the view the whole terminal, or not."""
        self.screen.set_class(whole, "-whole")

    def do_soon(self, work: Callable[..., object], *arguments: object) -> None:
        """Have work done on the loop's thread, if there is one still; from any thread.

        In the app's own context: Textual's timers look for the app in the one that they are made in.
        """
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it has ended
                self._loop.call_soon_threadsafe(work, *arguments, context=self._own_context)

    # --- what the player tells ----------------------------------------------------------------

    def _hear(self, event: Event) -> None:
        """Take an event from whatever thread it comes on."""
        self.do_soon(self._take, event)

    def _take(self, event: Event) -> None:
        if not self.is_running or not self.is_mounted(self.screen):
            return
        if event.kind in _TOLD:
            self.note(f"{event.kind}: {event.message}", waits=True)
        if event.kind == "track":
            self.session.forget_a()
        if event.kind in {"paused", "stopped", "finished"}:
            self._look()
        self._follow_state()
        if self.view is not None and self.view.is_mounted:
            self.view.player_event(event)

    def _follow_state(self) -> None:
        """Have the lines of what plays say what is."""
        plays = self.player.state == "playing"
        surface = self.query_one(Timeline)
        self._progress.ask_again()
        surface.fps = self._progress.steps_a_second
        surface.is_moving = plays
        self.query_one(Now).refresh()
        (self._look_timer.resume if plays else self._look_timer.pause)()

    def show_now(self) -> None:
        """Show what plays, and which of how many, as it is now."""
        self.query_one(Now).refresh()

    def _look(self) -> None:
        """Remember where playing is; a disk is asked on a thread."""
        BackgroundCall(self.session.look, "zerocross-state")

    # --- notes --------------------------------------------------------------------------------

    def note(self, words: str, waits: bool = False) -> None:
        """Tell the user, in one line at the foot of the screen, on the loop's thread; see `Foot.tell`."""
        if words:
            self.query_one(Foot).tell(words, self.notes.add(words), waits)

    def _take_note(self, words: str) -> None:
        """Tell from another thread."""
        self.do_soon(self.note, words, True)

    def on_print(self, event: Print) -> None:
        """Tell what is printed meanwhile, line by line."""
        for line in event.text.splitlines():
            self.note(line.strip(), waits=True)

    # --- what keys do -------------------------------------------------------------------------

    async def on_event(self, event: TextualEvent) -> None:
        """Have each key end before the next one begins."""
        if not isinstance(event, (Key, Paste)) or event.is_forwarded:
            await super().on_event(event)
        elif not self._typing.holds(event):
            self._typing.begin(event)
            await super().on_event(event)
            self._typing.handed()

    def on_through(self) -> None:
        """Take the next key."""
        self._typing.through()

    def action_act(self, name: str) -> None:
        """Do what one of `keymap.ACTIONS` says."""
        if name in self.session.knows:
            self.control(name)
        elif name.startswith("view-"):
            self.show_view(VIEWS[int(name[-1]) - 1][0])
        elif name in {"next-view", "previous-view"}:
            self._step_view(1 if name == "next-view" else -1)
        else:
            getattr(self, f"_do_{name}")()

    def control(self, name: str) -> None:
        """Do something to the player; what cannot be done is told."""
        try:
            self.note(self.session.act(name))
        except ZerocrossError as error:
            self.note(f"error: {error}")
        self._follow_state()

    def _step_view(self, by: int) -> None:
        if len(self.screen_stack) > 1:
            (self.screen.focus_next if by > 0 else self.screen.focus_previous)()
            return
        names = [each[0] for each in VIEWS]
        here = names.index(self.view.id) if self.view is not None and self.view.id else 0
        self.show_view(names[(here + by) % len(names)])

    def _do_theme(self) -> None:
        self.theme = (
            NAMES[(NAMES.index(self.theme) + 1) % len(NAMES)] if self.theme in NAMES else NAMES[0]
        )
        self.note(f"theme: {self.theme}")

    def _use_theme(self) -> None:
        name = self.theme if self.theme in NAMES else NAMES[0]
        self._progress.use_theme(name, self.abilities.depth)
        for view in self._views.values():
            if view.is_mounted:
                view.theme_changed(name)
        self.repaint()

    def _do_palette(self) -> None:
        self.action_command_palette()

    def action_command_palette(self) -> None:
        """Open the palette, without Textual's name for it: the one before may still be ending."""
        from zerocross.terminal.above import Palette

        if not isinstance(self.screen, Palette):
            self.push_screen(Palette())

    def _do_keys(self) -> None:
        from zerocross.terminal.dialogs import key_list

        self.push_screen(key_list(self.session.keys))

    def _do_notes(self) -> None:
        from zerocross.terminal.dialogs import note_list

        self.push_screen(note_list(self.notes.lines))

    def _do_suspend(self) -> None:
        if isinstance(self._driver, ScreenDriver):
            self.action_suspend_process()

    def _do_quit(self) -> None:
        self.exit(0)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Yield what the palette has: every action that a key has, here and everywhere."""
        del screen
        for action in ACTIONS:
            scopes = {"everywhere", self.view.id if self.view is not None else ""}
            if action.scope not in scopes or action.name == "palette":
                continue
            node: Any = self if action.scope == "everywhere" else self.view
            keys = " ".join(keys_of(action, self.session.keys))
            words = action.words[0].upper() + action.words[1:]
            yield SystemCommand(words, keys, functools.partial(node.action_act, action.name))
        for name in NAMES:
            yield SystemCommand(
                f"Theme: {name}", "", functools.partial(setattr, self, "theme", name)
            )

    # --- the terminal -------------------------------------------------------------------------

    def repaint(self) -> None:
        """Send everything again."""
        for screen in self.screen_stack:
            screen.refresh(layout=True)
        self.refresh(layout=True)

    def end(self, number: int = 0) -> None:
        """End the screen, by a signal or without; from any thread, and from a signal's handler."""
        self.do_soon(self.exit, 128 + number if number else 0)

    def restore(self) -> None:
        """Put the terminal back where there is no time for order."""
        if isinstance(self._driver, ScreenDriver):
            self._driver.restore()

    def _handle_exception(self, error: Exception) -> None:
        """End, and have `run_screen` raise it where the terminal is sane again."""
        if self.is_headless:
            super()._handle_exception(error)
            return
        if self.failure is None:
            self.failure = error
            self.exit(1)


def run_screen(
    player: Player | Session, view: str = "playing", prepared: Any = contextlib.nullcontext
) -> int:
    """Show a player's full screen until it is left.

    Parameters
    ----------
    player : Player or Session
        Whose.
    view : str
        The view that is shown first, of a player alone.
    prepared : callable
        Given the app, returns a context manager that it runs within: there signals are cared for.

    Returns
    -------
    int
        The exit code: 0, or 128 and the number of the signal that ended it.

    """
    session = player if isinstance(player, Session) else Session(player, view)
    app = ScreenApp(session)
    try:
        with prepared(app):
            code = app.run()
    finally:
        if isinstance(app._driver, ScreenDriver):
            app._driver.dispose()
    if app.failure is not None:
        raise app.failure
    return int(code or 0)
