"""Random operations over everything that a program can do to a player and a stream, from two threads.

A round makes a player with a remote control and a stream, does random things to them from two threads,
and closes them. Every call has to come back, nothing is raised but what the documents say, the device
runs dry only where the machine was full, and threads, descriptors and memory are afterwards what they
were. The soak is of 200,000 operations; with ``ZEROCROSS_SOAK`` it notes its rounds in that file, and goes
on there when it is run again.
"""

from __future__ import annotations

import asyncio
import collections
import faulthandler
import gc
import os
import random
import sys
import threading
import time
import traceback
import warnings
from pathlib import Path

import numpy as np
import pytest

from conftest import music
from test_loudness import tagged
from zerocross import Player, Samples, SourceError, Stream, UsageError
from zerocross.closing import settle
from zerocross.effects import Delay, Gain
from zerocross.errors import LossWarning
from zerocross.remote import Remote
from zerocross.remote.commands import obey
from zerocross.remote.control import ask
from zerocross.remote.places import sockets

RATE = 48_000
#: What a call may be told where another thread was quicker, and of values that were drawn so.
DOCUMENTED = (
    "nothing is playing",
    "nothing to play",
    "the queue is empty",
    "give a whole number",  # no such index
    "it plays; go_to",
    "is not within",  # a start beyond the end
    "how long it is is not known",  # to seek from there
    "a loop is 0.05 s at least",
    "there is a feed already",
    "the feed is closed",
    "what was fed is closed",
    "the player has left what it was fed to",
    "is being recorded",
    "the stream is not running",
    "the device is not open yet",
    "of a tap that keeps",  # it has just begun
    "is playing in",  # an effect has one state
    "is no file: a playlist cannot name it",
)


def is_documented(error):
    return any(words in str(error) for words in DOCUMENTED)


class World:
    """What there is in a round, and what went wrong in it."""

    def __init__(self, folder, seed):
        self.folder = folder
        self.files = sorted(str(path) for path in (folder / "music").iterdir())
        self.sources = [
            *self.files,
            str(folder / "music"),
            str(folder / "list.m3u"),
            folder / "nowhere.wav",
            (music(4_000), RATE),
            Samples(music(3_000, 1), 22_050, "a tone"),
        ]
        self.player = Player("null", block_size=256)
        self.remote = Remote(self.player, mpris=False)
        self.stream = Stream(input=True, device="null", block_size=256, feed_s=0.1)
        self.stream.start()
        self.told = collections.Counter()
        self.player.events.subscribe(self.take_note)
        self.failures, self.done = [], collections.Counter()
        self.since = {}
        self.feed = None
        self.recordings = []
        self.numbers = iter(range(10_000_000))
        self.pieces = [
            (0.1 * np.ones((480, 2), np.float32), None),
            (np.zeros(441, np.int16), 22_050),
            ([0.0, 0.1, 0.2], 8_000),
            (np.zeros((64, 1)), None),
        ]

    def take_note(self, event):
        self.told[event.kind] += 1

    def close(self):
        for recording in self.recordings:
            recording.stop()
        self.remote.close()
        self.stream.close()
        self.player.close()


# --- the operations ---------------------------------------------------------------------------------


def some(world, rng):
    return rng.sample(world.sources, rng.randrange(1, 4))


def play(world, rng):
    world.player.play(*some(world, rng))


def play_a_part(world, rng):
    start_s = rng.choice([0.0, 0.01, 0.2])
    world.player.play(rng.choice(world.files), start_s=start_s, duration_s=rng.uniform(0, 0.2))


def loop_a_part(world, rng):
    start = rng.uniform(0, 0.5)
    world.player.loop_between(*rng.choice([(None,), (start, start + rng.uniform(0.05, 0.3))]))


def change_effects(world, rng):
    world.player.effects = rng.choice([None, Gain(gain_db=-1.0), [Gain(), Delay(time_s=0.01)]])


