"""Playlists, addresses and directories: what they stand for, and that a player takes them all."""

from __future__ import annotations

import os
import threading
import time
from types import SimpleNamespace
from urllib.request import pathname2url

import numpy as np
import pytest
import soundfile

from zerocross import Player, SourceError, UsageError, render
from zerocross.player import Track
from zerocross.sources.cue import Cut
from zerocross.sources.location import FileObject, Samples
from zerocross.sources.playlists import Entry, audio_suffixes, expand, expand_paths, natural

RATE = 48_000


def names_in(folder, *given):
    """Return what is found, with its titles, relative to a folder, and the reasons for what is not."""
    entries, problems = expand(given)
    found = [(e.location.replace(f"{folder}{os.sep}", ""), e.title) for e in entries]
    return found, [problem.reason for problem in problems]


@pytest.fixture
def folder(tmp_path):
    """A folder of three files, the second in a folder of its own."""
    (tmp_path / "sub dir").mkdir()
    for name in ("1.flac", "sub dir/2 é.wav", "10.ogg"):
        soundfile.write(tmp_path / name, np.full(2400, 0.1), RATE)
    return tmp_path


# --- m3u ----------------------------------------------------------------------------------------


def test_an_m3u_with_titles(folder):
    (folder / "a.m3u8").write_bytes(
        b"\xef\xbb\xbf#EXTM3U\r\n#EXTINF:12,A - One\r\n1.flac\r\n"
        b'#EXTINF:-1 tvg-id="x",Two\xc3\xa9 \x1b[31m\n# a remark\nsub dir/2 \xc3\xa9.wav\n10.ogg\n'
        b"#EXTINF:3\nnone.ogg\n#EXTINF:,\n1.flac\n#EXTINF:1,left over\n"
    )
    assert names_in(folder, folder / "a.m3u8") == (
        [
            ("1.flac", "A - One"),
            ("sub dir/2 é.wav", "Twoé \\x1b[31m"),
            ("10.ogg", ""),
            ("none.ogg", ""),
            ("1.flac", ""),
        ],
        [],
    )


@pytest.mark.parametrize("name", ["a.m3u", "a.m3u8", "a.pls"])
def test_lists_in_utf16_have_a_mark(folder, name):
    m3u = "#EXTINF:1,Zwei \u00e9\r\nsub dir/2 \u00e9.wav\r\n"
    text = "File1=sub dir/2 \u00e9.wav\nTitle1=Zwei \u00e9\n" if name == "a.pls" else m3u
    for encoding in ("utf-16", "utf-16-be"):
        mark = "\ufeff" if encoding == "utf-16-be" else ""
        (folder / name).write_bytes((mark + text).encode(encoding))
        found = [("sub dir/2 \u00e9.wav", "Zwei \u00e9")]
        assert names_in(folder, folder / name) == (found, [])


def test_titles_that_are_no_utf8(folder):
    (folder / "a.m3u").write_bytes(b"#EXTINF:1,Caf\xe9 \x93x\x94\n1.flac\n")
    assert names_in(folder, folder / "a.m3u")[0] == [("1.flac", "Café \u201cx\u201d")]


# --- pls ----------------------------------------------------------------------------------------


def test_a_pls_in_the_order_of_its_numbers(folder):
    (folder / "a.PLS").write_text(
        "[playlist]\nNumberOfEntries=4\nFile10=10.ogg\nfile2 = sub dir/2 é.wav \nFILE1=1.flac\n"
        "Title1=One\nTitle10=Ten\nTitle3=Nobody\nLength1=-1\nFile1=again.ogg\nFile4=\nVersion=2\n"
        "File99999999=no.ogg\nFile=no.ogg\n",
        encoding="utf-8",
    )
    assert names_in(folder, folder / "a.PLS") == (
        [("1.flac", "One"), ("sub dir/2 é.wav", ""), ("10.ogg", "Ten")],
        [],
    )
    (folder / "b.pls").write_text("[playlist]\nNumberOfEntries=0\n")
    assert names_in(folder, folder / "b.pls") == ([], ["the playlist is empty; add a file to it"])


# --- addresses ----------------------------------------------------------------------------------


