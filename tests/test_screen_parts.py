"""What the screen is made of, without a screen: keys, the session, lists of files, covers, abilities."""

from __future__ import annotations

import io
import os
import sys
import threading
import types
from pathlib import Path

import numpy as np
import pytest
from rich.cells import cell_len

from conftest import need_module, wait_for
from emulator import Emulator
from zerocross import Player, UsageError
from zerocross.cli.screen import THEMES, VIEWS, for_screen
from zerocross.graph.params import param
from zerocross.player.changes import running_loop
from zerocross.settings.config import read_config
from zerocross.terminal.abilities import abilities_of, as_ascii
from zerocross.terminal.cover import CoverPainter, find_cover, scaled
from zerocross.terminal.keymap import ACTIONS, SCOPES, keys_of, read_keys
from zerocross.terminal.models.values import words_of_name
from zerocross.terminal.notes import Notes
from zerocross.terminal.pasted import Pasted
from zerocross.terminal.progress import Progress
from zerocross.terminal.session import Session
from zerocross.terminal.tag_reader import TagReader
from zerocross.terminal.tree import Tree, listing, walk
from zerocross.terminal.views.rows import ended

DOCUMENT = Path(__file__).parents[1] / "docs" / "screen.md"
BEGIN, END = "<!-- from terminal/keymap.py -->\n", "<!-- end -->"

# --- what a terminal sends -------------------------------------------------------------------------

PASTE, PASTED = "\x1b[200~", "\x1b[201~"


@pytest.mark.parametrize("length", range(1, 12))
def test_what_is_pasted_has_no_escape_characters_wherever_it_is_cut(length):
    begin, rest = f"a\x1b[A{PASTE}", f"x\x1b[201y\x1b]z\x1b{PASTE}b{PASTED}\x1b[B\x1b"
    pasted = Pasted()
    sent = [begin] + [rest[at : at + length] for at in range(0, len(rest), length)]
    told = "".join(pasted.without_escapes(part) for part in sent)
    assert told == f"{begin}x[201y]z[200~b{PASTED}\x1b[B\x1b"


# --- keys -----------------------------------------------------------------------------------------


def test_actions_have_names_and_keys_of_their_own():
    assert len({action.name for action in ACTIONS}) == len(ACTIONS)
    for scope in SCOPES:
        keys = [key for each in ACTIONS if each.scope == scope for key in keys_of(each, {})]
        assert len(set(keys)) == len(keys), scope


def key_table():
    """Return the table of docs/screen.md."""
    rows = []
    for scope in SCOPES:
        rows += ["", f"### {scope.capitalize()}", "", "| keys | name | |", "|---|---|---|"]
        for action in ACTIONS:
            if action.scope == scope:
                keys = " ".join(f"`{key}`" for key in action.keys.split())
                rows.append(f"| {keys} | {action.name} | {action.words} |")
    return "\n".join([*rows, "", ""])


def test_the_table_of_keys_in_the_documents_is_true():
    """Run this file to write it anew."""
    text = DOCUMENT.read_text()
    assert text.partition(BEGIN)[2].partition(END)[0] == key_table()


def test_a_users_keys_are_read_and_what_is_wrong_is_told():
    table = {"next": "N ctrl+x", "paus": "x", "stop": 3, "mute": "Return PgUp"}
    own, notices = read_keys(table, "config.toml")
    assert own == {"next": "N ctrl+x", "mute": "enter pageup"}
    assert notices == [
        "config.toml: no action 'paus' for keys; did you mean pause?",
        "config.toml: keys of stop: give text, such as 'n ctrl+n'",
        "config.toml: N is of next now, no longer of notes",
    ]
    assert keys_of(next(a for a in ACTIONS if a.name == "next"), own) == ["N", "ctrl+x"]
    assert "docs/screen.md" in read_keys({"xyzzy": "a"}, "c")[1][0]


