"""Recordings of streams and players: what is in the file is what was played, or silence that is told."""

from __future__ import annotations

import os

import numpy as np
import pytest
import soundfile

from conftest import wait_for
from test_feed import RATE, noise, played
from zerocross import Player, Stream, UsageError, ZerocrossError
from zerocross.engine import recorder
from zerocross.engine.recorder import Recording, _Follower, record
from zerocross.errors import LossWarning
from zerocross.sources.written import plain_form
from zerocross.sync import Tap


@pytest.fixture
def stream():
    """Return a stream that no device calls."""
    made = Stream(device="null", sample_rate=RATE, feed_s=1.0)
    yield made
    made.close()


def remove_unfinished(folder):
    """Remove the file that is being written, once it is open."""
    wait_for(lambda: any(each.stat().st_size for each in folder.iterdir()), what="the file")
    next(folder.iterdir()).unlink()


@pytest.mark.parametrize(
    ("name", "bits", "steps"),
    [("a.wav", None, 0), ("a.flac", None, 2**23), ("b.wav", "16", 2**15), ("b.flac", 16, 2**15)],
)
def test_what_is_played_is_in_the_file(stream, tmp_path, name, bits, steps):
    x = noise(RATE // 2, 2)
    played(stream, 1_000)  # before it begins
    with stream.record(tmp_path / name, bits) as recording:
        stream.write(x)
        out = played(stream, RATE // 4)
        assert recording.is_running and not (tmp_path / name).exists()
        out = np.concatenate([out, played(stream, RATE // 4)])
    assert not recording.is_running and recording.frames_lost == 0 and recording.clipped == 0
    assert recording.seconds == 0.5
    found, rate = soundfile.read(tmp_path / name, dtype="float32")
    assert rate == RATE and found.shape == out.shape
    assert np.abs(found - out).max() <= (2 / steps if steps else 0.0)
    assert os.listdir(tmp_path) == [name]


def test_a_stream_ends_its_recordings(stream, tmp_path):
    recording = stream.record(tmp_path / "a.wav")
    stream.write(noise(RATE // 2))
    played(stream, RATE // 4)
    stream.close()
    recording.stop()
    assert soundfile.info(tmp_path / "a.wav").frames >= RATE // 4
    with pytest.raises(UsageError, match="closed"):
        stream.record(tmp_path / "b.wav")


def test_what_was_overwritten_is_silence_of_the_same_length_and_told(tmp_path):
    tap = Tap(4_096, 1)
    x = np.arange(1, 60_001, dtype=np.float32)
    tap.push(x[None])  # lapped before the recording's threads have begun to look
    form = plain_form("a.wav", RATE, 1, None, None)
    recording = Recording(tmp_path / "a.wav", form, _Follower(tap, RATE, 0))
    with pytest.warns(LossWarning, match=r"a.wav: 1\.\d\d s were lost, and are silence"):
        recording.stop()
    found, _ = soundfile.read(tmp_path / "a.wav", dtype="float32")
    assert len(found) == len(x)
    assert np.count_nonzero(found == 0.0) == recording.frames_lost > 0
    assert np.array_equal(found[found != 0.0], x[-np.count_nonzero(found) :])


def test_what_went_out_while_it_was_compiled_is_not_of_the_recording(tmp_path, monkeypatch):
    tap, follow = Tap(4_096, 1), recorder.follow_tap

    class Compiled:
        @property
        def address(self):
            tap.push(np.ones((1, 50_000), np.float32))
            return follow.address

        def __call__(self, address):
            return follow(address)

    monkeypatch.setattr(recorder, "follow_tap", Compiled())
    recording = record(tap, RATE, tmp_path / "a.wav")
    tap.push(np.full((1, 100), 0.5, np.float32))
    recording.stop()
    found, _ = soundfile.read(tmp_path / "a.wav", dtype="float32")
    assert recording.frames_lost == 0
    assert np.array_equal(found, np.full(100, 0.5))


def test_where_the_tap_is_another_the_file_goes_on_at_its_rate(tmp_path):
    tap, other = Tap(65_536, 1), Tap(65_536, 1)
    recording = record(tap, 48_000, tmp_path / "a.wav")
    t = np.arange(22_050) / 22_050
    tap.push(np.full((1, 24_000), 0.25))
    recording.follow(other, 22_050)
    other.push(0.5 * np.sin(2 * np.pi * 441 * t)[None])
    recording.stop()
    found, _ = soundfile.read(tmp_path / "a.wav", dtype="float32")
    assert (found[:24_000] == 0.25).all()
    wanted = 0.5 * np.sin(2 * np.pi * 441 * np.arange(48_000) / 48_000)
    assert np.abs(found[24_500:71_000] - wanted[500:47_000]).max() < 1e-4


def test_a_file_that_cannot_be_written_is_told(stream, tmp_path):
    with pytest.raises(UsageError, match="must end in"):
        stream.record(tmp_path / "a.mp3")
    with pytest.raises(UsageError, match="no such directory"):
        stream.record(tmp_path / "there" / "a.wav")
    with pytest.raises(UsageError, match="FLAC holds 16 or 24 bits"):
        stream.record(tmp_path / "a.flac", "float")
    (tmp_path / "gone").mkdir()
    recording = stream.record(tmp_path / "gone" / "a.wav")
    remove_unfinished(tmp_path / "gone")
    with pytest.raises(ZerocrossError, match=r"a\.wav: cannot be written"):
        recording.stop()
    assert os.listdir(tmp_path / "gone") == []


def test_a_recording_that_nobody_holds_is_ended_with_its_stream(tmp_path):
    stream = Stream(device="null", sample_rate=RATE)
    stream.start()
    stream.record(tmp_path / "a.wav")
    wait_for(lambda: os.listdir(tmp_path), what="the unfinished file")
    del stream
    wait_for(lambda: os.listdir(tmp_path) == ["a.wav"], what="the file")


def test_a_file_that_could_not_be_written_is_told_where_nobody_asks(stream, tmp_path):
    with stream.record(
        tmp_path / "a.wav"
    ):  # what it needs is compiled: Numba turns warnings on and off
        pass
    (tmp_path / "a.wav").unlink()
    stream.record(tmp_path / "a.wav")
    remove_unfinished(tmp_path)
    with pytest.warns(LossWarning, match=r"a\.wav: cannot be written"):
        stream.close()


def test_two_of_whatever_kind_do_not_record_one_file(stream, make_file, tmp_path):
    path, _ = make_file("song.flac", frames=96_000)
    (tmp_path / "link").symlink_to(tmp_path, target_is_directory=True)
    with Player(device="null") as player:
        player.play(path)
        with stream.record(tmp_path / "a.wav"):
            for other in (stream, player):
                for name in (tmp_path / "a.wav", tmp_path / "link" / "a.wav"):
                    with pytest.raises(UsageError, match=r"a\.wav: is being recorded"):
                        other.record(name)
        player.record(tmp_path / "a.wav").stop()


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
def test_what_was_recorded_until_the_disk_was_full_is_kept(stream, tmp_path, monkeypatch, name):
    written = []

    def write(self, data):
        if len(written) == 2:
            raise soundfile.LibsndfileError(2)  # what libsndfile says of a full disk
        written.append(len(data))
        whole(self, data)

    whole = soundfile.SoundFile.write
    monkeypatch.setattr(soundfile.SoundFile, "write", write)
    recording = stream.record(tmp_path / name, "16")
    for count in range(1, 4):
        played(stream, RATE // 10)
        wait_for(lambda n=count: len(written) >= min(n, 2), what="what is written")
    wait_for(lambda: not recording.is_running, what="the end of the disk")
    with pytest.raises(ZerocrossError, match=rf"{name}: ends after 0\.\d s \(.*more space"):
        recording.stop()
    assert soundfile.info(tmp_path / name).frames == sum(written)
    assert os.listdir(tmp_path) == [name]


def test_a_name_that_is_too_long_is_told_before(stream, tmp_path):
    with pytest.raises(UsageError, match="file name too long"):
        stream.record(tmp_path / ("a" * 300 + ".wav"))


def test_a_player_records_neither_over_its_files_nor_twice(make_file, tmp_path):
    path, _ = make_file("song.flac", frames=96_000)
    before = path.read_bytes()
    with Player(device="null") as player:
        player.play(path)
        with pytest.raises(UsageError, match="is what is read"):
            player.record(path)
        player.record(tmp_path / "a.wav")
        with pytest.raises(UsageError, match="is being recorded"):
            player.record(tmp_path / "a.wav")
    assert path.read_bytes() == before
