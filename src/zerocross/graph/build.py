"""Building: from a process that a user wrote to proven code with an address.

The code is made for one record and one number of channels. Around the process it cuts the block
where parameters move, so that the process sees values that stand still.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from zerocross.closing import free_in_forks
from zerocross.compiler import Entry, Kernel, float32_planes, planes_to_read, record_at, records_at
from zerocross.compiler.shipped import place_of
from zerocross.graph.block import BLOCK, Block, ProofBlock
from zerocross.graph.event import EVENT
from zerocross.graph.params import change_params, smooth
from zerocross.memory.arena import ARENA, ARENA_KERNELS, arena_reset

if TYPE_CHECKING:
    from zerocross.compiler.proof.verdict import Verdict

__all__ = ["Unproven", "build", "unproven"]

#: While Numba compiles, its options are those of the whole process.
_one_at_a_time = free_in_forks(threading.RLock())


class Unproven(NamedTuple):
    """What `compiler.proof.verdict.prove` takes.

    Attributes
    ----------
    entry : Entry
        Around the process.
    written : Kernel
        What the user wrote.
    make_twin : callable
        Returns the same entry with an infallible allocator.
    may_fail : collection of Kernel
        The arena's own, whose faults are allowed.

    """

    entry: Entry
    written: Kernel[Any]
    make_twin: Callable[[], Entry]
    may_fail: Collection[Kernel[Any]]


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
    from zerocross.compiler.proof.verdict import prove  # playing without effects needs none

    made = unproven(name, process, written, dtype, channels, smoothed)
    made.entry.checked = debug
    with _one_at_a_time:
        return made.entry, prove(*made)


def unproven(
    name: str,
    process: Kernel[Any],
    written: Kernel[Any],
    dtype: np.dtype[Any],
    channels: int,
    smoothed: bool,
) -> Unproven:
    """Return the entry around a process, not compiled yet; parameters as `build`."""
    make = functools.partial(_make_entry, name, process, dtype, channels, smoothed)
    entry = make(Block)
    place = place_of(process.function)
    if place is not None:
        import hashlib

        shape = "; ".join(f"{n} {k.base.str} {k.shape} {at}" for n, (k, at, *_) in _fields(dtype))
        content = f"{shape}; {dtype.itemsize} bytes; smoothed={smoothed}"
        digest = hashlib.sha256(content.encode()).hexdigest()[:16]
        entry.place = f"{place} of {channels} channels, state {digest}"
    return Unproven(entry, written, lambda: make(ProofBlock), ARENA_KERNELS)


def _fields(dtype: np.dtype[Any]) -> list[tuple[str, Any]]:
    return sorted((dtype.fields or {}).items())


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
