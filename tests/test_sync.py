"""Ring, latest value and signal: against a deque, between two threads, and with planted faults."""

from __future__ import annotations

import ctypes
import threading
import time
from collections import deque

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from conftest import wait_for
from zerocross.compiler import (
    entry,
    external,
    float32_array,
    float32_rows,
    int64_array,
    kernel,
    load_acquire,
    provide,
    record_at,
    store_release,
    target,
)
from zerocross.errors import UsageError
from zerocross.memory import AlignedBuffer
from zerocross.sync import Latest, Mutex, Ring, Signal, Tap
from zerocross.sync.latest import LATEST, latest_begin, latest_end
from zerocross.sync.mutex import MUTEX, give_mutex, take_mutex
from zerocross.sync.ring import (
    RING,
    commit_read,
    commit_write,
    contiguous,
    pop_frames,
    push_frames,
    readable,
    ring_pop,
    ring_push,
    writable,
)
from zerocross.sync.signal import FOR_EVER, SIGNAL, signal_count, signal_raise, signal_wait
from zerocross.sync.tap import TAP, tap_is_intact, tap_push, tap_window, tap_write


class RingAgainstDeque(RuleBasedStateMachine):
    """Whatever is done, a ring and a bounded deque agree."""

    @initialize(
        capacity=st.sampled_from([1, 2, 3, 7, 64, 1024]),
        channels=st.sampled_from([1, 2, 6]),
        mirrored=st.booleans(),
        start=st.sampled_from([0, 500, 1020]),
    )
    def make(self, capacity, channels, mirrored, start):
        self.ring, self.model = Ring(capacity, channels, mirrored=mirrored), deque()
        assert self.ring.is_mirrored == mirrored
        for field in ("write", "read", "read_seen", "write_seen"):
            self.ring.record[field] = start
        self.capacity, self.channels, self.next = capacity, channels, 0.0
        self.indices = {"write": start, "read": start}

    def _fresh(self, frames):
        count = frames * self.channels
        data = np.arange(self.next, self.next + count, dtype=np.float32)
        return data.reshape(frames, self.channels)

    def _in_one_piece(self, index, frames):
        """All of them in mirrored memory, else as many as there are before its end."""
        if self.ring.is_mirrored:
            return frames
        there = self.ring.region[1] // (4 * self.channels)
        return min(frames, there - self.indices[index] % there)

    def _added(self, data):
        self.model.extend(data.tolist())
        self.indices["write"] += len(data)
        self.next += data.size

    @rule(frames=st.integers(0, 1100))
    def push(self, frames):
        data = self._fresh(frames)
        fitted = self.ring.push(data)
        assert fitted == min(frames, self.capacity - len(self.model))
        self._added(data[:fitted])

    @rule(frames=st.integers(0, 1100))
    def pop(self, frames):
        got = self.ring.pop(frames)
        assert len(got) == min(frames, len(self.model))
        assert got.tolist() == [self.model.popleft() for _ in range(len(got))]
        self.indices["read"] += len(got)

    @rule(frames=st.integers(0, 100), share=st.floats(0, 1))
    def write_chunk(self, frames, share):
        chunk = self.ring.write_chunk(frames)
        most = min(frames, self.capacity - len(self.model))
        assert len(chunk) == self._in_one_piece("write", most)
        used = int(len(chunk) * share)
        data = self._fresh(used)
        chunk.frames[:used] = data
        chunk.commit(used)
        self._added(data)

    @rule(frames=st.integers(0, 100))
    def read_chunk(self, frames):
        chunk = self.ring.read_chunk(frames)
        assert len(chunk) == self._in_one_piece("read", min(frames, len(self.model)))
        assert chunk.frames.tolist() == [self.model.popleft() for _ in range(len(chunk))]
        self.indices["read"] += len(chunk)
        chunk.commit()

    @invariant()
    def fills_agree(self):
        if hasattr(self, "ring"):
            assert self.ring.readable == len(self.model)
            assert self.ring.writable == self.capacity - len(self.model)


TestRingAgainstDeque = RingAgainstDeque.TestCase
TestRingAgainstDeque.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_a_ring_needs_room():
    with pytest.raises(UsageError, match="at least 1 frame"):
        Ring(0)


