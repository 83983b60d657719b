"""The benchmark harness: it checks before it times, and its rows are what is promised."""

from __future__ import annotations

import contextlib
import json
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from conftest import need, wait_for
from zerocross.errors import UsageError
from zerocross.graph.user_file import chain_of
from zerocross.lab import harness
from zerocross.lab.harness import Bar, Case, Contestant

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.__main__ import cases, cases_of  # noqa: E402
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
