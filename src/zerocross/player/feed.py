"""What a stream gets to play: the tracks of a queue, opened ahead and posted in order.

One feed serves one stream, of `Player` or of `offline.render`. It opens the tracks that come
next, posts them so that they join without a gap, cuts them where ``duration_s`` ends, reads what
became of each, and closes the files that nobody needs any more.

Locks: none of its own. A player's feed is used only under `Playback.lock`; that of a rendering
by one thread. The decode thread reads the posted files' handles, so a file is closed only after
its outcome was read, after the decode thread works on a newer epoch, or with the stream.

Over 300 lines, for the documented state of a posting and of the feed: its methods share all of it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from zerocross.engine.file_stream import FileStream
from zerocross.engine.heard import Heard, Outcome
from zerocross.player.budget import Budget
from zerocross.player.queue import Queue, Track
from zerocross.sources.file import OpenSource, Part

__all__ = ["Feed", "Posting"]


@dataclasses.dataclass
class Posting:
    """A source that the stream has: which track, which part, in which epoch.

    Attributes
    ----------
    serial : int
        Its number in the stream, from 1.
    index : int
        Of its track in the queue.
    source : OpenSource
        The open file; several postings share one after a seek.
    epoch : int
        The stream's when it was posted.
    start_frame : int
        Of the file.
    outcome : Outcome or None
        What the decode thread said when it was done with it.

    """

    serial: int
    index: int
    source: OpenSource
    epoch: int
    start_frame: int
    outcome: Outcome | None = None


class Feed:
    """Posts the tracks of a queue to a stream, ahead of what is decoded.

    Parameters
    ----------
    stream : FileStream
        What plays them.
    queue : Queue
        The tracks. What becomes of each is written on it.
    budget : Budget
        Cuts them where ``duration_s`` ends.
    open_track : callable
        Opens the track of an index; returns None for one to be passed over.
    tell : callable
        Called with the kind (``error`` or ``warning``), the track and words, when one is found
        damaged.
    ahead : int
        Tracks that may be posted and not yet decoded.
    is_ready : callable
        Whether `open_track` for an index would return at once; where it would not, it is begun.
    suits : callable
        Whether a source can be played by this stream; at one that cannot, the feed ends.
    seekable : bool
        Whether decoded files stay open until they were heard, so that a seek finds them open.

    Attributes
    ----------
    queue, budget
        As given; another pair from a jump on.
    next_index : int
        Of the track that will be opened next.
    end_posted : bool
        Whether the stream was told that nothing follows.
    other_format : OpenSource or None
        The source that did not suit, open; the feed ended before it.
    is_left : bool
        Whether the stream is on its way out: nothing more is opened for it.

    Notes
    -----
    None is real-time safe.

    """

    def __init__(
        self,
        stream: FileStream,
        queue: Queue,
        budget: Budget,
        *,
        open_track: Callable[[int], OpenSource | None],
        tell: Callable[[str, Track, str], None],
        ahead: int,
        is_ready: Callable[[int], bool] = lambda _: True,
        suits: Callable[[OpenSource], bool] = lambda _: True,
        seekable: bool = True,
    ) -> None:
        self.stream, self.queue, self.budget = stream, queue, budget
        self._open_track, self._tell = open_track, tell
        self._is_ready, self._suits = is_ready, suits
        self._ahead, self._seekable = ahead, seekable
        self.next_index = 0
        self.end_posted = self.is_left = False
        self.other_format: OpenSource | None = None
        self._serial = 0
        self._postings: dict[int, Posting] = {}
        self._heard_serial = 0
        self._marks_at_end = -1
        # Where a jump goes, until it is heard: the epoch, and seconds into the track.
        self._awaited: tuple[int, float] | None = None

    # --- posting ----------------------------------------------------------------------------

    def begin(self, index: int, source: OpenSource, start_s: float, reused: bool = False) -> None:
        """Post a track's source from a time in seconds on, and then what follows it.

        ``reused`` says that a decode thread may have moved the file's position.
        """
        start = round(start_s * source.sample_rate)
        if source.frames is not None:
            start = min(start, source.frames)
        self.end_posted = False
        self.queue.index, self.next_index = index, index + 1
        self._awaited = (self.stream.epoch, start / source.sample_rate)
        self._post(index, source, start, reused)
        self.fill()

    def jump(self, index: int, source: OpenSource, start_s: float, reused: bool = False) -> None:
        """Begin anew with a source: nothing that was posted before will be heard."""
        self.stream.jump()
        self._close_other_format()
        self.begin(index, source, start_s, reused)

    def fill(self) -> None:
        """Post the tracks ahead that are open, until one that does not suit, or the end."""
        epoch = self.stream.epoch
        while not (self.end_posted or self.is_left) and self._undecoded() < self._ahead:
            if not self._has_next():
                self._post_end()
                return
            index = self.next_index
            failed = self.queue[index].status == "failed"  # told already
            if not failed and not self._is_ready(index):
                return
            self.next_index += 1
            if failed:
                continue
            source = self._open_track(index)
            if source is None:
                continue
            if self.stream.epoch != epoch:  # a listener to errors jumped or stopped
                source.close()
                return
            if not self._suits(source):
                self.other_format, self.next_index = source, index
                self._post_end()
                return
            self._post(index, source, 0)

    def _post(self, index: int, source: OpenSource, start: int, reused: bool = False) -> None:
        problem, source.problem = source.problem, ""  # told once
        if problem:
            self.queue[index].error = problem
            self._tell("error", self.queue[index], problem)
        if source.rest:
            self._queue_rest(index + 1, source.rest)
        self._serial += 1
        posting = Posting(self._serial, index, source, self.stream.epoch, start)
        self._postings[self._serial] = posting
        end = self.budget.end_of(index, source, start)
        self.stream.post(posting.serial, source, start, end, reused)

    def _queue_rest(self, index: int, rest: Part) -> None:
        """Let what follows in a file in another format be the next track, if it is not yet."""
        if index < len(self.queue) and self.queue[index].location == rest:
            return
        self.queue.insert(index, rest)
        self.budget.make_room(index)
        for posting in self._postings.values():
            posting.index += posting.index >= index

    def _post_end(self) -> None:
        self.stream.post_end()
        self.end_posted = True

    def _has_next(self) -> bool:
        is_spent = self.budget.is_spent(self.stream.sample_rate)
        return self.next_index < len(self.queue) and not is_spent

    def _undecoded(self) -> int:
        epoch = self.stream.epoch
        return sum(p.epoch == epoch and p.outcome is None for p in self._postings.values())

    # --- what became of it ------------------------------------------------------------------

    def collect(self) -> None:
        """Read what became of the posted sources, tell of damaged ones, close what is done."""
        for outcome in self.stream.outcomes():
            posting = self._postings.get(outcome.serial)
            if posting is None:
                continue
            posting.outcome = outcome
            if posting.epoch == self.stream.epoch and posting.index < len(self.queue):
                self._tell_outcome(self.queue[posting.index], outcome)
        self.release()

    def _tell_outcome(self, track: Track, outcome: Outcome) -> None:
        if outcome.error:
            track.error = outcome.words
            self._tell("error", track, outcome.words)
        if outcome.nonfinite:
            words = f"{outcome.nonfinite} samples are NaN or infinite; silenced or limited"
            track.error = track.error or words
            self._tell("warning", track, words)

    def release(self) -> None:
        """Close the files that neither the decode thread nor a seek can need any more."""
        at_work = min(self.stream.decoder_epoch, self.stream.epoch)
        for posting in [p for p in self._postings.values() if not self._needs(p, at_work)]:
            del self._postings[posting.serial]
            if not any(p.source is posting.source for p in self._postings.values()):
                posting.source.close()

    def _needs(self, posting: Posting, at_work: int) -> bool:
        if posting.epoch < at_work:
            return False
        if posting.outcome is None:
            return True
        is_to_be_heard = posting.serial >= self._heard_serial or posting.index == self.queue.index
        return self._seekable and is_to_be_heard

    def finish(self, posting: Posting) -> None:
        """Write on a track that was heard to its end what became of it."""
        track, outcome = self.queue[posting.index], posting.outcome
        track.frames = outcome.frames if outcome else 0
        if outcome is None or not outcome.error:
            track.status = "played"
        else:
            track.status = "truncated" if track.frames else "failed"

    def finish_all(self) -> None:
        """Write the same on the last track, and on those heard too shortly to be seen, or empty."""
        if self.heard:
            self.finish(self.heard)
        for posting in self._postings.values():
            if posting.epoch != self.stream.epoch or posting.outcome is None:
                continue
            if self.queue[posting.index].status == "waiting":
                self.finish(posting)

    def leave(self) -> None:
        """Write on the current track that it is left early."""
        track = self.queue.current
        if track is None or track.status not in {"playing", "waiting"}:
            return
        now = self.stream.heard()
        posting = self._postings.get(now.serial)
        if posting and posting.index == self.queue.index:
            track.frames = now.file_frame - posting.start_frame
        track.status = "skipped"

    # --- what is heard ----------------------------------------------------------------------

    @property
    def heard(self) -> Posting | None:
        """The posting that was heard last, as far as `hear` was told."""
        return self._postings.get(self._heard_serial)

    def hear(self, now: Heard) -> list[Posting]:
        """Take note of what is heard; returns the postings that began since, in order.

        Those before the last one were too short to be seen while they were heard.
        """
        if now.epoch != self.stream.epoch or now.serial == self._heard_serial:
            return []
        if now.serial not in self._postings:
            return []
        before, self._heard_serial, self._awaited = self._heard_serial, now.serial, None
        return [
            posting
            for serial, posting in self._postings.items()
            if before < serial <= now.serial and posting.epoch == now.epoch
        ]

    @property
    def position_s(self) -> float:
        """Seconds into the current track that have been heard, or where a jump goes."""
        now = self.stream.heard()
        if self._awaited and now.epoch < self._awaited[0]:
            return self._awaited[1]
        posting = self._postings.get(now.serial)
        if posting is None or posting.index != self.queue.index:
            return self._awaited[1] if self._awaited else 0.0
        return now.file_frame / posting.source.sample_rate

    def source_of(self, index: int) -> OpenSource | None:
        """Return the open file of a track, if it still is."""
        mine = [p.source for p in self._postings.values() if p.index == index]
        return mine[-1] if mine else None

    # --- the end ----------------------------------------------------------------------------

    def has_reached_end(self, now: Heard) -> bool:
        """Return whether all that was posted has been heard."""
        is_current = now.epoch == self.stream.epoch
        return self.end_posted and now.ended and is_current and now.marks > self._marks_at_end

    def has_more(self) -> bool:
        """Return whether tracks were added since the end was posted."""
        return self.other_format is None and self._has_next()

    def go_on(self, now: Heard) -> None:
        """Post tracks that were added since; the end that was reached is an old one from here on."""
        self.end_posted = False
        self._marks_at_end = now.marks
        self.fill()

    def take_other_format(self) -> OpenSource | None:
        """Return the source that the feed ended before, to be closed by the caller."""
        source, self.other_format = self.other_format, None
        return source

    def close(self) -> None:
        """Close all files. The stream must be closed, or have no decode thread."""
        for posting in self._postings.values():
            posting.source.close()
        self._postings.clear()
        self._close_other_format()

    def _close_other_format(self) -> None:
        source = self.take_other_format()
        if source:
            source.close()
