"""The state of a player: what plays, and the ways from one track to another.

The player's calls and the supervisor's findings meet here. It knows the queue, the feed of the
stream that plays, the output, and who listens to events.

Locks: `Playback.lock`, one re-entrant lock for each player, guards everything here and in the
`Feed`, the `Output` and the `Supervisor`; `Player` and `Supervisor` take it, the methods below
are called with it held. It is re-entrant because listeners to events are called with it held and
may call the player. `Playback.idle` is a condition on the same lock, told at every change of state.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

from zerocross.closing import keep_for_parent
from zerocross.devices.discovery import DeviceInfo
from zerocross.errors import SourceError, UsageError, ZerocrossError
from zerocross.loudness.replaygain import GainTags, gain_for
from zerocross.player.budget import Budget
from zerocross.player.feed import Feed, open_with_gain
from zerocross.player.notifications import Event, Events, Publisher
from zerocross.player.output import Output
from zerocross.player.queue import Queue, Track
from zerocross.sources.file import OpenSource, PathLike

__all__ = ["Playback"]

#: Tracks that are posted and not yet decoded: the one at work, and four ahead of it.
_AHEAD = 5


class Playback:
    """What plays.

    Parameters
    ----------
    output : Output
        Where it goes.
    replaygain : {"off", "track", "album"}
        Which of the files' gains is applied.
    events : Events
        Of the player; not kept alive, as its listeners may hold the player.

    Attributes
    ----------
    lock, idle
        See the module.
    state : str
        ``stopped``, ``playing`` or ``paused``.
    closed : bool
        Whether nothing will play any more.
    queue : Queue
        The tracks.
    feed : Feed or None
        Of the output's stream; None where there is none.

    """

    def __init__(self, output: Output, replaygain: str, events: Events) -> None:
        gain_for(GainTags(), replaygain)  # complains
        self.lock = threading.RLock()
        self.idle = threading.Condition(self.lock)
        self.state = "stopped"
        self.closed = False
        self.queue = Queue()
        self.events = Publisher(events)
        self.output = output
        self.feed: Feed | None = None
        self._replaygain = replaygain
        self._budget = Budget()

    @property
    def path(self) -> str:
        """The current track's path, or an empty string."""
        track = self.queue.current
        return track.path if track else ""

    def publish(self, kind: str, message: str = "") -> None:
        """Tell of an event that is about the current track."""
        self.events.publish(Event(kind, self.path, message))

    def set_state(self, state: str, event: str = "") -> None:
        """Be in a state, and tell it: with an event, if one is named, and to those who wait."""
        self.state = state
        if event:
            self.publish(event)
        self.idle.notify_all()

    def check_open(self) -> None:
        """Raise UsageError where the player is closed."""
        if self.closed:
            raise UsageError("the player is closed; make a new one")

    # --- from track to track ----------------------------------------------------------------

    def set_queue(self, paths: Iterable[PathLike], duration_s: float | None) -> None:
        """Leave the current track, and take other ones up."""
        self.leave_track()
        self.queue, self._budget = Queue(), Budget(duration_s)
        for path in paths:
            self.queue.append(path)
        if self.feed:
            self.feed.queue, self.feed.budget = self.queue, self._budget

    def begin(self, index: int, start_s: float) -> None:
        """Start with a track, or with the first after it that can be played.

        Raises
        ------
        SourceError
            The first one's, if none can be played.
        DeviceNotFound, DeviceError
            If the device cannot be opened.

        """
        first_error: SourceError | None = None
        while index < len(self.queue) and not self.closed:  # by a listener to errors
            self.queue.index = index
            try:
                source = self._open_track(index)
            except SourceError as error:
                first_error = first_error or error
                index += 1
                start_s = 0.0
                continue
            self.start(index, source, start_s)
            return
        self._end_stream()
        self.set_state("stopped", "finished")
        if first_error:
            raise first_error

    def start(self, index: int, source: OpenSource, start_s: float) -> None:
        """Play a track's open source, on another stream where that suits it better."""
        if self.feed and not self.output.suits(source):
            self._end_stream()
        candidates = None
        if self.feed is None:
            try:
                candidates = self.output.open_stream(source.sample_rate)
            except ZerocrossError:
                source.close()
                self.set_state("stopped", "stopped")
                raise
            self.feed = self._new_feed()
        feed = self.feed
        feed.jump(index, source, start_s)
        if self.feed is feed:
            feed.stream.set_playing(True)
            if feed.stream.device is None:
                self.open_device(candidates)
        if self.feed is feed:  # else a listener has stopped it meanwhile
            self.set_state("playing")

    def jump_to(self, index: int, seconds: float) -> None:
        """Go to a time in a track, with the file that is open if it still is.

        Raises
        ------
        SourceError
            If it has to be opened, and cannot be.

        """
        feed = self.feed
        if feed is None:
            raise UsageError("nothing is playing")
        source = feed.source_of(index)
        if source:
            feed.jump(index, source, seconds, reused=True)
        else:
            feed.jump(index, self._open_track(index), seconds)

    def leave_track(self) -> None:
        """Write on the current track that it is left early."""
        if self.feed:
            self.feed.leave()

    def _new_feed(self) -> Feed:
        return Feed(
            self.output.playing,
            self.queue,
            self._budget,
            open_track=self._open_track_or_pass_over,
            tell=self._tell_of_track,
            ahead=_AHEAD,
            suits=self.output.suits,
        )

    def _open_track(self, index: int) -> OpenSource:
        """Open a track's file; a failure is written on the track, told, and raised."""
        track = self.queue[index]
        try:
            source = open_with_gain(track.location, self._replaygain)
        except SourceError as error:
            track.status, track.error = "failed", error.reason
            self.events.publish(Event("error", track.path, str(error)))
            raise
        track.duration_s = source.duration_s
        return source

    def _open_track_or_pass_over(self, index: int) -> OpenSource | None:
        try:
            return self._open_track(index)
        except SourceError:
            return None

    def _tell_of_track(self, kind: str, track: Track, words: str) -> None:
        self.events.publish(Event(kind, track.path, f"{track.path}: {words}"))

    # --- stream and device ------------------------------------------------------------------

    def open_device(self, candidates: list[DeviceInfo] | None = None) -> None:
        """Open the output's device, and tell; stop where it cannot be opened."""
        try:
            notice = self.output.open_device(candidates)
        except ZerocrossError:
            self.output.playing.jump()
            self.close_stream()
            self.set_state("stopped", "stopped")
            raise
        if notice:
            self.events.publish(Event("notice", "", notice))
        self.events.publish(Event("device", "", f"playing on {self.output.device}"))

    def stop(self) -> None:
        """Fade out and stop; the queue and its current track stay."""
        if self.feed is None:
            return
        self.leave_track()
        self._end_stream()
        self.set_state("stopped", "stopped")

    def _end_stream(self) -> None:
        """Fade out what plays and let go of the stream; nothing of it is heard after."""
        if self.feed:
            self.output.fade_out()
            self.output.playing.jump()
            self.close_stream()

    def close_stream(self) -> None:
        """Close the stream and the files that it was fed; twice is once."""
        feed, self.feed = self.feed, None
        self.output.close()
        if feed:
            feed.close()

    def forget(self) -> None:
        """In a forked child: be closed, without touching what is the parent's."""
        self.lock = threading.RLock()  # another thread of the parent may hold the old one
        self.idle = threading.Condition(self.lock)
        if self.output.stream:
            self.output.stream.forget()
        keep_for_parent(self.feed, self.output.stream)
        self.feed = self.output.stream = None
        self.state, self.closed = "stopped", True
