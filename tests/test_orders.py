"""Memory orders, counted in the code for AArch64, where each is an instruction of its own.

On x86-64 a plain store is a release and a plain load an acquire, so a kernel that forgot its order
works here and is torn elsewhere. Each entry is compiled for AArch64 without inlining, so that every
kernel stands by itself, and its acquiring loads (``ldar``), releasing stores (``stlr``) and fences
(``dmb``) are counted. A kernel that has any must be in the table, with the reason.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

import zerocross
from test_sync import _watch_tap
from zerocross import Chain
from zerocross.compiler import entry, record_at, target
from zerocross.compiler.entry import Entry
from zerocross.dsp.r128 import _measure
from zerocross.engine.callback import file_callback, live_callback
from zerocross.engine.decode import decode_loop
from zerocross.engine.feed_writer import end_feed, feed_frames, wait_for_feed
from zerocross.engine.feeding import add_feed
from zerocross.engine.intake import take_frames, take_input
from zerocross.engine.recorder import follow_tap
from zerocross.eq import Equalizer
from zerocross.eq.desk import design_bands
from zerocross.graph.program import run_block
from zerocross.lab.timer import BareTimer, _run_timer
from zerocross.memory.pool import pool_take
from zerocross.memory.record import shared_load, shared_store
from zerocross.sources.links import provide_libsndfile
from zerocross.sync.heard import heard_frame
from zerocross.sync.latest import latest_read
from zerocross.sync.ring import RING, readable, ring_pop, ring_push, writable
from zerocross.sync.signal import wait_for_signal
from zerocross.sync.tap import tap_begin, tap_push
from zerocross.terminal.visual.frames import show_frames

pytestmark = pytest.mark.thorough

#: Acquiring loads, releasing stores, and fences ("acquire" or "release") of every kernel that has
#: any. `python tests/test_orders.py` prints what is there now.
ORDERS = {
    # sync/ring: each side publishes its index after the samples, and loads the other's before them.
    "readable": (1, 0, ""),  # write, before the samples are read
    "writable": (1, 0, ""),  # read, before samples are overwritten
    "readable_of": (1, 0, ""),
    "writable_of": (1, 0, ""),
    "commit_write": (0, 1, ""),  # write, after the samples were written
    "commit_read": (0, 1, ""),  # read, after the samples were taken
    # sync/tap
    "tap_write": (0, 2, "release"),  # begin, then its fence, before the samples; write after them
    "tap_is_intact": (1, 0, "acquire"),  # the samples are read before begin is
    "tap_begin": (1, 0, "acquire"),
    # sync/latest: odd before the words (fence), even after them
    "latest_begin": (0, 0, "release"),
    "latest_end": (0, 1, ""),
    "latest_read": (2, 0, "acquire"),  # the sequence before the words, and after them
    # sync/signal: what was written before a raise is seen by who reads the count
    "signal_count": (1, 0, ""),
    # sync/mutex: what was written before it was given is seen by who takes it
    "give_mutex": (0, 1, ""),
    # memory
    "shared_load": (1, 0, ""),
    "shared_store": (0, 1, ""),
    "pool_acquire": (3, 0, ""),  # a word at first, again after a lost exchange; the first word
    "_note_high_water": (3, 0, ""),  # the other words; high_water at first and after a lost one
    # engine: the decode thread
    "decode_loop": (1, 1, ""),  # stop; wake_at, before it sleeps
    "_frame_to_wake_at": (1, 0, ""),  # sources_written
    # epoch before kept_serial, sources_written; reading_since before and after both works, starved
    "decode_step": (3, 6, ""),
    "decode_chunk": (1, 0, ""),  # kept_free, which the control thread takes away
    "frames_ahead": (1, 0, ""),  # kept_free
    "drop_old_sources": (0, 3, ""),  # starved, reading_since; epoch, after what belonged to it
    "pass_over_old_sources": (1, 1, ""),  # sources_written; sources_taken gives slots back
    "_marks_ahead": (1, 0, ""),  # marks_taken before a mark's slot is planned
    "_count_stale": (1, 0, ""),  # marks_taken
    "start_source": (0, 1, ""),  # sources_taken, after the slot was read
    "push_due_marks": (0, 1, ""),  # marks_written, after the mark
    "push_outcome": (0, 1, ""),  # outcomes_written, after the outcome
    # sources/window: between the decode thread and a filler
    "seek_window": (0, 2, ""),  # at, before asked tells the filler to look at it
    "read_window": (4, 1, ""),  # answered before all else, total before end; fill_at; at gives room
    "window_error": (1, 0, ""),
    # engine: the audio thread
    "_why_short": (
        4,
        0,
        "",
    ),  # starved, active and reading_since, of the decode thread; awaits_file
    "fetch": (2, 0, ""),  # epoch, playing
    "_is_wanted": (1, 0, ""),  # kept_serial, after the epoch that it belongs to
    "_marks_written": (1, 0, ""),  # before a mark is read
    "wake_decoder": (1, 0, ""),  # wake_at, of the decode thread
    "_tell": (1, 0, ""),  # tell_next, of the control thread
    "_jump": (1, 4, ""),  # write before marks_written; read and marks_taken on both ways
    "_take_mark": (0, 1, ""),  # marks_taken, after the mark was read: the slot is free
    "_process_block": (1, 0, ""),  # feed, before it is played
    # program and crossfade_frames, before it is run; fades before program_running: who finds the
    # new program running finds the old one fading; fades again, after the old one's last block
    "_run_chain": (2, 3, ""),
    "_fetch_input": (2, 0, ""),  # intake, before it is written to; is_heard
    # engine: what programs feed and read
    "add_feed": (2, 0, ""),  # end, wake_at, of the writer
    "_play_feed": (2, 0, ""),  # epoch; end, before the frames that it follows
    "_begins": (1, 0, ""),  # end, as above
    "_frames_here": (1, 0, ""),  # epoch_written, before its beginning
    "_jump_to_epoch": (2, 1, ""),  # write before epoch_written; read, what is dropped
    "_is_over": (2, 0, ""),  # epoch, closed, of the control thread
    "_begin_epoch": (0, 1, ""),  # epoch_written, after its beginning
    "_wait": (0, 2, ""),  # wake_at, before it sleeps and after
    "end_feed": (0, 1, ""),  # end, after the last frame
    "wait_for_feed": (1, 0, ""),  # read
    "take_input": (1, 0, ""),  # wake_at, of the reader
    "take_frames": (0, 2, ""),  # wake_at, before it sleeps and after
    "follow_tap": (1, 0, ""),  # stop, before the last look
    "_follow": (1, 0, ""),  # the tap's write, before its samples
    # terminal
    "frame_heard": (1, 0, ""),  # the tap's write, before its samples
    "show_frames": (2, 0, ""),  # halted, by whoever has or waits for the mutex; after it was given
    # graph
    "_run_node": (0, 2, ""),  # at_node, before the process and after it: told if it never returns
    "_fail": (0, 1, ""),  # faults, after the cause
    "_run_pieces": (1, 0, ""),  # the queue's address
    "take_due": (1, 0, ""),  # posted, before the events
    "frames_to_next": (1, 0, ""),
    # what others read while it runs
    "_end_piece": (1, 1, ""),  # count, after the piece's energy
    "design_bands": (
        0,
        2,
        "release",
    ),  # writing, then its fence, before the coefficients; version after
    "_take_posted": (2, 0, "acquire"),  # version before the coefficients, writing after them
    "_run_timer": (2, 0, ""),  # stop: a loop's condition is there twice
}


@entry("int64")
def _both_ends(address):
    ring = record_at(address, RING)
    return readable(ring) + writable(ring)


def _equaliser_entry():
    equaliser = Equalizer()
    Chain(equaliser).prepare(48_000, 2)
    return equaliser.entry


def _decode_entry():
    provide_libsndfile()
    return decode_loop


def _timer_entry():
    BareTimer(0.1).close()
    return _run_timer


#: Entries, as themselves or as functions that make them; together they hold all kernels above.
ENTRIES = {
    "ring_push": ring_push,
    "ring_pop": ring_pop,
    "both_ends": _both_ends,
    "tap_push": tap_push,
    "tap_begin": tap_begin,
    "tap_is_intact": _watch_tap,
    "latest_read": latest_read,
    "shared_load": shared_load,
    "shared_store": shared_store,
    "pool_take": pool_take,
    "loudness": _measure,
    "equaliser": _equaliser_entry,
    "design_bands": design_bands,
    "timer": _timer_entry,
    "wait_for_signal": wait_for_signal,
    "show_frames": show_frames,
    "decode": _decode_entry,
    "file_callback": file_callback,
    "live_callback": live_callback,
    "add_feed": add_feed,
    "feed_frames": feed_frames,
    "end_feed": end_feed,
    "wait_for_feed": wait_for_feed,
    "take_input": take_input,
    "take_frames": take_frames,
    "follow_tap": follow_tap,
    "run_block": run_block,
    "heard_frame": heard_frame,
}

_LOAD, _STORE = re.compile(r"\tldap?u?r\t"), re.compile(r"\tstlu?r\t")
_FENCES = {"ishld": "acquire", "ish": "release"}


def _assembly(made, monkeypatch):
    """Return an entry's code for AArch64, every kernel a function of its own."""

    def without_inlining(ir, chosen):
        # The processor's float mode is set by x86's own instructions, which are left out.
        kept = "\n".join(line for line in ir.splitlines() if "@llvm.x86.sse." not in line)
        module = target.llvm().parse_assembly(kept)
        module.triple = chosen.triple
        target.target_machine(chosen)  # AArch64 is known from here on
        machine = (
            target.llvm()
            .Target.from_triple(chosen.triple)
            .create_target_machine(cpu=chosen.cpu, features=chosen.features, opt=0)
        )
        module.data_layout = str(machine.target_data)
        return machine.emit_assembly(module)

    monkeypatch.setattr(target, "emit", without_inlining)
    return made.emit(target.level("neon"))