def test_a_chunk_commits_once():
    ring = Ring(8)
    chunk = ring.write_chunk(5)
    chunk.commit(3)
    with pytest.raises(UsageError):
        chunk.commit(2)
    assert ring.readable == 3


# --- two threads ------------------------------------------------------------------------------


@kernel
def _stamp(index):
    """A value that float32 holds exactly, and that differs between neighbours and laps."""
    return np.float32(index % 16_777_213)


#: Lets the other thread on where both have one core: the threads below wait by looking again.
yield_core = external("sched_yield", "l", lambda _: time.sleep(0))


@pytest.fixture(autouse=True, scope="module")
def _linker_knows_yield():
    provide("sched_yield", ctypes.cast(ctypes.CDLL(None).sched_yield, ctypes.c_void_p).value)


@kernel
def _look_again(tries):
    if tries % 256 == 255:
        yield_core(0)
    return tries + 1


@entry("int64", "int64", "int64")
def _produce(address, total, chunk_frames):
    ring = record_at(address, RING)
    done = tries = 0
    while done < total:
        free = min(min(writable(ring), chunk_frames), total - done)
        if free == 0:
            tries = _look_again(tries)
        else:
            out = contiguous(ring, ring.write, free)
            for i in range(out.size):
                out[i] = _stamp(done + i)
            done += out.size
            commit_write(ring, out.size)
    return done


@entry("int64", "int64", "int64", "int64")
def _push_pieces(address, scratch, total, chunk_frames):
    """The same through the ring's own copy."""
    ring, source = record_at(address, RING), float32_array(scratch, chunk_frames)
    done = tries = 0
    while done < total:
        count = min(chunk_frames, total - done)
        for i in range(count):
            source[i] = _stamp(done + i)
        pushed = 0
        while pushed < count:
            more = push_frames(ring, source[pushed:], count - pushed)
            pushed += more
            if more == 0:
                tries = _look_again(tries)
        done += count
    return done


@entry("int64", "int64", "int64", "int64")
def _pop_pieces(address, scratch, total, chunk_frames):
    ring, target = record_at(address, RING), float32_array(scratch, chunk_frames)
    done = wrong = tries = 0
    while done < total:
        got = pop_frames(ring, target, min(chunk_frames, total - done))
        if got == 0:
            tries = _look_again(tries)
        for i in range(got):
            wrong += target[i] != _stamp(done + i)
        done += got
    return wrong


@entry("int64", "int64", "int64")
def _produce_too_early(address, total, chunk_frames):
    """The planted fault: the index is published before the data."""
    ring = record_at(address, RING)
    done = tries = 0
    while done < total:
        free = min(min(writable(ring), chunk_frames), total - done)
        if free == 0:
            tries = _look_again(tries)
        else:
            out = contiguous(ring, ring.write, free)
            store_release(ring, "write", ring.write + out.size)
            for i in range(out.size):
                out[i] = _stamp(done + i)
            done += out.size
    return done


@entry("int64", "int64", "int64")
def _consume(address, total, chunk_frames):
    """Read everything; returns how many samples were not what they should be."""
    ring = record_at(address, RING)
    done = wrong = tries = 0
    while done < total:
        there = min(readable(ring), chunk_frames)
        if there == 0:
            tries = _look_again(tries)
        else:
            chunk = contiguous(ring, ring.read, there)
            for i in range(chunk.size):
                wrong += chunk[i] != _stamp(done + i)
            done += chunk.size
            commit_read(ring, chunk.size)
    return wrong


def run_pair(producer, capacity, chunk, total, mirrored=True):
    ring = Ring(capacity, 1, mirrored=mirrored)
    address = ring.record.address
    for item in (producer, _consume):
        _ = item.address
    wrong = []
    reader = threading.Thread(target=lambda: wrong.append(_consume(address, total, chunk)))
    reader.start()
    producer(address, total, chunk)
    reader.join()
    assert ring.readable == 0
    return wrong[0]


CAPACITIES = [1, 2, 3, 64, 4096]


