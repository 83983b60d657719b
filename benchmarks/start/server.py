"""A PulseAudio of the benchmark's own with a null sink, and what comes out of it."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import numpy as np

from benchmarks.start.material import RATE, noise

__all__ = ["Monitor", "can_serve", "delay_s", "sound_server"]

_SINK = "zerocross"
_FORMAT = ["--raw", "--format=float32le", f"--rate={RATE}", "--channels=2", "--latency-msec=5"]
_SAMPLE_BYTES = 4
#: -60 dBFS. The null sink is otherwise exactly silent.
_AUDIBLE = 0.001
_SILENCE_NS = 300_000_000


def can_serve() -> bool:
    """Return whether a server can be run and listened to."""
    return all(shutil.which(name) for name in ("pulseaudio", "pactl", "parec", "pacat"))


@contextlib.contextmanager
def sound_server(folder: Path, env: dict[str, str]) -> Iterator[dict[str, str]]:
    """Run the server and yield its clients' environment, with a home of their own."""
    home = folder / "home"
    home.mkdir(mode=0o700)
    names = ("HOME", "XDG_RUNTIME_DIR", "PULSE_RUNTIME_PATH", "PULSE_STATE_PATH", "XDG_CONFIG_HOME")
    env = env | dict.fromkeys(names, str(home)) | {"PULSE_SERVER": f"unix:{home}/native"}
    command = ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no"]
    for module in (
        f"module-native-protocol-unix socket={home}/native auth-anonymous=1",
        f"module-null-sink sink_name={_SINK} rate={RATE} format=float32le channels=2",
    ):
        command += ["-L", module]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, env=env, **quiet) as server:
        try:
            for _ in range(200):
                if not subprocess.run(["pactl", "info"], env=env, check=False, **quiet).returncode:
                    break
                time.sleep(0.05)
            else:
                raise RuntimeError("pulseaudio does not answer")
            yield env
        finally:
            server.terminate()


class Monitor:
    """Listens to what the null sink plays, while it is entered, and notes when sound begins.

    It asks for 5 ms at a time; so the sink, too, takes its clients' sound in pieces of 5 ms. Sound
    begins when the first piece with an audible sample arrives.
    """

    def __init__(self, env: dict[str, str]) -> None:
        self.env = env
        self._last_loud_ns = 0
        self._began_ns: int | None = None
        self._began = threading.Event()
        self._listener: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.listen()
        return self

    def __exit__(self, *_: object) -> None:
        self.rest()

    def listen(self) -> None:
        """Begin to listen, and wait until there is something to hear, be it silence."""
        command = ["parec", f"--device={_SINK}.monitor", *_FORMAT]
        self._listener = subprocess.Popen(command, env=self.env, stdout=subprocess.PIPE)
        started = threading.Event()
        self._reader = threading.Thread(
            target=self._read, args=(self._listener, started), daemon=True
        )
        self._reader.start()
        if not started.wait(10):
            raise RuntimeError("nothing comes from the null sink's monitor")

    def rest(self) -> None:
        """End listening: the sink is as lazy as its clients let it be."""
        if self._listener:
            self._listener.terminate()
            self._listener.wait()
            self._reader.join()
            self._listener.stdout.close()
            self._listener = None

    def _read(self, listener: subprocess.Popen[bytes], started: threading.Event) -> None:
        left = b""
        while data := listener.stdout.read1(1 << 16):
            arrived = time.monotonic_ns()
            started.set()
            data = left + data
            whole = len(data) // _SAMPLE_BYTES * _SAMPLE_BYTES
            samples, left = np.frombuffer(data[:whole], "<f4"), data[whole:]
            if np.abs(samples).max(initial=0.0) > _AUDIBLE:
                self._last_loud_ns = arrived
                if not self._began.is_set():
                    self._began_ns = arrived
                    self._began.set()

    def wait_for_silence(self) -> None:
        """Wait until nothing was heard for a while; the next sound will be noted."""
        while time.monotonic_ns() - self._last_loud_ns < _SILENCE_NS:
            time.sleep(0.02)
        self._began.clear()

    def beginning_ns(self, go_on: Callable[[], bool], patience_s: float = 300.0) -> int:
        """Wait for sound and return when it began, of the monotonic clock.

        Raises
        ------
        RuntimeError
            If there is none in time, or before ``go_on`` is false.

        """
        deadline = time.monotonic() + patience_s
        while not self._began.wait(0.2):
            if not go_on() or time.monotonic() > deadline:
                raise RuntimeError("no sound came")
        assert self._began_ns is not None
        return self._began_ns


def delay_s(monitor: Monitor) -> float:
    """Return how long noise takes from a client that is connected to the ear of the monitor.

    It is part of every time that is measured, of others' as of ours, and not subtracted.
    """
    monitor.wait_for_silence()
    samples = noise(RATE // 5, np.random.default_rng(5)).astype("<f4").tobytes()
    command = ["pacat", "--playback", f"--device={_SINK}", *_FORMAT]
    with subprocess.Popen(command, env=monitor.env, stdin=subprocess.PIPE) as client:
        assert client.stdin
        time.sleep(1.0)  # it is connected, and waits for samples
        started = time.monotonic_ns()
        client.stdin.write(samples)
        client.stdin.flush()
        began = monitor.beginning_ns(lambda: client.poll() is None, 10.0)
        client.stdin.close()
    return (began - started) / 1e9
