"""The player on the null device: queue, transport, events, report, and random operations."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import io
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from conftest import music, wait_for
from zerocross import Chain, DeviceError, DeviceNotFound, Player, SourceError, Stream, UsageError
from zerocross.devices.discovery import NULL_DEVICE
from zerocross.devices.miniaudio import Device
from zerocross.dsp.resample import resample_signal
from zerocross.effects import Gain
from zerocross.engine.counters import BUCKETS, SLOW_NS, Counters
from zerocross.engine.file_stream import FileStream
from zerocross.engine.timing import bucket_of
from zerocross.errors import ZerocrossError
from zerocross.offline import render
from zerocross.player import Events, Queue, opener
from zerocross.player.budget import Budget
from zerocross.player.feed import Feed
from zerocross.player.notifications import Event
from zerocross.player.supervisor import Supervisor
from zerocross.player.watch import HeldUp, Watch
from zerocross.sources.opening import open_source

RATES = (48_000, 44_100)


class Seen(Player):
    """A player that keeps what it tells."""

    seen: list = []  # noqa: RUF012  each object gets its own


@pytest.fixture
def player():
    with Seen("null", block_size=64) as made:
        made.seen = []
        made.events.subscribe(made.seen.append)
        yield made


def kinds(player):
    return [event.kind for event in player.seen]


def captured(player, index=-1):
    return player._output.captures[index].captured()


def test_a_file_is_played_to_its_last_frame(player, make_file):
    path, decoded = make_file(frames=20_000)
    player._output.capture_s = 1.0
    player.play(path)
    assert player.state == "playing"
    assert player.wait(10)
    out = captured(player)
    start = int(np.argmax(np.abs(out).sum(axis=1) > 0)) - int(
        np.argmax(np.abs(decoded).sum(axis=1) > 0)
    )
    assert np.array_equal(out[start : start + 20_000], decoded)
    assert not out[start + 20_000 :].any()
    report = player.report()
    assert report["frames_played"] == 20_000
    assert report["underruns"] == report["faults"] == 0
    assert report["tracks"] == [
        {"path": str(path), "frames": 20_000, "status": "played", "error": None}
    ]
    assert kinds(player) == ["device", "track", "finished"]


def test_the_report_has_what_is_promised(player, make_file):
    player.play(make_file(frames=10_000)[0])
    player.wait(10)
    report = player.report()
    asked = {grant["what"] for grant in report["realtime"]}
    asked = {what for what in asked if not what.startswith("memory on node")}  # where there are two
    assert asked == {"real-time priority", "locked memory"}
    assert set(report) == {
        "sample_rate",
        "channels",
        "block_size",
        "backend",
        "device",
        "frames_played",
        "seconds",
        "callbacks",
        "late_callbacks",
        "underruns",
        "stalls",
        "deadline_ns",
        "callback_ns",
        "callback_histogram",
        "slow_callbacks",
        "latency_frames",
        "ring_frames",
        "scratch",
        "share_of_deadline",
        "arrival_jitter_ns",
        "late_causes",
        "recent_callbacks",
        "ring_low_water_frames",
        "decode_seconds",
        "decoded_ahead_s",
        "faults",
        "realtime",
        "tracks",
    }
    assert set(report["callback_ns"]) == {"p50", "p99", "p999", "max"}
    assert (report["sample_rate"], report["channels"], report["backend"]) == (48_000, 2, "null")
    assert report["deadline_ns"] == round(report["block_size"] * 1e9 / 48_000)
    assert report["seconds"] == pytest.approx(10_000 / 48_000)
    times = report["callback_histogram"]
    assert sum(count for _, count in times) == report["callbacks"]
    assert sum(count for limit, count in times if limit > SLOW_NS) == report["slow_callbacks"]
    assert times[-1][0] >= report["callback_ns"]["max"]
    assert report["scratch"] is None, "no effects"
    assert player.report(tracks=False).keys() == report.keys() - {"tracks"}


def test_the_report_tells_of_the_ring_and_of_the_effects_scratch_memory(make_file):
    with Player("null", block_size=512, effects=Chain(Gain())) as player:
        assert player.report()["ring_frames"] == 0
        player.play(make_file(frames=48_000)[0])
        wait_for(lambda: player.report()["callbacks"] > 2, what="callbacks")
        report = player.report()
        assert report["ring_frames"] == 48_000, "a second"
        assert report["latency_frames"] == player.latency_frames > 0
        assert report["scratch"] == {"size": 4 << 20, "high_water": 0, "needed": 0}


def test_slow_callbacks_are_told_from_the_histogram():
    counts = np.zeros(BUCKETS, np.int64)
    counts[bucket_of.function(999_999)] = 3
    counts[bucket_of.function(1_060_000)] = 2
    counted = Counters({"histogram": counts})
    assert counted.slow_callbacks() == 2
    assert [count for _, count in counted.histogram()] == [3, 2]


def test_where_a_device_takes_every_rate_each_track_has_its_own(player, tmp_path):
    for name, rate in (("a", 48_000), ("b", 48_000), ("c", 44_100)):
        soundfile.write(
            tmp_path / f"{name}.wav", music(rate // 4, 1, sample_rate=rate), rate, "FLOAT"
        )
    player._output.capture_s = 2.0
    player.play(tmp_path / "a.wav", tmp_path / "b.wav", tmp_path / "c.wav")
    assert player.wait(10)
    assert [t.status for t in player.queue] == ["played"] * 3
    assert [t.frames for t in player.queue] == [12_000, 12_000, 11_025]
    assert player.report()["frames_played"] == 35_025
    assert player.report()["seconds"] == pytest.approx(0.75)
    assert kinds(player).count("device") == 2
    joined = captured(player, 0)[:, 0]
    start = int(np.argmax(np.abs(joined) > 0))
    both = np.concatenate([soundfile.read(tmp_path / f"{n}.wav", dtype="float32")[0] for n in "ab"])
    lead = int(np.argmax(np.abs(both) > 0))
    assert np.array_equal(joined[start - lead : start - lead + len(both)], both)


@pytest.fixture
def fixed_device(monkeypatch):
    """The null device as one that takes 48 kHz only, as a sound server does."""
    device = dataclasses.replace(NULL_DEVICE, natives=((0, 2, 48_000),))
    monkeypatch.setattr("zerocross.player.output.find_devices", lambda name: [device])


def test_on_a_device_of_one_rate_tracks_are_resampled_and_join(fixed_device, player, tmp_path):
    for name, rate in (("a", 44_100), ("b", 48_000), ("c", 96_000)):
        soundfile.write(
            tmp_path / f"{name}.wav", music(rate // 4, 1, sample_rate=rate), rate, "FLOAT"
        )
    player._output.capture_s = 2.0
    paths = [tmp_path / f"{name}.wav" for name in "abc"]
    player.play(*paths)
    assert player.wait(10)
    assert [t.status for t in player.queue] == ["played"] * 3
    assert [t.frames for t in player.queue] == [11_025, 12_000, 24_000]
    report = player.report()
    assert (report["frames_played"], report["underruns"]) == (47_025, 0)
    assert report["seconds"] == pytest.approx(0.75)
    assert kinds(player).count("device") == 1
    render(paths, tmp_path / "out.wav", bits="float", channels=2, sample_rate=48_000)
    expected = soundfile.read(tmp_path / "out.wav", dtype="float32")[0]
    joined = captured(player, 0)
    start = int(np.argmax(joined[:, 0] != 0)) - int(np.argmax(expected[:, 0] != 0))
    assert np.array_equal(joined[start : start + len(expected)], expected)


@pytest.mark.parametrize("quality", ["medium", "very high"])
def test_tracks_are_resampled_as_well_as_is_asked(fixed_device, tmp_path, quality):
    data = music(22_050, sample_rate=44_100)
    soundfile.write(tmp_path / "a.wav", data, 44_100, "FLOAT")
    with Player("null", quality=quality) as player:
        player._output.capture_s = 1.0
        player.play(tmp_path / "a.wav")
        assert player.wait(10)
        expected = resample_signal(data.T, 44_100, 48_000, quality).T
        heard = captured(player, 0)
        start = int(np.argmax(heard[:, 0] != 0)) - int(np.argmax(expected[:, 0] != 0))
        assert np.array_equal(heard[start : start + len(expected)], expected)
    render([tmp_path / "a.wav"], tmp_path / "out.wav", sample_rate=48_000, quality=quality)
    rendered = soundfile.read(tmp_path / "out.wav", dtype="float32")[0]
    assert np.array_equal(rendered, expected)


def test_a_seek_in_a_resampled_track_is_in_its_own_time(fixed_device, player, tmp_path):
    soundfile.write(tmp_path / "a.wav", music(441_000, sample_rate=44_100), 44_100)
    player.play(tmp_path / "a.wav")
    player.pause()
    player.seek(5.0)
    assert player.position == pytest.approx(5.0)
    assert player.state == "paused"
    player.resume()
    wait_for(lambda: player.position > 5.2)
    assert player.position < 6.5


@pytest.mark.parametrize(
    ("natives", "rate", "expected"),
    [
        ((), 44_100, 44_100),
        (((0, 0, 0),), 44_100, 44_100),
        (((0, 2, 44_100), (0, 2, 96_000)), 44_100, 44_100),
        (((0, 2, 44_100), (0, 2, 96_000)), 48_000, 96_000),
        (((0, 2, 44_100), (0, 2, 96_000)), 192_000, 96_000),
    ],
)
def test_the_rate_that_a_device_plays_a_file_at(natives, rate, expected):
    assert dataclasses.replace(NULL_DEVICE, natives=natives).rate_for(rate) == expected


def test_bad_items_are_told_and_skipped(player, make_file, tmp_path):
    good, _ = make_file(frames=5000)
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.mp3").write_text("no music here")
    player.play(
        tmp_path / "missing.flac", good, tmp_path / "empty.wav", tmp_path / "text.mp3", good
    )
    assert player.wait(10)
    assert [t.status for t in player.queue] == ["failed", "played", "failed", "failed", "played"]
    errors = [event.message for event in player.seen if event.kind == "error"]
    assert len(errors) == 3
    assert "no such file" in errors[0]
    assert "empty" in errors[1]
    assert "not playable audio" in errors[2]
    assert all("\n" not in line for line in errors)


def test_nothing_playable_raises(player, tmp_path):
    with pytest.raises(SourceError, match="no such file"):
        player.play(tmp_path / "a.wav", tmp_path / "b.wav")
    assert player.state == "stopped"


def test_pause_seek_resume(player, make_file):
    path, _ = make_file(frames=480_000)
    player.play(path)
    wait_for(lambda: player.position > 0.05)
    player.pause()
    assert player.state == "paused"
    player.seek(5.0)
    assert player.position == pytest.approx(5.0, abs=0.02)
    time.sleep(0.1)
    assert player.position == pytest.approx(5.0, abs=0.02)
    player.resume()
    wait_for(lambda: player.position > 5.1)
    assert player.position < 6.0
    player.seek(100.0)
    assert player.wait(5), "beyond the end is the end"
    assert kinds(player)[-1] == "finished"


def test_next_previous_stop_play(player, make_file):
    paths = [make_file(f"{i}.wav", frames=240_000)[0] for i in range(3)]
    player.play(*paths)
    wait_for(lambda: player.position > 0.02)
    player.next()
    assert player.queue.index == 1
    assert player.queue[0].status == "skipped"
    assert 0 < player.queue[0].frames < 240_000
    player.previous()
    assert player.queue.index == 0
    player.seek(4.0)
    player.previous()
    assert (player.queue.index, player.state) == (0, "playing")
    assert player.position < 0.5
    player.stop()
    assert (player.state, player.position) == ("stopped", 0.0)
    player.play()
    assert player.queue.index == 0
    player.next()
    player.next()
    player.next()
    assert player.state == "stopped"


def test_next_and_previous_keep_a_pause_and_go_to_ends_it(player, make_file):
    paths = [make_file(f"{i}.wav", frames=240_000)[0] for i in range(3)]
    player.play(*paths)
    wait_for(lambda: player.position > 0.02)
    player.pause()
    for move, index in ((player.next, 1), (player.next, 2), (player.previous, 1)):
        move()
        assert (player.queue.index, player.state) == (index, "paused")
    wait_for(lambda: player.duration == 5.0)
    time.sleep(0.1)
    assert player.position == 0.0, "nothing of it is heard"
    player.resume()
    wait_for(lambda: player.position > 0.02)
    assert player.queue.index == 1
    player.pause()
    player.go_to(2)
    assert (player.queue.index, player.state) == (2, "playing")
    player.pause()
    player.next()
    assert player.state == "stopped", "after the last one"


def test_a_file_of_another_rate_takes_another_stream_at_once(player, make_file):
    for rate in RATES:
        player.play(make_file(f"{rate}.wav", frames=96_000, sample_rate=rate)[0])
        assert player.sample_rate == rate
    assert kinds(player).count("device") == 2


def test_a_fault_of_the_callback_is_told_once(player, make_file):
    player.play(make_file(frames=480_000)[0])
    wait_for(lambda: player.position > 0.05)
    record = player._output.stream.record
    sample_format = int(record["sample_format"])
    record["sample_format"] = 77  # one that no open stream has
    wait_for(lambda: "fault" in kinds(player))
    record["sample_format"] = sample_format
    faults = [event.message for event in player.seen if event.kind == "fault"]
    assert all(re.fullmatch(r"the audio kernel reported fault status \d+", f) for f in faults)
    wait_for(lambda: player.report()["faults"] == player._output.told[1] > 0)
    told = kinds(player).count("fault")
    time.sleep(0.1)
    assert kinds(player).count("fault") == told


def test_play_without_files_resumes_or_begins_the_track_anew(player, make_file):
    with pytest.raises(UsageError, match="nothing to play; give at least one file"):
        player.play()
    player.play(make_file(frames=240_000)[0])
    wait_for(lambda: player.position > 0.2)
    player.pause()
    player.play()
    assert kinds(player)[-2:] == ["paused", "resumed"]
    assert (player.state, player.position > 0.2) == ("playing", True)
    player.play(start_s=2.0)
    assert player.position == pytest.approx(2.0, abs=0.2)


def test_a_track_added_while_playing_is_played(player, make_file):
    first, second = make_file("a.wav", frames=20_000)[0], make_file("b.wav", frames=9000)[0]
    player.play(first)
    wait_for(lambda: player.position > 0.1)
    player.queue.append(second)
    assert player.wait(10)
    assert [t.status for t in player.queue] == ["played", "played"]
    assert player.report()["frames_played"] == 29_000


def test_a_track_added_at_the_very_end_is_played_whole(player, make_file, monkeypatch):
    """The end that was reached before it was added is not taken for its own."""
    first, second = make_file("a.wav", frames=4_800)[0], make_file("b.wav", frames=9_000)[0]
    player.play(first)
    feed, look = player._playback.feed, player._supervisor.look
    stream = feed.stream
    with player._lock:  # the supervisor waits meanwhile
        wait_for(lambda: feed.end_posted or look())
        wait_for(lambda: stream.heard().ended)
        ended = stream.heard()
        player.queue.append(second)
        look()
        postings = feed._postings.values()
        wait_for(lambda: all(p.outcome or feed.collect() for p in postings))
        with monkeypatch.context() as context:  # the callback has not begun with it yet
            context.setattr(stream, "heard", lambda: ended)
            look()
    assert player.wait(10)
    assert player.report()["frames_played"] == 13_800
    assert [t.status for t in player.queue] == ["played", "played"]


def test_start_and_duration(player, make_file):
    path, _ = make_file(frames=96_000)
    player.play(path, path, start_s=1.5, duration_s=0.75)
    assert player.wait(10)
    assert player.report()["frames_played"] == 36_000
    assert [t.frames for t in player.queue] == [24_000, 12_000]


@pytest.mark.parametrize("wrong", [-0.001, 1.001, 1.5, float("nan"), float("inf")])
def test_a_volume_beyond_0_to_1_is_refused(player, make_file, tmp_path, wrong):
    words = f"volume {wrong}: give a number from 0 to 1"
    with pytest.raises(UsageError, match=re.escape(words)):
        player.volume = wrong
    assert player.volume == 1.0
    with pytest.raises(UsageError, match=re.escape(words)):
        Player("null", volume=wrong)
    with pytest.raises(UsageError, match=re.escape(words)):
        render([make_file()[0]], tmp_path / "out.wav", volume=wrong)
    assert not (tmp_path / "out.wav").exists()


@pytest.mark.parametrize("right", [0.0, 0.5, 1.0, 1])
def test_a_volume_from_0_to_1_is_applied(player, make_file, tmp_path, right):
    player.volume = right
    assert player.volume == right
    path, decoded = make_file(frames=2400)
    render([path], tmp_path / "out.wav", volume=right)
    out, _ = soundfile.read(tmp_path / "out.wav", dtype="float32")
    assert np.array_equal(out[480:], decoded[480:] * np.float32(right))


@pytest.mark.parametrize(
    ("block_size", "is_right"), [(15, False), (16, True), (65_536, True), (65_537, False)]
)
def test_block_sizes_from_16_to_65536_are_taken(block_size, is_right):
    refused = pytest.raises(UsageError, match=f"block size {block_size}: give 16 to 65536 frames")
    with contextlib.nullcontext() if is_right else refused:
        Player("null", block_size=block_size).close()


def test_unknown_device_names_the_near_ones(make_file):
    with Player("nul device") as wrong, pytest.raises(DeviceNotFound, match="near are"):
        wrong.play(make_file()[0])
    assert wrong.state == "stopped"


def test_a_closed_player_says_so(make_file):
    player = Player("null")
    player.close()
    player.close()
    with pytest.raises(UsageError, match="closed"):
        player.play(make_file()[0])


def test_levels_follow_volume_and_mute(player, make_file):
    path, _ = make_file(frames=480_000, data=np.full((480_000, 2), 0.5, np.float32))
    assert player.levels == []
    player.play(path)
    wait_for(lambda: player.levels and player.levels[0] > 0.49)
    assert player.levels == [0.5, 0.5]
    player.volume = 0.5
    wait_for(lambda: player.levels == [0.25, 0.25])
    player.mute = True
    assert player.mute
    before = player.position
    wait_for(lambda: player.levels[0] < 0.125)
    assert player.position > before, "the audio runs on"
    player.mute = False
    wait_for(lambda: player.levels == [0.25, 0.25])


def test_what_needs_a_stream_says_that_nothing_plays(player, make_file):
    for name in ("tap", "sample_rate"):
        with pytest.raises(UsageError, match="nothing is playing"):
            getattr(player, name)
    assert (player.device, player.latency_frames, player.position) == ("", 0, 0.0)
    assert player.duration is None
    player.play(make_file(frames=480_000)[0])
    assert (player.sample_rate, player.tap.channels, player.duration) == (48_000, 2, 10.0)
    assert player.device == "null device (no sound)"
    assert player.latency_frames == player._output.stream.device.latency_frames > 0


def test_events_can_be_iterated(make_file):
    with Player("null") as player:
        seen = []
        events = iter(player.events)
        reader = threading.Thread(target=lambda: seen.extend(event.kind for event in events))
        reader.start()
        player.play(make_file(frames=2000)[0])
        player.wait(10)
    reader.join(5)
    assert not reader.is_alive(), "closing ends the iteration"
    assert seen == ["device", "track", "finished", "closed"]


def test_events_unsubscribe_and_close():
    events, seen = Events(), []
    events.subscribe(seen.append)
    events.publish(Event("track"))
    events.unsubscribe(seen.append)
    events.publish(Event("track"))
    assert len(seen) == 1
    events.close()
    assert list(events) == []


def test_a_callback_that_fails_harms_nobody(make_file, caplog):
    seen = []
    with Player("null") as player:
        player.events.subscribe(lambda _: 1 / 0)
        player.events.subscribe(lambda _: sys.exit("the player's threads are not the program's"))
        player.events.subscribe(seen.append)
        player.play(make_file(frames=2000)[0])
        assert player.wait(10)
    assert [e.kind for e in seen] == ["device", "track", "finished", "closed"]
    assert "failed on track" in caplog.text


def test_a_failing_supervisor_stops_the_player_and_says_so(player, make_file, monkeypatch, caplog):
    player.play(make_file(frames=200_000)[0])
    monkeypatch.setattr(player._supervisor, "_follow", lambda _: 1 / 0)
    assert player.wait(10)
    assert any(e.kind == "error" and "internal" in e.message for e in player.seen)
    assert "supervision failed" in caplog.text


@pytest.mark.parametrize("action", ["stop", "close", "next", "previous", "seek"])
def test_a_listener_may_call_the_player(player, make_file, caplog, action):
    """Inside the supervisor's look: the stream is another one afterwards, or none."""
    paths = [make_file(f"{i}.wav", frames=24_000)[0] for i in range(2)]
    done = []

    def act(event):
        if event.kind == "track" and not done:
            done.append(action)
            player.seek(0.25) if action == "seek" else getattr(player, action)()

    player.events.subscribe(act)
    player.play(*paths)
    assert player.wait(10)
    late = {"buffering", "resumed"}  # what begins late on a busy machine
    seen = [kind for kind in kinds(player) if kind not in late]
    assert done == [action]
    assert "error" not in seen
    assert caplog.text == ""
    expected = {
        "stop": ["device", "track", "stopped"],
        "close": ["device", "track", "stopped", "closed"],
        "next": ["device", "track", "track", "finished"],
        "previous": ["device", "track", "track", "finished"],
        "seek": ["device", "track", "seeked", "track", "finished"],
    }
    assert seen == expected[action]


