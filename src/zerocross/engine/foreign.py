"""Chains under other people's audio I/O: a C function and its user data.

`callback` gives what PortAudio (and so sounddevice's documented expert mode) or JACK take as
their callback. The same code runs as under our own streams: recorder, tap and changes while it
plays are all there.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from typing import Any, Literal

import numpy as np

from zerocross.closing import ClosesAtExit
from zerocross.compiler import (
    entry,
    float32_array,
    int64_array,
    invoke,
    kernel,
    record_at,
)
from zerocross.engine.callback import run_callback
from zerocross.engine.host import DeviceStream
from zerocross.engine.layouts import STREAM
from zerocross.errors import DeviceError, UsageError
from zerocross.graph.block import MAX_BLOCK, MAX_CHANNELS
from zerocross.graph.chain import Chain
from zerocross.graph.fault import Fault
from zerocross.graph.processor import Processor
from zerocross.memory import Record, aligned_zeros, layout
from zerocross.sync.ring import RING
from zerocross.sync.tap import Tap

__all__ = ["Callback", "callback"]

API = Literal["portaudio", "jack"]

_FOREIGN = layout(
    setup=[
        "stream",
        "get_buffer",
        "inputs",
        "outputs",
        "input_count",
        "output_count",
        "heard",
        "played",
    ]
)


@entry("int64", "int64", "int64", "int64", "int64", "int64", dispatches=True)
def portaudio_callback(
    source: int, output: int, frames: int, _time: int, _flags: int, user: int
) -> int:
    """``PaStreamCallback``: interleaved float32 in and out. Real-time: the audio thread."""
    foreign = record_at(user, _FOREIGN)
    run_callback(record_at(foreign.stream, STREAM), source, output, frames)
    return 0


@kernel
def _port_buffer(foreign: Any, port: Any, frames: Any) -> Any:
    """Return the address of a JACK port's samples."""
    return invoke(foreign.get_buffer, port, frames)


@kernel
def _gather(foreign: Any, channels: Any, first: Any, count: Any, frames: Any) -> None:
    """Interleave what the input ports have; fewer ports than channels leave silence."""
    heard = float32_array(foreign.heard, count * channels)
    ports = int64_array(foreign.inputs, foreign.input_count)
    for c in range(channels):
        if c < foreign.input_count:
            address = _port_buffer(foreign, ports[c], frames)
            buffer = float32_array(address + 4 * first, count)
            for i in range(count):
                heard[i * channels + c] = buffer[i]
        else:
            for i in range(count):
                heard[i * channels + c] = np.float32(0.0)


@kernel
def _scatter(foreign: Any, channels: Any, first: Any, count: Any, frames: Any) -> None:
    """Take apart what was played, into the output ports."""
    played = float32_array(foreign.played, count * channels)
    ports = int64_array(foreign.outputs, foreign.output_count)
    for c in range(min(channels, foreign.output_count)):
        address = _port_buffer(foreign, ports[c], frames)
        buffer = float32_array(address + 4 * first, count)
        for i in range(count):
            buffer[i] = played[i * channels + c]


@entry("uint32", "int64", dispatches=True)
def jack_callback(frames: int, user: int) -> int:
    """``JackProcessCallback``: a buffer for each port. Real-time: the audio thread."""
    foreign = record_at(user, _FOREIGN)
    stream = record_at(foreign.stream, STREAM)
    total: Any = np.int64(frames)
    done = 0
    while done < total:
        left = total - done
        count = min(MAX_BLOCK, left)
        _gather(foreign, stream.channels, done, count, total)
        run_callback(stream, foreign.heard, foreign.played, count)
        _scatter(foreign, stream.channels, done, count, total)
        done += count
    return 0


