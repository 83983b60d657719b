"""What a screen is of: the player, how it came here, and what was asked for. Nothing of Textual."""

from __future__ import annotations

import dataclasses
import os
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from zerocross.errors import UsageError, ZerocrossError
from zerocross.files import printable
from zerocross.remote.commands import Controls
from zerocross.sources.playlists import Entry, expand
from zerocross.units import format_time

if TYPE_CHECKING:
    from zerocross.graph.chain import Chain
    from zerocross.graph.hot_reload import UserParts
    from zerocross.player import Player

__all__ = ["Session"]

_VOLUME_STEP = 0.05
_REPEATS = {"off": "all", "all": "one", "one": "off"}
_GAINS = {"off": "track", "track": "album", "album": "off"}


def _nothing() -> None:
    pass


@dataclasses.dataclass
class Session:
    """A player at a screen, and what keys do to it.

    Attributes
    ----------
    player : Player
        Whose screen it is.
    view : str
        The view that is shown first.
    theme : str
        One of `themes.NAMES`.
    fps : float
        Frames of the visualiser in a second.
    keys : mapping of str to str
        The user's own, by the names of actions; see `keymap`.
    folder : str
        That the files view begins with.
    equalizer : Chain or None
        The part of the player's effects that equalises.
    user : UserParts or None
        The user's file that effects are of, taken anew at every save.
    look : callable
        Called now and then while it plays, and when it was paused, on a thread of its own.
    quit : callable
        Ends the screen; from any thread.
    is_shown : threading.Event
        Set once the screen is there.
    resume_at_s : float
        Where the queue's current track goes on when it is played for the first time.

    """

    player: Player
    view: str = "playing"
    theme: str = "default"
    fps: float = 60.0
    keys: Mapping[str, str] = dataclasses.field(default_factory=dict)
    folder: str = ""
    equalizer: Chain | None = None
    user: UserParts | None = None
    look: Callable[[], None] = _nothing
    quit: Callable[[], None] = _nothing
    resume_at_s: float = 0.0
    _a_s: float | None = None

    def __post_init__(self) -> None:
        self.controls = Controls(self.player, equalizer=self.equalizer)
        self.is_shown = threading.Event()
        self._told: list[str] = []
        self._listener: Callable[[str], None] | None = None

    # --- what there is to tell ------------------------------------------------------------------

    def tell(self, words: str) -> None:
        """Tell the user a line, as soon as there is a screen; from any thread."""
        listener = self._listener
        if listener is None:
            self._told.append(words)
        else:
            listener(words)

    def attach(self, listener: Callable[[str], None] | None) -> None:
        """Have a screen take what is told, and what was told so far; None for none."""
        self._listener = listener
        while listener is not None and self._told:
            listener(self._told.pop(0))

    # --- what keys do ---------------------------------------------------------------------------

    def act(self, name: str) -> str:
        """Do what one of `keymap.ACTIONS` says of the player; returns a line about it, or nothing."""
        return str(_ACTS[name](self) or "")

    @property
    def knows(self) -> frozenset[str]:
        """The names of the actions that `act` does."""
        return frozenset(_ACTS)

    def pause(self) -> None:
        """Pause, go on, or play what is in the queue."""
        state = self.player.state
        if state == "stopped":
            self.play()
        elif state == "paused":
            self.player.resume()
        else:
            self.player.pause()

    def play(self) -> None:
        """Play the queue's current track, where it was left if it was."""
        start_s, self.resume_at_s = self.resume_at_s, 0.0
        try:
            self.player.play(start_s=start_s)
        except UsageError:
            if not start_s:
                raise
            self.player.play()  # the file is shorter than it was

    def play_at(self, index: int) -> None:
        """Play a track of the queue."""
        self.resume_at_s = 0.0
        if self.player.state == "stopped":
            self.player.queue.index = index
            self.player.play()
        else:
            self.player.go_to(index)

    def seek_by(self, seconds: float) -> None:
        """Go on or back in what plays."""
        if self.player.state != "stopped":
            self.controls.seek_by(seconds)

    def seek_to_share(self, share: float) -> None:
        """Go to a part of the track: 0 is its start, 1 its end."""
        length = self.player.duration
        if self.player.state != "stopped" and length:
            self.player.seek(min(1.0, max(0.0, share)) * length)

    def change_volume(self, by: float) -> str:
        """Make it louder or softer."""
        self.controls.set_volume(self.player.volume + by)
        return ""

    def mute(self) -> None:
        """Silence the output, or no longer."""
        self.player.mute = not self.player.mute

    def repeat(self) -> str:
        """Repeat what comes next: the queue, the track, nothing."""
        self.controls.loop = _REPEATS[self.controls.loop]
        return {"off": "repeat nothing", "all": "repeat the queue", "one": "repeat the track"}[
            self.controls.loop
        ]

    def shuffle(self) -> str:
        """Shuffle the queue, or bring its order back."""
        self.controls.shuffle = not self.controls.shuffle
        return "shuffled" if self.controls.shuffle else "in its order again"

    def replaygain(self) -> str:
        """Apply the track's gain, the album's, none."""
        self.player.replaygain = _GAINS[self.player.replaygain]
        return f"ReplayGain: {self.player.replaygain}"

    def loop_between(self) -> str:
        """Set A; with A, B; with both, no loop."""
        player = self.player
        if player.state == "stopped":
            return "nothing plays: no A-B loop"
        if player.loop is not None:
            self._a_s = None
            player.loop_between(None)
            return "no A-B loop"
        if self._a_s is None or self._a_s >= player.position:
            self._a_s = player.position
            return f"A at {format_time(self._a_s)}; the same key sets B"
        start, self._a_s = self._a_s, None
        player.loop_between(start, player.position)
        return f"from {format_time(start)} to {format_time((player.loop or (0, 0))[1])} again and again"

    @property
    def has_a(self) -> bool:
        """Whether A of an A-B loop is set, and B is not."""
        return self._a_s is not None

    def forget_a(self) -> None:
        """Another track is heard: what was A is of the one before."""
        self._a_s = None

    # --- the queue ------------------------------------------------------------------------------

    def add(
        self,
        paths: list[str],
        at: int | None,
        then: Callable[[str, int], None],
        plays: bool = False,
    ) -> None:
        """Add what paths stand for to the queue, on a thread of its own: disks are asked.

        Parameters
        ----------
        paths : list of str
            Files, folders, playlists, addresses.
        at : int or None
            Before which track; None for the end.
        then : callable
            Given, on that thread, a line about it, and how many tracks were added.
        plays : bool
            Whether the first of them is played at once.

        """
        threading.Thread(
            target=self._add, args=(paths, at, then, plays), name="zerocross add", daemon=True
        ).start()

    def _add(
        self, paths: list[str], at: int | None, then: Callable[[str, int], None], plays: bool
    ) -> None:
        try:
            entries, problems = expand(map(_expanded, paths))
            there = [entry for entry in entries if _is_there(entry)]
            lines = [
                f"{printable(str(entry.location))}: no such file"
                for entry in entries
                if not _is_there(entry)
            ]
            lines += [str(problem) for problem in problems]
            place = len(self.player.queue) if at is None else at
            if at is None:
                self.player.queue.extend(there)
            else:
                self._insert(there, at)
            if plays and there:
                self.play_at(place)
        except ZerocrossError as error:
            then(f"error: {error}", 0)
            return
        count = len(there)
        added = f"{count} track{'s'[: count != 1]} added"
        if lines and not there:
            then(f"error: {lines[0]}", 0)
        else:
            then("; ".join([added, *lines[:1]]), count)

    def _insert(self, entries: list[Entry], at: int) -> None:
        """Put tracks before one, in their order."""
        queue = self.player.queue
        for k, entry in enumerate(entries):
            queue.insert(min(at + k, len(queue)), entry)


def _expanded(path: str) -> str:
    return path if "://" in path else os.path.expanduser(path)


def _is_there(entry: Entry) -> bool:
    at = entry.location
    return not isinstance(at, str) or "://" in at or os.path.exists(at)


_ACTS: dict[str, Callable[[Session], object]] = {
    "pause": Session.pause,
    "stop": lambda s: s.player.stop(),
    "next": lambda s: s.player.next(),
    "previous": lambda s: s.player.previous(),
    "forward": lambda s: s.seek_by(5.0),
    "back": lambda s: s.seek_by(-5.0),
    "forward-minute": lambda s: s.seek_by(60.0),
    "back-minute": lambda s: s.seek_by(-60.0),
    "louder": lambda s: s.change_volume(_VOLUME_STEP),
    "softer": lambda s: s.change_volume(-_VOLUME_STEP),
    "mute": Session.mute,
    "ab-loop": Session.loop_between,
    "repeat": Session.repeat,
    "shuffle": Session.shuffle,
    "replaygain": Session.replaygain,
}
