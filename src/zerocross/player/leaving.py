"""Streams on their way out, each on a thread that its player need not wait for.

A stream that is left fades, is called by no device any more, and lets go of device, decode thread and
files. A sound server, a disk or an effect may hold any of these up for ever: then the thread waits,
and with it all the memory that they use. The player goes on without.

Locks: none.
"""

from __future__ import annotations

import threading
import time

from zerocross.engine.file_stream import FileStream
from zerocross.player.feed import Feed
from zerocross.system.background import BackgroundCall

__all__ = ["Leaving"]

_RAMP_TIMEOUT_NS = 500_000_000
_DEVICE_PATIENCE_S = 1.0
_NAP_S = 0.002
_LONG_NAP_S = 0.1


class Leaving:
    """A stream that is left.

    Parameters
    ----------
    stream : FileStream
        What played.
    feed : Feed or None
        What it was fed.
    is_hung : bool
        Whether an effect is known never to return: then nobody waits for it.

    Attributes
    ----------
    quiet : threading.Event
        Set when no device calls the stream any more.
    device_gone : threading.Event
        Set when its device was closed, or has been left behind.

    """

    def __init__(self, stream: FileStream, feed: Feed | None, is_hung: bool = False) -> None:
        self.stream, self._feed = stream, feed
        self.is_hung = is_hung
        self.quiet = threading.Event()
        self.device_gone = threading.Event()
        stream.set_playing(False)
        self._call = BackgroundCall(self._leave, "zerocross-leave")

    @property
    def is_done(self) -> bool:
        """Whether all was let go of."""
        return self._call.is_done

    def wait(self, patience_s: float) -> bool:
        """Wait until all was let go of, but for nothing that never will be."""
        return self.is_hung or self._call.wait(patience_s)

    def _leave(self) -> None:
        stream = self.stream
        self._fade_out()
        stream.jump()
        stream.end_decoding()
        stream.release_client()
        nap = _NAP_S
        while stream.is_inside:
            time.sleep(nap)
            nap = min(2 * nap, _LONG_NAP_S)
        stream.let_go_of_chain()
        self.quiet.set()
        stream.close_device(_DEVICE_PATIENCE_S)
        self.device_gone.set()
        stream.stop_decoding(patience_s=None)
        stream.closed = True
        if self._feed:
            self._feed.close()

    def _fade_out(self) -> None:
        """Wait until the device has got silence, for as long as it calls back."""
        stream = self.stream
        if not stream.device:
            return
        patience_ns = 20_000_000 + 2_000_000_000 * stream.device.block_size // stream.sample_rate
        began = time.monotonic_ns()
        while not stream.is_silent():
            called = int(stream.record["last_ns"]) or began
            if time.monotonic_ns() > min(began + _RAMP_TIMEOUT_NS, called + patience_ns):
                return
            time.sleep(_NAP_S)
