"""A hundred thousand random keys, clicks, resizes and stops: the terminal stays sane and memory flat.

In pieces of ten thousand, each a screen of its own under a shell, seeded by its number. Memory is looked at
over the last quarter of each: for thousands of actions something is compiled or drawn for the first time. What is done is
remembered, so a run that was broken off goes on where it was; ``ZEROCROSS_SOAK`` is how many there are.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
import time

import pytest
import soundfile

import screens
from conftest import ON_CI, music, need

PIECES = int(os.environ.get("ZEROCROSS_SOAK", "10"))
ACTIONS = 10_000
RATE = 44_100
#: Typed keys; those that write files are pressed apart, with names that are known.
KEYS = (
    *"1234567123456712345671234567",
    *"abcdefghijklmnoprstuvxyzACGJKLNSX<>,.-=+09[]{}()?:/ \r\t",
    *("\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D", "\x1b[5~", "\x1b[6~", "\x1b[H", "\x1b[F", "\x1b[Z"),
    *("\x1b[1;2A", "\x1b[1;2B", "\x1b[1;2C", "\x1b[1;2D", "\x1bOP", "\x1b[15~", "\x1b[3~"),
    *("\x7f", "\x14", "\x10", "\x04", "\x15", "\x1b", "\x1b", "ä", "音", "\x1b[200~/tmp\x1b[201~"),
)
SIZES = ((80, 24), (120, 40), (200, 60), (40, 15), (10, 4), (1, 1), (300, 20), (81, 25))
SHELL = "the-shell-waits"
_PATIENCE_S = 60.0


@pytest.fixture
def songs(tmp_path):
    folder = tmp_path / "music"
    folder.mkdir()
    paths = []
    for k in range(5):
        paths.append(folder / f"song {k}.flac")
        soundfile.write(paths[-1], music(20 * RATE, seed=k, sample_rate=RATE), RATE, "PCM_16")
    (folder / "broken.flac").write_bytes(b"no flac")
    (folder / "effect.py").write_text(
        "import zerocross.effects\nchain = [zerocross.effects.Gain()]\n"
    )
    return paths


class Left(Exception):
    """The screen has ended: there is a command for it in its palette, which a click may hit."""


class Shell:
    """A shell in a terminal, in which a screen runs as a job."""

    def __init__(self, folder, seed):
        from benchmarks.screen.terminal import Terminal

        (folder / "inputrc").write_text("set enable-bracketed-paste off\n")  # the shell's own
        # What is typed while the screen is stopped is for the shell, which finds no programs.
        own = {
            "PATH": str(folder),
            "IGNOREEOF": "1000",
            "PS1": f"{SHELL} ",
            "INPUTRC": str(folder / "inputrc"),
            "PYTHONFAULTHANDLER": "1",
        }
        env = screens.environment(folder, **own)
        shell = [need("bash"), "--norc", "--noprofile", "-i"]
        self.size = (120, 40)
        self.terminal = Terminal(shell, env, *self.size, cwd=folder)
        self.rng = random.Random(seed)
        self.terminal.wait_for(SHELL)

    def run(self, command):
        """Start a program and learn its number."""
        words = " ".join(f"'{word}'" for word in command)
        self.terminal.press(f"{words}\r")
        self.terminal.wait_for("Que", _PATIENCE_S)
        children = f"/proc/{self.terminal.process.pid}/task/{self.terminal.process.pid}/children"
        with open(children, encoding="ascii") as file:
            self.pid = int(file.read().split()[0])

    def act(self):
        """Do something at random."""
        rng, terminal = self.rng, self.terminal
        self._is_there()
        if self.state() == "T":  # by the palette's command
            self._go_on()
        draw = rng.random()
        if draw < 0.80:
            terminal.press(rng.choice(KEYS))
        elif draw < 0.92:
            self._use_mouse()
        elif draw < 0.97:
            self._resize(*rng.choice(SIZES))
        elif draw < 0.98:
            time.sleep(rng.uniform(0.0, 0.5))
        elif draw < 0.99:
            self._save()
        else:
            self._stop_and_go_on()

    def _use_mouse(self):
        rng = self.rng
        column, row = rng.randrange(self.size[0]), rng.randrange(self.size[1])
        if rng.random() < 0.3:  # drag
            self.terminal.press(f"\x1b[<0;{column + 1};{row + 1}M")
            for _ in range(rng.randrange(5)):
                column, row = rng.randrange(self.size[0]), rng.randrange(self.size[1])
                self.terminal.press(f"\x1b[<32;{column + 1};{row + 1}M")
            self.terminal.press(f"\x1b[<0;{column + 1};{row + 1}m")
        else:
            self.terminal.click(column, row, rng.choice((0, 0, 0, 2, 64, 65)))

    def _resize(self, columns, rows):
        self.size = (columns, rows)
        self.terminal.resize(columns, rows)

    def _save(self):
        """Save what there is under a name in the folder: a queue, or an equaliser's setting."""
        self.terminal.press("\x1b\x1b")
        time.sleep(0.3)
        self.terminal.press(self.rng.choice("25") + "w")
        time.sleep(0.5)
        self.terminal.press("\x01\x0bsaved.m3u8\r")

    def _stop_and_go_on(self):
        """Leave the screen to the shell with Ctrl-Z, look at the terminal, and come back."""
        self._resize(120, 40)
        before = len(self.terminal.pieces)
        self.terminal.press("\x1a")
        self._wait_for_state("T")
        self.terminal.press("\r")
        self.terminal.wait_for(SHELL, _PATIENCE_S)
        deadline = time.monotonic() + 10
        while not screens.is_sane(self.terminal) and time.monotonic() < deadline:
            time.sleep(0.05)
        last = b"".join(piece.data for piece in self.terminal.pieces[-4:])[-2000:]
        assert not screens.wrongs(self.terminal), last
        self.terminal.press("/usr/bin/stty -a\r")
        self.terminal.wait_for("icanon", _PATIENCE_S)
        assert " -icanon" not in self.terminal.text and " -echo " not in self.terminal.text
        assert len(self.terminal.pieces) > before
        self._go_on()

    def _go_on(self):
        """Come back; of two commands to stop the second one is obeyed then."""
        deadline = time.monotonic() + _PATIENCE_S
        while not self.terminal.emulator.screen.is_set(1049):
            self._is_there()
            assert time.monotonic() < deadline, f"the screen is not there: {self.terminal.text}"
            if self.state() == "T":
                self.terminal.press("\x15fg\r")
                time.sleep(1.0)
            time.sleep(0.05)

    def _wait_for_state(self, letter):
        deadline = time.monotonic() + _PATIENCE_S
        while self.state() != letter:
            self._is_there()
            assert time.monotonic() < deadline, f"it is {self.state()}, not {letter}"
            time.sleep(0.02)

    def _is_there(self):
        if self.state() in {"", "Z"}:
            raise Left

    def state(self):
        """Return what the system says of the program: S, R, T; empty where it has ended."""
        try:
            with open(f"/proc/{self.pid}/stat", encoding="utf-8") as file:
                return file.read().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):  # the latter while it is read
            return ""

    def rest(self):
        """Let it do what it was asked for; a file of five frames, played on and on, keeps it busy for good."""
        with contextlib.suppress(AssertionError):
            screens.wait_until_idle(self.pid, patience_s=10.0)

    def settle(self):
        """Wait until it has taken what was pressed: it answers to a question of the size."""
        self._resize(120, 40)
        self.terminal.press("\x1b")
        time.sleep(0.3)
        self.terminal.press("\x1b")
        time.sleep(0.3)
        self.rest()

    def end(self, number):
        """End the program, by a signal or by q, and check what it leaves."""
        self.settle()
        if number:
            os.kill(self.pid, number)
        else:
            self.terminal.press("\x1b")
            time.sleep(0.3)
            self.terminal.press("\x1b")
            time.sleep(0.3)
            self.terminal.press("q")
        deadline = time.monotonic() + _PATIENCE_S
        while self.state() not in {"", "Z"}:
            assert time.monotonic() < deadline, self.terminal.text
            time.sleep(0.05)
        self.check_what_is_left()

    def check_what_is_left(self):
        """Check what a screen leaves that has ended: a shell at work, and no word of anything that broke."""
        self._resize(120, 40)
        self.terminal.press("\x15\recho ended:$?:\r")
        self.terminal.wait_for("ended:", _PATIENCE_S)
        assert not screens.wrongs(self.terminal), self.terminal.text
        written = b"".join(piece.data for piece in self.terminal.pieces)
        assert b"Traceback" not in written, self.terminal.text
        assert b"Fatal Python error" not in written, self.terminal.text


