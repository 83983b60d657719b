"""Tags, playlists and orders as the page reads them, in Node: the same as here, whatever the file is."""

from __future__ import annotations

import base64
import functools
import io
import itertools
import json
import os
import random
import re
import struct
import subprocess
import tempfile
from pathlib import Path

import mutagen
import numpy as np
import pytest
import soundfile
from mutagen import flac, id3, mp4
from mutagen import mp3 as mp3_room

from conftest import ON_CI, need, need_module
from test_tags import BOMBS, JPEG, KINDS, PNG, RATE, bomb, synchsafe, write_audio
from zerocross.loudness.replaygain import read_gain_tags
from zerocross.sources.playlists import AUDIO_SUFFIXES, MORE_SUFFIXES, expand, natural
from zerocross.sources.tags import cover, read_tags, tags_of

HERE = Path(__file__).parent
PAGE = HERE.parent / "src" / "zerocross" / "web" / "page"
#: Kinds that browsers play.
NAMES = [name for name in KINDS if name not in {"a.wma", "a.wv"}]
MOST_BYTES = 12 << 20


@pytest.fixture(scope="module")
def node():
    """The Node that playwright brings."""
    need_module("playwright")
    import playwright

    found = Path(playwright.__file__).parent / "driver" / "node"
    if not found.exists():
        (pytest.fail if ON_CI else pytest.skip)("playwright has no node")
    return found


@pytest.fixture(scope="module")
def talk(node):
    """Node that does jobs: a line of them each way."""
    command = [node, HERE / "web_tags.mjs", PAGE]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as running:
        yield running
        running.stdin.close()


@pytest.fixture
def ask(talk):
    """Return a function that has Node do jobs."""

    def run(*jobs):
        talk.stdin.write(json.dumps(jobs) + "\n")
        talk.stdin.flush()
        answer = talk.stdout.readline()
        assert answer, "Node has ended: what it said is on standard error"
        return json.loads(answer)

    return run


@pytest.fixture
def read(ask):
    """Return a function that reads the tags of files."""

    def run(*paths):
        found = ask(*({"kind": "read", "path": str(path)} for path in paths))
        for each in found:
            image = each["tags"].get("cover")
            if image:
                each["tags"]["cover"] = (image[0], base64.b64decode(image[1]))
        return [each["tags"] for each in found]

    return run


@functools.cache
def bare(name):
    """Return the bytes of a tenth of a second without tags."""
    with tempfile.TemporaryDirectory() as folder:
        return write_audio(Path(folder) / name).read_bytes()


def write(path):
    """Write a tenth of a second without tags."""
    path.write_bytes(bare(f"a{path.suffix}"))
    return path


def here(path):
    """Return what Python says of a file, as the page would say it."""
    tags, gains, image = tags_of(path), read_gain_tags(path), cover(path)
    texts = read_tags(path)
    dates = (texts.get(name) for name in ("date", "year", "tdrc", "\xa9day"))
    replaygain = {
        "trackDb": gains.track_gain_db,
        "trackPeak": gains.track_peak,
        "albumDb": gains.album_gain_db,
        "albumPeak": gains.album_peak,
    }
    made = {
        "title": tags.title,
        "artist": tags.artist,
        "album": tags.album,
        "track": tags.track,
        "date": next(filter(None, dates), None),
        "replayGain": {name: value for name, value in replaygain.items() if value is not None},
        "cover": image,
    }
    return {name: value for name, value in made.items() if value}


def without_duration(tags):
    return {name: value for name, value in tags.items() if name != "durationS"}


# --- every container ----------------------------------------------------------------------------


def test_every_container_says_what_it_says_here(tmp_path, read):
    paths = []
    for name in NAMES:
        path = write(tmp_path / name)
        file = mutagen.File(path)
        KINDS[name](file)
        file.save()
        paths.append(path)
    for path, found in zip(paths, read(*paths), strict=True):
        assert without_duration(found) == here(path), path.name
        assert found["title"] == "Größe" and found["artist"] == "A, B" and found["track"] == 3
        assert found["replayGain"] == {"trackDb": -3.5}, path.name
        assert found["cover"] == ("image/png", PNG), "the front one, and what it is"
        assert found["durationS"] == pytest.approx(0.1, abs=0.05), path.name


LONG = "Größe 大 🎵 " * 400
HARD = {
    "title": [LONG, "another"],
    "artist": ["Ünï", " ", "Б", "一二", "\u202eturned\x1b[31m", "two\nlines"] + ["x"] * 30,
    "album": ["a\0b"],
    "date": ["2001-02-03"],
}
GAINS = {"track_gain": "+1,25 dB", "track_peak": "0.98", "album_gain": "-61 dB", "album_peak": "-1"}


def harden(file):
    """Write texts that are long, many, not ASCII and not to be printed."""
    if file.tags is None:
        file.add_tags()
    tags = file.tags
    if isinstance(tags, id3.ID3):
        for name, key in (
            ("TIT2", "title"),
            ("TPE1", "artist"),
            ("TALB", "album"),
            ("TDRC", "date"),
        ):
            tags.add(getattr(id3, name)(encoding=1, text=HARD[key]))
        for name, text in GAINS.items():
            tags.add(id3.TXXX(encoding=1, desc=f"ReplayGain_{name}", text=[text]))
        tags.add(id3.APIC(encoding=1, mime="", type=0, desc="größer", data=PNG + bytes(90_000)))
    elif isinstance(file, mp4.MP4):
        for name, key in (("\xa9nam", "title"), ("\xa9ART", "artist"), ("\xa9alb", "album")):
            tags[name] = HARD[key]
        tags["\xa9day"] = HARD["date"]
        for name, text in GAINS.items():
            tags[f"----:com.apple.iTunes:REPLAYGAIN_{name}"] = [mp4.MP4FreeForm(text.encode())]
        tags["covr"] = [mp4.MP4Cover(PNG + bytes(90_000))]
    else:
        for key, texts in HARD.items():
            tags[key] = texts
        for name, text in GAINS.items():
            tags[f"REPLAYGAIN_{name}"] = text
        image = flac.Picture()
        image.type, image.desc, image.data = 0, "größer", PNG + bytes(90_000)
        tags["metadata_block_picture"] = base64.b64encode(image.write()).decode()  # over pages


