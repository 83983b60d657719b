"""Ring and latest value: against a deque, between two threads, and with planted faults."""

from __future__ import annotations

import threading
from collections import deque

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from zerocross.compiler import (
    entry,
    int64_array,
    kernel,
    load_acquire,
    record_at,
    store_release,
    target,
)
from zerocross.errors import UsageError
from zerocross.sync import Latest, Ring
from zerocross.sync.latest import LATEST, latest_begin, latest_end
from zerocross.sync.ring import RING, commit_read, commit_write, contiguous, readable, writable


class RingAgainstDeque(RuleBasedStateMachine):
    """Whatever is done, a ring and a bounded deque agree."""

    @initialize(capacity=st.sampled_from([1, 2, 3, 7, 64]), channels=st.sampled_from([1, 2, 6]))
    def make(self, capacity, channels):
        self.ring, self.model = Ring(capacity, channels), deque()
        self.capacity, self.channels, self.next = capacity, channels, 0.0

    def _fresh(self, frames):
        count = frames * self.channels
        data = np.arange(self.next, self.next + count, dtype=np.float32)
        return data.reshape(frames, self.channels)

    def _added(self, data):
        self.model.extend(data.tolist())
        self.next += data.size

    @rule(frames=st.integers(0, 100))
    def push(self, frames):
        data = self._fresh(frames)
        fitted = self.ring.push(data)
        assert fitted == min(frames, self.capacity - len(self.model))
        self._added(data[:fitted])

    @rule(frames=st.integers(0, 100))
    def pop(self, frames):
        got = self.ring.pop(frames)
        assert len(got) == min(frames, len(self.model))
        assert got.tolist() == [self.model.popleft() for _ in range(len(got))]

    @rule(frames=st.integers(0, 100), share=st.floats(0, 1))
    def write_chunk(self, frames, share):
        chunk = self.ring.write_chunk(frames)
        assert len(chunk) <= min(frames, self.capacity - len(self.model))
        used = int(len(chunk) * share)
        data = self._fresh(used)
        chunk.frames[:used] = data
        chunk.commit(used)
        self._added(data)

    @rule(frames=st.integers(0, 100))
    def read_chunk(self, frames):
        chunk = self.ring.read_chunk(frames)
        assert (len(chunk) > 0) == (min(frames, len(self.model)) > 0)
        assert chunk.frames.tolist() == [self.model.popleft() for _ in range(len(chunk))]
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


@entry("int64", "int64", "int64")
def _produce(address, total, chunk_frames):
    ring = record_at(address, RING)
    done = 0
    while done < total:
        free = min(min(writable(ring), chunk_frames), total - done)
        if free > 0:
            out = contiguous(ring, ring.write, free)
            for i in range(out.size):
                out[i] = _stamp(done + i)
            done += out.size
            commit_write(ring, out.size)
    return done


@entry("int64", "int64", "int64")
def _produce_too_early(address, total, chunk_frames):
    """The planted fault: the index is published before the data."""
    ring = record_at(address, RING)
    done = 0
    while done < total:
        free = min(min(writable(ring), chunk_frames), total - done)
        if free > 0:
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
    done = 0
    wrong = 0
    while done < total:
        there = min(readable(ring), chunk_frames)
        if there > 0:
            chunk = contiguous(ring, ring.read, there)
            for i in range(chunk.size):
                wrong += chunk[i] != _stamp(done + i)
            done += chunk.size
            commit_read(ring, chunk.size)
    return wrong


def run_pair(producer, capacity, chunk, total):
    ring = Ring(capacity, 1)
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


@pytest.mark.parametrize("capacity", CAPACITIES)
def test_two_threads_lose_and_tear_nothing(capacity):
    for chunk in sorted({1, 2, 3, capacity // 2 or 1, capacity}):
        total = 200_000 if capacity > 3 else 20_000
        assert run_pair(_produce, capacity, chunk, total) == 0


def test_an_index_published_before_the_data_is_caught():
    assert any(run_pair(_produce_too_early, 4096, 4096, 3_000_000) > 0 for _ in range(10))


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_two_threads_a_billion_samples():
    assert run_pair(_produce, 4096, 256, 1_000_000_000) == 0


def test_ring_orders_in_the_ir():
    ir = _produce.emit(target.host()).ir
    assert "load atomic i64" in ir and "acquire" in ir
    assert "store atomic i64" in ir and "release" in ir


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


def test_latest_without_its_sequence_is_torn():
    assert any(count_torn(_publish_unguarded, 2_000_000)[0] > 0 for _ in range(10))


def test_latest_whose_writer_died_says_so():
    latest = Latest("a")
    latest.record["sequence"] = 1
    with pytest.raises(RuntimeError, match="stopped in the middle"):
        latest.read()
