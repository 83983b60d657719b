"""Live streams and callbacks for other people's audio I/O, on the null device, JACK, PulseAudio."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

import zerocross
from conftest import music, need_module, wait_for
from zerocross import Chain, DeviceNotFound, Stream, UsageError
from zerocross.compiler import attempt, entry, record_at
from zerocross.devices.portaudio import portaudio_callback
from zerocross.effects import Gain, Oscillator
from zerocross.engine.counters import LATE_CAUSES
from zerocross.engine.layouts import CALLBACK_SHORT, LOGGED, STREAM
from zerocross.engine.timing import remember

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_an_instrument_plays_what_it_renders():
    stream = Stream(Oscillator(frequency=997.0), device="null", block_size=64)
    stream._host.capture(1.0)
    with stream:
        wait_for(lambda: stream.report()["frames_played"] > 20_000, what="frames")
    out = stream._host.captured()[:20_000]  # it ends with a ramp
    wanted = Chain(Oscillator(frequency=997.0)).render(np.zeros((len(out), 2)), 48_000)
    assert len(out) == 20_000 and np.array_equal(out, wanted)


def test_a_chain_is_changed_while_it_plays():
    tone, gain = Oscillator(), Gain()
    chain = Chain(tone, gain)
    with Stream(chain, device="null", block_size=64) as stream:
        stream.replace(gain, Gain(gain_db=-120.0))
        position = chain.position
        assert position > 0, "the clock of the chain goes on"
        wait_for(lambda: max(stream.levels) < 1e-3, what="silence")
        assert chain.position > position
        with pytest.raises(UsageError, match="plays already"):
            Stream(chain, device="null")
    Stream(chain, device="null").close()


def test_notes_sound_live():
    tone = Oscillator(notes=True)
    with Stream(tone, device="null", block_size=64) as stream:
        assert max(stream.levels) == 0.0
        tone.note_on(69)
        wait_for(lambda: max(stream.levels) > 0.1, what="a note")


def test_start_and_stop_and_volume():
    stream = Stream(Oscillator(), device="null", volume=0.0)
    assert not stream.is_running
    stream.start()
    stream.start()
    wait_for(lambda: stream.report()["callbacks"] > 3, what="callbacks")
    assert stream.is_running and max(stream.levels) == 0.0
    stream.volume = 1.0
    wait_for(lambda: max(stream.levels) > 0.1, what="sound")
    stream.stop()
    calls = stream.report()["callbacks"]
    time.sleep(0.1)
    assert stream.report()["callbacks"] == calls and not stream.is_running
    stream.start()
    wait_for(lambda: stream.report()["callbacks"] > calls, what="more callbacks")
    stream.close()
    stream.close()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"output": False}, "give at least one"),
        ({"channels": 9}, "channels=9: give a whole number, 1 to 8"),
        ({"sample_rate": 1}, "8000 to 768000"),
        ({"volume": 2.0}, "from 0 to 1"),
        ({"pin": [9999]}, ""),
    ],
)
def test_bad_options_are_told(options, words):
    if words:
        with pytest.raises(UsageError, match=words):
            Stream(Gain(), device="null", **options)
        return
    with Stream(Gain(), device="null", **options) as stream:
        wait_for(lambda: len(stream.realtime) >= 3, what="grants")
        refused = [grant for grant in stream.realtime if "affinity" in grant.what]
        assert not refused[0].granted and "this process may use CPU" in refused[0].detail


def test_a_device_that_is_not_there_is_told():
    with pytest.raises(DeviceNotFound, match="no such box"):
        Stream(Gain(), input=True, device="no such box")


@pytest.mark.parametrize("channels", [1, 2, 6, 8])
def test_the_null_device_can_be_recorded_from(channels):
    with Stream(Gain(), input=True, output=False, device="null", channels=channels) as stream:
        wait_for(lambda: stream.report()["callbacks"] > 3, what="callbacks")
        assert stream.tap.read(10).shape == (channels, 10)
    assert stream.report()["faults"] == 0


def test_duplex_through_jack_is_the_instrument_times_the_gain(jack):
    """An instrument's ports into an effect's: what the effect heard is the tone, to the bit."""
    need_module("jack")
    import jack as jack_client

    client = jack_client.Client("test", no_start_server=True)
    with (
        Stream(Oscillator(frequency=441.0), device="jack", block_size=64),
        Stream(Gain(gain_db=-6.0), input=True, device="jack", block_size=64) as effect,
    ):
        names = {port.name for port in client.get_ports(is_audio=True) if "system" not in port.name}
        outs = sorted(port.name for port in client.get_ports(is_output=True) if port.name in names)
        ins = sorted(port.name for port in client.get_ports(is_input=True) if port.name in names)
        assert (len(outs), len(ins)) == (4, 2)
        owner = ins[0].split(":")[0]
        tones = [name for name in outs if not name.startswith(owner + ":")]
        for target in ins:
            for source in client.get_all_connections(target):
                client.disconnect(source, target)
        for source, target in zip(tones, ins, strict=True):
            client.connect(source, target)
        wait_for(lambda: max(effect.levels) > 0.1, what="the tone")
        time.sleep(0.3)
        heard = effect.tap.read(4_800)
    client.close()
    tone = Chain(Oscillator(frequency=441.0), Gain(gain_db=-6.0)).render(
        np.zeros((480_000, 2)), 48_000
    )
    piece = heard[:, -960:]
    starts = np.flatnonzero(tone[:-960, 0] == piece[0, 0])
    assert any(np.array_equal(tone[s : s + 960].T, piece) for s in starts)
    spectrum = np.abs(np.fft.rfft(heard[0] * np.hanning(4_800)))
    assert spectrum.argmax() == 44
    assert np.abs(heard).max() == pytest.approx(10 ** (-18 / 20), rel=1e-3)


def test_input_only_hears_pulseaudios_monitor(pulse):
    with (
        Stream(Oscillator(frequency=882.0), device="pulseaudio", sample_rate=44_100),
        Stream(Gain(), input="Monitor of Null Output", output=False, sample_rate=44_100) as ear,
    ):
        wait_for(lambda: max(ear.levels) > 0.2, what="the monitor")
        time.sleep(0.3)
        heard = ear.tap.read(4_410)[0]
    assert np.abs(np.fft.rfft(heard * np.hanning(4_410))).argmax() == 88


# --- other people's callbacks -------------------------------------------------------------------


def test_a_portaudio_callback_is_the_chain():
    signal = music(10_000, 2)
    with zerocross.callback(Chain(Gain(gain_db=-6.0))) as made:
        out, done = np.zeros_like(signal), 0
        for frames in (64, 1, 777, 4096, 5_062):
            at = 8 * done
            result = portaudio_callback(
                signal.ctypes.data + at, out.ctypes.data + at, frames, 0, 0, made.user_data
            )
            assert result == 0
            done += frames
        assert made.report()["callbacks"] == 5
    assert np.array_equal(out, Chain(Gain(gain_db=-6.0)).render(signal, 48_000))


def test_callbacks_refuse_nonsense():
    with pytest.raises(UsageError, match="'portaudio' or 'jack'"):
        zerocross.callback(Chain(), api="alsa")
    with pytest.raises(UsageError, match="1 to 8"):
        zerocross.callback(Chain(), channels=0)


@pytest.mark.parametrize(
    ("name", "module"), [("sounddevice_expert", "sounddevice"), ("jack_client", "jack")]
)
def test_the_examples_play_under_other_peoples_io(jack, name, module):
    need_module(module)
    done = subprocess.run(
        [sys.executable, EXAMPLES / f"{name}.py", "1"],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    callbacks = int(done.stdout.split()[0])
    assert callbacks > 300


def test_sounddevices_expert_mode_plays_on_while_the_interpreter_is_frozen(jack):
    need_module("sounddevice")
    program = """
    import ctypes, time, sounddevice, zerocross
    from zerocross.effects import Oscillator
    made = zerocross.callback(Oscillator(), 48_000, 2)
    cast = sounddevice._ffi.cast
    stream = sounddevice._StreamBase(
        kind="output", samplerate=48_000, blocksize=64, channels=2, dtype="float32",
        callback=cast("PaStreamCallback *", made.address),
        userdata=cast("void *", made.user_data), wrap_callback=None)
    with stream:
        time.sleep(0.3)
        before = made.report()["frames_played"]
        ctypes.PyDLL(None).usleep(1_000_000)
        after = made._host.record["frames_played"]
    print(int(after) - before)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 24_000, "of 48000 in a second; a callback in Python makes none"


