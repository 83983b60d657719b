"""The visualiser on a card: frames a second, what they cost the process, films, and what they do to the audio.

``python -m benchmarks viz [--song FILE]`` prints it, of noise where no song is given. Scenes are drawn at 640 x 360 into
a texture, and waited for; the process's own share is the thread's that asks for them, at 60 frames a second, beside
the driver's threads. A minute of film is written at the same size. At last the null device plays blocks of 64 frames,
by turns alone and while 3840 x 2160 is drawn without a pause.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile
from rich.console import Console
from rich.table import Table

from zerocross import Player
from zerocross.gpu import Canvas, Card
from zerocross.gpu.scenes import MODES
from zerocross.viz import Show, record_film

RATE, FPS = 48_000, 60
#: Bars: frames a second in software, the process's share of a core, a film's seconds in one.
BAR_FPS, BAR_SHARE, BAR_FILM = 60.0, 0.05, 1.0


def frame(
    show: Show, canvas: Canvas, rows: npt.NDArray[np.float32], k: int, wait: bool = True
) -> None:
    """Draw the frame of a moment, with what came since the one before."""
    start = k * show.sample_rate // FPS % (rows.shape[1] - 4096)
    with show.card.commands() as encoder:
        show.feed(encoder, rows[:, start : start + show.sample_rate // FPS])
        show.draw(encoder, canvas.view, (canvas.width, canvas.height), k / FPS, 1 / FPS)
    if wait:
        show.card.wait()


def drawn(card: Card, mode: str, rows: npt.NDArray[np.float32], rate: int) -> tuple[float, float]:
    """Return frames a second, and the share of a core that asking for 60 takes."""
    show, canvas = Show(card, rate, mode=mode), Canvas(card, 640, 360)
    for k in range(60):
        frame(show, canvas, rows, k)
    times = []
    for k in range(60, 240):
        began = time.perf_counter()
        frame(show, canvas, rows, k)
        times.append(time.perf_counter() - began)
    used, began = time.thread_time(), time.perf_counter()
    for k in range(240, 540):
        frame(show, canvas, rows, k, wait=False)
        time.sleep(max(0.0, began + (k - 239) / FPS - time.perf_counter()))
    used = time.thread_time() - used
    return 1 / float(np.median(times)), used / (time.perf_counter() - began)


def late_blocks(card: Card | None, path: str, rows: npt.NDArray[np.float32]) -> dict[str, Any]:
    """Play blocks of 64 frames for 5 s, while 4K is drawn where there is a card; returns what was counted."""
    with Player("null", block_size=64) as player:
        show = canvas = None
        if card:
            show, canvas = Show(card, RATE), Canvas(card, 3840, 2160)
            frame(show, canvas, rows, 0)
        player.play(path)
        began, k = time.perf_counter(), 0
        while time.perf_counter() < began + 5.0:
            if show and canvas:
                frame(show, canvas, rows, k)
                k += 1
            else:
                time.sleep(0.05)
        return {"frames": k, **player.report()}


def main(song: str) -> int:
    """Print all of it, of noise where no song is given; returns 1 where a bar is missed."""
    card, console, met = Card(), Console(), True
    with tempfile.TemporaryDirectory() as folder:
        noise = 0.2 * np.random.default_rng(1).standard_normal((RATE * 70, 2))
        path = song or str(Path(folder) / "noise.wav")
        if not song:
            soundfile.write(path, noise, RATE)
        data, rate = soundfile.read(path, dtype="float32", always_2d=True, frames=RATE * 20)
        rows = np.ascontiguousarray(data.T)
        table = Table(
            "scene, 640 x 360", "frames a second", "share of a core at 60", title=str(card)
        )
        for mode in MODES:
            fps, share = drawn(card, mode, rows, rate)
            met &= share <= BAR_SHARE and (
                fps >= BAR_FPS or mode not in ("bars", "line", "waterfall")
            )
            table.add_row(mode, f"{fps:.0f}", f"{100 * share:.1f} %")
        console.print(table)
        for ending in ("mp4", "webm"):
            began = time.perf_counter()
            frames = record_film(
                [path],
                Path(folder) / f"film.{ending}",
                width=640,
                height=360,
                card=card,
                duration_s=60.0,
            )
            ratio = frames / FPS / (time.perf_counter() - began)
            met &= ratio >= BAR_FILM or ending != "mp4"
            console.print(
                f"a film of {frames / FPS:.0f} s, {ending}: {ratio:.2f} of its seconds in one"
            )
        for _ in range(3):
            for which, used in (("alone", None), ("beside 4K", card)):
                found = late_blocks(used, path, rows)
                console.print(
                    f"blocks of 64, {which}: {found['underruns']} underruns, {found['late_callbacks']} of "
                    f"{found['callbacks']} late, {found['frames']} frames drawn"
                )
    return 0 if met else 1
