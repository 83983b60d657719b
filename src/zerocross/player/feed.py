"""What a stream gets to play: the tracks of a queue, opened ahead and posted in order.

One feed serves one stream, of `Player` or of `offline.render`. It opens the tracks that come
next, posts them so that they join without a gap, cuts them where ``duration_s`` ends, reads what
became of each, and closes the files that nobody needs any more.

Locks: none of its own. A player's feed is used only under `Playback.lock`; that of a rendering
by one thread. The decode thread reads the posted files' handles, so a file is closed only after
its outcome was read, after the decode thread works on a newer epoch, or with the stream.

A change of the queue is followed by `Feed.revise`: what plays is kept by a new epoch of the stream
(`engine.transport`), what differs after it is withdrawn, and what the queue says now is posted.

Over 300 lines, for the documented state of the feed: its methods share all of it.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable

from zerocross.engine.file_stream import FileStream
from zerocross.engine.heard import Heard, Outcome
from zerocross.player.budget import Budget
from zerocross.player.posting import Posting, loop_of
from zerocross.player.queue import Queue, Track
from zerocross.sources.source import OpenSource

__all__ = ["Feed"]

#: Changes of the queue within so long of one that was followed are followed together.
_REVISE_EVERY_S = 0.25


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
        Opens a track; returns None for one that failed, and is passed over.
    tell : callable
        Called with the kind (``error``, ``warning`` or ``notice``), the track and words, when one
        is found damaged or has something to tell.
    ahead : int
        Tracks that may be posted and not yet decoded.
    is_ready : callable
        Whether `open_track` would return at once; where it would not, it is begun.
    suits : callable
        Whether a source can be played by this stream; at one that cannot, the feed ends.
    seekable : bool
        Whether decoded files stay open until they were heard, so that a seek finds them open.

    Attributes
    ----------
    queue, budget
        As given; the budget is another one from a jump on.
    end_posted : bool
        Whether the stream was told that nothing follows.
    other_format : tuple of (Track, OpenSource) or None
        What did not suit, open; the feed ended before it.
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
        open_track: Callable[[Track], OpenSource | None],
        tell: Callable[[str, Track, str], None],
        ahead: int,
        is_ready: Callable[[Track], bool] = lambda _: True,
        suits: Callable[[OpenSource], bool] = lambda _: True,
        seekable: bool = True,
    ) -> None:
        self.stream, self.queue, self.budget = stream, queue, budget
        self._open_track, self._tell = open_track, tell
        self._is_ready, self._suits = is_ready, suits
        self._ahead, self._seekable = ahead, seekable
        self.end_posted = self.is_left = False
        self._next_up: Track | None = None  # where its file is not open yet
        self.other_format: tuple[Track, OpenSource] | None = None
        self._serial = 0
        self._revised_at, self._is_to_be_revised = -math.inf, False
        self._postings: dict[int, Posting] = {}
        self._first: Posting | None = None  # of the last jump
        self._last: Track | None = None  # that was posted, or failed
        self._spare: dict[Track, OpenSource] = {}
        # What keeps the file open of what was posted last, and in which epoch that was.
        self._tail: tuple[int, OpenSource | None] = (0, None)
        self._heard_serial = 0
        self._marks_at_end = -1
        # Where a jump goes, until it is heard: the epoch, and seconds into the track.
        self._awaited: tuple[int, float] | None = None

    # --- posting ----------------------------------------------------------------------------

    def begin(self, track: Track, source: OpenSource, start_s: float, reused: bool = False) -> None:
        """Post a track's source from a time in seconds on, and then what follows it.

        ``reused`` says that a decode thread may have moved the file's position.
        """
        start = source.nearest(round(start_s * source.sample_rate))
        self.end_posted = False
        self.queue.be_at(track)
        self._awaited = (self.stream.epoch, start / source.sample_rate)
        self._first = self._post(track, source, start, reused, loop_of(track, source, start))
        self.fill()

    def jump(self, track: Track, source: OpenSource, start_s: float, reused: bool = False) -> None:
        """Begin anew with a source: nothing that was posted before will be heard."""
        ahead = self._ahead_of(self._playing)
        self._give_back(ahead, track)
        self.stream.jump()
        self._close_other_format()
        self._spare = {each.track: each.source for each in ahead if each.is_read_once}
        self.begin(track, source, start_s, reused)
        self._spare = {}

    def use_gain(self, track: Track, gain: float) -> None:
        """Play on with another gain of the track that plays; what follows it is opened anew, for its own."""
        source = self.source_of(track)
        if source and (source.gain != gain or self._ahead_of(self._playing)):
            source.gain = gain
            self.jump(track, source, self.after_fade_s, reused=True)

    def drop(self) -> None:
        """Drop all that was posted: nothing of it will be heard, and no track is the current one."""
        if self._playing:
            self._give_back(self._ahead_of(self._playing), self._playing.track)
        self.stream.jump()
        self._close_other_format()
        self.end_posted, self._awaited = True, None
        self._first = self._last = None
        self._heard_serial = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing was posted, or all of it dropped."""
        return self._last is None

    def fill(self) -> None:
        """Post the tracks ahead that are open, until one that fails or does not suit, or the end."""
        self._next_up = self._post_ahead()
        self.stream.transport.store("awaits_file", int(self._next_up is not None))

    @property
    def awaited(self) -> Track | None:
        """The track whose file is not open yet, where all before it was decoded."""
        return None if self._undecoded() else self._next_up

    def _post_ahead(self) -> Track | None:
        """Do so; returns the track whose file is not open yet, if one is the next."""
        epoch = self.stream.epoch
        while not (self.end_posted or self.is_left) and self._undecoded() < self._ahead:
            track = self._next_track()
            if track is None:
                self._post_end()
                return None
            spare = self._spare.pop(track, None)
            if spare is None and not self._is_ready(track):
                return track
            source = spare or self._open_track(track)
            if source is None:  # told; the next look goes on
                if self.stream.epoch == epoch:
                    self._last = track
                return None
            if self.stream.epoch != epoch or self._next_track() is not track:
                # A listener jumped, stopped or changed the queue.
                if spare is None:
                    source.close()
                return None
            if spare is None and not self._suits(source):
                self.other_format = track, source
                self._post_end()
                return None
            if self.budget.was_heard(track) or self._is_posted(track):
                self.budget.begin_again(track)
            self._post(track, source, 0, reused=spare is not None).is_next = True
        return None

    def follow_queue(self) -> None:
        """Post anew what the queue has changed: now, or soon where that was done a moment ago.

        What is posted anew is decoded anew, and what was decoded before stays in the ring until the
        join. Many changes in a row are one; shortly before a join each is followed at once.
        """
        since = time.monotonic() - self._revised_at
        if since >= _REVISE_EVERY_S or self._left_s < 2 * _REVISE_EVERY_S:
            self.revise()
        else:
            self._is_to_be_revised = True

    @property
    def look_in_s(self) -> float | None:
        """When `follow_if_due` has something to do; None for never."""
        if not self._is_to_be_revised:
            return None
        return max(0.0, self._revised_at + _REVISE_EVERY_S - time.monotonic())

    def follow_if_due(self) -> None:
        """Do what `follow_queue` left for later."""
        if self._is_to_be_revised:
            self.follow_queue()

    @property
    def _left_s(self) -> float:
        """How much of what plays is left, in seconds; 0 where that is not known."""
        kept = self._kept()
        if kept is None or kept is not self.heard or kept.source.duration_s is None:
            return 0.0
        return kept.source.duration_s - self.position_s

    def revise(self) -> None:
        """Post anew what follows what plays, where the queue says something else by now.

        What plays is heard to its end as it would have been, and the join is as exact. Where what
        was taken out has begun already, it ends with a ramp of 10 ms.
        """
        self._is_to_be_revised = False
        kept = self._kept()
        if self.is_left or kept is None:
            return
        ahead = self._ahead_of(kept)
        self._last = (ahead or [kept])[-1].track
        if self._is_as_queued([kept, *ahead]):
            return
        self._revised_at = time.monotonic()
        playing, epoch = self._playing, self.stream.jump_after(kept.serial)
        for posting in (playing, kept):
            if posting:
                posting.epoch = epoch
        self._keep_open(kept.source)
        self._give_back(ahead, kept.track)
        self._close_other_format()
        self.end_posted, self._last = False, kept.track
        self._spare = {each.track: each.source for each in reversed(ahead)}
        self.fill()
        self._spare = {}

    def _kept(self) -> Posting | None:
        """Return what is to be heard to its end: what is read, or else what is heard."""
        playing = self._playing
        read = self._postings.get(self.stream.at_work_on)
        if playing and read and read.epoch == playing.epoch and read.serial > playing.serial:
            between = [p for p in self._ahead_of(playing) if p.serial <= read.serial]
            if self._is_a_row([playing, *between]):
                return read
        return playing

    @property
    def _playing(self) -> Posting | None:
        """The posting that is heard, or that a jump goes to."""
        if self._first and self._first.serial > self._heard_serial:
            return self._first
        return self.heard

    def _ahead_of(self, first: Posting | None) -> list[Posting]:
        if first is None:
            return []
        epoch = self.stream.epoch
        return [p for p in self._postings.values() if p.epoch == epoch and p.serial > first.serial]

    def _is_posted(self, track: Track) -> bool:
        postings, epoch = self._postings.values(), self.stream.epoch
        return any(each.track is track and each.epoch == epoch for each in postings)

    def _is_as_queued(self, postings: list[Posting]) -> bool:
        """Return whether they are what the queue says, up to the end where that was posted."""
        if not self._is_a_row(postings):
            return False
        if not self.end_posted:
            return True
        following = self._next_track()
        return following is (self.other_format[0] if self.other_format else None)

    def _is_a_row(self, postings: list[Posting]) -> bool:
        return all(
            self._next_after(one.track) is other.track
            for one, other in itertools.pairwise(postings)
        )

    def _next_track(self) -> Track | None:
        """Return the track to post next; None for the end."""
        if self._last is None or self.budget.is_spent(self.stream.sample_rate):
            return None
        return self._next_after(self._last)

    def _next_after(self, track: Track) -> Track | None:
        """Return what follows a track, without what is known not to be playable."""
        following = self.queue.following(track)
        for _ in range(len(self.queue)):
            if following is None or following.status != "failed":
                return following
            if following is track:
                return None
            following = self.queue.after(following)
        return None

    def _post(
        self,
        track: Track,
        source: OpenSource,
        start: int,
        reused: bool = False,
        loop: tuple[int, int] | None = None,
    ) -> Posting:
        problem, source.problem = source.problem, ""  # told once
        if problem:
            track.error = problem
            self._tell("error", track, problem)
        if source.rest:
            self.queue.put_after(track, source.rest)
        self._serial += 1
        posting = Posting(self._serial, track, source, self.stream.epoch, start)
        self._postings[self._serial] = posting
        self._last = track
        end = self.budget.end_of(track, source, start)
        if loop and end is not None and end < loop[1]:
            loop = None
        goes_on = self._goes_on(source, start)
        self.stream.post(
            posting.serial, source, start, end, reused=reused, loop=loop, goes_on=goes_on
        )
        return posting

    def _goes_on(self, source: OpenSource, start: int) -> bool:
        """Return whether a source begins where the one posted before ends; keep it for the next."""
        epoch, before = self._tail
        is_same_run = epoch == self.stream.epoch and start == 0
        goes_on = is_same_run and source.goes_on_from(before)
        self._keep_open(source)
        return goes_on

    def _keep_open(self, source: OpenSource | None) -> None:
        """Keep the file open of the last source before what will be posted, in place of another's."""
        (_, before), self._tail = self._tail, (self.stream.epoch, source and source.share())
        if before:
            before.close()

    def _give_back(self, postings: list[Posting], current: Track) -> None:
        for posting in postings:
            if posting.track is not current:
                self.budget.give_back(posting.track)

    def _post_end(self) -> None:
        self.stream.post_end()
        self.end_posted = True

    def _undecoded(self) -> int:
        epoch = self.stream.epoch
        return sum(p.epoch == epoch and p.outcome is None for p in self._postings.values())

    # --- what became of it ------------------------------------------------------------------

    def collect(self) -> None:
        """Read what became of the posted sources, tell of damaged ones, close what is done."""
        self._tell_notices()
        for outcome in self.stream.outcomes():
            posting = self._postings.get(outcome.serial)
            if posting is None:
                continue
            posting.outcome = outcome
            if posting.epoch == self.stream.epoch:
                self._tell_outcome(posting.source, posting.track, outcome)
        self.release()

    def _tell_notices(self) -> None:
        """Tell what the sources that are posted have to say: that a server was lost, say, or a song."""
        for posting in list(self._postings.values()):
            if posting.source.named != posting.track.sent_as:
                posting.track.sent_as = posting.source.named
                self._tell("tags", posting.track, posting.track.known_as or posting.track.path)
            for words in posting.source.notices():
                self._tell("notice", posting.track, words)

    def _tell_outcome(self, source: OpenSource, track: Track, outcome: Outcome) -> None:
        if outcome.error:
            track.error = source.failure or outcome.words
            self._tell("error", track, track.error)
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
        is_current = posting.track is self.queue.current
        return self._seekable and (posting.serial >= self._heard_serial or is_current)

    def finish(self, posting: Posting) -> None:
        """Write on a track that was heard to its end what became of it."""
        track, outcome = posting.track, posting.outcome
        track.frames, track.loop = outcome.frames if outcome else 0, None
        if outcome is None or not outcome.error:
            track.status = "played"
        else:
            track.status = "truncated" if track.frames else "failed"

    def finish_all(self) -> None:
        """Write the same on the last track, and on those heard too shortly to be seen, or not at all."""
        epoch, heard = self.stream.epoch, self.heard
        if heard and heard.epoch == epoch:
            self.finish(heard)
        for posting in self._postings.values():
            if posting.epoch != epoch or posting.outcome is None:
                continue
            if posting.track.status in {"waiting", "playing"}:  # playing before a seek that failed
                self.finish(posting)

    def leave(self, track: Track | None = None) -> None:
        """Write on a track, or on the current one, that it is left early."""
        track = track or self.queue.current
        if track is None or track.status not in {"playing", "waiting"}:
            return
        now = self.stream.heard()
        posting = self._postings.get(now.serial)
        if posting and posting.track is track:
            past = now.file_frame - posting.source.first_frame - posting.start_frame
            track.frames = max(0, past)  # a loop may have gone back behind it
        track.status, track.loop = "skipped", None

    # --- what is heard ----------------------------------------------------------------------

    @property
    def heard(self) -> Posting | None:
        """The posting that was heard last, as far as `hear` was told."""
        return self._postings.get(self._heard_serial)

    def hear(self, now: Heard) -> list[Posting]:
        """Take note of what is heard; returns the postings that began since, in order.

        Those before the last one were too short to be seen while they were heard.
        """
        posting, epoch = self._postings.get(now.serial), self.stream.epoch
        if posting is None or posting.epoch != epoch or now.serial == self._heard_serial:
            return []
        before, self._heard_serial, self._awaited = self._heard_serial, now.serial, None
        begun = [p for p in self._postings.values() if before < p.serial <= now.serial]
        begun = [p for p in begun if p.epoch == epoch]
        for each in begun:
            self.budget.hear(each.track)
        return begun

    @property
    def position_s(self) -> float:
        """Seconds into the current track that have been heard, or where a jump goes."""
        now = self.stream.heard()
        if self._awaited and now.epoch < self._awaited[0]:
            return self._awaited[1]
        posting = self._postings.get(now.serial)
        if posting is None or posting.track is not self.queue.current:
            return self._awaited[1] if self._awaited else 0.0
        return (now.file_frame - posting.source.first_frame) / posting.source.sample_rate

    @property
    def reading_s(self) -> float:
        """Seconds into the current track that were given to the device, or where a jump goes."""
        now, heard_s = self.stream.read_now(), self.position_s
        posting = self._postings.get(now.serial)
        if posting is None or posting is not self._playing:
            return heard_s
        return (now.file_frame - posting.source.first_frame) / posting.source.sample_rate

    @property
    def after_fade_s(self) -> float:
        """Where a jump goes on as if there were none: behind what is heard while it fades."""
        at_s, track = self.reading_s, self.queue.current
        if self.stream.is_silent():
            return at_s
        end_s = at_s + int(self.stream.record["ramp_frames"]) / self.stream.sample_rate
        loop = track.loop if track else None
        return end_s - (loop[1] - loop[0]) if loop and at_s < loop[1] <= end_s else end_s

    @property
    def decoded_ahead_s(self) -> float | None:
        """How much of what is heard is in memory ahead of the ear, in seconds.

        None where nothing needs be: compiled code reads the file itself.
        """
        posting = self.heard
        ahead = posting.source.decoded_ahead_s if posting else None
        ring = self.stream.ring
        return None if ahead is None else ahead + ring.readable / self.stream.sample_rate

    @property
    def cut_at_s(self) -> float:
        """Where ``duration_s`` has ended the current track, in seconds; 0 where that came to its own end."""
        at_s, track = self.position_s, self.queue.current
        length = track.duration_s if track else None
        is_cut = self.budget.is_spent(self.stream.sample_rate) and (length is None or at_s < length)
        return at_s if is_cut else 0.0

    def source_of(self, track: Track) -> OpenSource | None:
        """Return the open file of a track, if it still is."""
        mine = [p.source for p in self._postings.values() if p.track is track]
        return mine[-1] if mine else None

    # --- the end ----------------------------------------------------------------------------

    def has_reached_end(self, now: Heard) -> bool:
        """Return whether all that was posted has been heard."""
        is_current = now.epoch == self.stream.epoch
        return self.end_posted and now.ended and is_current and now.marks > self._marks_at_end

    def has_more(self) -> bool:
        """Return whether tracks were added since the end was posted."""
        return self.other_format is None and self._next_track() is not None

    def go_on(self, now: Heard) -> None:
        """Post tracks that were added since; the end that was reached is an old one from here on."""
        self.end_posted = False
        self._marks_at_end = now.marks
        self.fill()

    def take_other_format(self) -> tuple[Track, OpenSource] | None:
        """Return what the feed ended before, its source to be closed by the caller."""
        other, self.other_format = self.other_format, None
        return other

    def close(self) -> None:
        """Close all files. The stream must be closed, or have no decode thread."""
        for posting in self._postings.values():
            posting.source.close()
        self._postings.clear()
        self._keep_open(None)
        self._close_other_format()

    def _close_other_format(self) -> None:
        other = self.take_other_format()
        if other:
            other[1].close()