@pytest.mark.parametrize("good_first", [1, 6], ids=["in play", "in the supervisor's look"])
def test_a_listener_to_errors_may_stop_the_player(player, make_file, tmp_path, good_first):
    """In the middle of opening tracks ahead: nothing more is opened for a stream that is closed."""
    good, _ = make_file(frames=48_000)
    player.events.subscribe(lambda e: player.stop() if e.kind == "error" else None)
    player.play(*[good] * good_first, tmp_path / "gone.wav", good)
    assert player.wait(10)
    assert kinds(player)[-2:] == ["error", "stopped"]
    assert [t.status for t in player.queue][good_first:] == ["failed", "waiting"]
    wait_for(lambda: open_files(tmp_path) == 0, what="the files to be closed")
    player.play(good)
    assert player.state == "playing"


@pytest.mark.parametrize("kind", ["error", "device"])
def test_a_listener_may_close_the_player_while_it_starts(player, make_file, tmp_path, kind):
    player.events.subscribe(lambda e: player.close() if e.kind == kind else None)
    with pytest.raises(SourceError) if kind == "error" else contextlib.nullcontext():
        player.play(tmp_path / "gone.wav", make_file()[0])
    assert player.state == "stopped"
    assert player._output.stream is None
    assert open_files(tmp_path) == 0
    wait_for(lambda: "zerocross-player" not in {t.name for t in threading.enumerate()})


