"""The lab: loads, the bare timer, torture and listening, their words and pictures."""

from __future__ import annotations

import ast
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from conftest import need, need_module, wait_for
from zerocross.cli.figure import save_figure
from zerocross.cli.lab_pictures import listened_figure, torture_figure
from zerocross.cli.tables import histogram_table, torture_tables
from zerocross.errors import DeviceError, MissingDependency, UsageError, ZerocrossError
from zerocross.lab import listen, peers
from zerocross.lab import torture as torture_module
from zerocross.lab.contestants import CONTESTANTS
from zerocross.lab.deadlines import count_calls
from zerocross.lab.loads import LOADS
from zerocross.lab.timer import BareTimer
from zerocross.lab.torture import torture

# --- loads and the bare timer -------------------------------------------------------------------


def children():
    command = ["ps", "-o", "pid=", "--ppid", str(os.getpid())]
    listed = subprocess.run(command, capture_output=True, check=True)
    return len(listed.stdout.split()) - 1  # ps is one itself


#: How many threads and processes a load has.
BUSY = {
    "idle": (0, 0),
    "python": (1, 0),
    "gc": (1, 0),
    "gil": (1, 0),
    "cores": (0, os.cpu_count()),
    "disk": (0, 1),
    "memory": (0, 1),
}


@pytest.mark.parametrize("name", LOADS)
def test_every_load_begins_and_ends(name):
    need("ps")
    threads, processes = threading.active_count(), children()
    with LOADS[name][1]():
        busy = threading.active_count() - threads, children() - processes
    assert busy == BUSY[name]
    assert (threading.active_count(), children()) == (threads, processes)


def test_the_bare_timer_wakes_every_period():
    with BareTimer(0.002) as timer:
        wait_for(lambda: timer.counts()["wakes"] > 100, what="wakes")
        counts = timer.counts()
    assert counts["longest_gap_ns"] >= 2_000_000
    assert timer.grant.what == "real-time priority"
    assert timer.counts()["wakes"] < 10_000, "it sleeps in between"


TIMED = """
import json, sys
from zerocross.lab.timer import BareTimer
with BareTimer(0.001) as timer:
    for _ in sys.stdin:
        print(json.dumps(timer.counts()), flush=True)
"""


def test_the_bare_timer_counts_what_it_missed():
    """A process that is stopped for a while wakes in none of the periods that go by."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", TIMED], **pipes) as process:

        def counts():
            process.stdin.write("\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        wait_for(lambda: counts()["wakes"] > 10, what="wakes")
        before = counts()["missed"]
        process.send_signal(signal.SIGSTOP)
        time.sleep(0.4)
        process.send_signal(signal.SIGCONT)
        wait_for(lambda: counts()["missed"] > before, what="a missed period")
        after = counts()
        process.stdin.close()
    assert process.returncode == 0
    assert after["missed"] - before >= 350
    assert after["longest_gap_ns"] >= 350_000_000


# --- torture ------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_python_callbacks_stop_with_the_interpreter_and_ours_do_not(tmp_path):
    """The GIL is held for 100 ms in every second: a tenth of Python's callbacks are lost."""
    need("jackd")
    need_module("sounddevice")
    with torture_module.private_jack(64):
        found = torture(1.5, [64], ["gil"], ["zerocross", "sounddevice"], "jack")
    ours, theirs = found
    assert "error" not in ours and "error" not in theirs, found
    assert theirs["missed"] >= 50 and theirs["longest_gap_ms"] > 80
    assert ours["missed"] < theirs["missed"] / 2
    assert ours["bare_timer"]["longest_gap_ns"] > 0
    tables = list(torture_tables(found))
    assert len(tables) == 1 and tables[0].row_count == 3
    save_figure(torture_figure(found), tmp_path / "torture.png")
    assert (tmp_path / "torture.png").stat().st_size > 10_000


def ran(contestant, load, missed, due=1500):
    return {
        "contestant": contestant,
        "block": 64,
        "load": load,
        "device": "jack",
        "missed": missed,
        "due": due,
        "longest_gap_ms": 2.0,
    }


def test_bars_are_as_high_as_what_was_missed():
    results = [
        ran("zerocross", "idle", 0),
        ran("zerocross", "gil", 15),
        ran("sounddevice", "idle", 30),
        ran("sounddevice", "gil", 3000),
    ]
    (ax,) = torture_figure(results).axes
    heights = {bars.get_label(): [bar.get_height() for bar in bars] for bars in ax.containers}
    assert heights == {
        "Zerocross": [0.002, 1.0],  # what is seen of none
        "sounddevice, Python callback": [2.0, 100.0],
    }
    places = [bar.get_x() for bars in ax.containers for bar in bars]
    assert len(set(places)) == 4, "side by side"


