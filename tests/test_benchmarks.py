"""The benchmark harness: it checks before it times, and its rows are what is promised."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import pkgutil
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import soundfile

from conftest import need, need_module, wait_for
from zerocross.errors import UsageError
from zerocross.graph.user_file import chain_of
from zerocross.lab import harness
from zerocross.lab.harness import Bar, Case, Contestant
from zerocross.spectrum import Spectrum

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import feed  # noqa: E402
from benchmarks.__main__ import cases, cases_of, main  # noqa: E402
from benchmarks.gpu import batches, many, verdict  # noqa: E402
from benchmarks.start import PARTS, cost, material, prepared, proc  # noqa: E402
from benchmarks.start import rows as start_rows  # noqa: E402
from benchmarks.start.programs import Program, running  # noqa: E402
from benchmarks.start.server import Monitor, delay_s, sound_server  # noqa: E402
from benchmarks.start.sound import first_sound_ns  # noqa: E402

KEYS = {"work", "size", "contestant", "median_ns", "p10_ns", "p90_ns", "ratio", "bar", "met"}


def fake(name, ns, said=None, **options):
    """A contestant of whom a clock would say that it takes so long."""

    def repeat(times):
        if said is not None:
            said.append((name, times))
        return times * ns

    return Contestant(name, repeat=repeat, **options)


def test_a_case_gives_a_row_for_each_contestant():
    slow, fast = fake("slow", 2000), fake("fast", 500)
    rows = harness.measure(Case("w", "s", [fast, slow], [Bar("slow", 0.25)]))
    assert [set(row) for row in rows] == [KEYS] * 2
    assert [(row["work"], row["size"], row["contestant"]) for row in rows] == [
        ("w", "s", "fast"),
        ("w", "s", "slow"),
    ]
    assert [row["median_ns"] for row in rows] == [500, 2000]
    assert [row["ratio"] for row in rows] == [1.0, 0.25], "ours in theirs"
    assert [(row["bar"], row["met"]) for row in rows] == [(None, None), (0.25, True)]
    rows = harness.measure(Case("w", "s", [slow, fast], [Bar("fast", 3.9)]))
    assert (rows[1]["ratio"], rows[1]["met"]) == (4.0, False)


def test_a_bar_in_nanoseconds_is_a_row():
    *_, row = harness.measure(Case("w", "s", [fake("ours", 300)], [], limit_ns=200.0))
    assert set(row) == KEYS
    assert (row["contestant"], row["median_ns"], row["bar"]) == ("the bar", 200.0, 1.0)
    assert (row["ratio"], row["met"]) == (1.5, False)


def test_times_are_of_one_unit_of_work():
    (row,) = harness.measure(Case("w", "s", [fake("batch", 6400, calls_in_one=64)], []))
    assert row["median_ns"] == 100


def test_the_median_and_the_tenths_are_over_the_rounds():
    long = harness.ROUND_NS  # one call fills a round, so that it is prepared once to calibrate
    takes = iter([long, *(long * (100 + 10 * k) for k in range(harness.ROUNDS))])
    now = [0]

    def prepare():
        now[0] = next(takes)

    slow = Contestant("slow", repeat=lambda times: times * now[0], prepare=prepare)
    (row,) = harness.measure(Case("w", "s", [slow], []))
    assert row["median_ns"] == 250 * long
    assert row["p10_ns"] == pytest.approx(122 * long)
    assert row["p90_ns"] == pytest.approx(378 * long)


def test_rounds_alternate_and_are_long_enough():
    said = []
    harness.measure(Case("w", "s", [fake("a", 100, said), fake("b", 300, said)], []))
    last = said[-2 * harness.ROUNDS :]
    pairs = [last[k][0] + last[k + 1][0] for k in range(0, len(last), 2)]
    assert pairs == ["ba" if k % 2 == 0 else "ab" for k in range(harness.ROUNDS)]
    assert dict(last) == {"a": harness.ROUND_NS // 100, "b": harness.ROUND_NS // 300}


def test_a_call_from_python_is_repeated_and_prepared_before_every_round(monkeypatch):
    monkeypatch.setattr(harness, "ROUNDS", 3)
    monkeypatch.setattr(harness, "ROUND_NS", 0)
    said = []
    contestant = Contestant(
        "c", lambda: said.append("call"), prepare=lambda: said.append("prepare")
    )
    harness.measure(Case("w", "s", [contestant], []))
    assert said == ["prepare", "call"] * 4, "once to calibrate, and three rounds"


def test_a_wrong_contestant_is_not_timed():
    def wrong():
        raise AssertionError("wrong result")

    said = []
    case = Case("w", "s", [fake("bad", 1, said, check=wrong)], [])
    with pytest.raises(AssertionError, match="wrong result"):
        harness.measure(case)
    assert said == []


def test_who_is_not_here_is_left_out_and_told(capsys):
    def check():
        raise harness.Absent("there is no npm")

    case = Case("w", "s", [fake("ours", 1), fake("theirs", 1, check=check)], [Bar("theirs", 0.5)])
    assert [row["contestant"] for row in harness.measure(case)] == ["ours"]
    assert capsys.readouterr().err == "without theirs: there is no npm\n"


def files():
    """Return the names of the files that have cases."""
    return [file.name for file in pkgutil.iter_modules([str(ROOT / "benchmarks")])]


@pytest.mark.thorough
def test_there_are_many_cases():
    assert len(cases("")) >= 26, "without a C compiler, AVX2 and pyloudnorm"


@pytest.mark.thorough
@pytest.mark.timeout(1200)  # each elementary function is compiled for each level
@pytest.mark.parametrize("file", files())
def test_every_contestant_of_every_case_is_correct(file):
    for case in cases_of(file):
        for contestant in case.contestants:
            with contextlib.suppress(harness.Absent):
                if contestant.check:
                    contestant.check()
        assert case.contestants[0].check, case.work
        names = [contestant.name for contestant in case.contestants]
        assert len(set(names)) == len(names), case.work
        assert {bar.against for bar in case.bars} <= set(names[1:]), case.work


@pytest.mark.thorough
def test_a_pattern_chooses_by_file_work_and_size():
    assert len(cases("memory")) == 7
    assert [case.work for case in cases("gain, call")] == ["gain, call"]
    assert [case.size for case in cases("real FFT 4096")] == ["4096"]
    assert cases("nothing of the kind") == []


@pytest.mark.thorough
def test_the_command_line(tmp_path):
    out = tmp_path / "rows.json"
    command = [sys.executable, "-m", "benchmarks", "gain, call", "--json", out]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    rows = json.loads(out.read_text())
    assert [row["contestant"] for row in rows] == ["zerocross gain, call", "np.multiply(out=)"]
    assert [set(row) for row in rows] == [KEYS] * 2
    unknown = [sys.executable, "-m", "benchmarks", "nothing of the kind"]
    assert subprocess.run(unknown, cwd=ROOT, capture_output=True, check=False).returncode == 2


# --- whole processes: python -m benchmarks start --------------------------------------------------


def row(values, bar=None, contestant="ours", work="w"):
    return start_rows.Row(work, contestant, "s", values, bar)


def test_a_figure_of_a_process_has_its_median_spread_and_bar():
    made = row([0.2, 0.9, 0.3], start_rows.Bar(0.3)).as_json()
    assert (made["median"], made["least"], made["most"], made["rounds"]) == (0.3, 0.2, 0.9, 3)
    assert (made["bar"], made["bar_of_mpv"], made["of_mpv"], made["met"]) == (0.3, None, None, True)
    assert row([0.31], start_rows.Bar(0.3)).is_met is False
    assert row([0.31]).is_met is None


@pytest.mark.parametrize(("ours", "met"), [(0.2, True), (0.29, False), (0.31, False)])
def test_a_bar_can_be_both_a_figure_and_mpvs(ours, met):
    bar = start_rows.Bar(0.3, 1.0)
    assert row([ours], bar).is_met is (ours <= 0.3), "where mpv was not measured"
    one, mpv = start_rows.with_ratios([row([ours], bar), row([0.25], contestant="mpv")])
    assert (one.of_mpv, one.is_met) == (ours / 0.25, met)
    assert (mpv.of_mpv, mpv.is_met) == (1.0, None)
    (other,) = start_rows.with_ratios([row([ours], start_rows.Bar(None, 1.0))])
    assert other.is_met is None, "nothing to compare it with"


def test_processes_are_timed_in_alternating_turns():
    said = []
    contestants = [
        Contestant(name, repeat=lambda _, n=name: said.append(n) or 2_000_000_000)
        for name in ("a", "b")
    ]
    contestants[1].prepare = lambda: said.append("prepare")
    bars = {"a": start_rows.Bar(2.0)}
    a, b = start_rows.in_turns("w", contestants, {"a": 3, "b": 2}, bars)
    assert said == ["prepare", "b", "a", "a", "prepare", "b", "a"]
    assert (a.values, b.values, a.is_met, b.is_met) == ([2.0] * 3, [2.0] * 2, True, None)


def test_the_song_of_the_benchmark_begins_at_once(tmp_path):
    material.write_noise(tmp_path / "noise.flac", 11.0)
    data, rate = soundfile.read(tmp_path / "noise.flac")
    assert (data.shape, rate) == ((11 * 44_100, 2), 44_100)
    assert np.abs(data[:10]).max() > 0.01
    assert 20 * np.log10(np.sqrt(np.mean(data**2))) == pytest.approx(-20, abs=0.05)


@pytest.mark.parametrize("lines", [12, 100, 400])
def test_generated_effects_are_as_long_as_they_say_and_never_the_same(lines):
    text = material.effect(lines, 1)
    body = text.partition("def process")[2].splitlines()
    assert abs(len(body) - lines) <= 6
    assert text != material.effect(lines, 2)


def test_a_generated_effect_is_accepted_and_does_something(tmp_path):
    path = tmp_path / "effect.py"
    path.write_text(material.effect(12, 1))
    noise = material.noise(4096, np.random.default_rng(3))
    out = chain_of(str(path)).render(noise, material.RATE)
    assert 0.01 < np.abs(out[:4096] - noise).max() < 1.0


def test_threads_are_told_apart_and_counted(tmp_path):
    code = """if True:
        import threading, time
        def tick():
            while True:
                time.sleep(0.002)
        def work():
            while True:
                pass
        for call in (tick, work):
            threading.Thread(target=call, name=call.__name__, daemon=True).start()
        print("begun", flush=True)
        threading.Event().wait()
    """
    note = tmp_path / "threads"
    named = str(ROOT / "benchmarks" / "start" / "named.py")
    program = Program("p", [sys.executable, "-P", named, str(note), code], dict(os.environ))
    with running(program, talks=True) as run:
        run.wait_for("begun")
        wait_for(lambda: len(note.read_text().splitlines()) == 3, what="three names")
        counted = cost._counted(run, 0.5, note)
        named = {counted.name_of(thread): thread for thread in counted.threads}
    assert set(named) == {"main", "tick", "work"}
    assert named["work"].cpu_s > named["tick"].cpu_s > 0
    assert named["tick"].wakes > named["main"].wakes
    assert counted.python_wakes == sum(thread.wakes for thread in named.values())
    assert counted.rss_mb >= counted.pss_mb > 1


def test_only_pythons_threads_wake_python():
    threads = [proc.Thread(k, "python", 1.0, 10.0**k) for k in range(4)]
    counted = cost.Cost(threads, {0: "main", 1: "zerocross-player", 2: "zerocross-decode"}, 1, 1)
    assert counted.python_wakes == 11.0, "neither the decode thread's nor the device's"
    assert counted.name_of(threads[3]) == "python (not Python's)"
    works = {made.work for made in cost._rows_of("clone, no UI", [counted])}
    assert {"playing: CPU", "playing: Python wake-ups", "playing: RSS"} < works
    assert "playing: CPU of zerocross-player" in works


@pytest.mark.thorough
def test_the_monitor_hears_when_a_program_begins(tmp_path):
    for name in ("pulseaudio", "pactl", "parec", "pacat"):
        need(name)
    sound = tmp_path / "noise.f32"
    sound.write_bytes(material.noise(22_050, np.random.default_rng(4)).astype("<f4").tobytes())
    late = f"sleep 0.5; exec pacat --raw --format=float32le --rate=44100 --channels=2 {sound}"
    with sound_server(tmp_path, dict(os.environ)) as env, Monitor(env) as monitor:
        with prepared("off", short=True) as setting:
            setting.monitor = monitor
            for _ in range(2):  # the second waits for the first one's end
                assert first_sound_ns(setting, Program("late", ["sh", "-c", late], env)) > 0.5e9
            mute = Program("mute", ["sh", "-c", "echo no card >&2"], env)
            with pytest.raises(RuntimeError, match="mute: no sound came; no card"):
                first_sound_ns(setting, mute)
        assert delay_s(monitor) > 0


def test_a_program_is_waited_for_until_it_speaks_or_ends():
    program = Program("p", ["sh", "-c", "echo one; echo two; echo not taken: three"], {})
    with running(program, talks=True) as run:
        run.wait_for("two")
        with pytest.raises(RuntimeError, match="not taken: three"):
            run.wait_for("taken")
    with running(program, talks=True) as run, pytest.raises(RuntimeError, match="did not say"):
        run.wait_for("four", never="five")


def test_a_program_with_a_screen_has_a_terminal_of_a_size():
    script = "import os; print(os.get_terminal_size()); print(os.isatty(0)); input()"
    with running(Program("p", [sys.executable, "-c", script], dict(os.environ), True)) as run:
        run.press(b"\n")
        assert run.process.wait(20) == 0, run.last_words()


def test_a_library_is_measured_where_one_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("ZEROCROSS_LIBRARY", "off")
    with prepared(short=True) as setting:
        assert setting.libraries() == {"clone": "off"}
        assert "no library: make one" in setting.words()
        env = setting.environment("cold", "off")
        assert env["ZEROCROSS_CACHE_DIR"].startswith(str(setting.folder))
        assert env["ZEROCROSS_LIBRARY"] == "off"
    (tmp_path / "none.so").write_bytes(b"")
    with pytest.raises(UsageError, match=r"none\.so"), prepared(str(tmp_path / "none.so"), True):
        pass


@pytest.mark.thorough
@pytest.mark.timeout(1200)  # everything is compiled anew several times
def test_processes_are_measured_in_short_without_a_server(tmp_path):
    out = tmp_path / "rows.json"
    command = [sys.executable, "-m", "benchmarks", "start", "--short", "--json", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, text=True)
    assert done.returncode in (0, 1), done.stderr
    rows = json.loads(out.read_text())
    works = {row["work"] for row in rows}
    assert "command to the word that it plays, null device" in works
    assert any("saved to taken in live" in work for work in works)
    for state in ("playing", "paused just now", "paused", "stopped"):
        assert {f"{state}: CPU", f"{state}: Python wake-ups", f"{state}: RSS"} <= works
    assert {row["contestant"].split(",")[0] for row in rows} == {"clone"}
    assert {part for part in PARTS if f"start: {part}" in done.stderr} == set(PARTS)
    bars = {row["contestant"]: row["bar"] for row in rows if row["unit"] == "s" and row["bar"]}
    assert bars["clone, empty cache"] == 5.0


# --- a graphics card: python -m benchmarks gpu ----------------------------------------------------

HERE = {1: 2e3, 4: 8e3, 16: 32e3, 64: 128e3}


def gpu_rows(times, contestant="c"):
    """Rows of the harness, whose times are of one window."""
    return [
        {"contestant": contestant, "size": f"{n} windows", "median_ns": ns / n}
        for n, ns in times.items()
    ]


@pytest.mark.thorough
def test_what_is_written_into_a_stream_is_measured(monkeypatch, capsys):
    """A gap is counted where there is one: of a ring that is shorter than what is held."""
    flushes, block_ms = feed.flush_ms()
    assert block_ms > 1 and all(9 <= each < 100 for each in flushes), "a ramp of 10 ms is heard"
    assert 0 < feed.share_of_writing(0.3) < 100
    monkeypatch.setattr(feed, "_RING_S", 0.05)
    assert feed.gaps(0.5)[0] > 0
    feed.main(short=True)
    assert "no" in capsys.readouterr().out


def test_times_of_batches_are_those_of_all_their_windows():
    rows = gpu_rows(HERE, "here") + gpu_rows({1: 5.0}, "latency")
    assert verdict.times_of(rows) == {"here": HERE, "latency": {1: 5.0}}


@pytest.mark.parametrize(
    ("card", "windows"),
    [
        (dict.fromkeys(HERE, 32e3), 16.0),  # as fast as the CPU at 16: it wins behind that
        (dict.fromkeys(HERE, 16e3), 8.0),
        ({n: 20e3 + 1e3 * n for n in HERE}, 21.66),  # 20, if it were measured there
        (dict.fromkeys(HERE, 1e3), 1),
        (dict.fromkeys(HERE, 200e3), None),
        ({1: 9e3, 4: 1e3, 16: 1e3, 64: 200e3}, None),  # not from there on
        ({1: 9e3, 4: 1e3, 16: 64e3, 64: 64e3}, 32.0),
    ],
)
def test_from_how_many_windows_the_card_wins(card, windows):
    assert verdict.crossover(HERE, card) == (windows and pytest.approx(windows, rel=1e-3))


def test_the_verdict_is_in_words():
    assert verdict.verdict(HERE, dict.fromkeys(HERE, 20e3)) == (
        "for one window the CPU is 10 times faster; from 10 windows on the card wins, "
        "and at 64 the card is 6.4 times faster"
    )
    assert verdict.verdict(HERE, dict.fromkeys(HERE, 200e3)) == (
        "for one window the CPU is 100 times faster; at no batch up to 64 does the card win, "
        "and at 64 the CPU is 1.6 times faster"
    )
    assert verdict.verdict(HERE, {1: 9e3, 4: 1e3, 16: 1e3, 64: 256e3}) == (
        "for one window the CPU is 4.5 times faster; only at 4 and 16 does the card win, "
        "and at 64 the CPU is 2.0 times faster"
    )
    assert verdict.verdict(HERE, dict.fromkeys(HERE, 1e3)) == (
        "already for one window the card is 2.0 times faster, and at 64 the card is 128 times faster"
    )


def test_the_verdict_says_what_is_software():
    times = {"here": HERE, "card, resident": dict.fromkeys(HERE, 20e3), "latency": {1: 5.0}}
    (real,) = verdict.sentences("H1", False, times, "here")
    assert real.startswith("card, resident (H1): for one window the CPU is 10 times")
    (software,) = verdict.sentences("pipe", True, times, "here")
    assert "(pipe, in software, where the card is the processor itself): for" in software


def test_many_windows_are_in_pieces_that_fit():
    assert list(many.pieces(10, 4 * (2048 + 3 * 256))) == [(0, 4), (4, 4), (8, 2)]
    assert list(many.pieces(1_000_000, 1 << 40)) == [(0, 1_000_000)]


def test_a_windows_traffic_is_a_share_of_the_memorys():
    row = {"size": "1000 windows", "contestant": "zerocross", "median_ns": 10.0, "ratio": 1.0}
    theirs = row | {"contestant": "them", "median_ns": 25.0, "ratio": 0.4}
    copies = [{"median_ns": 1 / 100}, {"median_ns": 1 / 512}]
    said, found = many.sentence([row, theirs], copies)
    assert found["bytes_a_second"] == pytest.approx(128e9), "256 samples and 64 levels in 10 ns"
    assert found["share_of_memory"] == pytest.approx(0.25), "of the faster copy's"
    assert "100,000,000 windows a second" in said
    assert "128.00 GB/s, 25.0 % of the 512.0 GB/s of a copy" in said
    assert said.endswith("; them: 2.50 times our time.")
    assert many.sentence([row], copies)[0].endswith("; beside nobody.")


class Tensor(np.ndarray):
    """What of PyTorch's tensors the peer calls, by NumPy."""

    def unfold(self, axis, size, step):
        return np.lib.stride_tricks.sliding_window_view(np.asarray(self), size, axis)[::step].view(
            Tensor
        )

    def to(self, device):
        assert device == "cpu"
        return self

    def cpu(self):
        return self

    def numpy(self):
        return np.asarray(self)

    def abs(self):
        return np.abs(self)

    def square_(self):
        return np.square(self, out=self)

    def clamp_min_(self, least):
        return np.maximum(self, least, out=self)

    def log10_(self):
        return np.log10(self, out=self)

    def mul_(self, factor):
        return np.multiply(self, factor, out=self)