def test_a_player_that_is_dropped_is_closed(make_file):
    """Its threads read memory that would go with it: the process would crash."""
    script = (
        "import gc, sys, threading, time, zerocross\n"
        "gc.disable()\n"
        "player = zerocross.Player('null', block_size=64)\n"
        "player.play(sys.argv[1])\n"
        "time.sleep(0.1)\n"
        "seen = []\n"
        "player.events.subscribe(lambda event: seen.append(event.kind))\n"
        "del player\n"
        "time.sleep(0.3)\n"
        "print(seen, threading.active_count())\n"
    )
    command = [sys.executable, "-c", script, make_file(frames=480_000)[0]]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "['stopped', 'closed'] 1\n"


def test_next_past_bad_items_does_not_raise(player, make_file, tmp_path):
    good, _ = make_file(frames=200_000)
    player.play(good, tmp_path / "gone.wav")
    player.next()
    assert player.state == "stopped"
    assert player.device == "", "what played before is let go of"
    assert player.queue[1].status == "failed"


def test_an_error_of_the_file_is_in_the_report(player, make_file):
    path, _ = make_file("song.flac", frames=60_000)
    path.write_bytes(path.read_bytes()[:60_000])
    player.play(path)
    assert player.wait(10)
    track = player.report()["tracks"][0]
    assert track["status"] == "truncated"
    assert 0 < track["frames"] < 60_000
    assert "copy it again" in track["error"]


