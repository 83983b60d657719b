"""JACK's process callback for a client of ours: a buffer for each port, interleaved and back."""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Sequence
from typing import Any

import numpy as np

from zerocross.closing import keep_for_ever
from zerocross.compiler import entry, float32_array, int64_array, invoke, kernel, record_at
from zerocross.devices.client import CLIENT, Client, enter_client, leave_client, serve_client
from zerocross.dsp.interleave import deinterleave_channel, interleave_channel
from zerocross.errors import DeviceError
from zerocross.memory import Record, aligned_zeros, layout

__all__ = ["JackPorts", "jack_callback"]

#: Frames that are gathered at a time.
_ROOM = 4096

_PORTS = layout(
    setup=[
        "client",
        "channels",
        "get_buffer",
        "inputs",
        "outputs",
        "input_count",
        "output_count",
        "gathered",
        "played",
    ]
)


@kernel
def _gather(jack: Any, first: Any, count: Any, frames: Any) -> None:
    """Interleave what the input ports have; fewer ports than channels leave silence."""
    channels = jack.channels
    gathered = float32_array(jack.gathered, count * channels)
    ports = int64_array(jack.inputs, jack.input_count)
    for c in range(channels):
        if c < jack.input_count:
            buffer = float32_array(invoke(jack.get_buffer, ports[c], frames) + 4 * first, count)
            interleave_channel(buffer, count, gathered, c, channels)
        else:
            for i in range(count):
                gathered[i * channels + c] = np.float32(0.0)


@kernel
def _scatter(jack: Any, first: Any, count: Any, frames: Any) -> None:
    """Deinterleave what was played into the output ports."""
    channels = jack.channels
    played = float32_array(jack.played, count * channels)
    ports = int64_array(jack.outputs, jack.output_count)
    for c in range(min(channels, jack.output_count)):
        buffer = float32_array(invoke(jack.get_buffer, ports[c], frames) + 4 * first, count)
        deinterleave_channel(played, count, c, channels, buffer)


@kernel
def _serve(jack: Any, client: Any, total: Any) -> None:
    """Call the client for all the frames, as many at a time as there is room for."""
    done = 0
    while done < total:
        count = min(_ROOM, total - done)
        _gather(jack, done, count, total)
        serve_client(client, jack.gathered, jack.played, count)
        _scatter(jack, done, count, total)
        done += count


@kernel
def _silence(jack: Any, total: Any) -> None:
    """Write silence to the output ports."""
    ports = int64_array(jack.outputs, jack.output_count)
    for c in range(jack.output_count):
        buffer = float32_array(invoke(jack.get_buffer, ports[c], total), total)
        for i in range(total):
            buffer[i] = np.float32(0.0)


@entry("uint32", "int64", dispatches=True)
def jack_callback(frames: int, user: int) -> int:
    """``JackProcessCallback``; ``user`` is the record of a `JackPorts`.

    Once the client is closed, silence. Real-time: the audio thread.
    """
    jack = record_at(user, _PORTS)
    total: Any = np.int64(frames)
    client = record_at(jack.client, CLIENT)
    if enter_client(client):
        _serve(jack, client, total)
    else:
        _silence(jack, total)
    leave_client(client)
    return 0


class JackPorts:
    """The ports of a JACK client, and the room in which their buffers are interleaved.

    JACK may call as long as the process lives, so the ports and their record are never freed; the
    room is held by the client.

    Parameters
    ----------
    client : Client
        Whom the callback calls.
    channels : int
        Samples in its frames.

    Attributes
    ----------
    record : Record
        What `jack_callback` is to be given.

    """

    def __init__(self, client: Client, channels: int) -> None:
        room = aligned_zeros((2, _ROOM * channels))
        client.hold(room)
        self.record = Record(_PORTS)
        self.record.fill(
            client=client.record.address,
            channels=channels,
            gathered=room[0].ctypes.data,
            played=room[1].ctypes.data,
        )
        self.record.keep_for_ever()

    def set_ports(self, inputs: Sequence[int], outputs: Sequence[int]) -> None:
        """Set the ports (``jack_port_t*`` as integers), before the client is activated.

        Raises
        ------
        DeviceError
            If libjack is not there.

        """
        ports = np.array([*inputs, *outputs, 0], np.int64)
        get_buffer = _get_buffer_address()
        keep_for_ever(ports)
        self.record.fill(
            get_buffer=get_buffer,
            inputs=ports.ctypes.data,
            outputs=ports[len(inputs) :].ctypes.data,
            input_count=len(inputs),
            output_count=len(outputs),
        )


def _get_buffer_address() -> int:
    name = ctypes.util.find_library("jack") or "libjack.so.0"
    try:
        library = ctypes.CDLL(name)
    except OSError:
        raise DeviceError("libjack is not installed; install jackd2, or use another api") from None
    return ctypes.cast(library.jack_port_get_buffer, ctypes.c_void_p).value or 0
