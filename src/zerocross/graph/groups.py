"""Composition: parts one after the other, side by side, or one for each channel.

What is not a part is refused here, when it is put in: no group is within itself, no processor is
in a group twice, and nothing is nested deeper than `MAX_DEPTH`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from zerocross.attributes import FixedAttributes
from zerocross.errors import UsageError
from zerocross.graph.processor import Processor
from zerocross.units import checked_number, checked_whole, shown

__all__ = ["MAX_DEPTH", "Bypassed", "Group", "Parallel", "Split", "check_parts", "check_tree"]

#: Groups within groups.
MAX_DEPTH = 64
_MAX_GAIN = 1e6


class Group(FixedAttributes):
    """Parts one after the other; without parts, everything passes."""

    def __init__(self, *parts: Any) -> None:
        check_parts(parts)
        self._parts: tuple[Any, ...] = tuple(parts)
        check_tree(self)

    @property
    def parts(self) -> tuple[Any, ...]:
        """Its own parts, in order; `Chain.replace` and its kin change them."""
        return self._parts

    def __getitem__(self, index: int) -> Any:
        count = len(self._parts)
        if not count:
            raise UsageError(f"[{shown(index)}]: the {type(self).__name__} has no parts")
        return self._parts[checked_whole("index", index, -count, count - 1)]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._parts)

    def set_parts(self, parts: Sequence[Any]) -> None:
        """Give it other parts, all at once; a chain that plays does not hear of it."""
        self._parts = tuple(parts)

    def fit(self, sample_rate: float, channels: int) -> None:
        """Get ready for a format, before its parts are laid out; most groups have the same for all."""

    def processors(self) -> Iterator[Processor]:
        """Yield all processors, in order."""
        for part in self.parts:
            if isinstance(part, Processor):
                yield part
            else:
                yield from part.processors()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.parts))})"

    def __reduce_ex__(self, _protocol: Any) -> Any:
        raise UsageError(f"a {type(self).__name__} cannot be copied, nor can its processors")


class Parallel(Group):
    """Parts side by side: all get the same input, and what they give is added up.

    Parameters
    ----------
    *parts : Processor or Chain
        Branches; latency compensation makes them meet.
    gains : sequence of float or None
        A factor for each branch, -1e6 to 1e6; None for 1.

    Raises
    ------
    UsageError
        Without branches, and for gains that are not one finite number for each.

    """

    def __init__(self, *parts: Any, gains: Sequence[float] | None = None) -> None:
        super().__init__(*parts)
        try:
            given = [1.0] * len(parts) if gains is None else list(gains)
        except TypeError:
            raise UsageError(f"gains={shown(gains)}: give one for each branch") from None
        if len(given) != len(parts) or not parts:
            raise UsageError(f"{len(given)} gains for {len(parts)} branches; give one each")
        self._gains = tuple(
            checked_number(f"gains[{k}]", gain, -_MAX_GAIN, _MAX_GAIN)
            for k, gain in enumerate(given)
        )

    @property
    def gains(self) -> tuple[float, ...]:
        """The factor of each branch."""
        return self._gains


class Split(Group):
    """A part for each channel, in order; each gets one channel."""


class Bypassed(Group):
    """Stands in a chain where a part is left out for a while: what comes in goes out.

    `Chain.replace` exchanges the two with a crossfade. The part begins from rest each time.

    Attributes
    ----------
    part : Processor or Group
        What is left out.

    """

    def __init__(self, part: Any) -> None:
        check_parts([part])
        self.part = part
        super().__init__()


def check_parts(parts: Sequence[Any]) -> None:
    """Check that all are processors or groups.

    Raises
    ------
    UsageError
        For anything else; says what to do where that can be told.

    """
    for part in parts:
        if isinstance(part, (Processor, Group)):
            continue
        hint = ""
        if isinstance(part, type) and issubclass(part, (Processor, Group)):
            hint = " (make one: write parentheses after it)"
        elif isinstance(part, type) or callable(part):
            hint = " (write @zerocross.processor above it)"
        elif isinstance(part, (list, tuple)):
            hint = " (write a star before it: Chain(*parts))"
        raise UsageError(f"{shown(part)} is not a processor or a chain{hint}")


def check_tree(root: Group, parts_of: Callable[[Group], Sequence[Any]] | None = None) -> None:
    """Check that a group has no processor twice, is not within itself, and is not too deep.

    Parameters
    ----------
    root : Group
        The outermost.
    parts_of : callable or None
        Returns a group's parts; None for those that it has.

    Raises
    ------
    UsageError
        For each of these.

    """
    look = parts_of or (lambda group: group.parts)
    seen: set[int] = set()
    path = [root]
    waiting: list[Iterator[Any]] = [iter(look(root))]
    while waiting:
        part = next(waiting[-1], None)
        if part is None:
            path.pop()
            waiting.pop()
        elif any(part is outer for outer in path):
            raise UsageError(f"a {type(part).__name__} cannot be a part of itself")
        elif isinstance(part, Group):
            if len(path) >= MAX_DEPTH:
                raise UsageError(f"groups are nested more than {MAX_DEPTH} deep; write them flat")
            path.append(part)
            waiting.append(iter(look(part)))
        elif id(part) in seen:
            raise UsageError(f"{part!r} is in the chain twice; make another one of its class")
        else:
            seen.add(id(part))
