"""Calls of functions over arrays: by a plain loop, and by vectors of any width, at any level."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.ulps.functions import Registered
from zerocross.compiler import Entry, entry, float32_array, float64_array
from zerocross.compiler.callee import Callee
from zerocross.compiler.functions import FUNCTIONS
from zerocross.compiler.primitives.vector import load, store
from zerocross.compiler.primitives.vector_value import VectorKind

__all__ = ["WIDEST", "evaluate", "loop_of", "plain_loop", "run", "vector_loop"]

#: Lanes of the widest vectors that functions are made of.
WIDEST = 16
_ARRAYS = {4: float32_array, 8: float64_array}


def _kind(dtype: Any, lanes: int) -> VectorKind:
    dtype = np.dtype(dtype)
    return VectorKind(f"f{8 * dtype.itemsize}x{lanes}", dtype, lanes)


def _entry(loop: Callable[..., None], function: Any, dtype: Any, lanes: int = 0) -> Entry:
    """Return an entry whose name tells it from those of other functions, types and widths."""
    named = getattr(function, "name", None) or function.__name__
    loop.__name__ = f"{loop.__name__}_{named}_{8 * np.dtype(dtype).itemsize}_{lanes}"
    return entry(*["int64"] * loop.__code__.co_argcount)(loop)


@functools.cache
def vector_loop(kernel: Callee, dtype: Any, arguments: int = 1, lanes: int = WIDEST) -> Entry:
    """Return an entry ``f(x, [x2,] y, count)`` over arrays of a multiple of the lanes.

    Parameters
    ----------
    kernel : Callee
        Takes and returns vectors.
    dtype : dtype
        Of the items.
    arguments : int
        1 or 2.
    lanes : int
        At most `WIDEST`.

    """
    kind, array = _kind(dtype, lanes), _ARRAYS[np.dtype(dtype).itemsize]
    if arguments == 1:

        def of_vectors(first: int, result: int, count: int) -> None:
            x, y = array(first, count), array(result, count)
            for i in range(0, count, lanes):
                store(y, i, kernel(load(kind, x, i)))

        return _entry(of_vectors, kernel, dtype, lanes)

    def of_two_vectors(first: int, second: int, result: int, count: int) -> None:
        x, x2, y = array(first, count), array(second, count), array(result, count)
        for i in range(0, count, lanes):
            store(y, i, kernel(load(kind, x, i), load(kind, x2, i)))

    return _entry(of_two_vectors, kernel, dtype, lanes)


@functools.cache
def plain_loop(function: Callable[..., Any], dtype: Any, arguments: int = 1) -> Entry:
    """Return an entry ``f(x, [x2,] y, count)`` that is a loop as users write it."""
    array = _ARRAYS[np.dtype(dtype).itemsize]
    if arguments == 1:

        def of_items(first: int, result: int, count: int) -> None:
            x, y = array(first, count), array(result, count)
            for i in range(x.size):
                y[i] = function(x[i])

        return _entry(of_items, function, dtype)

    def of_two_items(first: int, second: int, result: int, count: int) -> None:
        x, x2, y = array(first, count), array(second, count), array(result, count)
        for i in range(x.size):
            y[i] = function(x[i], x2[i])

    return _entry(of_two_items, function, dtype)


def loop_of(one: Registered) -> Entry:
    """Return a plain loop of a function, or of vectors where a kernel cannot name it."""
    linked = FUNCTIONS.get(one.name)
    if one.function.python is None or linked is None or linked.kernel is not one.kernel:
        return vector_loop(one.kernel, one.dtype, one.function.arguments)
    return plain_loop(one.function.python, one.dtype, one.function.arguments)


def run(loop: Entry, *arrays: np.ndarray[Any, Any]) -> Any:
    """Return what an entry of this module makes of arrays of one length, whatever that is."""
    count = arrays[0].size
    padded = [np.concatenate([a, np.ones(-count % WIDEST, a.dtype)]) for a in arrays]
    result = np.empty_like(padded[0])
    loop(*(a.ctypes.data for a in (*padded, result)), result.size)
    return result[:count]


def evaluate(one: Registered, *arrays: np.ndarray[Any, Any]) -> Any:
    """Return a function's results for arrays, on the best level."""
    return run(loop_of(one), *arrays)
