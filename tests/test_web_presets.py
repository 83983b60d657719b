"""Presets in the page: its reader, in Node, has the bands and tells the lines that Python's has and tells.

What it cannot do and Python can (another file, one channel alone, more than 64 bands) is worked out here from
Python's own steps.
"""

from __future__ import annotations

import base64
import functools
import json
import random
import re
import subprocess
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import zerocross.web
from conftest import ON_CI, need_module
from zerocross.eq import fit_bands, fit_error_db, frequency_response, read_preset
from zerocross.eq.design import design_band
from zerocross.eq.graphic import curve_db
from zerocross.eq.presets import parse_preset
from zerocross.eq.presets.channels import Format
from zerocross.eq.presets.files import Library, _decoded
from zerocross.eq.presets.parts import _summed
from zerocross.eq.presets.reader import Reader
from zerocross.files import printable

PAGE = Path(zerocross.web.__file__).parent / "page"
PRESETS = Path(__file__).parents[1].parent / "shared" / "presets"
RATES = (44_100, 48_000, 96_000)
MOST_BANDS = 64


@pytest.fixture(scope="module")
def read():
    """Return a function that has Node read (or write) many presets, all in one process."""
    need_module("playwright")
    import playwright

    node = Path(playwright.__file__).parent / "driver" / "node"
    if not node.exists():
        (pytest.fail if ON_CI else pytest.skip)("playwright has no node")

    def run(jobs):
        made = subprocess.run(
            [node, Path(__file__).with_name("presets.mjs"), PAGE],
            input=json.dumps(jobs),
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
            timeout=100,
        )
        assert made.returncode == 0, made.stderr
        return json.loads(made.stdout)

    return run


# --- what it should be ----------------------------------------------------------------------------


class Traced(Reader):
    """Python's reader, which notes the line of each step."""

    def __init__(self, rate):
        super().__init__("preset", Library(), Format(float(rate), 2))
        self.lines = []

    def _apply(self, name, value, path):
        before = len(self.steps)
        super()._apply(name, value, path)
        self.lines += [self._line[1]] * (len(self.steps) - before)


def expected(text, rate):
    """Return what is heard of both channels, and for each line that is told: Python's reason, or None."""
    reader = Traced(rate)
    reader.parse(text, Path("preset"))
    reader.finish()
    told = {each.number: each for each in reader.skipped}
    both = []
    sides = ([], [])
    for line, step in zip(reader.lines, reader.steps, strict=True):
        places = {0, 1} if step.channels is None else set(step.channels)
        if step.kind in ("delay", "copy", "impulse"):
            told.setdefault(line)
        elif places == {0, 1}:
            both.append((line, step.kind, step.value, [line]))
        else:
            for place in places:
                sides[place].append((line, step.kind, step.value))
    both += matched(sides, told)
    kept, count, curved = [], 0, False
    for _, kind, value, lines in sorted(both, key=lambda each: each[0]):
        thirds = sum(f < 0.48 * rate for f in THIRDS)
        more = {"preamp": 0, "band": 1, "curve": 0 if curved else thirds}[kind]
        if count + more > MOST_BANDS:
            for line in lines:
                told.setdefault(line)
            continue
        count, curved = count + more, curved or kind == "curve"
        kept.append((kind, value))
    is_nothing = not kept and not reader.is_conditional
    return {
        "preamp": sum((value for kind, value in kept if kind == "preamp"), 0.0),
        "bands": [value for kind, value in kept if kind == "band"],
        "curves": [value for kind, value in kept if kind == "curve"],
        "told": told,
        "is_nothing": is_nothing,
    }


THIRDS = [f for _, f, _, _ in fit_bands([(100.0, 0.0)], 48_000)]


def matched(sides, told):
    """Return what is said of both channels apart, and note the lines that are of one alone."""
    found = []
    trims = [[each for each in side if each[1] == "preamp"] for side in sides]
    if abs(np.diff([sum(value for _, _, value in side) for side in trims])[0]) < 1e-9:
        found += [(line, kind, value, [line]) for line, kind, value in trims[0]]
        sides = tuple([each for each in side if each[1] != "preamp"] for side in sides)
    left, right = (Counter(repr(each[1:]) for each in side) for side in sides)
    others = {}
    for side, isleft in ((sides[1], False), (sides[0], True)):
        room = left & right
        for line, kind, value in side:
            what = repr((kind, value))
            if room[what]:
                room[what] -= 1
                if isleft:
                    found.append((line, kind, value, [line, others[what].pop(0)]))
                else:
                    others.setdefault(what, []).append(line)
            else:
                told.setdefault(line)
    return found


#: Reasons of the same: JavaScript has no OverflowError, and evaluates a condition while it reads it.
ALIKE = {
    "it has values that no filter can have": "values",
    "a Q of # is not within # and #": "values",
    "# is not an expression that is understood": "condition",
    "# is not known here": "condition",
    "# has no value": "condition",
}


