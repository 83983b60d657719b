"""The compiled bodies of `compiler.vector`: Numba types and intrinsics.

A vector is an LLVM vector, or, in the scalar flavour, a struct of scalars, so that no
vector instruction can come of it. Everything below is written once for both: `_map`
applies an operation to whole vectors or to lane after lane.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.datamodel import models
from numba.core.imputils import lower_constant
from numba.extending import intrinsic, overload, register_model, typeof_impl
from numba.np import arrayobj
from numba.np.numpy_support import from_dtype

from zerocross.compiler.mode import current_flavour
from zerocross.compiler.primitives.vector import VectorKind

_I32, _I1 = ir.IntType(32), ir.IntType(1)


class VectorType(types.Type):
    """Lanes of one item type; ``scalar`` lanes are kept apart from each other."""

    def __init__(self, item: Any, lanes: int, scalar: bool) -> None:
        self.item, self.lanes, self.scalar = item, lanes, scalar
        super().__init__(f"{'lanes' if scalar else 'vector'}({item} x {lanes})")

    def of(self, item: Any, lanes: int | None = None) -> VectorType:
        """Return the type with another item type or number of lanes."""
        return VectorType(item, lanes or self.lanes, self.scalar)

    @property
    def is_float(self) -> bool:
        return isinstance(self.item, types.Float)


class KindType(types.Type):
    """The type of a `VectorKind` in a kernel: known when compiling, nothing at run time."""

    def __init__(self, item: Any, lanes: int, scalar: bool) -> None:
        self.vector = VectorType(item, lanes, scalar)
        super().__init__(f"kind({self.vector.name})")


@register_model(VectorType)
class VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _llvm_type(kind))


register_model(KindType)(models.OpaqueModel)


def _llvm_item(item: Any) -> Any:
    if item == types.boolean:
        return _I1
    return {types.float32: ir.FloatType(), types.float64: ir.DoubleType()}.get(
        item, ir.IntType(getattr(item, "bitwidth", 0))
    )


def _llvm_type(kind: VectorType) -> Any:
    item = _llvm_item(kind.item)
    if kind.scalar:
        return ir.LiteralStructType([item] * kind.lanes)
    return ir.VectorType(item, kind.lanes)


@typeof_impl.register(VectorKind)
def _typeof_kind(value: VectorKind, _context: Any) -> KindType:
    scalar = current_flavour.get() == "scalar"
    return KindType(from_dtype(value.dtype), value.lanes, scalar)


@lower_constant(KindType)
def _lower_kind(context: Any, _builder: Any, _type: Any, _value: Any) -> Any:
    return context.get_dummy_value()


# --- helpers ------------------------------------------------------------------------------


def _get(builder: Any, kind: VectorType, value: Any, index: int) -> Any:
    if kind.scalar:
        return builder.extract_value(value, index)
    return builder.extract_element(value, ir.Constant(_I32, index))


def _build(builder: Any, kind: VectorType, lanes: list[Any]) -> Any:
    value = ir.Constant(_llvm_type(kind), ir.Undefined)
    for i, item in enumerate(lanes):
        if kind.scalar:
            value = builder.insert_value(value, item, i)
        else:
            value = builder.insert_element(value, item, ir.Constant(_I32, i))
    return value


def _map(
    builder: Any, result: VectorType, operation: Callable[..., Any], inputs: list[tuple[Any, Any]]
) -> Any:
    """Apply an operation of the builder to vectors, or to their lanes one by one."""
    if not result.scalar:
        return operation(*(value for _, value in inputs))
    lanes = [
        operation(*(_get(builder, kind, value, i) for kind, value in inputs))
        for i in range(result.lanes)
    ]
    return _build(builder, result, lanes)


def _suffix(kind: Any) -> str:
    """Return the suffix of an LLVM intrinsic's name, such as ``v8f32``."""
    if isinstance(kind, ir.VectorType):
        return f"v{kind.count}{_suffix(kind.element)}"
    return {"float": "f32", "double": "f64"}.get(str(kind), str(kind))


