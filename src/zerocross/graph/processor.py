"""Processors: Python classes that run on the audio thread.

A class declares parameters (`graph.params`), state (numbers with their first values) and one
``process(self, block)``; ``prepare`` makes its arrays. `graph.decorator` turns the class into one
whose objects hold their fields in a record that compiled code and Python both see
(`graph.state`), and whose ``process`` is compiled for exactly that record, proven, and reached by
its address (`graph.build`).

In ``process``, ``self.name`` is a field of the record and ``block`` a `graph.block.Block`. The
output is another array than the input, and every frame of it has to be written.

Over 300 lines: one class, whose life from declaration to proof is told in one place.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from zerocross.attributes import FixedAttributes, FixesAttributes, near_name
from zerocross.compiler import Entry, Kernel
from zerocross.errors import RealtimeError, UsageError
from zerocross.graph.build import Unproven, build, unproven
from zerocross.graph.event import CHANGE, NOTE_OFF, NOTE_ON, EventQueue
from zerocross.graph.params import Param
from zerocross.graph.state import (
    HIDDEN,
    NUMBERS,
    copied,
    field_value,
    fill_state,
    new_value,
    state_dtype,
)
from zerocross.memory import Record
from zerocross.units import checked_number, checked_whole, shown

if TYPE_CHECKING:
    from zerocross.compiler.proof.verdict import Verdict

__all__ = ["OWN_ATTRIBUTES", "Processor", "set_fields"]

_MAX_LATENCY = 1 << 24
_LAST_FRAME = 1 << 62
_LONGEST_CALL = 100
_BY_PLACE_OR_NAME = inspect.Parameter.POSITIONAL_OR_KEYWORD
_BY_NAME = inspect.Parameter.KEYWORD_ONLY


#: What every object has beside its class's names.
OWN_ATTRIBUTES = (
    *("record", "verdict", "entry"),
    *("_events", "_connection", "_targets", "_format", "_first", "_attributes_are_fixed"),
)


class _ProcessorClass(FixesAttributes):
    """The class of processors' classes: what each object has of its own is not set on the class."""

    _params: dict[str, Param]
    _defaults: dict[str, Any]

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "process":
            raise UsageError(f"{self.__name__}.process cannot be changed; write another class")
        if name in self._params or name in self._defaults:
            raise UsageError(
                f"{self.__name__}.{name} is each object's own: set it on one, as in made.{name} = ..."
            )
        super().__setattr__(name, value)

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Make an object; arguments that its ``__init__`` does not have are a `UsageError`."""
        try:
            self._signature().bind(None, *args, **options)
        except TypeError as error:
            given = [*map(shown, args), *(f"{name}={shown(v)}" for name, v in options.items())]
            call = f"{self.__name__}({', '.join(given)})"
            call = call if len(call) <= _LONGEST_CALL else f"{self.__name__}(...)"
            raise UsageError(f"{call}: {self._way(str(error), options)}") from None
        return super().__call__(*args, **options)

    def _signature(self) -> inspect.Signature:
        return inspect.signature(self.__init__)  # type: ignore[misc]

    def _way(self, problem: str, options: dict[str, Any]) -> str:
        """Return what an error says of arguments that do not fit."""
        kinds = self._signature().parameters.values()
        own = [each.name for each in kinds if each.kind in (_BY_PLACE_OR_NAME, _BY_NAME)][1:]
        known = [*self._params, *own]
        unknown = [name for name in options if name not in known]
        if "unexpected keyword" in problem and unknown:
            return f"it has no parameter {unknown[0]!r}; {near_name(unknown[0], known)}"
        if "too many positional" not in problem:
            return problem
        if not known:
            return "it has no parameters; leave them out"
        return f"give its parameters by name, such as {self.__name__}({known[0]}=...)"


class Processor(FixedAttributes, metaclass=_ProcessorClass):
    """Base of the classes that `processor` makes.

    Attributes are made in the class, in ``__init__`` and in ``prepare``. Later, other names are
    refused.

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
        changes = [n for n, v in vars(cls).items() if n == "process" or isinstance(v, Param)]
        if "_kernel" not in vars(cls) and (changes or cls is Processor):
            raise UsageError(f"{cls.__name__}: write @zerocross.processor above the class")
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
        known = near_name(name, [*self._params, *self._defaults])
        return f"{type(self).__name__} has no parameter {name!r}; {known}"

    def __setattr__(self, name: str, value: Any) -> None:
        record = self.__dict__.get("record")
        place = f"{type(self).__name__}.{name}"
        if name in self._params:
            number = self._params[name].check(name, value)
            self._targets[name] = number
            if record is not None:
                record["_target"][list(self._params).index(name)] = number
        elif name in OWN_ATTRIBUTES or inspect.isfunction(getattr(type(self), name, None)):
            raise UsageError(f"{place} cannot be set: every {type(self).__name__} has it already")
        elif not name.startswith("_") and record is not None and name in record.dtype.names:
            record[name] = new_value(place, record[name], value)
        else:
            super().__setattr__(name, value)

    def _settable(self) -> Iterator[str]:
        yield from self._params
        yield from self._field_names()
        yield from super()._settable()

    def _field_names(self) -> tuple[str, ...]:
        return self.record.dtype.names or () if self.record is not None else ()

    def _has_attribute(self, name: str) -> bool:
        return super()._has_attribute(name) and name not in OWN_ATTRIBUTES

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

    def __reduce_ex__(self, _protocol: Any) -> Any:
        raise UsageError(
            f"{self!r} cannot be copied: its state is memory of its own; make another one"
        )

    @property
    def latency(self) -> int:
        """Frames by which the output lags: the field ``latency_frames``, else 0."""
        try:
            frames = self.latency_frames
        except AttributeError:
            return 0
        return checked_whole(f"{type(self).__name__}.latency_frames", frames, 0, _MAX_LATENCY)

    def prepare(self, sample_rate: float, channels: int, max_block: int) -> None:
        """Make arrays and numbers that depend on the format; a class overrides it."""

    def make_ready(
        self, sample_rate: float, channels: int, max_block: int, debug: bool = False
    ) -> None:
        """Prepare, lay out the record, compile and prove.

        Raises
        ------
        RealtimeError
            If the process is refused, with file, line, reason and cure; the object is then as it
            was.

        """
        state = self.__dict__
        with self._as_before_if_refused():
            state["record"] = None
            state["_format"] = sample_rate, channels, max_block
            fields = self._fields_at_rest()
            dtype = state_dtype(self._params, fields)
            record = Record(dtype)
            fill_state(record, fields, self._params, self._targets, sample_rate)
            state["entry"], state["verdict"] = self._built(dtype, channels, debug)
        for name in fields:
            del state[name]  # from here on it is in the record
        if self._events is not None:
            record["_queue"] = self._events.record.address
        state["record"] = record

    def unproven(self, sample_rate: float, channels: int, max_block: int) -> Unproven:
        """Return what would be compiled and proven for a format; the object itself stays as it was.

        `zerocross.build` compiles it beforehand.
        """
        before = dict(self.__dict__)
        self.__dict__["_format"] = sample_rate, channels, max_block
        dtype = state_dtype(self._params, self._fields_at_rest())
        self.__dict__.clear()
        self.__dict__.update(before)
        parts = type(self).__name__, self._kernel, self._written, dtype, channels
        return unproven(*parts, bool(self._params))

    def reset(self) -> None:
        """Put the state back to what `prepare` made of it; parameters jump to their values.

        The record stays where it is. Before the first preparation there is nothing to do.

        Raises
        ------
        UsageError
            If a chain plays that it is part of: the audio thread is writing its state.

        """
        state, record = self.__dict__, self.record
        if self._connection is not None and self._connection.is_busy:
            raise UsageError(f"{self!r} plays; stop it before a reset, or replace it by a new one")
        if record is None:
            return
        with self._as_before_if_refused():
            state["record"] = None  # prepare makes attributes, as the first time
            fields = self._fields_at_rest()
            if state_dtype(self._params, fields) != record.dtype:
                raise UsageError(f"{self!r} prepares other fields than before; prepare its chain")
        fill_state(record, fields, self._params, self._targets, state["_format"][0])
        for name in fields:
            del state[name]
        state["record"] = record

    @contextmanager
    def _as_before_if_refused(self) -> Iterator[None]:
        """Give the object all its attributes back if what is within the block fails."""
        state = self.__dict__
        before = dict(state)
        try:
            yield
        except BaseException as error:
            state.clear()
            state.update(before)
            if isinstance(error, RealtimeError) and (odd := self._odd_attribute()):
                raise RealtimeError(f"{error}; {odd}", error.finding) from None
            raise

    def _fields_at_rest(self) -> dict[str, Any]:
        """Prepare from the first values; returns the state that this gives."""
        state = self.__dict__
        first = state.setdefault("_first", self._fields())
        state.update({name: copied(value) for name, value in first.items()})
        fixed = state.pop("_attributes_are_fixed", None)
        try:
            self.prepare(*state["_format"])
        finally:
            if fixed:
                state["_attributes_are_fixed"] = fixed
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
        loudness = checked_number("velocity", velocity, 0.0, 1.0)
        if loudness == 0.0:
            raise UsageError("velocity=0: give a number above 0, up to 1; note_off ends a note")
        self._post(at, NOTE_ON, checked_whole("note", note, 0, 127), loudness)

    def note_off(self, note: int, at: int | None = None) -> None:
        """End a note; see `note_on`."""
        self._post(at, NOTE_OFF, checked_whole("note", note, 0, 127), 0.0)

    def change(self, at: int | None = None, **values: float) -> None:
        """Change parameters at a frame of the chain; from there on they move to the values."""
        for name in values:
            if name not in self._params:
                raise UsageError(self._unknown(name))
        checked = {name: self._params[name].check(name, value) for name, value in values.items()}
        for name, number in checked.items():
            self._post(at, CHANGE, list(self._params).index(name), number)

    def _post(self, at: int | None, kind: int, number: int, value: float) -> None:
        when = 0 if at is None else checked_whole("at", at, -_LAST_FRAME, _LAST_FRAME, "frames")
        queue = self._events
        if queue is None:
            queue = self.__dict__["_events"] = EventQueue()
            if self.record is not None:
                self.record.store("_queue", queue.record.address)
        queue.post(when, kind, number, value)

    def _fields(self) -> dict[str, Any]:
        """Return the state: every public number and array of the object."""
        owner = type(self).__name__
        found = {
            name: value
            for name, value in self.__dict__.items()
            if not name.startswith("_")
            and name not in OWN_ATTRIBUTES
            and isinstance(value, (*NUMBERS, np.ndarray))
        }
        _check_apart(owner, found)
        return {name: field_value(f"{owner}.{name}", value) for name, value in found.items()}

    def _odd_attribute(self) -> str:
        """Say which attribute is no field though ``process`` may use it; often why it was refused."""
        names = self._written.function.__code__.co_names
        for name, value in vars(self).items():
            is_own = name.startswith("_") or name in OWN_ATTRIBUTES
            if name in names and not is_own and not isinstance(value, (*NUMBERS, np.ndarray)):
                kind = type(value).__name__
                return f"{type(self).__name__}.{name} is a {kind}, and no number or array"
        return ""

    @classmethod
    def _built(cls, dtype: np.dtype[Any], channels: int, debug: bool) -> tuple[Entry, Verdict]:
        from zerocross.compiler.content import content_of

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


def _check_apart(owner: str, fields: dict[str, Any]) -> None:
    """Refuse two fields on the same memory: a record has a copy of each."""
    arrays = [(name, value) for name, value in fields.items() if isinstance(value, np.ndarray)]
    for k, (name, value) in enumerate(arrays):
        for other, before in arrays[:k]:
            if np.may_share_memory(value, before):
                raise UsageError(
                    f"{owner}.{name} and {owner}.{other} are the same memory, and each field has its "
                    "own; use one of them with slices, or .copy()"
                )
