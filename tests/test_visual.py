"""The visualiser: what is drawn, read off an emulator, against Display, Spectrum and Loudness."""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import math
import os
import re
import threading
import tty

import numpy as np
import pytest

from emulator import Emulator
from zerocross.dsp.r128 import Loudness
from zerocross.errors import UsageError
from zerocross.spectrum import SCALES, Display, Spectrum
from zerocross.sync.heard import HeardClock
from zerocross.sync.tap import Tap
from zerocross.terminal.visual import (
    DEPTHS,
    MODES,
    PALETTES,
    Visualiser,
    depth_of,
    is_unicode,
)
from zerocross.terminal.visual.colours import colour_of, heat_of
from zerocross.terminal.visual.frames import Frames
from zerocross.terminal.visual.settings import Settings

RATE = 48_000
STEP = 800


class Heard:
    """As much of a player as a visualiser needs."""

    sample_rate = RATE

    def __init__(self, channels=2):
        self._tap = Tap(65_536, channels)
        self.latency_frames = 0
        self.is_playing = True

    @property
    def tap(self):
        if not self.is_playing:
            raise UsageError("nothing plays")
        return self._tap


class Watched:
    """A visualiser on an emulator's screen, at a place of its own."""

    def __init__(self, heard, columns=60, rows=12, mode="bars", left=2, top=1, **how):
        first = {k: how.pop(k) for k in ("depth", "unicode", "theme", "scale") if k in how}
        self.heard, self.left, self.top = heard, left, top
        self.visualiser = Visualiser(
            heard, columns, rows, mode, left=left, top=top, clock_ns=lambda: 0, **first
        )
        for name, value in how.items():
            setattr(self.visualiser, name, value)
        self.emulator = Emulator(columns + left + 3, rows + top + 2)
        self.sent = b""

    def frame(self, samples=None):
        """Play samples, and show what is heard then; returns the code points on the screen."""
        self.show(samples)
        cells = self.visualiser.cells
        assert self.emulator.differences(cells, self.left, self.top) == []
        return self.emulator.glyphs(self.left, self.top, cells.columns, cells.rows)

    def show(self, samples=None):
        """Play samples, and show what is heard then."""
        if samples is not None:
            self.heard.tap.push(samples)
        self.sent = bytes(self.visualiser.frame())
        self.emulator.feed(self.sent)

    def play(self, samples, step=STEP):
        """Play samples in steps, with a frame after each; returns the last one's code points."""
        for at in range(0, samples.shape[1], step):
            self.show(samples[:, at : at + step])
        return self.frame()

    def lines(self):
        """Return what stands on the screen, row by row."""
        cells = self.visualiser.cells
        return [
            "".join(map(chr, row))
            for row in self.emulator.glyphs(self.left, self.top, cells.columns, cells.rows)
        ]


def music(seconds=0.5, seed=1):
    """Return noise whose spectrum falls, with chords that come and go, in stereo."""
    rng = np.random.default_rng(seed)
    frames = int(seconds * RATE) // STEP * STEP
    t = np.arange(frames) / RATE
    rows = []
    for channel in range(2):
        noise = np.cumsum(rng.standard_normal(frames)) * 0.01
        noise = np.convolve(noise, [1, -0.995], "same") + 0.02 * rng.standard_normal(frames)
        for hz in (110, 277, 660, 2200):
            noise += (
                0.1 * np.sin(2 * np.pi * hz * (1 + 0.01 * channel) * t) * (np.sin(9 * t + hz) > 0)
            )
        rows.append(noise)
    return np.array(rows, np.float32)


def sine(hz, amplitude=0.5, seconds=0.4, phase=0.0, right=1.0):
    frames = int(seconds * RATE) // STEP * STEP
    wave = amplitude * np.sin(2 * np.pi * hz * np.arange(frames) / RATE + phase)
    return np.array([wave, right * wave], np.float32)


def shown_by_display(samples, bands, how=None, latency=0, finds=True, **spectrum):
    """Return a `Display` that saw the same frames at the same moments.

    ``finds``: its top is that of the first of them.
    """
    set_to = Settings()
    usual = {"range_db": set_to.range_db, "gravity": set_to.fall, "smoothing": set_to.smoothing}
    how = usual | {"smear": 0.5} | (how or {})
    asked = {"low_hz": 30.0, "high_hz": 16_000.0, "fft_size": 1024, "long_fft_size": 4096}
    tap = Tap(65_536, 2)
    display = Display(
        Spectrum(tap, bands=bands, decay_s=0.0, sample_rate=RATE, **(asked | spectrum)), **how
    )
    for at in range(0, samples.shape[1], STEP):
        tap.push(samples[:, at : at + STEP])
        if at == 0 and finds:
            display.find_top()
        display.update(max(0, tap.written - latency))
    return display


def eighths_of(points):
    """Return how high bars are that stand on the last row, in eighths of a cell, column by column."""
    found = np.zeros(points.shape[1], int)
    for row in points:
        found += np.where((row >= 0x2581) & (row <= 0x2588), row - 0x2580, 0)
    return found


# --- bars ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", SCALES)
def test_bars_are_as_high_as_the_display_says(scale):
    samples = music()
    watched = Watched(Heard(), 60, 12, scale=scale)
    found = eighths_of(watched.play(samples)).reshape(20, 3)
    assert (found[:, 0] == found[:, 1]).all() and (found[:, 2] == 0).all()
    expected = shown_by_display(samples, 20, scale=scale).heights[0] * 12 * 8
    assert np.abs(found[:, 0] - expected).max() <= 1.0
    assert expected.max() > 30


