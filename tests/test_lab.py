"""The lab: loads, the bare timer, torture and listening, their words and pictures."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import time

import pytest

from conftest import need, need_module, wait_for
from zerocross.cli.tables import torture_tables
from zerocross.errors import DeviceError, MissingDependency, UsageError, ZerocrossError
from zerocross.lab import contestants, listen
from zerocross.lab import torture as torture_room
from zerocross.lab.loads import LOADS
from zerocross.lab.timer import BareTimer
from zerocross.lab.torture import draw, torture


def children():
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(os.getpid())], capture_output=True)
    return len(listed.stdout.split())


@pytest.mark.parametrize("name", LOADS)
def test_every_load_begins_and_ends(name):
    import threading

    threads = threading.active_count()
    with LOADS[name][1]():
        time.sleep(0.1)
    assert threading.active_count() == threads


def test_a_load_of_the_machine_leaves_no_process_behind():
    need("ps")
    before = children()
    with LOADS["cores"][1]():
        assert children() > before
    assert children() == before


def test_the_bare_timer_wakes_every_period():
    with BareTimer(0.002) as timer:
        wait_for(lambda: timer.counts()["wakes"] > 100, what="wakes")
        counts = timer.counts()
    assert counts["longest_gap_ns"] >= 2_000_000
    assert timer.grant.what == "real-time priority"
    assert timer.counts()["wakes"] < 10_000, "it sleeps in between"


def seconds_until(until):
    return int(until[0]) + int(until[1]) / 1e9 - time.monotonic()


def test_the_bare_timer_counts_what_it_missed():
    """Its period is long while it falls asleep and short when it wakes: so it comes too late."""
    with BareTimer(0.001) as timer:
        record = timer._record
        wait_for(lambda: timer.counts()["wakes"] > 10, what="wakes")
        before = timer.counts()["missed"]
        record["period_ns"] = 300_000_000
        wait_for(lambda: seconds_until(record["until"]) > 0.1, what="a long sleep")
        record["period_ns"] = 1_000_000
        wait_for(lambda: timer.counts()["missed"] > before, what="a gap")
        assert timer.counts()["missed"] - before >= 250


def test_python_callbacks_stop_with_the_interpreter_and_ours_do_not(tmp_path):
    """The GIL is held for 100 ms in every second: a tenth of Python's callbacks are lost."""
    need("jackd")
    need_module("sounddevice")
    with torture_room.private_jack(64):
        found = torture(1.5, [64], ["gil"], ["zerocross", "sounddevice"], "jack")
    ours, theirs = found
    assert "error" not in ours and "error" not in theirs, found
    assert theirs["missed"] >= 50 and theirs["longest_gap_ms"] > 80
    assert ours["missed"] < theirs["missed"] / 2
    assert ours["bare_timer"]["longest_gap_ns"] > 0
    tables = list(torture_tables(found))
    assert len(tables) == 1 and tables[0].row_count == 3
    draw(found, tmp_path / "torture.png")
    assert (tmp_path / "torture.png").stat().st_size > 10_000


def test_what_fails_is_said_in_the_table_and_not_drawn_as_perfect(tmp_path):
    bad = {"contestant": "pedalboard", "block": 64, "load": "idle", "device": "jack"}
    good = {"contestant": "zerocross", "block": 64, "load": "idle", "device": "jack"}
    counted = {"missed": 1, "due": 1500, "longest_gap_ms": 2.0}
    results = [good | counted, bad | {"error": "no channels"}]
    from rich.console import Console

    console = Console(record=True, width=120, file=io.StringIO())
    for table in torture_tables(results):
        console.print(table)
    text = console.export_text()
    assert "no channels" in text and "1 of 1500 (2.0)" in text
    draw(results, tmp_path / "some.svg")
    assert "did not run here: pedalboard" in (tmp_path / "some.svg").read_text()
    with pytest.raises(ZerocrossError, match="nothing ran"):
        draw(results[1:], tmp_path / "none.png")
    with pytest.raises(ZerocrossError, match="cannot be written"):
        draw(results, tmp_path / "no folder" / "x.png")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"loads": ["lode"]}, "'lode' is not known; there are: idle"),
        ({"contestants": ["x"]}, "zerocross"),
    ],
)
def test_unknown_names_are_told(options, words):
    with pytest.raises(UsageError, match=words):
        torture(0.1, [64], **options)


