"""The whole screen, in terminals of its own: every view at every size and theme, what it leaves behind,
what it takes from the music, and ten thousand tracks."""

from __future__ import annotations

import json
import os
import re
import signal
import termios
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from benchmarks.screen.terminal import Emulator

import screens
from conftest import music, need, wait_for

RATE = 44_100
#: What is to be read in each view, whatever its size.
HEADINGS = {
    "playing": "length",
    "queue": "song",
    "files": "song",
    "visual": "",
    "equalizer": "no band",
    "effects": "no effects",
    "engine": "Share of",
}
THEMES = ("default", "light", "high contrast")
DEPTHS = {
    "true": {},
    "256": {"COLORTERM": None},
    "16": {"COLORTERM": None, "TERM": "xterm"},
    "monochrome": {"NO_COLOR": "1"},
    "ascii": {"LANG": "C", "COLORTERM": None},
}


@pytest.fixture
def song(tmp_path):
    """A folder's only file, with tags."""
    path = tmp_path / "song.flac"
    with soundfile.SoundFile(path, "w", RATE, 2, "PCM_16") as file:
        file.title, file.artist = "A song", "Somebody"
        for _ in range(6):
            file.write(music(10 * RATE, sample_rate=RATE))
    return path


def show_all(terminal):
    """Go through all views; each has its heading."""
    for number, view in enumerate(screens.VIEWS, 1):
        terminal.press(str(number))
        terminal.wait_for(HEADINGS[view])


def test_every_view_is_shown_and_the_terminal_is_left_as_it_was(tmp_path, song):
    with screens.shown(tmp_path, song) as terminal:
        show_all(terminal)
        assert not screens.is_sane(terminal), "it has it"
        assert screens.leave(terminal) == 0


#: Ratios of what is written to what is below it, by WCAG 2: AA, and AAA for high contrast.
CONTRASTS = {"default": 4.5, "light": 4.5, "high contrast": 7.0}


@pytest.mark.parametrize("depth", ["true", "16"])
def test_what_is_written_can_be_read_in_every_theme(tmp_path, song, depth):
    env = screens.environment(tmp_path, **DEPTHS[depth])
    with screens.shown(tmp_path, song, env=env) as terminal:
        for theme, least in CONTRASTS.items():
            for number, view in enumerate(screens.VIEWS, 1):
                terminal.press(str(number))
                terminal.wait_for(HEADINGS[view])

                def is_readable(emulator, least=least):
                    return not screens.unreadable(emulator, least)

                try:
                    terminal.wait_for(is_readable, 5.0)
                except TimeoutError:
                    pytest.fail(f"{theme}, {view}: {screens.unreadable(terminal.emulator, least)}")
            terminal.press("\x14")
            terminal.wait_for("theme: ")
        assert screens.leave(terminal) == 0


def test_the_measure_of_contrast_fires():
    assert screens.contrast("black", "ffffff") == pytest.approx(21.0)
    assert screens.contrast("777777", "ffffff") == pytest.approx(4.48, abs=0.01)
    emulator = Emulator(20, 2)
    emulator.feed(b"\x1b[30;40mhidden \x1b[37;40mseen\r\n\x1b[0;31mhalf")
    found = screens.unreadable(emulator, 4.5)
    assert found == ["black on black, 1.0: hidden", "red on default, 0.0: half"]


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "xterm-m"}], ids=str)
def test_where_there_are_no_colours_none_are_sent(tmp_path, song, variables):
    env = screens.environment(tmp_path, **variables)
    with screens.shown(tmp_path, song, env=env) as terminal:
        show_all(terminal)
        terminal.press("?")
        terminal.wait_for("everywhere")
        sent = b"".join(piece.data for piece in terminal.pieces)
    colours = re.findall(rb"\x1b\[(?:[\d;]*;)?((?:3|4|9|10)[0-8])(?:;[\d;]*)?m", sent)
    assert not colours


