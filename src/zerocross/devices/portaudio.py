"""PortAudio's callback (and so sounddevice's documented expert mode), for a client of ours."""

from __future__ import annotations

import numpy as np

from zerocross.compiler import entry, float32_array, record_at
from zerocross.devices.client import CLIENT, enter_client, leave_client, serve_client

__all__ = ["portaudio_callback"]


@entry("int64", "int64", "int64", "int64", "int64", "int64", dispatches=True)
def portaudio_callback(
    source: int, output: int, frames: int, _time: int, _flags: int, user: int
) -> int:
    """``PaStreamCallback``: interleaved float32 in and out; ``user`` is a `CLIENT`.

    Once the client is closed, silence. Real-time: the audio thread.
    """
    client = record_at(user, CLIENT)
    if enter_client(client):
        serve_client(client, source, output, frames)
    elif output != 0:
        out = float32_array(output, frames * client.channels)
        for i in range(out.size):
            out[i] = np.float32(0.0)
    leave_client(client)
    return 0