def test_a_listener_on_a_thread_of_ours_ends_nothing(player, make_file):
    """Nobody presses Ctrl-C there: it is a listener's own error, as another one is."""
    told = []

    def interrupt(event):
        told.append(event.kind)
        if threading.current_thread() is not threading.main_thread():
            raise KeyboardInterrupt

    player.events.subscribe(interrupt)
    player.play(make_file(frames=9600)[0])
    assert player.wait(10)
    assert told[-1] == "finished"
    press = player.events.subscribe(lambda _: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        player.volume = 0.5
    player.events.unsubscribe(press)
    assert not player.events.is_telling, "it may wait again"


@pytest.mark.parametrize("name", ["replaygain", "device", "block_size", "pin"])
def test_a_giant_number_is_told_in_short(name):
    with pytest.raises(UsageError, match=r"0000\.\.\.: give") as told:
        Player(**{name: 10**400})
    assert len(str(told.value)) < 200


def test_an_array_is_no_choice(player):
    for thing, name in ((player, "replaygain"), (player.queue, "repeat")):
        with pytest.raises(UsageError, match=f"{name}=array"):
            setattr(thing, name, np.array([1, 2]))


@pytest.mark.parametrize("more", [0, 1])
def test_a_track_whose_seek_fails_has_failed(player, make_file, more):
    path, _ = make_file("song.flac", frames=960_000)
    good, _ = make_file("next.flac", frames=4800)
    player.play(path, *[good] * more)
    wait_for(lambda: player.position > 0.05, 10, "sound")
    path.write_bytes(np.random.default_rng(1).bytes(path.stat().st_size))
    player.seek(15)
    assert player.wait(10)
    assert [track.status for track in player.queue] == ["failed", "played"][: 1 + more]
    assert "cannot be positioned" in player.report()["tracks"][0]["error"]


def test_a_lost_device_moves_on_with_the_position(player, make_file):
    path, _ = make_file(frames=200_000)
    player.play(path)
    wait_for(lambda: player.position > 0.2)
    before = player.position
    player._output.stream.device.stop()  # as its server would
    wait_for(lambda: "notice" in kinds(player))
    wait_for(lambda: player.position > before + 0.2)
    assert player.position < before + 2
    notice = next(event for event in player.seen if event.kind == "notice")
    assert "is gone; playing waits at 0." in notice.message
    assert kinds(player)[-1] == "device"
    assert player.state == "playing"


# --- what is counted ----------------------------------------------------------------------


def test_the_low_water_is_the_lowest_fill_while_more_was_to_come(make_file):
    stream = FileStream(48_000)
    source = open_source(make_file(frames=144_000)[0])
    stream.post(1, source)
    stream.set_playing(True)
    stream.decode()
    full = stream.ring.readable
    for frames in (600, 1000):
        stream.render(np.empty((frames, 2), np.float32))
    lowest = stream.ring.readable
    assert lowest == full - 1600
    stream.decode()
    stream.render(np.empty((500, 2), np.float32))
    assert stream.ring.readable > lowest
    counters = stream.counters()
    assert counters.as_report(48_000)["ring_low_water_frames"] == lowest
    for more in (Counters(), Counters({"low_water_frames": lowest + 1})):
        for both in (counters + more, more + counters):
            assert both["low_water_frames"] == lowest
    assert (Counters() + Counters())["low_water_frames"] is None
    stream.close()
    source.close()


@pytest.mark.thorough
def test_the_report_has_the_lowest_fill_of_all_streams(player, make_file):
    assert player.report()["ring_low_water_frames"] is None, "nothing was played: not 0"
    player._output.capture_s = 0.01
    paths = [make_file(f"{rate}.wav", frames=2 * rate, sample_rate=rate)[0] for rate in RATES]
    player.play(*paths)
    assert player.wait(20)
    lows = [stream.counters()["low_water_frames"] for stream in player._output.captures]
    capacities = [stream.ring.capacity for stream in player._output.captures]
    assert len(lows) == 2
    assert all(0 < low < capacity for low, capacity in zip(lows, capacities, strict=True))
    assert player.report()["ring_low_water_frames"] == min(lows) < max(lows)


# --- what is posted -----------------------------------------------------------------------


def test_a_budget_is_shared_out_once(make_file):
    source = open_source(make_file(frames=48_000)[0])
    budget = Budget(1.25)
    assert budget.end_of(0, source, 24_000) == 48_000
    assert not budget.is_spent(48_000)
    assert budget.end_of(1, source, 0) == 36_000
    assert budget.is_spent(48_000)
    assert budget.end_of(0, source, 0) == 48_000, "where a seek back plays to"
    assert budget.end_of(1, source, 30_000) == 36_000
    assert budget.end_of(2, source, 0) == 0
    source.frames = None
    assert Budget(1.25).end_of(0, source, 100) == 60_100
    assert Budget().end_of(0, source, 100) is None
    assert not Budget().is_spent(48_000)
    source.close()


@pytest.fixture
def opened(monkeypatch):
    """The sources that players and renderings open, so that no collector closes them."""
    found = []

    def opening(path):
        found.append(open_source(path))
        return found[-1]

    monkeypatch.setattr("zerocross.player.opener.open_source", opening)
    return found


def is_closed(source):
    return source.is_closed


def test_every_file_that_was_opened_is_closed(player, opened, make_file, tmp_path):
    """Those that were played, those open ahead, those of another rate, those sought in."""
    paths = [make_file(f"{rate}.wav", frames=6000, sample_rate=rate)[0] for rate in RATES]
    player.play(*paths)
    wait_for(lambda: player._playback.feed.other_format, what="the other rate to be seen")
    player.seek(0.05)
    assert player.wait(10)
    assert len(opened) == 3, "the seek let go of the one of another rate, too"
    wait_for(lambda: all(map(is_closed, opened)), what="the files to be closed")
    player.play(paths[0], paths[1])
    player.stop()
    player.play(*paths[:1] * 10)
    player.play(paths[1])
    player.close()
    assert len(opened) > 6
    wait_for(lambda: all(map(is_closed, opened)), what="the files to be closed")
    del opened[:]
    render(paths, tmp_path / "out.wav")
    assert len(opened) == 4, "to look at each, and to play it"
    assert all(map(is_closed, opened))


def test_a_file_is_open_until_it_was_heard_and_then_closed(player, opened, make_file):
    paths = [make_file(f"{i}.wav", frames=24_000)[0] for i in range(3)]
    player.play(*paths)
    wait_for(lambda: len(opened) == 3)
    wait_for(lambda: player.queue.index == 1)
    wait_for(lambda: is_closed(opened[0]))
    assert not is_closed(opened[1]), "a seek needs it"
    player.seek(0.0)
    assert player.queue.index == 1
    assert len([s for s in opened if s.location == paths[1]]) == 1, "and finds it open"


def test_the_position_of_a_feed(make_file):
    stream, source = FileStream(48_000), open_source(make_file()[0])
    queue = Queue()
    track = queue.append(source.location)
    feed = Feed(stream, queue, Budget(), open_track=None, tell=None, ahead=1)
    assert feed.position_s == 0.0
    feed.jump(track, source, 0.5)
    assert feed.position_s == 0.5
    feed.jump(track, source, 9.5)
    assert feed.position_s == 1.0, "its end"
    feed.close()
    assert is_closed(source)


def test_half_a_frame_is_not_posted():
    assert Budget(0.49 / 48_000).is_spent(48_000)
    assert not Budget(0.51 / 48_000).is_spent(48_000)


def test_rendering_nothing_writes_an_empty_file(make_file, tmp_path):
    rendered = render([make_file()[0]], tmp_path / "out.wav", duration_s=0.0)
    assert rendered.frames == 0
    assert soundfile.info(tmp_path / "out.wav").frames == 0


def test_rendering_holds_few_files_open(make_file, tmp_path):
    paths = [make_file(f"{i}.wav", frames=5000)[0] for i in range(40)]
    most = []
    rendered = render(
        paths, tmp_path / "out.wav", progress=lambda _: most.append(open_files(tmp_path))
    )
    assert rendered.frames == 200_000
    assert 1 < max(most) <= 5, "the output, and four inputs"
    assert open_files(tmp_path) == 0


def test_an_input_that_disappears_while_rendering_is_an_error(make_file, tmp_path):
    paths = [make_file(f"{i}.wav", frames=60_000)[0] for i in range(6)]
    with pytest.raises(SourceError, match=r"5\.wav: no such file"):
        render(paths, tmp_path / "out.wav", progress=lambda _: paths[5].unlink(missing_ok=True))
    assert not list(tmp_path.glob("out.wav*"))


# --- random operations --------------------------------------------------------------------


def operate(player, paths, rng, count, failures):
    """Do random things; collect what should not have happened."""
    for _ in range(count):
        action = rng.choice(
            [
                "play",
                "pause",
                "resume",
                "seek",
                "next",
                "previous",
                "volume",
                "mute",
                "stop",
                "device",
                "wait",
                "close",
            ]
        )
        try:
            if action == "play":
                player.play(*rng.sample(paths, 3))
            elif action == "seek":
                player.seek(rng.uniform(0, 2))
            elif action == "volume":
                player.volume = rng.random()
            elif action == "mute":
                player.mute = not player.mute
            elif action == "device":
                player._set_device("null")
            elif action == "wait":
                time.sleep(rng.uniform(0, 0.02))
            elif action == "close":
                if rng.random() < 0.02:
                    player.close()
            else:
                getattr(player, action)()
            _ = (player.position, player.duration, player.state, player.report())
        except UsageError:
            pass  # seeking while stopped, or anything after close
        except Exception as error:
            failures.append((action, repr(error)))


def torture(make_file, rounds, count):
    paths = [make_file(f"{i}.wav", frames=30_000 + 1000 * i)[0] for i in range(4)]
    paths.append(make_file("other.wav", frames=20_000, sample_rate=44_100)[0])
    paths.append(make_file("song.ogg", frames=60_000)[0])
    memory = []
    for seed in range(rounds):
        failures, underruns = [], []
        player = Player("null", block_size=64)
        player.events.subscribe(
            lambda e, u=underruns: u.append(e) if e.kind == "underrun" else None
        )
        threads = [
            threading.Thread(
                target=operate,
                args=(player, paths, random.Random(2 * seed + i), count // 2, failures),
            )
            for i in range(2)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
            assert not thread.is_alive(), f"deadlock in round {seed}"
        report = player.report()
        player.close()
        assert failures == []
        assert report["faults"] == 0
        assert underruns == [], f"round {seed}: no operation explains an underrun"
        del player, threads
        gc.collect()
        memory.append(resident_bytes())
    return memory


def resident_bytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def open_files(folder=""):
    """Return how many files this process has open, under a folder if one is given."""
    return sum(path.startswith(str(folder)) for path in map(target_of, os.listdir("/proc/self/fd")))


def target_of(number):
    try:
        return os.readlink(f"/proc/self/fd/{number}")
    except OSError:  # the listing's own
        return ""


@pytest.mark.thorough
def test_random_operations_from_two_threads(make_file):
    torture(make_file, rounds=3, count=100)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_random_operations_in_full(make_file):
    torture(make_file, rounds=2, count=200)
    files = open_files()
    memory = torture(make_file, rounds=20, count=200)
    assert open_files() <= files
    assert max(memory[10:]) - memory[5] < 20e6, [round(m / 1e6, 1) for m in memory]


def running(name=""):
    return {thread for thread in threading.enumerate() if thread.name.startswith(name)}


def test_closing_leaves_no_threads_and_no_files(make_file):
    path, _ = make_file(frames=3000)
    with Player("null") as player:
        player.play(path)
        player.wait(10)
    wait_for(lambda: not running("zerocross-player"), what="the threads of the first")
    threads, files = running(), open_files()
    for _ in range(5):
        with Player("null") as player:
            player.play(path)
            time.sleep(0.02)
    wait_for(lambda: running() <= threads, what="the threads to end")
    assert open_files() <= files


@pytest.mark.parametrize(
    ("paths", "options", "words"),
    [
        ((["song.wav"],), {}, "is not a path"),
        ((3,), {}, "is not a path"),
        ((), {"start_s": float("nan")}, "start_s=nan: give 0 or more seconds"),
        ((), {"start_s": float("inf")}, "start_s=inf"),
        ((), {"start_s": -5}, "start_s=-5"),
        ((), {"duration_s": float("nan")}, "duration_s=nan"),
        ((), {"duration_s": "x"}, "duration_s='x'"),
    ],
)
def test_impossible_calls_change_nothing(make_file, paths, options, words):
    path, _ = make_file(frames=48_000 * 3)
    with Player("null") as player:
        player.play(path)
        wait_for(lambda: player.position > 0.05)
        with pytest.raises(UsageError, match=re.escape(words)):
            player.play(*(paths or (path,)), **options)
        for seconds in (float("nan"), float("inf")):
            with pytest.raises(UsageError, match="give a finite number"):
                player.seek(seconds)
        with pytest.raises(UsageError, match="is not a path"):
            player.queue.append(None)
        at = player.position
        wait_for(lambda: player.position > at)
        assert (player.state, len(player.queue)) == ("playing", 1)


@pytest.mark.parametrize("kind", ["stopped", "paused", "seeked"])
def test_a_listener_closes_the_player_within_a_call(make_file, kind):
    """The call holds the lock that the supervising thread wants; neither waits for the other."""
    path, _ = make_file(frames=48_000 * 20)
    player = Player("null")
    player.events.subscribe(lambda e: player.close() if e.kind == kind else None)
    player.play(path)
    wait_for(lambda: player.position > 0.05)
    call = {"stopped": player.stop, "paused": player.pause, "seeked": lambda: player.seek(1.0)}
    thread = threading.Thread(target=call[kind], daemon=True)
    thread.start()
    thread.join(20)
    assert not thread.is_alive()
    assert player.state == "stopped"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"device": 3}, "device=3: give a device's name"),
        ({"device": ""}, "device='': give a device's name"),
        ({"block_size": "many"}, "block size 'many': give 16 to 65536"),
        ({"block_size": 64.5}, "block size 64.5: give 16 to 65536"),
        ({"volume": "loud"}, "volume 'loud': give a number from 0 to 1"),
        ({"effects": 5}, "effects: 5 is not a processor or a chain"),
        ({"replaygain": 7}, "replaygain"),
        ({"quality": "best"}, "quality='best': give 'medium', 'high' or 'very high'"),
        ({"pin": 99}, "pin=99: give CPUs by their numbers in a list"),
        ({"pin": []}, "pin=[]: give CPUs"),
        ({"pin_decoder": [-1]}, "pin_decoder=[-1]: give CPUs"),
    ],
)
def test_what_a_player_cannot_be_is_refused_at_the_door(options, words):
    with pytest.raises(UsageError, match=re.escape(words)):
        Player(**options)


