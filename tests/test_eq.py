"""Designs, the equaliser and presets: against SciPy and formulas written a second time."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import music
from zerocross import Chain, SourceError, Stream, UsageError
from zerocross.compiler import target
from zerocross.dsp.parallel import design_parallel
from zerocross.eq import (
    KINDS,
    Equalizer,
    design_band,
    design_butterworth,
    design_linkwitz_riley,
    fit_bands,
    frequency_response,
    q_of_bandwidth,
    q_of_slope,
    read_preset,
)
from zerocross.eq.graphic import GRAPHIC_HZ, curve_db, minimum_phase
from zerocross.eq.presets import parse_preset
from zerocross.graph.program import run_program_over

RATE = 48_000
PRESETS = Path(__file__).parents[1].parent / "shared" / "presets"


def cookbook(kind, f, rate, q, gain):
    """The Audio EQ Cookbook once more, from its text."""
    w, a = 2 * np.pi * f / rate, 10 ** (gain / 40)
    alpha, c, r = np.sin(w) / (2 * q), np.cos(w), np.sqrt(10 ** (gain / 40))
    if kind == "PK":
        b, d = [1 + alpha * a, -2 * c, 1 - alpha * a], [1 + alpha / a, -2 * c, 1 - alpha / a]
    else:
        sign = 1 if kind == "LSC" else -1
        b = [
            a * ((a + 1) - sign * (a - 1) * c + 2 * r * alpha),
            sign * 2 * a * ((a - 1) - sign * (a + 1) * c),
            a * ((a + 1) - sign * (a - 1) * c - 2 * r * alpha),
        ]
        d = [
            (a + 1) + sign * (a - 1) * c + 2 * r * alpha,
            -sign * 2 * ((a - 1) + sign * (a + 1) * c),
            (a + 1) + sign * (a - 1) * c - 2 * r * alpha,
        ]
    return np.array([*b, *d]) / d[0]


def measured_db(processors, hz, rate, channel=0, length=1 << 17):
    """Return the level at frequencies of what an impulse becomes."""
    impulse = np.zeros((length, 2), np.float32)
    impulse[0] = 1.0
    out = Chain(*processors).render(impulse, sample_rate=rate)[:, channel].astype(float)
    spectrum = 20 * np.log10(np.abs(np.fft.rfft(out)) + 1e-30)
    return np.interp(hz, np.fft.rfftfreq(length, 1 / rate), spectrum)


# --- designs ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["lowpass", "highpass"])
@pytest.mark.parametrize("order", [1, 2, 3, 4, 5, 8, 13])
def test_butterworth_is_scipys(kind, order):
    hz = np.geomspace(10, 23_000, 200)
    for f in (80.0, 1000.0, 15_000.0):
        sos = design_butterworth(kind, order, f, RATE)
        theirs = scipy.signal.butter(order, f, kind, fs=RATE, output="sos")
        _, wanted = scipy.signal.sosfreqz(theirs, hz, fs=RATE)
        assert np.abs(frequency_response(sos, hz, RATE) - wanted).max() < 1e-9


@pytest.mark.parametrize("order", [2, 4, 6, 8])
def test_linkwitz_riley_adds_up_flat(order):
    hz = np.geomspace(10, 23_000, 300)
    low, high = (
        frequency_response(design_linkwitz_riley(kind, order, 1200.0, RATE), hz, RATE)
        for kind in ("lowpass", "highpass")
    )
    both = low - high if (order // 2) % 2 else low + high
    assert np.abs(np.abs(both) - 1).max() < 1e-9
    at = frequency_response(design_linkwitz_riley("lowpass", order, 1200.0, RATE), [1200.0], RATE)
    assert 20 * np.log10(abs(at[0])) == pytest.approx(-6.0206, abs=1e-6)


def test_impossible_designs_are_told():
    for call, words in (
        (lambda: design_butterworth("bandpass", 2, 100, RATE), "lowpass or highpass"),
        (lambda: design_butterworth("lowpass", 0, 100, RATE), "1 to 64"),
        (lambda: design_butterworth("lowpass", 3, 24_000, RATE), "between 0 and 24000"),
        (lambda: design_linkwitz_riley("lowpass", 3, 100, RATE), "an even one"),
        (lambda: design_band("peaking", math.nan, RATE), "finite"),
        (lambda: design_band("peaking", 100, RATE, definition="mine"), "'rbj' or 'webaudio'"),
        (lambda: q_of_slope(0.0, 6.0), "slope of 0"),
        (lambda: q_of_bandwidth(0.0, 100.0, RATE), "width above 0"),
    ):
        with pytest.raises(UsageError, match=words):
            call()


def test_bandwidth_and_slope():
    """Half the gain is at the edges of a peaking band of so many octaves."""
    for octaves in (0.3, 1.0, 2.0):
        q = q_of_bandwidth(octaves, 1000.0, RATE)
        row = design_band("peaking", 1000.0, RATE, q, 12.0)
        edges = [1000 * 2 ** (-octaves / 2), 1000 * 2 ** (octaves / 2)]
        levels = 20 * np.log10(np.abs(frequency_response([row], edges, RATE)))
        assert np.abs(levels - 6.0).max() < 0.25
    assert q_of_slope(1.0, 6.0) == pytest.approx(math.sqrt(0.5))


# --- the equaliser ------------------------------------------------------------------------------


def test_all_bands_are_heard():
    """The seed's parallel equaliser put out its last band only."""
    bands = [("peaking", f, 1.0, g) for f, g in ((100, 6), (1000, -9), (8000, 4))]
    hz = np.array([100.0, 1000.0, 8000.0])
    wanted = sum(
        20 * np.log10(np.abs(frequency_response([design_band(k, f, RATE, q, g)], hz, RATE)))
        for k, f, q, g in bands
    )
    assert np.abs(measured_db([Equalizer(bands)], hz, RATE) - wanted).max() < 0.01
    assert (np.abs(wanted) > 3).all()


