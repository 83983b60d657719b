"""Audio devices: finding, opening and running them, through miniaudio.

The package's low-level binding gives the C structures; our compiled callback's address goes
into them, so a device calls machine code and no Python. What a device has to tell
(stopped, rerouted) also arrives in compiled code, as bits of the stream's record.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import difflib
import functools
import sys
import threading
from typing import Any

import _miniaudio
import numpy as np

from zerocross.closing import Closes
from zerocross.compiler import entry, fetch_add, int32_array, int64_array, record_at
from zerocross.dsp.convert import FORMAT_F32, FORMAT_S16, FORMAT_S24, FORMAT_S32
from zerocross.engine.callback import run_callback
from zerocross.engine.layouts import STREAM
from zerocross.errors import DeviceError, DeviceNotFound
from zerocross.memory import Record

__all__ = [
    "BACKENDS",
    "DEFAULT_BLOCK",
    "NULL_DEVICE",
    "Device",
    "DeviceInfo",
    "device_callback",
    "enabled_backends",
    "find_devices",
    "list_devices",
    "notification_callback",
    "open_device",
]

ffi, lib = _miniaudio.ffi, _miniaudio.lib

#: Backends by name, in the order in which a default device is looked for.
BACKENDS: dict[str, int] = {
    "wasapi": lib.ma_backend_wasapi,
    "coreaudio": lib.ma_backend_coreaudio,
    "pulseaudio": lib.ma_backend_pulseaudio,
    "alsa": lib.ma_backend_alsa,
    "jack": lib.ma_backend_jack,
    "null": lib.ma_backend_null,
}
_TITLES = {
    "wasapi": "WASAPI",
    "coreaudio": "Core Audio",
    "pulseaudio": "PulseAudio",
    "alsa": "ALSA",
    "jack": "JACK",
    "null": "null",
}
#: Frames of a block where none is asked for.
DEFAULT_BLOCK = 512
# PulseAudio keeps only two blocks of a client ahead, and its server is woken late at times.
_DEFAULT_BLOCKS = {"pulseaudio": 2048}
_PERIODS = 3
_TYPE_STOPPED = int(lib.ma_device_notification_type_stopped)
_TYPE_REROUTED = int(lib.ma_device_notification_type_rerouted)
_USER_DATA = ffi.offsetof("ma_device", "pUserData")
_EVENT_TYPE = ffi.offsetof("ma_device_notification", "type")
_FORMATS = (FORMAT_F32, FORMAT_S32, FORMAT_S24, FORMAT_S16)
_FORMAT_NAMES = {FORMAT_F32: "f32", FORMAT_S32: "s32", FORMAT_S24: "s24", FORMAT_S16: "s16"}

# miniaudio's own numbers for what goes wrong most.
_REASONS = {
    -3: "it was given settings that it cannot take; try another --block",
    -5: "out of memory; close other programs",
    -6: "out of range; try another --block",
    -7: "access denied; add your user to the audio group, or run the sound server",
    -12: "it timed out; restart the sound server",
    -19: "it is busy; close the program that uses it, or choose another --device",
    -100: "it is not usable in this format; choose another --device",
    -103: "no such device; choose another --device",
    -104: "no sound system of this kind is running; start it, or use --device null",
    -202: "it is already in use by another program; close that one, or choose another --device",
    -205: "the backend could not start; is its server running?",
}


@entry("int64", "int64", "int64", "uint32", dispatches=True)
def device_callback(device: int, output: int, source: int, frames: int) -> None:
    """Miniaudio's data callback: ``void (ma_device*, void*, const void*, ma_uint32)``.

    The stream's record lies in the device's user data. Real-time: the audio thread.
    """
    stream = record_at(int64_array(device + _USER_DATA, 1)[0], STREAM)
    if stream.retired:
        return
    run_callback(stream, source, output, np.int64(frames))


@entry("int64")
def notification_callback(notification: int) -> None:
    """Miniaudio's notification callback: sets a bit for the control world to find."""
    device = int64_array(notification, 1)[0]
    kind = int32_array(notification + _EVENT_TYPE, 1)[0]
    stream = record_at(int64_array(device + _USER_DATA, 1)[0], STREAM)
    if kind == _TYPE_STOPPED:
        fetch_add(stream, "device_stops", 1)
    elif kind == _TYPE_REROUTED:
        fetch_add(stream, "device_reroutes", 1)