def test_every_scale_is_another_picture():
    samples = music()
    seen = [tuple(eighths_of(Watched(Heard(), scale=scale).play(samples))) for scale in SCALES]
    for one, other in itertools.combinations(seen, 2):
        assert np.abs(np.subtract(one, other)).max() > 8


@pytest.mark.parametrize(
    ("name", "value", "of_display"),
    [
        ("smoothing", 0.9, "smoothing"),
        ("smoothing", 0.0, "smoothing"),
        ("fall", 0.5, "gravity"),
        ("range_db", 30.0, "range_db"),
        ("autosens", False, "autosens"),
    ],
)
def test_what_is_set_live_is_what_the_display_is_set_to(name, value, of_display):
    samples = np.concatenate([music(), 0.03 * music(0.2, 2)], axis=1)
    watched, default = Watched(Heard(), 60, 12), Watched(Heard(), 60, 12)
    watched.frame()
    setattr(watched.visualiser, name, value)
    assert getattr(watched.visualiser, name) == value
    found = eighths_of(watched.play(samples))[::3]
    expected = shown_by_display(samples, 20, {of_display: value}, finds=False).heights[0] * 12 * 8
    assert np.abs(found - expected).max() <= 1.0
    assert np.abs(found - eighths_of(default.play(samples))[::3]).max() > 4


def test_the_range_of_frequencies_and_the_latency_are_what_is_looked_at():
    samples = music()
    heard = Heard()
    heard.latency_frames = 4000
    watched = Watched(heard, 60, 12, low_hz=200.0, high_hz=4000.0)
    found = eighths_of(watched.play(samples))[::3]
    asked = {"low_hz": 200.0, "high_hz": 4000.0}
    expected = shown_by_display(samples, 20, latency=4000, **asked).heights[0] * 12 * 8
    other = shown_by_display(samples, 20, **asked).heights[0] * 12 * 8
    assert np.abs(found - expected).max() <= 1.0 < np.abs(found - other).max()


@pytest.mark.parametrize(
    ("columns", "width", "gap", "bars"),
    [(120, 2, 1, 40), (119, 2, 1, 40), (80, 1, 0, 80), (50, 7, 3, 5), (3, 9, 2, 1), (1, 1, 1, 1)],
)
def test_there_are_as_many_bars_as_fit(columns, width, gap, bars):
    watched = Watched(Heard(), columns, 6, bar_width=width, gap=gap, autosens=False, range_db=144.0)
    watched.play(np.random.default_rng(1).uniform(-1, 1, (2, 16_000)).astype(np.float32))
    full = np.append(0, eighths_of(np.array([list(map(ord, watched.lines()[-1]))])) > 0)
    runs = np.flatnonzero(np.diff(np.append(full, 0)) < 0) - np.flatnonzero(np.diff(full) > 0)
    if gap:
        assert list(runs) == [min(width, columns)] * bars
    else:
        assert runs.sum() == bars * width


def test_a_bar_stands_still_until_it_is_an_eighth_off():
    heard = Heard()
    watched = Watched(heard, 60, 12)
    rng = np.random.default_rng(5)
    for _ in range(40):
        tone = sine(440, 0.5, STEP / RATE)
        watched.frame(tone + (1e-3 * rng.standard_normal(tone.shape)).astype(np.float32))
    display = watched.visualiser._drawn.display
    for height, steps in (
        (0.0, 0),
        (0.5, 48),
        (0.5 + 0.9 / 96, 48),
        (0.5 + 1.1 / 96, 49),
        (0.0, 0),
    ):
        display.heights[:] = display._smoothed[:] = height
        watched.visualiser._drawn.frame(heard.tap.written)  # no time has passed
        watched.emulator.feed(watched.visualiser.cells.emit(2, 1))
        assert (eighths_of(watched.emulator.glyphs(2, 1, 60, 12))[::3] == steps).all()


def test_held_peaks_are_drawn_where_the_display_has_them():
    samples = np.concatenate([music(0.3), np.zeros((2, 12_000), np.float32)], axis=1)
    watched = Watched(Heard(), 60, 12, peaks=True, hold_s=5.0, fall=50.0)
    points = watched.play(samples)
    expected = shown_by_display(samples, 20, {"gravity": 50.0, "peak_hold_s": 5.0}).peaks[0]
    for bar, peak in enumerate(expected):
        above = math.ceil(peak * 96 - 0.5) - 1
        row = 11 - max(0, int(peak * 96 + 0.5) - 1) // 8
        assert chr(points[row, 3 * bar]) in "▁─▔▂▃▄▅▆▇█", (bar, peak, above)
        assert (points[:row, 3 * bar] == 0x20).all()
    watched.visualiser.peaks = False
    assert (watched.frame() == 0x2594).sum() == (watched.frame() == 0x2500).sum() == 0
    assert watched.visualiser.hold_s == 5.0


def test_mirrored_bars_are_alike_above_and_below():
    samples = music()
    watched = Watched(Heard(), 60, 12, "mirrored")
    points = watched.play(samples)
    above = eighths_of(points[:6])
    below = np.zeros(60, int)
    for y in range(6, 12):
        for x in range(60):
            glyph, *_, is_reversed = watched.emulator.shown(y + 1, x + 2)
            full = ord(glyph) - 0x2580 if 0x2581 <= ord(glyph) <= 0x2588 else 0
            below[x] += 8 - full if is_reversed else full
    assert (above == below).all()
    expected = shown_by_display(samples, 20).heights[0] * 6 * 8
    assert np.abs(above[::3] - expected).max() <= 1.0