@pytest.mark.parametrize(
    "options", [{"channels": 0}, {"channels": 3}, {"ring_s": -1.0}, {"ring_s": float("nan")}]
)
def test_what_a_stream_cannot_be_is_refused(options):
    with pytest.raises(UsageError, match="give 1 or 2 channels and a ring"):
        FileStream(48_000, **options)


def test_a_slip_of_the_pen_is_told():
    player = Player("null")
    with pytest.raises(UsageError, match="no 'volum' to be set; did you mean volume"):
        player.volum = 0.5
    with pytest.raises(
        UsageError, match="no 'gain' to be set; it has effects, mute, replaygain, volume"
    ):
        player.gain = 0.5
    player.volume, player.mute = 0.5, True
    player.close()


def test_a_start_after_the_end_is_an_error(player, make_file):
    path, _ = make_file(frames=48_000)
    with pytest.raises(UsageError, match=r"start_s=2 is not within .*song.wav: it has 1.00 s"):
        player.play(path, start_s=2.0)
    assert player.state == "stopped"
    player.play(path, start_s=0.5)
    assert player.wait(10)
    assert player.queue[0].status == "played"


def test_tiny_tracks_are_played_like_others(player, make_file):
    """Shorter than a callback: several are heard between two looks at the stream."""
    tiny, _ = make_file("tiny.wav", frames=50)
    long, _ = make_file("long.wav", frames=48_000)
    player.play(*[tiny] * 8, long)
    wait_for(lambda: player.queue.index == 8, what="the last track")
    assert [track.status for track in player.queue] == ["played"] * 8 + ["playing"]
    assert [track.frames for track in player.queue][:8] == [50] * 8
    assert kinds(player).count("track") == 9


