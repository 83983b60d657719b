"""What PyAV decodes, from files and from a server of the tests' own: exactly, seeking, and without Python."""

from __future__ import annotations

import contextlib
import io
import random
import socket
import subprocess
import sys
import threading
import time
from fractions import Fraction
from http.client import HTTPMessage, IncompleteRead
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import soundfile

from conftest import music, need, need_module, wait_for
from test_realtime import freeze
from test_windows import RAMP, Played
from zerocross import Player, SourceError, UsageError, render
from zerocross.loudness import measure
from zerocross.sources import formats, http, icy, lengths
from zerocross.sources.location import FileObject
from zerocross.sources.opening import open_source, read_audio
from zerocross.sources.playlists import expand
from zerocross.sources.window import Notices

need_module("av")
import av  # noqa: E402

RATE = 48_000


def encode(to, data, *options):
    """Write an array, as samples of 16 bits, with ffmpeg."""
    plain = to.with_suffix(".plain.wav")
    soundfile.write(plain, data, RATE, "PCM_16")
    command = [need("ffmpeg"), "-v", "error", "-y", "-i", plain, *options, to]
    subprocess.run(command, check=True)
    return to


#: Files, their codecs, and whether samples of 16 bits survive.
KINDS = {
    "a.m4a": ("aac", False),
    "alac.m4a": ("alac", True),
    "w.wv": ("wavpack", True),
    "m.wma": ("wmav2", False),
    "f.mka": ("flac", True),
    "o.webm": ("libopus", False),
    "a.mka": ("aac", False),
    "a.aac": ("aac", False),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A file of every kind, of 10 s, and what was encoded."""
    folder = tmp_path_factory.mktemp("formats")
    data = np.round(music(10 * RATE) * 32768).clip(-32768, 32767).astype(np.float32) / 32768
    files = {
        name: encode(folder / name, data, "-c:a", codec, "-b:a", "256k")
        for name, (codec, _) in KINDS.items()
    }
    return files, data


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_arrives(made, name):
    files, data = made
    source = open_source(files[name])
    out = Played(source).run_to_end()
    if KINDS[name][1]:
        assert np.array_equal(out, data)
        return
    assert not source.notices()
    late = {"a.mka": 1024, "a.aac": 1024}.get(name, 0)  # these tell no delay
    data = data[2048 if name == "m.wma" else 0 :]  # it has no half of the first block
    count = min(len(out) - late, len(data))
    assert count > len(data) - 4096
    error = out[late : late + count] - data[:count]
    assert np.sqrt(np.mean(error[2000:-2000] ** 2)) < 0.06
    shifted = out[late + 1 : late + count] - data[: count - 1]
    assert np.mean(error[:-1] ** 2) < np.mean(shifted**2), "in place to the frame"


def test_aac_in_mp4_has_the_length_that_was_encoded(made):
    files, data = made
    source = open_source(files["a.m4a"])
    assert source.frames == len(data)
    assert sum(map(len, source.chunks(10_000))) == len(data)


@pytest.mark.parametrize("frames", [15_001, 44_100, 44_145, 100_007, 1024 * 50])
@pytest.mark.parametrize(("codec", "rate"), [("aac", 44_100), ("aac", 48_000), ("alac", 44_100)])
def test_an_m4a_has_every_frame_though_its_header_counts_milliseconds(
    tmp_path, codec, rate, frames
):
    path = tmp_path / "a.m4a"
    data = music(frames, sample_rate=rate)
    with av.open(str(path), "w", format="ipod") as output:
        stream = output.add_stream(codec, rate=rate, layout="stereo")
        resampler = av.AudioResampler(stream.format, stream.layout, rate, stream.frame_size)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(data.T), "fltp", "stereo")
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        for each in (frame, None):
            for part in resampler.resample(each):
                output.mux(stream.encode(part))
        output.mux(stream.encode())
    one = np.concatenate(list(open_source(path).chunks(48_000)))
    assert (len(one), open_source(path).frames) == (frames, frames)
    two = tmp_path / "two.wav"
    render([path, path], two, bits="float")
    joined = soundfile.read(two, dtype="float32")[0]
    assert np.array_equal(joined, np.concatenate([one, one]))


@pytest.mark.parametrize("name", ["a.aac", "a.ac3", "a.eac3", "m.wma"])
def test_what_has_no_index_has_its_length_counted(made, tmp_path, name, monkeypatch):
    files, data = made
    path = files.get(name) or encode(tmp_path / name, data)
    source = open_source(path)
    count = sum(map(len, source.chunks(48_000)))
    assert abs(source.frames - count) < RATE // 500
    assert source.notices() == []
    monkeypatch.setattr(lengths, "_MOST_COUNTED_S", 5.0)
    guess = ["its length is a guess: it has no index"] if name != "m.wma" else []
    assert open_source(path).notices() == guess


@pytest.mark.parametrize("name", KINDS)
def test_every_seek_is_exact(made, name):
    whole = np.concatenate(list(open_source(made[0][name]).chunks(48_000)))
    source = open_source(made[0][name])
    for target in (0, 1, 1023, 9_000, 48_000, 123_457, 300_001, 470_000, 7):
        source._decoder.seek(target)
        got = source._decoder.read()
        assert np.allclose(got, whole[target : target + len(got)], atol=2e-3), target
        assert len(got) > 0
    assert source.notices() == []


def test_a_seek_that_is_not_exact_is_told(tmp_path):
    """Vorbis in WebM: blocks of several lengths, timestamps in milliseconds."""
    path = encode(tmp_path / "v.webm", music(10 * RATE), "-c:a", "libvorbis")
    whole = np.concatenate(list(open_source(path).chunks(48_000)))
    source = open_source(path)
    for target in (123_457, 300_001):
        source._decoder.seek(target)
        got = source._decoder.read()[:64]
        places = range(target - 60, target + 61)
        errors = [float(np.abs(whole[at : at + len(got)] - got).max()) for at in places]
        assert min(errors) < 1e-3
    assert source.notices() == ["seeks in it are exact to 1 ms"]


class Pipe:
    """What is written to once, from the beginning to the end."""

    def __init__(self):
        self.data = b""

    def write(self, data):
        self.data += bytes(data)
        return len(data)


def piped(to, data, codec, container, rate=RATE):
    """Write an array as PyAV does to a pipe: what a header could only tell at the end is not told."""
    pipe = Pipe()
    with av.open(pipe, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate, layout="stereo")
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(data.T), "fltp", "stereo")
        frame.sample_rate = rate
        resampler = av.AudioResampler(stream.format, stream.layout, rate, stream.frame_size or 4096)
        for each in (frame, None):
            for part in resampler.resample(each):
                output.mux(stream.encode(part))
        output.mux([packet for packet in stream.encode() if packet.size])
    to.write_bytes(pipe.data)
    return to


@pytest.mark.parametrize(
    ("name", "codec"),
    [("webm", "libopus"), ("matroska", "pcm_s16le"), ("matroska", "aac"), ("wv", "wavpack")],
)
def test_what_tells_no_length_is_sought_in_all_the_same(tmp_path, name, codec):
    """As ffmpeg writes to a pipe, and MediaRecorder."""
    path = piped(tmp_path / f"a.{name}", music(30 * RATE), codec, name)
    for location in (path, FileObject(io.BytesIO(path.read_bytes()))):
        source = open_source(location)
        whole = np.concatenate(list(open_source(location).chunks(48_000)))
        assert abs(source.frames - len(whole)) < RATE // 20
        assert source.nearest(100 * RATE) == source.frames
        for target in (12 * RATE, 29 * RATE, 5):
            source._decoder.seek(target)
            got = source._decoder.read()
            assert np.allclose(got, whole[target : target + len(got)], atol=2e-3), target
    done = render([path], tmp_path / "out.wav", start_s=12.0, bits="float")
    assert (done.frames, done.errors) == (len(whole) - 12 * RATE, [])
    found = soundfile.read(tmp_path / "out.wav", dtype="float32")[0]
    error = found[RAMP:] - whole[12 * RATE + RAMP :]
    assert np.sqrt(np.mean(error**2)) < 1e-3


def test_vorbis_is_told_as_inexact_though_its_first_blocks_are_even(tmp_path):
    data = music(10 * RATE)
    data[: 5 * RATE] = 0.1 * np.sin(np.arange(5 * RATE) / 30)[:, None]
    soundfile.write(tmp_path / "v.ogg", data, RATE)
    pipe = Pipe()
    with av.open(str(tmp_path / "v.ogg")) as given, av.open(pipe, "w", format="webm") as output:
        stream = output.add_stream_from_template(given.streams.audio[0])
        for packet in given.demux(audio=0):
            if packet.dts is not None:
                packet.stream = stream
                output.mux(packet)
    source = open_source(FileObject(io.BytesIO(pipe.data)))
    source._decoder.seek(7 * RATE)
    assert source.notices() == ["seeks in it are exact to 1 ms"]


def test_surround_keeps_its_places(tmp_path):
    data = np.zeros((RATE, 6), np.float32)
    data[:, 2] = 0.5 * np.sin(np.arange(RATE) / 10)  # the centre
    source = open_source(encode(tmp_path / "s.mka", data, "-c:a", "flac"))
    assert source.order == ("left", "right", "centre", "lfe", "left surround", "right surround")
    out = Played(source).run_to_end()
    assert np.allclose(out, np.sqrt(0.5) * data[:, 2:3], atol=1e-4)


@pytest.mark.parametrize("is_seekable", [True, False])
def test_an_open_file_is_decoded_by_pyav_where_libsndfile_cannot(made, is_seekable):
    class Pipe(io.BytesIO):
        def seekable(self):
            return is_seekable

    files, data = made
    source = open_source(FileObject(Pipe(files["f.mka"].read_bytes())))
    assert source._decoder.is_seekable == is_seekable
    assert np.array_equal(Played(source).run_to_end(), data)


def test_what_can_be_read_once_is_read_once(made, tmp_path):
    class Pipe(io.BytesIO):
        def seekable(self):
            return False

    raw = made[0]["f.mka"].read_bytes()
    location = FileObject(Pipe(raw))
    open_source(location).close()
    with pytest.raises(SourceError, match="it can be read once, and was"):
        open_source(location)
    assert render([Pipe(raw)], tmp_path / "x.wav").frames == len(made[1])


def test_what_a_programs_file_raises_is_told_by_pyav_too(made):
    class Torn(io.BytesIO):
        def read(self, *arguments):
            if self.tell() > 400_000:
                raise OSError("the tape is torn")
            return super().read(*arguments)

    source = open_source(FileObject(Torn(made[0]["f.mka"].read_bytes())))
    played = Played(source)
    assert 0 < len(played.run_to_end()) < len(made[1])
    assert "the tape is torn" in source.failure


def test_damage_is_told_and_the_rest_is_played(made, tmp_path):
    raw = bytearray(made[0]["a.m4a"].read_bytes())
    raw[60_000:60_400] = bytes(400)
    (tmp_path / "d.m4a").write_bytes(raw)
    source = open_source(tmp_path / "d.m4a")
    assert len(Played(source).run_to_end()) > 9 * RATE
    assert "damaged audio data" in "".join(source.notices())


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.m4a", b"ftypM4A no more than that" * 50, "not playable audio"),
        ("text.m4a", b"dear diary\n" * 500, "not playable audio"),
        (
            "noise.wma",
            bytes(np.random.default_rng(1).integers(0, 256, 60_000, np.uint8)),
            "not playable",
        ),
    ],
)
def test_what_nobody_knows_is_one_line(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=words) as raised:
        open_source(tmp_path / name)
    assert "\n" not in str(raised.value)
    with pytest.raises(SourceError, match="not playable audio"):
        open_source(FileObject(io.BytesIO(content)))


def test_whatever_is_wrong_with_a_file_is_one_line_or_played(made, tmp_path):
    """Bytes of every kind changed at random: what FFmpeg says of it is ours to tell."""
    rng = np.random.default_rng(4)
    for k in range(150):
        path = list(made[0].values())[k % len(made[0])]
        raw = np.frombuffer(path.read_bytes()[: int(rng.choice([3000, 60_000, 200_000]))], np.uint8)
        raw = raw.copy()
        at = rng.integers(0, rng.choice([200, 2000, len(raw)]), int(rng.choice([1, 3, 30, 300])))
        raw[at] = rng.integers(0, 256, len(at), np.uint8)
        (tmp_path / path.name).write_bytes(raw)
        with contextlib.suppress(SourceError):
            source = open_source(tmp_path / path.name)
            with contextlib.closing(source):
                for _ in zip(source.chunks(RATE), range(30)):
                    pass
                source._decoder.seek(int(rng.integers(0, 10 * RATE)))
                source._decoder.read()


def test_a_video_without_sound_and_one_that_is_cut_are_one_line(tmp_path, made):
    container = av.open(str(tmp_path / "v.mp4"), "w")
    stream = container.add_stream("mpeg4", rate=10)
    stream.width = stream.height = 64
    frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))
    container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
    container.close()
    cut = made[0]["a.m4a"].read_bytes()[:5000]
    for data, words in (
        ((tmp_path / "v.mp4").read_bytes(), "holds no audio; give another file"),
        (cut, "damaged MP4 file \\(invalid data .*\\); copy it again"),
    ):
        (tmp_path / "it.mp4").write_bytes(data)
        for location in (tmp_path / "it.mp4", FileObject(io.BytesIO(data))):
            with pytest.raises(SourceError, match=words):
                open_source(location)


@pytest.mark.parametrize(
    ("name", "codec", "container"),
    [
        ("a.oga", "flac", "ogg"),
        ("a.caf", "pcm_s16be", "caf"),
        ("a.wav", "ac3", "wav"),
        ("lies.mp3", "aac", "adts"),
        ("lies.mp3", "aac", "mp4"),
        ("lies.flac", "pcm_s16le", "matroska"),
    ],
)
def test_what_libsndfile_only_half_knows_is_played_by_pyav(tmp_path, name, codec, container):
    """Its reasons for refusing a file are many, and some of them are wrong."""
    path = tmp_path / name
    data = music(2 * RATE)
    if container == "mp4":
        encode(tmp_path / "a.m4a", data, "-c:a", codec).rename(path)
    else:
        piped(path, data, codec, container)
    for location in (path, FileObject(io.BytesIO(path.read_bytes()))):
        samples = np.concatenate(list(open_source(location).chunks(48_000)))
        assert abs(len(samples) - len(data)) < 4096
        if codec not in ("aac", "ac3"):
            assert np.allclose(samples[: len(data)], data[: len(samples)], atol=1e-4)


def test_what_nobody_can_open_is_told_in_the_words_of_who_knows_it(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, music(1000), RATE)
    path.write_bytes(path.read_bytes()[:36])
    with pytest.raises(SourceError, match="No 'data' chunk"):
        open_source(path)


def test_without_pyav_the_way_to_it_is_told(made, monkeypatch):
    monkeypatch.setattr(formats, "_av", lambda: None)
    with pytest.raises(SourceError, match=r"pip install zerocross\[formats\]"):
        open_source(made[0]["a.m4a"])
    with pytest.raises(SourceError, match=r"pip install zerocross\[formats\]"):
        open_source(FileObject(io.BytesIO(b"what")))


def test_render_and_measure_take_them(made, tmp_path):
    files, data = made
    done = render([files["w.wv"], files["a.m4a"]], tmp_path / "x.wav", bits="float")
    assert done.frames == 2 * len(data)
    assert np.array_equal(read_audio(tmp_path / "x.wav")[0].T[: len(data)], data)
    soundfile.write(tmp_path / "y.wav", data, RATE, "PCM_16")
    ours, plain = measure(files["w.wv"]), measure(tmp_path / "y.wav")
    assert ours.integrated_lufs == plain.integrated_lufs


def test_playing_a_file_of_libsndfiles_imports_no_pyav(make_file):
    script = (
        "import sys; from zerocross import Player\n"
        "with Player('null') as p: p.play(sys.argv[1]); p.wait(20)\n"
        "names = ('av', 'zerocross.sources.http', 'zerocross.sources.formats')\n"
        "print([n for n in names if n in sys.modules])"
    )
    command = [sys.executable, "-c", script, str(make_file(frames=5000)[0])]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"


def captured(player):
    out = player._output.captures[-1].captured()
    return out[int(np.argmax(np.abs(out).sum(axis=1) > 0)) :]


@pytest.mark.thorough
def test_an_m4a_plays_on_while_the_interpreter_is_frozen(made):
    """The GIL is held for 2 s; what is heard is what was decoded before."""
    path, data = made[0]["alac.m4a"], made[1]
    with Player("null", block_size=64) as player:
        player._output.capture_s = 5.0
        player.play(path)
        wait_for(lambda: (player.report()["decoded_ahead_s"]["now"] or 0) > 8.0)
        before = player._output.stream.frames_played
        freeze(2.0)
        played = player._output.stream.frames_played - before
        report = player.report()
        assert (report["underruns"], report["stalls"]) == (0, 0)
        assert played > RATE
        out = captured(player)
        count = before + RATE
        lead = int(np.argmax(data.any(axis=1)))
        assert np.array_equal(out[:count], data[lead : lead + count])


def test_a_track_of_each_kind_follows_without_a_gap(made):
    files, data = made
    names = ["alac.m4a", "w.wv", "f.mka"]
    with Player("null", block_size=512) as player:
        player._output.capture_s = 1.0
        player.play(files["w.wv"], start_s=9.9)
        for name in ("alac.m4a", "f.mka"):
            player.queue.append(files[name])
        wait_for(lambda: player.queue.index == 1)
        player.seek(9.95)
        wait_for(lambda: player.queue.index == 2)
        player.seek(9.9)
        assert player.wait(10)
        report = player.report()
    assert [track["status"] for track in report["tracks"]] == ["played"] * len(names)
    assert (report["underruns"], report["stalls"]) == (0, 0)
    del data


# --- a server -------------------------------------------------------------------------------------


class Handler(BaseHTTPRequestHandler):
    """Serves one file, as well or as badly as the path says."""

    protocol_version = "HTTP/1.0"

    def log_message(self, *_):
        pass

    def do_GET(self):
        server = self.server
        way = self.path.strip("/").split("/")[0]
        self.first = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        with server.lock:
            server.asked.append((way, self.first))
            visit = sum(each == way for each, _ in server.asked)
        with contextlib.suppress(OSError):
            if server.folder:
                self.be_folder()
            else:
                getattr(self, f"be_{way}")(server.content, visit)

    def be_folder(self):
        content = (self.server.folder / self.path.strip("/")).read_bytes()
        self.send_response(200)
        kinds = {
            "m3u8": "application/vnd.apple.mpegurl",
            "m3u": "audio/x-mpegurl",
            "pls": "audio/x-scpls",
        }
        self.send_header("Content-Type", kinds.get(self.path.rpartition(".")[2], "video/mp2t"))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def send(self, content, *, ranges=True, length=True, headers=()):
        first = self.first if ranges else 0
        if ranges:
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Type", "audio/mp4")
        if length:
            self.send_header("Content-Length", str(len(content) - first))
        self.end_headers()
        return content[first:]

    def be_listed(self, _content, _visit):  # sends on to the list
        self.send_response(302)
        self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/lists/a.pls")
        self.end_headers()

    def be_lists(self, _content, _visit):  # /lists/a.pls: the kind and the text of a list
        kind, text = self.server.lists[self.path]
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(text)

    def be_endless(self, _content, _visit):  # a list that never ends
        self.send_response(200)
        self.send_header("Content-Type", "audio/x-scpls")
        self.end_headers()
        while not self.server.released.wait(0.01):
            self.wfile.write(b"File1=/plain\n" * 1000)

    def be_plain(self, content, _):
        self.wfile.write(self.send(content))

    def be_old(self, content, _):  # knows no ranges
        self.wfile.write(self.send(content, ranges=False))

    def be_unsized(self, content, _):  # ends where the connection ends
        self.wfile.write(self.send(content, ranges=False, length=False))

    def be_busy(self, content, visit):  # drops, is busy twice, and then goes on
        if visit > 1 and visit % 3 != 1:
            self.send_error(503)
        else:
            self.wfile.write(self.send(content)[:400_000])

    def be_turning(self, _content, _visit):
        self.send_response(302)
        self.send_header("Location", self.path)
        self.end_headers()

    def be_leading_away(self, _content, _visit):
        self.send_response(302)
        self.send_header("Location", "ftp://127.0.0.1/x.wv")
        self.end_headers()

    def be_babbling(self, content, _):  # no HTTP at all
        self.wfile.write(content)

    def be_lying(self, content, _):  # of a length that it does not have
        self.send_response(206)
        whole = 10 * len(content)
        self.send_header("Content-Range", f"bytes {self.first}-{whole - 1}/{whole}")
        self.send_header("Content-Length", str(whole - self.first))
        self.end_headers()
        self.wfile.write(content[self.first :])

    def be_dropping(self, content, _):
        self.wfile.write(self.send(content)[:150_000])

    def be_forgetting(self, content, visit):  # drops, and then starts from the beginning
        self.wfile.write(self.send(content, ranges=False)[: 150_000 if visit == 1 else None])

    def be_stalling(self, content, _):
        body = self.send(content)
        self.wfile.write(body[:400_000])
        self.wfile.flush()
        if len(body) > len(content) - 300_000:
            self.server.released.wait(10)
        self.wfile.write(body[400_000:])

    def be_moved(self, _content, _visit):
        self.send_response(302)
        self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/plain")
        self.end_headers()

    def be_gone(self, _content, _visit):
        self.send_error(404)

    def be_dying(self, content, _):
        if self.first > 0:
            self.send_error(410)
        else:
            self.wfile.write(self.send(content, ranges=False)[:700_000])

    def be_radio(self, content, visit):  # no length, and lost now and then
        body = self.send(content, ranges=False, length=False, headers=[("icy-name", "Test FM")])
        self.wfile.write(body[:100_000])
        if visit > 1:
            while not self.server.released.wait(0.01):
                self.wfile.write(body[:10_000])

    def be_dribbling(self, content, _):  # an answer that goes on and on
        self.wfile.write(b"HTTP/1.0 200 OK\r\nX-Long: ")
        with contextlib.suppress(OSError):
            while not self.server.released.wait(0.02):
                self.wfile.write(b"x")

    def be_chunked_badly(self, _content, _visit):
        self.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnone\r\n")

    def be_locked(self, content, visit):  # for who knows the password; over a redirect at first
        self.server.keys.append(self.headers.get("Authorization"))
        if self.headers.get("Authorization") != "Basic dTpww6QgQDo=":
            self.send_error(401)
        elif visit == 1:
            self.send_response(302)
            self.send_header("Location", self.path)
            self.end_headers()
        else:
            self.be_plain(content, visit)

    def be_leading_elsewhere(self, _content, _visit):  # to another host, by its name
        self.server.keys.append(self.headers.get("Authorization"))
        self.send_response(302)
        self.send_header("Location", f"http://localhost:{self.server.server_port}/locked")
        self.end_headers()

    def be_songs(self, content, _):  # of a station that says what is on
        asked = self.headers.get("Icy-MetaData")
        every = [("icy-metaint", "1000")] if asked == "1" else []
        names = [("icy-name", "Caf\u00e9 FM".encode().decode("latin-1")), *every]
        self.send(content, ranges=False, length=False, headers=names)
        songs = iter(self.server.songs)
        for at in range(0, len(content), 1000):
            said = next(songs, b"") if at else b""
            filled = said + bytes(-len(said) % 16)
            between = bytes([len(filled) // 16]) + filled if every and at else b""
            self.wfile.write(between + content[at : at + 1000])
        self.server.released.wait(10)

    def be_icy(self, content, _):
        self.wfile.write(b"ICY 200 OK\r\nicy-name: Old FM\r\ncontent-type: audio/aac\r\n\r\n")
        self.wfile.write(content)
        self.server.released.wait(10)


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(http, "_SILENCE_S", 0.4)
    monkeypatch.setattr(http, "_WAITS_S", (0.02, 0.05))
    monkeypatch.setattr(http, "_PATIENCE_S", 5.0)
    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.daemon_threads = True
    made.lock, made.asked, made.released = threading.Lock(), [], threading.Event()
    made.keys = []
    made.content, made.folder, made.lists = b"", None, {}
    made.at = lambda way: f"http://127.0.0.1:{made.server_port}/{way}"
    thread = threading.Thread(target=made.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.released.set()
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.mark.parametrize(
    ("way", "told"),
    [
        ("plain", []),
        ("old", []),
        ("unsized", []),
        ("busy", ["connection was lost (the server says 503 Service", "connected again"]),
        ("dropping", ["connection was lost (it was cut off)", "connected again"]),
        ("forgetting", ["connection was lost (it was cut off)", "connected again"]),
        ("stalling", ["connection was lost (nothing has come for 0.4 s)", "connected again"]),
        ("moved", ["the server has sent us on to http://127.0.0.1"]),
    ],
)
def test_what_a_server_has_arrives_bit_for_bit(server, made, way, told):
    files, data = made
    server.content = files["w.wv"].read_bytes()
    source = open_source(server.at(way))
    assert np.array_equal(Played(source).run_to_end(), data)
    notices = source.notices()
    assert len(notices) >= len(told)
    for words, expected in zip(notices, told):
        assert expected in words
    assert bool(told) == bool(notices)


def test_a_seek_on_a_server_asks_for_what_it_needs(server, made):
    files, data = made
    server.content = files["w.wv"].read_bytes()
    source = open_source(server.at("plain"))
    assert source._decoder.is_seekable
    out = Played(source, start=400_000).run_to_end()
    assert np.array_equal(out[RAMP:], data[400_000 + RAMP :])
    assert max(first for _, first in server.asked) > len(server.content) // 2


@pytest.mark.parametrize(
    ("way", "words"),
    [
        ("gone", "404"),
        ("turning", "a circle of them"),
        ("leading_away", "which is not http or https"),
        ("babbling", "does not speak HTTP"),
        ("dribbling", "its answer was not whole within 0.4 s"),
        ("chunked_badly", "the connection is lost"),
        ("http://127.0.0.1:1/x.m4a", "refused"),
        ("http://[::1/x.m4a", "is no address"),
        ("http://127.0.0.1:port/x.m4a", "is no address"),
        ("http:///x.m4a", "no host given; check the address"),
    ],
)
def test_a_server_that_does_not_give_it_is_one_line(server, way, words):
    server.content = bytes(range(256)) * 300
    with pytest.raises(SourceError, match=words) as caught:
        open_source(way if ":" in way else server.at(way))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300, "whatever the server sends"


def test_an_address_may_have_spaces_and_letters(server, made):
    server.content = made[0]["w.wv"].read_bytes()
    source = open_source(server.at("plain/ä b\r\nX: y"))
    assert source.notices() == [], "it is asked for as it is meant"
    source.close()


def test_a_name_and_a_password_are_told_to_the_server_alone(server, made):
    server.content = made[0]["w.wv"].read_bytes()
    told = []
    with Player("null") as player:
        player.events.subscribe(told.append)
        player.play(server.at("locked").replace("//", "//u:p%C3%A4%20%40%3A@"))
        wait_for(lambda: player.position > 0.05, 20, "sound")
        assert player.queue[0].title == "locked"
        assert player.queue[0].path == server.at("locked")
        player.stop()
        for way, words in (("locked", "401"), ("leading_elsewhere", "401"), ("gone", "404")):
            with pytest.raises(SourceError, match=f"/{way}: the server says {words}") as caught:
                player.play(server.at(way).replace("//", "//me:secret@"))
            told.append(caught.value)
        told.append(player.report())
    assert "secret" not in repr(told) and "p%C3" not in repr(told)
    mine = "Basic bWU6c2VjcmV0"
    assert server.keys[:2] == ["Basic dTpww6QgQDo="] * 2
    assert server.keys[-3:] == [mine, mine, None], "not told to another host"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_who_waits_for_an_answer_is_interrupted(scheme, tmp_path):
    """By a seek, a stop and the end; else each waited for 10 s."""

    def waiting():
        names = [thread.name for thread in threading.enumerate()]
        return sum(name in {"zerocross-start", "zerocross-open"} for name in names)

    soundfile.write(tmp_path / "a.wav", np.zeros(10 * RATE), RATE)
    with socket.create_server(("127.0.0.1", 0), backlog=99) as silent:
        url = f"{scheme}://127.0.0.1:{silent.getsockname()[1]}/x.mp3"
        player = Player("null")
        player.play(url)
        for second in range(5):
            player.seek(second)
        wait_for(lambda: waiting() == 1, 5, "only the last is waited for")
        player.play(tmp_path / "a.wav", url)
        wait_for(lambda: player.position > 0.05 and waiting() == 1, 5, "the next one is opened")
        player.stop()
        wait_for(lambda: waiting() == 0, 5, "it is not wanted")
        player.play(url)
        player.close()
        wait_for(lambda: waiting() == 0, 5, "the end of all")


def test_who_connects_and_sends_nothing_is_given_up(server, made, monkeypatch):
    """Patience is counted from the last byte: a connection that brings none is no success."""
    monkeypatch.setattr(http, "_PATIENCE_S", 0.3)
    server.content = made[0]["w.wv"].read_bytes()
    notices = Notices()
    file = http.RemoteFile(server.at("lying"), notices)
    with pytest.raises(SourceError, match="the connection is lost"):
        file.readall()
    assert len(notices.take()) == 1, "told once, not at each attempt"
    assert file.tell() == len(server.content)
    assert file.read(1) == b"", (
        "who asks on is not told twice: FFmpeg asks on, and PyAV would print it"
    )
    file.close()


def test_a_podcast_of_mp3_is_sought_nearly_and_that_is_told(server, tmp_path):
    path = encode(tmp_path / "p.mp3", music(30 * RATE), "-b:a", "128k")
    server.content = path.read_bytes()
    source = open_source(server.at("plain"))
    source._decoder.seek(20 * RATE)
    assert len(source._decoder.read()) > 0
    assert source.notices() == ["seeks in it are near, not exact: it has no index"]
    assert max(first for _, first in server.asked) > len(server.content) // 2, (
        "what is before is not fetched"
    )
    source.close()


@pytest.mark.thorough
def test_a_server_that_refuses_later_ends_the_track_with_its_words(server, made):
    server.content = made[0]["w.wv"].read_bytes()
    with Player("null", block_size=512) as player:
        seen = []
        player.events.subscribe(seen.append)
        player.play(server.at("dying"))
        assert player.wait(20)
        assert player.queue[0].status == "truncated"
        assert "410" in player.queue[0].error
    kinds = [event.kind for event in seen if event.kind in {"notice", "error"}]
    assert kinds == ["notice", "error"]


def test_radio_has_no_length_and_goes_on_when_it_is_lost(server, made):
    server.content = made[0]["a.aac"].read_bytes()
    with Player("null", block_size=512) as player:
        seen = []
        player.events.subscribe(seen.append)
        player.play(server.at("radio"))
        wait_for(lambda: player.position > 0.5)
        assert player.duration is None
        wait_for(lambda: sum(event.kind == "notice" for event in seen) >= 2, what="the drop")
        player.seek(1000.0)  # as far as there is
        at = player.position
        wait_for(lambda: player.position > at + 0.3)
        assert player.state == "playing"
        player.stop()
    words = [event.message for event in seen if event.kind == "notice"]
    assert "the connection was lost (it was cut off)" in words[0]
    assert "connected again" in words[1]


def closing(location):
    return contextlib.closing(open_source(location))


SONGS = [b"StreamTitle='It's \xc3\xbc - One';StreamUrl='';", b"", b"junk", b"StreamTitle='';"]


def test_what_a_station_says_is_on_is_the_title_and_not_the_sound(server, made):
    server.content = made[0]["a.aac"].read_bytes()
    server.songs = [*SONGS[:3], b"StreamTitle='Two\n\x1b[2J';"]
    with closing(server.at("songs")) as source, closing(made[0]["a.aac"]) as file:
        assert np.array_equal(Played(source).run(40_000), Played(file).run(40_000))
        assert "\x1b" not in source.named and source.named.startswith("Two")
    with Player("null", block_size=512) as player:
        seen = []
        player.events.subscribe(seen.append)
        player.play(server.at("songs"))
        wait_for(lambda: any(event.kind == "tags" for event in seen), what="a title")
        track = player.queue.current
        wait_for(lambda: track.title.startswith("Two"), what="the last one")
        assert track.known_as == track.title and str(track.location) == server.at("songs")
    told = [event.message for event in seen if event.kind == "tags"]
    assert told[-1].startswith("Two"), told


def test_a_station_that_names_no_song_has_its_own_name(server, made):
    server.content, server.songs = made[0]["a.aac"].read_bytes(), SONGS
    with closing(server.at("songs")) as source:
        Played(source).run(40_000)
        assert source.named == "Café FM"
    with closing(server.at("plain")) as source:
        assert source.named == ""


@pytest.mark.parametrize(
    ("said", "every"),
    [("0", 0), ("8192", 8192), ("-1", 0), ("x", 0), ("٨", 0), ("", 0), ("9" * 40, 0)],
)
def test_what_is_between_is_looked_for_where_a_server_says_so(said, every):
    headers = HTTPMessage()
    headers["icy-metaint"] = said
    assert icy.bytes_between(headers) == every


class Slow(io.BytesIO):
    """Gives a few bytes at a time."""

    def __init__(self, data, size):
        super().__init__(data)
        self.size = size

    def read1(self, most):
        return super().read1(min(most, self.size))


def test_titles_in_pieces_and_cut_off_are_read_or_lost():
    told, said = [], SONGS[0].partition(b"StreamUrl")[0].ljust(32, b"\0")
    data = b"abc" + b"\2" + said + b"def" + b"\0" + b"gh"
    for size in (1, 2, 100):
        file = Slow(data, size)
        sound = icy.WithoutTitles(file, 3, told.append)
        assert b"".join(iter(lambda s=sound: s.read1(2), b"")) == b"abcdefgh"
    assert told == ["It's ü - One"] * 3
    cut = icy.WithoutTitles(io.BytesIO(data[:10]), 3, told.append)
    assert cut.read1(3) == b"abc"
    with pytest.raises(IncompleteRead):
        cut.read1(3)


def test_an_old_radio_servers_greeting_is_understood_and_its_silence_interrupted(
    server, made, monkeypatch
):
    monkeypatch.setattr(http, "_SILENCE_S", 60.0)
    server.content = made[0]["a.aac"].read_bytes()
    source = open_source(server.at("icy"))
    played = Played(source)
    assert np.abs(played.run(48_000)).max() > 0.1
    before = time.monotonic()
    source.close()
    wait_for(lambda: not source._thread.is_alive(), what="the filler to end")
    assert time.monotonic() - before < 5.0


LIST = b"[playlist]\nFile1=/plain\nTitle1=Song\nFile2=../old\nFile3=http://[x\nNumberOfEntries=3\n"
RADIO = ("audio/x-scpls", LIST)


@pytest.mark.parametrize(
    ("way", "kind", "text"),
    [
        ("lists/a.pls", *RADIO),
        ("listed/a.pls", *RADIO),
        ("lists/a.m3u?x=1", "audio/x-mpegurl", b"#EXTM3U\n#EXTINF:1,Song\n/plain\n../old\n"),
        ("lists/a.m3u8#x", "text/plain", b"\xef\xbb\xbf#EXTINF:1,Song\r\n/plain\r\n\r\n../old\r\n"),
    ],
)
def test_a_servers_playlist_is_its_entries_from_where_it_is(server, made, way, kind, text):
    server.content = made[0]["a.m4a"].read_bytes()
    server.lists = {f"/{name}": (kind, text) for name in (way.partition("#")[0], "lists/a.pls")}
    with Player("null") as player:
        player.play(server.at(way))
        found = [(track.location, track.title) for track in player.queue]
        assert found == [(server.at("plain"), "Song"), (server.at("old"), "old")]
        assert player.state == "playing" and player.duration > 1.0


def test_a_list_that_does_not_look_so_or_stands_in_a_list_plays_what_can_be_opened(server, made):
    server.content = made[0]["a.m4a"].read_bytes()
    server.lists = {
        "/lists/radio": (
            "audio/x-scpls",
            b"[playlist]\nFile1=rtsp://x\nFile2=/gone\nFile3=/plain\n",
        ),
        "/lists/of": ("audio/mpegurl", b"/lists/radio\n"),
        "/lists/round": ("audio/mpegurl", b"/lists/round\n"),
        "/lists/empty.m3u": ("audio/mpegurl", b"#EXTM3U\n"),
        "/lists/away.m3u": ("audio/mpegurl", b"file:///etc/passwd\n/plain\n"),
        "/lists/audio.m3u": ("audio/aac", made[0]["a.aac"].read_bytes()),
    }
    whole = read_audio(server.at("plain"))[0]
    open_source(server.at("lists/audio.m3u")).close()
    for name in ("radio", "of"):
        assert np.array_equal(read_audio(server.at(f"lists/{name}"))[0], whole), name
    with pytest.raises(SourceError, match="named by a playlist"):
        read_audio(server.at("lists/round"))
    entries, problems = expand(
        [server.at(f"lists/{name}.m3u") for name in ("empty", "away", "audio")]
    )
    assert [entry.location for entry in entries] == [
        server.at("plain"),
        server.at("lists/audio.m3u"),
    ]
    assert "the playlist is empty" in str(problems[0]) and "named by a server" in str(problems[1])


@pytest.mark.parametrize(
    ("way", "words"),
    [
        ("gone/a.pls", "the server says 404 Not Found; check the address"),
        ("endless/a.pls", "is no playlist: it is too long, or never ends"),
        ("babbling/a.m3u", "does not speak HTTP"),
    ],
)
def test_a_list_that_a_server_does_not_give_is_one_line(server, way, words):
    server.content = b"no HTTP\n"
    with Player("null") as player, pytest.raises(SourceError, match=words) as told:
        player.play(server.at(way))
    assert str(told.value).startswith(server.at(way)) and len(str(told.value)) < 200


def test_hls_plays(server, made, tmp_path):
    """FFmpeg makes the connections itself: to the list, and to each of its pieces."""
    folder = tmp_path / "hls"
    folder.mkdir()
    plain, options = made[0]["a.m4a"], ["-c:a", "copy", "-hls_time", "2", "-hls_list_size", "0"]
    command = [need("ffmpeg"), "-v", "error", "-i", plain, *options]
    subprocess.run([*command, folder / "list.m3u8"], check=True)
    server.folder = folder
    source = open_source(server.at("list.m3u8"))
    out = np.concatenate(list(source.chunks(RATE)))
    source.close()
    assert len(out) >= 10 * RATE - 2048
    assert sum(way.endswith(".ts") for way, _ in server.asked) >= 5


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(2))
def test_random_operations_over_every_kind_of_source(made, seed):
    """Two threads for 10 s each: nothing hangs, nothing runs short unexplained, no filler is left."""
    files, data = made
    soundfile.write(file := io.BytesIO(), data, RATE, "PCM_16", format="WAV")
    things = [*files.values(), file, (data, RATE), (data[:100], 44_100), (data[:30_000, 0], 22_050)]
    before, failed = set(threading.enumerate()), []

    def operate(player, rng):
        end = time.monotonic() + 10
        ways = {
            "seek": lambda: player.seek(11 * rng.random()),
            "next": player.next,
            "previous": player.previous,
            "pause": player.pause,
            "resume": player.resume,
            "play": lambda: player.play(*rng.sample(things, 3)),
            "append": lambda: player.queue.append(rng.choice(things)),
            "rest": lambda: time.sleep(0.2 * rng.random()),
        }
        try:
            while time.monotonic() < end:
                with contextlib.suppress(UsageError):  # nothing plays at the moment
                    ways[rng.choices(list(ways), (8, 2, 2, 1, 2, 1, 1, 4))[0]]()
        except BaseException as error:
            failed.append(error)

    with Player("null", block_size=256) as player:
        player.play(*things)
        threads = [
            threading.Thread(target=operate, args=(player, random.Random(2 * seed + k)))
            for k in range(2)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive()
        report = player.report()
    assert not failed
    assert (report["underruns"], report["faults"]) == (0, 0)
    wait_for(lambda: set(threading.enumerate()) <= before, what="the fillers to end")


class Hostile(io.BytesIO):
    """A file of a program's own that does one thing wrong, from its fourth read on."""

    def __init__(self, data, wrong):
        super().__init__(data)
        self.wrong, self.reads = wrong, 0

    def read(self, count=-1):
        self.reads += 1
        data = super().read(count)
        return data if self.reads < 4 else self.wrong(self, data, count)


def _raise(error):
    raise error


@pytest.mark.parametrize(
    "wrong",
    [
        lambda file, _, count: file.getvalue()[: 3 * count],
        lambda *_: "text",
        lambda *_: 3,
        lambda *_: _raise(SystemExit(3)),
        lambda *_: _raise(KeyboardInterrupt()),
        lambda *_: _raise(OSError("gone")),
    ],
)
@pytest.mark.parametrize("kind", ["m4a", "flac"])
def test_a_programs_file_that_does_wrong_harms_nobody(tmp_path, make_file, wrong, kind):
    path, _ = make_file("song.flac", frames=480_000)
    if kind == "m4a":
        path = encode(tmp_path / "song.m4a", music(480_000), "-c:a", "aac")
    with Player("null") as player:
        with contextlib.suppress(SourceError):
            player.play(Hostile(path.read_bytes(), wrong))
        assert player.wait(30)
