"""The supervisor: a thread that looks at what the audio world reports.

It sleeps until there is something to see: a signal (`Playback.news`) is raised by the callback, the
decode thread and the device for what they report, and by whoever changes what is to be played. A
timer there is only for what cannot tell of itself: a device that has stopped calling, a disk or a
server that does not answer, a pause that lasts (`_look_in_s`). A player that has stopped has none.

It moves the queue on with what is heard, opens the next tracks ahead of time, tells of underruns
and faults, of what holds the music up (`watch`), asks for the audio thread's priority, and has another
device looked for when one disappears. If it is held up (by the GIL, say), what was posted plays on.

Locks: each look holds `Playback.lock`. Events are published with it held, so a listener may call
the player, even to close it: after every step it is asked whether the stream is still the same.
"""

from __future__ import annotations

import logging
import threading

from zerocross.engine.heard import Heard
from zerocross.player.feed import Feed
from zerocross.player.notifications import Event
from zerocross.player.playback import Playback
from zerocross.player.rest import Rest
from zerocross.player.start import Start
from zerocross.player.watch import HeldUp, Watch
from zerocross.system.background import BackgroundCall

__all__ = ["Supervisor"]

_LOCK_PATIENCE_S = 0.01
_PATIENCE_S = 1.0
_MOMENT_S = 0.01
#: A start that has waited for so long for a disk or a sound server is told.
_SLOW_START_S = 0.3

