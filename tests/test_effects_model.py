"""The chain as it is shown and changed: parameters, parts, faults, files that are saved again."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from conftest import wait_for
from test_hot_reload import FILE, OTHER_LEVEL, REFUSED
from zerocross import Chain, Parallel, Player, UsageError
from zerocross.effects import Compressor, Delay, Gain, Meter, Reverb
from zerocross.graph.groups import Bypassed
from zerocross.graph.hot_reload import UserParts
from zerocross.graph.params import Param
from zerocross.terminal.models.effects import BUILT_IN, EffectsModel
from zerocross.terminal.models.jobs import Jobs
from zerocross.terminal.models.stage import EqualizerStage, find_stage, put_stage
from zerocross.terminal.models.values import place_of, step, value_at, words_of_value
from zerocross.terminal.ticker import Ticker

FAILS = """
import zerocross

@zerocross.processor
class Fails:
    is_to: int = 0

    def process(self, block):
        for c in range(block.channels):
            for i in range(block.frames):
                block.output[c, i] = block.input[c, i] / (1.0 - self.is_to)
"""


@pytest.fixture
def player():
    with Player(device="null", block_size=256) as made:
        yield made


@pytest.fixture
def model(player):
    made = EffectsModel(player)
    made.told = []
    made.tell = made.told.append
    return made


def names(model):
    return [row.name for row in model.rows() if row.param is None]


def row_of(model, name):
    return next(row for row in model.rows() if row.name == name)


# --- parts ----------------------------------------------------------------------------------------


def test_every_built_in_effect_can_be_added_by_its_name(model):
    for name in BUILT_IN:
        model.add(name.lower())
    assert names(model) == list(BUILT_IN) and not model.is_busy
    assert "Oscillator" not in BUILT_IN and "TapPoint" not in BUILT_IN
    assert find_stage(model._player) is not None
    before = len(model.told)
    model.add("nothing")
    assert model.told[before:] == ["not taken: nothing: no such file; check the name"]


def test_parts_are_added_behind_another_moved_and_removed(model):
    for name in ("Gain", "Delay"):
        model.add(name)
    gain, delay = model.chain.parts
    model.add("Pan", gain)
    assert names(model) == ["Gain", "Pan", "Delay"]
    model.move(gain, 1)
    assert names(model) == ["Pan", "Gain", "Delay"]
    model.move(gain, 5)
    model.move(gain, 1)
    assert names(model) == ["Pan", "Delay", "Gain"]
    model.move(gain, -9)
    model.remove(delay)
    assert names(model) == ["Gain", "Pan"] and model.told[-1] == "removed: Delay"
    model.remove(delay)
    assert "not in the chain" in model.told[-1]
    model.move(delay, 1)
    assert "not in the chain any more" in model.told[-1]


def test_changes_are_heard_while_it_plays(model, player, make_file):
    path, _ = make_file(frames=60 * 48_000)
    player.play(path)
    model.add("Gain")
    gain = model.chain.parts[0]
    gain.gain_db = -120.0
    wait_for(lambda: max(player.levels) < 1e-3, what="silence")
    model.set_bypass(gain, True)
    wait_for(lambda: max(player.levels) > 0.1, what="music")
    assert [row.state for row in model.rows()] == ["bypassed", "bypassed"]
    model.set_bypass(gain, True)
    model.set_value(row_of(model, "gain_db"), -6.0)  # also while it is not heard
    model.set_bypass(gain, False)
    assert gain.gain_db == -6.0 and names(model) == ["Gain"]
    assert player.report()["underruns"] == 0


def test_groups_show_what_is_in_them(player):
    inner, meter = Reverb(), Meter()
    player.effects = Chain(Gain(), Parallel(Chain(Delay()), inner), meter)
    model = EffectsModel(player)
    rows = [(row.name, row.depth) for row in model.rows() if row.param is None]
    assert rows == [
        ("Gain", 0),
        ("Parallel", 0),
        ("Chain", 1),
        ("Delay", 2),
        ("Reverb", 1),
        ("Meter", 0),
    ]
    model.set_bypass(inner, True)
    assert row_of(model, "Reverb").state == "bypassed"
    assert isinstance(player.effects.parts[1].parts[1], Bypassed)
    model.set_bypass(inner, False)
    assert player.effects.parts[1].parts[1] is inner
    model.add("Pan", inner)
    assert names(model)[-2:] == ["Pan", "Meter"], "behind the group that it is within"


def test_an_equaliser_is_one_line_also_where_it_is_bypassed(player):
    stage = EqualizerStage(2)
    put_stage(player, stage)
    model = EffectsModel(player)
    assert [(r.name, r.words) for r in model.rows()] == [("Equalizer", "0 bands")]
    stage.equalizer.set_bands([("peaking", 100.0, 1.0, 1.0)])
    assert model.rows()[0].words == "1 band"
    model.set_bypass(stage, True)
    assert find_stage(player) is stage and model.rows()[0].state == "bypassed"
    more = EqualizerStage(9)
    put_stage(player, more)
    assert player.effects.parts[0].part is more, "bypassed it stays"


def test_meters_say_what_they_measure(player):
    player.effects = Chain(Meter())
    model = EffectsModel(player)
    assert model.rows()[0].words == ""
    player.effects.prepare(48_000, 2)
    assert model.rows()[0].words == "peak -200.0 dBFS"


# --- values ---------------------------------------------------------------------------------------


def test_a_value_is_set_typed_turned_and_put_back(model, player):
    player.effects = Chain(Compressor())
    row = row_of(model, "threshold_db")
    first = row.value
    model.type_value(row, " -30,5 dB ")
    assert row_of(model, "threshold_db").value == -30.5
    model.turn(row, 2)
    assert row_of(model, "threshold_db").value == -29.5
    for text, words in (("loud", "no number"), ("1e9", "threshold_db"), ("", "no number")):
        with pytest.raises(UsageError, match=words):
            model.type_value(row, text)
    assert row_of(model, "threshold_db").value == -29.5
    model.to_default(row)
    assert row_of(model, "threshold_db").value == first
    whole = row_of(model, "Compressor")
    model.turn(whole, 1)  # a part has no value
    model.to_default(whole)
    model.set_value(whole, 1.0)


@pytest.mark.parametrize(
    "param",
    [
        Param(0.5, 0.0, 1.0, "", 0.02),
        Param(0.0, -60.0, 12.0, "dB", 0.02),
        Param(1000.0, 20.0, 20_000.0, "Hz", 0.02),
        Param(1.0, 1.0, 1.0, "", 0.02),
    ],
)
def test_a_slider_reaches_every_value_and_steps_stay_within(param):
    for place in np.linspace(0, 1, 21):
        value = value_at(param, place)
        assert param.min <= value <= param.max
        if param.max > param.min:
            assert place_of(param, value) == pytest.approx(place, abs=0.005)
    assert value_at(param, -1) == param.min and value_at(param, 2) == param.max
    assert step(param, param.max, 1) == param.max and step(param, param.min, -1) == param.min
    assert place_of(param, param.min) == 0.0


def test_what_is_wide_is_turned_by_ratios():
    hz = Param(1000.0, 20.0, 20_000.0, "Hz", 0.02)
    assert step(hz, 1000.0, 12) == 2000.0 and step(hz, 1000.0, -12) == 500.0
    assert place_of(hz, (20 * 20_000) ** 0.5) == pytest.approx(0.5)
    assert step(Param(0.5, 0.0, 1.0, "", 0.02), 0.5, 1) == 0.52
    assert (
        words_of_value(hz, 440.0) == "440 Hz"
        and words_of_value(Param(0, 0, 1, "", 0), 0.25) == "0.25"
    )


# --- faults ---------------------------------------------------------------------------------------


def test_a_fault_is_shown_and_what_failed_can_be_tried_again(model, player, make_file, tmp_path):
    (tmp_path / "fails.py").write_text(FAILS)
    path, _ = make_file(frames=60 * 48_000)
    player.play(path)
    model.add(str(tmp_path / "fails.py"))
    part = model.chain.parts[0]
    assert model.rows()[0].state == "on"
    part.is_to = 1
    wait_for(lambda: model.rows()[0].state == "fault", what="the fault")
    assert "not finite" in model.rows()[0].words
    part.is_to = 0
    model.try_again(part)
    assert model.rows()[0].state == "on" and model.chain.parts == (part,)
    part.is_to = 1
    wait_for(lambda: model.rows()[0].state == "fault", what="another fault")
    model.set_bypass(part, True)
    assert model.rows()[0].state == "bypassed"
    part.is_to = 0
    model.set_bypass(part, False)
    assert model.rows()[0].state == "on"


# --- files ----------------------------------------------------------------------------------------


def test_a_file_is_added_once_and_taken_at_every_save(model, tmp_path):
    path = tmp_path / "effect.py"
    path.write_text(FILE)
    model.add("Gain")
    model.add(str(path))
    assert names(model) == ["Gain", "Count", "Level"] and model.told[-1] == "added: Count, Level"
    model.add(str(path))
    assert "is in the chain already" in model.told[-1]
    count = model.chain.parts[1]
    assert not model.look()
    path.write_text(OTHER_LEVEL)
    assert model.look() and model.told[-1] == "taken: Level"
    assert model.chain.parts[1] is count
    path.write_text(REFUSED)
    level = model.chain.parts[2]
    model.look()
    refusal = model.refusals[str(path)]
    assert refusal.line == 21 and "allocates" in refusal.words and "not taken" in model.told[-1]
    assert model.chain.parts[2] is level
    path.write_text(OTHER_LEVEL + "\n")
    model.look()
    assert not model.refusals and model.told[-1] == "taken: nothing was made anew"


def test_a_file_that_is_refused_when_it_is_added_is_shown_at_its_line(model, tmp_path):
    path = tmp_path / "effect.py"
    path.write_text(REFUSED)
    model.add(str(path))
    assert model.refusals[str(path)].line == 21 and model.rows() == [] and not model.files
    assert dict(model.refusals[str(path)].excerpt())[21].strip().startswith("block.output")
    model.add("Gain")
    assert not model.refusals, "nobody looks at that file: it would stand for ever"


def test_what_is_wrong_with_an_addition_alone_is_told_and_stands_nowhere(model, tmp_path):
    model.add(str(tmp_path / "none.py"))
    assert "no such file" in model.told[-1] and not model.refusals
    path = tmp_path / "effect.py"
    path.write_text(FILE)
    model.add(str(path))
    path.write_text(REFUSED)
    model.look()
    model.add(str(path))
    assert model.refusals[str(path)].line == 21 and "already" in model.told[-1]


def test_the_file_of_a_command_is_taken_too(player, tmp_path):
    path = tmp_path / "effect.py"
    path.write_text(FILE)
    user = UserParts(str(path))
    player.effects = user.chain
    model = EffectsModel(player, user=user)
    path.write_text(OTHER_LEVEL)
    assert model.look() and names(model) == ["Count", "Level"]


def test_an_impulse_response_is_added_at_the_chains_rate(model, player, make_file):
    path, _ = make_file("hall.wav", frames=441, sample_rate=44_100)
    model.add(str(path))
    assert names(model) == ["Convolver"]


def test_a_ticker_calls_while_it_is_on_and_has_no_timer_while_it_is_off():
    async def run():
        called = []
        ticker = Ticker(0.001, lambda: called.append(1))
        assert not ticker.is_on
        ticker.is_on = True
        ticker.is_on = True
        await asyncio.sleep(0.05)
        assert ticker.is_on and len(called) > 1
        ticker.is_on = False
        count = len(called)
        await asyncio.sleep(0.05)
        assert len(called) == count and not ticker.is_on

    asyncio.run(run())


# --- jobs -----------------------------------------------------------------------------------------


def test_jobs_are_done_in_order_beside_and_what_follows_is_called_back():
    called, found = [], []
    jobs = Jobs(called.append)
    for k in range(3):
        jobs.submit(lambda k=k: 10 * k, found.append)
    wait_for(lambda: len(called) == 3, what="the jobs")
    assert found == []
    for each in called:
        each()
    assert found == [0, 10, 20]
    thread = jobs._thread
    jobs.close()
    thread.join(10)
    assert not thread.is_alive()