def words(reason):
    """Return a reason without its numbers and what it quotes, which JavaScript writes otherwise."""
    plain = re.sub(
        r"'.*'|\".*\"|[-+]?[0-9][0-9.e+-]*|inf\b", "#", reason.rpartition("; line")[0] or reason
    )
    return ALIKE.get(plain, re.sub(".* names no", "# names no", plain))


def compare(found, wanted, rate):
    """Check a result of the page's reader against what is expected."""
    if wanted["is_nothing"]:
        assert found.keys() == {"error"}, found
        assert found["error"].startswith("nothing in it ")
        return
    assert "error" not in found, found
    lines = [each["line"] for each in found["skipped"]]
    assert lines == sorted(lines)
    assert set(lines) == set(wanted["told"])
    for each in found["skipped"]:
        python = wanted["told"][each["line"]]
        assert each["reason"] and printable(each["reason"]) == each["reason"]
        if python is None:
            assert re.search("the page", each["reason"]), each
        elif lines.count(each["line"]) == 1:
            assert each["text"] == python.text
            assert each["isApplied"] == python.is_applied
            if "the page" not in each["reason"]:
                assert words(each["reason"]) == words(python.reason)
    assert found["preampDb"] == pytest.approx(wanted["preamp"], rel=1e-9, abs=1e-9)
    bands = [tuple(band) for band in found["bands"]]
    compare_bands(bands[: len(wanted["bands"])], wanted["bands"], 1e-9)
    compare_curve(bands[len(wanted["bands"]) :], found["curveErrorDb"], wanted["curves"], rate)


def compare_bands(found, wanted, relative):
    assert [band[0] for band in found] == [band[0] for band in wanted]
    for one, other in zip(found, wanted, strict=True):
        assert one[1:] == pytest.approx(other[1:], rel=relative, abs=0), (one, other)


def compare_curve(found, error, curves, rate):
    if not curves:
        assert not found and error == 0
        return
    points = _summed(curves)
    wanted = fitted(tuple(points), rate)
    compare_bands([(k, f, q, 1.0) for k, f, q, _ in found], [(*b[:3], 1.0) for b in wanted], 1e-9)
    assert np.abs(np.subtract([b[3] for b in found], [b[3] for b in wanted])).max() < 0.01
    hz = np.geomspace(20, min(20_000, 0.48 * rate), 1000)  # as `fit_error_db` has them
    levels = [
        np.abs(frequency_response([design_band(k, f, rate, q, g) for k, f, q, g in each], hz, rate))
        for each in (found, wanted)
    ]
    assert np.abs(20 * np.log10(levels[0] / levels[1])).max() < 0.02
    least = np.abs(20 * np.log10(levels[1]) - curve_db(points, hz)).max()
    assert error == pytest.approx(least, abs=0.02)


@functools.cache
def fitted(points, rate):
    return fit_bands(points, rate)


def check(read, texts, rates=RATES):
    """Compare texts at rates, all in one process of Node."""
    jobs = [{"text": text, "rate": rate} for text in texts for rate in rates]
    for job, found in zip(jobs, read(jobs), strict=True):
        try:
            compare(found, expected(**job), job["rate"])
        except AssertionError as error:
            raise AssertionError(f"{job}\n{found}\n{error}") from error


# --- presets as there are -------------------------------------------------------------------------


def parametric(rng):
    """Return a ParametricEQ as AutoEq writes it."""
    lines = [f"Preamp: -{rng.uniform(0, 12):.1f} dB"]
    for k in range(10):
        kind = rng.choice(["LSC", "HSC", "PK", "PK"])
        hz, gain, q = 20 * 1000 ** rng.random(), rng.uniform(-12, 12), rng.uniform(0.18, 6)
        lines.append(f"Filter {k + 1}: ON {kind} Fc {hz:.0f} Hz Gain {gain:.1f} dB Q {q:.2f}")
    return "\n".join(lines)


def fixed_band(rng):
    hz = (31, 62, 125, 250, 500, 1000, 2000, 4000, 8000, 16_000)
    return "Preamp: -6.2 dB\n" + "\n".join(
        f"Filter {k + 1}: ON PK Fc {f} Hz Gain {rng.uniform(-9, 9):.1f} dB Q 1.41"
        for k, f in enumerate(hz)
    )


def graphic(rng, depth=8.0):
    level, pairs, hz = 0.0, [], 20.0
    while hz < 20_000:
        level = 0.9 * level + rng.uniform(-0.3, 0.3) * depth
        pairs.append(f"{hz:.0f} {level:.1f}")
        hz *= 1.0563
    return f"GraphicEQ: {'; '.join(pairs)}"


def test_presets_as_autoeq_writes_them(read):
    rng = random.Random(1)
    check(read, [make(rng) for make in (parametric, fixed_band) for _ in range(5)])
    check(read, [graphic(rng)], [44_100])


