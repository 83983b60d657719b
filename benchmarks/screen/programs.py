"""Who is measured: our screen, cava beside its feeder, and cmus; each in a terminal of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator

import soundfile

from benchmarks.screen.setting import Setting
from benchmarks.screen.terminal import Terminal
from benchmarks.start.proc import cpu_and_wakes

__all__ = [
    "FULL_BARS",
    "HIDDEN",
    "PAUSE",
    "cava",
    "cava_methods",
    "cmus",
    "missing",
    "ours",
    "warm_up",
]

#: Keys of ours: from any view to bars in the whole window, to where no bars are, and to a pause.
FULL_BARS, HIDDEN, PAUSE = "4w", "2", " "
#: Heard before anything is measured.
_PATIENCE_S = 300.0
#: A share of a core that only compiling takes.
_BUSY = 0.3
_CAVA = """[general]
framerate = 60
bars = {bars}
[input]
method = fifo
source = {fifo}
sample_rate = {rate}
sample_bits = 16
[output]
method = {method}
channels = stereo
"""
_PIECE_S = 0.01


@contextlib.contextmanager
def ours(setting: Setting, keys: str = "") -> Iterator[Terminal]:
    """Run our whole player with the song, until its screen is there, and press keys."""
    command = [sys.executable, "-m", "zerocross", "--device", setting.device, str(setting.song)]
    with Terminal(command, setting.env, setting.columns, setting.rows) as terminal:
        wait_until_usable(terminal)
        for key in keys:
            terminal.press(key)
            time.sleep(0.3)
        yield terminal


def warm_up(setting: Setting) -> None:
    """Show every view once, so that what they need is compiled."""
    with ours(setting) as terminal:
        for key in "1234567":
            terminal.press(key)
            time.sleep(0.5)
            while _share_of_core(terminal.process.pid) > _BUSY:
                pass


def _share_of_core(pid: int) -> float:
    """Return how much of a core a process takes for a second."""
    return sum(thread.cpu_s for thread in cpu_and_wakes(pid, 1.0)) / 60


def wait_until_usable(terminal: Terminal) -> float:
    """Wait until our screen has its views' names; returns when they came."""
    return terminal.wait_for("Queue", _PATIENCE_S)


def cava_methods() -> tuple[str, ...]:
    """Return cava's ways to draw in a terminal; none where it is not installed."""
    return ("ncurses", "noncurses") if shutil.which("cava") else ()


@contextlib.contextmanager
def cava(setting: Setting, method: str, bars: int) -> Iterator[Terminal]:
    """Run cava, and feed it with the song, decoded, as fast as it is heard."""
    fifo, config = setting.folder / "cava.fifo", setting.folder / "cava.conf"
    if not fifo.exists():
        os.mkfifo(fifo)
    rate = soundfile.info(setting.song).samplerate
    config.write_text(_CAVA.format(bars=bars, fifo=fifo, rate=rate, method=method))
    stop = threading.Event()
    feeder = threading.Thread(target=_feed, args=(setting, str(fifo), stop), daemon=True)
    with Terminal(
        ["cava", "-p", str(config)], setting.env, setting.columns, setting.rows
    ) as terminal:
        feeder.start()
        try:
            yield terminal
        finally:
            stop.set()
            terminal.close()
            feeder.join(5)


def _feed(setting: Setting, fifo: str, stop: threading.Event) -> None:
    """Write the song in pieces of 10 ms, each when it is due."""
    with (
        contextlib.suppress(OSError),
        open(fifo, "wb", buffering=0) as out,
        soundfile.SoundFile(setting.song) as song,
    ):
        piece, begun = round(_PIECE_S * song.samplerate), time.monotonic()
        for number, block in enumerate(song.blocks(piece, dtype="int16", always_2d=True), 1):
            if stop.is_set():
                return
            out.write(block[:, :2].tobytes())
            time.sleep(max(0.0, begun + number * _PIECE_S - time.monotonic()))


@contextlib.contextmanager
def cmus(setting: Setting) -> Iterator[Terminal]:
    """Run cmus until its status line is there."""
    folder = setting.folder / "cmus"
    folder.mkdir(exist_ok=True)
    plugin = "pulse" if setting.device == "pulseaudio" else "alsa"
    (folder / "rc").write_text(f"set output_plugin={plugin}\nset mpris=false\n")
    env = setting.env | {"CMUS_HOME": str(folder)}
    with Terminal(["cmus"], env, setting.columns, setting.rows) as terminal:
        yield terminal


def missing(*programs: str) -> None:
    """Tell which of some programs are not installed."""
    for program in programs:
        if not shutil.which(program):
            print(f"  left out: {program} is not installed", file=sys.stderr, flush=True)