# --- the recorder -------------------------------------------------------------------------------


@entry("int64", "int64", "int64", "int64", "int64", "int64")
def _remember(stream, started, elapsed, worked, frames, flags):
    attempt(remember, record_at(stream, STREAM), started, elapsed, worked, frames, 7, flags)


def test_the_recorder_says_what_it_was_told():
    stream = Stream(Gain(), device="null")
    record = stream._host.record
    period = 64 * 1e9 / 48_000
    at = 1_000_000_000
    for k in range(300):
        late = k == 290
        gap = 3 * period if k == 280 else period
        at += round(gap)
        elapsed = round(2 * period) if late else 1000
        _remember(record.address, at, elapsed, elapsed, 64, CALLBACK_SHORT if k == 295 else 0)
    report = stream.report()
    assert (report["callbacks"], report["late_callbacks"]) == (300, 1)
    recent = report["recent_callbacks"]
    assert len(recent) == LOGGED
    by_notes = {k - LOGGED + 300: row["notes"] for k, row in enumerate(recent) if row["notes"]}
    assert by_notes[280] == ["woken late"]
    assert by_notes[290][0].startswith("late: ") and by_notes[290][0][6:] in LATE_CAUSES
    assert by_notes[295] == ["the ring ran short"]
    assert set(by_notes) == {280, 290, 295}
    assert sum(report["late_causes"].values()) == 2 and report["late_causes"]["woken late"] == 1
    assert report["share_of_deadline"]["max"] == pytest.approx(2.0, rel=1e-6)
    assert report["arrival_jitter_ns"]["longest_gap"] == pytest.approx(3 * period, abs=2)
    assert report["arrival_jitter_ns"]["p50"] <= 2