def begin(shell, songs):
    """Start a screen, and look at each of its views once."""
    shell.run([sys.executable, "-m", "zerocross", "--debug", "--device", "null", *map(str, songs)])
    for key in "1234567":
        shell.terminal.press(key)
        time.sleep(0.5)


def soak(folder, songs, seed, actions):
    """Do so many things at random; returns what memory grew by in the last quarter, in MB.

    None where the screen was left by its own command in that quarter and begun anew.
    """
    shell = Shell(folder, seed)
    sizes = []
    try:
        begin(shell, songs)
        for k in range(actions):
            try:
                shell.act()
                time.sleep(0.004)
                if k % 100 == 99:
                    shell.rest()
                if k in {3 * actions // 4, actions - 1}:
                    shell.settle()
                    sizes.append(screens.resident_mb(shell.pid))
            except (Left, FileNotFoundError):  # the latter of /proc
                shell.check_what_is_left()
                sizes.clear()
                begin(shell, songs)
        shell.end(shell.rng.choice((signal.SIGTERM, signal.SIGHUP, 0, 0)))
        return sizes[1] - sizes[0] if len(sizes) == 2 else None
    finally:
        shell.terminal.close()


@pytest.mark.thorough
@pytest.mark.timeout(300)
def test_random_keys_clicks_resizes_and_stops(tmp_path, songs):
    soak(tmp_path, songs, 17, 250)


@pytest.mark.soak
@pytest.mark.timeout(6 * 3600)
def test_a_hundred_thousand_of_them(tmp_path, songs, request):
    cache, key = request.config.cache, "zerocross/screen-soak-of-ten-thousand"
    done = [] if ON_CI else cache.get(key, [])
    for seed in range(len(done), PIECES):
        folder = tmp_path / str(seed)
        folder.mkdir()
        done.append(soak(folder, songs, seed, ACTIONS))
        cache.set(key, done)
        print(f"{seed + 1} of {PIECES}: {done[-1]} MB", file=sys.stderr, flush=True)
    cache.set(key, [])
    grown = sorted(each for each in done if each is not None)
    assert len(grown) > len(done) // 2, "in most of them nobody left"
    assert grown[len(grown) // 2] < 2.0, done
