"""Decode step and callback, driven by hand: no device, no clock, every bit known."""

from __future__ import annotations

import itertools
import os
import sys

import numpy as np
import pytest
import soundfile

import oracles
import zerocross
from conftest import music, wait_for
from zerocross.dsp.resample import make_resampler, resample_rows
from zerocross.engine.counters import BUCKETS, bucket_limits_ns, percentile_ns
from zerocross.engine.decode import ERROR_SHORT
from zerocross.engine.file_stream import FileStream
from zerocross.errors import SourceError
from zerocross.graph.block import MAX_BLOCK
from zerocross.sources.opening import open_source
from zerocross.sync import Signal

RATE = 48_000
RAMP = 480


class Offline:
    """A stream without a device: what a device would have got is returned."""

    def __init__(self, **options):
        self.stream = FileStream(
            options.pop("sample_rate", RATE), options.pop("channels", 2), **options
        )
        self.serial = itertools.count(1)
        self.sources = []

    def post(self, path, start=0, end=None):
        source = open_source(path)
        self.sources.append(source)
        serial = next(self.serial)
        self.stream.post(serial, source, start, end)
        return serial

    def play(self, *paths, end=True):
        for path in paths:
            self.post(path)
        if end:
            self.stream.post_end()
        self.stream.set_playing(True)
        return self

    def run(self, frames, block=256, decode=True):
        pieces = []
        while frames > 0:
            if decode:
                self.stream.decode()
            out = np.full((min(block, frames), self.stream.channels), np.nan, np.float32)
            self.stream.render(out)
            pieces.append(out)
            frames -= len(out)
        return np.concatenate(pieces)

    def run_to_end(self, block=256):
        pieces = []
        while not self.stream.ended:
            pieces.append(self.run(block, block))
        out = np.concatenate(pieces)
        return out[: self.stream.frames_played]


FORMATS = [
    ("song.wav", "FLOAT", RATE),
    ("song.wav", "PCM_16", RATE),
    ("song.wav", "PCM_24", RATE),
    ("song.wav", "PCM_U8", RATE),
    ("song.aiff", "PCM_16", RATE),
    ("song.flac", "PCM_16", RATE),
    ("song.flac", "PCM_24", RATE),
    ("song.ogg", "VORBIS", RATE),
    ("song.opus", "OPUS", RATE),
    ("song.mp3", "MPEG_LAYER_III", RATE),
]


def write(path, data, rate, subtype):
    kind = {"opus": "OGG"}.get(path.suffix[1:])
    soundfile.write(path, data, rate, subtype, format=kind)
    return soundfile.read(path, dtype="float32", always_2d=True)[0]


@pytest.mark.parametrize(("name", "subtype", "rate"), FORMATS)
def test_every_format_arrives_bit_for_bit(tmp_path, name, subtype, rate):
    expected = write(tmp_path / name, music(100_000), rate, subtype)
    assert np.array_equal(Offline().play(tmp_path / name).run_to_end(), expected)


@pytest.mark.parametrize(("name", "subtype", "rate"), FORMATS)
def test_every_seek_lands_on_the_frame(tmp_path, name, subtype, rate):
    """Random seeks in one run; nothing old is heard after the 10 ms fade."""
    total = 400_000
    expected = write(tmp_path / name, music(total), rate, subtype)
    off = Offline()
    off.play(tmp_path / name)
    off.run(1000)
    rng = np.random.default_rng(11)
    for target in [0, 1, 5000, *rng.integers(0, total - 3000, 12).tolist(), 17, total - 2000]:
        off.stream.jump()
        off.stream.post(next(off.serial), off.sources[0], target, reused=True)
        off.stream.post_end()
        out = off.run(RAMP + 2000, block=100)
        # The fade-out takes RAMP frames; then the new audio begins, faded in if from the middle.
        after = out[RAMP:1600]
        wanted = expected[target : target + len(after)].copy()
        if target > 0:
            wanted *= oracles.ramp(0, 1, RAMP, len(wanted)).astype(np.float32)[:, None]
        start = int(np.argmax(np.abs(after).sum(axis=1) > 0))
        lead = int(np.argmax(np.abs(wanted).sum(axis=1) > 0))
        shift = start - lead
        assert 0 <= shift <= 100, (target, shift)
        assert np.array_equal(after[shift:], wanted[: len(after) - shift]), target


