"""PortAudio's callback (and so sounddevice's documented expert mode), for a client of ours."""

from __future__ import annotations

from zerocross.compiler import entry, record_at
from zerocross.devices.client import CLIENT, call_client

__all__ = ["portaudio_callback"]


@entry("int64", "int64", "int64", "int64", "int64", "int64", dispatches=True)
def portaudio_callback(
    source: int, output: int, frames: int, _time: int, _flags: int, user: int
) -> int:
    """``PaStreamCallback``: interleaved float32 in and out; ``user`` is a `CLIENT`.

    Real-time: the audio thread.
    """
    call_client(record_at(user, CLIENT), source, output, frames)
    return 0