def test_texts_that_are_long_many_or_hard_to_print(tmp_path, read):
    paths = []
    for name in NAMES:
        path = write(tmp_path / name)
        file = mutagen.File(path)
        harden(file)
        file.save()
        paths.append(path)
    for path, found in zip(paths, read(*paths), strict=True):
        assert without_duration(found) == here(path), path.name
        assert len(found["title"]) > 900 and "another" not in found["title"]
        assert found["artist"].startswith("Ünï, Б, 一二, \\u202eturned\\x1b[31m, two lines, x")
        assert found["artist"].count(", x") == 14, "twenty values"
        assert found["replayGain"] == {"trackDb": 1.25, "trackPeak": 0.98}
        assert found["cover"] == ("image/png", PNG + bytes(90_000)), path.name


@pytest.mark.parametrize("ending", ["flac", "ogg", "opus"])
def test_an_equal_sign_a_bare_name_and_what_is_no_base64(tmp_path, read, ending):
    path = write(tmp_path / f"a.{ending}")
    file = mutagen.File(path)
    file["title"], file["x" * 500], file["metadata_block_picture"] = "a=b=c", "y", "*"
    file.save()
    assert read(path)[0]["title"] == "a=b=c"
    assert "cover" not in read(path)[0]


def test_gains_of_opus(tmp_path, read):
    path = write(tmp_path / "a.opus")
    file = mutagen.File(path)
    file["R128_TRACK_GAIN"], file["R128_ALBUM_GAIN"] = "-1280", "256"
    file.save()
    assert (
        read(path)[0]["replayGain"] == {"trackDb": 0.0, "albumDb": 6.0} == here(path)["replayGain"]
    )
    file["REPLAYGAIN_TRACK_GAIN"] = "-2 dB"
    file.save()
    assert (
        read(path)[0]["replayGain"] == {"trackDb": -2.0, "albumDb": 6.0} == here(path)["replayGain"]
    )


def test_ogg_flac_and_streams_side_by_side(tmp_path, read):
    ffmpeg = need("ffmpeg")
    plain = write(tmp_path / "a.wav")
    names = ["-metadata", "title=Größe", "-metadata", "artist=A"]
    command = [ffmpeg, "-v", "error", "-i", plain, *names, "-c:a", "flac", tmp_path / "b.oga"]
    subprocess.run(command, check=True)
    video = ["-f", "lavfi", "-i", "color=size=64x64:rate=10:duration=0.1", "-c:v", "libtheora"]
    command = [
        ffmpeg,
        "-v",
        "error",
        *video[:4],
        "-i",
        plain,
        *names,
        *video[4:],
        "-c:a",
        "libvorbis",
    ]
    subprocess.run([*command, tmp_path / "c.ogg"], check=True)
    for found in read(tmp_path / "b.oga", tmp_path / "c.ogg"):
        assert (found["title"], found["artist"]) == ("Größe", "A")
        assert found["durationS"] == pytest.approx(0.1, abs=0.05)


@pytest.mark.parametrize("ending", ["wav", "aiff"])
def test_strings_of_wav_and_aiff(tmp_path, read, ending):
    path = tmp_path / f"a.{ending}"
    with soundfile.SoundFile(path, "w", RATE, 1) as file:
        file.title, file.artist = "Größe", "A"
        if ending == "wav":
            file.album, file.date, file.tracknumber = "Album", "1999", "3/7"
        file.write(np.zeros(RATE))
    found = read(path)[0]
    assert found == here(path) | {"durationS": 1.0}
    assert found["title"] == "Größe"
    file = mutagen.File(path)
    file.add_tags()
    file.tags.add(id3.TIT2(encoding=3, text=["of ID3"]))
    file.save()
    assert read(path)[0] == {"title": "of ID3", "durationS": 1.0}, (
        "and nothing of the strings, as here"
    )


def test_what_is_no_file_has_no_tags(tmp_path, read):
    (tmp_path / "empty").touch()
    (tmp_path / "noise").write_bytes(np.random.default_rng(1).bytes(50_000))
    (tmp_path / "text").write_text("no audio at all" * 100)
    for found in read(*(tmp_path / name for name in ("empty", "noise", "text"))):
        assert without_duration(found) == {}


# --- ID3 ----------------------------------------------------------------------------------------


def frame(name, body, version=4, flags=0):
    if version == 2:
        return name + len(body).to_bytes(3, "big") + body
    size = synchsafe(len(body)) if version == 4 else struct.pack(">I", len(body))
    return name + size + struct.pack(">H", flags) + body


def mp3(seconds=0.1):
    file = io.BytesIO()
    soundfile.write(file, np.zeros((round(seconds * RATE), 2)), RATE, format="MP3")
    return file.getvalue()


