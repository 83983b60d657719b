"""The view of the equaliser, driven by keys and mouse; its picture by what a terminal shows."""

from __future__ import annotations

import asyncio
import dataclasses
import threading

import numpy as np
import pyte
import pytest

from conftest import music, wait_for
from screens import until
from zerocross import Player, UsageError
from zerocross.sync import Tap
from zerocross.terminal.abilities import Abilities
from zerocross.terminal.app import ScreenApp
from zerocross.terminal.models.equalizer import EqualizerModel
from zerocross.terminal.models.presets import Setting
from zerocross.terminal.session import Session
from zerocross.terminal.visual.response import ResponsePainter

RATE = 48_000


@pytest.fixture
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path / "zerocross" / "presets"


def drive(steps, size=(80, 24), player=None, view="equalizer"):
    """Run steps, a coroutine of a pilot and the view, in a screen without a terminal."""

    async def run(owner):
        app = ScreenApp(Session(owner, view), Abilities("256"))
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            await until(pilot, lambda: app.view is not None and app.view.is_mounted)
            await pilot.pause()
            await steps(pilot, app.view)

    if player is not None:
        asyncio.run(run(player))
        return
    with Player(device="null") as owner:
        asyncio.run(run(owner))


@pytest.mark.thorough
def test_keys_add_turn_and_remove_bands(home):
    async def steps(pilot, view):
        model = view.model
        await pilot.press("a")
        await until(pilot, lambda: model.stage is not None)
        assert model.band == ("peaking", 632.0, 1.0, 0.0)
        await pilot.press("up", "up", "k", "down", "right", "]")
        assert model.band == (
            "peaking",
            pytest.approx(632 * 2 ** (1 / 24)),
            pytest.approx(1.09, abs=0.01),
            1.0,
        )
        await pilot.press("shift+down", "left", "left", "[", "f")
        assert model.band[3] == 0.9 and model.band[0] != "peaking" and model.band[2] == 1.0
        await pilot.press("F", "shift+right")
        fine = view._lines[0]
        await pilot.press("shift+right")
        assert view._lines[0] != fine, "5 cents are to be seen"
        await pilot.press("shift+left", "J", "K", "shift+left")
        await pilot.press("a", "a", "w", "W", "d")
        assert len(model.bands) == 2
        assert model.stage.equalizer.bands == list(model.bands)
        assert view._lines[0].startswith(("1/2", "2/2"))
        await pilot.press(")", ")", "(", "u")
        assert model.setting.preamp_db <= 0.0
        await pilot.press("C")
        assert model.bands == () and view._lines[0].startswith("no band")

    drive(steps)


def test_a_and_b_bypass_and_equal_loudness_by_keys(home):
    async def steps(pilot, view):
        model = view.model
        await pilot.press("a", *["up"] * 12)
        await until(pilot, lambda: model.stage is not None)
        await pilot.press("x")
        assert model.side == "B" and model.setting == model.settings["A"]
        await pilot.press("o")
        assert model.is_bypassed and model.match_db > 0.5 and "bypass" in view._lines[1]
        assert "+" in view._lines[1].split("loudness")[1]
        await pilot.press("e")
        assert model.match_db == 0.0 and "loudness off" in view._lines[1]
        await pilot.press("o", "x", "R")
        assert model.side == "A" and not model.is_bypassed

    drive(steps)


def test_the_mouse_adds_drags_narrows_and_removes(home):
    async def steps(pilot, view):
        model, picture = view.model, view._picture
        surface = view._surface
        await until(pilot, lambda: surface.frames > 0)
        await pilot.double_click(surface, offset=(40, 4))
        assert len(model.bands) == 1
        assert model.band[1] == pytest.approx(picture.hz_at(40), rel=0.01)
        assert model.band[3] == pytest.approx(picture.db_at(4), abs=0.06) and model.band[3] > 0
        surface.painter.frame()
        x, y = picture.place_of(model.band[1], model.band[3])
        await pilot.mouse_down(surface, offset=(x, y))
        await pilot.hover(surface, offset=(x + 20, y + 8))
        assert model.band[1] > 2000 and model.band[3] < 0
        await pilot.mouse_up(surface, offset=(x + 20, y + 8))
        await pilot.hover(surface, offset=(x, y))
        assert model.band[1] > 2000, "let go"
        x, y = picture.place_of(model.band[1], model.band[3])
        surface._turn_q(x, y, 8)
        assert model.band[2] == pytest.approx(2.0)
        surface._turn_q(0, 0, -8)
        assert model.band[2] == pytest.approx(1.0), "the selected one"
        await pilot.mouse_down(surface, offset=(x, y), button=3)
        await pilot.mouse_up(surface, offset=(x, y))
        assert model.bands == ()
        await pilot.click(surface, offset=(3, 3))
        assert model.bands == ()

    drive(steps)


