"""What can be set of a visualiser, each with its range, and whether it is drawn anew for it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from zerocross.errors import UsageError
from zerocross.spectrum import SCALES
from zerocross.units import checked_flag, checked_number, checked_whole

__all__ = ["Setting", "Settings"]

T = TypeVar("T")


class Setting(Generic[T]):
    """An attribute of a `Visualiser` that is checked, kept in its `Settings`, and heard of.

    Parameters
    ----------
    check : callable
        Takes the name and a value; returns it, or raises UsageError.
    lays_out : bool
        Whether the picture is laid out anew, which takes milliseconds, and not only its next frame.

    """

    def __init__(self, check: Callable[[str, Any], T], *, lays_out: bool = False) -> None:
        self._check, self._lays_out = check, lays_out

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, visualiser: Any, owner: type | None = None) -> T:
        value: T = getattr(visualiser.settings, self._name)
        return value

    def __set__(self, visualiser: Any, value: T) -> None:
        setattr(visualiser.settings, self._name, self._check(self._name, value))
        visualiser.adjust(self._lays_out)


def number(least: float, most: float, unit: str = "", *, lays_out: bool = False) -> Setting[float]:
    """Return a setting that is a number in a range."""
    return Setting(
        lambda name, value: checked_number(name, value, least, most, unit), lays_out=lays_out
    )


def whole(least: int, most: int) -> Setting[int]:
    """Return a setting that is a whole number in a range; all is laid out anew."""
    return Setting(lambda name, value: checked_whole(name, value, least, most), lays_out=True)


def flag() -> Setting[bool]:
    """Return a setting that is on or off."""
    return Setting(checked_flag)


def _scale(name: str, value: Any) -> str:
    if value not in SCALES:
        raise UsageError(f"{name}={value!r}: give one of {', '.join(SCALES)}")
    return str(value)


def scale() -> Setting[str]:
    """Return the setting of the scale."""
    return Setting(_scale, lays_out=True)


@dataclasses.dataclass
class Settings:
    """What a visualiser is set to; `Visualiser` says what each is."""

    scale: str = "logarithmic"
    smoothing: float = 0.25
    fall: float = 6.0
    range_db: float = 60.0
    autosens: bool = True
    peaks: bool = False
    hold_s: float = 1.0
    bar_width: int = 2
    gap: int = 1
    low_hz: float = 30.0
    high_hz: float = 16_000.0
    fraction: int = 3
    span_s: float = 0.02
    trigger: bool = True
    history_s: float = 8.0
