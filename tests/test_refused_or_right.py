"""What is asked of chains, effects and renderings is done right, or refused in one line."""

from __future__ import annotations

import copy
import functools
import os
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest
import soundfile

import zerocross
from conftest import music
from zerocross import (
    Chain,
    Parallel,
    Processor,
    Split,
    UsageError,
    ZerocrossError,
    param,
    processor,
)
from zerocross.dsp.biquad import make_cascade
from zerocross.dsp.bs1770 import make_loudness
from zerocross.dsp.dc import make_dc_blocker
from zerocross.dsp.fft_plan import make_real_fft
from zerocross.dsp.iir import design_iir, make_iir
from zerocross.dsp.limiter import make_limiter
from zerocross.dsp.partitions import make_convolution
from zerocross.dsp.r128 import Loudness
from zerocross.dsp.resample import make_resampler
from zerocross.dsp.true_peak import make_true_peak
from zerocross.effects import (
    Balance,
    Compressor,
    Convolver,
    Delay,
    Gain,
    Limiter,
    LoudnessMeter,
    Oscillator,
    Pan,
    Reverb,
    Sampler,
    TapPoint,
)
from zerocross.eq import Equalizer
from zerocross.eq.design import (
    design_band,
    design_butterworth,
    design_linkwitz_riley,
    frequency_response,
    q_of_bandwidth,
    q_of_slope,
)
from zerocross.eq.graphic import curve_db, fit_bands, minimum_phase
from zerocross.eq.presets import parse_preset, read_preset
from zerocross.errors import FaultWarning
from zerocross.graph.chain import chain_of
from zerocross.graph.groups import MAX_DEPTH
from zerocross.loudness import measure
from zerocross.sources.opening import read_audio

RATE = 48_000
SIGNAL = music(5000)


def refused(call, *words):
    """Call what has to be refused: by an error of ours, in one line that has the words."""
    with pytest.raises(ZerocrossError) as caught:
        call()
    text = str(caught.value)
    assert "\n" not in text and len(text) < 400, text
    for word in words:
        assert word in text, text


# --- a block has exactly its frames --------------------------------------------------------------


@processor
class Looks:
    """Looks at its block in each of the ways that depend on where a row ends."""

    mean: float = 0.0
    count: int = 0
    iterated: int = 0
    enumerated: int = 0
    columns: int = 0
    size: int = 0
    last: float = 0.0
    sliced: int = 0
    rows: int = 0
    filled: int = 0

    def process(self, block):
        self.mean = block.input[0].mean()
        self.count = len(block.input[0])
        self.columns = block.output.shape[1]
        self.size = block.input.size
        self.last = block.input[0, -1]
        self.sliced = block.input[1, 2:].size
        self.iterated = self.enumerated = self.rows = 0
        for row in block.input:
            self.rows += row.size
        for _ in block.input[0]:
            self.iterated += 1
        for i, _ in enumerate(block.output[0]):
            self.enumerated = i + 1
        block.output[:] = 0.5
        block.output[1].fill(0.25)
        block.output[0, -1] = block.input[0][-1]


@pytest.mark.parametrize("frames", [1, 100, 4096])
def test_a_block_has_exactly_its_frames(frames):
    one = Looks()
    signal = SIGNAL[:frames]
    out = Chain(one).render(signal, RATE)
    seen = (one.count, one.iterated, one.enumerated, one.columns, one.sliced)
    assert seen == (frames, frames, frames, frames, max(0, frames - 2))
    assert (one.size, one.rows) == (2 * frames, 2 * frames)
    assert one.mean == pytest.approx(float(signal[:, 0].mean()), abs=1e-6)
    assert one.last == signal[-1, 0] == out[-1, 0]
    assert (out[:-1, 0] == 0.5).all() and (out[:, 1] == 0.25).all()


def test_what_a_block_does_not_have_is_left_alone():
    """Writing a whole row writes the block's frames, and none of what follows in memory."""

    @processor
    class Fills:
        def process(self, block):
            for c in range(block.channels):
                block.output[c] = np.float32(block.position)

    for cut in (7, 4096):
        out = Chain(Fills(), Gain()).render(SIGNAL, RATE, block_size=cut)
        starts = np.arange(len(SIGNAL)) // cut * cut
        assert np.array_equal(out[:, 0], starts.astype(np.float32)), cut


def test_an_index_outside_the_block_is_a_fault_where_indices_are_checked():
    @processor
    class Beyond:
        def process(self, block):
            for i in range(block.frames):
                block.output[0, i] = block.input[0, i + 1]

    chain = Chain(Beyond(), debug=True)
    with pytest.warns(FaultWarning):
        chain.render(SIGNAL[:100, 0], RATE)
    assert "a fault status" in chain.errors[0]


# --- scratch memory ------------------------------------------------------------------------------


@processor
class Scratches:
    rows: int = 0
    samples: int = 0
    got: int = -1

    def process(self, block):
        for c in range(block.channels):
            for i in range(block.frames):
                block.output[c, i] = block.input[c, i]
        if self.rows == 0:
            self.got = block.scratch(self.samples).size
        else:
            self.got = block.scratch(self.rows, self.samples).size


@pytest.mark.parametrize(
    ("rows", "samples"),
    [
        *(
            (0, n)
            for n in (1 << 62, 1 << 61, (1 << 63) - 1, -(1 << 63), -1, 1 << 32, (1 << 20) + 1)
        ),
        *((1 << 62, 4), (1 << 32, 1 << 32), (-2, -3), (-1, 4), (4, -1), (1 << 31, 1 << 31)),
        *((-(1 << 63), 2), (3_000_000_000, 6_148_914_692)),
    ],
)
def test_scratch_that_cannot_be_is_a_fault(rows, samples):
    one = Scratches(rows=rows, samples=samples)
    with pytest.warns(FaultWarning, match="Scratches was bypassed because of a fault status"):
        out = Chain(one).render(SIGNAL[:10], RATE)
    assert np.isfinite(out).all() and one.got == -1


@pytest.mark.parametrize(("rows", "samples"), [(0, 0), (0, 1), (0, 1 << 19), (3, 5), (1, 0)])
def test_scratch_that_fits_is_given(rows, samples):
    one = Scratches(rows=rows, samples=samples)
    Chain(one).render(SIGNAL[:10], RATE)
    assert one.got == max(1, rows) * samples