def look(world, rng):
    player = world.player
    assert player.position >= 0.0
    assert player.state in {"stopped", "playing", "paused", "buffering", "waiting"}
    assert (player.duration or 0.0) >= 0.0
    assert all(level >= 0.0 for level in player.levels)
    assert player.latency_frames >= 0
    _ = player.loop, player.device, player.realtime, player.effects, player.replaygain


def look_at_the_queue(world, rng):
    queue = world.player.queue
    with world.player._lock:
        tracks = list(queue)
        assert len(set(tracks)) == len(tracks) == len(queue)
        assert 0 <= queue.index <= len(tracks)
        assert queue.current is (tracks[queue.index] if queue.index < len(tracks) else None)
    for track in tracks[:2]:
        assert track.path and track.title
        _ = track.tags, track.known_as


def look_at_the_tap(world, rng):
    tap = rng.choice([world.player, world.stream]).tap
    assert tap.read(rng.choice([0, 64, 4096])).shape[0] == 2
    window = tap.window(256)
    assert np.isfinite(np.asarray(window.rows)).all() or not window.is_intact


def report(world, rng):
    found = rng.choice([world.player, world.stream]).report()
    assert found["underruns"] >= 0 and found["faults"] == 0


def listen(world, rng):
    events = world.player.events
    if rng.random() < 0.5:
        events.unsubscribe(events.subscribe(lambda event: None))
    else:
        iterator = iter(events)
        world.player.volume = 1.0
        assert next(iterator).kind
        iterator.close()


def append(world, rng):
    queue = world.player.queue
    if len(queue) < 12:
        queue.append(rng.choice(world.sources))
        queue.insert(rng.randrange(-2, 3), rng.choice(world.files))


def replace(world, rng):
    world.player.queue.replace(rng.sample(world.files, 3))


def order(world, rng):
    queue = world.player.queue
    if rng.random() < 0.6:
        queue.shuffle(rng.randrange(99), rng.choice(["track", "album"]))
    else:
        queue.unshuffle()


def set_index(world, rng):
    world.player.queue.index = rng.randrange(3)


def save_and_load(world, rng):
    path = world.folder / f"saved {rng.randrange(2)}.m3u8"
    world.player.queue.save(path)
    world.player.queue.load(path)


def change_feed(world, rng):
    feed = world.feed
    if feed:
        feed.close()
        world.feed = None
    else:
        world.feed = world.player.feed(rng.choice([RATE, 22_050]), ring_s=0.1)


def feeder(world, rng):
    return rng.choice([world.stream, world.feed or world.stream])


def write(world, rng):
    frames, rate = rng.choice(world.pieces)
    count = feeder(world, rng).write(frames, rate, block=rng.random() < 0.1)
    assert 0 <= count <= len(frames)


def flush(world, rng):
    assert feeder(world, rng).flush() >= 0.0


def end_or_drain(world, rng):
    feeding = feeder(world, rng)
    _ = feeding.buffered_s
    if feeding is not world.stream and rng.random() < 0.7:
        feeding.end(block=False)
    else:
        feeding.drain()


def read(world, rng):
    count = rng.choice([0, 1, 480])
    assert len(world.stream.read(count, block=rng.random() < 0.2)) <= count


def use_stream(world, rng):
    stream = world.stream
    action = rng.randrange(6)
    if action == 0:
        stream.volume = rng.random()
    elif action == 1:
        stream.stop()
        stream.start()
    elif action == 2:
        stream.histograms()
        stream.restart_counters()
    else:
        _ = stream.levels, stream.latency_s, stream.is_running, stream.device, stream.buffered_s


def record(world, rng):
    if len(world.recordings) < 2 and rng.random() < 0.5:
        name = world.folder / f"{next(world.numbers) % 3}.wav"
        world.recordings.append(rng.choice([world.player, world.stream]).record(name))
    elif world.recordings:
        try:
            recording = world.recordings.pop()
        except IndexError:  # the other thread was quicker
            return
        assert recording.seconds >= 0.0
        recording.stop()
        assert not recording.is_running


