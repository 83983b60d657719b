"""Decibels, frames, seconds: conversions between the units people and kernels use, and checks."""

from __future__ import annotations

import math
import operator
import os
import re
from collections.abc import Callable, Iterable
from typing import Any

from zerocross.errors import UsageError

__all__ = [
    "checked_cpus",
    "checked_flag",
    "checked_number",
    "checked_path",
    "checked_progress",
    "checked_rate",
    "checked_seconds",
    "checked_volume",
    "checked_whole",
    "db_to_gain",
    "format_time",
    "frames_to_seconds",
    "gain_to_db",
    "parse_time",
    "parse_volume",
    "seconds_to_frames",
    "shown",
]

_MAX_HZ = 10e6
_MAX_S = 1e9  # thirty years
#: Seconds, or minutes and hours before them, up to 59 but for the first.
_TIME = re.compile(r"(?:(?:([0-9]+):)?([0-9]+):(?=[0-5]?[0-9](?![0-9])))?([0-9]*\.?[0-9]*)")


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


def parse_time(text: str) -> float:
    """Return the seconds of a time as people write it; the inverse of `format_time`.

    Raises
    ------
    UsageError
        For anything else.

    >>> parse_time("90"), parse_time("1:30"), parse_time("1:02:03.5")
    (90.0, 90.0, 3723.5)

    """
    found = _TIME.fullmatch(text.strip())
    if not found or not found[3].strip("."):
        raise UsageError(f"{shown(text)} is not a time; give 90, 1:30 or 1:02:03.5")
    hours, minutes = int(found[1] or 0), int(found[2] or 0)
    seconds = 3600.0 * hours + 60.0 * minutes + float(found[3])
    if (found[1] and minutes > 59) or seconds > _MAX_S:
        raise UsageError(f"{shown(text)} is not a time; give 90, 1:30 or 1:02:03.5")
    return seconds


def parse_volume(text: str) -> float:
    """Return the gain, 0 to 1, of a volume as people write it: ``0.8`` or ``80%``.

    Raises
    ------
    UsageError
        For anything else.

    >>> parse_volume("80%"), parse_volume("0.8")
    (0.8, 0.8)

    """
    number, percent, rest = text.strip().partition("%")
    try:
        volume = math.nan if rest else float(number) / (100.0 if percent else 1.0)
    except ValueError:
        volume = math.nan
    if not 0.0 <= volume <= 1.0:
        raise UsageError(f"{shown(text)} is no volume; give 0 to 1, or 0% to 100%")
    return volume


def shown(value: Any) -> str:
    """Return a value as an error may quote it: on one line, and not long."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # noqa: BLE001  someone else's repr, in the middle of an error
        text = f"a {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:77]}..."


def _is_boolean(value: Any) -> bool:
    """Return whether a value is a boolean, Python's or NumPy's."""
    return isinstance(value, bool) or str(getattr(value, "dtype", "")) == "bool"


def _as_number(value: Any) -> float:
    """Return a number as a float; NaN for what is none: text, booleans, arrays, complex numbers."""
    is_text = isinstance(value, (str, bytes, bytearray))
    if is_text or _is_boolean(value) or getattr(value, "ndim", None):
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _range(least: float, most: float, unit: str) -> str:
    words = f" {unit}" if unit else ""
    if math.isinf(most):
        return "a finite number" if math.isinf(least) else f"a finite number from {least:g}{words}"
    return f"{least:g} to {most:g}{words}"


def checked_number(
    name: str, value: Any, least: float = -math.inf, most: float = math.inf, unit: str = ""
) -> float:
    """Return a finite number in a range, its ends included.

    Raises
    ------
    UsageError
        For anything else: NaN, infinity, text, None, booleans and arrays too. It names the value.

    """
    number = _as_number(value)
    if not (math.isfinite(number) and least <= number <= most):
        raise UsageError(f"{name}={shown(value)}: give {_range(least, most, unit)}")
    return number


def checked_rate(sample_rate: object) -> float:
    """Return a sample rate in Hz; raise `UsageError` unless a chain can run at it: 1 to 10e6."""
    return checked_number("sample_rate", sample_rate, 1.0, _MAX_HZ, "Hz")


def checked_whole(name: str, value: Any, least: int, most: int, unit: str = "") -> int:
    """Return a whole number in a range, its ends included; 48000.0 is one, 0.5 is none.

    Raises
    ------
    UsageError
        For anything else. It names the value.

    """
    number = _as_number(value)
    if not (math.isfinite(number) and number.is_integer() and least <= number <= most):
        words = f" {unit}" if unit else ""
        raise UsageError(f"{name}={shown(value)}: give a whole number, {least} to {most}{words}")
    return int(value)


def checked_flag(name: str, value: Any) -> bool:
    """Return whether something is asked for: a boolean, Python's or NumPy's, or 0 or 1.

    Raises
    ------
    UsageError
        For anything else, whose truth would be a guess: text, None, NaN, lists.

    """
    if _is_boolean(value) and not getattr(value, "ndim", None):
        return bool(value)
    number = _as_number(value)
    if number not in (0.0, 1.0):
        raise UsageError(f"{name}={shown(value)}: give True or False")
    return bool(number)


def checked_path(name: str, path: Any) -> str | bytes | os.PathLike[str]:
    """Return a path: text, bytes or what has ``__fspath__``.

    Raises
    ------
    UsageError
        For anything else; names the argument.

    """
    if not isinstance(path, (str, bytes, os.PathLike)):
        raise UsageError(f"{name}={shown(path)}: give the path of a file")
    return path


def checked_progress(progress: Any) -> Callable[[float], None] | None:
    """Return what is told the share that is done; None for nobody.

    Raises
    ------
    UsageError
        For what cannot be called.

    """
    if progress is None or callable(progress):
        return progress  # type: ignore[no-any-return]
    raise UsageError(f"progress={shown(progress)}: give what can be called with a share")


def checked_seconds(name: str, value: Any) -> float:
    """Return a time in seconds, 0 or more.

    Raises
    ------
    UsageError
        For anything else, NaN and infinity too.

    """
    seconds = _as_number(value)
    if not 0.0 <= seconds < math.inf:
        raise UsageError(f"{name}={shown(value)}: give 0 or more seconds")
    return seconds


def checked_volume(value: Any) -> float:
    """Return a volume, a gain from 0 to 1.

    Raises
    ------
    UsageError
        For anything else, NaN too.

    """
    volume = _as_number(value)
    if not 0.0 <= volume <= 1.0:
        raise UsageError(f"volume {shown(value)}: give a number from 0 to 1")
    return volume


def checked_cpus(name: str, value: Iterable[int] | None) -> list[int] | None:
    """Return CPUs by their numbers; None for any.

    Raises
    ------
    UsageError
        For anything but whole numbers, 0 or more, and at least one of them.

    """
    if value is None:
        return None
    hint = f"{name}={shown(value)}: give CPUs by their numbers in a list, such as [1]"
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise UsageError(hint)
    found = list(value)
    if not found or any(
        isinstance(cpu, bool) or not hasattr(cpu, "__index__") or cpu < 0 for cpu in found
    ):
        raise UsageError(hint)
    return [operator.index(cpu) for cpu in found]
