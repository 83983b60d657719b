"""A stream: everything that plays in one format, and the control world's view of it.

It owns the memory (ring, marks, records), the decode thread and the device. Sources are
posted in order; a jump starts a new generation. The format is fixed for life; sources of
another sample rate are resampled on the decode thread.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Collection
from typing import Any

from zerocross.devices.miniaudio import DEFAULT_BLOCK
from zerocross.dsp.resample import Resampler, make_resampler
from zerocross.engine import decode
from zerocross.engine.host import DeviceStream
from zerocross.engine.layouts import (
    DECODER,
    MARK,
    MARK_END,
    MARKS,
    OUTCOME,
    OUTCOMES,
    SOURCE,
    SOURCE_END,
    SOURCES,
)
from zerocross.engine.timing import Counters
from zerocross.errors import ZerocrossError
from zerocross.memory import Record, aligned_zeros
from zerocross.sources.file import OpenSource, provide_libsndfile, sndfile_error
from zerocross.sync import Ring
from zerocross.system import Grant
from zerocross.system.numa import pin
from zerocross.system.priority import name_thread

__all__ = ["FileStream", "Heard", "Outcome"]

_NAP_US = 2_000
_THRESHOLD_S = 0.100
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
    marks : int
        Pieces begun and ends reached so far: an end that is news has more than the one before.

    """

    serial: int
    frame: int
    generation: int
    ended: bool
    marks: int = 0


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


class FileStream(DeviceStream):
    """A device stream with a ring and a decode thread before it.

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
        block = block_size or DEFAULT_BLOCK
        capacity = max(round(ring_s * sample_rate), 4 * block, 4 * decode.CHUNK)
        self.ring = Ring(capacity, channels)
        super().__init__(sample_rate, channels, block_size, volume, (self.ring.region,))
        self.decoder = Record(DECODER)
        self._marks = aligned_zeros(MARKS, MARK)
        self._sources = aligned_zeros(SOURCES, SOURCE)
        self._outcomes = aligned_zeros(OUTCOMES, OUTCOME)
        self._decode_scratch = aligned_zeros(decode.CHUNK * 8)
        self._mixed = aligned_zeros(decode.CHUNK * channels)
        self._rows_in = aligned_zeros((channels, decode.CHUNK))
        self._rows_out = aligned_zeros((channels, decode.RESAMPLED_CHUNK))
        self._resamplers: dict[int, Resampler] = {}
        self._outcomes_read = 0
        self._thread: threading.Thread | None = None
        self._set_up()

    def _set_up(self) -> None:
        threshold = max(round(_THRESHOLD_S * self.sample_rate), 2 * self.block_size)
        self.record.fill(
            ring=self.ring.record.address,
            marks=self._marks.ctypes.data,
            decoder=self.decoder.address,
            threshold=min(threshold, self.ring.capacity // 2),
            refilling=1,
            low_water=self.ring.capacity,
        )
        self.decoder.fill(
            ring=self.ring.record.address,
            stream=self.record.address,
            sources=self._sources.ctypes.data,
            marks=self._marks.ctypes.data,
            outcomes=self._outcomes.ctypes.data,
            scratch=self._decode_scratch.ctypes.data,
            mixed=self._mixed.ctypes.data,
            rows_in=self._rows_in.ctypes.data,
            rows_out=self._rows_out.ctypes.data,
            channels=self.channels,
            fade_frames=int(self.record["ramp_frames"]),
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
        slot["identity"] = source.channels == self.channels and source.gain == 1.0
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
        return self._resamplers[rate].address

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
            return Heard(0, 0, now["generation"], ended, now["mark_read"])
        past = (position - int(mark["position"])) * int(mark["source_rate"]) // self.sample_rate
        frame = int(mark["source_frame"]) + past
        return Heard(int(mark["serial"]), frame, now["generation"], ended, now["mark_read"])

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

    def start_decoding(self, cpus: Collection[int] | None = None) -> list[Grant]:
        """Start the decode thread, on certain CPUs if asked; returns what was granted."""
        self.decoder.store("stop", 0)
        _ = decode.decode_loop.address
        self._thread = threading.Thread(
            target=decode.decode_loop,
            args=(self.decoder.address, _NAP_US),
            name="zerocross-decode",
            daemon=True,
        )
        self._thread.start()
        name_thread(self._thread.native_id or 0, "zerocross-dec")
        return [] if cpus is None else [pin(self._thread, cpus)]

    def decode(self) -> None:
        """Fill the ring from this thread (offline, in place of the decode thread)."""
        decode.decode_until_idle(self.decoder.address)

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
