"""How things end: dropped, in whatever way, while they play; closed twice; left at exit; forked."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import textwrap
import threading
import time
import weakref
from pathlib import Path

import numpy as np
import pytest

import zerocross
from conftest import wait_for
from zerocross import Chain, Stream, UsageError
from zerocross.compiler import entry, load_acquire, record_at, sleep_us, store_release
from zerocross.devices import jack
from zerocross.devices.client import CLIENT, Client, enter_client, leave_client
from zerocross.devices.portaudio import portaudio_callback
from zerocross.effects import Gain, Oscillator
from zerocross.memory import Record, layout

pytestmark = pytest.mark.thorough

HERE = Path(__file__).parent
WAYS = ["dropped", "reassigned", "in_a_thread", "in_a_circle", "closed", "at_exit", "in_a_fork"]
# More than a tone of 440 Hz at -12 dB moves from one frame to the next, much less than a click.
STEP = 0.02


def python(program, *arguments, **options):
    """Run a program in a process of its own; returns what it prints. Any complaint is a failure."""
    program = f"import sys\nsys.path.insert(0, {str(HERE)!r})\n" + textwrap.dedent(program)
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        **options,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def lifecycle(kind, ways, times, path, *poison):
    """Run `lifecycle.py`; returns what it measured, for each way."""
    command = [sys.executable, HERE / "lifecycle.py", kind, ",".join(ways), str(times), path]
    done = subprocess.run([*command, *poison], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["way"] for each in found] == ways
    assert all(each["threads_after"] <= each["threads_before"] for each in found), found
    return found


# --- every way to go ------------------------------------------------------------------------------


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", ["player", "stream", "callback"])
def test_nothing_that_is_let_go_of_is_used_again(make_file, kind):
    """Freed memory is forbidden: whoever looked at it would end the process."""
    path, _ = make_file(frames=480_000)
    lifecycle(kind, WAYS[:5], 20, path, "poison")
    lifecycle(kind, WAYS[5:], 3, path, "poison")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", ["paused_player", "starting_player", "pipeline", "spectrum"])
def test_others_go_when_they_are_dropped(make_file, kind):
    lifecycle(kind, ["in_a_circle"], 12, make_file(frames=480_000)[0], "poison")


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["player", "stream", "callback"])
def test_a_thousand_times_leave_nothing(make_file, kind, way):
    (found,) = lifecycle(kind, [way], 1000, make_file(frames=480_000)[0])
    print(kind, found)
    assert found["mb_after"] < found["mb_before"] + 50


# --- what is heard at the end -----------------------------------------------------------------------


def assert_ends_in_silence(samples):
    assert np.abs(samples).max() > 0.1, "it was heard"
    assert not samples[-16:].any(), "and is silent at the end"
    assert np.abs(np.diff(samples, axis=0)).max() < STEP, "without a click"


@pytest.mark.parametrize("way", ["dropped", "closed", "stopped"])
def test_a_stream_ends_with_the_ramp(way):
    stream = Stream(Oscillator(), device="null", block_size=64)
    host = stream._host
    host.capture(5.0)
    stream.start()
    wait_for(lambda: int(host.record["captured"]) > 10_000, what="frames")
    if way == "dropped":
        del stream
    elif way == "closed":
        stream.close()
    else:
        stream.stop()
    wait_for(lambda: host.device is None, what="the device's end")
    assert_ends_in_silence(host.captured())


def test_a_stream_that_was_stopped_is_heard_again():
    with Stream(Oscillator(), device="null", block_size=64) as stream:
        wait_for(lambda: max(stream.levels) > 0.1, what="the tone")
        stream.stop()
        stream.start()
        stream.restart_counters()
        end = stream.tap.written + 10_000
        wait_for(lambda: stream.tap.written > end, what="frames")
        assert np.abs(stream.tap.read(4_800)).max() > 0.1


def test_a_dropped_player_ends_with_the_ramp(make_file):
    player = zerocross.Player("null", block_size=64)
    player._output.capture_s = 5.0
    tone = 0.25 * np.sin(2 * np.pi * 440 * np.arange(480_000) / 48_000)
    player.play(make_file(data=np.stack([tone, tone], axis=1).astype(np.float32))[0])
    captures = player._output.captures
    wait_for(lambda: int(captures[0].record["captured"]) > 10_000, what="frames")
    del player
    wait_for(lambda: captures[0].closed and captures[0]._thread is None, what="the end")
    assert_ends_in_silence(captures[0].captured())


def test_at_exit_what_plays_ends_with_the_ramp(make_file):
    program = """
    import atexit
    import numpy as np
    held = []

    @atexit.register  # runs after what zerocross registers
    def check():
        for host in held:
            out = host.captured()
            steps = np.abs(np.diff(out, axis=0)).max()
            print(len(out) > 5_000, abs(out).max() > 0.1, out[-16:].any(), steps < 0.02)

    import time, zerocross
    from zerocross.effects import Oscillator
    streams = [zerocross.Stream(Oscillator(), device="null", block_size=64) for _ in range(5)]
    for stream in streams:
        stream._host.capture(5.0)
        held.append(stream._host)
        stream.start()
    time.sleep(0.3)
    """
    assert python(program) == "True True False True\n" * 5


def test_a_daemon_that_writes_or_reads_at_exit_ends_without_a_word():
    program = """
    import threading, time
    import numpy as np
    import zerocross

    speech = np.zeros(240_000, np.float32)
    stream = zerocross.Stream(device="null").__enter__()
    player = zerocross.Player(device="null")
    for voice in (stream, player.feed(24_000)):
        threading.Thread(target=voice.write, args=(speech, 24_000), daemon=True).start()

    def listen():
        while True:
            heard.read(160)

    heard = zerocross.Stream(device="null", input=True, sample_rate=16_000, channels=1).__enter__()
    threading.Thread(target=listen, daemon=True).start()
    time.sleep(0.3)
    print("over")
    """
    assert python(program) == "over\n"


# --- other people's audio I/O -----------------------------------------------------------------------


class Host:
    """Calls a C function block by block on a thread of its own, and keeps what it gives."""

    def __init__(self, user_data):
        self.user_data, self.blocks, self.stop = user_data, [], False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.stop:
            out = np.ones((64, 2), np.float32)
            portaudio_callback(0, out.ctypes.data, 64, 0, 0, self.user_data)
            self.blocks.append(out)
            time.sleep(0.0002)

    def wait_for_silence(self):
        wait_for(lambda: not self.blocks[-1].any(), what="silence")
        self.stop = True
        self.thread.join()
        return np.concatenate(self.blocks)


@pytest.mark.parametrize("way", ["dropped", "closed"])
def test_a_callback_that_is_let_go_of_gives_silence_for_ever(way):
    made = zerocross.callback(Chain(Oscillator()))
    user_data, memory = made.user_data, weakref.ref(made._host)
    host = Host(user_data)
    wait_for(lambda: len(host.blocks) > 100, what="blocks")
    if way == "closed":
        made.close()
        made.close()
    del made
    assert_ends_in_silence(host.wait_for_silence())
    wait_for(lambda: memory() is None, what="the chain's memory to be freed")
    gc.collect()
    signal, out = np.ones((64, 2), np.float32), np.ones((64, 2), np.float32)
    for _ in range(100):
        assert portaudio_callback(signal.ctypes.data, out.ctypes.data, 64, 0, 0, user_data) == 0
    assert not out.any()


@entry("int64", "int64")
def _buffer_of(port: int, _frames: int) -> int:
    """Take the place of ``jack_port_get_buffer``: the port is its buffer's address."""
    return port


