"""The player in an event loop: nothing holds it, errors are raised where they are awaited."""

from __future__ import annotations

import asyncio
import functools
import gc
import os
import threading
import time

import pytest

from zerocross import DeviceNotFound, Player, SourceError, UsageError
from zerocross.player import Events
from zerocross.player.notifications import Event
from zerocross.sources.playlists import Expansion


@pytest.fixture
def player():
    with Player("null", block_size=64) as made:
        yield made


def slow_devices(player, monkeypatch):
    """Let a player find its devices only when an event is set; returns that."""
    answers, find = threading.Event(), player._output.find_devices

    def find_later():
        assert answers.wait(30)
        return find()

    monkeypatch.setattr(player._output, "find_devices", find_later)
    return answers


def test_play_returns_at_once_and_is_awaited(player, make_file, monkeypatch):
    answers = slow_devices(player, monkeypatch)

    async def main():
        starting = player.play(make_file(frames=480_000)[0])
        assert player._playback.starting is not None, "it has waited"
        waiting = asyncio.ensure_future(_of(starting))
        for _ in range(20):
            await asyncio.sleep(0)  # the loop goes round while it waits
        assert not waiting.done()
        answers.set()
        await waiting
        assert (player.state, player._playback.starting) == ("playing", None)
        await starting  # twice is once

    asyncio.run(main())


async def _of(awaitable):
    return await awaitable


def test_without_a_loop_play_waits_and_gives_the_same(player, make_file):
    starting = player.play(make_file(frames=480_000)[0])
    assert player._playback.starting is None
    asyncio.run(_of(starting))
    player.pause()
    asyncio.run(_of(player.play()))
    assert player.state == "playing"


def test_what_needs_a_device_says_that_it_is_starting(player, make_file, tmp_path, monkeypatch):
    answers = slow_devices(player, monkeypatch)

    async def main():
        starting = player.play(make_file(frames=480_000)[0])
        for ask in (
            lambda: player.sample_rate,
            lambda: player.tap,
            lambda: player.record(tmp_path / "out.wav"),
        ):
            with pytest.raises(UsageError, match=r"it is starting; 'await player.play"):
                ask()
        answers.set()
        await starting
        assert player.sample_rate == 48_000
        player.stop()
        with pytest.raises(UsageError, match=r"^nothing is playing$"):
            _ = player.sample_rate

    asyncio.run(main())


def test_an_error_is_raised_where_it_is_awaited(player, tmp_path):
    async def main():
        with pytest.raises(SourceError, match="missing"):
            await player.play(tmp_path / "missing.flac")
        with pytest.raises(UsageError, match="not a path"):
            await player.play(3)

    asyncio.run(main())


def test_a_missing_device_is_raised_where_it_is_awaited(make_file):
    async def main():
        async with Player("no such device") as player:
            with pytest.raises(DeviceNotFound):
                await player.play(make_file()[0])

    asyncio.run(main())


def test_a_server_that_never_answers_is_given_up(player, make_file, monkeypatch):
    answers = slow_devices(player, monkeypatch)
    monkeypatch.setattr("zerocross.player.start._PATIENCE_S", {"file": 1.0, "device": 0.05})

    async def main():
        with pytest.raises(Exception, match="has not answered"):
            await player.play(make_file()[0])
        assert player.state == "stopped"

    asyncio.run(main())
    answers.set()


def test_what_nobody_awaits_is_told_as_an_event(player, tmp_path):
    async def main():
        events = aiter(player.events)
        player.play(tmp_path / "missing.flac")
        told = [event async for event in _until("stopped", events, player)]
        assert [event.kind for event in told if event.kind == "error"], told

    asyncio.run(main())


async def _until(state, events, player):
    async for event in events:
        yield event
        if player.state == state or await player.finished():
            return


def test_finished_waits_for_the_end_without_holding_the_loop(player, make_file):
    async def main():
        rounds = 0

        async def count():
            nonlocal rounds
            while True:
                rounds += 1
                await asyncio.sleep(0)

        counting = asyncio.ensure_future(count())
        await player.play(make_file(frames=9600)[0])
        assert not await player.finished(0.001) or player.state == "stopped"
        assert await player.finished(30)
        counting.cancel()
        assert rounds > 1
        assert await player.finished()
        assert player._playback.idle._wakers == set()

    asyncio.run(main())


def test_events_come_in_order_and_end_with_the_player(make_file):
    async def main():
        async with Player("null") as player:
            events = aiter(player.events)
            await player.play(make_file(frames=4800)[0])
            await player.finished()
        kinds = [event.kind async for event in events]
        assert kinds == ["device", "track", "finished", "closed"]
        assert [event async for event in player.events] == []

    asyncio.run(main())


def test_a_coroutine_function_is_no_listener():
    class Listener:
        async def __call__(self, event): ...

    async def listen(event): ...

    events = Events()
    for one in (listen, Listener(), functools.partial(listen)):
        with pytest.raises(UsageError, match=r"use 'async for event in player\.events'"):
            events.subscribe(one)
    assert events.subscribe(print) is print


def test_an_iterator_that_is_left_gets_no_more():
    events = Events()

    async def main():
        async for event in _with_first(events):
            assert event.kind == "notice"
            break
        gc.collect()
        await asyncio.sleep(0.01)  # the loop closes the generator
        assert events._mailboxes == []

    asyncio.run(main())