def test_stereo_has_low_bands_in_the_middle_left_to_the_left():
    samples = music()
    watched = Watched(Heard(), 60, 12, "stereo")
    found = eighths_of(watched.play(samples))[::3]
    expected = shown_by_display(samples, 10, mix="stereo").heights * 12 * 8
    assert np.abs(found[:10] - expected[0][::-1]).max() <= 1.0
    assert np.abs(found[10:] - expected[1]).max() <= 1.0
    only_left = Watched(Heard(), 60, 12, "stereo", autosens=False)
    found = eighths_of(only_left.play(sine(1000, right=0.0)))[::3]
    assert found[:10].max() > 70 and found[10:].max() == 0


def test_a_bar_that_does_not_fit_is_cut():
    watched = Watched(Heard(), 7, 8, "stereo", autosens=False, bar_width=4)
    found = eighths_of(watched.play(sine(1000, right=0.0)))
    assert len(set(found[:4])) == 1 and found[0] > 30 and not found[4:].any()
    right = eighths_of(watched.play(np.ascontiguousarray(sine(1000, right=0.0)[::-1])))
    assert right[5] == right[6] > 30 and right[4] == 0


def test_a_range_of_frequencies_is_an_octave_at_least():
    watched = Watched(Heard(), 30, 4, low_hz=18_000.0)
    watched.frame(music(0.1))
    edges = watched.visualiser._drawn.display.spectrum.bands.edges
    assert edges[0] == pytest.approx(0.499 * RATE / 2) and edges[-1] == pytest.approx(0.499 * RATE)
    watched.visualiser.low_hz = watched.visualiser.high_hz = 100.0
    for mode in ("bars", "octaves"):
        watched.visualiser.mode = mode
        watched.frame()
        centres = watched.visualiser._drawn.display.spectrum.bands.centres
        assert centres[0] > 95 and centres[-1] < 205


# --- line, octaves, waterfall -------------------------------------------------------------------


def dots_of(points):
    """Return the dots of braille cells, shape (4 rows, 2 columns)."""
    bits = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
    masks = np.where(points >= 0x2800, points - 0x2800, 0)
    rows, columns = points.shape
    found = masks[:, None, :, None] & bits[None, :, None, :]
    return (found > 0).reshape(4 * rows, 2 * columns)


@pytest.mark.thorough
def test_a_line_goes_through_the_heights_and_is_joined():
    samples = music()
    watched = Watched(Heard(), 60, 12, "line")
    dots = dots_of(watched.play(samples))
    heights = shown_by_display(samples, 60).heights[0]
    between = np.interp((np.arange(120) + 0.5) / 2, np.arange(60) + 0.5, heights)
    expected = 47 - np.floor(between * 47 + 0.5).astype(int)
    assert dots[expected, np.arange(120)].all()
    for x in range(120):  # and between it and the one before, nothing else
        low, high = sorted((expected[max(0, x - 1)], expected[x]))
        rows = np.flatnonzero(dots[:, x])
        assert low <= rows.min() and rows.max() <= high
        assert len(rows) == max(1, high - low)
    assert dots.sum() > 130


def test_octave_bands_read_dbfs_and_say_so():
    watched = Watched(Heard(), 90, 21, "octaves", smoothing=0.0)
    points = watched.play(sine(1000, 0.1))  # -20 dBFS: a third of 60 dB from the top
    lines = watched.lines()
    x = lines[-1].index("1k")
    found = eighths_of(points[:-1])
    assert abs(found[x] - 2 / 3 * 20 * 8) <= 1.5
    y = next(y for y, line in enumerate(lines) if line.startswith(" -20"))
    assert 20 - math.ceil(found[x] / 8) in (y, y - 1)
    for name in ("31.5", "63", "125", "250", "500", "2k", "4k", "8k", "16k"):
        assert f" {name} " in lines[-1] + " "
    assert found[lines[-1].index("4k")] == 0
    samples = music()
    watched = Watched(Heard(), 90, 21, "octaves", fraction=1)
    found = eighths_of(watched.play(samples)[:-1])
    how = {"autosens": False, "smear": 0.0}
    expected = shown_by_display(samples, 1, how, scale="octave", fraction=1, per="band").heights[0]
    assert len(expected) == 10
    assert np.abs(found[5 : 5 + 8 * 10 : 8] - expected * 160).max() <= 1.6
    watched.visualiser.range_db = 96.0  # the scale is another one then
    watched.frame()
    assert any(line.startswith((" -80", " -90", " -72", " -96")) for line in watched.lines())


@pytest.mark.parametrize(("columns", "bands"), [(40, 28), (130, 28), (20, 10)])
def test_there_are_as_many_octave_bands_as_fit(columns, bands):
    watched = Watched(Heard(), columns, 8, "octaves")
    watched.frame(music(0.1))
    assert watched.visualiser._drawn.display.heights.shape == (1, bands)


