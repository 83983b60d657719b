"""What chains of `benchmarks.parity` have to give: in float64, by NumPy and SciPy alone.

Nothing of ours runs here; what is taken from a chain is what it is set to (an equaliser's ``sos``). Chains with a
gate, a compressor or a reverb have no oracle: their arithmetic is written down nowhere but in their own code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.signal

Rows = npt.NDArray[np.float64]
#: By a parameter's name and first value: what it is at each frame.
Moving = Callable[[str, float], Rows]
Oracle = Callable[[Rows, Moving, float], Rows]
_SMOOTHING_S = 0.02


def moving(
    blocks: Sequence[int], changes: Mapping[int, Any], rate: float, name: str, first: float
) -> Rows:
    """Return a parameter frame by frame: a straight line of 20 ms from each change on."""
    starts = np.concatenate([[0], np.cumsum(blocks)])
    values = np.full(starts[-1], first)
    length = round(_SMOOTHING_S * rate)
    for k in sorted(changes):
        for goal in (value for word, value in changes[k] if word == f"0.{name}"):
            at = int(starts[k])
            now = values[at - 1] if at else first
            line = now + (goal - now) * np.arange(1, length + 1) / length
            values[at:] = goal
            values[at : at + length] = line[: len(values) - at]
    return values


def late(signal: Rows, frames: int) -> Rows:
    return np.concatenate([np.zeros((frames, signal.shape[1])), signal])[: len(signal)]


def factor(levels_db: Any) -> Any:
    return 10.0 ** (np.asarray(levels_db) / 20.0)


def equalizer(sos: Rows) -> Oracle:
    def made(signal: Rows, moves: Moving, _: float) -> Rows:
        louder = signal * factor(moves("preamp_db", 0.0))[:, None]
        return np.asarray(scipy.signal.sosfilt(sos, louder, axis=0))

    return made


def echo(time_s: float, feedback: float, mix: float) -> Oracle:
    """A comb filter: ``x + mix (e - x)``, where e is the line, of x and its echoes, a time ago."""

    def made(signal: Rows, _: Moving, rate: float) -> Rows:
        count = round(time_s * rate)
        b, a = np.zeros((2, count + 1))
        b[count], a[0], a[count] = 1.0, 1.0, -feedback
        heard = scipy.signal.lfilter(b, a, signal, axis=0)
        return np.asarray(signal + mix * (heard - signal))

    return made


def tone(frequency: float, gain_db: float) -> Oracle:
    def made(signal: Rows, _: Moving, rate: float) -> Rows:
        wave = factor(gain_db) * np.sin(2 * np.pi * frequency * np.arange(len(signal)) / rate)
        return np.repeat(wave[:, None], signal.shape[1], axis=1)

    return made


def convolution(response: npt.ArrayLike, latency: int) -> Oracle:
    def made(signal: Rows, _: Moving, __: float) -> Rows:
        taps = np.asarray(response, np.float64)[:, None]
        whole = scipy.signal.fftconvolve(signal, taps, axes=0)
        return late(whole[: len(signal)], latency)

    return made


def branches(sos: Rows, gain_db: float, latency: int) -> Oracle:
    """A gain, a limiter that has nothing to do, and an equaliser, which wait for each other."""

    def made(signal: Rows, _: Moving, __: float) -> Rows:
        both = signal * (factor(gain_db) + 1.0) + scipy.signal.sosfilt(sos, signal, axis=0)
        return late(both, latency)

    return made


def wobble(signal: Rows, moves: Moving, rate: float) -> Rows:
    """The user's own of `benchmarks.parity`: a tremolo, itself 257 frames ago, a tanh."""
    turns = np.cumsum(moves("hz", 3.0)) / rate
    held = 1.0 - moves("depth", 0.5) * (0.5 + 0.5 * np.sin(2 * np.pi * turns))
    x = signal * held[:, None]
    return np.asarray(np.tanh(x + 0.3 * late(x, 257)))


def gain(first_db: float = 0.0) -> Oracle:
    return lambda signal, moves, _: signal * factor(moves("gain_db", first_db))[:, None]


def same(signal: Rows, _: Moving, __: float) -> Rows:
    return signal
