"""The effects that come along, each against an oracle, in any split."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
import scipy.signal

from conftest import music, wait_for
from zerocross import Chain, Player, UsageError
from zerocross.effects import (
    Balance,
    Compressor,
    Convolver,
    Delay,
    Gain,
    Gate,
    Limiter,
    Meter,
    Oscillator,
    Pan,
    Reverb,
    Sampler,
    TapPoint,
)
from zerocross.eq import KINDS, Equalizer, design_band, frequency_response
from zerocross.graph.program import run_program_over

RATE = 48_000
SIGNAL = music(24_000)
SPLITS = [1, 63, 64, 1000, 4096]


def playing_sampler():
    """Return a sampler that has notes to play."""
    sampler = Sampler(music(4_800, 1)[:, 0], note=60)
    for k in range(6):
        sampler.note_on(60 + 5 * k, 0.5 + 0.05 * k, at=1_000 * k + 7)
        sampler.note_off(60 + 5 * k, at=1_000 * k + 3_333)
    return sampler


def playing_oscillator():
    """Return an oscillator that has notes to play."""
    oscillator = Oscillator("saw", notes=True)
    for k in range(6):
        oscillator.note_on(50 + 5 * k, 0.5 + 0.05 * k, at=1_500 * k + 1)
        oscillator.note_off(50 + 5 * k, at=1_500 * k + 5_001)
    return oscillator


EVERY = {
    "gain": lambda: Gain(gain_db=-6.0),
    "pan": lambda: Pan(pan=0.3),
    "mono pan": lambda: Pan(mono=True, pan=-0.3),
    "balance": lambda: Balance(balance=0.3),
    "compressor": lambda: Compressor(threshold_db=-30.0),
    "gate": lambda: Gate(threshold_db=-20.0, hysteresis_db=6.0),
    "limiter": lambda: Limiter(-6.0),
    "true-peak limiter": lambda: Limiter(-6.0, true_peak=True),
    "delay": lambda: Delay(time_s=0.05, feedback=0.5),
    "reverb": lambda: Reverb(),
    "oscillator": lambda: Oscillator(frequency=997.0),
    "square": lambda: Oscillator("square", frequency=997.0),
    "convolver": lambda: Convolver(np.exp(-np.arange(3000) / 400.0), gain_db=-30.0),
    "sampler": playing_sampler,
    "notes": playing_oscillator,
    "meter": lambda: Meter(),
    "tap": lambda: TapPoint(),
    "equalizer": lambda: Equalizer([("peaking", 1000, 1, 6), ("lowshelf", 100, 0.7, -4)]),
}


@pytest.mark.parametrize("name", EVERY)
def test_any_split_gives_the_same_bits(name):
    make = EVERY[name]
    whole = Chain(make()).render(SIGNAL, RATE)
    assert np.isfinite(whole).all()
    assert np.abs(whole).max() > 0.01
    for block in SPLITS:
        assert np.array_equal(Chain(make()).render(SIGNAL, RATE, block_size=block), whole), block


def run_on(program, signal):
    """Return what a prepared chain gives, from where it is."""
    rows = np.ascontiguousarray(signal.T)
    out = np.zeros_like(rows)
    run_program_over(
        program.record.address, rows.ctypes.data, out.ctypes.data, rows.shape[1], rows.shape[1]
    )
    return out


@pytest.mark.parametrize(
    "name", [name for name in EVERY if name not in ("sampler", "notes")]
)  # whose notes are over
def test_a_reset_effect_gives_the_same_bits_again(name):
    one = EVERY[name]()
    chain = Chain(one)
    program = chain.prepare(RATE, 2)
    first = run_on(program, SIGNAL)
    run_on(program, 2 * SIGNAL)
    run_on(program, SIGNAL[:777])
    chain.reset()
    assert np.array_equal(run_on(program, SIGNAL), first)


def test_a_reset_equaliser_keeps_its_bands():
    """Also those that were set last, and in the middle of their fade."""
    one = Equalizer([("peaking", 1000, 1, 6)])
    chain = Chain(one)
    program = chain.prepare(RATE, 2)
    run_on(program, SIGNAL)
    one.set_band(0, gain_db=-9.0)
    run_on(program, SIGNAL[:500])
    chain.reset()
    fresh = Chain(Equalizer([("peaking", 1000, 1, -9)])).prepare(RATE, 2)
    assert np.array_equal(run_on(program, SIGNAL), run_on(fresh, SIGNAL))


@pytest.mark.parametrize("name", ["compressor", "delay", "equalizer"])
def test_mono_is_one_channel_of_a_pair(name):
    twice = np.repeat(SIGNAL[:, :1], 2, axis=1)
    both = Chain(EVERY[name]()).render(twice, RATE)
    assert np.array_equal(both[:, 0], Chain(EVERY[name]()).render(SIGNAL[:, 0], RATE))


def test_gain():
    out = Chain(Gain(gain_db=-6.0)).render(SIGNAL, RATE)
    assert np.allclose(out, SIGNAL * 10 ** (-6 / 20), atol=1e-7)
    assert np.array_equal(Chain(Gain()).render(SIGNAL, RATE), SIGNAL)


def web_audio_pan(signal, pan):
    """The algorithm of the Web Audio API's StereoPannerNode for two channels."""
    left, right = signal.T.astype(np.float64)
    x = (pan + 1 if pan <= 0 else pan) * np.pi / 2
    if pan <= 0:
        return np.stack([left + right * np.cos(x), right * np.sin(x)], axis=1)
    return np.stack([left * np.cos(x), right + left * np.sin(x)], axis=1)


