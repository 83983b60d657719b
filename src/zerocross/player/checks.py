"""What a player is given, looked at before anything is made of it."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from zerocross.errors import UsageError
from zerocross.units import checked_seconds, shown

if TYPE_CHECKING:
    from zerocross.graph.chain import Chain

__all__ = ["checked_block_size", "checked_device", "checked_effects", "checked_loop"]

_SMALLEST, _LARGEST = 16, 65_536
#: The shortest loop, with room for its two fades.
_SHORTEST_LOOP_S = 0.05


def checked_device(name: Any) -> str | None:
    """Return a device's name, or None for the default one.

    Raises
    ------
    UsageError
        For anything else.

    """
    if name is None or (isinstance(name, str) and name.strip()):
        return name
    raise UsageError(f"device={shown(name)}: give a device's name or a part of it, or None")


def checked_block_size(frames: Any) -> int | None:
    """Return a number of frames in a callback, or None; as `checked_device`."""
    if frames is None:
        return None
    try:
        count = operator.index(frames)
    except TypeError:
        count = 0
    if isinstance(frames, bool) or not _SMALLEST <= count <= _LARGEST:
        raise UsageError(f"block size {shown(frames)}: give {_SMALLEST} to {_LARGEST} frames")
    return count


def checked_effects(effects: Any) -> Chain | None:
    """Return effects as a chain, or None; as `checked_device`."""
    if effects is None:
        return None
    from zerocross.graph.chain import chain_of  # only where there are effects

    return chain_of(effects, "effects")


def checked_loop(start_s: Any, end_s: Any, duration_s: float | None) -> tuple[float, float]:
    """Return the part of a track that is looped, within it; as `checked_device`."""
    start = checked_seconds("start_s", start_s)
    end = checked_seconds("end_s", end_s)
    if duration_s is not None:
        end = min(end, duration_s)
    if end - start < _SHORTEST_LOOP_S:
        within = "" if duration_s is None else f", within the track's {duration_s:.2f} s"
        raise UsageError(
            f"from {start:g} s to {end:g} s: a loop is {_SHORTEST_LOOP_S:g} s at least{within}"
        )
    return start, end