@pytest.mark.parametrize("depth", ["16", "monochrome"])
def test_what_is_chosen_in_a_list_is_seen_without_many_colours(tmp_path, song, depth):
    env = screens.environment(tmp_path, **DEPTHS[depth])
    with screens.shown(tmp_path, song, env=env) as terminal:
        for _ in THEMES:
            terminal.press("6")
            terminal.wait_for(HEADINGS["effects"])
            terminal.press("a")
            terminal.wait_for("Compressor")
            emulator, lines = terminal.emulator, terminal.emulator.lines
            assert not screens.unreadable(emulator, 4.5)
            chosen, other = (
                next(y for y, line in enumerate(lines) if name in line)
                for name in ("Balance", "Compressor")
            )
            column = lines[chosen].index("Balance")
            papers = {
                (c.reverse, c.bg)
                for c in (emulator.screen.buffer[y][column] for y in (chosen, other))
            }
            assert len(papers) == 2 and "┌" in terminal.text
            terminal.press("\x1b")
            terminal.wait_for(lambda e: "Compressor" not in e.text)
            terminal.press("\x14")
            terminal.wait_for("theme: ")


@pytest.mark.thorough
def test_behind_a_dialog_stands_what_was_painted(tmp_path, song):
    with screens.shown(tmp_path, song, columns=120, rows=40) as terminal:
        terminal.press("4")
        terminal.wait_for("█", 60)
        for key in ("?", "\x10"):  # the keys, the palette
            terminal.press(key)
            terminal.wait_for("everywhere" if key == "?" else "Search")
            time.sleep(0.3)
            lines = terminal.emulator.lines
            assert any("█" in line[:8] for line in lines), "beside it"
            assert "─" in lines[-2], "the line of time"
            terminal.resize(60, 20)
            screens.wait_until_idle(terminal.process.pid, 0.3)
            terminal.resize(120, 40)
            terminal.press("\x1b")
            terminal.wait_for(lambda e: "everywhere" not in e.text and "Search" not in e.text)
        frames = terminal.emulator.text
        terminal.wait_for(lambda e: e.text != frames, 5)
        assert screens.leave(terminal) == 0


@pytest.mark.thorough
def test_a_terminal_that_says_it_is_larger_than_any_is_drawn_on_in_part(tmp_path, song):
    with screens.shown(tmp_path, song) as terminal:
        termios.tcsetwinsize(terminal._outer, (65_535, 65_535))
        screens.wait_until_idle(terminal.process.pid)
        terminal.resize(80, 24)
        show_all(terminal)
        assert screens.leave(terminal) == 0


def test_what_is_pasted_is_no_key(tmp_path, song):
    with screens.shown(tmp_path, song) as terminal:
        terminal.press("2")
        terminal.wait_for("song")
        terminal.press("/")
        terminal.wait_for("search")
        terminal.press("\x1b[200~so\x1bq\x1b[A\x1b\x1bng\x1b[201~")
        terminal.wait_for("soq[Ang")
        terminal.press("\x1b")
        terminal.wait_for(lambda e: "soq[Ang" not in e.text)
        assert screens.leave(terminal) == 0


@pytest.mark.thorough
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_it_and_leaves_the_terminal_as_it_was(tmp_path, song, number):
    with screens.shown(tmp_path, song, as_users=True) as terminal:
        terminal.press("4")
        time.sleep(1.0)
        os.kill(terminal.process.pid, number)
        assert terminal.wait() in {128 + number, -number, 0}
        assert screens.is_sane(terminal)
        screens.check_quiet(terminal)


@pytest.mark.thorough
@pytest.mark.parametrize("size", screens.SIZES, ids=str)
@pytest.mark.parametrize("depth", DEPTHS)
def test_every_view_under_tmux_in_every_theme(tmp_path, song, size, depth):
    need("tmux")
    with screens.tmux(tmp_path, *size) as window:
        variables = [f"{name}={value or ''}" for name, value in DEPTHS[depth].items()]
        window.start(["env", *variables, *screens.command(song)])
        window.wait_for("Que", 60)
        for theme in THEMES:
            for number, view in enumerate(screens.VIEWS, 1):
                window.press(str(number))
                window.wait_for(HEADINGS[view])
                text = window.text
                assert "Traceback" not in text
                assert depth != "ascii" or text.isascii(), (theme, view, text)
            window.press("C-t")
        window.press("q")
        wait_for(lambda: "Traceback" not in window.text, what="its end")


