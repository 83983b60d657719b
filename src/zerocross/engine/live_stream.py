"""A live stream: from a device's input through a chain to its output, without Python.

With an input and an output it is an effect, with an output only an instrument, with an input
only an analyser (through its tap). Without a chain it plays the arrays that a program writes, and
hands it those that come in.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from zerocross.devices.discovery import (
    NULL_DEVICE,
    DeviceInfo,
    enabled_backends,
    find_devices,
)
from zerocross.devices.miniaudio import Device
from zerocross.engine.array_stream import ArrayStream
from zerocross.engine.chain_host import ChainHost
from zerocross.errors import DeviceError, DeviceNotFound, UsageError
from zerocross.graph.chain import Chain
from zerocross.graph.processor import Processor
from zerocross.system import Grant
from zerocross.units import checked_cpus, checked_volume, shown

__all__ = ["LiveStream"]

_WATCH_S = 0.05


class LiveStream(ArrayStream):
    """Plays a chain or arrays live; begins with `start`, or as a context manager.

    Parameters
    ----------
    chain : Chain, Processor or None
        What to run; it can be changed while it plays. None for none: what is written is played, and
        the input is read and not heard.
    input : bool or str
        Whether to record: False for no (an instrument), True for the default, or a name.
    output : bool or str
        Whether to play: True for the default, a name, or False for no (an analyser).
    device : str or None
        A backend (``jack``, ``pulseaudio``, ``null``, ...) or a device, for input and output.
        Without one, the first sound system that has what is asked; the null device if none has.
    sample_rate : int
        Frames a second.
    channels : int
        1 to 8, of the chain and of both devices.
    block_size : int or None
        Frames in a callback that the device is asked for, 16 to 65536.
    volume : float
        Gain after the chain, 0 to 1.
    pin : sequence of int or None
        CPUs, by their numbers, that the audio thread may run on.
    feed_s : float
        How much is kept of what is written, and of what is to be read, in seconds: 0.02 to 60.

    Raises
    ------
    DeviceNotFound, DeviceError, UsageError, RealtimeError
        If a device is missing or refuses, or the chain is refused.

    Examples
    --------
    >>> import zerocross
    >>> from zerocross.effects import Oscillator
    >>> with zerocross.Stream(zerocross.Chain(Oscillator()), device="null") as stream:
    ...     stream.report()["underruns"]
    0

    """

    def __init__(
        self,
        chain: Chain | Processor | None = None,
        input: bool | str = False,  # noqa: A002  the words that users know
        output: bool | str = True,
        device: str | None = None,
        sample_rate: int = 48_000,
        channels: int = 2,
        block_size: int | None = None,
        volume: float = 1.0,
        pin: Sequence[int] | None = None,
        feed_s: float = 0.5,
    ) -> None:
        _check_devices(input, output, device)
        self.notice = ""
        self._candidates = _candidates(input, output, device)
        self._target, self._input = self._candidates[0]
        self._plays = bool(output)
        self._grants: dict[str, Grant] = {}
        self._pin = checked_cpus("pin", pin)
        super().__init__(
            chain, sample_rate, channels, block_size, volume, bool(input), bool(output), feed_s
        )

    def __repr__(self) -> str:
        how = f"running on {self.device}" if self.is_running else "not running"
        return f"<Stream: {self.sample_rate} Hz, {self.channels} channels, {how}>"

    # --- running ----------------------------------------------------------------------------

    def start(self) -> None:
        """Open the device and begin; twice is once.

        Raises
        ------
        DeviceError
            If no device opens; it can be tried again.
        UsageError
            If the stream is closed.

        """
        with self._host.lock:
            self._host.check_open()
            if not self._host.device:
                self._host.set_muted(False)
                self._open_first()

    def _open_first(self) -> None:
        """Open the first device that lets itself be opened."""
        reasons: list[str] = []
        for target, from_device in self._candidates:
            self._target, self._input = target, from_device
            try:
                self._open_device()
                break
            except DeviceError as error:
                reasons.append(str(error))
        else:
            raise DeviceError("; ".join(reasons))
        if self._target.backend == "null" and len(self._candidates) > 1:
            why = f" ({reasons[0].partition(';')[0]})" if reasons else ""
            self.notice = f"no sound device found{why}: using the null device, without sound"
        self._grants.update({grant.what: grant for grant in self._host.grants})
        _elevate_later(self._host, self._pin, self._grants)

    def _open_device(self) -> None:
        host = self._host
        host.start_device(
            Device(
                self._target,
                host.client(),
                host.sample_rate,
                host.channels,
                host.asked_block,
                self._input,
                self._plays,
            )
        )

    def stop(self) -> None:
        """Fade out and close the device; `start` opens it again. The chain's state stays."""
        host = self._host
        with host.lock:
            if host.device:
                host.fade_out()
                host.close_device()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()  # there will be no __exit__, and the traceback holds the stream
            raise
        return self

    @property
    def volume(self) -> float:
        """Gain after the chain, 0 to 1, reached over 10 ms."""
        return float(self._host.record["volume"])

    @volume.setter
    def volume(self, value: float) -> None:
        self._host.set_volume(checked_volume(value))

    # --- what is going on -------------------------------------------------------------------

    @property
    def is_running(self) -> bool:
        """Whether the device calls back."""
        return self._host.device is not None and not self._host.device_is_lost()

    @property
    def device(self) -> str:
        """The device, for people."""
        if self._input and self._plays:
            return f"{self._input.title} to {self._target.title}"
        return self._target.title

    @property
    def levels(self) -> list[float]:
        """Peak level of each channel after the volume, linear, falling 20 dB in 1.7 s."""
        return self._host.peaks()

    @property
    def latency_s(self) -> float:
        """From input, or from the callback, to the ear, as far as buffers and chain tell."""
        host = self._host
        frames = host.device.latency_frames if host.device else 0
        return (frames + self.chain.latency_frames) / host.sample_rate

    @property
    def realtime(self) -> list[Grant]:
        """What was asked of the system for the audio thread, and what it gave."""
        return list(self._grants.values())

    def histograms(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return how many callbacks took how long, and began how far from when they were due.

        The buckets' limits are `zerocross.engine.counters.bucket_limits_ns`.
        """
        counters = self._host.counters()
        return counters["histogram"], counters["arrivals"]

    def restart_counters(self) -> None:
        """Count from here on; a callback that runs just now may be counted in part."""
        self._host.restart_counters()

    def report(self) -> dict[str, Any]:
        """Return what was counted since the stream was made; see docs/report.md."""
        return {
            "backend": self._target.backend,
            "device": self.device,
            "realtime": [dataclasses.asdict(grant) for grant in self._grants.values()],
            **super().report(),
        }


def _elevate_later(host: ChainHost, cpus: Sequence[int] | None, grants: dict[str, Grant]) -> None:
    """Ask for priority once the device's thread is known: it tells its number in a callback.

    The thread that waits for that holds the host alone, and ends then.
    """
    device = host.device

    def ask() -> None:
        while host.device is device:
            found = host.elevate(cpus)
            if found:
                grants.update({grant.what: grant for grant in found})
                return
            time.sleep(_WATCH_S)

    threading.Thread(target=ask, name="zerocross-watch", daemon=True).start()


def _check_devices(input_: Any, output: Any, device: Any) -> None:
    """Raise UsageError for what names no device."""
    for name, value in (("input", input_), ("output", output)):
        if not isinstance(value, (bool, str)):
            raise UsageError(f"{name}={shown(value)}: give True, False, or a device's name")
    if not (device is None or isinstance(device, str)):
        raise UsageError(f"device={shown(device)}: give a device's or a backend's name, or None")
    if not (input_ or output):
        raise UsageError("input=False, output=False: give at least one of them")


def _candidates(
    input_: bool | str, output: bool | str, device: str | None
) -> list[tuple[DeviceInfo, DeviceInfo | None]]:
    """Return what may be opened, the first to be tried first.

    Each is the device to play on (or, without output, to record from) and the one to record from.
    """
    out_name = output if isinstance(output, str) else device
    in_name = input_ if isinstance(input_, str) else device
    reasons: list[str] = []
    found: list[tuple[DeviceInfo, DeviceInfo | None]] = []
    for backend in _backends_of(out_name if output else in_name):
        try:
            outs = _found(out_name, False, backend) if output else []
            ins = _found(in_name, True, backend) if input_ else []
        except DeviceNotFound as error:
            reasons.append(str(error))
            continue
        if (outs or not output) and (ins or not input_):
            found.append(((outs or ins)[0], ins[0] if input_ else None))
    if found:
        return found
    if reasons:
        raise DeviceNotFound(reasons[0])
    raise DeviceNotFound(
        f"{device or 'default'}: no sound system has both the input and the output; "
        "see zerocross devices"
    )


def _backends_of(name: str | None) -> list[str]:
    if name is None:
        return list(enabled_backends())
    if name.lower() in enabled_backends():
        return [name.lower()]
    return [backend for backend in enabled_backends() if backend != "null"]


def _found(name: str | None, inputs: bool, backend: str) -> list[DeviceInfo]:
    if backend == "null":
        return [NULL_DEVICE]
    if name is not None and name.lower() == backend:
        name = None
    return find_devices(name, inputs, backend)
