"""The view of the effects, driven by keys and mouse in a screen without a terminal."""

from __future__ import annotations

import sys

import pytest

import screens
from screens import until
from test_equalizer_view import drive
from test_hot_reload import FILE, OTHER_LEVEL, REFUSED
from zerocross import Chain, Player
from zerocross.effects import Compressor, Gain
from zerocross.terminal.views.effects import _slider


def lines(view):
    rows = view._list
    return [view.words_of(k, rows.size.width)[0].rstrip() for k in range(rows.count)]


def names(view):
    return [row.name for row in view._rows_there if row.param is None]


def test_the_chain_is_shown_with_its_values_and_units():
    async def steps(pilot, view):
        there = lines(view)
        assert there[0] == "● Gain" and there[2] == "● Compressor"
        assert there[1].split()[:3] == ["gain", "0", "dB"]
        assert "●" in there[1].split(None, 3)[3]
        await pilot.resize_terminal(24, 10)
        assert lines(view)[1].split() == ["gain", "0", "dB"], "no room for a slider"

    with Player(device="null", effects=Chain(Gain(), Compressor())) as player:
        drive(steps, player=player, view="effects")


def test_values_are_turned_typed_and_put_back_by_keys():
    gain = Gain()

    async def steps(pilot, view):
        await pilot.press("down", "right", "right", "l", "h")
        assert gain.gain_db == 1.0
        await pilot.press("shift+right", "shift+left", "shift+left")
        assert gain.gain_db == pytest.approx(0.95)
        await pilot.press("enter", "ctrl+u", *"-7,5", "enter")
        assert gain.gain_db == -7.5
        await pilot.press("enter", *"x", "enter")
        assert "no number" in view.app.notes.lines[-1][1] and gain.gain_db == -7.5
        await pilot.press("enter", "escape", "backspace")
        assert gain.gain_db == 0.0
        await pilot.press("up", "right", "backspace")  # a part has no value
        assert gain.gain_db == 0.0

    with Player(device="null", effects=Chain(gain)) as player:
        drive(steps, player=player, view="effects")


def test_a_slider_is_dragged_and_the_wheel_turns_it():
    gain = Gain()

    async def steps(pilot, view):
        chain = view._list
        first, count = view.slider(chain.size.width)
        await pilot.mouse_down(chain, offset=(first + count - 1, 1))
        assert gain.gain_db == 24.0
        await pilot.hover(chain, offset=(first, 1))
        assert gain.gain_db == -120.0
        await pilot.mouse_up(chain, offset=(first, 1))
        await pilot.hover(chain, offset=(first + 9, 1))
        assert gain.gain_db == -120.0, "let go"
        await pilot._post_mouse_events([_scroll_up()], chain, offset=(first, 1))
        assert gain.gain_db == -119.5
        await pilot.mouse_down(chain, offset=(2, 1))
        assert gain.gain_db == -119.5, "beside it"

    def _scroll_up():
        from textual.events import MouseScrollUp

        return MouseScrollUp

    with Player(device="null", effects=Chain(gain)) as player:
        drive(steps, player=player, view="effects")


def test_effects_are_added_moved_bypassed_and_removed_by_keys():
    async def steps(pilot, view):
        assert lines(view) == []
        await pilot.press("d", "right", "a", *"rev", "enter")
        await until(pilot, lambda: names(view) == ["Reverb"])
        await pilot.press("a", "down", "down", "up", "enter")  # the second of the list
        await until(pilot, lambda: names(view) == ["Reverb", "Compressor"])
        await pilot.press("J")
        await until(pilot, lambda: names(view) == ["Compressor", "Reverb"])
        await pilot.press("home", "J")
        await until(pilot, lambda: names(view) == ["Reverb", "Compressor"])
        await pilot.press("home", "o")
        await until(pilot, lambda: lines(view)[0].endswith("bypassed"))
        assert lines(view)[0].startswith("○ Reverb")
        await pilot.press("enter")
        await until(pilot, lambda: lines(view)[0] == "● Reverb")
        await pilot.press("d")
        await until(pilot, lambda: names(view) == ["Compressor"])
        await pilot.press("a", "escape", "a", *"nothing", "enter")
        await until(pilot, lambda: "no such file" in view.app.notes.lines[-1][1])

    drive(steps, view="effects")


def test_a_file_is_taken_at_every_save_and_a_refusal_is_shown_at_its_line(tmp_path):
    path = tmp_path / "effect.py"
    path.write_text(FILE)

    async def steps(pilot, view):
        view.model.add(str(path))
        await until(pilot, lambda: names(view) == ["Count", "Level"])
        first = view.model.chain.parts[0]
        path.write_text(REFUSED)
        await until(pilot, lambda: view.has_class("-refused"))
        shown = (
            view.query_one("#refusal").visual.plain
            if hasattr(view.query_one("#refusal").visual, "plain")
            else str(view.query_one("#refusal").content)
        )
        assert "allocates" in shown and ">  21" in shown and "   20" in shown
        assert view.query_one("#refusal").size.height >= 5
        path.write_text(OTHER_LEVEL)
        await until(pilot, lambda: not view.has_class("-refused"))
        assert view.model.chain.parts[0] is first
        await pilot.press("5", "6")
        assert view.display and names(view) == ["Count", "Level"]

    drive(steps, view="effects")


def test_a_slider_is_as_long_as_it_is_told_to_be():
    assert _slider(0.0, 5) == "●────" and _slider(1.0, 5) == "━━━━●" and _slider(0.5, 3) == "━●─"


@pytest.mark.thorough
def test_live_opens_the_view_in_a_terminal_and_leaves_it_sane(tmp_path, make_file):
    from benchmarks.screen.terminal import Terminal

    song, _ = make_file(frames=60 * 48_000)
    path = tmp_path / "effect.py"
    path.write_text(FILE)
    words = [sys.executable, "-m", "zerocross", "live", "effect.py", "--input", str(song)]
    env = screens.environment(tmp_path)
    with Terminal([*words, "--device", "null"], env, 80, 24, cwd=tmp_path) as terminal:
        terminal.wait_for("7 Engine", 60)
        terminal.wait_for("Level")
        path.write_text(REFUSED)
        terminal.wait_for("allocates")
        terminal.wait_for(">  21")
        path.write_text(OTHER_LEVEL)
        terminal.wait_for("taken: Level")
        assert screens.leave(terminal) == 0
    (tmp_path / "effect.py").write_text("\n1 / 0\n")
    with Terminal([*words, "--device", "null"], env, 80, 24, cwd=tmp_path) as terminal:
        terminal.wait_for("effect.py:2: ZeroDivisionError")
        assert terminal.wait() == 2 and screens.is_sane(terminal)