@pytest.mark.thorough
def test_presets_are_saved_and_loaded_by_keys(home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "o.txt").write_text("Preamp: -2 dB\nFilter: ON PK Fc 90 Hz Gain 4 dB Q 1\nodd: 1\n")

    async def steps(pilot, view):
        model = view.model
        await pilot.press("a", "up", "S")
        await pilot.press(*"mine", "enter")
        assert model.presets.names() == ["mine"] and (home / "mine.txt").is_file()
        mine = model.setting
        await pilot.press("i", *str(tmp_path / "o.txt").replace(" ", ""), "enter")
        await until(pilot, lambda: len(model.bands) == 1 and model.bands[0][1] == 90.0)
        assert model.setting.preamp_db == -2.0
        await pilot.press("i", *"min", "enter")
        await until(pilot, lambda: model.setting.name == "mine")
        assert model.bands == mine.bands
        await pilot.press("up", "S", "enter")  # the name it has: replaced
        await pilot.pause()
        assert model.presets.load("mine")[0].bands[0][3] == mine.bands[0][3] + 0.5
        model.use(Setting())
        await pilot.press("S", *"mine", "enter")
        assert "there already" in view.app.notes.lines[-1][1]
        await pilot.press("i", *"/none", "enter")
        await until(pilot, lambda: "no such file" in view.app.notes.lines[-1][1])
        await pilot.press("i", "escape", "S", "escape")

    drive(steps)


def test_what_plays_moves_it_and_a_pause_does_not(home, make_file):
    path, _ = make_file(frames=60 * RATE)

    async def steps(pilot, view):
        assert view._surface.is_moving
        await pilot.press("a")
        await until(pilot, lambda: view.model.headroom.held_dbfs > -60)
        assert "dBFS" in view._lines[1]
        view.player.pause()
        await until(pilot, lambda: not view._surface.is_moving)
        view.player.resume()
        await until(pilot, lambda: view._surface.is_moving)
        await pilot.press("6")
        assert not view._surface.is_moving

    with Player(device="null") as player:
        player.play(path)
        drive(steps, player=player)


def test_no_key_waits_for_a_compiler(home, monkeypatch):
    compiled, prepare = threading.Event(), ResponsePainter.prepare

    def slowly(painter):
        assert compiled.wait(30)
        prepare(painter)

    monkeypatch.setattr(ResponsePainter, "prepare", slowly)

    async def steps(pilot, view):
        await pilot.press("a", "up")
        assert view.model.band is not None and view._surface.frames == 0
        compiled.set()
        await until(pilot, lambda: view._surface.frames > 0)

    try:
        drive(steps)
    finally:
        compiled.set()


def test_it_can_be_had_in_every_size(home):
    async def steps(pilot, view):
        await pilot.press("a", "x")
        for size in ((120, 40), (40, 15), (20, 6), (200, 60)):
            await pilot.resize_terminal(*size)
            await pilot.press("up")
            assert view._surface.size.width == size[0]
            assert all(line for line in view._lines)
            assert size[0] > 72 or len(view._lines[1]) <= 40

    drive(steps)


# --- the picture ----------------------------------------------------------------------------------


class Heard:
    """A player whose tap is filled by hand."""

    def __init__(self):
        self.effects = None
        self.latency_frames = 0
        self._tap = None

    @property
    def tap(self):
        if self._tap is None:
            raise UsageError("nothing plays")
        return self._tap

    @property
    def sample_rate(self):
        _ = self.tap
        return RATE


def shown(painter, columns, rows, screen=None):
    screen = screen or pyte.Screen(columns, rows)
    pyte.ByteStream(screen).feed(bytes(painter.frame()))
    return screen


def painted(columns=80, rows=20, setting=None, selected=None, **options):
    heard = Heard()
    model = EqualizerModel(heard, lambda work, then: None)
    model.settings["A"] = setting or Setting()
    model.selected = selected
    painter = ResponsePainter(heard, model, "default", "256", **options)
    painter.resize(columns, rows)
    return heard, model, painter


def test_the_curve_goes_where_the_equalisers_response_is():
    setting = Setting((("peaking", 1000.0, 1.0, 9.0), ("highshelf", 6000.0, 0.7, -6.0)))
    _, model, painter = painted(setting=setting)
    screen = shown(painter, 80, 20)
    assert painter.range_db == 12.0
    rows = 19
    for column in range(4, 80):
        dots = [y for y in range(rows) if "\u2801" <= screen.buffer[y][column].data <= "\u28ff"]
        level = float(model.response_db([painter.hz_at(column)])[0])
        wanted = painter.place_of(1000.0, level)[1]
        handles = [y for y in range(rows) if screen.buffer[y][column].data in "12"]
        assert dots or handles
        assert min(abs(y - wanted) for y in dots + handles) <= 1


