"""Nodes: what a chain keeps of each of its processors, for the audio thread and of it.

A node is made when a program first names its processor and dropped when none does any more. Its
faults are counted in it, so a processor that runs anew, or that takes another's address in
memory, begins at none.
"""

from __future__ import annotations

import collections
import dataclasses
import threading
from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from zerocross.closing import free_in_forks
from zerocross.compiler import float32_rows
from zerocross.errors import UsageError
from zerocross.graph.block import MAX_BLOCK
from zerocross.graph.connection import Connection
from zerocross.graph.decorator import processor
from zerocross.graph.fault import Fault, fault_of
from zerocross.graph.groups import Group
from zerocross.graph.processor import Processor
from zerocross.graph.program import NODE, SILENT
from zerocross.memory import Record, audit
from zerocross.units import shown

__all__ = ["Node", "Nodes"]

#: Faults that wait to be asked for; the oldest of more are forgotten.
_MOST_FAULTS = 1024
#: What the audio thread writes into a node.
#: Held for a moment by a chain that takes a processor: two chains may want one.
_claiming = free_in_forks(threading.Lock())
_SEEN = [placed.field for placed in audit(NODE).fields if placed.writer == "audio"]


@processor
class _Delay:
    """A delay of whole frames: latency compensation.

    Its line is reached by its address, so that one code serves all lengths.
    """

    frames = 0
    place = 0
    line = 0

    def prepare(self, _sample_rate: float, channels: int, _max_block: int) -> None:
        self._memory = np.zeros((channels, max(1, self.frames)), np.float32)
        self.line, self.frames = self._memory.ctypes.data, self._memory.shape[1]

    def process(self, block: Any) -> None:
        line = float32_rows(self.line, block.channels, self.frames)
        for c in range(block.channels):
            at = self.place
            for i in range(block.frames):
                block.output[c, i] = line[c, at]
                line[c, at] = block.input[c, i]
                at = at + 1 if at + 1 < self.frames else 0
        self.place = (self.place + block.frames) % self.frames


@processor
class _Pass:
    """What comes in goes out."""

    def process(self, block: Any) -> None:
        for c in range(block.channels):
            for i in range(block.frames):
                block.output[c, i] = block.input[c, i]


@dataclasses.dataclass
class Node:
    """A processor in a program, and all that the audio thread reaches through it.

    A group that adds up has one too: what it does, the audio thread looks at in the same way.

    Attributes
    ----------
    processor : Processor or Group
    record : Record
        A `NODE`.
    kept : tuple
        The processor's record and code, and what the record points to, which live as long as a
        program may run them.
    told : int
        How many of its faults were reported.

    """

    processor: Processor | Group
    record: Record
    kept: tuple[Any, ...]
    told: int = 0


