"""Elementary functions: a plain loop of each against NumPy's ufunc and C, and one after another."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.ulps.errors import worst_against_numpy, worst_db
from benchmarks.ulps.functions import BY_NAME, Registered, registered
from zerocross.compiler import Entry, entry, float32_array, float64_array, monotonic_ns, target
from zerocross.lab.harness import Bar, Case, Contestant
from zerocross.lab.peers import find

SAMPLES = 4096
#: What is asked of float64 against NumPy: of the usual ones, and of the others.
USUAL = {"exp", "log", "log10", "sin", "cos", "tanh"}
USUAL_LIMIT, OTHER_LIMIT = 1.2, 2.0
C_LIMIT, SCALAR_LIMIT = 1.3, 1.5
_ARRAYS = {4: float32_array, 8: float64_array}


@functools.cache
def _loop(function: Callable[..., Any], item: np.dtype[Any], arguments: int) -> Entry:
    """Return a plain loop that repeats and times itself."""
    array = _ARRAYS[item.itemsize]
    if arguments == 1:

        @entry("int64", "int64", "int64", "int64")
        def loop_of_one(first, result, count, times):
            x, y = array(first, count), array(result, count)
            started = monotonic_ns()
            for _ in range(times):
                for i in range(x.size):
                    y[i] = function(x[i])
            return monotonic_ns() - started

        return loop_of_one

    @entry("int64", "int64", "int64", "int64", "int64")
    def loop_of_two(first, second, result, count, times):
        x, z, y = array(first, count), array(second, count), array(result, count)
        started = monotonic_ns()
        for _ in range(times):
            for i in range(x.size):
                y[i] = function(x[i], z[i])
        return monotonic_ns() - started

    return loop_of_two


@functools.cache
def _chain(function: Callable[..., Any], item: np.dtype[Any], arguments: int) -> Entry:
    """Return a loop in which each value waits for the one before it; ``none`` is 0."""
    array, number = _ARRAYS[item.itemsize], item.type
    if arguments == 1:

        @entry("int64", "int64", "int64", "int64", "float64")
        def chain_of_one(first, result, count, times, none):
            x, y, zero = array(first, count), array(result, count), number(none)
            started = monotonic_ns()
            for _ in range(times):
                last = number(0.0)
                for i in range(x.size):
                    last = function(x[i] + zero * last)
                    y[i] = last
            return monotonic_ns() - started

        return chain_of_one

    @entry("int64", "int64", "int64", "int64", "int64", "float64")
    def chain_of_two(first, second, result, count, times, none):
        x, z, y = array(first, count), array(second, count), array(result, count)
        zero = number(none)
        started = monotonic_ns()
        for _ in range(times):
            last = number(0.0)
            for i in range(x.size):
                last = function(x[i] + zero * last, z[i])
                y[i] = last
        return monotonic_ns() - started

    return chain_of_two


class Noise:
    """What a function is tried on, and what has to come out.

    Parameters
    ----------
    one : Registered

    """

    def __init__(self, one: Registered) -> None:
        rng = np.random.default_rng(1)
        self.one = one
        self.arrays = [
            rng.uniform(low, high, SAMPLES).astype(one.dtype) for low, high in one.function.useful
        ]
        self.addresses = tuple(array.ctypes.data for array in self.arrays)

    def contestant(self, name: str, run: Callable[[Any, int], int], decimals: float) -> Contestant:
        """Return a contestant that writes to an array of its own.

        Parameters
        ----------
        name : str
        run : callable
            Of the array and how often to fill it; returns the nanoseconds.
        decimals : float
            Errors that it may have, in ulp.

        """
        result = np.zeros(SAMPLES, self.one.dtype)

        def check() -> None:
            result[:] = np.nan
            run(result, 1)
            self._compare(result, decimals)

        return Contestant(name, repeat=lambda times: run(result, times), check=check)

    def _compare(self, result: Any, ulps: float) -> None:
        function = self.one.function
        if function.bound_db is not None:
            assert worst_db(function, self.arrays, result).error <= function.bound_db
        elif self.one.dtype.itemsize == 4:
            assert worst_against_numpy(function, self.arrays, result).error <= ulps, function.name
        else:
            true = function.numpy(*self.arrays)
            assert np.all(np.abs(result - true) <= ulps * np.spacing(np.abs(true)))


def _ours(noise: Noise, name: str, level: str | None = None) -> Contestant:
    function = noise.one.function
    made: list[Entry] = []

    def run(result: Any, times: int) -> int:
        if not made:
            loop = _loop(function.python, noise.one.dtype, function.arguments)
            made.append(loop.at(level) if level else loop)
        return made[0](*noise.addresses, result.ctypes.data, SAMPLES, times)

    return noise.contestant(name, run, 4.5)


def _numpy(noise: Noise) -> Contestant:
    ufunc, arrays = noise.one.function.ufunc, noise.arrays
    result = np.zeros(SAMPLES, noise.one.dtype)
    assert ufunc
    return Contestant(f"np.{ufunc.__name__}(out=)", lambda: ufunc(*arrays, out=result))


def _c_loop(noise: Noise, library: ctypes.CDLL) -> Contestant:
    name = noise.one.name
    repeat = library.repeat_one if len(noise.arrays) == 1 else library.repeat_two
    return _of_c(noise, f"C, libmvec's {name}", repeat, getattr(library, f"loop_{name}"))


def _of_c(noise: Noise, name: str, repeat: Any, function: Any) -> Contestant:
    repeat.restype = ctypes.c_long
    pointer, count = ctypes.cast(function, ctypes.c_void_p), ctypes.c_long(SAMPLES)
    places = [ctypes.c_void_p(address) for address in noise.addresses]

    def run(result: Any, times: int) -> int:
        place = ctypes.c_void_p(result.ctypes.data)
        taken: int = repeat(pointer, *places, place, count, ctypes.c_long(times))
        return taken

    return noise.contestant(name, run, 4.5)


def _chains(noise: Noise, library: ctypes.CDLL) -> list[Contestant]:
    function, name, two = noise.one.function, noise.one.name, len(noise.arrays) == 2
    suffix = "f" if noise.one.dtype.itemsize == 4 else ""

    def run(result: Any, times: int) -> int:
        chain = _chain(function.python, noise.one.dtype, function.arguments)
        return chain(*noise.addresses, result.ctypes.data, SAMPLES, times, 0.0)

    repeat = getattr(library, f"repeat_chain_{'two' if two else 'one'}{suffix}")
    ours = noise.contestant("zerocross, one by one", run, 4.5)
    return [ours, _of_c(noise, f"libm's {name}", repeat, getattr(library, f"chain_{name}"))]


def cases() -> list[Case]:
    known = [one for one in registered() if one.function.python]
    exact = [one for one in known if not one.function.is_fast]
    c = find("c")
    library = c.library(Path(__file__).with_suffix(".c")) if c else None
    found = [_against_numpy(one, None) for one in exact if one.function.ufunc]
    for level in target.available()[:-1]:
        found += [_against_numpy(one, level) for one in exact if one.function.ufunc]
    found += [_fast(one) for one in known if one.function.is_fast]
    if library:
        there = [one for one in exact if hasattr(library, f"loop_{one.name}")]
        found += [_against_c(one, library) for one in there if one.dtype.itemsize == 4]
        found += [_one_by_one(one, library) for one in there]
    return found


def _size(one: Registered) -> str:
    return f"{SAMPLES} f{8 * one.dtype.itemsize}"


def _against_numpy(one: Registered, level: str | None) -> Case:
    noise = Noise(one)
    ours, theirs = _ours(noise, "zerocross loop", level), _numpy(noise)
    limit = 1.0
    if one.dtype.itemsize == 8:
        limit = USUAL_LIMIT if one.function.name in USUAL else OTHER_LIMIT
    work = f"{one.function.name}, plain loop" + (f", {level}" if level else "")
    bars = [] if level else [Bar(theirs.name, limit)]
    return Case(work, _size(one), [ours, theirs], bars)


def _against_c(one: Registered, library: ctypes.CDLL) -> Case:
    noise = Noise(one)
    contestants = [_ours(noise, "zerocross loop"), _c_loop(noise, library)]
    bar = Bar(contestants[1].name, C_LIMIT)
    return Case(f"{one.function.name}, plain loop and C's", _size(one), contestants, [bar])


def _one_by_one(one: Registered, library: ctypes.CDLL) -> Case:
    contestants = _chains(Noise(one), library)
    bar = Bar(contestants[1].name, SCALAR_LIMIT)
    return Case(f"{one.function.name}, each after the last", _size(one), contestants, [bar])


def _fast(one: Registered) -> Case:
    """Return a fast function beside the exact one."""
    noise = Noise(one)
    name = one.function.name.removeprefix("fast_")
    exact = Noise(Registered(BY_NAME[name], one.dtype, one.kernel))
    contestants = [_ours(noise, "zerocross, fast"), _ours(exact, f"zerocross, {name}")]
    return Case(f"{one.function.name}, plain loop", _size(one), contestants, [])