@pytest.mark.parametrize("is_alone", [True, False])
def test_a_waterfall_shows_colours_of_levels_and_sinks(is_alone):
    heard = Heard()
    watched = Watched(heard, 40, 6, "waterfall", 0 if is_alone else 2, depth="true", history_s=0.2)
    if is_alone:
        watched.emulator = Emulator(40, 9)
        watched.visualiser.cells.is_alone = True
    samples = music(0.25)
    heat = heat_of(PALETTES["default"], "true", 64)
    shown, size = [], 0
    for at in range(0, samples.shape[1], STEP):  # one line a step: 12 half rows in 0.2 s
        watched.frame(samples[:, at : at + STEP])
        size += len(watched.sent)
        how = {"gravity": 1000.0, "smear": 0.0}
        display = shown_by_display(samples[:, : at + STEP], 40, how)
        shown.append(heat[np.minimum(63, (display.heights[0] * 64).astype(int))])
    shown.reverse()  # the newest first
    found = []
    for y, x in itertools.product(range(6), range(40)):
        glyph, ink, paper, *_ = watched.emulator.shown(y + 1, x + watched.left)
        upper, lower = (paper, ink) if glyph == "▄" else (paper, paper)
        found.append((upper, lower))
    offset = 0 if len(shown) % 2 == 0 else -1
    for y, x in itertools.product(range(1, 6), range(40)):
        upper, lower = found[40 * y + x]
        assert upper == f"{shown[2 * y + offset][x] - (1 << 24):06x}"
        assert lower == f"{shown[2 * y + offset + 1][x] - (1 << 24):06x}"
    assert len({upper for upper, _ in found}) > 10
    test_a_waterfall_shows_colours_of_levels_and_sinks.sizes[is_alone] = size
    sizes = test_a_waterfall_shows_colours_of_levels_and_sinks.sizes
    if len(sizes) == 2:
        assert sizes[True] < 0.5 * sizes[False]


test_a_waterfall_shows_colours_of_levels_and_sinks.sizes = {}


def test_a_waterfall_without_colours_has_shades():
    watched = Watched(Heard(), 40, 6, "waterfall", depth="monochrome", history_s=0.1)
    points = watched.play(music(0.4))
    assert {chr(point) for point in points.ravel()} <= set(" ░▒▓█")
    display = watched.visualiser._drawn.display
    steps = np.minimum(63, (display.heights[0] * 64).astype(int)) * 5 // 64
    assert "".join(" ░▒▓█"[step] for step in steps) == watched.lines()[0]


# --- waves --------------------------------------------------------------------------------------


def test_a_trigger_holds_a_wave_still_and_a_longer_span_shows_more_of_it():
    pictures = []
    for phase in (0.0, 1.0, 2.5):
        watched = Watched(Heard(), 60, 12, "oscilloscope", autosens=False)
        pictures.append(dots_of(watched.play(sine(200, 0.8, phase=phase))))
    assert (pictures[0] == pictures[1]).mean() > 0.97 and (pictures[0] == pictures[2]).mean() > 0.97
    loose = Watched(Heard(), 60, 12, "oscilloscope", autosens=False, trigger=False)
    moved = dots_of(loose.play(sine(200, 0.8, phase=1.0)))
    assert (moved == pictures[0]).mean() < 0.95
    left, right = pictures[0][:24], pictures[0][24:]
    assert (left == right).all()
    rows = np.array([np.flatnonzero(column).mean() for column in left.T])
    expected = 11.5 - 11.5 * 0.8 * np.sin(2 * np.pi * 200 * 0.02 * (np.arange(120) + 0.5) / 120)
    assert np.abs(rows - expected).max() < 2.0  # four periods in 20 ms, full scale at the edge
    longer = Watched(Heard(), 60, 12, "oscilloscope", autosens=False, span_s=0.04)
    rows = dots_of(longer.play(sine(200, 0.8)))[:24]
    edge = rows[:4].any(axis=0).astype(int)
    assert (np.diff(edge) == 1).sum() in (7, 8)  # eight periods


def test_a_trace_is_joined():
    watched = Watched(Heard(), 60, 12, "oscilloscope", autosens=False)
    dots = dots_of(watched.play(sine(900, 0.9)))[:24]
    tops, bottoms = dots.argmax(axis=0), 23 - dots[::-1].argmax(axis=0)
    assert (dots.sum(axis=0) == bottoms - tops + 1).all()
    assert (tops[1:] <= bottoms[:-1] + 1).all() and (bottoms[1:] >= tops[:-1] - 1).all()
    assert dots.any(axis=0).all() and (bottoms - tops).max() < 10


def test_the_edge_of_a_trace_follows_what_is_heard():
    watched = Watched(Heard(), 60, 12, "oscilloscope")
    dots = dots_of(watched.play(sine(200, 0.01, seconds=0.6)))
    assert dots[0].any() and dots[23].any()
    fixed = Watched(Heard(), 60, 12, "oscilloscope", autosens=False)
    dots = dots_of(fixed.play(sine(200, 0.01)))
    assert not dots[:10].any() and dots[11:13].any()


def test_a_goniometer_shows_where_sound_is():
    def cloud(samples):
        watched = Watched(Heard(), 40, 20, "goniometer")
        rows, columns = np.nonzero(dots_of(watched.play(samples)))
        return rows - 39.5, columns - 39.5

    y, x = cloud(sine(300))
    assert np.abs(x).max() <= 0.5 and y.min() < -35 and y.max() > 35  # mono: upright
    y, x = cloud(sine(300, right=-1.0))
    assert np.abs(y).max() <= 0.5 and x.min() < -35 and x.max() > 35  # opposite: lying
    y, x = cloud(sine(300, right=0.0))
    assert np.abs(x - y).max() <= 1.0 and x.min() < -20  # left: up to the left
    y, x = cloud(sine(300)[::-1] * np.array([[0.0], [1.0]], np.float32))
    assert np.abs(x + y).max() <= 1.0 and x.max() > 20


