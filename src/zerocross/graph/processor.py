"""Processors: Python classes that run on the audio thread.

A class declares parameters (`param`), state (numbers with their first values) and one
``process(self, block)``; ``prepare`` makes its arrays. `processor` turns the class into one
whose objects hold their fields in a record that compiled code and Python both see, and whose
``process`` is compiled for exactly that record, proven, and reached by its address.

In ``process``, ``self.name`` is a field of the record and ``block`` a `Block`. The output is
another array than the input, and every frame of it has to be written.
"""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np

from zerocross.compiler import (
    Entry,
    Kernel,
    float32_array,
    float32_rows,
    kernel,
    record_at,
    records_at,
)
from zerocross.compiler.proof.verdict import Verdict, prove
from zerocross.errors import UsageError
from zerocross.graph.block import BLOCK
from zerocross.graph.event import CHANGE, EVENT, NOTE_OFF, NOTE_ON, EventQueue
from zerocross.graph.params import Param, change_params, smooth
from zerocross.graph.state import HIDDEN, NUMBERS, copied, fill_state, state_dtype
from zerocross.memory import Record
from zerocross.memory.arena import ARENA, arena_take

__all__ = ["Block", "Processor", "processor", "set_fields"]


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


class _ProofBlock(Block):
    """The block of the proof's twin: its scratch memory comes from an infallible allocator.

    Running out of scratch is the one fault that an accepted process may have. The twin, which is
    compiled and never run, has none, so that every fault left in it is one of the process itself.
    """


@kernel
def _scratch(block: Any, samples: Any) -> Any:
    return float32_array(arena_take(record_at(block.arena, ARENA), 4 * samples), samples)


@kernel
def _scratch_rows(block: Any, rows: Any, samples: Any) -> Any:
    address = arena_take(record_at(block.arena, ARENA), 4 * rows * samples)
    return float32_rows(address, rows, samples)


@kernel
def _infallible_scratch(block: Any, samples: Any) -> Any:
    return float32_array(block.arena, samples)


@kernel
def _infallible_scratch_rows(block: Any, rows: Any, samples: Any) -> Any:
    return float32_rows(block.arena, rows, samples)


@functools.cache
def _teach_compiler() -> None:
    from zerocross.compiler import frontend

    kernels = {
        Block: (_scratch, _scratch_rows),
        _ProofBlock: (_infallible_scratch, _infallible_scratch_rows),
    }
    frontend.give_method("scratch", kernels)


# --- compiling --------------------------------------------------------------------------------