def _torch():
    fft = types.SimpleNamespace(rfft=lambda x: np.fft.rfft(x).view(Tensor))
    cuda = types.SimpleNamespace(is_available=lambda: False)
    return types.SimpleNamespace(
        fft=fft,
        cuda=cuda,
        from_numpy=lambda x: x.view(Tensor),
        empty=lambda shape, device: np.empty(shape, np.float32).view(Tensor),
    )


def _cupy():
    device = types.SimpleNamespace(synchronize=lambda: None)
    runtime = types.SimpleNamespace(getDeviceCount=lambda: 1, CUDARuntimeError=OSError)
    names = ["abs", "asarray", "empty", "fft", "lib", "log10", "maximum", "multiply", "square"]
    return types.SimpleNamespace(
        **{name: getattr(np, name) for name in names},
        asnumpy=np.asarray,
        cuda=types.SimpleNamespace(runtime=runtime, Device=lambda: device),
    )


def card_peer(monkeypatch, name, stand_in):
    """Return the file of a peer, with a stand-in for what it imports."""
    monkeypatch.setitem(sys.modules, name, stand_in)
    monkeypatch.delitem(sys.modules, f"zerocross.lab.peers.{name}", raising=False)
    peer = importlib.import_module(f"zerocross.lab.peers.{name}")
    monkeypatch.delitem(sys.modules, f"zerocross.lab.peers.{name}")
    return peer


