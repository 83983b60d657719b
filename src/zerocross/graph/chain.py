"""Chains: processors composed in Python, compiled to what the audio thread runs.

A `Chain` runs its parts one after the other, `Parallel` side by side (and adds them up),
`Split` one for each channel; they nest. A chain is laid out as a *program*
(`graph.program`), which is exchanged by one atomic store. A change to a chain that plays is a
program in which old and new run side by side for 20 ms, and then one without the old.
"""

from __future__ import annotations

import dataclasses
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from zerocross.errors import UsageError, ZerocrossError
from zerocross.graph.block import MAX_BLOCK, MAX_CHANNELS
from zerocross.graph.processor import Processor, processor
from zerocross.graph.program import (
    BLOCK,
    BYPASSED,
    CAUSES,
    CLEAR,
    CLOCK,
    FADE,
    MIX,
    NODE,
    PROCESS,
    PROGRAM,
    SILENT,
    STEP,
    run_program_over,
)
from zerocross.memory import Arena, Record, aligned_zeros
from zerocross.sources.file import read_audio

__all__ = ["Chain", "Fault", "Parallel", "Program", "Split"]

OnFault = Literal["bypass", "silence", "stop"]

_FADE_S = 0.020
_FADE_TIMEOUT_S = 2.0
_ARENA_BYTES = 4 << 20
_ON_FAULT = {"bypass": BYPASSED, "silence": SILENT, "stop": SILENT}


# --- composing --------------------------------------------------------------------------------


@processor
class _Align:
    """A delay of whole frames, which makes branches meet."""

    frames = 0
    place = 0

    def prepare(self, _sample_rate: float, channels: int, _max_block: int) -> None:
        self.line = np.zeros((channels, max(1, self.frames)), np.float32)

    def process(self, block: Any) -> None:
        length = self.line.shape[1]
        for c in range(block.channels):
            at = self.place
            for i in range(block.frames):
                block.output[c, i] = self.line[c, at]
                self.line[c, at] = block.input[c, i]
                at = at + 1 if at + 1 < length else 0
        self.place = (self.place + block.frames) % length


class _Group:
    """Parts in some arrangement."""

    def __init__(self, *parts: Any) -> None:
        for part in parts:
            if not isinstance(part, (Processor, _Group)):
                hint = " (make one: write parentheses after it)" if isinstance(part, type) else ""
                raise UsageError(f"{part!r} is not a processor or a chain{hint}")
        self.parts: list[Any] = list(parts)

    def processors(self) -> Iterator[Processor]:
        """Yield all processors, in order."""
        for part in self.parts:
            if isinstance(part, Processor):
                yield part
            else:
                yield from part.processors()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.parts))})"


class Parallel(_Group):
    """Parts side by side: all get the same input, and what they give is added up.

    Parameters
    ----------
    *parts : Processor or Chain
        Branches; their latencies are made equal.
    gains : sequence of float or None
        A factor for each branch; None for 1.

    """

    def __init__(self, *parts: Any, gains: Sequence[float] | None = None) -> None:
        super().__init__(*parts)
        self.gains = [1.0] * len(parts) if gains is None else [float(g) for g in gains]
        if len(self.gains) != len(parts) or not parts:
            raise UsageError(f"{len(self.gains)} gains for {len(parts)} branches; give one each")


class Split(_Group):
    """A part for each channel, in order; each gets one channel."""


@dataclasses.dataclass(frozen=True)
class Fault:
    """A processor that was left.

    Attributes
    ----------
    processor : Processor
    cause : str
        ``a fault status``, ``an output that is not finite`` or ``its time budget``.
    detail : int
        The status, or the nanoseconds.
    where : str
        File and line of its ``process``.

    """

    processor: Processor
    cause: str
    detail: int
    where: str

    def __str__(self) -> str:
        return f"{type(self.processor).__name__} was left because of {self.cause} ({self.where})"


