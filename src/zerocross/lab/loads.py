"""Loads: what a busy machine or a busy interpreter does to a stream.

Each is a context manager. Those of the interpreter run in the process under test, those of the
machine in processes of their own, which end with it.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

__all__ = ["LOADS", "Load"]

Load = Callable[[], contextlib.AbstractContextManager[None]]

_GC_OBJECTS = 1_000_000
_HELD_S, _EVERY_S = 0.1, 1.0
_MOST_MEMORY = 2 << 30

_SPIN = "while True: pass"
_WRITE = """
import os, sys, tempfile
data = os.urandom(1 << 22)
with tempfile.TemporaryFile() as file:
    while True:
        file.seek(0)
        for _ in range(16):
            file.write(data)
        file.flush()
        os.fsync(file.fileno())
"""
_TOUCH = """
import sys, time
while True:
    memory = bytearray(int(sys.argv[1]))
    for k in range(0, len(memory), 4096):
        memory[k] = 1
    del memory
"""


@contextlib.contextmanager
def _idle() -> Iterator[None]:
    yield


@contextlib.contextmanager
def _thread(work: Callable[[threading.Event], None]) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=work, args=(stop,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _spin(stop: threading.Event) -> None:
    x = 0
    while not stop.is_set():
        for _ in range(1000):
            x = (x * 1103515245 + 12345) & 0x7FFFFFFF


def _collect(stop: threading.Event) -> None:
    objects = [[k] for k in range(_GC_OBJECTS)]
    while not stop.is_set():
        gc.collect()
    del objects


def _hold(stop: threading.Event) -> None:
    """Hold the GIL, as a C extension would that forgets to let go."""
    if sys.platform == "win32":
        sleep, unit = ctypes.PyDLL("kernel32").Sleep, 1e3
    else:
        sleep, unit = ctypes.PyDLL(None).usleep, 1e6
    while not stop.wait(_EVERY_S - _HELD_S):
        sleep(int(_HELD_S * unit))


@contextlib.contextmanager
def _processes(program: str, count: int, *arguments: str) -> Iterator[None]:
    command = [sys.executable, "-c", program, *arguments]
    running = [subprocess.Popen(command, stderr=subprocess.DEVNULL) for _ in range(count)]
    try:
        time.sleep(0.2)
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def _half_of_free_memory() -> int:
    try:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        free = _MOST_MEMORY
    return min(_MOST_MEMORY, free // 2)


#: Loads by name, with the words for people.
LOADS: dict[str, tuple[str, Load]] = {
    "idle": ("nothing", _idle),
    "python": ("a busy Python thread", lambda: _thread(_spin)),
    "gc": ("garbage collection of a million objects", lambda: _thread(_collect)),
    "gil": ("the GIL held 100 ms every second", lambda: _thread(_hold)),
    "cores": ("all cores busy", lambda: _processes(_SPIN, os.cpu_count() or 1)),
    "disk": ("disk writes", lambda: _processes(_WRITE, 1)),
    "memory": (
        "memory pressure",
        lambda: _processes(_TOUCH, 1, str(_half_of_free_memory())),
    ),
}
