"""The status line: what is to be seen of a moment, and how it stands on a terminal."""

from __future__ import annotations

import contextlib
import math
import os
import pty
import re
import select
import signal
import sys
import termios
import threading
import time

import numpy as np
import pytest

from conftest import wait_for
from terminal import Terminal, cells_of
from zerocross.cli import printing
from zerocross.cli.bottom_line import BottomLine
from zerocross.cli.paint import paint_line
from zerocross.cli.painter import STATES, Painter
from zerocross.files import printable
from zerocross.units import format_time

# --- the line against one that is composed of strings -------------------------------------------

SYMBOLS = dict(zip(STATES, "▶⏸■……", strict=True))
CODES = {"bold": 1, "dim": 2, "cyan": 36, "green": 32, "red": 31, "yellow": 33}
NAMES = [
    "",
    "a",
    "song.flac",
    "a rather long name for a song, as they come from the archive of a library.flac",
    "日本語の歌とその長い題名.flac",
    "é\u0301 combining \u0301\u0302.ogg",
    "tab\tand\x1b[31mred\n.mp3",
    "back\\slash.wav",
    os.fsdecode(b"caf\xe9 latin.wav"),
]


def cells(text):
    return sum(map(cells_of, text))


def cut(name, room):
    """Return a name in just so many cells, with an ellipsis if it is cut."""
    if cells(name) <= room:
        return name + " " * (room - cells(name))
    kept = ""
    for letter in name:
        if cells(kept + letter) > room - 1:
            break
        kept += letter
    return kept + "…" + " " * (room - 1 - cells(kept))


