"""The spectrum: calibrated, on every scale, the same at any rate of frames; display; pipeline."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
import scipy.signal

from conftest import music
from zerocross import Pipeline, Stream, UsageError
from zerocross.compiler import entry, record_at
from zerocross.dsp.window import WINDOWS, design_window
from zerocross.effects import Oscillator
from zerocross.spectrum import SCALES, Analyser, Display, Spectrum, design_scale
from zerocross.spectrum.display import DISPLAY, follow_display
from zerocross.sync import Tap

RATE = 48_000
SIZES = [32, 64, 256, 1024, 2048, 8192, 32_768]


def sine(frequency, frames=40_000, level_db=0.0):
    tone = 10 ** (level_db / 20) * np.sin(2 * np.pi * frequency * np.arange(frames) / RATE + 0.3)
    return np.stack([tone, tone]).astype(np.float32)


def spectrum_of(signal, **options):
    spectrum = Spectrum(decay_s=0.0, **options)
    spectrum.push(signal)
    spectrum.update()
    return spectrum


# --- calibration --------------------------------------------------------------------------------


def scalloping_db(window, offset):
    """What a window of 4096 points loses for a sine so many bins beside a bin."""
    shape = design_window(window, 4096).astype(float)
    n = np.arange(4096)
    return 20 * np.log10(abs((shape * np.exp(2j * np.pi * offset * n / 4096)).sum()) / shape.sum())


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("size", SIZES[2:])
def test_a_sine_reads_its_level(window, size):
    for level in (-60.0, -20.0, 0.0):
        k = size // 8
        on = spectrum_of(
            sine(k * RATE / size, level_db=level), fft_size=size, window=window, bands=4
        )
        assert on.bins_dbfs().max() == pytest.approx(level, abs=0.05)
        off = spectrum_of(
            sine((k + 0.5) * RATE / size, level_db=level), fft_size=size, window=window, bands=4
        )
        lost = off.bins_dbfs().max() - level
        tolerance = 0.05 if window != "rectangular" else 0.6  # its side lobes reach far
        assert lost == pytest.approx(scalloping_db(window, 0.5), abs=tolerance)
        if window == "flat_top":
            assert abs(lost) < 0.05


@pytest.mark.parametrize("scale", [*SCALES, "octave"])
def test_a_sine_in_the_middle_of_a_band_reads_its_level_there(scale):
    bands = design_scale(scale, 24, 40.0, 16_000.0)
    for place in range(2, len(bands), 5):
        spectrum = spectrum_of(
            sine(bands.centres[place], level_db=-12.0),
            scale=scale,
            bands=24,
            low_hz=40.0,
            high_hz=16_000.0,
            long_fft_size=32_768,
        )
        assert spectrum.levels[0].argmax() == place
        assert spectrum.levels[0, place] == pytest.approx(-12.0, abs=0.3)


@pytest.mark.parametrize("fraction", [1, 3])
def test_pink_noise_is_flat_in_octave_bands(fraction):
    rng = np.random.default_rng(4)
    frames = 1 << 22
    bins = np.fft.rfft(rng.standard_normal(frames))
    bins[1:] /= np.sqrt(np.arange(1, len(bins)))
    bins[0] = 0.0
    pink = np.fft.irfft(bins).astype(np.float32)
    pink *= 0.1 / pink.std()
    spectrum = Spectrum(
        scale="octave",
        fraction=fraction,
        low_hz=60.0,
        high_hz=16_000.0,
        fft_size=4096,
        long_fft_size=32_768,
        decay_s=0.0,
        channels=1,
    )
    power, count = 0.0, 0
    for start in range(0, frames, 8192):
        spectrum.push(pink[None, start : start + 8192])
        if start > 40_000:
            spectrum.update()
            power, count = power + 10 ** (spectrum.now[0] / 10), count + 1
    levels = 10 * np.log10(power / count)
    assert np.abs(levels - levels.mean()).max() < 0.5


def test_octave_bands_are_those_of_the_standard():
    thirds = design_scale("octave", fraction=3).centres
    nominal = [20, 25, 31.5, 40, 50, 63, 80, 100, 125, 160, 200, 250, 315, 400, 500, 630, 800, 1000]
    nominal += [
        1250,
        1600,
        2000,
        2500,
        3150,
        4000,
        5000,
        6300,
        8000,
        10_000,
        12_500,
        16_000,
        20_000,
    ]
    assert len(thirds) == 31 and np.abs(thirds / nominal - 1).max() < 0.02
    assert 1000.0 in design_scale("octave", fraction=1).centres
    halves = design_scale("octave", fraction=2).centres
    assert np.allclose(halves[1:] / halves[:-1], 10**0.15)
    edges = design_scale("octave", fraction=24).edges
    assert np.allclose(edges[1:] / edges[:-1], 10 ** (0.3 / 24))


def bark(hz):
    """H. Traunmüller, JASA 88, 1990: the critical-band rate, corrected at both ends."""
    z = 26.81 * hz / (1960 + hz) - 0.53
    if z < 2.0:
        return z + 0.15 * (2.0 - z)
    return z + 0.22 * (z - 20.1) if z > 20.1 else z


@pytest.mark.parametrize(
    ("scale", "forward"),
    [
        ("linear", lambda f: f),
        ("logarithmic", math.log),
        ("mel", lambda f: 1127.010480 * math.log(1 + f / 700)),
        ("bark", bark),
        ("quadratic", math.sqrt),
    ],
)
def test_scales_are_even_in_their_own_measure(scale, forward):
    edges = design_scale(scale, 20, 30.0, 15_000.0).edges
    steps = np.diff([forward(f) for f in edges])
    assert edges[0] == pytest.approx(30.0) and edges[-1] == pytest.approx(15_000.0)
    assert np.allclose(steps, steps[0])


@pytest.mark.parametrize("long_fft_size", [None, 16_384])
def test_per_band_is_the_power_within_and_per_bin_the_level_of_a_sine(long_fft_size):
    """White noise has its share of a band's width, a sine all of its power in one place."""
    rng = np.random.default_rng(5)
    noise = 0.1 * rng.standard_normal((1, 1 << 19))
    options = {"bands": 64, "fft_size": 2048, "long_fft_size": long_fft_size, "channels": 1}
    read = {}
    for per in ("band", "bin"):
        spectrum = Spectrum(per=per, decay_s=0.0, low_hz=40.0, **options)
        powers = []
        for start in range(0, noise.shape[1], 8192):
            spectrum.push(noise[:, start : start + 8192])
            if start > 16_384:
                spectrum.update()
                powers.append(10 ** (spectrum.now[0].astype(float) / 10))
        # A full-scale sine, of power 1/2, reads 1: a density of 2 * 0.01 / 24000 in each hertz.
        wanted = 0.02 * np.diff(spectrum.bands.edges) / 24_000
        read[per] = 10 * np.log10(np.mean(powers, axis=0) / wanted)
    assert np.abs(read["band"]).max() < 1.5 and abs(read["band"].mean()) < 0.2
    assert read["bin"].max() > (1.5 if long_fft_size else 6.0), "as much as a bin sees"
    tone = spectrum_of(sine(100.0), per="bin", bands=200, fft_size=8192)
    power = spectrum_of(sine(100.0), per="band", bands=200, fft_size=8192)
    assert tone.now.max() == pytest.approx(0.0, abs=0.2) and power.now.max() < -4.0
    total = 10 * np.log10((10 ** (power.now[0].astype(float) / 10)).sum())
    assert total == pytest.approx(0.0, abs=0.1), "all bands together have the power of the sine"