def test_scratch_is_there_for_each_call_while_a_parameter_moves():
    """Smoothing calls a process once a frame: each call has all of the memory."""

    @processor
    class Moves:
        level: float = param(0.0, 0.0, 1.0)

        def process(self, block):
            kept = block.scratch(1 << 19)
            for i in range(block.frames):
                kept[i] = block.input[0, i]
                block.output[0, i] = kept[i]

    one = Moves()
    one.change(at=10, level=1.0)
    assert np.array_equal(Chain(one).render(SIGNAL[:, 0], RATE), SIGNAL[:, 0])


# --- numbers -------------------------------------------------------------------------------------

NO_NUMBERS = [float("inf"), -float("inf"), float("nan"), "loud", None, [1.0], np.ones(2), 1j, {}]


@pytest.mark.parametrize("value", NO_NUMBERS, ids=repr)
def test_what_is_no_finite_number_is_refused_at_the_door(value):
    gain = Gain()
    for call, name in (
        (lambda: setattr(gain, "gain_db", value), "gain_db="),
        (lambda: Gain(gain_db=value), "gain_db="),
        (lambda: gain.change(gain_db=value), "gain_db="),
        (lambda: gain.note_on(60, velocity=value), "velocity="),
        (lambda: gain.note_on(value), "note="),
        (lambda: Parallel(Gain(), Gain(), gains=[1.0, value]), "gains[1]="),
        (lambda: param(value), "param: default="),
        (lambda: param(0.0, value, 1.0), "param: min="),
        (lambda: param(0.0, 0.0, value), "param: max="),
        (lambda: param(0.0, smoothing=value), "param: smoothing="),
        (lambda: Chain(budget=value), "budget="),
        (lambda: Chain().prepare(value, 2), "sample_rate="),
        (lambda: Chain().prepare(RATE, value), "channels="),
        (lambda: Chain().render(SIGNAL, RATE, block_size=value), "block_size="),
        (lambda: Chain().render(SIGNAL, RATE, tail_s=value), "tail_s="),
    ):
        refused(call, name)
    if value is not None:
        refused(lambda: gain.note_on(60, at=value), "at=")
        refused(lambda: Chain().render(SIGNAL, value), "sample_rate=")
    assert gain.gain_db == 0.0


@pytest.mark.parametrize("value", [np.float32(-6), np.int64(-6), np.array(-6.0), -6, True - 7])
def test_numbers_of_all_kinds_are_taken(value):
    assert Gain(gain_db=value).gain_db == -6.0


def test_odd_ranges_are_refused():
    refused(lambda: param(0.5, 1.0, 0.0), "the lower end first")
    refused(lambda: param(2.0), "a default within a finite range")
    refused(lambda: param(0.0, smoothing=-1.0), "smoothing=-1.0")
    refused(lambda: Parallel(Gain(), gains=1.0), "gains=1.0")
    refused(lambda: Parallel(Gain(), gains=[1.0, 2.0]), "2 gains for 1 branches")
    refused(lambda: Chain(on_fault=[]), "on_fault=[]")
    refused(lambda: Gain().note_on(60.5), "note=60.5")
    refused(lambda: Gain().note_on(60, at=1 << 70), "at=")


def test_a_change_with_one_wrong_value_changes_nothing():
    one = Compressor()
    refused(lambda: one.change(at=0, ratio=2.0, knee_db=-1.0), "knee_db=-1.0")
    Chain(one).render(SIGNAL, RATE)
    assert one.record["_value"][list(one._params).index("ratio")] == 4.0


# --- attributes ----------------------------------------------------------------------------------


@processor
class Learns:
    level: float = param(1.0, 0.0, 2.0)
    count: int = 0

    def __init__(self, size=4):
        self.table = np.zeros(size, np.float32)
        self.name = "a text that process does not use"
        self._private = None

    def prepare(self, sample_rate, channels, max_block):
        self.line = np.zeros(8, np.float32)
        self.also = 3

    def process(self, block):
        self.count += block.frames
        self.line[0] = self.table[0] + self.also
        for c in range(block.channels):
            for i in range(block.frames):
                block.output[c, i] = block.input[c, i]


@pytest.mark.parametrize("is_prepared", [False, True])
@pytest.mark.parametrize(
    ("make", "name", "near"),
    [
        (Compressor, "threshold", "threshold_db"),
        (Gain, "gain_bd", "gain_db"),
        (lambda: Equalizer(3), "preamp", "preamp_db"),
        (lambda: Equalizer(3), "bypas", "bypass"),
        (Limiter, "ceiling_db", ""),
        (Learns, "levle", "level"),
        (Learns, "tabel", "table"),
    ],
)
def test_an_unknown_attribute_is_refused_with_the_near_name(make, name, near, is_prepared):
    one = make()
    if is_prepared:
        Chain(one).prepare(RATE, 2)
    refused(lambda: setattr(one, name, 1.0), name, f"did you mean {near}?" if near else "")
    assert not hasattr(one, name)


@pytest.mark.parametrize("make", [Chain, lambda: Parallel(Gain()), lambda: Split(Gain())])
def test_groups_have_no_other_attributes(make):
    group = make()
    refused(lambda: setattr(group, "part", []), "'part'")
    refused(lambda: setattr(group, "parts", [Gain()]), "parts", "cannot be set")
    with pytest.raises(AttributeError):
        group.parts.append(Gain())  # it would not be heard: replace, insert and append are


def test_what_a_class_makes_of_itself_stays():
    one = Learns()
    one.name, one._private, one.count = "another", 5, 7
    chain = Chain(one)
    chain.render(SIGNAL[:100], RATE)
    one._other, one.table = 6, np.ones(4)
    assert (one.name, one._private, one._other, one.count) == ("another", 5, 6, 107)
    assert one.line[0] == 3.0 and (one.table == 1.0).all()
    chain.prepare(RATE, 1)
    assert one.count == 7, "as it was set before it was prepared"


def test_private_names_are_the_users_own():
    """Some name fields of the record that only the audio thread writes."""
    one = Gain()
    Chain(one).prepare(RATE, 2)
    before = bytes(one.record._memory.tobytes())
    one._queue, one._step, one._value = 8, 5.0, 2.0
    assert one.record._memory.tobytes() == before and one._queue == 8


@pytest.mark.parametrize("name", ["process", "prepare", "record", "entry", "_targets", "reset"])
def test_what_every_processor_has_is_not_set(name):
    refused(lambda: setattr(Learns(), name, 1), f"Learns.{name} cannot be set")


