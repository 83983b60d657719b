"""Nothing asks Python for anything: playing goes on while the interpreter is frozen or busy.

Each test has a twin that plays through a Python callback and must fail.
"""

from __future__ import annotations

import ctypes
import gc
import threading
import time

import _miniaudio
import numpy as np
import pytest

from conftest import music
from zerocross import Player
from zerocross.devices.discovery import BACKENDS

RATE, BLOCK = 48_000, 64
#: What a shared machine takes away from anyone (30 ms seen), with room; far below a freeze.
LONGEST_GAP_S = 0.4
ffi, lib = _miniaudio.ffi, _miniaudio.lib


def freeze(seconds):
    """Hold the GIL, as a C extension would that forgets to let go."""
    ctypes.PyDLL(None).usleep(int(seconds * 1e6))


def busy(seconds):
    """Let a pure-Python thread compete for the interpreter."""
    stop = threading.Event()

    def spin():
        x = 0
        while not stop.is_set():
            x = (x * 1103515245 + 12345) & 0x7FFFFFFF

    thread = threading.Thread(target=spin)
    thread.start()
    time.sleep(seconds)
    stop.set()
    thread.join()


def collect_garbage(seconds):
    """Collect again and again with a million objects alive."""
    objects = [[i] for i in range(1_000_000)]
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        gc.collect()
    del objects


def idle(seconds):
    time.sleep(seconds)


LOADS = {"frozen": freeze, "busy": busy, "gc": collect_garbage}


def play_under(load, seconds, device, path, decoded):
    """Play through our callback under a load; returns the share of callbacks that were made.

    A device may catch up after a stop, so the longest gap between two callbacks is looked at
    as well: nothing but the machine itself may have held them up.
    """
    with Player(device, block_size=BLOCK) as player:
        player._output.capture_s = seconds + 3
        player.play(path)
        time.sleep(0.4)
        stream = player._output.stream
        first = int(stream.record["callbacks"])
        before = stream._position.read()  # frames and time as one: Python may pause in between
        stream.record["longest_gap_ns"] = 0
        load(seconds)
        gap = int(stream.record["longest_gap_ns"]) / 1e9
        calls = int(stream.record["callbacks"]) - first
        after = stream._position.read()
        played = after["frames_played"] - before["frames_played"]
        elapsed = (after["time_ns"] - before["time_ns"]) / 1e9
        underruns = int(stream.record["underruns"])
        print(f"longest gap {gap * 1e3:.1f} ms")
        out = stream.captured().copy()
    assert underruns == 0
    assert calls > 0
    assert gap < LONGEST_GAP_S
    lead = int(np.argmax(np.abs(decoded).sum(axis=1) > 0))
    start = int(np.argmax(np.abs(out).sum(axis=1) > 0)) - lead
    whole = int(played) - 2 * BLOCK
    assert np.array_equal(out[start : start + whole], decoded[:whole]), "what was heard is the file"
    return played / (elapsed * RATE)


def longest_gap_in_python(load, seconds, backend):
    """Do the same with a callback in Python; returns the longest gap between two calls, in s."""
    times = []

    @ffi.callback("void(ma_device *, void *, void *, unsigned int)")
    def callback(_device, output, _source, frames):
        times.append(time.monotonic())
        ffi.memmove(output, bytes(8 * frames), 8 * frames)

    context = ffi.new("ma_context *")
    only = ffi.new("ma_backend[]", [BACKENDS[backend]])
    assert lib.ma_context_init(only, 1, ffi.NULL, context) == 0
    config = ffi.new("ma_device_config *", lib.ma_device_config_init(lib.ma_device_type_playback))
    config.sampleRate, config.periodSizeInFrames, config.periods = RATE, BLOCK, 3
    config.playback.format, config.playback.channels = lib.ma_format_f32, 2
    config.dataCallback = callback
    device = ffi.new("ma_device *")
    assert lib.ma_device_init(context, config, device) == 0
    assert lib.ma_device_start(device) == 0
    time.sleep(0.2)
    load(seconds)
    time.sleep(0.2)
    lib.ma_device_uninit(device)
    lib.ma_context_uninit(context)
    return float(np.diff(times).max())


@pytest.fixture
def song(make_file):
    def make(seconds):
        frames = int((seconds + 3) * RATE)
        return make_file("song.flac", frames, data=music(frames), subtype="PCM_24")

    return make


@pytest.mark.parametrize("load", LOADS)
def test_null_device_under_load(song, load):
    # No underrun, the file bit for bit, no gap like a freeze. How much of so short a run the
    # machine takes away is the machine's; a callback in Python makes none at all when frozen.
    assert play_under(LOADS[load], 2.5, "null", *song(2.5)) > 0.5


def test_the_twin_a_python_callback_stops_when_frozen():
    assert longest_gap_in_python(freeze, 1.5, "null") > 1.4


@pytest.mark.thorough
def test_jack_frozen(song, jack):
    """The best of three, for the machine only ever takes away; the soak has an idle control."""
    shares = [play_under(freeze, 1.5, "jack", *song(1.5)) for _ in range(3)]
    assert max(shares) > 0.5, shares


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("load", "seconds"), [("frozen", 5), ("busy", 60), ("gc", 60)])
def test_null_device_under_load_in_full(song, load, seconds):
    share = play_under(LOADS[load], seconds, "null", *song(seconds))
    print(f"null, {load} {seconds} s: {share:.4%} of the callbacks")
    assert share >= 0.99


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("load", "seconds"), [("frozen", 5), ("busy", 60), ("gc", 60)])
def test_jack_under_load_in_full(song, jack, load, seconds):
    control = play_under(idle, 5, "jack", *song(5))
    share = play_under(LOADS[load], seconds, "jack", *song(seconds))
    print(f"jack, {load} {seconds} s: {share:.4%} of the callbacks; idle control {control:.4%}")
    assert share >= 0.97 * min(1.0, control)


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("backend", ["null", "jack"])
def test_the_twin_in_full(request, backend):
    if backend == "jack":
        request.getfixturevalue("jack")
    gap = longest_gap_in_python(freeze, 5, backend)
    print(f"{backend}, Python callback, frozen 5 s: no callback for {gap:.2f} s")
    assert gap > 4.9 > LONGEST_GAP_S