def test_a_configuration_may_have_the_table_of_keys_and_no_other(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text('theme = "light"\n[keys]\nnext = "b"\n[other]\na = 1\n')
    values, notices = read_config(path, {"theme"}, ("keys",))
    assert values == {"theme": "light", "keys": {"next": "b"}}
    assert notices == [f"{path}: no key 'other'; did you mean theme?"]
    path.write_text("keys = 3\n")
    assert read_config(path, (), ("keys",))[0] == {}


def test_where_asyncio_is_just_being_imported_no_loop_runs(monkeypatch):
    monkeypatch.setitem(sys.modules, "asyncio", types.ModuleType("asyncio"))
    assert running_loop() is None


# --- notes ----------------------------------------------------------------------------------------


def test_a_note_without_an_end_is_kept_in_part_and_shown_for_seconds():
    notes = Notes()
    assert notes.add("short") == pytest.approx(4.0 + 5 / 15)
    assert notes.add("x" * 1_000_000) == 20.0
    assert [words for _, words in notes.lines] == ["short", "x" * 1000 + "…"]


# --- the command line -----------------------------------------------------------------------------

COMMANDS = ["play", "render", "screen"]


def test_what_is_there_opens_the_screen(tmp_path):
    for words in ([], [str(tmp_path)], ["--theme", "light"], ["http://a.b/c"], ["file:///a"]):
        assert for_screen(words, COMMANDS) == ["screen", *words]


@pytest.mark.parametrize(
    ("word", "hint"),
    [("pley", "did you mean 'play'?"), ("xyzzy", "zerocross --help lists the commands")],
)
def test_another_first_word_is_an_error_in_a_line(word, hint):
    with pytest.raises(UsageError) as raised:
        for_screen([word], COMMANDS)
    assert str(raised.value) == f"no command or file '{word}': {hint}"


def test_without_a_terminal_it_says_what_needs_none(cli, tmp_path):
    for words, told in (
        ([], b"error: this is no terminal; use zerocross play, which needs none\n"),
        ([str(tmp_path)], b"error: this is no terminal; use zerocross play, which needs none\n"),
        (["pley"], b"error: no command or file 'pley': did you mean 'play'?\n"),
    ):
        done = cli(*words)
        assert (done.returncode, done.stderr, done.stdout) == (2, told, b"")


def test_the_command_lines_names_are_the_screens():
    from zerocross.terminal import app, themes

    assert tuple(each[0] for each in app.VIEWS) == VIEWS
    assert THEMES == themes.NAMES


# --- abilities ------------------------------------------------------------------------------------


def test_abilities_are_what_the_environment_says():
    modern = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "de_DE.UTF-8"}
    assert abilities_of(modern).depth == "true" and abilities_of(modern).unicode
    assert not abilities_of(modern).kitty
    assert not abilities_of(modern | {"LC_ALL": "C"}).unicode
    assert abilities_of({"TERM": "xterm-kitty", "LANG": "C"}).kitty
    assert abilities_of({"TERM": "x", "TERM_PROGRAM": "WezTerm"}).kitty
    assert not abilities_of({"TERM": "xterm-kitty", "TMUX": "1"}).kitty


def test_ascii_is_as_wide_as_what_it_stands_for():
    assert as_ascii("▶ Ännchen — 日本 …") == "> Annchen - ???? ."
    assert as_ascii("e\u0301") == "e"
    assert as_ascii("plain\x1b[m") == "plain\x1b[m"


# --- a session ------------------------------------------------------------------------------------


@pytest.fixture
def session(make_file):
    with Player(device="null") as player:
        path, _ = make_file(frames=480_000)
        player.queue.extend([path, path, path])
        yield Session(player)


def test_keys_do_what_players_do(session):
    player = session.player
    assert session.act("pause") == ""
    assert player.state == "playing"
    session.act("pause")
    assert player.state == "paused"
    session.act("forward")
    assert 5.0 <= player.position < 5.5
    session.act("back")
    assert player.position < 0.5
    session.act("forward-minute")
    session.act("softer")
    assert player.volume == 0.95
    for _ in range(3):
        session.act("louder")
    assert player.volume == 1.0
    session.act("mute")
    assert player.mute
    assert session.act("repeat") == "repeat the queue" and player.queue.repeat == "all"
    assert session.act("repeat") == "repeat the track" and player.queue.repeat == "one"
    assert session.act("repeat") == "repeat nothing"
    assert session.act("shuffle") == "shuffled" and player.queue.is_shuffled
    assert session.act("shuffle") == "in its order again" and not player.queue.is_shuffled
    assert session.act("replaygain") == "ReplayGain: track" and player.replaygain == "track"
    session.act("stop")
    assert player.state == "stopped"
    assert session.act("forward") == "", "nothing plays"
    assert session.knows >= {"next", "previous"}


