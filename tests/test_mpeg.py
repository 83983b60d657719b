"""MPEG audio whose length no header tells, or one that tells of a part: all of it is played, and told."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile

import zerocross
from conftest import music, need_module
from test_engine import Offline
from zerocross.loudness import measure
from zerocross.sources import mpeg
from zerocross.sources.location import FileObject
from zerocross.sources.mpeg import find_stretches
from zerocross.sources.opening import open_source, read_audio

RATE = 48_000
LAME_DELAY = 576  # of its encoder, which the tag tells


def first_frame(data, at=0):
    """Return the length of the frame that begins at an offset."""
    return int(mpeg._frame_bytes.function(int.from_bytes(data[at : at + 4], "big")))


def encoded(frames=10 * RATE, mode="VARIABLE", rate=RATE, channels=2, seed=1, level=0.3):
    """Return an MP3 with its tag, without it, and what the first decodes to; loud at its end."""
    signal = music(frames, channels, seed, rate)
    signal[: frames // 3] *= 1e-3
    file = io.BytesIO()
    soundfile.write(file, signal, rate, format="MP3", bitrate_mode=mode, compression_level=level)
    data = file.getvalue()
    decoded = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)[0]
    return data, data[first_frame(data) :], decoded


def heard(location):
    return np.concatenate(list(open_source(location).chunks(100_000)))


def of_bytes(data):
    return FileObject(io.BytesIO(data))


@pytest.mark.parametrize("mode", ["VARIABLE", "AVERAGE", "CONSTANT"])
@pytest.mark.parametrize(("rate", "channels"), [(44_100, 2), (22_050, 1), (8_000, 2)])
def test_without_a_tag_all_is_played_and_its_length_told(tmp_path, mode, rate, channels):
    _, plain, wanted = encoded(10 * rate, mode, rate, channels)
    path = tmp_path / "a.mp3"
    path.write_bytes(plain)
    source = open_source(path)
    found = heard(path)
    assert source.frames == len(found) and source.problem == ""
    assert np.allclose(found[LAME_DELAY:][: len(wanted)], wanted, atol=1e-6)
    assert np.array_equal(heard(of_bytes(plain)), found)
    assert open_source(of_bytes(plain)).frames == len(found)
    done = zerocross.render([path], tmp_path / "out.wav")
    assert (done.frames, done.errors) == (len(found), [])
    result = measure(path)
    assert (result.problem, result.seconds) == ("", len(found) / rate)


@pytest.mark.parametrize("mode", ["VARIABLE", "CONSTANT"])
def test_a_cover_is_no_audio(tmp_path, mode):
    _, plain, _ = encoded(mode=mode)
    cover = np.random.default_rng(1).bytes(900_000)
    head = b"ID3\3\0\0" + bytes([len(cover) >> shift & 0x7F for shift in (21, 14, 7, 0)])
    path = tmp_path / "a.mp3"
    path.write_bytes(head + cover + plain + b"TAG" + bytes(125))
    source, found = open_source(path), heard(path)
    assert np.array_equal(found, heard(of_bytes(plain)))
    assert source.frames == len(found) and abs(source.duration_s - 10) < 0.1


def places_of(*parts):
    return [place[:2] for place in find_stretches(io.BytesIO(b"".join(parts)))]


def test_joined_files_are_played_one_after_the_other(tmp_path):
    one, plain, first = encoded(seed=1)
    two, _, second = encoded(123_457, "CONSTANT", seed=2)
    path = tmp_path / "both.mp3"
    for parts, wanted in (
        ((one, two), [first, second]),
        ((one, b"TAG" + bytes(125), b"ID3\3\0\0\0\0\0\1\0", two), [first, second]),
        ((one, plain), [first, heard(of_bytes(plain))]),
        ((plain, two), [heard(of_bytes(plain)), second]),
    ):
        path.write_bytes(b"".join(parts))
        whole = np.concatenate(wanted)
        assert np.array_equal(heard(path), whole)
        assert np.array_equal(heard(of_bytes(path.read_bytes())), whole)
        assert len(places_of(*parts)) == 2
        done = zerocross.render([path], tmp_path / "out.wav", bits="float")
        assert (done.frames, done.errors) == (len(whole), [])
        assert np.array_equal(soundfile.read(tmp_path / "out.wav", dtype="float32")[0], whole)


def test_where_the_format_changes_the_rest_is_a_track_of_its_own(tmp_path):
    one, _, first = encoded(RATE)
    two, _, second = encoded(44_100, rate=44_100, seed=2)
    path = tmp_path / "both.mp3"
    path.write_bytes(one + two)
    source = open_source(path)
    assert (source.frames, source.rest.first_link) == (len(first), 1)
    assert np.array_equal(heard(source.rest), second)
    inside = open_source(of_bytes(one + two))
    assert inside.frames == len(first)
    assert inside.notices() == ["its format changes after 1.00 s; the rest is left out"]


@pytest.mark.parametrize("rate", [44_100, 22_050])
def test_every_seek_is_exact(rate):
    """A frame's bits may be in those before it, 20 of them where the rate is low."""
    tagged, plain, _ = encoded(20 * rate, rate=rate, channels=1, level=0.9)
    for data in (tagged, plain, tagged + plain):
        whole = heard(of_bytes(data))
        source = open_source(of_bytes(data))
        rng = np.random.default_rng(1)
        for target in (*rng.integers(0, len(whole), 20).tolist(), len(whole) - 1, 0):
            source._decoder.seek(target)
            got = source._decoder.read()
            assert np.allclose(got, whole[target : target + len(got)], atol=1e-6), target


