"""The visualiser on a card: what is drawn, against models in NumPy; windows, pictures and films of it."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from conftest import music, need, need_module, wait_for
from zerocross import Player
from zerocross.cli.viz import viz
from zerocross.errors import DeviceError, MissingDependency, UsageError
from zerocross.gpu import BandSpectra, Canvas, Following, axes
from zerocross.gpu.axes import labels
from zerocross.gpu.live import LiveSound
from zerocross.gpu.scenes import MODES
from zerocross.gpu.spectra import SIZES
from zerocross.sync import Tap
from zerocross.viz import Show, Window, record_film, save_picture
from zerocross.viz.show import SCALE_NAMES, SHADER

RATE = 48_000


def stereo(frames, seed=1):
    """Return noise under a sweep, another one left than right, as rows."""
    rng = np.random.default_rng(seed)
    sweep = np.sin(np.cumsum(np.linspace(0.005, 0.8, frames)))
    return (
        np.array([0.5 * sweep, 0.3 * np.roll(sweep, 40)]) + 0.02 * rng.standard_normal((2, frames))
    ).astype(np.float32)


def submit(card, put):
    encoder = card.device.create_command_encoder()
    found = put(encoder)
    card.device.queue.submit([encoder.finish()])
    return found


def feed(card, sound, rows, sizes=(800,)):
    """Bring rows in pieces of some sizes, again and again."""
    at = k = 0
    while at < rows.shape[1]:
        piece = rows[:, at : at + sizes[k % len(sizes)]]
        submit(card, lambda encoder, piece=piece: sound.feed(encoder, piece))
        at, k = at + piece.shape[1], k + 1


# --- what is heard, on the card -------------------------------------------------------------------


@pytest.mark.parametrize(("rate", "fft_size"), [(48_000, 4096), (44_100, 32_768), (96_000, 256)])
def test_levels_of_pieces_are_those_of_the_whole(card, rate, fft_size):
    """Any pieces: over the end of the ring, more of them than a window, and fewer than a hop."""
    rows = stereo(150_000)
    sound = LiveSound(card, rate, 60, fft_size=fft_size, seconds=5.0)
    feed(card, sound, rows, (1, 7000, 801, 100, 16_384))
    spectra = sound.spectra
    mixed = (0.5 * (rows[0] + rows[1])).astype(np.float32)
    padded = np.concatenate([np.zeros(fft_size - spectra.hop, np.float32), mixed])
    levels, peaks = Following(spectra, 0.0, 0.12, 0.7, 18.0).follow(spectra.of(padded))
    seen, whole = sound.seen, levels.read()
    count = seen.row + 1
    got = card.read(seen.levels, np.float32, count * 60).reshape(-1, 60)
    assert np.array_equal(got, whole[-count:])
    got = card.read(seen.peaks, np.float32, count * 60).reshape(-1, 60)
    assert np.array_equal(got, peaks.read()[-count:])
    history = card.read(seen.history, np.float32, seen.rows * 60).reshape(-1, 60)
    history = np.roll(history, -seen.newest - 1, axis=0)
    now = spectra.of(padded).read()[-seen.rows :]
    assert len(now) > 100 and np.array_equal(history[-len(now) :], now)
    assert (history[: len(history) - len(now)] == -200).all(), "before it was anything"


def test_samples_are_there_mixed_and_apart(card):
    rows = stereo(100_000)
    sound = LiveSound(card, RATE)
    feed(card, sound, rows, (4801,))
    planes, end = sound.samples
    found = card.read(planes, np.float32, planes.size // 4).reshape(3, -1)
    for plane, wanted in zip(found, [0.5 * (rows[0] + rows[1]), *rows], strict=True):
        assert np.abs(plane[end - 60_000 : end] - wanted[-60_000:]).max() < 1e-7
    feed(card, sound, rows[:1, :5000])
    planes, end = sound.samples
    found = card.read(planes, np.float32, planes.size // 4).reshape(3, -1)
    assert all(np.array_equal(plane[end - 5000 : end], rows[0, :5000]) for plane in found), "mono"
    bad = rows[:, :100].copy()
    bad[0, 3:6] = np.nan, np.inf, -np.inf
    feed(card, sound, bad)
    planes, end = sound.samples
    assert np.isfinite(card.read(planes, np.float32, planes.size // 4)).all()


def test_a_tap_is_followed_to_what_is_heard(card):
    rows = stereo(140_000)
    tap = Tap(65_536, 2)
    sound = LiveSound(card, RATE)
    tap.push(rows[:, :50_000])
    assert submit(card, lambda e: sound.follow(e, tap, 30_000)) == 4096, "a window, to begin with"
    assert submit(card, lambda e: sound.follow(e, tap, 30_000)) == 0
    assert submit(card, lambda e: sound.follow(e, tap, 30_777)) == 777
    planes, end = sound.samples
    left = card.read(planes, np.float32, planes.size // 4).reshape(3, -1)[1]
    assert np.array_equal(left[end - 4873 : end], rows[0, 30_777 - 4873 : 30_777])
    for start in range(50_000, 140_000, 30_000):
        tap.push(rows[:, start : start + 30_000])
    assert submit(card, lambda e: sound.follow(e, tap, 139_000)) == 4096, "long not looked"
    assert submit(card, lambda e: sound.follow(e, tap, 100_000)) == 4096, "back, in another track"


def test_the_gain_of_waves_falls_at_once_and_comes_back(card):
    sound = LiveSound(card, RATE)
    assert sound.gain == 30
    feed(card, sound, np.full((2, 480), 0.5, np.float32))
    assert sound.gain == 2
    feed(card, sound, np.full((2, RATE), 0.01, np.float32))
    assert sound.gain == pytest.approx(3, rel=1e-3)


# --- every scene ----------------------------------------------------------------------------------


def shown(card, mode, width=240, height=120, seconds=1.5, fps=60, **look):
    """Return a frame's pixels, red, green and blue, as numbers up to 1, and the show."""
    show = Show(card, RATE, mode=mode, has_labels=False, **look)
    canvas = Canvas(card, width, height)
    rows = stereo(round(seconds * RATE))
    for k in range(round(seconds * fps)):
        piece = rows[:, round(k * RATE / fps) : round((k + 1) * RATE / fps)]
        submit(card, lambda e, piece=piece: show.feed(e, piece))
        submit(card, lambda e, k=k: show.draw(e, canvas.view, (width, height), k / fps, 1 / fps))
    return canvas.read()[..., :3] / 255, show


