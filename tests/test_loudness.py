"""Loudness against the signals of EBU Tech 3341 and 3342, made from their text; ReplayGain."""

from __future__ import annotations

import ctypes
import json
import math
import os

import mutagen
import numpy as np
import pytest
import scipy.signal
import soundfile

from conftest import music, need_library
from zerocross import Chain, Player, SourceError, UsageError, render
from zerocross.cli.main import run
from zerocross.dsp.bs1770 import design_k_weighting
from zerocross.dsp.gating import BEGINS, FIGURES, GOES_ON, make_reading, read_loudness
from zerocross.dsp.r128 import Loudness
from zerocross.effects import LoudnessMeter
from zerocross.loudness import replaygain
from zerocross.loudness.files import measure, measure_albums
from zerocross.loudness.replaygain import GainTags, gain_for, read_gain_tags

RATE = 48_000


def tone(level_dbfs, seconds, hz=1000.0, rate=RATE, phase=0.0):
    t = np.arange(round(seconds * rate)) / rate
    return 10 ** (level_dbfs / 20) * np.sin(2 * np.pi * hz * t + phase)


def stereo(*pieces, rate=RATE):
    """Return a sine in both channels: (level in dBFS, seconds), one after the other."""
    whole = np.concatenate([tone(level, seconds, rate=rate) for level, seconds in pieces])
    return np.stack([whole, whole]).astype(np.float32)


def metered(signal, rate=RATE, step=4_800):
    """Return a meter that heard a signal, and momentary and short-term on the way."""
    meter = Loudness(rate, len(signal))
    momentary, short = [], []
    for start in range(0, signal.shape[1], step):
        meter.push(signal[:, start : start + step])
        momentary.append(meter.momentary_lufs)
        short.append(meter.short_term_lufs)
    return meter, np.array(momentary), np.array(short)


