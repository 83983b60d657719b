"""The lowerings of `primitives.atomic`: LLVM's atomic instructions on int64 fields."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from zerocross.compiler.primitives import atomic as stubs
from zerocross.compiler.primitives.primitive import lowers


def _field_pointer(builder: Any, record_type: Any, record: Any, field: str) -> Any:
    byte = ir.IntType(8)
    start = builder.bitcast(record, byte.as_pointer())
    offset = ir.Constant(ir.IntType(64), record_type.offset(field))
    return builder.bitcast(builder.gep(start, [offset]), ir.IntType(64).as_pointer())


def _checked_field(record: Any, field: Any) -> str | None:
    """Return the name of an int64 field; None where the arguments are of other kinds."""
    if not (isinstance(record, types.Record) and isinstance(field, types.StringLiteral)):
        return None
    name: str = field.literal_value
    if record.typeof(name) != types.int64:
        raise TypeError(f"atomics need an int64 field, {name!r} is {record.typeof(name)}")
    return name


@lowers(stubs.load_acquire)
@intrinsic(prefer_literal=True)
def load_acquire(_context: Any, record: Any, field: Any) -> Any:
    name = _checked_field(record, field)
    if name is None:
        return None

    def lower(_context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = _field_pointer(builder, signature.args[0], args[0], name)
        return builder.load_atomic(pointer, ordering="acquire", align=8)

    return types.int64(record, field), lower


@lowers(stubs.store_release)
@intrinsic(prefer_literal=True)
def store_release(_context: Any, record: Any, field: Any, value: Any) -> Any:
    name = _checked_field(record, field)
    if name is None or not isinstance(value, types.Integer):
        return None

    def lower(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = _field_pointer(builder, signature.args[0], args[0], name)
        builder.store_atomic(args[2], pointer, ordering="release", align=8)
        return context.get_dummy_value()

    return types.none(record, field, types.int64), lower


def _read_modify_write(operation: str) -> Any:
    @intrinsic(prefer_literal=True)
    def read_modify_write(_context: Any, record: Any, field: Any, value: Any) -> Any:
        name = _checked_field(record, field)
        if name is None or not isinstance(value, types.Integer):
            return None

        def lower(_context: Any, builder: Any, signature: Any, args: Any) -> Any:
            pointer = _field_pointer(builder, signature.args[0], args[0], name)
            return builder.atomic_rmw(operation, pointer, args[2], "acq_rel")

        return types.int64(record, field, types.int64), lower

    return read_modify_write


lowers(stubs.exchange)(_read_modify_write("xchg"))
lowers(stubs.fetch_add)(_read_modify_write("add"))
lowers(stubs.fetch_or)(_read_modify_write("or"))


@lowers(stubs.compare_exchange)
@intrinsic(prefer_literal=True)
def compare_exchange(_context: Any, record: Any, field: Any, expected: Any, value: Any) -> Any:
    name = _checked_field(record, field)
    if name is None:
        return None

    def lower(_context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = _field_pointer(builder, signature.args[0], args[0], name)
        done = builder.cmpxchg(pointer, args[2], args[3], "acq_rel", "acquire")
        return builder.extract_value(done, 1)

    return types.boolean(record, field, types.int64, types.int64), lower


def _fence(ordering: str) -> Any:
    @intrinsic
    def fence(_context: Any) -> Any:
        def lower(context: Any, builder: Any, _signature: Any, _args: Any) -> Any:
            builder.fence(ordering)
            return context.get_dummy_value()

        return types.none(), lower

    return fence


lowers(stubs.fence_acquire)(_fence("acquire"))
lowers(stubs.fence_release)(_fence("release"))
