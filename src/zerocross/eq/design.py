"""Biquads by their usual names, as rows of ``sos``.

The formulas are R. Bristow-Johnson's (Audio EQ Cookbook). The Web Audio specification takes the
same ones with other widths: the Q of low and high pass is in dB, shelves have a slope of 1 and no
Q, and it says what becomes of frequencies of 0 and of half the sample rate.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from zerocross.errors import UsageError
from zerocross.units import checked_number, checked_rate, checked_whole, db_to_gain, shown

__all__ = [
    "KINDS",
    "design_band",
    "design_butterworth",
    "design_linkwitz_riley",
    "frequency_response",
    "one_frame",
    "q_of_bandwidth",
    "q_of_slope",
    "response_at",
]

# Beyond these a filter's coefficients are no numbers any more.
_MOST_Q = 1e6
_MOST_DB = 400.0
_MOST_OCTAVES = 100.0

_Row = tuple[float, float, float, float, float, float]


def _lowpass(c: float, alpha: float, _a: float) -> _Row:
    return ((1 - c) / 2, 1 - c, (1 - c) / 2, 1 + alpha, -2 * c, 1 - alpha)


def _highpass(c: float, alpha: float, _a: float) -> _Row:
    return ((1 + c) / 2, -(1 + c), (1 + c) / 2, 1 + alpha, -2 * c, 1 - alpha)


def _bandpass(c: float, alpha: float, _a: float) -> _Row:
    return (alpha, 0.0, -alpha, 1 + alpha, -2 * c, 1 - alpha)


def _notch(c: float, alpha: float, _a: float) -> _Row:
    return (1.0, -2 * c, 1.0, 1 + alpha, -2 * c, 1 - alpha)


def _allpass(c: float, alpha: float, _a: float) -> _Row:
    return (1 - alpha, -2 * c, 1 + alpha, 1 + alpha, -2 * c, 1 - alpha)


def _peaking(c: float, alpha: float, a: float) -> _Row:
    return (1 + alpha * a, -2 * c, 1 - alpha * a, 1 + alpha / a, -2 * c, 1 - alpha / a)


def _lowshelf(c: float, alpha: float, a: float) -> _Row:
    root = 2 * math.sqrt(a) * alpha
    return (
        a * ((a + 1) - (a - 1) * c + root),
        2 * a * ((a - 1) - (a + 1) * c),
        a * ((a + 1) - (a - 1) * c - root),
        (a + 1) + (a - 1) * c + root,
        -2 * ((a - 1) + (a + 1) * c),
        (a + 1) + (a - 1) * c - root,
    )


def _highshelf(c: float, alpha: float, a: float) -> _Row:
    root = 2 * math.sqrt(a) * alpha
    return (
        a * ((a + 1) + (a - 1) * c + root),
        -2 * a * ((a - 1) + (a + 1) * c),
        a * ((a + 1) + (a - 1) * c - root),
        (a + 1) - (a - 1) * c + root,
        2 * ((a - 1) - (a + 1) * c),
        (a + 1) - (a - 1) * c - root,
    )


#: The kinds of bands, with the formula of each.
KINDS: dict[str, Callable[[float, float, float], _Row]] = {
    "lowpass": _lowpass,
    "highpass": _highpass,
    "bandpass": _bandpass,
    "notch": _notch,
    "allpass": _allpass,
    "peaking": _peaking,
    "lowshelf": _lowshelf,
    "highshelf": _highshelf,
}


#: What Web Audio's filters become at the ends of the spectrum and at a Q of 0: nothing, everything,
#: the gain, everything turned round; ``None`` for the formula. At 0 Hz, at half the rate, at a Q of 0.
_ENDS: dict[str, tuple[str, str, str | None]] = {
    "lowpass": ("nothing", "everything", None),
    "highpass": ("everything", "nothing", None),
    "bandpass": ("nothing", "nothing", "everything"),
    "notch": ("everything", "everything", "nothing"),
    "allpass": ("everything", "everything", "negated"),
    "peaking": ("everything", "everything", "gain"),
    "lowshelf": ("everything", "gain", None),
    "highshelf": ("gain", "everything", None),
}


def design_band(
    kind: str,
    frequency: float,
    sample_rate: float,
    q: float = 0.7071,
    gain_db: float = 0.0,
    definition: str = "rbj",
) -> npt.NDArray[np.float64]:
    """Return a band's row of ``sos``: ``b0 b1 b2 1 a1 a2``.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    frequency : float
        Corner or centre in Hz, above 0 and below half the sample rate (Web Audio: from 0 to it;
        beyond counts as there).
    sample_rate : float
        In Hz.
    q : float
        Quality, above 0. Web Audio: for low and high pass in dB; not used by shelves.
    gain_db : float
        Of peaking and shelves, in dB.
    definition : {"rbj", "webaudio"}
        Whose.

    Raises
    ------
    UsageError
        For an unknown kind or definition, or values outside.

    Notes
    -----
    Sources: R. Bristow-Johnson, Audio EQ Cookbook, with ``alpha = sin(w) / (2 q)``; W3C, Web Audio
    API, BiquadFilterNode, "Filters Characteristics".

    """
    if not isinstance(kind, str) or kind not in KINDS:
        raise UsageError(f"no band of kind {shown(kind)}; there are: {', '.join(KINDS)}")
    if not isinstance(definition, str) or definition not in ("rbj", "webaudio"):
        raise UsageError(f"definition={shown(definition)}: give 'rbj' or 'webaudio'")
    try:
        frequency = checked_number("frequency", frequency)
        q = checked_number("q", q, -_MOST_Q, _MOST_Q)
        gain_db = checked_number("gain_db", gain_db, -_MOST_DB, _MOST_DB, "dB")
        sample_rate = checked_rate(sample_rate)
    except UsageError as error:
        raise UsageError(f"{kind}: {error}") from None
    if definition == "webaudio":
        return _web_audio(kind, frequency, sample_rate, q, gain_db)
    if not (0 < frequency < sample_rate / 2 and q > 0):
        raise UsageError(
            f"{kind} at {frequency:g} Hz, Q {q:g}, {gain_db:g} dB: give a frequency between 0 and "
            f"{sample_rate / 2:g} Hz, and a Q above 0"
        )
    w = 2 * math.pi * frequency / sample_rate
    return _row(kind, w, math.sin(w) / (2 * q), gain_db)


def _row(kind: str, w: float, alpha: float, gain_db: float) -> npt.NDArray[np.float64]:
    row = KINDS[kind](math.cos(w), alpha, 10 ** (gain_db / 40))
    made: npt.NDArray[np.float64] = np.array(row) * (1.0 / row[3])
    made[3] = 1.0
    return made


def _web_audio(
    kind: str, frequency: float, sample_rate: float, q: float, gain_db: float
) -> npt.NDArray[np.float64]:
    at_zero, at_end, without_q = _ENDS[kind]
    end = None
    if without_q is not None and q <= 0:
        end = without_q
    if frequency <= 0:
        end = at_zero
    elif frequency >= sample_rate / 2:
        end = at_end
    if end is not None:
        gain = {"nothing": 0.0, "everything": 1.0, "negated": -1.0, "gain": db_to_gain(gain_db)}
        return np.array([gain[end], 0.0, 0.0, 1.0, 0.0, 0.0])
    w = 2 * math.pi * frequency / sample_rate
    if kind in ("lowpass", "highpass"):
        alpha = math.sin(w) / (2 * db_to_gain(q))
    elif kind in ("lowshelf", "highshelf"):
        alpha = math.sin(w) / 2 * math.sqrt(2)
    else:
        alpha = math.sin(w) / (2 * q)
    return _row(kind, w, alpha, gain_db)


def q_of_bandwidth(octaves: float, frequency: float, sample_rate: float) -> float:
    """Return the Q of a bandwidth in octaves, between -3 dB points (RBJ, Audio EQ Cookbook)."""
    octaves, frequency = checked_number("octaves", octaves), checked_number("frequency", frequency)
    w = 2 * math.pi * frequency / checked_rate(sample_rate)
    if not (0 < octaves < _MOST_OCTAVES and 0 < w < math.pi):
        raise UsageError(f"{octaves:g} octaves at {frequency:g} Hz: give a width above 0")
    return 1 / (2 * math.sinh(math.log(2) / 2 * octaves * w / math.sin(w)))


def q_of_slope(slope: float, gain_db: float) -> float:
    """Return the Q of a shelf's slope; 1 is the steepest without a bump (RBJ)."""
    slope = checked_number("slope", slope)
    a = 10 ** (checked_number("gain_db", gain_db, -_MOST_DB, _MOST_DB, "dB") / 40)
    inner = (a + 1 / a) * (1 / slope - 1) + 2 if slope > 0 else 0.0
    if inner <= 0:
        raise UsageError(f"a shelf of {gain_db:g} dB cannot have a slope of {slope:g}")
    return 1 / math.sqrt(inner)


