"""Frames in memory ahead of the ear: arrays, files that a program has open, and windows that are filled.

The streams are driven by hand, as in test_engine: every bit is known.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import threading

import numpy as np
import pytest
import soundfile

import oracles
from conftest import music, wait_for
from zerocross import Player, Samples, SourceError, UsageError, render
from zerocross.engine import decode
from zerocross.engine.file_stream import FileStream
from zerocross.offline import _checked_inputs
from zerocross.sources import window
from zerocross.sources.array import OpenSamples, scaled
from zerocross.sources.location import FileObject, as_location
from zerocross.sources.opening import open_source, read_audio
from zerocross.sources.window import Notices, OpenWindow
from zerocross.sync import Signal

RATE = 48_000
RAMP = 480


class Given:
    """A decoder that gives as many frames as it is allowed to, in pieces of odd lengths."""

    sample_rate, channels, order = RATE, 2, ("left", "right")

    def __init__(self, data, allowed=1 << 60, is_seekable=True, failure=None):
        self.data, self.frames = data, len(data)
        self.is_seekable, self.failure = is_seekable, failure
        self.notices, self.sought, self.is_closed = Notices(), [], False
        self._at, self._allowed = 0, allowed
        self._more = threading.Condition()
        self._lengths = itertools.cycle((997, 1, 4096, 64))

    def allow(self, frames):
        with self._more:
            self._allowed = frames
            self._more.notify()

    def read(self):
        with self._more:
            self._more.wait_for(lambda: self._at < self._allowed or self.is_closed)
        if self.failure and self._at >= self.frames:
            raise self.failure
        count = min(next(self._lengths), max(0, self._allowed - self._at))
        piece = self.data[self._at : self._at + count]
        self._at += len(piece)
        return piece if len(piece) else None

    def seek(self, frame):
        self.sought.append(frame)
        self._at = frame

    def interrupt(self):
        with self._more:
            self.is_closed = True
            self._more.notify()

    def close(self):
        self.is_closed = True


class Played:
    """A stream that plays one source, without a device."""

    def __init__(self, source, start=0, end=None, **options):
        self.stream, self.source = FileStream(RATE, 2, **options), source
        self.serial = itertools.count(1)
        self.post(start, end)
        self.stream.set_playing(True)

    def post(self, start, end=None, reused=False):
        self.stream.post(next(self.serial), self.source, start, end, reused)
        self.stream.post_end()

    def run(self, frames, wait=True, block=256):
        pieces = []
        while frames > 0:
            if wait:
                self.stream.decode()
            else:
                decode.decode_until_idle(self.stream.decoder.address)
            out = np.full((min(block, frames), 2), np.nan, np.float32)
            self.stream.render(out)
            pieces.append(out)
            frames -= len(out)
        return np.concatenate(pieces)

    def run_to_end(self):
        pieces = []
        while not self.stream.ended:
            pieces.append(self.run(256))
        return np.concatenate(pieces)[: self.stream.frames_played]


def window_of(data, ahead_s=0.5, behind_s=0.1, **options):
    return OpenWindow("a window", Given(data, **options), ahead_s, behind_s)


# --- arrays ---------------------------------------------------------------------------------------


def test_an_array_arrives_bit_for_bit():
    data = music(100_000)
    source = open_source(Samples(data, RATE))
    assert np.array_equal(Played(source).run_to_end(), data)
    assert source._memory.ctypes.data == data.ctypes.data, "played where it is"


@pytest.mark.parametrize(
    ("kind", "silence", "full"),
    [("i1", 0, 2**7), ("i2", 0, 2**15), ("i4", 0, 2**31), ("i8", 0, 2**63), ("u1", 128, 128)],
)
def test_integers_have_the_full_scale_of_their_type(kind, silence, full):
    limits = np.iinfo(kind)
    values = np.array(
        [limits.min, silence - full // 2, silence, silence + full // 2, limits.max], kind
    )
    expected = [-1.0, -0.5, 0.0, 0.5, np.float32((int(limits.max) - silence) / full)]
    assert scaled(values).tolist() == expected
    assert scaled(values).dtype == np.float32


@pytest.mark.parametrize("kind", ["f2", "f4", "f8", ">f4", "i2", ">i2"])
def test_every_type_and_layout_is_played(kind):
    data = music(20_000)
    given = (data * 32767 if "i" in kind else data).astype(kind)
    plain = given.astype("f4") / (np.float32(32768) if "i" in kind else 1)
    for array in (given, np.asfortranarray(given), given[::-1][::-1]):
        assert np.array_equal(Played(open_source(Samples(array, RATE))).run_to_end(), plain)
    mono = Played(open_source(Samples(given[:, 0], RATE))).run_to_end()
    assert np.array_equal(mono, np.repeat(plain[:, :1], 2, axis=1))


def test_what_is_beyond_float32_is_silenced_and_told_as_in_files():
    data = np.zeros((10_000, 2))
    data[5000:5003, 0] = np.nan, np.inf, 1e300
    played = Played(open_source(Samples(data, RATE)))
    out = played.run_to_end()
    assert np.isfinite(out).all()
    assert [outcome.nonfinite for outcome in played.stream.outcomes()][:1] == [3]


@pytest.mark.parametrize(
    "arguments",
    [
        (np.zeros((2, 2, 2)), RATE),
        (np.zeros((10, 0)), RATE),
        (np.zeros(10, complex), RATE),
        (["a", "b"], RATE),
        (np.float32(1.0), RATE),
        (np.zeros(10), 100),
        (np.zeros(10), 44_100.5),
        (np.zeros(10), None),
    ],
)
def test_what_are_no_samples_is_refused(arguments):
    with pytest.raises(UsageError):
        Samples(*arguments)


def test_samples_that_cannot_be_played_say_why():
    with pytest.raises(SourceError, match=r"a take: holds no audio \(0 frames\)"):
        open_source(Samples(np.zeros((0, 2)), RATE, "a take"))
    with pytest.raises(SourceError, match="9 channels; 1 to 8 can be played"):
        open_source(Samples(np.zeros((10, 9)), RATE))


@pytest.mark.parametrize("target", [0, 1, 30_000, 99_999, 100_000])
def test_every_seek_in_an_array_is_exact(target):
    data = music(100_000)
    played = Played(open_source(Samples(data, RATE)))
    played.run(5000)
    played.stream.jump()
    played.post(target, reused=True)
    out = played.run(RAMP + 3000)[RAMP:]
    wanted = data[target:][:2400].copy()
    if target:
        wanted *= oracles.ramp(0, 1, RAMP, len(wanted)).astype(np.float32)[:, None]
    shift = int(np.argmax(np.abs(out).sum(axis=1) > 0)) if wanted.any() else 0
    shift -= int(np.argmax(np.abs(wanted).sum(axis=1) > 0)) if wanted.any() else 0
    assert 0 <= shift <= 256
    assert np.array_equal(out[shift : shift + len(wanted)], wanted)


def test_arrays_of_another_rate_are_resampled_like_files(tmp_path):
    data = music(44_100, sample_rate=44_100)
    soundfile.write(tmp_path / "a.wav", data, 44_100, "FLOAT")
    from_file = Played(open_source(tmp_path / "a.wav")).run_to_end()
    assert np.array_equal(Played(open_source(Samples(data, 44_100))).run_to_end(), from_file)


# --- open files -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "subtype"), [("WAV", "PCM_16"), ("FLAC", "PCM_24"), ("OGG", "VORBIS"), ("MP3", None)]
)
def test_an_open_file_arrives_bit_for_bit_and_seeks_exactly(kind, subtype):
    file = io.BytesIO()
    soundfile.write(file, music(200_000), RATE, subtype, format=kind)
    data = soundfile.read(io.BytesIO(file.getvalue()), dtype="float32")[0]
    played = Played(open_source(FileObject(file)))
    assert np.array_equal(played.run_to_end(), data)
    for target in (150_000, 3, 77_777):
        again = Played(open_source(FileObject(file)), start=target).run_to_end()
        again = again[RAMP:]
        assert np.array_equal(again, data[target:][RAMP:]), target


def test_a_file_that_raises_ends_with_its_words():
    class Torn(io.BytesIO):
        def read(self, *arguments):
            if self.tell() > 100_000:
                raise OSError("the tape is torn")
            return super().read(*arguments)

    soundfile.write(whole := io.BytesIO(), music(100_000), RATE, "PCM_16", format="WAV")
    source = open_source(FileObject(Torn(whole.getvalue())))
    played = Played(source)
    out = played.run_to_end()
    assert 20_000 < len(out) < 60_000
    assert played.stream.outcomes()[0].error == decode.ERROR_WINDOW
    assert "the tape is torn" in source.failure


def test_one_file_may_be_read_twice_at_once():
    soundfile.write(file := io.BytesIO(), data := music(30_000), RATE, "FLOAT", format="WAV")
    location = FileObject(file)
    one, other = open_source(location).chunks(1000), open_source(location).chunks(1000)
    for k, (a, b) in enumerate(zip(one, other, strict=True)):
        assert np.array_equal(a, b)
        assert np.array_equal(a, data[1000 * k :][: len(a)])


def test_a_text_file_and_other_things_are_no_locations():
    for thing in (io.StringIO("x"), 3, None, ["a.wav"], (1, 2, 3), ("a.wav", "b.wav")):
        with pytest.raises(UsageError):
            as_location(thing)
    assert _checked_inputs(("a.wav", "b.wav")) == ["a.wav", "b.wav"], "two paths are no array"
    assert isinstance(_checked_inputs((np.zeros(9), RATE))[0], Samples)


# --- windows --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ahead_s", "behind_s"), [(0.5, 0.1), (0.03, 0.0), (0.02, 0.3)])
def test_a_window_arrives_bit_for_bit_round_and_round(ahead_s, behind_s):
    data = music(200_000)
    assert np.array_equal(Played(window_of(data, ahead_s, behind_s)).run_to_end(), data)


def test_a_window_overtaken_by_the_ear_falls_silent_with_a_ramp_and_resumes_with_one():
    data = music(100_000) + np.float32(2.0)  # never zero: silence is what we make
    source = window_of(data, 10.0, allowed=20_000)
    played = Played(source, ring_s=0.1)
    before = played.run(10_000)
    wait_for(lambda: source._record.load("end") == 20_000)
    before = np.concatenate([before, played.run(20_000, wait=False)])
    assert played.stream.is_starved
    assert played.stream.is_refilling
    count = played.stream.counters()
    assert (count.number("stalls"), count.number("underruns")) == (1, 0)
    fade = int(np.argmax((before[:20_000] != data[:20_000]).any(axis=1))) - 1
    assert 20_000 - RAMP <= fade < 20_000
    held = np.concatenate([data[fade:20_000], data[19_999:20_000].repeat(RAMP, axis=0)])[:RAMP]
    down = oracles.ramp(1, 0, RAMP, RAMP).astype(np.float32)[:, None]
    assert np.array_equal(before[:fade], data[:fade])
    assert np.array_equal(before[fade : fade + RAMP], held * down)
    assert not before[fade + RAMP :].any()

    source._decoder.allow(1 << 60)
    after = played.run(60_000)
    start = int(np.argmax(after.any(axis=1)))
    up = oracles.ramp(0, 1, RAMP, 40_000).astype(np.float32)[:, None]
    first = int(up[0, 0] == 0)  # of the ramp, where that frame is silence
    wanted = (data[20_000:60_000] * up)[first:]
    assert np.array_equal(after[start : start + len(wanted)], wanted), "no frame is lost"


def test_a_seek_within_the_window_asks_no_decoder_and_one_outside_does():
    data = music(400_000)
    source = window_of(data, 2.0, 2.0)
    played = Played(source)
    played.run(100_000)

    def hear(target):
        played.stream.jump()
        played.post(target, reused=True)
        out = played.run(RAMP + 5000)[RAMP:]
        return out[-2000:], source._record.load("at")

    for target in (90_000, 120_000, 300_000, 20_000, 399_000, 0, 399_999):
        tail, _ = hear(target)
        if target < 390_000:
            place = np.flatnonzero((data == tail[0]).all(axis=1))
            assert len(place) == 1
            assert np.array_equal(tail, data[place[0] :][:2000])
            assert target <= place[0] <= target + 6000
    assert source._decoder.sought == [300_000, 20_000, 399_000, 0, 399_999]


def test_random_seeks_are_exact_in_a_small_window():
    data = np.arange(1, 300_001, dtype=np.float32)[:, None].repeat(2, axis=1) / 2**24
    played = Played(window_of(data, 0.06, 0.03))
    rng = np.random.default_rng(5)
    for target in rng.integers(0, 290_000, 60).tolist():
        played.stream.jump()
        played.post(target, reused=True)
        out = played.run(RAMP + 256 * int(rng.integers(6, 30)))
        tail = out[-300:, 0] * 2**24
        assert np.array_equal(np.diff(tail), np.ones(299)), target
        assert target < tail[0] < target + len(out) + 1


def test_an_array_that_ends_and_a_cut_have_no_error_and_a_failure_has():
    for options, end, error, frames in (
        ({}, None, 0, 30_000),
        ({}, 10_000, 0, 10_000),
        ({"failure": SourceError("it", "the server is gone")}, None, decode.ERROR_WINDOW, 30_000),
        ({"failure": SourceError("it", "the server is gone")}, 10_000, 0, 10_000),
        ({"failure": ValueError("a bug")}, None, decode.ERROR_WINDOW, 30_000),
    ):
        source = window_of(music(30_000), **options)
        played = Played(source, end=end)
        played.run_to_end()
        outcome = played.stream.outcomes()[0]
        assert (outcome.error, outcome.frames) == (error, frames)
        if error:
            assert source.failure
    assert "bug" not in source.failure, "that is in the log"


def test_what_cannot_seek_goes_on_from_where_it_is():
    """Radio: there is no going back beyond the window, nor ahead."""
    data = music(400_000)
    source = window_of(data, 0.5, 0.2, is_seekable=False)
    played = Played(source, ring_s=0.1)
    played.run(100_000)
    first, last = source._begin, source._record.load("end")
    assert 0 < first < 100_000 < last
    assert source.nearest(5) == first
    assert source.nearest(399_999) == last
    at = f"{last / RATE:.2f}"
    assert source.notices()[-1] == f"it cannot be sought in so far: it goes on at {at} s"
    assert source.nearest(100_000) == 100_000
    assert source.notices() == []
    played.stream.jump()
    played.post(5, reused=True)  # as if the window had moved on meanwhile
    out = played.run(20_000)[-2000:]
    place = np.flatnonzero((data == out[0]).all(axis=1))
    assert np.array_equal(out, data[place[0] :][:2000])
    assert not source._decoder.sought


def test_a_window_that_is_closed_ends_its_filler():
    before = set(threading.enumerate())
    sources = [window_of(music(400_000)), window_of(music(1000), allowed=10)]
    for source in sources:
        Played(source).run(5, wait=False)
    wait_for(lambda: sources[0]._record.load("fill_at") > 0)
    assert len(set(threading.enumerate()) - before) == 2
    for source in sources:
        source.close()
        source.close()
    wait_for(lambda: set(threading.enumerate()) <= before, what="the fillers to end")
    assert all(source._decoder.is_closed and source.is_closed for source in sources)


def test_of_a_track_that_is_to_come_ten_seconds_are_decoded():
    source = window_of(np.zeros((30 * RATE, 2), np.float32), 25.0, 1.0)
    source.serve(Signal(), None)
    wait_for(lambda: source._record.load("fill_at") == 1)
    assert 10 * RATE <= source._record.load("end") < 10 * RATE + 4096
    Played(source).run(100)
    wait_for(lambda: source._record.load("end") >= 25 * RATE)
    source.close()


def test_a_window_never_takes_more_memory_than_is_stated():
    class Wide(Given):
        sample_rate, channels, order = 384_000, 8, ("left", "right") * 4

    source = OpenWindow("wide", Wide(np.zeros((10, 8), np.float32)))
    assert 4 * 8 * source._capacity <= window._MOST_BYTES
    assert OpenWindow("plain", Given(music(10)))._capacity == 70 * RATE


# --- through the player ---------------------------------------------------------------------------


def heard(player, frames):
    out = player._output.captures[-1].captured()
    start = int(np.argmax(np.abs(out).sum(axis=1) > 0))
    return out[start : start + frames]


@pytest.mark.parametrize("kind", ["array", "pair", "file", "appended"])
def test_the_player_plays_what_is_in_memory(kind):
    data = music(20_000) + np.float32(2.0)
    soundfile.write(file := io.BytesIO(), data, RATE, "FLOAT", format="WAV")
    what = {"array": Samples(data, RATE, "a take"), "file": file}.get(kind, (data, RATE))
    with Player("null", block_size=64) as player:
        player._output.capture_s = 2.0
        if kind == "appended":
            player.queue.append(what)
            player.play()
        else:
            player.play(what)
        assert player.duration == 20_000 / RATE
        assert player.wait(10)
        assert np.array_equal(heard(player, 20_000), data)
        report = player.report()
        assert report["underruns"] == report["stalls"] == 0
        track = report["tracks"][0]
        assert (track["status"], track["frames"]) == ("played", 20_000)
        title = {"array": "a take", "file": "<BytesIO>"}.get(kind, "<float32 samples, (20000, 2)>")
        assert track["path"] == title
        assert report["decoded_ahead_s"]["now"] is None


def test_the_report_says_how_long_a_frozen_interpreter_is_survived(make_file):
    with Player("null", block_size=64) as player:
        player.play((music(20 * RATE), RATE))
        wait_for(lambda: player.position > 0.2)
        ahead = player.report()["decoded_ahead_s"]
        assert 18.0 < ahead["now"] < 20.0
        assert ahead["now"] <= ahead["most"] <= 20.0
        player.play(make_file(frames=48_000)[0])
        wait_for(lambda: player.position > 0.1)
        assert player.report()["decoded_ahead_s"] == {"now": None, "most": ahead["most"]}


def test_what_a_window_has_to_tell_is_an_event(monkeypatch):
    source = window_of(music(100_000), failure=SourceError("it", "the server is gone; try later"))
    monkeypatch.setattr("zerocross.player.opener.open_source", lambda _: source)
    with Player("null", block_size=64) as player:
        seen = []
        player.events.subscribe(seen.append)
        player.play("radio")
        source._decoder.notices.add("the connection was lost")
        wait_for(lambda: any(event.kind == "notice" for event in seen))
        assert player.wait(10)
        told = [(e.kind, e.message) for e in seen if e.kind in {"notice", "error"}]
        assert told == [
            ("notice", "radio: the connection was lost"),
            ("error", "radio: the server is gone; try later"),
        ]
        assert player.queue[0].status == "truncated"


def test_a_window_that_dries_up_is_told_as_buffering_and_not_as_underruns(monkeypatch):
    source = window_of(music(10 * RATE), 10.0, allowed=RATE)
    monkeypatch.setattr("zerocross.player.opener.open_source", lambda _: source)
    with Player("null", block_size=64) as player:
        seen = []
        player.events.subscribe(seen.append)
        player.play("radio")
        wait_for(lambda: player.state == "buffering")
        source._decoder.allow(1 << 60)
        wait_for(lambda: player.state == "playing")
        wait_for(lambda: player.position > 1.5)
        report = player.report()
        assert (report["underruns"], report["stalls"]) == (0, 1)
        told = [e.message for e in seen if e.kind in {"buffering", "resumed"}]
        assert "too little of it has come yet" in told[0]
        assert len(told) == 2


# --- offline --------------------------------------------------------------------------------------


def test_render_takes_them_too(tmp_path):
    data = music(50_000)
    soundfile.write(file := io.BytesIO(), data, RATE, "FLOAT", format="WAV")
    done = render([(data, RATE), file, Samples(data, RATE)], tmp_path / "x.wav", bits="float")
    assert done.frames == 150_000
    assert np.array_equal(read_audio(tmp_path / "x.wav")[0].T, np.concatenate([data] * 3))
    assert np.array_equal(read_audio(Samples(data, RATE))[0].T, data)
    assert OpenSamples(Samples(data, RATE)).duration_s == 50_000 / RATE


@pytest.mark.parametrize("when", [0, 1, 2, 5])
@pytest.mark.parametrize("does", [OSError("no"), SystemExit(1), 1 << 70, -5, None])
def test_a_file_whose_seek_fails_is_told_in_a_line(capfd, does, when):
    class Torn(io.BytesIO):
        count = 0

        def seek(self, *arguments):
            self.count += 1
            if self.count > when and isinstance(does, BaseException):
                raise does
            return super().seek(*arguments)

        def tell(self):
            is_torn = self.count > when and not isinstance(does, BaseException)
            return does if is_torn else super().tell()

        def seekable(self):
            if when == 5 and does is None:
                raise OSError("who knows")
            return True

    soundfile.write(whole := io.BytesIO(), music(100_000), RATE, "PCM_16", format="WAV")
    with contextlib.suppress(SourceError):
        source = open_source(FileObject(Torn(whole.getvalue())))
        for _ in range(3):
            source._decoder.read()
        if source._decoder.is_seekable:
            source._decoder.seek(1000)
        source.close()
    assert capfd.readouterr().err == ""