def tagged(*frames, version=4, flags=0, before=b""):
    """Return an MP3 that begins with a tag, which ends in zeros."""
    body = before + b"".join(frames) + bytes(50)
    return b"ID3" + bytes([version, 0, flags]) + synchsafe(len(body)) + body + mp3()


def unsynchronised(data):
    made = bytearray()
    for at, value in enumerate(data):
        made.append(value)
        if value == 0xFF and (data[at + 1 : at + 2] or b"\xff")[0] in {0, *range(0xE0, 0x100)}:
            made.append(0)
    return bytes(made)


#: A picture with much of what is unsynchronised in it, and lengths of more than seven bits.
FULL_JPEG = JPEG + b"\xff\x00\xff\xff\x00\xff\xe1\xff\x00\x00" * 30 + b"end"
TEXTS = ["Größe", "Æ\xff", "third"]


def encoded(encoding, texts, mark="\ufeff"):
    codec, end = [("latin-1", "\0"), ("utf-16-le", "\0"), ("utf-16-be", "\0"), ("utf-8", "\0")][
        encoding
    ]
    begin = mark if encoding == 1 else ""
    return bytes([encoding]) + end.join(begin + text for text in texts).encode(codec)


def frames_of(version, encoding):
    """Return the frames of a tag."""
    old = version == 2
    names = (
        [b"TP1", b"TT2", b"TRK", b"TXX", b"PIC"]
        if old
        else [b"TPE1", b"TIT2", b"TRCK", b"TXXX", b"APIC"]
    )
    picture = bytes([encoding]) + (b"JPG" if old else b"image/jpeg\0") + b"\3"
    picture += (
        encoded(encoding, ["größe", ""])[1:]
        if encoding != 1
        else "\ufeffgröße\0".encode("utf-16-le")
    )
    bodies = [
        encoded(encoding, TEXTS),
        encoded(encoding, ["Title " + "ü" * 200]),
        encoded(0, ["03/12"]),
        encoded(encoding, ["replaygain_track_gain", "-7.25 dB"]),
        picture + FULL_JPEG,
    ]
    return list(zip(names, bodies, strict=True))


@pytest.mark.parametrize("version", [2, 3, 4])
def test_id3_of_every_version_and_encoding(tmp_path, read, version):
    paths = []
    for encoding in range(4):
        given = frames_of(version, encoding)
        for kind in ("plain", "unsynchronised", "extended", "both"):
            if version == 2 and kind in {"extended", "both"}:
                continue
            is_un, is_extended = kind in {"unsynchronised", "both"}, kind in {"extended", "both"}
            flags = 0x80 * is_un | 0x40 * is_extended
            before = b""
            if is_extended:
                before = struct.pack(">IHI", 6, 0, 50) if version == 3 else synchsafe(6) + b"\1\0"
            if version == 4 and is_un:
                parts = [frame(n, synchsafe(len(b)) + unsynchronised(b), 4, 3) for n, b in given]
            else:
                whole = b"".join(frame(n, b, version) for n, b in given)
                parts = [unsynchronised(before + whole)[len(before) :] if is_un else whole]
            path = tmp_path / f"{encoding} {kind}.mp3"
            path.write_bytes(tagged(*parts, version=version, flags=flags, before=before))
            paths.append(path)
    for path, found in zip(paths, read(*paths), strict=True):
        assert found["artist"] == "Größe, Æ\xff, third", path.name
        assert found["title"] == "Title " + "ü" * 200 and found["track"] == 3
        assert found["replayGain"] == {"trackDb": -7.25}
        assert found["cover"] == ("image/jpeg", FULL_JPEG), path.name
        assert without_duration(found) == here(path), path.name
        assert found["durationS"] == pytest.approx(0.1, abs=0.05)


def test_frames_that_others_write(tmp_path, read):
    """UTF-16 without a mark or of the other end, sizes in eight bits, groups; what is packed is left out."""
    big = "\ufeffBig\0\ufeffEnd".encode("utf-16-be")
    long = b"\3" + b"t" * 300
    plain_size = b"TIT2" + struct.pack(">IH", len(long), 0) + long  # as old iTunes
    cases = {
        "big": (tagged(frame(b"TPE1", b"\1" + big)), {"artist": "Big, End"}),
        "no mark": (tagged(frame(b"TIT2", b"\1" + "T".encode("utf-16-le"))), {"title": "T"}),
        "eight bits": (
            tagged(plain_size, frame(b"TPE1", b"\3A")),
            {"title": "t" * 300, "artist": "A"},
        ),
        "a group": (tagged(frame(b"TIT2", b"\5\3T", 3, 0x20), version=3), {"title": "T"}),
        "a new group": (tagged(frame(b"TIT2", b"\5\3T", 4, 0x40)), {"title": "T"}),
        "packed": (tagged(frame(b"TIT2", b"\3T", 4, 8), frame(b"TPE1", b"\3A")), {"artist": "A"}),
        "secret": (tagged(frame(b"TIT2", b"\3T", 3, 0x40), version=3), {}),
        "no extension": (tagged(frame(b"TIT2", b"\3T"), flags=0x40), {"title": "T"}),
        "a footer": (tagged(frame(b"TIT2", b"\3T"), flags=0x10), {"title": "T"}),
        "twice": (
            tagged(frame(b"TPE1", b"\3A\0B"), frame(b"TPE1", b"\3B\0C")),
            {"artist": "A, B, C"},
        ),
        "a date": (
            tagged(frame(b"TYER", b"\0001999", 3), frame(b"TDAT", b"\0000302", 3), version=3),
            {"date": "1999-02-03"},
        ),
        "a year": (tagged(frame(b"TYE", b"\0001999", 2), version=2), {"date": "1999"}),
        "two tags": (
            tagged(frame(b"TIT2", b"\3T"))[: -len(mp3())] + tagged(frame(b"TIT2", b"\3U")),
            {"title": "T"},
        ),
        "another version": (tagged(frame(b"TIT2", b"\3T"), version=5), {}),
    }
    for name, (data, _) in cases.items():
        (tmp_path / f"{name}.mp3").write_bytes(data)
    found = read(*(tmp_path / f"{name}.mp3" for name in cases))
    for (name, (_, wanted)), tags in zip(cases.items(), found, strict=True):
        assert without_duration(tags) == wanted, name
        assert tags["durationS"] == pytest.approx(0.1, abs=0.05), name
    same = set(cases) - {
        "a group",
        "a new group",
        "packed",
        "secret",
    }  # mutagen takes the group for text
    for name in sorted(same):
        assert here(tmp_path / f"{name}.mp3") == cases[name][1], name


