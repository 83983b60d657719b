"""A live stream: from a device's input through a chain to its output, without Python.

With an input and an output it is an effect, with an output only an instrument, with an input
only an analyser (through its tap).
"""

from __future__ import annotations

import dataclasses
import threading
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from zerocross.closing import ClosesAtExit
from zerocross.devices.miniaudio import (
    NULL_DEVICE,
    Device,
    DeviceInfo,
    enabled_backends,
    find_devices,
)
from zerocross.engine.host import DeviceStream
from zerocross.errors import DeviceError, DeviceNotFound, UsageError
from zerocross.graph.block import MAX_CHANNELS
from zerocross.graph.chain import Chain
from zerocross.graph.fault import Fault
from zerocross.graph.processor import Processor
from zerocross.memory import Record
from zerocross.sync.ring import RING
from zerocross.sync.tap import Tap
from zerocross.system import Grant

__all__ = ["LiveStream"]

_WATCH_S = 0.05
# In a forked child: memory and devices that must not be let go of by anyone.
_forgotten: list[DeviceStream] = []


class LiveStream(ClosesAtExit):
    """Plays a chain live; begins with `start`, or as a context manager.

    Parameters
    ----------
    chain : Chain or Processor
        What to run; it can be changed while it plays.
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
        Frames in a callback that the device is asked for.
    volume : float
        Gain after the chain, 0 to 1.
    pin : sequence of int or None
        CPUs that the audio thread may run on.

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
        chain: Chain | Processor,
        input: bool | str = False,  # noqa: A002  the words that users know
        output: bool | str = True,
        device: str | None = None,
        sample_rate: int = 48_000,
        channels: int = 2,
        block_size: int | None = None,
        volume: float = 1.0,
        pin: Any = None,
    ) -> None:
        if not (input or output):
            raise UsageError("input=False, output=False: give at least one of them")
        if not 1 <= channels <= MAX_CHANNELS or not 8_000 <= sample_rate <= 768_000:
            raise UsageError(
                f"{channels} channels at {sample_rate} Hz: give 1 to {MAX_CHANNELS} channels and a "
                "rate from 8000 to 768000 Hz"
            )
        if not 0.0 <= volume <= 1.0:
            raise UsageError(f"volume={volume}: give 0 to 1")
        self.chain = chain if isinstance(chain, Chain) else Chain(chain)
        self.notice = ""
        self._candidates = _candidates(input, output, device)
        self._target, self._source = self._candidates[0]
        self._plays = bool(output)
        self._grants: dict[str, Grant] = {}
        self._faults: list[Fault] = []
        self._pin = pin
        self._stop = threading.Event()
        self._watcher: threading.Thread | None = None
        # The callback reads a ring's counters; a live stream's never move.
        self._no_ring = Record(RING)
        self._inner = DeviceStream(sample_rate, channels, block_size, volume)
        self._inner.record.fill(live=1, ring=self._no_ring.address)
        self._inner.set_program(self.chain.prepare(sample_rate, channels))
        self.chain.connect(self._inner.set_program)
        super().__init__()

    # --- running ----------------------------------------------------------------------------

    def start(self) -> None:
        """Open the device and begin; twice is once."""
        if self._inner.device:
            return
        reasons: list[str] = []
        for target, source in self._candidates:
            self._target, self._source = target, source
            try:
                self._open_device()
                break
            except DeviceError as error:
                reasons.append(str(error))
        else:
            self.close()
            raise DeviceError("; ".join(reasons))
        if self._target.backend == "null" and len(self._candidates) > 1:
            why = f" ({reasons[0].partition(';')[0]})" if reasons else ""
            self.notice = f"no sound device found{why}: using the null device, without sound"
        self._begin_watching()

    def _open_device(self) -> None:
        inner = self._inner
        inner.start_device(
            Device(
                self._target,
                inner.record.address,
                inner.sample_rate,
                inner.channels,
                inner.asked_block,
                self._source,
                self._plays,
            )
        )

    def _begin_watching(self) -> None:
        inner = self._inner
        self._grants.update({grant.what: grant for grant in inner.grants})
        self._stop.clear()
        self._watcher = threading.Thread(target=self._watch, name="zerocross-watch", daemon=True)
        self._watcher.start()

    def stop(self) -> None:
        """Close the device; `start` opens it again. The chain's state stays."""
        self._stop.set()
        if self._watcher and self._watcher is not threading.current_thread():
            self._watcher.join()
        self._watcher = None
        self._inner.close_device()

    def close(self) -> None:
        """Stop, and let go of the chain; twice is once."""
        self.stop()
        self.chain.connect(None)

    def forget(self) -> None:
        """In a forked child: begin anew, without a device."""
        _forgotten.append(self._inner)
        self._inner = DeviceStream(self._inner.sample_rate, self._inner.channels)
        self._watcher = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def _watch(self) -> None:
        """Ask for priority once the device's thread is known."""
        while not self._stop.wait(_WATCH_S):
            for grant in self._inner.elevate(self._pin):
                self._grants[grant.what] = grant

    # --- changing ---------------------------------------------------------------------------

    def replace(self, old: Any, new: Any) -> None:
        """Put another part in the place of one of the chain's, with a crossfade of 20 ms."""
        self.chain.replace(old, new)

    @property
    def volume(self) -> float:
        """Gain after the chain, 0 to 1, reached over 10 ms."""
        return float(self._inner.record["volume"])

    @volume.setter
    def volume(self, value: float) -> None:
        if not 0.0 <= value <= 1.0:
            raise UsageError(f"volume={value}: give 0 to 1")
        self._inner.set_volume(value)

    # --- what is going on -------------------------------------------------------------------

    @property
    def is_running(self) -> bool:
        """Whether the device calls back."""
        return self._inner.device is not None and not self._inner.device_is_lost()

    @property
    def device(self) -> str:
        """The device, for people."""
        if self._source and self._plays:
            return f"{self._source.title} to {self._target.title}"
        return self._target.title

    @property
    def tap(self) -> Tap:
        """The last 65536 frames after chain and volume."""
        return self._inner.tap

    @property
    def levels(self) -> list[float]:
        """Peak level of each channel after the volume, linear, falling 20 dB in 1.7 s."""
        return self._inner.peaks()

    @property
    def latency_s(self) -> float:
        """From input, or from the callback, to the ear, as far as buffers and chain tell."""
        inner = self._inner
        frames = inner.device.latency_frames if inner.device else 0
        return (frames + self.chain.latency_frames) / inner.sample_rate

    @property
    def realtime(self) -> list[Grant]:
        """What was asked of the system for the audio thread, and what it gave."""
        return list(self._grants.values())

    def histograms(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return how many callbacks took how long, and began how far from when they were due.

        The buckets' limits are `zerocross.engine.timing.bucket_limits_ns`.
        """
        counters = self._inner.counters()
        return counters.histogram, counters.arrivals

    def restart_counters(self) -> None:
        """Count from here on; a callback that runs just now may be counted in part."""
        self._inner.restart_counters()

    def faults(self) -> list[Fault]:
        """Return the processors that were left since the last call."""
        return self.chain.faults()

    def report(self) -> dict[str, Any]:
        """Return what was counted since the stream was made; see docs/report.md."""
        inner, counters = self._inner, self._inner.counters()
        block = counters.block_frames or inner.block_size
        return {
            "sample_rate": inner.sample_rate,
            "channels": inner.channels,
            "block_size": block,
            "backend": self._target.backend,
            "device": self.device,
            "seconds": counters.stream_frames / inner.sample_rate,
            "deadline_ns": round(block * 1e9 / inner.sample_rate),
            **counters.as_report(),
            "realtime": [dataclasses.asdict(grant) for grant in self._grants.values()],
            "recent_callbacks": inner.recent(),
        }


def _candidates(
    source: bool | str, target: bool | str, device: str | None
) -> list[tuple[DeviceInfo, DeviceInfo | None]]:
    """Return what may be opened, the first to be tried first.

    Each is the device to play on (or, without output, to record from) and the one to record from.
    """
    out_name = target if isinstance(target, str) else device
    in_name = source if isinstance(source, str) else device
    reasons: list[str] = []
    found: list[tuple[DeviceInfo, DeviceInfo | None]] = []
    for backend in _backends_of(out_name if target else in_name):
        try:
            outs = _found(out_name, False, backend) if target else []
            ins = _found(in_name, True, backend) if source else []
        except DeviceNotFound as error:
            reasons.append(str(error))
            continue
        if (outs or not target) and (ins or not source):
            found.append(((outs or ins)[0], ins[0] if source else None))
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