def test_fields_are_set_to_what_fits():
    one = Learns()
    Chain(one).prepare(RATE, 2)
    one.count, one.table = np.int32(5), [1, 2, 3, 4]
    assert one.count == 5 and one.table.tolist() == [1, 2, 3, 4]
    for value in ("x", None, 2.5, 1j, [1, 2], 1 << 70, object()):
        refused(lambda value=value: setattr(one, "count", value), "Learns.count=")
    for value in ("x", None, [1.0, 2.0], np.ones((4, 1)), 1j):
        refused(lambda value=value: setattr(one, "table", value), "Learns.table=")
    assert one.count == 5 and one.table.tolist() == [1, 2, 3, 4]


def test_a_class_is_not_an_object():
    refused(lambda: setattr(Gain, "gain_db", -6.0), "Gain.gain_db is each object's own")
    assert Gain().gain_db == 0.0


def test_a_subclass_says_that_it_is_a_processor():
    class Silent(Gain):
        def process(self, block):
            for c in range(block.channels):
                block.output[c] = np.float32(0.0)

    class Loud(Gain):
        """Changes nothing that is compiled."""

        def louder(self):
            self.gain_db += 6.0

    refused(Silent, "Silent: write @zerocross.processor above the class")
    refused(Processor, "Processor: write @zerocross.processor")
    made = processor(Silent)(gain_db=-3.0)
    assert made.gain_db == -3.0, "its parameters are the other's"
    assert not Chain(made).render(SIGNAL[:10], RATE).any()
    loud = Loud()
    loud.louder()
    assert loud.gain_db == 6.0


@pytest.mark.parametrize("name", ["reset", "change", "note_on", "make_ready", "_fields", "record"])
def test_a_method_may_not_hide_what_every_processor_has(name):
    made = type("Hides", (), {"process": lambda self, block: None, name: lambda self: None})
    refused(lambda: processor(made), f"Hides.{name}", "every processor has something of this name")


@pytest.mark.parametrize("what", [5, "x", None.__class__, Gain, lambda: None, len, object()])
def test_what_is_no_class_with_a_process_is_refused(what):
    if what is Gain:
        assert processor(Gain)(gain_db=3.0).gain_db == 3.0
    else:
        refused(lambda: processor(what))


def test_state_is_not_copied():
    """A copy would share the original's memory, or know its address only."""
    one = Gain()
    chain = Chain(one)
    chain.prepare(RATE, 2)
    for thing in (one, chain, one.record):
        refused(lambda thing=thing: copy.copy(thing), "cannot be copied")
        refused(lambda thing=thing: copy.deepcopy(thing), "cannot be copied")


# --- the worst arguments -------------------------------------------------------------------------

NOTHING = np.zeros((10, 2), np.float32)
EQ = Equalizer(3)
WORST = [
    *(float("inf"), -float("inf"), float("nan"), "x", b"x", None, [], {}, -1, 0, 0.5, 1 << 70),
    *(1e300, object(), np.zeros(3), [[1.0], [1.0, 2.0]]),
]
ASKED = {
    "bands": Equalizer,
    "kind": lambda w: Equalizer([(w, 100.0, 1.0, 0.0)]),
    "frequency": lambda w: Equalizer([("peaking", w, 1.0, 0.0)]),
    "q": lambda w: Equalizer([("peaking", 100.0, w, 0.0)]),
    "gain": lambda w: Equalizer([("peaking", 100.0, 1.0, w)]),
    "preamp": lambda w: Equalizer(3, w),
    "definition": lambda w: Equalizer(3, definition=w),
    "engine": lambda w: Equalizer(3, engine=w),
    "precision": lambda w: Equalizer(3, precision=w),
    "graphic": Equalizer.graphic,
    "graphic gains": lambda w: Equalizer.graphic(10, w),
    "of_channels": Equalizer.of_channels,
    "trim": lambda w: Equalizer.of_channels([([], w), ([], 0.0)]),
    "set_band": lambda w: Equalizer(3).set_band(w, gain_db=1.0),
    "set_band frequency": lambda w: Equalizer(3).set_band(0, frequency=w),
    "set_band q": lambda w: Equalizer(3).set_band(0, q=w),
    "set_band gain": lambda w: Equalizer(3).set_band(0, gain_db=w),
    "set_band kind": lambda w: Equalizer(3).set_band(0, kind=w),
    "set_band channel": lambda w: Equalizer(3).set_band(0, gain_db=1.0, channel=w),
    "sos": EQ.sos,
    "sos channel": lambda w: EQ.sos(RATE, w),
    "response": EQ.response_db,
    "response rate": lambda w: EQ.response_db([100.0], w),
    "apply": EQ.apply,
    "apply rate": lambda w: EQ.apply(NOTHING, w),
    "apply threads": lambda w: EQ.apply(NOTHING, RATE, w),
    "impulse": Convolver,
    "impulse rate": lambda w: Convolver([1.0, 0.5], w),
    "impulse block": lambda w: Convolver([1.0, 0.5], None, w),
    "mix": lambda w: Convolver([1.0, 0.5], mix=w),
    "recording": Sampler,
    "recording rate": lambda w: Sampler([0.0, 1.0], w),
    "recording note": lambda w: Sampler([0.0, 1.0], note=w),
    "loop": lambda w: Sampler([0.0, 1.0], loop=w),
    "loop end": lambda w: Sampler([0.0, 1.0], loop=(0, w)),
    "ceiling": Limiter,
    "knee": lambda w: Limiter(knee=w),
    "tap": TapPoint,
    "waveform": Oscillator,
    "delay": lambda w: Delay(time_s=w),
    "design": lambda w: design_band("peaking", w, RATE),
    "design rate": lambda w: design_band("peaking", 100.0, w),
    "bandwidth": lambda w: q_of_bandwidth(w, 100.0, RATE),
    "slope": lambda w: q_of_slope(w, 1.0),
    "Butterworth": lambda w: design_butterworth("lowpass", w, 100.0, RATE),
    "Linkwitz-Riley": lambda w: design_linkwitz_riley("lowpass", w, 100.0, RATE),
    "frequency_response": lambda w: frequency_response(w, [1.0], RATE),
    "frequency_response at": lambda w: frequency_response([[1, 0, 0, 1, 0, 0]], w, RATE),
    "frequency_response rate": lambda w: frequency_response([[1, 0, 0, 1, 0, 0]], [1.0], w),
    "curve": lambda w: curve_db(w, [100.0]),
    "minimum_phase": lambda w: minimum_phase(w, RATE),
    "minimum_phase rate": lambda w: minimum_phase([(100.0, 1.0)], w),
    "minimum_phase taps": lambda w: minimum_phase([(100.0, 1.0)], RATE, w),
    "fit": fit_bands,
    "fit bands": lambda w: fit_bands([(100.0, 1.0)], RATE, w),
    "fit rate": lambda w: fit_bands([(100.0, 1.0)], w, 10),
    "make_limiter": lambda w: make_limiter(w, RATE),
    "make_limiter rate": lambda w: make_limiter(2, w),
    "make_limiter ceiling": lambda w: make_limiter(2, RATE, w),
    "make_limiter lookahead": lambda w: make_limiter(2, RATE, lookahead_s=w),
    "make_cascade": lambda w: make_cascade(w, 2),
    "make_iir": lambda w: make_iir(w, 2, 64),
    "make_iir channels": lambda w: make_iir(design_iir(EQ.sos(RATE), "auto"), w, 64),
    "make_iir frames": lambda w: make_iir(design_iir(EQ.sos(RATE), "auto"), 2, w),
    "make_resampler": lambda w: make_resampler(w, RATE, 2, 64),
    "make_resampler channels": lambda w: make_resampler(RATE, 44_100, w, 64),
    "make_resampler quality": lambda w: make_resampler(RATE, 44_100, 2, 64, w),
    "make_convolution": lambda w: make_convolution([1.0], w),
    "make_convolution block": lambda w: make_convolution([1.0], 2, w),
    "make_true_peak": make_true_peak,
    "make_real_fft": make_real_fft,
    "make_loudness": lambda w: make_loudness(w, 2),
    "make_loudness channels": lambda w: make_loudness(RATE, w),
    "make_dc_blocker": lambda w: make_dc_blocker(w, 2),
}


