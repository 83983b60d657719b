"""What each elementary function is: its oracles, its spelling in Python, its bound.

The oracle of float32 is NumPy in float64, that of float64 is MPFR by way of gmpy2, whose results
are rounded rightly at any precision.
"""

from __future__ import annotations

import dataclasses
import importlib
import math
import pkgutil
from collections.abc import Callable
from typing import Any

import gmpy2
import numpy as np

from zerocross.compiler import elementary
from zerocross.compiler.callee import Callee
from zerocross.compiler.functions import FUNCTIONS
from zerocross.compiler.primitives.elementary import (
    cbrt,
    exp10,
    fast_cos,
    fast_exp2,
    fast_log2,
    fast_sin,
    fast_tanh,
    fmod,
    rsqrt,
)

__all__ = ["BY_NAME", "Function", "Registered", "by_name", "modules", "registered"]

Spread = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Function:
    """An elementary function.

    Attributes
    ----------
    name : str
        C's of float64.
    numpy : callable
        Of arrays of float64.
    mpfr : callable
        Of gmpy2's numbers.
    useful : tuple of (float, float)
        For each argument from where to where the noise of the benchmark lies.
    python : callable or None
        What a kernel calls by this name; None where neither `math` nor NumPy has it.
    ufunc : callable or None
        NumPy's, for comparison of times.
    bound : float
        Greatest error of float32, in ulp.
    bound64 : float
        Greatest error of float64, in ulp.
    bound_db : float or None
        For a fast one, in place of those: greatest error within what is useful, in dB of the true
        value, or of 1 where that is less (`errors.worst_db`).

    """

    name: str
    numpy: Callable[..., Any]
    mpfr: Callable[..., Any]
    useful: tuple[Spread, ...]
    python: Callable[..., Any] | None = None
    ufunc: Callable[..., Any] | None = None
    bound: float = 2.0
    bound64: float = 2.0
    bound_db: float | None = None

    @property
    def arguments(self) -> int:
        return len(self.useful)

    @property
    def is_fast(self) -> bool:
        """Whether it is one that is near the truth only in dB."""
        return self.bound_db is not None

    def bound_of(self, dtype: Any) -> float:
        return self.bound if np.dtype(dtype).itemsize == 4 else self.bound64


def _ten_to(x: Any) -> Any:
    return np.power(10.0, x)


def _inverse_root(x: Any) -> Any:
    return 1.0 / np.sqrt(x)


def _inverse_root_mpfr(x: Any) -> Any:
    return 1 / x if x == 0 else gmpy2.rec_sqrt(x)  # C23, F.10.4.9: of -0 it is -infinity


def _power_mpfr(x: Any, y: Any) -> Any:
    return gmpy2.mpfr(1) if x == 1 or y == 0 else x**y


def _half_away(x: Any) -> Any:
    whole = np.trunc(x)
    return np.copysign(whole + np.where(np.abs(x - whole) >= 0.5, np.sign(x), 0.0), x)


_remainder = np.vectorize(
    lambda x, y: math.remainder(x, y) if math.isfinite(x) and y else math.nan, otypes=[np.float64]
)

_AUDIO, _POSITIVE = (-1.0, 1.0), (1e-6, 1e3)