def test_a_closed_jack_callback_writes_silence_to_its_ports(monkeypatch):
    monkeypatch.setattr(jack, "_get_buffer_address", lambda: _buffer_of.address)
    made = zerocross.callback(Chain(Oscillator()), api="jack")
    ports = np.ones((4, 64), np.float32)
    at = [int(port.ctypes.data) for port in ports]
    made.set_ports(at[:2], at[2:])
    for _ in range(3):
        jack.jack_callback(64, made.user_data)
    assert np.abs(ports[2:]).max() > 0.1
    user_data = made.user_data
    made.close()
    with pytest.raises(UsageError, match="closed; make a new one"):
        made.set_ports(at[:2], at[2:])
    del made
    gc.collect()
    ports[:] = 1.0
    jack.jack_callback(64, user_data)
    assert not ports[2:].any()
    assert (ports[:2] == 1.0).all()


def test_the_chain_of_a_callback_changes_with_a_fade():
    gain = Gain()
    made = zerocross.callback(Chain(Oscillator(), gain))
    host = Host(made.user_data)
    wait_for(lambda: len(host.blocks) > 50, what="blocks")
    made.replace(gain, Gain(gain_db=-100.0))
    made.close()
    assert_ends_in_silence(host.wait_for_silence())


# --- who is inside ----------------------------------------------------------------------------------

