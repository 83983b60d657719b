"""The command that plays a song through a user's file, and swaps its chain in at every save."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zerocross.cli import interrupt
from zerocross.cli.command import CompilingCommand
from zerocross.cli.options import BLOCK, LENGTH
from zerocross.cli.play import print_event_or_track
from zerocross.cli.printing import say
from zerocross.errors import SourceError, ZerocrossError

if TYPE_CHECKING:
    from zerocross.cli.keys import Keys
    from zerocross.graph.chain import Chain
    from zerocross.player import Event

__all__ = ["COMMANDS", "file_version", "watch"]

_LOOK_EVERY_S = 0.1
_QUIT = {"q", "Q", "\x04"}

#: Time of the last change, and size.
Version = tuple[int, int]


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
def live(file: str, song: str, **options: Any) -> int:
    """Play a song through a file's processors, and take the file anew at every save.

    q quits, as Ctrl-C does.
    """
    from zerocross.cli.keys import Keys

    with Keys() as keys:  # what is typed while it compiles is not echoed, and not lost
        return _live(file, song, keys, options)


def _live(file: str, song: str, keys: Keys, options: dict[str, Any]) -> int:
    from zerocross.cli.user_file import chain_of
    from zerocross.graph.chain import Chain
    from zerocross.player import Player

    version = file_version(file)
    chain = Chain(chain_of(file))
    faults: list[str] = []

    def note(event: Event) -> None:
        print_event_or_track(event)
        if event.kind == "fault":
            faults.append(event.message)

    with Player(options["device"], options["block"], effects=chain) as player:
        player.events.subscribe(note)
        with contextlib.suppress(SourceError):  # told as an event
            player.play(song, duration_s=options["duration"])

        def go_on() -> bool:
            interrupt.check()
            return player.state != "stopped" and not _QUIT.intersection(keys.read(0.0))

        watch(file, version, chain, lambda line: say(line, err=True), go_on)
        return 1 if faults or any(track.error for track in player.queue) else 0


def watch(
    path: str,
    playing: Version | None,
    chain: Chain,
    tell: Callable[[str], None],
    go_on: Callable[[], bool],
) -> None:
    """Replace the one part of a chain by a file's chain at every save, until told to stop.

    Parameters
    ----------
    path : str
        The file.
    playing : tuple or None
        The `file_version` that plays. The last one that was accepted keeps playing.
    chain : Chain
        Of one part.
    tell : callable
        Given a line for each version: that it was taken, or why it was not.
    go_on : callable
        Asked before each look; False ends it.

    """
    while go_on():
        time.sleep(_LOOK_EVERY_S)
        version = file_version(path)
        if version is not None and version != playing:
            playing = version
            tell(_take(path, chain))


def _take(path: str, chain: Chain) -> str:
    """Replace the chain's part by the file's chain; returns the line about it."""
    from zerocross.cli.user_file import chain_of, words_of

    try:
        new: Any = chain_of(path)
        chain.replace(chain.parts[0], new)
    except ZerocrossError as error:
        return f"not taken: {error}"
    except Exception as error:  # noqa: BLE001  its processors' __init__ or prepare
        return f"not taken: {words_of(error)}"
    return f"taken: {', '.join(type(p).__name__ for p in new.processors())}"


def file_version(path: str) -> Version | None:
    """Return what tells one version of a file from the next; None where there is none."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


#: The commands of this file.
COMMANDS: list[click.Command] = [live]
