"""Rings, pool, arena, padding and the tap: each against what one would write without it."""

from __future__ import annotations

import ctypes
import threading
from collections import deque

import numpy as np

from benchmarks.harness import Bar, Case, Contestant
from zerocross.compiler import (
    entry,
    external,
    fetch_add,
    float32_array,
    monotonic_ns,
    provide,
    record_at,
)
from zerocross.memory import Arena, BufferPool, Record
from zerocross.memory.arena import ARENA, arena_reset, scratch_float32
from zerocross.memory.pool import POOL, pool_acquire, pool_release
from zerocross.memory.record import LINE
from zerocross.sync import Ring, Tap
from zerocross.sync.ring import RING, pop_frames, push_frames
from zerocross.sync.tap import TAP, tap_is_intact, tap_window

CHUNK = 256
# The short ring holds four chunks, every fourth of which crosses its end.
LONG, SHORT = 1 << 14, 1 << 10
FRESH = np.random.default_rng(1).standard_normal(1 << 16).astype(np.float32)


# --- rings ------------------------------------------------------------------------------------


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


def _ring_cases() -> list[Case]:
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


# --- pool and arena ---------------------------------------------------------------------------

malloc = external("malloc", "l", lambda _: 0)
free = external("free", "l", lambda _: 0)


@entry("int64", "int64")
def _take_and_give(pool_address, times):
    pool = record_at(pool_address, POOL)
    started = monotonic_ns()
    for _ in range(times):
        pool_release(pool, pool_acquire(pool))
    return monotonic_ns() - started


@entry("int64", "int64")
def _malloc_and_free(size, times):
    started = monotonic_ns()
    for _ in range(times):
        block = malloc(size)
        float32_array(block, 1)[0] = np.float32(1.0)
        free(block)
    return monotonic_ns() - started


@entry("int64", "int64")
def _scratch(arena_address, times):
    arena = record_at(arena_address, ARENA)
    total = np.float32(0.0)
    started = monotonic_ns()
    for i in range(times):
        if i % 4 == 0:
            arena_reset(arena)
        block = scratch_float32(arena, 1024)
        block[0] = np.float32(i)
        total += block[0]
    return monotonic_ns() - started if total >= 0 else 0


def _provide_allocator() -> None:
    libc = ctypes.CDLL(None)
    for name in ("malloc", "free"):
        provide(name, ctypes.cast(getattr(libc, name), ctypes.c_void_p).value or 0)


def _pool_cases() -> list[Case]:
    _provide_allocator()
    pool = BufferPool()
    arena = Arena(4 * 4096)

    def check() -> None:
        before = pool.stats().allocations_saved
        _take_and_give(pool.record.address, 10)
        stats = pool.stats()
        assert (stats.allocations_saved, stats.in_use) == (before + 10, 0)

    def check_arena() -> None:
        _scratch(arena.record.address, 64)
        assert arena.high_water == 4 * 4096
        assert arena.needed == 0

    taking = Contestant(
        "pool", repeat=lambda n: _take_and_give(pool.record.address, n), check=check
    )
    scratch = Contestant(
        "arena", repeat=lambda n: _scratch(arena.record.address, n), check=check_arena
    )
    empty = Contestant("np.empty, from Python", lambda: np.empty(1024, np.float32))
    allocator = Contestant("malloc + free, compiled", repeat=lambda n: _malloc_and_free(4096, n))
    return [
        Case(
            "pool, take + give",
            "1024 frames",
            [taking, empty, allocator],
            [Bar(empty.name, 1 / 20), Bar(allocator.name, 1.0)],
            limit_ns=15.0,
        ),
        Case(
            "arena, scratch",
            "4 KiB",
            [scratch, empty, allocator],
            [Bar(empty.name, 1 / 20), Bar(allocator.name, 1.0)],
            limit_ns=3.0,
        ),
    ]


# --- padding ----------------------------------------------------------------------------------

_CELL = np.dtype([("value", "i8")])


@entry("int64", "int64")
def _count(address, times):
    cell = record_at(address, _CELL)
    started = monotonic_ns()
    for _ in range(times):
        fetch_add(cell, "value", 1)
    return monotonic_ns() - started


def _padding_case() -> Case:
    memory = Record(np.dtype((np.void, 4 * LINE)))

    def both(apart: int):
        def run(times: int) -> int:
            other = threading.Thread(target=_count, args=(memory.address + apart, times))
            other.start()
            took = _count(memory.address, times)
            other.join()
            return took

        return run

    def check(apart: int) -> None:
        cells = [record_at(memory.address + at, _CELL) for at in (0, apart)]
        before = [int(cell["value"]) for cell in cells]
        both(apart)(1000)
        assert [int(cell["value"]) for cell in cells] == [n + 1000 for n in before]

    return Case(
        "counter, two threads, one step",
        f"{LINE} bytes apart",
        [
            Contestant("a line each", repeat=both(LINE), check=lambda: check(LINE)),
            Contestant("one line", repeat=both(8), check=lambda: check(8)),
        ],
        [],
    )


# --- the tap ----------------------------------------------------------------------------------

WINDOW, HOP = 2048, 256


@entry("int64", "int64", "int64", "int64")
def _windows_of_tap(tap_address, out, kept, times):
    tap, total = record_at(tap_address, TAP), float32_array(out, 1)
    started = monotonic_ns()
    for k in range(times):
        start = (k * HOP) % (kept - WINDOW)
        view = tap_window(tap, 0, start, WINDOW)
        total[0] += view[k % WINDOW]
        if not tap_is_intact(tap, start):
            return -1
    return monotonic_ns() - started


@entry("int64", "int64", "int64", "int64", "int64")
def _windows_by_copy(samples, window, out, kept, times):
    source, copy = float32_array(samples, kept), float32_array(window, WINDOW)
    total = float32_array(out, 1)
    started = monotonic_ns()
    for k in range(times):
        start = (k * HOP) % kept
        first = min(WINDOW, kept - start)
        for i in range(first):
            copy[i] = source[start + i]
        for i in range(WINDOW - first):
            copy[first + i] = source[i]
        total[0] += copy[k % WINDOW]
    return monotonic_ns() - started


def _tap_case() -> Case:
    kept = 1 << 14
    tap = Tap(kept, 1)
    tap.push(FRESH[None, :kept])
    window, out = np.zeros(WINDOW, np.float32), np.zeros(1, np.float32)
    samples = FRESH[:kept].copy()

    def ours(times: int) -> int:
        return _windows_of_tap(tap.record.address, out.ctypes.data, kept, times)

    def theirs(times: int) -> int:
        return _windows_by_copy(
            samples.ctypes.data, window.ctypes.data, out.ctypes.data, kept, times
        )

    def check() -> None:
        view = tap.window(WINDOW, kept - HOP)
        assert np.shares_memory(view.rows[0], tap.window(WINDOW).rows[0]), "nothing was copied"
        out[0] = 0
        ours(40)
        ours_sum = float(out[0])
        out[0] = 0
        theirs(40)
        assert abs(ours_sum - out[0]) < 1e-3

    return Case(
        "overlapping windows, one",
        f"{WINDOW}, hop {HOP}",
        [
            Contestant("tap, in place", repeat=ours, check=check),
            Contestant("copied from a plain ring", repeat=theirs),
        ],
        [],
    )


def cases() -> list[Case]:
    return [*_ring_cases(), *_pool_cases(), _padding_case(), _tap_case()]