def _with_first(events):
    """Return an iterator over events for which there is one already."""
    iterator = aiter(events)
    threading.Thread(target=events.publish, args=(Event("notice"),)).start()
    return iterator


def test_a_loop_that_has_ended_does_no_harm():
    events = Events()

    async def main():
        return aiter(events)

    iterator = asyncio.run(main())
    events.publish(Event("notice"))
    events.close()
    del iterator


def test_stop_next_and_seek_do_not_wait_in_a_loop(player, make_file, monkeypatch):
    path, _ = make_file(frames=480_000)

    async def main():
        await player.play(path, path)
        waits = []
        monkeypatch.setattr(
            player._playback.idle, "wait_for", lambda *_: waits.append("wait") or True
        )
        player.next()
        player.seek(3.0)
        player.stop()
        assert waits == []

    asyncio.run(main())
    assert player.wait(0) is True


def test_a_feed_opens_its_device_without_holding_the_loop(player, monkeypatch):
    answers = slow_devices(player, monkeypatch)

    async def main():
        feed = player.feed(48_000)
        assert player._output.stream is None
        writing = asyncio.ensure_future(feed.awrite([0.1] * 4800))
        await asyncio.sleep(0.05)
        assert not writing.done()
        answers.set()
        assert await writing == 4800
        assert await feed.adrain()
        await asyncio.to_thread(feed.close)

    asyncio.run(main())


def test_play_is_a_task_where_one_is_wanted(player, make_file):
    path, _ = make_file(frames=48_000)

    async def main():
        await asyncio.create_task(player.play(path))
        assert player.state == "playing"
        with pytest.raises(SourceError):
            await asyncio.gather(player.play("none.wav"))
        task = asyncio.create_task(player.play(path))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await player.finished(0.05)
        assert player.state == "playing", "it plays on"

    asyncio.run(main())


def test_what_is_asked_for_after_a_directory_follows_it(player, make_file, tmp_path, monkeypatch):
    other, *_ = make_file(frames=480_000)
    (folder := tmp_path / "lib").mkdir()
    for name in "abc":
        make_file(f"lib/{name}.wav", frames=480_000)
    take = Expansion.take
    monkeypatch.setattr(Expansion, "take", lambda *given: time.sleep(0.1) or take(*given))

    def names():
        return [os.path.basename(track.path)[0] for track in player.queue]

    async def main():
        player.play(folder)
        player.queue.append(other)
        assert names() == ["a", "b", "c", os.path.basename(other)[0]]
        player.play(folder)
        player.next()
        player.seek(5.0)
        player.pause()
        assert (player.queue.index, player.state, player.position) == (1, "paused", 5.0)
        player.play(folder)
        player.queue.shuffle(seed=3)
        assert sorted(names()) == ["a", "b", "c"] and player.queue.is_shuffled
        await player.play(folder)
        player.play(folder)
        player.stop()
        assert (names(), player.state) == (["a", "b", "c"], "stopped")
        player.play(folder)
        player.play(duration_s=0.1)
        assert await player.finished(10.0)

    asyncio.run(main())


def test_a_listener_waits_for_no_directory(player, make_file, tmp_path, monkeypatch):
    make_file(frames=480_000)
    may, take, seen = threading.Event(), Expansion.take, []
    monkeypatch.setattr(Expansion, "take", lambda *given: may.wait(10) and take(*given))
    player.events.subscribe(lambda event: seen.append((event.kind, len(player.queue))))

    async def main():
        starting = player.play(tmp_path)
        player.volume = 0.5
        assert seen == [("volume", 0)]
        may.set()
        await starting

    asyncio.run(main())


def test_a_directory_is_looked_through_beside_the_loop(player, make_file, tmp_path, monkeypatch):
    make_file(frames=480_000)
    may, take = threading.Event(), Expansion.take
    monkeypatch.setattr(Expansion, "take", lambda *given: may.wait(10) and take(*given))

    async def main():
        begun = player.play(tmp_path)
        assert player.state == "stopped"
        await asyncio.sleep(0)
        assert not await player.finished(0.05), "it is about to play"
        may.set()
        await begun
        assert (player.state, len(player.queue)) == ("playing", 1)
        (tmp_path / "empty").mkdir()
        with pytest.raises(SourceError, match="no audio in this directory"):
            await player.play(tmp_path / "empty")
        assert player.state == "playing"
        may.clear()
        track = player.queue[0]
        first, second = player.play(tmp_path), player.play(tmp_path / "empty")
        may.set()
        await first
        with pytest.raises(SourceError):
            await second
        assert [*player.queue] == [track], "the first came too late, the second found nothing"
        may.clear()
        late = player.play(tmp_path)
        player.stop()
        may.set()
        await late
        assert player.state == "stopped", "what was asked for last"
        assert await player.finished(1.0)

    asyncio.run(main())


def test_what_is_begun_is_printed_as_what_it_is(player, make_file, tmp_path):
    path, _ = make_file()

    async def main():
        starting = player.play(path)
        assert repr(starting) == "<Starting: under way>"
        await starting
        assert repr(starting) == "<Starting: begun>"
        asked = player.play(tmp_path)
        assert repr(asked) == "<Starting: under way>"
        starting = player.play(tmp_path / "none.wav")
        with pytest.raises(SourceError):
            await starting
        assert repr(starting).startswith("<Starting: failed, ")

    asyncio.run(main())