def test_a_listener_to_errors_plays_something_else(player, make_file, tmp_path):
    """Inside the play that failed: what it begins is what plays, and the outer one ends nothing."""
    good, _ = make_file(frames=24_000)
    player.events.subscribe(lambda e: player.play(good) if e.kind == "error" else None)
    with contextlib.suppress(SourceError):
        player.play(tmp_path / "gone.wav")
    wait_for(lambda: player.position > 0.1, what="the other file")
    assert [track.path for track in player.queue] == [str(good)]
    assert player.wait(10)
    assert kinds(player) == ["error", "device", "track", "finished"]


def test_a_listener_to_errors_that_tries_again_ends_with_the_player(player, tmp_path, caplog):
    """For ever, but neither deeper and deeper nor on more and more threads."""
    threads = []
    tries = []

    def again(event):
        if event.kind == "error" and len(tries) < 300:
            tries.append(event)
            threads.append(threading.active_count())
            player.play(tmp_path / "gone.wav")

    player.events.subscribe(again)
    with pytest.raises(SourceError):
        player.play(tmp_path / "gone.wav")
    wait_for(lambda: len(tries) == 300, what="the tries")
    player.close()
    assert caplog.text == ""
    assert max(threads) - min(threads) < 10


@pytest.mark.thorough
def test_a_replacement_that_races_a_stop_leaves_the_chain_whole(make_file):
    """Whatever comes first, the chain has the user's own parts, and plays again."""
    path, _ = make_file(frames=480_000)
    one, other = Gain(gain_db=-3.0), Gain(gain_db=-6.0)
    chain = Chain(one)
    with Player("null", effects=chain) as player:
        for k in range(12):
            player.play(path)
            old = chain.parts[0]
            thread = threading.Thread(
                target=chain.replace, args=(old, other if old is one else one)
            )
            thread.start()
            time.sleep(0.004 * (k % 6))
            player.stop()
            thread.join(10)
            assert not thread.is_alive()
            assert [type(part) for part in chain.parts] == [Gain]
            assert chain.parts[0] is not old
        player.play(path)
        wait_for(lambda: player.position > 0.1)


class OnACard:
    """A tensor that is not in this memory."""

    def __array__(self, *_, **__):
        raise RuntimeError("on a card")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda player: setattr(player.queue, "index", "x"), "index='x': give a whole number"),
        (lambda player: setattr(player.queue, "index", 99), "index=99: give a whole number"),
        (lambda player: player.events.subscribe(3), "3 cannot be called"),
        (lambda player: player.play(np.zeros(1000)), "is not a path"),
        (lambda player: player.play(b"ID3\0" * 50_000), "200,000 bytes, and no path; give io.Byt"),
        (lambda player: player.play(bytearray(50)), "50 bytes, and no path; give io.BytesIO"),
        (lambda player: player.queue.append(b"x" * 5000), "5,000 bytes, and no path; give io.Byt"),
        (lambda player: player.play("x" * 50_000), "is no path: it has 50,000 letters"),
        (lambda player: player.play(([[0.1], [0.2, 0.3]], 44_100)), "that make no array (ValueErr"),
        (lambda player: player.play((OnACard(), 44_100)), "(RuntimeError('on a card'))"),
        (lambda player: player.play((np.zeros((2, 4410)), 44_100)), "its .T may be meant"),
        (lambda player: player.play((np.zeros((5, 0)), 44_100)), "samples of shape (5, 0)"),
        (lambda player: player.play((np.zeros(9), "44100")), ": '44100' is no sample rate; give"),
        (lambda player: player.play((44_100, np.zeros(9))), ": the array comes first; give"),
        (lambda player: player.queue.extend(None), "extend(None): give a list of files"),
        (lambda player: player.queue.replace("ab"), "replace('ab'): give a list of files"),
        (lambda player: player.queue.extend(io.BytesIO()), "give a list of files, or use append"),
        (lambda _: Player("x" * 9, block_size="8" * 5000), "block size '888"),
        (lambda _: Player("null", replaygain="r" * 5000), "replaygain='rrr"),
    ],
)
def test_what_cannot_be_is_one_line(player, call, words):
    with pytest.raises(UsageError, match=re.escape(words)) as caught:
        call(player)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 200


