"""A player at the command line: with the status line or without, the report, and the memory."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zerocross.cli import interrupt
from zerocross.cli.options import effects_of, player_of
from zerocross.cli.printing import has_screen, say
from zerocross.errors import SourceError
from zerocross.files import check_output, written_aside
from zerocross.units import format_time

if TYPE_CHECKING:
    from zerocross.cli.keys import Keys
    from zerocross.cli.memory import Memory
    from zerocross.player import Event, Player, Track
    from zerocross.sources.playlists import Entry

__all__ = ["play_files", "print_event", "print_event_or_track"]

#: How often it is asked for a Ctrl-C that got lost, without a status line.
_LOOK_EVERY_S = 1.0
#: How long it is waited at the end for a disk that has not yet told the last track's tags.
_NAMES_PATIENCE_S = 1.0


def play_files(
    entries: Sequence[Entry],
    problems: Sequence[SourceError],
    read: Sequence[str],
    options: dict[str, Any],
    memory: Memory | None = None,
) -> int:
    """Play files with the status line and the report; returns the exit code.

    What is ``read`` is never replaced by the report.
    """
    report = options["report"]
    if report:
        files = [e.location for e in entries if isinstance(e.location, (str, os.PathLike))]
        check_output(report, [*read, *files, *filter(None, (options["eq"], options["effects"]))])
    show = options["ui"] and has_screen(sys.stdout)
    if not show:
        return _play(entries, problems, None, options, memory)
    from zerocross.cli.keys import Keys

    with Keys() as keys:  # from now on, though they are read once it plays
        return _play(entries, problems, keys, options, memory)


def _play(
    entries: Sequence[Entry],
    problems: Sequence[SourceError],
    keys: Keys | None,
    options: dict[str, Any],
    memory: Memory | None,
) -> int:
    """Play files, with the status line if there are keys; returns the exit code."""
    from zerocross.cli.warmup import warm_up
    from zerocross.player.titles import Titles

    warm_up()
    effects, equalizer = effects_of(options["eq"], options["effects"])
    with player_of(options, effects) as player:
        titles = Titles(_print_track)

        def name_track(event: Event) -> None:
            track = player.queue.current
            if event.kind == "track" and track:
                titles.read(track)

        player.events.subscribe(print_event)
        if not keys:
            player.events.subscribe(name_track)
        try:
            with contextlib.suppress(SourceError):  # told as an event
                interrupt.check()
                _begin(player, entries, options, memory)
                if options["device"] == "null" and has_screen(sys.stderr):
                    say("notice: the null device plays in time, and without sound", err=True)
            if player.state != "stopped":
                _go_on(player, keys, options, memory, equalizer)
            titles.wait(_NAMES_PATIENCE_S)
            code = 0
        except KeyboardInterrupt:
            say(f"stopped at {player.position:.1f} s", err=True)
            code = interrupt.exit_code() or 130
        finally:
            if memory:
                memory.remember(player)
            player.stop()
            if options["report"]:
                _write_report(options["report"], player, problems)
    failed = problems or any(track.error for track in player.queue)
    return code or (1 if failed else 0)


def _begin(
    player: Player, entries: Sequence[Entry], options: dict[str, Any], memory: Memory | None
) -> None:
    from zerocross.cli.memory import begin

    if memory:
        memory.play(player, entries, options)
    else:
        begin(player, entries, options)


def _go_on(
    player: Player, keys: Keys | None, options: dict[str, Any], memory: Memory | None, eq: Any
) -> None:
    """Wait until the player stops; it can be controlled from elsewhere, now that it sounds."""
    from zerocross.remote import Remote

    def remember() -> None:
        if memory:
            memory.remember(player)

    def ends_anyway() -> None:
        pass

    with Remote(player, options["mpris"], remember, ends_anyway, eq) as remote:
        if remote.problem:
            say(f"notice: {remote.problem}", err=True)
        _wait(player, keys, memory)


def _wait(player: Player, keys: Keys | None, memory: Memory | None) -> None:
    """Wait until the player stops, with the status line where there is a terminal."""

    def look() -> None:
        interrupt.check()
        if memory:
            memory.look(player)

    if not keys:
        while not player.wait(_LOOK_EVERY_S):
            look()
        return
    from zerocross.cli.status_line import run_status_line
    from zerocross.cli.warmup import warm_up_line

    warm_up_line()
    run_status_line(player, keys, look)
    counted = player.report()
    underruns = counted["underruns"]
    say(
        f"played {format_time(counted['seconds'])}, {underruns} underrun{'s'[: underruns != 1]}, "
        f"{counted['late_callbacks']} of {counted['callbacks']} callbacks late"
    )


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


def _print_track(track: Track) -> None:
    """Print what is heard, by its tags if it has some."""
    say(f"playing {track.known_as or track.path}")


def _write_report(report: str, player: Player, problems: Sequence[SourceError]) -> None:
    content = player.report()
    content["tracks"] += [
        {"path": p.path, "frames": 0, "status": "failed", "error": p.reason} for p in problems
    ]
    with written_aside(report) as part:
        Path(part).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
