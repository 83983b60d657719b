"""Cue sheets: what they say, and that the cuts of a file are the file, to the bit."""

from __future__ import annotations

import os
import subprocess

import numpy as np
import pytest
import soundfile

from conftest import music, need, need_module, wait_for
from zerocross import Player, SourceError, UsageError, render
from zerocross.sources.cue import Cut, read_cue
from zerocross.sources.opening import open_source, read_audio
from zerocross.sources.playlists import expand
from zerocross.sources.tags import Tags, tags_of

CD = 44_100

SHEET = """\
REM GENRE "Prog Rock"
REM DATE 1973
REM DISCNUMBER 1
REM TOTALDISCS 2
PERFORMER "The Band"
TITLE "The \\"Album\\""
FILE "{file}" WAVE
  TRACK 01 AUDIO
    TITLE "One"
    FLAGS DCP
    INDEX 01 00:00:00
  TRACK 02 AUDIO
    TITLE "Two"
    PERFORMER "A Guest"
    INDEX 00 00:00:70
    INDEX 01 00:01:01
  TRACK 03 AUDIO
    INDEX 01 00:01:40
"""


@pytest.fixture
def disc(tmp_path):
    """Return a function that writes a file and its sheet; gives the sheet and the file's samples."""

    def make(name="album.flac", rate=CD, seconds=2.5, channels=2, sheet=SHEET, encoding="utf-8"):
        data = music(round(seconds * rate), channels, sample_rate=rate)
        soundfile.write(tmp_path / name, data, rate)
        (tmp_path / "album.cue").write_bytes(sheet.format(file=name).encode(encoding))
        return tmp_path / "album.cue", soundfile.read(tmp_path / name, always_2d=True)[0]

    return make


# --- what a sheet says --------------------------------------------------------------------------


def test_a_sheet_gives_cuts_with_tags(disc, tmp_path):
    cuts = read_cue(disc()[0])
    assert [(c.start, c.end) for c in cuts] == [(0, 76), (76, 115), (115, None)]
    assert {os.fspath(c) for c in cuts} == {str(tmp_path / "album.flac")}
    one, two, three = (tags_of(c) for c in cuts)
    assert one == Tags(
        title="One",
        artist="The Band",
        album='The \\"Album\\"',
        album_artist="The Band",
        track=1,
        tracks=3,
        disc=1,
        discs=2,
        year=1973,
        genre="Prog Rock",
        artists=("The Band",),
        album_artists=("The Band",),
        genres=("Prog Rock",),
        date="1973",
    )
    assert (two.title, two.artist, two.album_artist) == ("Two", "A Guest", "The Band")
    assert (three.title, three.track) == ("", 3)


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [("utf-8", b""), ("utf-8", b"\xef\xbb\xbf"), ("cp1252", b""), ("utf-16", b"")],
)
def test_sheets_of_any_encoding(tmp_path, encoding, mark):
    text = 'TITLE "Gr\u00f6\u00dfe"\r\nFILE "a.wav" WAVE\rTRACK 1 AUDIO\nINDEX 1 0:0:0\n'
    (tmp_path / "a.cue").write_bytes(mark + text.encode(encoding))
    assert read_cue(tmp_path / "a.cue")[0].tags.album == "Größe"


def test_names_of_files(tmp_path):
    """In the sheet's own bytes, without quotes, with blanks, absolute, or converted since."""
    (tmp_path / os.fsdecode(b"caf\xe9.wav")).touch()
    (tmp_path / "b c.flac").touch()
    lines = [b'FILE "caf\xe9.wav" WAVE', b"FILE b c.wav WAVE", b"FILE /abs/d.wav WAVE", b'FILE "e"']
    tracks = b"".join(line + b"\nTRACK 01 AUDIO\nINDEX 01 00:00:00\n" for line in lines)
    (tmp_path / "a.cue").write_bytes(tracks)
    names = [os.fsencode(cut) for cut in read_cue(tmp_path / "a.cue", frozenset({".flac"}))]
    here = os.fsencode(tmp_path)
    assert names == [here + b"/caf\xe9.wav", here + b"/b c.flac", b"/abs/d.wav", here + b"/e"]


