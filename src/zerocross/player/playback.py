"""The state of a player: what plays, and the ways from one track to another.

The player's calls and the supervisor's findings meet here. It knows the queue, the feed of the
stream that plays, the output, and who listens to events. What asks a disk or a sound server runs on
threads that nobody waits for (`start`, `leaving`, `opener`); they come back here with what they got.

Locks: `Playback.lock`, one re-entrant lock for each player, guards everything here and in the
`Feed`, the `Output` and the `Supervisor`; `Player`, `Supervisor` and `Start` take it, the methods
below are called with it held unless they say otherwise; the `Queue` takes it for each change and tells
of it with it held. It is held for moments only, never over a
call that asks a disk or a sound server. It is re-entrant because listeners to events are called with
it held and may call the player. `Playback.idle` is a condition on the same lock, told at every
change of state.

Well over 300 lines: what shares the lock stands together.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from zerocross.closing import closed_error, keep_for_parent
from zerocross.devices.discovery import DeviceInfo
from zerocross.devices.miniaudio import Device
from zerocross.engine.file_stream import FileStream
from zerocross.errors import DeviceError, SourceError, UsageError
from zerocross.loudness.replaygain import GainTags, gain_for
from zerocross.player.budget import Budget
from zerocross.player.changes import Changes, running_loop
from zerocross.player.feed import Feed
from zerocross.player.leaving import Leaving
from zerocross.player.notifications import Event, Events, Publisher
from zerocross.player.opener import Opener, gain_of
from zerocross.player.output import Output
from zerocross.player.queue import Queue, Track
from zerocross.player.start import Reopening, Start
from zerocross.player.titles import Titles
from zerocross.sources.playlists import Entry
from zerocross.sources.source import OpenSource
from zerocross.sync import Signal
from zerocross.system.background import BackgroundCall

if TYPE_CHECKING:
    from zerocross.player.fed import Fed

__all__ = ["Playback"]

#: Tracks that are posted and not yet decoded: the one at work, and four ahead of it.
_AHEAD = 5
#: How long a call that is not to wait does: what is quick is then done when it returns.
_MOMENT_S = 0.04
#: How long a new stream waits for the one before it to let go of device and effects.
_LEFT_PATIENCE_S = 2.0
#: How long `close` waits for devices, disks and effects.
_CLOSE_PATIENCE_S = 1.5
#: So much later tags are read: what a start imports comes first, for one thread imports at a time.
_TAGS_AFTER_S = 0.3


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
    making : Lock
        Held while a stream is made and taken: the effects have one state. Before ``lock``.
    state : str
        What is wanted: ``stopped``, ``playing`` or ``paused``.
    turn : int
        Which beginning or stop this is: what comes too late is told by it.
    looking : int or None
        The turn at which a disk was asked what is to be played, until it has answered.
    held_up : str
        ``buffering`` or ``waiting`` while that cannot be; else empty.
    cut : tuple of (Track or None, float)
        The track that a time limit has ended last, and where, in seconds.
    closed : bool
        Whether nothing will play any more.
    queue : Queue
        The tracks.
    feed : Feed or None
        Of the output's stream; None where there is none.
    opener : Opener
        Of the tracks that come next.
    titles : Titles
        Of the tracks that are heard.
    starting : Start or None
        The way to sound that is under way; the one before, if there is one, is given up.
    opening : Start or None
        The one that opens a device for the stream that plays.
    reopening : Reopening or None
        The search for a device in place of a lost one.
    fed : PlayerFeed or None
        What a program feeds: while it is open, stream and device stay.
    news : Signal
        Raised when there is something for the supervisor to see.

    """

    def __init__(self, output: Output, replaygain: str, events: Events) -> None:
        gain_for(GainTags(), replaygain)  # complains
        self.lock = threading.RLock()
        self.idle = Changes(self.lock)
        self.making = threading.Lock()
        self.state, self.held_up = "stopped", ""
        self.closed = False
        self.news = Signal()
        self.cut: tuple[Track | None, float] = None, 0.0
        self._paused_at = 0.0
        self.events = Publisher(events)
        self.queue = Queue(
            self._follow_queue, self.lock, lambda: self.state != "stopped", self._tell_not_found
        )
        self.turn = 0
        self.looking: int | None = None
        self.titles = Titles(self._tell_tags, _TAGS_AFTER_S)
        self.output = output
        self.feed: Feed | None = None
        self.opener = Opener(replaygain, self.news.notify)
        self._starting: Start | None = None
        self.opening: Start | None = None
        self.reopening: Reopening | None = None
        self.fed: Fed | None = None
        self._left: list[Leaving] = []
        self._budget = Budget()
        self._takes_queue = False
        self._most_ahead_s: float | None = None

    @property
    def path(self) -> str:
        """The current track's path, or an empty string."""
        track = self.queue.current
        return track.path if track else ""

    @property
    def starting(self) -> Start | None:
        """See the class."""
        return self._starting

    @starting.setter
    def starting(self, start: Start | None) -> None:
        before, self._starting = self._starting, start
        if before and before is not start:
            before.give_up()

    @property
    def heard_state(self) -> str:
        """What is the case: the wanted state, or what holds it up."""
        if self.state == "playing" and self.reopening:
            return "waiting"
        return self.held_up or self.state

    def publish(self, kind: str, message: str = "") -> None:
        """Tell of an event that is about the current track."""
        self.events.publish(Event(kind, self.path, message))

    def set_state(self, state: str, event: str = "") -> None:
        """Be in a state, and tell it: with an event, if one is named, and to those who wait."""
        if state == "paused":
            self._paused_at = time.monotonic()
        self.state = state
        if state != "playing":
            self.held_up = ""
        if event:
            self.publish(event)
        self.idle.notify_all()
        self.news.notify()

    @property
    def is_idle(self) -> bool:
        """Whether nothing plays, nor is looked for to be played."""
        return self.state == "stopped" and self.looking != self.turn

    def wait_for_look(self) -> None:
        """Wait until a disk has told what is to be played: what is asked for next comes after that.

        Not in a listener, whose thread others may wait for.
        """
        if self.looking is not None and not self.events.is_telling:
            with self.lock:
                self.idle.wait_for(lambda: self.looking != self.turn)

    @property
    def paused_s(self) -> float | None:
        """How long the pause has lasted; None where it does not."""
        return time.monotonic() - self._paused_at if self.state == "paused" else None

    @property
    def may_wait(self) -> bool:
        """Whether the calling thread may wait: not in a listener, nor where an event loop runs."""
        return not (self.events.is_telling or running_loop())

    def check_open(self) -> None:
        """Raise UsageError where the player is closed."""
        if self.closed:
            raise closed_error("the player is closed; make a new one")

    # --- from track to track ----------------------------------------------------------------

    def limit(self, duration_s: float | None) -> None:
        """Play so many seconds from the next beginning on; None for no limit."""
        self._budget = Budget(duration_s)
        if self.feed:
            self.feed.budget = self._budget

    def set_queue(self, entries: Iterable[Entry]) -> None:
        """Leave the current track, and take other ones up."""
        self.leave_track()
        self._takes_queue = True
        try:
            self.queue.replace(entries)
        finally:
            self._takes_queue = False

    def _follow_queue(self, removed: Track | None) -> None:
        """Follow a change of the queue: post what follows anew, or leave a current track that was removed."""
        if self._takes_queue:
            return
        track = self.queue.current
        if removed is None or self.state == "stopped":
            if self.feed and self.starting is None:
                self.feed.follow_queue()
        elif track is None:
            self.stop(removed)
        else:
            self.leave_track(removed)
            self.turn_to(track)
        self.news.notify()

    def turn_to(self, track: Track, start_s: float = 0.0) -> None:
        """Go to a track, paused if it is."""
        state = self.state
        start = self.begin(track, start_s)
        self.set_state(state)
        self.give_a_moment(start)

    def begin(
        self,
        track: Track,
        start_s: float,
        source: OpenSource | None = None,
        strict: bool = False,
    ) -> Start:
        """Go to a track, or to the first after it that can be played; see `Start`.

        It is only begun: `wait_for` or `give_a_moment` wait for what comes of it.
        """
        self.turn += 1
        self.cut = None, 0.0
        self.queue.be_at(track)
        self.starting = start = Start(self, track, start_s, source, strict)
        self.set_state("playing")
        start.begin()
        return start

    def wait_for(self, start: Start) -> None:
        """Wait until it plays, for as long as disk and sound server answer; where one may wait.

        Raises
        ------
        SourceError
            The first one's, if none can be played.
        DeviceNotFound, DeviceError
            If the device cannot be opened.

        """
        if not self.may_wait:
            return
        start.is_awaited = True
        while self._is_worth_waiting(start):
            self.idle.wait(start.look_in_s)
        if start.error:
            raise start.error

    async def until_begun(self, start: Start) -> None:
        """Do the same in an event loop, without holding it. Without the lock."""
        start.is_awaited = True
        while self._is_worth_waiting(start):
            await self.idle.until(lambda: start.is_finished, start.look_in_s)
        if start.error:
            raise start.error

    def _is_worth_waiting(self, start: Start) -> bool:
        """Return whether a start is under way and what it waits for may answer soon."""
        if start.is_finished or start.patience_left_s > 0:
            return not start.is_finished
        if not start.waits_for_file:
            self._give_up(start)
        start.is_awaited = False  # told as buffering; it plays as soon as it can
        return False

    def _give_up(self, start: Start) -> None:
        with self.lock:
            if self.starting is start:
                self.starting = None
                self.leave_stream()
                self.set_state("stopped", "stopped")
        raise DeviceError(
            f"{self.output.wanted}: the sound server has not answered for {start.waited_s:.0f} s; "
            "restart it and play again, or choose another device (null plays without sound)"
        )

    @property
    def outlasts_a_start(self) -> bool:
        """Whether what played goes on while the file of what is to come is not open yet."""
        start, feed = self.starting, self.feed
        return bool(start and start.waits_for_file and feed and not feed.is_empty)

    def drop_what_was(self) -> None:
        """Let what played fade, and nothing follow it: the file of what is to come is late."""
        if self.feed and self.outlasts_a_start:
            self.feed.drop()

    def give_a_moment(self, start: Start) -> None:
        """Wait a moment for what was begun; what takes longer goes on without."""
        if self.may_wait:
            self.idle.wait_for(lambda: start.is_finished, _MOMENT_S)

    @property
    def position_s(self) -> float:
        """Seconds into the current track that have been heard, or where it will begin."""
        start, feed = self.starting, self.feed
        if self.state == "stopped":
            track, at_s = self.cut
            return at_s if track is self.queue.current else 0.0
        if start and (start.waits_for_file or feed is None):
            return start.start_s
        return feed.position_s if feed else 0.0

    def decoded_ahead_s(self) -> dict[str, float | None]:
        """Return how long a frozen interpreter would be survived now, and the longest so far."""
        now = self.feed.decoded_ahead_s if self.feed else None
        if now is not None:
            self._most_ahead_s = max(now, self._most_ahead_s or 0.0)
        return {"now": now, "most": self._most_ahead_s}

    def jump_to(self, track: Track, seconds: float) -> None:
        """Go to a time in a track, with the file that is open if it still is."""
        feed, source = self.feed, self.feed.source_of(track) if self.feed else None
        if feed and source and self.starting is None:
            feed.jump(track, source, seconds, reused=True)
        else:
            self.turn_to(track, seconds)

    def loop_track(self, track: Track, loop: tuple[float, float] | None) -> None:
        """Loop within the current track, or no more."""
        track.loop = loop
        at_s = self.feed.after_fade_s if self.feed else 0.0
        self.jump_to(track, loop[0] if loop and at_s >= loop[1] else at_s)

    def use_gain(self, replaygain: str) -> None:
        """Apply another of the files' gains, to what plays as well."""
        if replaygain == self.opener.replaygain:
            return
        self.opener.use_gain(replaygain)
        self._look_for_gain()

    def _look_for_gain(self) -> None:
        """Have a disk asked for the gain of what plays: it goes on meanwhile."""
        track, replaygain = self.queue.current, self.opener.replaygain
        if not (self.feed and track and self.starting is None):
            return
        location = track.location

        def look() -> None:
            gain = gain_of(location, replaygain)
            with self.lock:
                if self.opener.replaygain != replaygain or self.feed is None or self.starting:
                    return
                if self.queue.current is track:
                    self.feed.use_gain(track, gain)
                else:
                    self._look_for_gain()

        BackgroundCall(look, "zerocross-gain")

    def leave_track(self, track: Track | None = None) -> None:
        """Write on a track, or the current one, that it is left early."""
        if self.feed:
            self.feed.leave(track)

    def fail_track(self, track: Track, error: SourceError) -> None:
        """Write on a track that it cannot be played, and tell."""
        track.status, track.error = "failed", error.reason
        self.events.publish(Event("error", track.path, str(error)))

    def _open_track(self, track: Track) -> OpenSource | None:
        """Return a track's file, opened before; None where it cannot be played, which is told."""
        try:
            source = self.opener.take(track)
        except SourceError as error:
            self.fail_track(track, error)
            self.news.notify()  # for the next one
            return None
        track.duration_s = source.duration_s
        return source

    def _tell_not_found(self, problem: SourceError) -> None:
        self.events.publish(Event("error", problem.path, str(problem)))

    def _tell_of_track(self, kind: str, track: Track, words: str) -> None:
        text = words if kind == "tags" else f"{track.path}: {words}"
        self.events.publish(Event(kind, track.path, text))

    def _tell_tags(self, track: Track) -> None:
        """Tell of a track's tags, where it has some. Without the lock."""
        if track.has_tags:
            self.events.publish(Event("tags", track.path, track.known_as or track.path))

    # --- stream and device ------------------------------------------------------------------

    def take_stream(self, stream: FileStream, target: DeviceInfo) -> Feed:
        """Let a new stream, made for a device, be the one that plays."""
        stream.tell(self.news)
        stream.title = self.title_to_tell
        self.output.take_stream(stream, target)
        self.feed = Feed(
            stream,
            self.queue,
            self._budget,
            open_track=self._open_track,
            is_ready=lambda track: self.opener.is_ready(self.queue.upcoming(track, _AHEAD)),
            tell=self._tell_of_track,
            ahead=_AHEAD,
            suits=lambda source: self.fed is not None or self.output.suits(source),
        )
        return self.feed

    def silence_stream(self) -> None:
        """Drop the tracks that a stream has, and keep it for what is fed."""
        if self.feed:
            self.feed.stream.set_playing(False)
            self.feed.drop()

    def start_device(
        self, feed: Feed, device: Device, notice: str, is_wanted: Callable[[], bool]
    ) -> None:
        """Let an open device play a stream, if that is still wanted. Without the lock.

        Raises
        ------
        DeviceError
            If it refuses.

        """
        feed.stream.start_device(device)
        self.news.notify()
        with self.lock:
            if self.feed is not feed or not is_wanted():
                feed.stream.device = None
                device.close(0.0)
                return
            self.output.remember_device()
            if notice:
                self.events.publish(Event("notice", "", notice))
            if self.feed is feed:
                self.events.publish(Event("device", "", f"playing on {self.output.device}"))

    @property
    def title_to_tell(self) -> str:
        """What a sound server is told that plays: it keeps that, so it is told of one track only."""
        track = self.queue.current if len(self.queue) == 1 else None
        return (track.known_as or os.path.basename(track.path)) if track else ""

    @property
    def has_device(self) -> bool:
        """Whether the stream that plays has a device, or gets one."""
        feed = self.feed
        has_one = feed is not None and feed.stream.device is not None
        return has_one or self.opening is not None or self.reopening is not None

    def replace_device(self) -> str:
        """Let go of the stream's device and look for another; returns the name of the old one."""
        feed, name = self.feed, self.output.device
        if feed is None or feed.stream.device is None:
            return name
        lost, feed.stream.device = feed.stream.device, None
        feed.stream.release_client()
        self.reopening = Reopening(self, feed, lost)
        self.reopening.begin()
        return name

    def stop(self, track: Track | None = None) -> None:
        """Fade out and stop; the queue and its current track stay, but for one that was removed."""
        self.turn += 1
        self.cut = None, 0.0
        if self.feed is None and self.starting is None:
            return
        self.starting = None
        self.leave_track(track)
        if self.fed and self.has_device:
            self.silence_stream()
            self.set_state("stopped", "stopped")
            return
        left = self.leave_stream()
        self.set_state("stopped", "stopped")
        if left and self.may_wait:
            left.quiet.wait(_MOMENT_S if left.stream.device is None else 2.5 * _MOMENT_S)

    def leave_stream(self, is_hung: bool = False) -> Leaving | None:
        """Let what plays fade, and let go of stream, device and files, without waiting."""
        feed, self.feed, self.reopening = self.feed, None, None
        if feed:
            feed.is_left = True
        self.opener.close()
        stream = self.output.leave_stream()
        if stream is None:
            return None
        if stream.feed:
            stream.feed.hush()
        self.settle()
        left = Leaving(stream, feed, is_hung)
        self._left.append(left)
        return left

    def settle(self) -> None:
        """Add up what the streams counted that have let go of everything."""
        for left in [each for each in self._left if each.is_done]:
            self._left.remove(left)
            self.output.settle(left.stream)

    def wait_for_the_left(self) -> None:
        """Wait until the streams before have let go of device and effects. Without the lock."""
        deadline = time.monotonic() + _LEFT_PATIENCE_S
        for left in self._left:
            if left.is_hung:
                raise UsageError("an effect hangs; make a new player without it")
            for event in (left.quiet, left.device_gone):
                event.wait(max(0.0, deadline - time.monotonic()))

    def wait_for_the_end(self) -> None:
        """Wait until nothing is held any more, as far as devices and disks answer. Without the lock."""
        deadline = time.monotonic() + _CLOSE_PATIENCE_S
        for left in self._left:
            left.wait(max(0.0, deadline - time.monotonic()))
        self.titles.wait(max(0.0, deadline - time.monotonic()))

    def forget(self) -> None:
        """In a forked child: be closed, without touching what is the parent's."""
        self.lock = threading.RLock()  # another thread of the parent may hold the old one
        self.idle = Changes(self.lock)
        self.making = threading.Lock()
        self.queue.use_lock(self.lock)
        self.titles = Titles(self._tell_tags, _TAGS_AFTER_S)
        if self.output.stream:
            self.output.stream.forget()
        keep_for_parent(self.feed, self.output.stream, self._left, self.opener, self.starting)
        self.feed = self.output.stream = self._starting = self.reopening = None
        self._left = []
        self.state, self.held_up, self.closed = "stopped", "", True
