"""The player: the control thread's side of playing a queue of files.

`Player` says what is to be heard; the decode thread and the callback do it. Behind it are the
`Playback` (the state and the ways from track to track), the `Feed` (what a stream gets to play),
the `Output` (stream, device, counters) and the `Supervisor` (the thread that looks after them).

Locks: every call that changes something, or reads more than one thing, takes `Playback.lock`.
`close` waits for the supervisor's thread without it. What is read without it is one reference.

Well over 300 lines, most of them docstrings: every call is here, and short.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, Self

from zerocross.attributes import FixedAttributes
from zerocross.closing import ClosesAtExit, Running
from zerocross.errors import SourceError, UsageError
from zerocross.files import check_output
from zerocross.loudness.replaygain import GainTags, gain_for
from zerocross.player.changes import running_loop
from zerocross.player.checks import checked_effects, checked_loop
from zerocross.player.expanding import are_plain, expanded
from zerocross.player.notifications import Event, Events
from zerocross.player.output import Output
from zerocross.player.playback import Playback
from zerocross.player.queue import Queue, Track, check_paths
from zerocross.player.starting import Starting
from zerocross.player.supervisor import Supervisor
from zerocross.sources.location import Playable
from zerocross.sources.playlists import Entry
from zerocross.sync import Tap
from zerocross.system import Grant
from zerocross.system.background import BackgroundCall
from zerocross.units import checked_number, checked_path, checked_seconds, checked_whole

if TYPE_CHECKING:
    import threading

    from zerocross.engine.file_stream import FileStream
    from zerocross.engine.recorder import Recording
    from zerocross.files import PathLike
    from zerocross.graph.chain import Chain
    from zerocross.graph.groups import Group
    from zerocross.graph.processor import Processor
    from zerocross.player.fed import PlayerFeed
    from zerocross.player.start import Start

    Effects = Chain | Processor | Sequence[Processor | Group] | None

__all__ = ["Player"]

#: Seconds into a track from which on `Player.previous` means its start.
_START_AGAIN_S = 3.0


class Player(FixedAttributes, ClosesAtExit):
    """Plays audio files with no interpreter between the file and the device.

    Parameters
    ----------
    device : str or None
        A device's name or a part of it, a backend's name, ``"null"``; None for the default
        (and the null device where there is no sound).
    block_size : int or None
        Frames in a callback; None for 512 (2048 on PulseAudio).
    volume : float
        From 0 to 1.
    effects : Chain, Processor, list of them, or None
        What everything goes through, before the volume.
    replaygain : {"off", "track", "album"}
        Which of the files' gains is applied (ReplayGain 2.0 tags), without clipping.
    pin, pin_decoder : sequence of int or None
        CPUs that the audio thread, and the decode thread, may run on.
    quality : {"medium", "high", "very high"}
        Of the resampling of tracks whose rate the device does not take (docs/path.md has what
        each gives and costs).

    Notes
    -----
    All methods may be called from any control thread, listeners to events
    included. None is real-time safe. On a thread where an event loop of asyncio runs none waits but
    ``wait`` and ``close``; ``async with`` closes without holding the loop.

    """

    def __init__(
        self,
        device: str | None = None,
        block_size: int | None = None,
        volume: float = 1.0,
        effects: Effects = None,
        replaygain: str = "off",
        pin: Collection[int] | None = None,
        pin_decoder: Collection[int] | None = None,
        quality: str = "high",
    ) -> None:
        self._output = Output(device, block_size, volume, effects, pin, pin_decoder, quality)
        self._events = Events()
        self._playback = Playback(self._output, replaygain, self._events)
        self._supervisor = Supervisor(self._playback)
        super().__init__(_Inner(self._playback, self._supervisor))

    def __repr__(self) -> str:
        state = "closed" if self._events.is_closed else self.state
        count = len(self.queue)
        return f"<Player: {state}, track {min(self.queue.index + 1, count)} of {count}>"

    @property
    def _lock(self) -> threading.RLock:  # another one in a forked child
        return self._playback.lock

    @property
    def _in_turn(self) -> threading.RLock:
        """The lock, for what comes after a `play` that still looks for what it is to play."""
        self._playback.wait_for_look()
        return self._playback.lock

    @property
    def _playing(self) -> FileStream:
        """What plays; raises UsageError where nothing does, or not yet."""
        if self._output.stream is None and not self._playback.is_idle:
            raise UsageError(
                "nothing is playing yet, it is starting; 'await player.play(...)' in an event loop or "
                "notebook, or ask when a 'track' event came"
            )
        return self._output.playing

    # --- queue and transport ------------------------------------------------------------

    @property
    def queue(self) -> Queue:
        """The tracks, to be changed at any time: one queue for the player's whole life.

        Right after a `play` in an event loop it waits until a directory or playlist was looked
        through (docs/player.md): what is changed then follows what was found.
        """
        self._playback.wait_for_look()
        return self._playback.queue

    @property
    def events(self) -> Events:
        """What happens: subscribe to it, or iterate over it."""
        return self._events

    def play(
        self, *paths: Playable | Entry, start_s: float = 0.0, duration_s: float | None = None
    ) -> Starting:
        """Play files and other sources, or the queue again from its current track.

        Parameters
        ----------
        *paths : path-like, str, Samples, (array, sample_rate) or binary file
            The new queue: files, directories, playlists (m3u, m3u8, pls), cue sheets, URLs (http,
            https, file), samples in memory, files that are open (docs/formats.md). What of them
            cannot be found is told by events. Nothing to keep the old one (or to resume from pause).
        start_s : float
            Where the first track begins, in seconds; within it.
        duration_s : float or None
            Stop after so many seconds of audio, with a short fade.

        Returns
        -------
        Starting
            To be awaited where an event loop of asyncio runs on the calling thread: there, ``play`` returns
            at once, and ``await player.play(path)`` raises what ``play`` raises elsewhere. What nobody
            awaits is told as an event.

        Raises
        ------
        SourceError
            If none of the files can be played, or none is found.
        UsageError
            For what can be no source or no time; then everything is as it was. For a start after the
            track's end; then nothing plays.
        DeviceNotFound, DeviceError
            If the device cannot be opened, or its server does not answer.

        Notes
        -----
        It waits a second for a disk that does not answer; then it returns, and the track is told as
        buffering. It waits 5 s for a sound server. Within a listener to events it does not wait:
        what goes wrong then is told as an event.

        """
        playback = self._playback
        check_paths(*paths)
        start_s = checked_seconds("start_s", start_s)
        if duration_s is not None:
            duration_s = checked_seconds("duration_s", duration_s)
        if running_loop() and not are_plain(paths):
            with self._lock:
                playback.check_open()
                self._supervisor.start()
                return _begin_later(playback, paths, start_s, duration_s)
        found = expanded(paths)
        with self._lock if paths else self._in_turn:
            playback.check_open()
            is_bare = not paths and duration_s is None and start_s == 0.0
            if is_bare and playback.state == "paused":
                self.resume()
                return Starting(playback, None)
            start = _begin(playback, found, start_s, duration_s)
            self._supervisor.start()
            playback.wait_for(start)
            return Starting(playback, start)

    def pause(self) -> None:
        """Hold the audio where it is, with a 10 ms fade; after 5 s the device is stopped."""
        with self._in_turn:
            if self._playback.state == "playing":
                if self._output.stream:
                    self._output.stream.set_playing(False)
                self._playback.set_state("paused", "paused")

    def resume(self) -> None:
        """Go on from a pause: at once in its first 5 s, then as soon as the device has started."""
        with self._in_turn:
            if self._playback.state == "paused":
                if self._output.stream and not self._playback.outlasts_a_start:
                    self._output.stream.set_playing(True)
                self._playback.set_state("playing", "resumed")

    def stop(self) -> None:
        """Fade out and stop; the queue and its current track stay."""
        with self._lock:
            self._playback.stop()

    def seek(self, seconds: float) -> None:
        """Go to a time in the current track; -1 is a second before its end.

        Beyond its end means its end: what follows plays, or nothing. Nothing of the audio before is
        heard after, but for a 10 ms fade.

        Raises
        ------
        UsageError
            If nothing plays, for what is no time, and for a time before an end that is not known.

        """
        with self._in_turn:
            self._playback.check_open()
            if self.state == "stopped":
                raise UsageError("nothing is playing; call play() before seek()")
            at, track = checked_number("seconds", seconds), self.queue.current
            length = track.duration_s if track else None
            if at < 0.0:
                if length is None:
                    raise UsageError(f"seconds={at:g}: how long it is is not known; give 0 or more")
                at = max(0.0, length + at)
            if track:
                self._playback.jump_to(track, at)
            is_beyond = length is not None and at >= length
            self._playback.publish("seeked", "to the end" if is_beyond else f"at {at:.2f} s")

    def next(self) -> None:
        """Go to the next track, from a pause to a pause at its start; after the last one, stop."""
        with self._in_turn:
            if self.state == "stopped":
                return
            current = self.queue.current
            following = self.queue.after(current) if current else None
            if following:
                self._playback.leave_track()
                self._playback.turn_to(following)
            else:
                self.stop()

    def previous(self) -> None:
        """Go to the start of the track, or from its first 3 seconds to the one before; a pause stays."""
        with self._in_turn:
            current = self.queue.current
            if self.state == "stopped" or current is None:
                return
            before = self.queue.before(current)
            if self.position > _START_AGAIN_S or before is None:
                self._playback.jump_to(current, 0.0)
            else:
                self._playback.leave_track()
                self._playback.turn_to(before)

    def go_to(self, index: int) -> None:
        """Play the track at an index of the queue, from its start; -1 is the last one.

        What is wrong with it is told as an event, and the next one plays.

        Raises
        ------
        UsageError
            If there is none.

        """
        with self._in_turn:
            self._playback.check_open()
            count = len(self.queue)
            if not count:
                raise UsageError("the queue is empty; append a file first")
            self._go_to(self.queue[checked_whole("index", index, -count, count - 1)])
            self._supervisor.start()

    def _go_to(self, track: Track) -> None:
        """Go to a track without waiting for its disk: what is wrong with it is told as an event."""
        self._playback.leave_track()
        self._playback.give_a_moment(self._playback.begin(track, 0.0))

    def loop_between(self, start_s: float | None, end_s: float | None = None) -> None:
        """Play a part of the current track again and again, until it is left or the loop ended.

        Parameters
        ----------
        start_s, end_s : float
            The part, in seconds; 0.05 s at least. Beyond the end means the end. ``loop_between(None)``
            goes on without a loop.

        Notes
        -----
        Each round has as many frames as the part, exactly; both sides of the join are faded, over
        10 ms each. Switching it on or off is a fade of 10 ms. Before the part it plays up to it,
        from behind it jumps to its start. It stays after a seek, as long as that is before its end.

        Raises
        ------
        UsageError
            If nothing plays, and for what is no part of the track; then nothing is changed.

        """
        with self._in_turn:
            self._playback.check_open()
            track = self.queue.current
            if self.state == "stopped" or track is None:
                raise UsageError("nothing is playing; call play() before loop_between()")
            loop = None if start_s is None else checked_loop(start_s, end_s, track.duration_s)
            if loop != track.loop:
                self._playback.loop_track(track, loop)

    @property
    def loop(self) -> tuple[float, float] | None:
        """What is played again and again of the current track, in seconds; see `loop_between`."""
        track = self._playback.queue.current
        return track.loop if track else None

    @property
    def effects(self) -> Chain | None:
        """What everything goes through, before the volume.

        A chain, a processor, a list of them or None may be set, while playing too. They are compiled
        and proven within the assignment, which may take a second; then they are heard, after a
        crossfade of 20 ms. What is refused raises RealtimeError or UsageError, and the effects before
        play on. A processor of the effects before cannot be among the new ones; `Chain.replace`,
        `insert` and `remove` change what is around it. Not within a listener to events.
        """
        return self._output.effects

    @effects.setter
    def effects(self, value: Effects) -> None:
        playback, chain = self._playback, checked_effects(value)
        if playback.events.is_telling:
            raise UsageError("effects are set on another thread than a listener's: start one")
        with playback.making:
            playback.check_open()
            self._output.use_effects(chain)

    @property
    def replaygain(self) -> str:
        """Which of the files' gains is applied: ``off``, ``track`` or ``album``.

        It may be set while playing: once the file's tags are read, the new gain is heard after a fade of
        10 ms.
        """
        return self._playback.opener.replaygain

    @replaygain.setter
    def replaygain(self, value: str) -> None:
        gain_for(GainTags(), value)  # complains
        with self._lock:
            self._playback.check_open()
            self._playback.use_gain(value)

    @property
    def volume(self) -> float:
        """Gain from 0 to 1, reached over 10 ms."""
        return self._output.volume

    @volume.setter
    def volume(self, value: float) -> None:
        with self._lock:
            self._output.volume = value
            self._playback.publish("volume", f"volume {self._output.volume:.0%}")

    @property
    def mute(self) -> bool:
        """Whether the output is silenced; the audio runs on."""
        return self._output.muted

    @mute.setter
    def mute(self, value: bool) -> None:
        with self._lock:
            self._output.muted = value
            self._playback.publish("volume", "muted" if value else "no longer muted")

    def feed(self, sample_rate: int, channels: int = 1, ring_s: float = 0.5) -> PlayerFeed:
        """Return a way in for arrays: heard beside the queue, through effects, volume and device.

        Parameters
        ----------
        sample_rate : int
            Of what will be written, in Hz; resampled to the device's.
        channels : int
            Of one-dimensional arrays that will be written, 1 to 8.
        ring_s : float
            How much is kept ahead, in seconds: 0.02 to 60.

        Returns
        -------
        PlayerFeed
            Until it is closed or dropped, the device stays open, and pausing and stopping are for tracks alone.
            Where an event loop of asyncio runs on the calling thread this does not wait for the device:
            the first ``awrite`` does.

        Raises
        ------
        UsageError
            For impossible values, and while there is another feed.
        DeviceNotFound, DeviceError
            If the device cannot be opened, or its server does not answer.

        """
        from zerocross.player.fed import PlayerFeed

        made = PlayerFeed(self._playback, sample_rate, channels, ring_s)
        with self._lock:
            self._playback.check_open()
            if self._playback.fed and self._playback.fed.is_closed:
                self._playback.fed.close()  # it was dropped
            if self._playback.fed:
                raise UsageError("there is a feed already; write to it, or close it first")
            fed = self._playback.fed = made.inner
            self._supervisor.start()
            if not (self._playback.may_wait or self._output.stream or self._playback.starting):
                fed.start()
        try:
            if self._playback.may_wait:
                fed.begin()
        except BaseException:
            made.close()
            raise
        self._playback.news.notify()  # a device that rests in a pause is started again
        return made

    def record(
        self, path: PathLike, bits: str | None = None, dither: str | None = None
    ) -> Recording:
        """Record what goes to the device, from now on, into a file; off the audio thread.

        Where a track of another rate changes the device's, the file goes on at its own.

        Parameters
        ----------
        path : path-like
            Ends in ``.wav`` or ``.flac``; whole or not there. A file of that name is replaced when
            the recording ends.
        bits : {"16", "24", "32", "float"} or None
            None for float in WAV and 24 in FLAC.
        dither : {"none", "tpdf", "shaped"} or None
            None for ``tpdf`` with 16 bits, else ``none``.

        Returns
        -------
        Recording
            Ends with its `stop`, as a context manager, or with the player.

        Raises
        ------
        UsageError
            If nothing plays, or the file cannot be such a one, is of the queue, or is recorded already.

        """
        from zerocross.engine.recorder import follow_tap

        _ = self._playing  # complains
        _ = follow_tap.address  # compiled without the lock
        locations = [track.location for track in self._playback.queue]
        read = [each for each in locations if isinstance(each, (str, bytes, os.PathLike))]
        check_output(checked_path("path", path), read)  # without the lock: disks are asked
        with self._lock:
            return self._output.record(path, bits, dither)

    def _set_device(self, name: str | None) -> None:
        """Move to another device while playing; the position is kept."""
        with self._lock:
            self._output.device_name = name
            self._playback.replace_device()

    # --- what is going on -----------------------------------------------------------------

    @property
    def state(self) -> str:
        """``stopped``, ``playing``, ``paused``, ``buffering`` or ``waiting``.

        While buffering nothing is heard because the track's disk or server is late, while waiting because the
        device is gone, suspended or does not answer; both go on by themselves.
        """
        return self._playback.heard_state

    @property
    def position(self) -> float:
        """Seconds into the current track that have been heard, or where it will begin.

        After the end 0, but where ``duration_s`` has ended a track: there, until something else is asked for.
        """
        with self._lock:
            return self._playback.position_s

    @property
    def duration(self) -> float | None:
        """Length of the current track in seconds; None if its file does not say."""
        track = self._playback.queue.current
        return track.duration_s if track else None

    @property
    def levels(self) -> list[float]:
        """Peak level of each channel after the volume, linear, falling 20 dB in 1.7 s."""
        stream = self._output.stream
        return stream.peaks() if stream else []

    @property
    def realtime(self) -> list[Grant]:
        """What was asked of the system for the audio thread, and what it gave."""
        return list(self._output.grants.values())

    @property
    def tap(self) -> Tap:
        """The last 65536 frames that went to the device; another one after a change of rate.

        Raises
        ------
        UsageError
            If nothing plays.

        """
        return self._playing.tap

    @property
    def sample_rate(self) -> int:
        """Of what goes to the device, in Hz; raises UsageError if nothing plays."""
        return self._playing.sample_rate

    @property
    def latency_frames(self) -> int:
        """How far what is heard is behind what the tap has, as far as the buffers tell."""
        return self._output.latency_frames

    @property
    def device(self) -> str:
        """The open device, for people; empty when there is none."""
        return self._output.device

    def report(self, tracks: bool = True) -> dict[str, Any]:
        """Return what was counted since the player was made; see docs/report.md.

        ``tracks=False`` leaves out the list of tracks, which may be long.
        """
        with self._lock:
            self._playback.settle()
            queued = [track.as_report() for track in self._playback.queue] if tracks else None
            fed = self._playback.fed
            fed_report = {"feed": fed.report()} if fed else {}
            ahead = self._playback.decoded_ahead_s()
            return {
                **self._output.report(),
                **fed_report,
                "decoded_ahead_s": ahead,
                **({"tracks": queued} if tracks else {}),
            }

    # --- the end ------------------------------------------------------------------------------

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until nothing plays (finished or stopped); returns whether that happened.

        Not within a listener, which is called while the player holds its lock: UsageError.
        """
        if self._playback.events.is_telling:
            raise UsageError("a listener cannot wait for the player; wait on another thread")
        if timeout_s is not None:
            timeout_s = checked_seconds("timeout_s", timeout_s)
        idle = self._playback.idle
        with idle:
            return idle.wait_for(lambda: self._playback.is_idle, timeout_s)

    async def finished(self, timeout_s: float | None = None) -> bool:
        """Wait for the same in an event loop of asyncio, without holding it."""
        playback = self._playback
        return await playback.idle.until(lambda: playback.is_idle, timeout_s)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        import asyncio  # its loop runs

        await asyncio.to_thread(self.close)