def real_presets():
    found = sorted(PRESETS.glob("*.txt")) if PRESETS.is_dir() else []
    return found or [pytest.param(None, marks=pytest.mark.skip(reason="no presets beside"))]


@pytest.mark.parametrize("path", real_presets())
def test_real_presets(read, path):
    raw = path.read_bytes()
    jobs = [{"bytes": base64.b64encode(raw).decode(), "rate": rate} for rate in RATES]
    for job, found in zip(jobs, read(jobs), strict=True):
        compare(found, expected(raw.decode(), job["rate"]), job["rate"])
        assert not found["skipped"]


def test_a_few_by_hand(read):
    """Without Python's reader: literals."""
    text = """# as Room EQ Wizard has it
Preamp: -6,5 dB
Filter 1: ON PK Fc 1.000 Hz Gain -2,5 dB BW Oct 1,0
Filter 2: OFF PK Fc 200 Hz Gain 3.0 dB Q 1.41
Filter: ON LS Fc 200 Hz Gain 6 dB Q 0.7
Filter: ON LP Fc 18,000 Hz
Channel: L
Preamp: -1
Channel: R
Preamp: -1 dB
Filter: ON NO Fc 50 Hz
Nonsense
"""
    (found,) = read([{"text": text, "rate": 48_000}])
    assert found["preampDb"] == -7.5
    kinds = [(kind, round(hz, 2), gain) for kind, hz, _, gain in found["bands"]]
    assert kinds == [("peaking", 1000, -2.5), ("lowshelf", 238.49, 6), ("lowpass", 18_000, 0)]
    assert [round(q, 3) for _, _, q, _ in found["bands"]] == [1.41, 0.7, 0.707]
    assert [(each["line"], each["reason"]) for each in found["skipped"]] == [
        (4, "it is switched off"),
        (11, "it is for R alone: the page has one equaliser for both channels"),
        (12, "it is not a command"),
    ]


# --- lines ----------------------------------------------------------------------------------------

