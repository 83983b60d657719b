"""A processor's record: its fields as compiled code and Python both see them.

Python owns the targets of the parameters and the address of the events; the audio thread owns all
else. Python may still write a number of the state while it plays: it is one store, which is heard
from the next block on, and where the audio thread writes the field as well, the last write stays.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from zerocross.errors import UsageError
from zerocross.graph.params import Param
from zerocross.memory import Record, layout
from zerocross.units import shown

__all__ = ["HIDDEN", "NUMBERS", "copied", "field_value", "fill_state", "new_value", "state_dtype"]

#: Fields of the record that are not the user's.
HIDDEN = ("_queue", "_target", "_seen", "_value", "_goal", "_step", "_left", "_frames")
#: What may be a field, beside arrays.
NUMBERS = (bool, int, float, np.integer, np.floating)
#: Kinds of arrays: integers, float32 and float64, complex64 and complex128.
_ARRAYS = ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8", "c8", "c16")
_MOST_BYTES = 1 << 30
_INT64 = range(-(1 << 63), 1 << 63)


def state_dtype(params: dict[str, Param], fields: dict[str, Any]) -> np.dtype[Any]:
    """Lay out a processor's record: targets apart from all that the audio thread writes.

    The first field's name is made of all the others: Numba takes a record whose first fields are
    those of another for a kind of it, and would run a kernel that was made for the other.
    """
    import hashlib  # it loads OpenSSL, which playing without effects does not need

    size = sum(value.nbytes for value in fields.values() if isinstance(value, np.ndarray))
    if size > _MOST_BYTES:
        raise UsageError(
            f"the arrays of a processor take {size >> 20} MiB; give up to {_MOST_BYTES >> 20} MiB"
        )
    count = (max(1, len(params)),)
    shape = [(name, _kind_of(value), _shape_of(value)) for name, value in fields.items()]
    mark = "_" + hashlib.sha256(repr((list(params), shape)).encode()).hexdigest()[:16]
    made = layout(
        control=[mark, "_queue", ("_target", "f8", count)],
        audio=[
            *((name, "f8", count) for name in ("_value", "_seen", "_goal", "_step")),
            *((name, "i8", count) for name in ("_left", "_frames")),
            *((name, kind, *extent) for name, kind, extent in shape),
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


def copied(value: Any) -> Any:
    """Return a field's value, so that writing to it does not change the original."""
    return value.copy() if isinstance(value, np.ndarray) else value


def field_value(place: str, value: Any) -> Any:
    """Return a copy of a field's first value, as a record holds it.

    Parameters
    ----------
    place : str
        Class and field, for the error.
    value : number or array
        What it was set to.

    Raises
    ------
    UsageError
        For what compiled code cannot have: its words name the field and the cure.

    """
    if not isinstance(value, np.ndarray):
        if isinstance(value, int | np.integer) and int(value) not in _INT64:
            raise UsageError(f"{place}={value}: a whole number has 64 bits; give a float")
        return value
    kind, cure = f"{value.dtype.kind}{value.dtype.itemsize}", ""
    if kind not in _ARRAYS:
        cure = {"b": "np.uint8", "f": "np.float32"}.get(value.dtype.kind, "a number's")
        cure = f"give it the type {cure}"
    elif isinstance(value, np.ma.MaskedArray):
        cure = "fill in what is masked: .filled()"
    elif value.size == 0:
        cure = "give it an element or more"
    elif value.nbytes > _MOST_BYTES:
        cure = f"give it up to {_MOST_BYTES >> 20} MiB"
    if cure:
        what = f"an array of {value.dtype}, shape {value.shape}"
        raise UsageError(
            f"{place}: {what}, cannot be a field; {cure}, or begin its name with an underscore "
            "if process does not use it"
        )
    return np.array(value, value.dtype.newbyteorder("="))


def new_value(place: str, now: Any, value: Any) -> Any:
    """Return what a field of a record may be set to; ``now`` is what it holds.

    Raises
    ------
    UsageError
        For an array of another shape, for a fraction where whole numbers are, and for what is no
        number.

    """
    array = np.asarray(value)
    whole = f"a number or an array of shape {now.shape}" if now.shape else "a number"
    fits = array.dtype.kind in "biufc" and array.shape in ((), now.shape)
    if fits and now.dtype.kind in "iu" and array.dtype.kind not in "biu":
        fits, whole = bool((array == np.trunc(array.real)).all()), "whole numbers"
    if fits and array.dtype.kind == "c" and now.dtype.kind != "c":
        fits = False
    try:
        if fits:
            return array.astype(now.dtype) if now.shape else now.dtype.type(array[()])
    except (OverflowError, ValueError):
        pass
    raise UsageError(f"{place}={shown(value)}: give {whole}")


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