def fields_of(width, m):
    """Return the fields of a line that have a place, as pairs of a style and a text."""
    name = printable(m["name"])
    times = f"{format_time(m['position_s'])} / "
    times += format_time(m["duration_s"]) if m["duration_s"] else "-:--"
    volume = "muted" if m["volume"] is None else f"vol {round(100 * m['volume']):3d} %"
    count = f"{m['place']}/{m['count']}" if m["count"] > 1 else ""
    sound = 21 if width >= 100 else 10
    fixed = [1, len(times)]
    given_way = [len(count)] * bool(count) + [len(volume), 8, sound]
    left = width - 1 - sum(fixed) - len(fixed) - sum(given_way) - len(given_way) - 1
    dropped = 0
    while left < 8 and dropped < len(given_way):
        left += given_way[dropped] + 1
        dropped += 1
    shown = [None] * (not count) + given_way
    has_count, has_volume, has_words, has_sound = (
        k >= dropped + (not count) and kept is not None for k, kept in enumerate(shown)
    )
    parts = [[("bold", SYMBOLS[m["state"]])]] if width > 1 else []
    if left >= 8:
        room = min(cells(name), left // 2)
        parts += [[("bold", cut(name, room))]] if room else []
        bar = left - room + (not room)
        share = min(1.0, max(0.0, m["position_s"]) / m["duration_s"]) if m["duration_s"] else 0.0
        done = math.floor(share * bar + 0.5)
        parts.append([("cyan", "━" * done), ("dim", "─" * (bar - done))])
    elif name and left + 1 >= min(4, cells(name)):
        parts.append([("bold", cut(name, min(cells(name), left + 1)))])
    if width - 3 >= len(times):
        parts.append([("", times)])
    elif width - 3 >= len(format_time(m["position_s"])):
        parts.append([("", format_time(m["position_s"]))])
    if has_sound:
        parts += sound_of(m, width >= 100)
    if has_words:
        parts.append([("", words_of(m["level_db"]))])
    if has_volume:
        parts.append([("yellow" if m["volume"] is None else "", volume)])
    return parts + ([[("dim", count)]] if has_count else [])


def sound_of(m, is_wide):
    heights = [0.0] * 10 if m["heights"] is None else m["heights"]
    bars = "".join(" ▁▂▃▄▅▆▇█"[math.floor(h * 8 + 0.5)] for h in heights)
    colour = "red" if m["level_db"] > -1.0 else "green"
    if not is_wide:
        return [[(colour, bars)]]
    done = math.floor(10 * min(1.0, max(0.0, 1.0 - m["level_db"] / -48.0)) + 0.5)
    return [[("cyan", bars)], [(colour, "▮" * done), ("dim", "▯" * (10 - done))]]


def words_of(level_db):
    if not level_db > -48.0:
        return "  -∞  dB"
    tenths = math.floor(min(99.9, abs(level_db)) * 10 + 0.5) / 10
    return f"{tenths if level_db > 0 or tenths == 0 else -tenths:5.1f} dB"


def moment(rng):
    duration = None if rng.random() < 0.1 else 10 ** rng.uniform(-1, 5)
    is_silent = rng.random() < 0.1
    return {
        "state": STATES[rng.integers(len(STATES))],
        "name": NAMES[rng.integers(len(NAMES))],
        "position_s": rng.uniform(-0.1, 1.2) * (duration or 100.0),
        "duration_s": duration,
        "level_db": -math.inf if is_silent else rng.uniform(-60.0, 6.0),
        "volume": None if rng.random() < 0.2 else rng.integers(0, 21) / 20,
        "place": int(rng.integers(1, 1200)),
        "count": int(rng.choice([1, 2, 12, 1200])),
        "heights": None if rng.random() < 0.1 else rng.uniform(0.0, 1.0, 10),
    }


def painted(painter, width, m):
    painter.show_bars(m["heights"])
    return painter.paint(
        width, *(m[k] for k in ("state", "name", "position_s", "duration_s", "level_db")),
        m["volume"], m["place"], m["count"],
    )  # fmt: skip


def runs_of(line):
    """Return what a line shows: pairs of a style and a text, neighbours of a style joined."""
    found = []
    style = ""
    for code, text in re.findall(r"\x1b\[(\d+)m|([^\x1b]+)", line.decode()):
        if code:
            style = next((s for s, number in CODES.items() if number == int(code)), "")
        elif found and found[-1][0] == style:
            found[-1] = (style, found[-1][1] + text)
        else:
            found.append((style, text))
    return found


def joined(parts):
    """Return the same of fields, with a blank between them."""
    found = []
    for k, part in enumerate(parts):
        for style, text in ([("", " ")] if k else []) + part:
            if text and found and found[-1][0] == style:
                found[-1] = (style, found[-1][1] + text)
            elif text:
                found.append((style, text))
    return found


def test_the_line_is_what_its_fields_are_for_every_moment_and_width():
    rng = np.random.default_rng(14)
    painter = Painter(colours=True)
    for _ in range(6000):
        width, m = int(rng.integers(0, 220)), moment(rng)
        line = painted(painter, width, m)
        assert runs_of(line) == joined(fields_of(width, m)), (width, m)
        text = "".join(text for _, text in runs_of(line))
        assert cells(text) <= max(0, width - 1)


def test_every_width_is_filled_from_where_there_is_a_bar():
    painter = Painter(colours=False)
    for width in range(28, 400):
        line = painter.paint(width, "playing", "日本語 song.flac", 65.0, 200.0, -3.0, 1.0, 1, 2)
        text = "".join(text for _, text in runs_of(line))
        assert cells(text) == width - 1


def test_strange_numbers_are_shown_as_what_is_near():
    painter = Painter(colours=False)
    strange = (math.nan, math.inf, -math.inf, 1e300, -1e300)
    for number in strange:
        for line in (
            painter.paint(120, "playing", "x", number, 200.0, -3.0, 1.0),
            painter.paint(120, "playing", "x", 1.0, number, -3.0, 1.0),
            painter.paint(120, "playing", "x", 1.0, 200.0, number, 1.0),
        ):
            assert cells("".join(text for _, text in runs_of(line))) <= 119
    painter.show_bars(np.array([*strange, 2.0, -1.0, 0.5, 0.0, 1.0]))
    line = painter.paint(120, "playing", "x", 1.0, 200.0, -3.0, 1.0)
    assert re.search(" [ ▁-█]{10} ▮", line.decode().replace("\x1b[0m", "").replace("\x1b[1m", ""))
    for width in (-5, 0, 10**9, 1 << 40):
        assert len(painter.paint(width, "playing", "x" * 10_000, 1.0, 2.0, -3.0, 1.0)) < 1 << 14


@pytest.mark.thorough
def test_the_kernel_as_plain_python_writes_the_same():
    rng = np.random.default_rng(15)
    painter = Painter(colours=True)
    for width in (10, 30, 60, 99, 120):
        m = moment(rng)
        line = painted(painter, width, m)
        volume = -1 if m["volume"] is None else round(100 * m["volume"])
        size = paint_line.kernel.function(
            painter._record.address,
            width,
            STATES.index(m["state"]),
            volume,
            m["place"],
            m["count"],
            m["position_s"],
            m["duration_s"] or 0.0,
            m["level_db"],
        )
        assert painter._line[:size].tobytes() == line


# --- terminals that have less -------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437", "gb18030", "utf-8"])
def test_a_terminal_gets_what_it_has(encoding):
    rng = np.random.default_rng(16)
    painter = Painter(encoding, colours=False)
    widths = set()
    for name in NAMES:
        m = {**moment(rng), "name": name, "level_db": -math.inf}
        line = painted(painter, 120, m)
        text = re.sub("\x1b\\[[0-9]+m", "", line.decode(encoding))
        assert text.isprintable()
        widths.add(cells(text))
    assert widths == {119}
    assert ("-inf  dB" if encoding in ("ascii", "latin-1") else "-∞  dB") in text
    assert "caf\\xe9 latin.wav" in text


def test_without_colours_there_are_none(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    line = Painter().paint(120, "playing", "song", 1.0, 2.0, 0.0, None)
    assert set(re.findall(rb"\x1b\[(\d+)m", line)) <= {b"0", b"1", b"2"}
    monkeypatch.setenv("NO_COLOR", "")
    line = Painter().paint(120, "playing", "song", 1.0, 2.0, 0.0, None)
    assert {b"31", b"33", b"36"} <= set(re.findall(rb"\x1b\[(\d+)m", line))


# --- on the screen ------------------------------------------------------------------------------


@contextlib.contextmanager
def terminal_streams():
    """Make a terminal of standard output and standard error; what it shows is in the one given."""
    master, slave = pty.openpty()
    os.set_blocking(master, False)
    terminal = Terminal(40)

    def look():
        time.sleep(0.01)
        try:
            while data := os.read(master, 65_536):
                terminal.feed(data)
        except BlockingIOError:
            return [line for line in terminal.lines if line]

    terminal.look = look
    with (
        os.fdopen(slave, "w") as stream,
        contextlib.redirect_stdout(stream),
        contextlib.redirect_stderr(stream),
    ):
        yield terminal
    os.close(master)


def on_screen(test):
    """Run a test on a terminal: in it, as pytest has streams of its own around it."""

    def run():
        with terminal_streams() as screen:
            test(screen)

    return run


@on_screen
def test_a_line_is_written_where_it_differs_and_is_gone_in_the_end(screen):
    printing.say("before")
    with BottomLine() as line:
        assert not line.show(b"not yet", 40), "nobody said that the terminal is ours"
        line.come_back()
        assert line.show(b"one", 40) and not line.show(b"one", 40)
        assert screen.look() == ["before", "one"] and not screen.shows_cursor
        assert line.show(b"2", 40)
        assert screen.look() == ["before", "2"]
    assert screen.look() == ["before"]
    assert screen.shows_cursor and screen.wraps and (screen.row, screen.column) == (1, 0)
    printing.say("after")
    assert screen.look() == ["before", "after"]


@on_screen
def test_what_is_printed_stands_above(screen):
    with BottomLine() as line:
        line.come_back()
        line.show("━━ song".encode(), 40)
        printing.say("one\ntwo " + "x" * 50)
        printing.print_error("three")
        assert screen.look() == ["one", "two " + "x" * 36, "x" * 14, "error: three", "━━ song"]


@on_screen
def test_threads_do_not_tear_it(screen):
    stop = threading.Event()

    def talk(name):
        for k in range(200):
            printing.say(f"{name}{k}", err=True)

    def paint(line):
        k = 0
        while not stop.is_set():
            line.show(b"line %d" % k, 40)
            k += 1

    with BottomLine() as line:
        line.come_back()
        threads = [threading.Thread(target=talk, args=(name,)) for name in "ab"]
        painter = threading.Thread(target=paint, args=(line,))
        for thread in (painter, *threads):
            thread.start()
        while any(thread.is_alive() for thread in threads):
            screen.look()
        stop.set()
        while painter.is_alive():
            screen.look()
        *said, last = screen.look()
    assert re.fullmatch(r"line \d+", last)
    assert [s for s in said if s[0] == "a"] == [f"a{k}" for k in range(200)]
    assert [s for s in said if s[0] == "b"] == [f"b{k}" for k in range(200)]
    assert len(said) == 400


@on_screen
def test_another_width_leaves_nothing_behind(screen):
    printing.say("before")
    with BottomLine() as line:
        line.come_back()
        for width in (40, 30, 13, 9, 40, 20):
            screen.resize(width)
            assert line.show(b"x" * (width - 1), width)
            assert screen.look() == ["before", "x" * (width - 1)]


@on_screen
def test_a_line_that_leaves_is_shown_again(screen):
    with BottomLine() as line:
        line.come_back()
        line.show(b"one", 40)
        line.go_away()
        assert screen.look() == [] and screen.shows_cursor
        printing.say("the shell's")
        assert not line.show(b"two", 40)
        line.come_back()
        assert line.show(b"one", 40)
        assert screen.look() == ["the shell's", "one"] and not screen.shows_cursor


@on_screen
def test_a_terminal_that_went_is_no_error(screen):
    lost = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zerocross.cli.bottom_line.lose", lambda *args: lost.append(args))
        patch.setattr("zerocross.cli.bottom_line.os.write", lambda *_: os.read(-1, 1))
        with BottomLine() as line:
            line.come_back()
            assert line.show(b"one", 40)
    assert lost and lost[0][0] is sys.stdout and screen.look() == []


# --- while it plays -----------------------------------------------------------------------------


#: What is told where a null device was asked for, on a terminal.
NULL = "notice: the null device plays in time, and without sound"


class Played:
    """The command line on a terminal of its own."""

    def __init__(self, *arguments, columns=100, script=None):
        self.terminal = Terminal(columns)
        command = ["-c", script] if script else ["-m", "zerocross"]
        pid, self._master = pty.fork()
        if pid == 0:
            termios.tcsetwinsize(0, (24, columns))
            os.execv(sys.executable, [sys.executable, *command, *map(str, arguments)])
        self.pid = pid

    def look(self, timeout_s=0.0):
        """Take what was written within a time; returns how much that was."""
        count = 0
        while select.select([self._master], [], [], timeout_s)[0]:
            try:
                data = os.read(self._master, 65_536)
            except OSError:
                break
            count += len(data)
            self.terminal.feed(data)
        return count

    def wait(self, pattern):
        """Wait until a row looks so."""

        def is_there():
            self.look(0.02)
            return any(re.search(pattern, line) for line in self.terminal.lines)

        wait_for(is_there, timeout_s=60, what=pattern)

    def type(self, keys):
        os.write(self._master, keys.encode())

    def resize(self, columns):
        self.look()
        self.terminal.resize(columns)
        termios.tcsetwinsize(self._master, (24, columns))

    def end(self):
        """Wait for its end; returns its exit code and what is left on the screen."""
        ended = []

        def is_over():
            self.look(0.02)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            ended.append(os.waitstatus_to_exitcode(status))
            return pid != 0

        wait_for(is_over, timeout_s=30, what="its end")
        self.look()
        os.close(self._master)
        assert self.terminal.shows_cursor and self.terminal.wraps and self.terminal.column == 0
        return ended[-1], [line for line in self.terminal.lines if line not in {"", NULL}]


@pytest.fixture
def song(make_file):
    return make_file("song.flac", frames=48_000 * 60)[0]


@pytest.mark.parametrize(
    ("ask", "code"),
    [("q", 0), ("\x04", 0), ("\x03", 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
)
def test_the_line_is_gone_in_the_end_and_the_cursor_is_back(song, ask, code):
    played = Played("play", song, "--device", "null")
    played.wait("▶ song.flac .*0:0. / 1:00")
    assert not played.terminal.shows_cursor
    played.type(ask) if isinstance(ask, str) else os.kill(played.pid, ask)
    found, lines = played.end()
    assert found == code
    assert len(lines) == 2 and lines[0].startswith("space pause")
    assert re.match("played 0:0" if code == 0 else "stopped at", lines[1])


@pytest.mark.thorough
def test_paused_nothing_is_written_until_a_key(song):
    played = Played("play", song, "--device", "null")
    played.wait("▶")
    played.type(" ")
    played.wait("⏸")
    wait_for(lambda: played.look(1.5) == 0, timeout_s=30, what="stillness")
    assert played.look(1.5) == 0
    played.type("m")
    played.wait("muted")
    played.type(" ")
    played.wait("▶")
    played.type("q")
    assert played.end()[0] == 0


def test_what_happens_is_told_above_and_other_widths_leave_nothing(song, tmp_path):
    (tmp_path / "bad.flac").write_bytes(b"no music")
    played = Played("play", song, tmp_path / "bad.flac", song, "--device", "null")
    played.wait("▶")
    assert NULL in played.terminal.lines
    for columns in (60, 40, 20, 100):
        played.resize(columns)
        played.wait(f"^▶ .{{{columns - 40},{columns - 2}}}$" if columns > 40 else "^▶ so")
    played.type("n")
    played.wait("^error: .*bad.flac")
    played.wait("▶.*3/3")
    played.type("q")
    code, lines = played.end()
    text = "".join(lines)
    assert code == 1
    assert "▶" not in text
    assert re.search(r"bad\.flac: not playable audio ?[^:]* Opus or MP3played 0:", text)


def test_keys_pressed_while_it_compiles_are_kept_and_not_echoed(song):
    script = (
        "import sys, time, zerocross.cli.warmup as warmup\n"
        "from zerocross.cli.main import run\n"
        "warm_up = warmup.warm_up\n"
        "def slow():\n"
        "    print('busy', flush=True)\n"
        "    time.sleep(0.5)\n"
        "    print('over', flush=True)\n"
        "    warm_up()\n"
        "warmup.warm_up = slow\n"
        "sys.exit(run(sys.argv[1:]))\n"
    )
    played = Played("play", song, "--device", "null", script=script)
    played.wait("busy")
    played.type("mxyz")
    played.wait("muted")
    played.type("q")
    code, lines = played.end()
    assert code == 0
    assert lines[:2] == ["busy", "over"] and not any("xyz" in line for line in lines)


def test_the_line_needs_no_rich_and_no_screen_no_line(song):
    script = (
        "import sys\n"
        "from zerocross.cli.main import run\n"
        "run(sys.argv[1:])\n"
        "print(sorted(m for m in sys.modules if 'rich' in m.split('.')[0] or 'status_line' in m))\n"
    )
    arguments = ("play", song, "--device", "null", "--duration", "0.3")
    assert Played(*arguments, script=script).end()[1][-1] == "['zerocross.cli.status_line']"
    assert Played(*arguments, "--no-ui", script=script).end()[1][-1] == "[]"
