"""Elementary functions that Python's `math` does not have, or that Numba does not know.

In compiled code they are the kernels of `compiler.elementary`, as `math.sin` and its kin are; of
float32 they give float32, of everything else float64. Loops of them become vectors.

Real-time: all safe.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from zerocross.compiler.primitives.primitive import primitive

__all__ = [
    "cbrt",
    "exp10",
    "fast_cos",
    "fast_exp2",
    "fast_log2",
    "fast_sin",
    "fast_tanh",
    "fmod",
    "rsqrt",
]


def _quiet(function: Any, *values: Any) -> Any:
    """Apply a function of NumPy's to numbers, of float32 in float32, without its warnings."""
    is_single = all(isinstance(value, np.float32) for value in values)
    item = np.float32 if is_single else np.float64
    with np.errstate(all="ignore"):
        return item(function(*(item(value) for value in values)))


@primitive
def cbrt(x: Any) -> Any:
    """Return the cube root of a number, of either sign."""
    return _quiet(np.cbrt, x)


@primitive
def exp10(x: Any) -> Any:
    """Return 10 to the power of a number."""
    return _quiet(lambda y: np.power(type(y)(10.0), y), x)


@primitive
def fmod(x: Any, y: Any) -> Any:
    """Return the remainder of a division that was rounded towards 0: exact, of the sign of `x`."""
    return _quiet(np.fmod, x, y)


@primitive
def rsqrt(x: Any) -> Any:
    """Return one over the square root of a number."""
    return _quiet(lambda y: type(y)(1.0) / np.sqrt(y), x)


@primitive
def fast_exp2(x: Any) -> Any:
    """Return about 2 to the power of a number; how near is in docs/elementary.md."""
    return _quiet(np.exp2, x)


@primitive
def fast_log2(x: Any) -> Any:
    """Return about the binary logarithm of a number; how near is in docs/elementary.md."""
    return _quiet(np.log2, x)


@primitive
def fast_sin(x: Any) -> Any:
    """Return about the sine of an angle in radians; how near is in docs/elementary.md."""
    return _quiet(np.sin, x)


@primitive
def fast_cos(x: Any) -> Any:
    """Return about the cosine of an angle in radians; how near is in docs/elementary.md."""
    return _quiet(np.cos, x)


@primitive
def fast_tanh(x: Any) -> Any:
    """Return about the hyperbolic tangent of a number; how near is in docs/elementary.md."""
    return _quiet(np.tanh, x)
