"""Tags and covers of every container, and of files that are meant to harm."""

from __future__ import annotations

import base64
import dataclasses
import functools
import io
import os
import re
import struct
import subprocess
import sys
import threading
import zlib

import mutagen
import numpy as np
import pytest
import soundfile
from mutagen import apev2, asf, flac, id3, mp4

from conftest import need, wait_for
from zerocross import Player
from zerocross.loudness.replaygain import read_gain_tags
from zerocross.player import Queue, Track
from zerocross.player.titles import Titles
from zerocross.sources import tags as tags_room
from zerocross.sources.location import Samples
from zerocross.sources.tags import Tags, clean, cover, make_tags, read_tags, tags_of

RATE = 48_000
FULL = Tags(
    title="Größe",
    artist="A, B",
    album="Album",
    album_artist="Various",
    track=3,
    tracks=7,
    disc=1,
    discs=2,
    year=1999,
    genre="Rock",
    artists=("A", "B"),
    album_artists=("Various",),
    genres=("Rock",),
    date="1999",
)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(100))
JPEG = b"\xff\xd8\xff\xe0" + bytes(range(100))


def write_audio(path):
    """Write a tenth of a second; what libsndfile does not write comes from ffmpeg."""
    data = np.zeros((RATE // 10, 2))
    if path.suffix[1:].upper() in soundfile.available_formats() or path.suffix == ".opus":
        kind = {".opus": ("OGG", "OPUS")}.get(path.suffix, (None, None))
        soundfile.write(path, data, RATE, format=kind[0], subtype=kind[1])
        return path
    plain = path.with_suffix(".plain.wav")
    soundfile.write(plain, data, RATE)
    subprocess.run([need("ffmpeg"), "-v", "error", "-y", "-i", plain, path], check=True)
    return path


# --- writing tags by each container's own names -------------------------------------------------


def write_id3(file):
    file.add_tags() if file.tags is None else None
    texts = {"TIT2": "Größe", "TALB": "Album", "TPE2": "Various", "TRCK": "3/7", "TPOS": "1/2"}
    for name, text in texts.items():
        file.tags.add(getattr(id3, name)(encoding=3, text=[text]))
    file.tags.add(id3.TPE1(encoding=3, text=["A", "B"]))
    file.tags.add(id3.TDRC(encoding=3, text=["1999-02-03"]))
    file.tags.add(id3.TCON(encoding=3, text=["(17)"]))
    file.tags.add(id3.APIC(encoding=3, mime="image/jpeg", type=4, desc="back", data=JPEG))
    file.tags.add(id3.APIC(encoding=3, mime="text/html", type=3, desc="", data=PNG))
    file.tags.add(id3.TXXX(encoding=3, desc="REPLAYGAIN_TRACK_GAIN", text=["-3.5 dB"]))


VORBIS = {
    "TITLE": "Größe",
    "ARTIST": ["A", "B"],
    "ALBUM": "Album",
    "ALBUMARTIST": "Various",
    "TRACKNUMBER": "3",
    "TRACKTOTAL": "7",
    "DISCNUMBER": "1/2",
    "DATE": "1999",
    "GENRE": "Rock",
    "REPLAYGAIN_TRACK_GAIN": "-3.5 dB",
}


def picture(kind=3, data=PNG):
    made = flac.Picture()
    made.type, made.mime, made.data = kind, "image/x", data
    return made


def write_vorbis(file):
    file.update(VORBIS)
    if isinstance(file, flac.FLAC):
        file.add_picture(picture(4, JPEG))
        file.add_picture(picture())
    else:
        encoded = [base64.b64encode(picture(*p).write()).decode() for p in ((4, JPEG), (3, PNG))]
        file["metadata_block_picture"] = encoded


def write_mp4(file):
    texts = {"\xa9nam": "Größe", "\xa9alb": "Album", "aART": "Various", "\xa9gen": "Rock"}
    file.update({name: [text] for name, text in texts.items()})
    file["\xa9ART"] = ["A", "B"]
    file["\xa9day"] = ["1999-02-03T00:00:00Z"]
    file["trkn"], file["disk"] = [(3, 7)], [(1, 2)]
    file["covr"] = [mp4.MP4Cover(PNG, mp4.MP4Cover.FORMAT_PNG)]
    file["----:com.apple.iTunes:replaygain_track_gain"] = [mp4.MP4FreeForm(b"-3.5 dB")]


def write_asf(file):
    file["Title"], file["Author"] = "Größe", ["A", "B"]
    file["WM/AlbumTitle"], file["WM/AlbumArtist"] = "Album", "Various"
    file["WM/TrackNumber"], file["WM/PartOfSet"] = "3/7", "1/2"
    file["WM/Year"], file["WM/Genre"] = "1999", "Rock"
    name = "image/png\0".encode("utf-16-le")
    image = struct.pack("<BI", 3, len(PNG)) + name + b"\0\0" + PNG
    file["WM/Picture"] = asf.ASFByteArrayAttribute(image)
    file["replaygain_track_gain"] = "-3.5 dB"


def write_ape(file):
    texts = {"Title": "Größe", "Album": "Album", "Album Artist": "Various", "Track": "3/7"}
    file.update(texts | {"Disc": "1/2", "Year": "1999", "Genre": "Rock"})
    file["Artist"] = ["A", "B"]
    file["Cover Art (Front)"] = apev2.APEValue(b"front.png\0" + PNG, apev2.BINARY)
    file["Cover Art (Back)"] = apev2.APEValue(b"back.jpg\0" + JPEG, apev2.BINARY)
    file["replaygain_track_gain"] = "-3.5 dB"


KINDS = {
    "a.mp3": write_id3,
    "a.wav": write_id3,
    "a.aiff": write_id3,
    "a.flac": write_vorbis,
    "a.ogg": write_vorbis,
    "a.opus": write_vorbis,
    "a.m4a": write_mp4,
    "a.wma": write_asf,
    "a.wv": write_ape,
}


@pytest.mark.parametrize("name", KINDS)
def test_every_container_has_all_fields(tmp_path, name):
    path = write_audio(tmp_path / name)
    assert tags_of(path) == Tags(), "but for what the encoder signs"
    assert cover(path) is None
    file = mutagen.File(path)
    KINDS[name](file)
    file.save()
    full = dataclasses.replace(FULL, date=tags_of(path).date)
    assert full.date in {"1999", "1999-02-03"}
    assert tags_of(path) == full
    assert tags_of(os.fsencode(path)) == full
    assert cover(path) == ("image/png", PNG), "the front one, and what it is"
    assert read_gain_tags(path).track_gain_db == -3.5
    assert str(tags_of(path)) == "A, B - Größe"


def test_a_picture_alone_is_a_cover(tmp_path):
    path = write_audio(tmp_path / "a.flac")
    file = flac.FLAC(path)
    file.delete()
    file.add_picture(picture())
    file.save()
    assert not flac.FLAC(path).tags
    assert cover(path) == ("image/png", PNG)
    assert tags_of(path) == Tags()


def test_a_kinds_own_fields_come_before_free_ones(tmp_path):
    song = write_audio(tmp_path / "a.mp3")
    file = mutagen.File(song)
    file.add_tags()
    free = ("TITLE", "ARTIST", "ALBUM", "ALBUMARTIST", "TRACKNUMBER", "DISC", "DATE", "GENRE")
    for name in free:
        file.tags.add(id3.TXXX(encoding=3, desc=name, text=["1234"]))
    file.save()
    assert tags_of(song).title == "1234", "where there is no other"
    write_id3(file)
    file.save()
    assert tags_of(song) == dataclasses.replace(FULL, date="1999-02-03")
    song = write_audio(tmp_path / "a.m4a")
    file = mutagen.File(song)
    for name in free:
        file[f"----:com.apple.iTunes:{name}"] = [mp4.MP4FreeForm(b"1234")]
    write_mp4(file)
    file.save()
    assert tags_of(song) == dataclasses.replace(FULL, date="1999-02-03")


@pytest.mark.parametrize("name", ["a.mp3", "a.tta"])
def test_ape_behind_is_read_and_completes_id3(tmp_path, name):
    """mp3gain writes it into MP3, and most TTA have their tags so."""
    path = write_audio(tmp_path / name)
    ape = apev2.APEv2()
    write_ape(ape)
    ape.save(path)
    assert tags_of(path) == FULL
    assert cover(path) == ("image/png", PNG)
    assert read_gain_tags(path).track_gain_db == -3.5
    texts = id3.ID3()
    texts.add(id3.TIT2(encoding=3, text=["Of ID3"]))
    texts.save(path)
    assert tags_of(path) == dataclasses.replace(FULL, title="Of ID3")
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"Artist\0", b"\1" * 6 + b"\0"))
    assert tags_of(path) == Tags(title="Of ID3"), "a damaged one is as good as none"