def test_two_transforms_meet_at_their_ends_or_in_their_middles():
    """A click 3000 frames back: by the end both see it early; by the middle only the long one."""
    options = {"bands": 40, "fft_size": 1024, "long_fft_size": 8192, "decay_s": 0.0, "channels": 1}
    x = np.zeros((1, 20_000), np.float32)
    x[0, -4096] = 1.0
    middle = Spectrum(align="centre", **options)
    middle.push(x)
    middle.update()
    assert (middle.now > -80).all(), "the middle of both windows"
    x = np.roll(x, 3_800)  # 296 frames before the end
    end = Spectrum(**options)
    for spectrum in (end, middle):
        spectrum.push(x)
        spectrum.update()
    assert (end.now[0, -5:] > -80).all() and (middle.now[0, -5:] < -150).all()
    early = Spectrum(align="centre", **options)
    early.push(x[:, -100:])
    early.update()
    assert np.isfinite(early.now).all(), "the short one begins before anything was heard"


def test_mixes():
    left, right = sine(1000.0)[0], sine(3000.0)[0]
    both = np.stack([left, right])
    options = {"bands": 20, "low_hz": 100.0}
    stereo = spectrum_of(both, mix="stereo", **options).levels
    assert stereo[0].argmax() != stereo[1].argmax()
    side = spectrum_of(np.stack([left, left]), mix="mid-side", **options).levels
    assert side[0].max() == pytest.approx(0.0, abs=0.3) and side[1].max() < -150
    mono = spectrum_of(np.stack([left, -left]), mix="mono", **options).levels
    assert mono.max() < -150


