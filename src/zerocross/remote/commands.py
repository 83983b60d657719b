"""What can be asked of a player from outside, in one place: by the socket, and by MPRIS.

A face reads, it never reaches into the engine: all of this goes through the player's public names.

A little over 300 lines: the one table of commands, with what each does and says.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from zerocross.errors import SourceError, UsageError
from zerocross.files import check_regular
from zerocross.units import format_time, parse_time, parse_volume, shown

if TYPE_CHECKING:
    from zerocross.graph.chain import Chain
    from zerocross.player import Player
    from zerocross.sources.tags import Tags

__all__ = ["LOOPS", "WORDS", "Controls", "Word", "check_open", "in_a_line", "obey"]

#: What of the queue comes again: nothing, the current track, everything.
LOOPS = ("off", "one", "all")


class Controls:
    """The controls of a player, as its faces have them.

    Parameters
    ----------
    player : Player
        Whose.
    before_stop : callable
        Called before the player is stopped, while its position is known.
    quit_player : callable or None
        Ends the program that the player is in; None where that is not to be had from outside.
    equalizer : Chain or None
        The part of the player's effects that another preset takes the place of.

    Attributes
    ----------
    queue_changed : callable
        Called after the queue's order, its length, what it repeats or its current track was changed here.

    Notes
    -----
    May be called from any control thread, as the player itself.

    """

    def __init__(
        self,
        player: Player,
        before_stop: Callable[[], None] = lambda: None,
        quit_player: Callable[[], None] | None = None,
        equalizer: Chain | None = None,
    ) -> None:
        self.player = player
        self._before_stop, self._quit_player = before_stop, quit_player
        self._equalizer, self._preset = equalizer, ""
        self._equalizing = threading.Lock()  # two may ask for a preset at once
        self.queue_changed: Callable[[], None] = lambda: None

    def resume(self) -> None:
        """Go on from a pause, or play again."""
        if self.player.state == "paused":
            self.player.resume()
        elif self.player.state == "stopped":
            self.player.play()

    def toggle(self) -> None:
        """Pause, or resume."""
        if self.player.state in {"paused", "stopped"}:
            self.resume()
        else:
            self.player.pause()

    def next(self) -> None:
        """Go to the next track; from a pause, to a pause at its start."""
        self.player.next()
        self.queue_changed()  # of a track that is not heard yet no event tells

    def previous(self) -> None:
        """Go to the track's start or the one before, likewise."""
        self.player.previous()
        self.queue_changed()

    def stop(self) -> None:
        """Stop, once the position was remembered."""
        self._before_stop()
        self.player.stop()

    @property
    def can_quit(self) -> bool:
        """Whether `quit` ends something."""
        return self._quit_player is not None

    def quit(self) -> None:
        """End the program that the player is in, or stop where that is not to be had."""
        self.stop()
        if self._quit_player:
            self._quit_player()

    def seek_by(self, seconds: float) -> None:
        """Go on or back by so many seconds, to the track's start at most."""
        self.player.seek(max(0.0, self.player.position + seconds))

    def set_volume(self, volume: float) -> None:
        """Set the volume, to 0 or 1 where it is beyond."""
        self.player.volume = min(1.0, max(0.0, round(volume, 4)))

    @property
    def loop(self) -> str:
        """One of `LOOPS`."""
        return self.player.queue.repeat

    @loop.setter
    def loop(self, value: str) -> None:
        self.player.queue.repeat = value
        self.queue_changed()

    @property
    def shuffle(self) -> bool:
        """Whether the queue is in another order than it was made in."""
        return self.player.queue.is_shuffled

    @shuffle.setter
    def shuffle(self, value: bool) -> None:
        if value:
            self.player.queue.shuffle()
        else:
            self.player.queue.unshuffle()
        self.queue_changed()

    def append(self, paths: Sequence[str]) -> list[str]:
        """Add what paths stand for at the end of the queue; returns lines about what was refused.

        Raises
        ------
        SourceError
            If that was all.

        """
        from zerocross.sources.playlists import expand

        entries, problems = expand(paths)
        there = []
        for entry in entries:
            at = entry.location
            try:
                if isinstance(at, str) and "://" not in at:
                    check_regular(at)
            except SourceError as problem:
                problems.append(problem)
            else:
                there.append(entry)
        if problems and not there:
            raise problems[0]
        self.player.queue.extend(there)
        self.queue_changed()
        return [str(problem) for problem in problems]

    def status(self) -> dict[str, Any]:
        """Return what plays, for programs."""
        player = self.player
        track, queue = player.queue.current, player.queue
        return {
            "state": player.state,
            "path": track.path if track else None,
            "title": track.title if track else None,
            "tags": _filled(track.tags) if track else {},
            "position_s": round(player.position, 3),
            "duration_s": track.duration_s if track else None,
            "track": queue.index + 1 if track else None,
            "tracks": len(queue),
            "volume": player.volume,
            "mute": player.mute,
            "loop": self.loop,
            "shuffle": self.shuffle,
            "eq": self._preset or None,
            "device": player.device,
        }

    def set_equalizer(self, path: str | None) -> list[str]:
        """Equalise by a preset's file, or no longer; returns the lines of it that are not applied.

        Raises
        ------
        ZerocrossError
            If there is no such preset; then nothing has changed.

        """
        from zerocross.eq.presets import read_preset
        from zerocross.graph.chain import Chain

        skipped: list[str] = []
        new = None
        if path is not None:
            preset = read_preset(path)
            new, skipped = Chain(*preset.processors()), [str(line) for line in preset.skipped]
        with self._equalizing:
            self._equalize(new)
            self._preset = path or ""
        return skipped

    def _equalize(self, new: Chain | None) -> None:
        from zerocross.graph.chain import Chain

        effects = self.player.effects
        old = self._equalizer if effects and self._equalizer in effects.parts else None
        if effects and old and new:
            effects.replace(old, new)
        elif effects and new:
            effects.append(new)
        elif new:
            self.player.effects = Chain(new)
        elif effects and old:
            effects.remove(old)
        self._equalizer = new


