"""The resampler's filter: how good it may be, and its phases, designed for a ratio of rates.

The filter is a sinc in Kaiser's window (J. F. Kaiser, Nonrecursive Digital Filter Design Using the
I0-sinh Window Function, 1974), whose length and attenuation say how wide its transition is. The
transition *ends* at the lower rate's Nyquist frequency, so what that rate cannot hold is gone
wherever it lies: images when the rate rises, aliases when it falls.

A *phase* is the filter for outputs at one place between two input frames. Where the ratio is that
of small whole numbers each place that an output can have gets its own, and the filter is exact;
else there are so many that the two nearest can be blended: between phases that are 1 / n of the
lower rate's frame apart a straight line is off by at most pi^2 / (8 n^2), -142 dB.
"""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from zerocross.errors import UsageError
from zerocross.memory import aligned_zeros
from zerocross.units import shown

__all__ = ["QUALITIES", "Quality", "checked_quality", "count_taps", "design_phases"]

_Floats = npt.NDArray[np.float64]

#: Phases to the lower rate's frame from which on two are blended.
_BLENDED_PHASES = 4096
#: Taps come in pairs of vectors of sixteen.
_TAPS_STEP = 32
#: Phases that are designed at a time: their float64 stay in the processor's cache.
_AT_A_TIME = 16


class Quality(NamedTuple):
    """How long a filter is, and how much it shall attenuate.

    Attributes
    ----------
    taps : int
        Frames of the lower rate that make an output frame; half of them is its delay.
    attenuation_db : float
        Of the window; what is measured is within 1 dB of it, where float32 does not limit it.

    """

    taps: int
    attenuation_db: float

    @property
    def beta(self) -> float:
        """The window's parameter, by Kaiser's formula."""
        return 0.1102 * (self.attenuation_db - 8.7)

    @property
    def passband(self) -> float:
        """What is kept, as a share of the lower rate's Nyquist frequency, by Kaiser's formula."""
        return 1.0 - (self.attenuation_db - 7.95) / (2.285 * self.taps * math.pi)


#: What can be chosen; docs/path.md has what each was measured to give and to cost.
QUALITIES = {
    "medium": Quality(128, 101.0),
    "high": Quality(192, 131.0),
    "very high": Quality(416, 155.0),
}


def checked_quality(quality: Any) -> str:
    """Return the name of a quality as `QUALITIES` has it; ``very-high`` is ``very high``.

    Raises
    ------
    UsageError
        For anything else.

    """
    name = quality.replace("-", " ") if isinstance(quality, str) else None
    if name not in QUALITIES:
        *most, last = map(repr, QUALITIES)
        raise UsageError(f"quality={shown(quality)}: give {', '.join(most)} or {last}")
    return name


def count_taps(quality: str, rate_in: float, rate_out: float) -> int:
    """Return how many input frames make an output frame."""
    fall = max(1.0, rate_in / rate_out)
    return math.ceil(round(QUALITIES[quality].taps * fall) / _TAPS_STEP) * _TAPS_STEP


@functools.lru_cache(maxsize=8)
def design_phases(quality: str, step: int, denominator: int) -> npt.NDArray[np.float32]:
    """Design the phases for a ratio of rates. The next one to ask gets the same array.

    Parameters
    ----------
    quality : str
        One of `QUALITIES`.
    step, denominator : int
        Input and output rate over their greatest common divisor.

    Returns
    -------
    ndarray, shape (count + 1, taps), float32, read-only
        Row p is for an output p / count after the input frame ``taps / 2 - 1``.

    """
    taps, fall = count_taps(quality, step, denominator), max(1.0, step / denominator)
    count = min(denominator, math.ceil(_BLENDED_PHASES / fall))
    phases = aligned_zeros((count + 1, taps))
    half = count // 2 + 1
    for first in range(0, half, _AT_A_TIME):
        rows = slice(first, min(first + _AT_A_TIME, half))
        offsets = np.arange(rows.start, rows.stop) / count
        phases[rows] = _impulse_responses(QUALITIES[quality], taps, fall, offsets)
    phases[half:] = phases[count - half :: -1, ::-1]  # the filter is symmetric
    phases.flags.writeable = False
    return phases


def _impulse_responses(quality: Quality, taps: int, fall: float, offsets: _Floats) -> _Floats:
    """Return the filter at the input frames around outputs that are so far after one."""
    corner = (1.0 + quality.passband) / 2 / fall  # the middle of the transition
    n = np.arange(taps) - (taps // 2 - 1.0)
    t = n - offsets[:, None]
    angle, back = np.pi * corner * n, np.pi * corner * offsets[:, None]
    wave = np.sin(angle) * np.cos(back) - np.cos(angle) * np.sin(back)  # sin(pi corner t), faster
    rows: _Floats = np.divide(wave, np.pi * t, out=np.full_like(t, corner), where=t != 0.0)
    rows *= _kaiser_window(np.maximum(1.0 - (t / (taps / 2)) ** 2, 0.0), quality.beta)
    rows /= rows.sum(axis=1, keepdims=True)  # exactly 1 at 0 Hz in every phase: no ripple there
    return rows


def _kaiser_window(inside: _Floats, beta: float) -> _Floats:
    """Return I0(beta sqrt(inside)) for 0 to 1: its power series, whose terms are all positive."""
    terms = [1.0]
    while terms[-1] > 1e-17 * sum(terms):
        terms.append(terms[-1] * (beta / (2 * len(terms))) ** 2)
    window = np.full_like(inside, terms.pop())
    for term in reversed(terms):
        window *= inside
        window += term
    return window