@pytest.mark.parametrize("name", ASKED)
def test_the_worst_arguments_are_refused_in_one_line_or_right(name):
    told = []
    for value in WORST:
        try:
            ASKED[name](value)
        except ZerocrossError as error:  # anything else is a failure
            told.append(str(error))
    assert len(told) > len(WORST) / 2
    assert not [words for words in told if "\n" in words or len(words) > 400]


# --- fields --------------------------------------------------------------------------------------


def with_field(value):
    @processor
    class Odd:
        def __init__(self):
            self.thing = value

        def process(self, block):
            block.output[0, 0] = self.thing
            for c in range(block.channels):
                for i in range(block.frames):
                    block.output[c, i] = block.input[c, i]

    return Odd()


@pytest.mark.parametrize(
    "value",
    [
        *("text", None, [1.0, 2.0], (1.0,), {}, object(), 1j, len, np.datetime64("2026")),
        *(np.zeros(3, "M8[s]"), np.array([None]), np.array(["a"]), np.zeros(2, [("a", "f4")])),
        *(np.zeros(4, np.float16), np.zeros(4, np.longdouble), np.zeros(4, bool), np.zeros(0)),
        *(np.zeros((0, 4)), 1 << 70, np.uint64(1 << 63)),
        np.ma.masked_array([1.0, 2.0], [False, True]),
        np.lib.stride_tricks.as_strided(np.zeros(1, np.uint8), (1 << 31,), (0,)),
    ],
    ids=lambda value: f"{type(value).__name__}-{getattr(value, 'dtype', '')}",
)
def test_an_odd_field_is_refused_by_its_name(value):
    one = with_field(value)
    refused(lambda: Chain(one).prepare(RATE, 2), "Odd.thing")


def test_fields_of_all_kinds_of_numbers_are_taken():
    @processor
    class Many:
        flag: bool = True
        half = np.float16(1.5)
        small = np.int8(3)
        infinite: float = float("inf")

        def __init__(self):
            self.scalar = np.array(2.0)
            self.complexes = np.array([1 + 2j], np.complex64)
            self.swapped = np.arange(4, dtype=">f4")
            self.shared = np.broadcast_to(np.float32(1), (4,))
            self.bytes = np.array([200], np.uint8)

        def process(self, block):
            self.infinite = self.half + self.small + self.scalar + self.complexes[0].imag
            self.infinite += self.swapped[3] + self.shared[0] + self.bytes[0] + self.flag
            block.output[0] = block.input[0, 0]

    one = Many()
    Chain(one).render([0.0], RATE)
    assert one.infinite == 1.5 + 3 + 2 + 2 + 3 + 1 + 200 + 1
    assert one.swapped.tolist() == [0, 1, 2, 3] and one.swapped.dtype == np.float32


def test_a_refused_processor_is_as_it_was():
    @processor
    class Refused:
        level: float = param(1.0, 0.0, 2.0)
        count: int = 0

        def __init__(self):
            self.table = np.arange(4.0)
            self.fails = 1

        def prepare(self, sample_rate, channels, max_block):
            if self.fails == 2:
                raise ValueError("no room")
            self.line = np.zeros(8 if self.fails == 0 else 0)

        def process(self, block):
            self.count += 1
            for c in range(block.channels):
                for i in range(block.frames):
                    block.output[c, i] = block.input[c, i] * self.level

    one = Refused()
    one.count, one.level = 5, 0.5
    for fails, kind in ((1, UsageError), (2, ValueError)):
        one.fails = fails
        before = dict(vars(one))
        with pytest.raises(kind):
            Chain(one).prepare(RATE, 2)
        assert vars(one).keys() == before.keys()
        assert (one.count, one.level, one.fails) == (5, 0.5, fails)
        assert one.table.tolist() == [0, 1, 2, 3]
    one.fails = 0
    assert np.array_equal(Chain(one).render(SIGNAL, RATE), SIGNAL * np.float32(0.5))
    assert one.count > 5


def test_a_processor_whose_process_is_refused_can_be_prepared_again():
    @processor
    class Allocates:
        size: int = 3

        def __init__(self):
            self.table = np.ones(2)

        def process(self, block):
            block.output[0] = np.zeros(3)

    one = Allocates()
    for _ in range(2):
        refused(lambda: Chain(one).prepare(RATE, 1), "makes an array")
        assert one.size == 3 and one.table.tolist() == [1, 1]


# --- what a chain is made of ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "hint"),
    [
        (Gain, "write parentheses after it"),
        (lambda block: None, "write @zerocross.processor above it"),
        (dict, "write @zerocross.processor above it"),
        ([Gain()], "write a star before it"),
        *((part, "is not a processor or a chain") for part in (None, "Gain", 5, np.zeros(9999))),
    ],
)
def test_what_is_no_part_is_refused(part, hint):
    chain = Chain(Gain())
    for call in (
        lambda: Chain(part),
        lambda: Parallel(part),
        lambda: Split(part),
        lambda: chain.append(part),
        lambda: chain.insert(0, part),
        lambda: chain.replace(chain.parts[0], part),
    ):
        refused(call, hint)
    assert len(chain.parts) == 1