def run_copies(capacity, chunk, total, mirrored=True):
    ring, wrong = Ring(capacity, 1, mirrored=mirrored), []
    give, take = np.zeros(chunk, np.float32), np.zeros(chunk, np.float32)
    address = ring.record.address
    for item in (_push_pieces, _pop_pieces):
        _ = item.address
    reader = threading.Thread(
        target=lambda: wrong.append(_pop_pieces(address, take.ctypes.data, total, chunk))
    )
    reader.start()
    _push_pieces(address, give.ctypes.data, total, chunk)
    reader.join()
    return wrong[0]


@pytest.mark.parametrize("mirrored", [True, False])
@pytest.mark.parametrize("capacity", CAPACITIES)
def test_two_threads_lose_and_tear_nothing(capacity, mirrored):
    chunks = range(1, capacity + 1) if capacity <= 64 else (1, 2, 3, 333, 2048, 4095, 4096)
    for chunk in chunks:
        total = {64: 50_000, 4096: 200_000}.get(capacity, 5_000)
        assert run_pair(_produce, capacity, chunk, total, mirrored) == 0
        assert run_copies(capacity, chunk, total, mirrored) == 0


def sooner_or_later(happens):
    """Return whether something happens within a minute: two threads have to run at one moment."""
    deadline = time.monotonic() + 60
    while not happens():
        if time.monotonic() > deadline:
            return False
    return True


def test_an_index_published_before_the_data_is_caught():
    assert sooner_or_later(lambda: run_pair(_produce_too_early, 4096, 4096, 3_000_000) > 0)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_two_threads_a_billion_samples():
    assert run_pair(_produce, 4096, 256, 800_000_000) == 0
    for capacity in CAPACITIES:
        chunks = range(1, capacity + 1) if capacity <= 64 else range(1, capacity + 1, 127)
        for chunk in chunks:
            total = 500_000_000 // len(chunks) // (200 if capacity < 64 else 5)
            assert run_copies(capacity, chunk, total) == 0


# --- latest -----------------------------------------------------------------------------------


@entry("int64", "int64")
def _publish_many(address, count):
    latest = record_at(address, LATEST)
    for n in range(1, count + 1):
        words = latest_begin(latest)
        for i in range(words.size):
            words[i] = n
        latest_end(latest)
    return count


@entry("int64", "int64")
def _publish_unguarded(address, count):
    """The planted fault: the words are written outside the sequence."""
    latest = record_at(address, LATEST)
    for n in range(1, count + 1):
        words = latest.words
        for i in range(words.size):
            words[i] = n
        store_release(latest, "sequence", latest.sequence + 2)
    return count


@entry("int64", "int64", "int64")
def _watch(address, scratch, count):
    """Read until the last value; returns the number of torn snapshots."""
    latest = record_at(address, LATEST)
    copy = int64_array(scratch, 16)
    torn = 0
    while copy[0] < count:
        before = load_acquire(latest, "sequence")
        words = latest.words
        for i in range(words.size):
            copy[i] = words[i]
        if before % 2 == 0 and load_acquire(latest, "sequence") == before:
            for i in range(1, copy.size):
                if copy[i] != copy[0]:
                    torn += 1
                    break
    return torn


def count_torn(writer, count):
    latest = Latest(*"abcdefghijklmnop")
    scratch = np.zeros(16, np.int64)
    for item in (writer, _watch):
        _ = item.address
    torn = []
    reader = threading.Thread(
        target=lambda: torn.append(_watch(latest.record.address, scratch.ctypes.data, count))
    )
    reader.start()
    writer(latest.record.address, count)
    reader.join()
    return torn[0], latest


def test_latest_is_never_torn():
    torn, latest = count_torn(_publish_many, 2_000_000)
    assert torn == 0
    assert latest.read()["a"] == 2_000_000
    assert int(latest.record["sequence"]) == 2 * 2_000_000, "it only ever rises"


def test_latest_gives_what_was_written_last():
    latest = Latest("a", "b")
    for number in range(5):
        latest.record["words"][:2] = number, -number
        assert latest.read() == {"a": number, "b": -number}


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_latest_is_not_torn_in_a_hundred_million_writes():
    assert count_torn(_publish_many, 100_000_000)[0] == 0


