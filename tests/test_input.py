"""What people give: paths, directories and playlists; single keys; the queue that comes of them."""

from __future__ import annotations

import io
import os
import pty
import signal
import sys
import termios
import threading
import time
import types

import pytest

from zerocross.cli import keys as keys_room
from zerocross.cli.keys import Keys, parse_keys
from zerocross.player.queue import Queue, Track
from zerocross.sources.playlists import AUDIO_SUFFIXES
from zerocross.sources.playlists import expand_paths as expand

# --- paths --------------------------------------------------------------------------------------


def found(tmp_path, *paths):
    files, problems = expand([str(path) for path in paths])
    return [os.path.relpath(f, tmp_path) for f in files], [p.reason for p in problems]


def test_files_are_taken_as_they_are():
    assert expand(["no such file", "a.txt"]) == (["no such file", "a.txt"], [])


def test_a_directorys_audio_is_by_name_with_numbers_in_order(tmp_path):
    (tmp_path / "cd2").mkdir()
    for name in ("B.FLAC", "a.ogg", "10.mp3", "9.wav", "notes.txt", "cd2/1.opus", "cd2/x.jpg"):
        (tmp_path / name).touch()
    names, problems = found(tmp_path, tmp_path)
    assert names == ["9.wav", "10.mp3", "a.ogg", "B.FLAC", "cd2/1.opus"]
    assert problems == []


@pytest.mark.parametrize("suffix", sorted(AUDIO_SUFFIXES))
def test_every_suffix_is_known(tmp_path, suffix):
    (tmp_path / f"song{suffix}").touch()
    assert found(tmp_path, tmp_path) == ([f"song{suffix}"], [])


def test_a_directory_without_audio_is_told(tmp_path):
    (tmp_path / "notes.txt").touch()
    names, (reason,) = found(tmp_path, tmp_path)
    assert names == []
    assert reason.startswith("no audio in this directory (.a") and ".aif, .aifc," in reason


def test_a_playlist_that_is_not_there_is_told(tmp_path):
    names, (reason,) = found(tmp_path, tmp_path / "none.m3u")
    assert names == []
    assert reason == "no such file; check the name"


def test_an_empty_playlist_is_told(tmp_path):
    (tmp_path / "none.M3U").write_text("# nothing\n\n")
    assert found(tmp_path, tmp_path / "none.M3U") == (
        [],
        ["the playlist is empty; add a file to it"],
    )


def test_playlists_in_playlists_go_eight_deep(tmp_path):
    for k in range(10):
        (tmp_path / f"{k}.m3u").write_text(f"{k}.ogg\n{k + 1}.m3u\n")
    names, (reason,) = found(tmp_path, tmp_path / "0.m3u")
    assert names == [f"{k}.ogg" for k in range(8)]
    assert reason == "playlists in playlists, too deep; list the files"


def test_entries_are_names_of_any_bytes_beside_the_playlist(tmp_path):
    (tmp_path / "list.m3u").write_bytes(b"\xef\xbb\xbf  caf\xe9.ogg \r\n#no\nMMS+x-1.0://host/a\n")
    files, (problem,) = expand([str(tmp_path / "list.m3u")])
    assert os.fsencode(files[0]) == os.fsencode(tmp_path) + b"/caf\xe9.ogg"
    assert problem.reason == "is no address of http or https; download it and play the file"
    (tmp_path / "one.m3u").write_text("/music/1://2.ogg\n")
    assert expand([str(tmp_path / "one.m3u")]) == (["/music/1://2.ogg"], [])


# --- keys ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("", []),
        ("ab", ["a", "b"]),
        ("\x1b[A\x1b[B\x1bOC\x1bOD", ["up", "down", "right", "left"]),
        ("\x1b[1;5Cx", ["right", "x"]),
        ("\x1b[3~x", ["x"]),
        ("\x1b[Zx", ["x"]),
        ("\x1b", ["\x1b"]),
        ("\x1bx", ["\x1b", "x"]),
        ("\x1b[", []),
        ("\x1b[1;", []),
        ("[", ["["]),
    ],
)
def test_keys_are_parsed(text, keys):
    assert parse_keys(text) == keys


@pytest.fixture
def terminal(monkeypatch):
    """Make standard input a terminal; what is written to the one returned was typed."""
    master, slave = pty.openpty()
    with os.fdopen(slave) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield master
    os.close(master)


def test_keys_come_one_by_one_and_the_terminal_is_put_back(terminal):
    before = termios.tcgetattr(sys.stdin)
    with Keys() as keys:
        assert keys.active
        assert not termios.tcgetattr(sys.stdin)[3] & termios.ICANON
        assert keys.read(0.0) == []
        os.write(terminal, b"q\x1b[A\xc3\xa9\xff")
        assert keys.read(5.0) == ["q", "up", "é", "\ufffd"]
    assert termios.tcgetattr(sys.stdin) == before


