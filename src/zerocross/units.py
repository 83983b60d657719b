"""Decibels, frames, seconds: conversions between the units people and kernels use."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable

from zerocross.errors import UsageError

__all__ = [
    "checked_cpus",
    "checked_seconds",
    "checked_volume",
    "checked_whole",
    "db_to_gain",
    "format_time",
    "frames_to_seconds",
    "gain_to_db",
    "seconds_to_frames",
]


def db_to_gain(level_db: float) -> float:
    """Return the amplitude ratio of a level in dB: ``10 ** (level_db / 20)``."""
    return math.pow(10.0, level_db / 20.0)


def gain_to_db(gain: float) -> float:
    """Return a level in dB of an amplitude ratio; silence is ``-inf``."""
    return 20.0 * math.log10(gain) if gain > 0.0 else -math.inf


def seconds_to_frames(seconds: float, sample_rate: int) -> int:
    """Return the frame nearest to a time in seconds (half to even)."""
    return round(seconds * sample_rate)


def frames_to_seconds(frames: int, sample_rate: int) -> float:
    """Return the time in seconds at which a frame begins."""
    return frames / sample_rate


def format_time(seconds: float) -> str:
    """Return a time as ``m:ss``, or ``h:mm:ss`` from one hour on.

    >>> format_time(65.9), format_time(3661)
    ('1:05', '1:01:01')
    """
    whole = max(0, int(seconds))
    hours, minutes = divmod(whole // 60, 60)
    if hours:
        return f"{hours}:{minutes:02}:{whole % 60:02}"
    return f"{minutes}:{whole % 60:02}"


def checked_seconds(name: str, value: float) -> float:
    """Return a time in seconds, 0 or more.

    Raises
    ------
    UsageError
        For anything else, NaN and infinity too.

    """
    try:
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if not 0.0 <= seconds < math.inf:
        raise UsageError(f"{name}={value!r}: give 0 or more seconds")
    return seconds


def checked_volume(value: float) -> float:
    """Return a volume, a gain from 0 to 1.

    Raises
    ------
    UsageError
        For anything else, NaN too.

    """
    try:
        fits = 0.0 <= value <= 1.0
    except (TypeError, ValueError):  # a text, an array
        fits = False
    if not fits:
        raise UsageError(f"volume {value!r}: give a number from 0 to 1")
    return float(value)


def checked_whole(name: str, value: int, low: int, high: int) -> int:
    """Return a whole number within limits.

    Raises
    ------
    UsageError
        For anything else, a float of whole value too.

    """
    try:
        number = low - 1 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = low - 1
    if not low <= number <= high:
        raise UsageError(f"{name}={value!r}: give a whole number from {low} to {high}")
    return number


def checked_cpus(name: str, value: Iterable[int] | None) -> list[int] | None:
    """Return CPUs by their numbers; None for any.

    Raises
    ------
    UsageError
        For anything but whole numbers, 0 or more, and at least one of them.

    """
    if value is None:
        return None
    hint = f"{name}={value!r}: give CPUs by their numbers in a list, such as [1]"
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise UsageError(hint)
    found = list(value)
    if not found or any(
        isinstance(cpu, bool) or not hasattr(cpu, "__index__") or cpu < 0 for cpu in found
    ):
        raise UsageError(hint)
    return [operator.index(cpu) for cpu in found]
