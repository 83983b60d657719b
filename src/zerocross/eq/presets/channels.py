"""Channels of presets: what they are called, and what ``Channel:`` and ``Copy:`` say of them.

Names are those of Equalizer APO (its ChannelHelper.cpp), by how many channels there are.
"""

from __future__ import annotations

import dataclasses
import itertools
import re

from zerocross.eq.presets.values import NOMINAL_RATE, Unapplied

__all__ = ["Format", "channels_of", "copies_of"]

_MOST_FACTOR = 1000.0
#: The channels' names by how many there are.
_LAYOUTS = {
    1: "C",
    2: "L R",
    3: "L R C",
    4: "L R RL RR",
    5: "L R C SL SR",
    6: "L R C LFE SL SR",
    7: "L R C LFE RC SL SR",
    8: "L R C LFE RL RR SL SR",
}
_ALIASES = {"SL": "RL", "SR": "RR", "RL": "SL", "RR": "SR", "SUB": "LFE"}
_SUMMAND = re.compile(r"(?:([^*]+)\*)?([^*]+)")
_FACTOR = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d{1,3})?)(dB)?", re.IGNORECASE)
_CONSTANT = re.compile(r"0|[-+]?\d*\.\d*")


@dataclasses.dataclass(frozen=True)
class Format:
    """What a preset is applied to.

    Attributes
    ----------
    sample_rate : float
        In Hz.
    channels : int or None
        How many; None where nobody has said: every channel up to the eighth has a name, and
        conditions are those of stereo.

    """

    sample_rate: float = NOMINAL_RATE
    channels: int | None = None

    @property
    def count(self) -> int:
        """How many channels conditions see."""
        return self.channels or 2

    @property
    def names(self) -> list[str]:
        """The channels' names, those without one by their number."""
        count = self.channels or 8
        return _LAYOUTS.get(count, "").split() or [str(k + 1) for k in range(count)]

    def channel(self, word: str) -> int | None:
        """Return which channel, from 0, a word names; None for none."""
        names, word = self.names, word.upper()
        if word[:1].isdecimal():
            place = int("".join(itertools.takewhile(str.isdecimal, word))[:9]) - 1
            return place if 0 <= place < len(names) else None
        for name in (word, _ALIASES.get(word)):
            if name in names:
                return names.index(name)
        return None


def channels_of(value: str, layout: Format) -> tuple[frozenset[int] | None, list[str]]:
    """Return the channels, from 0, that a line names (None for all), and what names none."""
    words = value.upper().split()
    if "ALL" in words:
        return None, [w for w in words if w != "ALL" and layout.channel(w) is None]
    found = {word: layout.channel(word) for word in words}
    known = frozenset(place for place in found.values() if place is not None)
    return known, [word for word, place in found.items() if place is None]


def copies_of(value: str, layout: Format) -> dict[int, dict[int, float]]:
    """Return what ``Copy`` makes of channels: for each one, factors of those that are added up."""
    rows: dict[int, dict[int, float]] = {}
    for word in value.split():
        target, equals, sum_of = word.partition("=")
        if not equals or "=" in sum_of:
            raise Unapplied(f"{word[:20]!r} is not CHANNEL=SUM")
        place = _known(target, layout)
        row: dict[int, float] = {}
        for summand in filter(None, sum_of.split("+")):
            source, factor = _summand_of(summand, layout)
            if source is not None:
                row[source] = row.get(source, 0.0) + factor
        rows[place] = row
    if not rows:
        raise Unapplied("it copies nothing")
    return rows


def _known(name: str, layout: Format) -> int:
    place = layout.channel(name) if name else None
    if place is None:
        names = " ".join(layout.names)
        raise Unapplied(f"{name[:20]!r} is none of the channels {names}; it can make no new ones")
    return place


def _summand_of(summand: str, layout: Format) -> tuple[int | None, float]:
    """Return a channel and its factor; None for silence."""
    if _CONSTANT.fullmatch(summand):
        if float(summand if summand.strip("-+.") else "nan") != 0.0:
            raise Unapplied(f"{summand[:20]!r}: a constant is no sound")
        return None, 0.0
    match = _SUMMAND.fullmatch(summand)
    if not match:
        raise Unapplied(f"{summand[:20]!r} is not FACTOR*CHANNEL")
    if match.group(1) is None:
        return _known(match.group(2), layout), 1.0
    found = _FACTOR.fullmatch(match.group(1))
    if not found:
        raise Unapplied(f"{match.group(1)[:20]!r} is not a factor")
    factor = float(found.group(1))
    if found.group(2):
        factor = 10 ** (min(factor, 1000.0) / 20)
    if not abs(factor) <= _MOST_FACTOR:
        raise Unapplied(f"{match.group(1)[:20]!r} is beyond a factor of {_MOST_FACTOR:g}")
    return _known(match.group(2), layout), factor
