"""Sound servers and disks that fail: stopped, killed, restarted, suspended, stalled; what is told.

Control calls return within 50 ms and `close` within 2 s whatever fails; both are tested at five
times that.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import contextmanager

import numpy as np
import pytest

from conftest import start_jack, start_pulse, wait_for
from zerocross import DeviceError, Player
from zerocross.sources.opening import open_source

CALL_S, CLOSE_S = 5 * 0.05, 5 * 2.0


class Seen(Player):
    """A player that keeps what it tells."""

    seen: list = []  # noqa: RUF012  each object gets its own


@contextmanager
def seen(device):
    """Make a player that keeps what it tells."""
    with Seen(device) as made:
        made.seen = []
        made.events.subscribe(made.seen.append)
        yield made


@pytest.fixture
def player(request):
    """A player that keeps what it tells; its device is the test's parameter or the null device."""
    with seen(getattr(request, "param", "null")) as made:
        yield made


def kinds(player):
    return [event.kind for event in player.seen]


def told(player, kind):
    return [event.message for event in player.seen if event.kind == kind]


def wait_to_be_told(player, kind, words):
    wait_for(lambda: any(words in each for each in told(player, kind)), 15, words)


def longest_call_s(player):
    """Make every control call and read every property; return the longest time, and of which."""
    calls = {
        "position": lambda: player.position,
        "state": lambda: player.state,
        "pause": player.pause,
        "resume": player.resume,
        "volume": lambda: setattr(player, "volume", 0.5),
        "mute": lambda: setattr(player, "mute", False),
        "seek": lambda: player.seek(0.5),
        "queue": lambda: [track.as_report() for track in player.queue],
        "append": lambda: player.queue.append(player.queue[0].location),
        "duration": lambda: player.duration,
        "levels": lambda: player.levels,
        "realtime": lambda: player.realtime,
        "device": lambda: player.device,
        "latency_frames": lambda: player.latency_frames,
        "report": player.report,
        "next": player.next,
        "previous": player.previous,
        "next again": player.next,
        "stop": player.stop,
    }
    times = {}
    for name, call in calls.items():
        began = time.monotonic()
        call()
        times[name] = time.monotonic() - began
    return max((elapsed, name) for name, elapsed in times.items())


def close_s(player):
    began = time.monotonic()
    player.close()
    return time.monotonic() - began


class Stopped:
    """A server's process that is stopped for a while (SIGSTOP)."""

    def __init__(self, server):
        self._server = server

    def __enter__(self):
        self._server.process.send_signal(signal.SIGSTOP)
        time.sleep(0.2)

    def __exit__(self, *_):
        self._server.process.send_signal(signal.SIGCONT)


# --- a server that is stopped ---------------------------------------------------------------------


@pytest.mark.parametrize(("device", "server"), [("pulseaudio", "pulse"), ("jack", "jack")])
def test_no_call_waits_for_a_stopped_server(request, device, server, make_file):
    running = request.getfixturevalue(server)
    paths = [make_file(f"{r}.wav", frames=8 * r, sample_rate=r)[0] for r in (44_100, 48_000)]
    player = Player(device)
    player.play(*paths)
    wait_for(lambda: player.position > 0.3)
    player.next()  # what it compiles is compiled now
    wait_for(lambda: player.position > 0.3 and player.queue.index == 1)
    player.previous()
    with Stopped(running):
        assert longest_call_s(player) < (CALL_S, "")
        assert close_s(player) < CLOSE_S


