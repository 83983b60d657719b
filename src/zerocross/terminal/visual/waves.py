"""What oscilloscope and goniometer have in common: the last frames of two channels, and how loud."""

from __future__ import annotations

from typing import Any

from zerocross.compiler import kernel
from zerocross.memory import layout
from zerocross.sync.tap import tap_window

__all__ = ["WAVES", "follow_loudest", "sample_of", "window_of"]

_LEAST = 1e-3
#: How fast the largest amplitude that is shown sinks to what is there, and is risen to: a share a
#: 60th of a second.
_SINK, _RISE = 0.98, 0.5

#: What is shown, of which tap, and the amplitude that reaches the edge.
WAVES = layout(
    setup=["dots", "tap", "frames", "channels"],
    control=["autosens", "trigger"],
    kernel=[("loudest", "f8")],
)


@kernel
def window_of(tap: Any, channel: Any, start: Any, frames: Any) -> Any:
    """Return frames of a channel, the first one's of a tap that has one."""
    return tap_window(tap, min(channel, tap.channels - 1), start, frames)


@kernel
def sample_of(row: Any, at: Any) -> Any:
    """Return a sample as a number that can be drawn: what is not finite as 0."""
    value = row[at]
    return value * 1.0 if value - value == 0.0 else 0.0


@kernel
def follow_loudest(v: Any, loudest: Any) -> Any:
    """Let the amplitude that reaches the edge follow what is heard; returns it."""
    if v.autosens == 0:
        v.loudest = 1.0
    elif loudest > v.loudest:
        v.loudest += _RISE * (loudest - v.loudest)
    else:
        v.loudest = max(_LEAST, loudest + _SINK * (v.loudest - loudest))
    return v.loudest