def test_a_key_sets_a_then_b_then_no_loop(session):
    player = session.player
    assert session.act("ab-loop") == "nothing plays: no A-B loop"
    player.play(start_s=1.0)
    player.pause()
    assert session.act("ab-loop") == "A at 0:01; the same key sets B" and session.has_a
    player.seek(3.0)
    assert session.act("ab-loop").startswith("from 0:01 to 0:03")
    assert player.loop == (pytest.approx(1.0, abs=0.2), pytest.approx(3.0, abs=0.2))
    assert session.act("ab-loop") == "no A-B loop" and player.loop is None
    session.act("ab-loop")
    session.forget_a()
    assert not session.has_a


def test_a_queue_goes_on_where_it_was_left_once(session):
    session.resume_at_s = 4.0
    session.act("pause")
    assert 4.0 <= session.player.position < 5.0
    session.player.stop()
    session.act("pause")
    assert session.player.position < 1.0
    session.player.stop()
    session.resume_at_s = 1e6
    session.act("pause")
    assert session.player.state == "playing", "the file is shorter than it was"


def test_paths_are_added_on_a_thread_and_what_is_missing_is_told(session, make_file, tmp_path):
    (tmp_path / "more").mkdir()
    make_file("more/1.wav", frames=10)
    make_file("more/2.wav", frames=10)
    told = []
    session.add([str(tmp_path / "more")], 1, lambda *words: told.append(words))
    wait_for(lambda: told)
    assert told.pop() == ("2 tracks added", 2)
    assert [os.path.basename(t.path) for t in session.player.queue][:4] == [
        *("song.wav", "1.wav", "2.wav", "song.wav")
    ]
    session.add([str(tmp_path / "gone.wav")], None, lambda *words: told.append(words))
    wait_for(lambda: told)
    assert told.pop() == (f"error: {tmp_path / 'gone.wav'}: no such file", 0)
    session.add([str(tmp_path / "more/2.wav")], None, lambda *w: told.append(w), plays=True)
    wait_for(lambda: told and session.player.queue.index == 5)


def test_what_is_told_before_there_is_a_screen_is_kept(session):
    told = []
    session.tell("early")
    session.attach(told.append)
    session.tell("late")
    session.attach(None)
    session.tell("kept")
    assert told == ["early", "late"]
    session.attach(told.append)
    assert told[-1] == "kept"


# --- the line of time -----------------------------------------------------------------------------


class FakePlayer:
    """A player that is where it is said to be."""

    state, position, duration, loop = "paused", 0.0, 100.0, None


def test_the_line_of_time_shows_where_the_track_is():
    player, shown = FakePlayer(), Emulator(40, 2)
    line = Progress(player, "default", "256")
    line.top = 1
    line.resize(40, 1)
    shown.feed(line.frame())
    assert shown.screen.display[1] == " 0:00 ──────────────────────────── 1:40 "
    assert line.bar == range(6, 34)
    player.position = 50.0
    shown.feed(line.frame())
    assert shown.screen.display[1] == " 0:50 " + "━" * 14 + "─" * 14 + " 1:40 "
    assert bytes(line.frame()) == b"", "nothing has changed"
    player.position, player.loop = 52.0, (25.0, 75.0)
    shown.feed(line.frame())
    assert shown.screen.display[1] == " 0:52 ━━━━━━━A━━━━━━╸──────B────── 1:40 "
    cells = shown.screen.buffer[1]
    assert cells[13].fg == cells[27].fg not in {cells[12].fg, cells[28].fg}
    player.duration, player.loop = None, None
    line.forget()
    shown.feed(line.frame())
    assert shown.screen.display[1].startswith(" 0:52 ──")
    assert 2.0 <= line.steps_a_second <= 10.0