def test_waiting_for_a_key_ends(terminal):
    with Keys() as keys:
        started = time.monotonic()
        assert keys.read(0.05) == []
        assert 0.04 < time.monotonic() - started < 5


def test_what_was_typed_before_is_a_key_too(terminal):
    os.write(terminal, b"n")
    time.sleep(0.05)
    with Keys() as keys:
        assert keys.read(5.0) == ["n"]


@pytest.mark.parametrize("has_terminal", [True, False])
def test_waiting_ends_when_it_is_woken(terminal, monkeypatch, has_terminal):
    if not has_terminal:
        monkeypatch.setattr(sys, "stdin", None)
    with Keys() as keys:
        for wake in (keys.wake, lambda: os.kill(os.getpid(), signal.SIGWINCH)):
            started = time.monotonic()
            timer = threading.Timer(0.05, wake)
            timer.start()
            assert keys.read(60.0) == []
            assert time.monotonic() - started < 30
            timer.join()
        for _ in range(100_000):  # a pipe that is full wakes as well
            keys.wake()
    keys.wake()


def test_the_screen_is_shared_with_the_terminal(terminal, monkeypatch):
    ours, told = [True], []
    monkeypatch.setattr(keys_room, "_in_foreground", lambda: ours[0])
    with Keys() as keys:
        with keys.sharing(lambda: told.append("leave"), lambda: told.append("come back")):
            assert told == ["come back"]
            ours[0] = False
            os.write(terminal, b"x")
            assert keys.read(0.0) == keys.read(0.0) == []
            assert told == ["come back", "leave"]
            ours[0] = True
            assert keys.read(5.0) == ["x"]
            assert told == ["come back", "leave", "come back"]
        ours[0] = False
        keys.read(0.0)
        assert len(told) == 3
        with keys.sharing(lambda: told.append("leave"), lambda: told.append("come back")):
            assert len(told) == 3, "it is not ours"


def test_a_terminal_that_is_gone_gives_no_more_keys(terminal, monkeypatch):
    with Keys() as keys:
        os.write(terminal, b"x")
        monkeypatch.setattr(keys_room.os, "read", lambda *_: b"")
        assert keys.read(5.0) == []
        assert not keys.active


@pytest.mark.parametrize("stdin", [None, io.StringIO("q")])
def test_without_a_terminal_there_are_no_keys(monkeypatch, stdin):
    monkeypatch.setattr(sys, "stdin", stdin)
    with Keys() as keys:
        assert not keys.active
        started = time.monotonic()
        assert keys.read(0.05) == []
        assert time.monotonic() - started >= 0.05


def test_keys_on_windows(monkeypatch, terminal):
    typed = list("a\xe0H\x00K\xe0Xb")
    fake = types.ModuleType("msvcrt")
    fake.kbhit = lambda: bool(typed)
    fake.getwch = lambda: typed.pop(0)
    monkeypatch.setitem(sys.modules, "msvcrt", fake)
    keys = Keys()
    with monkeypatch.context() as patch:  # pathlib looks at it, too
        patch.setattr(keys_room.os, "name", "nt")
        pressed = keys.read(0.0)
        started = time.monotonic()
        nothing = keys.read(0.05)
        waited = time.monotonic() - started
    assert (pressed, nothing) == (["a", "up", "left", "b"], [])
    assert waited >= 0.05


# --- the queue ----------------------------------------------------------------------------------


def test_a_queue_is_in_order_and_knows_what_is_heard():
    queue = Queue()
    assert len(queue) == 0
    assert queue.current is None
    first, second = queue.append("a.ogg"), queue.append(b"b\xff.ogg")
    assert list(queue) == [first, second]
    assert (queue[1], len(queue), queue.index) == (second, 2, 0)
    assert queue.current is first
    queue.index = 1
    assert queue.current is second
    queue.index = 2
    assert queue.current is None


def test_tracks_may_be_added_while_one_goes_through_them():
    queue = Queue()
    queue.append("a.ogg")
    for _ in queue:
        queue.append("b.ogg")
    assert len(queue) == 2


def test_a_track_begins_waiting_and_is_itself_only():
    track = Track("a.ogg")
    assert (track.status, track.frames, track.error, track.duration_s) == ("waiting", 0, None, None)
    assert track.as_report() == {"path": "a.ogg", "frames": 0, "status": "waiting", "error": None}
    assert track != Track("a.ogg")
    assert Track(b"b\xff.ogg").path == "b\\xff.ogg"


def test_as_many_names_are_looked_at_as_it_says(tmp_path, monkeypatch):
    monkeypatch.setattr("zerocross.sources.playlists._MAX_LOOKED_AT", 3)
    for name in "abc":
        (tmp_path / f"{name}.wav").touch()
    files, problems = expand([str(tmp_path)])
    assert (len(files), problems) == (3, [])
    (tmp_path / "d.wav").touch()
    files, (problem,) = expand([str(tmp_path)])
    assert len(files) == 3 and "more than 3 names" in str(problem)
