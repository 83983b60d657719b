"""Programs: what the audio thread runs of a chain.

A program is a list of steps over planar buffers. A processor is called by the address of its
proven code, and what it did is looked at before the next step:

- a status that is not 0, or an output that is not finite: the processor is bypassed at once. In
  its place its input is heard (an instrument's: silence), beginning where the output was last,
  so that there is no step;
- a sum of branches, or a fade, that is not finite: the same, for the group that adds up;
- three blocks in a row over its share of the time: its output is faded over one block.

The rest of the program goes on. `graph.assemble` makes programs. The kernels stand in the order
in which a block passes them.

Whoever runs a program calls it by its address, too: playing without a chain needs no code of it, and
all that do run programs share it.

Over 300 lines: every step that a block can take, and what each does on a fault.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.compiler import (
    address_of,
    array_address,
    entry,
    float32_array,
    float32_rows,
    invoke,
    kernel,
    load_acquire,
    monotonic_ns,
    record_at,
    store_release,
)
from zerocross.compiler.primitives.vector import f32_native, lanes_of, load_first, splat, sum_lanes
from zerocross.dsp.crossfade import smooth_step
from zerocross.dsp.interleave import deinterleave, interleave
from zerocross.graph.block import BLOCK, MAX_BLOCK, MAX_CHANNELS
from zerocross.graph.event import HEAD, QUEUE, frames_to_next, take_due
from zerocross.memory import aligned_zeros, layout
from zerocross.memory.copy import copy_samples

__all__ = [
    "CLOCK",
    "NODE",
    "PROGRAM",
    "STEP",
    "fade_gains",
    "run_block",
    "run_program",
    "run_program_frames",
    "run_program_over",
]

#: Kinds of steps.
PROCESS, CLEAR, MIX, FADE, GUARD = range(5)
#: What a node does: its work, or what is heard in its place.
RUNNING, BYPASSED, SILENT = range(3)
#: Why a processor was bypassed or silenced; 0 while nothing was wrong.
FAULT_STATUS, NOT_FINITE, OVER_BUDGET = 1, 2, 3
#: Blocks in a row over the budget after which a processor is bypassed.
_STRIKES = 3

#: A step of a program; buffers are numbers.
STEP = np.dtype(
    [
        ("kind", "i8"),
        ("node", "i8"),
        ("source", "i8"),
        ("target", "i8"),
        ("other", "i8"),
        ("first_channel", "i8"),
        ("channels", "i8"),
        ("gain", "f8"),
    ]
)
_STEP_SIZE = STEP.itemsize

#: A processor in a program, and what the audio thread saw of it.
NODE = layout(
    setup=["entry", "state", "on_fault", "stops"],
    audio=[
        "mode",
        "cause",
        "status",
        "faults",
        "strikes",
        "longest_ns",
        "total_ns",
        "blocks",
        ("held", "f4", (MAX_CHANNELS,)),
    ],
)

#: How many frames a chain has run; its programs share it.
CLOCK = layout(audio=["frames"])

PROGRAM = layout(
    setup=[
        "clock",
        "steps",
        "step_count",
        "buffers",
        "channels",
        ("sample_rate", "f8"),
        "arena",
        "block",
        "result",
        "fade_frames",
        "fade_gains",
        "code",
    ],
    control=[("budget_share", "f8")],
    audio=["rows", "row_frames", "frames", "fade_done", "stopped", "at_node", "failed"],
)


@entry("int64", "int64", "int64", "int64", "int64", dispatches=True)
def run_program_over(
    program_address: int, source: int, target: int, row_frames: int, frames: int
) -> int:
    """Run any number of planar frames, rows ``row_frames`` apart, block by block.

    Source and target may be the same. Returns the frames.
    """
    program = record_at(program_address, PROGRAM)
    done = 0
    while done < frames:
        count = min(frames - done, MAX_BLOCK)
        rows = float32_rows(source + 4 * done, program.channels, row_frames)
        wanted = float32_rows(target + 4 * done, program.channels, row_frames)
        result = run_program(program, rows, count)
        if program.step_count > 0 or source != target:
            for c in range(program.channels):
                copy_samples(wanted[c], result[c], count)
        done += count
    return done


@entry("int64", "int64", "int64", "int64", "int64", "int64", "int64", dispatches=True)
def run_program_frames(
    program_address: int, room: int, source: int, given: int, target: int, frames: int, block: int
) -> int:
    """Run interleaved frames, of which the first ``given`` are at the source and the rest are silence.

    In blocks of 1 to `MAX_BLOCK` frames; ``room`` is for one of them, planar.
    """
    program = record_at(program_address, PROGRAM)
    channels = program.channels
    rows = float32_rows(room, channels, MAX_BLOCK)
    done = 0
    while done < frames:
        count = min(frames - done, max(block, 1), MAX_BLOCK)
        here = min(max(given - done, 0), count)
        at = 4 * channels * done
        deinterleave(float32_array(source + at, here * channels), here, rows)
        for c in range(channels):
            for i in range(here, count):
                rows[c, i] = np.float32(0.0)
        result = run_program(program, rows, count)
        interleave(result, count, float32_array(target + at, count * channels))
        done += count
    return done


@kernel
def run_program(program: Any, rows: Any, frames: Any) -> Any:
    """Run planar frames, at most `MAX_BLOCK`, through a program; returns the rows that result.

    They are ``rows`` themselves if there is nothing to run, else a buffer of the program, which
    it writes again with the next block. Either may be written to.

    Real-time: safe; all that it calls was proven. Only for entries that dispatch.
    """
    program.rows, program.row_frames = array_address(rows), rows.shape[1]
    program.frames = frames
    if invoke(program.code, address_of(program), 0) != 0:
        raise ValueError("the program failed")
    return float32_rows(program.rows, program.channels, program.row_frames)


@entry("int64", "int64", dispatches=True)
def run_block(program_address: int, _: int) -> int:
    """Run a program over the frames that it was given, and give it those that result."""
    program = record_at(program_address, PROGRAM)
    frames = program.frames
    program.failed = 0  # in this block
    if program.step_count > 0:
        rows = float32_rows(program.rows, program.channels, program.row_frames)
        _take_in(program, rows, frames)
        for k in range(program.step_count):
            _run_step(program, record_at(program.steps + k * _STEP_SIZE, STEP), frames)
        program.rows = _buffer_address(program, program.result, 0)
        program.row_frames = MAX_BLOCK
        if program.stopped:
            _clear(_buffer(program, program.result, 0, program.channels), frames)
    record_at(program.clock, CLOCK).frames += frames
    return 0


@kernel
def _take_in(program: Any, rows: Any, frames: Any) -> None:
    """Copy what comes in to the first buffer: its rows lie as steps expect them."""
    first = _buffer(program, 0, 0, program.channels)
    for c in range(program.channels):
        copy_samples(first[c], rows[c], frames)


@kernel
def _buffer(program: Any, number: Any, first_channel: Any, channels: Any) -> Any:
    return float32_rows(_buffer_address(program, number, first_channel), channels, MAX_BLOCK)


@kernel
def _buffer_address(program: Any, number: Any, first_channel: Any) -> Any:
    return program.buffers + 4 * MAX_BLOCK * (number * program.channels + first_channel)


@kernel
def _run_step(program: Any, step: Any, frames: Any) -> None:
    if step.kind == PROCESS:
        _run_node(program, step, frames)
    elif step.kind == FADE:
        _crossfade(program, step, frames)
    elif step.kind == GUARD:
        _guard(program, step, frames)
    elif step.kind == CLEAR:
        _clear(_buffer(program, step.target, 0, program.channels), frames)
    else:
        _mix(program, step, frames)


@kernel
def _run_node(program: Any, step: Any, frames: Any) -> None:
    """Run a processor over a block, unless it failed, and look at what it did."""
    node = record_at(step.node, NODE)
    source = _buffer(program, step.source, step.first_channel, step.channels)
    target = _buffer(program, step.target, step.first_channel, step.channels)
    if node.mode != RUNNING:
        _stand_in(node, source, target, frames)
        return
    started = monotonic_ns()
    store_release(program, "at_node", step.node)  # told if it never returns
    status = _run_pieces(program, step, node, frames)
    store_release(program, "at_node", 0)
    elapsed = monotonic_ns() - started
    node.blocks += 1
    node.total_ns += elapsed
    node.longest_ns = max(node.longest_ns, elapsed)
    if status != 0 or not _is_finite(target, frames):
        _give_up(node, FAULT_STATUS if status != 0 else NOT_FINITE, status, source, target, frames)
    elif program.budget_share * frames * 1e9 < elapsed * program.sample_rate:
        node.strikes += 1
        if node.strikes >= _STRIKES and program.budget_share > 0.0:
            _fail(node, OVER_BUDGET, elapsed)
            _fade_away(node, source, target, frames)
    else:
        node.strikes = 0
    _conclude(program, node, target, frames)


@kernel
def _guard(program: Any, step: Any, frames: Any) -> None:
    """Look at what a group added up, as at what a processor did."""
    node = record_at(step.node, NODE)
    source = _buffer(program, step.source, step.first_channel, step.channels)
    target = _buffer(program, step.target, step.first_channel, step.channels)
    if node.mode != RUNNING:
        _stand_in(node, source, target, frames)
        return
    if not _is_finite(target, frames):
        _give_up(node, NOT_FINITE, 0, source, target, frames)
    _conclude(program, node, target, frames)


@kernel
def _run_pieces(program: Any, step: Any, node: Any, frames: Any) -> Any:
    """Run a processor over a block, cut before each of its events; returns its status."""
    block = record_at(program.block, BLOCK)
    source = _buffer_address(program, step.source, step.first_channel)
    target = _buffer_address(program, step.target, step.first_channel)
    start = record_at(program.clock, CLOCK).frames
    block.row_frames = MAX_BLOCK
    block.sample_rate = program.sample_rate
    block.arena = program.arena
    done = 0
    while done < frames:
        count = frames - done
        block.note_count = block.change_count = 0
        queue_address = load_acquire(record_at(node.state, HEAD), "queue")
        if queue_address != 0:
            queue = record_at(queue_address, QUEUE)
            take_due(queue, start + done)
            block.notes, block.note_count = queue.notes, queue.note_count
            block.changes, block.change_count = queue.changes, queue.change_count
            count = frames_to_next(queue, start + done, count)
        block.input = source + 4 * done
        block.output = target + 4 * done
        block.frames = count
        block.position = start + done
        status = invoke(node.entry, node.state, program.block)
        if status != 0:
            return status
        done += count
    return 0


@kernel
def _is_finite(rows: Any, frames: Any) -> Any:
    """Return whether all frames are numbers: what is none, less itself, is not 0."""
    rest = splat(f32_native, np.float32(0.0))
    for c in range(rows.shape[0]):
        row = rows[c]
        for i in range(0, frames, lanes_of(f32_native)):
            x = load_first(f32_native, row, i, frames - i)
            rest = rest + (x - x)
    return sum_lanes(rest) == np.float32(0.0)


@kernel
def _give_up(node: Any, cause: Any, status: Any, source: Any, target: Any, frames: Any) -> None:
    """Fail, and lead from the last good sample into what is heard instead."""
    _fail(node, cause, status)
    _stand_in(node, source, target, frames)
    _bridge(node, target, frames)


@kernel
def _fail(node: Any, cause: Any, status: Any) -> None:
    """Bypass or silence a processor from here on, and tell."""
    node.mode = node.on_fault
    node.cause = cause
    node.status = status
    store_release(node, "faults", node.faults + 1)


@kernel
def _stand_in(node: Any, source: Any, target: Any, frames: Any) -> None:
    """Write what is heard in a processor's place."""
    for c in range(target.shape[0]):
        for i in range(frames):
            target[c, i] = source[c, i] if node.mode == BYPASSED else np.float32(0.0)


