"""The command line as people meet it: mistakes, exit codes, keys, Ctrl-C, reports."""

from __future__ import annotations

import ctypes
import importlib.metadata
import json
import os
import pty
import re
import resource
import signal
import subprocess
import sys
import termios
import time

import click
import numpy as np
import pexpect
import pytest
import soundfile
import soxr

from conftest import music, wait_for
from zerocross.cli.keys import parse_keys
from zerocross.cli.main import run
from zerocross.cli.options import effects_of
from zerocross.cli.playing import print_event
from zerocross.cli.showing import compiling_told
from zerocross.cli.warmup import compilation_told
from zerocross.compiler.entry import tell
from zerocross.dsp.polyphase import QUALITIES
from zerocross.dsp.resample import resample_signal
from zerocross.memory import MirroredBuffer
from zerocross.player import Event
from zerocross.sources.playlists import expand_paths as expand
from zerocross.system import topology

NULL = ("--device", "null", "--no-ui")


def one_line(done, *words):
    """Return the one error line of a failed command, which must hold some words."""
    text = done.stderr.decode()
    assert "Traceback" not in text
    lines = [line for line in text.splitlines() if line.lower().startswith("error:")]
    assert len(lines) == 1, text
    for word in words:
        assert word in lines[0], lines[0]
    return lines[0]


def write_bytes(path, data):
    path.write_bytes(data)
    return path


def bad_files(folder):
    """Every kind of bad file: name, what to do, words of the message."""
    soundfile.write(folder / "good.flac", music(48_000), 48_000)
    flac = (folder / "good.flac").read_bytes()
    soundfile.write(folder / "good.wav", music(4800), 48_000, "FLOAT")
    wav = bytearray((folder / "good.wav").read_bytes())
    cases = {
        "missing.flac": (None, "no such file"),
        "empty.wav": (b"", "0 bytes"),
        "text.mp3": (b"this is no music\n" * 50, "not playable audio"),
        "noise.ogg": (np.random.default_rng(1).bytes(20_000), "not playable audio"),
        "header.flac": (flac[:20], "not playable audio"),
    }
    for name, (data, _) in cases.items():
        if data is not None:
            (folder / name).write_bytes(data)
    for name, rate in (("slow.wav", 1), ("fast.wav", 768_000)):
        wav[24:28] = rate.to_bytes(4, "little")
        (folder / name).write_bytes(wav)
        cases[name] = (b"", "resample it first")
    soundfile.write(folder / "many.wav", np.zeros((480, 64), np.float32), 48_000, "FLOAT")
    cases["many.wav"] = (b"", "64 channels; 1 to 8 can be played")
    soundfile.write(folder / "none.wav", np.zeros((0, 2), np.float32), 48_000, "FLOAT")
    cases["none.wav"] = (b"", "holds no audio")
    return {name: words for name, (_, words) in cases.items()}


