"""The command that opens the full screen: `zerocross [PATH]...` without a command's name."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Collection
from typing import Any

import click

from zerocross.cli.configured import ConfiguredCommand
from zerocross.cli.options import (
    BLOCK_SIZE,
    DEVICE,
    GAIN,
    MPRIS,
    SHUFFLE,
    sound_options,
    with_options,
)
from zerocross.cli.play import LOOPS
from zerocross.cli.printing import has_screen
from zerocross.errors import UsageError
from zerocross.files import printable

__all__ = ["COMMANDS", "VIEWS", "for_screen"]

#: The names of `terminal.app.VIEWS` and of `terminal.themes.NAMES`, which bring Textual.
VIEWS = ("playing", "queue", "files", "visual", "equalizer", "effects", "engine")
THEMES = ("default", "light", "high contrast")


def for_screen(arguments: list[str], commands: Collection[str]) -> list[str]:
    """Return arguments with the screen's command before them, where they name none.

    Raises
    ------
    UsageError
        If the first word is neither a command nor what could be played.

    """
    first = arguments[0] if arguments else ""
    if not first or first.startswith("-") or _is_there(first):
        return ["screen", *arguments]
    import difflib  # only where something is wrong

    near = difflib.get_close_matches(first, commands, 1)
    hint = f"did you mean '{near[0]}'?" if near else "zerocross --help lists the commands"
    raise UsageError(f"no command or file '{printable(first)}': {hint}")


def _is_there(word: str) -> bool:
    return "://" in word or word.lower().startswith("file:") or os.path.exists(word)


@click.command(
    cls=ConfiguredCommand,
    epilog="""
    zerocross
    zerocross music/ --view queue
    zerocross screen song.flac --theme light
    """,
)
@click.argument("paths", nargs=-1, metavar="[PATH]...", type=click.Path())
@with_options(
    click.option(
        "--view",
        type=click.Choice(VIEWS),
        help="The view that is shown first.  [default: playing, or files without a queue]",
    ),
    click.option(
        "--theme",
        type=click.Choice(THEMES),
        default="default",
        show_default=True,
        help="The screen's colours.",
    ),
    click.option(
        "--fps",
        type=click.IntRange(1, 240),
        default=60,
        show_default=True,
        help="Frames of the visualiser in a second.",
    ),
    GAIN,
    click.option(
        "--loop",
        type=click.Choice(LOOPS),
        default="off",
        show_default=True,
        help="Repeat the track or the queue.",
    ),
    SHUFFLE,
    DEVICE,
    BLOCK_SIZE,
    MPRIS,
    sound_options,
)
def screen(paths: tuple[str, ...], **options: Any) -> int:
    """Open the full screen: what zerocross [PATH]... does without a command.

    With a PATH it plays; without one it has the queue where it was left, and waits for a key.

    ? shows all keys; docs/screen.md has them too, and how to give them others.
    """
    if not (sys.stdin and sys.stdin.isatty() and has_screen(sys.stdout)):
        raise UsageError("this is no terminal; use zerocross play, which needs none")
    gc.disable()  # until it is there: what is imported stays, and looking through it takes time
    from zerocross.cli.showing import show_screen

    return show_screen(paths, options)


#: The commands of this file.
COMMANDS: list[click.Command] = [screen]
