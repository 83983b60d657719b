"""The queue: the tracks of a player, in order, and what became of each.

Locks: a player's queue has that player's lock; every change, and what reads two things, takes it.
The player is told of a change with the lock held. A change costs what moving references in a list
costs, and opens no file; looking for a track begins where the current one is.

Over 300 lines, most of them docstrings.
"""

from __future__ import annotations

import dataclasses
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from zerocross.attributes import FixedAttributes
from zerocross.errors import SourceError, UsageError
from zerocross.files import PathLike
from zerocross.player.expanding import expanded
from zerocross.player.saved_queue import read_queue, write_queue
from zerocross.player.shuffling import shuffled
from zerocross.sources.location import Location, Playable, as_location, is_location, title_of
from zerocross.sources.playlists import Entry
from zerocross.sources.tags import Tags, tags_of
from zerocross.units import checked_whole, shown

__all__ = ["Queue", "Track", "check_paths"]

_REPEATS = ("off", "one", "all")
#: Tracks after the current one among which one is looked for first: those that are posted ahead.
_NEAR = 64
_LARGEST_SEED = 1 << 64


@dataclasses.dataclass(eq=False)
class Track:
    """A source in the queue.

    `tags` and `title` read the file the first time that they are asked for, if the player has not
    done so; what plays is read on a thread of its own as soon as it is heard.

    Attributes
    ----------
    location : Location
        Where it is: a path, a URL, `Samples`, an open file.
    status : str
        ``waiting``, ``playing``, ``played`` (to its end), ``skipped`` (left early),
        ``truncated`` (the file ended early), ``failed``.
    frames : int
        Frames of the file that were played, since the last seek.
    error : str or None
        What was wrong, in words.
    duration_s : float or None
        Length in seconds, known once it was opened.
    loop : tuple of (float, float) or None
        The times in seconds that are played again and again; see `Player.loop_between`.
    listed_as : str
        What a playlist calls it.
    sent_as : str
        What radio says is on: the song, or the station's name; it changes while it plays.

    """

    location: Location
    status: str = "waiting"
    frames: int = 0
    error: str | None = None
    duration_s: float | None = None
    loop: tuple[float, float] | None = None
    listed_as: str = ""
    sent_as: str = ""
    _tags: Tags | None = None

    @property
    def tags(self) -> Tags:
        """What the file says of itself; all empty where that cannot be read."""
        if self._tags is None:
            self._tags = tags_of(self.location)
        return self._tags

    @property
    def has_tags(self) -> bool:
        """Whether the tags are read, and not empty."""
        return self._tags is not None and self._tags != Tags()

    @property
    def title(self) -> str:
        """For people: what is on, the title of its tags, what a playlist calls it, or the file's name."""
        return self.sent_as or self.tags.title or self.listed_as or os.path.basename(self.path)

    @property
    def known_as(self) -> str:
        """What is on, ``Artist - Title`` or what a playlist calls it, as far as that is known without a look."""
        return self.sent_as or (str(self._tags) if self._tags else "") or self.listed_as

    @property
    def path(self) -> str:
        """The location as text fit for printing."""
        return title_of(self.location)

    def as_report(self) -> dict[str, object]:
        """Return the track's entry in a report."""
        return {
            "path": self.path,
            "frames": self.frames,
            "status": self.status,
            "error": self.error,
        }


def check_paths(*paths: Playable | Entry) -> None:
    """Raise UsageError for what can be no location; see `sources.location.as_location`."""
    for path in paths:
        if not isinstance(path, Entry):
            as_location(path)