def share(db, show):
    low, high = show.painter.low_db, show.painter.high_db
    return np.clip((db - low) / (high - low), 0, 1)


def levels_of(show):
    seen = show.sound.seen
    flat = show.card.read(seen.levels, np.float32, (seen.row + 1) * seen.bands)
    return share(flat.reshape(-1, seen.bands)[-1], show)


def test_bars_are_the_loudest_of_their_bands(card):
    picture, show = shown(card, "bars")
    levels = levels_of(show)
    for bar in range(40):  # 6 pixels each, of 6 bands
        column = picture[:, 6 * bar + 2]
        lit = (column[:, 2] > 0.2) & ~(column == 1).all(axis=1)
        assert lit.sum() == pytest.approx(120 * levels[6 * bar : 6 * bar + 6].max(), abs=1.01)
    assert levels.max() > 0.2 and levels.min() < 0.5


def distances(levels, width, height):
    """Return how far every pixel is from the line through the middles of bands, in pixels."""
    levels = np.concatenate([levels[:1], levels, levels[-1:]])
    x = (np.arange(len(levels)) - 0.5) * width / (len(levels) - 2)
    a = np.stack([x, levels * height], axis=1)
    along = a[1:] - a[:-1]
    across, up = np.meshgrid(np.arange(width) + 0.5, height - 0.5 - np.arange(height))
    found = np.full((height, width), np.inf)
    for start, step in zip(a[:-1], along, strict=True):
        dx, dy = across - start[0], up - start[1]
        share = np.clip((dx * step[0] + dy * step[1]) / (step @ step), 0.0, 1.0)
        found = np.minimum(found, np.hypot(dx - share * step[0], dy - share * step[1]))
    return found


def test_a_line_is_where_the_levels_are(card):
    """As wide everywhere, however steep it is, and a peak's tip no higher than its level."""
    picture, show = shown(card, "line")
    levels = levels_of(show)
    lit = np.clip(2.0 - distances(levels, 240, 120), 0.0, 1.0)
    assert (np.abs(np.diff(levels)) * 120 > 10).sum() > 3, "it is steep somewhere"
    under = np.arange(119.5, 0, -1)[:, None] / 120 < levels
    wanted = np.maximum(
        lit, np.where(under, 0.12 + 0.2 * np.arange(119.5, 0, -1)[:, None] / 120, 0)
    )
    assert np.abs(picture[..., 2] - wanted).max() < 0.02


def test_a_sine_stands_as_high_as_its_level(card):
    show, canvas = Show(card, RATE, mode="line", has_labels=False), Canvas(card, 640, 360)
    sine = 0.1 * np.sin(np.arange(9600) * 2 * np.pi * 1000 / RATE).astype(np.float32)
    submit(card, lambda encoder: show.feed(encoder, np.array([sine, sine])))
    submit(card, lambda encoder: show.draw(encoder, canvas.view, (640, 360), 0.0, 0.0))
    lit = (canvas.read()[..., 1] > 100).any(axis=1)
    assert 360 - np.flatnonzero(lit)[0] == pytest.approx(360 * levels_of(show).max(), abs=3)


