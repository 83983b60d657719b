"""Against the command line and what reads files: bombs, odd names, broken streams, signals.

Limits that are behaviour (0.1 s and 50 MB for a refusal, 2 s for Ctrl-C) are tested at five times.
"""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import resource
import signal
import subprocess
import sys
import termios
import threading
import time
import unicodedata
from pathlib import Path

import click
import numpy as np
import pexpect
import pytest
import soundfile

import bombs
import zerocross
from conftest import music, wait_for
from zerocross.cli.main import cli as group
from zerocross.cli.main import run
from zerocross.cli.options import LENGTH, TIME, VOLUME
from zerocross.eq.presets import parse_preset, read_preset
from zerocross.errors import SourceError, UsageError, ZerocrossError
from zerocross.files import check_output, printable, read_small, written_aside
from zerocross.sources import decoder_notes
from zerocross.sources.decoder_notes import silence_decoder
from zerocross.sources.links import address_of
from zerocross.sources.opening import read_audio
from zerocross.sources.playlists import expand_paths as expand

RATE = 48_000
NULL = ("--device", "null", "--no-ui")
CTRL_C_S, REFUSAL_S, REFUSAL_MB = 5 * 2.0, 5 * 0.1, 5 * 50.0


def lines_of(done):
    """Return what a command said on standard error; never a traceback, never an escape."""
    text = done.stderr.decode()
    assert "Traceback" not in text, text
    assert "\x1b" not in text, text
    return text.splitlines()


# --- bombs --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bombed(tmp_path_factory):
    """Open every bomb in one process; returns what was told of each."""
    folder = tmp_path_factory.mktemp("bombs")
    done = subprocess.run(
        [sys.executable, bombs.__file__, folder],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    told = [json.loads(line) for line in done.stdout.splitlines()]
    return {one["case"]: one for one in told}, done.stderr


REFUSED = {
    "audio channels.wav": "not playable audio",
    "audio channels.caf": "not playable audio",
    "audio rate0.wav": "not playable audio",
    "audio rate4e9.wav": "not playable audio",
    "audio nan.caf": "not playable audio",
    "audio rf64.wav": "not playable audio",
    "audio tag.mp3": "256 MiB of ID3 tags; remove them",
    "impulse hours.wav": "22370 s; up to 60 s fit",
    "tags tag.mp3": "GainTags(track_gain_db=None",
    "preset self.txt": "the file includes itself",
    "preset a.txt": "the file includes itself",
    "preset wide0.txt": "nothing in it is a preset",
    "preset huge.txt": "longer than 1 MiB",
    "preset lines.txt": "more than 10,000 lines",
    "preset spaces.txt": "it is not a command",
    "preset points.txt": "more than 10000 points",
    "playlist self.m3u": "this playlist includes itself",
    "playlist a.m3u": "this playlist includes itself",
    "playlist wide0.m3u": "more than 100 entries are refused",
    "playlist huge.m3u": "longer than 4 MiB",
    "playlist line.m3u": "a line that is no path",
    "playlist nothing.m3u": "more than 100 entries are refused",
    "playlist self.pls": "this playlist includes itself",
    "playlist numbers.pls": "more than 100 entries are refused",
    "playlist huge.cue": "longer than 4 MiB",
    "playlist lines.cue": "more lines or tracks than a cue sheet has",
    "playlist blanks.cue": "that is no cue sheet",
    "playlist quotes.cue": "that is no cue sheet",
    "playlist fifo.m3u": "is a FIFO, not a file",
    "playlist fifo.cue": "is a FIFO, not a file",
    "playlist zero.m3u": "is a device, not a file",
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_bomb_is_refused_at_once(bombed, case):
    one = bombed[0][case]
    assert REFUSED[case] in one["said"]
    assert one["s"] < REFUSAL_S and one["mb"] < REFUSAL_MB, one


@pytest.mark.parametrize("reader", ["audio", "impulse", "preset", "effect", "tags"])
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("/dev/zero", "is a device, not a file"),
        ("/dev/urandom", "is a device, not a file"),
        ("zero.wav", "is a device, not a file"),
        ("terminal", "is a device, not a file"),
        ("fifo", "is a FIFO, not a file"),
        ("socket", "is a socket, not a file"),
        ("/proc/self/mem", "the file is empty"),
    ],
)
def test_what_is_no_file_is_refused_before_it_is_read(bombed, reader, name, words):
    one = bombed[0][f"{reader} {name}"]
    assert (words if reader != "tags" else "GainTags(track_gain_db=None") in one["said"]
    assert one["s"] < REFUSAL_S and one["mb"] < REFUSAL_MB, one


