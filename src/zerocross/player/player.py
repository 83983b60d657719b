"""The player: the control world's side of playing a queue of files.

`Player` decides what is to be heard; the decode thread and the callback do it. A
supervising thread looks every few milliseconds at what they report, opens the next tracks
ahead of time, and moves the stream to another device when one disappears. If it is held up
(by the GIL, say), what was posted plays on.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import threading
import time
import weakref
from collections.abc import Collection
from typing import Any

from zerocross.closing import ClosesAtExit
from zerocross.devices.discovery import NULL_DEVICE, DeviceInfo, find_devices
from zerocross.engine.counters import Counters
from zerocross.engine.file_stream import FileStream
from zerocross.engine.heard import Heard, Outcome
from zerocross.errors import SourceError, UsageError, ZerocrossError
from zerocross.graph.chain import Chain
from zerocross.loudness.replaygain import GainTags, gain_for, read_gain_tags
from zerocross.player.notifications import Event, Events
from zerocross.player.queue import Queue
from zerocross.sources.file import OpenSource, open_source
from zerocross.sync import Tap
from zerocross.system import Grant

__all__ = ["Player"]

PathLike = str | bytes | os.PathLike[str]

#: Tracks opened ahead of the one that is decoded.
_LOOKAHEAD = 4
_PERIOD_S = 0.01
_RAMP_TIMEOUT_S = 0.5

_log = logging.getLogger(__name__)
# In a forked child: streams whose memory and devices must not be let go of by anyone.
_forgotten: list[FileStream] = []


@dataclasses.dataclass
class _Posting:
    """A source that the stream has: which track, which part, in which epoch."""

    serial: int
    index: int
    source: OpenSource
    epoch: int
    start_frame: int
    outcome: Outcome | None = None


class Player(ClosesAtExit):
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

    Notes
    -----
    All methods may be called from any thread of the control world. None is real-time safe.

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
    ) -> None:
        if block_size is not None and not 16 <= block_size <= 65_536:
            raise UsageError(f"block size {block_size}: give 16 to 65536 frames")
        self._device_name, self._block_size = device, block_size
        self._volume, self._mute = _checked_volume(volume), False
        self._effects = effects
        gain_for(GainTags(), replaygain)  # complains
        self._replaygain = replaygain
        self._pin, self._pin_decoder = pin, pin_decoder
        self._lock = threading.RLock()
        self._queue = Queue()
        self.events = Events()
        self._stream: FileStream | None = None
        self._target = NULL_DEVICE
        self._state = "stopped"
        self._closed = False
        self._serial = 0
        self._next_index = 0
        self._end_posted = False
        self._marks_at_end = -1
        self._switch_to: OpenSource | None = None
        self._postings: dict[int, _Posting] = {}
        self._heard_serial = 0
        self._pending: tuple[int, float] | None = None
        self._limits: dict[int, int | None] = {}
        self._budget_s: float | None = None
        self._counters = Counters()
        self._underruns_told = 0
        self._faults_told = 0
        self._grants: dict[str, Grant] = {}
        self._seconds = 0.0
        self._recent: list[dict[str, Any]] = []
        self._capture_s = 0.0
        self._captures: list[Any] = []
        self._last_format: dict[str, Any] = {}
        self._wake = threading.Event()
        self._idle = threading.Condition(self._lock)
        self._supervisor: threading.Thread | None = None
        super().__init__()

    # --- queue and transport ------------------------------------------------------------

    @property
    def queue(self) -> Queue:
        """The tracks; ``queue.append(path)`` adds one while playing."""
        return self._queue

    def play(self, *paths: PathLike, start_s: float = 0.0, duration_s: float | None = None) -> None:
        """Play files, or the queue again from its current track.

        Parameters
        ----------
        *paths : path-like
            The new queue; nothing to keep the old one (or to resume from pause).
        start_s : float
            Where the first track begins, in seconds.
        duration_s : float or None
            Stop after so many seconds of audio, with a short fade.

        Raises
        ------
        SourceError
            If none of the files can be played.
        DeviceNotFound, DeviceError
            If the device cannot be opened.

        """
        with self._lock:
            self._check_open()
            if not paths and self._state == "paused":
                self.resume()
                return
            if paths:
                self._leave_track()
                self._queue = Queue()
                for path in paths:
                    self._queue.append(path)
                self._limits, self._budget_s = {}, duration_s
            elif self._state == "stopped" and self._queue.index >= len(self._queue):
                self._queue.index = 0
            if not len(self._queue):
                raise UsageError("nothing to play; give at least one file")
            self._begin(self._queue.index, start_s)

    def pause(self) -> None:
        """Hold the audio where it is, with a 10 ms fade."""
        with self._lock:
            if self._state == "playing" and self._stream:
                self._stream.set_playing(False)
                self._set_state("paused", "paused")

    def resume(self) -> None:
        """Go on from a pause."""
        with self._lock:
            if self._state == "paused" and self._stream:
                self._stream.set_playing(True)
                self._set_state("playing", "resumed")

    def stop(self) -> None:
        """Fade out and stop; the queue and its current track stay."""
        with self._lock:
            if self._state == "stopped" or self._stream is None:
                return
            self._leave_track()
            self._end_stream()
            self._set_state("stopped", "stopped")

    def seek(self, seconds: float) -> None:
        """Go to a time in the current track; beyond its end means its end.

        Nothing of the audio before is heard after, but for a 10 ms fade.
        """
        with self._lock:
            self._check_open()
            if self._state == "stopped":
                raise UsageError("nothing is playing; call play() before seek()")
            self._jump_to(self._queue.index, max(0.0, float(seconds)))
            self.events.publish(Event("seeked", self._path(), f"at {seconds:.2f} s"))

    def next(self) -> None:
        """Go to the next track; after the last one, stop."""
        with self._lock, contextlib.suppress(SourceError):  # told as an event
            if self._state == "stopped":
                return
            if self._queue.index + 1 >= len(self._queue):
                self.stop()
                return
            self._leave_track()
            self._begin(self._queue.index + 1, 0.0)

    def previous(self) -> None:
        """Go to the start of the track, or from its first 3 seconds to the track before."""
        with self._lock, contextlib.suppress(SourceError):  # told as an event
            if self._state == "stopped":
                return
            index = self._queue.index
            if self.position > 3.0 or index == 0:
                self._jump_to(index, 0.0)
            else:
                self._leave_track()
                self._begin(index - 1, 0.0)

    @property
    def volume(self) -> float:
        """Gain from 0 to 1, reached over 10 ms."""
        return self._volume

    @volume.setter
    def volume(self, value: float) -> None:
        with self._lock:
            self._volume = _checked_volume(value)
            if self._stream:
                self._stream.set_volume(self._volume)

    @property
    def mute(self) -> bool:
        """Whether the output is silenced; the audio runs on."""
        return self._mute

    @mute.setter
    def mute(self, value: bool) -> None:
        with self._lock:
            self._mute = bool(value)
            if self._stream:
                self._stream.set_muted(self._mute)

    # --- what is going on -----------------------------------------------------------------

    @property
    def state(self) -> str:
        """``stopped``, ``playing`` or ``paused``."""
        return self._state

    @property
    def position(self) -> float:
        """Seconds into the current track that have been heard."""
        with self._lock:
            if self._stream is None:
                return 0.0
            heard = self._stream.heard()
            if self._pending and heard.epoch < self._pending[0]:
                return self._pending[1]
            posting = self._postings.get(heard.serial)
            if posting is None or posting.index != self._queue.index:
                return self._pending[1] if self._pending else 0.0
            return heard.file_frame / posting.source.sample_rate

    @property
    def duration(self) -> float | None:
        """Length of the current track in seconds; None if its file does not say."""
        track = self._queue.current
        return track.duration_s if track else None

    @property
    def levels(self) -> list[float]:
        """Peak level of each channel after the volume, linear, falling 20 dB in 1.7 s."""
        stream = self._stream
        return stream.peaks() if stream else []

    @property
    def realtime(self) -> list[Grant]:
        """What was asked of the system for the audio thread, and what it gave."""
        return list(self._grants.values())

    @property
    def tap(self) -> Tap:
        """The last 65536 frames that went to the device; another one after a change of rate.

        Raises
        ------
        UsageError
            If nothing plays.

        """
        return self._stream_now().tap

    @property
    def sample_rate(self) -> int:
        """Of what goes to the device, in Hz; raises UsageError if nothing plays."""
        return self._stream_now().sample_rate

    @property
    def latency_frames(self) -> int:
        """How far what is heard is behind what the tap has, as far as the buffers tell."""
        stream = self._stream
        return stream.device.latency_frames if stream and stream.device else 0

    @property
    def device(self) -> str:
        """The open device, for people; empty when there is none."""
        stream = self._stream
        return stream.device.info.title if stream and stream.device else ""

    def report(self) -> dict[str, Any]:
        """Return what was counted since the player was made; see docs/report.md."""
        with self._lock:
            counters, seconds = self._counters, self._seconds
            if self._stream:
                now = self._stream.counters()
                counters = counters + now
                seconds += now.number("frames_played") / self._stream.sample_rate
                self._remember_format()
            known = self._last_format
            rate = known.get("sample_rate", 0)
            block = counters.number("block_frames") or known.get("block_size", 0)
            return {
                "sample_rate": rate,
                "channels": known.get("channels", 0),
                "block_size": block,
                "backend": known.get("backend", ""),
                "device": known.get("device", ""),
                "seconds": seconds,
                "deadline_ns": round(block * 1e9 / rate) if rate else 0,
                **counters.as_report(rate, known.get("block_size", 0)),
                "realtime": [dataclasses.asdict(grant) for grant in self._grants.values()],
                "recent_callbacks": self._stream.recent() if self._stream else self._recent,
                "tracks": [track.as_report() for track in self._queue],
            }

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until nothing plays (finished or stopped); returns whether that happened."""
        with self._idle:
            return self._idle.wait_for(lambda: self._state == "stopped", timeout_s)

    def close(self) -> None:
        """Fade out, stop, and let go of device and files; twice is once."""
        with self._lock:
            if self._closed:
                return
            self.stop()
            self._closed = True
            self._wake.set()
        supervisor = self._supervisor
        if supervisor and supervisor is not threading.current_thread():
            supervisor.join()
        self.events.publish(Event("closed"))
        self.events.close()

    def forget(self) -> None:
        """Be closed without touching device, threads and files: they are the parent's."""
        self._lock = threading.RLock()
        self._idle = threading.Condition(self._lock)
        if self._stream:
            _forgotten.append(self._stream)
        self._stream, self._supervisor = None, None
        self._state, self._closed = "stopped", True

    # --- starting and jumping ---------------------------------------------------------------

    def _begin(self, index: int, start_s: float) -> None:
        """Start with a track, or with the first after it that can be played."""
        first_error: SourceError | None = None
        while index < len(self._queue):
            self._queue.index = index
            try:
                source = self._open(index)
            except SourceError as error:
                first_error = first_error or error
                index += 1
                start_s = 0.0
                continue
            self._begin_source(index, source, start_s)
            return
        self._give_up()
        if first_error:
            raise first_error

    def _give_up(self) -> None:
        """Stop where no track is left that could be played."""
        self._end_stream()
        self._set_state("stopped", "finished")

    def _begin_source(self, index: int, source: OpenSource, start_s: float) -> None:
        if self._stream and self._needs_reopening(source):
            self._end_stream()
        candidates = None
        if self._stream is None:
            try:
                candidates = find_devices(self._device_name)
                self._target = candidates[0]
                self._open_stream(self._target.rate_for(source.sample_rate))
            except ZerocrossError:
                source.close()
                self._set_state("stopped", "stopped")
                raise
        self._restart(index, source, start_s, reused=False)
        self._stream_now().set_playing(True)
        if self._stream_now().device is None:
            self._open_device(self._device_name, candidates)
        self._set_state("playing", "")
        self._start_supervisor()

    def _needs_reopening(self, source: OpenSource) -> bool:
        """Return whether the device could play a source better at another rate."""
        best = self._target.rate_for(source.sample_rate)
        return best != self._stream_now().sample_rate

    def _stream_now(self) -> FileStream:
        if self._stream is None:
            raise UsageError("nothing is playing")
        return self._stream

    def _restart(self, index: int, source: OpenSource, start_s: float, reused: bool) -> None:
        """Begin a new epoch with a source, and post what follows it."""
        stream = self._stream_now()
        epoch = stream.jump()
        if self._switch_to:
            self._switch_to.close()
            self._switch_to = None
        start = round(start_s * source.sample_rate)
        if source.frames is not None:
            start = min(start, source.frames)
        self._end_posted = False
        self._queue.index, self._next_index = index, index + 1
        self._pending = (epoch, start / source.sample_rate)
        self._post(index, source, start, reused)
        self._feed()

    def _jump_to(self, index: int, seconds: float) -> None:
        """Seek in the current track, with the file that is open if it still is."""
        mine = [p for p in self._postings.values() if p.index == index and p.source.handle]
        if mine:
            self._restart(index, mine[-1].source, seconds, reused=True)
            return
        try:
            source = self._open(index)
        except SourceError:
            self.next()
            return
        self._restart(index, source, seconds, reused=False)

    def _open(self, index: int) -> OpenSource:
        """Open a track's file; a failure is written on the track, told, and raised."""
        track = self._queue[index]
        try:
            source = open_source(track.location)
        except SourceError as error:
            track.status, track.error = "failed", error.reason
            self.events.publish(Event("error", track.path, str(error)))
            raise
        track.duration_s = source.duration_s
        if self._replaygain != "off":
            source.gain = gain_for(read_gain_tags(track.location), self._replaygain)
        return source

    def _post(self, index: int, source: OpenSource, start: int, reused: bool = False) -> None:
        stream = self._stream_now()
        self._serial += 1
        posting = _Posting(self._serial, index, source, stream.epoch, start)
        self._postings[self._serial] = posting
        limit = self._limit(index, source, start)
        stream.post(posting.serial, source, start, limit, reused)

    def _limit(self, index: int, source: OpenSource, start: int) -> int | None:
        """Return the frame at which a track is cut by ``duration_s``, or None."""
        if self._budget_s is None:
            return None
        if index not in self._limits:
            left = round(self._budget_s * source.sample_rate)
            length = source.frames if source.frames is not None else start + left
            self._limits[index] = min(length, start + left)
            self._budget_s -= min(left, max(0, length - start)) / source.sample_rate
        return self._limits[index]

    def _feed(self) -> None:
        """Open tracks ahead and post them, until one that the device plays at another rate."""
        stream = self._stream_now()
        while not self._end_posted and self._postings_ahead() <= _LOOKAHEAD:
            if self._next_index >= len(self._queue) or self._is_over_budget():
                stream.post_end()
                self._end_posted = True
                return
            index = self._next_index
            self._next_index += 1
            if self._queue[index].status == "failed":
                continue  # told already
            try:
                source = self._open(index)
            except SourceError:
                continue
            if self._needs_reopening(source):
                self._switch_to = source
                self._next_index = index
                stream.post_end()
                self._end_posted = True
                return
            self._post(index, source, 0)

    def _is_over_budget(self) -> bool:
        return self._budget_s is not None and self._budget_s < 0.5 / self._stream_now().sample_rate

    def _postings_ahead(self) -> int:
        epoch = self._stream_now().epoch
        return sum(p.epoch == epoch and p.outcome is None for p in self._postings.values())

    # --- streams and devices -----------------------------------------------------------------

    def _open_stream(self, sample_rate: int) -> None:
        stream = FileStream(sample_rate, 2, block_size=self._block_size, volume=self._volume)
        self._marks_at_end = -1
        stream.set_muted(self._mute)
        if self._capture_s:
            stream.capture(self._capture_s)
            self._captures.append(stream)
        if self._effects:
            stream.set_program(self._effects.prepare(sample_rate, 2))
            self._effects.connect(stream.set_program)
        self._stream = stream
        self._grants.update({grant.what: grant for grant in stream.grants})
        for grant in stream.start_decoding(self._pin_decoder):
            self._grants[f"decode thread: {grant.what}"] = grant

    def _open_device(self, name: str | None, candidates: list[DeviceInfo] | None = None) -> None:
        stream = self._stream_now()
        try:
            notice = stream.open_device(name, candidates)
        except ZerocrossError:
            stream.jump()
            self._close_stream()
            self._set_state("stopped", "stopped")
            raise
        self._remember_format()
        if notice:
            self.events.publish(Event("notice", "", notice))
        self.events.publish(Event("device", "", f"playing on {self.device}"))

    def _remember_format(self) -> None:
        stream = self._stream
        if stream is None:
            return
        self._last_format.update(
            sample_rate=stream.sample_rate,
            channels=stream.channels,
        )
        if stream.device:
            self._target = stream.device.info
            self._last_format.update(
                block_size=stream.device.block_size,
                backend=stream.device.info.backend,
                device=stream.device.info.name,
            )

    def _fade_out(self) -> None:
        """Ramp the transport down and wait until the device has got silence."""
        stream = self._stream
        if stream is None:
            return
        stream.set_playing(False)
        deadline = time.monotonic() + _RAMP_TIMEOUT_S
        while not stream.is_silent() and stream.device and time.monotonic() < deadline:
            time.sleep(0.002)

    def _end_stream(self) -> None:
        """Fade out what plays and let go of the stream; nothing of it is heard after."""
        if self._stream:
            self._fade_out()
            self._stream.jump()
            self._close_stream()

    def _close_stream(self) -> None:
        stream, self._stream = self._stream, None
        if stream is None:
            return
        self._heard_serial = 0
        if self._effects:
            self._effects.connect(None)
        stream.close()
        counters = stream.counters()
        self._counters = self._counters + counters
        self._recent = stream.recent()
        self._seconds += counters.number("frames_played") / stream.sample_rate
        self._underruns_told = self._faults_told = 0
        self._pending = None
        for posting in self._postings.values():
            posting.source.close()
        self._postings.clear()
        if self._switch_to:
            self._switch_to.close()
            self._switch_to = None

    # --- supervision --------------------------------------------------------------------------

    def _start_supervisor(self) -> None:
        if self._supervisor is None:
            self._supervisor = threading.Thread(
                target=_supervise,
                args=(weakref.ref(self), self._wake),
                name="zerocross-player",
                daemon=True,
            )
            self._supervisor.start()

    def _tick(self) -> bool:
        """Look at what the audio world reports; returns whether to go on."""
        with self._lock:
            if self._closed:
                return False
            try:
                if self._stream:
                    self._look()
            except Exception as error:  # noqa: BLE001  else it would hang in wait()
                _log.exception("the player stopped: its supervision failed")
                self._close_stream()
                self.events.publish(Event("error", self._path(), f"internal: {error!r}"))
                self._set_state("stopped", "stopped")
            return True

    def _look(self) -> None:
        stream = self._stream_now()
        if stream.device_is_lost():
            self._replace_device()
        self._collect_outcomes()
        heard = stream.heard()
        self._follow(heard)
        self._tell_counts()
        self._tell_chain_faults()
        self._ask_for_priority()
        if self._state == "playing":
            is_news = heard.marks > self._marks_at_end
            if heard.ended and is_news and heard.epoch == stream.epoch and self._end_posted:
                self._reach_end(heard.marks)
            else:
                self._feed()

    def _follow(self, heard: Heard) -> None:
        """Move the queue's index with what is heard, and tell."""
        stream = self._stream_now()
        if heard.epoch != stream.epoch or heard.serial == self._heard_serial:
            return
        posting = self._postings.get(heard.serial)
        if posting is None:
            return
        before = self._postings.get(self._heard_serial)
        if before and before.index != posting.index:
            self._finish_track(before)
        self._heard_serial = heard.serial
        self._pending = None
        self._queue.index = posting.index
        track = self._queue[posting.index]
        if track.status != "playing":
            track.status = "playing"
            self.events.publish(Event("track", track.path, f"playing {track.path}"))
        self._release_postings()

    def _collect_outcomes(self) -> None:
        for outcome in self._stream_now().outcomes():
            posting = self._postings.get(outcome.serial)
            if posting is None:
                continue
            posting.outcome = outcome
            track = self._queue[posting.index] if posting.index < len(self._queue) else None
            if track is None or posting.epoch != self._stream_now().epoch:
                continue
            if outcome.error:
                track.error = outcome.words
                self.events.publish(Event("error", track.path, f"{track.path}: {track.error}"))
            if outcome.nonfinite:
                words = f"{outcome.nonfinite} samples are NaN or infinite; silenced or limited"
                track.error = track.error or words
                self.events.publish(Event("warning", track.path, f"{track.path}: {words}"))
        self._release_postings()

    def _release_postings(self) -> None:
        """Close the files that neither the decode thread nor a seek can need any more."""
        stream = self._stream_now()
        at_work = stream.decoder_epoch
        done = [
            p
            for p in self._postings.values()
            if (
                p.outcome is not None
                and p.index != self._queue.index
                and p.serial < self._heard_serial
            )
            or p.epoch < min(at_work, stream.epoch)
        ]
        for posting in done:
            del self._postings[posting.serial]
            if not any(p.source is posting.source for p in self._postings.values()):
                posting.source.close()

    def _finish_track(self, posting: _Posting) -> None:
        """Write on a track that was heard to its end what became of it."""
        track = self._queue[posting.index]
        outcome = posting.outcome
        track.frames = outcome.frames if outcome else 0
        failed = outcome is not None and outcome.error != 0
        if not failed:
            track.status = "played"
        else:
            track.status = "truncated" if track.frames else "failed"

    def _leave_track(self) -> None:
        """Write on the current track that it was left early."""
        track = self._queue.current
        if track is None or self._stream is None or track.status not in ("playing", "waiting"):
            return
        heard = self._stream.heard()
        posting = self._postings.get(heard.serial)
        if posting and posting.index == self._queue.index:
            track.frames = heard.file_frame - posting.start_frame
        track.status = "skipped"

    def _reach_end(self, marks: int) -> None:
        """All that was posted has been heard: stop, or go on in another format."""
        last = self._postings.get(self._heard_serial)
        if last:
            self._finish_track(last)
        epoch = self._stream_now().epoch
        for posting in self._postings.values():  # heard too shortly to be seen, or empty
            if posting.epoch != epoch or posting.outcome is None:
                continue
            if self._queue[posting.index].status == "waiting":
                self._finish_track(posting)
        source, index = self._switch_to, self._next_index
        if source is None and index < len(self._queue) and not self._is_over_budget():
            self._end_posted = False  # tracks were added since; this end is an old one from here on
            self._marks_at_end = marks
            self._feed()
            return
        self._switch_to = None
        self._close_stream()
        if source is None:
            self._set_state("stopped", "finished")
            return
        try:
            self._begin_source(index, source, 0.0)
        except ZerocrossError as error:
            self._fail(index, error)

    def _fail(self, index: int, error: ZerocrossError) -> None:
        track = self._queue[index]
        track.status, track.error = "failed", str(error)
        self.events.publish(Event("error", track.path, str(error)))
        self._set_state("stopped", "stopped")

    def _replace_device(self) -> None:
        """Move to the default device, or to the null device, keeping the position."""
        stream = self._stream_now()
        lost = self.device
        stream.close_device(patience_s=0.2)
        for name in (None, "null"):
            with contextlib.suppress(ZerocrossError):
                stream.open_device(name)
                break
        self._remember_format()
        where = self.device or "no device"
        self.events.publish(Event("notice", "", f"{lost} is gone; playing on {where}"))
        self.events.publish(Event("device", "", f"playing on {where}"))

    def _tell_counts(self) -> None:
        """Turn new underruns and faults into events."""
        record = self._stream_now().record
        underruns, faults = int(record["underruns"]), int(record["faults"])
        if underruns > self._underruns_told:
            count = underruns - self._underruns_told
            self._underruns_told = underruns
            self.events.publish(Event("underrun", self._path(), f"{count} underrun(s)"))
        if faults > self._faults_told:
            self._faults_told = faults
            status = int(record["fault_status"])
            self.events.publish(
                Event("fault", self._path(), f"the audio kernel reported fault status {status}")
            )

    def _ask_for_priority(self) -> None:
        for grant in self._stream_now().elevate(self._pin):
            self._grants[grant.what] = grant

    def _tell_chain_faults(self) -> None:
        for fault in self._effects.faults() if self._effects else ():
            self.events.publish(Event("fault", self._path(), str(fault)))

    def _set_state(self, state: str, event: str) -> None:
        self._state = state
        if event:
            self.events.publish(Event(event, self._path()))
        self._idle.notify_all()

    def _path(self) -> str:
        track = self._queue.current
        return track.path if track else ""

    def _check_open(self) -> None:
        if self._closed:
            raise UsageError("the player is closed; make a new one")

    def _set_device(self, name: str | None) -> None:
        """Move to another device while playing; the position is kept."""
        with self._lock:
            self._device_name = name
            if self._stream:
                self._stream.close_device()
                self._open_device(name)


def _supervise(player: weakref.ref[Player], wake: threading.Event) -> None:
    while not wake.wait(_PERIOD_S):
        target = player()
        if target is None or not target._tick():
            return
        del target


def _checked_volume(value: float) -> float:
    if not 0.0 <= value <= 1.0:
        raise UsageError(f"volume {value}: give a number from 0 to 1")
    return float(value)
