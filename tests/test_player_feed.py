"""Arrays fed into a player: beside its queue, through its effects and volume; and its recordings."""

from __future__ import annotations

import asyncio
import gc
import threading

import numpy as np
import pytest
import soundfile

from conftest import music, wait_for
from test_feed import noise
from zerocross import Chain, Player, Stream, UsageError
from zerocross.dsp.resample import resample_signal
from zerocross.effects import Gain

RATE = 48_000


@pytest.fixture
def player():
    made = Player(device="null", effects=Chain(Gain(gain_db=-6.0)))
    made._output.capture_s = 10.0
    yield made
    made.close()


@pytest.fixture
def song(tmp_path):
    soundfile.write(tmp_path / "song.wav", music(RATE), RATE, "FLOAT")
    return tmp_path / "song.wav"


def captured(player):
    return np.concatenate([stream.captured() for stream in player._output.captures])


def trimmed(out):
    there = np.flatnonzero(out.any(axis=1))
    return out[there[0] : there[-1] + 1]


def through_effects(x):
    return Chain(Gain(gain_db=-6.0)).render(x, RATE)


def test_what_is_fed_is_heard_through_effects_without_a_track(player):
    x = noise(22_050)
    with player.feed(22_050) as feed:
        assert player.state == "stopped" and player.device
        assert feed.write(x) == len(x)
        assert feed.drain() and feed.underruns == 0
        assert player.report()["feed"]["underruns"] == player.report()["underruns"] == 0
        rate = player.sample_rate
    wanted = resample_signal(x, 22_050, rate, "high")[0] if rate != 22_050 else x
    wanted = through_effects(np.stack([wanted, wanted], axis=1))
    out = trimmed(captured(player))
    assert np.array_equal(out, wanted)
    wait_for(lambda: not player.device, what="the device to be let go of")


