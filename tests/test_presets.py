"""Presets mean what they mean to Equalizer APO: corners, widths, numbers, scopes, routing.

Levels of filters and curves are compared with its own source, and with AutoEq's package, by
`benchmarks/accuracy/presets.py`; here stand literals, and what is told or left out.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import music
from zerocross import Chain
from zerocross.dsp.resample import resample_signal
from zerocross.eq import Equalizer, fit_bands, fit_error_db, q_of_bandwidth
from zerocross.eq.graphic import curve_db, minimum_phase
from zerocross.eq.presets import parse_preset, read_preset

soundfile = pytest.importorskip("soundfile")

RATE = 48_000
HERE = Path(__file__).parents[1]


def band(line, rate=RATE):
    (found,) = parse_preset(f"Filter: ON {line}").settings(0, rate).bands
    return found


def applied(text, rate=RATE, channels=2, name="preset"):
    """Return each channel's preamp, the simplest thing that a scope can hold."""
    preset = parse_preset(text, name)
    return [preset.settings(c, rate, channels).preamp_db for c in range(channels)]


def reasons(text, rate=RATE, channels=None):
    return {s.number: s.reason for s in parse_preset(text).at(rate, channels).skipped}


# --- filters --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "hz"),
    [
        ("LS Fc 200 Hz Gain 6 dB", 200.0),
        ("LS Fc 200 Hz Gain 6 dB Q 0.7", 238.49),
        ("HS Fc 4000 Hz Gain 12 dB Q 0.5", 2147.3),
        ("LSC Fc 200 Hz Gain 6 dB Q 0.7", 200.0),
        ("LS 12 dB Fc 200 Hz Gain 8 dB", 200 * 10**0.1),
    ],
)
def test_a_corner_is_moved_to_the_middle_only_with_a_width(line, hz):
    assert band(line)[1] == pytest.approx(hz, rel=2e-5)


def test_widths():
    assert band("LP Fc 900 Hz Q 2")[2] == band("HP Fc 900 Hz Q 2")[2] == 2.0
    assert band("LS Fc 900 Hz Gain 6 dB BW Oct 3") == band("LS Fc 900 Hz Gain 6 dB")
    for line in ("BP Fc 900 Hz", "LPQ Fc 900 Hz", "HPQ Fc 900 Hz", "LP Fc 900 Hz"):
        assert band(line)[2] == pytest.approx(0.7071, abs=1e-5)
    assert band("PK Fc 900 Hz Gain 3 dB Q 2 BW Oct 1")[2] == 2.0
    for rate in (44_100, 96_000):
        q = band("PK Fc 9000 Hz Gain 3 dB BW Oct 1", rate)[2]
        assert q == pytest.approx(q_of_bandwidth(1.0, 9000, rate))


@pytest.mark.parametrize(
    "frequency",
    ["Fc 1\u00a0000 Hz", "Fc 1.000 Hz", "Fc 1,000 Hz", "Fc1000Hz", "Fc 1e3 Hz", "Fc 1 kHz"],
)
def test_frequencies_as_programs_write_them(frequency):
    assert band(f"Modal {frequency} Gain -3 dB Q 4") == ("peaking", 1000.0, 4.0, -3.0)


@pytest.mark.parametrize(
    "line",
    [
        "PK Fc 30000 Hz Gain 3 dB BW Oct 50",
        "LS Fc 100 Hz Gain 3 dB Q 1e200",
        "LS Fc 100 Hz Gain 30 dB Q 0.01",
        "LS 0.001 dB Fc 100 Hz Gain 60 dB",
        "HS 1e-300 dB Fc 100 Hz Gain 3 dB",
        "LS Fc 400000 Hz Gain 53.9 dB Q 0.01",
    ],
)
def test_values_that_no_float_holds_are_told(line):
    """They were an OverflowError, and an infinite frequency."""
    assert list(reasons(f"Filter: ON {line}")) == [1]


def test_what_makes_no_filter_in_equalizer_apo_makes_none_and_is_told():
    given = json.loads((HERE / "benchmarks" / "data" / "equalizerapo.json").read_text())
    lines = [each["line"] for each in given["filters"] if each["sos"] is None]
    assert len(lines) == 6
    for line in lines:
        preset = parse_preset(f"Filter: {line}")
        assert not preset.settings().bands
        assert len(preset.skipped) == 1