def test_nothing_is_a_part_of_itself():
    one, chain = Gain(), Chain()
    outer = Chain(Parallel(chain))
    for call in (
        lambda: chain.append(chain),
        lambda: chain.append(outer),
        lambda: chain.insert(0, Split(Chain(outer))),
    ):
        refused(call, "cannot be a part of itself")
    chain.append(one)
    refused(lambda: chain.replace(one, Chain(chain)), "cannot be a part of itself")
    for call in (
        lambda: Chain(one, one),
        lambda: Chain(outer, one),
        lambda: Parallel(Chain(one), Chain(one)),
        lambda: chain.append(one),
    ):
        refused(call, "is in the chain twice; make another one of its class")
    assert chain.parts == (one,)
    chain.replace(one, Chain(one))  # once before and once after
    assert list(chain.processors()) == [one]


def test_groups_are_not_nested_without_end():
    chain = inner = Chain(Gain())
    for _ in range(MAX_DEPTH - 1):
        chain = Chain(chain)
    assert np.array_equal(chain.render(SIGNAL, RATE), SIGNAL)
    refused(lambda: Chain(chain), "nested more than 64 deep")
    inner.append(Chain(Gain()))  # the outermost does not hear of it
    refused(lambda: chain.prepare(RATE, 2), "nested more than 64 deep")


def test_a_chain_is_made_of_what_was_given_for_one():
    one = Gain()
    chain = Chain(one)
    assert chain_of(chain) is chain and chain_of(one).parts == (one,)
    assert chain_of([one, Delay()]).parts[0] is one
    for given in ("Gain", 5, Gain, [Gain], {}):
        refused(lambda given=given: chain_of(given), "effects: ")


def test_places_that_there_are_not():
    chain = Chain(Gain())
    refused(lambda: chain.insert(5, Gain()), "index 5: there are places 0 to 1")
    refused(lambda: chain.insert("x", Gain()), "index 'x'")
    refused(lambda: chain.remove("x"), "'x' is not in the chain")
    refused(lambda: chain.longest_ns(Gain()), "is not in the chain, or it was not prepared yet")


# --- renderings ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("signal", "words"),
    [
        (np.zeros(10, np.int16), "integers (int16)"),
        ([0, 1], "integers"),
        (np.zeros(10, bool), "bool"),
        (np.zeros(10, complex), "complex128"),
        (["a"], "give an array of floats"),
        ([None], "give an array of floats"),
        ([[1.0], [1.0, 2.0]], "not a signal"),
        (b"song.wav", "give an array of floats"),
        (None, "give an array of floats"),
        (0.5, "shape ()"),
        (np.zeros((10, 0)), "shape (10, 0)"),
        (np.zeros((10, 2, 2)), "shape (10, 2, 2)"),
        (np.zeros((10, 9)), "9 channels"),
        (np.zeros((2, 480)), "as signal.T"),
        (np.array([0.0, np.nan]), "frame 1 of the signal is not finite"),
        (np.array([[0.0, 0.0], [0.0, 1e300]]), "frame 1 of the signal is not finite"),
        (np.ma.masked_array([1.0], [True]), "masked"),
    ],
    ids=lambda value: str(getattr(value, "shape", value))[:20],
)
def test_a_rendering_does_not_guess(signal, words):
    refused(lambda: Chain().render(signal, RATE), words)


def test_an_array_has_a_rate_and_a_file_its_own(make_file):
    refused(lambda: Chain().render(SIGNAL), "give sample_rate=")
    path, data = make_file(sample_rate=44_100, frames=1000)
    refused(lambda: Chain().render(path, 48_000), "has 44100 Hz; leave it out")
    assert np.array_equal(Chain().render(path), data)
    assert np.array_equal(Chain().render(path, 44_100), data)


@pytest.mark.parametrize(
    "signal",
    [
        *(SIGNAL[:, 0].tolist(), SIGNAL.astype(np.float64), SIGNAL[::-2], SIGNAL[:0]),
        *(SIGNAL.astype(">f4"), np.asfortranarray(SIGNAL), SIGNAL[:, :1]),
    ],
)
def test_floats_of_all_kinds_are_rendered(signal):
    out = Chain(Gain()).render(signal, RATE, block_size=333.0)
    assert out.dtype == np.float32 and np.array_equal(out, np.asarray(signal, np.float32))


