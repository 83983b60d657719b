"""Memory by address: how kernels see records and arrays that Python laid out.

The control thread allocates NumPy arrays and records and hands their addresses over as
integers. Inside a kernel these primitives turn an address back into something typed. They
check nothing: an address is a promise that the memory lives as long as the kernel runs.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from zerocross.compiler.primitives.primitive import primitive

__all__ = [
    "address_of",
    "array_address",
    "float32_array",
    "float32_planes",
    "float32_rows",
    "float64_array",
    "float64_rows",
    "int16_array",
    "int32_array",
    "int64_array",
    "planes_to_read",
    "record_at",
    "records_at",
    "uint8_array",
]


@primitive
def record_at(address: int, dtype: np.dtype[Any]) -> Any:
    """Return the record of a structured dtype that lies at an address."""
    buffer = (ctypes.c_char * dtype.itemsize).from_address(address)
    return np.recarray((1,), dtype=dtype, buf=buffer)[0]


@primitive
def records_at(address: int, length: int, dtype: np.dtype[Any]) -> Any:
    """Return the array of records of a structured dtype that begins at an address."""
    buffer = (ctypes.c_char * (dtype.itemsize * length)).from_address(address)
    return np.recarray((length,), dtype=dtype, buf=buffer)


def _array_at(address: int, length: int, dtype: Any) -> Any:
    kind = np.dtype(dtype)
    if length == 0:
        return np.empty(0, kind)
    buffer = (ctypes.c_char * (kind.itemsize * length)).from_address(address)
    return np.frombuffer(buffer, kind)


@primitive
def float32_array(address: int, length: int) -> Any:
    """Return the float32 array of a length that begins at an address."""
    return _array_at(address, length, np.float32)


@primitive
def float64_array(address: int, length: int) -> Any:
    """Return the float64 array of a length that begins at an address."""
    return _array_at(address, length, np.float64)


@primitive
def int16_array(address: int, length: int) -> Any:
    """Return the int16 array of a length that begins at an address."""
    return _array_at(address, length, np.int16)


@primitive
def int32_array(address: int, length: int) -> Any:
    """Return the int32 array of a length that begins at an address."""
    return _array_at(address, length, np.int32)


@primitive
def int64_array(address: int, length: int) -> Any:
    """Return the int64 array of a length that begins at an address."""
    return _array_at(address, length, np.int64)


@primitive
def uint8_array(address: int, length: int) -> Any:
    """Return the uint8 array of a length that begins at an address."""
    return _array_at(address, length, np.uint8)


@primitive
def float32_rows(address: int, rows: int, columns: int) -> Any:
    """Return the C-contiguous float32 array (rows, columns) that begins at an address."""
    return _array_at(address, rows * columns, np.float32).reshape(rows, columns)


@primitive
def float64_rows(address: int, rows: int, columns: int) -> Any:
    """Return the C-contiguous float64 array (rows, columns) that begins at an address."""
    return _array_at(address, rows * columns, np.float64).reshape(rows, columns)


@primitive
def float32_planes(address: int, rows: int, columns: int, apart: int) -> Any:
    """Return float32 rows that begin ``apart`` samples from each other: shape (rows, columns).

    A row is contiguous, and in compiled code typed so; the array as a whole is not.
    """
    if rows == 0 or columns == 0:
        return np.empty((rows, columns), np.float32)
    whole = _array_at(address, (rows - 1) * apart + columns, np.float32)
    return np.lib.stride_tricks.as_strided(whole, (rows, columns), (4 * apart, 4))


@primitive
def planes_to_read(address: int, rows: int, columns: int, apart: int) -> Any:
    """Return the same as `float32_planes`, which compiled code that writes to it is refused."""
    made = float32_planes.function(address, rows, columns, apart)
    made.flags.writeable = False
    return made


@primitive
def address_of(record: Any) -> int:
    """Return the address of a record as an integer."""
    return int(record.__array_interface__["data"][0])


@primitive
def array_address(array: Any) -> int:
    """Return the address of an array's first item as an integer."""
    return int(array.ctypes.data)