LINGER = layout(control=["go"], audio=["inside"])


@entry("int64", "int64")
def _linger(address: int, _exchange: int) -> None:
    """Be a callback that stays until it is told to go."""
    record = record_at(address, LINGER)
    store_release(record, "inside", 1)
    while load_acquire(record, "go") == 0:
        sleep_us(1000)


class Witness:
    """Memory that a callback uses."""


def test_a_client_holds_its_memory_until_the_last_callback_has_left():
    record, out = Record(LINGER), np.ones((64, 2), np.float32)
    client, witness = Client(_linger.address, record.address, 2), Witness()
    client.hold(witness)
    gone, user_data = weakref.ref(witness), client.record.address
    del witness
    call = (0, out.ctypes.data, 64, 0, 0, user_data)
    thread = threading.Thread(target=portaudio_callback, args=call)
    thread.start()
    wait_for(lambda: record.load("inside"), what="the callback")
    assert not client.close(0.05)
    assert not client.is_over
    keeper = client.record
    del client
    gc.collect()
    assert gone() is not None, "somebody is inside"
    portaudio_callback(*call)
    assert not out.any(), "who comes now finds the gate closed"
    record.store("go", 1)
    thread.join()
    assert Client(0, 0, 1).close(), "and this one sees that the other is over"
    gc.collect()
    assert gone() is None
    del keeper


@entry("int64")
def _enter(address: int) -> None:
    enter_client(record_at(address, CLIENT))


@entry("int64")
def _leave(address: int) -> None:
    leave_client(record_at(address, CLIENT))


def test_a_program_is_freed_only_after_the_callback_that_runs_it():
    """There is no device here to ask: others call."""
    gain = Gain()
    chain = Chain(gain)
    made = zerocross.callback(chain)
    program = weakref.ref(made._host._program)
    _enter(made.user_data)
    change = threading.Thread(target=made.replace, args=(gain, Gain(gain_db=-6.0)))
    change.start()
    time.sleep(0.1)
    gc.collect()
    assert change.is_alive()
    assert program() is not None
    _leave(made.user_data)
    change.join()
    gc.collect()
    assert program() is None
    assert chain.parts != [gain]
    made.close()


def test_a_program_that_somebody_never_leaves_is_kept():
    gain = Gain()
    made = zerocross.callback(Chain(gain))
    program = weakref.ref(made._host._program)
    _enter(made.user_data)
    made.replace(gain, Gain())
    gc.collect()
    assert program() is not None
    _leave(made.user_data)
    made.close()
    gc.collect()
    assert program() is None


# --- once, and in order -----------------------------------------------------------------------------


def test_a_second_close_leaves_the_chains_next_stream_alone():
    chain = Chain(Gain())
    first = Stream(chain, device="null")
    first.close()
    callback = zerocross.callback(chain)
    first.close()
    with pytest.raises(UsageError, match="plays already"):
        Stream(chain, device="null")
    callback.close()
    with Stream(chain, device="null"):
        callback.close()
        with pytest.raises(UsageError, match="plays already"):
            zerocross.callback(chain)


def test_a_closed_stream_does_not_start():
    chain = Chain(Gain())
    stream = Stream(chain, device="null")
    stream.start()
    stream.close()
    with pytest.raises(UsageError, match="the stream is closed; make a new one"):
        stream.start()
    with pytest.raises(UsageError, match="the stream is closed; make a new one"):
        stream.replace(chain.parts[0], Gain())
    stream.stop()
    assert not stream.is_running
    assert stream.report()["faults"] == 0, "what was counted can still be read"