def test_channels_have_bands_of_their_own():
    equalizer = Equalizer.of_channels(
        [
            ([("peaking", 1000, 1, 6)], -3.0),
            ([("highshelf", 3000, 0.7, -6), ("notch", 50, 5, 0)], 0.0),
        ]
    )
    signal = music(20_000)
    out = Chain(equalizer).render(signal, RATE)
    for c, (bands, trim) in enumerate(
        [
            ([("peaking", 1000, 1, 6)], -3.0),
            ([("highshelf", 3000, 0.7, -6), ("notch", 50, 5, 0)], 0.0),
        ]
    ):
        sos = [design_band(k, f, RATE, q, g) for k, f, q, g in bands]
        wanted = scipy.signal.sosfilt(sos, signal[:, c].astype(float)) * 10 ** (trim / 20)
        assert np.abs(out[:, c] - wanted).max() < 2e-6
    assert not equalizer.is_linked
    equalizer.set_band(0, gain_db=0.0, channel=0)
    assert equalizer.bands[0][3] == 0.0
    with pytest.raises(UsageError, match="no bands of its own"):
        Equalizer().set_band(0, gain_db=1.0, channel=1)
    with pytest.raises(UsageError, match="for 2 channels in a chain of 1"):
        Chain(equalizer).render(signal[:, 0], RATE)


def test_the_automatic_preamp_follows_the_true_response():
    equalizer = Equalizer([("peaking", 1000, 1, 6), ("peaking", 1100, 1, 6)], preamp_db="auto")
    sos = equalizer.sos(RATE)
    _, response = scipy.signal.sosfreqz(sos, np.geomspace(20, 23_000, 20_000), fs=RATE)
    highest = 20 * np.log10(np.abs(response).max())
    assert highest > 10, "two peaks side by side add up"
    assert equalizer.preamp_db == pytest.approx(-highest, abs=0.01)
    assert equalizer.headroom_db == pytest.approx(0.0, abs=0.01)
    equalizer.set_band(1, gain_db=-6.0)
    assert equalizer.headroom_db == pytest.approx(0.0, abs=0.01)
    cut = Equalizer([("peaking", 1000, 1, -6)], preamp_db="auto")
    assert cut.preamp_db == 0.0 and cut.headroom_db == pytest.approx(0.0, abs=0.01)