def power(x):
    return float(np.sum(x.astype(np.float64) ** 2))


def test_pan_moves_each_side_and_keeps_its_power():
    assert np.array_equal(Chain(Pan()).render(SIGNAL, RATE), SIGNAL)
    for pan in (-1.0, -0.5, 0.25, 1.0):
        out = Chain(Pan(pan=pan)).render(SIGNAL, RATE)
        assert np.abs(out - web_audio_pan(SIGNAL, pan)).max() < 1e-6
        for side in (0, 1):
            alone = SIGNAL * (np.arange(2) == side)
            assert power(Chain(Pan(pan=pan)).render(alone, RATE)) == pytest.approx(power(alone))
    right = SIGNAL * [0.0, 1.0]
    out = Chain(Pan(pan=-1.0)).render(right, RATE)
    assert np.allclose(out, right[:, ::-1], atol=1e-7), "heard on the left, not lost"


def test_a_mono_source_is_as_loud_on_every_place():
    for pan in (-1.0, -0.5, 0.0, 0.25, 1.0):
        left, right = Chain(Pan(mono=True, pan=pan)).render(np.ones((100, 2)), RATE)[0]
        assert left == pytest.approx(np.cos((pan + 1) * np.pi / 4), abs=1e-6)
        assert left**2 + right**2 == pytest.approx(1.0, abs=1e-6)


def test_balance_turns_one_side_down():
    assert np.array_equal(Chain(Balance()).render(SIGNAL, RATE), SIGNAL)
    for balance in (-1.0, -0.5, 0.25, 1.0):
        left, right = Chain(Balance(balance=balance)).render(np.ones((100, 2)), RATE)[0]
        angle = (balance + 1) * np.pi / 4
        assert left == pytest.approx(min(1, np.sqrt(2) * np.cos(angle)), abs=1e-6)
        assert right == pytest.approx(min(1, np.sqrt(2) * np.sin(angle)), abs=1e-6)


@pytest.mark.parametrize("make", [Pan, lambda pan: Pan(mono=True, pan=pan)])
def test_panning_leaves_one_channel_and_those_beyond_two(make):
    mono = SIGNAL[:, :1]
    assert np.array_equal(Chain(make(pan=0.7)).render(mono, RATE), mono)
    four = np.repeat(SIGNAL, 2, axis=1)
    assert np.array_equal(Chain(make(pan=0.7)).render(four, RATE)[:, 2:], four[:, 2:])


def compress(x, threshold, ratio, knee, attack, release, makeup=0.0):
    """Giannoulis, Massberg and Reiss, in NumPy."""
    level = 20 * np.log10(np.maximum(np.abs(x).max(axis=1), 1e-9))
    over = level - threshold
    slope = 1 / ratio - 1
    wanted = np.where(
        2 * over > knee,
        slope * over,
        np.where(2 * over > -knee, slope * (over + knee / 2) ** 2 / (2 * knee), 0.0),
    )
    poles = np.exp(-1000 / (np.array([attack, release]) * RATE))
    gains, state = np.zeros(len(x)), 0.0
    for i, want in enumerate(wanted):
        pole = poles[0] if want < state else poles[1]
        state = want + pole * (state - want)
        gains[i] = state
    return x * 10 ** ((gains + makeup) / 20)[:, None]