def test_a_chain_goes_from_a_dropped_stream_to_the_next_at_once():
    chain = Chain(Oscillator())
    for _ in range(3):
        stream = Stream(chain, device="null", block_size=64)
        stream.start()
        del stream
    player = zerocross.Player("null", effects=chain)
    del player
    with Stream(chain, device="null", block_size=64) as stream:
        wait_for(lambda: max(stream.levels) > 0.1, what="the tone")


def test_a_start_that_failed_lets_go_of_the_chain_and_may_be_tried_again(monkeypatch):
    from zerocross.devices.miniaudio import Device
    from zerocross.errors import DeviceError

    chain = Chain(Gain())
    real = Device.start
    monkeypatch.setattr(Device, "start", lambda _: (_ for _ in ()).throw(DeviceError("refused")))
    try:
        with Stream(chain, device="null"):
            pass
    except DeviceError:
        stream = Stream(chain, device="null")  # while the traceback holds the other one
    with pytest.raises(DeviceError, match="refused"):
        stream.start()
    monkeypatch.setattr(Device, "start", real)
    with stream:
        wait_for(lambda: stream.report()["callbacks"] > 2, what="callbacks")


def test_no_thread_stays_to_watch_a_stream():
    streams = [Stream(Gain(), device="null", block_size=64) for _ in range(3)]
    for stream in streams:
        stream.start()
    wait_for(lambda: all(stream.report()["callbacks"] > 0 for stream in streams))
    names = lambda: [t.name for t in threading.enumerate()]  # noqa: E731
    wait_for(lambda: "zerocross-watch" not in names(), what="the watchers' end")
    for stream in streams:
        assert [grant for grant in stream.realtime if "priority" in grant.what]
        stream.close()


def test_two_threads_may_close_and_a_listener_too(make_file):
    path, _ = make_file(frames=480_000)
    for _ in range(5):
        player = zerocross.Player("null", block_size=64)
        player.events.subscribe(
            lambda event, p=player: p.close() if event.kind == "track" else None
        )
        player.play(path)
        stream = Stream(Oscillator(), device="null", block_size=64)
        stream.start()
        made = zerocross.callback(Oscillator())
        closers = [
            threading.Thread(target=each.close) for each in (player, stream, made) for _ in range(2)
        ]
        for closer in closers:
            closer.start()
        for closer in closers:
            closer.join(10)
        assert not any(closer.is_alive() for closer in closers)
        assert player.state == "stopped"
        assert not stream.is_running
        with player, made:
            pass  # closed once more at the end
        with pytest.raises(UsageError, match="closed"), stream:
            pytest.fail("it began again")


def test_dropping_never_waits(make_file):
    """The collector may drop it on a thread that holds, or waits for, anything."""
    player = zerocross.Player("null", block_size=64)
    player.play(make_file(frames=480_000)[0])
    stream = Stream(Oscillator(), device="null", block_size=64)
    stream.start()
    lock, free, locked = player._lock, threading.Event(), threading.Event()
    host = stream._host

    def hold():
        with lock, host.lock:
            locked.set()
            free.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    locked.wait()
    started = time.monotonic()
    del player, stream
    took = time.monotonic() - started
    free.set()
    holder.join()
    assert took < 1.0
    wait_for(lambda: host.closed, what="the end")


def test_a_listener_does_not_keep_its_player(make_file):
    """It plays on for 10 s if it is kept."""
    player = zerocross.Player("null", block_size=64)
    output = player._output
    player.events.subscribe(lambda _event, held=player: held.position)
    player.play(make_file(frames=480_000)[0])
    gone = weakref.ref(player)
    wait_for(lambda: output.stream and output.stream.frames_played > 1000, what="frames")
    del player
    gc.collect()
    assert gone() is None
    wait_for(lambda: output.stream is None, timeout_s=5.0, what="the end")


