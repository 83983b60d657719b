"""Control from outside: words, the socket and those who abuse it, MPRIS as playerctl sees it."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import importlib.util
import json
import os
import random
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path

import numpy as np
import pytest
import soundfile

from conftest import music, need, wait_for
from zerocross import Player, Samples, UsageError
from zerocross.cli.main import run
from zerocross.errors import MissingDependency, ZerocrossError
from zerocross.player import Track
from zerocross.remote import Remote
from zerocross.remote.commands import WORDS, Controls, in_a_line, obey
from zerocross.remote.control import MOST_BYTES, ask
from zerocross.remote.covers import MOST_COVERS, Covers
from zerocross.remote.places import connected, listener, sockets
from zerocross.sources.tags import Tags

PRESET = "Preamp: -3 dB\nFilter 1: ON PK Fc 1000 Hz Gain 3 dB Q 1\n"


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    """Three files of a minute."""
    folder = tmp_path_factory.mktemp("songs")
    for name in "abc":
        soundfile.write(folder / f"{name}.wav", music(8000 * 60, 1, sample_rate=8000), 8000)
    return [folder / f"{name}.wav" for name in "abc"]


@pytest.fixture
def player(home, songs):
    """A player of the three, in the middle one, and paused."""
    with Player("null") as playing:
        playing.play(*songs)
        playing.next()
        playing.pause()
        yield playing


@pytest.fixture
def remote(player):
    with Remote(player, mpris=False) as controlled:
        yield controlled


def place(remote):
    """Return the path of a remote's socket."""
    return Path(os.environ["XDG_RUNTIME_DIR"], "zerocross", f"{remote.name}.sock")


def said(remote, *words):
    """Return what a player answers to a command, which it must take."""
    answer = ask(place(remote), list(words))
    assert answer["ok"], answer
    return answer.get("data")


def talk(remote):
    """Return a raw connection."""
    return connected(place(remote))


def answers(connection):
    with connection.makefile("rb") as lines:
        return json.loads(lines.readline())


# --- words ----------------------------------------------------------------------------------------


def test_words_do_what_they_say(player, remote, make_file):
    said(remote, "resume")
    assert player.state == "playing"
    said(remote, "toggle")
    assert player.state == "paused"
    said(remote, "toggle")
    said(remote, "pause")
    assert player.state == "paused"
    said(remote, "next")
    assert (player.queue.index, player.state) == (2, "paused")
    said(remote, "previous")
    assert (player.queue.index, player.state) == (1, "paused")
    said(remote, "append", str(make_file("d.wav")[0]), str(make_file("e.wav")[0]))
    assert len(player.queue) == 5
    said(remote, "stop")
    assert player.state == "stopped"
    said(remote, "toggle")
    assert player.state == "playing"
    said(remote, "quit")
    assert player.state == "stopped"


@pytest.mark.parametrize(
    ("word", "at"),
    [("0:30", 30), ("20", 20), ("+10", 50), ("-5", 35), ("-1:00", 0), ("0:10.5", 10.5)],
)
def test_seeking(player, remote, word, at):
    player.seek(40.0)
    wait_for(lambda: player.position >= 39.9)
    said(remote, "seek", word)
    wait_for(lambda: abs(player.position - at) < 0.5, what=f"{player.position}")


def test_seeking_before_anything_plays_is_refused(player, remote):
    player.stop()
    answer = ask(place(remote), ["seek", "+5"])
    assert "nothing is playing" in answer["error"]


@pytest.mark.parametrize(
    ("word", "volume"),
    [("60%", 0.6), ("0.3", 0.3), ("+5%", 0.55), ("-5%", 0.45), ("+100%", 1.0), ("-0.9", 0.0)],
)
def test_the_volume(player, remote, word, volume):
    player.volume = 0.5
    said(remote, "volume", word)
    assert player.volume == pytest.approx(volume)


def test_switches(player, remote):
    for word, muted in (("", True), ("", False), ("on", True), ("on", True), ("off", False)):
        said(remote, "mute", *word.split())
        assert player.mute is muted
    for loop in ("one", "all", "off"):
        said(remote, "loop", loop)
        assert player.queue.repeat == loop
    for word, shuffled in (("", True), ("off", False), ("on", True), ("", False)):
        said(remote, "shuffle", *word.split())
        assert player.queue.is_shuffled is shuffled


