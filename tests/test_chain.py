"""Chains: composition, smoothing, containment, changes while playing."""

from __future__ import annotations

import dataclasses
import gc
import math
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
import scipy.signal

import zerocross
from conftest import music, wait_for
from zerocross import Chain, Parallel, Player, Split, UsageError, param, processor
from zerocross.compiler import Kernel, kernel
from zerocross.dsp.crossfade import smooth_step
from zerocross.effects import Compressor, Delay, Gain
from zerocross.engine.callback import file_callback
from zerocross.graph.assemble import Program
from zerocross.graph.program import FADE, fade_gains, run_block, run_program_over
from zerocross.graph.state import state_dtype

# That a rendering tells its faults is tested in test_refused_or_right.
pytestmark = pytest.mark.filterwarnings("ignore::zerocross.errors.FaultWarning")


@processor
class Level:
    level: float = param(1.0, 0.0, 4.0)

    def process(self, block):
        for c in range(block.channels):
            for i in range(block.frames):
                block.output[c, i] = block.input[c, i] * self.level


@processor
class Late:
    """A delay of ten frames that says so."""

    latency_frames: int = 10
    place: int = 0

    def prepare(self, sample_rate, channels, max_block):
        self.line = np.zeros((channels, 10), np.float32)

    def process(self, block):
        for i in range(block.frames):
            for c in range(block.channels):
                block.output[c, i] = self.line[c, self.place]
                self.line[c, self.place] = block.input[c, i]
            self.place = (self.place + 1) % 10


@processor
class Breaks:
    """Gives what is not finite from a frame on."""

    at: int = 5000
    value: float = float("nan")

    def process(self, block):
        for c in range(block.channels):
            for i in range(block.frames):
                good = block.position + i < self.at
                block.output[c, i] = 0.5 * block.input[c, i] if good else self.value