def test_all_bands_change_at_once_within_the_room_there_is():
    wanted = [("peaking", 100.0, 1.0, 6.0), ("highshelf", 8000.0, 0.7, -4.0)]
    equalizer = Equalizer([], room=8, engine="cascade")
    steady = 0.5 * np.sin(2 * np.pi * 100 * np.arange(RATE) / RATE)
    chain = Chain(equalizer)
    with chain.rendering(RATE, 1) as program:
        out = np.zeros((1, RATE), np.float32)
        data = steady[None].astype(np.float32)
        for start in range(0, RATE, 512):
            if start == 512 * 20:
                equalizer.set_bands(wanted, -3.0)
            count = min(512, RATE - start)
            at = (4 * start + array.ctypes.data for array in (data, out))
            run_program_over(program.record.address, *at, RATE, count)
    assert np.array_equal(out[0, : 512 * 20], data[0, : 512 * 20])
    level = float(equalizer.response_db([100.0], RATE)[0])
    assert level == pytest.approx(3.0, abs=0.02)
    assert np.abs(out[0, -4800:]).max() == pytest.approx(0.5 * 10 ** (level / 20), rel=1e-3)
    assert np.abs(np.diff(out[0])).max() < 1.05 * 0.5 * 10 ** (level / 20) * 2 * np.pi * 100 / RATE
    assert equalizer.bands == wanted
    equalizer.set_bands([])
    assert equalizer.bands == [] and equalizer.response_db([100.0])[0] == -3.0
    for bands, words in (([wanted[0]] * 9, "room=9"), ([("peak", 1, 1, 1)], "peak")):
        with pytest.raises(UsageError, match=words):
            equalizer.set_bands(bands)
    assert equalizer.bands == []
    with pytest.raises(UsageError, match="of their own"):
        Equalizer.of_channels([([], 0.0), ([], 0.0)]).set_bands([])


def test_bypass_lets_everything_pass_and_back():
    equalizer = Equalizer([("peaking", 1000, 1, 12)], preamp_db=-6.0)
    equalizer.bypass = True
    signal = music(9_600)
    assert np.abs(Chain(equalizer).render(signal, RATE) - signal).max() < 1e-6
    equalizer.bypass = False
    assert np.abs(Chain(equalizer).render(signal, RATE) - signal).max() > 0.1


def test_many_changes_in_a_row_do_not_wait_and_the_last_one_counts():
    equalizer = Equalizer([("peaking", 1000, 1, 0)])
    chain = Chain(equalizer)
    with Stream(chain, device="null", block_size=64):
        for gain in range(1, 200):
            equalizer.set_band(0, gain_db=0.1 * gain)
        equalizer.set_band(0, gain_db=-6.0)
        from conftest import wait_for

        wait_for(lambda: equalizer._filters.is_settled, what="the fade")
        assert np.array_equal(equalizer._filters.heard_taps, equalizer._taps())


@pytest.mark.parametrize("bands", [10, 15, 31])
def test_graphic_bands_have_the_levels_asked_for(bands):
    gains = np.random.default_rng(bands).uniform(-6, 6, bands)
    equalizer = Equalizer.graphic(bands, gains)
    found = equalizer.response_db(GRAPHIC_HZ[bands], RATE)
    assert np.abs(found - gains).max() < 0.01
    assert len(Equalizer.graphic(bands).bands) == bands
    for wrong in ([0.0] * (bands - 1), [30.0] * bands):
        with pytest.raises(UsageError, match="gains of up to 24"):
            Equalizer.graphic(bands, wrong)
    with pytest.raises(UsageError, match="10, 15 or 31"):
        Equalizer.graphic(12)