@pytest.mark.parametrize("version", [3, 4])
def test_a_tag_that_says_it_is_unsynchronised_and_is_not(tmp_path, read, version):
    """Its picture has what unsynchronising would have put a zero into."""
    body = b"\0image/jpeg\0\3\0" + FULL_JPEG
    data = tagged(frame(b"APIC", body, version), version=version, flags=0x80)
    (tmp_path / "a.mp3").write_bytes(data)
    assert read(tmp_path / "a.mp3")[0]["cover"] == ("image/jpeg", FULL_JPEG)
    assert here(tmp_path / "a.mp3")["cover"] == ("image/jpeg", FULL_JPEG)


def test_id3_at_the_end(tmp_path, read):
    path = write(tmp_path / "a.mp3")
    file = mutagen.File(path)
    file.add_tags()
    for name, text in (
        ("TIT2", "Größe" * 9),
        ("TPE1", "A"),
        ("TALB", "B"),
        ("TRCK", "3"),
        ("TDRC", "1999"),
    ):
        file.tags.add(getattr(id3, name)(encoding=3, text=[text]))
    file.save(v1=2)
    duration = read(path)[0]["durationS"]
    id3.ID3(path).delete(delete_v1=False)
    wanted = {"title": "Größe" * 6, "artist": "A", "album": "B", "track": 3, "date": "1999"}
    assert read(path)[0] == wanted | {"durationS": duration}
    assert here(path) == wanted
    only_title = b"ID3\4\0\0" + synchsafe(16) + frame(b"TIT2", b"\3of v2")
    path.write_bytes(only_title + path.read_bytes())
    assert read(path)[0] == wanted | {"title": "of v2", "durationS": duration}
    assert here(path) == wanted | {"title": "of v2"}


def test_flac_with_id3_in_front(tmp_path, read):
    path = write(tmp_path / "a.flac")
    tag = b"ID3\4\0\0" + synchsafe(16) + frame(b"TIT2", b"\3of v2")
    bare = tmp_path / "b.flac"
    bare.write_bytes(tag + path.read_bytes())
    file = mutagen.File(path)
    file["artist"] = "own"
    file.save()
    path.write_bytes(tag + path.read_bytes())
    assert read(bare, path) == [
        {"title": "of v2", "durationS": 0.1},
        {"artist": "own", "durationS": 0.1},
    ]
    assert here(path) == {"artist": "own"}


# --- durations ----------------------------------------------------------------------------------


def test_durations(tmp_path, read):
    signal = np.random.default_rng(3).standard_normal((round(1.37 * 44_100), 2)) / 9
    wanted = {}
    for kind, subtype, ending in (
        ("WAV", "PCM_24", "wav"), ("WAV", "FLOAT", "wav"), ("WAV", "ULAW", "wav"), ("WAV", "MS_ADPCM", "wav"),
        ("RF64", "PCM_16", "wav"), ("WAVEX", "PCM_16", "wav"), ("AIFF", "PCM_16", "aiff"), ("AIFF", "FLOAT", "aiff"),
        ("FLAC", "PCM_16", "flac"), ("OGG", "VORBIS", "ogg"), ("MP3", "MPEG_LAYER_III", "mp3"),
    ):  # fmt: skip
        path = tmp_path / f"{kind} {subtype}.{ending}"
        soundfile.write(path, signal, 44_100, format=kind, subtype=subtype)
        wanted[path] = 1.37
    path = tmp_path / "a.opus"
    soundfile.write(path, signal[:48_000], 48_000, format="OGG", subtype="OPUS")
    wanted[path] = 1.0
    for found, (path, seconds) in zip(read(*wanted), wanted.items(), strict=True):
        assert found["durationS"] == pytest.approx(seconds, abs=0.05), path.name


ENCODERS = {
    "constant.mp3": ["-b:a", "128k"],
    "bare.mp3": ["-b:a", "96k", "-write_xing", "0"],
    "variable.mp3": ["-q:a", "5"],
    "mpeg 2.mp3": ["-ar", "22050", "-b:a", "64k", "-ac", "1", "-write_xing", "0"],
    "mpeg 2 of one.mp3": ["-ar", "24000", "-q:a", "4", "-ac", "1"],
    "mpeg 2.5.mp3": ["-ar", "8000", "-ac", "1"],
    "one.mp3": ["-ac", "1", "-q:a", "3"],
    "layer two.mp2": ["-b:a", "192k"],
    "end.m4a": [],
    "front.m4a": ["-movflags", "+faststart"],
    "lossless.m4a": ["-c:a", "alac"],
    "vorbis.ogg": ["-c:a", "libvorbis"],
    "old.opus": ["-ar", "24000"],
}