def test_memory_that_there_is_not_is_told():
    refused(lambda: Chain().render(SIGNAL, RATE, tail_s=1e9), "memory")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"bits": 8}, "bits=8: give '16', '24', '32' or 'float'"),
        ({"channels": 0}, "channels=0"),
        ({"channels": 3}, "channels=3"),
        ({"channels": "stereo"}, "channels='stereo'"),
        ({"sample_rate": 0}, "sample_rate=0"),
        ({"sample_rate": 44_100.5}, "sample_rate=44100.5"),
        ({"sample_rate": "x"}, "sample_rate='x'"),
        ({"volume": float("nan")}, "volume nan"),
        ({"volume": "loud"}, "volume 'loud'"),
        ({"start_s": None}, "start_s=None"),
        ({"duration_s": float("inf")}, "duration_s=inf"),
        ({"effects": "Gain"}, "effects: 'Gain' is not a processor"),
        ({"effects": Gain}, "write parentheses after it"),
        ({"progress": 5}, "progress=5"),
        ({"dither": "loud"}, "dither='loud': give 'none', 'tpdf' or 'shaped'"),
        ({"dither": []}, "dither=[]"),
        ({"replaygain": []}, "[]"),
        ({"replaygain": "loud"}, "loud"),
        ({"quality": 3}, "quality=3: give 'medium', 'high' or 'very high'"),
        ({"inputs": None}, "None is not a path"),
        ({"inputs": [5]}, "5 is not a path"),
        ({"inputs": []}, "nothing to render"),
        ({"output": None}, "output=None"),
        ({"output": "x.mp3"}, "must end in"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_a_file_rendering_does_not_guess(make_file, tmp_path, options, words):
    path, _ = make_file(frames=100)
    given = {"inputs": [path], "output": tmp_path / "out.wav"} | options
    refused(lambda: zerocross.render(**given), words)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["song.wav"]


def test_a_file_is_not_written_over_itself(make_file):
    path, data = make_file(frames=100)
    refused(lambda: zerocross.render([path], path), "is what is read")
    assert path.stat().st_size > 100 and len(data) == 100


def test_one_path_and_one_effect_are_enough(make_file, tmp_path):
    path, data = make_file(frames=1000)
    out = tmp_path / "out.wav"
    done = zerocross.render(path, out, effects=Gain(gain_db=-6.0), bits="float")
    assert (done.frames, done.errors, done.faults) == (1000, [], [])
    assert np.array_equal(Chain().render(out), data * np.float32(10 ** (-6 / 20)))


# --- one thing at a time -------------------------------------------------------------------------


def test_two_threads_render_one_chain():
    """The second waits for the first, and both are right."""
    chain = Chain(Delay(), Limiter())
    wanted = [chain.render(signal, RATE) for signal in (SIGNAL, 0.5 * SIGNAL)]
    wrong = []

    def work(which):
        signal = SIGNAL if which == 0 else 0.5 * SIGNAL
        for _ in range(15):
            out = chain.render(signal, RATE, block_size=64)
            wrong.extend([which] * (not np.array_equal(out, wanted[which])))

    threads = [threading.Thread(target=work, args=(k % 2,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_what_is_rendered_is_in_no_ones_hands(make_file, tmp_path):
    """Asked from within the rendering: another thread would wait."""
    path, _ = make_file(frames=20_000)
    one = Gain()
    chain = Chain(one)
    told = []

    def meanwhile(_share):
        for call in (
            lambda: chain.render(SIGNAL, RATE),
            lambda: chain.prepare(RATE, 2),
            lambda: chain.append(Gain()),
            lambda: chain.reset(),
            lambda: one.reset(),
            lambda: Chain(one).render(SIGNAL, RATE),
            lambda: zerocross.Player("null", effects=chain).play(path),
        ):
            with pytest.raises(UsageError) as caught:
                call()
            told.append(str(caught.value))

    zerocross.render([path], tmp_path / "out.wav", effects=chain, progress=meanwhile)
    assert len(told) >= 7 and "is rendered in another chain" in told[5]
    chain.append(Gain())
    assert len(chain.parts) == 2, "free again"


def test_a_chain_that_plays_is_not_rendered_or_changed_from_within(make_file, tmp_path):
    path, _ = make_file(frames=480_000)
    inner = Chain(Gain())
    chain = Chain(inner)
    with zerocross.Player("null", effects=chain) as player:
        player.play(path)
        for call in (
            lambda: chain.render(SIGNAL, RATE),
            lambda: zerocross.render([path], tmp_path / "out.wav", effects=chain),
        ):
            refused(call, "plays already; stop that player or stream, or make another chain")
        refused(lambda: inner.append(Gain()), "a part of one that plays")
        chain.replace(inner, Gain())
    chain.render(SIGNAL, RATE)


# --- faults --------------------------------------------------------------------------------------


@processor
class Breaks:
    at: int = 2000

    def process(self, block):
        for c in range(block.channels):
            for i in range(block.frames):
                bad = block.position + i == self.at
                block.output[c, i] = np.float32(np.inf) if bad else block.input[c, i]


def test_every_run_tells_its_faults(make_file, tmp_path):
    chain = Chain(Breaks())
    for _ in range(3):
        with pytest.warns(FaultWarning, match="Breaks was bypassed") as seen:
            chain.render(SIGNAL, RATE)
        assert len(seen) == 1 and seen[0].filename == __file__
        assert len(chain.errors) == 1 and "not finite" in chain.errors[0]
        assert len(chain.faults()) == 1 and len(chain.errors) == 1
    path, _ = make_file(frames=5000)
    for _ in range(2):
        with pytest.warns(FaultWarning, match="Breaks was bypassed") as seen:
            done = zerocross.render([path], tmp_path / "out.wav", effects=chain)
        assert len(seen) == 1 and seen[0].filename == __file__
        assert done.errors == [str(fault) for fault in done.faults] and len(done.faults) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        done = zerocross.render([path], tmp_path / "out.wav", effects=Chain(Breaks(at=9999)))
    assert done.errors == [] and done.faults == []


def test_a_second_stretch_of_one_run_tells_its_fault_too():
    chain = Chain(Breaks())
    for _ in range(2):
        with pytest.warns(FaultWarning):
            chain.render(SIGNAL, RATE)
        chain.reset()
        assert chain.errors == [], "a reset chain begins a run"
    assert len(chain.faults()) == 2


LOUD = np.full((5000, 2), 3e38, np.float32)


@pytest.mark.parametrize("on_fault", ["bypass", "silence", "stop"])
def test_a_sum_that_overflows_is_caught_where_it_arises(on_fault):
    """Branches of 3e38 add up to infinity: not the fault of the effect behind."""
    parallel = Parallel(Gain(), Gain())
    after = Gain(gain_db=-120.0)
    chain = Chain(parallel, after, on_fault=on_fault)
    with pytest.warns(FaultWarning, match="Parallel was .* because of an output that is not"):
        out = chain.render(LOUD, RATE)
    [fault] = chain.faults()
    assert fault.processor is parallel and str(fault).startswith("Parallel was ")
    assert np.isfinite(out).all()
    if on_fault == "bypass":
        assert out[-1, 0] == pytest.approx(3e38 * 1e-6, rel=1e-5), "the one behind goes on"
    else:
        assert not out[-1].any()


def test_gains_that_overflow_are_caught_too():
    chain = Chain(Parallel(Gain(), gains=[1e6]))
    with pytest.warns(FaultWarning, match="Parallel was bypassed"):
        assert np.array_equal(chain.render(LOUD, RATE)[4096:], LOUD[4096:])


def test_a_sum_within_a_split_is_looked_at_for_its_channel():
    chain = Chain(Split(Parallel(Gain(), Gain()), Gain()))
    signal = np.stack([LOUD[:, 0], SIGNAL[:, 1]], axis=1)
    with pytest.warns(FaultWarning, match="Parallel was bypassed"):
        out = chain.render(signal, RATE)
    assert np.isfinite(out).all() and np.array_equal(out[:, 1], SIGNAL[:, 1])
    fine = Chain(Split(Gain(), Parallel(Gain(), Gain(), gains=[0.5, 0.5])))
    assert np.array_equal(fine.render(signal, RATE), signal) and fine.errors == []


def test_a_sum_that_is_finite_is_untouched():
    chain = Chain(Parallel(Gain(), Gain(), gains=[0.75, -0.25]))
    assert np.array_equal(chain.render(SIGNAL, RATE), 0.75 * SIGNAL - 0.25 * SIGNAL)
    assert chain.errors == []


# --- without a compiler --------------------------------------------------------------------------

WITHOUT = """
import numpy as np
import zerocross
from zerocross.effects import Gain
from zerocross.errors import ZerocrossError

for call in (
    lambda: zerocross.Chain(Gain()).render(np.zeros(10), 48_000),
    lambda: zerocross.Chain().render(np.zeros(10), 48_000),
    lambda: zerocross.Chain(Gain()).prepare(48_000, 2),
    lambda: zerocross.render(["song.wav"], "out.wav"),
    lambda: zerocross.Player("null").play("song.wav"),
    lambda: zerocross.Stream(Gain(), device="null"),
):
    try:
        call()
        print("accepted")
    except ZerocrossError as error:
        print(error)
"""


def test_without_a_compiler_it_is_said_what_does_not_work(make_file):
    path, _ = make_file(frames=100)
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT],
        cwd=path.parent,
        env=os.environ | {"ZEROCROSS_COMPILER": "off"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    assert len(lines) == 6, run.stdout + run.stderr
    for line in lines:
        assert "ZEROCROSS_COMPILER=off" in line, line


# --- what looked right and was not ----------------------------------------------------------------


@processor
class WritesItsInput:
    def process(self, block):
        for c in range(block.channels):
            row = block.input[c]
            block.output[c, 0] = row[0]
            row[0] = 7.0


@processor
class CutsOff:
    place: int = 0

    def process(self, block):
        self.place += 0.25
        block.output[0, 0] = self.place


@processor
class WholePower:
    def process(self, block):
        for i in range(block.frames):
            block.output[0, i] = 2 ** -(i + 1)


@processor
class MisspellsTheBlock:
    def process(self, block):
        block.output[0, 0] = block.samplerate


@processor
class SharesMemory:
    def prepare(self, sample_rate, channels, max_block):
        self.one = np.zeros(4)
        self.other = self.one[1:]

    def process(self, block):
        block.output[0, 0] = self.one[0] + self.other[0]


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (WritesItsInput, "`row[0] = 7.0` writes to the block's input"),
        (CutsOff, "stores a number with a fraction in the whole-number field place"),
        (WholePower, "raises a whole number to a power that may be negative"),
        (MisspellsTheBlock, "block.samplerate, which a block does not have; it has input"),
        (SharesMemory, "SharesMemory.other and SharesMemory.one are the same memory"),
    ],
)
def test_what_would_be_silently_wrong_is_refused(made, words):
    refused(lambda: Chain(made()).render(SIGNAL, RATE), words)


def test_a_field_declared_as_a_float_is_one():
    @processor
    class Ramp:
        level: float = 0

        def process(self, block):
            for i in range(block.frames):
                self.level += 0.25
                for c in range(block.channels):
                    block.output[c, i] = self.level * i**0

    assert Chain(Ramp()).render(np.zeros(4), RATE).tolist() == [0.25, 0.5, 0.75, 1.0]


@pytest.mark.parametrize("what", [len, np.sin, 5, Gain])
def test_a_kernel_is_a_python_function(what):
    refused(lambda: zerocross.kernel(what), "takes a function written in Python")


def test_a_processors_process_stays():
    refused(lambda: setattr(WholePower, "process", len), "cannot be changed")


def test_a_rendering_from_beyond_the_end_is_refused(make_file, tmp_path):
    path, _ = make_file(frames=4_800)
    out = tmp_path / "out.wav"
    refused(lambda: zerocross.render(path, out, start_s=0.2), "it has 0.10 s; give less")
    assert not out.exists()


# --- arguments and flags -------------------------------------------------------------------------


@processor
def passes(block):
    for c in range(block.channels):
        for i in range(block.frames):
            block.output[c, i] = block.input[c, i]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Gain(-6), "Gain(-6): give its parameters by name, such as Gain(gain_db=...)"),
        (lambda: Pan(-1), "Pan(-1): give its parameters by name, such as Pan(pan=...)"),
        (lambda: Pan(0.5, mono=True), "Pan(0.5, mono=True): give its parameters by name"),
        (lambda: Balance(0.5), "such as Balance(balance=...)"),
        (lambda: Reverb("x" * 50, "y" * 60), "Reverb(...): give its parameters by name, such as"),
        (lambda: Limiter(-1.0, 0.9, False, 4), "such as Limiter(ceiling_db=...)"),
        (lambda: Limiter(cieling_db=-1), "no parameter 'cieling_db'; did you mean ceiling_db?"),
        (lambda: Convolver(), "Convolver(): missing a required argument: 'impulse'"),
        (lambda: passes(1), "passes(1): it has no parameters; leave them out"),
    ],
)
def test_arguments_that_do_not_fit_show_the_way(call, words):
    refused(call, words)


