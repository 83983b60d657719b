"""Shared records: named numbers that the control world and the audio world both see.

A record's fields are declared in groups by who writes them. Each group begins on a cache
line pair of its own (128 bytes: x86 prefetches lines in pairs, Apple's lines are that
long), so two writers never fight over a line.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from zerocross.compiler import entry, load_acquire, record_at, store_release
from zerocross.memory.aligned import aligned_zeros

__all__ = ["LINE", "Record", "layout"]

#: Bytes from the start of one group to the next.
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
    formats: list[Any] = []
    offsets: list[int] = []
    end = 0
    for fields in groups.values():
        end = -(-end // LINE) * LINE
        for field in fields:
            name, *kind = (field,) if isinstance(field, str) else field
            item = np.dtype(tuple(kind) if len(kind) > 1 else kind[0]) if kind else np.dtype("i8")
            align = max(8, item.base.alignment)
            end = -(-end // align) * align
            names.append(name)
            formats.append(item)
            offsets.append(end)
            end += item.itemsize
    itemsize = -(-end // LINE) * LINE
    return np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": itemsize})


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

    def __getitem__(self, field: str) -> Any:
        return self._row[field]

    def __setitem__(self, field: str, value: Any) -> None:
        self._row[field] = value

    def item(self, index: int) -> Any:
        """Return one of ``count`` records."""
        return self._memory[index]

    def load(self, field: str) -> int:
        """Load an int64 field with acquire order."""
        return shared_load(self._field_addresses[field])

    def store(self, field: str, value: int) -> None:
        """Store an int64 field with release order."""
        shared_store(self._field_addresses[field], value)
