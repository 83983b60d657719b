"""Windows for spectra, and their product with samples; the windowed sinc of interpolators."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.compiler import kernel
from zerocross.compiler.primitives.vector import f32_native, lanes_of, load_first, store_first
from zerocross.errors import UsageError
from zerocross.memory import aligned_zeros

__all__ = ["WINDOWS", "apply_window", "design_window", "kaiser_sinc"]

#: Coefficients of the cosine sums, by name. Hann, Hamming: F. J. Harris, 1978. Blackman: alpha
#: 0.16, as the Web Audio specification has it. Flat top: ISO 18431-2, normalised to a peak of 1.
WINDOWS: dict[str, tuple[float, ...]] = {
    "rectangular": (1.0,),
    "hann": (0.5, 0.5),
    "hamming": (0.54, 0.46),
    "blackman": (0.42, 0.5, 0.08),
    "flat_top": (0.21557895, 0.41663158, 0.277263158, 0.083578947, 0.006947368),
}


def design_window(kind: str, size: int, periodic: bool = True) -> npt.NDArray[np.float32]:
    """Return a window.

    Parameters
    ----------
    kind : str
        A key of `WINDOWS`.
    size : int
        Samples, at least 1.
    periodic : bool
        One period of the cosine sum (for spectra), or symmetric (for filters).

    Returns
    -------
    ndarray, shape (size,), float32
        ``w[n] = a0 - a1 cos(2 pi n / N) + a2 cos(4 pi n / N) - ...`` with N the size, or
        one less where symmetric.

    """
    if kind not in WINDOWS or size < 1:
        raise UsageError(f"no window {kind!r} of {size} samples; there are {', '.join(WINDOWS)}")
    period = size if periodic else max(1, size - 1)
    angle = 2 * np.pi * np.arange(size) / period
    terms = [(-1) ** k * a * np.cos(k * angle) for k, a in enumerate(WINDOWS[kind])]
    window = aligned_zeros(size, np.float32)
    window[:] = np.sum(terms, axis=0) if size > 1 else 1.0
    return window


def kaiser_sinc(
    distance: npt.NDArray[np.floating[Any]], reach: float, beta: float
) -> npt.NDArray[np.float64]:
    """Return a sinc under a Kaiser window (J. F. Kaiser, 1974), at distances in samples.

    Parameters
    ----------
    distance : ndarray
        From the middle; up to ``reach``, where the window ends.
    reach : float
        In samples.
    beta : float
        The window's parameter.

    """
    window = np.i0(beta * np.sqrt(1.0 - (distance / reach) ** 2)) / np.i0(beta)
    found: npt.NDArray[np.float64] = np.sinc(distance) * window
    return found


@kernel
def apply_window(x: Any, window: Any, out: Any) -> None:
    """Write ``x * window``.

    Parameters
    ----------
    x, window, out : array, shape (samples,), float32
        Of one length; ``out`` may be ``x``.

    Notes
    -----
    Real-time: safe.

    """
    for i in range(0, x.size, lanes_of(f32_native)):
        left = x.size - i
        a, b = load_first(f32_native, x, i, left), load_first(f32_native, window, i, left)
        store_first(out, i, a * b, left)
