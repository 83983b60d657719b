"""Memory by address: how kernels see records and arrays that Python laid out.

The control world allocates NumPy arrays and records and hands their addresses over as
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
    "float32_rows",
    "float64_array",
    "float64_rows",
    "int16_array",
    "int32_array",
    "int64_array",
    "record_at",
    "records_at",
    "uint8_array",
]


def _build_record_at() -> Any:
    from numba.core import types
    from numba.extending import intrinsic

    @intrinsic(prefer_literal=False)
    def record_at(_context: Any, address: Any, dtype: Any) -> Any:
        if not (isinstance(address, types.Integer) and isinstance(dtype, types.DType)):
            return None

        def lower(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            target = context.get_value_type(signature.return_type)
            return builder.inttoptr(args[0], target)

        return dtype.dtype(types.int64, dtype), lower

    return record_at


@primitive(_build_record_at)
def record_at(address: int, dtype: np.dtype[Any]) -> Any:
    """Return the record of a structured dtype that lies at an address."""
    buffer = (ctypes.c_char * dtype.itemsize).from_address(address)
    return np.recarray((1,), dtype=dtype, buf=buffer)[0]


def _build_records_at() -> Any:
    import numba
    from numba.core import types
    from numba.extending import intrinsic

    @intrinsic(prefer_literal=False)
    def as_pointer(_context: Any, address: Any, dtype: Any) -> Any:
        if not (isinstance(address, types.Integer) and isinstance(dtype, types.DType)):
            return None

        def lower(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.inttoptr(args[0], context.get_value_type(signature.return_type))

        return types.CPointer(dtype.dtype)(types.int64, dtype), lower

    def records_at(address: Any, length: Any, dtype: Any) -> Any:
        return numba.carray(as_pointer(address, dtype), (length,))

    return numba.njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)(records_at)


@primitive(_build_records_at)
def records_at(address: int, length: int, dtype: np.dtype[Any]) -> Any:
    """Return the array of records of a structured dtype that begins at an address."""
    buffer = (ctypes.c_char * (dtype.itemsize * length)).from_address(address)
    return np.recarray((length,), dtype=dtype, buf=buffer)


def _array_builder(dtype_name: str, dimensions: int = 1) -> Any:
    def build() -> Any:
        import numba
        from numba.core import types
        from numba.extending import intrinsic

        @intrinsic
        def as_pointer(_context: Any, address: Any) -> Any:
            def lower(context: Any, builder: Any, signature: Any, args: Any) -> Any:
                return builder.inttoptr(args[0], context.get_value_type(signature.return_type))

            return types.CPointer(getattr(types, dtype_name))(types.int64), lower

        def array_at(address: Any, length: Any) -> Any:
            return numba.carray(as_pointer(address), (length,))

        def rows_at(address: Any, rows: Any, columns: Any) -> Any:
            return numba.carray(as_pointer(address), (rows, columns))

        inline = numba.njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)
        return inline(array_at if dimensions == 1 else rows_at)

    return build


def _array_at(address: int, length: int, dtype: Any) -> Any:
    kind = np.dtype(dtype)
    if length == 0:
        return np.empty(0, kind)
    buffer = (ctypes.c_char * (kind.itemsize * length)).from_address(address)
    return np.frombuffer(buffer, kind)


@primitive(_array_builder("float32"))
def float32_array(address: int, length: int) -> Any:
    """Return the float32 array of a length that begins at an address."""
    return _array_at(address, length, np.float32)


@primitive(_array_builder("float64"))
def float64_array(address: int, length: int) -> Any:
    """Return the float64 array of a length that begins at an address."""
    return _array_at(address, length, np.float64)


@primitive(_array_builder("int16"))
def int16_array(address: int, length: int) -> Any:
    """Return the int16 array of a length that begins at an address."""
    return _array_at(address, length, np.int16)


@primitive(_array_builder("int32"))
def int32_array(address: int, length: int) -> Any:
    """Return the int32 array of a length that begins at an address."""
    return _array_at(address, length, np.int32)


@primitive(_array_builder("int64"))
def int64_array(address: int, length: int) -> Any:
    """Return the int64 array of a length that begins at an address."""
    return _array_at(address, length, np.int64)


@primitive(_array_builder("uint8"))
def uint8_array(address: int, length: int) -> Any:
    """Return the uint8 array of a length that begins at an address."""
    return _array_at(address, length, np.uint8)


@primitive(_array_builder("float32", dimensions=2))
def float32_rows(address: int, rows: int, columns: int) -> Any:
    """Return the C-contiguous float32 array (rows, columns) that begins at an address."""
    return _array_at(address, rows * columns, np.float32).reshape(rows, columns)


@primitive(_array_builder("float64", dimensions=2))
def float64_rows(address: int, rows: int, columns: int) -> Any:
    """Return the C-contiguous float64 array (rows, columns) that begins at an address."""
    return _array_at(address, rows * columns, np.float64).reshape(rows, columns)


def _build_address_of() -> Any:
    from numba.core import types
    from numba.extending import intrinsic

    @intrinsic
    def address_of(_context: Any, record: Any) -> Any:
        if not isinstance(record, types.Record):
            return None

        def lower(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.ptrtoint(args[0], context.get_value_type(signature.return_type))

        return types.int64(record), lower

    return address_of


@primitive(_build_address_of)
def address_of(record: Any) -> int:
    """Return the address of a record as an integer."""
    return int(record.__array_interface__["data"][0])


def _build_array_address() -> Any:
    from numba.core import types
    from numba.extending import intrinsic
    from numba.np import arrayobj

    @intrinsic
    def array_address(_context: Any, array: Any) -> Any:
        if not isinstance(array, types.Array):
            return None

        def lower(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            view = arrayobj.make_array(array)(context, builder, value=args[0])
            return builder.ptrtoint(view.data, context.get_value_type(signature.return_type))

        return types.int64(array), lower

    return array_address


@primitive(_build_array_address)
def array_address(array: Any) -> int:
    """Return the address of an array's first item as an integer."""
    return int(array.ctypes.data)