@processor
class Wanders:
    """Writes outside its table from a frame on; caught in debug."""

    def prepare(self, sample_rate, channels, max_block):
        self.table = np.zeros(16, np.float32)

    def process(self, block):
        for c in range(block.channels):
            for i in range(block.frames):
                block.output[c, i] = 0.5 * block.input[c, i] + self.table[block.position // 500]


@processor
class Greedy:
    """Asks for more scratch than there is from a frame on."""

    def process(self, block):
        wanted = 10 if block.position < 5000 else 100_000_000
        x = block.scratch(wanted)
        x[0] = np.float32(0.5)
        for c in range(block.channels):
            for i in range(block.frames):
                block.output[c, i] = x[0] * block.input[c, i]


@processor
class Slow:
    """Takes its time from a frame on."""

    def process(self, block):
        x = 0.0
        for i in range(3_000_000 if block.position > 5000 else 1):
            x = x * 0.999 + i
        for c in range(block.channels):
            for i in range(block.frames):
                block.output[c, i] = 0.5 * block.input[c, i] + 0.0 * min(x, 1.0)


@processor(instrument=True)
class Hum:
    broken: int = 0

    def process(self, block):
        for c in range(block.channels):
            for i in range(block.frames):
                block.output[c, i] = 0.25 if self.broken == 0 else math.inf


@processor
def halve(block):
    """The function form."""
    for c in range(block.channels):
        for i in range(block.frames):
            block.output[c, i] = 0.5 * block.input[c, i]


SIGNAL = music(12_000)


def test_a_function_and_a_class_in_a_row():
    out = Chain(halve(), Level(level=4), halve()).render(SIGNAL, 48_000)
    assert np.array_equal(out, SIGNAL)


def test_an_empty_chain_passes():
    assert np.array_equal(Chain().render(SIGNAL, 48_000), SIGNAL)
    assert np.array_equal(Chain(Chain(), Chain(Chain())).render(SIGNAL[:, 0], 48_000), SIGNAL[:, 0])


def run_over(program, rows, out=None):
    """Run planar rows through a program; returns what comes out."""
    out = np.zeros_like(rows) if out is None else out
    address = program.record.address
    run_program_over(address, rows.ctypes.data, out.ctypes.data, rows.shape[1], rows.shape[1])
    return out


ROWS = np.ascontiguousarray(SIGNAL.T)


@pytest.mark.parametrize("chain", [Chain(), Chain(Chain(), Chain(Chain()))])
def test_an_empty_chain_copies_nothing_of_its_own(chain):
    program = chain.prepare(48_000, 2)
    assert np.array_equal(run_over(program, ROWS), ROWS)
    rows = ROWS.copy()
    assert np.array_equal(run_over(program, rows, rows), ROWS)
    assert not program._memory.any()
    assert chain.position == 2 * 12_000


@pytest.mark.parametrize("block", [1, 63, 64, 4096, 12_000])
def test_any_block_size_gives_the_same_bits(block):
    chain = Chain(Parallel(Late(), Chain(Level(level=0.5), Late()), gains=[1, -0.5]))
    whole = chain.render(SIGNAL, 48_000)
    assert np.array_equal(chain.render(SIGNAL, 48_000, block_size=block), whole)


def test_branches_meet_whatever_their_latency():
    chain = Chain(Parallel(Late(), Level(), Chain(Late(), Late()), gains=[1.0, 2.0, 4.0]))
    out = chain.render(SIGNAL, 48_000)
    assert chain.latency_frames == 20
    assert np.allclose(out[20:], 7 * SIGNAL[:-20], atol=1e-6)
    assert not out[:20].any()


def test_channels_go_their_own_ways():
    chain = Chain(Split(Level(level=0.25), Chain(Late(), Level(level=2.0))), halve())
    out = chain.render(SIGNAL, 48_000)
    assert chain.latency_frames == 10
    assert np.array_equal(out[10:, 0], 0.125 * SIGNAL[:-10, 0])
    assert np.array_equal(out[10:, 1], SIGNAL[:-10, 1])
    with pytest.raises(UsageError, match="2 parts for 1 channels"):
        chain.render(SIGNAL[:, 0], 48_000)


def test_a_file_and_a_tail(tmp_path, make_file):
    path, data = make_file(frames=9000)
    out = Chain(Late()).render(path, tail_s=0.01)
    assert len(out) == 9000 + 480
    assert np.array_equal(out[10:9010], data)
    with pytest.raises(zerocross.SourceError, match="no such file"):
        Chain().render(tmp_path / "none.wav")


def test_parameters_move_in_a_straight_line():
    """At 48 kHz the default of 20 ms is 960 frames."""
    level, ones = Level(level=0.0), np.ones((4000, 1), np.float32)
    chain = Chain(level)
    program = chain.prepare(48_000, 1)
    out = np.zeros((1, 4000), np.float32)

    def run(start, stop):
        run_program_over(
            program.record.address,
            ones.ctypes.data,
            out.ctypes.data + 4 * start,
            4000,
            stop - start,
        )

    run(0, 1000)
    level.level = 1.0
    run(1000, 1300)
    run(1300, 4000)
    assert not out[0, :1000].any()
    assert np.allclose(out[0, 1000:1960], np.arange(1, 961) / 960, atol=1e-6)
    assert (out[0, 1960:] == 1.0).all()
    assert level.level == 1.0
    with pytest.raises(UsageError, match="give 0 to 4"):
        level.level = 5


def test_what_was_set_before_is_there_after_every_preparation():
    breaks = Breaks(at=100, value=2.0)
    chain = Chain(breaks)
    for _ in range(2):
        assert (chain.render(SIGNAL, 48_000)[100:] == 2.0).all()
        assert breaks.at == 100


@zerocross.kernel
def raise_count(self, by):
    self.count += by


@processor
class Counts:
    count: int = 0

    def process(self, block):
        raise_count(self, block.frames)
        for c in range(block.channels):
            for i in range(block.frames):
                block.output[c, i] = block.input[c, i]


@processor
class CountsMore:
    """Its record begins as that of `Counts` does."""

    count: int = 0
    more: int = 5

    def process(self, block):
        raise_count(self, block.frames)
        for c in range(block.channels):
            for i in range(block.frames):
                block.output[c, i] = block.input[c, i]


def test_a_kernel_works_on_the_record_it_was_given(tmp_path, monkeypatch):
    monkeypatch.setenv("ZEROCROSS_CACHE_DIR", str(tmp_path))
    for made in (Counts, CountsMore):
        one = made()
        Chain(one).render(SIGNAL[:100], 48_000)
        assert one.count == 100


def test_state_is_seen_from_python():
    late = Late()
    Chain(late).render(SIGNAL[:105], 48_000)
    assert late.place == 5
    assert late.line.shape == (2, 10)
    assert "Late" in repr(Chain(late))
    with pytest.raises(AttributeError, match="no field"):
        _ = late.nothing


@pytest.mark.parametrize("value", [0, 1.5, param(0.5), np.zeros(3)])
def test_a_field_may_not_hide_what_every_processor_has(value):
    def process(self, block):
        pass

    with pytest.raises(UsageError, match=r"Hides\.reset: .* choose another"):
        processor(type("Hides", (), {"process": process, "reset": value}))


# --- containment ------------------------------------------------------------------------------

FAULTY = {
    "nan": (lambda: Breaks(), "not finite", {}),
    "infinity": (lambda: Breaks(value=float("inf")), "not finite", {}),
    "index": (lambda: Wanders(), "status", {"debug": True}),
    "scratch": (lambda: Greedy(), "status", {}),
}


@pytest.mark.parametrize("on_fault", ["bypass", "silence", "stop"])
@pytest.mark.parametrize("name", FAULTY)
def test_a_fault_is_contained(name, on_fault):
    make, cause, options = FAULTY[name]
    chain = Chain(Parallel(make(), Level(level=0.25)), on_fault=on_fault, **options)
    out = chain.render(SIGNAL, 48_000, block_size=64)
    (fault,) = chain.faults()
    assert cause in fault.cause
    assert __file__ in str(fault)
    assert chain.faults() == []
    assert np.isfinite(out).all()
    good = 0.5 * SIGNAL + np.float32(0.25) * SIGNAL
    start = {"index": 8000}.get(name, 5000) // 64 * 64
    assert np.array_equal(out[:start], good[:start])
    rest = {"bypass": SIGNAL, "silence": 0 * SIGNAL, "stop": 0 * SIGNAL}[on_fault]
    beside = 0 if on_fault == "stop" else np.float32(0.25) * SIGNAL
    after = start + 64 + 64
    assert np.array_equal(out[after:], (rest + beside)[after:].astype(np.float32))


@pytest.mark.parametrize(
    ("on_fault", "outcome"), [("bypass", "bypassed"), ("silence", "silenced"), ("stop", "silenced")]
)
def test_a_fault_is_told_once_in_each_run(on_fault, outcome):
    one = Breaks()
    chain = Chain(one, on_fault=on_fault)
    for _ in range(3):
        chain.render(SIGNAL, 48_000)
        (fault,) = chain.faults()
        assert fault.processor is one
        assert f"Breaks was {outcome} because of an output that is not finite" in str(fault)
        assert chain.faults() == []


def test_faults_wait_until_they_are_asked_for():
    broken, good = Breaks(), Level()
    chain = Chain(broken)
    chain.render(SIGNAL, 48_000)
    chain.replace(broken, good)
    chain.render(SIGNAL, 48_000)
    assert [fault.processor for fault in chain.faults()] == [broken]


@pytest.mark.parametrize("make", [lambda: Breaks(), lambda: Greedy()])
def test_what_plays_beside_a_fault_is_unchanged_to_the_bit(make):
    """Each channel of a split has a chain of its own; one of them breaks."""
    alone = Chain(Split(Level(level=0.7), Late())).render(SIGNAL, 48_000, block_size=64)
    beside = Chain(Split(Chain(make(), Level(level=0.7)), Late())).render(
        SIGNAL, 48_000, block_size=64
    )
    assert np.array_equal(beside[:, 1], alone[:, 1])


def test_leaving_makes_no_step():
    t = np.arange(12_000) / 48_000
    sine = (0.5 * np.sin(2 * np.pi * 110 * t)).astype(np.float32)
    out = Chain(Breaks()).render(sine, 48_000, block_size=256)
    largest = np.abs(np.diff(sine)).max()
    assert np.abs(np.diff(out)).max() < largest + 0.5 * 0.5 / 256 * 1.5


def test_an_instrument_that_breaks_is_silent():
    hum = Hum()
    chain = Chain(hum)
    program = chain.prepare(48_000, 2)
    rows = np.ones((2, 1024), np.float32)
    address = program.record.address
    out = np.zeros_like(rows)
    run_program_over(address, rows.ctypes.data, out.ctypes.data, 1024, 512)
    assert (out[:, :512] == 0.25).all()
    hum.broken = 1
    for _ in range(3):
        run_program_over(address, rows.ctypes.data, out.ctypes.data, 1024, 512)
    assert not out[:, :512].any()
    assert len(chain.faults()) == 1


def test_what_takes_too_long_is_left_after_three_blocks():
    chain = Chain(Slow(), budget=0.5)
    program = chain.prepare(48_000, 2)
    rows = np.ascontiguousarray(SIGNAL.T)
    out = np.zeros_like(rows)
    for start in range(0, 12_000 - 64, 64):
        run_program_over(
            program.record.address,
            rows.ctypes.data + 4 * start,
            out.ctypes.data + 4 * start,
            rows.shape[1],
            64,
        )
    (fault,) = chain.faults()
    assert "budget" in fault.cause
    assert fault.detail > 0.5 * 64 / 48_000 * 1e9
    assert np.array_equal(out[:, 6000:11_900], rows[:, 6000:11_900])
    assert np.array_equal(out[:, :5000], 0.5 * rows[:, :5000])


# --- rendering that goes on -------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [(1, 63, 4096, 512), (700,), (5000, 1)], ids=str)
def test_a_signal_in_pieces_gives_the_bits_of_the_whole(sizes):
    signal = music(12_000)
    whole = Chain(*moving_parts()).render(signal, 48_000)
    parts = moving_parts()
    chain, pieces, at = Chain(*parts), [], 0
    while at < len(signal):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(chain.render(signal[at : at + size], 48_000, reset=False))
        at += size
        assert chain.position == min(at, len(signal))
    assert np.array_equal(np.concatenate(pieces), whole)
    parts[2].change(at=6000, gain_db=3.0)  # the first one was
    assert np.array_equal(chain.render(signal, 48_000), whole), "and anew from rest"


def moving_parts():
    parts = Compressor(), Delay(), Gain(gain_db=-3.0), Late()
    parts[2].change(at=6000, gain_db=3.0)
    return parts


def test_a_chain_that_was_changed_goes_on_with_what_it_has():
    delay, signal = Delay(time_s=0.01, mix=1.0), music(4800)
    chain = Chain(Gain(gain_db=-6.0), delay)
    chain.render(signal, 48_000)
    program = chain._program
    chain.render(signal, 48_000, reset=False)
    assert chain._program is program
    chain.append(Late())
    late = chain.render(np.zeros((480, 2)), 48_000, reset=False)
    assert chain._program is not program
    assert np.abs(late[10:]).max() > 0.05, "the echo of what was before"
    assert not late[:10].any()
    chain.remove(delay)
    assert not chain.render(np.zeros((480, 2)), 48_000, reset=False)[10:].any()


def test_another_format_does_not_go_on():
    chain = Chain(Gain())
    chain.render(np.ones(8), 48_000, reset=False)
    with pytest.raises(UsageError, match="48000 Hz x 1, not 44100 Hz x 1; reset=True begins anew"):
        chain.render(np.ones(8), 44_100, reset=False)
    with pytest.raises(UsageError, match="not 48000 Hz x 2"):
        chain.render(np.ones((8, 2)), 48_000, reset=False)
    assert chain.render(np.ones((8, 2)), 44_100).shape == (8, 2)
    with pytest.raises(UsageError, match="reset=2: give True or False"):
        chain.render(np.ones((8, 2)), 44_100, reset=2)


def test_a_part_that_was_in_another_chain_since_does_not_go_on():
    part = Late()
    chain, other = Chain(part), Chain(part)
    chain.render(np.ones(8), 48_000)
    other.render(np.ones(8), 48_000)
    with pytest.raises(UsageError, match=r"Late\(\) was in another chain since; reset=True"):
        chain.render(np.ones(8), 48_000, reset=False)
    assert not chain.render(np.ones(8), 48_000).any()


def test_a_fault_is_told_once_and_lasts_until_it_begins_anew():
    chain = Chain(Breaks(at=10))
    with pytest.warns(zerocross.errors.FaultWarning):
        chain.render(np.ones(20), 48_000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.array_equal(chain.render(np.ones(20), 48_000, reset=False), np.ones(20))
    assert len(chain.errors) == 1


# --- reset ------------------------------------------------------------------------------------


def branches():
    return Chain(
        Parallel(Late(), Level(level=0.5), gains=[1.0, -0.5]),
        Split(Breaks(), Chain(Late(), Counts())),
        Gain(gain_db=-6.0),
    )


def test_a_reset_chain_is_as_it_was_prepared():
    chain = branches()
    program = chain.prepare(48_000, 2)
    first = run_over(program, ROWS)
    again = run_over(program, ROWS)
    assert not np.array_equal(first, again)
    assert len(chain.faults()) == 1
    chain.reset()
    assert chain.position == 0
    assert np.array_equal(run_over(program, ROWS), first)
    assert len(chain.faults()) == 1, "what failed runs again, and fails again"


def test_a_chain_that_was_stopped_by_a_fault_plays_on_after_a_reset():
    chain = Chain(Breaks(), on_fault="stop")
    program = chain.prepare(48_000, 2)
    first = run_over(program, ROWS)
    assert not run_over(program, ROWS).any()
    chain.reset()
    assert np.array_equal(run_over(program, ROWS), first)


def test_a_reset_processor_stays_where_it_is():
    late, level = Late(), Level(level=0.5)
    chain = Chain(late, level)
    program = chain.prepare(48_000, 2)
    run_over(program, ROWS[:, :105].copy())
    level.level = 2.0
    address, line = late.record.address, late.line
    assert late.place == 5 and line.any()
    late.reset()
    level.reset()
    assert late.record.address == address
    assert late.place == 0 and not line.any(), "the same memory"
    out = run_over(program, ROWS)
    assert np.array_equal(out[:, 10:], 2 * ROWS[:, :-10]), "a parameter jumps to its value"
    Late().reset()
    branches().reset()


def test_a_reset_that_cannot_be_leaves_everything_as_it_was():
    sizes = [4, 5]

    @processor
    class Grows:
        def prepare(self, sample_rate, channels, max_block):
            self.table = np.ones(sizes.pop(0), np.float32)

        def process(self, block):
            for c in range(block.channels):
                for i in range(block.frames):
                    block.output[c, i] = self.table[0] * block.input[c, i]

    one = Grows()
    program = Chain(one).prepare(48_000, 2)
    with pytest.raises(UsageError, match="other fields than before"):
        one.reset()
    assert one.table.shape == (4,)
    assert np.array_equal(run_over(program, ROWS), ROWS)


def test_what_plays_is_not_reset(tmp_path):
    one = Level()
    chain = Chain(Chain(one))
    with Player("null", effects=chain) as player:
        player.play(sine_file(tmp_path, 5.0))
        for part in (one, chain, chain.parts[0]):
            with pytest.raises(UsageError, match="stop it before a reset"):
                part.reset()
        assert player.state == "playing"
    chain.reset()


# --- changes while it plays -------------------------------------------------------------------


def sine_file(tmp_path, seconds, frequency=441.0):
    import soundfile

    t = np.arange(round(48_000 * seconds)) / 48_000
    sine = 0.5 * np.sin(2 * np.pi * frequency * t)
    path = tmp_path / "sine.wav"
    soundfile.write(path, np.stack([sine, 0.5 * sine], 1), 48_000, "FLOAT")
    return path


def splash_db(signal, frequency=441.0):
    """What is left above 3 kHz of a sine whose level changes, against full scale: clicks."""
    sos = scipy.signal.butter(8, 3000, "highpass", fs=48_000, output="sos")
    rest = scipy.signal.sosfiltfilt(sos, signal.astype(np.float64))[2000:-2000]
    return 20 * np.log10(np.abs(rest).max() + 1e-12)


def change_while_playing(tmp_path, changes, seconds):
    """Change a chain at random while a sine plays; returns what went to the device."""
    path = sine_file(tmp_path, seconds + 3)
    rng = np.random.default_rng(9)
    chain = Chain(Level(level=0.8), Gain(gain_db=-3.0))
    with Player("null", block_size=64, effects=chain) as player:
        player._output.capture_s = seconds + 2.5
        player.play(path)
        wait_for(lambda: player.position > 0.2)
        for _ in range(changes):
            kind = rng.integers(0, 4)
            new = Level(level=float(rng.uniform(0.3, 1.0)))
            parts = chain.parts
            if kind == 0:
                chain.replace(parts[int(rng.integers(0, len(parts)))], new)
            elif kind == 1 and len(parts) < 5:
                chain.insert(int(rng.integers(0, len(parts) + 1)), new)
            elif kind == 2 and len(parts) > 1:
                chain.remove(parts[int(rng.integers(0, len(parts)))])
            else:
                chain.move(parts[0], len(parts) - 1)
        time.sleep(0.2)
        report = player.report()
        out = player._output.captures[0].captured().copy()
        assert player.state == "playing"
    assert report["underruns"] == report["faults"] == 0
    assert np.abs(out[:, 1] - 0.5 * out[:, 0]).max() < 1e-6, "each channel fades into its own"
    return out[:, 0]


def test_random_changes_make_no_click(tmp_path):
    out = change_while_playing(tmp_path, 25, 4.0)
    start = int(np.argmax(np.abs(out) > 0)) + 4800
    stop = len(out) - 1 - int(np.argmax(np.abs(out[::-1]) > 0)) - 4800
    assert splash_db(out[start:stop]) < -80
    assert np.abs(out[start:stop]).max() > 0.05


@pytest.mark.soak
@pytest.mark.timeout(300)
def test_five_hundred_changes_make_no_click_and_leave_nothing(tmp_path):
    change_while_playing(tmp_path, 10, 3.0)
    gc.collect()
    before = len(gc.get_objects())
    out = change_while_playing(tmp_path, 500, 45.0)
    start = int(np.argmax(np.abs(out) > 0)) + 4800
    stop = len(out) - 1 - int(np.argmax(np.abs(out[::-1]) > 0)) - 4800
    assert splash_db(out[start:stop]) < -80
    gc.collect()
    assert len(gc.get_objects()) < before + 5000
    assert not [x for x in gc.get_objects() if isinstance(x, Program)]


def poison(argument):
    script = Path(__file__).with_name("poison.py")
    return subprocess.run(
        [sys.executable, script, str(argument)], capture_output=True, text=True, check=False
    )


@pytest.mark.skipif(sys.platform != "linux", reason="Linux only")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("changes", [60, pytest.param(500, marks=pytest.mark.soak)])
@pytest.mark.thorough
def test_nothing_looks_at_memory_that_was_let_go_of(changes):
    """Freed records and buffers are made inaccessible: a look at one would end the process."""
    done = poison(changes)
    assert done.returncode == 0, done.stderr
    poisoned, callbacks, faults = done.stdout.split(maxsplit=2)
    assert int(poisoned) > 2 * changes
    assert int(callbacks) > 10 * changes
    assert faults.strip() == "[]"


@pytest.mark.thorough
@pytest.mark.skipif(sys.platform != "linux", reason="Linux only")
def test_the_twin_a_program_let_go_of_while_it_runs_ends_the_process():
    assert poison("planted").returncode == -signal.SIGSEGV


def test_a_refused_change_leaves_everything_as_it_was(tmp_path):
    @processor
    class Bad:
        def process(self, block):
            block.output[0] = block.input[0] * 2

    chain = Chain(Level(level=0.5))
    with Player("null", block_size=64, effects=chain) as player:
        player.play(sine_file(tmp_path, 120.0))
        for change in (
            lambda: chain.replace(chain.parts[0], Bad()),
            lambda: chain.insert(0, Bad()),
        ):
            with pytest.raises(zerocross.RealtimeError, match="allocates"):
                change()
            assert [type(p).__name__ for p in chain.parts] == ["Level"]
        with pytest.raises(UsageError, match="not in the chain"):
            chain.remove(Level())
        assert player.state == "playing"


def test_a_chain_plays_in_one_place(tmp_path):
    chain = Chain(Level())
    path = sine_file(tmp_path, 5.0)
    with Player("null", effects=chain) as player, Player("null", effects=chain) as other:
        player.play(path)
        with pytest.raises(UsageError, match="plays already"):
            other.play(path)
        with pytest.raises(UsageError, match="plays already"):
            chain.render(SIGNAL, 48_000)
        assert player.state == "playing"
        assert other.state == "stopped"
        player.stop()
        assert chain.render(SIGNAL, 48_000).shape == SIGNAL.shape


def test_a_processor_plays_in_one_chain(tmp_path):
    """Its state is what the audio thread is at: another chain would make it anew."""
    one = Late()
    chain, other = Chain(one), Chain(Level(), one)
    other.render(SIGNAL, 48_000)
    with Player("null", effects=chain) as player:
        player.play(sine_file(tmp_path, 5.0))
        address = one.record.address
        with pytest.raises(UsageError, match="plays in another chain"):
            other.render(SIGNAL, 48_000)
        assert one.record.address == address
        chain.remove(one)
        other.render(SIGNAL, 48_000)
        assert player.state == "playing"


def test_who_only_reads_does_not_wait_for_a_fade():
    """The fade ends when the test has looked; ``install`` is all that a chain sees of a stream."""
    broken, old, new = Breaks(), Level(level=0.5), Late()
    chain = Chain(broken, old)
    run_over(chain.prepare(48_000, 2), ROWS)
    installed = []
    chain.connect(lambda program: installed.append(program) or True)
    threads = [threading.Thread(target=chain.replace, args=(old, new))]
    threads[0].start()
    wait_for(lambda: len(installed) == 1)
    assert [fault.processor for fault in chain.faults()] == [broken]
    assert list(chain.parts) == [broken, old], "as before, until it is faded"
    assert list(chain.processors()) == [broken, old]
    assert chain.position == 12_000 and chain.latency_frames == 0
    assert chain.longest_ns(old) > 0
    with pytest.raises(UsageError, match="plays already"):
        chain.prepare(48_000, 2)
    threads.append(threading.Thread(target=chain.append, args=(Level(level=0.25),)))
    threads[1].start()
    time.sleep(0.05)
    assert len(installed) == 1, "a second change waits for the first"
    run_over(installed[0], ROWS)
    wait_for(lambda: len(installed) == 3)
    assert list(chain.parts) == [broken, new] and chain.latency_frames == 10
    run_over(installed[2], ROWS)
    for thread in threads:
        thread.join()
    assert [type(part) for part in chain.parts] == [Breaks, Late, Level]


def test_a_stream_that_lets_go_ends_the_wait_for_a_fade():
    old = Level()
    chain = Chain(old)
    chain.prepare(48_000, 2)
    installed = []
    chain.connect(lambda program: installed.append(program) or True)
    thread = threading.Thread(target=chain.replace, args=(old, Late()))
    started = time.monotonic()
    thread.start()
    wait_for(lambda: installed)
    chain.connect(None)
    thread.join()
    assert time.monotonic() - started < 1.5
    assert [type(part) for part in chain.parts] == [Late]


def test_a_move_to_nowhere_moves_nothing():
    a, b = Level(), Late()
    chain = Chain(a, b)
    with pytest.raises(UsageError, match="index 2: there are places 0 to 1"):
        chain.move(a, 2)
    assert list(chain.parts) == [a, b]


def test_a_player_tells_the_faults_of_its_chain(tmp_path):
    seen = []
    chain = Chain(Breaks(at=4800))
    with Player("null", block_size=64, effects=chain) as player:
        player.events.subscribe(seen.append)
        player.play(sine_file(tmp_path, 1.0))
        assert player.wait(10)
    (told,) = [event for event in seen if event.kind == "fault"]
    assert "Breaks was bypassed because of an output that is not finite" in told.message
    assert player.report()["frames_played"] == 48_000


def test_what_is_played_is_what_is_rendered(tmp_path):
    import soundfile

    path = tmp_path / "song.wav"
    soundfile.write(path, SIGNAL, 48_000, "FLOAT")
    chain = Chain(Level(level=0.5), Late(), Parallel(Late(), Level()))
    expected = chain.render(SIGNAL, 48_000)
    with Player("null", block_size=64, effects=chain) as player:
        player._output.capture_s = 1.0
        player.play(path)
        assert player.wait(10)
        out = player._output.captures[0].captured()
    first = int(np.argmax(expected[:, 0] != 0))
    start = int(np.argmax(out[:, 0] != 0)) - first
    assert np.array_equal(out[start + first : start + 12_000], expected[first:])


def test_changes_outside_a_stream_need_no_fade():
    a, b = Level(level=0.5), Level(level=0.25)
    chain = Chain(a)
    chain.append(b)
    chain.move(b, 0)
    assert list(chain.parts) == [b, a]
    chain.replace(a, Chain(Level(level=2.0), Level(level=2.0)))
    chain.remove(b)
    assert np.array_equal(chain.render(SIGNAL, 48_000), 4 * SIGNAL)
    with pytest.raises(UsageError, match="on_fault"):
        Chain(on_fault="explode")


def test_two_threads_change_one_chain(tmp_path):
    chain = Chain(Level(level=0.5))
    failures = []

    def change():
        try:
            for _ in range(6):
                one = Level(level=0.9)
                chain.append(one)
                chain.remove(one)
        except Exception as error:
            failures.append(error)

    with Player("null", block_size=64, effects=chain) as player:
        player.play(sine_file(tmp_path, 15.0))
        threads = [threading.Thread(target=change) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert player.state == "playing"
        assert player.report()["underruns"] == 0
    assert failures == []
    assert len(chain.parts) == 1
    assert FADE == 3
    assert dataclasses.is_dataclass(zerocross.Fault)


@pytest.mark.parametrize(
    "options", [{"block_size": 0}, {"block_size": -1}, {"tail_s": -1.0}, {"tail_s": float("nan")}]
)
def test_impossible_renderings_are_told(options):
    with pytest.raises(UsageError, match=r"(block_size|tail_s)=.*: give "):
        Chain().render(np.zeros(10), 48_000, **options)


@pytest.mark.parametrize("name", ["reset", "note_on", "record", "entry"])
def test_a_field_named_like_something_of_every_processor_is_refused(name):
    def process(self, block):
        block.output[0, 0] = 0.0

    with pytest.raises(UsageError, match=f"Named.{name}: every processor has something of this"):
        zerocross.processor(type("Named", (), {name: 1.5, "process": process}))


def test_a_gibibyte_of_arrays_is_the_most_of_a_processor():
    most = np.zeros(1 << 30, np.uint8)
    assert state_dtype({}, {"table": most}).itemsize > most.nbytes
    with pytest.raises(UsageError, match="take 1024 MiB; give up to 1024 MiB"):
        state_dtype({}, {"table": most, "more": np.zeros(1, np.uint8)})


@kernel
def _gains_of_fade(frames, gains):
    for i in range(frames + 1):
        angle = 0.5 * math.pi * smooth_step(min(1.0, i / frames))
        gains[0, i] = np.float32(math.cos(angle))
        gains[1, i] = np.float32(math.sin(angle))


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000, 96_000, 192_000])
def test_the_gains_of_a_fade_are_what_compiled_code_computes(rate):
    gains = np.zeros((2, round(0.02 * rate) + 1), np.float32)
    _gains_of_fade(gains.shape[1] - 1, gains)
    assert np.array_equal(fade_gains(gains.shape[1] - 1), gains)


def test_a_chain_is_no_part_of_the_callback():
    # Without a chain nothing of it has to be compiled.
    names = _kernels_named(file_callback.kernel.function)
    assert "_process_block" in names and "_run_step" not in names
    assert "_run_step" in _kernels_named(run_block.kernel.function)


def _kernels_named(function):
    """Return the names of all kernels that a function reaches by name."""
    found, waiting = set(), [function]
    while waiting:
        here = waiting.pop()
        for name in here.__code__.co_names:
            named = here.__globals__.get(name)
            if isinstance(named, Kernel) and name not in found:
                found.add(name)
                waiting.append(named.function)
    return found
