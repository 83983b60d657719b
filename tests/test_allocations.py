"""No allocation while playing, counted in the running process; clean forks and exits."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import soundfile

from conftest import music, need

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux only")

PLAY = """
import ctypes, os, sys, threading, time
import zerocross
count = ctypes.CDLL(None).zx_allocations
count.restype = ctypes.c_long
path, seconds = sys.argv[1], float(sys.argv[2])
from zerocross.eq import Equalizer
from zerocross.effects import Compressor, Convolver, Delay, Limiter, LoudnessMeter, Reverb, TapPoint
from zerocross.spectrum import Analyser, Spectrum
effects = zerocross.Chain(Equalizer([("peaking", 1000, 1, 6)]), Compressor(), Delay(), Reverb(),
                          Convolver([1.0] + [0.0] * 999), TapPoint(), LoudnessMeter(), Limiter())
Spectrum().update(), Analyser().byte_frequency_data()  # compiled before the song begins
with zerocross.Player("null", block_size=64, effects=effects) as player:
    player.play(path)
    spectrum, analyser = Spectrum(player.tap), Analyser(player.tap)
    time.sleep(1.0)
    threads = {int(name) for name in os.listdir("/proc/self/task")}
    python = {t.native_id for t in threading.enumerate() if t.name != "zerocross-decode"}
    audio = threads - python
    before = {thread: count(thread) for thread in threads}
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:  # the analysers look on, from this thread
        spectrum.update()
        analyser.byte_frequency_data()
        time.sleep(1 / 60)
    after = {thread: count(thread) for thread in threads}
    callback = int(player._output.stream.record["thread"])
    report = player.report()
    player.stop()
assert len(audio) >= 2 and callback in audio, (threads, python, callback)
mine = threading.get_native_id()
print(sum(after[t] - before[t] for t in audio), after[callback] - before[callback],
      count(mine), report["callbacks"], report["underruns"])
"""


@pytest.fixture(scope="module")
def counter(tmp_path_factory):
    """Return the preloaded library that counts."""
    library = tmp_path_factory.mktemp("shim") / "count.so"
    source = Path(__file__).with_name("count_allocations.c")
    subprocess.run(
        [need("gcc"), "-shared", "-fPIC", "-O1", source, "-o", library, "-ldl"], check=True
    )
    return library


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("kind", "subtype", "rate"),
    [("wav", "PCM_16", 48_000), ("flac", "PCM_24", 44_100), ("ogg", "VORBIS", 48_000)],
)
@pytest.mark.parametrize("seconds", [2, pytest.param(60, marks=pytest.mark.soak)])
def test_nothing_is_allocated_while_playing(tmp_path, counter, kind, subtype, rate, seconds):
    path = tmp_path / f"song.{kind}"
    data = music(rate * (seconds + 4), sample_rate=rate)
    with soundfile.SoundFile(path, "w", rate, 2, subtype) as file:
        for start in range(0, len(data), 48_000):  # libsndfile's Vorbis writer wants pieces
            file.write(data[start : start + 48_000])
    done = subprocess.run(
        [sys.executable, "-c", PLAY, path, str(seconds)],
        env={**os.environ, "LD_PRELOAD": str(counter)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    while_playing, in_callback, python, callbacks, underruns = map(int, done.stdout.split())
    assert python > 1000, "the counter counts"
    assert callbacks > 100 * seconds
    assert underruns == 0
    assert in_callback == 0
    if kind != "ogg":  # libvorbis may allocate as it decodes: on the decode thread
        assert while_playing == 0


FEED = """
import ctypes, threading, time
import numpy as np
import zerocross
count = ctypes.CDLL(None).zx_allocations
count.restype = ctypes.c_long
speech = (0.1 * np.random.default_rng(1).standard_normal(22_050)).astype(np.float32)
with zerocross.Stream(input=True, device="null", block_size=64) as stream:
    stream.read(64)
    stream.write(speech, 22_050)
    time.sleep(0.5)
    callback = int(stream._host.record["thread"])
    before = count(callback)
    for _ in range(20):  # phrases, flushes and underruns, and an intake that is read and that is full
        stream.write(speech[:4_000], 22_050)
        stream.read(2_000)
        stream.flush()
        stream.write(speech[:4_000], 22_050)
        time.sleep(0.05)
    after = count(callback)
    report = stream.report()
print(after - before, count(threading.get_native_id()), report["callbacks"],
      report["feed"]["frames_played"], report["feed"]["frames_dropped"])
