"""What follows is exchanged while something plays: by numbers, at every moment, without a device.

A stream of files is driven by hand: the decode thread's step and the callback in turn. What is heard
is compared with the files, frame by frame.
"""

from __future__ import annotations

import itertools
import threading
import time

import numpy as np
import pytest

from conftest import wait_for
from zerocross import Chain, RealtimeError, UsageError, processor
from zerocross.dsp.resample import resample_signal
from zerocross.effects import Gain
from zerocross.engine.file_stream import FileStream
from zerocross.engine.heard import heard_at
from zerocross.engine.layouts import MARK, MARKS
from zerocross.sources.opening import open_source

RATE = 48_000
BLOCK = 480
RAMP = 480


class Driven:
    """A stream of files that a test drives."""

    def __init__(self, rate=RATE, ring_s=0.2, longest_s=0.8, channels=1):
        self.stream = FileStream(rate, channels, ring_s=ring_s, longest_s=longest_s)
        self.stream.set_playing(True)
        self.blocks, self.sources, self._serial = [], [], itertools.count(1)

    def post(self, path, start=0, **options):
        source = open_source(path)
        self.sources.append(source)
        serial = next(self._serial)
        self.stream.post(serial, source, start, **options)
        return serial

    def run(self, frames):
        """Play some frames, a block at a time, the decode thread always in time."""
        for first in range(0, frames, BLOCK):
            self.stream.decode()
            self.stream.outcomes()
            block = np.empty((min(BLOCK, frames - first), self.stream.channels), np.float32)
            self.stream.render(block)
            self.blocks.append(block)

    def run_to_the_end(self, most=400_000):
        while not self.stream.ended and most > 0:
            self.run(BLOCK)
            most -= BLOCK
        assert self.stream.ended

    def heard(self):
        return np.concatenate(self.blocks)

    def close(self):
        self.stream.close()
        for source in self.sources:
            source.close()


@pytest.fixture
def driven():
    made = []

    def make(**options):
        made.append(Driven(**options))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def songs(make_file):
    """Three files and what is in them: of 0.5 s each, one channel."""
    lengths = {"a": 24_000, "b": 9_000, "c": 20_000}
    return {
        name: make_file(f"{name}.wav", frames=frames, channels=1, seed=number)
        for number, (name, frames) in enumerate(lengths.items())
    }


def from_the_first(out, wanted):
    """Return what was heard from the frame on at which something was: as long as what is wanted."""
    start = int(np.argmax(out[:, 0] != 0)) - int(np.argmax(wanted[:, 0] != 0))
    assert not out[start + len(wanted) :].any(), "and nothing after it"
    return out[start : start + len(wanted)]