_DISK_IS_LATE = "its disk has stopped delivering"
_GOES_ON = "playing waits, and goes on by itself"

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
        self._is_ended = False
        self._thread: threading.Thread | None = None
        self._heard = Heard(0, 0, 0, ended=False)
        self._watch: Watch | None = None
        self._rest: Rest | None = None
        self._late = ""  # the track that was told as buffering last
        self._asking: BackgroundCall[None] | None = None

    def start(self) -> None:
        """Start the thread; twice is once. Under the lock."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="zerocross-player", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the thread and wait for that, unless this is it. Without the lock."""
        self._is_ended = True
        self._playback.news.notify()
        self._watch = self._rest = None
        thread = self._thread
        if thread and thread is not threading.current_thread():
            thread.join(_PATIENCE_S)

    def forget(self) -> None:
        """In a forked child, which does not have the thread: be stopped."""
        self._thread = None

    def _run(self) -> None:
        news = self._playback.news
        seen = news.count  # before the look: what is told from then on is seen in the next one
        while not self._is_ended and self._tick():
            news.wait(seen, self._look_in_s())
            seen = news.count

    def _tick(self) -> bool:
        """Look once; returns whether to go on."""
        playback = self._playback
        while not playback.lock.acquire(timeout=_LOCK_PATIENCE_S):
            if self._is_ended:  # who closes the player may hold the lock and wait for us
                return False
        try:
            if playback.closed:
                return False
            self.look()
        except Exception as error:  # noqa: BLE001  else it would hang in wait()
            _log.exception("the player stopped: its supervision failed")
            playback.starting = None
            playback.leave_stream()
            playback.publish("error", f"internal: {error!r}")
            playback.set_state("stopped", "stopped")
        finally:
            playback.lock.release()
        return True

    def look(self) -> None:
        """Look at what the audio world reports, and do what follows. Under the lock."""
        playback = self._playback
        if playback.starting:
            self._watch_start(playback.starting)
            return
        feed = playback.feed
        if feed is None:
            return
        for step in (
            self._tell_what_holds_up,
            self._collect,
            self._follow,
            self._tell_counts,
            self._tell_reroutes,
            self._tell_chain_faults,
            self._ask_for_priority,
            self._go_on,
        ):
            step(feed)
            if self._playback.feed is not feed:
                return  # a listener has stopped it, or it goes on in another format

    def _look_in_s(self) -> float | None:
        """Return when to look again at the latest; None for when there is news."""
        playback = self._playback
        start, watch, rest = playback.starting, self._watch, self._rest
        if start:
            is_told = start.holds_up in {"", playback.held_up}
            if (is_told and not playback.outlasts_a_start) or playback.state != "playing":
                return None
            return max(_MOMENT_S, _SLOW_START_S - start.waited_s)
        if playback.feed is None or watch is None or rest is None:
            return None
        times = (watch.look_in_s, rest.look_in_s, playback.feed.look_in_s)
        due = [each for each in times if each is not None]
        return min(due, default=None)

    # --- the steps --------------------------------------------------------------------------

    def _watch_start(self, start: Start) -> None:
        playback = self._playback
        if playback.state != "playing" or start.waited_s < _SLOW_START_S:
            return
        if start.waits_for_file:
            playback.drop_what_was()
            self._await_file(playback.path)
        else:
            self._be_held_up("waiting", f"{playback.output.wanted}: it has not answered yet")

    def _await_file(self, path: str) -> None:
        who = "server" if "://" in path else "disk"
        self._be_held_up("buffering", f"its {who} has not answered yet", path)

    def _be_held_up(self, state: str, words: str = "", path: str = "") -> None:
        """Be held up, and tell it, once, of a path or the device; with an empty state, be no more."""
        playback = self._playback
        before, playback.held_up = playback.held_up, state
        if state == before:
            return
        if state == "buffering":
            self._late = path
            words = f"{path}: {words}; playing goes on by itself when it does"
            playback.events.publish(Event("buffering", path, words))
        elif state == "waiting":
            playback.events.publish(Event("notice", "", words))
        elif before == "buffering":
            playback.events.publish(Event("resumed", self._late, "playing on"))
        elif playback.output.device:
            playback.events.publish(Event("device", "", f"playing on {playback.output.device}"))

    def _tell_what_holds_up(self, feed: Feed) -> None:
        """Tell of a device or a disk that does not deliver, and look for another device."""
        playback = self._playback
        watch, rest = self._watch, self._rest
        if watch is None or rest is None or watch.stream is not feed.stream:
            watch, rest = Watch(feed.stream), Rest(feed.stream, playback.news)
            self._watch, self._rest = watch, rest
        resting = rest.look(None if playback.fed else playback.paused_s)
        found = watch.look(playback.state == "playing", resting, feed.awaited is not None)
        if found is HeldUp.EFFECT:
            self._stop_for_effect(feed)
        elif found is HeldUp.LOST:
            self._tell_lost(feed)
        elif found is HeldUp.SUSPENDED:
            self._be_held_up("waiting", f"{playback.output.device} is suspended; {_GOES_ON}")
        elif found is HeldUp.SILENT:
            self._be_held_up("waiting", f"{playback.output.device} does not answer; {_GOES_ON}")
        elif found is HeldUp.DISK and feed.awaited:
            self._await_file(feed.awaited.path)
        elif found is HeldUp.DISK:
            feed.stream.read_further_ahead()
            what = "too little of it has come yet" if feed.stream.is_starved else _DISK_IS_LATE
            self._be_held_up("buffering", what, playback.path)
        elif playback.reopening is None:
            self._be_held_up("")

    def _tell_lost(self, feed: Feed) -> None:
        playback = self._playback
        at_s = feed.position_s
        lost = playback.replace_device()
        playback.held_up = ""  # told here; waiting lasts as long as the search
        words = f"{lost} is gone; playing waits at {at_s:.1f} s for a device, and goes on by itself"
        playback.events.publish(Event("notice", "", words))

    def _stop_for_effect(self, feed: Feed) -> None:
        """Stop at an effect that never returns; its thread is left behind."""
        playback, effect = self._playback, feed.stream.effect_at_work
        name = type(effect).__name__ if effect else "the audio thread"
        verdict = effect.verdict if effect else None
        where = f" ({verdict.file}:{verdict.line})" if verdict else ""
        playback.leave_track()
        playback.leave_stream(is_hung=True)
        playback.publish(
            "fault",
            f"{name} hangs: its process does not return{where}; playing has stopped, "
            "make a new player without it",
        )
        if playback.state != "stopped" and playback.starting is None:
            playback.set_state("stopped", "stopped")

    def _collect(self, feed: Feed) -> None:
        feed.collect()
        self._playback.decoded_ahead_s()  # remembers the most

    def _follow(self, feed: Feed) -> None:
        """Move the queue's index with what is heard, and tell."""
        self._heard = feed.stream.heard()
        awaits_call = self._watch is not None and self._watch.awaits_call
        feed.stream.tell_next(awaits_call or self._heard.is_to_come)
        before, begun = feed.heard, feed.hear(self._heard)
        for posting in begun:
            if before and posting.is_next:
                feed.finish(before)
            before, track = posting, posting.track
            feed.queue.be_at(track)
            if track.status != "playing" or posting.is_next:
                track.status = "playing"
                self._playback.titles.read(track)
                self._playback.publish("track", f"playing {track.path}")
                if self._playback.feed is not feed or self._playback.starting:
                    return
        if begun:
            feed.release()

    def _tell_counts(self, feed: Feed) -> None:
        """Turn new underruns and faults into events."""
        output, stream = self._playback.output, feed.stream
        underruns, faults = stream.count("underruns"), stream.count("faults")
        before, output.told = output.told, (underruns, faults)
        if underruns > before[0]:
            count = underruns - before[0]
            self._playback.publish("underrun", f"{count} underrun{'s'[: count != 1]}")
        dry = self._playback.fed.new_underruns() if self._playback.fed else 0
        if dry:
            words = (
                f"the feed ran dry {dry} time{'s'[: dry != 1]}; write further ahead, or mark ends"
            )
            self._playback.events.publish(Event("feed_underrun", "", words))
        if faults > before[1]:
            words = f"the audio kernel reported fault status {stream.count('fault_status')}"
            self._playback.publish("fault", words)

    def _tell_chain_faults(self, _feed: Feed) -> None:
        effects = self._playback.output.effects
        for fault in effects.faults() if effects else ():
            self._playback.publish("fault", str(fault))

    def _tell_reroutes(self, feed: Feed) -> None:
        """Tell that the sound server has moved the sound to another device."""
        device, output = feed.stream.device, self._playback.output
        moves = device.client.reroutes if device else 0
        before, output.told_reroutes = output.told_reroutes, moves
        if moves > before:
            words = f"the sound server has moved the sound from {output.device} to another device"
            self._playback.events.publish(Event("notice", "", words))

    def _ask_for_priority(self, _feed: Feed) -> None:
        """Ask on a thread of its own: a service that is asked may take its time."""
        output, is_free = self._playback.output, self._asking is None or self._asking.is_done
        if is_free and output.is_to_be_elevated:
            news = self._playback.news
            self._asking = BackgroundCall(output.elevate, "zerocross-ask", news.notify)

    def _go_on(self, feed: Feed) -> None:
        feed.follow_if_due()
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
        other, playback = feed.take_other_format(), self._playback
        if other is None:
            playback.cut = playback.queue.current, feed.cut_at_s
        if other is None and playback.fed:
            playback.silence_stream()
            playback.set_state("stopped", "finished")
            return
        playback.leave_stream()
        if other is None:
            playback.set_state("stopped", "finished")
        else:
            playback.begin(other[0], 0.0, other[1])
