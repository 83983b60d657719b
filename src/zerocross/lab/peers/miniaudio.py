"""python-miniaudio: a playback device that asks a Python generator for bytes."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import miniaudio

from zerocross.lab.deadlines import RATE, PythonCallback, count_calls, wait_under
from zerocross.lab.loads import Load

__all__ = ["play"]


def play(block: int, seconds: float, load: Load, device: str) -> dict[str, Any]:
    """Play in real time under a load; the result is of the block that miniaudio chose."""
    effect = PythonCallback()
    backend = {name.lower(): each for name, each in miniaudio.Backend.__members__.items()}[device]
    playing = miniaudio.PlaybackDevice(
        miniaudio.SampleFormat.FLOAT32,
        2,
        RATE,
        buffersize_msec=max(1, block * 1000 // RATE),
        backends=[backend],
    )
    source = _bytes_of(effect)
    next(source)
    playing.start(source)
    started, stopped = wait_under(load, seconds)
    playing.close()
    made = any(started <= begun < stopped for begun, _ in effect.times)
    played = effect.frames / len(effect.times) if made else block
    return count_calls(effect.times, started, stopped, max(1, round(played)))


def _bytes_of(effect: PythonCallback) -> Generator[bytes, int, None]:
    count = yield b""
    while True:
        count = yield effect.block(count).tobytes()