class Program:
    """A chain as the audio thread runs it.

    Attributes
    ----------
    record : Record
        A `PROGRAM`.
    latency_frames : int
        Of the whole chain.

    """

    def __init__(self, chain: Chain, sample_rate: float, channels: int) -> None:
        self._chain = chain
        self._steps: list[tuple[Any, ...]] = []
        self._buffers = 1
        self._kept: list[Any] = []
        self.sample_rate, self.channels = sample_rate, channels
        result, self.latency_frames = self._emit(chain, 0, 0, channels)
        self._table = aligned_zeros(max(1, len(self._steps)), STEP)
        for k, step in enumerate(self._steps):
            self._table[k] = step
        self._memory = aligned_zeros((self._buffers, channels, MAX_BLOCK))
        self._arena = Arena(_ARENA_BYTES)
        self._block = Record(BLOCK)
        self.record = Record(PROGRAM)
        self.record.fill(
            clock=chain.clock.address,
            steps=self._table.ctypes.data,
            step_count=len(self._steps),
            buffers=self._memory.ctypes.data,
            channels=channels,
            sample_rate=sample_rate,
            arena=self._arena.record.address,
            block=self._block.address,
            result=result,
            fade_frames=max(1, round(_FADE_S * sample_rate)),
        )

    # --- from parts to steps ----------------------------------------------------------------

    def _emit(self, part: Any, source: int, first: int, channels: int) -> tuple[int, int]:
        """Emit a part; returns the buffer of its output and its latency."""
        if isinstance(part, Processor):
            return self._emit_processor(part, source, first, channels)
        if isinstance(part, Parallel):
            return self._emit_parallel(part, source, first, channels)
        if isinstance(part, Split):
            return self._emit_split(part, source, first, channels)
        if isinstance(part, _Change):
            return self._emit_change(part, source, first, channels)
        latency = 0
        for inner in part.parts:
            source, more = self._emit(inner, source, first, channels)
            latency += more
        return source, latency

    def _new_buffer(self) -> int:
        self._buffers += 1
        return self._buffers - 1

    def _step(self, kind: int, source: int, target: int, **more: Any) -> None:
        values: dict[str, Any] = dict.fromkeys(STEP.names or (), 0)
        values |= {"kind": kind, "source": source, "target": target} | more
        self._steps.append(tuple(values.values()))

    def _emit_processor(
        self, part: Processor, source: int, first: int, channels: int
    ) -> tuple[int, int]:
        node = self._chain.node_of(part, self.sample_rate, channels)
        target = self._new_buffer()
        self._kept.append(part)
        self._step(
            PROCESS, source, target, node=node.address, first_channel=first, channels=channels
        )
        return target, part.latency

    def _emit_parallel(
        self, part: Parallel, source: int, first: int, channels: int
    ) -> tuple[int, int]:
        outputs = [self._emit(branch, source, first, channels) for branch in part.parts]
        longest = max(latency for _, latency in outputs)
        target = self._new_buffer()
        self._step(CLEAR, target, target)
        for place, (buffer, latency) in enumerate(outputs):
            gain, ready = part.gains[place], buffer
            if latency < longest:
                wait = self._chain.delay_for(part, place, longest - latency)
                ready, _ = self._emit_processor(wait, buffer, first, channels)
            self._step(MIX, ready, target, gain=gain)
        return target, longest

    def _emit_change(
        self, part: _Change, source: int, first: int, channels: int
    ) -> tuple[int, int]:
        old, _ = self._emit(part.parts[0], source, first, channels)
        new, latency = self._emit(part.parts[1], source, first, channels)
        target = self._new_buffer()
        self._step(FADE, old, target, other=new)
        return target, latency

    def _emit_split(self, part: Split, source: int, first: int, channels: int) -> tuple[int, int]:
        if len(part.parts) != channels:
            raise UsageError(
                f"Split has {len(part.parts)} parts for {channels} channels; give one for each"
            )
        outputs = [self._emit(branch, source, first + c, 1) for c, branch in enumerate(part.parts)]
        longest = max(latency for _, latency in outputs)
        target = self._new_buffer()
        self._step(CLEAR, target, target)
        for c, (buffer, latency) in enumerate(outputs):
            ready = buffer
            if latency < longest:
                wait = self._chain.delay_for(part, c, longest - latency)
                ready, _ = self._emit_processor(wait, buffer, first + c, 1)
            joined = self._chain.passing(part, c)
            node = self._chain.node_of(joined, self.sample_rate, 1)
            self._kept.append(joined)
            self._step(
                PROCESS, ready, target, node=node.address, first_channel=first + c, channels=1
            )
        return target, longest


@processor
def _pass(block: Any) -> None:
    for c in range(block.channels):
        for i in range(block.frames):
            block.output[c, i] = block.input[c, i]


class _Change(_Group):
    """Two versions of a part, old and new, while one is faded into the other.

    Nothing at all is an empty group.
    """


