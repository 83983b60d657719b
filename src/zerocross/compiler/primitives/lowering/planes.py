"""The lowering of `primitives.pointer.float32_planes` and `planes_to_read`: rows that lie apart.

Numba knows arrays that are contiguous as a whole, and arrays of any strides, whose rows could then
have any stride as well: loops over them would be slower, and much that takes a contiguous array
would refuse them. `Planes` are of any strides, and typed so that a row is contiguous.
"""

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.core.datamodel import models
from numba.core.typing.arraydecl import SetItemBuffer, get_array_index_type
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, register_model
from numba.np import arrayobj

from zerocross.compiler.primitives import pointer as stubs
from zerocross.compiler.primitives.primitive import lowers

__all__ = ["Planes"]

_I64 = ir.IntType(64)


class Planes(types.Array):
    """The type of float32 rows that lie apart: two dimensions, the last contiguous."""

    # Numba's own rules then leave all indexing to ours below, but that of a single sample.
    slice_is_copy = True

    def __init__(self, readonly: bool = False) -> None:
        name = f"planes(float32{', read only' * readonly})"
        super().__init__(types.float32, 2, "A", readonly=readonly, name=name)

    @property
    def plain(self) -> types.Array:
        """The type that Numba would give it."""
        return types.Array(self.dtype, self.ndim, self.layout, readonly=not self.mutable)

    def copy(
        self,
        dtype: Any = None,
        ndim: int | None = None,
        layout: str | None = None,
        readonly: bool | None = None,
    ) -> types.Array:
        """Return a related type; what iterates asks for its row so."""
        if ndim == 1 and layout is None:
            layout = "C"
        made: types.Array = super().copy(dtype, ndim, layout, readonly)
        return made


register_model(Planes)(models.ArrayModel)


def _is_row(index: Any) -> bool:
    """Return whether an index takes a row, or the part of one without a step."""
    parts = list(index) if isinstance(index, types.BaseTuple) else [index]
    return isinstance(parts[0], types.Integer) and all(
        isinstance(part, types.SliceType) and not part.has_step for part in parts[1:]
    )


@infer_global(operator.getitem)
class _GetItem(AbstractTemplate):
    def generic(self, args: Any, _kws: Any) -> Any:
        planes, index = args
        if not isinstance(planes, Planes):
            return None
        found = get_array_index_type(planes.plain, index)
        result = found.result
        if isinstance(result, types.Array) and result.ndim == 1 and _is_row(found.index):
            result = result.copy(layout="C")
        return signature(result, planes, found.index)


@infer_global(operator.setitem)
class _SetItem(SetItemBuffer):
    def generic(self, args: Any, kws: Any) -> Any:
        planes, index, value = args
        if not isinstance(planes, Planes):
            return None
        found = super().generic((planes.plain, index, value), kws)
        return found and signature(found.return_type, planes, *found.args[1:])


def _planes(made: Planes) -> Any:
    """Return the signature of a primitive that makes planes, and how it does."""

    def lower(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        address, rows, columns, apart = args
        size = ir.Constant(_I64, 4)
        planes = arrayobj.make_array(made)(context, builder)
        arrayobj.populate_array(
            planes,
            data=builder.inttoptr(address, planes.data.type),
            shape=(rows, columns),
            strides=(builder.mul(apart, size), size),
            itemsize=size,
            meminfo=None,
        )
        return planes._getvalue()

    return made(types.int64, types.int64, types.int64, types.int64), lower


@lowers(stubs.float32_planes)
@intrinsic
def float32_planes(_context: Any, _address: Any, _rows: Any, _columns: Any, _apart: Any) -> Any:
    return _planes(Planes())


@lowers(stubs.planes_to_read)
@intrinsic
def planes_to_read(_context: Any, _address: Any, _rows: Any, _columns: Any, _apart: Any) -> Any:
    return _planes(Planes(readonly=True))