@dataclasses.dataclass(frozen=True)
class DeviceInfo:
    """A playback device as its backend describes it.

    Attributes
    ----------
    backend : str
        A key of `BACKENDS`.
    name : str
        The device's own name.
    is_default : bool
        Whether the backend plays there by default.
    formats : tuple of str
        Native formats as ``f32 2ch 48000Hz``; 0 stands for any.

    """

    backend: str
    name: str
    is_default: bool
    formats: tuple[str, ...] = ()
    identity: Any = dataclasses.field(default=None, repr=False, compare=False)
    natives: tuple[tuple[int, int, int], ...] = dataclasses.field(
        default=(), repr=False, compare=False
    )

    def rate_for(self, rate: int) -> int:
        """Return the rate at which to play a file of a rate: its own if the device takes it.

        Else the next higher that the device takes, so that nothing is lost, or its highest.
        """
        rates = {native for _, _, native in self.natives}
        if not rates or 0 in rates or rate in rates:
            return rate
        return min((native for native in rates if native > rate), default=max(rates))

    @property
    def title(self) -> str:
        """Name with backend, for people."""
        if self.backend == "null":
            return "null device (no sound)"
        return f"{self.name} ({_TITLES[self.backend]})"


#: The device without sound, which is always there.
NULL_DEVICE = DeviceInfo("null", "null", False)


def describe_result(result: int) -> str:
    """Return what a result number of miniaudio means, and what to do about it."""
    if result in _REASONS:
        return _REASONS[result]
    try:
        words = ctypes.CDLL(_miniaudio.__file__).ma_result_description
        words.restype = ctypes.c_char_p
        return f"{words(result).decode().lower()} (miniaudio {result}); choose another --device"
    except (OSError, AttributeError):
        return f"miniaudio error {result}; choose another --device"


@functools.cache
def enabled_backends() -> tuple[str, ...]:
    """Return the backends that this build of miniaudio has, in order of preference."""
    return tuple(name for name, number in BACKENDS.items() if lib.ma_is_backend_enabled(number))


@entry("int64", "int64", "int64", "int64", "int64")
def _ignore_message(a: int, b: int, c: int, d: int, e: int) -> None:
    """Take the place of a sound library's message handler and say nothing."""


@functools.cache
def _quieten_libraries() -> None:
    """Keep ALSA and JACK from printing on the terminal for all that they cannot open."""
    if sys.platform != "linux":
        return
    handler = ctypes.c_void_p(_ignore_message.address)
    for library, functions in (
        ("libasound.so.2", ["snd_lib_error_set_handler"]),
        ("libjack.so.0", ["jack_set_error_function", "jack_set_info_function"]),
    ):
        with contextlib.suppress(OSError, AttributeError):
            loaded = ctypes.CDLL(library)
            for name in functions:
                getattr(loaded, name)(handler)


class Context:
    """A connection to one backend."""

    def __init__(self, backend: str) -> None:
        self.backend = backend
        self._handle = ffi.new("ma_context *")
        config = ffi.new("ma_context_config *", lib.ma_context_config_init())
        config.threadPriority = lib.ma_thread_priority_realtime
        self._name = ffi.new("char[]", b"Zerocross")
        config.pulse.pApplicationName = self._name
        config.jack.pClientName = self._name
        only = ffi.new("ma_backend[]", [BACKENDS[backend]])
        _quieten_libraries()
        result = lib.ma_context_init(only, 1, config, self._handle)
        if result != 0:
            raise DeviceError(f"{_TITLES[backend]}: {describe_result(result)}")

    @property
    def handle(self) -> Any:
        """The ``ma_context*``."""
        return self._handle

    def close(self) -> None:
        """Let go of the backend; all its devices must be closed."""
        lib.ma_context_uninit(self._handle)

    def devices(self, inputs: bool = False) -> list[DeviceInfo]:
        """Return the backend's playback devices, or those to record from."""
        infos = ffi.new("ma_device_info **")
        count = ffi.new("ma_uint32 *")
        found = (ffi.NULL, ffi.NULL, infos, count) if inputs else (infos, count, ffi.NULL, ffi.NULL)
        result = lib.ma_context_get_devices(self._handle, *found)
        if result != 0:
            raise DeviceError(f"{_TITLES[self.backend]}: {describe_result(result)}")
        kind = lib.ma_device_type_capture if inputs else lib.ma_device_type_playback
        return [self._info(infos[0][i], kind) for i in range(count[0])]

    def _info(self, raw: Any, kind: int) -> DeviceInfo:
        identity = ffi.new("ma_device_id *")
        ffi.memmove(identity, ffi.addressof(raw.id), ffi.sizeof("ma_device_id"))
        name = ffi.string(raw.name).decode("utf-8", "replace")
        detail = ffi.new("ma_device_info *")
        natives: list[tuple[int, int, int]] = []
        if lib.ma_context_get_device_info(self._handle, kind, identity, detail) == 0:
            natives = [
                (f.format, f.channels, f.sampleRate)
                for f in detail.nativeDataFormats[0 : detail.nativeDataFormatCount]
            ]
        formats = tuple(
            f"{_FORMAT_NAMES.get(form, 'any')} {channels}ch {rate}Hz"
            for form, channels, rate in natives
        )
        return DeviceInfo(
            self.backend, name, bool(raw.isDefault), formats, identity, tuple(natives)
        )