@pytest.mark.parametrize("rate", [44_100, 96_000])
def test_a_chain_has_the_widths_of_its_own_rate(rate):
    """The processors are made before the rate is known."""
    preset = parse_preset("Filter: ON PK Fc 12000 Hz Gain 9 dB BW Oct 1")
    impulse = np.zeros((8192, 2), np.float32)
    impulse[0] = 1.0
    out = Chain(*preset.processors()).render(impulse, rate)[:, 0].astype(float)
    hz = np.fft.rfftfreq(8192, 1 / rate)
    q = q_of_bandwidth(1.0, 12_000, rate)
    alpha, a = np.sin(2 * np.pi * 12_000 / rate) / 2 / q, 10 ** (9 / 40)
    cosine = -2 * np.cos(2 * np.pi * 12_000 / rate)
    _, wanted = scipy.signal.freqz(
        [1 + alpha * a, cosine, 1 - alpha * a], [1 + alpha / a, cosine, 1 - alpha / a], hz, fs=rate
    )
    found = np.abs(np.fft.rfft(out))
    assert np.abs(20 * np.log10(found / np.abs(wanted))).max() < 1e-3
    assert preset.settings().response_db([9000.0], rate) == pytest.approx(
        20 * np.log10(np.abs(wanted[np.argmin(np.abs(hz - 9000))])), abs=0.02
    )


# --- curves ---------------------------------------------------------------------------------------


def test_a_curve_of_any_points_is_kept():
    text = "GraphicEQ: 0 3; 20 -100; 100 -5; 100 2; 100 6; 20000 -120"
    preset = parse_preset(text)
    assert not preset.skipped
    (points,) = preset.settings().curves
    levels = curve_db(points, [0, 1, 99.999999, 100, 100.000001, 24_000])
    assert levels == pytest.approx([3.0, -100.0, -5.0, -5.0, 6.0, -100.0], abs=1e-4)
    assert np.isfinite(minimum_phase(points, RATE)).all()


@pytest.mark.parametrize(
    "text", ["20 -1,5; 100 3,5", "20 -1.5, 100 3.5", "20 -1.5 100 3.5", "100 3.5; 20 -1.5;"]
)
def test_points_however_they_are_parted(text):
    (points,) = parse_preset(f"GraphicEQ: {text}").settings().curves
    assert sorted(points) == [(20.0, -1.5), (100.0, 3.5)]


def test_a_frequency_without_a_gain_is_told_and_the_rest_applies():
    preset = parse_preset("GraphicEQ: 20 1; 100 2; 500")
    assert preset.settings().curves == [[(20.0, 1.0), (100.0, 2.0)]]
    assert "500 Hz has no gain" in preset.skipped[0].reason


@pytest.mark.parametrize("rate", [44_100, 192_000])
def test_fitted_bands_say_how_far_they_stay_from_the_curve(rate):
    """At 44.1 kHz they left out what is above 19.8 kHz, and were 15 dB off there."""
    points = [(20, -3), (100, 4), (1000, -4), (5000, 2), (12_000, -6), (20_000, -14)]
    sos = Equalizer(fit_bands(points, rate)).sos(rate)
    hz = np.geomspace(20, 20_000, 5000)
    _, response = scipy.signal.sosfreqz(sos, hz, fs=rate)
    error = np.abs(20 * np.log10(np.abs(response)) - curve_db(points, hz)).max()
    assert fit_error_db(points, rate) == pytest.approx(error, abs=0.01)
    assert error < 1.2
    assert len(fit_bands(points, rate)) == 31


def test_a_chain_has_the_bands_fitted_for_its_own_rate():
    preset = parse_preset("GraphicEQ: 20 0; 1000 6; 8000 -6; 20000 6")
    chain = Chain(*preset.processors(fitted=True))
    chain.prepare(44_100, 2)
    (equalizer,) = chain.processors()
    assert equalizer.bands == fit_bands(preset.settings().curves[0], 44_100)


# --- scopes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        ("C", [0, 0]),
        ("X", [0, 0]),
        ("", [0, 0]),
        ("L X", [-3, 0]),
        ("R 7", [0, -3]),
        ("all", [-3, -3]),
    ],
)
def test_an_unknown_channel_does_not_spill_onto_others(names, wanted):
    text = f"Channel: L\nChannel: {names}\nPreamp: -3\n"
    assert applied(text) == wanted
    assert (2 in reasons(text, channels=2)) == (names != "all")