def _begin(
    playback: Playback,
    found: tuple[list[Entry], list[SourceError]],
    start_s: float,
    duration_s: float | None,
) -> Start:
    """Begin with what was found, or with the queue where that is nothing; under the lock."""
    entries, problems = found
    if entries:
        playback.set_queue(entries)
    for problem in problems:
        playback.events.publish(Event("error", problem.path, str(problem)))
    if problems and not entries:
        raise problems[0]
    queue = playback.queue
    if not entries and playback.state == "stopped" and queue.index >= len(queue):
        queue.index = 0
    track = queue.current
    if track is None:
        raise UsageError("nothing to play; give at least one file")
    playback.limit(duration_s)
    return playback.begin(track, start_s, strict=start_s > 0.0)


def _begin_later(
    playback: Playback,
    given: Sequence[Playable | Entry],
    start_s: float,
    duration_s: float | None,
) -> Starting:
    """Do so once a disk was asked what it is, unless another call comes first; under the lock."""
    playback.turn += 1
    turn = playback.looking = playback.turn

    def begin() -> Start | None:
        try:
            found = expanded(given)
            with playback.lock:
                if playback.closed or playback.turn != turn:
                    return None
                return _begin(playback, found, start_s, duration_s)
        finally:
            with playback.lock:
                if playback.looking == turn:
                    playback.looking = None

    def tell() -> None:
        with playback.lock:
            playback.idle.notify_all()

    return Starting(playback, BackgroundCall(begin, "zerocross-play", tell))


class _Inner(Running):
    """What is left of a player that was dropped: what plays, and who looks after it."""

    def __init__(self, playback: Playback, supervisor: Supervisor) -> None:
        self._playback, self._supervisor = playback, supervisor

    def hush(self) -> None:
        """Ramp down to silence; see `Running`. Who still listens is told that it ends."""
        self._playback.output.muted = True
        self._playback.events.hold()

    def close(self) -> None:
        """Fade out, stop, and let go of device and files; twice is once."""
        playback = self._playback
        with playback.lock:
            if playback.closed:
                return
            fed, playback.fed = playback.fed, None
            if fed:
                fed.hush()
            playback.stop()
            playback.closed = True
        self._supervisor.stop()
        playback.wait_for_the_end()
        with playback.lock:
            playback.settle()
        playback.output.end_recordings()
        playback.events.publish(Event("closed"))
        playback.events.close()

    def forget(self) -> None:
        """In a forked child: be closed; see `Running`."""
        self._playback.forget()
        self._supervisor.forget()
