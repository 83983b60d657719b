"""What the lines of a preset say: gains, channels, filters and points, from text."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from zerocross.eq.design import q_of_bandwidth, q_of_slope
from zerocross.errors import UsageError

__all__ = [
    "NOMINAL_RATE",
    "Band",
    "Unapplied",
    "band_of",
    "channels_of",
    "gain_of",
    "points_of",
]

Band = tuple[str, float, float, float]

#: For which bandwidths are designed, in Hz.
NOMINAL_RATE = 48_000.0
_MOST_POINTS = 10_000
_GAIN_LIMIT_DB, _Q_LIMITS, _HZ_LIMITS = 60.0, (0.01, 1000.0), (0.1, 400_000.0)
_BUTTERWORTH_Q = math.sqrt(0.5)
_NOTCH_Q = 30.0
_SHELF_SLOPE = 0.9

_KINDS = {
    "PK": "peaking",
    "PEQ": "peaking",
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
_CHANNELS = {
    "L": 0,
    "R": 1,
    "C": 2,
    "LFE": 3,
    "SUB": 3,
    "RL": 4,
    "RR": 5,
    "SL": 6,
    "SR": 7,
    **{str(k + 1): k for k in range(8)},
}
_NUMBER = r"([-+]?\d[\d.,]*(?:[eE][-+]?\d{1,3})?|[-+]?[.,]\d+)"
_FILTER = re.compile(r"^(ON|OFF)\s+([A-Za-z]+)\s*(.*)$", re.IGNORECASE)
_VALUES = {
    "slope": re.compile(rf"^{_NUMBER}\s*dB\b", re.IGNORECASE),
    "fc": re.compile(rf"\bFc\s+{_NUMBER}\s*(k?Hz)?", re.IGNORECASE),
    "gain": re.compile(rf"\bGain\s+{_NUMBER}", re.IGNORECASE),
    "q": re.compile(rf"\bQ\s+{_NUMBER}", re.IGNORECASE),
    "octaves": re.compile(rf"\bBW\s+Oct\s+{_NUMBER}", re.IGNORECASE),
}
_THOUSANDS = re.compile(r"^[-+]?\d{1,3}(,\d{3})+(\.\d+)?$")


class Unapplied(Exception):
    """Why a line is not applied."""


def _number(text: str, is_frequency: bool = False) -> float:
    """Return a number with a decimal point or comma; in Hz, ``1,000`` is a thousand."""
    plain = text
    if is_frequency and _THOUSANDS.match(text):
        plain = text.replace(",", "")
    elif "," in text and "." in text:
        plain = text.replace("," if text.rindex(".") > text.rindex(",") else ".", "")
    try:
        number = float(plain.replace(",", "."))
    except ValueError:
        raise Unapplied(f"{text[:20]!r} is not a number") from None
    if not math.isfinite(number):
        raise Unapplied(f"{text[:20]!r} is not a number")
    return number


def gain_of(value: str) -> float:
    """Return a ``Preamp`` in dB."""
    match = re.match(rf"^{_NUMBER}\s*(dB)?$", value, re.IGNORECASE)
    if not match:
        raise Unapplied(f"{value[:20]!r} is not a gain")
    number = _number(match.group(1))
    if abs(number) > _GAIN_LIMIT_DB:
        raise Unapplied(f"{number:g} dB is beyond {_GAIN_LIMIT_DB:g} dB")
    return number


def channels_of(value: str) -> frozenset[int] | None:
    """Return the channels, from 0, that a line names; None for all."""
    names = value.upper().split()
    if "ALL" in names:
        return None
    unknown = [name for name in names if name not in _CHANNELS]
    if unknown or not names:
        raise Unapplied(f"{' '.join(unknown)[:20] or 'nothing'} names no channel")
    return frozenset(_CHANNELS[name] for name in names)


def band_of(value: str) -> Band:
    """Return what a ``Filter`` says: kind, Hz, Q and dB."""
    match = _FILTER.match(value)
    if not match:
        raise Unapplied("it is neither ON nor OFF, with a kind of filter")
    state, name, rest = match.group(1).upper(), match.group(2).upper(), match.group(3)
    if state == "OFF":
        raise Unapplied("it is switched off")
    if name not in _KINDS:
        raise Unapplied(f"filters of kind {match.group(2)[:20]!r} are not supported")
    found = {key: pattern.search(rest) for key, pattern in _VALUES.items()}
    if not found["fc"]:
        raise Unapplied("it has no frequency (Fc)")
    numbers = {key: _number(m.group(1), is_frequency=key == "fc") for key, m in found.items() if m}
    if (found["fc"].group(2) or "").lower() == "khz":
        numbers["fc"] *= 1000.0
    return _checked(_KINDS[name], name, numbers)


def _checked(kind: str, name: str, numbers: dict[str, float]) -> Band:
    hz, gain = numbers["fc"], numbers.get("gain", 0.0)
    has_gain = kind in ("peaking", "lowshelf", "highshelf")
    if has_gain and "gain" not in numbers:
        raise Unapplied("it has no gain")
    if not _HZ_LIMITS[0] <= hz <= _HZ_LIMITS[1]:
        raise Unapplied(f"{hz:g} Hz is not within {_HZ_LIMITS[0]:g} and {_HZ_LIMITS[1]:g} Hz")
    if abs(gain) > _GAIN_LIMIT_DB:
        raise Unapplied(f"{gain:g} dB is beyond {_GAIN_LIMIT_DB:g} dB")
    try:
        q = _q_of(kind, name, numbers, hz, gain)
    except UsageError as error:
        raise Unapplied(str(error)) from None
    if not _Q_LIMITS[0] <= q <= _Q_LIMITS[1]:
        raise Unapplied(f"a Q of {q:g} is not within {_Q_LIMITS[0]:g} and {_Q_LIMITS[1]:g}")
    if name in ("LS", "HS") and "q" not in numbers:
        slope = numbers["slope"] / 12 if "slope" in numbers else _SHELF_SLOPE
        shift = 10 ** (abs(gain) / 80 / slope)  # from where it begins to its centre
        hz = hz * shift if name == "LS" else hz / shift
    return kind, hz, q, gain if has_gain else 0.0


def _q_of(kind: str, name: str, numbers: dict[str, float], hz: float, gain: float) -> float:
    if "q" in numbers and name not in ("LP", "HP"):
        return numbers["q"]
    if "octaves" in numbers:
        return q_of_bandwidth(numbers["octaves"], min(hz, 0.4 * NOMINAL_RATE), NOMINAL_RATE)
    if kind in ("lowshelf", "highshelf"):
        return q_of_slope(numbers["slope"] / 12 if "slope" in numbers else _SHELF_SLOPE, gain)
    if name in ("LP", "HP"):
        return _BUTTERWORTH_Q
    if kind == "notch":
        return _NOTCH_Q
    raise Unapplied("it has neither Q nor BW Oct")


def points_of(value: str) -> list[tuple[float, float]]:
    """Return the points of a ``GraphicEQ``: Hz and dB."""
    points = []
    for hz, gain in _pairs(value):
        if not _HZ_LIMITS[0] <= hz <= _HZ_LIMITS[1] or abs(gain) > _GAIN_LIMIT_DB:
            raise Unapplied(f"{hz:g} Hz {gain:g} dB is out of range")
        points.append((hz, gain))
        if len(points) > _MOST_POINTS:
            raise Unapplied(f"more than {_MOST_POINTS} points")
    if not points:
        raise Unapplied("it has no points")
    if len({hz for hz, _ in points}) < len(points):
        raise Unapplied("it has two points at one frequency")
    return points


def _pairs(value: str) -> Iterator[tuple[float, float]]:
    for piece in value.split(";"):
        if not piece.strip():
            continue
        words = piece.split()
        if len(words) != 2:
            raise Unapplied(f"{piece.strip()[:20]!r} is not a frequency and a gain")
        yield _number(words[0], is_frequency=True), _number(words[1])
