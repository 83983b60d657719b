"""Commands that play: play, demo."""

from __future__ import annotations

import importlib.util
import io
import sys
from typing import Any

import click

from zerocross.cli.configured import ConfiguredCommand, is_given
from zerocross.cli.options import (
    BLOCK_SIZE,
    DEVICE,
    GAIN,
    LENGTH,
    MPRIS,
    SHUFFLE,
    TIME,
    sound_options,
    with_options,
)
from zerocross.cli.printing import print_errors
from zerocross.errors import UsageError

__all__ = ["COMMANDS", "LOOPS"]

LOOPS = ("off", "one", "all")
#: Of what is piped in, where it is to be kept whole.
_MOST_PIPED = 1 << 30

_playing_options = with_options(
    GAIN,
    click.option(
        "--start",
        "start_s",
        type=TIME,
        default=0.0,
        metavar="TIME",
        help="Where the first track begins: 90, 1:30, 1:02:03.5.",
    ),
    click.option(
        "--duration",
        "duration_s",
        type=LENGTH,
        metavar="TIME",
        help="Stop after so much audio.",
    ),
    click.option(
        "--loop",
        type=click.Choice(LOOPS),
        default="off",
        show_default=True,
        help="Repeat the track or the queue; all where nothing else is said.",
    ),
    SHUFFLE,
    DEVICE,
    BLOCK_SIZE,
    click.option(
        "--report",
        type=click.Path(),
        metavar="FILE.json",
        help="Write what was counted.",
    ),
    click.option("--ui/--no-ui", default=True, help="Status line and keys, on a terminal."),
    MPRIS,
    sound_options,
)


class _PlayingCommand(ConfiguredCommand):
    """A command where ``--loop`` may stand alone."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        said = args.index("--") if "--" in args else len(args)
        for i in range(said):
            if args[i] == "--loop" and (i + 1 == len(args) or args[i + 1] not in LOOPS):
                args = [*args[:i], "--loop=all", *args[i + 1 :]]
        return super().parse_args(ctx, args)


@click.command(
    cls=_PlayingCommand,
    epilog="""
    zerocross play song.flac
    zerocross play album/ more.m3u8 --shuffle --loop --device null
    zerocross play song.ogg --start 1:30 --duration 30 --report report.json
    zerocross play song.flac --eq headphones.txt --replaygain track --volume 80%
    zerocross play
    cat song.mp3 | zerocross play -
    """,
)
@click.argument("paths", nargs=-1, metavar="[PATH]...", type=click.Path())
@click.option(
    "--resume/--no-resume",
    help="Begin where playing was left, if that is one of the files.",
)
@_playing_options
def play(paths: tuple[str, ...], resume: bool, **options: Any) -> int:
    """Play files, directories, playlists (.m3u, .m3u8, .pls), cue sheets and addresses (http, https).

    - is standard input. Without a PATH it goes on where it was left: the same tracks, the same position and volume.

    Keys: space pauses, left and right go 5 seconds, up and down change the volume, n and p
    the track, m mutes, q quits. zerocross ctl does the same from elsewhere.
    """
    from zerocross.cli.memory import Memory
    from zerocross.cli.playing import play_files

    with Memory() as memory:
        if not paths:
            return play_files(memory.last_queue(), [], [], options, memory)
        from zerocross.sources.playlists import expand

        entries, problems = expand(_with_standard_input(paths))
        print_errors(problems)
        if not entries:
            return 1
        if resume and not is_given("start_s"):
            memory.find_in(entries)
        return play_files(entries, problems, paths, options, memory)


def _with_standard_input(paths: tuple[str, ...]) -> list[Any]:
    """Return paths with what is piped in in the place of ``-``.

    A pipe is played as it comes where PyAV is installed; libsndfile is given it whole.
    """
    if "-" not in paths:
        return [*paths]
    from zerocross.sources.location import FileObject

    if sys.stdin is None or sys.stdin.isatty():
        what = "closed" if sys.stdin is None else "a terminal"
        raise UsageError(
            f"standard input is {what}; pipe a file in: cat song.mp3 | zerocross play -"
        )
    # Unbuffered: what is there is taken, and no lock is held at the end by who waits for more.
    given: Any = open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)  # noqa: SIM115  while it plays
    if not given.seekable() and importlib.util.find_spec("av") is None:
        given = io.BytesIO(given.read(_MOST_PIPED))
    source = FileObject(given, "standard input")
    return [source if path == "-" else path for path in paths]


@click.command(
    cls=_PlayingCommand,
    epilog="""
    zerocross demo
    zerocross demo --device null --duration 5 --no-ui
    """,
)
@_playing_options
def demo(**options: Any) -> int:
    """Play a short piece of music that Zerocross composes and synthesises itself."""
    from zerocross.cli.playing import play_files
    from zerocross.demo import composed_file
    from zerocross.sources.playlists import Entry

    return play_files([Entry(composed_file())], [], [], options)


#: The commands of this file.
COMMANDS: list[click.Command] = [play, demo]