def test_several_files_and_pauses_under_the_file_before(tmp_path):
    """A track's file is the one that its INDEX 01 stands under (EAC's sheets with gaps appended)."""
    (tmp_path / "a.cue").write_text(
        "FILE a.wav WAVE\nTRACK 01 AUDIO\nINDEX 01 00:00:00\n"
        "TRACK 02 AUDIO\nINDEX 00 03:00:00\nFILE b.mp3 MP3\nINDEX 01 00:00:00\n"
        "TRACK 03 AUDIO\nINDEX 01 02:00:00\n"
    )
    cuts = [(os.path.basename(c), c.start, c.end) for c in read_cue(tmp_path / "a.cue")]
    assert cuts == [("a.wav", 0, None), ("b.mp3", 0, 9000), ("b.mp3", 9000, None)]


def test_tracks_of_data_and_tracks_out_of_order_are_left_out(tmp_path):
    (tmp_path / "a.cue").write_text(
        "FILE a.bin BINARY\nTRACK 01 MODE1/2352\nINDEX 01 00:00:00\n"
        "TRACK 02 AUDIO\nINDEX 01 01:00:00\nTRACK 03 AUDIO\nINDEX 01 00:30:00\nTRACK 04 AUDIO\n"
        "INDEX 01 00:00:75\nINDEX 01 00:61:00\nINDEX 01 x\nINDEX 01\nINDEX\n"
    )
    assert [(c.start, c.end, c.tags.track) for c in read_cue(tmp_path / "a.cue")] == [
        (2250, None, 3)
    ]


@pytest.mark.parametrize(
    "raw",
    [
        b"\n",
        b"TRACK 01 AUDIO\nINDEX 01 00:00:00\n",
        b"FILE a WAVE\nTRACK 01 AUDIO\n",
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20,
        b"REM " * 100_000,
        b"x\n" * 10,
        b"TRACK " + b" " * 4_000_000,
        b"a b\n" * 30_000,
        b"FILE a WAVE\n" + b"TRACK 01 AUDIO\n" * 1100,
        b'FILE "' + b'" "' * 100_000,
    ],
)
def test_what_is_no_sheet_is_one_line(tmp_path, raw):
    (tmp_path / "a.cue").write_bytes(raw)
    with pytest.raises(SourceError) as caught:
        read_cue(tmp_path / "a.cue")
    assert "\n" not in str(caught.value) and "cue sheet" in str(caught.value)
    entries, (problem,) = expand([tmp_path / "a.cue"])
    assert entries == [] and problem.reason == caught.value.reason


def test_a_sheet_that_is_not_there(tmp_path):
    with pytest.raises(SourceError, match="no such file"):
        read_cue(tmp_path / "none.cue")


def test_control_characters_of_a_sheet_are_spelled_out(tmp_path):
    (tmp_path / "a.cue").write_bytes(
        b'FILE a WAVE\nTRACK 1 AUDIO\nTITLE "a\x1b[31m\x07"\nINDEX 1 0:0:0\n'
    )
    assert read_cue(tmp_path / "a.cue")[0].tags.title == "a\\x1b[31m\\x07"


@pytest.mark.parametrize("bad", [(-1, None), (0, 0), (5, 5), (1.5, None), (0, "x")])
def test_cuts_are_checked(bad):
    with pytest.raises(UsageError):
        Cut("a.wav", *bad)
    with pytest.raises(UsageError):
        Cut(5, 0)


# --- what is heard ------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [CD, 48_000, 8_000])
def test_a_cut_is_its_frames(disc, rate):
    sheet, whole = disc(rate=rate)
    ends = [0, round(76 * rate / 75), round(115 * rate / 75), len(whole)]
    for cut, first, last in zip(read_cue(sheet), ends[:-1], ends[1:], strict=True):
        samples, _ = read_audio(cut)
        assert np.array_equal(samples.T, whole[first:last].astype(np.float32))