KINDS = ["PK", "PEQ", "Modal", "LP", "LPQ", "HP", "HPQ", "BP", "NO", "AP", "LS", "LSC", "HS", "HSC"]
KINDS += ["XX", "lsc", "pk"]
#: What stands behind a kind.
FORMS = [
    "Fc {f} Hz Gain {g} dB Q {q}",
    "Fc {f} Hz Gain {g} dB",
    "Fc {f} Hz Q {q}",
    "Fc {f} Hz",
    "Fc {f} Hz Gain {g} dB BW Oct {q}",
    "Fc {f} Hz BW Oct {q}",
    "12 dB Fc {f} Hz Gain {g} dB",
    "6dB Fc {f}Hz Gain{g}dB Q{q}",
    "9,5 dB Fc {f} kHz Gain {g} dB BW Oct {q}",
    "Gain {g} dB Fc {f} H z Q {q}",
]
#: Lines each with something that one of the two could read otherwise.
ODD = [
    *("Filter: ON PK Fc 1\u00a0000 Hz Gain 1\u202f0 dB Q 2", "Filter: ON PK Fc 1,234,567.5 Hz Gain 1 dB Q 1"),
    *("Filter: ON PK Fc 100,000 Hz Gain 1 dB Q 1", "Filter: ON PK Fc 1.234,5 Hz Gain 1 dB Q 1"),
    *("Filter: ON PK Fc 12.345 Hz Gain 1 dB Q 1", "Filter: ON PK Fc 1.234e1 Hz Gain 1 dB Q 1"),
    *("Filter: ON PK Fc 1.2345 Hz Gain 1.234 dB Q 1.234", "Filter: ON PK Fc .500 Hz Gain +.5 dB Q 1."),
    *("Filter: ON PK Fc -1.000 Hz Gain 1 dB Q 1", "Filter: ON PK Fc 1..5 Hz Gain 1 dB Q 1"),
    *("Filter: ON PK Fc 1.5 kHz Gain 1 dB Q 1", "Filter: ON PK Fc 1.500 kHz Gain 1 dB Q 1"),
    *("Filter: ON PK Fc 0.1 Hz Gain 60 dB Q 0.01", "Filter: ON PK Fc 400000 Hz Gain -60 dB Q 1000"),
    *("Filter: ON PK Fc 0.09 Hz Gain 1 dB Q 1", "Filter: ON PK Fc 400001 Hz Gain 1 dB Q 1"),
    *("Filter: ON PK Fc 99 Hz Gain 60.1 dB Q 1", "Filter: ON LP Fc 99 Hz Gain 61 dB Q 1"),
    *("Filter: ON PK Fc 99 Hz Gain 1 dB Q 0", "Filter: ON PK Fc 99 Hz Gain 1 dB Q 0 BW Oct 2"),
    *("Filter: ON PK Fc 99 Hz Gain 1 dB Q 2 BW Oct 2", "Filter: ON PK Fc 99 Hz Gain 1 dB BW Oct 0"),
    *("Filter: ON PK Fc 99 Hz Gain 1 dB BW Oct -1", "Filter: ON PK Fc 99 Hz Gain 1 dB BW Oct 100"),
    *("Filter: ON PK Fc 30000 Hz Gain 1 dB BW Oct 0.5", "Filter: ON PK Fc 30000 Hz Gain 3 dB BW Oct 50"),
    *("Filter: ON LS Fc 100 Hz Gain 3 dB Q 1e200", "Filter: ON LS 0.001 dB Fc 100 Hz Gain 60 dB"),
    *("Filter: ON LS Fc 100 Hz Gain 60 dB Q 0.01", "Filter: ON HS Fc 100 Hz Gain 60 dB Q 0.01"),
    *("Filter: ON HS Fc 100 Hz Gain 30 dB Q 0.01", "Filter: ON LS Fc 100 Hz Gain 0 dB Q 1000"),
    *("Filter: ON LS 30 dB Fc 100 Hz Gain 20 dB", "Filter: ON LS -6 dB Fc 100 Hz Gain 20 dB"),
    *("Filter: ON LS 0 dB Fc 100 Hz Gain 2 dB", "Filter: ON LSC 12 dB Fc 99 Hz Gain -3 dB Q 2"),
    *("Filter: ON LS 12 dBx Fc 99 Hz Gain -3 dB Q 2", "Filter: ON PK Fc 99 Hz Gain nan dB Q 1"),
    *("Filter 12: ON PK Fc 99 Hz Gain 1 dB Q 1", "Filterxyz: on pk fc 99 hz gain 1 db q 1", "FILTER : ON NO FC 99"),
    *("Filter: PK Fc 99 Hz", "Filter: ON", "Filter: ON PK", "Filter: ONPK Fc 99 Hz Gain 1 dB Q 1"),
    *("Filter: ON PK Fc 99 Hz Gain 1e1000 dB Q 1", "Filter: ON PK Fc 99 Hz Gain 1e100 dB Q 1"),
    *("Filter: ON PK Fc ٩٩ Hz Gain \uff13 dB Q \U0001d7cf.\U0001d7ff", "Filter: ON PK Fc 9² Hz Gain 1 dB Q 1"),
    *("Filter: ON PK\x1cFc\x8599\u2003Hz Gain 1 dB Q 1", "Filter: ON PK\ufeffFc 99 Hz Gain 1 dB Q 1"),
    *("Filter: ON PK Fc 99 Hz Gain 1 dB Q 1 # Q 7", "Filter: ON PK # Fc 99 Hz Gain 1 dB Q 1"),
    "Filter: ON PK Fc 99 Hz Gain 1 dB Q 1" + " " * 2000 + "Q 3",
    "Filter: ON PK Fc 99 Hz Gain 1 dB Q 1" + " x" * 600,
    "Filter: ON PK Fc 99 Hz Gain 1 dB Q 1" + "\U0001f600" * 600,
    "Filter" + "x" * 40 + ": ON PK Fc 99 Hz Gain 1 dB Q 1",
    *("Preamp: -3", "Preamp:-3dB", "Preamp: -3 dBFS", "Preamp: -3 dBé", "Preamp: -3 dB_", "Preamp: -3x", "Preamp:"),
    *("Preamp: 61", "Preamp: -3 4", "Preamp: - 3", "Preamp: 3,5 dB", "Preamp: 1,000", "Preamp 2: -3", "preamp : -3"),
    *("Preamp: -3 dB # -4", "Preamp: `3`", "#Preamp: -3", "Preamp -3", "  \ufeff\ufeffPreamp: -3", "\ufeff Preamp: -3"),
    *("Pre\0amp: \0-3", "\x85\x1fPreamp: -3\x1f", "Pre-amp: -3", "Zürich: 3", "Eval: x=3", "Loudness: 1", "constructor: 3"),
    *("\u202ePreamp: -3", "Preamp: \ud800", "Filter: ON constructor Fc 3 Hz", "a\u2028b: 3", "\u200cx: 3"),
    *("Copy: L=R", "Copy: L=Q", "Copy: L=`R`", "Delay: 10 ms", "Delay: x", "Convolution: x.wav", "Convolution:"),
    *("Include: x.txt", "Include:", "GraphicEQ:", "GraphicEQ: 20", "GraphicEQ: 20 1; x", "GraphicEQ: 20 61; 30 0"),
    *("GraphicEQ: -1 0; 20 0", "GraphicEQ: 500000 0", "GraphicEQ: 20 1e400", "GraphicEQ: 20 -2e6; 30 0"),
    *("GraphicEQ: `20 0`", "Device: all", "Device: a; ALL", "Device: x", "Device: all x", "Device:"),
    *("Stage: post-mix", "Stage: pre-mix capture", "Stage: POST-MIX x", "Stage: x", "Stage:"),
    *("Channel: L R", "Channel: 1 2", "Channel: r l 2x", "Channel: all x", "Channel: C", "Channel:", "Channel: 0 9999999999"),
    *("Channel: sub", "Channel: ٢ 1", "Channel: ALL", "Channel: `L`", "Channel: l # r", "Channel: ß L R"),
]  # fmt: skip
BESIDE = "Preamp: -1.5\n{}\nFilter: ON NO Fc 60 Hz\n"