def test_bands_beyond_half_the_rate_let_everything_pass():
    signal = music(2_000, 1)[:, 0]
    out = Chain(Equalizer([("peaking", 20_000, 1, 12)])).render(signal, sample_rate=32_000)
    assert np.abs(out - signal).max() < 1e-6


@pytest.mark.parametrize(("bands", "channels"), [(7, 2), (31, 2), (9, 3)])
def test_both_engines_give_the_same(bands, channels):
    hz = np.geomspace(25, 18_000, bands)
    gains = np.random.default_rng(bands).uniform(-9, 9, bands)
    made = [("peaking", f, 2.0, g) for f, g in zip(hz, gains, strict=True)]
    signal = music(20_000, channels)
    wanted = scipy.signal.sosfilt(
        [design_band(k, f, RATE, q, g) for k, f, q, g in made], signal.astype(float), axis=0
    )
    for engine in ("cascade", "parallel"):
        equalizer = Equalizer(made, engine=engine)
        assert equalizer.engine == engine
        out = Chain(equalizer).render(signal, RATE)
        assert 20 * np.log10(np.abs(out - wanted).max() / np.abs(wanted).max()) < -125
        assert np.array_equal(
            Chain(Equalizer(made, engine=engine)).render(signal, RATE, block_size=77), out
        )


def test_a_plain_gain_is_taken_into_the_parallel_form():
    bands = [design_band("peaking", f, RATE, 1.0, 6.0) for f in (100.0, 1000.0)]
    alone, louder = design_parallel(bands), design_parallel([[2.0, 0, 0, 1, 0, 0], *bands])
    numerators = np.abs(louder - 2 * alone) <= 1e-12 * np.abs(alone)
    assert numerators[0] and np.count_nonzero(numerators & (alone != 0)) == 1 + 2 * len(bands)
    assert np.allclose(louder[~numerators], alone[~numerators], rtol=1e-12)


def test_the_engine_is_chosen_and_changes_while_it_plays():
    assert Equalizer(8).engine == "cascade" and Equalizer(9).engine == "parallel"
    twice = [("peaking", 1000, 1.0, 6.0)] * 9
    assert Equalizer(twice).engine == "cascade", "bands that share poles have no parallel form"
    assert Equalizer([("peaking", 1e3, 1, 3)] * 2, engine="parallel").engine == "cascade"
    assert design_parallel([[1.0, 0, 0, 1, 0, 0]]) is None
    equalizer = Equalizer([("peaking", 100.0 * 2**k, 1.0, 0.5 * k) for k in range(7)] * 1)
    chain = Chain(equalizer)
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(48_000) / RATE)
    program = chain.prepare(RATE, 1)
    from zerocross.graph.program import run_program_over

    rows, out = tone[None].astype(np.float32), np.zeros((1, 48_000), np.float32)
    for k, start in enumerate(range(0, 48_000, 4_800)):
        equalizer._engine = ("cascade", "parallel")[k % 2]
        equalizer.set_band(3, gain_db=float(k % 3))
        at = 4 * start
        run_program_over(
            program.record.address, rows.ctypes.data + at, out.ctypes.data + at, 48_000, 4_800
        )
    splash = scipy.signal.sosfilt(
        scipy.signal.butter(8, 4000, "highpass", fs=RATE, output="sos"), out[0].astype(float)
    )
    assert 20 * np.log10(np.abs(splash[2_000:]).max()) < -70, "no click"


def noise_of_float32(bands, frames=4 * RATE):
    """How far float32 is from float64 (RMS, in dBFS) for noise at -20 dBFS."""
    signal = (0.1 * np.random.default_rng(1).standard_normal(frames)).astype(np.float32)
    wide, narrow = (
        Equalizer(bands, engine="cascade", precision=each).apply(signal, RATE)
        for each in ("float64", "float32")
    )
    return 10 * np.log10(np.mean((narrow.astype(np.float64) - wide) ** 2))


