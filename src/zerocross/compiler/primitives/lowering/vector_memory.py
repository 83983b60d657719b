"""The lowerings of `primitives.vector`: loads, stores and the prefetch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic
from numba.np import arrayobj

from zerocross.compiler.mode import register_bits
from zerocross.compiler.primitives import vector as stubs
from zerocross.compiler.primitives.lowering.function_call import call_function
from zerocross.compiler.primitives.lowering.vector_types import (
    I1,
    I32,
    KindType,
    VectorType,
    from_lanes,
    get_lane,
    item_bytes,
    llvm_item,
    llvm_type,
    splat_value,
    suffix_of,
)
from zerocross.compiler.primitives.primitive import lowers

_WITHOUT_MASKS = 128


def _pointer(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    view = arrayobj.make_array(array_type)(context, builder, value=array)
    return builder.gep(view.data, [index])


def _lane_pointers(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    """Return a function from a lane to its pointer, whatever the array's stride."""
    view = arrayobj.make_array(array_type)(context, builder, value=array)
    if array_type.layout == "C":
        start = builder.gep(view.data, [index])
        return lambda lane: builder.gep(start, [ir.Constant(I32, lane)])
    stride = cgutils.unpack_tuple(builder, view.strides)[0]
    base = builder.add(builder.ptrtoint(view.data, stride.type), builder.mul(index, stride))

    def strided(lane: int) -> Any:
        address = builder.add(base, builder.mul(stride, ir.Constant(stride.type, lane)))
        return builder.inttoptr(address, view.data.type)

    return strided


def _is_array_of(array: Any, kind: Any, strided: bool = True) -> bool:
    return (
        isinstance(array, types.Array)
        and array.ndim == 1
        and (strided or array.layout == "C")
        and array.dtype == kind.item
    )


def _by_lanes(array: Any, kind: Any) -> bool:
    """Return whether memory is to be accessed lane by lane."""
    return bool(kind.scalar) or array.layout != "C"