def test_what_fails_is_said_in_the_table_and_not_drawn_as_perfect(tmp_path):
    bad = {"contestant": "pedalboard", "block": 64, "load": "idle", "device": "jack"}
    results = [ran("zerocross", "idle", 1), bad | {"error": "no channels"}]
    from rich.console import Console

    console = Console(record=True, width=120, file=io.StringIO())
    for table in torture_tables(results):
        console.print(table)
    text = console.export_text()
    assert "no channels" in text and "1 of 1500 (2.0)" in text
    figure = torture_figure(results)
    assert [bars.get_label() for bars in figure.axes[0].containers] == ["Zerocross"]
    save_figure(figure, tmp_path / "some.svg")
    assert "did not run here: pedalboard" in (tmp_path / "some.svg").read_text()
    with pytest.raises(ZerocrossError, match="nothing ran"):
        torture_figure(results[1:])
    with pytest.raises(ZerocrossError, match="cannot be written"):
        save_figure(figure, tmp_path / "no folder" / "x.png")


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
    monkeypatch.setattr(torture_module, "is_installed", lambda _: False)
    with pytest.raises(MissingDependency, match=r"pip install zerocross\[torture\]"):
        torture(0.1, [64], ["idle"], ["pyaudio"])


def test_without_any_clock_the_way_out_is_told(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(DeviceError, match="install jackd2"), torture_module.private_jack(64):
        pass


def test_the_private_server_leaves_the_environment_as_it_was(monkeypatch):
    need("jackd")
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "mine")
    monkeypatch.delenv("JACK_NO_START_SERVER", raising=False)
    with torture_module.private_jack(128):
        assert os.environ["JACK_DEFAULT_SERVER"] != "mine"
    assert os.environ["JACK_DEFAULT_SERVER"] == "mine"
    assert "JACK_NO_START_SERVER" not in os.environ


def test_counting_of_python_callbacks():
    period = 64 * 1e9 / 48_000
    times = [(round(k * period), round(k * period) + 1000) for k in range(-5, 105)]
    times[55:65] = []
    times[25] = (times[25][0], times[25][0] + round(1.5 * period))
    counted = count_calls(times, 0, round(100 * period), 64)
    assert (counted["callbacks"], counted["due"], counted["late"]) == (90, 100, 1)
    assert counted["missed"] == 10, "nine gaps that are sure, and a late one"
    assert counted["longest_gap_ms"] == pytest.approx(11 * period / 1e6, rel=1e-3)


# --- peers --------------------------------------------------------------------------------------

PEER_FILES = {p.stem: p for p in Path(peers.__file__).parent.glob("[a-z]*.py")}


def test_every_peer_has_a_file_and_a_line():
    assert set(PEER_FILES) == set(peers.PEERS)
    ours = {"zerocross", "zerocross-full"}
    assert set(CONTESTANTS) - ours <= set(peers.PEERS)
    for name in set(CONTESTANTS) - ours:
        assert "def play(" in PEER_FILES[name].read_text(), name


@pytest.mark.parametrize("name", PEER_FILES)
def test_a_peers_file_imports_what_its_line_says(name):
    imported = set()
    for node in ast.walk(ast.parse(PEER_FILES[name].read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module.split(".")[0])
    foreign = imported - sys.stdlib_module_names - {"zerocross", "numpy"}
    assert foreign == set(peers.PEERS[name].modules) - {"numpy"} - (
        {"scipy"} if name in CONTESTANTS else set()  # it is the effect that needs SciPy
    )


def test_a_peer_is_found_where_all_that_it_needs_is_there(monkeypatch):
    assert peers.find("numpy").__name__ == "zerocross.lab.peers.numpy"
    for lacking in (
        peers.Peer(("numpy", "no_such_module")),
        peers.Peer(("numpy",), ("no-such-program",)),
    ):
        monkeypatch.setitem(peers.PEERS, "numpy", lacking)
        assert peers.find("numpy") is None


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


def test_a_histogram_is_drawn_where_it_was_counted():
    limits = np.arange(1, 5) * 1000.0
    deadline = {"deadline_ns": 3500}
    heard = listen.Listened(
        deadline, np.array([0, 7, 0, 2]), np.array([5, 0, 0, 0]), limits, ["good"]
    )
    durations, arrivals = listened_figure(heard).axes
    bars = [(b.get_x(), b.get_width(), b.get_height()) for b in durations.patches]
    assert bars == [(1.0, 1.0, 7), (3.0, 1.0, 2)], "in microseconds"
    assert [b.get_height() for b in arrivals.patches] == [5]
    assert all(ax.lines[0].get_xdata()[0] == 3.5 for ax in (durations, arrivals))


def test_a_histogram_is_a_table_with_a_row_for_each_octave():
    counts, limits = np.zeros(32, np.int64), np.geomspace(1e3, 2e5, 32)
    counts[[8, 9, 24]] = 40, 2, 1
    table = histogram_table("times", counts, limits, deadline_ns=20_000)
    columns = [list(column.cells) for column in table.columns]
    assert columns[1] == ["42", "0", "1"], "from the first that has any to the last"
    assert [row.style for row in table.rows] == ["", "red", "red"]


@pytest.mark.thorough
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
    done = cli("torture", "--load", "x")
    assert done.returncode == 2 and b"'x' is not known" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="threads are named in /proc")
def test_the_timers_thread_tells_its_name():
    with BareTimer(0.01):
        tasks = Path("/proc/self/task").glob("*/comm")
        assert "zerocross-timer" in {task.read_text().strip() for task in tasks}