def orders_of(made, monkeypatch):
    """Return the orders of an entry's kernels that have some or should, by the kernel's name."""
    found, name = {}, ""
    counts = {}
    for line in _assembly(made, monkeypatch).splitlines():
        if label := re.match(r"([A-Za-z_$][\w.$]*):", line):
            name = label[1]
        counts.setdefault(name, [0, 0, ""])
        counts[name][0] += bool(_LOAD.search(line))
        counts[name][1] += bool(_STORE.search(line))
        if fence := re.search(r"\tdmb\t(\w+)", line):
            counts[name][2] = f"{counts[name][2]} {_FENCES[fence[1]]}".strip()
    for name, counted in counts.items():
        kernel = _kernel_of(name)
        if any(counted) or kernel in ORDERS:
            assert found.setdefault(kernel, tuple(counted)) == tuple(counted), name
    return found


def _kernel_of(symbol):
    """Return the last part of a mangled name: ``_ZN4sync4ring8readableB3v26...`` is readable."""
    rest, name = symbol.removeprefix("_ZN"), symbol
    while number := re.match(r"\d+", rest):
        length = int(number[0])
        name, rest = rest[number.end() :][:length], rest[number.end() + length :]
    return name


_found = {}


def _orders_in(name, monkeypatch):
    if name not in _found:
        made = ENTRIES[name]
        found = orders_of(made if isinstance(made, Entry) else made(), monkeypatch)
        found.pop("_watch_tap", None)  # the test's own
        _found[name] = found
    return _found[name]