def test_each_kind_and_form_of_a_filter(read):
    texts = []
    for kind in KINDS:
        for f, g, q in [("105", "3.5", "0.7"), ("12,5", "-9,25", "2,5"), ("19.000", "-0", "10")]:
            lines = [f"Filter: ON {kind} {form.format(f=f, g=g, q=q)}" for form in FORMS]
            texts.append("\n".join(lines))
    check(read, texts)


@pytest.mark.parametrize("wrap", ["{}", BESIDE], ids=["alone", "beside others"])
def test_odd_lines(read, wrap):
    check(read, [wrap.format(line) for line in ODD])


CURVES = [
    "GraphicEQ: 20 -1,5; 100 3,5; 9000 -2",
    "GraphicEQ: 100 3.5 Hz dB | 20, -1.5 5000 2",
    "GraphicEQ: 20 1; 100 2; 500",
    "GraphicEQ: 1000 6",
    "GraphicEQ: 0 3; 20 -100; 100 -5; 100 2; 100 6; 20000 -120",
    "GraphicEQ: 0 30",
    "GraphicEQ: 20 0; 999 0; 1000 -200; 1001 0; 20000 0",
    "GraphicEQ: 20 60; 300 -60; 301 60; 8000 -60",
    "GraphicEQ: 20 0; 1000 3; 9000 0\n" * 2 + "GraphicEQ: 9000 0; 50 1; 50 3; 60 1",
    "Channel: L\nGraphicEQ: 20 1; 90 2\nChannel: R\nGraphicEQ: 20 1; 90 2",
    "Channel: L\nGraphicEQ: 20 1; 90 2\nChannel: R\nGraphicEQ: 20 1; 90 3\nGraphicEQ: 20 1; 90 2",
]  # fmt: skip


def test_curves(read):
    check(read, [CURVES[k] for k in (4, 8, 9)], [44_100])
    check(read, CURVES[1:2], [96_000])
    (found,) = read([{"text": CURVES[0], "rate": 48_000}])
    points = [(20, -1.5), (100, 3.5), (9000, -2)]
    assert found["curveErrorDb"] == pytest.approx(fit_error_db(points, 48_000), abs=1e-3)


@pytest.mark.thorough
@pytest.mark.parametrize("rate", [2000, 8000, 44_100, 48_000, 96_000, 192_000])
def test_curves_at_rates(read, rate):
    check(read, CURVES, [rate])


@pytest.mark.thorough
@pytest.mark.parametrize("depth", [2.0, 8.0, 40.0])
def test_curves_at_random(read, depth):
    rng = random.Random(int(depth))
    check(read, [graphic(rng, depth) for _ in range(8)])


def test_what_has_no_room_is_told(read):
    filters = [f"Filter: ON PK Fc {100 + k} Hz Gain 1 dB Q 1\n" for k in range(70)]
    curve = "GraphicEQ: 20 1; 90 2\n"
    pairs = "Channel: L\n" + filters[0] + "Channel: R\n" + filters[0] + "Channel: all\n"
    texts = [
        "".join(filters),
        "".join(filters[:33]) + 3 * curve,
        "".join(filters[:34]) + curve,
        curve + "".join(filters),
        "".join(filters[:63]) + 2 * pairs,
        "Preamp: -1\n" + "Convolution: x\n" * 33 + curve,
        "Preamp: -1\nChannel: C\n" + filters[0] * 520,
    ]
    check(read, texts, [48_000])
    (found,) = read([{"text": "".join(filters), "rate": 48_000}])
    assert len(found["bands"]) == MOST_BANDS and len(found["skipped"]) == 6


# --- scopes ---------------------------------------------------------------------------------------

