"""The chain as lines: its parts and their parameters."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, Literal

from zerocross.effects.metering import LoudnessMeter, Meter
from zerocross.graph.groups import Bypassed, Group
from zerocross.graph.params import Param
from zerocross.graph.processor import Processor
from zerocross.terminal.models.stage import EqualizerStage

__all__ = ["Row", "name_of", "rows_of"]


@dataclasses.dataclass(frozen=True)
class Row:
    """A line of the view: a part of the chain, or a parameter of one.

    Attributes
    ----------
    part : Processor or Group
    depth : int
        How many groups it is within.
    name : str
        Of the part, or of the parameter.
    state : {"on", "bypassed", "fault"}
    words : str
        What else is to be said: why it is at fault, what it measures.
    param : Param or None
        For a parameter.
    value : float

    """

    part: Any
    depth: int
    name: str
    state: Literal["on", "bypassed", "fault"] = "on"
    words: str = ""
    param: Param | None = None
    value: float = 0.0


def rows_of(group: Group, faults: dict[int, tuple[int, str]], depth: int = 0) -> Iterator[Row]:
    """Yield the lines of a group, with what failed, by identity: how often, and in words."""
    for standing in group.parts:
        is_bypassed = isinstance(standing, Bypassed)
        part = standing.part if is_bypassed else standing
        state: Any = "bypassed" if is_bypassed else "on"
        words = _reading(part)
        if id(part) in faults and not is_bypassed:
            state, words = "fault", faults[id(part)][1]
        yield Row(part, depth, name_of(part), state, words)
        if isinstance(part, Processor):
            for name, param in type(part)._params.items():
                value = float(getattr(part, name))
                yield Row(part, depth + 1, name, state, "", param, value)
        elif not isinstance(part, EqualizerStage):
            yield from rows_of(part, faults, depth + 1)


def name_of(part: Any) -> str:
    """Return what a part is called."""
    if isinstance(part, EqualizerStage):
        return "Equalizer"
    name = type(part).__name__
    return "Preset" if name == "PresetParts" else name.strip("_")


def _reading(part: Any) -> str:
    """Return what a part says of itself; empty for most."""
    try:
        if isinstance(part, EqualizerStage):
            count = len(part.equalizer.bands)
            return f"{count} band{'' if count == 1 else 's'}"
        if isinstance(part, Meter):
            return f"peak {max(part.peak_dbfs):.1f} dBFS"
        if isinstance(part, LoudnessMeter):
            return f"{part.loudness.short_term_lufs:.1f} LUFS"
    except AttributeError:  # before the chain was prepared
        pass
    return ""