def test_latest_without_its_sequence_is_torn():
    assert sooner_or_later(lambda: count_torn(_publish_unguarded, 2_000_000)[0] > 0)


def test_latest_whose_writer_died_says_so():
    latest = Latest("a")
    latest.record["sequence"] = 1
    with pytest.raises(RuntimeError, match="stopped in the middle"):
        latest.read()


# --- tap --------------------------------------------------------------------------------------


class TapAgainstAList(RuleBasedStateMachine):
    """Whatever is written, the last frames are the last frames."""

    @initialize(channels=st.integers(1, 3), mirrored=st.booleans())
    def make(self, channels, mirrored):
        self.tap, self.channels = Tap(1000, channels, mirrored=mirrored), channels
        self.model = np.zeros((channels, 0), np.float32)

    @rule(frames=st.sampled_from([0, 1, 7, 300, 999, 1024, 3000]))
    def push(self, frames):
        start = self.model.shape[1]
        rows = np.arange(start, start + frames) + 0.25 * np.arange(self.channels)[:, None]
        self.tap.push(rows)
        self.model = np.concatenate([self.model, rows.astype(np.float32)], axis=1)
        assert self.tap.written == self.model.shape[1]

    @rule(frames=st.integers(1, 1000), back=st.integers(0, 300))
    def read(self, frames, back):
        end = max(0, self.tap.written - back)
        if back + frames > self.tap.frames:
            return
        out = self.tap.read(frames, end)
        there = self.model[:, max(0, end - frames) : end]
        assert np.array_equal(out[:, frames - there.shape[1] :], there)
        assert not out[:, : frames - there.shape[1]].any()

    @rule(frames=st.integers(1, 1000), more=st.sampled_from([0, 1, 100, 1024]))
    def window(self, frames, more):
        if self.tap.written < frames:
            with pytest.raises(UsageError, match="has seen"):
                self.tap.window(frames)
            return
        window = self.tap.window(frames)
        expected = self.model[:, -frames:]
        assert all(map(np.array_equal, window.rows, expected))
        assert window.is_intact
        self.push(more)
        assert window.is_intact == (frames + more <= self.tap.frames)


TestTapAgainstAList = TapAgainstAList.TestCase
TestTapAgainstAList.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_a_window_of_a_tap_is_the_taps_own_memory():
    tap = Tap(1024, 1)
    tap.push(np.arange(1500)[None])
    window = tap.window(1024)
    assert tap.is_mirrored
    assert tap.record["is_mirrored"] == 1, "whole pieces are written, not sample by sample"
    assert window.start == 476
    assert window.rows[0].ctypes.data == tap.regions[0][0] + 4 * 476
    assert window.rows[0].tolist() == list(range(476, 1500))
    with pytest.raises(ValueError, match="read-only"):
        window.rows[0][0] = 1
    with pytest.raises(UsageError, match="keeps 1024"):
        tap.window(1025)
    with pytest.raises(UsageError, match="2 channels pushed"):
        tap.push(np.zeros((2, 5)))
    with pytest.raises(UsageError, match="at least 1"):
        Tap(0)


@entry("int64", "int64", "int64", "int64")
def _write_stamps(address, scratch, blocks, frames):
    tap, rows = record_at(address, TAP), float32_rows(scratch, 2, frames)
    for k in range(blocks):
        for i in range(frames):
            rows[0, i] = rows[1, i] = _stamp(k * frames + i)
        tap_write(tap, rows, frames)
    return blocks


@entry("int64", "int64", "int64", "int64")
def _watch_tap(address, counts, total, frames):
    """Look at windows that begin as far back as they may; count torn ones, told or not."""
    tap, found = record_at(address, TAP), int64_array(counts, 3)
    end = 0
    while end < total:
        end = load_acquire(tap, "write")
        if end < tap.frames:
            continue
        start = end - tap.frames
        torn = 0
        for c in range(2):
            window = tap_window(tap, c, start, frames)
            for i in range(frames):
                torn |= window[i] != _stamp(start + i)
        told = not tap_is_intact(tap, start)
        found[0] += 1
        found[1] += told
        found[2] += torn and not told
        if torn and told:
            found[1] += 1 << 32
    return 0


