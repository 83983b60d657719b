"""The benchmark harness: it checks before it times, and its rows are what is promised."""

from __future__ import annotations

import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

from zerocross.lab import harness
from zerocross.lab.harness import Bar, Case, Contestant

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.__main__ import cases, cases_of  # noqa: E402

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
