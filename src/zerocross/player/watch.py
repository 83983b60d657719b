"""What holds a stream up: its device, its disk or an effect, as far as it can be seen from outside.

Whoever works tells; who has stopped working cannot. So a look also says when the next one is due: when
the device would have been silent for too long if it had just called for the last time.

Locks: none of its own; used under `Playback.lock`.
"""

from __future__ import annotations

import enum
import time

from zerocross.devices.miniaudio import Device
from zerocross.engine.file_stream import FileStream

__all__ = ["HeldUp", "Watch"]

#: A device that has not called for so long, so many blocks, and what it holds, is told not to answer.
_SILENT_S, _SILENT_BLOCKS = 1.0, 4
#: After so long another one is looked for.
_LOST_S, _LOST_BLOCKS = 2.0, 20
#: An effect that has not returned for so long is told to hang.
_HUNG_S = 2.0
#: A device that says it is suspended is believed after so many blocks without a call.
_SUSPENDED_BLOCKS = 2
#: How often to look where the ring has run short and it is not known yet why.
_SHORT_S = 0.05
#: So much later than a limit, as it has to be passed.
_PAST_S = 0.001


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

    Attributes
    ----------
    look_in_s : float or None
        When to look again at the latest, after a look; None for when there is news.
    awaits_call : bool
        Whether the device's next call is news.

    """

    def __init__(self, stream: FileStream) -> None:
        self.stream = stream
        self.look_in_s: float | None = None
        self.awaits_call = False
        self._device: Device | None = None
        self._since_ns = 0
        self._was_late = self._was_suspended = self._is_at_rest = False

    def look(self, playing: bool, resting: bool = False, awaits_file: bool = False) -> HeldUp:
        """Return what holds the stream up at the moment.

        ``resting`` says that the device was stopped, or is being started again, by us; ``awaits_file``
        that what follows is not open yet.
        """
        self.look_in_s, self.awaits_call = None, False
        device = self.stream.device
        if device is None:
            return HeldUp.NOTHING
        if device is not self._device or self._is_at_rest:
            self._device, self._since_ns = device, time.monotonic_ns()
            self._was_suspended = False
        self._is_at_rest = resting and not playing
        if self._is_at_rest:
            return HeldUp.NOTHING
        found = self._device_of(device, resting)
        self.awaits_call = found in {HeldUp.SUSPENDED, HeldUp.SILENT}
        if found is HeldUp.NOTHING and playing:
            return self._disk(awaits_file)
        return found

    def _device_of(self, device: Device, resting: bool) -> HeldUp:
        now, block_s = time.monotonic_ns(), device.block_size / self.stream.sample_rate
        is_suspended = device.is_suspended
        if self._was_suspended and not is_suspended:
            self._since_ns = now  # it may take its time again
        late_s = (now - max(self._since_ns, self.stream.count("last_ns"))) / 1e9
        held_s = device.latency_frames / self.stream.sample_rate
        silent_s = _SILENT_S + _SILENT_BLOCKS * block_s + held_s
        lost_s = _LOST_S + _LOST_BLOCKS * block_s + held_s
        suspended_s = _SUSPENDED_BLOCKS * block_s if is_suspended else silent_s
        limits = (suspended_s, silent_s, _HUNG_S, lost_s)
        self.look_in_s = min((each - late_s for each in limits if each >= late_s), default=lost_s)
        self.look_in_s += _PAST_S
        self._was_suspended = is_suspended and late_s >= suspended_s
        if self.stream.is_inside:
            return HeldUp.EFFECT if late_s > _HUNG_S else HeldUp.NOTHING
        if not resting and not device.is_running:
            return HeldUp.LOST
        if self._was_suspended:
            return HeldUp.SUSPENDED
        if late_s > lost_s and not resting:
            return HeldUp.LOST
        return HeldUp.SILENT if late_s > silent_s else HeldUp.NOTHING

    def _disk(self, awaits_file: bool) -> HeldUp:
        """Return whether the disk is late: from where the ring ran short until it plays again."""
        stream = self.stream
        is_short = stream.is_refilling
        self._was_late = is_short and (stream.is_reading or awaits_file or self._was_late)
        if is_short and not self._was_late:
            self.look_in_s = min(_SHORT_S, self.look_in_s or _SHORT_S)
        return HeldUp.DISK if self._was_late else HeldUp.NOTHING