def test_the_status(player, remote):
    found = said(remote, "status")
    assert found["state"] == "paused" and found["path"].endswith("b.wav")
    assert (found["track"], found["tracks"], found["duration_s"]) == (2, 3, 60.0)
    assert (found["volume"], found["mute"], found["loop"], found["shuffle"]) == (
        1,
        False,
        "off",
        False,
    )
    line = in_a_line(found)
    assert "paused" in line and "b.wav" in line and "/ 1:00  track 2 of 3  volume 100%" in line
    player.mute, player.queue.repeat = True, "all"
    assert in_a_line(said(remote, "status")).endswith("muted  loop all")
    with Player("null") as idle:
        assert in_a_line(Controls(idle).status()) == "stopped, nothing in the queue"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["volme", "1"], "no command 'volme'; give volume"),
        ([], "no command ''; give pause, "),
        (["seek"], "give it as: seek 1:30|+10|-5"),
        (["pause", "now"], "give it as: pause"),
        (["append"], "give it as: append PATH..."),
        (["seek", "+"], "'' is not a time"),
        (["seek", "1:5x"], "'1:5x' is not a time"),
        (["volume", "200%"], "'200%' is no volume; give 0 to 1, or 0% to 100%"),
        (["volume", "nan"], "'nan' is no volume"),
        (["loop", "two"], "loop 'two': give off, one, all"),
        (["mute", "perhaps"], "'perhaps': give on or off"),
    ],
)
def test_what_is_no_command_is_told(player, remote, words, told):
    answer = ask(place(remote), words)
    assert not answer["ok"] and answer["is_usage"]
    assert answer["error"].startswith(told)


def test_the_equaliser_is_changed_while_it_plays(player, remote, tmp_path):
    (tmp_path / "one.txt").write_text(PRESET)
    (tmp_path / "two.txt").write_text(PRESET + "Nonsense: 1\n")
    assert said(remote, "eq", str(tmp_path / "one.txt")) == []
    assert len(player.effects.parts) == 1
    first = player.effects.parts[0]
    skipped = said(remote, "eq", str(tmp_path / "two.txt"))
    assert len(skipped) == 1 and "Nonsense" in skipped[0]
    assert len(player.effects.parts) == 1 and player.effects.parts[0] is not first
    assert said(remote, "status")["eq"].endswith("two.txt")
    answer = ask(place(remote), ["eq", str(tmp_path / "none.txt")])
    assert not answer["ok"] and "no such file" in answer["error"]
    assert said(remote, "status")["eq"].endswith("two.txt")
    said(remote, "eq", "off")
    assert len(player.effects.parts) == 0 and said(remote, "status")["eq"] is None
    said(remote, "eq", str(tmp_path / "one.txt"))
    assert len(player.effects.parts) == 1


def test_two_ask_for_an_equaliser_at_once(player, tmp_path):
    (tmp_path / "one.txt").write_text(PRESET)
    controls, wrong = Controls(player), []

    def ask_often(number):
        rng = random.Random(number)
        try:
            for _ in range(6):
                controls.set_equalizer(rng.choice([None, str(tmp_path / "one.txt")]))
        except Exception as error:
            wrong.append(error)

    threads = [threading.Thread(target=ask_often, args=(k,)) for k in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    controls.set_equalizer(str(tmp_path / "one.txt"))
    assert len(player.effects.parts) == 1


def test_what_is_to_be_remembered_is_asked_for_before_the_stop(player):
    seen = []
    controls = Controls(player, lambda: seen.append(player.state), lambda: seen.append("quit"))
    obey(controls, ["stop"])
    player.play()
    obey(controls, ["quit"])
    assert seen == ["paused", "playing", "quit"]


# --- the socket -----------------------------------------------------------------------------------


def test_the_socket_is_ours_alone(remote):
    path = place(remote)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert remote.name == str(os.getpid())


@pytest.mark.parametrize("above", [False, True])
def test_a_folder_where_others_may_write_is_not_used(player, above, capsys):
    folder = Path(os.environ["XDG_RUNTIME_DIR"], "zerocross")
    folder.mkdir()
    if above:
        folder.rmdir()
        folder.symlink_to(os.environ["XDG_RUNTIME_DIR"])
    else:
        folder.chmod(0o777)
    with Remote(player, mpris=False) as remote:
        assert remote.name == ""
        assert "is not a folder of yours alone, so no player listens there" in remote.problem
        player.resume()
        assert player.state == "playing"
    assert run(["ctl", "status"]) == 1
    assert "is not a folder of yours alone, so no player listens there" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("long", "is too long for a socket"),
        ("none", "is no directory, so no player listens there; make it"),
        ("file", "is not a folder of yours alone"),
    ],
)
def test_where_there_is_no_place_it_plays_and_says_so(
    make_file, monkeypatch, tmp_path, capsys, kind, words
):
    runtime = tmp_path / ("x" * 120 if kind == "long" else "x")
    if kind != "none":
        runtime.mkdir(mode=0o700)
    if kind == "file":
        (runtime / "zerocross").touch()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    path, _ = make_file(frames=48_000)
    assert run(["play", str(path), "--device", "null", "--no-mpris", "--duration", "0.3"]) == 0
    told = capsys.readouterr().err.splitlines()
    assert [line for line in told if line.startswith("notice: ") and words in line]
    assert run(["ctl", "status"]) == 1
    told = capsys.readouterr().err
    assert words in told and str(runtime) in told
    assert runtime.exists() == (kind != "none")