def test_the_interpreter_exits_while_the_server_is_stopped(pulse, make_file):
    script = (
        "import sys, time, zerocross\n"
        "player = zerocross.Player('pulseaudio')\n"
        "player.play(sys.argv[1])\n"
        "while player.position < 0.2: time.sleep(0.01)\n"
        "print('playing', flush=True)\n"
        "sys.stdin.readline()\n"
    )
    command = [sys.executable, "-c", script, make_file(frames=480_000)[0]]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            assert process.stdout.readline() == "playing\n"
            with Stopped(pulse):
                _, errors = process.communicate("end\n", timeout=CLOSE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    assert (process.returncode, errors) == (0, "")


@pytest.mark.thorough
def test_play_says_that_a_stopped_server_does_not_answer(pulse, make_file):
    path, _ = make_file(frames=44_100, sample_rate=44_100)
    with Player("pulseaudio") as player:
        with Stopped(pulse):
            with pytest.raises(
                DeviceError, match=r"PulseAudio: .* not answered.*restart it"
            ) as said:
                player.play(path)
            assert "\n" not in str(said.value)
            assert player.state == "stopped"
        player.play(path)
        assert player.wait(20)
        assert player.queue[0].status == "played"


@pytest.mark.parametrize(("device", "server"), [("pulseaudio", "pulse"), ("jack", "jack")])
def test_a_server_that_goes_on_is_played_on(request, device, server, make_file):
    running = request.getfixturevalue(server)
    with seen(device) as player:
        _is_played_on(running, player, make_file)


def _is_played_on(running, player, make_file):
    path, _ = make_file(frames=44_100 * 6, sample_rate=44_100)
    player.play(path)
    wait_for(lambda: player.position > 0.3)
    with Stopped(running):
        wait_for(lambda: player.state == "waiting", what="the state")
        wait_to_be_told(player, "notice", "does not answer; playing waits")
        at = player.position
    wait_for(lambda: player.state == "playing", what="playing on")
    wait_for(lambda: player.position > at + 0.3)
    assert kinds(player)[-1] == "device"


# --- a server that dies ---------------------------------------------------------------------------


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("player", "server"),
    [
        ("pulseaudio", "pulse"),
        pytest.param(None, "pulse", marks=pytest.mark.thorough),
        pytest.param("jack", "jack", marks=pytest.mark.thorough),
    ],
    indirect=["player"],
)
def test_after_a_restart_playing_goes_on_where_it_was(request, player, server, make_file):
    """Every frame of the file is taken once, over both devices, and the second one fades in."""
    dying = request.getfixturevalue(server)
    path, decoded = make_file(frames=44_100 * 4, sample_rate=44_100)
    if server == "jack":
        path, decoded = make_file(frames=48_000 * 4)
    player._output.capture_s = 10.0
    player.play(path)
    wait_for(lambda: player.position > 0.5)
    dying.kill()
    wait_to_be_told(player, "notice", "is gone; playing waits at ")
    at = player.position
    time.sleep(0.3)
    assert (player.state, player.position) == ("waiting", at)
    assert longest_of(lambda: player.position, player.pause, player.resume) < CALL_S
    again = start_pulse(dying.folder) if server == "pulse" else start_jack()
    try:
        wait_for(lambda: player.state == "playing", 20, "playing on")
        assert kinds(player)[-1] == "device"
        assert player.wait(15)
    finally:
        again.stop()
    assert player.queue[0].status == "played"
    out = player._output.captures[0].captured()
    heard = out[np.abs(out).sum(axis=1) > 0]
    whole = decoded[np.abs(decoded).sum(axis=1) > 0]
    assert abs(len(heard) - len(whole)) <= 2, "nothing is lost, and nothing is played twice"
    first, last = len(whole) // 8, len(whole) // 4
    assert np.array_equal(heard[:first], whole[:first])
    assert np.array_equal(heard[-last:], whole[-last:])


def longest_of(*calls):
    times = []
    for call in calls:
        began = time.monotonic()
        call()
        times.append(time.monotonic() - began)
    return max(times)


@pytest.mark.parametrize("player", ["pulseaudio"], indirect=True)
def test_a_suspended_sink_is_told_and_goes_on(pulse, player, make_file):
    player.play(make_file(frames=44_100 * 6, sample_rate=44_100)[0])
    wait_for(lambda: player.position > 0.3)
    subprocess.run(["pactl", "suspend-sink", "zx", "1"], check=True)
    wait_for(lambda: player.state == "waiting", what="the state")
    wait_to_be_told(player, "notice", "is suspended; playing waits")
    at = player.position
    subprocess.run(["pactl", "suspend-sink", "zx", "0"], check=True)
    wait_for(lambda: player.state == "playing", what="playing on")
    wait_for(lambda: player.position > at + 0.3)
    assert kinds(player)[-1] == "device"


def test_a_move_by_the_server_is_told(player, make_file):
    player.play(make_file(frames=96_000)[0])
    player._output.stream.device.client.record.store("reroutes", 1)  # as its notification does
    wait_to_be_told(player, "notice", "has moved the sound")


# --- a disk that stalls ---------------------------------------------------------------------------


class Gate:
    """Opens files, or holds those up that ask for one: for a certain one, where there is one."""

    def __init__(self):
        self.open, self.only = threading.Event(), None
        self.open.set()

    def __call__(self, path):
        if self.only in {None, path}:
            self.open.wait()
        return open_source(path)


@pytest.fixture
def gate(monkeypatch):
    made = Gate()
    monkeypatch.setattr("zerocross.player.opener.open_source", made)
    yield made
    made.open.set()


def test_no_call_waits_for_a_file_to_be_opened(gate, make_file):
    paths = [make_file(f"{i}.wav", frames=96_000)[0] for i in range(3)]
    player = Player("null")
    player.play(*paths[:1])
    gate.open.clear()
    player.queue.append(paths[1])
    assert longest_call_s(player) < (CALL_S, "")
    assert close_s(player) < CLOSE_S


