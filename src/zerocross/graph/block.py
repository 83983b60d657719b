"""A block: what a chain gets at a time, and how large it can be."""

from __future__ import annotations

__all__ = ["MAX_BLOCK", "MAX_CHANNELS"]

#: Frames that a chain handles at a time; longer blocks are cut into these.
MAX_BLOCK = 4096
#: Channels that a stream and its chain can have.
MAX_CHANNELS = 8