@pytest.mark.parametrize("name", ENTRIES)
def test_every_kernel_has_its_orders(name, monkeypatch):
    found = _orders_in(name, monkeypatch)
    assert found, "an entry without any order need not be here"
    assert found == {kernel: ORDERS.get(kernel) for kernel in found}


def test_every_kernel_is_in_an_entry(monkeypatch):
    assert set().union(*(_orders_in(name, monkeypatch) for name in ENTRIES)) == set(ORDERS)


def test_a_forgotten_order_is_counted(monkeypatch):
    """The twin: the same kernel with and without."""

    @entry("int64")
    def _forgets(address):
        ring = record_at(address, RING)
        ring.write = ring.write + 1
        return readable(ring)

    assert orders_of(_forgets, monkeypatch) == {"readable": (1, 0, "")}


def _users_of_orders():
    """Return the kernels of the package that load, store or fence in order, by how often."""
    found = Counter()
    for path in Path(zerocross.__file__).parent.rglob("*.py"):
        if "primitives" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                called = [ast.unparse(n.func) for n in ast.walk(node) if isinstance(n, ast.Call)]
                if {"load_acquire", "store_release", "fence_acquire", "fence_release"} & {*called}:
                    found[node.name] += 1
    return found


def test_no_kernel_is_left_out():
    """A kernel that uses an order is in the table, and once: the counts go by its name."""
    assert _users_of_orders() == Counter(list(ORDERS))


if __name__ == "__main__":
    with pytest.MonkeyPatch.context() as patch:
        for item in ENTRIES:
            print(*_orders_in(item, patch).items(), sep="\n")
