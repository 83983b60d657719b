"""The queue: against a list, with 100,000 tracks, saved and loaded, and changed while it plays."""

from __future__ import annotations

import io
import os
import random
import threading
import time
import traceback
from pathlib import Path

import numpy as np
import pytest
import soundfile

from conftest import music, need_module, wait_for
from test_loudness import tagged
from zerocross import (
    Chain,
    Player,
    RealtimeError,
    SourceError,
    UsageError,
    ZerocrossError,
    processor,
)
from zerocross.effects import Gain
from zerocross.player import Queue, opener
from zerocross.sources.cue import Cut
from zerocross.sources.location import Samples
from zerocross.sources.tags import Tags

RATE = 48_000


@pytest.fixture
def player():
    with Player("null", block_size=64) as made:
        yield made


@pytest.fixture
def songs(make_file):
    """Return files by name, of some length, and what is in them."""

    def make(frames, names="abcdef", first=None):
        lengths = [first or frames, *(frames + 1000 * n for n in range(1, len(names)))]
        made = [
            make_file(f"{name}.wav", frames=length, seed=n)
            for n, (name, length) in enumerate(zip(names, lengths, strict=True))
        ]
        return [path for path, _ in made], {str(path): data for path, data in made}

    return make


def names(queue):
    return "".join(os.path.basename(track.path)[0] for track in queue)


def lettered(letters, **options):
    queue = Queue(**options)
    queue.extend(list(letters))
    return queue


# --- as a list ----------------------------------------------------------------------------------


def test_a_queue_is_changed_like_a_list():
    queue = lettered("abcdef")
    queue.remove(1)
    assert names(queue) == "acdef"
    queue.move(0, 3)
    assert names(queue) == "cdeaf"
    queue.move(-1, 0)
    assert names(queue) == "fcdea"
    queue.insert(2, "x")
    queue.insert(-1, "y")
    queue.insert(7, "z")
    assert names(queue) == "fcxdeyaz"
    assert queue.remove(-1).path == "z"
    queue.replace(list("gh"))
    assert names(queue) == "gh"
    queue.clear()
    assert (len(queue), queue.index, queue.current) == (0, 0, None)


@pytest.mark.parametrize("plays", [False, True])
def test_the_current_track_stays_the_current_one(plays):
    rng = random.Random(4)
    queue = lettered("abcdefgh", plays=lambda: plays)
    queue._index = 3
    current = queue.current
    for number in range(2_000):
        action = rng.randrange(5)
        before = list(queue)
        if action == 0 and len(queue) < 20:
            queue.insert(rng.randint(0, len(queue)), f"{number}")
        elif action == 1 and len(queue) > 3:
            place = rng.randrange(len(queue))
            if queue[place] is not current:
                queue.remove(place)
        elif action == 2:
            queue.move(rng.randrange(len(queue)), rng.randrange(len(queue)))
        elif action == 3:
            queue.shuffle(number)
        else:
            queue.unshuffle()
        if not plays and (action == 3 or queue[0] is current or queue.index == 0):
            current = queue.current  # nothing has begun: whichever is first
        assert queue.current is current
        assert queue.find(current) == queue.index
        assert len({*queue}) == len(queue)
        assert action < 2 or {*before} == {*queue}


def test_before_anything_plays_the_first_track_is_whichever_is_first():
    queue = lettered("abc")
    queue.insert(0, "x")
    assert queue.index == 0
    queue.move(3, 0)
    assert (queue.index, names(queue)) == (0, "cxab")
    queue.remove(0)
    assert (queue.index, names(queue)) == (0, "xab")


def test_removing_the_current_track_makes_the_next_one_current():
    told = []
    queue = lettered("abc", changed=told.append)
    queue.index = 1
    removed = queue.remove(1)
    assert (queue.index, queue.current.path) == (1, "c")
    assert told[-1] is removed
    queue.remove(0)
    assert (queue.index, told[-1]) == (0, None)
    queue.repeat = "all"
    queue.append("d")
    queue.index = 1
    queue.remove(1)
    assert queue.index == 0, "round again"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda q: q.remove(3), "index=3: give a whole number, -3 to 2"),
        (lambda q: q.move(0, 3), "index=3"),
        (lambda q: q.move(0.5, 1), "index=0.5"),
        (lambda q: q.insert(4, "x"), "index=4: give a whole number, -3 to 3"),
        (lambda q: q.insert(0, 5), "5 is not a path"),
        (lambda q: q.extend(["x", None]), "None is not a path"),
        (lambda q: q.replace(["x", None]), "None is not a path"),
        (lambda q: q.shuffle(by="mood"), "by='mood': give 'track' or 'album'"),
        (lambda q: setattr(q, "repeat", "twice"), "repeat='twice': give 'off', 'one' or 'all'"),
        (lambda q: Queue().remove(0), "the queue is empty"),
    ],
)
def test_what_cannot_be_changes_nothing(call, words):
    queue = lettered("abc")
    with pytest.raises(UsageError, match=words.replace("(", r"\(")):
        call(queue)
    assert (names(queue), queue.repeat) == ("abc", "off")


