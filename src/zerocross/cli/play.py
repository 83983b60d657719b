"""Commands that play: play, demo."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zerocross.cli import interrupt
from zerocross.cli.command import CompilingCommand
from zerocross.cli.options import (
    BLOCK,
    LENGTH,
    SECONDS,
    VOLUME,
    equalizer_chain,
    sound_options,
    with_options,
)
from zerocross.cli.printing import has_screen, print_error, say
from zerocross.errors import SourceError
from zerocross.files import check_output, written_aside
from zerocross.units import format_time

if TYPE_CHECKING:
    from zerocross.cli.keys import Keys
    from zerocross.player import Event, Player

__all__ = ["COMMANDS", "print_event", "print_event_or_track"]

#: How often it is asked for a Ctrl-C that got lost, without a status line.
_LOOK_EVERY_S = 1.0

_playing_options = with_options(
    click.option(
        "--volume",
        type=VOLUME,
        default=1.0,
        show_default=True,
        help="Gain, 0 to 1.",
    ),
    click.option(
        "--start",
        type=SECONDS,
        default=0.0,
        metavar="SECONDS",
        help="Where the first track begins.",
    ),
    click.option(
        "--duration",
        type=LENGTH,
        metavar="SECONDS",
        help="Stop after so much audio.",
    ),
    click.option(
        "--device",
        metavar="NAME|null",
        help="A device, a part of its name, a backend, or null for no sound.",
    ),
    click.option(
        "--block",
        type=BLOCK,
        metavar="FRAMES",
        help="Frames in a callback.  [default: 512, or 2048 on PulseAudio]",
    ),
    click.option(
        "--report",
        type=click.Path(),
        metavar="FILE.json",
        help="Write what was counted.",
    ),
    click.option("--no-ui", is_flag=True, help="No status line and no keys."),
    sound_options,
)


@click.command(
    cls=CompilingCommand,
    epilog="""
    zerocross play song.flac
    zerocross play album/ more.m3u8 --device null
    zerocross play song.ogg --start 60 --duration 30 --report report.json
    zerocross play song.flac --eq headphones.txt --replaygain track
    """,
)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path())
@_playing_options
def play(paths: tuple[str, ...], **options: Any) -> int:
    """Play files, directories and playlists (.m3u, .m3u8).

    Keys: space pauses, left and right go 5 seconds, up and down change the volume, n and p
    the track, m mutes, q quits.
    """
    from zerocross.cli.paths import expand

    files, problems = expand(paths)
    for problem in problems:
        print_error(problem)
    if not files:
        return 1
    return _play_files(files, problems, read=[*paths, *files], **options)


@click.command(
    cls=CompilingCommand,
    epilog="""
    zerocross demo
    zerocross demo --device null --duration 5 --no-ui
    """,
)
@_playing_options
def demo(**options: Any) -> int:
    """Play a short piece of music that Zerocross composes and synthesises itself."""
    from zerocross.demo import composed_file

    return _play_files([str(composed_file())], [], **options)


def _play_files(
    files: list[str], problems: Sequence[SourceError], read: Sequence[str] = (), **options: Any
) -> int:
    """Play files with the status line and the report; returns the exit code.

    What is ``read`` is never replaced by the report.
    """
    report = options["report"]
    if report:
        check_output(report, [*read, *filter(None, [options["eq"]])])
    show = not options["no_ui"] and has_screen(sys.stdout)
    if not show:
        return _play(files, problems, None, options)
    from zerocross.cli.keys import Keys

    with Keys() as keys:  # from now on, though they are read once it plays
        return _play(files, problems, keys, options)


def _play(
    files: list[str], problems: Sequence[SourceError], keys: Keys | None, options: dict[str, Any]
) -> int:
    """Play files, with the status line if there are keys; returns the exit code."""
    from zerocross.cli.warmup import warm_up
    from zerocross.player import Player

    warm_up()
    effects = equalizer_chain(options["eq"])
    with Player(
        options["device"],
        options["block"],
        options["volume"],
        effects,
        options["replaygain"],
        quality=options["quality"],
    ) as player:
        player.events.subscribe(print_event if keys else print_event_or_track)
        try:
            with contextlib.suppress(SourceError):  # told as an event
                interrupt.check()
                player.play(*files, start_s=options["start"], duration_s=options["duration"])
            _wait(player, keys)
            code = 0
        except KeyboardInterrupt:
            say(f"stopped at {player.position:.1f} s", err=True)
            code = interrupt.exit_code() or 130
        finally:
            player.stop()
            if options["report"]:
                _write_report(options["report"], player, problems)
    failed = problems or any(track.error for track in player.queue)
    return code or (1 if failed else 0)


def _wait(player: Player, keys: Keys | None) -> None:
    """Wait until the player stops, with the status line where there is a terminal."""
    if keys and player.state != "stopped":
        from zerocross.cli.status_line import run_status_line
        from zerocross.cli.warmup import warm_up_line

        warm_up_line()
        run_status_line(player, keys)
        counted = player.report()
        underruns = counted["underruns"]
        say(
            f"played {format_time(counted['seconds'])}, {underruns} underrun{'s'[: underruns != 1]}, "
            f"{counted['late_callbacks']} of {counted['callbacks']} callbacks late"
        )
        return
    while not player.wait(_LOOK_EVERY_S):
        interrupt.check()


#: Notices are told once: of the same device, say, that is opened for another rate.
_noticed: set[str] = set()


def print_event(event: Event) -> None:
    """Print the events that a listener should know of."""
    if event.kind == "notice":
        if event.message in _noticed:
            return
        _noticed.add(event.message)
    if event.kind in ("error", "warning", "fault", "notice", "underrun", "buffering"):
        say(f"{event.kind}: {event.message}", err=True)


def print_event_or_track(event: Event) -> None:
    """Print the same, and each track, where there is no status line."""
    print_event(event)
    if event.kind == "track":
        say(event.message)


def _write_report(report: str, player: Player, problems: Sequence[SourceError]) -> None:
    content = player.report()
    content["tracks"] += [
        {"path": p.path, "frames": 0, "status": "failed", "error": p.reason} for p in problems
    ]
    with written_aside(report) as part:
        Path(part).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


#: The commands of this file.
COMMANDS: list[click.Command] = [play, demo]
