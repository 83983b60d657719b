"""Contestants of the torture: one sine through an eight-band equaliser, each by its own audio I/O.

Each runs in a process of its own (``python -m zerocross.lab.contestants NAME ...``) under one
load and prints one line of JSON: how many callbacks were made of those that were due, how many
took longer than their block, and the longest time without one.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import itertools
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from zerocross.eq import design_band
from zerocross.lab.loads import LOADS

__all__ = ["CONTESTANTS", "RATE", "Contestant", "is_installed", "run"]

RATE = 48_000
_BANDS = (60.0, 170.0, 310.0, 600.0, 1000.0, 3000.0, 6000.0, 12_000.0)
_TONE_HZ = 440.0
_SETTLE_S = 0.5


@dataclasses.dataclass(frozen=True)
class Contestant:
    """Who plays: a name for people, what has to be installed, and how it is played."""

    title: str
    needs: tuple[str, ...]
    play: Callable[[int, float, Callable[[], Any], str], dict[str, Any]]


def is_installed(name: str) -> bool:
    """Return whether all that a contestant needs can be imported."""
    return all(importlib.util.find_spec(module) for module in CONTESTANTS[name].needs)


def run(name: str, block: int, seconds: float, load: str, device: str) -> dict[str, Any]:
    """Play a contestant under a load in this process and return its result."""
    counted = CONTESTANTS[name].play(block, seconds, LOADS[load][1], device)
    return counted | {
        "contestant": name,
        "block": block,
        "played_block": counted["block"],
        "load": load,
    }


# --- ours ---------------------------------------------------------------------------------------


def _play_ours(
    block: int, seconds: float, load: Callable[[], Any], device: str, full: bool = False
) -> dict[str, Any]:
    from zerocross.engine.live_stream import LiveStream
    from zerocross.lab.chains import full_chain, plain_chain

    chain = full_chain(RATE) if full else plain_chain(_TONE_HZ, _BANDS)
    with contextlib.ExitStack() as stack:
        stream = stack.enter_context(LiveStream(chain, device=device, block_size=block))
        time.sleep(_SETTLE_S)
        timer = _timer_beside(stack, stream.report()["block_size"])
        stack.enter_context(load())
        stream.restart_counters()
        before = timer.counts() if timer else {}
        started = time.monotonic_ns()
        time.sleep(seconds)
        elapsed = time.monotonic_ns() - started
        report = stream.report()
        after = timer.counts() if timer else {}
    counted = _counted(
        report["callbacks"],
        report["late_callbacks"],
        report["arrival_jitter_ns"]["longest_gap"],
        elapsed,
        report["block_size"],
    )
    counted["causes"] = report["late_causes"]
    counted["share_of_deadline"] = report["share_of_deadline"]
    counted["realtime"] = [str(grant) for grant in stream.realtime]
    if timer:
        counted["bare_timer"] = {
            "missed": after["missed"] - before["missed"],
            "longest_gap_ns": after["longest_gap_ns"],
        }
    return counted


def _timer_beside(stack: contextlib.ExitStack, block: int) -> Any:
    if sys.platform != "linux":
        return None
    from zerocross.lab.timer import BareTimer

    return stack.enter_context(BareTimer(block / RATE))


def _counted(
    callbacks: int, late: int, longest_gap_ns: int, elapsed_ns: int, block: int
) -> dict[str, Any]:
    due = elapsed_ns * RATE / (block * 1e9)
    return {
        "block": block,
        "seconds": elapsed_ns / 1e9,
        "callbacks": callbacks,
        "due": round(due),
        "missed": max(0, round(due) - callbacks - 1) + late,
        "late": late,
        "longest_gap_ms": longest_gap_ns / 1e6,
    }


# --- callbacks in Python ------------------------------------------------------------------------


class _PythonEffect:
    """The same sine and equaliser in NumPy and SciPy, and when each callback began and ended."""

    def __init__(self) -> None:
        from scipy.signal import sosfilt

        self._filter = sosfilt
        self._sos = np.array([design_band("peaking", f, RATE, 1.0, 3.0) for f in _BANDS])
        self._state = np.zeros((len(_BANDS), 2, 2))
        self._phase = 0
        self.times: list[tuple[int, int]] = []

    def block(self, frames: int) -> Any:
        """Return the next frames, shape (frames, 2), float32."""
        started = time.monotonic_ns()
        angle = 2 * np.pi * _TONE_HZ / RATE * (self._phase + np.arange(frames))
        self._phase += frames
        tone = np.repeat(0.25 * np.sin(angle)[:, None], 2, axis=1)
        out, self._state = self._filter(self._sos, tone, axis=0, zi=self._state)
        made = out.astype(np.float32)
        self.times.append((started, time.monotonic_ns()))
        return made

    def counted(self, started: int, stopped: int, block: int) -> dict[str, Any]:
        """Return the result of what was called between two times."""
        times = [t for t in self.times if started <= t[0] < stopped]
        begun = [started, *(t[0] for t in times), stopped]
        late = sum(end - begin > block * 1e9 / RATE for begin, end in times)
        gap = max(b - a for a, b in itertools.pairwise(begun))
        return _counted(len(times), late, gap, stopped - started, block)


def _under(load: Callable[[], Any], seconds: float) -> tuple[int, int]:
    """Wait under a load; returns when it began and ended."""
    time.sleep(_SETTLE_S)
    with load():
        started = time.monotonic_ns()
        time.sleep(seconds)
        return started, time.monotonic_ns()


def _play_sounddevice(
    block: int, seconds: float, load: Callable[[], Any], device: str
) -> dict[str, Any]:
    import sounddevice

    effect = _PythonEffect()

    def callback(out: Any, frames: int, _time: Any, _status: Any) -> None:
        out[:] = effect.block(frames)

    with sounddevice.OutputStream(
        samplerate=RATE,
        blocksize=block,
        channels=2,
        dtype="float32",
        callback=callback,
        device=_portaudio_device(sounddevice.query_hostapis(), device),
    ):
        started, stopped = _under(load, seconds)
    return effect.counted(started, stopped, block)


def _portaudio_device(apis: Any, wanted: str) -> int | None:
    """Return PortAudio's number of the default output of the backend that was asked for."""
    names = {"jack": "JACK", "alsa": "ALSA", "pulseaudio": "Pulse"}
    for api in apis:
        if names.get(wanted, "?") in api["name"] and api["default_output_device"] >= 0:
            return int(api["default_output_device"])
    return None


