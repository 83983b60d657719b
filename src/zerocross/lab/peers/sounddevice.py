"""sounddevice (PortAudio): a stream whose callback is Python and writes into PortAudio's buffer."""

from __future__ import annotations

from typing import Any

import sounddevice

from zerocross.lab.deadlines import RATE, PythonCallback, count_calls, wait_under
from zerocross.lab.loads import Load
from zerocross.lab.peers._portaudio import default_output

__all__ = ["play"]


def play(block: int, seconds: float, load: Load, device: str) -> dict[str, Any]:
    """Play in real time under a load."""
    effect = PythonCallback()

    def callback(out: Any, frames: int, _time: Any, _status: Any) -> None:
        out[:] = effect.block(frames)

    with sounddevice.OutputStream(
        samplerate=RATE,
        blocksize=block,
        channels=2,
        dtype="float32",
        callback=callback,
        device=default_output(sounddevice.query_hostapis(), device),
    ):
        started, stopped = wait_under(load, seconds)
    return count_calls(effect.times, started, stopped, block)
