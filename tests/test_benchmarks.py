"""The benchmark harness: it checks before it times, and its rows are what is promised."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import harness  # noqa: E402
from benchmarks.__main__ import cases  # noqa: E402


def sleeper(name, microseconds, **options):
    def call():
        time.sleep(microseconds / 1e6)

    return harness.Contestant(name, call, **options)


def test_a_case_gives_a_row_for_each_contestant(monkeypatch):
    monkeypatch.setattr(harness, "ROUNDS", 5)
    slow, fast = sleeper("slow", 2000), sleeper("fast", 200)
    rows = harness.measure(harness.Case("w", "s", [fast, slow], [harness.Bar("slow", 0.9)]))
    assert [set(row) for row in rows] == [
        {"work", "size", "contestant", "median_ns", "p10_ns", "p90_ns", "ratio", "bar", "met"}
    ] * 2
    assert rows[1]["met"] is True
    rows = harness.measure(harness.Case("w", "s", [slow, fast], [harness.Bar("fast", 1.1)]))
    assert rows[1]["met"] is False


def test_a_wrong_contestant_is_not_timed():
    def wrong():
        raise AssertionError("wrong result")

    case = harness.Case("w", "s", [sleeper("bad", 1, check=wrong)], [])
    with pytest.raises(AssertionError, match="wrong result"):
        harness.measure(case)


def test_every_contestant_of_every_case_is_correct():
    found = cases("")
    assert len(found) >= 12
    for case in found:
        for contestant in case.contestants:
            if contestant.check:
                contestant.check()
        assert case.contestants[0].check, case.work


def test_the_command_line(tmp_path):
    out = tmp_path / "rows.json"
    command = [sys.executable, "-m", "benchmarks", "gain, call", "--json", out]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    assert len(json.loads(out.read_text())) == 2
    unknown = [sys.executable, "-m", "benchmarks", "nothing of the kind"]
    assert subprocess.run(unknown, cwd=ROOT, capture_output=True, check=False).returncode == 2
