"""Audio devices, opened and run through miniaudio.

The package's low-level binding gives the C structures; the address of a compiled adapter goes
into them, so a device calls machine code and no Python. It calls its `client`; what it has to tell
(stopped, rerouted) also arrives in compiled code, as counts in the client's record.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from typing import Any

import _miniaudio
import numpy as np

from zerocross.closing import Closes, keep_for_ever
from zerocross.compiler import entry, fetch_add, int32_array, int64_array, record_at
from zerocross.devices.client import CLIENT, Client, enter_client, leave_client, serve_client
from zerocross.devices.discovery import (
    Context,
    DeviceInfo,
    describe_result,
    find_devices,
    quieten_libraries,
)
from zerocross.dsp.convert import FORMAT_F32, FORMAT_S16, FORMAT_S24, FORMAT_S32
from zerocross.errors import DeviceError
from zerocross.sync.signal import SIGNAL, signal_raise

__all__ = [
    "DEFAULT_BLOCK",
    "Device",
    "load_callbacks",
    "miniaudio_callback",
    "miniaudio_notification",
    "open_device",
]

ffi, lib = _miniaudio.ffi, _miniaudio.lib

#: Frames of a block where none is asked for.
DEFAULT_BLOCK = 512
# PulseAudio keeps only two blocks of a client ahead, and its server is woken late at times.
_DEFAULT_BLOCKS = {"pulseaudio": 2048}
_PERIODS = 3
_MOST_TITLE = 200
#: Read by PulseAudio's library where a stream is made (pulseaudio(1)).
_PULSE_LATENCY = "PULSE_LATENCY_MSEC"
_TYPE_STARTED = int(lib.ma_device_notification_type_started)
_TYPE_STOPPED = int(lib.ma_device_notification_type_stopped)
_TYPE_REROUTED = int(lib.ma_device_notification_type_rerouted)
_USER_DATA = ffi.offsetof("ma_device", "pUserData")
_EVENT_TYPE = ffi.offsetof("ma_device_notification", "type")
# The formats that devices are opened with, the one that loses least first.
_FORMATS = (FORMAT_F32, FORMAT_S32, FORMAT_S24, FORMAT_S16)


@entry("int64", "int64", "int64", "uint32", dispatches=True)
def miniaudio_callback(device: int, output: int, source: int, frames: int) -> None:
    """Miniaudio's data callback: ``void (ma_device*, void*, const void*, ma_uint32)``.

    The client's record lies in the device's user data. Without a client the buffer keeps the
    silence that miniaudio gave it. Real-time: the audio thread.
    """
    client = record_at(int64_array(device + _USER_DATA, 1)[0], CLIENT)
    if enter_client(client):
        serve_client(client, source, output, np.int64(frames))
    leave_client(client)


@entry("int64")
def miniaudio_notification(notification: int) -> None:
    """Miniaudio's notification callback: counts for the control thread to find."""
    device = int64_array(notification, 1)[0]
    kind = int32_array(notification + _EVENT_TYPE, 1)[0]
    client = record_at(int64_array(device + _USER_DATA, 1)[0], CLIENT)
    if kind == _TYPE_STARTED:
        fetch_add(client, "starts", 1)
    elif kind == _TYPE_STOPPED:
        fetch_add(client, "stops", 1)
    elif kind == _TYPE_REROUTED:
        fetch_add(client, "reroutes", 1)
    if client.news != 0:
        signal_raise(record_at(client.news, SIGNAL))


def load_callbacks() -> None:
    """Compile or load what devices call, so that opening one waits for its sound server alone."""
    quieten_libraries()
    _ = miniaudio_callback.address, miniaudio_notification.address


