"""Atomics: loads and stores with acquire and release order, exchange, fetch-and-add.

All work on int64 fields of a record (``load_acquire(record, "field")``). Acquire and
release become the target's own instructions: plain moves on x86-64, ``ldar``/``stlr`` on
AArch64. With the compiler off they are plain Python reads and writes, which is right for
one thread and for tests of the logic, and nothing else.

Real-time: all safe; none waits.
"""

from __future__ import annotations

from typing import Any

from zerocross.compiler.primitives.primitive import primitive

__all__ = [
    "compare_exchange",
    "exchange",
    "fence_acquire",
    "fence_release",
    "fetch_add",
    "fetch_or",
    "load_acquire",
    "store_release",
]


def _field_pointer(context: Any, builder: Any, record_type: Any, record: Any, field: str) -> Any:
    from llvmlite import ir

    byte = ir.IntType(8)
    start = builder.bitcast(record, byte.as_pointer())
    offset = ir.Constant(ir.IntType(64), record_type.offset(field))
    return builder.bitcast(builder.gep(start, [offset]), ir.IntType(64).as_pointer())


def _check(record: Any, field: Any) -> str | None:
    from numba.core import types

    if not (isinstance(record, types.Record) and isinstance(field, types.StringLiteral)):
        return None
    name: str = field.literal_value
    if record.typeof(name) != types.int64:
        raise TypeError(f"atomics need an int64 field, {name!r} is {record.typeof(name)}")
    return name


def _build_load() -> Any:
    from numba.core import types
    from numba.extending import intrinsic

    @intrinsic(prefer_literal=True)
    def load_acquire(_context: Any, record: Any, field: Any) -> Any:
        name = _check(record, field)
        if name is None:
            return None

        def lower(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            pointer = _field_pointer(context, builder, signature.args[0], args[0], name)
            return builder.load_atomic(pointer, ordering="acquire", align=8)

        return types.int64(record, field), lower

    return load_acquire


@primitive(_build_load)
def load_acquire(record: Any, field: str) -> int:
    """Return a field; what was written before its `store_release` is visible after."""
    return int(record[field])


def _build_store() -> Any:
    from numba.core import types
    from numba.extending import intrinsic

    @intrinsic(prefer_literal=True)
    def store_release(_context: Any, record: Any, field: Any, value: Any) -> Any:
        name = _check(record, field)
        if name is None or not isinstance(value, types.Integer):
            return None

        def lower(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            pointer = _field_pointer(context, builder, signature.args[0], args[0], name)
            builder.store_atomic(args[2], pointer, ordering="release", align=8)
            return context.get_dummy_value()

        return types.none(record, field, types.int64), lower

    return store_release


@primitive(_build_store)
def store_release(record: Any, field: str, value: int) -> None:
    """Set a field; everything written before is visible to who loads the value."""
    record[field] = value


def _build_rmw(operation: str) -> Any:
    def build() -> Any:
        from numba.core import types
        from numba.extending import intrinsic

        @intrinsic(prefer_literal=True)
        def read_modify_write(_context: Any, record: Any, field: Any, value: Any) -> Any:
            name = _check(record, field)
            if name is None or not isinstance(value, types.Integer):
                return None

            def lower(context: Any, builder: Any, signature: Any, args: Any) -> Any:
                pointer = _field_pointer(context, builder, signature.args[0], args[0], name)
                return builder.atomic_rmw(operation, pointer, args[2], "acq_rel")

            return types.int64(record, field, types.int64), lower

        return read_modify_write

    return build


@primitive(_build_rmw("xchg"))
def exchange(record: Any, field: str, value: int) -> int:
    """Set a field and return what it held, in one step (acquire and release)."""
    before = int(record[field])
    record[field] = value
    return before


@primitive(_build_rmw("add"))
def fetch_add(record: Any, field: str, value: int) -> int:
    """Add to a field and return what it held before, in one step (acquire and release)."""
    before = int(record[field])
    record[field] = before + value
    return before


@primitive(_build_rmw("or"))
def fetch_or(record: Any, field: str, value: int) -> int:
    """Set bits of a field and return what it held before, in one step (acquire and release)."""
    before = int(record[field])
    record[field] = before | value
    return before


def _build_compare_exchange() -> Any:
    from numba.core import types
    from numba.extending import intrinsic

    @intrinsic(prefer_literal=True)
    def compare_exchange(_context: Any, record: Any, field: Any, expected: Any, value: Any) -> Any:
        name = _check(record, field)
        if name is None:
            return None

        def lower(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            pointer = _field_pointer(context, builder, signature.args[0], args[0], name)
            done = builder.cmpxchg(pointer, args[2], args[3], "acq_rel", "acquire")
            return builder.extract_value(done, 1)

        return types.boolean(record, field, types.int64, types.int64), lower

    return compare_exchange


@primitive(_build_compare_exchange)
def compare_exchange(record: Any, field: str, expected: int, value: int) -> bool:
    """Set a field if it holds what is expected, in one step; returns whether it did."""
    if int(record[field]) != expected:
        return False
    record[field] = value
    return True


def _build_fence(ordering: str) -> Any:
    def build() -> Any:
        from numba.core import types
        from numba.extending import intrinsic

        @intrinsic
        def fence(_context: Any) -> Any:
            def lower(context: Any, builder: Any, _signature: Any, _args: Any) -> Any:
                builder.fence(ordering)
                return context.get_dummy_value()

            return types.none(), lower

        return fence

    return build


@primitive(_build_fence("acquire"))
def fence_acquire() -> None:
    """Keep every load before this point before every load and store after it."""


@primitive(_build_fence("release"))
def fence_release() -> None:
    """Keep every load and store before this point before every store after it."""
