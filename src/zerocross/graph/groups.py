"""Composition: parts one after the other, side by side, or one for each channel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from zerocross.errors import UsageError
from zerocross.graph.processor import Processor

__all__ = ["Group", "Parallel", "Split"]


class Group:
    """Parts one after the other; without parts, everything passes."""

    def __init__(self, *parts: Any) -> None:
        for part in parts:
            if not isinstance(part, (Processor, Group)):
                hint = " (make one: write parentheses after it)" if isinstance(part, type) else ""
                raise UsageError(f"{part!r} is not a processor or a chain{hint}")
        self.parts: list[Any] = list(parts)

    def processors(self) -> Iterator[Processor]:
        """Yield all processors, in order."""
        for part in self.parts:
            if isinstance(part, Processor):
                yield part
            else:
                yield from part.processors()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.parts))})"


class Parallel(Group):
    """Parts side by side: all get the same input, and what they give is added up.

    Parameters
    ----------
    *parts : Processor or Chain
        Branches; latency compensation makes them meet.
    gains : sequence of float or None
        A factor for each branch; None for 1.

    """

    def __init__(self, *parts: Any, gains: Sequence[float] | None = None) -> None:
        super().__init__(*parts)
        self.gains = [1.0] * len(parts) if gains is None else [float(g) for g in gains]
        if len(self.gains) != len(parts) or not parts:
            raise UsageError(f"{len(self.gains)} gains for {len(parts)} branches; give one each")


class Split(Group):
    """A part for each channel, in order; each gets one channel."""