@pytest.mark.parametrize(
    ("name", "stand_in", "more"), [("torch", _torch, {"device": "cpu"}), ("cupy", _cupy, {})]
)
def test_rivals_on_a_card_do_the_same_work(monkeypatch, name, stand_in, more):
    peer = card_peer(monkeypatch, name, stand_in())
    bands = Spectrum(bands=batches.BANDS, fft_size=batches.POINTS, sample_rate=batches.RATE).bands
    x = batches.noise(11)
    matrix = batches.matrix_of(bands)
    made, read = peer.levels(x, batches.shape(), matrix, batches.HOP, 4, **more)
    made.run(1)
    assert (made.calls_in_one, read().dtype) == (11, np.float32)
    many._close(read(), batches.by_numpy(x, 11, bands))
    with pytest.raises(AssertionError, match="dB"):
        many._close(read() + 0.01, batches.by_numpy(x, 11, bands))
    ours = read().copy()
    many._agree(made, read, lambda: ours)


def test_rivals_without_a_card_are_left_out(monkeypatch):
    peer = card_peer(monkeypatch, "torch", _torch())
    with pytest.raises(harness.Absent, match="finds no card"):
        peer.levels(batches.noise(1), batches.shape(), np.zeros((1025, 1)), batches.HOP, 4)