def test_who_waits_for_events_of_a_dropped_player_is_told_the_end(make_file):
    player, seen = zerocross.Player("null", block_size=64), []
    events = iter(player.events)
    reader = threading.Thread(target=lambda: seen.extend(event.kind for event in events))
    reader.start()
    player.play(make_file(frames=480_000)[0])
    wait_for(lambda: "track" in seen, what="audio")
    del player
    reader.join(10)
    assert not reader.is_alive()
    assert seen[-2:] == ["stopped", "closed"]


# --- views ------------------------------------------------------------------------------------------


def test_views_outlive_what_they_were_taken_from():
    """Freed memory is forbidden here: reading it would end the process."""
    program = """
    import gc, time
    import numpy as np
    from poison import forbid_freed_memory
    forbid_freed_memory()
    import poison, zerocross
    from zerocross.effects import Meter, Oscillator, TapPoint
    from zerocross.spectrum.analyser import Analyser
    from zerocross.spectrum.display import Display
    from zerocross.spectrum.spectrum import Spectrum

    def views():
        meter, point = Meter(), TapPoint(1 << 12)
        chain = zerocross.Chain(Oscillator(), meter, point)
        stream = zerocross.Stream(chain, device="null", block_size=64)
        stream.start()
        while stream.tap.written < 8192:
            time.sleep(0.01)
        spectrum, analyser = Spectrum(stream.tap), Analyser(stream.tap)
        pipeline = zerocross.Pipeline()
        made = [
            meter.peak, stream.levels, stream.tap.window(1024).rows[0], point.tap.window(100).rows[1],
            spectrum.update(), spectrum.peaks, spectrum.now, Display(spectrum).update(),
            analyser.float_frequency_data(), stream.histograms()[0],
            pipeline.process(np.ones((512, 2), np.float32)),
        ]
        return made, stream.tap, point.tap, spectrum, meter, chain

    made, tap, point_tap, spectrum, meter, chain = views()
    for _ in range(5):
        gc.collect()
        time.sleep(0.05)
    assert poison.poisoned > 10, poison.poisoned
    heard = float(np.abs(tap.read(48_000)).max())
    assert [np.isfinite(np.asarray(view)).size > 0 for view in made]
    spectrum.update()
    point_tap.read(100)
    assert max(meter.peak_dbfs) < 0 and not chain.plays
    print(heard > 0.1)
    """
    assert python(program) == "True\n"


# --- processes --------------------------------------------------------------------------------------


def test_an_interpreter_ends_cleanly_with_everything_playing(make_file):
    program = """
    import sys, threading, time, zerocross
    from lifecycle import ForeignHost, HOST
    from zerocross.effects import Gain, Oscillator
    players = [zerocross.Player("null", effects=zerocross.Chain(Gain())) for _ in range(5)]
    for player in players:
        player.play(sys.argv[1])
    streams = [zerocross.Stream(Oscillator(), device="null", block_size=64) for _ in range(10)]
    for stream in streams:
        stream.start()
    host = ForeignHost()  # a thread that calls until the process is gone
    callbacks = [zerocross.callback(Oscillator()) for _ in range(5)]
    host.registered += [(HOST(made.address), made.user_data) for made in callbacks]
    circle = [streams[3], players[2]]
    circle.append(circle)
    del streams[3], players[2], circle, callbacks[0]
    time.sleep(0.2)
    print("leaving", flush=True)
    sys.exit(0)
    """
    assert python(program, make_file(frames=480_000)[0]) == "leaving\n"


def test_nothing_is_made_while_the_interpreter_ends():
    program = """
    import atexit
    @atexit.register
    def late():
        try:
            zerocross.Stream(Gain(), device="null")
        except zerocross.UsageError as error:
            print(error)
    import zerocross
    from zerocross.effects import Gain
    zerocross.Stream(Gain(), device="null").close()
    """
    assert python(program) == "the interpreter is ending; nothing can be played any more\n"


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_multiprocessing_is_clean(tmp_path, method):
    script = tmp_path / "many.py"
    script.write_text(
        textwrap.dedent(
            """
            import multiprocessing, sys, time
            import zerocross
            from zerocross.effects import Gain

            def play(number):
                with zerocross.Stream(Gain(), device="null", block_size=64) as stream:
                    while stream.report()["callbacks"] < 3:
                        time.sleep(0.01)
                dropped = zerocross.Stream(Gain(), device="null", block_size=64)
                dropped.start()
                return number

            if __name__ == "__main__":
                stream = zerocross.Stream(Gain(), device="null", block_size=64)
                stream.start()
                with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
                    print(pool.map(play, range(4)))
                before = stream.report()["callbacks"]
                time.sleep(0.1)
                print(stream.report()["callbacks"] > before)
            """
        )
    )
    command = [sys.executable, script, method]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "[0, 1, 2, 3]\nTrue\n"