def test_a_file_that_cannot_be_opened_yet_is_buffering(gate, player, make_file):
    gate.open.clear()
    player.play(make_file(frames=48_000)[0])
    wait_for(lambda: player.state == "buffering", what="the state")
    wait_for(lambda: told(player, "buffering"), what="the event")
    gate.open.set()
    wait_for(lambda: player.state == "playing", what="playing")
    assert player.wait(10)
    assert player.queue[0].status == "played"


def sounds(player):
    """Whether something is heard at the moment."""
    return player.levels != [] and bool(player.tap.read(64).any())


@pytest.mark.parametrize("way", ["play", "next", "resume"])
def test_what_played_is_silent_while_what_is_to_come_is_late(gate, player, make_file, way):
    before, after, late = (make_file(f"{i}.wav", frames=480_000)[0] for i in range(3))
    gate.open.clear()
    gate.only = late
    player.play(before, *([after] if way == "play" else [late]))
    wait_for(lambda: sounds(player), what="sound")
    if way == "play":
        player.play(late)
    elif way == "next":
        player.next()
    else:
        player.pause()
        wait_for(lambda: not sounds(player), what="the pause")
        player.queue.remove(0)
        player.resume()
        played = player.report()["frames_played"]
    wait_for(lambda: player.state == "buffering", what="the state")
    wait_for(lambda: not sounds(player), 3.0, "silence")
    if way == "resume":
        assert player.report()["frames_played"] == played, "it was heard again"
    played = player.report()["frames_played"]
    player.pause()
    player.resume()
    time.sleep(0.2)
    assert player.report()["frames_played"] == played
    assert (player.queue.current.path, player.position) == (str(late), 0.0)
    gate.open.set()
    wait_for(lambda: sounds(player), what="sound")
    assert player.state == "playing" and "underrun" not in kinds(player)


def test_a_seek_in_a_file_that_is_late_is_where_it_begins(gate, player, make_file):
    gate.open.clear()
    player.play(make_file(frames=480_000)[0], start_s=2.0)
    assert (player.state, player.position) == ("buffering", 2.0)
    player.seek(5.0)
    assert player.position == 5.0
    gate.open.set()
    wait_for(lambda: sounds(player), what="sound")
    assert 5.0 <= player.position < 6.0


@pytest.mark.parametrize("is_gone", [False, True])
def test_a_queue_that_arrives_at_a_late_file_is_buffering(gate, player, make_file, is_gone):
    before, late = (make_file(f"{i}.wav", frames=24_000)[0] for i in range(2))
    gate.open.clear()
    gate.only = late
    player.play(before, late)
    wait_for(lambda: told(player, "buffering"), what="the event")
    wait_for(lambda: player.position == 0.5, what="the end of what was there")
    assert (player.state, player.queue.index) == ("buffering", 0)
    assert [event.path for event in player.seen if event.kind == "buffering"] == [str(late)]
    report = player.report()
    assert (report["underruns"], report["stalls"]) == (0, 1)
    if is_gone:
        late.unlink()
    gate.open.set()
    assert player.wait(10)
    assert player.queue[1].status == ("failed" if is_gone else "played")
    resumed = [event.path for event in player.seen if event.kind == "resumed"]
    assert resumed == [str(late)] and "underrun" not in kinds(player)


STALL = """
    import ctypes, sys, threading, time
    import numpy as np
    import soundfile
    import zerocross
    from zerocross.compiler import provide
    from zerocross.sources import links

    ffi, library = soundfile._ffi, soundfile._snd
    prototype = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 3)
    real = prototype(int(ffi.cast("intptr_t", ffi.addressof(library, "sf_readf_float"))))
    delivers = threading.Event()
    delivers.set()

    def read(handle, address, frames):
        delivers.wait()
        return real(handle, address, frames)

    shim = prototype(read)
    links.provide_libsndfile()
    provide("sf_readf_float", ctypes.cast(shim, ctypes.c_void_p).value)

    def until(condition, what):
        for _ in range(2000):
            if condition():
                return
            time.sleep(0.005)
        raise SystemExit("timed out waiting for " + what)

    seen = []
    player = zerocross.Player("null")
    player.events.subscribe(seen.append)
    player._output.capture_s = 12.0
"""