def test_durations_of_other_encoders(tmp_path, read):
    ffmpeg = need("ffmpeg")
    plain = tmp_path / "plain.wav"
    soundfile.write(plain, np.random.default_rng(3).standard_normal((2 * 44_100, 2)) / 9, 44_100)
    tags = ["-metadata", "title=Größe", "-metadata", "artist=A"]
    command = [ffmpeg, "-v", "error", "-i", plain]
    for name, options in ENCODERS.items():
        command += [*tags, *options, "-f", "mp2"] if name.endswith("mp2") else [*tags, *options]
        command += [tmp_path / name]
    subprocess.run(command, check=True)
    paths = [tmp_path / name for name in ENCODERS]
    for path, found in zip(paths, read(*paths), strict=True):
        is_bare = (
            "-write_xing" in ENCODERS[path.name]
        )  # nothing says what is silence of the encoder
        seconds = mutagen.File(path).info.length if is_bare else 2.0
        assert found["durationS"] == pytest.approx(seconds, abs=0.01 if is_bare else 0.05), (
            path.name
        )
        if not path.name.endswith("mp2"):
            assert (found["title"], found["artist"]) == ("Größe", "A"), path.name


def test_durations_of_every_rate_of_mpeg(tmp_path, read):
    """Bare frames of every version, layer, bit rate and sample rate, with and without padding."""
    lengths = []
    for number, (version, layer, bits, rate, mode) in enumerate(
        itertools.product((0, 2, 3), (1, 2, 3), range(1, 15), range(3), (0, 3))
    ):
        head = bytes([0xFF, 0xE1 | version << 3 | layer << 1])
        heads = [
            head + bytes([bits << 4 | rate << 2 | padded << 1, mode << 6]) for padded in (1, 0)
        ]
        frames = []
        for each in heads:
            info = mp3_room.MPEGFrame(opened := io.BytesIO(each + bytes(8000)))
            size = opened.tell()
            if info.layer == 1:  # mutagen takes slots of four bytes for four slots
                size = 4 * (12 * info.bitrate // info.sample_rate + info.padding)
            frames.append(each.ljust(size, b"\0"))
        data = b"".join(frames) * 6
        (tmp_path / str(number)).write_bytes(data)
        lengths.append(8 * len(data) / info.bitrate)
    found = read(*(tmp_path / str(number) for number in range(len(lengths))))
    assert [each["durationS"] for each in found] == pytest.approx(lengths)


def test_mpeg_with_a_head_of_fraunhofer_and_a_tag_behind_bare_frames(tmp_path, read):
    head, size = b"\xff\xfb\x90\x44", 417  # 128 kbit/s at 44.1 kHz
    bare = head.ljust(size, b"\0") * 100
    said = struct.pack(">4sHHHIIHHHHH", b"VBRI", 1, 0, 0, 0, 7_000, 1, 1, 2, 1, 0)
    (tmp_path / "a").write_bytes((head + bytes(32) + said).ljust(size, b"\0") + bare)
    (tmp_path / "b").write_bytes(bare)
    (tmp_path / "c").write_bytes(bare + b"TAG" + bytes(125))
    found = [each["durationS"] for each in read(*(tmp_path / name for name in "abc"))]
    assert found == pytest.approx([7_000 * 1152 / 44_100, *[8 * 41_700 / 128_000] * 2])
    assert mutagen.mp3.MP3(tmp_path / "a").info.length == pytest.approx(found[0])


def flac_of(rate, frames, *, is_last):
    """Return the head of a FLAC of so many frames, and a block with a title behind it."""
    info = struct.pack(">HH6xQ16x", 4096, 4096, rate << 44 | 1 << 41 | 15 << 36 | frames)
    comments = struct.pack("<III", 0, 1, 7) + b"title=T"
    return b"fLaC" + bytes([0x80 * is_last, 0, 0, 34]) + info + b"\x84\0\0" + bytes([19]) + comments


def test_flac_of_a_day_and_what_stands_behind_its_blocks(tmp_path, read):
    frames = 2 * 86_400 * 192_000 + 96_000
    (tmp_path / "a").write_bytes(flac_of(192_000, frames, is_last=False))
    (tmp_path / "b").write_bytes(flac_of(655_350, 1, is_last=True))
    (tmp_path / "c").write_bytes(flac_of(0, 1, is_last=True))
    wanted = [{"title": "T", "durationS": 172_800.5}, {"durationS": pytest.approx(1 / 655_350)}, {}]
    assert read(*(tmp_path / name for name in "abc")) == wanted


def test_ogg_files_in_a_row_have_no_duration(tmp_path, read):
    """The last granule is of the last one alone."""
    one, two = (tmp_path / name for name in ("a.ogg", "b.ogg"))
    soundfile.write(one, np.zeros(RATE), RATE)
    soundfile.write(two, np.zeros(2 * RATE), RATE)
    both = tmp_path / "both.ogg"
    both.write_bytes(one.read_bytes() + two.read_bytes())
    assert [found.get("durationS") for found in read(one, two, both)] == [1.0, 2.0, None]


# --- only what is needed is read ----------------------------------------------------------------


def test_of_large_files_little_is_read(tmp_path, ask):
    """Three gigabytes, of which the disk holds nothing, and tags behind them."""
    there = 3 << 30
    tag = b"ID3\4\0\0" + synchsafe(16) + frame(b"TIT2", b"\3of v2")
    small = tmp_path / "a.m4a"
    write_audio(small)
    file = mutagen.File(small)
    file["\xa9nam"], file["covr"] = "T", [mp4.MP4Cover(PNG + bytes(500_000))]
    file.save()
    atoms, data = [], small.read_bytes()
    while data:
        size = int.from_bytes(data[:4], "big")
        atoms.append(data[:size])
        data = data[size:]
    begin, moov = (next(atom for atom in atoms if atom[4:8] == name) for name in (b"ftyp", b"moov"))
    head = b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 2, 48_000, 192_000, 4, 16)
    mp3_tag = b"ID3\4\0\0" + synchsafe(200 << 20) + frame(b"GEOB", b"") + frame(b"TIT2", b"\3T")
    cases = {
        "a.wav": (
            b"RIFF\0\0\0\0" + head + b"data" + struct.pack("<I", there),
            b"id3 \x1a\0\0\0" + tag,
        ),
        "a.m4a": (begin + struct.pack(">I4sQ", 1, b"mdat", there + 16), moov),
        "a.mp3": (mp3_tag, b""),
        "a.ogg": (write(tmp_path / "b.ogg").read_bytes(), b""),
        "zeros": (b"", b"\0"),
    }
    for name, (begin, end) in cases.items():
        with (tmp_path / name).open("wb") as opened:
            opened.write(begin)
            opened.seek(there, os.SEEK_CUR)
            opened.write(end or b"\0")
    jobs = [{"kind": "read", "path": str(tmp_path / name)} for name in cases]
    found = dict(zip(cases, ask(*jobs), strict=True))
    assert found["a.wav"]["tags"]["title"] == "of v2"
    assert found["a.wav"]["tags"]["durationS"] == pytest.approx(there / 192_000)
    assert found["a.m4a"]["tags"]["title"] == found["a.mp3"]["tags"]["title"] == "T"
    assert base64.b64decode(found["a.m4a"]["tags"]["cover"][1]) == PNG + bytes(500_000)
    for name, each in found.items():
        assert each["bytes"] < (1 << 20) and each["reads"] < 20, name


