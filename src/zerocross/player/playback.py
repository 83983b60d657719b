"""The state of a player: what plays, and the ways from one track to another.

The player's calls and the supervisor's findings meet here. It knows the queue, the feed of the
stream that plays, the output, and who listens to events. What asks a disk or a sound server runs on
threads that nobody waits for (`start`, `leaving`, `opener`); they come back here with what they got.

Locks: `Playback.lock`, one re-entrant lock for each player, guards everything here and in the
`Feed`, the `Output` and the `Supervisor`; `Player`, `Supervisor` and `Start` take it, the methods
below are called with it held unless they say otherwise. It is held for moments only, never over a
call that asks a disk or a sound server. It is re-entrant because listeners to events are called with
it held and may call the player. A little over 300 lines: what shares the lock stands together.
`Playback.idle` is a condition on the same lock, told at every change
of state.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

from zerocross.closing import keep_for_parent
from zerocross.devices.discovery import DeviceInfo
from zerocross.devices.miniaudio import Device
from zerocross.engine.file_stream import FileStream
from zerocross.errors import DeviceError, SourceError, UsageError
from zerocross.files import PathLike
from zerocross.loudness.replaygain import GainTags, gain_for
from zerocross.player.budget import Budget
from zerocross.player.feed import Feed
from zerocross.player.leaving import Leaving
from zerocross.player.notifications import Event, Events, Publisher
from zerocross.player.opener import Opener
from zerocross.player.output import Output
from zerocross.player.queue import Queue, Track
from zerocross.player.start import Reopening, Start
from zerocross.sources.file import OpenSource
from zerocross.sync import Signal

__all__ = ["Playback"]

#: Tracks that are posted and not yet decoded: the one at work, and four ahead of it.
_AHEAD = 5
#: How long a call that is not to wait does: what is quick is then done when it returns.
_MOMENT_S = 0.04
#: How long a new stream waits for the one before it to let go of device and effects.
_LEFT_PATIENCE_S = 2.0
#: How long `close` waits for devices, disks and effects.
_CLOSE_PATIENCE_S = 1.5


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
    held_up : str
        ``buffering`` or ``waiting`` while that cannot be; else empty.
    closed : bool
        Whether nothing will play any more.
    queue : Queue
        The tracks.
    feed : Feed or None
        Of the output's stream; None where there is none.
    opener : Opener
        Of the tracks that come next.
    starting : Start or None
        The way to sound that is under way.
    opening : Start or None
        The one that opens a device for the stream that plays.
    reopening : Reopening or None
        The search for a device in place of a lost one.
    news : Signal
        Raised when there is something for the supervisor to see.

    """

    def __init__(self, output: Output, replaygain: str, events: Events) -> None:
        gain_for(GainTags(), replaygain)  # complains
        self.lock = threading.RLock()
        self.idle = threading.Condition(self.lock)
        self.making = threading.Lock()
        self.state, self.held_up = "stopped", ""
        self.closed = False
        self.news = Signal()
        self._paused_at = 0.0
        self.queue = Queue(self.news.notify)
        self.events = Publisher(events)
        self.output = output
        self.feed: Feed | None = None
        self.opener = Opener(replaygain, _AHEAD, self.news.notify)
        self.starting: Start | None = None
        self.opening: Start | None = None
        self.reopening: Reopening | None = None
        self._left: list[Leaving] = []
        self._budget = Budget()

    @property
    def path(self) -> str:
        """The current track's path, or an empty string."""
        track = self.queue.current
        return track.path if track else ""

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
    def paused_s(self) -> float | None:
        """How long the pause has lasted; None where it does not."""
        return time.monotonic() - self._paused_at if self.state == "paused" else None

    def check_open(self) -> None:
        """Raise UsageError where the player is closed."""
        if self.closed:
            raise UsageError("the player is closed; make a new one")

    # --- from track to track ----------------------------------------------------------------

    def set_queue(self, paths: Iterable[PathLike], duration_s: float | None) -> None:
        """Leave the current track, and take other ones up."""
        self.leave_track()
        self.queue, self._budget = Queue(self.news.notify), Budget(duration_s)
        for path in paths:
            self.queue.append(path)
        if self.feed:
            self.feed.queue, self.feed.budget = self.queue, self._budget

    def begin(
        self, index: int, start_s: float, source: OpenSource | None = None, strict: bool = False
    ) -> Start:
        """Go to a track, or to the first after it that can be played; see `Start`.

        It is only begun: `wait_for` or `give_a_moment` wait for what comes of it.
        """
        self.queue.index = index
        self.starting = start = Start(self, index, start_s, source, strict)
        self.set_state("playing")
        start.begin()
        return start

    def wait_for(self, start: Start) -> None:
        """Wait until it plays, for as long as disk and sound server answer; not in a listener.

        Raises
        ------
        SourceError
            The first one's, if none can be played.
        DeviceNotFound, DeviceError
            If the device cannot be opened.

        """
        if self.events.is_telling:
            return
        start.is_awaited = True
        while not start.is_finished:
            left = start.patience_left_s
            if left <= 0 and start.waits_for_file:
                start.is_awaited = False  # told as buffering; it plays as soon as it can
                return
            if left <= 0:
                self._give_up(start)
            self.idle.wait(min(max(left, 0.001), 1.0))
        if start.error:
            raise start.error

    def _give_up(self, start: Start) -> None:
        if self.starting is start:
            self.starting = None
            self.leave_stream()
            self.set_state("stopped", "stopped")
        raise DeviceError(
            f"{self.output.wanted}: the sound server has not answered for {start.waited_s:.0f} s; "
            "restart it and play again, or choose another device (null plays without sound)"
        )

    def give_a_moment(self, start: Start) -> None:
        """Wait a moment for what was begun; what takes longer goes on without."""
        if not self.events.is_telling:
            self.idle.wait_for(lambda: start.is_finished, _MOMENT_S)

    def jump_to(self, index: int, seconds: float) -> None:
        """Go to a time in a track, with the file that is open if it still is."""
        feed, source = self.feed, self.feed.source_of(index) if self.feed else None
        if feed and source and self.starting is None:
            feed.jump(index, source, seconds, reused=True)
        else:
            state = self.state
            start = self.begin(index, seconds)
            self.set_state(state)
            self.give_a_moment(start)

    def leave_track(self) -> None:
        """Write on the current track that it is left early."""
        if self.feed:
            self.feed.leave()

    def fail_track(self, track: Track, error: SourceError) -> None:
        """Write on a track that it cannot be played, and tell."""
        track.status, track.error = "failed", error.reason
        self.events.publish(Event("error", track.path, str(error)))

    def _open_track(self, index: int) -> OpenSource | None:
        """Return a track's file, opened before; None where it cannot be played, which is told."""
        track = self.queue[index]
        try:
            source = self.opener.take(track)
        except SourceError as error:
            self.fail_track(track, error)
            return None
        track.duration_s = source.duration_s
        return source

    def _tell_of_track(self, kind: str, track: Track, words: str) -> None:
        self.events.publish(Event(kind, track.path, f"{track.path}: {words}"))

    # --- stream and device ------------------------------------------------------------------

    def take_stream(self, stream: FileStream, target: DeviceInfo) -> Feed:
        """Let a new stream, made for a device, be the one that plays."""
        stream.tell(self.news)
        self.output.take_stream(stream, target)
        self.feed = Feed(
            stream,
            self.queue,
            self._budget,
            open_track=self._open_track,
            is_ready=lambda index: self.opener.is_ready(self.queue, index),
            tell=self._tell_of_track,
            ahead=_AHEAD,
            suits=self.output.suits,
        )
        return self.feed

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

    def stop(self) -> None:
        """Fade out and stop; the queue and its current track stay."""
        if self.feed is None and self.starting is None:
            return
        self.starting = None
        self.leave_track()
        left = self.leave_stream()
        self.set_state("stopped", "stopped")
        if left:
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

    def forget(self) -> None:
        """In a forked child: be closed, without touching what is the parent's."""
        self.lock = threading.RLock()  # another thread of the parent may hold the old one
        self.idle = threading.Condition(self.lock)
        self.making = threading.Lock()
        if self.output.stream:
            self.output.stream.forget()
        keep_for_parent(self.feed, self.output.stream, self._left, self.opener, self.starting)
        self.feed = self.output.stream = self.starting = self.reopening = None
        self._left = []
        self.state, self.held_up, self.closed = "stopped", "", True