# --- orders -------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_order_and_unshuffling_brings_it_back():
    queue = lettered("abcdefghij")
    queue.shuffle(1)
    first = names(queue)
    queue.shuffle(2)
    assert names(queue) != first
    queue.shuffle(1)
    assert names(queue) == first != "abcdefghij"
    assert sorted(first) == list("abcdefghij")
    queue.append("z")
    queue.insert(queue.find(queue[4]), "y")
    queue.remove(0)
    queue.unshuffle()
    order = names(queue)
    assert order.endswith("z")
    assert order.replace("y", "").replace("z", "") == "abcdefghij".replace(first[0], "")
    assert not queue.is_shuffled
    queue.unshuffle()
    assert names(queue) == order


@pytest.mark.parametrize("seed", [np.int64(7), 7.0, 7])
def test_a_seed_is_any_whole_number(seed):
    queue, other = lettered("abcdefgh"), lettered("abcdefgh")
    queue.shuffle(seed=seed)
    other.shuffle(seed=7)
    assert names(queue) == names(other)


@pytest.mark.parametrize(
    "options", [{"seed": "x"}, {"seed": (1, 2)}, {"seed": 0.5}, {"seed": 1j}, {"by": []}], ids=str
)
def test_what_is_no_seed_is_refused_in_a_line(options):
    queue = lettered("abc")
    with pytest.raises(UsageError, match=f"{next(iter(options))}=.*give") as told:
        queue.shuffle(**options)
    assert "\n" not in str(told.value) and names(queue) == "abc"


def test_what_plays_comes_first_when_shuffled():
    queue = lettered("abcdef", plays=lambda: True)
    queue._index = 3
    queue.shuffle(5)
    assert (names(queue)[0], queue.index) == ("d", 0)


def test_albums_are_shuffled_with_their_tracks_in_order():
    paths = [f"/music/{album}/{track}.flac" for album in "ABCDE" for track in range(1, 5)]
    queue = Queue(plays=lambda: True)
    queue.extend(paths)
    queue._index = 9  # C/2
    queue.shuffle(3, by="album")
    albums = [track.path.split("/")[2] for track in queue]
    order = "".join(albums[::4])
    assert (order[0], sorted(order)) == ("C", list("ABCDE"))
    assert [t.path for t in queue] == [f"/music/{a}/{n}.flac" for a in order for n in range(1, 5)]
    assert queue.index == 1


def test_tags_that_are_known_tell_albums_and_no_file_is_opened_for_them():
    queue = lettered([f"/nowhere/{n}.flac" for n in range(20)])
    for number, track in enumerate(queue):
        track._tags = Tags(album=f"album {number % 4}", album_artist="someone")
    queue.shuffle(1, by="album")
    albums = [track.tags.album for track in queue]
    assert [albums[k : k + 5] for k in range(0, 20, 5)] == [[a] * 5 for a in albums[::5]]


@pytest.mark.parametrize(
    ("repeat", "following", "after", "before_first"),
    [
        ("off", [1, 2, None], [1, 2, None], None),
        ("all", [1, 2, 0], [1, 2, 0], 2),
        ("one", [0, 1, 2], [1, 2, None], None),
    ],
)
def test_what_follows(repeat, following, after, before_first):
    queue = lettered("abc")
    queue.repeat = repeat

    def place(track):
        return None if track is None else queue.find(track)

    assert [place(queue.following(track)) for track in queue] == following
    assert [place(queue.after(track)) for track in queue] == after
    assert place(queue.before(queue[0])) == before_first
    assert queue.before(queue[2]) is queue[1]
    gone = queue.remove(1)
    assert (queue.after(gone), queue.before(gone), queue.find(gone)) == (None, None, None)


# --- 100,000 tracks -------------------------------------------------------------------------------


class Counted(list):
    """A list that counts how often it was searched from end to end."""

    searched = 0

    def index(self, *args):
        self.searched += 1
        return super().index(*args)

    def __iter__(self):
        self.searched += 1
        return super().__iter__()


@pytest.mark.thorough
def test_100_000_tracks_are_looked_through_by_nobody_while_one_plays(player, songs, monkeypatch):
    """No look of the supervisor, no track's end goes through them; a change opens no file."""
    paths, _ = songs(4_000, "abcd", first=48_000)  # not at its end before it is paused
    opened = []
    real = opener.open_with_gain
    monkeypatch.setattr(
        opener, "open_with_gain", lambda *args: (opened.append(args), real(paths[0], "off"))[1]
    )
    player.play(paths[0])
    queue = player.queue
    player.pause()
    queue.extend([*paths[1:], *(f"/nowhere/{n}.flac" for n in range(100_000))])
    for number in range(50):
        queue.append(f"/nowhere/more{number}.flac")
        queue.move(-1, 50_000 + number)
        queue.remove(40_000)
        queue.insert(60_000, "/nowhere/inserted.flac")
    queue._tracks = Counted(queue._tracks)
    looks = []
    look = player._supervisor.look
    monkeypatch.setattr(player._supervisor, "look", lambda: (looks.append(1), look())[1])
    player.resume()
    wait_for(lambda: queue.index == 3)
    player.pause()
    assert len(looks) > 3
    assert queue._tracks.searched == 0
    queue.shuffle(1)
    queue.unshuffle()
    player.stop()
    assert len(opened) < 60
    assert len(queue) == 100_054


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("shuffle", "Queue.shuffle cannot be set; it is a method: call it"),
        ("repat", "Queue has no 'repat' to be set; did you mean repeat?"),
        ("current", "Queue.current cannot be set; it can be read only"),
    ],
)
def test_what_it_has_not_cannot_be_set(name, told):
    with pytest.raises(UsageError) as error:
        setattr(lettered("abc"), name, True)
    assert str(error.value) == told