def test_it_is_heard_beside_a_track_and_outlives_it(player, song):
    player.play(song)
    with player.feed(RATE) as feed:
        feed.write(noise(RATE // 2))
        assert player.wait(10.0) and player.state == "stopped"
        assert player.queue[0].status == "played" and player.device
        count = feed.report()["frames_played"]
        feed.write(noise(RATE // 4))
        feed.drain()
        assert feed.report()["frames_played"] == count + RATE // 4
        player.play(song)  # joins the stream that is there
        assert len(player._output.captures) == 1
        wait_for(lambda: player.position > 0.1, what="the track")
        player.stop()
        assert player.device and player.position == 0.0
        player.queue.append(song)
        player.queue.remove(0)
        assert player.state == "stopped" and player.position == 0.0
        feed.write(noise(RATE // 4))
        assert feed.drain()
        assert player.report()["underruns"] == 0
    assert player.state == "stopped"


def test_pausing_is_for_tracks_alone(player, song):
    player.play(song)
    with player.feed(RATE) as feed:
        player.pause()
        feed.write(np.full(RATE // 4, 0.5, np.float32))
        assert feed.drain()
        player.resume()
        assert player.wait(10.0)


def test_a_device_that_rests_in_a_pause_is_started_for_a_feed(player, song, monkeypatch):
    monkeypatch.setattr("zerocross.player.rest.RUNS_ON_S", 0.05)
    player.play(song)
    player.pause()
    device = player._output.stream.device
    wait_for(lambda: not device.is_running, what="rest")
    with player.feed(RATE) as feed:
        feed.write(noise(RATE // 4))
        assert feed.drain()
    wait_for(lambda: not device.is_running, what="rest again")
    player.resume()
    assert player.wait(10.0)


def test_a_track_of_another_rate_plays_at_the_streams_while_a_feed_is_open(player, song, tmp_path):
    soundfile.write(tmp_path / "other.wav", music(22_050), 44_100, "FLOAT")
    with player.feed(RATE):
        rate = player.sample_rate
        player.play(song, tmp_path / "other.wav")
        assert player.wait(10.0)
        assert player.sample_rate == rate and len(player._output.captures) == 1
        assert [track.status for track in player.queue] == ["played", "played"]


def test_a_flush_is_silent_within_a_ramp_and_a_block(player):
    with player.feed(RATE, ring_s=1.0) as feed:
        talk = threading.Thread(target=feed.write, args=(np.ones(30 * RATE, np.float32),))
        talk.start()
        wait_for(lambda: max(player.levels) > 0.3, what="a voice")
        assert 0.0 < feed.flush() <= 1.0
        talk.join()
        wait_for(lambda: feed.report()["frames_dropped"] > 0, what="the flush")
        wait_for(lambda: max(player.levels) < 0.3, what="silence")
        assert feed.underruns == 0
        feed.write(np.ones(1_000, np.float32))
        assert feed.drain()
    out = trimmed(captured(player))[:, 0]
    fall = np.flatnonzero(np.diff(out[:-1_500]) < -1e-6)
    assert 0 < np.ptp(fall) <= RATE // 100


def test_interleaved_samples_and_an_event_loop(player):
    async def talk(feed):
        assert await feed.awrite(np.tile(np.array([8192, -8192], np.int16), RATE // 4)) == RATE // 4
        return await feed.adrain()

    with player.feed(RATE, channels=2) as feed:
        with pytest.raises(UsageError, match="3 samples are no whole frames of 2 channels"):
            feed.write(np.zeros(3, np.int16))
        assert asyncio.run(talk(feed))
    out = trimmed(captured(player))
    half = through_effects(np.full((1, 2), 0.25, np.float32))[0, 0]
    assert out.shape == (RATE // 4, 2) and (out == [half, -half]).all()


def test_in_an_event_loop_the_first_write_waits_for_the_device():
    async def talk():
        async with Player(device="null") as player:
            with player.feed(RATE) as feed:
                if not player.device:
                    with pytest.raises(UsageError, match="await awrite, which waits for it"):
                        feed.write([0.0])
                assert await feed.awrite(noise(RATE // 10)) == RATE // 10
                assert await feed.adrain() and player.device
        async with Player(device="no such box") as player:
            with player.feed(RATE) as feed, pytest.raises(UsageError, match="no such box"):
                await feed.awrite(noise(100))

    asyncio.run(asyncio.wait_for(talk(), 20))


def test_what_cannot_be_is_told(player):
    with pytest.raises(UsageError, match="sample_rate=0"):
        player.feed(0)
    with pytest.raises(UsageError, match="channels=9"):
        player.feed(RATE, channels=9)
    with pytest.raises(UsageError, match="ring_s=0"):
        player.feed(RATE, ring_s=0)
    with pytest.raises(UsageError, match="nothing is playing"):
        player.record("a.wav")
    feed = player.feed(RATE)
    with pytest.raises(UsageError, match="there is a feed already"):
        player.feed(RATE)
    feed.close()
    with pytest.raises(UsageError, match="the feed is closed"):
        feed.write([0.0])
    feed.close()
    with player.feed(RATE) as feed:
        player.close()
        with pytest.raises(UsageError, match="closed"):
            feed.write([0.0])
    with pytest.raises(UsageError, match="closed"):
        player.feed(RATE)


def test_a_device_that_is_not_there_is_told():
    with Player(device="no such box") as player:
        with pytest.raises(UsageError, match="no such box"):
            player.feed(RATE)
        with pytest.raises(UsageError, match="no such box"):
            player.feed(RATE)


def test_closing_the_player_ends_a_write_that_waits(player):
    feed, told = player.feed(RATE, ring_s=0.1), []

    def write():
        try:
            feed.write(np.ones(30 * RATE, np.float32))
        except UsageError as error:
            told.append(str(error))

    talk = threading.Thread(target=write)
    talk.start()
    wait_for(lambda: max(player.levels) > 0.3, what="a voice")
    player.close()
    talk.join(5.0)
    assert not talk.is_alive() and "closed" in told[0]


def test_a_player_is_recorded_over_a_change_of_rate(song, tmp_path):
    soundfile.write(tmp_path / "other.wav", music(22_050), 44_100, "FLOAT")
    with Player(device="null") as player:
        player._output.capture_s = 5.0
        player.play(song)
        rate = player.sample_rate
        with player.record(tmp_path / "a.flac") as recording:
            assert player.wait(10.0)
            player.play(tmp_path / "other.wav")
            assert player.wait(10.0)
            assert recording.frames_lost == 0
        first = player._output.captures[0].captured()
    found, found_rate = soundfile.read(tmp_path / "a.flac", dtype="float32")
    assert found_rate == rate
    tail = first[-RATE // 2 :]
    at = next(
        i for i in range(len(found) - 100) if np.abs(found[i : i + 100] - tail[:100]).max() < 1e-6
    )
    assert np.abs(found[at : at + len(tail)] - tail).max() <= 2**-22
    assert len(found) >= at + len(tail) + rate // 2


def test_a_feed_that_ran_dry_is_an_event_of_its_own(player):
    told = []
    player.events.subscribe(lambda event: told.append((event.kind, event.message)))
    with player.feed(RATE) as feed:
        feed.write(noise(RATE // 10))
        wait_for(lambda: any(kind == "feed_underrun" for kind, _ in told), what="the event")
        feed.write(noise(RATE // 10))
        feed.drain()
        report = player.report()
    assert report["feed"]["underruns"] == 1
    words = [message for kind, message in told if "underrun" in kind]
    assert words == ["the feed ran dry 1 time; write further ahead, or mark ends"]
    assert report["underruns"] == 0


def test_a_feed_that_was_dropped_is_closed_and_there_can_be_another(player):
    feed = player.feed(RATE)
    with pytest.raises(UsageError, match="there is a feed already"):
        player.feed(RATE)
    feed.write(noise(RATE // 4))
    inner = feed.inner
    del feed
    gc.collect()
    assert inner.is_closed
    with player.feed(RATE) as other:
        assert other.write(noise(100)) == 100
        other.drain()
    player.feed(RATE)
    gc.collect()
    wait_for(lambda: not player.device, what="the device to be let go of")


def test_closing_ends_a_write_that_waits_alike():
    """A player's feed and a stream: what closes while a thread writes tells that thread so."""
    said = []

    def write(feeding):
        try:
            feeding.write(noise(10 * RATE))
        except UsageError as error:
            said.append(str(error))

    with Player("null") as player, Stream(device="null") as stream:
        feed = player.feed(RATE)
        threads = [threading.Thread(target=write, args=(each,)) for each in (feed, stream)]
        for thread in threads:
            thread.start()
        wait_for(lambda: feed.buffered_s > 0.2 and stream.buffered_s > 0.2, what="the rings")
        player.close()
        stream.close()
        for thread in threads:
            thread.join(10)
            assert not thread.is_alive()
    assert said == ["what was fed is closed; make a new stream or feed"] * 2