@pytest.fixture(scope="module")
def bad(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bad")
    return folder, bad_files(folder)


BAD_NAMES = [
    "missing.flac",
    "empty.wav",
    "text.mp3",
    "noise.ogg",
    "header.flac",
    "slow.wav",
    "fast.wav",
    "many.wav",
    "none.wav",
]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_bad_file_is_one_line_and_exit_code_1(cli, bad, name):
    folder, words = bad
    done = cli("play", folder / name, *NULL)
    assert done.returncode == 1
    line = one_line(done, name, words[name])
    assert ";" in line, "says what to do"


def test_in_a_queue_bad_items_are_skipped_and_the_rest_plays(cli, bad, tmp_path):
    folder, words = bad
    report = tmp_path / "report.json"
    good = folder / "good.wav"
    paths = [folder / name for name in words]
    done = cli("play", *paths, good, *NULL, "--report", report)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr.decode()
    content = json.loads(report.read_text())
    status = {os.path.basename(t["path"]): t for t in content["tracks"]}
    for name in words:
        assert status[name]["status"] == "failed"
        assert words[name] in status[name]["error"]
    assert status["good.wav"]["status"] == "played"
    assert content["frames_played"] == 4800


@pytest.mark.parametrize(
    ("name", "is_told"),
    [("cut.flac", True), ("cut.mp3", True), ("cut.ogg", False), ("holes.flac", True)],
)
def test_damaged_files_play_what_is_there_and_say_so(cli, tmp_path, name, is_told):
    """But for Ogg: it carries no length, and libsndfile takes what is there as all."""
    path = tmp_path / name
    soundfile.write(path, music(96_000), 48_000)
    data = bytearray(path.read_bytes())
    if name.startswith("cut"):
        data = data[: len(data) // 2]
    else:
        data[len(data) // 2 : len(data) // 2 + 400] = bytes(400)
    path.write_bytes(data)
    report = tmp_path / "r.json"
    done = cli("play", path, *NULL, "--report", report, timeout=60)
    track = json.loads(report.read_text())["tracks"][0]
    assert "Traceback" not in done.stderr.decode()
    assert 24_000 < track["frames"] < 72_000, "about half of it"
    if is_told:
        assert done.returncode == 1
        assert track["status"] == "truncated"
        assert track["error"].endswith("copy it again")
        one_line(done, name, track["error"])
    else:
        assert (done.returncode, done.stderr) == (0, b"")
        assert (track["status"], track["error"]) == ("played", None)


def test_nan_in_a_float_file_is_a_warning(cli, tmp_path):
    data = music(4800)
    data[100] = np.nan
    soundfile.write(tmp_path / "nan.wav", data, 48_000, "FLOAT")
    done = cli("play", tmp_path / "nan.wav", *NULL)
    assert done.returncode == 1
    assert b"warning:" in done.stderr and b"2 samples are NaN or infinite" in done.stderr


def test_a_directory_without_audio(cli, tmp_path):
    (tmp_path / "notes.txt").write_text("none")
    done = cli("play", tmp_path, *NULL)
    assert done.returncode == 1
    one_line(done, "no audio in this directory")


def test_a_path_that_is_no_utf8(cli, tmp_path):
    raw = os.fsencode(tmp_path) + b"/s\xff\xfeng.wav"
    soundfile.write(raw, music(2400), 48_000, "FLOAT", format="WAV")
    report = tmp_path / "r.json"
    done = cli("play", os.fsdecode(raw), *NULL, "--report", report)
    assert done.returncode == 0, done.stderr
    track = json.loads(report.read_text())["tracks"][0]
    assert track["status"] == "played" and r"s\xff\xfeng.wav" in track["path"]
    done = cli("play", os.fsdecode(os.fsencode(tmp_path) + b"/none\xff.wav"), *NULL)
    assert done.returncode == 1
    one_line(done, r"none\xff.wav")


def test_an_unknown_device_is_usage_and_lists_the_near_ones(cli, bad):
    done = cli("play", bad[0] / "good.wav", "--device", "loudspeaker of nobody", "--no-ui")
    assert done.returncode == 2
    one_line(done, "loudspeaker of nobody", "near are", "null")


@pytest.mark.parametrize(
    "arguments",
    [
        ["play"],
        ["play", "x.wav", "--volume", "2"],
        ["play", "x.wav", "--volume", "loud"],
        ["play", "x.wav", "--block", "0"],
        ["play", "x.wav", "--start", "-1"],
        ["play", "x.wav", "--duration", "0"],
        ["play", "x.wav", "--nonsense"],
        ["sing"],
        ["render", "x.wav"],
        ["render", "x.wav", "out.wav", "--bits", "12"],
        ["completion", "tcsh"],
    ],
)
def test_usage_errors_are_exit_code_2(cli, home, arguments):
    done = cli(*arguments)
    assert done.returncode == 2
    assert b"rror: " in done.stderr and b"Traceback" not in done.stderr


def test_a_report_that_cannot_be_written(cli, bad, tmp_path):
    done = cli("play", bad[0] / "good.wav", *NULL, "--report", tmp_path / "none" / "r.json")
    assert done.returncode == 2
    one_line(done, "no such directory", "make it first")


def test_debug_shows_the_traceback(cli, tmp_path):
    done = cli("render", tmp_path / "none.wav", tmp_path / "o.wav", "--debug")
    assert done.returncode == 1
    assert b"Traceback" in done.stderr


# --- rendering ------------------------------------------------------------------------------


def test_rendering_16_bit_flac_is_bit_identical(cli, tmp_path):
    rng = np.random.default_rng(4)
    data = rng.integers(-32768, 32768, (50_000, 2), dtype=np.int16)
    soundfile.write(tmp_path / "in.flac", data, 44_100, "PCM_16")
    done = cli("render", tmp_path / "in.flac", tmp_path / "out.flac")
    assert done.returncode == 0, done.stderr
    out, rate = soundfile.read(tmp_path / "out.flac", dtype="int16")
    assert rate == 44_100
    assert np.array_equal(out, data)
    assert soundfile.info(tmp_path / "out.flac").subtype == "PCM_16"


def test_rendering_tells_of_its_dither(cli, tmp_path):
    soundfile.write(tmp_path / "in.wav", np.zeros(48_000), 48_000, "PCM_16")
    paths = tmp_path / "in.wav", tmp_path / "out.wav"
    done = cli("render", *paths, "--volume", "0.5", "--dither", "shaped")
    assert done.stdout.strip().endswith(b"16 bit, shaped dither"), done.stderr
    assert soundfile.read(tmp_path / "out.wav", dtype="int16")[0].std() > 1
    done = cli("render", *paths, "--force", "--bits", "32")
    assert done.stdout.strip().endswith(b", 32 bit"), done.stderr


def test_rendering_joins_cuts_and_scales(cli, tmp_path):
    signal = music(30_000, 1)
    soundfile.write(tmp_path / "a.wav", signal[:11_111], 48_000, "FLOAT")
    soundfile.write(tmp_path / "b.wav", signal[11_111:], 48_000, "FLOAT")
    out = tmp_path / "out.wav"
    assert cli("render", tmp_path / "a.wav", tmp_path / "b.wav", out).returncode == 0
    assert np.array_equal(soundfile.read(out, dtype="float32")[0], signal[:, 0])
    refused = cli("render", tmp_path / "a.wav", out)
    assert refused.returncode == 2
    one_line(refused, "exists already", "--force")
    assert len(soundfile.read(out)[0]) == 30_000, "nothing lost"
    options = [
        "--force",
        "--volume",
        "0.5",
        "--start",
        "0.1",
        "--duration",
        "0.2",
        "--channels",
        "2",
    ]
    assert cli("render", tmp_path / "a.wav", out, *options).returncode == 0
    cut = soundfile.read(out, dtype="float32")[0]
    assert cut.shape == (11_111 - 4800, 2), "the file ends before the duration does"
    assert np.array_equal(cut[1000:2000, 0], signal[5800:6800, 0] * np.float32(0.5))
    assert np.array_equal(cut[:, 0], cut[:, 1])


def test_rendering_many_files(cli, tmp_path):
    signal = music(4000, 1)
    paths = []
    for i in range(40):
        paths.append(tmp_path / f"{i}.wav")
        soundfile.write(paths[-1], signal[100 * i : 100 * (i + 1)], 48_000, "FLOAT")
    assert cli("render", *paths, tmp_path / "out.wav").returncode == 0
    assert np.array_equal(soundfile.read(tmp_path / "out.wav", dtype="float32")[0], signal[:, 0])


def test_rendering_says_what_was_clipped_and_what_was_skipped(cli, tmp_path):
    loud = np.full((1000, 6), 0.9, np.float32)
    soundfile.write(tmp_path / "loud.wav", loud, 48_000, "FLOAT")
    done = cli("render", tmp_path / "loud.wav", tmp_path / "gone.wav", tmp_path / "out.flac")
    assert done.returncode == 1
    assert b"no such file" in done.stderr
    assert b"2000 samples were beyond full scale" in done.stderr
    assert (tmp_path / "out.flac").exists()


@pytest.mark.parametrize(
    ("name", "words"), [("out.mp3", ".wav or .flac"), ("out", ".wav or .flac")]
)
def test_rendering_into_something_else_is_refused(cli, bad, tmp_path, name, words):
    done = cli("render", bad[0] / "good.wav", tmp_path / name)
    assert done.returncode == 2
    one_line(done, words)


def test_a_full_disk_leaves_nothing_half_done(bad, tmp_path):
    """A limit on file size stands in for the disk: the write fails in the middle."""
    soundfile.write(tmp_path / "in.wav", music(200_000), 48_000, "FLOAT")

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))

    done = subprocess.run(
        [sys.executable, "-m", "zerocross", "render", tmp_path / "in.wav", tmp_path / "out.wav"],
        capture_output=True,
        preexec_fn=limit,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    one_line(done, "cannot be written", "free space")
    assert not [p for p in tmp_path.iterdir() if "out.wav" in p.name]


# --- playlists ------------------------------------------------------------------------------


def test_directories_and_playlists_expand_in_order(tmp_path):
    album = tmp_path / "album"
    album.mkdir()
    for name in ("10.flac", "2.flac", "1.flac", "cover.jpg"):
        (album / name).touch()
    text = (
        "\ufeff#EXTM3U\r\n#EXTINF:1,One\r\nalbum/2.flac\r\n\r\nhttp://radio/x\r\ncaf\u00e9.ogg\r\n"
    )
    (tmp_path / "list.m3u8").write_bytes(text.encode())
    (tmp_path / "loop.m3u").write_text("loop.m3u\n")
    files, problems = expand([str(album), str(tmp_path / "list.m3u8"), str(tmp_path / "loop.m3u")])
    names = [os.path.relpath(f, tmp_path) for f in files]
    assert names[:4] == ["album/1.flac", "album/2.flac", "album/10.flac", "album/2.flac"]
    assert files[4:] == ["http://radio/x", os.path.join(tmp_path, "café.ogg")]
    assert [p.reason.split(";")[0] for p in problems] == ["this playlist includes itself"]


def test_an_empty_playlist(cli, tmp_path):
    (tmp_path / "none.m3u").write_text("# nothing\n")
    done = cli("play", tmp_path / "none.m3u", *NULL)
    assert done.returncode == 1
    one_line(done, "playlist is empty")


# --- keys and the status line -----------------------------------------------------------------


def test_keys_are_parsed():
    assert parse_keys("a\x1b[C\x1b[D \x1bOAq\x1b[3~m\x1b") == [
        "a",
        "right",
        "left",
        " ",
        "up",
        "q",
        "m",
        "\x1b",
    ]


def spawn(*arguments):
    child = pexpect.spawn(
        sys.executable,
        ["-m", "zerocross", *map(str, arguments)],
        dimensions=(24, 100),
        encoding="utf-8",
        timeout=30,
    )
    child.delaybeforesend = 0
    return child


def test_the_status_line_and_its_keys(make_file, tmp_path):
    first, _ = make_file("first.flac", frames=48_000 * 30)
    second, _ = make_file("second.flac", frames=48_000 * 30)
    report = tmp_path / "r.json"
    child = spawn("play", first, second, "--device", "null", "--report", report)
    child.expect("space pause")
    child.expect(
        r"▶.*first\.flac.*0:(\d\d) / 0:30.*dB.*vol 100 %.*1/2"
    )  # later, where it is compiled
    before_s = int(child.match[1])
    child.send("\x1b[C")
    child.expect([rf"0:{before_s + more:02} / 0:30" for more in (5, 6)])
    child.send("\x1b[B")
    child.expect("vol  95 %")
    child.send("m")
    child.expect("muted")
    child.send(" ")
    child.expect("⏸")
    child.send("n")
    child.expect(r"second\.flac.*2/2")
    child.send("q")
    child.expect(r"played 0:\d\d, 0 underruns, \d+ of \d+ callbacks late")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    tracks = json.loads(report.read_text())["tracks"]
    assert [t["status"] for t in tracks] == ["skipped", "skipped"]


def test_a_narrow_terminal(make_file):
    path, _ = make_file("a_rather_long_name_for_a_song.flac", frames=48_000 * 9)
    child = spawn("play", path, "--device", "null")
    child.setwinsize(24, 60)
    child.expect("0:0[0-9] / 0:09")
    child.sendintr()
    child.expect("stopped at")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130


@pytest.mark.parametrize(
    "delay", [pytest.param(0.02, marks=pytest.mark.thorough), 0.1, 0.3, 0.8, 1.5]
)
def test_ctrl_c_at_any_moment_restores_the_terminal(make_file, delay):
    path, _ = make_file(frames=48_000 * 30)
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)

    def take_terminal():
        os.setsid()
        import fcntl

        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    process = subprocess.Popen(
        [sys.executable, "-m", "zerocross", "play", path, "--device", "null"],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        preexec_fn=take_terminal,
    )
    os.set_blocking(master, False)
    output = b""
    deadline = time.monotonic() + delay
    while time.monotonic() < deadline:
        output += read_some(master)
        time.sleep(0.005)
    is_starting = not output  # Python may drop an interrupt before our handler is there
    for patience in (10, 20) if is_starting else (20,):
        os.write(master, b"\x03")
        deadline = time.monotonic() + patience
        while process.poll() is None and time.monotonic() < deadline:
            output += read_some(master)
            time.sleep(0.005)
        if process.poll() is not None:
            break
    output += read_some(master)
    if process.poll() is None:
        process.kill()
        process.wait()
    # Until the handler is there, an interrupt is the interpreter's own to report.
    if b"Traceback" in output or process.returncode != 130:
        inside = rb"zerocross/(cli/(?!__init__|interrupt)|compiler|engine|graph|player|sources)"
        assert not re.search(inside, output), output
        assert process.returncode in (1, -signal.SIGINT), output
    assert termios.tcgetattr(slave) == before
    os.close(master)
    os.close(slave)


def test_a_ctrl_c_that_python_drops_still_counts(make_file):
    """The handler raises inside a destructor, where Python ignores it: the note remains."""
    path, _ = make_file(frames=48_000 * 30)
    script = (
        "import os, signal, sys, threading\n"
        "from zerocross.cli import interrupt\n"
        "interrupt.install()\n"
        "class Dropped:\n"
        "    def __del__(self):\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "        sum(range(1000))\n"
        "dropped = Dropped()\n"
        "del dropped\n"
        "from zerocross.cli.main import run\n"
        f"sys.exit(run(['play', {str(path)!r}, '--device', 'null', '--no-ui']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, timeout=120, check=False
    )
    assert done.returncode == 130, done.stderr
    assert done.stderr.startswith(b"stopped at")


def read_some(master):
    try:
        return os.read(master, 65_536)
    except OSError:
        return b""


def test_sigterm_ends_it_cleanly(make_file):
    path, _ = make_file(frames=48_000 * 30)
    process = subprocess.Popen(
        [sys.executable, "-m", "zerocross", "play", path, *NULL],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.readline()
    process.terminate()
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 128 + signal.SIGTERM
    assert errors.startswith(b"stopped at")


# --- the rest ---------------------------------------------------------------------------------


def test_demo_plays(cli, tmp_path):
    report = tmp_path / "r.json"
    done = cli("demo", *NULL, "--duration", "1", "--report", report)
    assert done.returncode == 0, done.stderr
    content = json.loads(report.read_text())
    assert content["frames_played"] == 48_000
    assert content["underruns"] == 0


def test_the_demo_is_music():
    """It has level, width and an end, and no clipping."""
    from zerocross.demo import compose

    piece = compose()
    assert 20 < len(piece) / 48_000 < 24
    assert np.abs(piece).max() == pytest.approx(10 ** (-3 / 20), rel=1e-3)
    seconds = piece[: len(piece) // 48_000 * 48_000].reshape(-1, 48_000, 2)
    assert np.all(np.sqrt((seconds[:20] ** 2).mean(axis=(1, 2))) > 0.02)
    assert np.abs(piece[-1]).max() < 1e-3
    assert np.corrcoef(piece.T)[0, 1] < 0.95


def test_devices_and_doctor(cli):
    done = cli("devices")
    assert done.returncode == 0 and b"null" in done.stdout
    listed = json.loads(cli("devices", "--json").stdout)
    assert set(listed) == {"devices", "inputs", "unavailable"}
    assert "null" in {device["backend"] for device in listed["devices"]}
    assert set(listed["devices"][0]) == {"backend", "name", "default", "formats"}
    done = cli("doctor", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert set(found) == {"software", "processor", "audio", "real time", "memory", "cache"}
    with MirroredBuffer(1) as ring:
        assert (found["memory"]["mirrored rings"] == "granted") == ring.is_mirrored
    assert found["memory"]["NUMA"].count("node") == max(1, len(topology()))
    assert found["software"]["numba"] == importlib.metadata.version("numba")
    assert f"(llvmlite {importlib.metadata.version('llvmlite')})" in found["software"]["llvm"]
    assert found["processor"]["cores"] == str(os.cpu_count())
    done = cli("doctor")
    assert done.returncode == 0 and b"instruction sets" in done.stdout


def forbid():
    """Take a child the rights to priority and to locked memory, root's too."""
    drop, nice, lock = 24, 23, 14  # PR_CAPBSET_DROP, CAP_SYS_NICE, CAP_IPC_LOCK
    for capability in (nice, lock):
        ctypes.CDLL(None).prctl(drop, capability, 0, 0, 0)
    for limit in (resource.RLIMIT_RTPRIO, resource.RLIMIT_MEMLOCK):
        resource.setrlimit(limit, (0, 0))


#: Asks for both by itself; the exit status says which was given.
ASK = """
import ctypes, os, sys
given = 0
try:
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(20))
    given |= 1
except OSError:
    pass
page = ctypes.create_string_buffer(1 << 22)
sys.exit(given | 2 * (ctypes.CDLL(None).mlock(page, len(page)) == 0))
"""


@pytest.mark.parametrize("rights", [None, forbid])
def test_the_doctor_says_what_is_granted(cli, rights, monkeypatch):
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent")  # no rtkit
    given = subprocess.run([sys.executable, "-c", ASK], preexec_fn=rights).returncode
    assert given == 0 or rights is None
    found = json.loads(cli("doctor", "--json", preexec_fn=rights).stdout)["real time"]
    words = {False: "refused", True: "granted"}
    assert found["priority"].startswith(words[bool(given & 1)])
    assert found["locked memory"].startswith(words[bool(given & 2)])


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(cli, shell):
    done = cli("completion", shell)
    assert done.returncode == 0 and b"_ZEROCROSS_COMPLETE" in done.stdout


def test_a_warning_is_a_line_on_the_error_output(capsys, monkeypatch):
    import warnings

    from zerocross.cli import main

    def warn(*_):
        warnings.simplefilter("always")
        warnings.warn("a disk is full", stacklevel=1)

    monkeypatch.setattr(main, "_invoke", warn)
    main._run(["devices"])
    assert capsys.readouterr() == ("", "warning: a disk is full\n")


def test_completion_completes():
    environment = {
        **os.environ,
        "_ZEROCROSS_COMPLETE": "bash_complete",
        "COMP_WORDS": "zerocross re",
        "COMP_CWORD": "1",
    }
    out = subprocess.check_output([sys.executable, "-m", "zerocross"], env=environment)
    assert b"render" in out


@pytest.mark.parametrize(
    "arguments",
    [
        ["--version"],
        ["--help"],
        ["play", "--help"],
        ["play", "--volume", "2"],
        ["config"],
        ["ctl", "pause"],
        ["ctl", "--help"],
    ],
)
def test_what_does_not_play_imports_nothing_heavy(home, arguments):
    """What commands need they import when they run: the first answer comes at once."""
    heavy = {
        "numba",
        "llvmlite",
        "numpy",
        "rich",
        "soundfile",
        "miniaudio",
        "matplotlib",
        "textual",
    }
    rooms = {"compiler", "engine", "graph", "lab", "player", "sources", "offline", "terminal"}
    script = (
        "import sys\n"
        "from zerocross.cli.main import run\n"
        f"run({arguments!r})\n"
        f"heavy = {heavy!r} | {{f'zerocross.{{room}}' for room in {rooms!r}}}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    out = subprocess.check_output([sys.executable, "-c", script], stderr=subprocess.DEVNULL)
    assert out.splitlines()[-1] == b"[]"


def test_every_command_is_in_the_help(cli):
    from zerocross.cli.main import cli as group

    names = group.list_commands(click.Context(group))
    assert set(names) == {
        "cache",
        "completion",
        "config",
        "ctl",
        "demo",
        "devices",
        "doctor",
        "eq",
        "live",
        "loudness",
        "play",
        "prove",
        "render",
        "screen",
        "spectrogram",
        "spectrum",
        "torture",
        "viz",
        "web",
    }
    text = cli("--help").stdout.decode()
    assert all(f"\n  {name} " in text for name in names)


def test_help_has_examples(cli):
    from zerocross.cli.main import cli as group

    for command in group.list_commands(click.Context(group)):
        done = cli(command, "--help")
        assert done.returncode == 0
        assert b"Examples:" in done.stdout and b"zerocross " + command.encode() in done.stdout


def test_two_at_once(make_file):
    path, _ = make_file(frames=24_000)
    command = [sys.executable, "-m", "zerocross", "play", path, *NULL]
    pair = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [p.wait(60) for p in pair] == [0, 0]


@pytest.mark.thorough
def test_a_cold_cache_says_what_it_does(cli, make_file, tmp_path):
    environment = {**os.environ, "ZEROCROSS_CACHE_DIR": str(tmp_path / "cache")}
    path, _ = make_file(frames=2400)
    first = cli("play", path, *NULL, env=environment)
    assert first.returncode == 0
    assert b"compiling for this machine" in first.stderr
    assert b"\n  file_callback\n" in first.stderr
    second = cli("play", path, *NULL, env=environment)
    assert second.returncode == 0
    assert b"compiling" not in second.stderr


def test_a_broken_pipe_is_quiet(bad):
    process = subprocess.Popen(
        [sys.executable, "-m", "zerocross", "--help"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.close()
    wait_for(lambda: process.poll() is not None)
    assert process.returncode == 1
    assert process.stderr.read() == b""
    process.stderr.close()


def test_render_resamples(cli, tmp_path):
    for name, rate in (("a", 44_100), ("b", 96_000)):
        soundfile.write(
            tmp_path / f"{name}.wav", music(rate // 2, sample_rate=rate), rate, "PCM_16"
        )
    done = cli("render", tmp_path / "a.wav", tmp_path / "b.wav", tmp_path / "out.wav")
    assert done.returncode == 0, done.stderr
    info = soundfile.info(tmp_path / "out.wav")
    assert (info.samplerate, info.frames, info.subtype) == (44_100, 44_100, "FLOAT")
    done = cli("render", tmp_path / "a.wav", tmp_path / "c.flac", "--rate", "48000")
    assert done.returncode == 0, done.stderr
    out, rate = soundfile.read(tmp_path / "c.flac")
    assert (rate, len(out), soundfile.info(tmp_path / "c.flac").subtype) == (
        48_000,
        24_000,
        "PCM_24",
    )
    expected = soxr.resample(soundfile.read(tmp_path / "a.wav")[0], 44_100, 48_000)
    part = slice(2000, 22_000)
    error = np.sqrt(np.mean((out[part] - expected[part]) ** 2))
    assert error < 0.005 * np.sqrt(np.mean(expected[part] ** 2))
    assert cli("render", tmp_path / "a.wav", tmp_path / "d.wav", "--rate", "1").returncode == 2


def test_the_quality_of_resampling_is_an_option(cli, tmp_path):
    data = music(4000, sample_rate=44_100)
    soundfile.write(tmp_path / "a.wav", data, 44_100, "FLOAT")
    asked = ("--rate", "48000", "--resample-quality")
    done = cli("render", tmp_path / "a.wav", tmp_path / "out.wav", *asked, "very-high")
    assert done.returncode == 0, done.stderr
    expected = resample_signal(data.T, 44_100, 48_000, "very high").T
    assert np.array_equal(soundfile.read(tmp_path / "out.wav", dtype="float32")[0], expected)
    done = cli("play", tmp_path / "a.wav", *NULL, "--resample-quality", "best")
    assert done.returncode == 2
    names = ", ".join(repr(name.replace(" ", "-")) for name in QUALITIES)
    one_line(done, "--resample-quality", names)


EFFECT = """
import zerocross


@zerocross.processor
class Half:
    level: float = zerocross.param(0.5)

    def process(self, block):
        for c in range(block.channels):
            for i in range(block.frames):
                block.output[c, i] = block.input[c, i] * self.level
"""
BAD = """

@zerocross.processor
class Bad:
    def process(self, block):
        block.output[0] = block.input[0] * 2
"""


def test_prove(cli, tmp_path):
    path = tmp_path / "effect.py"
    path.write_text(EFFECT)
    done = cli("prove", path)
    assert done.returncode == 0, done.stderr
    assert re.match(
        r"accepted  Half: \d+ instructions, \d+ bytes of stack, at most", done.stdout.decode()
    )
    path.write_text(EFFECT + BAD)
    line = 1 + (EFFECT + BAD).splitlines().index("        block.output[0] = block.input[0] * 2")
    done = cli("prove", path)
    assert done.returncode == 1
    assert (
        f"refused   Bad: {path}:{line}: `block.output[0] = block.input[0] * 2` allocates"
        in done.stdout.decode()
    )
    found = json.loads(cli("prove", path, "--json").stdout)
    assert [(p["name"], p["accepted"]) for p in found] == [("Half", True), ("Bad", False)]
    assert found[0]["ns_per_frame"] > 0


def test_compiling_is_told_once(cli, tmp_path):
    path = tmp_path / "effect.py"
    path.write_text(EFFECT.replace("0.5", "0.25").replace("self.level", f"{time.time()}"))
    first, second = cli("prove", path, "--json"), cli("prove", path, "--json")
    heading, *names = first.stderr.decode().splitlines()
    assert heading == "compiling for this machine (the first run only)"
    assert "  Half" in names
    assert second.stderr == b"" and json.loads(second.stdout)[0]["accepted"]


def test_what_tells_of_compiling_is_one_within_another(capsys):
    with compilation_told() as told:
        with compilation_told() as same:
            assert same is told
            tell("zerocross_one")
        tell("zerocross_process_Two")
    tell("zerocross_nobody_listens")
    assert told.names == ["zerocross_one", "zerocross_process_Two"]
    lines = ["compiling for this machine (the first run only)", "  one", "  Two", ""]
    assert capsys.readouterr() == ("", "\n".join(lines))
    with compilation_told():
        pass
    assert capsys.readouterr() == ("", "")


def test_a_screen_is_told_of_compiling_once_and_without_names(capsys):
    told = []
    with compilation_told():
        with compiling_told(told.append):
            tell("zerocross_one")
            tell("zerocross_two")
        assert len(told) == 1 and "the first time only" in told[0] and "one" not in told[0]
        assert capsys.readouterr() == ("", "")
        tell("zerocross_three")
    assert len(told) == 1 and capsys.readouterr().err.endswith("  three\n")


def test_prove_says_what_is_wrong_with_a_file(cli, tmp_path):
    for text, words in (
        ("x = 1", "defines no processor"),
        ("import nothing_such", "effect.py:1: ModuleNotFoundError"),
        ("def (", "effect.py:1: SyntaxError"),
    ):
        (tmp_path / "effect.py").write_text(text)
        done = cli("prove", tmp_path / "effect.py")
        assert done.returncode == 2
        assert words in done.stderr.decode()
        assert b"Traceback" not in done.stderr
    assert cli("prove", tmp_path / "none.py").returncode == 2


def test_live_takes_a_file_at_every_save(tmp_path, make_file):
    song, _ = make_file(frames=48_000 * 60)
    path = tmp_path / "effect.py"
    path.write_text(EFFECT)
    child = pexpect.spawn(
        sys.executable,
        ["-m", "zerocross", "live", str(path), "--plain", "--input", str(song), "--device", "null"],
        encoding="utf-8",
        timeout=60,
    )
    child.expect("playing")
    path.write_text(EFFECT.replace("0.5", "0.25"))
    child.expect("taken: Half")
    path.write_text(EFFECT + BAD)
    child.expect("not taken: .*allocates")
    path.write_text(EFFECT.replace("self.level", "0.125"))
    child.expect("taken: Half")
    child.sendintr()
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130


def test_every_command_is_where_the_table_says():
    from zerocross.cli.main import _HOMES, cli

    there = {}
    for module in sorted(set(_HOMES.values())):
        commands = importlib.import_module(f"zerocross.cli.{module}").COMMANDS
        there |= {command.name: module for command in commands}
    assert there == _HOMES
    context = click.Context(cli)
    assert [cli.get_command(context, name).name for name in _HOMES] == list(_HOMES)
    assert cli.get_command(context, "no such command") is None


@pytest.mark.thorough
def test_the_demo_plays_where_there_is_no_cache(cli, tmp_path):
    (tmp_path / "file").touch()
    environment = os.environ | {"ZEROCROSS_CACHE_DIR": str(tmp_path / "file" / "below")}
    done = cli("demo", *NULL, "--duration", "0.1", env=environment)
    assert done.returncode == 0
    assert b"playing" in done.stdout


def test_what_to_choose_from_is_in_a_line(cli):
    done = cli("completion")
    assert done.returncode == 2
    assert b"Choose from: bash, zsh, fish" in done.stderr


def test_live_is_ended_by_a_key_and_echoes_none(tmp_path, make_file):
    song, _ = make_file(frames=48_000 * 60)
    (tmp_path / "half.py").write_text(
        "import zerocross\n@zerocross.processor\ndef half(block):\n"
        "    for c in range(block.channels):\n        for i in range(block.frames):\n"
        "            block.output[c, i] = 0.5 * block.input[c, i]\n"
    )
    command = [
        "-m",
        "zerocross",
        "live",
        "half.py",
        "--input",
        str(song),
        "--device",
        "null",
        "--plain",
    ]
    screen = pexpect.spawn(sys.executable, command, cwd=str(tmp_path), timeout=120)
    screen.send("xyz")  # while it compiles
    screen.expect("playing")
    screen.send("q")
    screen.expect(pexpect.EOF)
    assert b"xyz" not in screen.before
    screen.close()
    assert screen.exitstatus == 0


def test_a_notice_is_told_once(capsys):
    for _ in range(3):
        print_event(Event("notice", "", "of this test"))
    assert capsys.readouterr().err.count("of this test") == 1


# --- words as people type them --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "frames"), [("0:01", 96_000), ("1.5", 72_000), ("0:00:02", 48_000)]
)
def test_times_are_written_as_people_do(cli, make_file, tmp_path, start, frames):
    path, data = make_file(frames=48_000 * 3)
    out = tmp_path / "out.wav"
    words = ["--start", start, "--volume", "50%", "--duration", "0:05"]
    assert run(["render", str(path), str(out), *words]) == 0
    rendered, _ = soundfile.read(out, dtype="float32")
    assert len(rendered) == frames
    assert np.allclose(rendered[480:], 0.5 * data[-frames:][480:], atol=1e-6)


@pytest.mark.parametrize(
    "words",
    [
        ["--start", "1:60"],
        ["--start", "1:60:00"],
        ["--start", ":30"],
        ["--start", "."],
        ["--start", "1e3"],
        ["--start", "99999999999"],
        ["--duration", "0:00"],
        ["--volume", "80 percent"],
        ["--volume", "101%"],
        ["--volume", "50%%"],
        ["--volume", "-10%"],
        ["--loop=two"],
    ],
)
def test_what_is_no_time_or_volume_is_usage(words, capsys):
    assert run(["play", "x.wav", *words]) == 2
    assert words[0].partition("=")[0] in capsys.readouterr().err


@pytest.mark.parametrize("command", ["play", "render"])
def test_a_start_beyond_the_end_is_told_in_the_option_s_words(make_file, tmp_path, capsys, command):
    path, _ = make_file(frames=48_000)
    rest = [str(tmp_path / "out.wav")] if command == "render" else NULL
    assert run([command, str(path), *rest, "--start", "1:30"]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: --start 90 is not within {path}: it has 1.00 s; give less")


def played(arguments, monkeypatch):
    """Return what the player would be given."""
    found = {}

    def note(files, problems, read, options, memory=None):
        found.update(options, files=files)
        return 0

    monkeypatch.setattr("zerocross.cli.playing.play_files", note)
    assert run(["play", *arguments]) == 0
    return found


@pytest.mark.parametrize(
    ("arguments", "loop", "files"),
    [
        (["--loop", "a.wav"], "all", ["a.wav"]),
        (["a.wav", "--loop"], "all", ["a.wav"]),
        (["--loop", "--shuffle", "a.wav"], "all", ["a.wav"]),
        (["--loop", "one", "a.wav"], "one", ["a.wav"]),
        (["--loop=off", "one"], "off", ["one"]),
        (["--", "--loop"], "off", ["--loop"]),
    ],
)
def test_loop_may_stand_alone(home, monkeypatch, arguments, loop, files):
    found = played(arguments, monkeypatch)
    assert (found["loop"], [e.location for e in found["files"]]) == (loop, files)


EFFECT_FILE = """
import zerocross

@zerocross.processor
def half(block):
    for c in range(block.channels):
        for i in range(block.frames):
            block.output[c, i] = 0.5 * block.input[c, i]
"""


def test_effects_of_a_file_come_before_the_equaliser(make_file, tmp_path, capsys):
    path, data = make_file(frames=9600)
    (tmp_path / "half.py").write_text(EFFECT_FILE)
    (tmp_path / "eq.txt").write_text("Preamp: -6 dB\n")
    out = tmp_path / "out.wav"
    words = ["--effects", str(tmp_path / "half.py"), "--eq", str(tmp_path / "eq.txt")]
    assert run(["render", str(path), str(out), *words]) == 0
    rendered, _ = soundfile.read(out, dtype="float32")
    assert np.allclose(rendered, data * 0.5 * 10 ** (-6 / 20), atol=1e-5)
    chain, equalizer = effects_of(words[3], words[1])
    assert len(chain.parts) == 2 and chain.parts[1] is equalizer
    assert effects_of(None, None) == (None, None)
    report = tmp_path / "half.py"
    assert run(["play", str(path), *NULL, *words, "--report", str(report)]) == 2
    assert report.read_text() == EFFECT_FILE, "what is read is not written over"


def test_effects_that_are_refused_are_told_at_their_line(make_file, tmp_path, capsys):
    path, _ = make_file(frames=9600)
    (tmp_path / "bad.py").write_text(EFFECT + BAD)
    assert run(["play", str(path), *NULL, "--effects", str(tmp_path / "bad.py")]) == 1
    assert re.search(r"error: .*bad\.py:\d+: .*allocates", capsys.readouterr().err)
    (tmp_path / "bad.py").write_text("1/0")
    assert run(["play", str(path), *NULL, "--effects", str(tmp_path / "bad.py")]) == 2
    assert "bad.py:1: ZeroDivisionError" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["file", "pipe"])
def test_standard_input_is_played(cli, make_file, tmp_path, kind):
    path, _ = make_file("song.flac", frames=9600)
    report = tmp_path / "report.json"
    arguments = ["play", "-", *NULL, "--report", report]
    if kind == "file":
        with path.open("rb") as file:
            done = cli(*arguments, stdin=file)
    else:
        done = cli(*arguments, input=path.read_bytes())
    assert done.returncode == 0, done.stderr
    track = json.loads(report.read_text())["tracks"][0]
    assert (track["path"], track["frames"]) == ("standard input", 9600)


def test_standard_input_that_is_a_terminal_is_told(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", type("Terminal", (), {"isatty": lambda _: True})())
    assert run(["play", "-", *NULL]) == 2
    assert "standard input is a terminal" in capsys.readouterr().err
    monkeypatch.setattr(sys, "stdin", None)
    assert run(["play", "-", *NULL]) == 2
    assert "standard input is closed" in capsys.readouterr().err