def test_a_fork_waits_for_a_thread_that_compiles():
    """The child would wait for ever for a lock whose holder it does not have."""
    program = """
    import os, signal, sys, threading, time
    import zerocross.compiler
    from zerocross.compiler import entry
    compiles = threading.Event()

    def hold():
        with sys.modules["zerocross.compiler.entry"]._lock:
            compiles.set()
            time.sleep(0.3)

    @entry("int64")
    def same(number):
        return number

    threading.Thread(target=hold).start()
    compiles.wait()
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        os._exit(same(3))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), same(4))
    """
    assert python(program) == "3 4\n"


def test_a_child_does_not_touch_what_the_parent_plays():
    program = """
    import gc, os, sys, time, zerocross
    from zerocross.effects import Gain, Oscillator
    chain = zerocross.Chain(Oscillator())
    stream = zerocross.Stream(chain, device="null", block_size=64)
    stream.start()
    made = zerocross.callback(Gain())
    gone = zerocross.Stream(Gain(), device="null", block_size=64)
    gone.start()
    time.sleep(0.1)
    del gone  # its thread closes it while we fork
    child = os.fork()
    if child == 0:
        for use in (stream.start, lambda: stream.replace(None, None), lambda: made.set_ports([], [])):
            try:
                use()
            except zerocross.UsageError as error:
                print(error, flush=True)
        stream.stop(), stream.close(), made.close()
        print(stream.is_running, stream.report()["underruns"], flush=True)
        with zerocross.Stream(chain, device="null", block_size=64) as own:  # the chain is free here
            while own.report()["callbacks"] < 3:
                time.sleep(0.01)
        sys.exit(7)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 7
    before = stream.report()["callbacks"]
    time.sleep(0.1)
    print(stream.report()["callbacks"] > before, stream.report()["underruns"])
    """
    words = "the stream is closed; make a new one\n"
    assert python(program) == words * 3 + "False 0\nTrue 0\n"


# --- at the door ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"pin": 5},
        {"pin": []},
        {"pin": [-1]},
        {"pin": [0.5]},
        {"pin": "0"},
        {"pin": [True]},
        {"block_size": -1},
        {"block_size": 0},
        {"block_size": 15},
        {"block_size": 1 << 40},
        {"block_size": 64.5},
        {"block_size": "64"},
        {"channels": 0},
        {"channels": 9},
        {"channels": 2.5},
        {"channels": "2"},
        {"channels": True},
        {"channels": None},
        {"sample_rate": 48_000.5},
        {"sample_rate": float("nan")},
        {"sample_rate": "48000"},
        {"sample_rate": 7_999},
        {"sample_rate": 1 << 70},
        {"volume": "loud"},
        {"volume": None},
        {"volume": float("nan")},
        {"volume": 1.1},
        {"device": 3},
        {"device": b"null"},
        {"input": 1},
        {"input": None},
        {"output": 2.5},
        {"output": ""},
    ],
    ids=repr,
)
def test_bad_options_are_refused_in_one_line(options):
    chain = Chain(Gain())
    with pytest.raises(UsageError) as told:
        Stream(chain, **{"device": "null", **options})
    (name,) = options
    assert "\n" not in str(told.value)
    assert name in str(told.value)
    assert "give" in str(told.value)
    assert not chain.plays
    if name in {"channels", "sample_rate"}:
        with pytest.raises(UsageError, match=name):
            zerocross.callback(chain, **options)


def test_whole_numbers_of_numpy_are_welcome():
    stream = Stream(
        Gain(), device="null", block_size=np.int64(64), channels=np.int8(2), pin=np.array([0])
    )
    assert stream.channels == 2
    stream.close()