def test_a_seek_lets_nothing_old_out(tmp_path):
    """Old audio is all +0.5, new audio all -0.5: the sign tells them apart."""
    data = np.full((200_000, 2), 0.5, np.float32)
    data[100_000:] = -0.5
    soundfile.write(tmp_path / "two.wav", data, RATE, "FLOAT")
    off = Offline()
    off.play(tmp_path / "two.wav")
    before = off.run(5000)
    assert np.all(before == 0.5)
    off.stream.jump()
    off.stream.post(next(off.serial), off.sources[0], 100_000, reused=True)
    off.stream.post_end()
    out = off.run(10_000, block=64)[:, 0]
    assert np.all(out[:RAMP] > 0)
    assert np.all(out[RAMP:] <= 0)
    assert np.all(out[3 * RAMP :] == -0.5)
    assert np.abs(np.diff(out)).max() <= 0.5 / RAMP * 1.01, "no click"


@pytest.mark.parametrize("block", [1, 17, 64, 256, 4096, 10_000])
def test_any_block_size_gives_the_same_bits(make_file, block):
    path, decoded = make_file(frames=30_000)
    off = Offline()
    off.play(path)
    assert np.array_equal(off.run_to_end(block), decoded)


def test_volume_is_a_ramp_and_blocks_do_not_matter(make_file):
    path, decoded = make_file(frames=20_000)
    results = []
    for block in (64, 1000):
        off = Offline()
        off.play(path)
        first = off.run(1000, block)
        off.stream.set_volume(0.25)
        results.append(np.concatenate([first, off.run(8000, block)]))
    assert np.array_equal(results[0][:1000], decoded[:1000])
    gains = oracles.ramp(1.0, 0.25, RAMP, 8000).astype(np.float32)[:, None]
    assert np.array_equal(results[1][1000:], decoded[1000:9000] * gains)
    assert np.array_equal(results[0], results[1])


def test_mute_runs_on(make_file):
    path, decoded = make_file(frames=20_000)
    off = Offline()
    off.play(path)
    off.run(500)
    off.stream.set_muted(True)
    assert not off.run(2000)[RAMP:].any()
    off.stream.set_muted(False)
    assert np.array_equal(off.run(3000)[RAMP:], decoded[2500 + RAMP : 5500])


def test_pause_and_resume_lose_nothing(make_file):
    path, decoded = make_file(frames=20_000)
    off = Offline()
    off.play(path)
    off.run(1000)
    off.stream.set_playing(False)
    held = off.run(5000)
    down = oracles.ramp(1, 0, RAMP, RAMP).astype(np.float32)[:, None]
    assert np.array_equal(held[:RAMP], decoded[1000 : 1000 + RAMP] * down)
    assert not held[RAMP:].any()
    off.stream.set_playing(True)
    out = off.run(5000)
    up = oracles.ramp(0, 1, RAMP, 5000).astype(np.float32)[:, None]
    assert np.array_equal(out, decoded[1000 + RAMP : 6000 + RAMP] * up)
    assert off.stream.record["underruns"] == 0


def test_two_files_join_without_a_gap(tmp_path):
    """A sine cut in two, at a frame that is no multiple of anything."""
    t = np.arange(50_001) / RATE
    sine = np.repeat((0.8 * np.sin(2 * np.pi * 997 * t))[:, None], 2, axis=1).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", sine[:23_457], RATE, "FLOAT")
    soundfile.write(tmp_path / "b.wav", sine[23_457:], RATE, "FLOAT")
    for block in (64, 4096):
        off = Offline()
        off.play(tmp_path / "a.wav", tmp_path / "b.wav")
        assert np.array_equal(off.run_to_end(block), sine)