def test_channels_have_the_names_of_their_layout():
    for channels, name, place in [
        (1, "C", 0),
        (4, "RR", 3),
        (4, "SL", 2),
        (6, "RL", 4),
        (8, "SR", 7),
    ]:
        found = applied(f"Channel: {name}\nPreamp: -3\n", channels=channels)
        assert found == [-3.0 if c == place else 0.0 for c in range(channels)]


IFS = """If: sampleRate == 48000 and outputChannelCount >= 2
Preamp: -1
ElseIf: (sampleRate / 2 > 40000) || false
Preamp: -2
Else:
Preamp: -4
If: not (inputChannelCount == 1)
Preamp: -8
EndIf:
EndIf:
Preamp: -16
"""


@pytest.mark.parametrize(
    ("rate", "channels", "wanted"),
    [(48_000, 2, -17), (96_000, 2, -18), (44_100, 2, -28), (48_000, 1, -20)],
)
def test_conditions_of_rate_and_channels(rate, channels, wanted):
    assert applied(IFS, rate, channels) == [wanted] * channels
    assert not reasons(IFS, rate, channels)
    signal = music(500, channels)
    out = Chain(*parse_preset(IFS).processors()).render(signal, rate)
    assert np.abs(out - signal * 10 ** (wanted / 20)).max() < 1e-6


@pytest.mark.parametrize(
    "condition",
    ['deviceName == "x"', "x = 5", "1/0 == 1", "a.b", "f(3) > 2", "not sampleRate == 4",
     "1 < 2 < 3", 'sampleRate == "x"', "(" * 200, "9**9**9 > 1", "sampleRate == 48000 or y == 1", ""],
)  # fmt: skip
def test_a_condition_that_cannot_be_told_leaves_its_body_out_and_says_so(condition):
    text = f"If: {condition}\nPreamp: -1\nNonsense\nElse:\nPreamp: -2\nEndIf\nEndIf:\nPreamp: -4\n"
    assert applied(text) == [-4.0, -4.0]
    assert list(reasons(text)) == [1]
    assert reasons(text)[1].endswith("; lines 2 to 6 are left out")


def test_conditions_out_of_place_are_told():
    assert reasons("Else:\nElseIf: true\nEndIf:\nPreamp: -1\n") == dict.fromkeys(
        (1, 2, 3), "there is no If before it"
    )
    for body in ("true", "false"):
        text = f"Preamp: -2\nIf: {body}\nPreamp: -1\nIf: true\nEndIf:\nPreamp: -4\n"
        assert applied(text) == [-7.0 if body == "true" else -2.0] * 2
        [note] = parse_preset(text).skipped
        words = f"preset:2: 'If: {body}' is applied, but no EndIf ends it before the file does"
        assert str(note) == words
    nested = "If: nobody\nIf: true\nPreamp: -1\nEndIf:\nEndIf:\nPreamp: -2\n"
    assert applied(nested) == [-2.0, -2.0]


def test_bodies_of_devices_and_stages_apply_only_where_they_match():
    text = "Device: Speakers; Head\nPreamp: -1\nIf: x\nDevice: foo; all\nPreamp: -2\n"
    assert applied(text) == [-2.0, -2.0]
    assert reasons(text)[1].endswith("lines 2 to 3 are left out")
    text = (
        "Stage: capture\nPreamp: -1\nStage: pre-mix post-mix\nPreamp: -2\nStage: odd\nPreamp: -4\n"
    )
    assert applied(text) == [-2.0, -2.0]
    assert list(reasons(text)) == [1, 5]


def test_scopes_end_with_their_file_and_includes_come_before_stages(tmp_path):
    (tmp_path / "in.txt").write_text(
        "Stage: post-mix\nChannel: L\nDevice: none\nPreamp: -1\nDevice: all\nPreamp: -2\nIf: false\n"
    )
    main = "Stage: capture\nInclude: in.txt\nPreamp: -4\nStage: post-mix\nPreamp: -8\n"
    (tmp_path / "main.txt").write_text(main)
    preset = read_preset(tmp_path / "main.txt")
    assert [preset.settings(c).preamp_db for c in (0, 1)] == [-10.0, -8.0]
    left_out = "If: false\nInclude: missing.txt\nEndIf:\nPreamp: -1\n"
    assert not parse_preset(left_out, str(tmp_path / "x.txt")).skipped


def test_a_preset_of_conditions_alone_is_one(tmp_path):
    path = tmp_path / "rate.txt"
    path.write_text("If: sampleRate == 44100\nPreamp: -3\nEndIf:\n")
    assert read_preset(path).settings(0, 44_100).preamp_db == -3.0