def _make_entry(
    name: str,
    process: Kernel[Any],
    dtype: np.dtype[Any],
    channels: int,
    smoothed: bool,
    block_type: type[Block],
) -> Entry:
    """Return the entry around a process: it cuts the block where parameters move.

    It is made for a number of channels, so that loops over them are unrolled.
    """

    def run(state_address: int, block_address: int) -> int:
        state = record_at(state_address, dtype)
        b = record_at(block_address, BLOCK)
        if smoothed:
            change_params(state, b.changes, b.change_count)
        notes = b.note_count
        done = 0
        while done < b.frames:
            frames = smooth(state, b.frames - done) if smoothed else b.frames
            process(
                state,
                block_type(
                    float32_rows(b.input + 4 * done, channels, b.row_frames),
                    float32_rows(b.output + 4 * done, channels, b.row_frames),
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


# --- the class --------------------------------------------------------------------------------


class Processor:
    """Base of the classes that `processor` makes.

    Attributes
    ----------
    verdict : Verdict or None
        The proof, once prepared.
    record : Record or None
        The fields, once prepared.

    """

    _params: ClassVar[dict[str, Param]] = {}
    _defaults: ClassVar[dict[str, Any]] = {}
    #: What runs: a kernel of the state and the block.
    _kernel: ClassVar[Kernel[Any]]
    #: What the user wrote: the same for a class; for a function, the kernel of the block inside.
    _written: ClassVar[Kernel[Any]]
    _entries: ClassVar[dict[Any, tuple[Entry, Verdict]]]
    is_instrument: ClassVar[bool] = False

    def __new__(cls, *_args: Any, **_options: Any) -> Self:
        made = super().__new__(cls)
        state = made.__dict__
        state["record"], state["verdict"], state["entry"] = None, None, None
        state["_events"], state["_connection"] = None, None
        state["_targets"] = {name: p.default for name, p in cls._params.items()}
        state.update({name: copied(value) for name, value in cls._defaults.items()})
        return made

    def __init__(self, **values: Any) -> None:
        set_fields(self, values)

    def _unknown(self, name: str) -> str:
        known = [*self._params, *self._defaults]
        near = difflib.get_close_matches(name, known, 1)
        hint = f"; did you mean {near[0]}?" if near else f"; it has {', '.join(known) or 'none'}"
        return f"{type(self).__name__} has no parameter {name!r}{hint}"

    def __setattr__(self, name: str, value: Any) -> None:
        record = self.__dict__.get("record")
        if name in self._params:
            number = self._params[name].check(name, value)
            self._targets[name] = number
            if record is not None:
                record["_target"][list(self._params).index(name)] = number
        elif record is not None and name in (record.dtype.names or ()):
            record[name] = value
        elif isinstance(getattr(type(self), name, None), property):
            object.__setattr__(self, name, value)
        else:
            self.__dict__[name] = value

    def __getattr__(self, name: str) -> Any:
        state = self.__dict__
        if name in type(self)._params:
            return state["_targets"][name]
        record = state.get("record")
        if record is not None and name in (record.dtype.names or ()) and name not in HIDDEN:
            value = record[name]
            return value if isinstance(value, np.ndarray) else value.item()
        raise AttributeError(f"{type(self).__name__} has no field {name!r}")

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value:g}" for name, value in self._targets.items())
        return f"{type(self).__name__}({shown})"

    @property
    def latency(self) -> int:
        """Frames by which the output lags: the field ``latency_frames``, else 0."""
        try:
            return int(self.latency_frames)
        except AttributeError:
            return 0

    def prepare(self, sample_rate: float, channels: int, max_block: int) -> None:
        """Make arrays and numbers that depend on the format; a class overrides it."""

    def make_ready(
        self, sample_rate: float, channels: int, max_block: int, debug: bool = False
    ) -> None:
        """Prepare, lay out the record, compile and prove.

        Raises
        ------
        RealtimeError
            If the process is refused, with file, line, reason and cure.

        """
        state = self.__dict__
        state["record"] = None
        state["_format"] = sample_rate, channels, max_block
        fields = self._fields_at_rest()
        dtype = state_dtype(self._params, fields)
        record = Record(dtype)
        fill_state(record, fields, self._params, self._targets, sample_rate)
        for name in fields:
            del state[name]  # from here on it is in the record
        state["entry"], state["verdict"] = self._compiled(dtype, channels, debug)
        if self._events is not None:
            record["_queue"] = self._events.record.address
        state["record"] = record

    def reset(self) -> None:
        """Put the state back to what `prepare` made of it; parameters jump to their values.

        The record stays where it is. Before the first preparation there is nothing to do.

        Raises
        ------
        UsageError
            If a chain plays that it is part of: the audio thread is writing its state.

        """
        state, record = self.__dict__, self.record
        if self._connection is not None and self._connection.plays:
            raise UsageError(f"{self!r} plays; stop it before a reset, or replace it by a new one")
        if record is None:
            return
        state["record"] = None  # prepare makes attributes, as the first time
        try:
            fields = self._fields_at_rest()
            if state_dtype(self._params, fields) != record.dtype:
                raise UsageError(f"{self!r} prepares other fields than before; prepare its chain")
            fill_state(record, fields, self._params, self._targets, state["_format"][0])
        finally:
            for name in record.dtype.names or ():
                state.pop(name, None)
            state["record"] = record

    def _fields_at_rest(self) -> dict[str, Any]:
        """Prepare from the first values; returns the state that this gives."""
        state = self.__dict__
        first = state.setdefault("_first", self._fields())
        state.update({name: copied(value) for name, value in first.items()})
        self.prepare(*state["_format"])
        return self._fields()

    # --- events -------------------------------------------------------------------------------

    def note_on(self, note: int, velocity: float = 1.0, at: int | None = None) -> None:
        """Begin a note.

        Parameters
        ----------
        note : int
            MIDI's number, 0 to 127; 69 is A4, 440 Hz.
        velocity : float
            Above 0 to 1.
        at : int or None
            The frame of the chain (``chain.position``) at which it happens, to the sample; None
            for the next block.

        Raises
        ------
        UsageError
            For values outside, or if 4096 events wait already.

        """
        if not 0.0 < velocity <= 1.0:
            raise UsageError(f"velocity {velocity}: give a number above 0, up to 1")
        self._post(at, NOTE_ON, _checked_note(note), velocity)

    def note_off(self, note: int, at: int | None = None) -> None:
        """End a note; see `note_on`."""
        self._post(at, NOTE_OFF, _checked_note(note), 0.0)

    def change(self, at: int | None = None, **values: float) -> None:
        """Change parameters at a frame of the chain; from there on they move to the values."""
        for name, value in values.items():
            if name not in self._params:
                raise UsageError(self._unknown(name))
            number = self._params[name].check(name, value)
            self._post(at, CHANGE, list(self._params).index(name), number)

    def _post(self, at: int | None, kind: int, number: int, value: float) -> None:
        queue = self._events
        if queue is None:
            queue = self.__dict__["_events"] = EventQueue()
            if self.record is not None:
                self.record.store("_queue", queue.record.address)
        queue.post(0 if at is None else int(at), kind, number, value)

    def _fields(self) -> dict[str, Any]:
        """Return the state: every public number and array of the object."""
        return {
            name: copied(value)
            for name, value in self.__dict__.items()
            if not name.startswith("_")
            and name not in ("record", "verdict", "entry")
            and isinstance(value, (*NUMBERS, np.ndarray))
        }

    @classmethod
    def _compiled(cls, dtype: np.dtype[Any], channels: int, debug: bool) -> tuple[Entry, Verdict]:
        key = (repr(dtype.fields), dtype.itemsize, channels, debug)
        if key not in cls._entries:
            make = functools.partial(
                _make_entry, cls.__name__, cls._kernel, dtype, channels, bool(cls._params)
            )
            entry = make(Block)
            entry.checked = debug
            proven = prove(entry, cls._written, lambda: make(_ProofBlock), _teach_compiler)
            cls._entries[key] = entry, proven
        return cls._entries[key]


def set_fields(made: Any, values: dict[str, Any]) -> None:
    """Set a processor's parameters and numbers by name: what an ``__init__`` has left over.

    Raises
    ------
    UsageError
        For a name that it does not have; names a near one.

    """
    for name, value in values.items():
        if name not in made._params and name not in made._defaults:
            raise UsageError(made._unknown(name))
        setattr(made, name, value)


def _checked_note(note: int) -> int:
    if not 0 <= int(note) <= 127:
        raise UsageError(f"note {note}: give 0 to 127; 69 is A4, 440 Hz")
    return int(note)


def processor(made: Any = None, *, instrument: bool = False) -> Any:
    """Turn a class, or a function of a block, into a processor.

    Parameters
    ----------
    made : class or function
        A class with ``process(self, block)``, or a function ``f(block)`` without state.
    instrument : bool
        Whether it makes sound by itself: a fault then leaves silence, not its input.

    Raises
    ------
    UsageError
        If there is no ``process``, or a field cannot be part of a record.

    """
    if made is None:
        return functools.partial(processor, instrument=instrument)
    if inspect.isfunction(made):
        return _from_function(made, instrument)
    process = getattr(made, "process", None)
    if not inspect.isfunction(process) or len(inspect.signature(process).parameters) != 2:
        raise UsageError(f"{made.__name__}: a processor needs a method process(self, block)")
    params: dict[str, Param] = {}
    defaults: dict[str, Any] = {}
    others: dict[str, Any] = {}
    for owner in reversed(made.__mro__[:-1]):
        for name, value in vars(owner).items():
            if isinstance(value, Param):
                params[name] = value
            elif not name.startswith("_") and isinstance(value, (*NUMBERS, np.ndarray)):
                defaults[name] = value
            elif name not in {"__dict__", "__weakref__", "process"}:
                others[name] = value
    of_state = Kernel(process)
    namespace = others | {
        "_params": params,
        "_defaults": defaults,
        "_kernel": of_state,
        "_written": of_state,
        "_entries": {},
        "is_instrument": instrument,
        "process": process,
    }
    return type(made.__name__, (Processor,), namespace)


def _from_function(function: Callable[[Any], None], instrument: bool) -> Any:
    if len(inspect.signature(function).parameters) != 1:
        raise UsageError(f"{function.__name__}: a processor function takes one block")
    of_block = Kernel(function)

    def process(self: Any, block: Any) -> None:  # noqa: ARG001
        of_block(block)

    namespace = {
        "_params": {},
        "_defaults": {},
        "_kernel": Kernel(process),
        "_written": of_block,
        "_entries": {},
        "is_instrument": instrument,
        "__doc__": function.__doc__,
        "__module__": function.__module__,
    }
    return type(function.__name__, (Processor,), namespace)
