"""The screen's shell and its lists, driven by keys and mouse without a terminal."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import io
import os
import pty
import re
import signal
import termios

import numpy as np
import pytest
from rich.console import Console
from rich.style import Style
from textual.app import App
from textual.events import Click, Key
from textual.strip import Strip
from textual.widgets import Input, OptionList

from conftest import need_module
from emulator import Emulator
from screens import until
from test_screen_parts import png
from zerocross import Player
from zerocross.player import Event
from zerocross.sync import Tap
from zerocross.terminal import driver as drivers
from zerocross.terminal.abilities import Abilities
from zerocross.terminal.app import VIEWS, ScreenApp
from zerocross.terminal.cells import Cells
from zerocross.terminal.choice import Choice
from zerocross.terminal.dialogs import Prompt, Reading
from zerocross.terminal.foot import Foot, Now, Timeline
from zerocross.terminal.session import Session
from zerocross.terminal.surface import Surface
from zerocross.terminal.views.rows import Rows, columns
from zerocross.terminal.views.search import Search
from zerocross.terminal.visual import Visualiser
from zerocross.terminal.visual.frames import Frames


def drive(steps, *paths, view="playing", size=(80, 24), abilities=None, **options):
    """Run steps, a coroutine of a pilot, the app and its view, with a queue that waits for a key."""

    async def run(player):
        session = Session(player, view, **options)
        app = ScreenApp(session, abilities or Abilities("256"))
        async with app.run_test(size=size) as pilot:
            await until(pilot, lambda: app.view is not None and app.view.is_mounted)
            await steps(pilot, app)

    with Player(device="null") as player:
        player.queue.extend(paths)
        asyncio.run(run(player))


async def show(pilot, app, number):
    """Press a view's key, and wait for the view."""
    await pilot.press(str(number))
    await until(pilot, lambda: app.view.id == VIEWS[number - 1][0] and app.view.is_mounted)
    await pilot.pause()


def text_of(widget):
    return widget.render().plain


def shown_in(app):
    """Return the lines of the list above the screen."""
    console = Console(width=84, file=io.StringIO(), legacy_windows=False)
    console.print(app.screen._text)
    return console.file.getvalue().splitlines()


def words_of(view, width=84):
    """Return the lines of the view of what plays."""
    console = Console(width=width, file=io.StringIO(), legacy_windows=False)
    console.print(view._words())
    return console.file.getvalue()


def lines(rows):
    return ["".join(s.text for s in rows.render_line(y)).rstrip() for y in range(rows.size.height)]


# --- the shell ------------------------------------------------------------------------------------


def test_views_are_shown_by_keys_and_clicks_and_built_once(make_file):
    path, _ = make_file(frames=48_000)

    async def steps(pilot, app):
        first = app.view
        await show(pilot, app, 2)
        assert not first.display and app.view.display
        await pilot.press("tab")
        await until(pilot, lambda: app.view.id == "files")
        await pilot.press("shift+tab", "shift+tab")
        assert app.view is first and first.display
        foot = app.query_one(Foot)
        place = next(place for place, name in foot._places if name == "queue")
        await pilot.click(foot, offset=(place.start + 1, 0))
        assert app.view.id == "queue"
        await pilot.press("f1")
        assert app.view is first

    drive(steps, path)


def test_keys_steer_the_player_and_the_lines_below_say_so(make_file):
    path, _ = make_file("some song.wav", frames=480_000)

    async def steps(pilot, app):
        now = app.query_one(Now)
        assert "■ some song.wav" in text_of(now) and "1/2  vol 100%" in text_of(now)
        await pilot.press("space")
        await until(pilot, lambda: app.player.state == "playing")
        await pilot.pause(0.5)  # what is told of the track forgets an A
        await pilot.press("-", "r", "s", "t", "L")
        await pilot.pause()
        for words in ("▶", "vol 95%", "repeat all", "shuffled", "gain track", "A-"):
            assert words in text_of(now), words
        await pilot.press("space", "m")
        await pilot.pause()
        assert "⏸" in text_of(now) and "muted" in text_of(now)
        await pilot.press("up")
        assert app.player.volume == 1.0
        await pilot.press("v")
        await until(pilot, lambda: "■" in text_of(now))
        await pilot.resize_terminal(30, 15)
        await pilot.pause()
        assert "some song" in text_of(now) and "gain" not in text_of(now)

    drive(steps, path, path)