CONDITIONS = [
    *("sampleRate == 48000", "sampleRate > 44100 and not (sampleRate >= 96000)", "(sampleRate / 2 > 40000) || false"),
    *("inputChannelCount == 2 && outputChannelCount != 1", 'stage == "post-mix"', 'stage != "x"', '"true" == "true"'),
    *("true", "false", "True", "1", "0", "-1 + 1", "2 * 3 - 6", '"false"', '"0"', '""', '"x"', "not not true"),
    *("not sampleRate == 4", "not (true) == true", "(not true == true)", "not ((1) == 1)", "not (1 == 1 or 1 == 2)"),
    *("1 < 2 < 3", 'sampleRate == "x"', "true < false", '"a" < "b"', "1 and true", "true or 1", "-true", "+1 == 1"),
    *("deviceName == 1", "x", "1/0 == 1", "1/0 or x", "a.b", "f(3) > 2", "(" * 200, "9**9 > 1", "7 // 2", "7 % 2", ""),
    *("true # \u0663", "true # x", "#", "1 = 1", "1 <> 2", "!true", "true false", "1 2", "()", "(true", "true)", "not", "a == not b"),
    *("007 == 7", "00 == 0", "1. == 1.0", ".5 == 0.5", "1e3 == 1000", "1e == 1", "12.5.3 == 1", "5x == 5", "sampleRate==4.8e4"),
    *("true or nobody", "false and nobody", "é == 1", " " * 300 + "true", "1" + " " * 300 + "== 1", "null", "constructor == 1"),
    *("1 - 2 - 3 == -4", "8 / 4 / 2 == 1", "2 + 3 * 4 == 14", "(2 + 3) * 4 == 20", "--1 == 1", "1 --1 == 2", "false or true and false"),
    *("`1` == 1", '"a # b" == "a # b"', '"a', "True and TRUE", "2 > 1 == true", "\ttrue\f", "1 == 1.0 and 2 != 3", "9e999 == 9e999"),
]  # fmt: skip
PROGRAMS = [
    "Preamp: -1\nIf: {}\nPreamp: -2\nElseIf: sampleRate == 96000\nPreamp: -4\nElse:\nPreamp: -8\nEndIf:\nPreamp: -16",
    "If: sampleRate == 44100\nPreamp: -1\nElseIf: {}\nPreamp: -2\nNonsense\nElse:\nPreamp: -4\nIf: {}\nPreamp: -8\nEndIf:\nEndIf:",
    "Preamp: -1\nIf: {}\nIf: nobody\nPreamp: -2\nEndIf\nElse:\nPreamp: -4",
]  # fmt: skip
SCOPES = [
    "Preamp: -1\nElse:\nElseIf: true\nEndIf:\nPreamp: -1",
    "Device: Speakers; Head\nPreamp: -1\nIf: x\nDevice: foo; all\nPreamp: -2",
    "Stage: capture\nPreamp: -1\nInclude: x\nStage: pre-mix post-mix\nPreamp: -2\nStage: odd\nPreamp: -4\nPreamp: 1",
    "If: sampleRate == 44100\nPreamp: -3\nEndIf:",
    "Channel: C\nPreamp: -1\nFilter: ON NO Fc 50 Hz\nChannel: all\nPreamp: -2",
    "Channel: C\nPreamp: -1",
    "Channel: L\nFilter: ON NO Fc 50 Hz\nFilter: ON NO Fc 60 Hz\nChannel: R\nFilter: ON NO Fc 60 Hz\nFilter: ON NO Fc 50 Hz",
    "Channel: L\nPreamp: -3\nPreamp: -1\nChannel: R\nPreamp: -2\nPreamp: -2\nFilter: ON NO Fc 60 Hz",
    "Channel: L\nPreamp: -3\nPreamp: -1\nChannel: R\nPreamp: -1\nPreamp: -2\nChannel: all\nPreamp: -4",
    "Channel: R\nFilter: ON NO Fc 50 Hz\nFilter: ON NO Fc 50 Hz\nChannel: L\nFilter: ON NO Fc 50 Hz\nPreamp: 1",
    "Channel: L\nPreamp: -3\nFilter: ON NO Fc 50 Hz",
    "Preamp: -1\rPreamp: -2\r\n\nNonsense\r\r\nPreamp: -4\n\r",
    "Copy: L=R\nDelay: 3 ms\n",
    "",
    "# nothing\n\n",
    "hello",
]


def test_conditions(read):
    check(read, [PROGRAMS[0].format(each) for each in CONDITIONS])
    check(read, [text.format(each, each) for text in PROGRAMS[1:] for each in CONDITIONS[::2]])


def test_scopes(read):
    check(read, SCOPES)


# --- at random ------------------------------------------------------------------------------------

PIECES = [
    *("If:", "ElseIf:", "Else:", "EndIf:", "Device:", "Stage:", "Channel:", "Copy:", "Delay:", "Filter 3x:", "ON"),
    *("Preamp:", "Filter:", "GraphicEQ:", "Convolution:", "Include:", "\n", "sampleRate", "==", "48000", "not", "(", ")"),
    *("and", "true", "all", "post-mix", "L", "R", "L=R", "1.5", "ms", "-3", "dB", "x", "`", "²", "٣", "\u00a01.000"),
    *("1e400", "20 1;", "0 -100;", "LS", "PK", "Fc", "100 Hz", "Gain", "Q0.7", "BW Oct", "kHz", "#", "\x85", "\ufeff", ","),
]  # fmt: skip


def some_number(rng, least, most):
    made = rng.choice(["{:.0f}", "{:.1f}", "{:.2f}", "{:.3f}", "{:g}", "{:e}"]).format(
        rng.uniform(least, most)
    )
    return made.replace(".", ",") if rng.random() < 0.2 else made


