"""The supervisor: a thread that looks every 10 ms at what the audio world reports.

It moves the queue on with what is heard, opens the next tracks ahead of time, tells of underruns
and faults, asks for the audio thread's priority, and moves the stream to another device when one
disappears. If it is held up (by the GIL, say), what was posted plays on.

Locks: each look holds `Playback.lock`. Events are published with it held, so a listener may call
the player, even to close it: after every step it is asked whether the stream is still the same.
"""

from __future__ import annotations

import logging
import threading

from zerocross.engine.heard import Heard
from zerocross.errors import ZerocrossError
from zerocross.player.feed import Feed
from zerocross.player.notifications import Event
from zerocross.player.playback import Playback

__all__ = ["Supervisor"]

_PERIOD_S = 0.01

_log = logging.getLogger(__name__)


class Supervisor:
    """Looks after what plays, on a thread of its own.

    Parameters
    ----------
    playback : Playback
        What plays. The player itself is not known here, so that the thread keeps no player
        alive that its user has dropped.

    """

    def __init__(self, playback: Playback) -> None:
        self._playback = playback
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._heard = Heard(0, 0, 0, ended=False)

    def start(self) -> None:
        """Start the thread; twice is once. Under the lock."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="zerocross-player", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the thread and wait for that, unless this is it. Without the lock."""
        self._wake.set()
        thread = self._thread
        if thread and thread is not threading.current_thread():
            thread.join()

    def forget(self) -> None:
        """In a forked child, which does not have the thread: be stopped."""
        self._thread = None

    def _run(self) -> None:
        while not self._wake.wait(_PERIOD_S) and self._tick():
            pass

    def _tick(self) -> bool:
        """Look once; returns whether to go on."""
        playback = self._playback
        while not playback.lock.acquire(timeout=_PERIOD_S):
            if self._wake.is_set():  # who closes the player may hold the lock and wait for us
                return False
        try:
            if playback.closed:
                return False
            self.look()
        except Exception as error:  # noqa: BLE001  else it would hang in wait()
            _log.exception("the player stopped: its supervision failed")
            playback.close_stream()
            playback.publish("error", f"internal: {error!r}")
            playback.set_state("stopped", "stopped")
        finally:
            playback.lock.release()
        return True

    def look(self) -> None:
        """Look at what the audio world reports, and do what follows. Under the lock."""
        feed = self._playback.feed
        if feed is None:
            return
        for step in (
            self._replace_lost_device,
            self._collect,
            self._follow,
            self._tell_counts,
            self._tell_chain_faults,
            self._ask_for_priority,
            self._go_on,
        ):
            step(feed)
            if self._playback.feed is not feed:
                return  # a listener has stopped it, or it goes on in another format

    # --- the steps --------------------------------------------------------------------------

    def _replace_lost_device(self, feed: Feed) -> None:
        """Move to the default device, or to the null device, keeping the position."""
        if not feed.stream.device_is_lost():
            return
        playback, output = self._playback, self._playback.output
        lost = output.device
        output.replace_device()
        where = output.device or "no device"
        playback.events.publish(Event("notice", "", f"{lost} is gone; playing on {where}"))
        playback.events.publish(Event("device", "", f"playing on {where}"))

    def _collect(self, feed: Feed) -> None:
        feed.collect()

    def _follow(self, feed: Feed) -> None:
        """Move the queue's index with what is heard, and tell."""
        self._heard = feed.stream.heard()
        before, posting = feed.heard, feed.hear(self._heard)
        if posting is None:
            return
        if before and before.index != posting.index:
            feed.finish(before)
        feed.queue.index = posting.index
        track = feed.queue[posting.index]
        if track.status != "playing":
            track.status = "playing"
            self._playback.publish("track", f"playing {track.path}")
        feed.release()

    def _tell_counts(self, feed: Feed) -> None:
        """Turn new underruns and faults into events."""
        output, stream = self._playback.output, feed.stream
        underruns, faults = stream.count("underruns"), stream.count("faults")
        before, output.told = output.told, (underruns, faults)
        if underruns > before[0]:
            self._playback.publish("underrun", f"{underruns - before[0]} underrun(s)")
        if faults > before[1]:
            words = f"the audio kernel reported fault status {stream.count('fault_status')}"
            self._playback.publish("fault", words)

    def _tell_chain_faults(self, _feed: Feed) -> None:
        effects = self._playback.output.effects
        for fault in effects.faults() if effects else ():
            self._playback.publish("fault", str(fault))

    def _ask_for_priority(self, _feed: Feed) -> None:
        self._playback.output.elevate()

    def _go_on(self, feed: Feed) -> None:
        if self._playback.state != "playing":
            return
        if feed.has_reached_end(self._heard):
            self._reach_end(feed)
        else:
            feed.fill()

    # --- the end ----------------------------------------------------------------------------

    def _reach_end(self, feed: Feed) -> None:
        """All that was posted has been heard: stop, or go on in another format."""
        feed.finish_all()
        if feed.has_more():
            feed.go_on(self._heard)
            return
        source, index = feed.take_other_format(), feed.next_index
        playback = self._playback
        playback.close_stream()
        if source is None:
            playback.set_state("stopped", "finished")
            return
        try:
            playback.start(index, source, 0.0)
        except ZerocrossError as error:
            self._fail(index, error)

    def _fail(self, index: int, error: ZerocrossError) -> None:
        """Stop at a track that its device cannot play."""
        track = self._playback.queue[index]
        track.status, track.error = "failed", str(error)
        self._playback.events.publish(Event("error", track.path, str(error)))
        self._playback.set_state("stopped", "stopped")
