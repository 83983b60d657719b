"""Rendering files: what a chain holds back comes out whole."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
import soundfile

import zerocross
from conftest import music
from zerocross import Chain, processor


@processor
class Late:
    """A delay that says so."""

    latency_frames: int = 10
    place: int = 0

    def prepare(self, sample_rate, channels, max_block):
        self.line = np.zeros((channels, self.latency_frames), np.float32)

    def process(self, block):
        for i in range(block.frames):
            for c in range(block.channels):
                block.output[c, i] = self.line[c, self.place]
                self.line[c, self.place] = block.input[c, i]
            self.place = (self.place + 1) % self.line.shape[1]


@pytest.mark.parametrize("frames", [100, 4096, 30_000])
def test_a_latency_of_many_blocks_is_taken_out(tmp_path, frames):
    signal = music(frames)
    soundfile.write(tmp_path / "in.wav", signal, 48_000, "FLOAT")
    late = Chain(Late(latency_frames=10_000))
    zerocross.render([tmp_path / "in.wav"], tmp_path / "out.wav", effects=late)
    written, _ = soundfile.read(tmp_path / "out.wav", dtype="float32", always_2d=True)
    assert np.array_equal(written, signal)


# --- integers: copies, and dither where it is none -------------------------------------------------

RATE = 44_100


def integers(path, dtype="int16"):
    return soundfile.read(path, dtype=dtype, always_2d=True)[0].astype(np.int64)


def rendered(tmp_path, signal, subtype="FLOAT", rate=RATE, **options):
    """Render a signal to 16 bits, or as asked; returns the file's integers."""
    soundfile.write(tmp_path / "in.wav", signal, rate, subtype)
    options = {"bits": "16"} | options
    zerocross.render([tmp_path / "in.wav"], tmp_path / "out.wav", **options)
    return integers(tmp_path / "out.wav", "int16" if options["bits"] == "16" else "int32")


def test_a_quiet_sine_keeps_its_form_in_16_bits(tmp_path):
    """-100 dBFS is a third of a step: lost without dither, with dither a sine in white noise."""
    count = 1 << 18
    sine = 1e-5 * np.sin(2 * np.pi * 6_000 * np.arange(count) / count)[:, None].astype(np.float32)
    assert not rendered(tmp_path, sine, dither="none").any()
    got = rendered(tmp_path, sine)[:, 0] / 32768
    lines = np.abs(np.fft.rfft(got)) * 2 / count
    assert 20 * np.log10(lines[6_000]) == pytest.approx(-100.0, abs=0.2)
    noise = np.delete(lines, [0, 6_000])
    for k in range(2, 12):  # a harmonic would stand out of the noise
        assert lines[6_000 * k] < 5 * noise.mean()
    # A quarter of a step squared, white: 1/12 of rounding and 1/6 of triangular noise.
    assert np.var(got * 32768 - sine[:, 0].astype(float) * 32768) == pytest.approx(0.25, rel=0.01)


@pytest.mark.parametrize("dither", ["tpdf", "shaped"])
def test_noise_of_channels_is_independent_and_the_same_each_time(tmp_path, dither):
    silence = np.zeros((1 << 17, 2), np.float32)
    first = rendered(tmp_path, silence, dither=dither)
    assert abs(np.corrcoef(first.T)[0, 1]) < 0.01
    assert np.array_equal(first, rendered(tmp_path, silence, dither=dither))
    assert np.abs(first).max() <= (1 if dither == "tpdf" else 12)


def test_shaped_noise_has_the_published_spectrum(tmp_path):
    """Lipshitz, Vanderkooy, Wannamaker 1991: the error is 1 - sum of c z^-k of white noise."""
    noise = rendered(tmp_path, np.zeros((1 << 18, 1), np.float32), dither="shaped")[:, 0]
    hz, power = scipy.signal.welch(noise.astype(float), RATE, nperseg=1024)
    taps = [1.0, -2.033, 2.165, -1.959, 1.590, -0.6149]
    wanted = 0.25 * 2 / RATE * np.abs(scipy.signal.freqz(taps, worN=hz, fs=RATE)[1]) ** 2
    assert np.abs(10 * np.log10(power[2:-2] / wanted[2:-2])).max() < 1.0
    assert 10 * np.log10(wanted[(hz > 2_000) & (hz < 5_000)].max() * RATE / 0.5) < -13


def test_shaped_dither_lives_on_after_clipping(tmp_path):
    loud = np.r_[np.full(2_000, 3.0), np.full(2_000, np.nan), np.zeros(2_000)].astype(np.float32)
    got = rendered(tmp_path, loud[:, None], dither="shaped")[:, 0]
    assert (got[:1_990] == 32767).all()
    assert np.abs(got[-1_500:]).max() <= 12


@pytest.mark.parametrize("frames", [100, 50_000])
def test_samples_that_are_no_numbers_are_told(tmp_path, cli, frames):
    bad = music(frames)
    bad[50] = np.nan, np.inf
    words = "2 samples are NaN or infinite; silenced or limited"
    soundfile.write(tmp_path / "nan.wav", bad, RATE, "FLOAT")
    done = zerocross.render([(bad, RATE), tmp_path / "nan.wav"], tmp_path / "out.wav")
    assert [line.partition(": ")[2] for line in done.errors] == [words, words]
    told = cli("render", tmp_path / "nan.wav", tmp_path / "cli.wav")
    assert words.encode() in told.stderr and told.returncode == 1


