"""What a player is given, looked at before anything is made of it."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from zerocross.errors import UsageError

if TYPE_CHECKING:
    from zerocross.graph.chain import Chain

__all__ = ["checked_block_size", "checked_device", "checked_effects"]

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


def checked_effects(effects: Any) -> Chain | None:
    """Return effects as a chain, or None; as `checked_device`."""
    if effects is None:
        return None
    from zerocross.graph.chain import chain_of  # only where there are effects

    return chain_of(effects, "effects")