def test_an_init_of_ones_own_takes_what_it_says():
    assert repr(Limiter(-1.0, 0.5)) == repr(Limiter(ceiling_db=-1.0, knee=0.5))

    @processor
    class Own:
        def __init__(self, first, *more, **named):
            self.found = float(first + len(more) + len(named))

        def process(self, block):
            block.output[0, 0] = self.found

    assert Own(1, 2, 3, four=4).found == 4.0

    @processor
    class Broken:
        def __init__(self, text):
            self.length = len(text)

        def process(self, block):
            block.output[0, 0] = self.length

    with pytest.raises(TypeError, match="has no len"):
        Broken(5)  # an error within it is its own


FLAGS = {
    "true_peak": lambda flag: Limiter(true_peak=flag),
    "true_peak of make_limiter": lambda flag: make_limiter(2, RATE, true_peak=flag),
    "mono": lambda flag: Pan(mono=flag),
    "notes": lambda flag: Oscillator(notes=flag),
    "dual_mono": lambda flag: LoudnessMeter(dual_mono=flag),
    "dual_mono of Loudness": lambda flag: Loudness(RATE, 2, dual_mono=flag),
    "peaks": lambda flag: make_loudness(RATE, 2, peaks=flag),
    "fitted": lambda flag: parse_preset("Preamp: -6 dB").processors(fitted=flag),
    "debug": lambda flag: Chain(debug=flag),
    "bypass": lambda flag: setattr(Equalizer(), "bypass", flag),
}


@pytest.mark.parametrize("what", FLAGS)
def test_flags_are_true_or_false(what):
    for flag in (True, False, 0, 1, np.True_, np.False_, np.int64(1)):
        FLAGS[what](flag)
    for flag in ("no", "", None, np.nan, 2, [1, 2], {}, np.ones(2), np.array([True])):
        refused(functools.partial(FLAGS[what], flag), what.split()[0] + "=", "give True or False")


@pytest.mark.parametrize("flag", [True, np.False_])
def test_booleans_are_no_numbers(flag):
    refused(lambda: Chain().render(SIGNAL, flag), f"sample_rate={flag!r}: give ")
    refused(lambda: Gain(gain_db=flag), f"gain_db={flag!r}: give ")
    refused(lambda: Chain().render(SIGNAL, RATE, tail_s=flag), f"tail_s={flag!r}: give ")


