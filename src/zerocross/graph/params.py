"""Parameters: set from Python at any time, smoothed on the audio thread.

Python writes a target with one store. The audio thread sees it at the next frame and moves the
value there in a straight line, a step each frame.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from zerocross.compiler import kernel, records_at
from zerocross.errors import UsageError
from zerocross.graph.event import EVENT
from zerocross.units import checked_number

__all__ = ["Param", "change_params", "param", "smooth"]

_MAX_SMOOTHING_S = 3600.0


@dataclasses.dataclass(frozen=True)
class Param:
    """A parameter: set from Python at any time, read smoothed on the audio thread; see `param`."""

    default: float
    min: float
    max: float
    unit: str
    smoothing: float

    def check(self, name: str, value: Any) -> float:
        """Return a value that is in range; raises UsageError."""
        if isinstance(value, bool) and (self.min, self.max) == (0.0, 1.0):
            return float(value)  # a switch
        return checked_number(name, value, self.min, self.max, self.unit)


def param(
    default: float,
    min: float = 0.0,  # noqa: A002  the words that users know
    max: float = 1.0,  # noqa: A002
    unit: str = "",
    smoothing: float = 0.02,
) -> Any:
    """Declare a parameter of a processor.

    Parameters
    ----------
    default, min, max : float
        First value and range; a value outside is refused.
    unit : str
        For people, such as ``dB``.
    smoothing : float
        Seconds in which a new value is reached, in a straight line, a step each frame; 0 for
        at once, up to 3600.

    Raises
    ------
    UsageError
        For what is not a finite number, and for a default outside the range.

    """
    try:
        least, most = checked_number("min", min), checked_number("max", max)
        first = checked_number("default", default)
        seconds = checked_number("smoothing", smoothing, 0.0, _MAX_SMOOTHING_S, "s")
    except UsageError as error:
        raise UsageError(f"param: {error}") from None
    if not least <= first <= most:
        raise UsageError(
            f"param({first:g}, {least:g}, {most:g}): give a default within a finite range, the lower end first"
        )
    return Param(first, least, most, str(unit), seconds)


@kernel
def _head_for(state: Any, k: Any, goal: Any) -> None:
    """Let a parameter move to a value."""
    state._goal[k] = goal
    state._left[k] = state._frames[k]
    if state._left[k] > 0:
        state._step[k] = (goal - state._value[k]) / state._left[k]
    else:
        state._value[k] = goal


@kernel
def smooth(state: Any, frames: Any) -> Any:
    """Move the parameters on; returns for how many frames they now stand still.

    A frame at a time while one moves, so any split into blocks gives the same bits.
    Real-time: safe.
    """
    moving = 0
    for k in range(state._target.size):
        target = state._target[k]
        if target != state._seen[k]:
            state._seen[k] = target
            _head_for(state, k, target)
        moving |= state._left[k] > 0
    if moving == 0:
        return frames
    for k in range(state._target.size):
        if state._left[k] > 0:
            state._left[k] -= 1
            state._value[k] += state._step[k]
            if state._left[k] == 0:
                state._value[k] = state._goal[k]
    return 1


@kernel
def change_params(state: Any, changes: Any, count: Any) -> None:
    """Let parameters head for what events say. Real-time: safe."""
    events = records_at(changes, count, EVENT)
    for k in range(count):
        if 0 <= events[k].note < state._goal.size:
            _head_for(state, events[k].note, events[k].velocity)