"""


@pytest.mark.thorough
def test_nothing_is_allocated_by_the_callback_of_a_feed(counter):
    done = subprocess.run(
        [sys.executable, "-c", FEED],
        env={**os.environ, "LD_PRELOAD": str(counter)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    in_callback, python, callbacks, played, dropped = map(int, done.stdout.split())
    assert python > 1000 and callbacks > 500 and played > 10_000 and dropped > 1_000
    assert in_callback == 0


def run(program, *arguments):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=200,  # the first run compiles, beside another one
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.mark.timeout(240)
def test_leaving_the_interpreter_while_playing_is_clean(make_file):
    program = """
    import sys, time, zerocross
    player = zerocross.Player("null", block_size=64)
    player.play(sys.argv[1])
    time.sleep(0.3)
    print("leaving", player.state)
    """
    assert run(program, make_file(frames=480_000)[0]) == "leaving playing\n"


@pytest.mark.timeout(240)
def test_a_fork_while_playing_is_clean_on_both_sides(make_file):
    """The child has no audio threads: its player is closed; the parent plays on."""
    program = """
    import os, sys, time, zerocross
    player = zerocross.Player("null", block_size=64)
    player.play(sys.argv[1])
    time.sleep(0.3)
    before = player.report()["callbacks"]
    child = os.fork()
    if child == 0:
        try:
            player.play(sys.argv[1])
        except zerocross.UsageError as error:
            print(error, flush=True)
        player.close()
        sys.exit(7)
    _, status = os.waitpid(child, 0)
    time.sleep(0.2)
    report = player.report()
    assert os.waitstatus_to_exitcode(status) == 7
    assert report["callbacks"] > before + 50
    print(player.state, report["underruns"])
    """
    out = run(program, make_file(frames=480_000)[0]).splitlines()
    assert out == ["the player is closed; make a new one", "playing 0"]


CATALOGUE = """
import ctypes, sys, threading
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import numpy as np
from test_proof import ALLOWED, load
from zerocross import Chain
from zerocross.graph.program import run_program_over
count = ctypes.CDLL(None).zx_allocations
count.restype = ctypes.c_long
me, bad = threading.get_native_id(), []
rows = np.random.default_rng(1).standard_normal((2, 64 * 500)).astype(np.float32)
out = np.zeros_like(rows)
call = None
for name, body in ALLOWED.items():
    made, _, _ = load(Path(sys.argv[2]), body or "pass")
    chain = Chain(made(), budget=0)
    address = chain.prepare(48_000, 2).record.address
    counts = []
    for frames in (64, 64, 64 * 500, 64 * 500):
        before = count(me)
        run_program_over(address, rows.ctypes.data, out.ctypes.data, rows.shape[1], frames)
        counts.append(count(me) - before)
    if counts[1] != counts[3]:  # what calling through ctypes allocates does not depend on frames
        bad.append((name, counts))
print(len(ALLOWED), count(me), bad)
"""


@pytest.mark.thorough
@pytest.mark.timeout(300)
def test_no_accepted_processor_allocates_or_locks(tmp_path, counter):
    """Every construct that the proof accepts, run for one block and for five hundred."""
    done = subprocess.run(
        [sys.executable, "-c", CATALOGUE, str(Path(__file__).parent), str(tmp_path)],
        env={**os.environ, "LD_PRELOAD": str(counter)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    number, counted, bad = done.stdout.split(maxsplit=2)
    assert int(number) >= 40
    assert int(counted) > 1000, "the counter counts"
    assert bad.strip() == "[]"


SILENT = """
import ctypes, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import numpy as np
from test_effects import EVERY
from test_proof import ALLOWED, load
from zerocross import Chain
from zerocross.compiler import entry, thread_number
from zerocross.graph.program import run_program_over
run = ctypes.CDLL(None).zx_without_system_calls
run.argtypes = [ctypes.c_void_p] + [ctypes.c_long] * 5
rows = np.random.default_rng(1).standard_normal((2, 64 * 100)).astype(np.float32)
out = np.zeros_like(rows)
bad, count = [], 0
made = {name: load(Path(sys.argv[2]), body or "pass")[0] for name, body in ALLOWED.items()}
for name, make in {**made, **EVERY}.items():
    chain = Chain(make(), budget=0)
    address = chain.prepare(48_000, 2).record.address
    size = rows.shape[1]
    status = run(
        run_program_over.address, address, rows.ctypes.data, out.ctypes.data, size, size
    )
    count += 1
    if status:
        bad.append((name, status))

@entry("int64", "int64", "int64", "int64", "int64")
def asks(a, b, c, d, e):
    thread_number(0)

print(count, run(asks.address, 0, 0, 0, 0, 0), bad)
"""


@pytest.mark.thorough
@pytest.mark.timeout(300)
def test_no_accepted_processor_makes_a_system_call(tmp_path, counter):
    """Each runs in a child that the kernel kills for any system call; a planted one is killed."""
    done = subprocess.run(
        [sys.executable, "-c", SILENT, str(Path(__file__).parent), str(tmp_path)],
        env={**os.environ, "LD_PRELOAD": str(counter)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    number, planted, bad = done.stdout.split(maxsplit=2)
    assert int(number) >= 50
    assert int(planted) & 127 == signal.SIGSYS
    assert bad.strip() == "[]"