@pytest.mark.parametrize("rate", [44_100, 22_050])
def test_the_decode_thread_seeks_as_exactly(tmp_path, rate):
    tagged, plain, _ = encoded(20 * rate, rate=rate, level=0.9)
    path = tmp_path / "a.mp3"
    path.write_bytes(tagged + plain)
    whole = heard(path)
    for second in (3.217, 11.0, 23.3, 39.9):
        out = tmp_path / "out.wav"
        zerocross.render([path], out, start_s=second, bits="float", sample_rate=rate)
        found = soundfile.read(out, dtype="float32")[0]
        start = len(whole) - len(found)
        assert abs(start / rate - second) < 1 / rate
        assert np.allclose(found[1000:], whole[start + 1000 :], atol=1e-6)  # it is faded in


@pytest.mark.parametrize(("rate", "channels"), [(48_000, 2), (44_100, 2), (22_050, 1)])
def test_layer_two_has_no_tags_and_is_counted(tmp_path, rate, channels):
    need_module("av")
    import av

    path = tmp_path / "a.mp2"
    with av.open(str(path), "w") as container:
        layout = "stereo" if channels == 2 else "mono"
        stream = container.add_stream("mp2", rate=rate, layout=layout)
        data = (music(5 * rate, channels, sample_rate=rate) * 32000).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(data.reshape(1, -1), "s16", layout)
        frame.sample_rate = rate
        container.mux([*stream.encode(frame), *stream.encode()])
    source = open_source(path)
    assert source.frames % 1152 == 0 and abs(source.duration_s - 5) < 0.1
    assert len(heard(path)) == len(heard(of_bytes(path.read_bytes()))) == source.frames
    assert zerocross.render([path, path], tmp_path / "out.wav").errors == []


def test_what_is_no_audio_in_between_is_passed_over(tmp_path):
    """libmpg123 looks no further than 1024 bytes."""
    _, plain, _ = encoded()
    middle = 0
    while middle < len(plain) // 2:
        middle += first_frame(plain, middle)
    junk = np.random.default_rng(1).bytes(70_000)
    path = tmp_path / "a.mp3"
    path.write_bytes(plain[:middle] + junk + plain[middle:])
    found, whole = heard(path), heard(of_bytes(plain))
    assert abs(len(found) - len(whole)) < 1152
    assert np.allclose(found[-RATE:], whole[-RATE:], atol=1e-6)
    path.write_bytes(plain[:middle] + junk[:500] + plain[middle:])
    assert len(places_of(path.read_bytes())) == 1


def test_a_tag_that_is_right_is_believed_and_one_that_says_too_much_is_told(tmp_path):
    tagged, plain, _ = encoded()
    size = first_frame(tagged)
    assert places_of(tagged) == places_of(tagged[: len(tagged) // 2]) == []
    path = tmp_path / "a.mp3"
    path.write_bytes(tagged[: len(tagged) // 2])
    done = zerocross.render([path], tmp_path / "out.wav")
    assert "ends early" in done.errors[0]
    at = tagged.index(b"Info" if b"Info" in tagged[:60] else b"Xing")
    frames = int.from_bytes(tagged[at + 8 : at + 12], "big")
    less = tagged[: at + 7] + b"\1" + (frames - 1).to_bytes(4, "big") + tagged[at + 12 :]
    assert places_of(less) == []  # encoders count one more or less
    for unknown in (
        tagged[: at + 7] + b"\0" + tagged[at + 8 :],
        tagged[:at] + b"VBRI" + tagged[at + 4 :],
    ):
        assert places_of(unknown) == [(size, len(tagged))]
        assert np.array_equal(heard(of_bytes(unknown)), heard(of_bytes(plain)))
    part = tagged[: at + 8] + (frames // 2).to_bytes(4, "big") + tagged[at + 12 :]
    assert places_of(part) == []  # its size fits: no look is taken at the rest
    part = part[: at + 7] + b"\1" + part[at + 8 :]
    assert len(places_of(part)) == 2


def test_pieces_of_any_length_find_the_same(monkeypatch):
    one, plain, _ = encoded(3 * RATE)
    head = b"ID3\3\0\0\0\1\0\0" + bytes(1 << 14)
    data = one + head + plain + b"TAG" + bytes(125) + one + plain[:-7]
    wanted = places_of(data)
    assert len(wanted) == 4
    for size in (12_000, 16_384, 50_001):
        monkeypatch.setattr(mpeg, "_PIECE_BYTES", size)
        assert places_of(data) == wanted


def test_what_is_not_mpeg_is_left_alone():
    wav, flac = io.BytesIO(), io.BytesIO()
    soundfile.write(wav, music(RATE), RATE, format="WAV")
    soundfile.write(flac, music(RATE), RATE, format="FLAC")
    junk = np.random.default_rng(1).bytes(300_000)
    for data in (b"", b"\xff\xfb", wav.getvalue(), flac.getvalue(), junk, b"\xff\xf1" + junk):
        assert places_of(data) == []
        assert places_of(b"ID3\3\0\0\0\0\0\0" + data) == []


def test_many_joined_files_are_all_played(tmp_path):
    """More than are open at a time."""
    one, _, wanted = encoded(RATE // 10)
    path = tmp_path / "many.mp3"
    path.write_bytes(one * 300)
    samples, _ = read_audio(path)
    assert samples.shape[1] == 300 * len(wanted)


def test_the_decode_thread_reads_on_into_the_second_of_two(tmp_path):
    one, plain, _ = encoded(RATE)
    path = tmp_path / "a.mp3"
    path.write_bytes(one + plain)
    assert np.array_equal(Offline().play(path).run_to_end(), heard(path))
