"""A block: what a chain gets at a time, and how large it can be."""

from __future__ import annotations

from zerocross.memory import layout

__all__ = ["BLOCK", "MAX_BLOCK", "MAX_CHANNELS"]

#: Frames that a chain handles at a time; longer blocks are cut into these.
MAX_BLOCK = 4096
#: Channels that a stream and its chain can have.
MAX_CHANNELS = 8

#: What a processor is given, as a record.
BLOCK = layout(
    audio=[
        "input",
        "output",
        "row_frames",
        "frames",
        ("sample_rate", "f8"),
        "position",
        "arena",
        "notes",
        "note_count",
        "changes",
        "change_count",
    ]
)
