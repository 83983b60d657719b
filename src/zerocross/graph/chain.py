"""Chains: processors composed in Python, compiled to what the audio thread runs.

A `Chain` runs its parts one after the other, `Parallel` side by side (and adds them up),
`Split` one for each channel; they nest (`graph.groups`). A chain is assembled to a *program*
(`graph.assemble`, `graph.program`), which is exchanged by one atomic store, also for a change
while it plays (`graph.change`).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from zerocross.errors import UsageError
from zerocross.graph.assemble import Program
from zerocross.graph.block import MAX_BLOCK, MAX_CHANNELS
from zerocross.graph.change import Edit, inserting, removing, replacing, wait_for_fade
from zerocross.graph.connection import Connection
from zerocross.graph.fault import Fault
from zerocross.graph.groups import Group
from zerocross.graph.nodes import Nodes
from zerocross.graph.processor import Processor
from zerocross.graph.program import BYPASSED, CLOCK, SILENT, run_program_over
from zerocross.memory import Record
from zerocross.sources.file import read_audio

__all__ = ["Chain"]

OnFault = Literal["bypass", "silence", "stop"]

_ON_FAULT = {"bypass": BYPASSED, "silence": SILENT, "stop": SILENT}
_ARRAY_HZ = 48_000.0


class Chain(Group):
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
        is bypassed; 0 for no limit.
    debug : bool
        Compile with every index checked; an index out of range is then a fault.

    """

    def __init__(
        self, *parts: Any, on_fault: OnFault = "bypass", budget: float = 0.9, debug: bool = False
    ) -> None:
        super().__init__(*parts)
        if on_fault not in _ON_FAULT:
            raise UsageError(f"on_fault={on_fault!r}: give 'bypass', 'silence' or 'stop'")
        self._budget = budget
        self.clock = Record(CLOCK)
        self._connection = Connection()
        self._nodes = Nodes(self._connection, debug, _ON_FAULT[on_fault], on_fault == "stop")
        self._program: Program | None = None
        # Held over a whole change, its fade included: a second change waits for the first. Who
        # only reads takes no part in it.
        self._changing = threading.RLock()

    # --- running ------------------------------------------------------------------------------

    @property
    def plays(self) -> bool:
        """Whether a player or a stream has it, until that is closed."""
        return self._connection.plays

    def prepare(self, sample_rate: float, channels: int) -> Program:
        """Compile, prove and lay out the chain for a format, at rest.

        Raises
        ------
        RealtimeError
            If a processor is refused.
        UsageError
            For an impossible format, a processor that is in the chain twice or plays in
            another one, or a chain that plays.

        """
        if not 1 <= channels <= MAX_CHANNELS or not sample_rate > 0:
            raise UsageError(
                f"{channels} channels at {sample_rate} Hz: give 1 to {MAX_CHANNELS} "
                "channels and a rate above 0"
            )
        self._check_silent()  # told at once, also while a change fades
        with self._changing:
            self._check_silent()
            self._nodes.clear()
            self.clock["frames"] = 0
            self._program = self._assembled(sample_rate, channels)
            return self._program

    def _assembled(self, sample_rate: float, channels: int, edit: Edit | None = None) -> Program:
        program = Program(self, self._nodes, self.clock, sample_rate, channels, edit)
        program.record["budget_share"] = self._budget
        return program

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
        self._connection.install = install

    def disconnect(self, install: Callable[[Program], bool]) -> None:
        """Let go, if it is to ``install`` that programs are handed; another's stays."""
        if self._connection.install == install:  # equal: each look at a method makes a new object
            self._connection.install = None

    def _check_silent(self) -> None:
        if self._connection.plays:
            raise UsageError("the chain plays already; stop that player, or make another chain")

    def reset(self) -> None:
        """Put the whole chain back to rest, as it was once prepared.

        State returns to what `prepare` made of it, parameters jump to their values, processors
        that were bypassed after a fault run again, and `position` is 0. Events that wait stay.

        Raises
        ------
        UsageError
            If it plays.

        """
        if self._connection.plays:
            raise UsageError("the chain plays; stop it before a reset")
        with self._changing:
            for part in self.processors():
                part.reset()
            self._nodes.reset()
            self.clock["frames"] = 0
            if self._program:
                self._program.record["stopped"] = 0

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
        if block_size < 1 or not 0.0 <= tail_s < np.inf:
            raise UsageError(
                f"block_size={block_size}, tail_s={tail_s}: give a frame or more, and 0 or more seconds"
            )
        data, rate = _read(signal, sample_rate)
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

    # --- changes ------------------------------------------------------------------------------

    def replace(self, old: Processor | Group, new: Processor | Group) -> None:
        """Put another part in the place of one, with a crossfade of 20 ms if it plays.

        It returns once the new one alone is heard; a change from another thread waits until
        then.

        Raises
        ------
        UsageError
            If ``old`` is not in the chain.
        RealtimeError
            If the new one is refused; then everything is as it was.

        """
        with self._changing:
            self._change(replacing(self, old, new))

    def insert(self, index: int, part: Processor | Group) -> None:
        """Put a part before the one at an index of the chain's own ``parts``; see `replace`."""
        with self._changing:
            self._change(inserting(self, index, part))

    def append(self, part: Processor | Group) -> None:
        """Put a part at the end; see `replace`."""
        with self._changing:
            self.insert(len(self.parts), part)

    def remove(self, part: Processor | Group) -> None:
        """Take a part out; see `replace`."""
        with self._changing:
            self._change(removing(self, part))

    def move(self, part: Processor | Group, index: int) -> None:
        """Take a part out and put it in at another index, with a fade for each."""
        with self._changing:
            taken = removing(self, part)
            left = taken.after if taken.group is self else self.parts
            place = range(len(left) + 1)[index]  # an index outside is told before anything moves
            self._change(taken)
            self.insert(place, part)

    def _change(self, edit: Edit) -> None:
        program, install = self._program, self._connection.install
        if program is None or install is None:
            edit.apply()
            return
        rate, channels = program.sample_rate, program.channels
        try:
            fading = self._assembled(rate, channels, edit)
        except Exception:
            self._nodes.keep(program.processors)
            raise
        if install(fading):
            wait_for_fade(fading.record, lambda: self._connection.install is install)
        edit.apply()
        self._program = self._assembled(rate, channels)
        install(self._program)
        self._nodes.keep(self._program.processors)

    # --- what is going on ---------------------------------------------------------------------

    @property
    def position(self) -> int:
        """Frames that the chain has run since it was prepared: the clock of events."""
        return self.clock.load("frames")

    @property
    def latency_frames(self) -> int:
        """Frames by which the output lags; known once it is prepared."""
        return self._program.latency_frames if self._program else 0

    def longest_ns(self, part: Processor) -> int:
        """Return the longest time that a processor took for a block, in nanoseconds."""
        return int(self._nodes[part].record["longest_ns"])

    def faults(self) -> list[Fault]:
        """Return the processors that were bypassed or silenced since the last call."""
        return self._nodes.new_faults()


def _read(signal: Any, sample_rate: float | None) -> tuple[npt.NDArray[Any], float]:
    """Return samples, shape (frames,) or (frames, channels), and their rate."""
    if isinstance(signal, (str, os.PathLike)):
        rows, rate = read_audio(signal)
        return rows[0] if len(rows) == 1 else rows.T, sample_rate or rate
    data = np.asarray(signal, np.float32)
    if data.ndim not in (1, 2):
        raise UsageError(f"shape {data.shape}: give (frames,) or (frames, channels)")
    if not np.isfinite(data).all():
        first = np.argwhere(~np.isfinite(np.atleast_2d(data.T)))[:, 1].min()
        raise UsageError(f"frame {first} of the signal is not finite; np.nan_to_num repairs it")
    return data, sample_rate or _ARRAY_HZ