def list_devices(inputs: bool = False) -> tuple[list[DeviceInfo], dict[str, str]]:
    """Return all devices to play (or to record), and for each backend without any the reason."""
    found: list[DeviceInfo] = []
    reasons: dict[str, str] = {}
    for backend in enabled_backends():
        try:
            context = Context(backend)
        except DeviceError as error:
            reasons[backend] = str(error)
            continue
        try:
            found += context.devices(inputs)
        except DeviceError as error:
            reasons[backend] = str(error)
        finally:
            context.close()
    return found, reasons


def find_devices(
    name: str | None, inputs: bool = False, backend: str | None = None
) -> list[DeviceInfo]:
    """Return the devices that a name stands for, the first to be tried first.

    Parameters
    ----------
    name : str or None
        None for the default device of each backend, in order; ``null``; a backend's name
        for its default; a device's name, or a part of it.
    inputs : bool
        Whether devices to record from are looked for, not those to play.
    backend : str or None
        Where to look only.

    Raises
    ------
    DeviceNotFound
        If there is none; lists the near ones.

    """
    if name is None:
        defaults = (
            _default_of(each, inputs) for each in enabled_backends() if backend in (None, each)
        )
        return [device for device in defaults if device]
    if name.lower() in enabled_backends():
        device = _default_of(name.lower(), inputs)
        if device:
            return [device]
        raise DeviceNotFound(
            f"{name}: no device there; is its server running? See: zerocross devices"
        )
    found = [d for d in list_devices(inputs)[0] if backend in (None, d.backend)]
    same = [d for d in found if d.name == name]
    same = same or [d for d in found if name.lower() in d.name.lower()]
    if same:
        return same[:1]
    names = [*enabled_backends(), *(d.name for d in found)]
    near = difflib.get_close_matches(name, names, 3, 0.4) or names[:6]
    kind = "device to record from" if inputs else "device"
    raise DeviceNotFound(
        f"no {kind} named {name!r}; near are: {', '.join(dict.fromkeys(near))}; "
        "zerocross devices lists all"
    )


def _default_of(backend: str, inputs: bool = False) -> DeviceInfo | None:
    if backend == "null":
        return NULL_DEVICE
    try:
        context = Context(backend)
    except DeviceError:
        return None
    try:
        devices = context.devices(inputs)
    except DeviceError:
        return None
    finally:
        context.close()
    if backend == "alsa":  # its list may lack "default", which can be opened all the same
        return next((d for d in devices if d.is_default), DeviceInfo("alsa", "default", True))
    return next((d for d in devices if d.is_default), None)


