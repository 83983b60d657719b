"""The equaliser that is edited: what is heard, how loud, what is kept; measured, not believed."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from conftest import music, wait_for
from zerocross import Chain, Player, SourceError, UsageError, ZerocrossError
from zerocross.dsp.r128 import Loudness
from zerocross.effects import Gain
from zerocross.eq import Equalizer, read_preset
from zerocross.graph.program import run_program_over
from zerocross.sync import Tap
from zerocross.terminal.models.equalizer import EqualizerModel
from zerocross.terminal.models.headroom import Headroom
from zerocross.terminal.models.loudness import LoudnessMatch
from zerocross.terminal.models.presets import PresetFolder, Setting, setting_of, text_of
from zerocross.terminal.models.stage import EqualizerStage, find_equalizer, find_stage

RATE = 48_000
PRESETS = Path(__file__).parents[1].parent / "shared" / "presets"
NEED_PRESETS = pytest.mark.skipif(not PRESETS.is_dir(), reason="no presets beside")
BASS = Setting((("lowshelf", 105.0, 0.7, 6.4), ("peaking", 3159.0, 3.9, -6.5)), -6.1)
SMILE = Setting((("lowshelf", 90.0, 0.7, 9.0), ("highshelf", 6000.0, 0.7, 8.0)), 0.0)
TELEPHONE = Setting((("highpass", 400.0, 0.7, 0.0), ("lowpass", 3000.0, 0.7, 0.0)), 3.0)


@pytest.fixture
def model(tmp_path):
    with Player(device="null") as player:
        yield EqualizerModel(player, presets=PresetFolder(tmp_path / "presets"))


@pytest.fixture
def playing(make_file, tmp_path):
    """A model of a player that plays."""
    path, _ = make_file(frames=60 * RATE)
    with Player(device="null", block_size=256) as player:
        player.play(path)
        yield EqualizerModel(player, presets=PresetFolder(tmp_path / "presets"))


# --- bands ----------------------------------------------------------------------------------------


def test_bands_are_added_selected_changed_and_removed(model):
    assert model.bands == () and model.band is None
    model.turn("gain_db", 1)  # nothing is selected
    model.next_kind()
    model.remove()
    model.add()
    assert model.band == ("peaking", 632.0, 1.0, 0.0), "in the middle of 20 Hz and 20 kHz"
    model.add(5000.0, 3.0)
    model.add(50.0, 99.0)
    assert model.band == ("peaking", 50.0, 1.0, 24.0) and model.selected == 2
    model.add()
    assert 50 < model.band[1] < 20_000 and len(model.bands) == 4
    model.remove()
    model.selected = 2
    model.select(1)
    assert model.band[1] == 632.0
    model.select(1)
    assert model.band[1] == 5000.0
    model.select(1)
    assert model.band[1] == 50.0, "around"
    model.select(-1)
    assert model.band[1] == 5000.0
    model.turn("gain_db", 3)
    model.turn("hz", 24)
    model.turn("q", 8)
    assert model.band == ("peaking", pytest.approx(10_000.0), 2.0, 4.5)
    model.turn("hz", 1000)
    assert model.band[1] == 20_000.0
    model.remove()
    assert model.band[1] == 632.0, "the nearest"
    model.flatten()
    assert model.bands == () and model.selected is None
    model.select(1)
    assert model.selected is None


def test_kinds_go_around_and_peaks_and_shelves_come_first(model):
    model.add(1000.0, 3.0)
    seen = []
    for _ in range(8):
        seen.append(model.band[0])
        assert model.has_gain == (model.band[0] in {"peaking", "lowshelf", "highshelf"})
        model.next_kind()
    assert len(set(seen)) == 8 and seen[0] == model.band[0] == "peaking"
    assert set(seen[:3]) == {"peaking", "lowshelf", "highshelf"}
    model.next_kind(-1)
    assert model.band[0] == seen[-1]


def test_no_more_bands_than_there_can_be(model):
    for _ in range(64):
        model.add(1000.0)
    with pytest.raises(UsageError, match="64 bands"):
        model.add(1000.0)
    assert len(model.bands) == 64 and model.stage.room == 64


def test_the_curve_is_the_equalisers_own_and_a_preamp_keeps_it_below_full_scale(model):
    model.use(SMILE)
    hz = np.geomspace(20, 20_000, 200)
    own = Equalizer(list(SMILE.bands)).response_db(hz, RATE)
    assert np.array_equal(model.response_db(hz), own)
    assert np.allclose(sum(model.band_db(k, hz) for k in range(2)), own, atol=1e-9)
    assert model.room_db < -8
    model.set_preamp(None)
    assert model.room_db == pytest.approx(0.0, abs=0.02) and model.setting.preamp_db < -8
    model.set_preamp(-99.0)
    assert model.setting.preamp_db == -30.0
    model.add(30_000.0)
    model.settings["A"] = Setting((("peaking", 23_999.0, 1.0, 5.0), ("peaking", 30_000.0, 1, 5)))
    assert not model.band_db(1, hz).any()


# --- in the player --------------------------------------------------------------------------------


def test_a_player_is_left_alone_until_something_is_changed(model):
    model.apply()
    model.set_bypass(True)
    model.look()
    assert model._player.effects is None
    model.add(1000.0, 3.0)
    assert isinstance(model.stage, EqualizerStage)
    assert model.stage.equalizer.bands == list(model.bands)


def test_changes_are_heard_while_it_plays_without_a_new_stage(playing):
    playing.add(1000.0, 3.0)
    stage = playing.stage
    equalizer = stage.equalizer
    for _ in range(7):
        playing.add()
    assert playing.stage is stage and equalizer.bands == list(playing.bands)
    wait_for(lambda: equalizer._filters.is_settled, what="the fade")
    assert np.array_equal(equalizer._filters.heard_taps, equalizer._taps())
    playing.add()  # a ninth
    assert playing.stage is not stage and playing.stage.room == 16
    assert playing.stage.equalizer.bands == list(playing.bands)
    assert len(playing._player.effects.parts) == 1
    assert playing._player.report()["underruns"] == 0


@NEED_PRESETS
def test_an_equaliser_that_is_there_is_taken_over_in_its_place(make_file):
    path, _ = make_file(frames=10 * RATE)
    preset = Chain(*read_preset(PRESETS / "Sennheiser HD 650 ParametricEQ.txt").processors())
    first, last = Gain(), Gain()
    with Player(device="null", effects=Chain(first, preset, last)) as player:
        player.play(path)
        model = EqualizerModel(player)
        assert len(model.bands) == 10 and model.setting.preamp_db == pytest.approx(-6.1)
        assert model.stage is None and model.selected is not None
        model.apply()
        assert model.stage is None, "nothing was changed"
        model.turn("gain_db", 2)
        assert player.effects.parts == (first, preset, last), "whoever put it there finds it"
        assert preset.parts == (model.stage,)
        assert find_stage(player) is model.stage
        assert EqualizerModel(player).bands == model.bands


@pytest.mark.parametrize(
    "part",
    [
        Equalizer([("peaking", 100.0, 1.0, 1.0)], definition="webaudio"),
        Equalizer.of_channels([([], 0.0), ([], 0.0)]),
        Chain(Equalizer(2), Gain()),
        Gain(),
    ],
)
def test_what_is_not_one_equaliser_of_bands_stays_as_it_is(part):
    if isinstance(part, Chain):  # within it there is one
        part = Chain(part.parts[1])
    with Player(device="null", effects=Chain(part)) as player:
        assert find_equalizer(player) is None
        EqualizerModel(player).add(1000.0, 1.0)
        assert player.effects.parts[0] is part and find_stage(player) is player.effects.parts[1]


def test_what_is_wanted_while_a_stage_is_put_in_is_heard_when_it_is_there(model):
    jobs = []
    model._submit = lambda work, then: jobs.append((work, then))
    model.add(100.0, 3.0)
    model.add(200.0, 3.0)
    assert len(jobs) == 1
    work, then = jobs.pop()
    then(work())
    assert model.stage.equalizer.bands == list(model.bands) and len(model.bands) == 2


def test_what_takes_the_stages_place_from_outside_is_what_is_edited(model):
    model.use(BASS)
    model.switch()
    player = model._player
    player.effects.replace(model.stage, Equalizer([("peaking", 100.0, 1.0, 3.0)]))
    model.look()
    assert model.bands == (("peaking", 100.0, 1.0, 3.0),) and model.side == "A"
    model.turn("gain_db", 1)
    player.effects.remove(model.stage)
    model.look()
    assert model.setting == Setting() and model.selected is None
    model.add()
    assert len(model.stage.equalizer.bands) == 1


def test_a_stage_that_is_refused_is_told_and_asked_for_again(model, monkeypatch):
    def refuse(*_):
        raise ZerocrossError("not now")

    told = []
    model.tell = told.append
    with monkeypatch.context() as patch:
        patch.setattr("zerocross.terminal.models.equalizer.put_stage", refuse)
        model.add(100.0, 3.0)
    assert told == ["not now"] and model.stage is None
    model.add(200.0, 3.0)
    assert len(model.stage.equalizer.bands) == 2


# --- loudness -------------------------------------------------------------------------------------


def pink(seconds, seed=3):
    rng = np.random.default_rng(seed)
    size = seconds * RATE
    spectrum = np.fft.rfft(rng.standard_normal((2, size)), axis=1)
    spectrum /= np.sqrt(np.maximum(np.fft.rfftfreq(size, 1 / RATE), 10.0))
    made = np.fft.irfft(spectrum, size, axis=1)
    return (0.1 * made / made.std()).astype(np.float32)


def swelling(seconds):
    """Pink noise whose level and colour change: 6 dB up and down, brighter where it is louder."""
    rows = pink(seconds)
    bright = np.diff(rows, axis=1, prepend=0.0)
    swell = 0.5 + 0.5 * np.sin(2 * np.pi * np.arange(rows.shape[1]) / RATE / 3.0)
    return ((0.5 + 0.5 * swell) * rows + swell * bright).astype(np.float32)


def integrated(rows, setting, gain_db):
    made = Equalizer(list(setting.bands), preamp_db=setting.preamp_db)
    meter = Loudness(RATE, len(rows), peaks=False)
    meter.push((made.apply(rows.T, RATE) * np.float32(10 ** (gain_db / 20))).T)
    return meter.integrated_lufs


SIGNALS = {"pink": pink, "swelling": swelling, "music": lambda s: music(s * RATE).T}


@pytest.mark.thorough
@pytest.mark.parametrize("name", SIGNALS)
def test_settings_and_the_bypass_are_equally_loud_by_r128(name):
    rows = SIGNALS[name](8)
    match = LoudnessMatch(RATE, 2)
    match.push(rows)
    assert match.is_measured
    wanted = integrated(rows, BASS, 0.0)
    for setting in (Setting(), SMILE, TELEPHONE):
        gain = match.gain_db(setting, BASS)
        assert abs(integrated(rows, setting, 0.0) - wanted) > 0.4, "there is something to match"
        assert integrated(rows, setting, gain) == pytest.approx(wanted, abs=0.1)


def test_the_loudness_itself_is_r128s():
    rows = pink(8)
    match = LoudnessMatch(RATE, 2)
    match.push(rows)
    assert match.lufs(Setting()) == pytest.approx(integrated(rows, Setting(), 0.0), abs=0.1)
    assert match.lufs(Setting((), -6.0)) == pytest.approx(match.lufs(Setting()) - 6.0)


def test_before_anything_is_heard_music_is_pink_noise():
    match, rows = LoudnessMatch(RATE, 2), pink(8)
    gain = match.gain_db(SMILE, Setting())
    assert not match.is_measured
    assert integrated(rows, SMILE, gain) == pytest.approx(integrated(rows, Setting(), 0), abs=0.3)
    match.push(np.zeros((2, RATE * 2)))
    match.push(np.full((2, RATE * 2), np.nan))
    assert match.heard_s == 0.0, "silence says nothing, nor does what is no number"


def test_what_is_heard_now_counts_and_what_was_fades():
    low, high = (
        0.3 * np.sin(2 * np.pi * f * np.arange(RATE * 30) / RATE)[None].repeat(2, 0)
        for f in (60.0, 8000.0)
    )
    match, treble = LoudnessMatch(RATE, 2), Setting((("highshelf", 2000.0, 0.7, 12.0),))
    match.push(low[:, : RATE * 2])
    assert match.gain_db(treble, Setting()) == pytest.approx(0.0, abs=0.1)
    for _ in range(5):
        match.push(high)
    assert match.gain_db(treble, Setting()) == pytest.approx(-12.0, abs=0.5)


def test_all_of_a_tap_is_measured_piece_by_piece_and_a_short_one_not_at_all():
    rows = swelling(4)
    whole, match, tap = LoudnessMatch(RATE, 2), LoudnessMatch(RATE, 2), Tap(65_536, 2)
    whole.push(rows)
    for start in range(0, rows.shape[1], 11_111):
        tap.push(rows[:, start : start + 11_111])
        match.look(tap)
    assert match.gain_db(SMILE, Setting()) == pytest.approx(
        whole.gain_db(SMILE, Setting()), abs=1e-6
    )
    heard = match.heard_s
    assert not match.look(tap), "nothing new"
    tap.push(rows)  # more than it keeps: the newest are taken
    assert match.look(tap) and 0.5 < match.heard_s - heard < 0.7
    assert not match.look(Tap(64, 2))
    fresh = Tap(65_536, 2)
    fresh.push(rows[:, :8192])
    assert match.look(fresh), "another stream's begins at 0 again"


def test_a_is_as_it_is_set_and_b_and_the_bypass_are_brought_to_its_loudness(model):
    model.use(BASS)
    assert model.match_db == 0.0
    model.switch()
    assert model.setting == BASS, "B begins as a copy"
    model.use(SMILE)
    gain = model.match_db
    assert gain < -2
    equalizer = model.stage.equalizer
    assert equalizer.response_db([1000.0], RATE)[0] == pytest.approx(
        gain + model.response_db([1000.0])[0]
    )
    model.set_matched(False)
    assert model.match_db == 0.0
    model.set_matched(True)
    model.set_bypass(True)
    assert equalizer.bands == [] and model.heard == Setting()
    flat = equalizer.response_db([50.0, 5000.0], RATE)
    assert flat == pytest.approx([model.match_db] * 2) and flat[0] < -1
    model.switch()
    assert model.side == "A" and not model.is_bypassed
    assert equalizer.bands == list(BASS.bands)
    assert equalizer.response_db([1000.0])[0] == pytest.approx(model.response_db([1000.0])[0])
    model.switch()
    assert model.setting == SMILE, "B is kept"
    model.set_bypass(True)
    model.turn("gain_db", 1)
    assert not model.is_bypassed, "what is changed is heard"


class Rendered:
    """A player whose chain is rendered, block by block."""

    sample_rate = RATE

    def __init__(self):
        self.effects = Chain(EqualizerStage(8))


def test_what_is_heard_is_equally_loud_before_and_after_each_switch():
    player, rows = Rendered(), pink(12)
    out, block = np.zeros_like(rows), RATE // 10
    with player.effects.rendering(RATE, 2) as program:
        model = EqualizerModel(player)
        model.settings.update(A=BASS, B=SMILE)
        model._has_b = True
        model.apply()
        switches = {40: lambda: model.set_bypass(True), 60: model.switch, 80: model.switch}
        for k, start in enumerate(range(0, rows.shape[1], block)):
            switches.get(k, lambda: None)()
            at = (4 * start + array.ctypes.data for array in (rows, out))
            run_program_over(program.record.address, *at, rows.shape[1], block)
            model.look()
    heard = []
    for first in (2, 4, 6, 8):  # A, the bypass, B, A
        meter = Loudness(RATE, 2, peaks=False)
        meter.push(out[:, first * RATE + block : (first + 2) * RATE])
        heard.append(meter.integrated_lufs)
    assert max(heard) - min(heard) < 0.15, "of stretches of two seconds of noise"
    step = np.abs(np.diff(out, axis=1)).max(axis=0)
    assert step.max() < 1.5 * np.sort(step)[-200], "no click"


def test_the_bypass_follows_what_is_measured(playing):
    playing.use(SMILE)
    playing.set_bypass(True)
    equalizer = playing.stage.equalizer
    wait_for(lambda: playing.look() or playing.is_measured, what="a second of music")
    wait_for(lambda: playing.look() or playing._loudness().heard_s > 1.2, what="more")
    now = float(equalizer.response_db([1000.0])[0])
    assert now == pytest.approx(playing.match_db, abs=0.05)
    assert playing.headroom.peak_dbfs > -30


# --- headroom -------------------------------------------------------------------------------------


def test_the_light_sees_every_sample_and_is_held():
    light, tap = Headroom(hold_s=1.0), Tap(65_536, 2)
    light.look(tap, RATE)
    assert not light.is_over and light.held_dbfs == -120.0
    block = np.full((2, 4800), 0.5, np.float32)
    tap.push(block)
    light.look(tap, RATE)
    assert light.peak_dbfs == pytest.approx(-6.02, abs=0.01) and not light.is_over
    block[1, 7] = -2.0
    tap.push(block)
    block[1, 7] = 0.5
    tap.push(block)
    light.look(tap, RATE)
    assert light.is_over and light.overs == 1 and light.held_dbfs == pytest.approx(6.02, abs=0.01)
    for k in range(10):
        tap.push(block)
        light.look(tap, RATE)
        assert light.is_over == (k < 9)
        assert light.held_dbfs == pytest.approx(6.02 if k < 9 else -6.02, abs=0.01)
        assert light.peak_dbfs == pytest.approx(-6.02, abs=0.01)
    tap.push(1.5 + block)
    light.look(tap, RATE)
    light.reset()
    light.look(tap, RATE)
    assert not light.is_over and light.overs == 0
    tap.push(np.ones((2, 10), np.float32))
    light.look(tap, RATE)
    assert light.peak_dbfs == 0.0 and not light.is_over, "full scale is not above it"


def test_another_streams_tap_is_looked_at_from_its_first_frame_with_the_light_out():
    light, tap = Headroom(), Tap(65_536, 1)
    tap.push(np.full((1, 100), 2.0, np.float32))
    light.look(tap, RATE)
    assert light.is_over
    other, first = Tap(65_536, 1), np.zeros((1, 100), np.float32)
    first[0, 0] = 0.5
    other.push(first)
    light.look(other, RATE)
    assert not light.is_over and light.held_dbfs == pytest.approx(-6.02, abs=0.01)


# --- presets --------------------------------------------------------------------------------------


@NEED_PRESETS
@pytest.mark.parametrize("kind", ["Parametric", "FixedBand", "Graphic"])
def test_autoeqs_files_are_loaded_edited_and_kept(model, kind):
    preset = read_preset(PRESETS / f"Sennheiser HD 650 {kind}EQ.txt")
    notes = model.load(PRESETS / f"Sennheiser HD 650 {kind}EQ.txt")
    assert len(model.bands) == {"Graphic": 31}.get(kind, 10)
    assert len(notes) == (kind == "Graphic")
    hz = np.geomspace(20, 20_000, 300)
    tolerance = 1.5 if kind == "Graphic" else 1e-9
    assert np.abs(model.response_db(hz) - preset.response_db(hz)).max() < tolerance
    model.save("  Mine ")
    assert model.presets.names() == ["Mine"] and model.setting.name == "Mine"
    before = model.setting
    model.flatten()
    assert model.load("Mine") == []
    assert model.setting.preamp_db == pytest.approx(before.preamp_db, abs=1e-6)
    for was, now in zip(before.bands, model.bands, strict=True):
        assert was[0] == now[0] and now[1:] == pytest.approx(was[1:], abs=1e-6)


def test_every_kind_is_kept_and_frequencies_are_not_taken_for_thousands(tmp_path):
    folder = PresetFolder(tmp_path)
    kinds = ("peaking", "lowshelf", "highshelf", "lowpass", "highpass", "bandpass", "notch")
    bands = tuple((kind, 1.125 * (k + 20), 0.75, 0.0) for k, kind in enumerate(kinds))
    wanted = Setting((*bands, ("allpass", 105.125, 2.5, 0.0), ("peaking", 1e4, 1.0, -1.5)), -3.125)
    folder.save("all", wanted)
    found, notes = folder.load("all")
    assert notes == [] and found == dataclasses.replace(wanted, name="all")
    assert "Fc 105.125000 Hz" in text_of(wanted)


def test_a_preset_is_not_replaced_unasked_and_names_are_names(tmp_path):
    folder = PresetFolder(tmp_path / "new")
    assert folder.names() == []
    folder.save("b", BASS)
    folder.save("A", BASS)
    assert folder.names() == ["A", "b"]
    with pytest.raises(UsageError, match="there already"):
        folder.save("b", SMILE)
    assert folder.load("b")[0].bands == BASS.bands
    folder.save("b", SMILE, replace=True)
    assert folder.load("b")[0].bands == SMILE.bands
    for name in ("", "  ", "a/b", ".hidden", "a\tb", "x" * 101):
        with pytest.raises(UsageError, match="no name"):
            folder.save(name, BASS)
    assert folder.names() == ["A", "b"]
    (tmp_path / "file").touch()
    with pytest.raises(ZerocrossError, match="cannot be made"):
        PresetFolder(tmp_path / "file").save("b", BASS)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Channel: L\nPreamp: -3 dB\n", "other bands for each channel"),
        ("Preamp: -3 dB\nCopy: L=R\n", "copies or delays"),
        ("Preamp: -3 dB\nDelay: 10 ms\n", "copies or delays"),
        ("Filter: ON PK Fc 100 Hz Gain 1 dB Q 1\n" * 65, "65 bands"),
    ],
)
def test_what_is_more_than_bands_is_refused_and_what_was_heard_stays(model, tmp_path, text, words):
    (tmp_path / "odd.txt").write_text(text)
    model.use(BASS)
    with pytest.raises(UsageError, match=words):
        model.load(tmp_path / "odd.txt")
    with pytest.raises(SourceError, match="no such file"):
        model.load(tmp_path / "none.txt")
    assert model.setting == BASS


def test_lines_that_are_not_applied_are_told(tmp_path):
    (tmp_path / "some.txt").write_text("Preamp: -3 dB\nFilter: ON PK Fc 100 Hz\n")
    setting, notes = setting_of(read_preset(tmp_path / "some.txt"), RATE, "some")
    assert setting == Setting((), -3.0, "some") and len(notes) == 1 and "gain" in notes[0]


def test_own_presets_are_beside_the_configuration(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert PresetFolder().folder == tmp_path / "zerocross" / "presets"
