"""Building: from a process that a user wrote to proven code with an address.

The code is made for one record and one number of channels. Around the process it cuts the block
where parameters move, so that the process sees values that stand still.
"""

from __future__ import annotations

import functools
import threading
from typing import Any

import numpy as np

from zerocross.closing import free_in_forks
from zerocross.compiler import Entry, Kernel, float32_planes, planes_to_read, record_at, records_at
from zerocross.compiler.proof.verdict import Verdict, prove
from zerocross.graph.block import BLOCK, Block, ProofBlock
from zerocross.graph.event import EVENT
from zerocross.graph.params import change_params, smooth
from zerocross.memory.arena import ARENA, ARENA_KERNELS, arena_reset

__all__ = ["build"]

#: While Numba compiles, its options are those of the whole process.
_one_at_a_time = free_in_forks(threading.RLock())


def build(
    name: str,
    process: Kernel[Any],
    written: Kernel[Any],
    dtype: np.dtype[Any],
    channels: int,
    smoothed: bool,
    debug: bool,
) -> tuple[Entry, Verdict]:
    """Compile and prove a process.

    Parameters
    ----------
    name : str
        Of the processor.
    process, written : Kernel
        What runs, of the state and a `Block`; and what the user wrote, which may be inside it.
    dtype : numpy.dtype
        Of the processor's record.
    channels : int
        Loops over them are unrolled.
    smoothed : bool
        Whether it has parameters.
    debug : bool
        Check every index.

    Raises
    ------
    RealtimeError
        If the process is refused, with file, line, reason and cure.

    """
    make = functools.partial(_make_entry, name, process, dtype, channels, smoothed)
    entry = make(Block)
    entry.checked = debug
    with _one_at_a_time:
        return entry, prove(entry, written, lambda: make(ProofBlock), ARENA_KERNELS)


def _make_entry(
    name: str,
    process: Kernel[Any],
    dtype: np.dtype[Any],
    channels: int,
    smoothed: bool,
    block_type: type[Block],
) -> Entry:
    """Return the entry around a process."""

    def run(state_address: int, block_address: int) -> int:
        state = record_at(state_address, dtype)
        b = record_at(block_address, BLOCK)
        if smoothed:
            change_params(state, b.changes, b.change_count)
        notes = b.note_count
        done = 0
        while done < b.frames:
            frames = smooth(state, b.frames - done) if smoothed else b.frames
            arena_reset(record_at(b.arena, ARENA))  # each call has all of it
            process(
                state,
                block_type(
                    planes_to_read(b.input + 4 * done, channels, frames, b.row_frames),
                    float32_planes(b.output + 4 * done, channels, frames, b.row_frames),
                    frames,
                    channels,
                    b.sample_rate,
                    b.position + done,
                    b.arena,
                    records_at(b.notes, notes, EVENT),
                ),
            )
            notes = 0
            done += frames
        return 0

    run.__name__ = f"process_{name}"
    made = Entry(run, ("int64", "int64"))
    made.strict_aliasing = True
    return made