def test_float32_is_quiet_for_usual_bands_and_loud_for_low_narrow_ones():
    """The figures of docs/eq.md."""
    hz = [60, 170, 310, 600, 1000, 3000, 6000, 12_000]
    gains = [3, -2, 4, -5, 2, 3, -4, 5]
    usual = [("peaking", f, 1.0, g) for f, g in zip(hz, gains, strict=True)]
    assert noise_of_float32(usual) == pytest.approx(-100, abs=2)
    assert noise_of_float32([("peaking", 20, 10, 12)]) == pytest.approx(-74, abs=3)
    assert noise_of_float32([("peaking", 1000, 1, 6)]) == pytest.approx(-137, abs=2)


def test_a_chain_in_float32_has_the_bits_of_apply_and_changes_without_a_click():
    bands = [("peaking", 100.0 * 1.5**k, 1.0, 3.0) for k in range(11)]
    signal = music(5_000)
    one = Equalizer(bands, precision="float32")
    assert one.engine == "cascade", "more than eight, too"
    out = one.apply(signal, RATE)
    assert np.array_equal(Chain(one).render(signal, RATE, block_size=77), out)
    assert not np.array_equal(Equalizer(bands, engine="cascade").apply(signal, RATE), out)
    with Chain(one).rendering(RATE, 2):
        one.set_band(0, gain_db=-3.0)
        assert one._filters.arrays["pending"][1][0, 0] == 0.0, "the new one is a cascade, too"


@pytest.mark.thorough
def test_only_an_equaliser_in_float32_has_its_code():
    """Vectors of float32 in the cascade: none in the one, none of float64 beside them in the other."""
    chosen = target.WEB["wasm-simd"]
    wide, narrow = (
        Equalizer(precision=each).unproven(RATE, 2, 512).entry.emit(chosen)
        for each in ("float64", "float32")
    )
    assert "<8 x double>" in wide.ir and "<8 x float>" not in wide.ir
    assert "fmul <8 x float>" in narrow.ir and "fmul <8 x double>" not in narrow.ir
    assert len(narrow.object_code) < len(wide.object_code)


def test_precisions_that_there_are_not():
    with pytest.raises(UsageError, match="precision='float16': give 'float64' or 'float32'"):
        Equalizer(precision="float16")
    with pytest.raises(UsageError, match="engine='parallel' is in float64"):
        Equalizer(engine="parallel", precision="float32")


def test_a_kind_of_equaliser_is_in_float64():
    """Its process is its own, and would not be heard."""

    class Mine(Equalizer):
        pass

    assert Mine().engine == "cascade"
    with pytest.raises(UsageError, match="precision='float32' is for Equalizer, not Mine"):
        Mine(precision="float32")


@pytest.mark.parametrize("bands", [8, 20])
def test_many_channels_offline_on_threads(bands):
    hz = np.geomspace(30, 17_000, bands)
    equalizer = Equalizer([("peaking", f, 2.0, 5.0 * (-1) ** k) for k, f in enumerate(hz)], -3.0)
    signal = music(20_001, 13)
    out = equalizer.apply(signal)
    for threads in (1, 3):
        assert np.array_equal(equalizer.apply(signal, threads=threads), out)
    wanted = scipy.signal.sosfilt(equalizer.sos(RATE), signal.astype(float), axis=0)
    assert np.abs(out - wanted * 10 ** (-3 / 20)).max() < 1e-5
    assert np.array_equal(out[:, :2], Chain(equalizer).render(signal[:, :2], RATE)), "the same bits"
    assert equalizer.apply(signal[:, 0]).shape == (20_001,)
    own = Equalizer.of_channels([([("peaking", 1000, 1, g)], 0.0) for g in (3, -3, 6)])
    assert own.apply(signal[:, :3]).shape == (20_001, 3)
    for wrong in (np.full(4, np.nan), np.zeros((2, 2, 2))):
        with pytest.raises(UsageError, match="finite"):
            equalizer.apply(wrong)
    with pytest.raises(UsageError, match="3 channels, a signal of 2"):
        own.apply(signal[:, :2])