def some_line(rng):
    kind = rng.choices(
        ["filter", "preamp", "channel", "if", "curve", "pieces", "odd"], [50, 8, 12, 9, 0.2, 12, 12]
    )[0]
    if kind == "filter":
        numbers = {"f": (10, 25_000), "g": (-20, 20), "q": (0.05, 12)}
        form = rng.choice(FORMS).format(**{k: some_number(rng, *v) for k, v in numbers.items()})
        return f"Filter {rng.randrange(30)}: ON {rng.choice(KINDS)} {form}"
    if kind == "preamp":
        return f"Preamp: {some_number(rng, -20, 5)} dB"
    if kind == "channel":
        return f"Channel: {rng.choice(['L', 'R', 'L R', 'all', 'C', '1', '2'])}"
    if kind == "if":
        head = rng.choice(["If", "If", "ElseIf", "Else", "EndIf", "EndIf", "EndIf"])
        return f"{head}: {rng.choice(CONDITIONS) if head.endswith('f') else ''}"
    if kind == "curve":
        pairs = [f"{some_number(rng, 1, 22e3)} {some_number(rng, -20, 9)}" for _ in range(9)]
        return f"GraphicEQ: {'; '.join(pairs).replace(',', '.')}"
    if kind == "pieces":
        return " ".join(rng.choices(PIECES, k=rng.randrange(9)))
    return rng.choice(ODD)


def some_text(rng):
    lines = []
    for _ in range(rng.randrange(1, 25)):
        line = some_line(rng)
        if lines and rng.random() < 0.15:
            line = rng.choice(lines)  # so that channels have the same
        while line and rng.random() < 0.1:
            at = rng.randrange(len(line))
            insert = rng.choice(
                ["", " ", rng.choice(PIECES), chr(rng.choice([9, 160, 233, 0x2028]))]
            )
            line = line[:at] + insert + line[at + rng.randrange(3) :]
        lines.append(line)
    return rng.choice(["\n", "\r\n", "\r"]).join(lines)


def at_random(read, seed, count):
    rng = random.Random(seed)
    texts = [some_text(rng) for _ in range(count)]
    jobs = [{"text": text, "rate": RATES[k % 3]} for k, text in enumerate(texts)]
    heard = 0
    for job, found in zip(jobs, read(jobs), strict=True):
        wanted = expected(**job)
        heard += bool(wanted["bands"])
        try:
            compare(found, wanted, job["rate"])
        except AssertionError as error:
            raise AssertionError(f"{job}\n{found}\n{error}") from error
    assert heard > count / 2


def test_texts_at_random(read):
    at_random(read, 5, 300)


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(4))
def test_many_texts_at_random(read, seed):
    at_random(read, 100 + seed, 1000)


def test_the_comparison_sees_what_differs(read):
    text = "Preamp: -3\nFilter: ON PK Fc 100 Hz Gain 3 dB Q 1\nNonsense\nGraphicEQ: 20 1; 90 2\n"
    wanted, spoilt = expected(text, 48_000), []
    (found,) = read([{"text": text, "rate": 48_000}])
    compare(found, wanted, 48_000)
    for k, factor in [(1, 1 + 1e-8), (2, 1 + 1e-8), (3, 1 - 1e-8)]:
        bands = [list(band) for band in found["bands"]]
        bands[0][k] *= factor
        spoilt.append({**found, "bands": bands})
    bands = [list(band) for band in found["bands"]]
    bands[9][3] += 0.02
    spoilt += [
        {**found, "bands": bands},
        {**found, "bands": found["bands"][1:]},
        {**found, "preampDb": -3 + 1e-7},
        {**found, "skipped": []},
        {**found, "skipped": [{**found["skipped"][0], "reason": "it is another"}]},
        {"error": "nothing in it is a preset"},
    ]
    for each in spoilt:
        with pytest.raises(AssertionError):
            compare(each, wanted, 48_000)


# --- files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "coding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1"]
)
def test_every_coding_is_read(read, coding):
    text = "# höhen\r\nPreamp: -6,1 dB\r\nFilter: ON PK Fc 105 Hz Gain 6,4 dB Q 0,70\r\nHöhen: 3"
    raw = text.encode(coding)
    if coding == "utf-16-be":
        raw = b"\xfe\xff" + raw
    (found,) = read([{"bytes": base64.b64encode(raw).decode(), "rate": 48_000}])
    assert found["preampDb"] == -6.1 and found["bands"] == [["peaking", 105, 0.7, 6.4]]
    assert found["skipped"][0]["text"] == "Höhen: 3"


def test_bytes_that_are_no_text_are_read_as_python_reads_them(read):
    raws = [
        *(b"Preamp: -3\n\xc3", b"Preamp: -3\x85\nB\x80: 3", b"\xef\xbb\xbfPreamp: -3\n\xff\xfe: 4"),
        *(b"\xff\xfeP", b"\xfe\xff\0P\0r\0:", b"Preamp: -3\n\0\0\0", b"P\0r\0", b"\xef\xbb\xbf\xef\xbb\xbfPreamp: -3"),
        "Preamp: -3\nÄ".encode("utf-16-le"), "Preamp: -3\n\ud83d: 3".encode("utf-16", "surrogatepass"),
    ]  # fmt: skip
    jobs = [{"bytes": base64.b64encode(raw).decode(), "rate": 48_000} for raw in raws]
    for raw, found in zip(raws, read(jobs), strict=True):
        compare(found, expected(_decoded(raw), 48_000), 48_000)


