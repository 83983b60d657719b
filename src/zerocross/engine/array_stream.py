"""Arrays in and out of a live stream: what a program writes is played, what a device hears is read."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.engine.chain_host import ChainHost
from zerocross.engine.chain_stream import ChainStream
from zerocross.engine.feed import Feed
from zerocross.engine.intake import Intake
from zerocross.errors import DeviceError, UsageError
from zerocross.graph.chain import Chain
from zerocross.graph.processor import Processor
from zerocross.units import checked_number, checked_whole

__all__ = ["ArrayStream"]

_MOST_FRAMES = 1 << 31


class ArrayStream(ChainStream):
    """A chain under a callback that programs write to and read from.

    Parameters
    ----------
    chain : Chain, Processor or None
        What to run. None for none: what is written is played, and the input is only read.
    sample_rate, channels, block_size, volume
        As of `ChainStream`.
    has_input, has_output : bool
        Whether there is something to be read, and somebody who hears what is written. Without an
        output the input is what the tap and recordings have.
    feed_s : float
        How much is kept of what is written, and of what is to be read, in seconds.

    """

    def __init__(
        self,
        chain: Chain | Processor | None,
        sample_rate: int,
        channels: int,
        block_size: int | None,
        volume: float,
        has_input: bool,
        has_output: bool,
        feed_s: float,
    ) -> None:
        self._feed_s = checked_number("feed_s", feed_s, 0.02, 60.0, "s")
        self._has_input, self._has_output = has_input, has_output
        self._making = threading.Lock()
        plain = Chain() if chain is None else chain
        super().__init__(plain, sample_rate, channels, block_size, volume)
        self._host.record["is_heard"] = int(chain is not None or not has_output)

    # --- in ---------------------------------------------------------------------------------

    def write(
        self, frames: npt.ArrayLike, sample_rate: int | None = None, block: bool = True
    ) -> int:
        """Play an array through the chain, after all that was written before.

        It goes into a ring of ``feed_s`` and is heard once 20 ms and a block are there, or its end
        was marked (`drain`); the device's input, where the chain has one, is heard beside it.

        Parameters
        ----------
        frames : array_like, shape (frames,) or (frames, channels)
            float32, float64 (full scale 1), int16 or int32 (their own); a list is float64. One
            channel goes to left and right.
        sample_rate : int or None
            Theirs, in Hz; another than the stream's is resampled, over all calls as over one. None
            for the stream's.
        block : bool
            Whether to wait for room, without holding up other threads. False to write what fits.

        Returns
        -------
        int
            How many frames were taken: with ``block`` fewer only if a flush came meanwhile.

        Raises
        ------
        UsageError
            For what is no such array, and where nothing plays that would make room.
        DeviceError
            If the device is lost.

        """
        return self._fed().write(frames, sample_rate, block)

    async def awrite(self, frames: npt.ArrayLike, sample_rate: int | None = None) -> int:
        """Do as `write`, without holding up an event loop."""
        return await self._fed().awrite(frames, sample_rate)

    def flush(self) -> float:
        """Drop what was written and is not heard yet; returns how many seconds that is.

        Silent after a ramp of 10 ms, which begins with the next block. A write under way ends, with
        what it had written; what is written from here on begins at once. Effects that ring on do,
        and what the device has in its own buffers it plays.
        """
        return self._fed().flush()

    def drain(self) -> bool:
        """Mark the end of what was written, and wait until it is heard; returns False if flushed.

        What ends here ends with its last frame. Without this, what runs dry is an underrun of the feed
        (``report()["feed"]["underruns"]``).
        """
        return self._fed().drain()

    async def adrain(self) -> bool:
        """Do as `drain`, without holding up an event loop."""
        return await self._fed().adrain()

    @property
    def buffered_s(self) -> float:
        """Seconds that were written and are not heard yet, but for the device's own buffers."""
        feed = self._host.feed
        return feed.buffered_s if feed else 0.0

    def _fed(self) -> Feed:
        if not self._has_output:
            raise UsageError("this stream has no output: make one with output=True")
        with self._making:
            host = self._host
            host.check_open()
            if host.feed is None:
                host.set_feed(Feed(host, self._feed_s, check=_checks(host)))
            return host.feed  # type: ignore[return-value]

    # --- out --------------------------------------------------------------------------------

    def read(self, frames: int, block: bool = True) -> npt.NDArray[np.float32]:
        """Return the next frames of the device's input, shape (frames, channels), full scale 1.

        From the first call on, ``feed_s`` of them are kept; what comes when that is full is lost
        (``report()["intake"]["frames_lost"]``).

        Parameters
        ----------
        frames : int
            How many.
        block : bool
            Whether to wait for all, without holding up other threads. False for those that are there.

        Raises
        ------
        UsageError
            Without an input, and where no device calls.
        DeviceError
            If the device is lost.

        """
        return self._taken().read(checked_whole("frames", frames, 0, _MOST_FRAMES), block)

    async def aread(self, frames: int) -> npt.NDArray[np.float32]:
        """Do as `read`, without holding up an event loop."""
        return await self._taken().aread(checked_whole("frames", frames, 0, _MOST_FRAMES))

    def _taken(self) -> Intake:
        if not self._has_input:
            raise UsageError("this stream has no input: make one with input=True")
        with self._making:
            host = self._host
            host.check_open()
            if host.intake is None:
                host.set_intake(Intake(host, self._feed_s, _checks(host)))
            return host.intake  # type: ignore[return-value]

    def report(self) -> dict[str, Any]:
        """Return what was counted since the stream was made; see docs/report.md."""
        host, found = self._host, super().report()
        if host.feed:
            found["feed"] = host.feed.report()
        if host.intake:
            found["intake"] = host.intake.report()
        return found


def _checks(host: ChainHost) -> Callable[[], None]:
    """Return what raises where a host is not called; it does not hold the stream."""

    def check() -> None:
        host.check_open()
        if host.device is None:
            raise UsageError("the stream is not running; call start() before what waits for it")
        if host.device_is_lost():
            raise DeviceError("the device is gone; close the stream and open another")

    return check
