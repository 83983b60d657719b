"""The command that plays a song through a user's file, and swaps its chain in at every save."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from zerocross.cli import interrupt
from zerocross.cli.command import CompilingCommand
from zerocross.cli.options import BLOCK, LENGTH
from zerocross.cli.playing import print_event_or_track
from zerocross.cli.printing import has_screen, say
from zerocross.errors import SourceError

if TYPE_CHECKING:
    from zerocross.cli.keys import Keys
    from zerocross.graph.chain import Chain
    from zerocross.graph.hot_reload import UserParts
    from zerocross.player import Event

__all__ = ["COMMANDS", "watch"]

_LOOK_EVERY_S = 0.02
_QUIT = {"q", "Q", "\x04"}


@click.command(
    cls=CompilingCommand,
    epilog="""
    zerocross live effect.py --input song.flac
    zerocross live effect.py --input song.flac --device null --duration 2
    """,
)
@click.argument("file", metavar="FILE.py")
@click.option("--input", "song", required=True, metavar="SONG", help="What goes through it.")
@click.option("--device", metavar="NAME", help="As of play.")
@click.option("--block", type=BLOCK, metavar="FRAMES", help="As of play.")
@click.option("--duration", type=LENGTH, metavar="SECONDS", help="Play so much.")
@click.option("--plain", is_flag=True, help="Lines in place of the screen, as without a terminal.")
def live(file: str, song: str, **options: Any) -> int:
    """Play a song through a file's processors, and take the file anew at every save.

    In a terminal it opens the full screen with the effects; q quits, as Ctrl-C does.
    """
    if not options["plain"] and sys.stdin and sys.stdin.isatty() and has_screen(sys.stdout):
        return _live_on_screen(file, song, options)
    from zerocross.cli.keys import Keys

    with Keys() as keys:  # what is typed while it compiles is not echoed, and not lost
        return _live(file, song, keys, options)


def _live_on_screen(file: str, song: str, options: dict[str, Any]) -> int:
    from zerocross.cli.showing import compiling_told, own_keys, show_session, stderr_told
    from zerocross.cli.warmup import warm_up_screen
    from zerocross.graph.hot_reload import UserParts
    from zerocross.player import Player
    from zerocross.terminal.session import Session

    warm_up_screen()
    user = UserParts(file)
    with Player(options["device"], options["block"], effects=user.chain) as player:
        keys, notices = own_keys()
        session = Session(player, view="effects", keys=keys, user=user)
        for notice in notices:
            session.tell(f"notice: {notice}")
        player.play(song, duration_s=options["duration"])
        with stderr_told(session.tell), compiling_told(session.tell):
            return show_session(session)


def _live(file: str, song: str, keys: Keys, options: dict[str, Any]) -> int:
    from zerocross.graph.hot_reload import UserParts
    from zerocross.player import Player

    user = UserParts(file)
    faults: list[str] = []

    def note(event: Event) -> None:
        print_event_or_track(event)
        if event.kind == "fault":
            faults.append(event.message)

    with Player(options["device"], options["block"], effects=user.chain) as player:
        player.events.subscribe(note)
        with contextlib.suppress(SourceError):  # told as an event
            player.play(song, duration_s=options["duration"])

        def go_on() -> bool:
            interrupt.check()
            return player.state != "stopped" and not _QUIT.intersection(keys.read(0.0))

        watch(user, user.chain, lambda line: say(line, err=True), go_on)
        return 1 if faults or any(track.error for track in player.queue) else 0


def watch(
    user: UserParts, chain: Chain, tell: Callable[[str], None], go_on: Callable[[], bool]
) -> None:
    """Bring a chain to what a file says at every save, until told to stop.

    Parameters
    ----------
    user : UserParts
        The file's; the last version that was accepted keeps playing.
    chain : Chain
        That has them.
    tell : callable
        Given a line for each version: that it was taken, or why it was not.
    go_on : callable
        Asked before each look; False ends it.

    """
    from zerocross.graph.hot_reload import refusal_of

    while go_on():
        time.sleep(_LOOK_EVERY_S)
        if not user.has_changed():
            continue
        try:
            tell(f"taken: {', '.join(user.take(chain)) or 'nothing was made anew'}")
        except Exception as error:  # noqa: BLE001  the file, or its processors' __init__ or prepare
            tell(f"not taken: {refusal_of(user.path, error).words}")


#: The commands of this file.
COMMANDS: list[click.Command] = [live]
