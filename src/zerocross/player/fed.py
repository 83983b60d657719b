"""What a program feeds into a player: arrays beside the queue, through its effects, volume and device.

A `PlayerFeed` keeps the player's stream and device: while it is open they are there, whether a track plays
or not, and tracks of another rate are resampled to the stream's. Where a stream is lost all the same (a
disk that stalls, an effect that hangs) the next write has another one made. It comes in two halves
(`closing`), so that one which is dropped is closed: a player has one at a time.

Locks: `Playback.lock`, for moments; nothing waits with it held.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from zerocross.closing import ClosesAtExit, Running
from zerocross.engine.feed import Feed, load_code
from zerocross.engine.given import checked_rate
from zerocross.errors import UsageError
from zerocross.player.queue import Track
from zerocross.player.start import Start
from zerocross.units import checked_number, checked_whole

if TYPE_CHECKING:
    from zerocross.engine.file_stream import FileStream
    from zerocross.player.playback import Playback

__all__ = ["Fed", "PlayerFeed"]

_LOOK_S = 1.0


class PlayerFeed(ClosesAtExit):
    """A way into a player for arrays; made by `Player.feed`; closed by ``close``, ``with``, or when dropped.

    Attributes
    ----------
    sample_rate : int
        Of what is written, in Hz.
    channels : int
        Of one-dimensional arrays, which are interleaved.

    Notes
    -----
    One thread or task writes at a time, another one waits for its turn; `flush` may be called by any.

    """

    def __init__(self, playback: Playback, sample_rate: int, channels: int, ring_s: float) -> None:
        self.sample_rate = checked_rate(sample_rate)
        self.channels = checked_whole("channels", channels, 1, 8)
        self._fed = Fed(playback, self.sample_rate, ring_s)
        super().__init__(self._fed)

    @property
    def inner(self) -> Fed:
        """What the player has of it."""
        return self._fed

    # --- writing ----------------------------------------------------------------------------

    def write(
        self, frames: npt.ArrayLike, sample_rate: int | None = None, block: bool = True
    ) -> int:
        """Play an array, after all that was written before; beside the track that plays.

        Parameters
        ----------
        frames : array_like, shape (frames,) or (frames, channels)
            float32, float64 (full scale 1), int16 or int32 (their own); a list is float64. One
            dimension is interleaved; one channel goes to left and right.
        sample_rate : int or None
            Theirs, in Hz; None for the feed's.
        block : bool
            Whether to wait for room, without holding up other threads. False to write what fits.

        Returns
        -------
        int
            How many frames were taken: with ``block`` fewer only if a flush came meanwhile.

        Raises
        ------
        UsageError
            For what is no such array, or if it is closed.

        """
        return self._fed.begin().write(self._shaped(frames), sample_rate, block)

    async def awrite(self, frames: npt.ArrayLike, sample_rate: int | None = None) -> int:
        """Do as `write`, without holding up an event loop."""
        return await (await self._fed.begun()).awrite(self._shaped(frames), sample_rate)

    def _shaped(self, frames: npt.ArrayLike) -> npt.ArrayLike:
        """Return interleaved samples as frames."""
        if self.channels == 1 or not isinstance(frames, np.ndarray) or frames.ndim != 1:
            return frames
        if len(frames) % self.channels:
            raise UsageError(
                f"{len(frames)} samples are no whole frames of {self.channels} channels"
            )
        return frames.reshape(-1, self.channels)

    def flush(self) -> float:
        """Drop what is not heard yet; returns how many seconds that is.

        Silent after a ramp of 10 ms, which begins with the next block. A write under way ends, with
        what it had written; what is written from here on begins at once. Effects that ring on do,
        and what the device has in its own buffers it plays.
        """
        return self._fed.flush()

    def end(self, block: bool = True) -> bool:
        """Mark the end of what was written, without waiting until it is heard; see `Feed.end`."""
        return self._fed.begin().end(block)

    def drain(self) -> bool:
        """Mark the end of what was written, and wait until it is heard; returns False if flushed."""
        return self._fed.begin().drain()

    async def adrain(self) -> bool:
        """Do as `drain`, without holding up an event loop."""
        return await (await self._fed.begun()).adrain()

    @property
    def buffered_s(self) -> float:
        """Seconds that were written and are not heard yet, but for the device's own buffers."""
        return self._fed.buffered_s

    @property
    def underruns(self) -> int:
        """How often it ran dry before its end."""
        return self.report()["underruns"]

    def report(self) -> dict[str, int]:
        """Return what was counted; see docs/report.md."""
        return self._fed.report()

    def close(self) -> None:
        """Drop what is not heard yet; the device is let go of unless a track plays. Twice is once."""
        super().close()