def watch_tap(blocks, frames=64, mirrored=True):
    tap = Tap(1024, 2, mirrored=mirrored)
    rows, counts = np.zeros((2, frames), np.float32), np.zeros(3, np.int64)
    address, total = tap.record.address, blocks * frames
    for item in (_write_stamps, _watch_tap):
        _ = item.address
    reader = threading.Thread(target=_watch_tap, args=(address, counts.ctypes.data, total, frames))
    reader.start()
    _write_stamps(address, rows.ctypes.data, blocks, frames)
    reader.join()
    return int(counts[0]), int(counts[1] & 0xFFFFFFFF), int(counts[1] >> 32), int(counts[2])


@pytest.mark.parametrize("mirrored", [True, False])
def test_a_reader_that_was_lapped_knows(mirrored):
    """And without the question (the planted fault) torn windows would have been taken."""
    torn_and_told = 0
    for _ in range(20):
        looked, told, torn, untold = watch_tap(100_000, mirrored=mirrored)
        assert untold == 0
        assert looked > 0
        torn_and_told += torn
        if torn_and_told and told:
            return
    pytest.fail("no window was torn: the test looked at nothing")


def test_tap_orders_in_the_ir():
    lines = [line.strip() for line in tap_push.emit(target.host()).ir.splitlines()]
    stores = [k for k, line in enumerate(lines) if line.startswith("store atomic")]
    fence = next(k for k, line in enumerate(lines) if line.startswith("fence release"))
    assert stores[0] < fence < stores[-1]
    assert all("release" in lines[k] for k in stores)


def test_a_users_ring_and_memory_together():
    """Real-time memory behind a ring of one's own: locked, and freed when told."""
    with AlignedBuffer((2, 480), lock=True) as block:
        ring = Ring(960)
        assert ring.push(np.ones((100, 2))) == 100
        block.array[:, :100] = ring.pop(100).T
        assert block.array.sum() == 200


def test_push_and_pop_are_one_copy():
    """In mirrored memory nothing branches on the end of the memory: whole chunks always."""
    ring = Ring(1024, 1)
    for field in ("write", "read", "read_seen", "write_seen"):
        ring.record[field] = 1000
    chunk = ring.write_chunk(1024)
    assert len(chunk) == 1024
    for item in (ring_push, ring_pop):
        assert item.verdict["calls"] == []


# --- a signal -------------------------------------------------------------------------------------

#: Longer than any wait that ends as it should.
_HANGS_US = 20_000_000


@entry("int64", "int64", "int64")
def _answer(asked_address, answered_address, rounds):
    """Wait for each question and answer it; returns how many came."""
    asked = record_at(asked_address, SIGNAL)
    answered = record_at(answered_address, SIGNAL)
    for k in range(rounds):
        if not signal_wait(asked, k, _HANGS_US):
            return k
        signal_raise(answered)
    return rounds


@entry("int64", "int64", "int64")
def _ask(asked_address, answered_address, rounds):
    """The other side."""
    asked = record_at(asked_address, SIGNAL)
    answered = record_at(answered_address, SIGNAL)
    for k in range(rounds):
        signal_raise(asked)
        if not signal_wait(answered, k, _HANGS_US):
            return k
    return rounds