def test_the_compressor_is_its_formula():
    options = {"threshold_db": -30.0, "ratio": 6.0, "knee_db": 8.0, "makeup_db": 3.0}
    one = Compressor(**options, attack_ms=2.0, release_ms=40.0)
    out = Chain(one).render(SIGNAL, RATE)
    expected = compress(SIGNAL, -30.0, 6.0, 8.0, 2.0, 40.0, 3.0)
    assert np.abs(out - expected).max() < 2e-6
    assert one.reduction_db < 0
    assert np.array_equal(Chain(Compressor(ratio=1.0)).render(SIGNAL, RATE), SIGNAL)


def test_the_compressors_static_curve():
    for level in (-60, -40, -20, 0):
        tone = 10 ** (level / 20) * np.ones(RATE)
        out = Chain(Compressor(threshold_db=-30.0, ratio=4.0, knee_db=0.0)).render(tone, RATE)
        wanted = level if level < -30 else -30 + (level + 30) / 4
        assert 20 * np.log10(out[-1]) == pytest.approx(wanted, abs=0.01)


@pytest.mark.parametrize("knee", [0.0, 6.0, 12.0, 40.0])
def test_the_knee_bends_as_wide_as_it_is_told(knee):
    """Below, within and above: at its ends it meets the straight lines, in the middle an eighth."""
    threshold, ratio = -40.0, 5.0
    for over in (-knee / 2 - 1, -knee / 2, -knee / 4, 0.0, knee / 4, knee / 2, knee / 2 + 1):
        tone = 10 ** ((threshold + over) / 20) * np.ones(RATE)
        one = Compressor(threshold_db=threshold, ratio=ratio, knee_db=knee)
        out = Chain(one).render(tone, RATE)
        bent = (over + knee / 2) ** 2 / (2 * knee) if 2 * abs(over) < knee else max(0.0, over)
        wanted = threshold + over + (1 / ratio - 1) * bent
        assert 20 * np.log10(out[-1]) == pytest.approx(wanted, abs=1e-3), over
        assert one.reduction_db == pytest.approx((1 / ratio - 1) * bent, abs=1e-3)


def test_a_compressor_of_silence_is_finite():
    one = Compressor(makeup_db=24.0)
    assert not Chain(one).render(np.zeros(1000), RATE).any()
    assert one.reduction_db == 0.0


#: Of every parameter the default and the range.
PARAMETERS = {
    (Gain, "gain_db"): (0.0, -120.0, 24.0),
    (Pan, "pan"): (0.0, -1.0, 1.0),
    (Balance, "balance"): (0.0, -1.0, 1.0),
    (Compressor, "threshold_db"): (-18.0, -80.0, 0.0),
    (Compressor, "ratio"): (4.0, 1.0, 100.0),
    (Compressor, "knee_db"): (6.0, 0.0, 40.0),
    (Compressor, "attack_ms"): (5.0, 0.05, 500.0),
    (Compressor, "release_ms"): (100.0, 1.0, 5000.0),
    (Compressor, "makeup_db"): (0.0, -24.0, 24.0),
    (Gate, "threshold_db"): (-50.0, -100.0, 0.0),
    (Gate, "hysteresis_db"): (0.0, 0.0, 40.0),
    (Gate, "range_db"): (-80.0, -120.0, 0.0),
    (Gate, "attack_ms"): (1.0, 0.05, 100.0),
    (Gate, "hold_ms"): (50.0, 0.0, 1000.0),
    (Gate, "release_ms"): (100.0, 1.0, 5000.0),
    (Delay, "time_s"): (0.3, 0.001, 2.0),
    (Delay, "feedback"): (0.3, 0.0, 0.99),
    (Delay, "mix"): (0.3, 0.0, 1.0),
    (Reverb, "decay_s"): (1.8, 0.1, 20.0),
    (Reverb, "treble_decay_s"): (1.0, 0.1, 20.0),
    (Reverb, "treble_hz"): (5000.0, 500.0, 16_000.0),
    (Reverb, "mix"): (0.25, 0.0, 1.0),
    (Oscillator, "frequency"): (440.0, 1.0, 20_000.0),
    (Oscillator, "gain_db"): (-12.0, -120.0, 0.0),
}