@pytest.mark.parametrize("mode", ["waterfall", "spectrogram"])
def test_a_history_is_drawn_row_by_row(card, mode):
    picture, show = shown(card, mode, 240, 96, seconds=2.0)
    seen = show.sound.seen
    history = card.read(seen.history, np.float32, seen.rows * seen.bands).reshape(-1, seen.bands)
    history = share(np.roll(history, -seen.newest - 1, axis=0)[::-1], show)  # the newest first
    if mode == "waterfall":
        along, across = 96, 240
    else:
        along, across, picture = 240, 96, picture[::-1, ::-1].transpose(1, 0, 2)
    rows = np.arange(along + 1, dtype=np.float32) * (np.float32(seen.rows) / np.float32(along))
    for line in range(0, along, 7):
        first = int(rows[line])
        loudest = history[first : max(first + 1, int(rows[line + 1]))].max(axis=0)
        wanted = loudest[((np.arange(across) + 0.5) * seen.bands / across).astype(int)]
        light = picture[line].sum(axis=1)
        # Ever lighter with the level: the order of pixels is that of levels.
        order = np.argsort(wanted)
        assert np.diff(light[order]).min() >= -0.05, line
        assert (light[wanted == 0] == 0).all()
    assert picture[: along // 7].max() > 0.5 and picture[along // 2 :].max() == 0, "2 of 10 seconds"


def test_waves_are_where_their_samples_are(card):
    picture, show = shown(card, "wave", 200, 200)
    rows = stereo(round(1.5 * RATE))
    half = round(0.06 * RATE) // 2
    lit = picture.max(axis=2) > 0.35
    for row, middle in zip(rows, (50, 150), strict=True):
        wave = np.clip(0.45 * show.sound.gain * row[-half:], -0.48, 0.48)
        at = np.linspace(0, 200, half)
        for x in range(5, 195, 10):
            found = np.flatnonzero(lit[middle - 50 : middle + 50, x]) + middle - 50
            within = middle - 100 * wave[np.abs(at - x - 0.5) < 0.5]
            around = middle - 100 * wave[np.abs(at - x - 0.5) < 3.0]
            assert around.min() - 3 <= found.min() <= within.min() + 3
            assert within.max() - 3 <= found.max() <= around.max() + 3


def test_a_goniometer_has_mono_upright_and_sides_aslant(card):
    tone = 0.5 * np.sin(np.arange(9600) * 0.05)
    for rows, wanted in (
        ([tone, tone], (0, 1)),
        ([tone, -tone], (1, 0)),
        ([tone, 0 * tone], (0.7071, -0.7071)),
        ([0 * tone, tone], (0.7071, 0.7071)),
    ):
        show = Show(card, RATE, mode="goniometer", has_labels=False)
        canvas = Canvas(card, 160, 120)
        feed(card, show.sound, np.array(rows, np.float32))
        submit(card, lambda e, s=show, c=canvas: s.draw(e, c.view, (160, 120), 0.0, 0.02))
        y, x = np.nonzero(canvas.read()[..., 1] > 40)
        place = np.stack([x - 79.5, 59.5 - y])
        away = np.abs(place[0] * wanted[1] - place[1] * wanted[0])
        assert away.max() < 3, "on a line through the middle"
        reach = np.abs(place.T @ wanted).max()
        full = np.sqrt(2) if abs(wanted[0]) in (0, 1) else 1
        assert reach == pytest.approx(60 * 0.95 * min(1, full), abs=4)


@pytest.mark.thorough
def test_a_tunnel_is_fed_back_and_fades(card):
    first, _ = shown(card, "tunnel", seconds=0.1)
    later, show = shown(card, "tunnel", seconds=1.5)
    again, _ = shown(card, "tunnel", seconds=1.5)
    assert np.array_equal(later, again), "nothing of it is by chance"
    assert (later.max(axis=2) > 0.1).mean() > 1.5 * (first.max(axis=2) > 0.1).mean() > 0.01
    assert np.isfinite(later).all() and later.max() <= 1
    canvas = Canvas(card, 240, 120)
    feed(card, show.sound, np.zeros((2, RATE), np.float32))
    for k in range(300):
        submit(card, lambda e, k=k: show.draw(e, canvas.view, (240, 120), k / 60, 1 / 60))
    ring = (canvas.read()[..., :3].max(axis=2) > 40).mean()
    assert ring < 0.25, "what was there has flown by"


#: Of `shown`: how light it is, the share of pixels that are lit, and where their middle lies, from the top left.
DESCRIBED = {
    "bars": (0.188, 0.304, 0.56, 0.763),
    "line": (0.071, 0.188, 0.618, 0.704),
    "waterfall": (0.053, 0.155, 0.497, 0.072),
    "spectrogram": (0.047, 0.149, 0.922, 0.493),
    "wave": (0.697, 0.743, 0.499, 0.442),
    "goniometer": (0.134, 0.151, 0.497, 0.502),
    "tunnel": (0.267, 0.95, 0.491, 0.5),
}


@pytest.mark.parametrize("mode", MODES)
def test_every_scene_is_as_it_was_described(card, mode):
    picture, _ = shown(card, mode, 160, 90)
    light = picture.mean(axis=2)
    y, x = np.nonzero(light > 0.1)
    found = (light.mean(), (light > 0.1).mean(), x.mean() / 160, y.mean() / 90)
    assert found == pytest.approx(DESCRIBED[mode], abs=0.02)


def test_nothing_comes_back_from_the_card(card, monkeypatch):
    canvas = Canvas(card, 64, 36)
    show = Show(card, RATE)
    rows = stereo(4800)
    came = []
    for owner, name in (
        (type(card.device.queue), "read_buffer"),
        (type(card.device.queue), "read_texture"),
    ):
        monkeypatch.setattr(owner, name, lambda *_, name=name, **__: came.append(name))
    import wgpu

    for name in ("map_async", "map_sync", "read_mapped"):
        monkeypatch.setattr(wgpu.GPUBuffer, name, lambda *_, name=name, **__: came.append(name))
    for mode in MODES:
        show.mode = mode
        for k in range(5):
            submit(card, lambda e, k=k: show.feed(e, rows[:, 800 * k : 800 * k + 800]))
            submit(card, lambda e: show.draw(e, canvas.view, (64, 36), 0.0, 0.02))
    assert came == []
    monkeypatch.undo()
    assert canvas.read().any()


def test_labels_stand_where_their_frequencies_are(card):
    need_module("PIL")
    spectra = BandSpectra(card, RATE, 240)
    page = labels("line", 640, 360, spectra.bands, -80.0, -10.0, 10.0)
    lines = np.flatnonzero((page[5:200, :, 3] > 0).all(axis=0))
    for hz in (50, 100, 1000, 10_000):
        at = np.interp(hz, spectra.bands.edges, np.arange(241)) / 240 * 640
        assert np.abs(lines - at).min() <= 1, hz
    assert labels("line", 100, 100, spectra.bands, -80.0, -10.0, 10.0) is None
    assert labels("tunnel", 640, 360, spectra.bands, -80.0, -10.0, 10.0).max() == 0
    plain, show = shown(card, "line", 320, 180, seconds=0.2)
    show.has_labels = True
    canvas = Canvas(card, 320, 180)
    submit(card, lambda e: show.draw(e, canvas.view, (320, 180), 0.0, 0.02))
    labelled = canvas.read()[..., :3] / 255
    assert (labelled >= plain - 0.6).all() and (labelled != plain).any(axis=2).mean() > 0.02
    show.has_labels = False
    submit(card, lambda e: show.draw(e, canvas.view, (320, 180), 0.0, 0.02))
    assert np.array_equal(canvas.read()[..., :3] / 255, plain)


def test_a_show_says_what_it_cannot(card):
    for given, words in (
        ({"mode": "pie"}, "mode='pie': give one of bars"),
        ({"mode": "shader"}, "give a shader's file"),
        ({"scale": "pie"}, "scale='pie'"),
        ({"seconds": 0.1}, "seconds"),
        ({"fft_size": 1000}, "FFT of 1000"),
        ({"low_db": 0.0}, "give two that rise"),
        ({"low_db": "a"}, "low_db='a'"),
        ({"high_db": np.nan}, "high_db=nan"),
        ({"fft_size": "4096"}, "FFT of '4096' points; take one of 256"),
        ({"fft_size": None}, "FFT of None points"),
    ):
        with pytest.raises(UsageError, match=words):
            Show(card, RATE, **given)
    show = Show(card, RATE)
    assert [show.turn(1) for _ in MODES] == [*list(MODES)[1:], "bars"]
    assert show.turn(-1) == "tunnel"
    show.scale = "mel"
    with pytest.raises(UsageError, match="scale"):
        show.scale = "x"
    sound = show.sound
    for rate in (0, "x", 44_100.5):
        with pytest.raises(UsageError, match="sample_rate"):
            show.sample_rate = rate
    assert (show.sample_rate, show.scale, show.sound) == (RATE, "mel", sound), "as it was"


@pytest.mark.parametrize("fft_size", SIZES)
def test_every_window_that_is_offered_can_be_shown(card, fft_size):
    for scale, rate in (("logarithmic", 8000), ("linear", 48_000), ("mel", 384_000)):
        assert len(Show(card, rate, scale=scale, fft_size=fft_size).sound.spectra.bands) >= 120


def test_samples_of_another_shape_are_refused_and_huge_ones_held(card):
    sound = LiveSound(card, RATE)
    rows = stereo(4800)
    for bad in (rows[0], rows.T, rows[None], rows[:0], rows > 0, rows.astype(complex), None, "ab"):
        with pytest.raises(UsageError, match=r"give \(channels, frames\), float32"):
            submit(card, lambda encoder, bad=bad: sound.feed(encoder, bad))
    feed(card, sound, np.full((2, 9600), 1e300))
    feed(card, sound, 1e30 * rows)
    seen = sound.seen
    assert np.isfinite(card.read(seen.levels, np.float32, (seen.row + 1) * seen.bands)).all()
    for seconds in (0.0, np.nan, "a", 1e9):
        with pytest.raises(UsageError, match="seconds"):
            LiveSound(card, RATE, seconds=seconds)


def test_a_picture_of_no_size_is_refused_and_the_next_one_drawn(card):
    show, canvas = Show(card, RATE, mode="tunnel"), Canvas(card, 64, 36)
    for size in ((0, 0), (-1, 5)):
        with pytest.raises(UsageError, match="give 1 or more"):
            submit(card, lambda e, size=size: show.draw(e, canvas.view, size, 0.0, 0.1))
    with pytest.raises(Exception, match="65536"):
        submit(card, lambda e: show.draw(e, canvas.view, (65_536, 5), 0.0, 0.1))
    submit(card, lambda e: show.draw(e, canvas.view, (64, 36), 0.0, 0.1))


# --- files ----------------------------------------------------------------------------------------


def click_at(path, seconds, length, rate=RATE):
    """Write a file that is silent but for a burst of 50 ms."""
    data = np.zeros((round(length * rate), 2), np.float32)
    start = round(seconds * rate)
    data[start : start + rate // 20] = 0.5 * np.random.default_rng(1).standard_normal(
        (rate // 20, 1)
    )
    soundfile.write(path, data, rate, subtype="FLOAT")
    return path


@pytest.mark.parametrize(
    ("ending", "rate"),
    [("mp4", 44_100), pytest.param("webm", 22_050, marks=pytest.mark.thorough)],
)
def test_a_film_has_picture_and_sound_of_the_same_moment(card, tmp_path, ending, rate):
    av = pytest.importorskip("av")
    path, output = click_at(tmp_path / "a.wav", 1.0, 2.0, rate), tmp_path / f"a.{ending}"
    shares = []
    frames = record_film(
        [path],
        output,
        width=128,
        height=72,
        fps=25,
        card=card,
        mode="bars",
        look={"has_labels": False, "fft_size": 1024},
        progress=shares.append,
    )
    assert frames == 50 and shares[-1] == 1 and shares == sorted(shares)
    with av.open(str(output)) as film:
        light = [frame.to_ndarray(format="rgb24").mean() for frame in film.decode(video=0)]
    with av.open(str(output)) as film:
        pieces = [(f.time, f.to_ndarray(), f.sample_rate) for f in film.decode(audio=0)]
    assert len(light) == 50
    lit = np.flatnonzero(np.array(light) > 5)
    assert lit[0] in (25, 26), "frame 25 is at 1 s"
    sounding = [
        at + np.flatnonzero(np.abs(data[0]) > 0.1)[0] / rate_
        for at, data, rate_ in pieces
        if np.abs(data).max() > 0.1
    ]
    assert sounding[0] == pytest.approx(1.0, abs=0.03)


def test_a_film_that_cannot_be_is_refused_before_anything_is_drawn(card, tmp_path, monkeypatch):
    path = click_at(tmp_path / "a.wav", 0.1, 0.2)
    for output, given, words in (
        ("a.avi", {}, "must end in .mp4 or .webm"),
        ("a.mp4", {"width": 127}, "even sizes; give 128"),
        ("a.mp4", {"fps": 0}, "fps"),
        ("a.mp4", {"mode": "pie"}, "mode='pie'"),
    ):
        with pytest.raises(UsageError, match=words):
            record_film([path], tmp_path / output, card=card, **given)
    assert [p.name for p in tmp_path.iterdir()] == ["a.wav"], "nothing half done"
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingDependency, match="formats"):
        record_film([path], tmp_path / "a.mp4", card=card)


def test_a_picture_of_a_moment_and_of_the_whole(card, tmp_path):
    image = pytest.importorskip("PIL.Image")
    path, output = click_at(tmp_path / "a.wav", 1.0, 3.0), tmp_path / "a.png"
    look = {"has_labels": False}

    def drawn(**given):
        save_picture([path], output, width=120, height=60, card=card, look=look, **given)
        with image.open(output) as picture:
            assert picture.size == (120, 60)
            return np.asarray(picture) / 255

    whole = drawn(mode="spectrogram").max(axis=(0, 2))
    lit = np.flatnonzero(whole > 0.3)
    assert lit.min() == pytest.approx(40, abs=3) and lit.max() == pytest.approx(42, abs=4)
    assert drawn(mode="line", at_s=1.04)[:50].max() > 0.5
    assert drawn(mode="line", at_s=2.9)[:50].max() == 0
    assert drawn(mode="tunnel", at_s=1.1).max() > 0.3
    for given, words in (
        ({"at_s": 4.0}, "at_s=4: it has 3.00 s; give less"),
        ({"at_s": -1.0}, "at_s=-1"),
    ):
        with pytest.raises(UsageError, match=words):
            drawn(**given)
    with pytest.raises(UsageError, match=r"must end in \.png"):
        save_picture([path], tmp_path / "a.jpg", card=card)


@pytest.mark.parametrize(("fft_size", "frames"), [(4096, 144_000), (256, 9_000_000), (32_768, 480)])
def test_the_whole_is_drawn_where_its_labels_say(card, tmp_path, fft_size, frames):
    """Also where the hop is longer than a window, and where a window is longer than the file."""
    image = pytest.importorskip("PIL.Image")
    samples = np.zeros(frames, np.float32)
    places = [frames // 6, frames * 2 // 3]
    for place in places:
        reach = frames // 200
        burst = np.hanning(2 * reach + 1) * np.cos(np.arange(-reach, reach + 1))
        samples[place - reach : place + reach + 1] = burst
    look = {"has_labels": False, "fft_size": fft_size}
    output = tmp_path / "a.png"
    save_picture(
        [(samples, RATE)], output, width=600, height=40, card=card, mode="spectrogram", look=look
    )
    with image.open(output) as picture:
        light = np.asarray(picture)[:30].astype(int).sum(axis=(0, 2))
    if fft_size > frames:
        assert light.min() > 0, "one window sees all of it"
        return
    for half, place in zip((slice(0, 300), slice(300, 600)), places, strict=True):
        lit = np.flatnonzero(light[half] > 0.5 * light[half].max()) + half.start
        assert (lit[0] + lit[-1] + 1) / 2 == pytest.approx(600 * place / frames, abs=2)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "0:00"),
        (3 * 0.1, "0:00.3"),
        (2.5, "0:02.5"),
        (3.0, "0:03"),
        (0.001, "0:00.001"),
        (59.99999, "1:00"),
        (3661.25, "61:01.25"),
    ],
)
def test_times_are_written_as_minutes_and_seconds(seconds, words):
    assert axes._clock(seconds) == words


