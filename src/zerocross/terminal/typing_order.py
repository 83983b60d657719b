"""Keys in the order in which they were pressed, however quickly they come.

Textual hands each key to the widget that has the focus at once; a key that is no letter goes up from there,
and what it does is done when it has come to the app. Keys that came with it overtook it meanwhile: in the queue
``/drum`` took a track out before the search was there, and a backspace removed the letter after it.
"""

from __future__ import annotations

import asyncio
import collections
from typing import TYPE_CHECKING, Any

from textual.events import Key, Paste
from textual.message import Message
from textual.widgets import Input

if TYPE_CHECKING:
    from textual.app import App

__all__ = ["Through", "TypingOrder"]

#: A widget that ends takes with it what it was told last; then it goes on after so long.
_PATIENCE_S = 0.25


class Through(Message):
    """Goes the way that a key went, behind it."""


class TypingOrder:
    """What was typed and waits for the key before it; on the loop's thread.

    Parameters
    ----------
    app : App
        Whose keys.

    """

    def __init__(self, app: App[Any]) -> None:
        self._app = app
        self._waiting: collections.deque[Key | Paste] = collections.deque()
        self._next: Key | Paste | None = None
        self._place: object = None
        self._guard: asyncio.TimerHandle | None = None

    def holds(self, event: Key | Paste) -> bool:
        """Return whether something has to wait; it comes again when its time has come."""
        if event is self._next:
            self._next = None
            return False
        if self._guard is None and self._next is None:
            return False
        self._waiting.append(event)
        return True

    def begin(self, event: Key | Paste) -> None:
        """Say that something is about to be handed on."""
        self._place = self._where()
        is_typed = isinstance(self._app.focused, Input) and (
            isinstance(event, Paste) or event.is_printable
        )
        if not is_typed:  # letters end where they go to
            loop = asyncio.get_running_loop()
            self._guard = loop.call_later(_PATIENCE_S, self._go_on)

    def handed(self) -> None:
        """Say that it was handed on."""
        if self._guard is not None:
            (self._app.focused or self._app.screen).post_message(Through())
        else:
            self._take_next()

    def through(self) -> None:
        """Say that what a key does is done, but for what it asked for: that is done before the next."""
        if self._guard is None:
            return
        if self._waiting and self._where() != self._place:
            self._place = self._where()
            self._app.screen.call_after_refresh(self._go_on)  # it is being built
        else:
            self._go_on()

    def _go_on(self) -> None:
        if self._guard is None:
            return
        self._guard.cancel()
        self._guard = None
        self._take_next()

    def _take_next(self) -> None:
        if self._waiting:
            self._next = self._waiting.popleft()
            self._app.post_message(self._next)

    def _where(self) -> object:
        """Return what keys are for."""
        app: Any = self._app
        return app.screen, app.view, app.focused