def test_no_bomb_does_harm_and_all_were_opened(bombed):
    told, errors = bombed
    assert errors == ""
    assert len(told) > 60
    for one in told.values():
        assert one["s"] < REFUSAL_S and one["mb"] < REFUSAL_MB, one


def test_what_is_wide_but_honest_is_read(tmp_path):
    """A playlist that is named twice, a preset that is included twice: that is no circle."""
    (tmp_path / "all.m3u").write_text("one.m3u\none.m3u\n")
    (tmp_path / "one.m3u").write_text("a.wav\n")
    files, problems = expand([str(tmp_path / "all.m3u")])
    assert [os.path.basename(f) for f in files] == ["a.wav", "a.wav"]
    assert problems == []
    (tmp_path / "all.txt").write_text("Include: one.txt\nInclude: one.txt\n")
    (tmp_path / "one.txt").write_text("Preamp: -1 dB\n")
    assert read_preset(tmp_path / "all.txt").settings().preamp_db == -2.0


def test_includes_end_at_a_depth(tmp_path):
    for k in range(12):
        (tmp_path / f"{k}.txt").write_text(f"Preamp: -1 dB\nInclude: {k + 1}.txt\n")
        (tmp_path / f"{k}.m3u").write_text(f"{k}.wav\n{k + 1}.m3u\n")
    preset = read_preset(tmp_path / "0.txt")
    assert preset.settings().preamp_db == -9.0
    assert [s.reason for s in preset.skipped] == ["files include each other more than 8 deep"]
    files, problems = expand([str(tmp_path / "0.m3u")])
    assert [os.path.basename(f) for f in files] == [f"{k}.wav" for k in range(8)]
    assert [p.reason for p in problems] == ["playlists in playlists, too deep; list the files"]


def test_a_preset_has_a_bound_for_each_thing():
    curve = "GraphicEQ: 100 1; 1000 -1\n"
    preset = parse_preset(curve * 40)
    assert len(preset.settings().curves) == 32
    assert {s.reason for s in preset.skipped} == {"more than 32 curves"}
    preset = parse_preset("Filter: ON PK Fc 100 Hz Gain 1 dB Q 1\n" * 600)
    assert len(preset.settings().bands) == 512
    long = parse_preset("Filter: ON PK Fc 100 Hz Gain 1 dB Q " + "1" * 1000 + "\n")
    assert [s.reason for s in long.skipped] == ["it is longer than 1000 characters"]
    with pytest.raises(SourceError, match="more than 10,000 lines"):
        parse_preset("x\n" * 10_001)


def test_folders_have_a_depth_and_links_in_them_no_end(tmp_path):
    where, here = os.getcwd(), tmp_path / "deep"
    here.mkdir()
    (here / "top.wav").touch()
    (here / "round").symlink_to(here)
    try:
        os.chdir(here)
        for _ in range(1200):  # deeper than Python's stack, and than a path may be long
            os.mkdir("d" * 8)
            os.chdir("d" * 8)
        Path("bottom.wav").touch()
    finally:
        os.chdir(where)
    files, problems = expand([str(here)])
    assert [os.path.basename(f) for f in files] == ["top.wav"]
    assert [p.reason for p in problems] == ["folders more than 64 deep in it; give a part of it"]
    subprocess.run(["rm", "-rf", here], check=True)


def test_a_file_that_is_too_long_for_memory_is_refused_from_its_header(tmp_path):
    soundfile.write(tmp_path / "a.flac", np.zeros(3 * 8000, np.int16), 8000)
    assert read_audio(tmp_path / "a.flac", 3.0)[0].shape == (1, 24_000)
    with pytest.raises(SourceError, match=r"a\.flac: 3 s; up to 2 s fit, cut it first"):
        read_audio(tmp_path / "a.flac", 2.0)


def test_small_files_are_read_whole_or_not(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"12345")
    assert read_small(path, 5, "list") == b"12345"
    with pytest.raises(SourceError, match=r"x: longer than .* MiB; that is no list"):
        read_small(path, 4, "list")
    with pytest.raises(SourceError, match="no such file; check the name"):
        read_small(tmp_path / "none", 4, "list")
    with pytest.raises(SourceError, match=r"x\\x00y: cannot be opened \(embedded null byte\)"):
        read_small("x\0y", 4, "list")


