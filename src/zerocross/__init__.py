"""Zerocross: real-time audio whose whole path is Python and runs without the interpreter."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zerocross.compiler import kernel
    from zerocross.engine.foreign import Callback, callback
    from zerocross.engine.live_stream import LiveStream as Stream
    from zerocross.errors import (
        DeviceError,
        DeviceNotFound,
        RealtimeError,
        SourceError,
        UsageError,
        ZerocrossError,
    )
    from zerocross.graph.chain import Chain
    from zerocross.graph.decorator import processor
    from zerocross.graph.event import NOTE_OFF, NOTE_ON
    from zerocross.graph.fault import Fault
    from zerocross.graph.groups import Parallel, Split
    from zerocross.graph.params import param
    from zerocross.graph.processor import Processor
    from zerocross.offline import Rendered, render
    from zerocross.pipeline import Pipeline
    from zerocross.player import Event, Player, Track
    from zerocross.sources.location import Samples

__version__ = "0.1.0"

__all__ = [
    "NOTE_OFF",
    "NOTE_ON",
    "Callback",
    "Chain",
    "DeviceError",
    "DeviceNotFound",
    "Event",
    "Fault",
    "Parallel",
    "Pipeline",
    "Player",
    "Processor",
    "RealtimeError",
    "Rendered",
    "Samples",
    "SourceError",
    "Split",
    "Stream",
    "Track",
    "UsageError",
    "ZerocrossError",
    "__version__",
    "callback",
    "kernel",
    "param",
    "processor",
    "render",
]

_HOMES = dict.fromkeys(("Event", "Player", "Track"), "zerocross.player")
_HOMES |= dict.fromkeys(("Rendered", "render"), "zerocross.offline")
_HOMES |= dict.fromkeys(("NOTE_OFF", "NOTE_ON"), "zerocross.graph.event")
_HOMES |= dict.fromkeys(("Parallel", "Split"), "zerocross.graph.groups")
_HOMES |= {"Chain": "zerocross.graph.chain", "Fault": "zerocross.graph.fault"}
_HOMES |= {"Processor": "zerocross.graph.processor", "processor": "zerocross.graph.decorator"}
_HOMES |= {"param": "zerocross.graph.params"}
_HOMES |= dict.fromkeys(("Callback", "callback"), "zerocross.engine.foreign")
_HOMES |= {"Samples": "zerocross.sources.location"}
_HOMES |= {"Pipeline": "zerocross.pipeline"}
_HOMES |= {"Stream": "zerocross.engine.live_stream"}
_HOMES |= {"kernel": "zerocross.compiler"}
_NAMES_AT_HOME = {"Stream": "LiveStream"}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that importing the package is quick."""
    if name not in __all__:
        raise AttributeError(f"module 'zerocross' has no attribute {name!r}")
    home = importlib.import_module(_HOMES.get(name, "zerocross.errors"))
    value = getattr(home, _NAMES_AT_HOME.get(name, name))
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names, those that were not used yet too."""
    return sorted(__all__)