# --- time ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("fps", [20, 60, 144])
def test_falls_are_the_same_at_any_rate_of_frames(fps):
    spectrum = Spectrum(
        bands=1,
        low_hz=900.0,
        high_hz=1100.0,
        fft_size=1024,
        decay_s=0.3,
        peak_hold_s=0.25,
        peak_fall_db_s=30.0,
    )
    spectrum.push(sine(1000.0, 9_600))
    spectrum.update()
    assert spectrum.peaks[0, 0] == pytest.approx(0.0, abs=0.1)
    spectrum.push(np.zeros((2, 1024), np.float32))  # the window is silent from here on
    start = spectrum.source.written
    spectrum.update()
    level, peak = spectrum.levels[0, 0], spectrum.peaks[0, 0]
    age = 1024 / RATE
    for k in range(1, fps + 1):
        end = start + round(k * RATE / fps)
        spectrum.push(np.zeros((2, end - spectrum.source.written), np.float32))
        spectrum.update()
    wanted = -200 + (level + 200) * math.exp(-1.0 / 0.3)
    assert spectrum.levels[0, 0] == pytest.approx(wanted, rel=0.01)
    fallen = peak - spectrum.peaks[0, 0]
    assert fallen == pytest.approx(30.0 * (1.0 - (0.25 - age)), rel=0.01)


def test_attack_follows_time():
    found = []
    for hop in (480, 1600):
        spectrum = Spectrum(bands=1, low_hz=900.0, high_hz=1100.0, fft_size=256, attack_s=0.1)
        spectrum.push(np.zeros((2, 4800), np.float32))
        spectrum.update()
        tone = sine(1000.0, 4800)
        for start in range(0, 4800, hop):
            spectrum.push(tone[:, start : start + hop])
            spectrum.update()
        found.append(spectrum.levels[0, 0])
    assert found[0] == pytest.approx(found[1], abs=2.0)


