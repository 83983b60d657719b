"""Designs against their own sources: analogue prototypes, scales, windows, points of a curve."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.signal

from zerocross import UsageError
from zerocross.dsp.window import design_window
from zerocross.eq.design import (
    KINDS,
    design_band,
    design_butterworth,
    design_linkwitz_riley,
    frequency_response,
    q_of_bandwidth,
    q_of_slope,
)
from zerocross.eq.graphic import (
    GRAPHIC_HZ,
    curve_db,
    fit_bands,
    gains_for,
    graphic_q,
    minimum_phase,
)
from zerocross.loudness.replaygain import GainTags, gain_for
from zerocross.spectrum.bands import Bands, design_scale, design_weights, noise_bandwidth

RATE = 48_000


def level_db(sos, hz):
    return float(20 * np.log10(np.abs(frequency_response(sos, [hz], RATE)[0])))


# --- bands ----------------------------------------------------------------------------------------


def prototype(kind, q, gain_db):
    """The cookbook's analogue filters, numerator and denominator in s."""
    a = 10 ** (gain_db / 40)
    root = math.sqrt(a) / q
    plain = [1.0, 1 / q, 1.0]
    return {
        "lowpass": ([1.0], plain),
        "highpass": ([1.0, 0.0, 0.0], plain),
        "bandpass": ([1 / q, 0.0], plain),
        "notch": ([1.0, 0.0, 1.0], plain),
        "allpass": ([1.0, -1 / q, 1.0], plain),
        "peaking": ([1.0, a / q, 1.0], [1.0, 1 / (a * q), 1.0]),
        "lowshelf": ([a, a * root, a * a], [a, root, 1.0]),
        "highshelf": ([a * a, a * root, a], [1.0, root, a]),
    }[kind]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("hz", "q", "gain_db"), [(100, 0.5, 6), (1000, 2, -9), (15_000, 0.9, 3)])
def test_every_kind_is_its_prototype_through_the_bilinear_transform(kind, hz, q, gain_db):
    half = math.tan(math.pi * hz / RATE)
    b, a = scipy.signal.bilinear(*prototype(kind, q, gain_db), fs=0.5 / half)
    b = np.concatenate([b, np.zeros(3 - len(b))])
    row = design_band(kind, hz, RATE, q, gain_db)
    assert np.allclose(row, np.concatenate([b, a]), rtol=1e-9, atol=1e-12)
    assert row[3] == 1.0


def test_a_band_without_q_and_gain_is_a_butterworth_and_flat():
    assert level_db(design_band("lowpass", 1000, RATE), 1000) == pytest.approx(-3.01, abs=0.01)
    assert level_db(design_band("peaking", 1000, RATE), 1000) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(
    ("kind", "at_zero", "at_end"),
    [
        ("lowpass", 0.0, 1.0),
        ("highpass", 1.0, 0.0),
        ("bandpass", 0.0, 0.0),
        ("notch", 1.0, 1.0),
        ("allpass", 1.0, 1.0),
        ("peaking", 1.0, 1.0),
        ("lowshelf", 1.0, 2.0),
        ("highshelf", 2.0, 1.0),
    ],
)
def test_web_audio_at_the_ends_of_the_spectrum(kind, at_zero, at_end):
    gain_db = 20 * math.log10(2)
    for hz, wanted in ((0, at_zero), (-5, at_zero), (24_000, at_end), (30_000, at_end)):
        row = design_band(kind, hz, RATE, 0.7, gain_db, "webaudio")
        assert row.tolist() == [pytest.approx(wanted), 0.0, 0.0, 1.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("kind", "gain"), [("bandpass", 1.0), ("notch", 0.0), ("allpass", -1.0), ("peaking", 2.0)]
)
@pytest.mark.parametrize("q", [0.0, -3.0])
def test_web_audio_without_a_q(kind, gain, q):
    row = design_band(kind, 1000, RATE, q, 20 * math.log10(2), "webaudio")
    assert row.tolist() == [pytest.approx(gain), 0.0, 0.0, 1.0, 0.0, 0.0]


def test_web_audios_widths():
    """Low and high pass have Q in dB, shelves a slope of 1, the others the cookbook's Q."""
    for kind in ("lowpass", "highpass"):
        web = design_band(kind, 1000, RATE, 6.0, 0.0, "webaudio")
        assert np.allclose(web, design_band(kind, 1000, RATE, 10 ** (6 / 20)))
        assert level_db(design_band(kind, 1000, RATE, -6.0, 0.0, "webaudio"), 1000) < -5.9
    for kind in ("lowshelf", "highshelf"):
        web = design_band(kind, 1000, RATE, 9.0, 6.0, "webaudio")
        assert np.allclose(web, design_band(kind, 1000, RATE, math.sqrt(0.5), 6.0))
    for kind in ("bandpass", "notch", "allpass", "peaking"):
        web = design_band(kind, 1000, RATE, 2.0, 6.0, "webaudio")
        assert np.allclose(web, design_band(kind, 1000, RATE, 2.0, 6.0))