def test_a_socket_of_the_dead_is_removed(player):
    left, path = listener()
    left.close()
    assert path.exists()
    assert sockets() == [] and not path.exists()
    left, path = listener()
    left.close()
    with Remote(player, mpris=False) as remote:  # of the same process: the name is free again
        assert remote.name == path.stem
        assert sockets() == [path]


def test_the_last_one_is_the_first_and_each_goes_when_it_is_closed(player):
    with Remote(player, mpris=False) as first:
        with Remote(player, mpris=False) as second:
            assert second.name == f"{first.name}-2"
            assert [path.stem for path in sockets()] == [second.name, first.name]
            second.close()
            assert [path.stem for path in sockets()] == [first.name]
        assert said(first, "status")["state"] == "paused"
    assert sockets() == [] and first.name == ""


def test_it_goes_when_it_is_dropped(player):
    remote = Remote(player, mpris=False)
    path = place(remote)
    del remote
    gc.collect()
    wait_for(lambda: not path.exists(), what="the socket to go")
    wait_for(lambda: not player.events._callbacks, what="the listener to go")


def test_it_goes_with_its_player(player, remote):
    path = place(remote)
    player.close()
    assert not path.exists()
    for word in ("next", "pause", "status"):
        with pytest.raises(UsageError, match="the player is closed; make a new one"):
            obey(remote.controls, [word])
    remote.close()
    with pytest.raises(UsageError, match="the player is closed; make a new one"):
        Remote(player, mpris=False)