def test_the_analysers_time_constant_follows_time_and_not_reads():
    found = []
    for reads in (10, 60):
        analyser = Analyser(fft_size=256, time_constant_s=0.2)
        analyser.push(sine(6000.0, 4800))
        analyser.float_frequency_data()
        analyser.push(np.zeros((2, 256), np.float32))
        analyser.float_frequency_data()
        for _ in range(reads):
            analyser.push(np.zeros((2, 9600 // reads), np.float32))
            analyser.float_frequency_data()
        found.append(analyser.float_frequency_data()[32])
    assert found[0] == pytest.approx(found[1], abs=0.1)


def test_an_analyser_is_cached_within_a_quantum():
    analyser = Analyser(fft_size=32, channels=1)
    analyser.push(sine(1000.0, 4096)[:1])
    first = analyser.float_frequency_data().copy()
    analyser.push(np.ones((1, 100), np.float32))
    assert np.array_equal(analyser.float_frequency_data(), first)
    analyser.push(np.ones((1, 28), np.float32))
    assert not np.array_equal(analyser.float_frequency_data(), first)
    assert analyser.float_frequency_data() is analyser.float_frequency_data(), "its own buffer"


def test_silence_is_minus_infinity_and_zero_bytes():
    analyser = Analyser(fft_size=64)
    assert (analyser.float_frequency_data() == -np.inf).all()
    assert not analyser.byte_frequency_data().any()
    assert (analyser.byte_time_domain_data() == 128).all()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Analyser(fft_size=48), "32 to 32768"),
        (lambda: Analyser(fft_size=65_536), "32 to 32768"),
        (lambda: Analyser(smoothing=1.5), "0 to 1"),
        (lambda: Analyser(min_db=-30, max_db=-30), "lower one"),
        (lambda: Analyser(time_constant_s=0), "above 0"),
        (lambda: Analyser(Tap(100), fft_size=32_768), "keeps only"),
        (lambda: Spectrum(fft_size=100), "power of two"),
        (lambda: Spectrum(long_fft_size=1024), "not longer"),
        (lambda: Spectrum(scale="log"), "octave, linear"),
        (lambda: Spectrum(mix="left"), "mono, stereo, mid-side"),
        (lambda: Spectrum(per="tone"), "per='tone': give one of bin, band"),
        (lambda: Spectrum(align="start"), "align='start': give one of end, centre"),
        (lambda: Spectrum(window="kaiser"), "rectangular"),
        (lambda: Spectrum(bands=0), "1 to 4096"),
        (lambda: Spectrum(low_hz=0), "above 0"),
        (lambda: Spectrum(scale="octave", fraction=25), "1 to 24"),
        (lambda: Spectrum(decay_s=-1), "not negative"),
        (lambda: Display(Spectrum(), smear=1.0), "smear=1.0: give 0 to 0.9"),
        (lambda: Display(Spectrum(), range_db=0), "range_db=0: give 0.001 to"),
        (lambda: Display(Spectrum(), gravity=-1), "gravity=-1: give 0 to"),
        (lambda: Display(Spectrum(), smoothing=1), "smoothing=1: give 0 to 0.99"),
        (lambda: Display(Spectrum(), peak_hold_s=math.nan), "peak_hold_s=nan: give"),
        (lambda: Display(Spectrum(), peak_fall=-0.5), "peak_fall=-0.5: give"),
    ],
)
def test_nonsense_is_told(make, words):
    with pytest.raises(UsageError, match=words):
        make()


def test_it_reads_what_plays_without_holding_it_up():
    with Stream(Oscillator(frequency=1000.0, gain_db=-6.0), device="null", block_size=64) as stream:
        spectrum = Spectrum(stream.tap, decay_s=0.0, latency_frames=256)
        time.sleep(0.3)
        deadline = time.monotonic() + 1.0
        while time.monotonic() < deadline:
            levels = spectrum.update()
        assert levels.max() == pytest.approx(-6.0, abs=0.5)
        assert abs(spectrum.bands.centres[levels[0].argmax()] - 1000) < 120
        assert stream.report()["underruns"] == stream.report()["faults"] == 0


