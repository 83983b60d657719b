"""A user's file that plays and is saved again: what did not change keeps its state."""

from __future__ import annotations

import re

import numpy as np
import pytest

from conftest import wait_for
from zerocross import Chain, Stream
from zerocross.effects import Gain
from zerocross.errors import UserFileError
from zerocross.graph.groups import Bypassed
from zerocross.graph.hot_reload import Refusal, UserParts, refusal_of, standing_for

FILE = """
import zerocross

@zerocross.processor
class Count:
    frames: int = 0

    def process(self, block):
        self.frames += block.frames
        for c in range(block.channels):
            for i in range(block.frames):
                block.output[c, i] = block.input[c, i]

@zerocross.processor
class Level:
    level: float = zerocross.param(0.5)

    def process(self, block):
        for c in range(block.channels):
            for i in range(block.frames):
                block.output[c, i] = self.level * block.input[c, i]
"""
OTHER_LEVEL = FILE.replace("self.level *", "0.5 * self.level *")


@pytest.fixture
def user(tmp_path):
    path = tmp_path / "effect.py"
    path.write_text(FILE)
    made = UserParts(str(path))

    def save(text):
        path.write_text(text)
        return made.take(made.chain)

    made.save = save
    return made


def names(chain):
    return [type(part).__name__ for part in chain.parts]


def test_what_did_not_change_is_the_same_object_with_its_state(user):
    count, level = user.chain.parts
    with Stream(user.chain, device="null", block_size=64):
        wait_for(lambda: count.frames > 1000, what="frames")
        before = count.frames
        assert user.save(OTHER_LEVEL) == ["Level"]
        assert user.chain.parts[0] is count and count.frames > before
        assert user.chain.parts[1] is not level


def test_a_comment_above_makes_nothing_anew(user):
    parts = user.chain.parts
    assert user.save("# words\n\n" + FILE) == []
    assert user.chain.parts == parts


def test_a_value_that_the_file_changes_is_given_to_what_plays(user):
    text = FILE + "\nchain = zerocross.Chain(Count(), Level(level={}))\n"
    user.save(text.format(0.25))
    count, level = user.chain.parts
    count.frames = 7
    assert level.level == 0.25
    assert user.save(text.format(0.75)) == []
    assert user.chain.parts == (count, level)
    assert (count.frames, level.level) == (7, 0.75)


def test_a_value_turned_by_hand_stays_where_the_file_does_not_change_it(user):
    user.chain.parts[1].level = 0.1
    user.save(OTHER_LEVEL)
    assert user.chain.parts[1].level == 0.1
    user.save(OTHER_LEVEL.replace("param(0.5)", "param(0.4)"))
    assert user.chain.parts[1].level == 0.4


def test_what_init_makes_counts_as_much_as_code(user):
    text = FILE + "\nfrom zerocross.eq import Equalizer\nchain = zerocross.Chain(Equalizer({}))\n"
    user.save(text.format(4))
    four = user.chain.parts[0]
    user.save(text.format(4) + "\n")
    assert user.chain.parts[0] is four
    assert user.save(text.format(5)) == ["Equalizer"]


def test_parts_come_go_and_change_places_among_those_of_others(user):
    own = Gain()
    chain = user.chain
    chain.append(own)
    first, second = chain.parts[:2]
    tail = "\nchain = zerocross.Chain({})\n"
    user.save(FILE + tail.format("Level(), Count()"))
    assert chain.parts == (second, first, own)
    user.save(FILE + tail.format("Level(), zerocross.effects.Pan(), Count()"))
    assert names(chain) == ["Level", "Pan", "Count", "Gain"]
    assert chain.parts[0] is second and chain.parts[2] is first
    user.save(FILE + tail.format("Count()"))
    assert chain.parts == (first, own)


def test_what_was_taken_out_by_hand_stays_out_and_bypassed_stays_bypassed(user):
    count, level = user.chain.parts
    user.chain.remove(count)
    user.chain.replace(level, Bypassed(level))
    user.save(OTHER_LEVEL)
    assert names(user.chain) == ["Bypassed"]
    assert user.chain.parts[0].part is user.parts[1] is not level


def test_a_part_within_a_group_of_others_is_found_there(user):
    count, level = user.chain.parts
    outer = Chain(Gain(), Chain(count, level))
    user.take(outer)
    assert standing_for(outer, level) is level and standing_for(outer, Gain()) is None
    outer.replace(level, Bypassed(level))
    assert standing_for(outer, level).part is level


def test_an_excerpt_begins_with_the_first_line(tmp_path):
    path = tmp_path / "effect.py"
    path.write_text("x\ny\nz\n")
    assert Refusal(str(path), 1, "").excerpt(1) == [(1, "x"), (2, "y")]
    assert Refusal(str(path), 3, "").excerpt(1) == [(2, "y"), (3, "z")]
    assert Refusal(str(path), 4, "").excerpt() == []


REFUSED = FILE.replace("self.level * block", "len([self.level]) * block")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (REFUSED, 21, "allocates"),
        (FILE + "\n1 / 0\n", 23, "ZeroDivisionError"),
        (FILE + "\ndef (\n", 23, "SyntaxError"),
        (FILE + "\nLevel(level=2.0)\n", 23, "level=2"),
        (
            FILE.replace("    frames: int = 0", "    def prepare(self, *_):\n        1 / 0"),
            7,
            "ZeroDivisionError",
        ),
        ("x = 1\n", 0, "defines neither a chain nor a processor"),
    ],
)
def test_a_refusal_names_its_line_and_changes_nothing(user, text, line, words):
    parts = user.chain.parts
    with pytest.raises(Exception) as caught:
        user.save(text)
    refusal = refusal_of(user.path, caught.value)
    assert words in refusal.words and refusal.line == line
    assert user.chain.parts == parts and user.parts == list(parts)
    shown = dict(refusal.excerpt())
    assert shown.get(line, "") == (text.splitlines()[line - 1] if line else "")
    assert line in shown or not line


def test_a_file_that_cannot_be_run_at_first_has_a_line(tmp_path):
    path = tmp_path / "effect.py"
    path.write_text("\n\nnothing\n")
    with pytest.raises(UserFileError, match="NameError") as caught:
        UserParts(str(path))
    assert caught.value.line == 3
    assert refusal_of(str(tmp_path / "none.py"), caught.value).excerpt() == []


def test_a_file_that_is_no_text_has_no_line(tmp_path):
    path = tmp_path / "effect.py"
    path.write_bytes(b"\x00\x01")
    with pytest.raises(UserFileError, match=f"^{re.escape(str(path))}: no Python file"):
        UserParts(str(path))


def test_a_version_is_looked_at_once(user, tmp_path):
    assert not user.has_changed()
    (tmp_path / "effect.py").write_text(OTHER_LEVEL)
    assert user.has_changed() and not user.has_changed()
    (tmp_path / "effect.py").unlink()
    assert not user.has_changed()


def test_what_plays_is_what_the_file_says(user):
    user.save(OTHER_LEVEL)
    assert np.allclose(user.chain.render(np.ones((8, 2)), 48_000), 0.25)
    assert Chain().format is None and user.chain.format == (48_000, 2)
