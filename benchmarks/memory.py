"""Pool, arena, padding and the tap: each against what one would write without it."""

from __future__ import annotations

import ctypes
import threading

import numpy as np

from zerocross.compiler import (
    entry,
    external,
    fetch_add,
    float32_array,
    monotonic_ns,
    provide,
    record_at,
)
from zerocross.lab.harness import Bar, Case, Contestant
from zerocross.lab.peers import numpy as numpy_peer
from zerocross.memory import Arena, BufferPool, Record
from zerocross.memory.arena import ARENA, arena_reset, scratch_float32
from zerocross.memory.pool import POOL, pool_acquire, pool_release
from zerocross.memory.record import LINE
from zerocross.sync import Tap
from zerocross.sync.tap import TAP, tap_is_intact, tap_window

FRESH = np.random.default_rng(1).standard_normal(1 << 16).astype(np.float32)


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
    empty = numpy_peer.empty(1024)
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
    return [*_pool_cases(), _padding_case(), _tap_case()]