def test_inputs_that_are_skipped_are_told(card, tmp_path):
    path, told = click_at(tmp_path / "a.wav", 0.1, 0.3), []
    given = {"width": 32, "height": 32, "card": card, "tell": told.append}
    save_picture([path, tmp_path / "none.wav"], tmp_path / "a.png", **given)
    pytest.importorskip("av")
    record_film([path, tmp_path / "none.wav"], tmp_path / "a.mp4", fps=10, **given)
    assert len(told) == 2 and all("none.wav: no such file" in line for line in told)


def test_a_film_of_what_no_encoder_takes(card, tmp_path):
    pytest.importorskip("av")
    huge = np.full((9600, 2), 1e30, np.float32)
    soundfile.write(tmp_path / "a.wav", huge, RATE, subtype="FLOAT")
    given = {"width": 32, "height": 32, "fps": 10, "card": card}
    assert record_film([tmp_path / "a.wav"], tmp_path / "a.mp4", **given) == 2


# --- windows --------------------------------------------------------------------------------------


def offscreen(size=(64, 36)):
    from rendercanvas.offscreen import OffscreenRenderCanvas

    return OffscreenRenderCanvas(size=size)


class Source:
    """Stands for a player: a tap, and what it is behind."""

    def __init__(self, rate=RATE):
        self.tap, self.sample_rate, self.latency_frames = Tap(65_536, 2), rate, 0