def test_the_line_of_time_behind_a_dialog_has_the_new_themes_colours():
    line = Progress(FakePlayer(), "default", "16")
    line.resize(40, 1)
    line.frame()
    before = line.cells.inks[0].copy()
    line.use_theme("light", "16")  # nothing is painted while a dialog stands above
    assert (line.cells.inks[0][1:5] != before[1:5]).all()
    assert len(set(line.cells.inks[0].tolist())) == len(set(before.tolist())) == 2


def test_the_line_of_time_in_ascii():
    player, shown = FakePlayer(), Emulator(30, 1)
    line = Progress(player, "light", "monochrome", unicode=False)
    player.position = 50.0
    line.resize(30, 1)
    shown.feed(line.frame())
    assert shown.screen.display[0] == " 0:50 =========--------- 1:40 "


# --- files ----------------------------------------------------------------------------------------


@pytest.fixture
def folders(tmp_path):
    for name in (
        "b/10 x.wav",
        "b/2 x.WAV",
        "b/c/deep.mp3",
        "a.flac",
        "list.m3u",
        "no.txt",
        ".h.wav",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def names(tree):
    return [(node.depth, node.name) for node in tree.rows]


def test_a_tree_opens_and_closes(folders):
    tree = Tree(str(folders))
    tree.fill(listing(tree.root))
    assert names(tree) == [(0, "b"), (0, "a.flac"), (0, "list.m3u")]
    node = tree.rows[0]
    tree.open(node, listing(node.path))
    tree.open(node, listing(node.path))
    assert names(tree)[:4] == [(0, "b"), (1, "c"), (1, "2 x.WAV"), (1, "10 x.wav")]
    tree.open(tree.rows[1], listing(tree.rows[1].path))
    assert names(tree)[2] == (2, "deep.mp3") and tree.parent(2) == 1 and tree.parent(0) is None
    tree.close(node)
    assert len(tree.rows) == 3 and not node.is_open
    with pytest.raises(OSError):
        listing(str(folders / "gone"))


def test_all_that_can_be_played_is_found_below_a_folder(folders):
    (folders / "b" / "round").symlink_to(folders)
    found = [os.path.relpath(path, folders) for path in walk(str(folders))]
    assert found == ["a.flac", "list.m3u", "b/2 x.WAV", "b/10 x.wav", "b/c/deep.mp3"]


def test_a_walk_ends_before_the_next_folder_and_keeps_out_of_what_is_made_up(folders):
    asked = []

    def goes_on():
        asked.append(1)
        return len(asked) < 2

    assert len(list(walk(str(folders), goes_on))) < len(list(walk(str(folders))))
    assert len(asked) == 2
    assert list(walk("/proc")) == list(walk("/sys")) == []


def test_tags_that_are_wanted_last_are_read_first():
    first, go_on = threading.Event(), threading.Event()
    read, told = [], []

    def slow(item):
        first.set()
        assert go_on.wait(10)
        read.append(item)

    reader = TagReader(slow, lambda: told.append(len(read)))
    reader.want([1])
    assert first.wait(10)
    reader.want([2, 3])
    reader.want([2])
    go_on.set()
    wait_for(lambda: told[-1:] == [3])
    assert read == [1, 2, 3] and told == [1, 3], "a list is not drawn for each of its rows"
    reader.end()
    reader.want([4])
    assert read == [1, 2, 3]


# --- covers ---------------------------------------------------------------------------------------


def png(rows):
    """Return a picture's file; made by PyAV, which reads it too."""
    import av

    data = io.BytesIO()
    with av.open(data, "w", format="image2pipe") as container:
        stream = container.add_stream("png", rate=1)
        stream.height, stream.width = rows.shape[:2]
        stream.pix_fmt = "rgb24"
        for packet in stream.encode(av.VideoFrame.from_ndarray(rows, "rgb24")):
            container.mux(packet)
    return data.getvalue()


def test_a_cover_beside_a_file_is_found_and_decoded(make_file, tmp_path):
    need_module("av")
    path, _ = make_file("song.flac")
    assert find_cover(str(path)) == "no cover"
    rows = np.zeros((40, 60, 3), np.uint8)
    rows[:, 30:, 0] = 255
    (tmp_path / "Folder.PNG").write_bytes(png(rows))
    assert np.array_equal(find_cover(str(path)), rows)
    (tmp_path / "Folder.PNG").write_bytes(b"\x89PNG\r\n\x1a\n" + b"damaged" * 9)
    assert find_cover(str(path)).startswith("a cover that cannot be decoded")


def test_pictures_are_scaled_by_means():
    rows = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    half = scaled(rows, 3, 2)
    assert half.shape == (2, 3, 3)
    assert np.array_equal(half[0, 0], np.rint(rows[:2, :2].reshape(-1, 3).mean(0)))
    assert np.array_equal(scaled(rows, 12, 8)[::2, ::2], rows)
    assert scaled(rows, 5, 3).shape == (3, 5, 3)


RED_BLUE = np.array([[[255, 0, 0]] * 2, [[0, 0, 255]] * 2], np.uint8)


def painted(depth, unicode=True, picture=RED_BLUE):
    painter, shown = CoverPainter(depth, unicode), Emulator(10, 4)
    painter.left = painter.top = 1
    painter.resize(6, 2)
    painter.picture = picture
    shown.feed(painter.frame())
    assert bytes(painter.frame()) == b""
    return shown.screen


def test_a_cover_is_painted_by_half_blocks():
    screen = painted("true")
    cell = screen.buffer[1][1]
    assert (cell.data, cell.fg, cell.bg) == ("▀", "ff0000", "ff0000")
    assert screen.buffer[2][1].fg == "0000ff"
    assert screen.display[1] == "Z▀▀▀▀  ZZZ", "as high as it is wide"
    assert painted("256").buffer[1][1].fg == "ff0000"
    assert painted("16").buffer[1][1].fg in {"red", "brightred"}
    plain = painted("256", unicode=False).buffer[1][1]
    assert (plain.data, plain.bg) == (" ", "ff0000")
    assert painted("monochrome").display[1] == "Z      ZZZ"


def test_kitty_is_given_the_picture_itself_and_told_to_take_it_away():
    painter = CoverPainter("true", True, kitty=True)
    painter.left, painter.top = 4, 2
    painter.resize(20, 5)
    painter.picture = np.zeros((64, 64, 3), np.uint8)
    data = bytes(painter.frame())
    assert b"\x1b[3;5H\x1b_Ga=T,f=24,i=1,q=2,C=1,z=-1073741825,s=64,v=64,c=10,r=5,m=1;AAAA" in data
    assert b"48;" not in data, "its cells have no paper: others cover it"
    assert data.count(b"m=1;") == 3 and data.count(b"m=0;") == 1 and data.endswith(b"\x1b\\")
    assert painter.removed() == b"\x1b_Ga=d,d=I,i=1,q=2\x1b\\"
    assert painter.removed() == b""
    assert bytes(painter.frame()) == b""
    painter.forget()
    assert b"a=T" in bytes(painter.frame())


if __name__ == "__main__":
    before, _, rest = DOCUMENT.read_text().partition(BEGIN)
    DOCUMENT.write_text(before + BEGIN + key_table() + END + rest.partition(END)[2])


def test_a_path_that_is_too_long_keeps_its_end():
    assert ended("a/b.wav", 9) == "a/b.wav  "
    assert ended("one/two/three.wav", 10) == "…three.wav"
    for width in range(1, 12):
        assert cell_len(ended("日本語/東京の夜.mp3", width)) == width
    assert ended("日本語/東京の夜.mp3", 8).rstrip().endswith(".mp3")


def test_effects_parameters_are_named_in_words():
    assert words_of_name(param(0.0, -60.0, 0.0, "dB"), "threshold_db") == "threshold"
    assert words_of_name(param(1.0, 0.1, 9.0, "s"), "treble_decay_s") == "treble decay"
    assert words_of_name(param(0.3, 0.0, 1.0), "mix_s") == "mix s"