def run_stalled(body, *arguments, timeout=60):
    script = textwrap.dedent(STALL) + textwrap.dedent(body)
    command = [sys.executable, "-c", script, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_a_stalled_disk_is_buffering_and_resumes(make_file, tmp_path):
    """It is heard as a fade to silence and back, counted apart from underruns, with nothing lost."""
    path, decoded = make_file(frames=48_000 * 5)
    run_stalled(
        """
        player.play(sys.argv[1])
        ahead = lambda: player._output.stream.ring.readable
        until(lambda: ahead() > 24_000, "a second ahead")
        assert ahead() <= 48_000
        delivers.clear()
        until(lambda: player.state == "buffering", "the state")
        at = player.position
        time.sleep(0.2)
        assert abs(player.position - at) < 0.1
        delivers.set()
        until(lambda: player.state == "playing", "playing on")
        until(lambda: ahead() > 60_000, "reading further ahead")
        assert player.wait(20)
        kinds = [event.kind for event in seen]
        assert kinds == ["device", "track", "buffering", "resumed", "finished"], kinds
        assert "its disk has stopped delivering" in seen[2].message
        report = player.report()
        assert (report["stalls"], report["underruns"]) == (1, 0), report
        np.save(sys.argv[2], player._output.captures[0].captured())
        """,
        path,
        tmp_path / "out.npy",
    )
    out = np.load(tmp_path / "out.npy")
    heard = out[np.abs(out).sum(axis=1) > 0]
    whole = decoded[np.abs(decoded).sum(axis=1) > 0]
    assert abs(len(heard) - len(whole)) <= 500, "a held frame at most, while it fades"
    steps = np.abs(np.diff(out, axis=0)).max()
    assert steps <= 1.2 * np.abs(np.diff(decoded, axis=0)).max(), "no click"


def test_a_disk_that_stalls_for_ever_holds_nothing_up(make_file, tmp_path):
    paths = [make_file(f"{i}.wav", frames=48_000 * 5)[0] for i in range(2)]
    out = run_stalled(
        """
        player.play(sys.argv[1])
        until(lambda: player.position > 0.2, "playing")
        delivers.clear()
        until(lambda: player.state == "buffering", "the state")
        times = []
        def call(function, *arguments):
            began = time.monotonic()
            function(*arguments)
            times.append(time.monotonic() - began)
        for _ in range(40):
            call(player.seek, 1.0)
        for function in (player.pause, player.resume, player.next, player.report):
            call(function)
        call(player.play, sys.argv[2])
        call(player.stop)
        print(max(times))
        began = time.monotonic()
        player.close()
        print(time.monotonic() - began)
        """,
        *paths,
    )
    longest, closing = map(float, out.split())
    assert longest < CALL_S
    assert closing < CLOSE_S


# --- an effect that hangs -------------------------------------------------------------------------


@pytest.mark.thorough
def test_an_effect_that_hangs_is_told_by_its_name(make_file, tmp_path):
    """And not as a device that died; the player closes, and the interpreter exits."""
    script = tmp_path / "hang.py"
    script.write_text(
        textwrap.dedent(
            """
            import sys, time, zerocross

            @zerocross.processor
            class Stuck:
                hang = zerocross.param(0.0, 0.0, 1.0)

                def process(self, block):
                    x = 0.0
                    while self.hang > 0.5:
                        x += 1.0
                    for c in range(block.channels):
                        for i in range(block.frames):
                            block.output[c, i] = block.input[c, i] + x

            if __name__ == "__main__":
                stuck = Stuck()
                player = zerocross.Player("null", effects=zerocross.Chain(stuck))
                seen = []
                player.events.subscribe(seen.append)
                player.play(sys.argv[1])
                while player.position < 0.2:
                    time.sleep(0.01)
                stuck.hang = 1.0
                assert player.wait(15), player.state
                kinds = [event.kind for event in seen]
                assert kinds == ["device", "track", "fault", "stopped"], seen
                print(seen[2].message)
                began = time.monotonic()
                player.close()
                print(time.monotonic() - began)
            """
        )
    )
    command = [sys.executable, "-W", "ignore", script, make_file(frames=480_000)[0]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    message, closing = done.stdout.splitlines()
    assert message.startswith("Stuck hangs: its process does not return")
    assert os.path.basename(script) in message
    assert float(closing) < CLOSE_S


# --- what its buffers hold -------------------------------------------------------------------------


@pytest.mark.thorough
def test_the_position_does_not_go_back_after_a_pause(pulse, make_file):
    """The server plays the silence of the pause first: it went back by what its buffers hold."""
    with Player("pulseaudio") as player:
        player.play(make_file(frames=480_000)[0])
        wait_for(lambda: player.position > 0.5)
        for _ in range(3):
            player.pause()
            time.sleep(0.6)
            held = player.position
            player.resume()
            seen = [player.position for _ in range(400) if time.sleep(0.0005) is None]
            assert min(seen) > held - 0.012, "but for the ramp of the pause"
            assert seen == sorted(seen) or np.diff(seen).min() > -0.012
