"""A client of a device: whom it calls for the next frames, and with what.

Whoever plays gives an address: that of a compiled ``process(stream, exchange)``. The adapters
beside it (`miniaudio`, `portaudio`, `jack`) translate each library's callback into that one call,
so a device knows no callback of ours, and a callback knows no device.

Before a client stands a *gate*, one word: whether it is closed, how many callbacks are inside, and
how many have left. A callback adds itself and reads in one step whether it may go on, and who closes
the gate reads in one step who is inside. So once the gate is closed and everyone inside has left,
nobody reads what the client's process reads, and it can be freed; a callback that comes later finds
the gate closed and plays silence. The client's own record is what it reads then: that one has to
outlive the device, and where other people's audio I/O has the address, it is kept for ever.
"""

from __future__ import annotations

import time
from typing import Any

from zerocross.compiler import entry, fetch_add, fetch_or, invoke, kernel, record_at
from zerocross.memory import Record, layout
from zerocross.sync import Signal

__all__ = ["CLIENT", "EXCHANGE", "Client", "enter_client", "leave_client", "serve_client"]

#: What goes over with a call: addresses of interleaved frames, 0 for none, and how many.
EXCHANGE = layout(audio=["input", "output", "frames"])

#: Whom to call, with how many channels, the gate, and what the device had to tell.
CLIENT = layout(
    setup=["process", "stream", "channels", "exchange_address", "news"],
    gate=["gate"],
    audio=[("exchange", EXCHANGE)],
    notice=["starts", "stops", "reroutes"],
)

# The gate: bit 0 is set when it is closed, then 15 bits for those inside, then those who have left.
_CLOSED, _INSIDE, _LEFT = 1, 1 << 1, 1 << 16
_POLL_S = 0.0005


@kernel
def enter_client(client: Any) -> Any:
    """Go in, and return whether the client can be called; `leave_client` must follow either way.

    Real-time: safe; one atomic addition.
    """
    return fetch_add(client, "gate", _INSIDE) & _CLOSED == 0


@kernel
def leave_client(client: Any) -> None:
    """Go out. Real-time: safe."""
    fetch_add(client, "gate", _LEFT - _INSIDE)


@kernel
def serve_client(client: Any, input_address: Any, output_address: Any, frames: Any) -> None:
    """Call a client for frames, between going in and out. Real-time: as safe as who is called."""
    exchange = client.exchange
    exchange.input = input_address
    exchange.output = output_address
    exchange.frames = frames
    invoke(client.process, client.stream, client.exchange_address)


@entry("int64", "int64")
def _gate(address: int, bits: int) -> int:
    """Set bits of a gate; returns what it was. Whoever goes in later sees all stores before."""
    before: int = fetch_or(record_at(address, CLIENT), "gate", bits)
    return before


class Client:
    """Whom a device calls.

    Parameters
    ----------
    process : int
        Address of a compiled ``process(stream, exchange)``: two int64, addresses of the stream's
        record and of an `EXCHANGE`.
    stream : int
        Its first argument.
    channels : int
        Samples in a frame, for adapters that have to write silence themselves.
    news : Signal or None
        Raised when the device has something to tell.

    Attributes
    ----------
    record : Record
        A `CLIENT`; must outlive the device.
    title : str
        What a sound server is told that plays, when the device is opened; empty for our name alone.

    """

    def __init__(
        self, process: int, stream: int, channels: int, news: Signal | None = None
    ) -> None:
        self.record = Record(CLIENT)
        self.title = ""
        self._news = news  # kept as long as the device, which may tell to the last
        exchange: Any = CLIENT.fields
        self.record.fill(
            process=process,
            stream=stream,
            channels=channels,
            news=news.record.address if news else 0,
            exchange_address=self.record.address + exchange["exchange"][1],
        )
        self._held: list[object] = []
        _ = _gate.address  # compiled now, not when the interpreter ends

    def hold(self, thing: object) -> None:
        """Hold what has memory that a callback uses, until it is closed and nobody is inside."""
        self._held.append(thing)

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
        return self.record.load("gate") & (_LEFT - _INSIDE) != 0

    @property
    def is_over(self) -> bool:
        """Whether it is closed, and nobody is inside."""
        gate = self.record.load("gate")
        return bool(gate & _CLOSED) and gate & (_LEFT - _INSIDE) == 0

    def wait_for_leaving(self, deadline: float) -> bool:
        """Wait until all who are inside now have left; returns whether they have.

        Who goes in from now on sees what was stored before. ``deadline`` is one of
        `time.monotonic`.
        """
        gate = _gate(self.record.address, 0)
        inside = (gate & (_LEFT - _INSIDE)) // _INSIDE
        last = gate // _LEFT + inside
        while inside and self.record.load("gate") // _LEFT < last:
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_S)
        return True

    def release(self) -> None:
        """Let nobody in any more; who is inside may still go on."""
        _gate(self.record.address, _CLOSED)

    def close(self, patience_s: float = 1.0) -> bool:
        """Let nobody in any more, wait for who is inside, and let go of what it holds.

        Returns whether all have left. If not, it is held until they do: an effect that never returns,
        or a thread that was stopped, may still come back to its memory. Twice is once.
        """
        self.release()
        left = self.wait_for_leaving(time.monotonic() + patience_s)
        if not left:
            _stuck.add(self)
        _stuck.difference_update([each for each in _stuck if each.is_over])
        if left:
            self._held.clear()
        return left


#: Closed clients that somebody has not left yet.
_stuck: set[Client] = set()
