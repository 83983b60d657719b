"""Where a player's audio goes: a stream, the device it plays on, and what they counted.

A stream's format is fixed for life, so a track of another rate takes another stream; the
counters are summed over all of them.

Locks: none of its own; everything that changes it is called under `Playback.lock`. `stream` may
be read without it: one reference, to a stream or None.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from zerocross.devices.discovery import NULL_DEVICE, DeviceInfo, find_devices
from zerocross.engine.counters import Counters
from zerocross.engine.file_stream import FileStream
from zerocross.engine.layouts import PLAYED_CHANNELS
from zerocross.errors import UsageError, ZerocrossError
from zerocross.sources.file import OpenSource
from zerocross.system import Grant
from zerocross.units import checked_volume

if TYPE_CHECKING:
    from zerocross.graph.chain import Chain

__all__ = ["Output"]

_RAMP_TIMEOUT_S = 0.5
_LOST_DEVICE_PATIENCE_S = 0.2


class Output:
    """A stream and its device, opened and closed as formats and devices change.

    Parameters
    ----------
    device, block_size, volume, effects, pin, pin_decoder
        As of `Player`.

    Attributes
    ----------
    stream : FileStream or None
        What plays; None where nothing does.
    told : tuple of (int, int)
        Underruns and faults of the stream that events have told of.
    grants : dict
        What was asked of the system, by its words.
    capture_s : float
        Seconds of each stream to be kept, for tests; the streams are in ``captures``.

    """

    def __init__(
        self,
        device: str | None,
        block_size: int | None,
        volume: float,
        effects: Chain | None,
        pin: Collection[int] | None,
        pin_decoder: Collection[int] | None,
    ) -> None:
        if block_size is not None and not 16 <= block_size <= 65_536:
            raise UsageError(f"block size {block_size}: give 16 to 65536 frames")
        self.device_name, self._block_size = device, block_size
        self._volume, self._muted = checked_volume(volume), False
        self.effects = effects
        self._pin, self._pin_decoder = pin, pin_decoder
        self.stream: FileStream | None = None
        self._target = NULL_DEVICE
        self.told = (0, 0)
        self.grants: dict[str, Grant] = {}
        self.capture_s = 0.0
        self.captures: list[FileStream] = []
        self._counters = Counters()
        self._seconds = 0.0
        self._recent: list[dict[str, Any]] = []
        self._format: dict[str, Any] = {}

    # --- the stream -------------------------------------------------------------------------

    @property
    def playing(self) -> FileStream:
        """The stream; raises UsageError where nothing plays."""
        if self.stream is None:
            raise UsageError("nothing is playing")
        return self.stream

    def suits(self, source: OpenSource) -> bool:
        """Return whether the device could play a source no better at another rate."""
        return self._target.rate_for(source.sample_rate) == self.playing.sample_rate

    def open_stream(self, source_rate: int) -> list[DeviceInfo]:
        """Make a stream for sources of a rate; returns the devices to open for it, best first.

        Raises
        ------
        DeviceNotFound, RealtimeError
            If there is no such device, or the effects are refused.

        """
        candidates = find_devices(self.device_name)
        self._target = candidates[0]
        rate = self._target.rate_for(source_rate)
        stream = FileStream(rate, PLAYED_CHANNELS, block_size=self._block_size, volume=self._volume)
        stream.set_muted(self._muted)
        if self.capture_s:
            stream.capture(self.capture_s)
            self.captures.append(stream)
        if self.effects:
            self.effects.start(stream.set_program, rate, PLAYED_CHANNELS)
        self.stream, self.told = stream, (0, 0)
        self.grants.update({grant.what: grant for grant in stream.grants})
        for grant in stream.start_decoding(self._pin_decoder):
            self.grants[f"decode thread: {grant.what}"] = grant
        return candidates

    def fade_out(self) -> None:
        """Ramp the transport down and wait until the device has got silence."""
        stream = self.playing
        stream.set_playing(False)
        deadline = time.monotonic() + _RAMP_TIMEOUT_S
        while not stream.is_silent() and stream.device and time.monotonic() < deadline:
            time.sleep(0.002)

    def close(self) -> None:
        """Close stream and device, and add up what they counted; twice is once."""
        stream, self.stream = self.stream, None
        if stream is None:
            return
        if self.effects:
            self.effects.connect(None)
        stream.close()
        counters = stream.counters()
        self._counters += counters
        self._recent = stream.recent()
        self._seconds += counters.number("frames_played") / stream.sample_rate

    # --- the device -------------------------------------------------------------------------

    @property
    def device(self) -> str:
        """The open device, for people; empty when there is none."""
        stream = self.stream
        return stream.device.info.title if stream and stream.device else ""

    @property
    def latency_frames(self) -> int:
        """How far what is heard is behind the tap; 0 where nothing plays."""
        stream = self.stream
        return stream.device.latency_frames if stream and stream.device else 0

    def open_device(self, candidates: list[DeviceInfo] | None = None) -> str:
        """Open the device that is asked for; returns a notice, or an empty string.

        Raises
        ------
        DeviceNotFound, DeviceError
            If it cannot be opened.

        """
        notice = self.playing.open_device(self.device_name, candidates)
        self._remember_format()
        return notice

    def replace_device(self) -> None:
        """Move from a lost device to the default one, or to the null device."""
        stream = self.playing
        stream.close_device(patience_s=_LOST_DEVICE_PATIENCE_S)
        for name in (None, "null"):
            with contextlib.suppress(ZerocrossError):
                stream.open_device(name)
                break
        self._remember_format()

    def elevate(self) -> None:
        """Ask for priority for the audio thread, once it has called back."""
        for grant in self.playing.elevate(self._pin):
            self.grants[grant.what] = grant

    # --- volume -----------------------------------------------------------------------------

    @property
    def volume(self) -> float:
        """Gain from 0 to 1."""
        return self._volume

    @volume.setter
    def volume(self, value: float) -> None:
        self._volume = checked_volume(value)
        if self.stream:
            self.stream.set_volume(self._volume)

    @property
    def muted(self) -> bool:
        """Whether the output is silenced."""
        return self._muted

    @muted.setter
    def muted(self, value: bool) -> None:
        self._muted = bool(value)
        if self.stream:
            self.stream.set_muted(self._muted)

    # --- what was counted -------------------------------------------------------------------

    def report(self) -> dict[str, Any]:
        """Return a report's part that is about streams and devices; see docs/report.md."""
        counters, seconds, recent = self._counters, self._seconds, self._recent
        if self.stream:
            now = self.stream.counters()
            counters += now
            seconds += now.number("frames_played") / self.stream.sample_rate
            recent = self.stream.recent()
        rate = self._format.get("sample_rate", 0)
        return {
            "sample_rate": rate,
            "channels": self._format.get("channels", 0),
            "backend": self._format.get("backend", ""),
            "device": self._format.get("device", ""),
            "seconds": seconds,
            **counters.as_report(rate, self._format.get("block_size", 0)),
            "realtime": [dataclasses.asdict(grant) for grant in self.grants.values()],
            "recent_callbacks": recent,
        }

    def _remember_format(self) -> None:
        """Keep what a report says of the stream and its device for when they are closed."""
        stream = self.playing
        self._format.update(sample_rate=stream.sample_rate, channels=stream.channels)
        if stream.device:
            self._target = stream.device.info
            self._format.update(
                block_size=stream.device.block_size,
                backend=stream.device.info.backend,
                device=stream.device.info.name,
            )