class Nodes:
    """The nodes of a chain, and the processors that the chain adds by itself.

    Parameters
    ----------
    connection : Connection
        Where the chain plays.
    debug : bool
        Compile processors with every index checked.
    on_fault : int
        The mode of a node after a fault, of what is not an instrument.
    stops : bool
        Whether a fault silences the whole chain.

    """

    def __init__(self, connection: Connection, debug: bool, on_fault: int, stops: bool) -> None:
        self._connection = connection
        self._debug, self._on_fault, self._stops = debug, on_fault, stops
        # By identity, as users may define equality. A node holds its processor, so that no other
        # one can have its id.
        self._nodes: dict[int, Node] = {}
        self._helpers: dict[tuple[Group, int, int], Processor] = {}
        self._faults: collections.deque[Fault] = collections.deque(maxlen=_MOST_FAULTS)
        self._of_run: collections.deque[Fault] = collections.deque(maxlen=_MOST_FAULTS)
        self._lock = threading.Lock()  # held for a moment, never while compiling or fading

    def __getitem__(self, part: Processor) -> Node:
        found = self._nodes.get(id(part))
        if found is None:
            raise UsageError(f"{shown(part)} is not in the chain, or it was not prepared yet")
        return found

    # --- what a program asks ------------------------------------------------------------------

    def node_of(self, part: Processor, sample_rate: float, channels: int) -> Node:
        """Return a processor's node; the first time, the processor is compiled and proven.

        Raises
        ------
        RealtimeError
            If the processor is refused.
        UsageError
            If it plays in another chain: it has one state.

        """
        known = self._nodes.get(id(part))
        if known:
            return known
        before = part._connection
        with _claiming:
            if self.are_elsewhere(part):
                how = "plays" if before and before.plays else "is rendered"
                raise UsageError(f"{part!r} {how} in another chain; make another one of its class")
            part.__dict__["_connection"] = self._connection
        try:
            part.make_ready(sample_rate, channels, MAX_BLOCK, self._debug)
        finally:
            part.__dict__["_connection"] = before
        part.__dict__["_connection"] = self._connection
        code = {"entry": part.entry.address, "state": part.record.address}
        # All that the object has now: its record points to memory of which others only know here.
        return self._made(part, tuple(part.__dict__.values()), part.is_instrument, code)

    def guard_of(self, group: Group) -> Node:
        """Return the node of a group that adds up, or fades: what it does is looked at."""
        return self._nodes.get(id(group)) or self._made(group, (), False, {})

    def are_elsewhere(self, part: Processor) -> bool:
        """Return whether a processor's state is in use by another chain."""
        other = part._connection
        return other is not None and other is not self._connection and bool(other.is_busy)

    def _made(
        self, part: Any, kept: tuple[Any, ...], is_instrument: bool, code: dict[str, int]
    ) -> Node:
        record = Record(NODE)
        on_fault = SILENT if is_instrument else self._on_fault
        record.fill(on_fault=on_fault, stops=int(self._stops), **code)
        made = Node(part, record, kept)
        with self._lock:
            self._nodes[id(part)] = made
        return made

    def delay_for(self, owner: Group, place: int, frames: int) -> Processor:
        """Return the delay that makes a branch meet the others."""
        made: Any = _Delay
        return self._helper((owner, place, frames), lambda: made(frames=frames))

    def passing(self, owner: Group, place: int) -> Processor:
        """Return the part that writes a channel to the common buffer."""
        made: Any = _Pass
        return self._helper((owner, place, -1), made)

    def _helper(self, key: tuple[Group, int, int], make: Callable[[], Processor]) -> Processor:
        if key not in self._helpers:
            self._helpers[key] = make()
        return self._helpers[key]

    # --- which there are ----------------------------------------------------------------------

    def clear(self) -> None:
        """Begin anew: no processor is ready for anything."""
        self.keep(())
        self._of_run.clear()

    def keep(self, parts: Collection[Processor | Group]) -> None:
        """Drop all other nodes, and the helpers among them; their faults still wait."""
        kept = {id(part) for part in parts}
        with self._lock:
            self._gather()
            for key in self._nodes.keys() - kept:
                part = self._nodes.pop(key).processor
                if isinstance(part, Processor) and part._connection is self._connection:
                    part.__dict__["_connection"] = None
            self._helpers = {k: part for k, part in self._helpers.items() if id(part) in kept}

    def reset(self) -> None:
        """Put the helpers back to rest, and let processors run again that were bypassed."""
        for helper in self._helpers.values():
            helper.reset()
        with self._lock:
            self._gather()
            self._of_run.clear()
            for node in self._nodes.values():
                node.told = 0
                for name in _SEEN:
                    node.record[name] = 0

    # --- faults -------------------------------------------------------------------------------

    def new_faults(self) -> list[Fault]:
        """Return the faults since the last call."""
        with self._lock:
            self._gather()
            found = list(self._faults)
            self._faults.clear()
        return found

    def faults_of_run(self) -> list[Fault]:
        """Return the faults since `clear` or `reset`."""
        with self._lock:
            self._gather()
            return list(self._of_run)

    def _gather(self) -> None:
        for node in self._nodes.values():
            count = node.record.load("faults")
            if count > node.told:
                node.told = count
                fault = fault_of(node.processor, node.record)
                self._faults.append(fault)
                self._of_run.append(fault)