@pytest.mark.thorough
@pytest.mark.parametrize("size", screens.SIZES, ids=str)
def test_every_view_at_every_size_and_when_it_changes(tmp_path, song, size):
    with screens.shown(tmp_path, song, columns=120, rows=40) as terminal:
        for number, view in enumerate(screens.VIEWS, 1):
            terminal.press(str(number))
            terminal.wait_for(HEADINGS[view])
            terminal.resize(*size)
            terminal.wait_for(HEADINGS[view])
            time.sleep(0.3)
            terminal.wait_for("Que")
            assert all(len(line) <= size[0] for line in terminal.emulator.lines)
            terminal.resize(120, 40)
        assert screens.leave(terminal) == 0


# --- playback is untouched ------------------------------------------------------------------------


def play_under_the_screen(folder, song, device, seconds):
    """Play with blocks of 64 frames and the visualiser at full speed, while the GIL is held in turns."""
    told = folder / "told.json"
    env = screens.environment(folder, ZEROCROSS_TOLD=str(told))
    options = {"device": device, "block": 64, "hold_s": 0.4, "columns": 120, "rows": 40}
    with screens.shown(folder, song, env=env, **options) as terminal:
        terminal.press("4")
        before, ends = len(terminal.pieces), time.monotonic() + seconds
        time.sleep(seconds)
        assert len(terminal.pieces) > before, "it is painted"
        for key in "1234567":
            terminal.press(key)
            time.sleep(0.2)
        assert time.monotonic() > ends
        assert screens.leave(terminal) == 0
    return json.loads(told.read_text())


@pytest.mark.thorough
@pytest.mark.parametrize("device", ["null", "pulseaudio"])
def test_playback_is_untouched_by_the_screen(tmp_path, song, device, request):
    if device == "pulseaudio":
        request.getfixturevalue("pulse")
    counted = play_under_the_screen(tmp_path, song, device, 10.0)
    assert counted["callbacks"] > 100 and counted["frames_played"] > 5 * RATE
    assert (counted["underruns"], counted["stalls"], counted["faults"]) == (0, 0, 0), counted


# --- ten thousand tracks --------------------------------------------------------------------------


@pytest.mark.thorough
def test_ten_thousand_tracks_are_as_quick_as_one(tmp_path, song):
    """Processor time, for the machine is shared: five times what a key may take, in each view."""
    tracks = tmp_path / "tracks"
    tracks.mkdir()
    soundfile.write(tracks / "00000.wav", np.zeros((RATE, 1), np.float32), RATE, "PCM_16")
    for k in range(1, 10_000):
        os.link(tracks / "00000.wav", tracks / f"{k:05}.wav")
    listed = tmp_path / "all.m3u8"
    listed.write_text("".join(f"tracks/{k:05}.wav\n" for k in range(10_000)))
    with screens.shown(tmp_path, listed, columns=120, rows=40) as terminal:
        pid = terminal.process.pid
        terminal.wait_for("10000", 60.0)
        show_views(terminal)  # each is built the first time, and its code compiled
        screens.wait_until_idle(pid)
        slow = {}
        for number, view in enumerate(screens.VIEWS, 1):
            took_s = _cpu_of(pid, terminal, str(number))
            if took_s > 0.15:
                slow[view] = took_s
        assert not slow, slow
        for keys in ("2G", "g", "\x1b[6~", "j", "/09999"):
            for key in [keys] if keys.startswith("\x1b") else keys:
                took_s = _cpu_of(pid, terminal, key)
                assert took_s < 0.15, (keys, key, took_s)
        terminal.wait_for("09999")
        terminal.press("\x1b")
        time.sleep(0.5)
        assert screens.leave(terminal) == 0


def show_views(terminal):
    """Show each view once."""
    for number in range(1, len(screens.VIEWS) + 1):
        terminal.press(str(number))
        time.sleep(1.0)


def _cpu_of(pid, terminal, key):
    """Return what a key takes of the processor in the half second after it, on the loop's thread.

    Tags of the tracks that came to be shown are read on others, for as long as that takes.
    """
    ran = Path(f"/proc/{pid}/task/{pid}/schedstat")
    before_ns = int(ran.read_text().split()[0])
    terminal.press(key)
    time.sleep(0.5)
    return (int(ran.read_text().split()[0]) - before_ns) * 1e-9