def test_addresses_of_files(folder):
    plain = f"file://{pathname2url(str(folder))}/sub%20dir/2%20%C3%A9.wav"
    given = [
        plain,
        plain.replace("file://", "FILE://localhost"),
        plain.replace("file://", "file:"),
        "file:///a%3Fb?c#d.ogg",
        "file:///caf%E9.ogg",
    ]
    entries, problems = expand(given)
    assert problems == []
    found = [entry.location for entry in entries]
    assert found[:3] == [str(folder / "sub dir" / "2 é.wav")] * 3
    assert found[3] == "/a?b?c#d.ogg"
    assert os.fsencode(found[4]) == b"/caf\xe9.ogg"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("file://other/a.ogg", "is a file of another machine; give a path"),
        ("file:///a%00b", "is no path (a zero byte in it); check it"),
        ("file://[/a", "is no address; check it"),
    ],
)
def test_addresses_of_no_file_are_told(folder, url, words):
    (folder / "a.m3u").write_text(f"1.flac\n{url}\n10.ogg\n")
    assert names_in(folder, folder / "a.m3u") == ([("1.flac", ""), ("10.ogg", "")], [words])
    assert names_in(folder, url) == ([], [words])


def test_addresses_of_servers_are_passed_on(folder):
    (folder / "a.m3u").write_text(
        "#EXTINF:-1,Radio\nhttp://host/a.m3u\nHTTPS://host/\nrtsp://h/x\n"
    )
    entries, (problem,) = expand([folder / "a.m3u", "http://host/x"])
    assert entries == [
        Entry("http://host/a.m3u", "Radio"),
        Entry("HTTPS://host/"),
        Entry("http://host/x"),
    ]
    assert problem.reason == "is no address of http or https; download it and play the file"


def test_folders_and_lists_in_lists(folder):
    url = f"file://{pathname2url(str(folder / 'sub dir'))}"
    (folder / "b.pls").write_text("File1=10.ogg\nFile2=a.m3u\n")
    (folder / "a.m3u").write_text(f"sub dir\n#EXTINF:1,not theirs\n{url}\nb.pls\n")
    found, reasons = names_in(folder, folder / "a.m3u")
    assert found == [("sub dir/2 é.wav", ""), ("sub dir/2 é.wav", ""), ("10.ogg", "")]
    assert reasons == ["this playlist includes itself; take the line out"]


# --- what is passed through ---------------------------------------------------------------------


def test_other_sources_stay_what_they_are(folder):
    samples, entry = Samples(np.zeros(5), RATE), Entry(str(folder))
    cut = Cut(folder / "1.flac", 0, 1)
    with open(folder / "1.flac", "rb") as file:
        given = [samples, (np.zeros(5), RATE), file, entry, cut, b"1.flac", folder / "1.flac"]
        entries, problems = expand(given)
    found = [each.location for each in entries]
    assert problems == []
    assert (
        found[0] is samples and isinstance(found[1], Samples) and isinstance(found[2], FileObject)
    )
    assert entries[3] is entry and found[4] is cut
    assert found[5:] == [b"1.flac", folder / "1.flac"], "paths as they were given"
    assert expand_paths(given[3:]) == ([str(folder), cut, b"1.flac", folder / "1.flac"], [])
    with pytest.raises(UsageError, match="is not a path"):
        expand([5])


def test_what_directories_have_follows_from_what_can_be_decoded(tmp_path, monkeypatch):
    (tmp_path / "a.m4a").touch()
    audio_suffixes.cache_clear()
    try:
        assert len(expand([tmp_path])[0]) == 1
        audio_suffixes.cache_clear()
        monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
        assert expand([tmp_path])[0] == []
    finally:
        audio_suffixes.cache_clear()


# --- the player ---------------------------------------------------------------------------------


def test_a_player_takes_them_all(folder):
    (folder / "a.m3u8").write_text("#EXTINF:1,First\n1.flac\n")
    (folder / "b.pls").write_text(f"File1=file://{pathname2url(str(folder / '10.ogg'))}\n")
    with Player("null") as player:
        player.play(folder, folder / "a.m3u8", str(folder / "b.pls"), (np.zeros(100), RATE))
        assert player.wait(20)
        tracks = list(player.queue)
    names = [os.path.basename(track.path) for track in tracks[:5]]
    assert names == ["1.flac", "10.ogg", "2 é.wav", "1.flac", "10.ogg"]
    assert [track.status for track in tracks] == ["played"] * 6
    assert (tracks[3].title, tracks[0].title) == ("First", "1.flac")


def test_bad_entries_are_told_and_nothing_else_is_lost(folder):
    (folder / "a.m3u").write_text("rtsp://host/x\nnone.ogg\n1.flac\na.m3u\n10.ogg\n")
    with Player("null") as player:
        seen = []
        player.events.subscribe(seen.append)
        player.play(folder / "a.m3u")
        assert player.wait(20)
        statuses = [track.status for track in player.queue]
    assert statuses == ["failed", "played", "played"]
    errors = [event.message.partition(": ")[2] for event in seen if event.kind == "error"]
    assert [words.split(";")[0] for words in errors] == [
        "is no address of http or https",
        "this playlist includes itself",
        "no such file",
    ]