def test_what_is_printed_says_what_it_is(make_file, tmp_path):
    path, _ = make_file(frames=480_000)
    with Player("null") as player:
        assert repr(player) == "<Player: stopped, track 0 of 0>"
        starting = player.play(path, path)
        assert repr(starting) == "<Starting: begun>"
        assert repr(player) == "<Player: playing, track 1 of 2>"
        assert repr(player.queue) == "<Queue: 2 tracks, index 0, repeat off>"
        recording = player.record(tmp_path / "a.wav")
        assert re.fullmatch(rf"<Recording: {recording.path}, [01]\.\d s, running>", repr(recording))
        with pytest.raises(SourceError):
            player.play(tmp_path / "none.wav")
    assert repr(player) == "<Player: closed, track 1 of 1>"
    assert repr(recording).endswith(" s, ended>")
    with Stream(device="null") as stream:
        assert repr(stream) == f"<Stream: 48000 Hz, 2 channels, running on {stream.device}>"
    assert repr(stream) == "<Stream: 48000 Hz, 2 channels, not running>"


def test_samples_without_any_are_told_as_that(player):
    for nothing in (np.zeros(0), np.zeros((0, 2))):
        with pytest.raises(SourceError, match="holds no audio"):
            player.play((nothing, 44_100))


# --- who sleeps -----------------------------------------------------------------------------------


def count_looks(player, monkeypatch):
    """Return a list that grows with every look of the supervisor."""
    looks, look = [], player._supervisor.look

    def counted():
        looks.append(None)
        look()

    monkeypatch.setattr(player._supervisor, "look", counted)
    return looks


def looks_in(looks, seconds):
    before = len(looks)
    time.sleep(seconds)
    return len(looks) - before


def test_the_supervisor_sleeps_while_it_plays_and_has_no_timer_when_stopped(
    player, make_file, monkeypatch
):
    looks = count_looks(player, monkeypatch)
    player.play(make_file(frames=480_000)[0])
    wait_for(lambda: player.position > 0.2)
    assert looks_in(looks, 2.0) <= 20, "five times the one a second that it is"
    player.stop()
    wait_for(lambda: player._playback.settle() or not player._playback._left)
    looks_in(looks, 0.2)
    assert looks_in(looks, 1.5) == 0
    assert player._supervisor._look_in_s() is None


@pytest.fixture
def no_timers(monkeypatch):
    """Nobody looks again but for news."""
    monkeypatch.setattr(Supervisor, "_look_in_s", lambda _: None)


def test_all_that_is_told_comes_as_news(make_file, no_timers):
    """The join and the end are heard some blocks after the callback has reached them."""
    paths = [make_file(f"{i}.wav", frames=30_000)[0] for i in range(2)]
    told = []
    with Player("null", block_size=4096) as player:
        player.events.subscribe(lambda event: told.append(event.kind))
        player.play(*paths)
        assert player.wait(5)
        assert told == ["device", "track", "track", "finished"]
        assert player.report()["underruns"] == 0


def test_a_track_added_to_a_playing_queue_is_seen_at_once(
    player, make_file, no_timers, monkeypatch
):
    looks = count_looks(player, monkeypatch)
    player.play(make_file("a.wav", frames=480_000)[0])
    wait_for(lambda: looks_in(looks, 0.3) == 0, what="nothing to see")
    before, path = len(looks), make_file("b.wav")[0]
    player.queue.append(path)
    wait_for(lambda: len(looks) > before, timeout_s=2.0, what="a look")


@pytest.mark.thorough
def test_a_file_that_is_open_late_is_posted_when_it_is(player, make_file, no_timers, monkeypatch):
    paths = [make_file(f"{i}.wav", frames=60_000)[0] for i in range(2)]
    opens = opener.open_with_gain

    def late(location, replaygain):
        if location == paths[1]:
            time.sleep(0.7)
        return opens(location, replaygain)

    monkeypatch.setattr(opener, "open_with_gain", late)
    player.play(*paths)
    assert player.wait(10)
    assert player.report()["underruns"] == 0
    assert [track.status for track in player.queue] == ["played", "played"]


# --- a pause that lasts ---------------------------------------------------------------------------


@pytest.fixture
def short_patience(monkeypatch):
    monkeypatch.setattr("zerocross.player.rest.RUNS_ON_S", 0.1)


def is_called(player):
    device = player._output.stream.device
    return device is not None and device.is_running


def put_to_rest(player, path):
    player.play(path)
    wait_for(lambda: player.position > 0.1)
    player.pause()
    wait_for(lambda: not is_called(player), what="the device to be stopped")


def test_a_pause_stops_the_device_after_a_while_and_loses_nothing(
    player, make_file, short_patience
):
    path, decoded = make_file(frames=48_000)
    player._output.capture_s = 3.0
    put_to_rest(player, path)
    at, callbacks = player.position, player.report()["callbacks"]
    assert (player.state, player._supervisor._look_in_s()) == ("paused", None)
    time.sleep(0.1)
    assert (player.position, player.report()["callbacks"]) == (at, callbacks)
    player.resume()
    assert player.state == "playing"
    assert player.wait(10)
    assert kinds(player) == ["device", "track", "paused", "resumed", "finished"]
    report = player.report()
    assert (report["frames_played"], report["underruns"]) == (48_000, 0)
    out = captured(player)
    steps = np.abs(np.diff(out, axis=0)).max()
    assert steps <= 1.2 * np.abs(np.diff(decoded, axis=0)).max(), "no click"
    whole = {row.tobytes() for row in decoded}
    faded = sum(row.tobytes() not in whole for row in out if row.any())
    assert faded <= 2 * 480, "but for the two fades every frame is the file's"


def test_a_short_pause_leaves_the_device_running(player, make_file):
    player.play(make_file(frames=480_000)[0])
    wait_for(lambda: player.position > 0.1)
    player.pause()
    wait_for(lambda: player._output.stream.is_silent())
    callbacks = player._output.stream.count("callbacks")
    wait_for(lambda: player._output.stream.count("callbacks") > callbacks + 100)
    assert is_called(player)
    assert 3.0 < player._supervisor._rest.look_in_s <= 5.0, "at the last look"
    player.resume()
    wait_for(lambda: player.position > 0.3)


