"""A stream of files: a ring and a decode thread before a chain's host, and the control thread's side of both.

Sources are posted in order; a jump starts a new epoch. The format is fixed for life; sources of
another sample rate are resampled on the decode thread. Nothing here waits but `stop_decoding` and
`close`, for as long as they are told.

Over 300 lines, as its methods share the records of both threads.
"""

from __future__ import annotations

import collections
import threading
import time
from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from zerocross.devices.client import Client
from zerocross.devices.miniaudio import DEFAULT_BLOCK, Device
from zerocross.dsp.channels import MAX_PLACED
from zerocross.dsp.polyphase import checked_quality
from zerocross.dsp.resample import Resampler, make_resampler
from zerocross.engine import decode
from zerocross.engine.callback import file_callback
from zerocross.engine.chain_host import ChainHost
from zerocross.engine.counters import Counters
from zerocross.engine.heard import Heard, Outcome, heard_at
from zerocross.engine.layouts import (
    DECODER,
    MARK,
    MARKS,
    OUTCOME,
    OUTCOMES,
    PLAYED_CHANNELS,
    POSITION_FIELDS,
    SOURCE,
    SOURCE_END,
    SOURCES,
    TRANSPORT,
)
from zerocross.engine.resampling import CHUNK, RESAMPLED_CHUNK
from zerocross.engine.transport import REFILLING, STALL_NS
from zerocross.errors import UsageError
from zerocross.graph.processor import Processor
from zerocross.memory import Record, aligned_zeros
from zerocross.sources.links import provide_libsndfile
from zerocross.sources.location import MAX_SAMPLE_RATE, MIN_SAMPLE_RATE
from zerocross.sources.source import OpenSource
from zerocross.sync import Latest, Ring, Signal
from zerocross.system import Grant
from zerocross.system.affinity import pin
from zerocross.system.background import BackgroundCall
from zerocross.system.priority import name_thread

__all__ = ["FileStream"]

Source = npt.NDArray[np.void]

_THRESHOLD_S = 0.100
_LEAD_S = 0.020
_CLOSE_PATIENCE_S = 1.0
_LONGEST_RING_S = 60.0
_END_OF_TIME = (1 << 62) - 1


