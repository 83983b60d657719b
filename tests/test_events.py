"""Notes and changes at exact frames; the instruments that play them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import soundfile

from conftest import music
from zerocross import NOTE_OFF, NOTE_ON, Chain, UsageError, param, processor
from zerocross.effects import Gain, Meter, Oscillator, Sampler, TapPoint

RATE = 48_000
SILENCE = np.zeros(48_000, np.float32)


@processor(instrument=True)
class Marks:
    """Writes what it is told, where it is told."""

    value: float = param(0.0, -10.0, 10.0, smoothing=0.0)
    held: float = 0.0

    def process(self, block: Any) -> None:
        for k in range(block.events.size):
            if block.events[k].kind == NOTE_ON:
                self.held = block.events[k].note + block.events[k].velocity
            elif block.events[k].kind == NOTE_OFF:
                self.held = 0.0
        for c in range(block.channels):
            for i in range(block.frames):
                block.output[c, i] = np.float32(self.held + 1000.0 * self.value)


@pytest.mark.parametrize("block", [1, 64, 1000, 4096])
def test_events_happen_at_their_frame(block):
    marks = Marks()
    rng = np.random.default_rng(1)
    wanted = np.zeros(20_000, np.float32)
    times = np.sort(rng.choice(20_000, 200, replace=False))
    for k, at in enumerate(times):
        note = int(rng.integers(1, 128))
        if k % 3 == 2:
            marks.note_off(note, at=at)
            wanted[at:] = 0.0
        else:
            marks.note_on(note, 0.5, at=at)
            wanted[at:] = note + 0.5
    assert np.array_equal(Chain(marks).render(SILENCE[:20_000], RATE, block_size=block), wanted)


def test_events_need_not_come_in_order():
    marks = Marks()
    for at, note in ((500, 3), (100, 1), (900, 4), (300, 2)):
        marks.note_on(note, 1.0, at=at)
    out = Chain(marks).render(SILENCE[:1000], RATE)
    assert [out[k] for k in (99, 100, 299, 300, 499, 500, 899, 900)] == [0, 2, 2, 3, 3, 4, 4, 5]


def test_a_parameter_changes_at_its_frame_and_then_as_python_says():
    marks = Marks()
    marks.change(at=777, value=2.0)
    chain = Chain(marks)
    assert np.array_equal(np.flatnonzero(np.diff(chain.render(SILENCE[:2000], RATE))), [776])
    gain = Gain()
    gain.change(at=1000, gain_db=-20.0)
    out = Chain(gain).render(np.ones(6_000, np.float32), RATE)
    assert (out[:1000] == 1.0).all()
    assert (np.diff(out[1000:1958]) < 0).all(), "it moves as parameters do"
    assert out[-1] == pytest.approx(0.1, abs=1e-6)


def test_many_events_at_one_frame_are_all_seen():
    marks = Marks()
    for note in range(1, 101):
        marks.note_on(note, 1.0, at=50)
    out = Chain(marks).render(SILENCE[:100], RATE)
    assert out[49] == 0 and out[51] == 101, "64 at a frame, the rest at the next"


def test_a_full_queue_is_told_and_empties():
    marks = Marks()
    for k in range(4096):
        marks.note_on(1 + k % 100, at=k)
    with pytest.raises(UsageError, match="4096 events wait already"):
        marks.note_on(1)
    Chain(marks).render(SILENCE[:4096], RATE)
    marks.note_on(1)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda m: m.note_on(128), "note=128: give a whole number, 0 to 127"),
        (lambda m: m.note_on(60, 0.0), "velocity=0: give a number above 0"),
        (lambda m: m.change(valeu=1), "did you mean value"),
        (lambda m: m.change(value=11), "give -10 to 10"),
    ],
)
def test_wrong_events_are_told(call, words):
    with pytest.raises(UsageError, match=words):
        call(Marks())


def spectrum_peak(x):
    spectrum = np.abs(np.fft.rfft(x * np.hanning(len(x)), 1 << 18))
    return spectrum.argmax() * RATE / (1 << 18)


@pytest.mark.parametrize("waveform", ["sine", "saw", "square", "triangle"])
def test_an_oscillator_has_its_pitch_and_shape(waveform):
    x = Chain(Oscillator(waveform, frequency=441.7, gain_db=0.0)).render(SILENCE, RATE)
    assert spectrum_peak(x) == pytest.approx(441.7, abs=0.2)
    t = (np.arange(len(x)) * 441.7 / RATE) % 1.0
    naive = {
        "sine": np.sin(2 * np.pi * t),
        "saw": 2 * t - 1,
        "square": np.where(t < 0.5, 1.0, -1.0),
        "triangle": 1 - 4 * np.abs(t - 0.5),
    }[waveform]
    step = 12 * 441.7 / RATE
    away = (np.minimum(t, 1 - t) > step) & (np.abs(t - 0.5) > step)
    assert np.abs(x - naive)[away].max() < 2e-6, "away from the jumps"


#: Amplitudes of the harmonics of J. Fourier's series.
SERIES = {
    "saw": lambda k: 2 / (np.pi * k),
    "square": lambda k: 4 / (np.pi * k) * (k % 2),
    "triangle": lambda k: 8 / (np.pi * k) ** 2 * (k % 2),
}


@pytest.mark.parametrize("waveform", SERIES)
def test_a_waveform_is_its_fourier_series_and_nothing_else_is_heard(waveform):
    """In whole Hz, over a second: every harmonic and every alias has a bin of its own."""
    for frequency in (3_989, 441):
        x = Chain(Oscillator(waveform, frequency=frequency, gain_db=0.0)).render(SILENCE, RATE)
        levels = np.abs(np.fft.rfft(x.astype(np.float64)))[:18_001] / (RATE / 2)
        k = np.arange(1, 18_000 // frequency + 1)
        assert levels[k * frequency] == pytest.approx(SERIES[waveform](k), rel=1e-3, abs=1e-5)
        levels[k * frequency] = 0.0
        assert 20 * np.log10(levels.max() / SERIES[waveform](1)) < -90.0, frequency


@pytest.mark.parametrize("waveform", SERIES)
def test_above_the_sample_rates_half_there_is_silence(waveform):
    """At a rate at which the fundamental itself would fold; also no loop grows with it."""
    out = Chain(Oscillator(waveform, frequency=20_000.0, gain_db=0.0)).render(SILENCE, 8_000)
    assert not out.any()


def test_notes_of_an_oscillator_add_up_and_end():
    def play(notes):
        oscillator = Oscillator("sine", notes=True, release_ms=50.0)
        for note in notes:
            oscillator.note_on(note, 0.5, at=100)
            oscillator.note_off(note, at=20_000)
        return Chain(oscillator).render(SILENCE, RATE)

    both, a, b = play([69, 76]), play([69]), play([76])
    assert np.allclose(both, a + b, atol=1e-6)
    assert not a[:100].any() and a[101:200].any()
    assert not both[20_000 + 2_401 :].any(), "released after 50 ms"
    assert spectrum_peak(a[5_000:19_000]) == pytest.approx(440.0, abs=1)
    assert spectrum_peak(b[5_000:19_000]) == pytest.approx(659.26, abs=1)


def test_the_seventeenth_note_takes_the_softest_voice():
    oscillator = Oscillator("sine", notes=True)
    for k in range(17):
        oscillator.note_on(40 + k, 0.1 if k == 3 else 0.5, at=4_800 * k // 4)
    chain = Chain(oscillator)
    chain.render(SILENCE, RATE)
    assert 43 not in set(oscillator.note.tolist())
    assert 56 in set(oscillator.note.tolist())


def test_a_sampler_at_its_own_pitch_is_the_recording():
    recording = music(10_000, 2)
    sampler = Sampler(recording, note=60, attack_ms=0.0)
    sampler.note_on(60, at=123)
    out = Chain(sampler).render(np.zeros((20_000, 2)), RATE)
    assert not out[:123].any()
    assert np.allclose(out[123:10_123], recording, atol=1e-6)
    assert not out[10_123:].any()


def test_a_sampler_transposes_and_knows_the_recordings_rate(tmp_path):
    tone = 0.5 * np.sin(2 * np.pi * 500 * np.arange(44_100) / 44_100)
    soundfile.write(tmp_path / "tone.wav", tone, 44_100, "FLOAT")
    for note, wanted in ((60, 500.0), (67, 500 * 2 ** (7 / 12)), (48, 250.0)):
        sampler = Sampler(tmp_path / "tone.wav")
        sampler.note_on(note)
        out = Chain(sampler).render(SILENCE[:24_000], RATE)
        assert spectrum_peak(out[2_000:20_000]) == pytest.approx(wanted, abs=0.5)


def test_a_loop_goes_on_until_the_note_ends():
    tone = np.sin(2 * np.pi * np.arange(4_800) / 48)
    sampler = Sampler(tone, loop=(480, 4_320), release_ms=10.0)
    sampler.note_on(60)
    sampler.note_off(60, at=30_000)
    out = Chain(sampler).render(SILENCE, RATE)
    assert np.abs(out[100:30_000]).reshape(-1, 50).max(axis=1).min() > 0.95, "no hole at the joint"
    assert not out[30_481:].any()


@pytest.mark.parametrize(
    ("first", "end"), [(480, 1_003), (0, 300), (700, 1_200), (50, 52), (9, 10)]
)
def test_a_loop_sounds_as_a_recording_that_repeats_it(first, end):
    """Noise, at every pitch: each sample between the loop's last frame and its first is right."""
    recording = np.random.default_rng(5).uniform(-0.5, 0.5, 1_200).astype(np.float32)
    unrolled = np.concatenate(
        [recording[:end], np.tile(recording[first:end], 20_000 // (end - first))]
    )
    for note in (48, 61, 67, 90):
        made = [Sampler(recording, loop=(first, end)), Sampler(unrolled)]
        for sampler in made:
            sampler.note_on(note)
        looped, plain = (Chain(sampler).render(SILENCE[:3_000], RATE) for sampler in made)
        assert np.abs(looped - plain).max() < 1e-6, note


@pytest.mark.parametrize("options", [{"loop": (5, 5)}, {"loop": (0, 101)}, {"gian_db": 1}])
def test_a_sampler_refuses_nonsense(options):
    with pytest.raises(UsageError):
        Sampler(np.ones(100), **options)
    with pytest.raises(UsageError, match="empty"):
        Sampler([])


def test_a_meter_reads_what_passes():
    tone = 0.5 * np.sin(2 * np.pi * 997 * np.arange(5 * RATE) / RATE)
    meter, tap = Meter(), TapPoint()
    out = Chain(meter, tap).render(np.stack([tone, 0.1 * tone], axis=1), RATE)
    assert np.array_equal(out[:, 0], tone.astype(np.float32))
    assert meter.peak_dbfs == pytest.approx([-6.02, -26.02], abs=0.05)
    assert meter.rms_dbfs == pytest.approx([-9.03, -29.03], abs=0.05)
    assert np.array_equal(tap.tap.read(1000), out[-1000:].T)


def test_a_meters_peak_falls_by_20_db_in_1_7_seconds():
    x = np.zeros(round(1.7 * RATE) + 1, np.float32)
    x[0] = 1.0
    meter = Meter()
    Chain(meter).render(x, RATE)
    assert meter.peak_dbfs[0] == pytest.approx(-20.0, abs=0.01)
    assert Meter().record is None