class Callback(ClosesAtExit):
    """A chain as a C callback; made by `callback`. Keep it until the other side has stopped.

    Attributes
    ----------
    address : int
        Of the C function.
    user_data : int
        The pointer to give with it.
    tap : Tap
        The last 65536 frames that went out.

    """

    def __init__(self, chain: Chain | Processor, sample_rate: int, channels: int, api: API) -> None:
        entries = {"portaudio": portaudio_callback, "jack": jack_callback}
        if api not in entries:
            raise UsageError(f"api={api!r}: give 'portaudio' or 'jack'")
        if not 1 <= channels <= MAX_CHANNELS:
            raise UsageError(f"{channels} channels: give 1 to {MAX_CHANNELS}")
        self.chain = chain if isinstance(chain, Chain) else Chain(chain)
        self.sample_rate, self.channels = sample_rate, channels
        self._inner = DeviceStream(sample_rate, channels)
        self._no_ring = Record(RING)
        self._inner.record.fill(live=1, ring=self._no_ring.address)
        self._ports: list[Any] = []
        self._room = aligned_zeros((2, MAX_BLOCK * channels))
        self._record = Record(_FOREIGN)
        self._record.fill(
            stream=self._inner.record.address,
            heard=self._room[0].ctypes.data,
            played=self._room[1].ctypes.data,
        )
        self._inner.set_program(self.chain.prepare(sample_rate, channels))
        self.chain.connect(self._inner.set_program)
        self.address: int = entries[api].address
        self.user_data: int = self._record.address
        super().__init__()

    def set_ports(
        self, inputs: list[int] | tuple[int, ...], outputs: list[int] | tuple[int, ...]
    ) -> None:
        """Tell a JACK callback its ports (``jack_port_t*`` as integers), before it is activated.

        Raises
        ------
        DeviceError
            If libjack is not there.

        """
        self._ports = [np.array(list(p) or [0], np.int64) for p in (inputs, outputs)]
        self._record.fill(
            get_buffer=_jack_get_buffer(),
            inputs=self._ports[0].ctypes.data,
            outputs=self._ports[1].ctypes.data,
            input_count=len(inputs),
            output_count=len(outputs),
        )

    @property
    def tap(self) -> Tap:
        """The last 65536 frames after the chain."""
        return self._inner.tap

    def replace(self, old: Any, new: Any) -> None:
        """Put another part in the place of one of the chain's, with a crossfade of 20 ms."""
        self.chain.replace(old, new)

    def faults(self) -> list[Fault]:
        """Return the processors that were left since the last call."""
        return self.chain.faults()

    def report(self) -> dict[str, Any]:
        """Return what was counted; see docs/report.md."""
        counters = self._inner.counters()
        return {
            "sample_rate": self.sample_rate,
            "channels": self.channels,
            "block_size": counters.block_frames,
            **counters.as_report(),
            "recent_callbacks": self._inner.recent(),
        }

    def close(self) -> None:
        """Let go of the chain; the other side must have stopped."""
        self.chain.connect(None)

    def forget(self) -> None:
        """In a forked child there is nothing that calls it."""


def callback(
    chain: Chain | Processor,
    sample_rate: int = 48_000,
    channels: int = 2,
    api: API = "portaudio",
) -> Callback:
    """Return a chain as a C function pointer and its user data.

    Parameters
    ----------
    chain : Chain or Processor
        What to run.
    sample_rate : int
        That of the stream it will be called by.
    channels : int
        Of input and output, 1 to 8; interleaved float32 for PortAudio, a port each for JACK.
    api : {"portaudio", "jack"}
        Whose callback it is: ``PaStreamCallback`` or ``JackProcessCallback``.

    Raises
    ------
    UsageError, RealtimeError
        For impossible values, or if the chain is refused.

    """
    return Callback(chain, sample_rate, channels, api)


def _jack_get_buffer() -> int:
    name = ctypes.util.find_library("jack") or "libjack.so.0"
    try:
        library = ctypes.CDLL(name)
    except OSError:
        raise DeviceError("libjack is not installed; install jackd2, or use another api") from None
    return ctypes.cast(library.jack_port_get_buffer, ctypes.c_void_p).value or 0