def test_the_gains_of_id3_itself_are_read(tmp_path):
    path = write_audio(tmp_path / "a.mp3")
    file = mutagen.File(path)
    file.add_tags()
    for of, gain in (("track", -4.5), ("Album", 1.25), ("bass", 9.0)):
        file.tags.add(id3.RVA2(desc=of, channel=1, gain=gain, peak=0.5))
    file.tags.add(id3.RVA2(desc="album", channel=2, gain=7.0, peak=0.5))
    file.save()
    found = dataclasses.astuple(read_gain_tags(path))
    assert found == pytest.approx((-4.5, 0.5, 1.25, 0.5), abs=1e-6)
    file.tags.add(id3.TXXX(encoding=3, desc="replaygain_track_gain", text=["-2 dB"]))
    file.save()
    assert read_gain_tags(path).track_gain_db == -2.0, "what says so in words comes first"


def test_reading_tags_says_nothing_on_standard_error(tmp_path):
    """Where no player was before it, too."""
    noise = np.random.default_rng(1).normal(0, 0.1, RATE)
    path = tmp_path / "a.mp3"
    soundfile.write(path, noise, RATE)
    path.write_bytes(path.read_bytes()[:-5000])
    (tmp_path / "b").write_bytes(path.read_bytes()[10:])
    script = "import sys; from zerocross.sources.tags import tags_of, _strings_of\n"
    script += "for path in sys.argv[1:]: tags_of(path); _strings_of(open(path, 'rb'))"
    command = [sys.executable, "-c", script, path, tmp_path / "b"]
    assert subprocess.run(command, capture_output=True, check=True).stderr == b""