def test_no_frame_allocates():
    import tracemalloc

    spectrum, analyser = Spectrum(), Analyser()
    signal = sine(1000.0, 4096)
    for each in (spectrum, analyser):
        each.push(signal)
    spectrum.update()
    analyser.byte_frequency_data()
    tracemalloc.start()
    before = tracemalloc.take_snapshot()
    for k in range(50):
        spectrum.update(end=4000 + k)
        analyser.float_frequency_data(end=128 * (k % 30))
    after = tracemalloc.take_snapshot()
    tracemalloc.stop()
    grown = [s for s in after.compare_to(before, "filename") if "zerocross" in str(s.traceback)]
    assert sum(max(0, s.size_diff) for s in grown) < 2_000, grown


# --- display ------------------------------------------------------------------------------------


def test_a_display_rises_at_once_falls_ever_faster_and_smears():
    spectrum = Spectrum(bands=16, decay_s=0.0, fft_size=1024)
    display = Display(spectrum, smear=0.5, autosens=False)
    spectrum.push(sine(1000.0, 4800))
    heights = display.update().copy()[0]
    top = heights.argmax()
    assert heights[top] == pytest.approx(1.0, abs=0.02)
    assert heights[top + 1] >= 0.49 and heights[top - 1] >= 0.49
    falls = []
    for _ in range(6):
        spectrum.push(np.zeros((2, 1600), np.float32))
        falls.append(display.update()[0, top])
    drops = -np.diff(falls)
    assert (np.diff(drops[drops > 0]) > 0).all(), falls


@pytest.mark.parametrize("autosens", [True, False])
def test_a_display_is_what_its_physics_say(autosens):
    spectrum = Spectrum(bands=12, mix="stereo", decay_s=0.05, fft_size=1024)
    display = Display(spectrum, 50.0, 3.0, 0.7, autosens)
    heights, speeds, top = np.zeros((2, 12)), np.zeros((2, 12)), 0.0
    rng = np.random.default_rng(17)
    for k in range(60):
        spectrum.push((0.3 / (1 + k % 7) * rng.standard_normal((2, 1600))).astype(np.float32))
        found = display.update()
        levels, dt = spectrum.levels, 1600 / spectrum.sample_rate
        if autosens and levels.max() > top:
            top = min(levels.max(), top + 60.0 * dt)
        elif autosens:
            top = max(levels.max(), top - 3.0 * dt, -60.0)
        wanted = np.clip((levels - (top - 50.0)) / 50.0, 0.0, 1.0)
        for row in wanted:
            for b in range(1, 12):
                row[b] = max(row[b], 0.7 * row[b - 1])
            for b in range(10, -1, -1):
                row[b] = max(row[b], 0.7 * row[b + 1])
        heights -= speeds * dt + 1.5 * dt * dt
        speeds += 3.0 * dt
        speeds[heights <= wanted] = 0.0
        heights = np.maximum(heights, wanted)
        np.testing.assert_allclose(found, heights, rtol=0, atol=1e-12)


def test_smoothing_and_peaks_are_what_they_say_and_may_change_between_frames():
    """An oracle of its own: all that can be set is set anew in the middle."""
    spectrum = Spectrum(bands=9, decay_s=0.0, fft_size=512, low_hz=200.0)
    display = Display(
        spectrum, 60.0, 2.0, 0.0, False, smoothing=0.8, peak_hold_s=0.1, peak_fall=0.7
    )
    how = {"range": 60.0, "gravity": 2.0, "kept": 0.8, "hold": 0.1, "fall": 0.7}
    heights, speeds, aims, peaks, ages = np.zeros((5, 9))
    held = falling = 0.0
    rng = np.random.default_rng(23)
    for k in range(120):
        if k == 60:
            display.range_db, display.gravity, display.smoothing = 40.0, 9.0, 0.3
            display.peak_hold_s, display.peak_fall = 0.05, 1.5
            how = {"range": 40.0, "gravity": 9.0, "kept": 0.3, "hold": 0.05, "fall": 1.5}
        frames = int(rng.integers(100, 1500))
        spectrum.push(
            (0.3 / (1 + k % 9) ** 2 * rng.standard_normal((2, frames))).astype(np.float32)
        )
        display.update()
        dt = frames / spectrum.sample_rate
        wanted = np.clip(spectrum.levels[0] / how["range"] + 1.0, 0.0, 1.0)
        aims = wanted + how["kept"] ** (60 * dt) * (aims - wanted)
        heights -= speeds * dt + how["gravity"] / 2 * dt * dt
        speeds += how["gravity"] * dt
        speeds[heights <= aims] = 0.0
        heights = np.maximum(heights, aims)
        ages += dt
        fallen = how["fall"] * np.clip(ages - how["hold"], 0.0, dt)
        ages[heights >= peaks] = 0.0
        peaks = np.where(heights >= peaks, heights, np.maximum(heights, peaks - fallen))
        np.testing.assert_allclose(display.heights[0], heights, rtol=0, atol=1e-12)
        np.testing.assert_allclose(display.peaks[0], peaks, rtol=0, atol=1e-12)
        held, falling = max(held, (peaks - heights).max()), max(falling, (heights - aims).max())
    assert held > 0.02 and falling > 0.02


