"""States: records that kernels carry from block to block, with the arrays that they point to.

The convention of dsp/ has three kinds of function:

- ``design_*``: Python, in float64, may raise; returns coefficients;
- ``make_*``: Python, allocates once; returns a `State` at rest;
- a kernel ``x(state, rows, frames)``: no allocation, no exception, no strings.

A state's layout has two groups of fields: ``setup``, which is never written again, and ``audio``:
what kernels write, and the addresses of arrays that they write.
"""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.compiler import record_at
from zerocross.errors import UsageError
from zerocross.memory import Record
from zerocross.units import checked_whole, shown

__all__ = ["State", "check_channels", "check_frames", "check_taps", "checked_rows"]

_MOST_CHANNELS = 4096
_MOST_FRAMES = 1 << 30


def check_channels(channels: Any) -> int:
    """Return a number of channels as a state is made for; raises UsageError."""
    return checked_whole("channels", channels, 1, _MOST_CHANNELS)


def check_frames(name: str, frames: Any) -> int:
    """Return a number of frames, 1 or more; raises UsageError."""
    return checked_whole(name, frames, 1, _MOST_FRAMES)


def check_taps(taps: Any) -> None:
    """Check that coefficients are an array of finite float64; raises UsageError."""
    if not isinstance(taps, np.ndarray) or taps.dtype != np.float64 or taps.size == 0:
        raise UsageError(f"taps={shown(taps)}: give what the design function returns")
    if not np.isfinite(taps).all():
        raise UsageError("the coefficients are not finite; look at what they were designed from")


def checked_rows(name: str, given: Any, shape: str, dtype: Any) -> npt.NDArray[Any]:
    """Return columns of real numbers as rows, of a dtype; raises UsageError, which tells the shape."""
    with contextlib.suppress(TypeError, ValueError), np.errstate(over="ignore"):
        array = np.asarray(given)
        if array.dtype.kind in "iufO":  # no text or truth, and no imaginary parts to be lost
            return np.atleast_2d(array.astype(dtype).T)
    raise UsageError(
        f"{name}={shown(given)}: give an array of real numbers, {shape}, or the path of a file"
    )


class State(Record):
    """A record with its values, which owns what its address fields point to.

    Parameters
    ----------
    dtype : numpy.dtype
        From `memory.layout`, of groups ``setup`` and ``audio``.
    **values : number, ndarray or Record
        Of the fields. Of an array or a record the field gets the address, and the state keeps it.

    Attributes
    ----------
    address : int
        What compiled code is given: ``record_at(address, dtype)`` is the state there.
    arrays : dict
        The arrays by field.

    """

    def __init__(self, dtype: np.dtype[Any], **values: Any) -> None:
        super().__init__(dtype)
        self.arrays: dict[str, npt.NDArray[Any]] = {}
        self._owned: list[Any] = []
        for name, value in values.items():
            self[name] = self._placed(name, value)
        writers = dict(dtype.metadata or {})["writers"]
        self._moving = [name for name in dtype.names or () if writers[name] == "audio"]
        self._remember()

    def _placed(self, name: str, value: Any) -> Any:
        """Return what a field gets: a number as it is, of memory the address."""
        if isinstance(value, np.ndarray):
            self.arrays[name] = value
            return value.ctypes.data
        if isinstance(value, Record):
            self._owned.append(value)
            return value.address
        return value

    def _remember(self) -> None:
        """Note what is at rest: the values of numbers, the contents of arrays that are not zero."""
        self._at_rest: dict[str, Any] = {}
        for name in self._moving:
            if name in self.arrays:
                array = self.arrays[name]
                self._at_rest[name] = array.copy() if array.view(np.uint8).any() else 0
            else:
                self._at_rest[name] = np.copy(self[name])

    @property
    def row(self) -> Any:
        """The record as a kernel takes it that is called from Python; valid as long as the state."""
        return record_at(self.address, self.dtype)

    def reset(self) -> None:
        """Go back to rest: delay lines, filters, counters. Not while a kernel runs on it."""
        for name, value in self._at_rest.items():
            if name in self.arrays:
                self.arrays[name][...] = value
            else:
                self[name] = value
