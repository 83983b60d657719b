"""Loudness of files, and ReplayGain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zerocross.loudness.files import Album, Measured, measure, measure_albums

__all__ = ["Album", "Measured", "measure", "measure_albums"]


def __getattr__(name: str) -> Any:
    """Import what measures when it is first used: playing needs the tags' gains only."""
    if name not in __all__:
        raise AttributeError(f"module 'zerocross.loudness' has no attribute {name!r}")
    from zerocross.loudness import files

    return getattr(files, name)
