"""The lowerings of `primitives.elementary`: calls by C's names, which `linker` makes ours."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.core import types
from numba.extending import intrinsic, overload

from zerocross.compiler.primitives import elementary as stubs
from zerocross.compiler.primitives.lowering.function_call import call_function
from zerocross.compiler.primitives.primitive import Primitive, lowers


def _typed(name: str, values: tuple[Any, ...]) -> Any:
    if not all(isinstance(value, types.Number | types.Boolean) for value in values):
        return None
    single = all(value == types.float32 for value in values)
    item = types.float32 if single else types.float64

    def lower(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        symbol = name + ("f" if single else "")
        return call_function(builder, symbol, args[0].type, *args)

    return item(*([item] * len(values))), lower


@intrinsic
def _cbrt(_context: Any, x: Any) -> Any:
    return _typed("cbrt", (x,))


def _cbrt_of_any(x: Any) -> Any:
    raise NotImplementedError(x)


@overload(_cbrt_of_any, strict=False)
def _choose_cbrt(x: Any) -> Any:
    """Of arrays NumPy's, as Numba has it: `math` and NumPy have one name for both here."""
    if isinstance(x, types.Array):
        return lambda x: np.cbrt(x)
    return lambda x: _cbrt(x)


def _tie(stub: Primitive) -> None:
    if stub is stubs.cbrt:
        lowers(stub)(_cbrt_of_any)
    elif stub is stubs.fmod:

        @lowers(stub)
        @intrinsic
        def of_two(_context: Any, x: Any, y: Any) -> Any:
            return _typed(stub.name, (x, y))

    else:

        @lowers(stub)
        @intrinsic
        def of_one(_context: Any, x: Any) -> Any:
            return _typed(stub.name, (x,))


for _name in stubs.__all__:
    _tie(getattr(stubs, _name))
