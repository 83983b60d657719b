"""What makes a player be controlled from outside, as long as it is there."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from zerocross.closing import ClosesAtExit, Running
from zerocross.errors import UsageError, ZerocrossError
from zerocross.remote.commands import Controls, check_open
from zerocross.remote.mpris import Mpris, is_installed, require_installed
from zerocross.remote.places import CAN_LISTEN
from zerocross.units import shown

if TYPE_CHECKING:
    from zerocross.graph.chain import Chain
    from zerocross.player import Event, Player
    from zerocross.remote.control import Server

__all__ = ["Remote"]


class Remote(ClosesAtExit):
    """Lets a player be controlled by ``zerocross ctl``, media keys and playerctl.

    Parameters
    ----------
    player : Player
        Whose; it is not closed with this.
    mpris : bool or None
        Whether it is on D-Bus; None for where the extra ``[remote]`` is installed.
    before_stop : callable
        Called before it is stopped from outside, while its position is known.
    quit_player : callable or None
        Ends the program, for who asks for that; None where that only stops the player.
    equalizer : Chain or None
        The part of the player's effects that is replaced by another preset.

    Attributes
    ----------
    controls : Controls
        What can be asked for, for other faces.
    problem : str
        Why ``zerocross ctl`` does not reach it; empty where it does.

    Raises
    ------
    UsageError
        For what is no player, or a closed one.
    MissingDependency
        If ``mpris`` is asked for and is not installed.

    Notes
    -----
    Where there is no place for a socket, or no session bus, there is none; the player plays all the
    same. Neither thread wakes while nobody asks and nothing happens. Real-time: no.

    """

    def __init__(
        self,
        player: Player,
        mpris: bool | None = None,
        before_stop: Callable[[], None] = lambda: None,
        quit_player: Callable[[], None] | None = None,
        equalizer: Chain | None = None,
    ) -> None:
        from zerocross.player import Events  # `ctl`, which comes by here, needs no player

        if not isinstance(getattr(player, "events", None), Events):
            raise UsageError(f"{shown(player)} is no player; give a zerocross.Player")
        check_open(player)
        if mpris:
            require_installed()
        self.controls = Controls(player, before_stop, quit_player, equalizer)
        self._inner = _Inner(self.controls, is_installed() if mpris is None else mpris)
        super().__init__(self._inner)

    @property
    def problem(self) -> str:
        """See the class."""
        return self._inner.problem

    @property
    def name(self) -> str:
        """By which ``zerocross ctl --player`` knows it; empty where there is no socket."""
        server = self._inner.server
        return server.path.stem if server else ""

    @property
    def bus_name(self) -> str:
        """On D-Bus; empty while it is not there."""
        mpris = self._inner.mpris
        return mpris.name if mpris else ""


class _Inner(Running):
    """The threads of a remote control; see `Running`."""

    def __init__(self, controls: Controls, mpris: bool) -> None:
        self._events = controls.player.events
        self.server, self.problem = _server(controls)
        self.mpris = Mpris(controls) if mpris else None
        self._events.subscribe(self._take_note)
        if self.mpris:
            controls.queue_changed = self.mpris.look_again

    def _take_note(self, event: Event) -> None:
        if self.mpris:
            self.mpris.take_note(event)
        if event.kind == "closed":  # with the player's lock held: nothing is waited for
            self._end()

    def _end(self) -> None:
        if self.server:
            self.server.end()
        if self.mpris:
            self.mpris.end()

    def hush(self) -> None:
        """Nothing of it is heard."""

    def close(self) -> None:
        """Be gone from where it was to be found; twice is once."""
        with contextlib.suppress(UsageError):  # it is the second time
            self._events.unsubscribe(self._take_note)
        self._end()
        for each in (self.server, self.mpris):
            if each:
                each.close()
        self.server = self.mpris = None

    def forget(self) -> None:
        """In a forked child: be closed."""
        for each in (self.server, self.mpris):
            if each:
                each.forget()
        self.server = self.mpris = None


def _server(controls: Controls) -> tuple[Server | None, str]:
    """Return what listens to `zerocross ctl`, or why nothing does; nothing where none ever can."""
    if not CAN_LISTEN:
        return None, ""
    from zerocross.remote.control import Server

    try:
        return Server(controls), ""
    except (OSError, ZerocrossError) as error:
        return None, str(error)