def test_a_window_shows_what_is_heard_and_follows_a_change_of_rate(card):
    source, told = Source(), []
    window = Window(
        source, canvas=offscreen(), software=True, tell=told.append, mode="bars", has_labels=False
    )
    assert not np.asarray(window.canvas.draw())[..., :3].any(), "silence"
    source.tap.push(stereo(20_000))
    assert np.asarray(window.canvas.draw())[..., :3].any()
    source.tap, source.sample_rate = Tap(65_536, 2), 44_100
    window.canvas.draw()
    assert window.show.sample_rate == 44_100 and window.frames == 3 and told == []
    window.canvas.close()


def test_a_window_of_no_size_or_rate_is_refused(card):
    """A display's library ends the process for some of them."""
    for given, words in (
        ({"size": (0, 0)}, "width=0"),
        ({"size": (64, 9000)}, "height=9000"),
        ({"fps": 0}, "fps=0"),
        ({"fps": "a"}, "fps='a'"),
    ):
        with pytest.raises(UsageError, match=words):
            Window(Source(), software=True, **given)


def test_keys_are_those_of_the_terminal(card, make_file):
    path, _ = make_file(frames=96_000)
    from zerocross.terminal.session import Session

    told = []
    with Player("null") as player:
        player.play(path)
        window = Window(
            player,
            Session(player),
            {"mode": "z"},
            canvas=offscreen(),
            software=True,
            tell=told.append,
        )

        def key(name, *modifiers):
            event = {"event_type": "key_down", "key": name, "modifiers": modifiers}
            window.canvas.submit_event(event)
            window.canvas._events.flush()

        key("z")
        key("X", "Shift")
        key("X", "Shift")
        key("f")
        key("(")
        assert told == ["line", "bars", "tunnel", "mel scale", "from -70 to -10 dB"]
        key("k")
        key("g")
        assert not window.show.has_peaks and not window.show.has_labels
        key(" ")
        assert player.state == "paused"
        key(" ")
        assert player.state == "playing"
        before = player.volume
        key("-")
        assert player.volume < before
        key("ArrowUp")
        assert player.volume == before
        key("m")
        assert player.mute
        key("F11")
        assert "full screen" in told[-1]
        key("j")
        key("Unidentified")
        key("q")
        assert window.canvas.get_closed()
        assert player.state == "playing", "who made the window ends what plays"