def test_the_commonest_kinds_are_known_without_asking_all(tmp_path):
    for name in ("a.mp3", "a.wav", "a.aiff", "a.flac", "a.m4a"):
        path = write_audio(tmp_path / name)
        with path.open("rb") as opened:
            kinds = tags_room._kinds(opened, str(path))
        assert kinds == [type(mutagen.File(path))], name
        misnamed = path.rename(tmp_path / "b.ogg")
        with misnamed.open("rb") as opened:
            assert tags_room._kinds(opened, str(misnamed)) is None, "mutagen is to say what it is"
    flac = write_audio(tmp_path / "a.flac")
    script = f"import sys; from zerocross.sources.tags import tags_of; tags_of({str(flac)!r})"
    script += "; print('mutagen.flac' in sys.modules, 'mutagen.mp4' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", script], text=True) == "True False\n"


@pytest.mark.parametrize("ending", ["wav", "aiff", "caf"])
def test_strings_that_only_libsndfile_knows(tmp_path, ending):
    """LIST INFO in WAV, NAME and AUTH in AIFF, info in CAF."""
    path = tmp_path / f"a.{ending}"
    with soundfile.SoundFile(path, "w", RATE, 1) as file:
        file.title, file.artist = "T", "A"
        file.write(np.zeros(100))
    assert (tags_of(path).title, tags_of(path).artist) == ("T", "A")
    assert cover(path) is None


def test_what_is_no_file_has_no_tags(tmp_path):
    (tmp_path / "empty.flac").touch()
    os.mkfifo(tmp_path / "fifo.mp3")
    (tmp_path / "noise.mp3").write_bytes(np.random.default_rng(1).bytes(50_000))
    names = ["empty.flac", "fifo.mp3", "noise.mp3", "none.mp3", "", "a\0b"]
    for path in [*(os.path.join(tmp_path, name) for name in names), "http://host/a.mp3"]:
        assert (tags_of(path), cover(path), read_tags(path)) == (Tags(), None, {}), path
    assert tags_of(Samples(np.zeros(5), RATE, title="tone")) == Tags(title="tone")


