"""Aligned, mirrored, pooled memory and arenas; where fields, pages and threads lie."""

from __future__ import annotations

import gc
import importlib
import os
import pkgutil
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import zerocross
from conftest import wait_for
from zerocross import closing
from zerocross.compiler import (
    attempt,
    entry,
    float32_array,
    int64_array,
    load_acquire,
    record_at,
    store_release,
)
from zerocross.devices.client import CLIENT
from zerocross.engine.file_stream import FileStream
from zerocross.engine.layouts import DECODER, STREAM, TRANSPORT
from zerocross.errors import MemoryRefused, PoolEmpty, UsageError
from zerocross.memory import (
    AlignedBuffer,
    Arena,
    BufferPool,
    MirroredBuffer,
    audit,
    layout,
    thread_arena,
)
from zerocross.memory import mirror as mirror_room
from zerocross.memory.arena import (
    ARENA,
    arena_reset,
    scratch_float32,
    scratch_float64,
    scratch_int64,
    scratch_rows,
)
from zerocross.memory.copy import copy_samples
from zerocross.memory.pool import (
    _WORD,
    DOUBLE_RELEASE,
    FOREIGN_RELEASE,
    POOL,
    _bits,
    pool_acquire,
    pool_buffer,
    pool_give,
    pool_release,
)
from zerocross.memory.record import LINE
from zerocross.system import pages, pin, topology
from zerocross.system.numa import Node, node_of_cpu, parse_cpu_list, place_here

linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux only")


# --- aligned ----------------------------------------------------------------------------------


@pytest.mark.parametrize("alignment", [4, 16, 64, 128, 1024, 4096])
@pytest.mark.parametrize("shape", [(1,), (5, 333), (2, 4096), 1000])
def test_every_row_is_aligned(shape, alignment):
    with AlignedBuffer(shape, alignment=alignment) as buffer:
        assert buffer.address % alignment == 0
        assert buffer.row_bytes % alignment == 0
        for row in range(shape[0] if isinstance(shape, tuple) and len(shape) == 2 else 0):
            assert buffer.array[row].ctypes.data % alignment == 0
        assert not buffer.array.any()
        buffer.array[...] = np.arange(buffer.array.size).reshape(buffer.array.shape)
        assert buffer.array.sum() == buffer.array.size * (buffer.array.size - 1) // 2


def test_a_buffer_is_freed_when_told():
    buffer = AlignedBuffer(100_000)
    view = buffer.array[5:10]
    with pytest.raises(UsageError, match="still viewed"):
        buffer.close()
    buffer.array[5] = 3
    assert view[0] == 3
    del view
    buffer.close()
    buffer.close()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (((0,),), "1 or more"),
        (((1, 2, 3),), "frames"),
        ((10, "f4", 3), "power of two"),
        ((10, "f8", 4), "power of two from 8"),
    ],
)
def test_impossible_buffers_are_refused(arguments, words):
    shape, *kind = arguments
    options = {"alignment": kind[1]} if len(kind) > 1 else {}
    with pytest.raises(UsageError, match=words):
        AlignedBuffer(shape, *kind[:1], **options)


def test_refused_memory_is_told():
    with pytest.raises(MemoryRefused, match="ask for less"):
        AlignedBuffer(1 << 60, "u1")


@linux
def test_what_is_asked_is_read_back():
    with AlignedBuffer(4 * pages.HUGE_PAGE, "u1", huge_pages=True, lock=True, node=0) as buffer:
        grants = {grant.what: grant for grant in buffer.grants}
        found, bound = smaps(buffer.address), is_bound(buffer.address)
    assert set(grants) == {"memory on node 0", "locked memory", "huge pages"}
    assert grants["locked memory"].granted == (found["Locked"] * 1024 >= buffer.nbytes)
    assert grants["huge pages"].granted == (found["AnonHugePages"] > 0)
    assert grants["memory on node 0"].granted == bound
    assert all("read back" in g.detail for g in grants.values() if g.granted)
    assert str(grants["locked memory"]).startswith("locked memory: ")


