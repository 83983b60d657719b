"""What the library has: all entries of the package, and its processors for their usual shapes."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from zerocross.compiler import Entry
from zerocross.compiler.shipped import UNSHIPPED, place_of
from zerocross.effects import Convolver, Sampler
from zerocross.graph.block import MAX_BLOCK
from zerocross.graph.build import Unproven
from zerocross.graph.processor import Processor

__all__ = ["Unit", "units"]

_WITHOUT = UNSHIPPED | {"__init__.py", "__main__.py"}
_CHANNELS = (1, 2)
#: Some records grow with the rate; those of 44.1 and 48 kHz are alike.
_RATES = (48_000.0, 96_000.0)
#: Processors that are not made without an argument.
_MADE: dict[str, Callable[[], Any]] = {
    "Convolver": lambda: Convolver(np.ones(1)),
    "Sampler": lambda: Sampler(np.ones(1)),
}
#: Processors whose records depend on what they are given.
_LEFT_OUT = {"_Routing"}


class Unit(NamedTuple):
    """What is compiled at a time.

    Attributes
    ----------
    place : str
        Its name in the library.
    entry : Entry
    proof : Unproven or None
        What has to be proven, of a processor.

    """

    place: str
    entry: Entry
    proof: Unproven | None = None


def units() -> list[Unit]:
    """Return all that is to be in the library, in the order of their places."""
    found: dict[str, Unit] = {}
    for module in _modules():
        for value in vars(module).values():
            if isinstance(value, Entry) and value.function.__module__ == module.__name__:
                place = place_of(value.function)
                if place is not None:
                    found[place] = Unit(place, value)
            elif isinstance(value, type) and value.__module__ == module.__name__:
                found |= {unit.place: unit for unit in _of_processor(value)}
    return [found[place] for place in sorted(found)]


def _modules() -> Iterator[Any]:
    folder = Path(__file__).parents[1]
    for path in sorted(folder.rglob("*.py")):
        place = path.relative_to(folder)
        if _WITHOUT.isdisjoint(place.parts):
            yield importlib.import_module(".".join([folder.name, *place.with_suffix("").parts]))


def _of_processor(kind: type) -> Iterator[Unit]:
    is_one = issubclass(kind, Processor) and kind is not Processor
    if not is_one or kind.__name__ in _LEFT_OUT:
        return
    for channels in _CHANNELS:
        for rate in _RATES:
            part = _MADE.get(kind.__name__, kind)()
            made = part.unproven(rate, channels, MAX_BLOCK)
            if made.entry.place is not None:
                yield Unit(made.entry.place, made.entry, made)
