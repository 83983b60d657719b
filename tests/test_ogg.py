"""Chained Ogg files: every link is found, played, sought in and measured, or told."""

from __future__ import annotations

import io
import re
import struct
import subprocess

import numpy as np
import pytest
import soundfile

import zerocross
from conftest import music, need, wait_for
from test_engine import RAMP, Offline, oracles
from zerocross import Player, SourceError, UsageError
from zerocross.cli.file_spectrum import spectrum_of_file
from zerocross.loudness import measure
from zerocross.sources import file as file_room
from zerocross.sources.ogg import find_links
from zerocross.sources.opening import open_source, read_audio

RATE = 48_000
LENGTHS = (30_000, 12_345, 48_000)


def link(path, frames, seed, subtype="VORBIS", sample_rate=RATE, channels=2):
    """Write an Ogg file; returns its bytes and what soundfile decodes of it alone."""
    signal = music(frames, channels, seed, sample_rate)
    soundfile.write(path, signal, sample_rate, subtype, format="OGG")
    return path.read_bytes(), soundfile.read(path, dtype="float32", always_2d=True)[0]


def chain(tmp_path, subtype="VORBIS", channels=2):
    """Write three links into one file; returns its path and what they decode to."""
    links = [
        link(tmp_path / f"{k}.ogg", frames, k, subtype, channels=channels)
        for k, frames in enumerate(LENGTHS)
    ]
    path = tmp_path / "chain.ogg"
    path.write_bytes(b"".join(data for data, _ in links))
    return path, np.concatenate([decoded for _, decoded in links])


# --- where links are ------------------------------------------------------------------------------