def test_many_tiny_files_join(tmp_path):
    signal = music(1200)
    paths = []
    for i in range(12):
        paths.append(tmp_path / f"{i}.wav")
        soundfile.write(paths[-1], signal[100 * i : 100 * (i + 1)], RATE, "FLOAT")
    off = Offline()
    off.play(*paths)
    assert np.array_equal(off.run_to_end(), signal)


def test_mono_5_1_and_stereo_tracks_join(tmp_path):
    mono, six, stereo = music(5000, 1), music(5000, 6), music(5000, 2)
    for name, data in (("m", mono), ("s", six), ("st", stereo)):
        soundfile.write(tmp_path / f"{name}.wav", data, RATE, "FLOAT")
    off = Offline()
    off.play(tmp_path / "m.wav", tmp_path / "s.wav", tmp_path / "st.wav")
    out = off.run_to_end()
    assert np.array_equal(out[:5000], np.repeat(mono, 2, axis=1))
    assert np.abs(out[5000:10_000] - oracles.downmix_bs775(six)).max() < 1e-6
    assert np.array_equal(out[10_000:], stereo)


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_5_1_in_ogg_has_its_own_order(tmp_path, subtype):
    """Only the centre sounds: it must come out of both sides alike."""
    data = np.zeros((48_000, 6), np.float32)
    data[:, 1] = 0.5 * np.sin(np.arange(48_000) * 0.05)  # Vorbis order: L C R Ls Rs LFE
    soundfile.write(tmp_path / "c.ogg", data, RATE, subtype)
    off = Offline()
    off.play(tmp_path / "c.ogg")
    out = off.run_to_end()[5000:-5000]
    assert np.abs(out).max() == pytest.approx(0.5 * np.sqrt(0.5), rel=0.05)
    assert np.abs(out[:, 0] - out[:, 1]).max() < 0.05


def test_a_short_ring_fades_counts_once_and_recovers(make_file):
    path, decoded = make_file(frames=300_000)
    off = Offline()
    off.play(path)
    off.run(1000, 250)
    left = off.stream.ring.readable
    starved = off.run(left + 3000, 250, decode=False)
    whole = left - left % 250
    assert np.array_equal(starved[: whole - RAMP], decoded[1000 : 1000 + whole - RAMP])
    assert off.stream.record["underruns"] == 1
    jumps = np.abs(np.diff(starved[:, 0]))
    assert jumps.max() <= np.abs(np.diff(decoded[:, 0])).max() * 1.01, "no click"
    assert not starved[-1000:].any()
    again = off.run(5000, 250)
    assert off.stream.record["underruns"] == 1
    at = 1000 + left
    up = oracles.ramp(0, 1, RAMP, 5000).astype(np.float32)[:, None]
    assert np.array_equal(again, decoded[at : at + 5000] * up), "goes on where it stopped"


def test_a_ring_that_runs_dry_at_once_holds_and_fades(make_file):
    """The last block ends exactly where the ring does: the fade has no frames to use."""
    path, _ = make_file(frames=300_000, data=np.full((300_000, 2), 0.5, np.float32))
    off = Offline()
    off.play(path)
    off.run(64, 64)
    left = off.stream.ring.readable
    assert np.all(off.run(left, left, decode=False) == 0.5)
    out = off.run(1000, 100, decode=False)[:, 0]
    assert np.abs(np.diff(out, prepend=0.5)).max() <= 0.5 / RAMP * 1.01
    assert not out[RAMP:].any()
    assert off.stream.record["underruns"] == 1