# --- curves -------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [44_100, 48_000, 96_000])
def test_minimum_phase_has_the_curve_and_no_delay(rate):
    points = [(20, -3), (100, 4), (1000, -6), (5000, 2), (20_000, -10)]
    response = minimum_phase(points, rate)
    hz = np.geomspace(30, 20_000, 400)
    found = np.interp(
        hz,
        np.fft.rfftfreq(1 << 18, 1 / rate),
        20 * np.log10(np.abs(np.fft.rfft(response, 1 << 18))),
    )
    assert np.abs(found - curve_db(points, hz)).max() < 0.3
    energy = np.cumsum(response**2)
    assert energy[64] > 0.8 * energy[-1], "the energy comes at once"


def test_bands_follow_a_curve():
    points = [(20, -3), (100, 4), (1000, -4), (5000, 2), (20_000, -6)]
    bands = fit_bands(points, RATE, 31)
    sos = [design_band(k, f, RATE, q, g) for k, f, q, g in bands]
    hz = np.geomspace(30, 15_000, 200)
    found = 20 * np.log10(np.abs(frequency_response(sos, hz, RATE)))
    assert np.abs(found - curve_db(points, hz)).max() < 1.0


# --- presets ------------------------------------------------------------------------------------

APO = """# a comment
Preamp: -6.5 dB
Filter 1: ON PK Fc 100 Hz Gain 3.0 dB Q 1.41
Filter 2: OFF PK Fc 200 Hz Gain 3.0 dB Q 1.41
Filter 3: ON PEQ Fc 1,5 kHz Gain -2,5 dB BW Oct 1,0
Filter: ON LSC Fc 105 Hz Gain 5 dB Q 0.7
Filter: ON HS 12 dB Fc 8000 Hz Gain -4 dB
Filter: ON LS Fc 60 Hz Gain 3 dB
Filter: ON LP Fc 18,000 Hz
Filter: ON HPQ Fc 15 Hz Q 0.9
Filter: ON BP Fc 500 Hz Q 0.5
Filter: ON NO Fc 50 Hz
Filter: ON AP Fc 900 Hz Q 0.7
Filter: ON XX Fc 900 Hz
Filter: ON PK Gain 3 dB Q 1
Filter: ON PK Fc 900 Hz Gain 300 dB Q 1
Channel: L
Preamp: -1
Filter: ON PK Fc 50 Hz Gain 2 dB Q 1
Channel: all
Delay: 10 ms
Nonsense
GraphicEQ: 20 0; 100 -3.5; 20000 1
"""


def test_every_line_is_applied_or_reported():
    preset = parse_preset(APO)
    left, right = preset.settings(0), preset.settings(1)
    assert left.preamp_db == -7.5 and right.preamp_db == -6.5
    assert len(left.bands) == len(right.bands) + 1 == 11
    assert left.curves == right.curves == [[(20, 0), (100, -3.5), (20_000, 1)]]
    kinds = [kind for kind, *_ in right.bands]
    assert kinds == [
        *("peaking", "peaking", "lowshelf", "highshelf", "lowshelf", "lowpass", "highpass"),
        *("bandpass", "notch", "allpass"),
    ]
    assert right.bands[1][1] == 1500 and right.bands[1][3] == -2.5
    assert right.bands[1][2] == pytest.approx(q_of_bandwidth(1.0, 1500, RATE))
    assert right.bands[5][1:3] == (18_000, pytest.approx(math.sqrt(0.5)))
    assert right.bands[8][2] == 30.0
    assert right.bands[4][1] == 60.0, "without a width it is not moved"
    reasons = {skipped.number: skipped.reason for skipped in preset.skipped}
    assert left.delay_frames == right.delay_frames == 480
    assert set(reasons) == {4, 14, 15, 16, 22}
    assert "switched off" in reasons[4] and "not supported" in reasons[14]
    assert "no frequency" in reasons[15] and "beyond 60 dB" in reasons[16]
    assert "not a command" in reasons[22]
    assert str(preset.skipped[0]).startswith("preset:4: ")