# --- EBU Tech 3341 ------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [44_100, 48_000, 96_000, 32_000])
@pytest.mark.parametrize(("level", "case"), [(-23.0, 1), (-33.0, 2)])
def test_3341_steady_tones(rate, level, case):
    meter, momentary, short = metered(stereo((level, 20), rate=rate), rate, rate // 10)
    assert case
    for found in (momentary[-1], short[-1], meter.integrated_lufs):
        assert found == pytest.approx(level, abs=0.1)


@pytest.mark.parametrize(
    "pieces",
    [
        [(-36, 10), (-23, 60), (-36, 10)],
        [(-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10)],
        [(-26, 20), (-20, 20.1), (-26, 20)],
    ],
    ids=["case 3", "case 4", "case 5"],
)
def test_3341_gating(pieces):
    assert metered(stereo(*pieces), step=RATE)[0].integrated_lufs == pytest.approx(-23.0, abs=0.1)


def test_3341_case_6_five_channels():
    levels = [-28.0, -28.0, -24.0, -30.0, -30.0]
    signal = np.stack([tone(level, 20) for level in levels]).astype(np.float32)
    assert metered(signal)[0].integrated_lufs == pytest.approx(-23.0, abs=0.1)
    with_lfe = np.insert(signal, 3, tone(0.0, 20, 60.0).astype(np.float32), axis=0)
    assert metered(with_lfe)[0].integrated_lufs == pytest.approx(-23.0, abs=0.1), "LFE is not heard"


def test_3341_case_9_short_term_is_constant():
    short = metered(stereo(*[(-20, 1.34), (-30, 1.66)] * 5))[2]
    assert np.abs(short[30:] + 23.0).max() < 0.1


@pytest.mark.parametrize("number", [0, 7, 19])
def test_3341_case_10_short_term_of_a_tone_of_3_s(number):
    meter, _, _ = metered(stereo((-200, 0.15 * number), (-23, 3), (-200, 1)))
    assert meter.short_term_max_lufs == pytest.approx(-23.0, abs=0.1)


def test_3341_case_11_short_term_steps():
    for level in range(-38, -18, 3):
        meter, _, _ = metered(stereo((-200, 0.2), (level, 3), (-200, 3)))
        assert meter.short_term_max_lufs == pytest.approx(level, abs=0.1)


def test_3341_case_12_momentary_is_constant():
    momentary = metered(stereo(*[(-20, 0.18), (-30, 0.22)] * 25))[1]
    assert np.abs(momentary[10:] + 23.0).max() < 0.1


@pytest.mark.parametrize("number", range(20))
def test_3341_case_13_momentary_of_a_tone_of_400_ms(number):
    meter, _, _ = metered(stereo((-200, 0.02 * number), (-23, 0.4), (-200, 1)))
    assert meter.momentary_max_lufs == pytest.approx(-23.0, abs=0.1)


@pytest.mark.parametrize("channels", [1, 3])
def test_momentary_is_that_of_the_last_400_ms_to_the_frame(channels):
    """Against SciPy's filter with the recommendation's table of coefficients."""
    signal = (music(90_000, channels, seed=8).T * [[1.0], [0.3], [2.0]][:channels]).astype(
        np.float32
    )
    signal[:, 30_000:52_345] *= 0.01
    shelf = [1.53512485958697, -2.69169618940638, 1.19839281085285]
    table = [
        [*shelf, 1.0, -1.69065929318241, 0.73248077421585],
        [1.0, -2.0, 1.0, 1.0, -1.99004745483398, 0.99007225036621],
    ]
    energy = (scipy.signal.sosfilt(table, signal.astype(float)) ** 2).sum(axis=0)
    sums = np.concatenate([[0.0], np.cumsum(energy)])
    wanted = -0.691 + 10 * np.log10((sums[19_200:] - sums[:-19_200]) / 19_200)
    meter = Loudness(RATE, channels)
    done = 0
    for step in (4_799, 1, 14_399, 1, 1, 7, 480, 9_999, 30_000, 3, 13_337, 15_001):
        meter.push(signal[:, done : done + step])
        done += step
        if done < 19_200:
            assert meter.momentary_lufs == meter.momentary_max_lufs == -math.inf
        else:
            assert meter.momentary_lufs == pytest.approx(wanted[done - 19_200], abs=1e-4)
            highest = wanted[: done - 19_199].max()
            assert meter.momentary_max_lufs == pytest.approx(highest, abs=1e-4)


@pytest.mark.parametrize(
    ("hz", "degrees", "level", "wanted"),
    [
        (RATE / 4, 0.0, 0.50, -6.0),
        (RATE / 4, 45.0, 0.50, -6.0),
        (RATE / 6, 60.0, 0.50, -6.0),
        (RATE / 8, 67.5, 0.50, -6.0),
        (RATE / 4, 45.0, 1.41, 3.0),
    ],
    ids=[f"case {k}" for k in range(15, 20)],
)
def test_3341_true_peaks(hz, degrees, level, wanted):
    x = tone(20 * math.log10(level), 1.0, hz, phase=math.radians(degrees))
    fade = np.minimum(1.0, np.arange(len(x)) / 960)
    x = (x * fade * fade[::-1]).astype(np.float32)
    meter = metered(np.stack([x, x]))[0]
    assert wanted - 0.4 <= meter.true_peak_dbtp <= wanted + 0.2
    assert meter.sample_peak_dbfs <= meter.true_peak_dbtp + 1e-6


@pytest.mark.parametrize("offset", [0, 1, 2, 3], ids=[f"case {k}" for k in range(20, 24)])
def test_3341_true_peaks_between_samples(offset):
    """A band-limited pulse at four times the rate, decimated from each of four places."""
    fine = 4 * RATE
    t = (np.arange(fine // 4) - fine // 8) / fine
    pulse = np.sinc(2 * 9_000 * t) * np.hanning(len(t))
    x = (pulse / np.abs(pulse).max())[offset::4].astype(np.float32)
    assert -0.4 <= metered(np.stack([x, x]))[0].true_peak_dbtp <= 0.2


# --- EBU Tech 3342 ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("levels", "wanted"),
    [((-20, -30), 10), ((-20, -15), 5), ((-40, -20), 20), ((-50, -35, -20, -35, -50), 15)],
)
def test_3342_loudness_range(levels, wanted):
    meter = metered(stereo(*[(level, 20) for level in levels]), step=RATE)[0]
    assert meter.range_lu == pytest.approx(wanted, abs=1.0)


# --- the meter ----------------------------------------------------------------------------------


def test_the_k_weighting_is_the_recommendations_at_48_khz():
    shelf, high_pass = design_k_weighting(48_000)
    assert np.allclose(
        shelf[:3], [1.53512485958697, -2.69169618940638, 1.19839281085285], atol=1e-8
    )
    assert np.allclose(shelf[4:], [-1.69065929318241, 0.73248077421585], atol=1e-8)
    assert np.allclose(high_pass[4:], [-1.99004745483398, 0.99007225036621], atol=1e-8)


@pytest.mark.parametrize("channels", [2, 5])
def test_any_split_measures_the_same(channels):
    signal = music(100_000, channels).T
    whole = Loudness(RATE, channels)
    whole.push(signal)
    pieces = Loudness(RATE, channels)
    for start, stop in zip([0, 1, 100, 5_000], [1, 100, 5_000, 100_000], strict=True):
        pieces.push(signal[:, start:stop])
    assert np.array_equal(whole._energies(), pieces._energies())
    assert whole.true_peak_dbtp == pieces.true_peak_dbtp
    assert whole.momentary_lufs == pieces.momentary_lufs
    assert whole.momentary_max_lufs == pieces.momentary_max_lufs


def test_a_peak_between_the_last_samples_is_found_once_it_is_over():
    """Backwards it is the same signal; what ends on a peak is followed by silence."""
    x = np.zeros(500, np.float32)
    x[-3:-1] = 0.5  # 0.5 * 4 / pi half-way between two alone
    found = []
    for signal in (x, x[::-1]):
        meter = Loudness(RATE, 1)
        meter.push(np.ascontiguousarray(signal))
        meter.finish()
        found.append(meter.true_peak_dbtp)
    assert found[0] == pytest.approx(20 * math.log10(2 / math.pi), abs=0.05)
    assert found[0] == pytest.approx(found[1], abs=1e-4)


@pytest.mark.parametrize(("rate", "taps"), [(48_000, 24), (96_000, 8), (192_000, 4)])
def test_soft_samples_whose_peak_lies_high_between_them_are_not_passed_over(rate, taps):
    """The worst there is: every sample has the sign of its tap, and what was heard was nearly it."""
    worst = np.where(np.arange(taps) % 2, -0.1, 0.1)
    worst = np.concatenate([np.zeros(300), worst[::-1], worst, np.zeros(300)]).astype(np.float32)
    alone, after = Loudness(rate, 1), Loudness(rate, 1)
    alone.push(worst)
    peak = 10 ** (alone.true_peak_dbtp / 20)
    assert peak > 0.16, "far above the samples"
    before = np.zeros(600, np.float32)
    before[100] = 0.999 * peak
    after.push(before)
    assert after.true_peak_dbtp < alone.true_peak_dbtp - 0.005
    after.push(worst)
    assert after.true_peak_dbtp == alone.true_peak_dbtp


def test_true_peak_is_that_of_an_oversampled_signal():
    signal = np.clip(3 * music(20_000, 1)[:, 0], -0.9, 0.9)
    fade = np.minimum(1.0, np.arange(20_000) / 1000)
    signal = (signal * fade * fade[::-1]).astype(np.float32)
    meter = Loudness(RATE, 1)
    meter.push(signal)
    fine = scipy.signal.resample(signal.astype(float), 32 * 20_000)
    assert meter.true_peak_dbtp == pytest.approx(20 * np.log10(np.abs(fine).max()), abs=0.1)


def test_silence_and_short_signals():
    meter = Loudness(RATE)
    assert meter.integrated_lufs == meter.momentary_lufs == meter.true_peak_dbtp == -math.inf
    meter.push(np.zeros((2, 200_000)))
    assert meter.integrated_lufs == -math.inf and meter.range_lu == 0.0
    for call in (lambda: Loudness(RATE, 9), lambda: Loudness(100)):
        with pytest.raises(UsageError, match="1 to 8 channels"):
            call()
    with pytest.raises(UsageError, match="1 channels pushed"):
        meter.push(np.zeros(10))


@pytest.mark.parametrize("rate", [48_000, 44_100])
def test_the_first_figures_are_there_after_exactly_their_time(rate):
    """400 ms give momentary and integrated loudness, 3 s short-term; one frame less, none."""
    signal = stereo((-23, 4), rate=rate)
    for seconds, names in (
        (0.4, ("momentary_lufs", "momentary_max_lufs", "integrated_lufs")),
        (3.0, ("short_term_lufs", "short_term_max_lufs")),
    ):
        frames = round(seconds * rate)
        meter = Loudness(rate)
        meter.push(signal[:, : frames - 1])
        assert {getattr(meter, name) for name in names} == {-math.inf}
        meter.push(signal[:, frames - 1 : frames])
        for name in names:
            assert getattr(meter, name) == pytest.approx(-23.0, abs=0.2), name


def test_a_meter_that_is_reset_has_heard_nothing():
    signal = stereo((-23, 4))
    meter = Loudness(RATE)
    meter.push(signal)
    first = meter.integrated_lufs, meter.short_term_max_lufs, meter.true_peak_dbtp
    meter.reset()
    assert meter.integrated_lufs == meter.true_peak_dbtp == meter.sample_peak_dbfs == -math.inf
    meter.push(signal)
    assert first == (meter.integrated_lufs, meter.short_term_max_lufs, meter.true_peak_dbtp)


def test_it_measures_live_too():
    meter = LoudnessMeter()
    signal = stereo((-23, 5)).T
    assert np.array_equal(Chain(meter).render(signal, sample_rate=RATE), signal)
    assert meter.loudness.integrated_lufs == pytest.approx(-23.0, abs=0.1)


def test_files_are_measured(tmp_path, cli):
    soundfile.write(tmp_path / "a.wav", stereo((-23, 5)).T, RATE, "FLOAT")
    soundfile.write(tmp_path / "silent.wav", np.zeros(48_000), RATE)
    seen = []
    found = measure(tmp_path / "a.wav", seen.append)
    assert found.integrated_lufs == pytest.approx(-23.0, abs=0.1)
    assert found.replaygain_db == pytest.approx(5.0, abs=0.1) and seen[-1] == 1.0
    assert found.seconds == pytest.approx(5.0)
    assert measure(tmp_path / "silent.wav").replaygain_db == 0.0
    soundfile.write(tmp_path / "many.wav", np.zeros((100, 9)), RATE)
    with pytest.raises(SourceError, match="9 channels"):
        measure(tmp_path / "many.wav")
    done = cli("loudness", tmp_path, tmp_path / "missing.wav", "--json")
    assert done.returncode == 1 and b"missing.wav" in done.stderr and b"many.wav" in done.stderr
    listed = json.loads(done.stdout)
    assert round(listed[0]["integrated_lufs"]) == -23
    assert [m["integrated_lufs"] for m in listed[1:]] == [None], "silence has none"
    table = cli("loudness", tmp_path / "a.wav").stdout.decode()
    assert "-23.0" in table and "+4.99" in table


# --- ReplayGain ---------------------------------------------------------------------------------

TAGS = {
    "replaygain_track_gain": "-6.50 dB",
    "replaygain_track_peak": "0.9",
    "replaygain_album_gain": "+3,0 dB",
    "replaygain_album_peak": "0.8",
}


def tagged(path, data=None):
    """Write a file with ReplayGain tags, whatever its kind has them in."""
    import mutagen
    from mutagen.id3 import TXXX

    kind = path.suffix[1:]
    subtype = {"ogg": "VORBIS", "opus": "OPUS", "mp3": "MPEG_LAYER_III"}.get(kind)
    container = {"opus": "OGG", "mp3": "MP3"}.get(kind)
    samples = music(48_000) if data is None else data
    soundfile.write(path, samples, RATE, subtype, format=container)
    file = mutagen.File(path)
    if file.tags is None:
        file.add_tags()
    for name, value in TAGS.items():
        if kind in ("mp3", "wav"):
            file.tags.add(TXXX(encoding=3, desc=name.upper(), text=[value]))
        else:
            file.tags[name] = value
    file.save()
    return path


@pytest.mark.parametrize("kind", ["flac", "ogg", "mp3", "wav"])
def test_tags_are_read(tmp_path, kind):
    tags = read_gain_tags(tagged(tmp_path / f"song.{kind}"))
    assert tags == GainTags(-6.5, 0.9, 3.0, 0.8)


def test_opus_has_tags_of_its_own(tmp_path):
    import mutagen

    path = tmp_path / "song.opus"
    soundfile.write(path, music(48_000), RATE, "OPUS", format="OGG")
    file = mutagen.File(path)
    file.tags["R128_TRACK_GAIN"] = str(-256 * 7)
    file.save()
    assert read_gain_tags(path).track_gain_db == -2.0


def test_files_without_tags_or_sense(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(10), RATE)
    (tmp_path / "b.mp3").write_bytes(b"nonsense")
    for path in (tmp_path / "a.wav", tmp_path / "b.mp3", tmp_path / "missing.flac"):
        assert read_gain_tags(path) == GainTags()


@pytest.mark.parametrize(
    ("text", "gain_db"),
    [
        ("-6.5 dB", -6.5),
        ("+6,5dB", 6.5),
        (".9", 0.9),
        ("-.5 dB", -0.5),
        ("3. dB", 3.0),
        ("- 3.2 dB", -3.2),
        (" + 3.2 dB", 3.2),
        ("9e-01", 0.9),
        ("-1.5E+1", -15.0),
        ("nan", None),
        ("inf", None),
        ("-inf dB", None),
        ("1e999", None),
        ("dB", None),
        (".", None),
        ("", None),
    ],
)
def test_numbers_as_people_and_programs_write_them(text, gain_db, monkeypatch):
    written = {"replaygain_track_gain": text, "replaygain_track_peak": text}
    monkeypatch.setattr(replaygain, "read_tags", lambda path: written)
    found = read_gain_tags("a.flac")
    assert found.track_gain_db == gain_db
    assert found.track_peak == (gain_db if gain_db and gain_db > 0 else None)


def test_gains_do_not_clip_and_fall_back():
    tags = GainTags(-6.0, 0.5, 12.0, 0.8)
    assert gain_for(tags, "off") == 1.0
    assert gain_for(tags, "track") == pytest.approx(10 ** (-6 / 20))
    assert gain_for(tags, "album") == pytest.approx(1 / 0.8), "no more than the peak allows"
    assert gain_for(GainTags(track_gain_db=-3.0), "album") == pytest.approx(10 ** (-3 / 20))
    assert gain_for(GainTags(), "track") == 1.0
    assert gain_for(GainTags(track_peak=0.9, album_gain_db=6.0), "album") == pytest.approx(1 / 0.9)
    assert gain_for(GainTags(3.0, None, None, 0.9), "track") == pytest.approx(1 / 0.9)
    both = GainTags(3.0, 0.8, None, 0.9)
    assert gain_for(both, "album") == pytest.approx(1 / 0.8), "the peak of what the gain is of"
    with pytest.raises(UsageError, match="off, track, album"):
        gain_for(tags, "loud")
    with pytest.raises(UsageError, match="off, track, album"):
        Player("null", replaygain="loud")


def test_the_gain_is_played_and_rendered(tmp_path):
    path = tagged(tmp_path / "song.flac", music(20_000))
    decoded = soundfile.read(path, dtype="float32")[0]
    render([path], tmp_path / "out.wav", bits="float", replaygain="track")
    rendered = soundfile.read(tmp_path / "out.wav", dtype="float32")[0]
    wanted = decoded * np.float32(10 ** (-6.5 / 20))
    assert np.abs(rendered - wanted).max() < 1e-7
    with Player("null", replaygain="track") as player:
        player._output.capture_s = 1.5
        player.play(path)
        assert player.wait(10)
        out = player._output.captures[0].captured()
    start = int(np.argmax(np.abs(out).sum(axis=1) > 0)) - int(
        np.argmax(np.abs(wanted).sum(axis=1) > 0)
    )
    assert np.array_equal(out[start : start + 20_000], rendered)


# --- albums -------------------------------------------------------------------------------------


def libebur128_of_all(signals, rate=RATE):
    """Return libebur128's loudness of several signals, gated together."""
    need_library("libebur128.so.1")
    library = ctypes.CDLL("libebur128.so.1")
    library.ebur128_init.restype = ctypes.c_void_p
    library.ebur128_init.argtypes = [ctypes.c_uint, ctypes.c_ulong, ctypes.c_int]
    library.ebur128_add_frames_float.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]
    library.ebur128_loudness_global_multiple.argtypes = [
        ctypes.POINTER(ctypes.c_void_p),
        ctypes.c_size_t,
        ctypes.POINTER(ctypes.c_double),
    ]
    states = (ctypes.c_void_p * len(signals))()
    for k, signal in enumerate(signals):
        states[k] = library.ebur128_init(signal.shape[1], rate, 5)  # EBUR128_MODE_I
        frames = np.ascontiguousarray(signal, np.float32)
        library.ebur128_add_frames_float(states[k], frames.ctypes.data, len(frames))
    found = ctypes.c_double()
    library.ebur128_loudness_global_multiple(states, len(signals), ctypes.byref(found))
    return found.value


def album_of(folder, levels=((-14, 4), (-30, 3), (-20, 5.3))):
    """Write files of noise of levels in dBFS and of seconds; returns their frames."""
    rng = np.random.default_rng(3)
    signals = []
    for k, (level, seconds) in enumerate(levels):
        noise = rng.standard_normal((round(seconds * RATE), 2)) * 10 ** (level / 20)
        signals.append(np.clip(noise, -1, 1).astype(np.float32))
        soundfile.write(folder / f"{k}.wav", signals[-1], RATE, "FLOAT")
    return signals


def test_an_album_is_measured_as_one(tmp_path):
    signals = album_of(tmp_path)
    measured, problems = measure_albums(sorted(tmp_path.iterdir()))
    assert not problems
    (album,) = {album for _, album in measured}
    assert (album.name, album.files) == (tmp_path.name, 3)
    assert album.integrated_lufs == pytest.approx(libebur128_of_all(signals), abs=1e-6)
    mean = np.mean([m.integrated_lufs for m, _ in measured])
    assert abs(album.integrated_lufs - mean) > 1, "it is no mean of means"
    assert album.replaygain_db == pytest.approx(-18 - album.integrated_lufs)
    assert album.true_peak_dbtp == max(m.true_peak_dbtp for m, _ in measured)
    assert album.sample_peak_dbfs == max(m.sample_peak_dbfs for m, _ in measured)
    assert album.seconds == pytest.approx(12.3)


def test_less_than_it_takes_is_no_measurement(tmp_path, capsys):
    for name, frames in (("a", 19_000), ("b", 10_000)):
        soundfile.write(tmp_path / f"{name}.wav", music(frames), RATE)
    measured, _ = measure_albums(sorted(tmp_path.iterdir()))
    for found in (measured[0][0], measured[0][1]):
        assert np.isnan(found.integrated_lufs) and np.isnan(found.replaygain_db)
    assert run(["loudness", str(tmp_path), "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    for found in (listed[0], listed[0]["album"]):
        assert (found["integrated_lufs"], found["replaygain_db"]) == (None, None)
    assert run(["loudness", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sum("too short" in line and "+0.00" not in line for line in lines) == 3
    soundfile.write(tmp_path / "c.wav", music(RATE), RATE)
    measured, _ = measure_albums(sorted(tmp_path.iterdir()))
    (album,) = {album for _, album in measured}
    assert album.replaygain_db == pytest.approx(-18 - album.integrated_lufs)


def test_an_albums_range_is_that_of_all_its_blocks(tmp_path):
    """Tech 3342's text, of the short-term loudness of one file after another."""
    album_of(tmp_path, [(-12, 6), (-24, 6)])
    measured, _ = measure_albums(sorted(tmp_path.iterdir()))
    assert all(m.range_lu < 1 for m, _ in measured)
    assert measured[0][1].range_lu == pytest.approx(12, abs=0.5)


def test_albums_are_told_apart_by_their_tags_or_their_folders(tmp_path):
    names = {
        "a/1.flac": {"album": "One", "albumartist": "X"},
        "b/2.flac": {"album": "One", "albumartist": "X"},
        "a/3.flac": {"album": "One"},
        "b/4.flac": {"album": "One"},
        "c/5.flac": {},
        "c/6.flac": {},
        "c/7.flac": {"album": "Two"},
    }
    for name, tags in names.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        soundfile.write(tmp_path / name, np.full(RATE // 2, 0.1), RATE)
        file = mutagen.File(tmp_path / name)
        file.update(tags)
        file.save()
    measured, problems = measure_albums([*(tmp_path / name for name in names), "none.wav"])
    found = [album and (album.name, album.files) for _, album in measured]
    assert found == [("One", 2), ("One", 2), None, None, ("c", 2), ("c", 2), None]
    assert len(problems) == 1


def test_mono_counts_in_albums_as_it_does_in_files(tmp_path):
    for name in "ab":
        soundfile.write(tmp_path / f"{name}.wav", stereo((-23, 2))[0], RATE, "FLOAT")
    for dual in (False, True):
        measured, _ = measure_albums(sorted(tmp_path.iterdir()), dual_mono=dual)
        for m, album in measured:
            assert album.integrated_lufs == pytest.approx(m.integrated_lufs, abs=1e-9)
            assert album.replaygain_db == pytest.approx(m.replaygain_db, abs=1e-9)


def test_the_command_gives_albums(tmp_path, cli):
    album_of(tmp_path)
    table = cli("loudness", tmp_path, env=os.environ | {"COLUMNS": "200"}).stdout.decode()
    assert f"{tmp_path.name} (3 files as one)" in table
    listed = json.loads(cli("loudness", tmp_path, "--json").stdout)
    assert {one["album"]["files"] for one in listed} == {3}
    alone = json.loads(cli("loudness", tmp_path / "0.wav", "--json").stdout)
    assert alone[0]["album"] is None


def test_peaks_alone_are_those_of_all_that_is_measured():
    signal = np.ascontiguousarray(music(9_000).T, np.float32)
    both, alone = Loudness(RATE, 2), Loudness(RATE, 2)
    both.push(signal)
    for start in range(0, 9_000, 1_000):
        alone.push_peaks(np.ascontiguousarray(signal[:, start : start + 1_000]))
    assert alone.true_peak_dbtp == both.true_peak_dbtp > -60
    assert alone.sample_peak_dbfs == both.sample_peak_dbfs
    assert alone.momentary_lufs == -math.inf


# --- read by compiled code ------------------------------------------------------------------------


def test_what_compiled_code_reads_is_what_numpy_reads():
    random = np.random.default_rng(3)
    meter = Loudness(8_000)
    reading = make_reading(meter.record)

    def read(anew=0):
        read_loudness(reading.address, anew)
        return dict(zip(FIGURES, reading.arrays["figures"].tolist(), strict=True))

    assert set(read().values()) == {-math.inf, 0.0}
    for k in range(120):
        level = 0.0 if k % 17 == 3 else 10 ** random.uniform(-4.5, -0.5)
        meter.push(level * random.standard_normal((2, random.integers(1, 8_000))))
        found = read()
        wanted = {
            "momentary": meter.momentary_lufs,
            "short_term": meter.short_term_lufs,
            "integrated": meter.integrated_lufs,
            "momentary_max": meter.momentary_max_lufs,
            "true_peak": meter.true_peak_dbtp,
            "sample_peak": meter.sample_peak_dbfs,
        }
        for name, value in wanted.items():
            assert found[name] == pytest.approx(value, abs=1e-9), name
    assert found["seconds"] == meter.record.load("count") / 10 > 40
    assert set(read(GOES_ON).values()) == {-math.inf, 0.0}
    meter.push(stereo((-23.0, 5), rate=8_000))
    assert read()["integrated"] == pytest.approx(-23.0, abs=0.1) and read()["seconds"] == 5.0


def test_another_sound_is_read_as_if_silence_were_before_it():
    loud, quiet = stereo((-1.0, 1), rate=8_000), stereo((-50.0, 2), rate=8_000)
    found = []
    for anew in (GOES_ON, BEGINS):
        meter = Loudness(8_000)
        reading = make_reading(meter.record)
        meter.push(loud[:, :7_777])
        read_loudness(reading.address, anew)
        meter.push(quiet)
        read_loudness(reading.address, 0)
        found.append(reading.arrays["figures"].copy())
    alone = Loudness(8_000)
    alone.push(quiet)
    reading = make_reading(alone.record)
    read_loudness(reading.address, 0)
    assert np.array_equal(found[1], reading.arrays["figures"])
    assert found[0][FIGURES.index("true_peak")] > -45.0, "the filters remember what is loud"


def test_a_long_measurement_is_read_by_pieces():
    meter = Loudness(8_000)
    reading, count = make_reading(meter.record), 20_000
    pieces = meter.record.arrays["pieces"]
    pieces[:count] = 10 ** np.random.default_rng(4).uniform(-8, -1, count)
    meter.record["count"] = count
    integrated = FIGURES.index("integrated")
    found = []
    for _ in range(3):
        read_loudness(reading.address, 0)
        found.append(reading.arrays["figures"][integrated])
    assert found == [-math.inf, -math.inf, pytest.approx(meter.integrated_lufs, abs=1e-9)]
