"""Zerocross: real-time audio whose whole path is Python and runs without the interpreter."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zerocross.compiler import kernel
    from zerocross.engine.chain import Chain, Fault, Parallel, Split
    from zerocross.engine.processor import Processor, param, processor
    from zerocross.errors import (
        DeviceError,
        DeviceNotFound,
        RealtimeError,
        SourceError,
        UsageError,
        ZerocrossError,
    )
    from zerocross.offline import Rendered, render
    from zerocross.player import Event, Player, Track

__version__ = "0.1.0"

__all__ = [
    "Chain",
    "DeviceError",
    "DeviceNotFound",
    "Event",
    "Fault",
    "Parallel",
    "Player",
    "Processor",
    "RealtimeError",
    "Rendered",
    "SourceError",
    "Split",
    "Track",
    "UsageError",
    "ZerocrossError",
    "__version__",
    "kernel",
    "param",
    "processor",
    "render",
]

_HOMES = dict.fromkeys(("Event", "Player", "Track"), "zerocross.player")
_HOMES |= dict.fromkeys(("Rendered", "render"), "zerocross.offline")
_HOMES |= dict.fromkeys(("Chain", "Fault", "Parallel", "Split"), "zerocross.engine.chain")
_HOMES |= dict.fromkeys(("Processor", "param", "processor"), "zerocross.engine.processor")
_HOMES |= {"kernel": "zerocross.compiler"}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that importing the package is quick."""
    if name not in __all__:
        raise AttributeError(f"module 'zerocross' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES.get(name, "zerocross.errors")), name)
    globals()[name] = value
    return value