def _call(builder: Any, name: str, result: Any, *values: Any) -> Any:
    kind = ir.FunctionType(result, [v.type for v in values])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), values)


def _splat(builder: Any, kind: VectorType, item: Any) -> Any:
    if kind.scalar:
        return _build(builder, kind, [item] * kind.lanes)
    one = builder.insert_element(
        ir.Constant(_llvm_type(kind), ir.Undefined), item, ir.Constant(_I32, 0)
    )
    zeros = ir.Constant(ir.VectorType(_I32, kind.lanes), [0] * kind.lanes)
    return builder.shuffle_vector(one, ir.Constant(one.type, ir.Undefined), zeros)


def _pointer(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    view = arrayobj.make_array(array_type)(context, builder, value=array)
    return builder.gep(view.data, [index])


def _item_bytes(kind: VectorType) -> int:
    return int(kind.item.bitwidth) // 8


def _lane_pointers(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    """Return a function from a lane to its pointer, whatever the array's stride."""
    view = arrayobj.make_array(array_type)(context, builder, value=array)
    if array_type.layout == "C":
        start = builder.gep(view.data, [index])
        return lambda lane: builder.gep(start, [ir.Constant(_I32, lane)])
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


# --- memory -------------------------------------------------------------------------------


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
                return _build(builder, vector, lanes)
            start = _pointer(context, builder, array, args[1], args[2])
            size = _item_bytes(vector)
            pointer = builder.bitcast(start, _llvm_type(vector).as_pointer())
            return builder.load(pointer, align=size * vector.lanes if aligned else size)

        return vector(kind, array, types.int64), lower

    return load


load, load_aligned = _make_load(aligned=False), _make_load(aligned=True)


def _make_store(aligned: bool, streaming: bool = False) -> Any:
    @intrinsic
    def store(_context: Any, array: Any, index: Any, value: Any) -> Any:
        if not (isinstance(value, VectorType) and _is_array_of(array, value, not aligned)):
            return None

        def lower(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
            if _by_lanes(array, value):
                at = _lane_pointers(context, builder, array, args[0], args[1])
                for i in range(value.lanes):
                    builder.store(_get(builder, value, args[2], i), at(i))
                return context.get_dummy_value()
            start = _pointer(context, builder, array, args[0], args[1])
            size = _item_bytes(value)
            pointer = builder.bitcast(start, _llvm_type(value).as_pointer())
            done = builder.store(args[2], pointer, align=size * value.lanes if aligned else size)
            if streaming:
                done.set_metadata(
                    "nontemporal", builder.module.add_metadata([ir.Constant(_I32, 1)])
                )
            return context.get_dummy_value()

        return types.none(array, types.int64, value), lower

    return store


store, store_aligned = _make_store(aligned=False), _make_store(aligned=True)
store_streaming = _make_store(aligned=True, streaming=True)


def _when_below(builder: Any, index: int, count: Any) -> Any:
    return builder.icmp_signed("<", ir.Constant(ir.IntType(64), index), count)


def _first_mask(builder: Any, lanes: int, count: Any) -> Any:
    """Return the mask of the lanes below a count."""
    wide = ir.VectorType(ir.IntType(64), lanes)
    steps = ir.Constant(wide, list(range(lanes)))
    one = builder.insert_element(ir.Constant(wide, ir.Undefined), count, ir.Constant(_I32, 0))
    zeros = ir.Constant(ir.VectorType(_I32, lanes), [0] * lanes)
    counts = builder.shuffle_vector(one, ir.Constant(wide, ir.Undefined), zeros)
    return builder.icmp_signed("<", steps, counts)


@intrinsic
def load_first(_context: Any, kind: Any, array: Any, index: Any, count: Any) -> Any:
    if not (isinstance(kind, KindType) and _is_array_of(array, kind.vector)):
        return None
    vector = kind.vector

    def lower(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        if _by_lanes(array, vector):
            at = _lane_pointers(context, builder, array, args[1], args[2])
            return _build(builder, vector, _load_lanes(builder, vector, at, args[3]))
        start = _pointer(context, builder, array, args[1], args[2])
        kind_ir = _llvm_type(vector)
        mask = _first_mask(builder, vector.lanes, args[3])
        pointer = builder.bitcast(start, kind_ir.as_pointer())
        align = ir.Constant(_I32, _item_bytes(vector))
        zero = ir.Constant(kind_ir, [0] * vector.lanes)
        name = f"llvm.masked.load.{_suffix(kind_ir)}.p0"
        return _call(builder, name, kind_ir, pointer, align, mask, zero)

    return vector(kind, array, types.int64, types.int64), lower


def _load_lanes(builder: Any, vector: VectorType, at: Any, count: Any) -> list[Any]:
    lanes = []
    for i in range(vector.lanes):
        slot = cgutils.alloca_once_value(builder, ir.Constant(_llvm_item(vector.item), 0))
        with builder.if_then(_when_below(builder, i, count)):
            builder.store(builder.load(at(i)), slot)
        lanes.append(builder.load(slot))
    return lanes


@intrinsic
def store_first(_context: Any, array: Any, index: Any, value: Any, count: Any) -> Any:
    if not (isinstance(value, VectorType) and _is_array_of(array, value)):
        return None

    def lower(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        if _by_lanes(array, value):
            at = _lane_pointers(context, builder, array, args[0], args[1])
            for i in range(value.lanes):
                with builder.if_then(_when_below(builder, i, args[3])):
                    builder.store(_get(builder, value, args[2], i), at(i))
            return context.get_dummy_value()
        start = _pointer(context, builder, array, args[0], args[1])
        kind_ir = _llvm_type(value)
        mask = _first_mask(builder, value.lanes, args[3])
        pointer = builder.bitcast(start, kind_ir.as_pointer())
        align = ir.Constant(_I32, _item_bytes(value))
        name = f"llvm.masked.store.{_suffix(kind_ir)}.p0"
        _call(builder, name, ir.VoidType(), args[2], pointer, align, mask)
        return context.get_dummy_value()

    return types.none(array, types.int64, value, types.int64), lower


@intrinsic
def prefetch(_context: Any, array: Any, index: Any) -> Any:
    if not isinstance(array, types.Array):
        return None

    def lower(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        start = _pointer(context, builder, array, args[0], args[1])
        pointer = builder.bitcast(start, ir.IntType(8).as_pointer())
        read, near, data = (ir.Constant(_I32, n) for n in (0, 3, 1))
        _call(builder, "llvm.prefetch.p0", ir.VoidType(), pointer, read, near, data)
        return context.get_dummy_value()

    return types.none(array, types.int64), lower


# --- making, taking apart -----------------------------------------------------------------


@intrinsic
def splat(_context: Any, kind: Any, value: Any) -> Any:
    if not (isinstance(kind, KindType) and isinstance(value, types.Number)):
        return None
    vector = kind.vector

    def lower(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return _splat(builder, vector, args[1])

    return vector(kind, vector.item), lower


@intrinsic
def lane(_context: Any, value: Any, index: Any) -> Any:
    if not isinstance(value, VectorType):
        return None

    def lower(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        if not value.scalar:
            return builder.extract_element(args[0], builder.trunc(args[1], _I32))
        slot = cgutils.alloca_once_value(builder, args[0])
        return builder.load(
            builder.gep(builder.bitcast(slot, _llvm_item(value.item).as_pointer()), [args[1]])
        )

    return value.item(value, types.int64), lower


@intrinsic
def with_lane(_context: Any, value: Any, index: Any, item: Any) -> Any:
    if not isinstance(value, VectorType):
        return None

    def lower(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        if not value.scalar:
            return builder.insert_element(args[0], args[2], builder.trunc(args[1], _I32))
        slot = cgutils.alloca_once_value(builder, args[0])
        items = builder.bitcast(slot, _llvm_item(value.item).as_pointer())
        builder.store(args[2], builder.gep(items, [args[1]]))
        return builder.load(slot)

    return value(value, types.int64, value.item), lower


def _literal_indices(indices: Any) -> list[int] | None:
    if not isinstance(indices, types.BaseTuple):
        return None
    values = [getattr(item, "literal_value", None) for item in indices.types]
    return None if None in values else [int(v) for v in values]  # type: ignore[arg-type]


@intrinsic(prefer_literal=True)
def shuffle(_context: Any, a: Any, b: Any, indices: Any) -> Any:
    picked = _literal_indices(indices)
    if not (isinstance(a, VectorType) and a == b and picked):
        return None
    result = a.of(a.item, len(picked))

    def lower(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        if a.scalar:
            both = [_get(builder, a, v, i) for v in args[:2] for i in range(a.lanes)]
            return _build(builder, result, [both[i] for i in picked])
        mask = ir.Constant(ir.VectorType(_I32, len(picked)), picked)
        return builder.shuffle_vector(args[0], args[1], mask)

    return result(a, b, indices), lower


# --- arithmetic ---------------------------------------------------------------------------


def _lanewise(name: str, arity: int, floats_only: bool = True) -> Any:
    """Make an intrinsic that is one LLVM intrinsic on each lane."""

    def typed(values: tuple[Any, ...]) -> Any:
        kind = values[0]
        if not isinstance(kind, VectorType) or any(v != kind for v in values):
            return None
        if floats_only and not kind.is_float:
            return None

        def lower(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
            def operation(*lanes: Any) -> Any:
                return _call(builder, f"{name}.{_suffix(lanes[0].type)}", lanes[0].type, *lanes)

            return _map(builder, kind, operation, [(kind, value) for value in args])

        return kind(*values), lower

    if arity == 1:

        @intrinsic
        def one(_context: Any, a: Any) -> Any:
            return typed((a,))

        return one

    @intrinsic
    def three(_context: Any, a: Any, b: Any, c: Any) -> Any:
        return typed((a, b, c))

    return three


fma = _lanewise("llvm.fma", 3)
multiply_add = _lanewise("llvm.fmuladd", 3)
absolute = _lanewise("llvm.fabs", 1)
square_root = _lanewise("llvm.sqrt", 1)
round_even = _lanewise("llvm.roundeven", 1)


def _make_extreme(symbol: str) -> Any:
    @intrinsic
    def extreme(_context: Any, a: Any, b: Any) -> Any:
        if not isinstance(a, VectorType) or a != b:
            return None

        def lower(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
            compare = builder.fcmp_ordered if a.is_float else builder.icmp_signed

            def operation(x: Any, y: Any) -> Any:
                return builder.select(compare(symbol, x, y), x, y)

            return _map(builder, a, operation, [(a, args[0]), (a, args[1])])

        return a(a, b), lower

    return extreme


minimum, maximum = _make_extreme("<"), _make_extreme(">")


@intrinsic
def select(_context: Any, mask: Any, a: Any, b: Any) -> Any:
    if not (isinstance(mask, VectorType) and isinstance(a, VectorType) and a == b):
        return None

    def lower(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return _map(builder, a, builder.select, [(mask, args[0]), (a, args[1]), (a, args[2])])

    return a(mask, a, b), lower


# --- conversion ---------------------------------------------------------------------------


@intrinsic
def convert(_context: Any, kind: Any, a: Any) -> Any:
    if not (isinstance(kind, KindType) and isinstance(a, VectorType)):
        return None
    if a.lanes != kind.vector.lanes:
        return None
    result = kind.vector

    def lower(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        def operation(x: Any) -> Any:
            wanted = _llvm_item(result.item) if result.scalar else _llvm_type(result)
            return _cast(builder, a, result)(x, wanted)

        return _map(builder, result, operation, [(a, args[1])])

    return result(kind, a), lower


def _cast(builder: Any, a: VectorType, b: VectorType) -> Callable[[Any, Any], Any]:
    if a.item == b.item:
        return lambda x, _wanted: x
    if a.is_float and b.is_float:
        wider = b.item.bitwidth > a.item.bitwidth
        return builder.fpext if wider else builder.fptrunc  # type: ignore[no-any-return]
    if a.is_float:
        return builder.fptosi  # type: ignore[no-any-return]
    if b.is_float:
        return builder.sitofp  # type: ignore[no-any-return]
    wider = b.item.bitwidth > a.item.bitwidth
    return builder.sext if wider else builder.trunc  # type: ignore[no-any-return]


@intrinsic
def saturate(_context: Any, kind: Any, a: Any) -> Any:
    if not (isinstance(kind, KindType) and isinstance(a, VectorType) and a.is_float):
        return None
    result = kind.vector

    def lower(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        def operation(x: Any) -> Any:
            rounded = _call(builder, f"llvm.roundeven.{_suffix(x.type)}", x.type, x)
            return _saturating(builder, rounded, a, result)

        return _map(builder, result, operation, [(a, args[1])])

    return result(kind, a), lower


def _saturating(builder: Any, rounded: Any, a: VectorType, result: VectorType) -> Any:
    """Convert rounded numbers to integers: narrow ones by way of int32, which is quicker."""
    bits = result.item.bitwidth
    wanted = _llvm_item(result.item) if result.scalar else _llvm_type(result)
    if bits >= 32:
        name = f"llvm.fptosi.sat.{_suffix(wanted)}.{_suffix(rounded.type)}"
        return _call(builder, name, wanted, rounded)
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1

    def constant(value: float) -> Any:
        if a.scalar:
            return ir.Constant(rounded.type, value)
        return ir.Constant(rounded.type, [value] * a.lanes)

    number = builder.fcmp_ordered("ord", rounded, rounded)
    clean = builder.select(number, rounded, constant(0.0))
    below = builder.select(builder.fcmp_ordered("<", clean, constant(high)), clean, constant(high))
    inside = builder.select(builder.fcmp_ordered(">", below, constant(low)), below, constant(low))
    middle = _I32 if result.scalar else ir.VectorType(_I32, result.lanes)
    return builder.trunc(builder.fptosi(inside, middle), wanted)


@intrinsic
def bit_cast(_context: Any, kind: Any, a: Any) -> Any:
    if not (isinstance(kind, KindType) and isinstance(a, VectorType)):
        return None
    result = kind.vector
    if result.lanes * _item_bytes(result) != a.lanes * _item_bytes(a):
        return None

    def lower(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        if not a.scalar:
            return builder.bitcast(args[1], _llvm_type(result))
        slot = cgutils.alloca_once_value(builder, args[1])
        return builder.load(builder.bitcast(slot, _llvm_type(result).as_pointer()))

    return result(kind, a), lower


# --- across lanes -------------------------------------------------------------------------


def _make_reduction(combine: Callable[[Any, VectorType, Any, Any], Any]) -> Any:
    @intrinsic
    def reduce(_context: Any, a: Any) -> Any:
        if not isinstance(a, VectorType):
            return None

        def lower(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
            value, count = args[0], a.lanes
            if a.scalar:
                lanes = [_get(builder, a, value, i) for i in range(count)]
                while len(lanes) > 1:
                    half = len(lanes) // 2
                    pairs = zip(lanes[:half], lanes[half:], strict=True)
                    lanes = [combine(builder, a, x, y) for x, y in pairs]
                return lanes[0]
            while count > 1:
                half = count // 2
                low, high = (
                    builder.shuffle_vector(
                        value,
                        value,
                        ir.Constant(ir.VectorType(_I32, half), list(range(k, k + half))),
                    )
                    for k in (0, half)
                )
                value, count = combine(builder, a, low, high), half
            return builder.extract_element(value, ir.Constant(_I32, 0))

        return a.item(a), lower

    return reduce


def _add(builder: Any, kind: VectorType, x: Any, y: Any) -> Any:
    return builder.fadd(x, y) if kind.is_float else builder.add(x, y)


def _make_pick(symbol: str) -> Callable[[Any, VectorType, Any, Any], Any]:
    def pick(builder: Any, kind: VectorType, x: Any, y: Any) -> Any:
        compare = builder.fcmp_ordered if kind.is_float else builder.icmp_signed
        return builder.select(compare(symbol, x, y), x, y)

    return pick


sum_lanes = _make_reduction(_add)
max_lanes = _make_reduction(_make_pick(">"))
min_lanes = _make_reduction(_make_pick("<"))

# --- operators ----------------------------------------------------------------------------

_FLOAT_OPERATIONS = {"add": "fadd", "sub": "fsub", "mul": "fmul", "truediv": "fdiv"}
_INTEGER_OPERATIONS = {
    "add": "add",
    "sub": "sub",
    "mul": "mul",
    "and_": "and_",
    "or_": "or_",
    "xor": "xor",
    "lshift": "shl",
    "rshift": "ashr",
}
_COMPARISONS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}


def _make_binary(name: str) -> Any:
    @intrinsic
    def binary(_context: Any, a: Any, b: Any) -> Any:
        table = _FLOAT_OPERATIONS if a.is_float else _INTEGER_OPERATIONS
        if a != b or name not in table:
            return None

        def lower(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
            operation = getattr(builder, table[name])
            return _map(builder, a, operation, [(a, args[0]), (a, args[1])])

        return a(a, b), lower

    return binary


def _make_comparison(symbol: str) -> Any:
    @intrinsic
    def comparison(_context: Any, a: Any, b: Any) -> Any:
        if a != b:
            return None
        mask = a.of(types.boolean)

        def lower(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
            def operation(x: Any, y: Any) -> Any:
                if not a.is_float:
                    return builder.icmp_signed(symbol, x, y)
                ordered = builder.fcmp_unordered if symbol == "!=" else builder.fcmp_ordered
                return ordered(symbol, x, y)

            return _map(builder, mask, operation, [(a, args[0]), (a, args[1])])

        return mask(a, b), lower

    return comparison


@intrinsic
def _splat_like(_context: Any, like: Any, value: Any) -> Any:
    def lower(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return _splat(builder, like, args[1])

    return like(like, like.item), lower


def _register_operator(name: str, compiled: Any) -> None:
    @overload(getattr(operator, name), strict=False)
    def implement(a: Any, b: Any) -> Any:
        if isinstance(a, VectorType) and isinstance(b, VectorType):
            return lambda a, b: compiled(a, b)
        if isinstance(a, VectorType) and isinstance(b, types.Number):
            return lambda a, b: compiled(a, _splat_like(a, b))
        if isinstance(b, VectorType) and isinstance(a, types.Number):
            return lambda a, b: compiled(_splat_like(b, a), b)
        return None


for _name in {**_FLOAT_OPERATIONS, **_INTEGER_OPERATIONS}:
    _register_operator(_name, _make_binary(_name))
for _name, _symbol in _COMPARISONS.items():
    _register_operator(_name, _make_comparison(_symbol))


@intrinsic
def _negate(_context: Any, a: Any) -> Any:
    def lower(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        operation = builder.fneg if a.is_float else builder.neg
        return _map(builder, a, operation, [(a, args[0])])

    return a(a), lower


@overload(operator.neg, strict=False)
def _overload_negate(a: Any) -> Any:
    if isinstance(a, VectorType):
        return lambda a: _negate(a)
    return None
