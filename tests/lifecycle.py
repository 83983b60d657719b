"""Makes things that play and lets them go, a number of times, in one of several ways.

Run as ``python lifecycle.py KIND WAY,WAY... TIMES FILE [poison]``. With ``poison``, memory that was let go
of is forbidden, so that whoever still looks at it ends the process (`poison`). Prints, as
a line of JSON for each way, the threads and the resident memory before and after, and the seconds.
"""

import ctypes
import gc
import json
import os
import signal
import sys
import threading
import time
import traceback

import numpy as np

import zerocross
from zerocross.effects import Gain, Oscillator
from zerocross.spectrum.spectrum import Spectrum

HOST = ctypes.CFUNCTYPE(
    ctypes.c_int, *[ctypes.c_void_p] * 2, ctypes.c_ulong, *[ctypes.c_void_p] * 3
)


class ForeignHost:
    """Calls the C functions that it was given, for as long as the process lives, as PortAudio may."""

    def __init__(self):
        self.registered = []
        threading.Thread(target=self._run, daemon=True, name="host").start()

    def _run(self):
        out = np.ones((64, 2), np.float32)
        while True:
            for function, user_data in self.registered[-8:]:
                function(None, out.ctypes.data, 64, None, None, user_data)
            time.sleep(0.0005)


class Held:
    """What a user may build around it, with a reference back."""


def make_player(path):
    player = zerocross.Player("null", block_size=64, effects=zerocross.Chain(Gain()))
    player.play(path)
    return player


def make_unplayed_player(_path):
    return zerocross.Player("null")


def make_paused_player(path):
    player = make_player(path)
    player.pause()
    player.seek(1.0)
    return player


def make_starting_player(path):
    """Let go of from a listener, while it opens: on the thread that plays it."""
    player = zerocross.Player("null", block_size=64)
    held = [player]
    player.events.subscribe(lambda event: held.clear() if event.kind == "device" else None)
    threading.Thread(target=held[0].play, args=(path,)).start()
    time.sleep(0.01)
    return Held()


def make_stream(_path):
    stream = zerocross.Stream(zerocross.Chain(Oscillator(), Gain()), device="null", block_size=64)
    stream.start()
    return stream


def make_callback(_path):
    made = zerocross.callback(zerocross.Chain(Oscillator(), Gain()))
    host.registered.append((HOST(made.address), made.user_data))
    return made


def make_pipeline(_path):
    pipeline = zerocross.Pipeline()
    levels = pipeline.process(np.ones((512, 2), np.float32))
    pipeline.levels = levels  # a view, held in a circle
    return pipeline


def make_spectrum(_path):
    stream = make_stream(_path)
    spectrum = Spectrum(stream.tap)
    spectrum.update()
    return spectrum  # of a stream that is gone


KINDS = {
    name.removeprefix("make_"): made
    for name, made in list(globals().items())
    if name.startswith("make_")
}


# --- ways to go -----------------------------------------------------------------------------------


def dropped(make, times, path):
    for _ in range(times):
        make(path)


def reassigned(make, times, path):
    for _ in range(times):
        held = make(path)  # the one before goes when this one is there
    del held


def in_a_thread(make, times, path):
    for _ in range(times):
        thread = threading.Thread(target=lambda: KEPT.append(make(path)) or KEPT.clear())
        thread.start()
        thread.join()


def in_a_circle(make, times, path):
    for k in range(times):
        circle = Held()
        circle.made, circle.me = make(path), circle
        if isinstance(circle.made, zerocross.Player):
            circle.made.events.subscribe(lambda _event, circle=circle: circle.made.position)
        del circle
        if k % 10 == 9:
            gc.collect()
    gc.collect()


def closed(make, times, path):
    for _ in range(times):
        made = make(path)
        closers = [threading.Thread(target=getattr(made, "close", gc.collect)) for _ in range(2)]
        for closer in closers:
            closer.start()
        for closer in closers:
            closer.join()


def at_exit(make, times, path):
    """Interpreters that end while it plays: forked ones, so that each starts at once."""
    for _ in range(times):
        in_a_child(lambda: KEPT.append(make(path)))


def in_a_fork(make, times, path):
    """Children of a process in which it plays: they drop it, and make one of their own."""
    made = make(path)
    KEPT.append(made)
    before = played(made)

    def child():
        for use in ("play", "seek", "start", "replace"):
            if hasattr(made, use):
                try:
                    getattr(made, use)(*ARGUMENTS.get(use, ()))
                except zerocross.UsageError as error:
                    if "make a new one" not in str(error):
                        raise
                else:
                    raise AssertionError(f"{use} works in a child")
        KEPT.clear()
        gc.collect()
        own = make(path)
        if hasattr(own, "close"):
            own.close()

    for _ in range(times):
        in_a_child(child)
    time.sleep(0.1)
    assert played(made) > before or not isinstance(made, (zerocross.Player, zerocross.Stream))
    KEPT.clear()


def played(made):
    return made.report()["callbacks"] if hasattr(made, "report") else 0


def in_a_child(work):
    number = os.fork()
    if number == 0:
        signal.alarm(30)
        try:
            work()
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)
        sys.exit(0)  # through the whole end of the interpreter
    _, status = os.waitpid(number, 0)
    assert os.waitstatus_to_exitcode(status) == 0, os.waitstatus_to_exitcode(status)


WAYS = {
    w.__name__: w
    for w in (dropped, reassigned, in_a_thread, in_a_circle, closed, at_exit, in_a_fork)
}
KEPT = []
ARGUMENTS = {"seek": (1.0,), "replace": (None, None)}


# --- what is left -----------------------------------------------------------------------------------


def threads():
    return len(os.listdir("/proc/self/task"))


def resident_mb():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096 / 1e6


def settled():
    """Return threads and memory, once what was let go of has ended."""
    gc.collect()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and threading.active_count() > host_threads:
        time.sleep(0.01)
    time.sleep(0.05)
    return threads(), resident_mb()


if __name__ == "__main__":
    kind, ways, times, path = sys.argv[1:5]
    if "poison" in sys.argv[5:]:
        from poison import forbid_freed_memory

        forbid_freed_memory()
    host = ForeignHost() if kind == "callback" else None
    host_threads = threading.active_count()
    for _ in range(2):  # what is made once, such as compiled code
        dropped(KINDS[kind], 3, path)
        settled()
    keys = ("way", "threads_before", "threads_after", "mb_before", "mb_after", "seconds")
    for way in ways.split(","):
        before = settled()
        started = time.monotonic()
        WAYS[way](KINDS[kind], int(times), path)
        took = time.monotonic() - started
        after = settled()
        found = (way, before[0], after[0], before[1], after[1], took)
        print(json.dumps(dict(zip(keys, found, strict=True))), flush=True)
    if host:
        host.registered.clear()
