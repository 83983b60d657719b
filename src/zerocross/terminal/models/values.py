"""Parameters as people turn them: steps, places on a slider, words."""

from __future__ import annotations

import math

from zerocross.graph.params import Param

__all__ = ["place_of", "step", "value_at", "words_of_name", "words_of_value"]

#: Ranges that go further than this are turned by ratios, and so are frequencies.
_WIDE = 50.0
_STEPS_DB, _STEPS = 0.5, 50
_STEPS_IN_OCTAVE = 12


def _is_ratio(param: Param) -> bool:
    return param.min > 0 and param.max / param.min >= _WIDE


def step(param: Param, value: float, steps: float) -> float:
    """Return a value turned by steps: semitones of what is wide, half dB, or a fiftieth of the range."""
    if _is_ratio(param):
        turned = value * 2 ** (steps / _STEPS_IN_OCTAVE)
    elif param.unit == "dB":
        turned = round(value + _STEPS_DB * steps, 3)
    else:
        turned = value + steps * (param.max - param.min) / _STEPS
    return _within(param, float(f"{turned:.6g}"))


def place_of(param: Param, value: float) -> float:
    """Return where a value stands on a slider, 0 to 1."""
    if param.max == param.min:
        return 0.0
    if _is_ratio(param):
        return math.log(value / param.min) / math.log(param.max / param.min)
    return (value - param.min) / (param.max - param.min)


def value_at(param: Param, place: float) -> float:
    """Return the value at a place on a slider, to three digits."""
    share = min(max(place, 0.0), 1.0)
    if _is_ratio(param):
        value = param.min * (param.max / param.min) ** share
    else:
        value = param.min + share * (param.max - param.min)
    if param.unit == "dB":
        return _within(param, round(value, 1))
    return _within(param, float(f"{value:.3g}"))


def _within(param: Param, value: float) -> float:
    return min(max(value, param.min), param.max)


def words_of_name(param: Param, name: str) -> str:
    """Return a parameter's name without the unit that stands behind its value."""
    unit = "_" + param.unit.lower()
    return name.removesuffix(unit).replace("_", " ") if len(unit) > 1 else name.replace("_", " ")


def words_of_value(param: Param, value: float) -> str:
    """Return a value with its unit."""
    return f"{value:.4g} {param.unit}".rstrip()