# --- names --------------------------------------------------------------------------------------

ODD = "s\x1b[31m\n\u202e\x85\x7f[b] é"


def test_names_are_printable():
    assert printable("plain é 日本 \u200d") == "plain é 日本 \u200d"
    assert printable(ODD) == r"s\x1b[31m\n\u202e\x85\x7f[b] é"
    assert printable(b"s\xff.wav") == r"s\xff.wav"
    assert printable("\ud800\u2028") == r"\ud800\u2028"
    shown = [printable(chr(code)) for code in range(0x110000)]
    joiners = {"\u200c", "\u200d"}
    for text in shown:
        hidden = {unicodedata.category(c) for c in text if c not in joiners}
        assert not hidden & {"Cc", "Cf", "Cs", "Zl", "Zp"}


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """A folder with files whose names are meant to break the terminal."""
    folder = tmp_path_factory.mktemp("odd")
    soundfile.write(folder / "plain.wav", music(RATE // 2), RATE, "PCM_16")
    os.rename(folder / "plain.wav", folder / f"{ODD}.wav")
    raw = os.fsencode(folder) + b"/\xff\xfe\x9b31m.wav"
    soundfile.write(raw, music(RATE // 2), RATE, "PCM_16", format="WAV")
    (folder / f"{ODD}.txt").write_text("Preamp: -3 dB\n\x1b[31mFilter 1: ON \x1b[8m\n")
    return folder


PLAIN_ENVIRONMENTS = [
    {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"},
    pytest.param(
        {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        marks=pytest.mark.thorough,
    ),
    pytest.param({"LANG": "C", "TERM": "dumb"}, marks=pytest.mark.thorough),
]


@pytest.mark.parametrize("environment", PLAIN_ENVIRONMENTS)
def test_names_and_encodings_break_no_command(cli, odd, environment, tmp_path):
    names = sorted(os.listdir(os.fsencode(odd)))
    audio = [os.fsdecode(os.path.join(os.fsencode(odd), n)) for n in names if n.endswith(b"wav")]
    preset = str(odd / f"{ODD}.txt")
    out = os.path.join(tmp_path, ODD)
    for arguments in (
        ["play", *audio, preset, *NULL, "--duration", "0.2", "--report", f"{out}.json"],
        ["loudness", *audio, f"{ODD}none.wav"],
        ["eq", preset],
        ["render", audio[0], f"{out}.flac", "--eq", preset],
        ["spectrum", audio[0], "-o", f"{out}$x$.png"],
        ["prove", f"{ODD}.py"],
        ["play", odd, "--device", ODD],
        ["play", "x", "--volume", ODD],
        [ODD],
    ):
        done = cli(*arguments, env={**os.environ, **environment})
        lines_of(done)
        assert done.returncode in (0, 1, 2), done
        assert not re.search(rb"[^\n\x20-\xff]|\xc2[\x80-\x9f]", done.stdout), done.stdout
        if "PYTHONIOENCODING" in environment:
            assert done.stdout.isascii() and done.stderr.isascii()
    assert f"{ODD}.json" in os.listdir(tmp_path)


def test_pictures_of_text_have_an_ascii_form(cli, tmp_path):
    (tmp_path / "p.txt").write_text("Filter 1: ON PK Fc 1000 Hz Gain -6 dB Q 1\n")
    done = cli("eq", tmp_path / "p.txt", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0
    assert b"+3.0 dB |" in done.stdout and b"*" in done.stdout and b"\\u" not in done.stdout


# --- streams that take nothing ------------------------------------------------------------------


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    soundfile.write(folder / "a.wav", music(RATE // 2), RATE, "PCM_16")
    (folder / "p.txt").write_text("Preamp: -3 dB\n")
    return folder


TALKATIVE = [
    ["--help"],
    ["play", "--help"],
    ["completion", "bash"],
    ["eq", "p.txt"],
    ["eq", "p.txt", "--json"],
    ["loudness", "a.wav"],
    ["play", "a.wav", *NULL],
]


def run_into(output, folder, arguments):
    return subprocess.run(
        [sys.executable, "-m", "zerocross", *arguments],
        stdout=output,
        stderr=subprocess.PIPE,
        cwd=folder,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("arguments", TALKATIVE, ids=" ".join)
def test_a_full_disk_as_standard_output_is_one_line(small, arguments):
    with open("/dev/full", "wb") as full:
        done = run_into(full, small, arguments)
    assert done.returncode == 1
    told = [line for line in lines_of(done) if line.startswith("error")]  # a cold cache says more
    assert told == [
        "error: standard output cannot be written (no space left on device); give it another place"
    ]


@pytest.mark.parametrize("arguments", [TALKATIVE[k] for k in (0, 3, 5, 6)], ids=" ".join)
def test_a_closed_pipe_is_silence_and_a_failure(small, arguments):
    reader, writer = os.pipe()
    os.close(reader)
    done = run_into(writer, small, arguments)
    os.close(writer)
    assert (done.returncode, lines_of(done)) == (1, [])


def test_closed_descriptors_are_not_given_to_files(small, tmp_path):
    """What is written to standard error does not land in a file that got its number."""
    out = tmp_path / "out.wav"
    command = f"exec {sys.executable} -m zerocross render a.wav none.wav {out} 0<&- 1>&- 2>&-"
    done = subprocess.run(["sh", "-c", command], cwd=small, check=False, timeout=60)
    assert done.returncode == 1
    read, _ = soundfile.read(out, dtype="int16")
    assert np.array_equal(read, soundfile.read(small / "a.wav", dtype="int16")[0])


# --- numbers ------------------------------------------------------------------------------------


def numeric_options():
    """Yield each numeric option of each command with what the command needs beside it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        needed = ["x"] * sum(p.required for p in command.params if isinstance(p, click.Argument))
        for option in command.params:
            number = isinstance(option.type, (click.IntRange, click.FloatRange))
            number |= option.type in (TIME, LENGTH, VOLUME)
            if isinstance(option, click.Option) and number:
                others = [p for p in command.params if isinstance(p, click.Option) and p.required]
                needed += [text for p in others for text in (p.opts[0], "x.png")]
                yield name, option.opts[0], needed


def test_there_are_numeric_options():
    found = {(name, option) for name, option, _ in numeric_options()}
    assert len(found) >= 18
    assert {("doctor", "--listen"), ("play", "--volume"), ("prove", "--limit")} <= found


@pytest.mark.parametrize(
    "value", ["nan", "-NaN", "inf", "-inf", "1e999", "-1", "x", "", "9" * 5000]
)
def test_a_number_that_makes_no_sense_is_a_usage_error(value, capsys):
    for name, option, needed in numeric_options():
        if (value, option) in {("-1", "--low"), ("-1", "--high")}:
            continue  # dB
        assert run([name, *needed, option, value]) == 2, (name, option)
        said = capsys.readouterr().err
        assert f"Invalid value for '{option}'" in said, (name, option, said)


# --- outputs ------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["same", "symbolic", "hard"])
def test_an_output_that_is_an_input_is_refused(cli, tmp_path, way):
    a, b = tmp_path / "a.wav", tmp_path / "b.wav"
    soundfile.write(a, music(2000), RATE, "PCM_16")
    before = a.read_bytes()
    if way == "symbolic":
        b.symlink_to(a)
    elif way == "hard":
        b.hardlink_to(a)
    out = a if way == "same" else b
    for arguments in (
        ["render", a, out, "--force"],
        ["play", a, *NULL, "--report", out],
    ):
        done = cli(*arguments)
        assert done.returncode == 2
        (line,) = lines_of(done)
        assert "is what is read" in line and line.endswith("give another name")
        assert a.read_bytes() == before
    with pytest.raises(UsageError, match="is what is read"):
        zerocross.render([a], out)


def test_a_preset_or_a_picture_is_no_output_either(cli, tmp_path):
    soundfile.write(tmp_path / "a.wav", music(2000), RATE)
    (tmp_path / "p.png").write_text("Preamp: -3 dB\n")
    (tmp_path / "p.wav").write_text("Preamp: -3 dB\n")
    eq = cli("eq", tmp_path / "p.png", "-o", tmp_path / "p.png", "--force")
    made = cli(
        "render", tmp_path / "a.wav", tmp_path / "p.wav", "--eq", tmp_path / "p.wav", "--force"
    )
    for done in (eq, made):
        assert done.returncode == 2 and "is what is read" in lines_of(done)[0]
    assert (tmp_path / "p.wav").read_text() == "Preamp: -3 dB\n"


def test_an_output_is_a_regular_file_or_none(tmp_path):
    fifo = tmp_path / "fifo.wav"
    os.mkfifo(fifo)
    for output, words in (
        (fifo, "is no regular file"),
        ("/dev/full", "is no regular file"),
        (tmp_path, "is a directory"),
        (f"{tmp_path}/x.wav/", "names a directory"),
        (tmp_path / "none" / "x.wav", "no such directory"),
        ("x\0.wav", "a zero byte"),
    ):
        with pytest.raises(UsageError, match=words) as caught:
            check_output(output)
        assert "\n" not in str(caught.value) and "; " in str(caught.value)
    assert fifo.is_fifo(), "still there"


def test_a_failure_leaves_the_old_file(tmp_path):
    path, link = tmp_path / "x.txt", tmp_path / "link.txt"
    path.write_text("old")
    path.chmod(0o640)
    link.symlink_to(path)
    with contextlib.suppress(ZeroDivisionError), written_aside(link) as part:
        Path(part).write_text("new")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    with pytest.raises(ZerocrossError, match="cannot be written"), written_aside(link) as part:
        raise OSError(28, "No space left on device")
    with written_aside(link) as part:
        Path(part).write_text("new")
    assert path.read_text() == link.read_text() == "new"
    assert link.is_symlink() and path.stat().st_mode & 0o777 == 0o640
    assert sorted(os.listdir(tmp_path)) == ["link.txt", "x.txt"]


def test_rendering_over_a_file_that_fails_leaves_it(cli, tmp_path):
    soundfile.write(tmp_path / "in.wav", music(200_000), RATE, "FLOAT")
    out = tmp_path / "out.wav"
    assert cli("render", tmp_path / "in.wav", out).returncode == 0  # compiled, and kept
    out.write_bytes(b"old")

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))

    done = subprocess.run(
        [sys.executable, "-m", "zerocross", "render", "in.wav", "out.wav", "--force"],
        capture_output=True,
        cwd=tmp_path,
        preexec_fn=limit,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1 and len(lines_of(done)) == 1
    assert (tmp_path / "out.wav").read_bytes() == b"old"
    assert sorted(os.listdir(tmp_path)) == ["in.wav", "out.wav"]


# --- signals ------------------------------------------------------------------------------------


@pytest.fixture(autouse=True, scope="module")
def _hang_ups_are_heard():
    """Where the tests run under nohup, what they start would inherit that."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def start(*arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "zerocross", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )


#: What a cold cache makes it say first.
COMPILING = re.compile(r"compiling for this machine|  \w+$|  done in ")


def ended_by(process, number):
    """Send a signal; returns the exit code and what was said."""
    process.send_signal(number)
    try:
        _, errors = process.communicate(timeout=CTRL_C_S)
    except subprocess.TimeoutExpired:
        process.kill()
        pytest.fail("it goes on")
    assert b"Traceback" not in errors, errors
    lines = [line for line in errors.decode().splitlines() if not COMPILING.match(line)]
    return process.returncode, " ".join(lines).split()


def children_of(process):
    done = subprocess.run(
        ["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=False
    )
    return done.stdout.split()


def test_ctrl_c_ends_a_rendering_and_leaves_what_was_there(tmp_path):
    rng = np.random.default_rng(1)
    soundfile.write(tmp_path / "a.wav", rng.integers(-9, 9, 40_000_000, np.int16), RATE)
    (tmp_path / "b.flac").write_bytes(b"old")
    process = start("render", "a.wav", "b.flac", "--force", "--rate", "44100", cwd=tmp_path)
    wait_for(lambda: len(os.listdir(tmp_path)) == 3, timeout_s=60, what="the file that is written")
    assert ended_by(process, signal.SIGINT) == (130, ["stopped"])
    assert sorted(os.listdir(tmp_path)) == ["a.wav", "b.flac"]
    assert (tmp_path / "b.flac").read_bytes() == b"old"


@pytest.mark.parametrize("command", ["prove", "live"])
def test_ctrl_c_ends_what_runs_a_file_that_hangs(tmp_path, command):
    (tmp_path / "slow.py").write_text(
        "import pathlib, time\npathlib.Path('begun').touch()\nwhile True: time.sleep(1)\n"
    )
    more = ["--input", "a.wav"] if command == "live" else []
    process = start(command, "slow.py", *more, cwd=tmp_path)
    wait_for((tmp_path / "begun").exists, timeout_s=60, what="the file")
    children = children_of(process)
    assert ended_by(process, signal.SIGINT) == (130, ["stopped"])
    wait_for(lambda: not any(os.path.exists(f"/proc/{child}") for child in children))


STUCK = """
import ctypes, os, sys
from zerocross.cli import interrupt
interrupt.install()
from zerocross.files import written_aside
mutex = ctypes.create_string_buffer(64)
libc = ctypes.CDLL(None)
libc.pthread_mutex_lock(mutex)
with written_aside("out.txt") as part:
    if sys.argv[1] == "fork" and os.fork():
        os.wait()
        print("mine", flush=True)
        sys.exit()
    while True:
        try:
            os.write(1, b"ready" + os.linesep.encode())
            libc.pthread_mutex_lock(mutex)  # in C for ever
        except KeyboardInterrupt:  # it came before
            pass
"""


SLEEPS = """
import time
from zerocross.cli import interrupt
interrupt.install()
try:
    print("ready", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_an_interrupt_is_raised_where_python_is():
    command = [sys.executable, "-c", SLEEPS]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "interrupted\n"


HALF_MADE = """
import os, signal
from zerocross.cli import interrupt
interrupt.install()
class Half:
    def __init__(self):
        os.kill(os.getpid(), signal.SIGINT)
        self.whole = True
    def __del__(self):
        self.whole
try:
    half = Half()
except KeyboardInterrupt as error:
    error.__traceback__ = None
"""


def test_what_an_interrupt_left_half_made_says_nothing():
    command = [sys.executable, "-c", HALF_MADE]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_what_is_stuck_in_c(tmp_path, number):
    process = subprocess.Popen(
        [sys.executable, "-c", STUCK, "alone"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
    )
    process.stdout.readline()
    assert ended_by(process, number) == (128 + number, ["stopped"])
    assert os.listdir(tmp_path) == []


def test_a_forked_childs_signals_are_its_own(tmp_path):
    """It shares the pipe that tells of signals: the parent must not end for them."""
    process = subprocess.Popen(
        [sys.executable, "-c", STUCK, "fork"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
    )
    process.stdout.readline()
    wait_for(lambda: children_of(process), what="the child")
    (child,) = children_of(process)
    os.kill(int(child), signal.SIGTERM)
    time.sleep(0.3)
    os.kill(int(child), signal.SIGKILL)
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert b"mine" in out


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_playing_ends_in_order_and_tells_by_which_signal(make_file, tmp_path, number):
    path, _ = make_file(frames=RATE * 30)
    report = tmp_path / "r.json"
    process = start("play", path, *NULL, "--report", report)
    process.stdout.readline()
    code, said = ended_by(process, number)
    assert code == 128 + number and said[:2] == ["stopped", "at"]
    assert json.loads(report.read_text())["tracks"][0]["status"] == "skipped"


def test_nohup_is_respected(make_file):
    path, _ = make_file(frames=RATE // 2)
    process = start(
        "play", path, *NULL, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)
    )
    process.stdout.readline()
    assert ended_by(process, signal.SIGHUP) == (0, [])


def test_a_terminal_that_is_closed_ends_it(make_file, tmp_path):
    path, _ = make_file(frames=RATE * 30)
    errors, report = tmp_path / "errors", tmp_path / "r.json"
    pid, master = pty.fork()
    if pid == 0:
        os.dup2(os.open(errors, os.O_CREAT | os.O_WRONLY), 2)
        command = [sys.executable, "-m", "zerocross", "play", str(path), "--device", "null"]
        os.execv(sys.executable, [*command, "--report", str(report)])
    seen = b""
    while b"0:0" not in seen:
        try:
            seen += os.read(master, 65_536)
        except OSError:
            pytest.fail(f"it has ended: {seen!r} {errors.read_text()}")
    os.close(master)
    wait_for(lambda: os.waitpid(pid, os.WNOHANG) != (0, 0), timeout_s=CTRL_C_S, what="its end")
    assert b"Traceback" not in errors.read_bytes()
    assert json.loads(report.read_text())["tracks"][0]["status"] == "skipped"


def is_canonical(child):
    return bool(termios.tcgetattr(child.child_fd)[3] & termios.ICANON)


def test_ctrl_z_gives_the_terminal_back_and_fg_takes_it(make_file):
    path, _ = make_file("song.flac", frames=RATE * 120)
    shell = pexpect.spawn("bash", ["--norc", "--noediting", "-i"], timeout=30, encoding="utf-8")
    shell.delaybeforesend = 0.1
    shell.setwinsize(24, 100)
    shell.sendline(f"{sys.executable} -m zerocross play {path} --device null; echo code $?")
    shell.expect("vol 100 %")
    assert not is_canonical(shell)
    shell.send("\x1a")
    shell.expect(r"\x1b\[\?25h")
    shell.expect("Stopped")
    wait_for(lambda: is_canonical(shell), what="a line mode")
    shell.sendline("fg")
    wait_for(lambda: not is_canonical(shell), what="single keys")
    shell.send("m")
    shell.expect("muted")
    shell.send("\x1a")
    shell.expect("Stopped")
    shell.sendline("bg; echo it $((20+2))")
    shell.expect("it 22")
    time.sleep(0.3)
    assert is_canonical(shell), "in the background the terminal is the shell's"
    shell.sendline("jobs")
    shell.expect("Running")
    shell.sendline("fg")
    wait_for(lambda: not is_canonical(shell), what="single keys again")
    shell.send("q")
    shell.expect("played 0:")
    wait_for(lambda: is_canonical(shell), what="the terminal as it was")
    shell.close(force=True)


# --- a user's file ------------------------------------------------------------------------------

EFFECTS = """
import os, sys, zerocross

def effect(name, act):
    class Made:
        def prepare(self, sample_rate, channels, max_block):
            act()
        def process(self, block):
            for c in range(block.channels):
                for i in range(block.frames):
                    block.output[c, i] = block.input[c, i]
    Made.__name__ = name
    return zerocross.processor(Made)

def forever():
    while True:
        pass

Good = effect("Good", int)
Leaves = effect("Leaves", lambda: os._exit(0))
Asks = effect("Asks", sys.exit)
Crashes = effect("Crashes", lambda: os.kill(os.getpid(), 11))
Eats = effect("Eats", lambda: bytearray(1 << 40))
Scribbles = effect("Scribbles", lambda: [os.write(k, b"{]\\n") for k in range(3, 20) if k_is(k)])
Hangs = effect("Hangs", forever)
Last = effect("Last", int)

def k_is(k):
    try:
        return os.fstat(k).st_mode & 0o170000 == 0o010000
    except OSError:
        return False
"""


@pytest.mark.thorough
def test_proving_survives_what_it_proves(cli, tmp_path):
    (tmp_path / "e.py").write_text(EFFECTS)
    done = cli("prove", "e.py", "--json", "--limit", "6", cwd=tmp_path, timeout=200)
    assert done.returncode == 1, done
    found = {one["name"]: one for one in json.loads(done.stdout)}
    assert [name for name, one in found.items() if one["accepted"]] == ["Good", "Last"]
    for name, words in {
        "Leaves": "ended the process with code 0",
        "Asks": "ended the process with code 0",
        "Crashes": "crashed the process (SIGSEGV)",
        "Eats": "MemoryError",
        "Scribbles": "",
        "Hangs": "took longer than 6 s",
    }.items():
        assert words in found[name]["reason"] and "\n" not in found[name]["reason"]
        assert "e.py" in found[name]["reason"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import time\nwhile True: pass", "took longer than 3 s"),
        ("import os\nos._exit(5)", "ended the process with code 5"),
        ("import sys\nsys.exit('a\\nb')", r"e.py:2: SystemExit: a\nb; repair it"),
        ("import os\nos.kill(os.getpid(), 6)", "crashed the process (SIGABRT)"),
        ("raise ValueError('\\x1b[31m' * 1000)", r"ValueError: \x1b[31m"),
    ],
)
def test_a_file_that_cannot_be_run_is_one_line(cli, tmp_path, text, words):
    (tmp_path / "e.py").write_text(text)
    done = cli("prove", "e.py", "--limit", "3", cwd=tmp_path)
    assert done.returncode == 2
    (line,) = lines_of(done)
    assert words in line and len(line) < 600


# --- the decoder's notes ------------------------------------------------------------------------

READ_ALL = """
import ctypes, os, sys
from zerocross.sources.opening import read_audio
for path in sys.argv[1:]:
    try:
        print(read_audio(path)[0].shape)
    except Exception as error:
        print(error)
libc = ctypes.CDLL(None)
libc.perror(b"from C")
os.write(2, b"from a descriptor\\n")
print("from Python", file=sys.stderr)
"""


def test_the_decoder_says_nothing_on_standard_error_and_others_still_do(tmp_path):
    path = tmp_path / "a.mp3"
    soundfile.write(path, music(3 * RATE), RATE)
    good = path.read_bytes()
    frame = b"COMM" + (3).to_bytes(4, "big") + b"\0\0\0en"
    cases = {
        "tag.mp3": b"ID3\3\0\0" + bytes([0, 0, 0, len(frame)]) + frame + good,
        "junk.mp3": good[:4000] + np.random.default_rng(1).bytes(3000) + good[4000:],
        "cut.mp3": good[: len(good) // 2],
    }
    for name, data in cases.items():
        (tmp_path / name).write_bytes(data)
    script = [sys.executable, "-c", READ_ALL, *(tmp_path / name for name in cases)]
    done = subprocess.run(script, capture_output=True, text=True, check=True, timeout=60)
    first, second, third = done.stderr.splitlines()
    assert first.startswith("from C: ")
    assert (second, third) == ("from a descriptor", "from Python")


def test_threads_that_open_their_first_file_together_change_the_decoder_once(monkeypatch):
    """Where they did not wait for each other, one made the page read-only that another was to write."""
    inside, most = [], []

    def change(_libc, name):
        inside.append(name)
        most.append(len(inside))
        time.sleep(0.02)
        inside.pop()
        return True

    monkeypatch.setattr(decoder_notes, "_silence", change)
    decoder_notes._silence_all.cache_clear()
    address = address_of("sf_open")
    threads = [threading.Thread(target=silence_decoder, args=(address,)) for _ in range(8)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        monkeypatch.undo()
        decoder_notes._silence_all.cache_clear()
    assert most == [1, 1]  # each library once


# --- other processes ----------------------------------------------------------------------------

SPAWN = """
import multiprocessing, sys
import zerocross

def render(k):
    return zerocross.render(["a.wav"], f"{k}.wav").frames

if __name__ == "__main__":
    with zerocross.Player(device="null") as player:
        player.play("a.wav")
        with multiprocessing.get_context("spawn").Pool(2) as pool:
            print(pool.map(render, range(2)))
"""


@pytest.mark.thorough
def test_spawned_processes_are_clean(tmp_path):
    soundfile.write(tmp_path / "a.wav", music(RATE // 2), RATE)
    (tmp_path / "main.py").write_text(SPAWN)
    done = subprocess.run(
        [sys.executable, "main.py"], capture_output=True, cwd=tmp_path, check=False, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == b"[24000, 24000]\n"


def test_a_report_does_not_replace_the_playlist(cli, make_file, tmp_path):
    path, _ = make_file()
    playlist = tmp_path / "list.m3u"
    playlist.write_text(f"{path}\n")
    done = cli("play", playlist, *NULL, "--report", playlist)
    assert done.returncode == 2 and b"is what is read" in done.stderr
    assert playlist.read_text() == f"{path}\n"


def test_a_file_that_is_written_aside_is_there_from_the_beginning(tmp_path):
    """Made by nobody else, and empty: whoever is given its name may open it either way."""
    with written_aside(tmp_path / "out.txt") as part:
        assert os.path.getsize(part) == 0
        Path(part).write_text("x")


def test_a_users_file_that_floods_the_answers_is_told(tmp_path, cli):
    """It looks for pipes, and writes to them without end."""
    path = tmp_path / "flood.py"
    path.write_text(
        "import os, stat\n"
        "found = [n for n in map(int, os.listdir('/proc/self/fd')) if n > 2]\n"
        "while True:\n"
        "    for n in found:\n"
        "        try:\n"
        "            if stat.S_ISFIFO(os.fstat(n).st_mode):\n"
        "                os.write(n, b'x' * 65536)\n"
        "        except OSError:\n"
        "            pass\n"
    )
    done = cli("prove", path)
    assert done.returncode != 0
    assert b"wrote into descriptors that are not its own" in done.stderr
