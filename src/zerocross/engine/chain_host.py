"""A host of a chain: all that a chain needs to run under a callback, in one format.

A stream of files (`engine.file_stream`) is one; a live stream and a callback for others have one. It holds
the memory that both worlds see, the chain's program, the device, and what was counted.

Whoever calls back holds the host, through a `Client`, until it is closed and its thread is out of
it. A program that was exchanged for another is kept until every callback that may run it has ended.

Over 300 lines, for its documented parameters: all methods share the one record.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from zerocross.closing import Running, closed_error, keep_for_parent, settle
from zerocross.compiler import Entry
from zerocross.compiler.mode import require_compiler
from zerocross.devices.client import EXCHANGE, Client
from zerocross.devices.discovery import DeviceInfo
from zerocross.devices.miniaudio import DEFAULT_BLOCK, Device, open_device
from zerocross.dsp.convert import FORMAT_F32
from zerocross.engine.counters import COUNTED, Counters
from zerocross.engine.layouts import CALLBACK, LOGGED, STREAM
from zerocross.engine.timing import recent_callbacks
from zerocross.errors import DeviceError
from zerocross.graph.block import MAX_BLOCK
from zerocross.memory import Record, aligned_zeros
from zerocross.sync import Signal, Tap
from zerocross.system import Grant
from zerocross.system.affinity import pin
from zerocross.system.locking import keep_in_memory
from zerocross.system.numa import place_here
from zerocross.system.priority import elevate, name_thread

if TYPE_CHECKING:
    from zerocross.engine.feed import Feed
    from zerocross.engine.intake import Intake
    from zerocross.graph.assemble import Program
    from zerocross.graph.chain import Chain

__all__ = ["ChainHost"]

_RAMP_S = 0.010
_PROGRAM_TIMEOUT_S = 1.0
# How long two chains are heard together as one is exchanged: as long as two parts of one chain.
_CROSSFADE_S = 0.020
# How long a fade-out may take beside the ramp and two blocks, and how recent the last callback of a
# host is that others call.
_FADE_PATIENCE_S, _RECENT_S = 0.1, 0.5
# What analysers may look back on: 32768 frames and any latency.
_TAP_FRAMES = 1 << 16


class ChainHost(Running):
    """A record, a tap and a chain's program under a callback, in one format.

    Parameters
    ----------
    process : Entry
        The callback: `engine.callback.file_callback` or `live_callback`.
    sample_rate : int
        Frames a second.
    channels : int
        Samples in a frame, 1 to 8.
    block_size : int or None
        Frames in a callback asked of devices.
    volume : float
        Gain at the start.
    regions : sequence of (address, length)
        More memory that is to be near the audio thread and to stay.

    Attributes
    ----------
    tap : Tap
        The last frames that went to the device, after the volume.
    grants : list of Grant
        What was asked of the system for the stream's memory, and what it gave.
    news : Signal or None
        Raised when there is something to read here, and when a device has something to tell.
    feed, intake : Feed, Intake or None
        What a program gives and takes (`engine.feed`).
    lock : RLock
        Held while the device is opened or closed.
    closed : bool
        Whether nothing will play any more.

    """

    def __init__(
        self,
        process: Entry,
        sample_rate: int,
        channels: int,
        block_size: int | None = None,
        volume: float = 1.0,
        regions: tuple[tuple[int, int], ...] = (),
    ) -> None:
        require_compiler("playing and rendering")
        self.process = process
        self.sample_rate, self.channels = sample_rate, channels
        self.asked_block = block_size
        self.block_size = block_size or DEFAULT_BLOCK
        self.device: Device | None = None
        self.news: Signal | None = None
        self.record = Record(STREAM)
        self._exchange = Record(EXCHANGE)
        self._rows = aligned_zeros(channels * MAX_BLOCK)
        self._log = aligned_zeros(LOGGED, CALLBACK)
        self.tap = Tap(_TAP_FRAMES, channels)
        self._program: Program | None = None
        self.feed: Feed | None = None
        self.intake: Intake | None = None
        self._outlived: list[object] = []
        self._faded: list[Program | None] = []
        self._clients: list[Client] = []
        self._chain: Chain | None = None
        self.lock = threading.RLock()
        self.closed = False
        self._capture = np.zeros(0, np.float32)
        self._elevated = 0
        self.record.fill(
            rows=self._rows.ctypes.data,
            tap=self.tap.record.address,
            log=self._log.ctypes.data,
            channels=channels,
            sample_format=FORMAT_F32,
            sample_rate=sample_rate,
            ramp_frames=round(_RAMP_S * sample_rate),
            volume=volume,
            is_heard=1,
        )
        self.record["gain"]["start"] = self.record["gain"]["stop"] = volume
        rows = (self._rows.ctypes.data, self._rows.nbytes)
        whole = [*regions, rows, *self.tap.regions]
        self.grants = [*place_here(whole), keep_in_memory(whole)]

    def set_volume(self, volume: float) -> None:
        """Set the gain, reached over 10 ms."""
        self.record["volume"] = volume

    def set_muted(self, muted: bool) -> None:
        """Silence the output, or not, over 10 ms; the audio runs on."""
        self.record["muted"] = int(muted)

    def peaks(self) -> list[float]:
        """Return the peak level of each channel, linear, falling 20 dB in 1.7 s."""
        levels: list[float] = self.record["peaks"][: self.channels].tolist()
        return levels

    # --- the device -------------------------------------------------------------------------

    def client(self) -> Client:
        """Return a new client for a device: it calls this host's callback."""
        made = Client(self.process.address, self.record.address, self.channels, self.news)
        made.hold(self)
        self._clients = [*(each for each in self._clients if not each.is_over), made]
        return made

    def open_device(self, name: str | None, candidates: list[DeviceInfo] | None = None) -> str:
        """Open and start a device; returns a notice, or an empty string."""
        device, notice = open_device(
            name, self.client(), self.sample_rate, self.channels, self.asked_block, candidates
        )
        self.start_device(device)
        return notice

    def prepare_for(self, device: Device) -> None:
        """Make ready for a device's first call: nobody may be calling."""
        self.record["sample_format"] = device.sample_format
        self.record["thread"] = self.record["last_ns"] = 0

    def restart_device(self, device: Device) -> None:
        """Let a device that was stopped call back again.

        Raises
        ------
        DeviceError
            If it refuses.

        """
        self.prepare_for(device)
        device.start()

    def start_device(self, device: Device) -> None:
        """Let an open device call back; closes it if it refuses."""
        self.prepare_for(device)
        try:
            device.start()
        except DeviceError:
            device.close()
            raise
        self.device = device

    @property
    def latency_frames(self) -> int:
        """How far what is heard is behind what the chain is given: its own delay, and the device's."""
        latency = self.device.latency_frames if self.device else 0
        return latency + (self._program.latency_frames if self._program else 0)

    @property
    def has_new_thread(self) -> bool:
        """Whether a device's thread has called back for which `elevate` was not called."""
        return self.record.load("thread") not in {0, self._elevated}

    def elevate(self, cpus: Collection[int] | None = None) -> list[Grant]:
        """Ask for real-time priority for the device's thread, once it has called back.

        With CPUs, it is pinned to them as well. Empty until then, and when it was done already.
        """
        thread = self.record.load("thread")
        if thread in {0, self._elevated}:
            return []
        self._elevated = thread
        name_thread(thread, "zerocross-audio")
        grants = [elevate(thread)]
        if cpus is not None:
            grants.append(pin(thread, cpus))
        return grants

    def close_device(self, patience_s: float = 3.0) -> None:
        """Close the device; the ring and the position stay."""
        with self.lock:
            device, self.device = self.device, None
            if device:
                device.close(patience_s)
            self._close_clients(patience_s)

    def _close_clients(self, patience_s: float) -> None:
        """Let nobody in any more; programs that nobody can be in are freed."""
        self._clients = [each for each in self._clients if not each.close(patience_s)]
        if not self._clients:
            self._outlived.clear()

    def device_is_lost(self) -> bool:
        """Return whether the device stopped on its own or calls back no more."""
        device = self.device
        if device is None:
            return False
        if device.client.stops:
            return True
        last = int(self.record["last_ns"])
        patience = 2.0 + 20 * device.block_size / self.sample_rate
        return last > 0 and time.monotonic_ns() - last > patience * 1e9

    # --- the end ----------------------------------------------------------------------------

    def check_open(self) -> None:
        """Raise UsageError where the host is closed."""
        if self.closed:
            raise closed_error("the stream is closed; make a new one")

    def hush(self) -> None:
        """Ramp down to silence; see `Running`."""
        self.record["muted"] = 1

    def fade_out(self) -> None:
        """Ramp down, and wait until silence has been played; at once where nobody calls."""
        self.hush()
        patience = _FADE_PATIENCE_S + _RAMP_S + 2 * self.block_size / self.sample_rate
        deadline = time.monotonic() + patience
        gain = self.record["gain"]
        while self._is_called() and time.monotonic() < deadline:
            if gain["stop"] == 0.0 and gain["position"] >= gain["length"]:
                return
            time.sleep(0.001)

    def _is_called(self) -> bool:
        """Return whether somebody called back just now."""
        last = int(self.record["last_ns"])
        recent = _RECENT_S + 3 * self.block_size / self.sample_rate
        return last > 0 and time.monotonic_ns() - last < recent * 1e9

    def close(self) -> None:
        """Fade out, close the device, and let go of the chain; twice is once."""
        with self.lock:
            if self.closed:
                return
            self.closed = True
            if self.feed:
                self.feed.hush()
            self.fade_out()
            self.close_device()
            self.let_go_of_chain()

    def forget(self) -> None:
        """In a forked child: be closed; see `Running`."""
        self.lock = threading.RLock()
        keep_for_parent(self.device, list(self._clients), self._program)
        self.closed, self.device, self._clients = True, None, []
        self.let_go_of_chain()

    # --- the chain --------------------------------------------------------------------------

    def take_chain(self, chain: Chain) -> None:
        """Compile, prove and lay out a chain, and run it from the next block on.

        Changes to it are heard from here on, until `let_go_of_chain`.

        Raises
        ------
        RealtimeError, UsageError
            If it is refused, or plays elsewhere.

        """
        if chain.plays:
            settle()  # it may play where nobody holds it any more
        chain.start(self.set_program, self.sample_rate, self.channels)
        self._chain = chain

    def exchange_chain(self, chain: Chain | None) -> None:
        """Run another chain in place of the one that runs, or none, with a crossfade of 20 ms.

        Compiling and proving is done before anything is changed.

        Raises
        ------
        RealtimeError, UsageError
            As `take_chain`, and if it has a processor of the other one; then that plays on.

        """
        if chain is self._chain:
            return
        if chain:
            chain.prepare(self.sample_rate, self.channels)
        self._let_go_of_faded()
        self._faded.append(self._program)  # it may run on until the fade has ended
        self.let_go_of_chain()
        self.record.store("crossfade_frames", round(_CROSSFADE_S * self.sample_rate))
        try:
            if chain:
                self.take_chain(chain)
            else:
                self.set_program(None)
        finally:
            self.record.store("crossfade_frames", 0)
        self._wait_for_fade()

    def _wait_for_fade(self) -> None:
        """Wait until the audio thread has faded to the new chain, or is known not to."""
        deadline = time.monotonic() + _PROGRAM_TIMEOUT_S
        while self.record.load("fades") and self._is_called() and time.monotonic() < deadline:
            time.sleep(0.002)
        self._let_go_of_faded()

    def _let_go_of_faded(self) -> None:
        address = self._program.record.address if self._program else 0
        # In this order: a fade is told before the program that it leads to.
        if self.record.load("program_running") == address and not self.record.load("fades"):
            self._faded.clear()

    def let_go_of_chain(self) -> None:
        """Let another host take the chain; twice is once, and a chain that has gone on stays there."""
        chain, self._chain = self._chain, None
        if chain:
            chain.disconnect(self.set_program)

    def set_program(self, program: Program | None) -> bool:
        """Let a chain's program be run from the next block on; None for none.

        Returns whether the audio thread has taken it; where nobody calls there is none to ask.
        The program that ran before is kept until every callback has ended that may run it.
        """
        address = program.record.address if program else 0
        before, self._program = self._program, program
        self.record.store("program", address)
        deadline = time.monotonic() + _PROGRAM_TIMEOUT_S
        if not all(each.wait_for_leaving(deadline) for each in self._clients):
            self._outlived.append(before)  # somebody is still in it: keep the memory
            return False
        self._outlived.clear()
        while self._is_called() or (self.device and self.device.is_running):
            if self.record.load("program_running") == address:
                return True
            if time.monotonic() > deadline:
                return False
            time.sleep(0.001)
        return False

    # --- arrays -----------------------------------------------------------------------------

    def set_feed(self, feed: Feed | None) -> None:
        """Add what a program feeds to what plays, from the next block on; None for nothing.

        The feed before is kept until every callback has ended that may read it.
        """
        before, self.feed = self.feed, feed
        self.record.store("feed", feed.record.address if feed else 0)
        deadline = time.monotonic() + _PROGRAM_TIMEOUT_S
        if before and not all(each.wait_for_leaving(deadline) for each in self._clients):
            self._outlived.append(before)

    def set_intake(self, intake: Intake) -> None:
        """Give a device's input to a program as well, from the next block on."""
        self.intake = intake
        self.record.store("intake", intake.record.address)

    def render(self, out: npt.NDArray[np.float32]) -> None:
        """Fill an array, shape (frames, channels), through the callback (no device)."""
        self._exchange.fill(input=0, output=out.ctypes.data, frames=len(out))
        self.process(self.record.address, self._exchange.address)

    def capture(self, seconds: float) -> None:
        """Keep a copy of what goes to the device from now on; before the device is opened."""
        frames = round(seconds * self.sample_rate)
        self._capture = aligned_zeros((frames, self.channels))
        self._capture.fill(0.0)  # touched now, not in the callback
        self.record["capture"] = self._capture.ctypes.data
        self.record["capture_frames"] = frames

    def captured(self) -> npt.NDArray[np.float32]:
        """Return what was captured, shape (frames, channels); for float32 devices."""
        return self._capture[: int(self.record["captured"])]

    # --- what was counted -------------------------------------------------------------------

    def counters(self) -> Counters:
        """Return what the callback counted so far."""
        return Counters.read(stream=self.record)

    def count(self, field: str) -> int:
        """Return one of the callback's counters that is a number, without the histograms."""
        return int(self.record[field])

    def recent(self) -> list[dict[str, Any]]:
        """Return the last 256 callbacks, oldest first; see docs/report.md."""
        return recent_callbacks(self._log, self.record.load("callbacks"), self.sample_rate)

    def restart_counters(self) -> None:
        """Set counters and histograms of times to 0, while it may be counting."""
        for counted in COUNTED:
            if counted.restarts and counted.owner == "stream":
                self.record[counted.field] = 0

    def report(self) -> dict[str, Any]:
        """Return the counted part of a report, with the format and the last callbacks."""
        counters = self.counters()
        return {
            "sample_rate": self.sample_rate,
            "channels": self.channels,
            "seconds": counters.number("frames_played") / self.sample_rate,
            **counters.as_report(self.sample_rate, self.block_size),
            "recent_callbacks": self.recent(),
        }
