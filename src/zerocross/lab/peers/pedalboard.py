"""pedalboard (JUCE, C++): plugins over rows, called without a reset; and its `AudioStream`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from pedalboard import PeakFilter, Pedalboard
from pedalboard.io import AudioStream

from zerocross.lab.deadlines import BANDS_HZ, RATE, count_calls, tone, wait_under
from zerocross.lab.harness import Contestant
from zerocross.lab.loads import Load

__all__ = ["equalizer", "peak_filters", "play"]

_Rows = npt.NDArray[np.float32]


def peak_filters(bands: Sequence[tuple[float, float]], q: float) -> Pedalboard:
    """Return peaking filters; bands are a frequency in Hz and a gain in dB each."""
    return Pedalboard([PeakFilter(frequency, gain_db, q) for frequency, gain_db in bands])


def equalizer(board: Any, rows: _Rows, sample_rate: float) -> Contestant:
    """Return plugins over rows, shape (channels, frames); they keep their state between calls."""
    return Contestant(
        f"pedalboard, {len(board)} PeakFilter", lambda: board(rows, sample_rate, reset=False)
    )


def play(block: int, seconds: float, load: Load, device: str) -> dict[str, Any]:
    """Play in real time under a load: filtered in C++, but Python writes the tone by the block."""
    wanted = {"jack": "JACK", "pulseaudio": "PulseAudio"}.get(device, "")
    name = next((n for n in AudioStream.output_device_names if wanted in n), None)
    stop, times = threading.Event(), list[tuple[int, int]]()
    with AudioStream(
        output_device_name=name, sample_rate=RATE, buffer_size=block, num_output_channels=2
    ) as stream:
        writer = threading.Thread(target=_writer(stream, block, stop, times), daemon=True)
        writer.start()
        started, stopped = wait_under(load, seconds)
        stop.set()
        writer.join(5.0)
    return count_calls(times, started, stopped, block)


def _writer(
    stream: Any, block: int, stop: threading.Event, times: list[tuple[int, int]]
) -> Callable[[], None]:
    """Return what writes blocks until told to stop, and notes when each write began."""
    board = peak_filters([(f, 3.0) for f in BANDS_HZ], 1.0)
    second = np.tile(tone(0, RATE), (2, 1)).astype(np.float32)

    def write() -> None:
        at = 0
        while not stop.is_set():
            begun = time.monotonic_ns()
            stream.write(board(second[:, at : at + block], RATE, reset=False), RATE)
            times.append((begun, begun))  # a write waits: when it ended says nothing
            at = at + block if at + 2 * block <= RATE else 0

    return write