@pytest.mark.parametrize(
    "name",
    [
        "a.mp3",
        *(pytest.param(f"a.{e}", marks=pytest.mark.thorough) for e in ("flac", "ogg", "m4a")),
    ],
)
def test_covers_up_to_eight_mebibytes(tmp_path, ask, name):
    """Larger ones are left out, and the texts beside them are read."""
    jobs = []
    for size in (8 << 20, (8 << 20) + 1):
        path = write(tmp_path / f"{size}{name}")
        file = mutagen.File(path)
        image = PNG + bytes(size - len(PNG))
        if name == "a.mp3":
            file.add_tags()
            file.tags.add(id3.APIC(encoding=3, mime="image/png", type=3, desc="", data=image))
            file.tags.add(id3.TIT2(encoding=3, text=["T"]))
        elif name == "a.m4a":
            file["covr"], file["\xa9nam"] = [mp4.MP4Cover(image)], "T"
        else:
            block = flac.Picture()
            block.type, block.data = 3, image
            file["title"] = "T"
            if name == "a.flac":
                file.add_picture(block)
            else:
                file["metadata_block_picture"] = base64.b64encode(block.write()).decode()
        file.save()
        jobs.append({"kind": "read", "path": str(path)})
    for job, found in zip(jobs, ask(*jobs), strict=True):
        tags = found["tags"]
        assert tags["title"] == "T", job
        assert ("cover" in tags) == (str((8 << 20) + 1) not in job["path"]), job
        assert "cover" not in tags or len(base64.b64decode(tags["cover"][1])) == 8 << 20
        assert found["bytes"] <= MOST_BYTES


def test_a_cover_that_is_cut_off_is_none(tmp_path, read):
    for name in ("a.mp3", "a.flac", "a.ogg", "a.m4a"):
        path = write(tmp_path / name)
        file = mutagen.File(path)
        KINDS[name](file)
        file.save()
        data = path.read_bytes()
        assert data.count(PNG) == (name != "a.ogg")
        end = (
            data.index(PNG) + 50
            if name != "a.ogg"
            else data.lower().index(b"metadata_block_picture") + 100
        )
        path.write_bytes(data[:end])
        found = read(path)[0]
        assert found.get("cover") in (None, ("image/jpeg", JPEG)), name
        assert found["title"] == "Größe", name


def test_of_a_file_that_goes_away_stays_what_was_read(tmp_path, ask):
    path = write(tmp_path / "a.m4a")
    file = mutagen.File(path)
    file["\xa9nam"], file["covr"] = "T", [mp4.MP4Cover(PNG + bytes(500_000))]
    file.save()
    jobs = [{"kind": "vanish", "path": str(path), "reads": reads} for reads in range(3)]
    found = ask(*jobs)
    assert found[0] == {"cover": False}
    assert (found[1]["title"], found[1]["cover"]) == ("T", False)
    assert (found[2]["title"], found[2]["cover"]) == ("T", True)


# --- what is meant to harm ----------------------------------------------------------------------


@pytest.fixture
def fuzz(tmp_path, ask):
    """Return a function that reads files of every kind with damages."""

    def run(count, seed, names=NAMES, reader="readTags"):
        jobs = []
        for name in names:
            path = write(tmp_path / name)
            file = mutagen.File(path)
            KINDS[name](file)
            file.save()
            jobs.append(
                {"kind": "fuzz", "path": str(path), "seed": seed, "count": count, "reader": reader}
            )
        return dict(zip(names, ask(*jobs), strict=True))

    return run