def design_butterworth(
    kind: str, order: int, frequency: float, sample_rate: float
) -> npt.NDArray[np.float64]:
    """Return a Butterworth filter's ``sos``.

    Parameters
    ----------
    kind : {"lowpass", "highpass"}
        Which side passes.
    order : int
        1 to 64.
    frequency : float
        Where it is at -3.01 dB, in Hz, below half the sample rate.
    sample_rate : float
        In Hz.

    Notes
    -----
    Bilinear transform of pairs of poles with ``Q = 1 / (2 cos(angle))``, and of a single pole where
    the order is odd (A. V. Oppenheim, R. W. Schafer, Discrete-Time Signal Processing, 7.1).

    """
    order = checked_whole("order", order, -(1 << 62), 1 << 62)
    if not isinstance(kind, str) or kind not in ("lowpass", "highpass") or not 1 <= order <= 64:
        raise UsageError(f"Butterworth {kind} of order {order}: give lowpass or highpass, 1 to 64")
    angles = [math.pi * (2 * k + 1 + order % 2) / (2 * order) for k in range(order // 2)]
    rows = [design_band(kind, frequency, sample_rate, 1 / (2 * math.cos(a))) for a in angles]
    if order % 2:
        design_band(kind, frequency, sample_rate)  # complains
        t = math.tan(math.pi * frequency / sample_rate)
        b0, b1 = (t, t) if kind == "lowpass" else (1.0, -1.0)
        rows.append(np.array([b0, b1, 0.0, 1 + t, t - 1, 0.0]) / (1 + t))
    return np.array(rows)


def design_linkwitz_riley(
    kind: str, order: int, frequency: float, sample_rate: float
) -> npt.NDArray[np.float64]:
    """Return a Linkwitz-Riley filter's ``sos``: a Butterworth of half the order, twice.

    Low and high pass add up to a flat magnitude, where ``order / 2`` is odd with one of them turned
    round; both are at -6.02 dB at the frequency. The order is even, 2 to 128.
    """
    order = checked_whole("order", order, -(1 << 62), 1 << 62)
    if order % 2 or order < 2:
        raise UsageError(f"Linkwitz-Riley of order {order}: give an even one")
    half = design_butterworth(kind, order // 2, frequency, sample_rate)
    return np.concatenate([half, half])


def frequency_response(
    sos: npt.ArrayLike, frequencies: npt.ArrayLike, sample_rate: float
) -> npt.NDArray[np.complex128]:
    """Return the complex gain of a cascade at frequencies in Hz."""
    rate = checked_rate(sample_rate)
    try:
        rows = np.atleast_2d(np.asarray(sos, np.float64))
        places = np.ravel(np.asarray(frequencies, np.float64))
    except (TypeError, ValueError):
        rows, places = np.zeros((0, 0)), np.zeros(0)
    if rows.ndim != 2 or rows.shape[1] != 6 or not np.isfinite(places).all():
        raise UsageError("give rows of six coefficients, and finite frequencies in Hz")
    return response_at(rows, one_frame(places, rate))


def one_frame(frequencies: npt.ArrayLike, sample_rate: float) -> npt.NDArray[np.complex128]:
    """Return what a delay of one frame does to frequencies in Hz."""
    places = np.ravel(np.asarray(frequencies, np.float64))
    return np.array([cmath.exp(-2j * math.pi * f / sample_rate) for f in places], np.complex128)


def response_at(
    rows: npt.NDArray[np.float64], z: npt.NDArray[np.complex128]
) -> npt.NDArray[np.complex128]:
    """Return the complex gain of a cascade where a delay of one frame is ``z``."""
    total = np.ones(len(z), np.complex128)
    for b0, b1, b2, a0, a1, a2 in rows:
        total *= (b0 + b1 * z + b2 * z * z) / (a0 + a1 * z + a2 * z * z)
    return total
