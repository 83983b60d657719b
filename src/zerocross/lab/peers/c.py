"""C: what a compiler makes of the same algorithm, at ``gcc -O3 -march=native``."""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy.typing as npt

from zerocross.lab.harness import Contestant

__all__ = ["effect", "library"]

_NAME = "C, gcc -O3 -march=native"
_COMPILE = ("gcc", "-O3", "-march=native", "-shared", "-fPIC")


def library(source: Path) -> ctypes.CDLL:
    """Compile a C file and return it as a loaded library.

    Raises
    ------
    subprocess.CalledProcessError
        If gcc refuses it.

    """
    with tempfile.TemporaryDirectory(prefix="zerocross-lab-") as folder:
        made = Path(folder) / source.with_suffix(".so").name
        subprocess.run([*_COMPILE, str(source), "-o", str(made), "-lm"], check=True)
        return ctypes.CDLL(str(made))


def effect(
    function: Any, state: npt.NDArray[Any], source: npt.NDArray[Any], target: npt.NDArray[Any]
) -> Contestant:
    """Return one block of an effect ``f(state, input, output, frames)``.

    Parameters
    ----------
    function : ctypes function
        Of a `library`.
    state : ndarray
        What its struct is made of.
    source, target : ndarray, shape (channels, frames), float32
        A unit of work is one frame.

    """
    function.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_long]
    function.restype = None
    frames = source.shape[1]
    return Contestant(_NAME, _call(function, (state, source, target), frames), calls_in_one=frames)


def _call(function: Any, arrays: tuple[npt.NDArray[Any], ...], frames: int) -> Callable[[], Any]:
    values = (*(array.ctypes.data for array in arrays), frames)

    def run() -> Any:
        assert arrays  # kept alive: C holds their addresses
        return function(*values)

    return run