def test_expressions_within_lines_are_told():
    assert "expression" in reasons("Preamp: `-3` dB\n")[1]
    assert "'Eval' is not supported" in reasons("Eval: x = 3\n")[1]


# --- routing --------------------------------------------------------------------------------------


def rendered(text, signal, rate=RATE, name="preset"):
    preset = parse_preset(text, name)
    assert not preset.at(rate, signal.shape[1]).skipped
    return Chain(*preset.processors()).render(signal, rate)


def test_delays_are_whole_frames_of_the_stream():
    signal = music(3000)
    out = rendered(
        "Channel: R\nDelay: 10 ms\nDelay: 2,5 samples\nChannel: L\nDelay: 0.01 ms\n", signal
    )
    assert np.array_equal(out[:, 0], signal[:, 0]), "0.48 frames are none"
    assert np.array_equal(out[483:, 1], signal[:-483, 1]) and not out[:483, 1].any()
    late = rendered("Delay: 10 ms\n", signal, 44_100)
    assert np.array_equal(late[441:], signal[:-441]) and not late[:441].any()
    for wrong in ("-1 ms", "10", "10 s", "1e9 samples"):
        assert 1 in reasons(f"Delay: {wrong}\n")


@pytest.mark.parametrize("block", [1, 64, 77, 1000])
def test_a_delay_is_the_same_in_any_blocks(block):
    signal = music(1500)
    chain = Chain(*parse_preset("Channel: L\nDelay: 64 samples\nCopy: R=L+R\n").processors())
    out = chain.render(signal, RATE, block_size=block)
    late = np.concatenate([np.zeros(64, np.float32), signal[:-64, 0]])
    assert np.array_equal(out[:, 0], late)
    assert np.array_equal(out[:, 1], late + signal[:, 1])


def test_copies_are_made_of_what_came_in_and_in_order():
    signal = music(1000)
    left, right = signal.T
    assert np.array_equal(rendered("Copy: L=R R=L\n", signal), signal[:, ::-1])
    out = rendered("Copy: L=0.5*L+-0.25*R 2=0\n", signal)
    assert np.abs(out[:, 0] - (0.5 * left - 0.25 * right)).max() < 1e-7
    assert not out[:, 1].any()
    out = rendered("Preamp: -6\nCopy: R=-3dB*L\nPreamp: -6\nCopy: L=R\n", signal)
    assert np.abs(out - (left * 10 ** (-15 / 20))[:, None]).max() < 1e-6
    for wrong in ("L", "L=X", "X=L", "L=0.5", "L=a*R", "L=L-R", "", "L=9999*R"):
        assert 1 in reasons(f"Copy: {wrong}\n", channels=2)


def test_delays_and_copies_have_bounds():
    text = "Delay: 6 s\nDelay: 6000 ms\nDelay: 6000 ms\n" + "Copy: L=R\n" * 33
    assert reasons(text)[3] == "more than 480000 frames of delays"
    assert reasons(text)[36] == "more than 32 copies"
    assert list(reasons(text)) == [1, 3, 36]


def test_many_curves_are_fitted_as_one():
    preset = parse_preset("GraphicEQ: 20 0; 1000 3; 9000 0\n" * 2 + "GraphicEQ: 50 1; 60 1\n")
    (equalizer,) = preset.processors(fitted=True)[0].parts
    level = equalizer.response_db([1000.0], RATE)
    assert len(equalizer.bands) == 31 and level == pytest.approx([7.0], abs=0.6)


def test_the_headroom_knows_of_copies():
    preset = parse_preset("Copy: L=L+R\nChannel: L\nFilter: ON PK Fc 1000 Hz Gain 3 dB Q 1\n")
    assert preset.headroom_db() == pytest.approx(-3 - 20 * np.log10(2), abs=1e-3)
    assert preset.response_db([20.0], channel=1) == pytest.approx([0.0], abs=1e-6)