def test_a_contestant_that_is_not_installed_is_told(monkeypatch):
    monkeypatch.setattr(torture_room, "is_installed", lambda _: False)
    with pytest.raises(MissingDependency, match=r"pip install zerocross\[torture\]"):
        torture(0.1, [64], ["idle"], ["pyaudio"])


def test_without_any_clock_the_way_out_is_told(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(DeviceError, match="install jackd2"), torture_room.private_jack(64):
        pass


def test_the_private_server_leaves_the_environment_as_it_was(monkeypatch):
    need("jackd")
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "mine")
    monkeypatch.delenv("JACK_NO_START_SERVER", raising=False)
    import os

    with torture_room.private_jack(128):
        assert os.environ["JACK_DEFAULT_SERVER"] != "mine"
    assert os.environ["JACK_DEFAULT_SERVER"] == "mine"
    assert "JACK_NO_START_SERVER" not in os.environ


def test_counting_of_python_callbacks():
    effect = object.__new__(contestants._PythonEffect)
    period = 64 * 1e9 / 48_000
    effect.times = [(round(k * period), round(k * period) + 1000) for k in range(100)]
    effect.times[50:60] = []
    effect.times[20] = (effect.times[20][0], effect.times[20][0] + round(1.5 * period))
    counted = effect.counted(0, round(100 * period), 64)
    assert (counted["callbacks"], counted["due"], counted["late"]) == (90, 100, 1)
    assert counted["missed"] == 10, "nine gaps that are sure, and a late one"
    assert counted["longest_gap_ms"] == pytest.approx(11 * period / 1e6, rel=1e-3)


# --- listening ----------------------------------------------------------------------------------


def report(**changes):
    base = {
        "callbacks": 1000,
        "late_callbacks": 0,
        "late_causes": {
            "preempted": 0,
            "page fault": 0,
            "held up": 0,
            "own work": 0,
            "woken late": 0,
        },
        "block_size": 64,
        "sample_rate": 48_000,
        "backend": "jack",
        "share_of_deadline": {"max": 0.1},
        "arrival_jitter_ns": {"longest_gap": 1_400_000},
        "realtime": [],
    }
    return base | changes


def test_the_verdict_in_words():
    assert any(line.startswith("good: ") for line in listen._words(report()))
    causes = {"preempted": 5, "page fault": 0, "held up": 0, "own work": 1, "woken late": 2}
    bad = listen._words(
        report(late_callbacks=6, late_causes=causes, arrival_jitter_ns={"longest_gap": 5_000_000})
    )
    assert "not good: 0.8 % of the callbacks" in bad[1]
    assert "--block 256" in bad[2], "5 ms are 240 frames"
    assert bad[3].startswith("mostly preempted") and "real-time priority" in bad[3]
    assert "says nothing about a sound card" in listen._words(report(backend="null"))[1]
    assert "no callback at all" in listen._words(report(callbacks=0))[0]
    grant = {"what": "locked memory", "granted": False, "detail": "refused; raise memlock"}
    assert listen._words(report(realtime=[grant]))[-1] == "locked memory: refused; raise memlock"


def test_the_doctor_listens(cli, tmp_path):
    done = cli("doctor", "--listen", "0.5", "--device", "null", "-o", tmp_path / "ear.png")
    text = done.stdout.decode()
    assert done.returncode == 0, done.stderr
    assert "time that callbacks took" in text and "callbacks of 512 frames" in text
    assert (tmp_path / "ear.png").stat().st_size > 10_000
    said = json.loads(cli("doctor", "--listen", "0.3", "--device", "null", "--json").stdout)
    assert said["verdict"] and said["callbacks"] > 5


def test_options_of_listening_alone_are_told(cli):
    done = cli("doctor", "--block", "64")
    assert done.returncode == 2 and b"--block needs --listen" in done.stderr
    assert cli("torture", "--load", "x").returncode == 2
