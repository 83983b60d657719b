"""A stream: everything that plays in one format, and the control world's view of it.

It owns the memory (ring, marks, records), the decode thread and the device. Sources are
posted in order; a jump starts a new generation. The format is fixed for life; sources of
another sample rate are resampled on the decode thread.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.dsp.convert import FORMAT_F32
from zerocross.dsp.resample import Resampler, make_resampler
from zerocross.engine import decode
from zerocross.engine.callback import render_block
from zerocross.engine.chain import Program
from zerocross.engine.device import DEFAULT_BLOCK, Device, DeviceInfo, open_device
from zerocross.engine.priority import elevate, keep_in_memory, name_thread
from zerocross.engine.recorder import Counters
from zerocross.engine.records import (
    DECODER,
    MARK,
    MARK_END,
    MARKS,
    OUTCOME,
    OUTCOMES,
    POSITION_FIELDS,
    SOURCE,
    SOURCE_END,
    SOURCES,
    STREAM,
)
from zerocross.engine.source import OpenSource, provide_libsndfile, sndfile_error
from zerocross.errors import DeviceError, ZerocrossError
from zerocross.memory import Arena, Grant, Record, aligned_zeros
from zerocross.memory.numa import place_here
from zerocross.sync import Latest, Ring, Tap

__all__ = ["Heard", "Outcome", "Stream"]

_NAP_US = 2_000
_RAMP_S = 0.010
_LEAD_S = 0.020
_THRESHOLD_S = 0.100
_PROGRAM_TIMEOUT_S = 1.0
# Scratch for a block, and what analysers may look back on: 32768 frames and any latency.
_ARENA_BYTES = 1 << 20
_TAP_FRAMES = 1 << 16
_END_OF_TIME = (1 << 62) - 1


@dataclasses.dataclass(frozen=True)
class Heard:
    """What the listener hears at a moment.

    Attributes
    ----------
    serial : int
        Of the source; 0 before the first.
    frame : int
        Of the source's file.
    generation : int
        The generation that is playing.
    ended : bool
        Whether the last frame of the last source has been heard.

    """

    serial: int
    frame: int
    generation: int
    ended: bool


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of a posted source; ``error`` is 0, a `decode` or a libsndfile number."""

    serial: int
    frames: int
    error: int
    nonfinite: int

    @property
    def words(self) -> str:
        """What went wrong and what to do, for people."""
        if self.error == decode.ERROR_SHORT:
            return f"the file ends early, after {self.frames} frames; copy it again"
        if self.error == decode.ERROR_SEEK:
            return "the file cannot be positioned; play it from the start, or convert it"
        return f"damaged audio data ({sndfile_error(self.error)}); copy it again"


