"""The device of a player that is paused: stopped after a while, and started again to play on.

For the first seconds of a pause the device goes on, with silence, and playing on is a matter of a
block. Then it is stopped: no thread of ours, of the device's or of the sound server's works for a
player that says nothing. The ring, the position and the gate stay as they are; nothing is lost.

Locks: none of its own; used under `Playback.lock`. A sound server is asked on a thread of its own.
"""

from __future__ import annotations

from zerocross.devices.miniaudio import Device
from zerocross.engine.file_stream import FileStream
from zerocross.sync import Signal
from zerocross.system.background import BackgroundCall

__all__ = ["RUNS_ON_S", "Rest"]

#: How long a device runs on in a pause.
RUNS_ON_S = 5.0


class Rest:
    """Stops and starts the device of one stream.

    Parameters
    ----------
    stream : FileStream
        That one.
    news : Signal
        Raised when a stop or a start is done.

    """

    def __init__(self, stream: FileStream, news: Signal) -> None:
        self.stream, self._news = stream, news
        self._device: Device | None = None
        self._is_stopped = False
        self._call: BackgroundCall[None] | None = None
        self.look_in_s: float | None = None

    def look(self, paused_s: float | None) -> bool:
        """Stop or start the device as is due; returns whether it is not to be expected to call.

        ``paused_s`` is how long the pause has lasted; None where there is none. After it,
        ``look_in_s`` says when to look again at the latest; None for when there is news.
        """
        device, self.look_in_s = self.stream.device, None
        if device is not self._device:
            self._device, self._is_stopped, self._call = device, False, None
        if device is None:
            return False
        if self._call and self._call.is_done:
            self._call = None
        stops = paused_s is not None and paused_s >= RUNS_ON_S
        if self._call is None and stops != self._is_stopped:
            self._is_stopped = stops
            ask = device.stop if stops else lambda: self.stream.restart_device(device)
            self._call = BackgroundCall(ask, "zerocross-rest", self._news.notify)
        elif paused_s is not None and not stops:
            self.look_in_s = RUNS_ON_S - paused_s
        return self._is_stopped or self._call is not None
