"""MPRIS 2: the player on the session's D-Bus, for media keys, desktops and playerctl.

The interfaces are those of https://specifications.freedesktop.org/mpris-spec/latest/. All of it
runs on a thread of its own with an asyncio loop of its own, which sleeps while nothing happens: the
player never waits for it. Where there is no bus, or it goes away, there is no MPRIS, and that is all.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from zerocross.errors import MissingDependency, ZerocrossError

if TYPE_CHECKING:
    import asyncio

    from zerocross.player import Event
    from zerocross.remote.commands import Controls
    from zerocross.remote.mpris_service import Service

__all__ = ["Mpris", "is_installed", "require_installed"]

_PATIENCE_S = 1.0
_CONNECT_S = 10.0
#: Events after which what is told on the bus may be another.
_CHANGES = {
    "track",
    "tags",
    "finished",
    "stopped",
    "paused",
    "resumed",
    "error",
    "buffering",
    "device",
    "notice",
    "volume",
}

_log = logging.getLogger(__name__)


def is_installed() -> bool:
    """Return whether the extra is there."""
    return importlib.util.find_spec("dbus_fast") is not None


def require_installed() -> None:
    """Raise MissingDependency where the extra is not there."""
    if not is_installed():
        raise MissingDependency("MPRIS needs dbus-fast; pip install zerocross[remote]")


def has_bus() -> bool:
    """Return whether this session has a bus, as far as can be told without asking it."""
    if os.environ.get("DBUS_SESSION_BUS_ADDRESS"):
        return True
    folder = os.environ.get("XDG_RUNTIME_DIR")
    return bool(folder) and Path(folder or "", "bus").exists()


class Mpris:
    """A player on the session's bus until it is closed.

    Parameters
    ----------
    controls : Controls
        Of the player.

    Attributes
    ----------
    name : str
        On the bus; empty while it is not there.

    """

    def __init__(self, controls: Controls) -> None:
        self._controls = controls
        self.name = ""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending: asyncio.Event | None = None
        self._changed: asyncio.Queue[str] | None = None
        self._is_ended = False
        self._is_there = threading.Event()
        self._thread: threading.Thread | None = None
        if has_bus():
            self._thread = threading.Thread(target=self._run, name="zerocross-mpris", daemon=True)
            self._thread.start()
        else:
            _log.debug("no MPRIS: there is no session bus")
            self._is_there.set()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until it is on the bus, or will not be; returns whether it is."""
        self._is_there.wait(timeout_s)
        return bool(self.name)

    def take_note(self, event: Event) -> None:
        """Tell the bus what follows from an event of the player; on any thread, without waiting."""
        if event.kind in _CHANGES or event.kind == "seeked":
            self.look_again(event.kind)

    def look_again(self, kind: str = "queue") -> None:
        """Tell the bus what is another than it was told; on any thread, without waiting."""
        if self._changed:
            self._call(self._changed.put_nowait, kind)

    def end(self) -> None:
        """Have it leave the bus; without waiting."""
        self._is_ended = True
        if self._ending:
            self._call(self._ending.set)

    def close(self) -> None:
        """Leave the bus, and wait for that, as far as it answers."""
        self.end()
        if self._thread and self.name and self._thread is not threading.current_thread():
            self._thread.join(_PATIENCE_S)

    def forget(self) -> None:
        """In a forked child: the bus is the parent's."""
        self._is_ended, self._thread, self._loop = True, None, None

    def _call(self, act: object, *arguments: object) -> None:
        loop = self._loop
        if loop:
            with contextlib.suppress(RuntimeError):  # it has just ended
                loop.call_soon_threadsafe(act, *arguments)  # type: ignore[arg-type]

    # --- on its thread ------------------------------------------------------------------------

    def _run(self) -> None:
        import asyncio  # only where there is a bus: it is large

        try:
            asyncio.run(self._be_there())
        except (OSError, EOFError, ZerocrossError, TimeoutError) as error:
            _log.debug("no MPRIS: %s", error)
        except Exception:  # noqa: BLE001  a library's own: the player plays on
            _log.debug("no MPRIS", exc_info=True)
        finally:
            self.name, self._loop = "", None
            self._is_there.set()

    async def _be_there(self) -> None:
        import asyncio

        from zerocross.remote.mpris_service import Service  # brings dbus-fast

        self._ending, self._changed = asyncio.Event(), asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        if self._is_ended:
            return
        service = Service(self._controls)
        try:
            async with asyncio.timeout(_CONNECT_S):
                await service.connect()
            self.name = service.name
            self._is_there.set()
            waits = [self._ending.wait(), service.gone(), self._tell(service)]
            tasks = [asyncio.ensure_future(each) for each in waits]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
        finally:
            await service.disconnect()

    async def _tell(self, service: Service) -> None:
        assert self._changed
        while True:
            kinds = {await self._changed.get()}
            while not self._changed.empty():
                kinds.add(self._changed.get_nowait())
            service.tell(was_sought="seeked" in kinds)