class Device(Closes):
    """An open device that calls our callback.

    Parameters
    ----------
    info : DeviceInfo
        Which one.
    stream_address : int
        Of the stream's record, for the callback.
    sample_rate, channels : int
        What the callback delivers; the backend converts if the hardware differs.
    block_size : int or None
        Frames in a callback; the device may take another number.
    source : DeviceInfo or None
        Where to record from, of the same backend; what is exchanged is then float32.
    plays : bool
        Whether it plays; with a source it may only record.

    """

    def __init__(
        self,
        info: DeviceInfo,
        stream_address: int,
        sample_rate: int,
        channels: int,
        block_size: int | None,
        source: DeviceInfo | None = None,
        plays: bool = True,
    ) -> None:
        self.info, self.source, self._plays = info, source, plays
        self.sample_rate, self.channels = sample_rate, channels
        self.block_size = block_size or _DEFAULT_BLOCKS.get(info.backend, DEFAULT_BLOCK)
        self.sample_format = FORMAT_F32 if source else _best_format(info)
        self._context = Context(info.backend)
        self._handle = ffi.new("ma_device *")
        self._open = False
        result = lib.ma_device_init(
            self._context.handle, self._config(stream_address), self._handle
        )
        if result != 0:
            self._context.close()
            raise DeviceError(f"{info.title}: {describe_result(result)}")
        self._open = True

    def _config(self, stream_address: int) -> Any:
        kind = lib.ma_device_type_playback
        if self.source:
            kind = lib.ma_device_type_duplex if self._plays else lib.ma_device_type_capture
        config = ffi.new("ma_device_config *", lib.ma_device_config_init(kind))
        config.sampleRate = self.sample_rate
        config.periodSizeInFrames = self.block_size
        config.periods = _PERIODS
        config.playback.format = self.sample_format
        config.playback.channels = self.channels
        if self.info.identity is not None:
            config.playback.pDeviceID = self.info.identity
        if self.source:
            config.capture.format = FORMAT_F32
            config.capture.channels = self.channels
            if self.source.identity is not None:
                config.capture.pDeviceID = self.source.identity
        config.dataCallback = ffi.cast(
            "void(*)(ma_device *, void *, void *, unsigned int)", device_callback.address
        )
        config.notificationCallback = ffi.cast(
            "void(*)(ma_device_notification *)", notification_callback.address
        )
        config.pUserData = ffi.cast("void *", stream_address)
        self._names = ffi.new("char[]", b"Zerocross")
        config.pulse.pStreamNamePlayback = config.pulse.pStreamNameCapture = self._names
        self._kept = config
        return config

    @property
    def latency_frames(self) -> int:
        """Frames between the callback and the ear, as far as the buffers asked for tell."""
        return self.block_size * _PERIODS

    @property
    def is_running(self) -> bool:
        """Whether the device is calling back."""
        return self._open and bool(lib.ma_device_is_started(self._handle))

    def start(self) -> None:
        """Begin to call back."""
        result = lib.ma_device_start(self._handle)
        if result != 0:
            raise DeviceError(f"{self.info.title}: {describe_result(result)}")

    def stop(self) -> None:
        """Stop calling back; returns when the last callback has ended."""
        if self._open:
            lib.ma_device_stop(self._handle)

    def close(self, patience_s: float = 3.0) -> None:
        """Stop and let go of the device; twice is once.

        A device whose sound server died may never answer. From here on it sees a retired
        record instead of the stream's, and if it has not let go within the patience it is
        left behind on a thread of its own.
        """
        if not self._open:
            return
        self._open = False
        self._handle.pUserData = ffi.cast("void *", _retired().address)
        closer = threading.Thread(target=self._let_go, name="zerocross-close", daemon=True)
        _left_behind.add(self)
        closer.start()
        closer.join(patience_s)

    def _let_go(self) -> None:
        lib.ma_device_uninit(self._handle)
        self._context.close()
        _left_behind.discard(self)


#: Devices that are being closed: their memory must outlive the backend's own threads.
_left_behind: set[Device] = set()


@functools.cache
def _retired() -> Record:
    """Return the record that closed devices see: their callback leaves the silence as it is."""
    record = Record(STREAM)
    record["retired"] = 1
    return record


def _best_format(info: DeviceInfo) -> int:
    """Return the native format that loses least, so that nothing converts behind our back."""
    native = {form for form, _, _ in info.natives}
    return next((form for form in _FORMATS if form in native), FORMAT_F32)


def open_device(
    name: str | None,
    stream_address: int,
    sample_rate: int,
    channels: int,
    block_size: int | None,
    candidates: list[DeviceInfo] | None = None,
) -> tuple[Device, str]:
    """Open the device of a name; without a name the first default that opens.

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
            device = Device(info, stream_address, sample_rate, channels, block_size)
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