def test_channels_are_named_or_numbered():
    names = {"L": 0, "R": 1, "C": 2, "LFE": 3, "SUB": 3, "RL": 4, "RR": 5, "SL": 6, "SR": 7}
    numbers = {str(k + 1): k for k in range(8)}
    for name, channel in (names | numbers).items():
        preset = parse_preset(f"Channel: {name.lower()}\nPreamp: -3\nChannel: ALL\nPreamp: -1\n")
        found = [preset.settings(c).preamp_db for c in range(9)]
        assert found == [-4.0 if c == channel else -1.0 for c in range(9)], name
        assert not preset.skipped
    both = parse_preset("Channel: R 8\nPreamp: -3\n")
    assert [both.settings(c).preamp_db for c in (0, 1, 7)] == [0.0, -3.0, -3.0]


@pytest.mark.parametrize("name", ["9", "0", "10", "-1", "", "left", "L Q"])
def test_a_channel_that_there_is_not_is_told(name):
    """What follows is said of those that there are, and not of the channels before."""
    preset = parse_preset(f"Channel: L\nChannel: {name}\nPreamp: -3\n")
    (skipped,) = preset.skipped
    assert skipped.number == 2
    assert skipped.reason.endswith("names no channel")
    heard = -3.0 if name == "L Q" else 0.0
    assert [preset.settings(c).preamp_db for c in (0, 1, 8)] == [heard, 0.0, 0.0]


@pytest.mark.parametrize(
    "coding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1"]
)
def test_every_coding_is_read(tmp_path, coding):
    path = tmp_path / "préset.txt"
    text = "# höhen\r\nPreamp: -6,1 dB\r\nFilter: ON PK Fc 105 Hz Gain 6,4 dB Q 0,70\r\n"
    raw = text.encode(coding)
    if coding == "utf-16-be":
        raw = b"\xfe\xff" + raw
    path.write_bytes(raw)
    settings_ = read_preset(path).settings()
    assert settings_.preamp_db == -6.1
    assert settings_.bands == [("peaking", 105.0, 0.7, 6.4)]


def test_includes_are_followed_and_end(tmp_path):
    (tmp_path / "a.txt").write_text("Include: sub\\b.txt\nInclude: missing.txt\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.txt").write_text("Preamp: -3 dB\nInclude: b.txt\n")
    preset = read_preset(tmp_path / "a.txt")
    assert preset.settings().preamp_db == -3.0
    assert any("includes itself" in s.reason for s in preset.skipped)
    assert any("missing.txt" in s.reason for s in preset.skipped)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"hello\n", "not a command"),
        (b"", "the file is empty"),
        (b"x" * (2 << 20), "longer than 1 MiB"),
    ],
)
def test_what_is_no_preset_is_told(tmp_path, content, words):
    path = tmp_path / "x.txt"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=words):
        read_preset(path)
    with pytest.raises(SourceError, match="no such file"):
        read_preset(tmp_path / "no.txt")


WORDS = st.sampled_from(
    [
        *("Preamp:", "Filter 1:", "Filter:", "GraphicEQ:", "Channel:", "Include:", "ON", "OFF"),
        *(
            "PK",
            "LSC",
            "HS",
            "NO",
            "LP",
            "Fc",
            "Gain",
            "Q",
            "BW Oct",
            "Hz",
            "dB",
            "kHz",
            ";",
            "all",
        ),
        *("L", "-6.1", "1e308", "nan", "1,000", "0", "-0", "9" * 400, "12 dB", "..", "\x00", "é"),
    ]
)
LINES = st.lists(
    st.one_of(
        st.lists(WORDS, max_size=9).map(" ".join),
        st.text(st.characters(codec="utf-8"), max_size=40),
        st.builds(
            "Filter: ON {} Fc {} Hz Gain {} dB Q {}".format,
            st.sampled_from(["PK", "LS", "HSC", "LPQ", "NO"]),
            *[st.floats(-1e6, 1e6) for _ in range(3)],
        ),
    ),
    max_size=12,
)


