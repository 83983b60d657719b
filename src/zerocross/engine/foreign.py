"""Chains under other people's audio I/O: a C function and its user data.

`callback` gives what PortAudio (and so sounddevice's documented expert mode) or JACK take as
their callback. The same code runs as under our own streams: counters, tap and changes while it
plays are all there.
"""

from __future__ import annotations

from typing import Literal

from zerocross.devices.jack import JackPorts, jack_callback
from zerocross.devices.portaudio import portaudio_callback
from zerocross.engine.chain_stream import ChainStream
from zerocross.errors import UsageError
from zerocross.graph.chain import Chain
from zerocross.graph.processor import Processor
from zerocross.units import shown

__all__ = ["Callback", "callback"]

API = Literal["portaudio", "jack"]


class Callback(ChainStream):
    """A chain as a C callback; made by `callback`.

    Closed or dropped, it fades out and its chain is let go. The C function and its user data stay
    good for as long as the process lives: who calls them then gets silence.

    Attributes
    ----------
    address : int
        Of the C function.
    user_data : int
        The pointer to give with it.

    """

    def __init__(self, chain: Chain | Processor, sample_rate: int, channels: int, api: API) -> None:
        if api not in ("portaudio", "jack"):
            raise UsageError(f"api={shown(api)}: give 'portaudio' or 'jack'")
        super().__init__(chain, sample_rate, channels)
        client = self._host.client()
        client.record.keep_for_ever()
        self._ports = JackPorts(client, channels) if api == "jack" else None
        entry = jack_callback if self._ports else portaudio_callback
        self.address: int = entry.address
        self.user_data: int = (self._ports or client).record.address

    def set_ports(
        self, inputs: list[int] | tuple[int, ...], outputs: list[int] | tuple[int, ...]
    ) -> None:
        """Tell a JACK callback its ports (``jack_port_t*`` as integers), before it is activated.

        Raises
        ------
        UsageError
            If it is not one for JACK, or is closed.
        DeviceError
            If libjack is not there.

        """
        self._host.check_open()
        if self._ports is None:
            raise UsageError("a callback for PortAudio has no ports; make one with api='jack'")
        self._ports.set_ports(inputs, outputs)


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
