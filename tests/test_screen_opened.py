"""`zerocross [PATH]...` in a terminal of its own: opened, left, stopped, ended by signals, and gone on with."""

from __future__ import annotations

import os
import signal
import sys
import time

import pytest

import screens
from conftest import need, wait_for
from zerocross.cli.showing import stderr_told


def opened(folder, *words, columns=80, rows=24, **more):
    """Return a terminal in which the command line was called."""
    from benchmarks.screen.terminal import Terminal

    command = [sys.executable, "-m", "zerocross", *map(str, words), "--device", "null"]
    env = screens.environment(folder, HOME=str(folder), **more)
    return Terminal([*command, "--no-mpris"], env, columns, rows, cwd=folder)


@pytest.fixture
def song(make_file):
    return make_file("song.flac", frames=1_440_000)[0]


def test_a_path_is_played_and_gone_on_with_without_one(tmp_path, song):
    with opened(tmp_path, song) as terminal:
        terminal.wait_for("▶ song.flac")
        terminal.press(".")
        terminal.press("-")
        terminal.wait_for("vol 95%")
        assert screens.leave(terminal) == 0
        assert "underrun" in terminal.text
    with opened(tmp_path, "--theme", "light") as terminal:
        terminal.wait_for("■ song.flac")
        terminal.wait_for("vol 95%")
        assert screens.leave(terminal) == 0


@pytest.mark.thorough
def test_without_a_queue_it_shows_files_and_without_a_file_what_is_wrong(tmp_path, song):
    with opened(tmp_path) as terminal:
        terminal.wait_for("song.flac")
        terminal.press("j\r")
        terminal.wait_for("▶ song.flac")
        assert screens.leave(terminal) == 0
    (tmp_path / "empty").mkdir()
    with opened(tmp_path, tmp_path / "empty", columns=240) as terminal:
        terminal.wait_for("no audio in this directory")
        assert screens.leave(terminal) == 0


@pytest.mark.thorough
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_in_order(tmp_path, song, number):
    with opened(tmp_path, song) as terminal:
        terminal.wait_for("▶ song.flac")
        terminal.press(".")
        time.sleep(0.5)
        os.kill(terminal.process.pid, number)
        assert terminal.wait() == 128 + number
        assert screens.is_sane(terminal)
        screens.check_quiet(terminal)
    assert "position_s" in (tmp_path / "state" / "zerocross" / "play-1.toml").read_text()


@pytest.mark.thorough
def test_a_terminal_that_is_closed_ends_it_and_what_was_heard_is_remembered(tmp_path, song):
    with opened(tmp_path, song) as terminal:
        terminal.wait_for("▶ song.flac")
        pid = terminal.process.pid
    wait_for(lambda: not os.path.exists(f"/proc/{pid}"), 20, "its end")
    assert (tmp_path / "state" / "zerocross" / "play-1.toml").exists()


@pytest.mark.thorough
def test_keys_and_a_wrong_one_of_the_configuration(tmp_path, song):
    (tmp_path / "config" / "zerocross").mkdir(parents=True)
    path = tmp_path / "config" / "zerocross" / "config.toml"
    path.write_text(
        'theme = "high contrast"\nfps = "fast"\neq = "none.txt"\n[keys]\nquit = "Q"\npaus = "x"\n'
    )
    with opened(tmp_path, song, columns=240) as terminal:
        terminal.wait_for("no action 'paus' for keys; did you mean pause?")
        terminal.press("N")
        terminal.wait_for("fps: 'fast' is not a valid integer range; it is not used")
        terminal.wait_for("no such file")
        terminal.press("qqQ")
        assert terminal.wait() == 0


@pytest.mark.thorough
def test_a_shell_stops_it_and_brings_it_back(tmp_path, song):
    need("tmux")
    with screens.tmux(tmp_path) as window:
        words = f"{sys.executable} -m zerocross {song} --device null --no-mpris"
        window.start(["bash", "--norc", "-i"])
        window.press(f"cd {tmp_path}; {words}", "Enter")
        window.wait_for("▶ song.flac")
        for _ in range(3):
            window.press("C-z")
            window.wait_for("Stopped")
            window.press("clear; stty -a | grep -c ' echo '; fg", "Enter")
            window.wait_for("▶ song.flac")
        window.press("2")
        window.wait_for(">1 song")
        window.press("q")
        window.wait_for("underrun")
        window.press("stty -a | grep -o ' echo '", "Enter")
        window.wait_for(" echo ")


def test_an_indented_line_of_standard_error_is_told_with_its_heading(monkeypatch):
    told = []
    monkeypatch.setattr(sys, "stderr", sys.__stderr__)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with stderr_told(told.append):
        os.write(2, b"  zero\ncompiling (the first run only)\n  one\n  Two\nsomething else\n")
        wait_for(lambda: len(told) == 5, 10, "what was written")
    assert told == [
        "compiling: zero",
        "compiling (the first run only)",
        "compiling (the first run only): one",
        "compiling (the first run only): Two",
        "something else",
    ]