def never_crashes(lines):
    for line in lines:
        preset = parse_preset(line)
        pieces = line.replace("\r", "\n").split("\n")
        meant = [p.replace("\0", "").strip().lstrip("\ufeff") for p in pieces]
        meant = [p for p in meant if p and not p.startswith("#")]
        channels = sum(p.lower().startswith("channel") for p in meant)
        assert len(preset._said) + len(preset.skipped) >= len(meant) - channels
    whole = parse_preset("\n".join(lines))
    for channel in range(2):
        one = whole.settings(channel)
        hz = np.geomspace(20, 20_000, 16)
        assert np.isfinite(one.response_db(hz)).all()
        for kind, f, q, gain in one.bands:
            assert kind in KINDS and 0.1 <= f < 4e6 and 0.005 < q < 2000 and abs(gain) <= 60


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(LINES)
def test_no_preset_crashes_or_is_silent(lines):
    never_crashes(lines)


@pytest.mark.soak
@pytest.mark.timeout(1800)
@settings(max_examples=10_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(LINES)
def test_ten_thousand_presets_do_not_crash(lines):
    never_crashes(lines)


def real_presets(pattern):
    found = sorted(PRESETS.glob(pattern)) if PRESETS.is_dir() else []
    return found or [pytest.param(None, marks=pytest.mark.skip(reason="no presets beside"))]


@pytest.mark.parametrize("path", [*real_presets("*ParametricEQ*"), *real_presets("*FixedBand*")])
@pytest.mark.parametrize("rate", [44_100, 48_000, 96_000])
def test_real_presets_have_scipys_response(path, rate):
    preamp, rows = 0.0, []
    for line in path.read_text().splitlines():
        words = line.split()
        if words[0] == "Preamp:":
            preamp = float(words[1])
        else:
            kind, f, gain, q = words[3], float(words[5]), float(words[8]), float(words[11])
            rows.append(cookbook(kind, f, rate, q, gain))
    hz = np.geomspace(20, 20_000, 300)
    _, wanted = scipy.signal.sosfreqz(np.array(rows), hz, fs=rate)
    found = measured_db(read_preset(path).processors(), hz, rate)
    assert np.abs(found - (20 * np.log10(np.abs(wanted)) + preamp)).max() < 0.05
    assert read_preset(path).skipped == []


@pytest.mark.parametrize("path", real_presets("*GraphicEQ*"))
@pytest.mark.parametrize("rate", [44_100, 48_000, 96_000])
def test_real_curves_are_followed(path, rate):
    pairs = [p.split() for p in path.read_text().partition(":")[2].split(";")]
    points = np.array(pairs, float)
    hz = np.geomspace(30, min(20_000, points[-1, 0]), 300)
    wanted = np.interp(np.log(hz), np.log(points[:, 0]), points[:, 1])
    found = measured_db(read_preset(path).processors(), hz, rate)
    assert np.abs(found - wanted).max() < 0.3
    fitted = measured_db(
        read_preset(path).processors(fitted=True, sample_rate=rate), hz[hz < 15_000], rate
    )
    assert np.abs(fitted - wanted[hz < 15_000]).max() < 1.5


def test_the_grid_of_a_peak_reaches_from_nothing_to_the_nyquist_frequency():
    from zerocross.eq.peak import peak_grid

    grid = peak_grid(np.array([[1.0, 0.0, 0.0, 1.0, 0.0, 0.0]]), 48_000.0)
    assert (grid.min(), grid.max()) == (0.0, 24_000.0)
