"""What is configured and what is remembered: the user's files, broken ones, two players, kills."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import tomllib
import warnings
from pathlib import Path

import platformdirs
import pytest
import soundfile

from conftest import music, wait_for
from zerocross import Player, UsageError
from zerocross.cli import memory as memory_module
from zerocross.cli import playing
from zerocross.cli.configured import configurable
from zerocross.cli.main import run
from zerocross.cli.memory import Memory
from zerocross.cli.play import play as play_command
from zerocross.cli.screen import screen as screen_command
from zerocross.errors import ZerocrossError
from zerocross.folders import user_folder
from zerocross.settings.config import config_path, read_config, write_template
from zerocross.settings.state import Remembered, StateFile, state_folder
from zerocross.sources.cue import Cut
from zerocross.sources.playlists import expand
from zerocross.sources.tags import Tags

NULL = ["--device", "null", "--no-ui"]
DOCS = Path(__file__).parents[1] / "docs"


def test_the_users_folders_are_those_that_others_take(monkeypatch, tmp_path):
    """platformdirs is the oracle; where it is not needed it is not imported."""
    private, open_to_all = tmp_path / "run", tmp_path / "open"
    private.mkdir(0o700)
    open_to_all.mkdir(0o755)
    variables = ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR")
    for value in (
        "",
        "relative",
        "~/below",
        str(tmp_path),
        str(private),
        str(open_to_all),
        "/gone",
    ):
        for home in ("/nowhere/at/all", str(tmp_path)):
            monkeypatch.setenv("HOME", home)
            for variable in variables:
                monkeypatch.setenv(variable, value)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                for kind in ("cache", "config", "state", "runtime"):
                    theirs = getattr(platformdirs, f"user_{kind}_dir")("zerocross")
                    assert str(user_folder(kind)) == theirs, (kind, value, home)


@pytest.fixture
def seen(monkeypatch):
    """Return the options that files would be played with, in place of playing them."""
    found = {}

    def note(files, problems, read, options, memory=None):
        found.update(options, files=files)
        return 0

    monkeypatch.setattr(playing, "play_files", note)
    return found


def configure(text):
    path = config_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


# --- the configuration ----------------------------------------------------------------------------


def test_it_is_where_the_user_s_are(home):
    assert config_path() == home / "config" / "zerocross" / "config.toml"
    assert state_folder() == home / "state" / "zerocross"


def test_options_have_their_defaults_from_it(home, seen, capsys, monkeypatch):
    (home / "config" / "zerocross").mkdir(parents=True)
    (home / "config" / "zerocross" / "mine.txt").touch()
    monkeypatch.setenv("HOME", str(home))
    (home / "e.py").touch()
    path = configure(
        'volume = "60%"\ndevice = "null"\nreplaygain = "album"\nresample-quality = "medium"\n'
        'block = 256\neq = "mine.txt"\nloop = "all"\nshuffle = true\nui = false\nmpris = false\n'
        'effects = "~/e.py"\n'
    )
    assert run(["play", "x.flac"]) == 0
    assert capsys.readouterr().err == ""
    assert seen["volume"] == 0.6 and seen["device"] == "null" and seen["replaygain"] == "album"
    assert (seen["quality"], seen["block"], seen["loop"]) == ("medium", 256, "all")
    assert (seen["shuffle"], seen["ui"], seen["mpris"]) == (True, False, False)
    assert seen["eq"] == str(path.with_name("mine.txt")), "beside the configuration"
    assert seen["effects"] == os.path.expanduser("~/e.py")


def test_a_device_of_it_that_is_not_there_names_it(home, make_file, capsys):
    path, _ = make_file("song.flac", frames=100)
    config = configure('device = "nonesuch"\nmpris = false\nui = false\n')
    assert run(["play", str(path)]) != 0
    assert f"(it is the device of {config})" in capsys.readouterr().err
    assert run(["play", str(path), "--device", "nonesuch"]) != 0
    assert str(config) not in capsys.readouterr().err


def test_the_command_line_beats_it(home, seen):
    configure('volume = 0.5\nshuffle = true\nui = false\nmpris = false\nloop = "one"\n')
    assert run(["play", "x.flac", "--volume", "1", "--no-shuffle", "--ui", "--loop"]) == 0
    assert (seen["volume"], seen["shuffle"], seen["ui"]) == (1.0, False, True)
    assert (seen["loop"], seen["mpris"]) == ("all", False)
    assert run(["demo"]) == 0
    assert seen["volume"] == 0.5


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("volum = 1", "no key 'volum'; did you mean volume?"),
        ("resample_quality = 'high'", "did you mean resample-quality?"),
        ("Volume = 1", "did you mean volume?"),
        ("wholly-other = 1", "no key 'wholly-other'; zerocross config lists those there are"),
        ("start = 3", "no key 'start'"),
        ("volume = 3", "volume: '3' is no volume; give 0 to 1, or 0% to 100%; it is not used"),
        ("volume = nan", "volume: 'nan' is no volume"),
        ("volume = true", "volume: True: no switch; it is not used"),
        ("volume = [1]", "volume is not used; give text, a number, true or false"),
        ("shuffle = 1", "shuffle: give true or false; it is not used"),
        ("loop = 'two'", "loop: 'two' is not one of"),
        ("block = 'big'", "block: 'big' is not a valid integer"),
        ("block = inf", "block: inf is not a valid integer"),
        (f"block = {'9' * 4000}.5", "is not a valid integer"),
        (f"volume = {'9' * 5000}", "is no TOML"),
        (f"volume = 0x{'f' * 9000}", "volume: "),
        ("effects = 1.5", "effects: 1.5: give the name of a file; it is not used"),
        ("volume = ", "is no TOML (invalid value (at end of document)), so none of it is used"),
        ("a = " + "[" * 5000, "is no TOML"),
        (b"volume = '\xff'", "is no UTF-8, so none of it is used"),
        (b"#" * (1 << 20) + b"\n", "that is no configuration"),
    ],
)
def test_what_is_wrong_is_a_notice_and_never_the_start(home, seen, capsys, text, words):
    path = configure(text)
    assert run(["play", "x.flac"]) == 0
    error = capsys.readouterr().err
    assert error.startswith(f"notice: {path}: ") and error.count("\n") == 1
    assert words in error
    assert (seen["volume"], seen["loop"], seen["block"]) == (1.0, "off", None)


def test_what_is_right_beside_it_counts(home, seen, capsys):
    configure("volum = 1\nvolume = 0.5\nloop = 'two'")
    assert run(["play", "x.flac"]) == 0
    assert seen["volume"] == 0.5
    assert capsys.readouterr().err.count("notice: ") == 2


def test_a_configuration_that_is_empty_or_no_file(home, seen, capsys):
    configure("")
    assert run(["play", "x.flac"]) == 0
    assert capsys.readouterr().err == ""
    config_path().unlink()
    config_path().mkdir()
    assert run(["play", "x.flac"]) == 0
    assert "is a directory" in capsys.readouterr().err


def test_the_command_shows_what_holds(home, capsys):
    assert run(["config"]) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"# {config_path()}  (not there; zerocross config --init makes it)\n")
    assert all(f"\n# {key} = " in text for key in configurable(play_command))
    configure('volume = "60%"\nloop = "all"\nblock = 64\n')
    assert run(["config"]) == 0
    text = capsys.readouterr().out
    assert tomllib.loads(text) == {"volume": "60%", "loop": "all", "block": 64}
    assert run(["config", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["path"] == str(config_path())
    assert (found["values"]["volume"], found["values"]["replaygain"]) == ("60%", "off")


def test_it_is_written_with_every_key_explained(home, capsys):
    assert run(["config", "--init"]) == 0
    text = config_path().read_text()
    assert tomllib.loads(text) == {}, "all in it is commented out"
    keys = configurable(screen_command) | configurable(play_command)
    for key, option in keys.items():
        assert option.help.split("  ")[0] in text
        assert len(re.findall(rf"^# {key} = ", text, re.MULTILINE)) == 1
    plain = re.sub(r"^# ([a-z-]+ = |\[keys)", r"\1", text, flags=re.MULTILINE)
    values, notices = read_config(configure(plain), keys, ("keys",))
    assert set(values) == {*keys, "keys"} and notices == [], "as it stands there it can be used"
    assert run(["config", "--init"]) == 2
    assert "is there already" in capsys.readouterr().err
    assert config_path().read_text() == plain


def test_it_is_edited(home, monkeypatch, capsys):
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", "sed -i s/^#.volume/volume/")
    assert run(["config", "--edit"]) == 0
    assert tomllib.loads(config_path().read_text()) == {"volume": 1.0}
    monkeypatch.setenv("EDITOR", "/no/such/editor")
    assert run(["config", "--edit"]) == 2
    assert "set EDITOR" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_told(home, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be made"):
        write_template(tmp_path / "file" / "config.toml", {})


def test_every_key_is_documented():
    text = (DOCS / "remote.md").read_text()
    for key in configurable(play_command):
        assert f"| `{key}` |" in text


def test_effects_of_a_configuration_that_are_gone_are_a_notice(home, make_file, capsys):
    song, _ = make_file(frames=2400)
    configure('eq = "gone.txt"\neffects = "gone.py"\n')
    assert run(["play", str(song), *NULL]) == 0
    error = capsys.readouterr().err
    assert error.count("it is not used") == 2 and "gone.txt" in error and "gone.py" in error
    assert run(["play", str(song), *NULL, "--eq", str(home / "none.txt")]) == 1


def test_a_preset_or_effects_of_a_configuration_that_fail_are_a_notice(home, make_file, capsys):
    song, _ = make_file(frames=2400)
    bad = configure('eq = "bad.txt"\neffects = "bad.py"\n').parent
    (bad / "bad.txt").write_text("no preset\n")
    (bad / "bad.py").write_text("1 / 0\n")
    assert run(["play", str(song), *NULL]) == 0
    error = capsys.readouterr().err
    assert "notice: effects: " in error and "ZeroDivisionError" in error
    assert "notice: eq: " in error and "nothing in it is a preset" in error
    assert run(["play", str(song), *NULL, "--eq", str(bad / "bad.txt")]) != 0
    configure('eq = "/"\neffects = "/dev/zero"\n')
    capsys.readouterr()
    assert run(["play", str(song), *NULL]) == 0
    error = capsys.readouterr().err
    assert "notice: effects: /dev/zero: is a device" in error and "/: is a directory" in error


def test_a_configuration_of_windows_editors_and_a_link_to_itself(home, seen, capsys):
    path = configure(b"\xef\xbb\xbfvolume = 0.5\n")
    assert run(["play", "x.flac"]) == 0
    assert seen["volume"] == 0.5 and not capsys.readouterr().err
    path.unlink()
    path.symlink_to(path.name)
    assert run(["play", "x.flac"]) == 0
    assert "config.toml: cannot be opened" in capsys.readouterr().err


def test_an_editor_that_is_no_command_is_told(home, monkeypatch, capsys):
    monkeypatch.setenv("VISUAL", '"unclosed')
    assert run(["config", "--edit"]) == 2
    assert "EDITOR: no closing quotation; set it anew" in capsys.readouterr().err


def test_every_line_of_the_example_is_accepted(home, capsys):
    assert run(["config", "--init"]) == 0
    path = config_path()
    lines = re.findall(r"^# ([a-z-]+ = .*|\[keys\])$", path.read_text(), re.MULTILINE)
    for line in lines:
        if line.endswith(('.txt"', '.py"')):
            (path.parent / line.split('"')[1]).touch()
    assert len(lines) > 12
    capsys.readouterr()
    for text in ("\n".join(lines), *lines[:-2]):
        path.write_text(text)
        assert run(["config"]) == 0
        assert not capsys.readouterr().err, text
    assert any(line.startswith("view = ") for line in lines)


# --- the state ------------------------------------------------------------------------------------

PLACES = ("/a b.flac", "/ü\n#.flac", "#c", os.fsdecode(b"/\xff.wav"), "http://x/y")
CUTS = (Cut("/a b.flac", 75, None), Cut("/#", 75, 150, Tags("T", track=2)))
STATE = Remembered((*PLACES, *CUTS), 2, 3.5)


def test_what_is_written_is_read(home):
    file = StateFile.new()
    file.write(STATE)
    assert file.read() == STATE
    assert file.read().paths[-1].tags == Tags("T", track=2)
    other = Remembered(STATE.paths[:1], 0, 0.25, 0.5, True, "all")
    file.write(other)
    assert file.read() == other
    assert sorted(path.name for path in state_folder().iterdir()) == [
        "play-1.lock",
        "play-1.m3u8",
        "play-1.toml",
    ]


def test_a_queue_that_is_the_same_is_not_written_again(home):
    file = StateFile.new()
    file.write(STATE)
    queue = state_folder() / "play-1.m3u8"
    before = queue.stat().st_ino
    file.write(Remembered(STATE.paths, 3, 9.0))
    assert queue.stat().st_ino == before
    assert file.read().index == 3


def test_each_player_has_a_place_of_its_own(home):
    first, second = StateFile.new(), StateFile.new()
    first.write(Remembered(("/first",)))
    second.write(Remembered(("/second",)))
    assert first.read().paths == ("/first",)
    assert StateFile.last() is None, "both are held"
    second.close()
    second.close()
    last = StateFile.last()
    assert last.read().paths == ("/second",)
    first.close()
    later = StateFile.last()
    assert later.read().paths == ("/first",)
    assert StateFile.new().write(Remembered(("/third",))) is None
    assert last.read().paths == ("/second",), "held by who goes on with it"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("play-1.toml", b""),
        ("play-1.toml", b"index = "),
        ("play-1.toml", b"\xff\xff"),
        ("play-1.toml", b"index = 0\n"),
        ("play-1.toml", b"index = 99\nposition_s = 0\nvolume = 1\nmute = false\nloop = 'off'\n"),
        ("play-1.toml", b"index = 'a'\nposition_s = 0\nvolume = 1\nmute = false\nloop = 'off'\n"),
        ("play-1.toml", b"index = 0\nposition_s = nan\nvolume = 1\nmute = false\nloop = 'off'\n"),
        ("play-1.toml", b"index = 0\nposition_s = 0\nvolume = 9\nmute = false\nloop = 'off'\n"),
        ("play-1.toml", b"index = 0\nposition_s = 0\nvolume = 1\nmute = 3\nloop = 'off'\n"),
        ("play-1.toml", b"index = 0\nposition_s = 0\nvolume = 1\nmute = true\nloop = ['off']\n"),
        ("play-1.toml", b"#" * 100_000),
        ("play-1.m3u8", b"#EXTM3U\n"),
        ("play-1.m3u8", b"\xff\xfe"),
        ("play-1.m3u8", b"/a\0b.flac\n"),
        ("play-1.m3u8", b"/a" * 10_000),
        ("play-1.m3u8", None),
    ],
)
def test_a_broken_state_is_a_notice_and_never_the_start(home, seen, capsys, name, data):
    file = StateFile.new()
    file.write(STATE)
    file.close()
    path = state_folder() / name
    path.unlink() if data is None else path.write_bytes(data)
    assert run(["play", "x.flac", "--resume"]) == 0
    assert [entry.location for entry in seen["files"]] == ["x.flac"]
    error = capsys.readouterr().err
    assert error.startswith(f"notice: {path}: ") and error.count("\n") == 1
    if data == b"index = 0\n":
        assert "is damaged (it has no loop)" in error
    if name.endswith(".toml"):
        assert run(["play"]) == 0
        assert tuple(entry.location for entry in seen["files"]) == STATE.paths, "the queue is whole"
        assert capsys.readouterr().err.count("\n") == 1
    else:
        assert run(["play"]) == 2
        assert "nothing to go on with yet; give a PATH" in capsys.readouterr().err


def test_a_place_that_cannot_be_had_is_a_notice_once(home, make_file, capsys):
    (home / "state").touch()
    song, _ = make_file(frames=48_000)
    with Player("null") as player, Memory() as memory:
        player.play(song)
        memory.remember(player)
        player.pause()
        memory.remember(player)
    assert capsys.readouterr().err.count("notice: ") == 1
    with pytest.raises(ZerocrossError, match="is not remembered"):
        StateFile.new()


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    """Three files of half a minute."""
    folder = tmp_path_factory.mktemp("songs")
    for name in "abc":
        soundfile.write(folder / f"{name}.wav", music(8000 * 30, 1, sample_rate=8000), 8000)
    return [str(folder / f"{name}.wav") for name in "abc"]


@pytest.fixture
def three(home, songs):
    return songs


def test_playing_goes_on_where_it_was(three, capsys):
    with Player("null") as player, Memory() as memory:
        player.play(*three)
        player.next()
        player.seek(20.0)
        player.volume = 0.5
        player.queue.repeat = "all"
        player.pause()
        wait_for(lambda: player.position >= 20.0)
        memory.remember(player)
    with Player("null", volume=0.9) as player, Memory() as memory:
        files = memory.last_queue()
        assert [entry.location for entry in files] == three
        _begin(memory, player, files)
        assert player.queue.index == 1 and 20.0 <= player.position < 29.0
        assert player.volume == 0.5 and player.queue.repeat == "all"


def test_the_order_is_what_is_asked_for(three):
    with Player("null") as player, Memory() as memory:
        _begin(memory, player, three * 20, shuffle=True, loop="one", duration_s=0.2)
        assert player.queue.is_shuffled and player.queue.repeat == "one"
        assert len(player.queue) == 60
        assert player.wait(20), "it ends after its duration"
        assert player.report()["frames_played"] == 1600


OPTIONS = {"start_s": 0.0, "duration_s": None, "loop": "off", "shuffle": False}


def _begin(memory, player, files, **options):
    """Begin as the command does."""
    import click

    with click.Context(play_command):
        memory.play(player, files, {**OPTIONS, **options})


@pytest.mark.parametrize("is_among", [True, False])
def test_resume_with_paths_begins_there_if_it_is_one_of_them(three, make_file, is_among):
    file = StateFile.new()
    file.write(Remembered((three[1],), 0, 12.0))
    file.close()
    with Player("null") as player, Memory() as memory:
        files, _ = expand(three if is_among else [three[0], three[2]])
        memory.find_in(files)
        _begin(memory, player, files)
        player.pause()
        found = os.path.basename(player.queue.current.path), player.position >= 12.0
        assert found == (("b.wav", True) if is_among else ("a.wav", False))
        assert len(player.queue) == len(files)


def test_tracks_of_a_cue_sheet_are_remembered(three, home):
    sheet = home / "album.cue"
    tracks = "".join(f"TRACK {n} AUDIO\nTITLE T{n}\nINDEX 01 00:0{n}:00\n" for n in (1, 2, 3))
    sheet.write_text(f'FILE "{three[0]}" WAVE\n{tracks}')
    entries, problems = expand([str(sheet)])
    assert not problems and len(entries) == 3
    with Player("null") as player, Memory() as memory:
        _begin(memory, player, entries)
        player.pause()
        memory.remember(player)
    with Memory() as memory:
        found = memory.last_queue()
    assert [entry.location for entry in found] == [entry.location for entry in entries]
    assert found[1].location.tags.title == "T2"


def test_a_file_that_is_shorter_now_begins_at_its_start(three):
    with Player("null") as player, Memory() as memory:
        memory._found = Remembered(tuple(three), 1, 99.0)
        _begin(memory, player, three)
        assert player.state == "playing" and player.queue.index == 1 and player.position < 20


def test_after_the_end_it_begins_anew(home, make_file):
    songs = [make_file(f"{name}.wav", frames=2400)[0] for name in "ab"]
    with Player("null") as player, Memory() as memory:
        _begin(memory, player, songs)
        assert player.wait(20)
        memory.remember(player)
    state = StateFile.last().read()
    assert (state.index, state.position_s, len(state.paths)) == (0, 0.0, 2)


def test_where_a_time_limit_ended_it_is_remembered(three):
    options = {"start_s": 3.0, "duration_s": 0.5}
    with Player("null") as player, Memory() as memory:
        _begin(memory, player, three, **options)
        assert player.wait(20)
        memory.remember(player)
        assert player.position == 3.5
        player.queue.index = 1
        assert player.position == 0.0
        player.queue.index = 0
        player.stop()
        assert player.position == 0.0
    assert StateFile.last().read().position_s == 3.5


def test_what_was_stopped_keeps_what_was_remembered(three):
    with Player("null") as player, Memory() as memory:
        _begin(memory, player, three)
        player.seek(9.0)
        wait_for(lambda: player.position >= 9.0)
        memory.remember(player)
        player.stop()
        memory.remember(player)
    assert StateFile.last().read().position_s >= 9.0


def test_it_is_written_as_time_passes_and_only_where_something_moved(three, monkeypatch):
    assert memory_module._EVERY_S + playing._LOOK_EVERY_S <= 10.0, "a kill loses at most 10 s"
    written = []
    monkeypatch.setattr(StateFile, "write", lambda _, state: written.append(state.position_s))
    with Player("null") as player, Memory() as memory:
        player.play(*three)
        for _ in range(3):
            memory.look(player)
        assert len(written) == 1
        wait_for(lambda: player.position > 0.05)
        memory._next_s = 0.0
        memory.look(player)
        assert len(written) == 2 and written[1] > 0.05
        player.pause()
        at = [-1.0]
        while at[-1] != player.position:  # until the fade is over
            at.append(player.position)
            time.sleep(0.1)
        for _ in range(5):
            memory._next_s = 0.0
            memory.look(player)
        assert len(written) == 3


def play(*arguments, script=None):
    """Play in a process of its own; returns it once it says what plays."""
    command = ["-c", script] if script else ["-m", "zerocross", "play"]
    process = subprocess.Popen(
        [sys.executable, *command, *arguments, *NULL],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout.readline().startswith(b"playing")
    return process


def test_sigterm_is_survived(three):
    process = play(*three, "--start", "12")
    process.terminate()
    process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGTERM
    state = StateFile.last().read()
    assert state.paths == tuple(three) and state.index == 0 and 12.0 <= state.position_s < 30


def test_sigkill_loses_little(three):
    script = (
        "import sys\nfrom zerocross.cli import memory, playing\n"
        "memory._EVERY_S, playing._LOOK_EVERY_S = 0.1, 0.05\n"
        "from zerocross.cli.main import run\nrun(['play', *sys.argv[1:]])"
    )
    process = play(*three, "--start", "12", script=script)
    path = state_folder() / "play-1.toml"
    wait_for(lambda: path.exists() and tomllib.loads(path.read_text())["position_s"] >= 13.0, 30)
    process.kill()
    process.communicate()
    assert 13.0 <= StateFile.last().read().position_s < 30
