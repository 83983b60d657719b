"""What Linux counts of a process, by thread: CPU time, how often it woke up; and its memory."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import NamedTuple

__all__ = ["Thread", "cpu_and_wakes", "memory_mb"]

_KIB = 1024


class Thread(NamedTuple):
    """A thread over some time.

    Attributes
    ----------
    number : int
        The system's.
    name : str
        The system's.
    cpu_s, wakes : float
        CPU-seconds a minute, and voluntary switches a second.

    """

    number: int
    name: str
    cpu_s: float
    wakes: float


def cpu_and_wakes(pid: int, seconds: float) -> list[Thread]:
    """Watch a process and return its threads, the dearest first.

    Of a thread that ends meanwhile nothing is known; one that begins counts from its beginning.
    """
    before, started = _counts(pid), time.monotonic()
    time.sleep(seconds)
    after, took = _counts(pid), time.monotonic() - started
    found = []
    for number, (name, cpu_ns, wakes) in after.items():
        _, cpu_before_ns, wakes_before = before.get(number, (name, 0, 0))
        cpu_s = (cpu_ns - cpu_before_ns) / 1e9 * 60 / took
        found.append(Thread(number, name, cpu_s, (wakes - wakes_before) / took))
    return sorted(found, key=lambda thread: -thread.cpu_s)


def _counts(pid: int) -> dict[int, tuple[str, int, int]]:
    """Return the name, the nanoseconds of CPU time and the voluntary switches of each thread."""
    found = {}
    for folder in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            name = (folder / "comm").read_text().strip()
            cpu_ns = int((folder / "schedstat").read_text().split()[0])
            lines = (folder / "status").read_text().splitlines()
            status = dict(line.split(":", 1) for line in lines)
            found[int(folder.name)] = name, cpu_ns, int(status["voluntary_ctxt_switches"])
    return found


def memory_mb(pid: int) -> tuple[float, float]:
    """Return a process's resident memory, and its share of it where pages are shared, in MB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    sizes = {line.split(":")[0]: int(line.split()[1]) for line in lines}
    return sizes["Rss"] * _KIB / 1e6, sizes["Pss"] * _KIB / 1e6