class Fed(Running):
    """What a player has of a feed, and what is left of one that was dropped.

    Parameters
    ----------
    playback : Playback
        Of the player.
    sample_rate : int
        Of what is written, in Hz.
    ring_s : float
        How much is kept ahead, in seconds.

    Attributes
    ----------
    is_closed : bool
        Whether it takes no more.

    """

    def __init__(self, playback: Playback, sample_rate: int, ring_s: float) -> None:
        self._sample_rate = sample_rate
        self._ring_s = checked_number("ring_s", ring_s, 0.02, 60.0, "s")
        self._playback = playback
        load_code()  # compiled now, not under the lock
        self.is_closed = False
        self._inner: Feed | None = None
        self._counted: dict[str, int] = {}
        self._told = 0

    # --- the stream -------------------------------------------------------------------------

    def begin(self) -> Feed:
        """Return the feed of the stream that plays; have one made where there is none.

        Raises
        ------
        DeviceNotFound, DeviceError
            If the device cannot be opened, or its server does not answer.
        UsageError
            If it is closed, or the player is; and where nobody may wait for a device that is not open.

        """
        playback = self._playback
        with playback.lock:
            while True:
                feed, start = self._look()
                if feed:
                    return feed
                if not playback.may_wait:
                    raise UsageError("the device is not open yet; await awrite, which waits for it")
                if start:
                    playback.give_a_moment(start)
                else:
                    playback.wait_for(self.start())

    async def begun(self) -> Feed:
        """Do as `begin`, without holding up an event loop."""
        playback = self._playback
        while True:
            with playback.lock:
                feed, others = self._look()
                start = None if feed or others else self.start()
            if feed:
                return feed
            if start:
                await playback.until_begun(start)
            else:
                await playback.idle.until(lambda: playback.starting is None, _LOOK_S)

    def _look(self) -> tuple[Feed | None, Start | None]:
        """Return the feed of the stream that plays, or what is on the way to one."""
        playback = self._playback
        playback.check_open()
        if self.is_closed:
            raise UsageError("the feed is closed; make a new one")
        stream = playback.output.stream
        return (self._feed_of(stream) if stream else None), playback.starting

    def start(self) -> Start:
        """Have a stream made. Under the lock; without waiting."""
        playback = self._playback
        start = Start(playback, Track(""), 0.0, silent_at=self._sample_rate)
        playback.starting = start
        start.begin()
        return start

    def _feed_of(self, stream: FileStream) -> Feed:
        if stream.feed:
            return stream.feed
        self._count()
        playback = self._playback

        def check() -> None:
            if playback.output.stream is not stream:
                raise UsageError("the player has left what it was fed to; write again")

        news = playback.news
        made = Feed(stream, self._ring_s, self._sample_rate, check=check, news=news)
        self._inner = made
        stream.set_feed(made)
        return made

    # --- what is told -----------------------------------------------------------------------

    def flush(self) -> float:
        """Drop what is not heard yet; returns how many seconds that is."""
        return self._inner.flush() if self._inner else 0.0

    @property
    def buffered_s(self) -> float:
        """Seconds that were written and are not heard yet."""
        return self._inner.buffered_s if self._inner else 0.0

    def report(self) -> dict[str, int]:
        """Return what was counted; see docs/report.md."""
        found = self._inner.report() if self._inner else {}
        return {name: found.get(name, 0) + self._counted.get(name, 0) for name in _NAMES} | {
            name: found[name] for name in found if name not in _NAMES
        }

    def new_underruns(self) -> int:
        """Return how many there were since the last call."""
        before, self._told = self._told, self.report()["underruns"]
        return self._told - before

    def _count(self) -> None:
        """Keep what the feed of a stream before counted."""
        report = self.report()
        self._inner, self._counted = None, {name: report[name] for name in _NAMES}

    # --- the end ----------------------------------------------------------------------------

    def hush(self) -> None:
        """Take no more, drop what is not heard yet, and let go of whoever waits."""
        self.is_closed = True
        if self._inner:
            self._inner.drop()
            self._inner.hush()

    def close(self) -> None:
        """Let go of the device, unless a track plays. Twice is once."""
        self.hush()
        playback = self._playback
        with playback.lock:
            if playback.fed is not self:
                return
            playback.fed = None
            if playback.state == "stopped":
                playback.leave_stream()
            elif playback.output.stream:
                playback.output.stream.set_feed(None)
                playback.news.notify()

    def forget(self) -> None:
        """In a forked child: be closed."""
        self.is_closed = True


_NAMES = ("underruns", "frames_played", "frames_dropped", "flushes", "nonfinite")
