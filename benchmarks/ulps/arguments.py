"""Where functions are tried: every bit pattern in turn, strata of them, and what is known as hard."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from benchmarks.ulps.functions import Function

__all__ = ["all_patterns", "edges", "sample"]

_Floats = np.ndarray[Any, Any]
#: Where formulas meet, overflow or underflow; of both signs and with their neighbours.
_MEETING = (
    0.0,
    2.0**-1074,
    2.0**-1022,
    2.0**-149,
    2.0**-126,
    *(2.0**k for k in (-60, -54, -53, -30, -28, -25, -24, -13, -12, -8, -3, -2, -1, 0, 1, 2, 7)),
    *(2.0**k for k in (10, 22, 23, 24, 31, 32, 52, 53, 54, 63, 64, 96, 127)),
    *(math.log(2) * k for k in (0.25, 0.5, 1, 1.5)),
    *(math.pi * k for k in (0.25, 0.5, 0.75, 1, 1.5, 2, 3, 100, 1e5)),
    *(0.55, 0.625, 0.75, 1.25, 1.5, 3, 5, 9, 9.01, 9.1, 10, 17, 19, 20, 22, 44, 100, 1e4),
    *(math.sqrt(0.5), math.sqrt(2), 1 / 3, math.e, 0.1, 0.4375, 1.1875, 2.4375),
    *(38.0, 38.53, 45.0, 45.15, 87.34, 88.72, 89.4, 103.97, 104.0, 126.0, 128.0, 149.0, 150.0),
    *(307.65, 308.25, 323.3, 708.4, 709.78, 710.48, 745.13, 1022.0, 1024.0, 1074.0, 1075.0),
    6381956970095103.0 * 2.0**797,  # as near to a multiple of pi/2 as a float64 comes
    16367173.0 * 2.0**72,  # and a float32: Muller, Elementary Functions, 2006, table 11.1
    1e22,
    math.inf,
    math.nan,
)


def all_patterns(block: int, size: int = 1 << 22) -> _Floats:
    """Return float32 by their bits: so many from ``block * size`` on."""
    first = block * size
    return np.arange(first, first + size, dtype=np.uint64).astype(np.uint32).view(np.float32)


def edges(dtype: Any) -> _Floats:
    """Return special values with two neighbours on each side, of both signs."""
    with np.errstate(all="ignore"):
        points = np.array([*_MEETING, float(np.finfo(dtype).max)], dtype)
        found = [points]
        for towards in (np.inf, -np.inf):
            near = points
            for _ in range(2):
                near = np.nextafter(near, np.array(towards, dtype))
                found.append(near)
    positive = np.concatenate(found)
    return np.concatenate([positive, -positive])


def _patterns(dtype: Any, count: int, rng: np.random.Generator) -> _Floats:
    """Return one float out of each of as many equal parts of all bit patterns, in any order."""
    bits = 8 * np.dtype(dtype).itemsize
    unsigned = np.dtype(f"u{bits // 8}")
    step = (1 << bits) // count
    within = rng.integers(0, step, count, dtype=np.uint64)
    found = np.arange(count, dtype=np.uint64) * np.uint64(step) + within
    return rng.permutation(found.astype(unsigned).view(dtype))


def _moderate(dtype: Any, count: int, rng: np.random.Generator) -> _Floats:
    """Return floats of both signs whose logarithms are spread evenly from 2^-30 to 2^11."""
    signs = rng.choice([-1.0, 1.0], count)
    return (signs * np.exp2(rng.uniform(-30, 11, count))).astype(dtype)


def _around_one(dtype: Any, count: int, rng: np.random.Generator) -> _Floats:
    signs = rng.choice([-1.0, 1.0], (2, count))
    return (signs[0] * (1 + signs[1] * np.exp2(rng.uniform(-53, -1, count)))).astype(dtype)


def _useful(function: Function, dtype: Any, count: int, rng: np.random.Generator) -> list[_Floats]:
    return [rng.uniform(low, high, count).astype(dtype) for low, high in function.useful]


def _near_zeros(dtype: Any, count: int, rng: np.random.Generator) -> _Floats:
    """Return the floats next to multiples of a quarter turn."""
    turns = np.rint(np.exp2(rng.uniform(0, 40, count)))
    return (turns * (math.pi / 2)).astype(dtype)


def _parts(count: int, *shares: int) -> list[int]:
    """Return how a count is divided by shares; the first takes what is left."""
    parts = [count * share // sum(shares) for share in shares]
    parts[0] += count - sum(parts)
    return parts


def sample(function: Function, dtype: Any, count: int, seed: int = 0) -> list[_Floats]:
    """Return an array of stratified arguments for each argument of a function.

    Of float32 by default all are drawn from equal parts of all bit patterns; of float64 and of
    two arguments there are too many that tell nothing, and half are from where more happens.
    """
    rng = np.random.default_rng([seed, count, function.arguments])
    if function.arguments == 2:
        return _pairs(function, dtype, count, rng)
    if np.dtype(dtype).itemsize == 4:
        return [_patterns(dtype, count, rng)]
    evenly, moderate, useful, ones, zeros = _parts(count, 8, 3, 3, 1, 1)
    return [
        np.concatenate(
            [
                _patterns(dtype, evenly, rng),
                _moderate(dtype, moderate, rng),
                *_useful(function, dtype, useful, rng),
                _around_one(dtype, ones, rng),
                _near_zeros(dtype, zeros, rng),
            ]
        )
    ]


def _pairs(function: Function, dtype: Any, count: int, rng: np.random.Generator) -> list[_Floats]:
    evenly, moderate, useful, alike, ends, ones, fitting = _parts(count, 6, 3, 2, 2, 1, 1, 1)
    special = edges(dtype)
    near = _patterns(dtype, alike, rng)
    with np.errstate(all="ignore"):
        beside = (near * np.exp2(rng.uniform(-26, 26, alike))).astype(dtype)
        base = np.abs(_patterns(dtype, fitting, rng))
        whole = (1 << 7 if np.dtype(dtype).itemsize == 4 else 1 << 10) * 1.1
        power = (rng.uniform(-whole, whole, fitting) / np.log2(base.astype(np.float64))).astype(
            dtype
        )
    usefully = _useful(function, dtype, useful, rng)
    columns = (
        (_patterns(dtype, evenly, rng), _patterns(dtype, evenly, rng)),
        (_moderate(dtype, moderate, rng), _moderate(dtype, moderate, rng)),
        (usefully[0], usefully[1]),
        (near, beside),
        (rng.choice(special, ends), rng.choice(special, ends)),
        (_around_one(dtype, ones, rng), _moderate(dtype, ones, rng) * np.array(1 << 20, dtype)),
        (base, power),
    )
    return [np.concatenate(column) for column in zip(*columns, strict=True)]