def test_playing_waits_for_the_threshold(make_file):
    path, _ = make_file(frames=300_000)
    off = Offline()
    off.play(path)
    assert not off.run(5000, decode=False).any()
    assert off.stream.record["underruns"] == 0
    assert off.run(5000).any()


def test_a_cut_is_faded_and_exact(make_file):
    path, decoded = make_file(frames=50_000)
    off = Offline()
    off.post(path, 100, 20_100)
    off.stream.post_end()
    off.stream.set_playing(True)
    out = off.run_to_end()
    assert len(out) == 20_000
    assert np.array_equal(out[RAMP:-RAMP], decoded[100 + RAMP : 20_100 - RAMP])
    assert np.abs(out[-1]).max() == 0


def test_the_outcome_of_a_truncated_file(make_file):
    path, decoded = make_file("song.flac", frames=100_000)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    off = Offline()
    off.play(path)
    out = off.run_to_end()
    outcome = off.stream.outcomes()[0]
    assert 0 < outcome.frames < 100_000
    assert outcome.error != 0
    assert "copy it again" in outcome.words
    assert np.array_equal(out[:20_000], decoded[:20_000])


def test_short_wav_is_told_as_short(make_file):
    path, _ = make_file("song.wav", frames=10_000)
    off = Offline()
    serial = off.post(path, 0, None)
    off.stream._sources[0]["file_frames"] = off.stream._sources[0]["end_frame"] = 20_000
    off.stream.post_end()
    off.stream.set_playing(True)
    off.run_to_end()
    outcome = off.stream.outcomes()[0]
    assert (outcome.serial, outcome.frames, outcome.error) == (serial, 10_000, ERROR_SHORT)


