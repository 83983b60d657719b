"""What the lines of a preset say: gains, filters, curves and delays, from text.

The grammar and the arithmetic are Equalizer APO's (its source, `filters/*Factory.cpp`, and its
documentation). Beyond it a frequency may be in kHz and units may be missing, where that is plain.
"""

from __future__ import annotations

import itertools
import math
import re

from zerocross.eq.design import q_of_bandwidth, q_of_slope
from zerocross.errors import UsageError

__all__ = [
    "NOMINAL_RATE",
    "Band",
    "Unapplied",
    "band_of",
    "delay_of",
    "gain_of",
    "points_of",
]

Band = tuple[str, float, float, float]

#: In Hz, where nothing else is said.
NOMINAL_RATE = 48_000.0
_MOST_POINTS = 10_000
_GAIN_LIMIT_DB, _Q_LIMITS, _HZ_LIMITS = 60.0, (0.01, 1000.0), (0.1, 400_000.0)
_CURVE_LIMITS_DB = (-1e6, 60.0)
_MOST_DELAY_S = 10.0
_BUTTERWORTH_Q = math.sqrt(0.5)
_NOTCH_Q = 30.0
_SHELF_SLOPE = 0.9

_KINDS = {
    "PK": "peaking",
    "PEQ": "peaking",
    "MODAL": "peaking",
    "LP": "lowpass",
    "LPQ": "lowpass",
    "HP": "highpass",
    "HPQ": "highpass",
    "BP": "bandpass",
    "NO": "notch",
    "AP": "allpass",
    "LS": "lowshelf",
    "LSC": "lowshelf",
    "HS": "highshelf",
    "HSC": "highshelf",
}
_SHELVES = ("lowshelf", "highshelf")
_WIDTHS = {
    "lowpass": _BUTTERWORTH_Q,
    "highpass": _BUTTERWORTH_Q,
    "bandpass": _BUTTERWORTH_Q,
    "notch": _NOTCH_Q,
}
_SPACES = "\u00a0\u202f"  # no-break spaces, which some countries part thousands with
_DIGITS = rf"[-+]?(?:\d[\d.,{_SPACES}]*|[.,]\d+)(?:[eE][-+]?\d{{1,3}})?"
_NUMBER = rf"({_DIGITS})"
_FILTER = re.compile(r"^(ON|OFF)\s+([A-Za-z]+)(.*)$", re.IGNORECASE)
_VALUES = {
    "slope": re.compile(rf"^\s*{_NUMBER}\s*dB(?![A-Za-z])", re.IGNORECASE),
    "fc": re.compile(rf"\sFc\s*{_NUMBER}\s*(k?H\s*z)?", re.IGNORECASE),
    "gain": re.compile(rf"\sGain\s*{_NUMBER}", re.IGNORECASE),
    "q": re.compile(rf"\sQ\s*{_NUMBER}", re.IGNORECASE),
    "octaves": re.compile(rf"\sBW\s+Oct\s*{_NUMBER}", re.IGNORECASE),
}
_GAIN = re.compile(rf"^{_NUMBER}\s*(?:dB\b|\s|$)", re.IGNORECASE)
_DELAY = re.compile(rf"^{_NUMBER}\s*(ms|samples)$", re.IGNORECASE)
_POINT = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?")
_BETWEEN_POINTS = re.compile(r"(?:[\s;,|]|Hz|dB)*", re.IGNORECASE)


class Unapplied(Exception):
    """Why a line is not applied."""


def _number(text: str) -> float:
    """Return a number with a decimal point or comma."""
    plain = "".join(letter for letter in text if letter not in _SPACES)
    if "," in plain and "." in plain:  # the last of them is the decimal one
        plain = plain.replace("," if plain.rindex(".") > plain.rindex(",") else ".", "")
    try:
        number = float(plain.replace(",", "."))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise Unapplied(f"{text[:20]!r} is not a number")
    return number


def _frequency(text: str, unit: str) -> float:
    """Return a frequency in Hz; three digits after the only point or comma are thousands (REW)."""
    plain = "".join(letter for letter in text if letter not in _SPACES)
    if "k" in unit.lower():
        return 1000.0 * _number(text)
    if len(re.findall("[.,]", plain)) > 1 and re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?", plain):
        return float(plain.replace(",", ""))
    parts_thousands = len(plain) >= 5 and plain[-4] in ".," and "e" not in plain.lower()
    is_only = len(re.findall("[.,]", plain)) == 1
    return _number(text) * (1000.0 if parts_thousands and is_only else 1.0)


def gain_of(value: str) -> float:
    """Return a ``Preamp`` in dB."""
    match = _GAIN.match(value)
    if not match:
        raise Unapplied(f"{value[:20]!r} is not a gain")
    number = _number(match.group(1))
    if abs(number) > _GAIN_LIMIT_DB:
        raise Unapplied(f"{number:g} dB is beyond {_GAIN_LIMIT_DB:g} dB")
    return number