def test_a_lost_card_is_replaced(card, monkeypatch):
    source, told = Source(), []
    window = Window(source, canvas=offscreen(), software=True, tell=told.append, mode="line")
    monkeypatch.setattr("zerocross.viz.window._AGAIN_S", 0.01)
    source.tap.push(stereo(20_000))
    window.canvas.draw()
    window.card.device.destroy()
    lost = window.card
    for _ in range(5):
        window.canvas.draw()
    assert window.card is not lost and window.lost == 1 and "starting anew" in told[0]
    assert window.show.mode == "line" and np.asarray(window.canvas.draw())[..., :3].any()
    window.canvas.close()


def test_it_gives_up_after_five_lost_cards_in_a_row(card, monkeypatch):
    source, told, broken = Source(), [], []
    window = Window(source, canvas=offscreen(), software=True, tell=told.append)
    monkeypatch.setattr("zerocross.viz.window._AGAIN_S", 0.0)
    draw = Show.draw

    def fail(*given):
        if broken:
            raise RuntimeError("out of memory\n  the driver is gone")
        draw(*given)

    monkeypatch.setattr(Show, "draw", fail)
    for _ in range(2):
        broken.append(True)
        for _ in range(5):
            window._draw()
        assert window.error is None, "five times another card is looked for"
        broken.clear()
        window._draw()
    assert (window.lost, window.frames) == (10, 2)
    broken.append(True)
    for _ in range(6):
        window._draw()
    assert isinstance(window.error, DeviceError) and window.canvas.get_closed()
    assert "cannot draw: the driver is gone" in str(window.error)
    assert len(told) == window.lost == 16


def test_what_cannot_be_shown_is_no_lost_card(card):
    window = Window(None, canvas=offscreen(), software=True)
    window._draw()
    assert window.lost == 0 and window.canvas.get_closed()
    assert isinstance(window.error, AttributeError)


def test_a_sound_of_another_rate_goes_on_with_the_picture(card, tmp_path):
    shader = tmp_path / "mine.wgsl"
    shader.write_text("fn shader_main(at: vec2<f32>) -> vec4<f32> { return vec4<f32>(1.0); }")
    source = Source()
    window = Window(source, canvas=offscreen(), software=True, shader=str(shader), mode="line")
    window.press("x")
    window.press("f")
    mode, scale = window.show.mode, window.show.scale
    shader.write_text("what is no WGSL")
    source.sample_rate, source.tap = 22_050, Tap(65_536, 2)
    source.tap.push(stereo(20_000))
    window._draw()
    assert window.error is None and window.frames == 1
    assert (window.show.mode, window.show.scale, window.show.sample_rate) == (mode, scale, 22_050)
    assert window.show.sound.spectra.bands.edges[-1] < 11_025
    window.canvas.close()


def test_the_command_has_all_that_there_is():
    """It spells modes, scales and lengths out: they would bring NumPy at every start."""
    choices = {each.name: each.type.choices for each in viz.params if hasattr(each.type, "choices")}
    assert tuple(choices["mode"]) == (*MODES, SHADER)
    assert tuple(choices["scale"]) == SCALE_NAMES
    assert tuple(choices["fft_size"]) == tuple(map(str, SIZES))


def test_without_a_display_it_says_what_to_do(card, monkeypatch):
    need_module("glfw")
    import glfw

    monkeypatch.setattr(glfw, "init", lambda: False)
    with pytest.raises(DeviceError, match=r"no display for a window: .* --record film.mp4"):
        Window(Source(), software=True)
    monkeypatch.setitem(sys.modules, "rendercanvas.glfw", None)
    with pytest.raises(MissingDependency, match=r"zerocross\[gpu\]"):
        Window(Source(), software=True)


# --- notebooks ------------------------------------------------------------------------------------


@pytest.fixture
def notebook(monkeypatch):
    """Stands for Jupyter: the request that is answered, of a cell and of a run of it."""
    need_module("jupyter_rfb")
    request = {"header": {"msg_id": "1"}, "metadata": {"cellId": "a"}}
    shell = SimpleNamespace(kernel=None, get_parent=lambda: request)
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    monkeypatch.setattr("zerocross.viz.notebook._made", {})
    return request


def in_a_loop(work):
    """Run it as a cell is run, and what it asks the loop for."""

    async def run():
        work()
        await asyncio.sleep(0.02)

    asyncio.run(run())


def on_another_thread(work):
    """Do it as JupyterLab has the page's messages taken: on a thread with a loop of its own."""

    async def run():
        work()
        await asyncio.sleep(0.1)

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, run()).result()


def test_a_notebooks_keys_and_frames_are_taken_by_the_thread_of_its_cells(card, notebook):
    threads = set()

    def noting(call):
        def noted(*given):
            threads.add(threading.current_thread())
            return call(*given)

        return noted

    def come(canvas):
        for event in (
            {"type": "resize", "width": 64, "height": 36, "ratio": 1.0},
            {"type": "key_down", "key": "x", "modifiers": []},
        ):
            canvas._rfb_handle_msg(canvas, event, [])
        canvas._has_visible_views = True

    async def cell():
        window = Window(Source(), software=True, mode="bars", size=(64, 36))
        canvas = window.canvas
        assert canvas.css_width == "min(64px, 100%)"
        canvas.handle_event, canvas.get_frame = (
            noting(canvas.handle_event),
            noting(canvas.get_frame),
        )
        while not canvas._rfb_draw_requested:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        on_another_thread(lambda: come(canvas))
        assert threads == set() and window.frames == 0
        for _ in range(1000):
            if window.frames and canvas._rfb_frame_index:
                break
            await asyncio.sleep(0.01)
        assert threads == {threading.current_thread()}
        assert window.show.mode == "line" and canvas._last_image.shape[:2] == (36, 64)
        with pytest.raises(UsageError, match=r"without run: end a cell with window\.canvas"):
            window.run()
        window.close()
        assert canvas.get_closed()
        await asyncio.sleep(0.2)
        assert asyncio.all_tasks() == {asyncio.current_task()}, "rendercanvas' have ended"

    asyncio.run(cell())


