"""Arrays into a stream: gaps beside a held interpreter, how soon a flush is silent, and what writing costs.

``python -m benchmarks feed`` prints it. The null device plays at 48 kHz. A producer holds the GIL for 100 ms at a time,
as a model of speech does that computes, and writes what it has made; the ring has 200 ms. A flush is timed by the tap, in
frames of what is heard: from the last one before the call to the first of lasting silence. What writing 20 ms at
22.05 kHz costs is the CPU time of the thread that writes.
"""

from __future__ import annotations

import ctypes
import time

import numpy as np
import numpy.typing as npt
from rich.console import Console

from benchmarks.start.rows import Bar, Row, table
from zerocross import Stream

__all__ = ["main"]

RATE, SPEECH_RATE = 48_000, 22_050
_HOLD_S, _RING_S, _FLUSHES = 0.1, 0.2, 25


def _noise(seconds: float, rate: int) -> npt.NDArray[np.float32]:
    rng = np.random.default_rng(15)
    return (0.1 * rng.standard_normal(round(seconds * rate))).astype(np.float32)


def gaps(seconds: float) -> tuple[int, int]:
    """Return the gaps of a producer that holds the interpreter, and the frames that were lost."""
    hold, sound = ctypes.PyDLL(None).usleep, _noise(seconds, RATE)
    piece = round(1.05 * _HOLD_S * RATE)  # what it makes is a little faster than what is heard
    with Stream(device="null", sample_rate=RATE, feed_s=_RING_S) as stream:
        at = stream.write(sound[: round(_RING_S * RATE)])
        while at < len(sound):
            hold(round(1e6 * _HOLD_S))
            at += stream.write(sound[at : at + piece])
        stream.drain()
        told = stream.report()["feed"]
    return int(told["underruns"]), len(sound) - int(told["frames_played"])


def flush_ms() -> tuple[list[float], float]:
    """Return how long it takes until flushes are silent, by what is heard, and a block's length, both in ms."""
    times = []
    with Stream(device="null", sample_rate=RATE) as stream:
        block_ms = 1000.0 * stream.report()["block_size"] / RATE
        for _ in range(_FLUSHES):
            stream.write(_noise(0.5, RATE))
            time.sleep(0.03)
            before = stream.tap.written
            stream.flush()
            time.sleep(0.1)
            end = stream.tap.written
            rows = stream.tap.window(end - before, end).rows
            heard = np.flatnonzero(np.any(np.asarray(rows)[:, : end - before] != 0, axis=0))
            if end - before - 1 in heard:
                raise RuntimeError("it was not silent within 100 ms")
            times.append(1000.0 * (heard[-1] + 1 if heard.size else 0) / RATE)
    return times, block_ms


def share_of_writing(seconds: float) -> float:
    """Return the CPU time of the thread that writes 20 ms at a time, in per cent of a core."""
    piece = _noise(0.02, SPEECH_RATE)
    with Stream(device="null", sample_rate=RATE, feed_s=_RING_S) as stream:
        stream.write(piece, SPEECH_RATE)
        began, used = time.perf_counter(), time.thread_time()
        while (now := time.perf_counter()) < began + seconds:
            stream.write(piece, SPEECH_RATE)
        return 100.0 * (time.thread_time() - used) / (now - began)


def main(short: bool) -> int:
    """Print all of it; returns 1 where a bar is missed."""
    seconds, rounds = (1.0, 1) if short else (10.0, 3)
    found = [gaps(seconds) for _ in range(rounds)]
    flushes, block_ms = flush_ms()
    held = "held for 100 ms at a time, a ring of 200 ms"
    rows = [
        Row(held, "gaps", "", [float(n) for n, _ in found], Bar(0.0)),
        Row(held, "frames lost", "", [float(n) for _, n in found], Bar(0.0)),
        Row(
            "flush", f"to silence; a block has {block_ms:.1f} ms", "ms", flushes, Bar(10 + block_ms)
        ),
        Row(
            "writing 20 ms at 22.05 kHz",
            "the thread that writes",
            "%",
            [share_of_writing(seconds) for _ in range(rounds)],
            Bar(1.0),
        ),
    ]
    Console(width=140).print(table(rows))
    return 1 if any(row.is_met is False for row in rows) else 0
