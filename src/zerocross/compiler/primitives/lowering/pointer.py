"""The lowerings of `primitives.pointer`: integers become pointers, and pointers arrays."""

from __future__ import annotations

from typing import Any

import numba
from numba.core import types
from numba.extending import intrinsic
from numba.np import arrayobj

from zerocross.compiler.primitives import pointer as stubs
from zerocross.compiler.primitives.primitive import lowers

_inlined = numba.njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)


@lowers(stubs.record_at)
@intrinsic(prefer_literal=False)
def record_at(_context: Any, address: Any, dtype: Any) -> Any:
    if not (isinstance(address, types.Integer) and isinstance(dtype, types.DType)):
        return None

    def lower(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        target = context.get_value_type(signature.return_type)
        return builder.inttoptr(args[0], target)

    return dtype.dtype(types.int64, dtype), lower


@intrinsic(prefer_literal=False)
def _pointer_to_records(_context: Any, address: Any, dtype: Any) -> Any:
    if not (isinstance(address, types.Integer) and isinstance(dtype, types.DType)):
        return None

    def lower(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.inttoptr(args[0], context.get_value_type(signature.return_type))

    return types.CPointer(dtype.dtype)(types.int64, dtype), lower


@lowers(stubs.records_at)
@_inlined
def records_at(address: Any, length: Any, dtype: Any) -> Any:
    return numba.carray(_pointer_to_records(address, dtype), (length,))


def _pointer_to(item: Any) -> Any:
    @intrinsic
    def as_pointer(_context: Any, _address: Any) -> Any:
        def lower(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.inttoptr(args[0], context.get_value_type(signature.return_type))

        return types.CPointer(item)(types.int64), lower

    return as_pointer


def _array_of(item: Any) -> Any:
    as_pointer = _pointer_to(item)

    @_inlined
    def array_at(address: Any, length: Any) -> Any:
        return numba.carray(as_pointer(address), (length,))

    return array_at


def _rows_of(item: Any) -> Any:
    as_pointer = _pointer_to(item)

    @_inlined
    def rows_at(address: Any, rows: Any, columns: Any) -> Any:
        return numba.carray(as_pointer(address), (rows, columns))

    return rows_at


lowers(stubs.float32_array)(_array_of(types.float32))
lowers(stubs.float64_array)(_array_of(types.float64))
lowers(stubs.int16_array)(_array_of(types.int16))
lowers(stubs.int32_array)(_array_of(types.int32))
lowers(stubs.int64_array)(_array_of(types.int64))
lowers(stubs.uint8_array)(_array_of(types.uint8))
lowers(stubs.float32_rows)(_rows_of(types.float32))
lowers(stubs.float64_rows)(_rows_of(types.float64))


@lowers(stubs.address_of)
@intrinsic
def address_of(_context: Any, record: Any) -> Any:
    if not isinstance(record, types.Record):
        return None

    def lower(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ptrtoint(args[0], context.get_value_type(signature.return_type))

    return types.int64(record), lower


@lowers(stubs.array_address)
@intrinsic
def array_address(_context: Any, array: Any) -> Any:
    if not isinstance(array, types.Array):
        return None

    def lower(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        view = arrayobj.make_array(array)(context, builder, value=args[0])
        return builder.ptrtoint(view.data, context.get_value_type(signature.return_type))

    return types.int64(array), lower
