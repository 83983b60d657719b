"""Changes to a chain: which parts it has while old and new are faded, and which after it.

While it plays, a change is a program in which old and new run side by side for 20 ms, and then
one without the old. The chain's own parts change at the end, in one step, so that whoever looks
at them sees the chain before or after.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any

from zerocross.errors import UsageError
from zerocross.graph.groups import Group, Parallel, Split
from zerocross.memory import Record

__all__ = ["FADE_S", "Crossfade", "Edit", "inserting", "removing", "replacing", "wait_for_fade"]

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
    fading: list[Any]
    after: list[Any]

    def apply(self) -> None:
        """Give the group its new parts."""
        self.group.parts[:] = self.after


def replacing(root: Group, old: Any, new: Any) -> Edit:
    """Return the change that puts a part in the place of another, anywhere in a group.

    Raises
    ------
    UsageError
        If ``old`` is not there.

    """
    group, place = _find(root, old)
    return _edit(group, place, [Crossfade(old, new)], [new], 1)


def inserting(root: Group, index: int, part: Any) -> Edit:
    """Return the change that puts a part before the one at an index of the group's own."""
    place = range(len(root.parts) + 1)[index]
    return _edit(root, place, [Crossfade(Group(), part)], [part], 0)


def removing(root: Group, part: Any) -> Edit:
    """Return the change that takes a part out; a branch's place stays, and passes."""
    group, place = _find(root, part)
    left = [Group()] if isinstance(group, (Parallel, Split)) else []
    return _edit(group, place, [Crossfade(part, Group())], left, 1)


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
    raise UsageError(f"{part!r} is not in the chain")


def wait_for_fade(program: Record, is_connected: Callable[[], bool]) -> None:
    """Wait until the audio thread has faded to the new parts, or is known not to."""
    deadline = time.monotonic() + _PATIENCE_S
    total = int(program["fade_frames"])
    while int(program["fade_done"]) < total and time.monotonic() < deadline and is_connected():
        time.sleep(0.002)