def _make_load(aligned: bool) -> Any:
    @intrinsic
    def load(_context: Any, kind: Any, array: Any, index: Any) -> Any:
        if not (isinstance(kind, KindType) and _is_array_of(array, kind.vector, not aligned)):
            return None
        vector = kind.vector

        def lower(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
            if _by_lanes(array, vector):
                at = _lane_pointers(context, builder, array, args[1], args[2])
                lanes = [builder.load(at(i)) for i in range(vector.lanes)]
                return from_lanes(builder, vector, lanes)
            start = _pointer(context, builder, array, args[1], args[2])
            size = item_bytes(vector)
            pointer = builder.bitcast(start, llvm_type(vector).as_pointer())
            return builder.load(pointer, align=size * vector.lanes if aligned else size)

        return vector(kind, array, types.int64), lower

    return load


lowers(stubs.load)(_make_load(aligned=False))
lowers(stubs.load_aligned)(_make_load(aligned=True))


def _make_store(aligned: bool, streaming: bool = False) -> Any:
    @intrinsic
    def store(_context: Any, array: Any, index: Any, value: Any) -> Any:
        if not (isinstance(value, VectorType) and _is_array_of(array, value, not aligned)):
            return None

        def lower(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
            if _by_lanes(array, value):
                at = _lane_pointers(context, builder, array, args[0], args[1])
                for i in range(value.lanes):
                    builder.store(get_lane(builder, value, args[2], i), at(i))
                return context.get_dummy_value()
            start = _pointer(context, builder, array, args[0], args[1])
            size = item_bytes(value)
            pointer = builder.bitcast(start, llvm_type(value).as_pointer())
            done = builder.store(args[2], pointer, align=size * value.lanes if aligned else size)
            if streaming:
                done.set_metadata("nontemporal", builder.module.add_metadata([ir.Constant(I32, 1)]))
            return context.get_dummy_value()

        return types.none(array, types.int64, value), lower

    return store


lowers(stubs.store)(_make_store(aligned=False))
lowers(stubs.store_aligned)(_make_store(aligned=True))
lowers(stubs.store_streaming)(_make_store(aligned=True, streaming=True))


def _masks() -> bool:
    """Return whether the target loads and stores by masks; SSE and WebAssembly do not."""
    return register_bits() > _WITHOUT_MASKS


def _whole_or_lanes(
    builder: Any, lanes: int, count: Any, whole: Callable[[], Any], one: Callable[[Any, Any], Any]
) -> Any:
    """Do something with all lanes at once, or in a loop with the first ones.

    ``one`` gets a lane's number and the vector that came of those before it, at first zeros; where
    ``whole`` makes no vector, None.
    """
    wide = ir.IntType(64)
    before = builder.block
    at_once, check, body, end = (
        builder.append_basic_block(name) for name in ("whole", "check", "lane", "done")
    )
    enough = builder.icmp_signed(">=", count, ir.Constant(wide, lanes))
    builder.cbranch(enough, at_once, check)
    builder.position_at_end(at_once)
    made = whole()
    is_vector = isinstance(made.type, ir.VectorType)
    builder.branch(end)
    builder.position_at_end(check)
    number = builder.phi(wide)
    number.add_incoming(ir.Constant(wide, 0), before)
    so_far = builder.phi(made.type) if is_vector else None
    builder.cbranch(builder.icmp_signed("<", number, count), body, end)
    builder.position_at_end(body)
    next_one = one(number, so_far)
    number.add_incoming(builder.add(number, ir.Constant(wide, 1)), body)
    builder.branch(check)
    builder.position_at_end(end)
    if so_far is None:
        return None
    so_far.add_incoming(ir.Constant(made.type, [0] * lanes), before)
    so_far.add_incoming(next_one, body)
    out = builder.phi(made.type)
    out.add_incoming(made, at_once)
    out.add_incoming(so_far, check)
    return out


def _when_below(builder: Any, index: int, count: Any) -> Any:
    return builder.icmp_signed("<", ir.Constant(ir.IntType(64), index), count)


def _first_mask(builder: Any, lanes: int, count: Any) -> Any:
    """Return the mask of the lanes below a count."""
    counts = splat_value(builder, VectorType(types.int64, lanes, scalar=False), count)
    steps = ir.Constant(counts.type, list(range(lanes)))
    return builder.icmp_signed("<", steps, counts)


@lowers(stubs.load_first)
@intrinsic
def load_first(_context: Any, kind: Any, array: Any, index: Any, count: Any) -> Any:
    if not (isinstance(kind, KindType) and _is_array_of(array, kind.vector)):
        return None
    vector, masks = kind.vector, _masks()

    def lower(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        if _by_lanes(array, vector):
            at = _lane_pointers(context, builder, array, args[1], args[2])
            return from_lanes(builder, vector, _load_lanes(builder, vector, at, args[3]))
        start = _pointer(context, builder, array, args[1], args[2])
        kind_ir = llvm_type(vector)
        if not masks:
            whole = builder.bitcast(start, kind_ir.as_pointer())
            return _whole_or_lanes(
                builder,
                vector.lanes,
                args[3],
                lambda: builder.load(whole, align=item_bytes(vector)),
                lambda i, made: builder.insert_element(
                    made, builder.load(builder.gep(start, [i])), builder.trunc(i, I32)
                ),
            )
        mask = _first_mask(builder, vector.lanes, args[3])
        pointer = builder.bitcast(start, kind_ir.as_pointer())
        align = ir.Constant(I32, item_bytes(vector))
        zero = ir.Constant(kind_ir, [0] * vector.lanes)
        name = f"llvm.masked.load.{suffix_of(kind_ir)}.p0"
        return call_function(builder, name, kind_ir, pointer, align, mask, zero)

    return vector(kind, array, types.int64, types.int64), lower


def _load_lanes(builder: Any, vector: VectorType, at: Any, count: Any) -> list[Any]:
    lanes = []
    for i in range(vector.lanes):
        slot = cgutils.alloca_once_value(builder, ir.Constant(llvm_item(vector.item), 0))
        with builder.if_then(_when_below(builder, i, count)):
            builder.store(builder.load(at(i)), slot)
        lanes.append(builder.load(slot))
    return lanes


@lowers(stubs.store_first)
@intrinsic
def store_first(_context: Any, array: Any, index: Any, value: Any, count: Any) -> Any:
    if not (isinstance(value, VectorType) and _is_array_of(array, value)):
        return None
    masks = _masks()

    def lower(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        if _by_lanes(array, value):
            at = _lane_pointers(context, builder, array, args[0], args[1])
            for i in range(value.lanes):
                with builder.if_then(_when_below(builder, i, args[3])):
                    builder.store(get_lane(builder, value, args[2], i), at(i))
            return context.get_dummy_value()
        start = _pointer(context, builder, array, args[0], args[1])
        kind_ir = llvm_type(value)
        if not masks:
            whole = builder.bitcast(start, kind_ir.as_pointer())
            _whole_or_lanes(
                builder,
                value.lanes,
                args[3],
                lambda: builder.store(args[2], whole, align=item_bytes(value)),
                lambda i, _: builder.store(
                    builder.extract_element(args[2], builder.trunc(i, I32)),
                    builder.gep(start, [i]),
                ),
            )
            return context.get_dummy_value()
        mask = _first_mask(builder, value.lanes, args[3])
        pointer = builder.bitcast(start, kind_ir.as_pointer())
        align = ir.Constant(I32, item_bytes(value))
        name = f"llvm.masked.store.{suffix_of(kind_ir)}.p0"
        call_function(builder, name, ir.VoidType(), args[2], pointer, align, mask)
        return context.get_dummy_value()

    return types.none(array, types.int64, value, types.int64), lower


@lowers(stubs.prefetch)
@intrinsic
def prefetch(_context: Any, array: Any, index: Any) -> Any:
    if not isinstance(array, types.Array):
        return None

    def lower(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        start = _pointer(context, builder, array, args[0], args[1])
        pointer = builder.bitcast(start, ir.IntType(8).as_pointer())
        read, near, data = (ir.Constant(I32, n) for n in (0, 3, 1))
        call_function(builder, "llvm.prefetch.p0", ir.VoidType(), pointer, read, near, data)
        return context.get_dummy_value()

    return types.none(array, types.int64), lower


@lowers(stubs.gather)
@intrinsic
def gather(_context: Any, array: Any, indices: Any) -> Any:
    if not (isinstance(array, types.Array) and array.layout == "C" and array.ndim == 1):
        return None
    if not (isinstance(indices, VectorType) and indices.item == types.int64):
        return None
    result = indices.of(array.dtype)

    def lower(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        data = arrayobj.make_array(array)(context, builder, value=args[0]).data
        if result.scalar:
            each = [get_lane(builder, indices, args[1], i) for i in range(result.lanes)]
            lanes = [builder.load(builder.gep(data, [index])) for index in each]
            return from_lanes(builder, result, lanes)
        return _gather_lanes(builder, result, data, args[1])

    return result(array, indices), lower


def _gather_lanes(builder: Any, result: VectorType, data: Any, indices: Any) -> Any:
    """Return a masked gather of all lanes, from addresses as numbers."""
    lanes, many = result.lanes, result.of(types.int64)
    start = splat_value(builder, many, builder.ptrtoint(data, ir.IntType(64)))
    size = splat_value(builder, many, ir.Constant(ir.IntType(64), item_bytes(result)))
    addresses = builder.add(start, builder.mul(indices, size))
    wanted = llvm_type(result)
    pointers = builder.inttoptr(
        addresses, ir.VectorType(llvm_item(result.item).as_pointer(), lanes)
    )
    everywhere = ir.Constant(ir.VectorType(I1, lanes), [1] * lanes)
    name = f"llvm.masked.gather.{suffix_of(wanted)}.v{lanes}p0"
    nothing = ir.Constant(wanted, ir.Undefined)
    align = ir.Constant(I32, item_bytes(result))
    return call_function(builder, name, wanted, pointers, align, everywhere, nothing)
