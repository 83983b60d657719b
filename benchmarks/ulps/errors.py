"""Errors in units in the last place.

The unit is that of the true result: the distance of the floats between the powers of two around it,
at least that of the denormal numbers (J.-M. Muller, "On the definition of ulp(x)", 2005). An
infinity counts as the power of two at which the format ends, so that overflow too has an error in
ulp. A NaN, or a sign of zero, that is not as it has to be is an infinite error.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import gmpy2
import numpy as np

from benchmarks.ulps.functions import Function

__all__ = ["Worst", "worst_against_mpfr", "worst_against_numpy", "worst_db"]

_Floats = np.ndarray[Any, Any]
_PIECE = 1 << 16
_EXPONENT = np.int64(0x7FF0_0000_0000_0000)
#: Bits beyond those of float64 that MPFR computes with.
_PRECISION = 120


@dataclasses.dataclass(frozen=True)
class Worst:
    """The largest error that was found, in ulp, its arguments, and among how many."""

    error: float = 0.0
    arguments: tuple[float, ...] = ()
    count: int = 0

    def joined(self, other: Worst) -> Worst:
        """Return the worse one, of both counts together."""
        worse = other if other.error > self.error or not self.arguments else self
        return dataclasses.replace(worse, count=self.count + other.count)


def worst_against_numpy(function: Function, arrays: list[_Floats], got: _Floats) -> Worst:
    """Return the largest error of float32 results against NumPy in float64."""
    worst = Worst()
    for first in range(0, got.size, _PIECE):
        piece = slice(first, first + _PIECE)
        with np.errstate(all="ignore"):
            true = function.numpy(*(a[piece].astype(np.float64) for a in arrays))
            errors = _errors(got[piece], true)
        k = int(errors.argmax())
        where = tuple(float(a[first + k]) for a in arrays)
        worst = worst.joined(Worst(float(errors[k]), where, errors.size))
    return worst


def _errors(got: _Floats, true: _Floats) -> _Floats:
    end = 2.0**128
    kept = np.clip(true, -end, end)
    unit = (kept.view(np.int64) & _EXPONENT).view(np.float64) * 2.0**-23
    unit = np.clip(unit, 2.0**-149, 2.0**104)
    wide = got.astype(np.float64)
    errors = np.abs(np.clip(wide, -end, end) - kept) / unit
    errors[np.isnan(true) & np.isnan(got)] = 0.0
    errors[np.isnan(errors)] = np.inf
    errors[(wide == 0) & (np.signbit(wide) != np.signbit(true)) & ~np.isnan(true)] = np.inf
    return errors


def worst_against_mpfr(function: Function, arrays: list[_Floats], got: _Floats) -> Worst:
    """Return the largest error of results of either type against MPFR."""
    digits, least, end = (24, -149, 128) if got.dtype.itemsize == 4 else (53, -1074, 1024)
    worst, mpfr, true_of = Worst(), gmpy2.mpfr, function.mpfr
    with gmpy2.context(precision=_PRECISION) as context:
        limit = mpfr(2) ** end
        for *arguments, result in zip(*(a.tolist() for a in arrays), got.tolist(), strict=True):
            true = true_of(*map(mpfr, arguments))
            error = _error(true, result, digits, least, limit)
            if error > worst.error or not worst.arguments:
                worst = Worst(error, tuple(arguments))
    assert context
    return dataclasses.replace(worst, count=got.size)


def _error(true: Any, result: float, digits: int, least: int, limit: Any) -> float:
    if gmpy2.is_nan(true) or result != result:
        return 0.0 if gmpy2.is_nan(true) and result != result else math.inf
    if result == 0 and (math.copysign(1.0, result) < 0) != gmpy2.is_signed(true):
        return math.inf
    kept = gmpy2.maxnum(gmpy2.minnum(true, limit), -limit)
    near = gmpy2.maxnum(gmpy2.minnum(gmpy2.mpfr(result), limit), -limit)
    difference = abs(near - kept)
    if not difference:
        return 0.0
    # get_exp's mantissa lies in [1/2, 1).
    unit = max(gmpy2.get_exp(kept) - digits, least) if kept else least
    unit = min(unit, gmpy2.get_exp(limit) - 1 - digits)
    return float(
        gmpy2.mul_2exp(difference, -unit) if unit < 0 else gmpy2.div_2exp(difference, unit)
    )


def worst_db(function: Function, arrays: list[_Floats], got: _Floats) -> Worst:
    """Return the largest error in dB, of the true value where that is above 1 and else of 1."""
    true = function.numpy(*(a.astype(np.float64) for a in arrays))
    errors = np.abs(got.astype(np.float64) - true) / np.maximum(1.0, np.abs(true))
    k = int(np.nan_to_num(errors, nan=np.inf).argmax())
    where = tuple(float(a[k]) for a in arrays)
    error = math.inf if math.isnan(errors[k]) else float(errors[k])
    return Worst(20 * math.log10(error or 2.0**-60), where, got.size)
