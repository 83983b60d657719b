"""The call of a function by its name: LLVM's own operations and C functions alike."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils


def call_function(builder: Any, name: str, result: Any, *values: Any) -> Any:
    """Declare a function of the values' types in the module, and call it."""
    kind = ir.FunctionType(result, [value.type for value in values])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), values)