def test_smoothing_goes_by_time_and_not_by_frames():
    heights = []
    for step in (400, 1600):
        spectrum = Spectrum(bands=1, decay_s=0.0, fft_size=512)
        display = Display(spectrum, autosens=False, smoothing=0.9)
        spectrum.push(sine(1000.0, 1600))
        spectrum.update()
        display.heights[:] = 0.0
        for _ in range(3200 // step):
            spectrum.push(sine(1000.0, 3200)[:, :step])
            display.update()
        heights.append(display.heights[0, 0])
    assert heights[0] == pytest.approx(heights[1], abs=0.02) and 0.1 < heights[0] < 0.9


@entry("int64", "int64")
def _follow(address: int, end: int) -> None:
    follow_display(record_at(address, DISPLAY), end)


def test_following_is_updating():
    rng = np.random.default_rng(29)
    displays = [Display(Spectrum(bands=12, fft_size=512, decay_s=0.05)) for _ in range(2)]
    ends = [700, 1500, 1500, 2300, 900, 1700, 3000, 4000]  # on, not at all, and back once
    for k, end in enumerate(ends):
        frames = (0.2 * rng.standard_normal((2, 800))).astype(np.float32)
        for display in displays:
            display.spectrum.push(frames)
        end = min(end, 800 * (k + 1))
        displays[0].update(end)
        _follow(displays[1].record.address, end)
        if k == 5:  # another look at the spectrum is no harm
            for display in displays:
                display.spectrum.update(1800)
        assert (displays[0].heights == displays[1].heights).all()
        assert (displays[0].peaks == displays[1].peaks).all()
    assert displays[0].heights.max() > 0.1


def test_a_top_may_be_found_at_once():
    spectrum = Spectrum(bands=8, decay_s=0.0, fft_size=1024)
    display = Display(spectrum)
    display.find_top()
    assert display.top_db == 0.0  # of silence
    spectrum.push(sine(1000.0, 4800, level_db=-40.0))
    display.find_top()
    assert display.top_db == pytest.approx(-40.0, abs=0.5)
    assert display.update().max() == 1.0
    display.autosens = False
    display.find_top()
    assert display.top_db == 0.0
    with pytest.raises(UsageError, match="top_db=-61"):
        display.top_db = -61


def test_the_top_of_a_display_is_full_scale_again_once_it_does_not_find_itself():
    spectrum = Spectrum(bands=8, decay_s=0.0, fft_size=1024)
    display = Display(spectrum)
    for _ in range(40):
        spectrum.push(sine(1000.0, 4800, level_db=-40.0))
        display.update()
    assert display.top_db == pytest.approx(-12.0, abs=0.5) and display.autosens
    display.autosens = False
    assert display.top_db == 0.0 and not display.autosens
    spectrum.push(sine(1000.0, 48_000, level_db=-40.0))
    assert display.update().max() == pytest.approx(1 - 40 / 60, abs=0.02)


def test_autosens_finds_a_soft_signal():
    spectrum = Spectrum(bands=16, decay_s=0.0, fft_size=1024)
    display = Display(spectrum, autosens=True)
    highest = []
    for _ in range(200):
        spectrum.push(sine(1000.0, 4800, level_db=-40.0))
        highest.append(display.update().max())
    assert highest[0] < 0.5 and highest[-1] > 0.9


# --- the pipeline -------------------------------------------------------------------------------


def test_the_pipeline_is_the_equaliser_and_its_spectrum():
    pipeline = Pipeline(sample_rate=RATE, max_block_size=1024)
    for band, gain in enumerate((3, -4, 5, -2, 6, -3, 2, 4)):
        pipeline.update_eq_band(band, pipeline.equalizer.bands[band][1], 1.2, gain)
    signal = music(60_000)
    out = np.zeros_like(signal)
    for start in range(0, 60_000, 1000):
        levels = pipeline.process(signal[start : start + 1000], out[start : start + 1000])
    wanted = scipy.signal.sosfilt(pipeline.equalizer.sos(RATE), signal.astype(float), axis=0)
    assert np.abs(out[10_000:] - wanted[10_000:]).max() < 1e-5, "once the bands have faded in"
    alone = Spectrum(sample_rate=RATE, decay_s=0.0)
    alone.push(out[-4096:].T)
    alone.update()
    assert np.abs(pipeline.spectrum.now - alone.now).max() < 0.01
    assert levels.shape == (32,) and np.shares_memory(levels, pipeline.spectrum.levels)
    stats = pipeline.stats()
    assert (stats.blocks, stats.frames, stats.buffers_available) == (60, 60_000, 16)
    assert stats.allocations_saved == 60 and stats.cache_hits == 59
    assert "60 blocks (60000 frames)" in str(stats) and "16 buffers available" in str(stats)


def test_the_pipeline_in_place_mono_and_without_output():
    pipeline = Pipeline(channels=1)
    block = music(512, 1)[:, 0].copy()
    before = block.copy()
    pipeline.process(block, block)
    assert np.allclose(block, before, atol=1e-6), "flat bands"
    pipeline.process(block)
    pipeline.process(block[:, None].copy())
    assert pipeline.stats().blocks == 3


@pytest.mark.parametrize(
    ("samples", "output", "words"),
    [
        (np.zeros((10, 2)), None, "float32 of shape"),
        (np.zeros((10, 3), np.float32), None, "float32 of shape"),
        (np.zeros((2, 10), np.float32).T, None, "C-contiguous"),
        (np.zeros((5000, 2), np.float32), None, "1 to 4096"),
        (np.zeros((0, 2), np.float32), None, "1 to 4096"),
        (np.zeros((10, 2), np.float32), np.zeros((9, 2), np.float32), "an output of shape"),
    ],
)
def test_the_pipeline_refuses_other_arrays(samples, output, words):
    with pytest.raises(UsageError, match=words):
        Pipeline().process(samples, output)


def test_a_pool_that_is_empty_is_told():
    pipeline = Pipeline(pool_size=1)
    taken = pipeline._pool.acquire()
    with pytest.raises(UsageError, match="all buffers of the pool are out"):
        pipeline.process(np.zeros((10, 2), np.float32))
    taken.release()
    pipeline.process(np.zeros((10, 2), np.float32))


def test_the_longest_of_one_block_is_its_mean():
    pipeline = Pipeline()
    pipeline.process(np.zeros((10, 2), np.float32))
    stats = pipeline.stats()
    assert stats.longest_us == stats.mean_us
    assert pipeline._record["slow_ns"] == 2_000_000, "what its docstring says"


def test_slow_blocks_are_counted():
    pipeline = Pipeline(slow_s=0.0)
    pipeline.process(np.zeros((10, 2), np.float32))
    assert pipeline.stats().slow_blocks == 1 and pipeline.stats().longest_us > 0