def test_the_views_names_are_whole_where_there_is_room(make_file):
    path, _ = make_file("a name that is a little long.wav")

    async def steps(pilot, app):
        foot, now = app.query_one(Foot), app.query_one(Now)
        for width, there in ((120, " 4 Visual  5 Eq"), (80, " 4 Visual 5 Eq"), (40, "4Vis 5EQ")):
            await pilot.resize_terminal(width, 15)
            await until(pilot, lambda there=there: there in text_of(foot))
            assert len(text_of(foot)) <= width
            assert ("? keys" in text_of(foot)) == (width > 40)
            assert re.search(r"(wav|…) +1/1", text_of(now))
            await pilot.click(foot, offset=(text_of(foot).index("4"), 0))
            await until(pilot, lambda: app.view.id == "visual")
            await pilot.press("1")

    drive(steps, path)


@pytest.mark.thorough
def test_the_line_of_time_seeks_by_mouse_and_its_wheel_is_the_volume(make_file):
    path, _ = make_file(frames=480_000)

    async def steps(pilot, app):
        app.player.play()
        app.player.pause()
        line = app.query_one(Timeline)
        await until(pilot, lambda: line.painter._shown[1:2] == (" 0:10 ",))
        bar = line.painter.bar
        await pilot.click(line, offset=(bar.start + len(bar) // 2, 0))
        assert app.player.position == pytest.approx(5.0, abs=0.2)
        await pilot.mouse_down(line, offset=(bar.start, 0))
        await pilot.hover(line, offset=(bar.start + len(bar) // 4, 0))
        await pilot.mouse_up(line, offset=(bar.start + len(bar) // 4, 0))
        await pilot.hover(line, offset=(bar.start, 0))
        assert app.player.position == pytest.approx(2.5, abs=0.2)
        line.on_mouse_scroll_down()
        assert app.player.volume == 0.95
        line.on_mouse_scroll_up()
        assert app.player.volume == 1.0
        await pilot.click(app.query_one(Now))
        assert app.player.state == "playing"

    drive(steps, path)


def press_at_once(app, *keys):
    """Have keys come together, as those of a quick typist do where the loop is late."""
    names = {"/": "slash"}
    for key in keys:
        app.post_message(Key(names.get(key, key), key if len(key) == 1 else None))


def test_keys_that_come_together_do_what_they_do_one_by_one(make_file):
    path, _ = make_file(frames=48_000)

    async def steps(pilot, app):
        await show(pilot, app, 2)
        press_at_once(app, "/", "d", "d", "x", "backspace", "d", "left", "y")
        search = app.query_one(Search)
        await until(pilot, lambda: search.value == "ddyd")
        assert len(app.player.queue) == 3
        press_at_once(app, "escape", "d", "a", "n", "o", "home", "k", "enter")
        await until(pilot, lambda: any("kno" in words for _, words in app.notes.lines))
        assert len(app.player.queue) == 2
        press_at_once(app, "3", "/", "z")
        await until(pilot, lambda: app.view.id == "files" and app.view.is_mounted)
        await until(pilot, lambda: app.view.query_one(Search).value == "z")

    drive(steps, path, path, path)


def test_a_key_that_ends_with_its_widget_holds_up_the_next_ones_for_a_moment_only(make_file):
    path, _ = make_file(frames=48_000)

    async def steps(pilot, app):
        app._typing.begin(Key("j", "j"))  # and nobody says that it is through
        press_at_once(app, "m")
        await pilot.pause()
        assert not app.player.mute
        await until(pilot, lambda: app.player.mute)

    drive(steps, path)


def test_what_is_told_stands_at_the_foot_and_is_kept(make_file):
    path, _ = make_file()

    async def steps(pilot, app):
        foot = app.query_one(Foot)
        app.player.events.publish(Event("error", "x", "a track failed"))
        await until(pilot, lambda: text_of(foot) == " error: a track failed")
        print("a notice of a library")
        await until(pilot, lambda: text_of(foot) == " a notice of a library")
        foot._forget()
        assert "1 Playing" in text_of(foot)
        app.note("asked for")
        for k in range(5):
            app.session.tell(f"told {k}")
        await until(pilot, lambda: len(app.notes.lines) == 8)
        assert text_of(foot) == " asked for"
        for words in (" told 2", " told 3", " told 4"):
            foot._forget()
            assert text_of(foot) == words
        app.note("an answer")
        assert text_of(foot) == " an answer"
        foot._forget()
        assert "1 Playing" in text_of(foot)
        await pilot.press("N")
        assert isinstance(app.screen, Reading)
        assert any("error: a track failed" in line for line in shown_in(app))
        await pilot.press("q")
        assert not isinstance(app.screen, Reading)
        app.session.tell("x" * 200)
        await until(pilot, lambda: text_of(foot).endswith("x…"))

    drive(steps, path)


def test_what_waits_is_told_at_once_where_the_line_before_it_could_be_read(make_file):
    path, _ = make_file(frames=48_000)

    async def steps(pilot, app):
        foot = app.query_one(Foot)
        app.note("error: the first")
        foot._shown_s -= 3.0  # it is there for longer than it takes to be read
        app.note("error: the second", waits=True)
        await until(pilot, lambda: text_of(foot) == " error: the second")

    drive(steps, path)


def test_the_list_of_keys_has_the_users_own(make_file):
    async def steps(pilot, app):
        await pilot.press("?")
        words = shown_in(app)
        assert any(line.split() == ["ctrl+n", "next", "track"] for line in words)
        assert not any("n b >" in line for line in words)
        await pilot.press("down", "pagedown", "escape")
        before = app.player.queue.repeat
        await pilot.press("r")
        assert app.player.queue.repeat == before, "r is of nothing now"
        await pilot.press("R")
        assert app.player.queue.repeat != before
        await pilot.press("s")
        assert isinstance(app.screen, Reading) and not app.player.queue.is_shuffled

    drive(steps, keys={"next": "ctrl+n", "repeat": "R", "notes": "s"})


@pytest.mark.thorough
def test_themes_follow_each_other_and_the_palette_has_all_actions(make_file):
    async def steps(pilot, app):
        await pilot.press("ctrl+t")
        assert app.theme == "light"
        await pilot.press("ctrl+t", "ctrl+t")
        assert app.theme == "default"
        commands = {command.title: command for command in app.get_system_commands(app.screen)}
        assert {"Next track", "Theme: high contrast", "Louder"} <= set(commands)
        assert commands["Next track"].help == "n b >"
        commands["Theme: high contrast"].callback()
        assert app.theme == "high contrast"
        await show(pilot, app, 2)
        assert "Take the track out" in {c.title for c in app.get_system_commands(app.screen)}
        await pilot.press(":")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        await pilot.press("escape")

    drive(steps)


@pytest.mark.parametrize("is_palette", [True, False])
def test_a_click_on_a_row_that_is_gone_is_none(is_palette):
    def click(options, number):
        style = Style.from_meta({"option": number})
        no = dict.fromkeys(("shift", "meta", "ctrl"), False)
        return Click(options, 1, 1, 0, 0, 1, **no, style=style)

    async def steps(pilot, app):
        chosen = []
        if is_palette:
            await pilot.press(":")
        else:
            app.push_screen(Choice("which", ["one", "two"]), chosen.append)
        await until(pilot, lambda: list(app.screen.query(OptionList)))
        options = app.screen.query_one(OptionList)
        await until(pilot, lambda: options.option_count)
        options.post_message(click(options, options.option_count))
        await pilot.pause()
        assert len(app.screen_stack) == 2, "where a row was before the list became shorter"
        if not is_palette:
            options.post_message(click(options, 1))
            await until(pilot, lambda: chosen == ["two"])

    drive(steps)


def test_an_end_by_a_signal_has_its_code():
    async def steps(pilot, app):
        app.end(signal.SIGTERM)
        await until(pilot, lambda: app._exit)
        assert app.return_value == 143

    drive(steps)


# --- surfaces -------------------------------------------------------------------------------------


class Strokes:
    """A painter that counts what it is asked."""

    def __init__(self):
        self.left = self.top = self.count = self.forgotten = 0
        self.size = None
        self.data = memoryview(b"x")
        self.cells = Cells(1, 1)

    def resize(self, columns, rows):
        self.size = (columns, rows)
        self.cells.resize(columns, rows)

    def forget(self):
        self.forgotten += 1

    def frame(self):
        self.count += 1
        return self.data


class Page(App):
    """An app with a surface below a line."""

    CSS = "Static { height: 2; }"
    view = None
    do_soon = ScreenApp.do_soon
    _own_context = None

    def __init__(self, surface):
        super().__init__()
        self._surface = surface

    def compose(self):
        from textual.widgets import Static

        yield Static()
        yield self._surface


@pytest.mark.parametrize("has_thread", [False, True])
def test_a_surface_is_painted_only_while_it_is_seen_and_moves(has_thread):
    painter = Strokes()
    surface = Surface(painter, fps=500.0, has_thread=has_thread)

    def rests():
        return surface._timer is None and surface._thread is None

    async def run():
        async with Page(surface).run_test(size=(40, 10)) as pilot:
            await until(pilot, lambda: painter.count > 0)
            assert painter.size == (40, 8) and (painter.left, painter.top) == (0, 2)
            surface.is_moving = True
            await until(pilot, lambda: painter.count > 100)
            surface.is_moving, painter.data = False, memoryview(b"")
            await until(pilot, rests)
            count, forgotten = painter.count, painter.forgotten
            await asyncio.sleep(0.05)
            assert painter.count == count, "there is no timer"
            surface.refresh()
            await until(pilot, lambda: painter.forgotten > forgotten)
            surface.is_moving = True
            await pilot.app.push_screen(Prompt("above"))
            await until(pilot, rests)
            await pilot.app.pop_screen()
            await until(pilot, lambda: not rests())
            surface.display = False
            await until(pilot, rests)
            surface.display = True
            await pilot.resize_terminal(30, 12)
            await until(pilot, lambda: painter.size == (30, 10))
            surface.painter = other = Strokes()
            await until(pilot, lambda: other.size == (30, 10))
            surface.styles.offset = (0, -3)
            await until(pilot, lambda: surface.content_region.y == -1)
            await pilot.pause(0.1)
            count = other.count
            await pilot.pause(0.1)
            assert other.count == count and other.top == 2, "a part of it is outside"
            surface.styles.offset = (0, 0)
            await until(pilot, lambda: other.count > count)
            pilot.app._driver.is_free = False
            skipped = surface.skipped
            await until(pilot, lambda: surface.skipped > skipped)

    asyncio.run(run())


@pytest.mark.thorough
def test_dialogs_leave_nothing_behind():
    async def steps(pilot, app):
        counts = []
        for _ in range(2):
            for _ in range(15):
                await pilot.press("question_mark")
                await pilot.pause()
                await pilot.press("escape")
                await until(pilot, lambda: len(app.screen_stack) == 1)
            gc.collect()
            counts.append(sum(type(each) is Strip for each in gc.get_objects()))
        assert counts[1] < counts[0] + 100, counts

    drive(steps)


# --- lists ----------------------------------------------------------------------------------------


def test_columns_fill_a_width_and_cut_what_is_too_long():
    assert columns(20, ("name", 0.9), ("1:23", 5)) == "name           1:23 "
    assert columns(10, ("a long name", 9)) == "a long n…"
    assert columns(12, ("日本" * 20, 7), ("x", 3)) == "日本日… x  "


def test_every_key_of_a_list_moves_its_cursor(make_file):
    paths = [make_file(f"{k:02}.wav", frames=100)[0] for k in range(60)]

    async def steps(pilot, app):
        rows = app.view.query_one(Rows)
        page = rows.size.height - 1
        assert 1 < page < 25
        for key, at in (
            *(("down", 1), ("j", 2), ("up", 1), ("k", 0), ("pagedown", page), ("ctrl+d", 2 * page)),
            *(("pageup", page), ("ctrl+u", 0), ("end", 59), ("home", 0), ("G", 59), ("g", 0)),
        ):
            await pilot.press(key)
            assert rows.cursor == at and at in rows.seen, key

    drive(steps, *paths, view="queue")


def test_the_queue_is_played_moved_and_taken_out_by_keys(make_file):
    paths = [make_file(f"{name}.wav", frames=480_000)[0] for name in "abcd"]

    async def steps(pilot, app):
        rows, queue = app.view.query_one(Rows), app.player.queue
        names = lambda: [os.path.basename(track.path)[0] for track in queue]  # noqa: E731
        assert [line.split() for line in lines(rows)[:2]] == [[">1", "a.wav"], ["2", "b.wav"]]
        await pilot.press("j", "j", "enter")
        await until(pilot, lambda: app.player.state == "playing" and queue.index == 2)
        await until(pilot, lambda: lines(rows)[2].startswith(">"))
        await pilot.press("K", "K")
        assert names() == list("cabd") and rows.cursor == 0 and queue.index == 0
        await pilot.press("shift+down", "G", "d")
        assert names() == list("acb")
        await pilot.press("g", "delete", "o")
        assert names() == list("cb") and rows.cursor == 0
        await pilot.click(rows, offset=(5, 1), times=2)
        await until(pilot, lambda: queue.index == 1)
        await pilot.press("C")
        assert not len(queue) and rows.count == 0
        await pilot.press("j", "enter", "d", "K")

    drive(steps, *paths, view="queue")


@pytest.mark.thorough
def test_a_search_that_finds_nothing_says_so(make_file):
    path, _ = make_file(frames=48_000)

    async def steps(pilot, app):
        await show(pilot, app, 2)
        rows = app.query_one(Rows)
        await pilot.press("/", "q", "q", "q")
        await until(pilot, lambda: "no track has all these words" in "".join(lines(rows)))
        await pilot.press("escape", "C")
        await until(pilot, lambda: "nothing in the queue" in "".join(lines(rows)))

    drive(steps, path)


def test_the_queue_is_searched_letter_by_letter(make_file):
    paths = [make_file(f"{name}.wav", frames=4800)[0] for name in ("one", "two", "one more")]

    async def steps(pilot, app):
        rows = app.view.query_one(Rows)
        await pilot.press("/", "o", "n")
        await until(pilot, lambda: rows.count == 2)
        await pilot.press("e", "space", "m")
        await until(pilot, lambda: rows.count == 1)
        assert lines(rows)[0].split()[0] == "3", "its place in the queue"
        await pilot.press("backspace", "backspace")
        await until(pilot, lambda: rows.count == 2)
        await pilot.press("down", "J")
        assert "end the search" in app.notes.lines[-1][1]
        await pilot.press("down", "d")
        assert len(app.player.queue) == 2 and rows.count == 1
        await pilot.press("escape")
        await until(pilot, lambda: rows.count == 2)
        assert not app.view.query_one(Search).display
        await pilot.press("/", "t", "w", "enter")
        await until(pilot, lambda: app.player.queue.index == 1)

    drive(steps, *paths, view="queue")


@pytest.mark.thorough
def test_paths_are_typed_and_queues_are_kept(make_file, tmp_path):
    first, second = (make_file(name, frames=480)[0] for name in ("a.wav", "b.wav"))

    async def typed(pilot, app, words):
        await until(pilot, lambda: isinstance(app.screen, Prompt))
        app.screen.query_one(Input).value = str(words)
        await pilot.press("enter")
        await pilot.pause()

    async def steps(pilot, app):
        queue = app.player.queue
        await pilot.press("i")
        await typed(pilot, app, second)
        await until(pilot, lambda: len(queue) == 2)
        assert queue[0].path == str(second)
        await pilot.press("a")
        await typed(pilot, app, tmp_path / "gone.wav")
        await until(pilot, lambda: "no such file" in app.notes.lines[-1][1])
        await pilot.press("w")
        await typed(pilot, app, tmp_path / "kept")
        assert (tmp_path / "kept.m3u8").exists()
        await pilot.press("w")
        await typed(pilot, app, tmp_path / "kept.m3u8")
        assert "exists already" in app.notes.lines[-1][1]
        await pilot.press("C", "e")
        await typed(pilot, app, tmp_path / "kept.m3u8")
        await until(pilot, lambda: len(queue) == 2)
        await pilot.press("e")
        await typed(pilot, app, tmp_path / "gone.m3u8")
        assert app.notes.lines[-1][1].startswith("error:") and len(queue) == 2
        await pilot.press("i")
        await until(pilot, lambda: isinstance(app.screen, Prompt))
        await pilot.press("escape")
        await pilot.pause()
        assert len(queue) == 2

    drive(steps, first, view="queue")


@pytest.mark.thorough
def test_a_hundred_thousand_tracks_are_looked_at_only_where_they_are_seen(tmp_path):
    asked, widths = [], set()

    async def steps(pilot, app):
        rows = app.view.query_one(Rows)
        row = rows._row
        rows._row = lambda number, width: (
            widths.add(width) or asked.append(number) or row(number, width)
        )
        await pilot.press("G", "k", "pageup", "g", "down")
        await pilot.pause()
        assert rows.count == 100_000 and 99_999 in asked
        assert len(set(asked)) < 4 * rows.size.height
        assert widths == {79}, "beside the scrollbar"
        await pilot.press("/", *"99998")
        await until(pilot, lambda: rows.count == 1)

    drive(steps, *(f"/music/{k}.flac" for k in range(100_000)), view="queue")


def test_files_are_opened_searched_and_added(make_file, tmp_path):
    (tmp_path / "disc" / "deep").mkdir(parents=True)
    for name in ("disc/b.wav", "disc/deep/c.wav", "a.wav"):
        make_file(name, frames=480_000)

    async def steps(pilot, app):
        rows, queue = app.view.query_one(Rows), app.player.queue
        await until(pilot, lambda: rows.count == 2)
        assert lines(rows)[0] == "+ disc"
        await pilot.press("right")
        await until(pilot, lambda: rows.count == 4)
        assert [line.strip() for line in lines(rows)[:4]] == ["- disc", "+ deep", "b.wav", "a.wav"]
        await pilot.press("G", "up", "a")
        await until(pilot, lambda: len(queue) == 1)
        await pilot.press("i")
        await until(pilot, lambda: len(queue) == 2)
        await pilot.press("up", "left", "left")
        await until(pilot, lambda: rows.count == 2)
        await pilot.press("/", "c", ".")
        await until(pilot, lambda: rows.count == 1)
        assert lines(rows)[0] == "disc/deep/c.wav"
        await pilot.press("enter")
        await until(pilot, lambda: app.player.state == "playing" and len(queue) == 3)
        assert queue.index == 2
        await pilot.press("escape")
        await until(pilot, lambda: rows.count == 2)
        await pilot.press("g", "e")
        await until(pilot, lambda: app.view._tree.root.endswith("disc"))
        await pilot.press("u")
        await until(pilot, lambda: app.view._tree.root == str(tmp_path))
        await until(pilot, lambda: rows.count == 2)
        os.rename(tmp_path / "disc", tmp_path / "moved")
        await pilot.press("enter")
        await until(pilot, lambda: "no such file" in app.notes.lines[-1][1])

    drive(steps, view="files", folder=str(tmp_path))


# --- now playing, and the visualiser --------------------------------------------------------------


def test_what_plays_is_shown_with_its_cover_where_there_is_room(make_file, tmp_path):
    need_module("av")
    path, _ = make_file("song.wav", frames=480_000)
    (tmp_path / "cover.png").write_bytes(png(np.zeros((8, 8, 3), np.uint8)))

    async def steps(pilot, app):
        cover, words = app.view.query_one("#cover"), app.view.query_one("#words")
        await until(pilot, lambda: cover.display)
        assert cover.painter.picture.shape == (8, 8, 3)
        assert "space plays" in words_of(app.view) and "song.wav" in words_of(app.view)
        await pilot.press("space")
        await until(pilot, lambda: "48 kHz" in words_of(app.view))
        app.player.pause()
        await pilot.resize_terminal(40, 15)
        await until(pilot, lambda: not cover.display)
        assert words.size.width > 30
        narrow = words_of(app.view, words.size.width).splitlines()
        first = next(k for k, line in enumerate(narrow) if line.startswith("file"))
        assert len(str(path)) > 25 and narrow[first + 1].startswith(" " * 10), (
            "it goes on below itself"
        )
        app.player.queue.clear()
        app.view.player_event(Event("track"))
        await until(pilot, lambda: words_of(app.view).startswith("nothing"))

    drive(steps, path)


@pytest.mark.thorough
def test_the_visualisers_keys_change_it(make_file):
    path, _ = make_file(frames=480_000)

    async def steps(pilot, app):
        surface = app.view.query_one(Surface)
        assert surface.painter is None, "nothing plays"
        await pilot.press("space")
        await until(pilot, lambda: surface.painter is not None)
        picture = surface.painter
        before = picture.smoothing, picture.fall, picture.range_db, picture.peaks, picture.scale
        await pilot.press("]", "}", ")", "k", "f", "y")
        after = picture.smoothing, picture.fall, picture.range_db, picture.peaks, picture.scale
        assert all(a != b for a, b in zip(before, after))
        await pilot.press("[", "{", "(", "Y")
        await pilot.press("w")
        await pilot.pause()
        assert surface.size == (80, 24)
        await show(pilot, app, 2)
        assert app.query_one(Foot).display and not surface.is_moving
        await pilot.press("4")
        assert surface.size.height < 24
        frames = surface.frames
        await until(pilot, lambda: surface.frames > frames)
        app.player.pause()
        await until(pilot, lambda: surface._timer is None)

    drive(steps, path, view="visual")


# --- the driver -----------------------------------------------------------------------------------


class Owner:
    """What a driver needs of an app."""

    _driver = None

    def __init__(self):
        self.posted, self.ended, self.repainted = [], [], 0

    def encode(self, text):
        return text.encode()

    def post_message(self, message):
        self.posted.append(message)

    def end(self, number=0):
        self.ended.append(number)

    def repaint(self):
        self.repainted += 1


@pytest.fixture
def terminal(monkeypatch):
    ours, theirs = pty.openpty()
    name = os.ttyname(theirs)
    monkeypatch.setattr(
        drivers, "_reopened", lambda: os.open(name, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY)
    )
    os.set_blocking(ours, False)
    yield ours, theirs
    for fd in (ours, theirs):
        with contextlib.suppress(OSError):
            os.close(fd)


def with_driver(steps):
    async def run():
        owner = Owner()
        driver = drivers.ScreenDriver(owner)
        try:
            await steps(owner, driver)
        finally:
            driver.dispose()

    asyncio.run(run())


def taken(fd):
    data = b""
    try:
        while True:
            data += os.read(fd, 1 << 16)
    except BlockingIOError:
        return data


def test_a_terminal_is_taken_and_given_back_as_it_was(terminal):
    ours, theirs = terminal
    before = termios.tcgetattr(theirs)

    async def steps(owner, driver):
        driver.start_application_mode()
        assert not termios.tcgetattr(theirs)[3] & termios.ECHO
        driver.write("text")
        assert driver.paint(memoryview(b"frame"))
        driver._sigcont_application()  # a stop that nobody told of
        await asyncio.sleep(0.01)
        assert owner.repainted == 1
        driver.stop_application_mode()
        data = taken(ours)
        assert data.startswith(b"\x1b[?1049h") and b"textframe" in data
        assert data.endswith(b"\x1b[?1049l\x1b[?25h")
        assert not driver.paint(memoryview(b"late"))

    with_driver(steps)
    assert termios.tcgetattr(theirs) == before


def test_keys_are_read_by_the_loop_an_escape_after_a_moment(terminal):
    ours, _ = terminal

    async def steps(owner, driver):
        driver.start_application_mode()
        owner.posted.clear()
        os.write(ours, "aü\x1b[A".encode())
        for _ in range(100):
            await asyncio.sleep(0.01)
            if len(owner.posted) == 3:
                break
        assert [event.key for event in owner.posted] == ["a", "ü", "up"]
        os.write(ours, b"\x1b")
        for _ in range(300):
            await asyncio.sleep(0.01)
            if len(owner.posted) == 4:
                break
        assert owner.posted[3].key == "escape"

    with_driver(steps)


def test_a_terminal_that_does_not_read_holds_nothing_up(terminal):
    ours, _ = terminal

    async def steps(owner, driver):
        driver.start_application_mode()
        sent = 0
        while driver.paint(memoryview(b"x" * 4096)):
            sent += 1
            assert sent < 1000
        assert not driver.is_free
        driver.write("y" * 2_000_000)
        driver.write("z" * 2_000_000)
        driver.flush()
        driver.write("!")
        driver.flush()
        await asyncio.sleep(0)
        assert owner.repainted >= 1, "what it is too far behind is not kept"
        for _ in range(10_000):
            taken(ours)
            await asyncio.sleep(0)
            if driver.is_free:
                break
        assert driver.paint(memoryview(b"x"))

    with_driver(steps)


class Watcher:
    """What may be covered, and is not; a visualiser's tap that gets noise."""

    is_seen, sample_rate, latency_frames = True, 48_000, 0

    def __init__(self):
        self.tap = Tap(65_536, 2)
        self.tap.push(np.random.default_rng(3).uniform(-0.3, 0.3, (2, 9000)).astype(np.float32))


@pytest.mark.thorough
@pytest.mark.skipif(not Frames.is_possible, reason="Linux's system calls")
def test_what_is_written_ends_frames_without_python_and_stands_between_two(terminal):
    ours, _ = terminal
    watcher, emulator = Watcher(), Emulator(60, 12)
    visualiser = Visualiser(watcher, 60, 11, mode="goniometer")
    noise = np.random.default_rng(4)

    async def steps(owner, driver):
        driver.start_application_mode()
        assert driver.show(visualiser.without_python(), watcher, 0.002, 3)[0] == 3
        taken(ours)
        for k in range(20):
            visualiser.forget()
            frames = visualiser.without_python()
            shown = asyncio.get_running_loop().run_in_executor(
                None, driver.show, frames, watcher, 0.002, 100_000
            )
            for _ in range(5):
                await asyncio.sleep(0.004)
                watcher.tap.push(noise.uniform(-0.3, 0.3, (2, 500)).astype(np.float32))
            driver.write(f"\x1b[12;1H{k:02} told\x1b[m")
            driver.flush()
            assert (await asyncio.wait_for(shown, 30))[0] > 0
            emulator.feed(taken(ours))
            assert emulator.screen.display[11].startswith(f"{k:02} told")
            assert [
                each for each in emulator.differences(visualiser.cells, 0, 0) if each[0] < 11
            ] == []
        driver.stop_application_mode()
        assert driver.show(visualiser.without_python(), watcher, 0.002, 9) == (0, 0)

    with_driver(steps)


@pytest.mark.thorough
@pytest.mark.skipif(not Frames.is_possible, reason="Linux's system calls")
def test_a_frame_that_is_not_taken_is_sent_before_anything_else(terminal):
    ours, _ = terminal
    watcher, emulator = Watcher(), Emulator(60, 12)
    visualiser = Visualiser(watcher, 60, 11)

    async def steps(owner, driver):
        driver.start_application_mode()
        taken(ours)
        while driver.is_free:
            visualiser.forget()
            driver.show(visualiser.without_python(), watcher, 0.0, 1)
        assert driver.show(visualiser.without_python(), watcher, 0.0, 1) == (0, 0)
        driver.write("\x1b[12;1Htold after it\x1b[m")
        driver.flush()
        data = b""
        for _ in range(1000):
            data += taken(ours)
            await asyncio.sleep(0)
        emulator.feed(data)
        assert emulator.screen.display[11].startswith("told after it")
        assert [each for each in emulator.differences(visualiser.cells, 0, 0) if each[0] < 11] == []

    with_driver(steps)


def test_a_terminal_that_is_gone_ends_the_screen(terminal):
    ours, theirs = terminal

    async def steps(owner, driver):
        driver.start_application_mode()
        os.close(ours)
        os.close(theirs)
        for _ in range(200):
            await asyncio.sleep(0.01)
            if owner.ended:
                break
        assert owner.ended == [signal.SIGHUP]
        driver.paint(memoryview(b"x"))

    with_driver(steps)


@pytest.mark.thorough
def test_there_is_no_timer_where_nothing_happens(make_file):
    path, _ = make_file()

    async def steps(pilot, app):
        loop, line = asyncio.get_running_loop(), app.query_one(Timeline)

        def is_still():
            return not line._timer and not [h for h in loop._scheduled if "_tick" in repr(h)]

        await until(pilot, is_still)
        for _ in range(20):
            await asyncio.sleep(0.02)
            assert is_still()

    drive(steps, path)
