"""A feed for programs: arrays of any rate and dtype into what plays.

The Python side of `engine.feeding` and `engine.feed_writer`: it decides who waits and how. A call
that has to wait does so in compiled code, without the interpreter; one whose frames fit is made
without letting go of it, so a program whose other threads hold it long pays that price once for
each wait and not for each write.

Over 300 lines, as each call is there twice: for threads and for event loops.
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from zerocross.closing import closed_error
from zerocross.dsp.channels import MAX_PLACED
from zerocross.engine import feed_writer, feeding
from zerocross.engine.given import Given, Taker, checked_rate
from zerocross.engine.layouts import EPOCHS, FEED
from zerocross.engine.patience import LONG_S, NAP_S, Turn, in_us, wait_s
from zerocross.engine.resampling import CHUNK, RESAMPLED_CHUNK
from zerocross.memory import Record, aligned_zeros
from zerocross.sync import Ring, Signal
from zerocross.units import checked_number

if TYPE_CHECKING:
    from zerocross.engine.chain_host import ChainHost

__all__ = ["Feed", "load_code"]

_PREBUFFER_S = 0.020
_LONGEST_S = 60.0
#: Frames that are written without letting other threads run meanwhile, where there is room.
_SHORT = 4096


def load_code() -> None:
    """Have all code of a feed at hand, and not compiled while it plays."""
    for each in (
        feeding.add_feed,
        feed_writer.feed_frames,
        feed_writer.end_feed,
        feed_writer.wait_for_feed,
    ):
        _ = each.address


class Feed:
    """A way into what plays, for arrays: made by `Player.feed`, and within a `zerocross.Stream`.

    Parameters
    ----------
    host : ChainHost
        What plays.
    ring_s : float
        How much is kept ahead, in seconds.
    sample_rate : int or None
        Of what is written, in Hz, where a call does not say; None for that of what plays.
    quality : {"medium", "high", "very high"}
        Of the resampling.
    check : callable
        Raises where nobody plays.
    news : Signal or None
        Raised when it has run dry.

    Notes
    -----
    One thread or task writes at a time, another one waits for its turn; `flush` may be called by
    any. None is real-time safe.

    """

    def __init__(
        self,
        host: ChainHost,
        ring_s: float,
        sample_rate: int | None = None,
        quality: str = "high",
        check: Callable[[], None] = lambda: None,
        news: Signal | None = None,
    ) -> None:
        load_code()
        self._host, self._check = host, check
        self._rate, self._channels = host.sample_rate, host.channels
        self.sample_rate = self._rate if sample_rate is None else checked_rate(sample_rate)
        ramp = int(host.record["ramp_frames"])
        least = 2 * host.block_size + round(_PREBUFFER_S * self._rate) + ramp
        ring_s = checked_number("ring_s", ring_s, 0.02, _LONGEST_S, "s")
        self.ring = Ring(max(round(ring_s * self._rate), least), self._channels)
        self._room, self._news = Signal(), news
        self._turn, self._flushing = Turn("a write, end or drain"), threading.RLock()
        self._taker = Taker(self._rate, self._channels, quality)
        self._memory = {
            "raw": aligned_zeros(CHUNK * MAX_PLACED),
            "mixed": aligned_zeros(CHUNK * self._channels),
            "rows_in": aligned_zeros((self._channels, CHUNK)),
            "rows_out": aligned_zeros((self._channels, RESAMPLED_CHUNK)),
        }
        self.record = Record(FEED)
        self.record.fill(
            process=feeding.add_feed.address,
            ring=self.ring.record.address,
            room=self._room.record.address,
            news=news.record.address if news else 0,
            channels=self._channels,
            sample_rate=self._rate,
            ramp_frames=ramp,
            prebuffer=round(_PREBUFFER_S * self._rate),
            starts_at_once=1,
            low_water_frames=self.ring.capacity,
            wake_at=feed_writer.NEVER,
            **{name: memory.ctypes.data for name, memory in self._memory.items()},
        )
        kind = ctypes.PYFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 9)
        self._write_briefly = kind(feed_writer.feed_frames.address)

    # --- writing ----------------------------------------------------------------------------

    def write(
        self, frames: npt.ArrayLike, sample_rate: int | None = None, block: bool = True
    ) -> int:
        """Write frames, to be heard after all that was written before.

        Parameters
        ----------
        frames : array_like, shape (frames,) or (frames, channels)
            float32, float64 (full scale 1), int16 or int32 (their own); a list is float64. One
            channel goes to left and right.
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
            For what is no such array, where nothing plays that would make room, and amid another
            write of the same thread (in a signal's handler).
        DeviceError
            If the device is lost.

        """
        epoch = self._epoch
        if not block:
            given = self._taken(frames, sample_rate, self._most_that_fit(sample_rate))
            return self._write_what_fits(given, epoch)
        given = self._taken(frames, sample_rate)
        with self._turn:
            done = self._call(given, epoch, 0.0)
            if done == given.frames > 0:
                return done
            while done < given.frames and self._is_at(epoch):
                self._check()
                done += self._call(given.from_frame(done), epoch, wait_s())
        self._check_open()
        return done

    async def awrite(self, frames: npt.ArrayLike, sample_rate: int | None = None) -> int:
        """Do as `write`, without holding up an event loop."""
        import asyncio

        epoch, done, idle_s = self._epoch, 0, 0.0
        if not (isinstance(frames, np.ndarray) and frames.ndim):
            frames = self._taken(frames, sample_rate).samples
        while self._is_at(epoch):
            most = self._most_that_fit(sample_rate)  # no more is converted: the loop waits for it
            given = self._taken(frames[done:], sample_rate, most)
            count = self._write_what_fits(given, epoch)
            done += count
            if done == len(frames):
                break
            idle_s = 0.0 if count else idle_s + self._quarter_s
            if idle_s > LONG_S:
                self._check()
            await asyncio.sleep(self._quarter_s)
        self._check_open()
        return done

    def flush(self) -> float:
        """Drop what is not heard yet: silent after a ramp of 10 ms, which begins with the next block.

        A write under way ends, with what it had written. What is written from here on begins at
        once. Effects that ring on do, and what the device has it plays.

        Returns
        -------
        float
            How many seconds are not heard.

        """
        with self._flushing:
            dropped = self.buffered_s
            self.record.store("epoch", self._epoch + 1)
        self._room.notify()
        return dropped

    def drop(self) -> None:
        """Do as `flush`, by stores alone: the collector may be in any call."""
        self.record.store("epoch", self._epoch + 1)

    def end(self, block: bool = True) -> bool:
        """Mark the end of what was written, without waiting until it is heard.

        With ``block`` it waits until there is room for what the resampler holds, some milliseconds of
        it; without, it returns whether there was.
        """
        epoch = self._epoch
        if not self._turn.take(block):
            return False
        try:
            while not feed_writer.end_feed(
                self.record.address, epoch, in_us(wait_s() if block else 0)
            ):
                if not block:
                    return False
                self._check()
            return True
        finally:
            self._turn.give()

    def drain(self) -> bool:
        """Mark the end of what was written, and wait until it is heard; returns False if flushed.

        What ends here ends with its last frame. Without this, what runs dry is an underrun.
        """
        epoch, found = self._epoch, 0
        self.end()
        with self._turn:
            while not found:
                found = feed_writer.wait_for_feed(self.record.address, epoch, 0)
                if not found:
                    self._check()
                    found = feed_writer.wait_for_feed(self.record.address, epoch, in_us(wait_s()))
        self._check_open()
        if found == 1:
            time.sleep(self._tail_s)
        return found == 1

    async def adrain(self) -> bool:
        """Do as `drain`, without holding up an event loop."""
        import asyncio

        epoch, idle_s = self._epoch, 0.0
        before, is_marked = -1, False
        while self._is_at(epoch):
            if self._turn.take(block=False):
                try:
                    if not is_marked:
                        is_marked = feed_writer.end_feed(self.record.address, epoch, 0) == 1
                    elif feed_writer.wait_for_feed(self.record.address, epoch, 0) == 1:
                        break
                finally:
                    self._turn.give()
            played = self.record.load("frames_played")
            idle_s, before = (idle_s + self._quarter_s if played == before else 0.0), played
            if idle_s > LONG_S:
                self._check()
            await asyncio.sleep(min(self._quarter_s, max(NAP_S, self.buffered_s)))
        self._check_open()
        if self._is_at(epoch):
            await asyncio.sleep(self._tail_s)
        return self._is_at(epoch)

    @property
    def buffered_s(self) -> float:
        """Seconds that were written and are not heard yet, but for the device's own buffers."""
        epoch, ring = self._epoch, self.ring.record
        if self.record.load("epoch_written") != epoch:
            return 0.0  # nothing was written since the flush
        first = max(ring.load("read"), int(self.record["epoch_starts"][epoch % EPOCHS]))
        return max(0, ring.load("write") - first) / self._rate

    @property
    def underruns(self) -> int:
        """How often it ran dry before its end."""
        return self.record.load("underruns")

    def report(self) -> dict[str, Any]:
        """Return what was counted; see docs/report.md."""
        return {
            "underruns": self.underruns,
            "frames_played": self.record.load("frames_played"),
            "frames_dropped": self.record.load("frames_dropped"),
            "flushes": self._epoch,
            "nonfinite": int(self.record["nonfinite"]),
            "ring_frames": self.ring.capacity,
            "ring_low_water_frames": self.record.load("low_water_frames"),
        }

    def hush(self) -> None:
        """Take no more, and let go of whoever waits."""
        self.record.store("closed", 1)
        self._room.notify()

    # --- how --------------------------------------------------------------------------------

    @property
    def _epoch(self) -> int:
        return self.record.load("epoch")

    @property
    def _tail_s(self) -> float:
        """How long what was taken from the ring takes to the ear, as far as chain and device tell."""
        return (self._host.latency_frames + self._host.block_size) / self._rate

    @property
    def _quarter_s(self) -> float:
        return self.ring.capacity / 4 / self._rate

    def _is_at(self, epoch: int) -> bool:
        return self._epoch == epoch and not self.record.load("closed")

    def _check_open(self) -> None:
        if self.record.load("closed"):
            raise closed_error("what was fed is closed; make a new stream or feed")

    def _write_what_fits(self, given: Given, epoch: int) -> int:
        self._check_open()
        if not self._turn.take(block=False):
            return 0
        try:
            return self._call(given, epoch, 0.0)
        finally:
            self._turn.give()

    def _call(self, given: Given, epoch: int, timeout_s: float) -> int:
        is_brief = timeout_s == 0 and given.frames <= _SHORT
        call: Callable[..., int] = self._write_briefly if is_brief else feed_writer.feed_frames
        return call(
            self.record.address,
            given.samples.ctypes.data,
            given.frames,
            given.channels,
            given.kind,
            given.matrix,
            given.resampler,
            epoch,
            in_us(timeout_s),
        )

    def _most_that_fit(self, sample_rate: int | None) -> int:
        """Return more frames of a rate than there is room for."""
        rate = self.sample_rate if sample_rate is None else checked_rate(sample_rate)
        return self.ring.writable * rate // self._rate + CHUNK

    def _taken(
        self, frames: npt.ArrayLike, sample_rate: int | None, most: int | None = None
    ) -> Given:
        rate = self.sample_rate if sample_rate is None else sample_rate
        return self._taker.take(frames, rate, most)