@pytest.mark.parametrize(
    ("name", "rate"), [("a.flac", CD), ("a.wav", 48_000), ("a.ogg", CD), ("a.mp3", CD)]
)
def test_the_cuts_rendered_one_after_another_are_the_file(disc, tmp_path, name, rate):
    sheet, _ = disc(name, rate)
    cuts = read_cue(sheet)
    render([tmp_path / name], tmp_path / "whole.wav", bits="float")
    done = render(cuts, tmp_path / "cuts.wav", bits="float")
    assert done.errors == []
    whole, joined = (soundfile.read(tmp_path / n)[0] for n in ("whole.wav", "cuts.wav"))
    assert np.array_equal(whole, joined)


@pytest.mark.parametrize("name", ["plain.wv", "plain.m4a"])
def test_cuts_of_what_pyav_decodes_join_too(disc, tmp_path, name):
    """Memory ahead of the ear: each cut reads on in the window of the one before."""
    need_module("av")
    sheet, _ = disc("plain.wav", seconds=4.0)
    command = [need("ffmpeg"), "-v", "error", "-i", tmp_path / "plain.wav", tmp_path / name]
    subprocess.run(command, check=True)
    (tmp_path / "plain.wav").unlink()
    cuts = read_cue(sheet, frozenset({".wv", ".m4a"}))
    assert {os.path.basename(cut) for cut in cuts} == {name}
    render([tmp_path / name], tmp_path / "whole.wav", bits="float")
    done = render(cuts, tmp_path / "cuts.wav", bits="float")
    assert done.errors == []
    whole, joined = (soundfile.read(tmp_path / n)[0] for n in ("whole.wav", "cuts.wav"))
    assert len(whole) == 4 * CD and np.array_equal(whole, joined)


def test_a_cut_has_its_files_words_for_what_fails(disc, tmp_path):
    disc()
    source = open_source(Cut(tmp_path / "album.flac", 0, 20))
    assert source.failure == ""
    source._shared.source.failure = "it broke"
    assert source.failure == "it broke"
    source.close()


def test_many_short_cuts_join(disc, tmp_path):
    """Shorter than what is decoded at once: each is posted after the one before was let go of."""
    _, whole = disc()
    cuts = [Cut(tmp_path / "album.flac", k, k + 1) for k in range(187)]
    cuts.append(Cut(tmp_path / "album.flac", 187))
    render(cuts, tmp_path / "out.wav", bits="float")
    assert np.array_equal(soundfile.read(tmp_path / "out.wav")[0], whole)


def test_cuts_go_through_the_resampler_as_one(disc, tmp_path):
    sheet, _ = disc()
    for inputs, out in (([tmp_path / "album.flac"], "whole.wav"), (read_cue(sheet), "cuts.wav")):
        render(inputs, tmp_path / out, bits="float", sample_rate=48_000)
    whole, joined = (soundfile.read(tmp_path / n)[0] for n in ("whole.wav", "cuts.wav"))
    assert np.array_equal(whole, joined)


def test_a_copy_of_cuts_is_exact(disc, tmp_path):
    """32 bits go round the engine."""
    data = np.random.default_rng(2).integers(-(2**31), 2**31, (2 * CD, 2)).astype(np.int32)
    soundfile.write(tmp_path / "a.wav", data, CD, "PCM_32")
    cuts = [Cut(tmp_path / "a.wav", 0, 75), Cut(tmp_path / "a.wav", 75)]
    render(cuts, tmp_path / "out.wav")
    assert np.array_equal(soundfile.read(tmp_path / "out.wav", dtype="int32")[0], data)


def test_a_player_plays_a_sheet_without_a_seam(disc, tmp_path):
    sheet, whole = disc(rate=48_000, seconds=2.0)
    with Player("null", block_size=256) as player:
        player._output.capture_s = 3.0
        seen = []
        player.events.subscribe(lambda event: seen.append(event.kind))
        player.play(sheet)
        assert len(player.queue) == 3
        assert player.wait(20)
        out = player._output.captures[0].captured()
        tracks = list(player.queue)
    begin = int(np.argmax(np.abs(out).sum(axis=1) > 0)) - int(
        np.argmax(np.abs(whole).sum(axis=1) > 0)
    )
    assert np.array_equal(out[begin : begin + len(whole)], whole.astype(np.float32))
    assert [track.status for track in tracks] == ["played"] * 3
    assert [track.frames for track in tracks] == [48_640, 24_960, 22_400]
    assert [track.duration_s for track in tracks] == [76 / 75, 39 / 75, pytest.approx(2 - 115 / 75)]
    assert seen.count("track") == 3 and "error" not in seen