# --- what texts become --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "track", "tracks"),
    [
        ("3", 3, None),
        ("03/12", 3, 12),
        (" 3 / 12 ", 3, 12),
        ("0", None, None),
        ("0/0", None, None),
        ("/5", None, None),
        ("A1", None, None),
        ("-3", None, None),
        ("99999", 99_999, None),
        ("123456", None, None),
        ("3/123456", 3, None),
        ("", None, None),
        ("\u0663", 3, None),
    ],
)
def test_numbers(text, track, tracks):
    made = make_tags({"tracknumber": [text]})
    assert (made.track, made.tracks) == (track, tracks)


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("1999", "1999"),
        ("1999-12", "1999-12"),
        ("1999-12-31", "1999-12-31"),
        ("1999-12-31T10:00:00Z", "1999-12-31"),
        ("1999-13-31", "1999"),
        ("1999-12-32", "1999-12"),
        ("19991231", "1999-12-31"),
        ("31.12.1999", "1999"),
        *((text, "") for text in ("99", "19991331", "199912311", "1999123", "19991200", "")),
    ],
)
def test_dates(text, date):
    made = make_tags({"date": [text]})
    assert (made.date, made.year) == (date, int(date[:4]) if date else None)


def test_texts_are_one_printable_line():
    assert clean(" a\n b\t c\x1b[31m\u202e ") == "a b c\\x1b[31m\\u202e"
    assert clean(["A", " ", "", " B "]) == "A, B"
    assert len(clean("x" * 5000)) == 1000
    assert clean("\udcff") == "\\xff"


def test_a_line_for_people():
    assert str(Tags(title="T", artist="A")) == "A - T"
    assert str(Tags(title="T")) == "T"
    assert str(Tags(artist="A", album="B")) == ""


# --- what is meant to harm ----------------------------------------------------------------------


def synchsafe(number):
    return bytes((number >> shift) & 0x7F for shift in (21, 14, 7, 0))


def frame(name, body, flags=0):
    return name + synchsafe(len(body)) + struct.pack(">H", flags) + body


