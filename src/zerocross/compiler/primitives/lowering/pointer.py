"""The lowerings of `primitives.pointer`: integers become pointers, and pointers arrays."""

from __future__ import annotations

from typing import Any

from numba.core import types
from numba.extending import intrinsic
from numba.np import arrayobj

from zerocross.compiler.primitives import pointer as stubs
from zerocross.compiler.primitives.primitive import lowers


@lowers(stubs.record_at)
@intrinsic(prefer_literal=False)
def record_at(_context: Any, address: Any, dtype: Any) -> Any:
    if not (isinstance(address, types.Integer) and isinstance(dtype, types.DType)):
        return None

    def lower(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        target = context.get_value_type(signature.return_type)
        return builder.inttoptr(args[0], target)

    return dtype.dtype(types.int64, dtype), lower


def _array(item: Any, address: Any, *shape: Any) -> Any:
    """Return the signature of a primitive that makes an array in C's order, and how it does."""
    if not all(isinstance(each, types.Integer) for each in (address, *shape)):
        return None
    made = types.Array(item, len(shape), "C")

    def lower(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        array = arrayobj.make_array(made)(context, builder)
        size = context.get_constant(types.intp, context.get_abi_sizeof(array.data.type.pointee))
        lengths = list(args[1 : 1 + len(shape)])
        strides = [size]
        for length in lengths[:0:-1]:
            strides.insert(0, builder.mul(strides[0], length))
        arrayobj.populate_array(
            array,
            data=builder.inttoptr(args[0], array.data.type),
            shape=lengths,
            strides=strides,
            itemsize=size,
            meminfo=None,
        )
        return array._getvalue()

    return made, lower


@lowers(stubs.records_at)
@intrinsic(prefer_literal=False)
def records_at(_context: Any, address: Any, length: Any, dtype: Any) -> Any:
    found = isinstance(dtype, types.DType) and _array(dtype.dtype, address, length)
    return (found[0](types.int64, types.int64, dtype), found[1]) if found else None


def _array_of(item: Any) -> Any:
    @intrinsic(prefer_literal=False)
    def array_at(_context: Any, address: Any, length: Any) -> Any:
        found = _array(item, address, length)
        return (found[0](types.int64, types.int64), found[1]) if found else None

    return array_at


def _rows_of(item: Any) -> Any:
    @intrinsic(prefer_literal=False)
    def rows_at(_context: Any, address: Any, rows: Any, columns: Any) -> Any:
        found = _array(item, address, rows, columns)
        return (found[0](types.int64, types.int64, types.int64), found[1]) if found else None

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