def test_a_forked_child_leaves_the_socket_alone(player, remote):
    child = os.fork()
    if child == 0:
        remote.close()
        os._exit(0 if remote.name == "" else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert said(remote, "status")["state"] == "paused"


GARBAGE = [
    b"\n",
    b"pause\n",
    b"\xff\xfe\x00\n",
    b"[]\n",
    b'{"command": "pause"}\n',
    b'{"command": [1]}\n',
    b'{"command": [["pause"]]}\n',
    b'{"command": ["seek", "' + b"9" * 100_000 + b'"]}\n',
    b"[" * 500_000 + b"\n",
    b"9" * 500_000 + b"\n",
    b"GET / HTTP/1.1\r\n",
]


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_is_refused_in_a_line(remote, garbage):
    with talk(remote) as connection:
        connection.sendall(garbage)
        answer = answers(connection)
        assert not answer["ok"] and answer["is_usage"] and "\n" not in answer["error"]
        connection.sendall(b'{"command": ["status"]}\n')  # the next one is taken
        assert answers(connection)["ok"]


def test_a_line_without_end_is_refused_and_not_kept(remote):
    with talk(remote) as connection:
        with contextlib.suppress(OSError):  # it may be cut off before
            for _ in range(MOST_BYTES // 65_536 + 64):
                connection.sendall(b"x" * 65_536)
        with contextlib.suppress(OSError):
            assert "longer than" in answers(connection)["error"]
    wait_for(lambda: not remote._inner.server._clients, what="it to be dropped")
    assert said(remote, "status")["state"] == "paused"


def test_what_is_too_much_for_a_line_is_told_before_it_is_sent(remote):
    with pytest.raises(UsageError, match="too much"):
        ask(place(remote), ["append", "x" * MOST_BYTES])


def test_those_who_say_nothing_hold_nobody_up(remote):
    silent = [talk(remote) for _ in range(40)]
    half = talk(remote)
    half.sendall(b'{"command": ["pau')
    assert said(remote, "status")["state"] == "paused"
    half.sendall(b'se"]}\n')
    assert answers(half)["ok"], "who spoke last is kept"
    gone = 0
    for connection in silent:
        connection.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            gone += connection.recv(1) == b""
        connection.close()
    half.close()
    assert 20 <= gone < 40, "those that were silent longest have made room"


def test_those_who_do_not_listen_are_asked_nothing_more(player, remote):
    with talk(remote) as deaf:
        deaf.setblocking(False)
        request, is_full = b'{"command": ["status"]}\n' * 1000, False
        while not is_full:
            try:
                deaf.send(request)
                time.sleep(0.01)
            except BlockingIOError:
                is_full = True
        assert said(remote, "status")["state"] == "paused"
        player.resume()
        assert said(remote, "status")["state"] == "playing"


def test_a_flood_is_not_heard(player, remote):
    player.resume()
    before = player.report()["underruns"]
    with talk(remote) as connection, connection.makefile("rb") as lines:
        for _ in range(50):
            connection.sendall(b'{"command": ["status"]}\n' * 20)
            assert all(json.loads(lines.readline())["ok"] for _ in range(20))
    assert player.report()["underruns"] == before


def test_those_who_hang_up_are_forgotten(remote):
    for _ in range(100):
        with talk(remote) as connection:
            connection.sendall(b'{"command": ["status"]}\n' * 50)
    with talk(remote) as connection:
        connection.sendall(b'{"command": ["status"]}\n')
        connection.shutdown(socket.SHUT_WR)
        assert answers(connection)["ok"]
    server = remote._inner.server
    wait_for(lambda: len(server._clients) == 0, what="all to be forgotten")


def test_an_error_of_the_players_own_is_told_and_goes_on(remote, player, monkeypatch, caplog):
    monkeypatch.setattr(type(player), "pause", lambda _: 1 / 0)
    answer = ask(place(remote), ["pause"])
    assert answer == {"ok": False, "error": "internal: ZeroDivisionError", "is_usage": False}
    assert "a command failed" in caplog.text
    assert said(remote, "status")


def test_the_thread_sleeps_while_nobody_asks(remote):
    said(remote, "status")
    thread = remote._inner.server._thread.native_id
    path = Path(f"/proc/self/task/{thread}/status")
    if not path.exists():
        pytest.skip("no /proc")
    wait_for(lambda: "S (sleeping)" in path.read_text())
    wait_for(lambda: not remote._inner.server._clients)

    def switches():
        return [line for line in path.read_text().splitlines() if "ctxt_switches" in line]

    time.sleep(0.1)
    before = switches()
    time.sleep(0.5)
    assert switches() == before


# --- zerocross ctl --------------------------------------------------------------------------------


def start(*paths):
    """Play files in a process of its own; returns it once it can be controlled."""
    command = [sys.executable, "-m", "zerocross", "play", *map(str, paths)]
    process = subprocess.Popen(
        [*command, "--device", "null", "--no-ui"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    wait_for(
        lambda: str(process.pid) in [path.stem for path in sockets()] or process.poll() is not None,
        timeout_s=60,
        what="a player",
    )
    return process


def end(process):
    process.kill()
    process.communicate()


def test_ctl_without_a_player(home, capsys):
    assert run(["ctl", "pause"]) == 1
    assert capsys.readouterr().err == (
        "error: no player is there; start one: zerocross play song.flac\n"
    )


def test_two_players_at_once(bus, songs, capsys):
    first = start(songs[0])
    second = start(songs[0], "--no-mpris")
    try:
        if shutil.which("playerctl"):
            wait_for(lambda: ctl("--list-all") == "zerocross", what="the first on the bus")
        assert run(["ctl", "volume", "50%"]) == 0
        assert run(["ctl", "--player", str(first.pid), "volume", "-75%"]) == 0
        assert run(["ctl", "--player", "all", "--json", "status"]) == 0
        found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        told = {each["player"]: each["volume"] for each in found}
        assert told == {str(second.pid): 0.5, str(first.pid): 0.25}
        assert run(["ctl", "--player", "1", "status"]) == 2
        assert f"there are {second.pid}, {first.pid}" in capsys.readouterr().err
        second.kill()
        second.wait()
        assert run(["ctl", "status"]) == 0
        assert capsys.readouterr().out.startswith(f"{first.pid}: playing  ")
        assert run(["ctl", "quit"]) == 0
        assert first.wait(20) == 0
        assert run(["ctl", "status"]) == 1
    finally:
        end(first)
        end(second)


def test_ctl_tells_what_the_player_says(remote, capsys, tmp_path, monkeypatch):
    assert run(["ctl", "seek", "-5"]) == 0
    assert run(["ctl", "loop", "two"]) == 2
    assert "error: loop 'two'" in capsys.readouterr().err
    assert run(["ctl", "loop", "two", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["is_usage"] is True
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.txt").write_text(PRESET + "Nonsense: 1\n")
    assert run(["ctl", "eq", "mine.txt"]) == 0
    assert "warning: " in capsys.readouterr().err
    assert said(remote, "status")["eq"] == str(tmp_path / "mine.txt")
    assert run(["ctl", "eq", "off"]) == 0
    for name in ("a.wav", "one.wav", "two.wav"):
        (tmp_path / name).write_bytes(b"RIFF")
    capsys.readouterr()
    assert run(["ctl", "append", "missing.wav"]) == 1
    assert "missing.wav: no such file" in capsys.readouterr().err
    assert run(["ctl", "append", "/dev/zero"]) == 1
    assert "/dev/zero: is a device" in capsys.readouterr().err
    assert run(["ctl", "volume", "\u0665%"]) == 2
    assert "is no volume" in capsys.readouterr().err
    assert run(["ctl", "append", "a.wav", "missing.wav", "http://x.org/y"]) == 0
    assert "missing.wav: no such file" in capsys.readouterr().err
    tracks = [track.path for track in remote.controls.player.queue]
    assert tracks[-2:] == [str(tmp_path / "a.wav"), "http://x.org/y"]
    assert run(["ctl", "eq", "none.txt"]) == 1
    (tmp_path / "list.m3u8").write_text("one.wav\ntwo.wav\n")
    assert run(["ctl", "append", "list.m3u8", "none.m3u8"]) == 0
    assert "warning: " in capsys.readouterr().err
    tracks = [track.path for track in remote.controls.player.queue]
    assert tracks[-2:] == [str(tmp_path / "one.wav"), str(tmp_path / "two.wav")]


def test_every_word_is_in_the_help(capsys):
    assert run(["ctl", "--help"]) == 0
    text = capsys.readouterr().out
    assert all(f"  {name} " in text for name in WORDS)


@pytest.mark.parametrize(
    "answer", [b"", b"no JSON\n", b"\xff\n", b"[]\n", b'{"ok": false}\n', None]
)
def test_a_player_that_does_not_answer_as_one(home, monkeypatch, answer):
    monkeypatch.setitem(WORDS, "pause", dataclasses.replace(WORDS["pause"], patience_s=0.2))
    waiting, path = listener()
    waiting.setblocking(True)
    child = os.fork()
    if child == 0:
        other, _ = waiting.accept()
        other.recv(100)
        if answer is None:
            time.sleep(5)
        else:
            other.sendall(answer)
        os._exit(0)
    with pytest.raises(ZerocrossError, match=r"has gone|does not answer"):
        ask(path, ["pause"])
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    waiting.close()


# --- MPRIS ----------------------------------------------------------------------------------------


def ctl(*words, **options):
    """Return what playerctl prints."""
    done = subprocess.run(
        [need("playerctl"), *words],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        **options,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def on_bus(bus, player):
    need("playerctl")
    with Remote(player, mpris=True, quit_player=lambda: None) as remote:
        assert remote._inner.mpris.wait(30)
        yield remote


def test_playerctl_drives_it(on_bus, player):
    assert on_bus.bus_name == "org.mpris.MediaPlayer2.zerocross"
    assert ctl("--list-all") == "zerocross"
    assert ctl("status") == "Paused"
    ctl("play-pause")
    assert player.state == "playing" and ctl("status") == "Playing"
    ctl("pause")
    assert player.state == "paused"
    ctl("play")
    ctl("next")
    assert player.queue.index == 2
    ctl("previous")
    assert player.queue.index == 1
    ctl("position", "30")
    assert 29.9 < player.position < 40 and 29.9 < float(ctl("position")) < 40
    ctl("position", "10+")
    assert 39.9 < player.position < 50
    ctl("volume", "0.25")
    assert player.volume == 0.25 and float(ctl("volume")) == 0.25
    ctl("stop")
    assert player.state == "stopped" and ctl("status") == "Stopped"


def test_playerctl_repeats_and_shuffles(on_bus, player):
    for status, repeat in (("Track", "one"), ("Playlist", "all"), ("None", "off")):
        ctl("loop", status)
        assert player.queue.repeat == repeat and ctl("loop") == status
    ctl("shuffle", "On")
    assert player.queue.is_shuffled and ctl("shuffle") == "On"
    ctl("shuffle", "Off")
    assert not player.queue.is_shuffled


def test_playerctl_sees_the_track(on_bus, player):
    found = ctl("metadata", "--format", "{{xesam:url}} {{mpris:length}} {{xesam:title}}")
    url, length, title = found.split()
    assert url == Path(player.queue.current.path).as_uri()
    assert (length, title) == ("60000000", "b.wav")
    number = ctl("metadata", "mpris:trackid")
    player.next()
    assert ctl("metadata", "mpris:trackid") != number


def test_changes_are_told(on_bus, player):
    following = subprocess.Popen(
        [need("playerctl"), "--follow", "metadata", "--format", "{{status}} {{title}} {{volume}}"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert following.stdout.readline() == "Paused b.wav 1.0\n"
        player.resume()
        assert following.stdout.readline() == "Playing b.wav 1.0\n"
        player.next()
        assert following.stdout.readline() == "Playing c.wav 1.0\n"
        player.volume = 0.5
        assert following.stdout.readline() == "Playing c.wav 0.5\n"
        player.stop()
        assert following.stdout.readline() == "Stopped c.wav 0.5\n"
    finally:
        following.kill()
        following.communicate()


def test_a_seek_is_told(on_bus, player):
    watching = subprocess.Popen(
        [need("dbus-monitor"), "--session", "type='signal',member='Seeked'"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert "NameAcquired" in watching.stdout.readline()  # it listens
        while "NameLost" not in watching.stdout.readline():
            pass
        player.seek(30.0)
        lines = iter(watching.stdout.readline, "")
        at_us = next(int(line.split()[1]) for line in lines if line.split()[:1] == ["int64"])
        assert 29_900_000 < at_us < 40_000_000
    finally:
        watching.kill()
        watching.communicate()


def test_tags_are_told(on_bus, player, tmp_path):
    path = tmp_path / "tagged.flac"
    with soundfile.SoundFile(path, "w", 8000, 1) as file:
        file.title, file.artist, file.album = "A title", "An artist", "An album"
        file.tracknumber, file.genre = "7", "A genre"
        file.write(music(8000 * 20, 1))
    player.play(path)
    player.pause()
    tags = "{{artist}}|{{album}}|{{title}}|{{xesam:trackNumber}}|{{xesam:genre}}"
    expected = "An artist|An album|A title|7|A genre"
    wait_for(lambda: ctl("metadata", "--format", tags) == expected, what="the tags")
    found = said(on_bus, "status")
    assert found["tags"]["album"] == "An album" and found["title"] == "A title"
    assert in_a_line(found).startswith("paused  An artist - A title  0:00 / 0:20")


def with_cover(path, picture):
    """Write a file with a year and a cover."""
    from mutagen.flac import FLAC, Picture

    soundfile.write(path, music(8000 * 20, 1), 8000)
    file, front = FLAC(path), Picture()
    front.data, front.type, front.mime = picture, 3, "image/png"
    file.add_picture(front)
    file["date"] = "1999-05-01"
    file.save()
    return path


PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(100)


def test_the_cover_and_the_year_are_told(on_bus, player, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    player.play(with_cover(tmp_path / "a.flac", PICTURE))
    player.pause()
    words = "{{mpris:artUrl}}|{{xesam:contentCreated}}"
    wait_for(lambda: ctl("metadata", "--format", words)[:1] == "f", what="the cover")
    address, year = ctl("metadata", "--format", words).split("|")
    assert year == "1999-05-01T00:00:00Z"
    path = Path(address.removeprefix("file://"))
    assert path.parent == tmp_path / "cache" / "zerocross" / "covers" and path.suffix == ".png"
    assert path.read_bytes() == PICTURE


def test_several_artists_are_several_and_a_server_has_its_address(tmp_path):
    pytest.importorskip("dbus_fast")
    from zerocross.remote.mpris_service import _metadata_of as metadata_of

    tags = Tags(
        artist="A, B", artists=("A", "B"), album_artists=("V",), genres=("G", "H"), date="2004"
    )
    found = metadata_of(Track("http://host/a b", duration_s=1.0, _tags=tags))
    assert {name: value.value for name, value in found.items()} == {
        "xesam:title": "a b",
        "mpris:length": 1_000_000,
        "xesam:url": "http://host/a b",
        "xesam:contentCreated": "2004-01-01T00:00:00Z",
        "xesam:artist": ["A", "B"],
        "xesam:albumArtist": ["V"],
        "xesam:genre": ["G", "H"],
    }
    found = metadata_of(Track(tmp_path / "ä.wav", _tags=Tags(date="2004-05")))
    assert found["xesam:url"].value == (tmp_path / "ä.wav").as_uri()
    assert found["xesam:contentCreated"].value == "2004-05-01T00:00:00Z"
    assert "xesam:url" not in metadata_of(Track(Samples(np.zeros(5), 8000), _tags=Tags()))


def test_next_and_previous_keep_a_pause(on_bus, player):
    """The specification: "If playback is paused or stopped, it remains that way"."""
    ctl("next")
    assert (player.queue.index, ctl("status")) == (2, "Paused")
    wait_for(lambda: ctl("metadata", "xesam:title") == "c.wav", what="the title")
    ctl("previous")
    assert (player.queue.index, ctl("status")) == (1, "Paused")
    ctl("stop")
    ctl("next")
    assert (player.queue.index, ctl("status")) == (1, "Stopped")


def test_few_covers_are_kept_and_each_once(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    found = threading.Event()
    covers, addresses = Covers(found.set), []
    for number in [*range(MOST_COVERS + 3), 20]:
        path = with_cover(tmp_path / "a.flac", PICTURE + bytes([number]))
        track = Track(path)
        assert covers.address_of(track) == ""
        assert found.wait(10)
        found.clear()
        addresses.append(covers.address_of(track))
        assert addresses[-1]
    assert addresses[-1] == addresses[20]
    kept = sorted((tmp_path / "cache" / "zerocross" / "covers").iterdir())
    assert kept == sorted(Path(each.removeprefix("file://")) for each in addresses[3:-1])
    for silent in ("none.flac", "http://x.org/y", Samples([0.0], 8000)):
        track = Track(silent)
        covers.address_of(track)
        assert found.wait(10)
        found.clear()
        assert covers.address_of(track) == "" and covers.address_of(track) == ""


def test_changes_of_the_queue_are_told(on_bus):
    following = subprocess.Popen(
        [need("playerctl"), "--follow", "loop"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert following.stdout.readline() == "None\n"
        said(on_bus, "loop", "one")
        assert following.stdout.readline() == "Track\n"
        ctl("loop", "Playlist")
        assert following.stdout.readline() == "Playlist\n"
    finally:
        following.kill()
        following.communicate()


def call(*words):
    """Return what dbus-send prints of a call to the player."""
    done = subprocess.run(
        [
            need("dbus-send"),
            "--print-reply",
            "--dest=org.mpris.MediaPlayer2.zerocross",
            "/org/mpris/MediaPlayer2",
            *words,
        ],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.stdout + done.stderr


def test_the_specification_s_properties_are_all_there(on_bus):
    name = "string:org.mpris.MediaPlayer2"
    root = call("org.freedesktop.DBus.Properties.GetAll", name)
    for key in ("CanQuit", "CanRaise", "HasTrackList", "Identity", "SupportedUriSchemes"):
        assert f'"{key}"' in root
    assert "SupportedMimeTypes" in root
    found = call("org.freedesktop.DBus.Properties.GetAll", f"{name}.Player")
    for key in (
        *("PlaybackStatus", "LoopStatus", "Rate", "Shuffle", "Metadata", "Volume", "Position"),
        *("MinimumRate", "MaximumRate", "CanGoNext", "CanGoPrevious", "CanPlay", "CanPause"),
        *("CanSeek", "CanControl"),
    ):
        assert f'"{key}"' in found


def test_what_the_player_refuses_is_told_on_the_bus(on_bus, player, make_file):
    interface = "org.mpris.MediaPlayer2.Player"
    assert "file:// address" in call(f"{interface}.OpenUri", "string:ftp://x/y")
    assert player.state == "paused"
    before = [track.path for track in player.queue]
    assert "no such file" in call(f"{interface}.OpenUri", "string:file:///no/such.wav")
    assert "not playable" in call(f"{interface}.OpenUri", f"string:{Path(__file__).as_uri()}")
    assert "is no address" in call(f"{interface}.OpenUri", "string:file://[::1/x")
    assert player.state == "paused", "what cannot be played ends nothing"
    assert [track.path for track in player.queue] == before
    song, _ = make_file("a song.wav", frames=48_000 * 5)
    call(f"{interface}.OpenUri", f"string:{song.as_uri()}")
    assert player.queue.current.path == str(song)
    wrong = "objpath:/org/zerocross/track/999"
    call(f"{interface}.SetPosition", wrong, "int64:3000000")
    assert player.position < 2.5, "of another track"
    call("org.mpris.MediaPlayer2.Quit")
    assert player.state == "stopped"


def test_two_on_the_bus(on_bus, songs):
    with Player("null") as second, Remote(second, mpris=True) as other:
        second.play(songs[2])
        assert other._inner.mpris.wait(30)
        name = f"zerocross.instance{os.getpid()}"
        assert other.bus_name == f"org.mpris.MediaPlayer2.{name}"
        assert sorted(ctl("--list-all").split()) == ["zerocross", name]
        assert ctl("-p", name, "metadata", "title") == "c.wav"
        ctl("-p", name, "pause")
        assert second.state == "paused" and ctl("-p", name, "status") == "Paused"
        with Remote(second, mpris=True) as third:
            assert not third._inner.mpris.wait(30), "there are two names for a process"


def test_it_leaves_the_bus(on_bus, player):
    on_bus.close()
    assert ctl("--list-all") == ""
    assert on_bus.bus_name == ""
    player.resume()
    assert player.state == "playing"


def test_it_leaves_the_bus_with_its_player(on_bus, player):
    player.close()
    wait_for(lambda: ctl("--list-all") == "", what="it to leave")


def test_a_bus_that_goes_away_costs_nothing(bus, on_bus, player):
    bus.kill()
    wait_for(lambda: on_bus.bus_name == "", what="MPRIS to end")
    player.resume()
    assert said(on_bus, "status")["state"] == "playing"


@pytest.mark.parametrize("address", [None, "unix:path=/no/such", "nonsense"])
def test_without_a_bus_there_is_none(player, monkeypatch, address):
    if address:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
    with Remote(player, mpris=True) as remote:
        assert not remote._inner.mpris.wait(30)
        assert said(remote, "status")


def test_without_the_extra_there_is_none_unless_it_is_asked_for(bus, player, monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *_: None if name == "dbus_fast" else real(name)
    )
    with Remote(player) as remote:
        assert remote._inner.mpris is None
    with pytest.raises(MissingDependency, match=r"zerocross\[remote\]"):
        Remote(player, mpris=True)


def test_nobody_is_left_behind(home):
    """What the tests above have made, they have closed."""
    assert shutil.which("playerctl") is None or sockets() == []


def test_a_listener_that_knows_the_remote_keeps_nothing_that_was_closed(home):
    player = Player("null")
    remote = Remote(player, mpris=False)
    player.events.subscribe(lambda _, remote=remote: remote)
    gone = weakref.ref(player)
    remote.close()
    player.close()
    del player, remote
    gc.collect()
    assert gone() is None


def test_what_is_no_player_is_not_controlled():
    for wrong in ("x", None, Player):
        with pytest.raises(UsageError, match=r"is no player; give a zerocross\.Player"):
            Remote(wrong)


def test_a_seek_beyond_the_end_is_told_and_what_follows_plays(player, remote):
    assert said(remote, "seek", "10:00") == ["10:00 is beyond the end, 1:00: what follows plays"]
    player.resume()
    wait_for(lambda: player.queue.index == 2)
    assert said(remote, "seek", "0:10") == []
