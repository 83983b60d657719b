"""FFTW through pyfftw: planned with PATIENT on one thread, and executed without an argument."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyfftw

from zerocross.lab.harness import Contestant

__all__ = ["real_fft"]


def real_fft(x: npt.NDArray[np.float32]) -> tuple[Contestant, npt.NDArray[np.complex64]]:
    """Return the transform of real samples, and the array that its bins are written to."""
    given = pyfftw.empty_aligned(x.size, "float32", n=64)
    out = pyfftw.empty_aligned(x.size // 2 + 1, "complex64", n=64)
    plan = pyfftw.FFTW(given, out, flags=("FFTW_PATIENT",), threads=1)
    given[:] = x
    return Contestant("FFTW PATIENT, execute", plan.execute), out