class Device(Closes):
    """An open device that calls our callback.

    Parameters
    ----------
    info : DeviceInfo
        Which one.
    client : Client
        Whom it calls, it alone; closed with the device, and kept until that has let go of it.
    sample_rate, channels : int
        What the callback delivers; the backend converts if the hardware differs.
    block_size : int or None
        Frames in a callback; the device may take another number.
    input_info : DeviceInfo or None
        Where to record from, of the same backend; what is exchanged is then float32.
    plays : bool
        Whether it plays; with an input it may only record.
    eased : bool
        Whether PulseAudio may hold all blocks at once, in place of about one: it then wakes the audio
        thread a quarter as often, and what is done to the audio is heard that much later.

    Attributes
    ----------
    latency_frames : int
        Frames between the callback and the ear, as far as the buffers asked for tell.

    """

    def __init__(
        self,
        info: DeviceInfo,
        client: Client,
        sample_rate: int,
        channels: int,
        block_size: int | None,
        input_info: DeviceInfo | None = None,
        plays: bool = True,
        eased: bool = False,
    ) -> None:
        self.info, self.client = info, client
        self._input, self._plays = input_info, plays
        self.sample_rate, self.channels = sample_rate, channels
        self.block_size = block_size or _DEFAULT_BLOCKS.get(info.backend, DEFAULT_BLOCK)
        self.sample_format = FORMAT_F32 if input_info else _best_format(info)
        self._context = Context(info.backend)
        self._handle = ffi.new("ma_device *")
        # Two threads that stop a device wait for one event, and one of them for ever.
        self._changing = threading.Lock()
        self._open = False
        self.latency_frames = self.block_size * _PERIODS
        with _pulse_latency(1000 * self.latency_frames / sample_rate if eased else 0.0) as user_ms:
            result = lib.ma_device_init(self._context.handle, self._config(), self._handle)
        if result != 0:
            self._context.close()
            raise DeviceError(f"{info.title}: {describe_result(result)}")
        if user_ms and info.backend == "pulseaudio":
            self.latency_frames = user_ms * sample_rate // 1000
        self._open = True
        # What a device's threads use is reached from here, however the device is dropped.
        _open_devices.add(self)

    def _config(self) -> Any:
        kind = lib.ma_device_type_playback
        if self._input:
            kind = lib.ma_device_type_duplex if self._plays else lib.ma_device_type_capture
        config = ffi.new("ma_device_config *", lib.ma_device_config_init(kind))
        config.sampleRate = self.sample_rate
        config.periodSizeInFrames = self.block_size
        config.periods = _PERIODS
        config.wasapi.usage = lib.ma_wasapi_usage_pro_audio  # MMCSS for the audio thread
        config.playback.format = self.sample_format
        config.playback.channels = self.channels
        if self.info.identity is not None:
            config.playback.pDeviceID = self.info.identity
        if self._input:
            config.capture.format = FORMAT_F32
            config.capture.channels = self.channels
            if self._input.identity is not None:
                config.capture.pDeviceID = self._input.identity
        config.dataCallback = ffi.cast(
            "void(*)(ma_device *, void *, void *, unsigned int)", miniaudio_callback.address
        )
        config.notificationCallback = ffi.cast(
            "void(*)(ma_device_notification *)", miniaudio_notification.address
        )
        config.pUserData = ffi.cast("void *", self.client.record.address)
        # PulseAudio's media.name. It cannot change later: nobody but the device's own thread may talk
        # to the server, and miniaudio tells nobody what its stream is.
        title = self.client.title[:_MOST_TITLE].replace("\0", "") or "Zerocross"
        self._names = ffi.new("char[]", title.encode("utf-8", "replace"))
        config.pulse.pStreamNamePlayback = config.pulse.pStreamNameCapture = self._names
        self._kept = config
        return config

    @property
    def is_running(self) -> bool:
        """Whether the device is calling back."""
        return self._open and bool(lib.ma_device_is_started(self._handle))

    @property
    def is_suspended(self) -> bool:
        """Whether the sound server holds the device, open, and will let it go on by itself."""
        return self.is_running and self.client.stops >= max(1, self.client.starts)

    def start(self) -> None:
        """Begin to call back; not if it was closed meanwhile."""
        with self._changing:
            result = lib.ma_device_start(self._handle) if self._open else 0
        if result != 0:
            raise DeviceError(f"{self.info.title}: {describe_result(result)}")

    def stop(self) -> None:
        """Stop calling back; returns when the last callback has ended."""
        with self._changing:
            if self._open:
                lib.ma_device_stop(self._handle)

    def close(self, patience_s: float = 1.0) -> None:
        """Stop and let go of the device; twice is once.

        A device whose sound server died may never answer. From here on it calls no one, and if it
        has not let go within the patience it is left behind on a thread of its own, and with it
        the memory that its threads use.
        """
        if not self._open:
            return
        self._open = False
        deadline = time.monotonic() + patience_s
        self.client.close(patience_s)
        closer = threading.Thread(target=self._let_go, name="zerocross-close", daemon=True)
        try:
            closer.start()
        except RuntimeError:  # the interpreter ends: the system closes it
            keep_for_ever(self)
            return
        closer.join(max(0.0, deadline - time.monotonic()))

    def _let_go(self) -> None:
        with self._changing:
            lib.ma_device_uninit(self._handle)
        self._context.close()
        _open_devices.discard(self)


#: Devices whose threads may run. Past the interpreter's end too: a server may answer then.
_open_devices: set[Device] = set()
keep_for_ever(_open_devices)


@contextlib.contextmanager
def _pulse_latency(latency_ms: float) -> Iterator[int]:
    """Within the block, have PulseAudio's library ask its server for a latency; 0 for what that likes.

    The library takes it from the environment only: miniaudio has no word for it. What the user has set
    there is left, and yielded; else 0. No lock: a server may not answer, and nobody is to wait for that.
    """
    by_user = os.environ.get(_PULSE_LATENCY, "")
    if by_user or not latency_ms:
        yield int(by_user) if by_user.isdecimal() else 0
        return
    os.environ[_PULSE_LATENCY] = str(round(latency_ms))
    try:
        yield 0
    finally:
        os.environ.pop(_PULSE_LATENCY, None)


def _best_format(info: DeviceInfo) -> int:
    """Return the native format that loses least, so that nothing converts behind our back."""
    native = {form for form, _, _ in info.natives}
    return next((form for form in _FORMATS if form in native), FORMAT_F32)


def open_device(
    name: str | None,
    client: Client,
    sample_rate: int,
    channels: int,
    block_size: int | None,
    candidates: list[DeviceInfo] | None = None,
) -> tuple[Device, str]:
    """Open the device of a name, for a player; without a name the first default that opens.

    Where no block size is asked for, changes may be heard some blocks later (`Device`, ``eased``).
    ``candidates`` are what `find_devices` gave for the name, where that is known already.

    Returns
    -------
    device : Device
    notice : str
        What the listener should know, such as that there is no sound hardware; else empty.

    Raises
    ------
    DeviceNotFound
        If no device has the name.
    DeviceError
        If it is there and refuses.

    """
    reasons: list[str] = []
    for info in candidates or find_devices(name):
        try:
            eased = info.backend == "pulseaudio" and block_size is None
            device = Device(info, client, sample_rate, channels, block_size, eased=eased)
        except DeviceError as error:
            if name is not None:
                raise
            reasons.append(str(error))
            continue
        if name is None and info.backend == "null":
            why = f" ({reasons[0].partition(';')[0]})" if reasons else ""
            return device, f"no sound device found{why}: playing to the null device, without sound"
        return device, ""
    raise DeviceError("no device could be opened: " + "; ".join(reasons))