def test_without_a_card_there_is_no_verdict(monkeypatch, capsys):
    def absent():
        raise harness.Absent("no card")

    monkeypatch.setattr(batches, "the_card", absent)
    monkeypatch.setattr(sys, "argv", ["benchmarks", "gpu"])
    assert main() == 2
    assert capsys.readouterr().err == "error: no card\n"


@pytest.mark.thorough
def test_a_card_is_measured(monkeypatch, tmp_path, capsys):
    need_module("wgpu")
    monkeypatch.setattr(batches, "BATCHES", (1, 3))
    monkeypatch.setattr(harness, "ROUNDS", 2)
    out = tmp_path / "card.json"
    monkeypatch.setattr(sys, "argv", ["benchmarks", "gpu", "--windows", "200", "--json", str(out)])
    monkeypatch.setattr(many, "_PIECE_BYTES", 4 * (2048 + 150 * 256))
    assert main() in (0, 1)
    found = json.loads(out.read_text())
    works = {(row["work"], row["size"]) for row in found["rows"]}
    assert {(batches.WORK, "1 windows"), (batches.WORK, "3 windows")} < works
    assert ("many windows (gpu)", "200 windows") in works
    ways = {batches.RESIDENT, batches.UPLOADED, batches.THERE_AND_BACK}
    assert set(found["from_windows"]) == ways
    assert set(found["latency_ns"]) == {*ways, batches.LATENCY, batches.HERE}
    assert found["latency_ns"][batches.LATENCY] > 0
    assert 0 < found["many"]["share_of_memory"] < found["many"]["share_of_memory_without_caches"]
    shown = capsys.readouterr().out
    assert all(said in shown for said in found["verdict"])
