"""Chains: processors composed in Python, compiled to what the audio thread runs.

A `Chain` runs its parts one after the other, `Parallel` side by side (and adds them up),
`Split` one for each channel; they nest (`graph.groups`). A chain is assembled to a *program*
(`graph.assemble`, `graph.program`), which is exchanged by one atomic store, also for a change
while it plays (`graph.change`).

Over 300 lines, a third of them docstrings: every way to make and change a chain is here.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from zerocross.compiler.mode import require_compiler
from zerocross.errors import MemoryRefused, UsageError
from zerocross.graph.assemble import Program
from zerocross.graph.block import MAX_BLOCK, MAX_CHANNELS
from zerocross.graph.change import (
    Edit,
    inserting,
    place_of,
    removing,
    replacing,
    wait_for_fade,
)
from zerocross.graph.connection import Connection
from zerocross.graph.fault import Fault, warn_of
from zerocross.graph.groups import Group, check_tree
from zerocross.graph.nodes import Nodes
from zerocross.graph.processor import Processor
from zerocross.graph.program import BYPASSED, CLOCK, SILENT, run_program_frames
from zerocross.graph.signal import checked_signal
from zerocross.memory import ArenaStats, Record, aligned_zeros
from zerocross.units import checked_flag, checked_number, checked_rate, checked_whole, shown

__all__ = ["Chain", "chain_of"]

OnFault = Literal["bypass", "silence", "stop"]

_ON_FAULT = {"bypass": BYPASSED, "silence": SILENT, "stop": SILENT}
_MAX_BUDGET = 1e6
_MAX_TAIL_S = 1e9


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

    Raises
    ------
    UsageError
        For what is no processor or chain, a processor that is in it twice, a chain within itself,
        and impossible options.

    Notes
    -----
    A chain has one state, so it does one thing at a time. A rendering ends by itself: what another
    thread asks meanwhile waits for it. Playing does not: a chain that plays is not rendered.

    """

    def __init__(
        self, *parts: Any, on_fault: OnFault = "bypass", budget: float = 0.9, debug: bool = False
    ) -> None:
        super().__init__(*parts)
        if not isinstance(on_fault, str) or on_fault not in _ON_FAULT:
            raise UsageError(f"on_fault={shown(on_fault)}: give 'bypass', 'silence' or 'stop'")
        self._budget = checked_number("budget", budget, 0.0, _MAX_BUDGET)
        self.clock = Record(CLOCK)
        self._connection = Connection()
        self._nodes = Nodes(
            self._connection, checked_flag("debug", debug), _ON_FAULT[on_fault], on_fault == "stop"
        )
        self._program: Program | None = None
        # Held over a whole change, its fade included, and over a whole rendering: what would
        # change the chain waits. Who only reads takes no part in it.
        self._changing = threading.RLock()

    # --- running ------------------------------------------------------------------------------

    @property
    def plays(self) -> bool:
        """Whether a player or a stream has it, until that is closed."""
        return self._connection.plays

    @property
    def format(self) -> tuple[float, int] | None:
        """Sample rate in Hz and channels that it was prepared for last; None before the first time."""
        program = self._program
        return (program.sample_rate, program.channels) if program else None

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
        rate = checked_rate(sample_rate)
        count = checked_whole("channels", channels, 1, MAX_CHANNELS)
        require_compiler("a chain")
        self._check_silent()  # told at once, also while a change fades
        with self._changing, self._connection.taking():
            self._check_idle()
            check_tree(self)
            self._nodes.clear()
            self.clock["frames"] = 0
            self._program = self._assembled(rate, count)
            return self._program

    def _assembled(self, sample_rate: float, channels: int, edit: Edit | None = None) -> Program:
        before = self._program
        program = Program(self, self._nodes, self.clock, sample_rate, channels, edit, before)
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

    def start(
        self, install: Callable[[Program], bool], sample_rate: float, channels: int
    ) -> Program:
        """Prepare it, hand it to the audio thread, and connect it, without a moment between.

        Raises
        ------
        RealtimeError, UsageError
            As `prepare`, and for a chain that is being rendered.

        """
        self._check_idle()  # told at once: a rendering may take long
        with self._changing, self._connection.taking():
            program = self.prepare(sample_rate, channels)
            self.connect(install)
            install(program)
            return program

    @contextmanager
    def rendering(
        self, sample_rate: float, channels: int, goes_on: bool = False
    ) -> Iterator[Program]:
        """Prepare it, unless it goes on, and keep it for one rendering, in which nothing is late."""
        self._check_silent()
        with self._changing, self._connection.taking():
            if goes_on and self._program:
                program = self._going_on(self._program, sample_rate, channels)
            else:
                program = self.prepare(sample_rate, channels)
            program.record["budget_share"] = np.inf
            self._connection.renders = True
            try:
                yield program
            finally:
                self._connection.renders = False

    def _going_on(self, program: Program, sample_rate: float, channels: int) -> Program:
        """Return the program that goes on where one ended: the same, unless the chain was changed."""
        formats = (program.sample_rate, program.channels), (sample_rate, channels)
        if formats[0] != formats[1]:
            before, now = (f"{rate:g} Hz x {count}" for rate, count in formats)
            raise UsageError(f"the chain goes on at {before}, not {now}; reset=True begins anew")
        for part in program.processors:
            if part._connection is not self._connection:
                raise UsageError(f"{part!r} was in another chain since; reset=True begins anew")
        if not program.is_as_laid_out():
            program = self._program = self._assembled(sample_rate, channels)
            self._nodes.keep(program.kept)
        return program

    def _check_silent(self) -> None:
        if self._connection.plays:
            raise UsageError(
                "the chain plays already; stop that player or stream, or make another chain"
            )

    def _check_idle(self) -> None:
        self._check_silent()
        if self._connection.renders:
            raise UsageError("the chain is being rendered; wait for the end, or make another chain")

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
            self._check_idle()
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
        reset: bool = True,
    ) -> npt.NDArray[np.float32]:
        """Run a signal through the chain, from rest or from where it is; the same bits as live.

        Parameters
        ----------
        signal : array, shape (frames,) or (frames, channels), or a file
            What goes in: finite floats.
        sample_rate : float or None
            Of an array, in Hz; a file has its own.
        tail_s : float
            How much silence to run through after it, for what rings on.
        block_size : int
            Frames at a time.
        reset : bool
            Whether it begins at rest, prepared anew. Else it goes on where the last rendering ended: a
            signal in pieces gives the bits of the whole, and a piece takes as long as its frames do.

        Returns
        -------
        ndarray, shape as the signal's with the tail, float32

        Raises
        ------
        UsageError
            For integers, an array without a rate, a chain that plays, and one that goes on at another
            rate or with other channels.
        RealtimeError
            If a processor is refused.

        Warns
        -----
        FaultWarning
            For each processor that failed; `errors` has the same lines.

        """
        frames = checked_whole("block_size", block_size, 1, 1 << 40, "frames")
        tail = checked_number("tail_s", tail_s, 0.0, _MAX_TAIL_S, "s")
        goes_on = not checked_flag("reset", reset)
        data, rate = checked_signal(signal, sample_rate)
        given = np.ascontiguousarray(data if data.ndim == 2 else data[:, np.newaxis])
        channels = given.shape[1]
        out = _room_for(len(given) + round(tail * rate), channels)
        room = aligned_zeros((channels, MAX_BLOCK))
        with self.rendering(rate, channels, goes_on) as program:
            known = len(self.faults_of_run())
            at = room.ctypes.data, given.ctypes.data, len(given), out.ctypes.data, len(out)
            run_program_frames(program.record.address, *at, frames)
            failed = self.faults_of_run()[known:]
        warn_of(failed)
        return out[:, 0] if data.ndim == 1 else out

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
            place = place_of(index, len(left) + 1)  # told before anything moves
            self._change(taken)
            self.insert(place, part)

    def _change(self, edit: Edit) -> None:
        edit.check(self)
        program, install = self._program, self._connection.install
        if self._connection.renders:
            raise UsageError("the chain is being rendered; change it before or after")
        if install is None and any(self._nodes.are_elsewhere(part) for part in self.processors()):
            raise UsageError(
                "the chain is a part of one that plays; call replace or remove of that one"
            )
        if program is None or install is None:
            edit.apply()
            return
        rate, channels = program.sample_rate, program.channels
        try:
            fading = self._assembled(rate, channels, edit)
        except Exception:
            self._nodes.keep(program.kept)
            raise
        if install(fading):
            wait_for_fade(fading.record, lambda: self._connection.install is install)
        edit.apply()
        self._program = self._assembled(rate, channels)
        install(self._program)
        self._nodes.keep(self._program.kept)

    # --- what is going on ---------------------------------------------------------------------

    @property
    def position(self) -> int:
        """Frames that the chain has run since it was prepared: the clock of events."""
        return self.clock.load("frames")

    @property
    def latency_frames(self) -> int:
        """Frames by which the output lags; known once it is prepared."""
        return self._program.latency_frames if self._program else 0

    @property
    def scratch(self) -> ArenaStats | None:
        """What its processors took of their scratch memory; None before it is prepared."""
        return self._program.scratch if self._program else None

    def longest_ns(self, part: Processor) -> int:
        """Return the longest time that a processor took for a block, in nanoseconds.

        Raises
        ------
        UsageError
            If it is not in the chain, or the chain was never prepared.

        """
        return int(self._nodes[part].record["longest_ns"])

    def faults(self) -> list[Fault]:
        """Return what was bypassed or silenced since the last call."""
        return self._nodes.new_faults()

    @property
    def errors(self) -> list[str]:
        """What was bypassed or silenced since the chain was prepared or reset, a line each."""
        return [str(fault) for fault in self.faults_of_run()]

    def faults_of_run(self) -> list[Fault]:
        """Return what was bypassed or silenced since the chain was prepared or reset."""
        return self._nodes.faults_of_run()


def chain_of(given: Any, name: str = "effects") -> Chain:
    """Return a chain of what was given for one: a chain, a part, or a list of parts.

    Raises
    ------
    UsageError
        For anything else.

    """
    if isinstance(given, Chain):
        return given
    try:
        return Chain(*given) if isinstance(given, (list, tuple)) else Chain(given)
    except UsageError as error:
        raise UsageError(f"{name}: {error}") from None


def _room_for(frames: int, channels: int) -> npt.NDArray[np.float32]:
    """Return an array for a rendering; raises MemoryRefused where there is no room."""
    try:
        return np.empty((frames, channels), np.float32)
    except (MemoryError, ValueError) as error:
        raise MemoryRefused(4 * frames * channels, error) from None