def page(serial, number, body, begins=False):
    """Return a page as RFC 3533 has it, without a checksum."""
    sizes = [255] * (body // 255) + [body % 255]
    head = struct.pack("<4sBBqIIIB", b"OggS", 0, 2 * begins, 0, serial, number, 0, len(sizes))
    return head + bytes(sizes) + b"O" * body


def stream(serials, pages, body):
    """Return a link of one or several streams."""
    parts = [page(serial, 0, 30, begins=True) for serial in serials]
    rest = (page(serials[k % len(serials)], k, body) for k in range(1, pages))
    return b"".join([*parts, *rest])


class Counted(io.BytesIO):
    bytes_read = 0

    def read(self, count=-1):
        found = super().read(count)
        self.bytes_read += len(found)
        return found


@pytest.mark.parametrize(
    "links",
    [
        [stream([1], 3000, 4000)],
        [stream([1], 2, 50), stream([2], 3000, 4000), stream([3], 1, 0)],
        [stream([1, 2], 900, 4000), stream([3, 4], 900, 60_000), stream([5], 5, 90)],
        [stream([7], 700, 4000)] * 3,  # the same number, against the standard
        [stream([7], 10, 4000), stream([8], 10, 90), stream([7], 10, 4000)],
        [stream([k], 4, 300) for k in range(60)],
    ],
    ids=["one", "short and long", "multiplexed", "one number", "a number again", "many"],
)
def test_links_are_found_with_few_reads(links):
    ends = np.cumsum([len(each) for each in links]).tolist()
    file = Counted(b"".join(links))
    assert find_links(file).places == list(zip([0, *ends], ends, strict=False))
    if len(links) < 3 or ends[-1] > 10_000_000:
        assert file.bytes_read < 8_000_000


def test_what_stands_before_and_after_links_is_passed_over():
    one, other = stream([1], 20, 4000), stream([2], 20, 4000)
    assert find_links(io.BytesIO(b"RIFF" * 9)).places == []
    assert find_links(io.BytesIO(one + b"junk" * 10 + other)).places == [
        (0, len(one) + 40),
        (len(one) + 40, len(one) + 40 + len(other)),
    ]


@pytest.mark.parametrize("pages", [200, 3000])
def test_a_damaged_page_begins_no_link(pages):
    """Its serial number is another one: whatever is looked at first."""
    whole = stream([1], pages, 4000)
    at = [found.start() for found in re.finditer(b"OggS", whole)]
    for hurt in at[5], at[pages // 2], at[-1]:
        damaged = bytearray(whole)
        damaged[hurt + 14] ^= 0x55
        other = stream([9], 3, 100)
        links = [(0, len(whole)), (len(whole), len(whole) + len(other))]
        assert find_links(io.BytesIO(damaged)).places == links[:1]
        assert find_links(io.BytesIO(damaged + other)).places == links


def test_no_more_links_are_looked_for_than_a_recording_has(monkeypatch):
    monkeypatch.setattr("zerocross.sources.ogg.MOST_LINKS", 5)
    links = [stream([k], 2, 30) for k in range(9)]
    found = find_links(io.BytesIO(b"".join(links)))
    assert found.places[4] == (4 * len(links[0]), 5 * len(links[0]))
    assert not found.is_all
    assert find_links(io.BytesIO(b"".join(links[:5]))).is_all


# --- what is played of them -----------------------------------------------------------------------


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
@pytest.mark.parametrize("channels", [1, 2])
def test_every_link_is_rendered_and_measured(tmp_path, subtype, channels):
    path, wanted = chain(tmp_path, subtype, channels)
    assert open_source(path).duration_s == len(wanted) / RATE
    rows, rate = read_audio(path)
    assert rate == RATE
    assert np.array_equal(rows.T, wanted)
    done = zerocross.render([path], tmp_path / "out.wav")
    assert (done.frames, done.errors) == (len(wanted), [])
    assert np.array_equal(soundfile.read(done.path, dtype="float32", always_2d=True)[0], wanted)
    soundfile.write(tmp_path / "whole.wav", wanted, RATE, "FLOAT")
    alone = measure(tmp_path / "whole.wav")
    assert measure(path).integrated_lufs == alone.integrated_lufs
    assert measure(path).seconds == alone.seconds
    spectra = [spectrum_of_file(each).average_dbfs for each in (path, tmp_path / "whole.wav")]
    assert np.array_equal(*spectra)


def test_sox_and_ffmpeg_hear_the_same_chains(tmp_path):
    """Their decoders are others: Xiph's for Vorbis, in 16 bits, and for Opus ffmpeg's own.

    The latter goes on with the state of the link before, which is heard for some milliseconds.
    """
    raw = ("-t", "f32", "-")
    commands = {
        "VORBIS": lambda path: [need("sox"), path, *raw],
        "OPUS": lambda path: [need("ffmpeg"), "-v", "quiet", "-i", path, "-f", "f32le", "-"],
    }
    most = {"VORBIS": 2 / 32768, "OPUS": 1e-3}
    for subtype, command in commands.items():
        path, _ = chain(tmp_path, subtype)
        found = subprocess.run(command(path), capture_output=True, check=True).stdout
        heard = np.frombuffer(found, np.float32).reshape(-1, 2)
        ours = read_audio(path)[0].T
        assert len(heard) == len(ours)
        assert np.abs(heard - ours).max() < most[subtype]


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_every_seek_in_a_chain_lands_on_the_frame(tmp_path, subtype):
    path, expected = chain(tmp_path, subtype)
    off = Offline()
    off.play(path)
    off.run(1000)
    rng = np.random.default_rng(3)
    edges = [30_000, 29_999, 30_001, 42_345, 0, 42_345 + 9_000]
    for target in [*edges, *rng.integers(0, len(expected) - 3000, 8).tolist(), 29_000]:
        off.stream.jump()
        off.stream.post(next(off.serial), off.sources[0], target, reused=True)
        off.stream.post_end()
        after = off.run(RAMP + 2000, block=100)[RAMP:1900]
        wanted = expected[target : target + len(after)].copy()
        if target > 0:
            wanted *= oracles.ramp(0, 1, RAMP, len(wanted)).astype(np.float32)[:, None]
        start = int(np.argmax(np.abs(after).sum(axis=1) > 0))
        shift = start - int(np.argmax(np.abs(wanted).sum(axis=1) > 0))
        assert 0 <= shift <= 100, (target, shift)
        assert np.array_equal(after[shift:], wanted[: len(after) - shift]), target


@pytest.fixture(scope="module")
def drummed(tmp_path_factory):
    """Two minutes of Vorbis with blocks of both lengths; returns its path and what it decodes to."""
    path, rng = tmp_path_factory.mktemp("drummed") / "a.ogg", np.random.default_rng(8)
    signal = 0.01 * rng.standard_normal((120 * RATE, 2)).astype(np.float32)
    for at in rng.integers(0, len(signal) - 3000, 400):
        signal[at : at + 3000] += np.exp(-np.arange(3000) / 200.0)[:, None] * rng.choice([-1, 1])
    with soundfile.SoundFile(path, "w", RATE, 2, "VORBIS", format="OGG") as file:
        for at in range(0, len(signal), RATE):  # libsndfile's Vorbis writer wants pieces
            file.write(signal[at : at + RATE])
    return path, soundfile.read(path, dtype="float32", always_2d=True)[0]


def misses(drummed, near=None):
    """Return to which of many frames a seek does not lead, from wherever the one before had led."""
    path, expected = drummed
    off, rng, found, target = Offline(), np.random.default_rng(9), [], 0
    off.play(path)
    off.run(1000)
    if near is not None:
        off.sources[0].near = near
    last = len(expected) - 3000
    for _ in range(150):
        ways = [rng.integers(0, last), rng.integers(0, 3 * RATE), last - rng.integers(0, RATE)]
        ways += [target + rng.integers(-RATE, 3 * RATE)] * 2
        target = min(max(1, int(rng.choice(ways))), last)
        off.stream.jump()
        off.stream.post(next(off.serial), off.sources[0], target, reused=True)
        off.stream.post_end()
        after = off.run(2 * RAMP + 2400, block=100)[2 * RAMP + 100 :]
        part = expected[target : target + RAMP + 2400]
        lead = after[:64].tobytes()  # it begins within a block of where it could
        starts = [k for k in range(RAMP, RAMP + 201) if part[k : k + 64].tobytes() == lead]
        if not (starts and np.array_equal(after[:1900], part[starts[0] :][:1900])):
            found.append(target)
    return found


def test_seeks_late_in_a_long_file_land_on_the_frame(drummed):
    assert misses(drummed) == []


def test_without_care_some_seeks_do_not(drummed):
    """libsndfile's own are off where it skips packets (its issue 885)."""
    assert misses(drummed, near=0)


def test_a_late_seek_decodes_little(drummed):
    """Two seconds at most, wherever it leads: what lies before was decoded until now."""
    path, expected = drummed
    off = Offline()
    off.play(path)
    off.run(1000)
    for target in (len(expected) - 5000, 60 * RATE, 60 * RATE + 90_000, RATE):
        off.stream.jump()
        off.stream.post(next(off.serial), off.sources[0], target, reused=True)
        off.stream.post_end()
        while not off.run(100).any():
            assert off.stream.decoder["skip"] <= 2 * RATE
        off.run(5000)


def test_a_player_hears_it_whole(tmp_path):
    path, wanted = chain(tmp_path)
    with Player("null") as player:
        player._output.capture_s = 4.0
        player.play(path)
        wait_for(lambda: player.state == "stopped")
        out = player._output.captures[0].captured()
        (track,) = player.queue
        assert (track.frames, track.status, track.error) == (len(wanted), "played", None)
        assert track.duration_s == len(wanted) / RATE
    begun = int(np.argmax(out.any(axis=1))) - int(np.argmax(wanted.any(axis=1)))
    assert np.array_equal(out[begun : begun + len(wanted)], wanted)


def test_more_links_than_are_opened_at_a_time_are_a_track_more(tmp_path, monkeypatch):
    path, wanted = chain(tmp_path)
    monkeypatch.setattr(file_room, "_MOST_LINKS", 2)
    done = zerocross.render([path], tmp_path / "out.wav")
    assert np.array_equal(soundfile.read(done.path, dtype="float32")[0], wanted)


# --- another format, and damage -------------------------------------------------------------------


@pytest.fixture
def mixed(tmp_path):
    """A chain of three formats, and its links as files."""
    paths = [tmp_path / f"{k}.ogg" for k in range(3)]
    data = [
        link(paths[0], 30_000, 1)[0],
        link(paths[1], 22_050, 2, sample_rate=44_100, channels=1)[0],
        link(paths[2], 24_000, 3, "OPUS")[0],
    ]
    (tmp_path / "mixed.ogg").write_bytes(b"".join(data))
    return tmp_path / "mixed.ogg", paths


def test_a_link_of_another_format_is_like_a_new_track(mixed, tmp_path):
    path, links = mixed
    wanted = zerocross.render([*links, links[0]], tmp_path / "wanted.wav")
    done = zerocross.render([path, links[0]], tmp_path / "out.wav")
    assert (done.frames, done.errors) == (wanted.frames, [])
    samples = [soundfile.read(each.path, dtype="float32")[0] for each in (done, wanted)]
    assert np.array_equal(*samples)
    cut = zerocross.render([path], tmp_path / "cut.wav", duration_s=1.0)
    assert cut.frames == zerocross.render(links, tmp_path / "all.wav", duration_s=1.0).frames


def test_a_player_goes_through_all_formats(mixed, make_file):
    path, _ = mixed
    after, _ = make_file(frames=4_800)
    with Player("null") as player:
        player.play(path, after)
        wait_for(lambda: player.state == "stopped")
        assert [track.frames for track in player.queue] == [30_000, 22_050, 24_000, 4_800]
        assert {track.status for track in player.queue} == {"played"}
        assert len({track.path for track in player.queue}) == 2
        player.play(path, start_s=0.3)
        wait_for(lambda: player.state == "stopped")
        assert [track.status for track in player.queue] == ["played"] * 3
        player.play(path, start_s=30_000 / RATE + 0.4)
        wait_for(lambda: player.state == "stopped")
        assert [track.status for track in player.queue] == ["skipped", "played", "played"]
        assert player.queue[1].frames == 22_050 - round(0.4 * 44_100)
        with pytest.raises(UsageError, match=r"start_s=9 is not within .*: it has 1.62 s"):
            player.play(path, start_s=9.0)


def test_what_takes_one_signal_tells_of_another_format(mixed):
    path, _ = mixed
    for take in (read_audio, measure, spectrum_of_file):
        with pytest.raises(SourceError, match=r"mixed.ogg.*changes after 0.62 s \(link 2.*render"):
            take(path)


def test_a_link_that_is_no_audio_is_told_and_the_others_are_played(tmp_path):
    parts = [link(tmp_path / f"{k}.ogg", 20_000, k) for k in range(3)]
    broken = parts[1][0].replace(b"vorbis", b"nothin")
    path = tmp_path / "chain.ogg"
    path.write_bytes(parts[0][0] + broken + parts[2][0])
    done = zerocross.render([path], tmp_path / "out.wav")
    assert len(done.errors) == 1
    assert "chain.ogg: link 2 of 3 is left out" in done.errors[0]
    wanted = np.concatenate([parts[0][1], parts[2][1]])
    assert np.array_equal(soundfile.read(done.path, dtype="float32")[0], wanted)
    with pytest.raises(SourceError, match="link 2 of 3"):
        measure(path)


def test_a_queue_takes_tracks_between_others():
    queue = zerocross.player.Queue()
    for name in ("a", "c"):
        queue.append(name)
    assert queue.insert(1, "b") is queue[1]
    assert [track.path for track in queue] == ["a", "b", "c"]
    with pytest.raises(UsageError):
        queue.insert(1, 5)


# --- what is made to be found hard ----------------------------------------------------------------


def retold(data, serial):
    """Return a link's pages with another serial number, checksums as RFC 3533 has them."""
    found = bytearray(data)
    starts = [each.start() for each in re.finditer(b"OggS", data)]
    for start, end in zip(starts, [*starts[1:], len(data)], strict=True):
        struct.pack_into("<I", found, start + 14, serial)
        struct.pack_into("<I", found, start + 22, 0)
        value = 0
        for byte in found[start:end]:
            value ^= byte << 24
            for _ in range(8):
                value = (value << 1 ^ (0x04C11DB7 if value >> 31 else 0)) & 0xFFFFFFFF
        struct.pack_into("<I", found, start + 22, value)
    return bytes(found)


def written(path, *parts):
    path.write_bytes(b"".join(parts))
    return path


@pytest.mark.parametrize("junk", [bytes(1_000_000), b"OggS" * 70_000], ids=["zeros", "magic"])
def test_junk_after_the_last_page_hides_no_link(tmp_path, junk):
    path, wanted = chain(tmp_path)
    path = written(tmp_path / "junk.ogg", path.read_bytes(), junk)
    assert np.array_equal(read_audio(path)[0].T, wanted)


def test_a_link_cut_in_its_headers_swallows_none(tmp_path):
    """Cut within a page, and after its first page, where the next looks like a stream beside it."""
    parts = [link(tmp_path / f"{k}.ogg", 20_000, k) for k in range(3)]
    wanted = np.concatenate([parts[0][1], parts[2][1]])
    first_page = parts[1][0].index(b"OggS", 4)
    for cut in 100, first_page:
        path = written(tmp_path / "a.ogg", parts[0][0], parts[1][0][:cut], parts[2][0])
        done = zerocross.render([path], tmp_path / "out.wav")
        assert np.array_equal(soundfile.read(done.path, dtype="float32")[0], wanted), cut
        assert "link 2 of 3 is left out" in done.errors[0]


def test_copies_of_a_first_page_cost_little(tmp_path):
    one = link(tmp_path / "a.ogg", 20_000, 1)[0]
    page_of_it = one[: one.index(b"OggS", 4)]
    file = Counted(one + page_of_it * 20_000)
    assert len(find_links(file).places) == 4096
    assert file.bytes_read < 150_000_000  # 35 GB, and 16 s, when each link's pages were sampled
    path = written(tmp_path / "b.ogg", file.getvalue()[: len(one) + 3 * len(page_of_it)])
    with pytest.raises(SourceError, match="link 2 of 4 and 2 more are left out"):
        measure(path)


def test_a_search_that_costs_too_much_ends_and_is_told(monkeypatch):
    monkeypatch.setattr("zerocross.sources.ogg._MOST_WORK", 40)
    links = [stream([k], 9, 30) for k in range(30)]
    found = find_links(io.BytesIO(b"".join(links)))
    assert not found.is_all
    assert 0 < len(found.places) < 30
    assert found.places[-1][1] == len(b"".join(links))


def test_more_links_than_are_open_at_a_time_are_one_signal_and_one_descriptor(tmp_path):
    """300 links where 256 are open: measured as one, started in at any time, told once."""
    resource = pytest.importorskip("resource")
    tone, heard = link(tmp_path / "a.ogg", 400, 1)
    headers = retold(tone, 999)[: tone.index(b"OggS", tone.index(b"OggS", 4) + 4)]
    path = written(tmp_path / "many.ogg", headers * 300, *[retold(tone, k) for k in range(300)])
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (128, limits[1]))
    try:
        rows, _ = read_audio(path)
        done = zerocross.render([path], tmp_path / "out.wav", start_s=299 * 400 / RATE)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert np.array_equal(rows.T, np.tile(heard, (300, 1)))
    assert (done.frames, done.errors) == (400, [])
    assert measure(path).seconds == 300 * 400 / RATE
    with pytest.raises(UsageError, match=r"it has 2.50 s"):
        zerocross.render([path], tmp_path / "out.wav", start_s=3.0)


def test_what_is_left_out_at_the_end_is_told_once(tmp_path, monkeypatch):
    path, _ = chain(tmp_path)
    monkeypatch.setattr("zerocross.sources.ogg.MOST_LINKS", 2)
    monkeypatch.setattr(file_room, "MOST_LINKS", 2)
    monkeypatch.setattr(file_room, "_MOST_LINKS", 1)
    done = zerocross.render([path], tmp_path / "out.wav")
    assert done.errors == [f"{path}: more than 2 links; the rest is left out"]
    assert done.frames == sum(LENGTHS[:2])


def test_a_missing_piece_is_told_by_what_measures(tmp_path):
    parts = [link(tmp_path / f"{k}.ogg", 300_000, k)[0] for k in range(3)]
    at = [found.start() for found in re.finditer(b"OggS", parts[1])]
    hurt = parts[1][: at[4]], parts[1][at[9] :]
    path = written(tmp_path / "hole.ogg", parts[0], *hurt, parts[2])
    words = zerocross.render([path], tmp_path / "out.wav").errors[0].removeprefix(f"{path}: ")
    assert "ends early" in words
    assert measure(path).problem == spectrum_of_file(path).problem == words


def test_an_error_after_the_last_frame_costs_none(tmp_path):
    """Some of ffmpeg's files, Opus of many channels: soundfile raises at 143360 of 144000 frames."""
    noise = 0.1 * np.random.default_rng(1).standard_normal((3 * RATE, 8))
    soundfile.write(tmp_path / "a.wav", noise, RATE)
    path = tmp_path / "a.opus"
    options = ["-mapping_family", "255", "-c:a", "libopus"]
    command = [need("ffmpeg"), "-v", "error", "-i", tmp_path / "a.wav", *options, path]
    subprocess.run(command, check=True)
    done = zerocross.render([path], tmp_path / "out.wav")
    assert (done.frames, done.errors) == (3 * RATE, [])
    assert read_audio(path)[0].shape == (8, 3 * RATE)
    assert (measure(path).seconds, measure(path).problem) == (3.0, "")
