"""A client of a device: whom it calls for the next frames, and with what.

Whoever plays gives an address: that of a compiled ``process(stream, exchange)``. The adapters
beside it (`miniaudio`, `portaudio`, `jack`) translate each library's callback into that one call,
so a device knows no callback of ours, and a callback knows no device.
"""

from __future__ import annotations

from typing import Any

from zerocross.compiler import fetch_add, invoke, kernel, load_acquire, record_at
from zerocross.memory import Record, layout

__all__ = ["CLIENT", "EXCHANGE", "Client", "call_client"]

#: What goes over with a call: addresses of interleaved frames, 0 for none, and how many.
EXCHANGE = layout(audio=["input", "output", "frames"])

#: Whom to call (``process`` is 0 when there is no one any more), what the device had to tell, and
#: how many calls are under way.
CLIENT = layout(
    setup=["stream", "exchange"],
    control=["process"],
    notice=["starts", "stops", "reroutes"],
    audio=["inside"],
)


@kernel
def call_client(client: Any, input_address: Any, output_address: Any, frames: Any) -> None:
    """Call a client for frames; nothing if there is none. Real-time: as safe as who is called.

    It is inside before it looks whom to call, so who takes ``process`` away and then sees nobody
    inside knows that nobody will come.
    """
    fetch_add(client, "inside", 1)
    process = load_acquire(client, "process")
    if process != 0:
        exchange = record_at(client.exchange, EXCHANGE)
        exchange.input = input_address
        exchange.output = output_address
        exchange.frames = frames
        invoke(process, client.stream, client.exchange)
    fetch_add(client, "inside", -1)


class Client:
    """Whom a device calls.

    Parameters
    ----------
    process : int
        Address of a compiled ``process(stream, exchange)``: two int64, addresses of the stream's
        record and of an `EXCHANGE`. 0 for no one: the device plays silence.
    stream : int
        Its first argument.

    Attributes
    ----------
    record : Record
        A `CLIENT`; must outlive the device.

    """

    def __init__(self, process: int = 0, stream: int = 0) -> None:
        self._exchange = Record(EXCHANGE)
        self.record = Record(CLIENT)
        self.record.fill(process=process, stream=stream, exchange=self._exchange.address)

    @property
    def stops(self) -> int:
        """How often the device told that it had stopped."""
        return self.record.load("stops")

    @property
    def starts(self) -> int:
        """How often the device told that it had started."""
        return self.record.load("starts")

    @property
    def reroutes(self) -> int:
        """How often the device told that the sound server had moved it to another one."""
        return self.record.load("reroutes")

    @property
    def is_inside(self) -> bool:
        """Whether a call is under way."""
        return self.record.load("inside") != 0

    def release(self) -> None:
        """Have no one called from here on; a call that is under way may still go on."""
        self.record.store("process", 0)
