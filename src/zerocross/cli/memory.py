"""What `zerocross play` remembers of where it was, and how it goes on there."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import threading
import time
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from zerocross.cli.configured import is_given
from zerocross.cli.printing import say
from zerocross.closing import Closes
from zerocross.errors import UsageError, ZerocrossError
from zerocross.settings.state import Remembered, StateFile

if TYPE_CHECKING:
    from zerocross.player import Event, Player
    from zerocross.settings.state import Place
    from zerocross.sources.location import Location
    from zerocross.sources.playlists import Entry

__all__ = ["Memory", "begin"]

#: So often it is written while the position moves; with the second between two looks less than 10.
_EVERY_S = 8.0


class Memory(Closes):
    """Where playing was, within a ``with`` block; what cannot be read or written is a notice.

    Nothing is asked of the disk but before playing, when a time has passed, and at the end.
    """

    def __init__(self) -> None:
        self._file: StateFile | None = None
        self._found: Remembered | None = None
        self._written: Remembered | None = None
        self._next_s = 0.0
        self._is_broken = self._is_over = False
        self._lock = threading.Lock()

    def close(self) -> None:
        """Let go of the file."""
        if self._file:
            self._file.close()

    # --- going on -----------------------------------------------------------------------------

    def last_queue(self) -> list[Entry]:
        """Go on where playing was left; returns the files.

        Raises
        ------
        UsageError
            If nothing is remembered.

        """
        self._take_last()
        paths = self._found.paths if self._found else self._queue_alone()
        if not paths:
            raise UsageError("nothing to go on with yet; give a PATH: zerocross play song.flac")
        from zerocross.sources.playlists import Entry

        return [Entry(path) for path in paths]

    def find_in(self, files: Sequence[Entry]) -> None:
        """Go on where playing was left, if that is in one of these files."""
        if not self._take_last() or self._found is None:
            return
        current = self._found.paths[self._found.index]
        for index, entry in enumerate(files):
            if _place_of(entry.location) == current:
                self._found = dataclasses.replace(self._found, index=index)
                return
        self._found = None

    def _take_last(self) -> bool:
        self._file = StateFile.last()
        if self._file is None:
            return False
        try:
            self._found = self._file.read()
        except ZerocrossError as error:
            say(f"notice: {error}", err=True)
        return self._found is not None

    def _queue_alone(self) -> Sequence[Place]:
        """Return the queue where the rest is damaged, which was told: it is played as if it was given."""
        with contextlib.suppress(ZerocrossError):
            return self._file.read_queue() if self._file else ()
        return ()

    def play(self, player: Player, files: Sequence[Entry], options: dict[str, Any]) -> None:
        """Have a player play files, from where they were left or from the beginning."""
        start_s, length_s = options["start_s"], options["duration_s"]
        if self._found is None:
            player.events.subscribe(self._note)
            begin(player, files, options)
            return
        given = {name for name in ("volume", "loop", "start_s") if is_given(name)}
        found_s = self.restore(player, files, options, given)
        if "start_s" in given:
            player.play(start_s=start_s, duration_s=length_s)
            return
        try:
            player.play(start_s=found_s, duration_s=length_s)
        except UsageError:  # the file is shorter than it was
            player.play(duration_s=length_s)

    def restore(
        self,
        player: Player,
        files: Sequence[Entry],
        options: dict[str, Any],
        given: Collection[str],
    ) -> float:
        """Have a player's queue as it was left, without playing.

        Parameters
        ----------
        player : Player
            That plays nothing.
        files : sequence of Entry
            The queue, which was found.
        options : dict
            Of the command: ``loop`` and ``shuffle``.
        given : collection of str
            Names of options that were given, and win: ``volume``, ``loop``.

        Returns
        -------
        float
            How far the current track was heard, in seconds.

        """
        found, self._found = self._found, None
        assert found is not None
        player.events.subscribe(self._note)
        if "volume" not in given:
            player.volume, player.mute = found.volume, found.mute
        player.queue.replace(files)
        player.queue.repeat = options["loop"] if "loop" in given else found.loop
        player.queue.index = found.index
        if options["shuffle"]:
            player.queue.shuffle()
        return found.position_s

    # --- remembering --------------------------------------------------------------------------

    def _note(self, event: Event) -> None:
        if event.kind in {"finished", "track"}:
            self._is_over = event.kind == "finished"

    def look(self, player: Player) -> None:
        """Remember where a player is, if that was long ago."""
        if time.monotonic() >= self._next_s:
            self.remember(player)

    def remember(self, player: Player) -> None:
        """Remember where a player is, while that is known; from any thread."""
        with self._lock:
            self._next_s = time.monotonic() + _EVERY_S
            state = _state_of(player, self._is_over)
            if state is None or state == self._written or self._is_broken:
                return
            try:
                self._file = self._file or StateFile.new()
                self._file.write(state)
                self._written = state
            except ZerocrossError as error:
                self._is_broken = True  # told once
                say(f"notice: {error}", err=True)


def begin(player: Player, files: Sequence[Entry], options: dict[str, Any]) -> None:
    """Have a player play files from the beginning, in the order that is asked for."""
    player.queue.repeat = options["loop"]
    player.queue.replace(files)
    if options["shuffle"]:
        player.queue.shuffle()
    player.play(start_s=options["start_s"], duration_s=options["duration_s"])


def _state_of(player: Player, has_finished: bool) -> Remembered | None:
    """Return what is to be remembered of a player; None where it has been stopped before its end.

    After the end that is the beginning; where a time limit ended it, that place.
    """
    queue, is_stopped = player.queue, player.state == "stopped"
    if not len(queue) or (is_stopped and not has_finished):
        return None
    is_over = is_stopped and player.position == 0.0
    paths: list[Place] = []
    index = 0
    for number, track in enumerate(queue):
        index = len(paths) if number == queue.index else index
        place = _place_of(track.location)
        paths += [] if place is None else [place]
    if not paths:
        return None
    return Remembered(
        tuple(paths),
        0 if is_over else min(index, len(paths) - 1),
        0.0 if is_over else player.position,
        player.volume,
        player.mute,
        queue.repeat,
    )


def _place_of(location: Location) -> Place | None:
    """Return where a track is to be found again; None where it is not.

    What follows in a chained file comes with that file, and what is in memory is gone.
    """
    from zerocross.sources.cue import Cut
    from zerocross.sources.location import Part

    if isinstance(location, Cut):
        return dataclasses.replace(location, location=_whole(os.fsdecode(location.location)))
    if isinstance(location, Part) or not isinstance(location, (str, bytes, os.PathLike)):
        return None
    return _whole(os.fsdecode(location))


def _whole(path: str) -> str:
    """Return a path from the root; an address as it is."""
    return path if "://" in path else os.path.abspath(path)
