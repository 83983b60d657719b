"""Shared records: named numbers that the control thread and the audio thread both see.

A record's fields are declared in groups by who writes them. Each group begins on a stretch of
memory of its own, so two writers never fight over a cache line; `audit` prints who writes
where, and finds the lines where two writers meet.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from zerocross.closing import keep_for_ever
from zerocross.compiler import entry, load_acquire, record_at, store_release
from zerocross.errors import UsageError
from zerocross.memory.aligned import aligned_zeros

__all__ = ["LINE", "Audit", "Placed", "Record", "audit", "layout"]


#: Bytes from the start of one group to the next: how far apart two writers must be. 128, as lines
#: come in pairs (x86-64's prefetcher, Intel's optimisation manual 3.6.7) or are that long (Apple).
#: No machine is asked: code that was compiled beforehand has the layouts built in.
LINE = 128

Field = str | tuple[str, Any] | tuple[str, Any, tuple[int, ...]]


def layout(**groups: list[Field]) -> np.dtype[Any]:
    """Lay out a record from groups of fields, one group for each writer.

    Parameters
    ----------
    **groups : list
        The writer's name and its fields: a bare name is an int64, else
        ``(name, dtype)`` or ``(name, dtype, shape)``.

    Returns
    -------
    numpy.dtype
        A structured dtype; each group begins at a multiple of `LINE`.

    >>> layout(audio=["read"], control=[("volume", "f8")]).fields["volume"][1]
    128

    """
    names: list[str] = []
    writers: dict[str, str] = {}
    formats: list[Any] = []
    offsets: list[int] = []
    end = 0
    for writer, fields in groups.items():
        end = -(-end // LINE) * LINE
        for field in fields:
            name, *kind = (field,) if isinstance(field, str) else field
            item = np.dtype(tuple(kind) if len(kind) > 1 else kind[0]) if kind else np.dtype("i8")
            align = max(8, item.base.alignment)
            end = -(-end // align) * align
            names.append(name)
            writers[name] = writer
            formats.append(item)
            offsets.append(end)
            end += item.itemsize
    itemsize = -(-end // LINE) * LINE
    return np.dtype(
        {"names": names, "formats": formats, "offsets": offsets, "itemsize": itemsize},
        metadata={"writers": writers},
    )


@dataclasses.dataclass(frozen=True)
class Placed:
    """A field of a record: where it lies, and who writes it."""

    field: str
    offset: int
    size: int
    writer: str

    @property
    def lines(self) -> range:
        """The stretches of `LINE` bytes that the field touches."""
        return range(self.offset // LINE, (self.offset + self.size - 1) // LINE + 1)


@dataclasses.dataclass(frozen=True)
class Audit:
    """What `audit` found; ``str()`` gives a table."""

    fields: tuple[Placed, ...]

    @property
    def contested(self) -> dict[int, set[str]]:
        """The lines on which two writers meet, and who they are."""
        found: dict[int, set[str]] = {}
        for field in self.fields:
            for line in field.lines:
                found.setdefault(line, set()).add(field.writer)
        return {line: writers for line, writers in found.items() if len(writers) > 1}

    def __str__(self) -> str:
        rows = [f"{'field':24} {'offset':>6} {'bytes':>6} {'line':>5}  writer"]
        contested = self.contested
        for f in self.fields:
            mark = "  <- two writers" if any(line in contested for line in f.lines) else ""
            rows.append(f"{f.field:24} {f.offset:6} {f.size:6} {f.lines[0]:5}  {f.writer}{mark}")
        return "\n".join(rows)


def audit(dtype: np.dtype[Any], writers: dict[str, str] | None = None) -> Audit:
    """Return where the fields of a record lie, on which line, and who writes them.

    Parameters
    ----------
    dtype : numpy.dtype
        Of a record; one made by `layout` knows its writers.
    writers : dict or None
        The writer of each field, for another dtype.

    """
    known: dict[str, str] = writers or dict(dtype.metadata or {}).get("writers", {})
    fields: Any = dtype.fields or {}
    return Audit(
        tuple(
            Placed(name, fields[name][1], fields[name][0].itemsize, known.get(name, "?"))
            for name in dtype.names or ()
        )
    )


_CELL = np.dtype([("value", "i8")])


@entry("int64")
def shared_load(address: int) -> int:
    """Load an int64 with acquire order."""
    value: int = load_acquire(record_at(address, _CELL), "value")
    return value


@entry("int64", "int64")
def shared_store(address: int, value: int) -> int:
    """Store an int64 with release order."""
    store_release(record_at(address, _CELL), "value", value)
    return 0


class Record:
    """A record in memory of its own, seen from Python.

    ``record["field"]`` reads and writes plainly, which is enough for counters and for
    fields set before the audio starts. `load` and `store` order the accesses around them.

    Attributes
    ----------
    address : int
        Where it lies; valid as long as the Record is referenced.

    """

    def __init__(self, dtype: np.dtype[Any], count: int = 1) -> None:
        self._memory = aligned_zeros(count, dtype, alignment=LINE)
        self._row = self._memory[0]
        self.dtype = dtype
        self.address: int = self._memory.ctypes.data
        fields: Any = dtype.fields or {}
        self._field_addresses = {name: self.address + fields[name][1] for name in fields}

    def __reduce_ex__(self, _protocol: Any) -> Any:
        raise UsageError("shared memory cannot be copied: compiled code knows it by its address")

    def __getitem__(self, field: str) -> Any:
        return self._row[field]

    def __setitem__(self, field: str, value: Any) -> None:
        self._row[field] = value

    def fill(self, **values: Any) -> None:
        """Set several fields plainly, before anyone else looks at them."""
        for name, value in values.items():
            self._row[name] = value

    def keep_for_ever(self) -> None:
        """Never free the memory: others' threads have its address, past our interpreter's end."""
        keep_for_ever(self._memory)

    def item(self, index: int) -> Any:
        """Return one of ``count`` records."""
        return self._memory[index]

    def load(self, field: str) -> int:
        """Load an int64 field with acquire order."""
        return shared_load(self._field_addresses[field])

    def store(self, field: str, value: int) -> None:
        """Store an int64 field with release order."""
        shared_store(self._field_addresses[field], value)