def test_what_is_no_preset_is_an_error_of_one_line(read, tmp_path):
    def raw(data):
        return {"bytes": base64.b64encode(data).decode(), "rate": 48_000}

    cure = "give an Equalizer APO configuration or an AutoEq file"
    jobs = {
        "longer than 1 MiB; that is no preset": raw(b"x" * ((1 << 20) + 1)),
        "the file is empty (0 bytes); copy it again": raw(b""),
        "more than 10,000 lines; that is no preset": raw(b"Preamp: -1\n" * 10_001),
        f"nothing in it is a preset (it is not a command); {cure}": raw(b"hello\n"),
        f"nothing in it is a preset; {cure}": raw(b"\n"),
        "nothing in it can be applied here (an impulse response: the page's equaliser has bands "
        f"alone); {cure} for both channels": raw(b"Convolution: x.wav"),
        "a sample rate of 10 Hz: give 1000 to 10000000": {"text": "Preamp: -1", "rate": 10},
    }
    assert [found["error"] for found in read(list(jobs.values()))] == list(jobs)
    fine = [raw(b"#" * (1 << 20) + b"")["bytes"], raw(b"Preamp: -0.001\n" * 10_000)["bytes"]]
    most = read([{"bytes": each, "rate": 48_000} for each in fine])
    assert most[0]["error"].startswith("nothing") and most[1]["preampDb"] == pytest.approx(-10)


# --- what is written ------------------------------------------------------------------------------


def some_setting(rng):
    bands = []
    for _ in range(rng.randrange(20)):
        kind = rng.choice(sorted(kind for kind in WRITTEN if kind))
        digits = rng.randrange(16)
        hz = round(0.6 + 390_000.0 ** rng.random(), digits)
        gain = round(rng.uniform(-60, 60), digits) if WRITTEN[kind] else 0.0
        bands.append((kind, hz, round(0.011 + 99 * rng.random(), max(2, digits)), gain))
    preamp = rng.choice([0.0, -6.1, 60.0, -60.5, 119.25, rng.uniform(-120, 120), -1e-9])
    return {"preampDb": preamp, "bands": bands}


#: Kinds of bands, and whether they have a gain.
WRITTEN = {
    **dict.fromkeys(["peaking", "lowshelf", "highshelf"], True),
    **dict.fromkeys(["lowpass", "highpass", "bandpass", "notch", "allpass"], False),
}


def test_what_is_written_is_read_as_the_same(read, tmp_path):
    rng = random.Random(3)
    made = [some_setting(rng) for _ in range(100)]
    made += [
        {"preampDb": -1.0, "bands": [("peaking", hz, 1.0, 1.0)]}
        for hz in (1.234, 105.125, 12.5, 100.0)
    ]
    texts = [each["text"] for each in read([{"setting": each} for each in made])]
    again = read([{"text": text, "rate": 48_000} for text in texts])
    path = tmp_path / "preset.txt"
    for wanted, text, found in zip(made, texts, again, strict=True):
        assert not found["skipped"] and [tuple(band) for band in found["bands"]] == wanted["bands"]
        assert found["preampDb"] == pytest.approx(wanted["preampDb"], rel=1e-12)
        path.write_text(text)
        preset = read_preset(path)
        assert not preset.skipped and preset.settings().bands == wanted["bands"]
        assert preset.settings().preamp_db == pytest.approx(wanted["preampDb"], rel=1e-12)


def test_values_that_cannot_be_read_again_are_not_written(read):
    wrong = [
        ("peaking", 0.01, 1.0, 1.0),
        ("peaking", 1e239, 1.0, 1.0),
        ("peaking", 100.0, 0.001, 1.0),
        ("peaking", 100.0, 1.0, 61.0),
        ("odd", 100.0, 1.0, 1.0),
        ("peaking", None, 1.0, 1.0),
    ]
    jobs = [{"setting": {"preampDb": 0.0, "bands": [band]}} for band in wrong]
    jobs.append({"setting": {"preampDb": None, "bands": [["odd"]]}})
    for found in read(jobs):
        assert "would not be read again" in found["error"]


def test_python_agrees_that_these_are_presets():
    """The oracle itself: what is expected of a whole preset is what its settings are."""
    text = "\n".join([parametric(random.Random(9)), CURVES[0]])
    wanted, settings = expected(text, 44_100), parse_preset(text).settings(0, 44_100, 2)
    assert wanted["bands"] == settings.bands and wanted["preamp"] == settings.preamp_db
    assert wanted["curves"] == settings.curves and not wanted["told"]
