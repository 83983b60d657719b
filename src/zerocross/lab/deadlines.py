"""Deadlines: how many callbacks were due, were made, and came too late; and a callback in Python.

What everybody plays in the torture is one sine through an equaliser of eight bands.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.eq import design_band
from zerocross.lab.loads import Load

__all__ = [
    "BANDS_HZ",
    "RATE",
    "SETTLE_S",
    "TONE_HZ",
    "PythonCallback",
    "count_calls",
    "count_deadlines",
    "tone",
    "wait_under",
]

RATE = 48_000
BANDS_HZ = (60.0, 170.0, 310.0, 600.0, 1000.0, 3000.0, 6000.0, 12_000.0)
TONE_HZ = 440.0
#: How long a stream plays before it is looked at.
SETTLE_S = 0.5


def count_deadlines(
    callbacks: int, late: int, longest_gap_ns: int, elapsed_ns: int, block: int
) -> dict[str, Any]:
    """Return a result of the torture.

    A callback that was due and not made is missed, and so is one that took longer than its block.
    """
    due = elapsed_ns * RATE / (block * 1e9)
    return {
        "block": block,
        "seconds": elapsed_ns / 1e9,
        "callbacks": callbacks,
        "due": round(due),
        "missed": max(0, round(due) - callbacks - 1) + late,
        "late": late,
        "longest_gap_ms": longest_gap_ns / 1e6,
    }


def count_calls(
    times: Sequence[tuple[int, int]], started: int, stopped: int, block: int
) -> dict[str, Any]:
    """Return the result of callbacks that began and ended at some times, in nanoseconds.

    Only those that began from ``started`` on and before ``stopped`` are counted.
    """
    made = [t for t in times if started <= t[0] < stopped]
    begun = [started, *(t[0] for t in made), stopped]
    late = sum(end - begin > block * 1e9 / RATE for begin, end in made)
    gap = max(b - a for a, b in itertools.pairwise(begun))
    return count_deadlines(len(made), late, gap, stopped - started, block)


def wait_under(load: Load, seconds: float) -> tuple[int, int]:
    """Wait under a load; returns when it began and ended, in nanoseconds."""
    time.sleep(SETTLE_S)
    with load():
        started = time.monotonic_ns()
        time.sleep(seconds)
        return started, time.monotonic_ns()


def tone(first_frame: int, frames: int) -> npt.NDArray[np.float64]:
    """Return frames of the sine, from a frame on."""
    angle = 2 * np.pi * TONE_HZ / RATE * (first_frame + np.arange(frames))
    sine: npt.NDArray[np.float64] = 0.25 * np.sin(angle)
    return sine


class PythonCallback:
    """The sine and the equaliser in NumPy and SciPy, for peers whose callbacks are Python.

    Attributes
    ----------
    frames : int
        That were made.
    times : list of tuple of int
        When each block began and ended, in nanoseconds.

    """

    def __init__(self) -> None:
        from scipy.signal import sosfilt

        self._filter = sosfilt
        self._sos = np.array([design_band("peaking", f, RATE, 1.0, 3.0) for f in BANDS_HZ])
        self._state = np.zeros((len(BANDS_HZ), 2, 2))
        self.frames = 0
        self.times: list[tuple[int, int]] = []

    def block(self, frames: int) -> Any:
        """Return the next frames, shape (frames, 2), float32."""
        started = time.monotonic_ns()
        stereo = np.repeat(tone(self.frames, frames)[:, None], 2, axis=1)
        self.frames += frames
        out, self._state = self._filter(self._sos, stereo, axis=0, zi=self._state)
        made = out.astype(np.float32)
        self.times.append((started, time.monotonic_ns()))
        return made