#: Of processor time for one file: five times what the worst of them takes where it was measured.
MOST_MS = 200


def test_damaged_files_throw_nothing_and_take_no_time(fuzz):
    for name, found in fuzz(50, 7).items():
        assert found["thrown"] == [], name
        assert found["ms"] < MOST_MS and found["bytes"] <= MOST_BYTES, name
        assert found["read"] > 5, f"{name}: not all is lost"


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(5))
def test_thousands_of_damaged_files(fuzz, seed):
    for name, found in fuzz(2000, 100 + seed).items():
        assert found["thrown"] == [] and found["ms"] < MOST_MS, (name, found)


def test_a_reader_that_throws_or_is_slow_or_reads_all_is_found(fuzz):
    assert len(fuzz(3, 1, ["a.mp3"], "one that throws")["a.mp3"]["thrown"]) == 3
    assert fuzz(1, 1, ["a.mp3"], "one that is slow")["a.mp3"]["ms"] > MOST_MS
    assert fuzz(5, 1, ["a.wav"], "one that reads all")["a.wav"]["bytes"] > 10_000


def page_of_ogg(body, flags=0):
    lacing = bytes([255] * (len(body) // 255) + [len(body) % 255] * bool(len(body) % 255))
    return struct.pack("<4sBBqIIIB", b"OggS", 0, flags, 0, 1, 0, 0, len(lacing)) + lacing + body


def pages_without_comments(begin):
    """Return pages of one packet that says it has more comments than it has."""
    packet = b"\x03vorbis" + struct.pack("<II", 0, 0xFFFFFFFF) + bytes(4 << 20)
    pieces = (packet[k : k + 255 * 255] for k in range(0, len(packet), 255 * 255))
    return begin + b"".join(map(page_of_ogg, pieces))


VORBIS_HEAD = page_of_ogg(b"\x01vorbis" + struct.pack("<IBI", 0, 2, 48_000) + bytes(14), 2)
#: Pages, comments and frames without end, beside what Python's reader is bounded for.
MORE_BOMBS = {
    "pages": lambda: VORBIS_HEAD + page_of_ogg(b"") * 400_000,
    "unsynchronised": lambda: b"ID3\3\0\x80" + b"\x7f" * 4 + b"\xff\x00" * (12 << 20),
    "equals": lambda: (
        b"fLaC\x84\xff\xff\xff" + struct.pack("<II", 0, 1 << 31) + b"\1\0\0\0=" * 2_000_000
    ),
    "beginnings": lambda: VORBIS_HEAD * 200_000,
    "no comments": lambda: pages_without_comments(VORBIS_HEAD),
    "false pages": lambda: VORBIS_HEAD + b"OggS" * 2_000_000,
    "blocks": lambda: b"fLaC" + bytes([1, 0, 0, 0]) * 2_000_000,
    "pictures": lambda: b"fLaC" + (bytes([6, 0, 16, 0]) + bytes(4096)) * 2000,
    "tags": lambda: (b"ID3\4\0\0" + synchsafe(10) + bytes(10)) * 300_000,
    "sync": lambda: b"\xff\xfb\x90\x00" * 1_000_000,
    "wide": lambda: b"ID3\4\0\0" + b"\x7f" * 4 + frame(b"TIT2", b"\1" + b"a\0" * (1 << 20)) * 6,
}
QUICK_BOMBS = ("old small frames", "many values", "pages", "equals")


@pytest.mark.parametrize(
    "what",
    [
        name if name in QUICK_BOMBS else pytest.param(name, marks=pytest.mark.thorough)
        for name in (*BOMBS, *MORE_BOMBS)
    ],
)
def test_bombs_are_given_up(tmp_path, ask, what):
    (tmp_path / "a").write_bytes(MORE_BOMBS[what]() if what in MORE_BOMBS else bomb(what))
    (found,) = ask({"kind": "read", "path": str(tmp_path / "a")})
    assert found["ms"] < MOST_MS and found["bytes"] <= MOST_BYTES, found["ms"]
    assert "cover" not in found["tags"] and "artist" not in found["tags"]


# --- playlists and order ------------------------------------------------------------------------


def parse(ask, text, name="a.m3u8"):
    return ask({"kind": "playlist", "text": text, "name": name})[0]


M3U = """\ufeff#EXTM3U\r
#EXTINF:123,A - Größe\r
music/01 größe.mp3\r
# a remark
#EXTINF:-1 logo="x",Radio
http://radio/stream?a=b&c

#EXTINF:4.5,
C:\\music\\a.flac
file:///home/a%20b/c%C3%A9.ogg
rtsp://other/a.mp3
file://elsewhere/a.mp3
../b.opus
"""
PLS = """[playlist]
File2=b.mp3
Title2=Second
File10=c.mp3
Length10=-1
file1 = a b.mp3
Title1=First
Length1=61
Title7=nothing
File2=twice.mp3
NumberOfEntries=3
"""
XSPF = """<?xml version="1.0"?><playlist version="1" xmlns="http://xspf.org/ns/0/">
<title>of the list</title><trackList>
<track><location>file:///a%20b/%26.mp3</location><title>T &amp; &#x47;&#114;&lt;&#128512;&none;</title>
<duration>61500</duration></track>
<track><title><![CDATA[A & <B>]]></title><location>http://host/a%20b?c=1&amp;d=2</location></track>
<track><title>nowhere</title></track>
<track><location> sub%20folder/c.ogg </location></track>
</trackList></playlist>"""


def test_m3u(ask):
    assert parse(ask, M3U) == [
        {"path": "music/01 größe.mp3", "title": "A - Größe", "durationS": 123},
        {"path": "http://radio/stream?a=b&c", "title": "Radio"},
        {"path": "C:\\music\\a.flac", "durationS": 4.5},
        {"path": "/home/a b/cé.ogg"},
        {"path": "../b.opus"},
    ]


def test_pls(ask):
    assert parse(ask, PLS, "LIST.PLS") == [
        {"path": "a b.mp3", "title": "First", "durationS": 61},
        {"path": "b.mp3", "title": "Second"},
        {"path": "c.mp3"},
    ]


def test_xspf(ask):
    assert parse(ask, XSPF, "a.xspf") == [
        {"path": "/a b/&.mp3", "title": "T & Gr<😀&none;", "durationS": 61.5},
        {"path": "http://host/a%20b?c=1&d=2", "title": "A & <B>"},
        {"path": "sub folder/c.ogg"},
    ]


@pytest.mark.parametrize(("name", "text"), [("a.m3u8", M3U), ("a.pls", PLS)])
def test_playlists_name_what_they_name_here(tmp_path, ask, name, text):
    (tmp_path / name).write_bytes(text.encode())
    entries, _ = expand([tmp_path / name])
    below = f"{tmp_path}{os.sep}"
    wanted = [(str(each.location).removeprefix(below), each.title) for each in entries]
    assert [(each["path"], each.get("title", "")) for each in parse(ask, text, name)] == wanted


def test_playlists_that_are_meant_to_harm(ask):
    many = "<track>" * 300_000
    cases = [
        ("a.m3u", "x\n" * 150_000, 100_000),
        ("a.m3u", "x" * 5000 + "\ny\0\nz", 1),
        ("a.m3u", "x" * ((4 << 20) + 1), 0),
        ("a.m3u", "#EXTINF:" + "1" * 4_000_000 + ",T\nx", 1),
        ("a.pls", "File1=" * 300_000, 0),
        ("a.xspf", many, 0),
        ("a.xspf", many + "</track>", 0),
        ("a.xspf", "<track><location>&#x7fffff;&#99999999;</location></track>", 1),
        ("a.xspf", "<track><location>%ff</location></track>" * 10, 10),
        ("a.xspf", "<track><location>a</location>" + "<title>" * 500_000, 0),
        ("a.m3u", "file://%\nfile:\nfile:///%00\nfile://host", 0),
    ]
    found = ask(*({"kind": "playlist", "name": name, "text": text} for name, text, _ in cases))
    assert [len(each) for each in found] == [count for _, _, count in cases]


def test_the_order_is_that_of_folders_here(ask):
    paths = [
        "a/10.mp3", "a/9.mp3", "a/09.mp3", "B/2 x.mp3", "b.mp3", "a b/1.mp3", "a/b/3.mp3", "a/b.mp3", "a1/x", "a1b/y",
        "a-1/c", "A10/1", "a2/1", "ÄB/1", "äc/1", "straße/2", "STRASSE 3/1", "99999999999999999999/1", "99999999999999999998/2", "/a", "a//b",
    ]  # fmt: skip
    rng = random.Random(5)
    paths += {"".join(rng.choices("aB1 0-./9b", k=rng.randrange(1, 12))) for _ in range(500)}
    # Where the letters' case and zeros before numbers are all that differs, any order is one.
    first, given = {}, []
    for path in dict.fromkeys(paths):
        steps = re.findall("[^/]*/|[^/]+$", path)
        above = ["".join(steps[: k + 1]) for k in range(len(steps))]
        if all(first.setdefault(tuple(natural(each)), each) == each for each in above):
            given.append(path)
    assert len(given) > 300
    rng.shuffle(given)
    found = ask({"kind": "order", "paths": given})[0]
    assert found == sorted(given, key=natural)
    assert found != given


def test_folders_stay_together(ask):
    given = ["a/2", "A/1", "a/1", "A/2", "b10/1", "b9/1"]
    assert ask({"kind": "order", "paths": given})[0] == [
        "A/1",
        "A/2",
        "a/1",
        "a/2",
        "b9/1",
        "b10/1",
    ]


def test_names_of_audio(ask):
    names = [
        "a.mp3",
        "x/A.FLAC",
        ".mp3",
        "a.mp3/",
        "a",
        "a.txt",
        "b.tar.ogg",
        "a.m3u",
        "a.PLS",
        "mp3",
        "x.y/z",
    ]
    found = ask({"kind": "names", "names": names})[0]
    assert [name for name, (is_audio, _) in zip(names, found, strict=True) if is_audio] == [
        "a.mp3", "x/A.FLAC", "b.tar.ogg",
    ]  # fmt: skip
    assert [name for name, (_, is_list) in zip(names, found, strict=True) if is_list] == [
        "a.m3u",
        "a.PLS",
    ]
    all_here = sorted(AUDIO_SUFFIXES | MORE_SUFFIXES)
    found = ask({"kind": "names", "names": ["a" + ending for ending in all_here]})[0]
    not_played = {".au", ".snd", ".w64", ".rf64", ".ape", ".tta", ".wma", ".wv"}  # by no browser
    assert {
        e for e, (is_audio, _) in zip(all_here, found, strict=True) if not is_audio
    } == not_played