def test_a_cell_that_is_run_again_closes_what_it_showed(card, notebook):
    made = []

    def make():
        made.append(Window(Source(), software=True, size=(64, 36)))

    def closed():
        return [each.canvas.get_closed() for each in made]

    def cells():
        make()
        make()
        assert closed() == [False, False], "a cell may show two"
        notebook["metadata"]["cellId"], notebook["header"]["msg_id"] = "b", "2"
        make()
        assert closed() == [False] * 3, "of another cell"
        notebook["metadata"]["cellId"], notebook["header"]["msg_id"] = "a", "3"
        make()
        assert closed() == [True, True, False, False]
        left = weakref.ref(made.pop(0)._source)
        gc.collect()
        assert left() is None, "nothing keeps what it played"
        notebook["metadata"].clear()
        make()
        assert closed() == [True, False, False, False], "of a client that names no cells"
        for window in made:
            window.close()

    in_a_loop(cells)


def test_a_notebook_without_its_widget_says_what_to_install(card, notebook, monkeypatch):
    def cell():
        with pytest.raises(MissingDependency, match=r"jupyter_rfb .*zerocross\[gpu,notebook\]"):
            Window(Source(), software=True)

    with pytest.raises(UsageError, match="made in a cell, not in a thread"):
        Window(Source(), software=True)
    monkeypatch.setitem(sys.modules, "rendercanvas.jupyter", None)
    in_a_loop(cell)


def test_a_terminal_of_ipython_is_no_notebook(monkeypatch):
    need_module("IPython")
    from zerocross.viz.notebook import shell

    assert shell() is None
    monkeypatch.setattr("IPython.get_ipython", lambda: SimpleNamespace(get_parent=dict))
    assert shell() is None
    monkeypatch.setattr("IPython.get_ipython", lambda: SimpleNamespace(kernel=1))
    assert shell() is not None


@pytest.mark.thorough
def test_the_command_writes_and_refuses(card, tmp_path, cli):
    path = click_at(tmp_path / "a.wav", 0.5, 1.0)
    common = ["viz", "--software", "--size", "64x36"]
    done = cli(*common, path, "-o", tmp_path / "a.png", "--mode", "waterfall")
    assert done.returncode == 0 and b"64 x 36, drawn by llvmpipe" in done.stdout
    done = cli(*common, path, tmp_path / "none.wav", "-o", tmp_path / "b.png")
    assert done.returncode == 1 and b"none.wav: no such file" in done.stderr
    done = cli(*common, path, "--record", tmp_path / "a.mp4", "--fps", "10", "--mode", "tunnel")
    assert done.returncode == 0 and b"1.00 s, 10 frames of 64 x 36" in done.stdout
    for arguments, words in (
        ([path, "-o", tmp_path / "a.png"], "exists already; give another name, or --force"),
        ([path, "-o", tmp_path / "a.jpg"], "must end in .png"),
        ([path, "--record", tmp_path / "a.gif"], "must end in .mp4 or .webm"),
        ([path, "--record", "b.mp4", "-o", "b.png"], "give one of them"),
        (["--record", tmp_path / "b.mp4"], "of a file: give one"),
        ([path, "--at", "1"], "add -o picture.png"),
        ([path, "--record", "b.mp4", "--at", "1"], "--start and --duration"),
        ([path, "--input"], "give one of them"),
        ([], "nothing to show"),
        ([path, "--size", "3x3"], "such as 1280x720"),
        ([path, "-o", ""], "cannot be written"),
        ([path, "--record", ""], "must end in .mp4 or .webm"),
        ([path, "-o", tmp_path / "c.png", "--at", "9"], "--at 9: it has 1.00 s"),
        ([path, "--low", "0"], "range of 20 dB"),
        ([tmp_path / "none.wav"], "none.wav"),
        ([path, "-o", tmp_path / "c.png", "--shader", tmp_path / "none.wgsl"], "none.wgsl"),
    ):
        done = cli(*common, *arguments)
        lines = done.stderr.decode().strip().splitlines()
        assert done.returncode in (1, 2) and words in lines[-1], (arguments, lines)
        errors = [line for line in lines if line.lower().startswith("error")]
        assert errors == lines[-1:] and "Traceback" not in done.stderr.decode()


@pytest.mark.thorough
def test_what_the_guide_shows_runs(card, tmp_path, cli):
    guide = (Path(__file__).parents[1] / "docs" / "viz.md").read_text()
    commands, shader = re.findall(r"```text\n(.*?)```", guide, re.DOTALL)
    soundfile.write(tmp_path / "song.flac", music(96_000), 48_000)
    written = [
        line.split()[1:] for line in commands.splitlines() if "-o " in line or "--record" in line
    ]
    assert len(written) == 3
    for arguments in written:
        assert cli(*arguments, "--software", cwd=tmp_path).returncode == 0
    assert {"song.png", "moment.png", "song.mp4"} < {path.name for path in tmp_path.iterdir()}
    (tmp_path / "mine.wgsl").write_text(shader)
    show = Show(card, RATE, shader=str(tmp_path / "mine.wgsl"))
    assert show.mode == "shader"
    canvas = Canvas(card, 64, 64)
    feed(card, show.sound, stereo(9600))
    submit(card, lambda e: show.draw(e, canvas.view, (64, 64), 0.0, 0.02))
    assert canvas.read()[..., :3].max() > 100
    modes = re.findall(r"^\| `(\w+)` \|", guide, re.MULTILINE)
    assert modes == [*MODES, "shader"]