def command(world, rng):
    words = rng.choice(
        [
            ["pause"],
            ["resume"],
            ["toggle"],
            ["next"],
            ["previous"],
            ["seek", rng.choice(["+0.1", "-0.2", "0.3", "0:10"])],
            ["volume", rng.choice(["60%", "+5%", "-0.1"])],
            ["mute", rng.choice(["on", "off"])],
            ["loop", rng.choice(["off", "one", "all"])],
            ["shuffle", rng.choice(["on", "off"])],
            ["append", rng.choice(world.files[:2])],
            ["status"],
        ]
    )
    if words[0] == "append" and len(world.player.queue) > 12:
        return
    if rng.random() < 0.3:
        answer = ask(sockets()[0], words)
        is_gone = "nowhere.wav: no such file" in answer.get(
            "error", ""
        )  # the one that is not there
        assert answer["ok"] or is_gone or is_documented(answer["error"]), answer
    else:
        obey(world.remote.controls, words)


def use_eq(world, rng):
    obey(world.remote.controls, ["eq", rng.choice(["off", str(world.folder / "eq.txt")])])


async def _in_a_loop(world, rng):
    player, frames = world.player, np.zeros(480, np.float32)
    action = rng.randrange(6)
    if action == 0:
        await player.play(*some(world, rng))
    elif action == 1:
        await player.finished(0.01)
    elif action == 2:
        await world.stream.awrite(frames)
        assert (await world.stream.aread(64)).shape == (64, 2)
    elif action == 3:
        await world.stream.adrain()
    elif action == 4 and world.feed:
        await world.feed.awrite(frames)
    else:
        iterator = aiter(player.events)
        player.volume = 1.0
        assert (await anext(iterator)).kind
        await iterator.aclose()


def in_a_loop(world, rng):
    asyncio.run(asyncio.wait_for(_in_a_loop(world, rng), 30))


def gain(world, rng):
    world.player.replaygain = rng.choice(["off", "track", "album"])


#: What is done, and how often among a thousand.
OPERATIONS = {
    play: 6,
    lambda w, r: w.player.play(): 20,
    play_a_part: 6,
    lambda w, r: w.player.pause(): 30,
    lambda w, r: w.player.resume(): 40,
    lambda w, r: w.player.stop(): 4,
    lambda w, r: w.player.seek(r.uniform(-0.2, 0.8)): 40,
    lambda w, r: w.player.next(): 15,
    lambda w, r: w.player.previous(): 15,
    lambda w, r: w.player.go_to(r.randrange(-2, 6)): 15,
    loop_a_part: 20,
    lambda w, r: setattr(w.player, "volume", r.random()): 40,
    lambda w, r: setattr(w.player, "mute", r.random() < 0.5): 20,
    change_effects: 4,
    gain: 10,
    look: 100,
    look_at_the_queue: 60,
    look_at_the_tap: 60,
    report: 30,
    listen: 20,
    append: 40,
    lambda w, r: w.player.queue.remove(r.randrange(-2, 6)): 40,
    lambda w, r: w.player.queue.move(r.randrange(-2, 6), r.randrange(6)): 40,
    order: 30,
    lambda w, r: setattr(w.player.queue, "repeat", r.choice(["off", "one", "all"])): 20,
    lambda w, r: w.player.queue.clear(): 2,
    replace: 3,
    set_index: 5,
    save_and_load: 3,
    change_feed: 4,
    write: 150,
    flush: 30,
    end_or_drain: 6,
    read: 60,
    use_stream: 15,
    record: 3,
    command: 40,
    use_eq: 1,
    in_a_loop: 6,
    lambda w, r: w.player.wait(0.002): 10,
}


