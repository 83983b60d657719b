"""What a player is given, looked at before anything is made of it."""

from __future__ import annotations

import difflib
import operator
from collections.abc import Iterable
from typing import Any

from zerocross.errors import UsageError

__all__ = ["check_effects", "checked_block_size", "checked_device", "unknown_name"]

_SMALLEST, _LARGEST = 16, 65_536


def checked_device(name: Any) -> str | None:
    """Return a device's name, or None for the default one.

    Raises
    ------
    UsageError
        For anything else.

    """
    if name is None or (isinstance(name, str) and name.strip()):
        return name
    raise UsageError(f"device={name!r}: give a device's name or a part of it, or None")


def checked_block_size(frames: Any) -> int | None:
    """Return a number of frames in a callback, or None; as `checked_device`."""
    if frames is None:
        return None
    try:
        count = operator.index(frames)
    except TypeError:
        count = 0
    if isinstance(frames, bool) or not _SMALLEST <= count <= _LARGEST:
        raise UsageError(f"block size {frames!r}: give {_SMALLEST} to {_LARGEST} frames")
    return count


def check_effects(effects: Any) -> None:
    """Raise UsageError for what is no chain."""
    from zerocross.graph.chain import Chain  # only where there are effects

    if effects is not None and not isinstance(effects, Chain):
        raise UsageError(f"effects={effects!r}: give a zerocross.Chain of them")


def unknown_name(owner: str, name: str, known: Iterable[str]) -> str:
    """Return what to say of a name that is not there."""
    names = sorted(each for each in known if not each.startswith("_"))
    near = difflib.get_close_matches(name, names, 1)
    cure = f"; {near[0]} is near" if near else f"; there are: {', '.join(names)}"
    return f"{owner} has no {name!r} to set{cure}"