def test_axes_handles_and_the_selected_band():
    setting = Setting((("peaking", 1000.0, 1.0, 9.0), ("lowshelf", 100.0, 0.7, -15.0)))
    _, model, painter = painted(setting=setting, selected=1)
    screen = shown(painter, 80, 20)
    lines = screen.display
    assert painter.range_db == 18.0
    assert lines[0].startswith("+18") and lines[18].startswith("-18")
    assert [word for word in ("100", "1k", "10k") if word in lines[19]] == ["100", "1k", "10k"]
    x, y = painter.place_of(100.0, -15.0)
    assert screen.buffer[y][x].data == "1" and screen.buffer[y][x].reverse
    x, y = painter.place_of(1000.0, 9.0)
    assert screen.buffer[y][x].data == "2" and not screen.buffer[y][x].reverse
    assert painter.handle_at(x + 1, y) == 0 and painter.handle_at(x + 9, y) is None
    assert painter.hz_at(x) == pytest.approx(1000.0, rel=0.06)
    assert painter.db_at(y) == pytest.approx(9.0, abs=1.0)
    assert len(painter.frame()) == 0, "nothing changed"
    model.selected = 0
    assert shown(painter, 80, 20, screen).buffer[y][x].reverse


def test_a_filter_without_gain_has_its_handle_on_its_curve():
    _, model, painter = painted(setting=Setting((("highpass", 100.0, 0.7071, 0.0),)))
    painter.frame()
    assert painter._level_of(0) == pytest.approx(-3.0, abs=0.1)
    assert painter.handle_at(*painter.place_of(100.0, -3.0)) == 0
    assert model.has_gain is False


def test_the_spectrum_stands_where_the_tone_is_and_falls_when_nothing_plays():
    heard, _, painter = painted()
    screen = shown(painter, 80, 20)
    empty = list(screen.display)
    heard._tap = Tap(65_536, 2)
    tone = 0.5 * np.sin(2 * np.pi * 1000.0 * np.arange(32_768) / RATE)
    heard._tap.push(np.stack([tone, tone]).astype(np.float32))
    shown(painter, 80, 20, screen)
    heights = [sum(screen.buffer[y][x].data in "▁▂▃▄▅▆▇█" for y in range(19)) for x in range(4, 80)]
    assert abs(int(np.argmax(heights)) - (painter.place_of(1000.0, 0.0)[0] - 4)) <= 1
    assert max(heights) == pytest.approx(19 * (78 - 6) / 78, abs=1)
    heard._tap = None
    assert shown(painter, 80, 20, screen).display == empty


@pytest.mark.parametrize("unicode", [True, False])
@pytest.mark.parametrize("size", [(1, 1), (3, 2), (29, 5), (30, 5), (200, 60)])
def test_every_size_can_be_painted(size, unicode):
    heard, model, painter = painted(
        *size,
        Setting((("peaking", 20.0, 9.0, 24.0), ("notch", 2e4, 3.0, 0.0)), -30.0),
        0,
        unicode=unicode,
    )
    heard._tap = Tap(65_536, 2)
    heard._tap.push(music(32_768).T)
    shown(painter, *size)
    painter.use_theme("light")
    model.is_bypassed = True
    data = bytes(painter.frame())
    assert unicode or data.isascii()


def test_a_painted_picture_is_what_the_cells_say(home, make_file):
    path, _ = make_file(frames=60 * RATE)
    with Player(device="null") as player:
        player.play(path)
        model = EqualizerModel(player)
        model.add(1000.0, 6.0)
        painter = ResponsePainter(player, model, "default", "256")
        painter.resize(80, 20)
        screen = pyte.Screen(80, 20)
        wait_for(lambda: player.tap.written > 16_384, what="music")
        for _ in range(20):
            shown(painter, 80, 20, screen)
            model.turn("gain_db", 1)
        shown(painter, 80, 20, screen)
        cells = painter.cells.glyphs & 0xFFFFFF
        for y in range(20):
            assert "".join(map(chr, cells[y])) == screen.display[y]


def test_the_light_and_the_room_are_seen_beside_a_long_name(home):
    async def steps(pilot, view):
        await pilot.press("a")
        await until(pilot, lambda: view.model.stage is not None)
        view.model.use(dataclasses.replace(view.model.setting, name="a name " * 9, preamp_db=-6.1))
        view.model.headroom._is_over = True
        for width in (120, 80, 72, 40):
            await pilot.resize_terminal(width, 24)
            await until(pilot, lambda width=width: view.size.width == width)
            for is_bypassed in (False, True):
                view.model.is_bypassed = is_bypassed
                words = view._state_words()
                assert len(words) <= width and "OVER" in words and "-6.1" in words
                assert ("room" in words) == (width >= 72)
                assert ("a name" in words) == (width > 80 and not is_bypassed)

    drive(steps)
