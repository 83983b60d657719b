"""From a call to sound: a file is opened, a stream made, a device opened, with nobody waiting.

A start runs on a thread of its own. It asks the disk and the sound server without the player's lock,
and takes the lock for a moment to do what follows, if it is still the start that is wanted: a later
call has another one, and this one then gives back what it holds. `Reopening` does the same for a
stream whose device was lost.

Locks: `Playback.lock`, taken here.

A little over 300 lines: a start and a reopening take the same steps.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from zerocross.devices.discovery import DeviceInfo
from zerocross.devices.miniaudio import Device, load_callbacks
from zerocross.engine.file_stream import FileStream
from zerocross.errors import SourceError, UsageError, ZerocrossError
from zerocross.player.feed import Feed
from zerocross.player.queue import Track
from zerocross.sources.source import OpenSource
from zerocross.system.background import BackgroundCall, Interruption

if TYPE_CHECKING:
    from zerocross.player.playback import Playback

__all__ = ["Reopening", "Start"]

_FILE, _DEVICE, _WORK = "file", "device", "work"
#: How long `Player.play` waits for a disk, and for a sound server, in seconds.
_PATIENCE_S = {_FILE: 1.0, _DEVICE: 5.0}
_AGAIN_S = 0.5

_log = logging.getLogger(__name__)


class Start:
    """A way to sound, begun.

    Parameters
    ----------
    playback : Playback
        Whose; its lock is held while this is made.
    track : Track
        What to begin with; or the first after it that can be played.
    start_s : float
        Where in it, in seconds.
    source : OpenSource or None
        Its file, where that is open.
    strict : bool
        Whether a beginning after the track's end is an error; else the end is meant.
    silent_at : int
        A rate in Hz, for a stream that plays no track but what a program feeds; else 0.

    Attributes
    ----------
    start_s : float
        Where it begins, in seconds.
    error : Exception or None
        Why there is no sound.
    is_finished : bool
        Whether it has come to an end, one way or the other.
    is_awaited : bool
        Whether a caller waits for it, to whom errors will be raised.

    """

    def __init__(
        self,
        playback: Playback,
        track: Track,
        start_s: float,
        source: OpenSource | None = None,
        strict: bool = False,
        silent_at: int = 0,
    ) -> None:
        self._playback, self._track = playback, track
        self.start_s = start_s
        self._passed_s = 0.0  # of the same file, in parts before
        self._source, self._strict, self._silent_at = source, strict, silent_at
        self._feed: Feed | None = None  # of the stream that it made
        self._opening = Interruption()
        self.error: Exception | None = None
        self.is_finished = self.is_awaited = False
        self._now(_WORK if silent_at else _FILE)

    def begin(self) -> None:
        """Start the thread."""
        BackgroundCall(self._run, "zerocross-start")

    def give_up(self) -> None:
        """Open no file any more: another start is wanted, or none. A server that is waited for is left."""
        self._opening.interrupt()

    # --- for those who wait -----------------------------------------------------------------

    def _now(self, what: str) -> None:
        self._waits_for, self._since = what, time.monotonic()
        self._playback.news.notify()

    @property
    def holds_up(self) -> str:
        """The state that it would be told as: ``buffering``, ``waiting``, or empty."""
        return {_FILE: "buffering", _DEVICE: "waiting"}.get(self._waits_for, "")

    @property
    def waited_s(self) -> float:
        """For how long it has waited for the disk or the sound server; 0 where it works itself."""
        return 0.0 if self._waits_for == _WORK else time.monotonic() - self._since

    @property
    def patience_left_s(self) -> float:
        """How long a caller is to wait yet."""
        return _PATIENCE_S.get(self._waits_for, 60.0) - self.waited_s

    @property
    def look_in_s(self) -> float:
        """When a caller is to look at it again at the latest."""
        return min(max(self.patience_left_s, 0.001), 1.0)

    @property
    def waits_for_file(self) -> bool:
        """Whether the disk is what it waits for."""
        return self._waits_for == _FILE

    # --- on its thread ----------------------------------------------------------------------

    def _run(self) -> None:
        playback = self._playback
        try:
            if self._silent_at:
                self._play_on_a_new_stream(None)
                return
            source = self._source or self._open_first()
            if source and not self._join(source):
                self._play_on_a_new_stream(source)
        except ZerocrossError as error:
            self.error = error
        except Exception as error:  # noqa: BLE001  raised where it is waited for
            _log.exception("a start failed")
            self.error = error
        finally:
            with playback.lock:
                self._finish()

    def _finish(self) -> None:
        playback = self._playback
        has_been_joined = playback.feed is self._feed is not None and playback.starting is None
        if playback.opening is self:
            playback.opening = None
        if playback.starting is self or has_been_joined:
            playback.starting = None
            if self.error and playback.state != "stopped":
                playback.leave_stream()
                if not self.is_awaited:
                    playback.publish("error", str(self.error))
                if playback.starting is None:  # else a listener has begun something else
                    playback.set_state("stopped", "stopped")
            elif self.error and self._silent_at:
                playback.leave_stream()
            elif playback.feed:
                playback.feed.revise()  # the queue may have changed since it was joined
        self.is_finished = True
        playback.idle.notify_all()
        playback.news.notify()

    @property
    def _is_wanted(self) -> bool:
        return self._playback.starting is self

    def _open_first(self) -> OpenSource | None:
        """Open the first track from the index on that can be played; None where that is over."""
        playback, first_error = self._playback, None
        following: Track | None = self._track
        while True:
            with playback.lock:
                if not self._is_wanted or following is None:
                    break
                self._track = track = following
                playback.queue.be_at(track)
            self._now(_FILE)
            try:
                source = playback.opener.take(track, self._opening)
            except SourceError as error:
                if self._opening.was_asked:
                    return None
                first_error = first_error or error
                with playback.lock:
                    if self._is_wanted:
                        playback.fail_track(track, error)
                    following = self._after_failed(track)
                self.start_s = 0.0
                continue
            track.duration_s = source.duration_s
            if self._is_before_start(source):
                following = self._track
                continue
            self._check_start(source)
            return source
        with playback.lock:
            if self._is_wanted:
                playback.leave_stream()
                playback.set_state("stopped", "finished")
        if first_error:
            raise first_error
        return None

    def _after_failed(self, track: Track) -> Track | None:
        """Return the next one that is not known to fail."""
        queue = self._playback.queue
        following = queue.after(track)
        for _ in range(len(queue)):
            if following is None or following.status != "failed":
                return following
            following = queue.after(following)
        return None

    def _check_start(self, source: OpenSource) -> None:
        """Raise UsageError for a beginning at the track's end or after it."""
        length = source.duration_s
        if self._strict and length is not None and self.start_s >= length:
            source.close()
            raise UsageError(
                f"start_s={self._passed_s + self.start_s:g} is not within {source.path}: it has "
                f"{self._passed_s + length:.2f} s; give less"
            )

    def _is_before_start(self, source: OpenSource) -> bool:
        """Pass over a part of a chained file that ends before the start; returns whether it does."""
        length = source.duration_s
        if not self._strict or source.rest is None or length is None or self.start_s < length:
            return False
        source.close()
        with self._playback.lock:
            if self._is_wanted:
                self._track.status = "skipped"
                self._track = self._playback.queue.put_after(self._track, source.rest)
        self.start_s -= length
        self._passed_s += length
        return True

    def _join(self, source: OpenSource) -> bool:
        """Play it on the stream that is there, if it suits; returns whether all is done."""
        playback = self._playback
        with playback.lock:
            feed = playback.feed
            playback.held_up = ""
            self._now(_WORK)  # what the stream has from here on is its own
            if not self._is_wanted:
                source.close()
                return True
            if feed and playback.has_device and self._suits(source, feed):
                feed.jump(self._track, source, self.start_s)
                if playback.feed is feed:
                    feed.stream.set_playing(playback.state == "playing")
                return True
            playback.leave_stream()
        return False

    def _suits(self, source: OpenSource, feed: Feed) -> bool:
        stream = feed.stream
        is_stuck = stream.is_reading and not stream.is_starved
        return self._playback.output.suits(source) and not is_stuck

    def _play_on_a_new_stream(self, source: OpenSource | None) -> None:
        playback, output = self._playback, self._playback.output
        try:
            self._now(_WORK)
            load_callbacks()
            self._now(_DEVICE)
            playback.wait_for_the_left()
            candidates = output.find_devices()
            self._now(_WORK)
            with playback.making:
                feed = self._take_a_new_stream(source, candidates)
        except BaseException:
            if source:
                source.close()
            raise
        if feed is None:
            return
        self._now(_DEVICE)
        device, notice = output.open_device(feed.stream, candidates)
        # Wanted as long as the stream is, which another start may have joined meanwhile.
        playback.start_device(feed, device, notice, lambda: True)

    def _take_a_new_stream(
        self, source: OpenSource | None, candidates: list[DeviceInfo]
    ) -> Feed | None:
        """Make a stream and let it be the one that plays; None if nobody wants it any more."""
        playback = self._playback
        rate = source.sample_rate if source else self._silent_at
        stream = playback.output.make_stream(rate, candidates) if self._is_wanted else None
        with playback.lock:
            if stream is None or not self._is_wanted:
                for each in (stream, source):
                    if each:
                        each.close()
                return None
            feed = self._feed = playback.take_stream(stream, candidates[0])
            playback.opening = self
            if source:
                feed.jump(self._track, source, self.start_s)
            if playback.feed is not feed:
                return None
            stream.set_playing(playback.state == "playing")
        return feed