@pytest.mark.parametrize("action", ["seek", "next", "play", "stop", "close"])
def test_calls_during_a_long_pause(player, make_file, short_patience, action):
    path, other = (make_file(name, frames=240_000)[0] for name in ("a.wav", "b.wav"))
    put_to_rest(player, path)
    player.queue.append(other)
    if action == "seek":
        player.seek(3.0)
        assert (player.state, player.position) == ("paused", pytest.approx(3.0))
        player.resume()
        wait_for(lambda: player.position > 3.1)
    elif action == "next":
        player.next()
        assert (player.queue.index, player.state) == (1, "paused")
        player.resume()
        wait_for(lambda: player.queue.index == 1 and player.position > 0.1)
    elif action == "play":
        player.play()
        wait_for(lambda: player.position > 0.3)
    else:
        getattr(player, action)()
        assert player.state == "stopped"
    assert "notice" not in kinds(player)
    assert player.report()["underruns"] == 0


def test_pause_and_resume_in_quick_turns_end_as_they_were_asked(player, make_file, short_patience):
    player.play(make_file(frames=480_000)[0])
    for _ in range(10):
        player.pause()
        time.sleep(0.11)
        player.resume()
    before = player.position
    wait_for(lambda: player.position > before + 0.3)
    player.pause()
    wait_for(lambda: not is_called(player), what="the device to be stopped")
    assert "notice" not in kinds(player)


def test_a_device_that_is_gone_after_a_long_pause_is_looked_for(
    player, make_file, short_patience, monkeypatch
):
    put_to_rest(player, make_file(frames=480_000)[0])
    device = player._output.stream.device

    def refuse():
        raise DeviceError("it was unplugged")

    monkeypatch.setattr(device, "start", refuse)
    at = player.position
    player.resume()
    wait_for(lambda: "notice" in kinds(player) and player.position > at + 0.2)
    assert player._output.stream.device is not device
    assert [k for k in kinds(player) if k in ("notice", "device")] == ["device", "notice", "device"]


class FakeStream:
    """As much of a stream as a `Watch` looks at."""

    def __init__(self):
        self.sample_rate, self.last_ns = 48_000, 0
        self.is_inside = self.is_refilling = self.is_reading = False
        self.device = SimpleNamespace(
            block_size=480, latency_frames=0, is_running=True, is_suspended=False
        )

    def count(self, field):
        return getattr(self, field)


@pytest.fixture
def watched(monkeypatch):
    """A watch, its stream, and a function that lets time pass."""
    now = [10_000_000_000]
    monkeypatch.setattr("zerocross.player.watch.time.monotonic_ns", lambda: now[0])

    def pass_s(seconds):
        now[0] += round(1e9 * seconds)

    stream = FakeStream()
    watch = Watch(stream)
    assert watch.look(playing=True) is HeldUp.NOTHING
    return watch, stream, now, pass_s


def test_each_look_comes_when_a_limit_would_be_passed(watched):
    watch, stream, now, pass_s = watched
    stream.last_ns = now[0]
    found = []
    for _ in range(4):
        watch.look(playing=True)
        pass_s(watch.look_in_s)
        found.append((watch.look(playing=True), round((now[0] - stream.last_ns) / 1e9, 1)))
        if found[-1][0] is HeldUp.LOST:
            break
    assert found == [(HeldUp.SILENT, 1.0), (HeldUp.SILENT, 2.0), (HeldUp.LOST, 2.2)]
    assert watch.awaits_call is False
    stream.last_ns = now[0]
    assert watch.look(playing=True) is HeldUp.NOTHING


def test_a_silent_device_is_awaited_and_a_hung_effect_is_found(watched):
    watch, stream, _, pass_s = watched
    pass_s(1.1)
    assert (watch.look(playing=False), watch.awaits_call) == (HeldUp.SILENT, True)
    stream.is_inside = True
    assert watch.look(playing=True) is HeldUp.NOTHING
    pass_s(watch.look_in_s)
    assert watch.look(playing=True) is HeldUp.EFFECT


def test_a_device_is_silent_for_as_long_as_it_plays_what_it_holds(watched):
    watch, stream, now, pass_s = watched
    stream.device.latency_frames = 48_000
    stream.last_ns = now[0]
    pass_s(2.0)
    assert watch.look(playing=True) is HeldUp.NOTHING
    pass_s(0.1)
    assert watch.look(playing=True) is HeldUp.SILENT


def test_a_suspended_device_may_take_its_time_when_it_goes_on(watched):
    watch, stream, _, pass_s = watched
    stream.device.is_suspended = True
    assert watch.look(playing=True) is HeldUp.NOTHING
    assert watch.look_in_s < 0.03
    pass_s(watch.look_in_s)
    assert (watch.look(playing=True), watch.awaits_call) == (HeldUp.SUSPENDED, True)
    pass_s(100.0)
    assert watch.look(playing=True) is HeldUp.SUSPENDED
    stream.device.is_suspended = False
    assert watch.look(playing=True) is HeldUp.NOTHING
    pass_s(1.1)
    assert watch.look(playing=True) is HeldUp.SILENT


def test_a_device_at_rest_is_not_missed_and_one_that_is_started_is_awaited(watched):
    watch, stream, _, pass_s = watched
    stream.device.is_running = False
    pass_s(100.0)
    assert watch.look(playing=False, resting=True) is HeldUp.NOTHING
    assert watch.look_in_s is None
    pass_s(100.0)
    assert watch.look(playing=True, resting=True) is HeldUp.NOTHING
    pass_s(watch.look_in_s)
    assert (watch.look(playing=True, resting=True), watch.awaits_call) == (HeldUp.SILENT, True)
    assert watch.look(playing=True) is HeldUp.LOST, "it did not start"


def test_a_ring_that_runs_short_is_looked_at_until_its_reason_is_known(watched):
    watch, stream, now, _ = watched
    stream.last_ns, stream.is_refilling = now[0], True
    assert watch.look(playing=True) is HeldUp.NOTHING
    assert watch.look_in_s == pytest.approx(0.05)
    stream.is_reading = True
    assert watch.look(playing=True) is HeldUp.DISK
    assert watch.look_in_s > 1.0
    stream.is_reading = False
    assert watch.look(playing=True) is HeldUp.DISK, "until it plays again"
    stream.is_refilling = False
    assert watch.look(playing=True) is HeldUp.NOTHING


def test_a_seek_while_the_device_is_being_started_is_heard(make_file, monkeypatch):
    """The start that the seek is joins the stream of the one that is under way."""
    path, _ = make_file(frames=48_000 * 60)
    began, start = threading.Event(), Device.start

    def slowly(device):
        began.set()
        time.sleep(0.1)
        start(device)

    monkeypatch.setattr(Device, "start", slowly)
    with Player(device="null") as player:
        thread = threading.Thread(target=lambda: player.play(path))
        thread.start()
        began.wait()
        player.seek(20.0)
        thread.join()
        wait_for(lambda: player.position > 20.1, what="playing from 20 s")
        assert player.device


def test_a_seek_while_a_device_refuses_to_start_hangs_nobody(make_file, monkeypatch):
    path, _ = make_file(frames=48_000 * 60)
    began = threading.Event()

    def refuse(device):
        began.set()
        time.sleep(0.1)
        raise DeviceError("refused by this test")

    monkeypatch.setattr(Device, "start", refuse)
    with Player(device="null") as player:
        told = []
        player.events.subscribe(lambda event: told.append(event.kind))

        def play():
            with contextlib.suppress(ZerocrossError):
                player.play(path)

        thread = threading.Thread(target=play)
        thread.start()
        began.wait()
        with contextlib.suppress(ZerocrossError):
            player.seek(20.0)
        thread.join()
        assert player.wait(10.0)
        assert player.state == "stopped"