def test_shaped_dither_at_another_rate_is_told(tmp_path):
    with pytest.raises(zerocross.UsageError, match=r"96000 Hz.*44100 to 48000 Hz; give 'tpdf'"):
        rendered(tmp_path, music(100), rate=96_000, dither="shaped")


def test_dither_of_24_bits_is_asked_for(tmp_path):
    silence = np.zeros((20_000, 1), np.float32)
    assert not rendered(tmp_path, silence, bits="24").any()
    steps = rendered(tmp_path, silence, bits="24", dither="tpdf") >> 8
    assert np.var(steps) == pytest.approx(0.25, rel=0.05)


@pytest.mark.parametrize("dither", [None, "tpdf", "shaped"])
def test_a_copy_of_16_bits_is_not_dithered(tmp_path, dither):
    """Nor is what of a cut copy is exact: all but the fade."""
    signal = music(30_000)
    soundfile.write(tmp_path / "a.wav", signal, RATE, "PCM_16")
    wanted = integers(tmp_path / "a.wav")
    done = zerocross.render([tmp_path / "a.wav"] * 2, tmp_path / "out.flac", dither=dither)
    assert np.array_equal(integers(done.path), np.r_[wanted, wanted])
    assert (done.bits, done.dither) == ("16", "none")
    zerocross.render([tmp_path / "a.wav"], tmp_path / "cut.wav", duration_s=0.5, dither=dither)
    cut = integers(tmp_path / "cut.wav")
    assert np.array_equal(cut[:21_000], wanted[:21_000])
    assert not np.array_equal(cut[21_000:], wanted[21_000:22_050])


@pytest.mark.parametrize(
    "options",
    [{"volume": 0.5}, {"effects": Late()}, {"channels": 1}, {"sample_rate": 48_000}],
    ids=str,
)
def test_what_is_no_copy_is_dithered(tmp_path, options):
    signal = np.round(music(20_000) * 32768) / 32768
    plain = rendered(tmp_path, signal, "PCM_16", dither="none", **options)
    got = rendered(tmp_path, signal, "PCM_16", **options)
    assert 0.15 < np.var(got - plain) < 0.45  # halves are rounded to even


def test_32_bit_integers_are_copied_to_the_last_bit(tmp_path):
    numbers = np.random.default_rng(4).integers(-(2**31), 2**31, (150_000, 2)).astype(np.int32)
    soundfile.write(tmp_path / "a.wav", numbers, RATE, "PCM_32")
    done = zerocross.render([tmp_path / "a.wav"] * 2, tmp_path / "out.wav")
    assert (done.bits, done.frames) == ("32", 300_000)
    assert np.array_equal(integers(done.path, "int32"), np.r_[numbers, numbers])
    done = zerocross.render([tmp_path / "a.wav"], tmp_path / "out.wav", volume=0.5)
    assert done.bits == "float"
    done = zerocross.render([tmp_path / "a.wav"], tmp_path / "out.wav", bits="32", duration_s=0.1)
    got = integers(done.path, "int32")
    assert np.abs(got[:3_000] - numbers[:3_000]).max() <= 128


@pytest.mark.parametrize("quality", ["medium", "high", "very high"])
@pytest.mark.parametrize("rate", [48_000, 22_050])
def test_tracks_shorter_than_the_resamplers_reach_are_one_signal(tmp_path, quality, rate):
    """Several may begin before what the filter still holds of the first is out."""
    signal = music(9000, sample_rate=44_100)
    lengths = [4000, 5, 1, 64, 96, *[20] * 20, 97, 300]
    cuts = np.cumsum(lengths)
    paths = []
    for k, part in enumerate(np.split(signal, cuts)):
        paths.append(tmp_path / f"{k}.wav")
        soundfile.write(paths[-1], part, 44_100, "FLOAT")
    whole = tmp_path / "whole.wav"
    soundfile.write(whole, signal, 44_100, "FLOAT")
    found = [tmp_path / "joined.out.wav", tmp_path / "whole.out.wav"]
    for inputs, output in ((paths, found[0]), ([whole], found[1])):
        zerocross.render(inputs, output, sample_rate=rate, quality=quality)
    joined, wanted = (soundfile.read(path, dtype="float32")[0] for path in found)
    assert np.array_equal(joined, wanted)


def test_more_tiny_tracks_than_marks_fit_are_played_to_the_end(tmp_path):
    paths = []
    for k in range(300):
        paths.append(tmp_path / f"{k}.wav")
        soundfile.write(paths[-1], np.full(1, 0.5, np.float32), 44_100, "FLOAT")
    done = zerocross.render(paths, tmp_path / "out.wav", sample_rate=48_000)
    assert done.errors == []
    assert 300 <= done.frames <= 327 + 300


def test_a_rendering_tells_how_far_it_is(make_file, tmp_path):
    path, _ = make_file(frames=96_000)
    shares = []
    zerocross.render(path, tmp_path / "out.wav", progress=shares.append)
    assert shares == sorted(shares)
    assert len(shares) > 1
    assert shares[-1] == 1.0