@pytest.mark.parametrize(
    ("frequency", "q", "gain_db", "rate"),
    [
        (0, 1, 0, RATE),
        (24_000, 1, 0, RATE),
        (1000, 0, 0, RATE),
        (math.nan, 1, 0, RATE),
        (1000, math.inf, 0, RATE),
        (1000, 1, math.nan, RATE),
        (1000, 1, 0, 0),
    ],
)
def test_impossible_bands_are_refused(frequency, q, gain_db, rate):
    with pytest.raises(UsageError):
        design_band("peaking", frequency, rate, q, gain_db)
    if not (math.isfinite(frequency) and math.isfinite(q) and math.isfinite(gain_db)) or not rate:
        with pytest.raises(UsageError):
            design_band("peaking", frequency, rate, q, gain_db, "webaudio")


def test_unknown_kinds_are_refused():
    with pytest.raises(UsageError, match="no band of kind 'x'; there are: lowpass, highpass"):
        design_band("x", 1000, RATE)


def test_orders_from_one_to_many():
    for order in (1, 2, 3, 64):
        made = design_butterworth("lowpass", order, 1000, RATE)
        assert len(made) == -(-order // 2)
        assert level_db(made, 1000) == pytest.approx(-3.01, abs=0.01)
    for kind, order in (("lowpass", 0), ("lowpass", 65), ("bandpass", 2)):
        with pytest.raises(UsageError, match="give lowpass or highpass, 1 to 64"):
            design_butterworth(kind, order, 1000, RATE)
    with pytest.raises(UsageError, match="between 0 and"):
        design_butterworth("lowpass", 1, 24_000, RATE)
    assert len(design_linkwitz_riley("highpass", 2, 1000, RATE)) == 2
    for order in (0, 1, 3, -2):
        with pytest.raises(UsageError, match="give an even one"):
            design_linkwitz_riley("lowpass", order, 1000, RATE)


def test_a_bandwidth_is_between_the_half_gains():
    """The cookbook: between the points at half the gain in dB, for peaking; -3 dB for a notch."""
    q = q_of_bandwidth(1.0, 1000, RATE)
    notch = design_band("notch", 1000, RATE, q)
    grid = np.geomspace(500, 2000, 40_001)
    below = 20 * np.log10(np.abs(frequency_response(notch, grid, RATE)) + 1e-12) < -3.0103
    low, high = grid[below][[0, -1]]
    assert math.log2(high / low) == pytest.approx(1.0, abs=0.01)
    for octaves, hz in ((0.0, 1000), (-1.0, 1000), (1.0, 0.0), (1.0, 24_000)):
        with pytest.raises(UsageError, match="give a width above 0"):
            q_of_bandwidth(octaves, hz, RATE)


def test_a_slope_of_one_is_the_steepest_without_a_bump():
    assert q_of_slope(1.0, 6.0) == pytest.approx(math.sqrt(0.5))
    a = 10 ** (6 / 40)
    assert q_of_slope(0.5, 6.0) == pytest.approx(1 / math.sqrt((a + 1 / a) * (1 / 0.5 - 1) + 2))
    assert q_of_slope(0.5, -6.0) == pytest.approx(q_of_slope(0.5, 6.0))
    assert q_of_slope(4.0, 0.0) == pytest.approx(math.sqrt(2))
    for slope in (0.0, -1.0, 1e6):
        with pytest.raises(UsageError, match="cannot have a slope"):
            q_of_slope(slope, 40.0)


# --- curves ---------------------------------------------------------------------------------------


def test_a_curve_is_straight_over_the_logarithm_and_flat_beyond():
    points = [(1000, 6.0), (100, 0.0)]
    found = curve_db(points, [0, 10, 100, math.sqrt(1e5), 1000, 5000])
    assert np.allclose(found, [0.0, 0.0, 0.0, 3.0, 6.0, 6.0])
    assert curve_db([(0.01, 0.0), (1.0, 6.0)], [0.1]) == pytest.approx([3.0])


@pytest.mark.parametrize(("bands", "octaves"), [(10, 1.0), (15, 2 / 3), (31, 1 / 3)])
def test_graphic_bands_are_as_wide_as_they_are_apart(bands, octaves):
    assert len(GRAPHIC_HZ[bands]) == bands
    series = {100, 125, 160, 200, 250, 315, 400, 500, 630, 800}  # ISO 266
    places = [round(100 * hz / 10 ** math.floor(math.log10(hz)), 9) for hz in GRAPHIC_HZ[bands]]
    assert set(places) <= series
    assert np.diff(np.log2(GRAPHIC_HZ[bands])) == pytest.approx(octaves, abs=0.12)
    q = graphic_q(bands)
    assert 2 * math.asinh(0.5 / q) / math.log(2) == pytest.approx(octaves)


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000])
def test_the_length_of_a_minimum_phase_response(rate):
    points = [(100, 6.0), (2000, -6.0)]
    whole = minimum_phase(points, rate)
    assert len(whole) == 1 << math.ceil(math.log2(0.25 * rate))
    assert len(minimum_phase(points, rate, 777)) == 777
    hz = np.geomspace(50, 0.45 * rate, 50)
    response = [np.sum(whole * np.exp(-2j * np.pi * f / rate * np.arange(len(whole)))) for f in hz]
    assert np.abs(20 * np.log10(np.abs(response)) - curve_db(points, hz)).max() < 0.1
    assert np.abs(whole[-8:]).max() < 1e-6, "it is faded out"
    assert np.abs(whole[: len(whole) // 20] ** 2).sum() > 0.99 * (whole**2).sum()


def test_gains_have_the_levels_asked_for_at_centres_and_between():
    centres, wanted = [200.0, 1000.0, 5000.0], [3.0, -5.0, 8.0]
    gains = gains_for(centres, wanted, 1.0, RATE)
    rows = [design_band("peaking", f, RATE, 1.0, g) for f, g in zip(centres, gains, strict=True)]
    for hz, level in zip(centres, wanted, strict=True):
        assert level_db(np.array(rows), hz) == pytest.approx(level, abs=0.01)
    between = gains_for(
        centres, [1.0, 1.0, 1.0, 1.0], [1.0, 1.5, 0.7], RATE, [200, 500, 2000, 5000]
    )
    rows = [
        design_band("peaking", f, RATE, q, g)
        for f, q, g in zip(centres, [1.0, 1.5, 0.7], between, strict=True)
    ]
    for hz in (200, 500, 2000, 5000):
        assert level_db(np.array(rows), hz) == pytest.approx(1.0, abs=0.8)
    assert gains_for([1000.0], [100.0], 1.0, RATE).tolist() == [40.0]
    assert gains_for([1000.0], [-100.0], 1.0, RATE).tolist() == [-40.0]
    assert gains_for([30_000.0], [6.0], 1.0, RATE) == pytest.approx([6.0], abs=0.01)


def test_fitted_bands_are_those_below_the_end_and_follow():
    made = fit_bands([(100, 6.0), (1000, 0.0), (6000, -6.0)], 22_050, 10)
    assert [hz for _, hz, _, _ in made] == [f for f in GRAPHIC_HZ[10] if f < 0.45 * 22_050]
    assert {kind for kind, *_ in made} == {"peaking"}
    assert len(fit_bands([(1000, 0.0)])) == 31
    assert [q for _, _, q, _ in made] == pytest.approx(
        [q_of_bandwidth(1.0, hz, 22_050) for _, hz, _, _ in made]
    )


# --- bands of a spectrum ----------------------------------------------------------------------------


def test_scales_and_their_limits():
    assert len(design_scale()) == 32
    assert design_scale().edges[[0, -1]] == pytest.approx([20.0, 20_000.0], rel=1e-12)
    made = design_scale("linear", 4, 100.0, 500.0)
    assert made.edges.tolist() == [100.0, 200.0, 300.0, 400.0, 500.0]
    assert made.centres == pytest.approx(np.sqrt([2e4, 6e4, 12e4, 20e4]))
    for bands in (1, 4096):
        assert len(design_scale(bands=bands)) == bands
    for fraction in (1, 24):
        assert len(design_scale("octave", fraction=fraction)) > 9
    for wrong, words in (
        ({"low_hz": 0.0}, "a range above 0"),
        ({"low_hz": 100.0, "high_hz": 100.0}, "a range above 0"),
        ({"scale": "x"}, "there are: octave, linear"),
        ({"bands": 0}, "give 1 to 4096"),
        ({"bands": 4097}, "give 1 to 4096"),
        ({"scale": "octave", "fraction": 0}, "give 1 to 24"),
        ({"scale": "octave", "fraction": 25}, "give 1 to 24"),
        ({"scale": "octave", "low_hz": 1100.0, "high_hz": 1200.0}, "no 1/3 octave band"),
    ):
        with pytest.raises(UsageError, match=words):
            design_scale(**wrong)


@pytest.mark.parametrize("fraction", [1, 2, 3, 12])
def test_octave_bands_touch_and_have_the_standards_middles(fraction):
    """IEC 61260-1: 1000 Hz is a middle for odd fractions, an edge for even ones."""
    made = design_scale("octave", fraction=fraction)
    ratio = 10 ** (0.3 / fraction)
    assert made.centres[1:] / made.centres[:-1] == pytest.approx(ratio)
    assert made.edges[1:] / made.edges[:-1] == pytest.approx(ratio)
    assert made.edges[:-1] * math.sqrt(ratio) == pytest.approx(made.centres)
    places = made.centres if fraction % 2 else made.edges
    assert np.abs(places - 1000.0).min() < 1e-6
    assert 0.985 * 20 <= made.centres[0] < 0.985 * 20 * ratio
    assert 1.015 * 20_000 / ratio < made.centres[-1] <= 1.015 * 20_000


def test_the_bandwidth_of_windows():
    """F. J. Harris, 1978, table 1: 1 for a rectangle, 1.5 for Hann."""
    assert noise_bandwidth(np.ones(64, np.float32)) == pytest.approx(1.0)
    assert noise_bandwidth(design_window("hann", 4096)) == pytest.approx(1.5, abs=1e-3)


def test_weights_take_bins_by_how_much_of_them_lies_within():
    """A wide band, by hand: bins of 10 Hz from 95 Hz to 303 Hz, divided by the bandwidth."""
    bands = Bands(np.array([95.0, 303.0]), np.array([170.0]))
    made = design_weights(bands, 4800, RATE)
    shares = np.ones(21)
    shares[-1] = (303.0 - 295.0) / 10.0
    assert (made.bins.tolist(), made.starts.tolist(), made.counts.tolist()) == ([10], [0], [21])
    assert made.weights.dtype == np.float32
    assert made.weights[:21] == pytest.approx(shares / 1.5, rel=1e-3)
    assert made.weights[21:].tolist() == [0.0] * 11, "up to whole vectors"


def test_a_sine_in_the_middle_of_a_narrow_band_reads_one():
    size = 1024
    step = RATE / size
    window = design_window("hann", size).astype(float)
    for width in (0.3, 1.0, 2.5, 5.0):
        for place in (20.0, 20.3, 20.5):
            low, high = (place - width / 2) * step, (place + width / 2) * step
            made = design_weights(
                Bands(np.array([low, high]), np.array([place * step])), size, RATE
            )
            n = np.arange(size)
            spectrum = np.fft.rfft(window * np.cos(2 * np.pi * place * n / size + 0.3))
            power = np.abs(spectrum / (window.sum() / 2)) ** 2
            count = made.counts[0]
            read = float((made.weights[:count] * power[made.bins[0] :][:count]).sum())
            assert read == pytest.approx(1.0, abs=0.03), (width, place)


def test_bands_at_and_beyond_the_end():
    size, step = 1024, RATE / 1024
    edges = np.array([0.2 * step, 0.9 * step, 511.2 * step, 512.6 * step, 600 * step])
    centres = np.sqrt(edges[:-1] * edges[1:])
    made = design_weights(Bands(edges, centres), size, RATE)
    assert (made.bins >= 0).all()
    last = made.bins[-2] + made.counts[-2] - 1
    assert last == 512, "the last bin is that of half the rate"
    assert not made.weights[made.starts[-1] :].any()
    assert made.starts.tolist() == [0, *np.cumsum(-(-made.counts // 16) * 16)[:-1]]
    with pytest.raises(UsageError, match="no window 'x'; there are"):
        design_weights(Bands(edges, centres), size, RATE, "x")


# --- ReplayGain ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tags", "mode", "wanted"),
    [
        ((-6.0, 0.9, 3.0, 0.8), "off", 1.0),
        ((-6.0, 0.9, 3.0, 0.8), "track", 10**-0.3),
        ((-6.0, 0.9, 3.0, 0.8), "album", 1 / 0.8),
        ((6.0, 0.4, None, None), "album", 10**0.3),
        ((None, None, -2.0, None), "track", 10**-0.1),
        ((None, 0.9, None, 0.5), "track", 1.0),
        ((0.0, 2.0, 3.0, 0.1), "track", 0.5),
        ((0.0, None, None, None), "track", 1.0),
    ],
)
def test_the_gain_of_tags(tags, mode, wanted):
    assert gain_for(GainTags(*tags), mode) == pytest.approx(wanted)


def test_an_unknown_mode_is_refused():
    with pytest.raises(UsageError, match="give one of off, track, album"):
        gain_for(GainTags(), "loud")


@pytest.mark.parametrize("bands", [12, 0, 10.0, "10", None])
def test_a_graphic_equaliser_has_10_15_or_31_bands(bands):
    for call in (graphic_q, lambda count: fit_bands([(100, 1.0)], 48_000, count)):
        with pytest.raises(UsageError, match="give 10, 15 or 31"):
            call(bands)