@kernel
def _bridge(node: Any, target: Any, frames: Any) -> None:
    """Lead from the last good sample into what follows, within the block."""
    for c in range(target.shape[0]):
        step = node.held[c] - target[c, 0]
        for i in range(frames):
            target[c, i] += step * np.float32((frames - i) / (frames + 1.0))


@kernel
def _fade_away(node: Any, source: Any, target: Any, frames: Any) -> None:
    """Fade from a good output to what is heard in its place."""
    for c in range(target.shape[0]):
        for i in range(frames):
            w = np.float32((i + 1.0) / frames)
            instead = source[c, i] if node.mode == BYPASSED else np.float32(0.0)
            target[c, i] += w * (instead - target[c, i])


@kernel
def _conclude(program: Any, node: Any, target: Any, frames: Any) -> None:
    """End a block: stop all if the node has failed and is to, and keep where the output was."""
    if node.mode != RUNNING:
        program.failed = 1
        if node.stops:
            program.stopped = 1
    for c in range(target.shape[0]):
        node.held[c] = target[c, frames - 1]


@kernel
def _crossfade(program: Any, step: Any, frames: Any) -> None:
    """Fade from the source to the other buffer, over the program's first frames."""
    old = _buffer(program, step.source, 0, program.channels)
    new = _buffer(program, step.other, 0, program.channels)
    target = _buffer(program, step.target, 0, program.channels)
    gains = float32_rows(program.fade_gains, 2, program.fade_frames + 1)
    for i in range(frames):
        t = min(program.fade_frames, program.fade_done + i)
        for c in range(program.channels):
            target[c, i] = gains[0, t] * old[c, i] + gains[1, t] * new[c, i]
    program.fade_done = min(program.fade_done + frames, program.fade_frames)


@functools.cache
def fade_gains(frames: int) -> npt.NDArray[np.float32]:
    """Return the gains of a crossfade's two sides, shape (2, frames + 1): equal power, smooth."""
    angles = 0.5 * math.pi * smooth_step.function(np.arange(frames + 1) / frames)
    gains: npt.NDArray[np.float32] = aligned_zeros((2, frames + 1))
    gains[:] = [[f(angle) for angle in angles.tolist()] for f in (math.cos, math.sin)]
    return gains


@kernel
def _clear(target: Any, frames: Any) -> None:
    for c in range(target.shape[0]):
        for i in range(frames):
            target[c, i] = np.float32(0.0)


@kernel
def _mix(program: Any, step: Any, frames: Any) -> None:
    source = _buffer(program, step.source, 0, program.channels)
    target = _buffer(program, step.target, 0, program.channels)
    for c in range(program.channels):
        for i in range(frames):
            target[c, i] += np.float32(step.gain) * source[c, i]