def test_cuts_that_come_to_follow_each_other_join_too(disc, tmp_path):
    """The queue is changed while the first is heard: what follows is posted anew."""
    _, whole = disc(rate=48_000, seconds=4.0)
    first, second = Cut(tmp_path / "album.flac", 0, 150), Cut(tmp_path / "album.flac", 150)
    with Player("null", block_size=256) as player:
        player._output.capture_s = 5.0
        player.play(first, tmp_path / "album.flac", second)
        wait_for(lambda: player.queue[0].status == "playing", what="sound")
        player.queue.remove(1)
        postings = player._playback.feed._postings
        wait_for(lambda: list(postings.values())[-1].track is player.queue[1], what="what follows")
        one, *_, two = list(postings.values())
        assert one.source.handle == two.source.handle, "it is read on, not opened anew"
        assert player.wait(20)
        out = player._output.captures[0].captured()
        assert [track.status for track in player.queue] == ["played", "played"]
    begin = int(np.argmax(np.abs(out).sum(axis=1) > 0)) - int(
        np.argmax(np.abs(whole).sum(axis=1) > 0)
    )
    assert np.array_equal(out[begin : begin + len(whole)], whole.astype(np.float32))


def test_seeks_and_positions_are_within_the_cut(disc):
    sheet, _ = disc(rate=48_000, seconds=20.0)
    with Player("null", block_size=256) as player:
        player.play(sheet)
        wait_for(lambda: player.queue[0].status == "playing", what="sound")
        player.next()
        player.next()
        wait_for(lambda: player.queue[2].status == "playing", what="the last track")
        assert player.position < 5
        assert player.duration == pytest.approx(20 - 115 / 75)
        player.pause()
        player.seek(10.0)
        assert player.position == pytest.approx(10.0, abs=0.1)
        player.seek(1e6)
        assert player.position == pytest.approx(player.duration, abs=0.1)
        player.previous()
        wait_for(lambda: player.position < 1, what="its start")


def test_a_cut_alone_begins_softly_and_ends_where_it_ends(disc, tmp_path):
    _, whole = disc(rate=48_000)
    done = render([Cut(tmp_path / "album.flac", 75, 100)], tmp_path / "out.wav", bits="float")
    assert done.frames == 16_000
    out = soundfile.read(tmp_path / "out.wav")[0]
    assert abs(out[0]).max() < 0.01, "it begins in the middle of the music"
    assert np.array_equal(out[1_000:], whole[49_000:64_000])


def test_a_shorter_file_than_the_sheets(disc, tmp_path):
    disc(seconds=1.0)
    path = tmp_path / "album.flac"
    with pytest.raises(SourceError, match=r"begins at 1\.00 s, and the file has 1\.00 s"):
        open_source(Cut(path, 75))
    source = open_source(Cut(path, 50, 150))
    assert source.frames == CD // 3 and "ends 1.00 s before" in source.problem
    source.close()
    rounded = open_source(Cut(path, 50, 76))
    assert rounded.problem == "" and rounded.frames == CD // 3
    rounded.close()


def test_a_file_that_cuts_share_is_closed_with_the_last_of_them(disc, tmp_path):
    disc()
    first, second = (open_source(Cut(tmp_path / "album.flac", k, k + 20)) for k in (0, 20))
    other = open_source(Cut(tmp_path / "album.flac", 60, 80))
    own = second.handle
    assert second.goes_on_from(first) and second.handle == first.handle != own
    assert not other.goes_on_from(second) and not first.goes_on_from(None)
    kept = second.share()
    first.close()
    second.close()
    second.close()
    assert second.is_closed and not kept.is_closed
    file = kept._shared.source
    assert not file.is_closed
    kept.close()
    assert file.is_closed
    assert not other.goes_on_from(kept)
    other.close()