def test_a_list_of_nothing_leaves_what_plays(folder):
    (folder / "none.m3u").write_text("\n")
    with Player("null") as player:
        soundfile.write(folder / "long.wav", np.zeros(10 * RATE), RATE)
        player.play(folder / "long.wav")
        with pytest.raises(SourceError, match="the playlist is empty"):
            player.play(folder / "none.m3u")
        assert player.state == "playing" and len(player.queue) == 1
        (folder / "empty").mkdir()
        with pytest.raises(SourceError, match="no audio in this directory"):
            player.play(folder / "empty")


@pytest.fixture
def slow_disk(monkeypatch):
    """What a disk does before it says what is a folder: a function of its name, set by a test."""
    disk, ask = SimpleNamespace(before=lambda name: None), os.path.isdir
    monkeypatch.setattr("zerocross.player.expanding._PATIENCE_S", 0.1)
    monkeypatch.setattr(
        "zerocross.sources.playlists.os.path.isdir",
        lambda name: (disk.before(os.fspath(name)), ask(name))[1],
    )
    return disk


def test_a_disk_that_takes_its_time_is_waited_for(folder, slow_disk):
    (folder / "a.m3u").write_text("1.flac\n10.ogg\n" * 5)
    slow_disk.before = lambda _: time.sleep(0.05)
    with Player("null") as player:
        player.queue.extend([folder / "a.m3u", folder])
        assert len(player.queue) == 13


def test_a_long_work_of_ones_own_is_no_silence_of_a_disk(folder, monkeypatch):
    monkeypatch.setattr("zerocross.player.expanding._PATIENCE_S", 0.1)
    monkeypatch.setattr(
        "zerocross.sources.playlists.natural", lambda name: (time.sleep(0.3), natural(name))[1]
    )
    with Player("null") as player:
        assert [player.queue.append(folder).location, len(player.queue)] == [
            str(folder / "1.flac"),
            3,
        ]


def test_a_disk_that_is_silent_holds_nobody_up(folder, slow_disk):
    woken = threading.Event()
    slow_disk.before = lambda name: woken.wait(10) if "10.ogg" in name else None
    (folder / "a.m3u").write_text("1.flac\n10.ogg\n")
    told = []
    with Player("null") as player:
        player.events.subscribe(told.append)
        player.play(folder / "sub dir", folder / "a.m3u", Entry(folder / "10.ogg", "Ten"), folder)
        assert [t.path for t in player.queue] == [
            str(folder / "sub dir" / "2 é.wav"),
            str(folder / "10.ogg"),
        ]
        words = "its disk has not answered for 0.1 s; give it again when it does"
        assert [event.message for event in told if event.kind == "error"] == [
            f"{folder / 'a.m3u'}: {words}",
            f"{folder}: {words}",
        ]
        with pytest.raises(SourceError, match="its disk has not answered"):
            player.queue.append(folder / "a.m3u")
        assert len(player.queue) == 2, "a list is never taken for audio"
        woken.set()


def test_no_disk_is_asked_about_names_of_audio(folder, monkeypatch):
    monkeypatch.setattr(
        "zerocross.player.expanding.Expansion.take", lambda *_: pytest.fail("asked")
    )
    with Player("null") as player:
        player.play(folder / "1.flac", os.fsencode(folder / "10.ogg"), (np.zeros(100), RATE))
        assert player.wait(20)
        assert [t.status for t in player.queue] == ["played"] * 3


@pytest.mark.thorough
def test_the_commands_take_them_too(folder, cli):
    (folder / "a.pls").write_text("File1=1.flac\nTitle1=The One\nFile2=sub dir\n")
    done = cli("play", folder / "a.pls", "--device", "null", "--no-ui")
    assert done.returncode == 0
    assert done.stdout.decode().splitlines() == [
        "playing The One",
        f"playing {folder / 'sub dir' / '2 é.wav'}",
    ]
    (folder / "a.cue").write_text(
        "FILE 1.flac WAVE\nTRACK 01 AUDIO\nINDEX 01 00:00:00\nTRACK 02 AUDIO\nINDEX 01 00:00:02\n"
    )
    done = cli("render", folder / "a.cue", folder / "out.wav")
    assert done.returncode == 0
    whole, joined = (soundfile.read(folder / n)[0] for n in ("1.flac", "out.wav"))
    assert np.array_equal(whole, joined)


def test_entries_are_rendered_by_their_paths(folder):
    paths, _ = expand_paths([folder])
    assert render(paths, folder / "out.wav").frames == 7200


def test_a_track_of_a_list_keeps_its_name():
    assert Track("a.ogg", listed_as="A").title == "A"