class FileStream(ChainHost):
    """A chain's host with a transport, a ring and a decode thread before it.

    Parameters
    ----------
    sample_rate : int
        Frames a second.
    channels : {1, 2}
        Samples in a frame.
    ring_s : float
        How far is read ahead, in seconds.
    longest_s : float
        How far is read ahead once a file was late (`read_further_ahead`), in seconds.
    quality : {"medium", "high", "very high"}
        Of the resampling of sources of another rate.
    block_size : int or None
        Frames in a callback asked of devices.
    volume : float
        Gain at the start.

    """

    def __init__(
        self,
        sample_rate: int,
        channels: int = 2,
        ring_s: float = 1.0,
        block_size: int | None = None,
        volume: float = 1.0,
        longest_s: float = 0.0,
        quality: str = "high",
    ) -> None:
        _check_format(sample_rate, channels, ring_s)
        self._quality = checked_quality(quality)
        provide_libsndfile()
        block = block_size or DEFAULT_BLOCK
        ahead = max(round(ring_s * sample_rate), 4 * block, 4 * CHUNK)
        capacity = max(ahead, round(longest_s * sample_rate))
        self.ring = Ring(capacity, channels)
        _ = file_callback.address, decode.decode_loop.address  # made now, not under a device
        super().__init__(
            file_callback, sample_rate, channels, block_size, volume, (self.ring.region,)
        )
        self.transport = Record(TRANSPORT)
        self._wake = Signal()
        self.decoder = Record(DECODER)
        self._position = Latest(*POSITION_FIELDS)
        self._marks = aligned_zeros(MARKS, MARK)
        self._sources = aligned_zeros(SOURCES, SOURCE)
        self._outcomes = aligned_zeros(OUTCOMES, OUTCOME)
        self._resamplers: dict[int, Resampler] = {}
        self._outcomes_read = 0
        self._thread: threading.Thread | None = None
        self._client: Client | None = None
        self.title = ""  # of what plays, for sound servers
        # Sources that found no free slot: a decode thread that waits for a disk takes none.
        self._unposted: collections.deque[Source] = collections.deque()
        self._set_up_transport(ahead)
        self._set_up_decoder()
        self.decoder["kept_free"] = capacity - ahead

    def _set_up_transport(self, ahead: int) -> None:
        threshold = max(round(_THRESHOLD_S * self.sample_rate), 2 * self.block_size)
        self.record["transport"] = self.transport.address
        self.transport.fill(
            ring=self.ring.record.address,
            marks=self._marks.ctypes.data,
            decoder=self.decoder.address,
            latest=self._position.record.address,
            sample_rate=self.sample_rate,
            threshold=min(threshold, ahead // 2),
            ramp_frames=self.record["ramp_frames"],
            low_water_frames=ahead,
        )

    def _set_up_decoder(self) -> None:
        room = {
            "scratch": aligned_zeros(CHUNK * MAX_PLACED),
            "mixed": aligned_zeros(CHUNK * self.channels),
            "rows_in": aligned_zeros((self.channels, CHUNK)),
            "rows_out": aligned_zeros((self.channels, RESAMPLED_CHUNK)),
        }
        self._decode_room = room
        self.decoder.fill(
            ring=self.ring.record.address,
            transport=self.transport.address,
            sources=self._sources.ctypes.data,
            marks=self._marks.ctypes.data,
            outcomes=self._outcomes.ctypes.data,
            channels=self.channels,
            fade_frames=self.record["ramp_frames"],
            wake=self._wake.record.address,
            **{name: memory.ctypes.data for name, memory in room.items()},
        )

    # --- what to play ---------------------------------------------------------------------

    @property
    def epoch(self) -> int:
        """The epoch asked for last."""
        return int(self.transport["epoch"])

    @property
    def decoder_epoch(self) -> int:
        """The epoch that the decode thread works on; older sources are released."""
        return self.decoder.load("epoch")

    def jump(self) -> int:
        """Begin a new epoch: nothing posted before will be heard. Returns its number."""
        return self.jump_after(0)

    def jump_after(self, serial: int) -> int:
        """Begin a new epoch that keeps one posted source: it is heard to its end, undisturbed.

        Nothing else that was posted before will be heard. Returns the number of the epoch.
        """
        epoch = self.epoch + 1
        kept = [each for each in self._unposted if serial and each["serial"] == serial]
        self._unposted = collections.deque(kept)
        self.transport.store("kept_serial", serial)
        self.transport.store("epoch", epoch)
        self._wake.notify()
        return epoch

    def post(
        self,
        serial: int,
        source: OpenSource,
        start_frame: int = 0,
        end_frame: int | None = None,
        reused: bool = False,
        loop: tuple[int, int] | None = None,
        goes_on: bool = False,
    ) -> None:
        """Post a source, to be played after all that was posted before. It never waits.

        Parameters
        ----------
        serial : int
            The caller's number for it, found again in `Heard` and `Outcome`.
        source : OpenSource
            Stays open until its outcome is read, or a newer epoch is at work.
        start_frame, end_frame : int
            What to play of it; a cut before its own end is faded.
        loop : tuple of (int, int) or None
            The frames that it goes on with again and again: from the first, without the last. Both
            sides of the join are faded.
        reused : bool
            Whether a decode thread may have moved its position.
        goes_on : bool
            Whether it begins where what was posted before ends, in the same file: no ramp is between.

        """
        source.serve(self._wake, self.news)
        slot = np.zeros((), SOURCE)
        slot["serial"], slot["kind"], slot["handle"] = serial, 0, source.handle
        slot["links"], slot["window"] = source.links, source.window
        slot["channels"], slot["rate"] = source.channels, source.sample_rate
        slot["resampler"] = self._resampler_for(source.sample_rate)
        first = source.first_frame
        slot["start_frame"] = first + start_frame
        end = _END_OF_TIME if source.frames is None else first + source.frames
        slot["end_frame"] = end if end_frame is None else first + end_frame
        slot["fade_out"] = slot["end_frame"] < end
        is_unknown = source.frames is None and not source.window  # nobody can say what is missing
        slot["file_frames"] = 0 if is_unknown else end
        if source.window and end_frame is None and not source.has_end:
            slot["end_frame"] = slot["file_frames"] = _END_OF_TIME  # the window knows where it ends
            slot["fade_out"] = 0
        if loop:
            slot["loops"] = slot["fade_out"] = 1
            slot["loop_start"], slot["end_frame"] = first + loop[0], first + loop[1]
        slot["preroll"], slot["near"] = source.preroll, source.near
        slot["at_frame"] = -1 if reused or goes_on else 0
        slot["goes_on"] = goes_on
        slot["identity"] = source.channels == self.channels and source.gain == 1.0
        matrix = source.matrix(self.channels)
        slot["matrix"][: matrix.size] = matrix.ravel()
        self._publish(slot)

    def post_end(self) -> None:
        """Post that nothing follows."""
        slot = np.zeros((), SOURCE)
        slot["kind"] = SOURCE_END
        self._publish(slot)

    def _resampler_for(self, rate: int) -> int:
        """Return the address of the resampler from a rate to the stream's; 0 for none.

        A stream keeps its resamplers, so the decode thread can always finish a run.
        """
        if rate == self.sample_rate:
            return 0
        if rate not in self._resamplers:
            self._resamplers[rate] = make_resampler(
                rate, self.sample_rate, self.channels, CHUNK, self._quality
            )
        return self._resamplers[rate].address

    def _publish(self, source: Source) -> None:
        source["epoch"] = self.epoch
        self._unposted.append(source)
        self._post_waiting()

    def _post_waiting(self) -> None:
        """Hand over as many sources as there are free slots."""
        written = int(self.decoder["sources_written"])
        while self._unposted and written - self.decoder.load("sources_taken") < SOURCES:
            self._sources[written % SOURCES] = self._unposted.popleft()
            written += 1
            self.decoder.store("sources_written", written)
            self._wake.notify()

    def outcomes(self) -> list[Outcome]:
        """Return the outcomes since the last call; what waits to be posted is, where there is room."""
        self._post_waiting()
        written = self.decoder.load("outcomes_written")
        rows = [self._outcomes[i % OUTCOMES] for i in range(self._outcomes_read, written)]
        self._outcomes_read = written
        return [
            Outcome(int(r["serial"]), int(r["frames"]), int(r["error"]), int(r["nonfinite"]))
            for r in rows
        ]

    # --- transport ------------------------------------------------------------------------

    def set_playing(self, playing: bool) -> None:
        """Let the audio run or hold it, with a ramp."""
        self.transport.store("playing", int(playing))

    def is_silent(self) -> bool:
        """Return whether the callback has ramped down and writes silence."""
        return self._position.read()["silent_frames"] > 0

    @property
    def ended(self) -> bool:
        """Whether the last frame of all that was posted has left the ring."""
        return bool(self._position.read()["ended"])

    @property
    def frames_played(self) -> int:
        """Frames that were read from the ring: without silence, and without what was dropped."""
        return self._position.read()["frames_played"]

    def heard(self) -> Heard:
        """Return what is heard now: what was consumed, less the device's latency."""
        return heard_at(self._position.read(), self._marks, self.latency_frames, self.sample_rate)

    def read_now(self) -> Heard:
        """Return what the audio thread reads: what will be heard a latency later."""
        return heard_at(self._position.read(), self._marks, 0, self.sample_rate)

    @property
    def at_work_on(self) -> int:
        """Return the serial of the source that the audio thread reads: heard a latency later."""
        return self.transport.load("serial")

    # --- what is late ---------------------------------------------------------------------

    @property
    def is_reading(self) -> bool:
        """Whether the decode thread has been waiting for its file for longer than is usual."""
        since = self.decoder.load("reading_since")
        return since != 0 and time.monotonic_ns() - since > STALL_NS

    @property
    def is_starved(self) -> bool:
        """Whether the decode thread waits for a window's filler; it is not held up otherwise."""
        return bool(self.decoder["starved"])

    @property
    def is_refilling(self) -> bool:
        """Whether nothing is heard because too little of what follows is there."""
        return int(self.transport["state"]) == REFILLING

    @property
    def ring_frames(self) -> int:
        """How far is read ahead, in frames: the ring's length, or what of it is used."""
        return self.ring.capacity - int(self.decoder["kept_free"])

    def read_further_ahead(self) -> None:
        """Read ahead as far as the ring is long from here on, and begin anew with more of it."""
        self.decoder.store("kept_free", 0)
        self._wake.notify()
        self.transport.store("threshold", min(self.sample_rate, self.ring.capacity // 2))

    # --- threads and devices ---------------------------------------------------------------

    def client(self) -> Client:
        """Return a new client for a device: from here on it alone calls this stream."""
        self.release_client()
        self._client = super().client()
        self._client.title = self.title
        return self._client

    def release_client(self) -> None:
        """Have no device call this stream from here on; a call under way may still go on."""
        if self._client:
            self._client.release()

    @property
    def effect_at_work(self) -> Processor | None:
        """The effect that the audio thread is in at the moment, if it is in one."""
        return self._program.at_work if self._program else None

    @property
    def is_inside(self) -> bool:
        """Whether a device is calling this stream at the moment."""
        return self._client is not None and self._client.is_inside

    def tell(self, news: Signal) -> None:
        """Raise a signal when there is something to read here; before anything is started."""
        self.news = news
        self.record["news"] = self.decoder["news"] = news.record.address

    def tell_next(self, each: bool) -> None:
        """Have every callback raise that signal, or only those that have something to tell."""
        self.record.store("tell_next", int(each))

    def begin_softly(self) -> None:
        """Fade in what comes next, on another device: nobody may be calling."""
        self.transport["gate"] = (0.0, 0.0, 0, 0)

    def prepare_for(self, device: Device) -> None:
        """Let a device's first frames be silence, as it may swallow them."""
        lead = max(device.block_size, round(_LEAD_S * self.sample_rate))
        self.transport["lead_frames"] = lead
        super().prepare_for(device)

    def start_decoding(self, cpus: Collection[int] | None = None) -> list[Grant]:
        """Start the decode thread, on certain CPUs if asked; returns what was granted."""
        self.decoder.store("stop", 0)
        _ = decode.decode_loop.address
        self._thread = threading.Thread(
            target=self._run_decoder,  # it holds the stream, whose memory it uses, until it ends
            name="zerocross-decode",
            daemon=True,
        )
        self._thread.start()
        name_thread(self._thread.native_id or 0, "zerocross-dec")
        return [] if cpus is None else [pin(self._thread, cpus)]

    def _run_decoder(self) -> None:
        decode.decode_loop(self.decoder.address)

    def decode(self) -> None:
        """Fill the ring from this thread (offline, in place of the decode thread).

        It waits for what a window has not yet.
        """
        while True:
            seen = self._wake.count
            decode.decode_until_idle(self.decoder.address)
            if not self.is_starved:
                return
            self._wake.wait(seen)

    def counters(self) -> Counters:
        """Return what the callback and the decode thread counted so far."""
        return Counters.read(stream=self.record, transport=self.transport, decoder=self.decoder)

    def end_decoding(self) -> None:
        """Tell the decode thread to end, without waiting."""
        self.decoder.store("stop", 1)
        self._wake.notify()

    def stop_decoding(self, patience_s: float | None = _CLOSE_PATIENCE_S) -> bool:
        """End the decode thread; returns whether it has ended, with None only once it has."""
        self.end_decoding()
        if self._thread:
            self._thread.join(patience_s)
            if self._thread.is_alive():
                return False
            self._thread = None
        return True

    def close(self) -> None:
        """Close the device, let go of the chain and end the decode thread; twice is once.

        A decode thread that waits for a disk is left behind, with all that it uses.
        """
        self.closed = True
        self.close_device()
        self.let_go_of_chain()
        if not self.stop_decoding():
            BackgroundCall(lambda: self.stop_decoding(None), "zerocross-left")


def _check_format(sample_rate: int, channels: int, ring_s: float) -> None:
    if not 1 <= channels <= PLAYED_CHANNELS or not 0.0 < ring_s < _LONGEST_RING_S:
        raise UsageError(
            f"{channels} channels, ring_s={ring_s}: give 1 or {PLAYED_CHANNELS} channels and a ring "
            f"of more than 0 and less than {_LONGEST_RING_S:.0f} s"
        )
    if not MIN_SAMPLE_RATE <= sample_rate <= MAX_SAMPLE_RATE:
        raise UsageError(
            f"sample rate {sample_rate}: give {MIN_SAMPLE_RATE} to {MAX_SAMPLE_RATE} Hz"
        )