@pytest.mark.parametrize("at", range(0, 24_000, 1_440))
def test_what_follows_is_exchanged_at_any_moment_without_a_trace(driven, songs, at):
    """Where it lies in the ring already, or not yet, or is not begun: the join is exact."""
    stream = driven()
    first = stream.post(songs["a"][0])
    stream.post(songs["b"][0])
    stream.stream.post_end()
    stream.run(BLOCK + at // BLOCK * BLOCK)
    stream.stream.jump_after(first)
    stream.post(songs["c"][0])
    stream.stream.post_end()
    stream.run_to_the_end()
    wanted = np.concatenate([songs["a"][1], songs["c"][1]])
    assert np.array_equal(from_the_first(stream.heard(), wanted), wanted)
    report = stream.stream.report()
    assert (report["frames_played"], report["underruns"], report["stalls"]) == (44_000, 0, 0)
    assert stream.stream.count("source_frames_played") == 44_000


def test_what_follows_may_be_exchanged_many_times(driven, songs):
    stream = driven()
    first = stream.post(songs["a"][0])
    for _ in range(40):
        stream.post(songs["b"][0])
        stream.stream.post_end()
        stream.run(BLOCK)
        stream.stream.jump_after(first)
    stream.post(songs["c"][0])
    stream.stream.post_end()
    stream.run_to_the_end()
    wanted = np.concatenate([songs["a"][1], songs["c"][1]])
    assert np.array_equal(from_the_first(stream.heard(), wanted), wanted)


def test_a_track_may_be_added_after_its_end_was_announced(driven, songs):
    stream = driven()
    first = stream.post(songs["a"][0])
    stream.stream.post_end()
    stream.run(23_520)
    stream.stream.jump_after(first)
    stream.post(songs["b"][0])
    stream.stream.post_end()
    stream.run_to_the_end()
    wanted = np.concatenate([songs["a"][1], songs["b"][1]])
    assert np.array_equal(from_the_first(stream.heard(), wanted), wanted)


def test_what_has_begun_already_ends_with_a_ramp(driven, songs):
    stream = driven()
    first = stream.post(songs["a"][0])
    stream.post(songs["b"][0])
    stream.stream.post_end()
    stream.run(24_000 + 5 * BLOCK)
    stream.stream.jump_after(first)
    stream.post(songs["c"][0])
    stream.stream.post_end()
    stream.run_to_the_end()
    out = stream.heard()[:, 0]
    start = int(np.argmax(out != 0)) - int(np.argmax(songs["a"][1][:, 0] != 0))
    heard_of_b = 24_000 + 5 * BLOCK - start
    fading = out[start + 24_000 + heard_of_b - 24_000 :][:RAMP]
    gains = 1 - np.arange(RAMP) / RAMP
    wanted = songs["b"][1][heard_of_b - 24_000 :, 0][:RAMP] * gains
    assert np.allclose(fading, wanted, atol=1e-6)
    last = songs["c"][1][:, 0]
    assert np.array_equal(
        out[-len(out) :][out.size - np.argmax(out[::-1] != 0) - 1 :][:1], last[-1:]
    )


def test_a_pause_does_not_drop_what_is_kept(driven, songs):
    stream = driven()
    first = stream.post(songs["a"][0])
    stream.post(songs["b"][0])
    stream.run(4_800)
    stream.stream.set_playing(False)
    stream.run(4_800)
    stream.stream.jump_after(first)
    stream.post(songs["c"][0])
    stream.stream.post_end()
    stream.run(4_800)
    stream.stream.set_playing(True)
    stream.run_to_the_end()
    assert stream.stream.frames_played == 44_000


def test_a_jump_that_was_not_heard_yet_is_kept(driven, songs):
    stream = driven()
    stream.post(songs["a"][0])
    stream.run(4_800)
    stream.stream.jump()
    second = stream.post(songs["b"][0])
    stream.post(songs["a"][0])
    stream.stream.jump_after(second)
    stream.post(songs["c"][0])
    stream.stream.post_end()
    stream.run_to_the_end()
    out = stream.heard()[:, 0]
    last = np.concatenate([songs["b"][1], songs["c"][1]])[:, 0]
    end = len(out) - int(np.argmax(out[::-1] != 0))
    assert np.array_equal(out[end - len(last) : end], last)


@pytest.mark.parametrize("at", range(0, 18_000, 2_400))
def test_resampled_tracks_are_exchanged_as_exactly(driven, make_file, at):
    songs = [
        make_file(f"{seed}.wav", frames=9_000, channels=1, sample_rate=44_100, seed=seed)
        for seed in range(3)
    ]
    stream = driven()
    first = stream.post(songs[0][0])
    stream.post(songs[1][0])
    stream.stream.post_end()
    stream.run(BLOCK + at // 2 // BLOCK * BLOCK)
    stream.stream.jump_after(first)
    stream.post(songs[2][0])
    stream.stream.post_end()
    stream.run_to_the_end()
    out = stream.heard()[:, 0]
    both = [np.concatenate([songs[0][1], songs[2][1]]).T]
    wanted = resample_signal(both[0], 44_100, RATE, "high")[0]
    begun = int(np.argmax(out != 0)) - int(np.argmax(wanted != 0))
    heard = out[begun:][: len(wanted)]
    # The filter may have reached into what was withdrawn: some frames at the join, no more.
    differs = np.flatnonzero(heard != wanted[: len(heard)])
    join = 9_000 * RATE / 44_100
    assert abs(stream.stream.frames_played - len(wanted)) <= 1
    assert differs.size == 0 or differs.min() > join - 200


# --- loops ------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [RATE, 44_100])
def test_a_loop_has_its_length_to_the_frame(driven, make_file, rate):
    path, data = make_file(frames=rate, channels=1, sample_rate=rate)
    first, end = 7_001, 15_002
    stream = driven(rate=rate)
    stream.post(path, first, loop=(first, end))
    stream.run(6 * 8_001 + 4_800)
    out = stream.heard()[:, 0]
    begun = int(np.argmax(out != 0)) - 1  # the ramp's first frame is 0
    rounds = [out[begun + k * 8_001 :][:8_001] for k in range(1, 5)]
    for each in rounds[1:]:
        assert np.array_equal(each, rounds[0])
    gains = np.minimum(1.0, np.arange(8_001) / (rate // 100))
    gains *= np.minimum(1.0, np.arange(8_001)[::-1] / (rate // 100))
    wanted = data[first:end, 0] * gains
    assert np.allclose(rounds[0], wanted, atol=1e-6)
    assert np.abs(np.diff(out)).max() < np.abs(np.diff(data[:, 0])).max() * 1.01
    assert stream.stream.heard().serial == 1
    assert first <= stream.stream.heard().file_frame < end


def test_a_loop_of_a_resampled_track_keeps_its_length(driven, make_file):
    path, _ = make_file(frames=44_100, channels=1, sample_rate=44_100)
    stream = driven()
    stream.post(path, 4_410, loop=(4_410, 8_820))  # 4800 frames at 48 kHz
    stream.run(8 * 4_800)
    out = stream.heard()[:, 0]
    begun = int(np.argmax(np.abs(out) > 1e-9))
    rounds = [out[begun + k * 4_800 + 4_000 :][:4_800] for k in range(6)]
    for each in rounds[1:]:
        assert np.allclose(each, rounds[0], atol=1e-6)


@pytest.mark.parametrize("name", ["song.flac", "song.ogg", "song.mp3"])
def test_compressed_files_loop_as_exactly(driven, make_file, name):
    path, data = make_file(name, frames=48_000, channels=1)
    first, end = 12_000, 16_800
    stream = driven()
    stream.post(path, first, loop=(first, end))
    stream.run(5 * 4_800 + 9_600)
    out = stream.heard()[:, 0]
    begun = int(np.argmax(out != 0)) - 1
    gains = np.minimum(1.0, np.arange(4_800) / RAMP) * np.minimum(
        1.0, np.arange(4_800)[::-1] / RAMP
    )
    wanted = data[first:end, 0] * gains
    for k in range(1, 5):
        assert np.allclose(out[begun + k * 4_800 :][:4_800], wanted, atol=2e-3), k


# --- chains -----------------------------------------------------------------------------------


class Steady:
    """A constant that plays, called by a thread as a device would."""

    def __init__(self, driven):
        self.driven, self.stream = driven, driven.stream
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._play)
        self._thread.start()
        self.pass_by(10)

    def _play(self):
        while not self._ends.is_set():
            self.driven.run(BLOCK)
            time.sleep(0.0005)

    def pass_by(self, blocks):
        """Wait for so many blocks."""
        count = len(self.driven.blocks) + blocks
        wait_for(lambda: len(self.driven.blocks) >= count)

    @property
    def level(self):
        self.pass_by(6)
        return float(np.median(self.driven.blocks[-1]))  # a join is one frame of it

    def end(self):
        self._ends.set()
        self._thread.join()


@pytest.fixture
def steady(driven, make_file):
    path, _ = make_file(frames=9_600, channels=1, data=np.full((9_600, 1), 0.5, np.float32))
    each = driven()
    each.post(path, loop=(0, 9_600))
    each.stream.transport["ramp_frames"] = each.stream.decoder["fade_frames"] = 1
    made = Steady(each)
    yield made
    made.end()


def test_a_chain_is_exchanged_with_a_crossfade(steady):
    stream, levels = steady.stream, []
    for chain in (Chain(Gain(gain_db=-6.0)), Chain(Gain(gain_db=-12.0)), None):
        stream.exchange_chain(chain)
        levels.append(steady.level)
    steady.end()
    out = steady.driven.heard()[:, 0]
    out = out[np.argmax(out > 0.4) :]
    out = out[out > 0.1]  # without the loop's joins, of a frame each
    assert np.abs(np.diff(out)).max() < 4 * 0.5 / 960, "no step, though a join may be in a fade"
    assert levels == pytest.approx([0.5 * 10**-0.3, 0.5 * 10**-0.6, 0.5], abs=1e-6)
    assert not stream.record.load("fades")


def test_a_refused_chain_leaves_the_old_one_playing(steady):
    @processor
    class Allocates:
        def process(self, block):
            block.out[:] = block.input + len([1] * block.frames)

    old = Chain(Gain(gain_db=-6.0))
    steady.stream.exchange_chain(old)
    for refused, error in ((Chain(Allocates()), RealtimeError), (Chain(old.parts[0]), UsageError)):
        with pytest.raises(error):
            steady.stream.exchange_chain(refused)
        assert steady.level == pytest.approx(0.5 * 10**-0.3, abs=1e-6)
    old.append(Gain(gain_db=-6.0))
    assert steady.level == pytest.approx(0.5 * 10**-0.6, abs=1e-6), "it still changes"


def test_the_chain_that_was_exchanged_is_free(steady):
    old, new = Chain(Gain(gain_db=-12.0)), Chain(Gain(gain_db=-6.0))
    steady.stream.exchange_chain(old)
    steady.stream.exchange_chain(new)
    assert (old.plays, new.plays) == (False, True)
    assert old.render(np.ones(10, np.float32), RATE)[0] == pytest.approx(10**-0.6)
    other = FileStream(RATE, 1)
    with pytest.raises(UsageError, match="plays already"):
        other.exchange_chain(new)
    other.close()
    assert new.plays
    assert steady.level == pytest.approx(0.5 * 10**-0.3, abs=1e-6)


# --- where it is ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("silent", "before", "sounded", "lag"),
    [
        (0, 0, 5_000, 1_000),  # in the middle
        (0, 9_000, 200, 200),  # 200 frames after a long silence: the device still has 800 of it
        (0, 300, 200, 700),  # after a short one: 200 since, 300 of silence, 500 before
        (400, 0, 5_000, 600),  # silence for 400 frames: of 1000, 600 are of before
        (9_000, 0, 5_000, 0),
    ],
)
def test_what_is_heard_is_behind_by_music_not_by_silence(silent, before, sounded, lag):
    marks = np.zeros(MARKS, MARK)
    marks[0] = (0, 1, 7, 0, RATE, 0, 0)
    position = {
        "ring_frame": 20_000,
        "epoch_start": 0,
        "silent_frames": silent,
        "epoch": 1,
        "marks_taken": 1,
        "ended": 0,
        "silence_before": before,
        "sounded_frames": sounded,
    }
    assert heard_at(position, marks, 1_000, RATE).file_frame == 20_000 - lag


def test_a_burst_of_changes_leaves_room_for_marks(driven, songs, make_file):
    tiny, _ = make_file("tiny.wav", frames=50, channels=1)
    stream = driven()
    first = stream.post(songs["a"][0])
    stream.run(16_800)  # the rest is in the ring
    for _ in range(60):
        for _ in range(3):
            stream.post(tiny)
        stream.stream.post_end()
        stream.stream.decode()
        stream.stream.outcomes()
        stream.stream.jump_after(first)
    stream.post(songs["c"][0])
    stream.stream.post_end()
    stream.run_to_the_end()
    wanted = np.concatenate([songs["a"][1], songs["c"][1]])
    assert np.array_equal(from_the_first(stream.heard(), wanted), wanted)