def _filled(tags: Tags) -> dict[str, Any]:
    """Return the tags that there are."""
    return {name: value for name, value in dataclasses.asdict(tags).items() if value}


# --- commands as words ------------------------------------------------------------------------------


def _seek(controls: Controls, to: str) -> list[str]:
    if to[:1] in _SIGNS:
        controls.seek_by(_SIGNS[to[0]] * parse_time(to[1:]))
        return []
    at, length = parse_time(to), controls.player.duration
    controls.player.seek(at)
    if length is None or at < length:
        return []
    return [f"{to} is beyond the end, {format_time(length)}: what follows plays"]


def _volume(controls: Controls, to: str) -> None:
    if to[:1] in _SIGNS:
        controls.set_volume(controls.player.volume + _SIGNS[to[0]] * parse_volume(to[1:]))
    else:
        controls.set_volume(parse_volume(to))


def _mute(controls: Controls, to: str = "") -> None:
    controls.player.mute = _switched(to, controls.player.mute)


def _loop(controls: Controls, to: str) -> None:
    if to not in LOOPS:
        raise UsageError(f"loop {shown(to)}: give {', '.join(LOOPS)}")
    controls.loop = to


def _shuffle(controls: Controls, to: str = "") -> None:
    controls.shuffle = _switched(to, controls.shuffle)


def _eq(controls: Controls, path: str) -> list[str]:
    return controls.set_equalizer(None if path == "off" else path)


def _append(controls: Controls, *paths: str) -> list[str]:
    return controls.append(paths)


def _switched(to: str, now: bool) -> bool:
    """Return what a switch becomes: what is said, or the other way round."""
    if to not in _SWITCH:
        raise UsageError(f"{shown(to)}: give on or off, or nothing for the other one")
    return not now if to == "" else _SWITCH[to]


_SIGNS = {"+": 1.0, "-": -1.0}
_SWITCH: dict[str, bool] = {"": False, "on": True, "off": False}


@dataclasses.dataclass(frozen=True)
class Word:
    """A command: what it does to controls, what follows it, words for people, how long it may take."""

    act: Callable[..., object]
    help: str
    arguments: str = ""
    least: int = 0
    most: int | None = 0
    patience_s: float = 10.0


#: By their names, as `zerocross ctl` has them.
WORDS = {
    "pause": Word(lambda c: c.player.pause(), "Hold the audio where it is."),
    "resume": Word(Controls.resume, "Go on, or begin where it has stopped."),
    "toggle": Word(Controls.toggle, "Pause, or resume."),
    "next": Word(Controls.next, "Go to the next track."),
    "previous": Word(Controls.previous, "To the track's start, or the one before."),
    "stop": Word(Controls.stop, "Stop; then zerocross play ends."),
    "seek": Word(_seek, "Go to a time of the track, or on or back.", "1:30|+10|-5", 1, 1),
    "volume": Word(_volume, "Set the volume, or change it.", "60%|0.6|+5%|-5%", 1, 1),
    "mute": Word(_mute, "Silence the output, or no longer.", "[on|off]", 0, 1),
    "loop": Word(_loop, "Repeat nothing, the track or the queue.", "off|one|all", 1, 1),
    "shuffle": Word(_shuffle, "Play in another order, or as before.", "[on|off]", 0, 1),
    "status": Word(Controls.status, "Tell what plays."),
    "eq": Word(_eq, "Equalise by a preset's file.", "FILE|off", 1, 1, 60.0),
    "append": Word(_append, "Add files, directories, playlists at the end.", "PATH...", 1, None),
    "quit": Word(Controls.quit, "End the player."),
}


def check_open(player: Player) -> None:
    """Raise UsageError where a player is closed: much of it would do nothing, and say nothing."""
    if player.events.is_closed:
        raise UsageError("the player is closed; make a new one")


def obey(controls: Controls, words: Sequence[str]) -> object:
    """Do what a command's words say; returns what is to be answered, for JSON.

    Raises
    ------
    UsageError
        For what is no command, and where the player is closed.
    ZerocrossError
        If the player cannot.

    """
    check_open(controls.player)
    name, *arguments = words or [""]
    word = WORDS.get(name)
    if word is None:
        import difflib  # only where something is wrong

        near = difflib.get_close_matches(name, WORDS, 3) or list(WORDS)
        raise UsageError(f"no command {shown(name)}; give {', '.join(near)}")
    if len(arguments) < word.least or (word.most is not None and len(arguments) > word.most):
        raise UsageError(f"give it as: {name} {word.arguments}".rstrip())
    return word.act(controls, *arguments)


def _named(status: dict[str, Any]) -> str:
    artist = status["tags"].get("artist")
    return f"{artist} - {status['title']}" if artist else status["title"]


def in_a_line(status: dict[str, Any]) -> str:
    """Return a status as a line for people."""
    if status["track"] is None:
        return f"{status['state']}, nothing in the queue"
    length = format_time(status["duration_s"]) if status["duration_s"] else "?"
    parts = [
        f"{status['state']}  {_named(status)}",
        f"{format_time(status['position_s'])} / {length}",
        f"track {status['track']} of {status['tracks']}",
        "muted" if status["mute"] else f"volume {status['volume']:.0%}",
    ]
    parts += [f"loop {status['loop']}"] if status["loop"] != "off" else []
    parts += ["shuffled"] if status["shuffle"] else []
    return "  ".join(parts)