# --- meters -------------------------------------------------------------------------------------


def number_in(line):
    """Return the number in a row of meters."""
    found = re.search(r"(-?\d+\.\d+)(?: +(LUFS|dBTP))? *$", line)
    return float(found[1])


def test_meters_say_what_is_measured():
    samples = music(3.5)
    watched = Watched(Heard(), 80, 14, "meters")
    watched.play(samples, 6000)
    oracle = Loudness(RATE, 2)
    oracle.push(samples)
    lines = watched.lines()[::2]
    assert abs(number_in(lines[0]) - oracle.momentary_lufs) < 0.3
    assert abs(number_in(lines[1]) - oracle.short_term_lufs) < 0.1
    assert abs(number_in(lines[2]) - oracle.integrated_lufs) < 0.2
    for line, row in zip(lines[3:5], samples, strict=True):
        peak = Loudness(RATE, 1)
        peak.push(row[None, -RATE:])
        peak.finish()
        assert abs(number_in(line) - peak.true_peak_dbtp) < 0.2
    names = ["momentary", "short-term", "integrated", "left peak", "right peak", "phase"]
    assert [line[:11].strip() for line in lines[:6]] == names
    bar = re.search("█+", lines[1])
    width = 80 - 6 - 6 - 11
    assert abs(len(bar[0]) / width - (oracle.short_term_lufs + 57) / 60) < 1.5 / width


def test_what_is_not_known_yet_has_no_number():
    watched = Watched(Heard(), 80, 14, "meters")
    watched.play(sine(500, seconds=1.0), 6000)
    assert re.search(r" -  LUFS$", watched.lines()[2])  # short-term: 3 s
    assert "█" not in watched.lines()[2]
    assert number_in(watched.lines()[0]) < 0


@pytest.mark.parametrize(("right", "phase"), [(1.0, 1.0), (-1.0, -1.0), (0.0, 0.0)])
def test_the_phase_is_how_much_left_and_right_are_alike(right, phase):
    watched = Watched(Heard(), 80, 14, "meters")
    watched.play(sine(500, right=right, seconds=1.0), 6000)
    line = watched.lines()[10]
    assert number_in(line) == phase
    full = [k for k, letter in enumerate(line) if letter == "█"]
    width = 80 - 6 - 6 - 11
    middle = 11 + width // 2
    ends = {1.0: (middle, 11 + width - 1), -1.0: (11, middle), 0.0: (middle, middle)}
    assert (full[0], full[-1]) == ends[phase]


def test_partly_alike_channels_read_their_correlation():
    rng = np.random.default_rng(4)
    both, left, right = rng.standard_normal((3, 3 * RATE)) * 0.1
    samples = np.array([both + left, both + 0.5 * right], np.float32)
    watched = Watched(Heard(), 80, 14, "meters")
    watched.play(samples, 6000)
    assert abs(number_in(watched.lines()[10]) - np.corrcoef(samples)[0, 1]) < 0.05


def test_a_peak_is_held_and_then_let_go():
    watched = Watched(Heard(), 80, 14, "meters", hold_s=0.5)
    watched.play(sine(500, 0.9, seconds=0.2))
    quiet = sine(500, 0.3, seconds=0.4)
    watched.play(quiet)
    assert abs(number_in(watched.lines()[6]) - 20 * math.log10(0.9)) < 0.2
    watched.play(sine(500, 0.3, seconds=1.2), 4000)
    assert abs(number_in(watched.lines()[6]) - 20 * math.log10(0.3)) < 0.3
    forgetful = Watched(Heard(), 80, 14, "meters", hold_s=0.0)
    forgetful.play(sine(500, 0.9, seconds=0.2))
    forgetful.play(quiet)
    expected = 20 * math.log10(0.9) - 20 / 1.7 * 0.4  # falling since
    assert abs(number_in(forgetful.lines()[6]) - expected) < 1.5


def test_silence_has_no_number_and_bad_samples_do_no_harm():
    watched = Watched(Heard(), 80, 14, "meters")
    watched.play(np.zeros((2, 8000), np.float32))
    assert re.search(r" -  LUFS$", watched.lines()[0])
    bad = np.full((2, 8000), np.nan, np.float32)
    bad[:, ::3] = np.inf
    for mode in ("meters", "oscilloscope", "goniometer"):
        watched.visualiser.mode = mode
        watched.play(bad)
    watched.visualiser.mode = "meters"
    watched.play(sine(500, seconds=1.0), 6000)
    assert number_in(watched.lines()[0]) < 0


# --- what is heard ------------------------------------------------------------------------------


class Device:
    """A tap that a device of long blocks writes, and the clock of what is heard of it."""

    def __init__(self, latency):
        self._tap = Tap(65_536, 1)
        self.clock = HeardClock(self._tap, RATE)
        self.clock.latency_frames = latency
        assert self.clock.latency_frames == latency

    def heard(self, now_s, written):
        self._tap.record["write"] = written
        return self.clock.frame(int(now_s * 1e9))


