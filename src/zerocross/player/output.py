"""Where a player's audio goes: a stream, the device it plays on, and what they counted.

A stream's format is fixed for life, so a track of another rate takes another stream; the
counters are summed over all of them. A little over 300 lines, most of them docstrings.

Locks: none of its own; everything that changes it is called under `Playback.lock`. `stream` may
be read without it: one reference, to a stream or None.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from zerocross.devices.discovery import NULL_DEVICE, DeviceInfo, find_devices
from zerocross.devices.miniaudio import Device, open_device
from zerocross.dsp.polyphase import checked_quality
from zerocross.engine.counters import Counters
from zerocross.engine.file_stream import FileStream
from zerocross.engine.layouts import PLAYED_CHANNELS
from zerocross.errors import DeviceError, UsageError, ZerocrossError
from zerocross.player.checks import (
    checked_block_size,
    checked_device,
    checked_effects,
)
from zerocross.sources.source import OpenSource
from zerocross.system import Grant
from zerocross.units import checked_cpus, checked_flag, checked_volume

if TYPE_CHECKING:
    from zerocross.engine.recorder import Recording
    from zerocross.files import PathLike
    from zerocross.graph.chain import Chain
    from zerocross.graph.groups import Group
    from zerocross.graph.processor import Processor

    Effects = Chain | Processor | Sequence[Processor | Group] | None

__all__ = ["Output"]

#: How far is read ahead once a disk was late: the ring has that length from the beginning.
_FURTHER_AHEAD_S = 3.0


class Output:
    """A stream and its device, opened and closed as formats and devices change.

    Parameters
    ----------
    device, block_size, volume, effects, pin, pin_decoder, quality
        As of `Player`.

    Attributes
    ----------
    stream : FileStream or None
        What plays; None where nothing does.
    told : tuple of (int, int)
        Underruns and faults of the stream that events have told of.
    told_reroutes : int
        The same of the device's moves.
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
        effects: Effects,
        pin: Collection[int] | None,
        pin_decoder: Collection[int] | None,
        quality: str,
    ) -> None:
        self.device_name = checked_device(device)
        self._block_size = checked_block_size(block_size)
        self._volume, self._muted = checked_volume(volume), False
        self.effects = checked_effects(effects)
        self._pin = checked_cpus("pin", pin)
        self._pin_decoder = checked_cpus("pin_decoder", pin_decoder)
        self._quality = checked_quality(quality)
        self.stream: FileStream | None = None
        self._target = NULL_DEVICE
        self.told, self.told_reroutes = (0, 0), 0
        self.grants: dict[str, Grant] = {}
        self.capture_s = 0.0
        self.captures: list[FileStream] = []
        self._recordings: list[Recording] = []
        self._left: list[FileStream] = []
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

    def find_devices(self) -> list[DeviceInfo]:
        """Return the devices to open, best first. Without the lock: a sound server may take long.

        Raises
        ------
        DeviceNotFound, DeviceError
            If there is no such device, or its server does not answer.

        """
        return find_devices(self.device_name)

    def make_stream(self, source_rate: int, candidates: list[DeviceInfo]) -> FileStream:
        """Return a stream for sources of a rate. Without the lock: effects may be compiled.

        Raises
        ------
        RealtimeError, UsageError
            If the effects are refused.

        """
        rate = candidates[0].rate_for(source_rate)
        stream = FileStream(
            rate,
            PLAYED_CHANNELS,
            block_size=self._block_size,
            volume=self._volume,
            longest_s=_FURTHER_AHEAD_S,
            quality=self._quality,
        )
        if self.effects:
            stream.take_chain(self.effects)
        return stream

    def use_effects(self, effects: Chain | None) -> None:
        """Have other effects, heard after a crossfade of 20 ms. Without the lock, under ``making``.

        Raises
        ------
        RealtimeError, UsageError
            If they are refused; then those before play on.

        """
        stream = self.stream
        if stream:
            stream.exchange_chain(effects)
        self.effects = effects
        if stream is not self.stream and stream:  # it was left meanwhile
            stream.let_go_of_chain()

    def take_stream(self, stream: FileStream, target: DeviceInfo) -> None:
        """Let a new stream be the one that plays, and its decode thread run."""
        stream.set_volume(self._volume)
        stream.set_muted(self._muted)
        if self.capture_s:
            stream.capture(self.capture_s)
            self.captures.append(stream)
        for recording in self._recordings:
            recording.follow(stream.tap, stream.sample_rate)
        self.stream, self._target = stream, target
        self.told, self.told_reroutes = (0, 0), 0
        self.grants.update({grant.what: grant for grant in stream.grants})
        for grant in stream.start_decoding(self._pin_decoder):
            self.grants[f"decode thread: {grant.what}"] = grant

    def leave_stream(self) -> FileStream | None:
        """Return what played, to be let go of; it counts until then."""
        stream, self.stream = self.stream, None
        if stream:
            self._left.append(stream)
        return stream

    def settle(self, stream: FileStream) -> None:
        """Add up what a stream counted that is left for good; twice is once."""
        if stream in self._left:
            self._left.remove(stream)
            self._recent = stream.recent()
            self._add(stream)

    def _add(self, stream: FileStream) -> None:
        counters = stream.counters()
        self._counters += counters
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

    def open_device(
        self, stream: FileStream, candidates: list[DeviceInfo] | None = None
    ) -> tuple[Device, str]:
        """Open a device for a stream; returns it, and a notice or an empty string.

        Without the lock: a sound server may take long.

        Raises
        ------
        DeviceNotFound, DeviceError
            If it cannot be opened.

        """
        client, block = stream.client(), self._block_size
        return open_device(
            self.device_name, client, stream.sample_rate, stream.channels, block, candidates
        )

    def open_again(self, stream: FileStream, lost: DeviceInfo) -> Device:
        """Open the device that is asked for, or else the default one, in place of a lost one.

        Silence is none: the null device takes only its own place. Without the lock.

        Raises
        ------
        DeviceNotFound, DeviceError
            If there is none.

        """
        names = [self.device_name] if self.device_name is None else [self.device_name, None]
        reasons: list[str] = []
        for name in names:
            try:
                found = find_devices(name)
            except ZerocrossError as error:
                reasons.append(str(error))
                continue
            for info in found:
                if info.backend == "null" != lost.backend:
                    continue
                try:
                    return open_device(
                        None,
                        stream.client(),
                        stream.sample_rate,
                        stream.channels,
                        self._block_size,
                        [info],
                    )[0]
                except DeviceError as error:
                    reasons.append(str(error))
        raise DeviceError("no device in its place: " + "; ".join(reasons))

    def remember_device(self) -> None:
        """Keep what a report says of the stream and its device for when they are closed."""
        stream = self.playing
        self._format.update(sample_rate=stream.sample_rate, channels=stream.channels)
        if stream.device:
            self._target = stream.device.info
            self.told_reroutes = stream.device.client.reroutes
            self._format.update(
                block_size=stream.device.block_size,
                backend=stream.device.info.backend,
                device=stream.device.info.name,
            )

    @property
    def wanted(self) -> str:
        """The device that is asked for, for people."""
        return self.device_name or "the default device"

    @property
    def is_to_be_elevated(self) -> bool:
        """Whether the device's thread has called back and was not asked for yet."""
        return self.stream is not None and self.stream.has_new_thread

    def elevate(self) -> None:
        """Ask for priority for the audio thread. Without the lock: a service is asked."""
        stream = self.stream
        for grant in stream.elevate(self._pin) if stream else ():
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
        self._muted = checked_flag("muted", value)
        if self.stream:
            self.stream.set_muted(self._muted)

    # --- recordings -------------------------------------------------------------------------

    def record(self, path: PathLike, bits: str | None, dither: str | None) -> Recording:
        """Begin a recording of what goes to the device, at the rate of now; one of a file at a time."""
        from zerocross.engine.recorder import record

        stream = self.playing
        made = record(stream.tap, stream.sample_rate, path, bits, dither)
        self._recordings = [*(each for each in self._recordings if each.is_running), made]
        return made

    def end_recordings(self) -> None:
        """Write what is left of all recordings."""
        while self._recordings:
            self._recordings.pop().close()

    # --- what was counted -------------------------------------------------------------------

    def report(self) -> dict[str, Any]:
        """Return a report's part that is about streams and devices; see docs/report.md."""
        counters, seconds, recent = self._counters, self._seconds, self._recent
        for stream in [*self._left, *([self.stream] if self.stream else [])]:
            now = stream.counters()
            counters += now
            seconds += now.number("frames_played") / stream.sample_rate
            recent = stream.recent()
        rate = self._format.get("sample_rate", 0)
        return {
            "sample_rate": rate,
            "channels": self._format.get("channels", 0),
            "backend": self._format.get("backend", ""),
            "device": self._format.get("device", ""),
            "seconds": seconds,
            **counters.as_report(rate, self._format.get("block_size", 0)),
            "latency_frames": self.latency_frames,
            "ring_frames": self.stream.ring_frames if self.stream else 0,
            "scratch": self._scratch(),
            "realtime": [dataclasses.asdict(grant) for grant in self.grants.values()],
            "recent_callbacks": recent,
        }

    def _scratch(self) -> dict[str, int] | None:
        """Return what the effects took of their scratch memory, in bytes; None without effects."""
        scratch = self.effects.scratch if self.effects else None
        return dataclasses.asdict(scratch) if scratch else None
