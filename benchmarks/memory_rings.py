"""The ring between two threads and in one, mirrored and split, against a deque under a lock."""

from __future__ import annotations

import threading
from collections import deque

import numpy as np

from zerocross.compiler import entry, float32_array, monotonic_ns, record_at
from zerocross.lab.harness import Bar, Case, Contestant
from zerocross.sync import Ring
from zerocross.sync.ring import RING, pop_frames, push_frames

CHUNK = 256
# The short ring holds four chunks, every fourth of which crosses its end.
LONG, SHORT = 1 << 14, 1 << 10
FRESH = np.random.default_rng(1).standard_normal(1 << 16).astype(np.float32)


@entry("int64", "int64", "int64", "int64")
def _produce(ring_address, samples, chunk, times):
    ring, source = record_at(ring_address, RING), float32_array(samples, chunk)
    left = times * chunk
    while left > 0:
        left -= push_frames(ring, source, min(left, chunk))
    return times


@entry("int64", "int64", "int64", "int64")
def _consume(ring_address, samples, chunk, times):
    ring, target = record_at(ring_address, RING), float32_array(samples, chunk)
    started = monotonic_ns()
    left = times * chunk
    while left > 0:
        left -= pop_frames(ring, target, min(left, chunk))
    return monotonic_ns() - started


@entry("int64", "int64", "int64", "int64", "int64")
def _there_and_back(ring_address, source, target, chunk, times):
    ring = record_at(ring_address, RING)
    give, take = float32_array(source, chunk), float32_array(target, chunk)
    started = monotonic_ns()
    for _ in range(times):
        push_frames(ring, give, chunk)
        pop_frames(ring, take, chunk)
    return monotonic_ns() - started


def _two_threads(ring: Ring):
    target = np.zeros(CHUNK, np.float32)

    def run(times: int) -> int:
        writer = threading.Thread(
            target=_produce, args=(ring.record.address, FRESH.ctypes.data, CHUNK, times)
        )
        writer.start()
        took = _consume(ring.record.address, target.ctypes.data, CHUNK, times)
        writer.join()
        return took

    def check() -> None:
        run(1000)
        assert np.array_equal(target, FRESH[:CHUNK])
        assert ring.readable == 0

    return run, check


def _deque_of_arrays(times: int) -> int:
    """What one writes in Python: arrays in a deque under a lock."""
    items: deque[np.ndarray] = deque()
    lock = threading.Lock()
    target = np.empty(CHUNK, np.float32)

    def produce() -> None:
        for _ in range(times):
            array = FRESH[:CHUNK].copy()
            with lock:
                items.append(array)

    writer = threading.Thread(target=produce)
    started = monotonic_ns()
    writer.start()
    taken = 0
    while taken < times:
        with lock:
            array = items.popleft() if items else None
        if array is not None:
            target[:] = array
            taken += 1
    took = monotonic_ns() - started
    writer.join()
    return took


def _ring(frames: int, mirrored: bool) -> Ring:
    """Return a ring whose chunks do not fit its memory evenly: it begins at frame 100."""
    ring = Ring(frames, 1, mirrored=mirrored)
    for field in ("write", "read", "read_seen", "write_seen"):
        ring.record[field] = 100
    return ring


def _between_threads(frames: int, mirrored: bool) -> Contestant:
    run, check = _two_threads(_ring(frames, mirrored))
    name = "mirrored ring" if mirrored else "split-copy ring"
    return Contestant(name, repeat=run, check=check)


def _alone(mirrored: bool) -> Contestant:
    ring, target = _ring(SHORT, mirrored), np.zeros(CHUNK, np.float32)

    def run(times: int) -> int:
        return _there_and_back(
            ring.record.address, FRESH.ctypes.data, target.ctypes.data, CHUNK, times
        )

    def check() -> None:
        run(1)
        assert np.array_equal(target, FRESH[:CHUNK])

    return Contestant("mirrored ring" if mirrored else "split-copy ring", repeat=run, check=check)


def cases() -> list[Case]:
    deque_of_arrays = Contestant("deque of arrays, lock", repeat=_deque_of_arrays)
    both = [_between_threads(SHORT, True), _between_threads(SHORT, False)]
    return [
        Case(
            "ring, two threads, a chunk of 256",
            f"ring of {LONG}",
            [_between_threads(LONG, True), _between_threads(LONG, False), deque_of_arrays],
            [Bar("deque of arrays, lock", 1.0)],
            limit_ns=CHUNK / 1.2,  # 1.2 G samples/s
        ),
        Case(
            "ring, two threads, a chunk of 256",
            f"ring of {SHORT}",
            both,
            [Bar("split-copy ring", 1 / 1.1)],
        ),
        Case(
            "ring, one thread, write + read 256",
            f"ring of {SHORT}",
            [_alone(True), _alone(False)],
            [],
            limit_ns=33.0,
        ),
    ]
