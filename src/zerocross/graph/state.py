"""A processor's record: its fields as compiled code and Python both see them.

Python owns the targets of the parameters and the address of the events; the audio thread owns all
else. Python may still write a number of the state while it plays: it is one store, which is heard
from the next block on, and where the audio thread writes the field as well, the last write stays.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from zerocross.errors import UsageError
from zerocross.graph.params import Param
from zerocross.memory import Record, layout

__all__ = ["HIDDEN", "NUMBERS", "check_kind", "copied", "fill_state", "state_dtype"]

#: Fields of the record that are not the user's.
HIDDEN = ("_queue", "_target", "_seen", "_value", "_goal", "_step", "_left", "_frames")
#: What arrays may hold.
_KINDS = frozenset(map(np.dtype, ("?", *"bBhHiIlLqQ", *"fdFD")))
#: What may be a field, beside arrays.
NUMBERS = (bool, int, float, np.integer, np.floating)


def state_dtype(params: dict[str, Param], fields: dict[str, Any]) -> np.dtype[Any]:
    """Lay out a processor's record: targets apart from all that the audio thread writes.

    The first field's name is made of all the others: Numba takes a record whose first fields are
    those of another for a kind of it, and would run a kernel that was made for the other.
    """
    count = (max(1, len(params)),)
    shape = [(name, _kind_of(value), _shape_of(value)) for name, value in fields.items()]
    mark = "_" + hashlib.sha256(repr((list(params), shape)).encode()).hexdigest()[:16]
    made = layout(
        control=[mark, "_queue", ("_target", "f8", count)],
        audio=[
            *((name, "f8", count) for name in ("_value", "_seen", "_goal", "_step")),
            *((name, "i8", count) for name in ("_left", "_frames")),
            *((name, kind, *size) for name, kind, size in shape),
        ],
    )
    found: Any = made.fields
    first = found["_value"][1]
    names = [*made.names, *params]  # type: ignore[misc]
    writers = dict(made.metadata or {})["writers"] | dict.fromkeys(params, "audio")
    return np.dtype(
        {
            "names": names,
            "formats": [*(found[n][0] for n in made.names or ()), *["f8"] * len(params)],
            "offsets": [
                *(found[n][1] for n in made.names or ()),
                *(first + 8 * k for k in range(len(params))),
            ],
            "itemsize": made.itemsize,
        },
        metadata={"writers": writers},
    )


def _kind_of(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return str(value.dtype.str)
    return "i8" if isinstance(value, bool | int | np.integer) else "f8"


def _shape_of(value: Any) -> tuple[Any, ...]:
    return (value.shape,) if isinstance(value, np.ndarray) else ()


def check_kind(name: str, value: Any) -> None:
    """Refuse an array that compiled code has no numbers for; raises UsageError."""
    if isinstance(value, np.ndarray) and value.dtype.newbyteorder("=") not in _KINDS:
        raise UsageError(
            f"{name}: an array of {value.dtype}; use one of float64, float32, complex, integers, bool"
        )


def copied(value: Any) -> Any:
    """Return a field's value, so that writing to it does not change the original."""
    return value.copy() if isinstance(value, np.ndarray) else value


def fill_state(
    record: Record,
    fields: dict[str, Any],
    params: dict[str, Param],
    targets: dict[str, float],
    sample_rate: float,
) -> None:
    """Write a processor's state at rest into its record: parameters stand at their targets."""
    for name, value in fields.items():
        record[name] = value
    record["_step"] = 0.0
    record["_left"] = 0
    for k, (name, p) in enumerate(params.items()):
        for hidden in ("_target", "_seen", "_value", "_goal"):
            record[hidden][k] = targets[name]
        record["_frames"][k] = round(p.smoothing * sample_rate)
