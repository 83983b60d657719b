"""Records as both worlds see them: which begin like another, and who really writes what."""

from __future__ import annotations

import importlib
import itertools
import pkgutil

import numpy as np
import pytest

import zerocross
from conftest import music, wait_for
from test_effects import EVERY
from zerocross import Chain, Player, Stream
from zerocross.compiler import (
    compare_exchange,
    entry,
    exchange,
    fetch_add,
    fetch_or,
    load_acquire,
    record_at,
    records_at,
    store_release,
)
from zerocross.effects import Gain, Oscillator
from zerocross.graph.event import HEAD
from zerocross.memory import Record, layout
from zerocross.memory.record import _CELL


def layouts():
    """Return every structured dtype that a module of the package names, by module and name."""
    found = {}
    for module in pkgutil.walk_packages(zerocross.__path__, "zerocross."):
        if not (module.name.endswith("__main__") or ".peers." in module.name):
            for name, value in vars(importlib.import_module(module.name)).items():
                if isinstance(value, np.dtype) and value.names:
                    found.setdefault(id(value), (f"{module.name}.{name}", value))
    return dict(found.values())


def places(dtype):
    """Return type and offset of each field, in order of place."""
    return sorted(
        ((dtype.fields[n][1], dtype.fields[n][0]) for n in dtype.names), key=lambda p: p[0]
    )


def begins_like(dtype, head):
    return places(dtype)[: len(head.names)] == places(head)


# --- layouts that are read as another -------------------------------------------------------------


@pytest.mark.thorough
@pytest.mark.parametrize("name", EVERY)
def test_every_processors_record_begins_like_the_head(name):
    """The program finds a processor's queue without knowing its record."""
    made = EVERY[name]()
    Chain(made).prepare(48_000, 2)
    dtype = made.record.dtype
    assert begins_like(dtype, HEAD)
    queue = dtype.fields["_queue"]
    assert queue == HEAD.fields["queue"]
    assert dtype.names[0] != "_queue", "the mark comes first: it tells records apart"


def test_a_record_that_begins_otherwise_is_told():
    assert not begins_like(layout(control=["mark"], audio=["queue"]), HEAD)
    assert not begins_like(np.dtype([("mark", "f8"), ("queue", "i8")]), HEAD)
    assert begins_like(layout(control=["a", "b", "c"]), HEAD)


def test_no_layout_begins_like_another_by_chance():
    """Numba takes a record that begins with all fields of another for a kind of it."""
    every = layouts()
    assert len(every) > 15
    for (one, a), (other, b) in itertools.permutations(every.items(), 2):
        head = [(n, a.fields[n]) for n in a.names]
        assert [(n, b.fields[n]) for n in b.names[: len(a.names)]] != head, f"{one}, {other}"


def test_what_is_stored_in_order_is_an_int64_in_place():
    """`Record.store` writes through a record of one number."""
    assert places(_CELL) == [(0, np.dtype("i8"))]
    record = Record(layout(control=["first", ("level", "f8"), "second"], audio=["third"]))
    for value, field in enumerate(("first", "second", "third"), 5):
        record.store(field, value)
        assert record.load(field) == int(record[field]) == value
    assert record["level"] == 0.0


# --- by address -----------------------------------------------------------------------------------

_PAIR = layout(control=["n"], audio=["word", ("x", "f8")])


def _atomics(address, count):
    """Every atomic once; what each gave and left is added up with a weight of its own."""
    pair = record_at(address, _PAIR)
    store_release(pair, "word", 12)
    total = load_acquire(pair, "word")
    total += 100 * fetch_or(pair, "word", 3) + 10_000 * pair.word
    total += 1_000_000 * fetch_add(pair, "word", -5) + 100_000_000 * pair.word
    total += 10**10 * exchange(pair, "word", 7) + 10**12 * pair.word
    total += 10**13 * compare_exchange(pair, "word", 6, 1) + 10**14 * pair.word
    total += 10**15 * compare_exchange(pair, "word", 7, 2) + 10**16 * pair.word
    every = records_at(address, count, _PAIR)
    for i in range(count):
        total += 10**17 * every[i].n
    return total


_compiled_atomics = entry("int64", "int64")(_atomics)


@pytest.mark.parametrize("run", [_atomics, _compiled_atomics], ids=["plain", "compiled"])
def test_atomics_and_records_in_plain_python_and_compiled(run):
    made = Record(_PAIR, 3)
    for k in range(3):
        made.item(k)["n"] = k + 1
    expected = 12 + 100 * 12 + 10_000 * 15 + 1_000_000 * 15 + 100_000_000 * 10
    expected += 10**10 * 10 + 10**12 * 7 + 10**14 * 7 + 10**15 + 10**16 * 2 + 10**17 * 6
    assert run(made.address, 3) == expected


# --- who writes -----------------------------------------------------------------------------------

#: Fields of the audio thread and of the device that Python writes all the same, and when it may.
PYTHONS_TOO = {
    "low_water_frames": "as the stream is made: there is no thread yet",
    "lead_frames": "before the device that it is for is started, when the one before was stopped",
    "last_ns": "before a device is started: the time without a device is no gap",
    "thread": "before a device is started: it has another thread",
    "frames": "the clock of a chain that nothing plays: it begins anew",
}


@pytest.fixture
def written(monkeypatch):
    """Note what Python writes to shared records: the writer that the layout names, and the field.

    The record of a processor is left out: it is filled before the processor is first run.
    """
    found = set()

    def note(record, field):
        if "_queue" not in record.dtype.names:
            found.add((record.dtype.metadata["writers"][field], field))

    def wrap(name, fields):
        plain = getattr(Record, name)

        def noted(self, *arguments, **named):
            for field in fields(*arguments, **named):
                note(self, field)
            return plain(self, *arguments, **named)

        monkeypatch.setattr(Record, name, noted)

    wrap("__setitem__", lambda field, _value: [field])
    wrap("store", lambda field, _value: [field])
    wrap("fill", lambda **values: list(values))
    return found


@pytest.mark.thorough
def test_python_writes_what_is_pythons(written, make_file):
    path, _ = make_file(frames=96_000)
    with Player("null", block_size=64, effects=Chain(Gain())) as player:
        player.play(path)
        wait_for(lambda: player.position > 0.1)
        player.volume = 0.5
        player.mute = True
        player.seek(1.0)
        player.pause()
        player.resume()
        player.stop()
    with Stream(Chain(Oscillator(), Gain()), device="null") as stream:
        wait_for(lambda: stream.report()["callbacks"] > 3)
    with zerocross.callback(Chain(Gain())):
        pass
    Chain(Gain()).render(music(1000), 48_000)
    pythons = {field for writer, field in written if writer in {"setup", "control"}}
    assert {"ring", "volume", "muted", "playing", "epoch", "program"} <= pythons
    others = {field for writer, field in written if writer not in {"setup", "control"}}
    assert others == set(PYTHONS_TOO)


def test_a_write_to_what_is_not_pythons_is_noted(written):
    record = Record(layout(control=["a"], audio=["b", "c"]))
    record["a"], record["b"] = 1, 2
    record.store("c", 3)
    record.fill(b=4)
    assert written == {("control", "a"), ("audio", "b"), ("audio", "c")}