@pytest.mark.parametrize("rate", [48_000, 44_100])
def test_impulse_responses_are_convolved_with(tmp_path, rate):
    random = np.random.default_rng(3)
    taps = np.float32(random.normal(0, 0.1, (200, 2)) * np.exp(-np.arange(200) / 20)[:, None])
    soundfile.write(tmp_path / "a b.wav", taps, RATE, "FLOAT")
    signal = music(4000)
    text = "Channel: R\nConvolution: a b.wav\n"
    out = rendered(text, signal, rate, str(tmp_path / "x.txt"))
    first = taps[:, 0].astype(float)  # the first channel that was chosen gets the file's first
    if rate != RATE:
        first = resample_signal(first[None], RATE, rate)[0] * (RATE / rate)
    wanted = np.convolve(signal[:, 1].astype(float), first)[: len(signal) - 64]
    assert np.abs(out[64:, 1] - wanted).max() < 1e-5
    assert np.abs(out[64:, 0] - signal[:-64, 0]).max() < 1e-6
    preset = parse_preset(text, str(tmp_path / "x.txt"))
    level = 20 * np.log10(np.abs(np.exp(-2j * np.pi * 1000 / RATE * np.arange(200)) @ taps[:, 0]))
    assert preset.settings(1).response_db([1000.0]) == pytest.approx([level], abs=0.01)
    assert preset.settings(0).response_db([1000.0]) == pytest.approx([0.0])


def test_an_impulse_response_that_cannot_be_is_told(tmp_path):
    soundfile.write(tmp_path / "long.wav", np.ones(8000 * 61), 8000)
    soundfile.write(tmp_path / "nan.wav", np.full(10, np.nan), 8000, "FLOAT")
    name = str(tmp_path / "x.txt")
    text = "Convolution: no.wav\nConvolution: long.wav\nConvolution: nan.wav\nConvolution:\n"
    told = [s.reason for s in parse_preset(text, name).skipped]
    assert "no such file" in told[0] and "61 s" in told[1] and "not finite" in told[2]
    assert told[3] == "it names no file"


# --- the automatic preamp -------------------------------------------------------------------------


@pytest.mark.parametrize("q", [30.0, 3000.0, 300_000.0])
@pytest.mark.parametrize("dip", [0.0, -12.0])
def test_the_automatic_preamp_sees_between_narrow_neighbours(q, dip):
    """On a fixed grid what is highest beside a dip was missed by 0.22 dB."""
    bands = [("peaking", 1000 * (1 + k / q), q, 9.0) for k in (-0.6, 0.6)]
    equalizer = Equalizer([*bands, ("peaking", 1000.0, q, dip)], preamp_db="auto")
    sos = equalizer.sos(RATE)
    hz = 1000 * (1 + np.linspace(-3, 3, 60_001) / q)
    _, response = scipy.signal.sosfreqz(sos, hz, fs=RATE)
    assert equalizer.preamp_db == pytest.approx(-20 * np.log10(np.abs(response).max()), abs=0.01)


def test_the_headroom_of_a_preset_sees_narrow_bands():
    """On a fixed grid it was missed by 5.2 dB."""
    text = "Filter: ON PK Fc 997 Hz Gain 12 dB Q 900\nFilter: ON PK Fc 998 Hz Gain 12 dB Q 900\n"
    rows = parse_preset(text).settings().sos()
    _, response = scipy.signal.sosfreqz(rows, np.linspace(995, 1000, 20_001), fs=RATE)
    highest = 20 * np.log10(np.abs(response).max())
    assert parse_preset(text).headroom_db() == pytest.approx(-highest, abs=0.01)


WORDS = st.sampled_from(
    [
        *("If:", "ElseIf:", "Else:", "EndIf:", "Device:", "Stage:", "Channel:", "Copy:", "Delay:"),
        *("Convolution:", "GraphicEQ:", "Preamp:", "Filter:", "Filter 3x:", "Include:", "\n", "\n"),
        *("sampleRate", "==", "48000", "not", "(", ")", "and", "true", "all", "post-mix", "L", "R"),
        *("L=R", "R=0.5*L+R", "L=-3dB*9", "1.5", "ms", "samples", "-3", "dB", "x", "`", "²", "٣"),
        *("\u00a01.000", "1e400", "20 1;", "0 -100;", "ON", "LS", "Fc", "100 Hz", "Gain", "Q0.7"),
    ]
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(WORDS, max_size=40).map(" ".join))
def test_no_program_of_scopes_crashes(text):
    preset = parse_preset(text)
    for rate, channels in ((RATE, 2), (44_100, 1), (96_000, 6)):
        assert all(s.number >= 1 and s.reason for s in preset.at(rate, channels).skipped)
        levels = preset.response_db([0.0, 20.0, 20_000.0], rate, channels - 1, channels)
        assert np.isfinite(levels).all()