class Stream:
    """Ring, decode thread and callback in one format.

    Parameters
    ----------
    sample_rate : int
        Frames a second.
    channels : {1, 2}
        Samples in a frame.
    ring_s : float
        Length of the ring in seconds.
    block_size : int or None
        Frames in a callback asked of devices.
    volume : float
        Gain at the start.

    Attributes
    ----------
    tap : Tap
        The last frames that went to the device, after the volume.
    grants : list of Grant
        What was asked of the system for the stream's memory, and what it gave.

    """

    def __init__(
        self,
        sample_rate: int,
        channels: int = 2,
        ring_s: float = 1.0,
        block_size: int | None = None,
        volume: float = 1.0,
    ) -> None:
        provide_libsndfile()
        self.sample_rate, self.channels = sample_rate, channels
        self._asked_block = block_size
        self.block_size = block_size or DEFAULT_BLOCK
        self.device: Device | None = None
        capacity = max(round(ring_s * sample_rate), 4 * self.block_size, 4 * decode.CHUNK)
        self.ring = Ring(capacity, channels)
        self.record, self.decoder = Record(STREAM), Record(DECODER)
        self._latest = Latest(*POSITION_FIELDS)
        self._marks = aligned_zeros(MARKS, MARK)
        self._sources = aligned_zeros(SOURCES, SOURCE)
        self._outcomes = aligned_zeros(OUTCOMES, OUTCOME)
        self._arena = Arena(_ARENA_BYTES)
        self.tap = Tap(_TAP_FRAMES, channels)
        self._decode_scratch = aligned_zeros(decode.CHUNK * 8)
        self._mixed = aligned_zeros(decode.CHUNK * channels)
        self._rows_in = aligned_zeros((channels, decode.CHUNK))
        self._rows_out = aligned_zeros((channels, decode.RESAMPLED_CHUNK))
        self._resamplers: dict[int, Resampler] = {}
        self._program: Program | None = None
        self._outlived: list[Program | None] = []
        self._capture = np.zeros(0, np.float32)
        self._outcomes_read = 0
        self._elevated = 0
        self._thread: threading.Thread | None = None
        regions = [self.ring.region, self._arena.region, *self.tap.regions]
        self.grants = [*place_here(regions), keep_in_memory(regions)]
        self._set_up(volume)

    def _set_up(self, volume: float) -> None:
        stream, decoder = self.record, self.decoder
        ramp = round(_RAMP_S * self.sample_rate)
        threshold = max(round(_THRESHOLD_S * self.sample_rate), 2 * self.block_size)
        stream.fill(
            ring=self.ring.record.address,
            marks=self._marks.ctypes.data,
            decoder=decoder.address,
            latest=self._latest.record.address,
            arena=self._arena.record.address,
            tap=self.tap.record.address,
            channels=self.channels,
            sample_format=FORMAT_F32,
            sample_rate=self.sample_rate,
            ramp_frames=ramp,
            threshold=min(threshold, self.ring.capacity // 2),
            volume=volume,
            refilling=1,
            low_water=self.ring.capacity,
        )
        stream["gain"]["start"] = stream["gain"]["stop"] = volume
        decoder.fill(
            ring=self.ring.record.address,
            stream=stream.address,
            sources=self._sources.ctypes.data,
            marks=self._marks.ctypes.data,
            outcomes=self._outcomes.ctypes.data,
            scratch=self._decode_scratch.ctypes.data,
            mixed=self._mixed.ctypes.data,
            rows_in=self._rows_in.ctypes.data,
            rows_out=self._rows_out.ctypes.data,
            channels=self.channels,
            fade_frames=ramp,
        )

    # --- what to play ---------------------------------------------------------------------

    @property
    def generation(self) -> int:
        """The generation asked for last."""
        return int(self.record["generation"])

    @property
    def decoder_generation(self) -> int:
        """The generation that the decode thread works on; older sources are released."""
        return self.decoder.load("generation")

    def jump(self) -> int:
        """Begin a new generation: nothing posted before will be heard. Returns its number."""
        generation = self.generation + 1
        self.record.store("generation", generation)
        return generation

    def can_post(self) -> bool:
        """Return whether a source can be posted now without waiting."""
        waiting = int(self.decoder["sources_written"]) - self.decoder.load("sources_taken")
        return waiting < SOURCES

    def post(
        self,
        serial: int,
        source: OpenSource,
        start_frame: int = 0,
        end_frame: int | None = None,
        reused: bool = False,
    ) -> None:
        """Post a source, to be played after all that was posted before.

        Parameters
        ----------
        serial : int
            The caller's number for it, found again in `Heard` and `Outcome`.
        source : OpenSource
            Stays open until its outcome is read, or a newer generation is at work.
        start_frame, end_frame : int
            What to play of it; a cut before its own end is faded.
        reused : bool
            Whether a decode thread may have moved its position.

        """
        slot = self._next_slot()
        slot["serial"], slot["kind"], slot["handle"] = serial, 0, source.handle
        slot["channels"], slot["rate"] = source.channels, source.sample_rate
        slot["resampler"] = self._resampler_for(source.sample_rate)
        slot["start_frame"] = start_frame
        slot["file_frames"] = _END_OF_TIME if source.frames is None else source.frames
        slot["end_frame"] = slot["file_frames"] if end_frame is None else end_frame
        slot["fade_out"] = end_frame is not None and end_frame < slot["file_frames"]
        slot["preroll"] = source.preroll
        slot["at_frame"] = -1 if reused else 0
        slot["identity"] = source.channels == self.channels
        matrix = source.matrix(self.channels)
        slot["matrix"][: matrix.size] = matrix.ravel()
        self._publish_slot()

    def post_end(self) -> None:
        """Post that nothing follows."""
        slot = self._next_slot()
        slot["serial"], slot["kind"], slot["resampler"] = 0, SOURCE_END, 0
        self._publish_slot()

    def _resampler_for(self, rate: int) -> int:
        """Return the address of the resampler from a rate to the stream's; 0 for none.

        A stream keeps its resamplers, so the decode thread can always finish a run.
        """
        if rate == self.sample_rate:
            return 0
        if rate not in self._resamplers:
            self._resamplers[rate] = make_resampler(
                rate, self.sample_rate, self.channels, decode.CHUNK
            )
        return self._resamplers[rate].record.address

    def _next_slot(self) -> Any:
        deadline = time.monotonic() + 5.0
        while not self.can_post():
            if time.monotonic() > deadline:
                raise ZerocrossError("the decode thread does not take sources; close the player")
            time.sleep(0.001)
        slot = self._sources[int(self.decoder["sources_written"]) % SOURCES]
        slot["generation"] = self.generation
        return slot

    def _publish_slot(self) -> None:
        self.decoder.store("sources_written", int(self.decoder["sources_written"]) + 1)

    def outcomes(self) -> list[Outcome]:
        """Return the outcomes since the last call."""
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
        self.record.store("playing", int(playing))

    def set_volume(self, volume: float) -> None:
        """Set the gain, reached over 10 ms."""
        self.record["volume"] = volume

    def set_muted(self, muted: bool) -> None:
        """Silence the output, or not, over 10 ms; the audio runs on."""
        self.record["muted"] = int(muted)

    def is_silent(self) -> bool:
        """Return whether the callback has ramped down and writes silence."""
        return self._latest.read()["silence"] > 0

    def peaks(self) -> list[float]:
        """Return the peak level of each channel, linear, falling 20 dB in 1.7 s."""
        levels: list[float] = self.record["peaks"][: self.channels].tolist()
        return levels

    def heard(self) -> Heard:
        """Return what is heard now: what was consumed, less the device's latency."""
        now = self._latest.read()
        latency = self.device.latency_frames if self.device else 0
        latency += self._program.latency_frames if self._program else 0
        lag = max(0, latency - now["silence"])
        position = max(now["read"] - lag, now["segment_start"])
        mark = self._mark_heard(position, now["mark_read"], now["generation"])
        ended = bool(now["ended"]) and now["silence"] >= latency
        if mark is None:
            return Heard(0, 0, now["generation"], ended)
        past = (position - int(mark["position"])) * int(mark["source_rate"]) // self.sample_rate
        frame = int(mark["source_frame"]) + past
        return Heard(int(mark["serial"]), frame, now["generation"], ended)

    def _mark_heard(self, position: int, taken: int, generation: int) -> Any:
        """Return the newest mark at or before a position among those that were taken.

        The decode thread leaves half of the table to look back on.
        """
        for index in range(taken - 1, max(-1, taken - MARKS // 2), -1):
            mark = self._marks[index % MARKS]
            if mark["generation"] != generation:
                return None
            if mark["position"] <= position and not mark["flags"] & MARK_END:
                return mark.copy()
        return None

    # --- threads and devices ---------------------------------------------------------------

    def start_decoding(self) -> None:
        """Start the decode thread."""
        self.decoder.store("stop", 0)
        _ = decode.decode_loop.address
        self._thread = threading.Thread(
            target=decode.decode_loop,
            args=(self.decoder.address, _NAP_US),
            name="zerocross-decode",
            daemon=True,
        )
        self._thread.start()

    def decode(self) -> None:
        """Fill the ring from this thread (offline, in place of the decode thread)."""
        decode.decode_until_idle(self.decoder.address)

    def open_device(self, name: str | None, candidates: list[DeviceInfo] | None = None) -> str:
        """Open and start a device for this stream; returns a notice, or an empty string."""
        device, notice = open_device(
            name,
            self.record.address,
            self.sample_rate,
            self.channels,
            self._asked_block,
            candidates,
        )
        self.record["sample_format"] = device.sample_format
        self.record["device_stops"] = self.record["thread"] = 0
        self.record["lead_frames"] = max(device.block_size, round(_LEAD_S * self.sample_rate))
        try:
            device.start()
        except DeviceError:
            device.close()
            raise
        self.device = device
        return notice

    def elevate(self) -> Grant | None:
        """Ask for real-time priority for the device's thread, once it has called back.

        Returns None until then, and when it was done already.
        """
        thread = self.record.load("thread")
        if thread in {0, self._elevated}:
            return None
        self._elevated = thread
        name_thread(thread, "zerocross-audio")
        return elevate(thread)

    def close_device(self, patience_s: float = 3.0) -> None:
        """Close the device; the ring and the position stay."""
        if self.device:
            device, self.device = self.device, None
            device.close(patience_s)

    def device_is_lost(self) -> bool:
        """Return whether the device stopped on its own or calls back no more."""
        if self.device is None:
            return False
        if self.record.load("device_stops"):
            return True
        last = int(self.record["last_ns"])
        patience = 2.0 + 20 * self.device.block_size / self.sample_rate
        return last > 0 and time.monotonic_ns() - last > patience * 1e9

    def set_program(self, program: Program | None) -> bool:
        """Let a chain's program be run from the next block on; None for none.

        Returns whether the audio thread has taken it; without a device there is none to ask.
        The program that ran before is kept until then.
        """
        address = program.record.address if program else 0
        before, self._program = self._program, program
        self.record.store("program", address)
        deadline = time.monotonic() + _PROGRAM_TIMEOUT_S
        while self.device and self.record.load("program_running") != address:
            if time.monotonic() > deadline:
                self._outlived.append(before)  # a device that calls back no more: keep the memory
                return False
            time.sleep(0.001)
        return self.device is not None

    def render(self, out: npt.NDArray[np.float32]) -> None:
        """Fill an array, shape (frames, channels), through the callback (no device)."""
        render_block(self.record.address, out.ctypes.data, len(out))

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

    def counters(self) -> Counters:
        """Return what the callback and the decode thread counted so far."""
        return Counters.of_stream(self.record, self.decoder)

    def close(self) -> None:
        """Close the device and end the decode thread; twice is once."""
        self.close_device()
        if self._thread:
            self.decoder.store("stop", 1)
            self._thread.join()
            self._thread = None