@pytest.mark.parametrize(("kind", "name"), PARAMETERS)
def test_defaults_and_ranges(kind, name):
    default, least, most = PARAMETERS[kind, name]
    one = kind()
    assert getattr(one, name) == default
    for value in (least, most):
        setattr(one, name, value)
        assert getattr(one, name) == value
    for value in (least - 0.001, most + 0.001):
        with pytest.raises(UsageError, match=f"{name}="):
            setattr(one, name, value)


def test_a_closed_gate_lets_its_range_through():
    quiet = np.full(RATE, 1e-3, np.float32)
    for range_db in (-120.0, -80.0, -20.0, -6.0, 0.0):
        gate = Gate(threshold_db=-40.0, range_db=range_db, attack_ms=1.0, release_ms=20.0)
        out = Chain(gate).render(quiet, RATE)
        assert out[-1] / 1e-3 == pytest.approx(10 ** (range_db / 20), rel=1e-5)
        assert gate.gain == pytest.approx(10 ** (range_db / 20), rel=1e-5)


def test_the_gate_opens_holds_and_closes():
    burst = np.zeros(RATE, np.float32)
    burst[4800:9600] = 0.5
    burst[9600:] = 1e-4
    out = Chain(Gate(threshold_db=-40.0, hold_ms=20.0, release_ms=10.0, attack_ms=0.1)).render(
        burst, RATE
    )
    assert np.allclose(out[5000:9600], 0.5, atol=1e-4)
    assert np.allclose(out[9600:10_500], 1e-4, rtol=1e-3), "held for 20 ms"
    assert np.abs(out[20_000:]).max() < 2e-8, "closed by 80 dB"


@pytest.mark.parametrize(("hysteresis", "openings"), [(0.0, 10), (6.0, 1)])
def test_a_gate_with_hysteresis_does_not_flutter(hysteresis, openings):
    """A level that goes to and fro by 4 dB about the threshold, ten times, and then away."""
    levels = np.repeat([-42.0] + 10 * [-38.0, -42.0] + [-47.0], 2400)
    signal = 10 ** (levels / 20) * np.where(np.arange(len(levels)) % 2, 1, -1)
    gate = Gate(
        threshold_db=-40.0, hysteresis_db=hysteresis, hold_ms=0.0, attack_ms=0.1, release_ms=1.0
    )
    is_open = np.abs(Chain(gate).render(signal, RATE)) > 0.5 * np.abs(signal)
    assert not is_open[:2400].any(), "it opens at the threshold, not below it"
    assert np.count_nonzero(np.diff(is_open.astype(int)) == 1) == openings
    assert not is_open[-1], "below the hysteresis it closes"


def test_the_limiter_lets_nothing_over():
    loud = 4 * SIGNAL
    chain = Chain(Limiter(-6.0))
    out = chain.render(loud, RATE, tail_s=0.1)
    assert np.abs(out).max() <= 10 ** (-6 / 20)
    assert chain.latency_frames == 239
    quiet = 0.1 * SIGNAL
    assert np.array_equal(chain.render(quiet, RATE)[239:], quiet[:-239])


