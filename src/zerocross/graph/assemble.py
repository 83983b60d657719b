"""Assembling: from a chain's parts to the program that the audio thread runs.

Each part becomes steps over numbered buffers, of which buffer 0 is the input; branches of
different latency get delays, so that they meet.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from zerocross.errors import UsageError
from zerocross.graph.block import BLOCK, MAX_BLOCK
from zerocross.graph.change import FADE_S, Crossfade, Edit
from zerocross.graph.groups import Group, Parallel, Split
from zerocross.graph.nodes import Node, Nodes
from zerocross.graph.processor import Processor
from zerocross.graph.program import (
    CLEAR,
    FADE,
    GUARD,
    MIX,
    PROCESS,
    PROGRAM,
    STEP,
    fade_gains,
    run_block,
)
from zerocross.memory import Arena, ArenaStats, Record, aligned_zeros

__all__ = ["Program"]

_ARENA_BYTES = 4 << 20


class Program:
    """A chain as the audio thread runs it, with all the memory that this takes.

    Parameters
    ----------
    root : Group
        The chain.
    nodes : Nodes
        What it keeps of its processors.
    clock : Record
        A `CLOCK`.
    sample_rate, channels
        The format.
    edit : Edit or None
        A change to be heard while it fades.
    before : Program or None
        Another program of the chain: they run one after the other, with the same scratch memory.

    Attributes
    ----------
    record : Record
        A `PROGRAM`.
    latency_frames : int
        Of the whole chain.
    processors : list of Processor
        All that it runs, those for latency compensation too.

    Raises
    ------
    RealtimeError
        If a processor is refused.
    UsageError
        If a processor is in the chain twice, or a split has not a part for each channel.

    """

    def __init__(
        self,
        root: Group,
        nodes: Nodes,
        clock: Record,
        sample_rate: float,
        channels: int,
        edit: Edit | None = None,
        before: Program | None = None,
    ) -> None:
        self.sample_rate, self.channels = sample_rate, channels
        self._nodes, self._edit = nodes, edit
        self._clock = clock
        self._steps: list[tuple[Any, ...]] = []
        self._buffers = 1
        self._kept: list[Node] = []
        self._laid_out: list[tuple[Group, Sequence[Any]]] = []
        result, self.latency_frames = self._emit(root, 0, 0, channels)
        self._table = aligned_zeros(max(1, len(self._steps)), STEP)
        for k, step in enumerate(self._steps):
            self._table[k] = step
        self._fade_gains = fade_gains(max(1, round(FADE_S * sample_rate)))
        self._memory = aligned_zeros((self._buffers, channels, MAX_BLOCK))
        self._arena: Arena = Arena(_ARENA_BYTES, like=before._arena if before else None)
        self._block = Record(BLOCK)
        self.record = Record(PROGRAM)
        self.record.fill(
            clock=clock.address,
            steps=self._table.ctypes.data,
            step_count=len(self._steps),
            buffers=self._memory.ctypes.data,
            channels=channels,
            sample_rate=sample_rate,
            arena=self._arena.record.address,
            block=self._block.address,
            result=result,
            fade_frames=self._fade_gains.shape[1] - 1,
            fade_gains=self._fade_gains.ctypes.data,
            code=run_block.address,
        )

    @property
    def processors(self) -> list[Processor]:
        """All that it runs, those for latency compensation too."""
        return [part for part in self.kept if isinstance(part, Processor)]

    @property
    def kept(self) -> list[Processor | Group]:
        """All that has a node: the processors, and the groups that add up."""
        return [node.processor for node in self._kept]

    @property
    def at_work(self) -> Processor | None:
        """The processor that the audio thread is in at the moment, if it is in one."""
        address = self.record.load("at_node")
        found = (node.processor for node in self._kept if node.record.address == address)
        part = next(found, None)
        return part if isinstance(part, Processor) else None

    @property
    def scratch(self) -> ArenaStats:
        """What its processors took of their scratch memory."""
        return self._arena.stats()

    def _emit(self, part: Any, source: int, first: int, channels: int) -> tuple[int, int]:
        """Emit a part for some channels; returns the buffer of its output and its latency."""
        if isinstance(part, Processor):
            return self._emit_processor(part, source, first, channels)
        if isinstance(part, Parallel):
            return self._emit_parallel(part, source, first, channels)
        if isinstance(part, Split):
            return self._emit_split(part, source, first, channels)
        if isinstance(part, Crossfade):
            return self._emit_crossfade(part, source, first, channels)
        latency = 0
        part.fit(self.sample_rate, channels)
        for inner in self._parts_of(part):
            source, more = self._emit(inner, source, first, channels)
            latency += more
        return source, latency

    def is_as_laid_out(self) -> bool:
        """Return whether each group has the parts that it had."""
        return all(
            len(group.parts) == len(parts) and all(map(operator.is_, group.parts, parts))
            for group, parts in self._laid_out
        )

    def _parts_of(self, group: Group) -> Sequence[Any]:
        self._laid_out.append((group, group.parts))
        if self._edit and group is self._edit.group:
            return self._edit.fading
        return group.parts

    def _new_buffer(self) -> int:
        self._buffers += 1
        return self._buffers - 1

    def _step(self, kind: int, source: int, target: int, **more: Any) -> None:
        values: dict[str, Any] = dict.fromkeys(STEP.names or (), 0)
        values |= {"kind": kind, "source": source, "target": target} | more
        self._steps.append(tuple(values.values()))

    def _step_of(
        self, node: Node, kind: int, source: int, target: int, first: int, channels: int
    ) -> None:
        self._kept.append(node)
        address = node.record.address
        self._step(kind, source, target, node=address, first_channel=first, channels=channels)

    def _emit_processor(
        self, part: Processor, source: int, first: int, channels: int
    ) -> tuple[int, int]:
        target = self._new_buffer()
        self._run(part, source, target, first, channels)
        return target, part.latency

    def _run(self, part: Processor, source: int, target: int, first: int, channels: int) -> None:
        if any(part is node.processor for node in self._kept):
            raise UsageError(f"{part!r} is in the chain twice; make another one of its class")
        node = self._nodes.node_of(part, self.sample_rate, channels)
        self._step_of(node, PROCESS, source, target, first, channels)

    def _emit_parallel(
        self, group: Parallel, source: int, first: int, channels: int
    ) -> tuple[int, int]:
        branches = self._parts_of(group)
        outputs = [self._emit(branch, source, first, channels) for branch in branches]
        longest = max(latency for _, latency in outputs)
        target = self._new_buffer()
        self._step(CLEAR, target, target)
        for place, output in enumerate(outputs):
            ready = self._delayed(group, place, output, longest, first, channels)
            self._step(MIX, ready, target, gain=group.gains[place])
        self._guard(group, source, target, first, channels)
        return target, longest

    def _emit_split(self, group: Split, source: int, first: int, channels: int) -> tuple[int, int]:
        branches = self._parts_of(group)
        if len(branches) != channels:
            raise UsageError(
                f"Split has {len(branches)} parts for {channels} channels; give one for each"
            )
        outputs = [self._emit(branch, source, first + c, 1) for c, branch in enumerate(branches)]
        longest = max(latency for _, latency in outputs)
        target = self._new_buffer()
        self._step(CLEAR, target, target)
        for c, output in enumerate(outputs):
            ready = self._delayed(group, c, output, longest, first + c, 1)
            self._run(self._nodes.passing(group, c), ready, target, first + c, 1)
        return target, longest

    def _delayed(
        self,
        group: Group,
        place: int,
        output: tuple[int, int],
        longest: int,
        first: int,
        channels: int,
    ) -> int:
        """Compensate a branch's latency; returns the buffer in which it meets the others."""
        buffer, latency = output
        if latency == longest:
            return buffer
        delay = self._nodes.delay_for(group, place, longest - latency)
        return self._emit_processor(delay, buffer, first, channels)[0]

    def _emit_crossfade(
        self, fade: Crossfade, source: int, first: int, channels: int
    ) -> tuple[int, int]:
        old, _ = self._emit(fade.parts[0], source, first, channels)
        new, latency = self._emit(fade.parts[1], source, first, channels)
        target = self._new_buffer()
        self._step(FADE, old, target, other=new)
        self._guard(fade, new, target, first, channels)
        return target, latency

    def _guard(self, group: Group, source: int, target: int, first: int, channels: int) -> None:
        """Have a sum looked at where it arises: the source is heard in its place."""
        self._step_of(self._nodes.guard_of(group), GUARD, source, target, first, channels)