def operate(world, rng, count):
    """Do random things; note what should not have happened."""
    me = threading.get_ident()
    for act in rng.choices([*OPERATIONS], [*OPERATIONS.values()], k=count):
        world.since[me] = time.monotonic(), act
        try:
            if world.player.state == "stopped" and rng.random() < 0.1:
                world.player.play(*rng.sample(world.files, 3))
            act(world, rng)
        except SourceError:
            pass  # the file that is not there
        except UsageError as error:
            if not is_documented(error):
                world.failures.append((act, traceback.format_exc()))
        except Exception:
            world.failures.append((act, traceback.format_exc()))
        world.done[act] += 1
    del world.since[me]


# --- rounds -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("soak")
    (made / "music").mkdir()
    import soundfile

    for n in range(4):
        soundfile.write(made / "music" / f"{n}.wav", music(6_000 * (n + 1)), RATE, "FLOAT")
    soundfile.write(made / "music" / "other.wav", music(20_000), 44_100, "FLOAT")
    soundfile.write(made / "music" / "song.ogg", music(30_000), RATE)
    tagged(made / "music" / "tagged.flac", music(20_000))
    (made / "list.m3u").write_text("music/1.wav\nmusic/none.wav\nmusic/song.ogg\n")
    (made / "eq.txt").write_text("Preamp: -3 dB\nFilter 1: ON PK Fc 1000 Hz Gain 3 dB Q 1\n")
    return made


def held():
    """Return this process's threads, descriptors, and megabytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return (
        len(os.listdir("/proc/self/task")),
        len(os.listdir("/proc/self/fd")),
        pages * os.sysconf("SC_PAGE_SIZE") / 1e6,
    )


def run_round(folder, seed, count, patience_s=60.0):
    """Do a round's operations from two threads; returns what was counted."""
    world = World(folder, seed)
    threads = [
        threading.Thread(target=operate, args=(world, random.Random(2 * seed + k), count // 2))
        for k in range(2)
    ]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        threads[0].join(0.05)
        threads[1].join(0.05)
        for since, act in list(world.since.values()):
            if time.monotonic() - since > patience_s:
                faulthandler.dump_traceback(sys.__stderr__)
                pytest.fail(f"{name_of(act)} does not come back (seed {seed})")
    world.player.queue.repeat = "off"
    world.player.play(world.files[0])
    assert world.player.wait(20), "it plays on as ever"
    found = world.player.report(), world.stream.report()
    world.close()
    assert world.failures == [], "\n".join(trace for _, trace in world.failures)
    return found, world.told


def name_of(act):
    return f"{act.__name__} (line {act.__code__.co_firstlineno})"


def rounds(folder, seeds, count):
    """Run rounds; yields what each counted, and holds afterwards."""
    for seed in seeds:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LossWarning)  # where the machine is full
            found, told = run_round(folder, seed, count)
        gc.collect()
        settle()
        yield seed, found, told


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="reads /proc")
def test_random_operations(folder):
    list(rounds(folder, [1], 300))


def starved_s():
    """Return for how many seconds some thread of this machine has waited for a CPU so far."""
    try:
        return int(Path("/proc/pressure/cpu").read_text().split("total=")[1].split()[0]) / 1e6
    except OSError:
        return 0.0


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_200_000_random_operations(folder):
    notes = Path(os.environ.get("ZEROCROSS_SOAK") or folder / "rounds")
    first = int(notes.read_text()) if notes.exists() else 0
    before, waited = None, starved_s()
    for seed, found, told in rounds(folder, range(first, 100), 2_000):
        now, waited_before, waited = held(), waited, starved_s()
        underruns = [each["underruns"] for each in found]
        print(seed, now, underruns, f"{waited - waited_before:.1f} s", dict(told), flush=True)
        assert not any(underruns) or waited > waited_before + 1.0, "the machine was not full"
        if seed - first == 4:
            before = now
        if before:  # what a dropped thing held may be let go of a moment later
            assert now[0] <= before[0] + 2 and now[1] <= before[1] + 8, (before, now)
            assert now[2] < before[2] + 60, (before, now)
        notes.write_text(str(seed + 1))