def test_a_shader_is_taken_anew_and_a_bad_one_is_told(card, tmp_path):
    path, told = tmp_path / "mine.wgsl", []
    colour = "fn shader_main(at: vec2<f32>) -> vec4<f32> {{ return vec4<f32>({}); }}"
    path.write_text(colour.format("1.0, 0.0, 0.0, 1.0"))
    window = Window(Source(), canvas=offscreen(), software=True, tell=told.append, shader=str(path))
    assert (np.asarray(window.canvas.draw())[..., :3] == (255, 0, 0)).all()
    path.write_text(colour.format("0.0, 1.0, 0.0"))
    wait_for(lambda: window.canvas.draw() is not None and told, what="the bad one")
    assert f"{path}:1: " in told[0]
    assert (np.asarray(window.canvas.draw())[..., :3] == (255, 0, 0)).all(), "the last good one"
    path.write_text(colour.format("0.0, 1.0, 0.0, 1.0"))
    wait_for(lambda: (np.asarray(window.canvas.draw())[..., 1] == 255).all(), what="the good one")
    assert told[1:] == ["the shader is taken as it is saved now"]
    window.canvas.close()


def _interrupt(running):
    """Press Ctrl-C in the program that runs on a virtual display."""
    command = ["pgrep", "-s", str(running.pid), "-f", "zerocross viz"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    for number in found.stdout.split():
        if b"xvfb-run" not in Path(f"/proc/{number}/cmdline").read_bytes():
            os.kill(int(number), signal.SIGINT)


WINDOW = """
import sys
from zerocross import Player
from zerocross.viz import Window
import time

with Player("null") as player:
    player.play(sys.argv[1])
    window = Window(player, size=(320, 180), software=True, mode="line")
    began = time.monotonic()
    window.run(lambda: time.monotonic() - began < 3 and player.state != "stopped")
    window.run()  # it is closed
    print(window.frames, window.lost)
    again = Window(player, size=(64, 64), software=True)
    again.run(lambda: again.frames < 3)
    print(again.frames, again.lost)
"""


@pytest.mark.thorough
def test_a_real_window_on_a_display(make_file):
    need("xvfb-run")
    path, _ = make_file(frames=480_000)
    command = ["xvfb-run", "-a", "-s", "-screen 0 800x600x24", sys.executable, "-c", WINDOW, path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    frames, lost, again, lost_again = map(int, done.stdout.split())
    assert frames > 10 and again >= 3 and lost == lost_again == 0


@pytest.mark.thorough
def test_the_command_opens_a_window_and_ctrl_c_ends_it(make_file):
    need("xvfb-run")
    path, _ = make_file(frames=480_000)
    command = [
        "xvfb-run",
        "-a",
        sys.executable,
        "-m",
        "zerocross",
        "viz",
        path,
        "--device",
        "null",
        "--software",
    ]
    running = subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    time.sleep(5)
    assert running.poll() is None
    _interrupt(running)
    out, err = running.communicate(timeout=20)
    assert running.returncode == 130, (out, err)
    assert "stopped" in err and "Traceback" not in err and "panicked" not in err
    done = subprocess.run(
        [*command, "--duration", "1"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr


#: A software card's compiler does not come to an end with it.
HANGS = """fn shader_main(at: vec2<f32>) -> vec4<f32> {
  var a: array<f32, 4096>;
  for (var i = 0u; i < 4096u; i++) { a[i] = at.x * f32(i); }
  return vec4<f32>(a[u32(at.x * i_time) % 4096u], a[u32(at.y) % 4096u], 0.0, 1.0);
}
"""


@pytest.mark.thorough
def test_a_window_that_hangs_does_not_stop_the_sound_and_ctrl_c_ends_it(
    make_file, tmp_path, home, cli
):
    need("xvfb-run")
    path, _ = make_file(frames=48_000 * 60)
    shader = tmp_path / "hangs.wgsl"
    shader.write_text(HANGS)
    command = ["xvfb-run", "-a", sys.executable, "-m", "zerocross", "viz", path, "--no-mpris"]
    command += ["--device", "null", "--software", "--size", "320x180", "--shader", shader]
    running = subprocess.Popen(
        [*map(str, command)],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )

    def position():
        done = cli("ctl", "status", "--json")
        return json.loads(done.stdout)["position_s"] if done.returncode == 0 else 0.0

    try:
        wait_for(lambda: position() > 0.5, timeout_s=40, what="sound")
        time.sleep(3)
        before = position()
        time.sleep(2)
        assert position() > before + 1.5, "it plays on"
    finally:
        _interrupt(running)
        out, err = running.communicate(timeout=20)
    assert running.returncode == 130, (out, err)


def test_the_mouse_is_shadertoys(card, tmp_path):
    path = tmp_path / "mine.wgsl"
    path.write_text(
        "fn shader_main(at: vec2<f32>) -> vec4<f32> { return vec4<f32>(i_mouse.xy / 255.0, "
        "f32(i_mouse.z > 0.0), 1.0); }"
    )
    window = Window(Source(), canvas=offscreen(), software=True, shader=str(path))

    def point(kind, x, y, *buttons):
        window.canvas.submit_event({"event_type": kind, "x": x, "y": y, "buttons": buttons})
        window.canvas._events.flush()
        return tuple(np.asarray(window.canvas.draw())[0, 0, :3])

    assert point("pointer_move", 3, 3) == (0, 0, 0)
    assert point("pointer_down", 10, 30, 1) == (10, 6, 255)
    assert point("pointer_move", 20, 26, 1) == (20, 10, 255)
    assert point("pointer_up", 20, 26) == (20, 10, 0)
    window.canvas.close()
