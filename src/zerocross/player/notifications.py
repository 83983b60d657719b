"""What happened: events, for a loop that waits and for callbacks, on control threads.

Locks: `Events._lock` guards the lists of callbacks and mailboxes. Callbacks are called without it,
so they may subscribe, unsubscribe and publish; a player publishes with its own lock held.
"""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import logging
import queue
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Protocol

from zerocross.errors import UsageError
from zerocross.units import shown

__all__ = ["Event", "Events", "Publisher"]

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Event:
    """Something that happened.

    Attributes
    ----------
    kind : str
        ``track`` (a track is heard), ``tags`` (what its file says of itself was read, if anything),
        ``finished``, ``stopped``, ``paused``, ``resumed`` (after
        a pause, or after buffering), ``seeked``, ``error`` (a track failed), ``buffering`` (a
        track's disk or server is late), ``device`` (one was opened, or plays again), ``notice`` (something to
        know: no sound hardware, a device gone, suspended or moved, a server lost or back, a seek that is
        not exact), ``volume`` (it was set, or muted), ``underrun``, ``feed_underrun`` (what a program
        feeds ran dry), ``fault``, ``warning`` or ``closed``.
    path : str
        The track it is about, or an empty string.
    message : str
        One line for people.

    """

    kind: str
    path: str = ""
    message: str = ""


class _Mailbox(Protocol):
    """Where an iterator finds its events; None ends it."""

    def put(self, item: Event | None) -> None: ...


class _LoopMailbox:
    """The mailbox of an iterator in an event loop, put to from any thread."""

    def __init__(self) -> None:
        import asyncio  # its loop runs

        self._loop = asyncio.get_running_loop()
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        self.get = self._events.get

    def put(self, item: Event | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._events.put_nowait, item)


class Events:
    """The events of a player: iterate over them, or have functions called with them.

    Iterating, with ``for`` or in asyncio with ``async for``, waits for the next event and ends when the
    player is closed. Each iterator sees every event from its making on. Functions are called in the control
    world, by the player's supervising thread or inside the call that made the event (of a player
    that was dropped: by the thread that closes it), never on the audio thread; they should not take
    long. A listener does not keep its player from being dropped. What they raise is logged, and
    harms nobody else.
    """

    def __init__(self) -> None:
        # Re-entrant: the collector may close a dropped player on a thread that is in here.
        self._lock = threading.RLock()
        self._callbacks: list[Callable[[Event], None]] = []
        self._mailboxes: list[_Mailbox] = []
        self._closed = False
        self._here = threading.local()

    @property
    def is_closed(self) -> bool:
        """Whether the player is closed: nothing happens any more."""
        return self._closed

    @property
    def is_telling(self) -> bool:
        """Whether the thread that asks is in a callback."""
        return getattr(self._here, "depth", 0) > 0

    def subscribe(self, callback: Callable[[Event], None]) -> Callable[[Event], None]:
        """Call a function with every event from now on; returns it (for use as a decorator).

        Raises
        ------
        UsageError
            For what is no function, and for a coroutine function: see the class.

        """
        if not callable(callback):
            raise UsageError(f"{shown(callback)} cannot be called; give a function of an event")
        if any(map(inspect.iscoroutinefunction, (callback, type(callback).__call__))):
            raise UsageError(
                f"{shown(callback)} is a coroutine function, which nobody would await; "
                "use 'async for event in player.events'"
            )
        with self._lock:
            self._callbacks.append(callback)
        return callback

    def unsubscribe(self, callback: Callable[[Event], None]) -> None:
        """Stop calling a function.

        Raises
        ------
        UsageError
            If it is not subscribed.

        """
        with self._lock:
            if callback not in self._callbacks:
                raise UsageError(f"{shown(callback)} is not subscribed")
            self._callbacks.remove(callback)

    def __iter__(self) -> Iterator[Event]:
        mailbox: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._add(mailbox)
        return self._read(mailbox)

    def __aiter__(self) -> AsyncIterator[Event]:
        mailbox = _LoopMailbox()
        self._add(mailbox)
        return self._read_in_loop(mailbox)

    def _add(self, mailbox: _Mailbox) -> None:
        with self._lock:
            if self._closed:
                mailbox.put(None)
            else:
                self._mailboxes.append(mailbox)

    def _remove(self, mailbox: _Mailbox) -> None:
        with self._lock:
            if mailbox in self._mailboxes:
                self._mailboxes.remove(mailbox)

    def _read(self, mailbox: queue.SimpleQueue[Event | None]) -> Iterator[Event]:
        try:
            while (event := mailbox.get()) is not None:
                yield event
        finally:
            self._remove(mailbox)

    async def _read_in_loop(self, mailbox: _LoopMailbox) -> AsyncIterator[Event]:
        try:
            while (event := await mailbox.get()) is not None:
                yield event
        finally:
            self._remove(mailbox)

    def publish(self, event: Event) -> None:
        """Hand an event to everyone (the player does this)."""
        with self._lock:
            callbacks, mailboxes = list(self._callbacks), list(self._mailboxes)
        for mailbox in mailboxes:
            mailbox.put(event)
        self._here.depth = getattr(self._here, "depth", 0) + 1
        try:
            for callback in callbacks:
                self._call(callback, event)
        finally:
            self._here.depth -= 1

    def _call(self, callback: Callable[[Event], None], event: Event) -> None:
        try:
            callback(event)
        except BaseException as error:
            is_main = threading.current_thread() is threading.main_thread()
            if isinstance(error, KeyboardInterrupt) and is_main:
                raise  # somebody's Ctrl-C
            _log.exception("a callback for player events failed on %s", event.kind)

    def close(self) -> None:
        """End all iterators."""
        with self._lock:
            self._closed = True
            for mailbox in self._mailboxes:
                mailbox.put(None)


class Publisher:
    """The playing side of a player's events, which does not keep them alive.

    A listener may hold its player. If what plays held the listener, such a player would be held by
    its own threads, and play on when it is dropped.
    """

    def __init__(self, events: Events) -> None:
        self._events = weakref.ref(events)
        self._held: Events | None = None

    @property
    def is_telling(self) -> bool:
        """Whether the calling thread is in a listener."""
        events = self._events()
        return events is not None and events.is_telling

    def hold(self) -> None:
        """Keep the events, where they are still there, until they are closed."""
        self._held = self._events()

    def publish(self, event: Event) -> None:
        """Hand an event to everyone who listens still."""
        events = self._events()
        if events:
            events.publish(event)

    def close(self) -> None:
        """End all iterators."""
        events, self._held = self._events(), None
        if events:
            events.close()