def is_bound(address):
    """Whether the system says that the mapping which begins at an address is bound to a node."""
    lines = Path("/proc/self/numa_maps").read_text().splitlines()
    return any(line.startswith(f"{address:x} bind:") for line in lines)


def smaps(address):
    """What the system says of the mapping that an address is in: its fields in KiB."""
    found, inside = {}, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        head, *rest = line.split()
        if "-" in head and not head.endswith(":"):
            first, last = (int(x, 16) for x in head.split("-"))
            inside = first <= address < last
        elif inside and rest[-1:] == ["kB"]:
            found[head[:-1]] = int(rest[0])
    return found


@linux
def test_refusals_are_notices_that_say_what_to_do():
    program = """
    import ctypes, os, resource
    from zerocross.memory import AlignedBuffer
    from zerocross.system import pin
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (65536, 65536))
    if os.geteuid() == 0:  # root may lock whatever the limit: give that up
        ctypes.CDLL(None).setresuid(65534, 65534, 65534)
    buffer = AlignedBuffer(1 << 20, lock=True, node=63)
    print(*buffer.grants, pin(None, [4095]), sep="\\n")
    buffer.array[:] = 1
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=True
    )
    node, lock, affinity = done.stdout.splitlines()
    assert lock.startswith("locked memory: refused") and "limit of 64 KiB" in lock
    assert node.startswith("memory on node 63: refused")
    assert affinity.startswith("affinity to CPU 4095: refused")


# --- mirrored ---------------------------------------------------------------------------------


@pytest.fixture(params=[True, False], ids=["mirrored", "plain"])
def mirrored(request):
    return request.param


def test_windows_are_whole_wherever_they_lie(mirrored):
    with MirroredBuffer(3000, 4, mirrored=mirrored) as buffer:
        assert buffer.is_mirrored == mirrored
        assert buffer.size % mirror_room.granularity() == 0
        count = buffer.size // 4
        buffer.whole(np.float32)[:] = np.arange(count)
        for start in (0, 1, count - 1, count, 5 * count - 7):
            for length in (0, 1, 100, count):
                window = buffer.window(start, length, np.float32)
                assert np.array_equal(window, np.arange(start, start + length) % count)
                assert window.flags.c_contiguous
        del window
        with pytest.raises(UsageError, match="window"):
            buffer.window(0, count + 1, np.float32)


def test_what_is_written_past_the_end_is_at_the_beginning():
    with MirroredBuffer(4096) as buffer:
        assert buffer.is_mirrored, buffer.refusal
        buffer.window(buffer.size - 2, 4)[:] = [1, 2, 3, 4]
        assert buffer.whole()[:2].tolist() == [3, 4]
        assert buffer.whole()[-2:].tolist() == [1, 2]


def test_sizes_are_whole_items_and_pages():
    with MirroredBuffer(5000, 12) as buffer:
        assert buffer.size % 12 == 0
        assert buffer.size % mirror_room.granularity() == 0


def test_close_waits_for_nobody_but_the_views():
    buffer = MirroredBuffer(4096)
    view = buffer.window(0, 10)
    with pytest.raises(UsageError, match="still viewed"):
        buffer.close()
    del view
    buffer.close()
    buffer.close()
    with pytest.raises(UsageError, match="closed"):
        buffer.whole()


def test_a_view_keeps_the_memory():
    view = MirroredBuffer(4096).window(0, 100)
    gc.collect()
    view[:] = 7
    assert view.sum() == 700


def test_where_mapping_is_refused_plain_memory_does(monkeypatch):
    def refuse(*_):
        raise OSError(1, "Operation not permitted")

    for name in ("map_file_twice", "remap_twice", "map_section_twice"):
        monkeypatch.setattr(mirror_room, name, refuse)
    with MirroredBuffer(4096) as buffer:
        assert not buffer.is_mirrored
        assert buffer.refusal == "Operation not permitted"
        assert buffer.window(buffer.size - 1, 2).tolist() == [0, 0]
        with pytest.raises(UsageError, match="no file to share"):
            buffer.fileno()


@linux
def test_memory_of_another_that_cannot_be_mapped_is_told(tmp_path):
    """A file that was opened for reading only: neither half of it is left mapped."""
    (tmp_path / "read").write_bytes(bytes(mirror_room.granularity()))
    before = mappings()
    with (tmp_path / "read").open("rb") as file:
        with pytest.raises(PermissionError):
            mirror_room.map_file_twice(file.fileno(), mirror_room.granularity())
        with pytest.raises(MemoryRefused):
            MirroredBuffer.from_fd(file.fileno())
    assert mappings() == before


@linux
def test_another_process_sees_the_same_memory():
    program = """
    import sys, numpy
    from zerocross.memory import MirroredBuffer
    buffer = MirroredBuffer.from_fd(int(sys.argv[1]))
    window = buffer.window(buffer.size // 4 - 2, 4, numpy.float32)
    assert window.tolist() == [1, 2, 3, 4], window
    window[:] = [5, 6, 7, 8]
    """
    with MirroredBuffer(4096) as buffer:
        buffer.window(buffer.size // 4 - 2, 4, np.float32)[:] = [1, 2, 3, 4]
        subprocess.run(
            [sys.executable, "-c", textwrap.dedent(program), str(buffer.fileno())],
            pass_fds=[buffer.fileno()],
            check=True,
        )
        assert buffer.whole(np.float32)[:2].tolist() == [7, 8]


# --- arena ------------------------------------------------------------------------------------


@entry("int64", "int64", "int64", "int64")
def _take(arena_address, out, floats, rounds):
    """Take arrays of every kind, write all of them, and note where they lie."""
    arena, places = record_at(arena_address, ARENA), int64_array(out, 4)
    for _ in range(rounds):
        arena_reset(arena)
        a = scratch_float32(arena, floats)
        b = scratch_float64(arena, 7)
        c = scratch_int64(arena, 3)
        d = scratch_rows(arena, 2, floats)
        for i in range(floats):
            a[i] = d[0, i] = d[1, i] = np.float32(i)
        b[6] = 0.5
        c[2] = 1
        places[0], places[1], places[2], places[3] = a.size, b.size, c.size, d.size
        if a[floats - 1] != d[1, floats - 1] or b[6] + c[2] != 1.5:
            return -1
    return arena.used


@entry("int64", "int64")
def _take_too_much(arena_address, floats):
    arena = record_at(arena_address, ARENA)
    return attempt(_just_take, arena, floats)


@zerocross.compiler.kernel
def _just_take(arena, floats):
    scratch_float32(arena, 10)
    scratch_float32(arena, floats)[floats - 1] = np.float32(1.0)


def test_an_arena_gives_aligned_scratch_and_takes_it_back():
    arena, sizes = Arena(20_000), np.zeros(4, np.int64)
    used = _take(arena.record.address, sizes.ctypes.data, 1000, 5)
    assert sizes.tolist() == [1000, 7, 3, 2000]
    assert used == arena.high_water == 4032 + 64 + 64 + 8000
    assert arena.needed == 0
    assert int(arena.record["resets"]) == 5


def test_an_arena_has_at_least_a_byte():
    for size in (0, -1):
        with pytest.raises(UsageError, match=f"arena of {size} bytes: give 1 or more"):
            Arena(size)
    assert Arena(1).size == 1


def test_what_does_not_fit_is_a_fault_that_names_the_size():
    arena = Arena(4096)
    assert _take_too_much(arena.record.address, 1100) != 0
    assert arena.needed == 64 + 4400
    assert arena.high_water == 40
    enough = Arena(arena.needed)
    assert _take_too_much(enough.record.address, 1100) == 0


def test_every_thread_has_its_own_arena():
    mine, found = thread_arena(1000), []
    assert thread_arena(500) is mine
    assert thread_arena(4 << 20).size == 4 << 20
    other = threading.Thread(target=lambda: found.append(thread_arena(1000)))
    other.start()
    other.join()
    assert found[0].record.address != mine.record.address


# --- copies -----------------------------------------------------------------------------------


@entry("int64", "int64", "int64")
def _copy(target, source, samples):
    copy_samples(float32_array(target, samples + 1), float32_array(source, samples), samples)


def test_every_sample_is_copied_and_no_more():
    source = np.arange(1, 301, dtype=np.float32)
    for samples in range(300):
        target = np.zeros(301, np.float32)
        _copy(target.ctypes.data, source.ctypes.data, samples)
        assert np.array_equal(target[:samples], source[:samples])
        assert not target[samples:].any()


# --- pool -------------------------------------------------------------------------------------


class PoolAgainstASet(RuleBasedStateMachine):
    """Whatever is done, a pool and a set of free buffers agree."""

    @initialize(buffers=st.sampled_from([1, 2, 5, 16, 17, 40]))
    def make(self, buffers):
        self.pool, self.out, self.buffers = BufferPool(buffers, 8, 2, "error"), {}, buffers
        self.saved = self.misses = self.most = 0

    @rule()
    def acquire(self):
        if len(self.out) == self.buffers:
            with pytest.raises(PoolEmpty):
                self.pool.acquire()
            self.misses += 1
            return
        buffer = self.pool.acquire()
        assert buffer.index not in self.out
        buffer.array[:] = buffer.index
        self.out[buffer.index] = buffer
        self.saved += 1
        self.most = max(self.most, len(self.out))

    @precondition(lambda self: getattr(self, "out", None))
    @rule(data=st.data())
    def release(self, data):
        index = data.draw(st.sampled_from(sorted(self.out)))
        buffer = self.out.pop(index)
        assert (buffer.array == index).all(), "nobody else wrote to it"
        buffer.release()
        with pytest.raises(UsageError, match="released already"):
            buffer.release()

    @invariant()
    def counts_agree(self):
        if hasattr(self, "pool"):
            stats = self.pool.stats()
            assert stats.in_use == len(self.out)
            assert stats.available == self.buffers - len(self.out)
            assert (stats.allocations_saved, stats.misses) == (self.saved, self.misses)
            assert stats.high_water == self.most
            assert stats.cache_hits <= stats.allocations_saved


TestPoolAgainstASet = PoolAgainstASet.TestCase
TestPoolAgainstASet.settings = settings(max_examples=40, stateful_step_count=60, deadline=None)


def test_the_pool_as_documented():
    pool = BufferPool()
    assert (pool.buffers, pool.frames) == (16, 1024)
    with pool.acquire() as buffer:
        assert buffer.array.shape == (1, 1024)
        assert buffer.array.ctypes.data % 64 == 0
    with pool.acquire():
        pass
    assert str(pool.stats()) == (
        "16 buffers available, 0 in use (at most 1), 2 allocations saved, 1 cache hits, 0 misses"
    )
    small = BufferPool(1)
    with small.acquire(), small.acquire() as extra:
        assert extra.index == -1
        assert extra.array.shape == (1, 1024)
    assert small.stats().misses == 1
    with pytest.raises(UsageError, match="another pool"):
        small.release(pool.acquire())
    address = small.record.address
    assert pool_give(address, 0) == DOUBLE_RELEASE
    assert pool_give(address, 1) == pool_give(address, -1) == FOREIGN_RELEASE
    assert int(small.record["refused"]) == 3
    for wrong in ({"buffers": 0}, {"frames": 0}, {"on_empty": "wait"}, {"buffers": 5000}):
        with pytest.raises(UsageError):
            BufferPool(**wrong)


@entry("int64", "int64", "int64")
def _work(pool_address, stamp, times):
    """Take up to three buffers, sign them, and see that the signature stays."""
    pool = record_at(pool_address, POOL)
    wrong = 0
    for k in range(times):
        first, second = pool_acquire(pool), pool_acquire(pool)
        for index in (first, second):
            if index >= 0:
                pool_buffer(pool, index)[0, 0] = np.float32(stamp)
        for _ in range(k % 7):
            wrong += 0 * load_acquire(pool, "misses")
        for index in (first, second):
            if index >= 0:
                wrong += pool_buffer(pool, index)[0, 0] != np.float32(stamp)
                wrong += pool_release(pool, index)
    return wrong


@entry("int64", "int64", "int64")
def _work_without_exchange(pool_address, stamp, times):
    """The planted fault: the word is loaded and stored, not exchanged."""
    pool = record_at(pool_address, POOL)
    wrong = 0
    for _ in range(times):
        word = record_at(pool.words, _WORD)
        state = load_acquire(word, "state")
        bit = state & -state
        if state & 0xFFFF:
            store_release(word, "state", state - bit + 0x10000)
            index = _bits(bit - 1)
            pool_buffer(pool, index)[0, 0] = np.float32(stamp)
            wrong += pool_buffer(pool, index)[0, 0] != np.float32(stamp)
            wrong += pool_release(pool, index)
    return wrong


def work_together(worker, buffers, times, threads=4):
    pool, wrong = BufferPool(buffers, 16), []
    _ = worker.address
    workers = [
        threading.Thread(target=lambda n=n: wrong.append(worker(pool.record.address, n + 1, times)))
        for n in range(threads)
    ]
    for thread in workers:
        thread.start()
    for thread in workers:
        thread.join()
    return sum(wrong), pool.stats()


@pytest.mark.parametrize("buffers", [1, 3, 16, 40])
def test_four_threads_never_hold_the_same_buffer(buffers):
    wrong, stats = work_together(_work, buffers, 100_000)
    assert wrong == 0
    assert (stats.available, stats.in_use) == (buffers, 0)
    assert stats.allocations_saved + stats.misses == 4 * 2 * 100_000
    assert 1 <= stats.high_water <= min(8, buffers)


def test_a_pool_without_its_exchange_is_caught():
    assert any(work_together(_work_without_exchange, 3, 200_000)[0] > 0 for _ in range(100))


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_four_threads_for_long():
    wrong, stats = work_together(_work, 5, 50_000_000)
    assert wrong == 0
    assert stats.in_use == 0


# --- records ----------------------------------------------------------------------------------


def layouts():
    """Return every record of the package that `layout` made, by name."""
    found = {}
    for module in pkgutil.walk_packages(zerocross.__path__, "zerocross."):
        if module.name.endswith("__main__") or ".peers." in module.name:
            continue  # peers are imported only where they are installed
        room = importlib.import_module(module.name)
        for name, value in vars(room).items():
            if isinstance(value, np.dtype) and "writers" in (value.metadata or {}):
                found[f"{module.name}.{name}"] = value
    return found


def test_no_line_of_any_record_has_two_writers():
    found = layouts()
    assert len(found) >= 8
    for name, dtype in found.items():
        assert audit(dtype).contested == {}, f"{name}\n{audit(dtype)}"


def test_the_audit_prints_and_finds_what_is_wrong():
    text = str(audit(DECODER))
    assert "sources_written" in text and "control" in text and "two writers" not in text
    packed = np.dtype([("read", "i8"), ("write", "i8")])
    report = audit(packed, {"read": "audio", "write": "decode"})
    assert report.contested == {0: {"audio", "decode"}}
    assert str(report).count("<- two writers") == 2
    assert audit(layout(a=["x"], b=["y"])).contested == {}
    assert LINE % 64 == 0


def test_layouts_are_the_same_on_other_machines():
    """Shipped code has them built in; it may have been compiled on another machine."""
    code = "import platform; platform.machine = lambda: 'aarch64'; "
    code += "from zerocross.engine.layouts import STREAM as s; print(s.itemsize, s.fields)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"{STREAM.itemsize} {STREAM.fields}\n"


def test_stream_groups_are_apart():
    for dtype in (STREAM, TRANSPORT):
        assert {row.writer for row in audit(dtype).fields} == {"setup", "control", "audio"}
    assert {row.writer for row in audit(CLIENT).fields} == {"setup", "gate", "audio", "notice"}


# --- nodes and threads ------------------------------------------------------------------------


def test_cpu_lists():
    assert parse_cpu_list("0-3,8,10-11\n") == {0, 1, 2, 3, 8, 10, 11}
    assert parse_cpu_list("\n") == set()


def test_two_nodes_are_read(tmp_path):
    for number, cpus in ((0, "0-3"), (1, "4-7,12")):
        folder = tmp_path / f"node{number}"
        folder.mkdir()
        (folder / "cpulist").write_text(cpus + "\n")
        (folder / "meminfo").write_text(f"Node {number} MemTotal:       1024 kB\n")
    nodes = topology(tmp_path)
    assert [node.number for node in nodes] == [0, 1]
    assert nodes[1].cpus == {4, 5, 6, 7, 12}
    assert nodes[0].memory_bytes == 1 << 20
    assert node_of_cpu(12, nodes) == 1
    assert node_of_cpu(99, nodes) == 0
    assert len(topology(tmp_path / "nowhere")) == 1


@linux
def test_memory_is_bound_where_there_is_a_choice():
    here = Node(0, frozenset(range(4096)))
    with AlignedBuffer(100_000) as buffer:
        region = (buffer.address, buffer.nbytes)
        assert place_here([region], (here,)) == []
        (grant,) = place_here([region], (here, Node(1, frozenset())))
        bound = is_bound(buffer.address)
    assert grant.what == "memory on node 0"
    assert grant.granted == bound
    assert ("read back" if bound else "first touch") in grant.detail


@linux
def test_threads_are_pinned_and_it_is_read_back():
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        wait_for(lambda: thread.native_id)
        cpu = min(os.sched_getaffinity(0))
        grant = pin(thread, [cpu])
        assert grant.granted, grant
        assert os.sched_getaffinity(thread.native_id) == {cpu}
        assert "read back" in grant.detail
    finally:
        stop.set()
        thread.join()
    assert not pin(thread, [cpu]).granted


# --- nothing leaks ----------------------------------------------------------------------------


def mappings():
    return len(Path("/proc/self/maps").read_text().splitlines())


def descriptors():
    return len(os.listdir("/proc/self/fd"))


def open_and_close(cycles):
    for _ in range(cycles):
        stream = FileStream(48_000)
        stream.start_decoding()
        stream.close()
        with AlignedBuffer(10_000, lock=True), MirroredBuffer(10_000):
            pass
    del stream
    gc.collect()


@linux
@pytest.mark.parametrize("cycles", [50, pytest.param(1000, marks=pytest.mark.soak)])
@pytest.mark.thorough
def test_opening_and_closing_leaves_nothing(cycles):
    open_and_close(10)
    resident = resident_kib()
    before = descriptors(), mappings()
    open_and_close(cycles)
    assert descriptors() == before[0]
    assert mappings() <= before[1] + 8
    assert resident_kib() <= resident + 8192


def resident_kib():
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


def test_what_an_arena_gave_at_most_is_kept_through_smaller_rounds():
    arena, sizes = Arena(20_000), np.zeros(4, np.int64)
    most = _take(arena.record.address, sizes.ctypes.data, 1000, 1)
    assert _take(arena.record.address, sizes.ctypes.data, 10, 1) < most
    assert arena.high_water == most


@pytest.mark.parametrize(("size", "item_bytes"), [(0, 4), (4096, 0), (-1, 1)])
def test_a_mirrored_buffer_of_nothing_is_refused(size, item_bytes):
    with pytest.raises(UsageError, match="give 1 or more"):
        MirroredBuffer(size, item_bytes)


class _Slow:
    def __init__(self):
        self.told = []

    def hush(self):
        self.told.append("hush")

    def close_at_exit(self):
        self.told.append("close")


def test_what_there_is_no_time_to_close_is_kept(monkeypatch):
    """Somebody else's thread may look at it to the end of the process."""
    slow, kept = _Slow(), []
    closer = closing._Closer()
    closer.running = [slow]
    monkeypatch.setattr(closing, "_closer", closer)
    monkeypatch.setattr(closing, "_EXIT_PATIENCE_S", 0.0)
    monkeypatch.setattr(closing, "keep_for_ever", kept.append)
    closing._close_all()
    assert kept == [slow] and slow.told == ["hush"]
