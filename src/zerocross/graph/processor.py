"""Processors: Python classes that run on the audio thread.

A class declares parameters (`graph.params`), state (numbers with their first values) and one
``process(self, block)``; ``prepare`` makes its arrays. `graph.decorator` turns the class into one
whose objects hold their fields in a record that compiled code and Python both see
(`graph.state`), and whose ``process`` is compiled for exactly that record, proven, and reached by
its address (`graph.build`).

In ``process``, ``self.name`` is a field of the record and ``block`` a `graph.block.Block`. The
output is another array than the input, and every frame of it has to be written.
"""

from __future__ import annotations

import difflib
from typing import Any, ClassVar, Self

import numpy as np

from zerocross.compiler import Entry, Kernel
from zerocross.compiler.content import content_of
from zerocross.compiler.proof.verdict import Verdict
from zerocross.errors import UsageError
from zerocross.graph.build import build
from zerocross.graph.event import CHANGE, NOTE_OFF, NOTE_ON, EventQueue
from zerocross.graph.params import Param
from zerocross.graph.state import HIDDEN, NUMBERS, check_kind, copied, fill_state, state_dtype
from zerocross.memory import Record

__all__ = ["Processor", "set_fields"]


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
        state["entry"], state["verdict"] = self._built(dtype, channels, debug)
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
        found = {
            name: copied(value)
            for name, value in self.__dict__.items()
            if not name.startswith("_")
            and name not in ("record", "verdict", "entry")
            and isinstance(value, (*NUMBERS, np.ndarray))
        }
        for name, value in found.items():
            check_kind(f"{type(self).__name__}.{name}", value)
        return found

    @classmethod
    def _built(cls, dtype: np.dtype[Any], channels: int, debug: bool) -> tuple[Entry, Verdict]:
        # With what its process names: a kernel may be another by now, such as in a notebook.
        content = content_of(cls._kernel.function).digest
        key = (repr(dtype.fields), dtype.itemsize, channels, debug, content)
        if key not in cls._entries:
            cls._entries[key] = build(
                cls.__name__, cls._kernel, cls._written, dtype, channels, bool(cls._params), debug
            )
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
