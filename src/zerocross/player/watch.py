"""What holds a stream up: its device, its disk or an effect, as far as it can be seen from outside.

Locks: none of its own; used under `Playback.lock`.
"""

from __future__ import annotations

import enum
import time

from zerocross.devices.miniaudio import Device
from zerocross.engine.file_stream import FileStream

__all__ = ["HeldUp", "Watch"]

#: A device that has not called for so long, and so many blocks, is told not to answer.
_SILENT_S, _SILENT_BLOCKS = 1.0, 4
#: After so long another one is looked for.
_LOST_S, _LOST_BLOCKS = 2.0, 20
#: An effect that has not returned for so long is told to hang.
_HUNG_S = 2.0


class HeldUp(enum.Enum):
    """What holds a stream up."""

    NOTHING = enum.auto()
    DISK = enum.auto()
    SUSPENDED = enum.auto()
    SILENT = enum.auto()
    LOST = enum.auto()
    EFFECT = enum.auto()


class Watch:
    """Looks at one stream again and again.

    Parameters
    ----------
    stream : FileStream
        That one.

    """

    def __init__(self, stream: FileStream) -> None:
        self.stream = stream
        self._device: Device | None = None
        self._calls = -1
        self._since = time.monotonic()
        self._was_late = False

    def look(self, playing: bool) -> HeldUp:
        """Return what holds the stream up at the moment."""
        device = self.stream.device
        if device is None:
            return HeldUp.NOTHING
        found = self._device_of(device)
        if found is HeldUp.NOTHING and playing:
            return self._disk()
        return found

    def _device_of(self, device: Device) -> HeldUp:
        calls, now = self.stream.count("callbacks"), time.monotonic()
        if calls != self._calls or device is not self._device:
            self._calls, self._device, self._since = calls, device, now
        late_s, block_s = now - self._since, device.block_size / self.stream.sample_rate
        if self.stream.is_inside:
            return HeldUp.EFFECT if late_s > _HUNG_S else HeldUp.NOTHING
        if not device.is_running:
            return HeldUp.LOST
        if late_s < 2 * block_s:
            return HeldUp.NOTHING
        if device.is_suspended:
            return HeldUp.SUSPENDED
        if late_s > _LOST_S + _LOST_BLOCKS * block_s:
            return HeldUp.LOST
        return HeldUp.SILENT if late_s > _SILENT_S + _SILENT_BLOCKS * block_s else HeldUp.NOTHING

    def _disk(self) -> HeldUp:
        """Return whether the disk is late: from where the ring ran short until it plays again."""
        stream = self.stream
        self._was_late = stream.is_refilling and (stream.is_reading or self._was_late)
        return HeldUp.DISK if self._was_late else HeldUp.NOTHING
