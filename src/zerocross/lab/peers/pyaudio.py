"""PyAudio (PortAudio): a stream whose callback is Python and returns bytes."""

from __future__ import annotations

from typing import Any

import pyaudio

from zerocross.lab.deadlines import RATE, PythonCallback, count_calls, wait_under
from zerocross.lab.loads import Load
from zerocross.lab.peers._portaudio import default_output

__all__ = ["play"]


def play(block: int, seconds: float, load: Load, device: str) -> dict[str, Any]:
    """Play in real time under a load."""
    effect = PythonCallback()

    def callback(_data: Any, frames: int, _time: Any, _status: Any) -> tuple[bytes, int]:
        return effect.block(frames).tobytes(), pyaudio.paContinue

    audio = pyaudio.PyAudio()
    try:
        stream = audio.open(
            RATE,
            2,
            pyaudio.paFloat32,
            output=True,
            frames_per_buffer=block,
            stream_callback=callback,
            output_device_index=default_output(_apis(audio), device),
        )
        started, stopped = wait_under(load, seconds)
        stream.close()
    finally:
        audio.terminate()
    return count_calls(effect.times, started, stopped, block)


def _apis(audio: Any) -> list[dict[str, Any]]:
    """Return PortAudio's backends by the names that sounddevice gives them."""
    return [
        {"name": api["name"], "default_output_device": api["defaultOutputDevice"]}
        for api in map(audio.get_host_api_info_by_index, range(audio.get_host_api_count()))
    ]
