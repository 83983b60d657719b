"""The player: the control thread's side of playing a queue of files.

`Player` says what is to be heard; the decode thread and the callback do it. Behind it are the
`Playback` (the state and the ways from track to track), the `Feed` (what a stream gets to play),
the `Output` (stream, device, counters) and the `Supervisor` (the thread that looks after them).

Locks: every call that changes something, or reads more than one thing, takes `Playback.lock`.
`close` waits for the supervisor's thread without it. What is read without it is one reference.

A little over 300 lines, most of them docstrings: every call is here, and short.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from zerocross.attributes import FixedAttributes
from zerocross.closing import ClosesAtExit, Running
from zerocross.errors import UsageError
from zerocross.files import PathLike
from zerocross.player.notifications import Event, Events
from zerocross.player.output import Output
from zerocross.player.playback import Playback
from zerocross.player.queue import Queue, check_paths
from zerocross.player.supervisor import Supervisor
from zerocross.sync import Tap
from zerocross.system import Grant
from zerocross.units import checked_number, checked_seconds

if TYPE_CHECKING:
    import threading

    from zerocross.graph.chain import Chain

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
    effects : Chain or None
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
    included. None is real-time safe.

    """

    def __init__(
        self,
        device: str | None = None,
        block_size: int | None = None,
        volume: float = 1.0,
        effects: Chain | None = None,
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

    @property
    def _lock(self) -> threading.RLock:  # another one in a forked child
        return self._playback.lock

    # --- queue and transport ------------------------------------------------------------

    @property
    def queue(self) -> Queue:
        """The tracks; ``queue.append(path)`` adds one while playing."""
        return self._playback.queue

    @property
    def events(self) -> Events:
        """What happens: subscribe to it, or iterate over it."""
        return self._events

    def play(self, *paths: PathLike, start_s: float = 0.0, duration_s: float | None = None) -> None:
        """Play files, or the queue again from its current track.

        Parameters
        ----------
        *paths : path-like
            The new queue; nothing to keep the old one (or to resume from pause).
        start_s : float
            Where the first track begins, in seconds; within it.
        duration_s : float or None
            Stop after so many seconds of audio, with a short fade.

        Raises
        ------
        SourceError
            If none of the files can be played.
        UsageError
            For what is no path or no time; then everything is as it was. For a start after the
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
        with self._lock:
            playback.check_open()
            if not paths and playback.state == "paused":
                self.resume()
                return
            if paths:
                playback.set_queue(paths, duration_s)
            elif playback.state == "stopped" and self.queue.index >= len(self.queue):
                self.queue.index = 0
            if not len(self.queue):
                raise UsageError("nothing to play; give at least one file")
            start = playback.begin(self.queue.index, start_s, strict=start_s > 0.0)
            self._supervisor.start()
            playback.wait_for(start)

    def pause(self) -> None:
        """Hold the audio where it is, with a 10 ms fade; after 5 s the device is stopped."""
        with self._lock:
            if self._playback.state == "playing":
                if self._output.stream:
                    self._output.stream.set_playing(False)
                self._playback.set_state("paused", "paused")

    def resume(self) -> None:
        """Go on from a pause: at once in its first 5 s, then as soon as the device has started."""
        with self._lock:
            if self._playback.state == "paused":
                if self._output.stream:
                    self._output.stream.set_playing(True)
                self._playback.set_state("playing", "resumed")

    def stop(self) -> None:
        """Fade out and stop; the queue and its current track stay."""
        with self._lock:
            self._playback.stop()

    def seek(self, seconds: float) -> None:
        """Go to a time in the current track; beyond its end means its end.

        Nothing of the audio before is heard after, but for a 10 ms fade.
        """
        with self._lock:
            self._playback.check_open()
            if self.state == "stopped":
                raise UsageError("nothing is playing; call play() before seek()")
            at = max(0.0, checked_number("seconds", seconds))
            self._playback.jump_to(self.queue.index, at)
            self._playback.publish("seeked", f"at {seconds:.2f} s")

    def next(self) -> None:
        """Go to the next track; after the last one, stop."""
        with self._lock:
            if self.state == "stopped":
                return
            if self.queue.index + 1 >= len(self.queue):
                self.stop()
                return
            self._go_to(self.queue.index + 1)

    def previous(self) -> None:
        """Go to the start of the track, or from its first 3 seconds to the track before."""
        with self._lock:
            if self.state == "stopped":
                return
            index = self.queue.index
            if self.position > _START_AGAIN_S or index == 0:
                self._playback.jump_to(index, 0.0)
            else:
                self._go_to(index - 1)

    def _go_to(self, index: int) -> None:
        """Go to a track without waiting for its disk: what is wrong with it is told as an event."""
        self._playback.leave_track()
        self._playback.give_a_moment(self._playback.begin(index, 0.0))

    @property
    def volume(self) -> float:
        """Gain from 0 to 1, reached over 10 ms."""
        return self._output.volume

    @volume.setter
    def volume(self, value: float) -> None:
        with self._lock:
            self._output.volume = value

    @property
    def mute(self) -> bool:
        """Whether the output is silenced; the audio runs on."""
        return self._output.muted

    @mute.setter
    def mute(self, value: bool) -> None:
        with self._lock:
            self._output.muted = value

    def _set_device(self, name: str | None) -> None:
        """Move to another device while playing; the position is kept."""
        with self._lock:
            self._output.device_name = name
            self._playback.replace_device()

    # --- what is going on -----------------------------------------------------------------

    @property
    def state(self) -> str:
        """``stopped``, ``playing``, ``paused``, ``buffering`` or ``waiting``.

        While buffering nothing is heard because the track's disk is late, while waiting because the
        device is gone, suspended or does not answer; both go on by themselves.
        """
        return self._playback.heard_state

    @property
    def position(self) -> float:
        """Seconds into the current track that have been heard."""
        with self._lock:
            feed = self._playback.feed
            return feed.position_s if feed else 0.0

    @property
    def duration(self) -> float | None:
        """Length of the current track in seconds; None if its file does not say."""
        track = self.queue.current
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
        return self._output.playing.tap

    @property
    def sample_rate(self) -> int:
        """Of what goes to the device, in Hz; raises UsageError if nothing plays."""
        return self._output.playing.sample_rate

    @property
    def latency_frames(self) -> int:
        """How far what is heard is behind what the tap has, as far as the buffers tell."""
        return self._output.latency_frames

    @property
    def device(self) -> str:
        """The open device, for people; empty when there is none."""
        return self._output.device

    def report(self) -> dict[str, Any]:
        """Return what was counted since the player was made; see docs/report.md."""
        with self._lock:
            self._playback.settle()
            tracks = [track.as_report() for track in self.queue]
            return {**self._output.report(), "tracks": tracks}

    # --- the end ------------------------------------------------------------------------------

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until nothing plays (finished or stopped); returns whether that happened."""
        idle = self._playback.idle
        with idle:
            return idle.wait_for(lambda: self._playback.state == "stopped", timeout_s)


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
            playback.stop()
            playback.closed = True
        self._supervisor.stop()
        playback.wait_for_the_end()
        with playback.lock:
            playback.settle()
        playback.events.publish(Event("closed"))
        playback.events.close()

    def forget(self) -> None:
        """In a forked child: be closed; see `Running`."""
        self._playback.forget()
        self._supervisor.forget()