def test_a_parameter_from_0_to_1_is_a_switch_too():
    assert (Reverb(mix=True).mix, Reverb(mix=False).mix) == (1.0, 0.0)


# --- what is no path, no preset's format, no dither, no response ----------------------------------


PATHS = {"measure": measure, "read_preset": read_preset, "read_audio": read_audio}


@pytest.mark.parametrize("what", PATHS)
def test_what_is_no_path_is_named(what):
    for value in (None, 5, True, ["a"]):
        refused(functools.partial(PATHS[what], value), f"path={value!r}: give the path of a file")
    refused(lambda: PATHS[what](b"missing"), "missing: no such file")
    refused(lambda: PATHS[what](""), "'': no such file; check the name")


def test_what_is_no_text_is_no_preset(tmp_path):
    for text in (None, 5, b"Preamp: -6 dB", ["Preamp: -6 dB"]):
        refused(functools.partial(parse_preset, text), "text=", "give the lines of a preset")
    refused(lambda: parse_preset("", 5), "name=5: give the path")
    path = tmp_path / "as bytes.txt"
    path.write_text("Preamp: -6 dB")
    assert read_preset(os.fsencode(path)).settings().preamp_db == -6.0


def test_an_output_without_a_name_is_quoted(make_file):
    path, _ = make_file(frames=100)
    refused(lambda: zerocross.render(path, ""), "'': the output must end in .wav or .flac")


def test_who_is_told_the_progress_can_be_called(make_file):
    path, _ = make_file(frames=100)
    for value in (5, "x", [print]):
        refused(lambda value=value: measure(path, value), "progress=", "can be called")
    shares = []
    measure(path, shares.append)
    assert shares[-1] == 1.0


@pytest.mark.parametrize(
    ("rate", "channels", "words"),
    [
        (RATE, 0, "channels=0: give a whole number, 1 to 32"),
        (RATE, 2.5, "channels=2.5: give"),
        (RATE, True, "channels=True: give"),
        (RATE, "x", "channels='x': give"),
        (0.5, 2, "sample_rate=0.5: give 1 to 1e+07 Hz"),
        (True, 2, "sample_rate=True: give"),
        ("x", 2, "sample_rate='x': give"),
        (None, 2, "sample_rate=None: give"),
    ],
)
def test_a_presets_format_is_checked_at_each_of_its_doors(rate, channels, words):
    preset = parse_preset("Preamp: -6 dB")
    for call in (
        lambda: preset.at(rate, channels),
        lambda: preset.settings(0, rate, channels),
        lambda: preset.sections(rate, channels),
        lambda: preset.response_db([100.0], rate, 0, channels),
        lambda: preset.headroom_db(rate, channels),
        lambda: preset.processors(channels=channels, sample_rate=rate),
    ):
        refused(call, words)
    assert not preset.at(48_000.5, 2).skipped and not preset.at(1, None).skipped


def test_a_presets_channel_is_checked():
    preset = parse_preset("Preamp: -6 dB")
    for channel in (2, -1, "x", None, 0.5):
        refused(functools.partial(preset.response_db, [9.0], RATE, channel), "give a whole number")
        refused(functools.partial(preset.settings, channel, RATE, 2), "give a whole number, 0 to 1")
    refused(lambda: preset.response_db("x"), "frequencies='x': give numbers, in Hz")


def test_dither_that_would_not_be_done_is_refused(make_file, tmp_path):
    path, _ = make_file(frames=1000, subtype="FLOAT")
    out = tmp_path / "out.wav"
    for bits in ("float", "32", 32, None):
        for kind in ("tpdf", "shaped"):
            call = functools.partial(zerocross.render, path, out, bits=bits, dither=kind)
            refused(call, f"dither='{kind}' is for 16 and 24 bits", "give bits=16 or 24")
        assert zerocross.render(path, out, bits=bits, dither="none").dither == "none"
    assert zerocross.render(path, out, bits="24", dither="tpdf").dither == "tpdf"


@pytest.mark.parametrize("complex_array", [[1, 2j], np.ones(4, complex), np.ones((4, 2), complex)])
def test_imaginary_parts_are_not_lost(complex_array):
    for call in (Convolver, Sampler):
        refused(functools.partial(call, complex_array), "give an array of real numbers")
    refused(lambda: make_convolution(np.atleast_2d(complex_array).T, 1), "complex")
    design = functools.partial(np.ones, (1, 3), complex)
    chain = Chain(Convolver(lambda _rate, _channels: design()))
    refused(lambda: chain.render(SIGNAL, RATE), "give an array of real numbers")


def test_responses_and_bands_beyond_all_numbers_warn_of_nothing_but_their_fault(tmp_path):
    soundfile.write(tmp_path / "big.wav", np.full(100, 3e38, np.float32), RATE, "FLOAT")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for taps in ([1e300] * 5, [1e308] * 5, [1e39], [3e38] * 2):
            refused(functools.partial(Convolver, taps), "adds up to", "give up to 1e+30")
        Convolver([1e29, -1e29])
        refused(lambda: Sampler([1e300]), "not finite")
        preset = parse_preset("Preamp: -1\nConvolution: big.wav\n", str(tmp_path / "preset.txt"))
        assert "adds up to 3e+40" in preset.skipped[0].reason
        preset.headroom_db()
        preset = parse_preset("Filter: ON PK Fc 1000 Hz Gain 60 dB Q 1\n" * 100)
        assert preset.headroom_db() == pytest.approx(-6000.0)
        chain = Chain(*preset.processors())
        chain.prepare(RATE, 2)
    with pytest.warns(FaultWarning) as seen:
        chain.render(SIGNAL, RATE)
    assert [each.category for each in seen] == [FaultWarning]


@pytest.mark.parametrize("frames", [0, 1, 100, 16_384, "x", None, 64.5, -16])
def test_a_convolvers_blocks_have_one_message(frames):
    words = f"={frames!r}: give a power of two from 16 to 8192"
    refused(lambda: Convolver([1.0], block_size=frames), "block_size" + words)
    refused(lambda: make_convolution([1.0], 1, frames), "block" + words)
    assert Convolver([1.0], block_size=64.0).latency == 0


def test_a_tail_has_a_bound():
    for value in (1e300, 1e306, 1e12):
        refused(
            lambda value=value: Chain().render(SIGNAL, RATE, tail_s=value), "tail_s=1", "give 0 to"
        )