@pytest.mark.parametrize(("knee", "loss"), [(0.0, 3.984), (0.9, 0.3256), (0.999, 0.0032)])
def test_the_limiters_knee_is_where_it_is_told(knee, loss):
    """Below it a tone passes unchanged, at the ceiling it has lost what the formula says."""
    tone = 0.5 * np.sign(np.sin(2 * np.pi * 100 * np.arange(RATE) / RATE + 0.1))
    level = np.abs(Chain(Limiter(20 * np.log10(0.5), knee)).render(tone, RATE)[RATE // 2 :]).max()
    assert -20 * np.log10(level / 0.5) == pytest.approx(loss, abs=0.001)
    if knee > 0:
        under = (0.999 * knee * tone).astype(np.float32)
        out = Chain(Limiter(20 * np.log10(0.5), knee)).render(under, RATE)
        assert np.array_equal(out[239:], under[:-239])


def test_the_limiter_holds_what_lies_between_the_samples():
    """A tone at a quarter of the rate, 45 degrees off its peaks: 3 dB are hidden."""
    fade = np.minimum(1, np.minimum(np.arange(RATE), np.arange(RATE)[::-1]) / 2000)
    tone = np.stack([fade * np.sin(np.pi / 2 * np.arange(RATE) + np.pi / 4)] * 2, axis=1)
    for is_true, peak_db in ((False, -3.0), (True, -6.0)):
        chain = Chain(Limiter(-6.0, true_peak=is_true))
        out = chain.render(tone, RATE, tail_s=0.1)
        between = np.abs(scipy.signal.resample_poly(out, 32, 1, axis=0)).max()
        assert 20 * np.log10(between) == pytest.approx(peak_db, abs=0.15)
        assert chain.latency_frames == (255 if is_true else 239)
    quiet = (0.1 * SIGNAL).astype(np.float32)
    out = Chain(Limiter(-6.0, true_peak=True)).render(quiet, RATE)
    assert np.array_equal(out[255:], quiet[:-255])


def test_the_delay_is_a_comb():
    late, feedback, mix = 2400, 0.5, 0.4
    out = Chain(Delay(time_s=late / RATE, feedback=feedback, mix=mix)).render(SIGNAL, RATE)
    a = np.zeros(late + 1)
    a[0], a[late] = 1.0, -feedback
    b = np.zeros(late + 1)
    b[late] = 1.0
    wet = scipy.signal.lfilter(b, a, SIGNAL.astype(np.float64), axis=0)
    assert np.abs(out - (SIGNAL + mix * (wet - SIGNAL))).max() < 1e-5


def decay_s(response, rate, hz=None):
    """Seconds for 60 dB by Schroeder's integral, from -5 to -35 dB; of a third of an octave at hz."""
    if hz is not None:
        band = [hz * 2 ** (-1 / 6), hz * 2 ** (1 / 6)]
        sos = scipy.signal.butter(3, band, "bandpass", fs=rate, output="sos")
        response = scipy.signal.sosfilt(sos, response)
    energy = np.cumsum(response[::-1].astype(np.float64) ** 2)[::-1]
    fall = 10 * np.log10(energy / energy[0] + 1e-30)
    t5, t35 = (int(np.argmax(fall < -level)) for level in (5, 35))
    return (t35 - t5) * 2 / rate


def reverberation(seconds, rate=RATE, **options):
    """What a reverb makes of a click, both sides."""
    click = np.zeros((int(seconds * rate), 2), np.float32)
    click[0] = 1.0
    return Chain(Reverb(mix=1.0, **options)).render(click, rate).T


def test_the_reverb_decays_as_told():
    for seconds in (0.8, 2.0):
        out = reverberation(2 * seconds, decay_s=seconds, treble_decay_s=seconds)[0]
        assert decay_s(out, RATE) == pytest.approx(seconds, rel=0.1)
    left, right = reverberation(1.0)
    assert abs(np.corrcoef(left[2000:], right[2000:])[0, 1]) < 0.3, "wide"


@pytest.mark.parametrize("rate", [44_100, 48_000, 96_000, 192_000])
def test_the_treble_decays_as_told_at_every_rate(rate):
    out = reverberation(2.0, rate, decay_s=1.6, treble_decay_s=0.6, treble_hz=4_000.0)[0]
    assert decay_s(out, rate, 4_000) == pytest.approx(0.6, rel=0.07)
    assert decay_s(out, rate, 200) == pytest.approx(1.6, rel=0.1)


def test_treble_that_lasts_longer_is_not_damped():
    """Nor is a frequency above a low sample rate's half an error."""
    long, same = (reverberation(0.5, decay_s=0.8, treble_decay_s=t) for t in (5.0, 0.8))
    assert np.array_equal(long, same)
    assert np.isfinite(reverberation(0.5, 8_000, treble_decay_s=0.1, treble_hz=16_000)).all()


def test_the_oscillator_is_a_sine():
    out = Chain(Oscillator(frequency=997.0, gain_db=-6.0)).render(np.ones(RATE), RATE)
    expected = 10 ** (-6 / 20) * np.sin(2 * np.pi * 997 * np.arange(RATE) / RATE)
    assert np.abs(out - expected).max() < 1e-6


# --- the equaliser ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_bands_are_what_their_names_say(kind):
    sos = design_band(kind, 1000, RATE, 2.0, 6.0)
    low, at, high = 20 * np.log10(np.abs(frequency_response(sos, [1, 1000, 23_999], RATE)) + 1e-12)
    expected = {
        "lowpass": (0, 6.02, -100),
        "highpass": (-100, 6.02, 0),
        "bandpass": (-50, 0, -50),
        "notch": (0, -100, 0),
        "allpass": (0, 0, 0),
        "peaking": (0, 6, 0),
        "lowshelf": (6, 3, 0),
        "highshelf": (0, 3, 6),
    }[kind]
    for got, want in zip((low, at, high), expected, strict=True):
        assert got == pytest.approx(want, abs=0.02) if want > -50 else got < want
    z, h = scipy.signal.sosfreqz(sos[None], [500, 3000], fs=RATE)
    assert np.allclose(frequency_response(sos, z, RATE), h)


def test_impossible_bands_are_refused():
    for wrong in (("peak", 100, 1), ("peaking", 0, 1), ("peaking", 24_000, 1), ("notch", 100, 0)):
        with pytest.raises(UsageError):
            design_band(wrong[0], wrong[1], RATE, wrong[2])


@pytest.mark.parametrize("count", [0, 1, 3, 8, 9, 31])
def test_the_equaliser_is_scipys_cascade(count):
    rng = np.random.default_rng(count)
    bands = [
        ("peaking", f, 1.3, g)
        for f, g in zip(np.geomspace(40, 16_000, count), rng.uniform(-9, 9, count), strict=True)
    ]
    one = Equalizer(bands, preamp_db=-3.0)
    out = Chain(one).render(SIGNAL, RATE)
    gain = 10 ** (-3 / 20)
    expected = gain * SIGNAL.astype(np.float64)
    if count:
        expected = scipy.signal.sosfilt(one.sos(RATE), expected, axis=0)
    assert np.abs(out - expected).max() < 1e-6
    level = one.response_db([1000.0], RATE)[0]
    tone = np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)
    loud = Chain(one).render(tone, RATE)[RATE // 2 :]
    assert 20 * np.log10(np.sqrt(2 * np.mean(loud**2))) == pytest.approx(level, abs=0.01)


def test_the_default_bands():
    one = Equalizer()
    assert [round(f) for _, f, _, _ in one.bands] == [60, 170, 310, 600, 1000, 3000, 6000, 12_000]
    assert np.allclose(Chain(one).render(SIGNAL, RATE), SIGNAL, atol=1e-7)
    assert len(Equalizer(10).bands) == 10
    with pytest.raises(UsageError, match="there are bands 0 to 7"):
        one.set_band(8, gain_db=1)
    with pytest.raises(UsageError, match="no band of kind"):
        one.set_band(0, kind="peak")


def test_bands_change_while_playing_without_a_click(tmp_path):
    """A 50 Hz sine while bands move: nothing above 1 kHz appears."""
    import soundfile

    sine = 0.25 * np.sin(2 * np.pi * 50 * np.arange(10 * RATE) / RATE)
    soundfile.write(tmp_path / "sine.wav", np.repeat(sine[:, None], 2, 1), RATE, "FLOAT")
    one = Equalizer()
    with Player("null", block_size=64, effects=Chain(one)) as player:
        player._output.capture_s = 8.0
        player.play(tmp_path / "sine.wav")
        wait_for(lambda: player.position > 0.5)
        rng = np.random.default_rng(4)
        for _ in range(20):
            one.set_band(int(rng.integers(0, 8)), gain_db=float(rng.uniform(-9, 9)))
            time.sleep(0.03)
        wait_for(lambda: one._filters["seen"] == one._filters["version"])
        time.sleep(0.3)
        out = player._output.captures[0].captured()[:, 0].copy()
    assert one._filters["seen"] == 20
    first = int(np.argmax(np.abs(out) > 0)) + 4800
    last = len(out) - 1 - int(np.argmax(np.abs(out[::-1]) > 0)) - 4800
    sos = scipy.signal.butter(8, 1000, "highpass", fs=RATE, output="sos")
    rest = scipy.signal.sosfiltfilt(sos, out[first:last].astype(np.float64))[2000:-2000]
    assert 20 * np.log10(np.abs(rest).max()) < -100


def test_parameters_can_be_set_from_any_thread():
    one = Gain()
    chain = Chain(one)
    chain.prepare(RATE, 2)
    threads = [
        threading.Thread(target=lambda v=v: setattr(one, "gain_db", float(-v))) for v in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert one.record["_target"][0] == one.gain_db