def test_where_no_header_says_the_length_the_end_is_no_error(tmp_path):
    """FLAC that was written to a pipe: STREAMINFO's 36 bits of samples are 0."""
    path = tmp_path / "song.flac"
    expected = write(path, music(100_000), RATE, "PCM_16")
    data = bytearray(path.read_bytes())
    data[21:26] = bytes([data[21] & 0xF0, 0, 0, 0, 0])
    path.write_bytes(data)
    assert open_source(path).frames is None
    off = Offline()
    assert np.array_equal(off.play(path).run_to_end(), expected)
    assert off.stream.outcomes()[0].error == 0
    done = zerocross.render([path], tmp_path / "out.wav", start_s=1.0, duration_s=0.5)
    assert (done.frames, done.errors) == (RATE // 2, [])


def test_nan_and_infinity_in_a_float_file(tmp_path):
    data = music(20_000)
    data[1000], data[2000, 0], data[3000, 1] = np.nan, np.inf, -np.inf
    soundfile.write(tmp_path / "bad.wav", data, RATE, "FLOAT")
    off = Offline()
    off.play(tmp_path / "bad.wav")
    out = off.run_to_end()
    assert np.isfinite(out).all()
    assert (out[1000].tolist(), out[2000, 0], out[3000, 1]) == ([0, 0], 1, -1)
    assert off.stream.outcomes()[0].nonfinite == 4


def test_a_fault_is_a_number_and_silence(make_file):
    path, decoded = make_file(frames=50_000)
    off = Offline()
    off.play(path)
    assert np.array_equal(off.run(512), decoded[:512])
    off.stream.record["sample_format"] = 77  # a record that no open stream has
    off.stream.decode()
    out = np.full((256, 2), np.nan, np.float32)
    off.stream.render(out)
    assert not out.any()
    assert off.stream.record["faults"] == 1
    assert off.stream.record["fault_status"] >= 1
    off.stream.record["sample_format"] = 5
    assert np.array_equal(off.run(512), decoded[512:1024]), "and the stream plays on"


def test_position_is_what_was_heard(make_file):
    path, _ = make_file(frames=50_000)
    off = Offline()
    serial = off.post(path, 1000)
    off.stream.post_end()
    off.stream.set_playing(True)
    off.run(5000)

    class Latency:
        latency_frames = 2000

    off.stream.device = Latency()
    heard = off.stream.heard()
    assert (heard.serial, heard.file_frame, heard.ended) == (serial, 1000 + 3000, False)
    off.stream.set_playing(False)
    off.run(RAMP + 500)
    assert off.stream.heard().file_frame == 1000 + 5000 + RAMP - 1500, (
        "silence lets the rest be heard"
    )
    off.run(5000)
    assert off.stream.heard().file_frame == 1000 + 5000 + RAMP


def test_position_before_a_boundary_belongs_to_the_track_before(make_file, tmp_path):
    first, _ = make_file("a.wav", frames=5000)
    second, _ = make_file("b.wav", frames=5000)
    off = Offline()
    off.play(first, second)
    off.run(6000)

    class Latency:
        latency_frames = 1500

    off.stream.device = Latency()
    assert (off.stream.heard().serial, off.stream.heard().file_frame) == (1, 4500)
    off.run(1000)
    assert (off.stream.heard().serial, off.stream.heard().file_frame) == (2, 500)


def test_long_blocks_are_cut(make_file):
    path, decoded = make_file(frames=40_000)
    off = Offline()
    off.play(path)
    out = off.run(3 * MAX_BLOCK + 5, 3 * MAX_BLOCK + 5)
    assert np.array_equal(out, decoded[: len(out)])
    assert off.stream.record["callbacks"] == 1


def test_histogram_buckets_cover_all_times():
    limits = bucket_limits_ns()
    assert np.all(np.diff(limits) > 0)
    assert limits[-1] > 10**11
    rng = np.random.default_rng(2)
    times = (10 ** rng.uniform(1, 8, 20_000)).astype(np.int64)
    histogram = np.bincount(np.searchsorted(limits, times), minlength=BUCKETS)
    for share in (0.5, 0.99, 0.999):
        exact = np.quantile(times, share)
        assert exact * 0.999 <= percentile_ns(histogram, share, int(times.max())) <= exact * 1.13


def test_histogram_counts_every_callback(make_file):
    path, _ = make_file()
    off = Offline()
    off.play(path)
    off.run(10_000, 100)
    counters = off.stream.counters()
    assert counters["callbacks"] == counters["histogram"].sum() == 100
    report = counters.callback_ns()
    assert 0 < report["p50"] <= report["p99"] <= report["p999"] <= report["max"]


def test_capture_keeps_what_was_played(make_file):
    path, _ = make_file()
    off = Offline()
    off.stream.capture(0.1)
    off.play(path)
    out = off.run(10_000)
    assert np.array_equal(off.stream.captured(), out[:4800])


def resampled(rate_in, rate_out, *pieces):
    """Resample the pieces as one signal, by itself: what the stream must give."""
    whole = np.concatenate(pieces)
    made = make_resampler(rate_in, rate_out, whole.shape[1], len(whole) + 20_000)
    padded = np.concatenate([whole, np.zeros((made.taps, whole.shape[1]), np.float32)])
    rows = np.ascontiguousarray(padded.T)
    out = np.zeros((whole.shape[1], made.most_frames_out(rows.shape[1])), np.float32)
    resample_rows(made.address, rows.ctypes.data, rows.shape[1], out.ctypes.data, out.shape[1])
    return out[:, : -(-len(whole) * rate_out // rate_in)].T


@pytest.mark.parametrize(
    ("rate_in", "rate_out"),
    [(44_100, 48_000), (48_000, 44_100), (8_000, 384_000), (384_000, 8_000), (96_000, 44_099)],
)
def test_another_rate_is_resampled_to_the_last_frame(tmp_path, rate_in, rate_out):
    data = music(30_001)
    soundfile.write(tmp_path / "a.wav", data, rate_in, "FLOAT")
    stream = Offline(sample_rate=rate_out)
    out = stream.play(tmp_path / "a.wav").run_to_end()
    assert np.array_equal(out, resampled(rate_in, rate_out, data))
    assert int(stream.stream.record["source_frames_played"]) == 30_001
    assert stream.stream.outcomes()[0].frames == 30_001


@pytest.mark.parametrize("lengths", [(20_000, 13_333), (5000, 1, 3, 7000, 40, 90)])
@pytest.mark.parametrize(("rate_in", "rate_out"), [(44_100, 48_000), (96_000, 44_100)])
def test_tracks_of_another_rate_join_as_one_signal(tmp_path, lengths, rate_in, rate_out):
    """However short the pieces: each begins where its first frame is in the whole."""
    data = music(sum(lengths))
    at = 0
    for k, length in enumerate(lengths):
        soundfile.write(tmp_path / f"{k}.wav", data[at : at + length], rate_in, "FLOAT")
        at += length
    stream = Offline(sample_rate=rate_out)
    out = stream.play(*(tmp_path / f"{k}.wav" for k in range(len(lengths)))).run_to_end()
    if min(lengths) > 100:
        assert np.array_equal(out, resampled(rate_in, rate_out, data))
        marks = stream.stream._marks[: len(lengths)]
        assert marks[1]["ring_frame"] == -(-lengths[0] * rate_out // rate_in)
    assert int(stream.stream.record["source_frames_played"]) == sum(lengths)
    assert [o.frames for o in stream.stream.outcomes()][: len(lengths)] == list(lengths)


def test_rates_follow_each_other_in_one_stream(tmp_path):
    a, b, c = music(10_000), music(10_000)[::-1].copy(), music(9_000)
    for name, data, rate in (("a", a, 44_100), ("b", b, RATE), ("c", c, 96_000)):
        soundfile.write(tmp_path / f"{name}.wav", data, rate, "FLOAT")
    stream = Offline()
    out = stream.play(*(tmp_path / f"{name}.wav" for name in "abc")).run_to_end()
    expected = [resampled(44_100, RATE, a), b, resampled(96_000, RATE, c)]
    assert np.array_equal(out, np.concatenate(expected))
    assert int(stream.stream.record["source_frames_played"]) == 29_000


def test_a_position_in_a_resampled_file_is_in_its_own_frames(tmp_path):
    soundfile.write(tmp_path / "a.wav", music(44_100), 44_100, "FLOAT")
    stream = Offline()
    stream.post(tmp_path / "a.wav", start=11_025)
    stream.stream.set_playing(True)
    stream.run(4800)
    assert stream.stream.heard().file_frame == 11_025 + 4410
    generation = stream.stream.jump()
    stream.post(tmp_path / "a.wav", start=22_050)
    stream.stream.post_end()
    stream.run(RAMP + 9600)
    heard = stream.stream.heard()
    assert (heard.epoch, heard.file_frame) == (generation, 22_050 + 8820)


# --- who sleeps, and who wakes whom ---------------------------------------------------------------


@pytest.fixture
def decoding(make_file):
    """A stream with a decode thread that has filled the ring and sleeps; nobody plays it yet."""
    off = Offline()
    off.play(make_file(frames=480_000)[0])
    off.stream.start_decoding()
    wait_for(lambda: is_asleep(off.stream), what="the decode thread to sleep")
    yield off
    off.stream.close()


def is_asleep(stream):
    return int(stream._wake.record["word"]) % 2 == 1


def test_the_decode_thread_sleeps_until_a_quarter_of_the_ring_is_free(decoding):
    stream, ring = decoding.stream, decoding.stream.ring
    room = ring.capacity - int(stream.decoder["kept_free"])
    full = ring.readable
    assert room - 1024 < full <= room
    quarter = room // 4 - (room - full)
    steps = int(stream.decoder["decode_ns"])
    decoding.run(quarter - 64, block=64, decode=False)
    assert stream._wake.count == 2, "by what was posted alone"
    assert (int(stream.decoder["decode_ns"]), is_asleep(stream)) == (steps, True)
    decoding.run(64, block=64, decode=False)
    wait_for(lambda: ring.readable > full - 1024 and is_asleep(stream), what="the ring to be full")
    assert stream._wake.count == 3


def test_a_sleeping_decode_thread_takes_a_jump_a_longer_ring_and_the_end(decoding):
    stream, ring = decoding.stream, decoding.stream.ring
    stream.jump()
    wait_for(lambda: stream.decoder_epoch == stream.epoch, what="the epoch")
    wait_for(lambda: is_asleep(stream))
    decoding.run(1000, decode=False)  # the callback drops what is in the ring
    stream.post(next(decoding.serial), decoding.sources[0], 100, reused=True)
    wait_for(lambda: ring.readable > 40_000, what="the new piece")
    stream.stop_decoding(None)


def test_reading_further_ahead_wakes_the_decode_thread(make_file):
    off = Offline(longest_s=2.0)
    off.play(make_file(frames=480_000)[0])
    off.stream.start_decoding()
    wait_for(lambda: is_asleep(off.stream))
    before = off.stream.ring.readable
    off.stream.read_further_ahead()
    wait_for(lambda: off.stream.ring.readable > 1.9 * before, what="the longer ring")
    off.stream.close()


def test_a_decode_thread_with_nothing_to_do_is_not_woken_by_callbacks(make_file):
    off = Offline()
    off.play(make_file(frames=4_000)[0])
    off.stream.start_decoding()
    wait_for(lambda: off.stream.outcomes() and is_asleep(off.stream))
    count = off.stream._wake.count
    off.run(20_000, decode=False)
    assert off.stream.ended
    assert (off.stream._wake.count, is_asleep(off.stream)) == (count, True)
    off.stream.close()


def raised_by(news, act):
    before = news.count
    act()
    return news.count - before


def test_callbacks_raise_the_signal_for_news_and_for_nothing_else(make_file):
    news, off = Signal(), Offline()
    off.stream.tell(news)
    path, _ = make_file(frames=9_000)
    off.play(path, path, end=False)
    assert raised_by(news, lambda: off.run(256)) == 1, "the first piece"
    assert raised_by(news, lambda: off.run(7_000)) == 0
    assert raised_by(news, lambda: off.run(4_000)) == 1, "the next piece"
    off.stream.tell_next(True)
    assert raised_by(news, lambda: off.run(512, 256)) == 2
    off.stream.tell_next(False)
    assert raised_by(news, lambda: off.run(256)) == 0
    assert raised_by(news, lambda: off.run(20_000)) == 1, "the ring ran short"
    off.post(path)
    off.stream.post_end()
    assert raised_by(news, lambda: off.run(256)) == 1, "it plays again"
    assert raised_by(news, lambda: off.run(20_000)) == 1, "the end"
    assert raised_by(news, lambda: off.run(20_000)) == 0


def test_the_decode_thread_raises_the_signal_for_what_it_reports(make_file):
    news, off = Signal(), Offline()
    off.stream.tell(news)
    off.play(make_file(frames=4_000)[0])
    off.stream.start_decoding()
    wait_for(lambda: off.stream.outcomes())
    wait_for(lambda: is_asleep(off.stream))
    assert news.count == 3, "taken, done, the end"
    off.stream.jump()
    wait_for(lambda: news.count == 4, what="the new epoch")
    off.stream.close()


@pytest.mark.skipif(sys.platform != "linux", reason="open files are seen in /proc")
def test_a_file_that_is_refused_is_closed_at_once(make_file):
    path, _ = make_file(frames=100, channels=1)
    soundfile.write(path, np.zeros((0, 1), np.float32), 48_000)
    with pytest.raises(SourceError, match="holds no audio") as refused:
        open_source(path)
    opened = [os.path.realpath(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd")]
    assert os.path.realpath(path) not in opened, refused  # its traceback holds what was opened