class Reopening:
    """The search for a device in place of one that was lost, until there is one.

    Parameters
    ----------
    playback : Playback
        Whose; its lock is held while this is made.
    feed : Feed
        Of the stream that has lost its device.
    lost : Device
        That one; it is closed.

    """

    def __init__(self, playback: Playback, feed: Feed, lost: Device) -> None:
        self._playback, self._feed, self._lost = playback, feed, lost

    def begin(self) -> None:
        """Start the thread."""
        BackgroundCall(self._run, "zerocross-reopen")

    @property
    def _is_wanted(self) -> bool:
        return self._playback.reopening is self and self._playback.feed is self._feed

    def _run(self) -> None:
        playback, stream = self._playback, self._feed.stream
        self._lost.close()
        while self._is_wanted:
            if not stream.is_inside and self._try(stream):
                break
            time.sleep(_AGAIN_S)
        with playback.lock:
            if playback.reopening is self:
                playback.reopening = None
        playback.news.notify()

    def _try(self, stream: FileStream) -> bool:
        playback = self._playback
        try:
            stream.title = playback.title_to_tell
            device = playback.output.open_again(stream, self._lost.info)
            stream.begin_softly()
            playback.start_device(self._feed, device, "", lambda: self._is_wanted)
        except ZerocrossError:
            return False
        return True