def test_what_is_heard_goes_on_between_two_blocks():
    """A device of long blocks, whose clock is a little fast or slow, looked at 60 times a second."""
    for drift, block in ((1.0, 2048), (1.002, 2048), (0.998, 1024), (1.0, 64)):
        latency, found, true = 3 * block, [], []
        device = Device(latency)
        for k in range(1200):
            now = 5.0 + k / 60
            blocks = int(now * drift * RATE / block)  # of which the last one came then:
            since = now - blocks * block / (drift * RATE)
            found.append(device.heard(now, blocks * block))
            true.append(blocks * block - latency + since * drift * RATE)
        steps = np.diff(found[300:])
        assert (steps >= 0).all()
        assert np.abs(steps - RATE / 60).max() < 0.3 * RATE / 60 + 64, (drift, block)
        assert np.abs(np.subtract(found, true)[300:]).max() <= block


def test_what_is_heard_stands_still_in_a_pause_and_is_nothing_that_was_not_written():
    device = Device(4000)
    found = [device.heard(k / 60, min(k, 60) * 800) for k in range(120)]
    assert found[70] == found[-1] and 44_000 <= found[-1] <= 44_800
    assert (np.diff(found) >= 0).all()
    assert device.heard(2.1, 500) == 0  # from the beginning again
    assert Device(500).heard(1e6, 0) == 0
    assert Device(500).heard(1e6, 700) == 200