def test_a_preempted_callback_is_told_from_one_with_too_much_to_do():
    stream = Stream(Gain(), device="null")
    record = stream._host.record
    _remember(record.address, 1_000_000_000, 1000, 1000, 64, 0)
    record["preemptions"] -= 1  # as if the system had counted one since
    _remember(record.address, 1_001_333_333, 2_000_000, 2_000_000, 64, 0)
    assert stream.report()["recent_callbacks"][-1]["notes"] == ["late: preempted"]
    record["page_faults"] -= 1
    _remember(record.address, 1_002_666_666, 2_000_000, 2_000_000, 64, 0)
    assert stream.report()["recent_callbacks"][-1]["notes"] == ["late: page fault"]
    causes = stream.report()["late_causes"]
    assert (causes["preempted"], causes["page fault"]) == (1, 1)
    for worked, words in ((1_000, "held up"), (1_900_000, "own work")):
        for _ in range(1000):  # until nothing of the system's comes in between
            quiet = {name: int(record[name]) for name in ("preemptions", "page_faults")}
            _remember(record.address, 1_004_000_000, 2_000_000, worked, 64, 0)
            if {name: int(record[name]) for name in quiet} == quiet:
                break
        else:
            pytest.fail("the machine came in between a thousand times")
        assert f"late: {words}" in stream.report()["recent_callbacks"][-1]["notes"]