class Chain(_Group):
    """Processors one after the other.

    Parameters
    ----------
    *parts : Processor, Chain, Parallel or Split
        In order.
    on_fault : {"bypass", "silence", "stop"}
        What is heard in place of an effect that fails: its input, silence, or nothing at all
        any more. An instrument that fails is silent.
    budget : float
        Share of a block's time that one processor may take, three blocks in a row, before it
        is left; 0 for no limit.
    debug : bool
        Compile with every index checked; an index out of range is then a fault.

    """

    def __init__(
        self, *parts: Any, on_fault: OnFault = "bypass", budget: float = 0.9, debug: bool = False
    ) -> None:
        super().__init__(*parts)
        if on_fault not in _ON_FAULT:
            raise UsageError(f"on_fault={on_fault!r}: give 'bypass', 'silence' or 'stop'")
        self._on_fault, self._budget, self._debug = on_fault, budget, debug
        self.clock = Record(CLOCK)
        self._nodes: dict[int, tuple[Processor, Record, tuple[float, int]]] = {}
        self._helpers: dict[tuple[int, int, int], Processor] = {}
        self._faults_told: dict[int, int] = {}
        self._format: tuple[float, int] | None = None
        self._lock = threading.RLock()
        self._program: Program | None = None
        self._install: Callable[[Program], bool] | None = None

    # --- what a program asks ------------------------------------------------------------------

    def node_of(self, part: Processor, sample_rate: float, channels: int) -> Record:
        """Return a processor's node, made ready for a format."""
        known = self._nodes.get(id(part))
        if known and known[2] == (sample_rate, channels):
            return known[1]
        if known and self._format == (sample_rate, known[2][1]):
            raise UsageError(f"{part!r} is in the chain twice; make another one")
        part.make_ready(sample_rate, channels, MAX_BLOCK, self._debug)
        node = Record(NODE)
        node["entry"], node["state"] = part.entry.address, part.record.address
        node["on_fault"] = SILENT if part.is_instrument else _ON_FAULT[self._on_fault]
        node["stops"] = int(self._on_fault == "stop")
        self._nodes[id(part)] = part, node, (sample_rate, channels)
        return node

    def delay_for(self, owner: _Group, place: int, frames: int) -> Processor:
        """Return the delay that makes a branch meet the others."""
        key = (id(owner), place, frames)
        if key not in self._helpers:
            align: Any = _Align
            self._helpers[key] = align(frames=frames)
        return self._helpers[key]

    def passing(self, owner: _Group, place: int) -> Processor:
        """Return the part that writes a channel to the common buffer."""
        key = (id(owner), place, -1)
        if key not in self._helpers:
            self._helpers[key] = _pass()
        return self._helpers[key]

    # --- running ------------------------------------------------------------------------------

    def prepare(self, sample_rate: float, channels: int) -> Program:
        """Compile, prove and lay out the chain for a format, at rest.

        Raises
        ------
        RealtimeError
            If a processor is refused.
        UsageError
            For an impossible format, a processor that is in the chain twice, or a chain that
            plays.

        """
        if not 1 <= channels <= MAX_CHANNELS or not sample_rate > 0:
            raise UsageError(
                f"{channels} channels at {sample_rate} Hz: give 1 to {MAX_CHANNELS} "
                "channels and a rate above 0"
            )
        with self._lock:
            self._check_silent()
            self._nodes.clear()
            self.clock["frames"] = 0
            return self._laid_out(sample_rate, channels)

    def _laid_out(self, sample_rate: float, channels: int) -> Program:
        everyone = list(self.processors())
        if len({id(p) for p in everyone}) < len(everyone):
            raise UsageError("a processor is in the chain twice; make another one of its class")
        self._format = (sample_rate, channels)
        self._program = Program(self, sample_rate, channels)
        self._program.record["budget_share"] = self._budget
        return self._program

    # --- changes while it plays -----------------------------------------------------------------

    def connect(self, install: Callable[[Program], bool] | None) -> None:
        """Let changes be heard: ``install`` hands a program to the audio thread and waits.

        It returns whether the audio thread has taken it. None lets go.

        Raises
        ------
        UsageError
            If it plays somewhere already: its processors have one state.

        """
        if install is not None:
            self._check_silent()
        self._install = install

    def _check_silent(self) -> None:
        if self._install is not None:
            raise UsageError("the chain plays already; stop that player, or make another chain")

    def replace(self, old: Processor | _Group, new: Processor | _Group) -> None:
        """Put another part in the place of one, with a crossfade of 20 ms if it plays.

        Raises
        ------
        UsageError
            If ``old`` is not in the chain.
        RealtimeError
            If the new one is refused; then everything is as it was.

        """
        with self._lock:
            group, place = self._find(old)
            self._change(group, place, old, new)

    def insert(self, index: int, part: Processor | _Group) -> None:
        """Put a part before the one at an index of the chain's own ``parts``."""
        with self._lock:
            place = range(len(self.parts) + 1)[index]
            self.parts.insert(place, _Group())
            try:
                self._change(self, place, self.parts[place], part)
            except ZerocrossError:
                del self.parts[place]
                raise

    def append(self, part: Processor | _Group) -> None:
        """Put a part at the end."""
        with self._lock:
            self.insert(len(self.parts), part)

    def remove(self, part: Processor | _Group) -> None:
        """Take a part out."""
        with self._lock:
            group, place = self._find(part)
            self._change(group, place, part, _Group())
            if not isinstance(group, (Parallel, Split)):
                del group.parts[place]

    def move(self, part: Processor | _Group, index: int) -> None:
        """Take a part out and put it in at another index, with a fade for each."""
        with self._lock:
            self.remove(part)
            self.insert(index, part)

    def _find(self, part: Any) -> tuple[_Group, int]:
        waiting: list[_Group] = [self]
        while waiting:
            group = waiting.pop()
            for place, inner in enumerate(group.parts):
                if inner is part:
                    return group, place
                if isinstance(inner, _Group):
                    waiting.append(inner)
        raise UsageError(f"{part!r} is not in the chain")

    def _change(self, group: _Group, place: int, old: Any, new: Any) -> None:
        if self._install is None or self._format is None:
            group.parts[place] = new
            return
        group.parts[place] = _Change(old, new)
        try:
            fading = self._laid_out(*self._format)
        except ZerocrossError:
            group.parts[place] = old
            raise
        if self._install(fading):
            deadline = time.monotonic() + _FADE_TIMEOUT_S
            total = int(fading.record["fade_frames"])
            while int(fading.record["fade_done"]) < total and time.monotonic() < deadline:
                time.sleep(0.002)
        group.parts[place] = new
        self._install(self._laid_out(*self._format))
        kept = {id(part) for part in self.processors()}
        kept |= {id(helper) for helper in self._helpers.values()}
        self._nodes = {key: value for key, value in self._nodes.items() if key in kept}

    @property
    def position(self) -> int:
        """Frames that the chain has run since it was prepared: the clock of events."""
        return self.clock.load("frames")

    @property
    def latency_frames(self) -> int:
        """Frames by which the output lags; known once it is prepared."""
        return self._program.latency_frames if self._program else 0

    def render(
        self,
        signal: npt.ArrayLike | str | os.PathLike[str],
        sample_rate: float | None = None,
        tail_s: float = 0.0,
        block_size: int = MAX_BLOCK,
    ) -> npt.NDArray[np.float32]:
        """Run a whole signal through the chain, from rest; the same bits as live.

        Parameters
        ----------
        signal : array, shape (frames,) or (frames, channels), or a file
            What goes in.
        sample_rate : float or None
            In Hz; a file has its own, an array is taken to have 48000.
        tail_s : float
            How much silence to run through after it, for what rings on.
        block_size : int
            Frames at a time.

        Returns
        -------
        ndarray, shape as the signal's with the tail, float32

        """
        data, rate = self._signal(signal, sample_rate)
        flat = data.ndim == 1
        rows = np.ascontiguousarray(np.atleast_2d(data.T), np.float32)
        tail = round(tail_s * rate)
        rows = np.concatenate([rows, np.zeros((len(rows), tail), np.float32)], axis=1)
        program = self.prepare(rate, len(rows))
        program.record["budget_share"] = np.inf  # offline nothing is late
        out = np.zeros_like(rows)
        for start in range(0, rows.shape[1], block_size):
            run_program_over(
                program.record.address,
                rows.ctypes.data + 4 * start,
                out.ctypes.data + 4 * start,
                rows.shape[1],
                min(block_size, rows.shape[1] - start),
            )
        return out[0] if flat else np.ascontiguousarray(out.T)

    def _signal(self, signal: Any, sample_rate: float | None) -> tuple[npt.NDArray[Any], float]:
        if isinstance(signal, (str, os.PathLike)):
            rows, rate = read_audio(signal)
            return rows[0] if len(rows) == 1 else rows.T, sample_rate or rate
        data = np.asarray(signal, np.float32)
        if data.ndim not in (1, 2):
            raise UsageError(f"shape {data.shape}: give (frames,) or (frames, channels)")
        if not np.isfinite(data).all():
            first = np.argwhere(~np.isfinite(np.atleast_2d(data.T)))[:, 1].min()
            raise UsageError(f"frame {first} of the signal is not finite; np.nan_to_num repairs it")
        return data, sample_rate or 48_000.0

    def longest_ns(self, part: Processor) -> int:
        """Return the longest time that a processor took for a block, in nanoseconds."""
        return int(self._nodes[id(part)][1]["longest_ns"])

    def faults(self) -> list[Fault]:
        """Return the processors that were left since the last call."""
        if not self._lock.acquire(blocking=False):
            return []  # the chain is being changed; ask again
        try:
            return self._new_faults()
        finally:
            self._lock.release()

    def _new_faults(self) -> list[Fault]:
        found = []
        for key, (part, node, _) in self._nodes.items():
            count = int(node["faults"])
            if count > self._faults_told.get(key, 0):
                self._faults_told[key] = count
                verdict = part.verdict
                where = f"{verdict.file}:{verdict.line}" if verdict else ""
                cause = CAUSES[int(node["cause"])]
                found.append(Fault(part, cause, int(node["status"]), where))
        return found