def band_of(value: str, sample_rate: float) -> Band:
    """Return a ``Filter`` as kind, Hz, Q and dB, for a sample rate in Hz."""
    match = _FILTER.match(value)
    if not match:
        raise Unapplied("it does not say ON, and what filter")
    if match.group(1).upper() == "OFF":
        raise Unapplied("it is switched off")
    name, rest = match.group(2).upper(), match.group(3)
    if name not in _KINDS:
        raise Unapplied(f"filters of type {name[:10]!r} are not supported")
    found = {key: pattern.search(rest) for key, pattern in _VALUES.items()}
    if not found["fc"]:
        raise Unapplied("it has no frequency (Fc)")
    numbers = {key: _number(m.group(1)) for key, m in found.items() if m and key != "fc"}
    numbers["fc"] = _frequency(found["fc"].group(1), found["fc"].group(2) or "")
    return _checked(_KINDS[name], name, numbers, sample_rate)


def _checked(kind: str, name: str, numbers: dict[str, float], sample_rate: float) -> Band:
    hz, gain = numbers["fc"], numbers.get("gain", 0.0)
    has_gain = kind == "peaking" or kind in _SHELVES
    if has_gain and "gain" not in numbers:
        raise Unapplied("it has no gain")
    if not _HZ_LIMITS[0] <= hz <= _HZ_LIMITS[1]:
        raise Unapplied(f"{hz:g} Hz is not within {_HZ_LIMITS[0]:g} and {_HZ_LIMITS[1]:g} Hz")
    if abs(gain) > _GAIN_LIMIT_DB:
        raise Unapplied(f"{gain:g} dB is beyond {_GAIN_LIMIT_DB:g} dB")
    try:
        if kind in _SHELVES:
            hz, q = _shelf(name, numbers, hz, gain)
        else:
            q = _q_of(kind, numbers, hz, sample_rate)
    except UsageError as error:
        raise Unapplied(str(error)) from None
    except OverflowError:
        hz = q = math.inf
    if not 0.0 < hz < math.inf:
        raise Unapplied("it has values that no filter can have")
    if not _Q_LIMITS[0] <= q <= _Q_LIMITS[1]:
        raise Unapplied(f"a Q of {q:g} is not within {_Q_LIMITS[0]:g} and {_Q_LIMITS[1]:g}")
    return kind, hz, q, gain if has_gain else 0.0


def _q_of(kind: str, numbers: dict[str, float], hz: float, sample_rate: float) -> float:
    """Return the Q of what is no shelf; one of 0 counts as none."""
    if numbers.get("q"):
        return numbers["q"]
    if numbers.get("octaves"):
        # A band beyond half the rate is not heard, whatever its width.
        return q_of_bandwidth(numbers["octaves"], min(hz, 0.4999 * sample_rate), sample_rate)
    if kind not in _WIDTHS:
        raise Unapplied("it has neither Q nor BW Oct")
    return _WIDTHS[kind]


def _shelf(name: str, numbers: dict[str, float], hz: float, gain: float) -> tuple[float, float]:
    """Return a shelf's centre in Hz and its Q.

    LS and HS are given by where they begin if they have a Q or a slope, which is 12 dB for a slope
    of 1; the corner is moved to the centre as a Behringer DCX2496 has it.
    """
    slope, q = numbers.get("slope", 0.0) / 12, numbers.get("q", 0.0)
    if not slope and not q:
        return hz, q_of_slope(_SHELF_SLOPE, gain)
    if slope:
        q = q_of_slope(slope, gain)
    if not name.endswith("C"):
        if not slope:
            if q < _Q_LIMITS[0]:
                return hz, q  # refused
            a = 10 ** (gain / 40)
            slope = 1 / ((1 / q**2 - 2) / (a + 1 / a) + 1)
        shift = 10 ** (abs(gain) / 80 / slope)
        hz = hz * shift if name == "LS" else hz / shift
    return hz, q


def points_of(value: str) -> tuple[list[tuple[float, float]], str]:
    """Return the points of a ``GraphicEQ``, Hz and dB, and what of it is left out."""
    text = value if "." in value else value.replace(",", ".")
    numbers = [
        _number(found.group())
        for found in itertools.islice(_POINT.finditer(text), 2 * _MOST_POINTS + 1)
    ]
    if len(numbers) > 2 * _MOST_POINTS:
        raise Unapplied(f"more than {_MOST_POINTS} points")
    strange = _BETWEEN_POINTS.sub("", _POINT.sub(" ", text))
    if strange:
        raise Unapplied(f"{strange[:20]!r} is not a frequency and a gain")
    points = list(zip(numbers[::2], numbers[1::2], strict=False))
    if not points:
        raise Unapplied("it has no points")
    for hz, gain in points:
        inside = _CURVE_LIMITS_DB[0] <= gain <= _CURVE_LIMITS_DB[1]
        if not 0.0 <= hz <= _HZ_LIMITS[1] or not inside:
            raise Unapplied(f"{hz:g} Hz {gain:g} dB is out of range")
    return points, f"{numbers[-1]:g} Hz has no gain" if len(numbers) % 2 else ""


def delay_of(value: str, sample_rate: float) -> int:
    """Return a ``Delay`` in frames at a sample rate in Hz, halves up."""
    match = _DELAY.match(value)
    if not match:
        raise Unapplied(f"{value[:20]!r} is not a delay in ms or samples")
    frames = _number(match.group(1))
    if match.group(2).lower() == "ms":
        frames = sample_rate * frames / 1000.0
    if not 0 <= frames <= _MOST_DELAY_S * sample_rate:
        raise Unapplied(f"{value[:20]!r} is not within 0 and {_MOST_DELAY_S:g} s")
    return int(frames + 0.5)