def _play_pyaudio(
    block: int, seconds: float, load: Callable[[], Any], device: str
) -> dict[str, Any]:
    import pyaudio

    effect = _PythonEffect()

    def callback(_data: Any, frames: int, _time: Any, _status: Any) -> tuple[bytes, int]:
        return effect.block(frames).tobytes(), pyaudio.paContinue

    audio = pyaudio.PyAudio()
    try:
        apis = [
            {"name": api["name"], "default_output_device": api["defaultOutputDevice"]}
            for api in map(audio.get_host_api_info_by_index, range(audio.get_host_api_count()))
        ]
        stream = audio.open(
            RATE,
            2,
            pyaudio.paFloat32,
            output=True,
            frames_per_buffer=block,
            stream_callback=callback,
            output_device_index=_portaudio_device(apis, device),
        )
        started, stopped = _under(load, seconds)
        stream.close()
    finally:
        audio.terminate()
    return effect.counted(started, stopped, block)


def _play_miniaudio(
    block: int, seconds: float, load: Callable[[], Any], device: str
) -> dict[str, Any]:
    import miniaudio

    effect = _PythonEffect()

    def frames() -> Any:
        count = yield b""
        while True:
            count = yield effect.block(count).tobytes()

    backend = {name.lower(): each for name, each in miniaudio.Backend.__members__.items()}[device]
    playing = miniaudio.PlaybackDevice(
        miniaudio.SampleFormat.FLOAT32,
        2,
        RATE,
        buffersize_msec=max(1, block * 1000 // RATE),
        backends=[backend],
    )
    source = frames()
    next(source)
    playing.start(source)
    started, stopped = _under(load, seconds)
    playing.close()
    made = [t for t in effect.times if started <= t[0] < stopped]
    played = (effect._phase / max(1, len(effect.times))) if made else block
    return effect.counted(started, stopped, max(1, round(played)))


def _play_pedalboard(
    block: int, seconds: float, load: Callable[[], Any], device: str
) -> dict[str, Any]:
    """Pedalboard's stream filters in C++, but Python has to write the tone, block by block."""
    import threading

    from pedalboard import PeakFilter
    from pedalboard import Pedalboard as Board
    from pedalboard.io import AudioStream

    wanted = {"jack": "JACK", "pulseaudio": "PulseAudio"}.get(device, "")
    name = next((n for n in AudioStream.output_device_names if wanted in n), None)
    plugins = Board([PeakFilter(f, 3.0, 1.0) for f in _BANDS])
    stop, times = threading.Event(), []
    angle = 2 * np.pi * _TONE_HZ / RATE * np.arange(RATE)
    tone = np.tile(0.25 * np.sin(angle), (2, 1)).astype(np.float32)
    with AudioStream(
        output_device_name=name, sample_rate=RATE, buffer_size=block, num_output_channels=2
    ) as stream:

        def write() -> None:
            at = 0
            while not stop.is_set():
                begun = time.monotonic_ns()
                stream.write(plugins(tone[:, at : at + block], RATE, reset=False), RATE)
                times.append((begun, time.monotonic_ns()))
                at = at + block if at + 2 * block <= RATE else 0

        writer = threading.Thread(target=write, daemon=True)
        writer.start()
        started, stopped = _under(load, seconds)
        stop.set()
        writer.join(5.0)
    effect = object.__new__(_PythonEffect)
    effect.times = [(begun, begun) for begun, _ in times]  # a write waits: its time says nothing
    return effect.counted(started, stopped, block)


#: Who can take part, in the order of the table.
CONTESTANTS: dict[str, Contestant] = {
    "zerocross": Contestant("Zerocross", (), _play_ours),
    "zerocross-full": Contestant(
        "Zerocross, full chain",
        (),
        lambda block, seconds, load, device: _play_ours(block, seconds, load, device, full=True),
    ),
    "sounddevice": Contestant(
        "sounddevice, Python callback", ("sounddevice", "scipy"), _play_sounddevice
    ),
    "pyaudio": Contestant("PyAudio, Python callback", ("pyaudio", "scipy"), _play_pyaudio),
    "miniaudio": Contestant("python-miniaudio, generator", ("miniaudio", "scipy"), _play_miniaudio),
    "pedalboard": Contestant("pedalboard AudioStream", ("pedalboard",), _play_pedalboard),
}


def main(arguments: list[str]) -> None:
    """Run one contestant: NAME BLOCK SECONDS LOAD DEVICE."""
    name, block, seconds, load, device = arguments
    print("\n" + json.dumps(run(name, int(block), float(seconds), load, device)))


if __name__ == "__main__":
    main(sys.argv[1:])
