"""Calls of a kernel of vectors, and of a plain loop, over arrays, at any level."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from zerocross.compiler import Entry, entry, float32_array, float64_array
from zerocross.compiler.callee import Callee
from zerocross.compiler.primitives.vector import load, store
from zerocross.compiler.primitives.vector_value import VectorKind

__all__ = ["WIDEST_BYTES", "call", "plain_loop", "run", "vector_loop"]

WIDEST_BYTES = 64
_ARRAYS = {4: float32_array, 8: float64_array}


def _kind(dtype: Any, lanes: int) -> VectorKind:
    dtype = np.dtype(dtype)
    return VectorKind(f"f{8 * dtype.itemsize}x{lanes}", dtype, lanes)


@functools.cache
def vector_loop(kernel: Callee, dtype: Any, arguments: int = 1, lanes: int = 0) -> Entry:
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
        By default as many as 64 bytes hold.

    """
    size = np.dtype(dtype).itemsize
    lanes = lanes or WIDEST_BYTES // size
    kind, array = _kind(dtype, lanes), _ARRAYS[size]
    if arguments == 1:

        @entry("int64", "int64", "int64")
        def of_vectors(first: int, result: int, count: int) -> None:
            x, y = array(first, count), array(result, count)
            for i in range(0, count, lanes):
                store(y, i, kernel(load(kind, x, i)))

        return of_vectors

    @entry("int64", "int64", "int64", "int64")
    def of_two_vectors(first: int, second: int, result: int, count: int) -> None:
        x, x2, y = array(first, count), array(second, count), array(result, count)
        for i in range(0, count, lanes):
            store(y, i, kernel(load(kind, x, i), load(kind, x2, i)))

    return of_two_vectors


@functools.cache
def plain_loop(function: Callable[..., Any], dtype: Any, arguments: int = 1) -> Entry:
    """Return an entry ``f(x, [x2,] y, count)`` that is a loop as users write it."""
    array = _ARRAYS[np.dtype(dtype).itemsize]
    if arguments == 1:

        @entry("int64", "int64", "int64")
        def of_items(first: int, result: int, count: int) -> None:
            x, y = array(first, count), array(result, count)
            for i in range(x.size):
                y[i] = function(x[i])

        return of_items

    @entry("int64", "int64", "int64", "int64")
    def of_two_items(first: int, second: int, result: int, count: int) -> None:
        x, x2, y = array(first, count), array(second, count), array(result, count)
        for i in range(x.size):
            y[i] = function(x[i], x2[i])

    return of_two_items


@functools.cache
def _at(loop: Entry, level: str | None) -> Entry:
    return loop.at(level) if level else loop


def run(loop: Entry, *arrays: np.ndarray[Any, Any], level: str | None = None) -> Any:
    """Return what an entry of this module makes of arrays of any one length."""
    count = arrays[0].size
    # Every width divides 64 bytes; what is added is harmless everywhere.
    padded = [np.concatenate([a, np.ones(-count % 16, a.dtype)]) for a in arrays]
    result = np.empty_like(padded[0])
    _at(loop, level)(*(a.ctypes.data for a in (*padded, result)), result.size)
    return result[:count]


def call(kernel: Callee, *arrays: np.ndarray[Any, Any], level: str | None = None) -> Any:
    """Return a kernel's results for arrays, by its widest vectors."""
    return run(vector_loop(kernel, arrays[0].dtype, len(arrays)), *arrays, level=level)