def rounds_of(rounds, *, naps):
    """Let two compiled threads wait for each other, each in turn; returns how far they came."""
    asked, answered = Signal(), Signal()
    if naps:  # as where there is no futex
        asked.record["futex"] = answered.record["futex"] = 0
    ends = []
    addresses = asked.record.address, answered.record.address
    for each in (_ask, _answer):
        _ = each.address
    threads = [
        threading.Thread(target=lambda each=each: ends.append(each(*addresses, rounds)))
        for each in (_ask, _answer)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert asked.count == answered.count == rounds
    assert int(asked.record["word"]) % 2 == 0, "nobody waits any more"
    return ends


@pytest.mark.parametrize(("rounds", "naps"), [(100_000, False), (50, True)])
def test_no_raise_is_lost_between_two_threads(rounds, naps):
    assert rounds_of(rounds, naps=naps) == [rounds, rounds]


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_no_raise_is_lost_in_five_million_rounds():
    assert rounds_of(5_000_000, naps=False) == [5_000_000, 5_000_000]


@entry("int64", "int64", "int64")
def _look_and_wait(address, number_address, last):
    """Look for a number to rise, and wait where it has not; returns how often it waited too long."""
    signal, numbers = record_at(address, SIGNAL), int64_array(number_address, 2)
    late = 0
    for k in range(1, last + 1):
        while True:
            seen = signal_count(signal)
            if numbers[0] >= k:
                break
            if not signal_wait(signal, seen, _HANGS_US):
                late += 1
        numbers[1] = k
    return late


@entry("int64", "int64", "int64")
def _count_up(address, number_address, last):
    """Raise a number, and then the signal, whenever the other side has seen it."""
    signal, numbers = record_at(address, SIGNAL), int64_array(number_address, 2)
    for k in range(1, last + 1):
        numbers[0] = k
        signal_raise(signal)
        while signal_count(signal) > 0 and numbers[1] < k:
            continue
    return last


def test_what_is_told_between_the_look_and_the_wait_ends_the_wait():
    """The number is set by another thread at any moment of the look and of the wait."""
    signal, numbers = Signal(), np.zeros(2, np.int64)
    addresses = signal.record.address, numbers.ctypes.data
    late = []
    for each in (_look_and_wait, _count_up):
        _ = each.address
    looker = threading.Thread(target=lambda: late.append(_look_and_wait(*addresses, 20_000)))
    looker.start()
    _count_up(*addresses, 20_000)
    looker.join()
    assert late == [0]


def test_a_raise_before_the_look_does_not_end_a_wait_and_one_after_it_does():
    """The twin: who reads the count after the look has missed what came between."""
    signal = Signal()
    seen = signal.count
    signal.notify()
    assert signal.wait(seen)
    assert not signal.wait(signal.count, 0.01)
    assert not signal.wait(signal.count, 0.0)
    assert int(signal.record["word"]) == 2, "raised once, and nobody waits"


def test_waiting_from_python_holds_no_other_thread_up():
    signal, ended = Signal(), []
    thread = threading.Thread(target=lambda: ended.append(signal.wait(0)))
    thread.start()
    wait_for(lambda: int(signal.record["word"]) == 1, what="the thread to sleep")
    assert ended == []
    signal.notify()
    thread.join(10)
    assert ended == [True]


@entry("int64", "int64", "int64")
def _wait_as_compiled(address, seen, timeout_us):
    return 1 if signal_wait(record_at(address, SIGNAL), seen, timeout_us) else 0


@pytest.mark.parametrize("run", [_wait_as_compiled, _wait_as_compiled.kernel.function])
def test_a_wait_in_plain_python_and_compiled(run):
    signal = Signal()
    assert run(signal.record.address, 0, 1000) == 0
    signal.notify()
    assert run(signal.record.address, 0, FOR_EVER) == 1


# --- mutex --------------------------------------------------------------------------------------


@entry("int64", "int64", "int64")
def _count_alone(mutex_address: int, counter_address: int, times: int) -> None:
    mutex, counter = record_at(mutex_address, MUTEX), int64_array(counter_address, 1)
    for _ in range(times):
        take_mutex(mutex)
        counter[0] = counter[0] + 1
        give_mutex(mutex)


def test_a_mutex_is_held_by_one_at_a_time():
    mutex, counter = Mutex(), np.zeros(1, np.int64)
    _ = _count_alone.address
    arguments = (mutex.record.address, counter.ctypes.data, 100_000)
    threads = [threading.Thread(target=_count_alone, args=arguments) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(1000):
        with mutex:
            counter[0] += 1
    for thread in threads:
        thread.join()
    assert counter[0] == 201_000


def test_who_waits_for_a_mutex_holds_no_gil():
    mutex, taken = Mutex(), threading.Event()

    def take():
        with mutex:
            taken.set()

    with mutex:
        thread = threading.Thread(target=take)
        thread.start()
        assert not taken.wait(0.05)
    thread.join(30)
    assert taken.is_set()