@functools.cache
def mp3():
    """Return the bytes of a file without tags."""
    file = io.BytesIO()
    soundfile.write(file, np.zeros((RATE // 10, 2)), RATE, format="MP3")
    return file.getvalue()


def id3_tag(*frames, version=4):
    """Return an MP3 file that begins with a tag."""
    body = b"".join(frames)
    return b"ID3" + bytes([version, 0, 0]) + synchsafe(len(body)) + body + mp3()


COMPRESSED = 0x0009


def bomb(what):
    """Return a file that would take minutes or gigabytes, and a title that it must not matter for."""
    title = frame(b"TIT2", b"\3title")
    if what == "small frames":  # mutagen copies the rest after each
        return id3_tag(title, *(frame(b"TXXX", b"\3%d\0x" % k) for k in range(100_000)))
    if what == "old small frames":
        return id3_tag((b"TT2" + (2).to_bytes(3, "big") + b"\0x") * 100_000, version=2)
    if what == "packed":
        packed = zlib.compress(bytes(1 << 28), 9)
        return id3_tag(title, *[frame(b"APIC", synchsafe(1 << 27) + packed, COMPRESSED)] * 4)
    if what == "a long text":
        return id3_tag(frame(b"TIT2", b"\1\xff\xfe" + b"a\0" * (4 << 20)))
    if what == "many values":
        return id3_tag(title, frame(b"TPE1", b"\3" + b"\0" * (8 << 20)))
    if what == "atoms":
        return struct.pack(">I4s4sI", 16, b"ftyp", b"M4A ", 0) + b"\0\0\0\x08free" * 500_000
    if what == "nested atoms":
        inner = b""
        for _ in range(5000):
            inner = struct.pack(">I", len(inner) + 8) + b"moov" + inner
        return struct.pack(">I4s4sI", 16, b"ftyp", b"M4A ", 0) + inner
    if what == "chunks":
        chunks = b"abcd\0\0\0\0" * 500_000
        return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WAVE" + chunks
    raise AssertionError(what)


BOMBS = (
    "small frames",
    "old small frames",
    "packed",
    "a long text",
    "many values",
    "atoms",
    "nested atoms",
    "chunks",
)


@pytest.mark.parametrize("what", BOMBS)
def test_bombs_are_given_up(tmp_path, what):
    """In seconds of this thread's own: what is not bounded takes many times as long."""
    ending = {"atoms": "m4a", "nested atoms": "m4a", "chunks": "wav"}.get(what, "mp3")
    path = tmp_path / f"a.{ending}"
    path.write_bytes(bomb(what))
    before = os.times().user
    assert tags_of(path).artist == "" and cover(path) is None
    assert os.times().user - before < 5


def test_a_packed_frame_of_usual_size_is_read(tmp_path):
    body = b"\3packed title"
    packed = frame(b"TIT2", synchsafe(len(body)) + zlib.compress(body), COMPRESSED)
    (tmp_path / "a.mp3").write_bytes(id3_tag(packed))
    assert tags_of(tmp_path / "a.mp3").title == "packed title"


def test_others_who_use_mutagen_are_not_bounded(tmp_path):
    """Its own readers unpack what they like, after we have looked at a file too."""
    body = b"\3" + b"x" * (1 << 20)
    packed = frame(b"TIT2", synchsafe(len(body)) + zlib.compress(body), COMPRESSED)
    path = tmp_path / "a.mp3"
    path.write_bytes(id3_tag(packed))
    assert tags_of(path).title == ""
    assert len(id3.ID3(path)["TIT2"].text[0]) == 1 << 20
    many = id3_tag(
        *(frame(b"TXXX", b"\3%d\0x" % k) for k in range(3000)), frame(b"TIT2", b"\3x" * 150_000)
    )
    path.write_bytes(many)
    assert tags_of(path) == Tags()
    assert len(id3.ID3(path)) == 3001


def test_large_covers_with_few_frames_are_read(tmp_path):
    """As real ones: 10 MB of picture, thirty frames."""
    frames = [frame(b"TXXX", b"\3name %d\0text" % k) for k in range(30)]
    image = PNG + bytes(10 << 20)
    data = id3_tag(frame(b"APIC", b"\3image/png\0\3\0" + image), *frames, frame(b"TIT2", b"\3last"))
    (tmp_path / "a.mp3").write_bytes(data)
    assert tags_of(tmp_path / "a.mp3").title == "last"
    assert cover(tmp_path / "a.mp3") == ("image/png", image)


def test_what_is_no_picture_is_no_cover(tmp_path):
    html = b"<html>"
    (tmp_path / "a.mp3").write_bytes(id3_tag(frame(b"APIC", b"\3image/png\0\3\0" + html)))
    assert cover(tmp_path / "a.mp3") is None
    kinds = {
        b"GIF89a": "image/gif",
        b"RIFF\1\2\3\4WEBP": "image/webp",
        b"BM" + bytes(12) + b"\x28\0\0\0": "image/bmp",
    }
    for head, mime in kinds.items():
        data = head + bytes(50)
        (tmp_path / "a.mp3").write_bytes(id3_tag(frame(b"APIC", b"\3x\0\3\0" + data)))
        assert cover(tmp_path / "a.mp3") == (mime, data)


def test_damaged_tags_raise_nothing(tmp_path):
    """Every container with bytes changed at random: seeded, so that what is found is found again."""
    rng = np.random.default_rng(7)
    for name, write in KINDS.items():
        path = write_audio(tmp_path / name)
        file = mutagen.File(path)
        write(file)
        file.save()
        whole = path.read_bytes()
        for _ in range(40):
            data = bytearray(whole)
            for place in rng.integers(0, len(data), rng.integers(1, 40)):
                data[place] = rng.integers(256)
            path.write_bytes(data[: rng.integers(1, len(data) + 1)] if rng.random() < 0.3 else data)
            found, image = tags_of(path), cover(path)
            texts = (found.title, found.artist, found.album, found.album_artist, found.genre)
            assert all(text.isprintable() for text in texts)
            assert image is None or image[0].startswith("image/")


# --- tracks -------------------------------------------------------------------------------------


@pytest.fixture
def tagged(tmp_path):
    def make(name="a.flac", seconds=0.1, **texts):
        soundfile.write(tmp_path / name, np.zeros(round(seconds * RATE)), RATE)
        if texts:
            file = mutagen.File(tmp_path / name)
            file.update(texts)
            file.save()
        return tmp_path / name

    return make


def test_a_track_reads_its_file_when_it_is_asked(tagged, monkeypatch):
    path = tagged(title="T", artist="A")
    queue = Queue()
    track = queue.append(path)
    asked = []
    monkeypatch.setattr(
        "zerocross.player.queue.tags_of", lambda where: asked.append(where) or tags_of(where)
    )
    assert track.known_as == "" and not track.has_tags and not asked
    assert queue.current.tags.title == queue.current.title == "T"
    assert asked == [path], "once"
    assert track.known_as == "A - T" and track.has_tags
    plain = Track(tagged("b.flac"), listed_as="")
    assert plain.title == "b.flac" and not plain.has_tags and plain.known_as == ""
    named = Track(tagged("c.flac"), listed_as="A name")
    assert named.known_as == named.title == "A name"


def test_what_is_heard_is_told_with_its_tags(tagged):
    first, second = tagged(title="T", artist="A"), tagged("b.flac")
    with Player("null") as player:
        seen = []
        player.events.subscribe(lambda event: seen.append((event.kind, event.message)))
        player.play(first, second)
        assert player.wait(10)
    assert [message for kind, message in seen if kind == "tags"] == ["A - T"]
    assert seen[-1][0] == "closed", "whoever closes waits for it"


def test_nobody_waits_for_a_disk_that_keeps_its_tags(tagged, monkeypatch):
    """A player whose disk never answers for tags plays, goes on, and ends."""
    never = threading.Event()
    monkeypatch.setattr("zerocross.player.queue.tags_of", lambda _: never.wait(30) and Tags())
    with Player("null") as player:
        player.play(tagged(title="T"), tagged("b.flac"))
        assert player.wait(10)
        assert [track.status for track in player.queue] == ["played", "played"]
    never.set()


def test_titles_are_told_in_order_on_one_thread():
    told, threads, gate = [], set(), threading.Event()

    class Slow(Track):
        @property
        def tags(self):
            gate.wait(10)
            return Tags()

    def tell(track):
        told.append(track.location)
        threads.add(threading.current_thread().name)

    titles = Titles(tell)
    titles.wait(0.0)
    for k in range(5):
        titles.read(Slow(str(k)) if k == 0 else Track(str(k)))
    assert told == []
    gate.set()
    titles.wait(10)
    assert told == list("01234") and threads == {"zerocross-tags"}
    titles.read(Track("again"))
    wait_for(lambda: told[-1] == "again")


def test_the_command_line_names_tracks(tagged, cli):
    names = [tagged(title="T\x1b[31m", artist="A"), tagged("b.flac"), tagged("c.flac", title="C")]
    done = cli("play", *names, "--device", "null", "--no-ui")
    lines = done.stdout.decode().splitlines()
    assert lines == ["playing A - T\\x1b[31m", f"playing {names[1]}", "playing C"]


def test_the_status_line_names_tracks_without_a_look(tagged, monkeypatch):
    """It is painted ten times a second: it shows what is known, and asks no disk."""
    from zerocross.cli.status_line import _name_of

    track = Track(tagged(title="T", artist="A"))
    monkeypatch.setattr("zerocross.player.queue.tags_of", lambda _: pytest.fail("asked"))
    assert _name_of(track) == "a.flac"
    monkeypatch.undo()
    assert track.tags.title == "T"
    assert _name_of(track) == "A - T"
    assert _name_of(Track("b.flac", listed_as="A name")) == "A name"
    assert _name_of(None) == ""


def names_at(server):
    """Return what a sound server says of the streams that play."""
    command = [need("pactl"), "--server", f"unix:{server.folder}/native", "list", "sink-inputs"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return re.findall(r'media\.name = "(.*)"', text)


@pytest.mark.thorough
def test_the_sound_server_is_told_what_plays_if_that_is_one_track(tagged, pulse):
    song, other = tagged("Größe.flac", 30, title="T", artist="A"), tagged("b.flac", 30)
    with Player("pulseaudio") as player:
        player.play(song)
        wait_for(lambda: names_at(pulse) == ["Größe.flac"], what="its file's name")
        wait_for(lambda: player.queue[0].has_tags, what="its tags")
        player._set_device("pulseaudio")
        wait_for(lambda: names_at(pulse) == ["A - T"], what="its title")
    with Player("pulseaudio") as player:
        player.play(song, other)
        wait_for(lambda: names_at(pulse) == ["Zerocross"], what="no title that would be wrong soon")


def test_the_bounds_of_reading(tmp_path, monkeypatch):
    path = write_audio(tmp_path / "a.flac")
    file = mutagen.File(path)
    write_vorbis(file)
    file.save()
    assert tags_of(path) == FULL
    for name, value in (("_MOST_BYTES", 100), ("_MOST_READS", 3)):
        with monkeypatch.context() as bounded:
            bounded.setattr(tags_room, name, value)
            assert tags_of(path) == Tags(), name