class Queue(FixedAttributes):
    """The tracks of a player; they may be changed while it plays, from any control thread.

    What plays is not disturbed by a change elsewhere, and what follows it is what the queue says at
    that time. Where the current track is removed, the player goes to the one after it.

    Parameters
    ----------
    changed : callable
        Called after every change, with the current track if that was removed, else with None.
    lock : RLock or None
        Held for every change; None for one of its own.
    plays : callable
        Whether the current track is being played.
    tell : callable
        Called for what cannot be found, where other things were.

    """

    def __init__(
        self,
        changed: Callable[[Track | None], object] = lambda _: None,
        lock: threading.RLock | None = None,
        plays: Callable[[], bool] = lambda: False,
        tell: Callable[[SourceError], object] = lambda _: None,
    ) -> None:
        self._changed, self._plays, self._tell = changed, plays, tell
        self._lock: Any = lock or threading.RLock()
        self._tracks: list[Track] = []
        self._in_order: list[Track] | None = None  # as it was before it was shuffled
        self._index = 0
        self._found = 0  # where a track was looked for last
        self._repeat = "off"

    def use_lock(self, lock: Any) -> None:
        """Use another lock from here on, in a forked child."""
        self._lock = lock

    # --- looking ----------------------------------------------------------------------------

    @property
    def index(self) -> int:
        """Of the current track: from 0 to the number of tracks, which means after the last.

        While nothing plays it may be set: `Player.play` begins there. `Player.go_to` plays another
        track at once.
        """
        return self._index

    @index.setter
    def index(self, value: int) -> None:
        with self._lock:
            index = checked_whole("index", value, 0, len(self._tracks))
            if index != self._index and self._plays():
                raise UsageError(f"it plays; go_to({index}) of the player goes to another track")
            self._index = index

    @property
    def current(self) -> Track | None:
        """The track that is heard, or would be."""
        with self._lock:
            return self._tracks[self._index] if self._index < len(self._tracks) else None

    @property
    def repeat(self) -> str:
        """What follows the end: ``off``, ``one`` (the same track) or ``all`` (the first one)."""
        return self._repeat

    @repeat.setter
    def repeat(self, value: str) -> None:
        if not isinstance(value, str) or value not in _REPEATS:
            raise UsageError(f"repeat={shown(value)}: give 'off', 'one' or 'all'")
        with self._lock:
            self._repeat = value
            self._changed(None)

    @property
    def is_shuffled(self) -> bool:
        """Whether `unshuffle` would bring another order back."""
        return self._in_order is not None

    def __repr__(self) -> str:
        return f"<Queue: {len(self)} tracks, index {self._index}, repeat {self._repeat}>"

    def __len__(self) -> int:
        return len(self._tracks)

    def __iter__(self) -> Iterator[Track]:
        return iter(list(self._tracks))

    def __getitem__(self, index: int) -> Track:
        return self._tracks[index]

    # --- changes ----------------------------------------------------------------------------

    def append(self, location: Playable | Entry) -> Track:
        """Add a source at the end; returns its track, or the first one of a directory or a list.

        Directories, playlists and cue sheets become what is in them, here and below; to find that,
        a disk is asked and waited for; one that says nothing, for a second.

        Raises
        ------
        UsageError
            For what can be no source.
        SourceError
            For a directory or list in which nothing is found.

        """
        return self.extend([location])[0]

    def extend(self, locations: Iterable[Playable | Entry]) -> list[Track]:
        """Add files at the end, all or none of them; returns their tracks."""
        tracks = self._made(locations, "extend")
        with self._lock:
            self._tracks += tracks
            if self._in_order is not None:
                self._in_order += tracks
            if tracks:
                self._changed(None)
            return tracks

    def insert(self, index: int, location: Playable | Entry) -> Track:
        """Add a source before the track at an index, as a list does; returns as `append`."""
        tracks = self._made([location])
        with self._lock:
            count = len(self._tracks)
            place = checked_whole("index", index, -count, count)
            for k, track in enumerate(tracks, place if place >= 0 else place + count):
                self._put(k, track)
            self._changed(None)
            return tracks[0]

    def remove(self, index: int) -> Track:
        """Take a track out; returns it. Where it is the current one, the one after it is next."""
        with self._lock:
            place = self._place(index)
            track = self._tracks.pop(place)
            if self._in_order is not None:
                self._in_order.remove(track)
            is_current = place == self._index
            self._index -= place < self._index
            if is_current and self._index == len(self._tracks) and self._repeat == "all":
                self._index = 0
            self._changed(track if is_current else None)
            return track

    def move(self, index: int, to: int) -> None:
        """Take a track to another index; the current track stays the current one."""
        with self._lock:
            place, goal = self._place(index), self._place(to)
            current = self._begun
            self._tracks.insert(goal, self._tracks.pop(place))
            if current:
                self.be_at(current)
            self._changed(None)

    def clear(self) -> None:
        """Take all tracks out; what plays stops."""
        self.replace([])

    def replace(self, locations: Iterable[Playable | Entry]) -> None:
        """Have other tracks, all or none of them; where one was playing, the first of them is next."""
        tracks = self._made(locations, "replace")
        with self._lock:
            current = self.current
            self._tracks, self._in_order, self._index = tracks, None, 0
            self._changed(current)

    def shuffle(self, seed: int | None = None, by: str = "track") -> None:
        """Put the tracks into a random order; what plays goes on, and the others follow it.

        Parameters
        ----------
        seed : int or None
            The same one gives the same order of the same tracks, however they are shuffled now.
        by : {"track", "album"}
            ``album`` shuffles albums and keeps their tracks in order. An album is what the tags
            say, where they were read already, else a folder: no file is opened for it.

        """
        if not isinstance(by, str) or by not in {"track", "album"}:
            raise UsageError(f"by={shown(by)}: give 'track' or 'album'")
        if seed is not None:
            seed = checked_whole("seed", seed, -_LARGEST_SEED, _LARGEST_SEED)
        with self._lock:
            in_order = self._in_order or list(self._tracks)
            current = self.current if self._plays() else None
            self._in_order = in_order
            self._reorder(shuffled(in_order, seed, by, current), current)

    def unshuffle(self) -> None:
        """Bring the order back that was before `shuffle`; tracks added since are where they were put."""
        with self._lock:
            if self._in_order is not None:
                in_order, self._in_order = self._in_order, None
                self._reorder(in_order, self.current)

    def save(self, path: PathLike) -> None:
        """Write the queue as a playlist (``.m3u8``, ``.m3u``): whole, or not at all.

        Files below the playlist's folder are named from there, others in full, with length and title
        where they are known. Of what plays nothing is written.

        Raises
        ------
        UsageError
            For a track that is no file and no URL, and a playlist that cannot be written.

        """
        write_queue(path, self)

    def load(self, path: PathLike) -> None:
        """Have the tracks of a playlist in place of those here, as `replace`: all, or none of them.

        Raises
        ------
        SourceError
            If it cannot be read.

        """
        self.replace(read_queue(path))

    # --- for the player -----------------------------------------------------------------------

    def after(self, track: Track) -> Track | None:
        """Return the track after one, as a listener goes on: ``one`` does not hold it."""
        place = self.find(track)
        if place is None:
            return None
        if place + 1 < len(self._tracks):
            return self._tracks[place + 1]
        return self._tracks[0] if self._repeat == "all" else None

    def before(self, track: Track) -> Track | None:
        """Return the track before one; see `after`."""
        place = self.find(track)
        if place is None or (place == 0 and self._repeat != "all"):
            return None
        return self._tracks[place - 1]

    def following(self, track: Track) -> Track | None:
        """Return what follows a track when it has ended."""
        return track if self._repeat == "one" else self.after(track)

    def upcoming(self, track: Track, count: int) -> list[Track]:
        """Return a track and those that follow it, so many at most."""
        found: list[Track] = []
        following: Track | None = track
        while following and following not in found and len(found) < count:
            found.append(following)
            following = self.following(following)
        return found

    def find(self, track: Track) -> int | None:
        """Return a track's index; None where it is not there any more."""
        for place in (self._index, max(0, self._found - 1)):
            for near in range(place, min(place + _NEAR, len(self._tracks))):
                if self._tracks[near] is track:
                    self._found = near
                    return near
        try:
            self._found = self._tracks.index(track)
        except ValueError:
            return None
        return self._found

    def be_at(self, track: Track) -> None:
        """Let a track be the current one, if it is still there."""
        place = self.find(track)
        if place is not None:
            self._index = place

    def put_after(self, track: Track, location: Location) -> Track:
        """Add what belongs behind a track, if it is not there yet; returns it. Nobody is told."""
        place = self.find(track)
        behind = len(self._tracks) if place is None else place + 1
        if behind < len(self._tracks) and self._tracks[behind].location == location:
            return self._tracks[behind]
        made = Track(location)
        self._put(behind, made)
        return made

    # --- within -------------------------------------------------------------------------------

    def _made(self, locations: Iterable[Playable | Entry], what: str = "") -> list[Track]:
        """Return the tracks of sources, given to a method. Without the lock: a disk may be asked."""
        if is_location(locations) or not isinstance(locations, Iterable):
            raise UsageError(f"{what}({shown(locations)}): give a list of files, or use append")
        entries, problems = expanded(list(locations))
        if problems and not entries:
            raise problems[0]
        for problem in problems:
            self._tell(problem)
        return [Track(entry.location, listed_as=entry.title) for entry in entries]

    def _place(self, index: int) -> int:
        count = len(self._tracks)
        if not count:
            raise UsageError(f"index {shown(index)}: the queue is empty")
        return range(count)[checked_whole("index", index, -count, count - 1)]

    @property
    def _begun(self) -> Track | None:
        """The current track, but None before the first: then whichever is first is current."""
        return None if self._index == 0 and not self._plays() else self.current

    def _put(self, place: int, track: Track) -> None:
        if self._in_order is not None:
            before = self._in_order.index(self._tracks[place - 1]) + 1 if place else 0
            self._in_order.insert(before, track)
        self._index += place < self._index or (place == self._index and self._begun is not None)
        self._tracks.insert(place, track)

    def _reorder(self, tracks: list[Track], current: Track | None) -> None:
        self._tracks = list(tracks)
        self._index = self._tracks.index(current) if current else 0
        self._changed(None)