#: All that may be registered.
BY_NAME = {
    function.name: function
    for function in (
        Function("exp", np.exp, gmpy2.exp, ((-10, 10),), math.exp, np.exp, 1),
        Function("exp2", np.exp2, gmpy2.exp2, ((-10, 10),), np.exp2, np.exp2, 1),
        Function("exp10", _ten_to, gmpy2.exp10, ((-5, 5),), exp10, bound=1),
        Function("expm1", np.expm1, gmpy2.expm1, ((-5, 5),), math.expm1, np.expm1, 1),
        Function("log", np.log, gmpy2.log, (_POSITIVE,), math.log, np.log, 1),
        Function("log2", np.log2, gmpy2.log2, (_POSITIVE,), np.log2, np.log2, 1),
        Function("log10", np.log10, gmpy2.log10, (_POSITIVE,), math.log10, np.log10, 1),
        Function("log1p", np.log1p, gmpy2.log1p, ((-0.9, 10),), math.log1p, np.log1p, 1),
        Function("sqrt", np.sqrt, gmpy2.sqrt, (_POSITIVE,), math.sqrt, np.sqrt, 0.5, 0.5),
        Function("rsqrt", _inverse_root, _inverse_root_mpfr, (_POSITIVE,), rsqrt, bound=1),
        Function("cbrt", np.cbrt, gmpy2.cbrt, ((-10, 10),), cbrt, np.cbrt, 1),
        Function("sin", np.sin, gmpy2.sin, ((-50, 50),), math.sin, np.sin, 1),
        Function("cos", np.cos, gmpy2.cos, ((-50, 50),), math.cos, np.cos, 1),
        Function("tan", np.tan, gmpy2.tan, ((-50, 50),), math.tan, np.tan),
        Function("asin", np.arcsin, gmpy2.asin, (_AUDIO,), math.asin, np.arcsin),
        Function("acos", np.arccos, gmpy2.acos, (_AUDIO,), math.acos, np.arccos),
        Function("atan", np.arctan, gmpy2.atan, ((-10, 10),), math.atan, np.arctan),
        Function("sinh", np.sinh, gmpy2.sinh, ((-5, 5),), math.sinh, np.sinh),
        Function("cosh", np.cosh, gmpy2.cosh, ((-5, 5),), math.cosh, np.cosh),
        Function("tanh", np.tanh, gmpy2.tanh, ((-4, 4),), math.tanh, np.tanh),
        Function("asinh", np.arcsinh, gmpy2.asinh, ((-10, 10),), math.asinh, np.arcsinh),
        Function("acosh", np.arccosh, gmpy2.acosh, ((1, 100),), math.acosh, np.arccosh),
        Function("atanh", np.arctanh, gmpy2.atanh, (_AUDIO,), math.atanh, np.arctanh),
        Function("pow", np.power, _power_mpfr, ((0.01, 100), (-3, 3)), math.pow, np.power),
        Function("atan2", np.arctan2, gmpy2.atan2, (_AUDIO, _AUDIO), math.atan2, np.arctan2),
        Function("hypot", np.hypot, gmpy2.hypot, (_AUDIO, _AUDIO), math.hypot, np.hypot),
        Function("fmod", np.fmod, gmpy2.fmod, ((-50, 50), (0.5, 10)), fmod, np.fmod, 0, 0),
        Function(
            "remainder", _remainder, gmpy2.remainder, ((-50, 50), (0.5, 10)), bound=0, bound64=0
        ),
        *(
            Function(name, of_numpy, of_mpfr, ((-50, 50),), bound=0, bound64=0)
            for name, of_numpy, of_mpfr in (
                ("ceil", np.ceil, gmpy2.rint_ceil),
                ("floor", np.floor, gmpy2.rint_floor),
                ("rint", np.rint, gmpy2.rint),
                ("round", _half_away, gmpy2.rint_round),
                ("trunc", np.trunc, gmpy2.rint_trunc),
            )
        ),
        Function("fast_exp2", np.exp2, gmpy2.exp2, ((-10, 10),), fast_exp2, bound_db=-80),
        Function("fast_log2", np.log2, gmpy2.log2, (_POSITIVE,), fast_log2, bound_db=-80),
        Function("fast_sin", np.sin, gmpy2.sin, ((-50, 50),), fast_sin, bound_db=-80),
        Function("fast_cos", np.cos, gmpy2.cos, ((-50, 50),), fast_cos, bound_db=-80),
        Function("fast_tanh", np.tanh, gmpy2.tanh, ((-4, 4),), fast_tanh, bound_db=-80),
    )
}


@dataclasses.dataclass(frozen=True)
class Registered:
    """A function of compiled code, of one item type.

    Attributes
    ----------
    function : Function
    dtype : dtype
    kernel : Callee
        Takes and returns vectors.

    """

    function: Function
    dtype: np.dtype[Any]
    kernel: Callee

    @property
    def name(self) -> str:
        return self.function.name + ("f" if self.dtype.itemsize == 4 else "")

    def __repr__(self) -> str:
        return self.name


def modules() -> list[Any]:
    """Import and return the modules of `zerocross.compiler.elementary`, which register."""
    names = [found.name for found in pkgutil.iter_modules(elementary.__path__)]
    return [importlib.import_module(f"{elementary.__name__}.{name}") for name in names]


def registered() -> list[Registered]:
    """Return the functions of numbers of one type that are registered, by their names."""
    modules()
    alike = [name for name, one in FUNCTIONS.items() if set(one.arguments) == {one.item}]
    return [by_name(name) for name in sorted(alike)]


def by_name(name: str) -> Registered:
    """Return a registered function by C's name of it.

    Raises
    ------
    KeyError
        If there is no oracle for it in `BY_NAME`.

    """
    if name not in FUNCTIONS:
        modules()
    kernel = FUNCTIONS[name].kernel
    is_wide = name in BY_NAME
    function = BY_NAME[name if is_wide else name.removesuffix("f")]
    return Registered(function, np.dtype(np.float64 if is_wide else np.float32), kernel)
