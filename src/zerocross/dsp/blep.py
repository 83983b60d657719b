"""Band-limited steps and bends: what takes the aliases away from waveforms with jumps and corners.

A waveform that is computed sample by sample jumps between two samples, and a jump has harmonics
without end, which fold back. Around every jump the difference between a band-limited step and the
sudden one is added: a windowed sinc's integral less a unit step (E. Brandt, Hard sync without
aliasing, ICMC 2001); at a corner, the integral of that (F. Esqueda, V. Valimaki, S. Bilbao, IEEE
Transactions on Signal Processing 64, 2016). Both depend on the place alone, not on what was before:
a frequency may move at every sample.

The sinc is a half-band one, Kaiser-windowed, 24 samples long: flat to 0.408 of the sample rate and
down by 70 dB from 0.592 of it on, so what it lets through folds to above 0.408 (18 kHz of 44.1).
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.compiler import kernel

__all__ = ["BLEP_REACH", "BLEP_SIZE", "band_limit", "design_blep"]

#: Samples on both sides of a jump that are changed.
BLEP_REACH = 12
#: Places a sample in the tables; between them a straight line errs by less than 3e-6.
_PLACES = 256
_BETA = 7.0
#: Values of a table: those at 0 to the reach, and one more that rounding up may read.
BLEP_SIZE = BLEP_REACH * _PLACES + 2


@functools.cache
def design_blep(bend: bool = False) -> npt.NDArray[np.float32]:
    """Return what a step or a bend of 1 lacks, right of its place: a table for `band_limit`.

    Parameters
    ----------
    bend : bool
        A bend, whose slope rises by 1 a sample, in place of a step. What a step lacks is odd
        about its place, what a bend lacks is even.

    Returns
    -------
    ndarray, shape (BLEP_SIZE,), float32
        From the place on; not to be changed.

    """
    x = np.arange(-BLEP_REACH * _PLACES, BLEP_REACH * _PLACES + 1) / _PLACES
    window = np.i0(_BETA * np.sqrt(1.0 - (x / BLEP_REACH) ** 2))
    step = _integral(np.sinc(x) * window)
    lack = (step / step[-1] - 1.0)[BLEP_REACH * _PLACES :]
    if bend:
        area = _integral(lack) / _PLACES
        lack = area - area[-1]
    made = np.append(lack, 0.0).astype(np.float32)
    made.setflags(write=False)
    return made


def _integral(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the running integral of places that are 1 apart, by trapezia."""
    return np.concatenate([[0.0], np.cumsum(x[1:] + x[:-1]) / 2.0])


@kernel
def _lack(table: Any, place: Any) -> Any:
    """Return a table's value between two places."""
    k = int(place)
    low = np.float64(table[k])
    return low + (place - k) * (np.float64(table[k + 1]) - low)


@kernel
def band_limit(table: Any, phase: Any, step: Any, left: Any) -> Any:
    """Return what is to be added for steps or bends of 1 at every whole phase.

    Parameters
    ----------
    table : array, shape (BLEP_SIZE,), float32
        From `design_blep`.
    phase : float
        From 0 to below 1.
    step : float
        Of the phase, a sample; more than 0.
    left : {-1.0, 1.0}
        -1 for steps, 1 for bends.

    Notes
    -----
    Real-time: safe. It takes ``2 * BLEP_REACH * step`` look-ups on average.

    """
    reach = BLEP_REACH * step
    total = 0.0
    if phase < reach or 1.0 - phase < reach:
        dense = _PLACES / step
        for k in range(math.ceil(reach - phase)):
            total += _lack(table, dense * (phase + k))
        for k in range(math.ceil(reach - (1.0 - phase))):
            total += left * _lack(table, dense * (1.0 - phase + k))
    return total
