"""Zerocross: real-time audio whose whole path is Python and runs without the interpreter."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
    "DeviceError",
    "DeviceNotFound",
    "Event",
    "Player",
    "RealtimeError",
    "Rendered",
    "SourceError",
    "Track",
    "UsageError",
    "ZerocrossError",
    "__version__",
    "render",
]

_HOMES = dict.fromkeys(("Event", "Player", "Track"), "zerocross.player")
_HOMES |= dict.fromkeys(("Rendered", "render"), "zerocross.offline")


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that importing the package is quick."""
    if name not in __all__:
        raise AttributeError(f"module 'zerocross' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES.get(name, "zerocross.errors")), name)
    globals()[name] = value
    return value