# --- saved and loaded -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["s.flac", "c.txt", "queue", "a\0.m3u8", "no/such.m3u8", 5, None, True]
)
def test_no_song_is_written_over_by_a_queue(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    Path("s.flac").write_bytes(b"a song")
    queue = lettered(["s.flac"])
    with pytest.raises(UsageError) as told:
        queue.save(name)
    assert "\n" not in str(told.value)
    assert Path("s.flac").read_bytes() == b"a song" and os.listdir() == ["s.flac"]
    with pytest.raises(ZerocrossError):
        queue.load(name)


def test_a_queue_is_saved_and_loaded(tmp_path):
    folder = tmp_path / "lists"
    (folder / "below").mkdir(parents=True)
    inside = [folder / "below" / "a.flac", folder / "#b.flac", folder / "c d.mp3"]
    strange = os.fsencode(tmp_path) + b"/no-utf8-\xff.wav"
    queue = lettered([*inside, "/else/where.ogg", strange, "https://host/stream?x=1"])
    queue[0].duration_s = 12.4
    queue[1]._tags = Tags(title="A title")
    queue.save(folder / "list.m3u8")
    lines = (folder / "list.m3u8").read_bytes().decode("utf-8", "surrogateescape").splitlines()
    assert lines[:5] == [
        "#EXTM3U",
        "#EXTINF:12,a.flac",
        os.path.join("below", "a.flac"),
        "#EXTINF:-1,A title",
        os.path.join(".", "#b.flac"),
    ]
    other = lettered("xyz")
    other.load(folder / "list.m3u8")
    loaded = [os.path.normpath(os.fsdecode(t.location)) for t in list(other)[:5]]
    assert loaded == [*map(str, inside), "/else/where.ogg", os.fsdecode(strange)]
    assert other[1].title == "A title"
    assert other[5].location == "https://host/stream?x=1"
    folder.rename(tmp_path / "moved")
    other.load(tmp_path / "moved" / "list.m3u8")
    assert other[0].path == str(tmp_path / "moved" / "below" / "a.flac"), "it moves with its files"


def test_tracks_of_a_cue_sheet_and_names_with_lines_come_back(tmp_path):
    tags = Tags("One", "A, B", track=1, artists=("A", "B"), date="2004-05")
    cuts = [Cut(tmp_path / "disc.flac", 0, 75, tags), Cut("/d\r\nisc.flac", 75)]
    queue = lettered([*cuts, tmp_path / "a\nb#.wav"])
    queue.save(tmp_path / "list.m3u8")
    lines = (tmp_path / "list.m3u8").read_text().split("\n")
    assert lines[3] == "disc.flac" and lines[8].endswith("/a%0Ab%23.wav")
    places = [Cut(str(tmp_path / "disc.flac"), 0, 75), cuts[1], str(tmp_path / "a\nb#.wav")]
    other = lettered("x")
    other.load(tmp_path / "list.m3u8")
    assert [track.location for track in other] == places
    assert other[0].tags == tags
    other.replace([tmp_path / "list.m3u8"])
    assert [track.location for track in other] == places, "as any playlist is read"
    assert other[0].tags == tags
    assert other[0].title == "One"


@pytest.mark.parametrize(
    "about",
    ["", "{", "[" * 5000, "[]", '{"start": 5, "end": 5, "tags": {}}', '{"start": 0, "end": null}']
    + [
        f'{{"start": 0, "end": 9, "tags": {tags}}}'
        for tags in ('{"title": 5}', '{"track": 1e9}', "3")
    ],
)
def test_a_damaged_line_about_a_part_is_told(tmp_path, about):
    path = tmp_path / "list.m3u8"
    path.write_text(f"#EXTM3U\n#ZEROCROSS-CUT:{about}\na.flac\n")
    queue = lettered("x")
    for read in (queue.load, queue.append):
        with pytest.raises(SourceError, match=r"is damaged .*take it out") as told:
            read(path)
        assert len(str(told.value)) < 300
    assert names(queue) == "x"


@pytest.mark.parametrize("location", [Samples(np.zeros(10), 48_000, "noise")])
def test_a_queue_is_saved_whole_or_not_at_all(tmp_path, location):
    path = tmp_path / "list.m3u8"
    lettered("a").save(path)
    before = path.read_bytes()
    with pytest.raises(UsageError, match="playlist"):
        lettered(["b", location]).save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["list.m3u8"]


def test_a_list_that_cannot_be_read_changes_nothing(tmp_path):
    queue = lettered("abc")
    with pytest.raises(SourceError, match="no such file"):
        queue.load(tmp_path / "none.m3u8")
    assert names(queue) == "abc"
    (tmp_path / "of windows.m3u8").write_bytes(b"\xef\xbb\xbf#EXTM3U\r\nx.wav\r\n\r\n")
    queue.load(tmp_path / "of windows.m3u8")
    assert [track.path for track in queue] == [str(tmp_path / "x.wav")]


# --- while it plays -------------------------------------------------------------------------------


def heard(player, wanted):
    """Return what was heard from its first frame on, as long as what is wanted; nothing follows."""
    out = player._output.captures[0].captured()
    start = int(np.argmax(out[:, 0] != 0)) - int(np.argmax(wanted[:, 0] != 0))
    assert not out[start + len(wanted) :].any()
    return out[start : start + len(wanted)]


CHANGES = {
    "remove the next": lambda q: q.remove(1),
    "remove the last": lambda q: q.remove(-1),
    "move to the next": lambda q: q.move(3, 1),
    "move the current to the end": lambda q: q.move(0, 3),
    "insert": lambda q: q.insert(1, q[3].location),
    "append": lambda q: q.append(q[0].location),
    "shuffle": lambda q: q.shuffle(8),
    "repeat and not": lambda q: (setattr(q, "repeat", "one"), setattr(q, "repeat", "off")),
    "many": lambda q: [q.move(3, 1) for _ in range(200)],
}


@pytest.mark.parametrize(
    ("at_s", "change"),
    [
        (0.0, "insert"),
        (0.08, "many"),
        (0.08, "remove the next"),
        *(pytest.param(0.08, change, marks=pytest.mark.thorough) for change in CHANGES),
    ],
)
def test_what_follows_is_what_the_queue_says_and_joins_exactly(player, songs, change, at_s):
    paths, data = songs(6_000, "abcd", first=48_000)  # a change takes its time on a busy machine
    player._output.capture_s = 4.0
    player.play(*paths)
    if at_s:
        wait_for(lambda: player.position > at_s)
    CHANGES[change](player.queue)
    expected = [track.path for track in player.queue][player.queue.index :]
    assert expected[0] == str(paths[0]), "what plays goes on"
    assert player.wait(10)
    wanted = np.concatenate([data[path] for path in expected])
    assert np.array_equal(heard(player, wanted), wanted)
    report = player.report()
    assert (report["underruns"], report["faults"]) == (0, 0)
    assert report["frames_played"] == len(wanted)
    assert {track.status for track in list(player.queue)[player.queue.index :]} == {"played"}


def test_changes_in_a_row_are_followed_together(player, songs):
    paths, _ = songs(48_000, "abcd", first=480_000)
    player.play(*paths)
    wait_for(lambda: player.queue.current.status == "playing")
    before = player._output.stream.epoch
    began = time.monotonic()
    for _ in range(50):
        player.queue.move(3, 1)
    most = 2 + (time.monotonic() - began) / 0.25
    wait_for(lambda: player._playback.feed.look_in_s is None)
    assert before < player._output.stream.epoch <= before + most
    posted = [each.track for each in player._playback.feed._ahead_of(player._playback.feed.heard)]
    assert posted == list(player.queue)[1:], "what was asked for last"


def test_removing_what_plays_goes_on_with_the_next(player, songs):
    paths, _ = songs(48_000, "abc")
    player.play(*paths)
    wait_for(lambda: player.position > 0.05)
    removed = player.queue.remove(0)
    assert (removed.status, names(player.queue), player.queue.index) == ("skipped", "bc", 0)
    wait_for(lambda: player.queue.current.status == "playing")
    assert player.position < 0.5
    player.pause()
    player.queue.remove(0)
    assert (player.state, names(player.queue)) == ("paused", "c")
    player.resume()
    wait_for(lambda: player.position > 0.05)
    player.queue.remove(0)
    assert (player.state, len(player.queue)) == ("stopped", 0)


def test_clearing_stops_and_loading_goes_on_with_the_first(player, songs, tmp_path):
    paths, _ = songs(48_000, "abc")
    player.play(*paths)
    player.queue.save(tmp_path / "list.m3u8")
    player.go_to(2)
    player.queue.load(tmp_path / "list.m3u8")
    assert (player.state, player.queue.index) == ("playing", 0)
    wait_for(lambda: player.queue.current.status == "playing")
    player.queue.clear()
    assert player.state == "stopped"
    with pytest.raises(UsageError, match="nothing to play"):
        player.play()


def test_go_to(player, songs):
    paths, _ = songs(48_000, "abc")
    with pytest.raises(UsageError, match="the queue is empty"):
        player.go_to(0)
    player.queue.extend(paths)
    player.go_to(1)
    assert (player.state, player.queue.index) == ("playing", 1)
    player.go_to(-1)
    assert player.queue.index == 2
    assert player.queue[1].status in {"skipped", "waiting"}
    for wrong in (3, -4, 0.5, None):
        with pytest.raises(UsageError, match="index="):
            player.go_to(wrong)
    with pytest.raises(UsageError, match=r"go_to\(0\)"):
        player.queue.index = 0
    player.stop()
    player.queue.index = 0
    player.play()
    assert player.queue.index == 0


@pytest.mark.parametrize("repeat", ["one", "all"])
def test_repeating_has_no_gap(player, songs, repeat):
    paths, data = songs(5_000, "ab")
    player._output.capture_s = 2.0
    player.queue.repeat = repeat
    played = []
    player.events.subscribe(lambda e: played.append(e.path) if e.kind == "track" else None)
    player.play(*paths)
    wait_for(lambda: len(played) >= 8)
    out = player._output.captures[0].captured()
    player.stop()
    one = np.concatenate([data[str(path)] for path in paths[: 1 if repeat == "one" else 2]])
    start = int(np.argmax(out[:, 0] != 0)) - int(np.argmax(one[:, 0] != 0))
    rounds = (len(out) - start) // len(one) - 1
    assert rounds >= 2
    for k in range(rounds):
        assert np.array_equal(out[start + k * len(one) :][: len(one)], one)
    assert played[:6] == ([str(paths[0])] * 6 if repeat == "one" else [*map(str, paths)] * 3)


def test_repeating_ends_when_it_is_switched_off(player, songs):
    paths, _ = songs(5_000, "ab")
    player.queue.repeat = "one"
    player.play(*paths)
    wait_for(lambda: player.report()["frames_played"] > 12_000)
    player.queue.repeat = "off"
    assert player.wait(10)
    assert [track.status for track in player.queue] == ["played", "played"]
    assert player.queue.index == 1


@pytest.mark.parametrize("repeat", ["one", "all"])
def test_what_cannot_be_played_is_not_tried_for_ever(player, tmp_path, repeat):
    player.queue.repeat = repeat
    with pytest.raises(SourceError):
        player.play(tmp_path / "none.wav", tmp_path / "neither.wav")
    assert player.state == "stopped"


def test_next_and_previous_go_round_with_repeat_all(player, songs):
    paths, _ = songs(48_000, "abc")
    player.queue.repeat = "all"
    player.play(*paths)
    player.previous()
    assert player.queue.index == 2
    player.next()
    assert player.queue.index == 0
    player.queue.repeat = "one"
    player.next()
    assert player.queue.index == 1, "who asks for the next one gets it"


def test_a_duration_counts_rounds(player, songs):
    paths, _ = songs(10_000, "a")
    player.queue.repeat = "one"
    player.play(paths[0], duration_s=0.5)
    assert player.wait(10)
    assert player.report()["frames_played"] == 24_000


def test_a_duration_is_that_of_the_call(player, songs):
    paths, _ = songs(24_000, "ab")
    player.queue.extend(paths)
    player.play(duration_s=0.25)
    assert player.wait(10)
    assert player.report()["frames_played"] == 12_000
    player.play()
    player.pause()
    player.play(start_s=0.25, duration_s=0.75)
    assert player.wait(10)
    assert player.queue.index == 1
    assert player.queue[1].frames == 24_000


def test_a_duration_is_shared_out_anew_when_the_queue_changes(player, songs):
    paths, _ = songs(12_000, "abcd")
    player.play(*paths, duration_s=0.5)
    player.queue.remove(1)
    assert player.wait(10)
    assert player.report()["frames_played"] == 24_000
    assert [track.frames for track in player.queue] == [12_000, 12_000, 0]


def test_a_track_added_before_the_end_is_told_is_played(player, songs):
    """Whenever it comes: it was lost in the moment between the end and its telling."""
    paths, _ = songs(100, "ab")
    for round_number in range(12):
        order = []
        changed = player.queue._changed

        def telling(removed, changed=changed, order=order):
            order.append("added")
            changed(removed)

        tell = player.events.subscribe(lambda e, order=order: order.append(e.kind))
        player.play(paths[0])
        stream = player._output.stream
        player.queue._changed = telling
        wait_for(lambda stream=stream: stream.ended)
        time.sleep(0.0001 * (round_number % 10))
        track = player.queue.append(paths[1])
        player.queue._changed = changed
        player.wait(5)
        player.events.unsubscribe(tell)
        if order.index("added") < order.index("finished"):
            assert track.status == "played", order


# --- loops ----------------------------------------------------------------------------------------


def test_a_part_is_played_again_and_again(player, songs):
    paths, data = songs(96_000, "ab")
    player._output.capture_s = 3.0
    player.play(*paths)
    wait_for(lambda: player.position > 0.05)
    player.loop_between(0.5, 0.7)
    assert player.loop == (0.5, 0.7)
    wait_for(lambda: player.position > 0.5, what="the loop")
    before = player._output.stream.frames_played
    wait_for(lambda: player._output.stream.frames_played > before + 5 * 9_600)
    assert 0.5 <= player.position < 0.7
    out = player._output.captures[0].captured()
    gains = np.minimum(1.0, np.arange(9_600) / 480) * np.minimum(1.0, np.arange(9_600)[::-1] / 480)
    part = data[str(paths[0])][24_000:33_600] * gains[:, None].astype(np.float32)
    is_here = [np.abs(out[k : len(out) - 9_600 + k] - part[k]) < 1e-6 for k in (900, 3000, 7000)]
    at = int(np.argmax(np.logical_and.reduce(is_here).all(axis=1)))
    at += 9_600  # the first time it was come to from before, without a fade
    for k in range(4):
        assert np.allclose(out[at + k * 9_600 :][:9_600], part, atol=1e-6)
    player.queue.remove(1)
    assert player.loop == (0.5, 0.7), "a change elsewhere"
    player.loop_between(None)
    assert player.loop is None
    wait_for(lambda: player.position > 0.75)
    player.loop_between(0.1, 0.2)
    wait_for(lambda: player.position < 0.2, what="from behind it jumps to its start")
    player.next()
    assert player.queue[0].loop is None


def test_samples_in_memory_repeat_and_loop_as_exactly(player):
    data = music(6_000)
    player._output.capture_s = 2.0
    player.queue.repeat = "one"
    player.play((data, RATE))
    wait_for(lambda: player._output.stream.frames_played > 30_000)
    out = player._output.captures[0].captured()
    start = int(np.argmax(out[:, 0] != 0)) - int(np.argmax(data[:, 0] != 0))
    for k in range(4):
        assert np.array_equal(out[start + k * 6_000 :][:6_000], data)
    player.loop_between(0.02, 0.08)
    wait_for(lambda: player._output.stream.frames_played > 60_000)
    assert 0.02 <= player.position < 0.08
    assert player.report()["underruns"] == 0


def test_a_seek_keeps_the_loop_and_leaving_ends_it(player, songs):
    paths, _ = songs(96_000, "ab")
    player.play(*paths)
    player.loop_between(0.5, 0.6)
    player.seek(0.4)
    wait_for(lambda: player.position >= 0.5)
    time.sleep(0.2)
    assert player.position < 0.6
    player.seek(1.0)
    wait_for(lambda: player.position > 1.1)
    player.next()
    assert (player.loop, player.queue[0].loop) == (None, None)


@pytest.mark.parametrize(
    ("times", "words"),
    [
        ((0.5, 0.5), "a loop is 0.05 s"),
        ((0.5, 0.2), "a loop is 0.05 s"),
        ((5.0, 6.0), "a loop is 0.05 s at least, within the track's 2.00 s"),
        ((-1.0, 1.0), "start_s=-1"),
        ((0.5, None), "end_s=None"),
    ],
)
def test_what_is_no_part_of_the_track_is_refused(player, songs, times, words):
    with pytest.raises(UsageError, match="nothing is playing"):
        player.loop_between(*times)
    player.play(songs(96_000, "a")[0][0])
    with pytest.raises(UsageError, match=words):
        player.loop_between(*times)
    assert player.loop is None


# --- effects and gains ------------------------------------------------------------------------------


@pytest.fixture
def steady(player, make_file):
    player.play(make_file(frames=480_000, data=np.full((480_000, 2), 0.5, np.float32))[0])
    wait_for(lambda: player.position > 0.1)
    return player


def level(player):
    """Return what goes to the device, once it is steady."""
    time.sleep(0.05)
    return float(player.tap.read(64)[0].mean())


def test_effects_change_while_it_plays(steady):
    assert steady.effects is None
    gain = Gain(gain_db=-6.0)
    steady.effects = gain
    assert level(steady) == pytest.approx(0.5 * 10**-0.3, abs=1e-4)
    steady.effects.append(Gain(gain_db=-6.0))
    assert level(steady) == pytest.approx(0.5 * 10**-0.6, abs=1e-4)
    with pytest.raises(UsageError):
        steady.effects = [gain, Gain(gain_db=0.0)]  # it plays in the other
    steady.effects = [Gain(gain_db=-3.0), Gain(gain_db=-3.0)]
    steady.effects = Chain(gain)
    assert level(steady) == pytest.approx(0.5 * 10**-0.3, abs=1e-4)
    steady.effects = None
    assert level(steady) == pytest.approx(0.5, abs=1e-4)
    steady.stop()
    steady.effects = gain
    steady.play()
    wait_for(lambda: steady.position > 0.1)
    assert level(steady) == pytest.approx(0.5 * 10**-0.3, abs=1e-4)
    report = steady.report()
    assert (report["underruns"], report["faults"]) == (0, 0)


def test_refused_effects_leave_the_old_ones_playing(steady):
    @processor
    class Allocates:
        def process(self, block):
            block.out[:] = block.input + len([1] * block.frames)

    steady.effects = old = Chain(Gain(gain_db=-6.0))
    for wrong, error in ((Allocates(), RealtimeError), (5, UsageError), (["x"], UsageError)):
        with pytest.raises(error):
            steady.effects = wrong
        assert steady.effects is old
        assert level(steady) == pytest.approx(0.5 * 10**-0.3, abs=1e-4)
    steady.close()
    with pytest.raises(UsageError, match="closed"):
        steady.effects = None


def test_effects_are_not_set_within_a_listener(steady):
    refused = []

    def act(event):
        if event.kind == "paused":
            try:
                steady.effects = None
            except UsageError as error:
                refused.append(str(error))

    steady.events.subscribe(act)
    steady.pause()
    assert refused == ["effects are set on another thread than a listener's: start one"]


def test_a_replaygain_is_heard_while_it_plays(player, tmp_path):
    path = tagged(tmp_path / "a.flac", np.full((5 * RATE, 2), 0.25))
    player.play(path)
    wait_for(lambda: player.position > 0.1)
    assert (player.replaygain, level(player)) == ("off", pytest.approx(0.25, abs=1e-4))
    player.replaygain = "track"
    wait_for(lambda: level(player) == pytest.approx(0.25 * 10 ** (-6.5 / 20), abs=1e-4))
    assert 0.1 < player.position < 2.0
    player.replaygain = "off"
    wait_for(lambda: level(player) == pytest.approx(0.25, abs=1e-4))
    with pytest.raises(UsageError, match="replaygain"):
        player.replaygain = "loud"
    assert player.replaygain == "off"


class Pipe(io.BytesIO):
    """What can be read once."""

    def seekable(self):
        return False


def piped(samples):
    """Return an MP3 file in a pipe."""
    need_module("av")
    file = Pipe()
    soundfile.write(file, samples, RATE, format="MP3")
    file.seek(0)
    return file


@pytest.mark.parametrize("what", ["pipe", "deleted"])
def test_a_replaygain_stops_nothing_that_cannot_be_opened_again(player, tmp_path, songs, what):
    path = tagged(tmp_path / "a.flac", music(10 * RATE))
    player.play(piped(music(10 * RATE)) if what == "pipe" else path, *songs(RATE, "b")[0])
    wait_for(lambda: player.position > 0.1)
    path.unlink()
    player.replaygain = "track"
    time.sleep(0.3)
    assert (player.state, player.queue.index) == ("playing", 0)
    assert player.position > 0.35 and player.queue.current.error is None


@pytest.mark.parametrize("by", ["seek", "replaygain"])
def test_a_pipe_that_follows_is_heard_after_what_goes_on_elsewhere(player, tmp_path, by):
    player.play(tagged(tmp_path / "a.flac", music(RATE)), piped(music(RATE // 2)))
    wait_for(lambda: player.position > 0.1)
    if by == "seek":
        player.seek(0.5)
    else:
        player.replaygain = "track"
    assert player.wait(10)
    assert [track.status for track in player.queue] == ["played", "played"]


# --- random operations ------------------------------------------------------------------------------


ACTIONS = (
    *("append", "insert", "remove", "move", "shuffle", "unshuffle", "repeat", "clear", "replace"),
    *("go_to", "next", "previous", "seek", "pause", "resume", "loop", "play", "stop", "wait"),
)


def operate(player, paths, rng, count, failures):
    """Do random things to a queue; collect what should not have happened."""
    queue = player.queue
    for _ in range(count):
        action = rng.choice(ACTIONS)
        place = rng.randrange(-2, 6)
        try:
            if action in {"append", "insert"} and len(queue) < 12:
                getattr(queue, action)(*([place] if action == "insert" else []), rng.choice(paths))
            elif action in {"remove", "go_to"}:
                getattr(queue if action == "remove" else player, action)(place)
            elif action == "move":
                queue.move(place, rng.randrange(6))
            elif action == "shuffle":
                queue.shuffle(rng.randrange(99), rng.choice(["track", "album"]))
            elif action == "repeat":
                queue.repeat = rng.choice(["off", "one", "all"])
            elif action == "clear" and rng.random() < 0.1:
                queue.clear()
            elif action == "replace" and rng.random() < 0.2:
                queue.replace(rng.sample(paths, 3))
            elif action == "play" or player.state == "stopped":
                player.play(*rng.sample(paths, 3))
            elif action == "seek":
                player.seek(rng.uniform(0, 0.8))
            elif action == "loop":
                start = rng.uniform(0, 0.5)
                player.loop_between(*rng.choice([(None,), (start, start + rng.uniform(0.05, 0.3))]))
            elif action == "wait":
                time.sleep(rng.uniform(0, 0.03))
            elif action in {"unshuffle", "next", "previous", "pause", "resume", "stop"}:
                getattr(queue if action == "unshuffle" else player, action)()
            check(player)
        except UsageError:
            pass  # no such index, nothing plays
        except Exception as error:
            failures.append((action, repr(error), traceback.format_exc()))


def check(player):
    """What holds after each operation."""
    queue = player.queue
    with player._lock:
        tracks = list(queue)
        assert len(set(tracks)) == len(tracks)
        assert 0 <= queue.index <= len(tracks)
        assert queue.current is None or tracks[queue.index] is queue.current
        feed = player._playback.feed
        if feed and player._playback.starting is None and not feed.is_left:
            kept = feed._kept()
            is_followed = (
                feed.look_in_s is None
            )  # else soon: changes in a row are followed together
            if kept and kept.track is queue.current and is_followed:
                assert feed._is_a_row([kept, *feed._ahead_of(kept)]), "posted what is not queued"
    assert player.position >= 0.0


def torture(make_file, seed, count):
    paths = [make_file(f"{n}.wav", frames=6_000 * (n + 1))[0] for n in range(4)]
    paths.append(make_file("other.wav", frames=20_000, sample_rate=44_100)[0])
    paths.append(make_file("song.ogg", frames=30_000)[0])
    failures, told = [], []
    with Player("null", block_size=64) as player:
        player.events.subscribe(lambda e: told.append(e) if e.kind in {"underrun", "fault"} else 0)
        threads = [
            threading.Thread(
                target=operate,
                args=(player, paths, random.Random(2 * seed + k), count // 2, failures),
            )
            for k in range(2)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60 + count)
            assert not thread.is_alive(), "deadlock"
        assert failures == [], failures
        assert told == []
        player.queue.repeat = "off"
        player.play(paths[0])
        assert player.wait(10), "it plays on as ever"
        assert player.report()["faults"] == 0


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(2))
def test_random_changes_from_two_threads(make_file, seed):
    torture(make_file, seed, 150)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_random_changes_in_full(make_file):
    for seed in range(20):
        torture(make_file, 100 + seed, 1_000)


def test_what_is_no_list_of_files_is_told(player, songs, tmp_path):
    (path,), _ = songs(4_000, "a")
    with pytest.raises(UsageError, match="give a list of files"):
        player.queue.extend(str(path))
    with pytest.raises(SourceError, match="is no playlist"):
        player.queue.load(path)
    assert len(player.queue) == 0
    with open(path, "rb") as file:
        pass
    with pytest.raises(UsageError, match="is closed; give an open file"):
        player.play(file)


def test_a_listener_cannot_wait(player, songs):
    (path,), _ = songs(4_000, "a")
    told = []

    @player.events.subscribe
    def wait(event):
        try:
            player.wait()
        except UsageError as error:
            told.append(str(error))

    player.play(path)
    assert player.wait(10)
    assert told and "another thread" in told[0]


# --- directories, lists, and ends ---------------------------------------------------------------------


@pytest.fixture
def album(tmp_path, make_file):
    """Return a directory of two files, and a playlist with one that is not there."""
    made = [make_file(f"{n}.wav", frames=24_000)[0] for n in "12"]
    folder = tmp_path / "album"
    folder.mkdir()
    for path in made:
        path.rename(folder / path.name)
    (tmp_path / "list.m3u").write_text("album/2.wav\nnone.cue\n")
    return folder


def test_directories_and_lists_become_what_is_in_them(player, album, tmp_path):
    told = []
    player.events.subscribe(lambda event: told.append((event.kind, event.message)))
    queue = player.queue
    first = queue.append(album)
    assert (first.path, names(queue)) == (str(album / "1.wav"), "12")
    queue.insert(1, tmp_path / "list.m3u")
    assert names(queue) == "122"
    assert [kind for kind, _ in told] == ["error"] and "none.cue: no such file" in told[0][1]
    queue.replace([str(album), album / "1.wav"])
    assert names(queue) == "121"
    (tmp_path / "empty").mkdir()
    for call in (queue.append, lambda path: queue.replace([path]), lambda p: queue.insert(0, p)):
        with pytest.raises(SourceError, match="no audio in this directory"):
            call(tmp_path / "empty")
    assert names(queue) == "121"


def test_seeks_from_the_end_and_beyond_it(player, songs):
    paths, _ = songs(96_000, "ab")
    told = []
    player.events.subscribe(lambda e: told.append(e.message) if e.kind == "seeked" else 0)
    player.play(*paths)
    player.pause()
    player.seek(-0.5)
    assert player.position == pytest.approx(1.5)
    player.seek(-9.0)
    assert player.position == 0.0
    player.queue.current.duration_s = None
    with pytest.raises(UsageError, match="how long it is is not known"):
        player.seek(-1.0)
    player.queue.current.duration_s = 2.0
    player.resume()
    player.seek(600.0)
    wait_for(lambda: player.queue.index == 1)
    assert told == ["at 1.50 s", "at 0.00 s", "to the end"]


def places_heard(player):
    """Return which frame of a file is heard, whatever the gain: the left one tells by the right."""
    out = player._output.captures[0].captured()
    loud = np.abs(out[:, 1]) > 0.01
    return out[loud, 0] / out[loud, 1] * 480_000


def test_a_change_of_gains_and_loops_says_nothing_twice(player, tmp_path):
    data = np.full((480_000, 2), 0.5, np.float32)
    data[:, 0] *= np.arange(480_000) / 480_000
    player._output.capture_s = 4.0
    player.play(tagged(tmp_path / "ramp.flac", data))
    wait_for(lambda: player.position > 0.05)
    player.replaygain = "track"
    wait_for(lambda: player._output.stream.epoch > 1)
    at = player.position
    wait_for(lambda: player.position > at + 0.1)
    player.loop_between(4.0, 5.0)
    at = player.position
    wait_for(lambda: player.position > at + 0.1)
    player.pause()
    steps = np.diff(places_heard(player))
    assert steps.min() > -100, "at most a block is heard again, and no ramp"
    assert np.count_nonzero(steps > 1000) == 0


def test_parts_of_effects_are_reached_by_their_index(player):
    gain = Gain(gain_db=-6.0)
    player.effects = [gain, Gain(gain_db=-1.0)]
    assert player.effects[0] is gain and [*player.effects][-1] is player.effects[-1]
    with pytest.raises(UsageError, match="give a whole number"):
        player.effects[2]
    with pytest.raises(UsageError, match="no parts"):
        Chain()[0]


def test_who_was_not_subscribed_cannot_be_unsubscribed(player):
    with pytest.raises(UsageError, match="is not subscribed"):
        player.events.unsubscribe(print)
