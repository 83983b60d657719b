"""What is asked of the system for the audio thread: asked, read back, reported."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from conftest import need, need_module, wait_for
from zerocross import Player
from zerocross.memory import AlignedBuffer
from zerocross.system.locking import keep_in_memory
from zerocross.system.priority import elevate, name_thread

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux only")


@pytest.fixture
def thread():
    stop = threading.Event()
    made = threading.Thread(target=stop.wait)
    made.start()
    wait_for(lambda: made.native_id)
    yield made.native_id
    stop.set()
    made.join()


def may_elevate():
    """Whether this process may have real-time priority, tried in a process of its own."""
    script = "import os; os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(33))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    return done.returncode == 0


@pytest.fixture
def no_realtime_kit(monkeypatch, tmp_path):
    """Let nobody answer for RealtimeKit."""
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/nobody")


def test_priority_is_what_the_system_says(thread, no_realtime_kit):
    grant = elevate(thread, 33)
    assert grant.granted == may_elevate()
    if grant.granted:
        assert os.sched_getscheduler(thread) == os.SCHED_FIFO
        assert os.sched_getparam(thread).sched_priority == 33
        assert "SCHED_FIFO 33, read back" in grant.detail
        assert "already" in elevate(thread).detail
    else:
        assert os.sched_getscheduler(thread) == os.SCHED_OTHER
        assert "rtprio" in grant.detail
    assert not elevate(1 << 22).granted


@pytest.fixture
def realtime_kit(tmp_path, monkeypatch):
    """Return a function that runs a RealtimeKit on a bus of its own."""
    daemon = need("dbus-daemon")
    need_module("jeepney")
    address = f"unix:path={tmp_path}/bus"
    bus = subprocess.Popen(
        [daemon, "--session", "--nofork", f"--address={address}"], stderr=subprocess.DEVNULL
    )
    wait_for((tmp_path / "bus").exists, what="dbus-daemon")
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
    running = [bus]

    def start(most):
        script = Path(__file__).with_name("fake_realtime_kit.py")
        kit = subprocess.Popen([sys.executable, script, str(most)], stdout=subprocess.PIPE)
        running.append(kit)
        assert kit.stdout.readline() == b"ready\n"

    yield start
    for process in reversed(running):
        process.kill()
        process.communicate()


REFUSED = """
import os, sys, threading
from zerocross.system import priority
real, stop = os.sched_setscheduler, threading.Event()
def refuse(*_):
    raise PermissionError(1, "Operation not permitted")
os.sched_setscheduler = refuse
thread = threading.Thread(target=stop.wait)
thread.start()
grant = priority.elevate(thread.native_id)
print(grant.granted, grant.detail)
policy = os.sched_getscheduler(thread.native_id) & 0xFF
print(policy, os.sched_getparam(thread.native_id).sched_priority)
stop.set()
"""


def ask_without_rights(before=""):
    program = before + REFUSED
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_realtime_kit_gives_what_the_system_refuses(realtime_kit):
    try:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        realtime_kit(20)
        said, found = ask_without_rights()
    except PermissionError:
        pytest.skip("this system gives real-time priority to nobody")
    assert said == "True SCHED_RR 20 from RealtimeKit, read back"
    assert found == f"{os.SCHED_RR} 20"


def test_a_realtime_kit_that_refuses_is_reported(realtime_kit):
    realtime_kit(0)
    said, found = ask_without_rights()
    assert said.startswith(
        "False operation not permitted; RealtimeKit: not today; nice -11 instead"
    )
    assert found == f"{os.SCHED_OTHER} 0"


def test_a_bus_without_realtime_kit_is_reported(realtime_kit):
    said, _ = ask_without_rights()
    assert "RealtimeKit: " in said and said.startswith("False")


def test_without_the_extra_realtime_kit_is_not_asked():
    said, _ = ask_without_rights("import sys\nsys.modules['jeepney'] = None\n")
    assert said.startswith(
        "False operation not permitted; "
        "RealtimeKit not asked (pip install zerocross[realtimekit]); nice "
    )


def test_threads_have_names(thread):
    name_thread(thread, "zerocross-audio-thread")
    assert Path(f"/proc/self/task/{thread}/comm").read_text() == "zerocross-audio\n"
    name_thread(1 << 22, "nobody")


def test_memory_that_stays_is_counted():
    with AlignedBuffer(1 << 20, "u1") as buffer:
        before = locked_kib()
        grant = keep_in_memory([(buffer.address, buffer.nbytes)])
        assert grant.what == "locked memory"
        more = locked_kib() - before
        assert grant.granted == (more >= 1024)
        assert (f"{more} KiB more than before, read back" if more else "memlock") in grant.detail


def locked_kib():
    return int(Path("/proc/self/status").read_text().partition("VmLck:")[2].split()[0])


def test_a_user_without_rights_is_told_how_to_get_them():
    program = """
    import ctypes, os, resource, threading
    from zerocross.system.locking import keep_in_memory
    from zerocross.system.priority import elevate
    from zerocross.memory import AlignedBuffer
    buffer = AlignedBuffer(1 << 20, "u1")
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (65536, 65536))
    resource.setrlimit(resource.RLIMIT_RTPRIO, (0, 0))
    if os.geteuid() == 0:
        ctypes.CDLL(None).setresuid(65534, 65534, 65534)
    print(elevate(threading.get_native_id()))
    print(keep_in_memory([(buffer.address, buffer.nbytes)]))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=True
    )
    priority, memory = done.stdout.splitlines()
    assert priority.startswith("real-time priority: refused") and "rtprio limit" in priority
    assert memory.startswith("locked memory: refused") and "memlock" in memory


def test_the_players_audio_thread_has_it(make_file, no_realtime_kit):
    with Player("null", block_size=64) as player:
        player.play(make_file(frames=480_000)[0])
        wait_for(lambda: any(g.what == "real-time priority" for g in player.realtime))
        number = int(player._output.stream.record["thread"])
        names = {
            int(task.name): (task / "comm").read_text().strip()
            for task in Path("/proc/self/task").iterdir()
        }
        grants = {grant.what: grant for grant in player.realtime}
        assert names[number] == "zerocross-audio"
        assert number not in {t.native_id for t in threading.enumerate()}
        policy = os.sched_getscheduler(number) & ~os.SCHED_RESET_ON_FORK
        assert grants["real-time priority"].granted == (policy in (os.SCHED_FIFO, os.SCHED_RR))
        assert grants["real-time priority"].granted == may_elevate()
        assert {g["what"] for g in player.report()["realtime"]} == set(grants)
