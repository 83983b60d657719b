"""Spectra on a card: on Mesa's software Vulkan, against NumPy in float64 and the compiled `Spectrum`."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from conftest import need_module
from zerocross.dsp.window import design_window
from zerocross.errors import DeviceError, DeviceNotFound, MissingDependency, UsageError
from zerocross.gpu import BandSpectra, Canvas, Card, Following, Levels
from zerocross.gpu.spectra import SIZES
from zerocross.spectrum import Spectrum
from zerocross.spectrum.bands import design_weights

RATE = 48_000


def noise(samples, seed=1):
    return (np.random.default_rng(seed).standard_normal(samples) * 0.2).astype(np.float32)


def by_numpy(x, made, window="hann", per="bin"):
    """Return levels of all windows, in float64."""
    shape = design_window(window, made.size).astype(float)
    weights = design_weights(made.bands, made.size, RATE, window, per)
    found = []
    for k in range(made.windows_in(x.size)):
        part = x[k * made.hop :][: made.size].astype(float) * shape * (2 / shape.sum())
        power = np.abs(np.fft.rfft(part)) ** 2
        found.append(
            [
                weights.weights[start : start + count].astype(float) @ power[bin_ : bin_ + count]
                for start, bin_, count in zip(
                    weights.starts, weights.bins, weights.counts, strict=True
                )
            ]
        )
    return np.sqrt(np.array(found))


@pytest.mark.parametrize("size", SIZES)
def test_amplitudes_are_those_of_numpy(card, size):
    made = BandSpectra(card, RATE, bands=30, fft_size=size, hop=777)
    x = noise(size + 20 * 777 + 5)
    levels = made.of(x).read()
    assert levels.shape == (21, 30)
    wanted = by_numpy(x, made)
    assert np.abs(10 ** (levels / 20) - wanted).max() < 1e-6, "of full scale"
    assert wanted.min() > 1e-4, "there was something in every band"


def test_many_signals_together_are_those_alone(card, monkeypatch):
    signals = [noise(n, n) for n in (5000, 100, 2048, 30_000, 0, 9000, 60_000, 4000)]
    made = BandSpectra(card, RATE, bands=20, hop=700)
    alone = [made.of(s).read() if s.size >= 2048 else np.zeros((0, 20)) for s in signals]
    for most in (1 << 26, 100_000):  # with 100,000 bytes, some together, one alone in batches
        monkeypatch.setattr("zerocross.gpu.spectra._TOGETHER_BYTES", most)
        together = list(made.of_many(iter(signals)))
        assert [t.shape for t in together] == [a.shape for a in alone]
        assert all(map(np.array_equal, together, alone))
    assert list(made.of_many([])) == []
    with pytest.raises(UsageError, match="one channel"):
        list(made.of_many([np.zeros((2, 4000), np.float32)]))


@pytest.mark.parametrize(
    ("scale", "window", "per"), [("mel", "hamming", "band"), ("octave", "flat_top", "bin")]
)
def test_other_scales_and_windows(card, scale, window, per):
    made = BandSpectra(card, RATE, bands=24, scale=scale, window=window, per=per, hop=1000)
    x = noise(12_000, 2)
    assert np.abs(10 ** (made.of(x).read() / 20) - by_numpy(x, made, window, per)).max() < 1e-6


def test_levels_are_those_of_the_compiled_spectrum(card):
    made = BandSpectra(card, RATE, bands=48, hop=512)
    here = Spectrum(bands=48, sample_rate=RATE, channels=1, mix="mono", decay_s=0.0)
    x = noise(30_000, 3)
    levels = made.of(x).read()
    for k in (0, 7, len(levels) - 1):
        here.reset()
        here.push(x[None, k * 512 : k * 512 + 2048])
        assert levels[k] == pytest.approx(here.update()[0], abs=1e-4), k


def test_a_full_scale_sine_reads_zero_and_silence_the_floor(card):
    t = np.arange(RATE) / RATE
    made = BandSpectra(card, RATE, bands=32, fft_size=4096)
    centre = made.bands.centres[20]
    x = np.sin(2 * np.pi * centre * t).astype(np.float32)
    assert made.of(x).read()[:, 20] == pytest.approx(0.0, abs=0.1)
    assert made.of(np.zeros(8192, np.float32)).read() == pytest.approx(-200.0, abs=1e-3)


def test_more_windows_than_fit_in_a_row_and_batches(card):
    x = noise(33_500, 4)
    made = BandSpectra(card, RATE, bands=8, fft_size=256, hop=1)
    levels = made.of(x).read()
    assert levels.shape == (33_245, 8)
    part = BandSpectra(card, RATE, bands=8, fft_size=256, hop=1).of(x[33_000:]).read()
    assert np.array_equal(levels[33_000:], part)
    assert np.array_equal(np.concatenate(list(made.in_batches(x, 10_000))), levels)
    assert list(made.in_batches(x[:255])) == []


def test_long_windows_go_through_little_memory(card, monkeypatch):
    x = noise(16_384 + 9 * 500, 5)
    wanted = BandSpectra(card, RATE, fft_size=16_384, hop=500).of(x).read()
    monkeypatch.setattr("zerocross.gpu.spectra._KEPT_BYTES", 4 * 8 * 8192)
    assert np.array_equal(BandSpectra(card, RATE, fft_size=16_384, hop=500).of(x).read(), wanted)


def test_levels_and_peaks_move_as_those_of_the_compiled_spectrum(card):
    times = {"attack_s": 0.01, "decay_s": 0.15, "peak_hold_s": 0.1, "peak_fall_db_s": 40.0}
    made = BandSpectra(card, RATE, bands=48, hop=480)
    here = Spectrum(bands=48, sample_rate=RATE, channels=1, mix="mono", **times)
    x = noise(RATE, 6) * np.repeat([1.0, 0.01, 0.3], RATE // 3).astype(np.float32)
    followed = Following(made, **times)
    found = []
    for k in range(0, 96, 12):  # in pieces: what is known stays
        levels, peaks = followed.follow(made.of(x[480 * k : 480 * (k + 11) + 2048]))
        found.append([levels.read(), peaks.read()])
    levels, peaks = np.concatenate(found, axis=1)
    for k in range(len(levels)):
        new = x[None, :2048] if k == 0 else x[None, 480 * (k - 1) + 2048 : 480 * k + 2048]
        here.push(new)
        assert levels[k] == pytest.approx(here.update()[0], abs=0.01), k
        assert peaks[k] == pytest.approx(here.peaks[0], abs=0.01), k
    assert np.ptp(peaks[:, 20]) > 10 and (peaks >= levels).all()
    followed.reset()
    silent = made.of(np.zeros(2048, np.float32))
    assert followed.follow(silent)[1].read() == pytest.approx(-200.0, abs=1e-3)
    with pytest.raises(UsageError, match="not negative"):
        Following(made, attack_s=-1.0)
    with pytest.raises(UsageError, match="levels of 48 bands, not of 8"):
        Following(BandSpectra(card, RATE, bands=8)).follow(silent)


def test_nothing_comes_back_until_it_is_asked_for(card, monkeypatch):
    made, x = BandSpectra(card, RATE), noise(50_000)
    wanted = made.of(x).read()
    reads = []
    monkeypatch.setattr(Card, "read", lambda *given: reads.append(given))
    resident = card.upload(x)
    levels = made.of(resident)
    assert reads == []
    monkeypatch.undo()
    assert np.array_equal(levels.read(), wanted)
    assert np.array_equal(made.of(resident, 20_000).read(), wanted[: made.windows_in(20_000)])


def on_card(card, values):
    """Return levels that are known."""
    made = Levels(card, *values.shape)
    card.device.queue.write_buffer(made.buffer, 0, np.ascontiguousarray(values, np.float32))
    return made


def test_bars_are_as_high_as_their_levels_and_peaks_stand_above(card):
    width, height, bands = 320, 200, 16
    db = np.linspace(-75.0, -5.0, bands, dtype=np.float32)[None]
    canvas = Canvas(card, width, height, low_db=-80.0)
    canvas.draw("bars", on_card(card, db), on_card(card, db + 4.0))
    picture = canvas.read()
    assert picture.shape == (height, width, 4) and (picture[..., 3] == 255).all()
    for band in range(bands):
        column = picture[:, band * 20 + 8, :3]
        white = np.flatnonzero((column == 255).all(axis=1))
        lit = (column.max(axis=1) > 0).sum() - white.size
        assert lit == pytest.approx((db[0, band] + 80) / 80 * height, abs=1.01), band
        assert 1 <= white.size <= 2
        assert height - white.mean() == pytest.approx((db[0, band] + 84) / 80 * height, abs=1.6)
        assert not picture[:, band * 20 + 19, :3].any(), "a gap between bars"
    canvas.draw("bars", on_card(card, db))
    assert not (canvas.read()[..., :3] == 255).all(axis=2).any(), "no peaks, none drawn"


def test_a_line_goes_through_its_levels(card):
    db = np.array([[-90.0, -90.0], [-70.0, -10.0]], np.float32).repeat(8, axis=1)
    canvas = Canvas(card, 160, 120, low_db=-80.0)
    canvas.draw("line", on_card(card, db))
    picture = canvas.read()[..., 2].astype(int)
    for x, level in ((20, -70.0), (60, -70.0), (100, -10.0), (140, -10.0)):
        bright = np.flatnonzero(picture[:, x] > 150)
        assert bright.size and 120 - bright.mean() == pytest.approx(
            (level + 80) / 80 * 120, abs=1.6
        )
    canvas.draw("line", on_card(card, db), window=0)
    assert canvas.read()[:-3, :, 2].max() == 0, "the first window has nothing above the floor"


def test_a_spectrogram_has_time_to_the_right_and_pitch_upwards(card):
    windows, bands = 40, 30
    db = np.full((windows, bands), -90.0, np.float32)
    for k in range(windows):
        db[k, k * bands // windows] = 0.0
    db[5, 20] = -45.0
    canvas = Canvas(card, 4 * windows, 4 * bands, low_db=-90.0)
    canvas.draw("spectrogram", on_card(card, db))
    light = canvas.read()[..., :3].astype(int).sum(axis=2)[::-1]
    tiles = light.reshape(bands, 4, windows, 4).transpose(2, 0, 1, 3)
    assert (tiles == tiles[..., :1, :1]).all(), "a tile for each"
    assert np.array_equal(tiles[..., 0, 0].argmax(axis=1), np.arange(windows) * bands // windows)
    assert 0 < tiles[5, 20, 0, 0] < tiles[0, 0, 0, 0] and tiles[3, 25, 0, 0] == 0
    steps = on_card(card, np.linspace(-90, 0, 64, dtype=np.float32)[:, None])
    canvas.draw("spectrogram", steps)
    assert (np.diff(canvas.read()[0, :, :3].astype(int).sum(axis=1)) >= 0).all(), "ever lighter"


def test_a_picture_of_a_sine_and_nothing_read_back(card, monkeypatch):
    x = np.sin(np.arange(48_000) * 2 * np.pi * 1000 / RATE).astype(np.float32)
    made = BandSpectra(card, RATE, bands=60, fft_size=4096, hop=480)
    canvas = Canvas(card, 600, 100, low_db=-60.0)
    monkeypatch.setattr(Card, "read", None)
    monkeypatch.setattr(Canvas, "read", None)
    levels, peaks = Following(made).follow(made.of(x))
    canvas.draw("bars", levels, peaks)
    monkeypatch.undo()
    heights = (canvas.read()[:, 5::10, 2] > 50).sum(axis=0)
    assert made.bands.centres[heights.argmax()] == pytest.approx(1000, rel=0.08)
    assert heights.max() >= 97 and heights[:20].max() == 0


def test_bad_pictures_have_one_line(card):
    levels = on_card(card, np.zeros((3, 8), np.float32))
    canvas = Canvas(card, 10, 10)
    for call, words in (
        (lambda: canvas.draw("pie", levels), "no picture 'pie'; there are bars, line, waterfall, "),
        (lambda: canvas.draw("wave", levels), "wave is of samples, not of levels; there are bars"),
        (lambda: canvas.draw("bars", levels, window=3), "window 3 of 3"),
        (lambda: canvas.draw("bars", levels, window=-4), "window -4 of 3"),
        (
            lambda: canvas.draw("bars", levels, on_card(card, np.zeros((3, 9)))),
            "other windows or bands",
        ),
        (lambda: Canvas(card, 0, 10), "width"),
        (lambda: Canvas(card, 10, 9000), "height"),
        (lambda: Canvas(card, 10, 10, 0.0, -10.0), "give two that rise"),
    ):
        with pytest.raises(UsageError, match=words):
            call()


def test_bad_input_has_one_line(card):
    for given, words in (
        ({"fft_size": 1000}, "FFT of 1000 points; take one of 256"),
        ({"hop": 0}, "hop"),
        ({"bands": 513}, "bands"),
        ({"fft_size": 256, "bands": 200}, "take fewer, or a longer one"),
        ({"window": "x"}, "no window 'x'"),
        ({"fft_size": "2048"}, "FFT of '2048' points"),
        ({"sample_rate": np.nan}, "sample_rate=nan"),
        ({"sample_rate": "a"}, "sample_rate='a'"),
    ):
        with pytest.raises(UsageError, match=words):
            BandSpectra(card, **{"sample_rate": RATE, **given})
    made = BandSpectra(card, RATE, bands=64.0, fft_size=2048.0)
    for windows in (0, -3, "a"):
        with pytest.raises(UsageError, match="windows="):
            next(made.in_batches(np.zeros(5000, np.float32), windows))
    with pytest.raises(UsageError, match="2047 samples; a window has 2048"):
        made.of(np.zeros(2047, np.float32))
    with pytest.raises(UsageError, match="one channel"):
        made.of(np.zeros((2, 5000), np.float32))
    with pytest.raises(DeviceError, match="take fewer at a time"):
        card.memory(1 << 40)


def test_without_wgpu_or_a_card_it_says_what_to_do(monkeypatch):
    need_module("wgpu")
    import wgpu

    monkeypatch.setattr(wgpu.gpu, "enumerate_adapters_sync", list)
    with pytest.raises(DeviceNotFound, match="mesa-vulkan-drivers"):
        Card()
    monkeypatch.setitem(sys.modules, "wgpu", None)
    with pytest.raises(MissingDependency, match=r"pip install 'zerocross\[gpu\]'"):
        Card()
