"""Finding devices: backends, what each has, and which one a name stands for, through miniaudio.

A sound server that does not answer is asked once, on a thread that can be left behind. A little over
300 lines, with the words for what miniaudio says.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import functools
import os
import sys
import threading
from typing import Any

import _miniaudio

from zerocross.closing import free_in_forks
from zerocross.compiler import entry
from zerocross.dsp.convert import FORMAT_F32, FORMAT_S16, FORMAT_S24, FORMAT_S32
from zerocross.errors import DeviceError, DeviceNotFound
from zerocross.system.background import BackgroundCall

__all__ = [
    "BACKENDS",
    "NULL_DEVICE",
    "Context",
    "DeviceInfo",
    "describe_result",
    "enabled_backends",
    "find_devices",
    "list_devices",
    "quieten_libraries",
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
def quieten_libraries() -> None:
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
        quieten_libraries()
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


#: How long a sound system may take to answer, in seconds.
_PATIENCE_S = 2.0
_asked: dict[tuple[str, bool], BackgroundCall[list[DeviceInfo]]] = {}
_asking = free_in_forks(threading.Lock())
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_asked.clear)  # nobody is asking there


def _devices_of(backend: str, inputs: bool) -> list[DeviceInfo]:
    """Return a backend's devices; a question that it has not answered yet is not asked again.

    Raises
    ------
    DeviceError
        If it has none, or does not answer.

    """
    key = backend, inputs
    with _asking:
        call = _asked.get(key)
        if call is None or not call.is_running:
            call = BackgroundCall(lambda: _ask(backend, inputs), f"zerocross-{backend}")
            _asked[key] = call
    if not call.wait(_PATIENCE_S):
        raise DeviceError(_no_answer(backend))
    return call.result()


def _no_answer(backend: str) -> str:
    return (
        f"{_TITLES[backend]}: its sound server has not answered for {_PATIENCE_S:.0f} s; "
        "restart it, or choose another --device (null plays without sound)"
    )


def _ask(backend: str, inputs: bool) -> list[DeviceInfo]:
    context = Context(backend)
    try:
        return context.devices(inputs)
    finally:
        context.close()


def is_waited_for(backend: str) -> bool:
    """Return whether a backend was asked for its devices and has not answered."""
    with _asking:
        return any(key[0] == backend and call.is_running for key, call in _asked.items())


def list_devices(inputs: bool = False) -> tuple[list[DeviceInfo], dict[str, str]]:
    """Return all devices to play (or to record), and for each backend without any the reason."""
    found: list[DeviceInfo] = []
    reasons: dict[str, str] = {}
    for backend in enabled_backends():
        try:
            found += _devices_of(backend, inputs)
        except DeviceError as error:
            reasons[backend] = str(error)
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
    DeviceError
        If the only sound server that could have one does not answer.

    """
    if name is None:
        backends = [each for each in enabled_backends() if backend in (None, each)]
        defaults = [_default_of(each, inputs) for each in backends]
        found = [device for device in defaults if device]
        silent = [each for each in backends if is_waited_for(each)]
        if silent and found == [NULL_DEVICE]:
            raise DeviceError(_no_answer(silent[0]))
        return found
    if name.lower() in enabled_backends():
        device = _default_of(name.lower(), inputs)
        if device:
            return [device]
        if is_waited_for(name.lower()):
            raise DeviceError(_no_answer(name.lower()))
        raise DeviceNotFound(
            f"{name}: no device there; is its server running? See: zerocross devices"
        )
    there, _ = list_devices(inputs)
    found = [d for d in there if backend in (None, d.backend)]
    same = [d for d in found if d.name == name]
    same = same or [d for d in found if name.lower() in d.name.lower()]
    if same:
        return same[:1]
    import difflib  # only where something is wrong

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
        devices = _devices_of(backend, inputs)
    except DeviceError:
        return None
    if backend == "alsa":  # its list may lack "default", which can be opened all the same
        return next((d for d in devices if d.is_default), DeviceInfo("alsa", "default", True))
    return next((d for d in devices if d.is_default), None)
