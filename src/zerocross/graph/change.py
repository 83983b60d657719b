"""Changes to a chain: which parts it has while old and new are faded, and which after it.

While it plays, a change is a program in which old and new run side by side for 20 ms, and then
one without the old. The chain's own parts change at the end, in one step, so that whoever looks
at them sees the chain before or after.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Any

from zerocross.errors import UsageError
from zerocross.graph.groups import Group, Parallel, Split, check_parts, check_tree
from zerocross.memory import Record
from zerocross.units import shown

__all__ = [
    "FADE_S",
    "Crossfade",
    "Edit",
    "inserting",
    "place_of",
    "removing",
    "replacing",
    "wait_for_fade",
]

#: How long old and new are heard together, in seconds.
FADE_S = 0.020
_PATIENCE_S = 2.0


class Crossfade(Group):
    """Two versions of a part, the old and the new one; nothing at all is an empty group."""


@dataclasses.dataclass(frozen=True)
class Edit:
    """A change to the parts of one group.

    Attributes
    ----------
    group : Group
    fading : list
        Its parts while old and new are heard.
    after : list
        Its parts from then on.

    """

    group: Group
    fading: Sequence[Any]
    after: Sequence[Any]

    def apply(self) -> None:
        """Give the group its new parts."""
        self.group.set_parts(self.after)

    def check(self, root: Group) -> None:
        """Check what a root will be after it; raises UsageError."""
        check_parts(self.after)
        check_tree(root, lambda group: self.after if group is self.group else group.parts)


def replacing(root: Group, old: Any, new: Any) -> Edit:
    """Return the change that puts a part in the place of another, anywhere in a group.

    Raises
    ------
    UsageError
        If ``old`` is not there.

    """
    group, place = _find(root, old)
    check_parts([new])
    return _edit(group, place, [_fade(old, new)], [new], 1)


def inserting(root: Group, index: int, part: Any) -> Edit:
    """Return the change that puts a part before the one at an index of the group's own."""
    place = place_of(index, len(root.parts) + 1)
    check_parts([part])
    return _edit(root, place, [_fade(Group(), part)], [part], 0)


def removing(root: Group, part: Any) -> Edit:
    """Return the change that takes a part out; a branch's place stays, and passes."""
    group, place = _find(root, part)
    left = [Group()] if isinstance(group, (Parallel, Split)) else []
    return _edit(group, place, [_fade(part, Group())], left, 1)


def place_of(index: Any, count: int) -> int:
    """Return an index among some places, counted from the end if negative; raises UsageError."""
    try:
        place: int = range(count)[index]
    except (IndexError, TypeError):
        raise UsageError(f"index {shown(index)}: there are places 0 to {count - 1}") from None
    return place


def _fade(old: Any, new: Any) -> Crossfade:
    made = Crossfade()
    made.set_parts([old, new])  # which may have parts in common: then the program refuses them
    return made


def _edit(group: Group, place: int, fading: list[Any], after: list[Any], taken: int) -> Edit:
    before, behind = group.parts[:place], group.parts[place + taken :]
    return Edit(group, [*before, *fading, *behind], [*before, *after, *behind])


def _find(root: Group, part: Any) -> tuple[Group, int]:
    waiting = [root]
    while waiting:
        group = waiting.pop()
        for place, inner in enumerate(group.parts):
            if inner is part:
                return group, place
            if isinstance(inner, Group):
                waiting.append(inner)
    raise UsageError(f"{shown(part)} is not in the chain")


def wait_for_fade(program: Record, is_connected: Callable[[], bool]) -> None:
    """Wait until the audio thread has faded to the new parts, or is known not to."""
    deadline = time.monotonic() + _PATIENCE_S
    total = int(program["fade_frames"])
    while int(program["fade_done"]) < total and time.monotonic() < deadline and is_connected():
        time.sleep(0.002)
