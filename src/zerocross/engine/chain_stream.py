"""What a live stream and a chain under others' audio I/O have in common: a chain and its host."""

from __future__ import annotations

from typing import Any

from zerocross.attributes import FixedAttributes
from zerocross.closing import ClosesAtExit
from zerocross.engine.callback import live_callback
from zerocross.engine.chain_host import ChainHost
from zerocross.engine.recorder import Recording, record
from zerocross.files import PathLike
from zerocross.graph.block import MAX_CHANNELS
from zerocross.graph.chain import Chain, chain_of
from zerocross.graph.fault import Fault
from zerocross.graph.processor import Processor
from zerocross.sync.tap import Tap
from zerocross.units import checked_volume, checked_whole

__all__ = ["ChainStream"]


class ChainStream(FixedAttributes, ClosesAtExit):
    """A chain that runs under a callback: the outer half of a `ChainHost`.

    Parameters
    ----------
    chain : Chain or Processor
        What to run; it can be changed while it plays.
    sample_rate : int
        Frames a second, 8000 to 768000.
    channels : int
        1 to 8.
    block_size : int or None
        Frames in a callback, where a device is asked; 16 to 65536.
    volume : float
        Gain after the chain.

    Attributes
    ----------
    chain : Chain
        What runs.
    sample_rate, channels : int
        As given.

    """

    def __init__(
        self,
        chain: Chain | Processor,
        sample_rate: int,
        channels: int,
        block_size: int | None = None,
        volume: float = 1.0,
    ) -> None:
        self.sample_rate = checked_whole("sample_rate", sample_rate, 8_000, 768_000)
        self.channels = checked_whole("channels", channels, 1, MAX_CHANNELS)
        if block_size is not None:
            block_size = checked_whole("block_size", block_size, 16, 65_536)
        self.chain = chain_of(chain, "chain")
        self._host = ChainHost(
            live_callback, self.sample_rate, self.channels, block_size, checked_volume(volume)
        )
        self._host.take_chain(self.chain)
        self._recordings: list[Recording] = []
        super().__init__(self._host)

    def replace(self, old: Any, new: Any) -> None:
        """Put another part in the place of one of the chain's, with a crossfade of 20 ms.

        Raises
        ------
        UsageError, RealtimeError
            As `Chain.replace`, and if it is closed.

        """
        self._host.check_open()
        self.chain.replace(old, new)

    def faults(self) -> list[Fault]:
        """Return the processors that were bypassed after a fault since the last call."""
        return self.chain.faults()

    @property
    def tap(self) -> Tap:
        """The last 65536 frames after the chain and the volume."""
        return self._host.tap

    def record(
        self, path: PathLike, bits: str | None = None, dither: str | None = None
    ) -> Recording:
        """Record what is played, from now on, into a file; off the audio thread.

        Parameters
        ----------
        path : path-like
            Ends in ``.wav`` or ``.flac``; whole or not there. A file of that name is replaced when
            the recording ends.
        bits : {"16", "24", "32", "float"} or None
            None for float in WAV and 24 in FLAC.
        dither : {"none", "tpdf", "shaped"} or None
            None for ``tpdf`` with 16 bits, else ``none``.

        Returns
        -------
        Recording
            Ends with its ``stop``, as a context manager, or with the stream.

        Raises
        ------
        UsageError
            If the file cannot be such a one, or is recorded already.

        """
        self._host.check_open()
        made = record(self.tap, self.sample_rate, path, bits, dither)
        self._recordings = [*(each for each in self._recordings if each.is_running), made]
        return made

    def close(self) -> None:
        """Stop, and let go of devices, threads and recordings; twice is once."""
        super().close()
        while self._recordings:
            self._recordings.pop().close()

    def report(self) -> dict[str, Any]:
        """Return what was counted since the stream was made; see docs/report.md."""
        return self._host.report()