def test_a_picture_moves_between_two_blocks():
    heard, now = Heard(), [0]
    heard.latency_frames = 8192
    visualiser = Visualiser(heard, 60, 12, clock_ns=lambda: now[0])
    visualiser.smoothing = 0.0
    samples, sizes = music(0.6), []
    for k in range(30):
        if k % 3 == 0:
            heard.tap.push(samples[:, 2400 * (k // 3) :][:, :2400])
        sizes.append(len(visualiser.frame()))
        now[0] += 10**9 // 60
    assert min(sizes[15:]) > 0


# --- all modes ----------------------------------------------------------------------------------


def test_every_mode_is_another_picture_and_all_are_there():
    samples = music(0.3)
    seen = {mode: tuple(Watched(Heard(), 60, 12, mode).play(samples).ravel()) for mode in MODES}
    assert len(set(seen.values())) == len(MODES) == 9


@pytest.mark.parametrize("mode", MODES)
def test_any_size_place_and_terminal_shows_the_cells_and_nothing_else(mode):
    """The emulator compares every frame with the cells, and looks after what is around them."""
    rng = np.random.default_rng(2)
    samples = music(0.2)
    heard = Heard()
    for depth, unicode in [*((depth, True) for depth in DEPTHS), ("16", False), ("true", False)]:
        columns, rows = int(rng.integers(1, 70)), int(rng.integers(1, 20))
        watched = Watched(heard, columns, rows, mode, depth=depth, unicode=unicode, peaks=True)
        watched.play(samples[:, : 3 * STEP])
        watched.visualiser.resize(1, 1)
        watched.emulator = Emulator(8, 4)
        watched.play(samples[:, : 2 * STEP])
        watched.visualiser.resize(5, 2)
        watched.emulator = Emulator(10, 5)
        watched.play(samples[:, : 2 * STEP])


#: What may be set at any time, and to what.
CHOICES = {
    "mode": list(MODES),
    "scale": list(SCALES),
    "theme": list(PALETTES),
    "depth": list(DEPTHS),
    "smoothing": [0.0, 0.5, 0.99],
    "fall": [0.0, 3.0, 1000.0],
    "range_db": [6.0, 60.0, 144.0],
    "autosens": [True, False],
    "peaks": [True, False],
    "hold_s": [0.0, 1.0],
    "bar_width": [1, 2, 64],
    "gap": [0, 1, 64],
    "low_hz": [1.0, 30.0, 15_000.0],
    "high_hz": [20.0, 15_500.0, 384_000.0],
    "fraction": [1, 3, 24],
    "span_s": [0.001, 0.02, 0.5],
    "trigger": [True, False],
    "history_s": [0.1, 8.0, 600.0],
}


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_set_whenever_the_cells_are_shown(seed):
    rng = np.random.default_rng(seed)
    samples, heard = music(1.0, seed), Heard(channels=2 - seed % 2)
    heard.latency_frames = 1000 * seed
    watched = Watched(heard, 30, 8, unicode=seed != 3)
    visualiser = watched.visualiser
    for frame in range(400):
        name = rng.choice(list(CHOICES))
        setattr(visualiser, name, CHOICES[name][rng.integers(len(CHOICES[name]))])
        if rng.random() < 0.15:
            columns, rows = int(rng.integers(1, 50)), int(rng.integers(1, 16))
            watched.left, watched.top = int(rng.integers(0, 4)), int(rng.integers(0, 4))
            visualiser.resize(columns, rows)
            visualiser.place(watched.left, watched.top)
            alone = rng.random() < 0.3
            watched.left = visualiser.left = 0 if alone else watched.left
            visualiser.cells.is_alone = alone
            watched.emulator = Emulator(columns + (0 if alone else watched.left + 2), rows + 6)
        if rng.random() < 0.05:
            visualiser.forget()
        at = int(rng.integers(0, 47)) * 1000
        watched.frame(samples[: heard.tap.channels, at : at + int(rng.integers(1, 3000))])
        assert watched.emulator.is_plain(), frame


@pytest.mark.parametrize("mode", MODES)
def test_a_terminal_is_sent_only_what_it_has(mode):
    samples = music(0.05)

    def sent(**how):
        watched = Watched(Heard(), 70, 14, mode, peaks=True, **how)
        found = b""
        for at in range(0, samples.shape[1], STEP):
            watched.show(samples[:, at : at + STEP])
            found += watched.sent
        return found, watched

    found, _ = sent(unicode=False)
    assert found.isascii()
    found, _ = sent(depth="monochrome")
    assert set(re.findall(rb"\x1b\[([0-9;]*)m", found)) <= {b"", b"7", b"27"}
    for depth, most in (("16", 15), ("256", 255)):
        for theme in PALETTES:
            _, watched = sent(depth=depth, theme=theme)
            cells = watched.visualiser.cells
            assert max(cells.inks.max(), cells.papers.max()) <= most


def test_themes_paint_with_their_colours():
    samples = music(0.3)
    for theme, palette in PALETTES.items():
        watched = Watched(Heard(), 60, 6, theme=theme, autosens=False, range_db=144.0)
        points = watched.play(samples)
        zones = [colour_of(text, "256") for text in palette.zones]
        inks = watched.visualiser.cells.inks
        for y, zone in enumerate((2, 2, 1, 1, 0, 0)):
            is_bar = (points[y] >= 0x2581) & (points[y] <= 0x2588)
            assert (inks[y][is_bar] == zones[zone]).all()
            assert is_bar.any() or y < 2
    watched.visualiser.theme = "light"
    watched.frame()
    assert watched.visualiser.cells.inks[5, 0] == colour_of("005faf", "256")


def test_where_nothing_plays_nothing_is_shown_and_another_stream_is_followed():
    heard = Heard()
    watched = Watched(heard, 60, 12)
    assert eighths_of(watched.play(music(0.2))).max() > 20
    assert len(watched.visualiser.frame()) == 0  # nothing new was heard
    heard.is_playing = False
    for _ in range(8):
        watched.show()
    assert (watched.frame() == 0x20).all()
    assert len(watched.visualiser.frame()) == 0
    heard.is_playing, heard._tap = True, Tap(65_536, 1)
    mono = music(0.2)[:1]
    assert eighths_of(watched.play(mono)).max() > 20
    for mode in MODES:
        watched.visualiser.mode = mode
        watched.play(mono[:, : 2 * STEP])


def test_the_top_is_kept_where_the_picture_is_another_one():
    heard = Heard()
    watched = Watched(heard, 60, 12)
    watched.play(0.1 * music(0.3))
    top = watched.visualiser._drawn.display.top_db
    assert -60 < top < -10  # found at once
    for name, value in (("scale", "mel"), ("bar_width", 5), ("mode", "line"), ("mode", "stereo")):
        setattr(watched.visualiser, name, value)
        watched.frame()
        assert watched.visualiser._drawn.display.top_db == top
    watched.visualiser.mode = "octaves"
    watched.frame()
    assert watched.visualiser._drawn.display.top_db == 0.0
    watched.visualiser.mode = "bars"
    watched.frame()
    assert -60 < watched.visualiser._drawn.display.top_db < -10


def test_a_mode_that_looks_at_the_same_bands_takes_over_how_they_stand():
    heard = Heard()
    watched = Watched(heard, 60, 12)
    watched.play(music(0.3))
    display = watched.visualiser._drawn.display
    watched.visualiser.mode = "mirrored"
    watched.frame()
    assert watched.visualiser._drawn.display is display
    watched.visualiser.scale = "mel"
    watched.frame()
    assert watched.visualiser._drawn.display is not display


def test_all_is_sent_again_when_it_is_placed_elsewhere_or_forgotten():
    heard = Heard()
    watched = Watched(heard, 30, 6)
    watched.play(music(0.2))
    watched.visualiser.place(1, 2)
    watched.visualiser.forget()
    watched.left, watched.top, watched.emulator = 1, 2, Emulator(40, 10)
    watched.frame()
    assert len(watched.sent) > 180


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("mode", "piano", "there are bars"),
        ("scale", "musical", "give one of linear"),
        ("theme", "pink", "there are default"),
        ("depth", "12", "give one of monochrome"),
        ("smoothing", 1.0, "give 0 to 0.99"),
        ("fall", -1.0, "give 0 to 1000"),
        ("range_db", 0.0, "give 6 to 144 dB"),
        ("peaks", "yes", "peaks"),
        ("bar_width", 0, "a whole number, 1 to 64"),
        ("gap", -1, "a whole number, 0 to 64"),
        ("fraction", 25, "a whole number, 1 to 24"),
        ("span_s", 2.0, "give 0.001 to 0.5 s"),
        ("history_s", 0.0, "give"),
        ("hold_s", -1.0, "give"),
        ("low_hz", 0.0, "give 1 to"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_and_changes_nothing(name, value, hint):
    visualiser = Visualiser(Heard(), 20, 5)
    before = getattr(visualiser, name)
    with pytest.raises(UsageError, match=re.escape(hint)):
        setattr(visualiser, name, value)
    assert getattr(visualiser, name) == before


# --- colours ------------------------------------------------------------------------------------


def test_colours_are_the_nearest_that_there_are():
    assert colour_of("00afd7", "256") == 38 and colour_of("ffffff", "256") == 231
    assert colour_of("808080", "256") == 244 and colour_of("ff0000", "16") == 9
    assert colour_of("123456", "true") == 0x1123456
    assert colour_of("123456", "monochrome") == colour_of("", "true") == -1
    with pytest.raises(UsageError, match="RRGGBB"):
        colour_of("red", "true")
    heat = heat_of(PALETTES["default"], "true", 64)
    assert heat[0] == 1 << 24 and heat[-1] == (1 << 24) + 0xFEE838
    assert (np.diff([sum(map(int, (h).to_bytes(4, "big")[1:])) for h in heat.tolist()]) > -40).all()


@pytest.mark.parametrize(
    ("environ", "depth"),
    [
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, "true"),
        ({"TERM": "xterm-256color"}, "256"),
        ({"TERM": "xterm-direct"}, "true"),
        ({"TERM": "linux"}, "16"),
        ({"TERM": "vt100-m"}, "monochrome"),
        ({"TERM": "dumb"}, "monochrome"),
        ({}, "monochrome"),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, "monochrome"),
    ],
)
def test_a_terminal_is_known_by_its_environment(environ, depth):
    assert depth_of(environ) == depth


def test_an_encoding_has_the_glyphs_or_not():
    assert is_unicode("utf-8") and is_unicode("UTF8")
    assert not is_unicode("ascii") and not is_unicode("latin-1")
    assert not is_unicode(None) and not is_unicode("no-such-encoding")


# --- without Python -------------------------------------------------------------------------------


@contextlib.contextmanager
def a_terminal():
    """Yield both ends of a pseudo terminal that do not block, the user's first."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    for file in (ours, theirs):
        os.set_blocking(file, False)
    try:
        yield ours, theirs
    finally:
        os.close(ours)
        os.close(theirs)


def read_all(file):
    found = b""
    with contextlib.suppress(BlockingIOError):
        while True:
            found += os.read(file, 1 << 16)
    return found


def shown_alone(visualiser, files, most=1):
    """Show frames without Python; returns their bytes and how many there were."""
    frames = visualiser.without_python()
    shown, _, unsent = frames.show(files[1], 0.001, most)
    assert len(unsent) == 0
    return read_all(files[0]), shown


@pytest.mark.skipif(not Frames.is_possible, reason="Linux's system calls")
@pytest.mark.parametrize("mode", [name for name in MODES if MODES[name].is_compiled])
def test_frames_without_python_are_those_with_it(mode):
    heard, samples = Heard(), music(0.2)
    heard.tap.push(samples)
    alone = Visualiser(heard, 60, 12, mode, left=2, top=1)
    other = Visualiser(heard, 60, 12, mode, left=2, top=1)
    emulator = Emulator(65, 14)
    with a_terminal() as files:
        for _ in range(3):
            data, shown = shown_alone(alone, files)
            assert shown == 1
            emulator.feed(data)
            assert emulator.differences(alone.cells, 2, 1) == []
            assert data == bytes(other.frame())
            heard.tap.push(samples[:, :4000] * 0.3)


@pytest.mark.skipif(not Frames.is_possible, reason="Linux's system calls")
def test_frames_go_on_while_the_gil_is_held():
    heard = Heard()
    heard.tap.push(music(0.2))
    visualiser = Visualiser(heard, 60, 12)
    with a_terminal() as files:
        shown_alone(visualiser, files)
        frames, found = visualiser.without_python(), []
        thread = threading.Thread(target=lambda: found.append(frames.show(files[1], 0.005, 10**6)))
        thread.start()
        ctypes.PyDLL(None).usleep(500_000)
        visualiser.halt()
        thread.join(30)
        assert found[0][0] > 20


@pytest.mark.skipif(not Frames.is_possible, reason="Linux's system calls")
def test_whatever_lays_out_anew_ends_frames_without_python():
    heard = Heard()
    heard.tap.push(music(0.2))
    visualiser = Visualiser(heard, 60, 12)
    _ = visualiser.frame()
    with a_terminal() as files:
        for change in (
            lambda: visualiser.resize(40, 10),
            lambda: setattr(visualiser, "mode", "line"),
            lambda: setattr(visualiser, "theme", "light"),
            lambda: setattr(visualiser, "depth", "16"),
            lambda: setattr(visualiser, "scale", "mel"),
            lambda: setattr(visualiser, "bar_width", 3),
        ):
            frames = visualiser.without_python()
            change()
            assert frames.show(files[1], 0.001, 5)[0] == 0
        visualiser.smoothing = 0.5
        assert visualiser.without_python().show(files[1], 0.001, 5)[0] == 5
        visualiser.mode = "meters"
        assert visualiser.without_python() is None
        heard.is_playing = False
        assert visualiser.without_python() is None


@pytest.mark.skipif(not Frames.is_possible, reason="Linux's system calls")
def test_a_terminal_that_takes_no_more_ends_them_with_what_it_did_not_take():
    heard = Heard()
    heard.tap.push(music(0.2))
    visualiser, emulator = Visualiser(heard, 60, 12), Emulator(60, 12)
    with a_terminal() as files:
        frames, unsent, given = visualiser.without_python(), b"", 0
        while not unsent:
            visualiser.forget()
            _, _, unsent = frames.show(files[1], 0.0, 1)
            given += 1
            assert given < 10_000
        finished = threading.Thread(target=visualiser.forget)
        finished.start()
        finished.join(0.02)
        assert finished.is_alive(), "nobody touches it in between"
        rest = bytes(unsent)
        frames.mutex.__exit__()
        finished.join(30)
        emulator.feed(read_all(files[0]) + rest)
        assert emulator.differences(visualiser.cells, 0, 0) == []
