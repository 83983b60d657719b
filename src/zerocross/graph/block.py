"""A block: what a processor gets at a time, and how large it can be."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from zerocross.compiler import float32_array, float32_rows, give_method, kernel, record_at
from zerocross.memory import layout
from zerocross.memory.arena import ARENA, scratch_float32, scratch_rows

__all__ = ["BLOCK", "MAX_BLOCK", "MAX_CHANNELS", "Block", "ProofBlock"]

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


class Block(NamedTuple):
    """What ``process`` gets.

    Attributes
    ----------
    input, output : array, shape (channels, frames), float32
        Not the same memory. The output holds whatever was there: write all of it.
    frames, channels : int
        At most what ``prepare`` was told.
    sample_rate : float
        In Hz.
    position : int
        Frames since the chain was prepared, of the first frame.
    events : array of records
        Notes that begin and end at the first frame: ``kind`` (`NOTE_ON` or `NOTE_OFF`), ``note``
        (MIDI's number), ``velocity``. Blocks are cut so that it is the first.

    """

    input: Any
    output: Any
    frames: int
    channels: int
    sample_rate: float
    position: int
    arena: Any
    events: Any

    def scratch(self, *shape: int) -> Any:
        """Return a float32 array for this block, shape (n,) or (rows, n); not cleared."""
        return np.zeros(shape, np.float32)


class ProofBlock(Block):
    """The block of a refused process: its scratch memory comes from an infallible allocator.

    Running out of scratch is the one fault that an accepted process may have. Compiled with this
    block, and never run, a process has none, so that the line is found of a fault of its own.
    """


@kernel
def _scratch(block: Any, samples: Any) -> Any:
    return scratch_float32(record_at(block.arena, ARENA), samples)


@kernel
def _scratch_rows(block: Any, rows: Any, samples: Any) -> Any:
    return scratch_rows(record_at(block.arena, ARENA), rows, samples)


@kernel
def _infallible_scratch(block: Any, samples: Any) -> Any:
    return float32_array(block.arena, samples)


@kernel
def _infallible_scratch_rows(block: Any, rows: Any, samples: Any) -> Any:
    return float32_rows(block.arena, rows, samples)


give_method(
    "scratch",
    {
        Block: (_scratch, _scratch_rows),
        ProofBlock: (_infallible_scratch, _infallible_scratch_rows),
    },
)
